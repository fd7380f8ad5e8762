"""``hogvec lm`` as a shell calls it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hogvec.cli import main

TEXT = "the cat sat\nthe dog sat\na cat ran\n\nthe cat ran\n"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def test_a_model_is_trained_measured_and_drawn_from(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, arpa = tmp_path / "model.safetensors", tmp_path / "model.arpa"
    assert main(["lm", "train", str(text), str(model), "--order", "3", "--arpa", str(arpa)]) == 0
    out = capsys.readouterr().out
    assert "2-grams" in out
    assert "3-grams" in out
    assert str(model) in out
    assert arpa.read_text().startswith("\\data\\\nngram 1=8\n")
    assert main(["lm", "perplexity", str(model), str(text)]) == 0
    rows = dict(line.rsplit("  ", 1) for line in capsys.readouterr().out.splitlines())
    values = {name.strip(): value.strip() for name, value in rows.items()}
    assert (values["sentences"], values["words"], values["read as <unk>"]) == ("4", "12", "0")
    assert 1 < float(values["perplexity"]) < 6
    assert main(["lm", "sample", str(model), "-n", "3", "--max-length", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(set(line.split()) <= set(TEXT.split()) and len(line.split()) <= 4 for line in lines)


def test_rare_words_become_unk(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, other = tmp_path / "model.safetensors", tmp_path / "other.txt"
    other.write_text("the zebra sat\n")
    assert main(["lm", "train", str(text), str(model), "--min-count", "2", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["lm", "perplexity", str(model), str(other)]) == 0
    assert "read as <unk>  1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--order", "0"], 1, "order must be at least 1, got 0"),
        (["--k", "2"], 2, "--k is for --smoothing add_k"),
        (["--min-count", "0"], 2, "--min-count must be at least 1, got 0"),
        (["--arpa", "no/such/folder/file"], 1, "cannot write here"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(
    options: list[str], code: int, message: str, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model.safetensors"
    try:
        status = main(["lm", "train", str(text), str(model), *options])
    except SystemExit as error:
        status = error.code  # type: ignore[assignment]
    assert status == code
    assert message in capsys.readouterr().err
    assert not model.exists()


def test_an_unknown_word_or_a_file_of_something_else_is_an_error(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, other = tmp_path / "model.safetensors", tmp_path / "other.txt"
    other.write_text("zebra\n")
    assert main(["lm", "train", str(text), str(model)]) == 0
    assert main(["lm", "perplexity", str(model), str(other)]) == 1
    assert "words must be of the vocabulary, which has no '<unk>', got 'zebra'" in capsys.readouterr().err
    assert main(["lm", "perplexity", str(text), str(text)]) == 1
    assert "must be a whole language model" in capsys.readouterr().err
    assert main(["lm", "train", str(tmp_path / "none"), str(model)]) == 1
    assert "No such file" in capsys.readouterr().err
