"""Losses: where the candidates of a target come from, and how their scores become a loss.

One class for each loss, so the file is long; what they share is in `_loss.py`.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec import _core
from hogvec._class_softmax import class_gradients, class_log_likelihood, class_top_k
from hogvec._loss import Gradients, Loss, TopK, check_targets, number_of_threads, run
from hogvec._sampler import check_bool
from hogvec._validate import check_choice, check_float, check_ids, check_int
from hogvec.class_tree import ClassTree
from hogvec.samplers import HardOf, InBatchSampler, LogUniformSampler, MixtureSampler, Sampler
from hogvec.trees import HuffmanTree, Tree

__all__ = ["NCE", "HierarchicalSoftmax", "NegativeSampling", "OneVsAll", "SampledSoftmax", "Softmax"]

MULTI_LABEL = ("split", "independent")


@dataclass(frozen=True)
class NegativeSampling(Loss):
    """Tell the target from noise: -ln sigmoid(s) for the target, -ln sigmoid(-s) for each of the negatives.

    In a trainer the words of a window share their negatives, and 8 of 64 neighbouring windows take the same draws in
    turn; in the methods a mini-batch shares them. A draw that equals the target is drawn again, or left out in the
    methods; equal draws are one candidate that counts as many times. No example is dropped for being saturated, and the
    sigmoid is exact to rounding.

    Parameters
    ----------
    negatives : int, default 5
        Noise words for each target, 1 to 10,000.
    power : float, default 0.75
        Noise is drawn with probability proportional to count ** power; any finite number. 1 is the unigram
        distribution, 0 uniform; recommenders often do best at or below 0.
    sampler : Sampler, optional
        Draw the noise from this instead; its ids are those of the corpus. The methods need one.
    multi_label : {"split", "independent"}, default "split"
        The labels of an example's n targets: 1 / n each, or 1 each. For the methods.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range.

    References
    ----------
    T. Mikolov et al., "Distributed representations of words and phrases and their compositionality", NeurIPS 2013,
    arXiv:1310.4546. Powers: H. Caselles-Dupré et al., RecSys 2018, arXiv:1804.04212.

    Examples
    --------
    >>> NegativeSampling(negatives=10).power
    0.75
    """

    negatives: int = 5
    _: KW_ONLY
    power: float = 0.75
    sampler: Sampler | None = None
    multi_label: str = "split"

    def __post_init__(self) -> None:
        check_int("negatives", self.negatives, minimum=1, maximum=10_000)
        check_float("power", self.power)
        check_sampler(self.sampler)
        check_choice("multi_label", self.multi_label, MULTI_LABEL)

    def _candidates(
        self, targets: NDArray[np.int64], columns: int, num_outputs: int, seed: int
    ) -> _core.LayerCandidates:
        drawn = draw(self.sampler, self.negatives, targets, num_outputs, seed)
        return _core.LayerCandidates(
            softmax=False,
            independent=self.multi_label == "independent",
            shared_rows=drawn.ids,
            shared_weights=drawn.weights,
            targets=targets,
            per_example=columns,
            hard_of=drawn.hard_of,
        )

    def _log_offsets(self, num_outputs: int) -> NDArray[np.float64] | None:
        return log_probabilities(given_sampler(self.sampler, num_outputs))  # k is the same for all

    def _objective(self, counts: NDArray[np.int64]) -> _core.Objective:
        return _core.Objective.negative_sampling(noise_weights(self.sampler, counts, self.power), self.negatives)


@dataclass(frozen=True)
class NCE(Loss):
    """Tell the target from noise whose probability is known: noise-contrastive estimation.

    The loss is that of `NegativeSampling` with ``ln(k q(w)) + log_z`` subtracted from the score of every candidate w,
    the target too, where k is the number of noise words and q the distribution they are drawn from. The scores
    then learn the logarithm of the probabilities themselves, up to `log_z`; q changes only the noise of the gradient,
    which tends to that of the full softmax as k grows. The noise is shared as in `NegativeSampling`. It may draw the
    target, which then counts as both.

    Parameters
    ----------
    negatives : int, default 25
        Noise words k for each target, 1 to 10,000.
    sampler : Sampler, optional
        The noise. Default: the words as often as they occur in the corpus.
    log_z : float, default 0.0
        The logarithm of the normaliser that scores are taken to have. With 0 and without a bias the scores must
        sink by about ln V first; ln V (about 9 for a vocabulary of 10,000) spares them that.
    remove_accidental_hits : bool, default False
        Leave out noise that equals the target. What is estimated is then no longer the exact distribution.
    multi_label : {"split", "independent"}, default "split"
        The labels of an example's n targets: 1 / n each, or 1 each. For the methods.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range; in `Trainer.fit` if the sampler has another number of
        ids than the corpus, or never draws one that occurs.

    References
    ----------
    M. Gutmann and A. Hyvärinen, "Noise-contrastive estimation: a new estimation principle for unnormalized statistical
    models", AISTATS 2010. A. Mnih and Y. W. Teh, "A fast and simple algorithm for training neural probabilistic
    language models", ICML 2012, arXiv:1206.6426. C. Dyer, arXiv:1410.8251.

    Examples
    --------
    >>> NCE(negatives=50, log_z=9.0).negatives
    50
    """

    negatives: int = 25
    _: KW_ONLY
    sampler: Sampler | None = None
    log_z: float = 0.0
    remove_accidental_hits: bool = False
    multi_label: str = "split"

    def __post_init__(self) -> None:
        check_int("negatives", self.negatives, minimum=1, maximum=10_000)
        check_sampler(self.sampler)
        if isinstance(self.sampler, HardOf):
            raise TypeError(
                f"sampler must draw with known probabilities, which a HardOf does not, got {self.sampler!r}"
            )
        check_float("log_z", self.log_z)
        check_bool("remove_accidental_hits", self.remove_accidental_hits)
        check_choice("multi_label", self.multi_label, MULTI_LABEL)

    def _candidates(
        self, targets: NDArray[np.int64], columns: int, num_outputs: int, seed: int
    ) -> _core.LayerCandidates:
        drawn = draw(self.sampler, self.negatives, targets, num_outputs, seed)
        return _core.LayerCandidates(
            softmax=False,
            independent=self.multi_label == "independent",
            shared_rows=drawn.ids,
            shared_weights=drawn.weights,
            shared_log_q=drawn.log_q + self.log_z,
            targets=targets,
            per_example=columns,
            target_log_q=drawn.checked_target_log_q() + self.log_z,
            mask_hits=self.remove_accidental_hits,
        )

    def _objective(self, counts: NDArray[np.int64]) -> _core.Objective:
        weights = noise_weights(self.sampler, counts, power=1.0)
        check_drawn(weights, counts)
        drawn = np.where(weights > 0, weights, 1.0)  # what never occurs is never scored
        log_q = np.log(drawn) - np.log(weights.sum()) + np.log(self.negatives) + self.log_z
        return _core.Objective.noise_contrastive(
            weights, log_q.astype(np.float32), self.negatives, self.remove_accidental_hits
        )


@dataclass(frozen=True)
class SampledSoftmax(Loss):
    """Predict the target among itself and a sample of the outputs: a softmax over few candidates.

    From the score of every candidate the logarithm of its expected count in the sample is subtracted (logQ), so that
    what is learned does not depend on how often the sampler draws it.

    Parameters
    ----------
    num_sampled : int or None, default 64
        Draws, 1 to 2**31 - 1, in a trainer up to 1,000,000; shared by a window in a trainer and by the whole mini-batch
        in the methods. None with an `InBatchSampler`: all targets of the batch.
    sampler : Sampler, optional
        Default: in a trainer, the words as often as they occur in the corpus; the methods need one.
    unique : bool, default True
        Draw distinct ids.
    positive : {"tf", "importance", "refined"}, default "tf"
        How the target's own score enters. "tf": corrected like all others, a softmax over the target and the sample
        [1]_. "importance": the sample alone estimates the normaliser, by importance sampling [2]_. "refined": the
        target is left out of the noise, and the example weighs as much as the model errs [3]_. A trainer takes "tf".
    temperature : float, default 1.0
        Scores are divided by it before the correction.
    normalize : bool, default False
        Scores are cosines: hidden vectors and rows are divided by their lengths. Not in a trainer.
    remove_accidental_hits : bool, optional
        Leave out draws that equal a target of the example; kept, they are noise with label 0. Default: what the
        convention of `positive` needs, True for "tf" and "refined", False for "importance".
    label_smoothing : float, default 0.0
        The share of the label, of [0, 1), that is spread evenly over all candidates of the example. Only for "tf".
    multi_label : {"split", "independent"}, default "split"
        The n targets of an example share one softmax with label 1 / n each, or are examples of their own, each
        without the others as candidates. For the methods.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range, or does not go with the convention of `positive`; in
        `Trainer.fit` if a parameter is not for trainers, the sampler has another number of ids than the corpus or never
        draws one that occurs, or there are fewer ids to draw than `num_sampled` distinct ones.

    References
    ----------
    .. [1] S. Jean et al., "On using very large target vocabulary for neural machine translation", ACL 2015,
       arXiv:1412.2007; TensorFlow's ``sampled_softmax_loss``.
    .. [2] Y. Bengio and J.-S. Senécal, "Adaptive importance sampling to accelerate training of a neural probabilistic
       language model", IEEE Transactions on Neural Networks 19 (2008).
    .. [3] K. Khrylchenko et al., "Correcting the logQ correction: revisiting sampled softmax for large-scale
       retrieval", RecSys 2025, arXiv:2507.09331.

    Examples
    --------
    >>> from hogvec import LogUniformSampler
    >>> SampledSoftmax(1024, sampler=LogUniformSampler(50_000)).unique
    True
    """

    num_sampled: int | None = 64
    _: KW_ONLY
    sampler: Sampler | None = None
    unique: bool = True
    positive: str = "tf"
    temperature: float = 1.0
    normalize: bool = False
    remove_accidental_hits: bool | None = None
    label_smoothing: float = 0.0
    multi_label: str = "split"

    def __post_init__(self) -> None:
        check_sampler(self.sampler)
        if self.num_sampled is not None:
            check_int("num_sampled", self.num_sampled, minimum=1)
        elif not isinstance(self.sampler, InBatchSampler):
            raise TypeError("num_sampled must be an integer, got None without an InBatchSampler")
        check_bool("unique", self.unique)
        check_choice("positive", self.positive, ("tf", "importance", "refined"))
        check_softmax(self)
        if self.remove_accidental_hits is not None:
            check_bool("remove_accidental_hits", self.remove_accidental_hits)
            needed = {"importance": False, "refined": True}.get(self.positive, self.remove_accidental_hits)
            if self.remove_accidental_hits != needed:
                raise ValueError(f'remove_accidental_hits must be {needed} with positive="{self.positive}"')
        if self.label_smoothing > 0 and self.positive != "tf":
            raise ValueError(f'label_smoothing must be 0 with positive="{self.positive}", got {self.label_smoothing}')
        if self.unique and self.sampler is not None and (self.num_sampled or 0) > self.sampler.num_classes:
            raise ValueError(
                f"num_sampled must be at most the sampler's {self.sampler.num_classes} ids with unique=True, "
                f"got {self.num_sampled}"
            )

    @property
    def removes_hits(self) -> bool:
        """Whether draws that equal a target are left out."""
        return self.positive != "importance" if self.remove_accidental_hits is None else self.remove_accidental_hits

    def _candidates(
        self, targets: NDArray[np.int64], columns: int, num_outputs: int, seed: int
    ) -> _core.LayerCandidates:
        if self.positive == "refined" and columns > 1 and self.multi_label == "split":
            raise ValueError(
                f'targets must have one column with positive="refined" and multi_label="split", got {columns}'
            )
        drawn = draw(self.sampler, self.num_sampled, targets, num_outputs, seed, unique=self.unique)
        # The target's own score is corrected, or its probability is needed, or neither.
        target_log_q = None if self.positive == "importance" else drawn.target_log_q
        if self.positive != "refined":
            drawn.checked_target_log_q()
        return _core.LayerCandidates(
            softmax=True,
            positive=self.positive,
            independent=self.multi_label == "independent",
            label_smoothing=self.label_smoothing,
            num_draws=0.0 if drawn.unique else float(drawn.num_tries),
            shared_rows=drawn.ids,
            shared_weights=drawn.weights,
            shared_log_q=drawn.log_q,
            targets=targets,
            per_example=columns,
            target_log_q=target_log_q,
            mask_hits=self.removes_hits,
            hard_of=drawn.hard_of,
        )

    def _model(self, weights: NDArray[np.float32], bias: NDArray[np.float32] | None) -> _core.LayerModel:
        return _core.LayerModel(weights, bias, self.temperature, self.normalize)

    def _objective(self, counts: NDArray[np.int64]) -> _core.Objective:
        if self.positive != "tf":
            raise ValueError(f'positive must be "tf" in a trainer, got "{self.positive}"')
        refuse_cosines(self)
        weights = noise_weights(self.sampler, counts, power=1.0)
        check_drawn(weights, counts)
        num_sampled = check_int("num_sampled", self.num_sampled, minimum=1, maximum=1_000_000)
        return _core.Objective.sampled_softmax(
            weights,
            num_sampled,
            unique=self.unique,
            keep_hits=not self.removes_hits,
            temperature=self.temperature,
            label_smoothing=self.label_smoothing,
        )


@dataclass(frozen=True, kw_only=True)
class Softmax(Loss):
    """Predict the target among all outputs: exact, at a cost proportional to their number.

    In a trainer every window scores all outputs: it is meant for vocabularies of some thousands.

    Parameters
    ----------
    temperature, normalize, label_smoothing, multi_label
        As in `SampledSoftmax`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range.

    References
    ----------
    Y. Bengio et al., "A neural probabilistic language model", JMLR 3 (2003).

    Examples
    --------
    >>> Softmax(temperature=0.1).label_smoothing
    0.0
    """

    temperature: float = 1.0
    normalize: bool = False
    label_smoothing: float = 0.0
    multi_label: str = "split"

    def __post_init__(self) -> None:
        check_softmax(self)

    def _candidates(
        self, targets: NDArray[np.int64], columns: int, num_outputs: int, seed: int
    ) -> _core.LayerCandidates:
        return _core.LayerCandidates(
            softmax=True,
            independent=self.multi_label == "independent",
            label_smoothing=self.label_smoothing,
            targets=targets,
            per_example=columns,
        )

    def _model(self, weights: NDArray[np.float32], bias: NDArray[np.float32] | None) -> _core.LayerModel:
        return _core.LayerModel(weights, bias, self.temperature, self.normalize)

    def _objective(self, counts: NDArray[np.int64]) -> _core.Objective:
        refuse_cosines(self)
        return _core.Objective.all_rows(
            len(counts), softmax=True, temperature=self.temperature, label_smoothing=self.label_smoothing
        )


@dataclass(frozen=True, kw_only=True)
class OneVsAll(Loss):
    """Answer a yes-or-no question for each output: -ln sigmoid(s) for the targets, -ln sigmoid(-s) for all others.

    An example may have any number of targets. In a trainer it has one, and every window scores all outputs.

    References
    ----------
    R. Rifkin and A. Klautau, "In defense of one-vs-all classification", JMLR 5 (2004).

    Examples
    --------
    >>> OneVsAll()
    OneVsAll()
    """

    def _candidates(
        self, targets: NDArray[np.int64], columns: int, num_outputs: int, seed: int
    ) -> _core.LayerCandidates:
        return _core.LayerCandidates(softmax=False, independent=True, targets=targets, per_example=columns)

    @property
    def _is_sigmoid(self) -> bool:
        return True

    def _objective(self, counts: NDArray[np.int64]) -> _core.Objective:
        return _core.Objective.all_rows(len(counts), softmax=False)


def check_softmax(loss: SampledSoftmax | Softmax) -> None:
    """Raise TypeError or ValueError unless what both have in common is in range."""
    check_float("temperature", loss.temperature, above=0.0)
    check_float("temperature", loss.temperature, minimum=1e-30)  # its inverse must be a float32
    check_bool("normalize", loss.normalize)
    check_float("label_smoothing", loss.label_smoothing, minimum=0.0, below=1.0)
    check_choice("multi_label", loss.multi_label, MULTI_LABEL)


def refuse_cosines(loss: SampledSoftmax | Softmax) -> None:
    """Raise ValueError if scores are to be cosines, which a trainer does not compute."""
    if loss.normalize:
        raise ValueError("normalize must be False in a trainer, got True")


def check_drawn(weights: NDArray[np.float64], counts: NDArray[np.int64]) -> None:
    """Raise ValueError if an id that occurs is never drawn: the expected count of a target must not be 0."""
    never = (weights == 0) & (counts > 0)
    if never.any():
        raise ValueError(f"sampler must draw every id that occurs, got probability 0 for id {int(never.argmax())}")


def link_of(loss: Loss) -> tuple[str, float]:
    """Return the name of the link that a trainer uses with a loss, and what scores are multiplied by."""
    if isinstance(loss, (SampledSoftmax, Softmax)):
        return "softmax", 1 / loss.temperature
    if isinstance(loss, HierarchicalSoftmax) and isinstance(loss.tree, ClassTree):
        return "softmax", 1.0
    return "logistic", 1.0


def check_sampler(sampler: object) -> None:
    """Raise TypeError unless it is None or a sampler."""
    if sampler is not None and not isinstance(sampler, Sampler):
        raise TypeError(f"sampler must be a Sampler, got {sampler!r}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """The draws of a mini-batch as candidates: distinct ids, equal draws being one of a higher weight."""

    ids: NDArray[np.int32]
    weights: NDArray[np.float32] | None
    log_q: NDArray[np.float64]
    num_tries: int
    unique: bool
    targets: NDArray[np.int64]
    target_log_q: NDArray[np.float64]
    hard_of: int = 1

    def checked_target_log_q(self) -> NDArray[np.float64]:
        """Return `target_log_q`; ValueError if a target is never drawn."""
        never = np.isneginf(self.target_log_q)
        if never.any():
            raise ValueError(
                f"sampler must draw every target, got probability 0 for id {self.targets[int(never.argmax())]}"
            )
        return self.target_log_q


def given_sampler(sampler: Sampler | None, num_outputs: int) -> Sampler:
    """Return the sampler; ValueError if there is none, or it is for another number of outputs."""
    if sampler is None:
        raise ValueError("sampler must be given outside a trainer, got None")
    if sampler.num_classes != num_outputs:
        raise ValueError(f"sampler must have as many ids as weights has rows, {num_outputs}, got {sampler.num_classes}")
    return sampler


def draw(
    sampler: Sampler | None,
    n: int | None,
    targets: NDArray[np.int64],
    num_outputs: int,
    seed: int,
    *,
    unique: bool = False,
) -> Drawn:
    """Draw for a mini-batch; None takes all targets of the batch."""
    sampler = given_sampler(sampler, num_outputs)
    hard_of = sampler.m if isinstance(sampler, HardOf) else 1
    unique = unique or hard_of > 1  # an example chooses among its draws: each must be there once
    if targets.size > 0:
        sampler._before_batch(targets)
    if n is None:
        ids, num_tries, unique = targets.astype(np.int32), targets.size, False
    else:
        sample = sampler.sample(n * hard_of, unique=unique, seed=seed)
        ids, num_tries = sample.ids, sample.num_tries
    weights = None
    if not unique:
        ids, times = np.unique(ids, return_counts=True)
        weights = times.astype(np.float32)
    if num_tries == 0:  # an empty batch that is its own sample
        none = np.empty(0)
        return Drawn(
            ids=ids, weights=weights, log_q=none, num_tries=0, unique=unique, targets=targets, target_log_q=none
        )
    drawn = Drawn(
        ids=np.ascontiguousarray(ids),
        weights=weights,
        log_q=sampler.log_expected_count(ids, num_tries, unique=unique),
        num_tries=num_tries,
        unique=unique,
        targets=targets,
        target_log_q=sampler.log_expected_count(targets, num_tries, unique=unique),
        hard_of=hard_of,
    )
    if targets.size > 0:
        sampler._after_batch(targets)
    return drawn


def log_probabilities(sampler: Sampler) -> NDArray[np.float64]:
    """Return ln q of every output, a number far below all others where q is 0."""
    with np.errstate(divide="ignore"):
        logs: NDArray[np.float64] = np.maximum(np.log(sampler.probability()), -3e38)
    return logs


def noise_weights(sampler: Sampler | None, counts: NDArray[np.int64], power: float) -> NDArray[np.float64]:
    """Return weights of a trainer's noise, (V,): those of the sampler as it is now, else counts ** power."""
    if sampler is None:
        return _core.unigram_weights(counts, power)
    if isinstance(sampler, (HardOf, InBatchSampler)):
        raise TypeError(f"sampler must have a fixed distribution in a trainer, got a {type(sampler).__name__}")
    if sampler.num_classes != len(counts):
        raise ValueError(f"sampler must have as many ids as the corpus, {len(counts)}, got {sampler.num_classes}")
    check_ranks(sampler, counts)
    return np.ascontiguousarray(sampler.probability(), dtype=np.float64)


def check_ranks(sampler: Sampler, counts: NDArray[np.int64]) -> None:
    """Raise ValueError if log-uniform noise, or a part of the noise, takes ids for ranks that they are not."""
    if isinstance(sampler, MixtureSampler):
        for part in sampler.samplers:
            check_ranks(part, counts)
    if isinstance(sampler, LogUniformSampler) and sampler.counts is None and (rising := np.diff(counts) > 0).any():
        i = int(rising.argmax())
        raise ValueError(
            f"LogUniformSampler without counts must have ids sorted by falling count, got {counts[i]} of id {i} and "
            f"{counts[i + 1]} of id {i + 1}: give it the counts, LogUniformSampler({len(counts)}, corpus.counts)"
        )


@dataclass(frozen=True, kw_only=True)
class HierarchicalSoftmax(Loss):
    """Predict the target's path through a tree of the outputs.

    A full probability model over the outputs at the cost of one path: the probabilities of all outputs sum to 1. With a
    binary tree a path is about log2 of the number of outputs yes-or-no questions, one per inner node, and the output
    table holds the inner nodes. With a `ClassTree` it is two softmaxes, over the classes and over the outputs of the
    target's class; the rows are the classes, then the outputs: output i is row ``num_classes + i``.

    Parameters
    ----------
    tree : Tree or ClassTree, optional
        A `HuffmanTree`, `BalancedTree`, `ArrayTree` or `ClassTree` with a leaf for each output. Default: in a trainer,
        the Huffman tree of the corpus's counts; the methods need one.
    multi_label : {"split", "independent"}, default "split"
        The loss of an example is the mean over its targets, or their sum. For the methods.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or none of the choices.

    References
    ----------
    F. Morin and Y. Bengio, "Hierarchical probabilistic neural network language model", AISTATS 2005; with Huffman's
    tree: T. Mikolov et al., arXiv:1310.4546; in classes: J. Goodman, "Classes for fast maximum entropy training",
    ICASSP 2001.

    Examples
    --------
    >>> from hogvec import BalancedTree
    >>> loss = HierarchicalSoftmax(tree=BalancedTree(4))
    >>> hidden, weights = np.ones((1, 2), np.float32), np.zeros((3, 2), np.float32)
    >>> np.exp(loss.log_likelihood(hidden, [3], weights))   # two fair coins
    array([0.25])
    """

    tree: Tree | ClassTree | None = None
    multi_label: str = "split"

    def __post_init__(self) -> None:
        check_choice("multi_label", self.multi_label, MULTI_LABEL)
        if self.tree is not None and not isinstance(self.tree, (Tree, ClassTree)):
            raise TypeError(
                f"tree must be a HuffmanTree, a BalancedTree, an ArrayTree or a ClassTree, got {self.tree!r:.80}"
            )

    def __repr__(self) -> str:
        shown = [] if self.tree is None else [f"tree={self.tree!r}"]
        if self.multi_label != "split":
            shown.append(f"multi_label={self.multi_label!r}")
        return f"HierarchicalSoftmax({', '.join(shown)})"

    def log_likelihood(
        self,
        hidden: NDArray[np.float32],
        targets: ArrayLike,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32] | None = None,
        *,
        threads: int | None = None,
    ) -> NDArray[np.float64]:
        """Return ln P(target | hidden vector): exact, and normalised over all outputs; see `Loss.log_likelihood`."""
        tree = self._given_tree(weights, bias)
        ids, columns = check_targets(targets, hidden)
        check_ids("targets", ids, tree.num_leaves)
        repeated = repeat_rows(hidden, columns)
        if isinstance(tree, ClassTree):
            values = class_log_likelihood(tree, repeated, ids, weights, bias, number_of_threads(threads))
        else:
            values = tree._core_tree.log_likelihood(repeated, ids, weights, bias, number_of_threads(threads))
        return values if columns == 1 else np.asarray(values.reshape(-1, columns).mean(axis=1))

    def top_k(
        self,
        hidden: NDArray[np.float32],
        weights: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        k: int,
        *,
        threads: int | None = None,
    ) -> TopK:
        """Return the k most probable outputs of every hidden vector, exactly; see `Loss.top_k`.

        In a binary tree by best-first search: the most probable subtree is opened next, so that outputs come out in
        order. That scores few nodes where the model is sure of itself, and up to all of them where it is not.

        Examples
        --------
        >>> from hogvec import BalancedTree
        >>> loss = HierarchicalSoftmax(tree=BalancedTree(4))
        >>> weights = np.array([[0.5], [-1.0], [2.0]], np.float32)
        >>> loss.top_k(np.ones((1, 1), np.float32), weights, None, 2).ids
        array([[2, 0]], dtype=int32)
        """
        tree = self._given_tree(weights, bias)
        k = check_int("k", k, minimum=1, maximum=tree.num_leaves)
        if isinstance(tree, ClassTree):
            return class_top_k(tree, hidden, weights, bias, k, number_of_threads(threads))
        ids, values = tree._core_tree.top_k(hidden, weights, bias, k, number_of_threads(threads))
        return TopK(ids=ids, log_probabilities=values)

    def _gradients(
        self,
        hidden: NDArray[np.float32],
        targets: NDArray[np.int64],
        columns: int,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        seed: int,
        example_weights: NDArray[np.float32] | None,
        threads: int,
    ) -> Gradients:
        tree = self._given_tree(weights, bias)
        check_ids("targets", targets, tree.num_leaves)
        # Each target is an example of its own.
        repeated = repeat_rows(hidden, columns)
        share = repeat_weights(example_weights, targets.reshape(-1, columns), self.multi_label)
        if isinstance(tree, ClassTree):
            parts = class_gradients(tree, repeated, targets, weights, bias, share, threads)
        else:
            parts = run(_core.LayerModel(weights, bias), repeated, path_candidates(tree, targets), share, threads)
        if columns == 1:
            return parts
        return replace(
            parts,
            loss=parts.loss.reshape(-1, columns).sum(axis=1),
            hidden_gradient=parts.hidden_gradient.reshape(-1, columns, hidden.shape[1]).sum(axis=1),
        )

    def _candidates(
        self, targets: NDArray[np.int64], columns: int, num_outputs: int, seed: int
    ) -> _core.LayerCandidates:
        raise NotImplementedError  # paths are an example's own: `_gradients` takes them

    def _given_tree(self, weights: NDArray[np.float32], bias: NDArray[np.float32] | None) -> Tree | ClassTree:
        if self.tree is None:
            raise ValueError("tree must be given outside a trainer, got None: HierarchicalSoftmax(tree=...)")
        if isinstance(self.tree, ClassTree):
            rows, what = self.tree.num_classes + self.tree.num_leaves, "class and each output"
        else:
            rows, what = self.tree.num_inner, "inner node"
        for name, array, entry in (("weights", weights, "a row"), ("bias", bias, "an entry")):
            if array is not None and np.shape(array)[:1] != (rows,) and np.ndim(array) > 0:
                raise ValueError(f"{name} must have {entry} for each {what}, {rows}, got {len(array)}")
        return self.tree

    def _tree_for(self, num_outputs: int) -> Tree | ClassTree | None:
        """Return the tree, if one is given: it must have a leaf for each output."""
        if self.tree is not None and self.tree.num_leaves != num_outputs:
            raise ValueError(
                f"the tree must have as many leaves as the corpus has words, {num_outputs}, got {self.tree.num_leaves}"
            )
        return self.tree

    def _output_rows(self, num_outputs: int) -> int:
        tree = self._tree_for(num_outputs)
        if isinstance(tree, ClassTree):
            return tree.num_classes + tree.num_leaves
        return num_outputs - 1 if tree is None else tree.num_inner

    def _objective(self, counts: NDArray[np.int64]) -> _core.Objective:
        tree = self._tree_for(len(counts)) or HuffmanTree(counts)
        if isinstance(tree, ClassTree):
            return _core.Objective.two_level_softmax(tree.class_of)
        return _core.Objective.hierarchical_softmax(tree._core_tree)


def repeat_rows(hidden: NDArray[np.float32], times: int) -> NDArray[np.float32]:
    """Return each row so many times: the buffer itself for one."""
    return hidden if times == 1 or not isinstance(hidden, np.ndarray) else np.repeat(hidden, times, axis=0)


def repeat_weights(
    example_weights: NDArray[np.float32] | None, targets: NDArray[np.int64], multi_label: str
) -> NDArray[np.float32] | None:
    """Return weights of examples that stand once for each of their targets, (B, columns)."""
    count, columns = targets.shape
    if columns == 1:
        return example_weights
    if multi_label == "split":
        share = np.full(targets.shape, 1.0 / columns, dtype=np.float32)
    else:  # a set: of equal targets the first counts
        earlier = np.tril(targets[:, :, np.newaxis] == targets[:, np.newaxis, :], -1).any(axis=2)
        share = (~earlier).astype(np.float32)
    if example_weights is not None:
        if len(example_weights) != count:
            raise ValueError(
                f"example_weights must have an entry for each row of hidden, {count}, got {len(example_weights)}"
            )
        share *= example_weights[:, np.newaxis]
    return share.ravel()


def path_candidates(tree: Tree, targets: NDArray[np.int64]) -> _core.LayerCandidates:
    """Return the inner nodes on the paths to the targets, with label 1 for turn 0."""
    begins = tree.offsets[targets]
    sizes = tree.offsets[targets + 1] - begins
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    entries = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], sizes)
    return _core.LayerCandidates(
        softmax=False,
        shared_rows=np.empty(0, dtype=np.int32),
        own_offsets=offsets,
        own_rows=tree.points[entries].astype(np.int64),
        own_labels=(1 - tree.codes[entries]).astype(np.float32),
    )
