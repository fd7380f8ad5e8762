"""What a search varies: numbers between two ends and choices, each of which knows how to take a step from a value."""

from __future__ import annotations

import abc
import math
import random
from dataclasses import dataclass
from typing import Any

from hogvec._validate import check_float, check_int

__all__ = ["Choice", "Dimension", "Float", "Integer", "PowerOfTwo"]


class Dimension(abc.ABC):
    """One parameter of a search."""

    @property
    @abc.abstractmethod
    def first(self) -> Any:
        """The value of the first trial."""

    @abc.abstractmethod
    def _moved(self, value: Any, draws: random.Random, late: float) -> Any:
        """Return a value drawn around another one; `late` is 0 early in the search and 1 late in it."""

    @abc.abstractmethod
    def _to_json(self, value: Any) -> Any:
        """Return what stands for a value in a file."""

    @abc.abstractmethod
    def _from_json(self, found: Any) -> Any:
        """Return the value, after a check."""


@dataclass(frozen=True)
class _Scale(Dimension):
    """Numbers on a scale: a step adds a draw from a normal distribution, and ends at the ends of the scale."""

    low: Any
    high: Any
    start: Any = None
    widths: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        self._check("low", self.low)
        self._check("high", self.high)
        if not self.low < self.high:
            raise ValueError(f"low must be below high, {self.high}, got {self.low}")
        if self.start is not None:
            self._between("start", self.start)
        if self.widths is not None:
            if not isinstance(self.widths, tuple) or len(self.widths) != 2:
                raise TypeError(f"widths must be a tuple of two numbers, got {self.widths!r:.80}")
            for width in self.widths:
                check_float("widths", width, above=0.0)

    @abc.abstractmethod
    def _check(self, name: str, value: Any) -> Any:
        """Return a value of the right kind."""

    @abc.abstractmethod
    def _place(self, value: Any) -> float:
        """Return where a value is on the scale."""

    @abc.abstractmethod
    def _value(self, place: float) -> Any:
        """Return the value that is nearest to a place."""

    @property
    def first(self) -> Any:
        """The value of the first trial."""
        if self.start is not None:
            return self._between("start", self.start)  # a number of NumPy becomes one of Python
        return self._within(self._value((self._place(self.low) + self._place(self.high)) / 2))

    def _moved(self, value: Any, draws: random.Random, late: float) -> Any:
        low, high = self._place(self.low), self._place(self.high)
        early_width, late_width = self.widths or ((high - low) / 4, (high - low) / 8)
        step = draws.gauss(0.0, 1.0) * (early_width + late * (late_width - early_width))
        return self._within(self._value(min(high, max(low, self._place(value) + step))))

    def _to_json(self, value: Any) -> Any:
        return value

    def _from_json(self, found: Any) -> Any:
        return self._between("a value", found)

    def _between(self, name: str, value: Any) -> Any:
        number = self._check(name, value)
        if not self.low <= number <= self.high:
            raise ValueError(f"{name} must be from low to high, {self.low} to {self.high}, got {number}")
        return number

    def _within(self, value: Any) -> Any:
        return min(self.high, max(self.low, value))  # rounding may have left them


@dataclass(frozen=True)
class Float(_Scale):
    """A number above 0, on a logarithmic scale.

    Parameters
    ----------
    low, high : float
        The ends, which count.
    start : float, optional
        Of the first trial. Default: the middle of the scale.
    widths : tuple of two floats, optional
        Standard deviations of a step early and late in the search, in doublings. Default: a quarter and an eighth of
        the scale.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or outside its range.

    Examples
    --------
    >>> Float(0.01, 1.0).first
    0.1
    """

    def _check(self, name: str, value: Any) -> float:
        return check_float(name, value, above=0.0)

    def _place(self, value: Any) -> float:
        return math.log2(value)

    def _value(self, place: float) -> float:
        return float(f"{2.0**place:.6g}")  # what is read in a table is what was tried


@dataclass(frozen=True)
class Integer(_Scale):
    """A whole number, on a linear or a logarithmic scale.

    Parameters
    ----------
    low, high : int
        The ends, which count.
    start : int, optional
        Of the first trial. Default: the middle of the scale.
    widths : tuple of two floats, optional
        As of `Float`; on a linear scale in ones.
    log : bool, default False
        Steps are doublings; `low` must be at least 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or outside its range.

    Examples
    --------
    >>> Integer(2, 10).first, Integer(1, 100, log=True).first
    (6, 10)
    """

    log: bool = False

    def _check(self, name: str, value: Any) -> int:
        return check_int(name, value, minimum=1 if self.log else -(2**53), maximum=2**53)

    def _place(self, value: Any) -> float:
        return math.log2(value) if self.log else value

    def _value(self, place: float) -> int:
        return round(2.0**place if self.log else place)


@dataclass(frozen=True)
class PowerOfTwo(_Scale):
    """A power of two.

    Parameters
    ----------
    low, high : int
        The ends, which count: powers of two.
    start : int, optional
        Of the first trial. Default: the middle of the scale.
    widths : tuple of two floats, optional
        As of `Float`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or outside its range.

    Examples
    --------
    >>> PowerOfTwo(1, 16).first
    4
    """

    def _check(self, name: str, value: Any) -> int:
        number = check_int(name, value, minimum=1, maximum=2**53)
        if number & (number - 1):
            raise ValueError(f"{name} must be a power of two, got {number}")
        return number

    def _place(self, value: Any) -> float:
        return math.log2(value)

    def _value(self, place: float) -> int:
        return 1 << round(place)


@dataclass(frozen=True)
class Choice(Dimension):
    """One of some values, without an order: early in the search every second trial draws one, late every eighth.

    Parameters
    ----------
    values : tuple
        At least 2, of any kind.
    start : object, optional
        One of them, for the first trial. Default: the first.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than 2, or the start is none of them.

    Examples
    --------
    >>> Choice(("skipgram", "cbow")).first
    'skipgram'
    """

    values: tuple[Any, ...]
    start: Any = None

    def __post_init__(self) -> None:
        if not isinstance(self.values, tuple):
            raise TypeError(f"values must be a tuple, got {self.values!r:.80}")
        if len(self.values) < 2:
            raise ValueError(f"values must be at least 2, got {len(self.values)}")
        if self.start is not None and self.start not in self.values:
            raise ValueError(f"start must be one of the values, got {self.start!r:.80}")

    @property
    def first(self) -> Any:
        """The value of the first trial."""
        return self.values[0] if self.start is None else self.start

    def _moved(self, value: Any, draws: random.Random, late: float) -> Any:
        drawn = draws.choice(self.values)
        return drawn if draws.random() < 1 / 2 - late * 3 / 8 else value

    def _to_json(self, value: Any) -> int:
        return self.values.index(value)

    def _from_json(self, found: Any) -> Any:
        return self.values[check_int("the place of a choice", found, minimum=0, maximum=len(self.values) - 1)]
