"""Starting a child by asking a server process to fork."""

from __future__ import annotations

import contextlib
import os
import signal
from multiprocessing import popen_forkserver as _std
from multiprocessing import util
from multiprocessing.connection import wait

from . import _boundary, forkserver
from .popen_fork import UNKNOWN
from .popen_spawn_posix import message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Popen"]

_DupFd = _std._DupFd

# What the server sends, a child's pid and later its exit code; and what is no code.
STATUS = _std.forkserver.SIGNED_STRUCT
UNREAD = STATUS.pack(1 << 62)


class Popen(_std.Popen):
    """A child forked by gomp's server. The server's status pipe is the sentinel: by the
    time its pid is known here, the child may have ended and been reaped there."""

    returncode: int | None

    def _launch(self, process_obj: Any) -> None:
        self._gomp_token = _boundary.reserve()
        try:
            self._start(process_obj)
        except BaseException:
            if not hasattr(self, "pid"):
                _boundary.unreserve(self._gomp_token)
            else:  # a signal's exception: nobody will know of the child
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
            raise

    def _start(self, process_obj: Any) -> None:
        data = message(self, process_obj)
        self.sentinel, w = forkserver.connect_to_new_process(self._fds)
        # The child watches this process by the data pipe, so its write end stays open.
        parent_w = os.dup(w)
        self.finalizer = util.Finalize(self, util.close_fds, (parent_w, self.sentinel))
        self._status = bytearray(UNREAD)
        with open(w, "wb", closefd=True) as f:
            # Before the data: a child that nobody knows of, if a signal's exception comes here, has nothing to do.
            self.pid = forkserver.read_signed(self.sentinel)
            os.set_blocking(self.sentinel, False)
            _boundary.bind(self._gomp_token, self.pid)
            f.write(data)

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """Return the exit code if the child has ended, else None or, with `flag` 0, wait for that."""
        if self.returncode is None:
            if self._status == UNREAD and not wait([self.sentinel], 0 if flag == os.WNOHANG else None):
                return None
            # The system call itself stores the code, so neither another thread nor a signal's exception can lose it.
            with contextlib.suppress(BlockingIOError):  # it was read by now
                os.readv(self.sentinel, [self._status])
            (code,) = STATUS.unpack(self._status)
            self.returncode = code if self._status != UNREAD else UNKNOWN
            _boundary.reaped(self.pid)
        return self.returncode


def __getattr__(name: str) -> Any:
    return getattr(_std, name)  # whatever else the standard module of this version has
