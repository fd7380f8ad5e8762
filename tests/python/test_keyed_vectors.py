"""KeyedVectors: lookup, neighbours against plain float64 cosines, awkward values, bad arguments."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest
from hogvec.keyed_vectors import KeyedVectors, Neighbor
from hogvec.vocabulary import Vocabulary
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


def make(n=50, dim=7, seed=1, stride=None):
    rng = np.random.default_rng(seed)
    table = np.zeros((n, stride or dim), np.float32)
    table[:, :dim] = rng.normal(size=(n, dim))
    return KeyedVectors(Vocabulary.from_words([f"w{i}" for i in range(n)]), table[:, :dim])


def plain_cosines(vectors, query):
    rows = vectors.astype(np.float64)
    return rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)


def by_words(*rows):
    words = [f"w{i}" for i in range(len(rows))]
    return KeyedVectors(Vocabulary.from_words(words), np.array(rows, dtype=np.float32))


# Lookup


def test_a_word_gives_a_copy_of_its_row():
    v = make()
    row = v["w3"]
    assert row.dtype == np.float32
    np.testing.assert_array_equal(row, v.vectors[3])
    row[:] = 0
    assert v.vectors[3].any()


def test_many_words_give_a_matrix_of_copies():
    v = make(dim=5, stride=16)
    rows = v[["w4", "w0"]]
    assert rows.shape == (2, 5)
    np.testing.assert_array_equal(rows, v.vectors[[4, 0]])
    assert v[[]].shape == (0, 5)
    rows[:] = 0
    assert v.vectors[4].any()


def test_an_unknown_word_is_a_key_error_that_names_it():
    v = make()
    with pytest.raises(KeyError, match="absent"):
        v["absent"]
    with pytest.raises(KeyError, match="absent"):
        v[["w1", "absent"]]
    with pytest.raises(KeyError, match="absent"):
        v.most_similar("absent")
    with pytest.raises(KeyError, match="absent"):
        v.similarity("w1", "absent")


@pytest.mark.parametrize("key", [3, None, b"w1", ["w1", 2]])
def test_a_key_that_is_no_word_is_a_type_error(key):
    with pytest.raises(TypeError, match="a key must be a str or a list of str"):
        make()[key]


def test_it_behaves_as_a_container_of_words():
    v = make(n=3)
    assert len(v) == 3
    assert "w2" in v
    assert "w3" not in v
    assert list(v) == ["w0", "w1", "w2"]
    assert v.dim == 7
    assert v.vocabulary["w1"] == 1
    assert repr(v) == "KeyedVectors(3 words, dim 7)"


def test_vectors_are_a_read_only_view_of_the_table():
    table = np.ones((2, 16), np.float32)
    v = KeyedVectors(Vocabulary.from_words(["a", "b"]), table[:, :3])
    assert np.shares_memory(v.vectors, table)
    with pytest.raises(ValueError, match="read-only"):
        v.vectors[0, 0] = 5
    table[0, 0] = 5
    assert v["a"][0] == 5


def test_norms_are_cached_until_the_owner_of_the_table_says_that_it_changed():
    table = np.array([[3, 4], [1, 0]], np.float32)
    v = KeyedVectors(Vocabulary.from_words(["a", "b"]), table)
    assert v.norms.tolist() == [5, 1]
    assert v.norms is v.norms
    table[1] = [0, 2]
    assert v.norms.tolist() == [5, 1]
    v._forget_norms()
    assert v.norms.tolist() == [5, 2]
    assert v.similarity("a", "b") == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("vectors", "error", "message"),
    [
        ([[1.0]], TypeError, "vectors must be a float32 array, got list"),
        (np.ones((2, 3)), TypeError, "got float64"),
        (np.ones((2, 3), ">f4"), TypeError, "got >f4"),
        (np.ones((3, 3), np.float32), ValueError, r"shape \(2, dim\), got \(3, 3\)"),
        (np.ones((2, 0), np.float32), ValueError, r"shape \(2, dim\), got \(2, 0\)"),
        (np.ones(2, np.float32), ValueError, r"got \(2,\)"),
        (np.ones((3, 2), np.float32).T, ValueError, "contiguous values"),
        (np.zeros(33, np.uint8)[1:].view(np.float32).reshape(2, 4), ValueError, "aligned"),
    ],
)
def test_a_table_of_the_wrong_kind_or_shape_is_refused(vectors, error, message):
    with pytest.raises(error, match=message):
        KeyedVectors(Vocabulary.from_words(["a", "b"]), vectors)


def test_without_a_vocabulary_the_words_are_row_numbers():
    v = KeyedVectors(None, np.eye(12, dtype=np.float32))
    assert v["11"][11] == 1
    assert v.vocabulary.words == [str(i) for i in range(12)]


def test_the_vocabulary_must_be_one():
    with pytest.raises(TypeError, match="vocabulary must be a Vocabulary, got dict"):
        KeyedVectors({"a": 0}, np.ones((1, 1), np.float32))


# Neighbours


def test_neighbours_are_those_of_plain_cosines():
    v = make(n=300, dim=33, stride=48)
    query = v.vectors[5].astype(np.float64)
    cosines = plain_cosines(v.vectors, query)
    cosines[5] = -2
    order = np.argsort(-cosines)[:10]
    found = v.most_similar("w5")
    assert [word for word, _ in found] == [f"w{i}" for i in order]
    np.testing.assert_allclose([n.similarity for n in found], cosines[order], atol=1e-12)
    assert isinstance(found[0], Neighbor)
    assert isinstance(found[0].similarity, float)


def test_an_analogy_adds_and_subtracts_unit_vectors_and_leaves_its_words_out():
    v = make(n=200, dim=9)
    units = v.vectors / np.linalg.norm(v.vectors.astype(np.float64), axis=1)[:, None]
    cosines = plain_cosines(v.vectors, units[1] + units[2] - units[3])
    cosines[[1, 2, 3]] = -2
    found = v.most_similar(["w1", "w2"], ["w3"], topn=197)
    assert [n.word for n in found] == [f"w{i}" for i in np.argsort(-cosines)[:197]]
    assert found == v.most_similar(positive=["w1", "w2"], negative="w3", topn=1000)


def test_words_and_vectors_may_be_mixed():
    v = make()
    assert v.most_similar(["w1", v["w2"]], [v["w3"]], topn=4) == [
        n for n in v.most_similar([4 * v["w1"], v["w2"]], v["w3"], topn=5) if n.word != "w1"
    ]
    assert v.most_similar(v["w1"], topn=1)[0].word == "w1"
    assert v.most_similar([], "w1", topn=1)[0].similarity > 0
    assert v.most_similar(np.stack([v["w1"], v["w2"]])) == v.most_similar([v["w1"], v["w2"]])
    assert v.most_similar(v["w1"].tolist()) == v.most_similar(v["w1"])


def test_only_the_first_words_are_looked_at_when_asked():
    v = make(n=100)
    found = v.most_similar("w50", topn=100, restrict_vocab=20)
    assert {n.word for n in found} == {f"w{i}" for i in range(20)}
    assert v.most_similar("w1", topn=100, restrict_vocab=10**12) == v.most_similar("w1", topn=100)
    assert v.most_similar("w0", restrict_vocab=1) == []


def test_a_batch_gives_what_its_vectors_give_one_by_one():
    v = make(n=120, dim=16)
    queries = np.random.default_rng(2).normal(size=(37, 16))
    found = v.similar_by_vector(queries, topn=5)
    assert len(found) == 37
    for query, neighbors in zip(queries, found, strict=True):
        assert neighbors == v.similar_by_vector(query, topn=5)
    assert v.similar_by_vector(np.empty((0, 16))) == []


def test_a_batch_larger_than_a_block_of_scores_is_divided(monkeypatch):
    v = make(n=120, dim=16)
    queries = np.random.default_rng(2).normal(size=(37, 16))
    whole = v.similar_by_vector(queries, topn=5)
    monkeypatch.setattr("hogvec.keyed_vectors._SCORES", 500)
    monkeypatch.setattr("hogvec._cosine._TILE_BYTES", 1000)
    monkeypatch.setattr("hogvec._cosine._RESCORED", 3)
    v._forget_norms()
    assert v.similar_by_vector(queries, topn=5) == whole


@pytest.mark.parametrize("dim", [1, 3, 17, 50])
def test_equal_similarities_come_in_the_order_of_the_vocabulary(dim):
    v = make(n=1, dim=dim)
    rows = np.repeat(v.vectors, 1000, axis=0)
    rows[500] *= -1
    v = KeyedVectors(Vocabulary.from_words([f"w{i}" for i in range(1000)]), rows)
    found = v.most_similar("w7", topn=999)
    assert [n.word for n in found] == [f"w{i}" for i in range(1000) if i not in (7, 500)] + ["w500"]
    assert [n.word for n in v.most_similar("w7", topn=3)] == ["w0", "w1", "w2"]
    assert len({n.similarity for n in found[:-1]}) == 1
    assert max(n.similarity for n in found) <= 1.0


def test_rows_without_a_direction_have_similarity_zero():
    v = by_words([0, 0], [1, 0], [np.nan, 1], [np.inf, 1], [-1, 0], [1, 1])
    found = dict(v.most_similar("w1", topn=9))
    assert found == {"w5": pytest.approx(0.5**0.5), "w0": 0, "w2": 0, "w3": 0, "w4": -1}
    assert list(found) == ["w5", "w0", "w2", "w3", "w4"]
    assert [n.similarity for n in v.most_similar("w2", topn=2)] == [0, 0]
    assert [n.word for n in v.most_similar("w0", topn=2)] == ["w1", "w2"]
    assert v.similarity("w1", "w2") == v.similarity("w0", "w0") == 0
    assert [n.similarity for n in v.similar_by_vector([np.nan, 1], topn=1)] == [0]


def test_rows_of_extreme_length_keep_their_direction():
    v = by_words([1, 2], [1e38, 2e38], [1e-40, 2e-40], [3e38, -3e38], [1e-45, 0], [2, 1])
    found = dict(v.most_similar("w0", topn=9))
    assert found["w1"] == pytest.approx(1)
    assert found["w2"] == pytest.approx(1, abs=1e-4)
    assert found["w3"] == pytest.approx(-(0.1**0.5))
    assert found["w4"] == pytest.approx(0.2**0.5)
    assert found["w5"] == pytest.approx(0.8)
    assert v.similar_by_vector(np.array([1e300, 2e300]), topn=1)[0].similarity == pytest.approx(1)


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 5)), elements=st.floats(width=32)),
    st.integers(1, 13),
)
@settings(deadline=None)
def test_any_table_has_sorted_neighbours_within_bounds(table, topn):
    v = KeyedVectors(Vocabulary.from_words([f"w{i}" for i in range(len(table))]), table)
    for neighbors in v.similar_by_vector(table, topn=topn):
        keys = [(-n.similarity, v.vocabulary[n.word]) for n in neighbors]
        assert keys == sorted(keys)
        assert len(neighbors) == min(topn, len(table))
        assert all(-1 <= n.similarity <= 1 for n in neighbors)


@pytest.mark.parametrize("topn", [0, -1])
def test_topn_below_one_is_refused(topn):
    with pytest.raises(ValueError, match=f"topn must be at least 1, got {topn}"):
        make().most_similar("w1", topn=topn)
    with pytest.raises(ValueError, match="topn must be at least 1"):
        make().similar_by_vector(np.ones((0, 7)), topn=topn)


def test_the_farthest_word_needs_no_positive_one() -> None:
    v = KeyedVectors(Vocabulary.from_words(["a", "b", "c"]), np.array([[1, 0], [0, 1], [-1, 0]], np.float32))
    assert [word for word, _ in v.most_similar(negative="a")] == ["c", "b"]


def test_what_cannot_be_asked_for_is_refused():
    v = make()
    with pytest.raises(ValueError, match="positive or negative must hold at least one word or vector"):
        v.most_similar([])
    with pytest.raises(ValueError, match=r"positive must hold vectors of 7 values, got the shape \(6,\)"):
        v.most_similar(np.ones(6))
    with pytest.raises(ValueError, match=r"vectors must hold vectors of 7 values, got the shape \(2, 2, 7\)"):
        v.similar_by_vector(np.ones((2, 2, 7)))
    with pytest.raises(TypeError, match="positive must hold words or vectors of numbers"):
        v.most_similar([None])
    with pytest.raises(TypeError, match="topn must be an integer"):
        v.most_similar("w1", topn=1.5)
    with pytest.raises(ValueError, match="restrict_vocab must be at least 1, got 0"):
        v.most_similar("w1", restrict_vocab=0)


def test_an_empty_vocabulary_has_no_neighbours():
    v = KeyedVectors(Vocabulary.from_words([]), np.empty((0, 3), np.float32))
    assert v.similar_by_vector([1, 2, 3]) == []
    assert len(v.norms) == 0


def test_many_threads_may_ask_at_once():
    v = make(n=500, dim=20)
    expected = v.most_similar("w1")
    v._forget_norms()
    results = []
    threads = [threading.Thread(target=lambda: results.append(v.most_similar("w1"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 8


def test_pickle_and_copy_keep_words_and_vectors():
    v = make(n=5, dim=3, stride=16)
    for other in (pickle.loads(pickle.dumps(v)), copy.copy(v), copy.deepcopy(v)):
        assert other.vocabulary == v.vocabulary
        np.testing.assert_array_equal(other.vectors, v.vectors)
        assert other.most_similar("w1") == v.most_similar("w1")


def test_names_of_ids_are_made_when_they_are_asked_for():
    many = np.broadcast_to(np.ones((1, 4), np.float32), (10**9, 4))  # whose names would take 10 GB
    assert len(KeyedVectors(None, many)) == 10**9
    few = KeyedVectors(None, np.eye(3, dtype=np.float32))
    assert (list(few), "2" in few, few.vocabulary["1"], few["0"].tolist()) == (["0", "1", "2"], True, 1, [1, 0, 0])
    for wrong in (np.ones(3, np.float32), np.ones((3, 0), np.float32)):
        with pytest.raises(ValueError, match=r"vectors must have the shape \(n, dim\), got \(3,"):
            KeyedVectors(None, wrong)
