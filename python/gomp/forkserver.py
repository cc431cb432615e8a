"""gomp's own fork server: the standard one, in a process that has joined the family.

So modules that it preloads may make gomp objects that its children then share.
"""

from __future__ import annotations

import types
from multiprocessing import forkserver as _std
from multiprocessing import util

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

# The server forks beside the core's threads on purpose; its own warning would be for nobody.
_QUIET = """
import warnings
warnings.filterwarnings("ignore", category=DeprecationWarning, module="multiprocessing.forkserver")
"""


class _Util:
    """The standard util module to the method below, but for how it spawns the server."""

    def __getattr__(self, name: str) -> object:
        return getattr(util, name)

    @staticmethod
    def spawnv_passfds(path: bytes, args: list[str], passfds: Iterable[int]) -> int:
        token = _boundary.reserve()
        fd, _ = _boundary.family()
        names = {"fd": fd, **invitation(token)}
        program = f"exec({JOIN + _QUIET!r}, {names!r})\n{args[-1]}"
        try:
            pid = util.spawnv_passfds(path, [*args[:-1], program], [*passfds, fd])
        except BaseException:
            _boundary.unreserve(token)
            raise
        _boundary.bind(token, pid)
        return pid


class ForkServer(_std.ForkServer):
    """A fork server that is a member of the family."""

    # The standard method, over these globals: it is one piece, and changes between versions.
    ensure_running = types.FunctionType(
        _std.ForkServer.ensure_running.__code__,
        {**vars(_std), "util": _Util()},
        "ensure_running",
        _std.ForkServer.ensure_running.__defaults__,
    )

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
