"""Graphs, and random walks over them as a corpus that is made while it is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec import _core
from hogvec._system import available_memory, number_of_threads
from hogvec._validate import check_float, check_int
from hogvec.corpus import Corpus

__all__ = ["Graph", "Walks", "walks"]

_MOST_NODES = 2**31 - 1
_CHUNK_TOKENS = 1 << 20


class Graph:
    """Nodes and directed edges, which may have weights; an undirected graph has each edge in both directions.

    Equal edges become one whose weight is their sum. Edges of weight 0 are left out. An edge from a node to itself is
    one like any other.

    Parameters
    ----------
    graph : sparse matrix, or tuple of array_like
        A SciPy matrix or array of shape (n, n), entry (u, v) being the weight of the edge from u to v; or the three
        arrays of such a matrix in CSR form, ``(indptr, indices)`` or ``(indptr, indices, weights)``: the edges of node
        u go to ``indices[indptr[u]:indptr[u + 1]]``, in any order. Without weights every edge has weight 1.

    Raises
    ------
    TypeError
        If `graph` is neither, or its arrays are no numbers of the right kind.
    ValueError
        If the matrix is not square, `indptr` does not ascend from 0 to the number of edges, or a weight is negative or
        not finite.
    IndexError
        If an index is negative or not below the number of nodes.
    MemoryError
        If the graph does not fit into the memory available.

    Notes
    -----
    An edge takes 4 bytes, in a weighted graph 16.

    Examples
    --------
    >>> graph = Graph(([0, 1, 3, 4], [1, 0, 2, 1]))   # 0 - 1 - 2
    >>> graph.num_nodes, graph.num_edges, graph.degrees.tolist()
    (3, 4, [1, 2, 1])
    """

    def __init__(self, graph: Any) -> None:
        indptr, indices, weights = _csr_arrays(graph)
        if len(indptr) - 1 > _MOST_NODES:
            raise ValueError(f"a graph must have at most {_MOST_NODES:,} nodes, got {len(indptr) - 1:,}")
        _check_memory("a graph", len(indices) * (4 if weights is None else 24) + 8 * len(indptr))
        if indices.dtype != np.int32 and len(indices) > 0:
            wrong = indices.min() if indices.min() < 0 else indices.max()
            if not 0 <= wrong < len(indptr) - 1:
                raise IndexError(
                    f"indices must be at least 0 and below the number of nodes, {len(indptr) - 1}, got {wrong}"
                )
        self._graph = _core.Graph(
            np.ascontiguousarray(indptr, np.int64),
            np.ascontiguousarray(indices, np.int32),
            None if weights is None else np.ascontiguousarray(weights, np.float64),
        )

    @classmethod
    def from_edges(
        cls,
        sources: ArrayLike,
        targets: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        num_nodes: int | None = None,
        directed: bool = False,
    ) -> Graph:
        """Make a graph of a list of edges.

        Parameters
        ----------
        sources, targets : array_like of int, shape (n_edges,)
            The two nodes of each edge.
        weights : array_like of float, shape (n_edges,), optional
            Default 1.
        num_nodes : int, optional
            Default: the largest node plus one.
        directed : bool, default False
            Whether edges go from source to target alone, instead of both ways. An edge from a node to itself counts
            once.

        Raises
        ------
        TypeError, ValueError, IndexError, MemoryError
            As for the class; if lengths differ.

        Examples
        --------
        >>> Graph.from_edges([0, 1], [1, 2]).num_edges
        4
        """
        if not isinstance(directed, bool):
            raise TypeError(f"directed must be True or False, got {directed!r}")
        tails, heads = _integers("sources", sources), _integers("targets", targets)
        values = None if weights is None else _numbers("weights", weights)
        for name, array in (("targets", heads), ("weights", values)):
            if array is not None and len(array) != len(tails):
                raise ValueError(f"{name} must have as many entries as sources, {len(tails)}, got {len(array)}")
        largest = max((int(nodes.max()) for nodes in (tails, heads) if len(nodes)), default=-1)
        limit = largest + 1 if num_nodes is None else check_int("num_nodes", num_nodes, minimum=0, maximum=_MOST_NODES)
        for name, nodes in (("sources", tails), ("targets", heads)):
            if len(nodes) and (nodes.min() < 0 or nodes.max() >= min(limit, _MOST_NODES)):
                wrong = nodes.min() if nodes.min() < 0 else nodes.max()
                raise IndexError(f"{name} must be at least 0 and below {min(limit, _MOST_NODES)}, got {wrong}")
        _check_memory("a graph", 60 * len(tails) + 16 * limit)
        if not directed:
            other = tails != heads
            tails, heads = np.concatenate([tails, heads[other]]), np.concatenate([heads, tails[other]])
            values = None if values is None else np.concatenate([values, values[other]])
        order = np.argsort(tails, kind="stable")
        indptr = np.concatenate([[0], np.cumsum(np.bincount(tails, minlength=limit))])
        return cls((indptr, heads[order]) if values is None else (indptr, heads[order], values[order]))

    @property
    def num_nodes(self) -> int:
        """How many nodes there are, those without an edge among them."""
        return self._graph.num_nodes

    @property
    def num_edges(self) -> int:
        """How many directed edges there are: of an undirected graph twice as many as pairs."""
        return self._graph.num_edges

    @property
    def is_weighted(self) -> bool:
        """Whether edges differ in weight."""
        return self._graph.is_weighted

    @property
    def indptr(self) -> NDArray[np.int64]:
        """Where the edges of each node begin and end in `indices`, int64 of shape (num_nodes + 1,); read-only."""
        return self._graph.indptr

    @property
    def indices(self) -> NDArray[np.int32]:
        """Where edges go, ascending for each node, int32 of shape (num_edges,); read-only."""
        return self._graph.indices

    @property
    def degrees(self) -> NDArray[np.int64]:
        """How many edges leave each node, int64 of shape (num_nodes,)."""
        return np.diff(self._graph.indptr)

    def __repr__(self) -> str:
        kind = "weighted edges" if self.is_weighted else "edges"
        return f"Graph({self.num_nodes:,} nodes, {self.num_edges:,} {kind})"


class Walks:
    """Random walks over a graph: a corpus for `Trainer.fit` that is never stored. Made by `walks`.

    A worker makes the walks of a chunk when it trains on them. They are a function of the seed, the epoch and the
    number of the walk: the same for any number of threads.

    Attributes
    ----------
    graph : Graph
    num_walks, length : int
    p, q : float
    renew : bool
    seed : int
    """

    vocabulary: None = None

    def __init__(
        self, graph: Graph, num_walks: int, length: int, p: float, q: float, renew: bool, seed: int, threads: int
    ) -> None:
        self.graph = graph
        self.num_walks = num_walks
        self.length = length
        self.p = p
        self.q = q
        self.renew = renew
        self.seed = seed
        self._threads = threads
        self._walker = _core.Walker(graph._graph, num_walks=num_walks, length=length, p=p, q=q, seed=seed)
        self._counts: NDArray[np.int64] | None = None

    @property
    def num_rows(self) -> int:
        """How many nodes the graph has: each is a row of the tables."""
        return self.graph.num_nodes

    @property
    def num_sequences(self) -> int:
        """How many walks an epoch has."""
        return len(self._walker)

    @property
    def counts(self) -> NDArray[np.int64]:
        """How often each node stands in the walks of the first epoch, int64 of shape (num_rows,); read-only.

        They are made once to be counted, which takes a small part of the time of an epoch of training.
        """
        if self._counts is None:
            self._counts = self._walker.count_nodes(0, threads=self._threads)
            self._counts.flags.writeable = False
        return self._counts

    def chunks(self, epoch: int = 0, *, tokens: int = _CHUNK_TOKENS) -> Iterator[Corpus]:
        """Yield the walks of an epoch, about `tokens` nodes at a time, as corpora of their own.

        Parameters
        ----------
        epoch : int, default 0
            Which walks; without `renew` all epochs have the same.
        tokens : int, default 2**20
            How many nodes a chunk has, at most; at least one walk.

        Raises
        ------
        TypeError, ValueError
            If a number is none or out of range.
        """
        number = check_int("epoch", epoch, minimum=0)
        step = max(check_int("tokens", tokens, minimum=1, maximum=2**62) // self.length, 1)
        return self._chunks(number, step)

    def _chunks(self, epoch: int, step: int) -> Iterator[Corpus]:
        for first in range(0, self.num_sequences, step):
            yield self._part(epoch, first, min(step, self.num_sequences - first))

    def corpus(self, epoch: int = 0) -> Corpus:
        """Return the walks of an epoch, all of them stored.

        Raises
        ------
        TypeError, ValueError
            If `epoch` is no number or negative.
        MemoryError
            If they do not fit into the memory available; says how much they need.
        """
        number = check_int("epoch", epoch, minimum=0)
        _check_memory(f"{self.num_sequences:,} walks of {self.length:,} nodes", 4 * len(self) + 8 * self.num_sequences)
        return self._part(number, 0, self.num_sequences)

    def _part(self, epoch: int, first: int, count: int) -> Corpus:
        ids, offsets = self._walker.tokens(self._walk_epoch(epoch), first, count, threads=self._threads)
        return Corpus.from_ids(ids, offsets, num_ids=self.num_rows)

    def _walk_epoch(self, epoch: int) -> int:
        return epoch if self.renew else 0

    def __len__(self) -> int:
        return self.num_sequences * self.length

    def __repr__(self) -> str:
        return (
            f"Walks({self.graph!r}, num_walks={self.num_walks}, length={self.length}, p={self.p:g}, q={self.q:g}, "
            f"renew={self.renew}, seed={self.seed})"
        )


def walks(
    graph: Any,
    num_walks: int = 10,
    length: int = 80,
    p: float = 1.0,
    q: float = 1.0,
    *,
    renew: bool = True,
    seed: int = 1,
    threads: int | None = None,
) -> Walks:
    """Return random walks over a graph as a corpus for `Trainer.fit`, made while it is trained on.

    A step goes to a neighbour in proportion to the weight of the edge, times 1 / p if that is the node of the step
    before, 1 / q if it is no neighbour of that node. A walk ends early at a node that no edge leaves. Nodes that no
    edge leaves begin no walk.

    Parameters
    ----------
    graph : Graph, sparse matrix, or tuple of array_like
        What is no `Graph` is made one.
    num_walks : int, default 10
        Walks from every node in an epoch, at least 1.
    length : int, default 80
        The nodes of a walk, 2 to 1,000,000.
    p, q : float, default 1
        Of [1e-6, 1e6]. A small `p` keeps walks near their start, a small `q` leads them away; 1 and 1 is DeepWalk.
    renew : bool, default True
        Whether every epoch has walks of its own, instead of those of the first.
    seed : int, default 1
        A number of [0, 2**64).
    threads : int, optional
        What makes walks that are counted or stored; `Trainer` has its own. Default: the cores that this process may
        use.

    Returns
    -------
    Walks

    Raises
    ------
    TypeError, ValueError, IndexError, MemoryError
        As for `Graph`; if a parameter is of the wrong kind or outside its range, or the graph has no edge.

    References
    ----------
    B. Perozzi, R. Al-Rfou and S. Skiena, "DeepWalk: Online learning of social representations", KDD 2014,
    arXiv:1403.6652. A. Grover and J. Leskovec, "node2vec: Scalable feature learning for networks", KDD 2016,
    arXiv:1607.00653. Steps of second order by rejection, in memory of the order of the edges: K. Yang et al.,
    "KnightKing: A fast distributed graph random walk engine", SOSP 2019.

    Examples
    --------
    >>> ring = Graph.from_edges([0, 1, 2, 3], [1, 2, 3, 0])
    >>> corpus = walks(ring, num_walks=2, length=5)
    >>> corpus.num_sequences, len(corpus), corpus.counts.sum()
    (8, 40, np.int64(40))
    """
    made = graph if isinstance(graph, Graph) else Graph(graph)
    if not isinstance(renew, bool):
        raise TypeError(f"renew must be True or False, got {renew!r}")
    found = Walks(
        made,
        check_int("num_walks", num_walks, minimum=1),
        check_int("length", length, minimum=2, maximum=1_000_000),
        check_float("p", p, minimum=1e-6, maximum=1e6),
        check_float("q", q, minimum=1e-6, maximum=1e6),
        renew,
        check_int("seed", seed, minimum=0, maximum=2**64 - 1),
        number_of_threads(threads),
    )
    if made.num_edges == 0:
        raise ValueError(f"the graph must have an edge, got {made.num_nodes} nodes and none")
    return found


def _csr_arrays(graph: Any) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
    if isinstance(graph, (tuple, list)):
        if len(graph) not in (2, 3):
            raise ValueError(f"graph must have two or three arrays, indptr, indices and weights, got {len(graph)}")
        weights = None if len(graph) == 2 else _numbers("weights", graph[2])
        return _integers("indptr", graph[0]), _integers("indices", graph[1]), weights
    if not hasattr(graph, "tocsr"):
        raise TypeError(f"graph must be a Graph, a SciPy sparse matrix or a tuple of arrays, got {graph!r:.80}")
    if len(graph.shape) != 2 or graph.shape[0] != graph.shape[1]:
        raise ValueError(f"graph must be square, got shape {graph.shape}")
    matrix = graph.tocsr()
    return matrix.indptr, matrix.indices, _numbers("weights", matrix.data)


def _integers(name: str, values: ArrayLike) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must have one axis, got shape {array.shape}")
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got dtype {array.dtype}")
    if array.dtype.kind == "u" and array.max() >= 2**63:
        raise IndexError(f"{name} must be below 2^63, got {array.max()}")
    return array if array.dtype == np.int32 else array.astype(np.int64, copy=False)


def _numbers(name: str, values: ArrayLike) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must have one axis, got shape {array.shape}")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be numbers, got dtype {array.dtype}")
    return array


def _check_memory(what: str, needed: int) -> None:
    """Raise MemoryError before anything is allocated if so many bytes do not fit."""
    available = available_memory()
    if available is not None and needed > available:
        raise MemoryError(f"{what} need {needed / 2**30:.1f} GiB, got {available / 2**30:.1f} GiB of memory available")
