"""Product quantization: how good it is, what it is exact for, and which arguments it takes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hogvec import product_quantizer as module
from hogvec.product_quantizer import QuantizedMatrix, quantize

RNG = np.random.default_rng(7)


def matrix_of(*shape):
    return np.random.default_rng(7).normal(size=shape).astype(np.float32)


def relative_error(matrix, small):
    return np.square(small.decode() - matrix).sum() / np.square(matrix).sum()


def decoded_by_loops(small):
    n, dim = small.shape
    out = np.zeros((n, dim), np.float32)
    for i in range(n):
        for part in range(small.codes.shape[1]):
            begin = part * small.dsub
            width = min(small.dsub, dim - begin)
            start = 256 * begin + int(small.codes[i, part]) * width
            out[i, begin : begin + width] = small.centroids[start : start + width]
        if small.norm_codes is not None:
            out[i] *= small.norm_centroids[small.norm_codes[i]]
    return out


@pytest.mark.parametrize("dim", [1, 2, 5, 6])
@pytest.mark.parametrize("dsub", [1, 2, 3, 5])
@pytest.mark.parametrize("qnorm", [False, True])
def test_decoding_reads_every_part_of_every_row(dim, dsub, qnorm):
    if dsub > dim:
        pytest.skip("a part is not longer than a row")
    small = quantize(matrix_of(300, dim), dsub=dsub, qnorm=qnorm)
    assert small.shape == (300, dim)
    assert small.codes.shape == (300, -(-dim // dsub))
    assert len(small.centroids) == 256 * dim
    assert (small.norm_codes is not None) == qnorm
    expected = decoded_by_loops(small)
    np.testing.assert_array_equal(small.decode(), expected)
    np.testing.assert_array_equal(small.decode([299, 0, 0]), expected[[299, 0, 0]])
    assert small.decode([]).shape == (0, dim)


def test_rows_are_decoded_the_same_in_pieces(monkeypatch):
    small = quantize(matrix_of(300, 5), dsub=2)
    whole = small.decode()
    monkeypatch.setattr(module, "_DECODED", 7)
    np.testing.assert_array_equal(small.decode(), whole)


@pytest.mark.parametrize(
    ("dsub", "bound"),
    # 256 levels for a standard normal variable leave an error of pi sqrt(3) / 2 / 256^2 = 4e-5 at best (Panter and
    # Dite 1951), 256 cells for two of them 0.01, for more of them the more; k-means with 25 iterations from a random
    # start stays above that.
    [(1, 5e-4), (2, 0.015), (3, 0.04), (4, 0.09)],
)
def test_errors_on_normal_values_are_near_the_best_that_theory_allows(dsub, bound):
    matrix = matrix_of(8_000, 2 * dsub)
    assert relative_error(matrix, quantize(matrix, dsub=dsub)) < bound


def test_a_matrix_of_few_distinct_parts_is_exact_up_to_the_nudge():
    parts = matrix_of(100, 2)
    rows = np.concatenate([parts[RNG.integers(100, size=(2000, 1))[:, 0]], parts[RNG.integers(100, size=2000)]], axis=1)
    small = quantize(rows)
    assert relative_error(rows, small) < 0.01  # first centroids fall on equal points, and k-means has 25 iterations


@pytest.mark.parametrize("rows", [1, 2, 255, 256])
def test_up_to_256_rows_are_their_own_centroids(rows):
    matrix = matrix_of(rows, 5)
    for dsub in (2, 5):
        np.testing.assert_array_equal(quantize(matrix, dsub=dsub).decode(), matrix)
    np.testing.assert_allclose(quantize(matrix, qnorm=True).decode(), matrix, rtol=1e-6)


def test_quantized_norms_help_where_lengths_differ():
    matrix = matrix_of(2000, 6) * np.exp(np.random.default_rng(8).normal(size=(2000, 1))).astype(np.float32)
    plain, with_norms = quantize(matrix), quantize(matrix, qnorm=True)
    assert relative_error(matrix, with_norms) < 0.5 * relative_error(matrix, plain)  # a fifth, when this was written


def test_rows_of_zeros_and_equal_rows_are_quantized():
    for matrix in (np.zeros((300, 3), np.float32), np.ones((300, 3), np.float32)):
        for qnorm in (False, True):
            np.testing.assert_allclose(quantize(matrix, qnorm=qnorm).decode(), matrix, atol=1e-4)


def test_a_seed_gives_one_result_and_rows_may_lie_apart():
    wide = matrix_of(70_000, 4)
    matrix = wide[:, 1:3]
    a, b, c = quantize(matrix, seed=3), quantize(np.ascontiguousarray(matrix), seed=3), quantize(matrix, seed=4)
    np.testing.assert_array_equal(a.codes, b.codes)
    np.testing.assert_array_equal(a.centroids, b.centroids)
    assert not np.array_equal(a.centroids, c.centroids)
    assert relative_error(matrix, a) < 0.015  # also for rows that k-means has not seen


def test_codes_name_the_nearest_centroids():
    points, centroids = matrix_of(3000, 3), matrix_of(256, 3) + 1000
    near = module._nearest(points + 1000, centroids)
    distances = np.square((points + 1000)[:, None].astype(np.float64) - centroids).sum(axis=2)
    chosen = distances[np.arange(3000), near]
    assert (chosen <= distances.min(axis=1) + 1e-3).all()  # the points themselves are rounded to 6e-5
    assert (near == distances.argmin(axis=1)).mean() > 0.999


def test_an_empty_cluster_takes_half_of_a_large_one():
    points = np.zeros((1000, 3), np.float32)
    centroids, divided = module._means(points, np.zeros(1000, np.uint8), np.random.default_rng(1))
    assert divided
    assert np.abs(centroids).max() < 1e-5
    assert len(np.unique(centroids[:, 0])) > 5
    codes = np.arange(1000, dtype=np.int64).astype(np.uint8)
    assert not module._means(points, codes, np.random.default_rng(1))[1]


@pytest.mark.parametrize(
    ("matrix", "options", "error", "message"),
    [
        (matrix_of(0, 2), {}, ValueError, "matrix must have at least 1 row to be quantized, got 0"),
        (matrix_of(256, 0), {}, ValueError, "matrix must have at least 1 column, got 0"),
        (matrix_of(256), {}, ValueError, r"matrix must have 2 axes, got shape \(256,\)"),
        (matrix_of(256, 2).astype(np.float64), {}, TypeError, "matrix must be a float32 array, got float64"),
        ([[1.0]], {}, TypeError, "matrix must be a float32 array, got list"),
        (
            np.full((256, 2), np.nan, np.float32),
            {},
            ValueError,
            "rows of matrix must be finite .*, row 0 has length nan",
        ),
        (np.full((256, 2), 1e19, np.float32), {}, ValueError, r"shorter than 1e\+18, row 0 has length 1.41421e\+19"),
        (matrix_of(256, 2), {"dsub": 0}, ValueError, "dsub must be at least 1, got 0"),
        (matrix_of(256, 2), {"dsub": 3}, ValueError, "dsub must be at most 2, got 3"),
        (matrix_of(256, 2), {"qnorm": 1}, TypeError, "qnorm must be True or False, got 1"),
        (matrix_of(256, 2), {"seed": -1}, ValueError, "seed must be at least 0, got -1"),
    ],
)
def test_arguments_of_quantizing_are_checked(matrix, options, error, message):
    with pytest.raises(error, match=message):
        quantize(matrix, **options)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"codes": np.zeros((3, 2), np.int8)}, TypeError, "codes must be a uint8 array, got int8"),
        ({"codes": np.zeros((3, 3), np.uint8)}, ValueError, "codes must have 2 columns for dim 3 and dsub 2, got 3"),
        ({"centroids": np.zeros(700, np.float32)}, ValueError, "centroids must hold 256 values for each dimension"),
        ({"centroids": np.zeros(0, np.float32)}, ValueError, "for each dimension, got 0"),
        ({"dsub": 0}, ValueError, "dsub must be at least 1, got 0"),
        ({"norm_codes": None}, ValueError, "norm_codes and norm_centroids must both be given or both be None"),
        ({"norm_codes": np.zeros(4, np.uint8)}, ValueError, "norm_codes must have 3 entries, got 4"),
        ({"norm_centroids": np.zeros(4, np.float32)}, ValueError, "norm_centroids must have 256 entries, got 4"),
    ],
)
def test_fields_of_a_quantized_matrix_are_checked(changes, error, message):
    small = QuantizedMatrix(
        codes=np.zeros((3, 2), np.uint8),
        centroids=np.zeros(768, np.float32),
        dsub=2,
        norm_codes=np.zeros(3, np.uint8),
        norm_centroids=np.zeros(256, np.float32),
    )
    assert small.nbytes == 6 + 4 * 768 + 3 + 4 * 256
    with pytest.raises(error, match=message):
        dataclasses.replace(small, **changes)


def test_rows_to_decode_are_checked():
    small = quantize(matrix_of(256, 2))
    with pytest.raises(IndexError, match="rows must be at least 0 and below 256, got 256"):
        small.decode([256])
    with pytest.raises(ValueError, match=r"rows must have one axis, got shape \(1, 1\)"):
        small.decode([[1]])
