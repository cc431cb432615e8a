"""The simulation kernels beside numpy and scipy; what is random, beside the generator written again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.ndimage
import scipy.stats

import gomp as multiprocessing
from gomp import KernelError, kernels


def philox(blocks: int, seed: int, stream: int) -> Any:
    """Return the words of a stream of Philox4x32-10, four to a row."""
    low, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    number = np.arange(blocks, dtype=np.uint64)
    a, b = number & low, number >> shift
    c, d = (np.full(blocks, part, np.uint64) for part in (stream & 0xFFFFFFFF, stream >> 32))
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * a, np.uint64(0xCD9E8D57) * c
        a, b, c, d = (p1 >> shift) ^ b ^ np.uint64(k0), p1 & low, (p0 >> shift) ^ d ^ np.uint64(k1), p0 & low
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([a, b, c, d], axis=1)


def test_philox_is_the_published_one() -> None:
    assert [f"{word:08x}" for word in philox(1, 0, 0)[0]] == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]


@pytest.mark.parametrize("samples", [0, 1, 2, 10_001])
def test_pi_counts_the_points_of_the_stream(samples: int) -> None:
    seed, stream = 0x123456789ABCDEF0, 0xFEDCBA9876543210
    points = philox((samples + 1) // 2, seed, stream).reshape(-1, 2)[:samples]
    inside = sum(int(x) ** 2 + int(y) ** 2 < 2**64 for x, y in points)
    assert kernels.monte_carlo_pi(samples, seed, stream) == inside


def test_streams_give_the_same_for_any_number_of_workers() -> None:
    pi = [(20_000, 7, stream) for stream in range(12)]
    option = [(100.0, 105.0, 0.03, 0.25, 1.5, 5_000, 7, stream) for stream in range(12)]
    results = []
    for workers in (1, 2, 3):
        with multiprocessing.Pool(workers) as pool:
            hits = pool.starmap(kernels.monte_carlo_pi, pi, chunksize=workers)
            results.append((hits, pool.starmap(kernels.option_price, option)))
    assert results[0] == results[1] == results[2]
    assert 4 * sum(results[0][0]) / 240_000 == pytest.approx(math.pi, abs=4 * 1.64 / math.sqrt(240_000))


def test_option_price_is_that_of_black_and_scholes() -> None:
    spot, strike, rate, volatility, years = 100.0, 110.0, 0.05, 0.2, 1.0
    price, deviation = kernels.option_price(spot, strike, rate, volatility, years, 200_000, 1, 0)
    spread = volatility * math.sqrt(years)
    d = (math.log(spot / strike) + (rate + volatility**2 / 2) * years) / spread
    exact = spot * scipy.stats.norm.cdf(d) - strike * math.exp(-rate * years) * scipy.stats.norm.cdf(d - spread)
    assert price == pytest.approx(exact, abs=4 * deviation)


def test_option_price_is_the_mean_over_the_stream() -> None:
    words = philox(500, 3, 4)
    x, y = (words[:, i] | words[:, i + 1] << np.uint64(32) for i in (0, 2))
    radius = np.sqrt(-2 * np.log(((x >> np.uint64(11)) + 0.5) / 2.0**53))
    angle = 2 * np.pi * (y >> np.uint64(11)) / 2.0**53
    normal = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()[:999]
    payoff = math.exp(-0.02) * np.maximum(50 * np.exp(0.02 - 0.3**2 / 2 + 0.3 * normal) - 48, 0)
    expected = payoff.mean(), payoff.std(ddof=1) / math.sqrt(999)
    assert kernels.option_price(50.0, 48.0, 0.02, 0.3, 1.0, 999, 3, 4) == pytest.approx(expected, rel=1e-12)


def test_nbody_follows_scipys_integrator() -> None:
    random = np.random.default_rng(1)
    positions, velocities = random.normal(size=(2, 6, 3))
    masses, softening = random.uniform(0.5, 1.5, 6), 0.3

    def slope(_: float, state: Any) -> Any:
        p, v = state.reshape(2, 6, 3)
        between = p[None] - p[:, None]
        distance2 = (between**2).sum(axis=2) + softening**2
        return np.stack([v, (between * (masses / distance2**1.5)[:, :, None]).sum(axis=1)]).ravel()

    start = np.stack([positions, velocities])
    exact = scipy.integrate.solve_ivp(slope, (0, 0.5), start.ravel(), method="DOP853", rtol=1e-11, atol=1e-11).y[:, -1]
    after, speeds, energy = kernels.nbody_steps(positions, velocities, masses, 0.5 / 4000, 4000, softening)
    np.testing.assert_allclose(np.stack([after, speeds]).ravel(), exact, atol=1e-5)
    _, _, before = kernels.nbody_steps(positions, velocities, masses, 1.0, 0, softening)
    i, j = np.triu_indices(6, 1)
    apart = np.sqrt(((positions[i] - positions[j]) ** 2).sum(axis=1) + softening**2)
    assert before == pytest.approx(
        (masses * (velocities**2).sum(axis=1)).sum() / 2 - (masses[i] * masses[j] / apart).sum()
    )
    assert energy == pytest.approx(before, rel=1e-5)


@pytest.mark.parametrize("shape", [(0, 0), (2, 5), (3, 3), (40, 31)])
def test_heat_is_a_convolution(shape: tuple[int, int]) -> None:
    plate = np.random.default_rng(2).uniform(size=shape)
    expected = plate.copy()
    for _ in range(7):
        if min(shape) > 2:
            expected[1:-1, 1:-1] += 0.2 * scipy.ndimage.laplace(expected)[1:-1, 1:-1]
    np.testing.assert_allclose(kernels.heat_steps(plate.T, 0.8, 0.25, 1.0, 7), expected.T, atol=1e-13)


def test_unstable_heat_is_refused() -> None:
    with pytest.raises(KernelError, match=r"alpha\*dt/dx\*\*2 must be at most 0.25, not 0.5"):
        kernels.heat_steps(np.zeros((3, 3)), 1.0, 0.5, 1.0, 1)


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (5, 8), (30, 41)])
def test_life_is_a_count_of_neighbours(shape: tuple[int, int], wrap: bool) -> None:
    cells = np.random.default_rng(3).integers(0, 2, shape, dtype=np.uint8)
    cells.flags.writeable = False
    around = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    expected = cells
    for _ in range(9):
        count = scipy.ndimage.convolve(expected, around, mode="wrap" if wrap else "constant", output=int)
        expected = ((count == 3) | ((count == 2) & (expected == 1))).astype(np.uint8)
    np.testing.assert_array_equal(kernels.life_steps(cells, 9, wrap), expected)
