"""Random full binary trees for tests: any shape, any numbering of leaves and inner nodes."""

from __future__ import annotations

import numpy as np
from hogvec import ArrayTree

__all__ = ["random_paths", "random_tree"]


def random_paths(random: np.random.Generator, n: int) -> list[list[tuple[int, int]]]:
    """Return for each of n ids its path of (inner node, turn): ranges of shuffled ids, split anywhere."""
    ids = random.permutation(n).tolist()
    nodes = random.permutation(n - 1).tolist()
    paths: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    waiting = [ids]
    while waiting:
        part = waiting.pop()
        if len(part) == 1:
            continue
        node = nodes.pop()
        middle = int(random.integers(1, len(part)))
        for place, id in enumerate(part):
            paths[id].append((node, int(place >= middle)))
        waiting += [part[:middle], part[middle:]]
    return paths


def random_tree(random: np.random.Generator, n: int) -> ArrayTree:
    """Return a tree of random paths."""
    paths = random_paths(random, n)
    return ArrayTree(
        offsets=np.cumsum([0] + [len(path) for path in paths]),
        points=[node for path in paths for node, _ in path],
        codes=[turn for path in paths for _, turn in path],
    )
