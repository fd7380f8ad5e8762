"""What `TextClassifier.autotune` searches and how a trial is scored; the search itself is in `hogvec.tuning`."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from hogvec import _core
from hogvec._classifier_scoring import precision_recall
from hogvec._search_space import Choice, Dimension, Float, Integer, PowerOfTwo
from hogvec._system import number_of_threads
from hogvec._texts import LabelColumn
from hogvec._validate import check_int
from hogvec.fasttext_model import FastTextModel, rows_by_norm
from hogvec.product_quantizer import NUM_CENTROIDS
from hogvec.tuning import Clock, Trials, search

if TYPE_CHECKING:
    from hogvec.text_classifier import TextClassifier

__all__ = ["autotune"]

Given: TypeAlias = "tuple[_core.Texts, LabelColumn | None]"

_TUNED = ("learning_rate", "epochs", "dim", "word_ngrams", "min_n", "max_n", "buckets")
_LETTERS = "min_n and max_n"  # one choice
_QUANTIZED_OUTPUTS = 256  # labels from which on the output table is quantized, too


def autotune(
    classifier: TextClassifier,
    train: Given,
    valid: Given,
    *,
    metric: str,
    k: int,
    fixed: Collection[str],
    max_model_bytes: int | None,
    seconds: float,
    trials: int | None,
    seed: int,
    resume: str | os.PathLike[str] | None,
    progress: bool | None,
) -> TextClassifier:
    """Do what `TextClassifier.autotune` says."""
    k = check_int("k", k, minimum=1)
    if max_model_bytes is not None:
        check_int("max_model_bytes", max_model_bytes, minimum=1, maximum=2**63 - 1)
    scored = _Metric.of(metric)
    if scored.name == "accuracy":
        k = 1
    clock = Clock(seconds)
    space = _space(classifier, fixed, quantized=max_model_bytes is not None)

    def untrained(**parameters: Any) -> _Candidate:
        return _Candidate(classifier, _by_name(parameters))

    def score(candidate: _Candidate) -> float:
        candidate.train(train, clock, max_model_bytes)
        return scored.score(candidate.classifier, valid, k)

    found = search(
        untrained,
        space,
        score,
        clock=clock,
        trials=trials,
        seed=seed,
        resume=resume,
        progress=progress,
        about={
            "classifier": repr(type(classifier)(**{**classifier.get_params(), "threads": None, "progress": False})),
            "metric": f"{metric} at {k}",
            "max_model_bytes": str(max_model_bytes),
        },
    )
    best: TextClassifier = found.model.classifier.set_params(progress=classifier.progress)
    best.trials_ = Trials(dataclasses.replace(trial, parameters=_by_name(trial.parameters)) for trial in found.trials)
    return best


class _Candidate:
    """A classifier of a trial, and how to quantize it."""

    def __init__(self, start: TextClassifier, parameters: dict[str, Any]) -> None:
        self.dsub = parameters.pop("dsub", 2)
        self.classifier = type(start)(**{**start.get_params(), **parameters, "progress": False})

    def train(self, texts: Given, clock: Clock, max_model_bytes: int | None) -> None:
        classifier = self.classifier._fit(*texts, watch=clock)
        if max_model_bytes is None:
            return
        dsub = min(self.dsub, classifier.dim)
        model = classifier._trained_rows()
        qout = len(classifier._fitted().output_table) >= _QUANTIZED_OUTPUTS
        cutoff = largest_cutoff(model, max_model_bytes, dsub=dsub, qout=qout)
        clock()
        self.classifier = classifier._quantized(cutoff, retrain=texts, qnorm=True, qout=qout, dsub=dsub, watch=clock)


def _space(classifier: TextClassifier, fixed: Collection[str], *, quantized: bool) -> dict[str, Dimension]:
    """fastText's ranges and widths (autotune.cc), ranges that hold the start too.

    Only steps of dim are wider: searches begin at 10 and not, as there, at 100.
    """
    if isinstance(fixed, str):
        raise TypeError(f"fixed must be a list of names, got {fixed!r:.80}")
    for name in fixed:
        if name not in _TUNED:
            raise ValueError(f"fixed must name parameters that are tuned, {', '.join(_TUNED)}, got {name!r:.80}")
    start = classifier.get_params()
    classifier._settings()  # what cannot be trained is no start
    classifier._run()
    check_int("dim", classifier.dim, minimum=1)

    def wide(kind: Callable[..., Dimension], name: str, low: Any, high: Any, **options: Any) -> Dimension:
        value = start[name]
        return kind(min(low, value), max(high, value), start=value, **options)

    letters = (start["min_n"], start["max_n"]) if start["max_n"] else (0, 0)
    kinds = ((0, 0), (2, 5), (3, 6))
    space: dict[str, Dimension] = {
        "learning_rate": wide(Float, "learning_rate", 0.01, 5.0, widths=(1.9, 1.0)),
        "epochs": wide(Integer, "epochs", 1, 100, widths=(2.8, 2.5), log=True),
        "dim": wide(Integer, "dim", 1, 1000, widths=(2.0, 0.7), log=True),
        "word_ngrams": wide(Integer, "word_ngrams", 1, 5, widths=(4.3, 2.4)),
        _LETTERS: Choice(kinds if letters in kinds else (*kinds, letters), start=letters),
    }
    if quantized:
        space["dsub"] = PowerOfTwo(1, 16, start=2, widths=(2.0, 1.0))
    else:
        space["buckets"] = wide(Integer, "buckets", 10_000, 10_000_000, widths=(2.0, 1.5), log=True)
    without = {_LETTERS if name in ("min_n", "max_n") else name for name in fixed}
    if classifier.pretrained is not None:
        without.add("dim")
    space = {name: dimension for name, dimension in space.items() if name not in without}
    if not space:
        raise ValueError("fixed must leave a parameter to be tuned, got all of them")
    return space


def _by_name(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters of the search as those of a classifier."""
    named: dict[str, Any] = {}
    for name, value in parameters.items():
        named |= {"min_n": value[0], "max_n": value[1]} if name == _LETTERS else {name: value}
    return named


@dataclass(frozen=True)
class _Metric:
    """What of the predictions for the validation set is to be large."""

    given: str
    name: str
    least: float  # of the other one of precision and recall
    label: str | None

    @classmethod
    def of(cls, metric: Any) -> _Metric:
        """Return the metric of such a name; ValueError if there is none."""
        name, _, rest = metric.partition(":") if isinstance(metric, str) else ("", "", "")
        if metric in ("f1", "accuracy"):
            return cls(metric, metric, 0.0, None)
        if name == "f1":
            return cls(metric, name, 0.0, rest)
        if name in ("precision_at_recall", "recall_at_precision"):
            least, _, label = rest.partition(":")
            with contextlib.suppress(ValueError):
                if 0.0 <= float(least) <= 1.0:
                    return cls(metric, name, float(least), label or None)
            raise ValueError(f"metric must have a number of 0 to 1 behind {name}:, got {metric!r:.80}")
        raise ValueError(
            "metric must be 'f1', 'accuracy', 'f1:LABEL', 'precision_at_recall:NUMBER' or "
            f"'recall_at_precision:NUMBER', got {metric!r:.80}"
        )

    def score(self, classifier: TextClassifier, valid: Given, k: int) -> float:
        found = classifier._evaluated(*valid, k=k)
        if not found.num_texts:
            raise ValueError("valid must hold texts with labels, got none")
        own = None
        if self.label is not None:
            own = next((entry for entry in found.per_label if str(entry.label) == self.label and entry.support), None)
            if own is None:
                raise ValueError(f"metric must name a label of train and valid, got {self.given!r:.80}")
        if self.name == "accuracy":
            return found.precision
        if self.name == "f1":
            return found.f1 if own is None else own.f1
        model, threads = classifier._fitted(), number_of_threads(classifier.threads)
        curve = precision_recall(model, *valid, label=None if own is None else own.label, k=k, threads=threads)
        return getattr(curve, self.name)(self.least)  # type: ignore[no-any-return]


def largest_cutoff(model: FastTextModel, most_bytes: int, *, dsub: int, qout: bool) -> int:
    """Return how many rows a ``.ftz`` file of at most so many bytes has room for, with quantized norms.

    Raises RuntimeError if they are too few to gain from quantizing. The sizes are those of `hogvec.fasttext_format`.
    """
    dim = model.arguments.dim

    def table(rows: int, share: int) -> int:  # codes, centroids, norms and their centroids
        centroids = 2 * 16 + 4 * NUM_CENTROIDS * (dim + 1)
        return 22 + rows * (-(-dim // share) + 1) + centroids

    _, offsets = model.entries.to_bytes_arrays()
    entries = np.diff(offsets) + 10  # a NUL, a count and a type beside the letters
    outputs = model.output_shape[0]
    output = table(outputs, min(2, dim)) if qout else 17 + 4 * outputs * dim
    header = 8 + 56 + 28
    fixed = header + int(entries[model.num_words :].sum()) + table(0, dsub) + output
    rows = rows_by_norm(model)
    sizes = np.full(len(rows), 8)  # a kept bucket and its place
    sizes[rows < model.num_words] = entries[rows[rows < model.num_words]]
    cutoff = int(np.searchsorted(fixed + np.cumsum(sizes + table(1, dsub) - table(0, dsub)), most_bytes, side="right"))
    least = min(NUM_CENTROIDS, len(rows))  # fewer save nothing
    if cutoff < least:
        needed = fixed + int((sizes + table(1, dsub) - table(0, dsub))[:least].sum())
        raise RuntimeError(f"max_model_bytes must be at least {needed} for this trial, got {most_bytes}")
    return cutoff
