"""What sampled losses have on average: exact expectations, how their bias falls, and what they learn in the end.

An expected softmax over S independent draws needs no sampling. With n_j draws of output j, each of weight w_j, beside a
constant c, the share of j is n_j w_j / (c + sum of n_i w_i), and 1 / x is the integral of exp(-t x) over t, so that

    E share_j = integral of exp(-t c) S q_j w_j exp(-t w_j) (sum of q_i exp(-t w_i))^(S - 1)

in one dimension. The first tests hold this against sums over all possible draws, the next ones the losses against it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
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
    NegativeSampling,
    OneVsAll,
    SampledSoftmax,
    Softmax,
    UniformSampler,
    UnigramSampler,
)
from hogvec.reference import sigmoid
from hogvec.reference_losses import Draws, loss_of_scores

V = 40
PLANTED = np.random.default_rng(7)
SCORES = PLANTED.normal(scale=1.5, size=V).astype(np.float32).astype(np.float64)
COUNTS = 1 + 400 // np.arange(1, V + 1)
NOISE = UnigramSampler(COUNTS, 1.0)
TARGET = 4  # neither frequent nor rare: q = 0.047


def softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


def expected_share(weights: np.ndarray, q: np.ndarray, draws: int, constant: float) -> np.ndarray:
    """The integral above by the trapezoid rule over ln t, which is exact to rounding: integrands end at 0."""
    log_t = np.linspace(-45, 12, 1500) - math.log(constant + draws * float(q @ weights))
    log_decay = -np.outer(np.exp(log_t), weights)
    together = (draws - 1) * np.logaddexp.reduce(np.log(q) + log_decay, axis=1) - constant * np.exp(log_t)
    integrand = np.exp((together + log_t)[:, None] + log_decay)  # dt = t dln t
    return (log_t[1] - log_t[0]) * draws * q * weights * integrand.sum(axis=0)


def expected_gradient(positive: str, scores: np.ndarray, q: np.ndarray, target: int, draws: int) -> np.ndarray:
    """The expected derivative by the scores of a sampled softmax with replacement."""
    is_target = np.arange(len(q)) == target
    if positive == "importance":
        return expected_share(np.exp(scores) / (draws * q), q, draws, 0.0) - is_target
    if positive == "tf":  # hits weigh nothing; the target is corrected as if it had been drawn
        weights = np.where(is_target, 0.0, np.exp(scores) / (draws * q))
        share = expected_share(weights, q, draws, float(np.exp(scores[target]) / (draws * q[target])))
        return share - is_target * share.sum()
    # refined: of m draws that are not the target, m binomial, n_j w_j / (m exp(s) + sum of n_i w_i)
    others = np.flatnonzero(~is_target)
    q_others = q[others] / (1 - q[target])
    gradient = np.zeros(len(q))
    for m in range(1, draws + 1):
        log_chance = math.lgamma(draws + 1) - math.lgamma(m + 1) - math.lgamma(draws - m + 1)
        log_chance += m * math.log1p(-q[target]) + (draws - m) * math.log(q[target])
        if log_chance < -40:
            continue
        share = expected_share(np.exp(scores[others]) / q_others, q_others, m, m * math.exp(scores[target]))
        gradient[others] += math.exp(log_chance) * share
    return gradient - is_target * gradient.sum()


def relative_bias(positive: str, draws: int, scores: np.ndarray = SCORES, q: np.ndarray | None = None) -> float:
    q = NOISE.probability() if q is None else q
    full = softmax(scores) - (np.arange(len(scores)) == TARGET)
    return float(np.linalg.norm(expected_gradient(positive, scores, q, TARGET, draws) - full) / np.linalg.norm(full))


def slope(positive: str, draws: list[int]) -> float:
    """Of ln(bias) over ln(S)."""
    biases = [relative_bias(positive, s) for s in draws]
    return float(np.polyfit(np.log(draws), np.log(biases), 1)[0])


@pytest.mark.parametrize("positive", ["tf", "importance", "refined"])
def test_the_integral_is_the_sum_over_all_draws(positive: str) -> None:
    scores, q = np.array([0.3, -1.0, 1.2, 0.1]), np.array([0.4, 0.3, 0.2, 0.1])
    loss = SampledSoftmax(5, sampler=UniformSampler(4), unique=False, positive=positive)
    total = np.zeros(4)
    for ids in product(range(4), repeat=5):
        draws = Draws(ids=np.array(ids), log_expected=np.log(5 * q), log_probability=np.log(q), unique=False)
        total += np.prod(q[list(ids)]) * loss_of_scores(loss, scores, [1], draws)[1]
    np.testing.assert_allclose(expected_gradient(positive, scores, q, 1, 5), total, atol=1e-12)


# Bias and how it falls.


@pytest.mark.parametrize("positive", ["importance", "refined"])
def test_the_bias_falls_as_one_over_the_number_of_draws(positive: str) -> None:
    assert -1.2 < slope(positive, [32, 64, 128, 256]) < -0.8
    assert -1.05 < slope(positive, [256, 512, 1024]) < -0.95  # further terms have gone by then
    assert relative_bias(positive, 32) > 0.01  # there was something to fall


def test_the_bias_is_that_of_the_expansion() -> None:
    """To first order it is p_j (sum of p^2 / q - p_j / q_j) / S: the factor is 1 + chi-square of p and q."""
    p, q, draws = softmax(SCORES), NOISE.probability(), 100_000
    found = expected_gradient("importance", SCORES, q, TARGET, draws) - (p - (np.arange(V) == TARGET))
    first = p * (np.sum(p**2 / q) - p / q) / draws
    np.testing.assert_allclose(found, first, atol=0.01 * np.abs(first).max())


@pytest.mark.parametrize("positive", ["importance", "refined"])
def test_noise_of_the_models_own_probabilities_has_no_bias(positive: str) -> None:
    own = softmax(SCORES)
    for draws in (8, 64):
        # "refined" learns nothing where every draw is the target, which has the probability q^S.
        assert relative_bias(positive, draws, q=own) < 1e-10 + own[TARGET] ** draws
    assert relative_bias(positive, 8) > 0.05


def test_tf_with_replacement_gets_worse_once_every_output_is_drawn_many_times() -> None:
    """Its positive keeps a weight of exp(s) / (S q), while all S draws of the others together keep theirs: it fades."""
    likely = SCORES + 4 * (np.arange(V) == TARGET)
    assert 0.2 < softmax(likely)[TARGET] < 0.8
    biases = [relative_bias("tf", s, likely) for s in (V, 4 * V, 16 * V, 64 * V)]
    assert biases == sorted(biases)
    assert biases[-1] > 10 * relative_bias("importance", 64 * V, likely)
    others = softmax(np.where(np.arange(V) == TARGET, -np.inf, likely))
    fading = expected_gradient("tf", likely, NOISE.probability(), TARGET, 4096 * V)
    np.testing.assert_allclose(fading, others - (np.arange(V) == TARGET), atol=0.02)  # the target's own share is gone
    # Distinct draws do not have that: S = V is everything, and exact.
    exact = SampledSoftmax(V, sampler=NOISE)
    log_expected = NOISE.log_expected_count(np.arange(V), NOISE.sample(V, unique=True).num_tries, unique=True)
    draws = Draws(ids=np.arange(V), log_expected=log_expected, log_probability=np.zeros(V), unique=True)
    gradient = loss_of_scores(exact, SCORES, [TARGET], draws)[1]
    full = softmax(SCORES) - (np.arange(V) == TARGET)
    # The last id took many draws to come, by which all others are certain: E = 1 but for its own 1 - (1 - q)^n.
    assert np.linalg.norm(gradient - full) / np.linalg.norm(full) < 0.1


# The losses have these expectations.


def mean_gradient(loss: Any, repeats: int, targets: list[int], shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean over seeds of the gradient by the scores, which is that by the bias, and its standard error."""
    hidden = np.zeros((len(targets), 1), np.float32)
    weights, bias = np.zeros((V, 1), np.float32), SCORES.astype(np.float32)
    total, squares = np.zeros(V), np.zeros(V)
    for seed in range(repeats):
        found = loss.gradients(hidden, targets, weights, bias, seed=seed, example_weights=shares, threads=1)
        gradient = np.zeros(V)
        gradient[found.rows] = found.bias_gradient
        total += gradient
        squares += gradient**2
    mean = total / repeats
    return mean, np.sqrt(np.maximum(squares / repeats - mean**2, 0) / repeats)


REPEATS = 2000


@pytest.mark.parametrize("positive", ["tf", "importance", "refined"])
@pytest.mark.parametrize("draws", [8, 50])
def test_the_mean_gradient_of_a_sampled_softmax_is_its_expectation(positive: str, draws: int) -> None:
    loss = SampledSoftmax(draws, sampler=NOISE, unique=False, positive=positive)
    mean, error = mean_gradient(loss, REPEATS, [TARGET], np.ones(1))
    expected = expected_gradient(positive, SCORES, NOISE.probability(), TARGET, draws)
    # 40 outputs with normal errors: one beyond 4.5 of them in some thousand runs, and the seeds are fixed.
    assert (np.abs(mean - expected) < 4.5 * error + 1e-6).all()
    full = softmax(SCORES) - (np.arange(V) == TARGET)
    assert (np.abs(mean - full) > 4.5 * error).any()  # while the full softmax's it is not


DATA = np.random.default_rng(8).dirichlet(np.full(V, 2.0))


def expected_binary_gradient(scores: np.ndarray, offset: np.ndarray, draws: int) -> np.ndarray:
    """Of targets distributed as DATA and k draws each: P (sigma(s') - 1) + k q sigma(s'), s' = s - offset."""
    corrected = scores - offset
    return DATA * (sigmoid(corrected) - 1) + draws * NOISE.probability() * sigmoid(corrected)


def test_the_mean_gradient_of_noise_contrastive_estimation_is_its_expectation() -> None:
    loss = NCE(10, sampler=NOISE, log_z=0.5)
    mean, error = mean_gradient(loss, REPEATS, list(range(V)), DATA)
    offset = np.log(10 * NOISE.probability()) + 0.5
    expected = expected_binary_gradient(SCORES, offset, 10)
    assert (np.abs(mean - expected) < 4.5 * error + 1e-6).all()


def test_the_mean_gradient_of_negative_sampling_is_its_expectation_without_hits() -> None:
    loss = NegativeSampling(10, sampler=NOISE)
    mean, error = mean_gradient(loss, REPEATS, list(range(V)), DATA)
    kept = 1 - DATA  # an output is noise for the targets that it is not
    q = NOISE.probability()
    expected = DATA * (sigmoid(SCORES) - 1) + 10 * q * sigmoid(SCORES) * kept
    assert (np.abs(mean - expected) < 4.5 * error + 1e-6).all()


def cosines(offset: Callable[[int], np.ndarray]) -> list[float]:
    scores = SCORES - np.log(np.exp(SCORES).sum())  # normalised, as NCE takes them to be
    full = softmax(scores) - DATA
    found = []
    for k in (1, 4, 16, 64, 256, 1024, 4096):
        gradient = expected_binary_gradient(scores, offset(k), k)
        found.append(float(gradient @ full / np.linalg.norm(gradient) / np.linalg.norm(full)))
    return found


def test_noise_contrastive_estimation_tends_to_the_full_softmax_and_negative_sampling_does_not() -> None:
    q = NOISE.probability()
    contrastive = cosines(lambda k: np.log(k * q))
    assert contrastive == sorted(contrastive)
    assert contrastive[0] < 0.9
    assert contrastive[-1] > 0.99
    negative = cosines(lambda k: np.zeros(V))
    assert max(negative) < 0.9
    assert negative[-1] == pytest.approx(negative[-2], abs=0.02)  # only k q sigma(s) is left of it, and stays
    assert all(a > b for a, b in zip(contrastive, negative, strict=True))


# Draws that a batch shares.


@pytest.mark.parametrize(
    "loss",
    [
        SampledSoftmax(10, sampler=NOISE),
        SampledSoftmax(10, sampler=NOISE, unique=False, positive="importance"),
        SampledSoftmax(10, sampler=NOISE, unique=False, positive="refined"),
        NCE(10, sampler=NOISE),
        NegativeSampling(10, sampler=NOISE),
        Softmax(),
        OneVsAll(),
    ],
    ids=lambda loss: f"{type(loss).__name__}, {getattr(loss, 'positive', '')}",
)
def test_an_example_is_the_same_alone_as_in_a_batch(loss: Any) -> None:
    random = np.random.default_rng(1)
    hidden, weights = (random.normal(size=(n, 6)).astype(np.float32) for n in (7, V))
    targets = random.integers(V, size=7)
    together = loss.gradients(hidden, targets, weights, seed=3)
    rows = np.zeros((V, 6))
    for b in range(7):
        alone = loss.gradients(hidden[b : b + 1], targets[b : b + 1], weights, seed=3)
        assert alone.loss[0] == pytest.approx(together.loss[b], rel=1e-5)
        np.testing.assert_allclose(alone.hidden_gradient[0], together.hidden_gradient[b], atol=1e-5)
        rows[alone.rows] += alone.row_gradient
    np.testing.assert_allclose(rows[together.rows], together.row_gradient, atol=1e-5)


# What is learnt in the end.


def learnt(loss: Any, steps: int, *, likeliest: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Planted P(w | c) of 12 outputs, and the log-probabilities that a loss finds: every target weighs as it is likely.

    Hidden vectors are the contexts themselves, so that every table of scores can be learnt.
    """
    contexts, rate = 3, 0.1
    planted = np.random.default_rng(3).dirichlet(np.full(12, 1.5), size=contexts) * 0.94 + 0.005
    planted *= 1 - likeliest
    planted[:, 2] += likeliest
    hidden = np.repeat(np.eye(contexts, dtype=np.float32), 12, axis=0)
    targets = np.tile(np.arange(12), contexts)
    rows = loss.tree if isinstance(loss, HierarchicalSoftmax) else None
    count = 12 if rows is None else 16 if isinstance(rows, ClassTree) else 11
    weights = np.zeros((count, contexts), np.float32)
    state = Adam(learning_rate=rate).start(weights, None)
    for step in range(steps):
        decay = rate * (1 - step / steps)  # noise of the last steps averages out
        loss.step(
            hidden,
            targets,
            weights,
            None,
            state,
            seed=step,
            example_weights=planted.ravel(),
            learning_rate=decay,
            threads=1,
        )
    log_p = loss.log_likelihood(hidden, targets, weights).reshape(contexts, 12)
    return planted, log_p


FLAT = UnigramSampler(np.arange(12, 0, -1), 0.5)


@pytest.mark.parametrize(
    ("loss", "steps", "tolerance"),
    [
        (Softmax(), 400, 1e-5),
        (SampledSoftmax(12, sampler=UniformSampler(12)), 400, 1e-5),
        (HierarchicalSoftmax(tree=BalancedTree(12)), 400, 1e-5),
        (HierarchicalSoftmax(tree=ClassTree(np.arange(12, 0, -1), num_classes=4)), 400, 1e-5),
        # Sampled: what is left is their bias of O(1 / S), and noise of the last steps.
        (SampledSoftmax(9, sampler=FLAT), 1000, 0.02),
        (SampledSoftmax(200, sampler=FLAT, unique=False, positive="importance"), 1000, 0.01),
        (SampledSoftmax(200, sampler=FLAT, unique=False, positive="refined"), 1000, 0.01),
        (NCE(100, sampler=FLAT), 1000, 0.01),
        (NCE(100, sampler=FLAT, log_z=2.0), 1000, 0.01),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_planted_distribution_is_learnt(loss: Any, steps: int, tolerance: float) -> None:
    planted, log_p = learnt(loss, steps)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1, rtol=1e-5)
    divergence = np.sum(planted * (np.log(planted) - log_p), axis=1)
    assert divergence.max() < tolerance


def test_tf_with_replacement_and_many_draws_learns_something_else() -> None:
    """Scores of likely outputs rise beyond measure: the softmax of the scores is no estimate of the probabilities."""
    planted, log_p = learnt(SampledSoftmax(200, sampler=FLAT, unique=False), 400, likeliest=0.6)
    consistent, log_q = learnt(
        SampledSoftmax(200, sampler=FLAT, unique=False, positive="importance"), 400, likeliest=0.6
    )
    worse = np.sum(planted * (np.log(planted) - log_p))
    better = np.sum(consistent * (np.log(consistent) - log_q))
    assert worse > 10 * better


def test_hits_that_are_removed_leave_negative_sampling_its_probabilities_nearly() -> None:
    """The optimum of a score is ln(P / (k q (1 - P))) then, so that likely outputs are taken to be likelier still."""
    planted, log_p = learnt(NegativeSampling(30, sampler=FLAT), 1500)
    tilted = planted / (1 - planted)
    tilted /= tilted.sum(axis=1, keepdims=True)
    divergence = np.sum(tilted * (np.log(tilted) - log_p), axis=1)
    assert divergence.max() < 0.01
    assert np.sum(planted * (np.log(planted) - log_p), axis=1).max() < 0.05


def test_a_small_step_lowers_every_loss() -> None:
    random = np.random.default_rng(5)
    hidden = random.normal(size=(20, 6)).astype(np.float32)
    targets = random.integers(V, size=20)
    for loss in (Softmax(), OneVsAll(), SampledSoftmax(10, sampler=NOISE), NCE(10, sampler=NOISE)):
        weights = random.normal(size=(V, 6)).astype(np.float32)
        before = loss.step(hidden, targets, weights, None, SGD(learning_rate=1e-3), seed=1).loss.sum()
        after = loss.gradients(hidden, targets, weights, seed=1).loss.sum()
        assert after < before
