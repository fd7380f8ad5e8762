"""What a model of fastText's is made of here, seen in one way: a classifier, trained vectors, or a file of vectors."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogvec.fasttext_model import FastTextArguments, FastTextModel, fasttext_nodes
from hogvec.fasttext_vectors import has_ngrams, model_of_rows
from hogvec.keyed_vectors import KeyedVectors
from hogvec.product_quantizer import QuantizedMatrix
from hogvec.subword_vectors import SubwordVectors
from hogvec.text_classifier import TextClassifier
from hogvec.vocabulary import Vocabulary

__all__ = ["Source", "TrainedVectors"]


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedVectors:
    """What training without labels made."""

    vectors: KeyedVectors
    output_table: NDArray[np.float32]
    arguments: FastTextArguments
    num_tokens: int

    def model(self, *, pruned: bool) -> FastTextModel:
        """Return it as a file has it; `pruned`: without rows for the buckets that no word reaches."""
        rows, ids = self.vectors.vectors, np.empty(0, np.int32)
        if isinstance(self.vectors, SubwordVectors):
            rows, ids = self.vectors.rows, self.vectors.bucket_ids
        arguments = self.arguments
        settings = {"min_n": arguments.min_n, "max_n": arguments.max_n, "buckets": arguments.buckets}
        model = model_of_rows(
            self.vectors.vocabulary,
            rows,
            ids,
            arguments=arguments,
            settings=settings,
            output_table=fasttext_nodes(self.output_table) if arguments.loss == "hs" else self.output_table,
            pruned=pruned and len(ids) > 0,
        )
        return dataclasses.replace(model, num_tokens=self.num_tokens)


class Source:
    """The parts of a model, made when they are asked for."""

    def __init__(self, origin: TextClassifier | TrainedVectors | FastTextModel) -> None:
        self.origin = origin

    def __getstate__(self) -> dict[str, Any]:
        return {"origin": self.origin}

    @property
    def classifier(self) -> TextClassifier | None:
        """The classifier, None if there are only vectors."""
        return self.origin if isinstance(self.origin, TextClassifier) else None

    @cached_property
    def file(self) -> FastTextModel:
        """All that a file has: of a trained model with a row for every bucket, of zeros where none was trained."""
        if isinstance(self.origin, TextClassifier):
            return self.origin.to_fasttext()
        return self.origin.model(pruned=False) if isinstance(self.origin, TrainedVectors) else self.origin

    @cached_property
    def vectors(self) -> KeyedVectors:
        """The vectors of words."""
        if isinstance(self.origin, TrainedVectors):
            return self.origin.vectors
        if isinstance(self.origin, TextClassifier) and not self.origin._fitted().settings.max_n:
            model = self.origin._fitted()
            return KeyedVectors(model.words, model.input_table[: len(model.words)])
        kind = SubwordVectors if has_ngrams(self.file) else KeyedVectors
        return kind._from_fasttext(self.file, "the model")

    @property
    def words(self) -> Vocabulary:
        """The words."""
        return self.origin._fitted().words if isinstance(self.origin, TextClassifier) else self.vectors.vocabulary

    @property
    def labels(self) -> Vocabulary:
        """The labels with their prefix; of vectors the words."""
        return self.origin._fitted().labels if isinstance(self.origin, TextClassifier) else self.words

    @property
    def dim(self) -> int:
        """Length of a vector."""
        if isinstance(self.origin, TextClassifier):
            return int(self.origin._fitted().input_table.shape[1])
        return self.origin.arguments.dim

    @property
    def is_quantized(self) -> bool:
        """Whether rows are quantized."""
        if isinstance(self.origin, TrainedVectors):
            return False
        model = self.origin._source if isinstance(self.origin, TextClassifier) else self.origin
        return model is not None and isinstance(model.input_table, QuantizedMatrix)

    @property
    def ngrams(self) -> dict[str, int]:
        """Lengths and buckets of n-grams of letters; no buckets if there are none."""
        if isinstance(self.origin, TextClassifier):
            settings: Any = self.origin._fitted().settings
        else:
            settings = self.origin.arguments
        min_n, max_n = max(1, settings.min_n), settings.max_n
        return {"min_n": min_n, "max_n": max_n, "buckets": settings.buckets}

    def rows_of_buckets(self, buckets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the input matrix, -1 for buckets that a pruned model has none for."""
        first, places = len(self.words), self._places
        if places is None:
            return first + buckets
        return np.array([first + places[b] if b in places else -1 for b in buckets.tolist()], np.int64)

    @cached_property
    def _places(self) -> dict[int, int] | None:
        """Where the buckets of a pruned model lie; None: all have a row."""
        if isinstance(self.origin, TextClassifier):
            is_trained = self.origin._fitted().missing_count  # then there is no need to make its file
        else:
            is_trained = isinstance(self.origin, TrainedVectors)
        kept = None if is_trained else self.file.kept_buckets
        return None if kept is None else dict(kept.tolist())
