"""Writing a file so that an old one survives a failure."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["replace_file"]


@contextlib.contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the place of `path` when the block ends, and vanishes when the block fails.

    The bytes go to a file beside `path` and are on the disk before the rename, so that `path` always holds the whole
    old or the whole new content. A link is followed; a device or a pipe is written to as it is.
    """
    path = os.fsdecode(path)
    mode = _mode(path)
    if mode is not None and not stat.S_ISREG(mode):  # a rename would replace /dev/stdout itself
        try:
            with open(path, "wb") as file:
                yield file
        except OSError as error:
            _name(error, path)
            raise
        return
    if not path:  # its real path would be the working directory
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    if mode is not None and not os.access(path, os.W_OK):  # a rename would not ask
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    beside = os.path.join(folder, f".hogvec-{secrets.token_hex(8)}.part")
    try:
        with _create(beside, path) as file:
            if mode is not None:
                shutil.copymode(target, beside)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        _name(error, path)
        raise
    with contextlib.suppress(OSError):  # the rename itself reaches the disk; not every file system can
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _create(beside: str, path: str) -> BinaryIO:
    try:
        return open(beside, "xb")
    except OSError as error:  # the message names what the caller knows
        raise OSError(error.errno, error.strerror, path) from None


def _name(error: BaseException, path: str) -> None:
    """Let an error of the system say which file: a failed write, as on a full disk, does not."""
    if isinstance(error, OSError) and error.errno is not None and error.filename is None:
        error.filename = path


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None
