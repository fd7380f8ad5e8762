"""The kernels against the reference: every instruction set, every tail of the dimension, every size of a group.

A little longer than others for the batches of users and what is refused of them, which the same cases test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import hogvec
import numpy as np
import pytest
from batches import Arrays, make_tables, random_batch
from hogvec import _core, reference
from hypothesis import given, settings
from hypothesis import strategies as st

DIMS = [1, 15, 16, 17, 31, 33, 64, 100, 128, 300]
MOST_HIDDEN, MOST_CANDIDATES = 25, 20
# Every size up to these for dim 17; around the kernels' tiles of 2, 4 and 6 and registers of 4, 8 and 16 for others.
SOME_HIDDEN = [0, 1, 2, 3, 4, 5, 8, 13, MOST_HIDDEN]
SOME_CANDIDATES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 17, MOST_CANDIDATES]
RATE = 2.0**-8

# Relative to the largest entry, of order 1 at first. A score is off by some 2^-24 per addition, and a row is rounded
# to 2^-24 of itself at each of the at most 25 steps of the at most 21 groups of a case: 1e-6 as a rule, and RATE is low
# enough that 25 x 20 equal pairs still settle and errors are not blown up. A step that is lost, doubled or taken from
# changed rows is of order RATE = 4e-3.
TOLERANCE = 2e-5


@dataclass(frozen=True)
class Case:
    batch: Arrays
    input_table: np.ndarray
    output_table: np.ndarray
    learning_rate: float = RATE
    link: Literal["logistic", "softmax"] = "logistic"
    score_scale: float = 1.0


@dataclass(frozen=True)
class Trained:
    loss: float
    input_table: np.ndarray
    output_table: np.ndarray


def train(case: Case, instruction_set: str = "") -> Trained:
    """Run a kernel, by default the one in use, on copies of a case's tables."""
    input_rows, dim = case.input_table.shape
    tables = _core.Tables(input_rows, len(case.output_table), dim, 1, _core.Optimizer("sgd"), 1.0)
    tables.input[:] = case.input_table
    tables.output[:] = case.output_table
    arrays = hogvec.Batch(**vars(case.batch))._arrays()
    loss = tables.train_batch(
        **arrays,
        link=case.link,
        score_scale=case.score_scale,
        learning_rate=case.learning_rate,
        instruction_set=instruction_set,
    )
    return Trained(loss, tables.input, tables.output)


def train_reference(case: Case) -> Trained:
    tables = case.input_table.astype(np.float64), case.output_table.astype(np.float64)
    scoring = {"link": case.link, "score_scale": case.score_scale}
    return Trained(reference.train_batch(case.batch, *tables, case.learning_rate, **scoring), *tables)


def check(case: Case, trained: Trained, expected: Trained) -> None:
    about = f"dim {case.input_table.shape[1]}, entries of groups {case.batch.group_offsets}"
    for name in ("input_table", "output_table"):
        table = getattr(expected, name)
        tolerance = TOLERANCE * max(1.0, np.abs(table).max())
        np.testing.assert_allclose(getattr(trained, name), table, rtol=0, atol=tolerance, err_msg=f"{name}, {about}")
    assert trained.loss == pytest.approx(expected.loss, rel=TOLERANCE, abs=TOLERANCE)


def make_cases(link: Literal["logistic", "softmax"]) -> list[Case]:
    """Dimensions x numbers of hidden vectors x numbers of candidates, in place and with all options in rotation."""
    scale = 0.75 if link == "softmax" else 1.0
    cases = []
    for dim in DIMS:
        every = dim == 17
        candidates = list(range(MOST_CANDIDATES + 1)) if every else SOME_CANDIDATES
        for hidden in range(MOST_HIDDEN + 1) if every else SOME_HIDDEN:
            sizes = {"hidden": [hidden] * len(candidates), "candidates": candidates}
            for distinct in (True, False):
                random = np.random.default_rng([dim, hidden, distinct])
                input_rows, output_rows = (MOST_HIDDEN, MOST_CANDIDATES) if distinct else (12, 12)
                options = {"distinct": True, "weights": hidden % 2 == 1, "hits": hidden % 3 == 2}
                if not distinct:
                    options = {
                        "bags": hidden % 2 == 0,
                        "exact": hidden % 4 == 0,
                        "weights": hidden % 3 == 0,
                        "own": hidden % 5 < 2,
                        "regroup": hidden % 7 == 0,
                        "hits": hidden % 2 == 1,
                    }
                batch = random_batch(random, **sizes, input_rows=input_rows, output_rows=output_rows, **options)
                tables = (t.astype(np.float32) for t in make_tables(random, input_rows, output_rows, dim))
                cases.append(Case(batch, *tables, link=link, score_scale=scale))
    return cases


@pytest.fixture(scope="module", params=["logistic", "softmax"])
def expectations(request: pytest.FixtureRequest) -> list[tuple[Case, Trained]]:
    return [(case, train_reference(case)) for case in make_cases(request.param)]


@pytest.mark.parametrize("instruction_set", hogvec.info()["available_instruction_sets"])
def test_the_kernel_of_every_instruction_set_is_the_reference(
    instruction_set: str, expectations: list[tuple[Case, Trained]]
) -> None:
    for case, expected in expectations:
        check(case, train(case, instruction_set), expected)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    groups = draw(st.integers(0, 5))
    input_rows, output_rows = draw(st.integers(1, 30)), draw(st.integers(1, 30))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    batch = random_batch(
        random,
        hidden=[draw(st.integers(0, 25)) for _ in range(groups)],
        candidates=[draw(st.integers(0, 20)) for _ in range(groups)],
        input_rows=input_rows,
        output_rows=output_rows,
        bags=draw(st.booleans()),
        exact=draw(st.booleans()),
        weights=draw(st.booleans()),
        own=draw(st.booleans()),
        regroup=draw(st.booleans()),
        hits=draw(st.booleans()),
    )
    tables = make_tables(random, input_rows, output_rows, draw(st.integers(1, 70)))
    link = draw(st.sampled_from(["logistic", "softmax"]))
    return Case(batch, *(table.astype(np.float32) for table in tables), link=link)


@settings(max_examples=150)
@given(cases())
def test_any_batch_is_trained_as_by_the_reference(case: Case) -> None:
    check(case, train(case), train_reference(case))


@pytest.mark.parametrize("dim", [1, 17, 100])
@pytest.mark.parametrize("options", [{"distinct": True}, {"bags": True}, {"weights": True, "own": True, "hits": True}])
@pytest.mark.parametrize("link", ["logistic", "softmax"])
def test_the_kernels_step_is_minus_the_difference_quotient_of_its_own_loss(
    link: Literal["logistic", "softmax"], dim: int, options: dict[str, bool]
) -> None:
    # Two-sided differences along random directions of length 1. The step 2^-5 balances the error of the quotient,
    # step^2 / 6 times a third derivative of order 1 (2e-4), and the rounding of float32 scores, 2^-24 * 25 scores of
    # order 1 / step (5e-5). Gradients along these directions are of order 1.
    random = np.random.default_rng(dim)
    batch = random_batch(random, hidden=[5], candidates=[5], input_rows=6, output_rows=6, **options)
    tables = [table.astype(np.float32) for table in make_tables(random, 6, 6, dim)]

    def loss_at(input_table: np.ndarray, output_table: np.ndarray) -> float:
        return train(Case(batch, input_table.astype(np.float32), output_table.astype(np.float32), 0.0, link, 0.5)).loss

    # The tables' rows are of order 1: the step is exact to some 2^-24.
    trained = train(Case(batch, *tables, 1.0, link, 0.5))
    step = 2.0**-5
    for table, change in ((0, trained.input_table - tables[0]), (1, trained.output_table - tables[1])):
        for _ in range(10):
            direction = random.normal(size=tables[table].shape)
            direction /= np.linalg.norm(direction)
            above, below = ([t + 0.0 for t in tables] for _ in range(2))
            above[table] = tables[table] + step * direction
            below[table] = tables[table] - step * direction
            quotient = (loss_at(*above) - loss_at(*below)) / (2 * step)
            assert float((change * direction).sum()) == pytest.approx(-quotient, abs=2e-3)


def test_a_learning_rate_of_zero_measures_and_changes_nothing() -> None:
    random = np.random.default_rng(1)
    batch = random_batch(random, hidden=[3, 2], candidates=[4, 8], input_rows=6, output_rows=6, own=True)
    case = Case(batch, *(table.astype(np.float32) for table in make_tables(random, 6, 6, 20)), learning_rate=0.0)
    trained = train(case)
    np.testing.assert_array_equal(trained.input_table, case.input_table)
    np.testing.assert_array_equal(trained.output_table, case.output_table)
    assert trained.loss == pytest.approx(train_reference(case).loss, rel=1e-6)


def test_scores_beyond_float32s_exponentials_train_and_measure_like_the_reference() -> None:
    # Scores of +-200 and +-2000: exp overflows at 88. Saturated and wrong, a pair still moves by the whole rate.
    hidden = np.array([[20.0], [-20.0], [200.0]], np.float32)
    rows = np.array([[10.0], [-10.0]], np.float32)
    for label in (0.0, 1.0):
        batch = Arrays(
            bag_rows=np.array([0, 1, 2]),
            group_offsets=np.array([0, 3]),
            shared_offsets=np.array([0, 2]),
            shared_rows=np.array([0, 1]),
            shared_labels=np.array([label, label]),
        )
        case = Case(batch, hidden, rows)
        trained, expected = train(case), train_reference(case)
        np.testing.assert_allclose(trained.input_table, expected.input_table, rtol=1e-6)
        np.testing.assert_allclose(trained.output_table, expected.output_table, rtol=1e-6)
        assert trained.loss == pytest.approx(expected.loss, rel=1e-6)


@pytest.mark.parametrize("instruction_set", hogvec.info()["available_instruction_sets"])
def test_a_softmax_of_scores_up_to_ten_thousand_is_exact(instruction_set: str) -> None:
    # Scores 1e4, -1e4, 1e4 - 1, 0 and for the other hidden vector their negatives, own candidates and a hit among them.
    hidden = np.array([[1.0], [-1.0]], np.float32)
    rows = np.array([[1e4], [-1e4], [9999.0], [0.0]], np.float32)
    for label_at in range(4):
        batch = Arrays(
            bag_rows=np.array([0, 1]),
            group_offsets=np.array([0, 2]),
            shared_offsets=np.array([0, 4]),
            shared_rows=np.arange(4),
            shared_labels=np.eye(4)[label_at],
            own_offsets=np.array([0, 1, 1]),
            own_rows=np.array([2]),
            own_labels=np.array([1.0]),
            hit_offsets=np.array([0, 0, 1]),
            hit_candidates=np.array([1]),
        )
        case = Case(batch, hidden, rows, 2.0**-10, "softmax")
        trained, expected = train(case, instruction_set), train_reference(case)
        np.testing.assert_allclose(trained.input_table, expected.input_table, rtol=2e-6, atol=1e-6)
        np.testing.assert_allclose(trained.output_table, expected.output_table, rtol=2e-6)
        assert trained.loss == pytest.approx(expected.loss, rel=1e-6)


@pytest.mark.parametrize("link", ["logistic", "softmax"])
def test_what_is_left_out_changes_nothing_at_all(link: Literal["logistic", "softmax"]) -> None:
    # Row 1 stands twice, and a hit on either leaves out both, label and all. Left alone, row 2 competes with nothing.
    batch = Arrays(
        bag_rows=np.array([0]),
        group_offsets=np.array([0, 1]),
        shared_offsets=np.array([0, 3]),
        shared_rows=np.array([1, 2, 1]),
        shared_labels=np.array([0.0, 1.0, 1.0]),
        hit_offsets=np.array([0, 1]),
        hit_candidates=np.array([0]),
    )
    tables = [table.astype(np.float32) for table in make_tables(np.random.default_rng(1), 1, 4, 20)]
    trained = train(Case(batch, *tables, 0.5, link))
    np.testing.assert_array_equal(trained.output_table[1], tables[1][1])
    score = float(tables[0][0].astype(float) @ tables[1][2])
    if link == "softmax":
        assert trained.loss == 0
        np.testing.assert_array_equal(trained.output_table, tables[1])
        np.testing.assert_array_equal(trained.input_table, tables[0])
    else:
        assert trained.loss == pytest.approx(np.log1p(np.exp(-score)), rel=1e-5)


def test_a_softmax_over_nothing_has_no_loss() -> None:
    batch = Arrays(
        bag_rows=np.array([0, 0, 0]),
        group_offsets=np.array([0, 1, 2, 3]),
        shared_offsets=np.array([0, 0, 2, 3]),
        shared_rows=np.array([1, 2, 1]),
        shared_labels=np.array([1.0, 1.0, 1.0]),
        shared_weights=np.array([0.0, 0.0, 1.0], np.float32),
        hit_offsets=np.array([0, 0, 0, 1]),
        hit_candidates=np.array([2]),
    )
    tables = [table.astype(np.float32) for table in make_tables(np.random.default_rng(1), 1, 4, 20)]
    trained = train(Case(batch, *tables, 0.5, "softmax"))
    assert trained.loss == 0
    np.testing.assert_array_equal(trained.output_table, tables[1])


def test_an_own_positive_against_all_rows_is_the_full_softmax() -> None:
    # A mini-batch as one group: every row is shared, the positive is each example's own and its shared copy a hit.
    random = np.random.default_rng(6)
    hidden, rows = random.normal(size=(5, 8)).astype(np.float32), random.normal(size=(7, 8)).astype(np.float32)
    targets = random.integers(7, size=5)
    trainer = hogvec.Trainer(hogvec.SkipGram(dim=8), hogvec.Softmax(temperature=0.5))
    trainer.initialize(input_rows=5, output_rows=7)
    trainer.input_table[:], trainer.output_table[:] = hidden, rows
    batch = hogvec.Batch(
        bag_rows=np.arange(5),
        group_offsets=[0, 5],
        shared_offsets=[0, 7],
        shared_rows=np.arange(7),
        shared_labels=np.zeros(7),
        own_offsets=np.arange(6),
        own_rows=targets,
        own_labels=np.ones(5),
        hit_offsets=np.arange(6),
        hit_candidates=targets,
    )
    loss = trainer.train_batch(batch, learning_rate=0.25)
    scores = hidden.astype(float) @ rows.T.astype(float) / 0.5
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert loss == pytest.approx(-np.log(shares[np.arange(5), targets]).sum(), rel=1e-6)
    coefficients = (np.eye(7)[targets] - shares) / 0.5
    np.testing.assert_allclose(trainer.input_table, hidden + 0.25 * coefficients @ rows, atol=3e-6)
    np.testing.assert_allclose(trainer.output_table, rows + 0.25 * coefficients.T @ hidden, atol=3e-6)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"bag_rows": [0, 6, 1]}, IndexError, "bag_rows must be below 6, got 6"),
        ({"shared_rows": [5, 0]}, IndexError, "shared_rows must be below 5, got 5"),
        ({"bag_rows": [0, -1, 1]}, IndexError, "bag_rows must be at least 0 and below 2^32, got -1"),
        ({"group_offsets": [0, 2]}, ValueError, "group_offsets must end at 3, got 2"),
        ({"group_offsets": [1, 3]}, ValueError, "group_offsets must start at 0, got 1"),
        ({"group_offsets": np.zeros(0, np.int64)}, ValueError, "group_offsets must hold at least one number, got none"),
        (
            {"group_offsets": [0, 4, 3], "shared_offsets": [0, 1, 2]},
            ValueError,
            "group_offsets must not fall, got 3 after",
        ),
        ({"shared_offsets": [0, 1, 2]}, ValueError, "shared_offsets must have length 2, got 3"),
        ({"shared_labels": [1.0]}, ValueError, "shared_labels must have length 2, got 1"),
        ({"shared_weights": [1.0]}, ValueError, "shared_weights must have length 2, got 1"),
        ({"weight": [1.0]}, ValueError, "weight must have length 3, got 1"),
        ({"bag_weights": [1.0, 2.0]}, ValueError, "bag_weights must have length 3, got 2"),
        ({"group_hidden": [0, 1, 3]}, IndexError, "group_hidden must be below 3, got 3"),
        ({"group_hidden": []}, ValueError, "group_hidden must not be empty, got no entry"),  # it is not the default
        ({"bag_offsets": np.zeros(0, np.int64)}, ValueError, "bag_offsets must not be empty"),
        ({"own_offsets": np.zeros(0, np.int64)}, ValueError, "own_offsets must not be empty"),
        ({"bag_weights": []}, ValueError, "bag_weights must not be empty"),
        ({"forward_scale": []}, ValueError, "forward_scale must not be empty"),
        ({"backward_scale": []}, ValueError, "backward_scale must not be empty"),
        ({"weight": []}, ValueError, "weight must not be empty"),
        ({"shared_weights": []}, ValueError, "shared_weights must not be empty"),
        ({"shared_weights": [1.0, -1.0]}, ValueError, "shared_weights must not be negative, got -1"),
        ({"bag_offsets": [0, 3, 2, 3]}, ValueError, "bag_offsets must not fall, got 2 after 3"),
        (
            {"own_offsets": [0, 1, 1, 1], "own_rows": [9], "own_labels": [1]},
            IndexError,
            "own_rows must be below 5, got 9",
        ),
        ({"hit_offsets": [0, 1, 1]}, ValueError, "hit_offsets must have length 4, got 3"),
        ({"hit_offsets": [0, 0, 1, 1]}, ValueError, "hit_offsets must end at 0, got 1"),
        ({"hit_offsets": []}, TypeError, "hit_offsets must be integers, got dtype float64"),
        ({"hit_offsets": np.zeros(0, np.int64)}, ValueError, "hit_offsets must not be empty"),
        ({"hit_candidates": [0]}, ValueError, "hit_candidates without hit_offsets must have length 0, got 1"),
        (
            {"hit_offsets": [0, 0, 1, 2], "hit_candidates": [0, 2]},
            IndexError,
            "hit_candidates must be shared candidates of a group that the hidden vector stands in, got 2 for hidden "
            "vector 2",
        ),
        (
            {"hit_offsets": [0, 1, 1, 1], "hit_candidates": [-1]},
            IndexError,
            "hit_candidates must be shared candidates of a group that the hidden vector stands in, got -1 for hidden "
            "vector 0",
        ),
        ({"shared_labels": [1.0, np.nan]}, ValueError, "shared_labels must be finite, got nan"),
        ({"shared_rows": [0.0, 1.0]}, TypeError, "shared_rows must be integers, got dtype float64"),
    ],
)
def test_batches_that_do_not_fit_are_refused_and_change_nothing(
    changes: dict[str, list[float]], error: type[Exception], message: str
) -> None:
    arrays = {
        "bag_rows": [0, 1, 2],
        "group_offsets": [0, 3],
        "shared_offsets": [0, 2],
        "shared_rows": [0, 1],
        "shared_labels": [1.0, 0.0],
    }
    trainer = hogvec.Trainer(hogvec.SkipGram(dim=8))
    trainer.initialize(input_rows=6, output_rows=5)
    trainer.output_table[:] = 1
    before = trainer.input_table.copy()
    with pytest.raises(error, match=re.escape(message)):
        trainer.train_batch(hogvec.Batch(**{**arrays, **changes}), learning_rate=1.0)
    np.testing.assert_array_equal(trainer.input_table, before)
    np.testing.assert_array_equal(trainer.output_table, 1)
    assert trainer.train_batch(hogvec.Batch(**arrays), learning_rate=1.0) > 0
    assert np.abs(trainer.input_table[:3] - before[:3]).max() > 0.1


def test_a_batch_of_nothing_is_trained_for_nothing() -> None:
    trainer = hogvec.Trainer(hogvec.SkipGram(dim=4))
    trainer.initialize(input_rows=6, output_rows=5)
    batch = hogvec.Batch(
        bag_rows=[], group_offsets=[0], group_hidden=[], shared_offsets=[0], shared_rows=[], shared_labels=[], weight=[]
    )
    assert trainer.train_batch(batch) == 0


def test_a_batch_keeps_copies_that_nobody_changes() -> None:
    rows = np.array([0, 1], dtype=np.uint32)
    batch = hogvec.Batch(bag_rows=rows, group_offsets=[0, 2], shared_offsets=[0, 1], shared_rows=[0], shared_labels=[1])
    rows[:] = 99
    assert batch.bag_rows.tolist() == [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        batch.bag_rows[0] = 99


@pytest.mark.parametrize("loss", [hogvec.NegativeSampling(), hogvec.Softmax()], ids=["logistic", "softmax"])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e38])
def test_a_batch_whose_loss_is_not_finite_says_so(wrong: float, loss: hogvec.Loss) -> None:
    trainer = hogvec.Trainer(hogvec.SkipGram(dim=4), loss)
    trainer.initialize(input_rows=6, output_rows=5)
    trainer.input_table[:] = wrong
    trainer.output_table[:] = 1e30
    batch = hogvec.Batch(bag_rows=[3], group_offsets=[0, 1], shared_offsets=[0, 1], shared_rows=[2], shared_labels=[0])
    with pytest.raises(RuntimeError, match=r"batch must be finite, got (nan|inf) at learning rate 0\.1"):
        trainer.train_batch(batch, learning_rate=0.1)
