"""How a process becomes a member of the family that shares gomp's objects.

A forked child is a member by birth. A child started by spawn or forkserver joins before
anything else of its program runs, since its main module may make gomp objects at import,
and objects made before would belong to another family.
"""

from __future__ import annotations

import atexit
import os
import sys
from multiprocessing.context import assert_spawning, get_spawning_popen

from . import _alias, _boundary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Inherited", "Passage", "join", "served", "spawning_token"]

# Run in the child by what it unpickles (or is told) first. It finds the very gomp that the
# parent runs, which the child's sys.path need not lead to yet.
JOIN = """
import importlib.util, sys
if "gomp" not in sys.modules:
    spec = importlib.util.spec_from_file_location("gomp", init)
    sys.modules["gomp"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["gomp"])
from gomp import _family
_family.join(fd, key, token, alias)
"""

# From 3.13 on the interpreter runs the exit handlers of children that it forked itself.
RUNS_ATEXIT = sys.version_info >= (3, 13)

FORK_CONTEXT = (
    "A SemLock created in a fork context is being "
    "shared with a process in a spawn context. This is "
    "not supported. Please use the same context to create "
    "multiprocessing objects and Process."
)


def invitation(token: int) -> dict[str, Any]:
    """What JOIN needs to know, but for the descriptor, in the child that owns `token`."""
    _, key = _boundary.family()
    init = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__init__.py")
    return {"init": init, "key": key, "token": token, "alias": _alias.installed()}


class Passage:
    """Unpickled first by the child that is being started: it joins the family."""

    def __reduce__(self) -> tuple[Any, ...]:
        popen = get_spawning_popen()
        fd, _ = _boundary.family()
        dup = popen.DupFd(popen.duplicate_for_child(fd))
        return exec, (JOIN, {"fd": dup, **invitation(popen._gomp_token)})


def join(fd: Any, key: int, token: int, alias: bool) -> None:
    """Join the family; `fd` is its memory's descriptor, or the carrier of it."""
    if not isinstance(fd, int):
        fd = fd.detach()
    _boundary.attach(fd, key, token)
    os.close(fd)
    if alias and not _alias.installed():
        _alias.install()
    if served() and RUNS_ATEXIT:
        from . import util

        # Handlers run in reverse order, and the standard one still joins children.
        last = util._exit_function  # type: ignore[attr-defined]
        atexit.unregister(last)
        atexit.register(_boundary.ended)
        atexit.register(last)


def served() -> bool:
    """Whether a fork server made this process, to which its loop will put an end by os._exit."""
    server = sys.modules.get("multiprocessing.forkserver")
    return server is not None and server._forkserver.get_inherited_fds() is not None


def spawning_token(obj: object, fork_ctx: bool = False) -> tuple[int, Passage | None]:
    """The token of the process that `obj` is being pickled for, and what must be pickled first.

    A child of another library's making, which is told nothing by gomp's own Popen, joins
    when it unpickles the first of gomp's objects.
    """
    assert_spawning(obj)
    if fork_ctx:
        raise RuntimeError(FORK_CONTEXT)
    popen: Any = get_spawning_popen()
    if hasattr(popen, "_gomp_token"):
        return popen._gomp_token, None
    popen._gomp_token = _boundary.reserve()
    return popen._gomp_token, Passage()


class Inherited:
    """Mixin of the shared objects that travel only to a child that is being started."""

    _is_fork_ctx = False

    def __getstate__(self) -> Any:
        token, passage = spawning_token(self, self._is_fork_ctx)
        return passage, self._handle(token)  # type: ignore[attr-defined]

    def __setstate__(self, state: Any) -> None:
        self._attach(state[1])  # type: ignore[attr-defined]
