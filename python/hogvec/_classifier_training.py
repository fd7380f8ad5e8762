"""How a text classifier is trained: vocabulary, rows and tables made of the texts, epochs, the best one kept."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec import _core
from hogvec._classifier_model import ClassifierModel, FeatureSettings, output_rows, with_tree
from hogvec._loss import Loss
from hogvec._progress import progress_bar
from hogvec._texts import LabelColumn
from hogvec._validate import check_float
from hogvec.fasttext_format import read_fasttext
from hogvec.fasttext_vectors import has_ngrams
from hogvec.keyed_vectors import KeyedVectors
from hogvec.losses import OneVsAll
from hogvec.optimizers import SGD
from hogvec.subword_vectors import SubwordVectors
from hogvec.trainer import check_table_memory, table_bytes
from hogvec.vocabulary import Vocabulary

__all__ = ["ClassifierEpoch", "Run", "TrainingTexts", "load_vectors", "prepare", "train"]

_MOST = float(np.finfo(np.float32).max)
_MAGIC = (793712314).to_bytes(4, "little")


@dataclass(frozen=True, kw_only=True)
class ClassifierEpoch:
    """What one epoch did.

    Attributes
    ----------
    epoch : int
        Its number, from 1.
    loss : float
        The mean over 1/16 of the documents, each before its update.
    learning_rate : float
        That of the last update.
    validation_score : float or None
        P@1 on the validation set after the epoch.
    seconds : float
    """

    epoch: int
    loss: float
    learning_rate: float
    validation_score: float | None
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Run:
    """What the epochs need to know."""

    loss: Loss
    learning_rate: float
    epochs: int
    threads: int
    seed: int
    progress: bool | None


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingTexts:
    """Texts as bags of rows, with their labels and weights."""

    documents: _core.Documents
    weights: NDArray[np.float32] | None  # (n_documents,)
    label_weights: NDArray[np.float32] | None  # (n_labels,)


def prepare(
    texts: _core.Texts,
    column: LabelColumn | None,
    settings: FeatureSettings,
    *,
    loss: Loss,
    dim: int,
    min_count: int,
    min_count_label: int,
    pretrained: KeyedVectors | None,
    seed: int,
    threads: int,
) -> tuple[ClassifierModel, _core.Tables, _core.Documents, int]:
    """Count words and labels, and make rows and tables.

    Returns the untrained model, its tables, the documents and the number of tokens.
    """
    words, labels, num_tokens = texts.count(
        label_prefix=settings.label_prefix,
        min_count=min_count,
        min_count_label=min_count_label,
        keep=None if pretrained is None else pretrained.vocabulary._words,
        threads=threads,
    )
    kind = "str"
    if column is not None:
        labels, kind = _label_vocabulary(column, settings.label_prefix, min_count_label)
    if len(labels) < 2:
        rule = "labels must be of at least 2 classes to be told apart"
        if len(labels) == 1:
            raise ValueError(f"{rule}, got 1")
        raise ValueError(f"{rule}, got none: give labels, or lines with words that begin with {settings.label_prefix}")
    has_ngrams = settings.buckets > 0 and (settings.word_ngrams > 1 or settings.max_n > 0)
    if not has_ngrams:
        settings = dataclasses.replace(settings, buckets=0)
    features = _core.TextFeatures(words, labels, **dataclasses.asdict(settings))
    documents = features.encode(texts, threads=threads)
    kept = None
    if has_ngrams:
        kept = features.reached(documents)
        features = _core.TextFeatures(words, labels, **dataclasses.asdict(settings), kept=kept, missing_count=True)
        features.renumber(documents)
    rows, outputs = features.num_rows, output_rows(loss, len(labels))
    check_table_memory(f"tables of {rows:,} and {outputs:,} rows of {dim:,} floats", table_bytes(rows + outputs, dim))
    # From (-1 / dim, 1 / dim), as in fastText: half of it measured worse.
    tables = _core.Tables(rows, outputs, dim, seed, SGD()._settings(), 1 / dim)
    model = ClassifierModel(
        words=Vocabulary._wrap(words),
        labels=Vocabulary._wrap(labels),
        kind=kind,
        settings=settings,
        kept=kept,
        missing_count=kept is not None,
        input_table=tables.input,
        output_table=tables.output,
        loss=with_tree(loss, labels.counts),
    )
    if pretrained is not None:
        ids = model.words.ids(pretrained.vocabulary)
        tables.input[ids[ids >= 0]] = pretrained.vectors[ids >= 0]
    if column is not None:
        set_labels(documents, column, model)
    return model, tables, documents, num_tokens


def _label_vocabulary(column: LabelColumn, prefix: str, min_count: int) -> tuple[_core.Vocabulary, str]:
    """Labels by falling count, equal ones by first appearance, as in a file; and of what kind they are."""
    names, first, counts = np.unique(column.values, return_index=True, return_counts=True)
    order = np.lexsort([first, -counts])
    order = order[counts[order] >= min_count]
    tokens = [f"{prefix}{name}" for name in names[order].tolist()]
    kind = {"U": "str", "O": "str", "i": "int", "b": "bool"}[column.values.dtype.kind]
    return _core.Vocabulary.from_words(tokens, counts[order].astype(np.int64)), kind


def set_labels(documents: _core.Documents, column: LabelColumn, model: ClassifierModel) -> None:
    """Give the documents the labels of the column that the model knows."""
    classes = model.class_ids(column.values)
    known = classes >= 0
    before = np.concatenate([[0], np.cumsum(known)])
    labels = model.label_of_class[classes[known]].astype(np.int32)
    documents.set_labels(before[column.offsets].astype(np.int64), labels)


def class_weights(class_weight: Any, model: ClassifierModel) -> NDArray[np.float32] | None:
    """Return a weight for each label, in the order of their ids."""
    if class_weight is None:
        return None
    counts = model.labels.counts
    if isinstance(class_weight, str) and class_weight == "balanced":
        return np.asarray(counts.sum() / (len(counts) * np.maximum(counts, 1)), dtype=np.float32)
    if not isinstance(class_weight, dict):
        raise TypeError(f"class_weight must be a dict of labels or 'balanced', got {class_weight!r:.80}")
    weights = np.ones(len(counts), np.float32)
    places = {name: i for i, name in enumerate(model.names.tolist())}
    for label, weight in class_weight.items():
        if label not in places:
            raise ValueError(f"class_weight must name labels of the texts, got {label!r:.80}")
        weights[places[label]] = check_float("class_weight", weight, minimum=0.0, maximum=_MOST)
    return weights


def sample_weights(sample_weight: ArrayLike | None, num_texts: int) -> NDArray[np.float32] | None:
    """Return a weight for each document."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight)
    if weights.dtype.kind not in "fiub":
        raise TypeError(f"sample_weight must be numbers, got dtype {weights.dtype}")
    if weights.shape != (num_texts,):
        raise ValueError(f"sample_weight must have an entry for each text, {num_texts}, got shape {weights.shape}")
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        raise ValueError(f"sample_weight must be finite and not negative, got {weights[wrong][0]}")
    with np.errstate(over="ignore"):  # what is too large is refused as infinite
        return np.ascontiguousarray(weights, dtype=np.float32)


def objective_of(loss: Loss, counts: NDArray[np.int64]) -> tuple[_core.Objective, bool]:
    """Return the objective, and whether a document predicts all of its labels at once."""
    if isinstance(loss, OneVsAll):
        return _core.Objective.all_rows(len(counts), softmax=False, every_target=True), True
    return loss._objective(counts), False


def train(
    model: ClassifierModel,
    tables: _core.Tables,
    texts: TrainingTexts,
    run: Run,
    *,
    score: Callable[[], float] | None = None,
    patience: int = 1,
    watch: Callable[[float], object] | None = None,
) -> list[ClassifierEpoch]:
    """Run the epochs on the model's tables; with a `score`, end at the tables of the best epoch.

    `watch` is called a few times a second with the share of the run that is done, and may raise.

    Raises ValueError if there is no document to train on.
    """
    objective, every_label = objective_of(run.loss, model.labels.counts)
    history: list[ClassifierEpoch] = []
    best, best_epoch = -1.0, 0
    best_tables: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
    count = len(texts.documents)
    schedule = SGD().schedule._settings()
    with progress_bar(
        run.progress, total=run.epochs * count, unit=" texts", unit_scale=True, dynamic_ncols=True
    ) as bar:
        for epoch in range(run.epochs):
            began = time.perf_counter()

            def observe(state: _core.EpochProgress, before: int = epoch * count) -> bool:
                if bar is not None:
                    bar.set_postfix_str(f"loss {state.loss:.4f}, lr {state.learning_rate:.5f}", refresh=False)
                    bar.update(before + state.words - bar.n)
                if watch is not None:
                    watch((before + state.words) / (run.epochs * count))
                return True

            state = tables.train_documents(
                features=model.features,
                documents=texts.documents,
                weights=texts.weights,
                label_weights=texts.label_weights,
                every_label=every_label,
                objective=objective,
                learning_rate=run.learning_rate,
                schedule=schedule,
                run_epoch=epoch,
                run_epochs=run.epochs,
                epoch=epoch,
                seed=run.seed,
                threads=run.threads,
                observer=observe,
            )
            if state.groups == 0:
                raise ValueError("texts must hold something to train on, got none with a word, a label and a weight")
            observe(state)
            value = None if score is None else score()
            history.append(
                ClassifierEpoch(
                    epoch=epoch + 1,
                    loss=state.loss,
                    learning_rate=state.learning_rate,
                    validation_score=value,
                    seconds=time.perf_counter() - began,
                )
            )
            if value is None:
                continue
            if value > best:
                best, best_epoch = value, epoch
                best_tables = tables.input.copy(), tables.output.copy()
            elif epoch - best_epoch >= patience:
                break
    if best_tables is not None and best_epoch != history[-1].epoch - 1:
        tables.input[:], tables.output[:] = best_tables
    return history


def load_vectors(pretrained: Any, dim: int) -> KeyedVectors | None:
    """Return pretrained vectors of `dim` floats, read from a file of any kind if they are a path."""
    if pretrained is None:
        return None
    vectors = pretrained if isinstance(pretrained, KeyedVectors) else _read_vectors(pretrained)
    if vectors.vectors.shape[1] != dim:
        raise ValueError(f"pretrained must have vectors of dim, {dim}, got {vectors.vectors.shape[1]}")
    return vectors


def _read_vectors(path: Any) -> KeyedVectors:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"pretrained must be KeyedVectors or the path of a file, got {type(path).__name__}")
    name = os.fspath(path)
    if str(name).endswith(".safetensors"):
        try:
            return KeyedVectors.load(name)
        except ValueError:
            return SubwordVectors.load(name)
    with open(name, "rb") as file:
        is_fasttext = file.read(4) == _MAGIC
    if not is_fasttext:
        return KeyedVectors.load_word2vec_format(name, errors="surrogateescape")
    model = read_fasttext(name)
    return (SubwordVectors if has_ngrams(model) else KeyedVectors)._from_fasttext(model, name)
