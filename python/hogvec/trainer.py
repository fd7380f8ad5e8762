"""The trainer: two tables, an architecture, a loss and an optimizer, run over a corpus or over batches of one's own.

One class, whose methods share its tables and its rules about calls, and so a little longer than others.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._loss import Loss
from hogvec._progress import Callback, EpochReport, Progress, progress_bar, show_on
from hogvec._retrieval_training import RetrieverRun, RetrieverTables, Validation
from hogvec._system import available_memory, number_of_threads
from hogvec._validate import check_float, check_int
from hogvec.batch import Batch
from hogvec.corpus import Corpus
from hogvec.fasttext_model import fasttext_nodes
from hogvec.graphs import Walks
from hogvec.interactions import Interactions
from hogvec.keyed_vectors import KeyedVectors
from hogvec.losses import HierarchicalSoftmax, NegativeSampling, Softmax
from hogvec.models import CBOW, Architecture, FastText, SkipGram
from hogvec.optimizers import SGD, Adam, Optimizer
from hogvec.recommender import Recommender
from hogvec.retriever import Retriever
from hogvec.subword_vectors import SubwordVectors
from hogvec.vocabulary import Vocabulary

__all__ = ["LOSS_FRACTION", "EpochReport", "Progress", "Trainer"]

LOSS_FRACTION = 1 / 16
"""The share of groups whose loss is measured: every 16th, counted from the first of each chunk of the corpus."""

ROW_ALIGNMENT = 16


class NothingToTrainError(ValueError):
    """A run found nothing to train on."""


class Trainer:
    """Train the vectors of an architecture under a loss.

    Parameters
    ----------
    architecture : SkipGram, CBOW, FastText or Retriever
    loss : NegativeSampling, NCE, SampledSoftmax, HierarchicalSoftmax, Softmax or OneVsAll, optional
        Default: ``NegativeSampling()``, for a Retriever ``Softmax()``.
    optimizer : SGD, Momentum, RMSProp, AdaGrad or Adam, optional
        Default: ``SGD()``, for a Retriever ``Adam(learning_rate=0.01)``.
    threads : int, optional
        Workers, 1 to 1024. Default: the cores that this process may use. The examples are the same for any number; with
        one thread the tables are the same to the bit for the same seed, instruction set and version.
    seed : int, default 1
        A number of [0, 2**64).

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or outside its range, or the architecture cannot train with the loss.

    Notes
    -----
    Workers update the shared tables without locks: F. Niu et al., "Hogwild!: A lock-free approach to parallelizing
    stochastic gradient descent", NeurIPS 2011, arXiv:1106.5730.

    Examples
    --------
    >>> from hogvec import Corpus, NegativeSampling, SkipGram, Trainer
    >>> corpus = Corpus.from_sequences([["red", "green"], ["one", "two"]] * 50, min_count=1)
    >>> trainer = Trainer(SkipGram(dim=8, subsample=0), NegativeSampling(negatives=2), threads=1)
    >>> vectors = trainer.fit(corpus, epochs=2, progress=False)
    >>> vectors.vectors.shape, len(trainer.history)
    ((4, 8), 2)
    """

    def __init__(
        self,
        architecture: Architecture | Retriever,
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
        *,
        threads: int | None = None,
        seed: int = 1,
    ) -> None:
        if not isinstance(architecture, (SkipGram, CBOW, FastText, Retriever)):
            raise TypeError(f"architecture must be a SkipGram, a CBOW, a FastText or a Retriever, got {architecture!r}")
        if loss is not None and not isinstance(loss, Loss):
            raise TypeError(f"loss must be a Loss such as NegativeSampling(), got {loss!r}")
        if optimizer is not None and not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer must be an SGD, Momentum, RMSProp, AdaGrad or Adam, got {optimizer!r}")
        self.architecture: Architecture | Retriever = architecture
        retrieves = isinstance(architecture, Retriever)
        self.loss: Loss = loss if loss is not None else Softmax() if retrieves else NegativeSampling()
        if isinstance(architecture, (FastText, Retriever)):
            architecture._check_loss(self.loss)
        default = Adam(learning_rate=0.01) if retrieves else SGD()
        self.optimizer: Optimizer = optimizer if optimizer is not None else default
        self.threads = number_of_threads(threads)
        self.seed = check_int("seed", seed, minimum=0, maximum=2**64 - 1)
        self.history: list[EpochReport] = []
        if retrieves and self.optimizer.learning_rate is None:
            raise ValueError(f"learning_rate must be given to the optimizer of a Retriever, got {self.optimizer!r}")
        self._tables: _core.Tables | None = None
        self._retrieval: RetrieverTables | None = None
        self._vocabulary: Vocabulary | None = None
        self._subwords: _core.Subwords | None = None
        self._epochs_begun = 0
        self._results: weakref.WeakSet[KeyedVectors] = weakref.WeakSet()  # views of the tables
        self._busy = threading.Lock()

    def __repr__(self) -> str:
        return (
            f"Trainer({self.architecture!r}, {self.loss!r}, {self.optimizer!r}, threads={self.threads}, "
            f"seed={self.seed})"
        )

    @property
    def learning_rate(self) -> float:
        """The highest learning rate of a run."""
        if self.optimizer.learning_rate is not None:
            return self.optimizer.learning_rate
        return self._word_model.default_learning_rate(self.loss)

    @property
    def input_table(self) -> NDArray[np.float32]:
        """The vectors being trained, shape (rows, dim): a live, writable view, never a copy.

        Of a Retriever: the rows of users, then those of items in histories, as far as it has them.
        """
        return self._made_tables().input

    @property
    def output_table(self) -> NDArray[np.float32]:
        """The rows that vectors are scored against, shape (rows, dim): outputs or inner nodes of a tree; live."""
        return self._made_tables().output

    @property
    def optimizer_state(self) -> dict[str, NDArray[Any]]:
        """What the optimizer keeps, by names such as "input_velocity": live, writable views like the tables'.

        Averages and sums have the shape of their table, (rows, dim), or one number for each row; "input_steps" and
        "output_steps" count the updates of each row (uint32). Empty for SGD.
        """
        tables = self._made_tables()
        if isinstance(tables, RetrieverTables):
            return tables.optimizer_state()
        names = self.optimizer._state_names()
        return {
            f"{side}_{names[part]}": array
            for side, state in (("input", tables.input_state), ("output", tables.output_state))
            for part, array in state.items()
        }

    def initialize(
        self, corpus: Corpus | Walks | None = None, *, input_rows: int | None = None, output_rows: int | None = None
    ) -> None:
        """Make new tables: inputs uniform at random, outputs zero. `fit` does it when there are none.

        Inputs begin in (-0.5 / dim, 0.5 / dim) as word2vec's program has it, those of a `CBOW` that takes means in
        (-1 / sqrt(dim), 1 / sqrt(dim)), from where they learn more; bench/README.md has the measurements.

        Parameters
        ----------
        corpus : Corpus or Walks, optional
            Take the number of rows from its vocabulary, for a FastText with the n-grams of its words.
        input_rows, output_rows : int, optional
            Or give them, to train on batches alone.

        Raises
        ------
        TypeError
            If neither or both of a corpus and numbers of rows are given.
        MemoryError
            If the tables do not fit into the memory available; says how much they need.
        RuntimeError
            If the trainer is training, or has a Retriever, whose tables `fit` makes.
        """
        given = [input_rows is not None, output_rows is not None]
        if not all(given) if corpus is None else any(given):
            raise TypeError("initialize takes either a corpus or both input_rows and output_rows")
        _ = self._word_model
        with self._one_call():
            self._make_tables(corpus, input_rows, output_rows)

    def _make_tables(
        self, corpus: Corpus | Walks | None, input_rows: int | None = None, output_rows: int | None = None
    ) -> None:
        subwords: _core.Subwords | None = None
        if corpus is not None:
            input_rows = check_corpus(corpus).num_rows
            if input_rows < 2:
                raise ValueError(f"the corpus must have at least 2 different words, got {input_rows}")
            output_rows = self.loss._output_rows(input_rows)
            subwords = self._subwords_of(corpus)
            if subwords is not None:
                input_rows = subwords.num_rows
        most = 2**32 - 1
        inputs = check_int("input_rows", input_rows, minimum=1, maximum=most)
        outputs = check_int("output_rows", output_rows, minimum=1, maximum=most)
        dim = self._word_model.dim
        settings = self.optimizer._settings()
        tables = f"tables of {inputs:,} and {outputs:,} rows of {dim:,} floats"
        needed = table_bytes(inputs + outputs, dim)
        if kept := settings.state_bytes(inputs, dim) + settings.state_bytes(outputs, dim):
            tables += f" and the state of {type(self.optimizer).__name__}"
            needed += kept
        check_table_memory(tables, needed)
        try:
            self._tables = _core.Tables(inputs, outputs, dim, self.seed, settings, self._word_model._initial_range)
        except MemoryError:
            raise MemoryError(
                f"{tables} need {needed / 2**30:.1f} GiB, got too little memory from the system"
            ) from None
        self._vocabulary = corpus.vocabulary if corpus is not None else None
        self._subwords = subwords
        self._epochs_begun = 0
        self._results.clear()
        self.history = []

    @overload
    def fit(
        self,
        corpus: Corpus | Walks,
        *,
        epochs: int = 5,
        callbacks: Sequence[Callback] = (),
        progress: bool | None = None,
    ) -> KeyedVectors: ...

    @overload
    def fit(
        self,
        corpus: Interactions,
        *,
        epochs: int = 5,
        callbacks: Sequence[Callback] = (),
        progress: bool | None = None,
        validation: Interactions | None = None,
        metric: str = "recall@20",
        patience: int = 5,
    ) -> Recommender: ...

    def fit(
        self,
        corpus: Corpus | Walks | Interactions,
        *,
        epochs: int = 5,
        callbacks: Sequence[Callback] = (),
        progress: bool | None = None,
        validation: Interactions | None = None,
        metric: str = "recall@20",
        patience: int = 5,
    ) -> KeyedVectors | Recommender:
        """Train on a corpus; called again, continue with the tables as they are under a new learning-rate schedule.

        Parameters
        ----------
        corpus : Corpus or Walks, or Interactions for a Retriever
        epochs : int, default 5
            At least 1.
        callbacks : sequence of callable, optional
            Each is called with a `Progress` a few times a second and at the end of every epoch, on the calling thread;
            ``progress.stop()`` ends the run.
        progress : bool, optional
            Whether to show a bar. Default: if standard error is a terminal.
        validation : Interactions, optional
            For a Retriever: items that are ranked after every epoch. The best epoch is returned, and training ends when
            `patience` epochs in a row were not better.
        metric : str, default "recall@20"
            Of the validation, as in `evaluate.ranking`.
        patience : int, default 5

        Returns
        -------
        KeyedVectors
            The words with the input table: a live view of it, which a later call changes. Copy it to keep it. In a
            corpus of ids without a vocabulary, the word of id 7 is "7". Of a FastText, `SubwordVectors`; of a
            Retriever, a `Recommender`, which is a copy.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong kind or outside its range, if the corpus has other words than the tables, or
            if it holds nothing to train on.
        MemoryError
            If the tables do not fit into the memory available.
        RuntimeError
            If the trainer is training already, or if the loss is no longer finite.
        KeyboardInterrupt
            On Ctrl-C, within half a second. The tables stay usable and the next call begins a new epoch.
        """
        epochs = check_int("epochs", epochs, minimum=1)
        callbacks = list(callbacks)
        for callback in callbacks:
            if not callable(callback):
                raise TypeError(f"callbacks must be callable, got {callback!r}")
        if isinstance(self.architecture, Retriever):
            data = check_interactions(corpus)
            judge = None if validation is None else Validation.of(validation, data, metric, patience)
            with self._one_call():
                return self._fit_retriever(self.architecture, data, epochs, callbacks, progress, judge)
        if validation is not None:
            raise TypeError("validation must be left out without a Retriever, got some")
        corpus = check_corpus(corpus)
        with self._one_call():
            if self._tables is None:
                self._make_tables(corpus)
            self._check_same_words(corpus)
            total = epochs * len(corpus)
            with progress_bar(progress, total=total, unit=" words", unit_scale=True, dynamic_ncols=True) as bar:
                watchers = callbacks if bar is None else [*callbacks, show_on(bar)]
                try:
                    trained = self._run(self._word_tables(), corpus, epochs, watchers)
                finally:
                    self._forget_norms()
            if trained == 0:
                rule = "the corpus must hold something to train on, got no sequence with two words"
                if self._word_model.subsample > 0:
                    rule += (
                        f" left after subsampling with subsample={self._word_model.subsample:g}: raise it, or set it "
                        "to 0 to keep every word"
                    )
                raise NothingToTrainError(rule)
            return self._vectors(corpus)

    def _fit_retriever(
        self,
        retriever: Retriever,
        data: Interactions,
        epochs: int,
        callbacks: list[Callback],
        progress: bool | None,
        validation: Validation | None,
    ) -> Recommender:
        if self._retrieval is None:
            inputs, outputs = retriever._input_rows(data), data.num_items
            settings = self.optimizer._settings()
            needed = sum(4 * n * retriever.dim + settings.state_bytes(n, retriever.dim) for n in (inputs, outputs))
            tables = (
                f"tables of {inputs:,} and {outputs:,} rows of {retriever.dim:,} floats, with what is kept for them,"
            )
            check_table_memory(tables, needed)
            self._retrieval = RetrieverTables(retriever, self.optimizer, data, self.seed)
        self._retrieval.check(data)
        with progress_bar(
            progress, total=epochs * len(data), unit=" interactions", unit_scale=True, dynamic_ncols=True
        ) as bar:
            return RetrieverRun(
                tables=self._retrieval,
                retriever=retriever,
                loss=retriever._loss_for(self.loss, data),
                optimizer=self.optimizer,
                learning_rate=self.learning_rate,
                data=data,
                epochs=epochs,
                seed=self.seed,
                threads=self.threads,
                validation=validation,
                watchers=callbacks if bar is None else [*callbacks, show_on(bar)],
            ).fit(self.history)

    def train_batch(self, batch: Batch, *, learning_rate: float | None = None) -> float:
        """Train on examples of one's own, on the calling thread.

        Of the trainer's loss only the link is used, which turns scores into a loss: softmax, with its temperature, for
        `SampledSoftmax`, `Softmax` and a `ClassTree`, logistic otherwise.

        Parameters
        ----------
        batch : Batch
        learning_rate : float, optional
            At least 0; 0 only measures the loss. Default: the highest learning rate of a run.

        Returns
        -------
        float
            The loss of all groups, each before its update: the sum over hidden vectors, not the mean.

        Raises
        ------
        ValueError, IndexError
            If the lengths of the batch's arrays do not agree, or an id is not below the number of rows.
        RuntimeError
            If there are no tables yet (call `initialize`), or the trainer is training already.

        Examples
        --------
        >>> from hogvec import Batch, SkipGram, Trainer
        >>> trainer = Trainer(SkipGram(dim=4))
        >>> trainer.initialize(input_rows=10, output_rows=10)
        >>> batch = Batch(bag_rows=[3, 4], group_offsets=[0, 2],
        ...               shared_offsets=[0, 2], shared_rows=[0, 7], shared_labels=[1, 0])
        >>> round(trainer.train_batch(batch, learning_rate=0.1), 3)   # 4 scores of 0: 4 ln 2
        2.773
        """
        if not isinstance(batch, Batch):
            raise TypeError(f"batch must be a Batch, got {batch!r}")
        rate = self.learning_rate if learning_rate is None else check_float("learning_rate", learning_rate, minimum=0.0)
        with self._one_call():
            try:
                link, scale = self.loss._link
                return self._word_tables().train_batch(
                    **batch._arrays(), link=link, score_scale=scale, learning_rate=rate
                )
            finally:
                self._forget_norms()

    def save_fasttext(self, path: str | os.PathLike[str], *, quantize: bool = False) -> None:
        """Write what a FastText has trained, its settings and its output table: see `SubwordVectors.save_fasttext`.

        fastText has Huffman's tree alone: of a `HierarchicalSoftmax` with a tree of its own the output table is zero.

        Raises
        ------
        OSError, ValueError
            As there.
        RuntimeError
            The architecture is no FastText, or nothing was trained on a corpus.
        """
        if not isinstance(self.architecture, FastText) or self._vocabulary is None:
            raise RuntimeError("a FastText must have been trained on a corpus before it is written")
        arguments = self.architecture._fasttext_arguments(self.loss, self._vocabulary, epochs=len(self.history))
        output_table: NDArray[np.float32] | None = self.output_table
        if isinstance(self.loss, HierarchicalSoftmax):
            output_table = fasttext_nodes(self.output_table) if self.loss.tree is None else None
        self._subword_vectors(self._vocabulary).save_fasttext(
            path, arguments=arguments, output_table=output_table, quantize=quantize
        )

    @contextmanager
    def _one_call(self) -> Iterator[None]:
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("a trainer must train for one call at a time, got a second one")
        try:
            yield
        finally:
            self._busy.release()

    @property
    def _word_model(self) -> Architecture:
        if isinstance(self.architecture, Retriever):
            raise RuntimeError("a Retriever must be trained by fit, on Interactions")
        return self.architecture

    def _made_tables(self) -> _core.Tables | RetrieverTables:
        if self._retrieval is not None:
            return self._retrieval
        return self._word_tables()

    def _word_tables(self) -> _core.Tables:
        if self._tables is None:
            raise RuntimeError("the tables must be made first: call fit or initialize")
        return self._tables

    def _subwords_of(self, corpus: Corpus | Walks) -> _core.Subwords | None:
        if not isinstance(self.architecture, FastText):
            return None
        if corpus.vocabulary is None:
            raise ValueError("the corpus of a FastText must have words, got ids without a vocabulary")
        return self.architecture._subwords(corpus.vocabulary)

    def _check_same_words(self, corpus: Corpus | Walks) -> None:
        rows = len(self._made_tables().input)
        if isinstance(self.architecture, FastText):
            if self._subwords is None:
                raise ValueError("the tables of a FastText must be made from a corpus, got numbers of rows")
        elif corpus.num_rows != rows:
            raise ValueError(
                f"the corpus must have as many words as the input table has rows, {rows}, got {corpus.num_rows}"
            )
        mine, given = self._vocabulary, corpus.vocabulary
        if self._subwords is not None and given is None:
            raise ValueError("the corpus of a FastText must have words, got ids without a vocabulary")
        if mine is not None and given is not None and mine is not given and mine != given:
            raise ValueError("the corpus must have the vocabulary of the corpus trained on before, got another one")

    def _run(self, tables: _core.Tables, corpus: Corpus | Walks, epochs: int, watchers: list[Callback]) -> int:
        """Run the epochs; return the number of groups trained."""
        counts = np.ascontiguousarray(corpus.counts, dtype=np.int64)
        objective = self.loss._objective(counts)
        progress = Progress(epochs=epochs, total_words=len(corpus), learning_rate=self.learning_rate)
        began = time.perf_counter()
        words_before = 0
        groups = 0

        def observe(state: _core.EpochProgress, *, finished: bool = False) -> bool:
            progress.words = state.words
            progress.trained_words = state.trained_words
            progress.loss = state.loss
            progress.learning_rate = state.learning_rate or progress.learning_rate
            progress.seconds = time.perf_counter() - began
            progress.words_per_second = (words_before + state.words) / progress.seconds
            progress.epoch_finished = finished
            self._forget_norms()  # a watcher may look at vectors of an earlier run
            for watcher in watchers:
                watcher(progress)
            return not progress.stopping

        for run_epoch in range(epochs):
            progress.epoch = run_epoch + 1
            epoch_began = time.perf_counter()
            epoch = self._epochs_begun
            self._epochs_begun += 1  # an interrupted epoch is not repeated: its examples are spent
            settings: dict[str, Any] = {
                "counts": counts,
                "objective": objective,
                "architecture": self._word_model._window_settings(),
                "subsample": self._word_model.subsample,
                "learning_rate": self.learning_rate,
                "schedule": self.optimizer.schedule._settings(),
                "run_epoch": run_epoch,
                "run_epochs": epochs,
                "epoch": epoch,
                "seed": self.seed,
                "threads": self.threads,
                "observer": observe,
            }
            if isinstance(corpus, Walks):
                state = tables.train_walks(walks=corpus._walker, walk_epoch=corpus._walk_epoch(epoch), **settings)
            else:
                state = tables.train_epoch(ids=corpus.ids, offsets=corpus.offsets, subwords=self._subwords, **settings)
            groups += state.groups
            self.history.append(
                EpochReport(
                    epoch=epoch + 1,
                    loss=state.loss,
                    learning_rate=state.learning_rate,
                    words=state.words,
                    trained_words=state.trained_words,
                    seconds=time.perf_counter() - epoch_began,
                    completed=not state.stopped,
                )
            )
            observe(state, finished=True)
            words_before += state.words
            if progress.stopping or state.stopped or groups == 0:
                break
        return groups

    def _vectors(self, corpus: Corpus | Walks) -> KeyedVectors:
        vectors: KeyedVectors
        if isinstance(self.architecture, FastText) and corpus.vocabulary is not None:
            vectors = self._subword_vectors(corpus.vocabulary)
        else:
            vectors = KeyedVectors(corpus.vocabulary, self.input_table)
        self._results.add(vectors)
        return vectors

    def _subword_vectors(self, vocabulary: Vocabulary) -> SubwordVectors:
        settings = {name: getattr(self.architecture, name) for name in ("min_n", "max_n", "buckets")}
        return SubwordVectors(vocabulary, self.input_table, **settings)

    def _forget_norms(self) -> None:
        for vectors in self._results:
            vectors._forget_norms()


def check_corpus(corpus: object) -> Corpus | Walks:
    """Return `corpus` if it is one."""
    if not isinstance(corpus, (Corpus, Walks)):
        raise TypeError(f"corpus must be a Corpus or Walks, got {corpus!r:.80}")
    return corpus


def check_interactions(data: object) -> Interactions:
    """Return `data` if these are interactions."""
    if not isinstance(data, Interactions):
        raise TypeError(f"a Retriever must be trained on Interactions, got {type(data).__name__}")
    return data


def check_table_memory(tables: str, needed: int) -> None:
    """Raise MemoryError before anything is allocated if `needed` bytes for what `tables` describes are too many."""
    available = available_memory()
    if available is not None and needed > available:
        raise MemoryError(
            f"{tables} need {needed / 2**30:.1f} GiB, got {available / 2**30:.1f} GiB of memory available"
        )


def table_bytes(rows: int, dim: int) -> int:
    """Return the memory of a table, whose rows are padded."""
    return rows * -(-dim // ROW_ALIGNMENT) * ROW_ALIGNMENT * 4
