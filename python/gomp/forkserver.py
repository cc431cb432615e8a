"""gomp's own fork server: the standard one, in a process that has joined the family.

So modules that it preloads may make gomp objects that its children then share.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import types
from multiprocessing import forkserver as _std
from multiprocessing import process, resource_tracker, spawn, util

from . import _boundary
from ._family import JOIN, invitation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

__all__ = [
    "connect_to_new_process",
    "ensure_running",
    "get_inherited_fds",
    "set_forkserver_preload",
]

# Run in the server once it is a member of the family, before the standard server's own code.
_READY = """
from gomp import forkserver
forkserver.make_ready(tracker_fd, main_fd)
"""

# What a main module may look at when it is imported.
_FOR_MAIN = ("sys_path", "sys_argv", "orig_dir", "start_method", "init_main_from_name", "init_main_from_path")


def make_ready(tracker_fd: int, main_fd: int | None) -> None:
    """In the server: import what its children need, so that they find it there.

    What is imported may register resources: with the program's tracker, as the children do, not with another one."""
    import warnings

    from . import _worker, connection, popen_forkserver, queues, synchronize  # noqa: F401

    # The server forks beside the core's threads on purpose; its own warning would be for nobody.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="multiprocessing.forkserver")
    resource_tracker._resource_tracker._fd = tracker_fd
    if main_fd is not None:
        with open(main_fd, "rb") as file:
            file.seek(0)
            import_main(pickle.load(file))


def import_main(preparation: dict[str, Any]) -> None:
    """Import the program's main module, which the standard server before 3.12.8 and 3.13.1 means to, and does not.

    If that fails it fails in each child again, which tells why."""
    current: Any = process.current_process()
    current._inheriting = True
    try:
        with contextlib.suppress(Exception, SystemExit):
            spawn.prepare(preparation)
    finally:
        del current._inheriting
    util._flush_std_streams()  # children would write what is buffered once more


def main_file(modules: list[str]) -> int | None:
    """A descriptor of a file that says how to import the main module, if that is among the modules to preload.

    It may be more than a command line can take."""
    if "__main__" not in modules:
        return None
    data = spawn.get_preparation_data("ignore")
    fd = os.memfd_create("gomp-main")
    with open(fd, "wb", closefd=False) as file:
        pickle.dump({key: value for key, value in data.items() if key in _FOR_MAIN}, file)
    return fd


class _Util:
    """The standard util module to the method below, but for how it spawns the server."""

    def __init__(self, modules: list[str]) -> None:
        self.modules = modules

    def __getattr__(self, name: str) -> object:
        return getattr(util, name)

    def spawnv_passfds(self, path: bytes, args: list[str], passfds: Iterable[int]) -> int:
        fd, _ = _boundary.family()
        tracker_fd = resource_tracker.getfd()
        main_fd = main_file(self.modules)
        fds = [fd, tracker_fd] if main_fd is None else [fd, tracker_fd, main_fd]
        token = _boundary.reserve()
        names = {"fd": fd, "tracker_fd": tracker_fd, "main_fd": main_fd, **invitation(token)}
        program = f"exec({JOIN + _READY!r}, {names!r})\n{args[-1]}"
        try:
            pid = util.spawnv_passfds(path, [*args[:-1], program], [*passfds, *fds])
        except BaseException:
            _boundary.unreserve(token)
            raise
        finally:
            if main_fd is not None:
                os.close(main_fd)
        _boundary.bind(token, pid)
        return pid


class ForkServer(_std.ForkServer):
    """A fork server that is a member of the family."""

    def ensure_running(self) -> None:
        # The standard method, over these globals: it is one piece, and changes between versions.
        names = {**vars(_std), "util": _Util(self._preload_modules)}
        types.FunctionType(_std.ForkServer.ensure_running.__code__, names)(self)

    def _stop_unlocked(self) -> None:
        pid = self._forkserver_pid
        super()._stop_unlocked()
        if pid is not None:
            _boundary.reaped(pid)

    def get_inherited_fds(self) -> list[int] | None:
        """Return list of fds inherited from parent process, if a fork server started this one."""
        # The server's loop is the standard one, which notes them in its own instance.
        return _std._forkserver.get_inherited_fds()


_forkserver = ForkServer()
ensure_running = _forkserver.ensure_running
get_inherited_fds = _forkserver.get_inherited_fds
connect_to_new_process = _forkserver.connect_to_new_process
set_forkserver_preload = _forkserver.set_forkserver_preload


def __getattr__(name: str) -> Any:
    return getattr(_std, name)  # whatever else the standard module of this version has
