"""What a classifier's model says of texts, compared with their labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._classifier_model import ClassifierModel
from hogvec._texts import LabelColumn
from hogvec._validate import check_float, check_int
from hogvec.classification import Evaluation, PrecisionRecall, Predictions, evaluate_predictions, follow_thresholds

__all__ = ["class_ids", "evaluate", "precision_recall", "predict"]


def predict(model: ClassifierModel, texts: _core.Texts, k: int, threshold: float, threads: int) -> Predictions:
    """Return the k most probable labels of each text, those below the threshold left out."""
    k = min(check_int("k", k, minimum=1), len(model.classes))
    threshold = check_float("threshold", threshold)
    ids, probabilities = model.top_k(texts, k, threads)
    low = probabilities < threshold
    ids[low], probabilities[low] = -1, 0.0
    return Predictions(classes=model.classes, ids=ids, probabilities=probabilities)


def class_ids(
    model: ClassifierModel, texts: _core.Texts, column: LabelColumn | None, *, skip_unknown: bool, threads: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return labels of texts as indices of classes, -1 for unknown ones unless they are passed over; and offsets."""
    if column is None:
        documents = model.features.encode(texts, unknown_labels=True, threads=threads)
        labels, offsets = documents.labels, documents.label_offsets
        ids = np.where(labels >= 0, model.class_of_label[np.maximum(labels, 0)], -1).astype(np.int32)
    else:
        ids, offsets = model.class_ids(column.values), column.offsets
    if not skip_unknown:
        return ids, offsets
    known = ids >= 0
    return ids[known], np.concatenate([[0], np.cumsum(known)])[offsets]


def evaluate(
    model: ClassifierModel,
    texts: _core.Texts,
    column: LabelColumn | None,
    *,
    k: int,
    threshold: float,
    skip_unknown: bool,
    threads: int,
) -> Evaluation:
    """Compare predictions with the labels of the texts, or of a column."""
    predictions = predict(model, texts, k, threshold, threads)
    ids, offsets = class_ids(model, texts, column, skip_unknown=skip_unknown, threads=threads)
    return evaluate_predictions(predictions, ids, offsets, threshold=threshold)


def precision_recall(
    model: ClassifierModel,
    texts: _core.Texts,
    column: LabelColumn | None,
    *,
    label: Any,
    k: int | None,
    threads: int,
) -> PrecisionRecall:
    """Compare the k most probable labels, None: all, of texts that have a label with these at every threshold."""
    classes = len(model.classes)
    k = classes if k is None else min(check_int("k", k, minimum=1), classes)
    ids, offsets = class_ids(model, texts, column, skip_unknown=False, threads=threads)
    sizes = np.diff(offsets)
    said, scores = model.top_k(texts, k, threads)
    pairs = (np.arange(len(said))[:, None] * classes + said)[sizes > 0].ravel()
    scores = scores[sizes > 0].ravel()
    owners = np.repeat(np.arange(len(sizes)), sizes)
    has = np.unique(owners[ids >= 0] * classes + ids[ids >= 0])  # a label that a text has twice is one
    num_labels = len(has) + int((ids < 0).sum())
    if label is not None:
        places = [place for place, name in enumerate(model.classes.tolist()) if name == label]
        if not places:
            raise ValueError(f"label must be one of classes_, got {label!r:.80}")
        chosen = pairs % classes == places[0]
        pairs, scores = pairs[chosen], scores[chosen]
        num_labels = int((has % classes == places[0]).sum())
    return follow_thresholds(scores, np.isin(pairs, has), num_labels)
