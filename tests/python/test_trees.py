"""Trees: word2vec's golden codes, its published algorithm written again in Python, halving, and what is no tree."""

from __future__ import annotations

import copy
import doctest
import heapq
import pickle
import signal
import threading
import time
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hogvec import ArrayTree, BalancedTree, HuffmanTree, Tree, _core, trees
from hypothesis import given
from hypothesis import strategies as st
from random_trees import random_paths

GOLDEN_COUNTS = [100, 50, 20, 10, 5, 1]
GOLDEN_CODES = ["1", "01", "001", "0001", "00001", "00000"]
GOLDEN_POINTS = [[4], [4, 3], [4, 3, 2], [4, 3, 2, 1], [4, 3, 2, 1, 0], [4, 3, 2, 1, 0]]

positive_counts = st.one_of(
    st.lists(st.integers(1, 4), min_size=2, max_size=60),  # mostly ties
    st.lists(st.integers(1, 10**6), min_size=2, max_size=60),
    st.lists(st.integers(1, 2**62 // 60), min_size=2, max_size=60),
)


def codes(tree: Tree) -> list[str]:
    return ["".join(map(str, tree.code(i))) for i in range(tree.num_leaves)]


def paths(tree: Tree) -> list[list[int]]:
    return [tree.path(i).tolist() for i in range(tree.num_leaves)]


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


def check_code(tree: Tree, counts: list[int]) -> None:
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
    assert tree.num_leaves == 6
    assert tree.num_inner == 5
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


def test_mean_depth_weighs_paths_by_counts() -> None:
    tree = HuffmanTree(GOLDEN_COUNTS)
    assert tree.mean_depth(GOLDEN_COUNTS) == pytest.approx(330 / 186, rel=1e-15)
    assert tree.mean_depth([0, 0, 0, 0, 0, 9]) == 5
    assert tree.mean_depth([1] * 6) == pytest.approx(20 / 6, rel=1e-15)


def arrays(tree: Tree) -> dict[str, np.ndarray]:
    return {"offsets": tree.offsets, "points": tree.points, "codes": tree.codes}


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (HuffmanTree(GOLDEN_COUNTS), "HuffmanTree(<6 counts>)"),
        (BalancedTree(6), "BalancedTree(6)"),
        (ArrayTree(**arrays(BalancedTree(6))), "ArrayTree(<6 paths>)"),
    ],
    ids=["huffman", "balanced", "arrays"],
)
def test_copies_and_pickles_are_the_same_tree(tree: Tree, text: str) -> None:
    for twin in (pickle.loads(pickle.dumps(tree)), copy.deepcopy(tree)):
        assert type(twin) is type(tree)
        assert twin == tree
        assert hash(twin) == hash(tree)
        assert codes(twin) == codes(tree)
        assert not twin.points.flags.writeable
        assert repr(twin) == text


def test_trees_are_equal_if_their_arrays_are() -> None:
    assert BalancedTree(5) == ArrayTree(**arrays(BalancedTree(5)))
    assert BalancedTree(6) != HuffmanTree([1] * 6)
    assert BalancedTree(5) != BalancedTree(6)
    assert BalancedTree(5) != "tree"


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7, 8, 9, 63, 64, 65, 1000])
def test_a_balanced_tree_halves_every_range(n: int) -> None:
    tree = BalancedTree(n)
    assert (tree.num_leaves, tree.num_inner) == (n, n - 1)
    lengths = np.diff(tree.offsets)
    assert lengths.max() == (n - 1).bit_length()
    assert lengths.min() == n.bit_length() - 1
    assert codes(tree) == sorted(codes(tree))
    assert tree.mean_depth([1] * n) == lengths.mean()
    for id in range(n):
        begin, end = 0, n
        for node, turn in zip(tree.path(id), tree.code(id), strict=True):
            middle = begin + (end - begin + 1) // 2
            assert node == middle - 1
            begin, end = (middle, end) if turn else (begin, middle)
        assert (begin, end) == (id, id + 1)


def test_the_size_of_a_balanced_tree_is_checked() -> None:
    for number in (1, 0, -3):
        with pytest.raises(ValueError, match=rf"^num_leaves must be at least 2, got {number}$"):
            BalancedTree(number)
    with pytest.raises(ValueError, match=r"^num_leaves must be at most 2147483647, got 2147483648$"):
        BalancedTree(2**31)
    with pytest.raises(TypeError, match=r"^num_leaves must be an integer, got 4\.0$"):
        BalancedTree(4.0)  # type: ignore[arg-type]


def test_only_the_kinds_of_trees_are_made() -> None:
    with pytest.raises(TypeError, match=r"^a Tree must be made as a HuffmanTree, a BalancedTree or an ArrayTree$"):
        Tree(BalancedTree(3))  # type: ignore[arg-type]
    assert Tree(_core.Tree.balanced(3)) == BalancedTree(3)


def flat(given: list[list[tuple[int, int]]]) -> dict[str, list[int]]:
    """Paths of (inner node, turn) as arrays."""
    return {
        "offsets": np.cumsum([0] + [len(path) for path in given]).tolist(),
        "points": [node for path in given for node, _ in path],
        "codes": [turn for path in given for _, turn in path],
    }


def test_a_tree_of_ones_own_is_copied_and_kept() -> None:
    given = {name: np.array(values) for name, values in flat([[(1, 0), (0, 1)], [(1, 1)], [(1, 0), (0, 0)]]).items()}
    tree = ArrayTree(**given)
    given["points"][:] = 7
    assert paths(tree) == [[1, 0], [1], [1, 0]]
    assert codes(tree) == ["01", "1", "00"]
    assert (tree.num_leaves, tree.num_inner) == (3, 2)
    assert (tree.offsets.dtype, tree.points.dtype, tree.codes.dtype) == (np.int64, np.int32, np.uint8)


@given(st.integers(0, 2**32), st.integers(2, 100))
def test_random_trees_are_trees_and_one_change_makes_them_none(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    given = random_paths(random, n)
    tree = ArrayTree(**flat(given))
    assert [list(zip(tree.path(i).tolist(), tree.code(i).tolist(), strict=True)) for i in range(n)] == given
    # A turn the other way, another node, a path cut short or gone on: never a tree, since a full tree has no slack.
    id = int(random.integers(n))
    place = int(random.integers(len(given[id])))
    node, turn = given[id][place]
    changes = [
        [*given[id][:place], (node, 1 - turn), *given[id][place + 1 :]],
        [*given[id][:place], (int(random.integers(n - 1, 2 * n)), turn), *given[id][place + 1 :]],
        [*given[id], (int(random.integers(n - 1)), int(random.integers(2)))],
        given[id][:-1],
    ]
    for change in changes:
        with pytest.raises(ValueError, match="must"):
            ArrayTree(**flat([*given[:id], change, *given[id + 1 :]]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "offsets must have at least 3 entries, the ends of 2 paths, got 1"),
        ([[(0, 0)]], "offsets must have at least 3 entries, the ends of 2 paths, got 2"),
        ([[(0, 0)], []], "offsets must rise, since no path is empty, got 1 after 1 at id 1"),
        ([[(-1, 0)], [(0, 1)]], "points must not be negative, got -1 at index 0"),
        ([[(2**31, 0)], [(0, 1)]], "points must be at most 2147483647, got 2147483648 at index 0"),
        ([[(0, 0)], [(9, 1)]], "points must be numbered from 0 with none left out, got 9 on the path of id 1"),
        ([[(0, 0)], [(0, 2)]], "codes must be at most 1, got 2 at index 1"),
        ([[(0, 0)], [(1, 1)]], "paths must start at one root, got inner node 0 for id 0 and inner node 1 for id 1"),
        ([[(0, 0)], [(0, 0)]], "ids must have different paths, got the same one for ids 0 and 1"),
        (
            [[(0, 0)], [(0, 0), (1, 0)], [(0, 1)]],
            "a path must not go on where another ends, got inner node 1 after turn 0 at inner node 0, where id 0 is",
        ),
        (
            [[(0, 0), (1, 0)], [(0, 0), (2, 0)], [(0, 1)]],
            "turn 0 at inner node 0 must lead to one node, got inner node 1 and inner node 2",
        ),
        (
            [[(0, 0), (1, 0)], [(0, 1), (1, 1)]],
            "inner node 1 must have one parent, got turn 0 at inner node 0 and turn 1 at inner node 0",
        ),
        ([[(0, 0), (1, 0), (0, 1)], [(0, 1)]], "the root, inner node 0, must have no parent, got inner node 1"),
        ([[(0, 0)], [(0, 1), (1, 1)]], "inner node 1 must have two children, got no path with turn 0 there"),
        ([[(0, 0), (2, 0)], [(0, 0), (2, 1)], [(0, 1)]], "inner node 1 must be on a path, got it on none"),
    ],
)
def test_arrays_that_are_no_tree_are_refused(given: list[list[tuple[int, int]]], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        ArrayTree(**flat(given))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"offsets": [0, 1, 3]}, ValueError, "offsets must end at the length of points, 2, got 3"),
        ({"offsets": [1, 1, 2]}, ValueError, "offsets must start at 0, got 1"),
        ({"offsets": [0, 3, 2]}, ValueError, "offsets must rise, since no path is empty, got 2 after 3 at id 1"),
        ({"offsets": [0, -1, 2]}, ValueError, "offsets must not be negative, got -1 at index 1"),
        ({"offsets": []}, ValueError, "offsets must have at least 3 entries, the ends of 2 paths, got 0"),
        ({"offsets": [[0, 1, 2]]}, ValueError, r"offsets must have one axis, got shape \(1, 3\)"),
        ({"points": []}, ValueError, "offsets must end at the length of points, 0, got 2"),
        ({"points": [0.0, 0.0]}, TypeError, "points must be integers, got dtype float64"),
        ({"codes": [0]}, ValueError, "codes must have the length of points, 2, got 1"),
        ({"codes": [False, True]}, TypeError, "codes must be integers, got dtype bool"),
        ({"codes": [0, -1]}, ValueError, "codes must not be negative, got -1 at index 1"),
    ],
)
def test_arrays_of_a_tree_are_checked(changes: dict[str, list], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}$"):
        ArrayTree(**{"offsets": [0, 1, 2], "points": [0, 0], "codes": [0, 1], **changes})


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
        tree.mean_depth([1, 2])
    with pytest.raises(ValueError, match=r"^counts must have a positive entry, got only zeros$"):
        tree.mean_depth([0] * 6)


def test_a_huge_tree_stops_for_an_interrupt() -> None:
    timer = threading.Timer(0.2, lambda: signal.raise_signal(signal.SIGINT))
    began = time.perf_counter()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        BalancedTree(20_000_000)  # of several seconds
    assert time.perf_counter() - began < 3  # 0.3 where nothing else runs
