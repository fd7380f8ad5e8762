"""What a classifier's model says of texts, compared with their labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._classifier_model import ClassifierModel
from hogvec._texts import LabelColumn
from hogvec._validate import check_float, check_int
from hogvec.classification import Evaluation, Predictions, evaluate_predictions

__all__ = ["class_ids", "evaluate", "predict"]


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
