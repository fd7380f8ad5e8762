"""Mistakes that well-known libraries shipped in their sampled losses: one test each, with the library in its name.

More of them stand where they belong: label smoothing beside masked hits in test_loss_buffers.py, expected counts
without TensorFlow's jump and unique sampling that ends in test_every_sampler.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hogvec import (
    NCE,
    SGD,
    Corpus,
    HardOf,
    InBatchSampler,
    LogUniformSampler,
    MixtureSampler,
    NegativeSampling,
    SampledSoftmax,
    SkipGram,
    Softmax,
    Trainer,
    UniformSampler,
    UnigramSampler,
)

V, DIM, BATCH = 40, 6, 9


def buffers(seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    hidden = random.normal(size=(BATCH, DIM)).astype(np.float32)
    weights = random.normal(size=(V, DIM)).astype(np.float32)
    return hidden, random.integers(V, size=BATCH), weights, random.normal(size=V).astype(np.float32)


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, x)


def dense_rows(found: Any) -> np.ndarray:
    rows = np.zeros((V, DIM))
    rows[found.rows] = found.row_gradient
    return rows


def test_log_q_is_subtracted_as_tfrs_had_it_added() -> None:
    hidden, targets, weights, bias = buffers()
    noise = UnigramSampler(1000 // np.arange(1, V + 1), 1.0)
    loss = SampledSoftmax(8, sampler=noise)
    sample = noise.sample(8, unique=True, seed=3)
    scores = hidden.astype(float) @ weights.T + bias
    corrected = scores - noise.log_expected_count(np.arange(V), sample.num_tries, unique=True)
    expected = []
    for b, t in enumerate(targets):
        candidates = np.append(corrected[b, sample.ids[sample.ids != t]], corrected[b, t])
        expected.append(np.logaddexp.reduce(candidates) - corrected[b, t])
    np.testing.assert_allclose(loss.gradients(hidden, targets, weights, bias, seed=3).loss, expected, rtol=1e-5)


def test_the_correction_is_on_without_being_asked_for_as_merlin_had_none() -> None:
    # Noise of the model's own probabilities: with the correction, and only with it, all candidates are equally likely.
    bias = np.log(1 / np.arange(1, V + 1)).astype(np.float32)
    hidden, weights = np.zeros((BATCH, DIM), np.float32), np.zeros((V, DIM), np.float32)
    noise = UnigramSampler(720720 // np.arange(1, V + 1), 1.0)
    found = SampledSoftmax(10, sampler=noise, unique=False).gradients(
        hidden, np.full(BATCH, V - 1), weights, bias, seed=2
    )
    kept = (noise.sample(10, seed=2).ids != V - 1).sum()
    np.testing.assert_allclose(found.loss, math.log(1 + kept), rtol=1e-4)


@pytest.mark.parametrize("unique", [True, False])
def test_a_hit_has_a_mass_of_exactly_zero_and_keras_rs_s_other_row_is_not_touched(unique: bool) -> None:
    # The added 1e-40 of Keras-RS changed nothing, and its masks were gathered from row 0.
    noise = UniformSampler(4)
    weights = np.random.default_rng(1).normal(size=(4, DIM)).astype(np.float32)
    hidden = np.ones((2, DIM), np.float32)
    n = 4 if unique else 64
    assert set(noise.sample(n, unique=unique, seed=5).ids) == {0, 1, 2, 3}
    found = SampledSoftmax(n, sampler=noise, unique=unique).gradients(hidden, [0, 3], weights, seed=5)
    for b, target in enumerate([0, 3]):
        alone = SampledSoftmax(n, sampler=noise, unique=unique).gradients(hidden[b : b + 1], [target], weights, seed=5)
        np.testing.assert_allclose(found.loss[b], alone.loss[0], rtol=1e-6)
    # A target that is sure of itself gets exactly what it needs: nothing; a hit that stayed would compete with it.
    sure = np.zeros((4, DIM), np.float32)
    sure[0] = 1000
    found = SampledSoftmax(n, sampler=noise, unique=unique).gradients(hidden[:1], [0], sure, seed=5)
    assert found.loss[0] == 0
    assert not found.row_gradient.any()
    assert not found.hidden_gradient.any()


def test_every_duplicate_of_a_hit_is_masked_as_tensorflow_masks_one() -> None:
    noise = UnigramSampler([98, 1, 1], power=1.0)
    draws = noise.sample(50, seed=1).ids
    assert (draws == 0).sum() > 2
    hidden = np.ones((1, 2), np.float32)
    weights = np.array([[3, 3], [1, 0], [0, 1]], np.float32)
    found = SampledSoftmax(50, sampler=noise, unique=False).gradients(hidden, [0], weights, seed=1)
    scores = weights.sum(axis=1) - np.log(50 * np.array([0.98, 0.01, 0.01]))
    candidates = [scores[0], *scores[draws[draws != 0]]]
    np.testing.assert_allclose(found.loss, np.logaddexp.reduce(candidates) - scores[0], rtol=1e-5)


def test_hits_stay_in_nce_and_go_in_sampled_softmax_by_default_unlike_in_returnn() -> None:
    assert not NCE().remove_accidental_hits
    assert SampledSoftmax().removes_hits
    assert not SampledSoftmax(positive="importance").removes_hits
    noise = UnigramSampler([1, 0, 0], power=1.0)  # every draw is a hit
    hidden, weights = np.ones((1, 2), np.float32), np.ones((3, 2), np.float32)
    correction = math.log(4)
    found = NCE(4, sampler=noise).gradients(hidden, [0], weights)
    np.testing.assert_allclose(found.loss, softplus(correction - 2) + 4 * softplus(2 - correction), rtol=1e-5)
    assert SampledSoftmax(4, sampler=noise, unique=False).gradients(hidden, [0], weights).loss[0] == 0


def test_targets_are_not_left_out_of_the_draws_though_tensorflow_calls_them_true_classes() -> None:
    # The expected counts of targets and draws have one formula; leaving targets out is the loss's part, per example.
    noise = LogUniformSampler(V)
    sample = noise.sample(V, unique=True, seed=1)
    assert 0 in sample.ids
    np.testing.assert_array_equal(
        noise.log_expected_count(sample.ids, sample.num_tries, unique=True), np.log(sample.expected_counts)
    )


def test_ids_that_are_not_sorted_can_be_mapped_for_log_uniform_as_tensorflow_only_warns_in_its_manual() -> None:
    counts = np.array([1, 100, 10, 1000])
    noise = LogUniformSampler(4, counts)
    assert np.argsort(-noise.probability()).tolist() == [3, 1, 2, 0]
    np.testing.assert_allclose(noise.probability([3]), math.log(2) / math.log(5))


def test_expected_counts_of_distinct_draws_are_no_probabilities_as_mxnet_mixed_them_up() -> None:
    noise = LogUniformSampler(10_000)
    ids = [0, 1, 99, 9999]
    once = np.exp(noise.log_expected_count(ids, 200, unique=True))
    np.testing.assert_allclose(
        once, [0.9999998399556348, 0.9998771008202969, 0.19441224627503417, 0.002168996376601989], rtol=1e-12
    )
    np.testing.assert_allclose(np.exp(noise.log_expected_count(ids, 200)), 200 * noise.probability(ids), rtol=1e-12)


def test_both_meanings_of_several_targets_exist_and_are_named_as_tensorflow_has_one_unnamed() -> None:
    hidden, targets, weights, bias = buffers()
    pairs = np.stack([targets, (targets + 1) % V], axis=1)
    noise = UniformSampler(V)
    for make in (NCE, NegativeSampling):
        split = make(5, sampler=noise, multi_label="split").gradients(hidden, pairs, weights, bias)
        independent = make(5, sampler=noise, multi_label="independent").gradients(hidden, pairs, weights, bias)
        scores = hidden.astype(float) @ weights.T + bias - (math.log(5 / V) if make is NCE else 0)
        half = np.take_along_axis(scores, pairs, axis=1).sum(axis=1) / 2  # labels of 1 / 2 instead of 1
        np.testing.assert_allclose(split.loss - independent.loss, half, rtol=1e-4, atol=1e-5)


def test_what_a_sampled_loss_reports_is_not_the_likelihood_which_there_is_a_method_for() -> None:
    # Gluon-NLP's loss fell while the full softmax's rose.
    hidden, targets, weights, bias = buffers()
    loss = SampledSoftmax(3, sampler=UniformSampler(V))
    exact = -Softmax().gradients(hidden, targets, weights, bias).loss
    np.testing.assert_allclose(loss.log_likelihood(hidden, targets, weights, bias), exact, rtol=1e-5)
    assert loss.perplexity(hidden, targets, weights, bias) == pytest.approx(math.exp(-exact.mean()), rel=1e-5)


def test_distinct_draws_of_two_billion_ids_end_as_tensorflow_s_learned_unigram_did_not() -> None:
    assert len(set(UniformSampler(2**31 - 1).sample(1000, unique=True).ids.tolist())) == 1000
    assert len(set(UnigramSampler([10**12, 1, 1], power=3.0).sample(3, unique=True).ids.tolist())) == 3


def test_targets_are_ids_and_a_vector_of_labels_is_refused_as_deepmatch_took_it() -> None:
    hidden, _, weights, bias = buffers()
    loss = SampledSoftmax(3, sampler=UniformSampler(V))
    with pytest.raises(TypeError, match=r"^targets must be integers, got dtype float32$"):
        loss.gradients(hidden, np.ones((BATCH, 1), np.float32), weights, bias)
    with pytest.raises(IndexError, match=r"^targets must be at least 0 and below 40, got 40$"):
        loss.gradients(hidden, np.full(BATCH, V), weights, bias)


def test_the_probability_of_a_mixture_is_computed_and_not_that_of_the_part_an_id_came_from() -> None:
    in_batch = InBatchSampler(V)
    in_batch.update([1, 1, 2])
    mixed = MixtureSampler([in_batch, UniformSampler(V)], shares=[3, 1])
    sample = mixed.sample(100, seed=1)
    np.testing.assert_allclose(sample.expected_counts, 100 * (0.75 * in_batch.probability(sample.ids) + 0.25 / V))


def test_a_frequency_that_is_estimated_counts_every_hit_of_a_batch_as_tfrs_counted_one() -> None:
    sampler = InBatchSampler(V, rate=0.05)
    for _ in range(400):
        sampler.update([7, 7, 7, 1])
    np.testing.assert_allclose(sampler.probability([7, 1]), [0.75, 0.25], rtol=0.15)


def test_popular_ids_are_not_pushed_down_more_than_they_are_drawn() -> None:
    # Recommenders found more in their top k with logQ: the corrected optimum is the data's own distribution.
    counts = 5000 // np.arange(1, 9)
    shares = counts / counts.sum()
    noise = UnigramSampler(counts, power=1.0)
    targets = np.repeat(np.arange(8), np.round(shares * 400).astype(int))
    hidden, weights, bias = (
        np.ones((len(targets), 1), np.float32),
        np.zeros((8, 1), np.float32),
        np.zeros(8, np.float32),
    )
    loss = SampledSoftmax(6, sampler=noise)
    for seed in range(600):
        rate = 1 / len(targets) / (1 + seed / 50)
        loss.step(hidden, targets, weights, bias, SGD(learning_rate=rate), seed=seed)
    found = np.exp([Softmax().log_likelihood(hidden[:1], [i], weights, bias)[0] for i in range(8)])
    np.testing.assert_allclose(found, shares, atol=0.05)


def test_hard_negatives_are_refused_where_their_unknown_probability_would_be_needed() -> None:
    with pytest.raises(TypeError, match=r"^sampler must draw with known probabilities"):
        NCE(5, sampler=HardOf(2, UniformSampler(V)))


def test_logits_of_ten_thousand_leave_no_probability_above_one() -> None:
    # fastText reported probabilities of 1.00001, from a logarithm with a constant added.
    hidden, targets, weights, bias = buffers()
    for scale in (1, 100, 10_000):
        values = Softmax().log_likelihood(hidden * np.float32(scale), targets, weights, bias)
        assert (values <= 0).all()
        best = Softmax().top_k(hidden * np.float32(scale), weights, bias, V).log_probabilities
        assert (best <= 0).all()
        np.testing.assert_allclose(np.exp(best).sum(axis=1), 1, rtol=1e-5)


def test_ids_in_another_order_than_log_uniform_noise_takes_them_are_refused_by_a_trainer() -> None:
    # Merlin's and EGES's items were numbered as they came; nothing failed, and the wrong ones were drawn often.
    ids = np.repeat(np.arange(20, dtype=np.int32), np.arange(1, 21))
    np.random.default_rng(1).shuffle(ids)
    corpus = Corpus.from_ids(ids, [0, len(ids)])
    assert corpus.counts.tolist() == list(range(1, 21))
    ranks = LogUniformSampler(20)
    for noise in (ranks, MixtureSampler([UniformSampler(20), ranks], [1, 1])):
        for loss in (SampledSoftmax(5, sampler=noise), NCE(5, sampler=noise), NegativeSampling(5, sampler=noise)):
            with pytest.raises(ValueError, match=r"^LogUniformSampler without counts must have ids sorted by falling"):
                Trainer(SkipGram(dim=4), loss, threads=1).fit(corpus, epochs=1, progress=False)
    told = SampledSoftmax(5, sampler=LogUniformSampler(20, corpus.counts))
    Trainer(SkipGram(dim=4), told, threads=1).fit(corpus, epochs=1, progress=False)
