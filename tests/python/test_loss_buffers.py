"""The losses over NumPy buffers against their reference: values, gradients, steps, probabilities, the best outputs.

Long, since all methods of all losses are held against one reference.
"""

from __future__ import annotations

import copy
import math
import signal
import subprocess
import sys
import textwrap
import threading
import time
from typing import Any

import numpy as np
import pytest
from hogvec import (
    NCE,
    SGD,
    AdaGrad,
    HardOf,
    HierarchicalSoftmax,
    HuffmanTree,
    InBatchSampler,
    LearnedUnigramSampler,
    LogUniformSampler,
    Momentum,
    NegativeSampling,
    OneVsAll,
    SampledSoftmax,
    Softmax,
    UniformSampler,
    UnigramSampler,
)
from loss_cases import ALL_LOSSES, Buffers, assert_close, dense, expected_gradients, make_buffers, zipf
from optimizer_cases import OPTIMIZERS, WITH_STATE, Reference

DIMS = [1, 15, 16, 17, 31, 33, 64, 100, 128, 300]
BATCHES = [1, 2, 13, 14, 15, 33, 130]
EVERY = pytest.mark.parametrize("name", ALL_LOSSES)

# float32 scores of some tens of terms have errors of some 2^-24 of their size, of order 10 here; probabilities inherit
# them, and sums over a batch average them. The tolerance of 1e-5 of `assert_close` leaves a factor of about ten.


def assert_gradients(loss: Any, buffers: Buffers, *, seed: int, threads: int, what: str, floor: float = 0.0) -> None:
    """Compare a result with the dense one of the reference, to which it must add nothing and take nothing from.

    Entries that are all below `floor` are compared as if one were that large.
    """
    expected = expected_gradients(loss, buffers, seed)
    found = buffers.call(loss.gradients, seed=seed, threads=threads)
    assert found.loss.dtype == np.float64
    assert found.rows.dtype == np.int64
    assert found.hidden_gradient.dtype == found.row_gradient.dtype == np.float32
    assert (np.diff(found.rows) > 0).all(), what
    untouched = np.setdiff1d(np.arange(len(buffers.weights)), found.rows)
    assert not expected.weights[untouched].any(), what
    assert not expected.bias[untouched].any(), what
    # A number has no direction to turn to: cosines of one column have a gradient of 0, all of which is rounding.
    if getattr(loss, "normalize", False) and buffers.hidden.shape[1] == 1:
        floor = 100.0
    assert_close(found.loss, expected.loss, f"loss, {what}", floor=floor)
    assert_close(found.hidden_gradient, expected.hidden, f"hidden_gradient, {what}", floor=floor)
    assert_close(found.row_gradient, expected.weights[found.rows], f"row_gradient, {what}", floor=floor)
    if buffers.bias is None:
        assert found.bias_gradient is None
    else:
        assert found.bias_gradient.dtype == np.float32
        assert_close(found.bias_gradient, expected.bias[found.rows], f"bias_gradient, {what}", floor=floor)


@pytest.mark.parametrize("dim", DIMS)
@EVERY
def test_gradients_are_those_of_the_reference(name: str, dim: int) -> None:
    place = DIMS.index(dim) + list(ALL_LOSSES).index(name)
    for turn in range(2):
        batch = BATCHES[(place + 3 * turn) % len(BATCHES)]
        v, n = ((8, 12), (150, 20))[(place // 2 + turn) % 2]
        num_true = (None, 3)[(place // 4 + turn) % 2]
        threads, bias, padding, weighted = 1 + (place + turn) % 2, place % 3 > 0, (0, 1, 5)[place % 3], place % 5 == 0
        loss = ALL_LOSSES[name](v, n)
        buffers = make_buffers(
            loss, v, dim, batch, num_true=num_true, bias=bias, padding=padding, weighted=weighted, seed=place
        )
        what = f"{name}: dim={dim}, batch={batch}, v={v}, num_true={num_true}, threads={threads}, padding={padding}"
        assert_gradients(loss, buffers, seed=place, threads=threads, what=what)


@pytest.mark.parametrize("threads", [1, 2])
@EVERY
def test_gradients_of_many_examples_and_candidates_are_those_of_the_reference(name: str, threads: int) -> None:
    loss = ALL_LOSSES[name](1300, 700)  # more than any block of rows
    buffers = make_buffers(loss, 1300, 40, 97, num_true=2, seed=threads)
    assert_gradients(loss, buffers, seed=5, threads=threads, what=name)


@EVERY
def test_the_number_of_threads_does_not_matter_and_one_is_reproducible(name: str) -> None:
    buffers = make_buffers(ALL_LOSSES[name](150, 30), 150, 24, 70)
    results = [buffers.call(ALL_LOSSES[name](150, 30).gradients, seed=2, threads=threads) for threads in (1, 1, 2)]
    for field in ("loss", "hidden_gradient", "rows", "row_gradient", "bias_gradient"):
        one, same, two = (getattr(result, field) for result in results)
        np.testing.assert_array_equal(one, same)
        assert_close(two, one, field)


@EVERY
def test_seeds_decide_the_draws_and_nothing_else(name: str) -> None:
    buffers = make_buffers(ALL_LOSSES[name](150, 10), 150, 8, 9)
    one, same, other = (
        buffers.call(ALL_LOSSES[name](150, 10).gradients, seed=seed, threads=1).loss for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    sampled = getattr(ALL_LOSSES[name](150, 10), "sampler", None) is not None and name != "tf, whole batch"
    assert np.array_equal(one, other) == (not sampled)


def test_a_table_of_a_trainer_and_rows_in_reverse_are_used_in_place() -> None:
    loss = Softmax()
    buffers = make_buffers(loss, 30, 20, 11, padding=12)
    expected = buffers.call(loss.gradients, threads=1)
    turned = Buffers(
        hidden=np.ascontiguousarray(buffers.hidden[::-1])[::-1],
        targets=buffers.targets,
        weights=np.ascontiguousarray(buffers.weights[::-1])[::-1],
        bias=buffers.bias,
    )
    assert turned.hidden.strides[0] < 0
    found = turned.call(loss.gradients, threads=1)
    np.testing.assert_allclose(found.row_gradient, expected.row_gradient, rtol=1e-6, atol=1e-7)
    one = np.broadcast_to(buffers.hidden[:1], (5, 20))  # a row stride of 0
    repeated = loss.gradients(one, np.full(5, 3), buffers.weights, threads=1)
    alone = loss.gradients(buffers.hidden[:1], [3], buffers.weights, threads=1)
    assert_close(repeated.row_gradient, 5 * alone.row_gradient, "five equal examples")


@EVERY
def test_an_empty_batch_gives_empty_results(name: str) -> None:
    loss = ALL_LOSSES[name](20, 5)
    buffers = make_buffers(loss, 20, 7, 0)
    found = buffers.call(loss.gradients)
    assert found.loss.shape == (0,)
    assert found.hidden_gradient.shape == (0, 7)
    assert found.row_gradient.shape == (len(found.rows), 7)
    assert not found.row_gradient.any()
    before = buffers.weights.copy()
    step = loss.step(buffers.hidden, buffers.targets, buffers.weights, buffers.bias, SGD(learning_rate=0.1))
    assert step.loss.shape == (0,)
    assert step.hidden_gradient.shape == (0, 7)
    np.testing.assert_array_equal(buffers.weights, before)
    assert loss.log_likelihood(buffers.hidden, buffers.targets, buffers.weights, buffers.bias).shape == (0,)
    best = loss.top_k(buffers.hidden, buffers.weights, buffers.bias, 3)
    assert best.ids.shape == best.log_probabilities.shape == (0, 3)


# What is promised of hits, of extreme scores, of labels.


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.3}, {"positive": "refined"}], ids=str)
def test_hits_have_no_gradient_at_all(options: dict[str, Any]) -> None:
    """Every draw is the target of the first example: whatever its row, it gets nothing for being drawn."""
    always = UnigramSampler([0, 1, 0], 1.0)
    loss = SampledSoftmax(50, sampler=always, unique=False, **options)
    hidden = np.array([[1.0, -2.0]], np.float32)
    weights = np.array([[0, 0], [3e3, 1e3], [0, 0]], np.float32)
    found = loss.gradients(hidden, [1], weights)
    np.testing.assert_array_equal(found.loss, [0.0])
    assert not found.hidden_gradient.any()
    assert not found.row_gradient.any()
    negatives = NegativeSampling(50, sampler=always).gradients(hidden, [1], np.zeros_like(weights))
    assert negatives.loss[0] == pytest.approx(math.log(2), rel=1e-6)
    removed = NCE(50, sampler=always, remove_accidental_hits=True).gradients(hidden, [1], np.zeros_like(weights))
    assert removed.loss[0] == pytest.approx(math.log1p(50), rel=1e-6)


def test_all_duplicates_of_a_hit_are_masked_for_its_example_alone() -> None:
    loss = SampledSoftmax(64, sampler=UnigramSampler([1, 2, 1], 1.0), unique=False)
    buffers = make_buffers(loss, 3, 4, 6)
    assert np.bincount(loss.sampler.sample(64, seed=3).ids).min() > 5
    assert_gradients(loss, buffers, seed=3, threads=1, what="duplicates")


@pytest.mark.parametrize("sign", [-1, 1])
@EVERY
def test_scores_of_ten_thousand_stay_finite(name: str, sign: int) -> None:
    loss = ALL_LOSSES[name](20, 8)
    for num_true in (None, 2):
        buffers = make_buffers(loss, 20, 4, 12, num_true=num_true)
        buffers.weights[:] = 1e4 * np.sign(buffers.weights)
        buffers.hidden[:] = 0
        buffers.hidden[:, 0] = sign
        expected = expected_gradients(loss, buffers, 1)
        found = buffers.call(loss.gradients, seed=1)
        for field in ("loss", "hidden_gradient", "row_gradient", "bias_gradient"):
            assert np.isfinite(getattr(found, field)).all(), field
        assert_close(found.loss, expected.loss, name)
        # A float32 of 10,000 is known to 2^-11, and probabilities are as well as scores are.
        assert_close(found.row_gradient, expected.weights[found.rows], name, tolerance=2e-3)
        likelihood = loss.log_likelihood(buffers.hidden, buffers.targets, buffers.weights, buffers.bias)
        assert np.isfinite(likelihood).all()


@pytest.mark.parametrize("smoothing", [1e-6, 0.5, 0.999999])
def test_smoothed_labels_are_finite_whatever_is_masked(smoothing: float) -> None:
    sampler = UnigramSampler([1000, 1, 1, 1], 1.0)  # nearly all draws are hits of target 0
    for multi_label in ("split", "independent"):
        loss = SampledSoftmax(40, sampler=sampler, unique=False, label_smoothing=smoothing, multi_label=multi_label)
        for num_true in (None, 3):
            buffers = make_buffers(loss, 4, 5, 30, num_true=num_true, scale=10.0)
            expected = expected_gradients(loss, buffers, 2)
            found = buffers.call(loss.gradients, seed=2)
            assert np.isfinite(found.loss).all()
            assert_close(found.loss, expected.loss, "loss")
            assert_close(found.row_gradient, expected.weights[found.rows], "rows")


@EVERY
def test_examples_of_weight_zero_leave_no_trace(name: str) -> None:
    loss = ALL_LOSSES[name](30, 8)
    buffers = make_buffers(loss, 30, 6, 9)
    nothing = Buffers(
        hidden=buffers.hidden,
        targets=buffers.targets,
        weights=buffers.weights,
        bias=buffers.bias,
        example_weights=np.zeros(9),
    )
    found = nothing.call(loss.gradients, seed=1)
    for field in ("loss", "hidden_gradient", "row_gradient", "bias_gradient"):
        assert not getattr(found, field).any(), field


def test_example_weights_scale_losses_and_gradients() -> None:
    loss = SampledSoftmax(9, sampler=UniformSampler(20))
    buffers = make_buffers(loss, 20, 6, 5)
    arguments = (buffers.hidden, buffers.targets, buffers.weights)
    plain = loss.gradients(*arguments, seed=4)
    tripled = loss.gradients(*arguments, seed=4, example_weights=[3, 3, 3, 3, 3])
    assert_close(tripled.loss, 3 * plain.loss, "loss")
    assert_close(tripled.row_gradient, 3 * plain.row_gradient, "rows")
    assert_close(tripled.hidden_gradient, 3 * plain.hidden_gradient, "hidden")


@EVERY
def test_buffers_that_are_only_read_are_not_changed(name: str) -> None:
    loss = ALL_LOSSES[name](30, 8)
    buffers = make_buffers(loss, 30, 6, 9)
    kept = copy.deepcopy(buffers)
    for array in (buffers.hidden, buffers.weights, buffers.bias, buffers.targets):
        assert array is not None
        array.flags.writeable = False
    buffers.call(loss.gradients)
    loss.log_likelihood(buffers.hidden, buffers.targets, buffers.weights, buffers.bias)
    loss.top_k(buffers.hidden, buffers.weights, buffers.bias, 2)
    for field in ("hidden", "weights", "bias", "targets"):
        np.testing.assert_array_equal(getattr(buffers, field), getattr(kept, field))


def test_samplers_that_learn_see_the_targets_of_every_call() -> None:
    learned, seen = LearnedUnigramSampler(10), LearnedUnigramSampler(10)
    loss = SampledSoftmax(4, sampler=learned)
    buffers = make_buffers(loss, 10, 5, 7)
    state = SGD(learning_rate=0.1)
    for seed in (1, 2):
        assert_gradients(loss, buffers, seed=seed, threads=1, what="learned")
        seen.update(buffers.targets)
        loss.step(buffers.hidden, buffers.targets, buffers.weights, buffers.bias, state, seed=seed)
        seen.update(buffers.targets)
        np.testing.assert_array_equal(learned.probability(), seen.probability())
    in_batch, seen_in_batch = InBatchSampler(10), InBatchSampler(10)
    loss = SampledSoftmax(None, sampler=in_batch)
    for seed in (1, 2):
        assert_gradients(loss, buffers, seed=seed, threads=1, what="in batch")
        seen_in_batch.update(buffers.targets)
        np.testing.assert_array_equal(in_batch.probability(), seen_in_batch.probability())


def test_a_draw_of_all_ids_is_the_full_softmax() -> None:
    buffers = make_buffers(Softmax(), 40, 20, 15, num_true=2)
    for options in ({}, {"temperature": 0.5}, {"label_smoothing": 0.1}, {"multi_label": "independent"}):
        full = buffers.call(Softmax(**options).gradients)
        sampled = buffers.call(SampledSoftmax(40, sampler=UniformSampler(40), **options).gradients)
        assert_close(sampled.loss, full.loss, str(options))
        assert_close(sampled.row_gradient, full.row_gradient, str(options))


# Steps.

STEPPED = [
    "negative sampling",
    "nce",
    "tf",
    "tf, cosine",
    "tf, whole batch",
    "importance",
    "refined",
    "softmax",
    "one-vs-all",
    "huffman",
    "classes",
]


@pytest.mark.parametrize("bias", [False, True], ids=["no bias", "bias"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("name", STEPPED)
def test_a_step_applies_the_optimizer_to_the_gradients(name: str, optimizer: Any, bias: bool) -> None:
    v, dim, batch = 30, 17, 13
    loss = ALL_LOSSES[name](v, 6)
    first = make_buffers(loss, v, dim, batch, bias=bias, padding=3)
    weights, biases = first.weights, first.bias
    began = weights.copy()
    state = optimizer if isinstance(optimizer, SGD) else optimizer.start(weights, biases)
    expected = Reference(weights, optimizer)
    expected_bias = None if biases is None else Reference(biases, optimizer)
    for turn in range(4):
        given = make_buffers(loss, v, dim, batch, num_true=(None, 2)[turn % 2], bias=bias, weighted=True, seed=turn)
        # The gradients at the very rows that the step finds, so that only the rule is compared.
        gradients = copy.deepcopy(loss).gradients(
            given.hidden, given.targets, weights, biases, seed=turn, example_weights=given.example_weights, threads=1
        )
        found = loss.step(
            given.hidden,
            given.targets,
            weights,
            biases,
            state,
            seed=turn,
            example_weights=given.example_weights,
            threads=1,
        )
        np.testing.assert_allclose(found.loss, gradients.loss, rtol=1e-6)
        assert_close(found.hidden_gradient, gradients.hidden_gradient, "hidden gradient")
        expected.step(gradients.rows, gradients.row_gradient, optimizer.learning_rate)
        if expected_bias is not None:
            assert gradients.bias_gradient is not None
            expected_bias.step(gradients.rows, gradients.bias_gradient, optimizer.learning_rate)
            # Rounded to float32 at every step: 2^-24 of numbers up to some units, a few times.
            np.testing.assert_allclose(biases, expected_bias.table[:, 0], rtol=0, atol=2e-6)
        np.testing.assert_allclose(weights, expected.table, rtol=0, atol=2e-6)
    assert np.isnan(weights.base[:, dim:]).all()  # what lies between the rows
    assert np.abs(weights - began).max() > 1e-3


@pytest.mark.parametrize("threads", [1, 2])
@EVERY
def test_a_step_of_gradient_descent_is_the_reference_s(name: str, threads: int) -> None:
    loss = ALL_LOSSES[name](150, 40)
    buffers = make_buffers(loss, 150, 33, 130, num_true=2, weighted=True)
    expected = expected_gradients(loss, buffers, 3)
    before, before_bias = buffers.weights.copy(), buffers.bias.copy()
    found = buffers.call(
        lambda *arguments, **options: loss.step(*arguments, SGD(learning_rate=0.5), **options), seed=3, threads=threads
    )
    assert_close(found.loss, expected.loss, "loss")
    assert_close(found.hidden_gradient, expected.hidden, "hidden")
    # Rounding of the stored row, 2^-24 of its size, is beyond the tolerance of the step.
    change, bias_change = buffers.weights - before, buffers.bias - before_bias
    scale = 0.5 * np.abs(expected.weights).max()
    np.testing.assert_allclose(change, -0.5 * expected.weights, rtol=0, atol=1e-5 * scale + 1e-6)
    np.testing.assert_allclose(
        bias_change, -0.5 * expected.bias, rtol=0, atol=1e-5 * np.abs(expected.bias).max() + 1e-6
    )


def test_the_learning_rate_of_a_call_goes_before_that_of_the_optimizer() -> None:
    buffers = make_buffers(Softmax(), 12, 5, 6)
    steps = []
    for optimizer, rate in ((SGD(learning_rate=0.1), None), (SGD(), 0.1), (SGD(learning_rate=7.0), 0.1)):
        given = copy.deepcopy(buffers)
        Softmax().step(given.hidden, given.targets, given.weights, given.bias, optimizer, learning_rate=rate)
        steps.append(given.weights)
    np.testing.assert_array_equal(steps[0], steps[1])
    np.testing.assert_array_equal(steps[0], steps[2])
    assert not np.array_equal(steps[0], buffers.weights)


@pytest.mark.parametrize("optimizer", WITH_STATE, ids=repr)
def test_the_state_of_an_optimizer_is_live_arrays(optimizer: Any) -> None:
    buffers = make_buffers(Softmax(), 12, 5, 6)
    state = optimizer.start(buffers.weights, buffers.bias)
    assert state.arrays
    assert all(isinstance(array, np.ndarray) for array in state.arrays.values())
    held = dict(state.arrays)
    before = {name: array.copy() for name, array in held.items()}
    Softmax().step(buffers.hidden, buffers.targets, buffers.weights, buffers.bias, state)
    for name, array in held.items():
        assert state.arrays[name] is array or np.shares_memory(state.arrays[name], array), name
        unused = isinstance(optimizer, Momentum) and not optimizer.average and "steps" in name
        assert np.array_equal(array, before[name]) == unused, name


@pytest.mark.parametrize("optimizer", WITH_STATE, ids=repr)
def test_rows_and_state_put_back_make_the_same_step_again(optimizer: Any) -> None:
    buffers = make_buffers(Softmax(), 12, 5, 6)
    state = optimizer.start(buffers.weights, buffers.bias)
    Softmax().step(buffers.hidden, buffers.targets, buffers.weights, buffers.bias, state, threads=1)
    kept = [buffers.weights.copy(), buffers.bias.copy(), {name: a.copy() for name, a in state.arrays.items()}]
    Softmax().step(buffers.hidden, buffers.targets, buffers.weights, buffers.bias, state, threads=1)
    first = buffers.weights.copy()
    assert not np.array_equal(first, kept[0])
    buffers.weights[:], buffers.bias[:] = kept[:2]
    for name, array in state.arrays.items():
        array[...] = kept[2][name]
    state.num_steps = 1
    Softmax().step(buffers.hidden, buffers.targets, buffers.weights, buffers.bias, state, threads=1)
    np.testing.assert_array_equal(buffers.weights, first)


def test_rows_that_repeat_among_targets_get_the_sum_of_their_gradients() -> None:
    hidden = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]], np.float32)
    for optimizer in OPTIMIZERS:
        weights = np.zeros((4, 2), np.float32)
        state = optimizer if isinstance(optimizer, SGD) else optimizer.start(weights, None)
        OneVsAll().step(hidden, [1, 1, 1], weights, None, state)
        expected = Reference(np.zeros((4, 2)), optimizer)
        total = np.array([[1.5, 1.5]])  # of sigmoid(0) = 1/2 of every example
        expected.step(np.arange(4), np.concatenate([total, -total, total, total]), optimizer.learning_rate)
        np.testing.assert_allclose(weights, expected.table, rtol=1e-6)


def test_many_steps_learn_what_stands_beside_what() -> None:
    """Pairs (i, i + 1 mod 10): each loss must put the right output first."""
    random = np.random.default_rng(1)
    for name in ALL_LOSSES:
        if "hits kept" in name:  # a softmax with the target among its own noise
            continue
        loss = ALL_LOSSES[name](10, 5)
        buffers = make_buffers(loss, 10, 12, 10, scale=0.1)
        inputs, weights, biases = buffers.hidden.copy(), buffers.weights, np.zeros(len(buffers.weights), np.float32)
        optimizer, rows = AdaGrad(learning_rate=0.3), np.arange(10)
        state = optimizer.start(weights, biases)
        for step in range(150):
            order = random.permutation(rows)
            found = loss.step(inputs[order], (order + 1) % 10, weights, biases, state, seed=step + 1, threads=1)
            inputs[order] -= 0.3 * found.hidden_gradient
        best = loss.top_k(inputs, weights, biases, 1)
        assert best.ids[:, 0].tolist() == ((rows + 1) % 10).tolist(), name


# Probabilities.


@pytest.mark.parametrize("dim", DIMS)
@EVERY
def test_log_likelihood_and_top_k_are_those_of_all_outputs(name: str, dim: int) -> None:
    place = DIMS.index(dim) + list(ALL_LOSSES).index(name)
    batch = BATCHES[place % len(BATCHES)]
    v = (8, 150)[place // 2 % 2]
    loss = ALL_LOSSES[name](v, 6)
    buffers = make_buffers(loss, v, dim, batch, bias=place % 3 > 0, padding=place % 3)
    log_p = dense(loss, buffers)
    threads = 1 + place % 2
    each = np.arange(batch)
    random = np.random.default_rng(place)
    for targets in (buffers.targets, random.integers(v, size=(batch, 3))):
        found = loss.log_likelihood(buffers.hidden, targets, buffers.weights, buffers.bias, threads=threads)
        if name == "one-vs-all":
            yes = np.zeros((batch, v), bool)
            yes[each[:, None], targets.reshape(batch, -1)] = True
            no = log_p - (buffers.hidden.astype(float) @ buffers.weights.astype(float).T)
            no -= 0 if buffers.bias is None else buffers.bias
            expected = np.where(yes, log_p, no).sum(axis=1)
        else:
            expected = log_p[each[:, None], targets.reshape(batch, -1)].mean(axis=1)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        perplexity = loss.perplexity(buffers.hidden, targets, buffers.weights, buffers.bias, threads=threads)
        assert perplexity == pytest.approx(math.exp(-found.mean()), rel=1e-12)
    for k in (1, 7, v):
        best = loss.top_k(buffers.hidden, buffers.weights, buffers.bias, k, threads=threads)
        assert best.ids.shape == best.log_probabilities.shape == (batch, k)
        assert best.ids.dtype == np.int32
        # The k-th best by double precision, and the very ids where the next are not within rounding of each other.
        ordered = -np.sort(-log_p, axis=1)[:, :k]
        np.testing.assert_allclose(best.log_probabilities, ordered, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(log_p[each[:, None], best.ids], ordered, rtol=1e-5, atol=2e-5)
        assert all(len(set(row)) == k for row in best.ids.tolist())


@pytest.mark.parametrize("name", [name for name in ALL_LOSSES if "huffman" not in name])
def test_equal_outputs_come_in_the_order_of_their_ids(name: str) -> None:
    loss = ALL_LOSSES[name](40, 6)
    buffers = make_buffers(loss, 40, 9, 5)
    buffers.weights[:] = buffers.weights[0]
    equal = np.zeros(len(buffers.weights), np.float32)
    found = loss.top_k(buffers.hidden, buffers.weights, equal, 40)
    for ids, log_p in zip(found.ids, found.log_probabilities, strict=True):
        assert (np.diff(log_p) <= 0).all()
        assert all(a < b for a, b, fall in zip(ids, ids[1:], np.diff(log_p), strict=False) if fall == 0)
        assert sorted(ids.tolist()) == list(range(40))
    if not isinstance(loss, (NegativeSampling, HierarchicalSoftmax)):
        np.testing.assert_array_equal(found.ids, np.tile(np.arange(40), (5, 1)))


def test_probabilities_of_top_k_of_all_outputs_sum_to_one() -> None:
    for name in ALL_LOSSES:
        loss = ALL_LOSSES[name](60, 6)
        if isinstance(loss, OneVsAll):
            continue
        buffers = make_buffers(loss, 60, 9, 5, scale=5.0)
        found = loss.top_k(buffers.hidden, buffers.weights, buffers.bias, 60)
        np.testing.assert_allclose(np.exp(found.log_probabilities).sum(axis=1), 1, rtol=1e-6, err_msg=name)


def test_an_output_without_noise_has_no_probability_under_negative_sampling() -> None:
    loss = NegativeSampling(3, sampler=UnigramSampler([2, 0, 1, 1], 1.0))
    buffers = make_buffers(loss, 4, 5, 3)
    assert (loss.log_likelihood(buffers.hidden, [1, 1, 1], buffers.weights, buffers.bias) == -np.inf).all()
    best = loss.top_k(buffers.hidden, buffers.weights, buffers.bias, 4)
    assert (best.ids[:, 3] == 1).all()
    assert (best.log_probabilities[:, 3] == -np.inf).all()


PROBE = """
    import resource, sys
    import numpy as np
    import hogvec
    v, batch = 200_000, 512
    random = np.random.default_rng(1)
    hidden = random.normal(size=(batch, 4)).astype(np.float32)
    weights = random.normal(size=(v, 4)).astype(np.float32)
    targets = random.integers(v, size=batch)
    sampled = hogvec.SampledSoftmax(512, sampler=hogvec.LogUniformSampler(v))
    calls = {
        "log_likelihood": lambda: hogvec.Softmax().log_likelihood(hidden, targets, weights, threads=2),
        "top_k": lambda: hogvec.Softmax().top_k(hidden, weights, None, 10, threads=2),
        "gradients": lambda: sampled.gradients(hidden, targets, weights, threads=2),
        "full gradients": lambda: hogvec.Softmax().gradients(hidden, targets, weights, threads=2),
    }
    unit = 1 if sys.platform == "darwin" else 1024
    sampled.gradients(hidden[:2], targets[:2], weights)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    calls[sys.argv[1]]()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before)
"""


@pytest.mark.parametrize("method", ["log_likelihood", "top_k", "gradients", "full gradients"])
def test_scores_of_all_outputs_are_never_held_at_once(method: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROBE), method], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 512 * 200_000 * 4 / 4  # a quarter of the scores in single precision


def test_hard_negatives_are_the_best_scored_of_their_group() -> None:
    """By hand: every group holds one output of a high score, which alone gets a gradient."""
    sampler = HardOf(3, UniformSampler(9))
    loss = NegativeSampling(3, sampler=sampler)
    groups = sampler.sampler.sample(9, unique=True, seed=6).ids.reshape(3, 3)
    hidden = np.ones((1, 1), np.float32)
    weights = np.zeros((9, 1), np.float32)
    best = groups[:, 1]
    weights[best, 0] = [1.0, 2.0, 3.0]
    target = int(groups[0, 0])
    found = loss.gradients(hidden, [target], weights, seed=6)
    moved = found.rows[found.row_gradient[:, 0] > 0]
    assert moved.tolist() == sorted(best.tolist())


def test_the_tree_of_a_loss_is_used_whatever_its_counts() -> None:
    counts = zipf(50)
    huffman = HierarchicalSoftmax(tree=HuffmanTree(counts))
    buffers = make_buffers(huffman, 50, 6, 4)
    found = buffers.call(huffman.gradients)
    likelihood = huffman.log_likelihood(buffers.hidden, buffers.targets, buffers.weights, buffers.bias)
    np.testing.assert_allclose(found.loss, -likelihood, rtol=1e-5)
    touched = np.unique(np.concatenate([huffman.tree.path(int(target)) for target in buffers.targets]))
    np.testing.assert_array_equal(found.rows, touched)


def test_sampled_losses_touch_their_targets_and_draws_alone() -> None:
    sampler = LogUniformSampler(10_000)
    for loss in (SampledSoftmax(20, sampler=sampler), NegativeSampling(20, sampler=sampler), NCE(20, sampler=sampler)):
        buffers = make_buffers(loss, 10_000, 4, 8)
        draws = sampler.sample(20, unique=isinstance(loss, SampledSoftmax), seed=9).ids
        found = buffers.call(loss.gradients, seed=9)
        np.testing.assert_array_equal(found.rows, np.unique(np.concatenate([draws, buffers.targets])))


INTERRUPTED = {
    # Of some minutes. Phases of some milliseconds, one long one, own candidates alone, two levels.
    "softmax": lambda: (Softmax(), 200_000),
    "sampled": lambda: (SampledSoftmax(60_000, sampler=UniformSampler(200_000)), 200_000),
    "one-vs-all": lambda: (OneVsAll(), 200_000),
    "huffman": lambda: (HierarchicalSoftmax(tree=HuffmanTree(np.ones(200_001, np.int64))), 200_000),
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("method", ["gradients", "step", "log_likelihood", "top_k"])
@pytest.mark.parametrize("name", INTERRUPTED)
def test_long_calls_stop_for_an_interrupt_and_change_nothing(name: str, method: str, threads: int) -> None:
    loss, rows = INTERRUPTED[name]()
    batch = 300_000 if name == "huffman" else 20_000
    hidden, weights = np.full((batch, 8), 0.5, np.float32), np.zeros((rows, 8), np.float32)
    targets = np.arange(batch) % rows
    call = {
        "gradients": lambda: loss.gradients(hidden, targets, weights, threads=threads),
        "step": lambda: loss.step(hidden, targets, weights, None, SGD(learning_rate=0.1), threads=threads),
        "log_likelihood": lambda: loss.log_likelihood(hidden, targets, weights, threads=threads),
        "top_k": lambda: loss.top_k(hidden, weights, None, 5, threads=threads),
    }[method]
    began = time.perf_counter()
    timer = threading.Timer(0.2, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    try:
        call()
    except KeyboardInterrupt:
        assert time.perf_counter() - began < 3  # 0.5 where nothing else runs
        assert not weights.any()
    else:  # so fast a machine that there was nothing to stop
        timer.cancel()
        assert name == "huffman"
        assert time.perf_counter() - began < 3
