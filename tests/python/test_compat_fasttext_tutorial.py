"""One script by fastText's documented interface, run under its package and under `hogvec.compat.fasttext`: the same
shapes and types, and results of the same kind. And models that one of them reads from the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hogvec.compat.fasttext as ours
import numpy as np
import pytest
from hogvec.compat.fasttext import util as our_util

TOPICS = {
    "food": ["bread", "butter", "cheese", "apple", "soup", "cake"],
    "road": ["car", "truck", "wheel", "engine", "driver", "bus"],
    "sky": ["cloud", "rain", "storm", "thunder", "snow", "sun"],
}
# The package leaves numbers of models that are trained by less than 11 threads without a value to begin with.
OPTIONS: dict[str, Any] = {"dim": 16, "thread": 11, "verbose": 0}
# Of probabilities: the package adds 1e-5 to each factor, and looks sigmoids up in steps of 1/32 of the score, for a
# slope of 1/4 at most.
TOLERANCES = {"softmax": 2e-5, "hs": 5e-5, "ns": 1 / 128 + 2e-5, "ova": 1 / 128 + 2e-5}


@pytest.fixture(scope="module")
def theirs() -> Any:
    fasttext = pytest.importorskip("fasttext", reason="the fasttext package is not installed")
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        pytest.skip("the fasttext package does not predict with NumPy 2")
    return fasttext


def write_texts(path: Path, *, seed: int, count: int = 150) -> str:
    rng = np.random.default_rng(seed)
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(count):
            for topic, words in TOPICS.items():
                label = f"__label__{topic}" + (" __label__all" if rng.random() < 0.05 else "")
                file.write(f"{label} {' '.join(rng.choice(words, 8))}\n")
    return str(path)


def form(value: Any) -> Any:
    """What a value is made of: types, lengths and shapes, not the numbers themselves."""
    if isinstance(value, np.ndarray):
        return "array", value.shape, str(value.dtype)
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [form(item) for item in value]
    if isinstance(value, dict):
        return "dict", {key: form(item) for key, item in sorted(value.items())}
    return type(value).__name__


def classify(library: Any, folder: Path) -> dict[str, Any]:
    """Train, ask, test, quantize, save and load a classifier, as the tutorial does."""
    train, valid = write_texts(folder / "train", seed=1), write_texts(folder / "valid", seed=2, count=50)
    said: dict[str, Any] = {}
    model = library.train_supervised(input=train, lr=0.5, epoch=15, wordNgrams=3, bucket=2000, **OPTIONS)
    said["words"] = form(model.words), sorted(model.words), sorted(model.labels), "bread" in model
    said["counts"] = [sorted(int(n) for n in model.get_words(True)[1]), form(model.get_labels(include_freq=True))]
    labels, probabilities = model.predict("a cheese and some bread ?", k=2)
    said["predict"] = form(labels), form(probabilities), labels[0]
    said["sums"] = abs(sum(model.predict("cheese", k=-1)[1]) - 1) < 1e-3
    lists = model.predict(["bread", "a bus", ""], k=3, threshold=0.0)
    said["lists"] = form(lists), [row[0] for row in lists[0][:2]]
    said["threshold"] = form(model.predict("car", k=-1, threshold=0.5)), form(model.predict(["car"], threshold=1.1))
    number, precision, recall = model.test(valid)
    said["test"] = form((number, precision, recall)), number, precision > 0.8, recall > 0.7
    said["test 5"] = form(model.test(valid, k=5)), form(model.test(valid, 1, 0.9))
    per_label = model.test_label(valid)
    said["test_label"] = form(per_label), per_label["__label__food"]["f1score"] > 0.8
    meter = model.get_meter(valid)
    said["meter"] = [
        form(meter.precision_at_recall(0.5)),
        form(meter.recall_at_precision(0.5, "__label__sky")),
        meter.precision_recall_curve("__label__sky")[0].dtype,
        form(meter.score_vs_true("__label__sky")),
    ]
    said["line"] = model.get_line("fresh bread __label__food __label__new"), model.get_line(["bus", ""])
    said["vectors"] = form([model.get_word_vector("bread"), model["zzz"], model.get_sentence_vector("bread and soup")])
    said["matrices"] = form([model.get_input_matrix(), model.get_output_matrix(), model.get_input_vector(3)])
    said["ids"] = [model.get_word_id("zzz"), model.get_label_id("zzz"), model.get_dimension(), model.is_quantized()]
    said["options"] = model.lr, model.epoch, model.dim, model.wordNgrams, model.minCount, model.thread
    for name in ("hs", "ns", "ova"):
        other = library.train_supervised(train, 0.5, epoch=15, loss=name, **OPTIONS)
        said[name] = other.test(valid)[0], form(other.predict("bread butter cheese", k=2))
    model.save_model(str(folder / "m.bin"))
    loaded = library.load_model(str(folder / "m.bin"))
    said["loaded"] = np.allclose(loaded.predict("bread", k=2)[1], model.predict("bread", k=2)[1], atol=1e-5)
    model.quantize(input=train, qnorm=True, retrain=True, cutoff=300, epoch=1, lr=0.1, thread=11, verbose=0)
    said["quantized"] = model.is_quantized(), model.test(valid)[1] > 0.8
    model.save_model(str(folder / "m.ftz"))
    said["smaller"] = (folder / "m.ftz").stat().st_size < (folder / "m.bin").stat().st_size
    for wrong in (
        lambda: model.predict("two\nlines"),
        lambda: model.get_sentence_vector("two\nlines"),
        lambda: model.predict("bread", k=0),
        lambda: library.load_model(str(folder / "missing")),
        lambda: model.test(str(folder / "missing")),
        lambda: model.get_input_matrix(),
    ):
        with pytest.raises(ValueError, match=r"."):
            wrong()
    with pytest.raises(TypeError):
        library.train_supervised(train, size=3)
    return said


def embed(library: Any, folder: Path) -> dict[str, Any]:
    """Train, ask, save and load word vectors, as the tutorial does."""
    text = write_texts(folder / "text", seed=3)
    said: dict[str, Any] = {}
    for kind in ("skipgram", "cbow"):
        model = library.train_unsupervised(
            text, model=kind, epoch=20, minCount=1, minn=2, maxn=4, bucket=5000, t=1.0, **OPTIONS
        )
        near = model.get_nearest_neighbors("cheese", k=3)
        found = model.get_analogies("bread", "butter", "car", k=4)
        said[kind] = [
            sorted(model.words),
            model.words == model.labels,
            form(near),
            form(found),
            form([model["breads"], model.get_word_vector("bread"), model.get_sentence_vector("bread soups")]),
            form(model.get_subwords("breads")),
            model.get_subwords("breads")[0],
            [form(model.get_subword_id("<b")), model.get_word_id("breads")],
            form([model.get_input_matrix(), model.get_output_matrix()]),
            {word for _, word in near} <= {*TOPICS["food"], "</s>"} if kind == "skipgram" else None,
        ]
    said["tokens"] = library.tokenize("a b\nc\x00d  e\n"), library.EOS, library.BOW, library.EOW
    model.save_model(str(folder / "v.bin"))
    loaded = library.load_model(str(folder / "v.bin"))
    said["loaded"] = np.allclose(loaded["breads"], model["breads"], atol=1e-5)
    with pytest.raises(ValueError, match="supervised"):
        loaded.predict("bread")
    return said


def test_the_tutorials_scripts_do_the_same_under_both(theirs: Any, tmp_path: Path) -> None:
    for script in (classify, embed):
        folders = [tmp_path / f"{script.__name__}{i}" for i in range(2)]
        for folder in folders:
            folder.mkdir()
        assert script(ours, folders[0]) == script(theirs, folders[1])


def test_the_scripts_run_without_the_package(tmp_path: Path) -> None:
    assert classify(ours, tmp_path)["predict"][2] == "__label__food"
    assert embed(ours, tmp_path)["loaded"]


def test_either_reads_the_others_models_and_answers_the_same(theirs: Any, tmp_path: Path) -> None:
    train = write_texts(tmp_path / "train", seed=1)
    asked = [line.split(" ", 1)[1] for line in (tmp_path / "train").read_text().splitlines()[:100]]
    for maker, name in ((ours, "ours"), (theirs, "theirs")):
        options = {**OPTIONS, "wordNgrams": 2, "minn": 2, "maxn": 3, "bucket": 1000, "epoch": 3}
        for loss in ("softmax", "hs", "ns", "ova"):
            made = maker.train_supervised(train, 0.5, loss=loss, **options)
            path = str(tmp_path / f"{name}-{loss}")
            made.save_model(path)
            mine, other = ours.load_model(path), theirs.load_model(path)
            compare(mine, other, asked, TOLERANCES[loss])
            made.quantize(cutoff=300, qnorm=True)
            made.save_model(path)
            compare(ours.load_model(path), theirs.load_model(path), asked, TOLERANCES[loss])
        made = maker.train_unsupervised(train, minCount=1, **{**options, "epoch": 1})
        made.save_model(path)
        mine, other = ours.load_model(path), theirs.load_model(path)
        for word in ("bread", "breads", "</s>", "été"):
            np.testing.assert_allclose(mine[word], other[word], atol=1e-5)
            assert mine.get_subwords(word)[0] == other.get_subwords(word)[0]
            np.testing.assert_array_equal(mine.get_subwords(word)[1], other.get_subwords(word)[1])
        np.testing.assert_allclose(
            mine.get_sentence_vector("bread zz"), other.get_sentence_vector("bread zz"), atol=1e-5
        )
        near, expected = mine.get_nearest_neighbors("bread"), other.get_nearest_neighbors("bread")
        np.testing.assert_allclose([s for s, _ in near], [s for s, _ in expected], atol=1e-5)
        found, expected = (m.get_analogies("bread", "butter", "bus") for m in (mine, other))
        np.testing.assert_allclose([s for s, _ in found], [s for s, _ in expected], atol=1e-5)


def compare(mine: Any, other: Any, asked: list[str], tolerance: float) -> None:
    """Compare what two classifiers of one file say."""
    assert mine.labels == other.labels
    assert mine.words == other.words
    labels, probabilities = mine.predict(asked, k=-1)
    their_labels, their_probabilities = other.predict(asked, k=-1)
    for names, row, their_names, their_row in zip(
        labels, probabilities, their_labels, their_probabilities, strict=True
    ):
        theirs = dict(zip(their_names, their_row, strict=True))
        np.testing.assert_allclose(row, [theirs[name] for name in names], atol=tolerance)
    np.testing.assert_allclose(mine.get_sentence_vector(asked[0]), other.get_sentence_vector(asked[0]), atol=1e-5)


def test_helpers_agree(theirs: Any) -> None:
    their_util = pytest.importorskip("fasttext.util")
    rng = np.random.default_rng(1)
    rows, query = rng.normal(size=(50, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32)
    banned: set[int] = set()
    for _ in range(5):
        found = our_util.find_nearest_neighbor(query, rows, banned)
        assert found == their_util.find_nearest_neighbor(query, rows, banned)
        banned.add(found)
    said, has = [["a"], ["b"], ["c"]], [["a", "b"], ["b"], ["a"]]
    assert our_util.test(said, has) == their_util.test(said, has)
