"""Optimizers against the rules of `reference.optimize`, in batches and in trainers; schedules; their arguments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hogvec import (
    CBOW,
    SGD,
    AdaGrad,
    Adam,
    Batch,
    Corpus,
    HierarchicalSoftmax,
    Momentum,
    NegativeSampling,
    RMSProp,
    Schedule,
    SkipGram,
    Trainer,
    info,
)
from optimizer_cases import DIM, OPTIMIZERS, ROWS, WITH_STATE, Reference, random_batch, train_reference


@pytest.mark.parametrize("instruction_set", info()["available_instruction_sets"])
@pytest.mark.parametrize(("bags", "own"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_batches_are_trained_by_the_rule(optimizer: Any, bags: bool, own: bool, instruction_set: str) -> None:
    random = np.random.default_rng(5)
    trainer = Trainer(SkipGram(dim=DIM), optimizer=optimizer)
    trainer.initialize(input_rows=ROWS, output_rows=ROWS)
    trainer.input_table[:] = random.normal(scale=0.5, size=(ROWS, DIM))
    trainer.output_table[:] = random.normal(scale=0.5, size=(ROWS, DIM))
    inputs, outputs = Reference(trainer.input_table, optimizer), Reference(trainer.output_table, optimizer)
    for _ in range(3):
        batch = random_batch(random, bags=bags, own=own, groups=4)
        trainer._made_tables().train_batch(**batch._arrays(), learning_rate=0.05, instruction_set=instruction_set)
        train_reference(batch, inputs, outputs, 0.05)
    # Steps divided by the root of a tiny mean of squares turn the rounding of the gradient into 1e-4 of a step.
    np.testing.assert_allclose(trainer.input_table, inputs.table, atol=3e-5)
    np.testing.assert_allclose(trainer.output_table, outputs.table, atol=3e-5)
    for name, array in trainer.optimizer_state.items():
        reference = inputs if name.startswith("input") else outputs
        part = {"velocity": "first", "first_moment": "first", "steps": "t"}.get(name.split("_", 1)[1], "second")
        if part == "t" and getattr(optimizer, "untouched", "") == "decayed":
            continue  # the step of a row's last update
        decayed = getattr(optimizer, "untouched", "") == "decayed"
        for row, state in enumerate(reference.states):
            if "t" not in state or decayed:
                continue
            np.testing.assert_allclose(array[row], np.ravel(state[part])[0] if array.ndim == 1 else state[part],
                                       rtol=1e-4, atol=1e-6)  # fmt: skip


def test_a_rate_of_zero_measures_and_changes_nothing() -> None:
    random = np.random.default_rng(1)
    batch = random_batch(random, bags=True, own=True, groups=3)
    for optimizer in WITH_STATE:
        trainer = Trainer(SkipGram(dim=DIM), optimizer=optimizer)
        trainer.initialize(input_rows=ROWS, output_rows=ROWS)
        trainer.output_table[:] = random.normal(size=(ROWS, DIM))
        before = trainer.input_table.copy(), trainer.output_table.copy()
        assert trainer.train_batch(batch, learning_rate=0) > 0
        np.testing.assert_array_equal(trainer.input_table, before[0])
        np.testing.assert_array_equal(trainer.output_table, before[1])
        assert all(not array.any() for array in trainer.optimizer_state.values())


@pytest.mark.parametrize("loss", [NegativeSampling(), HierarchicalSoftmax()], ids=repr)
@pytest.mark.parametrize("architecture", [SkipGram, CBOW])
@pytest.mark.parametrize("optimizer", WITH_STATE, ids=repr)
def test_every_optimizer_trains_every_model(optimizer: Any, architecture: Any, loss: Any) -> None:
    random = np.random.default_rng(3)
    topics = random.integers(4, size=3000)
    ids = (topics[:, None] * 5 + random.integers(5, size=(3000, 8))).astype(np.int32)  # 5 words of one topic of 4
    corpus = Corpus.from_ids(ids.ravel(), np.arange(3001) * 8)
    if isinstance(optimizer, Momentum):  # a few words in every window: a velocity runs away at higher rates
        optimizer = replace(optimizer, learning_rate=0.005 if not optimizer.average else 0.05)
    trainer = Trainer(architecture(dim=12, window=3, subsample=0), loss, optimizer, threads=1)  # the same every time
    vectors = trainer.fit(corpus, epochs=4, progress=False)
    assert trainer.history[-1].loss < trainer.history[0].loss
    found = [int(word) // 5 for word, _ in vectors.most_similar("7", topn=4)]
    assert found.count(1) >= 3


def test_the_state_is_live_and_of_the_tables_shape() -> None:
    trainer = Trainer(SkipGram(dim=5), optimizer=Adam(learning_rate=0.1))
    with pytest.raises(RuntimeError, match="the tables must be made first"):
        _ = trainer.optimizer_state
    trainer.initialize(input_rows=3, output_rows=4)
    state = trainer.optimizer_state
    assert {name: array.shape for name, array in state.items()} == {
        "input_first_moment": (3, 5),
        "input_second_moment": (3, 5),
        "input_steps": (3,),
        "output_first_moment": (4, 5),
        "output_second_moment": (4, 5),
        "output_steps": (4,),
    }
    batch = Batch(bag_rows=[1], group_offsets=[0, 1], shared_offsets=[0, 1], shared_rows=[2], shared_labels=[1])
    trainer.output_table[:] = 1
    trainer.train_batch(batch)
    assert state["input_steps"].tolist() == [0, 1, 0]
    assert state["output_steps"].tolist() == [0, 0, 1, 0]
    assert state["input_first_moment"][1].any()
    state["input_first_moment"][:] = 0
    assert not trainer.optimizer_state["input_first_moment"].any()
    rows = Trainer(SkipGram(dim=5), optimizer=AdaGrad(learning_rate=0.1, per_row=True))
    rows.initialize(input_rows=3, output_rows=40)
    assert rows.optimizer_state["output_sum_of_squares"].shape == (40,)
    assert Trainer(SkipGram()).optimizer.schedule.shape == "linear"


def test_one_thread_gives_the_same_bits_twice() -> None:
    corpus = Corpus.from_ids(np.random.default_rng(1).integers(50, size=20_000, dtype=np.int32), [0, 20_000])
    for optimizer in WITH_STATE:
        runs = []
        for _ in range(2):
            trainer = Trainer(SkipGram(dim=8, subsample=0), optimizer=optimizer, threads=1)
            trainer.fit(corpus, epochs=2, progress=False)
            runs.append(trainer.input_table.copy())
        np.testing.assert_array_equal(*runs)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule(), lambda p: 1 - p),
        (Schedule(shape="constant"), lambda p: 1.0),
        (Schedule(shape="cosine", floor=0.0), lambda p: (1 + np.cos(np.pi * p)) / 2),
        (Schedule(warm_up=0.5), lambda p: max(p / 0.5, 1e-4) if p < 0.5 else max(1 - (p - 0.5) / 0.5, 1e-4)),
    ],
    ids=repr,
)
def test_the_learning_rate_follows_its_schedule(schedule: Schedule, expected: Any) -> None:
    corpus = Corpus.from_ids(np.random.default_rng(1).integers(9, size=100_000, dtype=np.int32), [0, 100_000])
    trainer = Trainer(SkipGram(dim=4, subsample=0), optimizer=SGD(learning_rate=0.01, schedule=schedule), threads=1)
    trainer.fit(corpus, epochs=4, progress=False)
    for epoch, report in enumerate(trainer.history, 1):  # the rate of the last batch of each epoch
        assert report.learning_rate == pytest.approx(0.01 * expected(epoch / 4), abs=0.01 * 2e-3)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Momentum(learning_rate=0), ValueError, "learning_rate must be above 0, got 0"),
        (lambda: Momentum(learning_rate=1, momentum=1), ValueError, "momentum must be below 1, got 1"),
        (lambda: Momentum(learning_rate=1, average=1), TypeError, "average must be True or False, got 1"),
        (lambda: RMSProp(learning_rate=1, decay=-0.1), ValueError, "decay must be at least 0, got -0.1"),
        (lambda: AdaGrad(learning_rate=1, epsilon=0), ValueError, "epsilon must be above 0, got 0"),
        (lambda: AdaGrad(learning_rate=1, per_row="no"), TypeError, "per_row must be True or False"),
        (lambda: Adam(learning_rate=float("nan")), ValueError, "learning_rate must be finite, got nan"),
        (lambda: Adam(learning_rate=1, beta2=1.5), ValueError, "beta2 must be below 1, got 1.5"),
        (lambda: Adam(learning_rate=1, untouched="dense"), ValueError, "untouched must be one of 'lazy', 'decayed'"),
        (lambda: Schedule(shape="step"), ValueError, "shape must be one of 'linear', 'constant', 'cosine'"),
        (lambda: Schedule(floor=2), ValueError, "floor must be at most 1, got 2"),
        (lambda: Schedule(warm_up=1), ValueError, "warm_up must be below 1, got 1"),
        (lambda: SGD(schedule="linear"), TypeError, "schedule must be a Schedule, got 'linear'"),
        (lambda: Trainer(SkipGram(), optimizer="adam"), TypeError, "optimizer must be an SGD, Momentum, RMSProp"),
    ],
)
def test_wrong_arguments_are_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
