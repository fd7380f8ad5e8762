"""The text classifier against the fasttext package: quality over seeds, speed in interleaved rounds, memory of tables.

Both sides read the same prepared files, with the same settings and one thread: lines in lower case with punctuation
apart, as in the tutorial of fastText. The newsgroups, which come sorted by label, are shuffled once: fastText goes
through a file from its beginning to its end, and learns next to nothing from this one as it is. Without the package
only hogvec is measured.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported

import hogvec  # noqa: E402
from measure import Checks, Stopwatch, data_path, machine, mean_and_sd, print_table, timed, write_json  # noqa: E402

try:
    import fasttext
except ImportError:
    fasttext = None

SEEDS = (1, 2, 3)
DATA = {
    "cooking": ("classify/cooking/cooking.train", "classify/cooking/cooking.valid"),
    "20newsgroups": (
        "classify/20newsgroups/20news-bydate.train.txt.gz",
        "classify/20newsgroups/20news-bydate.test.txt.gz",
    ),
    "trec": ("classify/trec/trec.train.txt", "classify/trec/trec.test.txt"),
}
LOSSES = {"softmax": hogvec.Softmax(), "hs": hogvec.HierarchicalSoftmax()}
NGRAMS, RATE, EPOCHS, BUCKETS = 2, 1.0, 25, 2_000_000  # of fastText's tutorial
DIM = {"cooking": 100, "20newsgroups": 10, "trec": 10}  # its default, and that of its examples of classification
LEAST_QUALITY = {("cooking", "softmax"): (0.60, 0.26), ("cooking", "hs"): (0.59, 0.0)}  # P@1 and R@1
LEAST_TRAINING, LEAST_PREDICTION = 2.0, 2.0  # of fastText's seconds to hogvec's
MOST_TABLES = 60_000_000  # bytes, of cooking


@dataclass
class Files:
    """A data set as both sides read it."""

    train: Path
    test: Path
    texts: list[str]  # of the test file, without labels


def prepared(name: str, folder: Path) -> Files:
    """Write the lines of a data set with punctuation apart and in lower case."""
    folder.mkdir(parents=True, exist_ok=True)
    paths, lines = [], []
    for part, source in zip(("train", "test"), DATA[name], strict=True):
        data = data_path(source)
        raw = gzip.decompress(data.read_bytes()) if data.suffix == ".gz" else data.read_bytes()
        lines = [normal_line(line) for line in raw.decode("utf-8", "replace").rstrip("\n").split("\n")]
        if name == "trec":  # the class within the class is no word of the question
            lines = [re.sub(r"^(\S+) \S+", r"\1", line) for line in lines]
        if part == "train" and name == "20newsgroups":
            random.Random(1).shuffle(lines)
        paths.append(folder / f"{name}.{part}")
        paths[-1].write_text("\n".join(lines) + "\n", encoding="utf-8")
    texts = [" ".join(word for word in line.split() if not word.startswith("__label__")) for line in lines]
    return Files(*paths, texts)


def normal_line(line: str) -> str:
    """Return a line in lower case with punctuation apart, its labels as they were."""
    words = line.replace("\0", " ").split()
    return " ".join(
        word if word.startswith("__label__") else re.sub(r"([.!?,'/()])", r" \1 ", word.lower()).strip()
        for word in words
    )


@dataclass
class Trained:
    """One side's model: its quality, the seconds it took on the wall and of the processor, its answers."""

    precision: float
    recall: float
    watch: Stopwatch
    predict: Callable[[list[str]], Any]
    table_bytes: int


def train_hogvec(files: Files, loss: str, seed: int, *, dim: int, rate: float, epochs: int) -> Trained:
    classifier = hogvec.TextClassifier(
        dim, word_ngrams=NGRAMS, buckets=BUCKETS, loss=LOSSES[loss], learning_rate=rate, epochs=epochs, seed=seed,
        threads=1,
    )  # fmt: skip
    with timed() as watch:
        classifier.fit(files.train)
    found = classifier.evaluate(files.test)
    model = classifier._model
    size = sum(table.strides[0] * len(table) for table in (model.input_table, model.output_table))
    return Trained(found.precision, found.recall, watch, classifier.predict, size)


def train_fasttext(files: Files, loss: str, seed: int, *, dim: int, rate: float, epochs: int) -> Trained:
    with timed() as watch:
        model = fasttext.train_supervised(
            str(files.train), dim=dim, wordNgrams=NGRAMS, bucket=BUCKETS, loss=loss, lr=rate, epoch=epochs, seed=seed,
            thread=1, verbose=0,
        )  # fmt: skip
    _, precision, recall = model.test(str(files.test))
    size = (len(model.words) + BUCKETS + len(model.labels)) * dim * 4
    return Trained(precision, recall, watch, model.predict, size)


SIDES = {"hogvec": train_hogvec, "fasttext": train_fasttext}


def sides() -> dict[str, Callable[..., Trained]]:
    return SIDES if fasttext is not None else {"hogvec": train_hogvec}


def quality(files: dict[str, Files], checks: Checks) -> list[dict[str, Any]]:
    """Means over seeds of P@1 and R@1."""
    rows: list[dict[str, Any]] = []
    for name, loss in (("cooking", "softmax"), ("cooking", "hs"), ("20newsgroups", "softmax"), ("trec", "softmax")):
        means = {}
        for side, train in sides().items():
            runs = [train(files[name], loss, seed, dim=DIM[name], rate=RATE, epochs=EPOCHS) for seed in SEEDS]
            precision, recall = [run.precision for run in runs], [run.recall for run in runs]
            means[side] = statistics.mean(precision)
            rows.append(
                {
                    "data": name, "loss": loss, "side": side, "precision": precision, "recall": recall,
                    "seconds": [run.watch.wall for run in runs], "table_bytes": runs[0].table_bytes,
                }
            )  # fmt: skip
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
            if side == "hogvec" and (name, loss) in LEAST_QUALITY:
                least = LEAST_QUALITY[name, loss]
                checks.at_least(f"P@1 of {name}, {loss}", means[side], least[0])
                checks.at_least(f"R@1 of {name}, {loss}", statistics.mean(recall), least[1])
            if side == "hogvec" and name == "cooking" and loss == "softmax":
                checks.at_most("bytes of the tables of cooking", runs[0].table_bytes, MOST_TABLES)
        if "fasttext" in means and loss == "softmax":
            checks.at_least(f"P@1 of {name} against fasttext's", means["hogvec"] - means["fasttext"], -0.01)
    return rows


def speed(files: dict[str, Files], rounds: int, checks: Checks) -> list[dict[str, Any]]:
    """Seconds of training and of prediction, the sides in turn."""
    rows: list[dict[str, Any]] = []
    for name in ("20newsgroups", "cooking"):
        for dim in (10, 100):
            found: dict[str, dict[str, list[float]]] = {side: {"train": [], "predict": []} for side in sides()}
            for _ in range(rounds):
                for side, train in sides().items():
                    trained = train(files[name], "softmax", 1, dim=dim, rate=0.5, epochs=5)
                    found[side]["train"].append(trained.watch.wall)
                    with timed() as watch:
                        trained.predict(files[name].texts)
                    found[side]["predict"].append(watch.wall)
            rows.append({"data": name, "dim": dim, "seconds": found})
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
            for what, least in (("train", LEAST_TRAINING), ("predict", LEAST_PREDICTION)):
                if "fasttext" in found:
                    ratio = statistics.median(found["fasttext"][what]) / statistics.median(found["hogvec"][what])
                    checks.at_least(f"speed of {what}, {name}, dim {dim}", ratio, least)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of the speed (default: %(default)s)")
    parser.add_argument("--only", choices=("quality", "speed"), help="default: both")
    parser.add_argument("--cache", type=Path, default=Path("build/bench-classify"), metavar="DIR", help="for the files")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all measurements there")
    parser.add_argument("--check", action="store_true", help="fail unless the bounds that the project asks for are met")
    options = parser.parse_args()
    files = {name: prepared(name, options.cache) for name in DATA}
    checks = Checks()
    results: dict[str, Any] = {"machine": machine()}
    if options.only != "speed":
        results["quality"] = quality(files, checks)
        rows = []
        for row in results["quality"]:
            rows.append(
                (row["data"], row["loss"], row["side"], shown(row["precision"]), shown(row["recall"]),
                 f"{statistics.mean(row['seconds']):.1f}", f"{row['table_bytes'] / 1e6:,.0f}")
            )  # fmt: skip
        print_table(("data", "loss", "side", "P@1", "R@1", "seconds", "MB of tables"), rows)
    if options.only != "quality":
        results["speed"] = speed(files, options.rounds, checks)
        print_table(("data", "dim", "what", *sides(), "ratio"), list(speed_rows(results["speed"])))
    write_json(options.json, results)
    checks.report(required=options.check)


def shown(values: list[float]) -> str:
    """Return the mean and the standard deviation."""
    mean, deviation = mean_and_sd(values)
    return f"{mean:.4f} ± {deviation:.4f}"


def speed_rows(rows: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Yield medians, and how many times as fast as the other side hogvec is."""
    for row in rows:
        for what in ("train", "predict"):
            medians = [statistics.median(side[what]) for side in row["seconds"].values()]
            yield (
                row["data"],
                str(row["dim"]),
                what,
                *(f"{m:.3f}" for m in medians),
                f"{medians[-1] / medians[0]:.1f}",
            )


if __name__ == "__main__":
    main()
