"""What evaluations return: lists of answered questions, and correlations with their p-values."""

from __future__ import annotations

import math
import os
from typing import Any, NamedTuple

import numpy as np

from hogvec._cosine import UnitRows
from hogvec._judgement_files import read_questions
from hogvec.evaluate import answer_questions, evaluate_similarity
from hogvec.vocabulary import Vocabulary

__all__ = ["Correlation", "correlation", "word_analogies", "word_pairs"]

_TERMS = 300
_TINY = 1e-300


class Correlation(NamedTuple):
    """A correlation and the chance of one at least as far from 0 between unrelated values."""

    statistic: float
    pvalue: float


def word_analogies(
    vocabulary: Vocabulary,
    rows: UnitRows,
    path: str | os.PathLike[str],
    *,
    unknown_are_wrong: bool,
    restrict_vocab: int | None,
    case_insensitive: bool,
) -> tuple[float, list[dict[str, Any]]]:
    """Return the share of right answers, and the questions that were answered, by section."""
    names, section_of, questions = read_questions(path)
    answered, correct = answer_questions(
        vocabulary, rows, questions, restrict_vocab=restrict_vocab, case_insensitive=case_insensitive
    )
    sections: list[dict[str, Any]] = [{"section": name, "correct": [], "incorrect": []} for name in names]
    total: dict[str, Any] = {"section": "Total accuracy", "correct": [], "incorrect": []}
    for number, question in enumerate(questions):
        if answered[number] or unknown_are_wrong:
            words = tuple(word.upper() if case_insensitive else word for word in question)
            for section in (sections[section_of[number]], total):
                section["correct" if correct[number] else "incorrect"].append(words)
    asked = len(total["correct"]) + len(total["incorrect"])
    return (len(total["correct"]) / asked if asked else 0.0), [*sections, total]


def word_pairs(
    vocabulary: Vocabulary,
    rows: UnitRows,
    path: str | os.PathLike[str],
    *,
    unknown_are_zero: bool,
    restrict_vocab: int | None,
    case_insensitive: bool,
) -> tuple[Correlation, Correlation, float]:
    """Return Pearson's and Spearman's correlation, and the percentage of pairs with an unknown word."""
    options: dict[str, Any] = {"restrict_vocab": restrict_vocab, "case_insensitive": case_insensitive}
    report = known = evaluate_similarity(vocabulary, rows, path, **options)
    if unknown_are_zero:
        dim = rows.rows(np.zeros(1, np.int64)).shape[1]
        report = evaluate_similarity(
            vocabulary, rows, path, **options, unseen=lambda words: np.zeros((len(words), dim))
        )
    if not report.answered:
        raise ValueError(f"{os.fspath(path)!r} must hold a pair of known words, got none of {report.pairs}")
    unknown = 100 * (known.pairs - known.answered) / known.pairs
    n = report.answered
    return correlation(report.pearson, n), correlation(report.spearman, n), unknown


def correlation(value: float, n: int) -> Correlation:
    """Return a correlation of `n` pairs with its two-sided p-value, by Student's t with n - 2 degrees of freedom."""
    if math.isnan(value) or n < 3:
        return Correlation(value, math.nan if n < 2 or math.isnan(value) else 1.0)
    return Correlation(value, _incomplete_beta((n - 2) / 2, 0.5, (1 - value) * (1 + value)))


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta function, by its continued fraction (Abramowitz and Stegun 26.5.8; Lentz 1976)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the fraction of the other side converges faster
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    value, c, d = 1.0, 1.0, 0.0
    for i in range(_TERMS):
        m = i // 2
        if i == 0:
            term = 1.0
        elif i % 2 == 0:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / _not_zero(1 + term * d)
        c = _not_zero(1 + term / c)
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * (value - 1) / a


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
