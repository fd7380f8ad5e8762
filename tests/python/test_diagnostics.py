"""The bias of gradients: against sums over all possible draws, against known cases, and its errors."""

from __future__ import annotations

import copy
import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hogvec import (
    NCE,
    BalancedTree,
    HierarchicalSoftmax,
    LearnedUnigramSampler,
    NegativeSampling,
    OneVsAll,
    SampledSoftmax,
    Softmax,
    UniformSampler,
    UnigramSampler,
)
from hogvec.diagnostics import gradient_bias
from hogvec.reference_losses import Draws, output_gradients
from loss_cases import Buffers, make_buffers

COUNTS = [5, 3, 2]
SMALL = SampledSoftmax(2, sampler=UnigramSampler(COUNTS, 1.0), unique=False, positive="importance")


@pytest.fixture
def small() -> Buffers:
    return make_buffers(SMALL, 3, 4, 5)


def exact_moments(loss: Any, buffers: Buffers) -> tuple[np.ndarray, float]:
    """The mean of the rows' gradient and the trace of its covariance, over all draws weighted by their probability."""
    q = loss.sampler.probability()
    mean, square = 0.0, 0.0
    for ids in product(range(len(q)), repeat=loss.num_sampled):
        draws = Draws(
            ids=np.array(ids), log_expected=np.log(loss.num_sampled * q), log_probability=np.log(q), unique=False
        )
        found = output_gradients(loss, buffers.hidden, buffers.targets, buffers.weights, buffers.bias, draws=draws)
        gradient = np.column_stack([found.weights, found.bias])
        mean = mean + np.prod(q[list(ids)]) * gradient
        square += np.prod(q[list(ids)]) * np.sum(gradient**2)
    return np.asarray(mean), square - float(np.sum(np.asarray(mean) ** 2))


def test_bias_and_variance_are_those_of_a_sum_over_all_draws(small: Buffers) -> None:
    mean, variance = exact_moments(SMALL, small)
    full = output_gradients(Softmax(), small.hidden, small.targets, small.weights, small.bias)
    exact = np.column_stack([full.weights, full.bias])
    length = np.linalg.norm(exact)
    found = gradient_bias(SMALL, small.hidden, small.targets, small.weights, small.bias, repeats=3000, threads=1)
    assert found.repeats == 3000
    assert found.rows.variance == pytest.approx(variance / length**2, rel=0.1)  # 9 draws, 3000 times: some per cent
    assert found.rows.standard_error == pytest.approx(math.sqrt(found.rows.variance / 3000), rel=1e-12)
    bias = np.linalg.norm(mean - exact) / length
    assert bias > 10 * found.rows.standard_error  # it is seen
    assert abs(found.rows.bias - bias) < 4 * found.rows.standard_error
    cosine = np.sum(mean * exact) / length / np.linalg.norm(mean)
    assert found.rows.cosine == pytest.approx(cosine, abs=0.01)


def test_what_is_exact_has_neither_bias_nor_variance(small: Buffers) -> None:
    for loss in (Softmax(), SampledSoftmax(3, sampler=UniformSampler(3)), Softmax(temperature=0.3, normalize=True)):
        found = gradient_bias(loss, small.hidden, small.targets, small.weights, repeats=5)
        for part in (found.hidden, found.rows):
            # All is float32: squares of some 2^-23.
            assert part.bias < 1e-5
            assert part.variance < 1e-10
            assert part.cosine == pytest.approx(1, abs=1e-6)


def test_hidden_and_rows_are_measured_apart(small: Buffers) -> None:
    even = Buffers(hidden=small.hidden, targets=small.targets, weights=small.weights + np.float32(100), bias=None)
    # A vector that all rows have in common adds large terms to the gradients by hidden vectors, which cancel in sums
    # over all outputs alone; those by rows do not know it but through the scores.
    plain = gradient_bias(SMALL, small.hidden, small.targets, small.weights, repeats=200)
    offset = gradient_bias(
        NegativeSampling(2, sampler=UniformSampler(3)), even.hidden, even.targets, even.weights, repeats=200
    )
    assert plain.hidden != plain.rows
    assert offset.hidden.bias > 10 * offset.rows.bias


def test_more_repeats_and_other_seeds_tell_the_same_more_precisely(small: Buffers) -> None:
    arguments = (SMALL, small.hidden, small.targets, small.weights)
    few, again, other, many = (
        gradient_bias(*arguments, repeats=repeats, seed=seed)
        for repeats, seed in ((50, 1), (50, 1), (50, 51), (800, 1))
    )
    assert few == again
    assert few != other
    assert many.rows.standard_error == pytest.approx(few.rows.standard_error / 4, rel=0.3)
    assert many.rows.bias == pytest.approx(few.rows.bias, abs=4 * few.rows.standard_error)


def test_a_bias_of_zero_is_not_mistaken_for_noise() -> None:
    """Noise proportional to exp(s): importance sampling has the gradient right on average, however few the draws."""
    counts = np.array([40, 30, 20, 10])
    loss = SampledSoftmax(3, sampler=UnigramSampler(counts, 1.0), unique=False, positive="importance")
    hidden, weights = np.ones((1, 1), np.float32), np.log(counts).astype(np.float32)[:, None]
    found = gradient_bias(loss, hidden, [3], weights, repeats=2000, threads=1)
    assert found.rows.bias < 2 * found.rows.standard_error
    assert found.rows.variance > 0.01


def test_a_sampler_that_learns_is_left_as_it_is(small: Buffers) -> None:
    sampler = LearnedUnigramSampler(3)
    before = copy.deepcopy(sampler).probability()
    gradient_bias(SampledSoftmax(2, sampler=sampler), small.hidden, small.targets, small.weights, repeats=3)
    np.testing.assert_array_equal(sampler.probability(), before)


def test_every_loss_over_outputs_is_measured(small: Buffers) -> None:
    noise = UniformSampler(3)
    for loss in (NCE(50, sampler=noise, log_z=1.0), NegativeSampling(50, sampler=noise), OneVsAll()):
        for targets in (small.targets, np.stack([small.targets, (small.targets + 1) % 3], axis=1)):
            found = gradient_bias(loss, small.hidden, targets, small.weights, repeats=20)
            assert 0 < found.rows.bias < 100
            assert 0.2 < found.rows.cosine < 1


def test_wrong_arguments_are_refused(small: Buffers) -> None:
    arguments = (small.hidden, small.targets, small.weights)
    with pytest.raises(TypeError, match=r"^loss must be one whose rows are outputs, got HierarchicalSoftmax"):
        gradient_bias(HierarchicalSoftmax(tree=BalancedTree(4)), *arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^repeats must be at least 2, got 1$"):
        gradient_bias(SMALL, *arguments, repeats=1)
    with pytest.raises(ValueError, match=rf"^seed must be at most {2**64 - 2}, got {2**64 - 1}$"):
        gradient_bias(SMALL, *arguments, repeats=2, seed=2**64 - 1)
    with pytest.raises(ValueError, match=r"^the full softmax must have a gradient by hidden, got zero$"):
        gradient_bias(SMALL, small.hidden, small.targets, np.zeros_like(small.weights))
    with pytest.raises(TypeError, match=r"^hidden must have dtype float32, got float64$"):
        gradient_bias(SMALL, small.hidden.astype(float), small.targets, small.weights)
