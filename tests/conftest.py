"""What every test is held to: an end in time, and nothing left behind.

The time limit is pytest.ini's, or that of `@pytest.mark.timeout(seconds)`. When it passes, the stacks of all
threads are printed and the test fails; when even that cannot happen, because the main thread is stuck in C with
signals unseen, faulthandler prints the stacks and ends the run.
"""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import pathlib
import signal
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

import pytest

# How many seconds what a test started may take to go away by itself.
PATIENCE = 3.0
# How much longer than its limit a test that cannot be interrupted may take before the run ends.
LAST_RESORT = 1.5

terminal = pytest.StashKey[IO[bytes]]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep the real standard error: what ends the run must be seen, although pytest captures the output."""
    config.stash[terminal] = os.fdopen(os.dup(2), "wb")


@pytest.fixture(autouse=True)
def last_resort(request: pytest.FixtureRequest) -> Iterator[None]:
    """End the whole run when a test cannot even be interrupted."""
    marker = request.node.get_closest_marker("timeout")
    limit = float(marker.args[0] if marker and marker.args else request.config.getini("timeout"))
    faulthandler.dump_traceback_later(limit * LAST_RESORT, exit=True, file=request.config.stash[terminal])
    yield
    faulthandler.cancel_dump_traceback_later()


def session_members() -> dict[int, int]:
    """Return {pid: parent} of the live processes in this process's session."""
    members = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent, _, session = path.read_text().rpartition(")")[2].split()[:4]
            if int(session) == os.getsid(0) and state not in "ZX":
                members[int(path.parent.name)] = int(parent)
    return members


def left_running(before: dict[int, int]) -> set[int]:
    """Return the descendants of this process, orphans included, that did not run before."""
    now = session_members()
    # The standard library keeps these two for the life of the program, on purpose.
    tracker: Any = multiprocessing.resource_tracker._resource_tracker
    server: Any = multiprocessing.forkserver._forkserver
    kept = {tracker._pid, server._forkserver_pid}
    return {
        pid
        for pid, parent in now.items()
        if pid not in before and pid not in kept and (parent == os.getpid() or parent not in now)
    }


def shared_memory_files() -> set[str]:
    """Return the names in /dev/shm that gomp or the standard library may have made: other programs have theirs."""
    with contextlib.suppress(FileNotFoundError):
        return {name for name in os.listdir("/dev/shm") if name.startswith(("gomp", "psm_", "sem.mp-"))}
    return set()


def mapped_somewhere(name: str) -> bool:
    """Tell whether a living process has a file of /dev/shm mapped: then it is that process's to remove."""
    for path in pathlib.Path("/proc").glob("[0-9]*/maps"):
        with contextlib.suppress(OSError):
            if f"/dev/shm/{name}\n" in path.read_text():
                return True
    return False


def describe(pid: int) -> str:
    """Return a process's number and command line."""
    with contextlib.suppress(OSError):
        return f"{pid} ({pathlib.Path(f'/proc/{pid}/cmdline').read_text().replace(chr(0), ' ').strip()})"
    return str(pid)


def settle(look: Callable[[], set[int]] | Callable[[], set[str]]) -> set[int] | set[str]:
    """Look until nothing is left, or patience is."""
    end = time.monotonic() + PATIENCE
    while (left := look()) and time.monotonic() < end:
        time.sleep(0.02)
    return left


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Fail a test that leaves processes running, or files in /dev/shm that nobody uses any more."""
    processes, files = session_members(), shared_memory_files()
    yield
    running = settle(lambda: left_running(processes))
    described = [describe(int(pid)) for pid in running]
    for pid in running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    assert not running, f"left running: {', '.join(described)}"

    def abandoned() -> set[str]:
        return {name for name in shared_memory_files() - files if not mapped_somewhere(name)}

    left = settle(abandoned)
    assert not left, f"left in /dev/shm: {left}"
