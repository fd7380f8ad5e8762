"""gensim's `Word2Vec`: its arguments and methods over a `Trainer`.

Its interface is one class with many arguments, and so is this file a little longer than others.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogvec._validate import check_int
from hogvec.compat.gensim._model_files import read_model, write_model
from hogvec.compat.gensim.callbacks import CallbackAny2Vec
from hogvec.compat.gensim.keyed_vectors import KeyedVectors
from hogvec.compat.gensim.vocab import Limits, TrimRule, chosen, merged, read_corpus, with_vocabulary
from hogvec.corpus import Corpus
from hogvec.losses import HierarchicalSoftmax, NegativeSampling
from hogvec.models import CBOW, Architecture, SkipGram
from hogvec.optimizers import SGD, Schedule
from hogvec.trainer import NothingToTrainError, Progress, Trainer
from hogvec.vocabulary import Vocabulary

__all__ = ["Word2Vec"]

logger = logging.getLogger(__name__)

Sentences = Iterable[Iterable[str]]


class Word2Vec:
    """Word vectors by skip-gram or CBOW, with the interface of gensim 4.

    Given sentences or a file, it builds the vocabulary and trains at once; else call `build_vocab` and `train`. What
    the arguments mean is what they mean in gensim; docs/compat_gensim.md has the differences. Sentences are read once,
    whatever the number of epochs, and so may be a generator here.

    Parameters
    ----------
    sentences : iterable of lists of str, optional
    corpus_file : str or PathLike, optional
        Instead of sentences: UTF-8 text, a sentence in a line.
    vector_size, window, min_count, epochs : int, default 100, 5, 5, 5
    alpha, min_alpha : float, default 0.025 and 0.0001
        The learning rate at the beginning and at the end of every `train`.
    max_vocab_size, max_final_vocab : int, optional
        Most words that stay; the second one raises `min_count` instead.
    sample : float, default 1e-3
        The threshold of subsampling, a share of the text; from 1 on a number of words.
    seed : int, default 1
    workers : int, default 3
        Threads.
    sg : {0, 1}, default 0
        1: skip-gram; 0: CBOW.
    hs : {0, 1}, default 0
        1: hierarchical softmax, and `negative` is ignored.
    negative : int, default 5
        Noise words of negative sampling.
    ns_exponent : float, default 0.75
        The power of counts that noise is drawn with.
    cbow_mean : {0, 1}, default 1
        What CBOW makes of a context: its mean, or its sum.
    trim_rule : callable, optional
        Of (word, count, min_count): `RULE_KEEP`, `RULE_DISCARD` or `RULE_DEFAULT`.
    sorted_vocab : {0, 1}, default 1
        1: words by falling count; 0: by first appearance.
    compute_loss : bool, default False
        Keep the loss of the training for `get_latest_training_loss`.
    callbacks : sequence of CallbackAny2Vec
    comment : str, optional
    shrink_windows : bool, default True
        Draw the width of each window from 1 to `window`.
    hashfxn, batch_words
        Not used.
    null_word : 0

    Attributes
    ----------
    wv : KeyedVectors
        The words and their vectors, live while training.
    """

    wv: Any
    _file_arguments: tuple[str, ...] = ()  # of a subclass, beside those of this one

    def __init__(
        self,
        sentences: Sentences | None = None,
        corpus_file: str | os.PathLike[str] | None = None,
        vector_size: int = 100,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int = 3,
        min_alpha: float = 0.0001,
        sg: int = 0,
        hs: int = 0,
        negative: int = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        hashfxn: Any = hash,
        epochs: int = 5,
        null_word: int = 0,
        trim_rule: TrimRule | None = None,
        sorted_vocab: int = 1,
        batch_words: int = 10_000,
        compute_loss: bool = False,
        callbacks: Sequence[CallbackAny2Vec] = (),
        comment: str | None = None,
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
    ) -> None:
        if null_word:
            raise NotImplementedError(f"null_word must be 0, got {null_word!r}")
        self.vector_size = self.layer1_size = int(vector_size)
        self.hashfxn = hashfxn
        self.null_word = null_word
        self.batch_words = batch_words
        self.alpha = float(alpha)
        self.min_alpha = float(min_alpha)
        self.window = int(window)
        self.min_count = min_count
        self.max_vocab_size = max_vocab_size
        self.max_final_vocab = max_final_vocab
        self.sample = sample
        self.seed = seed
        self.workers = int(workers)
        self.sg = int(sg)
        self.hs = int(hs)
        self.negative = int(negative)
        self.ns_exponent = ns_exponent
        self.cbow_mean = int(cbow_mean)
        self.epochs = epochs
        self.sorted_vocab = sorted_vocab
        self.compute_loss = bool(compute_loss)
        self.comment = comment
        self.shrink_windows = bool(shrink_windows)
        self.corpus_count = 0
        self.corpus_total_words = 0
        self.effective_min_count = min_count
        self.raw_vocab: dict[str, int] | None = None
        self.train_count = 0
        self.total_train_time = 0.0
        self.min_alpha_yet_reached = self.alpha
        self.running_training_loss = 0.0
        self._trainer: Trainer | None = None
        self.wv = self._empty_vectors()
        self._architecture()  # refuses what has no meaning now, not after hours
        if sentences is None and corpus_file is None:
            return
        corpus = self._scan(sentences, corpus_file)
        self._build(corpus, update=False, keep_raw_vocab=False, trim_rule=trim_rule, min_count=None)
        self._train(with_vocabulary(corpus, self._vocabulary), epochs, callbacks)

    # What a subclass changes

    def _empty_vectors(self) -> Any:
        return KeyedVectors(self.vector_size)

    def _architecture(self, words: int | None = None) -> Architecture:
        """Return the architecture for a text of so many known words."""
        options: dict[str, Any] = {
            "dim": self.vector_size,
            "window": self.window,
            "subsample": self._subsample(words),
            "shrink_windows": self.shrink_windows,
        }
        if self.sg:
            return SkipGram(**options)
        return CBOW(**options, pooling="mean" if self.cbow_mean else "sum", gradient="word2vec")

    def _show(self, trainer: Trainer, vocabulary: Vocabulary) -> None:
        """Let `wv` have the tables of a new trainer."""
        self.wv._set_words(vocabulary, trainer.input_table)

    def _copy_rows(self, old: Trainer, new: Trainer, n: int) -> None:
        """Take over the input rows of the `n` words that an old trainer has."""
        new.input_table[:n] = old.input_table

    # The vocabulary

    @property
    def _vocabulary(self) -> Vocabulary:
        vocabulary = None if self._trainer is None else self._trainer._vocabulary
        if vocabulary is None:
            raise RuntimeError("the vocabulary must be built before training: call build_vocab")
        return vocabulary

    def build_vocab(
        self,
        corpus_iterable: Sentences | None = None,
        corpus_file: str | os.PathLike[str] | None = None,
        update: bool = False,
        progress_per: int = 10_000,
        keep_raw_vocab: bool = False,
        trim_rule: TrimRule | None = None,
        min_count: int | None = None,
    ) -> None:
        """Count the words of a text, choose those that stay, and make new tables for them.

        With `update`, words that are new are added to those there are, whose vectors stay, and counts are added up.
        """
        corpus = self._scan(corpus_iterable, corpus_file)
        self._build(corpus, update=update, keep_raw_vocab=keep_raw_vocab, trim_rule=trim_rule, min_count=min_count)

    def build_vocab_from_freq(
        self,
        word_freq: Mapping[str, int],
        keep_raw_vocab: bool = False,
        corpus_count: int | None = None,
        trim_rule: TrimRule | None = None,
        update: bool = False,
    ) -> None:
        """Build the vocabulary from counts."""
        counted = Vocabulary.from_counts(word_freq.keys(), np.fromiter(word_freq.values(), np.int64), min_count=1)
        self.corpus_count = corpus_count or 0
        self.corpus_total_words = int(counted.counts.sum())
        self._choose(counted, None, update=update, keep_raw_vocab=keep_raw_vocab, trim_rule=trim_rule, min_count=None)

    def scan_vocab(
        self,
        corpus_iterable: Sentences | None = None,
        corpus_file: str | os.PathLike[str] | None = None,
        progress_per: int = 10_000,
    ) -> tuple[int, int]:
        """Return how many words and sentences a text has, and keep the counts of its words in `raw_vocab`."""
        counted = self._scan(corpus_iterable, corpus_file)
        assert counted.vocabulary is not None  # it was made of words
        self.raw_vocab = dict(zip(counted.vocabulary.words, counted.counts.tolist(), strict=True))
        return self.corpus_total_words, self.corpus_count

    def _scan(self, sentences: Sentences | None, corpus_file: Any) -> Corpus:
        corpus = read_corpus(sentences, corpus_file, workers=self.workers)
        self.corpus_count = corpus.num_sequences
        self.corpus_total_words = corpus.raw_words
        return corpus

    def _build(self, corpus: Corpus, **options: Any) -> None:
        assert corpus.vocabulary is not None  # it was made of words
        self._choose(corpus.vocabulary, corpus, **options)

    def _choose(
        self,
        counted: Vocabulary,
        corpus: Corpus | None,
        *,
        update: bool,
        keep_raw_vocab: bool,
        trim_rule: TrimRule | None,
        min_count: int | None,
    ) -> None:
        """Choose from counted words, and make the tables."""
        self.min_count = self.min_count if min_count is None else min_count
        limits = Limits(self.min_count, self.max_vocab_size, self.max_final_vocab, trim_rule)
        appearance = corpus.ids if corpus is not None and not self.sorted_vocab else None
        kept, counts, self.effective_min_count = chosen(counted, limits, appearance)
        self.raw_vocab = dict(zip(counted.words, counted.counts.tolist(), strict=True)) if keep_raw_vocab else None
        if update:
            kept, counts = merged(self._vocabulary, kept, counts)
        if len(kept) < 2:
            raise ValueError(
                f"the vocabulary must have at least 2 words, got {len(kept)} of {len(counted)} with min_count="
                f"{self.effective_min_count}"
            )
        vocabulary = Vocabulary.from_bytes_arrays(*Vocabulary.from_words(kept).to_bytes_arrays(), counts)
        self._make_trainer(vocabulary, continued=update)

    def _make_trainer(self, vocabulary: Vocabulary, *, continued: bool = False) -> None:
        """Make tables for a vocabulary; continued, with the rows of the words there were."""
        trainer = Trainer(
            self._architecture(int(vocabulary.counts.sum())),
            self._loss(),
            threads=check_int("workers", self.workers, minimum=1),
            seed=self.seed % 2**64,
        )
        trainer.initialize(
            Corpus._make(np.empty(0, np.int32), np.zeros(1, np.int64), vocabulary.counts, vocabulary, 0, {})
        )
        if continued and self._trainer is not None:
            n = len(self._vocabulary)
            self._copy_rows(self._trainer, trainer, n)
            if not self.hs:  # a tree over more words is another one
                trainer.output_table[:n] = self._trainer.output_table
            trainer._epochs_begun = self._trainer._epochs_begun
        self._trainer = trainer
        self._show(trainer, vocabulary)

    def _loss(self) -> HierarchicalSoftmax | NegativeSampling:
        if self.hs:
            return HierarchicalSoftmax()
        if not self.negative:
            raise ValueError("hs or negative must be above 0, got hs=0 and negative=0: nothing would be trained")
        return NegativeSampling(negatives=self.negative, power=self.ns_exponent)

    def _subsample(self, words: int | None) -> float:
        sample = float(self.sample or 0)
        return sample if sample < 1 else sample / max(words or 1, 1)

    # Training

    def train(
        self,
        corpus_iterable: Sentences | None = None,
        corpus_file: str | os.PathLike[str] | None = None,
        total_examples: int | None = None,
        total_words: int | None = None,
        epochs: int | None = None,
        start_alpha: float | None = None,
        end_alpha: float | None = None,
        word_count: int = 0,
        queue_factor: int = 2,
        report_delay: float = 1.0,
        compute_loss: bool = False,
        callbacks: Sequence[CallbackAny2Vec] = (),
    ) -> tuple[int, int]:
        """Train on a text whose words the vocabulary has; others are left out.

        Parameters
        ----------
        corpus_iterable, corpus_file
            One of them, as for the constructor.
        total_examples, total_words : int
            One of them must be given, as in gensim; the text is counted anyway.
        epochs : int
        start_alpha, end_alpha : float, optional
            New learning rates. Default: those of the model.
        compute_loss : bool, default False
        callbacks : sequence of CallbackAny2Vec
        word_count, queue_factor, report_delay
            Not used.

        Returns
        -------
        int, int
            Words trained on, and words read, over all epochs.

        Raises
        ------
        RuntimeError
            There is no vocabulary.
        ValueError
            No word is left to train on, `epochs` is below 1, or neither of the totals is given.
        """
        if epochs is None or epochs < 1:
            raise ValueError(f"epochs must be given and at least 1, such as model.epochs, got {epochs}")
        if total_examples is None and total_words is None:
            raise ValueError("total_examples or total_words must be given, such as model.corpus_count, got none")
        vocabulary = self._vocabulary
        self.alpha = self.alpha if start_alpha is None else float(start_alpha)
        self.min_alpha = self.min_alpha if end_alpha is None else float(end_alpha)
        self.compute_loss = bool(compute_loss)
        self.epochs = epochs
        corpus = read_corpus(corpus_iterable, corpus_file, workers=self.workers, vocabulary=vocabulary)
        return self._train(with_vocabulary(corpus, vocabulary), epochs, callbacks)

    def _train(self, corpus: Corpus, epochs: int, callbacks: Sequence[CallbackAny2Vec]) -> tuple[int, int]:
        trainer = self._trainer
        assert trainer is not None  # there is a vocabulary
        if not 0 <= self.min_alpha <= self.alpha:
            raise ValueError(f"min_alpha must be at least 0 and at most alpha, {self.alpha}, got {self.min_alpha}")
        trainer.optimizer = SGD(learning_rate=self.alpha, schedule=Schedule(floor=self.min_alpha / self.alpha))
        trainer.threads = check_int("workers", self.workers, minimum=1)
        self.running_training_loss = 0.0
        began = time.perf_counter()
        first = len(trainer.history)
        trained = 0

        def epoch_ends(progress: Progress) -> None:
            nonlocal trained
            self.wv._forget_norms()
            if not progress.epoch_finished:
                return
            trained += progress.trained_words
            if self.compute_loss:
                self.running_training_loss += progress.loss * progress.trained_words * self._examples_a_word()
            for callback in callbacks:
                callback.on_epoch_end(self)
            if progress.epoch < progress.epochs:
                for callback in callbacks:
                    callback.on_epoch_begin(self)

        for callback in callbacks:
            callback.on_train_begin(self)
        for callback in callbacks:
            callback.on_epoch_begin(self)
        try:
            trainer.fit(corpus, epochs=epochs, callbacks=[epoch_ends], progress=False)
        except NothingToTrainError as error:  # as of the few lines of an example: that is no reason for it to fail
            warnings.warn(f"nothing was trained: {error}", stacklevel=3)
        self.wv._forget_norms()
        self.total_train_time += time.perf_counter() - began
        self.train_count += 1
        self.min_alpha_yet_reached = trainer.history[-1].learning_rate
        for callback in callbacks:
            callback.on_train_end(self)
        logger.info("%d epochs, %d words trained on", len(trainer.history) - first, trained)
        return trained, corpus.raw_words * epochs

    def _examples_a_word(self) -> float:
        """How many context words a centre has on average: each is an example of skip-gram, all one of CBOW."""
        if not self.sg:
            return 1.0
        return self.window + 1.0 if self.shrink_windows else 2.0 * self.window

    def get_latest_training_loss(self) -> float:
        """Return the loss of the last training so far, summed over its examples; 0 without `compute_loss`."""
        return self.running_training_loss

    # The trained model

    @property
    def syn1neg(self) -> NDArray[np.float32]:
        """The output rows of negative sampling, shape (n, vector_size)."""
        return self._outputs(not self.hs, "syn1neg")

    @property
    def syn1(self) -> NDArray[np.float32]:
        """The rows of the inner nodes of hierarchical softmax, shape (n - 1, vector_size)."""
        return self._outputs(bool(self.hs), "syn1")

    def _outputs(self, exists: bool, name: str) -> NDArray[np.float32]:
        if not exists or self._trainer is None:
            raise AttributeError(f"a {type(self).__name__} with hs={self.hs} and such a vocabulary has no {name!r}")
        return self._trainer.output_table

    def predict_output_word(
        self, context_words_list: Sequence[Any], topn: int = 10
    ) -> list[tuple[str, np.float32]] | None:
        """Return the words that are most probable between those of a context; None if none of these is known."""
        if self.hs or self._trainer is None:
            raise RuntimeError("words are predicted by a model with negative sampling and a vocabulary, got another")
        places = [self.wv.get_index(word) for word in context_words_list if self.wv.has_index_for(word)]
        if not places:
            return None
        context = self.wv.vectors[places]
        scores = self.syn1neg @ (context.mean(axis=0) if self.cbow_mean else context.sum(axis=0))
        probabilities = np.exp(scores - scores.max())
        probabilities /= probabilities.sum()
        best = np.argsort(-probabilities, kind="stable")[:topn]
        return [(self.wv.index_to_key[i], probabilities[i]) for i in best.tolist()]

    def score(self, *args: Any, **kwargs: Any) -> Any:
        """Raise NotImplementedError: sentences are not scored."""
        raise NotImplementedError("score is not available: HierarchicalSoftmax.log_likelihood has probabilities")

    def reset_from(self, other_model: Word2Vec) -> None:
        """Take the vocabulary of another model, with new tables for it."""
        self.corpus_count = other_model.corpus_count
        self.corpus_total_words = other_model.corpus_total_words
        self._make_trainer(other_model._vocabulary)

    def init_sims(self, replace: bool = False) -> None:
        """Compute the norms of the vectors: `wv.init_sims`."""
        self.wv.init_sims(replace=replace)

    def __str__(self) -> str:
        return f"{type(self).__name__}<vocab={len(self.wv)}, vector_size={self.vector_size}, alpha={self.alpha}>"

    def save(self, fname: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        """Write a safetensors file with the tables, words, counts and arguments, whatever else is given.

        Raises
        ------
        RuntimeError
            There is no vocabulary.
        OSError
            The file cannot be written.
        """
        write_model(self, fname)

    @classmethod
    def load(cls, fname: str | os.PathLike[str], mmap: str | None = None) -> Any:
        """Read a file of `save`: a model that can be trained on, in memory whatever `mmap` says. A pickle is refused.

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            The file is damaged, or something else.
        """
        return read_model(cls, fname)
