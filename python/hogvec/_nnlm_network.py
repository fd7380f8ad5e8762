"""The network of a neural language model: from the words before to a hidden vector, and gradients back.

Y. Bengio, R. Ducharme, P. Vincent, C. Jauvin, "A neural probabilistic language model", JMLR 3, 2003. The output layer,
b + U tanh(d + H x) + W x there, is one table here: its rows are those of U and W side by side, and the hidden vector is
tanh(d + H x) and x side by side. So every loss over an output table is a loss of the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ACTIVATIONS", "Features", "Network", "Parameters"]

Floats = NDArray[np.float32]

ACTIVATIONS = ("tanh", "relu", "sigmoid")

Parameters = dict[str, Floats]
"""Arrays by name: "words" (rows, dim); "hidden" (context * dim, units) and "hidden_bias" (units,); "output" (rows,
size of a hidden vector) and "output_bias" (rows,)."""


@dataclass(frozen=True)
class Features:
    """What a mini-batch went through: its hidden vectors and what their gradients need."""

    contexts: NDArray[np.int32]  # (B, context)
    words: Floats  # (B, context * dim), the rows of the context side by side
    activation: Floats  # (B, units), before dropout
    kept: Floats | None  # (B, units), what dropout multiplied by
    hidden: Floats  # (B, size)


class Network:
    """Shapes and formulas; the parameters are the caller's.

    Parameters
    ----------
    context, dim, units : int
        Words before, numbers of each, hidden units; 0 units are as many linear ones as `dim`: log-bilinear.
    direct : bool
        Whether the words before reach the outputs directly, too.
    activation : str
        One of `ACTIVATIONS`.
    """

    def __init__(self, *, context: int, dim: int, units: int, direct: bool, activation: str) -> None:
        self.context, self.dim, self.direct = context, dim, direct
        self.units = units or dim
        self.activation = activation if units else "linear"
        self.size = self.units + (context * dim if direct else 0)

    def shapes(self, input_rows: int, output_rows: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of all parameters."""
        return {
            "words": (input_rows, self.dim),
            "hidden": (self.context * self.dim, self.units),
            "hidden_bias": (self.units,),
            "output": (output_rows, self.size),
            "output_bias": (output_rows,),
        }

    def initial(self, input_rows: int, output_rows: int, random: np.random.Generator) -> Parameters:
        """Return parameters to begin with: matrices uniform within 1 / sqrt(inputs), words within 0.1, the rest 0."""
        ranges = {"words": 0.1, "hidden": (self.context * self.dim) ** -0.5, "output": 0.1 * self.size**-0.5}
        return {
            name: (2 * random.random(shape, dtype=np.float32) - 1) * np.float32(ranges.get(name, 0.0))
            for name, shape in self.shapes(input_rows, output_rows).items()
        }

    def features(
        self,
        parameters: Parameters,
        contexts: NDArray[np.int32],
        *,
        dropout: float = 0.0,
        random: np.random.Generator | None = None,
    ) -> Features:
        """Return the hidden vectors of contexts (B, context), with units dropped if `random` is given."""
        words = parameters["words"][contexts].reshape(len(contexts), self.context * self.dim)
        with np.errstate(over="ignore", invalid="ignore"):  # the output layer refuses what is not finite
            activation = self._activate(words @ parameters["hidden"] + parameters["hidden_bias"])
        kept = None
        seen = activation
        if random is not None and dropout > 0:
            kept = (random.random(activation.shape, dtype=np.float32) >= dropout).astype(np.float32)
            kept /= np.float32(1 - dropout)
            seen = activation * kept
        hidden = np.concatenate([seen, words], axis=1) if self.direct else seen
        return Features(contexts, words, activation, kept, hidden)

    def gradients(self, parameters: Parameters, features: Features, hidden_gradient: Floats) -> dict[str, Floats]:
        """Return the gradients of all but the output layer: those of "words" for each row of the contexts in turn."""
        of_units = hidden_gradient[:, : self.units]
        if features.kept is not None:
            of_units = of_units * features.kept
        of_units = of_units * self._slope(features.activation)
        of_words = of_units @ parameters["hidden"].T
        if self.direct:
            of_words += hidden_gradient[:, self.units :]
        return {
            "words": of_words.reshape(-1, self.dim),
            "hidden": features.words.T @ of_units,
            "hidden_bias": of_units.sum(axis=0),
        }

    def _activate(self, x: Floats) -> Floats:
        if self.activation == "tanh":
            tanh: Floats = np.tanh(x)
            return tanh
        if self.activation == "relu":
            return np.maximum(x, np.float32(0))
        if self.activation == "sigmoid":
            half: Floats = np.tanh(np.float32(0.5) * x)
            return np.float32(0.5) * (1 + half)
        return x

    def _slope(self, y: Floats) -> Floats:
        """Return the derivative of the activation where its value is y."""
        if self.activation == "tanh":
            return 1 - y * y
        if self.activation == "relu":
            return (y > 0).astype(np.float32)
        if self.activation == "sigmoid":
            return y * (1 - y)
        return np.ones_like(y)
