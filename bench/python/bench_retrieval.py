"""Retrieval: Gowalla in the split of LightGCN, MovieLens-1M beside baselines, and the time of recommending.

All rankings are over all items, without those of the training. Settings of Gowalla were chosen on its validation file
(`--validate` shows it); the run that counts is one, on the training and the validation file together.
"""

from __future__ import annotations

import argparse
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hogvec
import numpy as np
from hogvec import Interactions, Retriever, Softmax, Trainer
from hogvec.evaluate import ranking
from measure import Checks, data_path, machine, print_table, timed, write_json

METRICS = ("recall@20", "ndcg@20")
GOWALLA = Retriever(64, batch_size=256)
GOWALLA_LOSS = Softmax(multi_label="independent")
GOWALLA_RATE, GOWALLA_EPOCHS = 0.01, 40
LEAST_RECALL, LEAST_NDCG = 0.176, 0.140
MOST_MINUTES = 15.0  # on two processors
MOST_TIMES = 1.5  # of the product and argpartition
MOST_MEMORY = 0.1  # of theirs


def split_of(name: str, parts: list[str]) -> list[Interactions]:
    """Read the files of a data set with the ids of the first."""
    data = [Interactions.from_file(data_path(f"recsys/{name}/{parts[0]}.txt"))]
    for part in parts[1:]:
        data.append(Interactions.from_file(data_path(f"recsys/{name}/{part}.txt"), like=data[-1]))
    return data


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def gowalla(options: argparse.Namespace, checks: Checks) -> dict[str, Any]:
    train, valid, test = split_of("gowalla", ["train", "valid", "test"])
    if not options.validate:
        train = train.join(valid)
    epochs = options.epochs or GOWALLA_EPOCHS
    optimizer = hogvec.Adam(learning_rate=GOWALLA_RATE)
    trainer = Trainer(GOWALLA, GOWALLA_LOSS, optimizer, threads=options.threads, seed=options.seed)

    def show(progress: hogvec.Progress) -> None:
        if options.validate and progress.epoch_finished:
            print(trainer.history[-1], flush=True)

    with timed() as watch:
        model = trainer.fit(
            train,
            epochs=epochs,
            progress=None if not options.validate else False,
            validation=valid if options.validate else None,
            patience=epochs,
            callbacks=[show],
        )
    report = ranking(model, train, valid if options.validate else test, metrics=METRICS)
    result = {
        "recall": report["recall@20"],
        "ndcg": report["ndcg@20"],
        "minutes": watch.wall / 60,
        "cpu_minutes": watch.cpu / 60,
        "megabytes": peak_megabytes(),
    }
    name = "validation, trained on train" if options.validate else "test, trained on train and validation"
    print_table(
        ["Gowalla, dim 64", "recall@20", "ndcg@20", "CPU minutes", "minutes", "MB"],
        [
            [
                f"{name}, {epochs} epochs",
                f"{result['recall']:.4f}",
                f"{result['ndcg']:.4f}",
                *(f"{result[key]:.1f}" for key in ("cpu_minutes", "minutes")),
                f"{result['megabytes']:,.0f}",
            ]
        ],
    )
    if not options.validate and options.epochs is None:
        checks.at_least("recall@20 of Gowalla", result["recall"], LEAST_RECALL)
        checks.at_least("ndcg@20 of Gowalla", result["ndcg"], LEAST_NDCG)
        checks.at_most("CPU minutes of two processors", result["cpu_minutes"] / 2, MOST_MINUTES)
    return result


@dataclass(frozen=True)
class Contender:
    """A model of MovieLens-1M; the number of epochs is that of the best ranking of a tenth held out of the training."""

    retriever: Retriever
    loss: hogvec.Loss
    learning_rate: float
    most_epochs: int


def contenders(num_items: int) -> dict[str, Contender]:
    uniform = hogvec.UniformSampler(num_items)
    cosine = Retriever(64, temperature=0.2, batch_size=128)
    return {
        "BPR, one uniform draw": Contender(
            Retriever(64, temperature=0.2, batch_size=1024),
            hogvec.SampledSoftmax(1, uniform, shared=False, correction=0.0),
            0.003,
            30,
        ),
        "sampled softmax, 500 uniform": Contender(cosine, hogvec.SampledSoftmax(500, uniform), 0.01, 40),
        "softmax": Contender(cosine, Softmax(), 0.01, 40),
        "softmax, items of a user apart": Contender(cosine, Softmax(multi_label="independent"), 0.01, 40),
    }


def movielens(options: argparse.Namespace, checks: Checks) -> dict[str, Any]:
    train, test = split_of("ml-1m", ["train", "test"])
    part, held_out = train.split_random(0.1)
    reports = {"popularity": (ranking(hogvec.Popularity(train), train, test, metrics=METRICS), 0.0, 0)}
    widths = {k: ranking(hogvec.ItemKNN(part, neighbors=k), part, held_out)["recall@20"] for k in (20, 50, 100, 200)}
    width = max(widths, key=lambda k: widths[k])
    with timed() as watch:
        neighbors = hogvec.ItemKNN(train, neighbors=width, threads=options.threads)
    reports[f"item neighbours, {width}"] = (ranking(neighbors, train, test, metrics=METRICS), watch.cpu, 0)
    for name, one in contenders(train.num_items).items():

        def trainer(one: Contender = one) -> Trainer:
            optimizer = hogvec.Adam(learning_rate=one.learning_rate)
            return Trainer(one.retriever, one.loss, optimizer, threads=options.threads, seed=options.seed)

        trial = trainer()
        trial.fit(part, epochs=one.most_epochs, progress=False, validation=held_out, patience=5)
        best = max(trial.history, key=lambda report: report.validation or 0.0)
        print(f"{name}: validation {best.validation:.4f} after epoch {best.epoch} of {len(trial.history)}", flush=True)
        stopped = trainer()
        with timed() as watch:  # the same schedule, ended where the validation was best

            def end(progress: hogvec.Progress, epoch: int = best.epoch) -> None:
                if progress.epoch_finished and progress.epoch == epoch:
                    progress.stop()

            model = stopped.fit(train, epochs=one.most_epochs, progress=False, callbacks=[end])
        reports[name] = (ranking(model, train, test, metrics=METRICS), watch.cpu, best.epoch)
    print_table(
        ["MovieLens-1M, dim 64", "recall@20", "ndcg@20", "epochs", "CPU seconds"],
        [
            [
                name,
                f"{report['recall@20']:.4f}",
                f"{report['ndcg@20']:.4f}",
                str(epochs) if epochs else "",
                f"{cpu:.0f}",
            ]
            for name, (report, cpu, epochs) in reports.items()
        ],
    )
    recall = {name: report["recall@20"] for name, (report, _, _) in reports.items()}
    best_softmax = max(value for name, value in recall.items() if "softmax" in name)
    checks.at_least("softmax to item neighbours", best_softmax / recall[f"item neighbours, {width}"], 1.0)
    checks.at_least("softmax to BPR", best_softmax / recall["BPR, one uniform draw"], 1.0)
    return recall


def recommend(options: argparse.Namespace, checks: Checks) -> dict[str, Any]:
    """Time the best 20 of 41,000 items for 30,000 users beside NumPy's product and argpartition."""
    random = np.random.default_rng(1)
    users, items = (random.normal(size=(n, 64)).astype(np.float32) for n in (30_000, 41_000))
    seen = Interactions(np.arange(30_001) * 27, random.integers(41_000, size=30_000 * 27), num_items=41_000)
    model = hogvec.Recommender(Retriever(64), seen, user_rows=users, history_rows=None, item_rows=items)
    before = peak_megabytes()
    with timed() as mine:
        found = model.recommend(k=20, threads=options.threads)
    mine_memory = peak_megabytes() - before
    rows = np.repeat(np.arange(30_000), 27)
    with timed() as plain:
        scores = model.user_vectors @ model.item_vectors.T
        scores[rows, seen.items] = -np.inf
        best = np.argpartition(scores, -20, axis=1)[:, -20:]
    plain_memory = peak_megabytes() - before
    same = np.mean(
        [len(set(a) & set(b)) / 20 for a, b in zip(found.items[:1000].tolist(), best.tolist(), strict=False)]
    )
    print_table(
        ["20 of 41,000 items for 30,000 users", "seconds", "CPU seconds", "MB above before"],
        [
            ["Recommender.recommend", f"{mine.wall:.2f}", f"{mine.cpu:.2f}", f"{mine_memory:,.0f}"],
            ["product and argpartition", f"{plain.wall:.2f}", f"{plain.cpu:.2f}", f"{plain_memory:,.0f}"],
        ],
    )
    checks.at_least("the same items", float(same), 0.999)
    checks.at_most("CPU seconds to those of the product and argpartition", mine.cpu / plain.cpu, MOST_TIMES)
    checks.at_most("memory to that of the product", mine_memory / plain_memory, MOST_MEMORY)
    return {"seconds": mine.wall, "cpu": mine.cpu, "megabytes": mine_memory, "plain_cpu": plain.cpu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["gowalla", "movielens", "recommend"], help="default: all three")
    parser.add_argument("--validate", action="store_true", help="train Gowalla on train alone and rank its validation")
    parser.add_argument("--epochs", type=int, help=f"of Gowalla; default {GOWALLA_EPOCHS}")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check", action="store_true", help="fail where a bound is missed")
    parser.add_argument("--json", type=Path, help="where to write the results")
    options = parser.parse_args()
    checks, results = Checks(), {}
    known = {"gowalla": gowalla, "movielens": movielens, "recommend": recommend}
    for part in options.parts:
        results[part] = known[part](options, checks)
    checks.report(required=options.check)
    write_json(options.json, {"machine": machine(threads=options.threads), "results": results})


if __name__ == "__main__":
    main()
