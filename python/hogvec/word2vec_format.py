"""Vectors in word2vec's text and binary files: header line, detection, compression and checks; rows are C++.

Text: a line ``rows dim``, then a line ``word v v v`` per row. Binary: the same first line, then per row the word, a
space and dim little-endian float32, with or without a newline after them. Files named ``*.gz`` are compressed.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._files import replace_file
from hogvec._safetensors import row_blocks
from hogvec._validate import check_choice, check_int
from hogvec.vocabulary import Vocabulary

__all__ = ["read_word2vec_format", "write_word2vec_format"]

_CHUNK = 1 << 22  # bytes read at once
_MOST_COMPRESSED = 1040  # bytes that a byte of deflate can stand for, at most 1032
_LONGEST_LINE = 1 << 22  # bytes looked at for the first line
_HEADER = re.compile(rb"\s*(\d{1,18})\s+(\d{1,18})\s*")
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_PRINTABLE = re.compile(rb"[\t\n\r -~]*")


def write_word2vec_format(
    path: str | os.PathLike[str], vocabulary: Vocabulary, vectors: NDArray[np.float32], *, binary: bool
) -> None:
    """Write vectors (n, dim) of any row stride; see `KeyedVectors.save_word2vec_format`."""
    letters, offsets = vocabulary.to_bytes_arrays()
    with replace_file(path) as file, _compressed(path, file) as out:
        out.write(b"%d %d\n" % vectors.shape)
        for start, stop in row_blocks(vectors, _CHUNK):
            block = offsets[start : stop + 1]
            out.write(_core.format_word2vec_rows(letters, block, vectors[start:stop], binary=binary))


@contextlib.contextmanager
def _compressed(path: str | os.PathLike[str], file: BinaryIO) -> Iterator[BinaryIO]:
    if _is_gzip(path):  # no name and no time: equal vectors make equal files; higher levels take long and gain little
        with gzip.GzipFile(filename="", mode="wb", compresslevel=3, fileobj=file, mtime=0) as out:
            yield cast(BinaryIO, out)
    else:
        yield file


def _is_gzip(path: str | os.PathLike[str]) -> bool:
    return os.fsdecode(path).endswith(".gz")


def read_word2vec_format(
    path: str | os.PathLike[str], *, binary: bool | None, errors: str, limit: int | None
) -> tuple[Vocabulary, NDArray[np.float32]]:
    """Read a file; see `KeyedVectors.load_word2vec_format`."""
    check_choice("errors", errors, ("strict", "ignore", "replace", "surrogateescape"))
    if binary not in (None, False, True):
        raise TypeError(f"binary must be None, False or True, got {binary!r}")
    if limit is not None:
        limit = check_int("limit", limit, minimum=1)
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not _is_gzip(path):
                return _Reader(file, size, True, binary).read(errors, limit)
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _Reader(cast(BinaryIO, unpacked), size, False, binary).read(errors, limit)
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{os.fspath(path)!r} must be a whole word2vec file: {error}") from None


class _Reader:
    """One pass over the bytes of a file. The table grows with the bytes read, never by what the header claims alone."""

    def __init__(self, file: BinaryIO, size: int, size_is_exact: bool, binary: bool | None) -> None:
        self.file = file
        self.ended = False
        self.buffer = b""
        self.done = 0  # bytes of `buffer` that are used up
        line = self._first_line()
        header = _HEADER.fullmatch(line)
        if header:
            self.promised: int | None = int(header[1])
            self.dim = int(header[2])
            self.done = len(line)
            if self.dim == 0:
                raise ValueError("the first line must promise at least 1 dimension, got 0")
            self.binary = self._looks_binary() if binary is None else binary
        else:
            self.promised = None
            self.dim = _numbers_at_end(line)
            self.binary = False
            if binary or self.dim < 2:
                raise ValueError(f"the first line must be 'rows dim', got {line[:60]!r}")
        shortest = self.dim * (4 if self.binary else 2) + (2 if self.binary else 1)  # bytes a row takes at least
        most = size if size_is_exact else _MOST_COMPRESSED * size
        if self.promised and self.promised * shortest > most:
            raise ValueError(
                f"the first line promises {self.promised} rows of dim {self.dim}, the file has {size} bytes"
                + ("" if size_is_exact else ", compressed")
            )
        while self.promised != 0 and len(self.buffer) - self.done < shortest and self._more():
            pass  # one row is there before any is allocated
        if self.promised and len(self.buffer) - self.done < shortest:
            raise ValueError(f"the first line promises rows of dim {self.dim}, the file ends before one")
        self.likely = (size if size_is_exact else 4 * size) // shortest + 1

    def read(self, errors: str, limit: int | None) -> tuple[Vocabulary, NDArray[np.float32]]:
        wanted = 2**31 - 1 if self.promised is None else self.promised
        if limit is not None:
            wanted = min(wanted, limit)
        vectors = np.empty((min(wanted, self.likely), self.dim), np.float32)
        words = _Words(errors)
        rows = longer = 0
        while rows < wanted:
            if rows == len(vectors):
                vectors = _grown(vectors, min(wanted, 2 * rows))
            found = _core.parse_word2vec_rows(
                memoryview(self.buffer)[self.done :],
                binary=self.binary,
                out=vectors[rows:],
                last=self.ended,
                first_row=rows + 1,
            )
            words.add(*found[2:5], first_row=rows + 1)
            rows += found[0]
            self.done += found[1]
            longer += found[5]
            if rows < len(vectors) and not self._more():
                break
        self._check_end(rows, longer, limit)
        return words.vocabulary(), vectors[:rows]

    def _check_end(self, rows: int, longer: int, limit: int | None) -> None:
        if self.promised is not None and rows < self.promised and rows != limit:
            raise ValueError(f"the first line promises {self.promised} rows, the file ends after {rows}")
        if longer == rows > 1:
            raise ValueError(f"the first line says dim {self.dim}, but every row has more numbers")
        if self.promised is None or rows == limit:
            return
        while True:
            rest = self.buffer[self.done :]
            if rest.strip():
                raise ValueError(f"the first line promises {rows} rows, the file goes on after them: {rest[:30]!r}")
            self.done = len(self.buffer)
            if not self._more():
                return

    def _more(self) -> bool:
        """Drop what is used up and read on; False when the file has ended and that was known before."""
        if self.ended:
            return False
        chunk = self.file.read(_CHUNK)
        self.ended = not chunk
        self.buffer = self.buffer[self.done :] + chunk
        self.done = 0
        return True

    def _first_line(self) -> bytes:
        while b"\n" not in self.buffer[-_CHUNK:] and len(self.buffer) < _LONGEST_LINE and self._more():
            pass
        if not self.buffer:
            raise ValueError("it is empty")
        return self.buffer[: self.buffer.find(b"\n") + 1] or self.buffer

    def _looks_binary(self) -> bool:
        """Text if the first row ends with dim numbers, or is printable from its first space on; binary otherwise."""
        while len(self.buffer) - self.done < min(64 * self.dim + 4096, _LONGEST_LINE) and self._more():
            pass
        row = self.buffer[self.done :].split(b"\n", 1)[0]
        if _numbers_at_end(row) >= self.dim:
            return False
        _, _, values = self.buffer[self.done :].partition(b" ")
        return not _PRINTABLE.fullmatch(values[: 4 * self.dim])


def _numbers_at_end(line: bytes) -> int:
    """How many fields at the end of a row are numbers; the first field is the word."""
    fields = line.split()[1:]
    count = 0
    while count < len(fields) and _NUMBER.fullmatch(fields[-1 - count]):
        count += 1
    return count


def _grown(vectors: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    larger = np.empty((rows, vectors.shape[1]), np.float32)
    larger[: len(vectors)] = vectors
    return larger


class _Words:
    """The words of the rows read so far, as bytes; those that are not UTF-8 treated as `errors` says."""

    def __init__(self, errors: str) -> None:
        self.errors = errors
        self.letters: list[bytes] = []
        self.lengths: list[NDArray[np.int64]] = []

    def add(self, letters: bytes, lengths: NDArray[np.int64], broken: NDArray[np.int64], *, first_row: int) -> None:
        if len(broken) and self.errors != "surrogateescape":
            letters, lengths = self._mended(letters, lengths, broken, first_row)
        self.letters.append(letters)
        self.lengths.append(lengths)

    def _mended(
        self, letters: bytes, lengths: NDArray[np.int64], broken: NDArray[np.int64], first_row: int
    ) -> tuple[bytes, NDArray[np.int64]]:
        ends = np.cumsum(lengths)
        pieces, position = [], 0
        for row in broken.tolist():
            begin, end = int(ends[row] - lengths[row]), int(ends[row])
            try:
                word = letters[begin:end].decode("utf-8", self.errors).encode()
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"row {first_row + row}: the word {error.object[:60]!r} must be UTF-8, byte {error.start} "
                    f"(0x{error.object[error.start]:02x}) is not ({error.reason}); errors= may say 'replace', "
                    "'ignore' or 'surrogateescape'"
                ) from None
            if not word:
                raise ValueError(f"row {first_row + row}: nothing of the word is left without its broken bytes")
            pieces += [letters[position:begin], word]
            position, lengths[row] = end, len(word)
        return b"".join([*pieces, letters[position:]]), lengths

    def vocabulary(self) -> Vocabulary:
        letters = np.frombuffer(b"".join(self.letters), np.uint8)
        lengths: NDArray[Any] = np.concatenate(self.lengths) if self.lengths else np.empty(0, np.int64)
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return Vocabulary.from_bytes_arrays(letters, offsets, np.zeros(len(lengths), np.int64))
