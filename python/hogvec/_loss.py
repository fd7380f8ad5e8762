"""What all losses have in common: their methods on NumPy buffers, and the results of these.

The methods of `Loss` check arguments and leave the work to abstract ones, whose names begin with an underscore. Losses
with a row for each output share more, in `_output_loss.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec import _core
from hogvec._loss_arguments import check_example_weights, check_targets, check_writable, started
from hogvec._system import number_of_threads
from hogvec._validate import check_float, check_ids, check_int
from hogvec.optimizers import Optimizer, OptimizerState

__all__ = ["Doubles", "Floats", "Gradients", "Ids", "Link", "Loss", "Step", "Targets", "TopK", "layer_gradients"]

Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]
Ids: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Gradients:
    """What `Loss.gradients` returns: a loss and its gradients, those of output rows for the rows it touches.

    Attributes
    ----------
    loss : ndarray of float64, shape (B,)
        The loss of each example, times its weight.
    hidden_gradient : ndarray of float32, shape (B, dim)
    rows : ndarray of int64, shape (T,)
        The rows of the weights that have a gradient, ascending and distinct.
    row_gradient : ndarray of float32, shape (T, dim)
        Summed over the batch.
    bias_gradient : ndarray of float32, shape (T,), or None
        None without a bias.
    """

    loss: NDArray[np.float64]
    hidden_gradient: NDArray[np.float32]
    rows: NDArray[np.int64]
    row_gradient: NDArray[np.float32]
    bias_gradient: NDArray[np.float32] | None

    def __repr__(self) -> str:
        bias = "" if self.bias_gradient is None else ", with bias"
        count, dim = self.hidden_gradient.shape
        return f"Gradients(<{count} losses of mean {mean(self.loss):.6g}>, <{len(self.rows)} rows of dim {dim}{bias}>)"


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """What `Loss.step` returns.

    Attributes
    ----------
    loss : ndarray of float64, shape (B,)
        The loss of each example before the step, times its weight.
    hidden_gradient : ndarray of float32, shape (B, dim)
        Before the step, too.
    """

    loss: NDArray[np.float64]
    hidden_gradient: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"Step(<{len(self.loss)} losses of mean {mean(self.loss):.6g}>)"


@dataclass(frozen=True, kw_only=True, eq=False)
class TopK:
    """The k most probable outputs of every hidden vector, the best first, equal ones by id.

    Attributes
    ----------
    ids : ndarray of int32, shape (B, k)
    log_probabilities : ndarray of float64, shape (B, k)
    """

    ids: NDArray[np.int32]
    log_probabilities: NDArray[np.float64]


class Targets(NamedTuple):
    """The targets of a mini-batch, any number for an example: its share lies between its offset and the next."""

    ids: Ids  # (N,)
    offsets: Ids | None = None  # (B + 1,), None for one each
    weights: Floats | None = None  # (N,): what labels are in proportion to, None for 1

    @classmethod
    def of_rows(cls, rows: Ids) -> Targets:
        """Return those of (B, num_true) ids."""
        count, columns = rows.shape
        offsets = None if columns == 1 else np.arange(0, count * columns + 1, columns)
        return cls(rows.ravel(), offsets)


class Link(NamedTuple):
    """How a trainer turns scores into a loss: "logistic" or "softmax" of the scores times a number."""

    name: str
    score_scale: float = 1.0


class Loss(ABC):
    """An approximation of the softmax over the outputs, or the softmax itself. Base of all losses; not made itself.

    The methods work on NumPy buffers, which are used in place whatever their row stride. B examples have a hidden
    vector each; V output rows are scored against it.
    """

    def gradients(
        self,
        hidden: NDArray[np.float32],
        targets: ArrayLike,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32] | None = None,
        *,
        seed: int = 1,
        example_weights: ArrayLike | None = None,
        threads: int | None = None,
    ) -> Gradients:
        """Return the loss of a mini-batch and its exact gradients.

        Losses that sample draw once for the whole mini-batch: ``sampler.sample(..., seed=seed)``. A sampler that learns
        from batches is given the targets.

        Parameters
        ----------
        hidden : ndarray of float32, shape (B, dim)
            Finite; B may be 0.
        targets : array_like of int, shape (B,) or (B, num_true)
            Rows of the weights (outputs; leaves of a tree). Equal ones of an example are one.
        weights : ndarray of float32, shape (V, dim)
            The output rows, or the inner nodes of a tree.
        bias : ndarray of float32, shape (V,), optional
            Default: none.
        seed : int, default 1
            Of the draws, a number of [0, 2**64).
        example_weights : array_like of float, shape (B,), optional
            What the loss of each example is multiplied by, none negative. Default 1.
        threads : int, optional
            1 to 1024. Default: the cores that this process may use. The same number gives the same results.

        Returns
        -------
        Gradients
            Of the sum of the examples' losses.

        Raises
        ------
        TypeError
            If a buffer is no NumPy array of float32, or targets, seed or threads are no integers.
        ValueError
            If shapes do not agree, a last axis is not contiguous, something is not finite, the loss lacks a sampler or
            a tree, or the sampler never draws a target.
        IndexError
            If a target is no row.

        Examples
        --------
        >>> from hogvec import Softmax
        >>> hidden, weights = np.ones((2, 3), np.float32), np.zeros((4, 3), np.float32)
        >>> Softmax().gradients(hidden, [1, 2], weights).loss.round(4)   # ln 4
        array([1.3863, 1.3863])
        """
        ids = check_targets(targets, hidden)
        seed = check_int("seed", seed, minimum=0, maximum=2**64 - 1)
        share = check_example_weights(example_weights)
        threads = number_of_threads(threads)
        check_ids("targets", ids, self._num_outputs(weights, bias))
        return self._gradients(hidden, ids, weights, bias, seed, share, threads)

    def step(
        self,
        hidden: NDArray[np.float32],
        targets: ArrayLike,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        optimizer: Optimizer | OptimizerState,
        *,
        seed: int = 1,
        example_weights: ArrayLike | None = None,
        learning_rate: float | None = None,
        threads: int | None = None,
    ) -> Step:
        """Change weights and bias in place by one step of an optimizer; the hidden gradient is yours to pass on.

        A row takes one step with its gradient summed over the mini-batch. If anything is wrong, nothing is changed.

        Parameters
        ----------
        hidden, targets, seed, example_weights, threads
            As in `gradients`.
        weights, bias
            As in `gradients`, writable, and sharing no memory with each other or with `hidden`.
        optimizer : Optimizer or OptimizerState
            An `SGD` with a learning rate; for one that keeps a state, ``optimizer.start(weights, bias)``.
        learning_rate : float, optional
            At least 0. Default: the optimizer's; its schedule is not followed.

        Returns
        -------
        Step

        Raises
        ------
        TypeError, ValueError, IndexError
            As in `gradients`, and if the optimizer has no learning rate or a state for other shapes, or a buffer is
            read-only or overlaps another.

        Examples
        --------
        >>> from hogvec import SGD, Softmax
        >>> hidden, weights = np.ones((2, 3), np.float32), np.zeros((4, 3), np.float32)
        >>> _ = Softmax().step(hidden, [1, 1], weights, None, SGD(learning_rate=1.0))
        >>> weights[:, 0]
        array([-0.5,  1.5, -0.5, -0.5], dtype=float32)
        """
        _core.LayerModel(weights, bias)  # kinds and layouts
        state = optimizer if isinstance(optimizer, OptimizerState) else started(optimizer, weights, bias)
        rate = state.learning_rate if learning_rate is None else learning_rate
        if rate is None:
            raise ValueError(f"learning_rate must be given, to the optimizer or here, got {state.optimizer!r}")
        rate = check_float("learning_rate", rate, minimum=0)
        check_writable(hidden, weights, bias, state)
        state.check(weights, bias)
        gradients = self.gradients(
            hidden, targets, weights, bias, seed=seed, example_weights=example_weights, threads=threads
        )
        state._apply(weights, bias, gradients, rate, number_of_threads(threads))
        return Step(loss=gradients.loss, hidden_gradient=gradients.hidden_gradient)

    def log_likelihood(
        self,
        hidden: NDArray[np.float32],
        targets: ArrayLike,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32] | None = None,
        *,
        threads: int | None = None,
    ) -> NDArray[np.float64]:
        """Return ln P(target | hidden vector): exact, and normalised over all outputs.

        Nothing is sampled, and memory does not grow with B times V.

        Parameters
        ----------
        hidden, targets, weights, bias, threads
            As in `gradients`. With several targets the mean over them.

        Returns
        -------
        ndarray of float64, shape (B,)

        Raises
        ------
        TypeError, ValueError, IndexError
            As in `gradients`.

        Examples
        --------
        >>> from hogvec import Softmax
        >>> hidden, weights = np.ones((1, 3), np.float32), np.zeros((4, 3), np.float32)
        >>> np.exp(Softmax().log_likelihood(hidden, [1], weights))
        array([0.25])
        """
        ids = check_targets(targets, hidden)
        threads = number_of_threads(threads)
        check_ids("targets", ids, self._num_outputs(weights, bias))
        return self._log_likelihood(hidden, ids, weights, bias, threads)

    def perplexity(
        self,
        hidden: NDArray[np.float32],
        targets: ArrayLike,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32] | None = None,
        *,
        threads: int | None = None,
    ) -> float:
        """Return exp of the mean of -`log_likelihood`: as good as a fair choice among so many outputs.

        Parameters
        ----------
        hidden, targets, weights, bias, threads
            As in `log_likelihood`, with at least one example.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError, IndexError
            As in `log_likelihood`, and if there is no example.

        Examples
        --------
        >>> from hogvec import Softmax
        >>> hidden, weights = np.ones((1, 3), np.float32), np.zeros((4, 3), np.float32)
        >>> round(Softmax().perplexity(hidden, [1], weights), 4)
        4.0
        """
        values = self.log_likelihood(hidden, targets, weights, bias, threads=threads)
        if len(values) == 0:
            raise ValueError("hidden must have at least one row, got none")
        with np.errstate(over="ignore"):
            return float(np.exp(-values.mean()))

    def top_k(
        self,
        hidden: NDArray[np.float32],
        weights: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        k: int,
        *,
        threads: int | None = None,
    ) -> TopK:
        """Return the k most probable outputs of every hidden vector, exactly.

        Parameters
        ----------
        hidden, weights, bias, threads
            As in `log_likelihood`.
        k : int
            1 to V.

        Returns
        -------
        TopK

        Raises
        ------
        TypeError, ValueError
            As in `log_likelihood`, and if k is outside its range.

        Examples
        --------
        >>> from hogvec import Softmax
        >>> weights = np.array([[0.5], [-1.0], [2.0]], np.float32)
        >>> Softmax().top_k(np.ones((1, 1), np.float32), weights, None, 2).ids
        array([[2, 0]], dtype=int32)
        """
        k = check_int("k", k, minimum=1, maximum=self._num_outputs(weights, bias))
        return self._top_k(hidden, weights, bias, k, number_of_threads(threads))

    @abstractmethod
    def _num_outputs(self, weights: Floats, bias: Floats | None) -> int:
        """Return the number of outputs V; raise unless weights and bias have as many rows as the loss needs."""

    @abstractmethod
    def _gradients(
        self,
        hidden: Floats,
        targets: Ids,
        weights: Floats,
        bias: Floats | None,
        seed: int,
        example_weights: Floats | None,
        threads: int,
    ) -> Gradients:
        """Return what `gradients` does, for targets (B, num_true) below V."""

    @abstractmethod
    def _log_likelihood(
        self, hidden: Floats, targets: Ids, weights: Floats, bias: Floats | None, threads: int
    ) -> Doubles:
        """Return what `log_likelihood` does, for targets (B, num_true) below V."""

    @abstractmethod
    def _top_k(self, hidden: Floats, weights: Floats, bias: Floats | None, k: int, threads: int) -> TopK:
        """Return what `top_k` does, for a k of 1 to V."""

    @property
    @abstractmethod
    def _link(self) -> Link:
        """How a trainer scores batches of the user's own."""

    @abstractmethod
    def _output_rows(self, num_outputs: int) -> int:
        """Return the rows of a trainer's output table."""

    @abstractmethod
    def _objective(self, counts: Ids) -> _core.Objective:
        """Return what a trainer takes candidates from when outputs occur so often, (V,)."""


def mean(values: NDArray[np.float64]) -> float:
    """Return the mean, NaN of nothing."""
    return float(values.mean()) if len(values) > 0 else np.nan


def layer_gradients(
    model: _core.LayerModel,
    hidden: Floats,
    candidates: _core.LayerCandidates,
    example_weights: Floats | None,
    threads: int,
) -> Gradients:
    """Return the gradients of one layer."""
    loss, hidden_gradient, rows, row_gradient, bias_gradient = _core.output_gradients(
        model, hidden, candidates, example_weights, threads
    )
    return Gradients(
        loss=loss, hidden_gradient=hidden_gradient, rows=rows, row_gradient=row_gradient, bias_gradient=bias_gradient
    )
