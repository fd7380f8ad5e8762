"""Models in safetensors files: tables, words and counts as tensors, the arguments as JSON."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from hogvec._safetensors import write_safetensors
from hogvec._vectors_file import read_vectors_file, word_tensors, words_of

__all__ = ["read_model", "write_model"]

# What a model keeps of itself: the arguments of its constructor, and where its training stands.
_ARGUMENTS = (
    *("vector_size", "alpha", "window", "min_count", "max_vocab_size", "sample", "seed", "workers", "min_alpha"),
    *("sg", "hs", "negative", "ns_exponent", "cbow_mean", "epochs", "sorted_vocab", "max_final_vocab"),
    "shrink_windows",
)
_STATE = (
    *("comment", "compute_loss", "corpus_count", "corpus_total_words", "train_count", "total_train_time"),
    "min_alpha_yet_reached",
)


def write_model(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a model that has a vocabulary."""
    vocabulary, trainer = model._vocabulary, model._trainer
    names = {"arguments": [*_ARGUMENTS, *model._file_arguments], "state": _STATE}
    said = {part: {name: getattr(model, name) for name in listed} for part, listed in names.items()}
    said["state"]["epochs_begun"] = trainer._epochs_begun
    metadata = {"format": _format(type(model)), "version": "1", "model": json.dumps(said)}
    tensors = {"vectors": trainer.input_table, "outputs": trainer.output_table, **word_tensors(vocabulary)}
    write_safetensors(path, tensors, metadata)


def read_model(kind: type[Any], path: str | os.PathLike[str]) -> Any:
    """Read a model of a class."""
    tensors, metadata = read_vectors_file(path, {"format": _format(kind), "version": "1"})
    try:
        said = json.loads(metadata["model"])
        arguments, state = said["arguments"], said["state"]
        if set(arguments) != {*_ARGUMENTS, *kind._file_arguments} or set(state) != {*_STATE, "epochs_begun"}:
            raise ValueError("its arguments are not those of such a model")
        words, dim = words_of(tensors), tensors["vectors"].shape[1]
        if arguments["vector_size"] != dim:
            raise ValueError(f"its vectors must have vector_size columns, {arguments['vector_size']}, got {dim}")
        model = kind(**arguments)
        for name in _STATE:
            setattr(model, name, state[name])
        model._make_trainer(words)
        tables = {"vectors": model._trainer.input_table, "outputs": model._trainer.output_table}
        for name, table in tables.items():
            stored = tensors.get(name, np.empty(0))
            if stored.shape != table.shape or stored.dtype != np.float32:
                raise ValueError(f"its tensor {name!r} must be float32 of shape {table.shape}, got {stored.shape}")
            table[:] = stored
        model._trainer._epochs_begun = int(state["epochs_begun"])
        model.wv._forget_norms()
        return model
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)!r} is damaged: {error}") from None


def _format(kind: type[Any]) -> str:
    return f"hogvec.compat.gensim.{kind.__name__}"
