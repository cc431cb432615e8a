"""What cannot be a row: the time of the import, which a process has only once, the CPU of idle waiters, and how near a
pool comes to the best order of uneven tasks."""

from __future__ import annotations

import heapq
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from rows import WORKERS, Context, Job, nothing, running, uneven_times, use_pool

IMPORT = "import time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"


def import_seconds(library: str) -> float:
    """Return how long a fresh interpreter takes to import a library."""
    # The first import is to leave its bytecode for the others, as an installation does.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", IMPORT.format(library)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return float(done.stdout)


def share_of_cpu(context: Context, report: Any, wait: Callable[[float], object], seconds: float) -> None:
    """Wait, and report which share of the time this process was on a CPU."""
    context.Event().wait(0.2)  # what a process does once, at its first use of the library, is no waiting
    began, used = time.monotonic(), time.process_time()
    wait(seconds)
    report.value = (time.process_time() - used) / (time.monotonic() - began)


def waits(context: Context) -> dict[str, Callable[[float], object]]:
    """Return a wait for each thing that one can wait for, none of which will happen."""
    queue, lock, event, condition = context.Queue(), context.Lock(), context.Event(), context.Condition()
    reader, writer = context.Pipe(duplex=False)
    barrier = context.Barrier(2)
    lock.acquire()

    def in_queue(seconds: float) -> None:
        try:
            queue.get(timeout=seconds)
        except Exception as error:  # queue.Empty
            assert type(error).__name__ == "Empty"

    def in_condition(seconds: float) -> None:
        with condition:
            condition.wait(seconds)

    def in_barrier(seconds: float) -> None:
        try:
            barrier.wait(seconds)
        except RuntimeError as error:
            assert type(error).__name__ == "BrokenBarrierError"

    def in_pipe(seconds: float) -> None:
        assert not reader.poll(seconds) and not writer.closed

    return {
        "Queue.get": in_queue,
        "Lock.acquire": lambda seconds: lock.acquire(timeout=seconds),
        "Condition.wait": in_condition,
        "Event.wait": event.wait,
        "Barrier.wait": in_barrier,
        "Connection.poll": in_pipe,
    }


def idle_cpu(context: Context, seconds: float) -> dict[str, float]:
    """Return the share of a CPU that a process uses in each kind of wait, all of them at once."""
    kinds = waits(context)
    reports = {name: multiprocessing.get_context("fork").Value("d", 1.0) for name in kinds}
    jobs: list[Job] = [(share_of_cpu, context, reports[name], wait, seconds) for name, wait in kinds.items()]
    with running(context, jobs) as gate:
        gate.open()
    shares = {name: report.value for name, report in reports.items()}
    return {**shares, "a Pool, its parent": idle_pool(context, seconds)}


def idle_pool(context: Context, seconds: float) -> float:
    """Return the share of a CPU that a process uses whose pool has nothing to do."""
    with context.Pool(WORKERS) as pool:
        pool.apply(nothing)
        began, used = time.monotonic(), time.process_time()
        time.sleep(seconds)
        return (time.process_time() - used) / (time.monotonic() - began)


def sleep_and_tell(seconds: float) -> float:
    """Sleep, and return for how long it was."""
    began = time.perf_counter()
    time.sleep(seconds)
    return time.perf_counter() - began


def uneven_share(context: Context, count: int) -> float:
    """Return how long a map of uneven tasks takes, as a multiple of what handing out one task at a time would take."""
    taken: list[float] = []
    finished = use_pool(context, lambda pool: taken.extend(pool.map(sleep_and_tell, uneven_times(count))))
    free = [0.0] * WORKERS
    for seconds in taken:
        heapq.heapreplace(free, free[0] + seconds)
    return finished / max(free)
