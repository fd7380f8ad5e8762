"""``hogvec classify``: train a text classifier, test it, and predict labels, from the command line.

Models whose names end with ``.bin`` or ``.ftz`` are fastText's; all others are safetensors files.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from hogvec._cli_tools import (
    ArgumentError,
    add_command,
    check_at_least_one,
    check_outputs,
    given,
    print_pairs,
    print_table,
)

if TYPE_CHECKING:
    from hogvec.text_classifier import TextClassifier

__all__ = ["add_classify"]

_LOSSES = ("softmax", "hs", "ns", "ova")
_LINES = 65_536  # predicted at once
_INPUT = "a text on each line, its labels as words that begin with __label__; .gz and .zst too"


def add_classify(commands: Any) -> None:
    """Declare the command and its three."""
    parser = commands.add_parser(
        "classify",
        help="train a text classifier, test it, and predict labels",
        description="Train a text classifier, test it, and predict labels.",
        epilog="example:  hogvec classify train train.txt model.bin && hogvec classify test model.bin test.txt",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_train(parts)
    _add_test(parts)
    _add_predict(parts)


def _add_train(commands: Any) -> None:
    parser = add_command(
        commands,
        "train",
        _train,
        help="train a text classifier on a file of labelled lines",
        example="hogvec classify train train.txt model.bin --dim 100 --learning-rate 1 --epochs 25",
        saves=True,
    )
    parser.add_argument("input", metavar="INPUT", help=_INPUT)
    parser.add_argument("output", metavar="OUTPUT", help="where the model goes; .bin and .ftz are files of fastText")
    # What is not given is left to the library, whose defaults the texts repeat.
    model = parser.add_argument_group("model")
    model.add_argument("--dim", type=int, metavar="N", help="length of a vector (default: 10)")
    model.add_argument("--word-ngrams", type=int, metavar="N", help="words in the longest n-gram (default: 2)")
    model.add_argument("--min-n", type=int, metavar="N", help="letters in the shortest n-gram (default: 0)")
    model.add_argument("--max-n", type=int, metavar="N", help="letters in the longest n-gram, 0: none (default: 0)")
    model.add_argument("--buckets", type=int, metavar="N", help="rows that n-grams may have (default: 2000000)")
    model.add_argument("--loss", choices=_LOSSES, default="softmax", help="default: softmax")
    model.add_argument("--pretrained", metavar="FILE", help="vectors that words begin with")
    vocabulary = parser.add_argument_group("vocabulary")
    vocabulary.add_argument("--min-count", type=int, metavar="N", help="leave out rarer words (default: 1)")
    vocabulary.add_argument("--min-count-label", type=int, metavar="N", help="and rarer labels (default: 0)")
    vocabulary.add_argument("--label-prefix", metavar="TEXT", help="what labels begin with (default: __label__)")
    training = parser.add_argument_group("training")
    training.add_argument("--epochs", type=int, metavar="N", help="passes over the texts (default: 5)")
    training.add_argument("--learning-rate", type=float, metavar="R", help="at the start; it falls to 0 (default: 0.5)")
    training.add_argument("--validation", metavar="FILE", help="keep the epoch that predicts these labels best")
    training.add_argument("--patience", type=int, metavar="N", help="end after N that are no better (default: 5)")
    training.add_argument("--threads", type=int, metavar="N", help="default: the cores this process may use")
    training.add_argument("--seed", type=int, metavar="N", help="of all random choices (default: 1)")
    tuning = parser.add_argument_group("tuning")
    tuning.add_argument("--autotune", metavar="FILE", help="find the parameters that predict these labels best")
    tuning.add_argument("--autotune-seconds", type=float, metavar="N", help="time for it (default: 300)")
    small = parser.add_argument_group("a smaller model, for .ftz")
    small.add_argument("--cutoff", type=int, metavar="N", help="rows that stay (default: all)")
    small.add_argument("--retrain", action="store_true", help="train again what stays")
    small.add_argument("--qnorm", action="store_true", help="quantize lengths of rows on their own")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no summary")


def _add_test(commands: Any) -> None:
    parser = add_command(
        commands,
        "test",
        _test,
        help="print precision, recall and F1 on labelled lines",
        example="hogvec classify test model.bin test.txt --per-label",
    )
    _add_model(parser)
    parser.add_argument("input", metavar="INPUT", help=_INPUT)
    _add_choice(parser)
    parser.add_argument("--per-label", action="store_true", help="also for each label")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_predict(commands: Any) -> None:
    parser = add_command(
        commands,
        "predict",
        _predict,
        help="print the most probable labels of each line",
        example="hogvec classify predict model.bin texts.txt -k 3 --probabilities",
    )
    _add_model(parser)
    parser.add_argument("input", metavar="INPUT", nargs="?", default="-", help="texts, one on each line (default: -)")
    _add_choice(parser)
    parser.add_argument("--probabilities", action="store_true", help="print them behind their labels, after tabs")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="of 'classify train', or fastText's .bin or .ftz")
    parser.add_argument("--threads", type=int, metavar="N", help="default: the cores this process may use")


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-k", type=int, default=1, metavar="N", help="how many labels (default: 1)")
    parser.add_argument("--threshold", type=float, default=0.0, metavar="P", help="least probability (default: 0)")


def _train(options: argparse.Namespace) -> int:
    from hogvec.text_classifier import TextClassifier

    small = options.output.lower().endswith(".ftz")
    if not small and (options.cutoff is not None or options.retrain or options.qnorm):
        raise ArgumentError("--cutoff, --retrain and --qnorm are for an OUTPUT that ends with .ftz")
    if options.patience is not None and options.validation is None:
        raise ArgumentError("--patience is for --validation")
    if options.autotune_seconds is not None and options.autotune is None:
        raise ArgumentError("--autotune-seconds is for --autotune")
    if options.autotune is not None and options.validation is not None:
        raise ArgumentError("--autotune and --validation must not be given together")
    for path in given(input=options.input, validation=options.validation, autotune=options.autotune).values():
        with open(path, "rb"):  # before the time it takes to train
            pass
    check_outputs([options.output])
    names = (
        "dim", "word_ngrams", "min_n", "max_n", "buckets", "pretrained", "min_count", "min_count_label",
        "label_prefix", "epochs", "learning_rate", "threads", "seed",
    )  # fmt: skip
    parameters = given(**{name: getattr(options, name) for name in names})
    progress = False if options.quiet else None
    classifier = TextClassifier(loss=_loss(options.loss), progress=progress, **parameters)
    began = time.perf_counter()
    if options.autotune is not None:
        limit = given(seconds=options.autotune_seconds)
        classifier = classifier.autotune(options.input, options.autotune, progress=progress, **limit)
        if not options.quiet:
            print(classifier.trials_)
    else:
        classifier.fit(options.input, **given(validation=options.validation, patience=options.patience))
    if small:
        retrain = options.input if options.retrain else None
        classifier = classifier.quantize(options.cutoff or 0, retrain=retrain, qnorm=options.qnorm)
    seconds = time.perf_counter() - began
    history = classifier.history_
    if small or options.output.lower().endswith(".bin"):
        classifier.save_fasttext(options.output)
    else:
        classifier.save(options.output)
    if not options.quiet:
        model = classifier._model
        rows = [
            ("labels", f"{len(classifier.classes_):,}"),
            ("words", f"{len(model.words):,}, {len(model.input_table):,} rows with their n-grams"),
            ("trained", f"in {seconds:.1f} s"),
        ]
        if history:
            rows.append(("loss", f"{history[0].loss:.4f} -> {history[-1].loss:.4f}"))
        print_pairs([*rows, ("model", options.output)])
    return 0


def _loss(name: str) -> Any:
    from hogvec.losses import HierarchicalSoftmax, NegativeSampling, OneVsAll, Softmax

    if name == "ns":
        return NegativeSampling(power=0.5)  # as fastText draws labels
    return {"softmax": Softmax, "hs": HierarchicalSoftmax, "ova": OneVsAll}[name]()


def _load(options: argparse.Namespace) -> TextClassifier:
    from hogvec.text_classifier import TextClassifier

    check_at_least_one("-k", options.k)
    if options.model.lower().endswith((".bin", ".ftz")):
        classifier = TextClassifier.load_fasttext(options.model)
    else:
        classifier = TextClassifier.load(options.model)
    return classifier.set_params(threads=options.threads)


def _test(options: argparse.Namespace) -> int:
    result = _load(options).evaluate(options.input, k=options.k, threshold=options.threshold)
    if result.num_texts == 0:
        raise ValueError(f"{options.input} must hold lines with labels, got none")
    if options.json:
        values: dict[str, Any] = {
            "texts": result.num_texts,
            "k": result.k,
            "precision": _number(result.precision),
            "recall": _number(result.recall),
            "f1": _number(result.f1),
        }
        if options.per_label:
            values["labels"] = [
                {
                    "label": row.label,
                    "precision": _number(row.precision),
                    "recall": _number(row.recall),
                    "f1": _number(row.f1),
                    "support": row.support,
                }
                for row in result.per_label
            ]
        print(json.dumps(values, indent=2))
        return 0
    print_pairs(
        [
            ("texts", f"{result.num_texts:,}"),
            (f"precision at {result.k}", f"{result.precision:.4f}"),
            (f"recall at {result.k}", f"{result.recall:.4f}"),
            ("F1", f"{result.f1:.4f}"),
        ]
    )
    if options.per_label:
        print()
        rows = [
            (str(row.label), f"{row.precision:.4f}", f"{row.recall:.4f}", f"{row.f1:.4f}", f"{row.support:,}")
            for row in result.per_label
        ]
        print_table(("label", "precision", "recall", "F1", "texts"), rows)
    return 0


def _number(value: float) -> float | None:
    """Return a float as JSON knows it."""
    return None if math.isnan(value) else value


def _predict(options: argparse.Namespace) -> int:
    classifier = _load(options)
    with _lines(options.input) as lines:
        for block in _blocks(lines):
            for labels in classifier.predict(block, k=options.k, threshold=options.threshold):
                if options.probabilities:
                    print("\t".join(f"{label}\t{probability:.6f}" for label, probability in labels))
                else:
                    print("\t".join(str(label) for label, _ in labels))
    return 0


def _lines(path: str) -> contextlib.AbstractContextManager[Iterable[str]]:
    """Open a text whatever its bytes; the terminal's stays open."""
    if path == "-":
        with contextlib.suppress(AttributeError):
            sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")  # type: ignore[union-attr]
        return contextlib.nullcontext(sys.stdin)
    return open(path, encoding="utf-8", errors="surrogateescape", newline="\n")


def _blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    lines = iter(lines)
    while block := list(islice(lines, _LINES)):
        yield block
