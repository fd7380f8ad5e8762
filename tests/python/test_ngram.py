"""N-gram language models against counts in dictionaries, and what every language model promises."""

from __future__ import annotations

import contextlib
import math
import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import hogvec
import numpy as np
import pytest
from hogvec import Corpus, NGramLM, Vocabulary
from hogvec.language_model import read_sequences
from numpy.testing import assert_allclose

END, BEGIN = "</s>", "<s>"


def random_text(seed: int, sentences: int = 300, words: int = 30) -> list[list[str]]:
    """Return sentences in which words prefer some successors, so that n-grams of every count occur."""
    random = np.random.default_rng(seed)
    text = []
    for _ in range(sentences):
        word, sentence = 0, []
        for _ in range(int(random.integers(0, 12))):
            word = int((word * 7 + random.integers(0, 6) ** 2) % words)
            sentence.append(f"w{word}")
        text.append(sentence)
    return text


class ReferenceKneserNey:
    """Modified Kneser-Ney by its definition: dictionaries of tuples of words."""

    def __init__(self, text: list[list[str]], order: int, vocabulary: list[str]) -> None:
        self.order, self.outputs = order, [*vocabulary, END]
        raw: Counter[tuple[str, ...]] = Counter()
        for sentence in text:
            words = [BEGIN, *sentence, END]
            for length in range(1, order + 1):
                raw.update(tuple(words[i : i + length]) for i in range(len(words) - length + 1))
        self.counts: dict[int, dict[tuple[str, ...], int]] = {}
        for length in range(1, order + 1):
            grams = {gram: count for gram, count in raw.items() if len(gram) == length}
            if length < order:
                before = defaultdict(set)
                for gram in raw:
                    if len(gram) == length + 1:
                        before[gram[1:]].add(gram[0])
                grams = {gram: count if gram[0] == BEGIN else len(before[gram]) for gram, count in grams.items()}
            if length == 1:
                grams.pop((BEGIN,))
            self.counts[length] = grams
        self.discounts = {length: self.discount(list(grams.values())) for length, grams in self.counts.items()}

    @staticmethod
    def discount(counts: list[int]) -> list[float]:
        n = [counts.count(i) for i in range(5)]
        y = n[1] / max(n[1] + 2 * n[2], 1)
        estimates = [i - (i + 1) * y * n[i + 1] / n[i] if n[i] and n[i + 1] else 0 for i in (1, 2, 3)]
        return [0.0, *(estimate if estimate > 0 else i / 2 for i, estimate in enumerate(estimates, start=1))]

    def probability(self, context: tuple[str, ...], word: str) -> float:
        context = context[len(context) - min(len(context), self.order - 1) :]
        length = len(context) + 1
        followers = {gram[-1]: count for gram, count in self.counts[length].items() if gram[:-1] == context}
        lower = self.probability(context[1:], word) if context else 1 / len(self.outputs)
        total = sum(followers.values())
        if total == 0:
            return lower
        discounts = self.discounts[length]
        left = sum(discounts[min(count, 3)] for count in followers.values()) / total
        count = followers.get(word, 0)
        return (count - discounts[min(count, 3)]) / total + left * lower


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_kneser_ney_is_that_of_its_definition(order: int) -> None:
    text = random_text(1)
    model = NGramLM(order, threads=2).fit(text)
    reference = ReferenceKneserNey(text, order, list(model.vocabulary))
    for length, discounts in enumerate(model.discounts, start=1):
        assert_allclose(discounts, reference.discounts[length][1:], rtol=1e-12)
    for context in ([], ["w0"], ["w1", "w2"], ["w3", "w17", "w4"], text[5][:3], text[7][:2]):
        expected = [reference.probability((BEGIN, *context), word) for word in reference.outputs]
        assert_allclose(model.probabilities(context), expected, rtol=1e-5)
        expected = [reference.probability(tuple(context), word) for word in reference.outputs]
        assert_allclose(model.probabilities(context, from_begin=False), expected, rtol=1e-5)
    if order > 1:
        assert model.num_ngrams[-1] == len(reference.counts[order])


@pytest.mark.parametrize(("smoothing", "k"), [("mle", 0.0), ("add_k", 0.25)])
def test_counts_make_the_probabilities_that_they_say(smoothing: str, k: float) -> None:
    text = [["a", "b", "a", "c"], ["a", "b"], ["b"]]
    model = NGramLM(3, smoothing=smoothing, **({"k": k} if k else {})).fit(text)
    a, b, end = model.vocabulary["a"], model.vocabulary["b"], 3
    expected = np.full(4, k)
    expected[[a, end]] += 1  # after "a b"
    assert_allclose(model.probabilities(["a", "b"]), expected / expected.sum())
    expected = np.full(4, k)
    expected[[a, b]] += [2, 1]  # the first words
    assert_allclose(model.probabilities([]), expected / expected.sum())
    # "c b" never occurs: nothing is known, or what follows "b".
    expected = np.full(4, k) if k else np.eye(4)[a] + 2 * np.eye(4)[end]
    assert_allclose(model.probabilities(["c", "b"]), expected / expected.sum())
    # "c" never begins, and what comes after it then is anybody's guess.
    expected_perplexity = (16 * 4 * 4) ** (1 / 3) if k else math.inf
    assert model.perplexity([["c", "c"]]) == pytest.approx(expected_perplexity)


@pytest.mark.parametrize("smoothing", ["kneser_ney", "add_k", "mle"])
@pytest.mark.parametrize("order", [1, 2, 5])
def test_probabilities_sum_to_one_and_are_those_of_tokens(smoothing: str, order: int) -> None:
    text = random_text(2, sentences=60)
    model = NGramLM(order, smoothing=smoothing).fit(text)
    for sentence in [text[3], text[11], ["w29", "w28", "w0", "w29"]]:
        tokens = model.token_log_probabilities([sentence])
        assert len(tokens) == len(sentence) + 1
        for i, word in enumerate([*sentence, None]):
            following = model.probabilities(sentence[:i])
            assert following.min() >= 0
            assert_allclose(following.sum(), 1, rtol=1e-5)
            id = len(model.vocabulary) if word is None else model.vocabulary[word]
            assert_allclose(following[id], np.exp(tokens[i]), rtol=1e-6)


def test_any_number_of_threads_counts_the_same() -> None:
    text = random_text(3)
    one, several = (NGramLM(4, threads=threads).fit(text) for threads in (1, 7))
    assert one.num_ngrams == several.num_ngrams
    assert np.array_equal(one.token_log_probabilities(text), several.token_log_probabilities(text))


def test_a_corpus_is_the_same_text_as_its_words(tmp_path: Path) -> None:
    text = [sentence for sentence in random_text(4) if sentence]
    (tmp_path / "text").write_text("\n".join(map(" ".join, text)))
    corpus = Corpus.from_file(tmp_path / "text", min_count=1)
    assert read_sequences(tmp_path / "text") == text
    model = NGramLM(3).fit(corpus)
    assert model.perplexity(corpus) == NGramLM(3).fit(text).perplexity(text)
    assert model.log_prob(text[0]) == pytest.approx(model.token_log_probabilities(corpus)[: len(text[0]) + 1].sum())
    with pytest.raises(ValueError, match="corpus must have every word of its text, got one that dropped"):
        NGramLM().fit(Corpus.from_file(tmp_path / "text", min_count=1 + int(corpus.counts.min())))
    with pytest.raises(ValueError, match="corpus must have the vocabulary of the model"):
        model.perplexity(Corpus.from_sequences([["other"]], min_count=1))


def test_unknown_words_are_the_vocabularys_unk_and_else_refused() -> None:
    model = NGramLM(2).fit([["a", "b"], ["b"]], vocabulary=Vocabulary.from_words(["a", "<unk>"]))
    assert model.log_prob(["zebra"]) == model.log_prob(["<unk>"]) > model.log_prob(["a", "a"])
    with pytest.raises(ValueError, match="words must be of the vocabulary, which has no '<unk>', got 'zebra'"):
        NGramLM(2).fit([["a"]]).perplexity([["a", "zebra"]])


def test_samples_follow_the_model() -> None:
    model = NGramLM(2, smoothing="mle").fit([["a"], ["a"], ["b", "c"], []])
    drawn = Counter(map(tuple, model.sample(2000, seed=3)))
    assert set(drawn) == {("a",), ("b", "c"), ()}
    expected = {("a",): 1000, ("b", "c"): 500, (): 500}
    chi_square = sum((drawn[words] - n) ** 2 / n for words, n in expected.items())
    assert chi_square < 13.8  # exceeded once in a thousand by chance
    assert model.sample(5, seed=3) == model.sample(5, seed=3) != model.sample(5, seed=4)
    assert all(len(words) <= 3 for words in NGramLM(1).fit([["a"] * 50]).sample(20, max_length=3))


@pytest.mark.parametrize("smoothing", ["kneser_ney", "add_k"])
def test_a_saved_model_is_the_same_and_a_damaged_file_an_error(tmp_path: Path, smoothing: str) -> None:
    text = random_text(5, sentences=40)
    model = NGramLM(3, smoothing=smoothing, k=0.5).fit(text)
    model.save(tmp_path / "model")
    loaded = NGramLM.load(tmp_path / "model")
    assert np.array_equal(loaded.token_log_probabilities(text), model.token_log_probabilities(text))
    assert (repr(loaded), loaded.num_ngrams, loaded.discounts) == (repr(model), model.num_ngrams, model.discounts)
    data = (tmp_path / "model").read_bytes()
    for cut in (0, 7, 100, len(data) // 2, len(data) - 1):
        (tmp_path / "cut").write_bytes(data[:cut])
        with pytest.raises(ValueError, match="must be a"):
            NGramLM.load(tmp_path / "cut")
    tensors = 8 + int.from_bytes(data[:8], "little")
    random = np.random.default_rng(1)
    for _ in range(60):  # whatever numbers stand there: a model whose sums may be off, or an error
        at = int(random.integers(tensors, len(data) - 4))
        (tmp_path / "lie").write_bytes(data[:at] + random.bytes(4) + data[at + 4 :])
        with contextlib.suppress(ValueError):
            NGramLM.load(tmp_path / "lie").token_log_probabilities([text[0]])


def test_an_arpa_file_has_every_ngram(tmp_path: Path) -> None:
    text = random_text(6, sentences=50)
    model = NGramLM(3).fit(text)
    model.save_arpa(tmp_path / "model.arpa")
    grams: dict[tuple[str, ...], tuple[float, float]] = {}
    for line in (tmp_path / "model.arpa").read_text().splitlines():
        if len(parts := line.split("\t")) > 1:
            grams[tuple(parts[1].split(" "))] = (float(parts[0]), float(parts[2]) if len(parts) == 3 else 0.0)
    assert len(grams) == sum(model.num_ngrams)

    def logarithm(words: tuple[str, ...]) -> float:
        if words in grams:
            return grams[words][0]
        return grams.get(words[:-1], (0.0, 0.0))[1] + logarithm(words[1:])

    for sentence in [text[0], text[1], ["w29", "w1", "w29"]]:
        words = (BEGIN, *sentence, END)
        total = sum(logarithm(words[max(0, i - 2) : i + 1]) for i in range(1, len(words)))
        assert model.log_prob(sentence) == pytest.approx(total * math.log(10), rel=1e-5)
    for refused, text in (("smoothing must", [["a"]]), ("words must have no whitespace", [["a b"]])):
        model = NGramLM(2, smoothing="mle" if "smoothing" in refused else "kneser_ney").fit(text)
        with pytest.raises(ValueError, match=refused):
            model.save_arpa(tmp_path / "other.arpa")
    assert not (tmp_path / "other.arpa").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"order": 0}, "order must be at least 1, got 0"),
        ({"order": 17}, "order must be at most 16, got 17"),
        ({"smoothing": "good_turing"}, "smoothing must be"),
        ({"k": 0}, "k must be above 0, got 0"),
        ({"k": math.nan}, "k must be finite, got nan"),
    ],
)
def test_parameters_outside_their_range_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NGramLM(**arguments)


def test_texts_that_are_none_are_refused() -> None:
    for text in ([], iter(())):
        with pytest.raises(ValueError, match="text must have at least one sequence, got none"):
            NGramLM().fit(text, vocabulary=Vocabulary.from_words(["a"]))
    for wrong in ("a b c", ["a b c"]):
        with pytest.raises(TypeError, match="must be"):
            NGramLM().fit(wrong)
    with pytest.raises(RuntimeError, match="call fit"):
        NGramLM().perplexity([["a"]])
    with pytest.raises(ValueError, match="corpus must have a vocabulary"):
        NGramLM().fit(Corpus.from_ids(np.zeros(3, np.int32), np.array([0, 3])))
    fitted = NGramLM(9).fit([["a"]])  # longer than any sentence
    assert fitted.num_ngrams[2:] == (1, 0, 0, 0, 0, 0, 0)
    assert fitted.perplexity([["a"], []]) > 1
    with pytest.raises(ValueError, match="at least one sequence"):
        fitted.perplexity([])


def test_the_penn_treebank_has_its_published_perplexities() -> None:
    if "HOGVEC_DATA" not in os.environ:
        pytest.skip("HOGVEC_DATA is not set")
    read = [Path(os.environ["HOGVEC_DATA"]) / f"lm/ptb/ptb.{part}.txt" for part in ("train", "test")]
    train = Corpus.from_file(read[0], min_count=1)
    test = Corpus.from_file(read[1], vocabulary=train.vocabulary)
    assert NGramLM(5).fit(train).perplexity(test) == pytest.approx(141.2, abs=2)
    assert NGramLM(3).fit(train).perplexity(test) == pytest.approx(148, abs=3)


def test_the_package_names_it() -> None:
    assert hogvec.NGramLM is NGramLM
