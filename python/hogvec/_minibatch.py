"""Training by mini-batches: an encoder makes hidden vectors, a loss over an output table sends gradients back.

What is trained is written twice nowhere: the loss and its rows are those of `Loss.step`, and an encoder has two
methods. The tables are NumPy arrays; products and sums are in C++.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._loss import Floats, Ids, Targets, layer_gradients
from hogvec._output_loss import OutputLoss
from hogvec.optimizers import Optimizer

__all__ = ["BagEncoder", "Bags", "Encoder", "MiniBatch", "MiniBatchTrainer"]


class Bags(NamedTuple):
    """Input rows in compressed rows: hidden vector h is the weighted sum of those from offset h to the next."""

    offsets: Ids  # (B + 1,)
    rows: Ids  # (n,)
    weights: NDArray[np.float32] | None  # (n,), None for 1


class MiniBatch(NamedTuple):
    """What hidden vectors are made of, what they must find, and what their losses are multiplied by, (B,)."""

    bags: Bags
    targets: Targets
    weights: NDArray[np.float32]


class Encoder(Protocol):
    """Makes hidden vectors of bags, and learns from their gradients."""

    def encode(self, bags: Bags, threads: int) -> Floats:
        """Return the hidden vectors, (B, dim)."""

    def step(self, bags: Bags, hidden_gradient: Floats, learning_rate: float, threads: int) -> None:
        """Take one step of the optimizer along what the hidden gradients, (B, dim), mean for the parameters."""


class BagEncoder:
    """Hidden vectors are weighted sums of rows of a table."""

    def __init__(self, table: Floats, optimizer: Optimizer) -> None:
        self.table = table
        self.state = optimizer.start(table)

    def encode(self, bags: Bags, threads: int) -> Floats:
        return _core.sum_bags(self.table, bags.offsets, bags.rows, bags.weights, threads)

    def step(self, bags: Bags, hidden_gradient: Floats, learning_rate: float, threads: int) -> None:
        # The gradient of a row is the weighted sum of those of its bags: bags and rows change places.
        order = np.argsort(bags.rows, kind="stable")
        sorted_rows = bags.rows[order]
        begins = np.flatnonzero(np.diff(sorted_rows, prepend=-1))
        rows = sorted_rows[begins]
        bag_of = np.repeat(np.arange(len(bags.offsets) - 1), np.diff(bags.offsets))
        weights = None if bags.weights is None else bags.weights[order]
        offsets = np.append(begins, len(order))
        gradient = _core.sum_bags(hidden_gradient, offsets, bag_of[order], weights, threads)
        self.state._apply_rows(self.table, rows, gradient, learning_rate, threads)


class MiniBatchTrainer:
    """One output table scored against what an encoder makes.

    Parameters
    ----------
    encoder : Encoder
    output : ndarray of float32, shape (V, dim)
    optimizer : Optimizer
        Of the output table; the encoder has its own.
    score : callable
        Returns how scores are made with an output table.
    """

    def __init__(
        self,
        encoder: Encoder,
        output: Floats,
        optimizer: Optimizer,
        score: Callable[[Floats], _core.LayerModel],
    ) -> None:
        self.encoder = encoder
        self.output = output
        self.state = optimizer.start(output)
        self._score = score

    def step(self, batch: MiniBatch, loss: OutputLoss, *, learning_rate: float, seed: int, threads: int) -> float:
        """Train on a mini-batch and return its loss before the step, the sum over its examples.

        Raises ValueError, with nothing changed, if something is no longer finite.
        """
        hidden = self.encoder.encode(batch.bags, threads)
        model = self._score(self.output)
        _core.check_hidden(model, hidden)  # before a sampler learns from the batch
        candidates = loss._candidates(batch.targets, len(self.output), seed)
        gradients = layer_gradients(model, hidden, candidates, batch.weights, threads)
        self.state._apply_rows(self.output, gradients.rows, gradients.row_gradient, learning_rate, threads)
        self.encoder.step(batch.bags, gradients.hidden_gradient, learning_rate, threads)
        return float(gradients.loss.sum())
