"""Starting a child by fork."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from multiprocessing import popen_fork as _std
from multiprocessing import util
from multiprocessing.connection import wait
from threading import get_ident

from . import _boundary
from ._family import RUNS_ATEXIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Popen"]

# The exit code of a child whose own nobody knows, as the standard library has it.
UNKNOWN = 255
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
    """The standard object, for children that more than one thread waits for, and telling the family which are gone.

    The standard one reaps, then notes the code: another thread that asks between the two finds neither a child nor a
    code. Here the code is noted first, so a child that is gone has one. No signal's exception can come between the
    note and the reaping: the interpreter looks for signals after a call.
    """

    returncode: int | None

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """Return the exit code if the child has ended, else None or, with `flag` 0, wait for that."""
        if self.returncode is None:
            if flag == 0:
                wait([self.sentinel])
            try:
                end = os.waitid(os.P_PID, self.pid, os.WNOHANG | os.WEXITED | os.WNOWAIT)
            except OSError:  # reaped: by a thread that has noted the code, or by what replaces waitpid, as gevent does
                if super().poll(flag) is not None:
                    _boundary.reaped(self.pid)
                return self.returncode
            if end is not None:
                self._reap(end.si_status if end.si_code == os.CLD_EXITED else -end.si_status)
        return self.returncode

    def _reap(self, code: int) -> None:
        if self.returncode is None:
            self.returncode = code
            try:
                os.waitpid(self.pid, os.WNOHANG)
            except OSError:  # somebody else has
                pass
            finally:  # a signal's exception must not leave a child that was waited for untold
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
