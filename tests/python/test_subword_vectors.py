"""SubwordVectors: the vector of any word, neighbours, n-grams, files, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hogvec import KeyedVectors, SubwordVectors, Vocabulary, _core
from hogvec._safetensors import read_safetensors, write_safetensors

WORDS = ["walk", "walked", "talk", "été", "</s>", "bad\udcffbytes"]
SETTINGS = {"min_n": 3, "max_n": 4, "buckets": 10_000}
DIM = 5


@pytest.fixture
def vectors() -> SubwordVectors:
    vocabulary = Vocabulary.from_counts(WORDS, [9, 8, 7, 6, 5, 4])
    subwords = _core.Subwords(vocabulary._words, **SETTINGS)
    rows = np.random.default_rng(1).normal(size=(subwords.num_rows, DIM)).astype(np.float32)
    return SubwordVectors(vocabulary, rows, **SETTINGS)


def by_hand(vectors: SubwordVectors, word: str) -> np.ndarray:
    """The mean of a word's rows, one by one."""
    _, ids = _core.subword_ids([word], **SETTINGS, first=0)
    known = {bucket: len(vectors) + i for i, bucket in enumerate(vectors._subwords.buckets.tolist())}
    rows = [vectors.rows[vectors.vocabulary[word]]] if word in vectors else []
    rows += [vectors.rows[known[id]] if id in known else np.zeros(DIM) for id in ids.tolist()]
    return np.mean(np.array(rows, dtype=np.float64), axis=0) if rows else np.zeros(DIM)


@pytest.mark.parametrize("word", [*WORDS, "walking", "stalk", "ét", "qqqqqq", "x", "", "\udcff", "中文"])
def test_a_vector_is_the_mean_of_the_rows_of_a_word(vectors: SubwordVectors, word: str) -> None:
    np.testing.assert_allclose(vectors[word], by_hand(vectors, word), rtol=0, atol=1e-6)
    assert vectors[word].dtype == np.float32


def test_many_words_at_once_are_the_same_as_one_by_one(vectors: SubwordVectors) -> None:
    words = ["walking", "walk", "", "talk", "walking", "qqqq", "stalk"]
    together = vectors[words]
    np.testing.assert_array_equal(together, [vectors[word] for word in words])
    np.testing.assert_array_equal(vectors[tuple(words)], together)
    assert vectors[[]].shape == (0, DIM)
    together[:] = 0  # a copy
    assert vectors["walk"].any()


@pytest.mark.parametrize("pruned", [False, True])
def test_a_few_words_are_computed_without_the_others_and_are_the_same(pruned: bool) -> None:
    vocabulary = Vocabulary.from_words([*WORDS, *(f"word{i}" for i in range(40))])
    buckets = _core.Subwords(vocabulary._words, **SETTINGS).buckets.view(np.int32)
    kept = np.ascontiguousarray(buckets[::3]) if pruned else None
    count = len(vocabulary) + len(buckets if kept is None else kept)
    rows = np.random.default_rng(1).normal(size=(count, DIM)).astype(np.float32)
    vectors = SubwordVectors(vocabulary, rows, **SETTINGS, kept_buckets=kept)
    words = ["word7", "walk", "</s>", "unseen", "walk"]
    some = vectors[words]
    assert vectors._means is None
    _ = vectors.vectors
    np.testing.assert_array_equal(some, vectors[words])


def test_the_vocabulary_is_what_is_iterated_and_asked_for(vectors: SubwordVectors) -> None:
    assert len(vectors) == len(WORDS)
    assert list(vectors) == WORDS
    assert "walk" in vectors
    assert "walking" not in vectors
    assert (vectors.dim, vectors.min_n, vectors.max_n, vectors.buckets) == (DIM, 3, 4, 10_000)
    np.testing.assert_array_equal(vectors.vectors, vectors[WORDS])
    assert repr(vectors) == "SubwordVectors(6 words, dim 5, n-grams of 3 to 4)"
    for array in (vectors.vectors, vectors.rows):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_neighbours_of_any_word_are_words_of_the_vocabulary(vectors: SubwordVectors) -> None:
    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    found = vectors.most_similar("stalking", topn=10)
    assert sorted(neighbor.word for neighbor in found) == sorted(WORDS)
    for neighbor in found:
        assert neighbor.similarity == pytest.approx(cosine(vectors["stalking"], vectors[neighbor.word]), abs=1e-5)
        assert vectors.similarity("stalking", neighbor.word) == pytest.approx(neighbor.similarity, abs=1e-6)
    assert [n.similarity for n in found] == sorted((n.similarity for n in found), reverse=True)
    assert "walk" not in [n.word for n in vectors.most_similar("walk")]
    assert len(vectors.most_similar(["walk", "walking"], ["talking"], topn=10)) == len(WORDS) - 1
    assert [n.similarity for n in vectors.most_similar("qqqqqq", topn=2)] == [0.0, 0.0]


def test_ngrams_are_shown_with_their_rows(vectors: SubwordVectors) -> None:
    assert vectors.ngrams("été") == ["<ét", "<été", "été", "été>", "té>"]
    assert vectors.ngrams("</s>") == []
    rows = vectors.ngram_vectors("walked")
    assert rows.shape == (len(vectors.ngrams("walked")), DIM)
    word = vectors.rows[vectors.vocabulary["walked"]]
    np.testing.assert_allclose((rows.sum(axis=0) + word) / (len(rows) + 1), vectors["walked"], rtol=0, atol=1e-6)
    assert not vectors.ngram_vectors("qqqqqq").any()
    assert vectors.ngram_vectors("").shape == (0, DIM)
    for ask in (vectors.ngrams, vectors.ngram_vectors):
        with pytest.raises(TypeError, match=r"^a word must be a str, got 5$"):
            ask(5)  # type: ignore[arg-type]


def test_a_file_brings_back_every_vector(vectors: SubwordVectors, tmp_path: Path) -> None:
    path = tmp_path / "vectors.safetensors"
    vectors.save(path)
    loaded = SubwordVectors.load(path)
    words = [*WORDS, "walking", "qqqq"]
    np.testing.assert_array_equal(loaded[words], vectors[words])
    assert loaded.vocabulary == vectors.vocabulary
    assert (loaded.min_n, loaded.max_n, loaded.buckets) == (3, 4, 10_000)
    copy = pickle.loads(pickle.dumps(vectors))
    assert isinstance(copy, SubwordVectors)
    np.testing.assert_array_equal(copy[words], vectors[words])


@pytest.mark.parametrize("binary", [True, False])
def test_word2vec_files_hold_the_vocabulary(vectors: SubwordVectors, binary: bool, tmp_path: Path) -> None:
    path = tmp_path / "vectors.vec"
    vectors.save_word2vec_format(path, binary=binary)
    loaded = KeyedVectors.load_word2vec_format(path, binary=binary, errors="surrogateescape")
    np.testing.assert_array_equal(loaded[WORDS], vectors[WORDS])
    with pytest.raises(TypeError, match=r"^word2vec files hold no n-grams: .*KeyedVectors\.load_word2vec_format$"):
        SubwordVectors.load_word2vec_format(path)


def test_a_file_of_another_kind_is_refused(vectors: SubwordVectors, tmp_path: Path) -> None:
    path = tmp_path / "vectors.safetensors"
    KeyedVectors(vectors.vocabulary, vectors.vectors).save(path)
    with pytest.raises(ValueError, match=r"must be a file of SubwordVectors\.save, got the format 'hogvec\.KeyedVect"):
        SubwordVectors.load(path)
    vectors.save(path)
    with pytest.raises(ValueError, match=r"must be a file of KeyedVectors\.save, got the format 'hogvec\.SubwordVect"):
        KeyedVectors.load(path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("min_n", None, "min_n must be a number, got None"),
        ("min_n", "-3", "min_n must be a number, got '-3'"),
        ("max_n", "2", "max_n must be at least min_n, 3, got 2"),
        ("max_n", "9" * 5000, "max_n must be a number, got '9{79}"),
        ("buckets", "0", "buckets must be at least 1, got 0"),
        ("buckets", "4294967296", "buckets must be at most 2147483647, got 4294967296"),
        ("buckets", "10", r"rows must be \d+, one for each word and bucket, got \d+"),
        ("version", "2", "must have version 1, got '2'"),
    ],
)
def test_a_damaged_file_is_refused(
    vectors: SubwordVectors, name: str, value: str | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "vectors.safetensors"
    vectors.save(path)
    tensors, metadata = read_safetensors(path)
    if value is None:
        del metadata[name]
    else:
        metadata[name] = value
    broken = tmp_path / "broken.safetensors"
    write_safetensors(broken, tensors, metadata)
    with pytest.raises(ValueError, match=message):
        SubwordVectors.load(broken)


@pytest.mark.parametrize("key", [5, None, b"walk", [5], ["walk", None], np.array(["walk"])])
def test_a_key_must_be_words(vectors: SubwordVectors, key: Any) -> None:
    with pytest.raises(TypeError, match=r"^a key must be a str or a list of str, got "):
        vectors[key]


def test_rows_must_be_those_of_the_vocabulary(vectors: SubwordVectors) -> None:
    vocabulary, rows = vectors.vocabulary, vectors.rows
    with pytest.raises(ValueError, match=r"^rows must be \d+, one for each word and bucket, got 3$"):
        SubwordVectors(vocabulary, rows[:3], **SETTINGS)
    with pytest.raises(TypeError, match=r"float32 array, got float64$"):
        SubwordVectors(vocabulary, rows.astype(np.float64), **SETTINGS)
    with pytest.raises(TypeError, match=r"float32 array, got list$"):
        SubwordVectors(vocabulary, rows.tolist(), **SETTINGS)
    with pytest.raises(TypeError, match=r"^vocabulary must be a Vocabulary, got list$"):
        SubwordVectors(WORDS, rows, **SETTINGS)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^max_n must be at least min_n, 3, got 2$"):
        SubwordVectors(vocabulary, rows, min_n=3, max_n=2, buckets=5)
