"""Neural language models: gradients by two-sided differences, probabilities, learning, files, and bad input."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hogvec import (
    NCE,
    NNLM,
    SGD,
    AdaGrad,
    BalancedTree,
    ClassTree,
    Corpus,
    HierarchicalSoftmax,
    Loss,
    NegativeSampling,
    SampledSoftmax,
    Vocabulary,
)
from numpy.testing import assert_allclose
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

TEXT = [[f"w{(i * 3 + j * j) % 11}" for j in range(i % 6)] for i in range(60)]


def model(loss: Loss | None = None, **arguments: Any) -> NNLM:
    settings = {"context": 3, "dim": 5, "hidden": 7, "batch_size": 16, "threads": 1}
    return NNLM(**(settings | {"loss": loss, "optimizer": AdaGrad(learning_rate=0.2)} | arguments))


def reference_loss(
    parameters: dict[str, Doubles], contexts: NDArray[np.int32], targets: NDArray[np.int64], arguments: dict[str, Any]
) -> float:
    """Return the mean of -ln p in double precision, by the formulas of the paper."""
    x = parameters["words"][contexts].reshape(len(contexts), -1)
    y = x @ parameters["hidden"] + parameters["hidden_bias"]
    if arguments.get("hidden", 7):
        activation = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0), "sigmoid": lambda z: 1 / (1 + np.exp(-z))}
        y = activation[arguments.get("activation", "tanh")](y)
    if arguments.get("direct", True):
        y = np.concatenate([y, x], axis=1)
    scores = y @ parameters["output"].T + parameters["output_bias"]
    log_z = np.log(np.exp(scores).sum(axis=1))
    loss = float((log_z - scores[np.arange(len(targets)), targets]).mean())
    decay = arguments.get("l2", 0.0) / 2
    return loss + decay * sum(float((parameters[name] ** 2).sum()) for name in ("words", "hidden", "output"))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"direct": False},
        {"hidden": 0},
        {"hidden": 0, "direct": False},
        {"activation": "relu"},
        {"activation": "sigmoid"},
    ],
)
def test_gradients_are_two_sided_differences(arguments: dict[str, Any]) -> None:
    net = model(**arguments).fit(TEXT, epochs=1, progress=False)
    random = np.random.default_rng(1)
    contexts = random.integers(0, 11, (9, 3)).astype(np.int32)
    contexts[0] = 12  # three times the begin
    targets = random.integers(0, 12, 9)
    gradients, loss = net._gradients(contexts, targets, None)
    start = {name: array.astype(np.float64) for name, array in net.parameters.items()}
    assert loss / 9 == pytest.approx(reference_loss(start, contexts, targets, arguments), rel=1e-5)
    for name, rows, gradient in gradients:
        dense = np.zeros_like(np.atleast_2d(start[name]) if name != "output_bias" else start[name])
        dense[rows] = gradient
        dense = dense.reshape(start[name].shape)
        for _ in range(8):
            at = tuple(int(random.integers(size)) for size in dense.shape)
            ends = []
            for step in (1e-5, -1e-5):
                moved = {other: array.copy() for other, array in start.items()}
                moved[name][at] += step
                ends.append(reference_loss(moved, contexts, targets, arguments))
            assert dense[at] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-3, abs=1e-5)


LOSSES = [
    None,
    NCE(20),
    SampledSoftmax(8),
    NegativeSampling(10),
    HierarchicalSoftmax(),
    HierarchicalSoftmax(BalancedTree(12)),
    HierarchicalSoftmax(ClassTree(classes=np.arange(12) % 3)),
]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_every_loss_learns_and_its_probabilities_sum_to_one(loss: Loss | None) -> None:
    net = model(loss)
    before = net.fit(TEXT, epochs=1, progress=False).perplexity(TEXT)
    after = net.fit(TEXT, epochs=6, progress=False).perplexity(TEXT)
    assert after < 0.9 * before
    assert len(net.history) == 7
    sentence = ["w3", "w4", "w7"]
    tokens = net.token_log_probabilities([sentence])
    for i, word in enumerate([*sentence, None]):
        following = net.probabilities(sentence[:i])
        assert_allclose(following.sum(), 1, rtol=1e-5)
        assert_allclose(following[11 if word is None else net.vocabulary[word]], np.exp(tokens[i]), rtol=1e-5)


def test_the_best_epoch_on_validation_is_kept_and_training_ends_when_none_is_better() -> None:
    net = model(optimizer=SGD(learning_rate=3.0), batch_size=4)
    net.fit(TEXT[:20], epochs=60, validation=TEXT[20:40], patience=2, progress=False)
    assert len(net.history) < 60
    best = net.perplexity(TEXT[20:40])
    again = model(optimizer=SGD(learning_rate=3.0), batch_size=4)
    values = []
    again.fit(
        TEXT[:20],
        epochs=60,
        callbacks=[lambda p: values.append(again.perplexity(TEXT[20:40])) if p.epoch_finished else None],
        validation=TEXT[20:40],
        patience=2,
        progress=False,
    )
    assert best == pytest.approx(min(values))


def test_dropout_l2_and_clipping_change_the_steps() -> None:
    plain = model().fit(TEXT, epochs=2, progress=False).parameters
    for arguments in ({"dropout": 0.5}, {"l2": 0.1}, {"max_gradient_norm": 0.01}):
        other = model(**arguments).fit(TEXT, epochs=2, progress=False)
        assert not np.array_equal(other.parameters["hidden"], plain["hidden"])
        assert math.isfinite(other.perplexity(TEXT))
    small = model(l2=1.0).fit(TEXT, epochs=3, progress=False).parameters
    assert np.linalg.norm(small["output"]) < np.linalg.norm(plain["output"])


def test_the_same_seed_gives_the_same_model_and_another_seed_another() -> None:
    one, same, other = (model(seed=seed).fit(TEXT, epochs=1, progress=False).parameters for seed in (3, 3, 4))
    assert np.array_equal(one["hidden"], same["hidden"])
    assert not np.array_equal(one["hidden"], other["hidden"])


@pytest.mark.parametrize("loss", [LOSSES[0], LOSSES[4], LOSSES[6]], ids=repr)
def test_a_saved_model_is_the_same_and_a_damaged_file_an_error(tmp_path: Path, loss: Loss | None) -> None:
    net = model(loss).fit(TEXT, epochs=1, progress=False)
    net.save(tmp_path / "model")
    loaded = NNLM.load(tmp_path / "model", threads=1)
    assert np.array_equal(loaded.token_log_probabilities(TEXT), net.token_log_probabilities(TEXT))
    assert loaded.fit(TEXT, epochs=1, progress=False).perplexity(TEXT) < net.perplexity(TEXT)
    data = (tmp_path / "model").read_bytes()
    for cut in (0, 100, len(data) // 2, len(data) - 1):
        (tmp_path / "cut").write_bytes(data[:cut])
        with pytest.raises(ValueError, match="must be a"):
            NNLM.load(tmp_path / "cut")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"context": 0}, "context must be at least 1, got 0"),
        ({"dim": -1}, "dim must be at least 1, got -1"),
        ({"hidden": -1}, "hidden must be at least 0, got -1"),
        ({"activation": "step"}, "activation must be"),
        ({"dropout": 1.0}, "dropout must be below 1, got 1"),
        ({"l2": math.nan}, "l2 must be finite, got nan"),
        ({"max_gradient_norm": 0}, "max_gradient_norm must be above 0, got 0"),
        ({"optimizer": SGD()}, "learning_rate must be given to the optimizer"),
    ],
)
def test_parameters_outside_their_range_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model(**arguments)


def test_texts_that_do_not_fit_are_refused_and_a_diverging_run_says_so() -> None:
    with pytest.raises(ValueError, match="text must have at least one sequence, got none"):
        model().fit([])
    with pytest.raises(ValueError, match="validation must have at least one sequence, got none"):
        model().fit(TEXT, validation=[])
    with pytest.raises(RuntimeError, match="call fit"):
        model().perplexity(TEXT)
    with pytest.raises(ValueError, match="corpus must have a vocabulary"):
        model().fit(Corpus.from_ids(np.zeros(3, np.int32), np.array([0, 3])))
    net = model().fit(TEXT, epochs=1, progress=False)
    with pytest.raises(ValueError, match="words must be of the vocabulary"):
        net.perplexity([["zebra"]])
    with pytest.raises(ValueError, match="vocabulary must be that of the first call"):
        net.fit([["a"]], vocabulary=Vocabulary.from_words(["a"]))
    with pytest.raises(ValueError, match="tree must have a leaf for each word and for the end, 12, got 9"):
        model(HierarchicalSoftmax(BalancedTree(9))).fit(TEXT)
    with pytest.raises(RuntimeError, match="the parameters must stay finite"):
        model(optimizer=SGD(learning_rate=1e30), activation="relu").fit(TEXT, epochs=3, progress=False)
