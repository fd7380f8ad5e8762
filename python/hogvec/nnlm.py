"""Neural probabilistic language models: Bengio's network, and the log-bilinear model, with any loss of the library.

One class, whose parameters, epochs, scores and files share its arrays, and so a little longer than others; the formulas
are in `_nnlm_network.py`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hogvec._loss import Gradients, Loss
from hogvec._nnlm_network import ACTIVATIONS, Network, Parameters
from hogvec._optimizer_state import OptimizerState
from hogvec._progress import Callback, EpochReport, Progress, progress_bar, show_on
from hogvec._safetensors import write_safetensors
from hogvec._system import number_of_threads
from hogvec._validate import check_choice, check_float, check_int
from hogvec._vectors_file import word_tensors, words_of
from hogvec.class_tree import ClassTree
from hogvec.language_model import LanguageModel, TextLike, encode, perplexity_of, read_model, text_and_vocabulary
from hogvec.losses import NCE, HierarchicalSoftmax, NegativeSampling, SampledSoftmax, Softmax
from hogvec.optimizers import AdaGrad, Optimizer
from hogvec.samplers import UnigramSampler
from hogvec.trees import ArrayTree, HuffmanTree
from hogvec.vocabulary import Vocabulary

__all__ = ["NNLM"]

_FORMAT = {"format": "hogvec.NNLM", "version": "1"}
_SCORED = 1024  # examples at once outside of training
_SHOW_EVERY = 0.25  # seconds
_MOST = 1e15  # that a parameter is while a run converges


class NNLM(LanguageModel):
    """Predict a word from the vectors of the words before it, through a hidden layer.

    Parameters
    ----------
    context : int, default 4
        How many words before; where a sequence has fewer, its begin stands for them.
    dim : int, default 100
        Numbers in the vector of a word.
    hidden : int, default 200
        Units of the hidden layer. 0 for the log-bilinear model, whose hidden layer is linear, of `dim` units.
    direct : bool, default True
        Let the words before reach the outputs directly, too.
    activation : {"tanh", "relu", "sigmoid"}, default "tanh"
    loss : Loss, optional
        Default: ``Softmax()``. A loss that draws noise and has no sampler draws words as often as they occur; a
        `HierarchicalSoftmax` without a tree has Huffman's.
    optimizer : Optimizer, optional
        With a learning rate. Default: ``AdaGrad(learning_rate=0.05)``.
    batch_size : int, default 256
        Examples in a step, whose mean gradient it follows.
    dropout : float, default 0.0
        The share of hidden units left out of each example in training, below 1.
    l2 : float, default 0.0
        Times half the squared length of the matrices, rows that a step touches, is added to the loss.
    max_gradient_norm : float, optional
        Gradients that together are longer are shortened to it. Default: no bound.
    threads : int, optional
        Of the output layer. Default: the cores that this process may use. The hidden layer is NumPy's.
    seed : int, default 1

    Attributes
    ----------
    parameters : dict of str to ndarray of float32
        "words" (n_words + 2, dim), the last two rows the end (unused) and the begin; "hidden" (context * dim, units);
        "hidden_bias"; "output" (n_words + 1, units + context * dim if `direct`), the rows of a tree for a
        `HierarchicalSoftmax`; "output_bias". Live: `fit` changes them in place.
    history : list of EpochReport
        ``loss`` is the mean loss of an example.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range.

    References
    ----------
    Y. Bengio, R. Ducharme, P. Vincent, C. Jauvin, "A neural probabilistic language model", JMLR 3, 2003. A. Mnih,
    G. Hinton, "Three new graphical models for statistical language modelling", ICML 2007.

    Examples
    --------
    >>> text = [["one", "two", "three"], ["two", "three", "one"]] * 20
    >>> model = NNLM(context=2, dim=8, hidden=16, threads=1).fit(text, epochs=20, progress=False)
    >>> model.perplexity(text) < 2
    True
    """

    def __init__(
        self,
        context: int = 4,
        dim: int = 100,
        hidden: int = 200,
        *,
        direct: bool = True,
        activation: str = "tanh",
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
        batch_size: int = 256,
        dropout: float = 0.0,
        l2: float = 0.0,
        max_gradient_norm: float | None = None,
        threads: int | None = None,
        seed: int = 1,
    ) -> None:
        if not isinstance(direct, bool):
            raise TypeError(f"direct must be True or False, got {direct!r}")
        if loss is not None and not isinstance(loss, Loss):
            raise TypeError(f"loss must be a Loss such as Softmax(), got {loss!r}")
        if optimizer is not None and not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer must be an SGD, Momentum, RMSProp, AdaGrad or Adam, got {optimizer!r}")
        self._hidden = check_int("hidden", hidden, minimum=0, maximum=1 << 20)
        self._network = Network(
            context=check_int("context", context, minimum=1, maximum=1000),
            dim=check_int("dim", dim, minimum=1, maximum=1 << 20),
            units=self._hidden,
            direct=direct,
            activation=check_choice("activation", activation, ACTIVATIONS),
        )
        self._activation = activation
        self.loss: Loss = loss if loss is not None else Softmax()
        self.optimizer: Optimizer = optimizer if optimizer is not None else AdaGrad(learning_rate=0.05)
        if self.optimizer.learning_rate is None:
            raise ValueError(f"learning_rate must be given to the optimizer, got {self.optimizer!r}")
        self._batch_size = check_int("batch_size", batch_size, minimum=1)
        self._dropout = check_float("dropout", dropout, minimum=0, below=1)
        self._l2 = check_float("l2", l2, minimum=0)
        self._clip = None if max_gradient_norm is None else check_float("max_gradient_norm", max_gradient_norm, above=0)
        self._threads = number_of_threads(threads)
        self._seed = check_int("seed", seed, minimum=0, maximum=2**64 - 1)
        self._vocabulary: Vocabulary | None = None
        self.parameters: Parameters = {}
        self._states: dict[str, OptimizerState] = {}
        self.history: list[EpochReport] = []

    def __repr__(self) -> str:
        network = self._network
        return (
            f"NNLM(context={network.context}, dim={network.dim}, hidden={self._hidden}, direct={network.direct}, "
            f"activation={self._activation!r}, loss={self.loss!r}, optimizer={self.optimizer!r})"
        )

    @property
    def vocabulary(self) -> Vocabulary:
        """The words. RuntimeError before `fit`."""
        if self._vocabulary is None:
            raise RuntimeError("the model must be fitted first: call fit")
        return self._vocabulary

    def fit(
        self,
        text: TextLike,
        *,
        epochs: int = 10,
        validation: TextLike | None = None,
        patience: int = 1,
        vocabulary: Vocabulary | None = None,
        callbacks: Sequence[Callback] = (),
        progress: bool | None = None,
    ) -> NNLM:
        """Train on a text; called again, go on from where the parameters are.

        Parameters
        ----------
        text : Corpus or iterable of sequences of str
        epochs : int, default 10
        validation : Corpus or iterable of sequences of str, optional
            Its perplexity is measured after every epoch. The parameters of the best epoch are kept, and training ends
            when `patience` epochs in a row were not better.
        patience : int, default 1
        vocabulary : Vocabulary, optional
            As for `NGramLM.fit`. A later call must have the same words.
        callbacks : sequence of callable, optional
            Called with a `Progress` a few times a second and after every epoch; ``progress.stop()`` ends the run.
        progress : bool, optional
            Whether to show a bar. Default: if standard error is a terminal.

        Returns
        -------
        NNLM
            This model.

        Raises
        ------
        ValueError
            As `NGramLM.fit`; the words are others than those of the first call.
        RuntimeError
            Something is no longer finite.
        KeyboardInterrupt
            The parameters are those of the last step.
        """
        check_int("epochs", epochs, minimum=1)
        check_int("patience", patience, minimum=1)
        text, vocabulary = text_and_vocabulary(text, vocabulary or self._vocabulary)
        ids, offsets = encode(text, vocabulary)
        if len(offsets) < 2:
            raise ValueError("text must have at least one sequence, got none")
        judged = None if validation is None else encode(validation, vocabulary)
        if judged is not None and len(judged[1]) < 2:
            raise ValueError("validation must have at least one sequence, got none")
        if self._vocabulary is None:
            self._begin(ids, offsets, vocabulary)
        elif vocabulary is not self._vocabulary and list(vocabulary) != list(self._vocabulary):
            raise ValueError("vocabulary must be that of the first call, got other words")
        examples = _Examples(ids, offsets, len(vocabulary), self._network.context)
        best, waited = float("inf"), 0
        kept: Parameters | None = None
        state = Progress(epochs=epochs, total_words=len(examples), learning_rate=self.optimizer.learning_rate or 0.0)
        began = time.perf_counter()
        with progress_bar(progress, total=epochs * len(examples), unit=" words", unit_scale=True) as bar:
            watchers = [*callbacks] if bar is None else [*callbacks, show_on(bar)]
            for run_epoch in range(epochs):
                state.epoch, state.words, state.epoch_finished = run_epoch + 1, 0, False
                self.history.append(self._train_epoch(examples, state, began, watchers))
                if judged is not None:
                    perplexity = perplexity_of(self._log_probabilities(*judged))
                    waited = waited + 1 if perplexity >= best else 0
                    if waited == 0:
                        best, kept = perplexity, {name: array.copy() for name, array in self.parameters.items()}
                state.epoch_finished = True
                for watcher in watchers:
                    watcher(state)
                if state.stopping or (judged is not None and waited >= patience):
                    break
        if kept is not None:
            for name, array in kept.items():
                self.parameters[name][...] = array
        return self

    def _begin(self, ids: NDArray[np.int32], offsets: NDArray[np.int64], vocabulary: Vocabulary) -> None:
        """Make what depends on the words: the loss's noise or tree, and the parameters."""
        counts = np.append(np.bincount(ids, minlength=len(vocabulary)), len(offsets) - 1)
        self.loss = _complete(self.loss, counts)
        random = np.random.default_rng(self._seed)
        rows = _output_rows(self.loss, len(counts))
        parameters = self._network.initial(len(vocabulary) + 2, rows, random)
        if isinstance(self.loss, (Softmax, SampledSoftmax, NCE)):  # scores are logarithms of probabilities
            parameters["output_bias"][:] = np.log((counts + 1) / (counts + 1).sum())
        self._set(parameters)
        self._vocabulary = vocabulary

    def _set(self, parameters: Parameters) -> None:
        self.parameters = parameters
        start = self.optimizer.start
        self._states = {name: start(np.atleast_2d(parameters[name])) for name in ("words", "hidden", "hidden_bias")}
        self._states["output"] = start(parameters["output"], parameters["output_bias"])

    def _train_epoch(
        self, examples: _Examples, progress: Progress, began: float, watchers: Sequence[Callback]
    ) -> EpochReport:
        epoch_began = shown = time.perf_counter()
        epoch = len(self.history)
        random = np.random.default_rng([self._seed, epoch])
        order = random.permutation(len(examples))
        schedule = self.optimizer.schedule._settings()
        highest = self.optimizer.learning_rate or 0.0
        total, done = 0.0, 0
        while done < len(order) and not progress.stopping:
            passed = (progress.epoch - 1 + done / len(order)) / progress.epochs
            progress.learning_rate = highest * schedule.factor(passed)
            chosen = order[done : done + self._batch_size]
            try:
                total += self._step(examples, chosen, progress.learning_rate, random)
            except ValueError:
                if all(float(np.abs(array).max()) < _MOST for array in self.parameters.values()):
                    raise
                raise RuntimeError(
                    f"the parameters must stay finite, got a value that is not in epoch {epoch + 1} at a learning rate "
                    f"of {progress.learning_rate:g}: lower it"
                ) from None
            done += len(chosen)
            progress.words, progress.loss = done, total / done
            now = time.perf_counter()
            progress.seconds = now - began
            progress.words_per_second = ((progress.epoch - 1) * len(order) + done) / progress.seconds
            if now - shown > _SHOW_EVERY:
                shown = now
                for watcher in watchers:
                    watcher(progress)
        return EpochReport(
            epoch=epoch + 1,
            loss=total / max(done, 1),
            learning_rate=progress.learning_rate,
            words=done,
            trained_words=done,
            seconds=time.perf_counter() - epoch_began,
            completed=done == len(order),
        )

    def _step(
        self, examples: _Examples, chosen: NDArray[np.int64], learning_rate: float, random: np.random.Generator
    ) -> float:
        """Take a step along the mean gradient of some examples; return the sum of their losses before it."""
        contexts, targets = examples.batch(chosen)
        gradients, loss = self._gradients(contexts, targets, random)
        if self._clip is not None:
            length = float(np.sqrt(sum(float(np.vdot(g, g)) for _, _, g in gradients)))
            if length > self._clip:
                gradients = [(name, rows, g * np.float32(self._clip / length)) for name, rows, g in gradients]
        for name, rows, gradient in gradients:
            if name == "output_bias":  # with the rows before it
                continue
            bias = gradients[-1][2] if name == "output" else None
            step = Gradients(
                loss=_NO_LOSS, hidden_gradient=gradient[:0], rows=rows, row_gradient=gradient, bias_gradient=bias
            )
            array = np.atleast_2d(self.parameters[name])
            of_rows = self.parameters["output_bias"] if name == "output" else None
            self._states[name]._apply(array, of_rows, step, learning_rate, self._threads)
        return loss

    def _gradients(
        self, contexts: NDArray[np.int32], targets: NDArray[np.int64], random: np.random.Generator | None
    ) -> tuple[list[tuple[str, NDArray[np.int64], NDArray[np.float32]]], float]:
        """Return the gradients of some rows of each array, the output layer's last, and the loss.

        The gradients are those of the mean over the examples with the L2 term; the loss is the sum without it. Nothing
        is dropped without `random`.
        """
        parameters = self.parameters
        features = self._network.features(parameters, contexts, dropout=self._dropout, random=random)
        share = np.full(len(targets), 1 / len(targets), np.float32)
        seed = 1 if random is None else int(random.integers(2**63))
        output = self.loss.gradients(
            features.hidden,
            targets,
            parameters["output"],
            parameters["output_bias"],
            seed=seed,
            example_weights=share,
            threads=self._threads,
        )
        inner = self._network.gradients(parameters, features, output.hidden_gradient)
        rows, of_words = _sum_by_row(contexts.ravel(), inner["words"])
        assert output.bias_gradient is not None
        result = [
            ("words", rows, of_words),
            ("hidden", np.arange(len(inner["hidden"])), inner["hidden"]),
            ("hidden_bias", np.arange(1), inner["hidden_bias"][None, :]),
            ("output", output.rows, output.row_gradient),
            ("output_bias", output.rows, output.bias_gradient),
        ]
        if self._l2 > 0:
            result = [
                (name, rows, g if "bias" in name else g + np.float32(self._l2) * parameters[name][rows])
                for name, rows, g in result
            ]
        return result, float(output.loss.sum()) * len(targets)

    def _log_probabilities(self, ids: NDArray[np.int32], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
        examples = _Examples(ids, offsets, len(self.vocabulary), self._network.context)
        result = np.empty(len(examples))
        for begin in range(0, len(examples), _SCORED):
            contexts, targets = examples.batch(np.arange(begin, min(begin + _SCORED, len(examples))))
            hidden = self._network.features(self.parameters, contexts).hidden
            result[begin : begin + _SCORED] = self._probable_loss.log_likelihood(
                hidden, targets, self.parameters["output"], self.parameters["output_bias"], threads=self._threads
            )
        return result

    @property
    def _probable_loss(self) -> Loss:
        """What is normalised: the tree's probabilities, or else the softmax of the scores."""
        return self.loss if isinstance(self.loss, (HierarchicalSoftmax, NegativeSampling)) else Softmax()

    def _next_probabilities(self, context: NDArray[np.int32]) -> NDArray[np.float64]:
        n = self._network.context
        padded = np.concatenate([np.full(n, len(self.vocabulary) + 1, np.int32), context])[-n:]
        hidden = self._network.features(self.parameters, padded[None, :]).hidden
        outputs = np.arange(len(self.vocabulary) + 1)
        repeated = np.broadcast_to(hidden, (len(outputs), hidden.shape[1]))
        return np.exp(
            self._probable_loss.log_likelihood(
                np.ascontiguousarray(repeated),
                outputs,
                self.parameters["output"],
                self.parameters["output_bias"],
                threads=self._threads,
            )
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the words, the parameters and the tree, if any, to a safetensors file.

        What an optimizer keeps between steps is not in it: a loaded model that goes on training begins with an
        optimizer of its own. OSError if the file cannot be written; an older one is then still there.
        """
        tensors: dict[str, NDArray[Any]] = {**word_tensors(self.vocabulary), **self.parameters}
        network = self._network
        kind = "softmax"
        if isinstance(self.loss, HierarchicalSoftmax):
            tree = self.loss.tree
            assert tree is not None
            if isinstance(tree, ClassTree):
                kind = "classes"
                tensors["class_of"] = tree.class_of
            else:
                kind = "tree"
                tensors |= {"tree_offsets": tree.offsets, "tree_points": tree.points, "tree_codes": tree.codes}
        settings = {
            "context": network.context,
            "dim": network.dim,
            "hidden": self._hidden,
            "direct": int(network.direct),
        }
        metadata = _FORMAT | {"activation": self._activation, "outputs": kind}
        write_safetensors(path, tensors, metadata | {name: str(value) for name, value in settings.items()})

    @classmethod
    def load(cls, path: str | os.PathLike[str], **arguments: Any) -> NNLM:
        """Read a model that `save` wrote.

        Parameters
        ----------
        path : str or PathLike
        **arguments
            Of the constructor, but for the shapes: ``loss``, ``optimizer``, ``threads`` and so on, to go on training.
            The loss is by default ``Softmax()`` or the hierarchical softmax of the file's tree.

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            It is no such file, or a damaged one.
        """
        tensors, metadata = read_model(path, _FORMAT)
        try:
            return cls._from_tensors(tensors, metadata, arguments)
        except (KeyError, ValueError, IndexError) as error:
            raise ValueError(f"{os.fspath(path)!r} must be a whole language model: {error}") from None

    @classmethod
    def _from_tensors(cls, tensors: dict[str, NDArray[Any]], metadata: dict[str, str], arguments: Any) -> NNLM:
        tree = None
        if metadata["outputs"] == "tree":
            tree = HierarchicalSoftmax(ArrayTree(*(tensors[f"tree_{part}"] for part in ("offsets", "points", "codes"))))
        elif metadata["outputs"] == "classes":
            tree = HierarchicalSoftmax(ClassTree(classes=tensors["class_of"]))
        context, dim, hidden, direct = (int(metadata[name]) for name in ("context", "dim", "hidden", "direct"))
        if tree is not None:
            arguments = {**arguments, "loss": tree}
        self = cls(context, dim, hidden, direct=bool(direct), activation=metadata["activation"], **arguments)
        vocabulary = words_of(tensors)
        rows = _output_rows(self.loss, len(vocabulary) + 1)
        parameters = {}
        for name, expected in self._network.shapes(len(vocabulary) + 2, rows).items():
            if tensors[name].shape != expected or tensors[name].dtype != np.float32:
                raise ValueError(f"{name} must be float32 of shape {expected}, got shape {tensors[name].shape}")
            parameters[name] = tensors[name].copy()
        self._set(parameters)
        self._vocabulary = vocabulary
        return self


_NO_LOSS = np.empty(0)


class _Examples:
    """Every word and every end of a text, with the ids before it."""

    def __init__(self, ids: NDArray[np.int32], offsets: NDArray[np.int64], num_words: int, context: int) -> None:
        lengths = np.diff(offsets)
        begin = np.full(context, num_words + 1, np.int32)
        # Sequence s begins at its offset, behind the marks of the sequences before it and its own begin.
        places = offsets[:-1] + np.arange(len(lengths)) * (context + 1) + context
        tokens = np.empty(len(ids) + len(lengths) * (context + 1), np.int32)
        for mark in range(context):
            tokens[places - context + mark] = begin[mark]
        tokens[places + lengths] = num_words
        ends = np.arange(len(lengths))
        within = np.repeat(places - offsets[:-1], lengths) + np.arange(len(ids))
        tokens[within] = ids
        self._positions = np.empty(len(ids) + len(lengths), np.int64)
        self._positions[np.arange(len(ids)) + np.repeat(ends, lengths)] = within
        self._positions[offsets[1:] + ends] = places + lengths
        self._tokens = tokens
        self._before = np.arange(-context, 0)

    def __len__(self) -> int:
        return len(self._positions)

    def batch(self, chosen: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return contexts (B, context) and targets (B,)."""
        positions = self._positions[chosen]
        return self._tokens[positions[:, None] + self._before], self._tokens[positions].astype(np.int64)


def _sum_by_row(
    rows: NDArray[np.int32], gradients: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the distinct rows, ascending, and the sums of the gradients of each."""
    order = np.argsort(rows, kind="stable")
    begins = np.flatnonzero(np.diff(rows[order], prepend=-1))
    return rows[order[begins]].astype(np.int64), np.add.reduceat(gradients[order], begins, axis=0)


def _complete(loss: Loss, counts: NDArray[np.int64]) -> Loss:
    """Return a loss that has its noise or its tree."""
    if isinstance(loss, HierarchicalSoftmax):
        return loss if loss.tree is not None else replace(loss, tree=HuffmanTree(counts))
    if isinstance(loss, NegativeSampling) and loss.sampler is None:
        return replace(loss, sampler=UnigramSampler(counts, loss.power))
    if isinstance(loss, (NCE, SampledSoftmax)) and loss.sampler is None:
        return replace(loss, sampler=UnigramSampler(counts, 1.0))
    return loss


def _output_rows(loss: Loss, num_outputs: int) -> int:
    if not isinstance(loss, HierarchicalSoftmax):
        return num_outputs
    assert loss.tree is not None
    leaves = len(loss.tree.class_of) if isinstance(loss.tree, ClassTree) else loss.tree.num_leaves
    if leaves != num_outputs:
        raise ValueError(f"tree must have a leaf for each word and for the end, {num_outputs}, got {leaves}")
    return loss.tree.num_classes + num_outputs if isinstance(loss.tree, ClassTree) else loss.tree.num_inner
