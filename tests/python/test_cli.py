"""The command line: what each command prints and writes, and what it says about wrong input.

Long, since every command and every kind of wrong input has a test of its own.
"""

from __future__ import annotations

import gzip
import inspect
import io
import itertools
import json
import math
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import hogvec
import pytest
from hogvec.cli import main

COMMANDS = ("train", "evaluate", "neighbors", "analogy", "convert", "info", "demo")
ANIMALS = ["cat", "dog", "cow", "hen", "fox", "owl"]
LEARNING = ["--dim", "16", "--epochs", "30", "--subsample", "0", "--learning-rate", "0.05", "--threads", "1", "--quiet"]
TOOLS = ["saw", "axe", "file", "plane", "drill", "lathe"]


def write_text(path: Path, *, lines: int = 400, seed: int = 7) -> Path:
    """Write lines that are each about animals or about tools."""
    source = random.Random(seed)
    text = "".join(" ".join(source.choices(source.choice((ANIMALS, TOOLS)), k=12)) + "\n" for _ in range(lines))
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text(tmp_path_factory.mktemp("text") / "text.txt")


@pytest.fixture(scope="module")
def vectors(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vectors") / "vectors.safetensors"
    options = [
        "--dim",
        "16",
        "--epochs",
        "20",
        "--subsample",
        "0",
        "--learning-rate",
        "0.05",
        "--threads",
        "1",
        "--quiet",
    ]
    assert main(["train", str(text), str(path), *options]) == 0
    return path


def fails(capsys: pytest.CaptureFixture[str], code: int, *arguments: object) -> str:
    """Run, expect this exit code, and return what was said on stderr: one line, or a usage before it."""
    capsys.readouterr()
    try:
        got = main([str(argument) for argument in arguments])
    except SystemExit as error:
        got = error.code
    said = capsys.readouterr()
    assert got == code, said.err
    assert "Traceback" not in said.err
    if code == 1:
        assert said.err.startswith("hogvec: error: ")
        assert said.err.count("\n") == 1
    return said.err


# ---- train ----


@pytest.mark.parametrize("ending", [".safetensors", ".bin", ".txt", ".vec", ".bin.gz", ".txt.gz", ".vec.gz", ".BIN"])
def test_train_writes_the_format_that_the_ending_names(
    ending: str, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"v{ending}"
    assert main(["train", str(text), str(path), "--dim", "8", "--epochs", "1", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    if ending == ".safetensors":
        vectors = hogvec.KeyedVectors.load(path)
    else:
        content = path.read_bytes()
        assert (gzip.decompress(content) if ending.endswith(".gz") else content).startswith(b"12 8\n")
        vectors = hogvec.KeyedVectors.load_word2vec_format(path, binary="bin" in ending.lower())
    assert sorted(vectors) == sorted(ANIMALS + TOOLS)
    assert vectors.dim == 8
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("options", [["--loss", "hs"], ["--model", "cbow"], ["--model", "cbow", "--gradient", "exact"]])
def test_train_learns_with_every_model_and_loss(options: list[str], text: Path, tmp_path: Path) -> None:
    path = tmp_path / "v.safetensors"
    common = [
        "--dim",
        "16",
        "--epochs",
        "30",
        "--learning-rate",
        "0.05",
        "--subsample",
        "0",
        "--threads",
        "1",
        "--quiet",
    ]
    assert main(["train", str(text), str(path), *common, *options]) == 0
    vectors = hogvec.KeyedVectors.load(path)
    assert {near.word for near in vectors.most_similar("cat", topn=5)} == set(ANIMALS) - {"cat"}


def test_train_takes_many_files_and_options_between_them(text: Path, tmp_path: Path) -> None:
    more = write_text(tmp_path / "more.txt", lines=100, seed=8)
    out, report = tmp_path / "v.bin", tmp_path / "report.json"
    assert main(["train", str(text), str(more), "--dim", "4", "--report", str(report), "--quiet", str(out)]) == 0
    assert json.loads(report.read_text())["raw_words"] == 500 * 12
    out.unlink()
    assert main(["train", "--dim", "4", "--report", str(report), "--quiet", str(text), str(more), str(out)]) == 0
    assert json.loads(report.read_text())["raw_words"] == 500 * 12
    assert out.exists()


def test_a_loss_that_was_not_measured_is_null_in_the_report(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    made = hogvec.trainer.EpochReport
    monkeypatch.setattr(hogvec.trainer, "EpochReport", lambda **fields: made(**{**fields, "loss": math.nan}))
    command = ["train", str(text), str(tmp_path / "v.bin"), "--dim", "4", "--epochs", "2", "--report", str(report)]
    assert main([*command, "--subsample", "0"]) == 0
    assert json.loads(report.read_text(), parse_constant=pytest.fail)["loss"] == [None, None]
    assert "unknown -> unknown" in capsys.readouterr().out


def test_the_report_adds_up(text: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    arguments = ["train", str(text), str(tmp_path / "v.bin"), "--report", str(path), "--quiet"]
    assert (
        main([*arguments, *["--epochs", "3", "--dim", "8", "--subsample", "1e-2", "--window", "4", "--negatives", "3"]])
        == 0
    )
    report = json.loads(path.read_text())
    keys = ["raw_words", "trained_words", "seconds", "words_per_second", "loss", "peak_memory_bytes"]
    assert list(report) == [*keys, "settings", "version", "instruction_set"]
    assert report["raw_words"] == 400 * 12
    assert 0 < report["trained_words"] < 3 * report["raw_words"]
    assert set(report["seconds"]) == {"counting", "encoding", "training"}
    assert all(seconds >= 0 for seconds in report["seconds"].values())
    assert report["words_per_second"] == pytest.approx(3 * 400 * 12 / report["seconds"]["training"])
    assert len(report["loss"]) == 3
    assert all(map(math.isfinite, report["loss"]))
    assert 10e6 < report["peak_memory_bytes"] < 1e12
    settings = report["settings"]
    assert (settings["model"], settings["dim"], settings["window"], settings["negatives"]) == ("skipgram", 8, 4, 3)
    assert (settings["subsample"], settings["power"], settings["seed"]) == (0.01, 0.75, 1)
    assert report["version"] == hogvec.__version__


def test_without_subsampling_every_word_is_trained_in_every_epoch(text: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    options = ["--subsample", "0", "--epochs", "2", "--dim", "4", "--quiet"]
    assert main(["train", str(text), str(tmp_path / "v.bin"), "--report", str(path), *options]) == 0
    report = json.loads(path.read_text())
    assert report["trained_words"] == 2 * report["raw_words"]


def test_train_sums_up_what_it_did(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(text), str(tmp_path / "v.bin"), "--epochs", "2", "--dim", "4"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert list(lines) == ["read", "vocabulary", "trained", "loss", "memory", "vectors"]
    assert lines["read"].startswith("4,800 words")
    assert lines["vocabulary"] == "12 words"
    assert lines["vectors"] == str(tmp_path / "v.bin")


def test_min_count_and_max_vocab_bound_the_vocabulary(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "v.safetensors"
    assert main(["train", str(text), str(out), "--max-vocab", "5", "--subsample", "0", "--quiet"]) == 0
    assert len(hogvec.KeyedVectors.load(out)) == 5
    rare = tmp_path / "rare.txt"
    rare.write_text("often " * 10 + "seldom " * 3 + "again " * 10)
    assert main(["train", str(rare), str(out), "--min-count", "4", "--subsample", "0", "--quiet"]) == 0
    assert list(hogvec.KeyedVectors.load(out)) == ["often", "again"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--dim", "0"], "dim must be at least 1, got 0"),
        (["--window", "-2"], "window must be at least 1, got -2"),
        (["--negatives", "0"], "negatives must be at least 1, got 0"),
        (["--epochs", "0"], "epochs must be at least 1, got 0"),
        (["--epochs", "-1"], "epochs must be at least 1, got -1"),
        (["--threads", "0"], "threads must be at least 1, got 0"),
        (["--min-count", "0"], "min_count must be at least 1, got 0"),
        (["--max-vocab", "0"], "max_vocab must be at least 1, got 0"),
        (["--seed", "-1"], "seed must be at least 0, got -1"),
        (["--learning-rate", "nan"], "learning_rate must be finite, got nan"),
        (["--learning-rate", "0"], "learning_rate must be above 0, got 0"),
        (["--subsample", "-1"], "subsample must be at least 0, got -1"),
        (["--dim", "many"], "argument --dim: invalid int value: 'many'"),
        (["--model", "glove"], "argument --model: invalid choice: 'glove'"),
        (["--gradient", "exact"], "--gradient is for --model cbow"),
        (["--loss", "hs", "--negatives", "3"], "--negatives is for --loss ns"),
        (["--loss", "hs", "--power", "1"], "--power is for --loss ns"),
        (["--colour", "red"], "unrecognized arguments: --colour"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_read(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing, out = tmp_path / "missing.txt", tmp_path / "v.bin"
    assert said in fails(capsys, 2, "train", missing, out, *options)
    assert not out.exists()


@pytest.mark.parametrize("name", ["v", "v.npy", "v.safetensors.gz", "v.bin.zip"])
def test_an_unknown_ending_is_refused_and_the_known_ones_listed(
    name: str, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = fails(capsys, 2, "train", text, tmp_path / name)
    assert name in said
    assert ".safetensors, .bin" in said


def test_input_and_output_are_both_needed(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "INPUT, OUTPUT" in fails(capsys, 2, "train")
    assert "OUTPUT" in fails(capsys, 2, "train", text)


def test_missing_and_empty_inputs_are_named(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing, empty, out = tmp_path / "missing.txt", tmp_path / "empty.txt", tmp_path / "v.bin"
    assert "missing.txt: No such file" in fails(capsys, 1, "train", text, missing, out)
    assert "Is a directory" in fails(capsys, 1, "train", text, tmp_path, out)
    empty.touch()
    fails(capsys, 1, "train", empty, out)
    assert not out.exists()


def test_text_that_is_no_utf8_is_read_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, out = tmp_path / "latin1.txt", tmp_path / "v.safetensors"
    text.write_bytes(b"caf\xe9 au lait " * 50)
    command = ("train", text, out, "--subsample", "0", "--dim", "4", "--epochs", "1", "--quiet")
    assert "invalid UTF-8 at offset 3" in fails(capsys, 1, *command)
    assert not out.exists()
    for errors, word in (("replace", "caf\ufffd"), ("ignore", "caf"), ("surrogateescape", "caf\udce9")):
        assert main([*map(str, command), "--encoding-errors", errors]) == 0
        assert word in hogvec.KeyedVectors.load(out)


def test_an_output_that_cannot_be_written_is_found_before_reading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.txt"  # would be complained about later
    assert "cannot write here" in fails(capsys, 1, "train", missing, tmp_path / "nowhere" / "v.bin")
    (tmp_path / "folder.bin").mkdir()
    assert "Is a directory" in fails(capsys, 1, "train", missing, tmp_path / "folder.bin")
    said = fails(capsys, 1, "train", missing, tmp_path / "v.bin", "--report", tmp_path / "nowhere" / "report.json")
    assert "nowhere/report.json: cannot write here" in said


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_found_before_reading(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o500)
    try:
        assert "Permission denied" in fails(capsys, 1, "train", text, tmp_path / "v.bin")
    finally:
        tmp_path.chmod(0o700)


def test_a_forgotten_output_does_not_cost_the_last_input(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = write_text(tmp_path / "last.txt")
    before = last.read_bytes()
    assert "does not hold vectors" in fails(capsys, 2, "train", text, last)
    assert "last.txt is named twice" in fails(capsys, 2, "train", last, last)
    assert "last.txt is named twice" in fails(capsys, 2, "train", last, tmp_path / "v.bin", "--report", last)
    assert "v.bin is named twice" in fails(capsys, 2, "train", last, tmp_path / "v.bin", "--report", tmp_path / "v.bin")
    zipped = tmp_path / "last.txt.gz"
    zipped.write_bytes(gzip.compress(before))
    assert "does not hold vectors" in fails(capsys, 2, "train", text, zipped)
    assert last.read_bytes() == before


def test_old_vectors_are_replaced_and_survive_a_failure(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "v.txt"
    out.write_text("1 2\nold 0 0\n")
    fails(capsys, 1, "train", text, out, "--min-count", 10**6)
    assert out.read_text() == "1 2\nold 0 0\n"
    assert main(["train", str(text), str(out), "--dim", "4", "--quiet"]) == 0
    assert out.read_text().startswith("12 4\n")


def test_an_interrupt_ends_with_130_and_saves_nothing(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hogvec.trainer.Trainer.fit", interrupted)
    said = fails(capsys, 130, "train", text, tmp_path / "v.bin", "--report", tmp_path / "report.json")
    assert said == "hogvec: interrupted, nothing was saved\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_before_the_command_begins_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(hogvec.cli, "_parser", interrupt)
    assert main(["info"]) == 130
    assert capsys.readouterr().err == "hogvec: interrupted\n"


def test_ctrl_c_stops_a_running_training(tmp_path: Path) -> None:
    text = write_text(tmp_path / "text.txt", lines=2000)
    waiting = (
        "import hogvec.trainer, os, signal, sys, threading\n"
        "from hogvec.cli import main\n"
        "fit = hogvec.trainer.Trainer.fit\n"
        "def late(self, corpus, **settings):\n"
        "    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "    return fit(self, corpus, **settings)\n"
        "hogvec.trainer.Trainer.fit = late\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    arguments = ["train", str(text), str(tmp_path / "v.bin"), "--epochs", "1000000", "--threads", "1", "--quiet"]
    run = subprocess.run(
        [sys.executable, "-c", waiting, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "hogvec: interrupted, nothing was saved\n")
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


# ---- evaluate ----


@pytest.fixture
def judgements(tmp_path: Path) -> Path:
    path = tmp_path / "judged.tsv"
    path.write_text("cat\tdog\t9\nsaw\taxe\t9\ncat\tsaw\t1\ndog\taxe\t1\ncat\tunicorn\t5\n")
    return path


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.txt"
    path.write_text(": pairs\ncat dog saw axe\nsaw axe cat dog\n: gram-none\nunicorn dog saw axe\n")
    return path


def test_evaluate_prints_tables(
    vectors: Path, judgements: Path, questions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--analogies", str(questions), "--similarity", str(judgements), str(judgements)]
    assert main(["evaluate", str(vectors), *files]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^pairs +\d", out, re.MULTILINE)
    rows = [line.split() for line in out.splitlines() if line.startswith(str(judgements))]
    assert [row[3:] for row in rows] == [["4", "5"]] * 2
    assert float(rows[0][1]) > 0.7


def test_evaluate_prints_json(
    vectors: Path, judgements: Path, questions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--analogies", str(questions), "--similarity", str(judgements), "--restrict-vocab", "12", "--json"]
    assert main(["evaluate", str(vectors), *arguments]) == 0
    result = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert result["analogies"]["total"]["questions"] == 3
    assert result["analogies"]["total"]["answered"] == 2
    assert [section["name"] for section in result["analogies"]["sections"]] == ["pairs", "gram-none"]
    assert result["analogies"]["syntactic"]["accuracy"] is None
    assert result["similarity"][0]["file"] == str(judgements)
    assert (result["similarity"][0]["answered"], result["similarity"][0]["pairs"]) == (4, 5)
    assert 0.7 < result["similarity"][0]["spearman"] <= 1


def test_evaluate_says_what_is_wrong(vectors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "give --analogies, --similarity or both" in fails(capsys, 2, "evaluate", vectors)
    assert "No such file" in fails(capsys, 1, "evaluate", vectors, "--analogies", tmp_path / "none.txt")
    assert "No such file" in fails(capsys, 1, "evaluate", tmp_path / "none.bin", "--similarity", tmp_path / "none.txt")


# ---- neighbors and analogy ----


def test_neighbors_are_listed_under_each_word(vectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["neighbors", str(vectors), "cat", "saw", "--topn", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [lines[0], lines[4]] == ["cat", "saw"]
    rows = [line.split() for line in (*lines[1:4], *lines[5:])]
    assert {word for word, _ in rows[:3]} < set(ANIMALS)
    assert {word for word, _ in rows[3:]} < set(TOOLS)
    expected = hogvec.KeyedVectors.load(vectors).most_similar("cat", topn=3)
    assert [float(number) for _, number in rows[:3]] == pytest.approx([near.similarity for near in expected], abs=5e-4)


def test_an_unknown_word_is_named_with_words_like_it(vectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["neighbors", str(vectors), "Cat", "latte", "zzzz", "owl"]) == 1
    out, said = capsys.readouterr()
    assert said.splitlines() == [
        "hogvec: error: 'Cat' is not in the vocabulary; there is 'cat'",
        "hogvec: error: 'latte' is not in the vocabulary; there is 'lathe'",
        "hogvec: error: 'zzzz' is not in the vocabulary",
    ]
    assert out.splitlines()[0] == "owl"


def test_neighbors_reads_words_until_the_input_ends(
    vectors: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("cat\n\nnothing\nsaw axe\n"))
    assert main(["neighbors", str(vectors), "--topn", "1"]) == 0
    out, said = capsys.readouterr()
    assert [line for line in out.splitlines() if not line.startswith(" ")] == ["cat", "saw", "axe"]
    assert said == "hogvec: error: 'nothing' is not in the vocabulary\n"


def test_an_analogy_is_answered(vectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analogy", str(vectors), "cat", "dog", "saw", "--topn", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "cat : dog = saw : ?"
    expected = hogvec.KeyedVectors.load(vectors).most_similar(["dog", "saw"], ["cat"], topn=2)
    assert [line.split()[0] for line in lines[1:]] == [near.word for near in expected]


def test_analogies_are_read_until_the_input_ends(
    vectors: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("cat dog\ncat dog saw\n"))
    assert main(["analogy", str(vectors)]) == 0
    out, said = capsys.readouterr()
    assert said == "hogvec: error: an analogy needs three words, got 2\n"
    assert out.startswith("cat : dog = saw : ?\n")


def test_wrong_questions_are_refused(vectors: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "an analogy needs three words, got 2" in fails(capsys, 2, "analogy", vectors, "cat", "dog")
    assert "topn must be at least 1, got 0" in fails(capsys, 2, "neighbors", vectors, "cat", "--topn", "0")
    assert "'unicorn' is not in the vocabulary" in fails(capsys, 1, "analogy", vectors, "cat", "dog", "unicorn")


def test_a_damaged_file_of_vectors_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lying, cut, other = tmp_path / "lying.bin", tmp_path / "cut.txt", tmp_path / "other.safetensors"
    lying.write_bytes(b"1000000000 300\nword " + bytes(100))
    cut.write_text("3 2\na 1 2\n")
    other.write_bytes(b"no header")
    for path in (lying, cut, other):
        assert str(path) in fails(capsys, 1, "neighbors", path, "word")
    assert "must end with" in fails(capsys, 2, "neighbors", tmp_path / "vectors.pickle", "word")


# ---- convert ----


def test_convert_keeps_words_and_vectors_through_every_format(
    vectors: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [vectors, *(tmp_path / f"v{ending}" for ending in (".bin", ".txt", ".vec.gz", ".bin.gz", ".safetensors"))]
    for source, target in itertools.pairwise(names):
        assert main(["convert", str(source), str(target)]) == 0
        assert capsys.readouterr().out == f"12 words of dimension 16 in {target}\n"
    first, last = hogvec.KeyedVectors.load(names[0]), hogvec.KeyedVectors.load(names[-1])
    assert list(first) == list(last)
    assert (first.vectors == last.vectors).all()


def test_convert_keeps_words_that_are_not_utf8_and_neighbors_prints_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target, back = tmp_path / "a.txt", tmp_path / "b.safetensors", tmp_path / "c.txt"
    source.write_bytes(b"2 2\n\xff\xfe 1 0\nb 1 1\n")
    assert main(["convert", str(source), str(target)]) == 0
    assert main(["convert", str(target), str(back)]) == 0
    assert back.read_bytes().split() == source.read_bytes().split()
    run = subprocess.run(
        [sys.executable, "-m", "hogvec", "neighbors", str(target), "b"], capture_output=True, timeout=60, check=False
    )
    assert run.returncode == 0
    assert run.stdout == b"b\n  \\udcff\\udcfe   0.707\n"


def test_convert_checks_before_it_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "must end with" in fails(capsys, 2, "convert", tmp_path / "a.bin", tmp_path / "b.json")
    assert "cannot write here" in fails(capsys, 1, "convert", tmp_path / "a.bin", tmp_path / "nowhere" / "b.bin")
    assert "a.bin: No such file" in fails(capsys, 1, "convert", tmp_path / "a.bin", tmp_path / "b.bin")


# ---- info, help, the process ----


def test_info_names_versions_and_instruction_sets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["version"] == hogvec.__version__
    assert lines["instruction set"] in lines["available instruction sets"].split(", ")
    assert {"compiler", "python", "numpy"} <= set(lines)


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"] if command else ["--help"])
    assert stop.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def test_help_names_every_command_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    text, texts = help_of("", capsys), {}
    for command in COMMANDS:
        assert f" {command} " in text
        texts[command] = help_of(command, capsys)
        assert f"example: hogvec {command}" in texts[command]
    training = (
        "model loss dim window negatives power subsample gradient min-count max-vocab encoding-errors epochs "
        "learning-rate threads seed report quiet"
    )
    options = {
        "train": training,
        "evaluate": "analogies similarity restrict-vocab json",
        "neighbors": "topn",
        "analogy": "topn",
        "demo": "output-dir threads quiet",
    }
    for command, names in options.items():
        for name in names.split():
            assert re.search(rf"--{name}[ \]]", texts[command]), name


def test_help_states_the_defaults_of_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    stated = dict(re.findall(r"--([a-z-]+) [A-Z] (?:(?!--).)*?\(?default: ([^ ),]+)\)?", help_of("train", capsys)))
    for owner, names in (
        (hogvec.SkipGram, ("dim", "window", "subsample")),
        (hogvec.NegativeSampling, ("negatives", "power")),
        (hogvec.Corpus.from_file, ("min_count",)),
        (hogvec.Trainer.fit, ("epochs",)),
        (hogvec.Trainer, ("seed",)),
    ):
        for name in names:
            assert float(stated[name.replace("_", "-")]) == inspect.signature(owner).parameters[name].default, name
    assert inspect.signature(hogvec.CBOW).parameters["gradient"].default == "word2vec"


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert (stop.value.code, capsys.readouterr().out) == (0, f"hogvec {hogvec.__version__}\n")


def test_a_command_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "required: COMMAND" in fails(capsys, 2)
    assert "invalid choice: 'tarin'" in fails(capsys, 2, "tarin")


def test_the_module_runs_as_a_program() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "hogvec", "convert", "a.bin", "b.bin"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "hogvec: error: a.bin: No such file or directory\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
def test_a_reader_that_stops_early_is_no_error(vectors: Path) -> None:
    words = "\n".join(ANIMALS) * 5000
    with subprocess.Popen(
        [sys.executable, "-m", "hogvec", "neighbors", str(vectors)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        run.stdout.close()
        _, said = run.communicate(words, timeout=60)
    assert said == ""
    assert run.returncode != -signal.SIGABRT
