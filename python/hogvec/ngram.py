"""N-gram language models: relative frequencies, added counts, and modified Kneser-Ney."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._files import replace_file
from hogvec._safetensors import write_safetensors
from hogvec._system import number_of_threads
from hogvec._validate import check_choice, check_float, check_int
from hogvec._vectors_file import word_tensors, words_of
from hogvec.language_model import LanguageModel, TextLike, encode, read_model, text_and_vocabulary
from hogvec.vocabulary import Vocabulary

__all__ = ["NGramLM"]

_FORMAT = {"format": "hogvec.NGramLM", "version": "1"}
_MOST_WORDS = 2**31 - 3
SMOOTHINGS = ("kneser_ney", "add_k", "mle")


class NGramLM(LanguageModel):
    """Probabilities of words by the few words before them, counted in a text.

    Parameters
    ----------
    order : int, default 5
        The length of the longest n-grams, 1 to 16: a word is predicted from the ``order - 1`` words before it.
    smoothing : {"kneser_ney", "add_k", "mle"}, default "kneser_ney"
        "kneser_ney" is interpolated modified Kneser-Ney: counts are discounted, and what is taken off goes to n-grams
        without their first word, which count in how many different places they occur. "add_k" adds `k` to the count of
        every word after a context. "mle" takes relative frequencies after as much of the context as was seen; it rules
        out what it never saw.
    k : float, default 1.0
        For "add_k", positive.
    threads : int, optional
        Default: the cores that this process may use.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range.

    Notes
    -----
    A sequence is read as ``<s> words </s>`` with one ``<s>``; n-grams do not cross its end. A small text in which no
    n-gram occurs exactly once, twice, three or four times leaves a discount of Kneser-Ney without an estimate; half the
    count is then taken off.

    References
    ----------
    S. F. Chen, J. Goodman, "An empirical study of smoothing techniques for language modeling", Computer Speech and
    Language 13, 1999.

    Examples
    --------
    >>> text = [["the", "cat", "sat"], ["the", "dog", "sat"], ["a", "cat", "ran"]]
    >>> model = NGramLM(order=2, threads=1).fit(text)
    >>> model.log_prob(["the", "cat", "ran"]) > model.log_prob(["ran", "the", "dog"])
    True
    >>> bool(abs(model.probabilities(["the"]).sum() - 1) < 1e-6)
    True
    """

    def __init__(
        self, order: int = 5, *, smoothing: str = "kneser_ney", k: float = 1.0, threads: int | None = None
    ) -> None:
        self._order = check_int("order", order, minimum=1, maximum=16)
        self._smoothing = check_choice("smoothing", smoothing, SMOOTHINGS)
        self._k = check_float("k", k, above=0)
        self._threads = number_of_threads(threads)
        self._vocabulary: Vocabulary | None = None
        self._arrays: dict[str, list[NDArray[Any]]] = {}
        self._discounts: list[list[float]] = []
        self._model: _core.NGramModel | None = None

    def __repr__(self) -> str:
        parts = f"order={self._order}, smoothing={self._smoothing!r}"
        return f"NGramLM({parts}{f', k={self._k:g}' if self._smoothing == 'add_k' else ''})"

    def fit(self, text: TextLike, *, vocabulary: Vocabulary | None = None) -> NGramLM:
        """Count the n-grams of a text and smooth them; an earlier text is forgotten.

        Parameters
        ----------
        text : Corpus or iterable of sequences of str
            A corpus must have a vocabulary and have dropped no word.
        vocabulary : Vocabulary, optional
            The words to know; others are its ``<unk>``. Default: those of the text.

        Returns
        -------
        NGramLM
            This model.

        Raises
        ------
        ValueError
            The text has no sequence; a word is unknown and the vocabulary has no ``<unk>``; a corpus has no vocabulary,
            another one, or has dropped words.
        KeyboardInterrupt
            The model is as it was.
        """
        text, vocabulary = text_and_vocabulary(text, vocabulary)
        ids, offsets = encode(text, vocabulary)
        if len(offsets) < 2:
            raise ValueError("text must have at least one sequence, got none")
        num_words = len(vocabulary)
        words, first_child, counts = _core.count_ngrams(ids, offsets, num_words, self._order, self._threads)
        arrays: dict[str, list[NDArray[Any]]] = {"words": words, "first_child": first_child}
        discounts: list[list[float]] = []
        if self._smoothing == "kneser_ney":
            log_probability, log_backoff, discounts = _core.kneser_ney(num_words, words, first_child, counts)
            arrays |= {"log_probability": log_probability, "log_backoff": log_backoff}
        else:
            arrays["counts"] = counts
        model = self._make_model(num_words, arrays)
        self._vocabulary, self._arrays, self._discounts, self._model = vocabulary, arrays, discounts, model
        return self

    def _make_model(self, num_words: int, arrays: dict[str, list[NDArray[Any]]]) -> _core.NGramModel:
        if self._smoothing == "kneser_ney":
            return _core.NGramModel.backing_off(num_words, **arrays)
        return _core.NGramModel.adding(num_words, **arrays, added=self._k if self._smoothing == "add_k" else 0.0)

    @property
    def order(self) -> int:
        """The length of the longest n-grams."""
        return self._order

    @property
    def smoothing(self) -> str:
        """How counts become probabilities."""
        return self._smoothing

    @property
    def vocabulary(self) -> Vocabulary:
        """The words. RuntimeError before `fit`."""
        if self._vocabulary is None:
            raise RuntimeError("the model must be fitted first: call fit")
        return self._vocabulary

    @property
    def num_ngrams(self) -> tuple[int, ...]:
        """How many n-grams of each length there are; those of one word are all words, the end and the begin."""
        return tuple(len(words) for words in self._fitted()["words"])

    @property
    def discounts(self) -> list[tuple[float, ...]]:
        """What Kneser-Ney takes off counts of 1, of 2, and of 3 and more, for n-grams of each length; else empty."""
        return [tuple(discounts) for discounts in self._discounts]

    def _fitted(self) -> dict[str, list[NDArray[Any]]]:
        _ = self.vocabulary
        return self._arrays

    def _log_probabilities(self, ids: NDArray[np.int32], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
        assert self._model is not None
        return self._model.log_probabilities(ids, offsets, self._threads)

    def _next_probabilities(self, context: NDArray[np.int32]) -> NDArray[np.float64]:
        assert self._model is not None
        return self._model.next_probabilities(context)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a safetensors file; OSError if that fails, and an older file is then still there."""
        tensors = word_tensors(self.vocabulary)
        for name, levels in self._arrays.items():
            tensors |= {f"{name}.{level + 1}": array for level, array in enumerate(levels)}
        discounts = np.array(self._discounts, np.float64).reshape(-1, 3)
        metadata = _FORMAT | {"order": str(self._order), "smoothing": self._smoothing, "k": repr(self._k)}
        write_safetensors(path, tensors | {"discounts": discounts}, metadata)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, threads: int | None = None) -> NGramLM:
        """Map a model that `save` wrote into memory.

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            It is no such file, or a damaged one.
        """
        tensors, metadata = read_model(path, _FORMAT)
        try:
            return cls._from_tensors(tensors, metadata, threads)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise ValueError(f"{os.fspath(path)!r} must be a whole language model: {error}") from None

    @classmethod
    def _from_tensors(cls, tensors: dict[str, NDArray[Any]], metadata: dict[str, str], threads: int | None) -> NGramLM:
        self = cls(int(metadata["order"]), smoothing=metadata["smoothing"], k=float(metadata["k"]), threads=threads)
        kneser_ney = self._smoothing == "kneser_ney"
        names = ("log_probability", "log_backoff") if kneser_ney else ("counts",)
        lengths = {"first_child": self._order - 1, "log_backoff": self._order - 1}
        self._arrays = {
            name: [
                np.require(tensors[f"{name}.{level + 1}"], requirements="A")
                for level in range(lengths.get(name, self._order))
            ]
            for name in ("words", "first_child", *names)
        }
        self._discounts = tensors["discounts"].tolist()
        vocabulary = words_of(tensors)
        self._model = self._make_model(len(vocabulary), self._arrays)
        self._vocabulary = vocabulary
        return self

    def save_arpa(self, path: str | os.PathLike[str]) -> None:
        """Write the model as an ARPA file, the text form that other programs for n-grams read.

        Logarithms are to the base 10. ``<s>``, ``</s>`` and the vocabulary's words stand as they are.

        Raises
        ------
        OSError
            The file cannot be written; an older one is then still there.
        ValueError
            The smoothing is none that backs off; a word has whitespace in it, or is ``<s>`` or ``</s>``.
        """
        arrays = self._fitted()
        if self._smoothing != "kneser_ney":
            raise ValueError(f"smoothing must be 'kneser_ney' for an ARPA file, got {self._smoothing!r}")
        words = [*self.vocabulary, "</s>", "<s>"]
        for word in words[:-2]:
            if word in ("<s>", "</s>") or word.split() != [word]:
                raise ValueError(f"words must have no whitespace, and not be <s> or </s>, got {word!r:.80}")
        with replace_file(path) as file:
            file.write(b"\\data\\\n")
            for level, count in enumerate(self.num_ngrams):
                file.write(b"ngram %d=%d\n" % (level + 1, count))
            for level in range(self._order):
                file.write(b"\n\\%d-grams:\n" % (level + 1))
                for line in _arpa_lines(arrays, words, level):
                    file.write(line.encode("utf-8", "surrogateescape"))
            file.write(b"\n\\end\\\n")


def _arpa_lines(arrays: dict[str, list[NDArray[Any]]], words: list[str], level: int) -> Iterator[str]:
    """Yield the lines of the n-grams of one length: ln p, the words and, but for the longest, ln backoff."""
    size = len(arrays["words"][level])
    columns = [arrays["words"][level]]
    node = np.arange(size)
    for above in range(level - 1, -1, -1):  # from an n-gram to the one that it continues
        node = np.searchsorted(arrays["first_child"][above], node, side="right") - 1
        columns.insert(0, arrays["words"][above][node])
    ln_10 = math.log(10)
    probabilities = np.maximum(arrays["log_probability"][level] / ln_10, -99)  # <s> is never predicted
    last = level == len(arrays["words"]) - 1
    backoffs = np.zeros(size) if last else arrays["log_backoff"][level] / ln_10
    for i in range(size):
        ngram = " ".join(words[column[i]] for column in columns)
        yield f"{probabilities[i]:.7g}\t{ngram}\n" if last else f"{probabilities[i]:.7g}\t{ngram}\t{backoffs[i]:.7g}\n"
