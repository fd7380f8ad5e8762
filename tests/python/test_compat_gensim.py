"""The interface of gensim 4 over this library: vocabularies, training, vectors, files, and what is refused.

Long, since all of it shares two small models.
"""

from __future__ import annotations

import bz2
import gzip
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hogvec
import numpy as np
import pytest
from hogvec._safetensors import read_safetensors, write_safetensors
from hogvec.compat.gensim import (
    RULE_DEFAULT,
    RULE_DISCARD,
    RULE_KEEP,
    CallbackAny2Vec,
    FastText,
    FastTextKeyedVectors,
    KeyedVectors,
    LineSentence,
    PathLineSentences,
    Text8Corpus,
    Word2Vec,
    load_facebook_model,
    load_facebook_vectors,
    save_facebook_model,
)
from hogvec.compat.gensim._evaluation import correlation

TOPICS = [[f"{topic}{i}" for i in range(6)] for topic in ("red", "sea", "dog")]
LINES = [
    [str(word) for word in np.random.default_rng(i).choice(TOPICS[i % 3], 6)] for i in range(300)
]  # words of a topic stand together
SMALL: dict[str, Any] = {"vector_size": 12, "window": 3, "min_count": 1, "workers": 1, "sample": 0}


@pytest.fixture(scope="module")
def model() -> Word2Vec:
    return Word2Vec(LINES, **SMALL, epochs=15, alpha=0.1)


@pytest.fixture(scope="module")
def subwords() -> FastText:
    return FastText(LINES, **SMALL, epochs=15, bucket=500, alpha=0.1, sg=1, min_n=2, max_n=3)


def keyed(keys: list[str], vectors: Any) -> KeyedVectors:
    made = KeyedVectors(len(vectors[0]))
    made.add_vectors(keys, np.array(vectors, np.float32))
    return made


@pytest.fixture
def vectors() -> KeyedVectors:
    return keyed(["a", "b", "c", "d"], [[2, 0], [1, 1], [0, 3], [-1, 0]])


# Training


@pytest.mark.parametrize(
    "options", [{"sg": 1}, {"sg": 0}, {"sg": 1, "hs": 1}, {"sg": 0, "cbow_mean": 0, "alpha": 0.02}]
)
def test_words_of_a_topic_become_neighbours(options: dict[str, Any]) -> None:
    model = Word2Vec(LINES, **{**SMALL, "epochs": 15, "alpha": 0.1, **options})
    for topic in TOPICS:
        for word in topic:
            assert {found for found, _ in model.wv.most_similar(word, topn=3)} <= set(topic)


def test_a_model_shows_its_vocabulary_and_its_tables(model: Word2Vec) -> None:
    wv = model.wv
    assert str(model) == "Word2Vec<vocab=18, vector_size=12, alpha=0.1>"
    assert str(wv) == "KeyedVectors<vector_size=12, 18 keys>"
    assert sorted(wv.index_to_key) == sorted(word for topic in TOPICS for word in topic)
    assert wv.key_to_index == {word: i for i, word in enumerate(wv.index_to_key)}
    counts = [wv.get_vecattr(word, "count") for word in wv.index_to_key]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == model.corpus_total_words == 1800
    assert model.corpus_count == 300
    assert wv.vectors.shape == model.syn1neg.shape == (18, 12)
    assert wv.vectors.dtype == np.float32
    with pytest.raises(AttributeError, match="syn1"):
        _ = model.syn1


def test_training_goes_on_and_counts_words(model: Word2Vec) -> None:
    new = Word2Vec(**SMALL)
    with pytest.raises(RuntimeError, match=r"^the vocabulary must be built before training: call build_vocab$"):
        new.train(LINES, total_examples=1, epochs=1)
    new.build_vocab(LINES)
    before = new.wv.vectors.copy()
    new.wv.fill_norms()
    assert new.train([*LINES, ["unknown", "words"]], total_examples=new.corpus_count, epochs=2) == (3600, 3604)
    assert (new.wv.vectors != before).any(axis=1).all()
    assert new.wv.norms is None
    new.wv.fill_norms()
    np.testing.assert_allclose(new.wv.norms, np.linalg.norm(new.wv.vectors, axis=1), rtol=1e-6)
    assert new.train_count == 1
    for arguments in ({"epochs": 1}, {"total_examples": 1}, {"total_words": 1, "epochs": 0}):
        with pytest.raises(ValueError, match="must be given"):
            new.train(LINES, **arguments)
    with pytest.raises(TypeError, match=r"^either an iterable of sentences or a corpus_file must be given"):
        new.train(total_examples=1, epochs=1)


def test_the_learning_rate_falls_from_alpha_to_min_alpha() -> None:
    model = Word2Vec(LINES, **SMALL, alpha=0.05, min_alpha=0.01)
    rates = [report.learning_rate for report in model._trainer.history]
    assert rates[0] == pytest.approx(0.042, abs=2e-3)  # after a fifth of the way
    assert model.min_alpha_yet_reached == pytest.approx(0.01, abs=1e-3)
    model.train(LINES, total_examples=1, epochs=1, start_alpha=0.02, end_alpha=0.02)
    assert model.min_alpha_yet_reached == pytest.approx(0.02, abs=1e-6)
    with pytest.raises(ValueError, match=r"^min_alpha must be at least 0 and at most alpha, 0\.02, got 0\.03$"):
        model.train(LINES, total_examples=1, epochs=1, end_alpha=0.03)


def test_sentences_may_be_a_generator_a_file_or_an_iterable_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(map(" ".join, LINES)), encoding="utf-8")
    made = [
        Word2Vec(LINES, **SMALL),
        Word2Vec((line for line in LINES), **SMALL),
        Word2Vec(corpus_file=path, **SMALL),
        Word2Vec(corpus_file=str(path), **SMALL),
        Word2Vec(LineSentence(path), **SMALL),
    ]
    for other in made[1:]:
        np.testing.assert_array_equal(other.wv.vectors, made[0].wv.vectors)
    with pytest.raises(TypeError, match="did you forget to split it into words"):
        Word2Vec(["a sentence", "that is a string"], **SMALL)


def test_callbacks_see_the_model_at_the_ends_of_epochs() -> None:
    seen: list[Any] = []

    class Watcher(CallbackAny2Vec):
        def on_train_begin(self, model: Word2Vec) -> None:
            seen.append("train")

        def on_epoch_begin(self, model: Word2Vec) -> None:
            seen.append("begin")

        def on_epoch_end(self, model: Word2Vec) -> None:
            seen.append((model.wv["red1"].copy(), model.get_latest_training_loss()))

        def on_train_end(self, model: Word2Vec) -> None:
            seen.append("end")

    model = Word2Vec(LINES, **SMALL, epochs=3, compute_loss=True, callbacks=[Watcher()])
    assert [one if isinstance(one, str) else "epoch" for one in seen] == ["train", *["begin", "epoch"] * 3, "end"]
    vectors, losses = zip(*(one for one in seen if not isinstance(one, str)), strict=True)
    assert not np.array_equal(vectors[0], vectors[1])
    assert 0 < losses[0] < losses[1] < losses[2] == model.get_latest_training_loss()
    assert Word2Vec(LINES, **SMALL).get_latest_training_loss() == 0

    class Breaks(CallbackAny2Vec):
        def on_epoch_end(self, model: Word2Vec) -> None:
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        Word2Vec(LINES, **SMALL, callbacks=[Breaks()])


def test_a_few_lines_that_subsampling_empties_are_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"^nothing was trained: the corpus must hold something to train on"):
        model = Word2Vec([["a", "b", "a", "b"]], min_count=1, vector_size=4, sample=1e-9, workers=1)
    assert model.wv.vectors.shape == (2, 4)


def test_ten_thousand_words_are_no_limit_of_a_sentence() -> None:
    line = ["a"] * 9_999 + ["b", "c"] * 3_000
    model = Word2Vec([line], **SMALL)
    assert model.corpus_total_words == len(line)
    assert model.train([line], total_examples=1, epochs=1) == (len(line), len(line))


# The vocabulary


def counted(**options: Any) -> dict[str, int]:
    text = [["f"] + ["a"] * 5 + ["b"] * 4 + ["c"] * 3 + ["d"] * 3 + ["e"] * 2]
    model = Word2Vec(vector_size=2, workers=1, **{"min_count": 1, **options})
    model.build_vocab(text)
    return {word: int(model.wv.get_vecattr(word, "count")) for word in model.wv.index_to_key}


def test_limits_decide_which_words_stay() -> None:
    everything = {"a": 5, "b": 4, "c": 3, "d": 3, "e": 2, "f": 1}
    assert counted() == everything
    assert counted(min_count=3) == {"a": 5, "b": 4, "c": 3, "d": 3}
    assert list(counted(max_final_vocab=4)) == ["a", "b", "c", "d"]
    assert list(counted(max_final_vocab=3)) == ["a", "b"]  # of equals all stay, or none
    assert list(counted(max_vocab_size=3)) == ["a", "b", "c"]
    assert list(counted(sorted_vocab=0)) == ["f", "a", "b", "c", "d", "e"]
    model = Word2Vec(vector_size=2, min_count=5)
    model.build_vocab([["a", "b"] * 5, ["c"]], min_count=1, keep_raw_vocab=True)
    assert model.raw_vocab == {"a": 5, "b": 5, "c": 1}
    assert len(model.wv) == 3
    with pytest.raises(ValueError, match=r"^the vocabulary must have at least 2 words, got 1 of 6 with min_count=5$"):
        counted(min_count=5)


def test_a_rule_keeps_and_discards_words() -> None:
    asked = []

    def rule(word: str, count: int, min_count: int) -> int:
        asked.append((word, count, min_count))
        return {"a": RULE_DISCARD, "f": RULE_KEEP}.get(word, RULE_DEFAULT)

    model = Word2Vec(vector_size=2, min_count=3)
    text = [["f"] + ["a"] * 5 + ["b"] * 4 + ["c"] * 2]
    model.build_vocab(text, trim_rule=rule)
    assert model.wv.index_to_key == ["b", "f"]
    assert ("c", 2, 3) in asked
    assert Word2Vec(text, vector_size=2, min_count=3, workers=1, sample=0, trim_rule=rule).wv.index_to_key == ["b", "f"]


def test_a_vocabulary_comes_from_counts_too() -> None:
    model = Word2Vec(vector_size=2, min_count=2)
    model.build_vocab_from_freq({"x": 3, "y": 9, "z": 1}, corpus_count=7)
    assert (model.wv.index_to_key, model.corpus_count, model.corpus_total_words) == (["y", "x"], 7, 13)
    assert model.scan_vocab([["q", "q"], ["r"]]) == (3, 2)
    assert model.raw_vocab == {"q": 2, "r": 1}
    other = Word2Vec(vector_size=2, seed=5)
    other.reset_from(model)
    assert other.wv.index_to_key == ["y", "x"]


@pytest.mark.parametrize("options", [{}, {"hs": 1}])
@pytest.mark.parametrize("kind", [Word2Vec, FastText])
def test_new_words_are_added_and_the_old_keep_their_vectors(kind: Any, options: dict[str, Any]) -> None:
    model = kind(LINES, **SMALL, epochs=2, **options)
    old, words, outputs = model.wv[TOPICS[0]], list(model.wv.index_to_key), model._trainer.output_table.copy()
    model.build_vocab([["red0", "new", "newer"] * 4], update=True)
    assert model.wv.index_to_key == [*words, "new", "newer"]
    np.testing.assert_array_equal(model.wv[TOPICS[0]], old)
    assert model.wv.get_vecattr("new", "count") == 4
    if not options:
        np.testing.assert_array_equal(model.syn1neg[:18], outputs)
    before = model.wv[["red0", "new", "newer"]]
    model.train([["red0", "new", "newer"] * 4] * 20, total_examples=20, epochs=2)
    assert (model.wv[["red0", "new", "newer"]] != before).any(axis=1).all()
    with pytest.raises(RuntimeError, match="build_vocab"):
        kind(**SMALL).build_vocab(LINES, update=True)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"hs": 0, "negative": 0}, ValueError, "hs or negative must be above 0"),
        ({"window": 0}, ValueError, "window must be at least 1, got 0"),
        ({"vector_size": 0}, ValueError, "dim must be at least 1, got 0"),
        ({"workers": -1}, ValueError, "workers must be at least 1, got -1"),
        ({"null_word": 1}, NotImplementedError, "null_word must be 0, got 1"),
    ],
)
def test_arguments_without_a_meaning_are_refused(options: dict[str, Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        Word2Vec(LINES, **{**SMALL, **options})


def test_words_between_others_are_predicted(model: Word2Vec) -> None:
    found = model.predict_output_word(["red1", "red2", "unknown"], topn=4)
    assert {word for word, _ in found} <= set(TOPICS[0])
    everything = model.predict_output_word(["red1", "red2"], topn=18)
    assert sum(float(probability) for _, probability in everything) == pytest.approx(1, abs=1e-5)
    assert model.predict_output_word(["unknown"]) is None
    for other in (Word2Vec(LINES, **SMALL, hs=1), Word2Vec(**SMALL)):
        with pytest.raises(RuntimeError, match=r"^words are predicted by a model with negative sampling"):
            other.predict_output_word(["red1"])
    with pytest.raises(NotImplementedError, match=r"^score is not available"):
        model.score([["red1"]])


# Vectors


def test_keys_are_words_or_their_places(vectors: KeyedVectors) -> None:
    assert (len(vectors), "a" in vectors, "z" in vectors, vectors.get_index("c")) == (4, True, False, 2)
    np.testing.assert_array_equal(vectors["b"], [1, 1])
    np.testing.assert_array_equal(vectors[1], [1, 1])
    np.testing.assert_array_equal(vectors[["a", "d"]], [[2, 0], [-1, 0]])
    np.testing.assert_allclose(vectors.get_vector("b", norm=True), [0.5**0.5] * 2, rtol=1e-6)
    np.testing.assert_allclose(vectors.get_normed_vectors()[2], [0, 1])
    assert vectors.get_index("z", default=7) == 7
    with pytest.raises(KeyError, match="Key 'z' not present"):
        _ = vectors["z"]
    with pytest.raises(ValueError, match="read-only"):
        vectors["a"][0] = 5
    vectors.vectors[0] = [0, 1]
    vectors.fill_norms(force=True)
    assert vectors.similarity("a", "c") == 1


def test_similarities_are_cosines(vectors: KeyedVectors) -> None:
    half = 0.5**0.5
    assert vectors.similarity("a", "b") == pytest.approx(half)
    assert vectors.distance("a", "b") == pytest.approx(1 - half)
    np.testing.assert_allclose(vectors.distances("a"), [0, 1 - half, 1, 2], atol=1e-6)
    np.testing.assert_allclose(vectors.distances(np.array([0, 1]), ["b", "c"]), [1 - half, 0], atol=1e-6)
    np.testing.assert_allclose(KeyedVectors.cosine_similarities([1, 0], [[2, 2], [0, 1]]), [half, 0], atol=1e-9)
    assert vectors.n_similarity(["a", "c"], ["b"]) == pytest.approx(5 / 26**0.5)
    assert vectors.closer_than("a", "c") == vectors.words_closer_than("a", "c") == ["b"]
    np.testing.assert_array_equal(vectors.word_vec("a", norm=True), vectors.get_vector("a", norm=True))
    assert vectors.rank("a", "c") == 2
    assert vectors.most_similar_to_given("a", ["d", "b", "c"]) == "b"
    assert vectors.doesnt_match(["a", "b", "d"]) == "d"
    assert vectors.rank_by_centrality(["a", "b", "c"])[0][1] == "b"
    assert vectors.relative_cosine_similarity("a", "b", topn=2) == pytest.approx(1)
    with pytest.raises(ZeroDivisionError, match="at least one"):
        vectors.n_similarity([], ["a"])
    with pytest.raises(ValueError, match="at least one"):
        vectors.doesnt_match([])


def test_neighbours_are_of_sums_with_weights(vectors: KeyedVectors) -> None:
    half = pytest.approx(0.5**0.5)
    assert vectors.most_similar("a", topn=2) == [("b", half), ("c", pytest.approx(0))]
    assert vectors.most_similar(positive=["a"], negative=["d"], topn=1) == [("b", half)]
    assert vectors.most_similar(positive=[("a", 1.0), ("c", 0.0)], topn=5)[0] == ("b", half)
    assert vectors.most_similar([np.array([0.0, 9.0])], topn=2) == [("c", pytest.approx(1)), ("b", half)]
    assert vectors.similar_by_vector([0, 9], topn=1) == vectors.similar_by_vector(np.array([0, 9]), topn=1)
    assert vectors.similar_by_word("a", restrict_vocab=2) == vectors.similar_by_key("a", restrict_vocab=2)
    assert [key for key, _ in vectors.most_similar("a", clip_start=2)] == ["c", "d"]
    assert [key for key, _ in vectors.most_similar("a", clip_end=3)] == ["b", "c"]
    np.testing.assert_allclose(vectors.most_similar("a", topn=None), [1, 0.5**0.5, 0, -1], atol=1e-6)
    by_vector = vectors.most_similar([vectors.get_vector("b", norm=True)], topn=4)
    assert [pair for pair in by_vector if pair[0] != "b"] == vectors.most_similar("b")
    assert vectors.most_similar("a", topn=0) == []
    assert len(vectors.most_similar("a", topn=100)) == 3
    with pytest.raises(KeyError, match="z"):
        vectors.most_similar("z")
    with pytest.raises(ValueError, match="at least one"):
        vectors.most_similar()


def test_cosmul_multiplies_similarities(vectors: KeyedVectors) -> None:
    def shifted(a: str, b: str) -> float:
        return (1 + float(vectors.similarity(a, b))) / 2

    found = dict(vectors.most_similar_cosmul(positive=["a", "c"], negative=["d"], topn=9))
    assert list(found) == ["b"]
    assert found["b"] == pytest.approx(shifted("b", "a") * shifted("b", "c") / (shifted("b", "d") + 1e-6), rel=1e-6)
    assert vectors.most_similar_cosmul("a", topn=None).shape == (4,)
    assert vectors.most_similar_cosmul("a", topn=0) == []
    with pytest.raises(ValueError, match="positive must hold at least one"):
        vectors.most_similar_cosmul(negative=["a"])


def test_means_are_weighted(vectors: KeyedVectors) -> None:
    mean = vectors.get_mean_vector
    np.testing.assert_allclose(mean(["a", "c"]), [0.5, 0.5])
    np.testing.assert_allclose(mean(["a", "c"], pre_normalize=False), [1, 1.5])
    np.testing.assert_allclose(mean(["a", "c", "unknown"], weights=[3, -1, 5]), [0.75, -0.25])
    np.testing.assert_allclose(mean([np.array([3.0, 3.0])], post_normalize=True), [0.5**0.5] * 2, rtol=1e-6)
    with pytest.raises(KeyError, match="unknown"):
        mean(["a", "unknown"], ignore_missing=False)
    for keys, weights, message in (([], None, "got none"), (["a"], [1, 2], "as many as keys, 1, got 2")):
        with pytest.raises(ValueError, match=message):
            mean(keys, weights)


def test_vectors_are_added_and_replaced() -> None:
    made = keyed(["a", "b"], [[1, 0], [0, 1]])
    made.set_vecattr("a", "count", 3)
    made.set_vecattr("b", "kind", "letter")
    made.add_vectors(["b", "c"], np.array([[5, 5], [2, 2]]), extras={"count": np.array([7, 8])})
    np.testing.assert_array_equal(made.vectors, [[1, 0], [0, 1], [2, 2]])
    assert made.expandos["count"].tolist() == [3, 0, 8]
    made["b"] = [5, 5]
    made[["a", "d"]] = np.array([[4, 4], [6, 6]])
    np.testing.assert_array_equal(made.vectors, [[4, 4], [5, 5], [2, 2], [6, 6]])
    assert made.get_vecattr("b", "kind") == "letter"
    assert made.get_vecattr("d", "count") == 0
    made.sort_by_descending_frequency()
    assert made.index_to_key == ["c", "a", "b", "d"]
    np.testing.assert_array_equal(made["a"], [4, 4])
    with pytest.raises(ValueError, match=r"^keys must be distinct$"):
        made.add_vectors(["x", "x"], np.ones((2, 2)))
    reserved = KeyedVectors(2, count=2)
    assert [reserved.add_vector(key, [i, 1]) for i, key in enumerate("xy")] == [0, 1]
    with pytest.warns(UserWarning, match="one vector at a time copies all others"):
        assert reserved.add_vector("z", [9, 9]) == 2
    np.testing.assert_array_equal(reserved[["x", "y", "z"]], [[0, 1], [1, 1], [9, 9]])
    some = made.vectors_for_all(["d", "c", "unknown", "d"], copy_vecattrs=True)
    assert (some.index_to_key, some.expandos["count"].tolist()) == (["d", "c"], [0, 8])
    made.unit_normalize_all()
    np.testing.assert_allclose(np.linalg.norm(made.vectors, axis=1), 1, rtol=1e-6)
    made.init_sims()
    np.testing.assert_allclose(made.norms, 1, rtol=1e-6)


def test_no_vector_can_be_locked(model: Word2Vec, subwords: FastText) -> None:
    assert model.wv.vectors_lockf.tolist() == subwords.wv.vectors_ngrams_lockf.tolist() == [1]
    with pytest.raises(NotImplementedError, match="lock factors cannot be set"):
        model.wv.vectors_lockf = np.zeros(18)
    with pytest.raises(ValueError, match="read-only"):
        model.wv.vectors_lockf[0] = 0


def test_evaluations_return_lists_and_correlations(tmp_path: Path) -> None:
    made = keyed(
        ["king", "queen", "man", "woman", "Paris"], [[1, 1, 0], [1, -1, 0], [0, 1, 0], [0, -1, 0.1], [0, 0, 1]]
    )
    (tmp_path / "q").write_text(": family\nman king woman queen\nman woman king paris\n: none\na b c d\n")
    score, sections = made.evaluate_word_analogies(tmp_path / "q")
    assert score == 0.5
    assert [section["section"] for section in sections] == ["family", "none", "Total accuracy"]
    assert sections[0]["correct"] == [("MAN", "KING", "WOMAN", "QUEEN")]
    assert sections[2]["incorrect"] == [("MAN", "WOMAN", "KING", "PARIS")]
    assert made.evaluate_word_analogies(tmp_path / "q", dummy4unknown=True)[0] == pytest.approx(1 / 3)
    assert made.evaluate_word_analogies(tmp_path / "q", case_insensitive=False)[0] == 1
    with pytest.raises(NotImplementedError, match="similarity_function must be 'most_similar'"):
        made.evaluate_word_analogies(tmp_path / "q", similarity_function="most_similar_cosmul")
    (tmp_path / "p").write_text("king\tqueen\t1\nking\tman\t7\nman\twoman\t0\nking\tnobody\t5\n")
    pearson, spearman, unknown = made.evaluate_word_pairs(tmp_path / "p")
    cosines = [float(made.similarity(a, b)) for a, b in (("king", "queen"), ("king", "man"), ("man", "woman"))]
    assert pearson[0] == pytest.approx(np.corrcoef(cosines, [1, 7, 0])[0, 1])
    assert (spearman.statistic, spearman.pvalue, unknown) == (pytest.approx(1), pytest.approx(0, abs=1e-6), 25)
    with_zero = made.evaluate_word_pairs(tmp_path / "p", dummy4unknown=True)
    assert with_zero[0][0] == pytest.approx(np.corrcoef([*cosines, 0], [1, 7, 0, 5])[0, 1])
    assert with_zero[2] == 25
    (tmp_path / "u").write_text("no\tbody\t1\n")
    with pytest.raises(ValueError, match="must hold a pair of known words, got none of 1"):
        made.evaluate_word_pairs(tmp_path / "u")


@pytest.mark.parametrize(
    ("r", "n", "pvalue"),
    # SciPy 1.17: scipy.stats.t.sf(r * ((n - 2) / (1 - r * r)) ** 0.5, n - 2) * 2
    [
        (0.5, 10, 0.14111328125),
        (-0.3, 4, 0.7),
        (0.1, 1000, 0.00154411611),
        (0.0, 5, 1.0),
        (0.9, 3, 0.28713),
        (1.0, 9, 0.0),
    ],
)
def test_p_values_are_those_of_students_t(r: float, n: int, pvalue: float) -> None:
    assert correlation(r, n).pvalue == pytest.approx(pvalue, rel=1e-4)


# Subwords


def test_any_word_has_a_vector_where_there_are_ngrams(subwords: FastText) -> None:
    wv = subwords.wv
    assert "redx" in wv
    assert not wv.has_index_for("redx")
    assert wv["redx"].shape == (12,)
    assert wv.most_similar("redx", topn=1)[0][0] in TOPICS[0]
    assert wv.similarity("redx", "red1") > wv.similarity("redx", "sea1")
    assert np.linalg.norm(wv.get_vector("redx", norm=True)) == pytest.approx(1)
    assert wv.get_sentence_vector(["redx", "red1"]).shape == (12,)
    assert wv.vectors_vocab.shape == (18, 12)
    assert wv.vectors_ngrams.shape == (500, 12)
    np.testing.assert_allclose(wv.norms, np.linalg.norm(wv.vectors, axis=1), rtol=1e-6)
    assert list(wv.vectors_for_all(["redx", "red1"]).index_to_key) == ["redx", "red1"]
    _, ids = hogvec._core.subword_ids(["red1"], min_n=2, max_n=3, buckets=500, first=0)
    rows = np.concatenate([wv.vectors_vocab[wv.get_index("red1")][None], wv.vectors_ngrams[ids]])
    np.testing.assert_allclose(wv["red1"], rows.mean(axis=0), rtol=1e-5)
    for refused in (wv.unit_normalize_all, lambda: wv.add_vectors(["x"], np.ones((1, 12)))):
        with pytest.raises(NotImplementedError, match="vectors with n-grams"):
            refused()
    with pytest.raises(AttributeError, match="cannot be set"):
        wv.vectors = np.ones((18, 12))


def test_without_ngrams_unknown_words_have_no_vectors() -> None:
    for options in ({"bucket": 0}, {"max_n": 0}):
        model = FastText(LINES, **SMALL, **options)
        assert "redx" not in model.wv
        with pytest.raises(KeyError, match="redx"):
            _ = model.wv["redx"]
        assert model.wv.vectors_ngrams.shape == (0, 12)
        with pytest.raises(ValueError, match=r"^words must have n-grams to be written"):
            save_facebook_model(model, "never.bin")
    for options in ({"word_ngrams": 2}, {"cbow_mean": 0}):
        with pytest.raises(NotImplementedError, match=r"must be 1"):
            FastText(LINES, **SMALL, **options)


def test_fasttexts_files_are_read_trained_on_and_written(subwords: FastText, tmp_path: Path) -> None:
    save_facebook_model(subwords, tmp_path / "m.bin")
    words = [*subwords.wv.index_to_key, "redx", "zzz"]
    wv = load_facebook_vectors(tmp_path / "m.bin")
    assert isinstance(wv, FastTextKeyedVectors)
    np.testing.assert_allclose(wv[words], subwords.wv[words], atol=1e-6)
    loaded = load_facebook_model(tmp_path / "m.bin")
    assert (loaded.window, loaded.epochs, loaded.sg, loaded.min_count, loaded.sample) == (3, 15, 1, 1, 0)
    np.testing.assert_allclose(loaded.wv[words], subwords.wv[words], atol=1e-6)
    np.testing.assert_array_equal(loaded.syn1neg, subwords.syn1neg)
    save_facebook_model(loaded, tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == (tmp_path / "m.bin").read_bytes()
    before = loaded.wv.vectors_ngrams.copy()
    loaded.wv.vectors_ngrams[:] = 0  # a copy
    loaded.train(LINES, total_examples=1, epochs=1)
    changed = (loaded.wv.vectors_ngrams != before).any(axis=1)
    np.testing.assert_array_equal(np.flatnonzero(changed), subwords.wv._native.bucket_ids)
    loaded.save(tmp_path / "model")
    again = FastText.load(tmp_path / "model")
    np.testing.assert_array_equal(again.wv.vectors_ngrams, loaded.wv.vectors_ngrams)
    with pytest.raises(RuntimeError, match=r"^the vocabulary must be built"):
        save_facebook_model(FastText(**SMALL), tmp_path / "n.bin")


@pytest.mark.parametrize("options", [{"hs": 1}, {"sg": 0}])
def test_models_of_every_kind_survive_fasttexts_files(options: dict[str, Any], tmp_path: Path) -> None:
    model = FastText(LINES, **SMALL, bucket=100, **{"sg": 1, **options})
    save_facebook_model(model, tmp_path / "m.bin")
    loaded = load_facebook_model(tmp_path / "m.bin")
    assert (loaded.sg, loaded.hs) == (model.sg, model.hs)
    np.testing.assert_allclose(loaded.wv.vectors, model.wv.vectors, atol=1e-6)
    np.testing.assert_array_equal(loaded._trainer.output_table, model._trainer.output_table)
    loaded.train(LINES, total_examples=1, epochs=1)


@pytest.mark.skipif("HOGVEC_DATA" not in os.environ, reason="HOGVEC_DATA does not say where the interop files are")
def test_real_files_are_read() -> None:
    folder = Path(os.environ["HOGVEC_DATA"]) / "interop"
    wv = load_facebook_vectors(folder / "crime-and-punishment.bin")
    np.testing.assert_allclose(wv["steamtrain"], [0.031988, 0.022966, 0.059483, 0.094547, 0.062693], atol=1e-5)
    assert not load_facebook_vectors(folder / "pang_lee_polarity_fasttext.bin").bucket
    model = load_facebook_model(folder / "lee_fasttext_new.bin")
    before = model.wv["rejection"].copy()
    model.train([["the", "of", "a"] * 20], total_examples=1, epochs=1, start_alpha=0.1)
    assert model.wv["rejection"].shape == before.shape == (10,)
    with pytest.raises(NotImplementedError, match="use load_facebook_vectors"):
        load_facebook_model(folder / "pang_lee_polarity_fasttext.bin")


# Files


@pytest.mark.parametrize("options", [{}, {"hs": 1, "sg": 1}, {"sg": 1, "ns_exponent": -0.5, "negative": 3}])
@pytest.mark.parametrize("kind", [Word2Vec, FastText])
def test_a_model_comes_back_and_can_be_trained_on(kind: Any, options: dict[str, Any], tmp_path: Path) -> None:
    model = kind(LINES, **SMALL, **options)
    model.save(tmp_path / "model")
    loaded = kind.load(tmp_path / "model", mmap="r")
    assert str(loaded) == str(model)
    for name in ("window", "sg", "hs", "negative", "ns_exponent", "corpus_count", "corpus_total_words", "epochs"):
        assert getattr(loaded, name) == getattr(model, name)
    np.testing.assert_array_equal(loaded.wv.vectors, model.wv.vectors)
    for one in (model, loaded):
        one.train(LINES, total_examples=1, epochs=1)
    np.testing.assert_array_equal(loaded.wv.vectors, model.wv.vectors)
    other = FastText if kind is Word2Vec else Word2Vec
    with pytest.raises(ValueError, match="must be a file of compat"):
        other.load(tmp_path / "model")
    with pytest.raises(RuntimeError, match="build_vocab"):
        kind(**SMALL).save(tmp_path / "empty")


def test_vectors_come_back_from_their_files(model: Word2Vec, subwords: FastText, tmp_path: Path) -> None:
    model.wv.save(tmp_path / "v")
    for mmap in (None, "r"):
        loaded = KeyedVectors.load(tmp_path / "v", mmap=mmap)
        np.testing.assert_array_equal(loaded.vectors, model.wv.vectors)
        assert loaded.vectors.flags.writeable == (mmap is None)
        assert loaded.get_vecattr("red1", "count") == model.wv.get_vecattr("red1", "count")
    native = hogvec.KeyedVectors.load(tmp_path / "v").most_similar("red1")
    assert [(word, pytest.approx(cosine, abs=1e-6)) for word, cosine in native] == model.wv.most_similar("red1")
    subwords.wv.save(tmp_path / "s")
    words = ["red1", "redx"]
    np.testing.assert_array_equal(FastTextKeyedVectors.load(tmp_path / "s")[words], subwords.wv[words])
    loaded.set_vecattr("red1", "kind", 5)
    with pytest.raises(ValueError, match=r"^expandos must hold 'count' alone to be written, got \['kind'\]$"):
        loaded.save(tmp_path / "k")
    (tmp_path / "pickle").write_bytes(b"\x80\x04\x95 something that must not be executed")
    for kind in (KeyedVectors, Word2Vec, FastText, FastTextKeyedVectors):
        with pytest.raises(ValueError, match="must be a whole safetensors file"):
            kind.load(tmp_path / "pickle")


@pytest.mark.parametrize("name", ["vectors", "outputs", "word_counts"])
def test_a_damaged_model_is_refused(model: Word2Vec, name: str, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    tensors, metadata = read_safetensors(tmp_path / "m")
    write_safetensors(tmp_path / "bad", {**tensors, name: tensors[name][:-1]}, metadata)
    with pytest.raises(ValueError, match="bad' is damaged"):
        Word2Vec.load(tmp_path / "bad")
    for said in (
        "[]",
        "{}",
        '{"arguments": {}, "state": {}}',
        metadata["model"].replace('"vector_size": 12', '"vector_size": 999999999'),
    ):
        write_safetensors(tmp_path / "bad", tensors, {**metadata, "model": said})
        with pytest.raises(ValueError, match="bad' is damaged"):
            Word2Vec.load(tmp_path / "bad")


@pytest.mark.parametrize("binary", [False, True])
def test_word2vecs_files_are_written_and_read(
    model: Word2Vec, subwords: FastText, binary: bool, tmp_path: Path
) -> None:
    model.wv.save_word2vec_format(tmp_path / "v", fvocab=tmp_path / "counts", binary=binary, prefix="x_")
    loaded = KeyedVectors.load_word2vec_format(tmp_path / "v", fvocab=tmp_path / "counts", binary=binary)
    assert loaded.index_to_key == ["x_" + word for word in model.wv.index_to_key]
    np.testing.assert_array_equal(loaded.vectors, model.wv.vectors)
    assert loaded.get_vecattr("x_red1", "count") == model.wv.get_vecattr("red1", "count")
    assert len(KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary, limit=3)) == 3
    half = KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary, datatype=np.float16)
    assert half.vectors.dtype == np.float16
    assert half.most_similar("x_red1", topn=1)[0][0][2:] in TOPICS[0]
    subwords.wv.save_word2vec_format(tmp_path / "s", binary=binary)
    assert len(KeyedVectors.load_word2vec_format(tmp_path / "s", binary=binary)) == 18
    with pytest.raises(NotImplementedError, match="n-grams"):
        FastTextKeyedVectors.load_word2vec_format(tmp_path / "s")
    with pytest.raises(NotImplementedError, match="not available"):
        model.wv.save_word2vec_format(tmp_path / "v", write_header=False)


def test_files_of_sentences_are_iterated_again_and_again(tmp_path: Path) -> None:
    text = "a b  c\n\nd\u00e9 e\n" + "f " * 25 + "\n"
    lines = [["a", "b", "c"], ["d\u00e9", "e"], ["f"] * 25]
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, opened in (("2.txt", open), ("1.gz", gzip.open), ("3.bz2", bz2.open)):
        with opened(folder / name, "wb") as file:
            file.write(text.encode())
    for name in ("1.gz", "2.txt", "3.bz2"):
        sentences = LineSentence(folder / name)
        assert list(sentences) == list(sentences) == lines
    assert list(LineSentence(io.BytesIO(text.encode()))) == lines
    assert list(LineSentence(io.StringIO(text))) == lines
    assert [len(line) for line in LineSentence(folder / "2.txt", max_sentence_length=10)] == [3, 2, 10, 10, 5]
    assert list(LineSentence(folder / "2.txt", limit=2)) == lines[:1]
    assert list(PathLineSentences(folder)) == lines * 3
    assert list(PathLineSentences(folder / "2.txt", limit=1)) == lines[:1]
    with pytest.raises(ValueError, match=r"^source must be a folder or a file, got"):
        PathLineSentences(tmp_path / "nothing")


def words_of_text8(length: int) -> Iterator[str]:
    for i in range(length):
        yield f"w{i}\u00e9"


def test_a_text_without_lines_is_cut_into_sentences(tmp_path: Path) -> None:
    words = list(words_of_text8(25_000))  # longer than a block that is read at once
    (tmp_path / "text8").write_text(" " + " ".join(words), encoding="utf-8")
    assert [len(sentence) for sentence in Text8Corpus(tmp_path / "text8")] == [10_000, 10_000, 5_000]
    pieces = list(Text8Corpus(tmp_path / "text8", max_sentence_length=999))
    assert [word for piece in pieces for word in piece] == words
    (tmp_path / "empty").write_text("")
    assert list(Text8Corpus(tmp_path / "empty")) == []
