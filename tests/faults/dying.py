"""Children that are to die, and what those who survive them tell."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from gomp import _boundary

# What the fault model promises, and how often a run that was slower may be repeated: a busy machine may keep a
# survivor from running for longer than that.
SOON, TRIES = 0.1, 8
# How often each case is run, and how often one that differs from another only in what should not matter.
TIMES, FEW = 50, 5

Tell = Callable[..., None]


def bury(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
    _boundary.reaped(pid)


def kill(pid: int) -> float:
    """Kill a process, which need not be a child; the time at which its death could be seen."""
    fd = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        assert select.select([fd], [], [], 10)[0]
        return time.monotonic()
    finally:
        os.close(fd)


class Child:
    """A forked child that does something, tells its parent what it has to tell, and then stays."""

    def __init__(self, action: Callable[[Tell], object]) -> None:
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(reader)
                action(lambda *what: self._write(writer, what))
                time.sleep(60)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        os.close(writer)
        self._reports = os.fdopen(reader, "rb", buffering=0)

    @staticmethod
    def _write(fd: int, what: tuple[Any, ...]) -> None:
        os.write(fd, pickle.dumps(what))

    def told(self, timeout: float = 10) -> tuple[Any, ...]:
        """What the child tells next."""
        assert select.select([self._reports], [], [], timeout)[0], "the child is silent"
        what: tuple[Any, ...] = pickle.load(self._reports)
        return what

    def silent(self, timeout: float) -> bool:
        """Whether the child tells nothing for that long."""
        return not select.select([self._reports], [], [], timeout)[0]

    def asleep(self) -> None:
        """Wait until the child sleeps, or is no more."""
        end, seen = time.monotonic() + 10, 0
        while seen < 3:
            with open(f"/proc/{self.pid}/stat") as file:
                seen = seen + 1 if file.read().rpartition(")")[2].split()[0] in "SZ" else 0
            assert time.monotonic() < end, "the child does not sleep"
            time.sleep(0.001)

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)
        os.waitpid(self.pid, os.WUNTRACED)

    def kill(self) -> float:
        return kill(self.pid)

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._reports.close()
        bury(self.pid)


@contextlib.contextmanager
def children(*actions: Callable[[Tell], object]) -> Iterator[list[Child]]:
    """Children, each started when the one before has told that it is there, and is asleep."""
    born: list[Child] = []
    try:
        for action in actions:
            child = Child(action)
            born.append(child)
            assert child.told() == ("there",)
            child.asleep()
        yield born
    finally:
        for child in born:
            child.end()


def repeat(run: Callable[[], float], times: int = TIMES) -> None:
    """Run a case, which returns how long the survivors took to go on. It is right each time, and soon enough."""
    for number in range(times):
        took = []
        while not took or took[-1] > SOON:
            assert len(took) < TRIES, f"run {number}: the others waited for {', '.join(f'{t:.3f} s' for t in took)}"
            took.append(run())
