"""How far the gradients of a sampled loss are from those of the full softmax: their bias and their variance."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec._loss import Loss
from hogvec._output_loss import OutputLoss
from hogvec._validate import check_int
from hogvec.losses import Softmax

__all__ = ["GradientBias", "GradientError", "gradient_bias"]


@dataclass(frozen=True, kw_only=True)
class GradientError:
    """How a random gradient differs from the full softmax's, all of it relative to the length of the latter.

    Attributes
    ----------
    bias : float
        The distance of the expected gradient from the full one, divided by the length of the full one: 0.1 is ten per
        cent. What the noise of the mean adds to it on average is subtracted; an estimate below that is 0.
    standard_error : float
        The root mean square distance of the mean of the repeats from the expected gradient, in the same unit. A bias
        well below it cannot be told from 0; it falls as 1 / sqrt(repeats).
    variance : float
        The mean squared distance of a single gradient from the expected one, divided by the squared length of the full
        one: 1 is noise as long as the gradient itself.
    cosine : float
        Of the angle between the mean and the full gradient: whether steps go the same way, whatever their length.
    """

    bias: float
    standard_error: float
    variance: float
    cosine: float


@dataclass(frozen=True, kw_only=True)
class GradientBias:
    """What `gradient_bias` returns: the error of each of the two gradients.

    They are apart because they end in different tables, and because their lengths have nothing to do with each other.

    Attributes
    ----------
    hidden : GradientError
        Of the gradients by all hidden vectors of the batch, taken as one long vector.
    rows : GradientError
        Of the gradients by all rows of the weights and, if there is one, the bias, summed over the batch.
    repeats : int
        How many draws they are estimated from.
    """

    hidden: GradientError
    rows: GradientError
    repeats: int


def gradient_bias(
    loss: Loss,
    hidden: NDArray[np.float32],
    targets: ArrayLike,
    weights: NDArray[np.float32],
    bias: NDArray[np.float32] | None = None,
    *,
    repeats: int = 100,
    seed: int = 1,
    threads: int | None = None,
) -> GradientBias:
    """Compare the gradients of a loss over many draws with that of the full softmax.

    A mini-batch is differentiated `repeats` times, with the seeds ``seed, seed + 1, ...``, and once by the `Softmax` of
    the same temperature, normalisation, smoothing and labels. With `NCE`, `NegativeSampling` and `OneVsAll` it is the
    plain softmax of the scores. This tells how many draws a model needs, and of which sampler: a bias that is small
    beside the root of the variance does no harm.

    Parameters
    ----------
    loss : Loss
        One over outputs, with a sampler if it draws: no `HierarchicalSoftmax`. A sampler that learns is left as it is,
        and every repeat finds it so.
    hidden : ndarray of float32, shape (B, dim)
    targets : array_like of int, shape (B,) or (B, num_true)
    weights : ndarray of float32, shape (V, dim)
    bias : ndarray of float32, shape (V,), optional
    repeats : int, default 100
        At least 2.
    seed : int, default 1
        The first of the seeds, which are numbers of [0, 2**64).
    threads : int, optional
        As in `Loss.gradients`.

    Returns
    -------
    GradientBias

    Raises
    ------
    TypeError
        If the loss is none of these, or an argument is of the wrong kind.
    ValueError
        If an argument is outside its range, or the gradient of the full softmax is zero, so that nothing is relative to
        it; and as in `Loss.gradients`.

    Notes
    -----
    The gradient of a sampled softmax is biased by O(1 / S) for S draws, with a factor that grows with E_q[(p / q)^2]
    [1]_, and not at all if the noise q is the model's own p. Memory is three arrays of doubles like `weights`.

    References
    ----------
    .. [1] Y. Bengio and J.-S. Senécal, "Adaptive importance sampling to accelerate training of a neural probabilistic
       language model", IEEE Transactions on Neural Networks 19 (2008).

    Examples
    --------
    >>> from hogvec import SampledSoftmax, UniformSampler
    >>> random = np.random.default_rng(1)
    >>> hidden, weights = (random.normal(size=(n, 8)).astype(np.float32) for n in (4, 50))
    >>> few, many = (
    ...     gradient_bias(SampledSoftmax(n, sampler=UniformSampler(50)), hidden, [1, 5, 2, 9], weights).rows
    ...     for n in (5, 40)
    ... )
    >>> few.bias > 2 * many.bias, few.variance > 2 * many.variance
    (True, True)
    """
    if not isinstance(loss, OutputLoss):
        raise TypeError(f"loss must be one whose rows are outputs, got {loss!r}")
    repeats = check_int("repeats", repeats, minimum=2)
    seed = check_int("seed", seed, minimum=0, maximum=2**64 - repeats)
    sampler = getattr(loss, "sampler", None)
    learns = sampler is not None and bool(sampler._locks())
    full = _full_softmax(loss).gradients(hidden, targets, weights, bias, threads=threads)
    by_hidden = _Moments("hidden", full.hidden_gradient)
    by_rows = _Moments("weights", _with_bias(full.row_gradient, full.bias_gradient))
    everything = np.arange(len(full.hidden_gradient))
    for repeat in range(repeats):
        same = copy.deepcopy(loss) if learns else loss
        found = same.gradients(hidden, targets, weights, bias, seed=seed + repeat, threads=threads)
        by_hidden.add(everything, found.hidden_gradient)
        by_rows.add(found.rows, _with_bias(found.row_gradient, found.bias_gradient))
    return GradientBias(hidden=by_hidden.summary(), rows=by_rows.summary(), repeats=repeats)


class _Moments:
    """The mean of gradients of some rows each, and the mean of their squared distance from the full one."""

    def __init__(self, name: str, full: NDArray[Any]) -> None:
        self.full = full.astype(np.float64)
        self.squared_length = float(np.sum(self.full**2))
        if self.squared_length == 0:
            raise ValueError(f"the full softmax must have a gradient by {name}, got zero")
        self.total = np.zeros_like(self.full)
        self.squared_distances = 0.0
        self.count = 0

    def add(self, rows: NDArray[np.int64], gradient: NDArray[Any]) -> None:
        exact = self.full[rows]
        self.total[rows] += gradient
        elsewhere = self.squared_length - float(np.sum(exact**2))
        self.squared_distances += float(np.sum((gradient - exact) ** 2)) + max(elsewhere, 0.0)
        self.count += 1

    def summary(self) -> GradientError:
        mean = self.total / self.count
        squared_bias = float(np.sum((mean - self.full) ** 2))
        variance = max(0.0, (self.squared_distances - self.count * squared_bias) / (self.count - 1))
        lengths = math.sqrt(float(np.sum(mean**2)) * self.squared_length)
        return GradientError(
            bias=math.sqrt(max(0.0, squared_bias - variance / self.count) / self.squared_length),
            standard_error=math.sqrt(variance / self.count / self.squared_length),
            variance=variance / self.squared_length,
            cosine=float(np.sum(mean * self.full)) / lengths if lengths > 0 else 0.0,
        )


def _full_softmax(loss: OutputLoss) -> Softmax:
    """Return the softmax that a loss stands in for."""
    names = ("temperature", "normalize", "label_smoothing", "multi_label")
    return Softmax(**{name: getattr(loss, name) for name in names if hasattr(loss, name)})


def _with_bias(rows: NDArray[np.float32], bias: NDArray[np.float32] | None) -> NDArray[np.float32]:
    return rows if bias is None else np.column_stack([rows, bias])
