"""Losses over buffers: a step of sampled softmax against PyTorch, gradients of the full softmax against BLAS.

Both sides do the same work on the same draws, on one thread each; drawing is part of every step on both sides, by the
same sampler.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported

import hogvec  # noqa: E402
import numpy as np  # noqa: E402
from measure import Checks, Stopwatch, machine, print_table, spread, timed, write_json  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

try:
    import torch
except ImportError:
    raise SystemExit("bench_losses.py needs PyTorch: pip install torch") from None
import hogvec.torch  # noqa: E402

BATCH, DIM = 1024, 128
CLASSES = 1_000_000  # of sampled softmax
LEAST_RATIO = {1024: 2.0, 8192: 1.3}  # of PyTorch's seconds to hogvec's, by the size of the sample
STEPS = {1024: 8, 8192: 2}  # in a round, for some hundred milliseconds
LEARNING_RATE = 1e-3
LEAST_SHARE = 0.5  # of the peak of multiply-adds, for a sample of 8,192
ALL_CLASSES = 50_000  # of the full softmax
MOST_RATIO = 1.5  # of hogvec's seconds to those of the three products
AGREEMENT = 1e-4  # relative, of losses in float32 on one side

Floats = NDArray[np.float32]


@dataclass
class Example:
    """A mini-batch: hidden vectors (B, dim), targets (B,) as frequent as the sampler draws them, a seed of the draw."""

    hidden: Floats
    targets: NDArray[np.int64]
    seed: int


def examples(count: int, sampler: hogvec.Sampler, first_seed: int) -> list[Example]:
    """Return mini-batches."""
    found = []
    for seed in range(first_seed, first_seed + count):
        hidden = np.random.default_rng(seed).standard_normal((BATCH, DIM), dtype=np.float32)
        found.append(Example(hidden, sampler.sample(BATCH, seed=2**40 + seed).ids.astype(np.int64), seed))
    return found


def table(rows: int, seed: int) -> Floats:
    """Return weights as output layers begin: uniform within ±1 / sqrt(dim)."""
    weights = np.random.default_rng(seed).random((rows, DIM), dtype=np.float32)
    weights -= 0.5
    weights *= 2 / np.sqrt(DIM)
    return weights


def candidates(loss: hogvec.SampledSoftmax, example: Example) -> tuple[torch.Tensor, ...]:
    """Draw: ids and log-expected counts of targets and sample one after the other, and pairs to mask."""
    assert loss.sampler is not None
    assert loss.num_sampled is not None
    sample = loss.sampler.sample(loss.num_sampled, unique=True, seed=example.seed)
    target_log_q = loss.sampler.log_expected_count(example.targets, sample.num_tries, unique=True)
    ids = torch.cat([torch.from_numpy(example.targets), torch.tensor(sample.ids).long()])
    log_q = torch.from_numpy(np.concatenate([target_log_q, np.log(sample.expected_counts)])).float()
    drawn, order = ids[BATCH:].sort()  # distinct: a target is hit once at most
    place = torch.searchsorted(drawn, ids[:BATCH]).clamp_(max=len(drawn) - 1)
    hit = (drawn[place] == ids[:BATCH]).nonzero()[:, 0]
    return ids, log_q, hit, order[place[hit]]


def losses(hidden: torch.Tensor, rows: torch.Tensor, drawn: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Return the loss of each example from the rows of targets and sample, (B,)."""
    _, log_q, hit, hit_draw = drawn
    target_scores = (hidden * rows[:BATCH]).sum(dim=1) - log_q[:BATCH]
    scores = hidden @ rows[BATCH:].t() - log_q[BATCH:]
    scores[hit, hit_draw] = -torch.inf
    both = torch.cat([target_scores[:, None], scores], dim=1)
    return torch.nn.functional.cross_entropy(both, torch.zeros(BATCH, dtype=torch.long), reduction="none")


class SparseSGD:
    """A step as PyTorch's users write it: an embedding with sparse gradients, and its SGD."""

    def __init__(self, weights: torch.Tensor) -> None:
        self.embedding = torch.nn.Embedding.from_pretrained(weights, freeze=False, sparse=True)
        self.optimizer = torch.optim.SGD(self.embedding.parameters(), lr=LEARNING_RATE)

    def __call__(self, loss: hogvec.SampledSoftmax, example: Example) -> float:
        drawn = candidates(loss, example)
        hidden = torch.from_numpy(example.hidden).requires_grad_()
        self.optimizer.zero_grad()
        total = losses(hidden, self.embedding(drawn[0]), drawn).sum()
        total.backward()
        self.optimizer.step()
        return float(total.item())


class IndexAdd:
    """The same with less: the gathered rows are the leaves, and their gradients are added to the table."""

    def __init__(self, weights: torch.Tensor) -> None:
        self.weights = weights

    def __call__(self, loss: hogvec.SampledSoftmax, example: Example) -> float:
        drawn = candidates(loss, example)
        hidden = torch.from_numpy(example.hidden).requires_grad_()
        rows = self.weights[drawn[0]].requires_grad_()
        total = losses(hidden, rows, drawn).sum()
        total.backward()
        assert rows.grad is not None
        self.weights.index_add_(0, drawn[0], rows.grad, alpha=-LEARNING_RATE)
        return float(total.item())


class Hogvec:
    """`SampledSoftmax.step`."""

    def __init__(self, weights: Floats, threads: int) -> None:
        self.weights, self.threads = weights, threads
        self.optimizer = hogvec.SGD(learning_rate=LEARNING_RATE)

    def __call__(self, loss: hogvec.SampledSoftmax, example: Example) -> float:
        step = loss.step(
            example.hidden,
            example.targets,
            self.weights,
            None,
            self.optimizer,
            seed=example.seed,
            threads=self.threads,
        )
        return float(step.loss.sum())


class Module:
    """The same as a function that PyTorch differentiates, with PyTorch's SGD."""

    def __init__(self, weights: torch.Tensor) -> None:
        self.weights = torch.nn.Parameter(weights)
        self.optimizer = torch.optim.SGD([self.weights], lr=LEARNING_RATE)

    def __call__(self, loss: hogvec.SampledSoftmax, example: Example) -> float:
        hidden = torch.from_numpy(example.hidden).requires_grad_()
        targets = torch.from_numpy(example.targets)
        self.optimizer.zero_grad()
        total = hogvec.torch.output_loss(
            hidden, targets, self.weights, loss=loss, seed=example.seed, reduction="sum", sparse=True
        )
        total.backward()
        self.optimizer.step()
        return float(total.item())


def run(step: Callable[..., float], loss: hogvec.SampledSoftmax, batches: list[Example]) -> tuple[Stopwatch, float]:
    """Take a step for each mini-batch; return the seconds of one, and the sum of the losses."""
    with timed() as watch:
        total = sum(step(loss, batch) for batch in batches)
    return Stopwatch(watch.wall / len(batches), watch.cpu / len(batches)), total


def sampled_softmax(num_sampled: int, rounds: int, peak: float | None, checks: Checks) -> dict[str, Any]:
    """Measure steps; everyone takes the same ones, on a table of their own."""
    sampler = hogvec.LogUniformSampler(CLASSES)
    loss = hogvec.SampledSoftmax(num_sampled, sampler=sampler)
    tables = [table(CLASSES, 1) for _ in range(5)]
    contestants = {
        "hogvec": Hogvec(tables[0], 1),
        "hogvec, two threads": Hogvec(tables[1], 2),
        "hogvec.torch, sparse gradients": Module(torch.from_numpy(tables[2])),
        "PyTorch, sparse gradients": SparseSGD(torch.from_numpy(tables[3])),
        "PyTorch, index_add_": IndexAdd(torch.from_numpy(tables[4])),
    }
    walls: dict[str, list[float]] = {name: [] for name in contestants}
    cpus: dict[str, list[float]] = {name: [] for name in contestants}
    apart = 0.0
    for turn in range(rounds + 1):  # the first warms up
        batches = examples(STEPS[num_sampled], sampler, turn * STEPS[num_sampled])
        totals = []
        for name, step in contestants.items():
            seconds, total = run(step, loss, batches)
            totals.append(total)
            if turn > 0:
                walls[name].append(seconds.wall)
                cpus[name].append(seconds.cpu)
        apart = max(apart, *(abs(total / totals[0] - 1) for total in totals))
    largest = max(float(np.abs(other - tables[0]).max()) for other in tables[1:])

    flops = 6 * BATCH * num_sampled * DIM
    rows = []
    for name in contestants:
        ratio, cpu_ratio = (
            spread([x / y for x, y in zip(seconds[name], seconds["hogvec"], strict=True)]) for seconds in (walls, cpus)
        )
        milliseconds = 1e3 * statistics.median(walls[name])
        rate = flops / statistics.median(walls[name]) / 1e9
        rows.append(
            [
                name,
                f"{milliseconds:.2f}",
                f"{1e3 * statistics.median(cpus[name]):.2f}",
                f"{ratio['median']:.2f} ({ratio['min']:.2f}-{ratio['max']:.2f})",
                f"{cpu_ratio['median']:.2f} ({cpu_ratio['min']:.2f}-{cpu_ratio['max']:.2f})",
                f"{rate:.1f}" + ("" if peak is None else f" ({rate / peak:.0%})"),
            ]
        )
    print(f"sampled softmax, {num_sampled:,} of {CLASSES:,} classes, B = {BATCH:,}, dim {DIM}: a step")
    speed = "GFLOP/s" + ("" if peak is None else " (of peak)")
    print_table(["", "ms, wall", "ms, cpu", "times hogvec's, wall", "times hogvec's, cpu", speed], rows)
    print(f"losses agree to {apart:.1e}, tables after all steps to {largest:.1e}\n")

    label = f"sampled softmax, {num_sampled:,}"
    sparse = [x / y for x, y in zip(walls["PyTorch, sparse gradients"], walls["hogvec"], strict=True)]
    two = [x / y for x, y in zip(walls["hogvec"], walls["hogvec, two threads"], strict=True)]
    checks.at_least(f"{label}: PyTorch's seconds / hogvec's", statistics.median(sparse), LEAST_RATIO[num_sampled])
    checks.at_least(f"{label}: one thread's seconds / two threads'", statistics.median(two), 1.0)
    checks.at_most(f"{label}: relative difference of losses", apart, AGREEMENT)
    share = None
    if peak is not None:
        share = flops / statistics.median(walls["hogvec"]) / 1e9 / peak
        if num_sampled == max(LEAST_RATIO):
            checks.at_least(f"{label}: share of the peak, of the whole step", share, LEAST_SHARE)
    return {
        "loss": "sampled softmax",
        "num_sampled": num_sampled,
        "wall": walls,
        "cpu": cpus,
        "flops": flops,
        "share_of_peak": share,
        "losses_apart": apart,
        "tables_apart": largest,
    }


def full_softmax(rounds: int, checks: Checks) -> dict[str, Any]:
    """Measure gradients of the full softmax, and three products of the same size."""
    weights = table(ALL_CLASSES, 1)
    (example,) = examples(1, hogvec.LogUniformSampler(ALL_CLASSES), 1)
    hidden, targets = example.hidden, example.targets
    scores = np.empty((BATCH, ALL_CLASSES), np.float32)
    hidden_product, row_product = np.empty_like(hidden), np.empty_like(weights)
    loss = hogvec.Softmax()
    seconds: dict[str, list[float]] = {"hogvec": [], "three products": []}
    for turn in range(rounds + 1):  # the first warms up
        with timed() as ours:
            found = loss.gradients(hidden, targets, weights, threads=1)
        with timed() as theirs:
            np.matmul(hidden, weights.T, out=scores)
            np.matmul(scores, weights, out=hidden_product)
            np.matmul(scores.T, hidden, out=row_product)
        if turn > 0:
            seconds["hogvec"].append(ours.wall)
            seconds["three products"].append(theirs.wall)
    largest = scores.max(axis=1, keepdims=True)
    log_z = np.log(np.exp(scores - largest).sum(axis=1, dtype=np.float64)) + largest[:, 0]
    apart = float(np.abs(found.loss / (log_z - scores[np.arange(BATCH), targets]) - 1).max())

    ratios = [x / y for x, y in zip(seconds["hogvec"], seconds["three products"], strict=True)]
    ratio = spread(ratios)
    flops = 6 * BATCH * ALL_CLASSES * DIM
    print(f"full softmax, {ALL_CLASSES:,} classes, B = {BATCH:,}, dim {DIM}: gradients")
    print_table(
        ["", "ms, wall", "times the products'", "GFLOP/s"],
        [
            [
                name,
                f"{1e3 * statistics.median(values):.0f}",
                f"{ratio['median']:.2f} ({ratio['min']:.2f}-{ratio['max']:.2f})" if name == "hogvec" else "1",
                f"{flops / statistics.median(values) / 1e9:.1f}",
            ]
            for name, values in seconds.items()
        ],
    )
    print(f"losses agree to {apart:.1e}\n")
    checks.at_most("full softmax: hogvec's seconds / those of the products", statistics.median(ratios), MOST_RATIO)
    checks.at_most("full softmax: relative difference of losses", apart, AGREEMENT)
    return {"loss": "softmax", "seconds": seconds, "ratio": ratio, "flops": flops, "losses_apart": apart}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds (default: %(default)s)")
    parser.add_argument(
        "--peak",
        type=float,
        metavar="GFLOPS",
        help="GFLOP/s of multiply-adds on one core, for the shares: hogvec_bench --benchmark_filter=fma_peak",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all measurements there")
    parser.add_argument("--check", action="store_true", help="fail unless the bounds that the project asks for are met")
    options = parser.parse_args()

    torch.set_num_threads(1)
    checks = Checks()
    results = [sampled_softmax(size, options.rounds, options.peak, checks) for size in LEAST_RATIO]
    results.append(full_softmax(options.rounds, checks))
    checks.report(required=options.check)
    about = machine(torch=torch.__version__, numpy=np.__version__, peak_gflops=options.peak)
    write_json(options.json, {"machine": about, "results": results, "checks": checks.results})


if __name__ == "__main__":
    main()
