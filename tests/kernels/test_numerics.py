"""Kernels for numerics give what numpy and scipy give."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special

import gomp
from gomp import KernelError, kernels

random = np.random.default_rng(1)


@pytest.mark.parametrize("n, k, m", [(1, 1, 1), (3, 4, 5), (70, 130, 65), (300, 5, 7), (0, 3, 2), (2, 0, 3)])
def test_matmul(n, k, m):
    left, right = random.normal(size=(n, k)), random.normal(size=(k, m))
    np.testing.assert_allclose(kernels.matmul(left, right), left @ right, atol=1e-11)


def test_matmul_of_views():
    left, right = random.normal(size=(8, 20))[:, ::2], random.normal(size=(6, 10)).T
    np.testing.assert_allclose(kernels.matmul(left, right), left @ right, atol=1e-12)


def test_matmul_spreads_nan_as_numpy_does():
    left, right = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[np.nan, 1.0], [1.0, np.inf]])
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(kernels.matmul(left, right), left @ right)


@pytest.mark.parametrize("shape", [(40,), (40, 3), (40, 0)])
def test_solve(shape):
    matrix, right = random.normal(size=(40, 40)), random.normal(size=shape)
    np.testing.assert_allclose(kernels.solve(matrix, right), np.linalg.solve(matrix, right), rtol=1e-8, atol=1e-10)


def test_solve_refuses_a_singular_matrix():
    with pytest.raises(KernelError, match="matrix is singular"):
        kernels.solve(np.ones((2, 2)), np.ones(2))


@pytest.mark.parametrize("shape", [(1,), (64,), (3, 60), (2, 2, 53), (10007,)])
def test_fft(shape):
    values = random.normal(size=shape) + 1j * random.normal(size=shape)
    scale = np.sqrt(shape[-1])
    np.testing.assert_allclose(kernels.fft(values), np.fft.fft(values), atol=1e-13 * scale)
    np.testing.assert_allclose(kernels.ifft(values), np.fft.ifft(values), atol=1e-13)


@pytest.mark.parametrize("shape", [(0,), (7,), (3, 5000), (100_000,)])
def test_sort(shape):
    values = random.normal(size=shape)
    values.flat[::5] = np.nan
    values.flat[1::50] = np.inf
    np.testing.assert_array_equal(kernels.sort(values), np.sort(values))


@pytest.mark.parametrize("bins", [1, 10, 333])
def test_histogram(bins):
    values = random.normal(size=(100, 100))
    values[0, :3] = [np.nan, 2.5, -1.5]
    counts, edges = kernels.histogram(values, bins, -1.5, 2.5)
    numpy_counts, numpy_edges = np.histogram(values, bins, (-1.5, 2.5))
    np.testing.assert_array_equal(counts, numpy_counts)
    np.testing.assert_array_equal(edges, numpy_edges)


@pytest.mark.parametrize("shape", [(1,), (129,), (1000, 333)])
def test_reductions(shape):
    values = random.normal(5, size=shape)
    exact = math.fsum(values.flat)
    assert kernels.sum(values) == pytest.approx(exact, rel=1e-14)
    assert kernels.mean(values) == pytest.approx(exact / values.size, rel=1e-14)
    assert kernels.variance(values, 0) == pytest.approx(np.var(values), rel=1e-13)
    assert kernels.min(values) == values.min()
    assert kernels.max(values) == values.max()
    assert kernels.dot(values.ravel(), values.ravel()) == pytest.approx(
        np.dot(values.ravel(), values.ravel()), rel=1e-13
    )
    np.testing.assert_array_equal(kernels.cumsum(values), np.cumsum(values))


def test_sample_variance():
    values = random.normal(size=50)
    assert kernels.variance(values, 1) == pytest.approx(np.var(values, ddof=1), rel=1e-13)


def test_reductions_of_views():
    values = random.normal(size=(20, 30))[::-2, ::3]
    values.flags.writeable = False
    assert kernels.sum(values) == pytest.approx(values.sum(), rel=1e-13)
    assert kernels.max(values) == values.max()
    np.testing.assert_array_equal(kernels.cumsum(values), np.cumsum(values))


@pytest.mark.parametrize("name", ["mean", "min", "max"])
def test_reductions_of_nothing(name):
    with pytest.raises(KernelError, match="values must not be empty"):
        getattr(kernels, name)(np.zeros(0))
    assert kernels.sum(np.zeros(0)) == 0


@pytest.mark.parametrize("name", ["sum", "mean", "min", "max"])
def test_reductions_of_nan(name):
    assert math.isnan(getattr(kernels, name)(np.array([1.0, np.nan, 2.0])))


def mandelbrot(width, height, iterations):
    """Count the iterations for all pixels at once, as the kernel documents it."""
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    c = (-2 + 3 * x / width)[None, :] + 1j * (-1.25 + 2.5 * y / height)[:, None]
    z, counts = np.zeros_like(c), np.full(c.shape, iterations, np.int32)
    for n in range(iterations):
        z[counts == iterations] = (z * z + c)[counts == iterations]
        counts[(counts == iterations) & (abs(z) > 2)] = n
    return counts


def test_mandelbrot():
    want = mandelbrot(50, 40, 30)
    np.testing.assert_array_equal(kernels.mandelbrot(0, 40, 50, 40, 30), want)
    np.testing.assert_array_equal(kernels.mandelbrot(7, 9, 50, 40, 30), want[7:9])
    np.testing.assert_array_equal(kernels.mandelbrot_row(11, 50, 40, 30), want[11])


@pytest.mark.parametrize(
    "name, oracle",
    [("square", np.square), ("sqrt", np.sqrt), ("exp", np.exp), ("sin", np.sin), ("sigmoid", scipy.special.expit)],
)
def test_elementwise(name, oracle):
    values = [0.0, 0.25, 1.0, 50.0, 700.0] + ([] if name == "sqrt" else [-0.25, -1.0, -50.0, -720.0])
    for value in values:
        assert getattr(kernels, name)(value) == pytest.approx(oracle(value), rel=1e-13)


@pytest.mark.parametrize("items", [[1.5, 2, -3.25] * 1000, [True, 2.0] * 500, list(range(3000)), []])
def test_map_of_a_list_gives_what_python_would(items: list[float]) -> None:
    with gomp.Pool(2) as pool:
        found = pool.map(kernels.square, items)
    assert found == [float(x) * float(x) for x in items]
    assert {type(x) for x in found} <= {float}


def test_map_names_the_item_that_does_not_fit() -> None:
    with gomp.Pool(2) as pool, pytest.raises(TypeError, match=r"kernel square, parameter x \(float64\).*'7'"):
        pool.map(kernels.square, [1.0] * 5000 + ["7"])


def test_gather_and_scatter_stay_in_their_list() -> None:
    from gomp import _boundary

    with pytest.raises(ValueError, match="no items 1 to 3 in a list of 2"):
        _boundary.gather([1.0, 2.0], 1, 3, True)
    with pytest.raises(ValueError, match="no room for 2 items from 1 on in a list of 2"):
        _boundary.scatter([0, 0], 1, bytes(16), False)
    assert _boundary.gather([1, 2**63], 0, 2, False) is None


def test_arrays_come_back_as_arrays_from_every_kind_of_map() -> None:
    rows = [np.arange(1.0, 4.0), np.arange(10.0)]
    with gomp.Pool(2) as pool:
        for chunksize in (None, 1, 2):
            for found, row in zip(pool.map(kernels.cumsum, rows, chunksize), rows, strict=True):
                assert isinstance(found, np.ndarray)
                assert found.tolist() == np.cumsum(row).tolist()
