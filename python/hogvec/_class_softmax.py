"""The softmax of two levels over NumPy buffers: over the classes, then over the outputs of a class."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._loss import Gradients, TopK, run
from hogvec.class_tree import ClassTree

__all__ = ["class_gradients", "class_log_likelihood", "class_top_k"]

Floats = NDArray[np.float32]

MOST_MEMBERS = 1 << 20
"""Outputs that a block of examples is scored against, of the classes of their targets."""


def split_rows(tree: ClassTree, weights: Floats, bias: Floats | None) -> tuple[_core.LayerModel, _core.LayerModel]:
    """Return the layer of the classes and that of the outputs: the first rows, and the others."""
    _core.LayerModel(weights, bias)  # kinds and layouts
    n = tree.num_classes
    classes = _core.LayerModel(weights[:n], None if bias is None else bias[:n])
    outputs = _core.LayerModel(weights[n:], None if bias is None else bias[n:])
    return classes, outputs


def class_gradients(
    tree: ClassTree,
    hidden: Floats,
    targets: NDArray[np.int64],
    weights: Floats,
    bias: Floats | None,
    example_weights: Floats | None,
    threads: int,
) -> Gradients:
    """Return the gradients of -ln P(class) - ln P(output within the class); arguments are checked."""
    classes, outputs = split_rows(tree, weights, bias)
    class_of = tree.class_of[targets].astype(np.int64)
    first = run(classes, hidden, _core.LayerCandidates(softmax=True, targets=class_of), example_weights, threads)

    begins = tree.class_offsets[class_of]
    sizes = tree.class_offsets[class_of + 1] - begins
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    members = tree.members[np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], sizes)].astype(np.int64)
    within = _core.LayerCandidates(
        softmax=True,
        shared_rows=np.empty(0, dtype=np.int32),
        own_offsets=offsets,
        own_rows=members,
        own_labels=(members == np.repeat(targets, sizes)).astype(np.float32),
    )
    second = run(outputs, hidden, within, example_weights, threads)
    bias_gradient = None
    if first.bias_gradient is not None and second.bias_gradient is not None:
        bias_gradient = np.concatenate([first.bias_gradient, second.bias_gradient])
    return Gradients(
        loss=first.loss + second.loss,
        hidden_gradient=first.hidden_gradient + second.hidden_gradient,
        rows=np.concatenate([first.rows, tree.num_classes + second.rows]),
        row_gradient=np.concatenate([first.row_gradient, second.row_gradient]),
        bias_gradient=bias_gradient,
    )


def class_log_likelihood(
    tree: ClassTree,
    hidden: Floats,
    targets: NDArray[np.int64],
    weights: Floats,
    bias: Floats | None,
    threads: int,
) -> NDArray[np.float64]:
    """Return ln P(target), (B,); arguments are checked."""
    classes, _ = split_rows(tree, weights, bias)
    _core.check_hidden(classes, hidden)
    sizes = np.diff(tree.class_offsets)[tree.class_of[targets]]
    # So many examples at once that their candidates, and the gradients of these that nobody asked for, stay few.
    block = np.cumsum(sizes) // MOST_MEMBERS
    edges = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), len(targets)]
    values = np.empty(len(targets))
    for begin, end in itertools.pairwise(edges):
        part = slice(begin, end)
        values[part] = -class_gradients(tree, hidden[part], targets[part], weights, bias, None, threads).loss
    return values


def class_top_k(tree: ClassTree, hidden: Floats, weights: Floats, bias: Floats | None, k: int, threads: int) -> TopK:
    """Return the k outputs of the highest P(class) P(output | class), one class after the other."""
    classes, _ = split_rows(tree, weights, bias)
    of_class, class_values = _core.output_top_k(classes, hidden, tree.num_classes, None, False, threads)
    log_class = np.empty_like(class_values)
    np.put_along_axis(log_class, of_class.astype(np.int64), class_values, axis=1)
    count = len(log_class)
    best_ids = np.empty((count, 0), dtype=np.int32)
    best_values = np.empty((count, 0))
    for number in range(tree.num_classes):
        members = tree.members_of(number)
        rows = tree.num_classes + members
        model = _core.LayerModel(np.ascontiguousarray(weights[rows]), None if bias is None else bias[rows])
        kept = min(k, len(members))
        places, values = _core.output_top_k(model, hidden, kept, None, False, threads)
        ids = np.concatenate([best_ids, members[places]], axis=1)
        values = np.concatenate([best_values, values + log_class[:, number, np.newaxis]], axis=1)
        order = np.lexsort((ids, -values), axis=1)[:, :k]
        best_ids = np.take_along_axis(ids, order, axis=1)
        best_values = np.take_along_axis(values, order, axis=1)
    return TopK(ids=best_ids, log_probabilities=best_values)
