"""How well a model ranks the items that users took next: over all items, never over a sample of them.

Ranking a few sampled items instead of all changes which model looks best: W. Krichene and S. Rendle, "On sampled
metrics for item recommendation", KDD 2020.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec._validate import check_int
from hogvec.interactions import Interactions
from hogvec.recommender import Recommendations, items_of_users

__all__ = ["RankingModel", "RankingReport", "check_metric", "ranking"]

_BLOCK = 1 << 24  # scores at once, where all of them are needed: 64 MB
_METRIC = re.compile(r"(recall|ndcg|hit|mrr)@([1-9][0-9]{0,8})|mrr")


class RankingModel(Protocol):
    """What can be evaluated: a `Recommender`, a baseline, or a class of one's own."""

    @property
    def num_items(self) -> int:
        """Items there are."""

    def recommend(
        self, users: ArrayLike | None = None, *, k: int = 10, exclude_seen: bool | Interactions = True
    ) -> Recommendations:
        """Return the k best items of users."""

    def scores(self, users: ArrayLike | None = None) -> NDArray[np.float32]:
        """Return scores of all items, (n, num_items); only for "mrr"."""


@dataclass(frozen=True, kw_only=True)
class RankingReport:
    """Means over users.

    Attributes
    ----------
    metrics : mapping of str to float
        By name, such as "recall@20".
    num_users : int
        Users with something in the test.
    """

    metrics: Mapping[str, float]
    num_users: int

    def __getitem__(self, name: str) -> float:
        return self.metrics[name]

    def __str__(self) -> str:
        return "  ".join(
            [*(f"{name} {value:.4f}" for name, value in self.metrics.items()), f"{self.num_users:,} users"]
        )


def ranking(
    model: RankingModel,
    train: Interactions,
    test: Interactions,
    *,
    metrics: Sequence[str] = ("recall@20", "ndcg@20"),
) -> RankingReport:
    """Rank all items for every user of a test but those of the training, and look where the test's items stand.

    Parameters
    ----------
    model : Recommender, Popularity, ItemKNN or anything with their methods
    train : Interactions
        What is left out of the rankings.
    test : Interactions
        With the same users and items. An item that stands twice with a user counts once; one that stands in `train`,
        too, or that the model does not know, can not be found and is a miss. Users without items are passed over.
    metrics : sequence of str, default ("recall@20", "ndcg@20")
        Of the k first: "recall@k", the share of the test's items among them; "ndcg@k", with a gain of
        1 / log2(1 + rank), over that of the best possible order; "hit@k", whether there is any; "mrr@k", 1 / rank of
        the first one, or 0. "mrr" is that in the whole ranking, where equal scores count as half.

    Returns
    -------
    RankingReport

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, a metric has another form, a k is larger than the number of items, or the
        test has no items.

    Examples
    --------
    >>> from hogvec import Interactions, Popularity
    >>> train, test = Interactions([0, 2, 4], [0, 1, 0, 2], num_items=4), Interactions([0, 1, 2], [2, 3], num_items=4)
    >>> print(ranking(Popularity(train), train, test, metrics=["recall@1", "mrr"]))
    recall@1 0.5000  mrr 0.7500  2 users
    """
    for name, data in (("train", train), ("test", test)):
        if not isinstance(data, Interactions):
            raise TypeError(f"{name} must be Interactions, got {type(data).__name__}")
    if isinstance(metrics, str) or len(metrics) == 0:
        raise TypeError(f"metrics must be a list of names, got {metrics!r}")
    cutoffs = {metric: check_metric(metric, model.num_items) for metric in metrics}
    users = np.flatnonzero(np.diff(test.offsets))
    if len(users) == 0:
        raise ValueError("test must have items, got none")
    wanted = Wanted(test, users)
    most = max((k for k in cutoffs.values() if k is not None), default=0)
    found = np.zeros((len(users), 0), dtype=bool)
    if most > 0:
        found = wanted.among(model.recommend(users, k=most, exclude_seen=train).items)
    values = {
        metric: 1 / first_ranks(model, train, wanted) if k is None else of_first(metric, found, k, wanted)
        for metric, k in cutoffs.items()
    }
    means = {metric: float(of_users.mean()) for metric, of_users in values.items()}
    return RankingReport(metrics=means, num_users=len(users))


def check_metric(metric: str, num_items: int) -> int | None:
    """Return the k of a metric, None if it has none."""
    match = _METRIC.fullmatch(metric) if isinstance(metric, str) else None
    if match is None:
        raise ValueError(f"a metric must be recall@k, ndcg@k, hit@k, mrr@k or mrr, got {metric!r}")
    return None if match[2] is None else check_int(f"k of {metric}", int(match[2]), minimum=1, maximum=num_items)


class Wanted:
    """The distinct items of a test, by user."""

    def __init__(self, test: Interactions, users: NDArray[np.int64]) -> None:
        self.users = users
        self._width = np.int64(test.num_items)
        place = np.repeat(np.arange(len(users)), np.diff(test.offsets)[users])
        self._keys = np.unique(place * self._width + test.items)
        self.counts = np.bincount(self._keys // self._width, minlength=len(users))

    def among(self, items: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Whether each of the items of the users, (n, k), is wanted; -1 is not."""
        keys = np.arange(len(items))[:, np.newaxis] * self._width + items
        places = np.searchsorted(self._keys, keys)
        places[places == len(self._keys)] = 0
        return np.asarray((self._keys[places] == keys) & (items >= 0) & (items < self._width))

    def items(self, place: int) -> NDArray[np.int64]:
        """Return those of one user."""
        begin, end = np.searchsorted(self._keys, [place * self._width, (place + 1) * self._width])
        return self._keys[begin:end] - place * self._width


def of_first(metric: str, found: NDArray[np.bool_], k: int, wanted: Wanted) -> NDArray[np.float64]:
    """Return a metric of the first k, for each user; `found` is (n, k or more)."""
    found = found[:, :k]
    name = metric.partition("@")[0]
    gains = 1 / np.log2(np.arange(2, k + 2))
    if name == "recall":
        return np.asarray(found.sum(axis=1) / wanted.counts)
    if name == "hit":
        return np.asarray(found.any(axis=1), dtype=np.float64)
    if name == "mrr":
        return np.asarray(found.any(axis=1) / (1 + found.argmax(axis=1)))
    return np.asarray(found @ gains / np.cumsum(gains)[np.minimum(wanted.counts, k) - 1])


def first_ranks(model: RankingModel, train: Interactions, wanted: Wanted) -> NDArray[np.float64]:
    """Return the rank of the best of the wanted items of each user, infinity where none can be found."""
    ranks = np.full(len(wanted.users), np.inf)
    step = max(1, _BLOCK // max(1, model.num_items))
    for begin in range(0, len(ranks), step):
        users = wanted.users[begin : begin + step]
        scores = np.array(model.scores(users), dtype=np.float32)
        offsets, items = items_of_users(train, users, model.num_items)
        scores[np.repeat(np.arange(len(users)), np.diff(offsets)), items] = -np.inf
        for i in range(len(users)):
            mine = wanted.items(begin + i)
            best = scores[i, mine[mine < model.num_items]].max(initial=-np.inf)
            if best > -np.inf:
                equal = np.count_nonzero(scores[i] == best) - 1
                ranks[begin + i] = 1 + np.count_nonzero(scores[i] > best) + equal / 2
    return ranks
