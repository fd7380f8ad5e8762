"""The executable specification of training: what the kernels compute, in NumPy and double precision.

Slow, short and meant to be read. Tests compare the kernels with these functions; nothing else calls them. All formulas
are in one place, with the names of the arrays they are about: the file is longer than others for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec.optimizers import SGD, AdaGrad, Adam, Momentum, Optimizer, RMSProp

__all__ = [
    "BatchArrays",
    "GroupGradients",
    "TreeArrays",
    "class_log_probabilities",
    "encode",
    "group_gradients",
    "group_loss",
    "optimize",
    "sigmoid",
    "softplus",
    "train_batch",
    "tree_log_probabilities",
]

Link: TypeAlias = Literal["logistic", "softmax"]
Doubles: TypeAlias = NDArray[np.float64]
Floats: TypeAlias = NDArray[np.floating[Any]]
Integers: TypeAlias = NDArray[np.integer[Any]]


class BatchArrays(Protocol):
    """The arrays of `hogvec.Batch`: H hidden vectors in G groups, with None for every default."""

    @property
    def bag_offsets(self) -> Integers | None:
        """(H + 1,): bag h is entries ``bag_offsets[h]`` to ``bag_offsets[h + 1]``. Default: entry h alone."""

    @property
    def bag_rows(self) -> Integers:
        """(n,): rows of the input table."""

    @property
    def bag_weights(self) -> Floats | None:
        """(n,): the weight of each entry. Default 1."""

    @property
    def forward_scale(self) -> Floats | None:
        """(H,): what the sum of a bag is multiplied by. Default 1."""

    @property
    def backward_scale(self) -> Floats | None:
        """(H,): what the gradient is multiplied by on its way to the bag. Default 1."""

    @property
    def weight(self) -> Floats | None:
        """(H,): what the loss of a hidden vector is multiplied by. Default 1."""

    @property
    def group_offsets(self) -> Integers:
        """(G + 1,): group g scores entries ``group_offsets[g]`` to ``group_offsets[g + 1]`` of `group_hidden`."""

    @property
    def group_hidden(self) -> Integers | None:
        """Hidden vectors. Default: entry i is hidden vector i."""

    @property
    def shared_offsets(self) -> Integers:
        """(G + 1,): the entries of the next four arrays that every hidden vector of a group is scored against."""

    @property
    def shared_rows(self) -> Integers:
        """(m,): rows of the output table."""

    @property
    def shared_labels(self) -> Floats:
        """(m,): usually 0 or 1."""

    @property
    def shared_weights(self) -> Floats | None:
        """(m,): what the loss of a candidate is multiplied by. Default 1."""

    @property
    def shared_log_q(self) -> Floats | None:
        """(m,): what is subtracted from scores. Default 0."""

    @property
    def own_offsets(self) -> Integers | None:
        """(H + 1,): the entries of the next three arrays, scored against hidden vector h alone. Default: none."""

    @property
    def own_rows(self) -> Integers | None:
        """(k,): rows of the output table."""

    @property
    def own_labels(self) -> Floats | None:
        """(k,): usually 0 or 1."""

    @property
    def own_log_q(self) -> Floats | None:
        """(k,): what is subtracted from scores. Default 0."""

    @property
    def hit_offsets(self) -> Integers | None:
        """(H + 1,): the entries of `hit_candidates` that hidden vector h leaves out. Default: none."""

    @property
    def hit_candidates(self) -> Integers | None:
        """(n,): places in `shared_rows`; of equal rows of a group all are left out."""


class TreeArrays(Protocol):
    """The arrays of `hogvec.Tree`: id w's path is entries ``offsets[w]`` to ``offsets[w + 1]`` of the others."""

    @property
    def offsets(self) -> Integers:
        """(V + 1,)."""

    @property
    def points(self) -> Integers:
        """(m,): inner nodes."""

    @property
    def codes(self) -> Integers:
        """(m,): the turns there, 0 or 1."""


@dataclass(frozen=True, kw_only=True)
class GroupGradients:
    """The derivatives of a group's loss: `hidden` of shape (B, dim), `rows` of shape (T, dim)."""

    hidden: Doubles
    rows: Doubles


def sigmoid(x: ArrayLike) -> Doubles:
    """Return 1 / (1 + exp(-x)), accurate to a few roundings for any x.

    Examples
    --------
    >>> sigmoid([-1000.0, 0.0, 1.0])
    array([0.        , 0.5       , 0.73105858])
    """
    x = np.asarray(x, dtype=np.float64)
    shrunk = np.exp(-np.abs(x))  # of (0, 1]: never overflows
    return np.asarray(np.where(x < 0, shrunk, 1.0) / (1.0 + shrunk))


def softplus(x: ArrayLike) -> Doubles:
    """Return log(1 + exp(x)), accurate to a few roundings for any x.

    Examples
    --------
    >>> softplus([-1000.0, 0.0, 1000.0])
    array([0.00000000e+00, 6.93147181e-01, 1.00000000e+03])
    """
    return np.asarray(np.logaddexp(0.0, np.asarray(x, dtype=np.float64)))


def group_loss(
    hidden: ArrayLike,
    rows: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike = 1.0,
    log_q: ArrayLike = 0.0,
    *,
    link: Link = "logistic",
    score_scale: float = 1.0,
) -> float:
    """Return the loss of hidden vectors against candidates.

    With s the inner product of hidden vector b and candidate t less the candidate's log_q, the logistic link sums
    ``weight * (softplus(s) - label * s)``: for a label of 0 or 1 the negative log-likelihood of a yes-or-no decision.
    The softmax link sums ``weight * label * (ln Z_b - s)`` with ``Z_b = sum over t of weight * exp(s)``: a candidate of
    weight n is as n of them, and one of weight 0 is left out.

    Parameters
    ----------
    hidden : array_like, shape (B, dim)
    rows : array_like, shape (T, dim)
        The candidates' rows of the output table.
    labels, weights, log_q : array_like, broadcast to (B, T)
    link : {"logistic", "softmax"}, default "logistic"
    score_scale : float, default 1
        Of the softmax link: what inner products are multiplied by, 1 / temperature.

    Returns
    -------
    float

    Examples
    --------
    >>> round(group_loss([[1.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]], [1, 0]), 4)  # two fair coins
    1.3863
    """
    scores, labels, weights = _scored(hidden, rows, labels, weights, log_q, score_scale)
    if link == "softmax":
        distances = np.where(weights * labels == 0, 0.0, _log_sum_exp(scores, weights) - scores)
        return float(np.sum(weights * labels * distances))
    return float(np.sum(weights * (softplus(scores) - labels * scores)))


def group_gradients(
    hidden: ArrayLike,
    rows: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike = 1.0,
    log_q: ArrayLike = 0.0,
    *,
    link: Link = "logistic",
    score_scale: float = 1.0,
) -> GroupGradients:
    """Return the derivatives of `group_loss` by the hidden vectors and by the candidates' rows.

    With G = -dLoss/dS, dLoss/dhidden = -G W and dLoss/drows = -G^T H. For the logistic link G is ``weight * (label -
    sigmoid(S))``; for the softmax link, with ``y = weight * label`` and p the share of ``weight * exp(s)`` in Z, it is
    ``score_scale * (y - p * sum of y)``.

    Parameters
    ----------
    hidden : array_like, shape (B, dim)
    rows : array_like, shape (T, dim)
    labels, weights, log_q : array_like, broadcast to (B, T)
    link, score_scale
        As in `group_loss`.

    Returns
    -------
    GroupGradients

    Examples
    --------
    >>> group_gradients([[1.0, 2.0]], [[0.0, 0.0]], [1]).rows
    array([[-0.5, -1. ]])
    """
    hidden = np.asarray(hidden, np.float64)
    rows = np.asarray(rows, np.float64)
    scores, labels, weights = _scored(hidden, rows, labels, weights, log_q, score_scale)
    if link == "softmax":
        mass = weights * labels
        log_z = _log_sum_exp(scores, weights)
        share = weights * np.exp(np.where(weights == 0, 0.0, scores - log_z))
        coefficients = score_scale * (mass - share * mass.sum(axis=1, keepdims=True))
    else:
        coefficients = weights * (labels - sigmoid(scores))
    return GroupGradients(hidden=-coefficients @ rows, rows=-coefficients.T @ hidden)


def encode(input_table: ArrayLike, bag: ArrayLike, *, weights: ArrayLike = 1.0, scale: float = 1.0) -> Doubles:
    """Return a hidden vector: the scaled, weighted sum of a bag's rows.

    Parameters
    ----------
    input_table : array_like, shape (rows, dim)
    bag : array_like of int, shape (n,)
        Rows; one that stands twice counts twice. An empty bag gives zeros.
    weights : array_like, shape (n,), default 1
    scale : float, default 1
        1 / n makes the sum a mean.

    Returns
    -------
    ndarray of float64, shape (dim,)

    Examples
    --------
    >>> encode([[1.0, 0.0], [0.0, 4.0]], [0, 1, 1], scale=1 / 3)
    array([0.33333333, 2.66666667])
    """
    bag = np.asarray(bag, dtype=np.int64)
    rows = np.asarray(input_table, np.float64)[bag]
    encoded: Doubles = scale * (np.broadcast_to(np.asarray(weights, np.float64), bag.shape) @ rows)
    return encoded


def train_batch(
    batch: BatchArrays,
    input_table: Floats,
    output_table: Floats,
    learning_rate: float,
    *,
    link: Link = "logistic",
    score_scale: float = 1.0,
) -> float:
    """Train both tables in place: one step of gradient descent for each group of the batch, in order.

    A group's loss is `group_loss` of its hidden vectors, encoded from the input table as it is then, against the
    shared candidates of the group but for their hits, and each hidden vector's own, times ``weight[h]``. Every
    derivative is taken before anything changes, and a row that occurs several times receives all contributions.
    ``backward_scale`` stands in for ``forward_scale`` on the way back to the bags: the step is along the exact gradient
    when the two are equal.

    Parameters
    ----------
    batch : BatchArrays
        A `hogvec.Batch`, or any object with its arrays.
    input_table, output_table : ndarray of floats, shapes (input rows, dim) and (output rows, dim)
        Changed in place. Everything is computed in double precision and rounded to the table's type when stored.
    learning_rate : float
    link, score_scale
        As in `group_loss`.

    Returns
    -------
    float
        The sum of the groups' losses, each before its update.

    References
    ----------
    T. Mikolov et al., "Distributed representations of words and phrases and their compositionality", NeurIPS 2013,
    arXiv:1310.4546. O. Irsoy, A. Benton and K. Stratos, "Corrected CBOW performs as well as skip-gram", Insights from
    Negative Results in NLP 2021, arXiv:2012.15332: forward and backward scale of a mean.
    """
    loss = 0.0
    for group in range(len(batch.group_offsets) - 1):
        members = _members(batch, group)
        rows, labels, weights, log_q = _candidates(batch, group, members)
        bags = [_bag(batch, h) for h in members]
        forward = [_at(batch.forward_scale, h) for h in members]
        hidden = np.array(
            [encode(input_table, bag, weights=w, scale=s) for (bag, w), s in zip(bags, forward, strict=True)]
        ).reshape(len(members), input_table.shape[1])
        candidates = output_table[rows].astype(np.float64)
        member_weights = np.array([[_at(batch.weight, h)] for h in members]).reshape(-1, 1)
        if link == "softmax":  # linear in the labels, not in the weights of candidates
            labels = labels * member_weights
        else:
            weights = weights * member_weights
        group_arrays = hidden, candidates, labels, weights, log_q
        loss += group_loss(*group_arrays, link=link, score_scale=score_scale)
        gradients = group_gradients(*group_arrays, link=link, score_scale=score_scale)
        _descend(output_table, rows, learning_rate * gradients.rows)
        if members:
            entries = np.concatenate([bag for bag, _ in bags])
            steps = [
                np.outer(_at(batch.backward_scale, h) * w, gradients.hidden[b])
                for b, (h, (_, w)) in enumerate(zip(members, bags, strict=True))
            ]
            _descend(input_table, entries, learning_rate * np.concatenate(steps))
    return loss


def optimize(optimizer: Optimizer, state: dict[str, Doubles], gradient: ArrayLike, learning_rate: float) -> Doubles:
    """Return what is added to a row for one gradient, and change its state: empty at first, float64 arrays after.

    The rules are those in the docstrings of `hogvec.optimizers`. "decayed" Adam is the dense rule: call it at every
    step, with a gradient of zero where no group touches the row.

    Examples
    --------
    >>> optimize(Momentum(learning_rate=1.0), state := {}, [1.0, -2.0], 0.5)
    array([-0.5,  1. ])
    >>> optimize(Momentum(learning_rate=1.0), state, [0.0, 0.0], 0.5)
    array([-0.45,  0.9 ])
    """
    g = np.asarray(gradient, dtype=np.float64)
    t = state["t"] = state.get("t", np.zeros(())) + 1
    first, second = state.get("first", np.zeros_like(g)), state.get("second", np.zeros_like(g))
    match optimizer:
        case SGD():
            return -learning_rate * g
        case Momentum(momentum=b, average=False):
            state["first"] = b * first + g
            return -learning_rate * state["first"]
        case Momentum(momentum=b):
            state["first"] = b * first + (1 - b) * g
            return -learning_rate * state["first"] / (1 - b**t)
        case RMSProp(decay=b, epsilon=e):
            state["second"] = b * second + (1 - b) * g**2
            return -learning_rate * g / (np.sqrt(state["second"]) + e)
        case AdaGrad(per_row=per_row, epsilon=e):
            state["second"] = second + (np.mean(g**2) if per_row else g**2)
            return -learning_rate * g / (np.sqrt(state["second"]) + e)
        case Adam(beta1=b1, beta2=b2, epsilon=e):
            m = state["first"] = b1 * first + (1 - b1) * g
            v = state["second"] = b2 * second + (1 - b2) * g**2
            return np.asarray(-learning_rate * m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + e))
    raise TypeError(f"optimizer must be one of hogvec, got {optimizer!r}")


def tree_log_probabilities(
    tree: TreeArrays, hidden: ArrayLike, weights: ArrayLike, bias: ArrayLike | None = None
) -> Doubles:
    """Return ln P(w | h) of every output w under a binary tree of logistic decisions.

    At an inner node with score s turn 0 has the probability sigmoid(s) and turn 1 sigmoid(-s); a path's probability is
    their product. The probabilities of all outputs sum to 1.

    Parameters
    ----------
    tree : TreeArrays
        A `hogvec.Tree`, or any object with its arrays.
    hidden : array_like, shape (B, dim)
    weights : array_like, shape (inner nodes, dim)
    bias : array_like, shape (inner nodes,), optional

    Returns
    -------
    ndarray of float64, shape (B, V)

    References
    ----------
    F. Morin and Y. Bengio, "Hierarchical probabilistic neural network language model", AISTATS 2005.

    Examples
    --------
    >>> from hogvec import BalancedTree
    >>> np.exp(tree_log_probabilities(BalancedTree(3), [[1.0]], [[0.0], [0.0]]))
    array([[0.25, 0.25, 0.5 ]])
    """
    scores = np.asarray(hidden, np.float64) @ np.asarray(weights, np.float64).T
    if bias is not None:
        scores = scores + np.asarray(bias, np.float64)
    at_points = scores[:, tree.points]
    decisions = -softplus(np.where(tree.codes == 0, -at_points, at_points))
    return np.asarray(np.add.reduceat(decisions, tree.offsets[:-1], axis=1))


def class_log_probabilities(
    class_of: ArrayLike, hidden: ArrayLike, weights: ArrayLike, bias: ArrayLike | None = None
) -> Doubles:
    """Return ln P(w | h) of every output w under a softmax of two levels: ln P(class | h) + ln P(w | class, h).

    The first is a softmax over the C classes, the second one over the members of the class of w.

    Parameters
    ----------
    class_of : array_like of int, shape (V,)
        The class of each output, as in `hogvec.ClassTree`.
    hidden : array_like, shape (B, dim)
    weights : array_like, shape (C + V, dim)
        Row c is that of class c, row C + w that of output w.
    bias : array_like, shape (C + V,), optional

    Returns
    -------
    ndarray of float64, shape (B, V)

    References
    ----------
    J. Goodman, "Classes for fast maximum entropy training", ICASSP 2001, arXiv:cs/0108006.

    Examples
    --------
    >>> np.exp(class_log_probabilities([0, 1, 1], [[1.0]], np.zeros((5, 1))))
    array([[0.5 , 0.25, 0.25]])
    """
    class_of = np.asarray(class_of, dtype=np.int64)
    scores = np.asarray(hidden, np.float64) @ np.asarray(weights, np.float64).T
    if bias is not None:
        scores = scores + np.asarray(bias, np.float64)
    classes = scores.shape[1] - len(class_of)
    log_probabilities = _log_softmax(scores[:, :classes])[:, class_of]
    for c in range(classes):
        members = np.flatnonzero(class_of == c)
        log_probabilities[:, members] += _log_softmax(scores[:, classes + members])
    return log_probabilities


def _log_softmax(scores: Doubles) -> Doubles:
    """Return the logarithm of the softmax of each row."""
    return np.asarray(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))


def _members(batch: BatchArrays, group: int) -> list[int]:
    """Return the hidden vectors of a group; one may stand in several."""
    begin, end = int(batch.group_offsets[group]), int(batch.group_offsets[group + 1])
    return list(range(begin, end)) if batch.group_hidden is None else [int(h) for h in batch.group_hidden[begin:end]]


def _bag(batch: BatchArrays, h: int) -> tuple[NDArray[np.int64], Doubles]:
    """Return the rows of a hidden vector's bag and their weights: row h alone without offsets."""
    begin, end = (h, h + 1) if batch.bag_offsets is None else (int(batch.bag_offsets[h]), int(batch.bag_offsets[h + 1]))
    weights = np.ones(end - begin) if batch.bag_weights is None else batch.bag_weights[begin:end].astype(np.float64)
    return batch.bag_rows[begin:end].astype(np.int64), weights


def _candidates(
    batch: BatchArrays, group: int, members: list[int]
) -> tuple[NDArray[np.int64], Doubles, Doubles, Doubles]:
    """Return all candidates of a group: rows, labels and log_q (T,), weights (B, T).

    A candidate that a hidden vector leaves out has the weight 0 for it, and so has one that is another's own.
    """
    begin, end = int(batch.shared_offsets[group]), int(batch.shared_offsets[group + 1])
    shared_weights = np.ones(end - begin) if batch.shared_weights is None else batch.shared_weights[begin:end]
    rows = [batch.shared_rows[begin:end].astype(np.int64)]
    labels = [batch.shared_labels[begin:end].astype(np.float64)]
    weights = [np.tile(shared_weights.astype(np.float64), (len(members), 1))]
    if batch.hit_offsets is not None and batch.hit_candidates is not None:
        for b, h in enumerate(members):
            hits = batch.hit_candidates[batch.hit_offsets[h] : batch.hit_offsets[h + 1]]
            here = hits[(hits >= begin) & (hits < end)]
            weights[0][b, np.isin(rows[0], batch.shared_rows[here])] = 0
    log_q = [np.zeros(end - begin) if batch.shared_log_q is None else batch.shared_log_q[begin:end]]
    if batch.own_offsets is not None and batch.own_rows is not None and batch.own_labels is not None:
        for b, h in enumerate(members):
            begin, end = int(batch.own_offsets[h]), int(batch.own_offsets[h + 1])
            rows.append(batch.own_rows[begin:end].astype(np.int64))
            labels.append(batch.own_labels[begin:end].astype(np.float64))
            weights.append(np.zeros((len(members), end - begin)))
            weights[-1][b] = 1
            log_q.append(np.zeros(end - begin) if batch.own_log_q is None else batch.own_log_q[begin:end])
    offsets = np.concatenate(log_q).astype(np.float64)
    return np.concatenate(rows), np.concatenate(labels), np.concatenate(weights, axis=1), offsets


def _scored(
    hidden: ArrayLike, rows: ArrayLike, labels: ArrayLike, weights: ArrayLike, log_q: ArrayLike, score_scale: float
) -> tuple[Doubles, Doubles, Doubles]:
    """Return scores less log_q, labels and weights, each (B, T)."""
    scores = score_scale * (np.asarray(hidden, np.float64) @ np.asarray(rows, np.float64).T)
    scores = scores - np.asarray(log_q, np.float64)
    return (
        scores,
        np.broadcast_to(np.asarray(labels, np.float64), scores.shape),
        np.broadcast_to(np.asarray(weights, np.float64), scores.shape),
    )


def _log_sum_exp(scores: Doubles, weights: Doubles) -> Doubles:
    """Return the logarithm of the sum of weight * exp(score) of each row, (B, 1)."""
    with np.errstate(divide="ignore"):
        shifted = scores + np.log(weights)
    return np.asarray(np.logaddexp.reduce(shifted, axis=1, keepdims=True, initial=-np.inf))


def _at(values: Floats | None, h: int) -> float:
    return 1.0 if values is None else float(values[h])


def _descend(table: Floats, rows: NDArray[np.int64], steps: Doubles) -> None:
    """Subtract every step from its row: all those of a row are added up before it is rounded."""
    distinct, place = np.unique(rows, return_inverse=True)
    changed = table[distinct].astype(np.float64)
    np.subtract.at(changed, place, steps)
    table[distinct] = changed
