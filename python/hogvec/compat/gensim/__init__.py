"""The names of gensim 4 for word vectors, over this library's objects.

Code written for `gensim.models` runs after a change of its import; docs/compat_gensim.md lists what differs on purpose.

Examples
--------
>>> from hogvec.compat.gensim import Word2Vec
>>> model = Word2Vec([["cat", "sat", "mat"], ["dog", "sat", "log"]] * 20, vector_size=8, min_count=1, workers=1)
>>> model.wv["cat"].shape, len(model.wv.most_similar("cat", topn=2))
((8,), 2)
"""

from __future__ import annotations

from hogvec.compat.gensim.callbacks import CallbackAny2Vec
from hogvec.compat.gensim.fasttext import (
    FastText,
    FastTextKeyedVectors,
    load_facebook_model,
    load_facebook_vectors,
    save_facebook_model,
)
from hogvec.compat.gensim.keyed_vectors import KeyedVectors
from hogvec.compat.gensim.sentences import LineSentence, PathLineSentences, Text8Corpus
from hogvec.compat.gensim.vocab import RULE_DEFAULT, RULE_DISCARD, RULE_KEEP
from hogvec.compat.gensim.word2vec import Word2Vec

__all__ = [
    "RULE_DEFAULT",
    "RULE_DISCARD",
    "RULE_KEEP",
    "CallbackAny2Vec",
    "FastText",
    "FastTextKeyedVectors",
    "KeyedVectors",
    "LineSentence",
    "PathLineSentences",
    "Text8Corpus",
    "Word2Vec",
    "load_facebook_model",
    "load_facebook_vectors",
    "save_facebook_model",
]
