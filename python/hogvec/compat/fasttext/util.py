"""fastText's small helpers: `test`, `find_nearest_neighbor` and `reduce_model`."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
from numpy.typing import NDArray

from hogvec._validate import check_int
from hogvec.compat.fasttext._model import _FastText

__all__ = ["find_nearest_neighbor", "reduce_model", "test"]

_MAPPED = 100_000  # rows whose directions decide


def test(
    predictions: Iterable[Collection[str]],
    labels: Iterable[Collection[str]],
    k: int = 1,  # noqa: PT028  (no test of pytest)
) -> tuple[float, float]:
    """Return precision and recall of predicted labels, `k` of each text, against the labels that the texts have."""
    pairs = list(zip(predictions, labels, strict=False))
    right = sum(label in has for said, has in pairs for label in said)
    return right / (k * len(pairs)), right / sum(len(has) for _, has in pairs)


def find_nearest_neighbor(
    query: NDArray[np.float32],
    vectors: NDArray[np.float32],
    ban_set: Collection[int],
    cossims: NDArray[np.float32] | None = None,
) -> int:
    """Return the index of the row of `vectors` with the largest dot product with `query`, none of `ban_set`.

    Parameters
    ----------
    query : ndarray, shape (dim,)
    vectors : ndarray, shape (n, dim)
    ban_set : set of int
    cossims : ndarray, shape (n,), optional
        Where the dot products are written.
    """
    scores = np.matmul(vectors, query, out=cossims)
    allowed = np.ones(len(scores), np.bool_)
    allowed[list(ban_set)] = False
    if not allowed.any():
        raise ValueError("ban_set must leave a row, got all of them")
    return int(np.argmax(np.where(allowed, scores, -np.inf)))


def reduce_model(ft_model: _FastText, target_dim: int) -> _FastText:
    """Project the rows of a model to fewer dimensions, in place: to those in which its input rows vary the most.

    Parameters
    ----------
    ft_model : model
        Not quantized.
    target_dim : int
        At least 1 and at most the dimension of the model.

    Returns
    -------
    model
        The same one.
    """
    check_int("target_dim", target_dim, minimum=1, maximum=ft_model.get_dimension())
    rows = ft_model.get_input_matrix()
    covariance = np.atleast_2d(np.cov(rows[:_MAPPED], rowvar=False))
    _, directions = np.linalg.eigh(covariance)  # the widest last
    projection = directions[:, ::-1][:, :target_dim].astype(np.float32)
    ft_model.set_matrices(rows @ projection, ft_model.get_output_matrix() @ projection)
    return ft_model
