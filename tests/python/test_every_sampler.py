"""What all samplers promise: their formulas, draws that follow them with and without repetition, an end, errors.

One long file, since most tests run over the same samplers.
"""

from __future__ import annotations

import copy
import math
import pickle
import threading
from collections.abc import Callable
from typing import Any

import hogvec
import numpy as np
import pytest
from hogvec import (
    HardOf,
    InBatchSampler,
    LearnedUnigramSampler,
    LogUniformSampler,
    MixtureSampler,
    Sampler,
    UniformSampler,
    UnigramSampler,
    Word2VecTableSampler,
    _core,
)
from hypothesis import given, settings
from hypothesis import strategies as st


def zipf(n: int) -> np.ndarray:
    return np.round(1e6 / np.arange(1, n + 1)).astype(np.int64)


def learned(n: int) -> LearnedUnigramSampler:
    sampler = LearnedUnigramSampler(n)
    sampler.update(np.repeat(np.arange(n), np.arange(n) % 7))
    return sampler


def in_batch(n: int) -> InBatchSampler:
    sampler = InBatchSampler(n)
    sampler.update(np.random.default_rng(1).permutation(np.repeat(np.arange(n), 1 + np.arange(n) % 3)))
    return sampler


# Samplers of n classes, all of which can be drawn but for the reserved and the shard's.
SAMPLERS: dict[str, Callable[[int], Sampler]] = {
    "uniform": UniformSampler,
    "log-uniform": LogUniformSampler,
    "log-uniform by counts": lambda n: LogUniformSampler(n, counts=np.random.default_rng(2).permutation(zipf(n))),
    "unigram": lambda n: UnigramSampler(zipf(n)),
    "negative power": lambda n: UnigramSampler(zipf(n), power=-0.5),
    "reserved and sharded": lambda n: UnigramSampler(zipf(2 * n + 2), num_reserved_ids=2, num_shards=2, shard=1),
    "word2vec": lambda n: Word2VecTableSampler(zipf(n), table_size=10_000),
    "learned": learned,
    "in batch": in_batch,
    "mixture": lambda n: MixtureSampler([UnigramSampler(zipf(n), 1.0), UniformSampler(n), learned(n)], [3, 1, 2]),
    "hard": lambda n: HardOf(3, LogUniformSampler(n)),
}
EVERY = pytest.mark.parametrize("make", SAMPLERS.values(), ids=SAMPLERS.keys())


def drawn_probability(sampler: Sampler) -> np.ndarray:
    """The law of a single draw: that of the batch where the sampler's own probabilities are estimates."""
    return sampler._drawing_probabilities()


def critical(degrees: int) -> float:
    """Wilson and Hilferty's approximation of the value that chi-square exceeds once in 10,000 times."""
    spread = 2 / (9 * degrees)
    return degrees * (1 - spread + 3.719 * math.sqrt(spread)) ** 3


def assert_chi_square(seen: np.ndarray, expected: np.ndarray) -> None:
    """Pearson's test of a fixed seed; cells of no expectation must be empty, all others expect at least 5."""
    assert not seen[expected == 0].any()
    seen, expected = seen[expected > 0], expected[expected > 0]
    assert expected.min() >= 5
    assert ((seen - expected) ** 2 / expected).sum() < critical(len(seen) - 1)


# The formulas.


def test_log_uniform_has_tensorflow_s_probabilities_and_expected_counts() -> None:
    sampler = LogUniformSampler(10_000)
    ids = [0, 1, 99, 9999]
    np.testing.assert_allclose(
        sampler.probability(ids),
        [0.07525668186780549, 0.04402233682136798, 0.0010803317166945034, 1.0856701346422416e-05],
        rtol=1e-12,  # the last quotient, 10001 / 10000, has lost four digits of its logarithm there
    )
    np.testing.assert_allclose(
        np.exp(sampler.log_expected_count(ids, 200, unique=True)),
        [0.9999998399556348, 0.9998771008202969, 0.19441224627503417, 0.002168996376601989],
        rtol=1e-12,
    )
    np.testing.assert_allclose(np.exp(sampler.log_expected_count(ids, 200)), 200 * sampler.probability(ids), rtol=1e-13)


@EVERY
def test_probabilities_sum_to_one_and_are_the_same_one_by_one(make: Callable[[int], Sampler]) -> None:
    sampler = make(100)
    probability = sampler.probability()
    assert probability.shape == (sampler.num_classes,)
    assert probability.dtype == np.float64
    if not isinstance(sampler, InBatchSampler):  # its probabilities are estimates
        assert probability.sum() == pytest.approx(1, abs=1e-12)
        np.testing.assert_array_equal(probability, drawn_probability(sampler))
    ids = np.arange(sampler.num_classes, dtype=np.int32).reshape(2, -1)
    np.testing.assert_array_equal(sampler.probability(ids), probability.reshape(2, -1))
    assert float(sampler.probability(3)) == probability[3]
    assert sampler.probability([]).shape == (0,)
    with pytest.raises(ValueError, match="read-only"):
        probability[0] = 1


def test_ranks_follow_falling_counts_and_ties_the_ids() -> None:
    sampler = LogUniformSampler(5, counts=[3, 9, 3, 0, 9])
    ranked = LogUniformSampler(5).probability()
    np.testing.assert_array_equal(sampler.probability([1, 4, 0, 2, 3]), ranked)
    np.testing.assert_array_equal(
        sampler.sample(1000, seed=3).ids, np.array([1, 4, 0, 2, 3])[LogUniformSampler(5).sample(1000, seed=3).ids]
    )
    np.testing.assert_array_equal(LogUniformSampler(5, counts=[9, 8, 7, 6, 5]).probability(), ranked)


def test_reserved_ids_and_other_shards_have_no_probability() -> None:
    counts = np.array([5, 1, 2, 3, 4, 5, 6, 0])
    sampler = UnigramSampler(counts, 1.0, num_reserved_ids=3, num_shards=2, shard=1)
    np.testing.assert_allclose(sampler.probability(), np.array([0, 0, 0, 3, 0, 5, 0, 0]) / 8)
    shards = [UnigramSampler(counts, num_shards=3, shard=shard).probability() > 0 for shard in range(3)]
    np.testing.assert_array_equal(np.sum(shards, axis=0), counts > 0)
    assert repr(sampler) == "UnigramSampler(<8 counts>, power=1, num_reserved_ids=3, num_shards=2, shard=1)"
    assert (sampler.num_reserved_ids, sampler.num_shards, sampler.shard) == (3, 2, 1)


def test_word2vec_s_table_is_its_loop() -> None:
    counts = zipf(30)
    slots = np.zeros(30)
    share = np.cumsum(counts**0.75 / (counts**0.75).sum())
    word = 0
    for slot in range(1000):
        slots[word] += 1
        if slot / 1000 > share[word] and word < 29:
            word += 1
    np.testing.assert_array_equal(Word2VecTableSampler(counts, table_size=1000).probability(), slots / 1000)


def test_word2vec_s_full_table_is_close_to_the_distribution_it_means() -> None:
    counts = zipf(10_000)
    table = Word2VecTableSampler(counts)
    assert table.table_size == 100_000_000
    # A word's slots are rounded at both ends.
    assert np.abs(table.probability() - UnigramSampler(counts).probability()).max() < 2.1e-8


def test_a_mixture_has_the_mean_of_its_parts_probabilities() -> None:
    parts = [UnigramSampler([6, 3, 0], 1.0), UniformSampler(3)]
    sampler = MixtureSampler(parts, np.array([3, 1]))
    np.testing.assert_allclose(
        sampler.probability(), 0.75 * parts[0].probability() + 0.25 * parts[1].probability(), rtol=1e-15
    )
    assert sampler.probability(2) == pytest.approx(1 / 12)
    assert sampler.samplers == tuple(parts)
    np.testing.assert_array_equal(sampler.shares, [0.75, 0.25])


def test_a_mark_for_hard_negatives_changes_neither_draws_nor_probabilities() -> None:
    base = LogUniformSampler(50)
    hard = HardOf(4, base)
    assert (hard.m, hard.sampler, hard.num_classes) == (4, base, 50)
    for unique in (False, True):
        one, other = hard.sample(20, unique=unique, seed=9), base.sample(20, unique=unique, seed=9)
        np.testing.assert_array_equal(one.ids, other.ids)
        np.testing.assert_array_equal(one.expected_counts, other.expected_counts)


# Draws.


@EVERY
def test_draws_with_replacement_pass_chi_square(make: Callable[[int], Sampler]) -> None:
    sampler = make(100)
    sample = sampler.sample(200_000, seed=4)
    assert sample.ids.dtype == np.int32
    assert sample.num_tries == 200_000
    seen = np.bincount(sample.ids, minlength=sampler.num_classes)
    assert_chi_square(seen, 200_000 * drawn_probability(sampler))


@EVERY
def test_draws_without_repetition_pass_chi_square(make: Callable[[int], Sampler]) -> None:
    # Ordered pairs: the second is drawn from what the first leaves.
    sampler = make(5)
    p = drawn_probability(sampler)
    repeats = 8000
    with np.errstate(divide="ignore"):
        expected = repeats * p[:, None] * p / (1 - p[:, None])
    np.fill_diagonal(expected, 0)
    seen = np.zeros_like(expected)
    for seed in range(repeats):
        first, second = sampler.sample(2, unique=True, seed=seed).ids
        seen[first, second] += 1
    assert_chi_square(seen, expected)


@EVERY
def test_expected_counts_of_unique_samples_are_their_inclusion_frequencies(make: Callable[[int], Sampler]) -> None:
    sampler = make(100)
    if isinstance(sampler, InBatchSampler):
        sampler.update(np.repeat(np.arange(100), 1 + np.arange(100) % 3))
        sampler._mean_gap[:] = 1 / drawn_probability(sampler)
    repeats, n = 1000, 20
    seen = np.zeros(sampler.num_classes)
    expected = np.zeros(sampler.num_classes)
    for seed in range(repeats):
        sample = sampler.sample(n, unique=True, seed=seed)
        assert len(set(sample.ids.tolist())) == n
        counts = np.exp(sampler.log_expected_count(np.arange(sampler.num_classes), sample.num_tries, unique=True))
        np.testing.assert_allclose(sample.expected_counts, counts[sample.ids], rtol=1e-12)
        seen[sample.ids] += 1
        expected += counts
    # The formula takes the number of tries for given, which it is not: hence 0.01 beside four standard deviations.
    deviation = np.sqrt(expected / repeats * (1 - expected / repeats) / repeats)
    assert (np.abs(seen - expected) / repeats <= 0.01 + 4 * deviation).all()
    assert expected.sum() / repeats == pytest.approx(n, rel=0.02)


@EVERY
def test_expected_counts_of_draws_with_replacement_are_draws_times_probability(make: Callable[[int], Sampler]) -> None:
    sampler = make(50)
    sample = sampler.sample(30, seed=2)
    np.testing.assert_allclose(sample.expected_counts, 30 * sampler.probability(sample.ids), rtol=1e-15)
    np.testing.assert_allclose(np.log(sample.expected_counts), sampler.log_expected_count(sample.ids, 30), rtol=1e-12)


def test_expected_counts_of_unique_samples_have_no_jump_where_nothing_was_repeated() -> None:
    sampler = UnigramSampler([50, 30, 20], power=1.0)
    by_tries = {}
    for seed in range(100):
        sample = sampler.sample(2, unique=True, seed=seed)
        by_tries.setdefault(sample.num_tries, sample)
    for tries, sample in by_tries.items():
        np.testing.assert_allclose(sample.expected_counts, 1 - (1 - sampler.probability(sample.ids)) ** tries)
    assert {2, 3, 4} <= by_tries.keys()


def test_certain_and_impossible_ids_have_exact_expected_counts() -> None:
    sampler = UnigramSampler([0, 7])
    for draws in (1, 5, 10**300):
        assert sampler.log_expected_count([0, 1], draws, unique=True).tolist() == [-math.inf, 0]
        assert sampler.log_expected_count([0], draws).tolist() == [-math.inf]
    sample = sampler.sample(1, unique=True)
    assert (sample.ids.tolist(), sample.expected_counts.tolist(), sample.num_tries) == ([1], [1.0], 1)


def test_tiny_probabilities_keep_their_precision() -> None:
    sampler = UnigramSampler([10**18, 1], power=1.0)
    assert sampler.log_expected_count([1], 1000, unique=True)[0] == pytest.approx(math.log(1e-15), rel=1e-14)


@EVERY
def test_the_same_seed_draws_the_same_and_others_do_not(make: Callable[[int], Sampler]) -> None:
    sampler = make(1000)
    for unique in (False, True):
        one, again = (sampler.sample(500, unique=unique, seed=7) for _ in range(2))
        np.testing.assert_array_equal(one.ids, again.ids)
        np.testing.assert_array_equal(one.expected_counts, again.expected_counts)
        assert one.num_tries == again.num_tries
        assert len({sampler.sample(20, unique=unique, seed=seed).ids.tobytes() for seed in range(50)}) == 50


def test_parts_of_a_mixture_draw_from_streams_of_their_own() -> None:
    part = UniformSampler(2**30)
    ids = MixtureSampler([part, part], [1, 1]).sample(20_000, seed=5).ids
    assert len(np.unique(ids)) > 19_990  # shared streams would halve the number
    assert not np.isin(ids, part.sample(20_000, seed=5).ids).mean() > 0.01


# An end for every unique sample.


@EVERY
def test_all_ids_can_be_drawn_without_repetition(make: Callable[[int], Sampler]) -> None:
    sampler = make(300)
    possible = np.flatnonzero(drawn_probability(sampler))
    sample = sampler.sample(len(possible), unique=True)
    np.testing.assert_array_equal(np.sort(sample.ids), possible)
    assert sample.num_tries >= len(possible)
    with pytest.raises(ValueError, match=f"^n must be at most {len(possible)}, the number of ids with positive prob"):
        sampler.sample(len(possible) + 1, unique=True)
    with pytest.raises(ValueError, match=f"got {10**15}$"):
        sampler.sample(10**15, unique=True)
    nothing = sampler.sample(0, unique=True)
    assert (nothing.ids.shape, nothing.expected_counts.shape, nothing.num_tries) == ((0,), (0,), 0)


def test_a_million_ids_of_which_a_few_have_nearly_all_probability_are_all_drawn() -> None:
    counts = np.round(1e9 / np.arange(1, 10**6 + 1)).astype(np.int64)
    sampler = UnigramSampler(counts, power=3.0)
    sample = sampler.sample(10**6, unique=True)
    assert len(np.unique(sample.ids)) == 10**6
    # The last ids have probabilities of 1e-18 and below: no rejection would have waited for them.
    assert sample.num_tries > 10**16
    assert (sample.expected_counts > 0).all()
    assert (sample.expected_counts <= 1).all()


def test_ids_that_hardly_exist_are_drawn_when_nothing_else_is_left() -> None:
    sampler = UnigramSampler([2**62, 1, 1], power=15.0)  # probabilities of 1e-280
    sample = sampler.sample(3, unique=True)
    assert sample.ids[0] == 0
    assert sorted(sample.ids.tolist()) == [0, 1, 2]
    assert sample.num_tries > 10**270
    log_count = sampler.log_expected_count(sample.ids, sample.num_tries, unique=True)
    assert np.isfinite(log_count).all()
    assert (log_count > -20).all()


@settings(max_examples=60)
@given(
    counts=st.lists(st.integers(0, 2**62), min_size=1, max_size=30).filter(any),
    power=st.floats(-10, 10),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**64 - 1),
)
def test_unique_samples_of_any_distribution_end(counts: list[int], power: float, share: float, seed: int) -> None:
    sampler = UnigramSampler(counts, power)
    possible = np.flatnonzero(sampler.probability())
    n = round(share * len(possible))
    sample = sampler.sample(n, unique=True, seed=seed)
    assert len(set(sample.ids.tolist())) == n
    assert set(sample.ids.tolist()) <= set(possible.tolist())
    assert sample.num_tries >= n
    assert ((sample.expected_counts > 0) & (sample.expected_counts <= 1)).all()


# Samplers that learn.


def test_a_learned_unigram_counts_what_it_is_shown() -> None:
    sampler = LearnedUnigramSampler(5)
    np.testing.assert_array_equal(sampler.probability(), np.full(5, 0.2))
    sampler.update([[3, 3], [1, 3]])
    sampler.update(np.array([4], np.uint8))
    sampler.update([])
    np.testing.assert_allclose(sampler.probability(), np.array([1, 2, 1, 4, 2]) / 10)
    seen = np.bincount(sampler.sample(100_000, seed=3).ids, minlength=5)
    assert_chi_square(seen, 1e5 * np.array([1, 2, 1, 4, 2]) / 10)
    for wrong, error in (([0, 5], IndexError), ([-1], IndexError), ([0.5], TypeError)):
        with pytest.raises(error, match=r"^ids must be"):
            sampler.update(wrong)
    np.testing.assert_allclose(sampler.probability(), np.array([1, 2, 1, 4, 2]) / 10)


def test_a_learned_unigram_can_be_updated_and_drawn_from_at_once() -> None:
    sampler = LearnedUnigramSampler(1000)
    failures: list[str] = []

    def update(thread: int) -> None:
        for step in range(200):
            sampler.update(np.arange(thread, 1000, 4) if step % 2 else np.full(250, thread))

    def draw(seed: int) -> None:
        for step in range(100):
            sample = sampler.sample(100, unique=bool(step % 2), seed=seed + step)
            if not ((sample.ids >= 0) & (sample.ids < 1000) & (sample.expected_counts > 0)).all():
                failures.append(f"ids {sample.ids}")
            total = sampler.probability().sum()
            if abs(total - 1) > 1e-12:
                failures.append(f"probabilities sum to {total}")
            pickle.dumps(sampler)

    threads = [threading.Thread(target=update, args=(i,)) for i in range(4)]
    threads += [threading.Thread(target=draw, args=(1000 * i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    expected = np.full(1000, 101.0)
    expected[:4] += 100 * 250
    np.testing.assert_allclose(sampler.probability(), expected / expected.sum(), rtol=1e-14)


def test_an_in_batch_sampler_learns_frequencies_from_batches() -> None:
    shares = 1 / np.arange(1, 21)
    shares /= shares.sum()
    sampler = InBatchSampler(30, rate=0.001)
    generator = np.random.default_rng(6)
    for _ in range(500):
        # Sorted: all that counts is how often an id occurs, as one can stand in a batch more than once.
        sampler.update(np.sort(generator.choice(20, 200, p=shares)))
    # Means of 700 gaps or more, of relative deviation 1 or a little more
    np.testing.assert_allclose(sampler.probability()[:20], shares, rtol=0.2)
    np.testing.assert_array_equal(sampler.probability()[20:], 0)
    assert sampler.probability().sum() == pytest.approx(1, rel=0.03)


def test_an_in_batch_sampler_follows_a_change() -> None:
    sampler = InBatchSampler(4, rate=0.05)
    for _ in range(200):
        sampler.update([0, 0, 0, 1])
    np.testing.assert_allclose(sampler.probability([0, 1]), [0.75, 0.25], rtol=0.05)
    for _ in range(200):
        sampler.update([0, 1, 1, 1])
    np.testing.assert_allclose(sampler.probability([0, 1]), [0.25, 0.75], rtol=0.05)


def test_an_in_batch_sampler_draws_from_the_latest_batch() -> None:
    sampler = InBatchSampler(10)
    with pytest.raises(RuntimeError, match="call update first"):
        sampler.sample(3)
    with pytest.raises(RuntimeError, match="call update first"):
        sampler.sample(3, unique=True)
    sampler.update([1, 2])
    sampler.update([[7, 7], [7, 4]])
    seen = np.bincount(sampler.sample(10_000, seed=2).ids, minlength=10)
    assert_chi_square(seen, 10_000 * np.array([0, 0, 0, 0, 0.25, 0, 0, 0.75, 0, 0]))
    assert sorted(sampler.sample(2, unique=True).ids.tolist()) == [4, 7]
    with pytest.raises(ValueError, match=r"^n must be at most 2, the number of ids with positive probability, got 3$"):
        sampler.sample(3, unique=True)
    before = sampler.probability()
    for wrong, error in (([], ValueError), ([3, 10], IndexError), ([-1], IndexError), (["a"], TypeError)):
        with pytest.raises(error, match=r"^ids must"):
            sampler.update(wrong)
    np.testing.assert_array_equal(sampler.probability(), before)


def test_billions_of_ids_cost_no_memory_when_they_are_hashed_or_uniform() -> None:
    most = 2**31 - 1
    sampler = InBatchSampler(most, num_buckets=1000, num_hashes=2)
    for _ in range(10):
        sampler.update([most - 1, 0, 5, 5])
    assert sorted(sampler.sample(3, unique=True).ids.tolist()) == [0, 5, most - 1]
    assert sampler.probability(5) > sampler.probability(0) > 0
    for other in (
        UniformSampler(most),
        LogUniformSampler(most),
        MixtureSampler([sampler, UniformSampler(most)], [1, 1]),
    ):
        sample = other.sample(1000, unique=True)
        assert len(set(sample.ids.tolist())) == 1000
        assert np.isfinite(np.log(sample.expected_counts)).all()


def test_several_hashes_disturb_an_estimate_less_than_one() -> None:
    shares = 1 / np.arange(1, 201)
    shares /= shares.sum()
    batches = np.random.default_rng(8).choice(200, (100, 1000), p=shares)

    def excess(**options: Any) -> float:
        sampler = InBatchSampler(200, **options)
        for batch in batches:
            sampler.update(batch)
        return float((sampler.probability() / shares).mean())

    exact, one, four = excess(), excess(num_buckets=150), excess(num_buckets=150, num_hashes=4)
    assert 0.9 < exact < 1.2
    assert one > four > 0.9
    assert one > 1.5


# Divergence.


def test_kl_is_the_divergence_of_the_counts() -> None:
    counts = zipf(1000)
    share = counts / counts.sum()
    for sampler in (UnigramSampler(counts), UniformSampler(1000), LogUniformSampler(1000)):
        expected = (share * np.log(share / sampler.probability())).sum()
        assert sampler.kl(counts) == pytest.approx(expected, rel=1e-12)
    assert UnigramSampler(counts, 1.0).kl(counts) == pytest.approx(0, abs=1e-15)
    assert UnigramSampler([1, 0, 2], 1.0).kl([1, 0, 2]) == pytest.approx(0, abs=1e-15)


def test_kl_is_infinite_when_an_id_that_occurs_is_never_drawn() -> None:
    assert UnigramSampler([1, 0, 2]).kl([1, 1, 2]) == math.inf
    assert InBatchSampler(3).kl([1, 1, 2]) == math.inf


def test_log_uniform_is_closer_to_zipf_s_counts_than_unigram_to_the_power_of_three_quarters() -> None:
    counts = zipf(50_000)
    log_uniform, powered = LogUniformSampler(50_000), UnigramSampler(counts)
    assert log_uniform.kl(counts) < 0.1 < 0.2 < powered.kl(counts) < UniformSampler(50_000).kl(counts)


def test_kl_needs_a_count_for_every_id() -> None:
    sampler = UniformSampler(3)
    with pytest.raises(ValueError, match=r"^counts must have 3 entries, one per id, got 2$"):
        sampler.kl([1, 2])
    with pytest.raises(ValueError, match=r"^counts must have a positive entry, got only zeros$"):
        sampler.kl([0, 0, 0])
    with pytest.raises(TypeError, match=r"^counts must be integers"):
        sampler.kl([0.5, 0.25, 0.25])


# Copies, and what cannot be changed.


@EVERY
def test_copies_and_pickles_draw_the_same_as_the_original(make: Callable[[int], Sampler]) -> None:
    sampler = make(60)
    for twin in (pickle.loads(pickle.dumps(sampler)), copy.deepcopy(sampler), copy.copy(sampler)):
        assert type(twin) is type(sampler)
        assert repr(twin) == repr(sampler)
        np.testing.assert_array_equal(twin.probability(), sampler.probability())
        for unique in (False, True):
            np.testing.assert_array_equal(
                twin.sample(40, unique=unique, seed=2).ids, sampler.sample(40, unique=unique, seed=2).ids
            )
        with pytest.raises(AttributeError):
            twin.other = 1  # type: ignore[attr-defined]
        with pytest.raises(AttributeError):
            twin.num_classes = 1  # type: ignore[misc]


@pytest.mark.parametrize("make", [learned, in_batch])
def test_copies_of_samplers_that_learn_learn_on_their_own(make: Callable[[int], Any]) -> None:
    sampler = make(60)
    before = sampler.probability()
    for twin in (pickle.loads(pickle.dumps(sampler)), copy.deepcopy(sampler), copy.copy(sampler)):
        twin.update([5] * 100)
        assert twin.probability(5) > before[5]
        np.testing.assert_array_equal(sampler.probability(), before)


def test_a_sample_cannot_be_changed_and_pickles() -> None:
    sample = LogUniformSampler(30).sample(4, unique=True)
    assert isinstance(sample, hogvec.Sample)
    assert repr(sample) == f"Sample(<4 ids>, num_tries={sample.num_tries})"
    twin = pickle.loads(pickle.dumps(sample))
    for one in (sample, twin):
        with pytest.raises(AttributeError):
            one.num_tries = 1  # type: ignore[misc]
        for array in (one.ids, one.expected_counts):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1
    np.testing.assert_array_equal(twin.ids, sample.ids)
    np.testing.assert_array_equal(twin.expected_counts, sample.expected_counts)
    assert twin.num_tries == sample.num_tries
    assert sample.expected_counts is sample.expected_counts


def test_expected_counts_of_a_sample_stay_when_the_sampler_learns() -> None:
    for sampler in (learned(20), MixtureSampler([learned(20), UniformSampler(20)], [1, 1]), HardOf(2, learned(20))):
        one, other = sampler.sample(50, seed=1), sampler.sample(50, seed=1)
        before = one.expected_counts.copy()
        part = sampler.samplers[0] if isinstance(sampler, MixtureSampler) else sampler
        part = part.sampler if isinstance(part, HardOf) else part
        assert isinstance(part, LearnedUnigramSampler)
        part.update([3] * 1000)
        np.testing.assert_array_equal(other.expected_counts, before)


# What is refused.


@EVERY
def test_wrong_arguments_of_the_methods_are_refused(make: Callable[[int], Sampler]) -> None:
    sampler = make(10)
    size = sampler.num_classes
    for method in (sampler.probability, lambda ids: sampler.log_expected_count(ids, 5)):
        for wrong in (size, -1):
            with pytest.raises(IndexError, match=rf"^ids must be at least 0 and below {size}, got {wrong}$"):
                method([0, wrong])
        with pytest.raises(TypeError, match=r"^ids must be integers, got dtype float64$"):
            method([0.5])
    with pytest.raises(ValueError, match=r"^num_tries must be at least 1, got 0$"):
        sampler.log_expected_count([0], 0, unique=True)
    with pytest.raises(TypeError, match=r"^unique must be True or False, got 1$"):
        sampler.log_expected_count([0], 1, unique=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^unique must be True or False, got None$"):
        sampler.sample(1, unique=None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^n must be at least 0, got -1$"):
        sampler.sample(-1)
    with pytest.raises(TypeError, match=r"^n must be an integer, got 2.0$"):
        sampler.sample(2.0, unique=True)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^seed must be at most 18446744073709551615"):
        sampler.sample(1, seed=2**64)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: UniformSampler(0), ValueError, r"^num_classes must be at least 1, got 0$"),
        (lambda: UniformSampler(2**31), ValueError, r"^num_classes must be at most 2147483647, got 2147483648$"),
        (lambda: UniformSampler(2.0), TypeError, r"^num_classes must be an integer, got 2.0$"),
        (lambda: LogUniformSampler(0), ValueError, r"^num_classes must be at least 1, got 0$"),
        (lambda: LogUniformSampler(3, [1, 2]), ValueError, r"^counts must have 3 entries, one per id, got 2$"),
        (lambda: LogUniformSampler(2, [1, -2]), ValueError, r"^counts must not be negative, got -2 at index 1$"),
        (lambda: LogUniformSampler(2, [1.0, 2.0]), TypeError, r"^counts must be integers, got dtype float64$"),
        (
            lambda: UnigramSampler([1], num_reserved_ids=-1),
            ValueError,
            r"^num_reserved_ids must be at least 0, got -1$",
        ),
        (lambda: UnigramSampler([1], num_shards=0), ValueError, r"^num_shards must be at least 1, got 0$"),
        (lambda: UnigramSampler([1], num_shards=2, shard=2), ValueError, r"^shard must be at most 1, got 2$"),
        (lambda: UnigramSampler([1, 2], num_reserved_ids=2), ValueError, r"^counts must have a positive entry within"),
        (
            lambda: UnigramSampler([1, 0], num_shards=2, shard=1),
            ValueError,
            r"^counts must have a positive entry within",
        ),
        (lambda: Word2VecTableSampler([0, 0]), ValueError, r"^counts must have a positive entry, got only zeros$"),
        (lambda: Word2VecTableSampler([1], power=-1), ValueError, r"^power must be at least 0, got -1$"),
        (lambda: Word2VecTableSampler([10, 9], power=500), ValueError, r"must be positive and finite, got inf$"),
        (lambda: Word2VecTableSampler([1], table_size=0), ValueError, r"^table_size must be at least 1, got 0$"),
        (lambda: LearnedUnigramSampler(0), ValueError, r"^num_classes must be at least 1, got 0$"),
        (lambda: InBatchSampler(0), ValueError, r"^num_classes must be at least 1, got 0$"),
        (lambda: InBatchSampler(5, rate=0), ValueError, r"^rate must be above 0, got 0$"),
        (lambda: InBatchSampler(5, rate=1.5), ValueError, r"^rate must be at most 1, got 1.5$"),
        (lambda: InBatchSampler(5, num_buckets=0), ValueError, r"^num_buckets must be at least 1, got 0$"),
        (lambda: InBatchSampler(5, num_hashes=2), ValueError, r"^num_hashes must be 1 without num_buckets, got 2$"),
        (lambda: MixtureSampler([], []), ValueError, r"^samplers must not be empty$"),
        (lambda: MixtureSampler([3], [1]), TypeError, r"^samplers must be a hogvec sampler, got 3$"),
        (
            lambda: MixtureSampler([UniformSampler(2), UniformSampler(3)], [1, 1]),
            ValueError,
            r"^samplers must have one num_classes, got 2 and 3$",
        ),
        (
            lambda: MixtureSampler([UniformSampler(2)], [1, 1]),
            ValueError,
            r"^shares must have shape \(1,\), one per sampler, got \(2,\)$",
        ),
        (lambda: MixtureSampler([UniformSampler(2)], [0.0]), ValueError, r"^shares must be above 0, got 0$"),
        (lambda: MixtureSampler([UniformSampler(2)], [math.nan]), ValueError, r"^shares must be finite, got nan$"),
        (lambda: MixtureSampler([UniformSampler(2)], ["a"]), TypeError, r"^shares must be a number, got 'a'$"),
        (lambda: MixtureSampler([HardOf(2, UniformSampler(2))], [1]), ValueError, r"^samplers must not be a HardOf"),
        (lambda: HardOf(0, UniformSampler(2)), ValueError, r"^m must be at least 1, got 0$"),
        (lambda: HardOf(2, None), TypeError, r"^sampler must be a hogvec sampler, got None$"),
        (lambda: HardOf(2, HardOf(2, UniformSampler(2))), ValueError, r"^sampler must not be a HardOf"),
        (lambda: Sampler(), TypeError, r"abstract"),
    ],
)
def test_samplers_that_cannot_be_are_refused(make: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_the_binding_keeps_to_its_memory() -> None:
    with pytest.raises(IndexError, match=r"^ids must be at least 0 and below 2, got 2$"):
        _core.WeightTree(np.ones(2, np.int64)).add(np.array([2], np.int32))
    with pytest.raises(TypeError):
        _core.WeightTree(np.ones(2))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        _core.draw_uniform(0, 1, 1)
    distinct = _core.DistinctIds(2)
    assert not distinct.add(np.array([7], np.int32))
    with pytest.raises(IndexError):
        distinct.complete(np.array([0.5, 0.5]), 1)
    state: dict[str, Any] = {
        "mean": np.ones(2),
        "last_seen": np.zeros(2, np.int64),
        "num_seen": np.zeros(2, np.int64),
        "slots": np.zeros(2, np.int64),
        "num_hashes": 1,
        "time": 0,
        "rate": 0.1,
    }
    read_only = np.ones(2)
    read_only.flags.writeable = False
    for name, wrong, error in (
        ("slots", np.array([2]), IndexError),
        ("slots", np.array([-1]), IndexError),
        ("num_hashes", 3, ValueError),
        ("num_hashes", 0, ValueError),
        ("num_seen", np.zeros(1, np.int64), ValueError),
        ("mean", np.ones(2, np.float32), TypeError),
        ("mean", read_only, ValueError),
    ):
        with pytest.raises(error):
            _core.update_mean_gaps(**{**state, name: wrong})
