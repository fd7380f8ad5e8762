"""Baselines for rankings: what most users take, and items that go together. What does not beat them is of no use."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec import _core
from hogvec._system import number_of_threads
from hogvec._validate import check_float, check_ids, check_int
from hogvec.interactions import Interactions, offsets_of
from hogvec.recommender import Recommendations, items_of_users

__all__ = ["ItemKNN", "Popularity"]

_BLOCK = 1 << 24  # scores at once: 64 MB


class Baseline(ABC):
    """What both share: recommendations from scores of all items, some users at a time."""

    def __init__(self, train: Interactions) -> None:
        if not isinstance(train, Interactions):
            raise TypeError(f"train must be Interactions, got {type(train).__name__}")
        self.train = train

    @property
    def num_items(self) -> int:
        """Items there are."""
        return self.train.num_items

    def scores(self, users: ArrayLike | None = None) -> NDArray[np.float32]:
        """Return how well every item goes with users, float32 (n, num_items); give some users at a time."""
        return self._scores(self._rows(users))

    def recommend(
        self, users: ArrayLike | None = None, *, k: int = 10, exclude_seen: bool | Interactions = True
    ) -> Recommendations:
        """Return the k best items of users, as `Recommender.recommend` does.

        Raises
        ------
        TypeError, ValueError, IndexError
            As there.
        """
        k = check_int("k", k, minimum=1, maximum=self.num_items)
        rows = self._rows(users)
        excluded = exclude_seen if isinstance(exclude_seen, Interactions) else self.train if exclude_seen else None
        items, best = np.empty((len(rows), k), np.int32), np.empty((len(rows), k), np.float32)
        step = max(1, _BLOCK // max(1, self.num_items))
        for begin in range(0, len(rows), step):
            part = rows[begin : begin + step]
            scores = np.array(self._scores(part))
            if excluded is not None:
                offsets, seen = items_of_users(excluded, part, self.num_items)
                scores[np.repeat(np.arange(len(part)), np.diff(offsets)), seen] = -np.inf
            items[begin : begin + step], best[begin : begin + step] = best_of(scores, k)
        return Recommendations(items=items, scores=best)

    def _rows(self, users: ArrayLike | None) -> NDArray[np.int64]:
        rows = np.arange(self.train.num_users) if users is None else users
        return check_ids("users", rows, self.train.num_users).astype(np.int64)

    @abstractmethod
    def _scores(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return how much users are recommended each item, (len(users), num_items)."""


class Popularity(Baseline):
    """Recommend to everybody what occurs most often.

    Parameters
    ----------
    train : Interactions

    Examples
    --------
    >>> Popularity(Interactions([0, 2, 3, 4], [1, 2, 1, 0])).recommend([0, 1], k=1).items
    array([[0],
           [0]], dtype=int32)
    """

    def _scores(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.tile(self.train.counts.astype(np.float32), (len(users), 1))


class ItemKNN(Baseline):
    """Recommend what is near to the items that a user took: the sum of their similarities, of near neighbours alone.

    Items are similar as far as the same users took them: c_ij / (sqrt(c_i c_j) + shrink), the cosine of their columns
    of zeros and ones for a `shrink` of 0.

    Parameters
    ----------
    train : Interactions
        An item that a user took twice counts once.
    neighbors : int, default 100
        Of each item, at least 1.
    shrink : float, default 0.0
        At least 0; above it, similarities of rare items are smaller.
    threads : int, optional
        1 to 1024. Default: the cores that this process may use.

    Attributes
    ----------
    neighbor_ids : ndarray of int32, shape (num_items, neighbors)
        The nearest first; -1 where there are fewer.
    similarities : ndarray of float32, shape (num_items, neighbors)

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or outside its range.

    References
    ----------
    B. Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001.

    Examples
    --------
    >>> model = ItemKNN(Interactions([0, 2, 4, 6], [0, 1, 0, 1, 2, 0]))
    >>> model.neighbor_ids[1, :2], model.similarities[1, :1].round(3)
    (array([ 0, -1], dtype=int32), array([0.816], dtype=float32))
    """

    def __init__(
        self, train: Interactions, *, neighbors: int = 100, shrink: float = 0.0, threads: int | None = None
    ) -> None:
        super().__init__(train)
        self.threads = number_of_threads(threads)
        check_int("neighbors", neighbors, minimum=1)
        check_float("shrink", shrink, minimum=0.0)
        width = max(1, train.num_items)
        keys = np.unique(train.users * width + train.items)
        users, items = (keys // width).astype(np.int32), (keys % width).astype(np.int32)
        by_item = np.argsort(items, kind="stable")
        self._offsets, self._items = offsets_of(np.bincount(users, minlength=train.num_users)), items
        self.neighbor_ids, self.similarities = _core.item_neighbors(
            self._offsets,
            items,
            offsets_of(np.bincount(items, minlength=train.num_items)),
            users[by_item],
            neighbors,
            shrink,
            self.threads,
        )

    def _scores(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        begins = self._offsets[users]
        sizes = self._offsets[users + 1] - begins
        offsets = offsets_of(sizes)
        items = self._items[np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], sizes)]
        return _core.neighbor_scores(offsets, items, self.neighbor_ids, self.similarities, self.threads)


def best_of(scores: NDArray[np.float32], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return columns and values of the k highest of each row, equal ones by column; -1 where they are -infinity."""
    items = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(scores, items, axis=1)
    items[np.isneginf(best)] = -1
    return items.astype(np.int32), best
