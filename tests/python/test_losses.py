"""Losses and optimizers: what they refuse and what they hand to the core."""

from __future__ import annotations

import dataclasses
import gc
import math
from typing import Any

import numpy as np
import pytest
from hogvec import (
    NCE,
    SGD,
    BalancedTree,
    Corpus,
    HierarchicalSoftmax,
    NegativeSampling,
    OneVsAll,
    SampledSoftmax,
    SkipGram,
    Softmax,
    Trainer,
    UniformSampler,
    _core,
)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (True, TypeError, "must be an integer, got True"),
        ("5", TypeError, "must be an integer, got '5'"),
        (5.0, TypeError, r"must be an integer, got 5\.0"),
        (math.nan, TypeError, "must be an integer, got nan"),
        (0, ValueError, "must be at least 1, got 0"),
        (-1, ValueError, "must be at least 1, got -1"),
        (10_001, ValueError, "must be at most 10000, got 10001"),
        (10**30, ValueError, "must be at most 10000, got 10+"),
    ],
)
def test_the_number_of_negatives_is_checked(value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^negatives {message}$"):
        NegativeSampling(negatives=value)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (True, TypeError, "must be a number, got True"),
        ("0.75", TypeError, r"must be a number, got '0\.75'"),
        (None, TypeError, "must be a number, got None"),
        (math.nan, ValueError, "must be finite, got nan"),
        (math.inf, ValueError, "must be finite, got inf"),
        (-math.inf, ValueError, "must be finite, got -inf"),
    ],
)
def test_the_power_is_checked(value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^power {message}$"):
        NegativeSampling(power=value)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (True, TypeError, "must be a number, got True"),
        ("fast", TypeError, "must be a number, got 'fast'"),
        (math.nan, ValueError, "must be finite, got nan"),
        (math.inf, ValueError, "must be finite, got inf"),
        (0, ValueError, "must be above 0, got 0"),
        (-0.025, ValueError, r"must be above 0, got -0\.025"),
    ],
)
def test_the_learning_rate_is_checked(value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^learning_rate {message}$"):
        SGD(learning_rate=value)


def test_losses_are_values() -> None:
    assert NegativeSampling(negatives=3) == NegativeSampling(negatives=3)
    assert HierarchicalSoftmax() == HierarchicalSoftmax()
    with pytest.raises(dataclasses.FrozenInstanceError):
        NegativeSampling().negatives = 3  # type: ignore[misc]


def test_the_first_parameters_are_positional_and_the_others_are_not() -> None:
    sampler, tree = UniformSampler(9), BalancedTree(9)
    assert NegativeSampling(3, 0.5) == NegativeSampling(negatives=3, power=0.5)
    assert NCE(3, sampler, 2.0) == NCE(negatives=3, sampler=sampler, log_z=2.0)
    assert SampledSoftmax(3, sampler) == SampledSoftmax(num_sampled=3, sampler=sampler)
    assert HierarchicalSoftmax(tree) == HierarchicalSoftmax(tree=tree)
    for loss, *positional in (
        (NegativeSampling, 3, 0.5, sampler),
        (NCE, 3, sampler, 2.0, True),
        (SampledSoftmax, 3, sampler, True),
        (HierarchicalSoftmax, tree, "split"),
        (Softmax, 0.5),
        (OneVsAll, True),
    ):
        with pytest.raises(TypeError, match="positional argument"):
            loss(*positional)


@pytest.mark.parametrize("power", [-1e6, -1.0, 0.0, 0.75, 1.0, 1e6])
def test_any_finite_power_trains(power: float) -> None:
    corpus = Corpus.from_ids(np.arange(100, dtype=np.int32) ** 2 % 7, [0, 100])
    loss = NegativeSampling(power=power)
    vectors = Trainer(SkipGram(dim=4, subsample=0), loss, threads=1).fit(corpus, epochs=1, progress=False)
    assert np.isfinite(vectors.vectors).all()


def test_negatives_follow_the_power_of_the_counts() -> None:
    # Only candidates have rows of the output table changed: noise of a high power never draws the rare words, which
    # then change as targets alone, and words of count zero never change at all.
    ids = np.array([0] * 60 + [1] * 30 + [2] * 10, dtype=np.int32)
    corpus = Corpus.from_ids(np.random.default_rng(1).permutation(ids), [0, 100], num_ids=4)
    trainer = Trainer(SkipGram(dim=4, subsample=0), NegativeSampling(power=0.0), threads=1)
    trainer.fit(corpus, epochs=1, progress=False)
    changed = trainer.output_table.any(axis=1)
    assert changed.tolist() == [True, True, True, False]


def test_the_core_checks_what_a_loss_hands_over() -> None:
    weights = np.ones(3)
    with pytest.raises(ValueError, match="negatives must be at least 1, got 0"):
        _core.Objective.negative_sampling(weights, 0)
    with pytest.raises(TypeError):
        _core.Objective.negative_sampling(weights.astype(np.float32), 5)
    with pytest.raises(ValueError, match="weights must have one axis, got 2"):
        _core.Objective.negative_sampling(np.ones((3, 1)), 5)
    offsets, points, codes = np.array([0, 1, 2]), np.array([0, 0], np.int32), np.array([0, 1], np.uint8)
    _core.Objective.hierarchical_softmax(_core.Tree(offsets, points, codes))
    with pytest.raises(TypeError):
        _core.Objective.hierarchical_softmax(offsets, points, codes)  # type: ignore[call-arg, arg-type]
    with pytest.raises(TypeError):
        _core.Tree(offsets, points.astype(np.int64), codes)
    with pytest.raises(ValueError, match="codes must be 0 or 1, got 2 on the path of id 1"):
        _core.Tree(offsets, points, 2 * codes)
    with pytest.raises(ValueError, match="points must not be negative, got -1 on the path of id 0"):
        _core.Tree(offsets, points - 1, codes)
    with pytest.raises(ValueError, match="points must have one axis, got 2"):
        _core.Tree(offsets, points[None], codes)


def test_an_objective_keeps_its_tree() -> None:
    objective = _core.Objective.hierarchical_softmax(_core.Tree.balanced(3))
    gc.collect()
    train_epoch(objective=objective)


def train_epoch(**changes: Any) -> None:
    tables = _core.Tables(3, 3, 4, 1, _core.Optimizer("sgd"), 1.0)
    arguments: dict[str, Any] = {
        "ids": np.array([0, 1, 2], np.int32),
        "offsets": np.array([0, 3]),
        "counts": np.array([1, 1, 1]),
        "objective": _core.Objective.negative_sampling(np.ones(3), 2),
        "architecture": SkipGram(dim=4)._window_settings(),
        "subsample": 0.0,
        "learning_rate": 0.05,
        "schedule": _core.Schedule("linear", 1e-4, 0.0),
        "run_epoch": 0,
        "run_epochs": 1,
        "epoch": 0,
        "seed": 1,
        "threads": 1,
        "observer": lambda progress: True,
    }
    tables.train_epoch(**{**arguments, **changes})


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"ids": np.array([0, 3], np.int32), "offsets": np.array([0, 2])}, IndexError, "ids must be below .* 3, got 3"),
        (
            {"ids": np.array([0, -1], np.int32), "offsets": np.array([0, 2])},
            IndexError,
            "ids must not be negative, got -1",
        ),
        ({"ids": np.array([0, 1, 2])}, TypeError, "incompatible function arguments"),
        ({"ids": np.array([0, 9, 1, 9, 2, 9], np.int32)[::2]}, TypeError, "incompatible function arguments"),
        ({"offsets": np.array([0, 2])}, ValueError, "offsets must end at 3, got 2"),
        ({"offsets": np.array([0, 4])}, ValueError, "offsets must end at 3, got 4"),
        ({"offsets": np.array([0, 3, 2, 3])}, ValueError, "offsets must not fall, got 2 after 3"),
        ({"offsets": np.array([[0, 3]])}, ValueError, "offsets must have one axis, got 2"),
        ({"counts": np.array([1, 1])}, ValueError, "counts must have one entry per row, 3, got 2"),
        (
            {"objective": _core.Objective.negative_sampling(np.ones(4), 2)},
            ValueError,
            "counts must have one entry per row",
        ),
        ({"threads": 0}, ValueError, "threads must be at least 1, got 0"),
    ],
)
def test_the_core_refuses_what_would_not_be_memory_safe(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    train_epoch()
    with pytest.raises(error, match=message):
        train_epoch(**changes)
