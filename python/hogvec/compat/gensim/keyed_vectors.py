"""gensim's `KeyedVectors`: cosines, evaluations and files, which are those of the library."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import hogvec
from hogvec._cosine import nearest, unit
from hogvec.compat.gensim._evaluation import Correlation, word_analogies, word_pairs
from hogvec.compat.gensim.keyed_array import KEY_TYPES, Key, KeyedArray
from hogvec.vocabulary import Vocabulary

__all__ = ["KeyedVectors"]

_COSMUL_FLOOR = 1e-6  # of the product that is divided by


class KeyedVectors(KeyedArray):
    """Keys and their vectors, with the interface of gensim 4.

    A key is a str, or the int that is its place. Norms are kept once computed: `fill_norms` with ``force=True`` after a
    change of `vectors` in place.

    Parameters
    ----------
    vector_size : int
    count : int, default 0
        Places that `add_vector` fills, zeros at first.
    dtype : dtype, default float32
    mapfile_path : None
        Not used.
    """

    def vectors_for_all(
        self, keys: Iterable[Any], allow_inference: bool = True, copy_vecattrs: bool = False
    ) -> KeyedVectors:
        """Return new `KeyedVectors` of those keys that have a vector here, each once.

        With `allow_inference` a key needs no place if `get_vector` knows its vector. `copy_vecattrs` copies attributes
        of keys with a place.
        """
        known = [key for key in dict.fromkeys(keys) if (key in self if allow_inference else self.has_index_for(key))]
        new = KeyedVectors(self.vector_size, dtype=self.vectors.dtype)
        if known:
            new.add_vectors(known, self[known])
        for name, values in self.expandos.items():
            new.expandos[name] = np.zeros((len(known), *values.shape[1:]), values.dtype)
            for i, key in enumerate(known):
                if copy_vecattrs and self.has_index_for(key):
                    new.expandos[name][i] = values[self.get_index(key)]
        return new

    # Similarity

    def similarity(self, w1: Key, w2: Key) -> np.float32:
        """Return the cosine of two keys."""
        a, b = unit(self[[w1, w2]])
        return np.float32(float(a @ b))

    def distance(self, w1: Key, w2: Key) -> np.float32:
        """Return 1 minus the cosine of two keys."""
        return np.float32(1 - self.similarity(w1, w2))

    def distances(self, word_or_vector: Any, other_words: Sequence[Key] = ()) -> NDArray[np.float32]:
        """Return 1 minus the cosines of a key or vector with those of other keys, or with all."""
        query = self.get_vector(word_or_vector) if isinstance(word_or_vector, KEY_TYPES) else word_or_vector
        if not len(other_words):
            return np.asarray(1 - self._cosines(unit(query), 0, len(self)), np.float32)
        others = self.vectors[[self.get_index(word) for word in other_words]]
        return np.asarray(1 - unit(others) @ unit(query), np.float32)

    @staticmethod
    def cosine_similarities(vector_1: ArrayLike, vectors_all: ArrayLike) -> NDArray[np.float64]:
        """Return the cosines of a vector, shape (dim,), with others, shape (n, dim)."""
        return np.asarray(unit(np.asarray(vectors_all)) @ unit(np.asarray(vector_1)))

    def n_similarity(self, ws1: Sequence[Key], ws2: Sequence[Key]) -> np.float32:
        """Return the cosine of the means of two lists of keys."""
        if not len(ws1) or not len(ws2):
            raise ZeroDivisionError("both lists of keys must hold at least one, got an empty one")
        means = unit(np.stack([self._mean(keys, pre_normalize=False, ignore_missing=True) for keys in (ws1, ws2)]))
        return np.float32(means[0] @ means[1])

    def _cosines(self, query: NDArray[np.float64], start: int, stop: int) -> NDArray[np.float32]:
        """Cosines of a unit vector with the vectors of places [start, stop)."""
        return np.asarray(self._unit().scores(query[None].astype(np.float32), start, stop)[0])

    def most_similar(
        self,
        positive: Any = None,
        negative: Any = None,
        topn: int | None = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Any = None,
    ) -> Any:
        """Return the keys nearest to a sum of keys or vectors, minus others: [(key, cosine), ...].

        Items are keys, vectors, or pairs of one of them and its weight. Given keys are not among the results. With a
        `topn` of None the cosines of all keys are returned, an array of shape (n,). Only places from `clip_start` up to
        `clip_end` are looked at, or the first `restrict_vocab`.
        """
        if topn is not None and topn < 1:
            return []
        given, weights = _items(positive, 1.0)
        minus, minus_weights = _items(negative, -1.0)
        given += minus
        if not given:
            raise ValueError("positive or negative must hold at least one key or vector, got none")
        query = unit(self._mean(given, weights + minus_weights))
        if indexer is not None and topn is not None:
            return indexer.most_similar(query.astype(np.float32), topn)
        if restrict_vocab:
            clip_start, clip_end = 0, restrict_vocab
        stop = len(self) if clip_end is None else min(len(self), clip_end)
        scores = np.full(len(self), -np.inf, np.float32)
        scores[clip_start:stop] = self._cosines(query, clip_start, stop)
        if topn is None:
            return scores[clip_start:stop]
        scores[self._places(given)] = -np.inf
        count = min(topn, int((scores > -np.inf).sum()))
        places, cosines = nearest(self._unit(), query, scores, count)
        return [(self.index_to_key[place], cosine) for place, cosine in zip(places, cosines.tolist(), strict=True)]

    def _places(self, given: Sequence[Any]) -> list[int]:
        """Places of those items that are keys and have one."""
        return [self.get_index(key) for key in given if isinstance(key, KEY_TYPES) and self.has_index_for(key)]

    def similar_by_word(self, word: Key, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """Return the nearest keys of one."""
        return self.most_similar([word], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_key(self, key: Key, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """Return the nearest keys of one."""
        return self.most_similar([key], topn=topn, restrict_vocab=restrict_vocab)

    def similar_by_vector(self, vector: ArrayLike, topn: int | None = 10, restrict_vocab: int | None = None) -> Any:
        """Return the keys nearest to a vector."""
        return self.most_similar([np.asarray(vector)], topn=topn, restrict_vocab=restrict_vocab)

    def most_similar_cosmul(
        self, positive: Any = None, negative: Any = None, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> Any:
        """Return the keys with the largest product of similarities, over that with others: 3CosMul.

        References
        ----------
        O. Levy, Y. Goldberg. Linguistic Regularities in Sparse and Explicit Word Representations. CoNLL 2014.
        """
        if topn is not None and topn < 1:
            return []
        sides = [_items(positive, 1.0)[0], _items(negative, 1.0)[0]]
        if not sides[0]:
            raise ValueError("positive must hold at least one key or vector, got none")
        stop = len(self) if not restrict_vocab else min(len(self), restrict_vocab)
        products = []
        for items in sides:
            units = [unit(item if isinstance(item, np.ndarray) else self.get_vector(item)) for item in items]
            shifted = [(1 + self._cosines(one, 0, stop).astype(np.float64)) / 2 for one in units]
            products.append(np.prod(shifted, axis=0) if shifted else np.ones(stop))
        scores = products[0] / (products[1] + _COSMUL_FLOOR)
        if topn is None:
            return scores
        scores[[place for place in self._places([*sides[0], *sides[1]]) if place < stop]] = -np.inf
        order = np.argsort(-scores, kind="stable")[:topn]
        return [(self.index_to_key[i], float(scores[i])) for i in order.tolist() if scores[i] > -np.inf]

    def most_similar_to_given(self, key1: Key, keys_list: Sequence[Key]) -> Key:
        """Return the one of `keys_list` that is nearest to `key1`."""
        return keys_list[int(np.argmax([self.similarity(key1, key) for key in keys_list]))]

    def closer_than(self, key1: Key, key2: Key) -> list[Any]:
        """Return all keys that are nearer to `key1` than `key2` is."""
        distances = self.distances(key1)
        nearer = np.flatnonzero(distances < distances[self.get_index(key2)]).tolist()
        return [self.index_to_key[i] for i in nearer if i != self.get_index(key1)]

    def words_closer_than(self, word1: Key, word2: Key) -> list[Any]:
        """Return `closer_than`."""
        return self.closer_than(word1, word2)

    def rank(self, key1: Key, key2: Key) -> int:
        """Return the place of `key2` among the neighbours of `key1`, from 1."""
        return len(self.closer_than(key1, key2)) + 1

    def rank_by_centrality(self, words: Sequence[Key], use_norm: bool = True) -> list[tuple[float, Key]]:
        """Return the known ones of `words` with their nearness to the mean of all, the nearest first."""
        known = [word for word in words if word in self]
        if not known:
            raise ValueError("words must hold at least one that is known, got none")
        vectors = np.stack([self.get_vector(word, norm=use_norm) for word in known]).astype(np.float64)
        products = vectors @ unit(vectors.mean(axis=0))
        return sorted(zip(products.tolist(), known, strict=True), reverse=True)

    def doesnt_match(self, words: Sequence[Key]) -> Key:
        """Return the one of `words` that is farthest from the mean of all."""
        return self.rank_by_centrality(words)[-1][1]

    def relative_cosine_similarity(self, wa: Key, wb: Key, topn: int = 10) -> float:
        """Return the cosine of two keys over the sum of those of the `topn` nearest neighbours of the first.

        References
        ----------
        A. Leeuwenberg et al. A Minimally Supervised Approach for Synonym Extraction with Word Embeddings. 2016.
        """
        near: list[tuple[Any, float]] = self.most_similar([wa], topn=topn)
        return float(self.similarity(wa, wb)) / sum(cosine for _, cosine in near)

    # Evaluation and files

    def evaluate_word_analogies(
        self,
        analogies: str | os.PathLike[str],
        restrict_vocab: int | None = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
        similarity_function: str = "most_similar",
    ) -> tuple[float, list[dict[str, Any]]]:
        """Answer the questions of a file: see `hogvec.evaluate.evaluate_analogies`.

        Returns
        -------
        float
            The share of right answers among the questions whose words are known, or of all with `dummy4unknown`.
        list of dict
            For every section, and for "Total accuracy" at last: "section", and the questions that were answered
            "correct" and "incorrect", tuples of four words.
        """
        if similarity_function != "most_similar":
            raise NotImplementedError(f"similarity_function must be 'most_similar', got {similarity_function!r}")
        options: dict[str, Any] = {"restrict_vocab": restrict_vocab, "case_insensitive": case_insensitive}
        return word_analogies(self._vocabulary(), self._unit(), analogies, unknown_are_wrong=dummy4unknown, **options)

    def evaluate_word_pairs(
        self,
        pairs: str | os.PathLike[str],
        delimiter: str = "\t",
        encoding: str = "utf8",
        restrict_vocab: int | None = 300_000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[Correlation, Correlation, float]:
        """Compare cosines with the scores of a file: see `hogvec.evaluate.evaluate_similarity`.

        The delimiter is found from the file, whose encoding is UTF-8.

        Returns
        -------
        Correlation, Correlation
            Pearson's and Spearman's, each with its p-value.
        float
            Percentage of pairs with an unknown word; with `dummy4unknown` they count as pairs of similarity 0.
        """
        options: dict[str, Any] = {"restrict_vocab": restrict_vocab, "case_insensitive": case_insensitive}
        return word_pairs(self._vocabulary(), self._unit(), pairs, unknown_are_zero=dummy4unknown, **options)

    def save(self, fname: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        """Write the safetensors file of `hogvec.KeyedVectors.save`, whatever else is given.

        Raises
        ------
        ValueError
            There are attributes other than "count", which the file cannot hold.
        """
        others = sorted({*self.expandos} - {"count"})
        if others:
            raise ValueError(f"expandos must hold 'count' alone to be written, got {others}")
        hogvec.KeyedVectors(self._vocabulary(), np.asarray(self.vectors, np.float32)).save(fname)

    @classmethod
    def load(cls, fname: str | os.PathLike[str], mmap: str | None = None) -> KeyedVectors:
        """Read a file of `save` or of `hogvec.KeyedVectors.save`; never a pickle.

        Parameters
        ----------
        fname : str or PathLike
        mmap : {None, "r"}
            "r": leave the vectors in the file, read-only.
        """
        if mmap not in (None, "r"):
            raise ValueError(f"mmap must be None or 'r', got {mmap!r}")
        native = hogvec.KeyedVectors.load(fname)
        return _from_native(native.vocabulary, native.vectors if mmap else native.vectors.copy())

    def save_word2vec_format(
        self,
        fname: str | os.PathLike[str],
        fvocab: str | os.PathLike[str] | None = None,
        binary: bool = False,
        total_vec: int | None = None,
        write_header: bool = True,
        prefix: str = "",
        append: bool = False,
        sort_attr: str = "count",
    ) -> None:
        """Write word2vec's file: see `hogvec.KeyedVectors.save_word2vec_format`.

        Keys come by falling attribute `sort_attr` if they have it, with `prefix` before each; `fvocab` gets their
        counts. `total_vec`, a missing header and appending are not available.
        """
        if total_vec is not None or not write_header or append:
            raise NotImplementedError("total_vec, write_header=False and append=True are not available")
        values = self.expandos.get(sort_attr)
        order = np.arange(len(self)) if values is None else np.argsort(-values.astype(np.int64), kind="stable")
        keys = [f"{prefix}{self.index_to_key[i]}" for i in order.tolist()]
        vectors = np.asarray(self.vectors, np.float32)[order]
        words = Vocabulary.from_words(keys)
        hogvec.KeyedVectors(words, vectors).save_word2vec_format(fname, binary=binary)
        if fvocab is not None:
            counts = self.expandos.get("count", np.zeros(len(self), np.int64))[order]
            Vocabulary.from_bytes_arrays(*words.to_bytes_arrays(), np.asarray(counts, np.int64)).save(fvocab)

    @classmethod
    def load_word2vec_format(
        cls,
        fname: str | os.PathLike[str],
        fvocab: str | os.PathLike[str] | None = None,
        binary: bool = False,
        encoding: str = "utf8",
        unicode_errors: str = "strict",
        limit: int | None = None,
        datatype: Any = np.float32,
        no_header: bool = False,
    ) -> KeyedVectors:
        """Read word2vec's file: see `hogvec.KeyedVectors.load_word2vec_format`.

        Whether there is a header is found from the file, whose encoding is UTF-8; `fvocab` has the counts.
        """
        native = hogvec.KeyedVectors.load_word2vec_format(
            fname, binary=bool(binary), errors=unicode_errors, limit=limit
        )
        made = _from_native(native.vocabulary, native.vectors.astype(datatype))
        if fvocab is not None:
            counts = Vocabulary.load(fvocab)
            places = counts.ids(made.index_to_key)
            made.expandos["count"] = np.where(places >= 0, counts.counts[places], 0)
        return made


def _from_native(vocabulary: Vocabulary, vectors: NDArray[Any]) -> KeyedVectors:
    made = KeyedVectors(vectors.shape[1])
    made._set_words(vocabulary, vectors)
    return made


def _items(given: Any, sign: float) -> tuple[list[Any], list[float]]:
    """Return the keys and vectors of an argument, and their weights."""
    if given is None:
        return [], []
    if isinstance(given, KEY_TYPES) or (isinstance(given, np.ndarray) and given.ndim == 1):
        given = [given]
    items, weights = [], []
    for item in given:
        pair = isinstance(item, tuple) and len(item) == 2
        items.append(item[0] if pair else item if isinstance(item, KEY_TYPES) else np.asarray(item))
        weights.append(float(item[1]) if pair else sign)
    return items, weights
