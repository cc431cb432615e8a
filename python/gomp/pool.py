"""Pools of processes, scheduled by the core (package gomp/pool).

The calls and their results are here; `_crew` starts the workers and looks after them, `_worker` is what
they run. A subclass that works on the inside of the standard pool gets the standard pool's inside.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
import weakref
from collections import deque
from multiprocessing import TimeoutError, util
from multiprocessing import pool as _std
from multiprocessing.pool import INIT, RUN
from operator import length_hint

from . import _boundary, _errors
from ._crew import Crew, default_size
from ._functions import advise, by_value, portable, refuses
from ._kernel import Kernel, Pack
from ._worker import ITEM, MAP, STARMAP, worker_id, worker_state
from .context import _default_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Sequence
    from typing import Any, ClassVar, NoReturn

    from ._kernel import Pack

__all__ = ["Pool", "ThreadPool", "worker_id", "worker_state"]

get_context = _default_context.get_context

# Statuses of an answered task; core/layout.h mirrors them. The last is that of a call whose pool has ended before.
RETURNED, RAISED, LOST, EXPIRED, CANCELLED, REFUSED, DROPPED = range(1, 8)
# What a task stands for and what its index counts: one item, a chunk and chunks, or a chunk and items.
ONE, CHUNK, ITEMS = range(3)

# Bytes kept in a task for its answer; a longer one gets a block of its own.
ROOM, CHUNK_ROOM = 256, 1024
# A map without a chunk size is cut into tasks that become smaller: each has this share of what is left for each
# worker, and the last have one item. So the workers end together, however long single items take, and the tasks
# are few where items are tiny.
SHARE = 8
# How many items of a sequence are submitted at once, and up to how many by the caller of imap himself.
BATCH, AT_ONCE = 128, 512
# What feeds an iterable waits while tasks of this many bytes are queued: it may be endless.
AHEAD = 1 << 20


# What is cut into chunks as it is: the chunks of a range are ranges, which cost next to nothing to pickle.
_SLICED = (list, tuple, range)
# Seconds that count as no limit, since ns of more are no number of the core's; and the largest count of its.
FOREVER, MOST = 9e9, (1 << 32) - 1
# The standard default, and as little changed.
_NO_KWDS: dict[str, Any] = {}


def _seconds(name: str, value: float | None) -> int:
    """A time limit in ns; 0 is none."""
    if value is None:
        return 0
    try:
        positive = value > 0
    except TypeError:
        raise TypeError(f"{name} must be a positive number of seconds or None, not {value!r}") from None
    if not positive:
        raise ValueError(f"{name} must be a positive number of seconds or None, not {value!r}")
    return int(value * 1e9) if value < FOREVER else 0


def _count(name: str, value: Any, least: int) -> int:
    """A number, or the largest that the core has if it is larger."""
    if not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return min(value, MOST)


def _checked(timeout: float | None, retries: int, progress: Any = False) -> tuple[int, int]:
    """What methods that submit are given by keyword, before anything is submitted: the limit in ns and the retries."""
    if progress and progress is not True and not callable(progress):
        raise TypeError(f"progress must be True, False or a class like tqdm, not {progress!r}")
    return _seconds("timeout", timeout), _count("retries", retries, 0)


class _Call:
    """What was asked, for the message of a worker's death."""

    __slots__ = ("func", "items", "timeout", "whole")

    def __init__(self, func: Any, items: Any, whole: bool, timeout: float | None) -> None:
        self.func, self.items, self.whole, self.timeout = func, items, whole, timeout

    def arguments(self, index: int, count: int) -> str:
        """The arguments of the task that begins with that item. Which of several the worker was at, nobody knows."""
        if self.whole:
            return _errors._short(self.items)
        items = self.items[index : index + count]
        return _errors._short(items[0]) if count == 1 else f"one of {_errors._short(items)}"

    def failure(self, index: int, count: int, status: int, value: Any) -> BaseException:
        """The exception of a task that was not answered with one."""
        if status == CANCELLED:
            from concurrent.futures import CancelledError

            return CancelledError()
        if status == EXPIRED:
            return _errors.TaskTimeout(self.timeout, self.func, self.arguments(index, count))
        pid, code = value
        return _errors.WorkerLost(pid, code, self.func, self.arguments(index, count))


async def _there(soon: Callable[[Callable[[], None]], None]) -> None:
    """Wait, in an event loop, until what was given to `soon` is called, by whatever thread."""
    import asyncio

    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def done() -> None:
        if not future.done():
            future.set_result(None)

    def tell() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(done)

    soon(tell)
    await future


class ApplyResult(_boundary.Result, _std.ApplyResult):
    """The result of a call, unpickled by the thread that asks for it."""

    _told: Any = None  # an Event, if somebody other than the waiter settles it
    _tasks = 1

    def _begin(self, job: _boundary.Job) -> None:
        self._job = job
        if self._callback is not None or self._error_callback is not None:
            self._told = threading.Event()
            self._pool._crew.call_when_done(job, self._call_back)

    def _call_back(self) -> None:
        """Settle, and run the callback. Called by the pool's own thread."""
        try:
            crew = self._pool._crew
            self._settle(None)
            dropped = self._status == DROPPED and crew.failure is None
            value, callback = (
                (self._value, self._callback) if self._success else (self._failure(), self._error_callback)
            )
            if callback and not dropped:  # what terminate() drops is nobody's to hear of
                callback(value)
        finally:
            self._told.set()

    def _soon(self, told: Callable[[], None]) -> None:
        pool, job = self._pool, self._job  # in this order: who settles it meanwhile forgets both
        if job is None:
            told()
        else:
            pool._crew.call_when_done(job, told)

    def _failure(self) -> BaseException:
        """What has kept the call from returning."""
        status, value = self._status, self._value  # in this order: another thread may be here
        if status in (RAISED, REFUSED) or isinstance(value, BaseException):
            return value
        if status == DROPPED:
            value = self._pool._crew.ended()
        else:
            value = _Call(self._func, (self._args, self._kwds), True, self._limit).failure(0, 1, status, value)
        self._fail(value)
        return value

    def ready(self) -> bool:
        """Whether the call has completed."""
        if self._told is not None:
            return self._told.is_set()
        job = self._job
        return job is None or job._posted >= self._tasks or self._settle(0)

    def successful(self) -> bool:
        """Whether the call has completed without an exception; ValueError if it has not completed."""
        if not self.ready():
            raise ValueError(f"{self!r} not ready")
        self._settle(None)
        return self._success

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the result is there, or until `timeout` seconds have passed."""
        if self._told is not None:
            self._told.wait(timeout)
        else:
            self._settle(timeout)

    def get(self, timeout: float | None = None) -> Any:
        """Return the result when it is there; TimeoutError if it is not within `timeout` seconds."""
        if not (self._settle(timeout) if self._told is None else self._told.wait(timeout)):
            raise TimeoutError
        if self._success:
            return self._value
        raise self._failure()

    def cancel(self) -> bool:
        """Cancel what is left of the call, which then raises concurrent.futures.CancelledError.

        Tasks that wait are not run; a worker that runs one is killed and replaced. Return whether there was
        anything left.
        """
        pool, job = self._pool, self._job  # as above
        return job is not None and pool._crew.cancel(job)

    def __await__(self) -> Generator[Any, None, Any]:
        yield from _there(self._soon).__await__()
        return self.get()


AsyncResult = ApplyResult


class MapResult(ApplyResult):
    """The result of a map: a list, in the order of the items."""

    _progress: Any = None
    _lot = 0  # how many answers are waited for at a time; 0: an eighth of those that are left

    def __init__(self, pool: Pool, chunksize: int, length: int, callback: Any, error_callback: Any) -> None:
        super().__init__(pool, callback, error_callback)
        self._value = [None] * length
        self._chunksize = chunksize
        self._single = False
        self._lock = threading.RLock()
        self._answers: list[Any] = []

    def _settle(self, timeout: float | None) -> bool:
        """Wait until all tasks are answered, and take the answers. False: the time is up.

        The results are unpickled while the tasks that are left run.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while (job := self._job) is not None:
            taken = job._popped
            lot = self._lot or max((self._tasks - taken) // SHARE, 1)
            there = job._await(min(taken + lot, self._tasks), None if end is None else max(end - time.monotonic(), 0))
            if there is False:
                return False
            with self._lock:
                self._collect(job)
                if self._job is not None and (there is None or job._popped == self._tasks):
                    self._finish(job)
        return True

    def _finish(self, job: _boundary.Job) -> None:
        if job._popped < self._tasks and self._success:
            self._status = DROPPED
        self._job = None  # before the pool, see _soon
        self._func = self._args = None
        if self._status != DROPPED:  # which asks the pool for the reason
            self._pool = None
        if self._progress is not None:
            self._progress.close()

    def _collect(self, job: _boundary.Job) -> None:
        """Take the answers that are there. To do so again after an interruption does no harm."""
        while job._next(self._answers):
            pass
        for answer in self._answers:
            self._arrive(*answer)
        items = sum(answer[1] for answer in self._answers)
        self._answers.clear()
        if self._progress is not None and items:
            self._progress.update(items)

    def _arrive(self, index: int, items: int, status: int, value: Any) -> None:
        if not self._success:  # only the first exception is kept
            return
        if status != RETURNED:
            call = _Call(self._func, self._args, False, self._limit)
            self._fail(value if status in (RAISED, REFUSED) else call.failure(index, items, status, value))
        elif self._single:
            self._value[index] = value
        else:
            self._value[index : index + items] = value


class IMapIterator(_std.IMapIterator):
    """The results of imap, in the order of the items."""

    def __init__(self, pool: Pool) -> None:
        self._pool: Any = pool
        self._func: Any = None
        self._chunked = False
        self._job: Any = None
        self._lock = threading.RLock()
        self._asked: dict[int, Any] = {}  # what the tasks are about that have not come back
        self._answers: list[tuple[int, int, int, Any]] = []  # taken, and not sorted yet
        self._unsorted: dict[int, tuple[bool, Any]] = {}
        self._items: deque[tuple[int, bool, Iterator[Any]]] = deque()  # what is next: the task, and what it has left
        self._chunk: Iterator[Any] = iter(())  # what the first of these has left, if it needs no more than to be had
        self._index = 0  # tasks that have come back, in order
        self._length: int | None = None  # tasks, once all are submitted
        self._failure: BaseException | None = None  # what iterating over the input has raised
        self._feed: Callable[[], object] | None = None
        self._timeout: float | None = None
        self._progress: Any = None

    def __iter__(self) -> IMapIterator:
        return self

    # A signal's exception may come between any two steps. What is interrupted is done again: each step leaves
    # what it has not finished where it was.

    def _arrive(self, index: int, items: int, status: int, value: Any) -> None:
        if status not in (RETURNED, RAISED, REFUSED):
            call = _Call(self._func, self._asked[index], not self._chunked, self._timeout)
            value = call.failure(0, items, status, value)
        self._put(index, (status == RETURNED, value))

    def _put(self, index: int, item: tuple[bool, Any]) -> None:
        if index >= self._index:
            self._unsorted[index] = item
        while (at := self._index) in self._unsorted:
            self._deliver(at, *self._unsorted[at])
            self._index = at + 1
            self._unsorted.pop(at, None)

    def _deliver(self, index: int, success: bool, value: Any) -> None:
        if self._items and self._items[-1][0] == index:
            return
        chunk = value if success and self._chunked else (value,)
        self._items.append((index, success, iter(chunk)))
        if self._progress is not None:  # one without a total cannot tell whether it is true
            self._progress.update(len(chunk))

    def _over(self) -> bool:
        """Whether all has been delivered."""
        if self._length is None or self._index < self._length:
            return False
        if self._failure is not None:
            self._items.append((self._length, False, iter((self._failure,))))
            self._failure = None
            return False
        return True

    def _refill(self) -> bool:
        """Take what is there. Whether there is something to be had, now or never."""
        job = self._job
        while not self._items and (self._answers or job._next(self._answers)):
            self._sort()
        return bool(self._items) or self._over() or bool(self._items)

    def _sort(self) -> None:
        """Put the answer that was taken where it belongs."""
        index = self._answers[0][0]
        self._arrive(*self._answers[0])
        del self._answers[0]
        self._asked.pop(index, None)

    def _fill(self, end: float | None) -> bool:
        """Wait until there is something to be had, or never will be. False: the time is up. Precondition: the lock."""
        while self._job is not None and not self._refill():
            there = self._job._await(self._job._popped + 1, None if end is None else max(end - time.monotonic(), 0))
            if there is False:
                return False
            if there is None and not self._refill():
                self._length = self._index = 0
                self._items.append((-1, False, iter((self._pool._crew.ended(),))))
        return True

    def _pop(self, timeout: float | None) -> tuple[bool, Any] | None:
        """The next item; None if it is not there within that time, StopIteration if there is none."""
        end = None if timeout is None else time.monotonic() + timeout
        if not self._lock.acquire(True, -1 if timeout is None else max(timeout, 0)):
            return None
        try:
            while True:
                if self._answers:  # a signal's exception came when this was half done
                    self._sort()
                while self._items:
                    _, success, values = self._items[0]
                    if self._feed and length_hint(values):
                        self._feed()
                    for value in values:
                        if not length_hint(values):
                            self._items.popleft()  # which would keep the value alive
                        elif success and not self._feed:
                            self._chunk = values
                        return success, value
                    self._items.popleft()
                if not self._fill(end):
                    return None
                if not self._items:
                    self._release()
                    raise StopIteration
        finally:
            self._lock.release()

    def next(self, timeout: float | None = None) -> Any:
        """Return the next result; TimeoutError if it is not there within `timeout` seconds."""
        for value in self._chunk:
            return value
        item = self._pop(timeout)
        if item is None:
            raise TimeoutError
        success, value = item
        if success:
            return value
        raise value

    __next__ = next

    def _closed(self) -> BaseException | None:
        """What ends an input that is not taken to its end once the pool is closed; None: it is."""
        return None

    def _release(self) -> None:
        self._pool = self._job = self._feed = self._func = None
        if self._progress is not None:
            self._progress.close()
            self._progress = None

    def _soon(self, told: Callable[[], None]) -> None:
        pool = self._pool
        if pool is None:
            told()
        else:
            pool._crew.call_from_thread(self._announce, told)

    def _announce(self, told: Callable[[], None]) -> None:
        with self._lock:
            self._fill(None)
        told()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        try:
            while (item := self._pop(0)) is None:
                await _there(self._soon)
        except StopIteration:
            raise StopAsyncIteration from None
        success, value = item
        if success:
            return value
        raise value


class IMapUnorderedIterator(IMapIterator):
    """The results of imap_unordered, as they come."""

    def _put(self, index: int, item: tuple[bool, Any]) -> None:
        self._deliver(index, *item)
        self._index = self._job._popped


class Pool(_std.Pool):
    """A pool of worker processes, scheduled by the core.

    Beside what the standard pool takes: `on_exit`, called in a worker that ends in order; `cpu_affinity`, True
    or a sequence of CPU numbers (or of sets of them) that the workers are bound to in turn; `processes` may
    be "auto" for as many as the control group and the affinity let run.
    """

    _results: ClassVar[tuple[type[ApplyResult], type[MapResult]]] = (ApplyResult, MapResult)
    _manner: ClassVar[dict[str, bool]] = {}  # what the workers of another kind of pool do in another way, see Crew

    def __init__(
        self,
        processes: int | str | None = None,
        initializer: Callable[..., Any] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: Any = None,
        *,
        on_exit: Callable[[], Any] | None = None,
        cpu_affinity: Any = None,
    ) -> None:
        self._pool: list[Any] = []
        self._natives: dict[Pack, Any] = {}  # the pools of kernels
        self._state = INIT
        self._ctx = context or get_context()
        size = default_size(processes)
        if size < 1:
            raise ValueError("Number of processes must be at least 1")
        if maxtasksperchild is not None and (not isinstance(maxtasksperchild, int) or maxtasksperchild <= 0):
            raise ValueError("maxtasksperchild must be a positive int or None")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if on_exit is not None and not callable(on_exit):
            raise TypeError(f"on_exit must be a callable, not {on_exit!r}")
        self._processes = size
        self._maxtasksperchild = maxtasksperchild
        self._initializer, self._initargs = initializer, initargs
        self._crew = Crew(
            self._ctx,
            self.Process,
            size,
            self._pool,
            initializer,
            initargs,
            maxtasksperchild,
            on_exit,
            cpu_affinity,
            **self._manner,
        )
        self._core = self._crew.core
        self._cache = self._crew.calls
        self._terminate = util.Finalize(self, self._crew.terminate, exitpriority=15)
        self._crew.start()
        self._state = RUN

    def __del__(self, _warn: Any = _std.warnings.warn, _run: str = RUN) -> None:
        if self._state == _run:
            _warn(f"unclosed running multiprocessing pool {self!r}", ResourceWarning, source=self)

    def __init_subclass__(cls) -> None:
        """Give a subclass that works on the standard inside, as joblib's does, that inside."""
        super().__init_subclass__()
        if cls.__module__ != __name__ and not _INSIDE.isdisjoint(vars(cls)):
            cls.__bases__ = tuple(_StandardPool if base is Pool else base for base in cls.__bases__)

    def _repopulate_pool(self) -> None:
        self._crew.populate()

    # ---- single calls

    def apply(
        self, func: Any, args: Any = (), kwds: Any = _NO_KWDS, *, timeout: float | None = None, retries: int = 0
    ) -> Any:
        """Return func(*args, **kwds), called by a worker. For `timeout` and `retries` see apply_async."""
        return self.apply_async(func, args, kwds, timeout=timeout, retries=retries).get()

    def apply_async(
        self,
        func: Any,
        args: Any = (),
        kwds: Any = _NO_KWDS,
        callback: Any = None,
        error_callback: Any = None,
        *,
        timeout: float | None = None,
        retries: int = 0,
    ) -> ApplyResult:
        """Have a worker call func(*args, **kwds); return an AsyncResult.

        A task that runs for longer than `timeout` seconds raises TaskTimeout, and its worker is replaced. One
        whose worker dies is tried again up to `retries` times before it raises WorkerLost.
        """
        if self._state != RUN:
            self._check_running()
        limit = 0
        if timeout is not None or retries != 0:
            limit, retries = _checked(timeout, retries)
        pool = self._native(func) if type(func) is Kernel else self
        result = pool._results[0](pool, callback, error_callback, func, args, kwds, timeout)
        job = pool._ask(func, args, kwds, retries, limit)
        if callback is None and error_callback is None:
            result._job = job
        else:
            result._begin(job)
        if limit:
            pool._crew.limit(result, limit)
        return result

    def _ask(self, func: Any, args: Any, kwds: Any, retries: int = 0, limit: int = 0) -> _boundary.Job:
        """Submit a job of one task."""
        try:
            job = self._core._apply(portable(func), args, kwds, ROOM, retries, limit)
        except ValueError as e:
            raise self._crew.refusal(e) from None
        if job._refused:
            if again := by_value((func, args, kwds)):
                job = self._core._submit(None, None, (again,), 0, ONE, False, ROOM, retries, limit)
            else:
                advise(job._refused[0])  # type: ignore[index]
        return job

    # ---- maps

    def map(
        self,
        func: Any,
        iterable: Any,
        chunksize: int | None = None,
        *,
        timeout: float | None = None,
        retries: int = 0,
        progress: Any = False,
    ) -> list[Any]:
        """Return [func(item) for item in iterable], called by the workers."""
        result = self._map(func, iterable, MAP, chunksize, None, None, timeout, retries, progress)
        return result.get()

    def map_async(
        self,
        func: Any,
        iterable: Any,
        chunksize: int | None = None,
        callback: Any = None,
        error_callback: Any = None,
        *,
        timeout: float | None = None,
        retries: int = 0,
        progress: Any = False,
    ) -> MapResult:
        """Like map, but return an AsyncResult. `timeout` and `retries` hold for each chunk."""
        return self._map(func, iterable, MAP, chunksize, callback, error_callback, timeout, retries, progress)

    def starmap(
        self,
        func: Any,
        iterable: Any,
        chunksize: int | None = None,
        *,
        timeout: float | None = None,
        retries: int = 0,
        progress: Any = False,
    ) -> list[Any]:
        """Return [func(*item) for item in iterable], called by the workers."""
        result = self._map(func, iterable, STARMAP, chunksize, None, None, timeout, retries, progress)
        return result.get()

    def starmap_async(
        self,
        func: Any,
        iterable: Any,
        chunksize: int | None = None,
        callback: Any = None,
        error_callback: Any = None,
        *,
        timeout: float | None = None,
        retries: int = 0,
        progress: Any = False,
    ) -> MapResult:
        """Like starmap, but return an AsyncResult."""
        return self._map(func, iterable, STARMAP, chunksize, callback, error_callback, timeout, retries, progress)

    def _map(
        self,
        func: Any,
        iterable: Any,
        mode: int,
        chunksize: int | None,
        callback: Any,
        error_callback: Any,
        timeout: float | None,
        retries: int,
        progress: Any,
    ) -> MapResult:
        self._check_running()
        if type(func) is Kernel and (native := self._native(func)) is not self:
            return native._map(func, iterable, mode, chunksize, callback, error_callback, timeout, retries, progress)
        limit, retries = _checked(timeout, retries, progress)
        if not hasattr(iterable, "__len__"):
            iterable = list(iterable)
        length = len(iterable)
        failure = None
        if type(iterable) not in _SLICED:
            iterable, failure = _listed(iterable)
            length = len(iterable) if failure is None else length
        if not length:
            callback = None  # as in the standard pool
        starts = self._starts(len(iterable), chunksize)
        result = self._results[1](self, chunksize or 0, length, callback, error_callback)
        result._func, result._args, result._limit = func, iterable, timeout
        if failure is not None:
            result._fail(failure)
        result._single = len(starts) == len(iterable) and mode == MAP
        if result._single:
            job = self._submit(ITEM, func, iterable, ONE, ROOM, retries, limit)
        else:
            chunks = self._chunks(func, mode, iterable, [*starts, len(iterable)])
            job = self._submit(mode, func, chunks, ITEMS, CHUNK_ROOM, retries, limit)
        result._lot = self._processes if chunksize is None and not result._single else 0
        if progress:
            result._progress, result._lot = _bar(progress, length), 1
        result._tasks = job._total
        result._begin(job)
        if limit:
            self._crew.limit(result, limit)
        return result

    def _submit(
        self,
        mode: int,
        func: Any,
        payloads: Any,
        chunked: int,
        room: int,
        retries: int,
        limit: int,
        open: bool = False,
    ) -> _boundary.Job:
        """Submit a job whose function is pickled once."""
        submit = self._core._submit
        try:
            return submit(None, (mode, portable(func)), payloads, 0, chunked, open, room, retries, limit)
        except MemoryError:
            raise
        except Exception as e:
            if self._crew.failure is not None:
                raise self._crew.refusal(ValueError()) from None
            if not refuses(e, func):
                raise
            if again := by_value(func):
                return submit(None, (mode, again), payloads, 0, chunked, open, room, retries, limit)
            advise(e)
            # As the standard pool does it, the result and not the call raises.
            return submit(None, None, (_Refusal(e),), 0, ONE, False, room, 0, 0)

    def _starts(self, length: int, chunksize: int | None) -> Sequence[int]:
        """Where the tasks of a map begin."""
        if chunksize is None and self._maxtasksperchild:  # which counts tasks, as the standard pool cuts them
            chunksize = -(-length // (4 * self._processes))
        if chunksize is not None:
            return range(0, length, max(chunksize, 1))
        starts, start = [], 0
        while start < length:
            starts.append(start)
            start += max((length - start) // (SHARE * self._processes), 1)
        return starts

    # ---- iterators

    def imap(
        self,
        func: Any,
        iterable: Any,
        chunksize: int = 1,
        *,
        timeout: float | None = None,
        retries: int = 0,
        buffersize: int | None = None,
        progress: Any = False,
    ) -> IMapIterator:
        """Yield func(item) for each item, in order.

        With `buffersize` no more tasks than that are submitted ahead of the results that were taken, so that
        an endless iterable is consumed in constant memory; without it all of the iterable is, at once.
        """
        return self._imap(IMapIterator, func, iterable, chunksize, timeout, retries, buffersize, progress)

    def imap_unordered(
        self,
        func: Any,
        iterable: Any,
        chunksize: int = 1,
        *,
        timeout: float | None = None,
        retries: int = 0,
        buffersize: int | None = None,
        progress: Any = False,
    ) -> IMapUnorderedIterator:
        """Yield func(item) for each item, as they are done. For the rest see imap."""
        kind = IMapUnorderedIterator
        return self._imap(kind, func, iterable, chunksize, timeout, retries, buffersize, progress)

    def _imap(
        self,
        kind: type[IMapIterator],
        func: Any,
        iterable: Any,
        chunksize: int,
        timeout: float | None,
        retries: int,
        buffersize: int | None,
        progress: Any,
        at_once: int = AT_ONCE,
    ) -> IMapIterator:
        self._check_running()
        if type(func) is Kernel and (native := self._native(func)) is not self:
            return native._imap(kind, func, iterable, chunksize, timeout, retries, buffersize, progress, at_once)
        if chunksize < 1:
            raise ValueError(f"Chunksize must be 1+, not {chunksize!r}")
        limit, retries = _checked(timeout, retries, progress)
        if buffersize is not None:
            buffersize = _count("buffersize", buffersize, 1)
        chunked = chunksize > 1
        result = self._iterator(kind)(self)
        result._func, result._chunked = func, chunked
        result._timeout = timeout
        job = self._submit(MAP if chunked else ITEM, func, (), ONE, ROOM, 0, 0, True)
        result._job = job
        if limit:
            self._crew.limit(result, limit)
        if progress:
            result._progress = _bar(progress, len(iterable) if hasattr(iterable, "__len__") else None)
        if job._total:  # the function was refused
            result._length = 1
            return result
        feeder = _Feeder(self._feeds(MAP if chunked else ITEM, func), result, job, iterable, chunksize, retries, limit)
        if buffersize is not None:
            feeder.result = weakref.proxy(result)  # whose end must not wait for the garbage collector
            if not result._closed():  # then the workers stay until the input has ended, or nobody iterates any more
                feeder.fed_up = self._crew.feeder()
                weakref.finalize(result, feeder.fed_up).atexit = False
            result._feed = lambda: feeder.keep(buffersize)
            feeder.keep(buffersize)
        elif type(iterable) in _SLICED and len(iterable) <= at_once * chunksize:
            feeder.all()
        else:
            feeder.ahead = AHEAD
            self._crew.feed(feeder.all)
        return result

    # ---- the end

    def close(self) -> None:
        """No more tasks are accepted; the workers end when all are done."""
        util.debug("closing pool")
        if self._state in (RUN, _std.CLOSE):  # also what an interrupted call has not finished
            self._state = _std.CLOSE
            self._crew.close()
            for native in list(self._natives.values()):
                native.close()

    def terminate(self) -> None:
        """End the workers at once, whatever they do: by SIGTERM, and soon after by SIGKILL."""
        util.debug("terminating pool")
        self._state = _std.TERMINATE
        self._terminate()
        self._crew.terminate()  # what an interrupted call has not finished
        for native in list(self._natives.values()):
            native.terminate()

    def join(self, *, timeout: float | None = None) -> None:
        """Wait for the workers to end; call close() or terminate() first.

        TimeoutError if they have not within `timeout` seconds.
        """
        util.debug("joining pool")
        if self._state == RUN:
            raise ValueError("Pool is still running")
        if self._state not in (_std.CLOSE, _std.TERMINATE):
            raise ValueError("In unknown state")
        end = None if timeout is None else time.monotonic() + timeout
        for crew in (self._crew, *(native._crew for native in list(self._natives.values()))):
            if not crew.join(None if end is None else max(end - time.monotonic(), 0)):
                raise TimeoutError(f"the pool's workers have not ended within {timeout} seconds")

    def stats(self) -> dict[str, Any]:
        """What the pool and its workers have done so far.

        For the pool: `queued`, `running`, `done`, `failed`, `lost` and `retried` tasks, `queued_bytes`, and
        `latency`: the quantiles (0.5, 0.9, 0.99) of the seconds from submission to answer. For each worker, under
        `workers`: `pid`, `done` tasks, `busy`, `idle` and `startup` seconds, `bytes` moved, and `running`: None, or
        the task's job and index and for how many seconds it has been running. Under `kernels`: the same for each pack
        of kernels that the pool has run, by its path.
        """
        return {
            **self._crew.stats(),
            "kernels": {pack.path: native._crew.stats() for pack, native in list(self._natives.items())},
        }

    # ---- kernels

    def map_array(self, kernel: Kernel, array: Any, *, timeout: float | None = None, retries: int = 0) -> Any:
        """Return an array of kernel(x) for each element x of an array, in shared memory.

        The kernel is an element-wise one, of one number to another; the result has its type and the array's shape.
        TypeError: the kernel is none of that kind, or the array's elements are not its parameter's.
        """
        from ._native import map_array

        self._check_running()
        if type(kernel) is not Kernel:
            raise TypeError(f"map_array() needs a kernel, not {kernel!r}")
        return map_array(self, kernel, array, timeout, retries)

    def _native(self, kernel: Kernel) -> Any:
        """The pool whose workers run the kernel's pack: in one process, as many as this pool has."""
        found = self._natives.get(kernel.pack)
        if found is not None:
            return found
        with self._crew.lock:
            found = self._natives.get(kernel.pack)
            if found is None:
                self._check_running()  # it may have been closed meanwhile
                from ._native import NativePool

                found = self._natives[kernel.pack] = NativePool(kernel.pack._program(), self._processes)
            return found

    def _chunks(self, func: Any, mode: int, iterable: Any, starts: list[int]) -> list[Any]:
        """The parts of a sequence that the tasks of a map are for."""
        return [iterable[i:j] for i, j in itertools.pairwise(starts)]

    @staticmethod
    def _iterator(kind: type[IMapIterator]) -> type[IMapIterator]:
        """What the results of an imap are."""
        return kind

    def _feeds(self, mode: int, func: Any) -> Any:
        """What an iterable's tasks are submitted to."""
        return self._core


class _Refusal:
    """Stands for a call that cannot be pickled."""

    def __init__(self, failure: BaseException) -> None:
        self.failure = failure

    def __reduce__(self) -> NoReturn:
        raise self.failure


class _Feeder:
    """Submits the items of an imap, one task for each or for each chunk."""

    def __init__(
        self, core: Any, result: IMapIterator, job: Any, iterable: Any, chunksize: int, retries: int, limit: int
    ) -> None:
        self.core, self.job = core, job
        self.result: Any = result
        self.chunksize, self.retries, self.limit = chunksize, retries, limit
        self.done = False
        self.ahead = 0
        self.fed_up: Callable[[], None] | None = None  # to be called at the end
        self.iterable = iterable
        self.iterator: Iterator[Any] | None = None
        # What was taken from the input for the task of this index, which may be submitted or not yet.
        self.items: list[Any] = []
        self.index = 0

    @property
    def fed(self) -> int:
        """The tasks that are submitted."""
        total: int = self.job._total
        return total

    def all(self) -> None:
        """Submit everything. What fails is the result's; what a signal's handler raises is the caller's, too."""
        try:
            self.submit_all()
        except BaseException as e:
            self.end(e)
            if not isinstance(e, Exception):
                raise

    def submit_all(self) -> None:
        if type(self.iterable) in _SLICED:
            items, size = self.iterable, self.chunksize
            for start in range(0, len(items), BATCH * size):
                batch = items[start : start + BATCH * size]
                self.submit(batch if size == 1 else [batch[i : i + size] for i in range(0, len(batch), size)])
            self.end()
        else:
            while self.one():
                pass

    def keep(self, ahead: int) -> None:
        """Submit as long as fewer than so many are not taken. What fails is the result's."""
        if not self.done and self.result._pool._state != RUN and (failure := self.result._closed()):
            self.end(failure)
        try:
            while not self.done and self.fed - self.taken() < ahead and self.one():
                pass
        except Exception as e:
            self.end(e)

    def taken(self) -> int:
        """The tasks whose results the program has, or is about to get."""
        waiting = self.result._items
        return self.result._index - len(waiting) + bool(waiting and length_hint(waiting[0][2]) <= 1)

    def one(self) -> bool:
        """Submit the next task. False: there is none.

        A signal's exception may come anywhere: what was taken stays until it is known to be submitted."""
        try:
            if self.iterator is None:
                self.iterator = iter(self.iterable)
            if self.fed > self.index:
                self.items, self.index = [], self.fed
            self.items.extend(itertools.islice(self.iterator, self.chunksize - len(self.items)))
        except Exception as e:
            self.end(e)
            return False
        if not self.items:
            self.end()
            return False
        self.submit(self.items if self.chunksize == 1 else (tuple(self.items),))
        return True

    def submit(self, payloads: Any) -> None:
        asked = self.result._asked
        for index, payload in enumerate(payloads, self.fed):
            asked[index] = payload
        chunked = CHUNK if self.chunksize > 1 else ONE
        room = CHUNK_ROOM if chunked else ROOM
        self.core._submit(self.job, None, payloads, self.fed, chunked, True, room, self.retries, self.limit, self.ahead)

    def end(self, failure: BaseException | None = None) -> None:
        """There is no more, for this reason if it is one. What is interrupted is done again."""
        if self.result._failure is None:
            self.result._failure = failure
        self.result._length = self.fed
        self.job._end()
        if self.fed_up:
            self.fed_up()
        self.done = True
        self.iterable = self.iterator = None


def _listed(iterable: Any) -> tuple[list[Any], BaseException | None]:
    """The items, up to an exception that iterating over them raises, which is the result's."""
    items: list[Any] = []
    try:
        items.extend(iterable)
    except Exception as e:
        return items, e
    return items, None


def _bar(progress: Any, total: int | None) -> Any:
    """A progress bar: of tqdm, or of the class that is given instead of True."""
    if progress is not True:
        return progress(total=total)
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError("progress=True needs tqdm: pip install tqdm") from None
    return tqdm(total=total)


# ---- the standard engine

# A subclass that overrides one of these works on the inside of the standard pool.
_INSIDE = frozenset(
    [
        "_get_sentinels",
        "_get_tasks",
        "_get_worker_sentinels",
        "_guarded_task_generation",
        "_handle_results",
        "_handle_tasks",
        "_handle_workers",
        "_help_stuff_finish",
        "_join_exited_workers",
        "_maintain_pool",
        "_map_async",
        "_repopulate_pool",
        "_repopulate_pool_static",
        "_setup_queues",
        "_terminate_pool",
        "_wait_for_updates",
    ]
)

_inside = {
    name: value
    for name, value in vars(_std.Pool).items()
    if name not in ("__dict__", "__weakref__", "__module__", "__doc__")
}


class _StandardPool(Pool):
    """The standard pool over gomp's processes and queues."""

    locals().update(_inside)

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., Any] | None = None,
        initargs: Iterable[Any] = (),
        maxtasksperchild: int | None = None,
        context: Any = None,
    ) -> None:
        _std.Pool.__init__(self, processes, initializer, initargs, maxtasksperchild, context or get_context())

    def _get_sentinels(self) -> list[Any]:
        # The thread that waits for these looks after the workers, which have sentinels of
        # their own: it need not be woken, nor the pipe be rung, for each result.
        return [self._change_notifier._reader]


class ThreadPool(_std.ThreadPool, _StandardPool):
    """A pool of threads."""


def __getattr__(name: str) -> Any:
    return getattr(_std, name)  # whatever else the standard module of this version has
