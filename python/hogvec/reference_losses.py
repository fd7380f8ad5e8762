"""The executable specification of the losses over buffers: their values and gradients in NumPy and double precision.

One example at a time, over its list of candidates. Tests compare `Loss.gradients` and its fellows with these functions;
besides, tensors of float64 in `hogvec.torch` go through them. `hogvec.reference` has the groups and trees that trainers
work with. All losses stand side by side, each with its formula: the file is longer than others for that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec.class_tree import ClassTree
from hogvec.losses import NCE, HierarchicalSoftmax, NegativeSampling, OneVsAll, SampledSoftmax, Softmax
from hogvec.reference import class_log_probabilities, sigmoid, softplus, tree_log_probabilities
from hogvec.samplers import HardOf, InBatchSampler, LearnedUnigramSampler, MixtureSampler, Sampler
from hogvec.trees import Tree

__all__ = [
    "Draws",
    "OutputGradients",
    "draw",
    "log_probabilities",
    "loss_of_scores",
    "output_gradients",
    "output_scores",
    "refined_weight",
]

Doubles: TypeAlias = NDArray[np.float64]
Ids: TypeAlias = NDArray[np.int64]
AnyLoss: TypeAlias = NegativeSampling | NCE | SampledSoftmax | Softmax | OneVsAll | HierarchicalSoftmax
Derived: TypeAlias = tuple[float, Doubles]  # a loss, and its derivatives by all scores of the example


@dataclass(frozen=True, kw_only=True, eq=False)
class Draws:
    """The negatives of a mini-batch: one draw, shared by all of its examples.

    Attributes
    ----------
    ids : ndarray of int64, shape (n,) or (B, n)
        With multiplicity; of two axes where every example has draws of its own.
    log_expected : ndarray of float64, shape (V,)
        ln E of every output: how often it was to be expected among the draws.
    log_probability : ndarray of float64, shape (V,)
        ln Q of every output: the probability of a single draw.
    unique : bool
        Whether the ids are distinct by construction.
    hardest_of : int
        An example keeps the best scored one of so many draws that follow each other.
    """

    ids: Ids
    log_expected: Doubles
    log_probability: Doubles
    unique: bool
    hardest_of: int = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class OutputGradients:
    """A loss and its derivatives, dense: what `hogvec.Gradients` has for the touched rows alone.

    Attributes
    ----------
    loss : ndarray of float64, shape (B,)
    hidden : ndarray of float64, shape (B, dim)
    weights : ndarray of float64, shape (rows, dim)
    bias : ndarray of float64, shape (rows,)
        The derivative by a bias, also where none is given.
    """

    loss: Doubles
    hidden: Doubles
    weights: Doubles
    bias: Doubles


def draw(loss: AnyLoss, targets: ArrayLike, *, seed: int = 1) -> Draws:
    """Draw the negatives of a mini-batch, and let samplers that learn see its targets.

    An `InBatchSampler` sees them before the draw, so that it draws from them; a `LearnedUnigramSampler` after it. What
    is expected of a draw is what was expected when it was made.

    Parameters
    ----------
    loss : Loss
        One without a sampler has no draws.
    targets : array_like of int, shape (B,) or (B, num_true)
    seed : int, default 1

    Returns
    -------
    Draws

    Examples
    --------
    >>> from hogvec import UniformSampler
    >>> draws = draw(SampledSoftmax(3, sampler=UniformSampler(3)), [0, 1])
    >>> sorted(draws.ids.tolist())
    [0, 1, 2]
    """
    sampler = getattr(loss, "sampler", None)
    targets = np.asarray(targets, np.int64)
    if sampler is None or targets.size == 0:
        none = np.zeros(0)
        return Draws(ids=np.zeros(0, np.int64), log_expected=none, log_probability=none, unique=False)
    assert isinstance(loss, (NegativeSampling, NCE, SampledSoftmax))
    n = loss.num_sampled if isinstance(loss, SampledSoftmax) else loss.negatives
    apart = isinstance(loss, SampledSoftmax) and not loss.shared
    unique = isinstance(loss, SampledSoftmax) and loss.unique and n is not None and not apart
    hardest_of = 1
    if isinstance(sampler, HardOf):
        hardest_of, sampler = sampler.m, sampler.sampler
        if hardest_of > 1 and n is not None:  # the hardest of 1 is that one
            n, unique = n * hardest_of, True
    parts = _parts(sampler)
    for part in parts:
        if isinstance(part, InBatchSampler):
            part.update(targets)
    ids: Ids
    if n is None:  # every target of the batch is a draw
        ids, num_tries = targets.ravel(), targets.size
    elif apart:
        ids = sampler.sample(n * targets.size, unique=False, seed=seed).ids.reshape(-1, n).astype(np.int64)
        num_tries = n
    else:
        sample = sampler.sample(n, unique=unique, seed=seed)
        ids, num_tries = sample.ids.astype(np.int64), sample.num_tries
    draws = Draws(
        ids=ids,
        log_expected=sampler.log_expected_count(np.arange(sampler.num_classes), num_tries, unique=unique),
        log_probability=log(sampler.probability()),
        unique=unique,
        hardest_of=hardest_of,
    )
    for part in parts:
        if isinstance(part, LearnedUnigramSampler):
            part.update(targets)
    return draws


def output_scores(loss: AnyLoss, hidden: ArrayLike, weights: ArrayLike, bias: ArrayLike | None = None) -> Doubles:
    """Return s = (h . w + b) / temperature of every hidden vector and row, (B, rows).

    With ``normalize`` h and w are divided by their lengths first; a vector of length 0 stays 0.

    Examples
    --------
    >>> output_scores(Softmax(temperature=0.5, normalize=True), [[3.0, 4.0]], [[2.0, 0.0], [0.0, 0.0]], [0.0, 1.0])
    array([[1.2, 2. ]])
    """
    directions, rows = (np.asarray(table, np.float64) for table in (hidden, weights))
    if getattr(loss, "normalize", False):
        directions, rows = directions / _lengths(directions), rows / _lengths(rows)
    scores = directions @ rows.T + (0.0 if bias is None else np.asarray(bias, np.float64))
    return np.asarray(scores / getattr(loss, "temperature", 1.0))


def output_gradients(
    loss: AnyLoss,
    hidden: ArrayLike,
    targets: ArrayLike,
    weights: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    seed: int = 1,
    example_weights: ArrayLike | None = None,
    draws: Draws | None = None,
) -> OutputGradients:
    """Return the loss of every example, and the derivatives of their sum by hidden vectors, rows and bias.

    Parameters
    ----------
    loss : Loss
    hidden : array_like, shape (B, dim)
    targets : array_like of int, shape (B,) or (B, num_true)
    weights : array_like, shape (rows, dim)
        One row for each output; for a tree one for each inner node, for a `ClassTree` the classes and then the outputs.
    bias : array_like, shape (rows,), optional
    seed : int, default 1
        Of the draws.
    example_weights : array_like, shape (B,), optional
        What the losses are multiplied by.
    draws : Draws, optional
        Instead of new ones; no sampler is touched then.

    Returns
    -------
    OutputGradients

    Examples
    --------
    >>> found = output_gradients(Softmax(), [[1.0, 0.0]], [0], [[0.0, 1.0], [0.0, 2.0]])
    >>> found.loss, found.hidden, found.weights.tolist()  # two outputs of the same score
    (array([0.69314718]), array([[0. , 0.5]]), [[-0.5, 0.0], [0.5, 0.0]])
    """
    hidden, weights = np.asarray(hidden, np.float64), np.asarray(weights, np.float64)
    if draws is None:
        draws = draw(loss, targets, seed=seed)
    scores = output_scores(loss, hidden, weights, bias)
    by_example = _rows_of_targets(targets)
    importance = np.ones(len(hidden)) if example_weights is None else np.asarray(example_weights, np.float64)
    values, by_scores = np.zeros(len(hidden)), np.zeros_like(scores)
    for b in range(len(hidden)):
        mine = draws if draws.ids.ndim == 1 else replace(draws, ids=draws.ids[b])
        values[b], by_scores[b] = loss_of_scores(loss, scores[b], by_example[b], mine)
    values *= importance
    by_scores *= importance[:, None] / getattr(loss, "temperature", 1.0)
    if not getattr(loss, "normalize", False):
        by_hidden, by_weights = by_scores @ weights, by_scores.T @ hidden
    else:
        by_hidden = _through_length(by_scores @ (weights / _lengths(weights)), hidden)
        by_weights = _through_length(by_scores.T @ (hidden / _lengths(hidden)), weights)
    return OutputGradients(loss=values, hidden=by_hidden, weights=by_weights, bias=by_scores.sum(axis=0))


def loss_of_scores(
    loss: AnyLoss, scores: ArrayLike, targets: ArrayLike, draws: Draws, *, stopped: ArrayLike | None = None
) -> Derived:
    """Return the loss of one example and its derivatives by the scores of all rows.

    Parameters
    ----------
    loss : Loss
    scores : array_like, shape (rows,)
    targets : array_like of int, shape (num_true,)
        A target that stands several times is one: its label is the sum of theirs, or 1 if targets are independent.
    draws : Draws
    stopped : array_like, shape (distinct targets,), optional
        For ``positive="refined"``: the factors of the targets, ascending, in the place of `refined_weight`. They count
        as constants in the derivatives, and difference quotients have to hold them.

    Returns
    -------
    tuple of float and ndarray of float64, shape (rows,)

    Examples
    --------
    >>> loss_of_scores(OneVsAll(), [0.0, 0.0], [1], draw(OneVsAll(), [1]))
    (1.3862943611198906, array([ 0.5, -0.5]))
    """
    s = np.asarray(scores, np.float64)
    distinct, count = np.unique(np.asarray(targets, np.int64), return_counts=True)
    split = getattr(loss, "multi_label", "split") == "split"
    labels = count / count.sum() if split else np.ones(len(distinct))
    match loss:
        case NegativeSampling():
            return _logistic(s, distinct, labels, _kept(loss, s, distinct, draws))
        case NCE():
            corrected = s - draws.log_expected - loss.log_z
            return _logistic(corrected, distinct, labels, _kept(loss, s, distinct, draws))
        case SampledSoftmax(positive="tf"):
            o = s - loss.correction * draws.log_expected if loss.correction > 0 else s
            kept = _kept(loss, s, distinct, draws)
            if split:
                return _cross_entropy(o, distinct, labels, kept, loss.label_smoothing)
            return _sum([_cross_entropy(o, [t], [y], kept, loss.label_smoothing) for t, y in _pairs(distinct, labels)])
        case SampledSoftmax(positive="importance"):
            return _importance(s, distinct, labels, _kept(loss, s, distinct, draws), draws)
        case SampledSoftmax():
            factors = [None] * len(distinct) if stopped is None else np.asarray(stopped, np.float64).tolist()
            kept = _kept(loss, s, distinct, draws)
            terms = zip(_pairs(distinct, labels), factors, strict=True)
            return _sum([_refined(s, t, y, kept, draws, factor) for (t, y), factor in terms])
        case Softmax():
            others = np.setdiff1d(np.arange(len(s)), distinct)
            if split:
                return _cross_entropy(s, distinct, labels, others, loss.label_smoothing)
            return _sum(
                [_cross_entropy(s, [t], [y], others, loss.label_smoothing) for t, y in _pairs(distinct, labels)]
            )
        case OneVsAll():
            is_target = np.isin(np.arange(len(s)), distinct)
            return float(np.sum(softplus(s) - is_target * s)), sigmoid(s) - is_target
        case HierarchicalSoftmax(tree=ClassTree() as classes):
            return _sum([_class_path(classes, s, t, y) for t, y in _pairs(distinct, labels)])
        case HierarchicalSoftmax(tree=Tree() as tree):
            return _sum([_tree_path(tree, s, t, y) for t, y in _pairs(distinct, labels)])
    raise TypeError(f"loss must be one of hogvec, got {loss!r}")


def refined_weight(scores: ArrayLike, target: int, kept: ArrayLike, draws: Draws) -> float:
    """Return 1 - P, P the softmax of the target among itself and the kept draws as estimates of all others.

    It multiplies the loss of `SampledSoftmax` with ``positive="refined"``: an example weighs as much as the model errs.

    References
    ----------
    K. Khrylchenko et al., "Correcting the logQ correction: revisiting sampled softmax for large-scale retrieval",
    RecSys 2025, arXiv:2507.09331.
    """
    s, kept = np.asarray(scores, np.float64), np.asarray(kept, np.int64)
    log_others = np.logaddexp.reduce(s[kept] - _log_refined_count(target, kept, draws))
    if not draws.unique and kept.size > 0:
        log_others -= np.log(kept.size)
    return float(sigmoid(log_others - s[target]))


def log_probabilities(loss: AnyLoss, hidden: ArrayLike, weights: ArrayLike, bias: ArrayLike | None = None) -> Doubles:
    """Return the exact ln p(w | h) of every output w, as the loss has it, (B, V).

    Those of each hidden vector sum to 1, but for `OneVsAll`, whose outputs are independent. Scores of
    `NegativeSampling` estimate ``ln p(w | h) - ln(k q(w))``, so that is added back.

    Examples
    --------
    >>> from hogvec import UnigramSampler
    >>> loss = NegativeSampling(5, sampler=UnigramSampler([3, 1], 1.0))
    >>> np.exp(log_probabilities(loss, [[0.0]], [[0.0], [0.0]]))
    array([[0.75, 0.25]])
    """
    scores = output_scores(loss, hidden, weights, bias)
    match loss:
        case HierarchicalSoftmax(tree=ClassTree() as tree):
            return class_log_probabilities(tree.class_of, hidden, weights, bias)
        case HierarchicalSoftmax(tree=Tree() as tree):
            return tree_log_probabilities(tree, hidden, weights, bias)
        case OneVsAll():
            return -softplus(-scores)
        case NegativeSampling(sampler=Sampler() as sampler):
            scores = scores + log(loss.negatives * sampler.probability())
    return np.asarray(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))


def log(values: Doubles) -> Doubles:
    """Return natural logarithms, -inf for 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values))


def _parts(sampler: Sampler) -> list[Sampler]:
    """Return a sampler, or all those that a mixture is made of."""
    if not isinstance(sampler, MixtureSampler):
        return [sampler]
    return [part for inner in sampler.samplers for part in _parts(inner)]


def _kept(loss: NegativeSampling | NCE | SampledSoftmax, s: Doubles, targets: Ids, draws: Draws) -> Ids:
    """Return the draws that an example scores: without hits if the loss removes them, the hardest of each group."""
    removes = isinstance(loss, NegativeSampling) or (
        loss.removes_hits if isinstance(loss, SampledSoftmax) else loss.remove_accidental_hits
    )
    valid = ~np.isin(draws.ids, targets) if removes else np.ones(draws.ids.shape, bool)
    if draws.hardest_of == 1:
        return draws.ids[valid]
    groups, valid = draws.ids.reshape(-1, draws.hardest_of), valid.reshape(-1, draws.hardest_of)
    hardest = np.argmax(np.where(valid, s[groups], -np.inf), axis=1)
    each = np.arange(len(groups))
    return np.asarray(groups[each, hardest][valid[each, hardest]])


def _logistic(s: Doubles, targets: Ids, labels: Doubles, noise: Ids) -> Derived:
    """Sum softplus(s) - y s over the targets and softplus(s) over the noise.

    Gutmann and Hyvärinen 2010 for corrected scores, Mikolov et al. 2013 for plain ones.
    """
    value = np.sum(softplus(s[targets]) - labels * s[targets]) + np.sum(softplus(s[noise]))
    by_scores = np.zeros_like(s)
    by_scores[targets] += sigmoid(s[targets]) - labels
    np.add.at(by_scores, noise, sigmoid(s[noise]))
    return float(value), by_scores


def _cross_entropy(o: Doubles, targets: ArrayLike, labels: ArrayLike, others: Ids, smoothing: float) -> Derived:
    """-sum y ln softmax(o) over targets and others: Jean et al. 2015 (their eq. 9 with o = s - ln E).

    Smoothing gives a share of the labels to all candidates alike.
    """
    candidates = np.concatenate([np.asarray(targets, np.int64), others])
    given = np.zeros(len(candidates))
    given[: len(candidates) - len(others)] = labels
    y = (1 - smoothing) * given + smoothing * given.sum() / len(candidates)
    log_p = o[candidates] - np.logaddexp.reduce(o[candidates])
    by_scores = np.zeros_like(o)
    np.add.at(by_scores, candidates, y.sum() * np.exp(log_p) - y)
    return float(-(y @ log_p)), by_scores


def _importance(s: Doubles, targets: Ids, labels: Doubles, kept: Ids, draws: Draws) -> Derived:
    """-s of the target plus ln Z, Z estimated by the draws: sum of exp(s) / E. Bengio and Senécal 2008, eq. 12."""
    o = s[kept] - draws.log_expected[kept]
    log_z = np.logaddexp.reduce(o)
    by_scores = np.zeros_like(s)
    by_scores[targets] -= labels
    np.add.at(by_scores, kept, labels.sum() * np.exp(o - log_z))
    return float(labels.sum() * log_z - labels @ s[targets]), by_scores


def _refined(s: Doubles, target: int, label: float, kept: Ids, draws: Draws, factor: float | None) -> Derived:
    """(1 - P) (-s + ln of the sum of exp(s_j) / Q'(j) over the draws): Khrylchenko et al. 2025, with P held constant.

    Nothing is left to learn where P is 1, which it is without draws.
    """
    if factor is None:
        factor = refined_weight(s, target, kept, draws)
    by_scores = np.zeros_like(s)
    if factor == 0:
        return 0.0, by_scores
    o = s[kept] - _log_refined_count(target, kept, draws)
    log_z = np.logaddexp.reduce(o)
    by_scores[target] -= label * factor
    np.add.at(by_scores, kept, label * factor * np.exp(o - log_z))
    return float(label * factor * (log_z - s[target])), by_scores


def _log_refined_count(target: int, kept: Ids, draws: Draws) -> Doubles:
    """ln Q'(j) = ln(Q(j) / (1 - Q(target))), of draws that are not the target; ln E of distinct draws."""
    if draws.unique:
        return draws.log_expected[kept]
    return draws.log_probability[kept] - log(-np.expm1(draws.log_probability[[target]]))


def _tree_path(tree: Tree, s: Doubles, target: int, label: float) -> Derived:
    """-ln P of the target, the decisions on its path: Morin and Bengio 2005."""
    nodes, turns = tree.path(target), 1 - 2.0 * tree.code(target)
    by_scores = np.zeros_like(s)
    by_scores[nodes] = -label * turns * sigmoid(-turns * s[nodes])
    return float(label * np.sum(softplus(-turns * s[nodes]))), by_scores


def _class_path(tree: ClassTree, s: Doubles, target: int, label: float) -> Derived:
    """-ln P(class) - ln P(target | class): Goodman 2001. Rows are the classes and then the outputs."""
    chosen = int(tree.class_of[target])
    classes = np.setdiff1d(np.arange(tree.num_classes), [chosen])
    members = tree.num_classes + np.setdiff1d(tree.members_of(chosen), [target]).astype(np.int64)
    return _sum(
        [
            _cross_entropy(s, [chosen], [label], classes, 0.0),
            _cross_entropy(s, [tree.num_classes + target], [label], members, 0.0),
        ]
    )


def _rows_of_targets(targets: ArrayLike) -> Ids:
    ids = np.asarray(targets, np.int64)
    return ids[:, None] if ids.ndim == 1 else ids


def _pairs(targets: Ids, labels: Doubles) -> list[tuple[int, float]]:
    return list(zip(targets.tolist(), labels.tolist(), strict=True))


def _sum(terms: list[Derived]) -> Derived:
    return sum(value for value, _ in terms), np.asarray(sum(by_scores for _, by_scores in terms))


def _lengths(table: Doubles) -> Doubles:
    """Return the length of every row, (n, 1); 1 for 0, which is left as it is."""
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    return np.where(lengths > 0, lengths, 1.0)


def _through_length(by_direction: Doubles, table: Doubles) -> Doubles:
    """Return derivatives by rows from those by rows / length: what is along a row does not count, nor a row of 0."""
    lengths = _lengths(table)
    direction = table / lengths
    along = np.sum(by_direction * direction, axis=1, keepdims=True) * direction
    return np.asarray(np.where(table.any(axis=1, keepdims=True), (by_direction - along) / lengths, 0.0))
