"""Binary trees over ids, as flat arrays: what hierarchical softmax scores instead of the ids themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec import _core
from hogvec._validate import check_counts, check_id

__all__ = ["HuffmanTree"]


class HuffmanTree:
    """Build word2vec's Huffman tree: frequent ids get short paths, and the mean path is the shortest possible.

    The object is immutable, may be shared between threads, and pickles.

    Parameters
    ----------
    counts : array_like of int, shape (n,)
        How often each id occurs, in any order; n at least 2, none negative, the sum below 2**63. The array is copied.

    Raises
    ------
    TypeError
        If the counts are no integers.
    ValueError
        If there are fewer than two counts, one is negative, they have more than one axis, or their sum is too large.

    Notes
    -----
    Codes and node numbers are those of word2vec [2]_: ids are sorted by falling count, the two lightest nodes are
    merged until one is left, the lighter of them gets code 0, and of an id and an inner node of equal weight the inner
    node counts as the lighter. Two things are defined here that word2vec leaves open: ids of equal count are sorted by
    id, and ids of count zero are merged evenly among themselves, where the rule for ties would chain them. Codes may
    have any length.

    References
    ----------
    .. [1] D. A. Huffman, "A method for the construction of minimum-redundancy codes", Proceedings of the IRE 40 (1952).
    .. [2] T. Mikolov et al., "Distributed representations of words and phrases and their compositionality", NeurIPS
       2013, arXiv:1310.4546.
    .. [3] F. Morin and Y. Bengio, "Hierarchical probabilistic neural network language model", AISTATS 2005.

    Examples
    --------
    >>> tree = HuffmanTree([100, 50, 20, 10, 5, 1])
    >>> tree.code(3), tree.path(3)
    (array([0, 0, 0, 1], dtype=uint8), array([4, 3, 2, 1], dtype=int32))
    >>> round(tree.mean_length([100, 50, 20, 10, 5, 1]), 4)
    1.7742
    """

    __slots__ = ("_codes", "_counts", "_offsets", "_points")

    def __init__(self, counts: ArrayLike) -> None:
        self._counts = check_counts("counts", counts)
        self._offsets, self._points, self._codes = _core.build_huffman_tree(self._counts)
        for array in (self._offsets, self._points, self._codes):
            array.flags.writeable = False

    @property
    def counts(self) -> NDArray[np.int64]:
        """The counts the tree was built from, shape (n,), read-only."""
        return self._counts

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Id ``w`` owns entries ``offsets[w]`` to ``offsets[w + 1]`` of `points` and `codes`; shape (n + 1,)."""
        return self._offsets

    @property
    def points(self) -> NDArray[np.int32]:
        """The inner nodes of all paths, each from the root ``n - 2`` down: rows of an output table. Read-only."""
        return self._points

    @property
    def codes(self) -> NDArray[np.uint8]:
        """The turns at `points`, 0 or 1; the label of the logistic decision there is ``1 - code``. Read-only."""
        return self._codes

    @property
    def num_classes(self) -> int:
        """The number of ids."""
        return len(self._counts)

    @property
    def num_nodes(self) -> int:
        """The number of inner nodes: the rows an output table needs."""
        return len(self._counts) - 1

    def path(self, id: int) -> NDArray[np.int32]:
        """Return the inner nodes from the root to an id, a read-only view.

        Parameters
        ----------
        id : int
            A number of [0, num_classes).

        Returns
        -------
        ndarray of int32, shape (length,)

        Raises
        ------
        TypeError
            If the id is no integer.
        IndexError
            If there is no such id.
        """
        return self._points[self._entries(id)]

    def code(self, id: int) -> NDArray[np.uint8]:
        """Return the turns from the root to an id, a read-only view.

        Parameters
        ----------
        id : int
            A number of [0, num_classes).

        Returns
        -------
        ndarray of uint8, shape (length,)

        Raises
        ------
        TypeError
            If the id is no integer.
        IndexError
            If there is no such id.
        """
        return self._codes[self._entries(id)]

    def mean_length(self, counts: ArrayLike) -> float:
        """Return the mean length of a path when ids occur as often as `counts` says.

        Parameters
        ----------
        counts : array_like of int, shape (num_classes,)
            Not necessarily those the tree was built from: after subsampling, say.

        Returns
        -------
        float

        Raises
        ------
        TypeError
            If the counts are no integers.
        ValueError
            If there is not one count per id, one is negative, or all are zero.
        """
        checked = check_counts("counts", counts)
        if len(checked) != self.num_classes:
            raise ValueError(f"counts must have {self.num_classes} entries, one per id, got {len(checked)}")
        weights = checked.astype(np.float64)
        if not weights.any():
            raise ValueError("counts must have a positive entry, got only zeros")
        return float(np.diff(self._offsets) @ weights / weights.sum())

    def _entries(self, id: int) -> slice:
        id = check_id("id", id, self.num_classes)
        return slice(self._offsets[id], self._offsets[id + 1])

    def __repr__(self) -> str:
        return f"HuffmanTree(<{self.num_classes} counts>)"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._counts,)
