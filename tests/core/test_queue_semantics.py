"""What queues promise: order, bounds, time limits, any size, and errors where they are made."""

from __future__ import annotations

import copyreg
import io
import os
import pathlib
import queue
import threading
import time
from collections.abc import Iterator
from multiprocessing.reduction import ForkingPickler
from typing import Any

import pytest

import gomp
from gomp import _boundary

fork = gomp.get_context("fork")

KINDS = {"Queue": fork.Queue, "JoinableQueue": fork.JoinableQueue}
# Around where a message no longer fits into the ring, and into its block.
SIZES = [0, 1, 7, 8, 9, 500, 2000, 4000, *range(8170, 8200), 8192, 16_384, 65_472, 65_536, 100_000, 1 << 20, 5_000_001]


@pytest.mark.parametrize("kind", KINDS)
def test_first_in_first_out_whatever_the_size(kind: str) -> None:
    q = KINDS[kind]()
    sent = [bytes([i % 256]) * size for i, size in enumerate(SIZES)]
    for data in sent:
        q.put(data)
    for data in sent:
        assert q.get() == data
    assert q.empty()


def test_simple_queue_takes_any_size() -> None:
    q = fork.SimpleQueue()
    for i, size in enumerate(SIZES):  # by turns: like a pipe's, its bytes in flight are bounded
        q.put(bytes([i % 256]) * size)
        assert q.get() == bytes([i % 256]) * size
        q.put("between")
        assert q.get() == "between"
    assert q.empty()


@pytest.mark.timeout(150)
def test_one_gibibyte() -> None:
    size = 1 << 30
    meminfo = pathlib.Path("/proc/meminfo").read_text().splitlines()
    available = int(next(line for line in meminfo if line.startswith("MemAvailable")).split()[1]) << 10
    q = fork.Queue(strict=True)
    if available < 4 * size or _boundary.stats()["cap"] < 2 * size:
        pytest.skip("a message of 1 GiB, sent and received, needs 4 GiB of memory")
    used = _boundary.stats()["used"]
    data = b"abcd" * (size // 4)
    q.put(data)
    del data
    data = q.get()
    assert len(data) == size and data[:5] == b"abcda" and data[-5:] == b"dabcd"
    assert _boundary.stats()["used"] <= used + 4096  # the queue's first ring


def test_put_many_and_get_many() -> None:
    q = fork.Queue()
    q.put_many(range(1000))
    assert q.qsize() == 1000
    assert q.get_many(10) == list(range(10))
    assert q.get_many(1) == [10]
    assert q.get_many(5000) == list(range(11, 1000))
    assert q.empty()
    q.put_many([])
    q.put_many(bytes(size) for size in SIZES)
    got: list[bytes] = []
    while len(got) < len(SIZES):
        got += q.get_many(7)
    assert [len(data) for data in got] == SIZES


def test_get_many_waits_for_one_only() -> None:
    q = fork.Queue()
    with pytest.raises(queue.Empty):
        q.get_many(5, timeout=0.05)
    with pytest.raises(queue.Empty):
        q.get_many(5, False)
    threading.Timer(0.05, q.put, ["late"]).start()
    assert q.get_many(5, timeout=5) == ["late"]


def test_put_many_waits_for_room() -> None:
    q = fork.Queue(3)
    with pytest.raises(queue.Full):
        q.put_many(range(10), timeout=0.05)
    assert q.qsize() == 3 and q.full()
    assert q.get_many(10) == [0, 1, 2]
    producer = threading.Thread(target=q.put_many, args=(range(100),))
    producer.start()
    assert [q.get(timeout=5) for _ in range(100)] == list(range(100))
    producer.join()


def test_put_many_of_an_iterable_that_fails() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("as planned")

    q = fork.Queue()
    with pytest.raises(LookupError, match="as planned"):
        q.put_many(items())
    with pytest.raises(TypeError):
        q.put_many(5)
    q.put("on")
    assert q.get_many(5)[-1] == "on"


def test_bounds() -> None:
    q = fork.Queue(2)
    q.put(1)
    q.put(2)
    assert q.full() and q.qsize() == 2
    for put in (lambda: q.put(3, False), lambda: q.put_nowait(3), lambda: q.put(3, timeout=0.05)):
        with pytest.raises(queue.Full):
            put()
    assert q.get() == 1 and not q.full()
    q.put(3, False)
    assert [q.get(), q.get()] == [2, 3]


def test_bound_of_bytes() -> None:
    q = fork.Queue(maxbytes=10_000)
    q.put(bytes(50_000))  # alone, it may be larger
    with pytest.raises(queue.Full):
        q.put(1, timeout=0.02)
    q.get()
    for _ in range(4):
        q.put(bytes(2000), False)
    with pytest.raises(queue.Full):
        q.put(bytes(4000), False)
    assert q.get_many(10) == [bytes(2000)] * 4


def test_time_limits() -> None:
    q = fork.Queue()
    for timeout in (0.05, 0.2):
        start = time.monotonic()
        with pytest.raises(queue.Empty):
            q.get(timeout=timeout)
        assert timeout <= time.monotonic() - start < timeout + 2
    start = time.monotonic()
    for get in (lambda: q.get(False), q.get_nowait, lambda: q.get(timeout=0), lambda: q.get(True, -1)):
        with pytest.raises(queue.Empty):
            get()
    assert time.monotonic() - start < 1


def test_tasks() -> None:
    q = fork.JoinableQueue()
    q.join()
    q.put_many(range(3))
    assert not q.join_tasks(0.02)
    for _ in range(3):
        q.get()
        q.task_done()
    q.join()
    with pytest.raises(ValueError, match="task_done"):
        q.task_done()


def test_closed() -> None:
    for make in (fork.Queue, fork.JoinableQueue):
        q = make()
        q.put(1)
        q.close()
        q.close()
        for use in (lambda q=q: q.put(1), q.get, lambda q=q: q.put_many([1]), lambda q=q: q.get_many(1)):
            with pytest.raises(ValueError, match="closed"):
                use()
        q.join_thread()
    simple = fork.SimpleQueue()
    simple.close()
    for use in (lambda: simple.put(1), simple.get):
        with pytest.raises(OSError, match="closed"):
            use()


def test_what_a_process_has_put_outlives_it() -> None:
    q = fork.Queue()
    process = fork.Process(target=q.put_many, args=(range(1000),))
    process.start()
    process.join(10)  # without having drained the queue
    assert process.exitcode == 0
    assert q.qsize() == 1000
    assert q.get_many(1000) == list(range(1000))


# --- pickling ---


class Unpicklable:
    def __reduce__(self) -> Any:
        raise RuntimeError("not this one")


class Poisonous:
    """It can be pickled, and not unpickled."""

    def __reduce__(self) -> Any:
        return int, ("poison",)


def test_what_cannot_be_pickled_is_reported_in_put(capsys: pytest.CaptureFixture[str]) -> None:
    q = fork.Queue()
    q.put(Unpicklable())
    assert "RuntimeError: not this one" in capsys.readouterr().err
    q.put_many([1, Unpicklable(), 2])
    assert "RuntimeError: not this one" in capsys.readouterr().err
    assert q.get_many(10) == [1, 2]


def test_hook_gets_the_error_and_the_object() -> None:
    seen = []

    class Hooked(gomp.queues.Queue):  # type: ignore[misc]
        @staticmethod
        def _on_queue_feeder_error(e: BaseException, obj: Any) -> None:
            seen.append((type(e), str(e), e.__traceback__ is not None, obj))

    q, bad = Hooked(ctx=fork), Unpicklable()
    q.put(bad)
    assert seen == [(RuntimeError, "not this one", True, bad)]
    q.put(lambda: None)
    assert len(seen) == 2
    q.put("fine")
    assert q.get() == "fine" and q.empty()


def test_hook_that_fails_itself() -> None:
    class Hooked(gomp.queues.Queue):  # type: ignore[misc]
        @staticmethod
        def _on_queue_feeder_error(e: BaseException, obj: Any) -> None:
            raise KeyError("the hook")

    q = Hooked(ctx=fork)
    with pytest.raises(KeyError, match="the hook"):
        q.put(Unpicklable())
    q.put("fine")
    assert q.get() == "fine"


def test_strict_queue_raises() -> None:
    for make in (lambda: fork.Queue(strict=True), lambda: fork.JoinableQueue(strict=True), fork.SimpleQueue):
        q = make()
        with pytest.raises(RuntimeError, match="not this one"):
            q.put(Unpicklable())
        q.put("fine")
        assert q.get() == "fine" and q.empty()
    q = fork.Queue(strict=True)
    with pytest.raises(RuntimeError, match="not this one"):
        q.put_many([1, Unpicklable(), 2])


@pytest.mark.parametrize("size", [10, 50_000])
def test_keyboard_interrupt_in_pickling_is_raised(size: int) -> None:
    class Interrupts:
        def __reduce__(self) -> Any:
            raise KeyboardInterrupt

    q = fork.Queue()
    used = _boundary.stats()["used"]
    with pytest.raises(KeyboardInterrupt):
        q.put([bytes(size), Interrupts()])
    assert q.empty() and _boundary.stats()["used"] == used


def test_what_cannot_be_unpickled_is_taken_and_raised() -> None:
    q = fork.Queue()
    q.put(Poisonous())
    q.put("fine")
    with pytest.raises(ValueError, match="poison"):
        q.get()
    assert q.get() == "fine"
    q.put_many([1, Poisonous(), 2, bytes(20_000)])
    with pytest.raises(ValueError, match="poison") as raised:
        q.get_many(10)
    assert raised.value.messages == [1, 2, bytes(20_000)]  # type: ignore[attr-defined]
    assert q.empty()


class Talkative:
    """Its pickling puts something into a queue."""

    target: Any = None

    def __init__(self, depth: int, size: int) -> None:
        self.depth, self.size = depth, size

    def __reduce__(self) -> Any:
        if self.depth:
            self.target.put(Talkative(self.depth - 1, self.size))
            self.target.get()
        return Talkative, (self.depth, self.size), {"data": bytes(self.size)}


@pytest.mark.parametrize("size", [10, 30_000])
def test_pickling_may_put(size: int) -> None:
    q = fork.Queue()
    Talkative.target = fork.Queue(strict=True)
    for _ in range(3):
        q.put([Talkative(3, size), "after"])
        got, after = q.get()
        assert got.depth == 3 and got.data == bytes(size) and after == "after"
    assert Talkative.target.empty()


def test_pickler_remembers_nothing() -> None:
    q = fork.Queue()
    shared = ["x"]
    q.put([shared, shared])
    q.put(shared)
    both = q.get()
    assert both[0] is both[1]
    assert q.get() == ["x"]
    shared.append("y")
    q.put(shared)
    assert q.get() == ["x", "y"]


class Plain:
    def __init__(self, how: str) -> None:
        self.how = how


def by_forking_pickler(obj: Plain) -> Any:
    return Plain, ("ForkingPickler",)


def by_copyreg(obj: Plain) -> Any:
    return Plain, ("copyreg",)


def test_registrations_count_from_the_moment_they_are_made() -> None:
    q = fork.Queue()

    def way() -> str:
        q.put(Plain("by itself"))
        return str(q.get().how)

    try:
        assert way() == "by itself"
        copyreg.pickle(Plain, by_copyreg)  # type: ignore[arg-type]
        assert way() == "copyreg"
        ForkingPickler.register(Plain, by_forking_pickler)
        assert way() == "ForkingPickler"
        del ForkingPickler._extra_reducers[Plain]  # type: ignore[attr-defined]
        assert way() == "copyreg"
        del copyreg.dispatch_table[Plain]
        assert way() == "by itself"
    finally:
        ForkingPickler._extra_reducers.pop(Plain, None)  # type: ignore[attr-defined]
        copyreg.dispatch_table.pop(Plain, None)


def test_open_files_are_refused_as_by_pickle() -> None:
    q = fork.Queue(strict=True)
    with open(os.devnull) as file, pytest.raises(TypeError):
        q.put(file)
    q.put(io.BytesIO(b"x"))
    assert q.get().getvalue() == b"x"


# --- several at once ---


@pytest.mark.parametrize("maxsize", [0, 2])
def test_threads_share_a_queue(maxsize: int) -> None:
    q = fork.Queue(maxsize)
    per_thread, threads = 500, 4
    got: list[list[tuple[int, int, bytes]]] = [[] for _ in range(threads)]

    def put(number: int) -> None:
        for i in range(per_thread):
            q.put((number, i, bytes(SIZES[i % 20])))

    def get(mine: list[tuple[int, int, bytes]]) -> None:
        while (item := q.get(timeout=20)) is not None:
            mine.append(item)

    producers = [threading.Thread(target=put, args=(n,)) for n in range(threads)]
    consumers = [threading.Thread(target=get, args=(mine,)) for mine in got]
    for thread in producers + consumers:
        thread.start()
    for thread in producers:
        thread.join()
    for _ in consumers:
        q.put(None)
    for thread in consumers:
        thread.join()
    sent = [(n, i) for n in range(threads) for i in range(per_thread)]
    assert sorted(item[:2] for mine in got for item in mine) == sent
    for mine in got:
        for n in range(threads):
            order = [i for number, i, _ in mine if number == n]
            assert order == sorted(order)


def send_on(source: Any, target: Any, count: int) -> None:
    for _ in range(count):
        target.put(source.get(timeout=20))


def test_processes_of_every_kind_share_a_queue(ctx: Any) -> None:
    source, target = ctx.Queue(5), ctx.Queue()
    workers = [ctx.Process(target=send_on, args=(source, target, 50)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for i in range(150):
        source.put((i, bytes(SIZES[i % 20])))
    got = [target.get(timeout=20) for _ in range(150)]
    for worker in workers:
        worker.join(20)
        assert worker.exitcode == 0
    assert sorted(i for i, _ in got) == list(range(150))
    assert all(data == bytes(SIZES[i % 20]) for i, data in got)


def test_size_is_true_at_once() -> None:
    q = fork.Queue()
    for i in range(100):
        assert q.qsize() == i and q.empty() == (i == 0)
        q.put(i)
    for i in range(100, 0, -1):
        assert q.qsize() == i and not q.empty()
        q.get()
    assert q.empty() and q.qsize() == 0
