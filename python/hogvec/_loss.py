"""What all losses have in common: their methods on NumPy buffers, and the results of these."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._system import available_cores
from hogvec._validate import check_int

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
    """An approximation of the softmax over the outputs, or the softmax itself. Base of all losses; not made itself."""

    def _output_rows(self, num_outputs: int) -> int:
        """Return the rows of the output table of a trainer."""
        return num_outputs

    @abstractmethod
    def _objective(self, counts: NDArray[np.int64]) -> _core.Objective:
        """Return what a trainer takes candidates from."""


def number_of_threads(threads: int | None) -> int:
    """Return `threads`, by default the cores that this process may use."""
    return available_cores() if threads is None else check_int("threads", threads, minimum=1, maximum=1024)
