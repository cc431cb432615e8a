"""The pool behind the interface of concurrent.futures.

A Future here is one call of the pool, and its state lies in the core: whoever asks for the result waits for it and
unpickles it himself. Only once something is to be told of a future, a callback, `wait` or `as_completed`, does a
thread of Python's wait in its place.
"""

from __future__ import annotations

import _thread
import contextlib
import functools
import multiprocessing
import os
import sys
import threading
import time
import weakref
from concurrent.futures import Executor, _base
from concurrent.futures import process as _std
from multiprocessing.pool import RemoteTraceback

from . import _errors
from ._crew import BROKEN, TERMINATED, Crew, default_size
from ._functions import portable
from ._kernel import Kernel
from .context import BaseContext, _default_context
from .pool import CANCELLED, RETURNED, IMapIterator, Pool, _Call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, ClassVar

    from . import _boundary

__all__ = ["BrokenPool", "BrokenProcessPool", "Future", "ProcessPoolExecutor", "WorkerLost"]

BrokenProcessPool = _std.BrokenProcessPool

AFTER_SHUTDOWN = "cannot schedule new futures after shutdown"
AT_EXIT = "cannot schedule new futures after interpreter shutdown"


class WorkerLost(_errors.WorkerLost, BrokenProcessPool):
    """The worker that held the call died. The executor has replaced it, and goes on."""


class BrokenPool(_errors.BrokenPool, BrokenProcessPool):
    """The executor's workers cannot be started; ``__cause__`` has the initializer's traceback."""


def _translated(failure: BaseException) -> BaseException:
    """A pool's exception as those have it who count on concurrent.futures."""
    if type(failure) is _errors.WorkerLost:
        return WorkerLost(failure.pid, failure.exitcode, failure.function, failure.arguments)
    if type(failure) is _errors.BrokenPool:
        return BrokenPool(failure.traceback, str(failure))
    if isinstance(failure.__cause__, RemoteTraceback):
        failure.__cause__ = _std._RemoteTraceback(failure.__cause__.tb)
    return failure


def _popped(items: list[Any]) -> Iterator[Any]:
    """The items, each of which is in the list no more; others may do the same."""
    with contextlib.suppress(IndexError):
        while True:
            yield items.pop(0)


class Future(_base.Future):  # type: ignore[type-arg]
    """The result of a call, which may be there before anybody has looked.

    To settle it is to take the answer from the core. Whoever asks does, and only he who has the future's lock: what he
    finds is visible once `_known` says so, which is the last that he does. An exception of a signal's handler before
    that leaves the answer to who asks next. Callbacks and who waits for several futures are told by the pool's own
    thread, where no such exceptions are, or by who cancels; a future with any is armed.
    """

    _done_callbacks: list[Callable[[Any], object]]
    _exception: BaseException | None

    def __init__(self, crew: Crew, job: _boundary.Job, call: _Call) -> None:
        super().__init__()
        self._crew = crew
        self._call: Any = call
        self._job: _boundary.Job | None = job  # until the future is settled
        self._armed = False  # the pool's thread will come
        self._answers: list[tuple[int, int, int, Any]] = []
        self._untold: list[Any] = []  # who waited when the future was settled

    # The base class, `wait` and `as_completed` use these three.

    @property
    def _state(self) -> str:
        self._look()
        job = self._job
        if self._known != _base.PENDING or job is None:
            return self._known
        return _base.RUNNING if job._running or job._posted else _base.PENDING

    @_state.setter
    def _state(self, state: str) -> None:
        self._known = state

    @property
    def _condition(self) -> threading.Condition:
        self._look()
        return self._lock

    @_condition.setter
    def _condition(self, lock: threading.Condition) -> None:
        self._lock = lock

    @property
    def _waiters(self) -> list[Any]:
        self._arm()
        return self._listening

    @_waiters.setter
    def _waiters(self, waiters: list[Any]) -> None:
        self._listening = waiters

    def _look(self) -> None:
        """Settle the future if that is possible, but for who has its lock: under it the state stands still."""
        job = self._job
        if (
            job is not None and (job._posted or self._crew.state in (TERMINATED, BROKEN)) and not self._lock._is_owned()  # type: ignore[attr-defined]
        ):
            self._settle(job)

    def _arm(self) -> None:
        """Have the pool's own thread come when the call is done: somebody wants to be told."""
        job = self._job
        if job is not None and not self._armed:
            # With the job, so that it is still announced if another thread settles the future first.
            self._crew.call_when_done(job, functools.partial(self._told, job))
            self._armed = True  # not before: if that was interrupted the next one tries again

    def _told(self, job: _boundary.Job) -> None:
        """Tell whoever is to be told. It may come twice, and then goes on where it was interrupted."""
        self._settle(job)
        for waiter in _popped(self._untold):
            (waiter.add_exception if self._exception is not None else waiter.add_result)(self)
        for callback in _popped(self._done_callbacks):
            try:
                callback(self)
            except Exception:
                _base.LOGGER.exception("exception calling callback for %r", self)

    def _settle(self, job: _boundary.Job) -> None:
        """Store the answer, or that the pool has ended without one. RuntimeError: a signal's handler asks for a result
        that this thread, which it has interrupted, is unpickling."""
        with self._lock:
            if self._known != _base.PENDING:
                return
            if job._posted:
                if not self._answers and not job._next(self._answers):
                    raise RuntimeError("the result is being unpickled by this thread")
                state = self._store(*self._answers[0])
            else:
                state = self._fail(self._crew.ended())
            self._untold = list(self._listening)
            self._known = state
            self._job = self._call = None
            self._answers.clear()
            self._lock.notify_all()

    def _store(self, index: int, count: int, status: int, value: Any) -> str:
        """Note what the answer is. The state that this makes."""
        call = self._call
        if type(call.func) is Kernel:
            from ._native import opened

            status, value = opened(call.func, status, value)
        if status == CANCELLED:
            return _base.CANCELLED_AND_NOTIFIED
        if status != RETURNED:
            return self._fail(value if isinstance(value, BaseException) else call.failure(index, count, status, value))
        self._result = value
        return _base.FINISHED

    def _fail(self, failure: BaseException) -> str:
        self._exception = _translated(failure)
        return _base.FINISHED

    def _fetch(self, timeout: float | None) -> None:
        """Wait for the answer, and settle the future."""
        job = self._job
        if job is None:
            return
        if job._await(1, timeout) is False:
            raise TimeoutError
        self._settle(job)

    def result(self, timeout: float | None = None) -> Any:
        """Return what the call returned, or raise what it raised; TimeoutError if `timeout` seconds are not enough."""
        try:
            self._fetch(timeout)
            return super().result(timeout)
        finally:
            self = None  # type: ignore[assignment]  # or what is raised would refer to itself

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what the call raised, or None; TimeoutError if `timeout` seconds are not enough."""
        self._fetch(timeout)
        return super().exception(timeout)

    def add_done_callback(self, fn: Callable[[Any], object]) -> None:
        """Have `fn(future)` called when the call is done or cancelled, by a thread of this process."""
        self._arm()
        super().add_done_callback(fn)

    def cancel(self) -> bool:
        """Cancel the call if no worker has begun it. Return whether it is cancelled."""
        job = self._job
        if job is not None and job._withdraw() > 0:
            self._told(job)
        return self.cancelled()


class _Results(IMapIterator):
    """The results of a map."""

    def _put(self, index: int, item: tuple[bool, Any]) -> None:
        super()._put(index, item if item[0] else (False, _translated(item[1])))

    def _closed(self) -> BaseException:
        return RuntimeError(AFTER_SHUTDOWN)


class _Star:
    """Calls a function with the arguments that it gets as one tuple."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, arguments: tuple[Any, ...]) -> Any:
        return self.function(*arguments)


class _Initialized:
    """Calls an initializer, and logs what it raises where concurrent.futures does."""

    def __init__(self, initializer: Callable[..., Any]) -> None:
        self.initializer = initializer

    def __call__(self, *arguments: Any) -> Any:
        try:
            return self.initializer(*arguments)
        except BaseException:
            _base.LOGGER.critical("Exception in initializer:", exc_info=True)
            raise


class _Eager(Pool):
    """An executor's pool where workers are forked: all of them, before the program has more threads."""

    _manner: ClassVar[dict[str, bool]] = {"daemon": False, "faithful": True}

    def __init__(self, *args: Any) -> None:
        self._buffered: weakref.WeakSet[_Results] = weakref.WeakSet()  # maps that may not have consumed their input
        super().__init__(*args)

    def close(self) -> None:
        """No more tasks are accepted, from a map's input either: a shutdown does not wait for who iterates."""
        super().close()
        for results in list(self._buffered):
            with results._lock:
                if results._feed:
                    results._feed()


class _OnDemand(_Eager):
    """An executor's pool where starting a worker is dear: one is started when there is work for it."""

    _manner: ClassVar[dict[str, bool]] = {"daemon": False, "faithful": True, "eager": False}


class ProcessPoolExecutor(Executor):
    """concurrent.futures.ProcessPoolExecutor on gomp's pool.

    One thing is meant to differ: a worker that dies costs the call that it held, which raises WorkerLost, a
    BrokenProcessPool. The worker is replaced and everything else completes. The executor is broken for good when its
    workers cannot be started, as with an initializer that fails: then all calls, waiting and to come, raise BrokenPool,
    a BrokenProcessPool too.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: Any = None,
        initializer: Callable[..., Any] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._pool: _Eager | None = None
        self._shut = False
        self._submitted = 0
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._max_workers = default_size(max_workers)
        self._mp_context = _context(mp_context, max_tasks_per_child)
        forks = self._mp_context.get_start_method(allow_none=False) == "fork"
        _check_max_tasks(max_tasks_per_child, forks)
        self._kind: type[_Eager] = _Eager if forks else _OnDemand
        wrapped = initializer and _Initialized(initializer)
        self._args = (self._max_workers, wrapped, initargs, max_tasks_per_child, self._mp_context)

    @property
    def _broken(self) -> BaseException | None:
        return self._pool and self._pool._crew.failure

    @property
    def _processes(self) -> dict[int, Any]:
        """The workers by their pids."""
        return {worker.pid: worker for worker in self._pool._pool} if self._pool else {}

    def _ready(self, count: int = 1) -> _Eager:
        """The pool, with workers for so many calls more."""
        with self._lock:
            if self._broken is not None:
                raise _translated(self._pool._crew.ended())  # type: ignore[union-attr]
            if self._shut:
                raise RuntimeError(AFTER_SHUTDOWN)
            if _exiting:
                raise RuntimeError(AT_EXIT)
            if self._pool is None:
                pool = self._kind(*self._args)
                _open[pool] = os.getpid()  # first, or a shutdown would pass the pool over
                self._pool = pool
            crew = self._pool._crew
            if crew.wanted < self._max_workers:
                crew.want(self._submitted - self._pool._core._answered + count)
            self._submitted += count
            return self._pool

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Have a worker call fn(*args, **kwargs); return a Future."""
        kernel = type(fn) is Kernel
        pool: Any = self._ready(0 if kernel else 1)
        try:
            pool = pool._native(fn) if kernel else pool
            job = pool._ask(fn, args, kwargs)
        except _errors.BrokenPool as e:
            raise _translated(e) from None
        except ValueError:  # the pool was shut down meanwhile
            raise RuntimeError(AFTER_SHUTDOWN) from None
        return Future(pool._crew, job, _Call(fn, (args, kwargs), True, None))

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[Any]:
        """Yield fn(*arguments) for the arguments that the iterables give together, in their order.

        The iterables are consumed at once; or, with `buffersize`, no further than that many chunks ahead of the
        results that were taken. TimeoutError if all results together take longer than `timeout` seconds. Who stops
        iterating cancels the calls that no worker has begun.
        """
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if buffersize is not None and not isinstance(buffersize, int):
            raise TypeError("buffersize must be an integer or None")
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be None or > 0")
        end = None if timeout is None else time.monotonic() + timeout
        items: Any = iterables[0] if len(iterables) == 1 else zip(*iterables, strict=False)
        if buffersize is None:
            items = list(items)
        pool = self._ready(-(-len(items) // chunksize) if buffersize is None else buffersize)
        function = fn if len(iterables) == 1 else _Star(portable(fn))
        results = pool._imap(_Results, function, items, chunksize, None, 0, buffersize, False, sys.maxsize)
        results._func = fn
        if buffersize is not None:
            pool._buffered.add(results)
        return _iterate(results, end)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls; end the workers when all are done.

        `wait`: return only then. `cancel_futures`: cancel what no worker has begun.
        """
        with self._lock:
            self._shut = True
            pool = self._pool
        if pool is None or pool not in _open:
            return
        if cancel_futures:
            for core in (pool._core, *(native._core for native in list(pool._natives.values()))):
                core._withdraw()
        if wait:
            _end(pool)
        else:
            _end_apart(pool)

    def stats(self) -> dict[str, Any]:
        """What the workers have done so far, see Pool.stats; empty before the first call."""
        return self._pool.stats() if self._pool else {}

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        if kind is KeyboardInterrupt and self._pool is not None:
            self._pool.terminate()  # Ctrl-C is for the workers too
        self.shutdown(wait=True)

    def __del__(self) -> None:
        pool = self._pool
        if pool is not None and pool in _open:
            _end_apart(pool)


def _context(given: Any, max_tasks: int | None) -> Any:
    """gomp's context of the start method that is asked for."""
    if given is None:
        return _default_context.get_context("spawn" if max_tasks is not None else None)
    return given if isinstance(given, BaseContext) else _default_context.get_context(given.get_start_method())


def _check_max_tasks(count: int | None, forks: bool) -> None:
    if count is None:
        return
    if not isinstance(count, int):
        raise TypeError("max_tasks_per_child must be an integer")
    if count <= 0:
        raise ValueError("max_tasks_per_child must be >= 1")
    if forks:
        raise ValueError(
            "max_tasks_per_child is incompatible with the 'fork' multiprocessing start method; "
            "supply a different mp_context."
        )


def _iterate(results: _Results, end: float | None) -> Iterator[Any]:
    job = results._job
    try:
        while True:
            yield results.next(None if end is None else max(end - time.monotonic(), 0))
    except (StopIteration, multiprocessing.TimeoutError) as e:
        if e.__cause__ is not None:  # a call has raised it
            raise
        if not isinstance(e, StopIteration):
            raise TimeoutError from None
    finally:
        job._withdraw()


# ---- the end

# The pools that were not shut down, with the process that each belongs to: at its end their calls are completed.
_open: dict[Pool, int] = {}
_exiting = False


def _end(pool: Pool) -> None:
    """Let the workers end when all is done, and wait for that."""
    if _open.get(pool) == os.getpid():
        pool.close()
        pool.join()
        _open.pop(pool, None)


def _end_apart(pool: Pool) -> None:
    """The same without waiting, and from anywhere, the collector of garbage included: no lock is taken here."""
    with contextlib.suppress(RuntimeError):  # the interpreter starts no threads any more
        _thread.start_new_thread(_end, (pool,))


def _end_all() -> None:
    """At the end of the interpreter: complete what was submitted, unless the user has interrupted the program."""
    global _exiting
    _exiting = True
    interrupted = getattr(sys, "last_type", None) is KeyboardInterrupt
    for pool in list(_open):
        if interrupted and _open[pool] == os.getpid():
            pool.terminate()
        _end(pool)


threading._register_atexit(_end_all)  # type: ignore[attr-defined]
