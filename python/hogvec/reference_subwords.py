"""The executable specification of fastText's hashes: which rows the parts of a word and the pairs of words have.

One word at a time, in plain Python. Tests compare the compiled code with these functions; nothing else calls them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hogvec.fasttext_model import FastTextModel
from hogvec.product_quantizer import QuantizedMatrix

__all__ = ["subword_ids", "subwords", "vector", "word_hash", "word_ngram_ids"]

_WORD_FACTOR = 116049371  # of a hash when the next word's is added


def word_hash(word: str | bytes) -> int:
    """Return fastText's hash of a word, of [0, 2^32): FNV-1a, but of bytes with a sign.

    A byte b above 127 enters as b - 256, and so flips the upper bits of the hash too.

    References
    ----------
    G. Fowler, L. C. Noll, K.-P. Vo. The FNV Non-Cryptographic Hash Algorithm.

    Examples
    --------
    >>> word_hash("where"), word_hash("中")
    (90969176, 3930512628)
    """
    value = 2166136261
    for byte in _bytes(word):
        signed = byte - 256 if byte > 127 else byte
        value = ((value ^ (signed & 0xFFFFFFFF)) * 16777619) & 0xFFFFFFFF
    return value


def subwords(word: str | bytes, *, min_n: int = 3, max_n: int = 6) -> list[bytes]:
    """Return the n-grams of ``<word>`` in fastText's order: by where they begin, then by length.

    Lengths are counted in code points: a byte 10xxxxxx belongs to the one before it, whatever that is. The first and
    the last code point alone, ``<`` and ``>``, are left out. The word ``</s>``, the end of a line, has no n-grams.

    Parameters
    ----------
    word : str or bytes
        A str is encoded as UTF-8, lone surrogates as the bytes that they stand for.
    min_n, max_n : int, default 3 and 6
        Shortest and longest n-gram; with a `max_n` of 0 there are none.

    Examples
    --------
    >>> subwords("test", min_n=3, max_n=4)
    [b'<te', b'<tes', b'tes', b'test', b'est', b'est>', b'st>']
    """
    if _bytes(word) == b"</s>":
        return []
    text = b"<" + _bytes(word) + b">"
    begins = [i for i, byte in enumerate(text) if byte & 0xC0 != 0x80] + [len(text)]
    last = len(begins) - 2  # the place of the last code point
    found = []
    for first in range(last + 1):
        for n in range(max(1, min_n), min(max_n, last + 1 - first) + 1):
            if n == 1 and first in (0, last):
                continue
            found.append(text[begins[first] : begins[first + n]])
    return found


def subword_ids(
    word: str | bytes, *, num_words: int, buckets: int, min_n: int = 3, max_n: int = 6, word_id: int = -1
) -> list[int]:
    """Return the input rows whose mean is the vector of a word: its own, if it has one, and those of its n-grams.

    Parameters
    ----------
    word : str or bytes
    num_words : int
        Rows of words, which the rows of buckets come after.
    buckets : int
        Rows of n-grams; with 0 of them n-grams have none.
    min_n, max_n : int, default 3 and 6
    word_id : int, default -1
        The row of the word itself; -1: it is not in the vocabulary.

    Examples
    --------
    >>> subword_ids("été", num_words=0, buckets=2_000_000, min_n=2, max_n=3)
    [36627, 1908133, 452975, 187927, 41387, 1291535, 1996781]
    """
    rows = [word_id] if word_id >= 0 else []
    if buckets > 0:
        rows += [num_words + word_hash(part) % buckets for part in subwords(word, min_n=min_n, max_n=max_n)]
    return rows


def word_ngram_ids(words: Sequence[str | bytes], *, n: int, num_words: int, buckets: int) -> list[int]:
    """Return the input rows of the n-grams of 2 to `n` words of a line, by where they begin and then by length.

    Hashes of words are 32-bit integers with a sign, which sums of 64 bits without one are made of.

    Examples
    --------
    >>> word_ngram_ids(["hello", "world", "where"], n=3, num_words=0, buckets=2_000_000)[:2]
    [1485020, 1732748]
    """
    if buckets < 1:
        return []
    hashes = [(value - (1 << 32) if value >> 31 else value) % (1 << 64) for value in map(word_hash, words)]
    rows = []
    for first, value in enumerate(hashes):
        for following in hashes[first + 1 : first + n]:
            value = (value * _WORD_FACTOR + following) % (1 << 64)
            rows.append(num_words + value % buckets)
    return rows


def vector(model: FastTextModel, word: str) -> NDArray[np.float64]:
    """Return the vector of any word by the model of a file, (dim,): zeros if it has no row at all.

    Of a pruned model, n-grams whose bucket has no row do not count.

    Examples
    --------
    >>> import numpy as np
    >>> from hogvec.fasttext_model import FastTextArguments
    >>> from hogvec.vocabulary import Vocabulary
    >>> model = FastTextModel(
    ...     arguments=FastTextArguments(dim=2, buckets=1, min_n=3, max_n=3), entries=Vocabulary.from_words(["a"]),
    ...     num_words=1, num_tokens=1, input_table=np.array([[1, 2], [3, 6]], np.float32),
    ...     output_table=np.zeros((1, 2), np.float32))
    >>> vector(model, "a"), vector(model, "bb"), vector(model, "")
    (array([2., 4.]), array([3., 6.]), array([0., 0.]))
    """
    arguments = model.arguments
    word_id = model.entries.get(word, -1)
    if word_id >= model.num_words:  # a label
        word_id = -1
    rows = subword_ids(
        word,
        num_words=model.num_words,
        buckets=arguments.buckets,
        min_n=arguments.min_n,
        max_n=arguments.max_n,
        word_id=word_id,
    )
    if model.kept_buckets is not None:
        places = {int(bucket): int(place) for bucket, place in model.kept_buckets}
        words, parts = rows[: word_id >= 0], rows[word_id >= 0 :]
        buckets = [row - model.num_words for row in parts]
        rows = words + [model.num_words + places[bucket] for bucket in buckets if bucket in places]
    if not rows:
        return np.zeros(arguments.dim)
    table = model.input_table
    found = table.decode(rows) if isinstance(table, QuantizedMatrix) else table[rows]
    return np.asarray(found.astype(np.float64).mean(axis=0))


def _bytes(word: str | bytes) -> bytes:
    return word.encode("utf-8", "surrogateescape") if isinstance(word, str) else word
