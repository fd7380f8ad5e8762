"""What optimizers keep between steps on arrays of the user's own, and the step itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hogvec import _core

if TYPE_CHECKING:
    from hogvec._loss import Gradients
    from hogvec.optimizers import Optimizer

__all__ = ["OptimizerState"]


class OptimizerState:
    """What an optimizer keeps between the steps on a pair of arrays. Made by `Optimizer.start`.

    Attributes
    ----------
    optimizer : Optimizer
    learning_rate : float or None
        Of the next step; may be changed. None if the optimizer has none: the step must be given one then.
    num_steps : int
        Taken so far.
    arrays : dict of str to ndarray
        Averages, sums and counts by names such as "weights_velocity" and "bias_velocity": live and writable, of the
        shape of the array they are kept for, or one number for each row. "weights_steps" counts the updates of each
        row (uint32).
    """

    def __init__(
        self, optimizer: Optimizer, weights: NDArray[np.float32], bias: NDArray[np.float32] | None = None
    ) -> None:
        self.optimizer = optimizer
        self.learning_rate: float | None = optimizer.learning_rate
        self.num_steps = 0
        self._shapes = {"weights": np.shape(weights)}
        if bias is not None:
            self._shapes["bias"] = np.shape(bias)
        for (name, shape), axes in zip(self._shapes.items(), (2, 1), strict=False):
            if len(shape) != axes:
                raise ValueError(f"{name} must have {axes} ax{'e' if axes == 2 else 'i'}s, got shape {shape}")
        self._kinds: dict[str, tuple[tuple[int, ...], type]] = {}
        for name, shape in self._shapes.items():
            for part, kept in optimizer._state_names().items():
                kind = np.uint32 if part == "steps" else np.float32
                self._kinds[f"{name}_{kept}"] = (shape[:1] if part in optimizer._one_for_a_row() else shape), kind
        self.arrays: dict[str, NDArray[Any]] = {
            name: np.zeros(shape, dtype=kind) for name, (shape, kind) in self._kinds.items()
        }

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {shape}" for name, shape in self._shapes.items())
        return f"<state of {self.optimizer!r} for {shapes} after {self.num_steps} steps>"

    def check(self, weights: NDArray[np.float32], bias: NDArray[np.float32] | None) -> None:
        """Raise ValueError unless weights and bias have the shapes of the state, and the state its arrays."""
        got = {"weights": np.shape(weights)} | ({} if bias is None else {"bias": np.shape(bias)})
        if got != self._shapes:
            raise ValueError(f"the optimizer's state must be for arrays of these shapes, {got}, got {self._shapes}")
        for name, (shape, kind) in self._kinds.items():
            array: Any = self.arrays.get(name)
            if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != kind:
                what = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else repr(array)
                raise ValueError(f"arrays[{name!r}] must be {kind.__name__} of shape {shape}, got {what:.80}")
            if not (array.flags.c_contiguous and array.flags.writeable):
                raise ValueError(f"arrays[{name!r}] must be contiguous and writable, got an array that is not")

    def _apply(
        self,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        gradients: Gradients,
        learning_rate: float,
        threads: int,
    ) -> None:
        """Take a step; the arrays are checked."""
        self._apply_rows(weights, gradients.rows, gradients.row_gradient, learning_rate, threads)
        if bias is not None and gradients.bias_gradient is not None:
            self._change("bias", bias, gradients.rows, gradients.bias_gradient, learning_rate, threads)

    def _apply_rows(
        self,
        weights: NDArray[np.float32],
        rows: NDArray[np.int64],
        gradient: NDArray[np.float32],
        learning_rate: float,
        threads: int,
    ) -> None:
        """Take a step of some rows of the weights, distinct ones, along their gradients."""
        self.num_steps += 1
        self._change("weights", weights, rows, gradient, learning_rate, threads)

    def _change(
        self,
        name: str,
        values: NDArray[np.float32],
        rows: NDArray[np.int64],
        gradient: NDArray[np.float32],
        learning_rate: float,
        threads: int,
    ) -> None:
        names = self.optimizer._state_names()
        first, second, steps = (
            self.arrays[f"{name}_{names[part]}"] if part in names else None for part in ("first", "second", "steps")
        )
        _core.apply_gradients(
            values,
            rows,
            gradient,
            self.optimizer._settings(),
            first,
            second,
            steps,
            learning_rate=learning_rate,
            step=self.num_steps % 2**32,
            threads=threads,
        )
