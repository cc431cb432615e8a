"""Pools whose workers are the goroutines of a pack's process.

A pool of Python workers has one of these for each pack whose kernels it was given; calls of kernels have one of their
own in each process. Tasks, results and supervision are the pool's; what differs is here: how a task is packed, and
that one process has several workers.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
from multiprocessing import process, util
from multiprocessing.pool import RUN
from multiprocessing.process import BaseProcess
from typing import NamedTuple

from . import _boundary, _packing
from ._crew import IN_FLIGHT, RUNNING, Crew, available_cpus, held_back
from ._packing import CHUNK, ELEMENTWISE, INTO, SINGLE, Message, is_buffer
from ._worker import ITEM, MAP, STARMAP, Core
from .pool import (
    ONE,
    RAISED,
    REFUSED,
    RETURNED,
    ROOM,
    ApplyResult,
    IMapIterator,
    MapResult,
    Pool,
    _Call,
    _checked,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ._kernel import Kernel, Pack

__all__ = ["NativePool", "direct", "map_array"]

# Bytes of an array that a task of map_array has at least: less is not worth a message.
RUN_LEAST = 256 << 10
CANONICAL = _packing.CANONICAL
# The elements whose numbers go between lists and arrays without a detour.
RUNS = ("float64", "int64")


class Orders(NamedTuple):
    """What a pack's program is told at its start."""

    path: str
    core: Any
    first: int
    places: int
    alone: str  # the name of a process that ends after one task; or none


class Server(BaseProcess):
    """The process of a pack: workers of a pool from `first` on."""

    _start_method = "kernel"

    def __init__(self, orders: Orders) -> None:
        """It has no part in the program's processes and their numbers: a program may join all its children, and one
        that is forked ends those that it finds."""
        current = process.current_process()
        self._identity, self._config = current._identity, current._config.copy()
        self._parent_pid, self._parent_name = os.getpid(), current.name
        self._popen, self._closed = None, False
        self._name = f"KernelProcess:{os.path.basename(orders.path)}"
        self.orders = orders
        self.ended_by_us = False  # since one of its tasks did not heed its end
        self._gomp_index = 0

    def start(self) -> None:
        """As the standard method, but for daemons, too: the process ends with its parent, however that ends."""
        started = self._popen = self._Popen(self)
        self._sentinel = started.sentinel

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        from .popen_kernel import Popen

        return Popen(process_obj)


class NativeCrew(Crew):
    """The one process of a native pool."""

    def __init__(self, path: str, size: int, workers: list[Any]) -> None:
        self.path = path
        super().__init__(None, Server, size, workers, None, (), None, None, None)
        self.orderly = True  # the process ends by itself when the pool does

    def make_core(self) -> Any:
        core = Core()
        core._create(self.size, IN_FLIGHT, True)
        return core

    def populate(self) -> None:
        with self.lock:
            if not self.workers:
                self.start_one(0)

    def start_one(self, index: int) -> None:
        server = Server(Orders(self.path, self.core, 0, self.size, ""))
        server.daemon = True
        with held_back({signal.SIGINT}):
            self.launch(server)
        util.debug("added kernel process")

    def settle(self, w: Any, code: int) -> tuple[int, bool]:
        settled = [self.core._bury(index, w.pid, code, w.ended_by_us) for index in range(self.size)]
        return max(stage for stage, _ in settled), settled[-1][1]

    def kill(self, indices: list[int]) -> None:
        """End the process of tasks that have not heeded that their contexts were cancelled. Its other tasks are queued
        again."""
        with self.lock:
            for w in self.workers if indices else ():
                w.ended_by_us = True
                w.kill()

    def end_overdue(self) -> float | None:
        pause = super().end_overdue()
        self.asked = self.asked and pause is not None
        return pause

    def pids(self) -> dict[int, int]:
        return {index: w.pid for w in self.workers for index in range(self.size)}

    def cancel(self, job: Any) -> bool:
        with self.lock:
            _, reached = job._cancel()
        self.look()
        return bool(reached)

    def look(self) -> None:
        """Have the steward look whether what was cancelled ends."""
        self.asked = True
        self.steward._wake()


def single(kernel: Kernel, args: tuple[Any, ...], kwds: dict[str, Any]) -> tuple[Any, ...]:
    """A call, packed for the core."""
    if not kwds and kernel.travel(args):
        return 1, _packing.pack_numbers((kernel.__name__, SINGLE, args))
    message = Message()
    return message.pack(1, kernel.__name__, SINGLE, kernel.encode(message, args, kwds))


def returned(kernel: Kernel, message: tuple[Any, ...]) -> Any:
    """What a call has returned."""
    if kernel.plain_result:
        return _packing.msgpack.unpackb(message[0])
    value = _packing.unpack(message)
    return tuple(value) if len(kernel.results) > 1 else value


def opened(kernel: Kernel, status: int, value: Any) -> tuple[int, Any]:
    """A call's status and result; or RAISED, and the exception."""
    if status == RAISED and isinstance(value, tuple):
        return status, _packing.failure(value)
    if status != RETURNED:
        return status, value
    try:
        return status, returned(kernel, value)
    except Exception as e:
        return RAISED, e


class _Unpacked:
    """Mixin of results: what a kernel answers is unpacked by the thread that asks."""

    def _arrive(self, index: int, items: int, status: int, value: Any) -> None:
        super()._arrive(index, items, *self._opened(items, status, value))  # type: ignore[misc]

    def _opened(self, items: int, status: int, value: Any) -> tuple[int, Any]:
        if status == RAISED:
            return status, _packing.failure(value) if isinstance(value, tuple) else value
        if status != RETURNED:
            return status, value
        try:
            return status, self._unpack(value, items)
        except Exception as e:
            return RAISED, e

    def _unpack(self, message: tuple[Any, ...], items: int) -> Any:
        return returned(self._func, message)  # type: ignore[attr-defined]


class _Chunks(_Unpacked):
    """The same where a task may be a chunk."""

    def _unpack(self, message: tuple[Any, ...], items: int) -> Any:
        if self._one_each():
            return super()._unpack(message, items)
        kernel: Kernel = self._func  # type: ignore[attr-defined]
        value = _packing.unpack(message)
        if hasattr(value, "tolist"):
            return value.tolist()
        return [tuple(one) for one in value] if len(kernel.results) > 1 else value

    def _one_each(self) -> bool:
        return self._single  # type: ignore[attr-defined]


class NativeApplyResult(_Unpacked, ApplyResult):
    """The result of a kernel's call."""


class NativeMapResult(_Chunks, MapResult):
    """The results of a map of a kernel."""

    def _unpack(self, message: tuple[Any, ...], items: int) -> Any:
        kernel: Kernel = self._func
        if self._single or not kernel.elementwise:
            return super()._unpack(message, items)
        return _packing.unpack(message)

    def _arrive(self, index: int, items: int, status: int, value: Any) -> None:
        status, value = self._opened(items, status, value)
        if status == RETURNED and not self._single and self._func.elementwise:
            element = _packing.element_of(value)
            if element in RUNS and self._success:
                _boundary.scatter(self._value, index, value, element == "float64")
                return
            value = value.tolist()
        MapResult._arrive(self, index, items, status, value)


class _Iterated(_Chunks):
    """The same for results that are iterated over."""

    def _one_each(self) -> bool:
        return not self._chunked  # type: ignore[attr-defined]


_iterators: dict[Any, Any] = {}


def native(kind: Any) -> Any:
    """A kind of iterator, for the results of kernels."""
    if kind not in _iterators:
        _iterators[kind] = type(f"Native{kind.__name__}", (_Iterated, kind), {})
    return _iterators[kind]


class Run:
    """A part of a list, not cut out of it."""

    def __init__(self, items: list[Any], start: int, stop: int) -> None:
        self.items, self.start, self.stop = items, start, stop

    def array(self, element: str) -> Any:
        """The numbers as an array; or as a list, where some are of other types."""
        made = _boundary.gather(self.items, self.start, self.stop, element == "float64") if element in RUNS else None
        if made is None:
            return self.items[self.start : self.stop]
        return memoryview(made).cast("d" if element == "float64" else "q")


class Packer:
    """The core, for the tasks of one job: it packs them. What cannot be packed raises; or, late, as their results."""

    def __init__(self, core: Any, kernel: Kernel, mode: int, late: bool) -> None:
        self.core, self.kernel, self.mode, self.late = core, kernel, mode, late

    def _submit(self, job: Any, function: Any, payloads: Any, *rest: Any) -> Any:
        return self.core._submit(job, None, self.packed(payloads), *rest)

    def packed(self, payloads: Any) -> Iterator[tuple[Any, ...]]:
        for payload in payloads:
            try:
                yield self.message(payload)
            except Exception as e:
                if not self.late:
                    raise
                yield 1, e

    def message(self, payload: Any) -> tuple[Any, ...]:
        message, kernel = Message(), self.kernel
        if self.mode == ITEM:
            return message.pack(1, kernel.__name__, SINGLE, kernel.encode(message, (payload,), {}))
        if kernel.elementwise:
            return self.run(message, payload)
        calls = [kernel.encode(message, self.arguments(one), {}) for one in payload]
        return message.pack(len(payload), kernel.__name__, CHUNK, calls)

    def arguments(self, item: Any) -> Any:
        return tuple(item) if self.mode == STARMAP else (item,)

    def run(self, message: Message, chunk: Any) -> tuple[Any, ...]:
        """A chunk for an element-wise kernel: one array, and one message."""
        kind = self.kernel.types[0]["kind"]
        element = CANONICAL.get(kind, kind)
        if type(chunk) is Run:
            chunk = chunk.array(element)
        items = [self.kernel.bind(one, {})[0] for one in chunk] if self.mode == STARMAP else chunk
        run = _packing.vector(self.kernel, element, items)
        return message.pack(len(chunk), self.kernel.__name__, ELEMENTWISE, [_packing.describe(message, run, element)])


class NativePool(Pool):
    """A pool for the kernels of one pack, with the methods of a Pool."""

    _crew: NativeCrew
    _results = NativeApplyResult, NativeMapResult

    @staticmethod
    def _iterator(kind: type[IMapIterator]) -> type[IMapIterator]:
        return native(kind)

    def __init__(self, path: str, processes: int) -> None:
        self._pool = []
        self._processes = processes
        self._maxtasksperchild = None
        self._natives = {}
        self._crew = NativeCrew(path, processes, self._pool)
        self._core = self._crew.core
        self._cache = self._crew.calls
        self._terminate = util.Finalize(self, self._crew.terminate, exitpriority=15)
        self._crew.start()
        self._state = RUN

    def __del__(self, *_: Any) -> None:
        """What owns it warns."""

    def _native(self, kernel: Kernel) -> NativePool:
        return self

    def _ask(self, func: Any, args: Any, kwds: Any, retries: int = 0, limit: int = 0) -> Any:
        return self._one(single(func, tuple(args), kwds), retries, limit)

    def _one(self, packed: tuple[Any, ...], retries: int, limit: int) -> Any:
        try:
            return self._core._apply(packed, None, None, ROOM, retries, limit)
        except ValueError as e:
            raise self._crew.refusal(e) from None

    def _submit(
        self, mode: int, func: Any, payloads: Any, chunked: int, room: int, retries: int, limit: int, open: bool = False
    ) -> Any:
        try:
            return Packer(self._core, func, mode, False)._submit(
                None, None, payloads, 0, chunked, open, room, retries, limit
            )
        except ValueError as e:
            raise self._crew.refusal(e) from None

    def _chunks(self, func: Any, mode: int, iterable: Any, starts: list[int]) -> list[Any]:
        if mode == MAP and func.elementwise and type(iterable) is list:
            return [Run(iterable, i, j) for i, j in itertools.pairwise(starts)]
        return super()._chunks(func, mode, iterable, starts)

    def into(self, kernel: Kernel, source: Any, out: Any, timeout: float | None, retries: int) -> NativeApplyResult:
        """Apply an element-wise kernel to an array, and store the results in another one."""
        message = Message()
        types = (_packing.element_of(source), _packing.element_of(out))
        body = [_packing.describe(message, a, element) for a, element in zip((source, out), types, strict=True)]
        limit, retries = _checked(timeout, retries)
        result = NativeApplyResult(self, None, None)
        result._func, result._args, result._kwds, result._limit = kernel, (source,), {}, timeout
        packed = message.pack(1, kernel.__name__, INTO, body)
        result._job = self._one(packed, retries, limit)
        if limit:
            self._crew.limit(result, limit)
        return result

    def _feeds(self, mode: int, func: Any) -> Any:
        return Packer(self._core, func, mode, True)


def map_array(pool: Any, kernel: Kernel, array: Any, timeout: float | None, retries: int) -> Any:
    """See Pool.map_array."""
    from . import arrays

    if not kernel.elementwise:
        raise TypeError(
            f"map_array() needs an element-wise kernel, and {kernel.__name__}{kernel.__signature__} is none"
        )
    np = arrays._numpy()
    element = CANONICAL.get(kernel.types[0]["kind"], kernel.types[0]["kind"])
    result = CANONICAL.get(kernel.results[0]["kind"], kernel.results[0]["kind"])
    try:
        _packing.unmasked(array)
        source = _packing.converted(np.asarray(array), element)
    except _packing.Mismatch as e:
        raise TypeError(f"kernel {kernel.__name__}, parameter {kernel.parameters[0]}: {e}") from None
    source = np.asarray(source, order="C")
    out = arrays.empty(source.shape, result)
    flat, to = source.reshape(-1), out.reshape(-1)
    run = max(-(-len(flat) // (4 * pool._processes)), RUN_LEAST // flat.itemsize)
    native = pool._native(kernel)
    jobs = [native.into(kernel, flat[i : i + run], to[i : i + run], timeout, retries) for i in range(0, len(flat), run)]
    try:
        for job in jobs:
            job.get()
    except BaseException:
        for job in jobs:
            job.cancel()
        raise
    return out


def one_task(kernel: Kernel, args: Any, kwds: dict[str, Any]) -> tuple[Any, Any]:
    """A pool for a process that runs one task, and the job."""
    packed = single(kernel, tuple(args), kwds)
    core = Core()
    core._create(1, IN_FLIGHT, True)
    return core, core._submit(None, None, (packed,), 0, ONE, False, ROOM, 0, 0)


_direct: dict[Pack, NativePool]
_lock: threading.RLock


def forget() -> None:
    """Begin without processes for direct calls: a forked child has none of its parent's, nor the thread that may hold
    the lock."""
    global _direct, _lock
    _direct, _lock = {}, threading.RLock()


forget()
os.register_at_fork(after_in_child=forget)


def direct(kernel: Kernel, args: Any, kwds: dict[str, Any]) -> Any:
    """Run a kernel at once, in a process that this one keeps for that."""
    if kernel.elementwise and len(args) == 1 and not kwds and getattr(args[0], "ndim", None) and is_buffer(args[0]):
        return map_array(begin(kernel.pack), kernel, args[0], None, 0)
    packed = single(kernel, args, kwds)
    pool = _direct.get(kernel.pack)
    if pool is None or pool._crew.state != RUNNING:
        pool = begin(kernel.pack)
    try:
        answer = pool._core._call(packed)
    except ValueError as e:
        raise pool._crew.refusal(e) from None
    except BaseException:
        pool._crew.look()  # the call was interrupted, as by Ctrl-C, and is cancelled
        raise
    if answer is None:
        raise pool._crew.ended()
    status, value = answer
    if status == RETURNED:
        return returned(kernel, value)
    if status in (RAISED, REFUSED):
        raise _packing.failure(value) if isinstance(value, tuple) else value
    raise _Call(kernel, (args, kwds), True, None).failure(0, 1, status, value)


def begin(pack: Pack) -> NativePool:
    """Start the process for direct calls of a pack's kernels, unless another thread has."""
    with _lock:
        pool = _direct.get(pack)
        if pool is None or pool._crew.state != RUNNING:  # at the program's end its exit handlers may be later
            pool = _direct[pack] = NativePool(pack._program(), available_cpus())
        return pool
