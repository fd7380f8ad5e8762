"""Columns of Arrow data as corpora: anything with Arrow's PyCapsule interface, and Parquet through pyarrow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._system import available_memory

__all__ = ["ArrowTokens", "parquet_batches", "read_ids", "read_words", "readers_of"]


class ArrowTokens:
    """What was read of a column of integers: ids as the caller has them, or numbered with a vocabulary."""

    def __init__(
        self,
        ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        vocabulary: _core.Vocabulary | None,
        seconds: dict[str, float],
    ) -> None:
        self.ids = ids
        self.offsets = offsets
        self.vocabulary = vocabulary
        self.seconds = seconds


def readers_of(obj: Any, column: str | None) -> Iterator[_core.ArrowReader]:
    """Yield the one reader of an object with Arrow's PyCapsule stream or array interface."""
    if column is not None and not isinstance(column, str):
        raise TypeError(f"column must be a str or None, got {column!r}")
    if hasattr(obj, "__arrow_c_stream__"):
        yield _core.ArrowReader(obj.__arrow_c_stream__(), None, column)
    elif hasattr(obj, "__arrow_c_array__"):
        schema, array = obj.__arrow_c_array__()
        yield _core.ArrowReader(schema, array, column)
    else:
        raise TypeError(
            f"Arrow data must have __arrow_c_stream__ or __arrow_c_array__, got {type(obj).__name__}: a table or "
            "column of pyarrow, polars, pandas or duckdb has one"
        )


def parquet_batches(paths: list[str], column: str) -> Iterator[_core.ArrowReader]:
    """Yield a reader for each row group of Parquet files: no more than one of them is in memory."""
    try:
        from pyarrow import parquet
    except ImportError:
        raise ImportError("reading Parquet needs the pyarrow package: pip install 'hogvec[arrow]'") from None
    for path in paths:
        with parquet.ParquetFile(path) as file:
            if column not in file.schema_arrow.names:
                raise ValueError(f"{path}: column must be one of {', '.join(file.schema_arrow.names)}, got {column!r}")
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=[column])
                yield _core.ArrowReader(table.__arrow_c_stream__(), None, column)


def read_ids(readers: Iterator[_core.ArrowReader], *, renumber: bool) -> ArrowTokens:
    """Read integers; with `renumber` they are numbered by falling count."""
    start = time.perf_counter()
    collected = _core.ArrowIds(sparse=renumber)
    total = 0
    for reader in readers:
        while (items := reader.next()) is not None:
            _check_memory(total, items, collected.table_bytes)
            collected.add(reader)
            total += items
    read = time.perf_counter()
    if not renumber:
        return ArrowTokens(*collected.finish(), None, {"counting": read - start, "encoding": 0.0})
    ids, offsets, vocabulary = collected.finish_sparse()
    return ArrowTokens(ids, offsets, vocabulary, {"counting": read - start, "encoding": time.perf_counter() - read})


def read_words(readers: Iterator[_core.ArrowReader], encoder: _core.Encoder) -> None:
    """Feed an encoder with strings."""
    for reader in readers:
        while reader.next() is not None:
            reader.add_words(encoder)


def _check_memory(tokens: int, more: int, table_bytes: int) -> None:
    """Raise MemoryError before tokens are made room for that does not fit: what grows is copied to twice its size."""
    available = available_memory()
    needed = 4 * (2 * tokens + more) + table_bytes
    if available is not None and needed > available:
        raise MemoryError(
            f"{tokens + more:,} ids need {needed / 2**30:.1f} GiB more, got {available / 2**30:.1f} GiB of memory "
            "available"
        )
