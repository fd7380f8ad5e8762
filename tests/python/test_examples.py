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


MEASUREMENTS = {"which_noise.py", "popularity_bias.py"}  # with their pictures


def neighbours(line: str) -> set[str]:
    return {word.strip(",") for word in line.split()}


def test_every_example_is_tested() -> None:
    short = {"word_vectors.py", "item_vectors.py", "own_pairs.py", "tune_vectors.py", "node_vectors.py"}
    assert {path.name for path in EXAMPLES.glob("*.py")} == short | MEASUREMENTS


@pytest.mark.parametrize(
    "script",
    sorted(path for path in EXAMPLES.glob("*.py") if path.name not in MEASUREMENTS),
    ids=lambda path: path.name,
)
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


@pytest.mark.parametrize("kind", ["deepwalk", "node2vec", "line"])
def test_node_vectors_finds_nodes_of_the_same_community(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CAPTURED
) -> None:
    generator = np.random.default_rng(1)
    edges = 2 * generator.integers(15, size=(300, 2)) + generator.integers(2, size=(300, 1))  # both even or both odd
    np.savetxt(tmp_path / "edges.txt", edges, fmt="%d")
    run("node_vectors.py", "edges.txt", "--kind", kind, folder=tmp_path, monkeypatch=monkeypatch)
    near = capsys.readouterr().out.splitlines()[-1].split()[3:]
    assert {int(node.strip(",")) % 2 for node in near} == {0}


def test_tune_vectors_tries_again_and_goes_on_from_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CAPTURED
) -> None:
    generator = np.random.default_rng(1)
    lines = [" ".join(generator.choice(kind, 12)) for _ in range(200) for kind in (FRUITS, METALS)]
    (tmp_path / "text.txt").write_text("\n".join(lines))
    (tmp_path / "pairs.txt").write_text("apple pear 9\niron zinc 8\napple iron 1\nplum copper 2\n")
    for trials in ("2", "3"):
        arguments = ("text.txt", "pairs.txt", "--trials", trials)
        run("tune_vectors.py", *arguments, folder=tmp_path, monkeypatch=monkeypatch)
    first, second = (part.splitlines() for part in capsys.readouterr().out.split("trial ")[1:])
    assert [len(first), len(second)] == [3, 4]
    assert second[1].split()[3:6] == ["5", "5", "0.04472"]
    assert (tmp_path / "tuned.safetensors").stat().st_size > 0


def test_which_noise_finds_log_uniform_noise_better_and_negative_sampling_no_softmax(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CAPTURED
) -> None:
    options = ["--no-plot", "--outputs", "500", "--repeats", "20"]
    run("which_noise.py", *options, folder=tmp_path, monkeypatch=monkeypatch)
    lines = {line.split("  ")[0].strip(): line for line in capsys.readouterr().out.splitlines()}
    kl, variance = ({name: float(lines[name].split()[at]) for name in NOISES} for at in (1, 2))
    assert kl["log-uniform"] < kl["unigram^0.75"] < kl["uniform"]
    assert 1 <= variance["log-uniform"] < variance["unigram^0.75"] < variance["uniform"]
    nce = [float(cosine) for cosine in lines["NCE"].split()[1:]]
    assert nce == sorted(nce)
    assert nce[-1] > 0.99
    assert float(lines["negative sampling"].split()[-1]) < 0.5
    assert list(tmp_path.iterdir()) == []


NOISES = ("log-uniform", "unigram^0.75", "uniform")


def test_which_noise_takes_the_counts_of_a_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CAPTURED
) -> None:
    words = np.random.default_rng(1).choice([f"word{i}" for i in range(60)], 20_000, p=np.arange(60, 0, -1) / 1830)
    (tmp_path / "text.txt").write_text(" ".join(words))
    options = ["--no-plot", "--corpus", "text.txt", "--repeats", "5"]
    run("which_noise.py", *options, folder=tmp_path, monkeypatch=monkeypatch)
    lines = {line.split("  ")[0].strip(): line for line in capsys.readouterr().out.splitlines()}
    assert float(lines["unigram^0.75"].split()[1]) < float(
        lines["log-uniform"].split()[1]
    )  # not Zipf's law: triangular


@pytest.mark.parametrize("options", [[], ["--pitfall"]], ids=["noise", "pitfall"])
def test_which_noise_draws_a_picture(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CAPTURED
) -> None:
    pytest.importorskip("matplotlib")
    size = ["--outputs", "100", "--repeats", "2", "--plot", "picture.png"]
    run("which_noise.py", *options, *size, folder=tmp_path, monkeypatch=monkeypatch)
    picture = (tmp_path / "picture.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert 10_000 < len(picture) < 200_000
    if options:
        with_replacement, importance, _ = capsys.readouterr().out.splitlines()[:3]
        assert float(with_replacement.split()[-1]) > 10 * float(importance.split()[-1])


def test_which_noise_says_what_a_picture_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        SystemExit, match=r"^the picture needs matplotlib: pip install hogvec\[plot\], or use --no-plot$"
    ):
        run("which_noise.py", folder=tmp_path, monkeypatch=monkeypatch)


def test_popularity_bias_shows_what_the_correction_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CAPTURED
) -> None:
    options = ["--no-plot", "--users", "600", "--items", "150", "--epochs", "40"]
    run("popularity_bias.py", *options, folder=tmp_path, monkeypatch=monkeypatch)
    rows = {
        line.split()[0]: [float(word) for word in line.split()[1:]]
        for line in capsys.readouterr().out.splitlines()[1:3]
    }
    assert rows["corrected"][1] > rows["uncorrected"][1] + 0.2
    assert rows["corrected"][2] > rows["uncorrected"][2]
    assert list(tmp_path.iterdir()) == []
