"""`hogvec.compat.fasttext`: each function and method, its shapes and types, and what it refuses.

What fastText's package answers to the same questions is in `test_compat_fasttext_tutorial.py`. All tests ask the same
two small models, and so stay in one file, longer than others.
"""

from __future__ import annotations

import inspect
import math
import os
import pickle
from pathlib import Path
from typing import Any

import hogvec.compat.fasttext as fasttext
import numpy as np
import pytest
from hogvec import SubwordVectors, TextClassifier
from hogvec.compat.fasttext import util
from hogvec.compat.fasttext._arguments import SUPERVISED, UNSUPERVISED, Arguments, bind
from hogvec.compat.fasttext._training import _metric

FOOD = ["bread", "butter", "cheese", "apple", "soup", "cake"]
ROAD = ["car", "truck", "wheel", "engine", "driver", "bus"]
SMALL: dict[str, Any] = {"dim": 8, "epoch": 10, "lr": 0.5, "bucket": 1000, "thread": 1, "verbose": 0}
VECTORS: dict[str, Any] = {**SMALL, "lr": 0.05, "minCount": 1, "t": 1.0}


def lines(count: int = 200) -> list[tuple[str, str]]:
    rng = np.random.default_rng(3)
    kinds = {"food": FOOD, "road": ROAD}
    return [(name, " ".join(rng.choice(words, 6))) for _ in range(count // 2) for name, words in kinds.items()]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "train.txt"
    path.write_text("".join(f"__label__{label} {text}\n" for label, text in lines()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def model(texts: Path) -> Any:
    return fasttext.train_supervised(str(texts), **SMALL, wordNgrams=2, minn=2, maxn=3)


@pytest.fixture(scope="module")
def vectors(texts: Path) -> Any:
    return fasttext.train_unsupervised(input=str(texts), **VECTORS)


# ---- training ----


def test_options_come_by_position_by_name_and_by_their_other_names() -> None:
    by_name = bind("f", SUPERVISED, (), {"input": "x", "lr": 0.5, "minCount": 3, "label": "#"})
    by_position = bind("f", SUPERVISED, ("x", 0.5, 100, 5, 5, 3), {"label_prefix": "#"})
    assert by_name.given == {"input", "lr", "minCount", "label"}
    for name in ("lr", "dim", "epoch", "minCount", "label"):
        assert getattr(by_position, name) == getattr(by_name, name)
    aliases = {"min_count": 3, "word_ngrams": 2, "lr_update_rate": 7, "pretrained_vectors": "v"}
    found = bind("f", UNSUPERVISED, ("x", "cbow"), aliases)
    assert (found.minCount, found.wordNgrams, found.lrUpdateRate, found.pretrainedVectors) == (3, 2, 7, "v")
    assert found.model == "cbow"


def test_defaults_are_those_of_fasttext() -> None:
    a, b = bind("f", SUPERVISED, ("x",), {}), bind("f", UNSUPERVISED, ("x",), {})
    assert (a.lr, a.dim, a.epoch, a.minCount, a.minn, a.maxn, a.loss) == (0.1, 100, 5, 1, 0, 0, "softmax")
    assert (b.lr, b.dim, b.epoch, b.minCount, b.minn, b.maxn, b.loss) == (0.05, 100, 5, 5, 3, 6, "ns")
    for both in (a, b):
        assert (both.ws, both.neg, both.wordNgrams, both.bucket, both.t) == (5, 5, 1, 2_000_000, 1e-4)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, TypeError, "needs the argument 'input'"),
        ({"input": "x", "size": 3}, TypeError, "has no argument 'size'"),
        ({"input": "x", "minCount": 3, "min_count": 3}, TypeError, "two values for its argument 'minCount'"),
        ({"input": 3}, TypeError, "input must be the path of a file"),
        ({"input": "x", "dim": 0}, ValueError, "dim must be at least 1, got 0"),
        ({"input": "x", "lr": 0.0}, ValueError, "lr must be above 0, got 0"),
        ({"input": "x", "loss": "hinge"}, ValueError, "loss must be one of"),
        ({"input": "x", "thread": 0}, ValueError, "thread must be at least 1, got 0"),
        ({"input": "x", "wordNgrams": 2, "bucket": 0}, ValueError, "bucket must be at least 1 for n-grams, got 0"),
        ({"input": "x", "epoch": 1.5}, TypeError, "epoch must be an integer"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fasttext.train_supervised(**options)


@pytest.mark.parametrize(("size", "count"), [("", None), (3, 3), ("2k", 2000), ("2M", 2_000_000), ("1G", 10**9)])
def test_the_size_of_a_model_has_units(size: Any, count: int | None) -> None:
    assert Arguments(input="x", autotuneModelSize=size).max_model_bytes == count
    with pytest.raises(ValueError, match="autotuneModelSize must be a number such as 2M, got '2T'"):
        _ = Arguments(input="x", autotuneModelSize="2T").max_model_bytes


def test_metrics_of_autotune_are_those_of_the_classifier() -> None:
    for given, here in {
        "f1": "f1",
        "f1:__label__a:b": "f1:a:b",
        "precisionAtRecall:30": "precision_at_recall:0.3",
        "recallAtPrecision:12.5:__label__a:b": "recall_at_precision:0.125:a:b",
    }.items():
        assert _metric(given, "__label__") == here
    for wrong in ("precisionAtRecall", "recallAtPrecision:much"):
        with pytest.raises(ValueError, match=f"autotuneMetric must be as .*, got '{wrong}'"):
            _metric(wrong, "__label__")


@pytest.mark.parametrize("options", [{}, {"autotuneModelSize": "20k"}, {"autotuneMetric": "f1:__label__food"}])
def test_autotune_leaves_what_is_given_as_it_is(texts: Path, options: dict[str, Any], monkeypatch: Any) -> None:
    calls: list[dict[str, Any]] = []
    tune = TextClassifier.autotune

    def watched(self: TextClassifier, *args: Any, **keywords: Any) -> TextClassifier:
        calls.append(keywords)
        return tune(self, *args, **keywords, trials=2)

    monkeypatch.setattr(TextClassifier, "autotune", watched)
    given = {name: SMALL[name] for name in ("dim", "epoch", "bucket", "thread", "verbose")}
    model = fasttext.train_supervised(
        str(texts), **given, wordNgrams=3, autotuneValidationFile=str(texts), autotuneDuration=60, **options
    )
    assert (model.dim, model.epoch, model.bucket, model.wordNgrams) == (8, 10, 1000, 3)
    assert model.test(str(texts))[1] > 0.9
    assert model.is_quantized() == ("autotuneModelSize" in options)
    (call,) = calls
    assert sorted(call["fixed"]) == ["buckets", "dim", "epochs", "word_ngrams"]
    assert (call["seconds"], call["k"]) == (60, 1)
    assert call["max_model_bytes"] == (20_000 if options.get("autotuneModelSize") else None)
    assert call["metric"] == ("f1:food" if "autotuneMetric" in options else "f1")


def test_trained_models_have_their_options_as_attributes(model: Any) -> None:
    assert (model.lr, model.dim, model.wordNgrams, model.loss, model.label) == (0.5, 8, 2, "softmax", "__label__")
    assert model.thread == 1


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
def test_every_loss_trains_labels(texts: Path, loss: str) -> None:
    model = fasttext.train_supervised(str(texts), **SMALL, loss=loss)
    assert model.test(str(texts)) == (200, 1.0, 1.0)


@pytest.mark.parametrize("kind", ["skipgram", "cbow"])
@pytest.mark.parametrize("options", [{}, {"loss": "hs"}, {"loss": "softmax"}, {"loss": "ova"}, {"minn": 0, "maxn": 0}])
def test_every_loss_trains_vectors(texts: Path, tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    model = fasttext.train_unsupervised(str(texts), kind, **{**VECTORS, "epoch": 1, **options})
    model.save_model(str(tmp_path / "m.bin"))
    again = fasttext.load_model(str(tmp_path / "m.bin"))
    assert again.words == model.words == ["</s>", *model.words[1:]]
    for word in ("bread", "breads", "</s>"):
        np.testing.assert_allclose(again.get_word_vector(word), model.get_word_vector(word), atol=1e-6)


def test_the_ends_of_lines_are_words_and_labels_are_not(vectors: Any) -> None:
    assert vectors.words[0] == "</s>"
    assert sorted(vectors.words[1:]) == sorted(FOOD + ROAD)


def test_training_begins_with_pretrained_vectors(texts: Path, tmp_path: Path) -> None:
    path = tmp_path / "given.vec"
    path.write_text("2 8\nbread 9 9 9 9 9 9 9 9\nunused 1 2 3 4 5 6 7 8\n")
    options = {**SMALL, "lr": 1e-6, "epoch": 1, "pretrainedVectors": str(path)}
    for model in (
        fasttext.train_supervised(str(texts), **options),
        fasttext.train_unsupervised(str(texts), **options, minCount=1, minn=0, maxn=0),
    ):
        np.testing.assert_allclose(model["bread"], 9, atol=1e-2)
        np.testing.assert_allclose(model["unused"], np.arange(1, 9), atol=1e-2)


def test_files_that_are_not_there_are_value_errors(model: Any, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    for call in (
        lambda: fasttext.load_model(missing),
        lambda: fasttext.train_supervised(missing),
        lambda: fasttext.train_unsupervised(missing),
        lambda: model.test(missing),
        lambda: model.get_meter(missing),
        lambda: model.save_model(os.path.join(missing, "m.bin")),
    ):
        with pytest.raises(ValueError, match=r"missing.*cannot be opened: No such file"):
            call()


# ---- labels ----


def test_predict_answers_for_a_line_and_for_many(model: Any) -> None:
    labels, probabilities = model.predict("fresh bread and soup", k=2)
    assert labels == ("__label__food", "__label__road")
    assert (probabilities.shape, probabilities.dtype) == ((2,), np.float64)
    assert probabilities.sum() == pytest.approx(1, abs=1e-6)
    many, each = model.predict(["fresh bread and soup", "bus"], k=-1)
    assert many == [list(labels), ["__label__road", "__label__food"]]
    assert [(row.shape, row.dtype) for row in each] == [((2,), np.float32)] * 2
    np.testing.assert_allclose(each[0], probabilities, atol=1e-6)


def test_labels_below_the_threshold_are_left_out(model: Any) -> None:
    labels, probabilities = model.predict("bread", k=-1, threshold=0.5)
    assert (labels, len(probabilities)) == (("__label__food",), 1)
    labels, probabilities = model.predict("bread", threshold=1.5)
    assert (labels, probabilities.shape, probabilities.dtype) == ((), (0,), np.float64)
    many, each = model.predict(["bread", "bus"], threshold=1.5)
    assert (many, [len(row) for row in each]) == ([[], []], [0, 0])


def test_empty_and_unknown_texts_have_a_prediction(model: Any) -> None:
    for text in ("", " ", "zzz qqq", "__label__food"):
        labels, probabilities = model.predict(text)
        assert len(labels) == len(probabilities) == 1
        assert 0 <= probabilities[0] <= 1


def test_what_predict_cannot_take_is_said(model: Any, vectors: Any) -> None:
    with pytest.raises(ValueError, match="text must be a single line, got a newline"):
        model.predict("two\nlines")
    with pytest.raises(ValueError, match="text must be a single line, got a newline"):
        model.predict(["one", "two\n"])
    with pytest.raises(TypeError, match="text must be a str or a list of str, got 3"):
        model.predict([3])
    for k in (0, -2):
        with pytest.raises(ValueError, match=f"k must be at least 1, got {k}"):
            model.predict("bread", k=k)
    with pytest.raises(ValueError, match="the model must be supervised"):
        vectors.predict("bread")


def test_test_counts_known_labels(model: Any, tmp_path: Path) -> None:
    path = tmp_path / "test.txt"
    path.write_text("__label__food bread\n__label__food car\n__label__other bus\nno label\n__label__road bus\n")
    assert model.test(str(path)) == (3, pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert model.test(str(path), k=-1) == (3, pytest.approx(1 / 2), 1.0)
    scores = model.test_label(str(path))
    assert list(scores) == model.get_labels()
    assert scores["__label__food"] == {"precision": 1.0, "recall": 0.5, "f1score": pytest.approx(2 / 3)}
    assert scores["__label__road"]["precision"] == 0.5
    assert math.isnan(model.test_label(str(path), threshold=2)["__label__food"]["precision"])


def test_the_meter_follows_every_threshold(model: Any, tmp_path: Path) -> None:
    path = tmp_path / "test.txt"
    path.write_text("__label__food bread\n__label__food car\n__label__road bus\nno label\n")
    meter = model.get_meter(str(path))
    scores, true = meter.score_vs_true("__label__food")
    assert (list(scores) == sorted(scores), true.sum()) == (True, 2)
    expected = [model.predict(text, k=-1)[1][model.predict(text, k=-1)[0].index("__label__food")] for text in
                ("bread", "car", "bus")]  # fmt: skip
    np.testing.assert_allclose(scores, sorted(expected))
    precision, recall = meter.precision_recall_curve("__label__food")
    assert (precision[0], recall[0], precision[-1], recall[-1]) == (1.0, 0.5, 1.0, 0.0)
    assert recall.max() == 1.0
    assert meter.precision_at_recall(0.5, "__label__food") == 1.0
    assert meter.recall_at_precision(1.0, "__label__food") >= 0.5
    assert 0.5 <= meter.precision_at_recall(1.0) < 1.0
    assert meter.recall_at_precision(1.1) == 0.0
    missed, _ = model.get_meter(str(path), k=1).score_vs_true("__label__food")
    assert missed[0] == -1
    with pytest.raises(ValueError, match="label must be one of the model, got '__label__x'"):
        meter.score_vs_true("__label__x")


def test_a_line_is_split_into_words_and_known_labels(model: Any, vectors: Any) -> None:
    line = "bread q\t__label__food __label__none\0z"
    assert model.get_line(line) == (["bread", "q", "z", "</s>"], ["__label__food"])
    assert model.get_line(["bread", ""]) == ([["bread", "</s>"], ["</s>"]], [[], []])
    assert vectors.get_line("bread") == (["bread", "</s>"], [])
    assert fasttext.tokenize("a b\n\nc\r\vd\0e") == ["a", "b", "</s>", "</s>", "c", "d", "e"]


# ---- words and vectors ----


def test_words_and_labels_are_listed_with_their_counts(model: Any, vectors: Any) -> None:
    words, counts = model.get_words(include_freq=True)
    assert words == model.words
    assert (counts.dtype, counts[0]) == (np.int64, 200)
    labels, counts = model.get_labels(include_freq=True)
    assert (sorted(labels), counts.tolist()) == (["__label__food", "__label__road"], [100, 100])
    assert vectors.get_labels() == vectors.labels == vectors.words
    assert "bread" in model
    assert "breads" not in model
    assert [model.get_word_id(word) for word in (words[3], "breads")] == [3, -1]
    assert [model.get_label_id(label) for label in (labels[1], "bread", "x")] == [1, -1, -1]


def test_subwords_are_rows_of_the_input_matrix(model: Any, vectors: Any) -> None:
    for trained, shortest in ((model, 2), (vectors, 3)):
        matrix = trained.get_input_matrix()
        assert matrix.shape == (len(trained.words) + 1000, trained.get_dimension())
        for word in ("bread", "breads", "x", "</s>"):
            parts, rows = trained.get_subwords(word)
            assert len(parts) == len(rows)
            assert (parts[:1] == [word]) == (word in trained)
            expected = matrix[rows].mean(axis=0) if len(rows) else np.zeros(8)
            np.testing.assert_allclose(trained.get_word_vector(word), expected, atol=1e-6)
            for part, row in zip(parts[word in trained :], rows[word in trained :], strict=True):
                assert (trained.get_subword_id(part), len(part) >= shortest) == (row, True)
                np.testing.assert_array_equal(trained.get_input_vector(row), matrix[row])
        with pytest.raises(IndexError, match="ind must be at least 0 and below"):
            trained.get_input_vector(len(matrix))


def test_vectors_are_of_any_word_and_of_sentences(model: Any, vectors: Any) -> None:
    for trained in (model, vectors):
        for text in ("bread", "breads", ""):
            vector = trained.get_word_vector(text)
            assert (vector.shape, vector.dtype) == ((8,), np.float32)
            np.testing.assert_array_equal(trained[text], vector)
        assert trained.get_sentence_vector("bread and soup").shape == (8,)
        assert trained.get_sentence_vector("").dtype == np.float32
        with pytest.raises(ValueError, match="single line"):
            trained.get_sentence_vector("a\nb")
    units = [vectors[word] / np.linalg.norm(vectors[word]) for word in ("bread", "cars")]
    np.testing.assert_allclose(vectors.get_sentence_vector("bread cars"), np.mean(units, axis=0), atol=1e-6)
    assert not vectors.get_sentence_vector(" ").any()


def test_neighbours_are_pairs_of_similarity_and_word(vectors: Any, model: Any) -> None:
    for trained in (model, vectors):
        near = trained.get_nearest_neighbors("bread", k=5)
        assert {word for _, word in near} <= {*FOOD, "</s>"}
        assert [s for s, _ in near] == sorted((s for s, _ in near), reverse=True)
        assert len(trained.get_nearest_neighbors("breads")) == 10
        words = {word for _, word in trained.get_analogies("bread", "butter", "car", k=4)}
        assert len(words - {"bread", "butter", "car"}) == 4
    assert len(vectors.get_nearest_neighbors("bread", k=1000)) == len(vectors.words) - 1
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        vectors.get_nearest_neighbors("bread", k=0)


def test_unknown_words_without_ngrams_are_zeros(texts: Path) -> None:
    model = fasttext.train_supervised(str(texts), **SMALL)
    assert not model["breads"].any()
    assert model.get_subwords("breads")[0] == []
    assert model.get_subword_id("<br") == -1
    assert [similarity for similarity, _ in model.get_nearest_neighbors("breads", k=2)] == [0, 0]


# ---- files ----


def test_a_saved_model_answers_the_same(model: Any, texts: Path, tmp_path: Path) -> None:
    model.save_model(tmp_path / "m.bin")
    again = fasttext.load_model(tmp_path / "m.bin")
    assert not again.is_quantized()
    assert (again.words, again.labels) == (model.words, model.labels)
    for mine, theirs in zip(
        again.predict(["bread q", "bus"], 2)[1], model.predict(["bread q", "bus"], 2)[1], strict=True
    ):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)
    np.testing.assert_array_equal(again.get_output_matrix(), model.get_output_matrix())
    again.save_model(str(tmp_path / "n.bin"))
    assert (tmp_path / "n.bin").read_bytes() == (tmp_path / "m.bin").read_bytes()
    assert isinstance(TextClassifier.load_fasttext(tmp_path / "m.bin"), TextClassifier)


def test_a_pickled_model_answers_the_same(model: Any, vectors: Any) -> None:
    assert (
        pickle.loads(pickle.dumps(model)).predict("bread q", k=2)[1].tolist()
        == model.predict("bread q", k=2)[1].tolist()
    )
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(vectors))["breads"], vectors["breads"])
    assert pickle.loads(pickle.dumps(model)).lr == model.lr


def test_quantize_makes_a_classifier_smaller_in_place(texts: Path, tmp_path: Path) -> None:
    model = fasttext.train_supervised(str(texts), **SMALL, wordNgrams=3)
    with pytest.raises(ValueError, match="input must be the path of a file for retrain"):
        model.quantize(retrain=True)
    model.save_model(tmp_path / "m.bin")
    model.quantize(input=str(texts), cutoff=256, retrain=True, qnorm=True, epoch=1, lr=0.1, thread=1)
    assert model.is_quantized()
    assert model.test(str(texts))[1] > 0.95
    model.save_model(tmp_path / "m.ftz")
    assert (tmp_path / "m.ftz").stat().st_size < (tmp_path / "m.bin").stat().st_size / 2
    again = fasttext.load_model(tmp_path / "m.ftz")
    assert again.is_quantized()
    np.testing.assert_allclose(again.predict("bread")[1], model.predict("bread")[1], atol=1e-6)
    assert again.get_input_vector(0).shape == (8,)
    with pytest.raises(ValueError, match="the input matrix must not be quantized"):
        again.get_input_matrix()
    with pytest.raises(ValueError, match="must not be quantized to be quantized"):
        again.quantize()


def test_vectors_are_quantized_too(texts: Path, tmp_path: Path) -> None:
    path = tmp_path / "many.txt"
    path.write_text(" ".join(f"word{i} word{i}s" for i in range(150)) + "\n")
    model = fasttext.train_unsupervised(str(path), **{**VECTORS, "epoch": 1})
    with pytest.raises(ValueError, match="cutoff and retrain must not be given"):
        model.quantize(cutoff=300)
    before = model["word7"]
    model.quantize(qnorm=True, dsub=1)
    assert model.is_quantized()
    assert before @ model["word7"] > 0.9 * np.linalg.norm(before) * np.linalg.norm(model["word7"])
    model.save_model(tmp_path / "m.ftz")
    again = fasttext.load_model(tmp_path / "m.ftz")
    np.testing.assert_array_equal(again["unseen"], model["unseen"])
    parts, rows = again.get_subwords("word7")
    np.testing.assert_allclose(
        np.mean([again.get_input_vector(row) for row in rows], axis=0), again["word7"], atol=1e-6
    )
    assert parts[0] == "word7"


def test_words_that_are_not_utf_8_are_handled_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "latin.txt"
    path.write_bytes(b"__label__\xe9t caf\xe9 noir\n__label__b tea green\n" * 40)
    model = fasttext.train_supervised(str(path), **SMALL)
    with pytest.raises(UnicodeDecodeError):
        _ = model.words
    assert "caf�" in model.get_words(on_unicode_error="replace")
    assert "caf" in model.get_words(on_unicode_error="ignore")
    assert model.predict("noir", on_unicode_error="replace")[0] == ("__label__�t",)
    with pytest.raises(UnicodeDecodeError):
        model.predict(["noir"])


def test_matrices_are_replaced_and_projected(model: Any, vectors: Any) -> None:
    for trained in (pickle.loads(pickle.dumps(model)), pickle.loads(pickle.dumps(vectors))):
        before = trained.get_input_matrix()
        assert util.reduce_model(trained, 3) is trained
        assert trained.get_dimension() == trained["bread"].shape[0] == 3
        after = trained.get_input_matrix()
        centred = before - before.mean(axis=0)
        kept = np.linalg.svd(centred, compute_uv=False)[:3]
        np.testing.assert_allclose(np.linalg.svd(after - after.mean(axis=0), compute_uv=False), kept, rtol=1e-3)
        assert trained.get_output_matrix().shape[1] == 3
    reduced = util.reduce_model(pickle.loads(pickle.dumps(model)), 8)
    np.testing.assert_allclose(reduced.predict("bread")[1], model.predict("bread")[1], atol=1e-4)


def test_helpers_score_and_find_the_nearest_row() -> None:
    assert util.test([["a"], ["b"]], [["a", "c"], ["c"]]) == (0.5, pytest.approx(1 / 3))
    rows = np.array([[1, 0], [0, 1], [2, 1]], np.float32)
    found = np.empty(3, np.float32)
    assert util.find_nearest_neighbor(rows[0], rows, set(), found) == 2
    assert util.find_nearest_neighbor(rows[0], rows, {2}) == 0
    assert found.tolist() == [1, 0, 2]
    with pytest.raises(ValueError, match="ban_set must leave a row"):
        util.find_nearest_neighbor(rows[0], rows, {0, 1, 2})


def test_the_module_has_fasttexts_names(model: Any) -> None:
    assert (fasttext.BOW, fasttext.EOS, fasttext.EOW) == ("<", "</s>", ">")
    assert isinstance(model, fasttext.FastText._FastText)
    assert fasttext.FastText.load_model is fasttext.load_model
    signatures = {
        "predict": "(text, k=1, threshold=0.0, on_unicode_error='strict')",
        "test": "(path, k=1, threshold=0.0)",
        "test_label": "(path, k=1, threshold=0.0)",
        "get_meter": "(path, k=-1)",
        "get_nearest_neighbors": "(word, k=10, on_unicode_error='strict')",
        "get_analogies": "(wordA, wordB, wordC, k=10, on_unicode_error='strict')",
        "get_words": "(include_freq=False, on_unicode_error='strict')",
        "get_labels": "(include_freq=False, on_unicode_error='strict')",
        "get_line": "(text, on_unicode_error='strict')",
        "get_subwords": "(word, on_unicode_error='strict')",
        "quantize": "(input=None, qout=False, cutoff=0, retrain=False, epoch=None, lr=None, thread=None, verbose=None, "
        "dsub=2, qnorm=False)",
    }
    for name, signature in signatures.items():
        parameters = list(inspect.signature(getattr(fasttext.FastText._FastText, name)).parameters.values())[1:]
        bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]
        assert str(inspect.Signature(bare)) == signature


# ---- fastText's own files ----


@pytest.fixture(scope="module")
def interop() -> Path:
    if "HOGVEC_DATA" not in os.environ:
        pytest.skip("HOGVEC_DATA is not set")
    return Path(os.environ["HOGVEC_DATA"]) / "interop"


def test_fasttexts_files_have_their_vectors_and_ngrams(interop: Path) -> None:
    model = fasttext.load_model(interop / "crime-and-punishment.bin")
    expected = {"steamtrain": [0.031988, 0.022966, 0.059483, 0.094547, 0.062693],
                "паровоз": [-0.0033987, 0.056236, 0.036073, 0.094008, 0.00085222]}  # fmt: skip
    for word, vector in expected.items():
        np.testing.assert_allclose(model[word], vector, atol=1e-5)
    rows = (interop / "crime-and-punishment.vec").read_text(encoding="utf-8").splitlines()[1:]
    for row in rows:
        word, *values = row.split(" ")[:6]
        np.testing.assert_allclose(model[word], np.array(values, np.float32), atol=1e-5)
    parts, ids = model.get_subwords("test")
    assert parts == ["<te", "<tes", "<test", "<test>", "tes", "test", "test>", "est", "est>", "st>"]
    np.testing.assert_allclose(
        model.get_input_vector(ids[0]), [-0.19949, -0.029413, 0.043775, 0.11325, 0.028758], rtol=1e-4
    )
    assert (model.get_dimension(), len(model.words), "landlord" in model) == (5, 291, False)
    assert isinstance(SubwordVectors.load_fasttext(interop / "crime-and-punishment.bin"), SubwordVectors)


def test_fasttexts_classifier_predicts(interop: Path) -> None:
    model = fasttext.load_model(interop / "pang_lee_polarity_fasttext.bin")
    assert sorted(model.labels) == ["__label__neg", "__label__pos"]
    labels, probabilities = model.predict("a wonderful film", k=-1)
    assert sorted(labels) == sorted(model.labels)
    assert probabilities.sum() == pytest.approx(1)
    old = fasttext.load_model(interop / "non_ascii_fasttext.bin")
    assert (old.get_dimension(), len(old.words)) == (2, 171)
