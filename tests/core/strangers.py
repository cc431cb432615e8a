"""What a process may meet that is not as it should be: ``strangers.py CASE``, in an interpreter of its own."""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import Any

import gomp
from gomp import _boundary, heap

fork = gomp.get_context("fork")

HEADER = struct.Struct("<QIIQQQQ8QQ")  # up to the number of seats, as in core/layout.h


def use_everything() -> None:
    lock, q, value = fork.Lock(), fork.Queue(), fork.Value("i", 3)
    with lock:
        q.put([1, bytes(5000)])
        assert q.get(timeout=5) == [1, bytes(5000)]
    assert value.value == 3
    assert not _boundary.check()


def in_child(action: Callable[[], object]) -> None:
    """Run it in a forked child, which must neither crash nor hang, nor fail."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        code = 1
        try:
            action()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    status = os.waitpid(pid, 0)[1]
    assert status == 0, f"the child ended with {status}"


def refused(fd: int, key: int = 1, token: int = 1) -> str:
    """Attach in vain; the process has no family then, and can have one of its own."""
    try:
        _boundary.attach(fd, key, token)
    except (OSError, ValueError, OverflowError) as e:
        text = f"{type(e).__name__}: {e}"
    else:
        raise AssertionError("attached")
    assert not _boundary.born(), f"refused ({text}), and yet a member"
    return text


def files() -> None:
    """Descriptors of what is no family's memory."""
    read, write = os.pipe()
    empty, short = os.memfd_create("empty"), os.memfd_create("short")
    os.write(short, b"x" * 100)
    large = os.memfd_create("large")
    os.truncate(large, 1 << 30)
    descriptors = [-1, 10_000, read, write, os.open("/dev/null", os.O_RDWR), os.open("/", 0), empty, short, large]
    with tempfile.TemporaryFile() as file:
        for fd in [*descriptors, file.fileno()]:
            in_child(lambda fd=fd: refused(fd) and use_everything())


def good_header() -> tuple[bytes, int]:
    """The first page of a family's memory, and the memory's size."""
    script = "import os; from gomp import _boundary as b; fd, _ = b.family(); os.write(1, os.pread(fd, 4096, 0))"
    page = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True).stdout
    return page, HEADER.unpack_from(page)[3]


def headers() -> None:
    """Headers in which something is wrong."""
    page, size = good_header()
    chance = random.Random(1)
    wrong: list[bytes] = [bytes(4096), chance.randbytes(4096)]
    fields = list(HEADER.unpack_from(page))
    for index in range(7):
        for value in (0, 1, fields[index] + 1, fields[index] ^ 1 << 31, 0xFFFFFFFF):
            if index == 5 or (index == 4 and 0 < value <= fields[6]):
                continue  # any key, and any cap below the heap, may be right
            if value != fields[index]:
                changed = [*fields[:index], value & (0xFFFFFFFF if index in (1, 2) else ~0), *fields[index + 1 :]]
                wrong.append(HEADER.pack(*changed) + page[HEADER.size :])
    wrong += [HEADER.pack(*fields[:-1], 9) + page[HEADER.size :]]
    for text in wrong:
        fd = os.memfd_create("forged")
        os.truncate(fd, size)
        os.pwrite(fd, text, 0)
        in_child(lambda fd=fd: refused(fd, fields[5]) and use_everything())
        os.close(fd)
    for other in (size - 4096, size + 4096, size * 2):
        fd = os.memfd_create("resized")
        os.truncate(fd, other)
        os.pwrite(fd, page, 0)
        in_child(lambda fd=fd: refused(fd, fields[5]))
        os.close(fd)


def other_family() -> None:
    """A real family's memory, with a wrong key or token; and handles of another family."""
    script = (
        "import os, sys, gomp; from gomp import _boundary as b; fd, key = b.family(); os.set_inheritable(fd, True);"
        "lock = gomp.Lock(); handle = lock._handle(b.reserve()); print(fd, key, *handle, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        number, key, *handle = map(int, process.stdout.readline().split())
        fd = os.open(f"/proc/{process.pid}/fd/{number}", os.O_RDWR)
        for wrong in ((key + 1, 1), (0, 0), (key, 0), (key, 1), (key, 1 << 40), (key, (1 << 64) - 1)):
            in_child(lambda wrong=wrong: refused(fd, *wrong) and use_everything())
        use_everything()
        try:
            _boundary.attach(fd, key, 1)
        except ValueError as e:
            assert "another family" in str(e), e
        else:
            raise AssertionError("a member of two families")
        stranger = gomp.synchronize.Lock.__new__(gomp.synchronize.Lock)
        try:
            stranger._attach(tuple(handle))
        except ValueError as e:
            assert "another family" in str(e), e
        else:
            raise AssertionError("an object of another family was taken")
        process.stdin.close()
    use_everything()


def full() -> None:
    """The memory is full: MemoryError, and everything goes on."""
    os.environ["GOMP_MEMORY"] = "2M"
    kept = [fork.Lock(), fork.Event(), fork.Condition()]
    q, strict, (reader, writer) = fork.Queue(), fork.Queue(strict=True), fork.Pipe()
    for each in (q, strict):  # their first rings
        each.put(1)
        each.get()
    used = _boundary.stats()["used"]

    def until_full(action: Callable[[], object]) -> int:
        for count in range(100_000):
            try:
                action()
            except MemoryError as e:
                assert "GOMP_MEMORY" in str(e), e
                return count
        raise AssertionError("it was never full")

    def goes_on() -> None:
        with kept[0]:
            kept[1].set()
            assert kept[1].wait(1)
        assert not _boundary.check()

    for _ in range(3):
        for each in (q, strict):
            for size in (100_000, 20_000, 1000, 10):
                count = until_full(lambda each=each, size=size: each.put(bytes(size)))
                goes_on()
                assert count == each.qsize(), "a message was taken for put that was not"
                got = [len(each.get(timeout=1)) for _ in range(count)]
                assert got == [size] * count
                assert each.empty()
        until_full(lambda: q.put_many([bytes(1000)] * 5))
        while not q.empty():
            q.get()
        for make in (fork.Lock, fork.Queue, fork.Event, lambda: fork.RawArray("b", 100_000), lambda: fork.Barrier(2)):
            objects: list[Any] = []
            assert until_full(lambda make=make, objects=objects: objects.append(make())) == len(objects)
            goes_on()
            in_child(goes_on)
            objects.clear()
        until_full(lambda: kept.append(fork.Semaphore(1, on_owner_death="release")))
        del kept[3:]
        for large in (3 << 20, 1 << 40):
            block = _boundary.Block()
            try:
                block._create(large)
            except MemoryError:
                continue
            raise AssertionError("more than there is")
        try:
            writer.send_bytes(bytes(4 << 20))
        except MemoryError:
            writer.send("small")
            assert reader.recv() == "small"
        else:
            raise AssertionError("more than there is")
    q.put(2)
    assert q.get() == 2
    # The standard heap keeps its arenas below 4 MiB; an empty queue keeps its ring below 256 KiB.
    arenas = sum(arena.size for arena in heap.BufferWrapper._heap._arenas)
    assert _boundary.stats()["used"] <= used + arenas + (1 << 19), (used, arenas, _boundary.stats())
    use_everything()


def slots() -> None:
    """All places for processes are taken."""
    _boundary.family()
    tokens: list[int] = []
    with contextlib.suppress(OSError):
        while True:
            tokens.append(_boundary.reserve())
    assert len(tokens) == _boundary.SLOTS - 1, len(tokens)
    try:
        _boundary.reserve()
    except OSError as e:
        assert e.errno == errno.EAGAIN, e
    lock = fork.Lock()

    def without() -> None:
        try:
            lock.acquire()
        except OSError as e:
            assert e.errno == errno.EAGAIN, e
        else:
            raise AssertionError("a process without a place")

    in_child(without)
    with lock:
        pass
    for token in tokens:
        _boundary.unreserve(token)
    in_child(lambda: lock.acquire(timeout=1) and lock.release())
    assert not _boundary.check()


def memory_settings() -> None:
    """What GOMP_MEMORY may be."""
    bad = ["", "x", "-1", "0", "12", "1Q", "1MM", "5 M", "M", "1.5G", "9" * 30, "1K", "\t"]
    for text in bad[1:]:

        def fails(text: str = text) -> None:
            os.environ["GOMP_MEMORY"] = text
            try:
                fork.Lock()
            except ValueError as e:
                assert "GOMP_MEMORY" in str(e), e
            else:
                raise AssertionError(f"{text!r} was taken")
            os.environ["GOMP_MEMORY"] = "2M"
            use_everything()

        in_child(fails)
    good = {"1M": 1 << 20, "3m": 3 << 20, "2097152": 2 << 20, "2048K": 2 << 20, "1G": 1 << 30, "": None}
    for text, cap in good.items():

        def works(text: str = text, cap: int | None = cap) -> None:
            os.environ["GOMP_MEMORY"] = text
            assert cap is None or _boundary.stats()["cap"] == cap
            use_everything()

        in_child(works)


def limits() -> None:
    """Limits of the process: less memory, or a clear word."""

    def limited(kind: int, limit: int) -> None:
        resource.setrlimit(kind, (limit, limit))
        try:
            use_everything()
        except (MemoryError, OSError) as e:
            assert str(e), repr(e)

    for limit in (4 << 30, 1 << 30, 300 << 20):
        in_child(lambda limit=limit: limited(resource.RLIMIT_FSIZE, limit))
    for limit in (64 << 30, 8 << 30):
        in_child(lambda limit=limit: limited(resource.RLIMIT_AS, limit))
    in_child(lambda: limited(resource.RLIMIT_NOFILE, 20))


def entries() -> None:
    """Places in memory that look like an entry of this thread, and are not one of this object's."""
    lock, waiters, other, barrier = fork.Lock(), _boundary.WaitList(), _boundary.WaitList(), _boundary.Barrier()
    waiters._create()
    other._create()
    barrier._create(2)
    lock.acquire()  # its word names this thread, as an entry does
    mine, others = waiters.enter(), other.enter()
    _, arrival = barrier._arrive()
    near = {place + step for place in (mine, others, arrival, lock.handle) for step in range(-512, 512, 8)}

    def refuses(wait: Callable[[int, float], bool], place: int) -> None:
        try:
            wait(place, 0)
        except ValueError as e:
            assert "entry" in str(e), e
        else:
            raise AssertionError(f"{place:#x} was taken for an entry")

    for place in near:
        if place != mine:
            refuses(waiters.wait, place)
        if place != arrival:
            refuses(barrier._wait, place)
    assert waiters.wait(mine, 0) is False
    assert other.wait(others, 0) is False
    refuses(waiters.wait, mine)  # by now it is nobody's
    lock.release()
    assert not _boundary.check()


CASES: dict[str, Callable[[], None]] = {
    f.__name__: f for f in (files, headers, other_family, full, slots, memory_settings, limits, entries)
}

if __name__ == "__main__":
    faulthandler.dump_traceback_later(50, exit=True)
    CASES[sys.argv[1]]()
    print("ok")
