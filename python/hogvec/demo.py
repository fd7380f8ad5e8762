"""The demo: trains on English that every CPython carries, and shows what came out as a table and as a map.

The text is the language reference of `pydoc_data.topics`, and the docstrings and comments of the standard library.
Source files are parsed, never imported, and read in sorted order: one Python installation always gives the same text.
"""

from __future__ import annotations

import ast
import errno
import os
import platform
import re
import sysconfig
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hogvec.keyed_vectors import KeyedVectors

__all__ = ["run_demo", "standard_library_text"]

_SHOWN = (
    "list",
    "file",
    "string",
    "socket",
    "error",
    "thread",
    "dictionary",
    "class",
    "month",
    "integer",
    "red",
    "path",
)
_EPOCHS = 30  # many, for little text
_VECTORS, _MAP = "hogvec-demo.safetensors", "hogvec-demo.html"

# Tests say little in English and take long to parse; character tables and the files of other projects say nothing.
_SKIPPED_FOLDERS = frozenset(
    {"dist-packages", "encodings", "idle_test", "site-packages", "test", "tests", "__pycache__"}
)
_WORD = re.compile(r"(?:[a-z]{2,}|\b[ai]\b)(?:'[a-z]+)?")  # single letters are names of variables, mostly
_COMMENT_BLOCK = re.compile(r"(?:^[ \t]*#.*\n)+", re.MULTILINE)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def run_demo(folder: str | Path = ".", *, threads: int | None = None, progress: bool | None = None) -> KeyedVectors:
    """Train on the text of the standard library, print some neighbours, and write the vectors and a map of them.

    Parameters
    ----------
    folder : path, default "."
        Where `hogvec-demo.safetensors` and `hogvec-demo.html` go.
    threads : int, default None
        Threads of the training; None is the cores this process may use.
    progress : bool, default None
        Show a bar; None does if stderr is a terminal.

    Returns
    -------
    KeyedVectors
        The vectors that were written.

    Raises
    ------
    OSError
        If `folder` is not one, or cannot be written to; or if this Python comes without its sources.
    TypeError, ValueError
        If `threads` is not a number of 1 to 1024.
    """
    from hogvec.corpus import Corpus
    from hogvec.losses import NegativeSampling
    from hogvec.models import SkipGram
    from hogvec.optimizers import SGD
    from hogvec.trainer import Trainer
    from hogvec.word_map import write_word_map

    vectors_path, map_path = Path(folder) / _VECTORS, Path(folder) / _MAP
    if not Path(folder).is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    trainer = Trainer(
        SkipGram(dim=64, window=5, subsample=1e-4),
        NegativeSampling(negatives=5),
        SGD(learning_rate=0.05),
        threads=threads,
        seed=1,
    )
    python = "Python " + ".".join(platform.python_version_tuple()[:2])
    print(f"Reading the language reference, docstrings and comments of {python} ...", flush=True)
    text = standard_library_text()
    corpus = Corpus.from_sequences(text, min_count=8)
    print(f"{corpus.raw_words:,} words, {corpus.num_rows:,} different ones that occur at least 8 times.")

    start = time.perf_counter()
    print(f"Training {_EPOCHS} epochs of skip-gram with negative sampling ...", flush=True)
    vectors = trainer.fit(corpus, epochs=_EPOCHS, progress=progress)
    seconds = time.perf_counter() - start
    print(f"Done in {seconds:.1f} s, {_EPOCHS * corpus.raw_words / seconds:,.0f} words per second.\n")
    _print_neighbors(vectors)

    vectors.save(vectors_path)
    print("\nDrawing the map ...", flush=True)
    write_word_map(vectors, map_path, title=f"English in {python}")
    print(f"  {vectors_path}  the vectors")
    print(f"  {map_path}  the map: open it in a browser\n")
    print("Try next:")
    print(f"  hogvec neighbors {vectors_path} exception")
    print(f"  hogvec analogy {vectors_path} list lists string")
    print("  hogvec train your-text.txt vectors.safetensors")
    return vectors


def _print_neighbors(vectors: KeyedVectors) -> None:
    shown = [word for word in _SHOWN if word in vectors]
    width = max(map(len, shown), default=0)
    for word in shown:
        print(f"  {word:{width}}  {', '.join(near.word for near in vectors.most_similar(word, topn=6))}")


def standard_library_text(folder: str | Path | None = None) -> list[list[str]]:
    """Gather the English of the standard library as lower-case words.

    Parameters
    ----------
    folder : path, default None
        The folder of the standard library; None is that of the running Python.

    Returns
    -------
    list of list of str
        One list of words for every distinct paragraph, in the order of the sorted file names. Files that cannot be read
        or parsed are left out.

    Raises
    ------
    OSError
        If `folder` holds no Python source with text in it, as in an installation without its sources.
    """
    root = Path(sysconfig.get_path("stdlib") if folder is None else folder)
    paragraphs: dict[tuple[str, ...], None] = {}  # licences and copied docstrings count once
    for path in sorted(root.rglob("*.py")):
        if _SKIPPED_FOLDERS.isdisjoint(path.relative_to(root).parts):
            for text in _texts(path, every_string=path.parent.name == "pydoc_data"):
                for paragraph in _paragraphs(text):
                    paragraphs.setdefault(tuple(_WORD.findall(paragraph.lower())))
    sentences = [list(words) for words in paragraphs if len(words) > 1]
    if not sentences:
        raise OSError(f"no source files of the standard library in {root}")
    return sentences


def _texts(path: Path, *, every_string: bool) -> Iterator[str]:
    """Yield the docstrings and blocks of comments of a source file, or all its strings; nothing if it is broken."""
    try:
        source = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's strings
            tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if every_string:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
        elif isinstance(node, _DOCUMENTED):
            yield ast.get_docstring(node, clean=False) or ""
    if not every_string:
        for block in _COMMENT_BLOCK.findall(source):
            yield re.sub(r"^[ \t]*#+", "", block, flags=re.MULTILINE)


def _paragraphs(text: str) -> Iterator[str]:
    """Split at blank lines; lines of examples (`>>> ...`) are left out."""
    for paragraph in re.split(r"\n\s*\n", text):
        yield "\n".join(line for line in paragraph.split("\n") if not line.lstrip().startswith((">>>", "...")))
