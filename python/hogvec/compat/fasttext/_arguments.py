"""fastText's options by their names: how a call gives them, what they must be, and what they are in this library."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from hogvec._loss import Loss
from hogvec._system import number_of_threads
from hogvec._validate import check_choice, check_float, check_int
from hogvec.fasttext_model import LOSSES, MODELS, FastTextArguments
from hogvec.losses import HierarchicalSoftmax, NegativeSampling, OneVsAll, Softmax
from hogvec.models import CBOW, Architecture, FastText, SkipGram
from hogvec.text_classifier import TextClassifier

__all__ = ["SUPERVISED", "UNSUPERVISED", "Arguments", "bind"]

_LEAST = {
    "dim": 1,
    "ws": 1,
    "epoch": 1,
    "minCount": 0,
    "minCountLabel": 0,
    "minn": 0,
    "maxn": 0,
    "neg": 0,
    "wordNgrams": 0,
    "bucket": 0,
    "lrUpdateRate": 0,
    "verbose": 0,
    "seed": 0,
    "autotunePredictions": 1,
    "autotuneDuration": 1,
}
_OTHER_NAMES = {
    "min_count": "minCount",
    "word_ngrams": "wordNgrams",
    "lr_update_rate": "lrUpdateRate",
    "label_prefix": "label",
    "pretrained_vectors": "pretrainedVectors",
}


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The options of one training, with fastText's defaults for classifiers; `given` are those that a call names.

    Raises
    ------
    TypeError, ValueError
        An option is of the wrong kind or outside its range.
    """

    input: str | os.PathLike[str]
    model: str = "supervised"
    lr: float = 0.1
    dim: int = 100
    ws: int = 5
    epoch: int = 5
    minCount: int = 1
    minCountLabel: int = 0
    minn: int = 0
    maxn: int = 0
    neg: int = 5
    wordNgrams: int = 1
    loss: str = "softmax"
    bucket: int = 2_000_000
    thread: int | None = None
    lrUpdateRate: int = 100
    t: float = 1e-4
    label: str = "__label__"
    verbose: int = 2
    pretrainedVectors: str | os.PathLike[str] = ""
    seed: int = 0
    autotuneValidationFile: str | os.PathLike[str] = ""
    autotuneMetric: str = "f1"
    autotunePredictions: int = 1
    autotuneDuration: int = 300
    autotuneModelSize: int | str = ""
    given: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not isinstance(self.input, (str, os.PathLike)):
            raise TypeError(f"input must be the path of a file, got {self.input!r:.80}")
        check_choice("model", self.model, MODELS)
        check_choice("loss", self.loss, LOSSES)
        for name, least in _LEAST.items():
            check_int(name, getattr(self, name), minimum=least)
        check_float("lr", self.lr, above=0.0)
        check_float("t", self.t, minimum=0.0)
        if self.thread is not None:
            check_int("thread", self.thread, minimum=1)
        if self.bucket == 0 and ((self.is_supervised and self.wordNgrams > 1) or self.letters[1]):
            raise ValueError("bucket must be at least 1 for n-grams, got 0")

    @property
    def is_supervised(self) -> bool:
        """Whether a classifier is trained."""
        return self.model == "supervised"

    @property
    def letters(self) -> tuple[int, int]:
        """Lengths of the shortest and the longest n-grams of letters, (0, 0) if there are none."""
        shortest = max(1, self.minn)
        return (shortest, self.maxn) if self.maxn >= shortest else (0, 0)

    @property
    def progress(self) -> bool | None:
        """Whether there is a bar, None: on a terminal."""
        return None if self.verbose > 1 else False

    @property
    def max_model_bytes(self) -> int | None:
        """How large a file autotune may make, None: of any size."""
        if self.autotuneModelSize == "":
            return None
        found = re.fullmatch(r"(\d{1,18})([kKmMgG]?)", str(self.autotuneModelSize))
        if found is None:
            raise ValueError(f"autotuneModelSize must be a number such as 2M, got {self.autotuneModelSize!r:.80}")
        return int(found[1]) * {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3}[found[2].lower()]

    def classifier(self) -> TextClassifier:
        """Return an untrained classifier."""
        min_n, max_n = self.letters
        return TextClassifier(
            self.dim,
            word_ngrams=max(1, self.wordNgrams),
            min_n=min_n,
            max_n=max_n,
            buckets=max(1, self.bucket),
            loss=self.loss_object(),
            learning_rate=self.lr,
            epochs=self.epoch,
            min_count=self.minCount,
            min_count_label=self.minCountLabel,
            label_prefix=self.label,
            pretrained=self.pretrainedVectors or None,
            threads=self.thread,
            seed=self.seed,
            progress=self.progress,
        )

    def architecture(self) -> Architecture:
        """Return what is trained without labels."""
        min_n, max_n = self.letters
        common: dict[str, Any] = {"dim": self.dim, "window": self.ws, "subsample": self.t}
        if max_n == 0:
            return CBOW(**common) if self.model == "cbow" else SkipGram(**common)
        return FastText(**common, min_n=min_n, max_n=max_n, buckets=self.bucket, model=self.model)

    def loss_object(self) -> Loss:
        """Return the loss of this library that `loss` names."""
        if self.loss == "ns":
            return NegativeSampling(negatives=self.neg, power=0.5)
        losses: dict[str, Loss] = {"hs": HierarchicalSoftmax(), "softmax": Softmax(), "ova": OneVsAll()}
        return losses[self.loss]

    def of_file(self) -> FastTextArguments:
        """Return what a file of vectors says of their training."""
        min_n, max_n = self.letters
        return FastTextArguments(
            model=self.model,  # type: ignore[arg-type]
            loss=self.loss,  # type: ignore[arg-type]
            dim=self.dim,
            window=self.ws,
            epochs=self.epoch,
            min_count=self.minCount,
            negatives=self.neg,
            word_ngrams=self.wordNgrams,
            buckets=self.bucket if max_n else 0,
            min_n=min_n,
            max_n=max_n,
            lr_update_rate=self.lrUpdateRate,
            subsample=self.t,
        )

    def attributes(self) -> dict[str, Any]:
        """Return the options that a trained model of fastText has as attributes."""
        hidden = {"input", "model", "seed", "given"}
        names = [f.name for f in fields(self) if f.name not in hidden and not f.name.startswith("autotune")]
        return {name: getattr(self, name) for name in names} | {"thread": number_of_threads(self.thread)}


_NAMES = tuple(field.name for field in fields(Arguments) if field.name not in ("model", "given"))
# What a call may give, in the order of fastText's positional arguments, and what it need not.
SUPERVISED: tuple[tuple[str, ...], Mapping[str, Any]] = (_NAMES, {"model": "supervised"})
UNSUPERVISED: tuple[tuple[str, ...], Mapping[str, Any]] = (
    ("input", "model", *(name for name in _NAMES[1:] if not name.startswith("autotune"))),
    {"model": "skipgram", "lr": 0.05, "minCount": 5, "minn": 3, "maxn": 6, "loss": "ns"},
)


def bind(
    function: str, kind: tuple[tuple[str, ...], Mapping[str, Any]], args: Sequence[Any], options: Mapping[str, Any]
) -> Arguments:
    """Return the arguments of a call; TypeError if it names one that there is not, or one twice, or no input."""
    names, defaults = kind
    if len(args) > len(names):
        raise TypeError(f"{function} takes at most {len(names)} arguments, got {len(args)}")
    given = dict(zip(names, args, strict=False))
    for option, value in options.items():
        name = _OTHER_NAMES.get(option, option)
        if name not in names:
            raise TypeError(f"{function} has no argument {option!r}; it has {', '.join(names)}")
        if name in given:
            raise TypeError(f"{function} got two values for its argument {name!r}")
        given[name] = value
    if "input" not in given:
        raise TypeError(f"{function} needs the argument 'input'")
    return Arguments(**{**defaults, **given}, given=frozenset(given))
