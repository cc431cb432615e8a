"""The standard pool over gomp's processes and queues."""

from __future__ import annotations

from multiprocessing import pool as _std

from .context import _default_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ["Pool", "ThreadPool"]

get_context = _default_context.get_context


class Pool(_std.Pool):
    """A pool of gomp's processes."""

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., Any] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: Any = None,
    ) -> None:
        super().__init__(processes, initializer, initargs, maxtasksperchild, context or get_context())

    def _get_sentinels(self) -> list[Any]:
        # The thread that waits for these looks after the workers, which have sentinels of
        # their own: it need not be woken, nor the pipe be rung, for each result.
        return [self._change_notifier._reader]


class ThreadPool(_std.ThreadPool, Pool):
    """A pool of threads."""


def __getattr__(name: str) -> Any:
    return getattr(_std, name)  # whatever else the standard module of this version has
