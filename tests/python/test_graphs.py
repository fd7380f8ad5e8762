"""Graphs and walks: what they refuse, the probabilities of steps, and that walks train like the corpus of the same."""

from __future__ import annotations

from typing import Any

import hogvec
import numpy as np
import pytest
from hogvec import Graph, HierarchicalSoftmax, NegativeSampling, SkipGram, Trainer, walks
from numpy.typing import NDArray

# 0.9999 quantiles of chi-square by degrees of freedom.
CHI_SQUARE = {1: 15.14, 2: 18.42, 3: 21.11, 4: 23.51, 5: 25.74}


def triangle_with_tail(weights: list[float] | None = None) -> Graph:
    """0, 1 and 2 all know each other; 2 knows 3, and 3 knows 4."""
    return Graph.from_edges([0, 0, 1, 2, 3], [1, 2, 2, 3, 4], weights)


def steps(graph: Graph, p: float = 1, q: float = 1) -> NDArray[np.int64]:
    """How often a walk went from t to v to x, (n, n, n)."""
    found = walks(graph, 400, 60, p, q, seed=3, threads=1).corpus()
    tokens = found.ids.reshape(-1, 60)
    seen = np.zeros((graph.num_nodes,) * 3, np.int64)
    np.add.at(seen, (tokens[:, :-2], tokens[:, 1:-1], tokens[:, 2:]), 1)
    return seen


def dense(graph: Graph, edges: dict[tuple[int, int], float]) -> NDArray[np.float64]:
    matrix = np.zeros((graph.num_nodes, graph.num_nodes))
    for (u, v), weight in edges.items():
        matrix[u, v] = matrix[v, u] = weight
    return matrix


WEIGHTS = {(0, 1): 1.0, (0, 2): 3.0, (1, 2): 0.5, (2, 3): 2.0, (3, 4): 0.25}
ONES = dict.fromkeys(WEIGHTS, 1.0)


@pytest.mark.parametrize("edges", [ONES, WEIGHTS], ids=["unweighted", "weighted"])
# Neither factor stands out; back stands out; away stands out; nearly all draws are rejected.
@pytest.mark.parametrize(("p", "q"), [(1, 1), (2, 0.5), (0.1, 3), (0.25, 0.25), (1e5, 1e-4), (1e6, 1e6)])
def test_steps_have_the_probabilities_of_node2vec(edges: dict[tuple[int, int], float], p: float, q: float) -> None:
    graph = triangle_with_tail(list(edges.values()))
    matrix = dense(graph, edges)
    seen = steps(graph, p, q)
    for t, v in np.argwhere(matrix > 0):
        factors = np.where(matrix[t] > 0, 1.0, 1 / q)
        factors[t] = 1 / p
        expected = matrix[v] * factors
        expected *= seen[t, v].sum() / expected.sum()
        assert seen[t, v][expected == 0].sum() == 0
        likely = expected > 5
        if likely.sum() < 2:
            assert seen[t, v][~likely].sum() <= 20
            continue
        statistic = np.sum((seen[t, v] - expected)[likely] ** 2 / expected[likely])
        assert statistic < CHI_SQUARE[likely.sum() - 1]


def test_first_steps_have_the_weights_of_edges() -> None:
    weights = [1.0, 2.0, 3.0, 10.0, 0.5, 0.25]
    found = walks(Graph(([0, 6, 6, 6, 6, 6, 6, 6], [1, 2, 3, 4, 5, 6], weights)), 20_000, 2, threads=1).corpus()
    assert found.num_sequences == 20_000
    seen = np.bincount(found.ids[1::2], minlength=7)[1:]
    expected = 20_000 * np.array(weights) / sum(weights)
    assert np.sum((seen - expected) ** 2 / expected) < CHI_SQUARE[5]


def test_walks_follow_edges_and_begin_as_often_at_every_node() -> None:
    generator = np.random.default_rng(1)
    graph = Graph.from_edges(generator.integers(40, size=90), generator.integers(40, size=90), num_nodes=45)
    found = walks(graph, num_walks=7, length=11, p=0.5, q=2).corpus()
    pairs = {(u, v) for u in range(45) for v in graph.indices[graph.indptr[u] : graph.indptr[u + 1]].tolist()}
    for walk in np.split(found.ids, found.offsets[1:-1]):
        assert set(zip(walk[:-1].tolist(), walk[1:].tolist(), strict=True)) <= pairs
        assert len(walk) == 11
    starts = np.bincount(found.ids[found.offsets[:-1]], minlength=45)
    assert starts.tolist() == [7 if degree else 0 for degree in graph.degrees]
    first = found.ids[found.offsets[:-1]].reshape(7, -1)
    assert all(len(set(order.tolist())) == len(order) for order in first)  # each round begins once at every node
    assert not np.array_equal(first[0], first[1])


def test_walks_are_the_same_for_any_number_of_threads_and_differ_by_seed_and_epoch() -> None:
    graph = triangle_with_tail()

    def ids(epoch: int = 0, **options: Any) -> list[int]:
        found: list[int] = walks(graph, 3000, 30, 0.5, 2, **options).corpus(epoch).ids.tolist()
        return found

    assert ids(threads=1) == ids(threads=3)
    assert ids(seed=1) != ids(seed=2)
    assert ids(0) != ids(1)
    assert ids(0, renew=False) == ids(1, renew=False)


def test_chunks_are_the_stored_walks_in_pieces() -> None:
    corpus = walks(triangle_with_tail(), num_walks=20, length=6)
    chunks = list(corpus.chunks(tokens=100))
    assert [chunk.num_sequences for chunk in chunks] == [16] * 6 + [4]
    whole = corpus.corpus()
    np.testing.assert_array_equal(np.concatenate([chunk.ids for chunk in chunks]), whole.ids)
    np.testing.assert_array_equal(corpus.counts, whole.counts)
    assert corpus.num_sequences == whole.num_sequences
    assert len(corpus) == len(whole)
    assert [len(chunk) for chunk in corpus.chunks(tokens=1)] == [6] * 100  # at least one walk


def test_a_walk_ends_where_no_edge_leaves() -> None:
    path = Graph.from_edges([0, 1, 2], [1, 2, 3], directed=True)
    found = walks(path, num_walks=1, length=9).corpus()
    sequences = sorted(part.tolist() for part in np.split(found.ids, found.offsets[1:-1]))
    assert sequences == [[0, 1, 2, 3], [1, 2, 3], [2, 3]]
    trainer = Trainer(SkipGram(dim=4, subsample=0), threads=1)
    trainer.fit(walks(path, num_walks=5, length=9), epochs=2, progress=False)
    assert trainer.history[0].trained_words == 5 * 9


@pytest.mark.parametrize("loss", [NegativeSampling(negatives=3), HierarchicalSoftmax()])
def test_walks_train_like_the_corpus_of_the_same_walks(loss: Any) -> None:
    """One chunk of walks has the positions of the corpus: even the noise is the same."""
    corpus = walks(triangle_with_tail(), num_walks=40, length=10, renew=False)
    tables = []
    for source in (corpus, corpus.corpus()):
        trainer = Trainer(SkipGram(dim=6, window=3, subsample=0.05), loss, threads=1)
        trainer.fit(source, epochs=2, progress=False)
        tables.append(trainer.input_table.copy())
    np.testing.assert_array_equal(*tables)


def test_walks_find_two_communities() -> None:
    generator = np.random.default_rng(5)
    edges = np.concatenate(
        [generator.integers(20, size=(150, 2)), 20 + generator.integers(20, size=(150, 2)), [[0, 20]]]
    )
    corpus = walks(Graph.from_edges(*edges.T), num_walks=10, length=20, p=2, q=0.5)
    trainer = Trainer(SkipGram(dim=8, window=3, subsample=0), threads=2)
    vectors = trainer.fit(corpus, epochs=5, progress=False)
    assert [report.words for report in trainer.history] == [len(corpus)] * 5
    for node in ("5", "25"):
        near = [int(found.word) for found in vectors.most_similar(node, topn=8)]
        assert {other // 20 for other in near} == {int(node) // 20}


def test_a_graph_is_sorted_and_equal_edges_are_added_up() -> None:
    given = Graph(([0, 5, 5], [1, 0, 1, 0, 1], [1.0, 2.0, 3.0, 0.0, 0.0]))
    assert given.indices.tolist() == [0, 1]
    assert given.indptr.tolist() == [0, 2, 2]
    assert given.is_weighted
    assert not Graph(([0, 2], [0, 0], [2.0, 5.0])).is_weighted  # one edge
    assert not Graph(([0, 2, 3], [0, 1, 0], [2.0, 2.0, 2.0])).is_weighted
    assert Graph(([0, 1, 3], [1, 0, 0])).is_weighted  # twice the same edge
    assert given.indices.flags.writeable is False


def test_an_undirected_list_has_every_edge_both_ways_and_a_loop_once() -> None:
    graph = Graph.from_edges([0, 1], [1, 1], [2.0, 2.0], num_nodes=4)
    assert (graph.num_nodes, graph.num_edges, graph.is_weighted) == (4, 3, False)
    assert graph.degrees.tolist() == [1, 2, 0, 0]
    assert Graph.from_edges([0, 1], [1, 1], directed=True).num_edges == 2
    assert Graph.from_edges(np.array([], np.int64), []).num_nodes == 0


def test_a_scipy_matrix_is_a_graph() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.coo_array(([1.0, 2.0, 0.0], ([0, 1, 2], [1, 2, 0])), shape=(4, 4))
    for given in (matrix, matrix.tocsr(), matrix.tocsc(), sparse.csr_matrix(matrix)):
        graph = Graph(given)
        assert graph.indptr.tolist() == [0, 1, 2, 2, 2]
        assert graph.indices.tolist() == [1, 2]
    with pytest.raises(ValueError, match=r"^graph must be square, got shape \(3, 4\)$"):
        Graph(matrix.tocsr()[:3])


@pytest.mark.parametrize(
    ("graph", "error", "message"),
    [
        (([0, 2, 1], [0, 1]), ValueError, "indptr must not fall, got 1 after 2"),
        (([1, 2], [0, 0]), ValueError, "indptr must start at 0, got 1"),
        (([0, 1], [0, 0]), ValueError, "indptr must end at 2, got 1"),
        (([], []), ValueError, "indptr must hold at least one number, got none"),
        (([0, 1], [1]), IndexError, "indices must be at least 0 and below the number of nodes, 1, got 1"),
        (([0, 1], [-1]), IndexError, "indices must be at least 0 and below the number of nodes, 1, got -1"),
        (([0, 1], [2**32]), IndexError, "indices must be at least 0 and below the number of nodes, 1, got 4294967296"),
        (([0, 1], [0.5]), TypeError, "indices must be integers, got dtype float64"),
        (([0, 1], [0], [-1.0]), ValueError, "weights must be finite and not negative, got -1 for edge 0"),
        (([0, 1], [0], [np.nan]), ValueError, "weights must be finite and not negative, got nan for edge 0"),
        (([0, 1], [0], [np.inf]), ValueError, "weights must be finite and not negative, got inf for edge 0"),
        (([0, 1], [0], [1.0, 2.0]), ValueError, "weights must have one entry for each edge, 1, got 2"),
        (([0, 1], [0], ["a"]), TypeError, "weights must be numbers, got dtype <U1"),
        (([0, 1],), ValueError, "graph must have two or three arrays, indptr, indices and weights, got 1"),
        ([[0, 1], [[0]]], ValueError, r"indices must have one axis, got shape \(1, 1\)"),
        (np.eye(3), TypeError, r"graph must be a Graph, a SciPy sparse matrix or a tuple of arrays, got array.*"),
        ("blogcatalog", TypeError, r"graph must be a Graph, a SciPy sparse matrix .* got 'blogcatalog'"),
        (([0, 0, 0], []), ValueError, "the graph must have an edge, got 2 nodes and none"),
    ],
)
def test_a_graph_that_is_none_is_refused(graph: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"(?s)^{message}$"):
        walks(graph)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"num_walks": 0}, ValueError, "num_walks must be at least 1, got 0"),
        ({"length": 1}, ValueError, "length must be at least 2, got 1"),
        ({"length": 10**7}, ValueError, "length must be at most 1000000, got 10000000"),
        ({"p": 0}, ValueError, "p must be at least 1e-06, got 0"),
        ({"q": float("nan")}, ValueError, "q must be finite, got nan"),
        ({"q": "1"}, TypeError, "q must be a number, got '1'"),
        ({"renew": 1}, TypeError, "renew must be True or False, got 1"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"threads": 0}, ValueError, "threads must be at least 1, got 0"),
    ],
)
def test_what_walks_refuse(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}$"):
        walks(triangle_with_tail(), **arguments)


def test_edges_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^targets must have as many entries as sources, 2, got 1$"):
        Graph.from_edges([0, 1], [1])
    with pytest.raises(IndexError, match=r"^targets must be at least 0 and below 2, got 2$"):
        Graph.from_edges([0, 1], [1, 2], num_nodes=2)
    with pytest.raises(TypeError, match=r"^directed must be True or False, got None$"):
        Graph.from_edges([0], [1], directed=None)  # type: ignore[arg-type]


def test_walks_that_do_not_fit_into_memory_say_so_before_they_are_made() -> None:
    with pytest.raises(MemoryError, match=r"walks of 1,000,000 nodes need \d+\.\d GiB, got \d+\.\d GiB"):
        walks(triangle_with_tail(), 2**31 - 1, 1_000_000).corpus()


def test_other_architectures_and_losses_train_on_walks() -> None:
    corpus = walks(triangle_with_tail(), num_walks=20, length=10)
    for architecture in (hogvec.CBOW(dim=4, subsample=0), SkipGram(dim=4, window=None, context="past", subsample=0)):
        trainer = Trainer(architecture, hogvec.SampledSoftmax(num_sampled=3), threads=1)
        assert np.isfinite(trainer.fit(corpus, epochs=1, progress=False).vectors).all()
    with pytest.raises(ValueError, match="the corpus of a FastText must have words"):
        Trainer(hogvec.FastText(dim=4)).fit(corpus, progress=False)
