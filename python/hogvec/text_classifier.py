"""The text classifier: fastText's supervised mode as an estimator of scikit-learn's kind, which it does without.

Most of the file is the text that users read; what it does is in `_classifier_training` and `_classifier_model`.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import os
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec import _core
from hogvec._autotune import autotune
from hogvec._classifier_model import (
    ClassifierModel,
    FeatureSettings,
    from_fasttext,
    from_tensors,
    to_fasttext,
    to_tensors,
)
from hogvec._classifier_scoring import class_ids, evaluate, precision_recall, predict
from hogvec._classifier_training import (
    ClassifierEpoch,
    Run,
    TrainingTexts,
    class_weights,
    load_vectors,
    prepare,
    sample_weights,
    set_labels,
    train,
)
from hogvec._loss import Loss
from hogvec._safetensors import parse_safetensors, read_safetensors, safetensors_bytes, write_safetensors
from hogvec._system import number_of_threads
from hogvec._texts import LabelColumn, TextsOrPath, labels_of, texts_of, texts_of_file
from hogvec._validate import check_float, check_int
from hogvec.classification import Evaluation, PrecisionRecall
from hogvec.fasttext_format import read_fasttext, write_fasttext
from hogvec.fasttext_model import FastTextModel, prune_fasttext, quantize_fasttext
from hogvec.keyed_vectors import KeyedVectors
from hogvec.losses import Softmax
from hogvec.optimizers import SGD
from hogvec.tuning import Trials

__all__ = ["TextClassifier"]

Labels: TypeAlias = "Sequence[Any] | NDArray[Any]"


class TextClassifier:
    """A linear classifier of texts on the mean of the vectors of their words and n-grams, as fastText's.

    A text is words between white space; what separates the words of a language, and whether case matters, is decided
    before. Words, n-grams of words and n-grams of letters have rows in a table; their mean is scored against the row of
    each label. Only n-grams that occur in training have a row; others count as rows of zeros. The end of a text is a
    word of its own, ``</s>``, so that an empty text is predicted from this word alone. A word that begins with
    `label_prefix` is a label and never counts as a word.

    It keeps scikit-learn's contract of an estimator without needing it: `clone`, `Pipeline`, `GridSearchCV`.

    Parameters
    ----------
    dim : int, default 10
        Floats in a vector, at least 1.
    word_ngrams : int, default 2
        Words in the longest n-gram of words, at least 1. fastText's own default is 1.
    min_n, max_n : int, default 0
        Code points in the shortest and the longest n-gram of letters; a `max_n` of 0: none.
    buckets : int, default 2,000,000
        N-grams of both kinds whose hashes are equal modulo this number share a row.
    loss : Loss, default Softmax()
        `Softmax`, `HierarchicalSoftmax`, `NegativeSampling`, `NCE`, `SampledSoftmax` or `OneVsAll`. With `OneVsAll` a
        text trains all of its labels; with any other one of them, drawn anew in each epoch.
    learning_rate : float, default 0.5
        At the start, above 0; it falls linearly to 0.
    epochs : int, default 5
        At least 1.
    min_count, min_count_label : int, default 1 and 0
        Words and labels that occur less often are left out.
    label_prefix : str, default "__label__"
        What labels in a text begin with.
    pretrained : KeyedVectors, str or PathLike, optional
        Vectors that the words begin with; those that the texts lack are kept, too. Files are ``.safetensors``,
        word2vec's text and binary forms (``.vec``), and fastText's ``.bin``. Default: random numbers.
    threads : int, optional
        Of training and prediction, 1 to 1024. Default: the cores that this process may use. The examples are the same
        for any number; with one thread training is the same to the bit.
    seed : int, default 1
        A number of [0, 2**64).
    progress : bool or None, default False
        Whether `fit` shows a bar; None shows it on a terminal.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        The labels, sorted: str, int64 or bool; objects that are str where one label is far longer than the others.
    history_ : list of ClassifierEpoch
        Loss, learning rate, validation score and seconds of each epoch of the last `fit`.
    trials_ : Trials
        Of a classifier that `autotune` returned: what was tried.

    Raises
    ------
    TypeError, ValueError
        By `fit`, if a parameter is of the wrong kind or outside its range.

    References
    ----------
    A. Joulin, E. Grave, P. Bojanowski, T. Mikolov, "Bag of tricks for efficient text classification", EACL 2017,
    arXiv:1607.01759.

    Examples
    --------
    >>> texts = ["the soup was cold", "a warm and lovely soup", "cold and slow", "lovely people"] * 25
    >>> classifier = TextClassifier(threads=1).fit(texts, ["bad", "good", "bad", "good"] * 25)
    >>> classifier.predict(["lovely and warm", "slow, cold"])
    array(['good', 'bad'], dtype='<U4')
    >>> classifier.predict(["lovely"], k=1).labels
    [['good']]
    """

    _estimator_type = "classifier"

    def __init__(
        self,
        dim: int = 10,
        *,
        word_ngrams: int = 2,
        min_n: int = 0,
        max_n: int = 0,
        buckets: int = 2_000_000,
        loss: Loss = Softmax(),  # noqa: B008  (frozen)
        learning_rate: float = 0.5,
        epochs: int = 5,
        min_count: int = 1,
        min_count_label: int = 0,
        label_prefix: str = "__label__",
        pretrained: KeyedVectors | str | os.PathLike[str] | None = None,
        threads: int | None = None,
        seed: int = 1,
        progress: bool | None = False,
    ) -> None:
        self.dim = dim
        self.word_ngrams = word_ngrams
        self.min_n = min_n
        self.max_n = max_n
        self.buckets = buckets
        self.loss = loss
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.min_count = min_count
        self.min_count_label = min_count_label
        self.label_prefix = label_prefix
        self.pretrained = pretrained
        self.threads = threads
        self.seed = seed
        self.progress = progress

    # ---- training --------------------------------------------------------------------------------------------------

    def fit(
        self,
        texts: TextsOrPath,
        labels: Labels | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        class_weight: dict[Any, float] | str | None = None,
        validation: tuple[Any, Any] | TextsOrPath | None = None,
        patience: int = 5,
    ) -> TextClassifier:
        """Train anew on texts and their labels. Texts are shuffled in every epoch.

        Parameters
        ----------
        texts : list or array of str, Arrow column, or path of a file
            A file has a text on each line; ``.gz`` and ``.zst`` are decompressed by their names.
        labels : list or array of str, int or bool, or of lists of them, optional
            A label for each text, or a list of labels for each, which may be empty: such a text is not trained on.
            Default: the words of the texts that begin with `label_prefix`.
        sample_weight : array_like of float, shape (n_texts,), optional
            What the loss of each text is multiplied by, none negative. Default: 1.
        class_weight : dict or "balanced", optional
            What it is multiplied by for the label that is trained: 1 for labels that are not named. "balanced" gives
            each label the weight n / (n_classes * its count). With `OneVsAll`, the mean over the labels of the text.
        validation : (texts, labels) or path, optional
            Scored after every epoch by the share of texts whose most probable label is right. The tables of the best
            epoch are kept, and training ends when `patience` epochs in a row were not better.
        patience : int, default 5

        Returns
        -------
        TextClassifier
            This one.

        Raises
        ------
        TypeError, ValueError
            If an argument or a parameter is of the wrong kind or outside its range, or there are fewer than 2 labels.
        OSError
            A file cannot be read.
        MemoryError
            If the tables do not fit into the memory available.
        RuntimeError
            If the loss is no longer finite.
        KeyboardInterrupt
            On Ctrl-C, within half a second. The classifier stays what it was.
        """
        arena, column = self._texts_and_labels(texts, labels)
        held_out = None
        if validation is not None:
            held_out = self._given("validation", validation)
        return self._fit(
            arena,
            column,
            weights=sample_weights(sample_weight, len(arena)),
            class_weight=class_weight,
            held_out=held_out,
            patience=check_int("patience", patience, minimum=1),
        )

    def _fit(
        self,
        arena: _core.Texts,
        column: LabelColumn | None,
        *,
        weights: NDArray[np.float32] | None = None,
        class_weight: dict[Any, float] | str | None = None,
        held_out: tuple[_core.Texts, LabelColumn | None] | None = None,
        patience: int = 1,
        watch: Callable[[float], object] | None = None,
    ) -> TextClassifier:
        settings, dim, run = self._settings(), check_int("dim", self.dim, minimum=1), self._run()
        vectors = load_vectors(self.pretrained, dim)
        model, tables, documents, num_tokens = prepare(
            arena,
            column,
            settings,
            loss=run.loss,
            dim=dim,
            min_count=check_int("min_count", self.min_count, minimum=0),
            min_count_label=check_int("min_count_label", self.min_count_label, minimum=0),
            pretrained=vectors,
            seed=run.seed,
            threads=run.threads,
        )
        training = TrainingTexts(documents=documents, weights=weights, label_weights=class_weights(class_weight, model))
        score = None
        if held_out is not None:
            given = held_out

            def score() -> float:
                return evaluate(model, *given, k=1, threshold=0.0, skip_unknown=False, threads=run.threads).precision

        self.history_ = train(model, tables, training, run, score=score, patience=patience, watch=watch)
        self._model, self._num_tokens, self._source = model, num_tokens, None
        return self

    def _settings(self) -> FeatureSettings:
        for name in ("min_n", "max_n"):
            check_int(name, getattr(self, name), minimum=0)
        if self.max_n and not 1 <= self.min_n <= self.max_n:
            raise ValueError(f"min_n must be at least 1 and at most max_n, {self.max_n}, got {self.min_n}")
        if not isinstance(self.label_prefix, str):
            raise TypeError(f"label_prefix must be a str, got {self.label_prefix!r:.80}")
        if not self.label_prefix or self.label_prefix.split() != [self.label_prefix] or "\0" in self.label_prefix:
            raise ValueError(f"label_prefix must be letters without white space, got {self.label_prefix!r:.80}")
        return FeatureSettings(
            word_ngrams=check_int("word_ngrams", self.word_ngrams, minimum=1),
            min_n=self.min_n,
            max_n=self.max_n,
            buckets=check_int("buckets", self.buckets, minimum=1),
            label_prefix=self.label_prefix,
        )

    def _run(self) -> Run:
        if not isinstance(self.loss, Loss):
            raise TypeError(f"loss must be a Loss such as Softmax(), got {self.loss!r:.80}")
        return Run(
            loss=self.loss,
            learning_rate=check_float("learning_rate", self.learning_rate, above=0.0),
            epochs=check_int("epochs", self.epochs, minimum=1),
            threads=number_of_threads(self.threads),
            seed=check_int("seed", self.seed, minimum=0, maximum=2**64 - 1),
            progress=self.progress,
        )

    def _texts_and_labels(self, texts: Any, labels: Any = None) -> tuple[_core.Texts, LabelColumn | None]:
        if isinstance(texts, (str, os.PathLike)):
            if labels is not None:
                raise ValueError("labels must be left out for a file, which holds them, got some")
            return texts_of_file(texts), None
        arena = texts_of(texts)
        return arena, None if labels is None else labels_of(labels, len(arena))

    def _given(self, name: str, value: tuple[Any, Any] | TextsOrPath) -> tuple[_core.Texts, LabelColumn | None]:
        """Texts and their labels, which an argument has as a pair or in a file."""
        if not isinstance(value, tuple):
            return self._texts_and_labels(value)
        if len(value) != 2:
            raise ValueError(f"{name} must be a pair of texts and labels or a path, got a tuple of {len(value)}")
        return self._texts_and_labels(*value)

    def autotune(
        self,
        train: tuple[Any, Any] | TextsOrPath,
        valid: tuple[Any, Any] | TextsOrPath,
        *,
        seconds: float = 300.0,
        metric: str = "f1",
        k: int = 1,
        fixed: Collection[str] = (),
        max_model_bytes: int | None = None,
        trials: int | None = None,
        seed: int = 1,
        resume: str | os.PathLike[str] | None = None,
        progress: bool | None = None,
    ) -> TextClassifier:
        """Return a classifier trained with the parameters that score best on `valid`, as found within a time.

        It trains again and again, first with the parameters of this classifier, then with others around the best ones:
        `learning_rate`, `epochs`, `dim`, `word_ngrams`, `min_n` and `max_n`, `buckets`, in fastText's ranges. All else
        stays as it is here. `trials_` of the classifier returned has what was tried; ``print`` shows a table.

        Parameters
        ----------
        train, valid : (texts, labels) or path
            As in `fit`. What was chosen by `valid` looks better there than it is: measure on a third set.
        seconds : float, default 300
            Time in all. A trial that would not end in it is stopped. A trial after the first that was finished has a
            quarter of it, or twice the time of the longest one that was finished if this is more.
        metric : str, default "f1"
            "f1", of the `k` most probable labels over all texts; "accuracy", the share of texts whose most probable
            label is right; "precision_at_recall:0.3", the best precision at a recall of at least 0.3, and
            "recall_at_precision:0.3". All but "accuracy" are of one label with its name behind: "f1:LABEL",
            "precision_at_recall:0.3:LABEL".
        k : int, default 1
            Labels that are predicted for a text, but for "accuracy".
        fixed : collection of str, default ()
            Parameters that stay as they are; with `pretrained` vectors `dim` is one.
        max_model_bytes : int, optional
            Quantize what was trained, with the largest cutoff whose ``.ftz`` file is no larger than this, and train the
            rows that stay again: what is scored, and returned, is the small classifier. `dsub` of `quantize` is tuned
            and `buckets` is not.
        trials : int, optional
            End after this many, too; the steps become smaller by their number then, and not by time.
        seed : int, default 1
            Of the search, a number of [0, 2**64); training has its own.
        resume : str or PathLike, optional
            A JSON file that is replaced after every trial. If it is there, the search goes on where it ended; its
            trials and their seconds count. That the texts are the same is not checked.
        progress : bool, optional
            Whether to show a bar. Default: if standard error is a terminal.

        Returns
        -------
        TextClassifier
            Another one. After Ctrl-C, too, if a trial had been finished: the best so far.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong kind or outside its range, or the file is damaged or of another search.
        OSError
            A file cannot be read or written.
        RuntimeError
            If no trial was finished, or fits into `max_model_bytes`.

        Notes
        -----
        Which parameters are tried next depends on the seed and on what the trials before scored and how long they took;
        with `trials` on no time, as long as no trial is stopped. With one thread scores are the same in each run.

        Examples
        --------
        >>> texts = ["the soup was cold", "a warm and lovely soup", "cold and slow", "lovely people"] * 25
        >>> labels = ["bad", "good", "bad", "good"] * 25
        >>> start = TextClassifier(dim=4, threads=1)
        >>> tuned = start.autotune((texts, labels), (texts, labels), trials=3, fixed=["dim", "buckets"])
        >>> tuned.dim, len(tuned.trials_), tuned.score(texts, labels)
        (4, 3, 1.0)
        """
        return autotune(
            self,
            self._given("train", train),
            self._given("valid", valid),
            metric=metric,
            k=k,
            fixed=fixed,
            max_model_bytes=max_model_bytes,
            seconds=seconds,
            trials=trials,
            seed=seed,
            resume=resume,
            progress=progress,
        )

    # ---- prediction ------------------------------------------------------------------------------------------------

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, sorted, (n_classes,)."""
        if not self.__sklearn_is_fitted__():  # scikit-learn asks by hasattr
            raise AttributeError("classes_ is there when the classifier is fitted or loaded, got one that is not")
        return self._fitted().classes

    def predict(self, texts: Any, k: int | None = None, threshold: float = 0.0) -> Any:
        """Return the most probable label of each text or, with a `k`, of several labels each with its probability.

        Parameters
        ----------
        texts : list or array of str, or Arrow column
        k : int, optional
            How many labels of a text, at least 1; no more than there are.
        threshold : float, default 0.0
            With a `k`: labels of a lower probability are left out.

        Returns
        -------
        ndarray, shape (n_texts,), or Predictions
            Predictions with a `k`.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong kind or outside its range.
        RuntimeError
            If the classifier is not fitted.
        """
        model = self._fitted()
        if k is not None:
            return predict(model, texts_of(texts), k, threshold, number_of_threads(self.threads))
        ids, _ = model.top_k(texts_of(texts), 1, number_of_threads(self.threads))
        return model.classes[ids[:, 0]]

    def predict_proba(self, texts: Any) -> NDArray[np.float64]:
        """Return the probability of every label, (n_texts, n_classes), in the order of `classes_`.

        They sum to 1, except with `OneVsAll` and `NegativeSampling`: there each is the answer to a yes-or-no question.
        """
        return self._fitted().probabilities(texts_of(texts), number_of_threads(self.threads))

    def score(self, texts: TextsOrPath, labels: Labels | None = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the share of texts whose most probable label is among their labels.

        Parameters
        ----------
        texts, labels
            As in `fit`; a text without a label counts as wrong.
        sample_weight : array_like of float, shape (n_texts,), optional
            What each text counts. Default: 1.
        """
        model, threads = self._fitted(), number_of_threads(self.threads)
        arena, column = self._texts_and_labels(texts, labels)
        weights = sample_weights(sample_weight, len(arena))
        ids, offsets = class_ids(model, arena, column, skip_unknown=False, threads=threads)
        best, _ = model.top_k(arena, 1, threads)
        owners = np.repeat(np.arange(len(arena)), np.diff(offsets))
        right = np.zeros(len(arena))
        right[owners[ids == best[owners, 0]]] = 1.0
        if len(right) == 0:
            raise ValueError("texts must hold at least one text to be scored, got none")
        return float(np.average(right, weights=weights))

    def evaluate(
        self,
        texts: TextsOrPath,
        labels: Labels | None = None,
        *,
        k: int = 1,
        threshold: float = 0.0,
        skip_unknown: bool = False,
    ) -> Evaluation:
        """Return precision, recall and F1 of the `k` most probable labels of each text, over all and for each label.

        Parameters
        ----------
        texts, labels
            As in `fit`. Texts without a label are left out.
        k : int, default 1
            At least 1.
        threshold : float, default 0.0
            Labels of a lower probability are not predicted.
        skip_unknown : bool, default False
            Pass over labels that are none of `classes_`, as fastText does; otherwise they count as not found.

        Returns
        -------
        Evaluation
        """
        return self._evaluated(
            *self._texts_and_labels(texts, labels), k=k, threshold=threshold, skip_unknown=skip_unknown
        )

    def precision_recall(
        self, texts: TextsOrPath, labels: Labels | None = None, *, label: Any = None, k: int | None = None
    ) -> PrecisionRecall:
        """Return precision and recall at every threshold, over all labels or of one.

        Parameters
        ----------
        texts, labels
            As in `fit`. Texts without a label are left out.
        label : str, int or bool, optional
            One of `classes_`. Default: all of them together.
        k : int, optional
            How many labels of a text are predicted at most, at least 1. Default: all, which takes the memory of
            `predict_proba`.

        Returns
        -------
        PrecisionRecall
            With its `precision_at_recall` and `recall_at_precision`.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong kind or outside its range, or `label` is none of `classes_`.
        RuntimeError
            If the classifier is not fitted.

        Examples
        --------
        >>> texts = ["the soup was cold", "a warm and lovely soup", "cold and slow", "lovely people"] * 25
        >>> labels = ["bad", "good", "bad", "good"] * 25
        >>> curve = TextClassifier(threads=1).fit(texts, labels).precision_recall(texts, labels, label="good")
        >>> curve.precision_at_recall(0.9), curve.recall_at_precision(0.9)
        (1.0, 1.0)
        """
        threads = number_of_threads(self.threads)
        arena, column = self._texts_and_labels(texts, labels)
        return precision_recall(self._fitted(), arena, column, label=label, k=k, threads=threads)

    def _evaluated(
        self,
        arena: _core.Texts,
        column: LabelColumn | None,
        *,
        k: int,
        threshold: float = 0.0,
        skip_unknown: bool = False,
    ) -> Evaluation:
        return evaluate(
            self._fitted(),
            arena,
            column,
            k=k,
            threshold=threshold,
            skip_unknown=skip_unknown,
            threads=number_of_threads(self.threads),
        )

    def _fitted(self) -> ClassifierModel:
        model: ClassifierModel | None = self.__dict__.get("_model")
        if model is None:
            raise RuntimeError("the classifier must be fitted or loaded first, got one that is not")
        return model

    # ---- files -----------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a safetensors file, atomically. Tables are float32, also those that were quantized.

        Raises
        ------
        OSError
            The file cannot be written; what stood at `path` is still there.
        RuntimeError
            The classifier is not fitted.
        """
        write_safetensors(path, *self._state())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TextClassifier:
        """Read a file of `save`; tables are mapped into memory. A sampler of the loss is not kept.

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            The file is damaged, cut short, or something else.
        """
        try:
            return cls._of_state(*read_safetensors(path))
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)!r} must be a whole file of TextClassifier.save: {error}") from None

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
        tensors, metadata = to_tensors(self._fitted())
        numbers = {name: getattr(self, name) for name in ("epochs", "min_count", "min_count_label", "seed")}
        training = {**numbers, "learning_rate": self.learning_rate, "num_tokens": self._num_tokens}
        return tensors, metadata | {f"training_{name}": str(value) for name, value in training.items()}

    @classmethod
    def _of_state(cls, tensors: dict[str, NDArray[Any]], metadata: dict[str, str]) -> TextClassifier:
        model = from_tensors(tensors, metadata)
        try:
            training = {
                name: int(metadata[f"training_{name}"]) for name in ("epochs", "min_count", "min_count_label", "seed")
            }
            rate, num_tokens = float(metadata["training_learning_rate"]), int(metadata["training_num_tokens"])
        except KeyError as error:
            raise ValueError(f"it lacks a part ({error})") from None
        return cls._around(model, num_tokens, None, **training, learning_rate=rate)

    @classmethod
    def _around(
        cls, model: ClassifierModel, num_tokens: int, source: FastTextModel | None, **parameters: Any
    ) -> TextClassifier:
        settings = dataclasses.asdict(model.settings)
        classifier = cls(model.input_table.shape[1], loss=model.loss, **{**settings, **parameters})
        classifier._model, classifier._num_tokens, classifier._source = model, num_tokens, source
        classifier.history_ = []
        return classifier

    @classmethod
    def load_fasttext(
        cls, path: str | os.PathLike[str] | FastTextModel, *, label_prefix: str = "__label__"
    ) -> TextClassifier:
        """Read a supervised model of fastText, ``.bin`` or ``.ftz``. Quantized tables are decoded for prediction.

        Probabilities are fastText's, but exact: without the 1e-5 that it adds to each before its logarithm.

        Parameters
        ----------
        path : str, PathLike or FastTextModel
        label_prefix : str, default "__label__"
            Words that begin with it and are not known are labels, which the file does not say. It is cut off from the
            labels if all of them begin with it.

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            It is no whole model, or not a supervised one.
        """
        source = path if isinstance(path, FastTextModel) else read_fasttext(path)
        parameters = {"epochs": max(1, source.arguments.epochs), "min_count": source.arguments.min_count}
        return cls._around(from_fasttext(source, label_prefix), source.num_tokens, source, **parameters)

    def to_fasttext(self) -> FastTextModel:
        """Return the model as fastText has it; one that came from there, or was quantized, as it is.

        Every bucket gets a row, of zeros where none was trained: ``buckets * dim * 4`` bytes.

        Raises
        ------
        ValueError
            fastText's form cannot hold it: a label with white space, another tree than Huffman's.
        """
        model = self._fitted()
        if self._source is not None:
            return self._source
        return to_fasttext(model, epochs=self.epochs, min_count=self.min_count, num_tokens=self._num_tokens)

    def save_fasttext(self, path: str | os.PathLike[str]) -> None:
        """Write a model file that fastText reads and that predicts the same there: `to_fasttext`, written.

        Raises
        ------
        OSError
            The file cannot be written; what stood at `path` is still there.
        ValueError
            As in `to_fasttext`.
        """
        write_fasttext(self.to_fasttext(), path)

    def quantize(
        self,
        cutoff: int = 0,
        *,
        retrain: tuple[Any, Any] | TextsOrPath | None = None,
        qnorm: bool = False,
        qout: bool = False,
        dsub: int = 2,
    ) -> TextClassifier:
        """Return a smaller classifier for ``.ftz`` files: fewer rows, and a byte for every few values of them.

        N-grams that lose their row, or had none, no longer count. `save_fasttext` writes the small form.

        Parameters
        ----------
        cutoff : int, default 0
            How many rows stay, those with the largest norms. 0: all that were trained.
        retrain : (texts, labels) or path, optional
            After the cutoff train the rows that stay again, with the parameters of this classifier. Default: do not.
        qnorm : bool, default False
            Quantize the lengths of rows on their own.
        qout : bool, default False
            Quantize the rows of the labels, too.
        dsub : int, default 2
            Values that share a byte.

        Raises
        ------
        ValueError
            The classifier is quantized already, or a parameter is outside its range.

        References
        ----------
        A. Joulin et al. FastText.zip: Compressing text classification models. arXiv:1612.03651.
        """
        texts = None
        if retrain is not None:
            texts = self._given("retrain", retrain)
        return self._quantized(cutoff, retrain=texts, qnorm=qnorm, qout=qout, dsub=dsub)

    def _quantized(
        self,
        cutoff: int,
        *,
        retrain: tuple[_core.Texts, LabelColumn | None] | None,
        qnorm: bool,
        qout: bool,
        dsub: int,
        watch: Callable[[float], object] | None = None,
    ) -> TextClassifier:
        model = self._fitted()
        small = prune_fasttext(self._trained_rows(), check_int("cutoff", cutoff, minimum=0) or len(model.input_table))
        if retrain is not None:
            small = self._retrained(small, *retrain, watch)
        small = quantize_fasttext(small, dsub=dsub, qnorm=qnorm, qout=qout)
        quantized = from_fasttext(small, model.settings.label_prefix)
        classifier = type(self)(**self.get_params())
        classifier._model = dataclasses.replace(quantized, kind=model.kind, loss=model.loss)
        classifier._num_tokens, classifier._source, classifier.history_ = self._num_tokens, small, []
        return classifier

    def _trained_rows(self) -> FastTextModel:
        """The model as fastText has it, without rows for buckets that none was trained for."""
        model = self._fitted()
        if self._source is not None:
            return self._source
        compact = dataclasses.replace(model, missing_count=False)
        return to_fasttext(compact, epochs=self.epochs, min_count=self.min_count, num_tokens=self._num_tokens)

    def _retrained(
        self,
        small: FastTextModel,
        arena: _core.Texts,
        column: LabelColumn | None,
        watch: Callable[[float], object] | None,
    ) -> FastTextModel:
        model = self._fitted()
        run = self._run()
        pruned = dataclasses.replace(
            from_fasttext(small, model.settings.label_prefix), kind=model.kind, loss=model.loss
        )
        rows, dim = pruned.input_table.shape
        tables = _core.Tables(rows, len(pruned.output_table), dim, run.seed, SGD()._settings(), 0.5 / dim)
        tables.input[:], tables.output[:] = pruned.input_table, pruned.output_table
        pruned = dataclasses.replace(pruned, input_table=tables.input, output_table=tables.output)
        documents = pruned.features.encode(arena, threads=run.threads)
        if column is not None:
            set_labels(documents, column, pruned)
        training = TrainingTexts(documents=documents, weights=None, label_weights=None)
        train(pruned, tables, training, run, watch=watch)
        return to_fasttext(pruned, epochs=self.epochs, min_count=self.min_count, num_tokens=self._num_tokens)

    # ---- scikit-learn ----------------------------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name, as they were given."""
        return {name: getattr(self, name) for name in _parameter_names()}

    def set_params(self, **parameters: Any) -> TextClassifier:
        """Change parameters; they count from the next `fit` on."""
        for name, value in parameters.items():
            if name not in _parameter_names():
                raise ValueError(f"parameters must be of {', '.join(_parameter_names())}, got {name!r}")
            setattr(self, name, value)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return self.__dict__.get("_model") is not None

    def __sklearn_tags__(self) -> Any:
        utils = importlib.import_module("sklearn.utils")  # which has called us

        return utils.Tags(
            estimator_type="classifier",
            target_tags=utils.TargetTags(required=False, multi_output=False),
            classifier_tags=utils.ClassifierTags(),
            input_tags=utils.InputTags(one_d_array=True, two_d_array=False, string=True),
        )

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {"parameters": self.get_params()}
        if self.__sklearn_is_fitted__():
            state |= {"model": safetensors_bytes(*self._state()), "history": self.history_, "source": self._source}
        if "trials_" in self.__dict__:
            state["trials"] = self.trials_
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state["parameters"])  # type: ignore[misc]
        if "model" in state:
            fitted = self._of_state(*parse_safetensors(state["model"]))
            self._model, self._num_tokens = fitted._model, fitted._num_tokens
            self._source, self.history_ = state["source"], state["history"]
        if "trials" in state:
            self.trials_ = state["trials"]

    def __repr__(self) -> str:
        given = {
            name: value
            for name, value in self.get_params().items()
            if value is not (default := _signature().parameters[name].default) and value != default
        }
        return f"TextClassifier({', '.join(f'{name}={value!r:.80}' for name, value in given.items())})"

    _model: ClassifierModel
    _num_tokens: int
    _source: FastTextModel | None
    history_: list[ClassifierEpoch]
    trials_: Trials


def _signature() -> inspect.Signature:
    return inspect.signature(TextClassifier)


def _parameter_names() -> list[str]:
    return list(_signature().parameters)
