"""What every wheel must pass: it imports, knows itself, trains, saves and loads. Needs pytest and nothing else."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import hogvec
import numpy as np

# Two groups of words that never meet: after training, a word's neighbours are its own group's.
FRUITS = ["apple", "pear", "plum", "cherry", "quince"]
METALS = ["iron", "copper", "zinc", "nickel", "cobalt"]


def sentences() -> list[list[str]]:
    generator = np.random.default_rng(1)
    groups = [FRUITS, METALS]
    return [[groups[i % 2][j] for j in generator.integers(0, 5, 20)] for i in range(400)]


def test_the_wheel_knows_its_version_and_instruction_sets() -> None:
    info = hogvec.info()
    assert info["version"] == hogvec.__version__ == version("hogvec")
    assert info["compiler"]
    assert info["instruction_set"] in info["available_instruction_sets"]
    assert "baseline" in info["available_instruction_sets"]


def test_the_wheel_trains_saves_and_loads(tmp_path: Path) -> None:
    corpus = hogvec.Corpus.from_sequences(sentences(), min_count=1)
    assert len(corpus) == 8000
    architecture = hogvec.SkipGram(dim=20, window=3, subsample=0)
    trainer = hogvec.Trainer(architecture, hogvec.NegativeSampling(negatives=5), threads=2, seed=1)
    vectors = trainer.fit(corpus, epochs=5, progress=False)
    assert len(vectors) == 10
    assert {word for word, _ in vectors.most_similar("iron", topn=4)} == set(METALS) - {"iron"}

    path = tmp_path / "vectors.safetensors"
    vectors.save(path)
    loaded = hogvec.KeyedVectors.load(path)
    for word in FRUITS + METALS:
        np.testing.assert_array_equal(loaded[word], vectors[word])
