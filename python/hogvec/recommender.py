"""What a retriever has learned: vectors of users and items, and the items that it recommends. No training here."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec import _core
from hogvec._minibatch import Bags
from hogvec._safetensors import read_safetensors, write_safetensors
from hogvec._system import number_of_threads
from hogvec._validate import check_ids, check_int
from hogvec.interactions import Interactions, offsets_of
from hogvec.retriever import Histories, Retriever, with_rows

__all__ = ["Recommendations", "Recommender"]

FORMAT = {"format": "hogvec.Recommender", "version": "1"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Recommendations:
    """The best items of every user, the best first, equal ones by row.

    Attributes
    ----------
    items : ndarray of int32, shape (n, k)
        Rows of items; -1 where fewer than k are left.
    scores : ndarray of float32, shape (n, k)
        Minus infinity there.
    """

    items: NDArray[np.int32]
    scores: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"Recommendations(<{self.items.shape[1]} items for {len(self.items)} users>)"


class Recommender:
    """Vectors of users and items, whose product is how well they go together. Made by `Trainer.fit`, or `load`.

    Attributes
    ----------
    user_vectors : ndarray of float32, shape (num_users, dim)
        Of a user without an item in training: zeros.
    item_vectors : ndarray of float32, shape (num_items, dim)
        Contiguous, of length 1 if the retriever normalises, as are those of the users: a library of approximate
        nearest neighbours takes them as they are, with the inner product as its metric.
    history_vectors : ndarray of float32, shape (num_items, dim), or None
        What items are as a part of histories.
    retriever : Retriever
    seen : Interactions
        What was trained on.

    Examples
    --------
    >>> from hogvec import Interactions, Retriever, Softmax, Trainer
    >>> data = Interactions([0, 2, 4, 7], [0, 1, 0, 1, 2, 3, 4])
    >>> model = Trainer(Retriever(8), Softmax()).fit(data, epochs=2, progress=False)
    >>> model.recommend([0, 2], k=3).items.shape
    (2, 3)
    """

    def __init__(
        self,
        retriever: Retriever,
        seen: Interactions,
        *,
        user_rows: NDArray[np.float32] | None,
        history_rows: NDArray[np.float32] | None,
        item_rows: NDArray[np.float32],
    ) -> None:
        self.retriever = retriever
        self.seen = seen
        self.history_vectors = history_rows
        self._user_rows = user_rows
        self.item_vectors = self._directions(item_rows)
        self.user_vectors = self._directions(self._encoded_users())
        self.user_vectors[np.diff(seen.offsets) == 0] = 0

    def __repr__(self) -> str:
        users, items = len(self.user_vectors), len(self.item_vectors)
        return f"<Recommender of {users:,} users and {items:,} items: {self.retriever}>"

    @property
    def num_items(self) -> int:
        """Items there are."""
        return len(self.item_vectors)

    def recommend(
        self,
        users: ArrayLike | None = None,
        *,
        k: int = 10,
        histories: Interactions | Sequence[ArrayLike] | None = None,
        exclude_seen: bool | Interactions = True,
        threads: int | None = None,
    ) -> Recommendations:
        """Return the k best items of users or of histories, exactly, among all items.

        Parameters
        ----------
        users : array_like of int, shape (n,), optional
            Rows of users. Default: all, if there are no histories.
        k : int, default 10
            1 to the number of items.
        histories : Interactions or list of array_like of int, optional
            Items that were taken, the last one last, by anybody; only if the retriever has histories. With ``"both"``
            these are users without a row.
        exclude_seen : bool or Interactions, default True
            Leave out what a user took in training, or what stands in the history; or these interactions of the users.
        threads : int, optional
            1 to 1024. Default: the cores that this process may use.

        Returns
        -------
        Recommendations

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong kind or outside its range, or both users and histories are given.
        IndexError
            If a user or an item is no row.
        """
        k = check_int("k", k, minimum=1, maximum=self.num_items)
        threads = number_of_threads(threads)
        excluded: Interactions | None
        if histories is None:
            rows = self._rows(users)
            excluded = self._excluded(exclude_seen, self.seen)
            vectors = self.user_vectors[rows]
        else:
            if users is not None:
                raise ValueError("users must be left out where histories are given, got both")
            given = self._given(histories)
            rows, excluded = np.arange(given.num_users), self._excluded(exclude_seen, given)
            vectors = self.encode(given, threads=threads)
        offsets, ids = (None, None) if excluded is None else items_of_users(excluded, rows, self.num_items)
        model = _core.LayerModel(self.item_vectors, None)
        items, scores = _core.output_top_k(model, vectors, k, None, "none", threads, offsets, ids)
        return Recommendations(items=items, scores=scores.astype(np.float32))

    def scores(self, users: ArrayLike | None = None) -> NDArray[np.float32]:
        """Return how well every item goes with users, float32 (n, num_items); give some users at a time."""
        scores: NDArray[np.float32] = self.user_vectors[self._rows(users)] @ self.item_vectors.T
        return scores

    def encode(
        self, histories: Interactions | Sequence[ArrayLike], *, threads: int | None = None
    ) -> NDArray[np.float32]:
        """Return the vectors of histories, float32 (n, dim); of an empty one, zeros.

        Raises
        ------
        TypeError, ValueError, IndexError
            As in `recommend`.
        """
        if self.history_vectors is None:
            raise ValueError(f'histories need a retriever with user="history" or "both", got {self.retriever}')
        given = self._given(histories)
        bags = Histories(self.retriever, 0).bags(given.items, given.offsets[:-1], given.offsets[1:])
        threads = number_of_threads(threads)
        return self._directions(_core.sum_bags(self.history_vectors, bags.offsets, bags.rows, bags.weights, threads))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a safetensors file, atomically.

        Raises
        ------
        OSError
            The file cannot be written; what stood there is still there.
        """
        tensors: dict[str, NDArray[Any]] = {"items": self.item_vectors, "seen_offsets": self.seen.offsets}
        tensors["seen_items"] = self.seen.items
        for name, table in (("users", self._user_rows), ("histories", self.history_vectors)):
            if table is not None:
                tensors[name] = table
        for name, ids in (("user_ids", self.seen.user_ids), ("item_ids", self.seen.item_ids)):
            if ids is not None:
                tensors |= id_tensors(name, ids)
        write_safetensors(path, tensors, {**FORMAT, "retriever": json.dumps(asdict(self.retriever))})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Recommender:
        """Read what `save` wrote.

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            It is damaged, or something else.
        """
        tensors, metadata = read_safetensors(path)
        try:
            for name, value in FORMAT.items():
                if metadata.get(name) != value:
                    raise ValueError(f"its {name} must be {value!r}, got {metadata.get(name)!r}")
            return cls._of_tensors({name: np.require(t, requirements="A") for name, t in tensors.items()}, metadata)
        except (KeyError, TypeError, AttributeError, RecursionError, IndexError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)!r} must be a whole file of Recommender.save: {error}") from None

    @classmethod
    def _of_tensors(cls, tensors: dict[str, NDArray[Any]], metadata: dict[str, str]) -> Recommender:
        retriever = Retriever(**json.loads(metadata["retriever"]))
        items = check_table(tensors["items"], None, retriever.dim)
        seen = Interactions(
            tensors["seen_offsets"],
            tensors["seen_items"],
            num_items=len(items),
            user_ids=ids_of("user_ids", tensors),
            item_ids=ids_of("item_ids", tensors),
        )
        users = check_table(tensors["users"], seen.num_users, retriever.dim) if retriever.has_user_rows else None
        rows = check_table(tensors["histories"], len(items), retriever.dim) if retriever.has_histories else None
        return cls(retriever, seen, user_rows=users, history_rows=rows, item_rows=items)

    def _encoded_users(self) -> NDArray[np.float32]:
        seen = self.seen
        if self.history_vectors is None:
            assert self._user_rows is not None
            return self._user_rows
        if self._user_rows is None:
            first, table = 0, self.history_vectors
        else:
            first, table = len(self._user_rows), np.concatenate([self._user_rows, self.history_vectors])
        bags: Bags = Histories(self.retriever, first).bags(seen.items, seen.offsets[:-1], seen.offsets[1:])
        if self._user_rows is not None:
            bags = with_rows(bags, np.arange(seen.num_users))
        return _core.sum_bags(table, bags.offsets, bags.rows, bags.weights, number_of_threads(None))

    def _directions(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a copy, normalised if the retriever does; rows of zeros stay."""
        rows = np.array(rows, dtype=np.float32, order="C")
        if self.retriever.normalize:
            lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
            rows /= np.where(lengths > 0, lengths, 1).astype(np.float32)
        return rows

    def _rows(self, users: ArrayLike | None) -> NDArray[np.int64]:
        if users is None:
            return np.arange(len(self.user_vectors))
        rows = check_ids("users", users, len(self.user_vectors))
        if rows.ndim != 1:
            raise ValueError(f"users must have one axis, got shape {rows.shape}")
        return rows.astype(np.int64)

    def _given(self, histories: Interactions | Sequence[ArrayLike]) -> Interactions:
        if isinstance(histories, Interactions):
            check_ids("histories", histories.items, self.num_items)
            return histories
        parts = [check_ids("histories", history, self.num_items).reshape(-1) for history in histories]
        flat = np.concatenate(parts) if parts else np.empty(0, np.int64)
        sizes = np.array([len(part) for part in parts], dtype=np.int64)
        return Interactions(offsets_of(sizes), flat, num_items=self.num_items)

    def _excluded(self, exclude_seen: bool | Interactions, seen: Interactions) -> Interactions | None:
        if isinstance(exclude_seen, Interactions):
            return exclude_seen
        if not isinstance(exclude_seen, bool):
            raise TypeError(f"exclude_seen must be True, False or Interactions, got {exclude_seen!r:.80}")
        return seen if exclude_seen else None


def items_of_users(
    data: Interactions, users: NDArray[np.int64], num_items: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return offsets and items of some users, of items below a number; those of users that are not there are none."""
    known = users < data.num_users
    begins = np.where(known, data.offsets[np.where(known, users, 0)], 0)
    sizes = np.where(known, data.offsets[np.where(known, users, 0) + 1] - begins, 0)
    offsets = offsets_of(sizes)
    items = data.items[np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], sizes)]
    if data.num_items <= num_items:
        return offsets, items
    kept = items < num_items
    before = np.concatenate([[0], np.cumsum(kept)])
    return before[offsets], items[kept]


def id_tensors(name: str, ids: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return the tensors of ids: numbers, or letters and where each id ends."""
    if ids.dtype.kind != "U":
        return {name: ids.astype(np.int64)}
    encoded = [text.encode("utf-8", "surrogatepass") for text in ids.tolist()]
    letters = np.frombuffer(b"".join(encoded), np.uint8)
    return {f"{name}_letters": letters, f"{name}_offsets": offsets_of(np.array([len(text) for text in encoded]))}


def ids_of(name: str, tensors: dict[str, NDArray[Any]]) -> NDArray[Any] | None:
    """Return the ids that `id_tensors` took apart, None if there are none."""
    if name in tensors:
        return tensors[name]
    if f"{name}_letters" not in tensors:
        return None
    letters, offsets = tensors[f"{name}_letters"].tobytes(), tensors[f"{name}_offsets"].tolist()
    texts = [letters[begin:end] for begin, end in itertools.pairwise(offsets)]
    return np.array([text.decode("utf-8", "surrogatepass") for text in texts], dtype=str)


def check_table(table: NDArray[Any], rows: int | None, dim: int) -> NDArray[np.float32]:
    """Return a table of a file; ValueError unless it has its shape and is finite."""
    if table.dtype != np.float32 or table.ndim != 2 or table.shape[1] != dim or rows not in (None, len(table)):
        raise ValueError(f"a table must be float32 with {dim} columns, got {table.dtype} of shape {table.shape}")
    if not np.isfinite(table).all():
        raise ValueError("a table must be finite, got a number that is not")
    return table
