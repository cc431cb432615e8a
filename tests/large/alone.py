"""What needs an interpreter and a family of its own: ``alone.py CASE``. Prints "ok"."""

from __future__ import annotations

import faulthandler
import os
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from memory import LARGE, in_child, large, mappings, reap, used, where

import gomp
from gomp import _boundary

fork = gomp.get_context("fork")


class Case(NamedTuple):
    """What is done, and how much memory the family has."""

    run: Callable[[], object]
    memory: str


def receive(array: Any) -> Any:
    queue = fork.Queue()
    queue.put(array)
    return queue.get()


def no_descriptor() -> None:
    """The program has closed everything, as daemons do. Its arrays are still its own."""
    received = receive(large())
    other = receive(large(1))
    fd, _ = _boundary.family()
    os.close(fd)

    def child() -> bool:
        received[:] = 0
        return bool(np.array_equal(other, large(1)))

    pid = in_child(child)
    other[:] = 0
    assert reap(pid) == 0
    assert np.array_equal(received, large())
    # What cannot be mapped back stays: nobody else may get the memory.
    kept = used()
    received = other = None
    assert used() == kept
    assert reap(in_child(lambda: bool(np.array_equal(receive(large(2)), large(2))))) == 0
    assert not _boundary.check()


def wrong_descriptor() -> None:
    """Its number now means another file."""
    received = receive(large())
    fd, _ = _boundary.family()
    with open("/proc/self/exe", "rb") as file:
        os.dup2(file.fileno(), fd)
    pid = in_child(lambda: bool(np.array_equal(received, large())))
    received[:] = 0
    assert reap(pid) == 0


def no_slot() -> None:
    """No slot is left for the child: it holds nothing, and still has its arrays, and its parent has its own."""
    received = receive(large())
    assert reap(in_child(lambda: True)) == 0  # these have been set apart before
    fresh = receive(large(2))
    tokens = []
    try:
        while True:
            tokens.append(_boundary.reserve())
    except OSError:
        pass
    gate, go = os.pipe()

    def child() -> bool:
        os.read(gate, 1)
        whole = np.array_equal(received, large()) and np.array_equal(fresh, large(2))
        received[:] = 0
        try:
            fork.Lock()
        except OSError:
            pass
        else:
            return False
        return bool(whole and not received.any())

    pid = in_child(child)
    received[0] = fresh[0] = -1
    received = fresh = None
    for token in tokens:
        _boundary.unreserve(token)
    again = [receive(large(n)) for n in range(10)]
    os.write(go, b"1")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert all(np.array_equal(array, large(n)) for n, array in enumerate(again))


def many() -> None:
    """So many that they could not all be set apart: the last ones are copies."""
    queue = fork.Queue()
    sent = np.zeros(1 << 16, np.uint8)
    arrays = []
    for number in range(2100):
        sent[0] = number % 100
        queue.put(sent)
        arrays.append(queue.get())
    places = [where(arrays[0]), where(arrays[2047]), where(arrays[2048]), where(arrays[-1])]
    assert places == ["shared", "shared", "elsewhere", "elsewhere"], places
    assert mappings() == 1

    def child() -> bool:
        for array in arrays:
            array[0] = 200
        return True

    assert reap(in_child(child)) == 0
    assert [int(array[0]) for array in arrays] == [number % 100 for number in range(2100)]
    assert mappings() > 2048
    arrays.clear()
    assert mappings() == 1
    queue.put(sent)
    assert where(queue.get()) == "shared"


def keeps_all() -> None:
    """A receiver that keeps more than the family's memory: it copies, and senders go on."""
    queue = fork.Queue()
    kept = []
    for number in range(200):
        queue.put(large(number))
        kept.append(queue.get())
    assert all(np.array_equal(array, large(number)) for number, array in enumerate(kept))
    assert {where(array) for array in kept} == {"shared", "elsewhere"}
    assert used() <= 6 << 20


def orphans() -> None:
    """Children whose end nobody tells gomp of hold arrays: once that is half of the memory, it is looked for."""
    queue = fork.Queue()
    most = 0
    for _ in range(12):
        queue.put([large(), large()])
        held = queue.get()
        assert [where(array) for array in held] == ["shared", "shared"]
        os.waitpid(in_child(lambda: True), 0)
        held.clear()
        most = max(most, used())
        time.sleep(0.1)  # it is not looked all the time
    assert 3 << 20 < most < 6 << 20


def exhausted() -> None:
    """What does not fit raises MemoryError, and everything goes on."""
    queue = fork.Queue()
    reader, writer = fork.Pipe()
    queue.put(1)
    queue.get()
    writer.send(1)
    reader.recv()
    before = used()
    too_much = [np.zeros(3 << 20, np.uint8) for _ in range(4)]
    for attempt in (lambda: queue.put(too_much), lambda: writer.send(too_much), lambda: gomp.arrays.zeros(9 << 20)):
        for _ in range(3):
            try:
                attempt()
            except MemoryError as e:
                assert "GOMP_MEMORY" in str(e)
            else:
                raise AssertionError("more was sent than there is")
            assert used() == before and queue.empty() and not reader.poll()
    for way in ((queue.put, queue.get), (writer.send, reader.recv)):
        way[0](large())
        assert np.array_equal(way[1](), large())
    # Full with messages that nobody has taken: so it is for a while, and no longer.
    count = 0
    try:
        while True:
            queue.put(large(count))
            count += 1
    except MemoryError:
        pass
    for number in range(count):
        assert np.array_equal(queue.get(), large(number))
    assert used() - before <= 1 << 12
    assert not _boundary.check()


def without_numpy() -> None:
    """Everything but gomp.arrays works, and that says what it lacks."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "numpy"]:
        del sys.modules[name]
    sys.modules["numpy"] = None  # type: ignore[assignment]
    for make in (lambda: gomp.arrays.zeros(3), lambda: gomp.arrays.empty(3), lambda: gomp.arrays.copy([1])):
        try:
            make()
        except ImportError as e:
            assert "numpy is not installed" in str(e)
        else:
            raise AssertionError("arrays without numpy")
    queue = gomp.get_context("spawn").Queue()
    child = gomp.get_context("spawn").Process(target=queue.put, args=(b"x" * LARGE,))
    child.start()
    assert queue.get(timeout=20) == b"x" * LARGE
    child.join()


CASES = {
    "no descriptor": Case(no_descriptor, "64M"),
    "wrong descriptor": Case(wrong_descriptor, "64M"),
    "no slot": Case(no_slot, "256M"),
    "many": Case(many, "512M"),
    "keeps all": Case(keeps_all, "8M"),
    "orphans": Case(orphans, "8M"),
    "exhausted": Case(exhausted, "8M"),
    "without numpy": Case(without_numpy, "64M"),
}


if __name__ == "__main__":
    faulthandler.dump_traceback_later(50, exit=True)
    CASES[sys.argv[1]].run()
    print("ok")
