"""Checks of tensors: each raises with the name, the rule and the value. Those of arrays are in `_validate`."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hogvec._validate import check_ids, check_int

__all__ = ["check_example_weights", "check_layer", "check_targets", "number_of_threads"]

Doubles: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.integer[Any]]


def number_of_threads(threads: int | None) -> int:
    """Return `threads`, by default as many as PyTorch uses."""
    return torch.get_num_threads() if threads is None else check_int("threads", threads, minimum=1, maximum=1024)


def check_tensor(name: str, value: Any) -> None:
    """Raise TypeError or ValueError unless it is a tensor whose memory an array can share."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(value).__name__}")
    if value.device.type != "cpu":
        raise ValueError(f"{name} must be on the CPU, got a tensor on {value.device}")
    if value.layout != torch.strided:
        raise TypeError(f"{name} must be a dense tensor, got layout {value.layout}")


def check_layer(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    """Raise TypeError or ValueError unless hidden vectors and an output layer go together."""
    tensors = {"hidden": hidden, "weight": weight} | ({} if bias is None else {"bias": bias})
    for name, tensor in tensors.items():
        check_tensor(name, tensor)
        if tensor.dtype not in (torch.float32, torch.float64):
            raise TypeError(f"{name} must be of float32, or of float64 for tests, got {tensor.dtype}")
        if tensor.dtype != hidden.dtype:
            raise TypeError(f"{name} must be of the type of hidden, {hidden.dtype}, got {tensor.dtype}")
        if tensor.ndim != (1 if name == "bias" else 2):
            raise ValueError(f"{name} must have {1 if name == 'bias' else 2} axes, got shape {tuple(tensor.shape)}")
    if hidden.shape[1] != weight.shape[1]:
        raise ValueError(f"hidden must have {weight.shape[1]} columns, as the weights have, got {hidden.shape[1]}")
    if bias is not None and len(bias) != len(weight):
        raise ValueError(f"bias must have {len(weight)} entries, one per row of the weights, got {len(bias)}")
    if weight.stride(1) != 1 or weight.stride(0) < weight.shape[1]:
        raise ValueError(f"weight must have contiguous rows, got strides {weight.stride()}")
    if bias is not None and bias.stride(0) != 1:
        raise ValueError(f"bias must be contiguous, got stride {bias.stride(0)}")


def check_targets(targets: Any, num_examples: int, num_classes: int) -> Integers:
    """Return the targets as an array: integers of shape (B,) or (B, num_true)."""
    check_tensor("targets", targets)
    if targets.ndim not in (1, 2) or len(targets) != num_examples:
        raise ValueError(
            f"targets must have shape ({num_examples},) or ({num_examples}, num_true), got {tuple(targets.shape)}"
        )
    if targets.dtype not in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8):
        raise TypeError(f"targets must be integers, got {targets.dtype}")
    return np.ascontiguousarray(check_ids("targets", targets.numpy(), num_classes))


def check_example_weights(example_weights: Any, num_examples: int) -> Doubles:
    """Return the weights in double precision."""
    check_tensor("example_weights", example_weights)
    if example_weights.shape != (num_examples,):
        raise ValueError(f"example_weights must have shape ({num_examples},), got {tuple(example_weights.shape)}")
    if example_weights.requires_grad:
        raise ValueError("example_weights must not require a gradient: detach() them")
    if example_weights.is_complex():
        raise TypeError(f"example_weights must be real, got {example_weights.dtype}")
    weights: Doubles = example_weights.to(torch.float64).numpy()
    if not (np.isfinite(weights) & (weights >= 0)).all():
        wrong = int(np.argmin(np.isfinite(weights) & (weights >= 0)))
        raise ValueError(f"example_weights must be finite and not negative, got {weights[wrong]} at index {wrong}")
    return weights
