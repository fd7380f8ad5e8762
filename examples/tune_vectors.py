"""Tune skip-gram on a file of word similarities within a time. Words of the text and of the file must be alike."""

from __future__ import annotations

import argparse

import hogvec
from hogvec.tuning import Clock, Float, Integer

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("text", help="a file of words between white space")
parser.add_argument("similarities", help="a file of two words and a number on each line")
parser.add_argument("--seconds", type=float, default=300.0)
parser.add_argument("--trials", type=int, help="end after this many, too")
options = parser.parse_args()

corpus = hogvec.Corpus.from_file(options.text)
clock = Clock(options.seconds)


def make(window: int, negatives: int, learning_rate: float) -> hogvec.Trainer:
    architecture = hogvec.SkipGram(dim=100, window=window)
    return hogvec.Trainer(architecture, hogvec.NegativeSampling(negatives), hogvec.SGD(learning_rate=learning_rate))


def judge(trainer: hogvec.Trainer) -> float:
    vectors = trainer.fit(corpus, epochs=3, callbacks=[clock], progress=False)  # the clock ends a trial in time
    return vectors.evaluate_similarity(options.similarities).spearman


space = {"window": Integer(1, 15, start=5), "negatives": Integer(2, 20, start=5), "learning_rate": Float(0.01, 0.2)}
found = hogvec.tune(make, space, judge, seconds=clock, trials=options.trials, resume="trials.json")
print(found.trials)
hogvec.KeyedVectors(corpus.vocabulary, found.model.input_table).save("tuned.safetensors")
