"""Peak memory of training beyond what it must hold, and the size of a vocabulary beyond its letters.

Everything runs in processes of its own. A process reports its peak resident memory (`ru_maxrss`); that of a process
that does nothing but import hogvec is subtracted. This parent imports neither hogvec nor numpy, because on Linux a
child's `ru_maxrss` starts at what its parent held.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from measure import Checks, add_text_arguments, bounds_apply, lines_file, print_table, write_json

MB = 1e6
MOST_EXTRA_MB = 150.0
MOST_VOCABULARY_BYTES = 40.0

# Each is run after PREFIX with arguments in sys.argv, and ends by printing a JSON object.
PREFIX = """
import json, resource, sys
import numpy
import hogvec

def finish(**result):
    unit = 1 if sys.platform == "darwin" else 1024
    result["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    print(json.dumps(result))
"""
IMPORT = """
finish()
"""
MACHINE = """
from measure import machine
finish(machine=machine())
"""
ENCODE = """
corpus = hogvec.Corpus.from_file(sys.argv[1], min_count=5, threads=int(sys.argv[2]))
corpus.save(sys.argv[3])
finish(tokens=len(corpus), rows=corpus.num_rows)
"""
TRAIN = """
source, model, loss, dim, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
if source.endswith(".txt"):
    corpus = hogvec.Corpus.from_file(source, min_count=5, threads=threads)
else:
    corpus = hogvec.Corpus.load(source)
architecture = {"skipgram": hogvec.SkipGram, "cbow": hogvec.CBOW}[model](dim=dim)
objective = {"ns": hogvec.NegativeSampling, "hs": hogvec.HierarchicalSoftmax}[loss]()
trainer = hogvec.Trainer(architecture, objective, threads=threads)
trainer.fit(corpus, epochs=1, progress=False)
tables = sum(len(table) * table.strides[0] for table in (trainer.input_table, trainer.output_table))
finish(tables=tables, corpus=4 * len(corpus), rows=corpus.num_rows)
"""
# Words of 8 letters as the vocabulary takes them, with and without the vocabulary.
VOCABULARY = """
n = int(sys.argv[1])
numbers = numpy.arange(n, dtype=numpy.int64)
letters = numpy.empty((n, 8), numpy.uint8)
for place in range(8):
    numpy.add(ord("a"), numbers // 8**place % 8, out=letters[:, place], casting="unsafe")
letters, offsets, counts = letters.reshape(-1), 8 * numpy.arange(n + 1, dtype=numpy.int64), numpy.ones(n, numpy.int64)
if sys.argv[2] == "with":
    vocabulary = hogvec.Vocabulary.from_bytes_arrays(letters, offsets, counts)
    assert len(vocabulary) == n
finish(letters=letters.nbytes)
"""


def run(script: str, *arguments: object) -> dict[str, Any]:
    """Run a script in a process of its own and return what it printed last."""
    command = [sys.executable, "-c", PREFIX + script, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, cwd=Path(__file__).parent)
    if done.returncode:
        raise SystemExit(f"a measured process ended with status {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_text_arguments(parser)
    parser.add_argument("--dims", nargs="+", type=int, default=[100, 300], metavar="D", help="default: 100 300")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--words", type=int, default=5_000_000, metavar="N", help="of the synthetic vocabulary (default: %(default)s)"
    )
    return parser


def measure_training(path: Path, options: argparse.Namespace, baseline: float, checks: Checks) -> list[dict[str, Any]]:
    encoded = (options.cache / f"{path.stem}.safetensors").resolve()
    encoding = run(ENCODE, path, options.threads, encoded)
    extra = (encoding["peak"] - baseline - 4 * encoding["tokens"]) / MB
    print(f"{encoding['tokens']:,} tokens, {encoding['rows']:,} words, {options.threads} threads")
    print(f"reading the text: {extra:.1f} MB at most beyond the import and the encoded corpus\n")
    results, rows = [], []
    for dim in options.dims:
        for source in (path, encoded):
            for model, loss in (("skipgram", "ns"), ("skipgram", "hs"), ("cbow", "ns"), ("cbow", "hs")):
                result = run(TRAIN, source, model, loss, dim, options.threads)
                result["extra"] = result["peak"] - baseline - result["tables"] - result["corpus"]
                name = f"{model} {loss}, dim {dim}, from {'text' if source == path else 'the encoded corpus'}"
                results.append({"name": name, **result})
                checks.at_most(f"{name}, MB beyond tables and corpus", result["extra"] / MB, MOST_EXTRA_MB)
                sizes = [result["peak"] - baseline, result["tables"], result["corpus"], result["extra"]]
                rows.append([name, *(f"{size / MB:.1f}" for size in sizes)])
    encoded.unlink()
    print_table(["training, MB", "peak beyond the import", "two tables", "encoded corpus", "more"], rows)
    return results


def measure_vocabulary(words: int, checks: Checks) -> dict[str, Any]:
    if not 1 <= words <= 8**8:
        raise SystemExit(f"--words must be 1 to {8**8}, got {words}")
    without, with_it = (run(VOCABULARY, words, which) for which in ("without", "with"))
    beyond = (with_it["peak"] - without["peak"] - with_it["letters"]) / words
    print(f"vocabulary of {words:,} words of 8 letters: {beyond:.1f} bytes a word beyond its letters\n")
    checks.at_most("vocabulary, bytes a word beyond its letters", beyond, MOST_VOCABULARY_BYTES)
    return {"words": words, "letters": with_it["letters"], "bytes_beyond_letters": beyond}


def main() -> None:
    options = make_parser().parse_args()
    bounds_apply(options)  # a slice is well below them
    path = lines_file(options).resolve()
    machine = run(MACHINE)["machine"]
    imported = run(IMPORT)
    for name, value in machine.items():
        print(f"{name}: {value}")
    print(f"\nimport of hogvec: {imported['peak'] / MB:.1f} MB")
    checks = Checks()
    document: dict[str, Any] = {
        "machine": machine,
        "settings": {"text": path.name, "threads": options.threads, "lines": options.lines},
        "import_peak": imported["peak"],
        "training": measure_training(path, options, imported["peak"], checks),
        "vocabulary": measure_vocabulary(options.words, checks),
    }
    document["checks"] = checks.results
    write_json(options.json, document)
    checks.report(required=options.check)


if __name__ == "__main__":
    main()
