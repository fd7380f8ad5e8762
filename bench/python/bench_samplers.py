"""Drawing a million ids from every sampler, against numpy.random.Generator.choice with the same probabilities."""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import hogvec
import numpy as np
from measure import Checks, machine, print_table, spread, timed, write_json

DRAWS = 1_000_000
SIZES = [1_000, 68_000, 1_000_000]
VOCABULARY = 68_000  # from here on there is a bound: a search among 1,000 ids is short
LEAST_RATIO = 20.0


def samplers(num_classes: int) -> dict[str, hogvec.Sampler]:
    """Return the samplers that are compared; the first is the one with a bound."""
    counts = np.round(1e9 / np.arange(1, num_classes + 1)).astype(np.int64)
    learned = hogvec.LearnedUnigramSampler(num_classes)
    in_batch = hogvec.InBatchSampler(num_classes)
    in_batch.update(np.arange(1024) % num_classes)
    unigram, uniform = hogvec.UnigramSampler(counts), hogvec.UniformSampler(num_classes)
    return {
        "unigram, alias table": unigram,
        "uniform": uniform,
        "log-uniform": hogvec.LogUniformSampler(num_classes),
        "learned unigram": learned,
        "in batch of 1,024": in_batch,
        "mixture of unigram and uniform": hogvec.MixtureSampler([unigram, uniform], [0.8, 0.2]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all measurements there")
    parser.add_argument("--check", action="store_true", help="fail unless the bounds that the project asks for are met")
    options = parser.parse_args()

    checks, rows, results = Checks(), [], []
    for num_classes in SIZES:
        contestants = samplers(num_classes)
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        ratios: dict[str, list[float]] = {name: [] for name in contestants}
        probabilities = {name: sampler.probability() for name, sampler in contestants.items()}
        # Its own are estimates, which do not sum to 1.
        probabilities["in batch of 1,024"] = np.full(num_classes, 1 / num_classes)
        for seed in range(options.rounds):
            generator = np.random.default_rng(seed)
            for name, sampler in contestants.items():
                with timed() as ours:
                    sampler.sample(DRAWS, seed=seed)
                with timed() as theirs:
                    generator.choice(num_classes, DRAWS, p=probabilities[name])
                seconds[name].append(ours.wall)
                ratios[name].append(theirs.wall / ours.wall)
        for name in contestants:
            ratio = spread(ratios[name])
            result: dict[str, Any] = {"sampler": name, "classes": num_classes, "seconds": seconds[name], "ratio": ratio}
            results.append(result)
            nanoseconds = 1e9 * statistics.median(seconds[name]) / DRAWS
            span = f"{ratio['median']:.1f} ({ratio['min']:.1f} to {ratio['max']:.1f})"
            rows.append([name, f"{num_classes:,}", f"{nanoseconds:.1f}", span])
        first = next(iter(contestants))
        if num_classes >= VOCABULARY:
            checks.at_least(f"{first}, {num_classes:,} ids", statistics.median(ratios[first]), LEAST_RATIO)
    print_table(["sampler", "ids", "ns a draw", "times faster than choice"], rows)
    checks.report(required=options.check)
    write_json(options.json, {"machine": machine(), "draws": DRAWS, "results": results, "checks": checks.results})


if __name__ == "__main__":
    main()
