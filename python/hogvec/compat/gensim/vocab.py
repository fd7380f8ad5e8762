"""Which of the counted words stay: gensim's rules, over a corpus that was counted and encoded once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogvec._validate import check_int
from hogvec.corpus import Corpus
from hogvec.vocabulary import Vocabulary

__all__ = [
    "RULE_DEFAULT",
    "RULE_DISCARD",
    "RULE_KEEP",
    "Limits",
    "TrimRule",
    "chosen",
    "merged",
    "read_corpus",
    "with_vocabulary",
]

RULE_DEFAULT = 0
RULE_DISCARD = 1
RULE_KEEP = 2

TrimRule = Callable[[str, int, int], int]


@dataclass(frozen=True)
class Limits:
    """The arguments of a model that decide which words stay."""

    min_count: int
    max_vocab_size: int | None
    max_final_vocab: int | None
    trim_rule: TrimRule | None


def read_corpus(
    sentences: Iterable[Iterable[str]] | None,
    corpus_file: Any,
    *,
    workers: int,
    vocabulary: Vocabulary | None = None,
) -> Corpus:
    """Encode sentences or a file once: all words of it, or those of a vocabulary."""
    if (sentences is None) == (corpus_file is None):
        raise TypeError("either an iterable of sentences or a corpus_file must be given, got both or none")
    if sentences is not None:
        return Corpus.from_sequences(sentences, min_count=1, vocabulary=vocabulary)
    return Corpus.from_file(corpus_file, min_count=1, vocabulary=vocabulary, threads=workers)


def chosen(
    counted: Vocabulary, limits: Limits, appearance: NDArray[np.int32] | None = None
) -> tuple[list[str], NDArray[np.int64], int]:
    """Return the words that stay, their counts, and the least count that was asked in the end.

    `counted` has all words by falling count. So do the results, or by first appearance in an array of ids.
    """
    words, counts = counted.words, counted.counts
    least = check_int("min_count", limits.min_count, minimum=0, maximum=2**63 - 1)
    if limits.max_final_vocab is not None:
        most = check_int("max_final_vocab", limits.max_final_vocab, minimum=1)
        if most < len(words):  # all words of a count stay, or none of them
            least = max(least, int(counts[most]) + 1)
    keep = counts >= least
    if limits.max_vocab_size is not None:
        keep[check_int("max_vocab_size", limits.max_vocab_size, minimum=1) :] = False
    if limits.trim_rule is not None:
        for i, (word, count) in enumerate(zip(words, counts.tolist(), strict=True)):
            verdict = limits.trim_rule(word, count, limits.min_count)
            if verdict in (RULE_KEEP, RULE_DISCARD):
                keep[i] = verdict == RULE_KEEP
    ids = np.flatnonzero(keep)
    if appearance is not None:
        seen, first = np.unique(appearance, return_index=True)
        by_appearance = seen[np.argsort(first)]
        ids = by_appearance[keep[by_appearance]].astype(np.intp)
    return [words[i] for i in ids.tolist()], counts[ids], least


def merged(vocabulary: Vocabulary, words: list[str], counts: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the words of a vocabulary and then those that are new, with the sums of their counts."""
    places = vocabulary.ids(words)
    known = places >= 0
    total = vocabulary.counts.copy()
    total[places[known]] += counts[known]
    new = [word for word, is_known in zip(words, known.tolist(), strict=True) if not is_known]
    return [*vocabulary.words, *new], np.concatenate([total, counts[~known]])


def with_vocabulary(corpus: Corpus, vocabulary: Vocabulary) -> Corpus:
    """Return the corpus in the ids of a vocabulary, with its counts; other words are dropped."""
    ids, offsets = corpus.ids, corpus.offsets
    if corpus.vocabulary is not None and corpus.vocabulary is not vocabulary:
        mapped = vocabulary.ids(corpus.vocabulary)[ids]
        known = mapped >= 0
        ids = np.ascontiguousarray(mapped[known])
        offsets = np.concatenate([[0], np.cumsum(known)])[offsets]
    return Corpus._make(ids, offsets, vocabulary.counts, vocabulary, corpus.raw_words, corpus.seconds)
