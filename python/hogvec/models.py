"""Architectures: how a corpus becomes bags of input rows and targets to predict."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any

from hogvec import _core
from hogvec._loss import Loss
from hogvec._validate import check_choice, check_float, check_int
from hogvec.class_tree import ClassTree
from hogvec.fasttext_model import FastTextArguments
from hogvec.losses import HierarchicalSoftmax, OneVsAll, SampledSoftmax, Softmax
from hogvec.subword_vectors import check_subword_settings
from hogvec.vocabulary import Vocabulary

__all__ = ["CBOW", "Architecture", "FastText", "SkipGram"]

# Windows wider than this are refused by the core, too.
MOST_WINDOW = 1_000_000
CONTEXTS = ("both", "past", "future")


def check_window_settings(dim: int, window: int | None, subsample: float, shrink_windows: bool) -> None:
    """Check what skip-gram and CBOW have in common."""
    check_int("dim", dim, minimum=1)
    if window is not None:
        check_int("window", window, minimum=1, maximum=MOST_WINDOW)
    check_float("subsample", subsample, minimum=0.0)
    if not isinstance(shrink_windows, bool):
        raise TypeError(f"shrink_windows must be True or False, got {shrink_windows!r}")


@dataclass(frozen=True, kw_only=True)
class SkipGram:
    """Skip-gram: every word of a window predicts the word in its middle.

    This is the direction of word2vec's program: the context words are the inputs and the centre is the target, so a
    window shares one set of candidates and is trained as one group with its exact gradient.

    Parameters
    ----------
    dim : int, default 100
        Floats in a vector, at least 1.
    window : int or None, default 5
        The most words to each side of the centre, 1 to 1,000,000. Words dropped by subsampling take no place. None
        takes the whole sequence, of at most 1,000,000 tokens, as for baskets: windows then have no width to shrink, and
        the cost of a sequence grows with the square of its length.
    subsample : float, default 1e-4
        The threshold s of subsampling: a word that makes up the share f of the corpus is kept with probability
        min(1, sqrt(s / f) + s / f). 0 keeps every word.
    shrink_windows : bool, default True
        Draw the width of each window uniformly from 1 to `window`, so that near words count more.
    context : {"both", "past", "future"}, default "both"
        Which words of the window count: all, those before the centre, as in sessions where the next click is to be
        predicted, or those after it.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range.

    References
    ----------
    T. Mikolov et al., "Distributed representations of words and phrases and their compositionality", NeurIPS 2013,
    arXiv:1310.4546. Sharing candidates in a window: S. Ji et al., "Parallelizing word2vec in shared and distributed
    memory", arXiv:1604.04661.

    Examples
    --------
    >>> SkipGram(dim=50, window=3)
    SkipGram(dim=50, window=3, subsample=0.0001, shrink_windows=True, context='both')
    """

    dim: int = 100
    window: int | None = 5
    subsample: float = 1e-4
    shrink_windows: bool = True
    context: str = "both"

    def __post_init__(self) -> None:
        check_window_settings(self.dim, self.window, self.subsample, self.shrink_windows)
        check_choice("context", self.context, CONTEXTS)

    def default_learning_rate(self, loss: Loss) -> float:
        """Return the learning rate that measured best with `loss`; bench/README.md has the measurements."""
        return 0.025 if isinstance(loss, HierarchicalSoftmax) else 0.05

    @property
    def _initial_range(self) -> float:
        """The bound of the numbers that input rows begin with."""
        return 0.5 / self.dim

    def _window_settings(self) -> _core.WindowSettings:
        return _core.WindowSettings(
            cbow=False,
            window=self.window,
            shrink=self.shrink_windows,
            forward_mean=False,
            backward_mean=False,
            side=self.context,
        )


@dataclass(frozen=True, kw_only=True)
class CBOW:
    """Continuous bag of words: the words of a window together predict the word in its middle.

    Parameters
    ----------
    dim, window, subsample, shrink_windows, context
        As in `SkipGram`.
    gradient : {"word2vec", "exact"}, default "word2vec"
        "exact" is the derivative of the loss. "word2vec" is what word2vec's program and gensim apply: with mean pooling
        every context word receives the whole gradient of the mean instead of its share, with sum pooling its share
        instead of the whole. Measured, "word2vec" gives the better analogies and equal similarities, each at its own
        best learning rate.
    pooling : {"mean", "sum"}, default "mean"
        What the context's rows become: their mean or their sum.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range.

    References
    ----------
    T. Mikolov et al., "Efficient estimation of word representations in vector space", arXiv:1301.3781. The exact
    gradient: O. Irsoy et al., "Corrected CBOW performs as well as skip-gram", arXiv:2012.15332.

    Examples
    --------
    >>> CBOW(window=8, gradient="exact").pooling
    'mean'
    """

    dim: int = 100
    window: int | None = 5
    subsample: float = 1e-4
    shrink_windows: bool = True
    context: str = "both"
    gradient: str = "word2vec"
    pooling: str = "mean"

    def __post_init__(self) -> None:
        check_window_settings(self.dim, self.window, self.subsample, self.shrink_windows)
        check_choice("context", self.context, CONTEXTS)
        check_choice("gradient", self.gradient, ("word2vec", "exact"))
        check_choice("pooling", self.pooling, ("mean", "sum"))

    def default_learning_rate(self, loss: Loss) -> float:
        """Return the learning rate that measured best; bench/README.md has the measurements."""
        if self.pooling == "sum":
            return 0.01  # a sum is several times as long as a mean, and so are its gradients
        return 0.15 if self.gradient == "exact" else 0.05

    @property
    def _initial_range(self) -> float:
        return 1 / math.sqrt(self.dim) if self.pooling == "mean" else 0.5 / self.dim

    def _window_settings(self) -> _core.WindowSettings:
        mean = self.pooling == "mean"
        return _core.WindowSettings(
            cbow=True,
            window=self.window,
            shrink=self.shrink_windows,
            forward_mean=mean,
            backward_mean=mean == (self.gradient == "exact"),
            side=self.context,
        )


@dataclass(frozen=True)
class FastText:
    """Skip-gram or CBOW over words and their character n-grams, as fastText trains them.

    A word is the bag of its own row and of those of its n-grams; a hidden vector is the mean of all rows of its bag.
    Words that share a stem or an ending share what they learn, and words never seen have vectors, too: `Trainer.fit`
    returns `SubwordVectors`.

    Parameters
    ----------
    dim, window, subsample, shrink_windows
        As in `SkipGram`, but `window` is a number.
    min_n, max_n : int, default 3 and 6
        Lengths of n-grams in code points, 1 <= min_n <= max_n <= 1000. The boundaries of a word count: those of "cat"
        are the n-grams of ``<cat>``, but never ``<`` or ``>`` alone.
    buckets : int, default 2,000,000
        N-grams whose hashes are equal modulo this number share a row. Rows exist for those that a word of the
        vocabulary reaches, so a small vocabulary needs little memory.
    every_bucket : bool, default False
        Give every bucket a row, as fastText does: unseen words then have random parts, too, and tables can be those of
        a fastText model.
    model : {"skipgram", "cbow"}, default "skipgram"
    direction : {"fasttext", "word2vec"}, default "fasttext"
        What skip-gram predicts: the words of the window from the bag of its centre, or the centre from the bag of each
        word of the window. The first encodes one bag for a window instead of one for each of its words. In both the
        words of a window share negatives: `negatives` of them in the second, as many for each of four words in the
        first. CBOW always predicts the centre.
    gradient : {"word2vec", "exact"}, default "word2vec"
        "exact" is the derivative of the loss. With "word2vec" every row of a bag receives the whole gradient of the
        mean instead of its share, as in fastText's program and gensim.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range.

    Notes
    -----
    In fastText's direction a window is one loss over one set of candidates, the mean over its words. `SampledSoftmax`
    and a `ClassTree` have another set for each word: they train the other direction and CBOW alone.

    References
    ----------
    P. Bojanowski, E. Grave, A. Joulin, T. Mikolov, "Enriching word vectors with subword information", TACL 2017,
    arXiv:1607.04606.

    Examples
    --------
    >>> FastText(dim=50, max_n=5).direction
    'fasttext'
    """

    dim: int = 100
    window: int = 5
    _: KW_ONLY
    min_n: int = 3
    max_n: int = 6
    buckets: int = 2_000_000
    every_bucket: bool = False
    model: str = "skipgram"
    direction: str = "fasttext"
    gradient: str = "word2vec"
    subsample: float = 1e-4
    shrink_windows: bool = True

    def __post_init__(self) -> None:
        check_int("window", self.window, minimum=1, maximum=MOST_WINDOW)  # the whole sequence is none of fastText's
        check_window_settings(self.dim, self.window, self.subsample, self.shrink_windows)
        check_subword_settings(self.min_n, self.max_n, self.buckets)
        if not isinstance(self.every_bucket, bool):
            raise TypeError(f"every_bucket must be True or False, got {self.every_bucket!r}")
        check_choice("model", self.model, ("skipgram", "cbow"))
        check_choice("direction", self.direction, ("fasttext", "word2vec"))
        check_choice("gradient", self.gradient, ("word2vec", "exact"))

    def default_learning_rate(self, loss: Loss) -> float:
        """Return the learning rate that measured best with negative sampling, and half of it with a tree's paths.

        bench/README.md has the measurements.
        """
        rates = {"skipgram": (0.05, 0.15), "cbow": (0.1, 0.5)}
        rate = rates[self.model][self.gradient == "exact"]
        return rate / 2 if isinstance(loss, HierarchicalSoftmax) else rate

    @property
    def _predicts_context(self) -> bool:
        return self.model == "skipgram" and self.direction == "fasttext"

    def _check_loss(self, loss: Loss) -> None:
        has_classes = isinstance(loss, HierarchicalSoftmax) and isinstance(loss.tree, ClassTree)
        if self._predicts_context and (has_classes or isinstance(loss, SampledSoftmax)):
            raise ValueError(
                "the loss of a FastText in fastText's direction must have one set of candidates for a window, got "
                f"{loss!r:.80}: use direction='word2vec'"
            )

    def _fasttext_arguments(self, loss: Loss, vocabulary: Vocabulary, *, epochs: int) -> FastTextArguments:
        """Return what a fastText file says of a training; losses that fastText has not are negative sampling there."""
        names: dict[type[Loss], Any] = {HierarchicalSoftmax: "hs", Softmax: "softmax", OneVsAll: "ova"}
        return FastTextArguments(
            model="cbow" if self.model == "cbow" else "skipgram",
            loss=names.get(type(loss), "ns"),
            dim=self.dim,
            window=self.window,
            epochs=epochs,
            min_count=int(min(vocabulary.counts.min(), 2**31 - 1)),
            negatives=getattr(loss, "negatives", 0),
            buckets=self.buckets,
            min_n=self.min_n,
            max_n=self.max_n,
            subsample=self.subsample,
        )

    def _subwords(self, vocabulary: Vocabulary) -> _core.Subwords:
        return _core.Subwords(
            vocabulary._words,
            min_n=self.min_n,
            max_n=self.max_n,
            buckets=self.buckets,
            every_bucket=self.every_bucket,
        )

    @property
    def _initial_range(self) -> float:
        return 0.5 / self.dim

    def _window_settings(self) -> _core.WindowSettings:
        return _core.WindowSettings(
            cbow=self.model == "cbow",
            window=self.window,
            shrink=self.shrink_windows,
            forward_mean=True,
            backward_mean=self.gradient == "exact",
            predicts_context=self._predicts_context,
        )


Architecture = SkipGram | CBOW | FastText
