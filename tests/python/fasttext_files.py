"""Small fastText models and their files, written byte by byte as the format says."""

from __future__ import annotations

import struct

import numpy as np
from hogvec.fasttext_model import FastTextArguments, FastTextModel
from hogvec.product_quantizer import QuantizedMatrix
from hogvec.vocabulary import Vocabulary

MODELS = ("cbow", "skipgram", "supervised")
LOSSES = ("hs", "ns", "softmax", "ova")


def entries_of(words, counts):
    offsets = np.concatenate([[0], np.cumsum([len(word) for word in words])]).astype(np.int64)
    letters = np.frombuffer(b"".join(words), np.uint8)
    return Vocabulary.from_bytes_arrays(letters, offsets, np.asarray(counts, np.int64))


def quantized(rng, rows, dim, dsub=2, norms=False):
    return QuantizedMatrix(
        codes=rng.integers(256, size=(rows, -(-dim // dsub))).astype(np.uint8),
        centroids=rng.normal(size=256 * dim).astype(np.float32),
        dsub=dsub,
        norm_codes=rng.integers(256, size=rows).astype(np.uint8) if norms else None,
        norm_centroids=rng.normal(size=256).astype(np.float32) if norms else None,
    )


def small_model(kind="dense", model="supervised", words=(b"</s>", b"good", b"\xe9\xff", b"bad"), dim=3, seed=1):
    """Kinds: dense, quantized, norms (and quantized output), pruned, fully pruned."""
    rng = np.random.default_rng(seed)
    labels = [b"__label__a", b"__label__b"]
    buckets = 5
    kept = {"pruned": np.array([[4, 1], [0, 0]], np.int32), "fully pruned": np.empty((0, 2), np.int32)}.get(kind)
    rows = len(words) + (buckets if kept is None else len(kept))
    outputs = len(labels) if model == "supervised" else len(words)
    arguments = FastTextArguments(
        model=model, loss="softmax", dim=dim, window=6, epochs=7, min_count=8, negatives=9, word_ngrams=10,
        buckets=buckets, min_n=11, max_n=12, lr_update_rate=13, subsample=0.25,
    )  # fmt: skip
    dense = kind == "dense"
    return FastTextModel(
        arguments=arguments,
        entries=entries_of([*words, *labels], [300, 2, 2**40, 0, *range(len(words) + len(labels) - 4)]),
        num_words=len(words),
        num_tokens=2**41,
        input_table=random_table(rng, rows, dim) if dense else quantized(rng, rows, dim, norms=kind == "norms"),
        output_table=quantized(rng, outputs, dim, norms=True) if kind == "norms" else random_table(rng, outputs, dim),
        kept_buckets=kept,
        quantize_output=kind == "norms",
    )


def random_table(rng, rows, dim):
    return rng.normal(size=(rows, dim)).astype(np.float32)


def file_bytes(model, version=12):
    """The file of a model: version 12, 11, or 0 for the files from before there were versions."""
    a = model.arguments
    out = bytearray(struct.pack("<ii", 793712314, version) if version else b"")
    out += struct.pack(
        "<iiiiiiiiiiiid", a.dim, a.window, a.epochs, a.min_count, a.negatives, a.word_ngrams,
        LOSSES.index(a.loss) + 1, MODELS.index(a.model) + 1, a.buckets, a.min_n, a.max_n, a.lr_update_rate,
        a.subsample,
    )  # fmt: skip
    out += struct.pack("<iiiq", len(model.entries), model.num_words, model.num_labels, model.num_tokens)
    if version:
        out += struct.pack("<q", -1 if model.kept_buckets is None else len(model.kept_buckets))
    for i, (word, count) in enumerate(zip(model.entries.words, model.entries.counts, strict=True)):
        word = b"" if word == "\0" else word.encode("utf-8", "surrogateescape")
        out += word + b"\0" + struct.pack("<qb", count, i >= model.num_words)
    for bucket, place in [] if model.kept_buckets is None else model.kept_buckets:
        out += struct.pack("<ii", bucket, place)
    marks = (isinstance(model.input_table, QuantizedMatrix), model.quantize_output)
    for table, mark in zip((model.input_table, model.output_table), marks, strict=True):
        out += (struct.pack("<?", mark) if version else b"") + table_bytes(table)
    return bytes(out)


def table_bytes(table):
    if not isinstance(table, QuantizedMatrix):
        return struct.pack("<qq", *table.shape) + table.tobytes()
    n, dim = table.shape
    out = struct.pack("<?qqi", table.norm_codes is not None, n, dim, table.codes.size) + table.codes.tobytes()
    out += struct.pack("<iiii", dim, -(-dim // table.dsub), table.dsub, dim % table.dsub or table.dsub)
    out += table.centroids.tobytes()
    if table.norm_codes is not None:
        out += table.norm_codes.tobytes() + struct.pack("<iiii", 1, 1, 1, 1) + table.norm_centroids.tobytes()
    return out


def assert_same(a, b):
    assert a.arguments == b.arguments
    assert a.entries == b.entries
    assert (a.num_words, a.num_tokens, a.quantize_output) == (b.num_words, b.num_tokens, b.quantize_output)
    assert (a.kept_buckets is None) == (b.kept_buckets is None)
    if a.kept_buckets is not None:
        np.testing.assert_array_equal(a.kept_buckets, b.kept_buckets)
    for mine, theirs in ((a.input_table, b.input_table), (a.output_table, b.output_table)):
        assert table_bytes(mine) == table_bytes(theirs)
