"""Every loss with every option that changes its formula, and buffers for it: what the tests of the losses share."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hogvec import (
    NCE,
    BalancedTree,
    ClassTree,
    Corpus,
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
from hogvec.reference_losses import OutputGradients, log_probabilities, output_gradients

__all__ = [
    "ALL_LOSSES",
    "Buffers",
    "assert_close",
    "dense",
    "expected_gradients",
    "make_buffers",
    "planted_pairs",
    "rows_of",
]

Make = Callable[[int, int], Any]


def zipf(v: int) -> np.ndarray:
    return 1 + 20 * v // np.arange(1, v + 1)


def unigram(v: int) -> UnigramSampler:
    return UnigramSampler(zipf(v), 1.0)


def in_batch(v: int) -> InBatchSampler:
    """A sampler that has seen some of a stream, so that estimates differ."""
    sampler = InBatchSampler(v, rate=0.1)
    sampler.update(np.random.default_rng(1).integers(v, size=3 * v))
    return sampler


def learned(v: int) -> LearnedUnigramSampler:
    sampler = LearnedUnigramSampler(v)
    sampler.update(np.arange(v) // 2)
    return sampler


# Made for v outputs and about n draws; distinct ones are fewer than v.
ALL_LOSSES: dict[str, Make] = {
    "negative sampling": lambda v, n: NegativeSampling(n, sampler=unigram(v)),
    "negative sampling, independent": lambda v, n: NegativeSampling(
        n, sampler=UniformSampler(v), multi_label="independent"
    ),
    "negative sampling, hard": lambda v, n: NegativeSampling(min(n, v // 2), sampler=HardOf(2, LogUniformSampler(v))),
    "nce": lambda v, n: NCE(n, sampler=unigram(v)),
    "nce, options": lambda v, n: NCE(
        n, sampler=LogUniformSampler(v), log_z=1.5, remove_accidental_hits=True, multi_label="independent"
    ),
    "tf": lambda v, n: SampledSoftmax(min(n, v), sampler=LogUniformSampler(v)),
    "tf, repeats": lambda v, n: SampledSoftmax(n, sampler=unigram(v), unique=False),
    "tf, hits kept": lambda v, n: SampledSoftmax(n, sampler=unigram(v), unique=False, remove_accidental_hits=False),
    "tf, independent": lambda v, n: SampledSoftmax(min(n, v), sampler=unigram(v), multi_label="independent"),
    "tf, independent, hits kept": lambda v, n: SampledSoftmax(
        n, sampler=unigram(v), unique=False, remove_accidental_hits=False, multi_label="independent"
    ),
    "tf, smoothed": lambda v, n: SampledSoftmax(n, sampler=unigram(v), unique=False, label_smoothing=0.1),
    "tf, smoothed, independent": lambda v, n: SampledSoftmax(
        min(n, v), sampler=unigram(v), label_smoothing=0.1, multi_label="independent"
    ),
    "tf, temperature": lambda v, n: SampledSoftmax(min(n, v), sampler=unigram(v), temperature=0.5),
    "tf, cosine": lambda v, n: SampledSoftmax(min(n, v), sampler=unigram(v), temperature=0.2, normalize=True),
    "tf, hard": lambda v, n: SampledSoftmax(max(1, min(n, v // 3)), sampler=HardOf(3, unigram(v))),
    "tf, half corrected": lambda v, n: SampledSoftmax(min(n, v), sampler=unigram(v), correction=0.5),
    "tf, uncorrected": lambda v, n: SampledSoftmax(n, sampler=unigram(v), unique=False, correction=0.0),
    "tf, whole batch": lambda v, n: SampledSoftmax(None, sampler=in_batch(v)),
    "tf, from the batch": lambda v, n: SampledSoftmax(n, sampler=in_batch(v), unique=False),
    "tf, learned": lambda v, n: SampledSoftmax(min(n, v), sampler=learned(v)),
    "tf, mixture": lambda v, n: SampledSoftmax(
        n, sampler=MixtureSampler([unigram(v), UniformSampler(v)], [1, 2]), unique=False
    ),
    "importance": lambda v, n: SampledSoftmax(n, sampler=unigram(v), unique=False, positive="importance"),
    "importance, independent": lambda v, n: SampledSoftmax(
        min(n, v), sampler=unigram(v), positive="importance", multi_label="independent"
    ),
    "importance, cosine": lambda v, n: SampledSoftmax(
        n, sampler=unigram(v), unique=False, positive="importance", temperature=0.2, normalize=True
    ),
    "refined": lambda v, n: SampledSoftmax(
        n, sampler=unigram(v), unique=False, positive="refined", multi_label="independent"
    ),
    "refined, distinct": lambda v, n: SampledSoftmax(
        min(n, v), sampler=unigram(v), positive="refined", multi_label="independent"
    ),
    "refined, cosine": lambda v, n: SampledSoftmax(
        min(n, v),
        sampler=unigram(v),
        positive="refined",
        multi_label="independent",
        temperature=0.2,
        normalize=True,
    ),
    "softmax": lambda v, n: Softmax(),
    "softmax, independent": lambda v, n: Softmax(multi_label="independent"),
    "softmax, smoothed": lambda v, n: Softmax(label_smoothing=0.1),
    "softmax, smoothed, independent": lambda v, n: Softmax(label_smoothing=0.1, multi_label="independent"),
    "softmax, cosine": lambda v, n: Softmax(temperature=0.2, normalize=True),
    "one-vs-all": lambda v, n: OneVsAll(),
    "huffman": lambda v, n: HierarchicalSoftmax(tree=HuffmanTree(zipf(v))),
    "balanced, independent": lambda v, n: HierarchicalSoftmax(tree=BalancedTree(v), multi_label="independent"),
    "classes": lambda v, n: HierarchicalSoftmax(tree=ClassTree(zipf(v))),
    "classes, independent": lambda v, n: HierarchicalSoftmax(tree=ClassTree(zipf(v)), multi_label="independent"),
}


def rows_of(loss: Any, v: int) -> int:
    """Rows of the weights of a loss over v outputs."""
    if not isinstance(loss, HierarchicalSoftmax):
        return v
    return v + loss.tree.num_classes if isinstance(loss.tree, ClassTree) else v - 1


def strided(table: np.ndarray, padding: int) -> np.ndarray:
    """The same numbers with so many others between the rows, which nothing may read."""
    wide = np.full((table.shape[0], table.shape[1] + padding), np.nan, table.dtype)
    wide[:, : table.shape[1]] = table
    return wide[:, : table.shape[1]]


@dataclass(frozen=True, kw_only=True)
class Buffers:
    """The arguments of `Loss.gradients`."""

    hidden: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    bias: np.ndarray | None
    example_weights: np.ndarray | None = None

    def call(self, method: Callable[..., Any], **options: Any) -> Any:
        return method(
            self.hidden, self.targets, self.weights, self.bias, example_weights=self.example_weights, **options
        )


def make_buffers(
    loss: Any,
    v: int,
    dim: int,
    batch: int,
    *,
    num_true: int | None = None,
    bias: bool = True,
    padding: int = 0,
    weighted: bool = False,
    scale: float = 2.0,
    seed: int = 1,
) -> Buffers:
    """Draw buffers whose scores have the given spread, whatever the dimension."""
    random = np.random.default_rng([seed, dim, batch])
    rows = rows_of(loss, v)
    shape = (batch,) if num_true is None else (batch, num_true)
    hidden = random.normal(size=(batch, dim)).astype(np.float32)
    weights = (scale / np.sqrt(dim) * random.normal(size=(rows, dim))).astype(np.float32)
    return Buffers(
        hidden=strided(hidden, padding),
        targets=random.choice(v, shape, p=zipf(v) / zipf(v).sum()),
        weights=strided(weights, padding),
        bias=random.normal(size=rows).astype(np.float32) if bias else None,
        example_weights=random.integers(0, 3, batch) / 2 if weighted else None,
    )


def expected_gradients(loss: Any, buffers: Buffers, seed: int) -> OutputGradients:
    """The reference's, with a copy of the loss: samplers that learn are left as they are."""
    return buffers.call(
        lambda *arguments, **options: output_gradients(copy.deepcopy(loss), *arguments, **options), seed=seed
    )


def dense(loss: Any, buffers: Buffers) -> np.ndarray:
    """The reference's log-probabilities of all outputs."""
    return log_probabilities(copy.deepcopy(loss), buffers.hidden, buffers.weights, buffers.bias)


def assert_close(
    found: np.ndarray, expected: np.ndarray, what: str, *, tolerance: float = 1e-5, floor: float = 0.0
) -> None:
    """Compare relative to the largest entry: sums of many float32 terms are as exact as their largest parts are."""
    assert found.shape == expected.shape, what
    largest = np.abs(expected).max(initial=floor)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * largest, err_msg=what)


def planted_pairs(words: int, pairs: int) -> tuple[Corpus, np.ndarray]:
    """Return pairs of words drawn from a joint distribution, and the probability of each word beside each."""
    random = np.random.default_rng(11)
    joint = random.gamma(0.5, size=(words, words)) + 0.05
    joint += joint.T
    drawn = random.choice(words * words, size=pairs, p=(joint / joint.sum()).ravel())
    ids = np.stack(np.divmod(drawn, words), axis=1).astype(np.int32)
    counts = np.zeros((words, words))
    np.add.at(counts, (ids[:, 0], ids[:, 1]), 1)
    counts += counts.T  # either word is the other's context
    corpus = Corpus.from_ids(ids.ravel(), np.arange(0, 2 * pairs + 1, 2), num_ids=words)
    return corpus, counts / counts.sum(axis=1, keepdims=True)
