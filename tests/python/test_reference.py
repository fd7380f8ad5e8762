"""The reference itself: against differences of its loss, against word2vec's loops, and against what words say."""

from __future__ import annotations

import doctest
from decimal import Decimal, localcontext

import numpy as np
import pytest
from batches import Arrays, make_tables, random_batch
from hogvec import reference
from hogvec.reference import encode, group_gradients, group_loss, sigmoid, softplus, train_batch

# Two-sided differences of a smooth function of order 1 in doubles: the truncation error is of order step^2 = 1e-10, the
# rounding error 2^-53 * loss / step, below 1e-10 for losses below 10.
STEP = 1e-5
TOLERANCE = 2e-9


def numeric_gradient(function, parameters: np.ndarray) -> np.ndarray:
    """Two-sided differences of `function()` by each entry of `parameters`, which it reads."""
    gradient = np.empty_like(parameters)
    for place in np.ndindex(parameters.shape):
        kept = parameters[place]
        parameters[place] = kept + STEP
        above = function()
        parameters[place] = kept - STEP
        below = function()
        parameters[place] = kept
        gradient[place] = (above - below) / (2 * STEP)
    return gradient


def spelled_out_loss(batch: Arrays, input_table: np.ndarray, output_table: np.ndarray) -> float:
    """The loss of a one-group batch in scalar loops: an independent second writing of the definition."""
    loss = 0.0
    for i in range(batch.group_offsets[0], batch.group_offsets[1]):
        h = i if batch.group_hidden is None else batch.group_hidden[i]
        bag_offsets = np.arange(h + 2) if batch.bag_offsets is None else batch.bag_offsets
        hidden = np.zeros(input_table.shape[1])
        for e in range(bag_offsets[h], bag_offsets[h + 1]):
            hidden += (1.0 if batch.bag_weights is None else batch.bag_weights[e]) * input_table[batch.bag_rows[e]]
        hidden *= 1.0 if batch.forward_scale is None else batch.forward_scale[h]
        scored = [
            (
                batch.shared_rows[t],
                batch.shared_labels[t],
                1.0 if batch.shared_weights is None else batch.shared_weights[t],
                0.0 if batch.shared_log_q is None else batch.shared_log_q[t],
            )
            for t in range(batch.shared_offsets[0], batch.shared_offsets[1])
        ]
        if batch.own_offsets is not None:
            for t in range(batch.own_offsets[h], batch.own_offsets[h + 1]):
                log_q = 0.0 if batch.own_log_q is None else batch.own_log_q[t]
                scored.append((batch.own_rows[t], batch.own_labels[t], 1.0, log_q))
        weight = 1.0 if batch.weight is None else float(batch.weight[h])
        for row, label, candidate_weight, log_q in scored:
            score = float(sum(hidden[d] * output_table[row, d] for d in range(len(hidden)))) - float(log_q)
            probability = 1 / (1 + np.exp(-score))
            likelihood = label * np.log(probability) + (1 - label) * np.log(1 - probability)
            loss -= weight * float(candidate_weight) * likelihood
    return loss


def test_examples_in_the_documentation_give_what_they_say() -> None:
    result = doctest.testmod(reference)
    assert result.attempted > 0
    assert result.failed == 0


def test_sigmoid_and_softplus_are_exact_to_rounding() -> None:
    x = np.concatenate([np.linspace(-40, 40, 321), [-700, -1e-3, -1e-17, 0, 1e-17, 1e-3, 700]])
    with localcontext() as context:
        context.prec = 340  # exp(-700) beside 1
        exponentials = [Decimal(value).exp() for value in x.tolist()]
        expected_sigmoid = np.array([float(e / (1 + e)) for e in exponentials])
        expected_softplus = np.array([float((1 + e).ln()) for e in exponentials])
    # Some roundings of 2^-53 = 1.1e-16 each.
    np.testing.assert_allclose(sigmoid(x), expected_sigmoid, rtol=1e-15)
    np.testing.assert_allclose(softplus(x), expected_softplus, rtol=1e-15)


def test_sigmoid_and_softplus_have_their_limits_without_a_warning() -> None:
    np.testing.assert_array_equal(sigmoid([-1e5, 1e5, -np.inf, np.inf]), [0, 1, 0, 1])
    np.testing.assert_array_equal(softplus([-1e5, 1e5, -np.inf, np.inf]), [0, 1e5, 0, np.inf])
    assert sigmoid(0.0) == 0.5


def test_the_loss_is_the_negative_log_likelihood_of_the_decisions() -> None:
    hidden, rows = np.array([[0.5, -1.0], [2.0, 0.25]]), np.array([[1.0, 1.0], [-0.5, 2.0], [0.0, 0.0]])
    labels, weights = np.array([1.0, 0.0, 1.0]), np.array([1.0, 2.0, 0.5])
    expected = 0.0
    for h in hidden:
        for w, label, weight in zip(rows, labels, weights, strict=True):
            probability = 1 / (1 + np.exp(-h @ w))
            expected -= weight * np.log(probability if label == 1 else 1 - probability)
    assert group_loss(hidden, rows, labels, weights) == pytest.approx(expected, rel=1e-14)
    assert group_loss(hidden, rows[:0], labels[:0]) == 0
    assert group_loss(hidden[:0], rows, labels) == 0


def test_group_gradients_are_the_differences_of_the_loss() -> None:
    random = np.random.default_rng(1)
    hidden, rows = random.normal(size=(5, 4)), random.normal(size=(3, 4))
    labels, weights = random.uniform(size=3), random.uniform(size=(5, 3))

    def loss() -> float:
        return group_loss(hidden, rows, labels, weights)

    gradients = group_gradients(hidden, rows, labels, weights)
    np.testing.assert_allclose(gradients.hidden, numeric_gradient(loss, hidden), atol=TOLERANCE)
    np.testing.assert_allclose(gradients.rows, numeric_gradient(loss, rows), atol=TOLERANCE)


def test_a_hidden_vector_is_the_scaled_weighted_sum_of_its_bag() -> None:
    table = np.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(encode(table, [1]), [2, 3])
    np.testing.assert_array_equal(encode(table, [1, 3, 1], weights=[1, 0.5, 2]), [2 + 3 + 4, 3 + 3.5 + 6])
    np.testing.assert_array_equal(encode(table, [0, 2], scale=0.5), [2, 3])
    np.testing.assert_array_equal(encode(table, []), [0, 0])


@pytest.mark.parametrize("seed", range(12))
def test_one_step_is_the_exact_gradient_of_the_groups_loss(seed: int) -> None:
    # Tables of 4 and 5 rows: rows repeat inside bags, between bags, among shared candidates and between shared and own.
    random = np.random.default_rng(seed)
    batch = random_batch(
        random,
        hidden=[int(random.integers(1, 7))],
        candidates=[int(random.integers(0, 8))],
        input_rows=4,
        output_rows=5,
        bags=seed % 2 == 0,
        weights=seed % 3 == 0,
        own=seed % 4 < 2,
        regroup=seed % 5 == 0,
    )
    tables = make_tables(random, 4, 5, 3)
    expected = [-numeric_gradient(lambda: spelled_out_loss(batch, *tables), table) for table in tables]
    rate = 0.25
    trained = [table.copy() for table in tables]
    loss = train_batch(batch, *trained, rate)

    assert loss == pytest.approx(spelled_out_loss(batch, *tables), rel=1e-12)
    for before, after, gradient in zip(tables, trained, expected, strict=True):
        np.testing.assert_allclose((after - before) / rate, gradient, atol=TOLERANCE)


def test_a_row_that_stands_twice_in_a_bag_moves_twice() -> None:
    tables = make_tables(np.random.default_rng(2), 2, 1, 4)
    arrays = {
        "group_offsets": np.array([0, 1]),
        "shared_offsets": np.array([0, 1]),
        "shared_rows": np.array([0]),
        "shared_labels": np.ones(1),
    }
    twice = Arrays(bag_rows=np.array([1, 1]), bag_offsets=np.array([0, 2]), **arrays)
    doubled = Arrays(bag_rows=np.array([1]), bag_offsets=np.array([0, 1]), bag_weights=np.array([2.0]), **arrays)
    results = []
    for batch in (twice, doubled):
        trained = [table.copy() for table in tables]
        train_batch(batch, *trained, 0.1)
        results.append(trained)
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-15)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-15)


def test_equal_candidates_are_one_candidate_of_their_weights_sum() -> None:
    random = np.random.default_rng(3)
    tables = make_tables(random, 3, 3, 4)
    arrays = {"bag_rows": np.array([0, 1, 2]), "group_offsets": np.array([0, 3])}
    apart = Arrays(
        shared_offsets=np.array([0, 3]), shared_rows=np.array([1, 2, 1]), shared_labels=np.array([1.0, 0, 0]), **arrays
    )
    merged = Arrays(
        shared_offsets=np.array([0, 2]),
        shared_rows=np.array([1, 2]),
        shared_labels=np.array([0.5, 0]),
        shared_weights=np.array([2.0, 1]),
        **arrays,
    )
    results = []
    for batch in (apart, merged):
        trained = [table.copy() for table in tables]
        loss = train_batch(batch, *trained, 0.1)
        results.append((loss, *trained))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)


def test_one_hidden_vector_against_distinct_candidates_is_word2vecs_update() -> None:
    random = np.random.default_rng(4)
    input_table, output_table = make_tables(random, 6, 6, 5)
    batch = random_batch(random, hidden=[1] * 4, candidates=[4] * 4, input_rows=6, output_rows=6, distinct=True)
    expected_input, expected_output = input_table.copy(), output_table.copy()
    for g in range(4):
        hidden = expected_input[batch.bag_rows[g]]
        error = np.zeros(5)
        for t in range(4 * g, 4 * g + 4):
            row = expected_output[batch.shared_rows[t]]
            step = 0.05 * (batch.shared_labels[t] - 1 / (1 + np.exp(-hidden @ row)))
            error += step * row
            row += step * hidden
        hidden += error
    train_batch(batch, input_table, output_table, 0.05)
    np.testing.assert_allclose(input_table, expected_input, rtol=1e-13)
    np.testing.assert_allclose(output_table, expected_output, rtol=1e-13)


def test_backward_scale_one_gives_every_context_word_the_whole_error() -> None:
    # CBOW as word2vec.c has it: the mean forwards, the undivided gradient backwards.
    random = np.random.default_rng(5)
    input_table, output_table = make_tables(random, 8, 4, 5)
    bag = np.array([1, 6, 3])
    batch = Arrays(
        bag_rows=bag,
        bag_offsets=np.array([0, 3]),
        forward_scale=np.array([1 / 3]),
        backward_scale=np.array([1.0]),
        group_offsets=np.array([0, 1]),
        shared_offsets=np.array([0, 2]),
        shared_rows=np.array([3, 0]),
        shared_labels=np.array([1.0, 0.0]),
    )
    hidden = input_table[bag].mean(axis=0)
    error = sum(
        0.1 * (label - 1 / (1 + np.exp(-hidden @ output_table[row]))) * output_table[row]
        for row, label in ((3, 1), (0, 0))
    )
    expected = input_table.copy()
    expected[bag] += error
    train_batch(batch, input_table, output_table, 0.1)
    np.testing.assert_allclose(input_table, expected, rtol=1e-13)


def test_groups_are_trained_one_after_the_other() -> None:
    random = np.random.default_rng(6)
    options = {"input_rows": 5, "output_rows": 5, "bags": False}
    batch = random_batch(random, hidden=[3, 2], candidates=[4, 3], **options)
    first = Arrays(
        bag_rows=batch.bag_rows[:3],
        group_offsets=np.array([0, 3]),
        shared_offsets=np.array([0, 4]),
        shared_rows=batch.shared_rows[:4],
        shared_labels=batch.shared_labels[:4],
    )
    second = Arrays(
        bag_rows=batch.bag_rows[3:],
        group_offsets=np.array([0, 2]),
        shared_offsets=np.array([0, 3]),
        shared_rows=batch.shared_rows[4:],
        shared_labels=batch.shared_labels[4:],
    )
    together = make_tables(random, 5, 5, 4)
    apart = [table.copy() for table in together]
    loss = train_batch(batch, *together, 0.5)
    losses = [train_batch(part, *apart, 0.5) for part in (first, second)]
    assert loss == pytest.approx(sum(losses), rel=1e-14)
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_hidden_vector_in_two_groups_is_encoded_again_for_the_second() -> None:
    # Scores against a class, then against a word of the class.
    input_table, output_table = np.array([[1.0]]), np.array([[1.0], [1.0]])
    batch = Arrays(
        bag_rows=np.array([0]),
        group_offsets=np.array([0, 1, 2]),
        group_hidden=np.array([0, 0]),
        shared_offsets=np.array([0, 1, 2]),
        shared_rows=np.array([0, 1]),
        shared_labels=np.ones(2),
    )
    train_batch(batch, input_table, output_table, 1.0)
    coefficient = 1 - 1 / (1 + np.exp(-1.0))
    moved = 1 + coefficient
    second = 1 - 1 / (1 + np.exp(-moved))
    np.testing.assert_allclose(output_table[:, 0], [1 + coefficient, 1 + second * moved], rtol=1e-15)
    np.testing.assert_allclose(input_table, [[moved + second]], rtol=1e-15)


def test_nothing_to_train_changes_nothing() -> None:
    random = np.random.default_rng(7)
    tables = make_tables(random, 3, 3, 2)
    before = [table.copy() for table in tables]
    options = {"input_rows": 3, "output_rows": 3}
    assert train_batch(random_batch(random, hidden=[], candidates=[], **options), *tables, 1.0) == 0
    assert train_batch(random_batch(random, hidden=[0, 0], candidates=[2, 0], **options), *tables, 1.0) == 0
    assert train_batch(random_batch(random, hidden=[2], candidates=[0], **options), *tables, 1.0) == 0
    assert train_batch(random_batch(random, hidden=[2], candidates=[3], **options), *tables, 0.0) > 0
    for table, kept in zip(tables, before, strict=True):
        np.testing.assert_array_equal(table, kept)


def test_tables_of_single_precision_are_trained_in_place() -> None:
    random = np.random.default_rng(8)
    batch = random_batch(random, hidden=[3], candidates=[4], input_rows=5, output_rows=5, bags=True, own=True)
    doubles = make_tables(random, 5, 5, 6)
    singles = [table.astype(np.float32) for table in doubles]
    train_batch(batch, *doubles, 0.1)
    train_batch(batch, *singles, 0.1)
    for double, single in zip(doubles, singles, strict=True):
        assert single.dtype == np.float32
        np.testing.assert_array_equal(single, double.astype(np.float32))  # rounded once, when stored
