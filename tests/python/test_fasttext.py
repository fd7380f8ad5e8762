"""FastText: hashes and n-grams, an epoch against its definition in NumPy, gradients, what is learnt and refused."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hogvec import (
    NCE,
    SGD,
    AdaGrad,
    Batch,
    ClassTree,
    Corpus,
    FastText,
    HierarchicalSoftmax,
    HuffmanTree,
    NegativeSampling,
    OneVsAll,
    SampledSoftmax,
    Softmax,
    SubwordVectors,
    Trainer,
    Vocabulary,
    _core,
    reference,
)

BUCKETS = 2_000_000

# Hashes and n-grams.


@pytest.mark.parametrize(
    ("text", "hash"),
    [("where", 90969176), ("<wh", 1048167652), ("é", 1023043777), ("中", 3930512628), ("</s>", 3617362777)],
)
def test_the_hash_is_that_of_fasttext(text: str, hash: int) -> None:
    assert _core.subword_hash(text) == hash


def test_ngrams_and_their_ids_are_those_of_fasttext() -> None:
    settings = {"min_n": 2, "max_n": 3}
    assert _core.subword_ngrams("été", **settings) == ["<é", "<ét", "ét", "été", "té", "té>", "é>"]
    offsets, ids = _core.subword_ids(["été", "</s>", "été"], **settings, buckets=BUCKETS, first=10)
    assert offsets.tolist() == [0, 7, 7, 14]
    expected = [36627, 1908133, 452975, 187927, 41387, 1291535, 1996781]
    assert (ids - 10).tolist() == expected * 2


def test_bytes_that_are_no_utf8_are_code_points_by_their_bits() -> None:
    # 0x80 belongs to the boundary before it, 0xff stands for itself.
    assert _core.subword_ngrams("\udc80a\udcff", min_n=2, max_n=2) == ["<\udc80a", "a\udcff", "\udcff>"]


def test_rows_of_a_vocabulary_are_words_and_the_buckets_they_reach() -> None:
    words = ["where", "when", "</s>", "été"]
    subwords = _core.Subwords(Vocabulary.from_words(words)._words, min_n=3, max_n=6, buckets=BUCKETS)
    offsets, ids = _core.subword_ids(words, min_n=3, max_n=6, buckets=BUCKETS, first=0)
    np.testing.assert_array_equal(subwords.buckets, np.unique(ids))
    assert subwords.num_rows == len(words) + len(subwords.buckets)
    for word in range(len(words)):
        rows = subwords.rows[subwords.offsets[word] : subwords.offsets[word + 1]]
        assert rows[0] == word
        np.testing.assert_array_equal(
            subwords.buckets[rows[1:].astype(np.int64) - len(words)], ids[offsets[word] : offsets[word + 1]]
        )
    with pytest.raises(ValueError, match="read-only"):
        subwords.rows[0] = 99


# An epoch is its definition. Every token is kept and every window has its whole width.

SEQUENCES = [["aba", "abab", "aba", "xyz", "ab"], ["ab", "xyz"]]
WINDOW = 2
RATE = 0.5


def windows(corpus: Corpus) -> list[tuple[int, list[int]]]:
    """Every centre with its context."""
    sequences = [corpus.ids[a:b].tolist() for a, b in zip(corpus.offsets[:-1], corpus.offsets[1:], strict=True)]
    return [
        (word, sequence[max(0, i - WINDOW) : i] + sequence[i + 1 : i + 1 + WINDOW])
        for sequence in sequences
        for i, word in enumerate(sequence)
    ]


def definition(corpus: Corpus, architecture: FastText) -> Batch:
    """The groups of an epoch, scored against the paths of their targets, however often a node stands on them."""
    tree = HuffmanTree(corpus.counts)
    assert corpus.vocabulary is not None
    subwords = _core.Subwords(
        corpus.vocabulary._words, min_n=architecture.min_n, max_n=architecture.max_n, buckets=architecture.buckets
    )

    def rows(words: list[int]) -> list[int]:
        return [row for w in words for row in subwords.rows[subwords.offsets[w] : subwords.offsets[w + 1]].tolist()]

    bags, sizes, nodes, labels, candidates = [], [], [], [], []
    for centre, context in windows(corpus):
        if architecture.model == "cbow":
            inputs, targets = [rows(context)], [centre]
        elif architecture.direction == "fasttext":
            inputs, targets = [rows([centre])], context
        else:
            inputs, targets = [rows([word]) for word in context], [centre]
        paths = [slice(tree.offsets[target], tree.offsets[target + 1]) for target in targets]
        bags += inputs
        sizes.append(len(inputs))
        nodes += [tree.points[path] for path in paths]
        labels += [1.0 - tree.codes[path] for path in paths]
        candidates.append(sum(path.stop - path.start for path in paths))
    means = 1 / np.array([len(bag) for bag in bags])
    return Batch(
        bag_rows=np.concatenate(bags),
        bag_offsets=np.cumsum([0] + [len(bag) for bag in bags]),
        forward_scale=means,
        backward_scale=means if architecture.gradient == "exact" else np.ones(len(bags)),
        group_offsets=np.cumsum([0, *sizes]),
        shared_offsets=np.cumsum([0, *candidates]),
        shared_rows=np.concatenate(nodes),
        shared_labels=np.concatenate(labels),
    )


@pytest.mark.parametrize("optimizer", [SGD, AdaGrad])
@pytest.mark.parametrize("gradient", ["word2vec", "exact"])
@pytest.mark.parametrize(
    "options", [{"direction": "fasttext"}, {"direction": "word2vec"}, {"model": "cbow"}], ids=lambda o: str(o)
)
def test_an_epoch_is_its_definition(options: dict[str, Any], gradient: str, optimizer: Any) -> None:
    corpus = Corpus.from_sequences(SEQUENCES, min_count=1)
    architecture = FastText(
        7, WINDOW, subsample=0, shrink_windows=False, min_n=2, max_n=4, buckets=40, gradient=gradient, **options
    )
    trainer = Trainer(architecture, HierarchicalSoftmax(), optimizer(learning_rate=RATE), threads=1)
    other = Trainer(architecture, HierarchicalSoftmax(), optimizer(learning_rate=RATE), threads=1)
    for one in (trainer, other):
        one.initialize(corpus)
        one.output_table[:] = np.random.default_rng(1).normal(size=one.output_table.shape)
        one.input_table[:] = np.random.default_rng(2).normal(size=one.input_table.shape)
    batch = definition(corpus, architecture)
    expected = trainer.input_table.astype(np.float64), trainer.output_table.astype(np.float64)
    trainer.fit(corpus, epochs=1, progress=False)
    # All groups are one batch, at the rate of its first position; float32 rows of order 1 after seven steps.
    if optimizer is SGD:
        reference.train_batch(batch, *expected, RATE)
    else:
        other.train_batch(batch, learning_rate=RATE)
        expected = other.input_table.astype(np.float64), other.output_table.astype(np.float64)
    np.testing.assert_allclose(trainer.input_table, expected[0], rtol=0, atol=2e-5)
    np.testing.assert_allclose(trainer.output_table, expected[1], rtol=0, atol=2e-5)


def test_the_exact_gradient_of_a_bag_is_the_derivative_of_the_loss() -> None:
    # "aaaa" has the n-gram "aa" three times: its row receives three shares.
    subwords = _core.Subwords(Vocabulary.from_words(["aaaa", "b"])._words, min_n=2, max_n=2, buckets=BUCKETS)
    bag = subwords.rows[: subwords.offsets[1]]
    assert len(np.unique(bag)) == len(bag) - 2
    batch = Batch(
        bag_rows=bag,
        bag_offsets=[0, len(bag)],
        forward_scale=[1 / len(bag)],
        backward_scale=[1 / len(bag)],
        weight=[3.0],
        group_offsets=[0, 1],
        shared_offsets=[0, 4],
        shared_rows=[0, 1, 2, 3],
        shared_labels=[1.0, 0.75, 0.0, 0.5],
        shared_weights=[1 / 3, 4 / 3, 2.0, 1.0],
    )
    trainer = Trainer(FastText(5), threads=1)
    trainer.initialize(input_rows=subwords.num_rows, output_rows=4)
    generator = np.random.default_rng(1)
    trainer.input_table[:] = generator.normal(size=trainer.input_table.shape)
    trainer.output_table[:] = generator.normal(size=trainer.output_table.shape)
    before = trainer.input_table.copy()
    numeric = np.zeros_like(before, dtype=np.float64)
    step = 2.0**-6
    for place in np.ndindex(before.shape):
        sides = []
        for sign in (1, -1):
            trainer.input_table[place] = before[place] + np.float32(sign * step)
            sides.append(trainer.train_batch(batch, learning_rate=0))
        trainer.input_table[place] = before[place]
        numeric[place] = (sides[0] - sides[1]) / (2 * step)
    trainer.train_batch(batch, learning_rate=1.0)
    # Third derivatives times step squared / 6, and rounding of float32 over two steps.
    np.testing.assert_allclose(before - trainer.input_table, numeric, rtol=0, atol=2e-4)


# What is learnt.

STEMS = [
    ["walk", "march", "stroll", "wander"],
    ["grill", "roast", "boil", "steam"],
    ["paint", "sketch", "carve", "etch"],
]
ENDINGS = ["s", "ed", "ing"]
UNSEEN = [(f"{stem}er", topic) for topic, stems in enumerate(STEMS) for stem in stems]


@pytest.fixture(scope="module")
def inflected() -> Corpus:
    """Sequences about one of three topics; a topic is four stems, each with any of three endings."""
    generator = np.random.default_rng(1)
    return Corpus.from_sequences(
        [
            [
                stems[i] + ENDINGS[j]
                for i, j in zip(generator.integers(4, size=12), generator.integers(3, size=12), strict=True)
            ]
            for stems in STEMS * 700
        ],
        min_count=1,
    )


LOSSES = [NegativeSampling(), NCE(), HierarchicalSoftmax(), Softmax(), OneVsAll()]
MODELS: list[dict[str, Any]] = [{}, {"gradient": "exact"}, {"direction": "word2vec"}, {"model": "cbow"}]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("options", MODELS, ids=str)
def test_an_unseen_inflection_lands_near_its_family(options: dict[str, Any], loss: Any, inflected: Corpus) -> None:
    vectors = Trainer(FastText(16, 4, subsample=0, **options), loss, threads=1).fit(inflected, epochs=4, progress=False)
    assert isinstance(vectors, SubwordVectors)
    words = [stem + ending for stems in STEMS for stem in stems for ending in ENDINGS]
    topics = np.repeat(np.arange(3), 12)
    table = vectors[words]
    unseen = vectors[[word for word, _ in UNSEEN]]
    centred = [(rows - table.mean(axis=0)) for rows in (unseen, table)]
    directions = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in centred]
    cosines = directions[0] @ directions[1].T
    for (word, topic), row in zip(UNSEEN, cosines, strict=True):
        assert word not in vectors
        assert row[topics == topic].mean() > row[topics != topic].max(), word


def test_losses_with_candidates_of_each_word_train_the_other_direction(inflected: Corpus) -> None:
    counts = inflected.counts
    for loss in (SampledSoftmax(num_sampled=5), HierarchicalSoftmax(tree=ClassTree(counts))):
        with pytest.raises(ValueError, match=r"^the loss of a FastText in fastText's direction must .*word2vec'$"):
            Trainer(FastText(), loss)
        for options in ({"direction": "word2vec"}, {"model": "cbow"}):
            trainer = Trainer(FastText(16, 4, subsample=0, **options), loss, threads=1)
            trainer.fit(inflected, epochs=2, progress=False)
            assert trainer.history[1].loss < trainer.history[0].loss


@pytest.mark.parametrize("options", MODELS, ids=str)
def test_one_thread_is_reproducible_to_the_bit(options: dict[str, Any], inflected: Corpus) -> None:
    runs = []
    for seed in (3, 3, 4):
        trainer = Trainer(FastText(8, 3, **options), threads=1, seed=seed)
        trainer.fit(inflected, epochs=1, progress=False)
        runs.append(trainer.input_table.copy())
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_a_run_continues_and_its_result_follows(inflected: Corpus) -> None:
    trainer = Trainer(FastText(8, subsample=0), threads=2)
    vectors = trainer.fit(inflected, epochs=1, progress=False)
    assert isinstance(vectors, SubwordVectors)
    first = vectors["walks"]
    unseen = vectors["walker"]
    assert trainer.fit(inflected, epochs=1, progress=False).vectors.shape == (36, 8)
    assert trainer.history[1].epoch == 2
    assert not np.array_equal(vectors["walks"], first)
    assert not np.array_equal(vectors["walker"], unseen)
    assert np.shares_memory(vectors.rows, trainer.input_table)


def test_buckets_cost_memory_only_where_words_reach_them() -> None:
    script = """
import resource
import hogvec
corpus = hogvec.Corpus.from_sequences([["walk", "walked", "talking"]] * 100, min_count=1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
trainer = hogvec.Trainer(hogvec.FastText(dim=100, subsample=0), threads=1)
trainer.fit(corpus, epochs=1, progress=False)
assert len(trainer.input_table) < 100
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    # 800 MB as a whole; in kilobytes on Linux, in bytes elsewhere.
    assert int(output) < 40_000 * (1 if sys.platform == "linux" else 1024)


# What is refused.


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"min_n": 0}, ValueError, "min_n must be at least 1, got 0"),
        ({"min_n": 4, "max_n": 3}, ValueError, "max_n must be at least min_n, 4, got 3"),
        ({"min_n": "3"}, TypeError, "min_n must be an integer, got '3'"),
        ({"max_n": 2.0}, TypeError, r"max_n must be an integer, got 2\.0"),
        ({"buckets": 0}, ValueError, "buckets must be at least 1, got 0"),
        ({"buckets": 2**31}, ValueError, "buckets must be at most 2147483647, got 2147483648"),
        ({"model": "sg"}, ValueError, "model must be one of 'skipgram', 'cbow', got 'sg'"),
        ({"direction": "up"}, ValueError, "direction must be one of 'fasttext', 'word2vec', got 'up'"),
        ({"gradient": None}, ValueError, "gradient must be one of 'word2vec', 'exact', got None"),
        ({"dim": 0}, ValueError, "dim must be at least 1, got 0"),
        ({"window": 0}, ValueError, "window must be at least 1, got 0"),
        ({"subsample": -1}, ValueError, "subsample must be at least 0, got -1"),
    ],
)
def test_parameters_are_checked_when_they_are_given(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{message}$"):
        FastText(**options)


def test_a_corpus_must_have_words_and_the_same_ones(inflected: Corpus) -> None:
    ids = Corpus.from_ids(np.zeros(10, dtype=np.int32) + np.arange(10, dtype=np.int32) % 3, [0, 10])
    with pytest.raises(ValueError, match=r"^the corpus of a FastText must have words, got ids without a vocabulary$"):
        Trainer(FastText()).fit(ids, progress=False)
    trainer = Trainer(FastText(8, subsample=0), threads=1)
    trainer.fit(inflected, epochs=1, progress=False)
    with pytest.raises(ValueError, match=r"^the corpus of a FastText must have words"):
        trainer.fit(ids, progress=False)
    with pytest.raises(ValueError, match=r"^the corpus must have the vocabulary of the corpus trained on before"):
        trainer.fit(Corpus.from_sequences([["a", "b"]] * 9, min_count=1), progress=False)
    trainer.initialize(input_rows=50, output_rows=40)
    with pytest.raises(ValueError, match=r"^the tables of a FastText must be made from a corpus, got numbers of rows$"):
        trainer.fit(inflected, progress=False)
