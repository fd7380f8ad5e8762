"""Every optimizer with every option that changes its rule, and tables trained by these rules in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
from hogvec import SGD, AdaGrad, Adam, Batch, Momentum, RMSProp
from hogvec.reference import encode, group_gradients, optimize

__all__ = ["DIM", "OPTIMIZERS", "ROWS", "WITH_STATE", "Reference", "random_batch", "train_reference"]

OPTIMIZERS = [
    SGD(learning_rate=0.1),
    Momentum(learning_rate=0.05),
    Momentum(learning_rate=0.05, momentum=0.8, average=True),
    RMSProp(learning_rate=0.01, decay=0.9),
    AdaGrad(learning_rate=0.1),
    AdaGrad(learning_rate=0.1, per_row=True),
    Adam(learning_rate=0.02),
    Adam(learning_rate=0.02, beta1=0.7, beta2=0.9, untouched="decayed"),
]
WITH_STATE = OPTIMIZERS[1:]
ROWS, DIM = 9, 19


class Reference:
    """A table, or a bias as a table of one column, trained row by row in double precision."""

    def __init__(self, table: Any, optimizer: Any) -> None:
        self.table = table.astype(np.float64).reshape(len(table), -1)
        self.optimizer = optimizer
        self.states: list[dict[str, Any]] = [{} for _ in table]

    def step(self, rows: Any, gradients: Any, rate: float) -> None:
        """Change every row named by the sum of its gradients."""
        total = np.zeros_like(self.table)
        np.add.at(total, rows, gradients.reshape(len(rows), -1))
        touched = set(int(row) for row in rows)
        for row, state in enumerate(self.states):
            if row in touched:
                self.table[row] += optimize(self.optimizer, state, total[row], rate)
            elif getattr(self.optimizer, "untouched", "lazy") == "decayed":
                optimize(self.optimizer, state, total[row], rate)  # the averages decay, the row stays


def random_batch(random: Any, *, bags: bool, own: bool, groups: int) -> Batch:
    hidden = random.integers(1, 5, groups)
    candidates = random.integers(0 if own else 1, 18, groups)
    total = int(hidden.sum())
    sizes = random.integers(1, 5, total) if bags else np.ones(total, int)
    rows = []
    for n in hidden if not bags else []:
        rows.append(random.permutation(ROWS)[:n])
    options: dict[str, Any] = {}
    if bags:
        options |= {
            "bag_offsets": np.r_[0, sizes.cumsum()],
            "bag_weights": random.uniform(0.5, 1.5, sizes.sum()),
            "forward_scale": random.uniform(0.5, 1.5, total),
            "backward_scale": random.uniform(0.5, 1.5, total),
            "weight": random.uniform(0.5, 1.5, total),
        }
    if own:
        own_sizes = random.integers(0, 4, total)
        options |= {
            "own_offsets": np.r_[0, own_sizes.cumsum()],
            "own_rows": random.integers(ROWS, size=own_sizes.sum()),
            "own_labels": random.integers(2, size=own_sizes.sum()),
        }
    return Batch(
        bag_rows=random.integers(ROWS, size=sizes.sum()) if bags else np.concatenate(rows),
        group_offsets=np.r_[0, hidden.cumsum()],
        shared_offsets=np.r_[0, candidates.cumsum()],
        shared_rows=random.integers(ROWS, size=candidates.sum()),
        shared_labels=random.integers(2, size=candidates.sum()),
        **options,
    )


def train_reference(batch: Batch, inputs: Reference, outputs: Reference, rate: float, **scoring: Any) -> None:
    """Train group by group: all gradients first, then each row once."""
    for g in range(len(batch.group_offsets) - 1):
        members = range(batch.group_offsets[g], batch.group_offsets[g + 1])
        shared = slice(batch.shared_offsets[g], batch.shared_offsets[g + 1])
        entries, hidden = [], []
        for h in members:
            entry = slice(h, h + 1) if batch.bag_offsets is None else slice(*batch.bag_offsets[h : h + 2])
            weights = np.ones(entry.stop - entry.start) if batch.bag_weights is None else batch.bag_weights[entry]
            scale = 1.0 if batch.forward_scale is None else float(batch.forward_scale[h])
            entries.append((batch.bag_rows[entry].astype(int), weights.astype(float)))
            hidden.append(encode(inputs.table, entries[-1][0], weights=entries[-1][1], scale=scale))
        rows = [batch.shared_rows[shared].astype(int)]
        labels = [batch.shared_labels[shared].astype(float)]
        sample_weights = np.ones(len(members)) if batch.weight is None else batch.weight[list(members)].astype(float)
        weights = [np.ones((len(members), len(rows[0])))]
        if batch.own_offsets is not None:
            for b, h in enumerate(members):
                own = slice(*batch.own_offsets[h : h + 2])
                rows.append(batch.own_rows[own].astype(int))
                labels.append(batch.own_labels[own].astype(float))
                mine = np.zeros((len(members), own.stop - own.start))
                mine[b] = 1
                weights.append(mine)
        all_rows, all_labels, all_weights = (
            np.concatenate(rows),
            np.concatenate(labels),
            np.concatenate(weights, axis=1),
        )
        if scoring:  # a softmax is linear in the labels, not in the weights of candidates
            all_labels = all_labels * sample_weights[:, None]
        else:
            all_weights *= sample_weights[:, None]
        gradients = group_gradients(np.array(hidden), outputs.table[all_rows], all_labels, all_weights, **scoring)
        outputs.step(all_rows, gradients.rows, rate)
        steps = []
        for b, h in enumerate(members):
            scale = 1.0 if batch.backward_scale is None else float(batch.backward_scale[h])
            steps.append(np.outer(scale * entries[b][1], gradients.hidden[b]))
        inputs.step(np.concatenate([rows for rows, _ in entries]), np.concatenate(steps), rate)
