"""The names of the fasttext package, over this library's objects.

Code written for ``import fasttext`` runs after a change of its import; docs/compat_fasttext.md lists what differs on
purpose.

Examples
--------
>>> import os, tempfile
>>> import hogvec.compat.fasttext as fasttext
>>> with tempfile.TemporaryDirectory() as folder:
...     path = os.path.join(folder, "train.txt")
...     with open(path, "w") as file:
...         _ = file.write("__label__soup warm and lovely\\n__label__ice cold and sweet\\n" * 50)
...     model = fasttext.train_supervised(path, dim=8, epoch=20, verbose=0)
>>> labels, probabilities = model.predict("lovely and warm")
>>> labels, probabilities.shape
(('__label__soup',), (1,))
"""

from __future__ import annotations

from hogvec.compat.fasttext import FastText
from hogvec.compat.fasttext._model import BOW, EOS, EOW, load_model, tokenize
from hogvec.compat.fasttext._training import train_supervised, train_unsupervised

__all__ = [
    "BOW",
    "EOS",
    "EOW",
    "FastText",
    "load_model",
    "tokenize",
    "train_supervised",
    "train_unsupervised",
]
