"""Optimizers: how a gradient changes a row; schedules: how the learning rate changes over a run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._optimizer_state import OptimizerState
from hogvec._validate import check_choice, check_float

__all__ = ["SGD", "AdaGrad", "Adam", "Momentum", "Optimizer", "OptimizerState", "RMSProp", "Schedule"]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What the learning rate is multiplied by in the course of a run of `fit`.

    It rises linearly from the floor to 1 over the warm-up, then follows its shape down to the floor. It is a function
    of the position in the corpus, not of the number of threads.

    Parameters
    ----------
    shape : {"linear", "constant", "cosine"}, default "linear"
        The linear one is word2vec's, the cosine one half a period of it without restarts [1]_; "constant" stays at 1.
    floor : float, default 1e-4
        The least factor, of [0, 1].
    warm_up : float, default 0.0
        The share of the run over which the rate rises, of [0, 1).

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range.

    References
    ----------
    .. [1] I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
       arXiv:1608.03983.

    Examples
    --------
    >>> SGD(learning_rate=0.1, schedule=Schedule(shape="cosine", warm_up=0.1)).schedule.floor
    0.0001
    """

    shape: str = "linear"
    floor: float = 1e-4
    warm_up: float = 0.0

    def __post_init__(self) -> None:
        check_choice("shape", self.shape, ("linear", "constant", "cosine"))
        check_float("floor", self.floor, minimum=0.0, maximum=1.0)
        check_float("warm_up", self.warm_up, minimum=0.0, below=1.0)

    def _settings(self) -> _core.Schedule:
        return _core.Schedule(self.shape, self.floor, self.warm_up)


def check_schedule(schedule: object) -> None:
    """Raise TypeError unless it is one."""
    if not isinstance(schedule, Schedule):
        raise TypeError(f"schedule must be a Schedule, got {schedule!r}")


class Optimizer(ABC):
    """How a gradient changes a row. Base of all optimizers; not made itself."""

    learning_rate: float | None
    schedule: Schedule

    def start(self, weights: NDArray[np.float32], bias: NDArray[np.float32] | None = None) -> OptimizerState:
        """Return the state for steps on arrays of one's own, zero at first; for `Loss.step`.

        Parameters
        ----------
        weights : ndarray of float32, shape (V, dim)
        bias : ndarray of float32, shape (V,), optional

        Returns
        -------
        OptimizerState

        Raises
        ------
        TypeError, ValueError
            If the arrays have other numbers of axes.

        Examples
        --------
        >>> state = Adam(learning_rate=0.001).start(np.zeros((5, 2), np.float32))
        >>> sorted(state.arrays)
        ['weights_first_moment', 'weights_second_moment', 'weights_steps']
        """
        return OptimizerState(self, weights, bias)

    @abstractmethod
    def _settings(self) -> _core.Optimizer:
        """Return what the core knows of it."""

    @abstractmethod
    def _state_names(self) -> dict[str, str]:
        """Return the names of what it keeps, by the core's."""

    def _one_for_a_row(self) -> tuple[str, ...]:
        """Return the core's names of what it keeps as one number for a row."""
        return ("steps",)


@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """Stochastic gradient descent: w -= a g.

    Parameters
    ----------
    learning_rate : float, optional
        The highest rate a of a run, above 0. By default the rate that measured best for the architecture and the loss.
    schedule : Schedule
        Default: linear decay to 1e-4 of the rate, as in word2vec.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range.

    Examples
    --------
    >>> SGD(learning_rate=0.025).learning_rate
    0.025
    """

    learning_rate: float | None = None
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        if self.learning_rate is not None:
            check_float("learning_rate", self.learning_rate, above=0.0)
        check_schedule(self.schedule)

    def _settings(self) -> _core.Optimizer:
        return _core.Optimizer("sgd")

    def _state_names(self) -> dict[str, str]:
        return {}


@dataclass(frozen=True, kw_only=True)
class Momentum(Optimizer):
    """Descent along an average of the gradients of a row, taken over the groups that touch it.

    Parameters
    ----------
    learning_rate : float
        The highest rate a of a run, above 0.
    momentum : float, default 0.9
        b, of [0, 1).
    average : bool, default False
        False is the classical rule [1]_, v = b v + g, w -= a v, whose steps are up to 1 / (1 - b) times as long as
        SGD's. True is the moving average, v = b v + (1 - b) g, w -= a v / (1 - b^t), corrected for starting at zero; t
        counts the updates of the row.
    schedule : Schedule
        Default: linear decay.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range.

    Notes
    -----
    A row moves only when a group touches it: what is left of its velocity waits until then.

    References
    ----------
    .. [1] B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", USSR Computational
       Mathematics and Mathematical Physics 4 (1964).

    Examples
    --------
    >>> Momentum(learning_rate=0.005).momentum
    0.9
    """

    learning_rate: float
    momentum: float = 0.9
    average: bool = False
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        check_float("learning_rate", self.learning_rate, above=0.0)
        check_float("momentum", self.momentum, minimum=0.0, below=1.0)
        if not isinstance(self.average, bool):
            raise TypeError(f"average must be True or False, got {self.average!r}")
        check_schedule(self.schedule)

    def _settings(self) -> _core.Optimizer:
        return _core.Optimizer("averaged_momentum" if self.average else "momentum", beta1=self.momentum)

    def _state_names(self) -> dict[str, str]:
        return {"first": "velocity", "steps": "steps"} if self.average else {"first": "velocity"}


@dataclass(frozen=True, kw_only=True)
class RMSProp(Optimizer):
    """Steps divided by a moving root mean square: s = b s + (1 - b) g^2, w -= a g / (sqrt(s) + e), element by element.

    Parameters
    ----------
    learning_rate : float
        The highest rate a of a run, above 0.
    decay : float, default 0.99
        b, of [0, 1).
    epsilon : float, default 1e-8
        e, above 0; outside the root.
    schedule : Schedule
        Default: linear decay.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range.

    References
    ----------
    T. Tieleman and G. Hinton, "Lecture 6.5: RMSProp", Neural networks for machine learning, 2012.

    Examples
    --------
    >>> RMSProp(learning_rate=0.001).decay
    0.99
    """

    learning_rate: float
    decay: float = 0.99
    epsilon: float = 1e-8
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        check_float("learning_rate", self.learning_rate, above=0.0)
        check_float("decay", self.decay, minimum=0.0, below=1.0)
        check_float("epsilon", self.epsilon, above=0.0)
        check_schedule(self.schedule)

    def _settings(self) -> _core.Optimizer:
        return _core.Optimizer("rmsprop", beta2=self.decay, epsilon=self.epsilon)

    def _state_names(self) -> dict[str, str]:
        return {"second": "mean_square"}


@dataclass(frozen=True, kw_only=True)
class AdaGrad(Optimizer):
    """Steps divided by the root of all squares so far: s += g^2, w -= a g / (sqrt(s) + e).

    Rows that are seldom trained keep large steps.

    Parameters
    ----------
    learning_rate : float
        The highest rate a of a run, above 0.
    per_row : bool, default False
        False: element by element [1]_. True: one s for each row, of the mean of its squares [2]_: 4 bytes a row instead
        of 4 bytes an element.
    epsilon : float, default 1e-10
        e, above 0; outside the root.
    schedule : Schedule
        Default: constant, since the steps shrink by themselves.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range.

    References
    ----------
    .. [1] J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and stochastic
       optimization", JMLR 12 (2011).
    .. [2] A. Lerer et al., "PyTorch-BigGraph: a large-scale graph embedding system", SysML 2019, arXiv:1903.12287.

    Examples
    --------
    >>> AdaGrad(learning_rate=0.1, per_row=True).schedule.shape
    'constant'
    """

    learning_rate: float
    per_row: bool = False
    epsilon: float = 1e-10
    schedule: Schedule = field(default_factory=lambda: Schedule(shape="constant"))

    def __post_init__(self) -> None:
        check_float("learning_rate", self.learning_rate, above=0.0)
        if not isinstance(self.per_row, bool):
            raise TypeError(f"per_row must be True or False, got {self.per_row!r}")
        check_float("epsilon", self.epsilon, above=0.0)
        check_schedule(self.schedule)

    def _settings(self) -> _core.Optimizer:
        return _core.Optimizer("row_adagrad" if self.per_row else "adagrad", epsilon=self.epsilon)

    def _state_names(self) -> dict[str, str]:
        return {"second": "sum_of_squares"}

    def _one_for_a_row(self) -> tuple[str, ...]:
        return ("steps", "second") if self.per_row else ("steps",)


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Moving averages of gradients and of their squares, corrected for starting at zero.

    m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, w -= a m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + e), element by
    element. The state is m and v themselves, not their corrected values.

    Parameters
    ----------
    learning_rate : float
        The highest rate a of a run, above 0.
    beta1, beta2 : float, default 0.9 and 0.999
        b1 and b2, of [0, 1).
    epsilon : float, default 1e-8
        e, above 0; outside the root.
    untouched : {"lazy", "decayed"}, default "lazy"
        What happens to the averages of a row while no group touches it. "lazy": nothing, and t counts the row's own
        updates. "decayed": they decay as with gradients of zero, and t counts all groups, so that m, v and t are those
        of the dense rule; the row itself still moves only when it is touched.
    schedule : Schedule
        Default: linear decay.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range.

    References
    ----------
    D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, arXiv:1412.6980.

    Examples
    --------
    >>> Adam(learning_rate=0.001, untouched="decayed").beta2
    0.999
    """

    learning_rate: float
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    untouched: str = "lazy"
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        check_float("learning_rate", self.learning_rate, above=0.0)
        check_float("beta1", self.beta1, minimum=0.0, below=1.0)
        check_float("beta2", self.beta2, minimum=0.0, below=1.0)
        check_float("epsilon", self.epsilon, above=0.0)
        check_choice("untouched", self.untouched, ("lazy", "decayed"))
        check_schedule(self.schedule)

    def _settings(self) -> _core.Optimizer:
        name = "adam" if self.untouched == "lazy" else "decayed_adam"
        return _core.Optimizer(name, beta1=self.beta1, beta2=self.beta2, epsilon=self.epsilon)

    def _state_names(self) -> dict[str, str]:
        return {"first": "first_moment", "second": "second_moment", "steps": "steps"}
