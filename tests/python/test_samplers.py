"""UnigramSampler: its probabilities, its draws against them, its errors. test_every_sampler.py has what all share."""

from __future__ import annotations

import copy
import doctest
import math
import pickle
import threading

import numpy as np
import pytest
from hogvec import UnigramSampler, _core, samplers

ZIPF = np.round(1e6 / np.arange(1, 101)).astype(np.int64)

# The chance of a correct sampler failing one of the chi-square tests is at most 1e-4; the seeds are fixed.
CRITICAL_9, CRITICAL_99 = 33.7, 160.0


def chi_square(ids: np.ndarray, probability: np.ndarray) -> float:
    """Pearson's statistic; classes of probability zero must be unseen, all others expected at least 5 times."""
    seen = np.bincount(ids, minlength=len(probability))
    expected = probability * len(ids)
    assert not seen[probability == 0].any()
    assert expected[probability > 0].min() >= 5
    return float((((seen - expected) ** 2)[probability > 0] / expected[probability > 0]).sum())


def test_examples_in_the_documentation_give_what_they_say() -> None:
    result = doctest.testmod(samplers)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("power", [-3.0, -0.75, -0.5, 0.0, 0.5, 0.75, 1.0, 2.0])
def test_probabilities_are_powers_of_the_counts(power: float) -> None:
    expected = ZIPF.astype(float) ** power
    expected /= expected.sum()
    # 1e-13: a hundred additions and a power, each exact to a few 2^-53.
    np.testing.assert_allclose(UnigramSampler(ZIPF, power).probability(), expected, rtol=1e-13)


@pytest.mark.parametrize(("power", "seed"), [(-1.0, 1), (-0.5, 2), (0.0, 3), (0.5, 4), (0.75, 5), (1.0, 6)])
def test_draws_pass_chi_square_for_every_power(power: float, seed: int) -> None:
    sampler = UnigramSampler(ZIPF, power)
    assert chi_square(sampler.sample(400_000, seed=seed).ids, sampler.probability()) < CRITICAL_99


def test_ids_that_never_occur_are_never_drawn_even_with_negative_powers() -> None:
    counts = ZIPF[:20].copy()
    counts[1::2] = 0
    for power in (-2.0, -0.75, 0.0, 0.75):
        sampler = UnigramSampler(counts, power)
        ids = sampler.sample(100_000, seed=11).ids
        assert chi_square(ids, sampler.probability()) < CRITICAL_9


def test_the_table_draws_the_probabilities_to_32_bits() -> None:
    for power in (-3.0, -0.5, 0.0, 0.75, 5.0):
        counts = np.round(1e9 / np.arange(1, 50_001)).astype(np.int64)
        sampler = UnigramSampler(counts, power)
        table = _core.AliasTable(_core.unigram_weights(counts, power))
        # 1e-15: the probabilities themselves are rounded.
        assert np.abs(table.probabilities() - sampler.probability()).max() < 2**-32 + 1e-15


def test_huge_counts_and_powers_give_finite_probabilities() -> None:
    counts = np.array([2**62, 1, 10**9, 0])
    for power in (-1e300, -50.0, -3.0, 5.0, 50.0, 1e300):
        probability = UnigramSampler(counts, power).probability()
        assert probability.sum() == pytest.approx(1.0, abs=1e-15)
        assert probability[3] == 0
        assert probability.argmax() == (1 if power < 0 else 0)


def test_the_same_seed_draws_the_same_ids_and_others_do_not() -> None:
    sampler = UnigramSampler(ZIPF)
    np.testing.assert_array_equal(sampler.sample(1000, seed=5).ids, sampler.sample(1000, seed=5).ids)
    np.testing.assert_array_equal(sampler.sample(1000).ids, sampler.sample(1000, seed=1).ids)
    streams = {sampler.sample(50, seed=seed).ids.tobytes() for seed in [*range(200), 2**32, 2**63, 2**64 - 1]}
    assert len(streams) == 203


def test_seeds_zero_and_one_differ() -> None:
    sampler = UnigramSampler(np.ones(1000, dtype=np.int64))
    same = np.count_nonzero(sampler.sample(100_000, seed=0).ids == sampler.sample(100_000, seed=1).ids)
    assert 50 < same < 150  # 100 expected, standard deviation 10


def test_more_draws_continue_the_same_stream() -> None:
    sampler = UnigramSampler(ZIPF)
    np.testing.assert_array_equal(sampler.sample(5_000_000, seed=3).ids[:1000], sampler.sample(1000, seed=3).ids)


def test_draws_are_int32_ids_and_may_be_none_at_all() -> None:
    sampler = UnigramSampler([3])
    assert sampler.sample(10).ids.dtype == np.int32
    assert sampler.sample(10).ids.tolist() == [0] * 10
    assert sampler.sample(0).ids.shape == (0,)
    assert sampler.sample(np.int64(4)).ids.shape == (4,)


def test_threads_can_draw_from_one_sampler_at_once() -> None:
    sampler = UnigramSampler(ZIPF)
    expected = [sampler.sample(200_000, seed=seed).ids for seed in range(4)]
    drawn: list[np.ndarray | None] = [None] * 4

    def draw(seed: int) -> None:
        drawn[seed] = sampler.sample(200_000, seed=seed).ids

    threads = [threading.Thread(target=draw, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(expected, drawn, strict=True):
        assert other is not None
        np.testing.assert_array_equal(one, other)


def test_log_expected_count_is_the_logarithm_of_draws_times_probability() -> None:
    sampler = UnigramSampler([50, 30, 0, 20], power=1.0)
    np.testing.assert_allclose(
        sampler.log_expected_count([[0, 1], [3, 0]], 10), np.log([[5.0, 3.0], [2.0, 5.0]]), rtol=1e-14
    )
    assert sampler.log_expected_count([2], 10)[0] == -math.inf


def test_expected_counts_agree_with_draws() -> None:
    sampler = UnigramSampler(ZIPF)
    ids = np.arange(100)
    expected = np.exp(sampler.log_expected_count(ids, 400_000))
    seen = np.bincount(sampler.sample(400_000, seed=8).ids, minlength=100)
    assert (((seen - expected) ** 2) / expected).sum() < CRITICAL_99


def test_probability_takes_ids_of_any_shape() -> None:
    sampler = UnigramSampler([1, 2, 1], power=1.0)
    np.testing.assert_allclose(sampler.probability(np.array([[0, 1], [2, 1]], np.uint8)), [[0.25, 0.5], [0.25, 0.5]])
    assert sampler.probability([]).shape == (0,)
    assert sampler.probability(1) == 0.5


def test_the_sampler_cannot_be_changed() -> None:
    counts = np.array([5, 3, 2])
    sampler = UnigramSampler(counts)
    before = sampler.probability().copy()
    counts[0] = 0
    np.testing.assert_array_equal(sampler.counts, [5, 3, 2])
    np.testing.assert_array_equal(sampler.probability(), before)
    with pytest.raises(ValueError, match="read-only"):
        sampler.probability()[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        sampler.counts[0] = 1
    with pytest.raises(AttributeError):
        sampler.power = 2.0  # type: ignore[misc]
    with pytest.raises(AttributeError):
        sampler.other = 1  # type: ignore[attr-defined]


def test_copies_and_pickles_draw_the_same() -> None:
    sampler = UnigramSampler(ZIPF, power=-0.25)
    for twin in (pickle.loads(pickle.dumps(sampler)), copy.deepcopy(sampler), copy.copy(sampler)):
        assert twin.power == -0.25
        assert twin.num_classes == 100
        np.testing.assert_array_equal(twin.sample(100, seed=2).ids, sampler.sample(100, seed=2).ids)
    assert repr(sampler) == "UnigramSampler(<100 counts>, power=-0.25)"


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint32, np.int32, np.uint64, np.dtype(">i4")])
def test_counts_of_every_integer_type_and_layout_are_taken(dtype: np.dtype) -> None:
    expected = UnigramSampler([7, 0, 5]).probability()
    counts = np.array([7, 99, 0, 99, 5, 99], dtype=dtype)[::2]
    np.testing.assert_array_equal(UnigramSampler(counts).probability(), expected)


@pytest.mark.parametrize(
    ("counts", "error", "message"),
    [
        ([], ValueError, r"^counts must not be empty$"),
        (np.empty(0, np.int32), ValueError, r"^counts must not be empty$"),
        ([0, 0], ValueError, r"^counts must have a positive entry, got only zeros$"),
        ([3, -2], ValueError, r"^counts must not be negative, got -2 at index 1$"),
        ([[1, 2]], ValueError, r"^counts must have one axis, got shape \(1, 2\)$"),
        (5, ValueError, r"^counts must have one axis, got shape \(\)$"),
        ([1.0, 2.0], TypeError, r"^counts must be integers, got dtype float64$"),
        ([1, math.nan], TypeError, r"^counts must be integers, got dtype float64$"),
        ([True, False], TypeError, r"^counts must be integers, got dtype bool$"),
        (["a"], TypeError, r"^counts must be integers, got dtype <U1$"),
        ([1, 2**70], TypeError, r"^counts must be integers, got dtype object$"),
        (
            np.array([1, 2**63], np.uint64),
            ValueError,
            r"^counts must be below 2\^63, got 9223372036854775808 at",
        ),
    ],
)
def test_counts_that_are_none_are_refused(counts: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        UnigramSampler(counts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("power", "error", "message"),
    [
        (math.nan, ValueError, "power must be finite, got nan"),
        (-math.inf, ValueError, "power must be finite, got -inf"),
        ("0.75", TypeError, "power must be a number, got '0.75'"),
        (None, TypeError, "power must be a number, got None"),
    ],
)
def test_powers_that_are_no_finite_number_are_refused(power: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        UnigramSampler([1, 2], power)  # type: ignore[arg-type]


def test_arguments_of_the_methods_are_checked() -> None:
    sampler = UnigramSampler([1, 2, 3])
    with pytest.raises(ValueError, match=r"^n must be at least 0, got -1$"):
        sampler.sample(-1)
    with pytest.raises(TypeError, match=r"^n must be an integer, got 2.0$"):
        sampler.sample(2.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^seed must be at least 0, got -1$"):
        sampler.sample(1, seed=-1)
    with pytest.raises(ValueError, match=r"^seed must be at most 18446744073709551615"):
        sampler.sample(1, seed=2**64)
    with pytest.raises(IndexError, match=r"^ids must be at least 0 and below 3, got 3$"):
        sampler.probability([0, 3])
    with pytest.raises(IndexError, match=r"^ids must be at least 0 and below 3, got -1$"):
        sampler.log_expected_count([-1], 5)
    with pytest.raises(TypeError, match=r"^ids must be integers, got dtype float64$"):
        sampler.probability([0.5])
    with pytest.raises(ValueError, match=r"^num_tries must be at least 1, got 0$"):
        sampler.log_expected_count([0], 0)


def test_the_binding_refuses_what_it_would_have_to_convert() -> None:
    for counts in (np.array([1, 2], np.int32), np.arange(6)[::2], np.array([1.0, 2.0])):
        with pytest.raises(TypeError):
            _core.unigram_weights(counts, 0.75)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="weights must have one axis, got 2"):
        _core.AliasTable(np.ones((2, 2)))
    with pytest.raises(ValueError, match="weights must be finite and not negative, got -1 at index 1"):
        _core.AliasTable(np.array([1.0, -1.0]))
