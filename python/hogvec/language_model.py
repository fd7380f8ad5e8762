"""What all language models can do: probabilities of sequences and of next words, perplexity, samples."""

from __future__ import annotations

import math
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogvec._safetensors import read_safetensors
from hogvec._text_files import PathOrPaths, check_paths, read_bytes
from hogvec._validate import check_int
from hogvec.corpus import Corpus
from hogvec.vocabulary import Vocabulary

__all__ = [
    "UNKNOWN",
    "LanguageModel",
    "TextLike",
    "encode",
    "perplexity_of",
    "read_model",
    "read_sequences",
    "text_and_vocabulary",
]

UNKNOWN = "<unk>"
"""The word that stands for all words outside a vocabulary, if the vocabulary has it."""

TextLike = Corpus | Iterable[Sequence[str]]
"""A corpus of the model's vocabulary, or sequences of words."""


class LanguageModel(ABC):
    """A distribution over sequences of words: each word, and the end of the sequence, by the words before it.

    Outputs are the words of the vocabulary by their ids, then the end of a sequence, whose id is ``len(vocabulary)``;
    ``len(vocabulary) + 1`` stands for the begin. One rule holds for every model, so that their perplexities compare:

    * every word and every end of a sequence is predicted, the begin is not;
    * words outside the vocabulary are its word ``<unk>``; a vocabulary without it knows no such words.
    """

    @property
    @abstractmethod
    def vocabulary(self) -> Vocabulary:
        """The words."""

    @abstractmethod
    def _log_probabilities(self, ids: NDArray[np.int32], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return ln p of each token and of each end, (n_tokens + n_sequences,)."""

    @abstractmethod
    def _next_probabilities(self, context: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return p of each output, (n_words + 1,), after ids that may begin with the begin of a sequence."""

    def token_log_probabilities(self, text: TextLike) -> NDArray[np.float64]:
        """Return ln p of every word and of every end of a sequence.

        Parameters
        ----------
        text : Corpus or iterable of sequences of str
            A corpus must have the model's vocabulary, or ids alone, and have dropped no word.

        Returns
        -------
        ndarray of float64, shape (n_words + n_sequences,)
            Sequence after sequence, its end last. ``-inf`` where a model without smoothing rules a word out.

        Raises
        ------
        ValueError
            A word is unknown and the vocabulary has no ``<unk>``; the corpus has other words, or has dropped some.
        """
        return self._log_probabilities(*self._encode(text))

    def log_prob(self, sequence: Sequence[str]) -> float:
        """Return ln p of a sequence of words, its end included."""
        if isinstance(sequence, str):
            raise TypeError(f"sequence must be a list of words, got the str {sequence!r:.80}")
        return float(self.token_log_probabilities([sequence]).sum())

    def perplexity(self, text: TextLike) -> float:
        """Return exp of the mean of -ln p over all words and ends of sequences.

        Raises
        ------
        ValueError
            As `token_log_probabilities`; the text has no sequence.
        """
        values = self.token_log_probabilities(text)
        if len(values) == 0:
            raise ValueError("text must have at least one sequence, got none")
        return perplexity_of(values)

    def probabilities(self, context: Sequence[str], *, from_begin: bool = True) -> NDArray[np.float64]:
        """Return p of every word and of the end, which is last, after some words.

        Parameters
        ----------
        context : sequence of str
            The words before.
        from_begin : bool, default True
            Whether the first of them begins a sequence.

        Returns
        -------
        ndarray of float64, shape (n_words + 1,)
            Not negative, with the sum 1.
        """
        ids, _ = self._encode([context])
        return self._next_probabilities(self._after(ids) if from_begin else ids)

    def sample(self, n: int = 1, *, seed: int = 1, max_length: int = 100) -> list[list[str]]:
        """Draw sequences.

        Parameters
        ----------
        n : int, default 1
        seed : int, default 1
        max_length : int, default 100
            Sequences that have not ended by then are cut off.

        Returns
        -------
        list of n lists of str
        """
        check_int("n", n, minimum=0)
        check_int("max_length", max_length, minimum=1)
        random = np.random.default_rng(check_int("seed", seed, minimum=0, maximum=2**64 - 1))
        return [self._draw(random, max_length) for _ in range(n)]

    def _draw(self, random: np.random.Generator, max_length: int) -> list[str]:
        ids = np.empty(0, np.int32)
        while len(ids) < max_length:
            edges = np.cumsum(self._next_probabilities(self._after(ids)))
            drawn = min(int(np.searchsorted(edges, random.random() * edges[-1], side="right")), len(edges) - 1)
            if drawn == len(self.vocabulary):
                break
            ids = np.append(ids, np.int32(drawn))
        return [self.vocabulary.word(int(id)) for id in ids]

    def _after(self, ids: NDArray[np.int32]) -> NDArray[np.int32]:
        return np.concatenate([np.array([len(self.vocabulary) + 1], np.int32), ids])

    def _encode(self, text: TextLike) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        return encode(text, self.vocabulary)


def read_model(
    path: str | os.PathLike[str], expected: Mapping[str, str]
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Map a file that a model's `save` wrote; ValueError if it has not the format and version expected."""
    tensors, metadata = read_safetensors(path, "language model")
    for key, value in expected.items():
        if metadata.get(key) != value:
            kind = expected["format"].removeprefix("hogvec.")
            raise ValueError(f"{os.fspath(path)!r} must be a file of {kind}.save, got the {key} {metadata.get(key)!r}")
    return tensors, metadata


def perplexity_of(log_probabilities: NDArray[np.float64]) -> float:
    """Return exp of the mean of their negatives, infinite where that is beyond the floats."""
    mean = -float(log_probabilities.mean())
    return math.exp(mean) if mean < 709 else math.inf


def read_sequences(paths: PathOrPaths) -> list[list[str]]:
    """Return the lines of text files as lists of words; lines without a word are left out.

    Words stand between ASCII whitespace, as for `Corpus.from_file`; bytes that are no UTF-8 become lone surrogates.

    Parameters
    ----------
    paths : str, PathLike or iterable of them
        ``.gz`` and ``.zst`` too.

    Raises
    ------
    OSError
        A file cannot be read.
    """
    between = re.compile(r"[ \t\v\f\r]+")
    sequences = []
    for path in check_paths(paths):
        for line in read_bytes(path).tobytes().decode("utf-8", "surrogateescape").split("\n"):
            if words := [word for word in between.split(line) if word]:
                sequences.append(words)
    return sequences


def text_and_vocabulary(text: TextLike, vocabulary: Vocabulary | None) -> tuple[TextLike, Vocabulary]:
    """Return a text that can be gone through twice, and the words to know: those given, or those of the text."""
    if isinstance(text, Corpus):
        words = vocabulary if vocabulary is not None else text.vocabulary
        if words is None:
            raise ValueError("corpus must have a vocabulary, got one of ids alone")
        return text, words
    sequences = _lists(text)
    if vocabulary is None:
        if not sequences:
            raise ValueError("text must have at least one sequence, got none")
        vocabulary = Corpus.from_sequences(sequences, min_count=1).vocabulary
        assert vocabulary is not None
    return sequences, vocabulary


def _lists(text: Iterable[Sequence[str]]) -> list[list[str]]:
    if isinstance(text, str | bytes | os.PathLike):
        raise TypeError(f"text must be a Corpus or sequences of words, got {text!r:.80}")
    sequences = []
    for sequence in text:
        if isinstance(sequence, str):
            raise TypeError(f"a sequence must be a list of words, got the str {sequence!r:.80}")
        sequences.append(list(sequence))
    return sequences


def encode(text: TextLike, vocabulary: Vocabulary) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the ids and the offsets of a text, words outside the vocabulary as its ``<unk>``."""
    if isinstance(text, Corpus):
        return _encoded(text, vocabulary)
    sequences = _lists(text)
    words = list(chain.from_iterable(sequences))
    ids = vocabulary.ids(words)
    unknown = ids < 0
    if unknown.any():
        if UNKNOWN not in vocabulary:
            word = words[int(unknown.argmax())]
            raise ValueError(f"words must be of the vocabulary, which has no {UNKNOWN!r}, got {word!r:.80}")
        ids = np.where(unknown, np.int32(vocabulary[UNKNOWN]), ids)
    return ids, np.cumsum([0, *map(len, sequences)], dtype=np.int64)


def _encoded(corpus: Corpus, vocabulary: Vocabulary) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    if corpus.vocabulary is not None and list(corpus.vocabulary) != list(vocabulary):
        raise ValueError(
            "corpus must have the vocabulary of the model, got other words: "
            "Corpus.from_file(path, vocabulary=model.vocabulary) reads one that has it"
        )
    if corpus.raw_words != len(corpus.ids):
        dropped = corpus.raw_words - len(corpus.ids)
        raise ValueError(
            f"corpus must have every word of its text, got one that dropped {dropped}: read it with min_count=1, or "
            f"give sequences of words, whose unknown ones are {UNKNOWN!r}"
        )
    return corpus.ids, corpus.offsets
