"""Starting a child by fork."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from multiprocessing import popen_fork as _std
from multiprocessing import util
from threading import get_ident

from . import _boundary
from ._family import RUNS_ATEXIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Popen"]

_WARNS = sys.version_info >= (3, 12)


def fork() -> int:
    """os.fork(), without its warning where the only other threads are the core's, or where a pool's steward, which
    is no thread of Python's, replaces a worker."""
    if not _WARNS or (threading.active_count() > 1 and any(t.ident == get_ident() for t in threading.enumerate())):
        return os.fork()
    return _boundary.fork()


def over() -> int:
    """A descriptor that is readable: what it stands for has ended."""
    read, write = os.pipe()
    os.close(write)
    return read


def watch(pid: int) -> int:
    """A descriptor that becomes readable when the child ends."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:  # SIGCHLD is ignored: the kernel has reaped it already
        return over()
    except OSError:  # no descriptor is left: a child that nobody can watch is not to run
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def watch_parent(pid: int) -> int:
    """A descriptor that becomes readable when the parent ends."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return over()
    if os.getppid() == pid:
        return fd
    os.close(fd)  # it ended before we looked, and the number may be another's by now
    return over()


class Reaper(_std.Popen):
    """The standard object, telling the family which children it has waited for."""

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        alive = self.returncode is None
        try:
            return super().poll(flag)
        finally:  # a signal's exception must not leave a child that was waited for untold
            if alive and self.returncode is not None:
                _boundary.reaped(self.pid)


class Popen(Reaper):
    """A child started by fork."""

    def _launch(self, process_obj: Any) -> None:
        _boundary.family()
        code, parent = 1, os.getpid()
        self.pid = fork()
        if self.pid == 0:
            try:
                if RUNS_ATEXIT:
                    atexit._clear()
                    atexit.register(util._exit_function)
                code = process_obj._bootstrap(parent_sentinel=watch_parent(parent))
            finally:
                if RUNS_ATEXIT:
                    atexit._run_exitfuncs()
                _boundary.ended()
                os._exit(code)
        _boundary.forked(self.pid)
        self.sentinel = watch(self.pid)
        self.finalizer = util.Finalize(self, util.close_fds, (self.sentinel,))


def __getattr__(name: str) -> Any:
    return getattr(_std, name)  # whatever else the standard module of this version has
