"""Checks of what the methods of losses are given: targets, weights of examples, optimizers, buffers to write to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec.optimizers import Optimizer, OptimizerState

__all__ = ["check_example_weights", "check_targets", "check_writable", "started"]


def check_targets(targets: ArrayLike, hidden: Any) -> NDArray[np.int64]:
    """Return the targets of every row of `hidden`, (B, num_true); their range is not checked."""
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
        return np.empty((0, columns), dtype=np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"targets must be integers, got dtype {array.dtype}")
    if array.dtype == np.uint64:  # what does not fit must not become negative
        array = np.minimum(array, np.uint64(2**63 - 1))
    return np.ascontiguousarray(array, dtype=np.int64).reshape(-1, columns)


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
