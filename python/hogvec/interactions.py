"""Interactions: which items every user took, in order, as arrays. How their files are read is in `_interaction_files`.

One class with the ways to make it and to split it, each described in full, and so longer than others.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec._interaction_files import Pairs, read_csv, read_lists
from hogvec._validate import check_float, check_id, check_int, check_integers

__all__ = ["Interactions", "Split"]

MOST_IDS = 2**31 - 1


class SparseRows(Protocol):
    """A matrix in compressed rows, as SciPy's ``csr_array``."""

    indptr: Any
    indices: Any
    data: Any
    shape: tuple[int, int]


class Interactions:
    """The items of every user, from the first to the last. Never changed by anything here.

    Users and items are rows, numbers from 0 on. An item may occur again: a user who took it twice is two interactions,
    which count twice where a loss has labels that sum, and once in an evaluation.

    Parameters
    ----------
    offsets : array_like of int, shape (num_users + 1,)
        User u has the items from ``offsets[u]`` to ``offsets[u + 1]``; a user may have none.
    items : array_like of int, shape (n,)
    num_items : int, optional
        Items there are, those that nobody took among them. Default: the highest of `items`, and one.
    weights : array_like of float, shape (n,), optional
        What an interaction counts, above 0. Default: 1.
    times : array_like of int, shape (n,), optional
        Of any unit. The items of a user are brought into their order; equal times stay as they are given.
    user_ids, item_ids : array_like of int or str, optional
        What users and items are called elsewhere, shapes (num_users,) and (num_items,). Default: their rows.

    Attributes
    ----------
    offsets, items : ndarray of int64 and of int32
        Read-only, as all others.
    weights : ndarray of float32, or None
    times : ndarray of int64, or None
    user_ids, item_ids : ndarray, or None

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, is out of its range, or does not agree with another.
    IndexError
        If an item is not below `num_items`.

    Examples
    --------
    >>> data = Interactions([0, 2, 5], [3, 1, 0, 3, 2])
    >>> data
    <Interactions: 2 users, 4 items, 5 interactions>
    >>> data.items_of(1), data.counts
    (array([0, 3, 2], dtype=int32), array([1, 1, 1, 2]))
    """

    __slots__ = ("counts", "item_ids", "items", "num_items", "offsets", "times", "user_ids", "weights")

    def __init__(
        self,
        offsets: ArrayLike,
        items: ArrayLike,
        *,
        num_items: int | None = None,
        weights: ArrayLike | None = None,
        times: ArrayLike | None = None,
        user_ids: ArrayLike | None = None,
        item_ids: ArrayLike | None = None,
    ) -> None:
        flat = check_integers("items", items, 2**63 - 1)
        self.offsets = check_offsets(offsets, len(flat))
        if num_items is None:
            num_items = int(flat.max(initial=-1)) + 1 if item_ids is None else len(np.asarray(item_ids))
        self.num_items = check_int("num_items", num_items, minimum=0, maximum=MOST_IDS)
        if flat.size > 0 and flat.max() >= self.num_items:
            raise IndexError(f"items must be below num_items, {self.num_items}, got {flat.max()}")
        self.items = flat.astype(np.int32)
        self.weights = None if weights is None else check_weights(weights, len(flat))
        self.times = None if times is None else check_times(times, len(flat))
        self.user_ids = None if user_ids is None else check_names("user_ids", user_ids, self.num_users)
        self.item_ids = None if item_ids is None else check_names("item_ids", item_ids, self.num_items)
        if self.times is not None:
            order = np.lexsort((self.times, self.users))
            self.items, self.times = self.items[order], self.times[order]
            self.weights = None if self.weights is None else self.weights[order]
        self.counts = np.bincount(self.items, minlength=self.num_items)
        for name in self.__slots__:
            if isinstance(array := getattr(self, name), np.ndarray):
                array.flags.writeable = False

    @classmethod
    def from_pairs(
        cls,
        users: ArrayLike,
        items: ArrayLike,
        *,
        num_users: int | None = None,
        num_items: int | None = None,
        weights: ArrayLike | None = None,
        times: ArrayLike | None = None,
        user_ids: ArrayLike | None = None,
        item_ids: ArrayLike | None = None,
    ) -> Interactions:
        """Make interactions of one user and one item each, in any order of the users.

        Parameters
        ----------
        users, items : array_like of int, shape (n,)
        num_users, num_items : int, optional
            Default: the highest that occurs, and one.
        weights, times, user_ids, item_ids : array_like, optional
            As in the class. Without times, the items of a user come in the order of the pairs.

        Returns
        -------
        Interactions

        Raises
        ------
        TypeError, ValueError, IndexError
            As in the class.

        Examples
        --------
        >>> Interactions.from_pairs([1, 0, 1], [5, 5, 2]).items_of(1)
        array([5, 2], dtype=int32)
        """
        rows, flat = (check_integers(n, v, 2**63 - 1) for n, v in (("users", users), ("items", items)))
        if len(rows) != len(flat):
            raise ValueError(f"users must have an entry for each of items, {len(flat)}, got {len(rows)}")
        if num_users is None:
            num_users = int(rows.max(initial=-1)) + 1 if user_ids is None else len(np.asarray(user_ids))
        num_users = check_int("num_users", num_users, minimum=0, maximum=MOST_IDS)
        if rows.size > 0 and rows.max() >= num_users:
            raise IndexError(f"users must be below num_users, {num_users}, got {rows.max()}")
        order = np.argsort(rows, kind="stable")
        return cls(
            offsets_of(np.bincount(rows, minlength=num_users)),
            flat[order],
            num_items=num_items,
            weights=None if weights is None else check_weights(weights, len(flat))[order],
            times=None if times is None else check_times(times, len(flat))[order],
            user_ids=user_ids,
            item_ids=item_ids,
        )

    @classmethod
    def from_csr(cls, matrix: SparseRows) -> Interactions:
        """Make interactions of a sparse matrix in compressed rows, a row for each user, with its values as weights.

        Parameters
        ----------
        matrix : csr_array or csr_matrix of SciPy, shape (num_users, num_items)
            Or anything else with ``indptr``, ``indices``, ``data`` and ``shape``. Values must be above 0; if all are 1,
            there are no weights.

        Returns
        -------
        Interactions

        Raises
        ------
        TypeError, ValueError, IndexError
            As in the class.
        """
        for name in ("indptr", "indices", "data", "shape"):
            if not hasattr(matrix, name):
                raise TypeError(f"matrix must be in compressed rows with {name}, got {type(matrix).__name__}")
        rows, columns = matrix.shape
        check_int("rows of the matrix", rows, minimum=0, maximum=MOST_IDS)
        if len(matrix.indptr) != rows + 1:
            got = len(matrix.indptr)
            raise ValueError(f"indptr must have an entry more than there are rows, {rows + 1}, got {got}")
        values = np.asarray(matrix.data)
        weights = None if values.dtype.kind in "biuf" and np.all(values == 1) else values
        return cls(matrix.indptr, matrix.indices, num_items=columns, weights=weights)

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], *, like: Interactions | None = None, header: bool = False
    ) -> Interactions:
        """Read a file: lists, or columns if its name ends with ``.csv`` (before ``.gz`` or ``.zst``).

        Users and items get rows in the order of their ids; these stay in `user_ids` and `item_ids`.

        Parameters
        ----------
        path : str or PathLike
            Lists have a user and its items on each line, ``user item item ...``, all of them numbers. Columns are
            ``user,item``, ``user,item,weight`` or ``user,item,weight,time``; users and items are numbers or any text.
        like : Interactions, optional
            Give users and items the rows that they have there, and new ones the rows that follow: for the file of
            another part of the same data.
        header : bool, default False
            Whether the first line of columns has their names.

        Returns
        -------
        Interactions

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            It has another form, or a number that is out of its range.
        """
        if not isinstance(header, bool):
            raise TypeError(f"header must be True or False, got {header!r}")
        if like is not None and not isinstance(like, Interactions):
            raise TypeError(f"like must be Interactions, got {type(like).__name__}")
        name = os.fspath(path)
        kind = name.removesuffix(".gz").removesuffix(".zst")
        pairs = read_csv(name, header) if kind.endswith(".csv") else read_lists(name)
        return cls._of_pairs(pairs, like)

    @classmethod
    def _of_pairs(cls, pairs: Pairs, like: Interactions | None) -> Interactions:
        known_users = None if like is None else names_of(like.user_ids, like.num_users)
        known_items = None if like is None else names_of(like.item_ids, like.num_items)
        user_ids, _ = rows_of(pairs.all_users, known_users)
        _, users = rows_of(pairs.users, user_ids)
        item_ids, items = rows_of(pairs.items, known_items)
        return cls.from_pairs(
            users, items, weights=pairs.weights, times=pairs.times, user_ids=user_ids, item_ids=item_ids
        )

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        parts = "".join(f", with {name}" for name in ("weights", "times") if getattr(self, name) is not None)
        return f"<Interactions: {self.num_users:,} users, {self.num_items:,} items, {len(self):,} interactions{parts}>"

    @property
    def num_users(self) -> int:
        """Users there are, those without an item among them."""
        return len(self.offsets) - 1

    @property
    def users(self) -> NDArray[np.int64]:
        """The user of each interaction, (n,)."""
        return np.repeat(np.arange(self.num_users), np.diff(self.offsets))

    def items_of(self, user: int) -> NDArray[np.int32]:
        """Return the items of a user, a view.

        Raises
        ------
        TypeError, IndexError
            If `user` is no integer, or no row.
        """
        user = check_id("user", user, self.num_users)
        return self.items[self.offsets[user] : self.offsets[user + 1]]

    # ---- parts -----------------------------------------------------------------------------------------------------

    def split_last(self) -> Split:
        """Leave one out: the last item of every user is for the test, if it is not the only one.

        Returns
        -------
        Split

        Examples
        --------
        >>> train, test = Interactions([0, 3, 4], [2, 0, 1, 1]).split_last()
        >>> train.items, test.items
        (array([2, 0, 1], dtype=int32), array([1], dtype=int32))
        """
        sizes = np.diff(self.offsets)
        chosen = np.zeros(len(self), dtype=bool)
        chosen[self.offsets[1:][sizes > 1] - 1] = True
        return self._split(chosen)

    def split_time(self, time: int) -> Split:
        """Cut at a time: what happened from then on is for the test.

        Raises
        ------
        ValueError
            If there are no times.
        """
        if self.times is None:
            raise ValueError("times must be given to split at one, got none")
        return self._split(self.times >= check_int("time", time, minimum=-(2**63), maximum=2**63 - 1))

    def split_random(self, fraction: float = 0.1, *, seed: int = 1) -> Split:
        """Draw a part of the interactions of every user, rounded to the nearest number of them, for the test.

        Parameters
        ----------
        fraction : float, default 0.1
            Above 0 and below 1.
        seed : int, default 1

        Returns
        -------
        Split
        """
        check_float("fraction", fraction, above=0.0, below=1.0)
        draws = np.random.default_rng(check_int("seed", seed, minimum=0, maximum=2**64 - 1)).random(len(self))
        users = self.users
        by_user = np.lexsort((draws, users))
        place = np.empty(len(self), dtype=np.int64)
        place[by_user] = np.arange(len(self)) - self.offsets[users]
        return self._split(place < np.rint(fraction * np.diff(self.offsets))[users])

    def join(self, other: Interactions) -> Interactions:
        """Return the interactions of both, a user's of the other after those here: train and validation in one.

        Raises
        ------
        TypeError, ValueError
            If `other` is something else, or only one of both has weights or times.
        """
        if not isinstance(other, Interactions):
            raise TypeError(f"other must be Interactions, got {type(other).__name__}")
        parts: dict[str, NDArray[Any] | None] = {}
        for name in ("weights", "times"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if (mine is None) != (theirs is None):
                raise ValueError(f"{name} must be there in both or in none, got them in one")
            parts[name] = None if mine is None else np.concatenate([mine, theirs])
        with_users = max(self, other, key=lambda part: part.num_users)
        with_items = max(self, other, key=lambda part: part.num_items)
        return Interactions.from_pairs(
            np.concatenate([self.users, other.users]),
            np.concatenate([self.items, other.items]),
            num_users=with_users.num_users,
            num_items=with_items.num_items,
            user_ids=with_users.user_ids,
            item_ids=with_items.item_ids,
            **parts,
        )

    def _split(self, chosen: NDArray[np.bool_]) -> Split:
        return Split(self._part(~chosen), self._part(chosen))

    def _part(self, chosen: NDArray[np.bool_]) -> Interactions:
        before = np.concatenate([[0], np.cumsum(chosen)])
        return Interactions(
            before[self.offsets],
            self.items[chosen],
            num_items=self.num_items,
            weights=None if self.weights is None else self.weights[chosen],
            times=None if self.times is None else self.times[chosen],
            user_ids=self.user_ids,
            item_ids=self.item_ids,
        )


class Split(NamedTuple):
    """Two parts with the same users and items."""

    train: Interactions
    test: Interactions


def offsets_of(sizes: NDArray[Any]) -> NDArray[np.int64]:
    """Return where parts of these sizes begin, and the end, (n + 1,)."""
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


def names_of(ids: NDArray[Any] | None, count: int) -> NDArray[Any]:
    """Return the ids, by default the rows."""
    return np.arange(count) if ids is None else ids


def rows_of(ids: NDArray[Any], known: NDArray[Any] | None) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return what ids the rows have, the known ones first and new ones in order, and the row of each of `ids`."""
    if known is None:
        known = ids[:0]
    if ids.size == 0:
        return known, np.empty(0, dtype=np.int64)
    if known.dtype.kind != ids.dtype.kind and known.size > 0:
        known = known.astype(str)  # numbers here, text there
        ids = ids.astype(str)
    new = np.setdiff1d(ids, known)
    names = np.concatenate([known, new])
    order = np.argsort(names, kind="stable")
    return names, order[np.searchsorted(names, ids, sorter=order)]


def check_offsets(offsets: ArrayLike, count: int) -> NDArray[np.int64]:
    """Return offsets of `count` entries as int64."""
    array = check_integers("offsets", offsets, 2**63 - 1).astype(np.int64)
    if array.size == 0:
        raise ValueError("offsets must have at least one entry, got none")
    if array[0] != 0 or (np.diff(array) < 0).any():
        raise ValueError("offsets must start at 0 and never fall")
    if array[-1] != count:
        raise ValueError(f"offsets must end at the number of items, {count}, got {array[-1]}")
    return array


def check_weights(weights: ArrayLike, count: int) -> NDArray[np.float32]:
    """Return weights as float32, each finite and above 0."""
    array = np.asarray(weights)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"weights must be numbers, got dtype {array.dtype}")
    if array.shape != (count,):
        raise ValueError(f"weights must have an entry for each item, {count}, got shape {array.shape}")
    with np.errstate(over="ignore"):  # what is too large is refused as infinite
        array = np.array(array, dtype=np.float32)
    wrong = ~(np.isfinite(array) & (array > 0))
    if wrong.any():
        raise ValueError(f"weights must be finite and above 0, got {array[wrong][0]} at index {wrong.argmax()}")
    return array


def check_times(times: ArrayLike, count: int) -> NDArray[np.int64]:
    """Return times as int64."""
    array = np.asarray(times)
    if array.dtype.kind not in "iu":
        raise TypeError(f"times must be integers, got dtype {array.dtype}")
    if array.shape != (count,):
        raise ValueError(f"times must have an entry for each item, {count}, got shape {array.shape}")
    return array.astype(np.int64)


def check_names(name: str, ids: ArrayLike, count: int) -> NDArray[Any]:
    """Return what users or items are called."""
    array = np.array(ids)
    if array.dtype.kind not in "iuU":
        raise TypeError(f"{name} must be integers or str, got dtype {array.dtype}")
    if array.shape != (count,):
        raise ValueError(f"{name} must have an entry for each, {count}, got shape {array.shape}")
    return array
