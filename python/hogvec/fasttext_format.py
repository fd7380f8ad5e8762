"""fastText's model files, ``.bin`` and ``.ftz``: read and written. What they hold: `hogvec.fasttext_model`.

fastText's ``.vec`` files are word2vec's text: `KeyedVectors.load_word2vec_format`. Reader and writer mirror each other
and stay in one file for that, a little longer than others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import operator
import os
import re
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hogvec._files import replace_file
from hogvec._safetensors import row_blocks
from hogvec._validate import check_int
from hogvec.fasttext_model import (
    LOSSES,
    MODELS,
    FastTextArguments,
    FastTextModel,
    Table,
    check_kept_buckets,
    end_offsets,
)
from hogvec.product_quantizer import NUM_CENTROIDS, QuantizedMatrix
from hogvec.vocabulary import Vocabulary

__all__ = ["read_fasttext", "write_fasttext"]

_MAGIC = 793712314
_VERSIONS = (11, 12)
_ARGUMENTS = struct.Struct("<12id")
_TRAILER = 10  # bytes of an entry beside its word: a NUL, an int64 count, an int8 type
_BLOCK = 1 << 22  # bytes checked or written at once
# Matches at any place, so that a search never starts anew further on; without the group where the file ends.
_ENTRY = re.compile(rb"[^\0]*(?:\0.{9})?", re.DOTALL)


# Reading


def read_fasttext(path: str | os.PathLike[str], *, memory_map: bool = False) -> FastTextModel:
    """Read a model file of fastText: ``.bin`` or ``.ftz``, of the versions 12, 11 and the one before those.

    Everything that the file says about sizes is checked against its real size before it is used, and it must end where
    its contents do. Supervised models from before version 12 get a `max_n` of 0, since they have no n-grams of letters.

    Parameters
    ----------
    path : str or PathLike
    memory_map : bool, default False
        Leave matrices and codes in the file, as read-only views, for a look at a few vectors of a large file. They may
        not be aligned, and their values are not checked. Otherwise they are read once, into aligned memory.

    Returns
    -------
    FastTextModel

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is no whole fastText model: the message says where, what was expected and what is there.

    Examples
    --------
    >>> model = read_fasttext("cc.en.300.bin", memory_map=True)  # doctest: +SKIP
    >>> model.input_table[model.entries["where"]]  # doctest: +SKIP
    """
    if not isinstance(memory_map, bool):
        raise TypeError(f"memory_map must be True or False, got {memory_map!r}")
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise ValueError("it is empty")
            data = np.asarray(np.memmap(file, np.uint8, "r"))
            return _Reader(data, copies=not memory_map).read()
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r} must be a whole fastText model: {error}") from None


class _Reader:
    """One pass over the mapped bytes of a file."""

    def __init__(self, data: NDArray[np.uint8], *, copies: bool) -> None:
        self.data = data
        self.copies = copies
        self.position = 0

    def read(self) -> FastTextModel:
        version = self._version()
        with self._part("arguments"):
            arguments = self._arguments(version)
        with self._part("header of the dictionary"):
            size, num_words, num_labels, num_tokens, num_kept = self._dictionary_header(version)
        with self._part("entries"):
            entries = self._entries(size, num_words)
        kept = None
        if num_kept >= 0:
            with self._part("pruned buckets"):
                kept = np.array(self._take(num_kept * 2, "<i4"), np.int32).reshape(-1, 2)
                check_kept_buckets(kept, arguments.buckets)
        rows = num_words + (arguments.buckets if kept is None else num_kept)
        with self._part("input matrix"):
            quantized = version > 0 and self._flag("mark of a quantized matrix")
            if kept is not None and not quantized:
                raise ValueError("must be quantized in a pruned model, and is not")
            input_table = self._table(quantized, (rows, arguments.dim))
        rows = num_labels if arguments.model == "supervised" else num_words
        with self._part("output matrix"):
            quantize_output = version > 0 and self._flag("mark of a quantized matrix")
            output_table = self._table(quantized and quantize_output, (rows, arguments.dim))
        if self.position != len(self.data):
            raise ValueError(f"it must end at byte {self.position}, where its output matrix does, has {len(self.data)}")
        return FastTextModel(
            arguments=arguments,
            entries=entries,
            num_words=num_words,
            num_tokens=num_tokens,
            input_table=input_table,
            output_table=output_table,
            kept_buckets=kept,
            quantize_output=quantize_output,
        )

    @contextlib.contextmanager
    def _part(self, name: str) -> Iterator[None]:
        """Let the errors of the block say where in the file they are."""
        begin = self.position
        try:
            yield
        except ValueError as error:
            raise ValueError(f"{name}, from byte {begin}: {error}") from None

    def _take(self, count: int, dtype: str) -> NDArray[Any]:
        """Return a view of the next `count` elements, which may not be aligned."""
        size = count * np.dtype(dtype).itemsize
        left = len(self.data) - self.position
        if size > left:
            raise ValueError(f"{size} bytes expected at byte {self.position}, the file has {left} left")
        view = self.data[self.position : self.position + size].view(dtype)
        self.position += size
        return view

    def _integer(self, dtype: str) -> int:
        return int(self._take(1, dtype)[0])

    def _flag(self, name: str) -> bool:
        value = self._integer("u1")
        if value > 1:
            raise ValueError(f"{name} must be 0 or 1, got {value}")
        return value == 1

    def _version(self) -> int:
        """Return 12, 11, or 0 for the files that do not say."""
        if len(self.data) < 8 or self.data[:4].view("<i4")[0] != _MAGIC:
            return 0
        self.position = 4
        version = self._integer("<i4")
        if version not in _VERSIONS:
            raise ValueError(f"version must be 11 or 12, got {version}")
        return version

    def _arguments(self, version: int) -> FastTextArguments:
        values = _ARGUMENTS.unpack(self._take(_ARGUMENTS.size, "u1").tobytes())
        dim, window, epochs, min_count, negatives, word_ngrams, loss, model, buckets, min_n, max_n, rate = values[:12]
        if version == 0 and not 1 <= dim * 4 <= len(self.data):
            raise ValueError(f"the file must begin with the number {_MAGIC} or with a dim of its matrices, got {dim}")
        for name, value, names in (("loss", loss, LOSSES), ("model", model, MODELS)):
            check_int(f"number of the {name}", value, minimum=1, maximum=len(names))
        arguments = FastTextArguments(
            model=MODELS[model - 1],  # type: ignore[arg-type]
            loss=LOSSES[loss - 1],  # type: ignore[arg-type]
            dim=dim,
            window=window,
            epochs=epochs,
            min_count=min_count,
            negatives=negatives,
            word_ngrams=word_ngrams,
            buckets=buckets,
            min_n=min_n,
            max_n=max_n,
            lr_update_rate=rate,
            subsample=values[12],
        )
        if version < 12 and arguments.model == "supervised":
            arguments = dataclasses.replace(arguments, max_n=0)
        return arguments

    def _dictionary_header(self, version: int) -> tuple[int, int, int, int, int]:
        size, num_words, num_labels = (int(n) for n in self._take(3, "<i4"))
        num_tokens = check_int("number of tokens", self._integer("<i8"), minimum=0, maximum=2**63 - 1)
        for name, value in (("words", num_words), ("labels", num_labels)):
            check_int(f"number of {name}", value, minimum=0)
        if size != num_words + num_labels:
            raise ValueError(f"number of entries must be {num_words} words and {num_labels} labels, got {size}")
        num_kept = -1
        if version > 0:
            num_kept = check_int("number of pruned buckets", self._integer("<i8"), minimum=-1)
        left = len(self.data) - self.position
        shortest = size * _TRAILER + max(0, num_kept) * 8
        if shortest > left:
            raise ValueError(
                f"{size} entries and {max(0, num_kept)} pruned buckets take at least {shortest} bytes, "
                f"the file has {left} left"
            )
        return size, num_words, num_labels, num_tokens, num_kept

    def _entries(self, size: int, num_words: int) -> Vocabulary:
        begin = self.position
        matches = itertools.islice(_ENTRY.finditer(self.data.data, begin), size)
        ends = np.fromiter(map(operator.methodcaller("end"), matches), np.int64)
        starts = np.concatenate([[begin], ends[:-1]]) if len(ends) else ends
        # A word has no NUL, and so there is none in the tenth place from the end of a match without a trailer.
        whole = (ends - starts >= _TRAILER) & (self.data[ends - _TRAILER] == 0)
        if len(ends) < size or not whole.all():
            entry = int(np.argmin(np.append(whole, False)))
            raise ValueError(
                f"entry {entry} of {size} must be a word, a NUL, a count and a type, the file ends before they do"
            )
        if size:
            self.position = int(ends[-1])
        region = self.data[begin : self.position]
        is_letter = np.ones(len(region), np.bool_)
        trailers = (ends - begin - _TRAILER)[:, None] + np.arange(_TRAILER)
        is_letter[trailers] = False
        types = region[trailers[:, 9]]
        wrong = np.flatnonzero(types != (np.arange(size) >= num_words))
        if len(wrong):
            entry = int(wrong[0])
            expected = "0, a word" if entry < num_words else "1, a label"
            where = int(ends[entry]) - 1
            raise ValueError(f"type of entry {entry}, at byte {where}, must be {expected}, got {types[entry]}")
        counts = np.ascontiguousarray(region[trailers[:, 1:9]]).view("<i8").reshape(-1).astype(np.int64, copy=False)
        letters, lengths = region[is_letter], ends - starts - _TRAILER
        empty = lengths == 0
        letters = np.insert(letters, np.cumsum(lengths)[empty], 0)
        return Vocabulary.from_bytes_arrays(letters, end_offsets(np.where(empty, 1, lengths)), counts)

    def _table(self, quantized: bool, shape: tuple[int, int]) -> Table:
        return self._quantized(shape) if quantized else self._dense(shape)

    def _check_shape(self, shape: tuple[int, int]) -> None:
        found = (self._integer("<i8"), self._integer("<i8"))
        if found != shape:
            raise ValueError(f"must have the shape {shape}, got {found}")

    def _dense(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        self._check_shape(shape)
        return self._floats("value", shape[0] * shape[1]).reshape(shape)

    def _floats(self, name: str, count: int) -> NDArray[np.float32]:
        begin = self.position
        values = self._values(count, "<f4")
        if self.copies:
            for start, stop in row_blocks(values, _BLOCK):
                finite = np.isfinite(values[start:stop])
                if not finite.all():
                    i = start + int(np.argmin(finite))
                    raise ValueError(f"{name} {i}, at byte {begin + 4 * i}, must be finite, got {values[i]}")
        return values

    def _values(self, count: int, dtype: str) -> NDArray[Any]:
        """Return the next elements: in memory of their own or as they lie in the file."""
        view = self._take(count, dtype)
        if self.copies:
            view = view.astype(np.dtype(dtype).newbyteorder("="))
        view.flags.writeable = False
        return view

    def _quantized(self, shape: tuple[int, int]) -> QuantizedMatrix:
        has_norms = self._flag("mark of quantized norms")
        self._check_shape(shape)
        num_codes = self._integer("<i4")
        parts, rest = divmod(num_codes, shape[0]) if shape[0] else (0, 1)
        if rest or not 1 <= parts <= shape[1]:
            raise ValueError(f"number of codes must be {shape[0]} rows times 1 to {shape[1]} parts, got {num_codes}")
        codes = self._values(num_codes, "u1").reshape(shape[0], parts)
        dsub, centroids = self._quantizer(shape[1], parts)
        norm_codes = norm_centroids = None
        if has_norms:
            norm_codes = self._values(shape[0], "u1")
            begin = self.position
            norm_dsub, norm_centroids = self._quantizer(1, 1)
            if norm_dsub != 1:
                raise ValueError(f"quantizer of norms at byte {begin} must have 1 value in a part, got {norm_dsub}")
        return QuantizedMatrix(
            codes=codes, centroids=centroids, dsub=dsub, norm_codes=norm_codes, norm_centroids=norm_centroids
        )

    def _quantizer(self, dim: int, parts: int) -> tuple[int, NDArray[np.float32]]:
        begin = self.position
        found = tuple(int(n) for n in self._take(4, "<i4"))
        dsub = found[2]
        if dsub < 1 or found != (dim, -(-dim // dsub), dsub, dim % dsub or dsub) or found[1] != parts:
            raise ValueError(
                f"quantizer at byte {begin} must have dim {dim} in {parts} parts, "
                f"got dim, parts, values in a part and in the last one of {found}"
            )
        return dsub, self._floats("centroid value", dim * NUM_CENTROIDS)


# Writing


def write_fasttext(model: FastTextModel, path: str | os.PathLike[str]) -> None:
    """Write a model as a file of version 12 that fastText reads; the file of that version it came from is the same.

    The file is written beside `path` and then renamed.

    Parameters
    ----------
    model : FastTextModel
    path : str or PathLike
        By custom ``.bin``, or ``.ftz`` for quantized models.

    Raises
    ------
    OSError
        The file cannot be written; what stood at `path` is still there.
    ValueError
        The format cannot hold the model: a word holds a NUL, a table has more than 2^31 - 1 codes, or the input table
        is pruned and not quantized.
    """
    if not isinstance(model, FastTextModel):
        raise TypeError(f"model must be a FastTextModel, got {type(model).__name__}")
    for name, table in (("input_table", model.input_table), ("output_table", model.output_table)):
        if isinstance(table, QuantizedMatrix) and table.codes.size > 2**31 - 1:
            raise ValueError(f"{name} must have at most {2**31 - 1} codes, got {table.codes.size}")
    if model.kept_buckets is not None and not isinstance(model.input_table, QuantizedMatrix):
        raise ValueError("input_table of a pruned model must be quantized before it is written")
    words = _words_of_file(model.entries)
    with replace_file(path) as file:
        file.write(struct.pack("<2i", _MAGIC, 12) + _packed(model.arguments))
        _write_dictionary(model, *words, file)
        _write_table(model.input_table, isinstance(model.input_table, QuantizedMatrix), file)
        _write_table(model.output_table, model.quantize_output, file)


def _packed(arguments: FastTextArguments) -> bytes:
    return _ARGUMENTS.pack(
        arguments.dim,
        arguments.window,
        arguments.epochs,
        arguments.min_count,
        arguments.negatives,
        arguments.word_ngrams,
        LOSSES.index(arguments.loss) + 1,
        MODELS.index(arguments.model) + 1,
        arguments.buckets,
        arguments.min_n,
        arguments.max_n,
        arguments.lr_update_rate,
        arguments.subsample,
    )


def _words_of_file(entries: Vocabulary) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return letters and offsets of the words as a file has them: the one that is a NUL is empty."""
    letters, offsets = entries.to_bytes_arrays()
    nuls = np.flatnonzero(letters == 0)
    if not len(nuls):
        return letters, offsets
    owners = np.searchsorted(offsets, nuls, side="right") - 1
    lengths = np.diff(offsets)
    if (lengths[owners] > 1).any():
        entry = int(owners[lengths[owners] > 1][0])
        raise ValueError(f"words must not hold a NUL, got {entries.word(entry)!r} as entry {entry}")
    lengths[owners] = 0
    return np.delete(letters, nuls), end_offsets(lengths)


def _write_dictionary(
    model: FastTextModel, letters: NDArray[np.uint8], offsets: NDArray[np.int64], file: BinaryIO
) -> None:
    size = len(model.entries)
    num_kept = -1 if model.kept_buckets is None else len(model.kept_buckets)
    file.write(struct.pack("<3i2q", size, model.num_words, model.num_labels, model.num_tokens, num_kept))
    trailers = np.zeros((size, _TRAILER), np.uint8)
    trailers[:, 1:9] = model.entries.counts.astype("<i8").view(np.uint8).reshape(size, 8)
    trailers[:, 9] = np.arange(size) >= model.num_words
    for start in range(0, size, 65_536):
        ends = offsets[start + 1 : start + 65_537]
        block = letters[offsets[start] : ends[-1]]
        out = np.empty(len(block) + _TRAILER * len(ends), np.uint8)
        is_letter = np.ones(len(out), np.bool_)
        places = (ends - offsets[start])[:, None] + _TRAILER * np.arange(len(ends))[:, None] + np.arange(_TRAILER)
        is_letter[places] = False
        out[is_letter] = block
        out[places] = trailers[start : start + 65_536]
        file.write(out.data)
    if model.kept_buckets is not None:
        file.write(model.kept_buckets.astype("<i4").tobytes())


def _write_table(table: Table, mark: bool, file: BinaryIO) -> None:
    file.write(struct.pack("<B", mark))
    if isinstance(table, QuantizedMatrix):
        file.write(struct.pack("<B2qi", table.norm_codes is not None, *table.shape, table.codes.size))
        _write_array(table.codes, file)
        _write_quantizer(table.shape[1], table.dsub, table.centroids, file)
        if table.norm_codes is not None and table.norm_centroids is not None:
            _write_array(table.norm_codes, file)
            _write_quantizer(1, 1, table.norm_centroids, file)
    else:
        file.write(struct.pack("<2q", *table.shape))
        _write_array(table, file)


def _write_quantizer(dim: int, dsub: int, centroids: NDArray[np.float32], file: BinaryIO) -> None:
    file.write(struct.pack("<4i", dim, -(-dim // dsub), dsub, dim % dsub or dsub))
    _write_array(centroids, file)


def _write_array(array: NDArray[Any], file: BinaryIO) -> None:
    for start, stop in row_blocks(array, _BLOCK):
        block = np.ascontiguousarray(array[start:stop], dtype=array.dtype.newbyteorder("<"))
        file.write(block.reshape(-1).view(np.uint8).data)
