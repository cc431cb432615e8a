"""What cannot be is refused with a clear exception, and everything goes on. Processes of their own: strangers.py."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import strangers
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import gomp
from gomp import _boundary

fork = gomp.get_context("fork")
HERE = pathlib.Path(__file__).parent
PIPE = fork.Pipe()


@pytest.mark.parametrize("case", strangers.CASES)
def test_stranger(case: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    environment.pop("GOMP_MEMORY", None)
    done = subprocess.run(
        [sys.executable, str(HERE / "strangers.py"), case],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=55,
    )
    assert done.returncode == 0 and done.stdout == "ok\n", done.stdout


WRONG: dict[str, Callable[[], object]] = {
    "Semaphore(-1)": lambda: fork.Semaphore(-1),
    "BoundedSemaphore(-5)": lambda: fork.BoundedSemaphore(-5),
    "Semaphore('x')": lambda: fork.Semaphore("x"),
    "Semaphore(1 << 40)": lambda: fork.Semaphore(1 << 40),
    "Lock(on_owner_death=)": lambda: fork.Lock(on_owner_death="release"),
    "Semaphore(on_owner_death=)": lambda: fork.Semaphore(on_owner_death="raise"),
    "Barrier(0)": lambda: fork.Barrier(0),
    "Barrier(-1)": lambda: fork.Barrier(-1),
    "Barrier('x')": lambda: fork.Barrier("x"),
    "Queue('x')": lambda: fork.Queue("x"),
    "Queue(maxbytes=-1)": lambda: fork.Queue(maxbytes=-1),
    "Value('?!')": lambda: fork.Value("?!"),
    "RawArray(-1)": lambda: fork.RawArray("i", -1),
    "RawArray('x')": lambda: fork.RawArray("i", "x"),
    "acquire(timeout=nan)": lambda: fork.Lock().acquire(timeout=float("nan")),
    "acquire(timeout='x')": lambda: fork.Lock().acquire(timeout="x"),
    "acquire(1, 2, 3)": lambda: fork.Lock().acquire(1, 2, 3),
    "acquire(wrong=)": lambda: fork.Lock().acquire(wrong=1),
    "acquire(True, block=)": lambda: fork.Lock().acquire(True, block=True),
    "release": lambda: fork.Lock().release(),
    "BoundedSemaphore.release": lambda: fork.BoundedSemaphore().release(),
    "RLock.release": lambda: fork.RLock().release(),
    "notify": lambda: fork.Condition().notify(),
    "wait": lambda: fork.Condition().wait(),
    "Event.wait('x')": lambda: fork.Event().wait("x"),
    "get(timeout='x')": lambda: fork.Queue().get(timeout="x"),
    "put()": lambda: fork.Queue().put(),
    "get_many(0)": lambda: fork.Queue().get_many(0),
    "get_many(-1)": lambda: fork.Queue().get_many(-1),
    "get_many('x')": lambda: fork.Queue().get_many("x"),
    "get_many()": lambda: fork.Queue().get_many(),
    "put_many(None)": lambda: fork.Queue().put_many(None),
    "send_bytes('x')": lambda: PIPE[0].send_bytes("x"),
    "send_bytes(offset)": lambda: PIPE[0].send_bytes(b"abc", 4),
    "send_bytes(-1)": lambda: PIPE[0].send_bytes(b"abc", -1),
    "send_bytes(size)": lambda: PIPE[0].send_bytes(b"abc", 1, 3),
    "send_bytes(-size)": lambda: PIPE[0].send_bytes(b"abc", 0, -1),
    "recv_bytes(-1)": lambda: PIPE[0].recv_bytes(-1),
    "recv_bytes_into(bytes)": lambda: PIPE[0].recv_bytes_into(b"abc"),
    "recv_bytes_into(offset)": lambda: PIPE[0].recv_bytes_into(bytearray(3), 4),
    "poll('x')": lambda: PIPE[0].poll("x"),
    "Block(-1)": lambda: _boundary.Block()._create(-1),
    "Block('x')": lambda: _boundary.Block()._create("x"),
    "Buffer(-1)": lambda: _boundary.Buffer()._create(-1, False),
    "Buffer('x')": lambda: _boundary.Buffer()._create("x", False),
    "Buffer(1 << 62)": lambda: _boundary.Buffer()._create(1 << 62, False),
    "memoryview(Buffer())": lambda: memoryview(_boundary.Buffer()),
    "around(None)": lambda: _boundary.around(None),
    "SemLock(kind)": lambda: _boundary.SemLock()._create(7, 1, 1, 0),
    "SemLock(policy)": lambda: _boundary.SemLock()._create(0, 1, 1, 9),
    "SemLock(value)": lambda: _boundary.SemLock()._create(2, 5, 4, 0),
    "SemLock(1 << 70)": lambda: _boundary.SemLock()._create(2, 1 << 70, 1 << 70, 0),
    "bind": lambda: _boundary.bind(1, -5),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_argument(what: str) -> None:
    used = _boundary.stats()["used"]
    with pytest.raises((ValueError, TypeError, OverflowError, AssertionError, BufferError, OSError)) as raised:
        WRONG[what]()
    assert str(raised.value)
    del raised
    assert _boundary.stats()["used"] <= used + (64 << 10)  # the arena of values, perhaps


TYPES = (
    _boundary.SemLock,
    _boundary.WaitList,
    _boundary.Event,
    _boundary.Barrier,
    _boundary.Channel,
    _boundary.Block,
    _boundary.Buffer,
)
MAKE: dict[type, Callable[[Any], None]] = {
    _boundary.SemLock: lambda o: o._create(0, 1, 1, 0),
    _boundary.WaitList: lambda o: o._create(),
    _boundary.Event: lambda o: o._create(),
    _boundary.Barrier: lambda o: o._create(2),
    _boundary.Channel: lambda o: o._create(0, 0),
    _boundary.Block: lambda o: o._create(100),
    _boundary.Buffer: lambda o: o._create(100, False),
}
METHODS = [
    (cls, name)
    for cls in TYPES
    for name in dir(cls)
    if not name.startswith("__") and name not in ("_create", "_attach") and callable(getattr(cls, name))
]
HARMLESS = {"_drop", "set_fds", "_after_fork"}


@pytest.mark.parametrize(("cls", "name"), METHODS, ids=lambda value: getattr(value, "__name__", value))
def test_object_that_was_never_made(cls: type, name: str) -> None:
    for arguments in ((), (1,), (b"x",), ([1],), (1, 0)):
        try:
            getattr(cls.__new__(cls), name)(*arguments)
        except (ValueError, TypeError, OSError, BufferError) as e:
            assert str(e)
        else:
            assert name in HARMLESS


@pytest.mark.parametrize("cls", TYPES)
def test_object_is_made_once(cls: type) -> None:
    made = cls()
    MAKE[cls](made)
    with pytest.raises(ValueError, match="exists"):
        MAKE[cls](made)


# --- decoders ---

WORD = st.one_of(
    st.integers(0, (1 << 64) - 1), st.integers(0, 1 << 20), st.integers(), st.sampled_from([0, 1, 64, 4096])
)
THING = st.one_of(WORD, st.none(), st.binary(max_size=9), st.text(max_size=5), st.floats(), st.lists(WORD, max_size=5))


def token() -> int:
    return _boundary.reserve()


@settings(max_examples=300, deadline=None)
@given(st.one_of(THING, st.tuples(WORD, WORD, WORD, WORD), st.lists(THING, max_size=6).map(tuple)))
def test_any_handle(handle: Any) -> None:
    for cls in TYPES:
        with pytest.raises((ValueError, OverflowError)):
            cls()._attach(handle)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TYPES), st.integers(0, 3), st.one_of(WORD, st.integers(0, 63).map(lambda bit: ("flip", bit))))
def test_handle_with_one_wrong_number(cls: type, place: int, wrong: Any) -> None:
    made, ticket = cls(), token()
    MAKE[cls](made)
    try:
        handle = list(made._handle(ticket))
        changed = handle[place] ^ 1 << wrong[1] if isinstance(wrong, tuple) else wrong
        if changed == handle[place]:
            return
        handle[place] = changed
        for other in TYPES:
            with pytest.raises((ValueError, OverflowError)):
                other()._attach(tuple(handle))
    finally:
        _boundary.unreserve(ticket)


def test_stale_handle() -> None:
    for cls in TYPES:
        ticket = token()
        made = cls()
        MAKE[cls](made)
        handle = made._handle(ticket)
        _boundary.unreserve(ticket)
        del made
        again = cls()
        MAKE[cls](again)  # at the same place, maybe
        with pytest.raises(ValueError, match="forged or stale"):
            cls()._attach(handle)


@settings(max_examples=300, deadline=None)
@given(THING)
def test_any_token(value: Any) -> None:
    assume(value != 1 << 33)  # slot 0, generation 1: this process itself, which may hold its own objects
    made = _boundary.SemLock()
    made._create(0, 1, 1, 0)
    with pytest.raises((ValueError, TypeError, OverflowError)):
        made._handle(value)
    for function in (_boundary.unreserve, lambda t: _boundary.bind(t, 1), _boundary.reaped):
        try:
            function(value)
        except (ValueError, TypeError, OverflowError) as e:
            assert str(e)
    assert made.acquire(timeout=0)


@settings(max_examples=300, deadline=None)
@given(THING)
def test_any_entry(entry: Any) -> None:
    waiters, barrier = _boundary.WaitList(), _boundary.Barrier()
    waiters._create()
    barrier._create(2)
    for wait in (waiters.wait, barrier._wait):
        with pytest.raises((ValueError, TypeError, OverflowError)):
            wait(entry, 0)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes_to_recv(data: bytes) -> None:
    reader, writer = fork.Pipe(duplex=False)
    with reader, writer:
        writer.send_bytes(data)
        try:
            reader.recv()
        except Exception as e:
            assert type(e) is not SystemError
        writer.send("on")
        assert reader.recv() == "on"


@settings(max_examples=100, deadline=None)
@given(st.integers(-(1 << 40), 1 << 40), st.integers(-(1 << 40), 1 << 40))
def test_any_descriptors(read: int, write: int) -> None:
    channel = _boundary.Channel()
    channel._create(0, 0)
    try:
        channel.set_fds(-abs(read), -abs(write))
    except OverflowError:
        return
    channel.put("x", timeout=1)
    assert channel.get(timeout=1) == "x"
