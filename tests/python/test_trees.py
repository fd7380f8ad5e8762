"""HuffmanTree: word2vec's golden codes, its published algorithm written again in Python, and optimality."""

from __future__ import annotations

import copy
import doctest
import heapq
import pickle
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hogvec import HuffmanTree, trees
from hypothesis import given, settings
from hypothesis import strategies as st

GOLDEN_COUNTS = [100, 50, 20, 10, 5, 1]
GOLDEN_CODES = ["1", "01", "001", "0001", "00001", "00000"]
GOLDEN_POINTS = [[4], [4, 3], [4, 3, 2], [4, 3, 2, 1], [4, 3, 2, 1, 0], [4, 3, 2, 1, 0]]

positive_counts = st.one_of(
    st.lists(st.integers(1, 4), min_size=2, max_size=60),  # mostly ties
    st.lists(st.integers(1, 10**6), min_size=2, max_size=60),
    st.lists(st.integers(1, 2**62 // 60), min_size=2, max_size=60),
)


def codes(tree: HuffmanTree) -> list[str]:
    return ["".join(map(str, tree.code(i))) for i in range(tree.num_classes)]


def paths(tree: HuffmanTree) -> list[list[int]]:
    return [tree.path(i).tolist() for i in range(tree.num_classes)]


def word2vec_tree(counts: list[int]) -> tuple[list[str], list[list[int]]]:
    """word2vec's construction, from its description: counts fall, two pointers walk away from the last leaf."""
    n = len(counts)
    weight: list[float] = [*counts, *[float("inf")] * n]
    parent, turn = [0] * (2 * n), [0] * (2 * n)
    leaf, inner = n - 1, n
    for made in range(n, 2 * n - 1):
        chosen = []
        for _ in range(2):
            if leaf >= 0 and weight[leaf] < weight[inner]:
                chosen.append(leaf)
                leaf -= 1
            else:
                chosen.append(inner)
                inner += 1
        weight[made] = weight[chosen[0]] + weight[chosen[1]]
        parent[chosen[0]] = parent[chosen[1]] = made
        turn[chosen[1]] = 1
    all_codes, all_points = [], []
    for word in range(n):
        code, points, node = "", [], word
        while node != 2 * n - 2:
            code = str(turn[node]) + code
            node = parent[node]
            points.insert(0, node - n)
        all_codes.append(code)
        all_points.append(points)
    return all_codes, all_points


def least_length(counts: list[int]) -> int:
    """The total weighted length of any Huffman tree: the sum of its merged weights."""
    heap = list(counts)
    heapq.heapify(heap)
    total = 0
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        total += merged
        heapq.heappush(heap, merged)
    return total


def check_code(tree: HuffmanTree, counts: list[int]) -> None:
    lengths = np.diff(tree.offsets).tolist()
    assert sum(count * length for count, length in zip(counts, lengths, strict=True)) == least_length(counts)
    assert sum(Fraction(1, 2**length) for length in lengths) == 1
    words = sorted(codes(tree))
    assert all(not longer.startswith(shorter) for shorter, longer in pairwise(words))


def test_examples_in_the_documentation_give_what_they_say() -> None:
    result = doctest.testmod(trees)
    assert result.attempted > 0
    assert result.failed == 0


def test_codes_and_points_are_the_golden_ones_of_word2vec() -> None:
    tree = HuffmanTree(GOLDEN_COUNTS)
    assert codes(tree) == GOLDEN_CODES
    assert paths(tree) == GOLDEN_POINTS
    assert tree.num_classes == 6
    assert tree.num_nodes == 5
    assert word2vec_tree(GOLDEN_COUNTS) == (GOLDEN_CODES, GOLDEN_POINTS)


def test_arrays_are_flat_read_only_and_of_fixed_types() -> None:
    tree = HuffmanTree(GOLDEN_COUNTS)
    assert (tree.offsets.dtype, tree.points.dtype, tree.codes.dtype) == (np.int64, np.int32, np.uint8)
    assert tree.offsets.tolist() == [0, 1, 3, 6, 10, 15, 20]
    assert len(tree.points) == len(tree.codes) == 20
    for array in (tree.offsets, tree.points, tree.codes, tree.counts, tree.path(2), tree.code(2)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError):
        tree.points = tree.points  # type: ignore[misc]


@given(positive_counts)
def test_falling_counts_give_the_tree_of_the_published_algorithm(counts: list[int]) -> None:
    counts.sort(reverse=True)
    tree = HuffmanTree(counts)
    assert (codes(tree), paths(tree)) == word2vec_tree(counts)
    check_code(tree, counts)


@given(positive_counts)
def test_counts_in_any_order_are_sorted_stably(counts: list[int]) -> None:
    order = sorted(range(len(counts)), key=lambda i: -counts[i])
    expected_codes, expected_points = word2vec_tree([counts[i] for i in order])
    tree = HuffmanTree(counts)
    assert [codes(tree)[i] for i in order] == expected_codes
    assert [paths(tree)[i] for i in order] == expected_points


@given(st.lists(st.integers(0, 3), min_size=2, max_size=60))
def test_counts_of_zero_get_codes_in_an_optimal_tree(counts: list[int]) -> None:
    check_code(HuffmanTree(counts), counts)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=30), st.integers(1, 2))
def test_up_to_two_counts_of_zero_leave_the_published_tree(counts: list[int], zeros: int) -> None:
    counts = sorted(counts, reverse=True) + [0] * zeros
    tree = HuffmanTree(counts)
    assert (codes(tree), paths(tree)) == word2vec_tree(counts)


def test_many_counts_of_zero_do_not_make_long_paths() -> None:
    tree = HuffmanTree(np.zeros(100_000, np.int64))
    assert np.diff(tree.offsets).max() == 17  # ceil(log2 100000)


def test_equal_counts_give_a_balanced_tree() -> None:
    assert np.diff(HuffmanTree([7] * 64).offsets).tolist() == [6] * 64


def test_codes_longer_than_forty_turns_are_whole() -> None:
    fibonacci = [1, 1]
    while len(fibonacci) < 80:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    tree = HuffmanTree(fibonacci)
    assert len(tree.code(0)) == 79
    check_code(tree, fibonacci)


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_probabilities_along_the_paths_sum_to_one(seed: int) -> None:
    # The defining property of hierarchical softmax: the product of the decisions is a distribution over ids.
    random = np.random.default_rng(seed)
    counts = random.integers(0, 1000, size=random.integers(2, 200))
    tree = HuffmanTree(counts)
    scores = random.normal(scale=3.0, size=tree.num_nodes)[tree.points]
    log_turn = -np.logaddexp(0.0, np.where(tree.codes == 0, -scores, scores))
    probability = np.exp(np.add.reduceat(log_turn, tree.offsets[:-1]))
    # 1e-12: paths of at most some tens of roundings of 2^-53 each.
    assert probability.sum() == pytest.approx(1.0, abs=1e-12)


def test_mean_length_weighs_paths_by_counts() -> None:
    tree = HuffmanTree(GOLDEN_COUNTS)
    assert tree.mean_length(GOLDEN_COUNTS) == pytest.approx(330 / 186, rel=1e-15)
    assert tree.mean_length([0, 0, 0, 0, 0, 9]) == 5
    assert tree.mean_length([1] * 6) == pytest.approx(20 / 6, rel=1e-15)


def test_copies_and_pickles_are_the_same_tree() -> None:
    tree = HuffmanTree(GOLDEN_COUNTS)
    for twin in (pickle.loads(pickle.dumps(tree)), copy.deepcopy(tree)):
        assert codes(twin) == GOLDEN_CODES
        assert not twin.points.flags.writeable
    assert repr(tree) == "HuffmanTree(<6 counts>)"


@pytest.mark.parametrize(
    ("counts", "error", "message"),
    [
        ([], ValueError, r"^counts must not be empty$"),
        ([5], ValueError, r"^counts must have at least 2 entries, got 1$"),
        ([5, -1], ValueError, r"^counts must not be negative, got -1 at index 1$"),
        ([[5, 1]], ValueError, r"^counts must have one axis, got shape \(1, 2\)$"),
        ([5.0, 1.0], TypeError, r"^counts must be integers, got dtype float64$"),
        ([2**62, 2**62], ValueError, r"^counts must sum to less than 2\^63, got more at index 1$"),
    ],
)
def test_counts_that_make_no_tree_are_refused(counts: list[int], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        HuffmanTree(counts)


def test_ids_and_counts_of_the_methods_are_checked() -> None:
    tree = HuffmanTree(GOLDEN_COUNTS)
    for id in (6, -1):
        with pytest.raises(IndexError, match=rf"^id must be at least 0 and below 6, got {id}$"):
            tree.path(id)
        with pytest.raises(IndexError, match=rf"^id must be at least 0 and below 6, got {id}$"):
            tree.code(id)
    with pytest.raises(TypeError, match=r"^id must be an integer, got 1.5$"):
        tree.path(1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^counts must have 6 entries, one per id, got 2$"):
        tree.mean_length([1, 2])
    with pytest.raises(ValueError, match=r"^counts must have a positive entry, got only zeros$"):
        tree.mean_length([0] * 6)
