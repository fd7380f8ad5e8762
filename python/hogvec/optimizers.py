"""Optimizers: how a gradient changes a row."""

from __future__ import annotations

from dataclasses import dataclass

from hogvec._validate import check_float

__all__ = ["SGD"]


@dataclass(frozen=True, kw_only=True)
class SGD:
    """Stochastic gradient descent whose learning rate falls linearly over a run, as in word2vec.

    Parameters
    ----------
    learning_rate : float, optional
        The rate at the start of a run, above 0; it falls to 1e-4 of that. By default the rate that measured best for
        the architecture and the loss.

    Raises
    ------
    TypeError, ValueError
        If the rate is no number, not finite or not above 0.

    Examples
    --------
    >>> SGD(learning_rate=0.025)
    SGD(learning_rate=0.025)
    """

    learning_rate: float | None = None

    def __post_init__(self) -> None:
        if self.learning_rate is not None:
            check_float("learning_rate", self.learning_rate, above=0.0)
