"""What autograd sees of a loss: one function from hidden vectors, weights and bias to the losses of the examples.

`hogvec.torch` has the modules made of it. Only this file knows that float32 goes to the kernels, through memory that
tensors and arrays share, and float64 to the specification in NumPy.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, ParamSpec, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hogvec import reference_losses
from hogvec._torch_checks import check_example_weights, check_layer, check_targets, number_of_threads
from hogvec._validate import check_choice, check_int
from hogvec.losses import HierarchicalSoftmax, NegativeSampling, SampledSoftmax, Softmax
from hogvec.reference_losses import AnyLoss
from hogvec.samplers import Sampler

__all__ = [
    "REDUCTIONS",
    "evaluate",
    "examples_of",
    "layer_of",
    "log_likelihood",
    "output_loss",
    "outside_of_graphs",
    "top_k",
]

Doubles: TypeAlias = NDArray[np.float64]
Floats: TypeAlias = NDArray[np.floating[Any]]
Integers: TypeAlias = NDArray[np.integer[Any]]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

REDUCTIONS = ("mean", "sum", "none")
NEVER = -1e30  # instead of ln 0 where numbers must be finite: its exponential is 0


class Layer(NamedTuple):
    """Hidden vectors and an output layer: arrays in the memory of the tensors."""

    hidden: Floats
    weight: Floats
    bias: Floats | None


class Found(NamedTuple):
    """What a loss computed; `rows` are those of the weights that have a gradient."""

    losses: Doubles  # (B,)
    hidden_gradient: Floats  # (B, dim)
    rows: NDArray[np.int64]  # (T,)
    row_gradient: Floats  # (T, dim)
    bias_gradient: Floats | None  # (T,)


@dataclass(frozen=True, kw_only=True, eq=False)
class Examples:
    """A loss and what it is of, besides the layer: enough to compute it again in the backward pass."""

    loss: AnyLoss
    targets: Integers
    example_weights: Doubles | None
    seed: int
    threads: int
    again: AnyLoss | None = None  # the loss as it was before its sampler learned from these examples
    exact: bool = False  # the negative log-likelihood takes the place of the loss

    def losses(self, layer: Layer) -> tuple[Doubles, Found | None]:
        """Return the weighted losses, and the gradients of their sum where they come with them."""
        if self.exact:
            losses = -log_likelihood(self.loss, layer, self.targets, self.threads)
            return losses if self.example_weights is None else losses * self.example_weights, None
        found = self._evaluate(self.loss, layer, self.example_weights)
        return found.losses, found

    def gradients(self, layer: Layer, factors: Doubles) -> Found:
        """Return the gradients of the sum of the weighted losses times `factors`, none negative."""
        weights = factors if self.example_weights is None else factors * self.example_weights
        if self.exact:
            loss, bias = softmax_of(self.loss, layer)
            return self._evaluate(loss, layer._replace(bias=bias), weights)
        return self._evaluate(self.again or self.loss, layer, weights)

    def _evaluate(self, loss: AnyLoss, layer: Layer, weights: Doubles | None) -> Found:
        hidden, weight, bias = layer
        if hidden.dtype == np.float32:
            r = loss.gradients(
                hidden, self.targets, weight, bias, seed=self.seed, example_weights=weights, threads=self.threads
            )
            return Found(r.loss, r.hidden_gradient, r.rows, r.row_gradient, r.bias_gradient)
        d = reference_losses.output_gradients(
            loss, hidden, self.targets, weight, bias, seed=self.seed, example_weights=weights
        )
        rows = np.flatnonzero(d.weights.any(axis=1) | (d.bias != 0))
        return Found(d.loss, d.hidden, rows, d.weights[rows], None if bias is None else d.bias[rows])


class Losses(torch.autograd.Function):
    """The weighted losses of examples, (B,), with the gradients that the loss itself computes."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, examples: Examples, sparse: bool
    ) -> Tensor:
        losses, found = examples.losses(layer_of(hidden, weight, bias))
        ctx.examples, ctx.sparse = examples, sparse
        ctx.save_for_backward(hidden, weight, bias, *([] if found is None else tensors_of(found)))
        return torch.from_numpy(losses).to(hidden.dtype)

    @staticmethod
    def backward(ctx: Any, factors: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("create_graph must be False: a loss of hogvec cannot be differentiated twice")
        hidden, weight, bias, *computed = ctx.saved_tensors
        factor = factors[:1].sum()  # of no examples it is 0
        if not computed or bool((factors != factor).any()):  # else a sum or a mean: what is computed, times a number
            found = weighted_gradients(ctx.examples, layer_of(hidden, weight, bias), factors)
            computed, factor = tensors_of(found), factors.new_ones(())
        hidden_gradient, rows, row_gradient, bias_gradient = computed
        wants_hidden, wants_weight, wants_bias, *_ = ctx.needs_input_grad
        return (
            factor * hidden_gradient if wants_hidden else None,
            spread(rows, factor * row_gradient, weight, ctx.sparse) if wants_weight else None,
            spread(rows, factor * bias_gradient, bias, ctx.sparse) if wants_bias else None,
            None,
            None,
        )


def outside_of_graphs(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Make `torch.compile` call a function instead of looking into it.

    That is `torch.compiler.disable`, which takes seconds to import: nothing is imported where nothing is compiled.
    """

    @functools.wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if torch.compiler.is_compiling():
            result: Result = torch.compiler.disable(function)(*args, **kwargs)
            return result
        return function(*args, **kwargs)

    return call


@outside_of_graphs
def output_loss(
    hidden: Tensor,
    targets: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    loss: AnyLoss,
    seed: int = 1,
    example_weights: Tensor | None = None,
    reduction: str = "mean",
    sparse: bool = False,
    threads: int | None = None,
) -> Tensor:
    """Return a loss of hogvec that PyTorch can differentiate: what the modules are made of.

    The loss and its gradients by hidden vectors, weights and bias are computed together, in the forward pass. The
    backward pass multiplies them by a number. Only where the losses of the examples do not all count alike in what is
    differentiated are they computed again, for the same negatives.

    Parameters
    ----------
    hidden : Tensor of float32 or float64, shape (B, dim)
        Rows may be strided; no copy is made unless entries of a row are.
    targets : Tensor of integers, shape (B,) or (B, num_true)
    weight : Tensor like `hidden`, shape (rows, dim)
        One row for each class, with contiguous entries; for a tree the rows of its nodes.
    bias : Tensor like `hidden`, shape (rows,), optional
        Default: none.
    loss : Loss
        Any loss of hogvec, with the sampler or tree that it needs.
    seed : int, default 1
        A number of [0, 2**64): the same seed draws the same negatives.
    example_weights : Tensor of numbers or bool, shape (B,), optional
        What the losses are multiplied by, not negative; 0 leaves an example out. Default 1.
    reduction : {"mean", "sum", "none"}, default "mean"
        With weights the mean is the sum divided by the sum of the weights.
    sparse : bool, default False
        Return gradients of weight and bias as sparse tensors, coalesced, of the rows that were candidates.
    threads : int, optional
        1 to 1024. Default: ``torch.get_num_threads()``.

    Returns
    -------
    Tensor
        A number, or shape (B,) for "none".

    Raises
    ------
    TypeError
        If an argument is no tensor, or one of a wrong type.
    ValueError
        If a tensor is not on the CPU, shapes do not agree, something is not finite, example weights are negative or
        require a gradient, or there is nothing to take the mean of.
    IndexError
        If a target is no class.

    Examples
    --------
    >>> hidden = torch.ones(2, 4, requires_grad=True)
    >>> loss = output_loss(hidden, torch.tensor([0, 2]), torch.zeros(3, 4), loss=Softmax())
    >>> round(loss.item(), 4)  # ln 3
    1.0986
    >>> loss.backward()
    >>> hidden.grad.shape
    torch.Size([2, 4])
    """
    return evaluate(
        hidden,
        weight,
        bias,
        examples_of(hidden, targets, weight, bias, loss, seed, example_weights, threads),
        reduction=reduction,
        sparse=sparse,
    )


def evaluate(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, examples: Examples, *, reduction: str, sparse: bool
) -> Tensor:
    """Return the losses of examples, reduced."""
    check_choice("reduction", reduction, REDUCTIONS)
    weights = examples.example_weights
    total = float(len(hidden) if weights is None else weights.sum())
    if reduction == "mean" and total == 0:
        raise ValueError('reduction="mean" needs an example of positive weight, got none')
    if reduction == "none" and learns(examples.loss):  # the backward pass may ask for other weights
        examples = replace(examples, again=copy.deepcopy(examples.loss))
    losses: Tensor = Losses.apply(hidden, weight, bias, examples, sparse)
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / total


def layer_of(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Layer:
    """Return arrays in the memory of the tensors, but of hidden vectors whose entries do not stand side by side."""
    strides = hidden.stride()
    if strides[1] != 1 or strides[0] < hidden.shape[1]:  # the latter in tensors that are expanded
        hidden = hidden.contiguous()
    return Layer(hidden.detach().numpy(), weight.detach().numpy(), None if bias is None else bias.detach().numpy())


def tensors_of(found: Found) -> list[Tensor | None]:
    """Return hidden gradient, rows, row gradient and bias gradient in the memory of the arrays."""
    return [None if array is None else torch.from_numpy(array) for array in found[1:]]


def weighted_gradients(examples: Examples, layer: Layer, factors: Tensor) -> Found:
    """Return the gradients of the sum of the losses times `factors`, (B,), of either sign."""
    signed = factors.detach().numpy().astype(np.float64)
    positive = examples.gradients(layer, np.maximum(signed, 0))
    if not (signed < 0).any():
        return positive
    negative = examples.gradients(layer, np.maximum(-signed, 0))
    rows = np.union1d(positive.rows, negative.rows)
    row_gradient = np.zeros((len(rows), layer.weight.shape[1]), layer.weight.dtype)
    bias_gradient = None if layer.bias is None else np.zeros(len(rows), layer.bias.dtype)
    for found, add in ((positive, np.add), (negative, np.subtract)):
        places = np.searchsorted(rows, found.rows)
        row_gradient[places] = add(row_gradient[places], found.row_gradient)
        if bias_gradient is not None and found.bias_gradient is not None:
            bias_gradient[places] = add(bias_gradient[places], found.bias_gradient)
    return Found(
        positive.losses - negative.losses,
        positive.hidden_gradient - negative.hidden_gradient,
        rows,
        row_gradient,
        bias_gradient,
    )


def spread(rows: Tensor, gradient: Tensor, parameter: Tensor, sparse: bool) -> Tensor:
    """Return the gradient of a parameter from that of some of its rows, which are ascending and distinct."""
    if sparse:
        return torch.sparse_coo_tensor(
            rows.unsqueeze(0), gradient, parameter.shape, is_coalesced=True, check_invariants=False
        )
    if len(rows) == len(parameter):
        return gradient
    return torch.zeros_like(parameter).index_put_((rows,), gradient)


def softmax_of(loss: AnyLoss, layer: Layer) -> tuple[AnyLoss, Floats | None]:
    """Return the loss and the bias whose loss is the negative log-likelihood under `loss`."""
    if isinstance(loss, SampledSoftmax):
        return Softmax(temperature=loss.temperature, normalize=loss.normalize), layer.bias
    if isinstance(loss, NegativeSampling):  # its scores estimate ln p - ln(k q)
        assert loss.sampler is not None
        with np.errstate(divide="ignore"):
            log_noise = np.maximum(np.log(loss.negatives * loss.sampler.probability()), NEVER)
        return Softmax(), (log_noise + (0 if layer.bias is None else layer.bias)).astype(layer.weight.dtype)
    return Softmax(), layer.bias


def learns(loss: AnyLoss) -> bool:
    """Return whether a loss changes when it is computed, by a sampler that learns."""
    sampler = getattr(loss, "sampler", None)
    return isinstance(sampler, Sampler) and len(sampler._locks()) > 0


def log_likelihood(loss: AnyLoss, layer: Layer, targets: Integers, threads: int) -> Doubles:
    """Return ln P(target | hidden vector), (B,), the mean over the targets of an example."""
    if layer.hidden.dtype == np.float32:
        return loss.log_likelihood(layer.hidden, targets, layer.weight, layer.bias, threads=threads)
    all_of_them = reference_losses.log_probabilities(loss, *layer)
    chosen = np.take_along_axis(all_of_them, targets.reshape(len(targets), -1).astype(np.int64), axis=1)
    return np.asarray(chosen.mean(axis=1))


def top_k(loss: AnyLoss, layer: Layer, k: int, threads: int) -> tuple[NDArray[np.int32], Doubles]:
    """Return the ids and the log-probabilities of the k best, (B, k)."""
    if layer.hidden.dtype == np.float32:
        found = loss.top_k(layer.hidden, layer.weight, layer.bias, k, threads=threads)
        return found.ids, found.log_probabilities
    log_probabilities = reference_losses.log_probabilities(loss, *layer)
    ids = np.argsort(-log_probabilities, axis=1, kind="stable")[:, :k]
    return ids.astype(np.int32), np.take_along_axis(log_probabilities, ids, axis=1)


def examples_of(
    hidden: Tensor,
    targets: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    loss: AnyLoss,
    seed: int,
    example_weights: Tensor | None,
    threads: int | None,
) -> Examples:
    """Return the examples of a batch once all arguments are checked."""
    if not isinstance(loss, AnyLoss):
        raise TypeError(f"loss must be a loss of hogvec, got {loss!r:.80}")
    check_layer(hidden, weight, bias)
    return Examples(
        loss=loss,
        targets=check_targets(targets, len(hidden), num_outputs(loss, len(weight))),
        example_weights=None if example_weights is None else check_example_weights(example_weights, len(hidden)),
        seed=check_int("seed", seed, minimum=0, maximum=2**64 - 1),
        threads=number_of_threads(threads),
    )


def num_outputs(loss: AnyLoss, num_rows: int) -> int:
    """Return the number of classes that a table of so many rows is for."""
    if isinstance(loss, HierarchicalSoftmax) and loss.tree is not None:
        return loss.tree.num_leaves
    return num_rows
