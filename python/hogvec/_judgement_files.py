"""Files of analogy questions and of judged word pairs, read. What is done with them: `hogvec.evaluate`."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_pairs", "read_questions"]


def _lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """Numbered lines that are not blank; bytes that are no UTF-8 become what the vocabulary makes of them."""
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, start=1):
            text = line.strip()
            if text:
                yield number, text


def read_questions(path: str | os.PathLike[str]) -> tuple[list[str], NDArray[np.intp], list[list[str]]]:
    """Names of sections, the section of every question, and the four words of every question."""
    names: list[str] = []
    section_of: list[int] = []
    questions: list[list[str]] = []
    for number, line in _lines(path):
        if line.startswith(":"):
            names.append(line[1:].strip())
            continue
        words = line.split()
        if len(words) != 4:
            raise ValueError(f"{os.fspath(path)}, line {number}: a question must have 4 words, got {line[:80]!r}")
        if not names:
            names.append("questions")
        section_of.append(len(names) - 1)
        questions.append(words)
    if not questions:
        raise ValueError(f"{os.fspath(path)} must hold at least one question, got none")
    return names, np.array(section_of, dtype=np.intp), questions


def read_pairs(path: str | os.PathLike[str]) -> tuple[list[tuple[str, str]], NDArray[np.float64]]:
    """Pairs of words and their scores."""
    pairs: list[tuple[str, str]] = []
    scores: list[float] = []
    header_allowed = True
    for number, line in _lines(path):
        if line.startswith("#"):
            continue
        separator = "\t" if "\t" in line else "," if "," in line else None
        fields = [field.strip() for field in line.split(separator)]
        score = _finite(fields[2]) if len(fields) > 2 else None
        if score is not None:
            pairs.append((fields[0], fields[1]))
            scores.append(score)
        elif not header_allowed:
            raise ValueError(f"{os.fspath(path)}, line {number}: a pair is two words and a score, got {line[:80]!r}")
        header_allowed = False
    if not pairs:
        raise ValueError(f"{os.fspath(path)} must hold at least one pair, got none")
    return pairs, np.array(scores)


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
