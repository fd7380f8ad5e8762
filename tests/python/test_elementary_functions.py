"""The kernels' sigmoid and softplus: accuracy in units of the last place, limits, and every length of an array."""

from __future__ import annotations

import hogvec
import numpy as np
import pytest
from hogvec import _core, reference

INSTRUCTION_SETS = hogvec.info()["available_instruction_sets"]
FUNCTIONS = ["sigmoid", "softplus"]


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_values_are_exact_to_float_rounding(function: str, instruction_set: str) -> None:
    small = np.random.default_rng(1).normal(scale=1e-3, size=100_000)
    x = np.concatenate([np.linspace(-30, 30, 400_001), small]).astype(np.float32)
    y = getattr(_core, function)(x, instruction_set)
    expected = getattr(reference, function)(x.astype(np.float64))
    units = np.abs(y - expected) / np.spacing(expected.astype(np.float32))
    # An exponential (0.9 units), a sum (0.5), a quotient (0.5), each up to doubled: 2.3 measured on millions of points.
    assert units.max() < 2.4, x[units.argmax()]


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
def test_limits_are_reached_and_nan_stays(instruction_set: str) -> None:
    x = np.array([-np.inf, -3e38, -200, -1e-45, 0, 1e-45, 200, 3e38, np.inf, np.nan], np.float32)
    sigmoid = _core.sigmoid(x, instruction_set)
    softplus = _core.softplus(x, instruction_set)
    assert (sigmoid[:3] >= 0).all()
    assert (sigmoid[:3] < 2e-38).all()  # float32's smallest normal number is 1.2e-38
    assert (softplus[:3] >= 0).all()
    assert (softplus[:3] < 2e-38).all()
    np.testing.assert_array_equal(sigmoid[3:9], [0.5, 0.5, 0.5, 1, 1, 1])
    np.testing.assert_allclose(softplus[3:6], np.log(2), rtol=1e-7)
    np.testing.assert_array_equal(softplus[6:9], x[6:9])
    assert np.isnan(sigmoid[9])
    assert np.isnan(softplus[9])


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_values_do_not_depend_on_the_place_in_the_array(function: str, instruction_set: str) -> None:
    apply = getattr(_core, function)
    x = np.random.default_rng(2).normal(scale=5, size=70).astype(np.float32)
    alone = np.array([apply(x[i : i + 1].copy(), instruction_set)[0] for i in range(70)])
    for length in range(70):
        np.testing.assert_array_equal(apply(x[:length].copy(), instruction_set), alone[:length])


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_never_fall(function: str, instruction_set: str) -> None:
    # Up to the rounding of neighbours: two units of the last place.
    x = np.linspace(-40, 40, 200_001).astype(np.float32)
    y = getattr(_core, function)(x, instruction_set)
    assert (np.diff(y) >= -2 * np.spacing(y[1:])).all()
