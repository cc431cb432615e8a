"""Forks children, waits for each of them with a time limit, and tells how each ended."""

from __future__ import annotations

import collections
import contextlib
import os
import pathlib
import signal
import sys
import time
import traceback
from collections.abc import Callable

LIMIT = 40.0  # seconds: a child needs some milliseconds, on a crowded machine a second
EXPECTED: dict[int, int] = {}  # checksums of the core's self test, by number of goroutines


class Hung(Exception):
    """A child did not end in time."""


def states(pid: int) -> str:
    """What each thread of a process is doing, as far as the kernel tells."""
    lines = []
    for task in sorted(pathlib.Path(f"/proc/{pid}/task").glob("*")):
        with contextlib.suppress(OSError):
            state = task.joinpath("stat").read_text().rpartition(")")[2].split()[0]
            lines.append(f"{task.name}: {state} in {task.joinpath('wchan').read_text()}")
    return "; ".join(lines)


class Crowd:
    """The children of a scenario."""

    def __init__(self, at_once: int = 8) -> None:
        self.at_once = at_once
        self.living: dict[int, float] = {}
        self.ended: collections.Counter[int] = collections.Counter()

    def fork(self, body: Callable[[], object]) -> int:
        """Forks a child that runs the body and then exits with 0, or with 1 when it raises."""
        while len(self.living) >= self.at_once:
            self.reap()
        pid = os.fork()
        if pid == 0:
            run_and_exit(body)
        return self.add(pid)

    def add(self, pid: int) -> int:
        """Watches a child that was forked in another way."""
        self.living[pid] = time.monotonic()
        return pid

    def reap(self) -> None:
        """Collects who has ended, and raises Hung for who is late."""
        for pid, born in list(self.living.items()):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                self.ended[os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])] += 1
                del self.living[pid]
            elif time.monotonic() - born > LIMIT:
                what = states(pid)
                for other in self.living:
                    os.kill(other, signal.SIGKILL)
                raise Hung(f"child {pid} after {sum(self.ended.values())} others: {what}")
        time.sleep(0.001)

    def finish(self) -> dict[int, int]:
        """Waits for all children; how many ended with each exit code, negative for a signal."""
        while self.living:
            self.reap()
        return dict(self.ended)


def run_and_exit(body: Callable[[], object]) -> None:
    """The end of a forked child: no stack of the parent's is unwound."""
    code = 1
    try:
        body()
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)
