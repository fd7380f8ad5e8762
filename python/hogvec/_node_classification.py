"""How well vectors of nodes predict the labels of nodes: the protocol of DeepWalk and node2vec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec._validate import check_float, check_int

if TYPE_CHECKING:
    from hogvec.keyed_vectors import KeyedVectors

__all__ = ["NodeClassificationReport", "node_classification"]


@dataclass(frozen=True, kw_only=True)
class NodeClassificationReport:
    """Means over random splits.

    Attributes
    ----------
    macro_f1 : float
        The mean over labels of the F1 of each; 0 for a label that was never predicted and never there.
    micro_f1 : float
        F1 of all decisions together.
    macro_deviation, micro_deviation : float
        Standard deviations over the splits.
    train_fraction : float
    repeats : int
    nodes : int
        Nodes with a label: those that were divided.
    labels : int
    """

    macro_f1: float
    micro_f1: float
    macro_deviation: float
    micro_deviation: float
    train_fraction: float
    repeats: int
    nodes: int
    labels: int


def node_classification(
    vectors: KeyedVectors | ArrayLike,
    labels: Any,
    *,
    train_fraction: float = 0.5,
    repeats: int = 10,
    regularization: float = 1.0,
    seed: int = 1,
) -> NodeClassificationReport:
    """Train one logistic regression for each label on part of the nodes, and predict the labels of the others.

    As in the papers below, a node is given as many labels as it has: the most probable ones. Nodes without a label are
    left out.

    Parameters
    ----------
    vectors : KeyedVectors or array_like of float, shape (n_nodes, dim)
        Row v is node v.
    labels : array_like or sparse matrix, shape (n_nodes, n_labels) or (n_nodes,)
        Not 0 where a node has a label; with one axis the label of each node, an integer, -1 for none.
    train_fraction : float, default 0.5
        The share of the nodes that is trained on, between 0 and 1.
    repeats : int, default 10
        Random splits, at least 1.
    regularization : float, default 1.0
        The weight of the loss against the penalty, C of scikit-learn's ``LogisticRegression``; above 0.
    seed : int, default 1

    Returns
    -------
    NodeClassificationReport

    Raises
    ------
    ImportError
        Without scikit-learn: install ``hogvec[sklearn]``.
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range, numbers of nodes differ, or a part would be empty.

    References
    ----------
    B. Perozzi, R. Al-Rfou and S. Skiena, "DeepWalk: Online learning of social representations", KDD 2014,
    arXiv:1403.6652. A. Grover and J. Leskovec, "node2vec: Scalable feature learning for networks", KDD 2016,
    arXiv:1607.00653.

    Examples
    --------
    >>> report = node_classification([[0.0], [0.1], [5.0], [5.1]] * 5, [0, 0, 1, 1] * 5)  # doctest: +SKIP
    >>> report.macro_f1  # doctest: +SKIP
    1.0
    """
    rows = np.asarray(getattr(vectors, "vectors", vectors), np.float32)
    if rows.ndim != 2:
        raise ValueError(f"vectors must have two axes, got shape {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError("vectors must be finite, got a value that is not")
    fraction = check_float("train_fraction", train_fraction, above=0.0, below=1.0)
    rounds = check_int("repeats", repeats, minimum=1)
    strength = check_float("regularization", regularization, above=0.0)
    generator = np.random.default_rng(check_int("seed", seed, minimum=0, maximum=2**64 - 1))
    truth = _label_matrix(labels)
    if len(truth) != len(rows):
        raise ValueError(f"labels must have one row for each vector, {len(rows)}, got {len(truth)}")
    labelled = truth.any(axis=1)
    rows, truth = rows[labelled], truth[labelled]
    n_train = round(fraction * len(rows))
    if not 0 < n_train < len(rows):
        raise ValueError(
            f"train_fraction must leave labelled nodes on both sides, got {fraction:g} of {len(rows)} labelled nodes"
        )
    scores = []
    for _ in range(rounds):
        order = generator.permutation(len(rows))
        train, test = order[:n_train], order[n_train:]
        guessed = _predict(rows[train], truth[train], rows[test], truth[test].sum(axis=1), strength)
        scores.append(_f1(truth[test], guessed))
    macro, micro = np.array(scores).T
    return NodeClassificationReport(
        macro_f1=float(macro.mean()),
        micro_f1=float(micro.mean()),
        macro_deviation=float(macro.std()),
        micro_deviation=float(micro.std()),
        train_fraction=fraction,
        repeats=rounds,
        nodes=len(rows),
        labels=truth.shape[1],
    )


def _label_matrix(labels: Any) -> NDArray[np.bool_]:
    """Return which node has which label, (n_nodes, n_labels)."""
    dense = np.asarray(labels.toarray() if hasattr(labels, "toarray") else labels)
    if dense.dtype.kind not in "fiub":
        raise TypeError(f"labels must be numbers, got dtype {dense.dtype}")
    if dense.ndim == 2:
        return np.asarray(dense != 0)
    if dense.ndim != 1 or dense.dtype.kind not in "iu":
        raise ValueError(f"labels must be a matrix or one integer for each node, got shape {dense.shape}")
    if dense.size and dense.min() < -1:
        raise ValueError(f"labels must be at least -1, got {dense.min()}")
    return np.asarray(dense[:, None] == np.unique(dense[dense >= 0]))


def _predict(
    rows: NDArray[np.float32],
    truth: NDArray[np.bool_],
    test: NDArray[np.float32],
    how_many: NDArray[np.int64],
    regularization: float,
) -> NDArray[np.bool_]:
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise ImportError("node_classification needs scikit-learn: pip install hogvec[sklearn]") from error
    scores = np.empty((len(test), truth.shape[1]))
    for label, column in enumerate(truth.T):
        if column.all() or not column.any():  # nothing to learn
            scores[:, label] = np.inf if column.all() else -np.inf
            continue
        model = LogisticRegression(solver="liblinear", C=regularization, random_state=0)
        scores[:, label] = model.fit(rows, column).decision_function(test)
    ranks = np.empty(scores.shape, np.int64)
    np.put_along_axis(ranks, np.argsort(-scores, axis=1, kind="stable"), np.arange(scores.shape[1])[None, :], axis=1)
    return np.asarray(ranks < how_many[:, None])


def _f1(truth: NDArray[np.bool_], guessed: NDArray[np.bool_]) -> tuple[float, float]:
    right = (truth & guessed).sum(axis=0)
    named = truth.sum(axis=0) + guessed.sum(axis=0)
    return float(np.mean(2 * right / np.maximum(named, 1))), float(2 * right.sum() / max(named.sum(), 1))
