"""Between the files of fastText and word vectors: what a `FastTextModel` holds as vectors, and vectors as such a model.

The files: `hogvec.fasttext_format`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogvec.fasttext_model import FastTextArguments, FastTextModel, selected_entries
from hogvec.product_quantizer import QuantizedMatrix
from hogvec.vocabulary import Vocabulary

__all__ = ["has_ngrams", "model_of_rows", "subword_settings", "words_and_rows"]


def has_ngrams(model: FastTextModel) -> bool:
    """Whether words of a model have n-grams of letters."""
    arguments = model.arguments
    return arguments.buckets > 0 and max(1, arguments.min_n) <= arguments.max_n


def words_and_rows(model: FastTextModel) -> tuple[Vocabulary, NDArray[np.float32]]:
    """Return the words of a model, labels left out, and its input table, decoded if it is quantized.

    Rows of buckets come in the order of the buckets, also of a pruned model.
    """
    n = model.num_words
    words = model.entries if n == len(model.entries) else selected_entries(model.entries, np.arange(n))
    table = model.input_table
    if model.kept_buckets is None:
        return words, table.decode() if isinstance(table, QuantizedMatrix) else table
    places = model.kept_buckets[np.argsort(model.kept_buckets[:, 0]), 1]
    order = np.concatenate([np.arange(n), n + places.astype(np.int64)])
    return words, table.decode(order) if isinstance(table, QuantizedMatrix) else table[order]


def subword_settings(model: FastTextModel) -> dict[str, Any]:
    """Return what `SubwordVectors` takes beside words and rows."""
    arguments = model.arguments
    kept = None if model.kept_buckets is None else np.sort(model.kept_buckets[:, 0])
    return {
        "min_n": max(1, arguments.min_n),
        "max_n": arguments.max_n,
        "buckets": arguments.buckets,
        "kept_buckets": kept,
    }


def model_of_rows(
    vocabulary: Vocabulary,
    rows: NDArray[np.float32],
    bucket_ids: NDArray[np.int32],
    *,
    arguments: FastTextArguments | None,
    settings: Mapping[str, int],
    output_table: NDArray[np.float32] | None,
    pruned: bool,
) -> FastTextModel:
    """Return a model with these rows of words and of buckets.

    Parameters
    ----------
    vocabulary : Vocabulary
    rows : ndarray of float32, shape (n + k, dim)
    bucket_ids : ndarray of int32, shape (k,)
    arguments : FastTextArguments, optional
        What `rows` and `settings` leave open. Default: fastText's.
    settings : mapping
        `min_n`, `max_n` and `buckets`.
    output_table : ndarray of float32, shape (n, dim), optional
        Default: zeros.
    pruned : bool
        Give rows to `bucket_ids` alone instead of zeros to the other buckets.
    """
    if arguments is None:
        arguments = FastTextArguments()
    elif not isinstance(arguments, FastTextArguments):
        raise TypeError(f"arguments must be FastTextArguments, got {type(arguments).__name__}")
    changes: dict[str, Any] = {"dim": rows.shape[1], **settings}
    arguments = dataclasses.replace(arguments, **changes)
    n, buckets = len(vocabulary), arguments.buckets
    kept = None
    if pruned:
        kept = np.stack([bucket_ids, np.arange(len(bucket_ids), dtype=np.int32)], axis=1)
    elif len(rows) < n + buckets:
        table = np.zeros((n + buckets, arguments.dim), np.float32)  # memory that is not written to costs none
        table[:n] = rows[:n]
        table[n + bucket_ids.astype(np.int64)] = rows[n:]
        rows = table
    return FastTextModel(
        arguments=arguments,
        entries=vocabulary,
        num_words=n,
        num_tokens=int(vocabulary.counts.sum()),
        input_table=rows,
        output_table=np.zeros((n, arguments.dim), np.float32) if output_table is None else output_table,
        kept_buckets=kept,
    )
