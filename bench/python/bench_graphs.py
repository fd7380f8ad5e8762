"""Walks on BlogCatalog: how fast they are made, how fast hogvec and gensim train on them, what vectors are worth."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import hogvec
import numpy as np
import scipy.io
from measure import Checks, Stopwatch, data_path, machine, print_table, spread, timed, write_json

NUM_WALKS, LENGTH, DIM, WINDOW, NEGATIVES, RATE = 80, 40, 128, 10, 5, 0.025
KINDS = {"DeepWalk": (1.0, 1.0), "node2vec": (0.25, 0.25)}  # p and q of node2vec's own paper for this graph
LEAST_F1, LEAST_RATIO, MOST_SECONDS = 0.25, 10.0, 10.0


def trainer(threads: int) -> hogvec.Trainer:
    model = hogvec.SkipGram(dim=DIM, window=WINDOW, subsample=0)
    return hogvec.Trainer(
        model, hogvec.NegativeSampling(NEGATIVES), hogvec.SGD(learning_rate=RATE), threads=threads, seed=1
    )


def train_gensim(sentences: list[list[str]]) -> Stopwatch:
    from gensim.models import Word2Vec

    model = Word2Vec(
        vector_size=DIM, window=WINDOW, sg=1, negative=NEGATIVES, sample=0, min_count=1, workers=1, alpha=RATE, epochs=1
    )
    model.build_vocab(sentences)
    with timed() as watch:
        model.train(sentences, total_examples=model.corpus_count, epochs=1)
    return watch


def compare(graph: hogvec.Graph, share: float, rounds: int) -> tuple[list[Any], list[Any], int]:
    """Train both, one thread each, in turn, on the same walks as strings."""
    walks = hogvec.walks(graph, NUM_WALKS, LENGTH)
    part = next(walks.chunks(tokens=max(int(share * len(walks)), LENGTH)))
    words = part.ids.astype(str).tolist()
    sentences = [words[begin:end] for begin, end in zip(part.offsets[:-1], part.offsets[1:], strict=True)]
    corpus = hogvec.Corpus.from_sequences(sentences, min_count=1)
    ours, theirs = [], []
    for _ in range(rounds):
        with timed() as watch:
            trainer(threads=1).fit(corpus, epochs=1, progress=False)
        ours.append(watch)
        theirs.append(train_gensim(sentences))
    return ours, theirs, len(part)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the walks that both train on (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=10, help="splits of the nodes (default: %(default)s)")
    parser.add_argument("--no-quality", action="store_true", help="leave out the training of all walks and its F1")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all measurements there")
    parser.add_argument("--check", action="store_true", help="fail unless the bounds that the project asks for are met")
    options = parser.parse_args()
    data = scipy.io.loadmat(data_path("graph/blogcatalog.mat"))
    graph = hogvec.Graph(data["network"])
    checks = Checks()
    results: dict[str, Any] = {"machine": machine()}

    rows = []
    for name, (p, q) in KINDS.items():
        with timed() as watch:
            tokens = len(hogvec.walks(graph, NUM_WALKS, LENGTH, p, q).corpus())
        checks.at_most(f"seconds to make the walks of {name}", watch.wall, MOST_SECONDS)
        rows.append([name, f"{watch.wall:.1f}", f"{watch.cpu:.1f}", f"{tokens / watch.wall / 1e6:.1f}"])
        results[f"walks of {name}"] = {"seconds": watch.wall, "cpu seconds": watch.cpu, "nodes": tokens}
    print_table([f"{tokens:,} nodes of walks", "seconds", "CPU seconds", "million nodes/s"], rows)

    ours, theirs, tokens = compare(graph, options.share, options.rounds)
    rows = []
    for name, watches in (("hogvec", ours), ("gensim", theirs)):
        wall, cpu = (spread([tokens / getattr(watch, clock) / 1e3 for watch in watches]) for clock in ("wall", "cpu"))
        rows.append([name, f"{wall['median']:.0f}", f"{cpu['median']:.0f}"])
        results[f"{name}, thousand nodes a second"] = {"wall": wall, "cpu": cpu, "nodes": tokens}
    ratios = [b.wall / a.wall for a, b in zip(ours, theirs, strict=True)]
    cpu_ratios = [b.cpu / a.cpu for a, b in zip(ours, theirs, strict=True)]
    checks.at_least("times as fast as gensim", float(np.median(ratios)), LEAST_RATIO)
    print_table([f"one thread, {tokens:,} nodes", "thousand nodes/s", "per CPU second"], rows)
    print(f"ratio {np.median(ratios):.1f}, of CPU time {np.median(cpu_ratios):.1f}\n")
    results["ratio"] = {"wall": spread(ratios), "cpu": spread(cpu_ratios)}

    rows = []
    for name, (p, q) in {} if options.no_quality else KINDS.items():
        with timed() as watch:
            vectors = trainer(threads=2).fit(hogvec.walks(graph, NUM_WALKS, LENGTH, p, q), epochs=1, progress=False)
        report = hogvec.evaluate.node_classification(vectors, data["group"], repeats=options.repeats)
        checks.at_least(f"macro-F1 of {name}", report.macro_f1, LEAST_F1)
        rows.append([name, f"{watch.wall:.0f}", f"{report.macro_f1:.3f}", f"{report.micro_f1:.3f}"])
        results[name] = {"seconds": watch.wall, "report": report}
    if rows:
        print_table(["half of the labels", "seconds", "macro-F1", "micro-F1"], rows)
    results["checks"] = checks.results
    write_json(options.json, results)
    checks.report(required=options.check)


if __name__ == "__main__":
    main()
