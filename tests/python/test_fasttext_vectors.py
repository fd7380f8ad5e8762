"""Subword vectors and fastText's files: read, written, pruned and quantized; and ids against their specification."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fasttext_files import small_model
from hogvec import (
    BalancedTree,
    Corpus,
    FastText,
    HierarchicalSoftmax,
    KeyedVectors,
    SkipGram,
    SubwordVectors,
    Trainer,
    _core,
)
from hogvec._safetensors import read_safetensors, write_safetensors
from hogvec.fasttext_format import read_fasttext, write_fasttext
from hogvec.fasttext_model import FastTextArguments, FastTextModel, quantize_fasttext
from hogvec.reference_subwords import subword_ids, vector
from hogvec.vocabulary import Vocabulary

WORDS = ["the", "walk", "walked", "talk", "</s>", "été", "北海道", "a", "bad\udcffbytes", "x" * 50]
UNSEEN = ["walking", "stalk", "", "ét", "中", "qqqqq", "ab", "\udcff\udc80"]


def model_of(*, model: str = "skipgram", buckets: int = 50, dim: int = 4, min_n: int = 2, max_n: int = 4):
    rng = np.random.default_rng(3)
    labels = ["__label__a"] if model == "supervised" else []
    return FastTextModel(
        arguments=FastTextArguments(model=model, dim=dim, buckets=buckets, min_n=min_n, max_n=max_n),
        entries=Vocabulary.from_counts([*WORDS, *labels], range(len(WORDS) + len(labels), 0, -1)),
        num_words=len(WORDS),
        num_tokens=99,
        input_table=rng.normal(size=(len(WORDS) + buckets, dim)).astype(np.float32),
        output_table=rng.normal(size=(len(labels) or len(WORDS), dim)).astype(np.float32),
    )


def written(model: FastTextModel, path: Path) -> Path:
    write_fasttext(model, path)
    return path


def assert_vectors_are_those_of(vectors: KeyedVectors, model: FastTextModel, words: list[str]) -> None:
    for word in words:
        np.testing.assert_allclose(vectors[word], vector(model, word), rtol=0, atol=1e-6, err_msg=repr(word))


@pytest.mark.parametrize("buckets", [1, 50, 1000, 2_000_000, 2**31 - 1])
@pytest.mark.parametrize("lengths", [(1, 1), (1, 3), (3, 6), (2, 1000)])
def test_ids_of_subwords_are_those_of_the_specification(buckets: int, lengths: tuple[int, int]) -> None:
    settings = {"min_n": lengths[0], "max_n": lengths[1], "buckets": buckets}
    vocabulary = Vocabulary.from_words(WORDS)
    n = len(WORDS)
    expected = [subword_ids(word, num_words=n, word_id=i, **settings) for i, word in enumerate(WORDS)]
    every = _core.Subwords(vocabulary._words, **settings, every_bucket=True)
    assert every.num_rows == n + buckets
    assert np.split(every.rows, every.offsets[1:-1])[3].tolist() == expected[3]
    assert every.rows.tolist() == [row for rows in expected for row in rows]
    reached = sorted({row - n for rows in expected for row in rows if row >= n})
    some = _core.Subwords(vocabulary._words, **settings)
    assert some.buckets.tolist() == reached
    assert some.num_rows == n + len(reached)
    as_row = {bucket + n: n + i for i, bucket in enumerate(reached)}
    assert some.rows.tolist() == [as_row.get(row, row) for rows in expected for row in rows]
    np.testing.assert_array_equal(some.offsets, every.offsets)
    _, ids = _core.subword_ids(UNSEEN, **settings, first=n)
    assert ids.tolist() == [row for word in UNSEEN for row in subword_ids(word, num_words=n, **settings)]


@pytest.mark.parametrize("model", ["skipgram", "cbow", "supervised"])
def test_a_file_gives_the_vector_of_any_word_from_all_its_buckets(model: str, tmp_path: Path) -> None:
    made = model_of(model=model)
    vectors = SubwordVectors.load_fasttext(written(made, tmp_path / "m.bin"))
    assert vectors.vocabulary.words == made.entries.words[: made.num_words]
    np.testing.assert_array_equal(vectors.vocabulary.counts, made.entries.counts[: made.num_words])
    assert_vectors_are_those_of(vectors, made, [*vectors, *UNSEEN])
    np.testing.assert_array_equal(vectors.bucket_ids, np.arange(50))
    assert vectors.ngram_vectors("walking").any(axis=1).all()
    for copy in (pickle.loads(pickle.dumps(vectors)), saved_and_loaded(vectors, tmp_path)):
        np.testing.assert_array_equal(copy[[*WORDS, *UNSEEN]], vectors[[*WORDS, *UNSEEN]])


def saved_and_loaded(vectors: SubwordVectors, folder: Path) -> SubwordVectors:
    vectors.save(folder / "v.safetensors")
    return SubwordVectors.load(folder / "v.safetensors")


@pytest.mark.parametrize("kind", ["quantized", "norms", "pruned", "fully pruned"])
def test_quantized_and_pruned_files_give_the_vectors_that_fasttext_would(kind: str, tmp_path: Path) -> None:
    made = small_model(kind, words=(b"</s>", b"good", b"goodness", b"bad"), dim=3)
    assert made.arguments.min_n == 11
    object.__setattr__(made.arguments, "min_n", 0)  # as in files of programs that count from there
    object.__setattr__(made.arguments, "max_n", 3)
    vectors = SubwordVectors.load_fasttext(written(made, tmp_path / "m.ftz"))
    words = ["</s>", "good", "goodness", "bad", "goods", "", "z", "bade"]
    assert vectors.min_n == 1
    assert_vectors_are_those_of(vectors, made, words)
    for copy in (pickle.loads(pickle.dumps(vectors)), saved_and_loaded(vectors, tmp_path)):
        np.testing.assert_array_equal(copy[words], vectors[words])
    if made.kept_buckets is not None:
        assert vectors.bucket_ids.tolist() == sorted(made.kept_buckets[:, 0].tolist())
        with pytest.raises(ValueError, match=r"^vectors with kept_buckets must be written with quantize=True"):
            vectors.save_fasttext(tmp_path / "again.bin")


def test_files_with_and_without_ngrams_have_their_own_readers(tmp_path: Path) -> None:
    for settings in ({"max_n": 0}, {"buckets": 0}, {"min_n": 5}):
        made = model_of(**{"buckets": 50, **settings})
        path = written(made, tmp_path / "m.bin")
        with pytest.raises(ValueError, match=r"m\.bin' has no n-grams: read it with KeyedVectors\.load_fasttext$"):
            SubwordVectors.load_fasttext(path)
        vectors = KeyedVectors.load_fasttext(path)
        assert type(vectors) is KeyedVectors
        assert_vectors_are_those_of(vectors, made, WORDS)
    with pytest.raises(ValueError, match=r"m\.bin' has n-grams: read it with SubwordVectors\.load_fasttext$"):
        KeyedVectors.load_fasttext(written(model_of(), tmp_path / "m.bin"))


def trained(**options) -> Trainer:
    words = [f"{stem}{end}" for stem in ("walk", "talk", "jump", "été") for end in ("", "s", "ed", "ing")]
    lines = np.random.default_rng(1).choice(words, (100, 10)).tolist()
    loss = options.pop("loss", None)
    trainer = Trainer(FastText(dim=6, window=3, subsample=0, buckets=500, **options), loss, threads=1)
    trainer.fit(Corpus.from_sequences(lines, min_count=1), epochs=2, progress=False)
    return trainer


def test_what_was_trained_is_written_with_its_settings_and_outputs(tmp_path: Path) -> None:
    trainer = trained(model="cbow", min_n=2, max_n=4)
    vectors = trainer.fit(Corpus.from_sequences([["walk", "talk"]], vocabulary=trainer._vocabulary), progress=False)
    path = tmp_path / "m.bin"
    trainer.save_fasttext(path)
    model = read_fasttext(path)
    assert model.arguments == FastTextArguments(
        model="cbow", dim=6, window=3, epochs=7, min_count=int(vectors.vocabulary.counts.min()), buckets=500,
        min_n=2, max_n=4, subsample=0.0,
    )  # fmt: skip
    np.testing.assert_array_equal(model.output_table, trainer.output_table)
    assert model.input_shape == (16 + 500, 6)
    assert_vectors_are_those_of(vectors, model, [*vectors, "walking", "stalk", ""])
    again = SubwordVectors.load_fasttext(path)
    np.testing.assert_allclose(again[[*vectors, *UNSEEN]], vectors[[*vectors, *UNSEEN]], rtol=0, atol=1e-7)
    again.save_fasttext(tmp_path / "again.bin", arguments=model.arguments, output_table=model.output_table)
    assert (tmp_path / "again.bin").read_bytes() == path.read_bytes()


def test_inner_nodes_of_huffmans_tree_are_written_with_fasttexts_sign(tmp_path: Path) -> None:
    trainer = trained(loss=HierarchicalSoftmax())
    trainer.save_fasttext(tmp_path / "m.bin")
    model = read_fasttext(tmp_path / "m.bin")
    assert model.arguments.loss == "hs"
    np.testing.assert_array_equal(np.asarray(model.output_table)[:-1], -trainer.output_table)
    assert not np.asarray(model.output_table)[-1].any()


def test_inner_nodes_of_another_tree_and_other_architectures_are_not_written(tmp_path: Path) -> None:
    trainer = trained(loss=HierarchicalSoftmax(tree=BalancedTree(16)))
    trainer.save_fasttext(tmp_path / "m.bin")
    assert not np.asarray(read_fasttext(tmp_path / "m.bin").output_table).any()
    for other in (Trainer(SkipGram(dim=4)), Trainer(FastText(dim=4))):
        with pytest.raises(RuntimeError, match=r"^a FastText must have been trained on a corpus before it is written$"):
            other.save_fasttext(tmp_path / "m.bin")


def test_quantized_vectors_keep_their_directions(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    words = ["".join(rng.choice(list("abcdefgh"), 7)) for _ in range(400)]
    vocabulary = Vocabulary.from_words(dict.fromkeys(words))
    settings = {"min_n": 3, "max_n": 3, "buckets": 100_000}
    rows = _core.Subwords(vocabulary._words, **settings).num_rows
    vectors = SubwordVectors(vocabulary, rng.normal(size=(rows, 8)).astype(np.float32), **settings)
    vectors.save_fasttext(tmp_path / "v.ftz", quantize=True, dsub=1, qnorm=True)
    assert (tmp_path / "v.ftz").stat().st_size < settings["buckets"]  # rows of those that are reached alone
    small = SubwordVectors.load_fasttext(tmp_path / "v.ftz")
    np.testing.assert_array_equal(small.bucket_ids, vectors.bucket_ids)
    asked = [*words[:50], *(word + "zz" for word in words[:50])]
    cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(small[asked], vectors[asked], strict=True)]
    assert min(cosines) > 0.98


def test_arguments_of_writing_are_checked(tmp_path: Path) -> None:
    vectors = SubwordVectors.load_fasttext(written(model_of(), tmp_path / "m.bin"))
    path = tmp_path / "new.bin"
    with pytest.raises(TypeError, match=r"^arguments must be FastTextArguments, got dict$"):
        vectors.save_fasttext(path, arguments={})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^output_table must have the shape \(10, 4\), got \(3, 4\)$"):
        vectors.save_fasttext(path, output_table=np.zeros((3, 4), np.float32))
    assert not path.exists()


@pytest.mark.parametrize(
    ("kept", "error", "message"),
    [
        (np.array([1, 2]), TypeError, "must be an int32 array with one axis"),
        (np.array([2, 1], np.int32), ValueError, "at least 0 and below 9, got 2 to 1"),
        (np.array([1, 1], np.int32), ValueError, "must ascend, and do not"),
        (np.array([-1, 2], np.int32), ValueError, "at least 0 and below 9, got -1 to 2"),
        (np.array([1, 9], np.int32), ValueError, "at least 0 and below 9, got 1 to 9"),
        (np.array([1, 2, 3], np.int32), ValueError, "rows must be 5, one for each word and bucket, got 4"),
    ],
)
def test_kept_buckets_are_checked(kept: np.ndarray, error: type[Exception], message: str, tmp_path: Path) -> None:
    vocabulary = Vocabulary.from_words(["walk", "talk"])
    settings = {"min_n": 3, "max_n": 3, "buckets": 9}
    rows = np.ones((4, 2), np.float32)
    with pytest.raises(error, match=message):
        SubwordVectors(vocabulary, rows, **settings, kept_buckets=kept)
    SubwordVectors(vocabulary, rows, **settings, kept_buckets=np.array([1, 2], np.int32)).save(tmp_path / "v")
    tensors, metadata = read_safetensors(tmp_path / "v")
    write_safetensors(tmp_path / "bad", {**tensors, "kept_buckets": kept}, metadata)
    with pytest.raises(ValueError, match=f"bad' is damaged: .*{message}"):
        SubwordVectors.load(tmp_path / "bad")


def test_a_large_number_of_buckets_takes_no_memory_by_itself(tmp_path: Path) -> None:
    vocabulary = Vocabulary.from_words(["walk", "talk"])
    settings = {"min_n": 3, "max_n": 3, "buckets": 2**31 - 1}
    rows = _core.Subwords(vocabulary._words, **settings).num_rows
    SubwordVectors(vocabulary, np.ones((rows, 2), np.float32), **settings).save(tmp_path / "v")
    script = (
        "import resource, sys; from hogvec import SubwordVectors; before = resource.getrusage(0).ru_maxrss\n"
        f"v = SubwordVectors.load({str(tmp_path / 'v')!r}); v['walking'], v.bucket_ids\n"
        "print(resource.getrusage(0).ru_maxrss - before)"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    unit = 1024 if sys.platform == "linux" else 1
    assert int(out) * unit < 50 * 2**20


def test_similarity_and_analogies_can_include_unseen_words(tmp_path: Path) -> None:
    vectors = SubwordVectors.load_fasttext(written(model_of(), tmp_path / "m.bin"))
    (tmp_path / "pairs").write_text("walk\ttalk\t9\nWALKING\tstalk\t5\nqq\twalk\t3\nthe\twalked\t1\n", encoding="utf-8")
    seen = vectors.evaluate_similarity(tmp_path / "pairs")
    both = vectors.evaluate_similarity(tmp_path / "pairs", unseen=True)
    assert (seen.answered, both.answered, both.pairs) == (2, 4, 4)
    cosines = [vectors.similarity(*pair) for pair in (("walk", "talk"), ("WALKING", "stalk"), ("qq", "walk"))]
    cosines.append(vectors.similarity("the", "walked"))
    assert both.pearson == pytest.approx(np.corrcoef(cosines, [9, 5, 3, 1])[0, 1])
    nearest = [vectors.most_similar(["talk", "walking"], ["walks"], topn=1)[0].word]
    (tmp_path / "questions").write_text(
        f"walks talk walking {nearest[0]}\nwalks talk walking unknown\nwalk talk the walked\n", encoding="utf-8"
    )
    assert vectors.evaluate_analogies(tmp_path / "questions").total.answered == 1
    total = vectors.evaluate_analogies(tmp_path / "questions", unseen=True).total
    assert total.answered == 2
    assert total.correct >= 1
    only = (tmp_path / "one").write_text(f"walks talk walking {nearest[0]}\n", encoding="utf-8")
    assert only
    assert vectors.evaluate_analogies(tmp_path / "one", unseen=True).total.correct == 1


@pytest.fixture
def interop() -> Path:
    if "HOGVEC_DATA" not in os.environ:
        pytest.skip("HOGVEC_DATA does not say where the interop files are")
    return Path(os.environ["HOGVEC_DATA"]) / "interop"


@pytest.mark.parametrize(
    "name", ["crime-and-punishment", "toy-model", "toy-model-pretrained", "lee_fasttext_new", "non_ascii_fasttext"]
)
def test_real_files_give_the_vectors_of_the_specification(name: str, interop: Path, tmp_path: Path) -> None:
    model = read_fasttext(interop / f"{name}.bin")
    vectors = SubwordVectors.load_fasttext(interop / f"{name}.bin")
    words = [word for word in vectors.vocabulary.words if word != "\0"]
    np.testing.assert_allclose(vectors[words], [vector(model, word) for word in words], rtol=0, atol=1e-6)
    assert_vectors_are_those_of(vectors, model, [*UNSEEN, "steamtrain", "паровоз", "lazy", "rejection"])
    vectors.save_fasttext(tmp_path / "m.bin", arguments=model.arguments, output_table=model.output_table)
    again = read_fasttext(tmp_path / "m.bin")
    np.testing.assert_array_equal(again.input_table, model.input_table)
    write_fasttext(quantize_fasttext(model, dsub=1), tmp_path / "m.ftz")
    small = SubwordVectors.load_fasttext(tmp_path / "m.ftz")
    np.testing.assert_allclose(small[words], vectors[words], rtol=0, atol=0.2 * np.abs(vectors.rows).max())
