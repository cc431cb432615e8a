"""Queues in the family's shared memory: an object is there for others when put returns.

There is no feeder thread, so pickling, and its error, happen in put.
"""

from __future__ import annotations

import functools
import os
import threading
import types
import weakref
from collections import deque
from multiprocessing import queues as _std
from multiprocessing import reduction, util

from . import _boundary, context
from ._family import spawning_token
from .connection import Connection, _ours, _reduce
from .synchronize import SEM_VALUE_MAX, _Count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

__all__ = ["JoinableQueue", "Queue", "SimpleQueue"]


class _End(Connection):
    """One end of a queue's pipe, as a connection. The queue owns the descriptor."""

    def __init__(self, queue: _Piped, reads: bool) -> None:
        self._queue, self._reads = queue, reads
        fd = queue._fds[not reads]
        if fd < 0:  # it was closed
            self._readable, self._writable = reads, not reads
            return
        super().__init__(fd, reads, not reads)
        self.rx, self.tx = (queue, None) if reads else (None, queue)  # type: ignore[assignment]

    def __del__(self) -> None:
        pass

    def _close(self, _close: Any = None) -> None:
        self.rx = self.tx = None
        self._queue._close_end(0 if self._reads else 1)


reduction.register(_End, _reduce)


class _EndOf:
    """The attribute by which a queue has an end, made when it is asked for and kept while
    it is in use: the end refers to the queue, and a cycle would delay the queue's own end."""

    def __init__(self, reads: bool) -> None:
        self.reads = reads

    def __get__(self, queue: _Piped | None, owner: type) -> Any:
        if queue is None:
            return self
        ends = queue._ends
        if ends is None:
            ends = queue._ends = weakref.WeakValueDictionary()
        end = ends.get(self.reads)
        if end is None:
            end = ends[self.reads] = _End(queue, self.reads)
        return end


# A subclass that overrides one of these works on the inside of the standard queue.
_INSIDE = frozenset(
    [
        "__getstate__",
        "__setstate__",
        "_after_fork",
        "_feed",
        "_finalize_close",
        "_finalize_join",
        "_reset",
        "_start_thread",
    ]
)


@functools.cache
def _with_standard_inside(queue: type) -> type:
    """The subclass of one of gomp's queues that is the standard queue in all but its class."""
    standard = getattr(_std, queue.__name__)
    names = {name: value for base in reversed(standard.__mro__[:-1]) for name, value in vars(base).items()}
    inside = {name: value for name, value in names.items() if name not in ("__dict__", "__weakref__")}
    # What gomp's class computes, an instance of the standard one is given.
    computed = {
        name: None for base in queue.__mro__ for name, value in vars(base).items() if isinstance(value, property)
    }

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        standard.__init__(self, *args, **kwargs)
        # Of the class that other libraries' picklers know by the name of Connection.
        self._reader, self._writer = _ours(self._reader), _ours(self._writer)
        if hasattr(self, "_reset"):
            self._reset()
        else:
            self._poll = self._reader.poll

    inside["__init__"] = init
    return type(queue.__name__, (queue,), {**computed, **inside, "__module__": __name__})


class _Piped(_boundary.Channel):
    """A channel with the descriptors of a pipe, by which others wait for it, and see an end
    that is gone."""

    _reader: Any = _EndOf(True)
    _writer: Any = _EndOf(False)
    _poll = _boundary.Channel.poll
    _is_fork_ctx = False
    _fds: tuple[int, int] = (-1, -1)
    _ends: weakref.WeakValueDictionary[bool, _End] | None = None

    def __init_subclass__(cls) -> None:
        """Give a subclass that works on the standard inside, as joblib's do, that inside."""
        super().__init_subclass__()
        if not _INSIDE.isdisjoint(vars(cls)) and cls.__module__ != __name__:
            ours = (Queue, JoinableQueue, SimpleQueue)
            cls.__bases__ = tuple(_with_standard_inside(b) if b in ours else b for b in cls.__bases__)

    def _make(self, ctx: Any, maxsize: int = 0, maxbytes: int = 0) -> None:
        self._is_fork_ctx = ctx.get_start_method() == "fork"
        self._create(maxsize, maxbytes)
        self._open(*os.pipe())

    def _open(self, reader: int, writer: int) -> None:
        self._fds = reader, writer
        self.set_fds(reader, writer)

    def _close_end(self, end: int, _close: Callable[[int], None] = os.close) -> None:
        fd = self._fds[end]
        if fd < 0:
            return
        reader, writer = self._fds
        self._fds = (-1, writer) if end == 0 else (reader, -1)
        try:
            self.set_fds(*self._fds)  # the channel forgets the number before it can mean another file
        finally:  # whatever a signal's handler has raised
            try:
                _close(fd)
            finally:
                self.hangup()

    def _close_ends(self) -> None:
        self._close_end(0)
        self._close_end(1)

    def __del__(self) -> None:
        self._close_ends()

    def _pack(self) -> tuple[Any, ...]:
        token, passage = spawning_token(self, self._is_fork_ctx)
        fds = [None if fd < 0 else reduction.DupFd(fd) for fd in self._fds]
        return (passage, self._handle(token), *fds)

    def _unpack(self, passage: None, handle: Any, reader: Any, writer: Any) -> None:
        self._attach(handle)
        self._open(reader.detach() if reader else -1, writer.detach() if writer else -1)

    # The locks and the thread of the standard queue, for programs that look for them.

    @property
    def _rlock(self) -> Any:
        return self._spare("_rlock", context._default_context.Lock)

    @property
    def _wlock(self) -> Any:
        return self._spare("_wlock", context._default_context.Lock)

    def _spare(self, name: str, make: Callable[[], Any]) -> Any:
        spares = self.__dict__.setdefault("_spares", {})
        if name not in spares:
            spares[name] = make()
        return spares[name]

    __class_getitem__: Any = classmethod(types.GenericAlias)


class Queue(_Piped):
    """A queue for several producers and consumers; put and get are the boundary's methods.

    With ``codec="msgpack"`` its messages are MessagePack, arrays beside it, which kernels put and get, too: None,
    bool, int of 64 bits, float, str, bytes, datetime, list, dict and arrays of numbers. A tuple arrives as a list, a
    naive datetime, taken for local time, as an aware one; for anything else put() raises TypeError.
    """

    _ignore_epipe = False
    _thread = _jointhread = _close = None
    _joincancelled = False
    _send_bytes = _boundary.Channel.send_bytes
    _recv_bytes = _boundary.Channel.recv_bytes

    def __init__(
        self, maxsize: int = 0, *, ctx: Any, maxbytes: int = 0, strict: bool = False, codec: str = "pickle"
    ) -> None:
        if codec not in ("pickle", "msgpack"):
            raise ValueError(f"codec must be 'pickle' or 'msgpack', not {codec!r}")
        self._packed = codec == "msgpack"
        self._maxsize = SEM_VALUE_MAX if maxsize <= 0 else maxsize
        self._opid = os.getpid()
        self._strict = strict
        self._make(ctx, max(maxsize, 0), maxbytes)

    def __getstate__(self) -> tuple[Any, ...]:
        return (self._ignore_epipe, self._maxsize, self._opid, self._strict, self._packed, self._pack())

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._ignore_epipe, self._maxsize, self._opid, self._strict, self._packed, packed = state
        self._unpack(*packed)

    def empty(self) -> bool:
        """Return whether there is nothing to get."""
        return not self.poll()

    def full(self) -> bool:
        """Return whether put would have to wait."""
        return self.qsize() >= self._maxsize

    def get_nowait(self) -> Any:
        """Get an object, or raise queue.Empty at once."""
        return self.get(False)

    def put_nowait(self, obj: Any) -> None:
        """Put an object, or raise queue.Full at once."""
        self.put(obj, False)

    def close(self) -> None:
        """This process is done with the queue; what it has put stays there for others."""
        self._closed = True
        if self._used:  # or there was never a thread whose end would close the standard one's
            self._close_ends()

    def join_thread(self) -> None:
        """What was put is in the queue already: there is no thread to wait for."""
        util.debug("Queue.join_thread()")
        assert self._closed, f"Queue {self!r} not closed"

    def cancel_join_thread(self) -> None:
        """There is no thread, so nothing to cancel."""
        util.debug("Queue.cancel_join_thread()")
        self._joincancelled = True

    def _terminate_broken(self) -> None:
        self.close()

    @staticmethod
    def _on_queue_feeder_error(e: BaseException, obj: Any) -> None:
        """Called by put, unless the queue is strict, with what pickling `obj` has raised.
        For overriding by concurrent.futures.
        """
        import traceback

        traceback.print_exception(type(e), e, e.__traceback__)

    @property
    def _sem(self) -> _Count:
        return _Count(lambda: self._maxsize - self.qsize())

    @property
    def _notempty(self) -> threading.Condition:
        return self._spare("_notempty", threading.Condition)

    @property
    def _buffer(self) -> deque[Any]:
        return deque()


class JoinableQueue(Queue):
    """A queue whose producers can wait until all that they put is done."""

    def join(self) -> None:
        """Wait until task_done has been called for everything that was put."""
        self.join_tasks()


class SimpleQueue(_Piped):
    """A queue with the manners of a pipe: its errors are raised, its ends can be closed."""

    put: Any = _boundary.Channel.send
    get: Any = _boundary.Channel.recv

    # put waits when so many bytes are in the queue, as it would for a full pipe: a pool
    # that is fed by an endless iterator counts on it.
    _IN_FLIGHT = 1 << 20

    def __init__(self, *, ctx: Any) -> None:
        self._make(ctx, maxbytes=self._IN_FLIGHT)

    def __getstate__(self) -> tuple[Any, ...]:
        return self._pack()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._unpack(*state)

    def empty(self) -> bool:
        """Return whether there is nothing to get."""
        return not self.poll()

    def close(self) -> None:
        """Close both ends, in this process."""
        self._close_ends()
        self.__dict__.update(put=_refuse, get=_refuse, poll=_refuse)


def _refuse(*args: Any, **kwargs: Any) -> NoReturn:
    raise OSError("handle is closed")


def __getattr__(name: str) -> Any:
    return getattr(_std, name)  # whatever else the standard module of this version has
