"""What connections promise: the standard errors, and a descriptor that tells the truth."""

from __future__ import annotations

import contextlib
import gc
import os
import select
import selectors
import socket
import struct
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from multiprocessing import BufferTooShort, reduction
from typing import Any

import pytest

import gomp
from gomp import connection
from gomp.connection import wait

fork = gomp.get_context("fork")


def readable(fd: int, timeout: float = 0) -> bool:
    return bool(select.select([fd], [], [], timeout)[0])


@pytest.fixture(params=[True, False], ids=["duplex", "one way"])
def pipe(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Any]]:
    reader, writer = fork.Pipe(request.param)
    yield reader, writer
    reader.close()
    writer.close()


def test_messages_go_whole_and_in_order(pipe: Any) -> None:
    reader, writer = pipe
    for size in (0, 1, 100, 8191, 8192, 8193, 70_000):
        writer.send_bytes(bytes([size % 256]) * size)
        writer.send({"size": size})
        assert reader.recv_bytes() == bytes([size % 256]) * size
        assert reader.recv() == {"size": size}


def test_both_ways() -> None:
    one, two = fork.Pipe()
    for i in range(100):
        one.send(("to", i))
        two.send(("fro", i))
    for i in range(100):
        assert two.recv() == ("to", i)
        assert one.recv() == ("fro", i)


def test_wrong_way() -> None:
    reader, writer = fork.Pipe(duplex=False)
    assert reader.readable and not reader.writable and writer.writable and not writer.readable
    for use in (lambda: reader.send(1), lambda: reader.send_bytes(b""), writer.recv, writer.recv_bytes, writer.poll):
        with pytest.raises(OSError, match="connection is"):
            use()


def test_end_of_the_stream_comes_after_what_was_sent(pipe: Any) -> None:
    reader, writer = pipe
    writer.send(1)
    writer.send_bytes(b"x" * 100_000)
    writer.close()
    assert reader.poll() and reader.poll(1)
    assert reader.recv() == 1
    assert reader.recv_bytes() == b"x" * 100_000
    for _ in range(2):
        assert reader.poll() is True  # the end is something to be read
        for receive in (reader.recv, reader.recv_bytes, lambda: reader.recv_bytes_into(bytearray(5))):
            with pytest.raises(EOFError):
                receive()


def test_end_wakes_one_that_waits(pipe: Any) -> None:
    reader, writer = pipe
    timer = threading.Timer(0.05, writer.close)
    timer.start()
    start = time.monotonic()
    with pytest.raises(EOFError):
        reader.recv()
    assert time.monotonic() - start < 2
    timer.join()


def test_nobody_reads_any_more(pipe: Any) -> None:
    reader, writer = pipe
    reader.close()
    for send in (lambda: writer.send(1), lambda: writer.send_bytes(b"x"), lambda: writer.send_bytes(b"x" * 100_000)):
        with pytest.raises(BrokenPipeError):
            send()


def test_sender_that_waits_for_room_is_told_that_nobody_reads(pipe: Any) -> None:
    reader, writer = pipe
    timer = threading.Timer(0.1, reader.close)
    timer.start()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        while True:
            writer.send_bytes(bytes(1 << 20))
    timer.join()


def test_closed(pipe: Any) -> None:
    reader, writer = pipe
    reader.close()
    reader.close()
    assert reader.closed
    for use in (reader.recv, reader.poll, reader.fileno, lambda: reader.recv_bytes_into(bytearray(1))):
        with pytest.raises(OSError, match="closed"):
            use()
    with writer:
        pass
    with pytest.raises(OSError, match="closed"):
        writer.send(1)


def test_into_a_buffer(pipe: Any) -> None:
    reader, writer = pipe
    buffer = bytearray(20)
    writer.send_bytes(b"0123456789")
    assert reader.recv_bytes_into(buffer) == 10 and buffer[:10] == b"0123456789"
    writer.send_bytes(b"abc", 1)
    writer.send_bytes(b"abcde", 1, 3)
    assert reader.recv_bytes_into(buffer, 18) == 2 and buffer[18:] == b"bc"
    assert reader.recv_bytes() == b"bcd"
    for size in (30, 50_000):
        writer.send_bytes(b"z" * size)
        with pytest.raises(BufferTooShort) as raised:
            reader.recv_bytes_into(buffer)
        assert raised.value.args == (b"z" * size,)
    writer.send_bytes(b"long")
    with pytest.raises(OSError, match="bad message length"):
        reader.recv_bytes(3)


def test_poll_waits(pipe: Any) -> None:
    reader, writer = pipe
    assert reader.poll() is False
    start = time.monotonic()
    assert reader.poll(0.1) is False
    assert time.monotonic() - start >= 0.1
    timer = threading.Timer(0.05, writer.send, ["late"])
    timer.start()
    assert reader.poll(5) is True and reader.poll(None) is True
    assert reader.recv() == "late"
    timer.join()
    assert reader.poll() is False


# --- the descriptor ---


@pytest.mark.parametrize("asked", ["before", "after"])
@pytest.mark.parametrize("count", [1, 3])
def test_descriptor_is_readable_while_messages_are_there(pipe: Any, asked: str, count: int) -> None:
    reader, writer = pipe
    if asked == "before":
        assert not readable(reader.fileno())
    for i in range(count):
        writer.send(i)
    fd = reader.fileno()
    for i in range(count):
        for _ in range(3):  # level-triggered: looking does not change it
            assert readable(fd, 1)
        assert reader.recv() == i
    assert not readable(fd)
    writer.send("again")
    assert readable(fd, 1)
    assert reader.recv() == "again"
    assert not readable(fd)
    writer.close()
    assert readable(fd, 1)
    with pytest.raises(EOFError):
        reader.recv()


def test_descriptor_is_asked_for_by_another_process_than_the_sender() -> None:
    reader, writer = fork.Pipe(duplex=False)

    def send() -> None:
        for i in range(200):
            writer.send(i)
            if i % 10 == 0:
                time.sleep(0.001)

    process = fork.Process(target=send)
    process.start()
    writer.close()
    got = []
    with selectors.DefaultSelector() as selector:
        selector.register(reader, selectors.EVENT_READ)
        while True:
            assert selector.select(10), "the descriptor is silent"
            try:
                got.append(reader.recv())
            except EOFError:
                break
    process.join()
    assert got == list(range(200))


def test_epoll_and_a_queue() -> None:
    q = fork.Queue()
    with select.epoll() as epoll:
        epoll.register(q._reader, select.EPOLLIN)
        for i in range(20):
            assert epoll.poll(0) == []
            q.put(i)
            q.put(i)
            assert epoll.poll(1) and q.get() == i
            assert epoll.poll(1) and q.get() == i
        assert epoll.poll(0) == []


def test_wait_names_those_that_are_ready() -> None:
    pipes = [fork.Pipe(duplex=False) for _ in range(4)]
    q = fork.SimpleQueue()
    readers = [reader for reader, _ in pipes]
    objects = [*readers, q._reader]
    assert wait(objects, 0) == []
    start = time.monotonic()
    assert wait(objects, 0.05) == [] and time.monotonic() - start >= 0.05
    pipes[1][1].send(1)
    q.put(2)
    pipes[3][1].close()
    assert set(wait(objects, 1)) == {readers[1], q._reader, readers[3]}
    assert readers[1].recv() == 1 and q.get() == 2
    assert wait(objects, 1) == [readers[3]]
    plain, other = socket.socketpair()
    other.send(b"x")
    process = fork.Process(target=bool)
    process.start()
    process.join()
    assert set(wait([plain, readers[0], process.sentinel], 1)) == {plain, process.sentinel}
    plain.close()
    other.close()


def test_wait_while_another_process_sends(ctx: Any) -> None:
    pipes = [ctx.Pipe(duplex=False) for _ in range(3)]
    processes = [ctx.Process(target=send_some, args=(writer, n)) for n, (_, writer) in enumerate(pipes)]
    for process, (_, writer) in zip(processes, pipes, strict=True):
        process.start()
        writer.close()
    readers, got = [reader for reader, _ in pipes], []
    while readers:
        ready = wait(readers, 20)
        assert ready
        for reader in ready:
            try:
                got.append(reader.recv())
            except EOFError:
                readers.remove(reader)
    for process in processes:
        process.join(20)
        assert process.exitcode == 0
    assert sorted(got) == [(n, i) for n in range(3) for i in range(30)]


def send_some(writer: Any, number: int) -> None:
    for i in range(30):
        writer.send((number, i))


# --- what else goes through the same socket ---


def test_descriptors_travel_beside_messages() -> None:
    one, two = fork.Pipe()
    read, write = os.pipe()
    one.send("before")
    reduction.send_handle(one, write, os.getpid())
    assert two.recv() == "before"
    got = reduction.recv_handle(two)
    os.write(got, b"through")
    assert os.read(read, 10) == b"through"
    one.send("after")
    assert two.recv() == "after"
    for fd in (read, write, got):
        os.close(fd)


def test_raw_bytes_beside_messages() -> None:
    one, two = fork.Pipe()
    one.send("first")
    assert two.recv() == "first"
    os.write(one.fileno(), b"raw")
    assert readable(two.fileno(), 1)
    assert os.read(two.fileno(), 10) == b"raw"
    one.send("second")
    assert two.recv() == "second"
    assert not readable(two.fileno())


def test_connection_made_of_a_descriptor_speaks_the_standard_protocol() -> None:
    a, b = socket.socketpair()
    connection = gomp.connection.Connection(a.detach())
    connection.send_bytes(b"abc")
    assert b.recv(100) == struct.pack("!i", 3) + b"abc"
    b.sendall(struct.pack("!i", 2) + b"xy")
    assert connection.poll(1) and connection.recv_bytes() == b"xy"
    b.close()
    with pytest.raises(EOFError):
        connection.recv()
    connection.close()


def test_every_way_of_giving_arguments_to_one_made_of_a_descriptor() -> None:
    """They are handed on to the standard class as they came."""
    a, b = (gomp.connection.Connection(end.detach()) for end in socket.socketpair())
    a.send_bytes(b"012345", 1, size=3)
    assert b.recv_bytes(maxlength=3) == b"123"
    a.send(obj={"a": 1})
    assert b.poll(timeout=1) and b.recv() == {"a": 1}
    buffer = bytearray(6)
    a.send_bytes(buf=b"xyz")
    assert b.recv_bytes_into(buffer, offset=2) == 3 and buffer == b"\0\0xyz\0"
    for use in (lambda: a.send(), lambda: a.recv(1), lambda: a.poll(time=1), lambda: a.send_bytes(b"", 0, 0, 0)):
        with pytest.raises(TypeError):
            use()
    a.close()
    b.close()


@pytest.mark.parametrize("use", ["recv", "recv_bytes", "send", "send_bytes", "poll"])
def test_bound_method_keeps_its_connection_open(use: str) -> None:
    reader, writer = fork.Pipe(duplex=False)
    gone = weakref.ref(writer if use.startswith("send") else reader)
    if use.startswith("send"):
        send = getattr(writer, use)
        del writer
        send(b"abc")
        assert reader.poll() and gone() is not None
        del send
    else:
        receive = getattr(reader, use)
        del reader
        writer.send(b"abc")
        assert receive() and gone() is not None
        del receive
    assert gone() is None


def test_subclass_with_state_and_a_cycle() -> None:
    class Named(gomp.connection.Connection):
        def send(self, obj: Any) -> None:
            super().send((self.name, obj))

    r, w = os.pipe()
    with Named(w, readable=False) as writer, Named(r, writable=False) as reader:
        writer.name = "w"
        writer.send(1)
        assert reader.recv() == ("w", 1)
    assert writer.closed and writer.name == "w"
    writer.itself, gone = writer, weakref.ref(writer)
    del writer
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("end", ["rx", "tx"])
@pytest.mark.parametrize("what", [3, object(), b"", gomp.connection.Connection])
def test_end_is_a_channel(end: str, what: Any) -> None:
    reader, writer = fork.Pipe(duplex=False)
    with reader, writer, pytest.raises(TypeError, match="an end of a connection is a Channel or None"):
        setattr(reader, end, what)


# --- travelling ---


def echo(connection: Any) -> None:
    while True:
        try:
            message = connection.recv()
        except EOFError:
            return
        if message is None:
            return
        connection.send(message)


def test_connection_given_to_a_process(ctx: Any) -> None:
    here, there = ctx.Pipe()
    process = ctx.Process(target=echo, args=(there,))
    process.start()
    there.close()
    for message in ("small", b"large" * 20_000):
        here.send(message)
        assert here.recv() == message
    here.send(None)  # a forked child has this end too, so closing it would not tell
    process.join(20)
    assert process.exitcode == 0


def echo_given(carrier: Any) -> None:
    echo(carrier.recv())


def test_connection_sent_through_a_connection(ctx: Any) -> None:
    carrier, taker = ctx.Pipe()
    process = ctx.Process(target=echo_given, args=(taker,))
    process.start()
    here, there = ctx.Pipe()
    here.send("waiting there already")
    carrier.send(there)
    assert here.recv() == "waiting there already"
    there.close()
    here.close()
    process.join(20)
    assert process.exitcode == 0


def test_end_is_seen_while_another_process_has_the_connection() -> None:
    reader, writer = fork.Pipe(duplex=False)
    process = fork.Process(target=time.sleep, args=(0.2,))
    process.start()
    writer.close()
    assert not reader.poll(0.05)  # the child has the other end still
    with pytest.raises(EOFError):
        reader.recv()
    process.join()


def test_bytes_in_flight_are_bounded() -> None:
    reader, writer = fork.Pipe(duplex=False)
    sent = 0

    def send() -> None:
        nonlocal sent
        for _ in range(2000):
            writer.send_bytes(bytes(1 << 17))
            sent += 1

    thread = threading.Thread(target=send)
    thread.start()
    time.sleep(0.3)
    assert sent < 1000, "a sender runs ahead of its reader without limit"
    for _ in range(2000):
        assert len(reader.recv_bytes()) == 1 << 17
    thread.join()


USES: dict[str, Callable[[Any], object]] = {"recv": lambda c: c.recv(), "poll": lambda c: c.poll(10)}


@pytest.mark.parametrize("use", USES)
def test_close_by_another_thread_ends_a_wait(use: str) -> None:
    reader, writer = fork.Pipe(duplex=False)
    timer = threading.Timer(0.05, reader.close)
    timer.start()
    start = time.monotonic()
    with contextlib.suppress(OSError, EOFError):
        USES[use](reader)
    assert time.monotonic() - start < 5
    timer.join()
    writer.close()


def test_who_sends_while_the_end_is_closed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message would go to the bare pipe, where nobody looks for it."""
    a, b = fork.Pipe()
    told: list[str] = []
    close = connection.Channel.written_by

    def closing(channel: Any, fd: int) -> None:
        if fd == -1 and not told:
            for use in (lambda: a.send("lost"), lambda: a.recv(), lambda: a.poll()):
                with pytest.raises(OSError, match="handle is closed") as caught:
                    use()
                told.append(str(caught.value))
        close(channel, fd)

    monkeypatch.setattr(connection.Channel, "written_by", closing)
    a.close()
    assert told == ["handle is closed"] * 3
    with pytest.raises(EOFError):
        b.recv()


@pytest.mark.parametrize("kind", ["pipe", "queue"])
def test_interrupted_close_closes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal's exception in the middle: the other end is told all the same, and the descriptor is closed."""
    if kind == "pipe":
        a, b = fork.Pipe(False)
        patched = connection.Channel, "written_by"
    else:
        queue = fork.SimpleQueue()
        a, b = queue._reader, queue._writer
        patched = type(queue), "set_fds"
    fd = b.fileno()
    real = getattr(*patched)

    def interrupted(*args: Any) -> None:
        real(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*patched, interrupted)
        with pytest.raises(KeyboardInterrupt):
            b.close()
    assert wait([a], 10) == [a]
    with pytest.raises(EOFError):
        a.recv()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)
