"""The noise of losses: what a mini-batch draws from a sampler, and the distribution that a trainer draws from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._loss import Doubles, Floats, Ids
from hogvec.samplers import HardOf, InBatchSampler, LogUniformSampler, MixtureSampler, Sampler

__all__ = [
    "Drawn",
    "check_drawn",
    "check_sampler",
    "draw",
    "draw_apart",
    "given_sampler",
    "log_probabilities",
    "noise_weights",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """The draws of a mini-batch as candidates: distinct ids, equal draws being one of a higher weight.

    Those of `draw_apart` are as they were drawn, (N, n).
    """

    ids: NDArray[np.int32]
    weights: Floats | None
    log_q: Doubles
    num_tries: int
    unique: bool
    targets: Ids
    target_log_q: Doubles
    hard_of: int = 1

    def checked_target_log_q(self) -> Doubles:
        """Return `target_log_q`; ValueError if a target is never drawn."""
        never = np.isneginf(self.target_log_q)
        if never.any():
            raise ValueError(
                f"sampler must draw every target, got probability 0 for id {self.targets[int(never.argmax())]}"
            )
        return self.target_log_q


def check_sampler(sampler: object) -> None:
    """Raise TypeError unless it is None or a sampler."""
    if sampler is not None and not isinstance(sampler, Sampler):
        raise TypeError(f"sampler must be a Sampler, got {sampler!r}")


def given_sampler(sampler: Sampler | None, num_outputs: int) -> Sampler:
    """Return the sampler; ValueError if there is none, or it is for another number of outputs."""
    if sampler is None:
        raise ValueError("sampler must be given outside a trainer, got None")
    if sampler.num_classes != num_outputs:
        raise ValueError(f"sampler must have as many ids as weights has rows, {num_outputs}, got {sampler.num_classes}")
    return sampler


def draw(
    sampler: Sampler | None, n: int | None, targets: Ids, num_outputs: int, seed: int, *, unique: bool = False
) -> Drawn:
    """Draw for a mini-batch with targets (N,); None takes all of them."""
    sampler = given_sampler(sampler, num_outputs)
    hard_of = sampler.m if isinstance(sampler, HardOf) else 1
    unique = unique or hard_of > 1  # an example chooses among its draws: each must be there once
    if targets.size > 0:
        sampler._before_batch(targets)
    if n is None:
        ids, num_tries, unique = targets.astype(np.int32), targets.size, False
    else:
        sample = sampler.sample(n * hard_of, unique=unique, seed=seed)
        ids, num_tries = sample.ids, sample.num_tries
    weights = None
    if not unique:
        ids, times = np.unique(ids, return_counts=True)
        weights = times.astype(np.float32)

    def log_q(of: NDArray[np.integer]) -> Doubles:
        if num_tries == 0:  # an empty batch that is its own sample
            return np.empty(0)
        return sampler.log_expected_count(of, num_tries, unique=unique)

    drawn = Drawn(
        ids=np.ascontiguousarray(ids),
        weights=weights,
        log_q=log_q(ids),
        num_tries=num_tries,
        unique=unique,
        targets=targets,
        target_log_q=log_q(targets),
        hard_of=hard_of,
    )
    if targets.size > 0:
        sampler._after_batch(targets)
    return drawn


def draw_apart(sampler: Sampler | None, n: int, targets: Ids, num_outputs: int, seed: int) -> Drawn:
    """Draw n ids, with replacement, for each of the targets (N,) alone: ids and log_q are (N, n)."""
    sampler = given_sampler(sampler, num_outputs)
    if targets.size > 0:
        sampler._before_batch(targets)
        ids = sampler.sample(n * targets.size, unique=False, seed=seed).ids.reshape(-1, n)
    else:
        ids = np.empty((0, n), dtype=np.int32)
    drawn = Drawn(
        ids=ids,
        weights=None,
        log_q=sampler.log_expected_count(ids.ravel(), n, unique=False).reshape(ids.shape),
        num_tries=n,
        unique=False,
        targets=targets,
        target_log_q=sampler.log_expected_count(targets, n, unique=False),
    )
    if targets.size > 0:
        sampler._after_batch(targets)
    return drawn


def log_probabilities(sampler: Sampler) -> Doubles:
    """Return ln q of every output, a number far below all others where q is 0."""
    with np.errstate(divide="ignore"):
        logs: Doubles = np.maximum(np.log(sampler.probability()), -3e38)
    return logs


def noise_weights(sampler: Sampler | None, counts: Ids, power: float) -> Doubles:
    """Return weights of a trainer's noise, (V,): those of the sampler as it is now, else counts ** power."""
    if sampler is None:
        return _core.unigram_weights(counts, power)
    if isinstance(sampler, (HardOf, InBatchSampler)):
        raise TypeError(f"sampler must have a fixed distribution in a trainer, got a {type(sampler).__name__}")
    if sampler.num_classes != len(counts):
        raise ValueError(f"sampler must have as many ids as the corpus, {len(counts)}, got {sampler.num_classes}")
    check_ranks(sampler, counts)
    return np.ascontiguousarray(sampler.probability(), dtype=np.float64)


def check_ranks(sampler: Sampler, counts: Ids) -> None:
    """Raise ValueError if log-uniform noise, or a part of the noise, takes ids for ranks that they are not."""
    if isinstance(sampler, MixtureSampler):
        for part in sampler.samplers:
            check_ranks(part, counts)
    if isinstance(sampler, LogUniformSampler) and sampler.counts is None and (rising := np.diff(counts) > 0).any():
        i = int(rising.argmax())
        raise ValueError(
            f"LogUniformSampler without counts must have ids sorted by falling count, got {counts[i]} of id {i} and "
            f"{counts[i + 1]} of id {i + 1}: give it the counts, LogUniformSampler({len(counts)}, corpus.counts)"
        )


def check_drawn(weights: Doubles, counts: Ids) -> None:
    """Raise ValueError if an id that occurs is never drawn: the expected count of a target must not be 0."""
    never = (weights == 0) & (counts > 0)
    if never.any():
        raise ValueError(f"sampler must draw every id that occurs, got probability 0 for id {int(never.argmax())}")
