"""Losses over buffers against their reference for random combinations of everything that can be combined."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hogvec import (
    NCE,
    HardOf,
    InBatchSampler,
    LogUniformSampler,
    MixtureSampler,
    NegativeSampling,
    SampledSoftmax,
    Sampler,
    Softmax,
    UniformSampler,
    UnigramSampler,
    Word2VecTableSampler,
)
from loss_cases import in_batch, learned, make_buffers, unigram, zipf
from test_loss_buffers import assert_gradients

COMBINATIONS = 400


def random_sampler(random: np.random.Generator, v: int) -> Sampler:
    kinds = [
        lambda: unigram(v),
        lambda: UnigramSampler(zipf(v), 3.0),
        lambda: UniformSampler(v),
        lambda: LogUniformSampler(v),
        lambda: LogUniformSampler(v, counts=random.permutation(zipf(v))),
        lambda: Word2VecTableSampler(zipf(v)),
        lambda: in_batch(v),
        lambda: learned(v),
        lambda: MixtureSampler([in_batch(v), UniformSampler(v), learned(v)], [1, 2, 1]),
    ]
    return kinds[random.integers(len(kinds))]()


def random_loss(random: np.random.Generator, v: int, several: bool) -> Any:
    """A loss that can be made for v outputs, and for several targets an example or one."""
    draws, sampler = int(random.choice([1, 2, 5, 17, 64, 200])), random_sampler(random, v)
    multi_label = str(random.choice(["split", "independent"]))
    hard = random.random() < 0.2 and v >= 3
    both = {"temperature": random.uniform(0.2, 2), "normalize": bool(random.integers(2)), "multi_label": multi_label}
    match random.choice(["negative sampling", "nce", "softmax", "sampled"], p=[0.15, 0.15, 0.1, 0.6]):
        case "negative sampling":
            if hard:
                sampler, draws = HardOf(int(random.integers(1, 4)), UniformSampler(v)), min(draws, v // 3)
            return NegativeSampling(draws, sampler=sampler, multi_label=multi_label)
        case "nce":
            removes = bool(random.integers(2))
            return NCE(
                draws,
                sampler=sampler,
                log_z=float(random.normal()),
                remove_accidental_hits=removes,
                multi_label=multi_label,
            )
        case "softmax":
            return Softmax(label_smoothing=float(random.choice([0.0, 0.2])), **both)
    positive = str(random.choice(["tf", "importance", "refined"]))
    unique = bool(random.integers(2)) and not isinstance(sampler, InBatchSampler)
    if hard:
        sampler, draws = HardOf(int(random.integers(1, 4)), UniformSampler(v)), min(draws, v // 3)
    if positive == "refined" and several:
        both["multi_label"] = "independent"
    return SampledSoftmax(
        None if isinstance(sampler, InBatchSampler) and random.random() < 0.6 else min(draws, v) if unique else draws,
        sampler=sampler,
        unique=unique,
        positive=positive,
        remove_accidental_hits=[None, False, True][random.integers(3)] if positive == "tf" else None,
        label_smoothing=float(random.choice([0.0, 0.3])) if positive == "tf" else 0.0,
        **both,
    )


@pytest.mark.parametrize("seed", range(COMBINATIONS // 20))
def test_any_combination_is_the_reference(seed: int) -> None:
    random = np.random.default_rng(seed)
    for turn in range(20):
        v, dim, batch = (
            int(random.choice([2, 3, 5, 9, 40, 300])),
            int(random.integers(2, 70)),
            int(random.integers(1, 40)),
        )
        num_true = [None, 1, 2, 4][random.integers(4)]
        loss = random_loss(random, v, several=num_true not in (None, 1))
        buffers = make_buffers(
            loss,
            v,
            dim,
            batch,
            num_true=num_true,
            bias=bool(random.integers(2)),
            padding=int(random.integers(3)),
            weighted=bool(random.integers(2)),
            scale=float(random.choice([0.5, 2.0, 6.0])),
            seed=turn,
        )
        what = f"{loss!r}, v={v}, dim={dim}, batch={batch}, num_true={num_true}"
        # Of two outputs one may have nearly all mass: what is left of a gradient is the difference of numbers near 1.
        assert_gradients(loss, buffers, seed=int(random.integers(2**63)), threads=1 + turn % 2, what=what, floor=1 / 4)
