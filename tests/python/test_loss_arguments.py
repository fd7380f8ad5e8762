"""What the losses over buffers refuse: errors name the argument, the rule and the value, and nothing has changed.

Long, since every kind of wrong argument has a test of its own.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from hogvec import (
    NCE,
    SGD,
    Adam,
    BalancedTree,
    ClassTree,
    HierarchicalSoftmax,
    InBatchSampler,
    LogUniformSampler,
    Momentum,
    NegativeSampling,
    OneVsAll,
    SampledSoftmax,
    Softmax,
    UniformSampler,
    UnigramSampler,
)

V, DIM, B = 8, 5, 3
METHODS = ["gradients", "step", "log_likelihood", "perplexity", "top_k"]
LOSSES: dict[str, Any] = {
    "negative sampling": NegativeSampling(3, sampler=UniformSampler(V)),
    "nce": NCE(3, sampler=UniformSampler(V)),
    "sampled softmax": SampledSoftmax(3, sampler=UniformSampler(V)),
    "softmax": Softmax(),
    "one-vs-all": OneVsAll(),
    "binary tree": HierarchicalSoftmax(tree=BalancedTree(V + 1)),
    "classes": HierarchicalSoftmax(tree=ClassTree(classes=[0, 0, 1, 0, 1, 0])),  # 2 + 6 rows
}
EVERY_LOSS = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
EVERY_METHOD = pytest.mark.parametrize("method", METHODS)


def good() -> dict[str, Any]:
    random = np.random.default_rng(1)
    return {
        "hidden": random.normal(size=(B, DIM)).astype(np.float32),
        "targets": np.array([0, 5, 1]),
        "weights": random.normal(size=(V, DIM)).astype(np.float32),
        "bias": random.normal(size=V).astype(np.float32),
    }


def call(loss: Any, method: str, /, **changes: Any) -> Any:
    arguments = {**good(), **changes}
    options = {name: arguments.pop(name) for name in list(arguments) if name not in good()}
    if method == "top_k":
        arguments.pop("targets")
        return loss.top_k(**arguments, **{"k": 2, **options})
    if method == "step":
        return loss.step(**arguments, **{"optimizer": SGD(learning_rate=0.1), **options})
    return getattr(loss, method)(**arguments, **options)


def unaligned(array: np.ndarray) -> np.ndarray:
    raw = bytearray(b"\0" + array.tobytes())
    return np.frombuffer(raw, np.uint8)[1:].view(array.dtype).reshape(array.shape)


@EVERY_METHOD
@EVERY_LOSS
def test_what_is_right_is_taken(loss: Any, method: str) -> None:
    call(loss, method)
    call(loss, method, bias=None)


F32 = np.float32
BUFFERS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "hidden as a list": ({"hidden": [[1.0] * DIM] * B}, TypeError, "hidden must be a NumPy array of float32, got list"),
    "hidden of doubles": ({"hidden": np.ones((B, DIM))}, TypeError, "hidden must have dtype float32, got float64"),
    "hidden of halves": ({"hidden": np.ones((B, DIM), "f2")}, TypeError, "hidden must have dtype float32, got float16"),
    "hidden of integers": ({"hidden": np.ones((B, DIM), int)}, TypeError, "hidden must have dtype float32, got int64"),
    "hidden of swapped bytes": ({"hidden": np.ones((B, DIM), ">f4")}, TypeError, "hidden must have dtype float32"),
    "hidden of one axis": ({"hidden": np.ones(DIM, F32)}, ValueError, "hidden must have 2 axes, got 1"),
    "hidden of three axes": ({"hidden": np.ones((1, B, DIM), F32)}, ValueError, "hidden must have 2 axes, got 3"),
    "hidden too narrow": ({"hidden": np.ones((B, DIM - 1), F32)}, ValueError, "hidden must have .* 5, got 4"),
    "hidden too wide": ({"hidden": np.ones((B, DIM + 1), F32)}, ValueError, "hidden must have .* 5, got 6"),
    "hidden in Fortran's order": ({"hidden": np.ones((B, DIM), F32, order="F")}, ValueError, "hidden must be contig"),
    "hidden of every second column": ({"hidden": np.ones((B, 2 * DIM), F32)[:, ::2]}, ValueError, "hidden must be con"),
    "hidden mirrored": ({"hidden": np.ones((B, DIM), F32)[:, ::-1]}, ValueError, "hidden must be contiguous"),
    "hidden of one number": (
        {"hidden": np.broadcast_to(F32(1), (B, DIM))},
        ValueError,
        "hidden must be contiguous",
    ),
    "hidden unaligned": ({"hidden": unaligned(np.ones((B, DIM), F32))}, ValueError, "hidden must be aligned"),
    "hidden with NaN": ({"hidden": np.full((B, DIM), np.nan, F32)}, ValueError, "hidden must be finite, got -?nan"),
    "hidden with inf": ({"hidden": np.full((B, DIM), -np.inf, F32)}, ValueError, "hidden must be finite, got -inf"),
    "weights as a list": ({"weights": [[1.0] * DIM] * V}, TypeError, "weights must be a NumPy array of float32"),
    "weights of doubles": ({"weights": np.ones((V, DIM))}, TypeError, "weights must have dtype float32, got float64"),
    "weights of halves": ({"weights": np.ones((V, DIM), "f2")}, TypeError, "weights must have dtype float32, got flo"),
    "weights of one axis": ({"weights": np.ones(V, F32)}, ValueError, "weights must have 2 axes, got (1|shape)"),
    "weights in Fortran's order": (
        {"weights": np.ones((V, DIM), F32, order="F")},
        ValueError,
        "weights must (be cont|have rows that do not overlap)",
    ),
    "weights of every second column": ({"weights": np.ones((V, 2 * DIM), F32)[:, ::2]}, ValueError, "weights must be"),
    "weights unaligned": ({"weights": unaligned(np.ones((V, DIM), F32))}, ValueError, "weights must be aligned"),
    "weights with NaN": ({"weights": np.full((V, DIM), np.nan, F32)}, ValueError, "weights.* must be finite"),
    "bias as a list": ({"bias": [0.0] * V}, TypeError, "bias must be a NumPy array of float32, got list"),
    "bias of doubles": ({"bias": np.ones(V)}, TypeError, "bias must have dtype float32, got float64"),
    "bias of two axes": ({"bias": np.ones((V, 1), F32)}, ValueError, "bias must have 1 axis, got (2|shape)"),
    "bias too short": ({"bias": np.ones(V - 1, F32)}, ValueError, "bias must have .* 8, got 7"),
    "bias too long": ({"bias": np.ones(V + 1, F32)}, ValueError, "bias must have .* 8, got 9"),
    "bias empty": ({"bias": np.ones(0, F32)}, ValueError, "bias must have .*, got (0|none)"),
    "bias of every second number": ({"bias": np.ones(2 * V, F32)[::2]}, ValueError, "bias must be contiguous"),
    "bias with inf": ({"bias": np.full(V, np.inf, F32)}, ValueError, ".*bias must be finite"),
    "no threads": ({"threads": 0}, ValueError, "threads must be at least 1, got 0"),
    "too many threads": ({"threads": 1025}, ValueError, "threads must be at most 1024, got 1025"),
    "half a thread": ({"threads": 0.5}, TypeError, "threads must be an integer, got 0.5"),
}


@pytest.mark.parametrize(("changes", "error", "message"), BUFFERS.values(), ids=BUFFERS.keys())
@EVERY_METHOD
@EVERY_LOSS
def test_buffers_are_checked(
    loss: Any, method: str, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    arguments = {**good(), **changes}
    before = copy.deepcopy(arguments)
    with pytest.raises(error, match=f"^{message}"):
        call(loss, method, **arguments)
    for name in ("hidden", "weights", "bias"):
        np.testing.assert_array_equal(arguments[name], before[name])


@EVERY_METHOD
@EVERY_LOSS
def test_a_single_number_that_is_not_finite_is_found_wherever_it_stands(loss: Any, method: str) -> None:
    for place in ((0, 0), (1, DIM - 1), (B - 1, 2)):
        for value in (np.nan, np.inf, -np.inf):
            hidden = good()["hidden"]
            hidden[place] = value
            with pytest.raises(ValueError, match=f"^hidden must be finite, got -?{abs(value)} in row {place[0]}"):
                call(loss, method, hidden=hidden)


TARGETS: dict[str, tuple[Any, type[Exception], str]] = {
    "negative": ([0, -1, 1], IndexError, "targets must be at least 0 and below {outputs}, got -1"),
    "too large": ([0, 99, 1], IndexError, "targets must be at least 0 and below {outputs}, got 99"),
    "floats": ([0.0, 1.0, 1.0], TypeError, "targets must be integers, got dtype float64"),
    "truths": ([True, False, True], TypeError, "targets must be integers, got dtype bool"),
    "words": (["a", "b", "c"], TypeError, "targets must be integers, got dtype <U1"),
    "too few": ([0, 1], ValueError, "targets must have .* 3, got 2"),
    "too many": ([0, 1, 1, 0], ValueError, "targets must have .* 3, got 4"),
    "none": ([], ValueError, "targets must have .* 3, got 0"),
    "no target an example": (
        np.zeros((B, 0), int),
        ValueError,
        r"targets must have at least one column, got shape \(3, 0\)",
    ),
    "too few of several": (np.zeros((2, 2), int), ValueError, "targets must have .* 3, got 2"),
    "three axes": (np.zeros((B, 1, 1), int), ValueError, r"targets must have one axis or two, got shape \(3, 1, 1\)"),
    "no axes": (3, ValueError, r"targets must have one axis or two, got shape \(\)"),
}


@pytest.mark.parametrize(("targets", "error", "message"), TARGETS.values(), ids=TARGETS.keys())
@pytest.mark.parametrize("method", METHODS[:-1])
@EVERY_LOSS
def test_targets_are_checked(loss: Any, method: str, targets: Any, error: type[Exception], message: str) -> None:
    outputs = loss.tree.num_leaves if isinstance(loss, HierarchicalSoftmax) else V
    with pytest.raises(error, match=f"^{message.format(outputs=outputs)}"):
        call(loss, method, targets=targets)


@EVERY_LOSS
def test_targets_of_any_integer_type_and_layout_are_taken(loss: Any) -> None:
    expected = call(loss, "gradients")
    for targets in (
        [0, 5, 1],
        np.array([0, 5, 1], np.uint8),
        np.array([0, 5, 1], ">i8"),
        np.array([0, 7, 5, 7, 1, 7])[::2],
        np.array([1, 5, 0])[::-1],
        np.array([[0], [5], [1]], np.int16),
        np.array([[0, 5, 1]] * 2).T[:, :1],
    ):
        np.testing.assert_array_equal(call(loss, "gradients", targets=targets).loss, expected.loss)
    both = np.array([[0, 1], [5, 2], [1, 1]])
    np.testing.assert_array_equal(
        call(loss, "gradients", targets=np.asfortranarray(both)).loss, call(loss, "gradients", targets=both).loss
    )


@pytest.mark.parametrize(
    ("example_weights", "error", "message"),
    [
        ([1.0, 1.0], ValueError, "example_weights must have .* 3, got 2"),
        ([[1.0], [1.0], [1.0]], ValueError, r"example_weights must have one axis, got shape \(3, 1\)"),
        ([1.0, -0.5, 1.0], ValueError, r"example_weights must be finite and not negative, got -0\.5"),
        ([1.0, np.nan, 1.0], ValueError, "example_weights must be finite and not negative, got nan"),
        ([1.0, np.inf, 1.0], ValueError, "example_weights must be finite and not negative, got inf"),
        (["a", "b", "c"], TypeError, "example_weights must be numbers, got"),
        ([1j, 1j, 1j], TypeError, "example_weights must be numbers, got"),
    ],
)
@pytest.mark.parametrize("method", ["gradients", "step"])
@EVERY_LOSS
def test_example_weights_are_checked(
    loss: Any, method: str, example_weights: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{message}"):
        call(loss, method, example_weights=example_weights)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("loss", [LOSSES["binary tree"], LOSSES["classes"]], ids=["binary tree", "classes"])
def test_weights_must_have_the_rows_of_the_tree(loss: Any, method: str) -> None:
    for wrong in (V - 1, V + 1):
        with pytest.raises(ValueError, match=rf"^weights must have a row for each .*, 8, got .*{wrong}"):
            call(loss, method, weights=np.ones((wrong, DIM), F32), bias=None)


@EVERY_METHOD
@EVERY_LOSS
def test_there_must_be_outputs(loss: Any, method: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        call(loss, method, weights=np.ones((0, DIM), F32), bias=None)


@EVERY_LOSS
def test_without_columns_the_bias_is_all(loss: Any) -> None:
    empty = {"weights": np.ones((V, 0), F32), "hidden": np.ones((B, 0), F32)}
    zeros = {"weights": np.zeros((V, DIM), F32), "hidden": np.zeros((B, DIM), F32)}
    for method in ("gradients", "step"):
        found, expected = call(loss, method, **empty), call(loss, method, **zeros)
        np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-6)
        assert found.hidden_gradient.shape == (B, 0)


# Steps.


def test_weights_that_cannot_be_written_are_refused() -> None:
    for name in ("weights", "bias"):
        arrays = good()
        arrays[name].flags.writeable = False
        with pytest.raises(ValueError, match=f"^{name} must be writ(e)?able"):
            Softmax().step(**arrays, optimizer=SGD(learning_rate=0.1))
        Softmax().gradients(**arrays)


def test_rows_that_overlap_are_refused() -> None:
    arrays = good()
    overlapping = np.lib.stride_tricks.as_strided(np.ones(100, F32), (V, DIM), (4 * (DIM - 1), 4))
    same = np.lib.stride_tricks.as_strided(np.ones(100, F32), (V, DIM), (0, 4))
    for weights in (overlapping, same):
        with pytest.raises(ValueError, match=r"^weights must have rows that do not overlap, got a stride of \d+"):
            Softmax().step(**{**arrays, "weights": weights}, optimizer=SGD(learning_rate=0.1))
        assert (weights == 1).all()
        Softmax().gradients(**{**arrays, "weights": weights})  # reading does no harm


def test_buffers_that_share_memory_with_the_weights_are_refused() -> None:
    """Gradients are taken before anything changes, but hidden vectors belong to the caller and must not change."""
    memory = np.random.default_rng(2).normal(size=(V + B, DIM)).astype(F32)
    flat = memory.reshape(-1)
    for changes, name in (
        ({"weights": memory[:V], "hidden": memory[V - 1 : V - 1 + B]}, "hidden"),
        ({"weights": memory[:V], "hidden": memory[:B]}, "hidden"),
        ({"weights": memory[:V], "bias": flat[:V]}, "bias"),
        ({"weights": memory[:V], "bias": flat[V * DIM - 1 : V * DIM - 1 + V]}, "bias"),
        ({"hidden": memory[:B], "bias": flat[B * DIM - 1 : B * DIM - 1 + V]}, "hidden"),
    ):
        before = memory.copy()
        message = f"^(weights|bias) must share no memory with {name}"
        with pytest.raises(ValueError, match=message):
            call(Softmax(), "step", **changes)
        np.testing.assert_array_equal(memory, before)
        call(Softmax(), "gradients", **changes)  # reading does no harm
    # Side by side in one table is no overlap: rows of one stride between those of another.
    wide = np.random.default_rng(3).normal(size=(V, 2 * DIM)).astype(F32)
    call(Softmax(), "step", weights=wide[:, :DIM], hidden=memory[V:])
    call(Softmax(), "step", weights=memory[:V], hidden=memory[V:])


@pytest.mark.parametrize(
    ("optimizer", "rate", "error", "message"),
    [
        (SGD(), None, ValueError, "learning_rate must be given"),
        (SGD(learning_rate=0.1), -1.0, ValueError, "learning_rate must be at least 0, got -1"),
        (SGD(learning_rate=0.1), float("nan"), ValueError, "learning_rate must be finite, got nan"),
        (SGD(learning_rate=0.1), "fast", TypeError, "learning_rate must be a number, got 'fast'"),
        (0.1, None, TypeError, r"optimizer must be .*, got 0\.1"),
        (None, None, TypeError, "optimizer must be .*, got None"),
        (Adam(learning_rate=0.1), None, ValueError, r"optimizer must .*start.*, got Adam\("),
    ],
)
def test_optimizers_are_checked(optimizer: Any, rate: Any, error: type[Exception], message: str) -> None:
    arrays = good()
    before = arrays["weights"].copy()
    with pytest.raises(error, match=f"^{message}"):
        Softmax().step(**arrays, optimizer=optimizer, learning_rate=rate)
    np.testing.assert_array_equal(arrays["weights"], before)


def test_the_state_of_an_optimizer_is_for_tables_of_its_shape() -> None:
    arrays = good()
    adam = Adam(learning_rate=0.1)
    for weights, bias in (
        (np.ones((V + 1, DIM), F32), np.ones(V + 1, F32)),
        (np.ones((V, DIM + 1), F32), np.ones(V, F32)),
        (np.ones((V, DIM), F32), None),
    ):
        with pytest.raises(ValueError, match=r"^the optimizer's state must be for .*, got"):
            Softmax().step(**arrays, optimizer=adam.start(weights, bias))
    with pytest.raises(
        ValueError, match=r"^the optimizer's state must be for .*, got"
    ):  # of a table with a bias, for one without
        Softmax().step(**{**arrays, "bias": None}, optimizer=adam.start(arrays["weights"], arrays["bias"]))
    with pytest.raises((TypeError, ValueError), match=r"^weights must "):
        Momentum(learning_rate=0.1).start([1.0], None)  # type: ignore[arg-type]


# What a sampler and a loss must be to each other and to the weights.


@EVERY_METHOD
def test_a_loss_that_samples_needs_a_sampler(method: str) -> None:
    for loss in (NegativeSampling(3), NCE(3), SampledSoftmax(3)):
        if method in ("log_likelihood", "perplexity", "top_k") and not isinstance(loss, NegativeSampling):
            call(loss, method)  # the softmax of the scores, whatever the noise was
            continue
        with pytest.raises(ValueError, match=r"^sampler must be given outside a trainer, got None"):
            call(loss, method)
    with pytest.raises(ValueError, match=r"^tree must be given outside a trainer, got None"):
        call(HierarchicalSoftmax(), method)


@pytest.mark.parametrize("method", ["gradients", "step"])
def test_a_sampler_must_have_an_id_for_each_row(method: str) -> None:
    for other in (V - 1, V + 1):
        for loss in (
            NegativeSampling(3, sampler=UniformSampler(other)),
            NCE(3, sampler=LogUniformSampler(other)),
            SampledSoftmax(3, sampler=UniformSampler(other)),
        ):
            with pytest.raises(
                ValueError, match=rf"^(sampler|weights) must have .*{V}, got {other}|.*{other}, got {V}"
            ):
                call(loss, method)


@pytest.mark.parametrize("method", ["gradients", "step"])
def test_a_target_that_is_never_drawn_has_no_correction(method: str) -> None:
    never = UnigramSampler([5, 4, 3, 2, 1, 0, 1, 1], 1.0)  # 5 is a target
    for loss in (
        SampledSoftmax(3, sampler=never),
        SampledSoftmax(3, sampler=never, positive="importance"),  # its normaliser would never hold the target
        NCE(3, sampler=never),
    ):
        arrays = good()
        before = arrays["weights"].copy()
        with pytest.raises(ValueError, match=r"^sampler must draw every target, got probability 0 for id 5$"):
            call(loss, method, **arrays)
        np.testing.assert_array_equal(arrays["weights"], before)
        call(loss, method, targets=[0, 1, 2])
    for loss in (
        NegativeSampling(3, sampler=never),
        SampledSoftmax(3, sampler=never, positive="refined"),
    ):
        found = call(loss, method)  # their target is not corrected
        assert np.isfinite(found.loss).all()


@pytest.mark.parametrize("method", ["gradients", "step"])
def test_there_must_be_as_many_ids_as_distinct_draws(method: str) -> None:
    with pytest.raises(ValueError, match=r"^num_sampled must be at most .* 8 .*, got 9"):
        SampledSoftmax(9, sampler=UniformSampler(V))
    few = UnigramSampler([1, 1, 1, 0, 0, 0, 0, 0], 1.0)
    with pytest.raises(ValueError, match=r"^(n|num_sampled) must be at most 3, .*, got 4"):
        call(SampledSoftmax(4, sampler=few), method, targets=[0, 1, 2])
    with pytest.raises(ValueError, match=r"^(n|num_sampled) must be at most 2, .*, got 3"):
        call(SampledSoftmax(3, sampler=InBatchSampler(V)), method, targets=[0, 1, 1])
    call(SampledSoftmax(30, sampler=UniformSampler(V), unique=False), method)


def test_refined_takes_several_targets_only_as_examples_of_their_own() -> None:
    loss = SampledSoftmax(3, sampler=UniformSampler(V), positive="refined")
    with pytest.raises(ValueError, match=r"^(multi_label|targets) must .*independent.*|.*split"):
        call(loss, "gradients", targets=[[0, 1], [1, 2], [3, 4]])
    call(loss, "gradients", targets=[[0], [1], [3]])


def test_a_failed_call_teaches_a_sampler_nothing() -> None:
    sampler = InBatchSampler(V)
    sampler.update([0, 1, 2, 3])
    before = sampler.probability().copy()
    loss = SampledSoftmax(None, sampler=sampler)
    for changes in ({"hidden": np.full((B, DIM), np.nan, F32)}, {"targets": [0, 1]}, {"bias": np.ones(V)}):
        with pytest.raises((ValueError, TypeError)):
            call(loss, "gradients", **changes)
        np.testing.assert_array_equal(sampler.probability(), before)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "1"])
@pytest.mark.parametrize("method", ["gradients", "step"])
@EVERY_LOSS
def test_seeds_are_checked(loss: Any, method: str, seed: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^seed must be "):
        call(loss, method, seed=seed)


@pytest.mark.parametrize(
    ("k", "error", "message"),
    [
        (0, ValueError, "k must be at least 1, got 0"),
        (99, ValueError, "k must be at most {outputs}, got 99"),
        (2.0, TypeError, r"k must be an integer, got 2\.0"),
    ],
)
@EVERY_LOSS
def test_the_number_of_best_outputs_is_checked(loss: Any, k: Any, error: type[Exception], message: str) -> None:
    outputs = loss.tree.num_leaves if isinstance(loss, HierarchicalSoftmax) else V
    with pytest.raises(error, match=f"^{message.format(outputs=outputs)}$"):
        call(loss, "top_k", k=k)


def test_a_row_with_nan_that_no_example_touches_does_no_harm_and_one_that_does_is_named() -> None:
    draws = UniformSampler(V).sample(3, seed=1).ids
    loss = NegativeSampling(3, sampler=UniformSampler(V))
    weights = good()["weights"]
    untouched = np.setdiff1d(np.arange(V), [0, 5, 1, *draws])
    weights[untouched] = np.nan
    assert np.isfinite(call(loss, "gradients", weights=weights, seed=1).loss).all()
    weights[5, 2] = np.nan
    for method in ("gradients", "step"):
        with pytest.raises(ValueError, match=r"^weights.* must be finite, got .*5"):
            call(loss, method, weights=weights, seed=1)


def test_scores_that_overflow_are_refused_and_not_learnt() -> None:
    huge = np.full((V, DIM), 3e38, F32)
    for name, loss in LOSSES.items():
        if name == "binary tree":  # it scores in double precision
            continue
        for method in METHODS:
            with pytest.raises(ValueError, match=r"^scores must be finite, got one beyond the range of float32"):
                call(loss, method, weights=huge, hidden=np.full((B, DIM), 3e38, F32))


@EVERY_LOSS
def test_keywords_are_keywords(loss: Any) -> None:
    arrays = good()
    with pytest.raises(TypeError):
        loss.gradients(arrays["hidden"], arrays["targets"], arrays["weights"], arrays["bias"], 1)
    with pytest.raises(TypeError):
        loss.gradients(**arrays, sead=1)


def test_perplexity_of_no_examples_has_no_value() -> None:
    with pytest.raises(ValueError, match=r"^(hidden|targets) must .*(at least one|not be empty)"):
        call(Softmax(), "perplexity", hidden=np.ones((0, DIM), F32), targets=[])


def test_a_perplexity_beyond_the_floats_is_infinite() -> None:
    weights = np.zeros((V, DIM), F32)
    weights[0, 0] = 1e4
    hidden = np.ones((B, DIM), F32)
    assert call(Softmax(), "perplexity", hidden=hidden, targets=[1, 2, 3], weights=weights) == np.inf


def test_example_weights_beyond_float32_are_refused_without_a_warning() -> None:
    with pytest.raises(ValueError, match=r"^example_weights must be finite"):
        call(Softmax(), "gradients", example_weights=[1e39, 1.0, 1.0])


def test_buffers_that_are_none_are_refused_for_classes_as_for_all_others() -> None:
    loss = HierarchicalSoftmax(tree=ClassTree([3, 2, 1]))
    hidden: Any = np.ones((1, 2), np.float32)
    for call in (
        lambda weights: loss.top_k(hidden, weights, None, 1),
        lambda weights: loss.log_likelihood(hidden, [0], weights),
        lambda weights: loss.gradients(hidden, [0], weights),
        lambda weights: loss.step(hidden, [0], weights, None, SGD(learning_rate=0.1)),
    ):
        with pytest.raises(TypeError, match=r"^weights must be a NumPy array of float32, got NoneType$"):
            call(None)


def test_targets_of_other_numbers_for_each_example_are_refused_by_name() -> None:
    hidden, weights = np.ones((2, 2), np.float32), np.ones((3, 2), np.float32)
    with pytest.raises(ValueError, match=r"^targets must have the same number of columns in every row"):
        Softmax().gradients(hidden, [[0], [1, 2]], weights)


def test_temperatures_whose_inverse_is_no_float32_are_refused() -> None:
    for make in (Softmax, SampledSoftmax):
        with pytest.raises(ValueError, match=r"^temperature must be at least 1e-30, got 1e-40$"):
            make(temperature=1e-40)


def test_results_are_shown_in_a_line() -> None:
    hidden, weights = np.ones((2, 3), np.float32), np.zeros((4, 3), np.float32)
    found = Softmax().gradients(hidden, [0, 1], weights)
    assert repr(found) == "Gradients(<2 losses of mean 1.38629>, <4 rows of dim 3>)"
    found = Softmax().gradients(hidden[:0], [], weights, np.zeros(4, np.float32))
    assert repr(found) == "Gradients(<0 losses of mean nan>, <4 rows of dim 3, with bias>)"
    step = Softmax().step(hidden, [0, 1], weights, None, SGD(learning_rate=0.1))
    assert repr(step) == "Step(<2 losses of mean 1.38629>)"


def test_a_rate_that_was_changed_in_a_state_is_checked_as_any_other() -> None:
    hidden, weights = np.ones((2, 3), np.float32), np.zeros((4, 3), np.float32)
    state = SGD(learning_rate=0.1).start(weights)
    state.learning_rate = math.nan
    with pytest.raises(ValueError, match=r"^learning_rate must be finite, got nan$"):
        Softmax().step(hidden, [0, 1], weights, None, state)
    assert not weights.any()


@pytest.mark.parametrize(
    "array", [None, np.zeros(2, np.float32), np.zeros(4), np.zeros((4, 1), np.float32), np.zeros(8, np.float32)[::2]]
)
def test_a_state_of_which_an_array_was_replaced_by_a_wrong_one_changes_nothing(array: Any) -> None:
    hidden, weights, bias = np.ones((2, 3), np.float32), np.zeros((4, 3), np.float32), np.zeros(4, np.float32)
    state = Momentum(learning_rate=0.1).start(weights, bias)
    state.arrays["bias_velocity"] = array
    with pytest.raises(ValueError, match=r"^arrays\['bias_velocity'\] must be "):
        Softmax().step(hidden, [0, 1], weights, bias, state)
    assert not weights.any()
    assert not state.arrays["weights_velocity"].any()
    assert state.num_steps == 0
