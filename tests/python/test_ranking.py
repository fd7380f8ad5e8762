"""`evaluate.ranking` against a plain enumeration of the metrics' definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hogvec import Interactions, Recommendations
from hogvec.evaluate import ranking


class Table:
    """A model that is its scores."""

    def __init__(self, scores: np.ndarray) -> None:
        self.table = np.asarray(scores, dtype=np.float32)

    @property
    def num_items(self) -> int:
        return self.table.shape[1]

    def scores(self, users: np.ndarray) -> np.ndarray:
        return self.table[users]

    def recommend(self, users: np.ndarray, *, k: int, exclude_seen: Interactions) -> Recommendations:
        items, best = np.full((len(users), k), -1, np.int32), np.full((len(users), k), -np.inf, np.float32)
        for i, user in enumerate(users):
            left = np.setdiff1d(np.arange(self.num_items), exclude_seen.items_of(user))
            order = left[np.argsort(-self.table[user, left], kind="stable")][:k]
            items[i, : len(order)], best[i, : len(order)] = order, self.table[user, order]
        return Recommendations(items=items, scores=best)


def test_metrics_are_what_their_definitions_say() -> None:
    random = np.random.default_rng(1)
    table = random.permutation(40 * 30).reshape(40, 30)
    train = Interactions.from_pairs(
        random.integers(40, size=200), random.integers(30, size=200), num_users=40, num_items=30
    )
    test = Interactions.from_pairs(
        random.integers(40, size=90), random.integers(30, size=90), num_users=40, num_items=30
    )
    report = ranking(Table(table), train, test, metrics=["recall@5", "ndcg@5", "hit@5", "mrr@5", "mrr"])
    expected: dict[str, list[float]] = {name: [] for name in report.metrics}
    for user in range(40):
        wanted = set(test.items_of(user).tolist())
        if not wanted:
            continue
        order = [item for item in np.argsort(-table[user]).tolist() if item not in train.items_of(user)]
        ranks = [rank for rank, item in enumerate(order, 1) if item in wanted]
        first = [rank for rank in ranks if rank <= 5]
        expected["recall@5"].append(len(first) / len(wanted))
        best = sum(1 / math.log2(1 + rank) for rank in range(1, min(len(wanted), 5) + 1))
        expected["ndcg@5"].append(sum(1 / math.log2(1 + rank) for rank in first) / best)
        expected["hit@5"].append(float(bool(first)))
        expected["mrr@5"].append(1 / first[0] if first else 0)
        expected["mrr"].append(1 / ranks[0] if ranks else 0)
    assert report.num_users == len(expected["mrr"]) < 40
    for name, values in expected.items():
        assert report[name] == pytest.approx(np.mean(values)), name


def test_duplicates_count_once_and_unknown_or_seen_items_are_misses() -> None:
    model = Table(np.array([[3.0, 2.0, 1.0]]))
    nothing = Interactions([0, 0], [], num_items=3)
    assert ranking(model, nothing, Interactions([0, 2], [0, 0]), metrics=["recall@1"])["recall@1"] == 1
    unknown = ranking(model, nothing, Interactions([0, 2], [0, 7]), metrics=["recall@3", "mrr"])
    assert (unknown["recall@3"], unknown["mrr"]) == (0.5, 1)
    seen = ranking(
        model, Interactions([0, 1], [0], num_items=3), Interactions([0, 1], [0]), metrics=["recall@2", "mrr"]
    )
    assert (seen["recall@2"], seen["mrr"]) == (0, 0)


def test_equal_scores_do_not_look_like_a_good_rank() -> None:
    constant = Table(np.zeros((1, 101)))
    report = ranking(constant, Interactions([0, 0], [], num_items=101), Interactions([0, 1], [0]), metrics=["mrr"])
    assert report["mrr"] == pytest.approx(1 / 51)


@pytest.mark.parametrize("metric", ["recall", "recall@0", "auc", "ndcg@-1", "recall@20x", 5])
def test_other_metrics_are_refused(metric: object) -> None:
    data = Interactions([0, 1], [0])
    with pytest.raises(ValueError, match="a metric must be recall@k"):
        ranking(Table(np.zeros((1, 1))), data, data, metrics=[metric])


def test_a_cutoff_beyond_the_catalogue_and_an_empty_test_are_refused() -> None:
    data, model = Interactions([0, 1], [0]), Table(np.zeros((1, 1)))
    with pytest.raises(ValueError, match="k of recall@2 must be at most 1, got 2"):
        ranking(model, data, data, metrics=["recall@2"])
    with pytest.raises(ValueError, match="test must have items, got none"):
        ranking(model, data, Interactions([0, 0], [], num_items=1), metrics=["recall@1"])
    with pytest.raises(TypeError, match="test must be Interactions, got list"):
        ranking(model, data, [[0]], metrics=["recall@1"])
