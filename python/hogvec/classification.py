"""What a classifier answers: labels with their probabilities, and how good these are. Training is elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Evaluation", "LabelScore", "PrecisionRecall", "Predictions", "evaluate_predictions", "follow_thresholds"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """The most probable labels of each text, best first: what ``TextClassifier.predict(texts, k=...)`` returns.

    Attributes
    ----------
    classes : ndarray, shape (n_classes,)
        The labels that there are.
    ids : ndarray of int32, shape (n_texts, k)
        Their indices in `classes`; -1 where a probability is below the threshold.
    probabilities : ndarray of float64, shape (n_texts, k)
        0 where an id is -1.

    Examples
    --------
    >>> found = Predictions(
    ...     classes=np.array(["bad", "good"]), ids=np.array([[1, 0], [0, -1]], np.int32),
    ...     probabilities=np.array([[0.75, 0.25], [1.0, 0.0]]))
    >>> found.labels, found[0]
    ([['good', 'bad'], ['bad']], [('good', 0.75), ('bad', 0.25)])
    """

    classes: NDArray[Any]
    ids: NDArray[np.int32]
    probabilities: NDArray[np.float64]

    @property
    def labels(self) -> list[list[Any]]:
        """The labels of each text as a list, those below the threshold left out."""
        names = self.classes.tolist()
        return [[names[i] for i in row if i >= 0] for row in self.ids.tolist()]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, text: int) -> list[tuple[Any, float]]:
        """Return the labels of one text, each with its probability."""
        pairs = zip(self.ids[text].tolist(), self.probabilities[text].tolist(), strict=True)
        return [(self.classes[i : i + 1].tolist()[0], probability) for i, probability in pairs if i >= 0]

    def __iter__(self) -> Iterator[list[tuple[Any, float]]]:
        return (self[text] for text in range(len(self)))

    def __repr__(self) -> str:
        return f"Predictions({len(self)} texts, {self.ids.shape[1]} of {len(self.classes)} labels each)"


@dataclass(frozen=True, kw_only=True)
class LabelScore:
    """How well one label was predicted; a ratio without a denominator is nan.

    Attributes
    ----------
    label : str or int
    precision, recall, f1 : float
    support : int
        Texts that have it.
    predicted : int
        Texts that it was predicted for.
    """

    label: Any
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """How well labels were predicted, over all texts and labels together.

    Attributes
    ----------
    num_texts : int
        Texts with a label; the others are left out.
    k : int
        How many labels were predicted for a text, at most.
    threshold : float
        Those with a lower probability were not.
    precision : float
        The share of predicted labels that are right, nan if there is none.
    recall : float
        The share of labels that were predicted.
    classes : ndarray, shape (n_classes,)
    hits, support, predicted : ndarray of int64, shape (n_classes,)
        For each class the texts it was rightly predicted for, those that have it, those it was predicted for.
    num_labels, num_predicted : int
        Labels of all texts, unknown ones too, and predicted ones.
    """

    num_texts: int
    k: int
    threshold: float
    precision: float
    recall: float
    classes: NDArray[Any]
    hits: NDArray[np.int64]
    support: NDArray[np.int64]
    predicted: NDArray[np.int64]
    num_labels: int
    num_predicted: int

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall, nan if nothing was predicted."""
        return 2 * _ratio(int(self.hits.sum()), self.num_labels + self.num_predicted)

    @property
    def per_label(self) -> list[LabelScore]:
        """The same for each class, in their order."""
        rows = zip(
            self.classes.tolist(), self.hits.tolist(), self.support.tolist(), self.predicted.tolist(), strict=True
        )
        return [
            LabelScore(
                label=label,
                precision=_ratio(hits, predicted),
                recall=_ratio(hits, support),
                f1=2 * _ratio(hits, support + predicted),
                support=support,
                predicted=predicted,
            )
            for label, hits, support, predicted in rows
        ]

    def __repr__(self) -> str:
        return (
            f"Evaluation({self.num_texts} texts, P@{self.k} {self.precision:.4f}, R@{self.k} {self.recall:.4f}, "
            f"F1 {self.f1:.4f})"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class PrecisionRecall:
    """Precision and recall at every threshold, the highest first: what ``TextClassifier.precision_recall`` returns.

    Thresholds below which no further label is found are left out. The first is infinite: nothing is predicted, which
    counts as a precision of 1 and a recall of 0.

    Attributes
    ----------
    thresholds, precision, recall : ndarray of float64, shape (n,)
        Where labels are predicted whose probability is at least the threshold; recall is nan if no text has the label.

    Examples
    --------
    >>> curve = PrecisionRecall(
    ...     thresholds=np.array([np.inf, 0.9, 0.4]), precision=np.array([1, 1, 0.8]), recall=np.array([0, 0.5, 1]))
    >>> curve.precision_at_recall(0.6), curve.recall_at_precision(0.9)
    (0.8, 0.5)
    """

    thresholds: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]

    def precision_at_recall(self, recall: float) -> float:
        """Return the best precision at a recall of at least so much, 0 if there is none."""
        return float(self.precision[self.recall >= recall].max(initial=0.0))

    def recall_at_precision(self, precision: float) -> float:
        """Return the best recall at a precision of at least so much, 0 if there is none."""
        found = self.recall[(self.precision >= precision) & ~np.isnan(self.recall)]
        return float(found.max(initial=0.0))

    def __repr__(self) -> str:
        return f"PrecisionRecall({len(self.thresholds)} thresholds)"


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def follow_thresholds(scores: NDArray[np.float64], right: NDArray[np.bool_], num_labels: int) -> PrecisionRecall:
    """Return precision and recall at every threshold.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        Of the labels that are predicted, each for a text.
    right : ndarray of bool, shape (n,)
        Whether the text has the label.
    num_labels : int
        How many labels the texts have, predicted or not.
    """
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], np.cumsum(right[order])
    ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)[: len(scores)])  # of equal scores, the last
    ends = ends[: int(np.searchsorted(hits[ends], num_labels)) + 1]
    recall = hits[ends] / num_labels if num_labels else np.full(len(ends), np.nan)
    return PrecisionRecall(
        thresholds=np.concatenate([[np.inf], scores[ends]]),
        precision=np.concatenate([[1.0], hits[ends] / (ends + 1)]),
        recall=np.concatenate([[0.0], recall]),
    )


def evaluate_predictions(
    predictions: Predictions, labels: NDArray[np.int32], offsets: NDArray[np.int64], *, threshold: float
) -> Evaluation:
    """Compare predictions with the labels of the texts.

    Parameters
    ----------
    predictions : Predictions
    labels : ndarray of int32
        Indices of classes, those of text i being ``labels[offsets[i]:offsets[i + 1]]``; -1: none of the classes.
    offsets : ndarray of int64, shape (n_texts + 1,)
    threshold : float
        What was applied to the predictions.
    """
    classes = len(predictions.classes)
    sizes = np.diff(offsets)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    known = labels >= 0
    has = np.unique(owners[known] * classes + labels[known])  # a label that a text has twice is one
    num_labels = len(has) + int((~known).sum())
    ids = np.where(sizes[:, None] > 0, predictions.ids, -1)
    said = (np.arange(len(ids))[:, None] * classes + ids)[ids >= 0]
    right = said[np.isin(said, has, assume_unique=True)]
    return Evaluation(
        num_texts=int((sizes > 0).sum()),
        k=predictions.ids.shape[1],
        threshold=threshold,
        precision=_ratio(len(right), len(said)),
        recall=_ratio(len(right), num_labels),
        classes=predictions.classes,
        hits=np.bincount(right % classes, minlength=classes),
        support=np.bincount(has % classes, minlength=classes),
        predicted=np.bincount(said % classes, minlength=classes),
        num_labels=num_labels,
        num_predicted=len(said),
    )
