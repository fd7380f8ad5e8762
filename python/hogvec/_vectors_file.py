"""Files of words and their vectors: the tensors that hold words, and the checks when they are read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogvec._safetensors import read_safetensors
from hogvec.vocabulary import Vocabulary

__all__ = ["read_vectors_file", "word_tensors", "words_of"]

_TENSORS = {
    "vectors": ("float32", 2),
    "word_letters": ("uint8", 1),
    "word_offsets": ("int64", 1),
    "word_counts": ("int64", 1),
}


def word_tensors(vocabulary: Vocabulary) -> dict[str, NDArray[Any]]:
    """Return the tensors that hold the words in a file."""
    letters, offsets = vocabulary.to_bytes_arrays()
    return {"word_letters": letters, "word_offsets": offsets, "word_counts": vocabulary.counts}


def words_of(tensors: Mapping[str, NDArray[Any]]) -> Vocabulary:
    """Return the vocabulary that `word_tensors` took apart; ValueError if it is damaged."""
    return Vocabulary.from_bytes_arrays(*(tensors[f"word_{part}"] for part in ("letters", "offsets", "counts")))


def read_vectors_file(
    path: str | os.PathLike[str], expected: Mapping[str, str]
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Map a file of words and vectors; ValueError if it has not the format and version expected, or lacks a tensor."""
    tensors, metadata = read_safetensors(path)
    name = os.fspath(path)
    if metadata.get("format") != expected["format"]:
        kind = expected["format"].removeprefix("hogvec.")
        raise ValueError(f"{name!r} must be a file of {kind}.save, got the format {metadata.get('format')!r}")
    if metadata.get("version") != expected["version"]:
        raise ValueError(f"{name!r} must have version {expected['version']}, got {metadata.get('version')!r}")
    for tensor, (dtype, axes) in _TENSORS.items():
        if tensor not in tensors or tensors[tensor].dtype != dtype or tensors[tensor].ndim != axes:
            raise ValueError(f"{name!r} must have a tensor {tensor!r} of {dtype} with {axes} axes")
    # A file of another program may have unaligned tensors: they are copied.
    return {tensor: np.require(array, requirements="A") for tensor, array in tensors.items()}, metadata
