"""The command `hogvec graph train`: vectors of nodes by random walks, from lists of edges and sparse matrices."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from hogvec._cli_tools import ArgumentError, add_command, check_at_least_one, check_outputs, given, print_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hogvec.graphs import Graph
    from hogvec.vocabulary import Vocabulary

__all__ = ["add_graph", "read_edges", "read_graph"]

_COMMENTS = ("#", "%")


def add_graph(commands: Any) -> None:
    """Declare the command and its one."""
    parser = commands.add_parser(
        "graph",
        help="train vectors of a graph's nodes",
        description="Train vectors of a graph's nodes.",
        epilog="example:  hogvec graph train edges.txt vectors.safetensors --p 0.25 --q 0.25",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_train(parser.add_subparsers(title="commands", metavar="COMMAND", required=True))


def _add_train(commands: Any) -> None:
    parser = add_command(
        commands,
        "train",
        _train,
        help="train on random walks: DeepWalk, or node2vec with --p and --q",
        example="hogvec graph train edges.txt vectors.safetensors --walks 80 --length 40",
        saves=True,
    )
    parser.add_argument(
        "input",
        metavar="INPUT",
        help="an edge on each line, two nodes between white space, .gz and .zst too; or a sparse matrix as .npz of "
        "SciPy or .mat of MATLAB, whose nodes are named by their numbers",
    )
    parser.add_argument("output", metavar="OUTPUT", help="where the vectors go; its ending chooses as for hogvec train")
    graph = parser.add_argument_group("graph")
    graph.add_argument("--directed", action="store_true", help="edges of a list go from the first node to the second")
    graph.add_argument("--weighted", action="store_true", help="lines have a weight after the two nodes")
    graph.add_argument("--variable", default="network", metavar="NAME", help="of a .mat file (default: network)")
    walks = parser.add_argument_group("walks")
    walks.add_argument("--walks", type=int, metavar="N", help="from every node in an epoch (default: 10)")
    walks.add_argument("--length", type=int, metavar="N", help="nodes of a walk (default: 80)")
    walks.add_argument("--p", type=float, metavar="X", help="a step back counts 1 / p (default: 1)")
    walks.add_argument("--q", type=float, metavar="X", help="a step away counts 1 / q (default: 1)")
    model = parser.add_argument_group("model")
    model.add_argument("--dim", type=int, default=128, metavar="N", help="length of a vector (default: 128)")
    model.add_argument("--window", type=int, default=10, metavar="N", help="nodes to each side (default: 10)")
    model.add_argument("--negatives", type=int, default=5, metavar="N", help="of negative sampling (default: 5)")
    model.add_argument("--epochs", type=int, default=5, metavar="N", help="each with walks of its own (default: 5)")
    model.add_argument("--learning-rate", type=float, default=0.025, metavar="X", help="the highest (default: 0.025)")
    model.add_argument("--threads", type=int, metavar="N", help="default: the cores that this process may use")
    model.add_argument("--seed", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument("--quiet", action="store_true", help="print nothing, show no bar")


def _train(options: argparse.Namespace) -> int:
    from hogvec import cli, graphs
    from hogvec.keyed_vectors import KeyedVectors
    from hogvec.losses import NegativeSampling
    from hogvec.models import SkipGram
    from hogvec.optimizers import SGD
    from hogvec.trainer import Trainer

    kind = cli._format(options.output)
    check_at_least_one("--epochs", options.epochs)
    cli._check_nothing_is_lost([options.output], [options.input], kind)
    check_outputs([options.output])
    trainer = Trainer(
        SkipGram(dim=options.dim, window=options.window, subsample=0),
        NegativeSampling(options.negatives),
        SGD(learning_rate=options.learning_rate),
        threads=options.threads,
        seed=options.seed,
    )
    start = time.perf_counter()
    graph, names = read_graph(
        options.input, directed=options.directed, weighted=options.weighted, variable=options.variable
    )
    read = time.perf_counter()
    settings = given(num_walks=options.walks, length=options.length, p=options.p, q=options.q, threads=options.threads)
    walks = graphs.walks(graph, seed=options.seed, **settings)
    vectors = trainer.fit(walks, epochs=options.epochs, progress=False if options.quiet else None)
    seconds = time.perf_counter() - read
    if names is not None:
        vectors = KeyedVectors(names, trainer.input_table)
    cli._save(vectors, options.output, kind)
    if not options.quiet:
        rate = len(walks) * options.epochs / seconds
        print_pairs(
            [
                ("graph", f"{graph.num_nodes:,} nodes, {graph.num_edges:,} edges in {read - start:.1f} s"),
                ("walks", f"{walks.num_sequences:,} of {walks.length} nodes in an epoch"),
                ("trained", f"in {seconds:.1f} s, {rate:,.0f} nodes/s"),
                ("loss", f"{trainer.history[0].loss:.4f} -> {trainer.history[-1].loss:.4f}"),
                ("vectors", options.output),
            ]
        )
    return 0


def read_graph(path: str, *, directed: bool, weighted: bool, variable: str) -> tuple[Graph, Vocabulary | None]:
    """Read a graph by the ending of its file, with the names of its nodes if they have any."""
    from hogvec.graphs import Graph

    if not path.lower().endswith((".npz", ".mat")):
        return read_edges(path, directed=directed, weighted=weighted)
    if directed or weighted:
        raise ArgumentError("--directed and --weighted are for lists of edges: a matrix says both itself")
    try:
        import scipy.io
        import scipy.sparse
    except ImportError:
        raise ImportError(f"reading {path} needs the SciPy package: pip install 'hogvec[scipy]'") from None
    if path.lower().endswith(".npz"):
        return Graph(scipy.sparse.load_npz(path)), None
    variables = scipy.io.loadmat(path)
    if variable not in variables:
        known = ", ".join(name for name in variables if not name.startswith("__"))
        raise ValueError(f"{path}: the variable must be one of {known}, got {variable!r}")
    return Graph(scipy.sparse.csr_array(variables[variable])), None


def read_edges(path: str, *, directed: bool = False, weighted: bool = False) -> tuple[Graph, Vocabulary]:
    """Read an edge from each line, with the nodes by falling number of edges; lines that begin with # or % are none."""
    from hogvec.corpus import Corpus
    from hogvec.graphs import Graph
    from hogvec.vocabulary import Vocabulary

    corpus = Corpus.from_file(path, min_count=1)
    words = list(corpus.vocabulary or ())
    comments = np.array([word.startswith(_COMMENTS) for word in words])
    is_edge = ~comments[corpus.ids[corpus.offsets[:-1]]]
    begins, lengths = corpus.offsets[:-1][is_edge], np.diff(corpus.offsets)[is_edge]
    wrong = np.flatnonzero(lengths != (3 if weighted else 2))
    if len(wrong):
        begin, length = begins[wrong[0]], lengths[wrong[0]]
        shown = " ".join(words[i] for i in corpus.ids[begin : begin + min(length, 5)])
        rule = "two nodes and a weight" if weighted else "two nodes"
        raise ValueError(f"{path}: a line must hold {rule}, got {length} words: {shown!r}")
    if len(begins) == 0:
        raise ValueError(f"{path}: there must be an edge, got none")
    sources, targets = corpus.ids[begins], corpus.ids[begins + 1]
    weights = _weights(path, words, corpus.ids[begins + 2]) if weighted else None
    counts = np.bincount(sources, minlength=len(words)) + np.bincount(targets, minlength=len(words))
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    new_of = np.full(len(words), -1, np.int64)
    new_of[order] = np.arange(len(order))
    names = Vocabulary.from_counts([words[i] for i in order], counts[order])
    return Graph.from_edges(new_of[sources], new_of[targets], weights, directed=directed), names


def _weights(path: str, words: list[str], ids: NDArray[np.int32]) -> NDArray[np.float64]:
    known, place = np.unique(ids, return_inverse=True)
    values = np.empty(len(known))
    for i, word in enumerate(known):
        try:
            values[i] = float(words[word])
        except ValueError:
            raise ValueError(f"{path}: a weight must be a number, got {words[word]!r}") from None
    return np.asarray(values[place])
