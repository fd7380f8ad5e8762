"""The demo: the text it gathers, and what it prints and writes."""

from __future__ import annotations

import json
import random
import re
import shutil
import sys
import sysconfig
from pathlib import Path

import hogvec.demo
import pytest
from hogvec.cli import main
from hogvec.demo import run_demo, standard_library_text

MODULE = '''
"""What a module is for.

Its second paragraph, shown with `code`:

    >>> hidden_example()
    ... hidden_too
"""
# A comment
#   of two lines.

WORDS = "no docstring"  # not on a line of its own

class Thing:
    """The thing's docstring."""

    async def act(self):
        r"""Acts on \\d{2} files, X, y and a list; I think."""
        # One more comment.
'''


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "one.py").write_text(MODULE)
    return tmp_path


def test_docstrings_and_comments_become_lower_case_words(library: Path) -> None:
    assert [" ".join(words) for words in standard_library_text(library)] == [
        "what a module is for",
        "its second paragraph shown with code",
        "the thing's docstring",
        "acts on files and a list i think",
        "a comment of two lines",
        "one more comment",
    ]


def test_paragraphs_that_come_twice_count_once(library: Path) -> None:
    once = standard_library_text(library)
    (library / "package").mkdir()
    shutil.copy(library / "one.py", library / "package" / "two.py")
    assert standard_library_text(library) == once


def test_files_that_cannot_be_read_or_parsed_are_left_out(library: Path) -> None:
    once = standard_library_text(library)
    (library / "syntax.py").write_text('"""Never seen."""\nif if\n')
    (library / "letters.py").write_bytes(b'"""\xff\xfe never seen."""\n')
    (library / "zero.py").write_bytes(b'"""Never seen."""\0\n')
    (library / "deep.py").write_text('"""Never seen."""\nx = ' + "(" * 5000 + ")" * 5000 + "\n")
    (library / "folder.py").mkdir()
    (library / "broken.py").symlink_to(library / "missing")
    assert standard_library_text(library) == once


def test_invalid_escapes_in_the_library_warn_nobody(library: Path) -> None:
    (library / "escape.py").write_text('"""Has an invalid \\d escape."""\n')
    assert ["has", "an", "invalid", "escape"] in standard_library_text(library)


@pytest.mark.parametrize("folder", ["test", "site-packages", "package/tests", "idlelib/idle_test"])
def test_tests_and_other_projects_are_not_read(folder: str, library: Path) -> None:
    once = standard_library_text(library)
    (library / folder).mkdir(parents=True)
    (library / folder / "other.py").write_text('"""Never seen."""')
    assert standard_library_text(library) == once


@pytest.mark.parametrize(
    "layout",
    [
        "topics = {'if': 'The \"if\" statement\\n\\nIt is used' ' here'}",
        "topics = {'if': r'''The \"if\" statement\n\nIt is used here'''}",
    ],
)
def test_the_language_reference_is_read_in_any_layout(layout: str, tmp_path: Path) -> None:
    (tmp_path / "pydoc_data").mkdir()
    (tmp_path / "pydoc_data" / "topics.py").write_text(layout)
    assert standard_library_text(tmp_path) == [["the", "if", "statement"], ["it", "is", "used", "here"]]


def test_a_library_without_sources_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no source files of the standard library"):
        standard_library_text(tmp_path)


def test_this_python_has_a_language_reference_and_docstrings(tmp_path: Path) -> None:
    source = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(source / "pydoc_data", tmp_path / "pydoc_data")
    shutil.copy(source / "threading.py", tmp_path)
    modules = set(sys.modules)
    text = standard_library_text(tmp_path)
    assert set(sys.modules) == modules
    assert sum(map(len, text)) > 40_000
    words = {word for words in text for word in words}
    assert {"assignment", "iterator", "exception", "daemon", "barrier"} <= words


def small_text() -> list[list[str]]:
    source = random.Random(5)
    groups = [["list", "tuple", "items"], ["thread", "lock", "queue"], ["file", "path", "directory"]]
    return [source.choices(source.choice(groups), k=10) for _ in range(300)]


def test_the_demo_prints_neighbors_and_writes_vectors_and_a_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hogvec.demo, "standard_library_text", small_text)
    assert main(["demo", "--output-dir", str(tmp_path), "--threads", "1", "--quiet"]) == 0
    out, said = capsys.readouterr()
    assert said == ""
    assert "3,000 words, 9 different ones" in out
    rows = {row[0]: row[1] for row in re.findall(r"^  ([a-z]+) +(\w+(?:, \w+)+)$", out, re.MULTILINE)}
    assert set(rows) == {"list", "thread", "file", "path"}
    assert set(rows["list"].split(", ")[:2]) == {"tuple", "items"}
    vectors, page = tmp_path / "hogvec-demo.safetensors", tmp_path / "hogvec-demo.html"
    assert sorted(path.name for path in tmp_path.iterdir()) == [page.name, vectors.name]
    assert len(hogvec.KeyedVectors.load(vectors)) == 9
    embedded = re.search(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)[1]
    assert json.loads(embedded)["words"] == list(hogvec.KeyedVectors.load(vectors))
    for path in (vectors, page):
        assert str(path) in out
    assert f"hogvec neighbors {vectors}" in out


def test_a_folder_that_is_missing_is_an_error_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hogvec.demo, "standard_library_text", lambda: pytest.fail("too early"))
    with pytest.raises(NotADirectoryError):
        run_demo(tmp_path / "nowhere")
    assert main(["demo", "--output-dir", str(tmp_path / "nowhere")]) == 1
    assert "nowhere: Not a directory" in capsys.readouterr().err
