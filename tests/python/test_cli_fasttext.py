"""`hogvec-fasttext`: what each command prints and writes, in fastText's formats, and what it says about wrong input."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import hogvec.compat.fasttext as fasttext
import numpy as np
import pytest
from hogvec import KeyedVectors
from hogvec.cli_fasttext import main

FOOD = ["bread", "butter", "cheese", "apple", "soup", "cake"]
ROAD = ["car", "truck", "wheel", "engine", "driver", "bus"]
OPTIONS = ["-dim", "8", "-epoch", "10", "-lr", "0.5", "-thread", "1", "-verbose", "0"]


class Folder:
    """A folder with a text and models, in which commands run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        rng = np.random.default_rng(3)
        kinds = {"food": FOOD, "road": ROAD}
        lines = [
            f"__label__{name} {' '.join(rng.choice(words, 6))}" for _ in range(80) for name, words in kinds.items()
        ]
        self.text = path / "train.txt"
        self.text.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    made = Folder(tmp_path_factory.mktemp("cli"))
    arguments = ["-input", str(made.text), *OPTIONS]
    assert main(["supervised", *arguments, "-output", str(made.path / "m"), "-wordNgrams", "3", "-bucket", "900"]) == 0
    vectors = [*arguments, "-output", str(made.path / "v"), "-minCount", "1", "-bucket", "900", "-t", "1"]
    assert main(["skipgram", *vectors, "-lr", "0.05", "-saveOutput"]) == 0
    return made


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command that succeeds with this standard input; return what it prints."""

    def call(*words: Any, stdin: str | bytes = "") -> str:
        raw = stdin if isinstance(stdin, bytes) else stdin.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        capsys.readouterr()
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        assert code == 0, said.err
        return said.out

    return call


# ---- training ----


def test_training_writes_a_model_and_its_vectors(folder: Folder) -> None:
    model = fasttext.load_model(folder.path / "m.bin")
    vectors = KeyedVectors.load_word2vec_format(folder.path / "m.vec")
    assert list(vectors) == model.words
    np.testing.assert_array_equal(vectors["bread"], model["bread"])
    assert not (folder.path / "m.output").exists()
    head, *rows = (folder.path / "v.output").read_text().splitlines()
    loaded = fasttext.load_model(folder.path / "v.bin")
    assert head == f"{len(loaded.words)} 8"
    assert [row.split(" ")[0] for row in rows] == loaded.words
    np.testing.assert_allclose(
        [float(value) for value in rows[1].split(" ")[1:9]], loaded.get_output_matrix()[1], rtol=1e-4, atol=1e-6
    )


def test_training_says_how_many_words_there_are(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["-input", folder.text, "-output", folder.path / "n", *OPTIONS[:-1], "1"]
    assert main(["supervised", *map(str, options)]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "Number of words:  13\nNumber of labels: 2\n")


@pytest.mark.parametrize("loss", ["hs", "ns", "softmax", "one-vs-all", "ova"])
def test_every_loss_has_its_name(folder: Folder, run: Any, loss: str) -> None:
    run("supervised", "-input", folder.text, "-output", folder.path / "l", *OPTIONS, "-loss", loss)
    name = "one-vs-all" if loss == "ova" else loss
    assert f"\nloss {name}\n" in run("dump", folder.path / "l.bin", "args")
    run("cbow", "-input", folder.text, "-output", folder.path / "l", *OPTIONS, "-loss", loss, "-lr", "0.01")
    assert f"\nloss {name}\nmodel cbow\n" in run("dump", folder.path / "l.bin", "args")


def test_quantize_writes_a_small_model(folder: Folder, run: Any) -> None:
    options = [
        "-input",
        folder.text,
        "-qnorm",
        "-retrain",
        "-cutoff",
        "256",
        "-epoch",
        "1",
        "-lr",
        "0.1",
        "-thread",
        "1",
    ]
    assert run("quantize", "-output", folder.path / "m", *options, "-verbose", "0") == ""
    assert (folder.path / "m.ftz").stat().st_size < (folder.path / "m.bin").stat().st_size
    assert run("test", folder.path / "m.ftz", folder.text) == "N\t160\nP@1\t1\nR@1\t1\n"
    assert "quantized" in fails("dump", folder.path / "m.ftz", "input")


# ---- labels ----


def test_predict_prints_labels_for_each_line(folder: Folder, run: Any) -> None:
    text = "bread and soup\n\nthe bus"
    model = folder.path / "m.bin"
    first, empty, last = run("predict", model, "-", stdin=text).splitlines()
    assert (first, last) == ("__label__food", "__label__road")
    assert empty.startswith("__label__")
    (folder.path / "asked.txt").write_text(text)
    assert run("predict", model, folder.path / "asked.txt", "-1").splitlines()[0] == "__label__food __label__road"
    assert run("predict", model, "-", "2", "1.1", stdin=text) == "\n\n\n"
    line = run("predict-prob", model, "-", "2", stdin="bread and soup\n")
    found = re.fullmatch(r"__label__food (0\.\d{1,6}) __label__road ([\d.e-]+)\n", line)
    assert found is not None
    assert float(found[1]) + float(found[2]) == pytest.approx(1, abs=1e-5)


def test_predict_answers_a_line_before_the_next_one_comes(folder: Folder) -> None:
    command = [sys.executable, "-c", "from hogvec.cli_fasttext import main; raise SystemExit(main())"]
    with subprocess.Popen(
        [*command, "predict", str(folder.path / "m.bin"), "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for text, label in ((b"bread soup\n", b"__label__food\n"), (b"bus car\n", b"__label__road\n")):
            process.stdin.write(text)
            process.stdin.flush()
            assert process.stdout.readline() == label
        process.stdin.close()
        assert process.wait() == 0


def test_test_prints_number_precision_and_recall(folder: Folder, run: Any) -> None:
    text = "__label__food bread\n__label__food car\n__label__none soup\n__label__road bus"
    assert run("test", folder.path / "m.bin", "-", stdin=text) == "N\t3\nP@1\t0.667\nR@1\t0.667\n"
    assert run("test", folder.path / "m.bin", "-", "2", stdin=text) == "N\t3\nP@2\t0.5\nR@2\t1\n"
    assert run("test", folder.path / "m.bin", "-", "1", "1.1", stdin=text) == "N\t3\nP@1\tnan\nR@1\t0\n"


def test_test_label_prints_a_line_for_each_label(folder: Folder, run: Any) -> None:
    (folder.path / "valid.txt").write_text("__label__food bread\n__label__food car\n")
    lines = run("test-label", folder.path / "m.bin", folder.path / "valid.txt").splitlines()
    assert sorted(lines[:2]) == [
        "F1-Score : 0.000000  Precision : 0.000000  Recall : --------   __label__road",
        "F1-Score : 0.666667  Precision : 1.000000  Recall : 0.500000   __label__food",
    ]
    assert lines[2:] == ["N\t2", "P@1\t0.500", "R@1\t0.500"]


# ---- vectors ----


def test_vectors_of_words_and_of_lines_are_printed(folder: Folder, run: Any) -> None:
    for name in ("v", "m"):
        model = fasttext.load_model(folder.path / f"{name}.bin")
        words = run("print-word-vectors", folder.path / f"{name}.bin", stdin="bread breads\n\ncake").splitlines()
        assert [line.split(" ")[0] for line in words] == ["bread", "breads", "cake"]
        assert all(re.fullmatch(r"\w+ (-?[\d.e-]+ ){8}", line) for line in words)
        assert floats(words[1].split(" ", 1)[1]) == pytest.approx(model["breads"], rel=1e-4, abs=1e-6)
        lines = run("print-sentence-vectors", folder.path / f"{name}.bin", stdin="bread and soup\n\n").splitlines()
        assert len(lines) == 2
        assert floats(lines[0]) == pytest.approx(model.get_sentence_vector("bread and soup"), rel=1e-4, abs=1e-6)


def floats(line: str) -> list[float]:
    return [float(value) for value in line.split()]


def test_ngrams_are_printed_with_their_rows(folder: Folder, run: Any) -> None:
    lines = run("print-ngrams", folder.path / "v.bin", "cake").splitlines()
    assert [line.split(" ")[0] for line in lines[:4]] == ["cake", "<ca", "<cak", "<cake"]
    assert all(len(line.split(" ")) == 10 for line in lines)


def test_ngrams_of_fasttexts_model_are_printed_as_its_program_does(run: Any) -> None:
    if "HOGVEC_DATA" not in os.environ:
        pytest.skip("HOGVEC_DATA is not set")
    interop = Path(os.environ["HOGVEC_DATA"]) / "interop"
    printed = (interop / "fb-ngrams.txt").read_text(encoding="utf-8")
    words = ["test", "at the", "atnthe", "тест", "テスト", "試し"]
    for word in words:
        said = run("print-ngrams", interop / "crime-and-punishment.bin", word)
        # The file is of an older version, which also had a row of zeros for an unknown word itself.
        assert f"<start>\n{word}\n{word} 0 0 0 0 0 \n{said}<end>\n" in printed
        assert said.count(" \n") >= 3


def test_neighbours_are_asked_for_in_a_dialogue(folder: Folder, run: Any) -> None:
    said = run("nn", folder.path / "v.bin", "2", stdin="bread bus\n")
    found = re.fullmatch(r"(Query word\? (\S+ -?[\d.e-]+\n){2}){2}Query word\? ", said)
    assert found is not None
    said = run("analogies", folder.path / "v.bin", "3", stdin="bread butter\ncar bus")
    assert re.fullmatch(r"Query triplet \(A - B \+ C\)\? (\S+ -?[\d.e-]+\n){3}Query triplet \(A - B \+ C\)\? ", said)
    assert run("nn", folder.path / "v.bin", stdin="") == "Query word? "


def test_dump_prints_the_parts_of_a_model(folder: Folder, run: Any) -> None:
    model = fasttext.load_model(folder.path / "m.bin")
    arguments = dict(line.split(" ") for line in run("dump", folder.path / "m.bin", "args").splitlines())
    assert arguments == {
        "dim": "8", "ws": "5", "epoch": "10", "minCount": "1", "neg": "5", "wordNgrams": "3", "loss": "softmax",
        "model": "sup", "bucket": "900", "minn": "0", "maxn": "0", "lrUpdateRate": "100", "t": "0.0001",
    }  # fmt: skip
    entries = run("dump", folder.path / "m.bin", "dict").splitlines()
    assert (entries[0], entries[1]) == ("15", "</s> 160 word")
    assert sorted(entries[-2:]) == ["__label__food 80 label", "__label__road 80 label"]
    rows = run("dump", folder.path / "m.bin", "output").splitlines()
    assert rows[0] == "2 8"
    assert floats(rows[1]) == pytest.approx(model.get_output_matrix()[0], rel=1e-5)
    assert run("dump", folder.path / "m.bin", "input").splitlines()[0] == "913 8"


def test_words_that_are_not_utf_8_are_written_as_they_were_read(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"__label__\xe9 caf\xe9 noir\n__label__b tea green\n" * 20)
    command = [sys.executable, "-c", "from hogvec.cli_fasttext import main; raise SystemExit(main())"]
    options = ["-input", "t", "-output", "m", *OPTIONS]
    subprocess.run([*command, "supervised", *options], cwd=tmp_path, check=True)
    assert b"\ncaf\xe9 " in (tmp_path / "m.vec").read_bytes()
    said = subprocess.run(
        [*command, "predict", "m.bin", "-"], input=b"caf\xe9\n", cwd=tmp_path, check=True, capture_output=True
    )
    assert said.stdout == b"__label__\xe9\n"


# ---- what goes wrong ----


def fails(*words: Any) -> str:
    """Run a command that fails with exit code 1; return what it says."""
    streams = io.StringIO(), io.StringIO()
    old = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = streams
    try:
        code = main([str(word) for word in words])
    finally:
        sys.stdout, sys.stderr = old
    assert code == 1
    assert "Traceback" not in streams[1].getvalue()
    return streams[1].getvalue()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "usage: hogvec-fasttext COMMAND ARGUMENTS"),
        (["learn"], "usage: hogvec-fasttext COMMAND ARGUMENTS"),
        (["supervised"], "-input must be given"),
        (["supervised", "-input", "x"], "-output must be given"),
        (["supervised", "-input", "missing", "-output", "m"], "missing cannot be opened: No such file or directory"),
        (["supervised", "-input", "x", "-output", "m", "-size", "3"], "unrecognized arguments: -size 3"),
        (["supervised", "-input", "x", "-output", "m", "-dim", "two"], "argument -dim: invalid int value: 'two'"),
        (["supervised", "-input", "x", "-output", "m", "-dim", "0"], "dim must be at least 1, got 0"),
        (["supervised", "-input", "x", "-output", "no/m"], "no/m.bin: cannot write here: No such file or directory"),
        (["cbow", "-input", "x", "-output", "m", "-autotune-validation", "x"], "no argument 'autotuneValidationFile'"),
        (["quantize", "-output", "m", "-retrain"], "-input must be given for -retrain"),
        (["quantize", "-output", "m"], "m.bin cannot be opened: No such file or directory"),
        (["predict", "m.bin"], "usage: hogvec-fasttext predict MODEL DATA [K] [THRESHOLD]"),
        (["predict", "m.bin", "-", "two"], "k must be a number, got 'two'"),
        (["test", "m.bin", "x"], "m.bin cannot be opened: No such file or directory"),
        (["nn"], "usage: hogvec-fasttext nn MODEL [K]"),
        (["print-ngrams", "m.bin"], "2 arguments must be given, got 1"),
        (["dump", "m.bin", "words"], "must be args, dict, input or output, got 'words'"),
    ],
)
def test_what_is_wrong_is_said_with_exit_code_1(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in fails(*words)
    assert os.listdir(tmp_path) == []


def test_a_model_of_vectors_has_no_labels(folder: Folder) -> None:
    assert "the model must be supervised" in fails("predict", folder.path / "v.bin", folder.text)
    assert "No such file" in fails("predict", folder.path / "m.bin", folder.path / "missing")
    assert "No such file" in fails("test", folder.path / "m.bin", folder.path / "missing")


def test_help_is_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-h"]) == 0
    assert "print-sentence-vectors" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["supervised", "-h"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    for option in ("-input", "-lrUpdateRate", "-wordNgrams", "-pretrainedVectors", "-autotune-modelsize", "-dsub"):
        assert option in said
