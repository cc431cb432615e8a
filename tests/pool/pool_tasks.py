"""What the pools of these tests are asked to do. Workers import this."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import gomp


def square(x: int) -> int:
    return x * x


def add(a: Any, b: Any = 0, *, c: Any = 0) -> Any:
    return a + b + c


def same(x: Any) -> Any:
    return x


def fail(x: object = None) -> None:
    raise ValueError(f"it went wrong with {x!r}")


def fail_at_three(x: int) -> int:
    if x == 3:
        fail(x)
    return x


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def pid_of(_: object = None) -> int:
    return os.getpid()


def unpicklable(_: object = None) -> Any:
    return threading.Lock()


class Picky(Exception):
    """Cannot be unpickled: it wants two arguments and keeps one."""

    def __init__(self, one: object, two: object) -> None:
        super().__init__(one)


def picky(_: object = None) -> None:
    raise Picky("first", "second")


class Locked(Exception):
    """Cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("locked")
        self.lock = threading.Lock()


def locked(_: object = None) -> None:
    raise Locked


def die(how: str, *_: object) -> None:
    if how == "exit":
        os._exit(7)
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(path: str, value: Any) -> Any:
    """Die, but not if that has been done."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        os.kill(os.getpid(), signal.SIGKILL)
    return value


def raise_base(name: str) -> None:
    raise {"SystemExit": SystemExit, "KeyboardInterrupt": KeyboardInterrupt, "GeneratorExit": GeneratorExit}[name](
        "why"
    )


def stubborn(_: object = None) -> None:
    """Ignore SIGTERM and never come back."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)


def append(path: str, text: str) -> None:
    with open(path, "a") as file:
        file.write(text + "\n")


def endless() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def nested_pool() -> Any:
    import multiprocessing

    return multiprocessing.get_context("fork").Pool(1)


def thread_names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


class Subject:
    """What an initializer makes, and tasks use."""

    def __init__(self, number: int) -> None:
        self.number, self.pid = number, os.getpid()


def state_and_id(_: object = None) -> tuple[int, bool, int | None]:
    state = gomp.worker_state()
    return state.number, state.pid == os.getpid(), gomp.worker_id()


def affinity(_: object = None) -> tuple[int | None, set[int]]:
    time.sleep(0.02)
    return gomp.worker_id(), os.sched_getaffinity(0)
