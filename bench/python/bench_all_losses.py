"""Skip-gram with every loss on the same text: speed, quality of the vectors, and likelihood of text held out.

The last lines of the text are held out. Their likelihood is that of the words under the exact softmax, or tree, of the
model, given one word of their window each, drawn as in training: with the same subsampling and window widths. NEG's is
given twice: of its scores as they are, and after the correction ln(k q(w)) that the theory asks for.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import hogvec
import numpy as np
from measure import (
    QUALITY_NAMES,
    Checks,
    Quality,
    add_text_arguments,
    bounds_apply,
    evaluate,
    lines_file,
    machine,
    print_table,
    timed,
    write_json,
)
from numpy.typing import NDArray

HELD_OUT = 0.01  # of the lines
FORMATS = {"analogies": ".1f", "analogies_30k": ".1f", "wordsim": ".3f", "men": ".3f", "simlex": ".3f"}
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Configuration:
    """A loss and the learning rate it is trained with."""

    loss: hogvec.Loss
    learning_rate: float


def configurations(counts: Ids, options: argparse.Namespace) -> dict[str, Configuration]:
    """Return what is compared, by name."""
    log_v = float(np.log(len(counts)))
    found = {
        "NEG, 5": Configuration(hogvec.NegativeSampling(5), 0.05),
        "NCE, 25": Configuration(hogvec.NCE(25, log_z=log_v), 0.05),
        "sampled softmax, 64": Configuration(hogvec.SampledSoftmax(64), 0.05),
        "HS, Huffman": Configuration(hogvec.HierarchicalSoftmax(tree=hogvec.HuffmanTree(counts)), 0.025),
        "HS, balanced": Configuration(hogvec.HierarchicalSoftmax(tree=hogvec.BalancedTree(len(counts))), 0.025),
        "HS, two levels": Configuration(hogvec.HierarchicalSoftmax(tree=hogvec.ClassTree(counts)), 0.025),
    }
    if len(counts) <= options.most_outputs:
        found["full softmax"] = Configuration(hogvec.Softmax(), 0.05)
    return found


def pairs_of(corpus: hogvec.Corpus, counts: Ids, subsample: float, window: int, most: int) -> tuple[Ids, Ids]:
    """Return (context words, centres) of a corpus, as skip-gram would see them: one context word of each centre."""
    generator = np.random.default_rng(0)
    share = counts / counts.sum()
    keep = np.sqrt(subsample / share) + subsample / share if subsample > 0 else np.ones(len(counts))
    contexts, centres = [], []
    for begin, end in zip(corpus.offsets[:-1], corpus.offsets[1:], strict=True):
        ids = corpus.ids[begin:end]
        ids = ids[generator.random(len(ids)) < keep[ids]]
        if len(ids) < 2:
            continue
        half = generator.integers(1, window + 1, size=len(ids))
        offset = generator.integers(1, half + 1) * generator.choice([-1, 1], size=len(ids))
        place = np.arange(len(ids)) + offset
        inside = (place >= 0) & (place < len(ids))
        contexts.append(ids[place[inside]])
        centres.append(ids[inside])
    chosen = generator.permutation(sum(map(len, centres)))[:most]
    return np.concatenate(contexts)[chosen].astype(np.int64), np.concatenate(centres)[chosen].astype(np.int64)


def likelihoods(trainer: hogvec.Trainer, counts: Ids, contexts: Ids, centres: Ids) -> list[float]:
    """Return the mean log-likelihood of the centres; of NEG with its correction, too."""
    hidden = np.ascontiguousarray(trainer.input_table[contexts])
    loss = trainer.loss
    found: list[hogvec.Loss]
    if isinstance(loss, hogvec.HierarchicalSoftmax):
        found = [loss]
    elif isinstance(loss, hogvec.NegativeSampling):
        sampler = hogvec.UnigramSampler(counts, loss.power)
        found = [hogvec.Softmax(), hogvec.NegativeSampling(loss.negatives, sampler=sampler)]
    else:
        found = [hogvec.Softmax()]
    return [float(one.log_likelihood(hidden, centres, trainer.output_table).mean()) for one in found]


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_text_arguments(parser)
    parser.add_argument("--losses", nargs="+", metavar="NAME", help="only those whose name contains one of these")
    parser.add_argument("--max-size", type=int, help="words of the vocabulary (default: all)")
    parser.add_argument("--min-count", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--most-outputs", type=int, default=3000, help="for the full softmax (default: %(default)s)")
    parser.add_argument("--dim", type=int, default=100, help="default: %(default)s")
    parser.add_argument("--epochs", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--window", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--subsample", type=float, default=1e-4, help="default: %(default)s")
    parser.add_argument("--learning-rate", type=float, help="for all losses (default: one for each)")
    parser.add_argument("--pairs", type=int, default=20_000, help="held out (default: %(default)s)")
    return parser


def main() -> None:
    options = make_parser().parse_args()
    path = lines_file(options)
    lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    cut = max(1, round(len(lines) * HELD_OUT))
    corpus = hogvec.Corpus.from_sequences(
        (line.split() for line in lines[:-cut]), min_count=options.min_count, max_size=options.max_size
    )
    counts = np.asarray(corpus.counts, dtype=np.int64)
    held_out = hogvec.Corpus.from_sequences((line.split() for line in lines[-cut:]), vocabulary=corpus.vocabulary)
    contexts, centres = pairs_of(held_out, counts, options.subsample, options.window, options.pairs)

    names = ("dim", "epochs", "threads", "window", "subsample", "min_count", "max_size", "lines", "learning_rate")
    settings = {name: getattr(options, name) for name in names}
    document: dict[str, Any] = {"machine": machine(), "settings": {"text": path.name, **settings}}
    for name, value in {**document["machine"], **document["settings"]}.items():
        print(f"{name}: {value}")
    share = counts / counts.sum()
    if options.subsample > 0:
        share = share * np.minimum(1, np.sqrt(options.subsample / share) + options.subsample / share)
    unigram = float(np.log(share / share.sum())[centres].mean())
    print(f"\n{corpus!r}; {len(centres)} pairs held out, of which the unigram's log-likelihood is {unigram:.3f}\n")

    heads = ["loss", *QUALITY_NAMES.values(), "held-out ln p", "seconds", "1000 raw words/s"]
    rows: list[list[str]] = []
    results: dict[str, Any] = {}
    for name, configuration in configurations(counts, options).items():
        if options.losses and not any(wanted in name for wanted in options.losses):
            continue
        trainer = hogvec.Trainer(
            hogvec.SkipGram(dim=options.dim, window=options.window, subsample=options.subsample),
            configuration.loss,
            hogvec.SGD(learning_rate=options.learning_rate or configuration.learning_rate),
            threads=options.threads,
        )
        trainer.initialize(corpus)
        with timed() as watch:
            vectors = trainer.fit(corpus, epochs=options.epochs, progress=False)
        quality: Quality = evaluate(vectors)
        found = likelihoods(trainer, counts, contexts, centres)
        speed = options.epochs * corpus.raw_words / watch.wall
        results[name] = {"quality": quality, "likelihoods": found, "seconds": watch, "words_per_second": speed}
        cells = [f"{getattr(quality, measure):{form}}" for measure, form in FORMATS.items()]
        values = " / ".join(f"{value:.3f}" for value in found)
        rows.append([name, *cells, values, f"{watch.wall:.1f}", f"{speed / 1e3:,.0f}"])
        print_table(heads, rows[-1:])
    print_table(heads, rows)

    checks = Checks()
    if bounds_apply(options) and "NEG, 5" in results:
        least = results["NEG, 5"]["likelihoods"][0]
        for name, result in results.items():
            if name != "NEG, 5":
                checks.at_least(f"{name}: held-out ln p above NEG's", result["likelihoods"][0] - least, 0.0)
    document |= {"results": results, "unigram": unigram, "checks": checks.results}
    write_json(options.json, document)
    checks.report(required=options.check)


if __name__ == "__main__":
    main()
