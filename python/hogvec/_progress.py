"""Where a run stands, what an epoch did, and the one place that decides whether a bar is shown, and makes it."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Callback", "EpochReport", "Progress", "progress_bar", "show_on"]


def progress_bar(progress: bool | None, **arguments: Any) -> contextlib.AbstractContextManager[Any]:
    """Return a tqdm bar, or a context that gives None if no bar is wanted; None asks for one on a terminal."""
    if progress is None:
        progress = sys.stderr is not None and sys.stderr.isatty()
    elif not isinstance(progress, bool):
        raise TypeError(f"progress must be True, False or None, got {progress!r}")
    if not progress:
        return contextlib.nullcontext()
    from tqdm import tqdm

    bar: contextlib.AbstractContextManager[Any] = tqdm(**arguments)
    return bar


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """What one epoch did.

    Attributes
    ----------
    epoch : int
        Its number since the tables were made, from 1.
    loss : float
        The mean loss per hidden vector over the measured groups (`hogvec.trainer.LOSS_FRACTION` of them), each before
        its update, in double precision.
    learning_rate : float
        That of the last update.
    words : int
        Tokens of the corpus that were passed.
    trained_words : int
        Of these, those that subsampling kept.
    seconds : float
        Wall time of the epoch.
    completed : bool
        False if the epoch was stopped before its end.
    validation : float or None
        Of a run with a validation, its metric after the epoch.
    """

    epoch: int
    loss: float
    learning_rate: float
    words: int
    trained_words: int
    seconds: float
    completed: bool
    validation: float | None = None

    @property
    def words_per_second(self) -> float:
        """Tokens passed in a second."""
        return self.words / self.seconds if self.seconds > 0 else math.inf


class Progress:
    """Where a run stands; callbacks receive it a few times a second and at the end of every epoch.

    Attributes
    ----------
    epoch, epochs : int
        The epoch of this run, from 1, and how many the run has.
    words, total_words : int
        Tokens passed in this epoch, and those of a whole epoch.
    trained_words : int
        Of the tokens passed, those that subsampling kept.
    loss : float
        Mean loss of this epoch so far; nan before the first measurement.
    learning_rate : float
    seconds : float
        Since the run began.
    words_per_second : float
        Over the run so far.
    epoch_finished : bool
        True in the last call of an epoch.
    """

    def __init__(self, *, epochs: int, total_words: int, learning_rate: float) -> None:
        self.epoch = 1
        self.epochs = epochs
        self.words = 0
        self.total_words = total_words
        self.trained_words = 0
        self.loss = math.nan
        self.learning_rate = learning_rate
        self.seconds = 0.0
        self.words_per_second = 0.0
        self.epoch_finished = False
        self.stopping = False

    def stop(self) -> None:
        """Ask the run to stop; it ends within a fraction of a second and leaves usable tables."""
        self.stopping = True

    def __repr__(self) -> str:
        return (
            f"<Progress: epoch {self.epoch} of {self.epochs}, {self.words:,} of {self.total_words:,} words, "
            f"loss {self.loss:.4f}, learning rate {self.learning_rate:.6f}, {self.words_per_second:,.0f} words/s>"
        )


Callback = Callable[[Progress], object]


def show_on(bar: Any) -> Callback:
    """Return a callback that shows a run on a tqdm bar over its words."""

    def show(progress: Progress) -> None:
        done = (progress.epoch - 1) * progress.total_words + progress.words
        bar.set_description(f"epoch {progress.epoch}/{progress.epochs}", refresh=False)
        bar.set_postfix_str(f"loss {progress.loss:.4f}, lr {progress.learning_rate:.5f}", refresh=False)
        bar.update(done - bar.n)

    return show
