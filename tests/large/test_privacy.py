"""A received array is its process's alone, whoever forks; what gomp.arrays makes is everybody's."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import threading
import time
from typing import Any

import alone
import numpy as np
import pytest
from memory import LARGE, in_child, large, mappings, reap, used, used_soon, where

import gomp

fork = gomp.get_context("fork")
HERE = pathlib.Path(__file__).parent


def receive() -> Any:
    queue = fork.Queue()
    queue.put(large())
    return queue.get()


@pytest.fixture
def received() -> Any:
    return receive()


class Turn:
    """Two processes that take turns."""

    def __init__(self) -> None:
        self.events = fork.Event(), fork.Event()

    def give(self) -> None:
        self.events[0].set()
        assert self.events[1].wait(10)

    def take(self) -> None:
        assert self.events[0].wait(10)

    def back(self) -> None:
        self.events[1].set()


def test_each_sees_what_it_writes_itself(received: Any) -> None:
    turn = Turn()

    def child() -> bool:
        turn.take()
        seen = received[0] == 0 and received[-1] == LARGE - 1  # and not what the parent has written since
        received[1] = -2
        turn.back()
        return bool(seen and received[2] == 2)

    pid = in_child(child)
    received[[0, -1]] = -1
    turn.give()
    assert received[1] == 1 and where(received) == "private"
    received[2] = -3
    assert reap(pid) == 0
    assert received[:3].tolist() == [-1, 1, -3] and received[-1] == -1
    assert np.array_equal(received[3:-1], large()[3:-1])


def write_all(array: Any, value: int) -> None:
    array[:] = value


def test_children_that_gomp_starts(received: Any) -> None:
    for value in (1, 2):
        child = fork.Process(target=write_all, args=(received, value))
        child.start()
        child.join(10)
        assert child.exitcode == 0
    assert np.array_equal(received, large())


def test_generations(received: Any) -> None:
    def grandchild() -> bool:
        first = received[:3].tolist() == [0, 1, -1]
        received[1] = -2
        return first

    def child() -> bool:
        received[2] = -1
        pid = in_child(grandchild)
        received[0] = -1
        return reap(pid) == 0 and received[:3].tolist() == [-1, 1, -1]

    pid = in_child(child)
    assert reap(pid) == 0
    assert np.array_equal(received, large())


def test_the_child_keeps_what_the_parent_lets_go_of() -> None:
    queue = fork.Queue()
    queue.put(1)
    queue.get()
    before = used()
    queue.put(large())
    received = queue.get()
    turn = Turn()
    kept = used()

    def child() -> bool:
        turn.take()
        return np.array_equal(received, large())

    pid = in_child(child)
    received[:] = -1
    received = None
    assert used() >= kept - before  # the child's
    others = [fork.Queue() for _ in range(5)]
    for other in others:
        other.put(large(5))
    turn.events[0].set()
    assert reap(pid) == 0
    others.clear()
    other = turn = None
    assert used_soon(before)


def test_the_parent_keeps_what_the_child_lets_go_of() -> None:
    received = receive()

    def child() -> bool:
        nonlocal received
        received = None
        queue = fork.Queue()
        for number in range(10):
            queue.put(large(number))
            assert np.array_equal(queue.get(), large(number))
        return True

    assert reap(in_child(child)) == 0
    assert np.array_equal(received, large())


def test_the_mapping_is_as_before_when_the_array_is_gone() -> None:
    queue = fork.Queue()
    queue.put(large())
    received = queue.get()
    before = used()
    assert mappings() == 1
    address = received.__array_interface__["data"][0]
    assert reap(in_child(lambda: True)) == 0
    assert where(received) == "private"
    received[:] = 7
    del received
    assert used() < before and mappings() == 1
    queue.put(large(3))  # takes the same block
    again = queue.get()
    assert again.__array_interface__["data"][0] == address and where(again) == "shared"
    assert reap(in_child(lambda: bool(np.array_equal(again, large(3))))) == 0


def test_blocks_that_lie_where_arrays_of_the_parent_were() -> None:
    received = receive()
    queue, back = fork.Queue(), fork.Queue()

    def child() -> bool:
        nonlocal received
        received = None
        arrays = [queue.get(timeout=10) for _ in range(4)]
        for number, array in enumerate(arrays):
            back.put(array + number)
        return all(where(array) == "shared" for array in arrays)

    pid = in_child(child)
    received = None
    for number in range(4):
        queue.put(large(number))
    for number in range(4):
        assert np.array_equal(back.get(timeout=10), large(2 * number))
    assert reap(pid) == 0


def test_a_thread_that_writes_while_others_fork(received: Any) -> None:
    stop = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        while not stop.is_set():
            received[written % LARGE] = -written
            written += 1

    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(10):
        assert reap(in_child(lambda: True)) == 0
        time.sleep(0.002)
    stop.set()
    thread.join()
    last = range(max(0, written - LARGE), written)
    assert [received[n % LARGE] for n in last] == [-n for n in last]


def test_read_only_arrays_and_many_of_them() -> None:
    queue = fork.Queue()
    sent = [large(n) for n in range(50)]
    for array in sent[::2]:
        array.flags.writeable = False
    queue.put(sent)
    received = queue.get()
    assert mappings() == 1

    def child() -> bool:
        for array in received[1::2]:
            array[:] = 0
        return all(np.array_equal(a, b) for a, b in zip(received[::2], sent[::2], strict=True))

    assert reap(in_child(child)) == 0
    assert all(np.array_equal(a, b) for a, b in zip(received, sent, strict=True))
    assert mappings() > 50
    received.clear()
    assert mappings() == 1


def test_a_subprocess_is_no_child(received: Any) -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    received[0] = 5
    assert received[0] == 5 and received[1] == 1


def test_arrays_of_gomp_stay_shared() -> None:
    array = gomp.arrays.zeros(LARGE)

    def child() -> bool:
        array[0] = 1
        return bool(array[1] == 2)

    array[1] = 2
    assert reap(in_child(child)) == 0
    assert array[0] == 1 and where(array) == "shared"


@pytest.mark.parametrize("case", alone.CASES)
def test_alone(case: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    environment["GOMP_MEMORY"] = alone.CASES[case].memory
    done = subprocess.run(
        [sys.executable, str(HERE / "alone.py"), case],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=55,
    )
    assert done.returncode == 0 and done.stdout == "ok\n", done.stdout
