"""gomp.arrays: arrays that all processes of the family share, and that travel without a copy."""

from __future__ import annotations

import itertools
import pickle
import time
from typing import Any

import numpy as np
import pytest
from memory import LARGE, used, used_soon, where

import gomp
from gomp import _boundary

fork = gomp.get_context("fork")


@pytest.mark.parametrize("shape", [0, 1, 1000, (), (3, 4), (2, 3, 4), (0, 5), [4, 5], np.int64(7)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_shapes(shape: Any, order: Any) -> None:
    array = gomp.arrays.zeros(shape, "i4", order)
    like = np.zeros(shape, "i4", order)
    assert array.shape == like.shape and array.dtype == like.dtype
    assert array.strides == like.strides or not like.size
    assert array.flags.f_contiguous == like.flags.f_contiguous and array.flags.c_contiguous == like.flags.c_contiguous
    assert not array.any() and array.flags.writeable and where(array) == "shared"
    assert gomp.arrays.empty(shape, "i4", order).shape == like.shape


def test_zeros_are_zero_in_used_memory() -> None:
    for size in (100, 70_000, 3_000_000):
        array = gomp.arrays.empty(size, np.uint8)
        array[:] = 255
        array = None
        assert not gomp.arrays.zeros(size, np.uint8).any()


def test_memory_comes_back() -> None:
    before = used()
    array = gomp.arrays.zeros((100, 100))
    view = array[5:10]
    array = None
    view[:] = 1
    assert used() > before
    view = None
    assert used() == before


SOURCES: dict[str, Any] = {
    "a list": [[1, 2], [3, 4]],
    "a number": 5,
    "Fortran order": np.asfortranarray(np.arange(12).reshape(3, 4)),
    "not contiguous": np.arange(100)[::3],
    "records": np.zeros(5, [("a", "i4"), ("b", "S3")]),
    "read only": np.broadcast_to(np.arange(3), (4, 3)),
    "times": np.arange("2000-01", "2001-01", dtype="M8[D]"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_copies(name: str) -> None:
    source = np.asarray(SOURCES[name])
    copy = gomp.arrays.copy(SOURCES[name])
    assert np.array_equal(copy, source) and copy.dtype == source.dtype and where(copy) == "shared"
    assert copy.flags.writeable and copy.flags.f_contiguous >= (source.flags.f_contiguous and source.ndim > 1)


@pytest.mark.parametrize("dtype", [object, [("a", "i4"), ("b", object)]])
def test_objects_are_refused(dtype: Any) -> None:
    before = used()
    for make in (gomp.arrays.zeros, gomp.arrays.empty):
        with pytest.raises(TypeError, match="Python objects"):
            make(3, dtype)
    with pytest.raises(TypeError, match="Python objects"):
        gomp.arrays.copy([None, "x"])
    assert used() == before


@pytest.mark.parametrize("size", [-1, (3, -1), "x", 1.5, 1 << 62, (1 << 40, 1 << 40)])
def test_sizes_that_cannot_be(size: Any) -> None:
    before = used()
    with pytest.raises((ValueError, TypeError, MemoryError, OverflowError)):
        gomp.arrays.zeros(size)
    assert used() == before


@pytest.mark.parametrize("kind", ["Queue", "SimpleQueue", "Pipe"])
def test_travels_without_a_copy(kind: str) -> None:
    if kind == "Pipe":
        reader, writer = fork.Pipe()
        put, get = writer.send, reader.recv
    else:
        queue = getattr(fork, kind)()
        put, get = queue.put, queue.get
    array = gomp.arrays.zeros((100, 7))
    put([array, array[5], array[10:20], array.T, array[:, 3]])
    all_of_it, row, rows, turned, column = get()
    address = array.__array_interface__["data"][0]
    assert all_of_it.__array_interface__["data"][0] == address and all_of_it.shape == (100, 7)
    assert row.__array_interface__["data"][0] == address + 5 * 7 * 8
    assert rows.shape == (10, 7) and turned.shape == (7, 100)
    rows[0, 0] = 1
    turned[0, 0] = 2
    assert array[10, 0] == 1 and array[0, 0] == 2
    column[0] = 9  # is not contiguous: a copy
    assert array[0, 3] == 0


def test_small_ones_and_read_only_ones_are_shared_too() -> None:
    queue = fork.Queue()
    array = gomp.arrays.zeros(1, "u1")
    closed = array[:]
    closed.flags.writeable = False
    queue.put((array, closed))
    opened, shut = queue.get()
    array[0] = 5
    assert opened[0] == shut[0] == 5 and opened.flags.writeable and not shut.flags.writeable


def test_in_another_pickle_it_is_an_array_like_others() -> None:
    array = gomp.arrays.zeros(LARGE)
    for protocol in range(2, 6):
        copy = pickle.loads(pickle.dumps(array, protocol))
        copy[0] = 1
        assert array[0] == 0 and where(copy) == "elsewhere"
    copy = array.copy()
    copy[0] = 1
    assert array[0] == 0


def work(queue: Any, array: Any, rows: Any, closed: Any, plain: Any) -> None:
    """In a child: write to what is shared, and say what came."""
    array[0, 0] = 42
    rows[:] = 7
    plain[:] = 1
    report = [where(array), where(rows), closed.flags.writeable, array.flags.f_contiguous, _boundary.around(rows)[1]]
    queue.put((report, array, rows))
    other = gomp.arrays.zeros(10)
    queue.put(other)
    while not other[0]:
        time.sleep(0.001)
    other[1] = 1


@pytest.mark.parametrize("order", ["C", "F"])
def test_children_share(ctx: Any, order: Any) -> None:
    queue = ctx.Queue()
    queue.put_many(range(20))
    queue.get_many(20)
    before = used()
    array = gomp.arrays.zeros((4, LARGE), "f4", order)
    rows = array[1:3] if order == "C" else array[:, 1:3]
    closed = rows[:]
    closed.flags.writeable = False
    plain = np.zeros(3)
    child = ctx.Process(target=work, args=(queue, array, rows, closed, plain))
    child.start()
    report, got, part = queue.get(timeout=20)
    offset = (LARGE if order == "C" else 4) * 4
    assert report == ["shared", "shared", False, order == "F", offset]
    assert array[0, 0] == got[0, 0] == 42 and (rows == 7).all() and not plain.any()
    assert part.__array_interface__["data"] == rows.__array_interface__["data"]
    theirs = queue.get(timeout=20)
    theirs[0] = 1
    child.join(10)
    assert child.exitcode == 0 and theirs[1] == 1
    child = array = rows = closed = got = part = theirs = None
    assert used_soon(before), used() - before


class Frame:
    """Has an array among other things."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.same = array


def fill(frame: Frame) -> None:
    assert frame.same is frame.array
    frame.array[:] = 3


def test_arrays_within_objects(ctx: Any) -> None:
    frame = Frame(gomp.arrays.zeros(10))
    child = ctx.Process(target=fill, args=(frame,))
    child.start()
    child.join(20)
    assert child.exitcode == 0 and (frame.array == 3).all()


def hand_on(here: Any, there: Any) -> None:
    there.put(here.get(timeout=20))


def test_through_many_hands(ctx: Any) -> None:
    """Each passes it on and ends; it stays the same memory."""
    queues = [ctx.Queue() for _ in range(4)]
    array = gomp.arrays.zeros(10)
    queues[0].put(array[2:4])
    for here, there in itertools.pairwise(queues):
        child = ctx.Process(target=hand_on, args=(here, there))
        child.start()
        child.join(20)
        assert child.exitcode == 0
    got = queues[-1].get(timeout=20)
    got[0] = 1
    assert array.tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]


def test_two_messages_give_one_memory() -> None:
    queue = fork.Queue()
    array = gomp.arrays.zeros(10)
    queue.put(array)
    queue.put(array)
    array = None
    first = queue.get()
    first[0] = 1
    first = None
    assert queue.get()[0] == 1


def test_a_program_that_replaces_the_pickler(monkeypatch: pytest.MonkeyPatch) -> None:
    from multiprocessing import reduction

    dumped: list[Any] = []
    real = reduction.dump
    monkeypatch.setattr(reduction, "dump", lambda obj, file, *args: (dumped.append(obj), real(obj, file, *args)))
    child = gomp.get_context("spawn").Process(target=fill, args=(Frame(np.zeros(3)),))
    child.start()
    child.join(20)
    assert child.exitcode == 0 and child in dumped
