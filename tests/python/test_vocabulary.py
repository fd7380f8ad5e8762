"""Vocabulary: order, limits, the mapping, the arrays, word2vec's text form, and its errors."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hogvec.vocabulary import Vocabulary
from hypothesis import given
from hypothesis import strategies as st

ANY_WORD = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


def test_order_is_falling_count_and_then_first_appearance():
    vocabulary = Vocabulary.from_counts(["d", "b", "c", "a"], [2, 5, 5, 1])
    assert list(vocabulary) == ["b", "c", "d", "a"]
    assert vocabulary.counts.tolist() == [5, 5, 2, 1]


def test_min_count_and_max_size_leave_words_out():
    words, counts = ["a", "b", "c", "d"], [1, 4, 3, 2]
    assert Vocabulary.from_counts(words, counts, min_count=2).words == ["b", "c", "d"]
    assert Vocabulary.from_counts(words, counts, max_size=2).words == ["b", "c"]


def test_keep_holds_words_whatever_their_count_and_within_max_size():
    words, counts = ["a", "b", "c", "d"], [1, 4, 3, 2]
    assert Vocabulary.from_counts(words, counts, min_count=3, keep=["a", "unseen"]).words == ["b", "c", "a"]
    assert Vocabulary.from_counts(words, counts, max_size=2, keep=["a"]).words == ["b", "a"]
    with pytest.raises(ValueError, match=r"max_size must be at least the number of words to keep \(2\), got 1"):
        Vocabulary.from_counts(words, counts, max_size=1, keep=["a", "d", "a"])


def test_no_word_left_says_how_many_were_read_and_the_largest_count():
    with pytest.raises(
        ValueError, match=r"min_count 9 leaves no word: 5 words were read, 2 of them distinct, .* count is 3"
    ):
        Vocabulary.from_counts(["a", "b"], [2, 3], min_count=9)


def test_it_is_a_mapping_from_word_to_id():
    vocabulary = Vocabulary.from_words(["x", "y"])
    assert vocabulary["y"] == 1
    assert vocabulary.get("z") is None
    assert vocabulary.get("z", -1) == -1
    assert vocabulary.get("x", -1) == 0
    assert "x" in vocabulary
    assert "z" not in vocabulary
    assert 5 not in vocabulary
    assert "\ud800" not in vocabulary
    assert dict(vocabulary) == {"x": 0, "y": 1} == vocabulary
    assert vocabulary.word(1) == "y"
    assert len(vocabulary) == 2
    with pytest.raises(KeyError, match="z"):
        vocabulary["z"]


@pytest.mark.parametrize("id", [-1, 2, 2**40])
def test_an_id_out_of_range_is_an_index_error(id):
    with pytest.raises(IndexError, match=f"id must be at least 0 and below 2, got {id}"):
        Vocabulary.from_words(["x", "y"]).word(id)


def test_ids_of_many_words_with_minus_one_for_unknown_ones():
    ids = Vocabulary.from_words(["x", "y"]).ids(["y", "q", "x"])
    assert ids.dtype == np.int32
    assert ids.tolist() == [1, -1, 0]
    with pytest.raises(TypeError, match="words must be an iterable of str, got a single str"):
        Vocabulary.from_words(["x"]).ids("xy")
    with pytest.raises(TypeError, match="words must be str, got int"):
        Vocabulary.from_words(["x"]).ids([3])


def test_counts_are_a_read_only_view_that_outlives_the_vocabulary():
    counts = Vocabulary.from_counts(["a"], [2**40]).counts
    assert counts.tolist() == [2**40]
    assert counts.dtype == np.int64
    with pytest.raises(ValueError, match="read-only"):
        counts[0] = 1


@given(st.lists(ANY_WORD, unique=True, max_size=50))
def test_every_word_is_found_and_arrays_and_pickle_round_trip(words):
    vocabulary = Vocabulary.from_words(words)
    assert vocabulary.words == words
    assert vocabulary.ids(words).tolist() == list(range(len(words)))
    assert Vocabulary.from_bytes_arrays(*vocabulary.to_bytes_arrays(), vocabulary.counts) == vocabulary
    assert pickle.loads(pickle.dumps(vocabulary)) == vocabulary


def test_words_that_differ_only_in_trailing_nul_bytes_are_different():
    words = ["a", "a\0", "a\0\0", "abcdefgh", "abcdefgh\0", "abcdefghi"]
    assert Vocabulary.from_words(words).ids(words).tolist() == list(range(6))


def test_a_hundred_thousand_words_are_all_found():
    words = [f"word{i}" for i in range(100_000)]
    vocabulary = Vocabulary.from_words(words)
    assert np.array_equal(vocabulary.ids(words), np.arange(100_000))
    assert not (vocabulary.ids([f"other{i}" for i in range(1000)]) >= 0).any()


def test_bytes_that_are_no_utf8_survive(tmp_path):
    word = b"caf\xe9".decode("utf-8", "surrogateescape")
    vocabulary = Vocabulary.from_counts([word], [3])
    assert vocabulary.words == [word]
    assert vocabulary[word] == 0
    vocabulary.save(tmp_path / "v.txt")
    assert (tmp_path / "v.txt").read_bytes() == b"caf\xe9 3\n"
    assert Vocabulary.load(tmp_path / "v.txt") == vocabulary


def test_the_text_form_is_word2vecs_and_keeps_the_order_of_the_lines(tmp_path):
    path = tmp_path / "v.txt"
    path.write_bytes(b"</s> 0\nthe 10\nof\t4\r\n\na 7")
    vocabulary = Vocabulary.load(path)
    assert vocabulary.words == ["</s>", "the", "of", "a"]
    assert vocabulary.counts.tolist() == [0, 10, 4, 7]
    vocabulary.save(path)
    assert path.read_bytes() == b"</s> 0\nthe 10\nof 4\na 7\n"


@pytest.mark.parametrize("line", ["word", " 5", "a b", "a -1", "a 1.5", "a 1 2", "a 99999999999999999999"])
def test_a_line_that_is_no_word_and_count_is_named(tmp_path, line):
    path = tmp_path / "v.txt"
    path.write_text(f"fine 3\n{line}\n")
    with pytest.raises(ValueError, match=r"v\.txt: each line must be a word, a space and a count, but line 2"):
        Vocabulary.load(path)


def test_saving_a_word_with_whitespace_fails_and_the_old_file_survives(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("old")
    with pytest.raises(ValueError, match="cannot hold a word with whitespace in it, but word 0 is 'New York'"):
        Vocabulary.from_words(["New York"]).save(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["v.txt"]


def test_saving_where_nothing_can_be_written_is_an_os_error(tmp_path):
    vocabulary = Vocabulary.from_words(["a"])
    with pytest.raises(FileNotFoundError):
        vocabulary.save(tmp_path / "missing" / "v.txt")
    with pytest.raises(IsADirectoryError):
        vocabulary.save(tmp_path)


@pytest.mark.parametrize(
    ("words", "counts", "message"),
    [
        (["a", "b", "a"], [1, 1, 1], "words must be distinct, but words 0 and 2 are both 'a'"),
        (["a", ""], [1, 1], "a word must not be empty, but word 1 is"),
        (["a"], [-1], "counts must not be negative, got -1 for word 0"),
        (["a"], [1, 2], r"counts must be as many as words \(1\), got 2"),
    ],
)
def test_wrong_words_and_counts_are_value_errors(words, counts, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary.from_counts(words, counts)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"words": "abc"}, "words must be an iterable of str, got a single str"),
        ({"words": 5}, "words must be an iterable of str, got int"),
        ({"words": ["a", 5]}, "words must be str, got int"),
        ({"keep": "a"}, "keep must be an iterable of str, got a single str"),
        ({"keep": [1]}, "keep must be str, got int"),
        ({"counts": [1.5, 2.0]}, "counts must be signed integers, got float64"),
        ({"min_count": 1.5}, "min_count must be an integer, got 1.5"),
        ({"max_size": "3"}, "max_size must be an integer, got '3'"),
    ],
)
def test_arguments_of_the_wrong_kind_are_type_errors(arguments, message):
    with pytest.raises(TypeError, match=message):
        Vocabulary.from_counts(**{"words": ["a", "b"], "counts": [1, 2], **arguments})


@pytest.mark.parametrize(("name", "value"), [("min_count", 0), ("min_count", -1), ("max_size", 0), ("max_size", -1)])
def test_limits_below_one_are_value_errors(name, value):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got {value}"):
        Vocabulary.from_counts(["a"], [1], **{name: value})


@pytest.mark.parametrize(
    ("letters", "offsets", "counts", "message"),
    [
        (b"abc", [0, 1], [1], r"must run from 0 to the number of letters \(3\), got 0 to 1"),
        (b"abc", [1, 3], [1], "got 1 to 3"),
        (b"abc", [0, 2, 1, 3], [1, 1, 1], "offsets of words must ascend, but fall at word 1"),
        (b"abc", [0, 2**62, -5, 3], [1, 1, 1], "offsets of words must ascend"),
        (b"abc", [0, 3, 3], [1, 1], "a word must not be empty, but word 1 is"),
        (b"abab", [0, 2, 4], [1, 1], "words must be distinct"),
        (b"ab", [0, 2], [1, 1], "one count a word"),
        (b"ab", [], [], "offsets must hold at least one number"),
    ],
)
def test_arrays_that_lie_are_value_errors(letters, offsets, counts, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary.from_bytes_arrays(np.frombuffer(letters, np.uint8), offsets, counts)


def test_arrays_of_the_wrong_dtype_are_type_errors():
    letters = np.frombuffer(b"ab", np.uint8)
    with pytest.raises(TypeError, match="letters must be uint8, got int64"):
        Vocabulary.from_bytes_arrays(letters.astype(np.int64), [0, 2], [1])
    with pytest.raises(TypeError, match="offsets must be signed integers, got float64"):
        Vocabulary.from_bytes_arrays(letters, [0.0, 2.0], [1])


def test_it_cannot_be_made_by_its_constructor():
    with pytest.raises(TypeError, match="from_counts"):
        Vocabulary()


@pytest.mark.parametrize("text", ["", "\n"])
def test_a_file_without_a_word_is_refused(tmp_path, text):
    path = tmp_path / "vocabulary"
    path.write_text(text)
    with pytest.raises(ValueError, match="vocabulary: "):
        Vocabulary.load(path)
