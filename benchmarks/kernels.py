"""Measure kernels beside Python functions, numpy and, if it is installed, numba.

    kernels.py                  all; the result is kept in results/, and docs/benchmarks.md is written from it
    kernels.py --only map       the rows whose name contains a word; nothing is kept
    kernels.py --quick          a twentieth of the work, once; nothing is kept

All sides of a row run in one process and take turns, five times; the table has the medians.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import json
import math
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import report
import run
from rows import WORKERS, nothing, np, seconds_of

import gomp
from gomp import arrays, kernels

TURNS = 5
Sides = dict[str, Callable[[], object]]  # what is compared, the side that the others are divided by first


def square(x: float) -> float:
    """What the element-wise kernel does, in Python."""
    return x * x


@contextlib.contextmanager
def no_operation(share: float) -> Iterator[Sides]:
    """Pool.apply of nothing, 2,000 times."""
    count = int(2000 * share)

    def times(apply: Callable[..., object], function: Any, args: tuple[Any, ...]) -> Callable[[], object]:
        return lambda: [apply(function, args) for _ in range(count)]

    with gomp.Pool(WORKERS) as pool, multiprocessing.Pool(WORKERS) as standard:
        yield {
            "gomp, a kernel": times(pool.apply, kernels.square, (1.0,)),
            "gomp, a Python function": times(pool.apply, nothing, ()),
            "standard": times(standard.apply, nothing, ()),
        }


@contextlib.contextmanager
def direct_call(share: float) -> Iterator[Sides]:
    """A kernel of one number, called 10,000 times, and pool.apply of it."""
    count = int(10000 * share)
    with gomp.Pool(WORKERS) as pool:
        yield {
            "kernel(x)": lambda: [kernels.square(1.0) for _ in range(count)],
            "pool.apply(kernel, (x,))": lambda: [pool.apply(kernels.square, (1.0,)) for _ in range(count)],
        }


@contextlib.contextmanager
def elementwise_array(share: float) -> Iterator[Sides]:
    """Ten million squares as an array; the standard Pool maps a list."""
    values = arrays.copy(np.random.default_rng(7).random(int(10_000_000 * share)))
    private, listed = np.array(values), values.tolist()
    with gomp.Pool(WORKERS) as pool, multiprocessing.Pool(WORKERS) as standard:
        yield {
            "map_array, shared input": lambda: pool.map_array(kernels.square, values),
            "map_array, private input": lambda: pool.map_array(kernels.square, private),
            "numpy, one thread": lambda: np.square(private),
            "standard Pool.map": lambda: standard.map(square, listed),
        }


@contextlib.contextmanager
def elementwise_list(share: float) -> Iterator[Sides]:
    """Ten million squares from a list to a list; what numpy does needs no process, and makes as many floats."""
    listed = np.random.default_rng(7).random(int(10_000_000 * share)).tolist()
    with gomp.Pool(WORKERS) as pool, multiprocessing.Pool(WORKERS) as standard:
        yield {
            "map of a kernel": lambda: pool.map(kernels.square, listed),
            "numpy, list to array to list": lambda: np.square(np.array(listed)).tolist(),
            "standard Pool.map": lambda: standard.map(square, listed),
        }


@contextlib.contextmanager
def on_two_cores(kernel: Any, jobs: list[Any], chunksize: int | None) -> Iterator[Sides]:
    """One worker, two, and two that know nothing of each other: what the machine has to give."""
    half = len(jobs) // 2
    with gomp.Pool(2) as two, gomp.Pool(1) as one, gomp.Pool(1) as other:

        def apart() -> None:
            results = [p.starmap_async(kernel, part, chunksize) for p, part in ((one, jobs[::2]), (other, jobs[1::2]))]
            assert [len(r.get()) for r in results] == [len(jobs) - half, half]

        yield {
            "two workers": lambda: two.starmap(kernel, jobs, chunksize),
            "two pools of one worker": apart,
            "one worker": lambda: one.starmap(kernel, jobs, chunksize),
        }


def mandelbrot_cores(share: float) -> Any:
    """The Mandelbrot set, 2,000 by 2,000 in 50 bands, on one worker and on two."""
    size = int(40 * math.sqrt(share)) * 50
    band = size // 50
    return on_two_cores(kernels.mandelbrot, [(y, y + band, size, size, 300) for y in range(0, size, band)], 1)


def clusters(steps: int) -> list[Any]:
    """Return eight clusters of 300 bodies, for nbody_steps."""
    random = np.random.default_rng(7)
    return [(random.random((300, 3)), random.random((300, 3)), np.ones(300), 1e-4, steps, 0.01) for _ in range(8)]


def nbody_cores(share: float) -> Any:
    """Eight clusters of 300 bodies, on one worker and on two."""
    return on_two_cores(kernels.nbody_steps, clusters(max(int(200 * share), 1)), 1)


@contextlib.contextmanager
def worker_start(share: float) -> Iterator[Sides]:
    """A process that runs a kernel, and one that runs a Python function, from start to end."""

    def through(context: Any, target: Any, args: tuple[Any, ...]) -> None:
        process = context.Process(target=target, args=args)
        process.start()
        process.join()

    yield {
        "a kernel's process": lambda: through(gomp, kernels.square, (1.0,)),
        "a forked process": lambda: through(gomp.get_context("fork"), nothing, ()),
    }


def jit(function: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Compile for numba's threads and for one."""
    numba = importlib.import_module("numba")
    return {"numba, prange": numba.njit(parallel=True)(function), "numba, one thread": numba.njit(function)}


@contextlib.contextmanager
def numba_mandelbrot(share: float) -> Iterator[Sides]:
    """The Mandelbrot set, 1,000 by 1,000, beside numba."""
    prange = importlib.import_module("numba").prange
    size = int(1000 * math.sqrt(share))

    def picture(size: int, most: int) -> Any:
        counts = np.empty((size, size), np.int32)
        for y in prange(size):
            for x in range(size):
                a, b = -2 + 3 * (x + 0.5) / size, -1.25 + 2.5 * (y + 0.5) / size
                u = v = u2 = v2 = 0.0
                n = 0
                while n < most:
                    u, v = u2 - v2 + a, 2 * u * v + b
                    u2, v2 = u * u, v * v
                    if u2 + v2 > 4.0:
                        break
                    n += 1
                counts[y, x] = n
        return counts

    jobs = [(y, size, size, 300) for y in range(size)]
    with gomp.Pool(WORKERS) as pool, gomp.Pool(1) as one:
        assert all(
            np.array_equal(f(size, 300), np.array(pool.starmap(kernels.mandelbrot_row, jobs)))
            for f in jit(picture).values()
        )
        yield {
            "gomp, two workers": lambda: pool.starmap(kernels.mandelbrot_row, jobs),
            "gomp, one worker": lambda: one.starmap(kernels.mandelbrot_row, jobs),
            **{name: functools.partial(f, size, 300) for name, f in jit(picture).items()},
        }


@contextlib.contextmanager
def numba_nbody(share: float) -> Iterator[Sides]:
    """Eight clusters of 300 bodies beside numba."""
    prange = importlib.import_module("numba").prange
    jobs = clusters(max(int(100 * share), 1))

    def pulls(p: Any, mass: Any, softening2: float, a: Any) -> None:
        a[:] = 0.0
        for i in range(len(mass)):
            ax = ay = az = 0.0
            for j in range(i + 1, len(mass)):
                dx, dy, dz = p[0, j] - p[0, i], p[1, j] - p[1, i], p[2, j] - p[2, i]
                inverse = 1 / math.sqrt(dx * dx + dy * dy + dz * dz + softening2)
                pull = inverse * inverse * inverse
                towards, back = pull * mass[j], pull * mass[i]
                ax, ay, az = ax + towards * dx, ay + towards * dy, az + towards * dz
                a[0, j] -= back * dx
                a[1, j] -= back * dy
                a[2, j] -= back * dz
            a[0, i] += ax
            a[1, i] += ay
            a[2, i] += az

    accelerate = importlib.import_module("numba").njit(pulls)

    def move(positions: Any, velocities: Any, masses: Any, dt: float, steps: int, softening: float) -> None:
        for k in prange(len(masses)):
            p, v, a = positions[k], velocities[k], np.zeros_like(positions[k])
            accelerate(p, masses[k], softening * softening, a)
            for _ in range(steps):
                v += a * (dt / 2)
                p += v * dt
                accelerate(p, masses[k], softening * softening, a)
                v += a * (dt / 2)

    def moved(f: Callable[..., Any]) -> Any:
        positions = np.array([job[0].T for job in jobs])
        f(positions, np.array([job[1].T for job in jobs]), np.array([job[2] for job in jobs]), *jobs[0][3:])
        return positions

    with gomp.Pool(WORKERS) as pool, gomp.Pool(1) as one:
        ours = np.array([positions.T for positions, _, _ in pool.starmap(kernels.nbody_steps, jobs, 1)])
        assert all(np.allclose(moved(f), ours) for f in jit(move).values())
        yield {
            "gomp, two workers": lambda: pool.starmap(kernels.nbody_steps, jobs, 1),
            "gomp, one worker": lambda: one.starmap(kernels.nbody_steps, jobs, 1),
            **{name: functools.partial(moved, f) for name, f in jit(move).items()},
        }


@contextlib.contextmanager
def numba_heat(share: float) -> Iterator[Sides]:
    """Two plates of 1,000 by 1,000, 50 steps of the heat equation, beside numba."""
    prange = importlib.import_module("numba").prange
    steps = max(int(50 * share), 1)
    plates = arrays.copy(np.random.default_rng(7).random((2, 1000, 1000)))
    jobs = [(plate, 1.0, 0.2, 1.0, steps) for plate in plates]

    def diffuse(plate: Any, ratio: float, steps: int) -> Any:
        now, then = plate.copy(), plate.copy()
        for _ in range(steps):
            for y in prange(1, now.shape[0] - 1):
                for x in range(1, now.shape[1] - 1):
                    around = (now[y - 1, x] + now[y + 1, x]) + (now[y, x - 1] + now[y, x + 1])
                    then[y, x] = now[y, x] + ratio * (around - 4 * now[y, x])
            now, then = then, now
        return now

    def both(f: Callable[..., Any]) -> Any:
        return [f(plate, 0.2, steps) for plate in plates]

    with gomp.Pool(WORKERS) as pool, gomp.Pool(1) as one:
        ours = pool.starmap(kernels.heat_steps, jobs, 1)
        assert all(np.allclose(both(f), ours) for f in jit(diffuse).values())
        yield {
            "gomp, two workers": lambda: pool.starmap(kernels.heat_steps, jobs, 1),
            "gomp, one worker": lambda: one.starmap(kernels.heat_steps, jobs, 1),
            **{name: functools.partial(both, f) for name, f in jit(diffuse).items()},
        }


ROWS = [
    no_operation,
    direct_call,
    elementwise_array,
    elementwise_list,
    mandelbrot_cores,
    nbody_cores,
    worker_start,
    numba_mandelbrot,
    numba_nbody,
    numba_heat,
]


def measure(row: Any, turns: int, share: float) -> dict[str, float]:
    """Return the median seconds of each side, which ran once before."""
    with row(share) as sides:
        for side in sides.values():
            side()
        taken: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(turns):
            for name, side in sides.items():
                taken[name].append(seconds_of(side))
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def resident() -> int:
    """Return the bytes that an idle native worker has in memory of its own."""
    with gomp.Pool(WORKERS) as pool:
        pool.apply(kernels.square, (1.0,))
        time.sleep(0.2)
        (found,) = pool.stats()["kernels"].values()
        with open(f"/proc/{found['workers'][0]['pid']}/status") as status:
            kinds = dict(line.split(":", 1) for line in status)
    return 1024 * (int(kinds["RssAnon"].split()[0]) + int(kinds["RssFile"].split()[0]))


def usual_call(calls: int) -> float:
    """Return the median seconds of a direct call of a kernel that does nothing."""
    nothing = gomp.kernel.compile("package nothing\n\nfunc Nothing() {}\n").Nothing
    taken = sorted(seconds_of(nothing) for _ in range(calls))
    return taken[calls // 2]


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only rows whose name contains this")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the work, once")
    arguments = parser.parse_args()
    turns, share = (1, 0.05) if arguments.quick else (TURNS, 1.0)
    machine = run.machine()
    medians: dict[str, dict[str, float]] = {}
    for row in ROWS:
        if arguments.only not in row.__name__:
            continue
        title = str(row.__doc__).rstrip(".")
        try:
            medians[title] = measure(row, turns, share)
        except ImportError as e:
            print(f"{title}: {e}")
            continue
        first = next(iter(medians[title].values()))
        for name, seconds in medians[title].items():
            print(f"{title:60} {name:32} {report.duration(seconds):>9} {seconds / first:8.2f}", flush=True)
    memory = resident()
    print(f"an idle native worker: {memory / 1e6:.1f} MB")
    print(f"a direct call of a kernel that does nothing, median: {report.duration(usual_call(int(100_000 * share)))}")
    if not arguments.only and not arguments.quick:
        kept = {"machine": machine, "medians": medians, "resident": memory}
        (report.RESULTS / report.KERNELS).write_text(json.dumps(kept, indent=1) + "\n")
        report.write_documents()
    return 0


if __name__ == "__main__":
    sys.exit(main())
