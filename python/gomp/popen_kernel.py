"""Starting a process that runs kernels: the program of a pack, a member of the family without Python in it."""

from __future__ import annotations

import os
import signal
from multiprocessing import util

from . import _boundary
from .popen_fork import Reaper, watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Popen", "Task"]


class Popen(Reaper):
    """The process of a `_native.Server`."""

    method = "kernel"

    def _launch(self, process_obj: Any) -> None:
        self._start(process_obj.orders)

    def _start(self, orders: Any) -> None:
        token = _boundary.reserve()
        try:
            self.pid = self.spawn(token, orders)
        except BaseException:
            _boundary.unreserve(token)
            raise
        _boundary.bind(token, self.pid)
        self.sentinel = watch(self.pid)
        self.finalizer = util.Finalize(self, util.close_fds, (self.sentinel,))

    @staticmethod
    def spawn(token: int, orders: Any) -> int:
        """Start the pack's program in places of a pool's table. Its arguments are those of gomp/kernel/main.go."""
        fd, key = _boundary.family()
        _, off, _, serial = orders.core._handle(token)
        keep = os.dup(fd)
        try:
            os.set_inheritable(keep, True)
            numbers = (keep, key, token, off, serial, orders.first, orders.places)
            args = [orders.path, "serve", *map(str, numbers), orders.alone]
            # What the program blocks or ignores is its own affair.
            defaults = [signal.SIGINT, signal.SIGPIPE, signal.SIGTERM]
            return os.posix_spawn(orders.path, args, os.environ, setsigmask=(), setsigdef=defaults)
        finally:
            os.close(keep)


class Task(Popen):
    """The process of a kernel, as the target of a Process: it runs one task of a pool of its own."""

    def _launch(self, process_obj: Any) -> None:
        from ._native import Orders, one_task

        kernel = process_obj._target
        self.core, self.job = one_task(kernel, process_obj._args, process_obj._kwargs)
        self.kernel = kernel
        self._start(Orders(kernel.pack._program(), self.core, 0, 1, process_obj.name))
