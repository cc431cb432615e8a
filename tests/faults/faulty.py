"""What goes wrong in the worker of a pool, and where. Workers import this."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

# When the last fault happened, in this process or another one: CLOCK_MONOTONIC is the machine's.
clock: Any = None


def wind(shared: Any) -> None:
    """Have the faults of this process tell when they happen: the initializer of the pool."""
    global clock
    clock = shared


def fail() -> None:
    raise ValueError("it went wrong")


FAULTS: dict[str, Callable[[], object]] = {
    "exception": fail,
    "sys.exit": lambda: sys.exit(5),
    "os._exit": lambda: os._exit(6),
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "SIGSEGV": lambda: faulthandler._sigsegv(),  # type: ignore[attr-defined]
}
# What a dead worker's exit code is.
CODES = {"os._exit": 6, "SIGKILL": -signal.SIGKILL, "SIGSEGV": -signal.SIGSEGV}


def happen(fault: str) -> None:
    clock.value = time.monotonic()
    FAULTS[fault]()


def happen_at_start(fault: str, shared: Any) -> None:
    wind(shared)
    happen(fault)


def happen_soon(fault: str) -> int:
    """Return at once; the fault happens while the worker waits for its next task."""
    signal.signal(signal.SIGALRM, lambda *_: happen(fault))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    return os.getpid()


class OnArrival:
    """Goes wrong when it is unpickled."""

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def __call__(self, *args: object) -> None:
        raise AssertionError("it was unpickled")

    def __reduce__(self) -> Any:
        return happen, (self.fault,)


class OnLeaving:
    """Goes wrong when it is pickled."""

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def __reduce__(self) -> Any:
        happen(self.fault)
        raise AssertionError("it did not go wrong")


def same(value: Any) -> Any:
    return value
