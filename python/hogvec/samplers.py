"""Noise distributions over ids: what losses draw their negatives from.

One class for each distribution, so the file is long; what they share is in `_sampler.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec import _core
from hogvec._sampler import Sample, Sampler
from hogvec._validate import check_counts, check_float, check_ids, check_int

__all__ = [
    "HardOf",
    "InBatchSampler",
    "LearnedUnigramSampler",
    "LogUniformSampler",
    "MixtureSampler",
    "Sample",
    "Sampler",
    "UniformSampler",
    "UnigramSampler",
    "Word2VecTableSampler",
]


class UniformSampler(Sampler):
    """Draw all ids alike: ``p(i) = 1 / num_classes``.

    The object is immutable, may be shared between threads, and pickles.

    Parameters
    ----------
    num_classes : int
        The number of ids, 1 to 2**31 - 1.

    Raises
    ------
    TypeError
        If `num_classes` is no integer.
    ValueError
        If it is out of its range.

    Examples
    --------
    >>> UniformSampler(4).probability()
    array([0.25, 0.25, 0.25, 0.25])
    """

    __slots__ = ("_num_classes",)

    def __init__(self, num_classes: int) -> None:
        self._num_classes = check_int("num_classes", num_classes, minimum=1)

    @property
    def num_classes(self) -> int:
        """The number of ids: `sample` returns numbers of [0, num_classes)."""
        return self._num_classes

    def _draw(self, n: int, seed: int) -> NDArray[np.int32]:
        return _core.draw_uniform(self._num_classes, n, seed)

    def _probabilities(self, ids: NDArray[np.integer[Any]] | None) -> NDArray[np.float64]:
        shape = self._num_classes if ids is None else ids.shape
        return np.full(shape, 1 / self._num_classes)

    def __repr__(self) -> str:
        return f"UniformSampler({self._num_classes})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._num_classes,)


class LogUniformSampler(Sampler):
    """Draw ids by their rank r = 0, 1, ...: ``p(r) = ln((r + 2) / (r + 1)) / ln(num_classes + 1)``.

    This is close to how often the words of a text occur (Zipf's law), and needs no counts: only that ids are sorted by
    falling frequency, as those of a `Vocabulary` are. For other ids give the counts. The object is immutable, may be
    shared between threads, and pickles.

    Parameters
    ----------
    num_classes : int
        The number of ids, 1 to 2**31 - 1.
    counts : array_like of int, shape (num_classes,), optional
        How often each id occurs, none negative. The id of the largest count gets rank 0, and so on; of equal counts
        the smaller id comes first. Ids stay what they are. Without counts the rank of an id is the id.

    Raises
    ------
    TypeError
        If `num_classes` or the counts are no integers.
    ValueError
        If `num_classes` is out of its range, or there is not one count per id, or one is negative.

    Notes
    -----
    A draw inverts the distribution function of one random number, and reads no table. Every id can be drawn, also one
    of count zero. The formula is that of TensorFlow's log-uniform candidate sampler.

    Examples
    --------
    >>> LogUniformSampler(10_000).probability([0, 1, 99, 9999])
    array([7.52566819e-02, 4.40223368e-02, 1.08033172e-03, 1.08567013e-05])
    >>> LogUniformSampler(3, counts=[10, 70, 20]).probability().round(3)
    array([0.208, 0.5  , 0.292])
    """

    __slots__ = ("_counts", "_id_of_rank", "_num_classes", "_rank_of_id")

    def __init__(self, num_classes: int, counts: ArrayLike | None = None) -> None:
        self._num_classes = check_int("num_classes", num_classes, minimum=1)
        self._counts = None if counts is None else check_counts("counts", counts)
        self._id_of_rank: NDArray[np.int32] | None = None
        self._rank_of_id: NDArray[np.int32] | None = None
        if self._counts is not None:
            if len(self._counts) != self._num_classes:
                raise ValueError(f"counts must have {num_classes} entries, one per id, got {len(self._counts)}")
            self._id_of_rank = np.argsort(-self._counts, kind="stable").astype(np.int32)
            self._rank_of_id = np.empty_like(self._id_of_rank)
            self._rank_of_id[self._id_of_rank] = np.arange(self._num_classes, dtype=np.int32)

    @property
    def num_classes(self) -> int:
        """The number of ids: `sample` returns numbers of [0, num_classes)."""
        return self._num_classes

    @property
    def counts(self) -> NDArray[np.int64] | None:
        """The counts that give the ranks, shape (num_classes,), read-only; None if ids are ranks."""
        return self._counts

    def _draw(self, n: int, seed: int) -> NDArray[np.int32]:
        ranks = _core.draw_log_uniform(self._num_classes, n, seed)
        return ranks if self._id_of_rank is None else self._id_of_rank[ranks]

    def _probabilities(self, ids: NDArray[np.integer[Any]] | None) -> NDArray[np.float64]:
        if ids is None:
            ids = np.arange(self._num_classes)
        ranks = ids if self._rank_of_id is None else self._rank_of_id[ids]
        # ln((r + 2) / (r + 1)) without the quotient, which for rare ids is 1 and a few last bits
        probability: NDArray[np.float64] = np.log1p(1 / (ranks + np.float64(1))) / np.log1p(self._num_classes)
        return probability

    def __repr__(self) -> str:
        return f"LogUniformSampler({self._num_classes}{'' if self._counts is None else ', <counts>'})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._num_classes, self._counts)


class UnigramSampler(Sampler):
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
    num_reserved_ids : int, default 0
        The ids below this are never drawn, whatever their count: padding and other ids that stand for no class.
    num_shards, shard : int, default 1 and 0
        Of several samplers that divide the ids among them, this one draws those with ``id % num_shards == shard``.
        Probabilities are those within the shard and sum to 1.

    Raises
    ------
    TypeError
        If the counts are no integers, the power is no number, or another parameter is no integer.
    ValueError
        If the counts are empty, have more than one axis or a negative entry, the power is not finite, another parameter
        is out of its range, or no id is left that could be drawn.

    Notes
    -----
    A draw takes one 64-bit random number and one look into a table of 8 bytes per id [1]_ [2]_. The probability of
    drawing an id differs from `probability` by less than 2**-32, so ids rarer than that may never be drawn
    (with ``unique=True`` they are, if it comes to that).

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
    >>> ids = sampler.sample(100_000, seed=7).ids
    >>> (np.bincount(ids, minlength=4) / 100_000).round(2)
    array([0.75, 0.22, 0.  , 0.03])
    """

    __slots__ = ("_counts", "_num_reserved_ids", "_num_shards", "_power", "_probability", "_shard", "_table")

    def __init__(
        self,
        counts: ArrayLike,
        power: float = 0.75,
        *,
        num_reserved_ids: int = 0,
        num_shards: int = 1,
        shard: int = 0,
    ) -> None:
        self._counts = check_counts("counts", counts)
        self._power = check_float("power", power)
        self._num_reserved_ids = check_int("num_reserved_ids", num_reserved_ids, minimum=0)
        self._num_shards = check_int("num_shards", num_shards, minimum=1)
        self._shard = check_int("shard", shard, minimum=0, maximum=self._num_shards - 1)
        drawn = self._counts
        if self._num_reserved_ids > 0 or self._num_shards > 1:
            ids = np.arange(len(drawn))
            drawn = np.where((ids >= self._num_reserved_ids) & (ids % self._num_shards == self._shard), drawn, 0)
            if not drawn.any() and self._counts.any():
                raise ValueError("counts must have a positive entry within the shard beyond the reserved ids, got none")
        weights = _core.unigram_weights(drawn, self._power)
        self._table = _core.AliasTable(weights)
        weights /= weights.sum()
        weights.flags.writeable = False
        self._probability = weights

    @property
    def num_classes(self) -> int:
        """The number of ids: `sample` returns numbers of [0, num_classes)."""
        return len(self._counts)

    @property
    def counts(self) -> NDArray[np.int64]:
        """The counts, shape (n,), read-only."""
        return self._counts

    @property
    def power(self) -> float:
        """The power the counts are raised to."""
        return self._power

    @property
    def num_reserved_ids(self) -> int:
        """How many leading ids are never drawn."""
        return self._num_reserved_ids

    @property
    def num_shards(self) -> int:
        """Among how many samplers the ids are divided."""
        return self._num_shards

    @property
    def shard(self) -> int:
        """Which of them this is: it draws ids with ``id % num_shards == shard``."""
        return self._shard

    def _draw(self, n: int, seed: int) -> NDArray[np.int32]:
        return self._table.draw(n, seed)

    def _probabilities(self, ids: NDArray[np.integer[Any]] | None) -> NDArray[np.float64]:
        return choose(self._probability, ids)

    def __repr__(self) -> str:
        options = "".join(
            f", {name}={value}"
            for name, value, default in (
                ("num_reserved_ids", self._num_reserved_ids, 0),
                ("num_shards", self._num_shards, 1),
                ("shard", self._shard, 0),
            )
            if value != default
        )
        return f"UnigramSampler(<{self.num_classes} counts>, power={self._power:g}{options})"

    def __reduce__(self) -> tuple[Any, ...]:
        options = {"num_reserved_ids": self._num_reserved_ids, "num_shards": self._num_shards, "shard": self._shard}
        return partial(type(self), **options), (self._counts, self._power)


class Word2VecTableSampler(Sampler):
    """Draw as word2vec's program does: from a table whose slots are shared out by the powered counts.

    For comparisons; `UnigramSampler` has the distribution that is meant. The slots are counted and not stored: the 400
    MB of the program's table are not needed to draw from it. The object is immutable, may be shared between threads,
    and pickles.

    Parameters
    ----------
    counts : array_like of int, shape (n,)
        How often each id occurs, none negative, at least one positive. The slots are filled in the order of the ids;
        the program's are sorted by falling count.
    power : float, default 0.75
        At least 0.
    table_size : int, default 100_000_000
        The number of slots, 1 to 2**31 - 1.

    Raises
    ------
    TypeError
        If the counts or `table_size` are no integers or the power is no number.
    ValueError
        If the counts are empty, have more than one axis, a negative entry or only zeros, or another parameter is out of
        its range.

    Notes
    -----
    A slot goes to id i, and the next one to id i + 1 as soon as ``slot / table_size`` exceeds the share of the ids up
    to i. So every id gets at least one slot, however rare it is, until the table is full, and the last ids may get
    none: their probability is 0. Probabilities are multiples of ``1 / table_size``, and to 2**-32 those of the draws.

    The program replaces a draw of its word 0, the end of a line, by one that is uniform over all others. That is left
    out: here 0 is an id like all.

    References
    ----------
    T. Mikolov et al., "Distributed representations of words and phrases and their compositionality", NeurIPS 2013,
    arXiv:1310.4546, and its program word2vec.c.

    Examples
    --------
    >>> Word2VecTableSampler([10_000, 100, 1, 1, 1, 1], table_size=1000).probability()
    array([0.967, 0.031, 0.001, 0.001, 0.   , 0.   ])
    """

    __slots__ = ("_counts", "_power", "_probability", "_table", "_table_size")

    def __init__(self, counts: ArrayLike, power: float = 0.75, *, table_size: int = 100_000_000) -> None:
        self._counts = check_counts("counts", counts)
        if not self._counts.any():
            raise ValueError("counts must have a positive entry, got only zeros")
        self._power = check_float("power", power, minimum=0)
        self._table_size = check_int("table_size", table_size, minimum=1)
        slots = _core.word2vec_table_slots(self._counts, self._power, self._table_size)
        self._table = _core.AliasTable(slots.astype(np.float64))
        self._probability = slots / self._table_size
        self._probability.flags.writeable = False

    @property
    def num_classes(self) -> int:
        """The number of ids: `sample` returns numbers of [0, num_classes)."""
        return len(self._counts)

    @property
    def counts(self) -> NDArray[np.int64]:
        """The counts, shape (n,), read-only."""
        return self._counts

    @property
    def power(self) -> float:
        """The power the counts are raised to."""
        return self._power

    @property
    def table_size(self) -> int:
        """The number of slots."""
        return self._table_size

    def _draw(self, n: int, seed: int) -> NDArray[np.int32]:
        return self._table.draw(n, seed)

    def _probabilities(self, ids: NDArray[np.integer[Any]] | None) -> NDArray[np.float64]:
        return choose(self._probability, ids)

    def __repr__(self) -> str:
        options = f"power={self._power:g}, table_size={self._table_size}"
        return f"Word2VecTableSampler(<{self.num_classes} counts>, {options})"

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), table_size=self._table_size), (self._counts, self._power)


class LearnedUnigramSampler(Sampler):
    """Draw ids as often as they were seen so far, with one more for every id: ``p(i) = (1 + seen(i)) / (V + seen)``.

    For training without counts. At first all ids are alike; `update` counts the targets of every batch, after the
    samples for that batch were drawn. The object changes and may be used by several threads at once: a method sees the
    weights before or after an update, never between. It pickles, with its weights.

    Parameters
    ----------
    num_classes : int
        The number of ids V, 1 to 2**31 - 1.

    Raises
    ------
    TypeError
        If `num_classes` is no integer.
    ValueError
        If it is out of its range.

    Notes
    -----
    Weights are integers in a tree of partial sums [1]_, 16 bytes per id: a draw or an update takes a time that grows
    with ln V. The rule is that of TensorFlow's learned unigram sampler.

    References
    ----------
    .. [1] P. M. Fenwick, "A new data structure for cumulative frequency tables", Software: Practice and Experience 24
       (1994).

    Examples
    --------
    >>> sampler = LearnedUnigramSampler(4)
    >>> sampler.probability()
    array([0.25, 0.25, 0.25, 0.25])
    >>> sampler.update([2, 2, 3, 2])
    >>> sampler.probability()
    array([0.125, 0.125, 0.5  , 0.25 ])
    """

    __slots__ = ("_lock", "_num_classes", "_tree")

    def __init__(self, num_classes: int) -> None:
        self._num_classes = check_int("num_classes", num_classes, minimum=1)
        self._tree = _core.WeightTree(np.ones(self._num_classes, dtype=np.int64))
        self._lock = threading.RLock()

    @property
    def num_classes(self) -> int:
        """The number of ids: `sample` returns numbers of [0, num_classes)."""
        return self._num_classes

    def update(self, ids: ArrayLike) -> None:
        """Count ids: each gets one more, as often as it is there.

        Parameters
        ----------
        ids : array_like of int, any shape
            The targets of a batch.

        Raises
        ------
        TypeError
            If the ids are no integers.
        IndexError
            If an id is outside [0, num_classes). Nothing is counted then.
        """
        checked = check_ids("ids", ids, self._num_classes).astype(np.int32, order="C").ravel()
        with self._lock:
            self._tree.add(checked)

    def _draw(self, n: int, seed: int) -> NDArray[np.int32]:
        return self._tree.draw(n, seed)

    def _probabilities(self, ids: NDArray[np.integer[Any]] | None) -> NDArray[np.float64]:
        probability: NDArray[np.float64] = choose(self._tree.weights, ids) / self._tree.total
        return probability

    def _after_batch(self, targets: NDArray[np.int64]) -> None:
        self.update(targets)

    def _locks(self) -> tuple[AbstractContextManager[Any], ...]:
        return (self._lock,)

    def __repr__(self) -> str:
        return f"LearnedUnigramSampler({self._num_classes})"

    def __reduce__(self) -> tuple[Any, ...]:
        with self._lock:
            return type(self), (self._num_classes,), self._tree.weights.copy()

    def __setstate__(self, weights: NDArray[np.int64]) -> None:
        self._tree = _core.WeightTree(weights)


class InBatchSampler(Sampler):
    """Draw from the ids of the latest batch, and estimate from the stream of batches how often each id occurs.

    The targets of a batch serve as each other's negatives, so ids are drawn as often as they occur. What a loss must
    correct for is that frequency, which nobody has counted: it is estimated while training [1]_, from the mean number
    of examples between two occurrences of an id. The object changes and may be used by several threads at once. It
    pickles, with its estimates.

    Parameters
    ----------
    num_classes : int
        The number of ids, 1 to 2**31 - 1.
    rate : float, default 0.01
        The weight of the latest gap in the mean, of (0, 1]: small for precision, large to follow a distribution that
        changes. The first ``1 / rate`` gaps of an id weigh alike.
    num_buckets : int, optional
        Keep estimates for so many hashes of ids instead of for each id, 24 bytes each, where there are too many ids.
    num_hashes : int, default 1
        With `num_buckets`: keep that many estimates for each id, by different hashes, and take the lowest frequency,
        which is the least disturbed by other ids of the same hash.

    Raises
    ------
    TypeError
        If a parameter is of the wrong kind.
    ValueError
        If a parameter is out of its range, or `num_hashes` is above 1 without `num_buckets`.

    Notes
    -----
    Examples are counted from 1, those of a batch one after the other. At example t with id i the mean gap B and the
    last occurrence A of i become ``B = (1 - a) B + a (t - A)``, ``A = t``, and ``p(i) = 1 / B``, an estimate for a
    single draw: an id that stands three times in a batch is seen three times, and p needs no division by the size of
    the batch. With several hashes B is the largest of theirs. An id that was never in a batch has probability 0.

    `probability` returns these estimates, which sum to 1 only about; `sample` draws uniformly from the examples of the
    latest batch. The expected counts of a sample are therefore those over all batches, not given this one.

    References
    ----------
    .. [1] X. Yi et al., "Sampling-bias-corrected neural modeling for large corpus item recommendations", RecSys 2019.

    Examples
    --------
    >>> sampler = InBatchSampler(10)
    >>> for _ in range(100):
    ...     sampler.update([7, 1, 7, 3])
    >>> sampler.probability([7, 1, 3, 0]).round(2)
    array([0.5 , 0.25, 0.25, 0.  ])
    >>> sorted(sampler.sample(3, unique=True).ids.tolist())
    [1, 3, 7]
    """

    __slots__ = (
        "_batch",
        "_last_seen",
        "_lock",
        "_mean_gap",
        "_num_buckets",
        "_num_classes",
        "_num_hashes",
        "_num_seen",
        "_rate",
        "_time",
    )

    def __init__(
        self, num_classes: int, *, rate: float = 0.01, num_buckets: int | None = None, num_hashes: int = 1
    ) -> None:
        self._num_classes = check_int("num_classes", num_classes, minimum=1)
        self._rate = check_float("rate", rate, above=0, maximum=1)
        self._num_buckets = None if num_buckets is None else check_int("num_buckets", num_buckets, minimum=1)
        self._num_hashes = check_int("num_hashes", num_hashes, minimum=1, maximum=16)
        if self._num_buckets is None and self._num_hashes > 1:
            raise ValueError(f"num_hashes must be 1 without num_buckets, got {self._num_hashes}")
        num_slots = self._num_hashes * (self._num_buckets or self._num_classes)
        self._mean_gap = np.full(num_slots, np.inf)
        self._last_seen = np.zeros(num_slots, dtype=np.int64)
        self._num_seen = np.zeros(num_slots, dtype=np.int64)
        self._time = 0
        self._batch = np.zeros(0, dtype=np.int32)
        self._lock = threading.RLock()

    @property
    def num_classes(self) -> int:
        """The number of ids: `sample` returns numbers of [0, num_classes)."""
        return self._num_classes

    def update(self, ids: ArrayLike) -> None:
        """Take a batch: what `sample` draws from until the next one, and the next stretch of the stream.

        Parameters
        ----------
        ids : array_like of int, any shape
            The targets of the batch, at least one.

        Raises
        ------
        TypeError
            If the ids are no integers.
        ValueError
            If there are none.
        IndexError
            If an id is outside [0, num_classes). Nothing is changed then.
        """
        batch = check_ids("ids", ids, self._num_classes).astype(np.int32, order="C").ravel()
        if batch.size == 0:
            raise ValueError("ids must not be empty")
        slots = np.ascontiguousarray(self._slots(batch)).ravel()
        with self._lock:
            _core.update_mean_gaps(
                mean=self._mean_gap,
                last_seen=self._last_seen,
                num_seen=self._num_seen,
                slots=slots,
                num_hashes=self._num_hashes,
                time=self._time,
                rate=self._rate,
            )
            self._time += batch.size
            self._batch = batch

    def _slots(self, ids: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return where the estimates of ids are: the shape of `ids` with an axis of num_hashes at its end."""
        if self._num_buckets is None:
            return ids.astype(np.int64)[..., np.newaxis]
        hashes = np.arange(self._num_hashes, dtype=np.uint64)
        buckets = mix(ids.astype(np.uint64)[..., np.newaxis] + (hashes << np.uint64(32))) % np.uint64(self._num_buckets)
        return buckets.astype(np.int64) + np.arange(self._num_hashes) * self._num_buckets

    def _draw(self, n: int, seed: int) -> NDArray[np.int32]:
        self._check_batch()
        return self._batch[_core.draw_uniform(self._batch.size, n, seed)]

    def _probabilities(self, ids: NDArray[np.integer[Any]] | None) -> NDArray[np.float64]:
        slots = self._slots(np.arange(self._num_classes) if ids is None else ids)
        probability: NDArray[np.float64] = 1 / self._mean_gap[slots].max(axis=-1)
        return probability

    def _drawing_probabilities(self) -> NDArray[np.float64]:
        self._check_batch()
        return np.bincount(self._batch, minlength=self._num_classes) / self._batch.size

    def _draw_distinct(self, n: int, seed: int) -> tuple[NDArray[np.int32], int]:
        self._check_batch()
        ids, counts = np.unique(self._batch, return_counts=True)  # a batch, not all classes, however many there are
        chosen, num_tries = UnigramSampler(counts, 1.0)._draw_distinct(n, seed)
        return ids[chosen], num_tries

    def _check_batch(self) -> None:
        if self._batch.size == 0:
            raise RuntimeError("sample draws from the latest batch, and there is none: call update first")

    def _before_batch(self, targets: NDArray[np.int64]) -> None:
        self.update(targets)

    def _locks(self) -> tuple[AbstractContextManager[Any], ...]:
        return (self._lock,)

    def __repr__(self) -> str:
        hashing = ""
        if self._num_buckets is not None:
            hashing = f", num_buckets={self._num_buckets}, num_hashes={self._num_hashes}"
        return f"InBatchSampler({self._num_classes}, rate={self._rate:g}{hashing})"

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            state = {name: getattr(self, name) for name in InBatchSampler.__slots__ if name != "_lock"}
            for name in ("_mean_gap", "_last_seen", "_num_seen"):  # arrays that change in place
                state[name] = state[name].copy()
            return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self._lock = threading.RLock()


class MixtureSampler(Sampler):
    """Draw each id from one of several samplers, chosen by its share: ``q(i) = sum of share_j q_j(i)``.

    Samples of a batch's own targets together with uniform ones, say [1]_: frequent ids come from the batch, the long
    tail from everywhere, and the loss corrects by the probability under the mixture, not under the part that an id
    happened to come from. The object is as immutable as its parts, may be shared between threads, and pickles.

    Parameters
    ----------
    samplers : sequence of Sampler
        At least one, all of the same `num_classes`.
    shares : array_like of float, shape (len(samplers),)
        Each above 0; divided by their sum.

    Raises
    ------
    TypeError
        If a sampler is none or a share is no number.
    ValueError
        If there are no samplers, one is a `HardOf`, their `num_classes` differ, there is not one share for each, or a
        share is not positive.

    References
    ----------
    .. [1] J. Yang et al., "Mixed negative sampling for learning two-tower neural networks in recommendations", WWW
       2020 Companion.

    Examples
    --------
    >>> sampler = MixtureSampler([UnigramSampler([6, 3, 1], power=1.0), UniformSampler(3)], [3, 1])
    >>> sampler.probability().round(4)
    array([0.5333, 0.3083, 0.1583])
    """

    __slots__ = ("_choice", "_given_shares", "_samplers", "_shares")

    def __init__(self, samplers: Sequence[Sampler], shares: ArrayLike) -> None:
        self._samplers = tuple(samplers)
        if not self._samplers:
            raise ValueError("samplers must not be empty")
        for sampler in self._samplers:
            check_sampler("samplers", sampler)
            if sampler.num_classes != self._samplers[0].num_classes:
                raise ValueError(
                    f"samplers must have one num_classes, got {self._samplers[0].num_classes} and {sampler.num_classes}"
                )
        given = np.asarray(shares)
        if given.shape != (len(self._samplers),):
            raise ValueError(f"shares must have shape ({len(self._samplers)},), one per sampler, got {given.shape}")
        checked = [check_float("shares", share, above=0) for share in given.tolist()]
        self._given_shares = tuple(checked)  # the very ones, so that a copy draws the same
        self._shares = np.array(checked) / max(checked)
        self._shares /= self._shares.sum()
        self._shares.flags.writeable = False
        self._choice = _core.AliasTable(self._shares)

    @property
    def num_classes(self) -> int:
        """The number of ids: `sample` returns numbers of [0, num_classes)."""
        return self._samplers[0].num_classes

    @property
    def samplers(self) -> tuple[Sampler, ...]:
        """The parts."""
        return self._samplers

    @property
    def shares(self) -> NDArray[np.float64]:
        """The share of draws from each part, shape (len(samplers),), read-only; they sum to 1."""
        return self._shares

    def _draw(self, n: int, seed: int) -> NDArray[np.int32]:
        choice = self._choice.draw(n, _core.derive_seed(seed, CHOICE_OF_PART))
        ids = np.empty(n, dtype=np.int32)
        for part, sampler in enumerate(self._samplers):
            places = np.flatnonzero(choice == part)
            ids[places] = sampler._draw(len(places), _core.derive_seed(seed, CHOICE_OF_PART + 1 + part))
        return ids

    def _probabilities(self, ids: NDArray[np.integer[Any]] | None) -> NDArray[np.float64]:
        return self._mix([sampler._probabilities(ids) for sampler in self._samplers])

    def _drawing_probabilities(self) -> NDArray[np.float64]:
        return self._mix([sampler._drawing_probabilities() for sampler in self._samplers])

    def _mix(self, parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        mixed = np.zeros_like(parts[0])
        for share, part in zip(self._shares, parts, strict=True):
            mixed += share * part
        return mixed

    def _before_batch(self, targets: NDArray[np.int64]) -> None:
        for sampler in self._samplers:
            sampler._before_batch(targets)

    def _after_batch(self, targets: NDArray[np.int64]) -> None:
        for sampler in self._samplers:
            sampler._after_batch(targets)

    def _locks(self) -> tuple[AbstractContextManager[Any], ...]:
        return tuple(lock for sampler in self._samplers for lock in sampler._locks())

    def __repr__(self) -> str:
        return f"MixtureSampler({list(self._samplers)!r}, {self._shares.round(6).tolist()})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._samplers, self._given_shares)


class HardOf(Sampler):
    """Mark that a loss is to keep the hardest of m draws: of every m ids the one of the highest score.

    A loss that takes such a sampler draws m times as many ids and keeps, for each example, of every m the one that the
    model finds most likely. Which these are depends on scores, which a sampler does not see: `sample` and `probability`
    here are simply those of `sampler`, and no formula corrects for the choice. Hard negatives are therefore for losses
    that need no correction, or where its absence is meant.

    Parameters
    ----------
    m : int
        At least 1; 1 changes nothing.
    sampler : Sampler
        Where the draws come from.

    Raises
    ------
    TypeError
        If `m` is no integer or `sampler` no sampler.
    ValueError
        If `m` is below 1, or `sampler` is a `HardOf` itself.

    References
    ----------
    W. Zhang et al., "Optimizing top-n collaborative filtering via dynamic negative item sampling", SIGIR 2013.

    Examples
    --------
    >>> hard = HardOf(4, UniformSampler(100))
    >>> hard.m, hard.probability([3])
    (4, array([0.01]))
    """

    __slots__ = ("_m", "_sampler")

    def __init__(self, m: int, sampler: Sampler) -> None:
        self._m = check_int("m", m, minimum=1)
        check_sampler("sampler", sampler)
        self._sampler = sampler

    @property
    def num_classes(self) -> int:
        """The number of ids: `sample` returns numbers of [0, num_classes)."""
        return self._sampler.num_classes

    @property
    def m(self) -> int:
        """Of how many draws the loss keeps one."""
        return self._m

    @property
    def sampler(self) -> Sampler:
        """Where the draws come from."""
        return self._sampler

    def _draw(self, n: int, seed: int) -> NDArray[np.int32]:
        return self._sampler._draw(n, seed)

    def _probabilities(self, ids: NDArray[np.integer[Any]] | None) -> NDArray[np.float64]:
        return self._sampler._probabilities(ids)

    def _drawing_probabilities(self) -> NDArray[np.float64]:
        return self._sampler._drawing_probabilities()

    def _draw_distinct(self, n: int, seed: int) -> tuple[NDArray[np.int32], int]:
        return self._sampler._draw_distinct(n, seed)

    def _before_batch(self, targets: NDArray[np.int64]) -> None:
        self._sampler._before_batch(targets)

    def _after_batch(self, targets: NDArray[np.int64]) -> None:
        self._sampler._after_batch(targets)

    def _locks(self) -> tuple[AbstractContextManager[Any], ...]:
        return self._sampler._locks()

    def __repr__(self) -> str:
        return f"HardOf({self._m}, {self._sampler!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._m, self._sampler)


# Seeds of a mixture's parts are derived by indices that no count of blocks reaches.
CHOICE_OF_PART = 2**32


def check_sampler(name: str, value: Any) -> None:
    """TypeError if `value` is no sampler; ValueError if it is a mark for losses, which they only find outermost."""
    if not isinstance(value, Sampler):
        raise TypeError(f"{name} must be a hogvec sampler, got {value!r}")
    if isinstance(value, HardOf):
        raise ValueError(f"{name} must not be a HardOf, which goes around all others, got {value!r}")


def choose(values: NDArray[Any], ids: NDArray[np.integer[Any]] | None) -> NDArray[Any]:
    """Return values[ids], or all of them."""
    chosen: NDArray[Any] = values if ids is None else values[ids]
    return chosen


def mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return a hash of 64-bit numbers: SplitMix64's, as the core has it."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
