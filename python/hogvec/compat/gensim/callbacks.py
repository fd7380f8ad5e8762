"""The base of callbacks that `Word2Vec.train` and `FastText.train` call with the model."""

from __future__ import annotations

from typing import Any

__all__ = ["CallbackAny2Vec"]


class CallbackAny2Vec:
    """Override what should happen at the ends of epochs and of training; an exception ends the training."""

    def on_train_begin(self, model: Any) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, model: Any) -> None:
        """Before every epoch."""

    def on_epoch_end(self, model: Any) -> None:
        """After every epoch: `model.wv` has the vectors so far."""

    def on_train_end(self, model: Any) -> None:
        """After the last epoch."""
