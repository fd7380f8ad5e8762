"""Node classification: scores of known predictions, what is refused, what it says without scikit-learn."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hogvec.evaluate import node_classification
from numpy.typing import NDArray


def two_kinds(noise: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    labels = np.arange(200) % 2
    rows = np.random.default_rng(1).normal(scale=noise, size=(200, 3))
    rows[:, 0] += 2 * labels - 1
    return rows, labels


def test_labels_that_vectors_tell_apart_are_predicted() -> None:
    pytest.importorskip("sklearn")
    report = node_classification(*two_kinds(0.1), repeats=2)
    assert (report.macro_f1, report.micro_f1, report.macro_deviation) == (1.0, 1.0, 0.0)
    assert (report.nodes, report.labels, report.repeats, report.train_fraction) == (200, 2, 2, 0.5)
    blurred = node_classification(*two_kinds(2.0), repeats=2)
    assert 0.5 < blurred.micro_f1 < 0.9


def test_a_node_is_given_as_many_labels_as_it_has() -> None:
    """Scikit-learn's own scores of the same decisions; a matrix of labels, some nodes with none."""
    pytest.importorskip("sklearn")
    sparse = pytest.importorskip("scipy.sparse")
    rows, kinds = two_kinds(0.1)
    labels = np.zeros((200, 3), int)
    labels[np.arange(200), kinds] = 1
    labels[:, 2] = kinds  # nodes of the second kind have two labels
    labels[:20] = 0
    for given in (labels, sparse.csc_array(labels)):
        report = node_classification(rows, given, repeats=1)
        assert (report.macro_f1, report.nodes, report.labels) == (1.0, 180, 3)
    named = np.where(labels.any(axis=1), kinds, -1)
    assert node_classification(rows, named, repeats=1).nodes == 180


def test_f1_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    from hogvec._node_classification import _f1

    generator = np.random.default_rng(2)
    truth, guessed = generator.random((2, 50, 6)) < 0.3
    truth[:, 5] = guessed[:, 5] = False
    macro, micro = _f1(truth, guessed)
    assert macro == pytest.approx(metrics.f1_score(truth, guessed, average="macro", zero_division=0))
    assert micro == pytest.approx(metrics.f1_score(truth, guessed, average="micro"))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"labels": [0, 1]}, ValueError, "labels must have one row for each vector, 4, got 2"),
        ({"labels": ["a"] * 4}, TypeError, "labels must be numbers, got dtype <U1"),
        ({"labels": [0.5] * 4}, ValueError, r"labels must be a matrix or one integer for each node, got shape \(4,\)"),
        ({"labels": [-2, 0, 0, 0]}, ValueError, "labels must be at least -1, got -2"),
        (
            {"labels": [-1, -1, -1, 0]},
            ValueError,
            "train_fraction must leave labelled nodes on both sides, got 0.5 of 1 labelled nodes",
        ),
        ({"vectors": [1.0, 2.0]}, ValueError, r"vectors must have two axes, got shape \(2,\)"),
        ({"vectors": [[np.nan]] * 4}, ValueError, "vectors must be finite, got a value that is not"),
        ({"train_fraction": 1.0}, ValueError, "train_fraction must be below 1, got 1"),
        ({"repeats": 0}, ValueError, "repeats must be at least 1, got 0"),
        ({"regularization": 0}, ValueError, "regularization must be above 0, got 0"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    given: dict[str, Any] = {"vectors": [[0.0], [1.0], [0.0], [1.0]], "labels": [0, 1, 0, 1], **arguments}
    with pytest.raises(error, match=f"^{message}$"):
        node_classification(given.pop("vectors"), given.pop("labels"), **given)


def test_without_scikit_learn_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(ImportError, match=r"^node_classification needs scikit-learn: pip install hogvec\[sklearn\]$"):
        node_classification(*two_kinds(1.0))
