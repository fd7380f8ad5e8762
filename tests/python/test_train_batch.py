"""The kernels against the reference: every instruction set, every tail of the dimension, every size of a group."""

from __future__ import annotations

from dataclasses import dataclass

import hogvec
import numpy as np
import pytest
from batches import Arrays, make_tables, random_batch
from hogvec import _core, reference
from hypothesis import given, settings
from hypothesis import strategies as st

DIMS = [1, 15, 16, 17, 31, 33, 64, 100, 128, 300]
MOST_HIDDEN, MOST_CANDIDATES = 25, 20
HIDDEN_OF_EVERY_DIM = [0, 1, 2, 3, 4, 5, 7, 8, 13, 25]  # and all up to 25 for two of them
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


@dataclass(frozen=True)
class Trained:
    loss: float
    input_table: np.ndarray
    output_table: np.ndarray


def train(case: Case, instruction_set: str = "") -> Trained:
    """Run a kernel, by default the one in use, on copies of a case's tables."""
    tables = _core.Tables(len(case.input_table), len(case.output_table), case.input_table.shape[1], seed=1)
    tables.input[:] = case.input_table
    tables.output[:] = case.output_table
    arrays = hogvec.Batch(**vars(case.batch))._arrays()
    loss = tables.train_batch(**arrays, learning_rate=case.learning_rate, instruction_set=instruction_set)
    return Trained(loss, tables.input, tables.output)


def train_reference(case: Case) -> Trained:
    tables = case.input_table.astype(np.float64), case.output_table.astype(np.float64)
    return Trained(reference.train_batch(case.batch, *tables, case.learning_rate), *tables)


def check(case: Case, trained: Trained, expected: Trained) -> None:
    about = f"dim {case.input_table.shape[1]}, {case.batch}"
    for name in ("input_table", "output_table"):
        table = getattr(expected, name)
        tolerance = TOLERANCE * max(1.0, np.abs(table).max())
        np.testing.assert_allclose(getattr(trained, name), table, rtol=0, atol=tolerance, err_msg=f"{name}, {about}")
    assert trained.loss == pytest.approx(expected.loss, rel=TOLERANCE, abs=TOLERANCE)


def make_cases() -> list[Case]:
    """Dimensions x numbers of hidden vectors x numbers of candidates, in place and with all options in rotation."""
    cases = []
    for dim in DIMS:
        for hidden in range(MOST_HIDDEN + 1) if dim in (17, 100) else HIDDEN_OF_EVERY_DIM:
            sizes = {"hidden": [hidden] * (MOST_CANDIDATES + 1), "candidates": list(range(MOST_CANDIDATES + 1))}
            for distinct in (True, False):
                random = np.random.default_rng([dim, hidden, distinct])
                input_rows, output_rows = (MOST_HIDDEN, MOST_CANDIDATES) if distinct else (12, 12)
                options = {"distinct": True, "weights": hidden % 2 == 1}
                if not distinct:
                    options = {
                        "bags": hidden % 2 == 0,
                        "exact": hidden % 4 == 0,
                        "weights": hidden % 3 == 0,
                        "own": hidden % 5 < 2,
                        "regroup": hidden % 7 == 0,
                    }
                batch = random_batch(random, **sizes, input_rows=input_rows, output_rows=output_rows, **options)
                cases.append(
                    Case(batch, *(t.astype(np.float32) for t in make_tables(random, input_rows, output_rows, dim)))
                )
    return cases


@pytest.fixture(scope="module")
def expectations() -> list[tuple[Case, Trained]]:
    return [(case, train_reference(case)) for case in make_cases()]


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
    )
    tables = make_tables(random, input_rows, output_rows, draw(st.integers(1, 70)))
    return Case(batch, *(table.astype(np.float32) for table in tables))


@settings(max_examples=150)
@given(cases())
def test_any_batch_is_trained_as_by_the_reference(case: Case) -> None:
    check(case, train(case), train_reference(case))


@pytest.mark.parametrize("dim", [1, 17, 100])
@pytest.mark.parametrize("options", [{"distinct": True}, {"bags": True}, {"weights": True, "own": True}])
def test_the_kernels_step_is_minus_the_difference_quotient_of_its_own_loss(dim: int, options: dict[str, bool]) -> None:
    # Two-sided differences along random directions of length 1. The step 2^-5 balances the error of the quotient,
    # step^2 / 6 times a third derivative of order 1 (2e-4), and the rounding of float32 scores, 2^-24 * 25 scores of
    # order 1 / step (5e-5). Gradients along these directions are of order 1.
    random = np.random.default_rng(dim)
    batch = random_batch(random, hidden=[5], candidates=[5], input_rows=6, output_rows=6, **options)
    tables = [table.astype(np.float32) for table in make_tables(random, 6, 6, dim)]

    def loss_at(input_table: np.ndarray, output_table: np.ndarray) -> float:
        return train(Case(batch, input_table.astype(np.float32), output_table.astype(np.float32), 0.0)).loss

    trained = train(Case(batch, *tables, 1.0))  # the tables' rows are of order 1: the step is exact to some 2^-24
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
