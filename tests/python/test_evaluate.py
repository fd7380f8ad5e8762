"""Analogies against plain arithmetic and gensim, correlations against scipy, and the files both are read from."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
from hogvec.evaluate import AnalogyScore, _average_ranks, _pearson
from hogvec.keyed_vectors import KeyedVectors
from hogvec.vocabulary import Vocabulary
from hypothesis import given, settings
from hypothesis import strategies as st

WORDS = ["king", "queen", "man", "woman", "Paris", "France", "Rome", "Italy", "go", "went", "see", "saw", "other"]


def planted():
    """Four relations; every analogy has its answer, and one syntactic one points elsewhere."""
    rng = np.random.default_rng(3)
    vectors = 0.01 * rng.normal(size=(len(WORDS), 8))
    base = np.eye(8)
    for i, (first, second) in enumerate([(0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 11)]):
        relation = base[6] if i < 2 else base[7] if i < 4 else -base[6]
        vectors[first] += base[i]
        vectors[second] += base[i] + relation
    vectors[12] += base[5] - base[6]  # "other" stands where "saw" should be
    vectors[11] = -vectors[11]
    return KeyedVectors(Vocabulary.from_words(WORDS), vectors.astype(np.float32))


QUESTIONS = """: royalty
man woman king queen
king queen man woman

: capitals
Paris France Rome Italy
Paris France Oslo Norway
: gram1-past
go went see saw
"""


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "questions.txt"
    path.write_text(QUESTIONS)
    return path


def test_sections_and_totals_count_right_answered_and_all_questions(questions):
    report = planted().evaluate_analogies(questions)
    assert report.sections == (
        AnalogyScore("royalty", 2, 2, 2),
        AnalogyScore("capitals", 2, 1, 1),
        AnalogyScore("gram1-past", 1, 1, 0),
    )
    assert report.semantic == AnalogyScore("semantic", 4, 3, 3)
    assert report.syntactic == AnalogyScore("syntactic", 1, 1, 0)
    assert report.total == AnalogyScore("total", 5, 4, 3)
    assert report.total.accuracy == 0.75
    assert report.total.accuracy_of_all == 0.6
    assert report.total.coverage == 0.8


def test_a_report_prints_as_a_table(questions):
    lines = str(planted().evaluate_analogies(questions, restrict_vocab=4)).splitlines()
    assert [line.split()[0] for line in lines] == (
        ["section", "royalty", "capitals", "gram1-past", "semantic", "syntactic", "total"]
    )
    assert lines[2].split() == ["capitals", "0", "0", "2", "-", "0.0%"]
    assert lines[-1].split() == ["total", "2", "2", "5", "100.0%", "40.0%"]


def test_a_section_without_an_answer_has_no_accuracy(questions):
    capitals = planted().evaluate_analogies(questions, restrict_vocab=4).sections[1]
    assert math.isnan(capitals.accuracy)
    assert capitals.accuracy_of_all == capitals.coverage == 0
    assert math.isnan(AnalogyScore("none", 0, 0, 0).coverage)


def test_case_matters_only_when_asked(tmp_path):
    path = tmp_path / "questions.txt"
    path.write_text(": capitals\nPARIS france Rome ITALY\n")
    assert planted().evaluate_analogies(path).total.correct == 1
    assert planted().evaluate_analogies(path, case_insensitive=False).total.answered == 0


def test_other_cases_of_the_question_words_are_no_answers(tmp_path):
    path = tmp_path / "questions.txt"
    path.write_text(": s\na b c d\n")
    words = Vocabulary.from_words(["a", "b", "c", "B", "D", "d"])
    vectors = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1.1, 1], [0.2, 1, 1], [-1, 0, 0]], np.float32)
    v = KeyedVectors(words, vectors)
    assert v.evaluate_analogies(path).total.correct == 1  # D, the first of its kind; B would be nearer
    assert v.evaluate_analogies(path, case_insensitive=False).total.correct == 0


def answers(v, ids):
    """3CosAdd in float64, one question at a time."""
    units = v.vectors.astype(np.float64)
    units /= np.linalg.norm(units, axis=1)[:, None]
    found = []
    for a, b, c, _ in ids:
        scores = units @ (units[b] - units[a] + units[c])
        scores[[a, b, c]] = -9
        found.append(scores.argmax())
    return np.array(found)


def test_any_division_into_tiles_gives_the_answers_of_plain_arithmetic(tmp_path, monkeypatch):
    rng = np.random.default_rng(5)
    v = KeyedVectors(Vocabulary.from_words([f"w{i}" for i in range(700)]), rng.normal(size=(700, 12)).astype("f4"))
    ids = rng.integers(0, 700, (400, 4))
    ids[:200, 3] = answers(v, ids[:200])
    path = tmp_path / "questions.txt"
    path.write_text("".join(" ".join(f"w{i}" for i in row) + "\n" for row in ids))
    expected = int((answers(v, ids) == ids[:, 3]).sum())
    assert expected >= 200
    assert v.evaluate_analogies(path).sections == (AnalogyScore("questions", 400, 400, expected),)
    for name, value in {"_SCORES": 1, "_QUESTIONS": 33, "_BLOCK": 500, "_WORDS": 30}.items():
        monkeypatch.setattr(f"hogvec.evaluate.{name}", value)
    assert v.evaluate_analogies(path).total.correct == expected


def test_rows_without_a_direction_answer_nothing_wrong(tmp_path, questions):
    v = planted()
    vectors = v.vectors.copy()
    vectors[12] = np.nan
    vectors[9] = 0
    report = KeyedVectors(v.vocabulary, vectors).evaluate_analogies(questions)
    assert report.sections[:2] == v.evaluate_analogies(questions).sections[:2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (": a\nking queen man\n", "line 2: a question must have 4 words, got 'king queen man'"),
        ("a b c d e\n", "line 1: a question must have 4 words"),
        (": a\n: b\n", "must hold at least one question, got none"),
        ("", "must hold at least one question, got none"),
    ],
)
def test_a_file_without_proper_questions_is_refused(tmp_path, text, message):
    (tmp_path / "q").write_text(text)
    with pytest.raises(ValueError, match=message):
        planted().evaluate_analogies(tmp_path / "q")


def test_arguments_of_evaluations_are_checked(tmp_path, questions):
    with pytest.raises(ValueError, match="restrict_vocab must be at least 1, got 0"):
        planted().evaluate_analogies(questions, restrict_vocab=0)
    with pytest.raises(FileNotFoundError):
        planted().evaluate_similarity(tmp_path / "absent")


# Similarity


def similarity_of(tmp_path, text, **options):
    path = tmp_path / "pairs.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return planted().evaluate_similarity(path, **options)


PAIRS = ["king queen 9", "man woman 8.5", "king Rome 1", "go other 0", "absent king 3"]


@pytest.mark.parametrize("separator", [" ", "\t", ",", ", ", "  ", "\t "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("head", ["", "word1 word2 score\n", "# a comment\n\n", "# a comment\nWord 1\n", "\ufeff"])
def test_pairs_are_read_whatever_separates_them(tmp_path, separator, end, head):
    report = similarity_of(tmp_path, head + end.join(line.replace(" ", separator) for line in PAIRS))
    plain = similarity_of(tmp_path, "\n".join(PAIRS))
    assert (report.pairs, report.answered) == (5, 4)
    assert report.coverage == 0.8
    assert report == plain


def test_further_fields_are_ignored_and_words_may_hold_spaces_between_tabs(tmp_path):
    assert similarity_of(tmp_path, "king\tqueen\t9\tn\t3\nman\tNew York\t1\t\n").pairs == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("king queen 9\nking queen\n", "line 2: a pair is two words and a score, got 'king queen'"),
        ("king queen 9\nking queen x\n", "line 2"),
        ("a b c\nd e f\nking queen 1\n", "line 2"),
        ("king queen 9\nking queen nan\n", "line 2"),
        ("# nothing\n", "must hold at least one pair"),
        ("a header\n", "must hold at least one pair"),
    ],
)
def test_a_line_that_is_no_pair_is_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        similarity_of(tmp_path, text)


def test_correlations_without_a_spread_are_not_a_number(tmp_path):
    for text in ("king queen 3\n", "king queen 3\nking man 3\n", "absent unknown 1\nking unknown 2\n"):
        report = similarity_of(tmp_path, text)
        assert math.isnan(report.spearman)
        assert math.isnan(report.pearson)


def test_case_and_restriction_hold_for_pairs_as_well(tmp_path):
    text = "KING queen 9\nman Woman 8\nGo went 1\n"
    assert similarity_of(tmp_path, text).answered == 3
    assert similarity_of(tmp_path, text, restrict_vocab=4).answered == 2
    assert similarity_of(tmp_path, text, case_insensitive=False).answered == 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=20))
def test_correlations_are_those_of_scipy(pairs):
    stats = pytest.importorskip("scipy.stats")
    x, y = np.array(pairs, dtype=np.float64).T
    ranks = _average_ranks(x)
    np.testing.assert_array_equal(ranks, stats.rankdata(x))
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert math.isnan(_pearson(x, y))
    else:
        assert _pearson(ranks, _average_ranks(y)) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
        assert _pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-12)


# Against gensim


def test_counts_and_correlations_are_those_of_gensim():
    models = pytest.importorskip("gensim.models")
    if "HOGVEC_DATA" not in os.environ:
        pytest.skip("HOGVEC_DATA does not say where the evaluation files are")
    data = Path(os.environ["HOGVEC_DATA"]) / "eval"
    lines = (data / "questions-words.txt").read_text().splitlines()
    rng = np.random.default_rng(7)
    planted = {}
    for line in lines:  # a section's second words are its first ones plus an offset: many answers are right
        if line.startswith(":"):
            offset = rng.normal(size=20)
            continue
        for first, second in (line.split()[:2], line.split()[2:]):
            if first not in planted and second not in planted:
                planted[first] = rng.normal(size=20)
                planted[second] = planted[first] + offset + rng.normal(size=20)
    words = rng.permutation(list(planted)).tolist()[:-100]
    words += [word.upper() for word in words[::3]]
    vectors = np.array([planted.get(word, rng.normal(size=20)) for word in words], np.float32)
    theirs = models.KeyedVectors(20)
    theirs.add_vectors(words, vectors)
    ours = KeyedVectors(Vocabulary.from_words(words), vectors)
    for options in ({"case_insensitive": True}, {"case_insensitive": False}, {"restrict_vocab": 300}):
        _, sections = theirs.evaluate_word_analogies(
            str(data / "questions-words.txt"), **{"restrict_vocab": None, **options}
        )
        report = ours.evaluate_analogies(data / "questions-words.txt", **options)
        for score, section in zip((*report.sections, report.total), sections, strict=True):
            right, wrong = len(section["correct"]), len(section["incorrect"])
            assert (score.correct, score.answered) == (right, right + wrong)
        assert 0.1 < report.total.accuracy < 0.9
    pearson, spearman, unknown = theirs.evaluate_word_pairs(str(data / "EN-MEN-TR-3k.txt"), restrict_vocab=None)
    similarity = ours.evaluate_similarity(data / "EN-MEN-TR-3k.txt")
    assert similarity.spearman == pytest.approx(spearman.statistic, abs=1e-6)
    assert similarity.pearson == pytest.approx(pearson.statistic, abs=1e-6)
    assert similarity.coverage == pytest.approx(1 - unknown / 100)
