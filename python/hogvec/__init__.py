"""Train embeddings on CPUs: skip-gram and CBOW with fast, exact sampled losses."""

from __future__ import annotations

__version__ = "0.1.0"
