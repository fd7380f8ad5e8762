"""Wrong input to the classifier: each is refused with the name, the rule and the value, and nothing is changed."""

import hogvec
import numpy as np
import pytest
from hogvec.text_classifier import TextClassifier
from test_text_classifier import planted


@pytest.fixture(scope="module")
def fitted():
    return TextClassifier(threads=1).fit(*planted(50))


@pytest.mark.parametrize(
    ("parameters", "texts", "labels", "error", "message"),
    [
        ({"dim": 0}, ["a"], ["x"], ValueError, "dim must be at least 1, got 0"),
        ({"word_ngrams": 0}, ["a"], ["x"], ValueError, "word_ngrams must be at least 1, got 0"),
        ({"max_n": 3}, ["a"], ["x"], ValueError, "min_n must be at least 1 and at most max_n, 3, got 0"),
        ({"buckets": 0}, ["a"], ["x"], ValueError, "buckets must be at least 1, got 0"),
        ({"loss": "softmax"}, ["a"], ["x"], TypeError, "loss must be a Loss"),
        ({"learning_rate": 0}, ["a"], ["x"], ValueError, "learning_rate must be above 0, got 0"),
        ({"label_prefix": " "}, ["a"], ["x"], ValueError, "label_prefix must be letters without white space"),
        ({"pretrained": 3}, ["a"], ["x"], TypeError, "pretrained must be KeyedVectors or the path"),
        ({}, ["a", "b"], ["x"], ValueError, "labels must have an entry for each text, 2, got 1"),
        ({}, ["a", "b"], ["x", "x"], ValueError, "at least 2 classes to be told apart, got 1"),
        ({}, ["a", "b"], None, ValueError, "words that begin with __label__"),
        ({}, ["a", 7], ["x", "y"], TypeError, "texts must be str, got int as number 1"),
        ({}, [["a"], ["b"]], ["x", "y"], TypeError, "texts must be str, got list as number 0"),
        ({}, ["a", "b"], "xy", TypeError, "labels must be a list or an array"),
        ({}, ["a", "b"], ["x", 1], TypeError, "labels must be of one kind, got int and str"),
        ({}, ["a", "b"], [1.5, 2.5], TypeError, "labels must be str or int, got 1.5"),
        ({}, ["a", "b"], ["x", ["y"]], TypeError, "labels must be a list for every text or for none, got 'x'"),
        ({}, ["a", "b"], np.eye(2), ValueError, "labels must have one axis"),
        ({}, ["a", "b"], [{"x", 1}, {"y"}], TypeError, "labels must be of one kind, got int and str"),
        ({"min_count_label": 2}, ["a", "b"], ["x", "y"], ValueError, "got none"),
        ({"loss": hogvec.Softmax(normalize=True)}, ["a", "b"], ["x", "y"], ValueError, "normalize must be False"),
        ({}, "no/such/file", None, FileNotFoundError, "no/such/file"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_name(parameters, texts, labels, error, message):
    with pytest.raises(error, match=message):
        TextClassifier(**parameters).fit(texts, labels)


def test_bad_weights_and_questions_are_refused_by_name(fitted):
    texts, labels = planted(4)
    for weights, message in (
        ([1, 2], "an entry for each text, 4"),
        ([1, -1, 1, 1], "not negative, got -1"),
        ([1, np.nan, 1, 1], "finite"),
    ):
        with pytest.raises(ValueError, match=message):
            TextClassifier().fit(texts, labels, sample_weight=weights)
    with pytest.raises(ValueError, match="must hold something to train on"):
        TextClassifier().fit(texts, labels, sample_weight=[0, 0, 0, 0])
    with pytest.raises(ValueError, match="class_weight must name labels"):
        TextClassifier().fit(texts, labels, class_weight={"nowhere": 1.0})
    with pytest.raises(TypeError, match="class_weight must be a dict"):
        TextClassifier().fit(texts, labels, class_weight=[1, 2])
    with pytest.raises(ValueError, match=r"class_weight must be at most 3.40282e\+38, got 1e\+300"):
        TextClassifier().fit(texts, labels, class_weight={labels[0]: 1e300})
    with pytest.raises(ValueError, match="validation must be a pair of texts and labels or a path, got a tuple of 3"):
        TextClassifier().fit(texts, labels, validation=(texts, labels, None))
    assert not hasattr(TextClassifier(), "classes_")
    with pytest.raises(RuntimeError, match="must be fitted"):
        TextClassifier().predict(texts)
    with pytest.raises(TypeError, match="texts must be a list or an array of str, got a single str"):
        fitted.predict("one text")
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        fitted.predict(texts, k=0)
    with pytest.raises(ValueError, match="at least one text"):
        fitted.score([], [])


def test_a_learning_rate_that_is_too_high_is_an_error_and_keeps_the_classifier():
    texts, labels = planted(200)
    classifier = TextClassifier(threads=1).fit(texts, labels)
    before = classifier.predict_proba(texts)
    classifier.set_params(learning_rate=1e9, loss=hogvec.OneVsAll())
    with pytest.raises(RuntimeError, match="must stay finite"):
        classifier.fit(texts, labels)
    np.testing.assert_array_equal(classifier.predict_proba(texts), before)


def test_one_long_label_among_many_takes_the_memory_of_its_own_letters(tmp_path):
    long = "x" * 100_000
    texts, labels = ["a b"] * 100 + [f"w{i}" for i in range(400)], [long] * 100 + [str(i) for i in range(400)]
    classifier = TextClassifier(word_ngrams=1, threads=1).fit(texts, labels)
    classifier.save(tmp_path / "c.safetensors")
    for same in (classifier, TextClassifier.load(tmp_path / "c.safetensors")):
        assert same.classes_.nbytes < 10 * len(long)
        assert same.predict(["a b"])[0] == long
        assert same.predict(["a b"], k=2)[0][0][0] == long
        assert same.score(["a b", "a b"], [long, "1"]) == 0.5
        assert same.evaluate(["a b"], [long]).hits[same.classes_.tolist().index(long)] == 1


def test_labels_keep_a_nul_at_their_end():
    classifier = TextClassifier(threads=1).fit(["a", "b"] * 20, ["x\0", "x"] * 20)
    assert classifier.classes_.tolist() == ["x", "x\0"]
    assert classifier.predict(["a", "b"]).tolist() == ["x\0", "x"]


def test_columns_of_arrow_are_texts_and_labels(fitted):
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
    texts, labels = planted(60)
    expected = TextClassifier(threads=1).fit(texts, labels).predict_proba(texts)
    columns = {
        "string": pa.array(texts),
        "large": pa.array(texts, pa.large_string()),
        "view": pa.array(texts, pa.string_view()),
        "dictionary": pa.array(texts).dictionary_encode(),
        "sliced": pa.array(["before", *texts, "after"]).slice(1, len(texts)),
        "chunked": pa.chunked_array([texts[:7], [], texts[7:]]),
    }
    for column in columns.values():
        classifier = TextClassifier(threads=1).fit(column, pa.array(labels))
        np.testing.assert_array_equal(classifier.predict_proba(column), expected)
    several = pa.array([[label] for label in labels])
    np.testing.assert_array_equal(TextClassifier(threads=1).fit(texts, several).predict_proba(texts), expected)
    for empty in (pa.array([], pa.string()), pa.chunked_array([], pa.string())):
        assert fitted.predict(empty).shape == (0,)
    with pytest.raises(ValueError, match="texts must not be null, got 1 that are"):
        fitted.predict(pa.array(["a", None]))
    with pytest.raises(TypeError, match="texts must be a column of strings, got int64"):
        fitted.predict(pa.array([1]))
    with pytest.raises(TypeError, match="labels must be str or int, got None"):
        TextClassifier().fit(texts, pa.array([None, *labels[1:]]))


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="came with NumPy 2")
def test_numpys_strings_of_any_length_are_texts_and_labels():
    texts, labels = (np.array(values, np.dtypes.StringDType()) for values in planted(60))
    classifier = TextClassifier(threads=1).fit(texts, labels)
    assert classifier.score(texts, labels) == classifier.score(*planted(60))
