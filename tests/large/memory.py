"""Where an array's data are, and how much of the family's memory is in use."""

from __future__ import annotations

import contextlib
import gc
import os
import pathlib
import select
import time
from typing import Any

import numpy as np

from gomp import _boundary

# More than what goes into a message's own pickle.
LARGE = 100_000


def large(start: int = 0) -> Any:
    """An array that does not go into a pickle."""
    return np.arange(start, start + LARGE, dtype=np.int64)


def used() -> int:
    gc.collect()
    return _boundary.stats()["used"]


def used_soon(wanted: int) -> bool:
    """Whether so much is in use before long: another process may have to let go."""
    end = time.monotonic() + 5
    while used() != wanted and time.monotonic() < end:
        time.sleep(0.01)
    return used() == wanted


def where(array: Any) -> str:
    """Return "shared" or "private" for a mapping of the family's memory, "elsewhere" for any other."""
    address = array.__array_interface__["data"][0]
    for line in pathlib.Path("/proc/self/maps").read_text().splitlines():
        start, end = (int(text, 16) for text in line.split()[0].split("-"))
        if start <= address < end:
            if "/memfd:gomp" not in line:
                return "elsewhere"
            return {"s": "shared", "p": "private"}[line.split()[1][3]]
    raise AssertionError("the data are nowhere")


def mappings() -> int:
    """How many mappings of the family's memory this process has: one, and more while arrays are set apart."""
    return pathlib.Path("/proc/self/maps").read_text().count("/memfd:gomp")


def reap(pid: int) -> int:
    """Wait for a child; its exit code."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    _boundary.reaped(pid)
    return code


def ended(pid: int) -> None:
    """Wait for the end of a process that nobody else waits for, and do what its parent would."""
    with contextlib.suppress(ProcessLookupError):
        fd = os.pidfd_open(pid)
        assert select.select([fd], [], [], 10)[0]
        os.close(fd)
    _boundary.reaped(pid)


def in_child(action: Any) -> int:
    """Run something in a forked child and return its pid; it exits with 0 if that is true."""
    pid = os.fork()
    if pid == 0:
        code = 2
        try:
            code = 0 if action() else 1
        finally:
            os._exit(code)
    return pid
