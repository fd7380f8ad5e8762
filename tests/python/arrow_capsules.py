"""Arrow's C data interface made by hand, so that it is tested without pyarrow: arrays, slices, nulls, dictionaries."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np


class Schema(ctypes.Structure):
    pass


class Array(ctypes.Structure):
    pass


class Stream(ctypes.Structure):
    pass


RELEASE_SCHEMA = ctypes.CFUNCTYPE(None, ctypes.POINTER(Schema))
RELEASE_ARRAY = ctypes.CFUNCTYPE(None, ctypes.POINTER(Array))
RELEASE_STREAM = ctypes.CFUNCTYPE(None, ctypes.POINTER(Stream))
GET_SCHEMA = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Stream), ctypes.POINTER(Schema))
GET_NEXT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Stream), ctypes.POINTER(Array))
GET_ERROR = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(Stream))

Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_char_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(Schema))),
    ("dictionary", ctypes.POINTER(Schema)),
    ("release", RELEASE_SCHEMA),
    ("private_data", ctypes.c_void_p),
]
Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(Array))),
    ("dictionary", ctypes.POINTER(Array)),
    ("release", RELEASE_ARRAY),
    ("private_data", ctypes.c_void_p),
]
Stream._fields_ = [
    ("get_schema", GET_SCHEMA),
    ("get_next", GET_NEXT),
    ("get_last_error", GET_ERROR),
    ("release", RELEASE_STREAM),
    ("private_data", ctypes.c_void_p),
]

_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class Column:
    """A format, buffers and children; `offset` and `length` may make it a slice."""

    def __init__(
        self,
        format: str,
        buffers: Sequence[Any] = (),
        *,
        length: int,
        offset: int = 0,
        valid: Sequence[bool] | None = None,
        children: Sequence[Column] = (),
        dictionary: Column | None = None,
        name: str = "",
    ) -> None:
        self.format, self.name, self.length, self.offset = format, name, length, offset
        bits = None if valid is None else np.packbits(np.array(valid, bool), bitorder="little")
        self.buffers = [bits, *(None if buffer is None else np.ascontiguousarray(buffer) for buffer in buffers)]
        if format == "+s":
            self.buffers = [bits]
        self.children, self.dictionary, self.has_nulls = list(children), dictionary, valid is not None


def numbers(values: Sequence[int], format: str = "l", **more: Any) -> Column:
    types = {"c": "i1", "C": "u1", "s": "i2", "S": "u2", "i": "i4", "I": "u4", "l": "i8", "L": "u8"}
    more.setdefault("length", len(values))
    return Column(format, [np.array(values, types[format])], **more)


def strings(values: Sequence[str], format: str = "u", **more: Any) -> Column:
    encoded = [value.encode() for value in values]
    offsets = np.cumsum([0, *(len(value) for value in encoded)]).astype("i4" if format == "u" else "i8")
    letters = np.frombuffer(b"".join(encoded) or b"\0", np.uint8)
    return Column(format, [offsets, letters], **{"length": len(values), **more})


def lists(offsets: Sequence[int], items: Column, format: str = "+l", **more: Any) -> Column:
    more.setdefault("length", len(offsets) - 1)
    return Column(format, [np.array(offsets, "i4" if format == "+l" else "i8")], children=[items], **more)


def table(*columns: Column, **more: Any) -> Column:
    return Column("+s", length=more.pop("length", columns[0].length), children=columns, **more)


class Exporter:
    """Data with Arrow's PyCapsule interface, which counts what has been released."""

    def __init__(self, *batches: Column, as_stream: bool = True, error: str | None = None) -> None:
        self.batches, self.error = list(batches), error
        self.made = {"schema": 0, "array": 0, "stream": 0}
        self.released = {"schema": 0, "array": 0, "stream": 0}
        self._kept: list[Any] = []
        self._release = (RELEASE_SCHEMA(self._count("schema")), RELEASE_ARRAY(self._count("array")))
        self._release_stream = RELEASE_STREAM(self._count("stream"))
        self._calls = (GET_SCHEMA(self._get_schema), GET_NEXT(self._get_next), GET_ERROR(self._get_error))
        self._next = 0
        if as_stream:
            self.__dict__["__arrow_c_stream__"] = self._stream
        else:
            self.__dict__["__arrow_c_array__"] = self._array

    def _count(self, kind: str) -> Any:
        def release(pointer: Any) -> None:
            self.released[kind] += 1
            pointer.contents.release = type(pointer.contents.release)()

        return release

    def _stream(self, requested_schema: object = None) -> object:
        self.made["stream"] += 1
        stream = Stream(*self._calls, self._release_stream, None)
        self._kept.append(stream)
        return _new_capsule(ctypes.addressof(stream), b"arrow_array_stream", None)

    def _array(self, requested_schema: object = None) -> tuple[object, object]:
        schema, array = Schema(), Array()
        self._kept += [schema, array]
        self._get_schema(None, ctypes.pointer(schema))
        self._get_next(None, ctypes.pointer(array))
        return (
            _new_capsule(ctypes.addressof(schema), b"arrow_schema", None),
            _new_capsule(ctypes.addressof(array), b"arrow_array", None),
        )

    def _get_schema(self, stream: Any, to: Any) -> int:
        self.made["schema"] += 1
        self._fill_schema(to.contents, self.batches[0])
        to.contents.release = self._release[0]
        return 0

    def _get_next(self, stream: Any, to: Any) -> int:
        if self._next == len(self.batches):
            if self.error is not None:
                return 5
            to.contents.release = RELEASE_ARRAY()
            return 0
        self.made["array"] += 1
        self._fill_array(to.contents, self.batches[self._next])
        to.contents.release = self._release[1]
        self._next += 1
        return 0

    def _get_error(self, stream: Any) -> int | None:
        if self.error is None:
            return None
        text = ctypes.create_string_buffer(self.error.encode())
        self._kept.append(text)
        return ctypes.addressof(text)

    def _fill_schema(self, schema: Schema, column: Column) -> None:
        texts = column.format.encode(), column.name.encode()
        self._kept.append(texts)  # the struct may be memory of the reader's, for which ctypes keeps nothing alive
        schema.format, schema.name = texts
        schema.n_children, schema.children = self._children(Schema, self._fill_schema, column)
        if column.dictionary is not None:
            dictionary = ctypes.pointer(self._filled(Schema(), self._fill_schema, column.dictionary))
            self._kept.append(dictionary)
            schema.dictionary = dictionary

    def _fill_array(self, array: Array, column: Column) -> None:
        array.length, array.offset, array.null_count = column.length, column.offset, -1 if column.has_nulls else 0
        array.n_buffers = len(column.buffers)
        pointers = [None if buffer is None else buffer.ctypes.data for buffer in column.buffers]
        addresses = (ctypes.c_void_p * len(pointers))(*pointers)
        array.buffers = addresses
        self._kept += [column, addresses]
        array.n_children, array.children = self._children(Array, self._fill_array, column)
        if column.dictionary is not None:
            dictionary = ctypes.pointer(self._filled(Array(), self._fill_array, column.dictionary))
            self._kept.append(dictionary)
            array.dictionary = dictionary

    def _children(self, kind: Any, fill: Any, column: Column) -> tuple[int, Any]:
        pointers = [ctypes.pointer(self._filled(kind(), fill, child)) for child in column.children]
        addresses = (ctypes.POINTER(kind) * max(len(pointers), 1))(*pointers)
        self._kept += [pointers, addresses]
        return len(pointers), addresses

    def _filled(self, struct: Any, fill: Any, column: Column) -> Any:
        fill(struct, column)
        self._kept.append(struct)
        return struct
