"""How fast Arrow columns become a corpus, and what short sequences cost against long ones."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import hogvec
import numpy as np
from measure import Checks, machine, print_table, spread, timed, write_json

DISTINCT = 5_000_000
MEAN_LENGTH = 10
LEAST_DENSE, LEAST_SPARSE, MOST_SLOWER = 500.0, 80.0, 1.2


def arrow_column(ids: np.ndarray[Any, Any]) -> Any:
    """Return the ids as lists of ten on average, of a table of one column."""
    import pyarrow as pa

    lengths = np.random.default_rng(3).integers(1, 2 * MEAN_LENGTH, size=2 * len(ids) // MEAN_LENGTH)
    offsets = np.minimum(np.concatenate([[0], np.cumsum(lengths)]), len(ids))
    return pa.table({"items": pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(ids))})


def ingest(ids: np.ndarray[Any, Any], rounds: int, **options: Any) -> dict[str, float]:
    """Return megabytes of int64 ids a second."""
    data = arrow_column(ids)
    rates = []
    for _ in range(rounds):
        with timed() as watch:
            hogvec.Corpus.from_arrow(data, **options)
        rates.append(ids.nbytes / 1e6 / watch.cpu)
    return spread(rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ids", type=int, default=100_000_000, metavar="N", help="default: 100 million")
    parser.add_argument("--tokens", type=int, default=3_000_000, metavar="N", help="trained on (default: 3 million)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all measurements there")
    parser.add_argument("--check", action="store_true", help="fail unless the bounds that the project asks for are met")
    options = parser.parse_args()
    generator = np.random.default_rng(1)
    checks = Checks()
    results: dict[str, Any] = {"machine": machine()}

    dense = generator.integers(DISTINCT, size=options.ids)
    sparse = generator.integers(2**62, size=DISTINCT)[dense]
    rows = []
    for name, ids, settings, bound in (
        ("rows", dense, {}, LEAST_DENSE),
        ("64-bit ids to be numbered", sparse, {"renumber": True}, LEAST_SPARSE),
    ):
        rate = ingest(ids, options.rounds, **settings)
        checks.at_least(f"MB/s of {name}", rate["median"], bound)
        rows.append([name, f"{rate['median']:.0f}", f"{rate['median'] / 8:.0f}"])
        results[f"MB/s of {name}"] = rate
    print_table([f"{options.ids:,} ids, {DISTINCT:,} different", "MB a CPU second", "million ids"], rows)

    tokens = np.minimum(generator.zipf(1.2, size=options.tokens), 50_000).astype(np.int32) - 1
    seconds: dict[int, list[float]] = {1000: [], MEAN_LENGTH: []}
    for _ in range(options.rounds):
        for length, found in seconds.items():
            corpus = hogvec.Corpus.from_ids(tokens, np.append(np.arange(0, len(tokens), length), len(tokens)))
            trainer = hogvec.Trainer(hogvec.SkipGram(dim=100, subsample=0), threads=1)
            with timed() as watch:
                trainer.fit(corpus, epochs=1, progress=False)
            found.append(watch.cpu)
    ratio = float(np.median(np.array(seconds[MEAN_LENGTH]) / np.array(seconds[1000])))
    checks.at_most("time of a token, short sequences over long ones", ratio, MOST_SLOWER)
    rows = [[f"{length}", f"{len(tokens) / np.median(found) / 1e3:.0f}"] for length, found in seconds.items()]
    print_table(["tokens of a sequence", "thousand tokens a CPU second"], rows)
    print(f"short over long: {ratio:.2f} of the time\n")
    results["short over long"] = ratio
    results["checks"] = checks.results
    write_json(options.json, results)
    checks.report(required=options.check)


if __name__ == "__main__":
    main()
