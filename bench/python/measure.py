"""What the benches share: the text, the clocks, the quality of vectors, the machine and the files of results.

Nothing but the standard library is imported before it is needed, so that the memory bench starts small processes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hogvec import KeyedVectors

__all__ = [
    "QUALITY_NAMES",
    "Checks",
    "Quality",
    "Stopwatch",
    "add_text_arguments",
    "bounds_apply",
    "data_path",
    "evaluate",
    "lines_file",
    "machine",
    "mean_and_sd",
    "print_table",
    "spread",
    "timed",
    "write_json",
]

TEXT = "text/enwiki-100mb.txt.gz"
LINE_TOKENS = 1000


def data_path(name: str) -> Path:
    """Return a file of the data folder, which the environment variable HOGVEC_DATA names."""
    folder = os.environ.get("HOGVEC_DATA")
    if not folder:
        raise SystemExit("HOGVEC_DATA must name the folder with text/ and eval/")
    path = Path(folder, name)
    if not path.is_file():
        raise SystemExit(f"{path} must be a file, see HOGVEC_DATA")
    return path


def add_text_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that every bench has: the text, its slice, the folder for it, and the file of results."""
    parser.add_argument("--text", type=Path, help=f"text to train on, .gz or plain (default: HOGVEC_DATA/{TEXT})")
    parser.add_argument(
        "--lines", type=int, metavar="N", help=f"use the first N lines of {LINE_TOKENS} tokens only (default: all)"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("build/bench-text"),
        metavar="DIR",
        help="folder for the text cut into lines, made once (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all measurements there")
    parser.add_argument("--check", action="store_true", help="fail unless the bounds that the project asks for are met")


def bounds_apply(options: argparse.Namespace, others: bool = True) -> bool:
    """Return whether the bounds are for such a run: the whole of the usual text and, if `others`, as asked besides.

    Leave the process if they are to be checked and are not for it.
    """
    apply = options.text is None and options.lines is None and others
    if options.check and not apply:
        raise SystemExit(
            "--check: the bounds are for the whole text and the default settings, and at least 3 rounds or seeds"
        )
    return apply


def tokens_of(path: Path) -> Iterator[bytes]:
    """Yield the words of a text of any line length, in constant memory."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        rest = b""
        while block := file.read(1 << 20):
            words = (rest + block).split()
            # The last word goes on in the next block unless whitespace follows it.
            rest = words.pop() if words and not block[-1:].isspace() else b""
            yield from words
        if rest:
            yield rest


def lines_file(options: argparse.Namespace) -> Path:
    """Return the text cut into lines of 1,000 tokens, or as many of them as were asked for; made on first use."""
    if options.lines is not None and options.lines < 1:
        raise SystemExit(f"--lines must be at least 1, got {options.lines}")
    source: Path = options.text or data_path(TEXT)
    part = "" if options.lines is None else f"-first-{options.lines}"
    options.cache.mkdir(parents=True, exist_ok=True)
    path: Path = options.cache / f"{source.name.removesuffix('.gz').removesuffix('.txt')}{part}.txt"
    if path.exists() and path.stat().st_mtime > source.stat().st_mtime:
        return path
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as out:
        line: list[bytes] = []
        n_lines = 0
        for token in tokens_of(source):
            line.append(token)
            if len(line) == LINE_TOKENS:
                out.write(b" ".join(line) + b"\n")
                line = []
                n_lines += 1
                if n_lines == options.lines:
                    break
        if line:
            out.write(b" ".join(line) + b"\n")
    unfinished.replace(path)
    return path


@dataclass
class Stopwatch:
    """Seconds on the wall and of the processor, all threads of the process together."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def timed() -> Iterator[Stopwatch]:
    """Measure the block; the stopwatch has the seconds once it is left."""
    watch = Stopwatch()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield watch
    finally:
        watch.wall, watch.cpu = time.perf_counter() - wall, time.process_time() - cpu


@dataclass(frozen=True)
class Quality:
    """Analogies in percent (full vocabulary, first 30,000 words), Spearman correlations of similarities."""

    analogies: float
    analogies_30k: float
    wordsim: float
    men: float
    simlex: float


QUALITY_NAMES = {
    "analogies": "analogies",
    "analogies_30k": "first 30k",
    "wordsim": "WordSim",
    "men": "MEN",
    "simlex": "SimLex",
}


def evaluate(vectors: KeyedVectors) -> Quality:
    """Measure vectors whose words stand in the order of falling counts."""
    questions = data_path("eval/questions-words.txt")
    return Quality(
        analogies=100 * vectors.evaluate_analogies(questions).total.accuracy,
        analogies_30k=100 * vectors.evaluate_analogies(questions, restrict_vocab=30_000).total.accuracy,
        wordsim=vectors.evaluate_similarity(data_path("eval/EN-WS-353-ALL.txt")).spearman,
        men=vectors.evaluate_similarity(data_path("eval/EN-MEN-TR-3k.txt")).spearman,
        simlex=vectors.evaluate_similarity(data_path("eval/EN-SIMLEX-999.txt")).spearman,
    )


def processor() -> str:
    """Return the processor's name as the system has it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine(**more: object) -> dict[str, Any]:
    """Return what a reader must know beside the numbers; `more` is added."""
    import hogvec

    info = hogvec.info()
    load = [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": load,
        "system": platform.platform(),
        "python": platform.python_version(),
        "hogvec": info["version"],
        "compiler": info["compiler"],
        "instruction_set": info["instruction_set"],
        **more,
    }


def mean_and_sd(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and the sample standard deviation, 0 for a single value."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the least, the median and the greatest value."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a Markdown table whose columns line up: the first to the left, the others to the right."""
    table = [list(heads), *(list(row) for row in rows)]
    widths = [max(3, *(len(row[i]) for row in table)) for i in range(len(heads))]
    dashes = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    for row in (table[0], dashes, *table[1:]):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        print(f"| {' | '.join(cells)} |")
    print(flush=True)


class Checks:
    """Bounds and whether they were met. Nothing is raised before all are seen."""

    def __init__(self) -> None:
        self.results: list[dict[str, Any]] = []

    def at_least(self, name: str, value: float, bound: float) -> None:
        """Ask for value >= bound; a NaN fails."""
        self._add(name, value, ">=", bound, value >= bound)

    def at_most(self, name: str, value: float, bound: float) -> None:
        """Ask for value <= bound; a NaN fails."""
        self._add(name, value, "<=", bound, value <= bound)

    def _add(self, name: str, value: float, relation: str, bound: float, met: bool) -> None:
        self.results.append({"name": name, "value": value, "relation": relation, "bound": bound, "met": met})

    def report(self, *, required: bool) -> None:
        """Print every bound with what was measured; leave the process with status 1 if one is required and not met."""
        if not self.results:
            print("no bounds: they are for the whole text and the default settings")
        for check in self.results:
            word = "met   " if check["met"] else "MISSED"
            print(f"{word} {check['name']}: {check['value']:.4g}, asked {check['relation']} {check['bound']:.4g}")
        if required and not self.results:
            raise SystemExit("--check: nothing was measured that has a bound")
        if required and not all(check["met"] for check in self.results):
            raise SystemExit(1)


def write_json(path: Path | None, document: dict[str, Any]) -> None:
    """Write the document, dataclasses in it as dictionaries, if a path is given."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, default=asdict) + "\n", encoding="utf-8")
    print(f"written: {path}")
