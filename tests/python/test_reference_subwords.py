"""Hashes and n-grams by the numbers that fastText itself gives."""

from __future__ import annotations

import numpy as np
import pytest
from hogvec.reference_subwords import subword_ids, subwords, word_hash, word_ngram_ids
from hypothesis import given
from hypothesis import strategies as st

BUCKETS = 2_000_000


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("where", 90969176),
        ("<wh", 1048167652),
        ("é", 1023043777),  # 513665217 with bytes without a sign
        ("中", 3930512628),
        ("</s>", 3617362777),
        ("команда", 1725507386),
        ("asteroid", 1988297200),
        ("北海道", 4096045468),
        ("", 2166136261),
    ],
)
def test_hashes_are_those_of_fasttext(word, expected):
    assert word_hash(word) == word_hash(word.encode()) == expected


@given(st.binary(max_size=12))
def test_a_hash_is_that_of_loops_over_32_bits(word):
    value = np.array([2166136261], np.uint32)
    for byte in np.frombuffer(word, np.int8):
        value = (value ^ byte.astype(np.int32).view(np.uint32)) * np.uint32(16777619)
    assert word_hash(word) == value[0]


def decoded(word, min_n, max_n):
    return [part.decode() for part in subwords(word, min_n=min_n, max_n=max_n)]


def test_subwords_are_counted_in_code_points():
    assert decoded("test", 3, 5) == ["<te", "<tes", "<test", "tes", "test", "test>", "est", "est>", "st>"]
    assert decoded("試し", 3, 5) == ["<試し", "<試し>", "試し>"]
    assert decoded("été", 2, 3) == ["<é", "<ét", "ét", "été", "té", "té>", "é>"]
    assert decoded("🚑🚒🚓🚕", 3, 3) == ["<🚑🚒", "🚑🚒🚓", "🚒🚓🚕", "🚓🚕>"]


def test_single_code_points_count_but_for_the_two_brackets():
    assert decoded("aé", 1, 1) == ["a", "é"]
    assert decoded("a", 1, 9) == ["<a", "<a>", "a", "a>"]
    assert decoded("", 1, 2) == ["<>"]
    assert decoded("a", 0, 1) == ["a"]


def test_a_word_has_no_subwords_when_there_are_no_lengths_or_it_ends_a_line():
    assert subwords("</s>", min_n=1) == []
    assert subwords("word", min_n=3, max_n=0) == []
    assert subwords("word", min_n=5, max_n=4) == []


def test_bytes_that_are_not_utf8_belong_to_the_code_point_before_them():
    assert subwords(b"\x80a\xff", min_n=1, max_n=2) == [b"<\x80a", b"a", b"a\xff", b"\xff", b"\xff>"]
    assert subwords("\udcff", min_n=2, max_n=2) == [b"<\xff", b"\xff>"]


def test_rows_of_subwords_are_those_of_fasttext():
    expected = [36627, 1908133, 452975, 187927, 41387, 1291535, 1996781]
    assert subword_ids("été", num_words=0, buckets=BUCKETS, min_n=2, max_n=3) == expected
    assert subword_ids("été", num_words=7, buckets=BUCKETS, min_n=2, max_n=2, word_id=4)[:2] == [4, 36634]
    assert subword_ids("</s>", num_words=7, buckets=BUCKETS, word_id=0) == [0]
    assert subword_ids("word", num_words=7, buckets=0, word_id=1) == [1]
    assert [word_hash(word) % BUCKETS for word in ("where", "<wh", "é", "中", "</s>")] == [
        969176, 167652, 1043777, 512628, 1362777,
    ]  # fmt: skip


def test_rows_of_word_ngrams_are_those_of_fasttext():
    def rows(words, n):
        return word_ngram_ids(words, n=n, num_words=0, buckets=BUCKETS)

    assert rows(["hello", "world"], 2) == [1485020]
    assert rows(["hello", "world", "where"], 3)[:2] == [1485020, 1732748]
    assert rows(["</s>", "world"], 2) == [332854]  # 1152054 with hashes without a sign
    assert rows(["hello", "world", "where"], 3)[2] == rows(["world", "where"], 2)[0]
    assert rows(["hello", "world"], 1) == rows(["hello"], 5) == rows([], 2) == []
    assert word_ngram_ids(["hello", "world"], n=2, num_words=10, buckets=BUCKETS) == [1485030]
    assert word_ngram_ids(["hello", "world"], n=2, num_words=10, buckets=0) == []
