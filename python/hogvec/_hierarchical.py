"""The two models of a hierarchical softmax over NumPy buffers: paths of yes-or-no questions, or classes and outputs.

Here an example has one target; `HierarchicalSoftmax` repeats those that have several.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._loss import Doubles, Floats, Gradients, Ids, Link, TopK, layer_gradients
from hogvec.class_tree import ClassTree
from hogvec.trees import Tree

__all__ = ["TreeModel", "model_of", "repeat_rows", "repeat_weights"]

MOST_MEMBERS = 1 << 20
"""Outputs that a block of examples is scored against, of the classes of their targets."""


class TreeModel(ABC):
    """The probabilities that a tree gives its leaves. Targets are (B,); arguments are checked."""

    link: Link
    num_outputs: int
    num_rows: int
    """Of the weights."""
    row_of: str
    """What has a row."""

    @abstractmethod
    def objective(self) -> _core.Objective:
        """Return what a trainer takes candidates from."""

    @abstractmethod
    def gradients(
        self,
        hidden: Floats,
        targets: Ids,
        weights: Floats,
        bias: Floats | None,
        example_weights: Floats | None,
        threads: int,
    ) -> Gradients:
        """Return the gradients of -ln P(target)."""

    @abstractmethod
    def log_likelihood(
        self, hidden: Floats, targets: Ids, weights: Floats, bias: Floats | None, threads: int
    ) -> Doubles:
        """Return ln P(target), (B,)."""

    @abstractmethod
    def top_k(self, hidden: Floats, weights: Floats, bias: Floats | None, k: int, threads: int) -> TopK:
        """Return the k most probable leaves."""

    def check_rows(self, weights: Floats, bias: Floats | None) -> None:
        """Raise ValueError unless there are as many rows as the tree needs."""
        for name, array, entry in (("weights", weights, "a row"), ("bias", bias, "an entry")):
            if array is not None and np.shape(array)[:1] != (self.num_rows,) and np.ndim(array) > 0:
                raise ValueError(f"{name} must have {entry} for each {self.row_of}, {self.num_rows}, got {len(array)}")


def model_of(tree: Tree | ClassTree) -> TreeModel:
    """Return the model of a tree."""
    return ClassModel(tree) if isinstance(tree, ClassTree) else PathModel(tree)


class PathModel(TreeModel):
    """A logistic decision at each inner node on the path to the target, whose rows are the inner nodes."""

    link = Link("logistic")
    row_of = "inner node"

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.num_outputs = tree.num_leaves
        self.num_rows = tree.num_inner

    def objective(self) -> _core.Objective:
        return _core.Objective.hierarchical_softmax(self.tree._core_tree)

    def gradients(
        self,
        hidden: Floats,
        targets: Ids,
        weights: Floats,
        bias: Floats | None,
        example_weights: Floats | None,
        threads: int,
    ) -> Gradients:
        offsets, entries = entries_of(self.tree.offsets, targets)
        path = own_candidates(
            softmax=False,
            offsets=offsets,
            rows=self.tree.points[entries],
            labels=self.tree.codes[entries] == 0,
        )
        return layer_gradients(_core.LayerModel(weights, bias), hidden, path, example_weights, threads)

    def log_likelihood(
        self, hidden: Floats, targets: Ids, weights: Floats, bias: Floats | None, threads: int
    ) -> Doubles:
        return self.tree._core_tree.log_likelihood(hidden, targets, weights, bias, threads)

    def top_k(self, hidden: Floats, weights: Floats, bias: Floats | None, k: int, threads: int) -> TopK:
        ids, values = self.tree._core_tree.top_k(hidden, weights, bias, k, threads)
        return TopK(ids=ids, log_probabilities=values)


class ClassModel(TreeModel):
    """A softmax over the classes and one over the outputs of the target's class: rows are the classes, then outputs."""

    link = Link("softmax")
    row_of = "class and each output"

    def __init__(self, tree: ClassTree) -> None:
        self.tree = tree
        self.num_outputs = tree.num_leaves
        self.num_rows = tree.num_classes + tree.num_leaves

    def objective(self) -> _core.Objective:
        return _core.Objective.two_level_softmax(self.tree.class_of)

    def layers(self, weights: Floats, bias: Floats | None) -> tuple[_core.LayerModel, _core.LayerModel]:
        """Return the layer of the classes and that of the outputs."""
        _core.LayerModel(weights, bias)  # kinds and layouts
        n = self.tree.num_classes
        classes = _core.LayerModel(weights[:n], None if bias is None else bias[:n])
        outputs = _core.LayerModel(weights[n:], None if bias is None else bias[n:])
        return classes, outputs

    def gradients(
        self,
        hidden: Floats,
        targets: Ids,
        weights: Floats,
        bias: Floats | None,
        example_weights: Floats | None,
        threads: int,
    ) -> Gradients:
        classes, outputs = self.layers(weights, bias)
        class_of = self.tree.class_of[targets].astype(np.int64)
        among = _core.LayerCandidates(softmax=True, targets=class_of)
        first = layer_gradients(classes, hidden, among, example_weights, threads)

        second = self._gradients_within(outputs, hidden, targets, class_of, example_weights, threads)
        bias_gradient = None
        if first.bias_gradient is not None and second.bias_gradient is not None:
            bias_gradient = np.concatenate([first.bias_gradient, second.bias_gradient])
        return Gradients(
            loss=first.loss + second.loss,
            hidden_gradient=first.hidden_gradient + second.hidden_gradient,
            rows=np.concatenate([first.rows, self.tree.num_classes + second.rows]),
            row_gradient=np.concatenate([first.row_gradient, second.row_gradient]),
            bias_gradient=bias_gradient,
        )

    def _gradients_within(
        self,
        outputs: _core.LayerModel,
        hidden: Floats,
        targets: Ids,
        class_of: Ids,
        example_weights: Floats | None,
        threads: int,
    ) -> Gradients:
        """Return the gradients of the softmax over the outputs of the targets' classes."""

        def part(chosen: slice | Ids) -> Gradients:
            offsets, entries = entries_of(self.tree.class_offsets, class_of[chosen])
            members = self.tree.members[entries]
            labels = members == np.repeat(targets[chosen], np.diff(offsets))
            within = own_candidates(softmax=True, offsets=offsets, rows=members, labels=labels)
            weights = None if example_weights is None else example_weights[chosen]
            return layer_gradients(outputs, hidden[chosen], within, weights, threads)

        sizes = np.diff(self.tree.class_offsets)[class_of]
        if sizes.sum() <= MOST_MEMBERS:
            return part(slice(None))
        order = np.argsort(class_of, kind="stable")  # so that few classes have targets in two blocks
        blocks = [order[begin:end] for begin, end in blocks_of(sizes[order])]
        parts = [(block, part(block)) for block in blocks]
        rows = np.unique(np.concatenate([found.rows for _, found in parts]))
        has_bias = parts[0][1].bias_gradient is not None
        result = Gradients(
            loss=np.empty(len(targets)),
            hidden_gradient=np.empty((len(targets), hidden.shape[1]), np.float32),
            rows=rows,
            row_gradient=np.zeros((len(rows), hidden.shape[1]), np.float32),
            bias_gradient=np.zeros(len(rows), np.float32) if has_bias else None,
        )
        for block, found in parts:
            result.loss[block], result.hidden_gradient[block] = found.loss, found.hidden_gradient
            places = np.searchsorted(rows, found.rows)
            result.row_gradient[places] += found.row_gradient
            if result.bias_gradient is not None and found.bias_gradient is not None:
                result.bias_gradient[places] += found.bias_gradient
        return result

    def log_likelihood(
        self, hidden: Floats, targets: Ids, weights: Floats, bias: Floats | None, threads: int
    ) -> Doubles:
        classes, _ = self.layers(weights, bias)
        _core.check_hidden(classes, hidden)
        sizes = np.diff(self.tree.class_offsets)[self.tree.class_of[targets]]
        values = np.empty(len(targets))
        for begin, end in blocks_of(sizes):  # there are gradients, too, that nobody asked for
            part = slice(begin, end)
            values[part] = -self.gradients(hidden[part], targets[part], weights, bias, None, threads).loss
        return values

    def top_k(self, hidden: Floats, weights: Floats, bias: Floats | None, k: int, threads: int) -> TopK:
        classes, _ = self.layers(weights, bias)
        of_class, class_values = _core.output_top_k(classes, hidden, self.tree.num_classes, None, "softmax", threads)
        log_class = np.empty_like(class_values)
        np.put_along_axis(log_class, of_class.astype(np.int64), class_values, axis=1)
        best_ids = np.empty((len(log_class), 0), dtype=np.int32)
        best_values = np.empty((len(log_class), 0))
        for number in range(self.tree.num_classes):  # the best of all classes so far
            members = self.tree.members_of(number)
            rows = self.tree.num_classes + members
            model = _core.LayerModel(np.ascontiguousarray(weights[rows]), None if bias is None else bias[rows])
            places, values = _core.output_top_k(model, hidden, min(k, len(members)), None, "softmax", threads)
            ids = np.concatenate([best_ids, members[places]], axis=1)
            values = np.concatenate([best_values, values + log_class[:, number, np.newaxis]], axis=1)
            order = np.lexsort((ids, -values), axis=1)[:, :k]
            best_ids = np.take_along_axis(ids, order, axis=1)
            best_values = np.take_along_axis(values, order, axis=1)
        return TopK(ids=best_ids, log_probabilities=best_values)


def blocks_of(sizes: Ids) -> Iterator[tuple[int, int]]:
    """Return the begins and ends of blocks of examples with so many candidates each, few in a block."""
    block = np.cumsum(sizes) // MOST_MEMBERS
    return itertools.pairwise([0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), len(sizes)])


def entries_of(offsets: Ids, ids: Ids) -> tuple[Ids, Ids]:
    """Return the entries that `offsets` gives each of `ids`, one id after the other, and the offsets of these."""
    begins = offsets[ids]
    sizes = offsets[ids + 1] - begins
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return ends, np.arange(ends[-1]) + np.repeat(begins - ends[:-1], sizes)


def own_candidates(
    *, softmax: bool, offsets: Ids, rows: NDArray[np.int32], labels: NDArray[np.bool_]
) -> _core.LayerCandidates:
    """Return candidates of which example i alone has those from offsets[i] to offsets[i + 1]."""
    return _core.LayerCandidates(
        softmax=softmax,
        shared_rows=np.empty(0, dtype=np.int32),
        own_offsets=offsets,
        own_rows=rows.astype(np.int64),
        own_labels=labels.astype(np.float32),
    )


def repeat_rows(hidden: Floats, times: int) -> Floats:
    """Return each row so many times: the buffer itself for one."""
    return hidden if times == 1 or not isinstance(hidden, np.ndarray) else np.repeat(hidden, times, axis=0)


def repeat_weights(example_weights: Floats | None, targets: Ids, multi_label: str) -> Floats | None:
    """Return weights of examples that stand once for each of their targets, (B, num_true)."""
    count, columns = targets.shape
    if columns == 1:
        return example_weights
    if multi_label == "split":
        share = np.full(targets.shape, 1.0 / columns, dtype=np.float32)
    else:  # a set: of equal targets the first counts
        earlier = np.tril(targets[:, :, np.newaxis] == targets[:, np.newaxis, :], -1).any(axis=2)
        share = (~earlier).astype(np.float32)
    if example_weights is not None:
        if len(example_weights) != count:
            raise ValueError(
                f"example_weights must have an entry for each row of hidden, {count}, got {len(example_weights)}"
            )
        share *= example_weights[:, np.newaxis]
    return share.ravel()
