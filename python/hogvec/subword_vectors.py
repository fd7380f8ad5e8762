"""Vectors of words and of their character n-grams, so that any word has one. Training is elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._cosine import unit
from hogvec._safetensors import write_safetensors
from hogvec._validate import check_int
from hogvec._vectors_file import read_vectors_file, word_tensors, words_of
from hogvec.keyed_vectors import KeyedVectors
from hogvec.vocabulary import Vocabulary

__all__ = ["SubwordVectors", "check_subword_settings"]

_FORMAT = {"format": "hogvec.SubwordVectors", "version": "1"}


def check_subword_settings(min_n: int, max_n: int, buckets: int) -> None:
    """Check the lengths of n-grams and the number of buckets."""
    check_int("min_n", min_n, minimum=1)
    check_int("max_n", max_n, minimum=1)
    if max_n < min_n:
        raise ValueError(f"max_n must be at least min_n, {min_n}, got {max_n}")
    check_int("buckets", buckets, minimum=1)


class SubwordVectors(KeyedVectors):
    """The vectors that a `FastText` trains: a word's vector is the mean of its own row and of those of its n-grams.

    A word outside the vocabulary has the mean of its n-grams, so every `str` is a key; ``word in vectors`` still asks
    for the vocabulary, and neighbours are words of it. N-grams are those of ``<word>``, `min_n` to `max_n` code points
    long, and share rows by their hash, as in fastText. Only buckets that a word of the vocabulary reaches have a row:
    an n-gram of any other was never trained and counts as a vector of zeros (fastText has there the random numbers that
    it began with). A word with no trained n-gram has a vector of zeros.

    Parameters
    ----------
    vocabulary : Vocabulary
    rows : ndarray of float32, shape (n_rows, dim)
        The rows of the words, in their order, then those of the buckets that their n-grams reach, in ascending order.
        Used in place, never copied.
    min_n, max_n : int
        Lengths of n-grams in code points.
    buckets : int
        How many buckets the hashes of n-grams share.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong kind or outside its range, or `rows` has another number of rows.

    Examples
    --------
    >>> from hogvec import Corpus, FastText, Trainer
    >>> corpus = Corpus.from_sequences([["walk", "walked"], ["talk", "talked"]] * 50, min_count=1)
    >>> v = Trainer(FastText(dim=8, subsample=0), threads=1).fit(corpus, epochs=2, progress=False)
    >>> v["walking"].shape, "walking" in v
    ((8,), False)
    >>> v.ngrams("walk")[:4]
    ['<wa', '<wal', '<walk', '<walk>']
    """

    def __init__(
        self, vocabulary: Vocabulary, rows: NDArray[np.float32], *, min_n: int, max_n: int, buckets: int
    ) -> None:
        check_subword_settings(min_n, max_n, buckets)
        if not isinstance(vocabulary, Vocabulary):
            raise TypeError(f"vocabulary must be a Vocabulary, got {type(vocabulary).__name__}")
        subwords = _core.Subwords(vocabulary._words, min_n=min_n, max_n=max_n, buckets=buckets)
        if isinstance(rows, np.ndarray) and rows.ndim == 2 and len(rows) != subwords.num_rows:
            raise ValueError(f"rows must be {subwords.num_rows}, one for each word and bucket, got {len(rows)}")
        self._subwords = subwords
        self._settings = {"min_n": min_n, "max_n": max_n, "buckets": buckets}
        self._means: NDArray[np.float32] | None = None
        super().__init__(vocabulary, rows[: len(vocabulary)])
        self._rows = rows.view()
        self._rows.flags.writeable = False

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The vectors of the vocabulary's words, float32 of shape (n, dim): read-only, computed once from the rows."""
        means = self._means
        if means is None:  # two threads may both compute it: with the same result
            means = _core.mean_rows(self._rows, self._subwords.offsets, self._subwords.rows)
            means.flags.writeable = False
            self._means = means
        return means

    @property
    def rows(self) -> NDArray[np.float32]:
        """All rows, float32 of shape (n_rows, dim): of the words, then of the buckets they reach; a read-only view."""
        return self._rows

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._rows.shape[1])

    @property
    def min_n(self) -> int:
        """Code points of the shortest n-grams."""
        return self._settings["min_n"]

    @property
    def max_n(self) -> int:
        """Code points of the longest n-grams."""
        return self._settings["max_n"]

    @property
    def buckets(self) -> int:
        """How many buckets the hashes of n-grams share."""
        return self._settings["buckets"]

    def _forget_norms(self) -> None:
        self._means = None
        super()._forget_norms()

    def __getitem__(self, word: str | Sequence[str]) -> NDArray[np.float32]:
        """Return a copy of the vector of a word (dim,) or of several (k, dim), be they in the vocabulary or not."""
        if isinstance(word, str):
            return np.array(self[[word]][0])
        if not isinstance(word, (list, tuple)) or not all(isinstance(one, str) for one in word):
            raise TypeError(f"a key must be a str or a list of str, got {word!r:.80}")
        ids = self._vocabulary.ids(word)
        known = ids >= 0
        vectors = np.empty((len(word), self.dim), np.float32)
        vectors[known] = self.vectors[ids[known]]
        vectors[~known] = self._composed([one for one, has in zip(word, known.tolist(), strict=True) if not has])
        return vectors

    def _composed(self, words: list[str]) -> NDArray[np.float32]:
        """Means (k, dim) of the n-grams of words, those without a row counting as zeros."""
        offsets, ids = _core.subword_ids(words, **self._settings, first=0)
        rows, trained = self._rows_of(ids)
        starts = np.concatenate([[0], np.cumsum(trained)])[offsets]
        means = _core.mean_rows(self._rows, starts, rows[trained])
        share = np.diff(starts) / np.maximum(np.diff(offsets), 1)
        return means * share.astype(np.float32)[:, None]

    def _rows_of(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
        """Rows of buckets, and which of these were trained."""
        reached = self._subwords.buckets
        places = np.searchsorted(reached, ids)
        trained = np.zeros(len(ids), np.bool_)
        inside = places < len(reached)
        trained[inside] = reached[places[inside]] == ids[inside]
        return (len(self) + places).astype(np.uint32), trained

    def ngrams(self, word: str) -> list[str]:
        """Return the n-grams of a word, from left to right and short ones first."""
        _check_word(word)
        return _core.subword_ngrams(word, min_n=self.min_n, max_n=self.max_n)

    def ngram_vectors(self, word: str) -> NDArray[np.float32]:
        """Return the rows of a word's n-grams, (len(ngrams(word)), dim), zeros where there is none.

        Examples
        --------
        >>> v.ngram_vectors("walking").shape  # doctest: +SKIP
        (22, 100)
        """
        _check_word(word)
        _, ids = _core.subword_ids([word], **self._settings, first=0)
        rows, trained = self._rows_of(ids)
        vectors = np.zeros((len(ids), self.dim), np.float32)
        vectors[trained] = self._rows[rows[trained]]
        return vectors

    def _unit_vectors(self, words: Sequence[str]) -> NDArray[np.float64]:
        return unit(self[words])

    def __repr__(self) -> str:
        return f"SubwordVectors({len(self)} words, dim {self.dim}, n-grams of {self.min_n} to {self.max_n})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._vocabulary, np.ascontiguousarray(self._rows), self._settings)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a safetensors file with the rows, the words and their counts.

        The tensors are those of `KeyedVectors.save`, with all rows as `vectors`; `min_n`, `max_n` and `buckets` are
        metadata. `save_word2vec_format` and ``KeyedVectors(v.vocabulary, v.vectors).save`` write the vectors of the
        vocabulary alone.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        metadata = {**_FORMAT, **{name: str(value) for name, value in self._settings.items()}}
        write_safetensors(path, {"vectors": self._rows, **word_tensors(self._vocabulary)}, metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SubwordVectors:
        """Read a file of `save`. The rows are mapped into memory: they are read from the disk when they are used.

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            The file is damaged, cut short, or something else.
        """
        tensors, metadata = read_vectors_file(path, _FORMAT)
        try:
            settings = {name: _number(name, metadata.get(name)) for name in ("min_n", "max_n", "buckets")}
            return cls(words_of(tensors), tensors["vectors"], **settings)
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)!r} is damaged: {error}") from None

    @classmethod
    def load_word2vec_format(cls, *args: Any, **options: Any) -> NoReturn:
        """Raise TypeError: these files hold no n-grams. `KeyedVectors.load_word2vec_format` reads them."""
        raise TypeError("word2vec files hold no n-grams: read them with KeyedVectors.load_word2vec_format")


def _number(name: str, text: str | None) -> int:
    if text is None or not text.isdecimal() or not text.isascii() or len(text) > 10:
        raise ValueError(f"{name} must be a number, got {text!r:.80}")
    return int(text)


def _check_word(word: object) -> None:
    if not isinstance(word, str):
        raise TypeError(f"a word must be a str, got {word!r:.80}")


def _restored(vocabulary: Vocabulary, rows: NDArray[np.float32], settings: dict[str, int]) -> SubwordVectors:
    return SubwordVectors(vocabulary, rows, **settings)
