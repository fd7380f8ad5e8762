"""Losses: where the candidates of a target come from, and how their scores become a loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec import _core
from hogvec._system import available_cores
from hogvec._validate import check_float, check_ids, check_int
from hogvec.class_tree import ClassTree
from hogvec.samplers import HardOf, InBatchSampler, Sampler
from hogvec.trees import HuffmanTree, Tree

__all__ = ["NCE", "HierarchicalSoftmax", "Loss", "NegativeSampling", "TopK"]


@dataclass(frozen=True, kw_only=True)
class NegativeSampling:
    """Tell the target from noise: -ln sigmoid(s) for the target, -ln sigmoid(-s) for each of the negatives.

    The negatives are drawn once for a window and shared by its words. A draw that equals the target is drawn again;
    equal draws are one candidate that counts as many times. No example is dropped for being saturated, and the sigmoid
    is exact to rounding.

    Parameters
    ----------
    negatives : int, default 5
        Noise words for each target, 1 to 10,000.
    power : float, default 0.75
        Noise is drawn with probability proportional to count ** power; any finite number. 1 is the unigram
        distribution, 0 uniform; recommenders often do best at or below 0.
    sampler : Sampler, optional
        Draw the noise from this instead; its ids are those of the corpus.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range.

    References
    ----------
    T. Mikolov et al., "Distributed representations of words and phrases and their compositionality", NeurIPS 2013,
    arXiv:1310.4546. Powers: H. Caselles-Dupré et al., RecSys 2018, arXiv:1804.04212.

    Examples
    --------
    >>> NegativeSampling(negatives=10).power
    0.75
    """

    negatives: int = 5
    power: float = 0.75
    sampler: Sampler | None = None

    def __post_init__(self) -> None:
        check_int("negatives", self.negatives, minimum=1, maximum=10_000)
        check_float("power", self.power)
        check_noise(self.sampler)

    def _output_rows(self, num_outputs: int) -> int:
        return num_outputs

    def _objective(self, counts: NDArray[np.int64]) -> _core.Objective:
        return _core.Objective.negative_sampling(noise_weights(self.sampler, counts, self.power), self.negatives)


@dataclass(frozen=True, kw_only=True)
class NCE:
    """Tell the target from noise whose probability is known: noise-contrastive estimation.

    The loss is that of `NegativeSampling` with ``ln(k q(w)) + log_z`` subtracted from the score of every candidate w,
    the target too, where k is the number of noise words and q the distribution they are drawn from. The scores
    then learn the logarithm of the probabilities themselves, up to `log_z`; q changes only the noise of the gradient,
    which tends to that of the full softmax as k grows. The noise is drawn once for a window. It may draw the target,
    which then counts as both.

    Parameters
    ----------
    negatives : int, default 25
        Noise words k for each target, 1 to 10,000.
    sampler : Sampler, optional
        The noise. Default: the words as often as they occur in the corpus.
    log_z : float, default 0.0
        The logarithm of the normaliser that scores are taken to have. With 0 and without a bias the scores must
        sink by about ln V first; ln V (about 9 for a vocabulary of 10,000) spares them that.
    remove_accidental_hits : bool, default False
        Leave out noise that equals the target. What is estimated is then no longer the exact distribution.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range; in `Trainer.fit` if the sampler has another number of
        ids than the corpus, or never draws one that occurs.

    References
    ----------
    M. Gutmann and A. Hyvärinen, "Noise-contrastive estimation: a new estimation principle for unnormalized statistical
    models", AISTATS 2010. A. Mnih and Y. W. Teh, "A fast and simple algorithm for training neural probabilistic
    language models", ICML 2012, arXiv:1206.6426. C. Dyer, arXiv:1410.8251.

    Examples
    --------
    >>> NCE(negatives=50, log_z=9.0).negatives
    50
    """

    negatives: int = 25
    sampler: Sampler | None = None
    log_z: float = 0.0
    remove_accidental_hits: bool = False

    def __post_init__(self) -> None:
        check_int("negatives", self.negatives, minimum=1, maximum=10_000)
        check_noise(self.sampler)
        check_float("log_z", self.log_z)
        if not isinstance(self.remove_accidental_hits, bool):
            raise TypeError(f"remove_accidental_hits must be True or False, got {self.remove_accidental_hits!r}")

    def _output_rows(self, num_outputs: int) -> int:
        return num_outputs

    def _objective(self, counts: NDArray[np.int64]) -> _core.Objective:
        weights = noise_weights(self.sampler, counts, power=1.0)
        never = (weights == 0) & (counts > 0)
        if never.any():
            raise ValueError(f"sampler must draw every id that occurs, got probability 0 for id {int(never.argmax())}")
        drawn = np.where(weights > 0, weights, 1.0)  # what never occurs is never scored
        log_q = np.log(drawn) - np.log(weights.sum()) + np.log(self.negatives) + self.log_z
        return _core.Objective.noise_contrastive(
            weights, log_q.astype(np.float32), self.negatives, self.remove_accidental_hits
        )


def check_noise(sampler: object) -> None:
    """Raise TypeError unless it is None or a sampler whose distribution is known before it draws."""
    if sampler is None:
        return
    if not isinstance(sampler, Sampler):
        raise TypeError(f"sampler must be a Sampler, got {sampler!r}")
    if isinstance(sampler, (HardOf, InBatchSampler)):
        raise TypeError(f"sampler must have a fixed distribution, got a {type(sampler).__name__}")


def noise_weights(sampler: Sampler | None, counts: NDArray[np.int64], power: float) -> NDArray[np.float64]:
    """Return weights of the noise, (V,): those of the sampler as it is now, else counts ** power."""
    if sampler is None:
        return _core.unigram_weights(counts, power)
    if sampler.num_classes != len(counts):
        raise ValueError(f"sampler must have as many ids as the corpus, {len(counts)}, got {sampler.num_classes}")
    return np.ascontiguousarray(sampler.probability(), dtype=np.float64)


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


@dataclass(frozen=True, kw_only=True)
class HierarchicalSoftmax:
    """Predict the target's path through a binary tree of the outputs, one yes-or-no question per inner node.

    A full probability model over the outputs at the cost of one path, about log2 of the number of outputs: the
    probabilities of all outputs sum to 1. The output table holds the inner nodes.

    Parameters
    ----------
    tree : Tree, optional
        A `HuffmanTree`, `BalancedTree` or `ArrayTree` with a leaf for each output. Default: in a trainer, the Huffman
        tree of the corpus's counts; the methods need one.

    Raises
    ------
    TypeError
        If the tree is none of these. A `ClassTree` is for a softmax of two levels, which is not trained yet.

    References
    ----------
    F. Morin and Y. Bengio, "Hierarchical probabilistic neural network language model", AISTATS 2005; with Huffman's
    tree: T. Mikolov et al., arXiv:1310.4546.

    Examples
    --------
    >>> from hogvec import BalancedTree
    >>> HierarchicalSoftmax(tree=BalancedTree(1000))
    HierarchicalSoftmax(tree=BalancedTree(1000))
    """

    tree: Tree | None = None

    def __post_init__(self) -> None:
        if isinstance(self.tree, ClassTree):
            raise TypeError(
                "tree must be binary: a ClassTree is for a softmax of two levels, which is not trained yet, "
                f"got {self.tree!r}"
            )
        if self.tree is not None and not isinstance(self.tree, Tree):
            raise TypeError(f"tree must be a HuffmanTree, a BalancedTree or an ArrayTree, got {self.tree!r:.80}")

    def __repr__(self) -> str:
        return "HierarchicalSoftmax()" if self.tree is None else f"HierarchicalSoftmax(tree={self.tree!r})"

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

        The buffers are used in place, whatever their row stride; scores and sums are in double precision.

        Parameters
        ----------
        hidden : ndarray of float32, shape (B, dim)
            Finite; B may be 0.
        targets : array_like of int, shape (B,)
            Outputs: numbers of [0, tree.num_leaves).
        weights : ndarray of float32, shape (tree.num_inner, dim)
            The rows of the inner nodes: a trainer's output table.
        bias : ndarray of float32, shape (tree.num_inner,), optional
            Default: none.
        threads : int, optional
            1 to 1024. Default: the cores that this process may use.

        Returns
        -------
        ndarray of float64, shape (B,)

        Raises
        ------
        TypeError
            If a buffer is no NumPy array of float32, or targets or threads are no integers.
        ValueError
            If the loss has no tree, shapes do not agree, a last axis is not contiguous, or something is not finite.
        IndexError
            If a target is no leaf.

        Examples
        --------
        >>> from hogvec import BalancedTree
        >>> loss = HierarchicalSoftmax(tree=BalancedTree(4))
        >>> hidden, weights = np.ones((1, 2), np.float32), np.zeros((3, 2), np.float32)
        >>> np.exp(loss.log_likelihood(hidden, [3], weights))   # two fair coins
        array([0.25])
        """
        tree = self._given_tree()
        checked = np.ascontiguousarray(check_ids("targets", targets, tree.num_leaves), dtype=np.int64)
        return tree._core_tree.log_likelihood(hidden, checked, weights, bias, number_of_threads(threads))

    def top_k(
        self,
        hidden: NDArray[np.float32],
        weights: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        k: int,
        *,
        threads: int | None = None,
    ) -> TopK:
        """Return the k most probable outputs of every hidden vector: exact, by best-first search.

        The search opens the most probable subtree next, so that outputs come out in order. It scores few nodes where
        the model is sure of itself, and up to all of them where it is not.

        Parameters
        ----------
        hidden, weights, bias, threads
            As in `log_likelihood`.
        k : int
            1 to tree.num_leaves.

        Returns
        -------
        TopK

        Raises
        ------
        TypeError, ValueError
            As in `log_likelihood`, and if k is outside its range.

        Examples
        --------
        >>> from hogvec import BalancedTree
        >>> loss = HierarchicalSoftmax(tree=BalancedTree(4))
        >>> weights = np.array([[0.5], [-1.0], [2.0]], np.float32)
        >>> loss.top_k(np.ones((1, 1), np.float32), weights, None, 2).ids
        array([[2, 0]], dtype=int32)
        """
        tree = self._given_tree()
        k = check_int("k", k, minimum=1, maximum=tree.num_leaves)
        ids, log_probabilities = tree._core_tree.top_k(hidden, weights, bias, k, number_of_threads(threads))
        return TopK(ids=ids, log_probabilities=log_probabilities)

    def _given_tree(self) -> Tree:
        if self.tree is None:
            raise ValueError("tree must be given outside a trainer, got None: HierarchicalSoftmax(tree=...)")
        return self.tree

    def _tree_for(self, num_outputs: int) -> Tree | None:
        """Return the tree, if one is given: it must have a leaf for each output."""
        if self.tree is not None and self.tree.num_leaves != num_outputs:
            raise ValueError(
                f"the tree must have as many leaves as the corpus has words, {num_outputs}, got {self.tree.num_leaves}"
            )
        return self.tree

    def _output_rows(self, num_outputs: int) -> int:
        tree = self._tree_for(num_outputs)
        return num_outputs - 1 if tree is None else tree.num_inner

    def _objective(self, counts: NDArray[np.int64]) -> _core.Objective:
        tree = self._tree_for(len(counts)) or HuffmanTree(counts)
        return _core.Objective.hierarchical_softmax(tree._core_tree)


def number_of_threads(threads: int | None) -> int:
    """Return `threads`, by default the cores that this process may use."""
    return available_cores() if threads is None else check_int("threads", threads, minimum=1, maximum=1024)


Loss = NegativeSampling | NCE | HierarchicalSoftmax
