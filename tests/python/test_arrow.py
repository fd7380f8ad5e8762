"""Arrow data as a corpus: hand-made capsules of every kind, and pyarrow's own where it is installed."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arrow_capsules import Column, Exporter, lists, numbers, strings, table
from hogvec import Corpus, SkipGram, Trainer


def sequences(corpus: Corpus) -> list[list[int]]:
    return [part.tolist() for part in np.split(corpus.ids, corpus.offsets[1:-1])]


def words(corpus: Corpus) -> list[list[str]]:
    assert corpus.vocabulary is not None
    return [[corpus.vocabulary.word(i) for i in part] for part in sequences(corpus)]


def read(*batches: Column, as_stream: bool = True, **options: Any) -> Corpus:
    """Read, and check that everything made was released once."""
    exporter = Exporter(*batches, as_stream=as_stream)
    corpus = Corpus.from_arrow(exporter, **options)
    assert exporter.released == exporter.made
    return corpus


def refuse(exporter: Exporter, error: type[Exception], message: str, **options: Any) -> None:
    """Check the error, and that everything made is released once the error, whose frames hold the reader, is gone."""
    with pytest.raises(error, match=f"(?s)^{message}"):
        Corpus.from_arrow(exporter, **options)
    gc.collect()
    assert exporter.released == exporter.made


@pytest.mark.parametrize("format", ["c", "C", "s", "S", "i", "I", "l", "L"])
@pytest.mark.parametrize("list_format", ["+l", "+L"])
def test_lists_of_integers_are_sequences(format: str, list_format: str) -> None:
    column = lists([0, 2, 2, 5], numbers([3, 1, 4, 1, 5], format), list_format)
    for as_stream in (True, False):
        corpus = read(column, as_stream=as_stream)
        assert sequences(corpus) == [[3, 1], [], [4, 1, 5]]
        assert corpus.counts.tolist() == [0, 2, 0, 1, 1, 1]
        assert corpus.vocabulary is None
    assert read(column, num_ids=9).num_rows == 9


def test_slices_of_tables_lists_and_items_are_respected() -> None:
    """Row r of the table is list r + 1 of the column, whose items begin at 2."""
    items = numbers([90, 91, 0, 1, 2, 3, 4, 5, 6, 7], offset=2, length=8)
    column = lists([0, 1, 3, 4, 6, 8], items, offset=1, length=4, name="items")
    other = numbers([7] * 5, name="user")
    assert sequences(read(table(other, column, length=4), column="items")) == [[1, 2], [3], [4, 5], [6, 7]]
    assert sequences(read(table(other, column, offset=1, length=2), column="items")) == [[3], [4, 5]]


def test_nulls_are_left_out() -> None:
    items = numbers([0, 9, 2, 3, 9, 5], valid=[True, False, True, True, False, True])
    column = lists([0, 2, 4, 4, 6], items, valid=[True, False, True, True], name="items")
    assert sequences(read(column)) == [[0], [], [], [5]]
    rows = table(column, valid=[False, True, True, True])
    assert sequences(read(rows)) == [[], [], [], [5]]
    assert sequences(read(table(column, offset=2, length=2, valid=[True, True, False, True]))) == [[], [5]]
    assert sequences(read(numbers([1, 9, 0], valid=[True, False, True]))) == [[1, 0]]


def test_batches_follow_one_another_and_a_flat_column_is_one_sequence() -> None:
    first, second = lists([0, 2], numbers([0, 1])), lists([0, 1, 3], numbers([2, 1, 0]))
    assert sequences(read(first, second)) == [[0, 1], [2], [1, 0]]
    assert sequences(read(numbers([4, 2]), numbers([], length=0), numbers([0]))) == [[4, 2, 0]]
    long = np.arange(10_000)
    assert read(numbers(long[:9_000]), numbers(long[9_000:])).ids.tolist() == long.tolist()  # type: ignore[arg-type]
    wide = read(lists([0, 10_000], numbers(long, "i")))  # type: ignore[arg-type]
    assert wide.ids.tolist() == long.tolist()


def test_lists_of_a_fixed_size_and_dictionaries_are_read() -> None:
    pairs = Column("+w:2", length=2, offset=1, children=[numbers([8, 8, 0, 1, 1, 0])])
    assert sequences(read(pairs)) == [[0, 1], [1, 0]]
    dictionary = numbers([5, 0, 2], valid=[True, False, True])
    coded = numbers([0, 2, 1, 0], "C", dictionary=dictionary)
    assert sequences(read(lists([0, 3, 4], coded))) == [[5, 2], [5]]
    named = numbers([1, 0, 1], "c", dictionary=strings(["a", "b"]))
    assert words(read(lists([0, 2, 3], named), min_count=1)) == [["b", "a"], ["b"]]


def test_sparse_integers_are_numbered_by_falling_count() -> None:
    ids = [-(2**62), 2**62, 7, 2**62, 7, 2**62, -5]
    corpus = read(lists([0, 4, 4, 7], numbers(ids)), renumber=True)
    assert sequences(corpus) == [[2, 0, 1, 0], [], [1, 0, 3]]
    assert corpus.vocabulary is not None
    assert list(corpus.vocabulary) == [str(2**62), "7", str(-(2**62)), "-5"]
    assert corpus.counts.tolist() == [3, 2, 1, 1]
    vectors = Trainer(SkipGram(dim=4, subsample=0), threads=1).fit(corpus, epochs=1, progress=False)
    assert vectors["7"].shape == (4,)


def test_many_sparse_integers_keep_their_numbers() -> None:
    generator = np.random.default_rng(1)
    distinct = generator.integers(-(2**63), 2**63, 20_000)
    ids = distinct[generator.integers(20_000, size=100_000)]
    corpus = read(lists([0, 100_000], numbers(ids)), renumber=True)  # type: ignore[arg-type]
    assert corpus.vocabulary is not None
    back = np.array([int(word) for word in corpus.vocabulary])
    np.testing.assert_array_equal(back[corpus.ids], ids)
    assert (np.diff(corpus.counts) <= 0).all()


@pytest.mark.parametrize("format", ["u", "U"])
def test_lists_of_strings_are_words_and_strings_are_texts(format: str) -> None:
    items = strings(["to", "be", "or not", "été"], format)
    assert words(read(lists([0, 2, 4], items), min_count=1)) == [["to", "be"], ["or not", "été"]]
    texts = strings([" to  be ", "", "or\nnot to"], format, offset=1, length=2)
    assert words(read(texts, min_count=1)) == [["or", "not", "to"]]
    column = strings(["a a b", "a"], format, name="text")
    assert words(read(table(column), min_count=2)) == [["a", "a"], ["a"]]


def test_strings_may_be_views() -> None:
    long = "a word of more than twelve letters"
    views = np.zeros((3, 16), np.uint8)
    for row, text in enumerate(["short", "twelve_bytes"]):
        views[row, :4] = np.array([len(text)], "<i4").view(np.uint8)
        views[row, 4 : 4 + len(text)] = np.frombuffer(text.encode(), np.uint8)
    views[2] = np.concatenate(
        [
            np.array([len(long)], "<i4").view(np.uint8),
            np.frombuffer(long[:4].encode(), np.uint8),
            np.array([0, 3], "<i4").view(np.uint8),
        ]
    )
    letters = np.frombuffer(b"..." + long.encode(), np.uint8)
    items = Column("vu", [views, letters, np.array([len(letters)], "i8")], length=3)
    assert words(read(lists([0, 3], items), min_count=1)) == [["short", "twelve_bytes", long]]


@pytest.mark.parametrize(
    ("column", "options", "error", "message"),
    [
        (numbers([0, -1]), {}, IndexError, "ids must be at least 0 and below 2147483647, got -1"),
        (numbers([2**31 - 1]), {}, IndexError, "ids must be at least 0 and below 2147483647, got 2147483647"),
        (numbers([2**63], "L"), {"renumber": True}, IndexError, "ids must be below 2.63, got 9223372036854775808"),
        (numbers([3]), {"num_ids": 3}, IndexError, ".* must .* got 3"),
        (Column("g", [np.zeros(1)], length=1), {}, ValueError, "the column must hold integers, strings .* 'g'"),
        (lists([0, 1], lists([0, 1], numbers([1]))), {}, ValueError, r"the column must hold .* '\+l'"),
        (table(numbers([1], name="a")), {"column": "b"}, ValueError, "column must be one of the table, got 'b'"),
        (table(numbers([1]), numbers([1])), {}, ValueError, "column must be named for a table of 2 columns, got none"),
        (numbers([1]), {"column": "a"}, ValueError, "column must not be given for data that is no table, got 'a'"),
        (numbers([1]), {"column": 3}, TypeError, "column must be a str or None, got 3"),
        (numbers([1]), {"min_count": 1}, ValueError, "min_count, .* must not be given for a column of integers"),
        (numbers([1]), {"renumber": "yes"}, TypeError, "renumber must be True or False, got 'yes'"),
        (numbers([1]), {"renumber": True, "num_ids": 3}, ValueError, "num_ids must not be given with renumber=True"),
        (strings(["a"]), {"num_ids": 3}, ValueError, "renumber and num_ids must not be given for a column of strings"),
        (numbers([], length=0), {}, ValueError, "ids must hold at least one id, got none"),
        (
            lists([0, 3], numbers([1])),
            {},
            ValueError,
            "Arrow data must have lists within their items, got .* 0 to 3 of 1",
        ),
        (
            lists([2, 0], numbers([1, 1])),
            {},
            ValueError,
            "Arrow data must have lists within their items, got .* 2 to 0",
        ),
        (numbers([9], dictionary=numbers([1])), {}, ValueError, ".* indices within its dictionary of 1, got 9"),
        (table(numbers([1]), length=2), {}, ValueError, "Arrow data must have columns as long as its table, .*"),
        (numbers([1], length=-1), {}, ValueError, "Arrow data must have a length and an offset .* got -1 and 0"),
        (Column("l", [None], length=1), {}, ValueError, "Arrow data must have the buffers of its type, .*"),
        (strings([""]), {"min_count": 1}, ValueError, ".*"),
        (lists([0, 1], strings([""])), {"min_count": 1}, ValueError, ".*must not be empty.*"),
    ],
)
def test_what_is_refused_is_released_all_the_same(
    column: Column, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    refuse(Exporter(column), error, message, **options)


def test_an_error_of_the_stream_is_passed_on() -> None:
    exporter = Exporter(numbers([1]), error="the disk is gone")
    refuse(exporter, RuntimeError, "the stream of Arrow must be readable, got the disk is gone$")


def test_what_is_no_arrow_data_is_refused() -> None:
    with pytest.raises(TypeError, match="must have __arrow_c_stream__ or __arrow_c_array__, got list"):
        Corpus.from_arrow([[1, 2]])

    class Wrong:
        def __arrow_c_stream__(self) -> object:
            return 3

    with pytest.raises(TypeError, match="must come in a capsule named arrow_array_stream, got int"):
        Corpus.from_arrow(Wrong())
    exporter = Exporter(numbers([1]))
    capsule = exporter._stream()
    exporter.__dict__["__arrow_c_stream__"] = lambda: capsule
    Corpus.from_arrow(exporter)
    with pytest.raises(ValueError, match="the capsule arrow_array_stream must not be read twice"):
        Corpus.from_arrow(exporter)


def test_columns_of_pyarrow_are_read(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    ids = pa.array([[1, 2], None, [0, None, 2], []], pa.list_(pa.int64()))
    names = pa.array([["a", "b"], ["b"], None, ["a", None]], pa.large_list(pa.string()))
    data = pa.table({"ids": ids, "names": names, "texts": ["a b", None, "b", "a"]})
    assert sequences(Corpus.from_arrow(data, "ids")) == [[1, 2], [], [0, 2], []]
    assert sequences(Corpus.from_arrow(data.slice(1, 2), "ids")) == [[], [0, 2]]
    assert sequences(Corpus.from_arrow(ids[2:])) == [[0, 2], []]
    assert sequences(Corpus.from_arrow(pa.chunked_array([ids, ids[:1]]))) == [[1, 2], [], [0, 2], [], [1, 2]]
    assert words(Corpus.from_arrow(data, "names", min_count=1)) == [["a", "b"], ["b"], ["a"]]
    assert words(Corpus.from_arrow(data, "texts", min_count=1)) == [["a", "b"], ["b"], ["a"]]
    coded = pa.array(["x", "y", "x"]).dictionary_encode()
    assert words(Corpus.from_arrow(pa.table({"c": coded}), min_count=1)) == [["x"], ["y"], ["x"]]
    parquet.write_table(data, tmp_path / "data.parquet", row_group_size=3)
    assert sequences(Corpus.from_parquet(tmp_path / "data.parquet", "ids")) == [[1, 2], [], [0, 2], []]
    assert words(Corpus.from_parquet(tmp_path / "data.parquet", "names", min_count=1)) == [["a", "b"], ["b"], ["a"]]
    with pytest.raises(ValueError, match="column must be one of ids, names, texts, got 'none'"):
        Corpus.from_parquet(tmp_path / "data.parquet", "none")


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(
        ImportError, match=r"^reading Parquet needs the pyarrow package: pip install 'hogvec\[arrow\]'$"
    ):
        Corpus.from_parquet(tmp_path / "data.parquet", "ids")


def test_rows_of_a_sparse_matrix_are_sequences() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.csr_array(np.array([[1.0, 0, 2.0], [0, 0, 0], [0, 3.0, 0]]))
    corpus = Corpus.from_csr(matrix)
    assert sequences(corpus) == [[0, 2], [], [1]]
    matrix.data[0] = 0  # a zero that is stored
    assert sequences(Corpus.from_csr(matrix)) == [[2], [], [1]]
    assert matrix.nnz == 3
    with pytest.raises(TypeError, match=r"^matrix must be a SciPy sparse matrix, got ndarray$"):
        Corpus.from_csr(np.eye(2))
