"""Measure kernels beside Python functions, numpy and, if it is installed, numba.

    kernels.py                  all; the result is kept in results/, and docs/benchmarks.md is written from it
    kernels.py --only map       the rows whose name contains a word; nothing is kept
    kernels.py --quick          a twentieth of the work, once; nothing is kept

All sides of a row run in one process and take turns, five times; the table has the medians.
"""

from __future__ import annotations

import argparse
import contextlib
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
    """Ten million squares from a list to a list."""
    listed = np.random.default_rng(7).random(int(10_000_000 * share)).tolist()
    with gomp.Pool(WORKERS) as pool, multiprocessing.Pool(WORKERS) as standard:
        yield {
            "map of a kernel": lambda: pool.map(kernels.square, listed),
            "standard Pool.map": lambda: standard.map(square, listed),
        }


@contextlib.contextmanager
def mandelbrot_cores(share: float) -> Iterator[Sides]:
    """The Mandelbrot set, 1,000 by 1,000, on one worker and on two."""
    size = int(1000 * math.sqrt(share))
    jobs = [(y, size, size, 300) for y in range(size)]
    with gomp.Pool(2) as two, gomp.Pool(1) as one:
        yield {
            "two workers": lambda: two.starmap(kernels.mandelbrot_row, jobs),
            "one worker": lambda: one.starmap(kernels.mandelbrot_row, jobs),
        }


@contextlib.contextmanager
def nbody_cores(share: float) -> Iterator[Sides]:
    """Eight clusters of 300 bodies, on one worker and on two."""
    random = np.random.default_rng(7)
    jobs = [
        (random.random((300, 3)), random.random((300, 3)), np.ones(300), 1e-4, max(int(40 * share), 1), 0.01)
        for _ in range(8)
    ]
    with gomp.Pool(2) as two, gomp.Pool(1) as one:
        yield {
            "two workers": lambda: two.starmap(kernels.nbody_steps, jobs, 1),
            "one worker": lambda: one.starmap(kernels.nbody_steps, jobs, 1),
        }


@contextlib.contextmanager
def worker_start(share: float) -> Iterator[Sides]:
    """The first kernel of a pool, whose process it starts; and a process that runs a Python function."""
    with gomp.Pool(1) as pool:

        def first() -> None:
            process = gomp.Process(target=kernels.square, args=(1.0,))
            process.start()
            process.join()

        def forked() -> None:
            process = gomp.get_context("fork").Process(target=nothing)
            process.start()
            process.join()

        pool.apply(nothing)
        yield {"a kernel's process, start to end": first, "a forked process, start to end": forked}


@contextlib.contextmanager
def beside_numba(share: float) -> Iterator[Sides]:
    """The Mandelbrot set again, by numba's threads and by one of them."""
    numba = importlib.import_module("numba")
    size = int(1000 * math.sqrt(share))

    def picture(size: int, most: int) -> Any:
        counts = np.empty((size, size), np.int32)
        for y in numba.prange(size):
            for x in range(size):
                a, b = -2.5 + 3.5 * x / size, -1.75 + 3.5 * y / size
                u = v = 0.0
                n = 0
                while n < most and u * u + v * v <= 4.0:
                    u, v = u * u - v * v + a, 2 * u * v + b
                    n += 1
                counts[y, x] = n
        return counts

    parallel = numba.njit(parallel=True)(picture)
    single = numba.njit(picture)
    jobs = [(y, size, size, 300) for y in range(size)]
    with gomp.Pool(WORKERS) as pool:
        yield {
            "gomp, two workers": lambda: pool.starmap(kernels.mandelbrot_row, jobs),
            "numba, prange": lambda: parallel(size, 300),
            "numba, one thread": lambda: single(size, 300),
        }


ROWS = [
    no_operation,
    direct_call,
    elementwise_array,
    elementwise_list,
    mandelbrot_cores,
    nbody_cores,
    worker_start,
    beside_numba,
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
    kernels.square(1.0)
    time.sleep(0.2)
    for process in multiprocessing.active_children():
        if process.name.startswith("KernelProcess"):
            with open(f"/proc/{process.pid}/status") as status:
                kinds = dict(line.split(":", 1) for line in status)
            return 1024 * (int(kinds["RssAnon"].split()[0]) + int(kinds["RssFile"].split()[0]))
    raise RuntimeError("no native worker runs")


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
    if not arguments.only and not arguments.quick:
        kept = {"machine": machine, "medians": medians, "resident": memory}
        (report.RESULTS / report.KERNELS).write_text(json.dumps(kept, indent=1) + "\n")
        report.write_documents()
    return 0


if __name__ == "__main__":
    sys.exit(main())
