"""The losses as PyTorch modules: weights and hidden vectors are tensors on the CPU, gradients come from the kernels.

Tensors of float32 go to the kernels as they are, without a copy. Those of float64 go through the specification in
NumPy, `hogvec.reference_losses`, which is slow: they are for `torch.autograd.gradcheck` and other tests. Four modules
with their parameters described, so the file is long; what autograd sees of them is in `_torch_losses.py`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

from hogvec import _core
from hogvec._sampler import check_bool
from hogvec._validate import check_choice, check_int
from hogvec.class_tree import ClassTree
from hogvec.losses import NCE, HierarchicalSoftmax, NegativeSampling, SampledSoftmax
from hogvec.reference_losses import AnyLoss
from hogvec.samplers import Sampler, UniformSampler
from hogvec.trees import BalancedTree, Tree

try:
    import torch
except ImportError as error:
    raise ImportError("hogvec.torch needs PyTorch: pip install 'hogvec[torch]'") from error

from torch import Tensor, nn

from hogvec._torch_checks import check_layer, check_targets, number_of_threads
from hogvec._torch_losses import (
    REDUCTIONS,
    evaluate,
    examples_of,
    layer_of,
    log_likelihood,
    output_loss,
    outside_of_graphs,
    top_k,
)

__all__ = [
    "HierarchicalSoftmaxLoss",
    "LossModule",
    "NCELoss",
    "NegativeSamplingLoss",
    "SampledSoftmaxLoss",
    "TopK",
    "output_loss",
]

DEFAULTS = {"bias": True, "sparse": False, "reduction": "mean"}


class TopK(NamedTuple):
    """The k most probable classes of every hidden vector, the best first, equal ones by id.

    Attributes
    ----------
    log_probabilities : Tensor, shape (B, k)
    ids : Tensor of int64, shape (B, k)
    """

    log_probabilities: Tensor
    ids: Tensor


class LossModule(nn.Module):
    """An output layer and its loss: weights, bias, and how they learn. Base of all modules here; not made itself.

    In training mode a forward pass returns the loss of hogvec, with negatives that are new every time; in evaluation
    mode (after ``eval()``) the negative log-likelihood, exact and over all classes, which tells models and losses
    apart where a sampled loss cannot.

    Parameters
    ----------
    in_features : int
        The dimension of hidden vectors.
    num_classes : int
    loss : Loss
    num_rows : int
        The rows of the weights.
    bias : bool, default True
        Whether scores have a bias that is learned.
    sparse : bool, default False
        Gradients of weight and bias are sparse tensors of the touched rows only, as those of ``nn.Embedding(sparse=
        True)``: for `torch.optim.SparseAdam`, `SGD` without momentum and `Adagrad`. The cost of a step then does not
        depend on the number of classes.
    reduction : {"mean", "sum", "none"}, default "mean"
        Of the examples' losses. With weights the mean is the sum divided by the sum of the weights.
    seed : int, optional
        Of the negatives, of [0, 2**63). By default drawn from PyTorch's generator, so that `torch.manual_seed` sets it.
    threads : int, optional
        1 to 1024. Default: ``torch.get_num_threads()`` at the time of the call.
    dtype : torch.dtype, optional
        Of the parameters: float32 or, slow and for tests, float64. Default: PyTorch's.

    Attributes
    ----------
    weight : Parameter, shape (num_rows, in_features)
        At first uniform within ±1 / sqrt(in_features).
    bias : Parameter, shape (num_rows,), or None
        At first 0.
    stream : Tensor of int64, shape (2,)
        The seed and the number of forward passes in training mode, from which the next negatives follow. A buffer: a
        ``state_dict`` has it, so that a run that is resumed draws what it would have drawn.
    loss : Loss
        The loss of hogvec that is computed.

    Notes
    -----
    The gradient is that of the loss returned, exactly, also with respect to hidden vectors. It cannot be differentiated
    again. `torch.compile` leaves the module out of its graphs.

    Samplers that learn, `LearnedUnigramSampler` and `InBatchSampler`, are not part of the ``state_dict``: pickle them.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None
    stream: Tensor

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        loss: AnyLoss,
        num_rows: int,
        *,
        bias: bool,
        sparse: bool,
        reduction: str,
        seed: int | None,
        threads: int | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        self.in_features = check_int("in_features", in_features, minimum=1)
        self.num_classes = num_classes
        self.loss = loss
        check_bool("bias", bias)
        check_bool("sparse", sparse)
        self.sparse = sparse
        self.reduction = check_choice("reduction", reduction, REDUCTIONS)
        self.threads = None if threads is None else check_int("threads", threads, minimum=1, maximum=1024)
        if seed is None:
            seed = int(torch.randint(2**63 - 1, (), device="cpu"))
        seed = check_int("seed", seed, minimum=0, maximum=2**63 - 1)
        self.weight = nn.Parameter(torch.empty(num_rows, in_features, dtype=dtype))
        self.register_parameter("bias", nn.Parameter(torch.empty(num_rows, dtype=dtype)) if bias else None)
        self.register_buffer("stream", torch.tensor([seed, 0], device="cpu"))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew, and set the bias to what it is at first."""
        nn.init.uniform_(self.weight, -(self.in_features**-0.5), self.in_features**-0.5)
        if self.bias is not None:
            nn.init.constant_(self.bias, self._first_bias())

    @outside_of_graphs
    def forward(self, hidden: Tensor, targets: Tensor, example_weights: Tensor | None = None) -> Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        hidden : Tensor of the weights' type, shape (B, in_features)
            Rows may be strided; no copy is made unless entries of a row are.
        targets : Tensor of integers, shape (B,) or (B, num_true)
            Classes: numbers of [0, num_classes).
        example_weights : Tensor of numbers or bool, shape (B,), optional
            What the examples' losses are multiplied by, not negative; 0 leaves an example out. Default 1.

        Returns
        -------
        Tensor
            A number, or shape (B,) with reduction "none".

        Raises
        ------
        TypeError
            If an argument is no tensor, or one of another type.
        ValueError
            If a tensor is not on the CPU, shapes do not agree, something is not finite, weights are negative or require
            a gradient, or there is nothing to take the mean of.
        IndexError
            If a target is no class.
        """
        seed = self._next_seed() if self.training else 0
        examples = examples_of(hidden, targets, self.weight, self.bias, self.loss, seed, example_weights, self.threads)
        if not self.training and not isinstance(self.loss, HierarchicalSoftmax):  # which is exact as it is
            examples = replace(examples, exact=True)
        return evaluate(hidden, self.weight, self.bias, examples, reduction=self.reduction, sparse=self.sparse)

    @outside_of_graphs
    def log_likelihood(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """Return ln P(target | hidden vector), exact and normalised over all classes, without a gradient.

        Parameters
        ----------
        hidden, targets
            As in `forward`.

        Returns
        -------
        Tensor of the type of `hidden`, shape (B,)
            The mean over the targets of an example.

        Raises
        ------
        TypeError, ValueError, IndexError
            As in `forward`.
        """
        check_layer(hidden, self.weight, self.bias)
        ids = check_targets(targets, len(hidden), self.num_classes)
        layer = layer_of(hidden, self.weight, self.bias)
        found = log_likelihood(self.loss, layer, ids, number_of_threads(self.threads))
        return torch.from_numpy(found).to(hidden.dtype)

    def log_prob(self, hidden: Tensor) -> Tensor:
        """Return the log-probabilities of all classes, without a gradient.

        Parameters
        ----------
        hidden : Tensor of the weights' type, shape (B, in_features)

        Returns
        -------
        Tensor of the type of `hidden`, shape (B, num_classes)

        Raises
        ------
        TypeError, ValueError
            As in `forward`.
        """
        best = self.top_k(hidden, self.num_classes)
        return torch.empty_like(best.log_probabilities).scatter_(1, best.ids, best.log_probabilities)

    @outside_of_graphs
    def top_k(self, hidden: Tensor, k: int) -> TopK:
        """Return the k most probable classes of every hidden vector.

        Parameters
        ----------
        hidden : Tensor of the weights' type, shape (B, in_features)
        k : int
            1 to num_classes.

        Returns
        -------
        TopK
            A pair of log-probabilities, of the type of `hidden`, and ids, each of shape (B, k), as `torch.topk` has it.

        Raises
        ------
        TypeError, ValueError
            As in `forward`, and if `k` is no integer or outside its range.
        """
        k = check_int("k", k, minimum=1, maximum=self.num_classes)
        check_layer(hidden, self.weight, self.bias)
        layer = layer_of(hidden, self.weight, self.bias)
        ids, log_probabilities = top_k(self.loss, layer, k, number_of_threads(self.threads))
        return TopK(torch.from_numpy(log_probabilities).to(hidden.dtype), torch.from_numpy(ids).long())

    def predict(self, hidden: Tensor) -> Tensor:
        """Return the most probable class of every hidden vector.

        Parameters
        ----------
        hidden : Tensor of the weights' type, shape (B, in_features)

        Returns
        -------
        Tensor of int64, shape (B,)

        Raises
        ------
        TypeError, ValueError
            As in `forward`.
        """
        return self.top_k(hidden, 1).ids[:, 0]

    def extra_repr(self) -> str:
        """Return what stands between the parentheses of ``repr``."""
        options = {"bias": self.bias is not None, "sparse": self.sparse, "reduction": self.reduction}
        shown = "".join(f", {name}={value!r}" for name, value in options.items() if value != DEFAULTS[name])
        return f"{self.in_features}, {self.num_classes}, loss={self.loss!r}{shown}"

    def _next_seed(self) -> int:
        seed, index = self.stream.tolist()
        self.stream[1] += 1
        return _core.derive_seed(seed, index)

    def _first_bias(self) -> float:
        return 0.0


class SampledSoftmaxLoss(LossModule):
    """Cross entropy over the target and a sample of the classes, for more classes than a softmax can afford.

    A forward pass in training mode returns `hogvec.SampledSoftmax`, and in evaluation mode the cross entropy over all
    classes that it stands for. See `LossModule` for what all modules have in common.

    Parameters
    ----------
    in_features : int
        The dimension of hidden vectors.
    num_classes : int
    num_sampled : int or None, default 64
        Classes drawn for each batch. None with an `InBatchSampler`: all targets of the batch.
    sampler : Sampler, optional
        What they are drawn from. Default: all classes alike, which is right for any numbering of the classes. One that
        draws classes about as often as they occur, `LogUniformSampler` or ``UnigramSampler(counts, 1.0)``, learns
        the same with less noise.
    unique, positive, temperature, normalize, remove_accidental_hits, label_smoothing, multi_label
        As in `hogvec.SampledSoftmax`.
    bias, sparse, reduction, seed, threads, dtype
        As in `LossModule`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range, or the sampler is for another number of classes.

    References
    ----------
    S. Jean et al., "On using very large target vocabulary for neural machine translation", ACL 2015, arXiv:1412.2007.

    Examples
    --------
    >>> import hogvec
    >>> head = SampledSoftmaxLoss(16, 1000, num_sampled=50, sampler=hogvec.LogUniformSampler(1000), seed=1)
    >>> hidden, targets = torch.zeros(8, 16), torch.arange(8)
    >>> head(hidden, targets).backward()
    >>> round(head.eval()(hidden, targets).item(), 4)  # ln 1000
    6.9078
    >>> head.top_k(hidden, 3).ids.shape
    torch.Size([8, 3])
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        num_sampled: int | None = 64,
        *,
        sampler: Sampler | None = None,
        unique: bool = True,
        positive: str = "tf",
        temperature: float = 1.0,
        normalize: bool = False,
        remove_accidental_hits: bool | None = None,
        label_smoothing: float = 0.0,
        multi_label: str = "split",
        bias: bool = True,
        sparse: bool = False,
        reduction: str = "mean",
        seed: int | None = None,
        threads: int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        num_classes = check_int("num_classes", num_classes, minimum=1)
        loss = SampledSoftmax(
            num_sampled,
            sampler=sampler_for(num_classes, sampler),
            unique=unique,
            positive=positive,
            temperature=temperature,
            normalize=normalize,
            remove_accidental_hits=remove_accidental_hits,
            label_smoothing=label_smoothing,
            multi_label=multi_label,
        )
        super().__init__(
            in_features,
            num_classes,
            loss,
            num_classes,
            bias=bias,
            sparse=sparse,
            reduction=reduction,
            seed=seed,
            threads=threads,
            dtype=dtype,
        )


class NCELoss(LossModule):
    """Noise-contrastive estimation: tell the target from noise, and learn normalised probabilities by it.

    A forward pass in training mode returns `hogvec.NCE`, and in evaluation mode the cross entropy over all classes. See
    `LossModule` for what all modules have in common.

    Parameters
    ----------
    in_features : int
        The dimension of hidden vectors.
    num_classes : int
    negatives : int, default 25
        Noise classes drawn for each batch.
    sampler : Sampler, optional
        What they are drawn from. Default: all classes alike. One that draws classes about as often as they occur learns
        the same with less noise.
    log_z, remove_accidental_hits, multi_label
        As in `hogvec.NCE`.
    bias : bool, default True
        At first log_z - ln(num_classes), with which probabilities begin about normalised.
    sparse, reduction, seed, threads, dtype
        As in `LossModule`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range, or the sampler is for another number of classes.

    References
    ----------
    M. Gutmann and A. Hyvärinen, "Noise-contrastive estimation: a new estimation principle for unnormalized statistical
    models", AISTATS 2010. A. Mnih and Y. W. Teh, ICML 2012, arXiv:1206.6426.

    Examples
    --------
    >>> head = NCELoss(16, 1000, negatives=50, sparse=True)
    >>> head(torch.zeros(8, 16), torch.arange(8)).backward()
    >>> head.weight.grad.layout
    torch.sparse_coo
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        negatives: int = 25,
        *,
        sampler: Sampler | None = None,
        log_z: float = 0.0,
        remove_accidental_hits: bool = False,
        multi_label: str = "split",
        bias: bool = True,
        sparse: bool = False,
        reduction: str = "mean",
        seed: int | None = None,
        threads: int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        num_classes = check_int("num_classes", num_classes, minimum=1)
        loss = NCE(
            negatives,
            sampler=sampler_for(num_classes, sampler),
            log_z=log_z,
            remove_accidental_hits=remove_accidental_hits,
            multi_label=multi_label,
        )
        super().__init__(
            in_features,
            num_classes,
            loss,
            num_classes,
            bias=bias,
            sparse=sparse,
            reduction=reduction,
            seed=seed,
            threads=threads,
            dtype=dtype,
        )

    def _first_bias(self) -> float:
        assert isinstance(self.loss, NCE)
        return self.loss.log_z - math.log(self.num_classes)


class NegativeSamplingLoss(LossModule):
    """Negative sampling: tell the target from noise, to learn vectors rather than probabilities.

    A forward pass in training mode returns `hogvec.NegativeSampling`. In evaluation mode it returns the negative
    log-likelihood under the probabilities that the scores imply, proportional to ``q(w) exp(s)`` with q the noise. See
    `LossModule` for what all modules have in common.

    Parameters
    ----------
    in_features : int
        The dimension of hidden vectors.
    num_classes : int
    negatives : int, default 5
        Noise classes drawn for each batch.
    sampler : Sampler, optional
        What they are drawn from, which here decides what is learned; word2vec's choice is ``UnigramSampler(counts)``.
        Default: all classes alike.
    multi_label
        As in `hogvec.NegativeSampling`.
    bias, sparse, reduction, seed, threads, dtype
        As in `LossModule`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range, or the sampler is for another number of classes.

    References
    ----------
    T. Mikolov et al., "Distributed representations of words and phrases and their compositionality", NeurIPS 2013,
    arXiv:1310.4546. O. Levy and Y. Goldberg, "Neural word embedding as implicit matrix factorization", NeurIPS 2014.

    Examples
    --------
    >>> import hogvec
    >>> sampler = hogvec.UnigramSampler([500, 300, 150, 50])
    >>> head = NegativeSamplingLoss(16, 4, negatives=2, sampler=sampler, bias=False)
    >>> round(head(torch.zeros(1, 16), torch.tensor([0])).item() / math.log(2)) in (1, 2, 3)  # draws of 0 are left out
    True
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        negatives: int = 5,
        *,
        sampler: Sampler | None = None,
        multi_label: str = "split",
        bias: bool = True,
        sparse: bool = False,
        reduction: str = "mean",
        seed: int | None = None,
        threads: int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        num_classes = check_int("num_classes", num_classes, minimum=1)
        loss = NegativeSampling(negatives, sampler=sampler_for(num_classes, sampler), multi_label=multi_label)
        super().__init__(
            in_features,
            num_classes,
            loss,
            num_classes,
            bias=bias,
            sparse=sparse,
            reduction=reduction,
            seed=seed,
            threads=threads,
            dtype=dtype,
        )


class HierarchicalSoftmaxLoss(LossModule):
    """A softmax whose classes are the leaves of a tree: exact, normalised, and as cheap as a path.

    Nothing is drawn at random, and training and evaluation mode are the same: `hogvec.HierarchicalSoftmax`. The rows of
    the weights are the nodes of the tree, not the classes. See `LossModule` for what all modules have in common.

    Parameters
    ----------
    in_features : int
        The dimension of hidden vectors.
    num_classes : int
    tree : Tree or ClassTree, optional
        One with `num_classes` leaves: ``HuffmanTree(counts)`` has the shortest paths; a `ClassTree` is a softmax over
        classes of classes, and one within each. Default: ``BalancedTree(num_classes)``.
    multi_label
        As in `hogvec.HierarchicalSoftmax`.
    bias, sparse, reduction, threads, dtype
        As in `LossModule`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range, or the tree has another number of leaves.

    References
    ----------
    F. Morin and Y. Bengio, "Hierarchical probabilistic neural network language model", AISTATS 2005. J. Goodman,
    "Classes for fast maximum entropy training", ICASSP 2001, arXiv:cs/0108006.

    Examples
    --------
    >>> import hogvec
    >>> head = HierarchicalSoftmaxLoss(16, 4, tree=hogvec.HuffmanTree([8, 4, 2, 2]))
    >>> round(head(torch.zeros(1, 16), torch.tensor([0])).item(), 4)  # one fair coin
    0.6931
    >>> head.log_prob(torch.zeros(1, 16)).exp()
    tensor([[0.5000, 0.2500, 0.1250, 0.1250]])
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        tree: Tree | ClassTree | None = None,
        multi_label: str = "split",
        bias: bool = True,
        sparse: bool = False,
        reduction: str = "mean",
        threads: int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        num_classes = check_int("num_classes", num_classes, minimum=1)
        if tree is None:
            tree = BalancedTree(num_classes)
        loss = HierarchicalSoftmax(tree=tree, multi_label=multi_label)
        if tree.num_leaves != num_classes:
            raise ValueError(f"tree must have {num_classes} leaves, one per class, got {tree.num_leaves}")
        super().__init__(
            in_features,
            num_classes,
            loss,
            num_classes + tree.num_classes if isinstance(tree, ClassTree) else tree.num_inner,
            bias=bias,
            sparse=sparse,
            reduction=reduction,
            seed=0,
            threads=threads,
            dtype=dtype,
        )


def sampler_for(num_classes: int, sampler: Sampler | None) -> Sampler:
    """Return the sampler, by default one that draws all classes alike; it must be for as many classes."""
    if sampler is None:
        return UniformSampler(num_classes)
    if isinstance(sampler, Sampler) and sampler.num_classes != num_classes:
        raise ValueError(f"sampler must draw from {num_classes} classes, got one for {sampler.num_classes}")
    return sampler
