"""Train embeddings on CPUs: skip-gram and CBOW with fast, exact sampled losses."""

from __future__ import annotations

from hogvec.samplers import UnigramSampler
from hogvec.trees import HuffmanTree

__version__ = "0.1.0"

__all__ = ["HuffmanTree", "UnigramSampler"]
