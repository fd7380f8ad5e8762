"""Noise-contrastive estimation: its candidates, what it recovers, its arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hogvec import (
    NCE,
    SGD,
    Batch,
    Corpus,
    HardOf,
    InBatchSampler,
    LogUniformSampler,
    NegativeSampling,
    Schedule,
    SkipGram,
    Trainer,
    UniformSampler,
    UnigramSampler,
)
from hogvec.reference import group_gradients, group_loss
from loss_cases import planted_pairs

WORDS = 12


@pytest.fixture(scope="module")
def planted() -> tuple[Corpus, Any]:
    return planted_pairs(WORDS, 60_000)


def scores_of(loss: Any, corpus: Corpus) -> Any:
    schedule = Schedule(shape="linear", floor=0.01)
    trainer = Trainer(
        SkipGram(dim=16, window=1, subsample=0), loss, SGD(learning_rate=0.08, schedule=schedule), threads=1
    )
    trainer.fit(corpus, epochs=12, progress=False)
    return trainer.input_table.astype(float) @ trainer.output_table.T.astype(float)


def divergence(truth: Any, scores: Any) -> float:
    """Return the mean KL divergence of the softmax of the scores from the truth, over contexts."""
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return float((truth * (np.log(truth) - log_p)).sum(axis=1).mean())


def test_scores_of_nce_are_normalised_log_probabilities(planted: tuple[Corpus, Any]) -> None:
    corpus, truth = planted
    scores = scores_of(NCE(negatives=25), corpus)
    share = corpus.counts / corpus.counts.sum()
    assert abs(share @ np.log(np.exp(scores).sum(axis=1))) < 0.1
    assert divergence(truth, scores) < 0.01


def test_log_z_is_the_normaliser_that_scores_take_on(planted: tuple[Corpus, Any]) -> None:
    corpus, truth = planted
    scores = scores_of(NCE(negatives=25, log_z=2.0, sampler=UniformSampler(WORDS)), corpus)
    share = corpus.counts / corpus.counts.sum()
    assert share @ np.log(np.exp(scores).sum(axis=1)) == pytest.approx(2.0, abs=0.1)
    assert divergence(truth, scores) < 0.02


def test_negative_sampling_needs_its_correction(planted: tuple[Corpus, Any]) -> None:
    corpus, truth = planted
    sampler = UnigramSampler(corpus.counts, power=1.0)
    scores = scores_of(NegativeSampling(negatives=5, sampler=sampler), corpus)
    corrected = scores + sampler.log_expected_count(np.arange(WORDS), 5)
    # Noise that equals the target is drawn again, so the optimum is close to the formula's, not on it.
    assert divergence(truth, corrected) < 0.03
    assert divergence(truth, scores) > 3 * divergence(truth, corrected)


def test_the_gradient_tends_to_that_of_the_full_softmax() -> None:
    random = np.random.default_rng(2)
    hidden, rows = random.normal(size=(1, 8)), random.normal(scale=0.5, size=(40, 8))
    q = random.dirichlet(np.ones(40))
    scores = (hidden @ rows.T)[0]
    log_z = np.log(np.exp(scores).sum())
    probability = np.exp(scores - log_z)
    target = np.eye(40)[3]
    full = ((probability - target) @ rows)[None]
    cosines = []
    for k in (1, 10, 100, 1000, 10_000):
        log_q = np.log(k * q) + log_z
        # The expected loss: the target once, each word k q(w) times as noise.
        noise = group_gradients(hidden, rows, np.zeros(40), k * q, log_q).hidden
        data = group_gradients(hidden, rows, target, target, log_q).hidden
        expected = noise + data
        cosines.append(float((expected * full).sum() / np.linalg.norm(expected) / np.linalg.norm(full)))
    assert cosines == sorted(cosines)
    assert cosines[-1] > 0.99


def test_hits_are_kept_or_removed() -> None:
    """With one word having nearly all the noise, its windows as a target are all hits."""
    corpus = Corpus.from_ids(np.tile([0, 1, 1], 1000).astype(np.int32), [0, 3000], num_ids=2)
    noise = UnigramSampler([10**9, 1], power=1.0)
    losses = {}
    for remove in (False, True):
        loss = NCE(negatives=4, sampler=noise, remove_accidental_hits=remove)
        trainer = Trainer(SkipGram(dim=4, window=1, subsample=0), loss, SGD(learning_rate=1e-12), threads=1)
        trainer.fit(corpus, epochs=1, progress=False)
        losses[remove] = trainer.history[0].loss
    # Scores are 0: a target w has the loss softplus(ln(4 q(w))), each noise word v softplus(-ln(4 q(v))).
    q = noise.probability()
    target, noisy = np.log1p(4 * q), np.log1p(1 / (4 * q))
    kept = (target[0] + 4 * noisy[0] + 2 * (target[1] + 4 * noisy[0])) / 3
    removed = (target[0] + 2 * (target[1] + 4 * noisy[0])) / 3
    assert losses[False] == pytest.approx(kept, rel=0.02)  # every 16th window is measured: 3 has no part in 16
    assert losses[True] == pytest.approx(removed, rel=0.02)


def test_the_step_of_a_batch_is_minus_the_difference_quotient_of_its_loss() -> None:
    random = np.random.default_rng(4)
    hidden, rows = random.normal(size=(3, 5)), random.normal(size=(6, 5))
    labels, log_q = np.array([1, 0, 0, 0.5, 0, 0]), random.normal(size=6)
    gradients = group_gradients(hidden, rows, labels, 1.0, log_q)
    step = 1e-5
    for table, gradient in ((hidden, gradients.hidden), (rows, gradients.rows)):
        for place in np.ndindex(table.shape):
            sides = []
            for sign in (1, -1):
                table[place] += sign * step
                sides.append(group_loss(hidden, rows, labels, 1.0, log_q))
                table[place] -= sign * step
            assert gradient[place] == pytest.approx((sides[0] - sides[1]) / (2 * step), abs=1e-6)


def test_equal_rows_of_a_group_have_one_log_q() -> None:
    trainer = Trainer(SkipGram(dim=4))
    trainer.initialize(input_rows=3, output_rows=3)
    arrays: dict[str, Any] = {
        "bag_rows": [0],
        "group_offsets": [0, 1],
        "shared_offsets": [0, 2],
        "shared_rows": [1, 1],
        "shared_labels": [1, 0],
    }
    trainer.train_batch(Batch(**arrays, shared_log_q=[0.5, 0.5]))
    with pytest.raises(ValueError, match="shared_log_q must be the same for equal rows of a group"):
        trainer.train_batch(Batch(**arrays, shared_log_q=[0.5, 0.6]))
    with pytest.raises(ValueError, match="shared_log_q must have length 2, got 1"):
        trainer.train_batch(Batch(**arrays, shared_log_q=[0.5]))
    with pytest.raises(ValueError, match="shared_log_q must be finite, got inf"):
        Batch(**arrays, shared_log_q=[0.5, np.inf])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: NCE(negatives=0), ValueError, "negatives must be at least 1, got 0"),
        (lambda: NCE(log_z=float("inf")), ValueError, "log_z must be finite, got inf"),
        (lambda: NCE(remove_accidental_hits=1), TypeError, "remove_accidental_hits must be True or False, got 1"),
        (lambda: NCE(sampler=[0.5, 0.5]), TypeError, r"sampler must be a Sampler, got \[0.5, 0.5\]"),
        (lambda: NegativeSampling(sampler="log"), TypeError, "sampler must be a Sampler, got 'log'"),
        (
            lambda: NCE(sampler=HardOf(2, UniformSampler(3))),
            TypeError,
            "which a HardOf does not",
        ),
    ],
)
def test_wrong_arguments_are_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_sampler_must_fit_the_corpus() -> None:
    corpus = Corpus.from_ids(np.array([0, 1, 2] * 10, np.int32), [0, 30])
    for changing in (NCE(sampler=InBatchSampler(3)), NegativeSampling(sampler=HardOf(2, UniformSampler(3)))):
        with pytest.raises(TypeError, match="sampler must have a fixed distribution in a trainer"):
            Trainer(SkipGram(), changing).fit(corpus)
    for loss in (NCE(sampler=LogUniformSampler(4)), NegativeSampling(sampler=LogUniformSampler(4))):
        with pytest.raises(ValueError, match="sampler must have as many ids as the corpus, 3, got 4"):
            Trainer(SkipGram(), loss).fit(corpus)
    with pytest.raises(ValueError, match="sampler must draw every id that occurs, got probability 0 for id 1"):
        Trainer(SkipGram(), NCE(sampler=UnigramSampler([5, 0, 5]))).fit(corpus)
