"""Words and their ids: a mapping from str to int whose words live in one block of bytes, not in Python objects."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from . import _core
from ._files import replace_file
from ._validate import check_int

__all__ = ["Vocabulary"]

_WORDS_AT_A_TIME = 65536


class Vocabulary(Mapping[str, int]):
    """A mapping from word to id, with a count per word.

    Made by `Corpus.from_file`, `Corpus.from_sequences`, or one of the `from_...` methods here. Ids run from 0; in a
    vocabulary that was counted, the order is by falling count and then by first appearance. A vocabulary never changes,
    so any number of threads may read it. It takes 28 bytes a word beside the letters.

    Words are bytes inside and `str` outside: UTF-8, where bytes that are no UTF-8 become lone surrogates
    (``errors="surrogateescape"``), so that any word survives a round trip.

    Examples
    --------
    >>> vocabulary = Vocabulary.from_counts(["a", "the", "of"], [1, 9, 4], min_count=2)
    >>> vocabulary["the"], vocabulary.word(1), "a" in vocabulary, list(vocabulary)
    (0, 'of', False, ['the', 'of'])
    >>> vocabulary.ids(["of", "a"])
    array([ 1, -1], dtype=int32)
    """

    __slots__ = ("_words",)

    _words: _core.Vocabulary

    def __init__(self) -> None:
        raise TypeError("a Vocabulary is made by Corpus.from_file, Vocabulary.from_counts, from_words or load")

    @classmethod
    def _wrap(cls, core: _core.Vocabulary) -> Vocabulary:
        self = object.__new__(cls)
        self._words = core
        return self

    @classmethod
    def from_counts(
        cls,
        words: Iterable[str],
        counts: npt.ArrayLike,
        *,
        min_count: int = 1,
        max_size: int | None = None,
        keep: Iterable[str] = (),
    ) -> Vocabulary:
        """Make a vocabulary of counted words, sorted by falling count; equal counts keep the order given.

        Parameters
        ----------
        words : iterable of str
            Distinct and not empty.
        counts : array_like of int, shape (n_words,)
            How often each word occurs.
        min_count : int, default 1
            Words that occur less often are left out.
        max_size : int, optional
            Only that many words stay, the most frequent. Default: no limit.
        keep : iterable of str, default ()
            Words that stay whatever their count. One that is not among `words` is passed over.

        Raises
        ------
        ValueError
            A word is empty or comes twice, a count is negative, no word is left.
        TypeError
            A word is not a str, a count is not an integer.
        """
        limits = check_limits(min_count, max_size, keep)
        core = _core.Vocabulary.from_words(_check_words("words", words), _as_int64("counts", counts))
        return cls._wrap(core.select(*limits))

    @classmethod
    def from_words(cls, words: Iterable[str]) -> Vocabulary:
        """Make a vocabulary whose ids are the places of `words` (distinct, not empty); every count is 0."""
        return cls._wrap(_core.Vocabulary.from_words(_check_words("words", words)))

    @classmethod
    def from_bytes_arrays(cls, letters: npt.ArrayLike, offsets: npt.ArrayLike, counts: npt.ArrayLike) -> Vocabulary:
        """Make a vocabulary from its words as bytes: the inverse of `to_bytes_arrays`.

        Parameters
        ----------
        letters : array_like of uint8, shape (n_letters,)
            The words end to end.
        offsets : array_like of int64, shape (n_words + 1,)
            Word i is ``letters[offsets[i]:offsets[i + 1]]``.
        counts : array_like of int64, shape (n_words,)

        Raises
        ------
        ValueError
            The offsets do not ascend from 0 to the number of letters, a word is empty or comes twice, a count is
            negative.
        """
        letters = np.asarray(letters)
        if letters.dtype != np.uint8:
            raise TypeError(f"letters must be uint8, got {letters.dtype}")
        return cls._wrap(
            _core.Vocabulary(np.ascontiguousarray(letters), _as_int64("offsets", offsets), _as_int64("counts", counts))
        )

    def to_bytes_arrays(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Return the words as bytes, letters (n_letters,) and offsets (n_words + 1,): read-only views, no copy."""
        return self._words.letters, self._words.offsets

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How often each word occurs, int64 of shape (n_words,): a read-only view."""
        return self._words.counts

    @property
    def words(self) -> list[str]:
        """The words in order of their ids, as a new list."""
        return self._words.words(0, len(self))

    def word(self, id: int) -> str:
        """Return the word with that id; IndexError if there is none."""
        number = check_int("id", id, minimum=-(2**63), maximum=2**63 - 1)
        return self._words.word(number)

    def ids(self, words: Iterable[str]) -> npt.NDArray[np.int32]:
        """Return the ids of `words`, int32 of shape (len(words),), with -1 for those that are none of ours."""
        return self._words.find_all(_check_words("words", words))

    def __getitem__(self, word: str) -> int:
        id = self._words.find(word)
        if id < 0:
            raise KeyError(word)
        return id

    def get(self, word: str, default: Any = None) -> Any:
        """Return the id of `word`, or `default` if it is none of ours."""
        id = self._words.find(word)
        return default if id < 0 else id

    def __contains__(self, word: object) -> bool:
        return self._words.find(word) >= 0

    def __len__(self) -> int:
        return len(self._words)

    def __iter__(self) -> Iterator[str]:
        for begin in range(0, len(self), _WORDS_AT_A_TIME):
            yield from self._words.words(begin, begin + _WORDS_AT_A_TIME)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return Mapping.__eq__(self, other)
        mine, theirs = self._words, other._words
        return mine is theirs or (
            np.array_equal(mine.offsets, theirs.offsets)
            and np.array_equal(mine.letters, theirs.letters)
            and np.array_equal(mine.counts, theirs.counts)
        )

    def __repr__(self) -> str:
        shown = ", ".join(repr(word) for word in self._words.words(0, 3))
        return f"Vocabulary({len(self)} words: {shown}{', ...' if len(self) > 3 else ''})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Vocabulary.from_bytes_arrays, (*self.to_bytes_arrays(), self.counts)

    def save(self, path: str | os.PathLike[str]) -> None:
        r"""Write word2vec's text form, a line ``word count\n`` each, in order of the ids.

        The file is written beside `path` and then takes its place, so that an old file survives a failure.

        Raises
        ------
        ValueError
            A word has whitespace in it, which this form cannot hold.
        OSError
            The file cannot be written.
        """
        with replace_file(path) as file:
            for begin in range(0, len(self), _WORDS_AT_A_TIME):
                file.write(self._words.to_text(begin, begin + _WORDS_AT_A_TIME))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """Read word2vec's text form: a word, a space and a count on each line; ids are in the order of the lines.

        Raises
        ------
        ValueError
            A line is no word and count, a word comes twice, or there is none.
        OSError
            The file cannot be read.
        """
        with open(path, "rb") as file:
            text = file.read()
        try:
            vocabulary = cls._wrap(_core.Vocabulary.from_text(text))
            if not len(vocabulary):
                raise ValueError("a vocabulary file must have at least one word, got none")
            return vocabulary
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)}: {error}") from None


def check_limits(min_count: Any, max_size: Any, keep: Iterable[str]) -> tuple[int, int, Iterable[str]]:
    """Return what `_core.Vocabulary.select` takes, checked."""
    return (
        check_int("min_count", min_count, minimum=1, maximum=2**63 - 1),
        2**31 - 1 if max_size is None else check_int("max_size", max_size, minimum=1),
        _check_words("keep", keep),
    )


def _check_words(name: str, words: Iterable[str]) -> Iterable[str]:
    if isinstance(words, (str, bytes)):
        raise TypeError(f"{name} must be an iterable of str, got a single {type(words).__name__}")
    if not isinstance(words, Iterable):
        raise TypeError(f"{name} must be an iterable of str, got {type(words).__name__}")
    return words


def _as_int64(name: str, values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    array = np.asarray(values)
    if array.size == 0 and not isinstance(values, np.ndarray):
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu" or array.dtype == np.uint64:
        raise TypeError(f"{name} must be signed integers, got {array.dtype}")
    return cast("npt.NDArray[np.int64]", np.ascontiguousarray(array, dtype=np.int64))
