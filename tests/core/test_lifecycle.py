"""Objects live for as long as some process has them, and no longer."""

from __future__ import annotations

import array
import os
import pickle
import select
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest

import gomp
from gomp import _boundary

fork = gomp.get_context("fork")


def make_all(ctx: Any) -> dict[str, Any]:
    """One of each object, with something in it where it can."""
    objects = {
        "Lock": ctx.Lock(),
        "RLock": ctx.RLock(),
        "Semaphore": ctx.Semaphore(2),
        "BoundedSemaphore": ctx.BoundedSemaphore(2),
        "ledger": ctx.Semaphore(2, on_owner_death="release"),
        "Condition": ctx.Condition(),
        "Event": ctx.Event(),
        "Barrier": ctx.Barrier(1),
        "Queue": ctx.Queue(),
        "SimpleQueue": ctx.SimpleQueue(),
        "JoinableQueue": ctx.JoinableQueue(),
        "Pipe": ctx.Pipe(),
        "one way": ctx.Pipe(duplex=False),
        "Value": ctx.Value("i", 5),
        "Array": ctx.Array("d", [1.0, 2.0]),
    }
    if ctx.get_start_method() == "fork":  # they travel by inheritance, here as everywhere
        objects |= {"RawValue": ctx.RawValue("i", 5), "RawArray": ctx.RawArray("i", range(5))}
    objects["Queue"].put("large" * 5000)
    objects["Queue"].put("small")
    objects["Pipe"][0].send("sent")
    return objects


def use_all(objects: dict[str, Any]) -> None:
    for kind in ("Lock", "RLock", "Semaphore", "BoundedSemaphore", "ledger"):
        with objects[kind]:
            pass
    with objects["Condition"]:
        objects["Condition"].notify_all()
        assert not objects["Condition"].wait(0)
    assert not objects["Event"].is_set()
    objects["Event"].set()
    assert objects["Event"].wait(0)
    assert objects["Barrier"].wait() == 0
    queue = objects["Queue"]
    assert queue.get(timeout=5) == "large" * 5000
    assert queue.get(timeout=5) == "small"
    for kind in ("Queue", "SimpleQueue", "JoinableQueue"):
        objects[kind].put("own")
        assert objects[kind].get() == "own"
    objects["JoinableQueue"].task_done()
    objects["JoinableQueue"].join()
    one, two = objects["Pipe"]
    assert two.recv() == "sent"
    two.send("back")
    assert one.recv() == "back"
    reader, writer = objects["one way"]
    writer.send_bytes(b"bytes")
    assert reader.recv_bytes() == b"bytes"
    with objects["Value"]:
        objects["Value"].value += 1
        assert objects["Value"].value == 6
    assert objects["Array"][:] == [1.0, 2.0]
    if "RawValue" in objects:
        assert objects["RawValue"].value == 5 and objects["RawArray"][:] == list(range(5))


def use_later(objects: dict[str, Any], gate: int) -> None:
    """Use them when the parent has long let go of them."""
    assert os.read(gate, 1) == b"."
    use_all(objects)


class Gate:
    """By which the child learns that the parent has deleted its objects."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_inheritable(self.reader, True)

    def open(self) -> None:
        os.write(self.writer, b".")

    def close(self) -> None:
        os.close(self.reader)
        os.close(self.writer)


def use_when_told(objects: dict[str, Any], told: Any) -> None:
    assert told.recv() == "deleted"
    use_all(objects)


def overwrite() -> None:
    """Take what memory there may be of objects that were deleted too early."""
    others = [make_all(fork) for _ in range(20)]
    blocks = []
    for _ in range(50):
        blocks.append(block := _boundary.Block())
        block._create(5000)
        memoryview(block)[:] = b"\xff" * 5000
    del others, blocks


def test_parent_deletes_its_objects_once_the_child_has_started(ctx: Any) -> None:
    for _ in range(3):
        told, tell = ctx.Pipe(duplex=False)
        process = ctx.Process(target=use_when_told, args=(make_all(ctx), told))
        process.start()
        overwrite()
        tell.send("deleted")
        process.join(20)
        assert process.exitcode == 0


def test_parent_deletes_its_objects_before_the_child_has_looked(ctx: Any) -> None:
    for _ in range(3):
        process = ctx.Process(target=use_all, args=(make_all(ctx),))
        process.start()  # it deletes its arguments
        overwrite()
        process.join(20)
        assert process.exitcode == 0


def forked(action: Callable[[], object]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        action()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def ends_well(pid: int) -> bool:
    status = os.waitpid(pid, 0)[1]
    _boundary.reaped(pid)
    return status == 0


def test_parent_deletes_its_objects_after_a_raw_fork() -> None:
    for _ in range(5):
        objects, gate = make_all(fork), Gate()
        pid = forked(lambda objects=objects, gate=gate: use_later(objects, gate.reader))  # type: ignore[misc]
        del objects
        overwrite()
        gate.open()
        assert ends_well(pid)
        gate.close()


def test_grandchild_has_what_its_parents_deleted() -> None:
    objects, gate = make_all(fork), Gate()

    def middle() -> None:
        pid = forked(lambda: use_later(objects, gate.reader))
        objects.clear()
        os.write(report, str(pid).encode())

    reader, report = os.pipe()
    pid = forked(middle)
    objects.clear()
    grandchild = int(os.read(reader, 20))
    assert ends_well(pid)
    overwrite()
    watched = os.pidfd_open(grandchild)
    gate.open()
    assert select.select([watched], [], [], 10)[0]
    for fd in (watched, reader, report):
        os.close(fd)
    gate.close()


def test_child_deletes_what_the_parent_goes_on_using() -> None:
    objects = make_all(fork)

    def delete() -> None:
        objects.clear()
        overwrite()

    assert ends_well(forked(delete))
    assert ends_well(forked(lambda: os.kill(os.getpid(), 9))) is False
    overwrite()
    use_all(objects)


def test_object_made_by_a_child_is_gone_with_it() -> None:
    used = None
    for end in (lambda: None, lambda: os.kill(os.getpid(), 9)):
        for _ in range(3):

            def act(end: Callable[[], None] = end) -> None:
                kept = [make_all(fork) for _ in range(3)]
                end()
                del kept

            ends_well(forked(act))
            if used is None:
                used = _boundary.stats()["used"]
            assert _boundary.stats()["used"] == used


@pytest.mark.parametrize("ctx", ["spawn", "forkserver"], indirect=True)
def test_child_that_never_starts_holds_nothing(ctx: Any) -> None:
    class Local:
        pass

    def fail() -> None:
        objects = make_all(ctx)
        process = ctx.Process(target=use_all, args=(objects, Local()))
        with pytest.raises((AttributeError, pickle.PicklingError)):
            process.start()

    fail()
    used = _boundary.stats()["used"]
    for _ in range(3):
        fail()
    assert _boundary.stats()["used"] == used


# --- what was received is the receiver's own ---

RECEIVED: dict[str, Callable[[], Any]] = {
    "bytearray": lambda: bytearray(100_000),
    "small bytearray": lambda: bytearray(100),
    "array": lambda: array.array("q", bytes(80_000)),
    "list": lambda: [0] * 100,
}


@pytest.mark.parametrize("kind", RECEIVED)
@pytest.mark.parametrize("by", ["Queue", "Pipe"])
def test_writes_to_what_was_received_before_a_fork_do_not_show(kind: str, by: str) -> None:
    if by == "Queue":
        queue = fork.Queue()
        queue.put(RECEIVED[kind]())
        received = queue.get()
    else:
        reader, writer = fork.Pipe(duplex=False)
        writer.send(RECEIVED[kind]())
        received = reader.recv()
    to_child, from_child = Gate(), Gate()

    def child() -> None:
        received[0] = 7
        from_child.open()
        os.read(to_child.reader, 1)
        assert received[0] == 7 and received[1] == 0

    pid = forked(child)
    os.read(from_child.reader, 1)
    assert received[0] == 0
    received[1] = 9
    to_child.open()
    assert ends_well(pid)
    assert received[0] == 0 and received[1] == 9
    to_child.close()
    from_child.close()


def test_writes_to_what_was_sent_do_not_show() -> None:
    queue = fork.Queue()
    sent = bytearray(50_000)
    queue.put(sent)
    sent[0] = 1
    received = queue.get()
    assert received[0] == 0
    received[1] = 2
    assert sent[1] == 0


def test_memory_of_a_value_is_zero_however_often_it_was_used() -> None:
    for _ in range(50):
        memory = fork.RawArray("b", 3000)
        assert not any(memory)
        memory[:] = b"\xff" * 3000
        block = _boundary.Block()
        block._create(3000)
        assert not any(memoryview(block))
        memoryview(block)[:] = b"\xff" * 3000


def test_value_changed_in_a_child_is_changed_here() -> None:
    value, raw = fork.Value("i", 1), fork.RawArray("i", 3)

    def change() -> None:
        with value:
            value.value += 1
        raw[1] = 5

    assert ends_well(forked(change))
    assert value.value == 2 and raw[:] == [0, 5, 0]


def test_many_processes_one_after_the_other() -> None:
    """More than there are slots for processes."""
    lock = fork.Lock()
    start = time.monotonic()
    for _ in range(_boundary.SLOTS // 64 + 1):
        pids = [forked(lambda: lock.acquire(timeout=0) and lock.release()) for _ in range(64)]
        for pid in pids:
            assert os.waitpid(pid, 0)[1] == 0
    assert time.monotonic() - start < 50
