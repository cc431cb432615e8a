"""Large arrays arrive as they were sent, in memory that the receiver has alone, by every way there is."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory import LARGE, large, used, where

import gomp
from gomp import _boundary

fork = gomp.get_context("fork")


class Way:
    """How a message gets from one end to the other."""

    def __init__(self, ctx: Any, kind: str) -> None:
        if kind == "Pipe":
            self.reader, self.writer = ctx.Pipe(duplex=False)
            self.send, self.receive = self.writer.send, self.reader.recv
        elif kind == "duplex Pipe":
            self.reader, self.writer = ctx.Pipe()
            self.send, self.receive = self.writer.send, self.reader.recv
        else:
            self.queue = getattr(ctx, kind)()
            self.send, self.receive = self.queue.put, self.queue.get


KINDS = ["Queue", "SimpleQueue", "JoinableQueue", "Pipe", "duplex Pipe"]


def pass_on(way: Any, back: Any, count: int) -> None:
    """In a child: say where what came is, and send it back."""
    for _ in range(count):
        array = way.receive()
        back.put((where(array), array))


class Sender:
    """Sends in a thread: a pipe may take a message only once the one before was taken."""

    def __init__(self, send: Callable[[Any], object], *objects: Any) -> None:
        self.thread = threading.Thread(target=lambda: [send(o) for o in objects])
        self.thread.start()

    def join(self) -> None:
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back(ctx: Any, kind: str) -> None:
    way, back = Way(ctx, kind), ctx.Queue()
    sent = [large(), np.asfortranarray(large().reshape(10, -1)), large().astype("f4")]
    child = ctx.Process(target=pass_on, args=(way, back, len(sent)))
    child.start()
    sender = Sender(way.send, *sent)
    for array in sent:
        place, got = back.get(timeout=20)
        assert place == where(got) == "shared"
        assert np.array_equal(got, array) and got.dtype == array.dtype
        assert got.flags.c_contiguous == array.flags.c_contiguous
        assert got.flags.writeable and got.flags.aligned
    sender.join()
    child.join(10)
    assert child.exitcode == 0


@pytest.mark.parametrize("kind", KINDS)
def test_here_too(kind: str) -> None:
    way = Way(fork, kind)
    way.send(1)
    assert way.receive() == 1
    before = used()
    sent = large()
    sender = Sender(way.send, sent, large(5))
    got = way.receive()
    assert where(got) == "shared" and np.array_equal(got, sent)
    assert np.array_equal(way.receive(), large(5))
    sender.join()
    got[0] = -1
    assert sent[0] == 0
    del got
    assert used() == before


def test_the_sender_may_change_what_it_has_sent() -> None:
    queue = fork.Queue()
    sent = large()
    queue.put(sent)
    sent[:] = 0
    assert np.array_equal(queue.get(), large())


def test_two_receivers_of_one_object_have_their_own() -> None:
    queue = fork.Queue()
    sent = large()
    queue.put(sent)
    queue.put(sent)
    first, second = queue.get(), queue.get()
    first[:] = 0
    assert np.array_equal(second, large())


def test_one_object_twice_in_a_message_stays_one() -> None:
    queue = fork.Queue()
    sent = large()
    queue.put([sent, sent])
    first, second = queue.get()
    assert first is second


def test_read_only_stays_read_only() -> None:
    queue = fork.Queue()
    sent = large()
    sent.flags.writeable = False
    queue.put([sent, large()])
    closed, opened = queue.get()
    assert not closed.flags.writeable and opened.flags.writeable
    assert where(closed) == "shared" and np.array_equal(closed, sent)
    with pytest.raises(ValueError):
        closed.flags.writeable = True


def test_put_many_and_get_many() -> None:
    queue = fork.Queue()
    before = None
    for _ in range(2):
        queue.put_many([1, large(), "two", [large(7), large(8)], large(9)])
        one, first, two, pair, last = queue.get_many(5)
        assert (one, two) == (1, "two")
        for array, start in zip([first, *pair, last], [0, 7, 8, 9], strict=True):
            assert where(array) == "shared" and np.array_equal(array, large(start))
        del first, pair, last, array
        before = before or used()
    assert used() == before


class Kind(np.ndarray):
    """Arrays of a class of their own."""


RECORD = np.dtype([("id", "i4"), ("name", "S12"), ("place", "f8", (3,))])

SHAPES: dict[str, Any] = {
    "three dimensions": np.arange(60_000.0).reshape(30, 40, 50),
    "Fortran order": np.asfortranarray(np.arange(60_000.0).reshape(30, 40, 50)),
    "a row of a matrix": np.arange(400_000.0).reshape(4, -1)[1],
    "not contiguous": np.arange(400_000.0)[::3],
    "transposed": np.arange(60_000.0).reshape(200, 300).T,
    "backwards": np.arange(60_000.0)[::-1],
    "empty": np.empty((0, 5)),
    "no dimension": np.array(1.5),
    "a record": np.zeros(10_000, RECORD),
    "big endian": np.arange(60_000, dtype=">i4"),
    "booleans": np.ones(200_000, bool),
    "strings": np.full(20_000, "gomp"),
    "times": np.arange("2000-01-01", "2100-01-01", dtype="M8[D]"),
    "complex": np.ones(60_000, complex),
    "objects": np.array([{"a": 1}, None, "x"] * 10_000, dtype=object),
    "a class of its own": np.arange(60_000.0).view(Kind),
    "masked": np.ma.masked_greater(np.arange(60_000.0), 10),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str) -> None:
    queue = fork.Queue()
    sent = SHAPES[name]
    queue.put(sent)
    got = queue.get()
    assert type(got) is type(sent) and got.dtype == sent.dtype and got.shape == sent.shape
    assert got.flags.writeable and np.array_equal(got, sent)
    if name == "masked":
        assert np.array_equal(got.mask, sent.mask)
    whole = sent.nbytes and (sent.flags.c_contiguous or sent.flags.f_contiguous)
    # Times have no buffers, and objects are not only bytes.
    if type(sent) is np.ndarray and whole and sent.nbytes >= 1 << 16 and sent.dtype.kind not in "OM":
        assert where(got) == "shared"
        assert got.flags.c_contiguous == sent.flags.c_contiguous


@pytest.mark.parametrize("size", [(1 << 16) - 8, 1 << 16, (1 << 16) + 8, 1 << 20, (1 << 20) + 1])
def test_sizes(size: int) -> None:
    queue = fork.Queue()
    sent = np.random.default_rng(size).integers(0, 256, size, np.uint8)
    queue.put(sent)
    got = queue.get()
    assert np.array_equal(got, sent)
    assert where(got) == ("shared" if size >= 1 << 16 else "elsewhere")


BUFFERS: dict[str, Callable[[], Any]] = {
    "bytes": lambda: b"b" * LARGE,
    "bytearray": lambda: bytearray(b"b" * LARGE),
    "memoryview": lambda: memoryview(bytearray(b"b" * LARGE))[10:],
    "array": lambda: __import__("array").array("d", range(LARGE)),
}


@pytest.mark.parametrize("name", BUFFERS)
def test_buffers_by_hand(name: str) -> None:
    queue = fork.Queue()
    sent = BUFFERS[name]()
    queue.put(1)
    queue.get()
    before = used()
    queue.put(pickle.PickleBuffer(sent))
    got = queue.get()
    assert bytes(got) == bytes(sent) and memoryview(got).readonly == memoryview(sent).readonly
    assert where(np.frombuffer(got, np.uint8)) == "shared"
    del got
    assert used() == before


class Holder:
    """Gives its buffers beside its state."""

    def __init__(self, *buffers: Any) -> None:
        self.buffers = buffers

    def __reduce_ex__(self, protocol: int) -> Any:
        return Holder, tuple(pickle.PickleBuffer(b) for b in self.buffers)


def test_objects_with_buffers() -> None:
    queue = fork.Queue()
    queue.put(Holder(bytearray(b"x" * LARGE), b"small", b"y" * LARGE, bytearray()))
    got = queue.get()
    assert [bytes(b) for b in got.buffers] == [b"x" * LARGE, b"small", b"y" * LARGE, b""]
    got.buffers[0][0] = 1
    with pytest.raises(TypeError):
        got.buffers[2][0] = 1


def test_a_buffer_that_is_not_contiguous_is_refused() -> None:
    reader, writer = fork.Pipe()
    before = used()
    with pytest.raises(pickle.PicklingError):
        writer.send([large(), pickle.PickleBuffer(memoryview(bytearray(LARGE))[::2])])
    assert used() == before
    writer.send("next")
    assert reader.recv() == "next"


class PutsAgain:
    """Uses the queue while it is being pickled."""

    def __init__(self, queue: Any, array: Any) -> None:
        self.queue, self.array = queue, array

    def __reduce__(self) -> Any:
        self.queue.put(self.array)
        return list, ((1, 2),)


def test_pickling_within_pickling() -> None:
    queue = fork.Queue()
    queue.put([large(1), PutsAgain(queue, large(2)), large(3)])
    inner, (first, middle, last) = queue.get(), queue.get()
    assert middle == [1, 2]
    for array, start in ((inner, 2), (first, 1), (last, 3)):
        assert np.array_equal(array, large(start))


class Forks:
    """Forks while it is being pickled. The child goes on, and must not give away its parent's memory."""

    def __reduce__(self) -> Any:
        self.pid = os.fork()
        return int, ()


def test_a_fork_within_pickling() -> None:
    reader, writer = fork.Pipe(duplex=False)
    before, forks, me = used(), Forks(), os.getpid()
    try:
        writer.send([large(1), forks, large(2)])
        assert os.getpid() == me
    except RuntimeError:
        os._exit(3 if os.getpid() != me else 4)
    finally:
        if os.getpid() != me:
            os._exit(5)
    assert os.waitstatus_to_exitcode(os.waitpid(forks.pid, 0)[1]) == 3
    _boundary.reaped(forks.pid)
    first, zero, second = reader.recv()
    assert zero == 0 and np.array_equal(first, large(1)) and np.array_equal(second, large(2))
    del first, second
    assert used() - before < 4096  # the pipe's ring


def test_what_was_sent_as_an_object_can_be_received_as_bytes() -> None:
    reader, writer = fork.Pipe(duplex=False)
    writer.send_bytes(b"first")
    assert reader.recv_bytes() == b"first"
    before = used()
    for read in (lambda: reader.recv_bytes(), lambda: bytes(into(reader))):
        writer.send({"a": large(), "b": 1})
        got = pickle.loads(read())
        assert np.array_equal(got["a"], large()) and got["b"] == 1
    assert used() == before


def into(reader: Any) -> memoryview:
    buffer = bytearray(2_000_000)
    return memoryview(buffer)[: reader.recv_bytes_into(buffer)]


def test_bytes_that_were_sent_can_be_received_as_an_object() -> None:
    reader, writer = fork.Pipe(duplex=False)
    writer.send_bytes(pickle.dumps([1, 2]))
    assert reader.recv() == [1, 2]
    writer.send_bytes(pickle.dumps("x" * LARGE))
    assert reader.recv() == "x" * LARGE


def test_a_registered_reducer_comes_first() -> None:
    from multiprocessing.reduction import ForkingPickler

    class Special(np.ndarray):
        pass

    ForkingPickler.register(Special, lambda array: (str, ("special",)))
    try:
        queue = fork.Queue()
        queue.put([large().view(Special), large()])
        special, plain = queue.get()
        assert special == "special" and np.array_equal(plain, large())
    finally:
        del ForkingPickler._extra_reducers[Special]


def arrays() -> Any:
    """Arrays on both sides of the size from which they go beside the pickle."""
    dtypes = st.sampled_from(["u1", "i8", "f4", "c16", "S3", "M8[s]", "i4,f8"])
    sizes = st.sampled_from([0, 1, 7, 1000, 9000, 70_000])
    seeds = st.integers(0, 2**32 - 1)

    def build(dtype: str, size: int, seed: int, order: str, writeable: bool) -> Any:
        kind = np.dtype(dtype)
        data = np.random.default_rng(seed).integers(48, 90, size * kind.itemsize, np.uint8).tobytes()
        array = np.frombuffer(bytearray(data), kind).reshape((-1, 7) if size % 7 == 0 and size else -1, order=order)
        array.flags.writeable = writeable
        return array

    return st.builds(build, dtypes, sizes, seeds, st.sampled_from("CF"), st.booleans())


structures = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=5), arrays()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=3), st.tuples(inner, inner)
    ),
    max_leaves=10,
)


def same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return bool(
            (a.dtype, a.shape, a.flags.writeable, a.flags.f_contiguous, a.tobytes())
            == (b.dtype, b.shape, b.flags.writeable, b.flags.f_contiguous, b.tobytes())
        )
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


QUEUE = fork.Queue()


@settings(deadline=None, max_examples=150)
@given(structures)
def test_whatever_is_put_comes_out(structure: Any) -> None:
    QUEUE.put(structure)
    # A pickle keeps what is read-only so where it can, which is not with times.
    assert same(QUEUE.get(), pickle.loads(pickle.dumps(structure, 5)))


def test_and_nothing_of_it_is_left() -> None:
    before = used()
    QUEUE.put([large(), large()])
    QUEUE.get()
    assert used() == before
