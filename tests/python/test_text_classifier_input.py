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
