"""What all samplers have in common: the methods of `Sampler`, and drawing without repetition."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec import _core
from hogvec._validate import check_counts, check_ids, check_int

__all__ = ["Sample", "Sampler"]

MAX_SEED = 2**64 - 1


class Sample:
    """Ids drawn by a sampler, with what a loss needs to correct for how they were drawn. It cannot be changed.

    Made by `Sampler.sample`.

    Parameters
    ----------
    ids : ndarray of int32, shape (n,)
        The draws.
    num_tries : int
        The number of single draws made.
    expected_counts : ndarray of float64, shape (n,), or a function that returns it
        The function is called once, when the counts are first asked for.
    """

    __slots__ = ("_expected_counts", "_ids", "_num_tries")

    def __init__(
        self,
        ids: NDArray[np.int32],
        num_tries: int,
        expected_counts: NDArray[np.float64] | Callable[[], NDArray[np.float64]],
    ) -> None:
        ids.flags.writeable = False
        self._ids = ids
        self._num_tries = num_tries
        self._expected_counts = expected_counts

    @property
    def ids(self) -> NDArray[np.int32]:
        """The ids in the order in which they were drawn, int32, shape (n,), read-only; distinct if drawn so."""
        return self._ids

    @property
    def num_tries(self) -> int:
        """The number of single draws made: n with replacement; without, those up to the one that found the last id.

        This is what `Sampler.log_expected_count` takes as `num_tries` for other ids, such as the targets.
        """
        return self._num_tries

    @property
    def expected_counts(self) -> NDArray[np.float64]:
        """How often each of `ids` is expected among so many draws, float64, shape (n,), read-only.

        ``num_tries * p`` with replacement; without, the probability ``1 - (1 - p)**num_tries`` of being among them.
        Where the sampler learns, p is what it was when the ids were drawn.
        """
        if callable(self._expected_counts):
            self._expected_counts = self._expected_counts()
        self._expected_counts.flags.writeable = False
        return self._expected_counts

    def __repr__(self) -> str:
        return f"Sample(<{len(self._ids)} ids>, num_tries={self._num_tries})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._ids, self._num_tries, self.expected_counts)


class Sampler(ABC):
    """A noise distribution over the ids ``0 .. num_classes - 1``. Base of all samplers; it is not made itself.

    The methods may be called from any thread. Samplers that cannot be changed give the same result for the same
    arguments, always.

    Notes
    -----
    With ``unique=True`` ids are drawn one after the other, and repeats are thrown away until there are n. That is
    rejection while repeats are few. Where it would take more than ``4 n + num_classes`` draws, the remaining ids are
    found at once by the order of exponential arrival times [1]_, which has the same law, and the number of draws it
    would have taken is drawn, too: it is geometric for each new id. So drawing ends for any distribution, in time
    proportional to ``n + num_classes`` up to the sorting of what remains.

    References
    ----------
    .. [1] P. S. Efraimidis and P. G. Spirakis, "Weighted random sampling with a reservoir", Information Processing
       Letters 97 (2006).
    """

    __slots__ = ()

    @property
    @abstractmethod
    def num_classes(self) -> int:
        """The number of ids: `sample` returns numbers of [0, num_classes)."""

    def sample(self, n: int, *, unique: bool = False, seed: int = 1) -> Sample:
        """Draw ids.

        Parameters
        ----------
        n : int
            How many, at least 0.
        unique : bool, default False
            False draws independently, with replacement. True draws until there are n distinct ids.
        seed : int, default 1
            A number of [0, 2**64). The same seed gives the same ids; any two seeds give unrelated ones.

        Returns
        -------
        Sample
            The ids, int32 (n,), their expected counts, float64 (n,), and the number of single draws made.

        Raises
        ------
        TypeError
            If `n` or `seed` is no integer, or `unique` is no bool.
        ValueError
            If an argument is out of its range, or n distinct ids are asked for and fewer have positive probability.

        Examples
        --------
        >>> from hogvec import UniformSampler
        >>> sample = UniformSampler(5).sample(5, unique=True)
        >>> sorted(sample.ids.tolist())
        [0, 1, 2, 3, 4]
        >>> UniformSampler(5).sample(3).expected_counts  # 3 draws, each with probability 1/5
        array([0.6, 0.6, 0.6])
        """
        n = check_int("n", n, minimum=0, maximum=2**60)
        seed = check_int("seed", seed, minimum=0, maximum=MAX_SEED)
        check_bool("unique", unique)
        with self._held():
            if unique and n > 0:
                ids, num_tries = self._draw_distinct(n, seed)
            else:
                ids, num_tries = self._draw(n, seed), n
            if self._locks():  # a sampler that changes: now or never
                return Sample(ids, num_tries, expected_counts(self._probabilities(ids), num_tries, unique))
        return Sample(ids, num_tries, lambda: expected_counts(self._probabilities(ids), num_tries, unique))

    def probability(self, ids: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the probability of a single draw being each of `ids`.

        Parameters
        ----------
        ids : array_like of int, any shape, optional
            All ids in order by default; that array is read-only.

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
        >>> from hogvec import UnigramSampler
        >>> UnigramSampler([5, 3, 2], power=1.0).probability([2, 0])
        array([0.2, 0.5])
        """
        checked = None if ids is None else check_ids("ids", ids, self.num_classes)
        with self._held():
            probability = self._probabilities(checked)
        if ids is None:
            probability.flags.writeable = False
        return probability

    def log_expected_count(self, ids: ArrayLike, num_tries: int, *, unique: bool = False) -> NDArray[np.float64]:
        """Return the logarithm of how often each of `ids` is expected among the draws.

        This is the correction that noise-contrastive estimation (``ln(k q(w))``) and sampled softmax subtract from a
        score. It is ``-inf`` for an id that is never drawn. The targets of an example are not left out of the draws,
        so their expected counts have the same formula.

        Parameters
        ----------
        ids : array_like of int, any shape
        num_tries : int
            At least 1, at most 10**308. With `unique` the number of tries, repeats included: `Sample.num_tries`, not
            the number of ids.
        unique : bool, default False
            False: ``ln(num_tries p)``. True: ``ln(1 - (1 - p)**num_tries)``, the probability of being among the
            distinct ids of that many draws; exact to rounding also where p is tiny.

        Returns
        -------
        ndarray of float64, shape of `ids`

        Raises
        ------
        TypeError
            If an argument is of the wrong kind.
        ValueError
            If `num_tries` is out of its range.
        IndexError
            If an id is outside [0, num_classes).

        References
        ----------
        M. Gutmann and A. Hyvärinen, "Noise-contrastive estimation: a new estimation principle for unnormalized
        statistical models", AISTATS 2010. Y. Bengio and J.-S. Senécal, "Adaptive importance sampling to accelerate
        training of a neural probabilistic language model", IEEE Transactions on Neural Networks 19 (2008).

        Examples
        --------
        >>> from hogvec import UnigramSampler
        >>> sampler = UnigramSampler([5, 3, 2], power=1.0)
        >>> sampler.log_expected_count([0, 2], 10)
        array([1.60943791, 0.69314718])
        >>> np.exp(sampler.log_expected_count([0, 2], 3, unique=True))  # 1 - 0.5**3, 1 - 0.8**3
        array([0.875, 0.488])
        """
        num_tries = check_int("num_tries", num_tries, minimum=1, maximum=10**308)
        check_bool("unique", unique)
        probability = self.probability(check_ids("ids", ids, self.num_classes))
        with np.errstate(divide="ignore"):
            if unique:
                return log(expected_counts(probability, num_tries, unique))
            return log(probability) + math.log(num_tries)

    def kl(self, counts: ArrayLike) -> float:
        """Return the Kullback-Leibler divergence of this distribution from that of `counts`, in nats.

        It is ``sum of u ln(u / q)`` with the share u of an id in the counts and its probability q here: 0 if noise is
        drawn as ids occur, and the larger the worse the samples represent what occurs.

        Parameters
        ----------
        counts : array_like of int, shape (num_classes,)
            How often each id occurs, none negative, at least one positive.

        Returns
        -------
        float
            Infinity if an id that occurs is never drawn.

        Raises
        ------
        TypeError
            If the counts are no integers.
        ValueError
            If there is not one count per id, one is negative, or all are zero.

        Examples
        --------
        >>> from hogvec import UnigramSampler
        >>> counts = [900, 90, 9, 1]
        >>> [round(UnigramSampler(counts, power).kl(counts), 3) for power in (1.0, 0.75, 0.0)]
        [0.0, 0.026, 1.025]
        """
        checked = check_counts("counts", counts)
        if len(checked) != self.num_classes:
            raise ValueError(f"counts must have {self.num_classes} entries, one per id, got {len(checked)}")
        occurring = np.flatnonzero(checked)
        if occurring.size == 0:
            raise ValueError("counts must have a positive entry, got only zeros")
        share = checked[occurring].astype(np.float64)
        share /= share.sum()
        with np.errstate(divide="ignore"):
            return float(share @ (log(share) - log(self.probability(occurring))))

    @abstractmethod
    def _draw(self, n: int, seed: int) -> NDArray[np.int32]:
        """Draw n ids independently; arguments are checked and locks are held."""

    @abstractmethod
    def _probabilities(self, ids: NDArray[np.integer[Any]] | None) -> NDArray[np.float64]:
        """Return the probabilities that losses correct for: of ids that are checked, or of all."""

    def _drawing_probabilities(self) -> NDArray[np.float64]:
        """Return the probabilities of all ids in a single `_draw`: others only where they are an estimate."""
        return self._probabilities(None)

    def _before_batch(self, targets: NDArray[np.int64]) -> None:  # noqa: B027  most learn nothing
        """Take the targets of a batch before its draws; there is at least one."""

    def _after_batch(self, targets: NDArray[np.int64]) -> None:  # noqa: B027
        """Take the targets of a batch after its draws."""

    def _locks(self) -> tuple[AbstractContextManager[Any], ...]:
        """Return what must be held while the sampler is read: nothing for one that never changes."""
        return ()

    def _held(self) -> ExitStack:
        """Hold the locks, always in one order, so that no two threads wait for each other."""
        stack = ExitStack()
        for lock in sorted(self._locks(), key=id):
            stack.enter_context(lock)
        return stack

    def _draw_distinct(self, n: int, seed: int) -> tuple[NDArray[np.int32], int]:
        """Draw until there are n > 0 distinct ids; return them and the number of draws."""
        if n > self.num_classes:
            possible = np.count_nonzero(self._drawing_probabilities())
            raise ValueError(f"n must be at most {possible}, the number of ids with positive probability, got {n}")
        distinct = _core.DistinctIds(n)
        patience = 4 * n + self.num_classes
        block, size = 0, n + n // 8 + 16
        while not distinct.add(self._draw(size, _core.derive_seed(seed, block))):
            block += 1
            size = min(2 * size, patience - int(distinct.num_tries))
            if size <= 0:
                distinct.complete(self._drawing_probabilities(), _core.derive_seed(seed, block))
                break
        return distinct.take_ids(), int(distinct.num_tries)


def expected_counts(probability: NDArray[np.float64], num_tries: int, unique: bool) -> NDArray[np.float64]:
    """Return how often ids of these probabilities are expected among that many draws, or among their distinct ids."""
    if not unique:
        return probability * float(num_tries)
    with np.errstate(divide="ignore"):  # ln(1 - 1) = -inf is the right answer
        once: NDArray[np.float64] = -np.expm1(float(num_tries) * np.log1p(-np.minimum(probability, 1.0)))
    return once


def log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return natural logarithms, for the eyes of type checkers an array like the values."""
    result: NDArray[np.float64] = np.log(values)
    return result


def check_bool(name: str, value: Any) -> None:
    """TypeError if `value` is no bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
