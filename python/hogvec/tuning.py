"""A search for good parameters within a time: trials around the best one so far, in steps that become smaller.

The scheme is that of fastText's autotune. It knows nothing of what it tunes: `TextClassifier.autotune` is one user.
One search with the objects that it hands out, and so a little longer than others.
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hogvec._files import replace_file
from hogvec._progress import Progress, progress_bar
from hogvec._search_space import Choice, Dimension, Float, Integer, PowerOfTwo
from hogvec._validate import check_float, check_int

__all__ = [
    "Choice",
    "Clock",
    "Float",
    "Integer",
    "OutOfTimeError",
    "PowerOfTwo",
    "Trial",
    "Trials",
    "Tuning",
    "tune",
]

Model = TypeVar("Model")

_FORMAT = {"format": "hogvec.tune", "version": 1}
_FAILURES = (ArithmeticError, MemoryError, RuntimeError, ValueError)  # what parameters can bring about
_REDRAWS = 100  # of parameters that were tried before


class OutOfTimeError(Exception):
    """A trial has had its time."""


class Clock:
    """The time of a search. Give it to `tune`, and as a callback to what its trials run, so that they end in time.

    Parameters
    ----------
    seconds : float
        Above 0.

    Raises
    ------
    TypeError, ValueError
        If `seconds` is no number above 0.

    Examples
    --------
    >>> clock = Clock(60)   # a user of it: Trainer.fit(corpus, callbacks=[clock])
    >>> clock()             # nothing to say while there is time
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = check_float("seconds", seconds, above=0.0)
        self._end = self._trial_end = math.inf
        self._most = math.inf  # seconds of the trial
        self._mark: tuple[float, float] | None = None  # a time and what share of a run was done then
        self._bar: Any = None

    def __call__(self, progress: Progress | float | None = None) -> None:
        """Raise `OutOfTimeError` if the time of the trial that runs is over, or will be before the run is done.

        Parameters
        ----------
        progress : Progress or float, optional
            Where the run stands, as a `Trainer` says it, or the share of it that is done. It is believed after a tenth
            of the trial's time. Default: not known.
        """
        self._show()
        now = time.perf_counter()
        if now >= self._trial_end:
            raise OutOfTimeError("stopped: its time was over")
        if progress is None:
            return
        share = _share(progress) if isinstance(progress, Progress) else progress
        if self._mark is None or share < self._mark[1]:  # another run begins
            self._mark = now, share
        spent, done = now - self._mark[0], share - self._mark[1]
        if done > 0 and spent > self._most / 10 and now + spent / done * (1 - share) > self._trial_end:
            raise OutOfTimeError("stopped: it would not have ended in time")

    def _start(self, spent: float, bar: Any) -> None:
        """Begin; a bar shows the time."""
        self._end, self._bar = time.perf_counter() + self.seconds - spent, bar
        self._show()

    def _start_trial(self, most: float) -> None:
        now = time.perf_counter()
        self._trial_end = min(self._end, now + most)
        self._most, self._mark = self._trial_end - now, None

    def _stop(self) -> None:
        self._end = self._trial_end = math.inf
        self._bar = None

    def _show(self) -> None:
        if self._bar is not None:
            self._bar.update(self.seconds - max(0.0, self._end - time.perf_counter()) - self._bar.n)

    @property
    def _is_over(self) -> bool:
        return time.perf_counter() >= self._end


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What was tried, and what came of it.

    Attributes
    ----------
    number : int
        From 1.
    parameters : dict
    score : float or None
        None if the trial failed.
    seconds : float
    error : str or None
        Why it failed.
    """

    number: int
    parameters: dict[str, Any]
    score: float | None
    seconds: float
    error: str | None = None


class Trials(tuple[Trial, ...]):
    """Trials in their order. ``print(trials)`` shows a table, in which a star marks the best one."""

    __slots__ = ()

    @property
    def best(self) -> Trial | None:
        """The first one of the highest score, None if all failed."""
        return max((trial for trial in self if trial.score is not None), key=_score, default=None)

    def __str__(self) -> str:
        names, best = list(self[0].parameters) if self else [], self.best
        rows = [["trial", "score", "seconds", *names, ""]]
        for trial in self:
            score = "failed" if trial.score is None else f"{trial.score:.4f}{'*' if trial is best else ' '}"
            values = [_short(trial.parameters[name]) for name in names]
            rows.append([str(trial.number), score, f"{trial.seconds:.1f}", *values, trial.error or ""])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join([*(cell.rjust(width) for cell, width in zip(row[:-1], widths, strict=False)), row[-1]]).rstrip()
            for row in rows
        )

    def __repr__(self) -> str:
        return f"Trials({len(self)} trials, best {self.best})"


@dataclass(frozen=True, kw_only=True, eq=False)
class Tuning:
    """What `tune` found.

    Attributes
    ----------
    trials : Trials
    model : object
        What the factory made in the best trial, as the objective left it.
    """

    trials: Trials
    model: Any = field(repr=False)

    @property
    def best(self) -> Trial:
        """The trial of the highest score."""
        best = self.trials.best
        assert best is not None  # `tune` raises where all failed
        return best


def tune(
    factory: Callable[..., Model],
    space: Mapping[str, Dimension],
    objective: Callable[[Model], float],
    *,
    seconds: float | Clock = 300.0,
    trials: int | None = None,
    seed: int = 1,
    resume: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Tuning:
    """Search for the parameters with the highest score until the time is over, or for a number of trials.

    The first trial has the start of every dimension; each further one is drawn around the best so far, in steps whose
    width falls from a quarter to three quarters of the search.

    Parameters
    ----------
    factory : callable
        Called with the parameters of a trial by name. What it returns is what the objective gets: a `Trainer`, a
        classifier.
    space : dict of str to Float, Integer, PowerOfTwo or Choice
        What is searched.
    objective : callable
        Trains what the factory made and returns a score: the higher the better.
    seconds : float or Clock, default 300
        Time in all. A trial that runs at the end is finished, unless it calls the `Clock`: then it is stopped, as is
        one that would not end in time. A trial after the first that succeeded has a quarter of the time, or twice that
        of the longest one that succeeded if this is more.
    trials : int, optional
        End after this many, too; how far the search is counts by trials then, and not by time.
    seed : int, default 1
        A number of [0, 2**64).
    resume : str or PathLike, optional
        A JSON file that is replaced after every trial. If it is there, the search goes on where it ended; its trials
        and their seconds count.
    progress : bool, optional
        Whether to show a bar. Default: if standard error is a terminal.

    Returns
    -------
    Tuning
        After Ctrl-C, too, if a trial had succeeded: the best so far. If the best trial is one of an earlier run, its
        model is made once more.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or outside its range, the file is damaged or of another search, or the
        first trial raises one of them.
    OSError
        The file cannot be read or written.
    RuntimeError
        If no trial succeeded.

    Notes
    -----
    A later trial that raises ValueError, RuntimeError, ArithmeticError or MemoryError, or whose score is not finite,
    has failed, and the search goes on; other errors end it. The parameters of a trial are a function of the space, the
    seed, the earlier trials (their parameters, scores and seconds) and `seconds`; with `trials`, of no time at all, as
    long as none is stopped. Parameters that were tried are not tried again if others can be found.

    References
    ----------
    fastText's ``autotune.cc``, https://github.com/facebookresearch/fastText.

    Examples
    --------
    >>> space = {"x": Float(0.01, 100.0, start=1.0), "y": Integer(1, 9)}
    >>> found = tune(dict, space, lambda p: -abs(p["x"] - 20) - abs(p["y"] - 2), trials=200, progress=False)
    >>> found.best.parameters["y"], 15 < found.best.parameters["x"] < 25, len(found.trials)
    (2, True, 200)
    """
    return search(
        factory,
        space,
        objective,
        clock=seconds if isinstance(seconds, Clock) else Clock(seconds),
        trials=trials,
        seed=seed,
        resume=resume,
        progress=progress,
        about={},
    )


def search(
    factory: Callable[..., Model],
    space: Mapping[str, Dimension],
    objective: Callable[[Model], float],
    *,
    clock: Clock,
    trials: int | None,
    seed: int,
    resume: str | os.PathLike[str] | None,
    progress: bool | None,
    about: dict[str, str],
) -> Tuning:
    """Do what `tune` says; `about` is what else a file must agree with for the search to go on."""
    if not isinstance(space, Mapping) or not space:
        raise TypeError(f"space must be a dict of names to what is searched, got {space!r:.80}")
    for name, dimension in space.items():
        if not isinstance(dimension, Dimension):
            raise TypeError(f"{name} of space must be a Float, Integer, PowerOfTwo or Choice, got {dimension!r:.80}")
    if trials is not None:
        check_int("trials", trials, minimum=1)
    seed = check_int("seed", seed, minimum=0, maximum=2**64 - 1)
    header = {**_FORMAT, "seed": seed, "space": {name: repr(space[name]) for name in space}, "about": about}
    done = [] if resume is None else _read(resume, header, space)
    model: Model | None = None
    try:
        with _bar(progress, clock, trials, len(done)) as bar:
            clock._start(sum(trial.seconds for trial in done), None if trials else bar)
            while not clock._is_over and (trials is None or len(done) < trials):
                if resume is not None:
                    _write(resume, header, space, done)  # also before the first trial: it may be impossible
                share = len(done) / trials if trials else sum(trial.seconds for trial in done) / clock.seconds
                trial, made = _try(factory, objective, _drawn(space, done, seed, share), clock, done)
                done.append(trial)
                if Trials(done).best is trial:
                    model = made
                made = None  # it is not kept beside the next one
                if bar is not None:
                    bar.set_postfix_str(_so_far(Trials(done)), refresh=False)
                    bar.update(1 if trials else 0)
                    clock._show()
            if resume is not None:
                _write(resume, header, space, done)
    except KeyboardInterrupt:
        if Trials(done).best is None:
            raise
    finally:
        clock._stop()
    best = Trials(done).best
    if best is None:
        raise RuntimeError(f"a trial must succeed within the time, got {len(done)} that failed: {done[-1].error}")
    if model is None:
        model = factory(**best.parameters)
        objective(model)
    return Tuning(trials=Trials(done), model=model)


def _try(
    factory: Callable[..., Any],
    objective: Callable[[Any], float],
    parameters: dict[str, Any],
    clock: Clock,
    done: list[Trial],
) -> tuple[Trial, Any]:
    """Return the trial and, unless it failed, what the factory made."""
    longest = max((trial.seconds for trial in done if trial.score is not None), default=math.inf)
    clock._start_trial(max(clock.seconds / 4, 2 * longest))
    began = time.perf_counter()
    made, score, error = None, None, None
    try:
        model = factory(**parameters)
        value = float(objective(model))
        if math.isfinite(value):
            made, score = model, value
        else:
            error = f"its score is {value}"
    except OutOfTimeError as reason:
        error = str(reason)
    except _FAILURES as reason:
        if not done and isinstance(reason, ValueError):
            raise  # what the caller gave is wrong
        error = f"{type(reason).__name__}: {reason}".partition("\n")[0]
    seconds = time.perf_counter() - began
    trial = Trial(number=len(done) + 1, parameters=parameters, score=score, seconds=seconds, error=error)
    return trial, made


def _drawn(space: Mapping[str, Dimension], done: list[Trial], seed: int, share: float) -> dict[str, Any]:
    """Return the parameters of the next trial, `share` of the search being over."""
    if not done:
        return {name: dimension.first for name, dimension in space.items()}
    best = Trials(done).best or done[0]
    late = min(1.0, max(0.0, 2 * (share - 0.25)))  # fastText: from a quarter to three quarters
    draws = random.Random((seed << 64) + len(done))
    tried = [trial.parameters for trial in done]
    for _ in range(_REDRAWS):
        parameters = {name: dimension._moved(best.parameters[name], draws, late) for name, dimension in space.items()}
        if parameters not in tried:
            break
    return parameters


# ---- the bar, and the table ----------------------------------------------------------------------------------------


def _bar(progress: bool | None, clock: Clock, trials: int | None, done: int) -> Any:
    if trials is not None:
        return progress_bar(progress, total=trials, initial=done, unit=" trials", dynamic_ncols=True)
    form = "{l_bar}{bar}| {n:.0f}/{total:.0f} s{postfix}"
    return progress_bar(progress, total=clock.seconds, bar_format=form, dynamic_ncols=True)


def _share(progress: Progress) -> float:
    return (progress.epoch - 1 + progress.words / max(1, progress.total_words)) / progress.epochs


def _so_far(trials: Trials) -> str:
    return f"{len(trials)} trials, best " + ("none yet" if trials.best is None else f"{trials.best.score:.4f}")


def _score(trial: Trial) -> float:
    return -math.inf if trial.score is None else trial.score


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value!s:.20}"


# ---- the file ------------------------------------------------------------------------------------------------------


def _write(
    path: str | os.PathLike[str], header: dict[str, Any], space: Mapping[str, Dimension], done: list[Trial]
) -> None:
    trials = [
        {
            "parameters": {name: space[name]._to_json(value) for name, value in trial.parameters.items()},
            "score": trial.score,
            "seconds": trial.seconds,
            "error": trial.error,
        }
        for trial in done
    ]
    with replace_file(path) as file:
        file.write(json.dumps({**header, "trials": trials}, indent=1).encode())


def _read(path: str | os.PathLike[str], header: dict[str, Any], space: Mapping[str, Dimension]) -> list[Trial]:
    """Return the trials of a file, none if it is not there yet."""
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read())
    except FileNotFoundError:
        return []
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{os.fspath(path)!r} must be a whole file of tune: {error}") from None
    try:
        for name, value in header.items():
            if found[name] != value:
                raise ValueError(f"its {name} must be that of this search, {value!r:.200}, got {found[name]!r:.200}")
        return [_trial(number, entry, space) for number, entry in enumerate(found["trials"], 1)]
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{os.fspath(path)!r} must be a whole file of tune: {error!r:.80}") from None
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)!r} must be a file of this search: {error}") from None


def _trial(number: int, entry: dict[str, Any], space: Mapping[str, Dimension]) -> Trial:
    error = entry["error"]
    if error is not None and not isinstance(error, str):
        raise TypeError(f"error must be a str, got {error!r:.80}")
    return Trial(
        number=number,
        parameters={name: dimension._from_json(entry["parameters"][name]) for name, dimension in space.items()},
        score=None if entry["score"] is None else check_float("score", entry["score"]),
        seconds=check_float("seconds", entry["seconds"], minimum=0.0),
        error=error,
    )
