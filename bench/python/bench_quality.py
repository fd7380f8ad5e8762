"""Quality of hogvec's vectors beside the speed they were made with: several configurations, several seeds.

A configuration is MODEL:LOSS:LEARNING_RATE, with MODEL one of skipgram, cbow (word2vec's gradient) and cbow-exact, and
LOSS ns or hs: skipgram:ns:0.05. Seeds are the outer loop, so that a change of the machine's speed meets all.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from typing import Any

import hogvec
from measure import (
    QUALITY_NAMES,
    Checks,
    Quality,
    Stopwatch,
    add_text_arguments,
    bounds_apply,
    evaluate,
    lines_file,
    machine,
    mean_and_sd,
    print_table,
    timed,
    write_json,
)

CONFIGURATIONS = ("skipgram:ns:0.025", "skipgram:ns:0.05", "skipgram:hs:0.025", "cbow:ns:0.05", "cbow-exact:ns:0.15")

# The means over seeds that are asked for, on the whole text at the default settings.
BOUNDS = {
    "skipgram:ns:0.025": {"analogies": 28.2, "analogies_30k": 37.0, "wordsim": 0.66, "men": 0.585, "simlex": 0.318},
    "skipgram:ns:0.05": {"analogies": 29.6, "analogies_30k": 40.0, "wordsim": 0.68, "men": 0.645},
    "skipgram:hs:0.025": {"analogies": 30.8, "analogies_30k": 37.8, "wordsim": 0.665, "men": 0.65},
    "cbow:ns:0.05": {"analogies": 28.7, "analogies_30k": 36.5, "wordsim": 0.66, "men": 0.58},
    "cbow-exact:ns:0.15": {"analogies": 24.6, "analogies_30k": 32.6, "wordsim": 0.675, "men": 0.58},
}

FORMATS = {"analogies": ".1f", "analogies_30k": ".1f", "wordsim": ".3f", "men": ".3f", "simlex": ".3f"}


@dataclass(frozen=True)
class Configuration:
    """A model, a loss and a learning rate."""

    model: str
    loss: str
    learning_rate: float

    @classmethod
    def parse(cls, text: str) -> Configuration:
        try:
            model, loss, rate = text.split(":")
            configuration = cls(model, loss, float(rate))
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be MODEL:LOSS:LEARNING_RATE, got {text!r}") from None
        if model not in ("skipgram", "cbow", "cbow-exact"):
            raise argparse.ArgumentTypeError(f"the model must be skipgram, cbow or cbow-exact, got {model!r}")
        if loss not in ("ns", "hs"):
            raise argparse.ArgumentTypeError(f"the loss must be ns or hs, got {loss!r}")
        return configuration

    def __str__(self) -> str:
        return f"{self.model}:{self.loss}:{self.learning_rate:g}"

    def make_trainer(self, options: argparse.Namespace, seed: int) -> hogvec.Trainer:
        dim, window, subsample = options.dim, options.window, options.subsample
        architecture: hogvec.SkipGram | hogvec.CBOW
        if self.model == "skipgram":
            architecture = hogvec.SkipGram(dim=dim, window=window, subsample=subsample)
        else:
            gradient = "exact" if self.model == "cbow-exact" else "word2vec"
            architecture = hogvec.CBOW(dim=dim, window=window, subsample=subsample, gradient=gradient)
        ns = hogvec.NegativeSampling(negatives=options.negatives)
        return hogvec.Trainer(
            architecture,
            ns if self.loss == "ns" else hogvec.HierarchicalSoftmax(),
            hogvec.SGD(learning_rate=self.learning_rate),
            threads=options.threads,
            seed=seed,
        )


@dataclass(frozen=True)
class Run:
    """One training."""

    seed: int
    seconds: Stopwatch
    words_per_second: float
    loss: float  # of the last epoch
    quality: Quality


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_text_arguments(parser)
    parser.add_argument(
        "--configurations",
        nargs="+",
        type=Configuration.parse,
        default=[Configuration.parse(text) for text in CONFIGURATIONS],
        metavar="MODEL:LOSS:RATE",
        help=f"default: {' '.join(CONFIGURATIONS)}",
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 1 to N (default: %(default)s)")
    parser.add_argument("--dim", type=int, default=200, help="default: %(default)s")
    parser.add_argument("--epochs", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--window", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--negatives", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--subsample", type=float, default=1e-4, help="default: %(default)s")
    parser.add_argument("--min-count", type=int, default=5, help="default: %(default)s")
    return parser


def run_once(corpus: hogvec.Corpus, configuration: Configuration, options: argparse.Namespace, seed: int) -> Run:
    trainer = configuration.make_trainer(options, seed)
    trainer.initialize(corpus)
    with timed() as watch:
        vectors = trainer.fit(corpus, epochs=options.epochs, progress=False)
    speed = options.epochs * corpus.raw_words / watch.wall
    return Run(seed, watch, speed, trainer.history[-1].loss, evaluate(vectors))


def quality_cells(runs: list[Run]) -> list[str]:
    cells = []
    for name, form in FORMATS.items():
        mean, sd = mean_and_sd([getattr(run.quality, name) for run in runs])
        cells.append(f"{mean:{form}}" if len(runs) == 1 else f"{mean:{form}} ± {sd:{form}}")
    return cells


def row(name: str, runs: list[Run]) -> list[str]:
    def mean(of: str) -> float:
        return mean_and_sd([getattr(run, of) for run in runs])[0]

    wall, cpu = (mean_and_sd([getattr(run.seconds, clock) for run in runs])[0] for clock in ("wall", "cpu"))
    speed, loss = f"{mean('words_per_second') / 1e3:,.0f}", f"{mean('loss'):.4f}"
    return [name, *quality_cells(runs), f"{wall:.1f} / {cpu:.1f}", speed, loss]


def main() -> None:
    options = make_parser().parse_args()
    if options.seeds < 1:
        raise SystemExit(f"--seeds must be at least 1, got {options.seeds}")
    names = ("dim", "epochs", "threads", "window", "negatives", "subsample", "min_count", "lines")
    settings = {name: getattr(options, name) for name in names}
    usual = all(settings[name] == make_parser().get_default(name) for name in names if name != "threads")
    bounded = bounds_apply(options, usual and options.seeds >= 3)
    path = lines_file(options)
    corpus = hogvec.Corpus.from_file(path, min_count=options.min_count)
    document: dict[str, Any] = {"machine": machine(), "settings": {"text": path.name, **settings}}
    for name, value in {**document["machine"], **document["settings"]}.items():
        print(f"{name}: {value}")
    print(f"\n{corpus!r}, seconds {corpus.seconds}\n")

    heads = [*QUALITY_NAMES.values(), "seconds wall / cpu", "1000 raw words/s", "last loss"]
    results: dict[str, list[Run]] = {str(configuration): [] for configuration in options.configurations}
    for seed in range(1, options.seeds + 1):
        for configuration in options.configurations:
            results[str(configuration)].append(run_once(corpus, configuration, options, seed))
        print(f"seed {seed}")
        print_table(["configuration", *heads], [row(name, runs[-1:]) for name, runs in results.items()])
    if options.seeds > 1:
        print(f"mean ± standard deviation of {options.seeds} seeds")
        print_table(["configuration", *heads], [row(name, runs) for name, runs in results.items()])

    checks = Checks()
    for name, runs in results.items():
        for measure, bound in BOUNDS.get(name, {}).items() if bounded else ():
            checks.at_least(f"{name} {measure}", mean_and_sd([asdict(r.quality)[measure] for r in runs])[0], bound)
    document |= {"results": results, "checks": checks.results}
    write_json(options.json, document)
    checks.report(required=options.check)


if __name__ == "__main__":
    main()
