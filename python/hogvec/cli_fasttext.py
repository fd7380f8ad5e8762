"""fastText's command line: its commands, options and formats over `hogvec.compat.fasttext`.

Results go to stdout, all else to stderr. Exit codes: 0 done, 1 failed or wrong arguments, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from hogvec._cli_tools import ArgumentError, check_outputs, exit_code, fail

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hogvec.classification import Evaluation
    from hogvec.compat.fasttext._model import _FastText

__all__ = ["main"]

_PROGRAM = "hogvec-fasttext"
_BLOCK = 1 << 20
_WORD = re.compile(r"[^ \t\n\v\f\r]+")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command of fastText's and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, default None
        The words after ``hogvec-fasttext``; None takes those of the process.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    with contextlib.suppress(AttributeError):  # words may hold bytes that are no text: written as they were read
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    if not words or words[0] not in _COMMANDS:
        print(_usage(), file=sys.stderr)
        return 0 if words[:1] in (["-h"], ["--help"]) else 1
    command, *rest = words
    run, usage, _ = _COMMANDS[command]
    try:
        return exit_code(_PROGRAM, lambda: run(command, rest))
    except ArgumentError as error:
        print(f"usage: {_PROGRAM} {command} {usage}", file=sys.stderr)
        return fail(_PROGRAM, str(error))


def _usage() -> str:
    lines = [f"usage: {_PROGRAM} COMMAND ARGUMENTS", "", "Commands and options are those of fastText's program:", ""]
    lines += [f"  {name:24}{help}" for name, (_, _, help) in _COMMANDS.items()]
    return "\n".join([*lines, "", f"'{_PROGRAM} supervised -h' shows the options of training."])


# ---- training ------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ArgumentError(message)


def _options(command: str, words: Sequence[str]) -> dict[str, Any]:
    """Return the options that are given, by the names that `hogvec.compat.fasttext` has for them."""
    parser = _Parser(
        prog=f"{_PROGRAM} {command}",
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
        add_help=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Defaults: -lr 0.1, -minCount 1, -minn 0, -maxn 0 and -loss softmax for supervised, else -lr 0.05,\n"
        "-minCount 5, -minn 3, -maxn 6 and -loss ns. For all -dim 100, -ws 5, -epoch 5, -neg 5, -wordNgrams 1,\n"
        "-bucket 2000000, -t 0.0001, -seed 0.",
    )
    parser.add_argument("-h", "--help", action="help", help="show this text")
    add = parser.add_argument
    add("-input", help="file to train on, a text on each line")
    add("-output", help="what files are called: OUTPUT.bin and OUTPUT.vec, or OUTPUT.ftz")
    for name, help in {
        "dim": "length of vectors",
        "ws": "words to each side of a word that count",
        "epoch": "passes over the file",
        "minCount": "leave out words that are rarer",
        "minCountLabel": "leave out labels that are rarer",
        "minn": "letters in the shortest n-gram",
        "maxn": "letters in the longest n-gram",
        "neg": "negatives for -loss ns",
        "wordNgrams": "words in the longest n-gram of words",
        "bucket": "rows that n-grams share",
        "thread": "threads (default: the cores that this process may use)",
        "lrUpdateRate": "not used",
        "verbose": "2: a bar on a terminal and numbers, 1: numbers, 0: nothing",
        "seed": "of random numbers",
        "cutoff": "rows that a smaller model keeps",
        "dsub": "values of a row that share a byte (default: 2)",
    }.items():
        add(f"-{name}", type=int, metavar="N", help=help)
    add("-lr", type=float, metavar="R", help="learning rate at the start")
    add("-t", type=float, metavar="T", help="threshold of subsampling")
    add("-loss", choices=("ns", "hs", "softmax", "one-vs-all", "ova"), help="loss")
    add("-label", metavar="PREFIX", help="what labels begin with (default: __label__)")
    add("-pretrainedVectors", metavar="FILE", help="vectors that words begin with")
    add("-saveOutput", action="store_true", help="write the rows of the outputs, too: OUTPUT.output")
    add("-qnorm", action="store_true", help="quantize the lengths of rows on their own")
    add("-qout", action="store_true", help="quantize the rows of the labels, too")
    add("-retrain", action="store_true", help="train the rows again that -cutoff keeps")
    add("-autotune-validation", dest="autotuneValidationFile", metavar="FILE", help="choose what is best for this file")
    add(
        "-autotune-metric",
        dest="autotuneMetric",
        metavar="NAME",
        help="f1, precisionAtRecall:30 or recallAtPrecision:30, and :LABEL for one label",
    )
    add("-autotune-predictions", dest="autotunePredictions", type=int, metavar="N", help="labels of a text that count")
    add("-autotune-duration", dest="autotuneDuration", type=int, metavar="S", help="seconds (default: 300)")
    add("-autotune-modelsize", dest="autotuneModelSize", metavar="SIZE", help="of OUTPUT.ftz, such as 2M")
    given = vars(parser.parse_args(list(words)))
    if given.get("loss") == "one-vs-all":
        given["loss"] = "ova"
    return given


def _train(command: str, words: Sequence[str]) -> None:
    from hogvec.compat.fasttext._arguments import SUPERVISED, UNSUPERVISED, bind
    from hogvec.compat.fasttext._training import train

    given = _options(command, words)
    output = _required(given, "input", "output")
    saves_output = given.pop("saveOutput", False)
    for name in _QUANTIZING:
        given.pop(name, None)
    if command == "supervised":
        arguments = bind(command, SUPERVISED, (), given)
    else:
        arguments = bind(command, UNSUPERVISED, (), given | {"model": command})
    tunes_size = arguments.autotuneValidationFile and arguments.max_model_bytes is not None
    model_path = f"{output}.ftz" if tunes_size else f"{output}.bin"
    check_outputs([model_path, f"{output}.vec", *([f"{output}.output"] if saves_output else [])])
    model = train(arguments)
    if arguments.verbose > 0:
        print(f"Number of words:  {len(model.get_words(on_unicode_error='replace'))}", file=sys.stderr)
        if arguments.is_supervised:
            print(f"Number of labels: {len(model.get_labels(on_unicode_error='replace'))}", file=sys.stderr)
    model.save_model(model_path)
    model._source.vectors.save_word2vec_format(f"{output}.vec")
    if saves_output:
        _save_output(model, f"{output}.output")


_QUANTIZING = ("cutoff", "dsub", "qnorm", "qout", "retrain")


def _required(given: dict[str, Any], *names: str) -> str:
    for name in names:
        if not given.get(name):
            raise ArgumentError(f"-{name} must be given")
    output: str = given.pop("output")
    return output


def _save_output(model: _FastText, path: str) -> None:
    from hogvec._files import replace_file

    with replace_file(path) as file:
        rows = model.get_output_matrix()
        file.write(f"{rows.shape[0]} {rows.shape[1]}\n".encode())
        for word, row in zip(model.get_labels(on_unicode_error="surrogateescape"), rows, strict=True):
            file.write(f"{word} {_floats(row)}\n".encode("utf-8", "surrogateescape"))


def _quantize(command: str, words: Sequence[str]) -> None:
    given = _options(command, words)
    output = _required(given, "output")
    used = (*_QUANTIZING, "input", "epoch", "lr", "thread", "verbose")
    if given.get("retrain") and not given.get("input"):
        raise ArgumentError("-input must be given for -retrain")
    check_outputs([f"{output}.ftz"])
    model = _load(f"{output}.bin")
    model.quantize(**{name: value for name, value in given.items() if name in used})
    model.save_model(f"{output}.ftz")


# ---- labels --------------------------------------------------------------------------------------------------------


def _predict(command: str, words: Sequence[str]) -> None:
    model_path, data, k, threshold = _predicting(words)
    model = _load(model_path)
    for lines in _lines(data):
        labels, probabilities = model.predict(lines, k=k, threshold=threshold, on_unicode_error="surrogateescape")
        for names, row in zip(labels, probabilities, strict=True):
            if command == "predict-prob":
                names = [f"{name} {p:.6g}" for name, p in zip(names, row.tolist(), strict=True)]
            sys.stdout.write(" ".join(names) + "\n")
        sys.stdout.flush()  # a program may wait for the answer before it asks on


def _test(command: str, words: Sequence[str]) -> None:
    model_path, data, k, threshold = _predicting(words)
    model = _load(model_path)
    texts: Any = [line for lines in _lines(data) for line in lines] if data == "-" else data
    found = model._evaluate(texts, k, threshold)
    if command == "test-label":
        _print_labels(model, found)
    form = ".3f" if command == "test-label" else ".3g"
    print(f"N\t{found.num_texts}")
    print(f"P@{k}\t{found.precision:{form}}")
    print(f"R@{k}\t{found.recall:{form}}")


def _print_labels(model: _FastText, found: Evaluation) -> None:
    scores = dict(zip(model._class_tokens, found.per_label, strict=True))
    for label in model.get_labels(on_unicode_error="surrogateescape"):
        score = scores[label]
        values = {"F1-Score": score.f1, "Precision": score.precision, "Recall": score.recall}
        fields = (f"{name} : {'--------' if value != value else f'{value:.6f}'}  " for name, value in values.items())
        print(f"{''.join(fields)} {label}")


def _predicting(words: Sequence[str]) -> tuple[str, str, int, float]:
    """Return model, data, k and threshold."""
    if not 2 <= len(words) <= 4:
        raise ArgumentError(f"2 to 4 arguments must be given, got {len(words)}")
    k = _number("k", words[2], int) if len(words) > 2 else 1
    threshold = _number("th", words[3], float) if len(words) > 3 else 0.0
    return words[0], words[1], k, threshold


def _number(name: str, word: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(word)
    except ValueError:
        raise ArgumentError(f"{name} must be a number, got {word!r:.80}") from None


# ---- vectors -------------------------------------------------------------------------------------------------------


def _print_word_vectors(command: str, words: Sequence[str]) -> None:
    model = _load(*_exactly(words, 1))
    for word in _stdin_words():
        print(f"{word} {_floats(model.get_word_vector(word))}", flush=True)


def _print_sentence_vectors(command: str, words: Sequence[str]) -> None:
    model = _load(*_exactly(words, 1))
    for lines in _lines("-"):
        for line in lines:
            print(_floats(model.get_sentence_vector(line)), flush=True)


def _print_ngrams(command: str, words: Sequence[str]) -> None:
    path, word = _exactly(words, 2)
    model = _load(path)
    for part, row in zip(*model.get_subwords(word, on_unicode_error="surrogateescape"), strict=True):
        print(f"{part} {_floats(model.get_input_vector(int(row)))}")


def _neighbors(command: str, words: Sequence[str]) -> None:
    model, k = _asking(words)
    prompt = "Query word? "
    print(prompt, end="", flush=True)
    for word in _stdin_words():
        _print_pairs(model.get_nearest_neighbors(word, k, "surrogateescape"))
        print(prompt, end="", flush=True)


def _analogies(command: str, words: Sequence[str]) -> None:
    model, k = _asking(words)
    prompt = "Query triplet (A - B + C)? "
    print(prompt, end="", flush=True)
    stream = _stdin_words()
    for a, b, c in zip(stream, stream, stream, strict=False):
        _print_pairs(model.get_analogies(a, b, c, k, "surrogateescape"))
        print(prompt, end="", flush=True)


def _asking(words: Sequence[str]) -> tuple[_FastText, int]:
    if not 1 <= len(words) <= 2:
        raise ArgumentError(f"1 or 2 arguments must be given, got {len(words)}")
    return _load(words[0]), _number("k", words[1], int) if len(words) > 1 else 10


def _print_pairs(pairs: Iterable[tuple[float, str]]) -> None:
    for similarity, word in pairs:
        print(f"{word} {similarity:.6g}")


def _dump(command: str, words: Sequence[str]) -> None:
    path, part = _exactly(words, 2)
    if part not in ("args", "dict", "input", "output"):
        raise ArgumentError(f"the second argument must be args, dict, input or output, got {part!r:.80}")
    model = _load(path)
    file = model._source.file
    if part == "args":
        a = file.arguments
        for name, value in {
            "dim": a.dim,
            "ws": a.window,
            "epoch": a.epochs,
            "minCount": a.min_count,
            "neg": a.negatives,
            "wordNgrams": a.word_ngrams,
            "loss": "one-vs-all" if a.loss == "ova" else a.loss,
            "model": {"skipgram": "sg", "supervised": "sup"}.get(a.model, a.model),
            "bucket": a.buckets,
            "minn": a.min_n,
            "maxn": a.max_n,
            "lrUpdateRate": a.lr_update_rate,
            "t": f"{a.subsample:.6g}",
        }.items():
            print(name, value)
    elif part == "dict":
        print(len(file.entries))
        for i, (word, count) in enumerate(zip(file.entries, file.entries.counts.tolist(), strict=True)):
            print(word, count, "word" if i < file.num_words else "label")
    else:
        rows = model.get_input_matrix() if part == "input" else model.get_output_matrix()
        print(*rows.shape)
        for row in rows:
            print(" ".join(f"{value:.6g}" for value in row.tolist()))


# ---- in and out ----------------------------------------------------------------------------------------------------


def _load(path: str) -> _FastText:
    from hogvec.compat.fasttext import load_model

    return load_model(path)


def _exactly(words: Sequence[str], count: int) -> Sequence[str]:
    if len(words) != count:
        raise ArgumentError(f"{count} argument{'s' if count > 1 else ''} must be given, got {len(words)}")
    return words


def _lines(path: str) -> Iterator[list[str]]:
    """Yield the lines of a file, or of stdin for "-", as many at a time as there are without waiting for more."""
    with contextlib.ExitStack() as stack:
        stream: Any = sys.stdin.buffer if path == "-" else stack.enter_context(open(path, "rb"))
        rest = b""
        while block := stream.read1(_BLOCK):
            *lines, rest = (rest + block).split(b"\n")
            yield [line.decode("utf-8", "surrogateescape") for line in lines]
        if rest:
            yield [rest.decode("utf-8", "surrogateescape")]


def _stdin_words() -> Iterator[str]:
    for lines in _lines("-"):
        for line in lines:
            yield from _WORD.findall(line)


def _floats(vector: NDArray[np.float32]) -> str:
    return "".join(f"{value:.5g} " for value in vector.tolist())


_DATA = "MODEL DATA [K] [THRESHOLD]   (DATA - reads stdin; K 1, THRESHOLD 0.0)"
_COMMANDS: dict[str, tuple[Callable[[str, Sequence[str]], None], str, str]] = {
    "supervised": (_train, "-input FILE -output NAME [OPTIONS]", "train a classifier"),
    "quantize": (_quantize, "-output NAME [-input FILE] [OPTIONS]", "make NAME.ftz, which is smaller, of NAME.bin"),
    "test": (_test, _DATA, "say how good a classifier is"),
    "test-label": (_test, _DATA, "say it for each label"),
    "predict": (_predict, _DATA, "print the most probable labels of each line"),
    "predict-prob": (_predict, _DATA, "print them with their probabilities"),
    "skipgram": (_train, "-input FILE -output NAME [OPTIONS]", "train vectors with skip-gram"),
    "cbow": (_train, "-input FILE -output NAME [OPTIONS]", "train vectors with CBOW"),
    "print-word-vectors": (_print_word_vectors, "MODEL", "print the vectors of the words of stdin"),
    "print-sentence-vectors": (_print_sentence_vectors, "MODEL", "print a vector for each line of stdin"),
    "print-ngrams": (_print_ngrams, "MODEL WORD", "print the rows of a word and of its n-grams"),
    "nn": (_neighbors, "MODEL [K]", "print the words nearest to those of stdin"),
    "analogies": (_analogies, "MODEL [K]", "print the words nearest to A - B + C, for three words of stdin"),
    "dump": (_dump, "MODEL args|dict|input|output", "print parts of a model"),
}
