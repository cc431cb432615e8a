"""Who is inside put or get, at any instant, is killed: nothing else is lost, nothing comes twice, the queue goes on.

Producers and consumers keep books of what they have done in memory that is not gomp's. A producer books a message
after it was put; so there may be as many more of its messages as it puts at once. A consumer books what it has got;
so as many may be missing as it gets at once.
"""

from __future__ import annotations

import mmap
import os
import queue
import random
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dying import FEW, TIMES, Child, Tell, repeat

import gomp
from gomp import _boundary

fork = gomp.get_context("fork")

BATCH = 5
# Small ones travel in the ring; the last ones need a block of their own.
SIZES = (0, 30, 700, 5000, 9000, 40_000)


class Book:
    """Numbers that a process has written down, and that survive it."""

    def __init__(self) -> None:
        # struct.pack_into() will not do: it clears the place first, and who dies then has burnt the book.
        self._words = memoryview(mmap.mmap(-1, 1 << 20)).cast("Q")

    def write(self, number: int) -> None:
        count = self._words[0]
        self._words[1 + count] = number
        self._words[0] = count + 1

    def read(self) -> list[int]:
        return list(self._words[1 : 1 + self._words[0]])


def name(producer: int, serial: int) -> int:
    return producer << 32 | serial


def message(producer: int, serial: int) -> tuple[int, bytes]:
    size = SIZES[(producer + serial) % len(SIZES)]
    return name(producer, serial), bytes([serial % 251]) * size


def whole(taken: tuple[int, bytes]) -> int:
    """The message's name, if it is as it was put."""
    number, data = taken
    assert taken == message(number >> 32, number & 0xFFFFFFFF), "a message was damaged"
    assert len(data) in SIZES
    return number


def produce(q: Any, number: int, book: Book, many: bool) -> Callable[[Tell], None]:
    def action(tell: Tell) -> None:
        tell("there")
        serial = 0
        while serial < 50_000:
            batch = range(serial, serial + (BATCH if many else 1))
            if many:
                q.put_many([message(number, i) for i in batch])
            else:
                q.put(message(number, serial))
            for i in batch:
                book.write(name(number, i))
            serial += len(batch)

    return action


def consume(q: Any, book: Book, many: bool) -> Callable[[Tell], None]:
    def action(tell: Tell) -> None:
        tell("there")
        while True:
            for taken in q.get_many(BATCH) if many else [q.get()]:
                book.write(whole(taken))

    return action


def left(q: Any) -> Iterator[int]:
    """Everything that is still there."""
    while True:
        try:
            yield whole(q.get(timeout=0.3))
        except queue.Empty:
            return


class Crowd:
    """Producers and consumers of one queue, which are killed and replaced."""

    def __init__(self, q: Any, many: bool) -> None:
        self.queue, self.many = q, many
        self.at_once = BATCH if many else 1
        self.produced: dict[int, Book] = {}
        self.consumed: list[Book] = []
        self.alive: list[Child] = []
        for i in range(4):
            self.start(producer=i % 2 == 0)

    def start(self, producer: bool) -> None:
        book = Book()
        if producer:
            number = len(self.produced) + 1
            self.produced[number] = book
            child = Child(produce(self.queue, number, book, self.many))
        else:
            self.consumed.append(book)
            child = Child(consume(self.queue, book, self.many))
        child.told()
        self.alive.append(child)

    def kill_one(self, index: int) -> None:
        self.alive.pop(index).end()

    def settle(self) -> None:
        """Kill all, take what is left, and compare the books."""
        while self.alive:
            self.kill_one(0)
        got = [number for book in self.consumed for number in book.read()]
        got += left(self.queue)
        twice = [number for number, times in Counter(got).items() if times > 1]
        assert not twice, f"came twice: {twice}"
        missing = 0
        for number, book in self.produced.items():
            said, came = set(book.read()), {n for n in got if n >> 32 == number}
            assert len(came - said) <= self.at_once, "more has come than was put"
            missing += len(said - came)
        assert missing <= self.at_once * len(self.consumed), f"{missing} messages are lost"


QUEUES: dict[str, Callable[[], Any]] = {
    "unbounded": fork.Queue,
    "bounded": lambda: fork.Queue(3),
    "by bytes": lambda: fork.Queue(maxbytes=50_000),
    "selected": lambda: selected(fork.Queue()),
}


def selected(q: Any) -> Any:
    """A queue whose descriptor somebody has asked for, so that it is rung."""
    q._reader.fileno()
    return q


@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
@pytest.mark.parametrize("kind", QUEUES)
def test_killed_at_any_instant(kind: str, many: bool) -> None:
    q = QUEUES[kind]()
    chance = random.Random(f"{kind} {many}")
    used = _boundary.stats()["used"]
    crowd = Crowd(q, many)
    try:
        for turn in range(TIMES):
            time.sleep(chance.uniform(0, 0.01))
            index = chance.randrange(2)  # the two that are the oldest, one of each kind
            crowd.kill_one(index)
            crowd.start(producer=(turn + index) % 2 == 0)
        crowd.settle()
    finally:
        for child in crowd.alive:
            child.end()
    for item in ("after", b"a" * 10_000):
        q.put(item, timeout=1)
        assert q.get(timeout=1) == item
    assert q.empty() and q.qsize() == 0
    assert not _boundary.check()
    del crowd
    grown = _boundary.stats()["used"] - used
    assert grown <= 4 << 20, f"{grown} bytes are lost"  # the queue's own ring, as large as it was needed


def test_nothing_is_lost_by_the_deaths() -> None:
    used = None
    for _ in range(FEW):
        q = fork.Queue(10)
        crowd = Crowd(q, True)
        time.sleep(0.01)
        crowd.settle()
        del crowd, q
        if used is None:
            used = _boundary.stats()["used"]
        assert _boundary.stats()["used"] == used


def test_orderly_exit_with_a_daemon_thread_that_puts() -> None:
    q = fork.Queue()

    def run() -> float:
        process = fork.Process(target=put_in_background, args=(q,))
        process.start()
        process.join(10)
        assert process.exitcode == 0
        start = time.monotonic()
        q.put("last", timeout=1)
        took = time.monotonic() - start
        got = []
        while (item := q.get(timeout=1)) != "last":
            got.append(item[0])
        assert got == list(range(len(got))), "messages of the thread are lost, or come in disorder"
        assert q.empty()
        return took

    repeat(run)


def put_in_background(q: Any) -> None:
    import threading

    def put() -> None:
        for i in range(50_000):
            q.put((i, bytes(SIZES[i % len(SIZES)])))

    threading.Thread(target=put, daemon=True).start()
    time.sleep(random.Random(os.getpid()).uniform(0.001, 0.01))


def test_orderly_exit_with_a_daemon_thread_that_gets() -> None:
    q = fork.Queue()

    def run() -> float:
        for i in range(2000):
            q.put(i)
        process = fork.Process(target=get_in_background, args=(q,))
        process.start()
        process.join(10)
        assert process.exitcode == 0
        start = time.monotonic()
        q.put("last", timeout=1)
        took = time.monotonic() - start
        got = []
        while (item := q.get(timeout=1)) != "last":
            got.append(item)
        assert got == list(range(2000 - len(got), 2000)), "messages are lost, or come in disorder"
        return took

    repeat(run, FEW)


def get_in_background(q: Any) -> None:
    import threading

    def get() -> None:
        while True:
            q.get()

    threading.Thread(target=get, daemon=True).start()
    time.sleep(random.Random(os.getpid()).uniform(0.001, 0.003))


@pytest.mark.parametrize("size", [10, 100_000])
def test_sender_dies_in_a_pipe(size: int) -> None:
    def run() -> float:
        reader, writer = fork.Pipe(duplex=False)

        def send(tell: Tell) -> None:
            tell("there")
            for i in range(100_000):
                writer.send_bytes(struct.pack("<Q", i) + bytes(size))

        sender = Child(send)
        try:
            writer.close()
            sender.told()
            for i in range(5):
                assert struct.unpack_from("<Q", reader.recv_bytes())[0] == i
            death = sender.kill()
            count = 5
            while True:
                try:
                    data = reader.recv_bytes()
                except EOFError:
                    break
                assert struct.unpack_from("<Q", data)[0] == count and len(data) == size + 8
                count += 1
                death = max(death, time.monotonic())
            return time.monotonic() - death
        finally:
            sender.end()

    repeat(run, TIMES if size == 10 else FEW)


def test_connection_is_readable_whoever_died_at_it() -> None:
    q = selected(fork.Queue())
    ready = q._reader
    for _ in range(FEW):
        producer = Child(lambda tell: (tell("there"), [q.put(bytes(100)) for _ in range(100_000)]))
        producer.told()
        time.sleep(0.002)
        producer.end()
        count = 0
        while gomp.connection.wait([ready], 0):
            q.get(timeout=1)
            count += 1
        assert q.empty() and q.qsize() == 0, "there are messages, and the descriptor is silent"
        q.put("more")
        assert gomp.connection.wait([ready], 1) == [ready]
        assert q.get() == "more"
