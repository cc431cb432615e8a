"""A program that waits, to be interrupted by Ctrl-C, several times: ``interrupted.py CALL``.

It prints a line before each wait, and the time after it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import sys
import time
from collections.abc import Callable
from typing import Any

import gomp

fork = gomp.get_context("fork")

# What waits, and what then shows that the object is as good as before.
Case = tuple[Callable[[], object], Callable[[], object]]


def taken(lock: Any) -> Any:
    """The same lock, when another process has it."""
    process = fork.Process(target=lock.acquire)
    process.start()
    process.join()
    return lock


def on_condition() -> Case:
    condition = fork.Condition()

    def wait() -> None:
        with condition:
            condition.wait()

    def after() -> None:
        with condition:
            condition.notify_all()
            assert not condition.wait(0)
        assert condition._waiters._sleeping() == 0

    return wait, after


def on_lock(lock: Any) -> Case:
    def after() -> None:
        lock.release()
        assert lock.acquire(timeout=1)

    return lock.acquire, after


def on_permit(semaphore: Any) -> Case:
    def after() -> None:
        semaphore.release()
        assert semaphore.acquire(timeout=1)
        assert not semaphore.acquire(timeout=0)

    return semaphore.acquire, after


def on_barrier() -> Case:
    barrier = fork.Barrier(2)

    def after() -> None:
        assert barrier.broken
        barrier.reset()
        assert barrier.n_waiting == 0

    return barrier.wait, after


def on_get(get: str, *args: Any) -> Case:
    q = fork.Queue()

    def after() -> None:
        q.put(1)
        assert q.get(timeout=1) == 1
        assert q.empty()

    return lambda: getattr(q, get)(*args), after


def on_put(put: str, what: Any) -> Case:
    q = fork.Queue(1)
    q.put(0)

    def after() -> None:
        assert q.get(timeout=1) == 0
        assert q.empty()
        q.put(0)

    return lambda: getattr(q, put)(what), after


def on_join() -> Case:
    q = fork.JoinableQueue()
    q.put(1)
    return q.join, lambda: None


def on_recv(receive: str, *args: Any) -> Case:
    reader, writer = fork.Pipe(duplex=False)

    def after() -> None:
        writer.send(1)
        assert reader.recv() == 1
        assert not reader.poll()

    return lambda: getattr(reader, receive)(*args), after


def on_send() -> Case:
    reader, writer = fork.Pipe(duplex=False)

    def fill() -> None:
        while True:
            writer.send_bytes(bytes(100_000))

    def after() -> None:
        while reader.poll():
            assert reader.recv_bytes() == bytes(100_000)

    return fill, after


def on_wait() -> Case:
    reader, writer = fork.Pipe(duplex=False)

    def after() -> None:
        writer.send(1)
        assert gomp.connection.wait([reader], 1) == [reader]
        assert reader.recv() == 1

    return lambda: gomp.connection.wait([reader]), after


def on_rlock() -> Case:
    lock = taken(fork.RLock())  # it ended in order, so it keeps it; and only it may release it
    return lock.acquire, lambda: None


def on_event() -> Case:
    event = fork.Event()

    def after() -> None:
        event.set()
        assert event.wait(0)
        event.clear()

    return event.wait, after


def on_process() -> Case:
    process = fork.Process(target=time.sleep, args=(60,), daemon=True)
    process.start()
    return process.join, lambda: None


CALLS: dict[str, Callable[[], Case]] = {
    "Lock.acquire": lambda: on_lock(taken(fork.Lock())),
    "RLock.acquire": on_rlock,
    "Semaphore.acquire": lambda: on_permit(fork.Semaphore(0)),
    "ledger": lambda: on_permit(fork.Semaphore(0, on_owner_death="release")),
    "Condition.wait": on_condition,
    "Event.wait": on_event,
    "Barrier.wait": on_barrier,
    "Queue.get": lambda: on_get("get"),
    "Queue.get_many": lambda: on_get("get_many", 5),
    "Queue.put": lambda: on_put("put", 1),
    "Queue.put large": lambda: on_put("put", bytes(50_000)),
    "Queue.put_many": lambda: on_put("put_many", [1, 2]),
    "JoinableQueue.join": on_join,
    "Connection.recv": lambda: on_recv("recv"),
    "Connection.recv_bytes": lambda: on_recv("recv_bytes"),
    "Connection.poll": lambda: on_recv("poll", None),
    "Connection.send": on_send,
    "connection.wait": on_wait,
    "Process.join": on_process,
}


def main(name: str, times: int) -> None:
    wait, after = CALLS[name]()
    for _ in range(times):
        print("waiting", flush=True)
        try:
            wait()
        except KeyboardInterrupt:
            print(time.monotonic(), flush=True)
        after()
    assert not gomp._boundary.check()
    for process in gomp.active_children():
        with contextlib.suppress(OSError):
            process.kill()
        process.join()
    print("ok", flush=True)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(30, exit=True)
    main(sys.argv[1], int(sys.argv[2]))
