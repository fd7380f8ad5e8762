"""The command line. It reads arguments, calls the library and prints; what a command needs is imported when it runs.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 failed, 2 wrong arguments, 130 interrupted.

The file is long since half of it is the text that users read: help, tables, errors.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import gzip
import json
import math
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hogvec import __version__
from hogvec._cli_tools import (
    ArgumentError,
    add_command,
    check_at_least_one,
    check_outputs,
    exit_code,
    fail,
    given,
    print_pairs,
    print_table,
)
from hogvec.cli_classify import add_classify
from hogvec.cli_graph import add_graph
from hogvec.cli_items import add_items
from hogvec.cli_lm import add_lm

if TYPE_CHECKING:
    from hogvec.corpus import Corpus
    from hogvec.evaluate import AnalogyScore
    from hogvec.keyed_vectors import KeyedVectors
    from hogvec.trainer import Trainer

__all__ = ["main"]

_ENDINGS = {
    ".safetensors": "safetensors",
    ".bin": "binary",
    ".bin.gz": "binary",
    ".txt": "text",
    ".txt.gz": "text",
    ".vec": "text",
    ".vec.gz": "text",
}
_FORMATS = (
    ".safetensors, .bin (word2vec's binary format), .txt or .vec (word2vec's text format); the last three also with .gz"
)
_SUGGEST_AMONG = 20_000  # most frequent words that a misspelt one is compared with


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; wrong arguments raise SystemExit(2), as argparse does.

    Parameters
    ----------
    arguments : sequence of str, default None
        The words after ``hogvec``; None takes those of the process.
    """
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # before the command has begun
        return _fail("interrupted", code=130)


def _run(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and options.run is _train and not any(word.startswith("-") for word in rest):
        # argparse takes positional words before the first option and forgets those after it
        options.inputs, options.output = [*options.inputs, options.output, *rest[:-1]], rest[-1]
    elif rest:
        options.parser.error(f"unrecognized arguments: {' '.join(rest)}")
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # words may hold bytes that are no text
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    interrupted = "interrupted, nothing was saved" if options.saves else "interrupted"
    command: argparse.ArgumentParser = options.parser
    try:
        return exit_code("hogvec", lambda: options.run(options), interrupted=interrupted)
    except ArgumentError as error:
        command.error(str(error))


def _fail(message: str, *, code: int = 1) -> int:
    return fail("hogvec", message, code=code)


# ---- arguments -----------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hogvec",
        description="Train word vectors on CPUs, and look at them.",
        epilog="example:  hogvec train text.txt.gz vectors.safetensors && hogvec neighbors vectors.safetensors king\n"
        "'hogvec COMMAND --help' shows the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"hogvec {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (
        _add_train,
        _add_evaluate,
        _add_neighbors,
        _add_analogy,
        _add_convert,
        add_classify,
        add_items,
        add_graph,
        add_lm,
        _add_info,
        _add_demo,
    ):
        add(commands)
    return parser


def _add_train(commands: Any) -> None:
    parser = add_command(
        commands,
        "train",
        _train,
        help="train word vectors on text files",
        example="hogvec train text.txt.gz vectors.safetensors --dim 200 --epochs 5 --report report.json",
        saves=True,
    )
    parser.add_argument("inputs", metavar="INPUT", nargs="+", help="text, words between white space; .gz and .zst too")
    parser.add_argument("output", metavar="OUTPUT", help=f"where the vectors go; its ending chooses: {_FORMATS}")
    # What is not given is left to the library, whose defaults the texts repeat.
    model = parser.add_argument_group("model")
    model.add_argument("--model", choices=("skipgram", "cbow"), default="skipgram", help="default: skipgram")
    model.add_argument("--dim", type=int, metavar="N", help="length of a vector (default: 100)")
    model.add_argument("--window", type=int, metavar="N", help="words to each side of the centre, at most (default: 5)")
    model.add_argument(
        "--subsample",
        type=float,
        metavar="T",
        help="thin out words above this share of the text, 0: none (default: 1e-4)",
    )
    model.add_argument(
        "--gradient",
        choices=("word2vec", "exact"),
        help="for cbow: add the whole gradient to every context word as word2vec does, or its exact share "
        "(default: word2vec)",
    )
    loss = parser.add_argument_group("loss")
    loss.add_argument(
        "--loss", choices=("ns", "hs"), default="ns", help="negative sampling or hierarchical softmax (default: ns)"
    )
    loss.add_argument("--negatives", type=int, metavar="N", help="for ns: words drawn for each target (default: 5)")
    loss.add_argument("--power", type=float, metavar="P", help="for ns: they are drawn by count**P (default: 0.75)")
    vocabulary = parser.add_argument_group("vocabulary")
    vocabulary.add_argument(
        "--min-count", type=int, default=5, metavar="N", help="leave out words that are rarer (default: 5)"
    )
    vocabulary.add_argument("--max-vocab", type=int, metavar="N", help="keep the N most frequent words (default: all)")
    vocabulary.add_argument(
        "--encoding-errors",
        choices=("strict", "replace", "ignore", "surrogateescape"),
        help="bytes that are no UTF-8: stop, put U+FFFD, leave them out, or keep them (default: strict)",
    )
    training = parser.add_argument_group("training")
    training.add_argument("--epochs", type=int, default=5, metavar="N", help="passes over the text (default: 5)")
    training.add_argument(
        "--learning-rate",
        type=float,
        metavar="R",
        help="at the start; it falls to 0 (default: what suits the model and loss)",
    )
    training.add_argument("--threads", type=int, metavar="N", help="default: the cores this process may use")
    training.add_argument("--seed", type=int, default=1, metavar="N", help="of all random choices (default: 1)")
    output = parser.add_argument_group("output")
    output.add_argument("--report", metavar="FILE", help="write counts, seconds, speed, losses and memory as JSON")
    output.add_argument("--quiet", action="store_true", help="no progress bar and no summary")


def _add_evaluate(commands: Any) -> None:
    parser = add_command(
        commands,
        "evaluate",
        _evaluate,
        help="score word vectors on analogy questions and similarity judgements",
        example="hogvec evaluate vectors.safetensors --analogies questions-words.txt --similarity wordsim353.tsv",
    )
    _add_vectors(parser)
    parser.add_argument("--analogies", metavar="FILE", help="questions 'a b c d' in sections ': name'")
    parser.add_argument("--similarity", metavar="FILE", nargs="+", default=[], help="lines of word, word, score")
    parser.add_argument("--restrict-vocab", type=int, metavar="N", help="use the first N words only (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_neighbors(commands: Any) -> None:
    parser = add_command(
        commands,
        "neighbors",
        _neighbors,
        help="print the nearest words of a word, by cosine",
        example="hogvec neighbors vectors.safetensors king queen --topn 5",
    )
    _add_vectors(parser)
    parser.add_argument("words", metavar="WORD", nargs="*", help="default: read words from the terminal")
    parser.add_argument("--topn", type=int, default=10, metavar="N", help="how many neighbors (default: 10)")


def _add_analogy(commands: Any) -> None:
    parser = add_command(
        commands,
        "analogy",
        _analogy,
        help="answer: A is to B as C is to what?",
        example="hogvec analogy vectors.safetensors man king woman",
    )
    _add_vectors(parser)
    parser.add_argument("words", metavar="A B C", nargs="*", help="three words; default: read them from the terminal")
    parser.add_argument("--topn", type=int, default=5, metavar="N", help="how many answers (default: 5)")


def _add_convert(commands: Any) -> None:
    parser = add_command(
        commands,
        "convert",
        _convert,
        help="copy word vectors from one file format to another",
        example="hogvec convert GoogleNews.bin.gz GoogleNews.safetensors",
        saves=True,
    )
    parser.add_argument("source", metavar="A", help=f"its ending names the format: {_FORMATS}")
    parser.add_argument("target", metavar="B", help="the same endings; only .safetensors keeps counts")


def _add_info(commands: Any) -> None:
    add_command(commands, "info", _info, help="show versions and the instruction set in use", example="hogvec info")


def _add_demo(commands: Any) -> None:
    parser = add_command(
        commands,
        "demo",
        _demo,
        help="train on the English inside the standard library and draw a map of its words",
        example="hogvec demo --output-dir maps",
    )
    parser.add_argument("--output-dir", default=".", metavar="DIR", help="where its two files go (default: here)")
    parser.add_argument("--threads", type=int, metavar="N", help="default: the cores this process may use")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _add_vectors(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("vectors", metavar="VECTORS", help=f"vectors; the ending names the format: {_FORMATS}")


# ---- commands ------------------------------------------------------------------------------------------------------


def _train(options: argparse.Namespace) -> int:
    trainer, settings = _trainer(options)
    kind = _format(options.output)
    outputs = [options.output] if options.report is None else [options.output, options.report]
    check_outputs(outputs)
    _check_nothing_is_lost(outputs, options.inputs, kind)
    for path in options.inputs:
        with open(path, "rb"):  # before the time it takes to read the others
            pass

    from hogvec.corpus import Corpus

    progress = False if options.quiet else None
    limits = given(min_count=options.min_count, max_size=options.max_vocab, encoding_errors=options.encoding_errors)
    corpus = Corpus.from_file(options.inputs, threads=options.threads, progress=progress, **limits)
    start = time.perf_counter()
    vectors = trainer.fit(corpus, epochs=options.epochs, progress=progress)
    seconds = {**corpus.seconds, "training": time.perf_counter() - start}
    report = _report(corpus, trainer, seconds, settings)
    _save(vectors, options.output, kind)
    if options.report is not None:
        _write_json(options.report, report)
    if not options.quiet:
        _print_summary(options, report, vectors)
    return 0


def _trainer(options: argparse.Namespace) -> tuple[Trainer, dict[str, Any]]:
    """Make the trainer, and say how: the library checks the values, before anything is read."""
    from hogvec._validate import check_int
    from hogvec.losses import HierarchicalSoftmax, NegativeSampling
    from hogvec.models import CBOW, SkipGram
    from hogvec.optimizers import SGD
    from hogvec.trainer import Trainer

    architecture_settings = given(
        dim=options.dim, window=options.window, subsample=options.subsample, gradient=options.gradient
    )
    loss_settings = given(negatives=options.negatives, power=options.power)
    if options.gradient is not None and options.model != "cbow":
        raise ArgumentError("--gradient is for --model cbow")
    if loss_settings and options.loss != "ns":
        raise ArgumentError(f"--{next(iter(loss_settings))} is for --loss ns")
    try:
        check_int("epochs", options.epochs, minimum=1)
        for name, value in given(min_count=options.min_count, max_vocab=options.max_vocab).items():
            check_int(name, value, minimum=1)
        architecture = {"skipgram": SkipGram, "cbow": CBOW}[options.model](**architecture_settings)
        loss = {"ns": NegativeSampling, "hs": HierarchicalSoftmax}[options.loss](**loss_settings)
        optimizer = SGD(**given(learning_rate=options.learning_rate))
        trainer = Trainer(architecture, loss, optimizer, threads=options.threads, seed=options.seed)
    except (TypeError, ValueError) as error:
        raise ArgumentError(str(error)) from None
    kept = ("inputs", "output", "model", "loss", "min_count", "max_vocab", "epochs")
    settings = {name: getattr(options, name) for name in kept}
    for part in (architecture, loss):
        settings |= dataclasses.asdict(part)
    settings |= {"learning_rate": trainer.learning_rate, "threads": trainer.threads, "seed": trainer.seed}
    return trainer, settings


def _report(corpus: Corpus, trainer: Trainer, seconds: dict[str, float], settings: dict[str, Any]) -> dict[str, Any]:
    from hogvec.info import info

    epochs = trainer.history
    return {
        "raw_words": corpus.raw_words,
        "trained_words": sum(epoch.trained_words for epoch in epochs),
        "seconds": {part: seconds[part] for part in ("counting", "encoding", "training")},
        "words_per_second": corpus.raw_words * len(epochs) / seconds["training"],
        "loss": [_number(epoch.loss) for epoch in epochs],
        "peak_memory_bytes": _peak_memory_bytes(),
        "settings": settings,
        "version": __version__,
        "instruction_set": info()["instruction_set"],
    }


def _peak_memory_bytes() -> int:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _print_summary(options: argparse.Namespace, report: dict[str, Any], vectors: KeyedVectors) -> None:
    seconds, losses = report["seconds"], report["loss"]
    reading = seconds["counting"] + seconds["encoding"]
    rows = [
        ("read", f"{report['raw_words']:,} words in {reading:.1f} s"),
        ("vocabulary", f"{len(vectors):,} words"),
        ("trained", f"in {seconds['training']:.1f} s, {report['words_per_second']:,.0f} words/s"),
        ("loss", " -> ".join(map(_loss, losses if len(losses) < 3 else (losses[0], losses[-1])))),
        ("memory", f"{report['peak_memory_bytes'] / 2**20:,.0f} MiB at most"),
        ("vectors", options.output),
    ]
    if options.report is not None:
        rows.append(("report", options.report))
    print_pairs(rows)


def _loss(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"


def _evaluate(options: argparse.Namespace) -> int:
    if options.analogies is None and not options.similarity:
        raise ArgumentError("give --analogies, --similarity or both")
    vectors = _load(options.vectors)
    analogies = None
    if options.analogies is not None:
        analogies = vectors.evaluate_analogies(options.analogies, restrict_vocab=options.restrict_vocab)
    similarities = [
        (path, vectors.evaluate_similarity(path, restrict_vocab=options.restrict_vocab)) for path in options.similarity
    ]
    if options.json:
        result: dict[str, Any] = {}
        if analogies is not None:
            parts = ("semantic", "syntactic", "total")
            result["analogies"] = {
                "file": options.analogies,
                "sections": [_analogy_score(score) for score in analogies.sections],
                **{part: _analogy_score(getattr(analogies, part)) for part in parts},
            }
        if similarities:
            result["similarity"] = [
                {
                    "file": path,
                    "spearman": _number(score.spearman),
                    "pearson": _number(score.pearson),
                    "answered": score.answered,
                    "pairs": score.pairs,
                }
                for path, score in similarities
            ]
        print(json.dumps(result, indent=2))
        return 0
    if analogies is not None:
        print(analogies)
    if analogies is not None and similarities:
        print()
    if similarities:
        rows = [
            (path, f"{score.spearman:.4f}", f"{score.pearson:.4f}", f"{score.answered:,}", f"{score.pairs:,}")
            for path, score in similarities
        ]
        print_table(("similarity", "spearman", "pearson", "answered", "pairs"), rows)
    return 0


def _analogy_score(score: AnalogyScore) -> dict[str, Any]:
    return {
        "name": score.name,
        "accuracy": _number(score.accuracy),
        "accuracy_of_all": _number(score.accuracy_of_all),
        "correct": score.correct,
        "answered": score.answered,
        "questions": score.questions,
    }


def _number(value: float) -> float | None:
    """JSON knows no NaN."""
    return value if math.isfinite(value) else None


def _neighbors(options: argparse.Namespace) -> int:
    check_at_least_one("topn", options.topn)
    vectors = _load(options.vectors)
    if options.words:
        return _answer(vectors, [[word] for word in options.words], options.topn)
    for words in _lines_of_words("word> "):
        _answer(vectors, [[word] for word in words], options.topn)
    return 0


def _analogy(options: argparse.Namespace) -> int:
    check_at_least_one("topn", options.topn)
    if len(options.words) not in (0, 3):
        raise ArgumentError(f"an analogy needs three words, got {len(options.words)}")
    vectors = _load(options.vectors)
    if options.words:
        return _answer(vectors, [options.words], options.topn)
    for words in _lines_of_words("a is to b as c: "):
        if len(words) == 3:
            _answer(vectors, [words], options.topn)
        else:
            _fail(f"an analogy needs three words, got {len(words)}")
    return 0


def _answer(vectors: KeyedVectors, questions: list[list[str]], topn: int) -> int:
    """Print the answer to each question, one word or three; return 1 if a word was unknown, which is said."""
    code = 0
    for words in questions:
        unknown = [word for word in words if word not in vectors]
        for word in unknown:
            code = _fail(f"{word!r} is not in the vocabulary{_suggestion(word, vectors)}")
        if unknown:
            continue
        if len(words) == 1:
            title, found = words[0], vectors.most_similar(words, topn=topn)
        else:
            a, b, c = words
            title, found = f"{a} : {b} = {c} : ?", vectors.most_similar([b, c], [a], topn=topn)
        print(title)
        width = max((len(neighbor.word) for neighbor in found), default=0)
        for neighbor in found:
            print(f"  {neighbor.word:{width}}  {neighbor.similarity:6.3f}")
    return code


def _suggestion(word: str, vectors: KeyedVectors) -> str:
    """Name words like an unknown one: the same in other letters, or among the frequent ones."""
    import difflib
    import itertools

    near = [other for other in (word.lower(), word.capitalize(), word.upper()) if other != word and other in vectors]
    if not near:
        near = difflib.get_close_matches(word, itertools.islice(vectors, _SUGGEST_AMONG), n=3, cutoff=0.75)
    return f"; there is {', '.join(map(repr, dict.fromkeys(near)))}" if near else ""


def _lines_of_words(prompt: str) -> Iterator[list[str]]:
    """Yield the words of each line of stdin that has any, until it ends; the prompt is for a person at a terminal."""
    asks = sys.stdin.isatty()
    if asks:
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401  (edits the line and remembers the last ones)
    while True:
        try:
            line = input(prompt if asks else "")
        except EOFError:
            if asks:
                print()
            return
        if words := line.split():
            yield words


def _convert(options: argparse.Namespace) -> int:
    kind = _format(options.target)
    _format(options.source)
    check_outputs([options.target])
    vectors = _load(options.source)
    _save(vectors, options.target, kind)
    print(f"{len(vectors):,} words of dimension {vectors.dim} in {options.target}")
    return 0


def _info(options: argparse.Namespace) -> int:
    from hogvec.info import info

    rows = []
    for name, value in info().items():
        text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        rows.append((name.replace("_", " "), text))
    print_pairs(rows)
    return 0


def _demo(options: argparse.Namespace) -> int:
    from hogvec.demo import run_demo

    run_demo(options.output_dir, threads=options.threads, progress=False if options.quiet else None)
    return 0


# ---- files and tables ----------------------------------------------------------------------------------------------


def _format(path: str) -> str:
    for ending, kind in _ENDINGS.items():
        if path.lower().endswith(ending):
            return kind
    raise ArgumentError(f"the name of a file of vectors must end with {_FORMATS}; got {path!r}")


def _load(path: str) -> KeyedVectors:
    kind = _format(path)
    from hogvec.keyed_vectors import KeyedVectors

    try:
        if kind == "safetensors":
            return KeyedVectors.load(path)
        return KeyedVectors.load_word2vec_format(path, binary=kind == "binary", errors="surrogateescape")
    except ValueError as error:
        raise ValueError(str(error) if path in str(error) else f"{path}: {error}") from None


def _save(vectors: KeyedVectors, path: str, kind: str) -> None:
    if kind == "safetensors":
        vectors.save(path)
    else:
        vectors.save_word2vec_format(path, binary=kind == "binary")


def _write_json(path: str, value: Any) -> None:
    from hogvec._files import replace_file

    with replace_file(path) as file:
        file.write((json.dumps(value, indent=2) + "\n").encode())


def _check_nothing_is_lost(outputs: Sequence[str], inputs: Sequence[str], kind: str) -> None:
    """Raise if a file would be written over another, or over a text: the name of the output was forgotten."""
    named = {os.path.realpath(path) for path in inputs}
    for path in outputs:
        if os.path.realpath(path) in named:
            raise ArgumentError(f"{path} is named twice, once to be written")
        named.add(os.path.realpath(path))
    output = outputs[0]
    if kind == "text" and os.path.isfile(output):
        with (gzip.open if output.lower().endswith(".gz") else open)(output, "rb") as file:
            first = file.readline(100)
        if first and not re.fullmatch(rb"\d+ \d+\s*", first):
            raise ArgumentError(f"{output} exists and does not hold vectors; OUTPUT comes after every INPUT")
