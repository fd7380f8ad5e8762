"""Losses: where the candidates of a target come from, and how their scores become a loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._validate import check_float, check_int
from hogvec.trees import HuffmanTree

__all__ = ["HierarchicalSoftmax", "Loss", "NegativeSampling"]


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
    >>> NegativeSampling(negatives=10)
    NegativeSampling(negatives=10, power=0.75)
    """

    negatives: int = 5
    power: float = 0.75

    def __post_init__(self) -> None:
        check_int("negatives", self.negatives, minimum=1, maximum=10_000)
        check_float("power", self.power)

    def _output_rows(self, num_outputs: int) -> int:
        return num_outputs

    def _objective(self, counts: NDArray[np.int64]) -> _core.Objective:
        return _core.Objective.negative_sampling(_core.unigram_weights(counts, self.power), self.negatives)


@dataclass(frozen=True, kw_only=True)
class HierarchicalSoftmax:
    """Predict the target's path through a Huffman tree of the outputs, one yes-or-no question per inner node.

    A full probability model over the outputs at the cost of one path, about log2 of the number of outputs: the
    probabilities of all outputs sum to 1. The output table holds the inner nodes.

    References
    ----------
    F. Morin and Y. Bengio, "Hierarchical probabilistic neural network language model", AISTATS 2005; with Huffman's
    tree: T. Mikolov et al., arXiv:1310.4546.

    Examples
    --------
    >>> HierarchicalSoftmax()
    HierarchicalSoftmax()
    """

    def _output_rows(self, num_outputs: int) -> int:
        return num_outputs - 1

    def _objective(self, counts: NDArray[np.int64]) -> _core.Objective:
        tree = HuffmanTree(counts)
        return _core.Objective.hierarchical_softmax(tree.offsets, tree.points, tree.codes)


Loss = NegativeSampling | HierarchicalSoftmax
