"""hogvec against gensim: training speed on the same text with the same settings, and the vocabulary.

Rounds are interleaved (gensim, hogvec, gensim, hogvec, ...), so that a change of the machine's speed meets both. Only
training is timed: vocabularies and fresh tables are made before the clock starts. gensim trains from its `corpus_file`
mode, its fastest, which reads the text anew in every epoch; hogvec from its encoded corpus, whose making is timed
against gensim's scan of the vocabulary. Ratios are gensim's seconds over hogvec's for the same text: on the wall, and
of the processor, which is the fairer clock on a machine that others use too.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gensim
import hogvec
import numpy as np
from gensim.models import FastText, Word2Vec
from gensim.models.word2vec import LineSentence
from measure import (
    QUALITY_NAMES,
    Checks,
    Quality,
    Stopwatch,
    add_text_arguments,
    bounds_apply,
    data_path,
    evaluate,
    lines_file,
    machine,
    print_table,
    spread,
    timed,
    write_json,
)

MODELS = ("skipgram-ns", "skipgram-hs", "cbow-ns", "cbow-hs")
FASTTEXT_MODELS = ("fasttext-ns", "fasttext-cbow-ns")  # n-grams of 3 to 6 letters; asked for by name
WINDOW, NEGATIVES, SUBSAMPLE, MIN_COUNT = 5, 5, 1e-4, 5
# The decay of both ends at this share of the first rate.
LAST_RATE = 1e-4
# The words that both train on differ by their random numbers alone.
WORDS_TOLERANCE = 0.01

SPEED_BOUNDS = {
    ("skipgram-ns", 100): 14.0,
    ("skipgram-ns", 300): 11.0,
    ("skipgram-hs", 100): 6.0,
    ("cbow-ns", 100): 6.0,
}
VOCABULARY_BOUND = 6.0


@dataclass
class Run:
    """One training of one system."""

    seconds: Stopwatch
    passed_words: float  # an epoch, as the system itself counts them
    trained_words: float  # of these, kept by subsampling
    loss: float | None = None
    quality: Quality | None = None
    men_of_all: float | None = None  # with the pairs that have an unseen word, by their n-grams


@dataclass
class Match:
    """The rounds of one model at one dimension."""

    model: str
    dim: int
    learning_rate: float
    hogvec_rate: float
    gensim: list[Run] = field(default_factory=list)
    hogvec: list[Run] = field(default_factory=list)

    def ratios(self, clock: str) -> list[float]:
        """Return how many times hogvec's speed is gensim's, per round."""
        pairs = zip(self.gensim, self.hogvec, strict=True)
        return [getattr(peer.seconds, clock) / getattr(mine.seconds, clock) for peer, mine in pairs]


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_text_arguments(parser)
    parser.add_argument(
        "--models",
        nargs="+",
        choices=[*MODELS, *FASTTEXT_MODELS, "none"],
        default=list(MODELS),
        help="default: all without n-grams; none: no training",
    )
    parser.add_argument("--rate", type=float, metavar="R", help="learning rate (default: 0.05 or 0.025, by model)")
    parser.add_argument(
        "--hogvec-rate", type=float, metavar="R", help="learning rate of hogvec, if another (default: the same)"
    )
    parser.add_argument("--dims", nargs="+", type=int, default=[100, 300], metavar="D", help="default: 100 300")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="interleaved rounds (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=1, metavar="N", help="of each training (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of each system (default: %(default)s)")
    parser.add_argument(
        "--quality", action="store_true", help="evaluate the vectors of every round; use --epochs 5 for good ones"
    )
    parser.add_argument("--no-vocabulary", action="store_true", help="leave out the comparison of vocabularies")
    parser.add_argument(
        "--clock", choices=["wall", "cpu"], default="wall", help="whose ratios --check looks at (default: %(default)s)"
    )
    return parser


def seconds_of(watch: Stopwatch) -> str:
    return f"{watch.wall:.2f} / {watch.cpu:.2f}"


def ratio_line(name: str, wall: list[float], cpu: list[float]) -> None:
    for clock, ratios in (("wall", wall), ("cpu", cpu)):
        s = spread(ratios)
        each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"{name}, {clock:4}: {s['median']:.2f}x (min {s['min']:.2f}, max {s['max']:.2f}; rounds {each})")
    print(flush=True)


# Vocabulary


def scan_with_gensim(sentences: Any = None, corpus_file: str | None = None) -> tuple[Stopwatch, Word2Vec, int]:
    model = Word2Vec(min_count=MIN_COUNT)
    with timed() as watch:
        raw_words, model.corpus_count = model.scan_vocab(sentences, corpus_file=corpus_file)
    return watch, model, raw_words


def compare_vocabularies(path: Path, rounds: int) -> dict[str, Any]:
    print(f"vocabulary, one thread, {rounds} rounds (wall / cpu seconds)")
    by_file, by_lines, mine = [], [], []
    rows = []
    for number in range(rounds):
        by_file.append(scan_with_gensim(corpus_file=str(path))[0])
        with timed() as watch:
            corpus = hogvec.Corpus.from_file(path, min_count=MIN_COUNT, threads=1)
        mine.append(watch)
        by_lines.append(scan_with_gensim(LineSentence(str(path)))[0])
        rows.append([str(number + 1), *(seconds_of(runs[-1]) for runs in (by_file, by_lines, mine))])
    print_table(["round", "gensim corpus_file", "gensim LineSentence", "hogvec count + encode"], rows)
    ratios = {
        clock: [
            min(getattr(a, clock), getattr(b, clock)) / getattr(c, clock)
            for a, b, c in zip(by_file, by_lines, mine, strict=True)
        ]
        for clock in ("wall", "cpu")
    }
    print(f"{corpus.raw_words:,} tokens, {len(corpus):,} kept, {corpus.num_rows:,} words")
    ratio_line("vocabulary: faster of gensim's over hogvec's", **ratios)
    return {
        "gensim_corpus_file": by_file,
        "gensim_line_sentence": by_lines,
        "hogvec": mine,
        "ratios": ratios,
        "raw_words": corpus.raw_words,
        "words": corpus.num_rows,
    }


# Training


class GensimSide:
    """A gensim model whose vocabulary is made once and whose weights are made anew for every round."""

    def __init__(self, path: Path, match: Match, scanned: tuple[dict[str, int], int, int], threads: int) -> None:
        word_counts, self.raw_words, lines = scanned
        self.path, self.match = path, match
        hierarchical = match.model.endswith("hs")
        self.model = (FastText if match.model in FASTTEXT_MODELS else Word2Vec)(
            vector_size=match.dim,
            window=WINDOW,
            min_count=MIN_COUNT,
            sample=SUBSAMPLE,
            sg=int("cbow" not in match.model),
            hs=int(hierarchical),
            negative=0 if hierarchical else NEGATIVES,
            alpha=match.learning_rate,
            min_alpha=match.learning_rate * LAST_RATE,
            workers=threads,
        )
        self.model.build_vocab_from_freq(dict(word_counts), corpus_count=lines)

    def train(self, seed: int, epochs: int, *, quality: bool) -> Run:
        self.model.seed = seed
        self.model.random = np.random.RandomState(seed)
        self.model.init_weights()
        with timed() as watch:
            trained, passed = self.model.train(
                corpus_file=str(self.path),
                total_words=self.raw_words,
                total_examples=self.model.corpus_count,
                epochs=epochs,
            )
        run = Run(watch, passed / epochs, trained / epochs)
        if quality:
            judge(run, vectors_of(self.model))
        return run


def vectors_of(model: Word2Vec) -> hogvec.KeyedVectors:
    """Return gensim's vectors as hogvec's, to be measured by the same code."""
    words, wv = hogvec.Vocabulary.from_words(model.wv.index_to_key), model.wv
    if not isinstance(model, FastText):
        return hogvec.KeyedVectors(words, wv.vectors.copy())
    rows = np.concatenate([wv.vectors_vocab, wv.vectors_ngrams])
    return hogvec.SubwordVectors(words, rows, min_n=wv.min_n, max_n=wv.max_n, buckets=wv.bucket)


def judge(run: Run, vectors: hogvec.KeyedVectors) -> None:
    """Measure the quality of a run."""
    run.quality = evaluate(vectors)
    if isinstance(vectors, hogvec.SubwordVectors):
        run.men_of_all = vectors.evaluate_similarity(data_path("eval/EN-MEN-TR-3k.txt"), unseen=True).spearman


def train_with_hogvec(
    corpus: hogvec.Corpus, match: Match, seed: int, epochs: int, threads: int, *, quality: bool
) -> Run:
    settings = {"dim": match.dim, "window": WINDOW, "subsample": SUBSAMPLE}
    if match.model in FASTTEXT_MODELS:
        architecture = hogvec.FastText(**settings, model="cbow" if "cbow" in match.model else "skipgram")
    else:
        architecture = (hogvec.CBOW if "cbow" in match.model else hogvec.SkipGram)(**settings)
    trainer = hogvec.Trainer(
        architecture,
        hogvec.HierarchicalSoftmax() if match.model.endswith("hs") else hogvec.NegativeSampling(negatives=NEGATIVES),
        hogvec.SGD(learning_rate=match.hogvec_rate),
        threads=threads,
        seed=seed,
    )
    trainer.initialize(corpus)
    with timed() as watch:
        vectors = trainer.fit(corpus, epochs=epochs, progress=False)
    epoch = trainer.history[-1]
    trained = statistics.fmean(report.trained_words for report in trainer.history)
    run = Run(watch, epoch.words, trained, loss=epoch.loss)
    if quality:
        judge(run, vectors)
    return run


def compare_training(
    match: Match, path: Path, corpus: hogvec.Corpus, scanned: Any, options: argparse.Namespace
) -> dict[str, Any]:
    rounds, epochs, threads = options.rounds, options.epochs, options.threads
    raw_words = corpus.raw_words * epochs
    print(
        f"{match.model}, dim {match.dim}, learning rates {match.learning_rate} and {match.hogvec_rate}, "
        f"{threads} thread(s) each, "
        f"{epochs} epoch(s) of {corpus.raw_words:,} raw words",
        flush=True,
    )
    peer = GensimSide(path, match, scanned, threads)
    rows = []
    for number in range(1, rounds + 1):
        match.gensim.append(peer.train(number, epochs, quality=options.quality))
        match.hogvec.append(train_with_hogvec(corpus, match, number, epochs, threads, quality=options.quality))
        for name, run in (("gensim", match.gensim[-1]), ("hogvec", match.hogvec[-1])):
            rows.append(
                [
                    f"{number} {name}",
                    seconds_of(run.seconds),
                    f"{raw_words / run.seconds.wall / 1e3:,.0f} / {raw_words / run.seconds.cpu / 1e3:,.0f}",
                    f"{run.passed_words:,.0f} / {run.trained_words:,.0f}",
                    *quality_cells(run),
                ]
            )
    heads = ["round", "seconds wall / cpu", "1000 raw words/s", "words passed / trained"]
    names = [*QUALITY_NAMES.values(), *(["MEN of all"] if match.model in FASTTEXT_MODELS else [])]
    print_table([*heads, *(names if options.quality else ())], rows)
    ratios = {clock: match.ratios(clock) for clock in ("wall", "cpu")}
    ratio_line(f"{match.model} dim {match.dim}: hogvec over gensim", **ratios)
    trained = [statistics.fmean(run.trained_words for run in runs) for runs in (match.gensim, match.hogvec)]
    difference = trained[1] / trained[0] - 1
    if abs(difference) > WORDS_TOLERANCE:
        raise SystemExit(f"the systems must train on as many words, got a difference of {difference:+.2%}")
    return {
        "match": match,
        "ratios": ratios,
        "raw_words_an_epoch": corpus.raw_words,
        "trained_words_difference": difference,
    }


def quality_cells(run: Run) -> list[str]:
    quality = run.quality
    if quality is None:
        return []
    return [
        f"{quality.analogies:.1f}",
        f"{quality.analogies_30k:.1f}",
        *(f"{value:.3f}" for value in (quality.wordsim, quality.men, quality.simlex)),
        *([] if run.men_of_all is None else [f"{run.men_of_all:.3f}"]),
    ]


def main() -> None:
    options = make_parser().parse_args()
    if options.rounds < 1:
        raise SystemExit(f"--rounds must be at least 1, got {options.rounds}")
    bounded = bounds_apply(options, options.rounds >= 3 and options.threads == 1 and not options.rate)
    path = lines_file(options)
    document: dict[str, Any] = {
        "machine": machine(gensim=gensim.__version__, numpy=np.__version__),
        "settings": {
            "text": path.name,
            "window": WINDOW,
            "negatives": NEGATIVES,
            "subsample": SUBSAMPLE,
            "min_count": MIN_COUNT,
            **{name: getattr(options, name) for name in ("rounds", "epochs", "threads", "lines")},
        },
        "training": [],
    }
    for name, value in document["machine"].items():
        print(f"{name}: {value}")
    print()
    checks = Checks()
    if not options.no_vocabulary:
        document["vocabulary"] = compare_vocabularies(path, options.rounds)
        ratio = statistics.median(document["vocabulary"]["ratios"][options.clock])
        if bounded:
            checks.at_least(f"vocabulary ratio, {options.clock}", ratio, VOCABULARY_BOUND)
    models = [model for model in options.models if model != "none"]
    if models:
        corpus = hogvec.Corpus.from_file(path, min_count=MIN_COUNT)
        _, scan, raw_words = scan_with_gensim(corpus_file=str(path))
        scanned = dict(scan.raw_vocab), raw_words, scan.corpus_count
        if raw_words != corpus.raw_words:
            raise SystemExit(f"the systems must read as many words, got {raw_words} and {corpus.raw_words}")
    for model in models:
        rate = options.rate or (0.05 if model.endswith("cbow-ns") else 0.025)
        for dim in options.dims:
            result = compare_training(
                Match(model, dim, rate, options.hogvec_rate or rate), path, corpus, scanned, options
            )
            document["training"].append(result)
            if bounded and (model, dim) in SPEED_BOUNDS:
                ratio = statistics.median(result["ratios"][options.clock])
                checks.at_least(f"{model} dim {dim} ratio, {options.clock}", ratio, SPEED_BOUNDS[model, dim])
    document["checks"] = checks.results
    write_json(options.json, document)
    checks.report(required=options.check)


if __name__ == "__main__":
    main()
