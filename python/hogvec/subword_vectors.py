"""Vectors of words and of their character n-grams, so that any word has one. Training is elsewhere.

One class with the files it reads and writes, and so a little longer than others.
"""

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
from hogvec.evaluate import AnalogyReport, SimilarityReport, evaluate_analogies, evaluate_similarity
from hogvec.fasttext_format import read_fasttext, write_fasttext
from hogvec.fasttext_model import FastTextArguments, FastTextModel, quantize_fasttext
from hogvec.fasttext_vectors import has_ngrams, model_of_rows, subword_settings, words_and_rows
from hogvec.keyed_vectors import KeyedVectors
from hogvec.vocabulary import Vocabulary

__all__ = ["SubwordVectors", "check_subword_settings"]

_FORMAT = {"format": "hogvec.SubwordVectors", "version": "1"}
_FEW = 8  # a look at less than this share of the words computes no other vectors
_MOST_MAX_N = 1000  # what a file says of n-grams should not make more of a word than its letters justify


def check_subword_settings(min_n: int, max_n: int, buckets: int) -> None:
    """Check the lengths of n-grams and the number of buckets."""
    check_int("min_n", min_n, minimum=1)
    check_int("max_n", max_n, minimum=1, maximum=_MOST_MAX_N)
    if max_n < min_n:
        raise ValueError(f"max_n must be at least min_n, {min_n}, got {max_n}")
    check_int("buckets", buckets, minimum=1)


class SubwordVectors(KeyedVectors):
    """The vectors that a `FastText` trains: a word's vector is the mean of its own row and of those of its n-grams.

    A word outside the vocabulary has the mean of its n-grams, so every `str` is a key; ``word in vectors`` still asks
    for the vocabulary, and neighbours are words of it. N-grams are those of ``<word>``, `min_n` to `max_n` code points
    long, and share rows by their hash, as in fastText. After training, only buckets that a word of the vocabulary
    reaches have a row: an n-gram of any other was never trained and counts as a vector of zeros (fastText has there the
    random numbers that it began with). What `load_fasttext` reads has a row for every bucket, as the file has. A word
    with no n-gram that has a row has a vector of zeros.

    Parameters
    ----------
    vocabulary : Vocabulary
    rows : ndarray of float32, shape (n_rows, dim)
        The rows of the words, in their order, then those of buckets, in ascending order: of those that the n-grams of
        the words reach, or of all `buckets`, whichever fits. Used in place, never copied.
    min_n, max_n : int
        Lengths of n-grams in code points, 1 <= min_n <= max_n <= 1000.
    buckets : int
        How many buckets the hashes of n-grams share.
    kept_buckets : ndarray of int32, shape (k,), optional
        The buckets that have a row, ascending, if it is neither of the two choices above, as in a pruned model of
        fastText. As there, n-grams of other buckets then do not count at all.

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
        self,
        vocabulary: Vocabulary,
        rows: NDArray[np.float32],
        *,
        min_n: int,
        max_n: int,
        buckets: int,
        kept_buckets: NDArray[np.int32] | None = None,
    ) -> None:
        check_subword_settings(min_n, max_n, buckets)
        if not isinstance(vocabulary, Vocabulary):
            raise TypeError(f"vocabulary must be a Vocabulary, got {type(vocabulary).__name__}")
        given = len(rows) if isinstance(rows, np.ndarray) and rows.ndim == 2 else None  # else refused below
        every_bucket = given == len(vocabulary) + buckets or kept_buckets is not None
        self._settings = {"min_n": min_n, "max_n": max_n, "buckets": buckets}
        self._subwords = _core.Subwords(vocabulary._words, **self._settings, every_bucket=every_bucket)
        self._kept = None if kept_buckets is None else _checked_buckets(kept_buckets, buckets)
        expected = self._subwords.num_rows if self._kept is None else len(vocabulary) + len(self._kept)
        if given is not None and given != expected:
            raise ValueError(f"rows must be {expected}, one for each word and bucket, got {given}")
        self._means: NDArray[np.float32] | None = None
        super().__init__(vocabulary, rows[: len(vocabulary)])
        self._rows = rows.view()
        self._rows.flags.writeable = False

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The vectors of the vocabulary's words, float32 of shape (n, dim): read-only, computed once from the rows."""
        means = self._means
        if means is None:  # two threads may both compute it: with the same result
            means = self._means_of_words()
            means.flags.writeable = False
            self._means = means
        return means

    @property
    def rows(self) -> NDArray[np.float32]:
        """All rows, float32 of shape (n_rows, dim): of the words, then of `bucket_ids`; a read-only view."""
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

    @property
    def bucket_ids(self) -> NDArray[np.int32]:
        """The buckets that have a row, ascending, int32 of shape (n_rows - n,)."""
        if self._kept is not None:
            return self._kept
        if self._every_bucket:
            return np.arange(self.buckets, dtype=np.int32)
        return self._subwords.buckets.view(np.int32)

    @property
    def _every_bucket(self) -> bool:
        return self._kept is None and len(self._rows) == len(self) + self.buckets

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
        vectors[known] = self._vectors_of_words(ids[known])
        if not known.all():
            vectors[~known] = self._composed([one for one, has in zip(word, known.tolist(), strict=True) if not has])
        return vectors

    def _vectors_of_words(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """Vectors (k, dim) of words of the vocabulary; of a few words without computing those of all."""
        if self._means is None and len(ids) * _FEW < len(self):
            return self._means_of_words(ids)
        return self.vectors[ids]

    def _means_of_words(self, ids: NDArray[np.int32] | None = None) -> NDArray[np.float32]:
        offsets, rows = self._subwords.offsets, self._subwords.rows
        if ids is not None:
            starts, lengths = offsets[ids], offsets[ids + 1] - offsets[ids]
            offsets = np.concatenate([[0], np.cumsum(lengths)])
            rows = rows[np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])]
        if self._kept is not None:  # these are the rows as if every bucket had one
            n = len(self)
            places, has_row = self._rows_of(np.maximum(rows.astype(np.int64) - n, 0))
            is_word = rows < n
            counts = is_word | has_row
            rows = np.where(is_word, rows, places)[counts]
            offsets = np.concatenate([[0], np.cumsum(counts)])[offsets]
        return _core.mean_rows(self._rows, offsets, rows)

    def _composed(self, words: list[str]) -> NDArray[np.float32]:
        """Means (k, dim) of the n-grams of words; those without a row count as zeros, or not in a pruned model."""
        offsets, ids = _core.subword_ids(words, **self._settings, first=0)
        rows, has_row = self._rows_of(ids)
        starts = np.concatenate([[0], np.cumsum(has_row)])[offsets]
        means = _core.mean_rows(self._rows, starts, rows[has_row])
        if self._kept is not None or self._every_bucket:
            return means
        share = np.diff(starts) / np.maximum(np.diff(offsets), 1)
        return means * share.astype(np.float32)[:, None]

    def _rows_of(self, buckets: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
        """Rows of buckets, and which of these have one."""
        if self._every_bucket:
            return (len(self) + buckets).astype(np.uint32), np.ones(len(buckets), np.bool_)
        known = self.bucket_ids
        places = np.searchsorted(known, buckets.astype(known.dtype))  # of another type, all of `known` is converted
        has_row = np.zeros(len(buckets), np.bool_)
        inside = places < len(known)
        has_row[inside] = known[places[inside]] == buckets[inside]
        return (len(self) + places).astype(np.uint32), has_row

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
        rows, has_row = self._rows_of(ids)
        vectors = np.zeros((len(ids), self.dim), np.float32)
        vectors[has_row] = self._rows[rows[has_row]]
        return vectors

    def _unit_vectors(self, words: Sequence[str]) -> NDArray[np.float64]:
        return unit(self[words])

    def __repr__(self) -> str:
        return f"SubwordVectors({len(self)} words, dim {self.dim}, n-grams of {self.min_n} to {self.max_n})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._vocabulary, np.ascontiguousarray(self._rows), self._settings, self._kept)

    # Evaluation

    def evaluate_analogies(
        self,
        path: str | os.PathLike[str],
        *,
        restrict_vocab: int | None = None,
        case_insensitive: bool = True,
        unseen: bool = False,
    ) -> AnalogyReport:
        """Answer analogy questions; see `hogvec.evaluate.evaluate_analogies`.

        With `unseen`, a question needs only its answer in the vocabulary: the other words have vectors anyway.
        """
        return evaluate_analogies(
            self._vocabulary,
            self._unit(),
            path,
            restrict_vocab=restrict_vocab,
            case_insensitive=case_insensitive,
            unseen=self._unit_vectors if unseen else None,
        )

    def evaluate_similarity(
        self,
        path: str | os.PathLike[str],
        *,
        restrict_vocab: int | None = None,
        case_insensitive: bool = True,
        unseen: bool = False,
    ) -> SimilarityReport:
        """Compare similarities with those people gave; see `hogvec.evaluate.evaluate_similarity`.

        With `unseen`, words outside the vocabulary are compared by their n-grams, so that every pair is answered.
        """
        return evaluate_similarity(
            self._vocabulary,
            self._unit(),
            path,
            restrict_vocab=restrict_vocab,
            case_insensitive=case_insensitive,
            unseen=self._unit_vectors if unseen else None,
        )

    # Files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a safetensors file with the rows, the words and their counts.

        The tensors are those of `KeyedVectors.save`, with all rows as `vectors`, and `kept_buckets` of a pruned model;
        `min_n`, `max_n` and `buckets` are metadata. `save_word2vec_format` and
        ``KeyedVectors(v.vocabulary, v.vectors).save`` write the vectors of the vocabulary alone.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        metadata = {**_FORMAT, **{name: str(value) for name, value in self._settings.items()}}
        kept = {} if self._kept is None else {"kept_buckets": self._kept}
        write_safetensors(path, {"vectors": self._rows, **word_tensors(self._vocabulary), **kept}, metadata)

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
            return cls(words_of(tensors), tensors["vectors"], **settings, kept_buckets=tensors.get("kept_buckets"))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)!r} is damaged: {error}") from None

    def save_fasttext(
        self,
        path: str | os.PathLike[str],
        *,
        arguments: FastTextArguments | None = None,
        output_table: NDArray[np.float32] | None = None,
        quantize: bool = False,
        dsub: int = 2,
        qnorm: bool = False,
    ) -> None:
        """Write a model file that fastText reads, and gensim if it is not quantized.

        A ``.bin`` has a row for every bucket, which takes ``4 * buckets * dim`` bytes of the disk; buckets without one
        here get zeros. A quantized file has only the rows that there are, as a model that fastText has pruned: words
        outside the vocabulary have the same directions there, and longer vectors.

        Parameters
        ----------
        path : str or PathLike
            By custom ``.bin``, or ``.ftz`` of a quantized model.
        arguments : FastTextArguments, optional
            What the file says of the training; `dim`, `min_n`, `max_n` and `buckets` are taken from here. Default:
            fastText's. `Trainer.save_fasttext` fills in what it trained with.
        output_table : ndarray of float32, shape (n, dim), optional
            The rows that words are predicted with, for a program that trains on. Default: zeros.
        quantize : bool, default False
            Write a quantized model, with an output table that is quantized, too.
        dsub : int, default 2
            Values of a row that share a byte, in a quantized model.
        qnorm : bool, default False
            Quantize the lengths of rows on their own.

        Raises
        ------
        OSError
            The file cannot be written.
        TypeError, ValueError
            An argument is of the wrong kind or shape; a row is not finite; a word holds a NUL; the
            vectors are pruned and not to be quantized.

        Examples
        --------
        >>> v.save_fasttext("vectors.ftz", quantize=True, qnorm=True)  # doctest: +SKIP
        """
        if self._kept is not None and not quantize:
            raise ValueError("vectors with kept_buckets must be written with quantize=True, got quantize=False")
        model = model_of_rows(
            self._vocabulary,
            self._rows,
            self.bucket_ids,
            arguments=arguments,
            settings=self._settings,
            output_table=output_table,
            pruned=quantize,
        )
        if quantize:
            model = quantize_fasttext(model, dsub=dsub, qnorm=qnorm, qout=True)
        write_fasttext(model, path)

    @classmethod
    def load_fasttext(cls, path: str | os.PathLike[str]) -> SubwordVectors:
        """Read the vectors of a fastText model, ``.bin`` or ``.ftz``, of any kind whose words have n-grams of letters.

        Every bucket has a row, except in a pruned model. A quantized table is decoded. `hogvec.fasttext_format` reads
        all that is in a file.

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            The file is no whole fastText model, or has no n-grams: `KeyedVectors.load_fasttext` reads those.

        Examples
        --------
        >>> SubwordVectors.load_fasttext("cc.en.300.bin").most_similar("unseenish")  # doctest: +SKIP
        """
        return cls._from_fasttext(read_fasttext(path), path)

    @classmethod
    def _from_fasttext(cls, model: FastTextModel, path: str | os.PathLike[str]) -> SubwordVectors:
        if not has_ngrams(model):
            raise ValueError(f"{os.fspath(path)!r} has no n-grams: read it with KeyedVectors.load_fasttext")
        try:
            return cls(*words_and_rows(model), **subword_settings(model))
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)!r} does not hold subword vectors: {error}") from None

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


def _checked_buckets(kept: Any, buckets: int) -> NDArray[np.int32]:
    """Return a read-only view of `kept` if it is an ascending array of buckets."""
    if not isinstance(kept, np.ndarray) or kept.dtype != np.int32 or kept.ndim != 1:
        raise TypeError(f"kept_buckets must be an int32 array with one axis, got {kept!r:.80}")
    if len(kept) and not 0 <= kept[0] <= kept[-1] < buckets:
        raise ValueError(f"kept_buckets must be at least 0 and below {buckets}, got {kept[0]} to {kept[-1]}")
    if (kept[1:] <= kept[:-1]).any():
        raise ValueError("kept_buckets must ascend, and do not")
    view = kept.view()
    view.flags.writeable = False
    return view


def _restored(
    vocabulary: Vocabulary, rows: NDArray[np.float32], settings: dict[str, int], kept: NDArray[np.int32] | None
) -> SubwordVectors:
    return SubwordVectors(vocabulary, rows, **settings, kept_buckets=kept)
