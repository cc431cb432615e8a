"""Makes and deletes an object 100,000 times, in an interpreter of its own: ``leaks.py KIND``. Prints "ok"."""

from __future__ import annotations

import faulthandler
import gc
import os
import pathlib
import pickle
import sys
from collections.abc import Callable
from typing import Any

import gomp
from gomp import _boundary

COUNT, WARM = 100_000, 2_000
# What the interpreter's and the C library's own allocators may keep.
ALLOWED_RSS = 3 << 20

fork = gomp.get_context("fork")
buffers = fork.Queue()


def closed_pipe() -> None:
    for end in fork.Pipe():
        end.close()


KINDS: dict[str, Callable[[], Any]] = {
    "Lock": fork.Lock,
    "RLock": fork.RLock,
    "Semaphore": fork.Semaphore,
    "Semaphore with a ledger": lambda: fork.Semaphore(2, on_owner_death="release"),
    "BoundedSemaphore": fork.BoundedSemaphore,
    "Condition": fork.Condition,
    "Event": fork.Event,
    "Barrier": lambda: fork.Barrier(2),
    "Queue": fork.Queue,
    "SimpleQueue": fork.SimpleQueue,
    "JoinableQueue": fork.JoinableQueue,
    "Pipe": fork.Pipe,
    "one way Pipe": lambda: fork.Pipe(duplex=False),
    "closed Pipe": closed_pipe,
    "Value": lambda: fork.Value("i", 1),
    "Array": lambda: fork.Array("d", 10),
    "RawValue": lambda: fork.RawValue("i", 1),
    "RawArray": lambda: fork.RawArray("i", 10),
    "large RawArray": lambda: fork.RawArray("i", 10_000),
    "array": lambda: gomp.arrays.zeros(10),
}


def used_queue() -> None:
    q = fork.Queue()
    q.put("small")
    q.put(b"large" * 2000)
    assert q.get() == "small"


LARGE = pickle.PickleBuffer(bytes(100_000))


def used_buffer() -> None:
    buffers.put([LARGE, gomp.arrays.zeros(10)])
    assert len(buffers.get()[0]) == 100_000


def used_condition() -> None:
    condition = fork.Condition()
    with condition:
        condition.wait(0)


# With something in them when they go; of these, fewer.
USED: dict[str, Callable[[], Any]] = {
    "used Queue": used_queue,
    "used Condition": used_condition,
    "used buffer": used_buffer,
}


def rss() -> int:
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def measure() -> dict[str, int]:
    gc.collect()
    memory = os.fstat(_boundary.family()[0]).st_blocks * 512
    return {
        "used": _boundary.stats()["used"],
        "descriptors": len(os.listdir("/proc/self/fd")),
        "RSS": rss(),
        "pages of the family": memory,
    }


def main(kind: str) -> None:
    make, count = (KINDS[kind], COUNT) if kind in KINDS else (USED[kind], COUNT // 10)
    for _ in range(WARM):
        make()
    before = measure()
    for _ in range(count):
        make()
    after = measure()
    for what, most in {"used": 0, "descriptors": 0, "RSS": ALLOWED_RSS, "pages of the family": 1 << 20}.items():
        grown = after[what] - before[what]
        assert grown <= most, f"{what} grew by {grown}: {before} {after}"
    assert not _boundary.check()
    print("ok")


if __name__ == "__main__":
    faulthandler.dump_traceback_later(110, exit=True)
    main(sys.argv[1])
