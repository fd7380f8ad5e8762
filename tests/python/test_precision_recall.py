"""Precision and recall of a classifier at every threshold, against counts at each of them."""

import hogvec
import numpy as np
import pytest
from hogvec.classification import follow_thresholds
from hogvec.text_classifier import TextClassifier
from test_text_classifier import planted


@pytest.fixture(scope="module")
def fitted():
    return TextClassifier(dim=4, learning_rate=0.2, epochs=2, threads=1).fit(*planted(300))


def truth_of(n):
    """Texts, and lists of labels of which some are missing, double or unknown."""
    texts, labels = planted(n, seed=3)
    return texts, [[], *([label, "class1", "class1"] for label in labels[1:-1]), ["nowhere", labels[-1]]]


@pytest.mark.parametrize("label", [None, "class1", "class3"])
@pytest.mark.parametrize("k", [None, 2])
def test_the_curve_counts_what_is_predicted_at_each_threshold(fitted, label, k):
    texts, truth = truth_of(60)
    curve = fitted.precision_recall(texts, truth, label=label, k=k)
    predictions = fitted.predict(texts, k=k or 4)
    counted = [entry for entry in zip(predictions, truth, strict=True) if entry[1]]
    names = fitted.classes_.tolist() if label is None else [label]
    num_labels = sum(name in names or (label is None and name == "nowhere") for _, own in counted for name in set(own))
    assert curve.thresholds[0] == np.inf
    assert (curve.precision[0], curve.recall[0]) == (1.0, 0.0)
    assert np.all(np.diff(curve.thresholds) < 0)
    for threshold, precision, recall in zip(curve.thresholds[1:], curve.precision[1:], curve.recall[1:], strict=True):
        hits = [name in own for found, own in counted for name, p in found if p >= threshold and name in names]
        assert precision == pytest.approx(sum(hits) / len(hits))
        assert recall == pytest.approx(sum(hits) / num_labels)


def test_the_best_point_of_the_curve_is_found(fitted):
    curve = fitted.precision_recall(*truth_of(60))
    for least in (0.0, 0.3, 0.9, 1.1):
        precise = [p for p, r in zip(curve.precision, curve.recall, strict=True) if r >= least]
        complete = [r for p, r in zip(curve.precision, curve.recall, strict=True) if p >= least]
        assert curve.precision_at_recall(least) == max(precise, default=0.0)
        assert curve.recall_at_precision(least) == max(complete, default=0.0)


def test_equal_scores_are_one_threshold_and_nothing_at_all_is_one_too():
    right = np.array([True, False, True, False])
    curve = follow_thresholds(np.array([0.5, 0.9, 0.5, 0.1]), right, 2)
    assert curve.thresholds.tolist() == [np.inf, 0.9, 0.5]  # below, no more is found
    assert curve.precision.tolist() == [1.0, 0.0, 2 / 3]
    assert curve.recall.tolist() == [0.0, 0.0, 1.0]
    empty = follow_thresholds(np.empty(0), np.empty(0, np.bool_), 0)
    assert (len(empty.thresholds), empty.precision_at_recall(0.5), empty.recall_at_precision(0.5)) == (1, 0.0, 0.0)
    never = follow_thresholds(np.array([0.5]), np.array([False]), 0)
    assert np.isnan(never.recall[1])
    assert never.recall_at_precision(0.0) == 0.0


def test_labels_may_be_numbers_and_unknown_ones_are_refused():
    texts, labels = planted(100)
    numbers = [int(label[-1]) for label in labels]
    classifier = TextClassifier(dim=4, threads=1, loss=hogvec.OneVsAll()).fit(texts, numbers)
    assert classifier.precision_recall(texts, numbers, label=1).recall.max() == 1.0
    for label in ("1", 7):
        with pytest.raises(ValueError, match=r"label must be one of classes_, got '1'|got 7"):
            classifier.precision_recall(texts, numbers, label=label)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        classifier.precision_recall(texts, numbers, k=0)
    with pytest.raises(RuntimeError, match="must be fitted"):
        TextClassifier().precision_recall(texts, numbers)
