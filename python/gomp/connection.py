"""Connections: real descriptors, with the data of a Pipe() in shared memory.

A connection whose two ends are gomp's carries channels: `rx`, `tx`, or both. Its methods, the
boundary's, are then the channels'. One made from a bare descriptor (a socket's, a listener's) is the
standard connection in all but its class.
"""

from __future__ import annotations

import os
import socket
import time
from multiprocessing import connection as _std
from multiprocessing import reduction, resource_sharer
from multiprocessing.connection import *  # noqa: F403
from multiprocessing.context import get_spawning_popen

from . import _boundary
from ._family import spawning_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

__all__ = ["Client", "Listener", "Pipe", "wait"]


class Channel(_boundary.Channel):
    """One direction of a pipe, and the descriptors that this process has for its ends."""

    _reader_fd = _writer_fd = -1

    def read_by(self, fd: int) -> None:
        self._reader_fd = fd
        self.set_fds(fd, self._writer_fd)

    def written_by(self, fd: int) -> None:
        self._writer_fd = fd
        self.set_fds(self._reader_fd, fd)


class Connection(_boundary.Ends, _std.Connection):
    """One end of a pipe, or of a socket."""

    _handle: Any
    rx: Channel | None
    tx: Channel | None

    def _send_bytes(self, buf: Any) -> None:
        if self.tx is None:
            return super()._send_bytes(buf)
        self.tx.send_bytes(buf)

    def _poll(self, timeout: float | None) -> bool:
        return super()._poll(timeout) if self.rx is None else self.rx.poll(timeout)

    def _attach(self, rx: Channel | None, tx: Channel | None) -> Connection:
        if rx is not None:
            rx.read_by(self._handle)
        if tx is not None:
            tx.written_by(self._handle)
        self.rx, self.tx = rx, tx
        return self

    def _close(self, _close: Any = os.close) -> None:
        # First of all: a thread that comes now must find the end closed, and not a pipe without channels.
        handle, self._handle = self._handle, None
        rx, tx = self.rx, self.tx
        try:
            self.rx = self.tx = None
            # The channel forgets the number before it can mean another file.
            if rx is not None:
                rx.read_by(-1)
            if tx is not None:
                tx.written_by(-1)
        finally:  # whatever a signal's handler has raised
            try:
                _close(handle)
            finally:
                # Who waits at the other end looks at the descriptor only when told to.
                for channel in (rx, tx):
                    if channel is not None:
                        channel.hangup()

    def fileno(self) -> int:
        """File descriptor or handle of the connection"""
        fd = super().fileno()
        if self.rx is not None:
            self.rx.arm()
        return fd


def _ours(connection: _std.Connection) -> Connection:
    """The same descriptor, under our class."""
    handle, connection._handle = connection._handle, None
    return Connection(handle)


class Listener(_std.Listener):
    """Returns a listener object."""

    def accept(self) -> Connection:
        """Accept a connection on the bound socket or named pipe of `self`.

        Returns a `Connection` object.
        """
        return _ours(super().accept())


def Client(address: Any, family: str | None = None, authkey: bytes | None = None) -> Connection:
    """Returns a connection to the address of a `Listener`"""
    return _ours(_std.Client(address, family, authkey))


def SocketClient(address: Any) -> Connection:
    """Return a connection object connected to the socket given by `address`"""
    return _ours(_std.SocketClient(address))


# A sender waits when so many bytes are on their way, as it would for a full pipe.
_IN_FLIGHT = 1 << 22


def _channel() -> Channel:
    channel = Channel()
    channel._create(0, _IN_FLIGHT)
    return channel


def Pipe(duplex: bool = True) -> tuple[Connection, Connection]:
    """Returns pair of connection objects at either end of a pipe"""
    if duplex:
        s1, s2 = socket.socketpair()
        one, two = Connection(s1.detach()), Connection(s2.detach())
        there, back = _channel(), _channel()
        return one._attach(back, there), two._attach(there, back)
    r, w = os.pipe()
    reader, writer = Connection(r, writable=False), Connection(w, readable=False)
    channel = _channel()
    return reader._attach(channel, None), writer._attach(None, channel)


def wait(object_list: Iterable[Any], timeout: float | None = None) -> list[Any]:
    """Wait till an object in object_list is ready/readable.

    Returns list of those objects in object_list which are ready/readable.
    """
    object_list = list(object_list)
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        # A message that was there before anybody asked for the descriptor need not show on it.
        ready = [o for o in object_list if isinstance(o, Connection) and o.rx is not None and o.poll()]
        if ready:
            known = set(map(id, ready))
            return ready + _std.wait([o for o in object_list if id(o) not in known], 0)
        found = _std.wait(object_list, timeout)
        ready = [o for o in found if not isinstance(o, Connection) or o.rx is None or o.poll()]
        if ready or not found:
            return ready
        # A sender that was killed may have rung for a message that never came: poll() has
        # silenced that. What is readable still is the program's own use of the descriptor.
        ready = _std.wait(found, 0)
        if ready:
            return ready
        if deadline is not None:
            timeout = deadline - time.monotonic()
            if timeout <= 0:
                return []


class _Parcel(resource_sharer.DupFd):
    """The standard carrier of a descriptor, bringing the handles of channels too.

    Its taker becomes a holder of the channels before the sender may let go of them.
    """

    def __init__(self, fd: int, channels: list[Channel | None]) -> None:
        copy = os.dup(fd)

        def send(link: _std.Connection, pid: int) -> None:
            link.send([c and c._hold_for_pid(pid) for c in channels])
            reduction.send_handle(link, copy, pid)

        self._id = resource_sharer._resource_sharer.register(send, lambda: os.close(copy))

    def unpack(self) -> tuple[int, list[Any]]:
        """The descriptor and the handles. This should only be called once."""
        with resource_sharer._resource_sharer.get_connection(self._id) as link:
            handles = link.recv()
            return reduction.recv_handle(link), handles


class _Luggage:
    """The same for a child that is being spawned, which takes descriptors along."""

    def __init__(self, fd: int, channels: list[Channel | None]) -> None:
        token, self.passage = spawning_token(self)
        self.dup = reduction.DupFd(fd)
        self.handles = [c and c._handle(token) for c in channels]

    def unpack(self) -> tuple[int, list[Any]]:
        return self.dup.detach(), self.handles


def _reduce(conn: Connection) -> tuple[Any, ...]:
    channels = [conn.rx, conn.tx]
    if channels == [None, None]:
        return _rebuild, (reduction.DupFd(conn.fileno()), conn.readable, conn.writable)
    carrier = _Parcel if get_spawning_popen() is None else _Luggage
    return _rebuild_pipe, (_boundary.family()[1], carrier(conn._handle, channels))


def _rebuild(dup: Any, readable: bool, writable: bool) -> Connection:
    return Connection(dup.detach(), readable, writable)


def _rebuild_pipe(key: int, carrier: _Parcel | _Luggage) -> Connection:
    if not _boundary.born() or _boundary.family()[1] != key:
        raise OSError("the connection belongs to another family of gomp processes")
    fd, handles = carrier.unpack()
    rx, tx = map(_taken, handles)
    return Connection(fd, rx is not None, tx is not None)._attach(rx, tx)


def _taken(handle: Any) -> Channel | None:
    if handle is None:
        return None
    channel = Channel()
    channel._attach(handle)
    return channel


reduction.register(Connection, _reduce)


def __getattr__(name: str) -> Any:
    return getattr(_std, name)  # whatever else the standard module of this version has
