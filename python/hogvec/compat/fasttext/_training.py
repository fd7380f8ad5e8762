"""fastText's two functions that train."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from hogvec import _core
from hogvec._classifier_training import load_vectors
from hogvec._system import number_of_threads
from hogvec._texts import texts_of_file
from hogvec.compat.fasttext._arguments import SUPERVISED, UNSUPERVISED, Arguments, bind
from hogvec.compat.fasttext._model import _FastText, file_errors
from hogvec.compat.fasttext._source import TrainedVectors
from hogvec.corpus import Corpus
from hogvec.keyed_vectors import KeyedVectors
from hogvec.optimizers import SGD
from hogvec.text_classifier import TextClassifier
from hogvec.trainer import Trainer
from hogvec.vocabulary import Vocabulary

__all__ = ["train", "train_supervised", "train_unsupervised"]

_TUNED = {
    "lr": "learning_rate",
    "epoch": "epochs",
    "dim": "dim",
    "wordNgrams": "word_ngrams",
    "minn": "min_n",
    "maxn": "max_n",
    "bucket": "buckets",
}


def train_supervised(*args: Any, **options: Any) -> _FastText:
    """Train a classifier on a file of texts with labels, one text on each line.

    Parameters
    ----------
    input : str or PathLike
    lr : float, default 0.1
        Learning rate at the start; it falls to 0.
    dim : int, default 100
    ws : int, default 5
        Not used.
    epoch : int, default 5
    minCount, minCountLabel : int, default 1 and 0
        Words and labels that occur less often are left out.
    minn, maxn : int, default 0
        Lengths of n-grams of letters.
    neg : int, default 5
        Negatives of the loss "ns".
    wordNgrams : int, default 1
        Words in the longest n-gram of words.
    loss : {"softmax", "hs", "ns", "ova"}, default "softmax"
    bucket : int, default 2,000,000
    thread : int, optional
        Default: the cores that this process may use.
    lrUpdateRate, t : int and float
        Not used.
    label : str, default "__label__"
        What labels begin with.
    verbose : int, default 2
        Above 1 there is a bar if standard error is a terminal.
    pretrainedVectors : str or PathLike, default ""
        A file of vectors that the words begin with.
    seed : int, default 0
    autotuneValidationFile : str or PathLike, default ""
        Choose what is not given so that predictions for this file are best.
    autotuneMetric : str, default "f1"
    autotunePredictions : int, default 1
    autotuneDuration : int, default 300
        Seconds.
    autotuneModelSize : str or int, default ""
        Bytes that the saved model may have, such as "2M".

    Returns
    -------
    _FastText

    Raises
    ------
    TypeError, ValueError
        An option is unknown, of the wrong kind or outside its range; the file cannot be opened, or holds nothing to
        train on.
    """
    return train(bind("train_supervised", SUPERVISED, args, options))


def train_unsupervised(*args: Any, **options: Any) -> _FastText:
    """Train vectors of words and their n-grams of letters on a file.

    Parameters
    ----------
    input : str or PathLike
    model : {"skipgram", "cbow"}, default "skipgram"
    lr, dim, ws, epoch, minCount, minCountLabel, minn, maxn, neg, wordNgrams, loss, bucket, thread, lrUpdateRate, t, \
label, verbose, pretrainedVectors, seed
        As in `train_supervised`, but by default an `lr` of 0.05, a `minCount` of 5, n-grams of 3 to 6 letters and the
        loss "ns". `ws` is the most words to each side, `t` the threshold of subsampling.

    Returns
    -------
    _FastText

    Raises
    ------
    TypeError, ValueError
        As there.
    """
    return train(bind("train_unsupervised", UNSUPERVISED, args, options))


def train(arguments: Arguments) -> _FastText:
    """Train what the arguments say."""
    with file_errors():
        if not arguments.is_supervised:
            source: TextClassifier | TrainedVectors = _train_vectors(arguments)
        elif arguments.autotuneValidationFile:
            source = _tuned(arguments)
            found = {name: getattr(source, parameter) for name, parameter in _TUNED.items()}
            arguments = dataclasses.replace(arguments, **found)
        else:
            source = arguments.classifier().fit(arguments.input)
    return _FastText._of(source, arguments.attributes())


def _tuned(arguments: Arguments) -> TextClassifier:
    """Return the classifier that is best for the validation file; what the call names stays as it is."""
    return arguments.classifier().autotune(
        arguments.input,
        arguments.autotuneValidationFile,
        seconds=arguments.autotuneDuration,
        metric=_metric(arguments.autotuneMetric, arguments.label),
        k=arguments.autotunePredictions,
        fixed=[parameter for name, parameter in _TUNED.items() if name in arguments.given],
        max_model_bytes=arguments.max_model_bytes,
        seed=arguments.seed,
        progress=arguments.progress,
    )


def _metric(metric: str, prefix: str) -> str:
    """Return the name here of a metric of fastText's, whose labels have their prefix and whose shares are per cent."""
    name, *values = metric.split(":", 2 if metric.startswith(("precisionAtRecall", "recallAtPrecision")) else 1)
    known = {"precisionAtRecall": "precision_at_recall", "recallAtPrecision": "recall_at_precision"}.get(name)
    if known is not None:
        try:
            values[0] = repr(float(values[0]) / 100)
        except (IndexError, ValueError):
            raise ValueError(f"autotuneMetric must be as {name}:30 or {name}:30:LABEL, got {metric!r:.80}") from None
    return ":".join([known or name, *(value.removeprefix(prefix) for value in values)])


def _train_vectors(arguments: Arguments) -> TrainedVectors:
    pretrained = load_vectors(arguments.pretrainedVectors or None, arguments.dim)
    trainer = Trainer(
        arguments.architecture(),
        arguments.loss_object(),
        SGD(learning_rate=arguments.lr),
        threads=arguments.thread,
        seed=arguments.seed,
    )
    corpus = _corpus(arguments, pretrained)
    trainer.initialize(corpus)
    if pretrained is not None and corpus.vocabulary is not None:
        ids = corpus.vocabulary.ids(pretrained.vocabulary)
        trainer.input_table[ids[ids >= 0]] = pretrained.vectors[ids >= 0]
    return TrainedVectors(
        vectors=trainer.fit(corpus, epochs=arguments.epoch, progress=arguments.progress),
        output_table=trainer.output_table,
        arguments=arguments.of_file(),
        num_tokens=corpus.raw_words,
    )


def _corpus(arguments: Arguments, pretrained: KeyedVectors | None) -> Corpus:
    """Return the words of a file as fastText has them: labels left out, and the end of a line a word of its own."""
    threads = number_of_threads(arguments.thread)
    texts = texts_of_file(arguments.input)
    words, labels, num_tokens = texts.count(
        label_prefix=arguments.label,
        min_count=arguments.minCount,
        min_count_label=arguments.minCountLabel,
        keep=None if pretrained is None else pretrained.vocabulary._words,
        threads=threads,
    )
    features = _core.TextFeatures(
        words, labels, word_ngrams=1, min_n=0, max_n=0, buckets=0, label_prefix=arguments.label
    )
    documents = features.encode(texts, threads=threads)
    vocabulary = Vocabulary._wrap(words)
    ids = documents.entries.view(np.int32)  # rows of words alone
    return Corpus._make(ids, documents.offsets, vocabulary.counts, vocabulary, num_tokens, {})
