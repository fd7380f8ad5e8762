"""Vectors with words as keys: lookup, nearest neighbours by cosine, evaluation, and files. Training is elsewhere.

One class with all of these, and so a little longer than others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec._cosine import UnitRows, nearest, unit
from hogvec._safetensors import write_safetensors
from hogvec._validate import check_int
from hogvec._vectors_file import read_vectors_file, word_tensors, words_of
from hogvec.evaluate import AnalogyReport, SimilarityReport, evaluate_analogies, evaluate_similarity
from hogvec.fasttext_format import read_fasttext
from hogvec.fasttext_model import FastTextModel
from hogvec.fasttext_vectors import has_ngrams, words_and_rows
from hogvec.vocabulary import Vocabulary
from hogvec.word2vec_format import read_word2vec_format, write_word2vec_format

__all__ = ["KeyedVectors", "Neighbor"]

_SCORES = 1 << 24  # float32 similarities held at once: 64 MB
_FORMAT = {"format": "hogvec.KeyedVectors", "version": "1"}


class Neighbor(NamedTuple):
    """A word and its cosine similarity to what was asked for."""

    word: str
    similarity: float


class KeyedVectors:
    """Words and their vectors.

    Similarity is the cosine. A vector without a direction (all zeros, or with a value that is not finite) has
    similarity 0 to everything. Neighbours come in the order of falling similarity, equal ones in the order of the
    vocabulary. Any number of threads may read one object.

    Parameters
    ----------
    vocabulary : Vocabulary or None
        The words; word i has row i. None, for rows that are ids without words: the word of row i is ``str(i)``.
    vectors : ndarray of float32, shape (n, dim)
        Used in place, never copied: the rows may lie apart (any row stride), the values of a row may not.

    Raises
    ------
    TypeError
        `vocabulary` is no Vocabulary, or `vectors` is no float32 array.
    ValueError
        `vectors` does not have one row per word, at least one column and contiguous rows.

    Examples
    --------
    >>> import numpy as np
    >>> from hogvec.vocabulary import Vocabulary
    >>> words = Vocabulary.from_words(["king", "queen", "apple"])
    >>> v = KeyedVectors(words, np.array([[1, 0.5], [1, 0.6], [-1, 2]], dtype=np.float32))
    >>> v["queen"]
    array([1. , 0.6], dtype=float32)
    >>> [(word, round(similarity, 3)) for word, similarity in v.most_similar("king", topn=1)]
    [('queen', 0.997)]
    """

    def __init__(self, vocabulary: Vocabulary | None, vectors: NDArray[np.float32]) -> None:
        if vocabulary is not None and not isinstance(vocabulary, Vocabulary):
            raise TypeError(f"vocabulary must be a Vocabulary, got {type(vocabulary).__name__}")
        if not isinstance(vectors, np.ndarray) or vectors.dtype != np.float32:
            kind = vectors.dtype if isinstance(vectors, np.ndarray) else type(vectors).__name__
            raise TypeError(f"vectors must be a float32 array, got {kind}")
        rows = vectors.shape[:1] if vocabulary is None else (len(vocabulary),)
        if vectors.ndim != 2 or vectors.shape[:1] != rows or vectors.shape[1] < 1:
            expected = "n" if vocabulary is None else len(vocabulary)
            raise ValueError(f"vectors must have the shape ({expected}, dim), got {vectors.shape}")
        apart = vectors.size > 0 and vectors.shape[1] > 1 and vectors.strides[1] != vectors.itemsize
        if apart or not vectors.flags.aligned:
            raise ValueError(f"vectors must have aligned rows of contiguous values, got strides {vectors.strides}")
        if vocabulary is not None:
            self._vocabulary = vocabulary
        self._vectors = np.asarray(vectors).view()
        self._vectors.flags.writeable = False
        self._unit_rows: UnitRows | None = None

    @property
    def vocabulary(self) -> Vocabulary:
        """The words: a mapping from word to row."""
        return self._vocabulary

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        """The names of ids, made when somebody asks for them: there may be very many."""
        return Vocabulary.from_words(map(str, range(len(self._vectors))))

    @property
    def vectors(self) -> NDArray[np.float32]:
        """All vectors, float32 of shape (n, dim): a read-only view, whose rows may lie apart in memory."""
        return self._vectors

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._vectors.shape[1])

    @property
    def norms(self) -> NDArray[np.float64]:
        """Euclidean lengths of the vectors, float64 of shape (n,), computed once; not finite where a vector is not."""
        return self._unit().norms

    def _unit(self) -> UnitRows:
        rows = self._unit_rows
        if rows is None:  # two threads may both compute it: with the same result
            rows = self._unit_rows = UnitRows(self.vectors)
        return rows

    def _forget_norms(self) -> None:
        """To be called by whoever owns the table and has changed it."""
        self._unit_rows = None

    def __len__(self) -> int:
        return len(self._vectors)

    def __contains__(self, word: object) -> bool:
        return word in self._vocabulary

    def __iter__(self) -> Iterator[str]:
        return iter(self._vocabulary)

    def __getitem__(self, word: str | Sequence[str]) -> NDArray[np.float32]:
        """Return a copy of the vector of a word (dim,) or of several (k, dim); KeyError names one that is unknown."""
        if isinstance(word, str):
            return np.array(self.vectors[self._vocabulary[word]])
        return self.vectors[self._ids(word)]

    def _ids(self, words: Sequence[str]) -> NDArray[np.int32]:
        if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
            raise TypeError(f"a key must be a str or a list of str, got {words!r:.80}")
        ids = self._vocabulary.ids(words)
        if len(ids) and ids.min() < 0:
            raise KeyError(words[int(ids.argmin())])
        return ids

    def __repr__(self) -> str:
        return f"KeyedVectors({len(self)} words, dim {self.dim})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._vocabulary, np.ascontiguousarray(self.vectors))

    # Similarity

    def similarity(self, a: str, b: str) -> float:
        """Return the cosine of the vectors of two words, in [-1, 1]."""
        first, second = self._unit_vectors([a, b])
        return max(-1.0, min(1.0, float(first @ second)))

    def most_similar(
        self,
        positive: str | Sequence[str | ArrayLike] | ArrayLike | None = None,
        negative: str | Sequence[str | ArrayLike] | ArrayLike | None = None,
        topn: int = 10,
        restrict_vocab: int | None = None,
    ) -> list[Neighbor]:
        """Return the words nearest to a sum of words, minus others: 3CosAdd of Levy and Goldberg.

        Every given vector counts with length 1. Words that are given are not among the results.

        Parameters
        ----------
        positive, negative : str, list of (str or vector), or array of shape (dim,) or (k, dim)
            What to be near to, and what to be far from. None: nothing; one of the two must be given.
        topn : int, default 10
            How many words; all of them if there are fewer.
        restrict_vocab : int, optional
            Look only among the first so many words of the vocabulary. Default: all.

        Returns
        -------
        list of Neighbor
            Word and similarity.

        Raises
        ------
        KeyError
            A word is unknown.
        ValueError
            Nothing is given, `topn` or `restrict_vocab` is below 1, or a vector has not dim values.

        References
        ----------
        O. Levy, Y. Goldberg. Linguistic Regularities in Sparse and Explicit Word Representations. CoNLL 2014.

        Examples
        --------
        >>> v.most_similar(["king", "woman"], ["man"], topn=1)  # doctest: +SKIP
        [Neighbor(word='queen', similarity=0.7118193507194519)]
        """
        with_plus, plus_ids = self._directions("positive", positive)
        with_minus, minus_ids = self._directions("negative", negative)
        if not len(with_plus) and not len(with_minus):
            raise ValueError("positive or negative must hold at least one word or vector, got none")
        query = with_plus.sum(axis=0) - with_minus.sum(axis=0)
        return self._neighbors(query[None], topn, restrict_vocab, [*plus_ids, *minus_ids])[0]

    def _directions(self, name: str, given: Any) -> tuple[NDArray[np.float64], list[int]]:
        """Unit vectors (k, dim) of the words and vectors given, and the ids of the words."""
        if given is None or (isinstance(given, (list, tuple)) and not given):
            return np.empty((0, self.dim)), []
        items = [given] if isinstance(given, str) else given
        if not isinstance(items, (list, tuple)) or not any(isinstance(item, str) for item in items):
            return unit(self._vectors_of(name, items)), []
        words = [item for item in items if isinstance(item, str)]
        rows = iter(self._unit_vectors(words))
        parts = [next(rows)[None] if isinstance(item, str) else unit(self._vectors_of(name, item)) for item in items]
        return np.concatenate(parts), [id for id in self._vocabulary.ids(words).tolist() if id >= 0]

    def _unit_vectors(self, words: Sequence[str]) -> NDArray[np.float64]:
        """Unit vectors (k, dim) of words."""
        return self._unit().rows(self._ids(words))

    def _vectors_of(self, name: str, given: Any) -> NDArray[Any]:
        """Return the given vectors as an array (k, dim)."""
        array = np.asarray(given)
        if array.dtype.kind not in "fiu":
            raise TypeError(f"{name} must hold words or vectors of numbers, got {given!r:.80}")
        if array.ndim not in (1, 2) or array.shape[-1] != self.dim:
            raise ValueError(f"{name} must hold vectors of {self.dim} values, got the shape {array.shape}")
        return np.atleast_2d(array)

    def similar_by_vector(
        self, vectors: ArrayLike, topn: int = 10, restrict_vocab: int | None = None
    ) -> list[Neighbor] | list[list[Neighbor]]:
        """Return the words nearest to a vector, or to each of many.

        Parameters
        ----------
        vectors : array_like, shape (dim,) or (k, dim)
            What to be near to. Many at once are several times faster than one by one; memory stays bounded.
        topn : int, default 10
            How many words for each; all of them if there are fewer.
        restrict_vocab : int, optional
            Look only among the first so many words of the vocabulary. Default: all.

        Returns
        -------
        list of Neighbor, or list of k such lists
            Word and similarity.

        Raises
        ------
        ValueError
            `topn` or `restrict_vocab` is below 1, or a vector has not dim values.
        """
        found = self._neighbors(self._vectors_of("vectors", vectors), topn, restrict_vocab, [])
        return found[0] if np.ndim(vectors) == 1 else found

    def _neighbors(
        self, queries: NDArray[Any], topn: int, restrict_vocab: int | None, excluded: list[int]
    ) -> list[list[Neighbor]]:
        topn = check_int("topn", topn, minimum=1, maximum=2**63 - 1)
        among = self._restricted(restrict_vocab)
        rows = self._unit()
        excluded = [id for id in set(excluded) if id < among]
        count = min(topn, among - len(excluded))
        found = []
        step = max(1, _SCORES // max(among, _SCORES // 4096))
        for start in range(0, len(queries), step):
            block = unit(queries[start : start + step])
            scores = rows.scores(block.astype(np.float32), 0, among)
            scores[:, excluded] = -np.inf
            for query, row in zip(block, scores, strict=True):
                ids, similarities = nearest(rows, query, row, count)
                words = map(self._vocabulary.word, ids.tolist())
                found.append(list(map(Neighbor, words, similarities.tolist())))
        return found

    def _restricted(self, restrict_vocab: int | None) -> int:
        if restrict_vocab is None:
            return len(self)
        return min(len(self), check_int("restrict_vocab", restrict_vocab, minimum=1, maximum=2**63 - 1))

    # Evaluation

    def evaluate_analogies(
        self, path: str | os.PathLike[str], *, restrict_vocab: int | None = None, case_insensitive: bool = True
    ) -> AnalogyReport:
        """Answer analogy questions ("a is to b as c is to ?"); see `hogvec.evaluate.evaluate_analogies`."""
        return evaluate_analogies(
            self._vocabulary, self._unit(), path, restrict_vocab=restrict_vocab, case_insensitive=case_insensitive
        )

    def evaluate_similarity(
        self, path: str | os.PathLike[str], *, restrict_vocab: int | None = None, case_insensitive: bool = True
    ) -> SimilarityReport:
        """Compare similarities with those people gave; see `hogvec.evaluate.evaluate_similarity`."""
        return evaluate_similarity(
            self._vocabulary, self._unit(), path, restrict_vocab=restrict_vocab, case_insensitive=case_insensitive
        )

    # Files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a safetensors file with the vectors, the words and their counts.

        The tensors are `vectors` float32 (n, dim), `word_letters` uint8, `word_offsets` int64 (n + 1,) and
        `word_counts` int64 (n,); the UTF-8 of word i is ``word_letters[word_offsets[i]:word_offsets[i + 1]]``. The file
        is written beside `path` and then takes its place, so that an old file survives a failure.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        write_safetensors(path, {"vectors": self.vectors, **word_tensors(self._vocabulary)}, _FORMAT)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> KeyedVectors:
        """Read a file of `save`. The vectors are mapped into memory: they are read from the disk when they are used.

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            The file is damaged, cut short, or something else.
        """
        tensors, _ = read_vectors_file(path, _FORMAT)
        try:
            return cls(words_of(tensors), tensors["vectors"])
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)!r} is damaged: {error}") from None

    def save_word2vec_format(self, path: str | os.PathLike[str], *, binary: bool = False) -> None:
        """Write word2vec's text or binary file, compressed if the name ends with ``.gz``.

        Text holds the shortest decimals that read back as the same float32. Counts are not kept. The file is written
        beside `path` and then takes its place, so that an old file survives a failure.

        Raises
        ------
        OSError
            The file cannot be written.
        ValueError
            A word has white space in it or a value is not finite: the format, or its readers, cannot hold that.
        """
        write_word2vec_format(path, self._vocabulary, self.vectors, binary=binary)

    @classmethod
    def load_word2vec_format(
        cls,
        path: str | os.PathLike[str],
        *,
        binary: bool | None = None,
        errors: str = "strict",
        limit: int | None = None,
    ) -> KeyedVectors:
        """Read word2vec's text or binary file, as word2vec, fastText (``.vec``), GloVe and gensim write it.

        In text the last dim fields of a line are the numbers and the rest is the word, which may hold spaces. A text
        file without a first line ``rows dim`` (GloVe) is taken if its first line ends with at least two numbers: all
        numbers there make the dim. A binary file may or may not have a newline after each row. The file is compressed
        if its name ends with ``.gz``. Counts are 0: the format has none.

        Parameters
        ----------
        path : str or PathLike
            The file.
        binary : bool, optional
            Which of the two formats it is. Default: found from the first row.
        errors : {"strict", "ignore", "replace", "surrogateescape"}, default "strict"
            What to do with words that are not UTF-8: raise, drop the broken bytes, put U+FFFD, or keep the bytes.
        limit : int, optional
            Read only the first so many rows. Default: all.

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            The file is not what its first line promises, is cut short, has a field that is not a finite number, a word
            that comes twice or is not UTF-8. Nothing is allocated for rows that the file cannot hold.
        """
        return cls(*read_word2vec_format(path, binary=binary, errors=errors, limit=limit))

    @classmethod
    def load_fasttext(cls, path: str | os.PathLike[str]) -> KeyedVectors:
        """Read the words of a fastText model, ``.bin`` or ``.ftz``, that has no n-grams of letters, and their counts.

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            The file is no whole fastText model, or its words have n-grams: `SubwordVectors.load_fasttext` reads those.
        """
        return cls._from_fasttext(read_fasttext(path), path)

    @classmethod
    def _from_fasttext(cls, model: FastTextModel, path: str | os.PathLike[str]) -> KeyedVectors:
        if has_ngrams(model):
            raise ValueError(f"{os.fspath(path)!r} has n-grams: read it with SubwordVectors.load_fasttext")
        words, rows = words_and_rows(model)
        return cls(words, rows[: len(words)])
