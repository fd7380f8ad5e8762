"""How good the predictions of a classifier are at every threshold: fastText's meter."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hogvec._system import number_of_threads
from hogvec._texts import texts_of_file
from hogvec.classification import PrecisionRecall, follow_thresholds
from hogvec.text_classifier import TextClassifier

__all__ = ["_Meter"]

_MISSED = -1.0  # the score of a label that was not predicted


class _Meter:
    """Scores of predicted labels and whether they are right, for all texts of a file: what `get_meter` returns.

    Parameters
    ----------
    classifier : TextClassifier
    path : str or PathLike
        A text with its labels on each line; texts without a known label are left out.
    k : int
        How many labels are predicted for a text, at least 1.
    label_id : callable
        From a label to its id, -1 if there is none.
    """

    def __init__(
        self, classifier: TextClassifier, path: str | os.PathLike[str], k: int, label_id: Callable[[str], int]
    ) -> None:
        model, threads = classifier._fitted(), number_of_threads(classifier.threads)
        texts = texts_of_file(path)
        documents = model.features.encode(texts, threads=threads)
        sizes = np.diff(documents.label_offsets)
        classes, scores = model.top_k(texts, k, threads)
        predicted = model.label_of_class[classes[sizes > 0]]  # (n, k)
        count = len(model.labels)
        owners = np.repeat(np.cumsum(sizes > 0) - 1, sizes)
        gold = np.unique(owners * count + documents.labels)  # pairs of a text and a label
        said = (np.arange(len(predicted))[:, None] * count + predicted).reshape(-1)
        missed = np.setdiff1d(gold, said, assume_unique=True)
        self._label_id = label_id
        self._labels = np.concatenate([said, missed]) % count
        self._scores = np.concatenate([scores[sizes > 0].reshape(-1), np.full(len(missed), _MISSED)])
        self._true = np.concatenate([np.isin(said, gold, assume_unique=True), np.ones(len(missed), np.bool_)])

    def score_vs_true(self, label: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the scores of a label, ascending, and 1 where it is right, else 0; a score of -1: not predicted."""
        chosen = self._chosen(label)
        order = np.lexsort([self._true[chosen], self._scores[chosen]])
        return self._scores[chosen][order], self._true[chosen][order].astype(np.float64)

    def precision_recall_curve(self, label: str | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return precision and recall at every threshold of a label or of all, the highest threshold first.

        The last pair is a precision of 1 at a recall of 0. Both are empty if nothing was predicted.
        """
        curve = self._curve(label)
        if len(curve.thresholds) == 1:
            return np.empty(0), np.empty(0)
        return np.roll(curve.precision, -1), np.roll(curve.recall, -1)

    def precision_at_recall(self, recall: float, label: str | None = None) -> float:
        """Return the best precision at a recall of at least so much, 0 if there is none."""
        return self._curve(label).precision_at_recall(recall)

    def recall_at_precision(self, precision: float, label: str | None = None) -> float:
        """Return the best recall at a precision of at least so much, 0 if there is none."""
        return self._curve(label).recall_at_precision(precision)

    def _curve(self, label: str | None) -> PrecisionRecall:
        chosen = self._chosen(label)
        scores, true = self._scores[chosen], self._true[chosen]
        predicted = scores >= 0
        return follow_thresholds(scores[predicted], true[predicted], int(true.sum()))

    def _chosen(self, label: str | None) -> NDArray[np.bool_]:
        if label is None:
            return np.ones(len(self._labels), np.bool_)
        id = self._label_id(label)
        if id < 0:
            raise ValueError(f"label must be one of the model, got {label!r:.80}")
        return np.asarray(self._labels == id)
