"""The file of a corpus: safetensors, laid out to be written in one go and mapped into memory.

Tensors: ids int32, offsets int64, counts int64 and, with a vocabulary, its letters uint8 and offsets int64; `padding`
puts what follows the ids on a multiple of 8 bytes. Format: https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
import mmap
import os
import struct
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _core
from .vocabulary import Vocabulary

__all__ = ["CorpusArrays", "begin_file", "finish_file", "read_file"]

_HEADER_BYTES = 1016  # with the 8 bytes of its length, the ids begin at 1024
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
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise ValueError(f"{os.fspath(path)} is no corpus file: it is empty")
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        return _read_arrays(data)
    except (ValueError, IndexError) as error:
        raise ValueError(f"{os.fspath(path)} is no corpus file, or a broken one: {error}") from None


def _read_arrays(data: mmap.mmap) -> CorpusArrays:
    header, begin = _read_header(data)
    metadata = header.pop("__metadata__", None)
    if not isinstance(metadata, dict) or metadata.get("format") != _FORMAT:
        raise ValueError(
            f"its format must be {_FORMAT!r}, got {metadata.get('format') if isinstance(metadata, dict) else None!r}"
        )
    if metadata.get("version") != _VERSION:
        raise ValueError(f"its version must be {_VERSION!r}, got {metadata.get('version')!r}")
    arrays = _map_tensors(header, data, begin)
    ids, offsets, counts = arrays["ids"], arrays["offsets"], arrays["counts"]
    _core.check_offsets(offsets, len(ids))
    if not np.array_equal(_core.count_ids(ids, len(counts)), counts):
        raise ValueError("its counts are not those of its ids")
    vocabulary = None
    if "vocabulary.offsets" in arrays:
        vocabulary = Vocabulary.from_bytes_arrays(arrays["vocabulary.letters"], arrays["vocabulary.offsets"], counts)
    raw_words = str(metadata.get("raw_words"))
    if not (raw_words.isascii() and raw_words.isdigit()):
        raise ValueError(f"raw_words must be a number, got {raw_words!r}")
    return CorpusArrays(ids, offsets, counts, vocabulary, int(raw_words))


def _read_header(data: mmap.mmap) -> tuple[dict[str, Any], int]:
    """Return the header and where the tensors begin."""
    length = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 0
    if not 2 <= length <= len(data) - 8:
        raise ValueError(f"its header must fit into the {len(data)} bytes there are, got a length of {length}")
    try:
        header = json.loads(data[8 : 8 + length])
    except RecursionError:
        raise ValueError("its header is nested too deeply") from None
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    return header, 8 + length


def _map_tensors(header: dict[str, Any], data: mmap.mmap, begin: int) -> dict[str, npt.NDArray[Any]]:
    """Return the tensors as views of the file: they must lie end to end and fill it."""
    names = list(_DTYPES) if "vocabulary.offsets" in header else list(_DTYPES)[:4]
    if set(header) != set(names):
        raise ValueError(f"its tensors must be {', '.join(names)}, got {', '.join(header) or 'none'}")
    arrays = {}
    end = 0
    for name in names:
        code, dtype = _DTYPES[name]
        tensor = header[name]
        try:
            given, (n,), (first, last) = tensor["dtype"], tensor["shape"], tensor["data_offsets"]
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"tensor {name} must have a dtype, one axis and two offsets, got {tensor}") from None
        if given != code:
            raise ValueError(f"tensor {name} must be {code}, got {given}")
        itemsize = np.dtype(dtype).itemsize
        if (
            not all(type(number) is int for number in (n, first, last))
            or n < 0
            or (first, last) != (end, end + n * itemsize)
        ):
            raise ValueError(f"tensor {name} must begin at {end} and hold what its shape says, got {tensor}")
        if begin + last > len(data):
            raise ValueError(
                f"tensor {name} ends at byte {begin + last}, but the file has {len(data)} bytes: it is truncated"
            )
        if (begin + first) % itemsize != 0:
            raise ValueError(f"tensor {name} must lie on a multiple of {itemsize} bytes, got {begin + first}")
        arrays[name] = np.frombuffer(data, dtype, count=n, offset=begin + first)
        end = last
    if begin + end != len(data):
        raise ValueError(f"its tensors end at byte {begin + end}, but the file has {len(data)} bytes")
    return arrays
