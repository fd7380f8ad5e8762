"""Train embeddings on CPUs: skip-gram and CBOW with fast, exact sampled losses."""

from __future__ import annotations

from hogvec.keyed_vectors import KeyedVectors, Neighbor

__all__ = ["KeyedVectors", "Neighbor"]

__version__ = "0.1.0"
