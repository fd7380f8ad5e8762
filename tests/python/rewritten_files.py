"""Files that a test writes again and again, each time with other contents."""

from __future__ import annotations

from pathlib import Path

__all__ = ["rewrite"]


def rewrite(path: Path, content: bytes) -> None:
    """Write a new file in the place of an old one.

    Some file systems send an old file that is cut short and filled again to the disk at once, which takes milliseconds.
    """
    path.unlink(missing_ok=True)
    path.write_bytes(content)
