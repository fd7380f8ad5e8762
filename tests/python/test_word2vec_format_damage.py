"""word2vec files that are cut short, altered, or lie: refused with a reason, and never with much memory."""

from __future__ import annotations

import gzip
import struct
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hogvec.keyed_vectors import KeyedVectors
from hogvec.vocabulary import Vocabulary
from rewritten_files import rewrite

FORMATS = [pytest.param(False, id="text"), pytest.param(True, id="binary")]


def make(words, rows, stride=None):
    rows = np.asarray(rows, np.float32).reshape(len(words), -1)
    table = np.zeros((len(words), stride or rows.shape[1]), np.float32)
    table[:, : rows.shape[1]] = rows
    return KeyedVectors(Vocabulary.from_words(words), table[:, : rows.shape[1]])


def load(path, content, **options):
    path = Path(path) / "v.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return KeyedVectors.load_word2vec_format(path, **options)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "it is empty"),
        ("\n", "first line must be 'rows dim'"),
        ("2\na 1\n", "first line must be 'rows dim', got b'2"),
        ("-1 5\na 1\n", "first line must be 'rows dim'"),
        ("1 -5\na 1\n", "first line must be 'rows dim'"),
        ("1.5 2\na 1 2\n", "first line must be 'rows dim'"),
        ("hello world\n", "first line must be 'rows dim'"),
        ("1 0\na\n", "at least 1 dimension, got 0"),
        ("9" * 5000 + " 1\na 1\n", "first line must be 'rows dim'"),
        ("3 2\na 1 2\nb 3 4\n", "promises 3 rows, the file ends after 2"),
        ("1 2\na 1 2\nb 3 4\n", "promises 1 rows, the file goes on after them: b'b 3 4"),
        ("0 2\na 1 2\n", "promises 0 rows, the file goes on"),
        ("2 2\na 1 2\nb 3\n", "row 2 must have a word and 2 numbers, got 2 fields in 'b 3'"),
        ("2 2\na 1 2\n 3 4\n", "row 2 must begin with a word"),
        ("1 2\na 1 nan\n", "row 1: number 2 of 2 must be a finite float32, got 'nan'"),
        ("1 2\na inf 1\n", "number 1 of 2 must be a finite float32, got 'inf'"),
        ("1 2\na 0x1p3 1\n", "got '0x1p3'"),
        ("1 2\na 1,5 1\n", "got '1,5'"),
        ("1 2\na +-1 1\n", "got '\\+-1'"),
        ("2 1\na 1\na 2\n", "words must be distinct, but words 0 and 1 are both 'a'"),
        ("2 1\na 1 1\nb 2 2\n", "dim 1, but every row has more numbers"),
        ("2 3\na 1 1\nb 2 2\n", "row 1 must have a word and 3 numbers"),
    ],
)
def test_a_text_that_is_not_what_it_says_is_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        load(tmp_path, content)


ONE = np.float32(1).tobytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"2 1\na " + ONE, "promises 2 rows of dim 1, the file has 10 bytes"),
        (b"2 1\na " + ONE + b"longer ", "row 2 is cut short"),
        (b"2 1\na " + ONE + b"\n\n\n\n\n\n", "promises 2 rows, the file ends after 1"),
        (b"1 1\na " + ONE + b"b " + ONE, "goes on after them"),
        (b"1 1\n " + ONE + b"b " + ONE, "row 1 must begin with a word, got a space"),
        (b"1 1\na " + np.float32(np.nan).tobytes(), r"row 1 \('a'\): number 1 of 1 must be finite, got nan"),
        (b"2 1\na " + ONE + b"a " + ONE, "distinct"),
        (b"a " + ONE + b"b " + ONE, "first line must be 'rows dim'"),
        (b"1 1\n" + b"a" * 100, "row 1 is cut short"),
    ],
)
def test_a_binary_that_is_not_what_it_says_is_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        load(tmp_path, content, binary=True)


@pytest.mark.parametrize("name", ["v", "v.gz"])
@pytest.mark.parametrize("header", [b"%d 1" % 10**12, b"1 %d" % 10**12, b"%d %d" % (10**17, 10**17), b"0 %d" % 10**17])
@pytest.mark.parametrize("binary", [None, False, True])
def test_a_lying_header_allocates_nothing(tmp_path, name, header, binary):
    content = header + b"\n" + b"a 1 2 3\n" * 100
    (tmp_path / name).write_bytes(gzip.compress(content) if name == "v.gz" else content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"promises|cut short"):
            KeyedVectors.load_word2vec_format(tmp_path / name, binary=binary)
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_a_row_without_an_end_is_not_read_to_the_end(tmp_path, monkeypatch):
    with open(tmp_path / "v", "wb") as file:
        file.write(b"2 1\na 1\n")
        file.truncate(100 << 20)  # zeros, a hole on the disk
    for binary in (False, True):
        with pytest.raises(ValueError, match=r"row \d"):
            KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary)


def small_files():
    v = make(["a", "bc", "ü"], [[0.5, -1.25], [1e-7, 3], [0.1, 2]])
    for name, binary in (("v.txt", False), ("v.bin", True), ("v.txt.gz", False), ("v.bin.gz", True)):
        yield pytest.param(v, name, binary, id=name)


def try_to_load(path, v, content):
    rewrite(path, content)
    for binary in (None, False, True):
        try:
            loaded = KeyedVectors.load_word2vec_format(path, binary=binary)
        except (ValueError, OSError):
            continue
        assert np.isfinite(loaded.vectors).all()
        assert loaded.vectors.nbytes < 100_000
        assert len(loaded.vocabulary) == len(loaded.vectors)


@pytest.mark.parametrize(("v", "name", "binary"), list(small_files()))
def test_every_truncation_and_mutation_loads_finite_values_or_is_refused(tmp_path, v, name, binary):
    path = tmp_path / name
    v.save_word2vec_format(path, binary=binary)
    content = path.read_bytes()
    for length in range(len(content)):
        try_to_load(path, v, content[:length])
    for field in (0, 0xFFFFFFFF, 0x7F800000, 0x31313131, 0x20202020, 0x0A0A0A0A):
        for position in range(len(content) - 3):
            try_to_load(path, v, content[:position] + struct.pack("<I", field) + content[position + 4 :])


@pytest.mark.parametrize("binary", FORMATS)
def test_a_compressed_file_cut_short_is_refused(tmp_path, binary):
    v = make([f"w{i}" for i in range(100)], np.random.default_rng(1).normal(size=(100, 4)))
    v.save_word2vec_format(tmp_path / "v.gz", binary=binary)
    content = (tmp_path / "v.gz").read_bytes()
    for length in (0, 1, 12, len(content) // 2, len(content) - 9, len(content) - 1):
        (tmp_path / "v.gz").write_bytes(content[:length])
        with pytest.raises(ValueError, match="must be a whole word2vec file"):
            KeyedVectors.load_word2vec_format(tmp_path / "v.gz")


def test_arguments_of_loading_are_checked(tmp_path):
    for options, error, message in (
        ({"errors": "xmlcharrefreplace"}, ValueError, "errors must be one of 'strict', "),
        ({"limit": 0}, ValueError, "limit must be at least 1, got 0"),
        ({"binary": "yes"}, TypeError, "binary must be None, False or True, got 'yes'"),
    ):
        with pytest.raises(error, match=message):
            load(tmp_path, "1 1\na 1\n", **options)
    with pytest.raises(FileNotFoundError):
        KeyedVectors.load_word2vec_format(tmp_path / "absent")


def test_a_compressed_file_is_not_unpacked_for_rows_it_cannot_hold(tmp_path: Path) -> None:
    path = tmp_path / "bomb.bin.gz"
    with gzip.open(path, "wb") as file:
        file.write(b"1 99999999999999\n" + bytes(50_000_000))
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"promises 1 rows of dim 99999999999999, the file has \d+ bytes, compressed"):
        KeyedVectors.load_word2vec_format(path)
    assert time.perf_counter() - start < 2  # unpacking all of it takes several times as long
