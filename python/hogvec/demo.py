"""The demo: trains on English that every CPython carries, and shows what came out as a table and as a map.

The text is the language reference of `pydoc_data.topics`, and the docstrings and comments of the standard library. Source
files are parsed, never imported, and read in sorted order, so one Python installation always gives the same text.
"""

from __future__ import annotations

import ast
import re
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

__all__ = ["standard_library_text"]

# Tests say little in English and take long to parse; character tables and the files of other projects say nothing.
_SKIPPED_FOLDERS = frozenset({"dist-packages", "encodings", "idle_test", "site-packages", "test", "tests", "__pycache__"})
_WORD = re.compile(r"(?:[a-z]{2,}|\b[ai]\b)(?:'[a-z]+)?")  # single letters are names of variables, mostly
_COMMENT_BLOCK = re.compile(r"(?:^[ \t]*#.*\n)+", re.MULTILINE)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


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
    """Yield the docstrings and blocks of comments of a source file, or all its strings; nothing if it does not parse."""
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
