"""What gensim's `KeyedVectors` stores: keys in a list and a dict, attributes of keys, and an array one may write to."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec._cosine import UnitRows, unit
from hogvec.vocabulary import Vocabulary

__all__ = ["KEY_TYPES", "Key", "KeyedArray"]

Key: TypeAlias = "str | int | np.integer[Any]"
KEY_TYPES = (str, int, np.integer)
_UNLOCKED = np.broadcast_to(np.float32(1), 1)  # read-only


class KeyedArray:
    """Keys and their vectors, without what is done with them.

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

    def __init__(
        self, vector_size: int, count: int = 0, dtype: Any = np.float32, mapfile_path: str | None = None
    ) -> None:
        self.vector_size = int(vector_size)
        self.index_to_key: list[Any] = [None] * count
        self.key_to_index: dict[Any, int] = {}
        self.next_index = 0
        self.expandos: dict[str, NDArray[Any]] = {}
        self._vectors: NDArray[Any] = np.zeros((count, self.vector_size), dtype)
        self._rows: UnitRows | None = None

    def _set_words(self, vocabulary: Vocabulary, vectors: NDArray[Any]) -> None:
        """Take words, counts and vectors, all of them as they are."""
        self._set_keys(vocabulary)
        self.vectors = vectors

    def _set_keys(self, vocabulary: Vocabulary) -> None:
        self.index_to_key = vocabulary.words
        self.key_to_index = {word: i for i, word in enumerate(self.index_to_key)}
        self.next_index = len(self.index_to_key)
        self.expandos["count"] = vocabulary.counts.copy()

    @property
    def vectors(self) -> NDArray[Any]:
        """All vectors, shape (n, vector_size)."""
        return self._vectors

    @vectors.setter
    def vectors(self, vectors: NDArray[Any]) -> None:
        self._vectors = vectors
        self._forget_norms()

    @property
    def vectors_lockf(self) -> NDArray[np.float32]:
        """A read-only 1: no vector is kept from training."""
        return _UNLOCKED

    @vectors_lockf.setter
    def vectors_lockf(self, factors: Any) -> None:
        raise NotImplementedError("no vector can be kept from training: lock factors cannot be set")

    def _forget_norms(self) -> None:
        self._rows = None

    def _unit(self) -> UnitRows:
        rows = self._rows
        if rows is None:
            rows = self._rows = UnitRows(self.vectors)
        return rows

    @property
    def norms(self) -> NDArray[np.float64] | None:
        """Lengths of the vectors, shape (n,), or None before they are computed."""
        return None if self._rows is None else self._rows.norms

    def fill_norms(self, force: bool = False) -> None:
        """Compute the norms, if they are not known or `force` is True."""
        if force:
            self._forget_norms()
        self._unit()

    def init_sims(self, replace: bool = False) -> None:
        """Compute the norms; `replace` divides the vectors by them, as `unit_normalize_all` does."""
        self.fill_norms()
        if replace:
            self.unit_normalize_all()

    def unit_normalize_all(self) -> None:
        """Divide every vector by its length, for good."""
        self._vectors[:] = self.get_normed_vectors()
        self.fill_norms(force=True)

    def get_normed_vectors(self) -> NDArray[Any]:
        """Return all vectors with length 1, shape (n, vector_size)."""
        return unit(self.vectors).astype(self.vectors.dtype)

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, key: object) -> bool:
        return self.has_index_for(key)

    def __str__(self) -> str:
        return f"{type(self).__name__}<vector_size={self.vector_size}, {len(self)} keys>"

    # Keys and attributes

    def get_index(self, key: Any, default: int | None = None) -> int:
        """Return the place of a key, or `default`; KeyError if there is neither."""
        place = self.key_to_index.get(key, -1)
        if place >= 0:
            return place
        if isinstance(key, (int, np.integer)) and 0 <= key < len(self.index_to_key):
            return int(key)
        if default is None:
            raise KeyError(f"Key {key!r} not present")
        return default

    def has_index_for(self, key: Any) -> bool:
        """Whether a key has a place."""
        return self.get_index(key, -1) >= 0

    def get_vecattr(self, key: Key, attr: str) -> Any:
        """Return an attribute of a key, such as "count"."""
        return self.expandos[attr][self.get_index(key)]

    def set_vecattr(self, key: Key, attr: str, val: Any) -> None:
        """Set an attribute of a key; it is 0, or None, for keys that have none."""
        place = self.get_index(key)
        values = self.expandos.get(attr)
        if values is None or len(values) != len(self):
            dtype = (
                values.dtype if values is not None else np.result_type(type(val)) if np.isscalar(val) else np.dtype("O")
            )
            grown = np.zeros(len(self), np.dtype("O") if dtype.kind in "US" else dtype)
            if values is not None:
                grown[: len(values)] = values
            values = self.expandos[attr] = grown
        values[place] = val

    def sort_by_descending_frequency(self) -> None:
        """Sort the keys by their attribute "count", with their vectors; equal ones stay in order."""
        order = np.argsort(-self.expandos["count"].astype(np.int64), kind="stable")
        self.index_to_key = [self.index_to_key[i] for i in order]
        self.key_to_index = {key: i for i, key in enumerate(self.index_to_key)}
        self.expandos = {name: values[order] for name, values in self.expandos.items()}
        self.vectors = self.vectors[order]

    def add_vector(self, key: Key, vector: ArrayLike) -> int:
        """Put a vector in the next free place and return it."""
        place = self.next_index
        if place < len(self) and self.index_to_key[place] is None:
            self.index_to_key[place] = key
            self.key_to_index[key] = place
            self._vectors[place] = vector
            self._forget_norms()
        else:
            warnings.warn("one vector at a time copies all others: use add_vectors, or a count", stacklevel=2)
            place = len(self)
            self.add_vectors([key], np.asarray(vector)[None])
        self.next_index = place + 1
        return place

    def add_vectors(
        self,
        keys: Any,
        weights: ArrayLike,
        extras: Mapping[str, NDArray[Any]] | None = None,
        replace: bool = False,
    ) -> None:
        """Append keys and their vectors; those of keys that are there already are left, or replaced."""
        if isinstance(keys, KEY_TYPES):
            keys = [keys]
        vectors = np.asarray(weights, self.vectors.dtype).reshape(len(keys), self.vector_size)
        known = np.array([key in self.key_to_index for key in keys], np.bool_)
        added = np.flatnonzero(~known)
        first = len(self)
        for place in added.tolist():
            self.key_to_index[keys[place]] = len(self.index_to_key)
            self.index_to_key.append(keys[place])
        if len(self.key_to_index) != sum(key is not None for key in self.index_to_key):
            raise ValueError("keys must be distinct")
        grown = np.concatenate([self.vectors, vectors[added]])
        places = [self.key_to_index[keys[i]] for i in np.flatnonzero(known)] if replace else []
        grown[places] = vectors[known] if replace else vectors[:0]
        self.vectors = grown
        for name in {*self.expandos, *(extras or {})}:
            given = np.asarray((extras or {}).get(name, np.zeros(len(keys), self._attribute(name).dtype)))
            values = np.zeros((len(self), *given.shape[1:]), self.expandos.get(name, given).dtype)
            values[: min(first, len(self._attribute(name)))] = self._attribute(name)[:first]
            values[first:] = given[added]
            if replace and extras is not None and name in extras:
                values[places] = given[known]
            self.expandos[name] = values

    def _attribute(self, name: str) -> NDArray[Any]:
        return self.expandos.get(name, np.zeros(0, np.int64))

    def __setitem__(self, keys: Any, weights: ArrayLike) -> None:
        self.add_vectors(keys if isinstance(keys, list) else [keys], np.atleast_2d(weights), replace=True)

    # Vectors

    def __getitem__(self, key_or_keys: Any) -> NDArray[Any]:
        if isinstance(key_or_keys, KEY_TYPES):
            return self.get_vector(key_or_keys)
        return np.stack([self.get_vector(key) for key in key_or_keys])

    def word_vec(self, *args: Any, **keywords: Any) -> NDArray[Any]:
        """Return `get_vector`."""
        return self.get_vector(*args, **keywords)

    def get_vector(self, key: Key, norm: bool = False) -> NDArray[Any]:
        """Return the vector of a key, shape (vector_size,), read-only; with length 1 if `norm`."""
        vector: NDArray[Any] = self.vectors[self.get_index(key)]
        if norm:
            vector = unit(vector).astype(self.vectors.dtype)
        vector.flags.writeable = False
        return vector

    def get_mean_vector(
        self,
        keys: Sequence[Any],
        weights: Any = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> NDArray[Any]:
        """Return the weighted mean of the vectors of keys, or of vectors, shape (vector_size,).

        Vectors are taken as they are, those of keys with length 1 unless `pre_normalize` is False; the weights count
        by their absolute values. Unknown keys are left out, or a KeyError.
        """
        mean = self._mean(keys, weights, pre_normalize=pre_normalize, ignore_missing=ignore_missing)
        return np.asarray(unit(mean) if post_normalize else mean, self.vectors.dtype)

    def _mean(
        self, keys: Sequence[Any], weights: Any = None, *, pre_normalize: bool = True, ignore_missing: bool = False
    ) -> NDArray[np.float64]:
        if not len(keys):
            raise ValueError("keys must hold at least one key or vector, got none")
        shares = np.ones(len(keys)) if weights is None else np.asarray(weights, np.float64)
        if len(shares) != len(keys):
            raise ValueError(f"weights must be as many as keys, {len(keys)}, got {len(shares)}")
        total, weight = np.zeros(self.vector_size), 0.0
        for key, share in zip(keys, shares.tolist(), strict=True):
            if isinstance(key, np.ndarray):
                vector = key
            elif key in self:
                vector = self.get_vector(key, norm=pre_normalize)
            elif ignore_missing:
                continue
            else:
                raise KeyError(f"Key {key!r} not present in vocabulary")
            total += share * np.asarray(vector, np.float64)
            weight += abs(share)
        return total / weight if weight else total

    def _vocabulary(self) -> Vocabulary:
        """Return the keys with their counts, as the library's own object."""
        words = Vocabulary.from_words(self.index_to_key)
        counts = self.expandos.get("count")
        if counts is None or len(counts) != len(words):
            return words
        return Vocabulary.from_bytes_arrays(*words.to_bytes_arrays(), np.asarray(counts, np.int64))
