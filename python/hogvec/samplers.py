"""Noise distributions over ids, drawn in constant time from an alias table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec import _core
from hogvec._validate import check_counts, check_float, check_ids, check_int

__all__ = ["UnigramSampler"]


class UnigramSampler:
    """Draw ids with probability proportional to a power of their counts.

    The object is immutable, may be shared between threads, and pickles.

    Parameters
    ----------
    counts : array_like of int, shape (n,)
        How often each id occurs, none negative, at least one positive. The array is copied. An id that never occurs is
        never drawn, whatever the power.
    power : float, default 0.75
        Any finite number. 1 draws ids as often as they occur, 0 draws uniformly from those that occur, negative powers
        favour the rare ones.

    Raises
    ------
    TypeError
        If the counts are no integers or the power is no number.
    ValueError
        If the counts are empty, have more than one axis, a negative entry or only zeros, or the power is not finite.

    Notes
    -----
    A draw takes one 64-bit random number and one look into a table of 8 bytes per id [1]_ [2]_. The probability of
    drawing an id differs from `probability` by less than 2**-32, so ids rarer than that may never be drawn.

    References
    ----------
    .. [1] A. J. Walker, "An efficient method for generating discrete random variables with general distributions",
       ACM Transactions on Mathematical Software 3 (1977).
    .. [2] M. D. Vose, "A linear algorithm for generating random numbers with a given distribution", IEEE Transactions
       on Software Engineering 17 (1991).
    .. [3] T. Mikolov et al., "Distributed representations of words and phrases and their compositionality", NeurIPS
       2013, arXiv:1310.4546: the power 0.75.
    .. [4] H. Caselles-Dupré, F. Lesaint and J. Royo-Letelier, "Word2vec applied to recommendation: hyperparameters
       matter", RecSys 2018, arXiv:1804.04212: negative powers.

    Examples
    --------
    >>> sampler = UnigramSampler([81, 16, 0, 1])
    >>> sampler.probability()
    array([0.75      , 0.22222222, 0.        , 0.02777778])
    >>> ids = sampler.sample(100_000, seed=7)
    >>> (np.bincount(ids, minlength=4) / 100_000).round(2)
    array([0.75, 0.22, 0.  , 0.03])
    """

    __slots__ = ("_counts", "_power", "_probability", "_table")

    def __init__(self, counts: ArrayLike, power: float = 0.75) -> None:
        self._counts = check_counts("counts", counts)
        self._power = check_float("power", power)
        weights = _core.unigram_weights(self._counts, self._power)
        self._table = _core.AliasTable(weights)
        weights /= weights.sum()
        weights.flags.writeable = False
        self._probability = weights

    @property
    def counts(self) -> NDArray[np.int64]:
        """The counts, shape (n,), read-only."""
        return self._counts

    @property
    def power(self) -> float:
        """The power the counts are raised to."""
        return self._power

    @property
    def num_classes(self) -> int:
        """The number of ids: `sample` returns numbers of [0, num_classes)."""
        return len(self._counts)

    def sample(self, n: int, *, seed: int = 1) -> NDArray[np.int32]:
        """Draw ids independently, with replacement.

        Parameters
        ----------
        n : int
            The number of draws, at least 0.
        seed : int, default 1
            A number of [0, 2**64). The same seed gives the same ids; any two seeds give unrelated ones.

        Returns
        -------
        ndarray of int32, shape (n,)

        Raises
        ------
        TypeError
            If an argument is no integer.
        ValueError
            If an argument is out of its range.

        Examples
        --------
        >>> UnigramSampler([5, 3, 2]).sample(6, seed=0)
        array([0, 2, 0, 1, 2, 2], dtype=int32)
        """
        n = check_int("n", n, minimum=0, maximum=2**60)
        seed = check_int("seed", seed, minimum=0, maximum=2**64 - 1)
        return self._table.draw(n, seed)

    def probability(self, ids: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the probability of a single draw being each of `ids`.

        Parameters
        ----------
        ids : array_like of int, any shape, optional
            All ids in order by default; that array is a read-only view, not a copy.

        Returns
        -------
        ndarray of float64, shape of `ids`

        Raises
        ------
        TypeError
            If the ids are no integers.
        IndexError
            If an id is outside [0, num_classes).

        Examples
        --------
        >>> UnigramSampler([5, 3, 2], power=1.0).probability([2, 0])
        array([0.2, 0.5])
        """
        if ids is None:
            return self._probability
        chosen: NDArray[np.float64] = self._probability[check_ids("ids", ids, self.num_classes)]
        return chosen

    def log_expected_count(self, ids: ArrayLike, num_draws: int) -> NDArray[np.float64]:
        """Return the logarithm of how often each of `ids` is expected among `num_draws` draws with replacement.

        This is the correction that noise-contrastive estimation (``ln(k q(w))``) and sampled softmax subtract from a
        score. It is ``-inf`` for an id that is never drawn.

        Parameters
        ----------
        ids : array_like of int, any shape
        num_draws : int
            At least 1.

        Returns
        -------
        ndarray of float64, shape of `ids`

        Raises
        ------
        TypeError
            If an argument is no integer.
        ValueError
            If `num_draws` is below 1.
        IndexError
            If an id is outside [0, num_classes).

        References
        ----------
        M. Gutmann and A. Hyvärinen, "Noise-contrastive estimation: a new estimation principle for unnormalized
        statistical models", AISTATS 2010. Y. Bengio and J.-S. Senécal, "Adaptive importance sampling to accelerate
        training of a neural probabilistic language model", IEEE Transactions on Neural Networks 19 (2008).

        Examples
        --------
        >>> UnigramSampler([5, 3, 2], power=1.0).log_expected_count([0, 2], 10)
        array([1.60943791, 0.69314718])
        """
        num_draws = check_int("num_draws", num_draws, minimum=1, maximum=2**63 - 1)
        with np.errstate(divide="ignore"):
            log_probability: NDArray[np.float64] = np.log(self.probability(ids))
        return log_probability + math.log(num_draws)

    def __repr__(self) -> str:
        return f"UnigramSampler(<{self.num_classes} counts>, power={self._power:g})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._counts, self._power)
