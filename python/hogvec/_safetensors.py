"""Safetensors files written in blocks and read as checked memory maps.

The `safetensors` package wants whole contiguous tensors; this streams a strided table, and maps without copying. The
same form also goes to bytes and back, which is how objects that have such a file are pickled.
"""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hogvec._files import replace_file

__all__ = ["parse_safetensors", "read_safetensors", "row_blocks", "safetensors_bytes", "write_safetensors"]

_DTYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "I32": np.dtype("<i4"),
    "I64": np.dtype("<i8"),
    "U8": np.dtype("u1"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_LONGEST_HEADER = 100_000_000  # bytes; the limit of the format
_BLOCK = 1 << 22  # bytes written at once


def row_blocks(array: NDArray[Any], block_bytes: int = _BLOCK) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of consecutive pieces of the first axis, each at most about `block_bytes` large."""
    row_bytes = array.itemsize * math.prod(array.shape[1:])
    step = max(1, block_bytes // max(1, row_bytes))
    for start in range(0, array.shape[0], step):
        yield start, min(start + step, array.shape[0])


def write_safetensors(
    path: str | os.PathLike[str], tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Write arrays of any row stride to a safetensors file, in blocks and atomically.

    Raises
    ------
    OSError
        The file cannot be written; what stood at `path` is still there.
    """
    with replace_file(path) as file:
        _write(file, tensors, metadata)


def safetensors_bytes(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """Return what `write_safetensors` would write."""
    file = io.BytesIO()
    _write(file, tensors, metadata)
    return file.getvalue()


def _write(file: BinaryIO, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> None:
    # Wide elements first: every tensor then starts at a multiple of its element size, and there are no holes.
    names = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name in names:
        tensor = tensors[name]
        begin, end = end, end + tensor.nbytes
        dtype = _NAMES[tensor.dtype.newbyteorder("<")]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)
    file.write(len(text).to_bytes(8, "little") + text)
    for name in names:
        tensor = tensors[name]
        for start, stop in row_blocks(tensor):
            block = np.ascontiguousarray(tensor[start:stop], dtype=tensor.dtype.newbyteorder("<"))
            file.write(block.reshape(-1).view(np.uint8).data)


def read_safetensors(
    path: str | os.PathLike[str], kind: str = "safetensors file"
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Map a safetensors file into memory: its tensors, read-only and without a copy, and its metadata.

    Everything the header says is checked against the size of the file before it is used. `kind` is what errors call it.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is not a safetensors file, is cut short, or its header contradicts it.
    """
    try:
        return _map_file(path)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r} must be a whole {kind}: {error}") from None


def parse_safetensors(data: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Take apart what `safetensors_bytes` returned; the tensors are views of it. ValueError as `read_safetensors`."""
    layout, metadata, begin = _read_layout(io.BytesIO(data), len(data))
    return _views(np.frombuffer(data, np.uint8, offset=begin), layout), metadata


_Layout = dict[str, tuple[int, int, np.dtype[Any], tuple[int, ...]]]  # begin, end, dtype and shape of every tensor


def _map_file(path: str | os.PathLike[str]) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        layout, metadata, begin = _read_layout(file, size)
        if size == begin:
            data = np.empty(0, np.uint8)
        else:
            data = np.asarray(np.memmap(file, np.uint8, "r", offset=begin, shape=(size - begin,)))
    data.flags.writeable = False
    return _views(data, layout), metadata


def _views(data: NDArray[np.uint8], layout: _Layout) -> dict[str, NDArray[Any]]:
    return {name: data[begin:end].view(dtype).reshape(shape) for name, (begin, end, dtype, shape) in layout.items()}


def _read_layout(file: BinaryIO, size: int) -> tuple[_Layout, dict[str, str], int]:
    """Return where the tensors lie, the metadata, and where the data begin."""
    if size < 8:
        raise ValueError(f"a file has at least 8 bytes, got {size}")
    length = int.from_bytes(file.read(8), "little")
    if length > min(_LONGEST_HEADER, size - 8):
        raise ValueError(f"its header claims {length} bytes of a file of {size}")
    header = _parse_header(file.read(length))
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its metadata are not a map of strings")
    return _check_layout(header, size - 8 - length), metadata, 8 + length


def _parse_header(text: bytes) -> dict[str, Any]:
    def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a name stands twice in its header")
        return dict(pairs)

    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=without_repeats)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header is not JSON ({error})") from None
    if not isinstance(header, dict):
        raise ValueError("its header is not a map")
    return header


def _check_layout(header: Mapping[str, Any], size: int) -> _Layout:
    """Return where every tensor lies; together they cover the `size` bytes of data exactly."""

    def whole_numbers(value: Any) -> bool:
        return isinstance(value, list) and all(type(number) is int and 0 <= number < 2**63 for number in value)

    layout: _Layout = {}
    for name, entry in header.items():
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ValueError(f"tensor {name!r} must have dtype, shape and data_offsets")
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or dtype not in _DTYPES:
            raise ValueError(f"tensor {name!r} must have a dtype of {', '.join(_DTYPES)}, got {dtype!r}")
        if not whole_numbers(shape) or len(shape) > 8:
            raise ValueError(f"tensor {name!r} has the impossible shape {shape!r}")
        if not whole_numbers(offsets) or len(offsets) != 2 or not offsets[0] <= offsets[1] <= size:
            raise ValueError(f"tensor {name!r} lies at {offsets!r} of {size} bytes")
        if math.prod(shape) * _DTYPES[dtype].itemsize != offsets[1] - offsets[0]:
            raise ValueError(f"tensor {name!r} of shape {shape!r} does not fit its {offsets[1] - offsets[0]} bytes")
        layout[name] = (offsets[0], offsets[1], _DTYPES[dtype], tuple(shape))
    position = 0
    for begin, end, _, _ in sorted(layout.values(), key=lambda item: item[:2]):
        if begin != position:
            raise ValueError(f"its tensors overlap or leave a hole at byte {min(begin, position)} of the data")
        position = end
    if position != size:
        raise ValueError(f"its tensors end at byte {position} of {size}")
    return layout
