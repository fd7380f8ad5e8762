"""Binary trees over ids, as flat arrays: what hierarchical softmax scores instead of the ids themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec import _core
from hogvec._validate import check_counts, check_id, check_int, check_integers

__all__ = ["ArrayTree", "BalancedTree", "HuffmanTree", "Tree"]


class Tree:
    """A full binary tree whose leaves are ids: what `HuffmanTree`, `BalancedTree` and `ArrayTree` have in common.

    There are `num_leaves` ids and ``num_leaves - 1`` inner nodes, each with two children. An inner node is a row of the
    output table, where hierarchical softmax decides with probability sigmoid(score) for turn 0 and sigmoid(-score) for
    turn 1. Trees are immutable, may be shared between threads, and pickle; two trees are equal if their arrays are.
    """

    __slots__ = ("_codes", "_core_tree", "_offsets", "_points")

    def __init__(self, core_tree: _core.Tree) -> None:
        if not isinstance(core_tree, _core.Tree):
            raise TypeError("a Tree must be made as a HuffmanTree, a BalancedTree or an ArrayTree")
        self._core_tree = core_tree
        self._offsets, self._points, self._codes = core_tree.offsets, core_tree.points, core_tree.codes

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Id ``w`` owns entries ``offsets[w]`` to ``offsets[w + 1]`` of `points` and `codes`; (num_leaves + 1,)."""
        return self._offsets

    @property
    def points(self) -> NDArray[np.int32]:
        """The inner nodes of all paths, each from the root down: rows of an output table. Read-only."""
        return self._points

    @property
    def codes(self) -> NDArray[np.uint8]:
        """The turns at `points`, 0 or 1; the label of the logistic decision there is ``1 - code``. Read-only."""
        return self._codes

    @property
    def num_leaves(self) -> int:
        """The number of ids."""
        return self._core_tree.num_leaves

    @property
    def num_inner(self) -> int:
        """The number of inner nodes: the rows an output table needs."""
        return self._core_tree.num_inner

    def path(self, id: int) -> NDArray[np.int32]:
        """Return the inner nodes from the root to an id, a read-only view.

        Parameters
        ----------
        id : int
            A number of [0, num_leaves).

        Returns
        -------
        ndarray of int32, shape (depth,)

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
            A number of [0, num_leaves).

        Returns
        -------
        ndarray of uint8, shape (depth,)

        Raises
        ------
        TypeError
            If the id is no integer.
        IndexError
            If there is no such id.
        """
        return self._codes[self._entries(id)]

    def mean_depth(self, counts: ArrayLike) -> float:
        """Return the mean length of a path, the cost of an example, when ids occur as often as `counts` says.

        Parameters
        ----------
        counts : array_like of int, shape (num_leaves,)

        Returns
        -------
        float

        Raises
        ------
        TypeError
            If the counts are no integers.
        ValueError
            If there is not one count per id, one is negative, or all are zero.

        Examples
        --------
        >>> BalancedTree(4).mean_depth([7, 1, 1, 1]), HuffmanTree([7, 1, 1, 1]).mean_depth([7, 1, 1, 1])
        (2.0, 1.5)
        """
        checked = check_counts("counts", counts)
        if len(checked) != self.num_leaves:
            raise ValueError(f"counts must have {self.num_leaves} entries, one per id, got {len(checked)}")
        weights = checked.astype(np.float64)
        if not weights.any():
            raise ValueError("counts must have a positive entry, got only zeros")
        return float(np.diff(self._offsets) @ weights / weights.sum())

    def _entries(self, id: int) -> slice:
        id = check_id("id", id, self.num_leaves)
        return slice(self._offsets[id], self._offsets[id + 1])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tree):
            return NotImplemented
        return (
            np.array_equal(self._offsets, other._offsets)
            and np.array_equal(self._points, other._points)
            and np.array_equal(self._codes, other._codes)
        )

    def __hash__(self) -> int:
        return hash((self.num_leaves, len(self._points), self._points[-1].item()))


class HuffmanTree(Tree):
    """Build word2vec's Huffman tree: frequent ids get short paths, and the mean path is the shortest possible.

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
    node counts as the lighter. The root is node ``n - 2``. Two things are defined here that word2vec leaves open: ids
    of equal count are sorted by id, and ids of count zero are merged evenly among themselves, where the rule for ties
    would chain them. Codes may have any length.

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
    >>> round(tree.mean_depth([100, 50, 20, 10, 5, 1]), 4)
    1.7742
    """

    __slots__ = ("_counts",)

    def __init__(self, counts: ArrayLike) -> None:
        self._counts = check_counts("counts", counts)
        super().__init__(_core.Tree.huffman(self._counts))

    @property
    def counts(self) -> NDArray[np.int64]:
        """The counts the tree was built from, shape (n,), read-only."""
        return self._counts

    def __repr__(self) -> str:
        return f"HuffmanTree(<{self.num_leaves} counts>)"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._counts,)


class BalancedTree(Tree):
    """Build the tree in which all paths are as long: ceil(log2(num_leaves)), or one less.

    Ids stand in order from left to right, and every range of them is halved, the first half the larger one when they
    are not equal. Inner node ``i`` parts the ids up to ``i`` from those after it; turn 0 leads to the first. Ids that
    are alike should therefore have numbers that are near.

    Parameters
    ----------
    num_leaves : int
        The number of ids, at least 2.

    Raises
    ------
    TypeError
        If the number is no integer.
    ValueError
        If it is outside its range.

    References
    ----------
    F. Morin and Y. Bengio, "Hierarchical probabilistic neural network language model", AISTATS 2005.

    Examples
    --------
    >>> tree = BalancedTree(5)
    >>> tree.path(0), tree.path(4)
    (array([2, 1, 0], dtype=int32), array([2, 3], dtype=int32))
    """

    __slots__ = ()

    def __init__(self, num_leaves: int) -> None:
        super().__init__(_core.Tree.balanced(check_int("num_leaves", num_leaves, minimum=2)))

    def __repr__(self) -> str:
        return f"BalancedTree({self.num_leaves})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.num_leaves,)


class ArrayTree(Tree):
    """Take a tree of your own: from a clustering, a taxonomy, another program.

    Parameters
    ----------
    offsets : array_like of int, shape (n + 1,)
        Id ``w`` owns entries ``offsets[w]`` to ``offsets[w + 1]`` of the other arrays; from 0, rising; n at least 2.
    points : array_like of int, shape (m,)
        The inner nodes on each id's path, from the root down: numbers of [0, n - 1).
    codes : array_like of int, shape (m,)
        The turn at each of them, 0 or 1.

    Raises
    ------
    TypeError
        If an array holds no integers.
    ValueError
        If they are no full binary tree: if the lengths do not agree, a number is out of its range, the paths do not
        start at one root, two ids share a path, one path goes on where another ends, or an inner node has not exactly
        two children and, but for the root, one parent. The message says which node or id.

    Examples
    --------
    Id 2 is the root's second child, ids 0 and 1 are below its first:

    >>> tree = ArrayTree(offsets=[0, 2, 4, 5], points=[0, 1, 0, 1, 0], codes=[0, 0, 0, 1, 1])
    >>> tree.num_inner, tree.path(1)
    (2, array([0, 1], dtype=int32))
    >>> ArrayTree(offsets=[0, 2, 4, 5], points=[0, 1, 0, 1, 0], codes=[0, 0, 0, 0, 1])
    Traceback (most recent call last):
    ...
    ValueError: ids must have different paths, got the same one for ids 0 and 1
    """

    __slots__ = ()

    def __init__(self, offsets: ArrayLike, points: ArrayLike, codes: ArrayLike) -> None:
        super().__init__(
            _core.Tree(
                np.ascontiguousarray(check_integers("offsets", offsets, 2**63 - 1), dtype=np.int64),
                np.ascontiguousarray(check_integers("points", points, 2**31 - 1), dtype=np.int32),
                np.ascontiguousarray(check_integers("codes", codes, 1), dtype=np.uint8),
            )
        )

    def __repr__(self) -> str:
        return f"ArrayTree(<{self.num_leaves} paths>)"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._offsets, self._points, self._codes)
