"""The memory of large data comes back, whatever becomes of the message, of the array and of their processes."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from memory import LARGE, ended, in_child, large, reap, used, used_soon, where

import gomp
from gomp import _boundary

fork = gomp.get_context("fork")


@pytest.fixture
def queue() -> Any:
    """A queue whose ring is there already."""
    made = fork.Queue()
    made.put_many(range(20))
    made.get_many(20)
    return made


def test_the_block_is_free_when_the_last_view_is_gone(queue: Any) -> None:
    before = used()
    queue.put([large(), large()])
    arrays = queue.get()
    held = used()
    arrays[0] = arrays[0][10:20]
    assert used() == held and arrays[0][0] == 10
    arrays.pop()
    assert before < used() < held
    arrays.pop()
    assert used() == before


def test_a_queue_that_nobody_reads() -> None:
    before = used()
    made = fork.Queue()
    made.put([large(), large()])
    made.put(gomp.arrays.zeros(LARGE))
    made = None
    assert used() == before


class Refuses:
    """Cannot be pickled."""

    def __reduce__(self) -> Any:
        raise TypeError("not me")


class Spoils:
    """Can be pickled, but not unpickled."""

    def __reduce__(self) -> Any:
        return int, ("x",)


def test_pickling_that_fails_in_the_middle(queue: Any) -> None:
    reader, writer = fork.Pipe()
    shared = gomp.arrays.zeros(LARGE)
    before = used()
    for broken in ([large(), Refuses()], [large(), shared, [large(), Refuses()]], [b"x" * LARGE, large(), Refuses()]):
        with pytest.raises(TypeError, match="not me"):
            writer.send(broken)
        assert used() == before
    writer.send([shared, "next"])
    assert reader.recv()[1] == "next"
    shared = None
    assert used() < before


def test_a_message_that_cannot_be_unpickled(queue: Any) -> None:
    before = used()
    for _ in range(3):
        queue.put([large(), gomp.arrays.zeros(LARGE), Spoils(), large()])
        with pytest.raises(ValueError):
            queue.get()
        assert used() == before


def test_one_of_many_that_cannot_be_unpickled(queue: Any) -> None:
    before = used()
    queue.put_many([large(1), [large(), Spoils()], large(2)])
    with pytest.raises(ValueError) as failure:
        queue.get_many(3)
    first, second = failure.value.messages  # type: ignore[attr-defined]
    assert np.array_equal(first, large(1)) and np.array_equal(second, large(2))
    first = second = None
    failure.value.messages.clear()  # type: ignore[attr-defined]
    assert used() == before


class DropsIt:
    """Lets go of its buffer while it is unpickled."""

    def __reduce_ex__(self, protocol: int) -> Any:
        return len, (pickle.PickleBuffer(bytearray(LARGE)),)


def test_a_buffer_that_is_not_kept(queue: Any) -> None:
    before = used()
    queue.put(DropsIt())
    assert queue.get() == LARGE
    assert used() == before


def hold(queue: Any, told: Any) -> None:
    held = [queue.get(), queue.get()]
    told.put([where(array) for array in held])
    told.put(os.getpid())
    time.sleep(60)


@pytest.mark.parametrize("twice", [False, True], ids=["child", "grandchild"])
def test_a_receiver_that_is_killed(ctx: Any, queue: Any, twice: bool) -> None:
    told = ctx.Queue()
    mine = ctx.Queue()
    told.put(1)
    told.get()
    mine.put_many([1, 2])
    mine.get_many(2)
    shared = gomp.arrays.zeros(LARGE)
    before = used()
    child = ctx.Process(target=parent_of if twice else hold, args=(mine, told))
    child.start()
    mine.put(large())
    mine.put(shared)
    assert told.get(timeout=20) == ["shared", "shared"]
    last = told.get(timeout=20)
    child.kill()
    child.join(10)
    ended(last)
    assert used() - before <= 1 << 13, "more than the rings have grown"
    assert not shared.any()


def parent_of(queue: Any, told: Any) -> None:
    """Receive, and have a child that has it too; both die."""
    held = [queue.get(), queue.get()]
    me = os.getpid()

    def child() -> bool:
        told.put([where(held[1])] * 2)
        told.put(os.getpid())
        while os.getppid() == me:
            time.sleep(0.01)
        return True

    in_child(child)
    time.sleep(60)


def send_for_ever(queue: Any, array: Any, other: Any) -> None:
    while True:
        queue.put([array, other])


def get_for_ever(queue: Any) -> None:
    while True:
        queue.get()


@pytest.mark.parametrize("target", ["sender", "receiver"])
def test_killed_at_any_instant(target: str) -> None:
    queue = fork.Queue(4)
    queue.put_many(range(4))
    queue.get_many(4)
    shared = gomp.arrays.zeros(LARGE)
    before = used()
    for turn in range(30):
        if target == "sender":
            child = fork.Process(target=send_for_ever, args=(queue, large(), shared))
        else:
            child = fork.Process(target=get_for_ever, args=(queue,))
        child.start()
        end = time.monotonic() + 0.003 * (turn % 10)
        while time.monotonic() < end or not child.is_alive():
            if target == "sender":
                array, other = queue.get(timeout=10)
                assert np.array_equal(array, large()) and where(other) == "shared"
            else:
                queue.put([large(), shared], timeout=10)
        child.kill()
        child.join(10)
        array = other = None
        while not queue.empty():
            array, other = queue.get(timeout=10)
            assert np.array_equal(array, large()) and where(other) == "shared"
        array = other = None
        assert not _boundary.check()
        assert used_soon(before), used() - before


def test_an_array_on_its_way_when_its_sender_is_gone() -> None:
    """The message alone keeps it."""
    queue = fork.Queue()

    def child() -> bool:
        array = gomp.arrays.zeros(LARGE)
        array[7] = 7
        queue.put([array, large()])
        os.kill(os.getpid(), signal.SIGKILL)
        return False

    assert reap(in_child(child)) == -signal.SIGKILL
    shared, own = queue.get(timeout=10)
    assert shared[7] == 7 and shared.sum() == 7 and np.array_equal(own, large())


def test_nothing_is_lost_over_time(queue: Any) -> None:
    shared = gomp.arrays.zeros(LARGE)
    before = used()
    descriptors = len(os.listdir("/proc/self/fd"))
    for number in range(500):
        queue.put([large(), shared, shared[number : number + 10]])
        got = queue.get()
        if number % 50 == 0:
            assert reap(in_child(lambda: True)) == 0
        got = None
    assert got is None and used() == before and len(os.listdir("/proc/self/fd")) == descriptors


def test_threads_that_send_and_receive(queue: Any) -> None:
    before = used()
    wrong: list[Any] = []

    def send(start: int) -> None:
        for number in range(start, start + 20):
            queue.put([number, large(number), np.full(1 << 18, number)])

    def receive() -> None:
        for _ in range(20):
            number, array, filled = queue.get(timeout=20)
            if not np.array_equal(array, large(number)) or (filled != number).any():
                wrong.append(number)

    def all_of(*targets: Callable[[], object]) -> None:
        threads = [threading.Thread(target=target) for target in targets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

    all_of(lambda: send(0), lambda: send(100), receive, lambda: send(1000), receive, receive)
    assert not wrong
    assert used() - before <= 1 << 13, "more than the ring has grown"
