"""Files of interactions: lists of numbers, a user's on each line, and columns separated by commas."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogvec._text_files import check_paths, read_bytes

__all__ = ["Pairs", "read_csv", "read_lists"]

_SPACES = np.frombuffer(b" \t\r\n", np.uint8)
_NEWLINE = ord("\n")


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """What a file holds: `all_users` has those without an item, too."""

    all_users: NDArray[Any]
    users: NDArray[Any]
    items: NDArray[Any]
    weights: NDArray[np.float32] | None = None
    times: NDArray[np.int64] | None = None


def read_lists(path: str) -> Pairs:
    """Read ``user item item ...`` lines of numbers; a user may have several lines.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        There is something else than numbers from 0 to 2^63 - 2.
    """
    (path,) = check_paths(path)
    text = read_bytes(path)
    is_space = np.isin(text, _SPACES)
    is_digit = (text >= ord("0")) & (text <= ord("9"))
    if not (is_space | is_digit).all():
        wrong = int(np.argmin(is_space | is_digit))
        line = int((text[:wrong] == _NEWLINE).sum()) + 1
        raise ValueError(f"{path}: line {line} must hold numbers alone, got {chr(text[wrong])!r}")
    starts = np.flatnonzero(is_digit & np.concatenate([[True], is_space[:-1]]))
    numbers = np.array(text.tobytes().split(), dtype="S").astype(np.int64) if len(starts) else np.empty(0, np.int64)
    line_of = np.searchsorted(np.flatnonzero(text == _NEWLINE), starts)
    is_user = np.concatenate([[True], np.diff(line_of) > 0])[: len(starts)]
    users = numbers[is_user]
    owner = np.cumsum(is_user) - 1
    return Pairs(all_users=users, users=users[owner[~is_user]], items=numbers[~is_user])


def read_csv(path: str, header: bool) -> Pairs:
    """Read columns user, item and perhaps weight and time; users and items are text if they are not all numbers.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        A line has another number of columns than the first, there are fewer than 2 or more than 4, or a weight or a
        time is no number.
    """
    (path,) = check_paths(path)
    lines = io.StringIO(read_bytes(path).tobytes().decode("utf-8"))
    try:
        table = np.loadtxt(lines, dtype=str, delimiter=",", quotechar='"', comments=None, skiprows=int(header), ndmin=2)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if table.size == 0:
        raise ValueError(f"{path} must hold interactions, got none")
    columns = table.shape[1]
    if not 2 <= columns <= 4:
        raise ValueError(f"{path} must have 2 to 4 columns, got {columns}")
    users, items = (as_ids(table[:, column]) for column in (0, 1))
    weights = as_numbers(path, "weight", table[:, 2], np.float32) if columns > 2 else None
    times = as_numbers(path, "time", table[:, 3], np.int64) if columns > 3 else None
    return Pairs(all_users=users, users=users, items=items, weights=weights, times=times)


def as_ids(column: NDArray[np.str_]) -> NDArray[Any]:
    """Return ids as numbers if all of them are."""
    try:
        return column.astype(np.int64)
    except (ValueError, OverflowError):
        return column


def as_numbers(path: str, name: str, column: NDArray[np.str_], dtype: Any) -> NDArray[Any]:
    """Return a column as numbers."""
    try:
        return column.astype(dtype)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path}: every {name} must be a number: {error}") from None
