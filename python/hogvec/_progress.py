"""The one place that decides whether a bar is shown, and makes it."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

__all__ = ["progress_bar"]


def progress_bar(progress: bool | None, **arguments: Any) -> contextlib.AbstractContextManager[Any]:
    """Return a tqdm bar, or a context that gives None if no bar is wanted; None asks for one on a terminal."""
    if progress is None:
        progress = sys.stderr is not None and sys.stderr.isatty()
    elif not isinstance(progress, bool):
        raise TypeError(f"progress must be True, False or None, got {progress!r}")
    if not progress:
        return contextlib.nullcontext()
    from tqdm import tqdm

    bar: contextlib.AbstractContextManager[Any] = tqdm(**arguments)
    return bar
