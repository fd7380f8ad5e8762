"""`hogvec graph train`: files that are read, what is refused, and the vectors that come out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hogvec import KeyedVectors
from hogvec.cli import main
from hogvec.cli_graph import read_edges

CAPTURED = pytest.CaptureFixture[str]
SMALL = ["--dim", "8", "--walks", "5", "--length", "10", "--epochs", "3", "--threads", "1"]


def communities(folder: Path) -> Path:
    generator = np.random.default_rng(1)
    lines = ["# two communities"]
    for kind in ("a", "b"):
        lines += [f"{kind}{u}\t{kind}{v}" for u, v in generator.integers(12, size=(80, 2))]
    path = folder / "edges.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_nodes_of_a_community_are_near(tmp_path: Path, capsys: CAPTURED) -> None:
    output = tmp_path / "vectors.safetensors"
    assert main(["graph", "train", str(communities(tmp_path)), str(output), *SMALL, "--p", "2", "--epochs", "20"]) == 0
    printed = capsys.readouterr().out
    assert "24 nodes" in printed
    assert "120 of 10 nodes in an epoch" in printed
    vectors = KeyedVectors.load(output)
    assert {near.word[0] for near in vectors.most_similar("a3", topn=5)} == {"a"}


def test_a_list_of_edges_is_read_as_it_says(tmp_path: Path) -> None:
    path = tmp_path / "edges.txt"
    path.write_text("% a comment of any length is none\n2 1 0.5\n\n2 3 2\n# 9\n2 2 1e1\n")
    graph, names = read_edges(str(path), weighted=True)
    assert list(names) == ["2", "1", "3"]  # by how many edges they have
    assert names.counts.tolist() == [4, 1, 1]
    assert (graph.num_nodes, graph.num_edges, graph.is_weighted) == (3, 5, True)
    assert read_edges(str(path), weighted=True, directed=True)[0].num_edges == 3


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("1 2\n1 2 3\n", [], "a line must hold two nodes, got 3 words: '1 2 3'"),
        ("1 2\n", ["--weighted"], "a line must hold two nodes and a weight, got 2 words: '1 2'"),
        ("1 2 x\n", ["--weighted"], "a weight must be a number, got 'x'"),
        ("1 2 -1\n", ["--weighted"], "weights must be finite and not negative, got -1 for edge 0"),
        ("# 1\n", [], "there must be an edge, got none"),
        ("1 2\n", ["--p", "0"], "p must be at least 1e-06, got 0"),
    ],
)
def test_what_is_refused(text: str, options: list[str], message: str, tmp_path: Path, capsys: CAPTURED) -> None:
    path = tmp_path / "edges.txt"
    path.write_text(text)
    assert main(["graph", "train", str(path), str(tmp_path / "vectors.bin"), *SMALL, *options]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "vectors.bin").exists()


def test_sparse_matrices_are_read_by_their_ending(tmp_path: Path, capsys: CAPTURED) -> None:
    io, sparse = pytest.importorskip("scipy.io"), pytest.importorskip("scipy.sparse")
    matrix = sparse.csr_array(np.array([[0, 1.0, 1.0], [1.0, 0, 0], [1.0, 0, 0]]))
    sparse.save_npz(tmp_path / "graph.npz", matrix)
    io.savemat(tmp_path / "graph.mat", {"network": matrix, "group": np.eye(3)})
    tables = []
    for name in ("graph.npz", "graph.mat"):
        output = tmp_path / f"{name}.safetensors"
        assert main(["graph", "train", str(tmp_path / name), str(output), *SMALL, "--quiet"]) == 0
        tables.append(KeyedVectors.load(output).vectors)
    np.testing.assert_array_equal(*tables)
    capsys.readouterr()
    arguments = ["graph", "train", str(tmp_path / "graph.mat"), str(tmp_path / "vectors.bin"), *SMALL]
    assert main([*arguments, "--variable", "graph"]) == 1
    assert "the variable must be one of network, group, got 'graph'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*arguments, "--directed"])
    assert "--directed and --weighted are for lists of edges" in capsys.readouterr().err
