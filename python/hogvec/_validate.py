"""Checks of arguments: each raises with the name, the rule and the value. What an array may hold is checked by the bindings."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Mapping
from typing import Any

__all__ = ["check_choice", "check_float", "check_int"]


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
) -> float:
    """Return `value` as a finite float; `minimum` and `maximum` are allowed values, `above` is not."""
    if isinstance(value, (bool, str, bytes)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {number}")
    if minimum is not None and number < minimum:
        raise ValueError(f"{name} must be at least {minimum:g}, got {number:g}")
    if above is not None and number <= above:
        raise ValueError(f"{name} must be above {above:g}, got {number:g}")
    if maximum is not None and number > maximum:
        raise ValueError(f"{name} must be at most {maximum:g}, got {number:g}")
    return number


def check_choice(name: str, value: Any, choices: Collection[str] | Mapping[str, Any]) -> str:
    """Return `value` if it is one of `choices`, else ValueError that lists them."""
    if not isinstance(value, str) or value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name} must be one of {listed}, got {value!r}")
    return value
