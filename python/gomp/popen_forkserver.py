"""Starting a child by asking a server process to fork."""

from __future__ import annotations

import os
from multiprocessing import popen_forkserver as _std
from multiprocessing import util

from . import _boundary, forkserver
from .popen_fork import Reaper
from .popen_spawn_posix import message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Popen"]

_DupFd = _std._DupFd


class Popen(Reaper, _std.Popen):
    """A child forked by gomp's server. The server's status pipe is the sentinel: by the
    time its pid is known here, the child may have ended and been reaped there."""

    def _launch(self, process_obj: Any) -> None:
        self._gomp_token = _boundary.reserve()
        try:
            self._start(process_obj)
        except BaseException:
            if not hasattr(self, "pid"):
                _boundary.unreserve(self._gomp_token)
            raise

    def _start(self, process_obj: Any) -> None:
        data = message(self, process_obj)
        self.sentinel, w = forkserver.connect_to_new_process(self._fds)
        # The child watches this process by the data pipe, so its write end stays open.
        parent_w = os.dup(w)
        self.finalizer = util.Finalize(self, util.close_fds, (parent_w, self.sentinel))
        with open(w, "wb", closefd=True) as f:
            f.write(data)
        self.pid = forkserver.read_signed(self.sentinel)
        _boundary.bind(self._gomp_token, self.pid)


def __getattr__(name: str) -> Any:
    return getattr(_std, name)  # whatever else the standard module of this version has
