"""Measure gomp beside other libraries of its kind, as far as they are installed.

    peers.py                    all; the result is kept in results/, and docs/benchmarks.md is written from it
    peers.py --only loky        the libraries whose name contains a word; nothing is kept

Each workload runs in turn with all libraries in one process, with two workers that have started before. Install what
is to be compared: concurrent.futures is always there; joblib, loky, mpire, pebble, faster-fifo and ray if you like.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import multiprocessing
import os
import statistics
import sys
from collections.abc import Callable, Iterator
from typing import Any

import report
import run
from rows import ARRAY, WORKERS, np, same, seconds_of

Map = Callable[[list[Any]], list[Any]]
TURNS = 5


@contextlib.contextmanager
def gomp_pool() -> Iterator[tuple[Map, Map]]:
    """gomp.Pool."""
    import gomp

    with gomp.Pool(WORKERS) as pool:
        yield lambda items: pool.map(same, items, 1), lambda items: [pool.apply(same, (i,)) for i in items]


@contextlib.contextmanager
def gomp_executor() -> Iterator[tuple[Map, Map]]:
    """gomp.ProcessPoolExecutor."""
    import gomp

    with gomp.ProcessPoolExecutor(WORKERS) as executor:
        yield from through_futures(executor)


@contextlib.contextmanager
def standard_pool() -> Iterator[tuple[Map, Map]]:
    """multiprocessing.Pool."""
    with multiprocessing.Pool(WORKERS) as pool:
        yield lambda items: pool.map(same, items, 1), lambda items: [pool.apply(same, (i,)) for i in items]


def through_futures(executor: Any) -> Iterator[tuple[Map, Map]]:
    """Use what has the interface of concurrent.futures."""
    yield (
        lambda items: list(executor.map(same, items)),
        lambda items: [executor.submit(same, i).result() for i in items],
    )


@contextlib.contextmanager
def standard_executor() -> Iterator[tuple[Map, Map]]:
    """concurrent.futures.ProcessPoolExecutor."""
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(WORKERS) as executor:
        yield from through_futures(executor)


@contextlib.contextmanager
def loky() -> Iterator[tuple[Map, Map]]:
    """loky's executor, which joblib uses."""
    executor = importlib.import_module("loky").get_reusable_executor(WORKERS)
    yield from through_futures(executor)
    executor.shutdown(kill_workers=True)


@contextlib.contextmanager
def joblib() -> Iterator[tuple[Map, Map]]:
    """joblib.Parallel, one item a batch."""
    library = importlib.import_module("joblib")
    with library.Parallel(n_jobs=WORKERS, batch_size=1, pre_dispatch="all", max_nbytes=None) as parallel:
        yield (
            lambda items: parallel(library.delayed(same)(i) for i in items),
            lambda items: [parallel([library.delayed(same)(i)])[0] for i in items],
        )
    importlib.import_module("joblib.externals.loky").get_reusable_executor().shutdown(kill_workers=True)


@contextlib.contextmanager
def mpire() -> Iterator[tuple[Map, Map]]:
    """mpire.WorkerPool, kept alive between the calls, and one for each kind of them: a map fails after an apply."""
    kind = importlib.import_module("mpire").WorkerPool
    with kind(WORKERS, keep_alive=True) as pool, kind(WORKERS, keep_alive=True) as other:
        yield (
            lambda items: pool.map(same, items, chunk_size=1),
            lambda items: [other.apply(same, (i,)) for i in items],
        )


@contextlib.contextmanager
def pebble() -> Iterator[tuple[Map, Map]]:
    """pebble.ProcessPool."""
    with importlib.import_module("pebble").ProcessPool(max_workers=WORKERS) as pool:
        yield (
            lambda items: list(pool.map(same, items, chunksize=1).result()),
            lambda items: [pool.schedule(same, (i,)).result() for i in items],
        )


def echo_fifo(there: Any, back: Any) -> None:
    """Send back what comes, until there is nothing in it."""
    while (item := there.get(timeout=60)) is not None:
        back.put(item, timeout=60)


@contextlib.contextmanager
def faster_fifo() -> Iterator[tuple[Map, Map]]:
    """faster-fifo's queues, with workers of one's own around them: it has no pool, and gives results in no order."""
    kind = importlib.import_module("faster_fifo").Queue
    there, back = kind(256 << 20), kind(256 << 20)
    workers = [multiprocessing.Process(target=echo_fifo, args=(there, back), daemon=True) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()

    def one(item: Any) -> Any:
        there.put(item, timeout=60)
        return back.get(timeout=60)

    def all_of(items: list[Any]) -> list[Any]:
        for item in items:
            there.put(item, timeout=60)
        return [back.get(timeout=60) for _ in items]

    yield all_of, lambda items: [one(i) for i in items]
    for _ in workers:
        there.put(None)
    for worker in workers:
        worker.join()


@contextlib.contextmanager
def ray() -> Iterator[tuple[Map, Map]]:
    """ray.util.multiprocessing.Pool."""
    library = importlib.import_module("ray")
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # its workers are started by a daemon
    library.init(num_cpus=WORKERS, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    with importlib.import_module("ray.util.multiprocessing").Pool(WORKERS) as pool:
        yield lambda items: pool.map(same, items, 1), lambda items: [pool.apply(same, (i,)) for i in items]
    library.shutdown()


LIBRARIES = (
    gomp_pool,
    gomp_executor,
    standard_pool,
    standard_executor,
    loky,
    joblib,
    mpire,
    pebble,
    faster_fifo,
    ray,
)
# Workload: whether one call at a time is made, how many, and of what.
WORKLOADS: dict[str, tuple[bool, int, Callable[[], Any]]] = {
    "one call at a time": (True, 200, lambda: 7),
    "tiny tasks, chunks of one": (False, 2000, lambda: 7),
    "8 MB arrays, there and back": (False, 8, lambda: np.ones(ARRAY)),
}


def measure(kinds: list[Any]) -> dict[str, dict[str, float]]:
    """Return {workload: {library: median seconds an operation}}; who cannot do one is left out of it."""
    with contextlib.ExitStack() as stack:
        used = {}
        for kind in kinds:
            try:
                used[kind.__doc__.partition(",")[0].rstrip(".")] = stack.enter_context(kind())
            except ImportError as error:
                print(f"not installed: {error.name}")
        taken: dict[str, dict[str, list[float]]] = {workload: {name: [] for name in used} for workload in WORKLOADS}
        for workload, (single, count, make) in WORKLOADS.items():
            items = [make()] * count
            for turn in range(TURNS + 1):
                for name, calls in used.items():
                    seconds = seconds_of(lambda do=calls[single], given=items: do(given))  # type: ignore[misc]
                    if turn:  # the first one starts workers and fills caches
                        taken[workload][name].append(seconds / count)
            for name, all_turns in taken[workload].items():
                print(f"{workload:30} {name:45} {report.duration(statistics.median(all_turns)):>9}", flush=True)
        return {w: {name: statistics.median(s) for name, s in by.items()} for w, by in taken.items()}


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only libraries whose name contains this")
    arguments = parser.parse_args()
    medians = measure([kind for kind in LIBRARIES if arguments.only in kind.__name__])
    if not arguments.only:
        report.keep_peers({"machine": run.machine(), "medians": medians})
        report.write_documents()
    return 0


if __name__ == "__main__":
    sys.exit(main())
