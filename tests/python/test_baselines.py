"""Popularity and item neighbours against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hogvec import Interactions, ItemKNN, Popularity


def data(seed: int = 1) -> Interactions:
    random = np.random.default_rng(seed)
    return Interactions.from_pairs(random.integers(50, size=400), random.integers(30, size=400), num_users=52)


def test_neighbours_are_those_of_the_highest_cosines() -> None:
    train = data()
    table = np.zeros((train.num_users, train.num_items))
    table[train.users, train.items] = 1
    both = table.T @ table
    for shrink in (0.0, 3.0):
        model = ItemKNN(train, neighbors=5, shrink=shrink, threads=2)
        count = both.diagonal()
        expected = (both / (np.sqrt(np.outer(count, count)) + shrink)).astype(np.float32)
        np.fill_diagonal(expected, 0)
        order = np.argsort(-expected, axis=1, kind="stable")[:, :5]
        np.testing.assert_allclose(model.similarities, np.take_along_axis(expected, order, 1), rtol=1e-6)
        assert (model.neighbor_ids == order).all()
        kept = np.zeros_like(expected)
        np.put_along_axis(kept, order, model.similarities, 1)
        np.testing.assert_allclose(model.scores([3, 51, 0]), table[[3, 51, 0]] @ kept, rtol=1e-5, atol=1e-6)


def test_recommendations_leave_out_what_was_seen_and_end_with_none() -> None:
    train = Interactions([0, 2, 5], [0, 1, 0, 1, 2], num_items=4)
    for model in (Popularity(train), ItemKNN(train, neighbors=9)):
        assert model.recommend([1, 0], k=4).items[:, 2:].tolist() in ([[-1, -1], [-1, -1]], [[3, -1], [3, -1]])
        assert model.recommend([0], k=1).items.tolist() == [[2]]
        assert model.recommend([1], k=2, exclude_seen=Interactions([0, 0, 1], [0])).items.tolist() == [[1, 2]]
    assert Popularity(train).recommend(k=2, exclude_seen=False).items.tolist() == [[0, 1], [0, 1]]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(TypeError, match="train must be Interactions, got list"):
        Popularity([[1]])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="neighbors must be at least 1, got 0"):
        ItemKNN(data(), neighbors=0)
    with pytest.raises(ValueError, match="shrink must be at least 0, got -1"):
        ItemKNN(data(), shrink=-1)
    with pytest.raises(ValueError, match="k must be at most 30, got 31"):
        Popularity(data()).recommend(k=31)
    with pytest.raises(IndexError, match="users must be at least 0 and below 52, got 52"):
        ItemKNN(data()).scores([52])
