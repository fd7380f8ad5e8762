"""Text files as blocks of bytes: plain, .gz or .zst, with their broken UTF-8 mended where that is asked for."""

from __future__ import annotations

import codecs
import contextlib
import errno
import gzip
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._progress import progress_bar

__all__ = ["ENCODING_ERRORS", "PathOrPaths", "check_paths", "feed_files", "read_bytes"]

PathOrPaths: TypeAlias = "str | os.PathLike[str] | Iterable[str | os.PathLike[str]]"

ENCODING_ERRORS = ("strict", "replace", "ignore", "surrogateescape")


def check_paths(paths: PathOrPaths) -> list[str]:
    """Return the paths as a list of str; an error now if one of them cannot be read, not after hours."""
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    if isinstance(paths, (bytes, bytearray)) or not isinstance(paths, Iterable):
        raise TypeError(f"paths must be a str, a PathLike or an iterable of them, got {type(paths).__name__}")
    names = []
    for path in paths:
        name = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
        if not isinstance(name, str):
            raise TypeError(f"a path must be a str or a PathLike of str, got {type(path).__name__}")
        if stat.S_ISDIR(os.stat(name).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
        if not os.access(name, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        names.append(name)
    if not names:
        raise ValueError("paths must name at least one file, got none")
    return names


def feed_files(
    encoder: _core.Encoder,
    paths: list[str],
    *,
    block_bytes: int,
    encoding_errors: str,
    progress: bool | None,
    description: str,
    after_block: Callable[[], None] = lambda: None,
) -> None:
    """Feed the files to the encoder, one after the other. An error names its file."""
    total = sum(os.stat(path).st_size for path in paths)
    with progress_bar(progress, total=total, unit="B", unit_scale=True, desc=description) as bar:
        for path in paths:
            done = 0
            with _named_errors(path), open(path, "rb", buffering=0) as file:
                for block in _mend(_read_blocks(path, file, block_bytes), encoding_errors):
                    encoder.feed(block)
                    after_block()
                    if bar is not None and file.seekable():
                        bar.update(file.tell() - done)
                        done = file.tell()
                encoder.end_file()
                after_block()


def read_bytes(path: str) -> NDArray[np.uint8]:
    """Return all bytes of a file, decompressed by its name. An error names it."""
    with _named_errors(path), open(path, "rb", buffering=0) as file:
        blocks = bytearray()
        for block in _read_blocks(path, file, 1 << 20):
            blocks += block
        return np.frombuffer(blocks, np.uint8)


@contextlib.contextmanager
def _named_errors(path: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise OSError(f"{path}: corrupt or truncated compressed file: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _read_blocks(path: str, file: BinaryIO, block_bytes: int) -> Iterator[memoryview | bytes]:
    if path.endswith(".zst"):
        yield from _read_zstd(path, file)
        return
    reader: Any = gzip.GzipFile(fileobj=file, mode="rb") if path.endswith(".gz") else file
    buffer = memoryview(bytearray(block_bytes))
    while n_read := reader.readinto(buffer):
        yield buffer[:n_read]


def _read_zstd(path: str, file: BinaryIO) -> Iterator[bytes]:
    try:
        import zstandard
    except ImportError:
        raise ImportError(f"reading {path} needs the zstandard package: pip install 'hogvec[zstd]'") from None
    frame = None  # the one that is being read: a file is a chain of them, and must not end within one
    try:
        while block := file.read(zstandard.DECOMPRESSION_RECOMMENDED_INPUT_SIZE):
            while block:
                frame = frame or zstandard.ZstdDecompressor().decompressobj()
                yield frame.decompress(block)
                block = frame.unused_data if frame.eof else b""
                frame = None if frame.eof else frame
    except zstandard.ZstdError as error:
        raise OSError(f"{path}: corrupt or truncated compressed file: {error}") from error
    if frame is not None:
        raise EOFError("it ends within a frame")


def _mend(blocks: Iterator[memoryview | bytes], encoding_errors: str) -> Iterator[memoryview | bytes]:
    if encoding_errors in ("strict", "surrogateescape"):  # the encoder checks, or keeps every byte
        yield from blocks
        return
    decoder = codecs.getincrementaldecoder("utf-8")(encoding_errors)
    for block in blocks:
        yield decoder.decode(block).encode()
    yield decoder.decode(b"", final=True).encode()
