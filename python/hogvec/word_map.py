"""A map of word vectors: one HTML file that needs no network, to pan, zoom and search in a browser.

The layout is t-SNE on the graph of nearest neighbours, in NumPy alone, with a heavy-tailed kernel that draws fine
clusters apart (Kobak et al. 2019, https://arxiv.org/abs/1902.05804) and a repulsion estimated from a sample of points.
"""

from __future__ import annotations

import base64
import html
import json
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hogvec._files import replace_file
from hogvec._validate import check_int

if TYPE_CHECKING:
    from hogvec.keyed_vectors import KeyedVectors

__all__ = ["write_word_map"]

Floats = NDArray[np.float32]
Ids = NDArray[np.intp]

_NEIGHBORS = 10  # shown for a word, and edges of the layout's graph
_COLORS = 12  # as many as the template has
_BLOCK = 512  # rows of a block of similarities
_EARLY_ROUNDS, _ROUNDS = 150, 250  # attraction falls from _EXAGGERATION to 1 in the early ones
_EXAGGERATION = 4.0
_SAMPLE = 256  # points that repel, drawn anew for each round
_LONGEST_STEP = 5.0


def write_word_map(
    vectors: KeyedVectors,
    path: str | Path,
    *,
    max_words: int = 3000,
    title: str = "Word map",
    seed: int = 1,
) -> None:
    """Write a map of the first words of `vectors` as one HTML file.

    Near words have similar vectors. The page draws on a canvas, works offline, searches words and shows the nearest
    neighbours, by cosine among the words of the map, of a word one points at.

    Parameters
    ----------
    vectors : KeyedVectors
        The vectors (n, dim); words come in its order, which is by falling frequency after training.
    path : path
        The file to write; it is replaced only once the new one is complete.
    max_words : int, default 3000
        How many words to show, at most. 3,000 take about 4 seconds and make a file of 300 kB.
    title : str, default "Word map"
        The heading of the page.
    seed : int, default 1
        Seed of the layout: the same vectors and seed give the same map.

    Raises
    ------
    ValueError
        If there are no vectors, or a vector is not finite.
    OSError
        If the file cannot be written.

    References
    ----------
    van der Maaten and Hinton (2008), Visualizing data using t-SNE, JMLR 9; Kobak, Linderman, Steinerberger, Kluger and
    Berens (2019), Heavy-tailed kernels reveal a finer cluster structure in t-SNE visualisations, ECML PKDD.
    """
    max_words = check_int("max_words", max_words, minimum=1)
    seed = check_int("seed", seed, minimum=0, maximum=2**64 - 1)
    rows = np.asarray(vectors.vectors[:max_words], dtype=np.float32)
    n_words, dim = rows.shape
    if n_words == 0:
        raise ValueError("a word map needs at least 1 word, got 0")
    if not np.isfinite(rows).all():
        raise ValueError("a word map needs finite vectors, got NaN or infinity")
    words = [vectors.vocabulary.word(i) for i in range(n_words)]

    random = np.random.default_rng(seed)
    unit = _unit(rows)
    neighbors, similarities = _nearest(unit, min(_NEIGHBORS, n_words - 1))
    points = _layout(unit, random)
    data = {
        "words": words,
        "neighbors_of_each": neighbors.shape[1],
        "points": _base64(_quantised(points), "<i2"),
        "neighbors": _base64(neighbors, "<u4"),
        "similarities": _base64(np.rint(similarities.clip(0, 1) * 255), "u1"),
        "colors": _base64(_clusters(points, random), "u1"),
    }
    page = _page(title, f"{n_words:,} words, {dim} dimensions", data)
    with replace_file(path) as file:
        file.write(page.encode("utf-8", errors="replace"))


def _unit(rows: Floats) -> Floats:
    """Divide rows by their lengths; a row of zeros stays."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))[:, None]
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _nearest(unit: Floats, k: int) -> tuple[Ids, Floats]:
    """Find the k other rows of largest dot product with each row, best first: ids and products, both (n, k)."""
    n = len(unit)
    ids = np.empty((n, k), np.intp)
    products = np.empty((n, k), np.float32)
    if k == 0:
        return ids, products
    for start in range(0, n, _BLOCK):
        block = unit[start : start + _BLOCK] @ unit.T
        own = np.arange(len(block))
        block[own, start + own] = -np.inf
        best = np.argpartition(-block, k - 1, axis=1)[:, :k]
        best.sort(axis=1)  # equal products in the order of the words
        order = np.argsort(-np.take_along_axis(block, best, 1), axis=1, kind="stable")
        ids[start : start + _BLOCK] = np.take_along_axis(best, order, 1)
        products[start : start + _BLOCK] = np.take_along_axis(block, ids[start : start + _BLOCK], 1)
    return ids, products


def _layout(unit: Floats, random: np.random.Generator) -> Floats:
    """Place the rows (n, dim) in the plane: (n, 2)."""
    n = len(unit)
    centred = unit - unit.mean(axis=0)
    start = _principal(centred)
    if n < 4 or not start.any():
        return start
    neighbors, _ = _nearest(_unit(centred), min(_NEIGHBORS, n - 1))  # centring tames words that are near everything
    return _embed(neighbors, start, random)


def _principal(centred: Floats) -> Floats:
    """Project on the two first principal axes, each with its largest loading positive: (n, 2), zeros where none is."""
    points = np.zeros((len(centred), 2), np.float32)
    _, axes = np.linalg.eigh(centred.T.astype(np.float64) @ centred)
    axes = axes[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    points[:, : axes.shape[1]] = centred @ axes
    return points


def _embed(neighbors: Ids, start: Floats, random: np.random.Generator) -> Floats:
    """Minimise the t-SNE loss of the neighbour graph with kernel 1 / sqrt(1 + 2 d^2), from `start` (n, 2).

    The gradient for y_i is 4 sum_j (p_ij e - q_ij) (y_i - y_j) / (1 + 2 d_ij^2), e being the exaggeration; the sum of q
    over all j is estimated from a sample.
    """
    n = len(start)
    source, target, affinity = _graph(neighbors)
    first = np.searchsorted(source, np.arange(n))
    points = np.ascontiguousarray(start.T) * np.float32(0.1 / start.std())  # (2, n)
    velocity = np.zeros_like(points)
    sample = min(_SAMPLE, n)
    for turn in range(_EARLY_ROUNDS + _ROUNDS):
        early = max(0.0, 1 - turn / _EARLY_ROUNDS)
        late = max(0.0, (turn - _EARLY_ROUNDS) / _ROUNDS)
        exaggeration = 1 + (_EXAGGERATION - 1) * early
        edges = points[:, source] - points[:, target]
        edges *= affinity * np.float32(exaggeration) / (1 + 2 * (edges[0] * edges[0] + edges[1] * edges[1]))
        repelling = points[:, random.choice(n, sample, replace=False)]
        x = points[0][:, None] - repelling[0]
        y = points[1][:, None] - repelling[1]
        falloff = np.reciprocal(1 + 2 * (x * x + y * y))  # (n, sample)
        kernel = np.sqrt(falloff)
        total = kernel.sum(dtype=np.float64) - sample  # a point does not repel itself
        kernel *= falloff
        repulsion = np.stack([np.einsum("ij,ij->i", kernel, x), np.einsum("ij,ij->i", kernel, y)])
        pull = np.add.reduceat(edges, first, axis=1) - repulsion / np.float32(total)
        step = np.float32(-4 * (0.3 - 0.28 * late) * n / exaggeration) * pull
        step *= np.minimum(1, _LONGEST_STEP / np.maximum(np.hypot(step[0], step[1]), 1e-9))
        velocity = np.float32(0.8) * velocity + step
        points += velocity
        points -= points.mean(axis=1, keepdims=True)
    return np.ascontiguousarray(points.T)


def _graph(neighbors: Ids) -> tuple[Ids, Ids, Floats]:
    """Make the neighbour lists (n, k) symmetric: sources in rising order, targets, affinities that sum to 1."""
    n, k = neighbors.shape
    one = np.repeat(np.arange(n), k)
    other = neighbors.ravel()
    source, target = np.divmod(np.unique(np.concatenate([one * n + other, other * n + one])), n)
    degree = np.bincount(source, minlength=n)
    affinity = 1 / np.sqrt(degree[source] * degree[target])
    return source, target, (affinity / affinity.sum()).astype(np.float32)


def _clusters(points: Floats, random: np.random.Generator) -> Ids:
    """Divide the plane by k-means: a colour per point (n,), numbered around the map so that near ones differ little."""
    k = min(_COLORS, len(points))
    centres = points[[random.integers(len(points))]].astype(np.float64)
    while len(centres) < k:  # the farthest point next: no empty corner
        distance = ((points[:, None] - centres) ** 2).sum(axis=2).min(axis=1)
        centres = np.concatenate([centres, points[[distance.argmax()]]])
    nearest = np.zeros(len(points), np.intp)
    for _ in range(30):
        nearest = ((points[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        for c in range(k):
            if (nearest == c).any():
                centres[c] = points[nearest == c].mean(axis=0)
    order = np.argsort(np.arctan2(centres[:, 1], centres[:, 0]), kind="stable")
    color = np.empty(k, np.intp)
    color[order] = np.arange(k)
    return color[nearest]


def _quantised(points: Floats) -> NDArray[np.int16]:
    """Centre and scale the points (n, 2) to the range of 16 bit integers, both axes by the same factor."""
    low, high = points.min(axis=0), points.max(axis=0)
    half = (high - low).max() / 2
    scaled = np.rint((points - (low + high) / 2) * (32767 / half if half > 0 else 0))
    return np.asarray(scaled, dtype=np.int16)


def _base64(array: NDArray[Any], dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype=dtype).tobytes()).decode("ascii")


def _page(title: str, subtitle: str, data: dict[str, Any]) -> str:
    """Fill the template; words go in as JSON in which nothing can end the script element."""
    template = resources.files("hogvec").joinpath("word_map.html").read_text(encoding="utf-8")
    embedded = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    parts = {"title": html.escape(title), "subtitle": html.escape(subtitle), "data": embedded}
    return re.sub("%(title|subtitle|data)%", lambda mark: parts[mark[1]], template)
