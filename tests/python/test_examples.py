"""The scripts of examples/, run as a user runs them, on little input."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
CAPTURED = pytest.CaptureFixture[str]
FRUITS = ["apple", "pear", "plum", "cherry", "quince"]
METALS = ["iron", "copper", "zinc", "nickel", "cobalt"]


def run(script: str, *arguments: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    runpy.run_path(str(EXAMPLES / script), run_name="__main__")


def neighbours(line: str) -> set[str]:
    return {word.strip(",") for word in line.split()}


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {"word_vectors.py", "item_vectors.py", "own_pairs.py"}


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_has_fewer_than_forty_lines(script: Path) -> None:
    assert len(script.read_text().splitlines()) < 40


def test_word_vectors_finds_words_of_the_same_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CAPTURED
) -> None:
    generator = np.random.default_rng(1)
    lines = [" ".join(generator.choice(kind, 12)) for _ in range(4000) for kind in (FRUITS, METALS)]
    (tmp_path / "text.txt").write_text("\n".join(lines))
    run("word_vectors.py", "text.txt", "iron", "gold", "--epochs", "20", folder=tmp_path, monkeypatch=monkeypatch)
    output = capsys.readouterr().out
    (line,) = (line for line in output.splitlines() if line.startswith("iron ->"))
    assert set(METALS) - {"iron"} <= neighbours(line)
    assert "gold is not in the vocabulary" in output
    assert (tmp_path / "vectors.safetensors").stat().st_size > 0


def test_item_vectors_stops_early_and_finds_items_of_the_same_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CAPTURED
) -> None:
    run("item_vectors.py", folder=tmp_path, monkeypatch=monkeypatch)
    stopped, near = capsys.readouterr().out.splitlines()
    assert 1 < int(stopped.split()[2]) < 50
    assert {int(item.strip(",")) % 10 for item in near.split()[4:]} == {7}


def test_own_pairs_finds_ids_of_the_same_community(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CAPTURED
) -> None:
    generator = np.random.default_rng(1)
    pairs = 2 * generator.integers(10, size=(4000, 2)) + generator.integers(2, size=(4000, 1))  # both even or both odd
    np.savetxt(tmp_path / "pairs.txt", pairs, fmt="%d")
    run("own_pairs.py", "pairs.txt", folder=tmp_path, monkeypatch=monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert float(lines[-2].split()[3]) < float(lines[0].split()[3])
    assert {int(item.strip(",")) % 2 for item in lines[-1].split()[3:]} == {0}
