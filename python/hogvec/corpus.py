"""A corpus: sequences of ids, end to end in one array, made of text, of sequences of words or of ids.

One class with eight ways to make it, each described in full, and so longer than others; how files and columns are read
and written is in `_text_files.py`, `_arrow.py` and `_corpus_file.py`.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._arrow import parquet_batches, read_ids, read_words, readers_of
from ._corpus_file import begin_file, finish_file, read_file
from ._files import replace_file
from ._progress import progress_bar
from ._system import available_memory, number_of_threads
from ._text_files import ENCODING_ERRORS, PathOrPaths, check_paths, feed_files
from ._validate import check_choice, check_int
from .vocabulary import Vocabulary, check_limits

__all__ = ["Corpus"]

_BLOCK_BYTES = 1 << 20  # that a thread is given at once: it stays in the second-level cache
_MOST_BLOCK_BYTES = 1 << 26


class Corpus:
    """Sequences of ids, as one array of tokens and one of offsets, with how often each id occurs.

    Made by `from_file`, `from_sequences`, `from_ids`, `from_arrow`, `from_parquet`, `from_csr` or `load`, and never
    changed by anything here.

    Attributes
    ----------
    ids : ndarray of int32, shape (n_tokens,)
        The tokens of all sequences end to end. Read-only; after `load`, mapped from the file.
    offsets : ndarray of int64, shape (n_sequences + 1,)
        Sequence s is ``ids[offsets[s]:offsets[s + 1]]``. Read-only.
    counts : ndarray of int64, shape (num_rows,)
        How often each id occurs. Read-only.
    vocabulary : Vocabulary or None
        The words of the ids; None for a corpus of ids alone.
    raw_words : int
        How many tokens were read, those of dropped words among them.
    seconds : dict of str to float
        "counting": reading, splitting into words, counting; "encoding": sorting the words, renumbering the tokens.

    Examples
    --------
    >>> corpus = Corpus.from_sequences([["to", "be", "or"], ["not", "to", "be"]], min_count=2)
    >>> list(corpus.vocabulary), corpus.ids.tolist(), corpus.offsets.tolist(), corpus.raw_words
    (['to', 'be'], [0, 1, 0, 1], [0, 2, 4], 6)
    """

    __slots__ = ("_counts", "_ids", "_offsets", "_raw_words", "_seconds", "_vocabulary")

    _ids: npt.NDArray[np.int32]
    _offsets: npt.NDArray[np.int64]
    _counts: npt.NDArray[np.int64]
    _vocabulary: Vocabulary | None
    _raw_words: int
    _seconds: dict[str, float]

    def __init__(self) -> None:
        raise TypeError("a Corpus is made by Corpus.from_file, from_sequences, from_ids or load")

    @classmethod
    def _make(
        cls,
        ids: npt.NDArray[np.int32],
        offsets: npt.NDArray[np.int64],
        counts: npt.NDArray[np.int64],
        vocabulary: Vocabulary | None,
        raw_words: int,
        seconds: dict[str, float],
    ) -> Corpus:
        self = object.__new__(cls)
        self._ids, self._offsets, self._counts = _read_only(ids), _read_only(offsets), _read_only(counts)
        self._vocabulary, self._raw_words, self._seconds = vocabulary, raw_words, seconds
        return self

    @classmethod
    def from_file(
        cls,
        paths: PathOrPaths,
        *,
        min_count: int = 5,
        max_size: int | None = None,
        keep: Iterable[str] = (),
        vocabulary: Vocabulary | None = None,
        encoding_errors: str = "strict",
        threads: int | None = None,
        progress: bool | None = False,
    ) -> Corpus:
        r"""Read text: words stand between whitespace, and a line is a sequence.

        The text is read once. Whitespace is the ASCII space, ``\t``, ``\n``, ``\v``, ``\f`` and ``\r``; a line, a file
        and a word may be of any length. The end of a file ends a sequence. A line that keeps no word gives no sequence.
        The result is the same for any number of threads, and for any number of files the lines are divided into.

        Parameters
        ----------
        paths : str, PathLike or iterable of them
            UTF-8 files, read one after the other; ``.gz`` and ``.zst`` (with ``hogvec[zstd]``) are decompressed.
        min_count : int, default 5
            Words that occur less often are dropped.
        max_size : int, optional
            Only that many words stay, the most frequent (of equals, the first to appear). Default: no limit.
        keep : iterable of str, default ()
            Words that stay whatever their count; those that do not occur at all are passed over.
        vocabulary : Vocabulary, optional
            Use these words and drop all others. `min_count` then plays no part; `max_size` and `keep` must not be set.
        encoding_errors : {"strict", "replace", "ignore", "surrogateescape"}, default "strict"
            What to do with bytes that are no UTF-8: raise, put U+FFFD in their place, leave them out, keep them.
        threads : int, optional
            Default: as many as there are cores this process may use.
        progress : bool or None, default False
            Show a bar of the bytes read; None shows it on a terminal.

        Raises
        ------
        OSError
            A file is missing, is a directory, cannot be read, or is a corrupt or truncated ``.gz`` or ``.zst``.
        ValueError
            There is no word, or none is left; a NUL byte or broken UTF-8, with its offset; an argument out of range.
        ImportError
            A ``.zst`` file without the zstandard package.
        """
        start = time.perf_counter()
        names = check_paths(paths)
        limits = _check_vocabulary_arguments(vocabulary, min_count, max_size, keep)
        n_threads = number_of_threads(threads)
        encoder = _make_encoder(vocabulary, encoding_errors, n_threads)
        feed_files(
            encoder,
            names,
            block_bytes=_block_bytes(n_threads),
            encoding_errors=encoding_errors,
            progress=progress,
            description="reading",
        )
        return cls._finish(encoder, limits, vocabulary, start, ", ".join(names[:3]) + (", ..." if names[3:] else ""))

    @classmethod
    def from_sequences(
        cls,
        sequences: Iterable[Iterable[str]],
        *,
        min_count: int = 5,
        max_size: int | None = None,
        keep: Iterable[str] = (),
        vocabulary: Vocabulary | None = None,
        progress: bool | None = False,
    ) -> Corpus:
        """Take sequences of words, such as lists of str. They are gone through once: a generator is fine.

        Words are taken as they are, whitespace in them included. A sequence that keeps no word is left out.

        Parameters
        ----------
        sequences : iterable of iterables of str
            No word may be empty.
        min_count, max_size, keep, vocabulary
            As for `from_file`.
        progress : bool or None, default False
            Show a bar of the sequences taken; None shows it on a terminal.

        Raises
        ------
        TypeError
            A sequence is a str instead of a list of str; a word is no str.
        ValueError
            There is no word, or none is left; a word is empty.
        """
        start = time.perf_counter()
        limits = _check_vocabulary_arguments(vocabulary, min_count, max_size, keep)
        if isinstance(sequences, (str, bytes)) or not isinstance(sequences, Iterable):
            raise TypeError(f"sequences must be an iterable of lists of str, got {type(sequences).__name__}")
        encoder = _make_encoder(vocabulary, "surrogateescape", 1)
        with progress_bar(progress, iterable=sequences, unit=" sequences", unit_scale=True, desc="reading") as bar:
            encoder.add_sequences(sequences if bar is None else bar)
        return cls._finish(encoder, limits, vocabulary, start, "sequences")

    @classmethod
    def _finish(
        cls,
        encoder: _core.Encoder,
        limits: tuple[int, int, Iterable[str]],
        vocabulary: Vocabulary | None,
        start: float,
        source: str,
    ) -> Corpus:
        counted = time.perf_counter()
        ids, offsets, counts, made, raw_words = _finish_encoder(encoder, limits, source)
        if vocabulary is None:
            vocabulary = Vocabulary._wrap(made)
            counts = vocabulary.counts
        _check_known(len(ids), raw_words, source)
        seconds = {"counting": counted - start, "encoding": time.perf_counter() - counted}
        return cls._make(ids, offsets, counts, vocabulary, raw_words, seconds)

    @classmethod
    def from_ids(cls, ids: npt.ArrayLike, offsets: npt.ArrayLike, *, num_ids: int | None = None) -> Corpus:
        """Take sequences of ids: the ids are the rows of the tables, in the caller's order.

        Parameters
        ----------
        ids : array_like of int32 or int64, shape (n_tokens,)
            An int32 array in one piece is kept, not copied, and never written to: do not change it while it is in use.
        offsets : array_like of int32 or int64, shape (n_sequences + 1,)
            Sequence s is ``ids[offsets[s]:offsets[s + 1]]``; it may be empty.
        num_ids : int, optional
            How many rows there are. Default: the largest id plus one.

        Raises
        ------
        IndexError
            An id is negative, or not below `num_ids` or 2**31 - 1.
        TypeError
            The dtype is none of those above.
        MemoryError
            One count for every number up to the largest id does not fit into the memory available.
        ValueError
            There is no id, an array does not have one axis, the offsets do not ascend from 0 to the number of ids.
        """
        start = time.perf_counter()
        limit = -1 if num_ids is None else check_int("num_ids", num_ids, minimum=1)
        tokens = _check_integers("ids", ids)
        starts = _check_integers("offsets", offsets).astype(np.int64, copy=False)
        if len(tokens) == 0:
            raise ValueError("ids must hold at least one id, got none")
        _core.check_offsets(starts, len(tokens))
        rows = int(tokens.max()) + 1 if num_ids is None else limit
        if rows < 2**31:  # else an id is out of range, which is said below
            _check_count_memory(rows)
        counts = _core.count_ids(tokens, limit)
        seconds = {"counting": time.perf_counter() - start, "encoding": 0.0}
        return cls._make(tokens.astype(np.int32, copy=False), starts, counts, None, len(tokens), seconds)

    @classmethod
    def from_csr(cls, matrix: Any) -> Corpus:
        """Take the rows of a sparse matrix as sequences of the columns that they name, such as users and their items.

        Parameters
        ----------
        matrix : SciPy sparse matrix, shape (n_sequences, n_ids)
            Its values play no part, but for those stored zeros that are left out.

        Raises
        ------
        TypeError, ValueError, IndexError, MemoryError
            `matrix` is no sparse matrix, or as for `from_ids`.
        """
        if not hasattr(matrix, "tocsr") or len(matrix.shape) != 2:
            raise TypeError(f"matrix must be a SciPy sparse matrix, got {type(matrix).__name__}")
        rows = matrix.tocsr()
        if (rows.data == 0).any():
            rows = rows.copy()
            rows.eliminate_zeros()
        return cls.from_ids(rows.indices, rows.indptr, num_ids=max(rows.shape[1], 1))

    @classmethod
    def from_arrow(
        cls,
        data: Any,
        column: str | None = None,
        *,
        renumber: bool | None = None,
        num_ids: int | None = None,
        min_count: int | None = None,
        max_size: int | None = None,
        keep: Iterable[str] = (),
        vocabulary: Vocabulary | None = None,
    ) -> Corpus:
        """Take a column of Arrow data, of pyarrow, polars, pandas, duckdb and others: nothing is made a Python object.

        A column may hold lists of integers, each a sequence of ids, or lists of strings, each a sequence of words;
        integers, which are one sequence; or strings, each a text with words between whitespace. Lists may be large or
        of a fixed size, strings large or views, and all may be encoded by a dictionary. A null in a list is left out,
        and a null in place of a list is a sequence of nothing.

        Parameters
        ----------
        data : object with ``__arrow_c_stream__`` or ``__arrow_c_array__``
            A table, a batch, a column or a stream of batches, of which no more than one is held.
        column : str, optional
            Of a table. Default: its only one.
        renumber : bool, default False
            For integers that are not from 0 without gaps: number them by falling count. The words of the vocabulary
            are then the integers in decimal digits. Otherwise integers are rows, as in `from_ids`.
        num_ids : int, optional
            How many rows there are, if integers are rows.
        min_count : int, default 5
            For strings, like the next three: as for `from_file`.
        max_size, keep, vocabulary
            As for `from_file`.

        Raises
        ------
        TypeError
            `data` has neither method.
        ValueError
            There is no such column or none that can be read, an argument is for the other kind of column, or as for
            `from_ids` and `from_sequences`.
        IndexError, MemoryError
            As for `from_ids`.
        RuntimeError
            The stream reports an error.

        References
        ----------
        Arrow's C data and stream interfaces and the PyCapsule interface:
        https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
        """
        readers = list(readers_of(data, column))
        return cls._of_columns(
            iter(readers), readers[0].is_text, renumber, num_ids, min_count, max_size, keep, vocabulary
        )

    @classmethod
    def from_parquet(
        cls,
        paths: PathOrPaths,
        column: str,
        *,
        renumber: bool | None = None,
        num_ids: int | None = None,
        min_count: int | None = None,
        max_size: int | None = None,
        keep: Iterable[str] = (),
        vocabulary: Vocabulary | None = None,
    ) -> Corpus:
        """Take a column of Parquet files, one row group in memory at a time; needs ``hogvec[arrow]``.

        Parameters
        ----------
        paths : str, PathLike or iterable of them
        column : str
        renumber, num_ids, min_count, max_size, keep, vocabulary
            As for `from_arrow`.

        Raises
        ------
        ImportError
            Without pyarrow.
        OSError, TypeError, ValueError, IndexError, MemoryError, RuntimeError
            A file cannot be read, or as for `from_arrow`.
        """
        if not isinstance(column, str):
            raise TypeError(f"column must be a str, got {column!r}")
        batches = parquet_batches(check_paths(paths), column)
        first = next(batches, None)
        if first is None:
            raise ValueError("the files must have a row, got none")
        return cls._of_columns(
            itertools.chain([first], batches), first.is_text, renumber, num_ids, min_count, max_size, keep, vocabulary
        )

    @classmethod
    def _of_columns(
        cls,
        readers: Iterator[_core.ArrowReader],
        is_text: bool,
        renumber: bool | None,
        num_ids: int | None,
        min_count: int | None,
        max_size: int | None,
        keep: Iterable[str],
        vocabulary: Vocabulary | None,
    ) -> Corpus:
        start = time.perf_counter()
        if is_text:
            if renumber is not None or num_ids is not None:
                raise ValueError("renumber and num_ids must not be given for a column of strings")
            limits = _check_vocabulary_arguments(vocabulary, 5 if min_count is None else min_count, max_size, keep)
            encoder = _make_encoder(vocabulary, "strict", 1)
            read_words(readers, encoder)
            return cls._finish(encoder, limits, vocabulary, start, "Arrow data")
        if min_count is not None or max_size is not None or keep != () or vocabulary is not None:
            raise ValueError("min_count, max_size, keep and vocabulary must not be given for a column of integers")
        if renumber is not None and not isinstance(renumber, bool):
            raise TypeError(f"renumber must be True or False, got {renumber!r}")
        if renumber and num_ids is not None:
            raise ValueError("num_ids must not be given with renumber=True")
        tokens = read_ids(readers, renumber=bool(renumber))
        if tokens.vocabulary is None:
            return cls.from_ids(tokens.ids, tokens.offsets, num_ids=num_ids)
        words = Vocabulary._wrap(tokens.vocabulary)
        return cls._make(tokens.ids, tokens.offsets, words.counts, words, len(tokens.ids), tokens.seconds)

    @classmethod
    def encode_file(
        cls,
        paths: PathOrPaths,
        path: str | os.PathLike[str],
        *,
        min_count: int = 5,
        max_size: int | None = None,
        keep: Iterable[str] = (),
        vocabulary: Vocabulary | None = None,
        encoding_errors: str = "strict",
        threads: int | None = None,
        progress: bool | None = False,
    ) -> Corpus:
        """Encode text into a file, as `from_file` and `save` would, in memory that does not grow with the text.

        The text is read twice, first to count its words and then to encode it, or once if a vocabulary is given.

        Parameters
        ----------
        paths, min_count, max_size, keep, vocabulary, encoding_errors, threads, progress
            As for `from_file`; the files must be ordinary ones, not pipes, to be read twice.
        path : str or PathLike
            The file to write. It is written beside its place, so that an old one survives a failure.

        Returns
        -------
        Corpus
            Mapped from the new file.

        Raises
        ------
        OSError, ValueError, ImportError
            As for `from_file`.
        RuntimeError
            The text changed between the two readings.
        """
        start = time.perf_counter()
        names = check_paths(paths)
        limits = _check_vocabulary_arguments(vocabulary, min_count, max_size, keep)
        n_threads = number_of_threads(threads)
        options: dict[str, Any] = {
            "block_bytes": _block_bytes(n_threads),
            "encoding_errors": encoding_errors,
            "progress": progress,
        }
        source = ", ".join(names[:3])
        expected = None
        if vocabulary is None:
            for name in names:
                if not os.path.isfile(name):
                    raise ValueError(f"paths must be ordinary files, to be read twice, got {name!r}")
            counter = _make_encoder(None, encoding_errors, n_threads, keep_tokens=False)
            feed_files(counter, names, description="counting", **options)
            vocabulary = Vocabulary._wrap(_finish_encoder(counter, limits, source)[3])
            expected = vocabulary.counts
            del counter
        counted = time.perf_counter()
        encoder = _make_encoder(vocabulary, encoding_errors, n_threads)
        with replace_file(path) as file, tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(path))) as offsets:
            n_ids = 0

            def write() -> None:
                nonlocal n_ids
                ids, ends = encoder.take()
                n_ids += len(ids)
                file.write(ids.data)
                offsets.write(ends.data)

            begin_file(file)
            offsets.write(bytes(8))
            feed_files(encoder, names, description="encoding", after_block=write, **options)
            _, _, counts, _, raw_words = encoder.finish()
            _check_known(n_ids, raw_words, source)
            if expected is not None and not np.array_equal(counts, expected):
                raise RuntimeError(f"{source} changed while it was being read")
            finish_file(file, n_ids=n_ids, offsets=offsets, counts=counts, vocabulary=vocabulary, raw_words=raw_words)
        corpus = cls.load(path)
        corpus._seconds = {"counting": counted - start, "encoding": time.perf_counter() - counted}
        return corpus

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the corpus to a safetensors file, for `load`.

        The file is written beside its place, so that an old one survives a failure.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        with replace_file(path) as file:
            begin_file(file)
            file.write(self._ids.data)
            finish_file(
                file,
                n_ids=len(self._ids),
                offsets=self._offsets,
                counts=self._counts,
                vocabulary=self._vocabulary,
                raw_words=self._raw_words,
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Corpus:
        """Map a saved corpus into memory. It is read through once, to check every id, and need not fit into memory.

        Raises
        ------
        ValueError
            The file is none that `save` or `encode_file` wrote, is truncated or holds something else than it says.
        OSError
            The file cannot be read.
        """
        return cls._make(*read_file(path), {"counting": 0.0, "encoding": 0.0})

    @property
    def ids(self) -> npt.NDArray[np.int32]:
        """The tokens of all sequences end to end, int32 of shape (n_tokens,); read-only."""
        return self._ids

    @property
    def offsets(self) -> npt.NDArray[np.int64]:
        """Where sequences begin and end, int64 of shape (n_sequences + 1,); read-only."""
        return self._offsets

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How often each id occurs, int64 of shape (num_rows,); read-only."""
        return self._counts

    @property
    def vocabulary(self) -> Vocabulary | None:
        """The words of the ids, if there are any."""
        return self._vocabulary

    @property
    def raw_words(self) -> int:
        """How many tokens were read, those of dropped words among them."""
        return self._raw_words

    @property
    def num_rows(self) -> int:
        """How many different ids there can be."""
        return len(self._counts)

    @property
    def num_sequences(self) -> int:
        """How many sequences there are."""
        return len(self._offsets) - 1

    @property
    def seconds(self) -> dict[str, float]:
        """How long "counting" and "encoding" took."""
        return dict(self._seconds)

    def __len__(self) -> int:
        return len(self._ids)

    def __repr__(self) -> str:
        rows = "ids" if self._vocabulary is None else "words"
        return f"Corpus({len(self):,} tokens in {self.num_sequences:,} sequences, {self.num_rows:,} {rows})"


def _make_encoder(
    vocabulary: Vocabulary | None, encoding_errors: str, threads: int, *, keep_tokens: bool = True
) -> _core.Encoder:
    check_choice("encoding_errors", encoding_errors, ENCODING_ERRORS)
    return _core.Encoder(
        None if vocabulary is None else vocabulary._words,
        threads=threads,
        keep_tokens=keep_tokens,
        check_utf8=encoding_errors == "strict",
    )


def _finish_encoder(encoder: _core.Encoder, limits: tuple[int, int, Iterable[str]], source: str) -> Any:
    try:
        return encoder.finish(*limits)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def _check_known(n_ids: int, raw_words: int, source: str) -> None:
    if n_ids == 0:
        raise ValueError(f"{source}: {raw_words} words were read, but none of them is in the vocabulary")


def _check_vocabulary_arguments(
    vocabulary: Vocabulary | None, min_count: int, max_size: int | None, keep: Iterable[str]
) -> tuple[int, int, Iterable[str]]:
    min_count, limit, keep = check_limits(min_count, max_size, keep)
    if vocabulary is None:
        return min_count, limit, keep
    if not isinstance(vocabulary, Vocabulary):
        raise TypeError(f"vocabulary must be a Vocabulary, got {type(vocabulary).__name__}")
    if max_size is not None or keep != ():
        raise ValueError("max_size and keep must not be given with a vocabulary")
    return min_count, limit, ()


def _check_count_memory(rows: int) -> None:
    """Raise MemoryError before anything is allocated if one count for each id does not fit."""
    available = available_memory()
    if available is not None and 8 * rows > available:
        raise MemoryError(
            f"ids up to {rows - 1:,} need {8 * rows / 2**30:.1f} GiB for their counts alone, got "
            f"{available / 2**30:.1f} GiB of memory available; number the ids from 0 without gaps"
        )


def _block_bytes(threads: int) -> int:
    """Return how much text is read at once."""
    return min(_BLOCK_BYTES * threads, _MOST_BLOCK_BYTES)


def _check_integers(name: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return int32 or int64 values with one axis, in one piece; the array itself if it is such a one."""
    array = np.asarray(values)
    if array.dtype not in (np.int32, np.int64):
        raise TypeError(f"{name} must be int32 or int64, got {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{name} must have one axis, got {array.ndim}")
    return np.ascontiguousarray(array)


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
