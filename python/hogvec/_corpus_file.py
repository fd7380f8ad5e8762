"""The file of a corpus: safetensors, laid out to be written in one go and mapped into memory.

Tensors: ids int32, offsets int64, counts int64 and, with a vocabulary, its letters uint8 and offsets int64; `padding`
puts what follows the ids on a multiple of 8 bytes. Format: https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _core
from ._safetensors import read_safetensors
from .vocabulary import Vocabulary

__all__ = ["CorpusArrays", "begin_file", "finish_file", "read_file"]

_HEADER_BYTES = 1016  # with the 8 bytes of its length, the ids begin at 1024
_KIND = "corpus file"
_FORMAT = "hogvec.corpus"
_VERSION = "1"
_DTYPES: dict[str, tuple[str, npt.DTypeLike]] = {
    "ids": ("I32", np.int32),
    "padding": ("U8", np.uint8),
    "offsets": ("I64", np.int64),
    "counts": ("I64", np.int64),
    "vocabulary.offsets": ("I64", np.int64),
    "vocabulary.letters": ("U8", np.uint8),
}


class CorpusArrays(NamedTuple):
    """What a file holds."""

    ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    vocabulary: Vocabulary | None
    raw_words: int


def begin_file(file: BinaryIO) -> None:
    """Go to where the ids are to be written."""
    file.seek(8 + _HEADER_BYTES)


def finish_file(
    file: BinaryIO,
    *,
    n_ids: int,
    offsets: npt.NDArray[np.int64] | BinaryIO,
    counts: npt.NDArray[np.int64],
    vocabulary: Vocabulary | None,
    raw_words: int,
) -> None:
    """Write what follows the ids, then the header. The offsets may be a file, at its end."""
    sizes = {"ids": 4 * n_ids, "padding": 4 * (n_ids % 2)}
    file.write(bytes(sizes["padding"]))
    if isinstance(offsets, np.ndarray):
        sizes["offsets"] = _write_array(file, offsets)
    else:
        sizes["offsets"] = offsets.tell()
        offsets.seek(0)
        while block := offsets.read(1 << 20):
            file.write(block)
    sizes["counts"] = _write_array(file, counts)
    if vocabulary is not None:
        letters, starts = vocabulary.to_bytes_arrays()
        sizes["vocabulary.offsets"] = _write_array(file, starts)
        sizes["vocabulary.letters"] = _write_array(file, letters)
    header: dict[str, Any] = {
        "__metadata__": {"format": _FORMAT, "version": _VERSION, "raw_words": str(raw_words)},
    }
    end = 0
    for name, size in sizes.items():
        code, dtype = _DTYPES[name]
        shape = [size // np.dtype(dtype).itemsize]
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    file.seek(0)
    file.write(struct.pack("<Q", _HEADER_BYTES) + json.dumps(header).encode().ljust(_HEADER_BYTES))


def _write_array(file: BinaryIO, array: npt.NDArray[Any]) -> int:
    file.write(array.data)
    return array.nbytes


def read_file(path: str | os.PathLike[str]) -> CorpusArrays:
    """Map a file into memory, every length and every id checked; ValueError if it is no corpus file or a broken one."""
    tensors, metadata = read_safetensors(path, _KIND)
    try:
        return _check_tensors(tensors, metadata)
    except (ValueError, IndexError) as error:
        raise ValueError(f"{os.fspath(path)!r} must be a whole {_KIND}: {error}") from None


def _check_tensors(tensors: dict[str, npt.NDArray[Any]], metadata: dict[str, str]) -> CorpusArrays:
    for name, expected in (("format", _FORMAT), ("version", _VERSION)):
        if metadata.get(name) != expected:
            raise ValueError(f"its {name} must be {expected!r}, got {metadata.get(name)!r}")
    names = list(_DTYPES) if "vocabulary.offsets" in tensors else list(_DTYPES)[:4]
    if set(tensors) != set(names):
        raise ValueError(f"its tensors must be {', '.join(names)}, got {', '.join(tensors) or 'none'}")
    for name in names:
        tensor, (code, dtype) = tensors[name], _DTYPES[name]
        if tensor.dtype != dtype or tensor.ndim != 1 or not tensor.flags.aligned:
            raise ValueError(
                f"tensor {name} must be aligned {code} with one axis, got {tensor.dtype} of shape {tensor.shape}"
            )
    ids, offsets, counts = tensors["ids"], tensors["offsets"], tensors["counts"]
    _core.check_offsets(offsets, len(ids))
    if not np.array_equal(_core.count_ids(ids, len(counts)), counts):
        raise ValueError("its counts are not those of its ids")
    vocabulary = None
    if "vocabulary.offsets" in tensors:
        vocabulary = Vocabulary.from_bytes_arrays(tensors["vocabulary.letters"], tensors["vocabulary.offsets"], counts)
    raw_words = metadata.get("raw_words", "")
    if not (raw_words.isascii() and raw_words.isdigit()):
        raise ValueError(f"raw_words must be a number, got {raw_words!r}")
    return CorpusArrays(ids, offsets, counts, vocabulary, int(raw_words))
