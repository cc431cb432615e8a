"""The standard managers, whose server is a gomp process."""

from __future__ import annotations

from multiprocessing import managers as _std
from multiprocessing.managers import *  # noqa: F403

from . import context, pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = list(_std.__all__)


class BaseManager(_std.BaseManager):
    """Base class for managers, in gomp's default context unless told otherwise."""

    def __init__(
        self,
        address: Any = None,
        authkey: bytes | None = None,
        serializer: str = "pickle",
        ctx: Any = None,
        *,
        shutdown_timeout: float = 1.0,
    ) -> None:
        ctx = ctx or context._default_context.get_context()
        super().__init__(address, authkey, serializer, ctx, shutdown_timeout=shutdown_timeout)


class SyncManager(_std.SyncManager, BaseManager):
    """The manager of shared dicts, lists, queues, locks and pools."""


SyncManager.register("Pool", pool.Pool, _std.PoolProxy)


class SharedMemoryManager(_std.SharedMemoryManager, BaseManager):
    """The manager of named shared memory."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if len(args) < 4 and not kwargs.get("ctx"):
            # The standard class calls its own base by name.
            self._ctx = context._default_context.get_context()


def __getattr__(name: str) -> Any:
    return getattr(_std, name)  # whatever else the standard module of this version has
