"""word2vec's text and binary files: round trips, other tools' files, broken UTF-8, what cannot be written."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hogvec import _core
from hogvec import word2vec_format as module
from hogvec.keyed_vectors import KeyedVectors
from hogvec.vocabulary import Vocabulary
from hypothesis import given, settings
from hypothesis import strategies as st

FORMATS = [pytest.param(False, id="text"), pytest.param(True, id="binary")]
# No ASCII white space, which separates words and rows.
WORDS = st.text(st.characters(codec="utf-8", exclude_characters=" \t\n\v\f\r"), min_size=1, max_size=8)
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def make(words, rows, stride=None):
    rows = np.asarray(rows, np.float32).reshape(len(words), -1)
    table = np.zeros((len(words), stride or rows.shape[1]), np.float32)
    table[:, : rows.shape[1]] = rows
    return KeyedVectors(Vocabulary.from_words(words), table[:, : rows.shape[1]])


def same(a, b):
    assert a.vocabulary.words == b.vocabulary.words
    np.testing.assert_array_equal(a.vectors.view(np.uint32), b.vectors.view(np.uint32))


def load(path, content, **options):
    path = Path(path) / "v.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return KeyedVectors.load_word2vec_format(path, **options)


# Round trips


@pytest.mark.parametrize("binary", FORMATS)
@pytest.mark.parametrize("name", ["v.txt", "v.gz"])
@given(st.lists(WORDS, unique=True, max_size=6), st.integers(1, 4), st.data())
@settings(deadline=None, max_examples=60)
def test_words_and_finite_floats_survive_a_round_trip(tmp_path_factory, binary, name, words, dim, data):
    rows = data.draw(st.lists(FLOATS, min_size=len(words) * dim, max_size=len(words) * dim))
    v = make(words, rows, stride=8) if words else KeyedVectors(Vocabulary.from_words([]), np.empty((0, dim), "f4"))
    path = tmp_path_factory.getbasetemp() / name
    v.save_word2vec_format(path, binary=binary)
    loaded = KeyedVectors.load_word2vec_format(path, binary=binary)
    same(v, loaded)
    assert loaded.vectors.shape == (len(words), dim)
    assert loaded.vocabulary.counts.tolist() == [0] * len(words)


@pytest.mark.parametrize("binary", FORMATS)
def test_extreme_floats_are_exact(tmp_path, binary):
    bits = [0, 1, 0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0x80000000, 0x80000001, 0xFF7FFFFF, 0x3DCCCCCD, 0x4B800001]
    v = make(["a"], np.array(bits, np.uint32).view(np.float32))
    v.save_word2vec_format(tmp_path / "v", binary=binary)
    same(v, KeyedVectors.load_word2vec_format(tmp_path / "v"))


def test_every_kind_of_row_crosses_the_edges_of_chunks(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    v = make([f"word{i}" for i in range(40)], rng.normal(size=(40, 3)))
    for binary in (False, True):
        v.save_word2vec_format(tmp_path / "v", binary=binary)
        v.save_word2vec_format(tmp_path / "v.gz", binary=binary)
        for chunk in (1, 2, 7, 64, 1000):
            monkeypatch.setattr(module, "_CHUNK", chunk)
            same(v, KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary))
            same(v, KeyedVectors.load_word2vec_format(tmp_path / "v.gz"))


def test_text_is_the_shortest_that_reads_back_and_binary_is_what_the_c_tool_writes(tmp_path):
    v = make(["a", "ü"], [[0.1, -2.0, 1e-20], [0.3, 16777216, 0]])
    v.save_word2vec_format(tmp_path / "v")
    assert (tmp_path / "v").read_text() == "2 3\na 0.1 -2 1e-20\nü 0.3 16777216 0\n"
    v.save_word2vec_format(tmp_path / "v", binary=True)
    rows = v.vectors
    assert (tmp_path / "v").read_bytes() == (
        b"2 3\na " + rows[0].tobytes() + b"\n\xc3\xbc " + rows[1].tobytes() + b"\n"
    )


def test_equal_vectors_make_equal_compressed_files(tmp_path):
    v = make(["a"], [1.5])
    for name in ("first.gz", "second.gz"):
        v.save_word2vec_format(tmp_path / name)
    assert (tmp_path / "first.gz").read_bytes() == (tmp_path / "second.gz").read_bytes()
    assert gzip.decompress((tmp_path / "first.gz").read_bytes()) == b"1 1\na 1.5\n"


def test_many_rows_grow_a_table_that_was_guessed_too_small(tmp_path):
    v = make([f"w{i}" for i in range(3000)], np.zeros((3000, 4)))  # compresses better than any guess
    for binary in (False, True):
        v.save_word2vec_format(tmp_path / "v.gz", binary=binary)
        same(v, KeyedVectors.load_word2vec_format(tmp_path / "v.gz"))


# What other tools write


@pytest.mark.parametrize("newline", [b"", b"\n"])
def test_binary_rows_are_read_with_and_without_a_newline(tmp_path, newline):
    rows = np.arange(6, dtype=np.float32).reshape(2, 3)
    content = b"2 3\na " + rows[0].tobytes() + newline + b"b " + rows[1].tobytes() + newline
    v = load(tmp_path, content)
    assert v.vocabulary.words == ["a", "b"]
    np.testing.assert_array_equal(v.vectors, rows)


@pytest.mark.parametrize(
    "content",
    [
        "2 2\na 1 2\nb 3 4\n",
        "2 2\na 1 2\nb 3 4",
        "2 2\na 1 2 \nb 3 4 \n",
        "2 2\r\na 1 2\r\nb 3 4\r\n\r\n",
        "2 2\na\t1\t2\nb  3  +4.0e0\n\n \n",
        "  2   2 \n\na 1. 2\n\nb 3 .4e1\n",
        "a 1 2\nb 3 4\n",
        "a 1 2\nb 3 4",
    ],
)
@pytest.mark.parametrize("binary", [None, False])
def test_text_is_read_in_every_usual_form(tmp_path, content, binary):
    v = load(tmp_path, content, binary=binary)
    assert v.vocabulary.words == ["a", "b"]
    assert v.vectors.tolist() == [[1, 2], [3, 4]]


def test_words_of_a_text_may_hold_spaces_and_numbers(tmp_path):
    v = load(tmp_path, "4 2\nNew York 1 2\n. . . 3 4\n1984 5 6\nagent 007 7 8\n")
    assert v.vocabulary.words == ["New York", ". . .", "1984", "agent 007"]
    assert v.vectors[:, 0].tolist() == [1, 3, 5, 7]
    assert load(tmp_path, "café au lait 1 2\n").vocabulary.words == ["café au lait"]
    assert load(tmp_path, "1 2\ncafé au lait 1 2\n").vocabulary.words == ["café au lait"]


def test_tiny_numbers_are_zero_and_large_ones_refused(tmp_path):
    v = load(tmp_path, "1 3\na 1e-60 -0.0 " + "0." + "0" * 400 + "1\n")
    assert v.vectors.tolist() == [[0, 0, 0]]
    with pytest.raises(ValueError, match="must be a finite float32, got '1e39'"):
        load(tmp_path, "1 1\na 1e39\n")


def test_only_the_first_rows_are_read_when_asked(tmp_path):
    text = "3 2\na 1 2\nb 3 4\nbroken\n"
    assert load(tmp_path, text, limit=2).vocabulary.words == ["a", "b"]
    assert load(tmp_path, "a 1 2\nb 3 4\nbroken\n", limit=1).vocabulary.words == ["a"]
    assert len(load(tmp_path, "1 2\na 1 2\n", limit=10**6)) == 1


def test_a_first_row_decides_between_text_and_binary(tmp_path):
    rows = np.array([[1.0, 2.0]], np.float32)
    assert load(tmp_path, b"1 2\na " + rows.tobytes()).vectors.tolist() == [[1, 2]]
    assert load(tmp_path, b"1 2\n12 " + rows.tobytes() + b"\n").vectors.tolist() == [[1, 2]]
    with pytest.raises(ValueError, match="row 1: number 2 of 2 must be a finite float32, got 'x'"):
        load(tmp_path, b"1 2\na 1 x\n")


# Broken UTF-8

BROKEN = b"2 1\nok 1\nna\xefve 2\n"


def test_broken_utf8_names_the_row_and_the_byte(tmp_path):
    message = r"row 2: the word b'na\\xefve' must be UTF-8, byte 2 \(0xef\) is not \(invalid continuation byte\)"
    with pytest.raises(ValueError, match=message):
        load(tmp_path, BROKEN)
    with pytest.raises(ValueError, match=r"row 1: .* byte 0 "):
        load(tmp_path, b"1 1\n\x80 " + np.float32(1).tobytes(), binary=True)


@pytest.mark.parametrize(
    ("errors", "word"), [("ignore", "nave"), ("replace", "na\ufffdve"), ("surrogateescape", "na\udcefve")]
)
@pytest.mark.parametrize("binary", FORMATS)
def test_broken_utf8_is_handled_as_asked(tmp_path, errors, word, binary):
    content = b"2 1\nok \0\0\0\0na\xefve \0\0\0\0" if binary else BROKEN
    v = load(tmp_path, content, errors=errors)
    assert v.vocabulary.words == ["ok", word]
    if errors == "surrogateescape":
        v.save_word2vec_format(tmp_path / "again", binary=binary)
        assert b"na\xefve " in (tmp_path / "again").read_bytes()


def test_a_word_of_broken_bytes_alone_cannot_be_ignored_away(tmp_path):
    with pytest.raises(ValueError, match="row 1: nothing of the word is left"):
        load(tmp_path, b"1 1\n\xff\xfe 1\n", errors="ignore")


@given(st.lists(st.binary(min_size=1, max_size=6), min_size=1, max_size=4))
@settings(deadline=None)
def test_what_is_utf8_is_what_python_takes_for_it(tmp_path_factory, words):
    words = list({bytes(b for b in word if b not in b" \t\n\v\f\r") or b"x": None for word in words})
    content = b"%d 1\n" % len(words) + b"".join(word + b" 1\n" for word in words)
    try:
        expected = [word.decode() for word in words]
    except UnicodeDecodeError:
        with pytest.raises(ValueError, match="must be UTF-8"):
            load(tmp_path_factory.getbasetemp(), content)
    else:
        assert load(tmp_path_factory.getbasetemp(), content).vocabulary.words == expected


# What cannot be written


@pytest.mark.parametrize("binary", FORMATS)
@pytest.mark.parametrize("word", ["New York", "a\tb", "a\n", "\rb", "a\fb"])
def test_a_word_with_white_space_is_not_written_and_the_old_file_survives(tmp_path, binary, word):
    make(["old"], [1]).save_word2vec_format(tmp_path / "v", binary=binary)
    with pytest.raises(ValueError, match="a word must not be empty or hold white space"):
        make(["first", word], [1, 2]).save_word2vec_format(tmp_path / "v", binary=binary)
    assert KeyedVectors.load_word2vec_format(tmp_path / "v").vocabulary.words == ["old"]
    assert os.listdir(tmp_path) == ["v"]


@pytest.mark.parametrize("binary", FORMATS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_not_written(tmp_path, binary, value):
    with pytest.raises(ValueError, match="the vector of 'b' must be finite to be written, got"):
        make(["a", "b"], [1, value]).save_word2vec_format(tmp_path / "v", binary=binary)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("binary", FORMATS)
def test_a_full_device_is_an_os_error(tmp_path, binary):
    with pytest.raises(OSError, match="No space left"):
        make(["a"], [1]).save_word2vec_format("/dev/full", binary=binary)


# The binding checks what it follows


@pytest.mark.parametrize(
    ("offsets", "message"),
    [([0, 1], "one entry more"), ([0, 5, 1], "ascend"), ([0, 1, 9], "inside letters"), ([-1, 0, 1], "inside letters")],
)
def test_offsets_outside_the_letters_are_refused(offsets, message):
    letters, vectors = np.zeros(3, np.uint8), np.zeros((2, 2), np.float32)
    with pytest.raises(ValueError, match=message):
        _core.format_word2vec_rows(letters, np.array(offsets, np.int64), vectors, binary=False)


def test_arrays_of_another_kind_are_refused_by_the_binding():
    letters, offsets = np.zeros(2, np.uint8), np.array([0, 1, 2])
    with pytest.raises(TypeError):
        _core.format_word2vec_rows(letters, offsets, np.zeros((2, 2)), binary=False)
    with pytest.raises(ValueError, match="contiguous last axis"):
        _core.format_word2vec_rows(letters, offsets, np.zeros((2, 4), np.float32)[:, ::2], binary=False)
    out = np.zeros((1, 2), np.float32)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="writeable"):
        _core.parse_word2vec_rows(b"a 1 2\n", binary=False, out=out, last=True, first_row=1)
    with pytest.raises(TypeError):
        _core.parse_word2vec_rows(b"a 1 2\n", binary=False, out=np.zeros((1, 2)), last=True, first_row=1)
    with pytest.raises(ValueError, match="two axes"):
        _core.parse_word2vec_rows(b"a 1\n", binary=False, out=np.zeros(2, np.float32), last=True, first_row=1)
    with pytest.raises(ValueError, match="dim must be at least 1"):
        _core.parse_word2vec_rows(b"a 1\n", binary=False, out=np.zeros((2, 0), np.float32), last=True, first_row=1)
    with pytest.raises(ValueError, match="contiguous bytes"):
        _core.parse_word2vec_rows(
            memoryview(b"a 1 \n\n")[::2], binary=False, out=np.zeros((1, 1), np.float32), last=True, first_row=1
        )


# Against gensim and other tools' files


@pytest.mark.parametrize("binary", FORMATS)
@pytest.mark.parametrize("name", ["v.txt", "v.txt.gz"])
def test_gensim_reads_what_we_write_and_we_read_what_it_writes(tmp_path, binary, name):
    models = pytest.importorskip("gensim.models")
    rng = np.random.default_rng(4)
    v = make(["the", "naïve", "北海道", "</s>"], rng.normal(size=(4, 5)), stride=16)
    v.save_word2vec_format(tmp_path / name, binary=binary)
    theirs = models.KeyedVectors.load_word2vec_format(tmp_path / name, binary=binary)
    assert theirs.index_to_key == v.vocabulary.words
    np.testing.assert_array_equal(theirs.vectors, v.vectors)
    theirs.save_word2vec_format(tmp_path / f"their_{name}", binary=binary)
    same(v, KeyedVectors.load_word2vec_format(tmp_path / f"their_{name}"))


@pytest.fixture
def interop():
    if "HOGVEC_DATA" not in os.environ:
        pytest.skip("HOGVEC_DATA does not say where the interop files are")
    return Path(os.environ["HOGVEC_DATA"]) / "interop"


def test_a_binary_of_gensim_gives_its_similarities(interop):
    v = KeyedVectors.load_word2vec_format(interop / "euclidean_vectors.bin")
    assert v.vectors.shape == (2747, 10)
    assert v.similarity("war", "conflict") == pytest.approx(0.93305397, abs=1e-6)
    assert [n.word for n in v.most_similar("war", topn=5)] == [
        "conflict", "administration", "terrorism", "call", "israel",
    ]  # fmt: skip


def test_high_precision_text_and_binary_agree(interop):
    text = KeyedVectors.load_word2vec_format(interop / "high_precision.kv.txt")
    binary = KeyedVectors.load_word2vec_format(interop / "high_precision.kv.bin")
    assert text.vocabulary.words == binary.vocabulary.words == ["kangaroo.n.01", "horse.n.01"]
    np.testing.assert_allclose(text.vectors, binary.vectors, rtol=0.05)
    assert text.vectors[0, 0] == np.float32(-0.0007369244245224787)


@pytest.mark.parametrize(
    ("name", "shape", "word"),
    [
        ("crime-and-punishment.vec", (291, 5), "landlady"),
        ("toy-model.vec", (22, 5), "the"),
    ],
)
def test_text_files_of_fasttext_are_read(interop, name, shape, word):
    lines = (interop / name).read_bytes().splitlines()[1:]
    v = KeyedVectors.load_word2vec_format(interop / name)
    assert v.vectors.shape == shape
    by_word = {line.split(b" ")[0].decode(): [float(x) for x in line.split()[1:]] for line in lines}
    assert v.vocabulary.words == list(by_word)
    np.testing.assert_array_equal(v.vectors, np.array(list(by_word.values()), np.float32))
    assert word in v


def test_a_file_that_promises_more_rows_than_it_has_is_read_as_far_as_asked(interop):
    with pytest.raises(ValueError, match="promises 3 rows, the file ends after 1"):
        KeyedVectors.load_word2vec_format(interop / "pretrained.vec")
    v = KeyedVectors.load_word2vec_format(interop / "pretrained.vec", limit=1)
    assert v["dummy"].tolist() == np.array([0.069324, 0.18155, 0.080453, -0.1799, 0.032043], np.float32).tolist()
