"""What the documentation says in Python runs: the blocks of README.md and docs/, and the examples of docstrings.

A file's blocks run one after the other in one namespace, in a folder with a little text. A block that opens with
```python no-run is only compiled.
"""

from __future__ import annotations

import doctest
import gzip
import importlib
import pkgutil
import re
from pathlib import Path

import hogvec
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = sorted(
    module.name.removeprefix("hogvec.")
    for module in pkgutil.walk_packages(hogvec.__path__, "hogvec.")
    if not module.name.startswith("hogvec.__")
)
BLOCK = re.compile(r"^```python(?P<tag>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)(?P<path>[^)#]+)(?:#(?P<heading>[^)]*))?\)")


@pytest.fixture
def little_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, made the working one, with the files that the pages name."""
    words = ["king", "queen", "man", "woman", "prince", "princess", "boy", "girl", "paris", "france"]
    words += [f"word{i}" for i in range(190)]
    share = 1 / np.arange(2, 2 + len(words))
    drawn = np.random.default_rng(1).choice(words, 100_000, p=share / share.sum())
    text = "\n".join(" ".join(line) for line in drawn.reshape(-1, 20)) + "\n"
    (tmp_path / "text.txt").write_text(text)
    (tmp_path / "text.txt.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "questions-words.txt").write_text(": family\nking queen man woman\nboy girl prince princess\n")
    (tmp_path / "wordsim353.txt").write_text("king\tqueen\t8.6\nboy\tgirl\t7.5\nking\tparis\t1.2\n")
    kinds = np.random.default_rng(3).choice(["good", "bad"], 200)
    lines = [f"__label__{kind} {word} {kind}" for kind, word in zip(kinds, drawn, strict=False)]
    (tmp_path / "train.txt").write_text("\n".join(lines[:100]))
    (tmp_path / "valid.txt").write_text("\n".join(lines[100:]))
    vectors = np.random.default_rng(2).normal(size=(len(words), 20)).astype(np.float32)
    hogvec.KeyedVectors(hogvec.Vocabulary.from_words(words), vectors).save(tmp_path / "vectors.safetensors")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readme_has_examples_and_the_pages_are_found() -> None:
    assert len(BLOCK.findall(PAGES[0].read_text(encoding="utf-8"))) >= 2
    assert {"losses.md", "samplers.md", "training.md", "files.md", "command_line.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_of_a_page_run(page: Path, little_text: Path) -> None:
    skip_without_pytorch(page.stem)
    content = page.read_text(encoding="utf-8")
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in BLOCK.finditer(content):
        lines_before = content.count("\n", 0, block.start("code"))  # so that a traceback names the page's own line
        code = compile("\n" * lines_before + block["code"], str(page), "exec")
        assert block["tag"] in ("", " no-run")
        if not block["tag"]:
            exec(code, namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for link in LINK.finditer(page.read_text(encoding="utf-8")):
        target = page.parent / link["path"]
        assert target.exists(), link[0]
        if link["heading"]:
            assert link["heading"] in headings(target), link[0]


def headings(page: Path) -> set[str]:
    """Names by which links find the headings of a page."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def skip_without_pytorch(name: str) -> None:
    """Skip the test of a page or a module that is about PyTorch where that is not installed."""
    if "torch" in name:
        pytest.importorskip("torch")


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings_are_true(name: str) -> None:
    skip_without_pytorch(name)
    module = importlib.import_module(f"hogvec.{name}")
    assert doctest.testmod(module).failed == 0


def test_examples_of_the_package_docstring_are_true() -> None:
    result = doctest.testmod(hogvec)
    assert result.failed == 0
    assert result.attempted > 0
