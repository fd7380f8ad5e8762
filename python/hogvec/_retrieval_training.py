"""Epochs of a retriever over interactions, and the choice of the best one. `Trainer` owns what is made here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogvec._minibatch import BagEncoder, MiniBatchTrainer
from hogvec._output_loss import OutputLoss
from hogvec._progress import Callback, EpochReport, Progress
from hogvec._ranking import check_metric, ranking
from hogvec._validate import check_int
from hogvec.interactions import Interactions
from hogvec.optimizers import Optimizer
from hogvec.recommender import Recommender
from hogvec.retriever import Examples, Retriever

__all__ = ["RetrieverRun", "RetrieverTables", "Validation"]

INITIAL_RANGE = 0.01
"""Rows begin uniformly within it, so that the first steps of an optimizer decide their directions."""

_SHOW_EVERY = 0.25  # seconds
_MOST = 1e15


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What tells after every epoch how good it was, and how many that were not better end a run."""

    data: Interactions
    metric: str
    patience: int

    @classmethod
    def of(cls, data: Interactions, train: Interactions, metric: str, patience: int) -> Validation:
        """Return one that is checked."""
        if not isinstance(data, Interactions):
            raise TypeError(f"validation must be Interactions, got {type(data).__name__}")
        if len(data) == 0:
            raise ValueError("validation must have items, got none")
        check_metric(metric, train.num_items)
        return cls(data=data, metric=metric, patience=check_int("patience", patience, minimum=1))


class RetrieverTables:
    """The tables of a retriever, made for so many users and items, with what the optimizer keeps."""

    def __init__(self, retriever: Retriever, optimizer: Optimizer, data: Interactions, seed: int) -> None:
        dim, rows = retriever.dim, retriever._input_rows(data)
        random = np.random.default_rng(seed)
        self.input, self.output = (
            (2 * random.random((n, dim), dtype=np.float32) - 1) * np.float32(INITIAL_RANGE)
            for n in (rows, data.num_items)
        )
        self.num_users, self.num_items = data.num_users, data.num_items
        self.encoder = BagEncoder(self.input, optimizer)
        self.trainer = MiniBatchTrainer(self.encoder, self.output, optimizer, retriever._model)
        self.epochs_begun = 0

    def optimizer_state(self) -> dict[str, NDArray[Any]]:
        """Return what the optimizer keeps, by names such as "input_first_moment"."""
        sides = (("input", self.encoder.state), ("output", self.trainer.state))
        return {
            name.replace("weights", side, 1): array for side, state in sides for name, array in state.arrays.items()
        }

    def have_diverged(self) -> bool:
        """Whether numbers are not finite, or so large that their products may not be."""
        return not all(float(np.abs(table).max(initial=0)) < _MOST for table in (self.input, self.output))

    def check(self, data: Interactions) -> None:
        """Raise ValueError unless they were made for as many users and items."""
        if (data.num_users, data.num_items) != (self.num_users, self.num_items):
            raise ValueError(
                f"the interactions must have as many users and items as those trained on before, {self.num_users} and "
                f"{self.num_items}, got {data.num_users} and {data.num_items}"
            )

    def recommender(self, retriever: Retriever, seen: Interactions) -> Recommender:
        """Return what they are now, copied."""
        users = self.num_users if retriever.has_user_rows else 0
        return Recommender(
            retriever,
            seen,
            user_rows=self.input[:users].copy() if retriever.has_user_rows else None,
            history_rows=self.input[users:].copy() if retriever.has_histories else None,
            item_rows=self.output,
        )


@dataclass(frozen=True, kw_only=True)
class RetrieverRun:
    """What one call of `Trainer.fit` does to the tables."""

    tables: RetrieverTables
    retriever: Retriever
    loss: OutputLoss
    optimizer: Optimizer
    learning_rate: float
    data: Interactions
    epochs: int
    seed: int
    threads: int
    validation: Validation | None
    watchers: Sequence[Callback]

    def fit(self, history: list[EpochReport]) -> Recommender:
        """Run the epochs and report them to `history`; return the best state of the tables, by default the last.

        Raises
        ------
        ValueError
            If there is nothing to train on.
        RuntimeError
            If something is no longer finite.
        """
        examples = Examples(self.retriever, self.loss, self.data)
        if len(examples) == 0:
            raise ValueError("the interactions must hold something to train on, got no user with enough items")
        progress = Progress(epochs=self.epochs, total_words=len(self.data), learning_rate=self.learning_rate)
        progress_began = time.perf_counter()
        best: Recommender | None = None
        best_value, waited = -1.0, 0
        for run_epoch in range(self.epochs):
            progress.epoch, progress.words, progress.epoch_finished = run_epoch + 1, 0, False
            report = self._train_epoch(examples, run_epoch, progress, progress_began)
            if self.validation is not None:
                found = self.tables.recommender(self.retriever, self.data)
                value = ranking(found, self.data, self.validation.data, metrics=[self.validation.metric])
                report = replace(report, validation=value[self.validation.metric])
                waited = waited + 1 if value[self.validation.metric] <= best_value else 0
                if waited == 0:
                    best, best_value = found, value[self.validation.metric]
            history.append(report)
            progress.epoch_finished = True
            self._watch(progress)
            if progress.stopping or (self.validation is not None and waited >= self.validation.patience):
                break
        return best or self.tables.recommender(self.retriever, self.data)

    def _train_epoch(
        self, examples: Examples, run_epoch: int, progress: Progress, progress_began: float
    ) -> EpochReport:
        began = time.perf_counter()
        epoch = self.tables.epochs_begun
        self.tables.epochs_begun += 1  # an interrupted epoch is not repeated
        random = np.random.default_rng([self.seed, epoch])
        order = random.permutation(len(examples))
        schedule = self.optimizer.schedule._settings()
        size = self.retriever.batch_size
        total, weight, last_shown = 0.0, 0.0, began
        for begin in range(0, len(order), size):
            done = begin / len(order)
            progress.learning_rate = self.learning_rate * schedule.factor((run_epoch + done) / self.epochs)
            batch = examples.batch(order[begin : begin + size], random)
            try:
                total += self.tables.trainer.step(
                    batch,
                    self.loss,
                    learning_rate=progress.learning_rate,
                    seed=int(random.integers(2**63)),
                    threads=self.threads,
                )
            except ValueError:
                if not self.tables.have_diverged():
                    raise
                raise RuntimeError(
                    f"the tables must stay finite, got a value that is not in epoch {epoch + 1} at a learning rate of "
                    f"{progress.learning_rate:g}: lower it"
                ) from None
            weight += float(batch.targets.ids.size)
            progress.words = round(len(self.data) * min(1.0, (begin + size) / len(order)))
            progress.loss = total / weight
            now = time.perf_counter()
            progress.seconds = now - progress_began
            progress.words_per_second = (run_epoch * len(self.data) + progress.words) / progress.seconds
            if now - last_shown > _SHOW_EVERY:
                last_shown = now
                self._watch(progress)
            if progress.stopping:
                break
        return EpochReport(
            epoch=epoch + 1,
            loss=progress.loss,
            learning_rate=progress.learning_rate,
            words=progress.words,
            trained_words=progress.words,
            seconds=time.perf_counter() - began,
            completed=progress.words == len(self.data),
        )

    def _watch(self, progress: Progress) -> None:
        for watcher in self.watchers:
            watcher(progress)
