"""Corpus: what it reads, in which order, from what; its file; and clear errors for everything that is wrong.

Long, since every kind of bad input has a test of its own.
"""

from __future__ import annotations

import builtins
import gzip
import itertools
import json
import os
import signal
import struct
import threading
from collections import Counter
from pathlib import Path

import hogvec.corpus
import numpy as np
import pytest
from hogvec import _core
from hogvec.corpus import Corpus
from hogvec.vocabulary import Vocabulary
from hypothesis import given, settings
from hypothesis import strategies as st
from rewritten_files import rewrite

TEXTS = st.lists(
    st.sampled_from(
        [*"ab c\n", "\n", " ", "\t", "\r\n", "\v", "\f", "é", "Ω", "語", "😀", "wörter", "a-rather-long-word"]
    ),
    max_size=200,
).map("".join)


def reference(text, min_count=1, max_size=None, keep=()):
    """The specification in plain Python: words in order, and lines of ids."""
    lines = [line.split() for line in text.encode().split(b"\n")]  # bytes.split: at ASCII whitespace
    counts = Counter(word for line in lines for word in line)  # in order of first appearance
    keep = {word.encode() for word in keep}
    order = sorted((w for w in counts if counts[w] >= min_count or w in keep), key=lambda w: -counts[w])
    if max_size is not None and len(order) > max_size:
        room = max_size - sum(w in keep for w in order)
        frequent = [w for w in order if w not in keep][:room]
        order = [w for w in order if w in keep or w in frequent]
    ids = {word: i for i, word in enumerate(order)}
    lines = [[ids[word] for word in line if word in ids] for line in lines]
    return [word.decode() for word in order], [line for line in lines if line], [counts[w] for w in order]


def sequences(ids, offsets):
    return [ids[a:b].tolist() for a, b in itertools.pairwise(offsets)]


def contents(corpus):
    return corpus.vocabulary.words, sequences(corpus.ids, corpus.offsets), corpus.counts.tolist()


def write(path, data):
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


@pytest.fixture
def text_file(tmp_path):
    return write(tmp_path / "text.txt", "the cat and the dog\n\nand the bird\n")


# --- reading -------------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.integers(1, 40), st.integers(1, 8), st.integers(1, 3))
def test_encoder_agrees_with_plain_python_for_any_block_size_and_thread_count(text, block, threads, min_count):
    data = text.encode()
    expected = reference(text, min_count)
    encoder = _core.Encoder(threads=threads, piece_bytes=1)
    for i in range(0, len(data), block):
        encoder.feed(data[i : i + block])
    encoder.end_file()
    if not expected[0]:
        with pytest.raises(ValueError, match=r"leaves no word|at least one word"):
            encoder.finish(min_count)
        return
    ids, offsets, _, vocabulary, raw_words = encoder.finish(min_count)
    assert vocabulary.words(0, len(vocabulary)) == expected[0]
    assert sequences(ids, offsets) == expected[1]
    assert vocabulary.counts.tolist() == expected[2]
    assert raw_words == len(data.split())


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.integers(1, 8), st.integers(1, 5), st.sets(st.sampled_from(["a", "b", "é", "wörter", "unseen"])))
def test_max_size_and_keep_agree_with_plain_python(text, threads, max_size, keep):
    expected = reference(text, 2, max_size, keep)
    n_kept = len(set(text.encode().split()) & {word.encode() for word in keep})
    encoder = _core.Encoder(threads=threads, piece_bytes=1)
    encoder.feed(text.encode())
    if n_kept > max_size or not expected[0]:
        with pytest.raises(ValueError, match=r"max_size must be at least|leaves no word|at least one word"):
            encoder.finish(2, max_size, keep)
        return
    ids, offsets, _, vocabulary, _ = encoder.finish(2, max_size, keep)
    assert vocabulary.words(0, len(vocabulary)) == expected[0]
    assert sequences(ids, offsets) == expected[1]


@settings(max_examples=50, deadline=None)
@given(TEXTS, st.data())
def test_the_lines_give_the_same_corpus_in_any_number_of_files(tmp_path_factory, text, data):
    text += "\nsome words\n"
    folder = tmp_path_factory.mktemp("files")
    lines = text.encode().split(b"\n")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(lines)), max_size=4)))
    paths = []
    for i, (a, b) in enumerate(zip([0, *cuts], [*cuts, len(lines)], strict=True)):
        paths.append(write(folder / str(i), b"\n".join(lines[a:b])))
    whole = Corpus.from_file(write(folder / "whole", text), min_count=1)
    assert contents(whole) == reference(text)
    assert contents(Corpus.from_file(paths, min_count=1, threads=2)) == contents(whole)


def test_a_line_is_a_sequence_and_an_empty_one_is_none(text_file):
    corpus = Corpus.from_file(text_file, min_count=1)
    assert contents(corpus) == (["the", "and", "cat", "dog", "bird"], [[0, 2, 1, 0, 3], [1, 0, 4]], [3, 2, 1, 1, 1])
    assert corpus.raw_words == len(corpus) == 8
    assert corpus.num_rows == 5
    assert corpus.num_sequences == 2
    assert corpus.ids.dtype == np.int32
    assert corpus.offsets.dtype == np.int64
    assert corpus.counts.dtype == np.int64
    assert set(corpus.seconds) == {"counting", "encoding"}
    assert repr(corpus) == "Corpus(8 tokens in 2 sequences, 5 words)"


def test_dropped_words_count_as_raw_words_and_lines_without_words_vanish(tmp_path):
    corpus = Corpus.from_file(write(tmp_path / "t", "a a\nrare\na b b\n"), min_count=2)
    assert contents(corpus) == (["a", "b"], [[0, 0], [0, 1, 1]], [3, 2])
    assert corpus.raw_words == 6


def test_arrays_of_a_corpus_are_read_only(text_file):
    corpus = Corpus.from_file(text_file, min_count=1)
    for array in (corpus.ids, corpus.offsets, corpus.counts):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_gz_and_zst_give_what_the_plain_file_gives(text_file, tmp_path):
    expected = contents(Corpus.from_file(text_file, min_count=1))
    data = text_file.read_bytes()
    two_members = gzip.compress(data[:10]) + gzip.compress(data[10:])
    assert contents(Corpus.from_file(write(tmp_path / "t.gz", two_members), min_count=1)) == expected
    zstandard = pytest.importorskip("zstandard")
    two_frames = b"".join(zstandard.ZstdCompressor().compress(part) for part in (data[:10], data[10:]))
    assert contents(Corpus.from_file(write(tmp_path / "t.zst", two_frames), min_count=1)) == expected


def test_zst_without_the_package_names_the_extra(text_file, tmp_path, monkeypatch):
    real_import = builtins.__import__

    def no_zstandard(name, *rest, **options):
        if name == "zstandard":
            raise ImportError(name)
        return real_import(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", no_zstandard)
    with pytest.raises(ImportError, match=r"t\.zst needs the zstandard package: pip install 'hogvec\[zstd\]'"):
        Corpus.from_file(write(tmp_path / "t.zst", b"x"))


def test_a_byte_order_mark_is_no_part_of_the_first_word(tmp_path):
    first = write(tmp_path / "1", b"\xef\xbb\xbfword one")
    second = write(tmp_path / "2", b"\xef\xbb\xbfword")
    assert contents(Corpus.from_file([first, second], min_count=1)) == (["word", "one"], [[0, 1], [0]], [2, 1])


def test_with_a_vocabulary_only_its_words_are_encoded(text_file):
    vocabulary = Vocabulary.from_words(["dog", "the", "fish"])
    corpus = Corpus.from_file(text_file, vocabulary=vocabulary)
    assert corpus.vocabulary is vocabulary
    assert sequences(corpus.ids, corpus.offsets) == [[1, 1, 0], [1]]
    assert corpus.counts.tolist() == [1, 3, 0]
    assert corpus.raw_words == 8
    with pytest.raises(ValueError, match="8 words were read, but none of them is in the vocabulary"):
        Corpus.from_file(text_file, vocabulary=Vocabulary.from_words(["fish"]))
    with pytest.raises(ValueError, match="max_size and keep must not be given with a vocabulary"):
        Corpus.from_file(text_file, vocabulary=vocabulary, max_size=3)
    with pytest.raises(TypeError, match="vocabulary must be a Vocabulary, got dict"):
        Corpus.from_file(text_file, vocabulary={"the": 0})


def test_a_line_of_megabytes_and_a_word_of_a_megabyte_are_read_whole(tmp_path):
    word = "x" * 1_000_003
    line = "one two " * 1_300_000
    corpus = Corpus.from_file(write(tmp_path / "t", f"{line}{word} {line}"), min_count=1, threads=2)
    assert corpus.num_sequences == 1
    assert len(corpus) == 5_200_001
    assert corpus.vocabulary.words == ["one", "two", word]
    assert corpus.ids[2_600_000] == 2
    assert np.array_equal(np.delete(corpus.ids, 2_600_000), np.tile([0, 1], 2_600_000))


def test_a_single_word_is_a_corpus_too(tmp_path):
    assert contents(Corpus.from_file(write(tmp_path / "t", "a a"), min_count=2)) == (["a"], [[0, 0]], [2])


def test_a_bar_counts_bytes_when_it_is_asked_for(text_file, capsys):
    Corpus.from_file(text_file, min_count=1, progress=True)
    assert "34.0/34.0" in capsys.readouterr().err
    Corpus.from_file(text_file, min_count=1, progress=None)
    Corpus.from_file(text_file, min_count=1)
    assert capsys.readouterr().err == ""


def test_a_signal_between_blocks_stops_the_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(hogvec.corpus, "_BLOCK_BYTES", 16)
    path = write(tmp_path / "t", "some words " * 1000)

    class Bar:
        n_updates = 0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def update(self, _):
            Bar.n_updates += 1
            if Bar.n_updates == 3:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(hogvec._text_files, "progress_bar", lambda *_, **__: Bar())
    with pytest.raises(KeyboardInterrupt):
        Corpus.from_file(path)
    assert Bar.n_updates == 3


# --- sequences of words --------------------------------------------------------------------------------------------


def test_sequences_may_come_from_a_generator_and_hold_any_str():
    generator = (line for line in [["New York", "a\nb"], (), iter(["a\nb", "\0", "\0\0"]), ["caf\udce9", "語"]])
    corpus = Corpus.from_sequences(generator, min_count=1)
    words = ["a\nb", "New York", "\0", "\0\0", "caf\udce9", "語"]
    assert contents(corpus) == (words, [[1, 0], [0, 2, 3], [4, 5]], [2, 1, 1, 1, 1, 1])


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c d", "é", "a-long-word"]), max_size=6), max_size=30))
def test_sequences_give_what_a_file_of_their_lines_gives(lines):
    lines = [["start"], *([word.replace(" ", "_") for word in line] for line in lines)]
    text = "\n".join(" ".join(line) for line in lines)
    assert contents(Corpus.from_sequences(lines, min_count=1)) == reference(text)


def test_more_words_than_a_batch_in_one_sequence():
    line = [f"w{i % 700}" for i in range(5000)]
    corpus = Corpus.from_sequences([line], min_count=1)
    assert corpus.vocabulary.words[:3] == ["w0", "w1", "w2"]
    assert [corpus.vocabulary.word(i) for i in corpus.ids] == line


def test_sequences_with_a_vocabulary_and_a_bar(capsys):
    corpus = Corpus.from_sequences([["a", "b"]], vocabulary=Vocabulary.from_words(["b"]), progress=True)
    assert corpus.ids.tolist() == [0]
    assert "sequences" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        (
            ["a b", "c"],
            "a sequence must be an iterable of str, got a single str in sequence 0; did you forget to split",
        ),
        ([["a"], b"c"], "a sequence must be an iterable of str, got a single bytes in sequence 1"),
        ("abc", "sequences must be an iterable of lists of str, got str"),
        (5, "sequences must be an iterable of lists of str, got int"),
        ([["a"], 5], "a sequence must be an iterable of str, got int in sequence 1"),
        ([["a"], ["b", 5]], "words must be str, got int in sequence 1; for integer ids there is from_ids"),
        ([[b"a"]], "words must be str, got bytes in sequence 0"),
        ([[None]], "words must be str, got NoneType in sequence 0"),
    ],
)
def test_sequences_of_the_wrong_kind_are_type_errors(sequences, message):
    with pytest.raises(TypeError, match=message):
        Corpus.from_sequences(sequences, min_count=1)


def test_an_empty_word_and_a_surrogate_that_is_no_byte_are_value_errors():
    with pytest.raises(ValueError, match="words must not be empty, got '' in sequence 1"):
        Corpus.from_sequences([["a"], ["b", ""]], min_count=1)
    with pytest.raises(UnicodeEncodeError):
        Corpus.from_sequences([["\ud800"]], min_count=1)


def test_no_sequences_at_all_is_a_value_error():
    with pytest.raises(ValueError, match="sequences: there must be at least one word, got none"):
        Corpus.from_sequences([])


def test_an_exception_of_the_callers_generator_comes_through():
    def broken():
        yield ["a"]
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        Corpus.from_sequences(broken())
    with pytest.raises(TypeError, match="mine"):
        Corpus.from_sequences([_raise_type_error()])


def _raise_type_error():
    yield "a"
    raise TypeError("mine")


# --- ids -----------------------------------------------------------------------------------------------------------


def test_int32_ids_are_kept_without_a_copy_and_never_reordered():
    ids = np.array([3, 0, 3, 1], np.int32)
    corpus = Corpus.from_ids(ids, [0, 2, 2, 4])
    assert np.shares_memory(corpus.ids, ids)
    assert ids.flags.writeable
    assert not corpus.ids.flags.writeable
    assert corpus.ids.tolist() == [3, 0, 3, 1]
    assert corpus.counts.tolist() == [1, 1, 0, 2]
    assert corpus.offsets.tolist() == [0, 2, 2, 4]
    assert corpus.vocabulary is None
    assert corpus.raw_words == 4
    assert Corpus.from_ids(ids, [0, 4], num_ids=6).num_rows == 6


def test_int64_and_strided_ids_are_converted_once():
    ids = np.array([3, 9, 1, 9], np.int64)
    assert Corpus.from_ids(ids, np.array([0, 4], np.int32)).ids.tolist() == [3, 9, 1, 9]
    assert Corpus.from_ids(ids[::2], [0, 2]).ids.tolist() == [3, 1]
    assert Corpus.from_ids(ids.astype(np.int32)[::-2], [0, 2]).ids.tolist() == [9, 9]
    read_only = np.array([1, 0], np.int32)
    read_only.flags.writeable = False
    assert Corpus.from_ids(read_only, [0, 2]).ids.tolist() == [1, 0]


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize(
    ("ids", "num_ids", "message"),
    [
        ([0, 1, -1], None, "ids must be at least 0 and below 2147483647, got -1 at position 2"),
        ([0, 5, 1], 5, "ids must be at least 0 and below 5, got 5 at position 1"),
    ],
)
def test_ids_out_of_range_are_index_errors(dtype, ids, num_ids, message):
    with pytest.raises(IndexError, match=message):
        Corpus.from_ids(np.array(ids, dtype), [0, 3], num_ids=num_ids)


@pytest.mark.parametrize("id", [2**31 - 1, 2**31, 2**40, -(2**40)])
def test_ids_beyond_32_bits_are_index_errors(id):
    with pytest.raises(IndexError, match=f"ids must be at least 0 and below 2147483647, got {id} at position 1"):
        Corpus.from_ids(np.array([1, id]), [0, 2])


def test_ids_with_gaps_larger_than_memory_are_refused_before_they_are_counted(monkeypatch):
    monkeypatch.setattr(hogvec.corpus, "available_memory", lambda: 8 * 1000)
    for options in ({}, {"num_ids": 1001}):
        ids = np.array([0, 1000], dtype=np.int32)
        with pytest.raises(MemoryError, match=r"ids up to 1,000 need 0\.0 GiB for their counts alone, got"):
            Corpus.from_ids(ids, [0, 2] if not options else np.array([0, 2]), **options)
    assert Corpus.from_ids(np.array([0, 999], dtype=np.int32), np.array([0, 2])).num_rows == 1000


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint32, np.uint64, np.int16, np.bool_, object, ">i4"])
def test_ids_and_offsets_of_another_dtype_are_type_errors(dtype):
    with pytest.raises(TypeError, match="ids must be int32 or int64, got "):
        Corpus.from_ids(np.array([1, 0]).astype(dtype), [0, 2])
    with pytest.raises(TypeError, match="offsets must be int32 or int64, got "):
        Corpus.from_ids([1, 0], np.array([0, 2]).astype(dtype))


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ([0, 2, 1, 3], "offsets must ascend, got 1 after 2 at position 2"),
        ([1, 3], r"offsets must run from 0 to the number of ids \(3\), got 1 to 3"),
        ([0, 2], r"offsets must run from 0 to the number of ids \(3\), got 0 to 2"),
        ([0, 4], r"offsets must run from 0 to the number of ids \(3\), got 0 to 4"),
        ([0, -5, 3], "offsets must ascend, got -5 after 0"),
        (np.array([], np.int64), "offsets must run .* got none"),
        ([[0, 3]], "offsets must have one axis, got 2"),
        (3, "offsets must have one axis, got 0"),
    ],
)
def test_wrong_offsets_are_value_errors(offsets, message):
    with pytest.raises(ValueError, match=message):
        Corpus.from_ids([0, 1, 2], offsets)


def test_ids_with_two_axes_or_none_at_all_are_value_errors():
    with pytest.raises(ValueError, match="ids must have one axis, got 2"):
        Corpus.from_ids(np.zeros((2, 2), np.int32), [0, 4])
    with pytest.raises(ValueError, match="ids must hold at least one id, got none"):
        Corpus.from_ids(np.array([], np.int32), [0])


@pytest.mark.parametrize("num_ids", [0, -1, 2**31])
def test_num_ids_out_of_range_is_a_value_error(num_ids):
    with pytest.raises(ValueError, match="num_ids must be at "):
        Corpus.from_ids([0], [0, 1], num_ids=num_ids)


# --- the file of a corpus ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a b c\nb a\n", "a b\na\nb c c"])  # an odd and an even number of tokens
def test_a_saved_corpus_comes_back_mapped_and_safetensors_can_read_it(tmp_path, text):
    corpus = Corpus.from_file(write(tmp_path / "t", text + "\nrare\xff".encode("latin1").decode("latin1")), min_count=1)
    path = tmp_path / "corpus.safetensors"
    corpus.save(path)
    loaded = Corpus.load(path)
    assert contents(loaded) == contents(corpus)
    assert loaded.vocabulary == corpus.vocabulary
    assert loaded.raw_words == corpus.raw_words
    assert not loaded.ids.flags.writeable
    assert not loaded.ids.flags.owndata
    tensors = pytest.importorskip("safetensors.numpy").load_file(path)
    assert np.array_equal(tensors["ids"], corpus.ids)
    assert np.array_equal(tensors["offsets"], corpus.offsets)
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".part"] == []


def test_a_corpus_of_ids_alone_can_be_saved(tmp_path):
    path = tmp_path / "c"
    Corpus.from_ids([4, 0, 2], [0, 0, 3], num_ids=9).save(path)
    loaded = Corpus.load(path)
    assert (loaded.ids.tolist(), loaded.offsets.tolist(), loaded.num_rows, loaded.vocabulary) == (
        [4, 0, 2],
        [0, 0, 3],
        9,
        None,
    )


def test_encode_file_writes_the_very_file_that_save_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(hogvec.corpus, "_BLOCK_BYTES", 64)
    lines = [" ".join(f"w{i * j % 37}" for j in range(i % 9)) for i in range(400)]
    text = write(tmp_path / "t", "\n".join(lines))
    corpus = Corpus.from_file(text, min_count=3)
    corpus.save(tmp_path / "saved")
    encoded = Corpus.encode_file(text, tmp_path / "encoded", min_count=3, threads=3)
    assert (tmp_path / "encoded").read_bytes() == (tmp_path / "saved").read_bytes()
    assert contents(encoded) == contents(corpus)
    assert encoded.seconds["counting"] > 0
    again = Corpus.encode_file(text, tmp_path / "encoded", vocabulary=corpus.vocabulary)
    assert contents(again) == contents(corpus)
    assert sorted(os.listdir(tmp_path)) == ["encoded", "saved", "t"]


def test_a_failing_encode_file_leaves_the_old_file(tmp_path):
    old = write(tmp_path / "old", "precious")
    bad = write(tmp_path / "t", b"fine words\n\xff\n")
    with pytest.raises(ValueError, match="invalid UTF-8 at offset 11"):
        Corpus.encode_file(bad, old, vocabulary=Vocabulary.from_words(["fine"]))
    with pytest.raises(ValueError, match="leaves no word"):
        Corpus.encode_file(write(tmp_path / "u", "a"), old, min_count=2)
    with pytest.raises(ValueError, match="none of them is in the vocabulary"):
        Corpus.encode_file(tmp_path / "u", old, vocabulary=Vocabulary.from_words(["b"]))
    assert old.read_bytes() == b"precious"
    assert sorted(os.listdir(tmp_path)) == ["old", "t", "u"]


def test_a_text_that_changes_between_the_readings_is_a_runtime_error(tmp_path, monkeypatch):
    text = write(tmp_path / "t", "a a b b")
    real_feed = hogvec.corpus.feed_files
    calls = []

    def feed(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            text.write_text("a b b b")
        real_feed(*arguments, **options)

    monkeypatch.setattr(hogvec.corpus, "feed_files", feed)
    with pytest.raises(RuntimeError, match="changed while it was being read"):
        Corpus.encode_file(text, tmp_path / "out", min_count=1)
    assert os.listdir(tmp_path) == ["t"]


def test_a_failing_save_leaves_the_old_file(tmp_path, monkeypatch):
    old = write(tmp_path / "old", "precious")
    corpus = Corpus.from_ids([0], [0, 1])

    def disk_full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space left"):
        corpus.save(old)
    assert old.read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["old"]
    with pytest.raises(FileNotFoundError):
        corpus.save(tmp_path / "missing" / "c")


def _edit(path, edit):
    """Rewrite the header of a corpus file."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    edit(header)
    text = json.dumps(header).encode().ljust(length)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


@pytest.fixture
def corpus_path(tmp_path):
    path = tmp_path / "c"
    Corpus.from_sequences([["a", "b", "a"], ["b"]], min_count=1).save(path)
    return path


def test_every_truncation_of_a_corpus_file_is_a_value_error(corpus_path):
    data = corpus_path.read_bytes()
    for size in [0, 1, 7, 8, 9, 500, 1023, 1024, 1030, *range(1025, len(data), 7), len(data) - 1]:
        rewrite(corpus_path, data[:size])
        with pytest.raises(ValueError, match="must be a whole corpus file"):
            Corpus.load(corpus_path)
    corpus_path.write_bytes(data + b"x")
    with pytest.raises(ValueError, match="its tensors end at byte"):
        Corpus.load(corpus_path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda h: h["ids"].update(dtype="F32"), "tensor ids must be aligned I32 with one axis, got float32"),
        (lambda h: h["ids"].update(shape=[3]), "does not fit its 16 bytes"),
        (lambda h: h["ids"].update(shape=[2, 2]), "tensor ids must be aligned I32 with one axis"),
        (lambda h: h["ids"].update(shape=[4.0]), "impossible shape"),
        (lambda h: h["ids"].update(shape=[-4]), "impossible shape"),
        (lambda h: h["ids"].update(shape=[2**62], data_offsets=[0, 2**64]), "tensor 'ids' lies at"),
        (lambda h: h["offsets"].update(data_offsets=[0, 24]), "overlap or leave a hole"),
        (lambda h: h["ids"].pop("shape"), "must have dtype, shape and data_offsets"),
        (lambda h: h.pop("counts"), "overlap or leave a hole"),
        (lambda h: h.update(more={"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}), "its tensors must be"),
        (lambda h: h["__metadata__"].update(format="other"), "its format must be 'hogvec.corpus', got 'other'"),
        (lambda h: h.update(__metadata__=None), "metadata are not a map"),
        (lambda h: h["__metadata__"].update(version="2"), "its version must be '1', got '2'"),
        (lambda h: h["__metadata__"].update(raw_words="-1"), "raw_words must be a number"),
    ],
)
def test_a_header_that_lies_is_a_value_error(corpus_path, edit, message):
    _edit(corpus_path, edit)
    with pytest.raises(ValueError, match=message):
        Corpus.load(corpus_path)


def test_a_header_nested_too_deeply_is_a_value_error(tmp_path):
    path = tmp_path / "corpus"
    path.write_bytes(struct.pack("<Q", 200_000) + b"[" * 200_000)
    with pytest.raises(ValueError, match="must be a whole corpus file: its header is not JSON"):
        Corpus.load(path)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (1024, struct.pack("<i", 7), "ids must be at least 0 and below 2, got 7 at position 0"),
        (1024, struct.pack("<i", -1), "got -1"),
        (1024, struct.pack("<i", 1), "its counts are not those of its ids"),
        (1024 + 16, struct.pack("<q", 1), "offsets must run from 0"),
        (1024 + 16 + 8, struct.pack("<q", 5), "offsets must ascend"),
        (0, struct.pack("<Q", 2**63), "its header claims"),
        (8, b"[1,2,3]", "must be a whole corpus file"),
        (8, b"\xff\xff", "must be a whole corpus file"),
    ],
)
def test_contents_that_lie_are_value_errors(corpus_path, place, value, message):
    data = bytearray(corpus_path.read_bytes())
    data[place : place + len(value)] = value
    corpus_path.write_bytes(data)
    with pytest.raises(ValueError, match=message):
        Corpus.load(corpus_path)


def test_loading_what_is_missing_or_a_directory_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        Corpus.load(tmp_path / "missing")
    with pytest.raises(IsADirectoryError):
        Corpus.load(tmp_path)


# --- bad input -----------------------------------------------------------------------------------------------------


def test_a_missing_file_and_a_directory_are_os_errors_before_anything_is_read(text_file, tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        Corpus.from_file([text_file, tmp_path / "missing"])
    with pytest.raises(IsADirectoryError):
        Corpus.from_file(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_an_os_error(text_file):
    text_file.chmod(0)
    with pytest.raises(PermissionError):
        Corpus.from_file(text_file)


def test_permission_is_asked_for_before_anything_is_read(text_file, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match=r"text\.txt"):
        Corpus.from_file(text_file)


@pytest.mark.parametrize("data", [b"", b"\n", b" \n\t\n ", b"\xef\xbb\xbf"])
def test_a_file_without_words_is_a_value_error(tmp_path, data):
    with pytest.raises(ValueError, match="t: there must be at least one word, got none"):
        Corpus.from_file(write(tmp_path / "t", data), min_count=1)


def test_nothing_left_says_how_many_words_were_read_and_the_largest_count(text_file):
    with pytest.raises(ValueError, match=r"text\.txt: min_count 5 leaves no word: 8 words .* the largest count is 3"):
        Corpus.from_file(text_file)


@pytest.mark.parametrize("block", [1, 4, 1 << 20])
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("errors", ["strict", "replace", "surrogateescape"])
def test_a_nul_byte_is_a_value_error_with_its_offset(tmp_path, monkeypatch, block, threads, errors):
    monkeypatch.setattr(hogvec.corpus, "_BLOCK_BYTES", block)
    path = write(tmp_path / "t", b"some text\nand \0 then")
    with pytest.raises(ValueError, match=r"t: NUL byte at offset 14; is this a binary or UTF-16 file\?"):
        Corpus.from_file(path, threads=threads, encoding_errors=errors)


def test_a_utf16_file_is_taken_for_what_it_is(tmp_path):
    with pytest.raises(ValueError, match="NUL byte at offset 3; is this a binary or UTF-16 file"):
        Corpus.from_file(write(tmp_path / "t", "some text".encode("utf-16")))


@pytest.mark.parametrize("broken", [b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80"])
@pytest.mark.parametrize("block", [1, 5, 1 << 20])
@pytest.mark.parametrize("threads", [1, 3])
def test_broken_utf8_is_a_value_error_with_its_offset_and_a_way_out(tmp_path, monkeypatch, broken, block, threads):
    monkeypatch.setattr(hogvec.corpus, "_BLOCK_BYTES", block)
    first = write(tmp_path / "first", "fine é")
    path = write(tmp_path / "t", "été x".encode() + broken + b" more\n")
    with pytest.raises(
        ValueError, match=r't: invalid UTF-8 at offset 7; encoding_errors="replace", "ignore" or "surrog'
    ):
        Corpus.from_file([first, path], min_count=1, threads=threads)


@pytest.mark.parametrize("block", [1, 1 << 20])
def test_broken_utf8_is_replaced_ignored_or_kept_when_asked(tmp_path, monkeypatch, block):
    monkeypatch.setattr(hogvec.corpus, "_BLOCK_BYTES", block)
    path = write(tmp_path / "t", b"caf\xe9 \xe2\x82 caf\xc3\xa9 \xff")

    def words(errors):
        return Corpus.from_file(path, min_count=1, encoding_errors=errors).vocabulary.words

    assert words("replace") == ["\ufffd", "caf\ufffd", "café"]
    assert words("ignore") == ["caf", "café"]
    assert words("surrogateescape") == ["caf\udce9", "\udce2\udc82", "café", "\udcff"]


def test_every_text_that_python_decodes_passes_and_no_other():
    leads = (0x41, 0xC2, 0xE0, 0xE1, 0xED, 0xF0, 0xF1, 0xF4, 0xF5)
    samples = itertools.product(leads, range(0x7E, 0xC2), (0x41, 0x80, 0xBF, 0xC0), (0x41, 0x80, 0xBF))
    for sample in map(bytes, samples):
        encoder = _core.Encoder()
        try:
            sample.decode()
        except UnicodeDecodeError as error:
            with pytest.raises(ValueError, match=f"invalid UTF-8 at offset {error.start};"):
                encoder.feed(sample + b"\n")
        else:
            encoder.feed(sample + b"\n")


@pytest.mark.parametrize("cut", [1, 8, 30, -9, -1])
def test_a_truncated_gz_is_an_os_error(tmp_path, cut):
    path = write(tmp_path / "t.gz", gzip.compress(b"some words " * 1000)[:cut])
    with pytest.raises(OSError, match=r"t\.gz: corrupt or truncated compressed file"):
        Corpus.from_file(path)


def test_a_corrupt_gz_is_an_os_error(tmp_path):
    good = gzip.compress(os.urandom(1000).hex().encode())
    for data in (b"no gzip at all", good[:200] + b"\0\0\0\0" + good[204:], good + b"rest"):
        with pytest.raises(OSError, match=r"t\.gz: corrupt or truncated compressed file"):
            Corpus.from_file(write(tmp_path / "t.gz", data), min_count=1)


def test_a_truncated_or_corrupt_zst_is_an_os_error(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    good = zstandard.ZstdCompressor().compress(b"some words " * 1000)
    for data in (good[:-3], good[:5], b"no zstandard", good + b"rest"):
        with pytest.raises(OSError, match=r"t\.zst: corrupt or truncated compressed file"):
            Corpus.from_file(write(tmp_path / "t.zst", data), min_count=1)


@pytest.mark.parametrize(
    ("paths", "kind", "message"),
    [
        ([], ValueError, "paths must name at least one file, got none"),
        (5, TypeError, "paths must be a str, a PathLike or an iterable of them, got int"),
        (b"t", TypeError, "paths must be a str, a PathLike or an iterable of them, got bytes"),
        (None, TypeError, "paths must be a str, a PathLike or an iterable of them, got NoneType"),
        ([5], TypeError, "a path must be a str or a PathLike of str, got int"),
        ([b"t"], TypeError, "a path must be a str or a PathLike of str, got bytes"),
    ],
)
def test_paths_that_are_none_are_errors(paths, kind, message):
    with pytest.raises(kind, match=message):
        Corpus.from_file(paths)


@pytest.mark.parametrize("name", ["min_count", "max_size", "threads"])
@pytest.mark.parametrize("value", [0, -1, 2**70])
def test_numbers_out_of_range_are_value_errors(text_file, name, value):
    with pytest.raises(ValueError, match=f"{name} must be at (least 1|most [0-9]+), got {value}"):
        Corpus.from_file(text_file, **{name: value})


@pytest.mark.parametrize("name", ["min_count", "max_size", "threads"])
@pytest.mark.parametrize("value", [1.5, "3", True, [1]])
def test_numbers_of_the_wrong_kind_are_type_errors(text_file, name, value):
    with pytest.raises(TypeError, match=f"{name} must be an integer, got "):
        Corpus.from_file(text_file, **{name: value})


def test_other_arguments_are_checked_too(text_file):
    with pytest.raises(
        ValueError, match="encoding_errors must be one of 'strict', 'replace', 'ignore', 'surrogateescape', got"
    ):
        Corpus.from_file(text_file, encoding_errors="bogus")
    with pytest.raises(TypeError, match="progress must be True, False or None, got 1"):
        Corpus.from_file(text_file, progress=1)
    with pytest.raises(TypeError, match="keep must be an iterable of str, got a single str"):
        Corpus.from_file(text_file, keep="the")
    with pytest.raises(TypeError, match="from_file"):
        Corpus()


def test_an_encoder_used_by_two_threads_at_once_raises_and_does_not_corrupt():
    encoder = _core.Encoder()
    block = b"some words to count " * 200_000
    errors = []
    barrier = threading.Barrier(4)

    def work():
        barrier.wait()
        for _ in range(5):
            try:
                encoder.feed(block)
            except RuntimeError as error:
                errors.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(errors) <= {"an encoder must be used by one thread at a time, but another is using it"}
    raw_words = encoder.finish()[4]
    assert raw_words == 800_000 * (20 - len(errors))


def test_a_generator_that_uses_the_encoder_it_feeds_does_no_harm():
    encoder = _core.Encoder()

    def lines():
        yield ["a"]
        encoder.add_sequences([["b"]])
        yield ["c"]

    encoder.add_sequences(lines())
    ids, offsets, *_ = encoder.finish()
    assert sequences(ids, offsets) == [[0], [1], [2]]


@pytest.mark.skipif("HOGVEC_DATA" not in os.environ, reason="HOGVEC_DATA names no folder of real texts")
def test_real_texts_agree_with_plain_python():
    for name in ("russian-6mb.txt.gz", "chinese-6mb.txt.gz", "enwiki-cased-12mb.txt.gz"):
        path = Path(os.environ["HOGVEC_DATA"]) / "text" / name
        text = gzip.decompress(path.read_bytes()).decode()
        assert contents(Corpus.from_file(path, threads=2)) == reference(text, 5)
