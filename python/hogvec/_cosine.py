"""Rows as unit vectors without a normalised copy of the table: norms once, then dot products in tiles.

A row without a direction (zero, or with a value that is not finite) has similarity 0 to everything.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogvec._safetensors import row_blocks

__all__ = ["UnitRows", "nearest", "unit"]

_TILE_BYTES = 1 << 22
_RESCORED = 1 << 12  # rows taken to float64 at once


def unit(vectors: NDArray[Any]) -> NDArray[np.float64]:
    """Return each vector of the last axis over its length, in float64; zeros where there is no direction."""
    with np.errstate(invalid="ignore"):
        values = np.array(vectors, dtype=np.float64)
        largest = np.abs(values).max(axis=-1, keepdims=True, initial=0.0)
        usable = (largest > 0) & (largest < np.inf)  # False for NaN as well
    values = np.where(usable, values, 0.0)
    values /= np.where(usable, largest, 1.0)  # so that no square overflows or vanishes
    length = np.sqrt(np.einsum("...i,...i->...", values, values))[..., None]
    values /= np.where(length > 0, length, 1.0)
    return values


class UnitRows:
    """The rows of a float32 table (n, dim), any row stride, seen as unit vectors.

    Attributes
    ----------
    norms : (n,) float64
        Euclidean lengths; not finite where a row is not.
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors
        self.norms = np.empty(len(vectors), np.float64)
        with np.errstate(invalid="ignore"):
            for start, stop in row_blocks(vectors, _TILE_BYTES):
                block = vectors[start:stop].astype(np.float64)
                np.sqrt(np.einsum("ij,ij->i", block, block), out=self.norms[start:stop])
            self.norms.flags.writeable = False
            directed = (self.norms > 0) & (self.norms < np.inf)
            plain = (self.norms > 1e-15) & (self.norms < 1e15)  # no float32 product can overflow or vanish
        self._undirected = np.flatnonzero(~directed)
        self._extreme = np.flatnonzero(directed & ~plain)
        self._scale = np.divide(1.0, self.norms, out=np.zeros_like(self.norms), where=plain).astype(np.float32)

    def __len__(self) -> int:
        return len(self.norms)

    def rows(self, ids: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Return unit rows (len(ids), dim) in float64, zero where a row has no direction."""
        return unit(self._vectors[ids])

    def scores(self, queries: NDArray[np.float32], start: int, stop: int) -> NDArray[np.float32]:
        """Return cosines (n_queries, stop - start) of unit queries (n_queries, dim) with the rows [start, stop)."""
        out = np.empty((len(queries), stop - start), np.float32)
        tile = self._vectors[start:stop]
        with np.errstate(all="ignore"):  # rows that are not finite, corrected below
            for begin, end in row_blocks(tile, _TILE_BYTES):
                np.matmul(queries, tile[begin:end].T, out=out[:, begin:end])
            out *= self._scale[start:stop]
        out[:, _between(self._undirected, start, stop) - start] = 0
        extreme = _between(self._extreme, start, stop)
        for begin, end in row_blocks(extreme, _TILE_BYTES // self._vectors.shape[1]):
            ids = extreme[begin:end]
            out[:, ids - start] = queries @ self.rows(ids).astype(np.float32).T
        return out


def nearest(
    rows: UnitRows, query: NDArray[np.float64], scores: NDArray[np.float32], count: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the `count` rows of highest cosine with a unit query: ids and similarities, falling, equal ones by id.

    `scores` (n,) are float32 cosines, -inf for rows to leave out, of which at least `count` stay. What could be among
    the best within their rounding error is computed again in float64, the same way for every row.
    """
    if count < 1:
        return np.empty(0, np.intp), np.empty(0, np.float64)
    rounding = (len(query) + 4) * 2.0**-23  # twice the error of a float32 dot product of unit vectors
    worst = np.partition(scores, len(scores) - count)[len(scores) - count]
    ids = np.flatnonzero(scores >= worst - np.float32(rounding))
    similarities = np.empty(len(ids), np.float64)
    for start in range(0, len(ids), _RESCORED):
        products = rows.rows(ids[start : start + _RESCORED]) * query
        products.sum(axis=1, out=similarities[start : start + _RESCORED])
    np.clip(similarities, -1.0, 1.0, out=similarities)
    best = np.lexsort((ids, -similarities))[:count]
    return ids[best], similarities[best]


def _between(ids: NDArray[np.intp], start: int, stop: int) -> NDArray[np.intp]:
    first, last = np.searchsorted(ids, [start, stop])
    return ids[first:last]
