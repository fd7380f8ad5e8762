"""``hogvec lm``: train an n-gram language model, measure its perplexity, and draw sequences from it."""

from __future__ import annotations

import argparse
import time
from typing import Any

from hogvec._cli_tools import ArgumentError, add_command, check_at_least_one, check_outputs, given, print_pairs

__all__ = ["add_lm"]

_INPUT = "a sentence on each line; .gz and .zst too"


def add_lm(commands: Any) -> None:
    """Declare the command and its three."""
    parser = commands.add_parser(
        "lm",
        help="train an n-gram language model, measure its perplexity, and draw from it",
        description="Train an n-gram language model, measure its perplexity, and draw from it.",
        epilog="example:  hogvec lm train train.txt model.st && hogvec lm perplexity model.st test.txt",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_train(parts)
    _add_perplexity(parts)
    _add_sample(parts)


def _add_train(commands: Any) -> None:
    parser = add_command(
        commands,
        "train",
        _train,
        help="count and smooth the n-grams of text files",
        example="hogvec lm train train.txt model.safetensors --order 5 --arpa model.arpa",
        saves=True,
    )
    parser.add_argument("input", metavar="INPUT", nargs="+", help=_INPUT)
    parser.add_argument("output", metavar="OUTPUT", help="the model, a safetensors file")
    parser.add_argument("--order", type=int, metavar="N", help="length of the longest n-grams (default: 5)")
    parser.add_argument(
        "--smoothing", choices=("kneser_ney", "add_k", "mle"), help="default: kneser_ney, interpolated and modified"
    )
    parser.add_argument("--k", type=float, metavar="K", help="what add_k adds to every count (default: 1)")
    parser.add_argument(
        "--min-count", type=int, default=1, metavar="N", help="rarer words become <unk> (default: 1, none)"
    )
    parser.add_argument("--arpa", metavar="FILE", help="write the model as an ARPA file, too")
    parser.add_argument("--threads", type=int, metavar="N", help="default: the cores this process may use")
    parser.add_argument("--quiet", action="store_true", help="print nothing")


def _add_perplexity(commands: Any) -> None:
    parser = add_command(
        commands,
        "perplexity",
        _perplexity,
        help="print the perplexity of a model on text files",
        example="hogvec lm perplexity model.safetensors test.txt",
    )
    parser.add_argument("model", metavar="MODEL", help="of 'lm train'")
    parser.add_argument("input", metavar="INPUT", nargs="+", help=_INPUT)
    parser.add_argument("--threads", type=int, metavar="N", help="default: the cores this process may use")


def _add_sample(commands: Any) -> None:
    parser = add_command(
        commands,
        "sample",
        _sample,
        help="print sentences drawn from a model",
        example="hogvec lm sample model.safetensors -n 5 --seed 7",
    )
    parser.add_argument("model", metavar="MODEL", help="of 'lm train'")
    parser.add_argument("-n", type=int, default=1, metavar="N", help="how many (default: 1)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument("--max-length", type=int, default=100, metavar="N", help="words at most (default: 100)")


def _train(options: argparse.Namespace) -> int:
    from hogvec.corpus import Corpus
    from hogvec.language_model import UNKNOWN, read_sequences
    from hogvec.ngram import NGramLM
    from hogvec.vocabulary import Vocabulary

    check_at_least_one("--min-count", options.min_count)
    if options.k is not None and options.smoothing != "add_k":
        raise ArgumentError("--k is for --smoothing add_k")
    model = NGramLM(**given(order=options.order, smoothing=options.smoothing, k=options.k, threads=options.threads))
    check_outputs([options.output, *([options.arpa] if options.arpa else [])])
    began = time.perf_counter()
    sequences = read_sequences(options.input)
    vocabulary = None
    if options.min_count > 1:
        words = Corpus.from_sequences(sequences, min_count=options.min_count, keep=[UNKNOWN]).vocabulary
        assert words is not None
        vocabulary = words if UNKNOWN in words else Vocabulary.from_words([*words, UNKNOWN])
    model.fit(sequences, vocabulary=vocabulary)
    seconds = time.perf_counter() - began
    model.save(options.output)
    if options.arpa:
        model.save_arpa(options.arpa)
    if not options.quiet:
        rows = [("words", f"{len(model.vocabulary):,}")]
        rows += [(f"{length}-grams", f"{count:,}") for length, count in enumerate(model.num_ngrams, start=1)][1:]
        print_pairs([*rows, ("trained", f"in {seconds:.1f} s"), ("model", options.output)])
    return 0


def _perplexity(options: argparse.Namespace) -> int:
    from hogvec.language_model import UNKNOWN, read_sequences
    from hogvec.ngram import NGramLM

    model = NGramLM.load(options.model, threads=options.threads)
    sequences = read_sequences(options.input)
    perplexity = model.perplexity(sequences)
    tokens = sum(map(len, sequences))
    unknown = sum(word not in model.vocabulary for sequence in sequences for word in sequence)
    print_pairs(
        [
            ("sentences", f"{len(sequences):,}"),
            ("words", f"{tokens:,}"),
            (f"read as {UNKNOWN}", f"{unknown:,}"),
            ("perplexity", f"{perplexity:.2f}"),
        ]
    )
    return 0


def _sample(options: argparse.Namespace) -> int:
    from hogvec.ngram import NGramLM

    check_at_least_one("-n", options.n)
    model = NGramLM.load(options.model)
    for words in model.sample(options.n, seed=options.seed, max_length=options.max_length):
        print(" ".join(words))
    return 0
