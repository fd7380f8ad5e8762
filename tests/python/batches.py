"""Random batches for tests of training: groups of any size, with duplicates, weights and scales where asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arrays", "make_tables", "random_batch"]


@dataclass(frozen=True, kw_only=True)
class Arrays:
    """The arrays of a batch, as `hogvec.Batch` names them."""

    bag_rows: NDArray[np.uint32]
    group_offsets: NDArray[np.int64]
    shared_offsets: NDArray[np.int64]
    shared_rows: NDArray[np.uint32]
    shared_labels: NDArray[np.float32]
    bag_offsets: NDArray[np.int64] | None = None
    bag_weights: NDArray[np.float32] | None = None
    forward_scale: NDArray[np.float32] | None = None
    backward_scale: NDArray[np.float32] | None = None
    weight: NDArray[np.float32] | None = None
    group_hidden: NDArray[np.uint32] | None = None
    shared_weights: NDArray[np.float32] | None = None
    shared_log_q: NDArray[np.float32] | None = None
    own_offsets: NDArray[np.int64] | None = None
    own_rows: NDArray[np.uint32] | None = None
    own_labels: NDArray[np.float32] | None = None
    own_log_q: NDArray[np.float32] | None = None
    hit_offsets: NDArray[np.int64] | None = None
    hit_candidates: NDArray[np.int64] | None = None


def concatenate(parts: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, np.int64), *parts])


def offsets_of(sizes: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def random_batch(
    random: np.random.Generator,
    *,
    hidden: Sequence[int],
    candidates: Sequence[int],
    input_rows: int,
    output_rows: int,
    bags: bool = False,
    exact: bool = True,
    weights: bool = False,
    own: bool = False,
    regroup: bool = False,
    distinct: bool = False,
    hits: bool = False,
) -> Arrays:
    """Return a batch of len(hidden) groups: hidden[g] hidden vectors against candidates[g] shared candidates.

    bags: bags of 0 to 5 rows with entry weights and scales, else one row each. exact: the same scale backwards.
    weights: of hidden vectors and of candidates, and log_q of these. own: 0 to 3 candidates of each hidden vector
    alone. regroup: groups pick their hidden vectors at random, with repetition. distinct: no row twice in a group's
    bags or candidates. hits: a third of the pairs of a hidden vector and a shared candidate are left out.
    """
    entries, num_hidden = sum(hidden), sum(hidden)
    optional: dict[str, NDArray] = {}
    if regroup and entries > 0:
        num_hidden = (entries + 1) // 2
        optional["group_hidden"] = random.integers(num_hidden, size=entries).astype(np.uint32)
    sizes = np.ones(num_hidden, np.int64)
    if bags:
        sizes = random.integers(0, 6, size=num_hidden)
        optional["bag_offsets"] = offsets_of(sizes)
        optional["bag_weights"] = random.uniform(0.2, 1.5, size=sizes.sum()).astype(np.float32)
        optional["forward_scale"] = (1 / np.maximum(sizes, 1)).astype(np.float32)
        optional["backward_scale"] = optional["forward_scale"] if exact else np.ones(num_hidden, np.float32)
    if weights:
        optional["weight"] = random.uniform(0.0, 2.0, size=num_hidden).astype(np.float32)
        optional["shared_weights"] = random.uniform(0.0, 3.0, size=sum(candidates)).astype(np.float32)
    if own:
        own_sizes = random.integers(0, 4, size=num_hidden)
        optional["own_offsets"] = offsets_of(own_sizes)
        optional["own_rows"] = random.integers(output_rows, size=own_sizes.sum()).astype(np.uint32)
        optional["own_labels"] = random.integers(0, 2, size=own_sizes.sum()).astype(np.float32)
    bag_rows = random.integers(input_rows, size=sizes.sum())
    shared_rows = random.integers(output_rows, size=sum(candidates))
    if distinct:
        bag_rows = concatenate(random.permutation(input_rows)[:size] for size in hidden)
        shared_rows = concatenate(random.permutation(output_rows)[:size] for size in candidates)
    if weights:
        log_q = random.normal(size=output_rows).astype(np.float32)
        optional["shared_log_q"] = log_q[shared_rows]
        if own:
            optional["own_log_q"] = random.normal(size=len(optional["own_rows"])).astype(np.float32)
    if hits:
        members = optional.get("group_hidden", np.arange(entries))
        pairs: list[list[int]] = [[] for _ in range(num_hidden)]
        for entry, h in enumerate(members):
            group = int(np.searchsorted(np.cumsum(hidden), entry, side="right"))
            first = sum(candidates[:group])
            pairs[h] += (first + np.flatnonzero(random.integers(3, size=candidates[group]) == 0)).tolist()
        optional["hit_offsets"] = offsets_of([len(p) for p in pairs])
        optional["hit_candidates"] = np.array([t for some in pairs for t in some], np.int64)
    return Arrays(
        bag_rows=bag_rows.astype(np.uint32),
        group_offsets=offsets_of(hidden),
        shared_offsets=offsets_of(candidates),
        shared_rows=shared_rows.astype(np.uint32),
        shared_labels=random.integers(0, 2, size=sum(candidates)).astype(np.float32),
        **optional,
    )


def make_tables(
    random: np.random.Generator, input_rows: int, output_rows: int, dim: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two tables, exact in float32, whose inner products are of order 1 whatever the dimension."""
    scale = 1.5 / dim**0.25
    tables = [random.normal(scale=scale, size=(rows, dim)).astype(np.float32) for rows in (input_rows, output_rows)]
    return tables[0].astype(np.float64), tables[1].astype(np.float64)
