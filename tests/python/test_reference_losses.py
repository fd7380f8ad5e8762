"""The reference of the losses itself: against differences, against examples worked out by hand, against sums to 1.

A little longer than others, since all of it runs over the same losses.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hogvec import (
    NCE,
    BalancedTree,
    ClassTree,
    HardOf,
    HierarchicalSoftmax,
    HuffmanTree,
    InBatchSampler,
    LearnedUnigramSampler,
    LogUniformSampler,
    MixtureSampler,
    NegativeSampling,
    OneVsAll,
    SampledSoftmax,
    Softmax,
    UniformSampler,
    UnigramSampler,
)
from hogvec.reference_losses import (
    Draws,
    draw,
    log_probabilities,
    loss_of_scores,
    output_gradients,
    output_scores,
    refined_weight,
)

V, DIM = 9, 3
COUNTS = np.array([40, 25, 12, 8, 5, 4, 3, 2, 1])
UNIGRAM = UnigramSampler(COUNTS, 1.0)
# Two-sided differences in doubles of losses of order 10: truncation step^2 = 1e-10, rounding 2^-53 * 10 / step = 1e-10.
STEP, TOLERANCE = 1e-5, 1e-8


def class_tree_loss(multi_label: str = "split") -> HierarchicalSoftmax:
    return HierarchicalSoftmax(tree=ClassTree(COUNTS), multi_label=multi_label)


# Every loss with every option that changes its formula, for targets (B,) and (B, 2).
EITHER: dict[str, Any] = {
    "NEG": NegativeSampling(6, sampler=UNIGRAM),
    "NEG, independent": NegativeSampling(6, sampler=UNIGRAM, multi_label="independent"),
    "NEG, hardest of 2": NegativeSampling(4, sampler=HardOf(2, UNIGRAM)),
    "NCE": NCE(6, sampler=UNIGRAM),
    "NCE, options": NCE(6, sampler=UNIGRAM, log_z=1.5, remove_accidental_hits=True, multi_label="independent"),
    "tf": SampledSoftmax(5, sampler=UNIGRAM),
    "tf, hits kept": SampledSoftmax(8, sampler=UNIGRAM, unique=False, remove_accidental_hits=False),
    "tf, repeats": SampledSoftmax(8, sampler=UNIGRAM, unique=False),
    "tf, independent": SampledSoftmax(5, sampler=UNIGRAM, multi_label="independent"),
    "tf, smoothed": SampledSoftmax(8, sampler=UNIGRAM, unique=False, label_smoothing=0.2),
    "tf, smoothed, independent": SampledSoftmax(5, sampler=UNIGRAM, label_smoothing=0.2, multi_label="independent"),
    "tf, cosine": SampledSoftmax(5, sampler=UNIGRAM, temperature=0.3, normalize=True),
    "tf, hardest of 3": SampledSoftmax(3, sampler=HardOf(3, UNIGRAM)),
    "tf, batch": SampledSoftmax(None, sampler=InBatchSampler(V)),
    "tf, from the batch": SampledSoftmax(4, sampler=InBatchSampler(V), unique=False),
    "tf, learned": SampledSoftmax(5, sampler=LearnedUnigramSampler(V)),
    "tf, mixture": SampledSoftmax(5, sampler=MixtureSampler([UNIGRAM, UniformSampler(V)], [1, 2])),
    "importance": SampledSoftmax(8, sampler=UNIGRAM, unique=False, positive="importance"),
    "importance, distinct": SampledSoftmax(5, sampler=UNIGRAM, positive="importance", multi_label="independent"),
    "importance, cosine": SampledSoftmax(
        8, sampler=UNIGRAM, unique=False, positive="importance", temperature=0.3, normalize=True
    ),
    "refined, independent": SampledSoftmax(
        8, sampler=UNIGRAM, unique=False, positive="refined", multi_label="independent"
    ),
    "refined, distinct": SampledSoftmax(5, sampler=UNIGRAM, positive="refined", multi_label="independent"),
    "refined, cosine": SampledSoftmax(
        5, sampler=UNIGRAM, positive="refined", multi_label="independent", temperature=0.3, normalize=True
    ),
    "softmax": Softmax(),
    "softmax, independent": Softmax(multi_label="independent"),
    "softmax, smoothed": Softmax(label_smoothing=0.2),
    "softmax, smoothed, independent": Softmax(label_smoothing=0.2, multi_label="independent"),
    "softmax, cosine": Softmax(temperature=0.3, normalize=True),
    "one-vs-all": OneVsAll(),
    "Huffman": HierarchicalSoftmax(tree=HuffmanTree(COUNTS)),
    "balanced, independent": HierarchicalSoftmax(tree=BalancedTree(V), multi_label="independent"),
    "classes": class_tree_loss(),
    "classes, independent": class_tree_loss("independent"),
}
EVERY = pytest.mark.parametrize("name", EITHER)
TARGETS = {
    "one target": np.array([2, 0, 7, 2]),
    "two targets": np.array([[2, 5], [0, 3], [7, 7], [2, 0]]),  # one twice
}


def rows_of(loss: Any) -> int:
    if not isinstance(loss, HierarchicalSoftmax):
        return V
    return V + loss.tree.num_classes if isinstance(loss.tree, ClassTree) else V - 1


def make_tables(loss: Any, batch: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    rows = rows_of(loss)
    return random.normal(size=(batch, DIM)), random.normal(size=(rows, DIM)), random.normal(scale=0.5, size=rows)


def numeric_gradient(function: Any, parameters: np.ndarray) -> np.ndarray:
    gradient = np.empty_like(parameters)
    for place in np.ndindex(parameters.shape):
        kept, sides = parameters[place], []
        for step in (STEP, -STEP):
            parameters[place] = kept + step
            sides.append(function())
        parameters[place] = kept
        gradient[place] = (sides[0] - sides[1]) / (2 * STEP)
    return gradient


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS.keys())
@EVERY
def test_gradients_are_the_differences_of_the_loss(name: str, targets: np.ndarray) -> None:
    loss = EITHER[name]
    hidden, weights, bias = make_tables(loss, len(targets))
    importance = np.array([1.0, 0.5, 2.0, 0.0])
    draws = draw(loss, targets, seed=4)
    refined = isinstance(loss, SampledSoftmax) and loss.positive == "refined"
    examples = targets.reshape(len(targets), -1)

    def factors() -> list[list[float] | None]:
        if not refined:
            return [None] * len(targets)
        scores = output_scores(loss, hidden, weights, bias)
        kept = [draws.ids[~np.isin(draws.ids, row)] for row in examples]
        return [
            [refined_weight(scores[b], t, kept[b], draws) for t in np.unique(row)] for b, row in enumerate(examples)
        ]

    held = factors()

    def total() -> float:
        scores = output_scores(loss, hidden, weights, bias)
        values = [loss_of_scores(loss, scores[b], row, draws, stopped=held[b])[0] for b, row in enumerate(examples)]
        return float(importance @ values)

    found = output_gradients(loss, hidden, targets, weights, bias, example_weights=importance, draws=draws)
    assert found.loss.sum() == pytest.approx(total(), rel=1e-13)
    for gradient, parameters in ((found.hidden, hidden), (found.weights, weights), (found.bias, bias)):
        np.testing.assert_allclose(gradient, numeric_gradient(total, parameters), atol=TOLERANCE)
    assert np.abs(found.weights).max() > 0.01  # there was something to compare
    assert not found.hidden[3].any()  # an example of weight 0


@EVERY
def test_without_a_bias_it_is_that_of_zeros(name: str) -> None:
    loss = EITHER[name]
    targets = TARGETS["one target"]
    hidden, weights, _ = make_tables(loss, len(targets))
    draws = draw(loss, targets, seed=4)
    plain = output_gradients(loss, hidden, targets, weights, draws=draws)
    zeros = output_gradients(loss, hidden, targets, weights, np.zeros(len(weights)), draws=draws)
    np.testing.assert_array_equal(plain.loss, zeros.loss)
    np.testing.assert_array_equal(plain.weights, zeros.weights)


@pytest.mark.parametrize("name", [name for name in EITHER if "one-vs-all" not in name])
def test_probabilities_of_all_outputs_sum_to_one(name: str) -> None:
    loss = EITHER[name]
    if loss == EITHER["tf, batch"]:
        draw(loss, TARGETS["one target"])
    hidden, weights, bias = make_tables(loss, 5)
    log_p = log_probabilities(loss, hidden, 3 * weights, bias)
    assert log_p.shape == (5, V)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1, rtol=1e-13)  # some roundings of 2^-53


@pytest.mark.parametrize("name", ["softmax", "one-vs-all", "Huffman", "classes", "softmax, cosine"])
def test_the_loss_of_an_exact_one_is_minus_its_log_probability(name: str) -> None:
    loss = EITHER[name]
    targets = TARGETS["one target"]
    hidden, weights, bias = make_tables(loss, len(targets))
    log_p = log_probabilities(loss, hidden, weights, bias)
    expected = -log_p[np.arange(len(targets)), targets]
    if name == "one-vs-all":  # the other outputs answer no
        no = np.log1p(-np.exp(log_p))
        no[np.arange(len(targets)), targets] = 0
        expected -= no.sum(axis=1)
    found = output_gradients(loss, hidden, targets, weights, bias)
    np.testing.assert_allclose(found.loss, expected, rtol=1e-13)


# Golden values and examples by hand.


def test_expected_counts_are_those_of_tensorflow() -> None:
    sampler = LogUniformSampler(10_000)
    ids = [0, 1, 99, 9999]
    draws = draw(SampledSoftmax(200, sampler=sampler, unique=False), [0])
    np.testing.assert_allclose(
        np.exp(draws.log_probability[ids]),
        [0.07525668186780549, 0.04402233682136798, 0.0010803317166945034, 1.0856701346422416e-05],
        rtol=1e-12,
    )
    np.testing.assert_allclose(np.exp(draws.log_expected), 200 * np.exp(draws.log_probability), rtol=1e-13)
    distinct = draw(SampledSoftmax(200, sampler=sampler), [0])
    tries = sampler.sample(200, unique=True, seed=1).num_tries
    p = np.exp(draws.log_probability)
    np.testing.assert_allclose(np.exp(distinct.log_expected), 1 - (1 - p) ** tries, rtol=1e-9)
    assert tries > 200


def hand_made_draws(ids: list[int], probability: list[float], *, unique: bool = False) -> Draws:
    q = np.array(probability)
    return Draws(
        ids=np.array(ids),
        log_expected=np.log(len(ids) * q),
        log_probability=np.log(q),
        unique=unique,
    )


# Four outputs, scores ln 1, ln 2, ln 3, ln 4, noise of 1/2, 1/4, 1/8, 1/8; draws 0, 3, 0, 1.
SCORES = np.log([1.0, 2, 3, 4])
DRAWS = hand_made_draws([0, 3, 0, 1], [1 / 2, 1 / 4, 1 / 8, 1 / 8])


def test_sampled_softmax_by_hand() -> None:
    # exp(s) / E with E = 4 q = 2, 1, 1/2, 1/2: target 2 has 6, the draws 0, 3, 0, 1 have 1/2, 8, 1/2, 2.
    value, gradient = loss_of_scores(SampledSoftmax(4, sampler=UniformSampler(4), unique=False), SCORES, [2], DRAWS)
    assert value == pytest.approx(math.log(17 / 6), rel=1e-14)
    np.testing.assert_allclose(gradient, np.array([1, 2, -11, 8]) / 17, rtol=1e-13)
    # Target 0: both of its draws are hits. 1/2 against 8 and 2.
    value, gradient = loss_of_scores(SampledSoftmax(4, sampler=UniformSampler(4), unique=False), SCORES, [0], DRAWS)
    assert value == pytest.approx(math.log(10.5 / 0.5), rel=1e-14)
    np.testing.assert_allclose(gradient, np.array([-10, 2, 0, 8]) / 10.5, rtol=1e-13)


def test_sampled_softmax_of_two_targets_by_hand() -> None:
    # Targets 2 and 3, 6 and 8; draw 3 is a hit; 1/2, 1/2, 2 are left.
    split = SampledSoftmax(4, sampler=UniformSampler(4), unique=False)
    value, gradient = loss_of_scores(split, SCORES, [2, 3], DRAWS)
    assert value == pytest.approx(math.log(17) - (math.log(6) + math.log(8)) / 2, rel=1e-14)
    np.testing.assert_allclose(gradient, np.array([1, 2, 6 - 8.5, 8 - 8.5]) / 17, rtol=1e-13)
    alone = SampledSoftmax(4, sampler=UniformSampler(4), unique=False, multi_label="independent")
    value, gradient = loss_of_scores(alone, SCORES, [2, 3], DRAWS)
    assert value == pytest.approx(math.log(9 / 6) + math.log(11 / 8), rel=1e-14)
    np.testing.assert_allclose(gradient, [1 / 9 + 1 / 11, 2 / 9 + 2 / 11, -3 / 9, -3 / 11], rtol=1e-13)


def test_label_smoothing_by_hand() -> None:
    # Target 0 keeps the candidates 0, 3, 1 of mass 0.5, 8, 2; labels 0.7 + 0.1, 0.1, 0.1.
    loss = SampledSoftmax(4, sampler=UniformSampler(4), unique=False, label_smoothing=0.3)
    value, gradient = loss_of_scores(loss, SCORES, [0], DRAWS)
    p = np.array([0.5, 2, 0, 8]) / 10.5
    y = np.array([0.8, 0.1, 0, 0.1])
    assert value == pytest.approx(-sum(y[i] * math.log(p[i]) for i in (0, 1, 3)), rel=1e-14)
    np.testing.assert_allclose(gradient, p - y, rtol=1e-13)


def test_importance_sampling_by_hand() -> None:
    # Z is estimated as 1/2 + 8 + 1/2 + 2 = 11, the target uncorrected, also where it was drawn.
    loss = SampledSoftmax(4, sampler=UniformSampler(4), unique=False, positive="importance")
    value, gradient = loss_of_scores(loss, SCORES, [3], DRAWS)
    assert value == pytest.approx(math.log(11 / 4), rel=1e-14)
    np.testing.assert_allclose(gradient, np.array([1, 2, 0, 8 - 11]) / 11, rtol=1e-13)


def test_the_refined_correction_by_hand() -> None:
    # Target 0, Q = 1/2: Q' of the others is 1/2, 1/4, 1/4. The draws 3 and 1 have exp(s) / Q' = 16 and 4, mean 10.
    loss = SampledSoftmax(4, sampler=UniformSampler(4), unique=False, positive="refined")
    value, gradient = loss_of_scores(loss, SCORES, [0], DRAWS)
    factor = 1 - 1 / (1 + 10)
    assert refined_weight(SCORES, 0, [3, 1], DRAWS) == pytest.approx(factor, rel=1e-14)
    assert value == pytest.approx(factor * math.log(20 / 1), rel=1e-14)
    np.testing.assert_allclose(gradient, factor * np.array([-1, 4 / 20, 0, 16 / 20]), rtol=1e-13)
    # Distinct draws estimate the sum of the others, no mean of it: E = 2, 1, 1/2, 1/2 gives 8 and 2.
    distinct = hand_made_draws([0, 3, 0, 1], [1 / 2, 1 / 4, 1 / 8, 1 / 8], unique=True)
    assert refined_weight(SCORES, 0, [3, 1], distinct) == pytest.approx(1 - 1 / 11, rel=1e-14)
    value, _ = loss_of_scores(loss, SCORES, [0], distinct)
    assert value == pytest.approx((1 - 1 / 11) * math.log(10), rel=1e-14)


def test_noise_contrastive_estimation_by_hand() -> None:
    # Odds exp(s) / (k q), k = 4: 1/2, 2, 6, 8. Target 2 is data with 6/7; the noise 0, 3, 0, 1 with 2/3, 1/9, 2/3, 1/3.
    loss = NCE(4, sampler=UniformSampler(4))
    value, gradient = loss_of_scores(loss, SCORES, [2], DRAWS)
    assert value == pytest.approx(-math.log(6 / 7 * (2 / 3) * (1 / 9) * (2 / 3) * (1 / 3)), rel=1e-14)
    np.testing.assert_allclose(gradient, [2 / 3, 2 / 3, -1 / 7, 8 / 9], rtol=1e-13)
    # log_z = ln 2 halves the odds: 1/4, 1, 3, 4. Target 0 is also drawn twice, and stays.
    value, gradient = loss_of_scores(NCE(4, sampler=UniformSampler(4), log_z=math.log(2)), SCORES, [0], DRAWS)
    assert value == pytest.approx(-math.log(1 / 5 * (4 / 5) ** 2 * (1 / 5) * (1 / 2)), rel=1e-14)
    np.testing.assert_allclose(gradient, [-4 / 5 + 2 / 5, 1 / 2, 0, 4 / 5], rtol=1e-13)
    # ... unless hits are removed.
    removed = NCE(4, sampler=UniformSampler(4), log_z=math.log(2), remove_accidental_hits=True)
    value, gradient = loss_of_scores(removed, SCORES, [0], DRAWS)
    np.testing.assert_allclose(gradient, [-4 / 5, 1 / 2, 0, 4 / 5], rtol=1e-13)


def test_negative_sampling_by_hand() -> None:
    # Odds exp(s) = 1, 2, 3, 4: target 3 against 0, 0, 1, its own draw left out.
    value, gradient = loss_of_scores(NegativeSampling(4, sampler=UniformSampler(4)), SCORES, [3], DRAWS)
    assert value == pytest.approx(-math.log(4 / 5 * (1 / 2) * (1 / 2) * (1 / 3)), rel=1e-14)
    np.testing.assert_allclose(gradient, [1, 2 / 3, 0, -1 / 5], rtol=1e-13)
    # Two targets with label 1/2 each: softplus(s) - s / 2.
    value, gradient = loss_of_scores(NegativeSampling(4, sampler=UniformSampler(4)), SCORES, [2, 3], DRAWS)
    expected = math.log(4) - math.log(3) / 2 + math.log(5) - math.log(4) / 2 + 2 * math.log(2) + math.log(3)
    assert value == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(gradient, [1, 2 / 3, 3 / 4 - 1 / 2, 4 / 5 - 1 / 2], rtol=1e-13)


def test_the_hardest_draw_of_each_group_is_kept() -> None:
    # Groups (0, 3) and (0, 1): 3 and 1 score best; with target 3 the first group has 0 left.
    draws = Draws(
        ids=np.array([0, 3, 0, 1]),
        log_expected=DRAWS.log_expected,
        log_probability=DRAWS.log_probability,
        unique=True,
        hardest_of=2,
    )
    loss = NegativeSampling(2, sampler=HardOf(2, UniformSampler(4)))
    np.testing.assert_allclose(loss_of_scores(loss, SCORES, [2], draws)[1], [0, 2 / 3, -1 / 4, 4 / 5], rtol=1e-13)
    np.testing.assert_allclose(loss_of_scores(loss, SCORES, [3], draws)[1], [1 / 2, 2 / 3, 0, -1 / 5], rtol=1e-13)
    # Of equal scores the first one.
    even = loss_of_scores(loss, np.zeros(4), [2], draws)[1]
    np.testing.assert_allclose(even, [1, 0, -1 / 2, 0], rtol=1e-13)


def test_hits_have_no_mass_and_no_gradient_whatever_they_score() -> None:
    draws = hand_made_draws([2, 2, 1, 2, 0], [1 / 4] * 4)
    scores = np.array([0.0, 1.0, 0.5, 0.0])
    for loss in (
        SampledSoftmax(5, sampler=UniformSampler(4), unique=False),
        SampledSoftmax(5, sampler=UniformSampler(4), unique=False, label_smoothing=0.1),
        SampledSoftmax(5, sampler=UniformSampler(4), unique=False, positive="refined"),
        NegativeSampling(5, sampler=UniformSampler(4)),
        NCE(5, sampler=UniformSampler(4), remove_accidental_hits=True),
    ):
        value, gradient = loss_of_scores(loss, scores, [2], draws)
        log_q = draws.log_expected
        without = Draws(ids=np.array([1, 0]), log_expected=log_q, log_probability=draws.log_probability, unique=False)
        alone = loss_of_scores(loss, scores, [2], without)
        assert value == alone[0]
        np.testing.assert_array_equal(gradient, alone[1])
        # Of two targets neither is noise for the other: nothing but their own labels moves them.
        if not (isinstance(loss, SampledSoftmax) and loss.positive == "refined"):
            both = loss_of_scores(loss, scores, [2, 1], draws)
            only = Draws(ids=np.array([0]), log_expected=log_q, log_probability=draws.log_probability, unique=False)
            np.testing.assert_array_equal(both[1], loss_of_scores(loss, scores, [2, 1], only)[1])


def test_an_example_of_which_every_draw_is_a_hit_has_nothing_to_learn() -> None:
    draws = hand_made_draws([1, 1, 1], [0.25, 0.75])
    for positive in ("tf", "refined"):
        loss = SampledSoftmax(3, sampler=UniformSampler(2), unique=False, positive=positive)
        value, gradient = loss_of_scores(loss, [5.0, -3.0], [1], draws)
        assert value == 0
        np.testing.assert_array_equal(gradient, 0)
    certain = hand_made_draws([1, 1, 0], [1e-300, 1.0])  # 1 - Q of the target is 0
    loss = SampledSoftmax(3, sampler=UniformSampler(2), unique=False, positive="refined")
    assert loss_of_scores(loss, [5.0, -3.0], [1], certain)[0] == 0


def test_all_ids_drawn_once_is_the_full_softmax() -> None:
    for options in ({}, {"label_smoothing": 0.1}, {"multi_label": "independent"}, {"temperature": 0.5}):
        sampled, full = SampledSoftmax(V, sampler=UniformSampler(V), **options), Softmax(**options)
        for targets in TARGETS.values():
            hidden, weights, bias = make_tables(full, len(targets))
            draws = draw(sampled, targets)
            expected = Draws(
                ids=draws.ids, log_expected=np.zeros(V), log_probability=draws.log_probability, unique=True
            )
            # Each id is there for certain: its expected count is 1, up to what the number of tries says of it.
            assert np.ptp(draws.log_expected) < 1e-12
            for given in (draws, expected):
                found = output_gradients(sampled, hidden, targets, weights, bias, draws=given)
                exact = output_gradients(full, hidden, targets, weights, bias)
                np.testing.assert_allclose(found.loss, exact.loss, rtol=1e-12)
                np.testing.assert_allclose(found.weights, exact.weights, atol=1e-13)


def test_equal_targets_of_an_example_are_one_with_the_sum_of_the_labels() -> None:
    scores = np.array([0.5, -1.0, 2.0])
    value, gradient = loss_of_scores(Softmax(), scores, [2, 2, 0, 2], draw(Softmax(), []))
    log_p = scores - np.log(np.exp(scores).sum())
    assert value == pytest.approx(-(0.75 * log_p[2] + 0.25 * log_p[0]), rel=1e-14)
    np.testing.assert_allclose(gradient, np.exp(log_p) - [0.25, 0, 0.75], rtol=1e-12)
    draws = hand_made_draws([0, 1], [0.25, 0.5, 0.25])
    for loss in (
        OneVsAll(),
        Softmax(multi_label="independent"),
        NegativeSampling(2, sampler=UniformSampler(3), multi_label="independent"),
        HierarchicalSoftmax(tree=BalancedTree(4), multi_label="independent"),
    ):
        once, twice = (loss_of_scores(loss, scores, t, draws) for t in ([1, 2], [1, 2, 1]))
        assert once[0] == twice[0]


def test_samplers_that_learn_see_the_targets_in_their_order() -> None:
    learned = LearnedUnigramSampler(4)
    draws = draw(SampledSoftmax(2, sampler=learned), [3, 3])
    np.testing.assert_allclose(np.exp(draws.log_probability), 0.25)  # before the update
    np.testing.assert_allclose(learned.probability(), np.array([1, 1, 1, 3]) / 6)
    in_batch = InBatchSampler(4)
    draws = draw(SampledSoftmax(None, sampler=in_batch), [[3, 1], [3, 3]])
    assert draws.ids.tolist() == [3, 1, 3, 3]
    np.testing.assert_array_equal(np.exp(draws.log_probability), in_batch.probability())  # after it
    np.testing.assert_allclose(np.exp(draws.log_expected), 4 * in_batch.probability(), rtol=1e-14)
    mixture = MixtureSampler([InBatchSampler(4), LearnedUnigramSampler(4)], [1, 1])
    draws = draw(SampledSoftmax(3, sampler=mixture, unique=False), [2, 2])
    np.testing.assert_allclose(np.exp(draws.log_probability), [1 / 8, 1 / 8, 5 / 8, 1 / 8])
    np.testing.assert_allclose(mixture.samplers[1].probability(), np.array([1, 1, 3, 1]) / 6)
    # An empty batch is nothing to see.
    assert draw(SampledSoftmax(None, sampler=in_batch), np.zeros(0, int)).ids.size == 0


def test_draws_are_those_of_the_sampler() -> None:
    loss = SampledSoftmax(6, sampler=UNIGRAM)
    np.testing.assert_array_equal(draw(loss, [1], seed=3).ids, UNIGRAM.sample(6, unique=True, seed=3).ids)
    hard = NegativeSampling(3, sampler=HardOf(3, UNIGRAM))
    np.testing.assert_array_equal(draw(hard, [1], seed=3).ids, UNIGRAM.sample(9, unique=True, seed=3).ids)
    noise = NCE(30, sampler=UNIGRAM)
    np.testing.assert_array_equal(draw(noise, [1], seed=3).ids, UNIGRAM.sample(30, seed=3).ids)
    np.testing.assert_allclose(np.exp(draw(noise, [1]).log_expected), 30 * COUNTS / COUNTS.sum(), rtol=1e-13)


def test_probabilities_of_negative_sampling_have_the_noise_added_back() -> None:
    loss = NegativeSampling(3, sampler=UnigramSampler([2, 1, 0, 1], 1.0))
    scores = np.log([1.0, 2.0, 5.0, 4.0])
    p = np.exp(log_probabilities(loss, [[1.0]], scores[:, None]))
    np.testing.assert_allclose(p, [[2 / 8, 2 / 8, 0, 4 / 8]], rtol=1e-14)


def test_a_vector_of_length_zero_has_no_direction_and_no_gradient() -> None:
    hidden, weights, _ = make_tables(Softmax(), 2)
    hidden[0] = weights[4] = 0
    found = output_gradients(Softmax(normalize=True), hidden, [1, 4], weights)
    assert found.loss[0] == pytest.approx(math.log(V), rel=1e-14)
    assert not found.hidden[0].any()
    assert not found.weights[4].any()
    assert np.isfinite(found.hidden).all()
    assert found.hidden[1].any()


def test_enormous_scores_stay_finite() -> None:
    for name, loss in EITHER.items():
        targets = TARGETS["two targets"]
        hidden, weights, bias = make_tables(loss, len(targets))
        found = output_gradients(loss, 100 * hidden, targets, 100 * weights, bias)
        for array in (found.loss, found.hidden, found.weights, found.bias):
            assert np.isfinite(array).all(), name
