"""ClassTree: cuts of equal mass, classes of one's own, and a distribution over the ids."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from hogvec import ClassTree, HierarchicalSoftmax, SkipGram, Trainer
from hogvec.reference import class_log_probabilities
from hypothesis import given
from hypothesis import strategies as st


def spelled_out_classes(counts: list[int], num_classes: int) -> list[int]:
    """Frequency binning one id at a time: a class ends as soon as its share of the total is reached."""
    order = sorted(range(len(counts)), key=lambda i: -counts[i])
    class_of, current, passed, total = [0] * len(counts), 0, 0, sum(counts)
    for place, id in enumerate(order):
        class_of[id] = current
        passed += counts[id]
        ids_left, classes_left = len(counts) - place - 1, num_classes - current - 1
        if classes_left and (passed * num_classes >= (current + 1) * total or ids_left == classes_left):
            current += 1
    return class_of


def check_structure(tree: ClassTree) -> None:
    assert tree.class_offsets[0] == 0
    assert tree.class_offsets[-1] == tree.num_leaves == len(tree.members)
    assert len(tree.class_offsets) == tree.num_classes + 1
    assert sorted(tree.members.tolist()) == list(range(tree.num_leaves))
    for c in range(tree.num_classes):
        members = tree.members_of(c).tolist()
        assert members
        assert members == sorted(members)
        assert (tree.class_of[members] == c).all()


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60).filter(any), st.data())
def test_classes_of_counts_have_about_the_same_mass(counts: list[int], data: st.DataObject) -> None:
    num_classes = data.draw(st.integers(1, len(counts)))
    tree = ClassTree(counts, num_classes=num_classes)
    check_structure(tree)
    assert tree.num_classes == num_classes
    assert tree.class_of.tolist() == spelled_out_classes(counts, num_classes)


def test_equal_counts_give_classes_of_equal_size() -> None:
    tree = ClassTree([3] * 100)
    assert tree.num_classes == 10
    assert np.diff(tree.class_offsets).tolist() == [10] * 10
    assert tree.class_of.tolist() == [id // 10 for id in range(100)]


def test_frequent_ids_are_in_small_classes() -> None:
    counts = 1_000_000 // np.arange(1, 10_001)
    tree = ClassTree(counts)
    sizes = np.diff(tree.class_offsets)
    assert len(sizes) == 100
    assert sizes[:40].max() == 1  # ids of more than a class's share, and those that make up for them
    assert sizes[-1] > 900
    mass = np.bincount(tree.class_of, weights=counts) / counts.sum()
    # From class 50 on no id has more than 0.2 % of the total, by which a cut may come late.
    np.testing.assert_allclose(mass[50:], 0.01, atol=0.0021)


def test_classes_of_ones_own_are_kept() -> None:
    tree = ClassTree(classes=np.array([1, 0, 1, 2, 0], np.uint8))
    check_structure(tree)
    assert tree.class_of.tolist() == [1, 0, 1, 2, 0]
    assert tree.class_offsets.tolist() == [0, 2, 4, 5]
    assert tree.members.tolist() == [1, 4, 0, 2, 3]
    assert (tree.class_of.dtype, tree.class_offsets.dtype, tree.members.dtype) == (np.int32, np.int64, np.int32)
    for array in (tree.class_of, tree.class_offsets, tree.members, tree.members_of(0)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_copies_and_pickles_are_the_same_classes() -> None:
    tree = ClassTree([5, 90, 5, 40, 40, 10], num_classes=3)
    for twin in (pickle.loads(pickle.dumps(tree)), copy.deepcopy(tree)):
        assert twin == tree
        assert hash(twin) == hash(tree)
        assert twin.members.tolist() == tree.members.tolist()
    assert tree != ClassTree([5, 90, 5, 40, 40, 10], num_classes=2)
    assert tree != "tree"
    assert repr(tree) == "ClassTree(<6 ids in 3 classes>)"


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60).filter(any), st.integers(0, 2**32))
def test_probabilities_of_all_ids_sum_to_one(counts: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    tree = ClassTree(counts)
    rows = tree.num_leaves + tree.num_classes
    hidden, weights = random.normal(size=(3, 7)), random.normal(scale=3.0, size=(rows, 7))
    bias = random.normal(size=rows)
    probability = np.exp(class_log_probabilities(tree.class_of, hidden, weights, bias))
    # Some tens of roundings of 2^-53.
    np.testing.assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-12)
    by_class = np.add.reduceat(probability[:, tree.members], tree.class_offsets[:-1], axis=1)
    class_scores = np.exp(hidden @ weights[: tree.num_classes].T + bias[: tree.num_classes])
    np.testing.assert_allclose(by_class, class_scores / class_scores.sum(axis=1, keepdims=True), rtol=1e-10)


def test_very_large_scores_are_no_problem() -> None:
    weights = np.array([[1e4], [-1e4], [1e4], [-1e4], [0.0]])  # classes first
    log_probability = class_log_probabilities([0, 0, 1], [[1.0]], weights)
    np.testing.assert_array_equal(log_probability, [[0.0, -2e4, -2e4]])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, TypeError, "a ClassTree must be made from either counts"),
        ({"counts": [1, 2], "classes": [0, 1]}, TypeError, "a ClassTree must be made from either counts"),
        ({"classes": [0, 1], "num_classes": 2}, TypeError, "a ClassTree must be made from either counts"),
        ({"counts": []}, ValueError, "counts must not be empty"),
        ({"counts": [0, 0]}, ValueError, "counts must have a positive entry, got only zeros"),
        ({"counts": [1, -2]}, ValueError, "counts must not be negative, got -2 at index 1"),
        ({"counts": [1.0, 2.0]}, TypeError, "counts must be integers, got dtype float64"),
        ({"counts": [1, 2], "num_classes": 3}, ValueError, "num_classes must be at most 2, got 3"),
        ({"counts": [1, 2], "num_classes": 0}, ValueError, "num_classes must be at least 1, got 0"),
        ({"counts": [1, 2], "num_classes": 1.0}, TypeError, r"num_classes must be an integer, got 1\.0"),
        ({"classes": []}, ValueError, "classes must not be empty"),
        ({"classes": [0, 2]}, ValueError, "classes must be numbered from 0 .*, got no id in class 1"),
        ({"classes": [1, 2]}, ValueError, "classes must be numbered from 0 .*, got no id in class 0"),
        ({"classes": [0, -1]}, ValueError, "classes must not be negative, got -1 at index 1"),
        ({"classes": [0.0, 1.0]}, TypeError, "classes must be integers, got dtype float64"),
        ({"classes": [[0, 1]]}, ValueError, r"classes must have one axis, got shape \(1, 2\)"),
    ],
)
def test_what_makes_no_classes_is_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        ClassTree(**options)


def test_the_classes_asked_for_are_checked() -> None:
    tree = ClassTree(classes=[0, 1, 0])
    for class_id in (2, -1):
        with pytest.raises(IndexError, match=f"^class_id must be at least 0 and below 2, got {class_id}$"):
            tree.members_of(class_id)


def test_classes_are_the_tree_of_a_loss_and_no_loss() -> None:
    tree = ClassTree([3, 2, 1])
    assert HierarchicalSoftmax(tree=tree).tree is tree
    with pytest.raises(TypeError, match=r"^loss must be a .*, got ClassTree\(<3 ids in 2 classes>\)$"):
        Trainer(SkipGram(), tree)  # type: ignore[arg-type]


def test_examples_in_blocks_have_the_likelihood_of_single_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = ClassTree(np.arange(30, 0, -1))
    loss = HierarchicalSoftmax(tree=tree)
    random = np.random.default_rng(1)
    hidden = random.normal(size=(50, 4)).astype(np.float32)
    weights = random.normal(size=(tree.num_classes + 30, 4)).astype(np.float32)
    targets = random.integers(30, size=50)
    expected = [loss.log_likelihood(hidden[b : b + 1], targets[b : b + 1], weights)[0] for b in range(50)]
    for most in (1, 20, 1 << 20):
        monkeypatch.setattr("hogvec._hierarchical.MOST_MEMBERS", most)
        np.testing.assert_allclose(loss.log_likelihood(hidden, targets, weights), expected, rtol=1e-6)
    assert loss.log_likelihood(hidden[:0], [], weights).shape == (0,)


def test_gradients_in_blocks_are_those_of_all_examples_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = ClassTree(np.arange(30, 0, -1))
    loss = HierarchicalSoftmax(tree=tree)
    random = np.random.default_rng(1)
    hidden = random.normal(size=(50, 4)).astype(np.float32)
    weights = random.normal(size=(tree.num_classes + 30, 4)).astype(np.float32)
    bias = random.normal(size=len(weights)).astype(np.float32)
    targets = random.integers(20, size=50)  # so that some outputs have no gradient
    example_weights = random.random(50).astype(np.float32)
    for each, offsets in ((None, None), (example_weights, bias)):
        expected = loss.gradients(hidden, targets, weights, offsets, example_weights=each)
        for most in (1, 20, 100):
            with monkeypatch.context() as patch:
                patch.setattr("hogvec._hierarchical.MOST_MEMBERS", most)
                found = loss.gradients(hidden, targets, weights, offsets, example_weights=each)
            np.testing.assert_array_equal(found.rows, expected.rows)
            for name in ("loss", "hidden_gradient", "row_gradient", "bias_gradient"):
                if getattr(expected, name) is not None:
                    np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-5, atol=1e-6)
