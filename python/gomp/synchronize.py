"""Locks, semaphores, conditions, events and barriers in the family's shared memory."""

from __future__ import annotations

import sys
import threading
import time
from multiprocessing import process, resource_tracker, util
from multiprocessing import synchronize as _std

from . import _boundary, context
from ._family import Inherited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["BoundedSemaphore", "Condition", "Event", "Lock", "RLock", "Semaphore"]

SEM_VALUE_MAX = _std.SEM_VALUE_MAX

_LOCK_POLICIES = {"warn": _boundary.POLICY_WARN, "raise": _boundary.POLICY_RAISE}
_SEMAPHORE_POLICIES = {"keep": _boundary.POLICY_WARN, "release": _boundary.POLICY_RELEASE}


class SemLock(Inherited, _boundary.SemLock):
    """Base class of locks and semaphores: acquire and release are the boundary's methods."""

    def __init__(self, kind: int, value: int, maxvalue: int, *, ctx: Any, policy: int | None = 0) -> None:
        if policy is None:
            names = _SEMAPHORE_POLICIES if kind == _boundary.SEMAPHORE else _LOCK_POLICIES
            raise ValueError(f"on_owner_death must be {' or '.join(map(repr, names))}")
        if ctx is None:
            ctx = context._default_context.get_context()
        self._is_fork_ctx = ctx.get_start_method() == "fork"
        self._create(kind, value, maxvalue, policy)
        if util._logger:
            util.debug("created semlock with handle %s", self.handle)
        if not self._is_fork_ctx:
            # Nothing of a gomp lock needs tracking, but programs rely on a lock's being
            # what starts the tracker that their children share.
            resource_tracker.ensure_running()

    @property
    def _semlock(self) -> SemLock:
        return self

    def _owner(self) -> str:
        if self._is_mine():
            name = process.current_process().name
            thread = threading.current_thread().name
            return name if thread == "MainThread" else f"{name}|{thread}"
        if self._get_value() == 1:
            return "None"
        return "SomeOtherThread" if self._count() > 0 else "SomeOtherProcess"


class Semaphore(SemLock):
    """A semaphore whose permits outlive the process that took them, unless it is told
    ``on_owner_death="release"``."""

    def __init__(self, value: int = 1, *, ctx: Any, on_owner_death: str = "keep") -> None:
        policy = _SEMAPHORE_POLICIES.get(on_owner_death)
        SemLock.__init__(self, _boundary.SEMAPHORE, value, SEM_VALUE_MAX, ctx=ctx, policy=policy)

    def get_value(self) -> int:
        """Return how many permits are left."""
        return self._get_value()

    def __repr__(self) -> str:
        try:
            value: object = self._get_value()
        except Exception:
            value = "unknown"
        return f"<{type(self).__name__}(value={value})>"


class BoundedSemaphore(Semaphore):
    """A semaphore that refuses more releases than it has permits."""

    def __init__(self, value: int = 1, *, ctx: Any, on_owner_death: str = "keep") -> None:
        policy = _SEMAPHORE_POLICIES.get(on_owner_death)
        SemLock.__init__(self, _boundary.SEMAPHORE, value, value, ctx=ctx, policy=policy)

    def __repr__(self) -> str:
        try:
            value: object = self._get_value()
        except Exception:
            value = "unknown"
        return f"<{type(self).__name__}(value={value}, maxvalue={self.maxvalue})>"


class Lock(SemLock):
    """A lock. When its owner dies, the next to acquire it gets it and a warning, or
    OwnerDied with ``on_owner_death="raise"``."""

    def __init__(self, *, ctx: Any, on_owner_death: str = "warn") -> None:
        policy = _LOCK_POLICIES.get(on_owner_death)
        SemLock.__init__(self, _boundary.LOCK, 1, 1, ctx=ctx, policy=policy)

    def __repr__(self) -> str:
        try:
            name = self._owner()
        except Exception:
            name = "unknown"
        return f"<{type(self).__name__}(owner={name})>"


class RLock(SemLock):
    """A lock that its owner may acquire again."""

    def __init__(self, *, ctx: Any, on_owner_death: str = "warn") -> None:
        policy = _LOCK_POLICIES.get(on_owner_death)
        SemLock.__init__(self, _boundary.RLOCK, 1, 1, ctx=ctx, policy=policy)

    def __repr__(self) -> str:
        try:
            name = self._owner()
            count: object = self._count() if self._is_mine() else "nonzero"
            if name == "None":
                count = 0
        except Exception:
            name, count = "unknown", "unknown"
        return f"<{type(self).__name__}({name}, {count})>"


class _WaitList(Inherited, _boundary.WaitList):
    """The sleepers of a condition."""


class _Count:
    """A number under the name and the method by which the standard class keeps it."""

    def __init__(self, value: Callable[[], int]) -> None:
        self.get_value = self._get_value = value

    @property
    def _semlock(self) -> _Count:
        return self

    def _is_zero(self) -> bool:
        return self.get_value() == 0


class Condition:
    """A condition variable: its sleepers queue in shared memory, each woken by its own word."""

    def __init__(self, lock: Any = None, *, ctx: Any) -> None:
        self._lock = lock or ctx.RLock()
        self._waiters = _WaitList()
        self._waiters._is_fork_ctx = ctx.get_start_method() == "fork"
        self._waiters._create()
        self._make_methods()

    def __getstate__(self) -> tuple[Any, ...]:
        _std.context.assert_spawning(self)
        return (self._lock, self._waiters)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._lock, self._waiters = state
        self._make_methods()

    def _make_methods(self) -> None:
        self.acquire = self._lock.acquire
        self.release = self._lock.release

    def __enter__(self) -> Any:
        return self._lock.__enter__()

    def __exit__(self, *args: Any) -> Any:
        return self._lock.__exit__(*args)

    def __repr__(self) -> str:
        try:
            waiters: object = self._waiters._sleeping()
        except Exception:
            waiters = "unknown"
        return f"<{type(self).__name__}({self._lock}, {waiters})>"

    # The standard class counts its sleepers in three semaphores, which are looked into.

    @property
    def _sleeping_count(self) -> _Count:
        return _Count(self._waiters._sleeping)

    @property
    def _woken_count(self) -> _Count:
        return _Count(lambda: 0)

    @property
    def _wait_semaphore(self) -> _Count:
        return _Count(lambda: 0)

    def wait(self, timeout: float | None = None) -> bool:
        """Release the lock, sleep until notified, and acquire the lock again."""
        lock = self._lock
        semlock = lock._semlock
        assert semlock._is_mine(), "must acquire() condition before using wait()"
        count = semlock._count()
        # A signal handler may raise at any point of this.
        try:
            entry = self._waiters.enter()
            for _ in range(count):
                lock.release()
            return self._waiters.wait(entry, timeout)
        except BaseException:
            self._waiters.cancel()
            raise
        finally:
            for _ in range(count - (semlock._count() if semlock._is_mine() else 0)):
                lock.acquire()

    def notify(self, n: int = 1) -> None:
        """Wake up to n sleepers."""
        assert self._lock._semlock._is_mine(), "lock is not owned"
        self._waiters.notify(n)

    def notify_all(self) -> None:
        """Wake all sleepers."""
        self.notify(n=sys.maxsize)

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        """Wait until the predicate is true; return its last value."""
        result = predicate()
        deadline = None if timeout is None else time.monotonic() + timeout
        while not result:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
            result = predicate()
        return result


class Event(Inherited, _boundary.Event):
    """An event: set, clear, is_set and wait are the boundary's methods."""

    def __init__(self, *, ctx: Any) -> None:
        self._is_fork_ctx = ctx.get_start_method() == "fork"
        self._create()

    def __repr__(self) -> str:
        status = "set" if self.is_set() else "unset"
        return f"<{type(self).__qualname__} at {id(self):#x} {status}>"


class _Parties(Inherited, _boundary.Barrier):
    """The shared state of a barrier."""


class Barrier(threading.Barrier):
    """A barrier; it breaks when a party that has arrived dies."""

    def __init__(
        self,
        parties: int,
        action: Callable[[], Any] | None = None,
        timeout: float | None = None,
        *,
        ctx: Any,
    ) -> None:
        shared = _Parties()
        shared._is_fork_ctx = ctx.get_start_method() == "fork"
        shared._create(parties)
        self.__setstate__((parties, action, timeout, shared))

    def __getstate__(self) -> tuple[Any, ...]:
        return (self._parties, self._action, self._timeout, self._shared)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._parties, self._action, self._timeout, self._shared = state

    def wait(self, timeout: float | None = None) -> int:
        shared = self._shared
        if timeout is None:
            timeout = self._timeout
        # A signal handler may raise at any point of this: who has arrived and does not wait to
        # the end breaks the barrier.
        try:
            index, entry = shared._arrive()
            last = index + 1 == self._parties
            if last:
                self._act(shared)
                shared._trip(entry)
            met = last or shared._wait(entry, timeout)
        except threading.BrokenBarrierError:
            raise
        except BaseException:
            shared._cancel()
            raise
        if not met:
            raise threading.BrokenBarrierError
        return index

    def _act(self, shared: _Parties) -> None:
        try:
            if self._action:
                self._action()
        except BaseException:  # its own BrokenBarrierError included
            shared._cancel()
            raise

    def reset(self) -> None:
        self._shared._reset()

    def abort(self) -> None:
        self._shared._abort()

    @property
    def n_waiting(self) -> int:
        return self._shared._n_waiting

    @property
    def broken(self) -> bool:
        return self._shared._broken


def __getattr__(name: str) -> Any:
    return getattr(_std, name)  # whatever else the standard module of this version has
