"""The classifier's files: its own, pickles, fastText's; quantized forms; and scikit-learn, where it is installed."""

import copy
import os
import pickle
from pathlib import Path

import hogvec
import numpy as np
import pytest
from fasttext_files import small_model
from hogvec import reference_subwords
from hogvec.fasttext_format import read_fasttext, write_fasttext
from hogvec.product_quantizer import QuantizedMatrix
from hogvec.text_classifier import TextClassifier
from test_text_classifier import LOSSES, planted

DATA = os.environ.get("HOGVEC_DATA")


def reference_probabilities(model, text):
    """What fastText computes from a file's tables for a text, without the end of a line, one number at a time."""
    arguments = model.arguments
    table, output = (
        t.decode() if isinstance(t, QuantizedMatrix) else t for t in (model.input_table, model.output_table)
    )
    tokens = [*text.split(), "</s>"]
    rows = []
    for token in tokens:
        entry = model.entries.get(token, -1)
        rows += reference_subwords.subword_ids(
            token, num_words=model.num_words, buckets=arguments.buckets, min_n=arguments.min_n, max_n=arguments.max_n,
            word_id=entry if entry < model.num_words else -1,
        )  # fmt: skip
    rows += reference_subwords.word_ngram_ids(
        tokens, n=arguments.word_ngrams, num_words=model.num_words, buckets=arguments.buckets
    )
    if model.kept_buckets is not None:
        places = {model.num_words + int(b): model.num_words + int(p) for b, p in model.kept_buckets}
        rows = [places.get(row, row) for row in rows if row < model.num_words or row in places]
    scores = output.astype(float) @ table[rows].astype(float).mean(axis=0)
    if arguments.loss == "softmax":
        return np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    yes = 1 / (1 + np.exp(-scores))
    if arguments.loss != "hs":
        return yes
    return tree_probabilities(model.entries.counts[model.num_words :].tolist(), yes)


def tree_probabilities(counts, yes):
    """Leaves of fastText's Huffman tree of falling counts: a node's number is the chance of its right child."""
    n = len(counts)
    weights = counts + [10**15] * (n - 1)
    children, leaf, node = {}, n - 1, n
    for new in range(n, 2 * n - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and weights[leaf] < weights[node]:
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(node)
                node += 1
        weights[new] = weights[pair[0]] + weights[pair[1]]
        children[new] = pair
    chances = {2 * n - 2: 1.0}
    for new in range(2 * n - 2, n - 1, -1):
        left, right = children[new]
        chances[left], chances[right] = chances[new] * (1 - yes[new - n]), chances[new] * yes[new - n]
    return np.array([chances[i] for i in range(n)])


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_files_and_pickles_predict_the_same_to_the_bit(loss, tmp_path):
    texts, labels = planted(60)
    classifier = TextClassifier(loss=loss, max_n=3, min_n=2, threads=1).fit(texts, [int(name[-1]) for name in labels])
    expected = classifier.predict_proba(texts)
    classifier.save(tmp_path / "c.safetensors")
    loaded = TextClassifier.load(tmp_path / "c.safetensors")
    for other in (loaded, pickle.loads(pickle.dumps(classifier)), copy.deepcopy(classifier)):
        np.testing.assert_array_equal(other.predict_proba(texts), expected)
        assert other.classes_.dtype == np.int64
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "c.safetensors").read_bytes()


def test_a_pickle_keeps_parameters_and_an_unfitted_one_stays_unfitted():
    classifier = TextClassifier(20, loss=hogvec.OneVsAll(), epochs=7, seed=9)
    other = pickle.loads(pickle.dumps(classifier))
    assert other.get_params() == classifier.get_params()
    assert not other.__sklearn_is_fitted__()
    assert repr(other) == "TextClassifier(dim=20, loss=OneVsAll(), epochs=7, seed=9)"


def test_every_prefix_of_a_file_is_refused(tmp_path):
    TextClassifier(threads=1, dim=2).fit(["a", "b"], ["x", "y"]).save(tmp_path / "c")
    data = (tmp_path / "c").read_bytes()
    for size in {*range(0, len(data), 37), len(data) - 1}:
        (tmp_path / "cut").write_bytes(data[:size])
        with pytest.raises(ValueError, match="must be a whole"):
            TextClassifier.load(tmp_path / "cut")
    for old, new in ((b"Softmax", b"Hardmax"), (b"word_ngrams", b"word_ngramz"), (b'"str"', b'"int"'), (b"1", b"x")):
        (tmp_path / "other").write_bytes(data.replace(old, new))
        with pytest.raises(ValueError, match="must be a whole"):
            TextClassifier.load(tmp_path / "other").predict(["a"])
    with pytest.raises(FileNotFoundError):
        TextClassifier.load(tmp_path / "none")


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_a_model_written_for_fasttext_predicts_the_same(loss, tmp_path):
    texts, labels = planted(80)
    classifier = TextClassifier(dim=5, loss=loss, buckets=3000, min_n=2, max_n=3, threads=1, epochs=3)
    classifier.fit(texts, labels)
    classifier.save_fasttext(tmp_path / "c.bin")
    model = read_fasttext(tmp_path / "c.bin")
    loaded = TextClassifier.load_fasttext(tmp_path / "c.bin")
    others = [*planted(5, seed=7)[0], "", "never seen c01"]
    expected = classifier.predict_proba(others)
    np.testing.assert_allclose(loaded.predict_proba(others), expected, atol=1e-6)
    assert loaded.classes_.tolist() == classifier.classes_.tolist()
    names = [name.removeprefix("__label__") for name in model.entries.words[model.num_words :]]
    order = np.argsort(names)
    for text, chances in zip(others, expected, strict=True):
        np.testing.assert_allclose(reference_probabilities(model, text)[order], chances, atol=1e-5)
    loaded.save_fasttext(tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == (tmp_path / "c.bin").read_bytes()


@pytest.mark.parametrize("kind", ["dense", "quantized", "norms", "pruned", "fully pruned"])
def test_quantized_and_pruned_models_predict_as_their_tables_say(kind, tmp_path):
    model = small_model(kind)
    write_fasttext(model, tmp_path / "m")
    loaded = TextClassifier.load_fasttext(tmp_path / "m")
    for text in ("good bad", "good unknown bad good", "bad"):
        np.testing.assert_allclose(loaded.predict_proba([text])[0], reference_probabilities(model, text), atol=1e-5)
    loaded.save_fasttext(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


def test_a_quantized_classifier_is_smaller_and_predicts_nearly_the_same(tmp_path):
    texts, labels = planted(300)
    classifier = TextClassifier(threads=1, epochs=10).fit(texts, labels)
    small = classifier.quantize(300, qnorm=True)
    assert small.score(texts, labels) > 0.97
    small.save_fasttext(tmp_path / "c.ftz")
    loaded = TextClassifier.load_fasttext(tmp_path / "c.ftz")
    np.testing.assert_array_equal(loaded.predict_proba(texts), small.predict_proba(texts))
    assert len(small._model.input_table) == 300
    again = pickle.loads(pickle.dumps(small))
    np.testing.assert_array_equal(again.predict_proba(texts), small.predict_proba(texts))
    all_rows = classifier.quantize()
    assert len(all_rows._model.input_table) == len(classifier._model.input_table)
    retrained = classifier.quantize(260, retrain=(texts, labels))
    assert retrained.evaluate(texts, labels).precision >= classifier.quantize(260).evaluate(texts, labels).precision
    with pytest.raises(ValueError, match="must not be quantized"):
        small.quantize(10)


def test_what_fasttext_cannot_hold_is_refused(tmp_path):
    texts = ["a", "b"]
    spaced = TextClassifier(threads=1).fit(texts, ["two words", "one"])
    with pytest.raises(ValueError, match="no white space and no NUL to be written for fastText, got '__label__two wor"):
        spaced.save_fasttext(tmp_path / "m")
    loss = hogvec.HierarchicalSoftmax(tree=hogvec.BalancedTree(4))
    other = TextClassifier(threads=1, loss=loss).fit(*planted(40))
    other.save(tmp_path / "c")
    assert TextClassifier.load(tmp_path / "c").predict(["c00"]).shape == (1,)
    assert not (tmp_path / "m").exists()


def test_unsupervised_models_are_refused(tmp_path):
    write_fasttext(small_model(model="cbow"), tmp_path / "m")
    with pytest.raises(ValueError, match="must be supervised, got a cbow model"):
        TextClassifier.load_fasttext(tmp_path / "m")


@pytest.mark.skipif(DATA is None, reason="needs HOGVEC_DATA")
def test_a_model_of_another_program_predicts_as_its_tables_say():
    path = Path(DATA) / "interop" / "pang_lee_polarity_fasttext.bin"
    model, loaded = read_fasttext(path), TextClassifier.load_fasttext(path)
    assert loaded.classes_.tolist() == ["neg", "pos"]
    names = [name.removeprefix("__label__") for name in model.entries.words[model.num_words :]]
    lines = (path.parent / "pang_lee_polarity.cor").read_text(encoding="utf-8", errors="surrogateescape")
    lines = lines.split("\n")[:60]
    texts = [" ".join(word for word in line.split() if not word.startswith("__label__")) for line in lines]
    for text, chances in zip(texts, loaded.predict_proba(lines), strict=True):
        np.testing.assert_allclose(chances, reference_probabilities(model, text)[np.argsort(names)], atol=1e-5)


def test_parameters_are_kept_as_given_and_unknown_ones_refused():
    loss = hogvec.NegativeSampling()
    classifier = TextClassifier(loss=loss)
    assert classifier.get_params()["loss"] is loss
    assert classifier.set_params(dim=3, word_ngrams=1) is classifier
    assert TextClassifier(**classifier.get_params()).get_params() == classifier.get_params()
    with pytest.raises(ValueError, match="parameters must be of dim, "):
        classifier.set_params(window=3)


def test_scikit_learn_can_use_it():
    base = pytest.importorskip("sklearn.base", reason="needs scikit-learn")
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer
    from sklearn.utils import get_tags
    from sklearn.utils.validation import check_is_fitted

    texts, labels = planted(120)
    classifier = TextClassifier(threads=1, epochs=20)
    copied = base.clone(classifier)
    assert copied.get_params() == classifier.get_params()
    assert base.is_classifier(copied)
    assert get_tags(copied).input_tags.string
    pipeline = make_pipeline(FunctionTransformer(lambda rows: [row.lower() for row in rows]), classifier)
    assert cross_val_score(pipeline, texts, labels, cv=3).min() > 0.8
    search = GridSearchCV(classifier, {"word_ngrams": [1, 2], "learning_rate": [1e-6, 0.5]}, cv=2, n_jobs=2)
    search.fit(np.array(texts), np.array(labels))
    check_is_fitted(search.best_estimator_)
    assert search.best_params_["learning_rate"] == 0.5
    assert search.predict_proba(texts).shape == (120, 4)
