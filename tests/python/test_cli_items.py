"""``hogvec items``: what the commands print and refuse."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hogvec.cli import main


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Users 100, 101, ... of four groups, who take items of their own group: 0 and 4 and 8 and so on."""
    random = np.random.default_rng(1)
    train, valid, test = [], [], []
    for user in range(60):
        items = random.permutation(np.arange(user % 4, 40, 4)).tolist()
        for lines, part in ((train, items[:6]), (valid, items[6:7]), (test, items[7:9])):
            lines.append(" ".join(map(str, [user + 100, *part])))
    for name, lines in (("train", train), ("valid", valid), ("test", test)):
        (tmp_path / f"{name}.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> int:
    return main(["items", *words])


SMALL = ("--dim", "4", "--temperature", "0.3", "--learning-rate", "0.05", "--batch-size", "16", "--threads", "1")


def test_a_model_is_trained_evaluated_and_recommends(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "train.txt", "model", *SMALL, "--validation", "valid.txt", "--epochs", "30") == 0
    shown = capsys.readouterr().out
    assert "users         60" in shown
    assert "which is kept" in shown
    assert run("evaluate", "model", "test.txt", "--metrics", "recall@4,hit@1", "--baselines") == 0
    head, model, popularity, _ = capsys.readouterr().out.splitlines()
    assert head.split() == ["60", "users", "recall@4", "hit@1"]
    assert float(model.split()[-2]) > 3 * float(popularity.split()[-2])


def test_ids_are_those_of_the_file(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "train.txt", "model", *SMALL, "--epochs", "2", "--quiet") == 0
    assert capsys.readouterr().out == ""
    assert run("recommend", "model", "102", "117", "-k", "3") == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == ["102", "117"]
    assert all(len(row) == 4 for row in rows)
    assert run("recommend", "model", "102", "-k", "1", "--scores", "--seen") == 0
    assert ":" in capsys.readouterr().out
    assert run("recommend", "model", "17") == 1
    assert capsys.readouterr().err == "hogvec: error: '17' is no user of the training\n"


def test_histories_come_from_stdin(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("--user", "history", "--targets", "all", "--epochs", "10", "--quiet")
    assert run("train", "train.txt", "model", *SMALL, *arguments) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("0 4 8\n1 5 9\n"))
    assert run("recommend", "model", "--histories", "-k", "2") == 0
    first, second = (line.split()[1:] for line in capsys.readouterr().out.splitlines())
    assert [int(item) % 4 for item in first + second] == [0, 0, 1, 1]


@pytest.mark.parametrize("loss", [["sampled", "--negatives", "8"], ["ns"], ["bpr"]], ids=lambda words: words[0])
def test_other_losses_train(files: Path, loss: list[str]) -> None:
    assert run("train", "train.txt", "model", *SMALL, "--epochs", "1", "--quiet", "--loss", *loss) == 0


def test_json_has_the_metrics(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "train.txt", "model", *SMALL, "--epochs", "1", "--quiet") == 0
    assert run("evaluate", "model", "test.txt", "--metrics", "recall@5,mrr", "--json") == 0
    assert list(json.loads(capsys.readouterr().out)) == ["users", "recall@5", "mrr"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("train", "none.txt", "model"), 1, "none.txt: No such file or directory"),
        (("train", "train.txt", "model", "--dim", "0"), 1, "dim must be at least 1, got 0"),
        (("train", "train.txt", "model", "--negatives", "3"), 2, "--negatives goes with --loss sampled or ns"),
        (("evaluate", "train.txt", "test.txt"), 1, "must be a whole"),
        (("recommend", "train.txt", "5", "--histories"), 2, "users and --histories do not go together"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    files: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, message: str
) -> None:
    if code == 2:
        with pytest.raises(SystemExit):
            run(*words)
    else:
        assert run(*words) == code
    assert message in capsys.readouterr().err
