"""Softmax losses and one-vs-all in trainers: what they recover, that their runs repeat, what is refused."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hogvec import (
    CBOW,
    SGD,
    Batch,
    ClassTree,
    Corpus,
    HardOf,
    HierarchicalSoftmax,
    InBatchSampler,
    LogUniformSampler,
    OneVsAll,
    SampledSoftmax,
    Schedule,
    SkipGram,
    Softmax,
    Trainer,
    UniformSampler,
    UnigramSampler,
    _core,
)
from hogvec.reference import class_log_probabilities, group_gradients, group_loss, sigmoid
from loss_cases import planted_pairs
from optimizer_cases import DIM, OPTIMIZERS, ROWS, WITH_STATE, Reference, random_batch, train_reference

WORDS = 12
CLASSES = ClassTree(classes=np.arange(WORDS) % 4)
SOFTMAX_LOSSES = [
    Softmax(),
    Softmax(temperature=0.5),
    SampledSoftmax(4),
    SampledSoftmax(4, unique=False),
    SampledSoftmax(4, remove_accidental_hits=False),
    SampledSoftmax(4, unique=False, remove_accidental_hits=False),
    SampledSoftmax(4, sampler=UniformSampler(WORDS), temperature=2.0),
    SampledSoftmax(WORDS, sampler=UniformSampler(WORDS)),
    HierarchicalSoftmax(tree=CLASSES),
]


@pytest.fixture(scope="module")
def planted() -> tuple[Corpus, Any]:
    return planted_pairs(WORDS, 30_000)


def train(loss: Any, corpus: Corpus, *, epochs: int = 12, architecture: Any = None) -> Trainer:
    schedule = Schedule(shape="linear", floor=0.01)
    architecture = architecture or SkipGram(dim=16, window=1, subsample=0)
    rate = 0.16 * getattr(loss, "temperature", 1.0) ** 0.5  # gradients are divided by the temperature
    trainer = Trainer(architecture, loss, SGD(learning_rate=rate, schedule=schedule), threads=1)
    trainer.fit(corpus, epochs=epochs, progress=False)
    return trainer


def log_probabilities(trainer: Trainer) -> Any:
    """Return ln P(output | context word) under the trained tables, (words, words)."""
    inputs, outputs = trainer.input_table.astype(float), trainer.output_table.astype(float)
    if isinstance(trainer.loss, HierarchicalSoftmax):
        return class_log_probabilities(CLASSES.class_of, inputs, outputs)
    scores = inputs @ outputs.T / getattr(trainer.loss, "temperature", 1.0)
    return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("loss", SOFTMAX_LOSSES, ids=repr)
def test_a_planted_distribution_is_recovered(loss: Any, planted: tuple[Corpus, Any]) -> None:
    corpus, truth = planted
    found = log_probabilities(train(loss, corpus))
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1, rtol=1e-12)
    assert (truth * (np.log(truth) - found)).sum(axis=1).mean() < 0.01


def test_one_vs_all_learns_how_probable_each_output_is(planted: tuple[Corpus, Any]) -> None:
    corpus, truth = planted
    trainer = train(OneVsAll(), corpus)
    found = sigmoid(trainer.input_table.astype(float) @ trainer.output_table.T)
    assert np.abs(found - truth).max() < 0.05  # the rarest context stands in some 700 pairs: a standard error of 0.015


@pytest.mark.parametrize("loss", [Softmax(), HierarchicalSoftmax(tree=CLASSES)], ids=repr)
@pytest.mark.parametrize("architecture", [SkipGram, CBOW])
def test_the_reported_loss_is_minus_the_log_likelihood(loss: Any, architecture: Any, planted: Any) -> None:
    corpus, truth = planted
    trainer = train(loss, corpus, architecture=architecture(dim=16, window=1, subsample=0), epochs=4)
    share = corpus.counts / corpus.counts.sum()
    exact = -(share[:, None] * truth * log_probabilities(trainer)).sum()
    # Of the 3,750 groups measured, each with a loss of about 2 +- 1: a standard error of 0.02.
    assert trainer.history[-1].loss == pytest.approx(exact, abs=0.08)


def test_a_sample_of_everything_is_the_softmax(planted: tuple[Corpus, Any]) -> None:
    corpus, _ = planted
    everything = SampledSoftmax(WORDS, sampler=UniformSampler(WORDS))
    tables = [train(loss, corpus, epochs=1) for loss in (Softmax(), everything)]
    np.testing.assert_allclose(tables[0].input_table, tables[1].input_table, atol=1e-3)
    assert tables[0].history[0].loss == pytest.approx(tables[1].history[0].loss, rel=1e-4)


def test_smoothed_labels_are_learnt(planted: tuple[Corpus, Any]) -> None:
    corpus, truth = planted
    found = log_probabilities(train(Softmax(label_smoothing=0.3), corpus, epochs=6))
    smooth = 0.7 * truth + 0.3 / WORDS
    assert (smooth * (np.log(smooth) - found)).sum(axis=1).mean() < 0.01
    sampled = train(SampledSoftmax(WORDS, sampler=UniformSampler(WORDS), label_smoothing=0.3), corpus, epochs=6)
    np.testing.assert_allclose(np.exp(log_probabilities(sampled)), np.exp(found), atol=0.03)


@pytest.mark.parametrize("loss", [*SOFTMAX_LOSSES, OneVsAll()], ids=repr)
def test_one_thread_gives_the_same_bits_twice_and_two_threads_train(loss: Any, planted: tuple[Corpus, Any]) -> None:
    corpus, _ = planted
    runs = []
    for threads in (1, 1, 2):
        trainer = Trainer(CBOW(dim=8, window=2, subsample=0), loss, threads=threads)
        trainer.fit(corpus, epochs=2, progress=False)
        runs.append(trainer)
        assert trainer.history[1].loss < trainer.history[0].loss
    np.testing.assert_array_equal(runs[0].input_table, runs[1].input_table)
    np.testing.assert_array_equal(runs[0].output_table, runs[1].output_table)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_optimizer_trains_batches_by_its_rule_with_the_softmax_link(optimizer: Any, own: bool) -> None:
    random = np.random.default_rng(5)
    trainer = Trainer(SkipGram(dim=DIM), Softmax(temperature=0.8), optimizer)
    trainer.initialize(input_rows=ROWS, output_rows=ROWS)
    trainer.input_table[:] = random.normal(scale=0.5, size=(ROWS, DIM))
    trainer.output_table[:] = random.normal(scale=0.5, size=(ROWS, DIM))
    inputs, outputs = Reference(trainer.input_table, optimizer), Reference(trainer.output_table, optimizer)
    for _ in range(3):
        batch = random_batch(random, bags=own, own=own, groups=4)
        trainer.train_batch(batch, learning_rate=0.02)
        train_reference(batch, inputs, outputs, 0.02, link="softmax", score_scale=1 / 0.8)
    # Steps divided by the root of a tiny mean of squares turn the rounding of the gradient into 1e-4 of a step.
    np.testing.assert_allclose(trainer.input_table, inputs.table, atol=3e-5)
    np.testing.assert_allclose(trainer.output_table, outputs.table, atol=3e-5)


@pytest.mark.parametrize("loss", [Softmax(), SampledSoftmax(5), HierarchicalSoftmax(tree=ClassTree(np.ones(20, int)))])
@pytest.mark.parametrize("optimizer", WITH_STATE, ids=repr)
def test_every_optimizer_trains_softmax_losses(optimizer: Any, loss: Any) -> None:
    random = np.random.default_rng(3)
    topics = random.integers(4, size=1500)
    ids = (topics[:, None] * 5 + random.integers(5, size=(1500, 8))).astype(np.int32)  # 5 words of one topic of 4
    corpus = Corpus.from_ids(ids.ravel(), np.arange(1501) * 8)
    if hasattr(optimizer, "momentum") and not optimizer.average:  # few words in every window: a velocity runs away
        optimizer = replace(optimizer, learning_rate=0.005)
    trainer = Trainer(SkipGram(dim=12, window=3, subsample=0), loss, optimizer, threads=2)
    vectors = trainer.fit(corpus, epochs=4, progress=False)
    # One epoch may be enough for an adaptive rule; two threads then make the others a little better or worse.
    assert trainer.history[-1].loss < 1.02 * trainer.history[0].loss
    found = [int(word) // 5 for word, _ in vectors.most_similar("7", topn=4)]
    assert found.count(1) >= 3


def test_the_softmax_gradient_is_the_difference_quotient_of_its_loss() -> None:
    random = np.random.default_rng(4)
    hidden, rows = random.normal(size=(3, 5)), random.normal(size=(6, 5))
    labels, weights, log_q = np.array([1, 0, 0, 0.5, 0, 0]), np.array([1, 2, 1, 0.5, 0, 3]), random.normal(size=6)
    scoring: dict[str, Any] = {"link": "softmax", "score_scale": 0.7}
    gradients = group_gradients(hidden, rows, labels, weights, log_q, **scoring)
    step = 1e-5
    for table, gradient in ((hidden, gradients.hidden), (rows, gradients.rows)):
        for place in np.ndindex(table.shape):
            sides = []
            for sign in (1, -1):
                table[place] += sign * step
                sides.append(group_loss(hidden, rows, labels, weights, log_q, **scoring))
                table[place] -= sign * step
            assert gradient[place] == pytest.approx((sides[0] - sides[1]) / (2 * step), abs=1e-6)


def test_equal_candidates_are_one_of_their_number_as_weight() -> None:
    random = np.random.default_rng(4)
    hidden, rows = random.normal(size=(3, 5)), random.normal(size=(3, 5))
    apart = group_loss(hidden, rows[[0, 1, 1, 1, 2]], [1, 0.6, 0.3, 0, 0], link="softmax")
    merged = group_loss(hidden, rows, [1, 0.3, 0], [1, 3, 1], link="softmax")
    assert apart == pytest.approx(merged)


def test_a_run_of_full_softmaxes_hears_of_a_stop_at_once() -> None:
    corpus = Corpus.from_ids(np.random.default_rng(1).integers(3000, size=200_000, dtype=np.int32), [0, 200_000])
    trainer = Trainer(SkipGram(dim=50, subsample=0), Softmax(), threads=2)
    stopped = []

    def stop(progress: Any) -> None:
        stopped.append(time.perf_counter())
        progress.stop()

    trainer.fit(corpus, epochs=1, progress=False, callbacks=[stop])
    assert time.perf_counter() - stopped[0] < 0.5
    assert not trainer.history[0].completed


def test_the_output_table_of_two_levels_has_the_classes_first() -> None:
    corpus = Corpus.from_ids(np.array([0, 1, 2] * 30, np.int32), [0, 90])
    tree = ClassTree(classes=[0, 1, 1])
    trainer = Trainer(SkipGram(dim=4, subsample=0), HierarchicalSoftmax(tree=tree), threads=1)
    trainer.fit(corpus, epochs=1, progress=False)
    # Word 0 is alone in its class: the only member of a class competes with nothing.
    assert trainer.output_table.any(axis=1).tolist() == [True, True, False, True, True]


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        (SampledSoftmax(2, positive="importance"), ValueError, 'positive must be "tf" in a trainer, got "importance"'),
        (SampledSoftmax(2, positive="refined"), ValueError, 'positive must be "tf" in a trainer, got "refined"'),
        (SampledSoftmax(2, normalize=True), ValueError, "normalize must be False in a trainer, got True"),
        (Softmax(normalize=True), ValueError, "normalize must be False in a trainer, got True"),
        (SampledSoftmax(4), ValueError, "num_sampled must be at most 3, the number of ids with positive probability"),
        (
            SampledSoftmax(2_000_000, unique=False),
            ValueError,
            "num_sampled must be at most 1000000, got 2000000",
        ),
        (
            SampledSoftmax(None, sampler=InBatchSampler(3)),
            TypeError,
            "sampler must have a fixed distribution in a trainer, got a InBatchSampler",
        ),
        (SampledSoftmax(1, sampler=HardOf(2, UniformSampler(3))), TypeError, "fixed distribution in a trainer"),
        (SampledSoftmax(2, sampler=LogUniformSampler(4)), ValueError, "sampler must have as many ids as the corpus"),
        (
            SampledSoftmax(2, sampler=UnigramSampler([5, 0, 5])),
            ValueError,
            "sampler must draw every id that occurs, got probability 0 for id 1",
        ),
        (HierarchicalSoftmax(tree=ClassTree([1, 2])), ValueError, "the tree must have as many leaves as the corpus"),
    ],
    ids=repr,
)
def test_what_a_trainer_cannot_do_is_refused(loss: Any, error: type[Exception], message: str) -> None:
    corpus = Corpus.from_ids(np.array([0, 1, 2] * 10, np.int32), [0, 30])
    with pytest.raises(error, match=message):
        Trainer(SkipGram(), loss).fit(corpus)


def test_the_core_checks_what_a_loss_hands_over() -> None:
    settings: dict[str, Any] = {"unique": True, "keep_hits": False, "temperature": 1.0, "label_smoothing": 0.0}
    with pytest.raises(ValueError, match="num_sampled must be at least 1, got 0"):
        _core.Objective.sampled_softmax(np.ones(3), 0, **settings)
    with pytest.raises(ValueError, match="num_sampled must be at most 2, the number of ids with positive probability"):
        _core.Objective.sampled_softmax(np.array([1.0, 0.0, 2.0]), 3, **settings)
    with pytest.raises(ValueError, match="num_rows must be at least 1 and below 2\\^31, got 0"):
        _core.Objective.all_rows(0, softmax=True)
    with pytest.raises(ValueError, match="class_of must name every class, got no id in class 0"):
        _core.Objective.two_level_softmax(np.array([1, 1], np.int32))
    with pytest.raises(TypeError):
        _core.Objective.two_level_softmax(np.array([0, 1]))  # type: ignore[arg-type]


def test_a_batch_is_trained_with_the_link_and_the_temperature_of_the_loss() -> None:
    batch = Batch(bag_rows=[0], group_offsets=[0, 1], shared_offsets=[0, 2], shared_rows=[0, 1], shared_labels=[1, 0])
    expected = {
        Softmax(temperature=0.5): np.log1p(np.exp(-2.0)),  # scores 1 and 0
        SampledSoftmax(2): np.log1p(np.exp(-1.0)),
        HierarchicalSoftmax(tree=CLASSES): np.log1p(np.exp(-1.0)),
        HierarchicalSoftmax(): np.log1p(np.exp(-1.0)) + np.log(2),
        OneVsAll(): np.log1p(np.exp(-1.0)) + np.log(2),
    }
    for loss, value in expected.items():
        trainer = Trainer(SkipGram(dim=1), loss)
        trainer.initialize(input_rows=1, output_rows=2)
        trainer.input_table[:] = 1
        trainer.output_table[0] = 1
        assert trainer.train_batch(batch, learning_rate=0) == pytest.approx(value, rel=1e-6)
