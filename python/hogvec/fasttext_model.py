"""What a fastText model file holds, as an object, and how it is pruned and quantized. The files: `fasttext_format`.

Training, prediction and the vectors of words are elsewhere.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hogvec._safetensors import row_blocks
from hogvec._validate import check_choice, check_float, check_int
from hogvec.product_quantizer import QuantizedMatrix, quantize
from hogvec.vocabulary import Vocabulary

__all__ = ["FastTextArguments", "FastTextModel", "Table", "prune_fasttext", "quantize_fasttext"]

LOSSES = ("hs", "ns", "softmax", "ova")  # 1, 2, 3, 4 in a file
MODELS = ("cbow", "skipgram", "supervised")  # 1, 2, 3
_BLOCK = 1 << 22  # bytes of rows whose norms are computed at once

Table: TypeAlias = NDArray[np.float32] | QuantizedMatrix


@dataclass(frozen=True, kw_only=True)
class FastTextArguments:
    """The options of training that a fastText file keeps, with fastText's defaults; all others are lost.

    Parameters
    ----------
    model : {"cbow", "skipgram", "supervised"}, default "skipgram"
    loss : {"hs", "ns", "softmax", "ova"}, default "ns"
        Hierarchical softmax, negative sampling, softmax, one-vs-all.
    dim : int, default 100
        Columns of the matrices, at least 1.
    window, epochs, min_count, negatives : int, default 5
        fastText's ``ws``, ``epoch``, ``minCount`` and ``neg``.
    word_ngrams : int, default 1
        Longest n-gram of words that has a row: ``wordNgrams``.
    buckets : int, default 2,000,000
        Rows that n-grams share by their hashes: ``bucket``.
    min_n, max_n : int, default 3 and 6
        Lengths of n-grams in code points: ``minn`` and ``maxn``. A `max_n` of 0: none.
    lr_update_rate : int, default 100
        Tokens between two changes of the learning rate: ``lrUpdateRate``.
    subsample : float, default 1e-4
        Frequency above which words are left out at random: ``t``.

    Raises
    ------
    ValueError
        A number is negative or above 2^31 - 1, `dim` is 0, `subsample` is not finite, a name is unknown.
    TypeError
        A number is none.

    Examples
    --------
    >>> FastTextArguments(model="supervised", loss="softmax", dim=10, max_n=0).epochs
    5
    """

    model: Literal["cbow", "skipgram", "supervised"] = "skipgram"
    loss: Literal["hs", "ns", "softmax", "ova"] = "ns"
    dim: int = 100
    window: int = 5
    epochs: int = 5
    min_count: int = 5
    negatives: int = 5
    word_ngrams: int = 1
    buckets: int = 2_000_000
    min_n: int = 3
    max_n: int = 6
    lr_update_rate: int = 100
    subsample: float = 1e-4

    def __post_init__(self) -> None:
        check_choice("model", self.model, MODELS)
        check_choice("loss", self.loss, LOSSES)
        check_int("dim", self.dim, minimum=1)
        for name in ("window", "epochs", "min_count", "negatives", "word_ngrams", "buckets", "min_n", "max_n"):
            check_int(name, getattr(self, name), minimum=0)
        check_int("lr_update_rate", self.lr_update_rate, minimum=0)
        check_float("subsample", self.subsample, minimum=0)


@dataclass(frozen=True, kw_only=True, eq=False)
class FastTextModel:
    """All that a fastText file holds.

    Parameters
    ----------
    arguments : FastTextArguments
    entries : Vocabulary
        The words and after them the labels, with their counts. What is not UTF-8 becomes lone surrogates, as in every
        `Vocabulary`; `Vocabulary.to_bytes_arrays` has the bytes. An empty word, which fastText makes of a broken file
        of pretrained vectors, stands here as a NUL, which no word of a file can hold.
    num_words : int
        How many entries are words: entry i is row i of the input table. The others are labels: entry
        ``num_words + i`` is row i of the output table of a supervised model.
    num_tokens : int
        Length of the text that the model was trained on, words below ``min_count`` included.
    input_table, output_table : ndarray of float32 or QuantizedMatrix, shapes (rows, dim) and (outputs, dim)
        The rows of words and then those of buckets; an output for each label of a supervised model, else for each
        word. Arrays are used in place, and their rows may lie apart.
    kept_buckets : ndarray of int32, shape (k, 2), optional
        Of a pruned model, pairs of a bucket and its place: bucket b has row ``num_words + place``, and the buckets
        that are not named have none. Default: not pruned, and bucket b has row ``num_words + b``.
    quantize_output : bool, default False
        fastText's option ``qout``. A file whose input table is quantized has a quantized output table if and only if
        this is set; a file whose input table is not keeps the option and nothing else.

    Raises
    ------
    TypeError
        A field has another type.
    ValueError
        Two fields contradict each other.

    Examples
    --------
    >>> import numpy as np
    >>> from hogvec.vocabulary import Vocabulary
    >>> arguments = FastTextArguments(model="supervised", loss="softmax", dim=2, buckets=0, max_n=0)
    >>> entries = Vocabulary.from_words(["good", "bad", "__label__yes"])
    >>> model = FastTextModel(arguments=arguments, entries=entries, num_words=2, num_tokens=9,
    ...                       input_table=np.ones((2, 2), np.float32), output_table=np.ones((1, 2), np.float32))
    >>> model.num_labels
    1
    """

    arguments: FastTextArguments
    entries: Vocabulary
    num_words: int
    num_tokens: int
    input_table: Table
    output_table: Table
    kept_buckets: NDArray[np.int32] | None = None
    quantize_output: bool = False

    def __post_init__(self) -> None:
        for name, kind in (("arguments", FastTextArguments), ("entries", Vocabulary), ("quantize_output", bool)):
            if not isinstance(getattr(self, name), kind):
                raise TypeError(f"{name} must be a {kind.__name__}, got {type(getattr(self, name)).__name__}")
        check_int("num_words", self.num_words, minimum=0, maximum=len(self.entries))
        check_int("num_tokens", self.num_tokens, minimum=0, maximum=2**63 - 1)
        if self.kept_buckets is not None:
            check_kept_buckets(self.kept_buckets, self.arguments.buckets)
        _check_table("input_table", self.input_table, self.input_shape)
        _check_table("output_table", self.output_table, self.output_shape)
        quantized = isinstance(self.output_table, QuantizedMatrix)
        if isinstance(self.input_table, QuantizedMatrix):
            if quantized != self.quantize_output:
                raise ValueError(
                    "quantize_output must be True if and only if output_table is quantized, "
                    f"got {self.quantize_output} and an output_table that is{'' if quantized else ' not'}"
                )
        elif quantized:
            raise ValueError("output_table must not be quantized where input_table is not")

    @property
    def num_labels(self) -> int:
        """How many entries are labels."""
        return len(self.entries) - self.num_words

    @property
    def input_shape(self) -> tuple[int, int]:
        """Rows of words and of buckets that the input table must have, and its columns."""
        buckets = self.arguments.buckets if self.kept_buckets is None else len(self.kept_buckets)
        return self.num_words + buckets, self.arguments.dim

    @property
    def output_shape(self) -> tuple[int, int]:
        """Rows that the output table must have, and its columns."""
        return self.num_labels if self.arguments.model == "supervised" else self.num_words, self.arguments.dim


def check_kept_buckets(kept: Any, buckets: int) -> None:
    """Raise unless `kept` names distinct buckets and distinct places of its own number."""
    if not isinstance(kept, np.ndarray) or kept.dtype != np.int32:
        raise TypeError(f"kept_buckets must be an int32 array, got {getattr(kept, 'dtype', type(kept).__name__)}")
    if kept.ndim != 2 or kept.shape[1] != 2:
        raise ValueError(f"kept_buckets must have the shape (k, 2), got {kept.shape}")
    for name, values, limit in (("buckets", kept[:, 0], buckets), ("places", kept[:, 1], len(kept))):
        if len(values) and not 0 <= values.min() <= values.max() < limit:
            wrong = values.min() if values.min() < 0 else values.max()
            raise ValueError(f"{name} of kept_buckets must be at least 0 and below {limit}, got {wrong}")
        ordered = np.sort(values)
        if (ordered[1:] == ordered[:-1]).any():
            wrong = ordered[1:][ordered[1:] == ordered[:-1]][0]
            raise ValueError(f"{name} of kept_buckets must be distinct, {wrong} comes twice")


def _check_table(name: str, table: Any, shape: tuple[int, int]) -> None:
    if not isinstance(table, QuantizedMatrix) and (not isinstance(table, np.ndarray) or table.dtype != np.float32):
        kind = table.dtype if isinstance(table, np.ndarray) else type(table).__name__
        raise TypeError(f"{name} must be a float32 array or a QuantizedMatrix, got {kind}")
    if table.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, got {table.shape}")


def prune_fasttext(model: FastTextModel, cutoff: int) -> FastTextModel:
    """Keep the rows of the input table with the largest norms, and the words and buckets that they belong to.

    As in fastText, ``</s>`` is kept whatever its norm, and labels always are. Words keep their order; kept buckets
    come in the order of falling norms. A model that has at most `cutoff` rows is returned as it is. To be written, the
    result must be quantized.

    Parameters
    ----------
    model : FastTextModel
        Supervised and not quantized. (The outputs of other models are the words.)
    cutoff : int
        How many rows stay, at least 1.

    Returns
    -------
    FastTextModel
        With copies of the rows that stay, and the same output table.

    Raises
    ------
    ValueError
        `cutoff` is below 1, or the model is unsupervised or quantized.

    References
    ----------
    A. Joulin et al. FastText.zip: Compressing text classification models. arXiv:1612.03651.

    Examples
    --------
    >>> small = quantize_fasttext(prune_fasttext(model, 100_000), qnorm=True)  # doctest: +SKIP
    """
    cutoff = check_int("cutoff", cutoff, minimum=1)
    if isinstance(model.input_table, QuantizedMatrix):
        raise ValueError("model must not be quantized to be pruned")
    if model.arguments.model != "supervised":
        raise ValueError(f"model must be supervised to be pruned, got a {model.arguments.model} model")
    table = model.input_table
    if cutoff >= len(table):
        return model
    kept = rows_by_norm(model)[:cutoff]
    words = np.sort(kept[kept < model.num_words])
    buckets = kept[kept >= model.num_words]
    labels = np.arange(model.num_words, len(model.entries))
    bucket_of_place = np.arange(len(table) - model.num_words)
    if model.kept_buckets is not None:
        bucket_of_place[model.kept_buckets[:, 1]] = model.kept_buckets[:, 0]
    pairs = [bucket_of_place[buckets - model.num_words], np.arange(len(buckets))]
    return dataclasses.replace(
        model,
        entries=selected_entries(model.entries, np.concatenate([words, labels])),
        num_words=len(words),
        input_table=table[np.concatenate([words, buckets])],
        kept_buckets=np.stack(pairs, axis=1).astype(np.int32),
    )


def rows_by_norm(model: FastTextModel) -> NDArray[np.intp]:
    """Return the rows of a dense input table by falling norm, that of ``</s>`` first: the order of `prune_fasttext`."""
    table = model.input_table
    assert isinstance(table, np.ndarray)
    norms = np.empty(len(table))
    for start, stop in row_blocks(table, _BLOCK):
        block = table[start:stop].astype(np.float64)
        norms[start:stop] = np.einsum("ij,ij->i", block, block)
    if (end := model.entries.get("</s>", -1)) in range(model.num_words):
        norms[end] = np.inf
    return np.argsort(-norms, kind="stable")


def selected_entries(entries: Vocabulary, ids: NDArray[np.int64]) -> Vocabulary:
    """Return the entries with these ids, which ascend."""
    letters, offsets = entries.to_bytes_arrays()
    lengths = np.diff(offsets)
    stays = np.zeros(len(entries), np.bool_)
    stays[ids] = True
    return Vocabulary.from_bytes_arrays(
        letters[np.repeat(stays, lengths)], end_offsets(lengths[ids]), entries.counts[ids]
    )


def quantize_fasttext(
    model: FastTextModel, *, dsub: int = 2, qnorm: bool = False, qout: bool = False, seed: int = 1234
) -> FastTextModel:
    """Quantize the tables of a model: a ``.ftz`` file in memory.

    Parameters
    ----------
    model : FastTextModel
        Not quantized; of any kind, subword vectors too.
    dsub : int, default 2
        Values of an input row that share a byte.
    qnorm : bool, default False
        Quantize the lengths of rows on their own.
    qout : bool, default False
        Quantize the output table too, with a `dsub` of 2 as fastText does.
    seed : int, default 1234
        See `hogvec.product_quantizer.quantize`.

    Returns
    -------
    FastTextModel

    Raises
    ------
    ValueError
        The model is quantized, `dsub` is not of 1 to dim, or a table has no row or one that is not finite.

    Examples
    --------
    >>> small = quantize_fasttext(model, qnorm=True)  # doctest: +SKIP
    >>> write_fasttext(small, "model.ftz")  # doctest: +SKIP
    """
    if isinstance(model.input_table, QuantizedMatrix):
        raise ValueError("model must not be quantized to be quantized")
    if not isinstance(qout, bool):
        raise TypeError(f"qout must be True or False, got {qout!r}")
    output_table = model.output_table
    if qout and not isinstance(output_table, QuantizedMatrix):
        output_table = quantize(output_table, dsub=min(2, model.arguments.dim), qnorm=qnorm, seed=seed)
    return dataclasses.replace(
        model,
        input_table=quantize(model.input_table, dsub=dsub, qnorm=qnorm, seed=seed),
        output_table=output_table,
        quantize_output=qout,
    )


def fasttext_nodes(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return fastText's rows of the inner nodes of Huffman's tree, (n - 1, dim) to (n, dim).

    A turn that has the probability sigmoid(s) here has sigmoid(-s) there. The last row is of no node.
    """
    return np.concatenate([-rows, np.zeros((1, rows.shape[1]), np.float32)])


def end_offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where words of such lengths lie end to end, (n,) to (n + 1,)."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
