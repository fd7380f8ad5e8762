"""Product quantization as in fastText: a row of a matrix becomes a byte for every few of its values.

The values of a row are cut into parts of `dsub` values, the last one perhaps shorter. For each part, k-means finds 256
centroids, and a row keeps the number of the nearest. Files of quantized models are `hogvec.fasttext_format`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hogvec._validate import check_ids, check_int

__all__ = ["NUM_CENTROIDS", "QuantizedMatrix", "quantize"]

NUM_CENTROIDS = 256
_MOST_POINTS = 65_536  # that k-means learns from
_ITERATIONS = 25
_NUDGE = np.float32(1e-7)  # between the two halves of a divided cluster
_LONGEST = 1e18  # length of a row whose squares are safely float32
_PRODUCT = 1 << 18  # multiplications at once: too few for a BLAS to start threads, which would only wait
_DECODED = 1 << 20  # values decoded at once

Floats = NDArray[np.float32]
Codes = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantizedMatrix:
    """A product-quantized matrix of n rows and dim columns: what `quantize` makes and a ``.ftz`` file holds.

    Row i is ``norm[i]`` times its parts end to end, where part p is centroid ``codes[i, p]`` of that part.

    Parameters
    ----------
    codes : ndarray of uint8, shape (n, parts)
        The centroids of every row; parts is dim / dsub, rounded up.
    centroids : ndarray of float32, shape (256 * dim,)
        Part after part, 256 centroids each: of `dsub` values, in the last part of what is left of dim.
    dsub : int
        Values in a part, at least 1.
    norm_codes : ndarray of uint8, shape (n,), optional
        Which of `norm_centroids` a row is multiplied by. Default: none, and rows are what their parts say.
    norm_centroids : ndarray of float32, shape (256,), optional
        Given if and only if `norm_codes` is.

    Raises
    ------
    TypeError
        An array has another dtype.
    ValueError
        The shapes contradict each other.

    Examples
    --------
    >>> import numpy as np
    >>> halves = np.arange(256, dtype=np.float32)
    >>> matrix = QuantizedMatrix(
    ...     codes=np.array([[7, 0], [1, 9]], np.uint8), centroids=np.concatenate([halves, halves / 2]), dsub=1
    ... )
    >>> matrix.shape
    (2, 2)
    >>> matrix.decode()
    array([[7. , 0. ],
           [1. , 4.5]], dtype=float32)
    """

    codes: Codes
    centroids: Floats
    dsub: int
    norm_codes: Codes | None = None
    norm_centroids: Floats | None = None

    def __post_init__(self) -> None:
        _check_array("codes", self.codes, np.uint8, 2)
        _check_array("centroids", self.centroids, np.float32, 1)
        check_int("dsub", self.dsub, minimum=1)
        dim, rest = divmod(len(self.centroids), NUM_CENTROIDS)
        if rest or not dim:
            raise ValueError(
                f"centroids must hold {NUM_CENTROIDS} values for each dimension, got {len(self.centroids)}"
            )
        if self.codes.shape[1] != -(-dim // self.dsub):
            raise ValueError(
                f"codes must have {-(-dim // self.dsub)} columns for dim {dim} and dsub {self.dsub}, "
                f"got {self.codes.shape[1]}"
            )
        if (self.norm_codes is None) != (self.norm_centroids is None):
            raise ValueError("norm_codes and norm_centroids must both be given or both be None")
        if self.norm_codes is not None and self.norm_centroids is not None:
            _check_array("norm_codes", self.norm_codes, np.uint8, 1)
            _check_array("norm_centroids", self.norm_centroids, np.float32, 1)
            if len(self.norm_codes) != len(self.codes):
                raise ValueError(f"norm_codes must have {len(self.codes)} entries, got {len(self.norm_codes)}")
            if len(self.norm_centroids) != NUM_CENTROIDS:
                raise ValueError(f"norm_centroids must have {NUM_CENTROIDS} entries, got {len(self.norm_centroids)}")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the matrix."""
        return len(self.codes), len(self.centroids) // NUM_CENTROIDS

    @property
    def nbytes(self) -> int:
        """Memory that the codes and the centroids take, in bytes."""
        arrays = (self.codes, self.centroids, self.norm_codes, self.norm_centroids)
        return sum(array.nbytes for array in arrays if array is not None)

    def decode(self, rows: ArrayLike | None = None) -> Floats:
        """Return rows of the matrix, as good as the codes tell them.

        Parameters
        ----------
        rows : array_like of int, shape (k,), optional
            Which rows, in any order and also repeatedly. Default: all of them.

        Returns
        -------
        ndarray of float32, shape (k, dim)

        Raises
        ------
        TypeError
            `rows` are no integers.
        IndexError
            A row is not of this matrix.
        """
        wanted = np.arange(len(self.codes)) if rows is None else check_ids("rows", rows, len(self.codes))
        if wanted.ndim != 1:
            raise ValueError(f"rows must have one axis, got shape {wanted.shape}")
        dim = self.shape[1]
        decoded = np.empty((len(wanted), dim), np.float32)
        step = max(1, _DECODED // dim)
        for start in range(0, len(wanted), step):
            self._decode_into(wanted[start : start + step], decoded[start : start + step])
        return decoded

    def _decode_into(self, rows: NDArray[np.integer[Any]], out: Floats) -> None:
        whole = self.shape[1] // self.dsub  # parts of dsub values
        codes = self.codes[rows]
        split = NUM_CENTROIDS * whole * self.dsub
        parts = self.centroids[:split].reshape(whole, NUM_CENTROIDS, self.dsub)
        out[:, : whole * self.dsub] = parts[np.arange(whole), codes[:, :whole]].reshape(len(rows), -1)
        if whole < codes.shape[1]:
            out[:, whole * self.dsub :] = self.centroids[split:].reshape(NUM_CENTROIDS, -1)[codes[:, -1]]
        if self.norm_codes is not None and self.norm_centroids is not None:
            out *= self.norm_centroids[self.norm_codes[rows], None]


def quantize(matrix: Floats, *, dsub: int = 2, qnorm: bool = False, seed: int = 1234) -> QuantizedMatrix:
    """Replace every `dsub` values of each row by the number of the nearest of 256 centroids.

    K-means with 25 iterations over at most 65,536 rows finds the centroids of each part. A cluster that loses all of
    its points takes over half of another, which is drawn in proportion to its size. On one machine, equal
    seeds give equal codes. Up to 256 rows are their own centroids, so that nothing is lost, and nothing saved.

    Parameters
    ----------
    matrix : ndarray of float32, shape (n, dim)
        At least 1 row, all values finite; rows may lie apart.
    dsub : int, default 2
        Values that share a byte, 1 to dim. More make a smaller and worse copy.
    qnorm : bool, default False
        Quantize the Euclidean lengths of the rows on their own, with a byte more a row, and the directions by parts.
    seed : int, default 1234
        Of the first centroids and of the rows that k-means learns from.

    Returns
    -------
    QuantizedMatrix

    Raises
    ------
    TypeError
        `matrix` is no float32 array.
    ValueError
        `matrix` has no row, or one that is not finite or 1e18 long, or `dsub` is not of 1 to dim.

    References
    ----------
    H. Jegou, M. Douze, C. Schmid. Product Quantization for Nearest Neighbor Search. TPAMI 2011.
    A. Joulin et al. FastText.zip: Compressing text classification models. arXiv:1612.03651.

    Examples
    --------
    >>> import numpy as np
    >>> matrix = np.random.default_rng(1).normal(size=(1000, 8)).astype(np.float32)
    >>> small = quantize(matrix)
    >>> small.codes.shape, bool(np.abs(small.decode() - matrix).mean() < 0.1)
    ((1000, 4), True)
    """
    _check_array("matrix", matrix, np.float32, 2)
    n, dim = matrix.shape
    if n < 1:
        raise ValueError("matrix must have at least 1 row to be quantized, got 0")
    if dim < 1:
        raise ValueError("matrix must have at least 1 column, got 0")
    dsub = check_int("dsub", dsub, minimum=1, maximum=dim)
    seed = check_int("seed", seed, minimum=0, maximum=2**64 - 1)
    if not isinstance(qnorm, (bool, np.bool_)):
        raise TypeError(f"qnorm must be True or False, got {qnorm!r}")
    norms = _norms(matrix)
    if not (norms < _LONGEST).all():  # also where they are NaN
        row = int(np.argmin(norms < _LONGEST))
        raise ValueError(
            f"rows of matrix must be finite and shorter than {_LONGEST:g}, row {row} has length {norms[row]:g}"
        )
    rng = np.random.default_rng(seed)
    norm_codes = norm_centroids = None
    if qnorm:
        norm_centroids, norm_codes = _learn(norms[:, None].astype(np.float32), rng)
        norm_centroids = norm_centroids.reshape(-1)
    codes = np.empty((n, -(-dim // dsub)), np.uint8)
    centroids = []
    for part, start in enumerate(range(0, dim, dsub)):
        values = np.ascontiguousarray(matrix[:, start : start + dsub])
        if qnorm:  # a row of zeros stays one
            values = (values / np.where(norms > 0, norms, 1)[:, None]).astype(np.float32)
        found, codes[:, part] = _learn(values, rng)
        centroids.append(found.reshape(-1))
    return QuantizedMatrix(
        codes=codes,
        centroids=np.concatenate(centroids),
        dsub=dsub,
        norm_codes=norm_codes,
        norm_centroids=norm_centroids,
    )


def _norms(matrix: Floats) -> NDArray[np.float64]:
    """Euclidean lengths (n,) of rows, not finite where a row is not."""
    norms = np.empty(len(matrix))
    for start in range(0, len(matrix), 65_536):
        block = matrix[start : start + 65_536].astype(np.float64)
        norms[start : start + 65_536] = np.sqrt(np.einsum("ij,ij->i", block, block))
    return norms


def _learn(values: Floats, rng: np.random.Generator) -> tuple[Floats, Codes]:
    """Centroids (256, d) of values (n, d), and the nearest one of each (n,)."""
    n = len(values)
    if n <= NUM_CENTROIDS:
        exact = np.zeros((NUM_CENTROIDS, values.shape[1]), np.float32)
        exact[:n] = values
        return exact, np.arange(n, dtype=np.uint8)
    points = values if n <= _MOST_POINTS else values[rng.choice(n, _MOST_POINTS, replace=False)]
    centroids = points[rng.choice(len(points), NUM_CENTROIDS, replace=False)]
    last = None
    for _ in range(_ITERATIONS):
        codes = _nearest(points, centroids)
        if last is not None and np.array_equal(codes, last):
            break  # every further iteration would do the same
        centroids, divided = _means(points, codes, rng)
        last = None if divided else codes
    return centroids, _nearest(values, centroids)


def _nearest(points: Floats, centroids: Floats) -> Codes:
    """The nearest of 256 centroids to each point, the first of equally near ones."""
    codes = np.empty(len(points), np.intp)
    # |x - c|^2 without |x|^2, which is the same for all c. Differences from a common middle lose fewer digits.
    middle = centroids.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = centroids - middle
    weights = np.concatenate([-2 * centred.T, np.einsum("ij,ij->i", centred, centred)[None]])  # (d + 1, 256)
    step = max(64, _PRODUCT // weights.size)
    block = np.ones((step, len(weights)), np.float32)
    distances = np.empty((step, NUM_CENTROIDS), np.float32)
    for start in range(0, len(points), step):
        k = min(step, len(points) - start)
        np.subtract(points[start : start + k], middle, out=block[:k, :-1])
        np.matmul(block[:k], weights, out=distances[:k])
        distances[:k].argmin(axis=1, out=codes[start : start + k])
    return codes.astype(np.uint8)


def _means(points: Floats, codes: Codes, rng: np.random.Generator) -> tuple[Floats, bool]:
    """Centroids (256, d) of the clusters, and whether one was empty and another divided for it."""
    sizes = np.bincount(codes, minlength=NUM_CENTROIDS)
    sums = [np.bincount(codes, weights=column, minlength=NUM_CENTROIDS) for column in points.T]
    centroids = (np.stack(sums, axis=1) / np.maximum(sizes, 1)[:, None]).astype(np.float32)
    empty = np.flatnonzero(sizes == 0)
    signs = np.where(np.arange(points.shape[1]) % 2 == 0, -_NUDGE, _NUDGE)
    for cluster in empty.tolist():
        chance = np.cumsum(np.maximum(sizes - 1, 0))
        other = int(np.searchsorted(chance, rng.integers(chance[-1]), side="right"))
        centroids[cluster] = centroids[other] + signs
        centroids[other] -= signs
        sizes[cluster] = sizes[other] // 2
        sizes[other] -= sizes[cluster]
    return centroids, len(empty) > 0


def _check_array(name: str, array: Any, dtype: Any, axes: int) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(f"{name} must be a {np.dtype(dtype)} array, got {kind}")
    if array.ndim != axes:
        raise ValueError(f"{name} must have {axes} {'axis' if axes == 1 else 'axes'}, got shape {array.shape}")
