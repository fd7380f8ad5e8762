"""Speed of training with more and more threads: what workers that change the same rows lose to one another.

A model is trained for one epoch with each number of threads, on fresh tables; only training is timed. Efficiency is the
speed against as many times that of the first, which should be one.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import hogvec
from measure import Stopwatch, add_text_arguments, lines_file, machine, print_table, timed, write_json

MODELS: dict[str, tuple[type[hogvec.SkipGram | hogvec.CBOW], hogvec.Loss]] = {
    "skipgram-ns": (hogvec.SkipGram, hogvec.NegativeSampling()),
    "skipgram-hs": (hogvec.SkipGram, hogvec.HierarchicalSoftmax()),
    "cbow-ns": (hogvec.CBOW, hogvec.NegativeSampling()),
}


@dataclass(frozen=True)
class Run:
    """One training."""

    model: str
    dim: int
    threads: int
    seconds: Stopwatch
    words_per_second: float
    loss: float


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_text_arguments(parser)
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS), help="default: all")
    parser.add_argument("--dims", nargs="+", type=int, default=[100], metavar="D", help="default: 100")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], metavar="N", help="default: 1 2")
    return parser


def run_once(corpus: hogvec.Corpus, model: str, dim: int, threads: int) -> Run:
    architecture, loss = MODELS[model]
    trainer = hogvec.Trainer(architecture(dim=dim), loss, threads=threads, seed=1)
    trainer.initialize(corpus)
    with timed() as watch:
        trainer.fit(corpus, epochs=1, progress=False)
    return Run(model, dim, threads, watch, corpus.raw_words / watch.wall, trainer.history[-1].loss)


def main() -> None:
    options = make_parser().parse_args()
    if options.check:
        raise SystemExit("--check: no bounds are asked for here")
    corpus = hogvec.Corpus.from_file(lines_file(options), min_count=5)
    about = machine()
    for name, value in about.items():
        print(f"{name}: {value}")
    print(f"\n{corpus!r}\n")
    runs: list[Run] = []
    for model in options.models:
        for dim in options.dims:
            of_model = [run_once(corpus, model, dim, threads) for threads in options.threads]
            speed = of_model[0].words_per_second / of_model[0].threads
            print(f"{model}, dim {dim}")
            print_table(
                ["threads", "seconds wall / cpu", "1000 raw words/s", "efficiency", "loss"],
                [
                    [
                        str(run.threads),
                        f"{run.seconds.wall:.2f} / {run.seconds.cpu:.2f}",
                        f"{run.words_per_second / 1e3:,.0f}",
                        f"{run.words_per_second / run.threads / speed:.0%}",
                        f"{run.loss:.4f}",
                    ]
                    for run in of_model
                ],
            )
            runs += of_model
    write_json(options.json, {"machine": about, "runs": runs})


if __name__ == "__main__":
    main()
