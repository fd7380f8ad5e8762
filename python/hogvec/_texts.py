"""Texts and labels as users give them, made into arrays: lists of str, arrays, Arrow columns, files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._text_files import check_paths, read_bytes

__all__ = ["LabelColumn", "TextsOrPath", "labels_of", "str_array", "texts_of", "texts_of_file"]

TextsOrPath: TypeAlias = "Iterable[str] | str | os.PathLike[str]"


def texts_of(texts: Any) -> _core.Texts:
    """Return many str as one arena of their UTF-8, those of an Arrow column without a copy of its letters."""
    if isinstance(texts, (str, bytes, os.PathLike)):
        raise TypeError(f"texts must be a list or an array of str, got a single {type(texts).__name__}")
    if not isinstance(texts, Iterable):
        raise TypeError(f"texts must be a list or an array of str, got {type(texts).__name__}")
    if _is_arrow(texts):
        return _arrow_texts(texts)
    if isinstance(texts, np.ndarray) and texts.ndim != 1:
        raise ValueError(f"texts must have one axis, got shape {texts.shape}")
    return _core.Texts.pack(texts)


def _is_arrow(column: Any) -> bool:
    return type(column).__module__.partition(".")[0] == "pyarrow"


def _arrow_texts(column: Any) -> _core.Texts:
    """Return the strings of an Array or a ChunkedArray of pyarrow."""
    if str(column.type) == "string_view" or str(column.type).startswith("dictionary<values=string,"):
        column = column.cast("large_string")
    kind = {"string": np.int32, "large_string": np.int64}.get(str(column.type))
    if kind is None:
        raise TypeError(f"texts must be a column of strings, got {column.type}")
    parts, offsets, end = [np.empty(0, np.uint8)], [np.zeros(1, np.int64)], 0
    for chunk in column.chunks if hasattr(column, "chunks") else [column]:
        if chunk.null_count:
            raise ValueError(f"texts must not be null, got {chunk.null_count} that are")
        if not len(chunk):
            continue
        _, ends, letters = chunk.buffers()
        places = np.frombuffer(ends, kind)[chunk.offset : chunk.offset + len(chunk) + 1].astype(np.int64)
        data = np.frombuffer(letters, np.uint8) if letters is not None else np.empty(0, np.uint8)
        parts.append(data[places[0] : places[-1]])
        offsets.append(places[1:] - places[0] + end)
        end += int(places[-1] - places[0])
    return _core.Texts.slices(parts[1] if len(parts) == 2 else np.concatenate(parts), np.concatenate(offsets))


def texts_of_file(path: str | os.PathLike[str]) -> _core.Texts:
    """Return the lines of a file, ``.gz`` and ``.zst`` too."""
    (name,) = check_paths(path)
    return _core.Texts.lines(read_bytes(name))


@dataclass(frozen=True)
class LabelColumn:
    """The labels of documents: those of document d are ``values[offsets[d]:offsets[d + 1]]``."""

    values: NDArray[Any]  # str (see str_array), int64 or bool
    offsets: NDArray[np.int64]


def labels_of(labels: Any, num_texts: int) -> LabelColumn:
    """Return one label for each text, or a list of labels for each, checked."""
    if _is_arrow(labels) and hasattr(labels, "to_pylist"):
        labels = labels.to_pylist()
    if isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable):
        raise TypeError(f"labels must be a list or an array with an entry for each text, got {type(labels).__name__}")
    entries = labels if isinstance(labels, np.ndarray) else list(labels)
    if isinstance(entries, np.ndarray) and entries.ndim != 1:
        raise ValueError(
            f"labels must have one axis, got shape {entries.shape}; several labels of a text are a list of their own"
        )
    if len(entries) != num_texts:
        raise ValueError(f"labels must have an entry for each text, {num_texts}, got {len(entries)}")
    several = [isinstance(entry, (list, tuple, set, frozenset, np.ndarray)) for entry in entries]
    if not any(several):
        return LabelColumn(_values(entries), np.arange(num_texts + 1))
    if not all(several):
        raise TypeError(f"labels must be a list for every text or for none, got {entries[several.index(False)]!r:.80}")
    offsets = np.concatenate([[0], np.cumsum([len(entry) for entry in entries])]).astype(np.int64)
    # The order of a set is no property of its elements; they may be of kinds that are refused below.
    ordered = (sorted(entry, key=repr) if isinstance(entry, (set, frozenset)) else entry for entry in entries)
    return LabelColumn(_values(list(chain.from_iterable(ordered))), offsets)


def _values(entries: NDArray[Any] | list[Any]) -> NDArray[Any]:
    kinds: set[str] = set()
    if isinstance(entries, np.ndarray) and entries.dtype.kind not in "OT":
        array = entries
    else:
        kinds = {_kind(entry) for entry in entries}
        if len(kinds) > 1:
            raise TypeError(f"labels must be of one kind, got {' and '.join(sorted(kinds))}")
        array = np.array(list(entries)) if kinds and kinds != {"str"} else str_array([str(entry) for entry in entries])
    if array.dtype.kind in "iu":
        if array.size and array.max() >= 2**63:
            raise ValueError(f"labels must be below 2^63, got {array.max()}")
        return array.astype(np.int64)
    if array.dtype.kind not in "Ub" and not (array.dtype.kind == "O" and kinds == {"str"}):
        raise TypeError(f"labels must be str or int, got dtype {array.dtype}")
    return array


def str_array(words: list[str]) -> NDArray[Any]:
    """Return words as an array of str, or of objects where that cannot hold them.

    NumPy gives each the memory of the longest, so that a single long one among many takes more than there is; and it
    drops a NUL at the end.
    """
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    wasteful = len(words) > 0 and lengths.max() * len(words) > max(16 * lengths.sum(), 1 << 20)
    if wasteful or any(word.endswith("\0") for word in words):
        array = np.empty(len(words), object)
        array[:] = words
        return array
    return np.array(words, np.str_)


def _kind(entry: Any) -> str:
    if isinstance(entry, str):
        return "str"
    if isinstance(entry, (bool, np.bool_)):
        return "bool"
    if isinstance(entry, (int, np.integer)):
        return "int"
    raise TypeError(f"labels must be str or int, got {entry!r:.80}")
