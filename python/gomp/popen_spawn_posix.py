"""Starting a child as a fresh interpreter."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from multiprocessing import popen_spawn_posix as _std
from multiprocessing import reduction, resource_tracker, spawn, util
from multiprocessing.context import set_spawning_popen

from . import _boundary, arrays
from ._family import Passage
from .popen_fork import Reaper, watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Popen"]

_DupFd = _std._DupFd
_std_dump = reduction.dump


class _Pickler(reduction.ForkingPickler):
    """Pickles for a child. An array of gomp.arrays goes by what it is: memory that the child is to share."""

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is sys.modules["numpy"].ndarray:
            return arrays.reduce_for_child(obj)
        return NotImplemented


def dump(obj: Any, file: io.BytesIO) -> None:
    """Pickle what a child is to do: by the standard function, which a program may have replaced, unless it can
    hold arrays."""
    if reduction.dump is _std_dump and hasattr(sys.modules.get("numpy"), "ndarray"):
        _Pickler(file).dump(obj)
    else:
        reduction.dump(obj, file)


def message(popen: Any, process_obj: Any) -> memoryview:
    """What the child reads: how to join the family, its preparation, and its process object."""
    buf = io.BytesIO()
    set_spawning_popen(popen)
    try:
        preparation = spawn.get_preparation_data(process_obj._name)
        reduction.dump({"gomp": Passage(), **preparation}, buf)
        dump(process_obj, buf)
    finally:
        set_spawning_popen(None)
    return buf.getbuffer()


class Popen(Reaper, _std.Popen):
    """A child started as a fresh interpreter."""

    def _launch(self, process_obj: Any) -> None:
        self._gomp_token = _boundary.reserve()
        try:
            self._start(process_obj)
        except BaseException:
            if not hasattr(self, "pid"):
                _boundary.unreserve(self._gomp_token)
            else:  # a signal's exception, mostly: nobody will know of the child
                with contextlib.suppress(ChildProcessError):
                    if os.waitpid(self.pid, os.WNOHANG)[0] == 0:
                        os.kill(self.pid, signal.SIGKILL)
                        os.waitpid(self.pid, 0)
                _boundary.reaped(self.pid)
            raise

    def _start(self, process_obj: Any) -> None:
        tracker_fd = resource_tracker.getfd()
        self._fds.append(tracker_fd)
        data = message(self, process_obj)
        child_r, parent_w = os.pipe()
        fds = [parent_w]
        try:
            cmd = spawn.get_command_line(tracker_fd=tracker_fd, pipe_handle=child_r)
            self._fds.append(child_r)
            self.pid = util.spawnv_passfds(spawn.get_executable(), cmd, self._fds)
            _boundary.bind(self._gomp_token, self.pid)
            self.sentinel = watch(self.pid)
            fds.append(self.sentinel)
            with open(parent_w, "wb", closefd=False) as f:
                f.write(data)
        finally:
            self.finalizer = util.Finalize(self, util.close_fds, fds)
            os.close(child_r)


def __getattr__(name: str) -> Any:
    return getattr(_std, name)  # whatever else the standard module of this version has
