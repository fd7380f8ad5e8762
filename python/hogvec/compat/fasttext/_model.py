"""fastText's model object over a classifier or over word vectors of this library. Training is elsewhere.

One class with all methods that fastText's has, and so a little longer than others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._cosine import unit
from hogvec._texts import texts_of
from hogvec._validate import check_int
from hogvec.classification import Evaluation
from hogvec.compat.fasttext._meter import _Meter
from hogvec.compat.fasttext._source import Source, TrainedVectors
from hogvec.fasttext_format import read_fasttext, write_fasttext
from hogvec.fasttext_model import FastTextModel, quantize_fasttext
from hogvec.product_quantizer import QuantizedMatrix
from hogvec.subword_vectors import SubwordVectors
from hogvec.text_classifier import TextClassifier
from hogvec.vocabulary import Vocabulary

__all__ = ["BOW", "EOS", "EOW", "_FastText", "file_errors", "load_model", "tokenize"]

BOW, EOW, EOS = "<", ">", "</s>"
_TOKEN = re.compile(r"[^ \t\n\v\f\r\0]+")
_LOADED_LEARNING_RATE = 0.05  # fastText's files do not keep theirs; this is what it retrains loaded models with


class _FastText:
    """A model as fastText's package has it: what `train_supervised`, `train_unsupervised` and `load_model` return.

    Parameters
    ----------
    model_path : str or PathLike
        A ``.bin`` or ``.ftz``, as for `load_model`.
    """

    def __init__(self, model_path: str | os.PathLike[str]) -> None:
        with file_errors():
            model = read_fasttext(model_path)
        if model.arguments.model == "supervised":
            classifier = TextClassifier.load_fasttext(model)
            self._source = Source(classifier.set_params(learning_rate=_LOADED_LEARNING_RATE))
        else:
            self._source = Source(model)

    @classmethod
    def _of(cls, source: TextClassifier | TrainedVectors, attributes: dict[str, Any]) -> _FastText:
        self = cls.__new__(cls)
        self._source = Source(source)
        self.__dict__.update(attributes)
        return self

    def _replace(self, source: TextClassifier | FastTextModel) -> None:
        self._source = Source(source)
        self.__dict__.pop("_class_tokens", None)

    @property
    def _supervised(self) -> TextClassifier:
        if self._source.classifier is None:
            raise ValueError("the model must be supervised to predict labels, got one of word vectors")
        return self._source.classifier

    @cached_property
    def _class_tokens(self) -> list[str]:
        """Labels with their prefix, in the order of the classifier's classes."""
        model = self._supervised._fitted()
        tokens = model.labels.words
        return [tokens[i] for i in model.label_of_class.tolist()]

    def is_quantized(self) -> bool:
        """Whether the rows are quantized, as in a ``.ftz``."""
        return self._source.is_quantized

    def get_dimension(self) -> int:
        """Return the length of a vector."""
        return self._source.dim

    # ---- words and vectors -----------------------------------------------------------------------------------------

    def get_word_vector(self, word: str) -> NDArray[np.float32]:
        """Return the vector of a word, known or not, (dim,); zeros for an unknown one without n-grams."""
        if isinstance(self._source.vectors, SubwordVectors) or word in self._source.vectors:
            return self._source.vectors[word]
        return np.zeros(self.get_dimension(), np.float32)

    def __getitem__(self, word: str) -> NDArray[np.float32]:
        """Return `get_word_vector`."""
        return self.get_word_vector(word)

    def __contains__(self, word: object) -> bool:
        return word in self._source.words

    def get_sentence_vector(self, text: str) -> NDArray[np.float32]:
        """Return the vector of one line, (dim,).

        Of a classifier, the mean of all rows of the text, its end and its n-grams of words included; else the mean of
        the vectors of its words, each divided by its length.
        """
        _check_lines([text])
        if self._source.classifier is not None:
            model = self._source.classifier._fitted()
            means = model.features.means(texts_of([text]), model.input_table, 1)
            return means.reshape(-1)
        vectors = [self.get_word_vector(word) for word in _TOKEN.findall(text)]
        directions = unit(np.array([vector for vector in vectors if vector.any()]).reshape(-1, self.get_dimension()))
        return np.asarray(directions.sum(axis=0) / max(1, len(directions)), dtype=np.float32)

    def get_nearest_neighbors(
        self, word: str, k: int = 10, on_unicode_error: str = "strict"
    ) -> list[tuple[float, str]]:
        """Return the `k` words nearest to one by their cosine, as pairs of similarity and word, the nearest first."""
        return self._nearest(self.get_word_vector(word), k, {word}, on_unicode_error)

    def get_analogies(
        self, wordA: str, wordB: str, wordC: str, k: int = 10, on_unicode_error: str = "strict"
    ) -> list[tuple[float, str]]:
        """Return the `k` words nearest to A - B + C, vectors of length 1, as pairs of similarity and word."""
        a, b, c = unit(np.array([self.get_word_vector(word) for word in (wordA, wordB, wordC)]))
        return self._nearest(a - b + c, k, {wordA, wordB, wordC}, on_unicode_error)

    def _nearest(self, query: NDArray[Any], k: int, banned: set[str], errors: str) -> list[tuple[float, str]]:
        k = check_int("k", k, minimum=1)
        found: Any = self._source.vectors.similar_by_vector(query, topn=k + len(banned))
        pairs = [(near.similarity, near.word) for near in found if near.word not in banned][:k]
        return list(zip((s for s, _ in pairs), _decoded((word for _, word in pairs), errors), strict=True))

    def get_words(self, include_freq: bool = False, on_unicode_error: str = "strict") -> Any:
        """Return the words, by falling count; with `include_freq`, a pair of them and their counts."""
        return _listed(self._source.words, include_freq, on_unicode_error)

    def get_labels(self, include_freq: bool = False, on_unicode_error: str = "strict") -> Any:
        """Return the labels, by falling count, as `get_words`; of a model without labels the words."""
        return _listed(self._source.labels, include_freq, on_unicode_error)

    @property
    def words(self) -> list[str]:
        """The words."""
        words: list[str] = self.get_words()
        return words

    @property
    def labels(self) -> list[str]:
        """The labels."""
        labels: list[str] = self.get_labels()
        return labels

    def get_word_id(self, word: str) -> int:
        """Return the row of a word, -1 if it is not known."""
        return int(self._source.words.get(word, -1))

    def get_label_id(self, label: str) -> int:
        """Return the row of a label in the output matrix, -1 if it is not known."""
        return int(self._source.labels.get(label, -1))

    def get_subword_id(self, subword: str) -> int:
        """Return the row of the input matrix that an n-gram hashes to, -1 if there is none."""
        buckets = self._source.ngrams["buckets"]
        if buckets == 0:
            return -1
        return int(self._source.rows_of_buckets(np.array([_core.subword_hash(subword) % buckets]))[0])

    def get_subwords(self, word: str, on_unicode_error: str = "strict") -> tuple[list[str], NDArray[np.int64]]:
        """Return what the vector of a word is made of, itself if it is known and its n-grams, and their rows."""
        settings = self._source.ngrams
        parts = [word] if word in self._source.words else []
        rows = np.array([self._source.words[part] for part in parts], np.int64)
        if settings["buckets"] and settings["max_n"] >= settings["min_n"]:
            _, hashes = _core.subword_ids([word], **settings, first=0)
            ngrams = _core.subword_ngrams(word, min_n=settings["min_n"], max_n=settings["max_n"])
            places = self._source.rows_of_buckets(hashes.astype(np.int64))
            parts += [ngram for ngram, row in zip(ngrams, places.tolist(), strict=True) if row >= 0]
            rows = np.concatenate([rows, places[places >= 0]])
        return _decoded(parts, on_unicode_error), rows

    def get_input_vector(self, ind: int) -> NDArray[np.float32]:
        """Return a row of the input matrix, (dim,)."""
        table = self._source.file.input_table
        if not 0 <= ind < table.shape[0]:
            raise IndexError(f"ind must be at least 0 and below {table.shape[0]}, got {ind}")
        if isinstance(table, QuantizedMatrix):
            return table.decode(np.array([ind])).reshape(-1)
        return np.array(table[ind])

    def get_input_matrix(self) -> NDArray[np.float32]:
        """Return a copy of the rows of the words and of all buckets, (rows, dim), of a model that is not quantized."""
        return _dense("input", self._source.file.input_table)

    def get_output_matrix(self) -> NDArray[np.float32]:
        """Return a copy of the rows of the labels, or of the words, (outputs, dim), if they are not quantized."""
        return _dense("output", self._source.file.output_table)

    def set_matrices(self, input_matrix: NDArray[Any], output_matrix: NDArray[Any]) -> None:
        """Put others in the place of both matrices, with as many rows; not of a quantized model."""
        if self.is_quantized():
            raise ValueError("the model must not be quantized to get other matrices")
        model = dataclasses.replace(
            self._source.file,
            arguments=dataclasses.replace(self._source.file.arguments, dim=int(input_matrix.shape[1])),
            input_table=np.array(input_matrix, np.float32),
            output_table=np.array(output_matrix, np.float32),
        )
        old = self._source.classifier
        if old is None:
            return self._replace(model)
        new = TextClassifier.load_fasttext(model, label_prefix=old.label_prefix)
        kept = ("learning_rate", "epochs", "threads", "seed")
        self._replace(new.set_params(**{name: getattr(old, name) for name in kept}))

    # ---- labels ----------------------------------------------------------------------------------------------------

    def predict(
        self, text: str | Sequence[str], k: int = 1, threshold: float = 0.0, on_unicode_error: str = "strict"
    ) -> Any:
        """Return the most probable labels of a line, or of each of several, and their probabilities.

        Parameters
        ----------
        text : str or list of str
            Lines without a newline.
        k : int, default 1
            How many labels, -1: all.
        threshold : float, default 0.0
            Labels of a lower probability are left out.
        on_unicode_error : str, default "strict"
            What becomes of labels that are not UTF-8: an error handler of `bytes.decode`.

        Returns
        -------
        (tuple of str, ndarray of float64) or (list of list of str, list of ndarray of float32)
            The second for a list.

        Raises
        ------
        ValueError
            The model is not supervised, or a text holds a newline.
        """
        classifier = self._supervised
        lines = [text] if isinstance(text, str) else list(text)
        _check_lines(lines)
        found = classifier.predict(lines, k=self._number_of_labels(k), threshold=threshold)
        tokens = self._class_tokens
        labels = [_decoded((tokens[i] for i in ids if i >= 0), on_unicode_error) for ids in found.ids.tolist()]
        probabilities = [row[ids >= 0] for row, ids in zip(found.probabilities, found.ids, strict=True)]
        if isinstance(text, str):
            return tuple(labels[0]), probabilities[0]
        return labels, [row.astype(np.float32) for row in probabilities]

    def _number_of_labels(self, k: int) -> int:
        return len(self._source.labels) if k == -1 else check_int("k", k, minimum=1)

    def _evaluate(self, path: str | os.PathLike[str], k: int, threshold: float) -> Evaluation:
        with file_errors():
            return self._supervised.evaluate(path, k=self._number_of_labels(k), threshold=threshold, skip_unknown=True)

    def test(self, path: str | os.PathLike[str], k: int = 1, threshold: float = 0.0) -> tuple[int, float, float]:
        """Return the number of lines of a file with a known label, and precision and recall of `k` labels for each."""
        found = self._evaluate(path, k, threshold)
        return found.num_texts, found.precision, found.recall

    def test_label(
        self, path: str | os.PathLike[str], k: int = 1, threshold: float = 0.0
    ) -> dict[str, dict[str, float]]:
        """Return precision, recall and F1 for each label; nan where nothing is to be divided by."""
        scores = dict(zip(self._class_tokens, self._evaluate(path, k, threshold).per_label, strict=True))
        return {
            label: {"precision": scores[label].precision, "recall": scores[label].recall, "f1score": scores[label].f1}
            for label in self._source.labels
        }

    def get_meter(self, path: str | os.PathLike[str], k: int = -1) -> _Meter:
        """Return how good predictions for a file are at every threshold."""
        with file_errors():
            return _Meter(self._supervised, path, self._number_of_labels(k), self.get_label_id)

    def get_line(self, text: str | Sequence[str], on_unicode_error: str = "strict") -> tuple[Any, Any]:
        """Return the words of a line, its end ``</s>`` included, and its known labels; of several, two lists of lists.

        Words that begin with the prefix of labels and are no known label are neither.
        """
        lines = [text] if isinstance(text, str) else list(text)
        _check_lines(lines)
        classifier = self._source.classifier
        prefix = "__label__" if classifier is None else classifier.label_prefix
        known = () if classifier is None else classifier._fitted().labels
        tokens = [_decoded([*_TOKEN.findall(line), EOS], on_unicode_error) for line in lines]
        words = [[token for token in line if not token.startswith(prefix)] for line in tokens]
        labels = [[token for token in line if token in known] for line in tokens]
        return (words[0], labels[0]) if isinstance(text, str) else (words, labels)

    # ---- files -----------------------------------------------------------------------------------------------------

    def save_model(self, path: str | os.PathLike[str]) -> None:
        """Write a file that fastText reads: by custom ``.bin``, or ``.ftz`` of a quantized model."""
        with file_errors():
            write_fasttext(self._source.file, path)

    def quantize(
        self,
        input: str | os.PathLike[str] | None = None,
        qout: bool = False,
        cutoff: int = 0,
        retrain: bool = False,
        epoch: int | None = None,
        lr: float | None = None,
        thread: int | None = None,
        verbose: int | None = None,
        dsub: int = 2,
        qnorm: bool = False,
    ) -> None:
        """Make the model smaller, in place: see `hogvec.TextClassifier.quantize`. `input` is for `retrain`.

        A model of word vectors, which fastText refuses, has neither `cutoff` nor `retrain`.
        """
        if self.is_quantized():
            raise ValueError("the model must not be quantized to be quantized")
        if retrain and not input:
            raise ValueError("input must be the path of a file for retrain, got none")
        check_int("cutoff", cutoff, minimum=0)
        classifier = self._source.classifier
        if classifier is not None:
            given = {"epochs": epoch, "learning_rate": lr, "threads": thread}
            classifier.set_params(**{name: value for name, value in given.items() if value})
            cuts = 0 < cutoff < len(classifier._fitted().input_table)
            with file_errors():
                small = classifier.quantize(
                    cutoff, retrain=input if retrain and cuts else None, qnorm=qnorm, qout=qout, dsub=dsub
                )
            return self._replace(small)
        if cutoff or retrain:
            raise ValueError("cutoff and retrain must not be given for a model of word vectors")
        origin = self._source.origin
        model = origin.model(pruned=True) if isinstance(origin, TrainedVectors) else self._source.file
        self._replace(quantize_fasttext(model, dsub=dsub, qnorm=qnorm, qout=qout))


def load_model(path: str | os.PathLike[str]) -> _FastText:
    """Return the model of a fastText file, ``.bin`` or ``.ftz``, of any of its versions.

    Raises
    ------
    ValueError
        The file cannot be opened, or is no whole model.
    """
    return _FastText(path)


def tokenize(text: str) -> list[str]:
    r"""Return the words of a text, with ``</s>`` for each newline.

    Examples
    --------
    >>> tokenize("two words\nand more")
    ['two', 'words', '</s>', 'and', 'more']
    """
    return _TOKEN.findall(text.replace("\n", f" {EOS} "))


@contextlib.contextmanager
def file_errors() -> Iterator[None]:
    """Raise what fastText raises for a file that cannot be opened: ValueError."""
    try:
        yield
    except OSError as error:
        raise ValueError(f"{error.filename} cannot be opened: {error.strerror}") from error


def _check_lines(lines: Iterable[Any]) -> None:
    for line in lines:
        if not isinstance(line, str):
            raise TypeError(f"text must be a str or a list of str, got {line!r:.80}")
        if "\n" in line:
            raise ValueError(f"text must be a single line, got a newline in {line!r:.80}")


def _decoded(words: Iterable[str], errors: str) -> list[str]:
    """Return words with their bytes that are no UTF-8, kept as surrogates, handled as asked for."""
    listed = list(words)
    try:
        "".join(listed).encode()
    except UnicodeEncodeError:
        return [word.encode("utf-8", "surrogateescape").decode("utf-8", errors) for word in listed]
    return listed


def _listed(entries: Vocabulary, include_freq: bool, errors: str) -> Any:
    words = _decoded(entries.words, errors)
    return (words, np.array(entries.counts)) if include_freq else words


def _dense(name: str, table: Any) -> NDArray[np.float32]:
    if isinstance(table, QuantizedMatrix):
        raise ValueError(f"the {name} matrix must not be quantized to be seen whole")
    return np.array(table)
