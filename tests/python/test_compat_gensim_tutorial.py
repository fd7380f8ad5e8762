"""One script by gensim's documented interface, run under gensim and under `hogvec.compat.gensim`: the same shapes and
types, and results of the same kind. And files that one of them, or fastText's package, reads from the other."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hogvec
import hogvec.compat.gensim as ours
import numpy as np
import pytest

TOPICS = {
    "food": ["bread", "butter", "cheese", "apple", "soup", "cake"],
    "road": ["car", "truck", "wheel", "engine", "driver", "bus"],
    "sky": ["cloud", "rain", "storm", "thunder", "snow", "sun"],
}


def lines() -> list[list[str]]:
    rng = np.random.default_rng(7)
    return [[str(word) for word in rng.choice(words, 8)] for _ in range(150) for words in TOPICS.values()]


@pytest.fixture(scope="module")
def gensim() -> Any:
    pytest.importorskip("gensim", reason="gensim is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of gensim's own imports
        from gensim import models
        from gensim.models import callbacks, fasttext, word2vec
    return SimpleNamespace(
        Word2Vec=models.Word2Vec,
        FastText=models.FastText,
        KeyedVectors=models.KeyedVectors,
        LineSentence=word2vec.LineSentence,
        PathLineSentences=word2vec.PathLineSentences,
        Text8Corpus=word2vec.Text8Corpus,
        CallbackAny2Vec=callbacks.CallbackAny2Vec,
        load_facebook_model=fasttext.load_facebook_model,
        load_facebook_vectors=fasttext.load_facebook_vectors,
        save_facebook_model=fasttext.save_facebook_model,
    )


def form(value: Any) -> Any:
    """What a value is made of: types, lengths, shapes and words' number, not the numbers themselves."""
    if isinstance(value, np.ndarray):
        return "array", value.shape, str(value.dtype)
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return kind, [form(item) for item in value]
    if isinstance(value, dict):
        return "dict", sorted(map(str, value))
    return "float" if isinstance(value, float) else type(value).__name__


def script(library: Any, folder: Path) -> dict[str, Any]:
    """Train, ask, save, load and go on, as the tutorials do."""
    folder.mkdir()
    path = folder / "text.txt"
    path.write_text("\n".join(map(" ".join, lines())) + "\n", encoding="utf-8")
    said: dict[str, Any] = {}
    epochs = []

    class Watcher(library.CallbackAny2Vec):  # type: ignore[misc, name-defined]
        def on_epoch_end(self, model: Any) -> None:
            epochs.append(model.wv.vectors.shape)

    small = {"vector_size": 16, "window": 4, "min_count": 1, "workers": 1, "sample": 0, "epochs": 10}
    sentences = library.LineSentence(str(path))
    said["sentences"] = len(list(sentences)), form(next(iter(sentences)))
    said["text8"] = [len(one) for one in library.Text8Corpus(str(path), max_sentence_length=1000)]
    said["folder"] = len(list(library.PathLineSentences(str(path))))
    model = library.Word2Vec(sentences=sentences, **small, compute_loss=True, callbacks=[Watcher()])
    said["epochs"] = epochs
    said["str"] = str(model)
    said["loss"] = form(float(model.get_latest_training_loss())), model.get_latest_training_loss() > 0
    said["counts"] = [model.corpus_count, model.corpus_total_words, model.epochs, model.min_count]
    said["tables"] = form(model.syn1neg)
    wv = model.wv
    said["wv"] = len(wv), sorted(wv.index_to_key) == sorted(wv.key_to_index), form(wv["bread"]), form(wv.vectors)
    said["vecattr"] = sorted(int(wv.get_vecattr(word, "count")) for word in wv.index_to_key)
    nearest = wv.most_similar("car", topn=3)
    said["most_similar"] = form(nearest), {word for word, _ in nearest} <= set(TOPICS["road"])
    said["sums"] = form(wv.most_similar(positive=["car", "rain"], negative=["bread"], topn=2))
    said["by"] = form([wv.similar_by_word("sun", topn=2), wv.similar_by_vector(wv["sun"], topn=1)])
    said["all"] = form(wv.most_similar("car", topn=None))
    said["cosmul"] = form(wv.most_similar_cosmul(positive=["car", "bus"], negative=["sun"], topn=2))
    said["similarity"] = form(wv.similarity("car", "bus")), wv.similarity("car", "bus") > wv.similarity("car", "sun")
    said["doesnt_match"] = wv.doesnt_match(["bread", "butter", "car"])
    said["n_similarity"] = form(wv.n_similarity(["car", "bus"], ["truck"]))
    said["distances"] = form([wv.distance("car", "bus"), wv.distances("car", ["bus", "sun"]), wv.distances("car")])
    said["ranks"] = form([wv.rank("car", "bus"), wv.closer_than("car", "sun")[:1]])
    said["norm"] = form(wv.get_vector("car", norm=True)), form(wv.get_normed_vectors())
    said["mean"] = form(wv.get_mean_vector(["car", "bus"]))
    said["stacked"] = form(wv[["car", "bus"]])
    predicted = model.predict_output_word(["bread", "butter"], topn=2)
    said["predicted"] = form(predicted), predicted[0][0] in TOPICS["food"]
    questions, pairs = folder / "questions", folder / "pairs"
    questions.write_text(": one\ncar bus sun rain\nbread butter car bus\n")
    pairs.write_text("car\tbus\t9\nbread\tcar\t1\nsun\train\t8\nsun\tbutter\t2\n")
    score, sections = wv.evaluate_word_analogies(str(questions))
    said["analogies"] = form(score), [(s["section"], len(s["correct"]) + len(s["incorrect"])) for s in sections]
    pearson, spearman, unknown = wv.evaluate_word_pairs(str(pairs))
    said["pairs"] = pearson[0] > 0.8, spearman[0] > 0.7, 0 < pearson[1] < 0.2, unknown
    model.save(str(folder / "model"))
    loaded = library.Word2Vec.load(str(folder / "model"))
    said["loaded"] = np.array_equal(loaded.wv.vectors, wv.vectors), str(loaded)
    said["more"] = loaded.train(lines(), total_examples=loaded.corpus_count, epochs=2)
    loaded.build_vocab([["scooter", "car", "bus"] * 5], update=True)
    said["updated"] = len(loaded.wv), loaded.wv.index_to_key[-1], int(loaded.wv.get_vecattr("scooter", "count"))
    wv.save_word2vec_format(str(folder / "v.txt"), binary=False)
    again = library.KeyedVectors.load_word2vec_format(str(folder / "v.txt"), binary=False)
    said["word2vec"] = again.index_to_key == wv.index_to_key, np.allclose(again.vectors, wv.vectors, atol=1e-6)
    wv.save(str(folder / "kv"))
    said["kv"] = np.array_equal(library.KeyedVectors.load(str(folder / "kv"), mmap="r").vectors, wv.vectors)
    own = library.KeyedVectors(2)
    own.add_vectors(["x", "y"], np.array([[1, 0], [1, 1]], np.float32))
    said["own"] = own.most_similar("x")[0][0], round(own.most_similar("x")[0][1], 6), form(own.similarity("x", "y"))
    said["hs"] = form(library.Word2Vec(sentences, **small, hs=1, negative=0, sg=1).wv["car"])
    said["file"] = form(library.Word2Vec(corpus_file=str(path), **small).wv["car"])
    stepwise = library.Word2Vec(**{**small, "min_count": 2})
    stepwise.build_vocab(corpus_iterable=[*lines(), ["once"]])
    counts = stepwise.train(corpus_iterable=lines(), total_examples=stepwise.corpus_count, epochs=stepwise.epochs)
    said["stepwise"] = len(stepwise.wv), counts
    subwords = library.FastText(sentences, **small, sg=1, min_n=2, max_n=4, bucket=1000)
    said["fasttext"] = (
        str(subwords),
        form(subwords.wv["carx"]),
        "carx" in subwords.wv,
        "carx" in subwords.wv.key_to_index,
        subwords.wv.most_similar("trucks", topn=1)[0][0] in TOPICS["road"],
        form(subwords.wv.vectors_ngrams),
        form(subwords.wv.get_sentence_vector(["car", "carx"])),
    )
    subwords.save(str(folder / "ft"))
    said["ft loaded"] = np.array_equal(library.FastText.load(str(folder / "ft")).wv["trucks"], subwords.wv["trucks"])
    for wrong in (lambda: wv["unknown"], lambda: wv.most_similar("unknown"), lambda: wv.similarity("car", "unknown")):
        with pytest.raises(KeyError):
            wrong()
    with pytest.raises(ValueError, match="total_examples"):
        model.train(lines(), epochs=1)
    return said


def test_the_tutorials_script_does_the_same_under_both(gensim: Any, tmp_path: Path) -> None:
    mine = script(ours, tmp_path / "ours")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # gensim calls what it has deprecated itself
        theirs = script(gensim, tmp_path / "theirs")
    assert mine == theirs


def test_the_script_runs_without_gensim(tmp_path: Path) -> None:
    assert script(ours, tmp_path / "ours")["doesnt_match"] == "car"


def trained() -> ours.FastText:
    return ours.FastText(lines(), vector_size=8, min_count=1, workers=1, sample=0, bucket=200, sg=1, min_n=2, max_n=3)


ASKED = ["bread", "sun", "breads", "été", "z"]


def test_gensim_reads_fasttext_files_written_here_and_the_other_way(gensim: Any, tmp_path: Path) -> None:
    mine = trained()
    ours.save_facebook_model(mine, tmp_path / "mine.bin")
    theirs = gensim.load_facebook_model(str(tmp_path / "mine.bin"))
    for word in ASKED:
        np.testing.assert_allclose(theirs.wv[word], mine.wv[word], atol=1e-6)
    np.testing.assert_array_equal(theirs.syn1neg, mine.syn1neg)
    theirs.train(lines(), total_examples=theirs.corpus_count or 450, epochs=1)
    gensim.save_facebook_model(theirs, str(tmp_path / "theirs.bin"))
    back = ours.load_facebook_model(tmp_path / "theirs.bin")
    for word in ASKED:
        np.testing.assert_allclose(back.wv[word], theirs.wv[word], atol=1e-6)
    np.testing.assert_array_equal(back.syn1neg, theirs.syn1neg)


def test_fasttexts_package_reads_files_written_here(tmp_path: Path) -> None:
    fasttext = pytest.importorskip("fasttext", reason="the fasttext package is not installed")
    rng = np.random.default_rng(1)
    words = list(dict.fromkeys("".join(rng.choice(list("abcdefgh"), 6)) for _ in range(300)))
    corpus = hogvec.Corpus.from_sequences([[str(word) for word in rng.permutation(words)]] * 3, min_count=1)
    trainer = hogvec.Trainer(hogvec.FastText(dim=8, subsample=0, buckets=2000), threads=1)
    vectors = trainer.fit(corpus, epochs=1, progress=False)
    trainer.save_fasttext(tmp_path / "m.bin")
    trainer.save_fasttext(tmp_path / "m.ftz", quantize=True)
    for name, expected in (("m.bin", vectors), ("m.ftz", hogvec.SubwordVectors.load_fasttext(tmp_path / "m.ftz"))):
        model = fasttext.load_model(str(tmp_path / name))
        for word in [*words[:50], *ASKED]:
            np.testing.assert_allclose(model.get_word_vector(word), expected[word], atol=1e-5)
