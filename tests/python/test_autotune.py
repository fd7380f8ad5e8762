"""The classifier's autotune: what it returns, metrics, sizes of files, bad input. The search itself: test_tuning."""

import itertools
import pickle
import re
from types import SimpleNamespace

import hogvec
import numpy as np
import pytest
from hogvec import tuning
from hogvec._autotune import largest_cutoff
from hogvec.text_classifier import TextClassifier

CHEAP = {"fixed": ["dim", "epochs", "buckets"], "progress": False}


def planted(n, seed=1):
    """Texts in which one word tells the class, but seldom, and the classes, the third of which is rare."""
    rng = np.random.default_rng(seed)
    classes = rng.choice(3, size=n, p=[0.5, 0.4, 0.1])
    words = np.array([f"w{i}" for i in range(60)])
    texts = [" ".join([*rng.choice(words, 6), f"c{c}{rng.integers(12)}"]) for c in classes]
    return texts, [f"class{c}" for c in classes]


TRAIN, VALID = planted(300), planted(200, seed=2)


def start(**parameters):
    return TextClassifier(**{"dim": 4, "learning_rate": 0.05, "buckets": 20_000, "threads": 1, **parameters})


@pytest.fixture(scope="module")
def tuned():
    return start().autotune(TRAIN, VALID, trials=8, **CHEAP)


def test_autotune_returns_another_classifier_better_than_the_one_it_starts_from(tuned):
    first, best = tuned.trials_[0], tuned.trials_.best
    assert first.parameters == {"learning_rate": 0.05, "word_ngrams": 2, "min_n": 0, "max_n": 0}
    assert first.score == start().fit(*TRAIN).evaluate(*VALID).f1
    assert tuned.evaluate(*VALID).f1 == best.score > first.score + 0.1
    assert {name: getattr(tuned, name) for name in best.parameters} == best.parameters
    assert (tuned.dim, tuned.epochs, tuned.buckets) == (4, 5, 20_000)


def test_autotune_leaves_the_classifier_as_it_is_and_finds_the_same_again(tuned):
    classifier = start()
    again = classifier.autotune(TRAIN, VALID, trials=8, **CHEAP)
    assert not classifier.__sklearn_is_fitted__()
    assert classifier.get_params() == start().get_params()
    assert [(t.parameters, t.score) for t in again.trials_] == [(t.parameters, t.score) for t in tuned.trials_]
    np.testing.assert_array_equal(again.predict_proba(VALID[0]), tuned.predict_proba(VALID[0]))


def test_trials_survive_a_pickle(tuned):
    assert str(pickle.loads(pickle.dumps(tuned)).trials_) == str(tuned.trials_)


def test_files_of_texts_are_tuned_on_as_lists_are(tmp_path):
    for name, (texts, labels) in (("train", TRAIN), ("valid", VALID)):
        lines = [f"__label__{label} {text}" for text, label in zip(texts, labels, strict=True)]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    found = start().autotune(tmp_path / "train", tmp_path / "valid", trials=3, **CHEAP)
    of_lists = start().autotune(TRAIN, VALID, trials=3, **CHEAP)  # as many, since their number decides the steps
    assert [(t.parameters, t.score) for t in found.trials_] == [(t.parameters, t.score) for t in of_lists.trials_]


def test_all_parameters_are_tuned_within_ranges_that_hold_the_start():
    classifier = start(dim=2, epochs=200, learning_rate=9.0, min_n=1, max_n=1, buckets=100)
    found = classifier.autotune(planted(40), VALID, trials=6, progress=False)
    names = ["learning_rate", "epochs", "dim", "word_ngrams", "min_n", "max_n", "buckets"]
    assert list(found.trials_[0].parameters) == names
    assert list(found.trials_[0].parameters.values()) == [9.0, 200, 2, 2, 1, 1, 100]
    for name in names:
        assert len({trial.parameters[name] for trial in found.trials_}) > 1, name


def test_pretrained_vectors_fix_the_dimension():
    vectors = hogvec.KeyedVectors(hogvec.Vocabulary.from_words(["c00"]), np.ones((1, 4), np.float32))
    found = start(pretrained=vectors).autotune(TRAIN, VALID, trials=3, fixed=["epochs"], progress=False)
    assert "dim" not in found.trials_[0].parameters


@pytest.mark.parametrize("metric", ["f1", "accuracy", "f1:class2"])
def test_a_metric_is_what_evaluate_says(metric):
    found = start(learning_rate=1.0).autotune(TRAIN, VALID, metric=metric, trials=1, **CHEAP)
    evaluation = found.evaluate(*VALID)
    rare = evaluation.per_label[2]
    expected = {"f1": evaluation.f1, "accuracy": found.score(*VALID), "f1:class2": rare.f1}[metric]
    assert rare.label == "class2"
    assert found.trials_[0].score == expected > 0


@pytest.mark.parametrize("name", ["precision_at_recall", "recall_at_precision"])
@pytest.mark.parametrize("label", [None, "class2"])
def test_a_metric_is_what_the_curve_says(name, label):
    metric = f"{name}:0.2" + (f":{label}" if label else "")
    found = start(learning_rate=1.0).autotune(TRAIN, VALID, metric=metric, k=2, trials=1, **CHEAP)
    curve = found.precision_recall(*VALID, label=label, k=2)
    assert found.trials_[0].score == getattr(curve, name)(0.2) > 0


def test_labels_of_a_text_are_counted_up_to_k():
    found = start(learning_rate=1.0).autotune(TRAIN, VALID, k=2, trials=1, **CHEAP)
    assert found.trials_[0].score == found.evaluate(*VALID, k=2).f1 != found.evaluate(*VALID).f1


def test_a_label_that_is_never_predicted_scores_zero():
    texts, labels = TRAIN
    once = (texts, ["class2", *("class0" if label == "class2" else label for label in labels[1:])])
    found = start(learning_rate=0.2).autotune(once, VALID, metric="f1:class2", trials=1, **CHEAP)
    assert found.trials_[0].score == 0.0


@pytest.mark.parametrize("dsub", [1, 2, 3])
@pytest.mark.parametrize("qout", [False, True])
def test_a_file_of_the_largest_cutoff_fits_and_one_row_more_does_not(dsub, qout, tmp_path):
    texts, _ = planted(300)
    classifier = start(dim=3, epochs=1).fit(texts, list(range(300)))  # enough outputs to be quantized
    model = classifier._trained_rows()

    def size(cutoff):
        small = classifier.quantize(cutoff, qnorm=True, qout=qout, dsub=dsub)
        small.save_fasttext(tmp_path / "c.ftz")
        return (tmp_path / "c.ftz").stat().st_size

    exact = size(300)
    assert largest_cutoff(model, exact, dsub=dsub, qout=qout) == 300
    assert largest_cutoff(model, exact - 1, dsub=dsub, qout=qout) == 299
    with pytest.raises(RuntimeError, match=f"max_model_bytes must be at least {size(256)} for this trial, got 9"):
        largest_cutoff(model, 9, dsub=dsub, qout=qout)


def test_autotune_for_a_size_returns_a_classifier_whose_file_has_it(tmp_path):
    found = start(learning_rate=0.5).autotune(TRAIN, VALID, max_model_bytes=16_000, trials=3, **CHEAP)
    found.save_fasttext(tmp_path / "c.ftz")
    assert 15_000 < (tmp_path / "c.ftz").stat().st_size <= 16_000
    assert found.evaluate(*VALID).f1 == found.trials_.best.score
    assert found.trials_[0].parameters["dsub"] == 2
    with pytest.raises(RuntimeError, match=r"got 2 that failed: .*max_model_bytes must be at least \d+ for this trial"):
        start().autotune(TRAIN, VALID, max_model_bytes=1000, trials=2, **CHEAP)


def test_training_ends_when_it_is_told_to_and_leaves_the_classifier_as_it_was():
    classifier = start().fit(*TRAIN)
    before = classifier.predict_proba(VALID[0])

    def watch(share):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        classifier._fit(*classifier._texts_and_labels(*TRAIN), watch=watch)
    np.testing.assert_array_equal(classifier.predict_proba(VALID[0]), before)
    texts = classifier._texts_and_labels(*TRAIN)
    with pytest.raises(InterruptedError):
        classifier._quantized(256, retrain=texts, qnorm=True, qout=False, dsub=2, watch=watch)


def test_a_trial_is_stopped_at_the_end_of_the_time(monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr(tuning, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    with pytest.raises(RuntimeError, match=r"got \d+ that failed: stopped: it"):
        start(epochs=50).autotune(TRAIN, VALID, seconds=20, **CHEAP)


def test_a_search_goes_on_from_its_file_and_from_no_other(tuned, tmp_path):
    path = tmp_path / "trials.json"
    start().autotune(TRAIN, VALID, trials=8, resume=path, **CHEAP)
    again = start(threads=2, progress=None).autotune(TRAIN, VALID, trials=8, resume=path, **CHEAP)
    assert [trial.parameters for trial in again.trials_] == [trial.parameters for trial in tuned.trials_]
    with pytest.raises(ValueError, match=r"its about must be that of this search, .*accuracy at 1"):
        start().autotune(TRAIN, VALID, metric="accuracy", resume=path, **CHEAP)
    with pytest.raises(ValueError, match="its about must be that of this search"):
        start(loss=hogvec.OneVsAll()).autotune(TRAIN, VALID, resume=path, **CHEAP)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"metric": "f2"}, ValueError, "'recall_at_precision:NUMBER', got 'f2'"),
        ({"metric": 1}, ValueError, "metric must be 'f1', 'accuracy', 'f1:LABEL', 'precision"),
        ({"metric": "precision_at_recall"}, ValueError, "metric must have a number of 0 to 1 behind precision_at_rec"),
        ({"metric": "recall_at_precision:30:x"}, ValueError, "metric must have a number of 0 to 1 behind recall_at_pr"),
        ({"metric": "recall_at_precision:nan"}, ValueError, "metric must have a number of 0 to 1"),
        ({"metric": "f1:class9"}, ValueError, "metric must name a label of train and valid, got 'f1:class9'"),
        ({"k": 0}, ValueError, "k must be at least 1, got 0"),
        ({"fixed": "dim"}, TypeError, "fixed must be a list of names, got 'dim'"),
        ({"fixed": ["loss"]}, ValueError, "fixed must name parameters that are tuned"),
        ({"fixed": ["learning_rate", "epochs", "dim", "word_ngrams", "min_n", "buckets"]}, ValueError, "fixed must l"),
        ({"max_model_bytes": 0}, ValueError, "max_model_bytes must be at least 1, got 0"),
        ({"seconds": 0}, ValueError, "seconds must be above 0, got 0"),
        ({"valid": (["w1"], [[]])}, ValueError, "valid must hold texts with labels, got none"),
        ({"train": (["w1"], ["a"])}, ValueError, "labels must be of at least 2 classes to be told apart, got 1"),
    ],
)
def test_wrong_arguments_are_named(options, error, message):
    given = {"train": TRAIN, "valid": VALID, "trials": 1, "progress": False, **options}
    with pytest.raises(error, match=re.escape(message)):
        start(epochs=1).autotune(**given)


def test_a_start_that_cannot_be_trained_is_refused():
    for name, value in (("learning_rate", 0), ("dim", 0), ("epochs", 0), ("min_count", -1)):
        with pytest.raises(ValueError, match=f"{name} must be (above|at least) [01], got {value}"):
            start(**{name: value}).autotune(TRAIN, VALID, trials=1)
    with pytest.raises(TypeError, match="dim must be an integer, got '4'"):
        start(dim="4").autotune(TRAIN, VALID, trials=1)
