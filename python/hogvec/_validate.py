"""Checks of arguments: each raises with the name, the rule and the value. Bindings check what is memory-safe."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "check_choice",
    "check_counts",
    "check_float",
    "check_id",
    "check_ids",
    "check_int",
    "check_integers",
]


def check_int(name: str, value: Any, *, minimum: int, maximum: int = 2**31 - 1) -> int:
    """Return `value` as an int of [minimum, maximum]; TypeError if it is no integer, ValueError if it is outside."""
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {number}")
    if number > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {number}")
    return number


def check_float(
    name: str,
    value: Any,
    *,
    minimum: float | None = None,
    above: float | None = None,
    maximum: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a finite float; `minimum` and `maximum` are allowed values, `above` and `below` are not."""
    if isinstance(value, (bool, np.bool_, str, bytes, bytearray, memoryview)) or getattr(value, "ndim", 0) > 0:
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    except OverflowError:  # an int beyond the floats, of which nobody wants to read every digit
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {number}")
    if minimum is not None and number < minimum:
        raise ValueError(f"{name} must be at least {minimum:g}, got {number:g}")
    if above is not None and number <= above:
        raise ValueError(f"{name} must be above {above:g}, got {number:g}")
    if maximum is not None and number > maximum:
        raise ValueError(f"{name} must be at most {maximum:g}, got {number:g}")
    if below is not None and number >= below:
        raise ValueError(f"{name} must be below {below:g}, got {number:g}")
    return number


def check_choice(name: str, value: Any, choices: Collection[str] | Mapping[str, Any]) -> str:
    """Return `value` if it is one of `choices`, else ValueError that lists them."""
    if not isinstance(value, str) or value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name} must be one of {listed}, got {value!r}")
    return value


def check_counts(name: str, values: ArrayLike) -> NDArray[np.int64]:
    """Return a read-only int64 copy of one-dimensional counts, none negative."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must have one axis, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must not be empty")
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got dtype {array.dtype}")
    if array.min() < 0:
        raise ValueError(f"{name} must not be negative, got {array.min()} at index {array.argmin()}")
    if array.max() >= 2**63:
        raise ValueError(f"{name} must be below 2^63, got {array.max()} at index {array.argmax()}")
    counts = np.array(array, dtype=np.int64, order="C")
    counts.flags.writeable = False
    return counts


def check_integers(name: str, values: ArrayLike, maximum: int) -> NDArray[np.integer[Any]]:
    """Return `values` as an array of integers with one axis and entries of [0, maximum]."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must have one axis, got shape {array.shape}")
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got dtype {array.dtype}")
    if array.min() < 0:
        raise ValueError(f"{name} must not be negative, got {array.min()} at index {array.argmin()}")
    if array.max() > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {array.max()} at index {array.argmax()}")
    return array


def check_id(name: str, value: Any, num_ids: int) -> int:
    """Return `value` as an id of [0, num_ids); TypeError if it is no integer, IndexError if it is outside."""
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if not 0 <= number < num_ids:
        raise IndexError(f"{name} must be at least 0 and below {num_ids}, got {number}")
    return number


def check_ids(name: str, values: ArrayLike, num_ids: int) -> NDArray[np.integer[Any]]:
    """Return `values` as an integer array of any shape with entries of [0, num_ids)."""
    array = np.asarray(values)
    if array.size == 0 and not isinstance(values, np.ndarray):
        return np.empty(array.shape, dtype=np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got dtype {array.dtype}")
    if array.size > 0 and (array.min() < 0 or array.max() >= num_ids):
        wrong = array.min() if array.min() < 0 else array.max()
        raise IndexError(f"{name} must be at least 0 and below {num_ids}, got {wrong}")
    return array
