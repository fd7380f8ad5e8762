"""What all losses have in common: their methods on NumPy buffers, and the results of these."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec import _core
from hogvec._system import available_cores
from hogvec._validate import check_float, check_ids, check_int
from hogvec.optimizers import Optimizer, OptimizerState

__all__ = ["Gradients", "Loss", "Step", "TopK"]


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
        ids, columns = check_targets(targets, hidden)
        seed = check_int("seed", seed, minimum=0, maximum=2**64 - 1)
        share = check_example_weights(example_weights)
        return self._gradients(hidden, ids, columns, weights, bias, seed, share, number_of_threads(threads))

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
        ids, columns = check_targets(targets, hidden)
        model = self._model(weights, bias)
        check_ids("targets", ids, len(weights))
        values = _core.output_log_likelihood(
            model, hidden, ids, columns, self._log_offsets(len(weights)), self._is_sigmoid, number_of_threads(threads)
        )
        values = probabilities(values)
        return values

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
        model = self._model(weights, bias)
        k = check_int("k", k, minimum=1, maximum=len(weights))
        offsets = self._log_offsets(len(weights))
        ids, values = _core.output_top_k(model, hidden, k, offsets, self._is_sigmoid, number_of_threads(threads))
        values = probabilities(values)
        return TopK(ids=ids, log_probabilities=values)

    def _gradients(
        self,
        hidden: NDArray[np.float32],
        targets: NDArray[np.int64],
        columns: int,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        seed: int,
        example_weights: NDArray[np.float32] | None,
        threads: int,
    ) -> Gradients:
        """Return gradients for targets (B * columns,); arguments other than the buffers are checked."""
        model = self._model(weights, bias)
        check_ids("targets", targets, len(weights))
        _core.check_hidden(model, hidden)  # before a sampler learns from the batch
        candidates = self._candidates(targets, columns, len(weights), seed)
        return run(model, hidden, candidates, example_weights, threads)

    def _model(self, weights: NDArray[np.float32], bias: NDArray[np.float32] | None) -> _core.LayerModel:
        """Return how scores are made."""
        return _core.LayerModel(weights, bias)

    @abstractmethod
    def _candidates(
        self, targets: NDArray[np.int64], columns: int, num_outputs: int, seed: int
    ) -> _core.LayerCandidates:
        """Return what a mini-batch is scored against."""

    def _log_offsets(self, num_outputs: int) -> NDArray[np.float64] | None:
        """Return what is added to scores before they are normalised, (V,): nothing for scores that say it all."""
        return None

    @property
    def _is_sigmoid(self) -> bool:
        """Whether every output has a probability of its own."""
        return False

    def _output_rows(self, num_outputs: int) -> int:
        """Return the rows of the output table of a trainer."""
        return num_outputs

    @abstractmethod
    def _objective(self, counts: NDArray[np.int64]) -> _core.Objective:
        """Return what a trainer takes candidates from."""


def mean(values: NDArray[np.float64]) -> float:
    """Return the mean, NaN of nothing."""
    return float(values.mean()) if len(values) > 0 else math.nan


LEAST_SCORE = -1e37
"""Scores below stand for a probability of zero, also as a share of the mean over an example's targets."""


def probabilities(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return logarithms of probabilities: minus infinity for none, and at most 0 whatever was rounded."""
    logs[logs < LEAST_SCORE] = -math.inf
    return np.minimum(logs, 0.0, out=logs)


def run(
    model: _core.LayerModel,
    hidden: NDArray[np.float32],
    candidates: _core.LayerCandidates,
    example_weights: NDArray[np.float32] | None,
    threads: int,
) -> Gradients:
    """Return the gradients of one layer."""
    loss, hidden_gradient, rows, row_gradient, bias_gradient = _core.output_gradients(
        model, hidden, candidates, example_weights, threads
    )
    return Gradients(
        loss=loss,
        hidden_gradient=hidden_gradient,
        rows=rows,
        row_gradient=row_gradient,
        bias_gradient=bias_gradient,
    )


def check_targets(targets: ArrayLike, hidden: Any) -> tuple[NDArray[np.int64], int]:
    """Return targets one after the other, (B * columns,), and their number for each example."""
    try:
        array = np.asarray(targets)
    except ValueError:
        raise ValueError(
            "targets must have the same number of columns in every row, got rows of other lengths"
        ) from None
    if array.ndim not in (1, 2):
        raise ValueError(f"targets must have one axis or two, got shape {array.shape}")
    columns = 1 if array.ndim == 1 else array.shape[1]
    if columns < 1:
        raise ValueError(f"targets must have at least one column, got shape {array.shape}")
    if isinstance(hidden, np.ndarray) and hidden.ndim == 2 and len(array) != len(hidden):
        raise ValueError(f"targets must have an entry for each row of hidden, {len(hidden)}, got {len(array)}")
    if array.size == 0:
        return np.empty(0, dtype=np.int64), columns
    if array.dtype.kind not in "iu":
        raise TypeError(f"targets must be integers, got dtype {array.dtype}")
    if array.dtype == np.uint64:  # what does not fit must not become negative
        array = np.minimum(array, np.uint64(2**63 - 1))
    return np.ascontiguousarray(array, dtype=np.int64).ravel(), columns


def check_example_weights(values: ArrayLike | None) -> NDArray[np.float32] | None:
    """Return weights of examples as float32; their number and range are checked by the core."""
    if values is None:
        return None
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"example_weights must be numbers, got dtype {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"example_weights must have one axis, got shape {array.shape}")
    with np.errstate(over="ignore"):  # what is too large is refused as infinite
        return np.ascontiguousarray(array, dtype=np.float32)


def started(optimizer: object, weights: NDArray[np.float32], bias: NDArray[np.float32] | None) -> OptimizerState:
    """Return the state of an optimizer that keeps none."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be an Optimizer or the state of one, got {optimizer!r:.80}")
    if optimizer._state_names():
        name = type(optimizer).__name__
        raise ValueError(f"optimizer must come with its state, {name}(...).start(weights, bias), got {optimizer!r}")
    return optimizer.start(weights, bias)


def check_writable(hidden: Any, weights: Any, bias: Any, state: OptimizerState) -> None:
    """Raise unless weights, bias and state may be written to without changing anything else."""
    written = {"weights": weights} | ({} if bias is None else {"bias": bias})
    for name, array in written.items():
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{name} must be a NumPy array of float32, got {type(array).__name__}")
        if not array.flags.writeable:
            raise ValueError(f"{name} must be writable, got an array that is read-only")
        stride = abs(array.strides[0]) if array.ndim else 0
        if array.ndim and array.shape[0] > 1 and stride < array.itemsize * math.prod(array.shape[1:]):
            raise ValueError(f"{name} must have rows that do not overlap, got a stride of {array.strides[0]} bytes")
    others = {"hidden": hidden} | state.arrays
    for name, array in written.items():
        for other, buffer in (written | others).items():
            if other != name and isinstance(buffer, np.ndarray) and overlap(array, buffer):
                raise ValueError(f"{name} must share no memory with {other}")


def overlap(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether two arrays share memory; True where that is too hard to tell."""
    limit: Any = 10_000
    try:
        return np.shares_memory(a, b, max_work=limit)
    except np.exceptions.TooHardError:
        return True


def number_of_threads(threads: int | None) -> int:
    """Return `threads`, by default the cores that this process may use."""
    return available_cores() if threads is None else check_int("threads", threads, minimum=1, maximum=1024)
