"""Stopping a process after each store that it makes to shared memory.

A child is run instruction by instruction while it does one thing, and the family's memory is kept as it was after
each store. Then the child is killed, and for each of those moments the memory is put back: what the survivors find
is what they would have found had the child died at that very instruction, since whatever they know of it is there.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import signal
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gomp import _boundary

PTRACE_TRACEME, PTRACE_PEEKUSER, PTRACE_SINGLESTEP = 0, 3, 9
NEXT_INSTRUCTION = 16 * 8  # where PTRACE_PEEKUSER finds rip, <sys/reg.h>
# How much of the heap is looked at after each instruction, unless a scenario needs more. It must not touch more; that
# is checked.
HEAP_SEEN = 64 << 10

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
libc.memcmp.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]


class Moment(NamedTuple):
    """The family's memory after a store, and the bytes in the pipes that were watched."""

    memory: bytes
    pipes: tuple[int, ...]
    at: int  # the offset of the first byte that the store has changed


class Memory:
    """The family's memory, seen from outside of gomp."""

    def __init__(self, seen: int = HEAP_SEEN) -> None:
        fd, _ = _boundary.family()
        self.fd = fd
        start = os.pread(fd, 48, 0)
        size, heap = struct.unpack_from("<Q", start, 16)[0], struct.unpack_from("<Q", start, 40)[0]
        self.length = size - heap + seen
        self.view = mmap.mmap(fd, self.length)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.view))
        # The header and the heap. The table of processes between them is as good as still.
        self.watched = ((0, 4096), (size - heap, seen))

    def read(self) -> bytes:
        return self.view[:]

    def write(self, memory: bytes) -> None:
        self.view[:] = memory

    def changes(self, since: bytes) -> bool:
        # The offsets are small enough for the copies that slicing would make to matter.
        base = ctypes.cast(ctypes.c_char_p(since), ctypes.c_void_p).value or 0
        return any(libc.memcmp(self.address + start, ctypes.c_char_p(base + start), n) for start, n in self.watched)

    def beyond(self) -> list[bytes]:
        """What lies in the heap beyond what is looked at: the headers of the free halves."""
        data, at = [], self.length
        with contextlib.suppress(OSError):  # the end of the data
            while True:
                at = os.lseek(self.fd, at, os.SEEK_DATA)
                end = os.lseek(self.fd, at, os.SEEK_HOLE)
                data.append(os.pread(self.fd, end - at, at))
                at = end
        return data


def difference(old: bytes, new: bytes) -> tuple[int, int]:
    """Where the first run of bytes that differ starts and ends."""
    start = next(i for i in range(0, len(new), 4096) if old[i : i + 4096] != new[i : i + 4096])
    start = next(i for i in range(start, len(new)) if old[i] != new[i])
    end = next((i for i in range(start, len(new)) if old[i] == new[i]), len(new))
    return start, end


def in_pipe(fd: int) -> int:
    """The number of bytes that a pipe holds."""
    count = ctypes.c_int()
    assert libc.ioctl(fd, 0x541B, ctypes.byref(count)) == 0  # FIONREAD
    return count.value


def fill_pipe(reader: int, writer: int, count: int) -> None:
    if present := in_pipe(reader):
        os.read(reader, present)
    os.write(writer, bytes(count))


def stop_here() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def traced(warm: Callable[[], None], act: Callable[[], object]) -> int:
    """Fork a child that gets ready, stops, does what is asked and stops again."""
    pid = os.fork()
    if pid:
        return pid
    with contextlib.suppress(BaseException):
        warm()
        assert libc.ptrace(PTRACE_TRACEME, 0, None, None) == 0, os.strerror(ctypes.get_errno())
        stop_here()
        act()
        stop_here()
    os._exit(1)


@contextlib.contextmanager
def one_processor() -> Iterator[None]:
    """Tracer and traced take some hundred thousand turns: quick only where neither has to wake another core."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def clock_code() -> range:
    """Where the vDSO lies. What it does to tell the time it does again whenever the kernel's tick comes in between:
    stepped through slowly, for ever."""
    with open("/proc/self/maps") as maps:
        start, _, end = next(line for line in maps if "[vdso]" in line).split()[0].partition("-")
    return range(int(start, 16), int(end, 16))


def may_trace() -> bool:
    """Whether this system lets a process trace its child."""
    pid = os.fork()
    if pid == 0:
        os._exit(libc.ptrace(PTRACE_TRACEME, 0, None, None) != 0)
    return os.waitpid(pid, 0)[1] == 0


@one_processor()
def moments(
    memory: Memory, warm: Callable[[], None], act: Callable[[], object], pipes: tuple[int, ...] = ()
) -> tuple[int, list[Moment]]:
    """What there was before `act` and after each store that it makes, and the child, dead by now, that made them."""
    pid = traced(warm, act)
    try:
        status = os.waitpid(pid, 0)[1]
        assert os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGSTOP, status
        last, end, beyond = memory.read(), -1, memory.beyond()
        found = [Moment(last, tuple(map(in_pipe, pipes)), 0)]
        pending, clock = 0, clock_code()  # the child's is where ours is
        while True:
            assert libc.ptrace(PTRACE_SINGLESTEP, pid, None, pending) == 0, os.strerror(ctypes.get_errno())
            status = os.waitpid(pid, 0)[1]
            assert os.WIFSTOPPED(status), f"ended with {status} while it was traced"
            pending = os.WSTOPSIG(status)
            if pending == signal.SIGSTOP:
                break
            # Go asks a call that runs for long to yield, by SIGURG; stepped through, the answer takes longer than
            # Go waits until it asks again. It asks once only as long as it gets no answer.
            if pending in (signal.SIGTRAP, signal.SIGURG):
                pending = 0
            if libc.ptrace(PTRACE_PEEKUSER, pid, NEXT_INSTRUCTION, None) in clock:
                continue
            if memory.changes(last):
                now = memory.read()
                start, stop = difference(last, now)
                moment = Moment(now, tuple(map(in_pipe, pipes)), start)
                if start == end:  # a copy in progress: of that, the first and the last are enough
                    found[-1] = moment
                else:
                    found.append(moment)
                last, end = now, stop
        assert memory.beyond() == beyond, "a scenario that touches more than is looked at"
        return pid, found
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
