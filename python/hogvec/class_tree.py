"""Trees of two levels, classes and their members: the structure of a class-based softmax."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec._validate import check_counts, check_id, check_int, check_integers

__all__ = ["ClassTree"]


class ClassTree:
    """Divide ids into classes: P(id | h) = P(class | h) P(id | class, h), two small softmaxes instead of a large one.

    By default ids are sorted by falling count and cut into classes of about equal count, some sqrt(n) of them, so that
    frequent ids are in small classes. `HierarchicalSoftmax` takes it; `reference.class_log_probabilities` defines the
    probabilities. The object is immutable, may be shared between threads, and pickles.

    Parameters
    ----------
    counts : array_like of int, shape (n,), optional
        How often each id occurs; none negative, at least one positive.
    num_classes : int, optional
        1 to n. Default: the square root of n, rounded.
    classes : array_like of int, shape (n,), optional
        The class of each id instead: numbers from 0, none left out.

    Raises
    ------
    TypeError
        If not exactly one of `counts` and `classes` is given, `num_classes` is given with `classes`, or something is
        no integer.
    ValueError
        If a number is outside its range, or a class has no member.

    Notes
    -----
    The cuts are those of frequency binning [2]_: class ``c`` ends where the counts of all classes up to it first reach
    ``(c + 1) / num_classes`` of the total. A class has at least one id, and leaves one for each class after it.

    References
    ----------
    .. [1] J. Goodman, "Classes for fast maximum entropy training", ICASSP 2001, arXiv:cs/0108006.
    .. [2] T. Mikolov et al., "Extensions of recurrent neural network language model", ICASSP 2011.

    Examples
    --------
    >>> tree = ClassTree([5, 90, 5, 40, 40, 10], num_classes=3)
    >>> tree.class_of
    array([2, 0, 2, 1, 2, 2], dtype=int32)
    >>> tree.members_of(2)
    array([0, 2, 4, 5], dtype=int32)
    """

    __slots__ = ("_class_of", "_class_offsets", "_members")

    def __init__(
        self, counts: ArrayLike | None = None, *, num_classes: int | None = None, classes: ArrayLike | None = None
    ) -> None:
        if counts is not None and classes is None:
            class_of = frequency_classes(check_counts("counts", counts), num_classes)
        elif classes is not None and counts is None and num_classes is None:
            class_of = check_classes(classes)
        else:
            raise TypeError("a ClassTree must be made from either counts, with num_classes or without, or classes")
        sizes = np.bincount(class_of)
        self._class_of = class_of.astype(np.int32)
        self._class_offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._members = np.argsort(class_of, kind="stable").astype(np.int32)
        for array in (self._class_of, self._class_offsets, self._members):
            array.flags.writeable = False

    @property
    def class_of(self) -> NDArray[np.int32]:
        """The class of each id, shape (num_leaves,), read-only."""
        return self._class_of

    @property
    def class_offsets(self) -> NDArray[np.int64]:
        """Class ``c`` is entries ``class_offsets[c]`` to ``class_offsets[c + 1]`` of `members`; (num_classes + 1,)."""
        return self._class_offsets

    @property
    def members(self) -> NDArray[np.int32]:
        """The ids, class after class, rising within each; shape (num_leaves,), read-only."""
        return self._members

    @property
    def num_leaves(self) -> int:
        """The number of ids."""
        return len(self._class_of)

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self._class_offsets) - 1

    def members_of(self, class_id: int) -> NDArray[np.int32]:
        """Return the ids of a class, rising, a read-only view.

        Parameters
        ----------
        class_id : int
            A number of [0, num_classes).

        Returns
        -------
        ndarray of int32, shape (size,)

        Raises
        ------
        TypeError
            If the number is no integer.
        IndexError
            If there is no such class.
        """
        class_id = check_id("class_id", class_id, self.num_classes)
        return self._members[self._class_offsets[class_id] : self._class_offsets[class_id + 1]]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ClassTree):
            return NotImplemented
        return np.array_equal(self._class_of, other._class_of)

    def __hash__(self) -> int:
        return hash((self.num_leaves, self.num_classes))

    def __repr__(self) -> str:
        return f"ClassTree(<{self.num_leaves} ids in {self.num_classes} classes>)"

    def __reduce__(self) -> tuple[Any, ...]:
        return _class_tree, (self._class_of,)


def _class_tree(classes: NDArray[np.int32]) -> ClassTree:
    return ClassTree(classes=classes)


def frequency_classes(counts: NDArray[np.int64], num_classes: int | None) -> NDArray[np.int64]:
    """Return the class of each id when ids of falling count are cut into classes of about equal count."""
    n = len(counts)
    wanted = max(1, round(math.sqrt(n))) if num_classes is None else num_classes
    wanted = check_int("num_classes", wanted, minimum=1, maximum=n)
    if not counts.any():
        raise ValueError("counts must have a positive entry, got only zeros")
    order = np.argsort(-counts, kind="stable")
    mass = np.cumsum(counts[order], dtype=np.float64)
    earlier = np.arange(wanted)
    ends = 1 + np.searchsorted(mass, mass[-1] * (earlier + 1) / wanted)
    # Every class holds an id more than ends where the one before it does, and leaves one to each that follows.
    ends = earlier + np.maximum.accumulate(ends - earlier)
    ends = np.minimum(ends, n - (wanted - 1 - earlier))
    ends[-1] = n
    class_of = np.empty(n, np.int64)
    class_of[order] = np.repeat(earlier, np.diff(ends, prepend=0))
    return class_of


def check_classes(classes: ArrayLike) -> NDArray[np.int64]:
    """Return the class of each id; ValueError if there is no id, or a class without one."""
    given = check_integers("classes", classes, 2**31 - 1)
    if len(given) == 0:
        raise ValueError("classes must not be empty")
    class_of = given.astype(np.int64)
    used = np.unique(class_of)
    if used[-1] != len(used) - 1:
        missing = int(np.argmax(used != np.arange(len(used))))
        raise ValueError(f"classes must be numbered from 0 with none left out, got no id in class {missing}")
    return class_of
