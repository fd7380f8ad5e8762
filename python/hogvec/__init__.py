"""Train embeddings on CPUs: skip-gram and CBOW with fast, exact sampled losses.

>>> import hogvec
>>> corpus = hogvec.Corpus.from_sequences([["red", "green"], ["one", "two"]] * 50, min_count=1)
>>> trainer = hogvec.Trainer(hogvec.SkipGram(dim=16, subsample=0), hogvec.NegativeSampling(), threads=1)
>>> vectors = trainer.fit(corpus, epochs=2, progress=False)
>>> "green" in vectors
True
"""

from __future__ import annotations

from hogvec import diagnostics
from hogvec._loss import Gradients, Loss, Step, TopK
from hogvec.baselines import ItemKNN, Popularity
from hogvec.batch import Batch
from hogvec.class_tree import ClassTree
from hogvec.classification import Evaluation, PrecisionRecall, Predictions
from hogvec.corpus import Corpus
from hogvec.graphs import Graph, Walks, walks
from hogvec.info import info
from hogvec.interactions import Interactions, Split
from hogvec.keyed_vectors import KeyedVectors, Neighbor
from hogvec.losses import NCE, HierarchicalSoftmax, NegativeSampling, OneVsAll, SampledSoftmax, Softmax
from hogvec.models import CBOW, FastText, SkipGram
from hogvec.ngram import NGramLM
from hogvec.nnlm import NNLM
from hogvec.optimizers import SGD, AdaGrad, Adam, Momentum, Optimizer, OptimizerState, RMSProp, Schedule
from hogvec.recommender import Recommendations, Recommender
from hogvec.retriever import Retriever
from hogvec.samplers import (
    HardOf,
    InBatchSampler,
    LearnedUnigramSampler,
    LogUniformSampler,
    MixtureSampler,
    Sample,
    Sampler,
    UniformSampler,
    UnigramSampler,
    Word2VecTableSampler,
)
from hogvec.subword_vectors import SubwordVectors
from hogvec.text_classifier import TextClassifier
from hogvec.trainer import EpochReport, Progress, Trainer
from hogvec.trees import ArrayTree, BalancedTree, HuffmanTree, Tree
from hogvec.tuning import tune
from hogvec.vocabulary import Vocabulary

__all__ = [
    "CBOW",
    "NCE",
    "NNLM",
    "SGD",
    "AdaGrad",
    "Adam",
    "ArrayTree",
    "BalancedTree",
    "Batch",
    "ClassTree",
    "Corpus",
    "EpochReport",
    "Evaluation",
    "FastText",
    "Gradients",
    "Graph",
    "HardOf",
    "HierarchicalSoftmax",
    "HuffmanTree",
    "InBatchSampler",
    "Interactions",
    "ItemKNN",
    "KeyedVectors",
    "LearnedUnigramSampler",
    "LogUniformSampler",
    "Loss",
    "MixtureSampler",
    "Momentum",
    "NGramLM",
    "NegativeSampling",
    "Neighbor",
    "OneVsAll",
    "Optimizer",
    "OptimizerState",
    "Popularity",
    "PrecisionRecall",
    "Predictions",
    "Progress",
    "RMSProp",
    "Recommendations",
    "Recommender",
    "Retriever",
    "Sample",
    "SampledSoftmax",
    "Sampler",
    "Schedule",
    "SkipGram",
    "Softmax",
    "Split",
    "Step",
    "SubwordVectors",
    "TextClassifier",
    "TopK",
    "Trainer",
    "Tree",
    "UniformSampler",
    "UnigramSampler",
    "Vocabulary",
    "Walks",
    "Word2VecTableSampler",
    "diagnostics",
    "info",
    "tune",
    "walks",
]

__version__ = "0.1.0"
