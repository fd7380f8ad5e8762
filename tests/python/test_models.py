"""Architectures: what they refuse, and that an epoch over a tiny corpus is their definition in NumPy."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hogvec import (
    CBOW,
    SGD,
    Batch,
    Corpus,
    HierarchicalSoftmax,
    HuffmanTree,
    NegativeSampling,
    Schedule,
    SkipGram,
    Trainer,
    reference,
)

# Two sequences; word 0 stands twice in some windows. Every token is kept and every window has its whole width.
SEQUENCES = [[0, 1, 0, 2, 3], [3, 4]]
WINDOW = 2
RATE = 0.5


def tiny_corpus() -> Corpus:
    ids = np.concatenate(SEQUENCES).astype(np.int32)
    return Corpus.from_ids(ids, np.cumsum([0] + [len(sequence) for sequence in SEQUENCES]))


def windows(window: int | None = WINDOW, context: str = "both") -> list[tuple[int, list[int]]]:
    """Every target that has a context, with it."""
    width = window or 100
    examples = []
    for sequence in SEQUENCES:
        for i, word in enumerate(sequence):
            past, future = sequence[max(0, i - width) : i], sequence[i + 1 : i + 1 + width]
            examples.append((word, (past if context != "future" else []) + (future if context != "past" else [])))
    return [(word, words) for word, words in examples if words]


def path_batch(corpus: Corpus, bags: list[list[int]], groups: list[int], targets: list[int], **scales: Any) -> Batch:
    """Groups of so many hidden vectors, each scored against the path of its target in the Huffman tree."""
    tree = HuffmanTree(corpus.counts)
    paths = [slice(tree.offsets[target], tree.offsets[target + 1]) for target in targets]
    return Batch(
        bag_rows=np.concatenate(bags),
        bag_offsets=np.cumsum([0] + [len(bag) for bag in bags]),
        group_offsets=np.cumsum([0, *groups]),
        shared_offsets=np.cumsum([0] + [path.stop - path.start for path in paths]),
        shared_rows=np.concatenate([tree.points[path] for path in paths]),
        shared_labels=np.concatenate([1.0 - tree.codes[path] for path in paths]),
        **scales,
    )


def check_epoch(architecture: Any, batch: Batch) -> None:
    """Train one epoch and compare it with the reference on `batch`: hierarchical softmax draws nothing at random."""
    corpus = tiny_corpus()
    optimizer = SGD(learning_rate=RATE, schedule=Schedule(shape="constant"))
    trainer = Trainer(architecture, HierarchicalSoftmax(), optimizer, threads=1)
    trainer.initialize(corpus)
    # Outputs start at zero, where the first steps on the inputs vanish.
    trainer.output_table[:] = np.random.default_rng(1).normal(size=trainer.output_table.shape)
    trainer.input_table[:] = np.random.default_rng(2).normal(size=trainer.input_table.shape)
    expected = trainer.input_table.astype(np.float64), trainer.output_table.astype(np.float64)
    trainer.fit(corpus, epochs=1, progress=False)
    # float32 rows of order 1 after 7 steps.
    reference.train_batch(batch, *expected, RATE)
    np.testing.assert_allclose(trainer.input_table, expected[0], rtol=0, atol=5e-6)
    np.testing.assert_allclose(trainer.output_table, expected[1], rtol=0, atol=5e-6)


@pytest.mark.parametrize(
    ("gradient", "pooling", "forward_mean", "backward_mean"),
    [
        ("exact", "mean", True, True),
        ("word2vec", "mean", True, False),
        ("exact", "sum", False, False),
        ("word2vec", "sum", False, True),
    ],
)
def test_an_epoch_of_cbow_is_its_definition(
    gradient: str, pooling: str, forward_mean: bool, backward_mean: bool
) -> None:
    targets, contexts = zip(*windows(), strict=True)
    means = 1 / np.array([len(context) for context in contexts])
    ones = np.ones(len(contexts))
    batch = path_batch(
        tiny_corpus(),
        list(contexts),
        [1] * len(targets),
        list(targets),
        forward_scale=means if forward_mean else ones,
        backward_scale=means if backward_mean else ones,
    )
    architecture = CBOW(dim=7, window=WINDOW, subsample=0, shrink_windows=False, gradient=gradient, pooling=pooling)
    check_epoch(architecture, batch)


WINDOWS = [(WINDOW, "both"), (WINDOW, "past"), (WINDOW, "future"), (None, "both"), (None, "past"), (None, "future")]


@pytest.mark.parametrize(("window", "context"), WINDOWS)
def test_an_epoch_of_skip_gram_is_its_definition(window: int | None, context: str) -> None:
    targets, contexts = zip(*windows(window, context), strict=True)
    bags = [[word] for words in contexts for word in words]
    batch = path_batch(tiny_corpus(), bags, [len(words) for words in contexts], list(targets))
    shrink = window is None  # a whole sequence does not shrink
    check_epoch(SkipGram(dim=7, window=window, subsample=0, shrink_windows=shrink, context=context), batch)


@pytest.mark.parametrize(("window", "context"), WINDOWS[1:])
def test_an_epoch_of_cbow_over_other_windows_is_its_definition(window: int | None, context: str) -> None:
    targets, contexts = zip(*windows(window, context), strict=True)
    means = 1 / np.array([len(words) for words in contexts])
    ones = [1] * len(targets)
    scales = {"forward_scale": means, "backward_scale": means}
    batch = path_batch(tiny_corpus(), list(contexts), ones, list(targets), **scales)
    check_epoch(CBOW(dim=7, window=window, subsample=0, shrink_windows=False, context=context, gradient="exact"), batch)


def test_a_sequence_too_long_for_a_window_without_an_end_is_refused() -> None:
    ids = np.zeros(1_000_003, np.int32)
    ids[::2] = 1
    corpus = Corpus.from_ids(ids, [0, 2, len(ids)])
    trainer = Trainer(SkipGram(dim=2, window=None, subsample=0), threads=1)
    rule = r"^sequences must have at most 1000000 tokens with window=None, got 1000001 in sequence 1$"
    with pytest.raises(ValueError, match=rule):
        trainer.fit(corpus, epochs=1, progress=False)


@pytest.mark.parametrize("power", [-0.5, 0.0, 1.0])
def test_noise_of_any_power_trains_items_without_subsampling(power: float) -> None:
    trainer = Trainer(SkipGram(dim=5, window=None, subsample=0), NegativeSampling(negatives=2, power=power), threads=1)
    trainer.fit(tiny_corpus(), epochs=3, progress=False)
    assert trainer.history[0].trained_words == len(tiny_corpus())  # no token is dropped
    assert np.isfinite(trainer.input_table).all()
    assert np.abs(trainer.output_table).max(axis=1).min() > 0  # every item was a target


def test_shrinking_windows_change_what_is_trained() -> None:
    trained = []
    for shrink in (True, False):
        trainer = Trainer(SkipGram(dim=5, subsample=0, shrink_windows=shrink), threads=1)
        trainer.fit(tiny_corpus(), epochs=1, progress=False)
        trained.append(trainer.output_table.copy())
    assert not np.array_equal(*trained)


INTEGERS = [
    (True, TypeError, "must be an integer, got True"),
    ("5", TypeError, "must be an integer, got '5'"),
    (5.0, TypeError, r"must be an integer, got 5\.0"),
    (None, TypeError, "must be an integer, got None"),
    (math.nan, TypeError, "must be an integer, got nan"),
    (0, ValueError, "must be at least 1, got 0"),
    (-1, ValueError, "must be at least 1, got -1"),
    (10**30, ValueError, r"must be at most \d+, got 10{30}"),
]
NUMBERS = [
    (True, TypeError, "must be a number, got True"),
    ("1e-4", TypeError, "must be a number, got '1e-4'"),
    (None, TypeError, "must be a number, got None"),
    (math.nan, ValueError, "must be finite, got nan"),
    (math.inf, ValueError, "must be finite, got inf"),
    (-1e-9, ValueError, "must be at least 0, got -1e-09"),
]
WRONG = [
    *(("dim", *wrong) for wrong in INTEGERS),
    *(("window", *wrong) for wrong in INTEGERS if wrong[0] is not None),
    ("window", 1_000_001, ValueError, "must be at most 1000000, got 1000001"),
    *(("subsample", *wrong) for wrong in NUMBERS),
    ("subsample", 10**400, ValueError, "must be finite, got inf"),
    ("subsample", bytearray(b"5"), TypeError, r"must be a number, got bytearray\(b'5'\)"),
    ("subsample", np.bool_(True), TypeError, "must be a number, got .*True.*"),
    ("subsample", np.array([3.0]), TypeError, r"must be a number, got array\(\[3.\]\)"),
    ("shrink_windows", 1, TypeError, "must be True or False, got 1"),
    ("shrink_windows", "no", TypeError, "must be True or False, got 'no'"),
]


@pytest.mark.parametrize("make", [SkipGram, CBOW])
@pytest.mark.parametrize(("name", "value", "error", "message"), WRONG)
def test_parameters_are_checked_when_they_are_given(
    make: Callable[..., Any], name: str, value: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{name} {message}$"):
        make(**{name: value})


@pytest.mark.parametrize("value", ["exactly", "", None, 1, True, ["exact"]])
def test_choices_are_checked_when_they_are_made(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^gradient must be one of 'word2vec', 'exact', got "):
        CBOW(gradient=value)
    with pytest.raises(ValueError, match=r"^pooling must be one of 'mean', 'sum', got "):
        CBOW(pooling=value)


@pytest.mark.parametrize("make", [SkipGram, CBOW])
@pytest.mark.parametrize("value", ["left", None, 1])
def test_the_context_is_checked_when_it_is_given(make: Callable[..., Any], value: Any) -> None:
    with pytest.raises(ValueError, match=r"^context must be one of 'both', 'past', 'future', got "):
        make(context=value)


@pytest.mark.parametrize("make", [SkipGram, CBOW])
def test_architectures_are_values(make: Callable[..., Any]) -> None:
    assert make(dim=5) == make(dim=5)
    assert make(dim=5) != make(dim=6)
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().dim = 3
    with pytest.raises(TypeError):
        make(100)  # no parameter by position


def test_default_learning_rates_depend_on_what_is_trained() -> None:
    for loss in (NegativeSampling(), HierarchicalSoftmax()):
        for architecture in (SkipGram(), CBOW(), CBOW(gradient="exact"), CBOW(pooling="sum")):
            assert 0 < architecture.default_learning_rate(loss) <= 0.2
    # The exact gradient of a mean is shorter by the size of the context.
    loss = NegativeSampling()
    assert CBOW(gradient="exact").default_learning_rate(loss) > CBOW().default_learning_rate(loss)
