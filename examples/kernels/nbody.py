"""The energy drift of an N-body simulation for several lengths of the step, in Python and by a kernel.

The leapfrog is of second order: half the step, a quarter of the error. And it is symplectic: the error goes up and
down, but does not grow. Both can be seen in the chart.
"""

import argparse
import math
import pathlib
import random
import time

import chart
import numpy as np

import gomp as multiprocessing
from gomp import kernels

SOFTENING = 0.2


def cluster(count):
    """Return positions, velocities and masses of a cluster of bodies at random."""
    source = random.Random(1)
    positions = [[source.gauss(0, 1) for _ in range(3)] for _ in range(count)]
    velocities = [[source.gauss(0, 0.4) for _ in range(3)] for _ in range(count)]
    return positions, velocities, [1 / count] * count


def accelerations(positions, masses):
    """Return what the bodies' gravity does to each of them, and their potential energy."""
    result, potential = [[0.0, 0.0, 0.0] for _ in masses], 0.0
    for i, (x, y, z) in enumerate(positions):
        for j in range(i):
            dx, dy, dz = positions[j][0] - x, positions[j][1] - y, positions[j][2] - z
            square = dx * dx + dy * dy + dz * dz + SOFTENING * SOFTENING
            pull = 1 / (square * math.sqrt(square))
            potential -= masses[i] * masses[j] / math.sqrt(square)
            for axis, d in enumerate((dx, dy, dz)):
                result[i][axis] += masses[j] * pull * d
                result[j][axis] -= masses[i] * pull * d
    return result, potential


def python_steps(positions, velocities, masses, dt, steps):
    """Do what kernels.nbody_steps does."""
    pulls, potential = accelerations(positions, masses)
    for _ in range(steps):
        velocities = [
            [v + a * dt / 2 for v, a in zip(*rows, strict=True)] for rows in zip(velocities, pulls, strict=True)
        ]
        positions = [
            [p + v * dt for p, v in zip(*rows, strict=True)] for rows in zip(positions, velocities, strict=True)
        ]
        pulls, potential = accelerations(positions, masses)
        velocities = [
            [v + a * dt / 2 for v, a in zip(*rows, strict=True)] for rows in zip(velocities, pulls, strict=True)
        ]
    moving = sum(m * sum(v * v for v in row) / 2 for m, row in zip(masses, velocities, strict=True))
    return positions, velocities, moving + potential


def run(pool, step, states, masses, dts, *more):
    """Follow a state for each length of the step through ten units of time; return energies and seconds."""
    began = time.perf_counter()
    energies = [[] for _ in dts]
    for instant in range(51):
        tasks = [
            (*state, masses, dt, round(0.2 / dt) if instant else 0, *more)
            for state, dt in zip(states, dts, strict=True)
        ]
        results = pool.starmap(step, tasks, chunksize=1)
        states = [(positions, velocities) for positions, velocities, _ in results]
        for known, (_, _, energy) in zip(energies, results, strict=True):
            known.append(energy)
    return energies, time.perf_counter() - began


def main():
    """Run both, compare, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bodies", type=int, default=20, help="number of bodies (default: 20)")
    parser.add_argument("--png", type=pathlib.Path, default=pathlib.Path("energy-drift.png"))
    arguments = parser.parse_args()
    positions, velocities, masses = cluster(arguments.bodies)
    dts = [0.05, 0.025, 0.0125]
    with multiprocessing.Pool() as pool:
        arrays = [(np.array(positions), np.array(velocities))] * len(dts)
        kernel, took_kernel = run(pool, kernels.nbody_steps, arrays, np.array(masses), dts, SOFTENING)
        python, took_python = run(pool, python_steps, [(positions, velocities)] * len(dts), masses, dts)
    print(f"{arguments.bodies} bodies: {took_python:.2f} s in Python, {took_kernel:.3f} s by the kernel")
    assert np.allclose(kernel, python, rtol=1e-6)
    drift = {f"dt {dt}": [abs(e / known[0] - 1) for e in known[1:]] for dt, known in zip(dts, kernel, strict=True)}
    chart.write_chart(arguments.png, drift, logarithmic=True)
    worst = [max(values) for values in drift.values()]
    assert worst[0] > 3 * worst[1] > 9 * worst[2], worst


if __name__ == "__main__":
    main()
