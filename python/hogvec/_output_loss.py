"""Losses with one row of the weights for each output: what those share that differ only in candidates and in scores."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np

from hogvec import _core
from hogvec._loss import Doubles, Floats, Gradients, Ids, Link, Loss, Targets, TopK, layer_gradients
from hogvec._sampler import check_bool
from hogvec._validate import check_choice, check_float

__all__ = ["MULTI_LABEL", "OutputLoss", "SoftmaxOfOutputs"]

MULTI_LABEL = ("split", "independent")
"""What becomes of an example's targets if it has several."""

LEAST_SCORE = -1e37
"""Scores below stand for a probability of zero, also as a share of the mean over an example's targets."""


class OutputLoss(Loss):
    """A loss that scores its candidates by their rows, and whose probabilities are made of the scores of all rows."""

    _is_sigmoid = False
    """Whether every output has a probability of its own."""

    @abstractmethod
    def _candidates(self, targets: Targets, num_outputs: int, seed: int) -> _core.LayerCandidates:
        """Return what a mini-batch is scored against."""

    def _model(self, weights: Floats, bias: Floats | None) -> _core.LayerModel:
        """Return how scores are made."""
        return _core.LayerModel(weights, bias)

    def _log_offsets(self, num_outputs: int) -> Doubles | None:
        """Return what is added to scores before they are normalised, (V,): nothing for scores that say it all."""
        return None

    def _num_outputs(self, weights: Floats, bias: Floats | None) -> int:
        self._model(weights, bias)  # kinds, layouts and shapes
        return len(weights)

    def _gradients(
        self,
        hidden: Floats,
        targets: Ids,
        weights: Floats,
        bias: Floats | None,
        seed: int,
        example_weights: Floats | None,
        threads: int,
    ) -> Gradients:
        model = self._model(weights, bias)
        _core.check_hidden(model, hidden)  # before a sampler learns from the batch
        candidates = self._candidates(Targets.of_rows(targets), len(weights), seed)
        return layer_gradients(model, hidden, candidates, example_weights, threads)

    def _log_likelihood(
        self, hidden: Floats, targets: Ids, weights: Floats, bias: Floats | None, threads: int
    ) -> Doubles:
        model, offsets = self._model(weights, bias), self._log_offsets(len(weights))
        values = _core.output_log_likelihood(
            model, hidden, targets.ravel(), targets.shape[1], offsets, self._is_sigmoid, threads
        )
        return probabilities(values)

    def _top_k(self, hidden: Floats, weights: Floats, bias: Floats | None, k: int, threads: int) -> TopK:
        model, offsets = self._model(weights, bias), self._log_offsets(len(weights))
        normalizer = "sigmoid" if self._is_sigmoid else "softmax"
        ids, values = _core.output_top_k(model, hidden, k, offsets, normalizer, threads)
        return TopK(ids=ids, log_probabilities=probabilities(values))

    def _output_rows(self, num_outputs: int) -> int:
        return num_outputs


class SoftmaxOfOutputs(OutputLoss):
    """What `SampledSoftmax` and `Softmax` have in common."""

    temperature: float
    normalize: bool
    label_smoothing: float
    multi_label: str

    def _check_shared(self) -> None:
        check_float("temperature", self.temperature, above=0.0)
        check_float("temperature", self.temperature, minimum=1e-30)  # its inverse must be a float32
        check_bool("normalize", self.normalize)
        check_float("label_smoothing", self.label_smoothing, minimum=0.0, below=1.0)
        check_choice("multi_label", self.multi_label, MULTI_LABEL)

    def _refuse_cosines(self) -> None:
        """Raise ValueError if scores are to be cosines, which a trainer does not compute."""
        if self.normalize:
            raise ValueError("normalize must be False in a trainer, got True")

    def _model(self, weights: Floats, bias: Floats | None) -> _core.LayerModel:
        return _core.LayerModel(weights, bias, self.temperature, self.normalize)

    @property
    def _link(self) -> Link:
        return Link("softmax", 1 / self.temperature)


def probabilities(logs: Doubles) -> Doubles:
    """Return logarithms of probabilities: minus infinity for none, and at most 0 whatever was rounded."""
    logs[logs < LEAST_SCORE] = -math.inf
    return np.minimum(logs, 0.0, out=logs)
