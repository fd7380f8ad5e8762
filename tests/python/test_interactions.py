"""Interactions: how they are made, read, split and joined, and what they refuse."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import SimpleNamespace

import hogvec
import numpy as np
import pytest
from hogvec import Interactions


def lists(data: Interactions) -> list[list[int]]:
    return [data.items_of(user).tolist() for user in range(data.num_users)]


def test_pairs_in_any_order_become_lists_in_the_order_of_the_pairs() -> None:
    data = Interactions.from_pairs([2, 0, 2, 0], [1, 3, 0, 3], num_users=4, num_items=6)
    assert lists(data) == [[3, 3], [], [1, 0], []]
    assert data.counts.tolist() == [1, 1, 0, 2, 0, 0]
    assert data.users.tolist() == [0, 0, 2, 2]


def test_times_sort_the_items_of_a_user_and_equal_ones_stay_as_they_are() -> None:
    data = Interactions([0, 4], [5, 6, 7, 8], times=[3, 1, 3, 2], weights=[1, 2, 3, 4])
    assert data.items.tolist() == [6, 8, 5, 7]
    assert data.weights.tolist() == [2, 4, 1, 3]
    assert data.times.tolist() == [1, 2, 3, 3]


def test_a_sparse_matrix_has_weights_unless_all_are_one() -> None:
    matrix = SimpleNamespace(indptr=np.array([0, 2, 2, 3]), indices=np.array([1, 4, 0]), data=np.ones(3), shape=(3, 5))
    assert lists(Interactions.from_csr(matrix)) == [[1, 4], [], [0]]
    assert Interactions.from_csr(matrix).weights is None
    matrix.data = np.array([1.0, 2.0, 0.5])
    assert Interactions.from_csr(matrix).weights.tolist() == [1, 2, 0.5]
    with pytest.raises(TypeError, match="compressed rows with indptr, got list"):
        Interactions.from_csr([[1]])  # type: ignore[arg-type]


def test_files_of_lists_keep_users_without_items_and_give_rows_in_the_order_of_ids(tmp_path: Path) -> None:
    path = tmp_path / "train.txt.gz"
    path.write_bytes(gzip.compress(b"7 30 10\r\n\n3\n90000000000 10 20 10\n"))
    data = Interactions.from_file(path)
    assert data.user_ids.tolist() == [3, 7, 90000000000]
    assert data.item_ids.tolist() == [10, 20, 30]
    assert lists(data) == [[], [2, 0], [0, 1, 0]]


def test_a_second_file_has_the_rows_of_the_first_and_new_ones_behind_them(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("user,item\nanna,tea\nbert,milk\nanna,milk\n")
    (tmp_path / "test.csv").write_text('bert,tea\ncarl,"a, b"\n')
    train = Interactions.from_file(tmp_path / "train.csv", header=True)
    test = Interactions.from_file(tmp_path / "test.csv", like=train)
    assert train.user_ids.tolist() == ["anna", "bert"]
    assert lists(train) == [[1, 0], [0]]
    assert test.user_ids.tolist() == ["anna", "bert", "carl"]
    assert test.item_ids.tolist() == ["milk", "tea", "a, b"]
    assert lists(test) == [[], [1], [2]]


def test_columns_may_have_weights_and_times(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1,5,0.5,20\n1,6,2,10\n")
    data = Interactions.from_file(tmp_path / "data.csv")
    assert data.item_ids[data.items].tolist() == [6, 5]
    assert data.weights.tolist() == [2, 0.5]
    assert data.times.tolist() == [10, 20]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "1 2\n3 x\n", "line 2 must hold numbers alone, got 'x'"),
        ("a.txt", "1 -2\n", "line 1 must hold numbers alone, got '-'"),
        ("a.csv", "1\n2\n", "must have 2 to 4 columns, got 1"),
        ("a.csv", "1,2\n1,2,3\n", "number of columns changed"),
        ("a.csv", "1,2,many\n", "every weight must be a number"),
        ("a.csv", "1,2,nan\n", "weights must be finite and above 0, got nan"),
        ("a.csv", "1,2,0\n", "weights must be finite and above 0, got 0.0"),
        ("a.csv", "1,2,-1\n", "weights must be finite and above 0, got -1.0"),
        ("a.csv", "", "must hold interactions, got none"),
    ],
)
@pytest.mark.filterwarnings("ignore:loadtxt")
def test_files_of_another_form_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        Interactions.from_file(tmp_path / name)


def test_the_last_item_of_every_user_who_has_two_is_left_out() -> None:
    train, test = Interactions([0, 3, 3, 4], [2, 0, 1, 1]).split_last()
    assert lists(train) == [[2, 0], [], [1]]
    assert lists(test) == [[1], [], []]
    assert train.num_items == test.num_items == 3


def test_a_time_cuts_what_happened_in_two() -> None:
    train, test = Interactions([0, 2, 4], [0, 1, 2, 3], times=[5, 9, 8, 1]).split_time(8)
    assert lists(train) == [[0], [3]]
    assert lists(test) == [[1], [2]]
    with pytest.raises(ValueError, match="times must be given"):
        Interactions([0, 1], [0]).split_time(3)


def test_a_random_part_of_every_user_is_drawn_and_joining_gives_all_back() -> None:
    data = Interactions([0, 10, 30, 31], np.arange(31))
    train, test = data.split_random(0.2, seed=3)
    assert np.diff(test.offsets).tolist() == [2, 4, 0]
    assert sorted(train.join(test).items.tolist()) == list(range(31))
    assert test.items.tolist() == data.split_random(0.2, seed=3).test.items.tolist()
    assert test.items.tolist() != data.split_random(0.2, seed=4).test.items.tolist()


def test_joining_takes_the_larger_numbers_of_users_and_items() -> None:
    joined = Interactions([0, 1], [0], num_items=9).join(Interactions([0, 1, 2], [1, 2]))
    assert (joined.num_users, joined.num_items, lists(joined)) == (2, 9, [[0, 1], [2]])
    with pytest.raises(ValueError, match="weights must be there in both or in none"):
        Interactions([0, 1], [0]).join(Interactions([0, 1], [0], weights=[1]))


def test_nothing_of_them_can_be_written_to() -> None:
    data = Interactions([0, 1], [0], weights=[2], times=[3], user_ids=["a"], item_ids=[4])
    for name in ("offsets", "items", "weights", "times", "counts", "user_ids", "item_ids"):
        assert not getattr(data, name).flags.writeable, name


@pytest.mark.parametrize(
    ("error", "message", "make"),
    [
        (IndexError, "items must be below num_items, 2, got 2", lambda: Interactions([0, 1], [2], num_items=2)),
        (ValueError, "items must not be negative, got -1", lambda: Interactions([0, 1], [-1])),
        (TypeError, "items must be integers, got dtype float64", lambda: Interactions([0, 1], [0.5])),
        (ValueError, "offsets must end at the number of items, 1, got 2", lambda: Interactions([0, 2], [0])),
        (ValueError, "offsets must start at 0 and never fall", lambda: Interactions([0, 2, 1, 2], [0, 0])),
        (ValueError, "offsets must have at least one entry", lambda: Interactions([], [])),
        (
            ValueError,
            "weights must be finite and above 0, got nan",
            lambda: Interactions([0, 1], [0], weights=[np.nan]),
        ),
        (ValueError, "weights must have an entry for each item, 1", lambda: Interactions([0, 1], [0], weights=[1, 1])),
        (TypeError, "times must be integers, got dtype float64", lambda: Interactions([0, 1], [0], times=[0.5])),
        (
            ValueError,
            "users must have an entry for each of items, 1, got 2",
            lambda: Interactions.from_pairs([0, 1], [0]),
        ),
        (IndexError, "users must be below num_users, 3, got 3", lambda: Interactions.from_pairs([3], [0], num_users=3)),
        (IndexError, "user must be at least 0 and below 1, got 1", lambda: Interactions([0, 1], [0]).items_of(1)),
        (ValueError, "fraction must be below 1, got 1", lambda: Interactions([0, 1], [0]).split_random(1)),
    ],
)
def test_what_cannot_be_is_refused(error: type[Exception], message: str, make: object) -> None:
    with pytest.raises(error, match=message):
        make()  # type: ignore[operator]


def test_they_are_exported() -> None:
    assert {"Interactions", "Retriever", "Recommender"} <= set(hogvec.__all__)
