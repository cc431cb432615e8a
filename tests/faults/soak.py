"""Kills the workers of a pool at random, under full load: ``soak.py METHOD SECONDS``. Prints "ok"."""

from __future__ import annotations

import faulthandler
import gc
import hashlib
import os
import random
import sys
import threading
import time
from typing import Any

import gomp
import gomp.forkserver
from gomp import _boundary

# Seconds from one kill to the next: a worker takes that much longer to start in the other two.
PAUSE = {"fork": 0.1, "spawn": 1.0, "forkserver": 1.0}
WORKERS, TASKS = 3, 400
SIZES = [0, 100, 3000, 100_000]

Job = tuple[int, bytes]


def load(job: Job) -> Job:
    """A task that does something, and answers with as much as it got, or with nothing."""
    number, data = job
    hashlib.sha256(bytes(100_000)).digest()
    return number, data[: number // len(SIZES) % 2 * len(data)]


class Killer(threading.Thread):
    """Kills a worker that it chooses at random, again and again."""

    def __init__(self, pool: Any, pause: float) -> None:
        super().__init__()
        self.pool, self.pause = pool, pause
        self.enough = threading.Event()
        self.kills = 0

    def run(self) -> None:
        while not self.enough.wait(self.pause):
            with self.pool._crew.lock:  # so that a pid is a worker's
                alive = [worker for worker in self.pool._pool if worker.exitcode is None]
                if alive:
                    random.choice(alive).kill()
                    self.kills += 1


def a_round(pool: Any, retries: int) -> int:
    """Give the pool tasks of all sizes. Each comes back once, or says that its worker died; how many said so."""
    jobs = [(i, bytes([i % 256]) * SIZES[i % len(SIZES)]) for i in range(TASKS)]
    results, lost, told = pool.imap_unordered(load, jobs, retries=retries), 0, {}
    for _ in jobs:
        try:
            number, data = results.next(timeout=30)
        except gomp.WorkerLost:
            lost += 1
        else:
            assert number not in told, "a task was answered twice"
            told[number] = data
    assert next(results, None) is None, "more answers than tasks"
    assert all((number, data) == load(jobs[number]) for number, data in told.items())
    return lost


def settled() -> dict[str, int]:
    gc.collect()
    return {"used": _boundary.stats()["used"], "descriptors": len(os.listdir("/proc/self/fd"))}


def soak(ctx: Any, seconds: float) -> None:
    rounds = lost = 0
    with ctx.Pool(WORKERS) as pool:
        killer = Killer(pool, PAUSE[ctx.get_start_method()])
        killer.start()
        try:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                lost += a_round(pool, retries=rounds % 2)
                rounds += 1
        finally:
            killer.enough.set()
            killer.join()
        assert a_round(pool, 0) == 0
        stats = pool.stats()
        assert stats["queued"] == stats["running"] == stats["queued_bytes"] == 0, stats
        assert stats["lost"] == stats["failed"] == lost, (lost, stats)
        assert stats["done"] == TASKS * (rounds + 1), (rounds, stats)
        assert len(stats["workers"]) == WORKERS
        pool.close()
        pool.join()
    print(f"{rounds} rounds, {killer.kills} kills, {lost} tasks lost, {stats['retried']} retried", file=sys.stderr)


def main(method: str, seconds: float) -> None:
    ctx = gomp.get_context(method)
    soak(ctx, 0.1)
    before = settled()
    soak(ctx, seconds)
    assert settled() == before, (before, settled())
    broken = _boundary.check()
    assert not broken, broken
    gomp.forkserver._forkserver._stop()
    print("ok")


if __name__ == "__main__":
    faulthandler.dump_traceback_later(2 * float(sys.argv[2]) + 50, exit=True)
    main(sys.argv[1], float(sys.argv[2]))
