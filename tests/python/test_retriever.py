"""The retriever: its examples against a plain enumeration, its steps, what it learns, and what it refuses."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
from hogvec import (
    NCE,
    SGD,
    Adam,
    HierarchicalSoftmax,
    InBatchSampler,
    Interactions,
    Loss,
    NegativeSampling,
    OneVsAll,
    Recommender,
    Retriever,
    SampledSoftmax,
    Softmax,
    Trainer,
    UniformSampler,
    UnigramSampler,
    reference_losses,
)
from hogvec._loss import Targets, layer_gradients
from hogvec._minibatch import BagEncoder, Bags
from hogvec.evaluate import ranking
from hogvec.retriever import Examples
from loss_cases import assert_close

GROUPS = 4
LOSSES = {
    "softmax": Softmax(),
    "softmax, independent": Softmax(multi_label="independent"),
    "sampled softmax": SampledSoftmax(20),
    "in batch": SampledSoftmax(None, InBatchSampler(40, rate=0.1), unique=False),
    "bpr": SampledSoftmax(1, shared=False, correction=0.0),
    "negative sampling": NegativeSampling(10),
    "nce": NCE(10),
    "one-vs-all": OneVsAll(),
}


def planted(users: int = 120, items: int = 40, seed: int = 1) -> Interactions:
    """Users who take distinct items of their own group alone, in a random order."""
    random = np.random.default_rng(seed)
    group = np.arange(items) % GROUPS
    rows = [random.permutation(np.flatnonzero(group == user % GROUPS))[:7] for user in range(users)]
    return Interactions(np.arange(users + 1) * 7, np.concatenate(rows), num_items=items)


def finds_groups(model: Recommender) -> float:
    """The share of recommended items that are of their user's group."""
    items = model.recommend(k=3).items
    return float(np.mean(items % GROUPS == np.arange(len(items))[:, np.newaxis] % GROUPS))


# ---- examples ------------------------------------------------------------------------------------------------------


def bags_of(
    data: Interactions, retriever: Retriever, loss: Loss | None = None
) -> list[tuple[list[int], list[float], list[int]]]:
    """Rows and weights of every example, and its targets, in the order of the interactions."""
    examples = Examples(retriever, retriever._loss_for(loss or Softmax(), data), data)
    batch = examples.batch(np.arange(len(examples)), np.random.default_rng(1))
    offsets, rows, weights = batch.bags
    weights = np.ones(len(rows)) if weights is None else weights
    ends = np.arange(len(examples) + 1) if batch.targets.offsets is None else batch.targets.offsets
    return [
        (
            rows[offsets[i] : offsets[i + 1]].tolist(),
            np.round(weights[offsets[i] : offsets[i + 1]], 4).tolist(),
            batch.targets.ids[ends[i] : ends[i + 1]].tolist(),
        )
        for i in range(len(examples))
    ]


DATA = Interactions([0, 4, 4, 5, 7], [3, 1, 2, 3, 0, 2, 2], num_items=4)


def test_a_user_with_a_row_has_all_items_as_targets() -> None:
    assert bags_of(DATA, Retriever(4)) == [([0], [1], [3, 1, 2, 3]), ([2], [1], [0]), ([3], [1], [2, 2])]


def test_a_history_finds_the_item_that_follows_and_never_holds_it() -> None:
    expected = [([3], [1], [1]), ([3, 1], [0.5, 0.5], [2]), ([1, 2], [0.5, 0.5], [3]), ([2], [1], [2])]
    assert bags_of(DATA, Retriever(4, user="history", history_length=2)) == expected
    last = [(rows[-1:], [1], found) for rows, _, found in expected]
    assert bags_of(DATA, Retriever(4, user="history", pooling="last")) == last


def test_weights_of_an_exponential_mean_fall_with_age() -> None:
    rows, weights, found = bags_of(DATA, Retriever(4, user="history", pooling="exp", decay=0.5))[2]
    assert (rows, found) == ([3, 1, 2], [3])
    assert weights == pytest.approx([1 / 7, 2 / 7, 4 / 7], abs=1e-4)


def test_both_is_the_row_of_the_user_and_the_history_whose_rows_follow() -> None:
    found = bags_of(DATA, Retriever(4, user="both"))
    assert found[0] == ([0], [1], [3])  # nothing before it
    assert found[2] == ([0, 4 + 3, 4 + 1], [1, 0.5, 0.5], [2])
    assert len(found) == len(DATA)


def test_with_all_targets_a_history_is_other_items_of_the_user() -> None:
    data = Interactions([0, 5, 6], [0, 1, 2, 3, 4, 5])
    found = bags_of(data, Retriever(4, user="history", targets="all", history_length=3), NegativeSampling(2))
    assert [example[2] for example in found] == [[0], [1], [2], [3], [4]]
    for rows, _, target in found:
        assert len(set(rows)) == 3
        assert set(rows) <= set(range(5)) - set(target)


def test_with_all_targets_at_once_the_items_of_a_user_are_parted() -> None:
    data = Interactions([0, 5, 6, 9], [0, 1, 2, 3, 4, 5, 6, 7, 7], weights=[1, 2, 3, 4, 5, 6, 7, 8, 9])
    for user, kept in (("history", [[0, 1, 2, 3, 4], [6, 7, 7]]), ("both", [[0, 1, 2, 3, 4], [5], [6, 7, 7]])):
        found = bags_of(data, Retriever(4, user=user, targets="all"))
        parts = [[row - 3 * (user == "both") for row in rows[user == "both" :]] for rows, _, _ in found]
        assert [sorted(part + targets) for part, (_, _, targets) in zip(parts, found, strict=True)] == kept
        assert [len(part) for part in parts] == [len(items) // 2 for items in kept]


# ---- gradients -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss",
    [
        Softmax(),
        Softmax(multi_label="independent"),
        OneVsAll(),
        SampledSoftmax(12, UniformSampler(60)),
        SampledSoftmax(12, UniformSampler(60), multi_label="independent", label_smoothing=0.1),
        NegativeSampling(12, sampler=UniformSampler(60)),
    ],
    ids=repr,
)
def test_any_number_of_targets_gives_the_gradient_of_their_loss(loss: object) -> None:
    random = np.random.default_rng(5)
    targets = [[3], [], [7, 7, 9], random.integers(60, size=40).tolist()]
    hidden, rows = (random.normal(size=(n, 8)).astype(np.float32) for n in (4, 60))
    draws = reference_losses.draw(loss, [0], seed=2)
    flat = Targets(np.concatenate(targets).astype(np.int64), np.cumsum([0, *map(len, targets)]))
    model = loss._model(rows, None)
    found = layer_gradients(model, hidden, loss._candidates(flat, 60, 2), None, 2)
    scores = reference_losses.output_scores(loss, hidden, rows)
    by_scores = np.zeros_like(scores)
    for b in (0, 2, 3):
        value, by_scores[b] = reference_losses.loss_of_scores(loss, scores[b], targets[b], draws)
        assert found.loss[b] == pytest.approx(value, rel=1e-5)
    chosen = [0, 2, 3]
    assert_close(found.hidden_gradient[chosen], (by_scores @ rows)[chosen], "hidden vectors")


@pytest.mark.parametrize(
    "loss",
    [
        SampledSoftmax(1, UniformSampler(9), shared=False, correction=0.0),
        SampledSoftmax(6, UnigramSampler(np.arange(1, 10)), unique=False, shared=False),
        SampledSoftmax(6, UnigramSampler(np.arange(1, 10)), unique=False, shared=False, remove_accidental_hits=False),
        SampledSoftmax(6, UniformSampler(9), unique=False, shared=False, correction=0.5, label_smoothing=0.1),
    ],
    ids=["bpr", "corrected", "hits", "smoothed"],
)
def test_draws_that_are_not_shared_give_the_loss_of_the_reference(loss: SampledSoftmax) -> None:
    random = np.random.default_rng(8)
    hidden, rows = (random.normal(size=(n, 6)).astype(np.float32) for n in (20, 9))
    targets = random.integers(9, size=20)
    found = loss.gradients(hidden, targets, rows, seed=3, threads=1)
    expected = reference_losses.output_gradients(loss, hidden, targets, rows, seed=3)
    assert_close(found.loss, expected.loss, "loss")
    assert_close(found.hidden_gradient, expected.hidden, "hidden vectors")
    assert_close(found.row_gradient, expected.weights[found.rows], "rows")


def test_one_draw_that_is_not_shared_and_not_corrected_is_bpr() -> None:
    loss = SampledSoftmax(1, UnigramSampler([1, 3]), shared=False, correction=0.0, remove_accidental_hits=False)
    hidden, rows = np.array([[1.0], [1.0]], np.float32), np.array([[0.3], [-0.5]], np.float32)
    found = loss.gradients(hidden, [0, 0], rows, seed=1).loss
    pairs = [np.log1p(np.exp(-(0.3 - other))) for other in (0.3, -0.5)]
    assert all(np.isclose(value, pairs).any() for value in found)


def test_draws_of_their_own_refuse_what_they_cannot_do() -> None:
    with pytest.raises(ValueError, match="unique must be False with several draws that are not shared"):
        SampledSoftmax(2, shared=False)
    with pytest.raises(ValueError, match='correction must be 1 with positive="importance", got 0'):
        SampledSoftmax(2, positive="importance", correction=0.0)
    with pytest.raises(ValueError, match="correction must be at most 1, got 2"):
        SampledSoftmax(2, correction=2.0)
    with pytest.raises(ValueError, match="shared must be True for all targets of a batch"):
        SampledSoftmax(None, InBatchSampler(4), unique=False, shared=False)
    with pytest.raises(ValueError, match="an example must have one target with shared=False"):
        SampledSoftmax(1, UniformSampler(3), shared=False).gradients(
            np.ones((1, 2), np.float32), [[0, 1]], np.ones((3, 2), np.float32)
        )


def test_weights_of_targets_are_their_shares_of_the_labels() -> None:
    random = np.random.default_rng(6)
    hidden, rows = (random.normal(size=(n, 8)).astype(np.float32) for n in (1, 20))
    once = Targets(np.array([4, 5, 4]), np.array([0, 3]))
    twice = Targets(np.array([4, 5]), np.array([0, 2]), np.array([1.0, 0.5], np.float32))
    both = [
        layer_gradients(Softmax()._model(rows, None), hidden, Softmax()._candidates(t, 20, 1), None, 1)
        for t in (once, twice)
    ]
    assert both[0].loss == pytest.approx(both[1].loss)
    np.testing.assert_allclose(both[0].row_gradient, both[1].row_gradient, atol=1e-6)


def test_a_bag_that_holds_a_row_twice_sends_both_parts_back() -> None:
    table = np.zeros((5, 3), np.float32)
    encoder = BagEncoder(table, SGD(learning_rate=1.0))
    bags = Bags(np.array([0, 3, 3, 4]), np.array([2, 0, 2, 4]), np.array([1, 0.5, 2, 1], np.float32))
    gradient = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    encoder.step(bags, gradient, 1.0, 1)
    np.testing.assert_array_equal(table, [[-0.5, 0, 0], [0, 0, 0], [-3, 0, 0], [0, 0, 0], [0, 0, -1]])
    np.testing.assert_array_equal(encoder.encode(bags, 1), [[-9.25, 0, 0], [0, 0, 0], [0, 0, -1]])


# ---- training ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_every_loss_finds_the_groups_that_users_belong_to(loss: object) -> None:
    retriever = Retriever(4, temperature=0.3, batch_size=64)
    model = Trainer(retriever, loss, Adam(learning_rate=0.05), threads=1).fit(planted(), epochs=40, progress=False)
    assert finds_groups(model) > (0.75 if loss._link.name == "softmax" else 0.35)  # by chance 3 / 33


@pytest.mark.parametrize(
    "retriever",
    [
        Retriever(8, user="history", batch_size=64),
        Retriever(8, user="history", pooling="exp", targets="all", batch_size=64),
        Retriever(4, user="both", pooling="last", temperature=0.3, batch_size=64),
        Retriever(8, normalize=False, temperature=1.0, batch_size=32),
    ],
    ids=["history", "all", "both", "products"],
)
def test_every_tower_finds_the_groups(retriever: Retriever) -> None:
    model = Trainer(retriever, optimizer=Adam(learning_rate=0.05)).fit(planted(), epochs=30, progress=False)
    assert finds_groups(model) > 0.75
    if retriever.has_histories:
        fresh = model.recommend(histories=[[1, 5, 9], [2, 6, 10]], k=3).items
        assert (fresh % GROUPS == [[1], [2]]).all()


def test_one_thread_is_the_same_to_the_bit_and_another_seed_is_not() -> None:
    def table(seed: int) -> np.ndarray:
        trainer = Trainer(Retriever(8, user="both", targets="all"), SampledSoftmax(9), threads=1, seed=seed)
        return trainer.fit(planted(), epochs=2, progress=False).item_vectors

    np.testing.assert_array_equal(table(1), table(1))
    assert not np.array_equal(table(1), table(2))


def test_a_second_fit_goes_on_and_other_interactions_are_refused() -> None:
    trainer = Trainer(Retriever(4), threads=1)
    trainer.fit(planted(), epochs=1, progress=False)
    before = trainer.input_table.copy()
    trainer.fit(planted(), epochs=2, progress=False)
    assert [report.epoch for report in trainer.history] == [1, 2, 3]
    assert not np.array_equal(before, trainer.input_table)
    assert sorted(trainer.optimizer_state)[:2] == ["input_first_moment", "input_second_moment"]
    with pytest.raises(
        ValueError, match="as many users and items as those trained on before, 120 and 40, got 10 and 40"
    ):
        trainer.fit(planted(10), progress=False)


def test_a_validation_keeps_the_best_epoch_and_ends_when_nothing_gets_better() -> None:
    train, test = planted().split_last()
    trainer = Trainer(Retriever(8, batch_size=32), optimizer=Adam(learning_rate=0.05), threads=1)
    model = trainer.fit(train, epochs=200, progress=False, validation=test, metric="recall@5", patience=3)
    values = [report.validation for report in trainer.history]
    assert len(values) < 200
    assert ranking(model, train, test, metrics=["recall@5"])["recall@5"] == max(values)
    assert values.index(max(values)) == len(values) - 4


def test_a_callback_stops_a_run_within_an_epoch() -> None:
    trainer = Trainer(Retriever(4), threads=1)
    trainer.fit(planted(), epochs=50, callbacks=[lambda progress: progress.stop()], progress=False)
    assert len(trainer.history) == 1


def test_ctrl_c_leaves_tables_that_can_be_trained_on() -> None:
    data, trainer = planted(2000), Trainer(Retriever(16, batch_size=8), threads=2)
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(data, epochs=100_000, progress=False)
    assert np.isfinite(trainer.input_table).all()
    trainer.fit(data, epochs=1, progress=False)


def test_users_and_items_without_interactions_do_no_harm() -> None:
    data = Interactions([0, 0, 2, 2], [0, 3], num_items=6)
    model = Trainer(Retriever(4), threads=1).fit(data, epochs=3, progress=False)
    np.testing.assert_array_equal(model.user_vectors[[0, 2]], 0)
    assert sorted(model.recommend([1], k=4).items[0].tolist()) == [1, 2, 4, 5]
    assert model.recommend([0], k=2).items.tolist() == [[0, 1]]


def test_a_run_that_diverges_says_so_and_names_the_learning_rate() -> None:
    trainer = Trainer(Retriever(4, normalize=False, temperature=1e-3), optimizer=SGD(learning_rate=1e20), threads=1)
    with pytest.raises(
        RuntimeError, match=r"must stay finite, got a value that is not in epoch \d+ at a learning rate"
    ):
        trainer.fit(planted(), epochs=20, progress=False)


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(TypeError, match="must have a row for each item, got HierarchicalSoftmax"):
        Trainer(Retriever(4), HierarchicalSoftmax())
    with pytest.raises(ValueError, match="temperature and normalize must be given to the Retriever"):
        Trainer(Retriever(4), Softmax(temperature=0.5))
    with pytest.raises(ValueError, match="learning_rate must be given to the optimizer of a Retriever"):
        Trainer(Retriever(4), optimizer=SGD())
    with pytest.raises(ValueError, match="as many ids as there are items, 40, got 7"):
        Trainer(Retriever(4), SampledSoftmax(3, UniformSampler(7))).fit(planted(), progress=False)
    with pytest.raises(ValueError, match="must hold something to train on, got no user with enough items"):
        Trainer(Retriever(4, user="history")).fit(Interactions([0, 1, 2], [0, 1]), progress=False)
    with pytest.raises(ValueError, match="validation must have items, got none"):
        Trainer(Retriever(4)).fit(planted(), validation=Interactions([0], []), progress=False)
    with pytest.raises(TypeError, match="must be trained on Interactions, got list"):
        Trainer(Retriever(4)).fit([[1]], progress=False)  # type: ignore[call-overload]
    with pytest.raises(RuntimeError, match="a Retriever must be trained by fit"):
        Trainer(Retriever(4)).initialize(input_rows=3, output_rows=3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dim", 0),
        ("user", "row"),
        ("history_length", 0),
        ("pooling", "max"),
        ("decay", 1.0),
        ("targets", "some"),
        ("normalize", 1),
        ("temperature", 0),
        ("batch_size", 0),
    ],
)
def test_parameters_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises((TypeError, ValueError), match=name):
        Retriever(**{name: value})


# ---- results -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["id", "history", "both"])
def test_a_file_gives_the_same_recommendations_back(tmp_path: Path, user: str) -> None:
    data = Interactions.from_pairs([0, 0, 1, 2], [0, 1, 1, 2], user_ids=["a", "b", "é"], item_ids=[7, 8, 9])
    model = Trainer(Retriever(4, user=user, targets="all"), threads=1).fit(data, epochs=1, progress=False)
    model.save(tmp_path / "model.safetensors")
    loaded = Recommender.load(tmp_path / "model.safetensors")
    np.testing.assert_allclose(loaded.item_vectors, model.item_vectors, atol=1e-6)
    np.testing.assert_array_equal(loaded.recommend(k=2).items, model.recommend(k=2).items)
    assert loaded.retriever == model.retriever
    assert loaded.seen.user_ids.tolist() == ["a", "b", "é"]
    (tmp_path / "short").write_bytes((tmp_path / "model.safetensors").read_bytes()[:-9])
    with pytest.raises(ValueError, match="must be a whole"):
        Recommender.load(tmp_path / "short")


def test_recommendations_are_the_best_that_were_not_seen() -> None:
    data = planted()
    model = Trainer(Retriever(8), threads=1).fit(data, epochs=2, progress=False)
    found = model.recommend([5, 0, 5], k=40)
    scores = model.scores([5, 0])
    for row, user in enumerate([5, 0]):
        left = np.setdiff1d(np.arange(40), data.items_of(user))
        expected = left[np.argsort(-scores[row, left], kind="stable")]
        assert found.items[row, :33].tolist() == expected.tolist()
        np.testing.assert_allclose(found.scores[row, :33], scores[row, expected], atol=1e-6)
    assert (found.items[:, 33:] == -1).all()
    assert np.isneginf(found.scores[:, 33:]).all()
    assert set(model.recommend([5], k=40, exclude_seen=False).items[0].tolist()) == set(range(40))
    other = Interactions([0] * 6 + [2], [1, 2], num_items=90)
    assert not {1, 2} & set(model.recommend([5], k=38, exclude_seen=other).items[0].tolist())


def test_what_cannot_be_recommended_is_refused() -> None:
    model = Trainer(Retriever(4), threads=1).fit(planted(), epochs=1, progress=False)
    with pytest.raises(ValueError, match="k must be at most 40, got 41"):
        model.recommend(k=41)
    with pytest.raises(IndexError, match="users must be at least 0 and below 120, got 120"):
        model.recommend([120])
    with pytest.raises(ValueError, match="histories need a retriever"):
        model.recommend(histories=[[1]])
    with pytest.raises(TypeError, match="exclude_seen must be True, False or Interactions, got 3"):
        model.recommend([1], exclude_seen=3)  # type: ignore[arg-type]
    tower = Trainer(Retriever(4, user="history"), threads=1).fit(planted(), epochs=1, progress=False)
    with pytest.raises(IndexError, match="histories must be at least 0 and below 40, got 40"):
        tower.recommend(histories=[[40]])
    with pytest.raises(ValueError, match="users must be left out where histories are given"):
        tower.recommend([1], histories=[[4]])


# ---- what the correction is for ------------------------------------------------------------------------------------


def test_in_batch_softmax_takes_popularity_for_dislike_without_the_correction_alone() -> None:
    users, items, taken = 1000, 150, 4
    random = np.random.default_rng(1)
    popularity = -np.log(np.arange(1, items + 1))
    planted = popularity + random.normal(size=(users, 3)) @ random.normal(size=(3, items)) / 2
    drawn = np.argsort(-(planted + random.gumbel(size=planted.shape)), axis=1)[:, :taken]
    data = Interactions(np.arange(users + 1) * taken, drawn.ravel(), num_items=items)
    agreement, by_popularity = {}, {}
    for correction in (0.0, 1.0):
        loss = SampledSoftmax(None, InBatchSampler(items, rate=0.05), unique=False, correction=correction)
        retriever = Retriever(6, normalize=False, temperature=1.0, batch_size=125)
        trainer = Trainer(retriever, loss, Adam(learning_rate=0.03), threads=1)
        scores = trainer.fit(data, epochs=40, progress=False).scores()
        agreement[correction] = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(scores, planted, strict=True)])
        by_popularity[correction] = np.corrcoef(scores.mean(axis=0), popularity)[0, 1]
    assert by_popularity[1.0] > 0.7
    assert by_popularity[0.0] < 0.3
    assert agreement[1.0] > agreement[0.0] + 0.2
