"""Iterables of sentences in text files, each a list of words."""

from __future__ import annotations

import bz2
import gzip
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from hogvec._validate import check_int

__all__ = ["LineSentence", "PathLineSentences", "Text8Corpus"]

_TEXT8_SENTENCE = 10_000  # words; a file without lines must be cut somewhere
_BLOCK = 1 << 16


class LineSentence:
    """The lines of a file as sentences: words between white space, UTF-8; lines without words give none.

    Parameters
    ----------
    source : str, PathLike, or file object with ``seek``
        ``.gz`` and ``.bz2`` files are decompressed.
    max_sentence_length : int, optional
        Cut lines after so many words. Default: never.
    limit : int, optional
        Read only the first so many lines. Default: all.
    """

    def __init__(self, source: Any, max_sentence_length: int | None = None, limit: int | None = None) -> None:
        self.source = source
        self.max_sentence_length = max_sentence_length
        self.limit = limit

    def __iter__(self) -> Iterator[list[str]]:
        if hasattr(self.source, "seek"):
            self.source.seek(0)
            yield from _sentences(self.source, self.max_sentence_length, self.limit)
        else:
            with _opened(self.source) as file:
                yield from _sentences(file, self.max_sentence_length, self.limit)


class PathLineSentences:
    """The lines of all files of a folder, in the order of their names, as `LineSentence` gives them.

    Parameters
    ----------
    source : str or PathLike
        A folder, or one file.
    max_sentence_length, limit
        As there; the limit is for each file.
    """

    def __init__(
        self, source: str | os.PathLike[str], max_sentence_length: int | None = None, limit: int | None = None
    ) -> None:
        path = Path(source)
        if not path.exists():
            raise ValueError(f"source must be a folder or a file, got {os.fspath(source)!r}")
        self.source = os.fspath(source)
        self.max_sentence_length = max_sentence_length
        self.limit = limit
        files = [path] if path.is_file() else sorted(file for file in path.iterdir() if file.is_file())
        self.input_files = [os.fspath(file) for file in files]

    def __iter__(self) -> Iterator[list[str]]:
        for name in self.input_files:
            yield from LineSentence(name, self.max_sentence_length, self.limit)


class Text8Corpus:
    """A file of words without lines, cut into sentences of `max_sentence_length` words.

    Parameters
    ----------
    fname : str or PathLike
    max_sentence_length : int, default 10,000
    """

    def __init__(self, fname: str | os.PathLike[str], max_sentence_length: int = _TEXT8_SENTENCE) -> None:
        self.fname = fname
        self.max_sentence_length = check_int("max_sentence_length", max_sentence_length, minimum=1)

    def __iter__(self) -> Iterator[list[str]]:
        words: list[str] = []
        with _opened(self.fname) as file:
            rest = b""
            while block := file.read(_BLOCK):
                # No byte of another character is that of white space in UTF-8, so that a cut there cuts no character.
                whole, space, rest = _last_space(rest + block)
                words += (whole + space).decode().split()
                while len(words) >= self.max_sentence_length:
                    yield words[: self.max_sentence_length]
                    words = words[self.max_sentence_length :]
            words += rest.decode().split()
        while words:
            yield words[: self.max_sentence_length]
            words = words[self.max_sentence_length :]


def _opened(path: str | os.PathLike[str]) -> BinaryIO:
    name = os.fspath(path)
    reader: Any = {".gz": gzip.open, ".bz2": bz2.open}.get(os.path.splitext(name)[1], open)
    file: BinaryIO = reader(name, "rb")
    return file


def _last_space(text: bytes) -> tuple[bytes, bytes, bytes]:
    place = max(text.rfind(space) for space in (b" ", b"\n"))
    return (b"", b"", text) if place < 0 else (text[:place], text[place : place + 1], text[place + 1 :])


def _sentences(lines: Iterable[Any], longest: int | None, limit: int | None) -> Iterator[list[str]]:
    if longest is not None:
        check_int("max_sentence_length", longest, minimum=1)
    for line in itertools.islice(lines, limit):
        words = (line.decode() if isinstance(line, bytes) else line).split()
        step = longest or max(1, len(words))
        for start in range(0, len(words), step):
            yield words[start : start + step]
