"""What the executors of these tests run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from typing import Any


def square(number: int) -> int:
    return number * number


def nap_and_tell(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_of_thirteen(number: int) -> int:
    if number == 13:
        die()
    return number


def fail(message: str) -> None:
    raise ValueError(message)


def leave(code: int) -> None:
    sys.exit(code)


def give_lock() -> Any:
    return threading.Lock()


def have_child() -> int | None:
    """Start a process of one's own, which only a worker that is no daemon may."""
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(0,))
    child.start()
    child.join()
    return child.exitcode


def fail_to_start() -> None:
    raise RuntimeError("no worker today")


def raise_timeout(_: object) -> None:
    raise multiprocessing.TimeoutError("of the call's own")
