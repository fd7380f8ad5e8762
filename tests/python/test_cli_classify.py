"""``hogvec classify``: what its commands print and write, and what they say about wrong input."""

import io
import json

import pytest
from hogvec.cli import main
from hogvec.fasttext_format import read_fasttext
from hogvec.text_classifier import TextClassifier
from test_text_classifier import planted

QUICK = ["--epochs", "20", "--threads", "1", "--quiet"]


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    path = tmp_path_factory.mktemp("classify") / "train.txt"
    lines = [f"__label__{label} {text}\n" for text, label in zip(*planted(300), strict=True)]
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=["model.safetensors", "model.bin", "model.ftz"])
def model(request, train):
    path = train.parent / request.param
    assert main(["classify", "train", str(train), str(path), *QUICK]) == 0
    return path


def test_a_trained_model_is_tested(model, train, capsys):
    assert main(["classify", "test", str(model), str(train), "--per-label"]) == 0
    rows = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines()[:4])
    assert rows["texts"] == "300"
    assert float(rows["precision at 1"]) == float(rows["recall at 1"]) == float(rows["F1"]) > 0.95
    assert main(["classify", "test", str(model), str(train), "--per-label", "--json", "-k", "2"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["k"] == 2
    assert values["precision"] == pytest.approx(0.5, abs=0.05)
    assert sum(label["support"] for label in values["labels"]) == 300


def test_labels_of_lines_are_printed(model, train, capsys, monkeypatch):
    texts, labels = planted(20, seed=3)
    path = train.parent / "texts.txt"
    path.write_bytes("\n".join(texts).encode() + b"\nbytes \xff\xfe\n\n")
    assert main(["classify", "predict", str(model), str(path)]) == 0
    found = capsys.readouterr().out.splitlines()
    assert len(found) == 22
    assert sum(a == b for a, b in zip(found, labels, strict=False)) > 17
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert main(["classify", "predict", str(model), "-k", "2", "--probabilities"]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = lines[0].split("\t")
    assert first[0] == found[0]
    assert 1 >= float(first[1]) >= float(first[3]) >= 0
    assert main(["classify", "predict", str(model), str(path), "--threshold", "2"]) == 0
    assert capsys.readouterr().out == "\n" * 22


def test_options_reach_the_model(train, capsys):
    path = train.parent / "other.bin"
    options = ["--dim", "6", "--word-ngrams", "3", "--min-n", "2", "--max-n", "4", "--buckets", "999", "--loss", "hs"]
    assert (
        main(["classify", "train", str(train), str(path), *options, "--epochs", "2", "--validation", str(train)]) == 0
    )
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].split() == ["labels", "4"]
    arguments = read_fasttext(path).arguments
    assert (arguments.dim, arguments.word_ngrams, arguments.min_n, arguments.max_n) == (6, 3, 2, 4)
    assert (arguments.buckets, arguments.loss, arguments.epochs) == (999, "hs", 2)
    small = train.parent / "small.ftz"
    assert main(["classify", "train", str(train), str(small), *QUICK, "--cutoff", "260", "--retrain", "--qnorm"]) == 0
    assert len(TextClassifier.load_fasttext(small)._model.input_table) == 260


def test_autotune_prints_its_trials_and_writes_the_best_model(train, capsys, monkeypatch):
    whole, seen = TextClassifier.autotune, {}

    def two_trials(classifier, *files, **options):
        seen.update(options)
        return whole(classifier, *files, trials=2, fixed=["dim", "epochs"], **options)

    monkeypatch.setattr(TextClassifier, "autotune", two_trials)
    path = train.parent / "tuned.bin"
    tuning = ["--autotune", str(train), "--autotune-seconds", "90", "--dim", "6", "--epochs", "2", "--threads", "1"]
    assert main(["classify", "train", str(train), str(path), *tuning]) == 0
    table = capsys.readouterr().out.splitlines()[:3]
    assert seen == {"seconds": 90.0, "progress": None}
    (best,) = (line for line in table if "*" in line)
    found = TextClassifier.load_fasttext(path).evaluate(train)
    assert f"{found.f1:.4f}*" == best.split()[1]
    assert len(table[0].split()) == 8


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "no-such-file", "m.bin"], 1, "no-such-file: No such file or directory"),
        (["train", "{train}", "m.bin", "--dim", "0"], 1, "dim must be at least 1, got 0"),
        (["train", "{train}", "m.bin", "--cutoff", "5"], 2, "are for an OUTPUT that ends with .ftz"),
        (["train", "{train}", "m.bin", "--patience", "5"], 2, "--patience is for --validation"),
        (["train", "{train}", "m.bin", "--autotune-seconds", "5"], 2, "--autotune-seconds is for --autotune"),
        (["train", "{train}", "m.bin", "--autotune", "{train}", "--validation", "{train}"], 2, "not be given together"),
        (["train", "{train}", "m.bin", "--autotune", "no-such-file"], 1, "no-such-file: No such file or directory"),
        (["train", "{train}", "no/folder/m.bin"], 1, "cannot write here"),
        (["train", "{train}", "m.bin", "--loss", "nothing"], 2, "invalid choice"),
        (["test", "{train}", "{train}"], 1, "must be a whole"),
        (["predict", "{train}", "{train}", "-k", "0"], 2, "-k must be at least 1, got 0"),
        ([], 2, "required"),
    ],
)
def test_wrong_input_is_one_line(arguments, code, message, train, capsys, monkeypatch):
    monkeypatch.chdir(train.parent)
    words = ["classify", *(word.format(train=train) for word in arguments)]
    try:
        found = main(words)
    except SystemExit as stopped:
        found = stopped.code
    assert found == code
    assert message in capsys.readouterr().err
    assert not (train.parent / "m.bin").exists()
