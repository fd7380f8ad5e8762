"""Batches of one's own: explicit ids, labels and offsets for the kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Batch"]


def as_offsets(name: str, values: ArrayLike) -> NDArray[np.int64]:
    """Return one-dimensional int64 numbers; what they must hold is checked against other arrays when training."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got dtype {array.dtype}")
    return np.array(array, dtype=np.int64, order="C")


def as_rows(name: str, values: ArrayLike) -> NDArray[np.uint32]:
    """Return one-dimensional row ids as uint32."""
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros(0, dtype=np.uint32)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got dtype {array.dtype}")
    if array.min() < 0 or array.max() >= 2**32:
        wrong = array.min() if array.min() < 0 else array.max()
        raise IndexError(f"{name} must be at least 0 and below 2^32, got {wrong}")
    return np.array(array, dtype=np.uint32, order="C")


def as_floats(name: str, values: ArrayLike) -> NDArray[np.float32]:
    """Return finite one-dimensional float32 numbers."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be numbers, got dtype {array.dtype}")
    floats = np.array(array, dtype=np.float32, order="C")
    if not np.isfinite(floats).all():
        raise ValueError(f"{name} must be finite, got {floats[~np.isfinite(floats)][0]}")
    return floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Hidden vectors and the candidates they are scored against, as flat arrays.

    H hidden vectors stand in G groups. Hidden vector h is ``forward_scale[h]`` times the sum of ``bag_weights[e] *
    input_table[bag_rows[e]]`` over its bag; its gradient reaches those rows times ``backward_scale[h]``. A group scores
    its hidden vectors against its shared candidates, and each hidden vector against candidates of its own. With s the
    inner product of a hidden vector and a candidate's row of the output table, less the candidate's log_q, the loss of
    a hidden vector is a sum over its candidates: with the logistic link ``weight * (softplus(s) - label * s)``, with
    the softmax link ``weight * label * (ln Z - s)``, Z the sum of ``weight * exp(s)``. The loss of the trainer decides
    which. Groups are trained one after the other, each with the exact gradient of its loss. The arrays are copied.

    Parameters
    ----------
    bag_rows : array_like of int, shape (n,)
        Rows of the input table, bag after bag.
    bag_offsets : array_like of int, shape (H + 1,), optional
        Bag h is entries ``bag_offsets[h]`` to ``bag_offsets[h + 1]``. Default: one row each, H = n.
    bag_weights : array_like of float, shape (n,), optional
        Default 1.
    forward_scale, backward_scale, weight : array_like of float, shape (H,), optional
        Default 1. `weight` multiplies the loss of a hidden vector.
    group_offsets : array_like of int, shape (G + 1,)
        Group g scores entries ``group_offsets[g]`` to ``group_offsets[g + 1]`` of `group_hidden`.
    group_hidden : array_like of int, optional
        Indices of hidden vectors, which may stand in several groups. Default: entry i is hidden vector i.
    shared_offsets : array_like of int, shape (G + 1,)
        The entries of the next four arrays that group g scores.
    shared_rows : array_like of int, shape (m,)
        Rows of the output table. A row that stands twice in a group counts twice.
    shared_labels : array_like of float, shape (m,)
        Usually 1 for what is to be predicted and 0 for noise.
    shared_weights : array_like of float, shape (m,), optional
        None negative; a candidate of weight n is as n of them. Default 1.
    shared_log_q : array_like of float, shape (m,), optional
        Subtracted from the scores, such as the logarithm of how often noise is expected to draw the row. Equal for
        equal rows of a group. Default 0.
    own_offsets : array_like of int, shape (H + 1,), optional
        The entries of the next three arrays that hidden vector h alone is scored against. Default: none.
    own_rows : array_like of int, shape (k,), optional
    own_labels, own_log_q : array_like of float, shape (k,), optional
    hit_offsets : array_like of int, shape (H + 1,), optional
        The entries of the next array that hidden vector h leaves out. Default: none.
    hit_candidates : array_like of int, shape (n,), optional
        Places in `shared_rows`, in a group that the hidden vector stands in: candidates, such as noise that equals one
        of its own, that are none for it. Of a row that stands twice in a group all are left out.

    Raises
    ------
    TypeError
        If an array holds neither integers nor numbers, as it should.
    ValueError
        If a number is not finite. Lengths and ranges are checked when the batch is trained.

    Examples
    --------
    Words 3 and 4 both predict word 0 against the noise words 7 and 8:

    >>> batch = Batch(bag_rows=[3, 4], group_offsets=[0, 2],
    ...               shared_offsets=[0, 3], shared_rows=[0, 7, 8], shared_labels=[1, 0, 0])
    >>> batch.shared_labels
    array([1., 0., 0.], dtype=float32)
    """

    bag_rows: Any
    bag_offsets: Any = None
    bag_weights: Any = None
    forward_scale: Any = None
    backward_scale: Any = None
    weight: Any = None
    group_offsets: Any
    group_hidden: Any = None
    shared_offsets: Any
    shared_rows: Any
    shared_labels: Any
    shared_weights: Any = None
    shared_log_q: Any = None
    own_offsets: Any = None
    own_rows: Any = None
    own_labels: Any = None
    own_log_q: Any = None
    hit_offsets: Any = None
    hit_candidates: Any = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is None:
                if name in ("bag_rows", "group_offsets", "shared_offsets", "shared_rows", "shared_labels"):
                    raise TypeError(f"{name} must be an array, got None")
                continue
            if name.endswith("offsets") or name == "hit_candidates":
                converted: NDArray[Any] = as_offsets(name, value)
            elif name.endswith("rows") or name == "group_hidden":
                converted = as_rows(name, value)
            else:
                converted = as_floats(name, value)
            converted.flags.writeable = False
            object.__setattr__(self, name, converted)

    def _arrays(self) -> dict[str, Any]:
        return dict(vars(self))
