"""A trained text classifier as data: its features, tables and labels, what it predicts, and its two file forms.

How it is trained, and what users see of it, is `hogvec.text_classifier`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._loss import Loss
from hogvec._texts import str_array
from hogvec._validate import check_int
from hogvec._vectors_file import words_of
from hogvec.class_tree import ClassTree
from hogvec.fasttext_model import FastTextArguments, FastTextModel, end_offsets, fasttext_nodes, selected_entries
from hogvec.fasttext_vectors import words_and_rows
from hogvec.losses import NCE, HierarchicalSoftmax, NegativeSampling, OneVsAll, SampledSoftmax, Softmax
from hogvec.product_quantizer import QuantizedMatrix
from hogvec.trees import ArrayTree, HuffmanTree
from hogvec.vocabulary import Vocabulary

__all__ = ["ClassifierModel", "FeatureSettings", "from_fasttext", "from_tensors", "to_fasttext", "to_tensors"]

FORMAT = {"format": "hogvec.TextClassifier", "version": "1"}
_LOSSES = {
    kind.__name__: kind for kind in (NCE, HierarchicalSoftmax, NegativeSampling, OneVsAll, SampledSoftmax, Softmax)
}
_KINDS = {"int": np.int64, "bool": np.bool_}
_BLOCK = 1 << 22  # scores at once


@dataclass(frozen=True, kw_only=True)
class FeatureSettings:
    """What becomes of a text: n-grams of words and of letters, and the buckets that they share."""

    word_ngrams: int
    min_n: int
    max_n: int
    buckets: int
    label_prefix: str


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassifierModel:
    """Rows of words and then of buckets, and outputs of labels.

    Parameters
    ----------
    words, labels : Vocabulary
        Labels are tokens, with their prefix.
    kind : {"str", "int", "bool"}
        Of what the labels' names are.
    settings : FeatureSettings
    kept : ndarray of uint32, or None
        The buckets that have a row, ascending. None: all have.
    missing_count : bool
        Whether n-grams of other buckets count as rows of zeros.
    input_table : ndarray of float32, shape (rows, dim)
    output_table : ndarray of float32, shape (outputs, dim)
    loss : Loss
        With its tree, if it has one.
    """

    words: Vocabulary
    labels: Vocabulary
    kind: str
    settings: FeatureSettings
    kept: NDArray[np.uint32] | None
    missing_count: bool
    input_table: NDArray[np.float32]
    output_table: NDArray[np.float32]
    loss: Loss

    def __post_init__(self) -> None:
        rows = self.features.num_rows
        if self.input_table.shape[0] != rows:
            raise ValueError(
                f"input_table must have a row for each word and bucket, {rows}, got {len(self.input_table)}"
            )
        outputs = output_rows(self.loss, len(self.labels))
        if self.output_table.shape != (outputs, self.input_table.shape[1]):
            expected = (outputs, self.input_table.shape[1])
            raise ValueError(f"output_table must have the shape {expected}, got {self.output_table.shape}")

    @cached_property
    def features(self) -> _core.TextFeatures:
        """What turns texts into rows."""
        return _core.TextFeatures(
            self.words._words,
            self.labels._words,
            **dataclasses.asdict(self.settings),
            kept=self.kept,
            missing_count=self.missing_count,
        )

    @cached_property
    def names(self) -> NDArray[Any]:
        """The labels in the order of their ids, without prefix, (n_labels,)."""
        tokens = self.labels.words
        prefix = self.settings.label_prefix
        if all(token.startswith(prefix) for token in tokens):
            tokens = [token[len(prefix) :] for token in tokens]
        if self.kind == "bool":
            return np.array([token == "True" for token in tokens])
        names = str_array(tokens)
        return names if self.kind == "str" else names.astype(_KINDS[self.kind])

    @cached_property
    def label_of_class(self) -> NDArray[np.intp]:
        """Ids of the labels in sorted order, which is that of `classes`."""
        return np.argsort(self.names, kind="stable")

    @cached_property
    def class_of_label(self) -> NDArray[np.intp]:
        """The inverse of `label_of_class`."""
        return np.argsort(self.label_of_class)

    @cached_property
    def classes(self) -> NDArray[Any]:
        """The labels, sorted."""
        classes: NDArray[Any] = self.names[self.label_of_class]
        return classes

    def class_ids(self, values: NDArray[Any]) -> NDArray[np.int32]:
        """Indices in `classes` of labels, -1 for those that are none."""
        of_str = [array.dtype.kind in "UO" for array in (values, self.classes)]
        if len(values) == 0 or (values.dtype.kind != self.classes.dtype.kind and not all(of_str)):
            return np.full(len(values), -1, np.int32)
        places = np.minimum(np.searchsorted(self.classes, values), len(self.classes) - 1)
        return np.where(self.classes[places] == values, places, -1).astype(np.int32)

    def top_k(self, texts: _core.Texts, k: int, threads: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """The k most probable classes of each text and their probabilities, (n, k) each."""
        threads = min(threads, max(1, len(texts)))
        hidden = self.features.means(texts, self.input_table, threads)
        if len(self.labels) == 1:
            ids, probabilities = np.zeros((len(hidden), 1), np.int32), self._scores(hidden)
        else:
            found = self._scorer.top_k(hidden, self.output_table, None, k, threads=threads)
            ids, probabilities = found.ids, np.exp(found.log_probabilities)
        return self.class_of_label[ids].astype(np.int32), probabilities

    def probabilities(self, texts: _core.Texts, threads: int) -> NDArray[np.float64]:
        """The probability of every class, (n, n_classes)."""
        hidden = self.features.means(texts, self.input_table, threads)
        if isinstance(self.loss, HierarchicalSoftmax) and len(self.labels) > 1:
            found = self._scorer.top_k(hidden, self.output_table, None, len(self.labels), threads=threads)
            result = np.empty(found.log_probabilities.shape)
            np.put_along_axis(result, self.class_of_label[found.ids], np.exp(found.log_probabilities), axis=1)
            return result
        result = np.empty((len(hidden), len(self.labels)))
        step = max(1, _BLOCK // len(self.labels))
        for start in range(0, len(hidden), step):
            result[start : start + step] = self._scores(hidden[start : start + step])[:, self.label_of_class]
        return result

    def _scores(self, hidden: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of every label, of all losses but one with a tree of at least two leaves."""
        if isinstance(self.loss, HierarchicalSoftmax):
            return np.ones((len(hidden), 1))
        scores = (hidden @ self.output_table.T).astype(np.float64)
        scorer = self._scorer
        if isinstance(scorer, Softmax):
            scores = scores / scorer.temperature
            scores -= scores.max(axis=1, keepdims=True)
            np.exp(scores, out=scores)
            return np.asarray(scores / scores.sum(axis=1, keepdims=True))
        return np.asarray(1 / (1 + np.exp(-np.clip(scores, -700, 700))))

    @property
    def _scorer(self) -> Loss:
        """The loss that knows how scores become probabilities."""
        if isinstance(self.loss, (HierarchicalSoftmax, Softmax)):
            return self.loss
        if isinstance(self.loss, (SampledSoftmax, NCE)):
            return Softmax(temperature=getattr(self.loss, "temperature", 1.0))
        return OneVsAll()


def with_tree(loss: Loss, counts: NDArray[np.int64]) -> Loss:
    """Return the loss with the tree that it has by default, if it needs one."""
    if isinstance(loss, HierarchicalSoftmax) and loss.tree is None and len(counts) > 1:
        return dataclasses.replace(loss, tree=HuffmanTree(counts))
    return loss


def output_rows(loss: Loss, num_labels: int) -> int:
    """How many rows the output table has."""
    return (
        num_labels - 1 if num_labels == 1 and isinstance(loss, HierarchicalSoftmax) else loss._output_rows(num_labels)
    )


# ---- safetensors ---------------------------------------------------------------------------------------------------


def to_tensors(model: ClassifierModel) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the tensors and the metadata of a file."""
    tensors: dict[str, NDArray[Any]] = {"input": model.input_table, "output": model.output_table}
    for name, vocabulary in (("word", model.words), ("label", model.labels)):
        letters, offsets = vocabulary.to_bytes_arrays()
        tensors |= {f"{name}_letters": letters, f"{name}_offsets": offsets, f"{name}_counts": vocabulary.counts}
    if model.kept is not None:
        tensors["kept_buckets"] = model.kept.astype(np.int32)
    loss: dict[str, Any] = {"name": type(model.loss).__name__}
    for field in dataclasses.fields(model.loss):  # type: ignore[arg-type]
        value = getattr(model.loss, field.name)
        if isinstance(value, (bool, int, float, str)):
            loss[field.name] = value
    tree = getattr(model.loss, "tree", None)
    if isinstance(tree, ClassTree):
        tensors["tree_class_of"] = tree.class_of
    elif tree is not None:
        tensors |= {f"tree_{part}": getattr(tree, part) for part in ("offsets", "points", "codes")}
    metadata = {
        **FORMAT,
        "settings": json.dumps(dataclasses.asdict(model.settings) | {"missing_count": model.missing_count}),
        "labels": model.kind,
        "loss": json.dumps(loss),
    }
    return tensors, metadata


def from_tensors(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> ClassifierModel:
    """Return the model that `to_tensors` took apart; ValueError if it is damaged or something else."""
    for name, value in FORMAT.items():
        if metadata.get(name) != value:
            raise ValueError(f"its {name} must be {value!r}, got {metadata.get(name)!r}")
    aligned = {name: np.require(tensor, requirements="A") for name, tensor in tensors.items()}
    kept = aligned.get("kept_buckets")
    try:
        settings = json.loads(metadata["settings"])
        missing_count = settings.pop("missing_count")
        for name in ("word_ngrams", "min_n", "max_n", "buckets"):
            check_int(name, settings[name], minimum=0)
        model = ClassifierModel(
            words=words_of(aligned),
            labels=words_of({f"word_{part}": aligned[f"label_{part}"] for part in ("letters", "offsets", "counts")}),
            kind=metadata["labels"],
            settings=FeatureSettings(**settings),
            kept=None if kept is None else kept.astype(np.uint32),
            missing_count=bool(missing_count),
            input_table=_table(aligned["input"]),
            output_table=_table(aligned["output"]),
            loss=_loss_of(json.loads(metadata["loss"]), aligned),
        )
        _ = model.classes  # of the kind that the file says
        return model
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it lacks a part, or has another kind of it ({error})") from None


def _table(tensor: NDArray[Any]) -> NDArray[np.float32]:
    if tensor.dtype != np.float32 or tensor.ndim != 2:
        raise ValueError(f"a table must be float32 with 2 axes, got {tensor.dtype} with {tensor.ndim}")
    return tensor


def _loss_of(state: dict[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Loss:
    name = state.pop("name")
    if name not in _LOSSES:
        raise ValueError(f"its loss must be one of {', '.join(_LOSSES)}, got {name!r:.80}")
    if "tree_class_of" in tensors:
        state["tree"] = ClassTree(classes=tensors["tree_class_of"])
    elif "tree_offsets" in tensors:
        state["tree"] = ArrayTree(*(tensors[f"tree_{part}"] for part in ("offsets", "points", "codes")))
    return _LOSSES[name](**state)


# ---- fastText ------------------------------------------------------------------------------------------------------


def from_fasttext(model: FastTextModel, label_prefix: str) -> ClassifierModel:
    """Return a supervised model of fastText's as one that predicts the same; quantized tables are decoded."""
    if model.arguments.model != "supervised":
        raise ValueError(f"the model must be supervised, got a {model.arguments.model} model")
    if model.num_labels == 0:
        raise ValueError("the model must have a label, got none")
    arguments = model.arguments
    labels = selected_entries(model.entries, np.arange(model.num_words, len(model.entries)))
    words, rows = words_and_rows(model)
    output = model.output_table
    output = output.decode() if isinstance(output, QuantizedMatrix) else np.require(output, requirements="A")
    kept = None if model.kept_buckets is None else np.sort(model.kept_buckets[:, 0]).astype(np.uint32)
    loss: Loss
    if arguments.loss == "hs":
        # A turn that word2vec's tree has the probability sigmoid(s) for has sigmoid(-s) in fastText's.
        loss = with_tree(HierarchicalSoftmax(), labels.counts)
        output = -output[: len(labels) - 1]
    else:
        loss = {
            "ns": NegativeSampling(negatives=max(1, arguments.negatives), power=0.5),
            "softmax": Softmax(),
            "ova": OneVsAll(),
        }[arguments.loss]
    return ClassifierModel(
        words=words,
        labels=labels,
        kind="str",
        settings=FeatureSettings(
            word_ngrams=max(1, arguments.word_ngrams),
            min_n=arguments.min_n,
            max_n=arguments.max_n,
            buckets=arguments.buckets,
            label_prefix=label_prefix,
        ),
        kept=kept,
        missing_count=False,
        input_table=np.require(rows, requirements="A"),
        output_table=output,
        loss=loss,
    )


def to_fasttext(model: ClassifierModel, *, epochs: int, min_count: int, num_tokens: int) -> FastTextModel:
    """Return the model as fastText has it: every bucket has a row, of zeros where none was trained.

    A model whose n-grams without a row do not count stays one with the rows that it has, a pruned model.
    """
    settings, labels = model.settings, model.labels
    letters, offsets = labels.to_bytes_arrays()
    blanks = np.flatnonzero((letters <= 32) & np.isin(letters, [0, 9, 10, 11, 12, 13, 32]))
    if len(blanks):
        label = labels.word(int(np.searchsorted(offsets, blanks[0], side="right")) - 1)
        raise ValueError(f"labels must hold no white space and no NUL to be written for fastText, got {label!r:.80}")
    dim = model.input_table.shape[1]
    words = len(model.words)
    name, output = _fasttext_output(model)
    kept, table = None, model.input_table
    if model.kept is not None and model.missing_count:
        table = np.zeros((words + settings.buckets, dim), np.float32)
        table[:words] = model.input_table[:words]
        table[words + model.kept.astype(np.int64)] = model.input_table[words:]
    elif model.kept is not None:
        kept = np.stack([model.kept, np.arange(len(model.kept))], axis=1).astype(np.int32)
    word_letters, word_offsets = model.words.to_bytes_arrays()
    lengths = np.concatenate([np.diff(word_offsets), np.diff(offsets)])
    counts = np.concatenate([model.words.counts, labels.counts])
    return FastTextModel(
        arguments=FastTextArguments(
            model="supervised",
            loss=name,  # type: ignore[arg-type]
            dim=dim,
            epochs=epochs,
            min_count=min_count,
            negatives=getattr(model.loss, "negatives", 5),
            word_ngrams=settings.word_ngrams,
            buckets=settings.buckets,
            min_n=settings.min_n,
            max_n=settings.max_n,
        ),
        entries=Vocabulary.from_bytes_arrays(np.concatenate([word_letters, letters]), end_offsets(lengths), counts),
        num_words=words,
        num_tokens=num_tokens,
        input_table=table,
        output_table=output,
        kept_buckets=kept,
    )


def _fasttext_output(model: ClassifierModel) -> tuple[str, NDArray[np.float32]]:
    """fastText's name of the loss, and its output table: one row for each label."""
    loss, output = model.loss, np.ascontiguousarray(model.output_table)
    if isinstance(loss, HierarchicalSoftmax):
        counts = model.labels.counts
        if len(counts) > 1:
            huffman = HuffmanTree(counts)
            same = isinstance(loss.tree, (HuffmanTree, ArrayTree)) and all(
                np.array_equal(getattr(loss.tree, part), getattr(huffman, part))
                for part in ("offsets", "points", "codes")
            )
            if not same:
                raise ValueError("the tree must be the Huffman tree of the labels to be written for fastText")
        return "hs", fasttext_nodes(output)
    if isinstance(loss, (Softmax, SampledSoftmax)):
        return "softmax", output if loss.temperature == 1 else (output / np.float32(loss.temperature))
    return {NCE: "softmax", OneVsAll: "ova", NegativeSampling: "ns"}[type(loss)], output
