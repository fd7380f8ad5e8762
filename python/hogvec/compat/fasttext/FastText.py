"""What fastText's own module of this name has: the class of its models, and the functions that make them."""

from __future__ import annotations

from hogvec.compat.fasttext._model import BOW, EOS, EOW, _FastText, load_model, tokenize
from hogvec.compat.fasttext._training import train_supervised, train_unsupervised

__all__ = [
    "BOW",
    "EOS",
    "EOW",
    "_FastText",
    "load_model",
    "tokenize",
    "train_supervised",
    "train_unsupervised",
]
