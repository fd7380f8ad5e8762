"""Hierarchical softmax over trees: exact probabilities, the best outputs, training, and what is refused.

A little longer than others, since all of it runs over the same trees.
"""

from __future__ import annotations

import dataclasses
import math
import pickle
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest
from hogvec import (
    SGD,
    ArrayTree,
    BalancedTree,
    Batch,
    Corpus,
    HierarchicalSoftmax,
    HuffmanTree,
    SkipGram,
    TopK,
    Trainer,
    Tree,
    reference,
)
from hogvec.reference import tree_log_probabilities
from hypothesis import given, settings
from hypothesis import strategies as st
from random_trees import random_tree

TREES = {
    "huffman": HuffmanTree(10_000 // np.arange(1, 201)),
    "balanced": BalancedTree(200),
    "random": random_tree(np.random.default_rng(5), 200),
    "two leaves": BalancedTree(2),
    "chain": HuffmanTree(2 ** np.arange(40)),
}
every_tree = pytest.mark.parametrize("tree", TREES.values(), ids=TREES.keys())


def make_model(
    tree: Tree, *, batch: int = 5, dim: int = 19, scale: float = 1.0, seed: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return hidden vectors, weights and biases; scores are of order `scale`."""
    random = np.random.default_rng(seed)
    hidden = random.normal(size=(batch, dim)).astype(np.float32)
    weights = random.normal(scale=scale / math.sqrt(dim), size=(tree.num_inner, dim)).astype(np.float32)
    return hidden, weights, random.normal(scale=scale, size=tree.num_inner).astype(np.float32)


def all_log_probabilities(
    tree: Tree, hidden: np.ndarray, weights: np.ndarray, bias: np.ndarray | None = None
) -> np.ndarray:
    """Return ln P of every output from `log_likelihood`, (B, V)."""
    loss = HierarchicalSoftmax(tree=tree)
    everything = np.tile(np.arange(tree.num_leaves), len(hidden))
    repeated = np.repeat(hidden, tree.num_leaves, axis=0)
    return loss.log_likelihood(repeated, everything, weights, bias).reshape(len(hidden), tree.num_leaves)


# Probabilities.


@every_tree
@pytest.mark.parametrize("scale", [0.0, 1.0, 100.0])
def test_probabilities_of_all_outputs_sum_to_one(tree: Tree, scale: float) -> None:
    log_probability = all_log_probabilities(tree, *make_model(tree, scale=scale))
    # Each is off by a rounding of 2^-53 of its logarithm, at most some 4,000 here, per node of the path.
    np.testing.assert_allclose(np.exp(log_probability).sum(axis=1), 1.0, rtol=1e-10)


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.integers(2, 120), st.integers(1, 40), st.floats(0.0, 30.0))
def test_any_tree_is_a_distribution_as_in_the_reference(seed: int, n: int, dim: int, scale: float) -> None:
    tree = random_tree(np.random.default_rng(seed), n)
    hidden, weights, bias = make_model(tree, batch=3, dim=dim, scale=scale, seed=seed)
    log_probability = all_log_probabilities(tree, hidden, weights, bias)
    np.testing.assert_allclose(np.exp(log_probability).sum(axis=1), 1.0, rtol=1e-10)
    expected = tree_log_probabilities(tree, hidden, weights, bias)
    np.testing.assert_allclose(log_probability, expected, rtol=1e-10, atol=1e-10)


@every_tree
@pytest.mark.parametrize("dim", [1, 7, 8, 9, 33, 100])
def test_log_likelihood_is_the_reference(tree: Tree, dim: int) -> None:
    hidden, weights, bias = make_model(tree, batch=40, dim=dim, scale=3.0)
    targets = np.random.default_rng(2).integers(tree.num_leaves, size=40)
    loss = HierarchicalSoftmax(tree=tree)
    for given_bias in (bias, None):
        expected = tree_log_probabilities(tree, hidden, weights, given_bias)[np.arange(40), targets]
        for threads in (None, 1, 3, 64):
            found = loss.log_likelihood(hidden, targets, weights, given_bias, threads=threads)
            assert (found.dtype, found.shape) == (np.float64, (40,))
            # Sums of products of floats in double precision: the order of additions alone differs.
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_scores_of_any_size_give_exact_logarithms() -> None:
    tree = BalancedTree(4)  # root 1, then 0 and 2
    weights = np.array([[-1e4], [1e4], [3e38]], np.float32)
    hidden = np.ones((1, 1), np.float32)
    np.testing.assert_array_equal(
        all_log_probabilities(tree, hidden, weights), [[-1e4, 0.0, -1e4, -1e4 - float(weights[2, 0])]]
    )
    found = HierarchicalSoftmax(tree=tree).top_k(hidden, weights, None, 4)
    assert found.ids.tolist() == [[1, 0, 2, 3]]


def test_equally_good_outputs_come_by_id_though_one_is_found_later() -> None:
    # Id 2 is the best; id 3 beside it is met before id 0, which is as good.
    weights = np.array([[1e5], [-1e4], [1e4]], np.float32)
    found = HierarchicalSoftmax(tree=BalancedTree(4)).top_k(np.ones((1, 1), np.float32), weights, None, 4)
    assert found.ids.tolist() == [[2, 0, 3, 1]]
    assert found.log_probabilities.tolist() == [[0.0, -1e4, -1e4, -1.1e5]]


def test_no_hidden_vector_gives_no_result() -> None:
    loss = HierarchicalSoftmax(tree=BalancedTree(5))
    hidden, weights = np.empty((0, 3), np.float32), np.ones((4, 3), np.float32)
    assert loss.log_likelihood(hidden, [], weights).shape == (0,)
    found = loss.top_k(hidden, weights, None, 2)
    assert found.ids.shape == found.log_probabilities.shape == (0, 2)


def test_targets_may_be_of_any_integer_type() -> None:
    loss = HierarchicalSoftmax(tree=BalancedTree(5))
    hidden, weights, bias = make_model(BalancedTree(5), batch=2)
    expected = loss.log_likelihood(hidden, [4, 1], weights, bias)
    for targets in (np.array([4, 1], np.uint8), np.array([4, 9, 1], np.int32)[::2], (4, 1)):
        np.testing.assert_array_equal(loss.log_likelihood(hidden, targets, weights, bias), expected)


# The best outputs.


def best(log_probability: np.ndarray, k: int) -> np.ndarray:
    """Return the k best of each row, equal ones by id."""
    ids = np.arange(log_probability.shape[1])
    return np.array([np.lexsort((ids, -row))[:k] for row in log_probability])


@every_tree
@pytest.mark.parametrize("scale", [0.0, 0.3, 5.0, 1000.0])
def test_the_best_outputs_are_those_of_brute_force(tree: Tree, scale: float) -> None:
    hidden, weights, bias = make_model(tree, scale=scale)
    log_probability = all_log_probabilities(tree, hidden, weights, bias)
    for k in sorted({1, min(7, tree.num_leaves), tree.num_leaves}):
        found = HierarchicalSoftmax(tree=tree).top_k(hidden, weights, bias, k)
        assert isinstance(found, TopK)
        assert (found.ids.dtype, found.log_probabilities.dtype) == (np.int32, np.float64)
        expected = best(log_probability, k)
        np.testing.assert_array_equal(found.ids, expected)
        np.testing.assert_array_equal(found.log_probabilities, np.take_along_axis(log_probability, expected, axis=1))


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.integers(2, 120), st.sampled_from([0.0, 0.1, 1.0, 20.0]), st.data())
def test_the_best_outputs_of_any_tree_are_those_of_brute_force(
    seed: int, n: int, scale: float, data: st.DataObject
) -> None:
    tree = random_tree(np.random.default_rng(seed), n)
    hidden, weights, bias = make_model(tree, batch=4, dim=5, scale=scale, seed=seed)
    k = data.draw(st.integers(1, n))
    found = HierarchicalSoftmax(tree=tree).top_k(hidden, weights, bias, k, threads=data.draw(st.integers(1, 3)))
    np.testing.assert_array_equal(found.ids, best(all_log_probabilities(tree, hidden, weights, bias), k))


# Buffers.


def test_buffers_are_used_in_place_whatever_their_row_stride() -> None:
    tree = TREES["random"]
    hidden, weights, bias = make_model(tree, batch=6, dim=10)
    targets = np.array([3, 1, 4, 1, 5, 9])
    loss = HierarchicalSoftmax(tree=tree)
    expected = loss.log_likelihood(hidden, targets, weights, bias)
    best_ids = loss.top_k(hidden, weights, bias, 3).ids
    padded = np.zeros((6, 16), np.float32)
    padded[:, :10] = hidden
    backwards = weights[::-1].copy()[::-1]
    column = np.zeros((tree.num_inner, 3, 10), np.float32)
    column[:, 1] = weights
    for given_hidden in (padded[:, :10], np.repeat(hidden, 2, axis=0)[::2]):
        for given_weights in (backwards, column[:, 1]):
            given_hidden.flags.writeable = given_weights.flags.writeable = False
            assert given_hidden.strides != hidden.strides
            np.testing.assert_array_equal(loss.log_likelihood(given_hidden, targets, given_weights, bias), expected)
            np.testing.assert_array_equal(loss.top_k(given_hidden, given_weights, bias, 3).ids, best_ids)
    one = np.broadcast_to(hidden[0], (6, 10))
    np.testing.assert_allclose(
        loss.log_likelihood(one, targets, weights, bias),
        tree_log_probabilities(tree, one, weights, bias)[np.arange(6), targets],
        rtol=1e-10,
    )


LOSS = HierarchicalSoftmax(tree=BalancedTree(4))
GOOD: dict[str, Any] = {
    "hidden": np.ones((2, 8), np.float32),
    "weights": np.ones((3, 8), np.float32),
    "bias": np.ones(3, np.float32),
}


def unaligned(array: np.ndarray) -> np.ndarray:
    return np.frombuffer(b"\0" + array.tobytes(), np.uint8)[1:].view(array.dtype).reshape(array.shape)


@pytest.mark.parametrize("method", ["log_likelihood", "top_k"])
@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"hidden": [[1.0] * 8] * 2}, TypeError, "hidden must be a NumPy array of float32, got list"),
        ({"hidden": np.ones((2, 8))}, TypeError, "hidden must have dtype float32, got float64"),
        ({"hidden": np.ones((2, 8), ">f4")}, TypeError, "hidden must have dtype float32, got >f4"),
        ({"hidden": np.ones(8, np.float32)}, ValueError, "hidden must have 2 axes, got 1"),
        ({"hidden": np.ones((2, 7), np.float32)}, ValueError, "hidden must have as many columns as weights, 8, got 7"),
        ({"hidden": np.ones((2, 16), np.float32)[:, ::2]}, ValueError, "hidden must be contiguous .* 8 bytes there"),
        ({"hidden": unaligned(np.ones((2, 8), np.float32))}, ValueError, "hidden must be aligned"),
        ({"hidden": np.full((2, 8), np.nan, np.float32)}, ValueError, "hidden must be finite, got -?nan in row [01]"),
        ({"hidden": np.full((2, 8), -np.inf, np.float32)}, ValueError, "hidden must be finite, got -inf in row [01]"),
        ({"weights": np.ones((3, 8)).tolist()}, TypeError, "weights must be a NumPy array of float32, got list"),
        ({"weights": np.ones((3, 8), np.float16)}, TypeError, "weights must have dtype float32, got float16"),
        ({"weights": np.ones((4, 8), np.float32)}, ValueError, "weights must have a row for each inner node, 3, got 4"),
        ({"weights": np.ones((2, 8), np.float32)}, ValueError, "weights must have a row for each inner node, 3, got 2"),
        ({"weights": np.ones((8, 3), np.float32).T}, ValueError, "weights must be contiguous along its last axis"),
        (
            {"weights": np.full((3, 8), np.nan, np.float32)},
            ValueError,
            "weights and bias must be finite, got a score of -?nan at inner node 1",
        ),
        ({"bias": np.full(3, np.inf, np.float32)}, ValueError, "weights and bias must be finite, got a score of inf"),
        ({"bias": [0.0] * 3}, TypeError, "bias must be a NumPy array of float32, got list"),
        ({"bias": np.ones(3)}, TypeError, "bias must have dtype float32, got float64"),
        ({"bias": np.ones((3, 1), np.float32)}, ValueError, "bias must have 1 axis, got 2"),
        ({"bias": np.ones(4, np.float32)}, ValueError, "bias must have an entry for each inner node, 3, got 4"),
        ({"bias": np.ones(0, np.float32)}, ValueError, "bias must have an entry for each inner node, 3, got 0"),
        ({"bias": np.ones(6, np.float32)[::2]}, ValueError, "bias must be contiguous along its last axis"),
        ({"threads": 0}, ValueError, "threads must be at least 1, got 0"),
        ({"threads": 1025}, ValueError, "threads must be at most 1024, got 1025"),
        ({"threads": 1.5}, TypeError, r"threads must be an integer, got 1\.5"),
    ],
)
def test_buffers_are_checked(method: str, changes: dict[str, Any], error: type[Exception], message: str) -> None:
    more: dict[str, Any] = {"targets": [0, 3]} if method == "log_likelihood" else {"k": 2}
    with pytest.raises(error, match=f"^{message}"):
        getattr(LOSS, method)(**{**GOOD, **more, **changes})


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        ([0, 4], IndexError, "targets must be at least 0 and below 4, got 4"),
        ([-1, 0], IndexError, "targets must be at least 0 and below 4, got -1"),
        ([0.0, 1.0], TypeError, "targets must be integers, got dtype float64"),
        ([[0, 1]], ValueError, "targets must have an entry for each row of hidden, 2, got 1"),
        ([[[0], [1]]], ValueError, r"targets must have one axis or two, got shape \(1, 2, 1\)"),
        ([0], ValueError, "targets must have an entry for each row of hidden, 2, got 1"),
        ([], ValueError, "targets must have an entry for each row of hidden, 2, got 0"),
    ],
)
def test_targets_are_checked(targets: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}$"):
        LOSS.log_likelihood(targets=targets, **GOOD)
    core = LOSS.tree._core_tree
    with pytest.raises(IndexError, match=r"^targets must be at least 0 and below 4, got -7$"):
        core.log_likelihood(GOOD["hidden"], np.array([0, -7]), GOOD["weights"], None, 1)


@pytest.mark.parametrize(
    ("k", "error", "message"),
    [
        (0, ValueError, "k must be at least 1, got 0"),
        (5, ValueError, "k must be at most 4, got 5"),
        (2.0, TypeError, r"k must be an integer, got 2\.0"),
    ],
)
def test_the_number_of_outputs_is_checked(k: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}$"):
        LOSS.top_k(GOOD["hidden"], GOOD["weights"], GOOD["bias"], k)
    for number in (0, 5, -1):
        with pytest.raises(ValueError, match=rf"^k must be at .*, got {number}$"):
            LOSS.tree._core_tree.top_k(GOOD["hidden"], GOOD["weights"], None, number, 1)


# The loss as a value, and in trainers.


def test_a_loss_is_a_value_with_its_tree() -> None:
    loss = HierarchicalSoftmax(tree=BalancedTree(5))
    assert loss == pickle.loads(pickle.dumps(loss)) == HierarchicalSoftmax(tree=BalancedTree(5))
    assert hash(loss) == hash(HierarchicalSoftmax(tree=BalancedTree(5)))
    assert loss != HierarchicalSoftmax(tree=BalancedTree(6)) != HierarchicalSoftmax()
    assert repr(loss) == "HierarchicalSoftmax(tree=BalancedTree(5))"
    assert repr(HierarchicalSoftmax()) == "HierarchicalSoftmax()"
    with pytest.raises(dataclasses.FrozenInstanceError):
        loss.tree = None  # type: ignore[misc]
    with pytest.raises(
        TypeError, match=r"^tree must be a HuffmanTree, a BalancedTree, an ArrayTree or a ClassTree, got \[1, 2\]$"
    ):
        HierarchicalSoftmax(tree=[1, 2])  # type: ignore[arg-type]


def test_a_loss_without_a_tree_says_that_it_needs_one() -> None:
    for call in (
        lambda: HierarchicalSoftmax().log_likelihood(targets=[0, 1], **GOOD),
        lambda: HierarchicalSoftmax().top_k(k=1, **GOOD),
    ):
        with pytest.raises(ValueError, match=r"^tree must be given outside a trainer, got None"):
            call()


def planted_corpus() -> Corpus:
    """Pairs of words: word 2i stands beside word 2i + 1, and with no other."""
    pairs = np.random.default_rng(1).integers(10, size=3000)
    return Corpus.from_ids(np.stack([2 * pairs, 2 * pairs + 1], axis=1).astype(np.int32).ravel(), 2 * np.arange(3001))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "tree", [None, BalancedTree(20), random_tree(np.random.default_rng(3), 20)], ids=["huffman", "balanced", "arrays"]
)
def test_a_trainer_learns_who_stands_beside_whom(tree: Tree | None, threads: int) -> None:
    corpus = planted_corpus()
    loss = HierarchicalSoftmax(tree=tree)
    trainer = Trainer(SkipGram(dim=16, window=1, subsample=0), loss, SGD(learning_rate=0.2), threads=threads)
    trainer.fit(corpus, epochs=20, progress=False)
    assert trainer.output_table.shape == (19, 16)
    alone = HierarchicalSoftmax(tree=tree if tree is not None else HuffmanTree(corpus.counts))
    found = alone.top_k(trainer.input_table, trainer.output_table, None, 1)
    assert found.ids.ravel().tolist() == [word ^ 1 for word in range(20)]
    assert np.exp(found.log_probabilities).min() > 0.8
    total = np.exp(all_log_probabilities(alone.tree, trainer.input_table, trainer.output_table)).sum(axis=1)
    np.testing.assert_allclose(total, 1.0, rtol=1e-10)


def test_a_given_tree_trains_as_the_one_of_the_counts() -> None:
    corpus = planted_corpus()
    tables = []
    for tree in (None, HuffmanTree(corpus.counts)):
        loss = HierarchicalSoftmax(tree=tree)
        trainer = Trainer(SkipGram(dim=8, subsample=0), loss, threads=1)
        trainer.fit(corpus, epochs=1, progress=False)
        tables.append((trainer.input_table.copy(), trainer.output_table.copy()))
    np.testing.assert_array_equal(tables[0][0], tables[1][0])
    np.testing.assert_array_equal(tables[0][1], tables[1][1])


def test_a_tree_of_another_size_is_refused() -> None:
    corpus = planted_corpus()
    message = "^the tree must have as many leaves as the corpus has words, 20, got 21$"
    trainer = Trainer(SkipGram(dim=4), HierarchicalSoftmax(tree=BalancedTree(21)), threads=1)
    for call in (lambda: trainer.initialize(corpus), lambda: trainer.fit(corpus, progress=False)):
        with pytest.raises(ValueError, match=message):
            call()
    trainer.initialize(input_rows=20, output_rows=20)
    with pytest.raises(ValueError, match=message):
        trainer.fit(corpus, progress=False)


@every_tree
def test_a_batch_over_paths_is_the_reference_and_the_negative_log_likelihood(tree: Tree) -> None:
    random = np.random.default_rng(4)
    targets = random.integers(tree.num_leaves, size=7)
    entries = [np.arange(tree.offsets[target], tree.offsets[target + 1]) for target in targets]
    batch = Batch(
        bag_rows=np.arange(7),
        group_offsets=np.arange(8),
        shared_offsets=np.cumsum([0] + [len(path) for path in entries]),
        shared_rows=tree.points[np.concatenate(entries)],
        shared_labels=1.0 - tree.codes[np.concatenate(entries)],
    )
    trainer = Trainer(SkipGram(dim=12), HierarchicalSoftmax(tree=tree), threads=1)
    trainer.initialize(input_rows=7, output_rows=tree.num_inner)
    trainer.input_table[:], trainer.output_table[:], _ = make_model(tree, batch=7, dim=12)
    likelihood = HierarchicalSoftmax(tree=tree).log_likelihood(trainer.input_table, targets, trainer.output_table)
    # float32 kernels: sums of up to 7 x 39 terms of order 1, each off by some 2^-22.
    assert trainer.train_batch(batch, learning_rate=0.0) == pytest.approx(-likelihood.sum(), rel=1e-5)
    expected = trainer.input_table.astype(np.float64), trainer.output_table.astype(np.float64)
    loss = reference.train_batch(batch, *expected, 0.1)
    assert trainer.train_batch(batch, learning_rate=0.1) == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(trainer.input_table, expected[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(trainer.output_table, expected[1], rtol=0, atol=1e-5)


def test_a_large_tree_is_checked_and_searched() -> None:
    balanced = BalancedTree(1 << 17)
    tree = ArrayTree(balanced.offsets, balanced.points, balanced.codes)
    weights = np.full((tree.num_inner, 1), 9.0, np.float32)
    found = HierarchicalSoftmax(tree=tree).top_k(np.ones((1, 1), np.float32), weights, None, 3)
    turns = np.array([bin(id).count("1") for id in found.ids[0]])
    assert turns.tolist() == [0, 1, 1]
    expected = -17 * math.log1p(math.exp(-9.0)) - 9.0 * turns
    np.testing.assert_allclose(found.log_probabilities[0], expected, rtol=1e-12)


def test_the_scores_stop_for_an_interrupt() -> None:
    # Every output is as good as the next: each search opens the whole tree.
    tree = BalancedTree(1 << 17)
    hidden, weights = np.ones((10_000, 1), np.float32), np.zeros((tree.num_inner, 1), np.float32)
    timer = threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT))
    began = time.perf_counter()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        HierarchicalSoftmax(tree=tree).top_k(hidden, weights, None, 1)
    assert time.perf_counter() - began < 5  # of some minutes
