"""Contexts: the standard ones, making gomp's objects and processes.

The start method is one state, kept by the standard module, and so is the object that a
child is being spawned by.
"""

from __future__ import annotations

from multiprocessing import context as _std
from multiprocessing import process

from . import _boundary
from ._kernel import Kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from .managers import SyncManager
    from .pool import Pool
    from .queues import JoinableQueue, Queue, SimpleQueue
    from .synchronize import (
        Barrier,
        BoundedSemaphore,
        Condition,
        Event,
        Lock,
        RLock,
        Semaphore,
    )

__all__ = ()


class _Submodules:
    """The submodules that make objects, imported when first needed: importing gomp is to be
    cheap, and so is making a lock, which an import statement would double the cost of."""

    if TYPE_CHECKING:
        from . import connection, forkserver, managers, pool, queues, sharedctypes, synchronize
    else:

        def __getattr__(self, name):
            import importlib

            module = importlib.import_module(f"{__package__}.{name}")
            setattr(self, name, module)
            return module


_own = _Submodules()


class BaseContext(_std.BaseContext):
    """The methods of the standard context that make something, making gomp's."""

    def Manager(self) -> SyncManager:
        """Returns a manager associated with a running server process"""
        m = _own.managers.SyncManager(ctx=self.get_context())
        m.start()
        return m

    def Pipe(self, duplex: bool = True) -> Any:
        """Returns two connection object connected by a pipe"""
        return _own.connection.Pipe(duplex)

    def Lock(self, *, on_owner_death: str = "warn") -> Lock:
        """Returns a non-recursive lock object"""
        return _own.synchronize.Lock(ctx=self.get_context(), on_owner_death=on_owner_death)

    def RLock(self, *, on_owner_death: str = "warn") -> RLock:
        """Returns a recursive lock object"""
        return _own.synchronize.RLock(ctx=self.get_context(), on_owner_death=on_owner_death)

    def Condition(self, lock: Any = None) -> Condition:
        """Returns a condition object"""
        return _own.synchronize.Condition(lock, ctx=self.get_context())

    def Semaphore(self, value: int = 1, *, on_owner_death: str = "keep") -> Semaphore:
        """Returns a semaphore object"""
        return _own.synchronize.Semaphore(value, ctx=self.get_context(), on_owner_death=on_owner_death)

    def BoundedSemaphore(self, value: int = 1, *, on_owner_death: str = "keep") -> BoundedSemaphore:
        """Returns a bounded semaphore object"""
        return _own.synchronize.BoundedSemaphore(value, ctx=self.get_context(), on_owner_death=on_owner_death)

    def Event(self) -> Event:
        """Returns an event object"""
        return _own.synchronize.Event(ctx=self.get_context())

    def Barrier(self, parties: int, action: Callable[[], Any] | None = None, timeout: float | None = None) -> Barrier:
        """Returns a barrier object"""
        return _own.synchronize.Barrier(parties, action, timeout, ctx=self.get_context())

    def Queue(self, maxsize: int = 0, *, maxbytes: int = 0, strict: bool = False, codec: str = "pickle") -> Queue:
        """Returns a queue object"""
        return _own.queues.Queue(maxsize, ctx=self.get_context(), maxbytes=maxbytes, strict=strict, codec=codec)

    def JoinableQueue(
        self, maxsize: int = 0, *, maxbytes: int = 0, strict: bool = False, codec: str = "pickle"
    ) -> JoinableQueue:
        """Returns a queue object"""
        return _own.queues.JoinableQueue(maxsize, ctx=self.get_context(), maxbytes=maxbytes, strict=strict, codec=codec)

    def SimpleQueue(self) -> SimpleQueue:
        """Returns a queue object"""
        return _own.queues.SimpleQueue(ctx=self.get_context())

    def Pool(
        self,
        processes: int | str | None = None,
        initializer: Callable[..., Any] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        *,
        on_exit: Callable[[], Any] | None = None,
        cpu_affinity: Any = None,
    ) -> Pool:
        """Returns a process pool object"""
        return _own.pool.Pool(
            processes,
            initializer,
            initargs,
            maxtasksperchild,
            context=self.get_context(),
            on_exit=on_exit,
            cpu_affinity=cpu_affinity,
        )

    def RawValue(self, typecode_or_type: Any, *args: Any) -> Any:
        """Returns a shared object"""
        return _own.sharedctypes.RawValue(typecode_or_type, *args)

    def RawArray(self, typecode_or_type: Any, size_or_initializer: Any) -> Any:
        """Returns a shared array"""
        return _own.sharedctypes.RawArray(typecode_or_type, size_or_initializer)

    def Value(self, typecode_or_type: Any, *args: Any, lock: Any = True) -> Any:
        """Returns a synchronized shared object"""
        return _own.sharedctypes.Value(typecode_or_type, *args, lock=lock, ctx=self.get_context())

    def Array(self, typecode_or_type: Any, size_or_initializer: Any, *, lock: Any = True) -> Any:
        """Returns a synchronized shared array"""
        return _own.sharedctypes.Array(typecode_or_type, size_or_initializer, lock=lock, ctx=self.get_context())

    def allow_connection_pickling(self) -> None:
        """Install support for sending connections and sockets between processes"""
        from . import connection  # noqa: F401

    def set_forkserver_preload(self, module_names: list[str]) -> None:
        """Set list of module names to try to load in forkserver process.
        This is really just a hint.
        """
        _own.forkserver.set_forkserver_preload(module_names)

    def get_context(self, method: str | None = None) -> Any:
        if method is None:
            return self
        try:
            ctx = _concrete_contexts[method]
        except KeyError:
            raise ValueError(f"cannot find context for {method!r}") from None
        ctx._check_available()
        return ctx


class _Member(process.BaseProcess):
    """What gomp adds to a process: it may be a kernel's; its end in order is told where nothing else would."""

    def start(self) -> None:
        """Start child process"""
        # A subclass may not have called __init__; what it does beside the target, it does in Python.
        if type(getattr(self, "_target", None)) is Kernel and type(self).run is process.BaseProcess.run:
            from .popen_kernel import Task

            self.__dict__["_Popen"] = Task
        super().start()

    def _bootstrap(self, parent_sentinel: int | None = None) -> int:
        from . import _family

        try:
            return super()._bootstrap(parent_sentinel)
        finally:
            if _family.served() and not _family.RUNS_ATEXIT:
                _boundary.ended()


class Process(_Member, _std.Process):
    """A process started by the start method in force."""

    @staticmethod
    def _Popen(process_obj: process.BaseProcess) -> Any:
        return _default_context.get_context().Process._Popen(process_obj)


class ForkProcess(_Member, _std.ForkProcess):
    """A process started by fork."""

    @staticmethod
    def _Popen(process_obj: process.BaseProcess) -> Any:
        from .popen_fork import Popen

        return Popen(process_obj)


class SpawnProcess(_Member, _std.SpawnProcess):
    """A process started as a fresh interpreter."""

    @staticmethod
    def _Popen(process_obj: process.BaseProcess) -> Any:
        from .popen_spawn_posix import Popen

        return Popen(process_obj)


class ForkServerProcess(_Member, _std.ForkServerProcess):
    """A process forked by a server process."""

    @staticmethod
    def _Popen(process_obj: process.BaseProcess) -> Any:
        from .popen_forkserver import Popen

        return Popen(process_obj)


class ForkContext(_std.ForkContext, BaseContext):
    """Context of the fork start method."""

    Process = ForkProcess


class SpawnContext(_std.SpawnContext, BaseContext):
    """Context of the spawn start method."""

    Process = SpawnProcess


class ForkServerContext(_std.ForkServerContext, BaseContext):
    """Context of the forkserver start method."""

    Process = ForkServerProcess


class DefaultContext(_std.DefaultContext, BaseContext):
    """Context of the start method in force, which the standard default context keeps."""

    Process = Process

    def __init__(self, context: BaseContext) -> None:
        # Not the standard method: it would reset the start method, which may be set by now.
        self._default_context = context

    @property
    def _actual_context(self) -> Any:
        actual = _std._default_context._actual_context
        return actual and _concrete_contexts.get(actual._name, actual)

    @_actual_context.setter
    def _actual_context(self, context: Any) -> None:
        actual = context and _std._concrete_contexts.get(context._name, context)
        _std._default_context._actual_context = actual


_concrete_contexts: dict[str, BaseContext] = {
    "fork": ForkContext(),
    "spawn": SpawnContext(),
    "forkserver": ForkServerContext(),
}
_default_context = DefaultContext(_concrete_contexts[_std._default_context._default_context._name])


def __getattr__(name: str) -> Any:
    return getattr(_std, name)  # whatever else the standard module of this version has
