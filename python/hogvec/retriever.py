"""The retriever: how interactions become bags of input rows and the items that they must find. No training here."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hogvec import _core
from hogvec._draws import check_sampler
from hogvec._loss import Ids, Loss, Targets
from hogvec._minibatch import Bags, MiniBatch
from hogvec._output_loss import OutputLoss, SoftmaxOfOutputs
from hogvec._validate import check_choice, check_float, check_int
from hogvec.interactions import Interactions, offsets_of
from hogvec.losses import NCE, NegativeSampling, OneVsAll, SampledSoftmax, Softmax
from hogvec.samplers import UnigramSampler

__all__ = ["Examples", "Histories", "Retriever"]


@dataclass(frozen=True)
class Retriever:
    """Two towers: a vector for each user, or made of the user's history, and one for each item, scored by products.

    With ``user="id"`` it is matrix factorisation under any loss; all items of a user are targets of one hidden vector,
    so that a full softmax over all items is computed once a user and not once an interaction. With histories it is
    YouTube's candidate generation [1]_: the items before an interaction are pooled and must find it.

    Parameters
    ----------
    dim : int, default 64
        Floats in a vector, at least 1.
    user : {"id", "history", "both"}, default "id"
        What a user is: a row of its own, the pooled rows of the items taken last, or the sum of both. A history has
        vectors for users that were never seen.
    history_length : int, default 50
        The most items of a history, at least 1. It never holds the interaction that it must find.
    pooling : {"mean", "last", "exp"}, default "mean"
        What becomes of the rows of a history: their mean; the last one; a mean with weights that fall by the factor
        `decay` with every item.
    decay : float, default 0.8
        Of "exp", above 0 and below 1.
    targets : {"next", "all"}, default "next"
        What a history must find: the item that follows it; or, where the order says nothing, other items of the user.
        With "all" a user's items are parted at random in every epoch: one half is the history, the other its targets,
        all at once. A loss that takes one target at a time has some of the others as its history.
    normalize : bool, default True
        Scores are cosines: the vectors of users and items are divided by their lengths.
    temperature : float, default 0.1
        Scores are divided by it.
    batch_size : int, default 1024
        Hidden vectors of a mini-batch: users, or interactions of histories.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of the wrong kind or outside its range.

    References
    ----------
    .. [1] P. Covington, J. Adams, E. Sargin, "Deep neural networks for YouTube recommendations", RecSys 2016.

    Examples
    --------
    >>> Retriever(32, user="history", pooling="exp").history_length
    50
    """

    dim: int = 64
    _: KW_ONLY
    user: str = "id"
    history_length: int = 50
    pooling: str = "mean"
    decay: float = 0.8
    targets: str = "next"
    normalize: bool = True
    temperature: float = 0.1
    batch_size: int = 1024

    def __post_init__(self) -> None:
        check_int("dim", self.dim, minimum=1)
        check_choice("user", self.user, ("id", "history", "both"))
        check_int("history_length", self.history_length, minimum=1)
        check_choice("pooling", self.pooling, ("mean", "last", "exp"))
        check_float("decay", self.decay, above=0.0, below=1.0)
        check_choice("targets", self.targets, ("next", "all"))
        if not isinstance(self.normalize, bool):
            raise TypeError(f"normalize must be True or False, got {self.normalize!r}")
        check_float("temperature", self.temperature, minimum=1e-30)
        check_int("batch_size", self.batch_size, minimum=1)

    @property
    def has_user_rows(self) -> bool:
        """Whether users have rows of their own."""
        return self.user != "history"

    @property
    def has_histories(self) -> bool:
        """Whether items have rows in histories."""
        return self.user != "id"

    def _input_rows(self, data: Interactions) -> int:
        """Return the rows of the input table: users, then items of histories."""
        return data.num_users * self.has_user_rows + data.num_items * self.has_histories

    def _model(self, items: NDArray[np.float32]) -> _core.LayerModel:
        """Return how scores are made."""
        return _core.LayerModel(items, None, self.temperature, self.normalize)

    def _check_loss(self, loss: Loss) -> None:
        """Raise unless it scores items by rows of their own and leaves the scores to the retriever."""
        if not isinstance(loss, OutputLoss):
            raise TypeError(f"the loss of a Retriever must have a row for each item, got {loss!r:.80}")
        if isinstance(loss, SoftmaxOfOutputs) and (loss.temperature != 1 or loss.normalize):
            raise ValueError(
                f"temperature and normalize must be given to the Retriever, got them in the loss, {loss!r:.80}"
            )

    def _loss_for(self, loss: Loss, data: Interactions) -> OutputLoss:
        """Return the loss with a sampler: by default items as often as they occur, or what the loss has as power."""
        assert isinstance(loss, OutputLoss)
        if isinstance(loss, (NegativeSampling, NCE, SampledSoftmax)):
            check_sampler(loss.sampler)
            if loss.sampler is None:
                power = loss.power if isinstance(loss, NegativeSampling) else 1.0
                return replace(loss, sampler=UnigramSampler(data.counts, power))
            if loss.sampler.num_classes != data.num_items:
                raise ValueError(
                    f"sampler must have as many ids as there are items, {data.num_items}, "
                    f"got {loss.sampler.num_classes}"
                )
        return loss


class Histories:
    """Bags of the items that were taken last, as a retriever pools them."""

    def __init__(self, retriever: Retriever, first_row: int) -> None:
        self._length = 1 if retriever.pooling == "last" else retriever.history_length
        self._decay = retriever.decay if retriever.pooling == "exp" else 1.0
        self._first_row = first_row

    @property
    def length(self) -> int:
        """The most items of a bag."""
        return self._length

    def bags(self, items: NDArray[np.int32], begins: Ids, ends: Ids) -> Bags:
        """Return bag i of ``items[begins[i]:ends[i]]``, of which the last ones count."""
        begins = np.maximum(begins, ends - self._length)
        sizes = ends - begins
        offsets = offsets_of(sizes)
        places = ranges(begins, sizes)
        return Bags(offsets, self._first_row + items[places].astype(np.int64), self._weights(offsets, ends, places))

    def _weights(self, offsets: Ids, ends: Ids, places: Ids) -> NDArray[np.float32]:
        sizes = np.diff(offsets)
        if self._decay == 1.0:
            return np.repeat(1 / np.maximum(sizes, 1), sizes).astype(np.float32)
        age = np.repeat(ends, sizes) - 1 - places
        total = (1 - self._decay**sizes) / (1 - self._decay)
        return np.asarray(self._decay**age / np.repeat(np.maximum(total, 1e-30), sizes), dtype=np.float32)


def takes_all_targets(loss: OutputLoss) -> bool:
    """Whether one example of all items of a user is as good as one for each item."""
    if isinstance(loss, SampledSoftmax):
        return loss.shared and (loss.positive != "refined" or loss.multi_label == "independent")
    return isinstance(loss, (Softmax, OneVsAll))


class Examples:
    """The examples of interactions under a retriever and a loss, by number; made mini-batch by mini-batch.

    An example is a user with all items, or with two halves of them, where the retriever and the loss allow it; else an
    interaction, with its history if there are such. Users without an item have none, and neither has the first
    interaction of a user who is a history alone.
    """

    def __init__(self, retriever: Retriever, loss: OutputLoss, data: Interactions) -> None:
        self._retriever, self._data = retriever, data
        self._histories = Histories(retriever, data.num_users if retriever.has_user_rows else 0)
        self._of_whole_users = takes_all_targets(loss) and (not retriever.has_histories or retriever.targets == "all")
        self._shares_labels = getattr(loss, "multi_label", "independent") == "split"
        sizes = np.diff(data.offsets)
        if self._of_whole_users:
            self._numbers = np.flatnonzero(sizes >= (1 if retriever.has_user_rows else 2))
            return
        self._users = data.users
        numbers = np.arange(len(data))
        if not retriever.has_user_rows:
            alone = sizes[self._users] < 2
            first = numbers == data.offsets[self._users]
            numbers = numbers[~(alone if retriever.targets == "all" else first)]
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def batch(self, chosen: Ids, random: np.random.Generator) -> MiniBatch:
        """Return the examples of these numbers below `len`."""
        numbers = self._numbers[chosen]
        if not self._of_whole_users:
            return self._of_interactions(numbers, random)
        return self._of_halves(numbers, random) if self._retriever.has_histories else self._of_users(numbers)

    def _of_users(self, users: Ids) -> MiniBatch:
        begins = self._data.offsets[users]
        sizes = self._data.offsets[users + 1] - begins
        return self._with_targets(Bags(np.arange(len(users) + 1), users, None), ranges(begins, sizes), sizes)

    def _of_halves(self, users: Ids, random: np.random.Generator) -> MiniBatch:
        """Return the users with a random half of their items as histories, and the other half as targets."""
        begins = self._data.offsets[users]
        sizes = self._data.offsets[users + 1] - begins
        places = ranges(begins, sizes)
        places = places[np.lexsort((random.random(len(places)), np.repeat(np.arange(len(users)), sizes)))]
        begins = offsets_of(sizes)[:-1]
        taken = np.minimum(sizes // 2, self._histories.length)
        bags = self._histories.bags(self._data.items[places], begins, begins + taken)
        if self._retriever.user == "both":
            bags = with_rows(bags, users)
        return self._with_targets(bags, places[ranges(begins + taken, sizes - taken)], sizes - taken)

    def _with_targets(self, bags: Bags, places: Ids, sizes: Ids) -> MiniBatch:
        """Return bags with so many of the interactions as targets each, at least one."""
        data = self._data
        weights = None if data.weights is None else data.weights[places]
        offsets = offsets_of(sizes)
        total = sizes if weights is None else np.add.reduceat(weights, offsets[:-1])
        return MiniBatch(
            bags=bags,
            targets=Targets(data.items[places].astype(np.int64), offsets, weights),
            # Labels are the weights already, or shares of a whole.
            weights=total.astype(np.float32) if self._shares_labels else np.ones(len(sizes), np.float32),
        )

    def _of_interactions(self, places: Ids, random: np.random.Generator) -> MiniBatch:
        data = self._data
        users = self._users[places]
        if not self._retriever.has_histories:
            bags = Bags(np.arange(len(users) + 1), users, None)
        elif self._retriever.targets == "all":
            bags = self._others(places, users, random)
        else:
            bags = self._histories.bags(data.items, data.offsets[users], places)
        if self._retriever.user == "both":
            bags = with_rows(bags, users)
        return MiniBatch(
            bags=bags,
            targets=Targets(data.items[places].astype(np.int64)),
            weights=np.ones(len(places), np.float32) if data.weights is None else data.weights[places],
        )

    def _others(self, places: Ids, users: Ids, random: np.random.Generator) -> Bags:
        """Return bags of other items of the users: those that follow a random one when they stand in a ring."""
        data = self._data
        begins = data.offsets[users]
        others = data.offsets[users + 1] - begins - 1
        sizes = np.minimum(others, self._histories.length)
        start = (random.random(len(places)) * np.maximum(others, 1)).astype(np.int64)
        within = (ranges(start, sizes)) % np.repeat(np.maximum(others, 1), sizes)
        within += within >= np.repeat(places - begins, sizes)  # the target is passed over
        ring = data.items[np.repeat(begins, sizes) + within]
        offsets = offsets_of(sizes)
        return self._histories.bags(ring, offsets[:-1], offsets[1:])


def with_rows(bags: Bags, rows: Ids) -> Bags:
    """Return bags with one more row each, of weight 1, before the others."""
    assert bags.weights is not None
    begins = bags.offsets[:-1]
    return Bags(
        bags.offsets + np.arange(len(rows) + 1),
        np.insert(bags.rows, begins, rows),
        np.insert(bags.weights, begins, np.float32(1)),
    )


def ranges(begins: Ids, sizes: Ids) -> Ids:
    """Return the numbers from each of `begins` on, so many, end to end."""
    offsets = offsets_of(sizes)
    return np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], sizes)
