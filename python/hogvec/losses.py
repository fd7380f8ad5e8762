"""Losses: where the candidates of a target come from, and how their scores become a loss.

One class for each loss, with its parameters described, so the file is long; what they share is in `_loss.py` and
`_output_loss.py`, their noise in `_draws.py`, and what trees compute in `_hierarchical.py`.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace

import numpy as np

from hogvec import _core
from hogvec._draws import check_drawn, check_sampler, draw, draw_apart, given_sampler, log_probabilities, noise_weights
from hogvec._hierarchical import PathModel, TreeModel, model_of, repeat_rows, repeat_weights
from hogvec._loss import Doubles, Floats, Gradients, Ids, Link, Loss, Targets, TopK
from hogvec._output_loss import MULTI_LABEL, OutputLoss, SoftmaxOfOutputs
from hogvec._sampler import check_bool
from hogvec._validate import check_choice, check_float, check_int
from hogvec.class_tree import ClassTree
from hogvec.samplers import HardOf, InBatchSampler, Sampler
from hogvec.trees import HuffmanTree, Tree

__all__ = ["NCE", "HierarchicalSoftmax", "NegativeSampling", "OneVsAll", "SampledSoftmax", "Softmax"]


@dataclass(frozen=True)
class NegativeSampling(OutputLoss):
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
    power: float = 0.75
    _: KW_ONLY
    sampler: Sampler | None = None
    multi_label: str = "split"

    _link = Link("logistic")

    def __post_init__(self) -> None:
        check_int("negatives", self.negatives, minimum=1, maximum=10_000)
        check_float("power", self.power)
        check_sampler(self.sampler)
        check_choice("multi_label", self.multi_label, MULTI_LABEL)

    def _candidates(self, targets: Targets, num_outputs: int, seed: int) -> _core.LayerCandidates:
        drawn = draw(self.sampler, self.negatives, targets.ids, num_outputs, seed)
        return _core.LayerCandidates(
            softmax=False,
            independent=self.multi_label == "independent",
            shared_rows=drawn.ids,
            shared_weights=drawn.weights,
            targets=targets.ids,
            target_offsets=targets.offsets,
            target_weights=targets.weights,
            hard_of=drawn.hard_of,
        )

    def _log_offsets(self, num_outputs: int) -> Doubles | None:
        return log_probabilities(given_sampler(self.sampler, num_outputs))  # k is the same for all

    def _objective(self, counts: Ids) -> _core.Objective:
        return _core.Objective.negative_sampling(noise_weights(self.sampler, counts, self.power), self.negatives)


@dataclass(frozen=True)
class NCE(OutputLoss):
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
    sampler: Sampler | None = None
    log_z: float = 0.0
    _: KW_ONLY
    remove_accidental_hits: bool = False
    multi_label: str = "split"

    _link = Link("logistic")

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

    def _candidates(self, targets: Targets, num_outputs: int, seed: int) -> _core.LayerCandidates:
        drawn = draw(self.sampler, self.negatives, targets.ids, num_outputs, seed)
        return _core.LayerCandidates(
            softmax=False,
            independent=self.multi_label == "independent",
            shared_rows=drawn.ids,
            shared_weights=drawn.weights,
            shared_log_q=drawn.log_q + self.log_z,
            targets=targets.ids,
            target_offsets=targets.offsets,
            target_weights=targets.weights,
            target_log_q=drawn.checked_target_log_q() + self.log_z,
            mask_hits=self.remove_accidental_hits,
        )

    def _objective(self, counts: Ids) -> _core.Objective:
        weights = noise_weights(self.sampler, counts, power=1.0)
        check_drawn(weights, counts)
        drawn = np.where(weights > 0, weights, 1.0)  # what never occurs is never scored
        log_q = np.log(drawn) - np.log(weights.sum()) + np.log(self.negatives) + self.log_z
        return _core.Objective.noise_contrastive(
            weights, log_q.astype(np.float32), self.negatives, self.remove_accidental_hits
        )


@dataclass(frozen=True)
class SampledSoftmax(SoftmaxOfOutputs):
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
    correction : float, default 1.0
        What logQ is multiplied by before it is subtracted, 0 to 1. With 0 scores are compared as they are, and what is
        drawn often is learned to be improbable. Below 1 only for "tf"; not in a trainer of windows.
    shared : bool, default True
        Whether a mini-batch shares its draws. Otherwise each target has its own, and a softmax over itself and them:
        with one draw and a `correction` of 0 that is BPR [4]_. Not in a trainer of windows.

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
    .. [4] S. Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009, arXiv:1205.2618.

    Examples
    --------
    >>> from hogvec import LogUniformSampler
    >>> SampledSoftmax(1024, sampler=LogUniformSampler(50_000)).unique
    True
    """

    num_sampled: int | None = 64
    sampler: Sampler | None = None
    _: KW_ONLY
    unique: bool = True
    positive: str = "tf"
    temperature: float = 1.0
    normalize: bool = False
    remove_accidental_hits: bool | None = None
    label_smoothing: float = 0.0
    multi_label: str = "split"
    correction: float = 1.0
    shared: bool = True

    def __post_init__(self) -> None:
        check_sampler(self.sampler)
        check_float("correction", self.correction, minimum=0.0, maximum=1.0)
        check_bool("shared", self.shared)
        if self.num_sampled is not None:
            check_int("num_sampled", self.num_sampled, minimum=1)
        elif not isinstance(self.sampler, InBatchSampler):
            raise TypeError("num_sampled must be an integer, got None without an InBatchSampler")
        check_bool("unique", self.unique)
        check_choice("positive", self.positive, ("tf", "importance", "refined"))
        self._check_shared()
        if self.remove_accidental_hits is not None:
            check_bool("remove_accidental_hits", self.remove_accidental_hits)
            needed = {"importance": False, "refined": True}.get(self.positive, self.remove_accidental_hits)
            if self.remove_accidental_hits != needed:
                raise ValueError(f'remove_accidental_hits must be {needed} with positive="{self.positive}"')
        if self.label_smoothing > 0 and self.positive != "tf":
            raise ValueError(f'label_smoothing must be 0 with positive="{self.positive}", got {self.label_smoothing}')
        if self.correction < 1 and self.positive != "tf":
            raise ValueError(f'correction must be 1 with positive="{self.positive}", got {self.correction:g}')
        if not self.shared:
            self._check_own_draws()
        if self.unique and self.sampler is not None and (self.num_sampled or 0) > self.sampler.num_classes:
            raise ValueError(
                f"num_sampled must be at most the sampler's {self.sampler.num_classes} ids with unique=True, "
                f"got {self.num_sampled}"
            )

    def _check_own_draws(self) -> None:
        if self.positive != "tf":
            raise ValueError(f'shared must be True with positive="{self.positive}", got False')
        if self.num_sampled is None or isinstance(self.sampler, HardOf):
            raise ValueError("shared must be True for all targets of a batch, or the hardest draws, got False")
        if self.unique and self.num_sampled > 1:
            raise ValueError("unique must be False with several draws that are not shared, got True")

    @property
    def removes_hits(self) -> bool:
        """Whether draws that equal a target are left out."""
        return self.positive != "importance" if self.remove_accidental_hits is None else self.remove_accidental_hits

    def _candidates(self, targets: Targets, num_outputs: int, seed: int) -> _core.LayerCandidates:
        if self.positive == "refined" and targets.offsets is not None and self.multi_label == "split":
            raise ValueError(
                'an example must have one target with positive="refined" and multi_label="split", got several'
            )
        if not self.shared:
            return self._own_candidates(targets, num_outputs, seed)
        drawn = draw(self.sampler, self.num_sampled, targets.ids, num_outputs, seed, unique=self.unique)
        # The target's own score is corrected, or its probability is needed, or neither.
        target_log_q = None if self.positive == "importance" else drawn.target_log_q
        if self.positive != "refined" and self.correction > 0:
            drawn.checked_target_log_q()
        return _core.LayerCandidates(
            softmax=True,
            positive=self.positive,
            independent=self.multi_label == "independent",
            label_smoothing=self.label_smoothing,
            num_draws=0.0 if drawn.unique else float(drawn.num_tries),
            shared_rows=drawn.ids,
            shared_weights=drawn.weights,
            shared_log_q=self._corrected(drawn.log_q),
            targets=targets.ids,
            target_offsets=targets.offsets,
            target_weights=targets.weights,
            target_log_q=self._corrected(target_log_q),
            mask_hits=self.removes_hits,
            hard_of=drawn.hard_of,
        )

    def _corrected(self, log_q: Doubles | None) -> Doubles | None:
        return None if log_q is None or self.correction == 0 else self.correction * log_q

    def _own_candidates(self, targets: Targets, num_outputs: int, seed: int) -> _core.LayerCandidates:
        """Return the candidates of examples that share none: the target, then its draws."""
        if targets.offsets is not None:
            raise ValueError("an example must have one target with shared=False, got several")
        drawn = draw_apart(self.sampler, self.num_sampled or 0, targets.ids, num_outputs, seed)
        rows = np.column_stack([targets.ids, drawn.ids])
        log_q = np.column_stack([drawn.target_log_q, drawn.log_q])
        if self.correction > 0:
            drawn.checked_target_log_q()
        kept = np.ones(rows.shape, dtype=bool)
        if self.removes_hits:
            kept[:, 1:] = rows[:, 1:] != rows[:, :1]
        labels = np.zeros(rows.shape, dtype=np.float32)
        labels[:, 0] = 1
        corrected = self._corrected(log_q)
        return _core.LayerCandidates(
            softmax=True,
            label_smoothing=self.label_smoothing,
            shared_rows=np.empty(0, dtype=np.int32),
            own_offsets=np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int64),
            own_rows=rows[kept],
            own_labels=labels[kept],
            own_log_q=None if corrected is None else corrected[kept],
        )

    def _objective(self, counts: Ids) -> _core.Objective:
        if self.positive != "tf":
            raise ValueError(f'positive must be "tf" in a trainer, got "{self.positive}"')
        if self.correction < 1:
            raise ValueError(f"correction must be 1 in a trainer of windows, got {self.correction:g}")
        if not self.shared:
            raise ValueError("shared must be True in a trainer of windows, got False")
        self._refuse_cosines()
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
class Softmax(SoftmaxOfOutputs):
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
        self._check_shared()

    def _candidates(self, targets: Targets, num_outputs: int, seed: int) -> _core.LayerCandidates:
        return _core.LayerCandidates(
            softmax=True,
            independent=self.multi_label == "independent",
            label_smoothing=self.label_smoothing,
            targets=targets.ids,
            target_offsets=targets.offsets,
            target_weights=targets.weights,
        )

    def _objective(self, counts: Ids) -> _core.Objective:
        self._refuse_cosines()
        return _core.Objective.all_rows(
            len(counts), softmax=True, temperature=self.temperature, label_smoothing=self.label_smoothing
        )


@dataclass(frozen=True, kw_only=True)
class OneVsAll(OutputLoss):
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

    _link = Link("logistic")
    _is_sigmoid = True

    def _candidates(self, targets: Targets, num_outputs: int, seed: int) -> _core.LayerCandidates:
        return _core.LayerCandidates(
            softmax=False,
            independent=True,
            targets=targets.ids,
            target_offsets=targets.offsets,
            target_weights=targets.weights,
        )

    def _objective(self, counts: Ids) -> _core.Objective:
        return _core.Objective.all_rows(len(counts), softmax=False)


@dataclass(frozen=True)
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

    Notes
    -----
    In a binary tree `top_k` searches best first: the most probable subtree is opened next, so that outputs come out in
    order. That scores few nodes where the model is sure of itself, and up to all of them where it is not.

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
    _: KW_ONLY
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

    def _given_model(self) -> TreeModel:
        if self.tree is None:
            raise ValueError("tree must be given outside a trainer, got None: HierarchicalSoftmax(tree=...)")
        return model_of(self.tree)

    def _num_outputs(self, weights: Floats, bias: Floats | None) -> int:
        model = self._given_model()
        model.check_rows(weights, bias)
        return model.num_outputs

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
        columns = targets.shape[1]
        share = repeat_weights(example_weights, targets, self.multi_label)
        parts = self._given_model().gradients(
            repeat_rows(hidden, columns), targets.ravel(), weights, bias, share, threads
        )
        if columns == 1:
            return parts
        return replace(
            parts,
            loss=parts.loss.reshape(-1, columns).sum(axis=1),
            hidden_gradient=parts.hidden_gradient.reshape(-1, columns, hidden.shape[1]).sum(axis=1),
        )

    def _log_likelihood(
        self, hidden: Floats, targets: Ids, weights: Floats, bias: Floats | None, threads: int
    ) -> Doubles:
        repeated = repeat_rows(hidden, targets.shape[1])
        values = self._given_model().log_likelihood(repeated, targets.ravel(), weights, bias, threads)
        return np.asarray(values.reshape(targets.shape).mean(axis=1))

    def _top_k(self, hidden: Floats, weights: Floats, bias: Floats | None, k: int, threads: int) -> TopK:
        return self._given_model().top_k(hidden, weights, bias, k, threads)

    def _model_for(self, num_outputs: int) -> TreeModel | None:
        """Return the model, if a tree is given: it must have a leaf for each output."""
        if self.tree is None:
            return None
        if self.tree.num_leaves != num_outputs:
            raise ValueError(
                f"the tree must have as many leaves as the corpus has words, {num_outputs}, got {self.tree.num_leaves}"
            )
        return model_of(self.tree)

    @property
    def _link(self) -> Link:
        return Link("logistic") if self.tree is None else model_of(self.tree).link

    def _output_rows(self, num_outputs: int) -> int:
        model = self._model_for(num_outputs)
        return num_outputs - 1 if model is None else model.num_rows

    def _objective(self, counts: Ids) -> _core.Objective:
        model = self._model_for(len(counts)) or PathModel(HuffmanTree(counts))
        return model.objective()
