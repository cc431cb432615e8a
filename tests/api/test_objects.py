"""What objects refuse, what they say of themselves, and what gomp adds to them."""

from __future__ import annotations

import gc
import os
import pickle
import queue
import re
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import gomp
import gomp.connection
import gomp.queues


@pytest.mark.parametrize("name", ["Lock", "RLock"])
@pytest.mark.parametrize("word", ["release", "keep", "", None, 1])
def test_what_a_lock_can_do_when_its_owner_dies(name: str, word: Any) -> None:
    with pytest.raises(ValueError, match="on_owner_death must be 'warn' or 'raise'"):
        getattr(gomp, name)(on_owner_death=word)


@pytest.mark.parametrize("name", ["Semaphore", "BoundedSemaphore"])
@pytest.mark.parametrize("word", ["warn", "raise", None])
def test_what_a_semaphore_can_do_when_its_owner_dies(name: str, word: Any) -> None:
    with pytest.raises(ValueError, match="on_owner_death must be 'keep' or 'release'"):
        getattr(gomp, name)(1, on_owner_death=word)


def test_owner_died_survives_a_pickle() -> None:
    e = pickle.loads(pickle.dumps(gomp.OwnerDied(42)))
    assert (type(e), e.pid, str(e)) == (gomp.OwnerDied, 42, "process 42 died while it held the lock")
    assert isinstance(e, OSError)
    assert issubclass(gomp.OwnerDiedWarning, RuntimeWarning)


@pytest.mark.parametrize("make", [gomp.Queue, gomp.JoinableQueue])
def test_a_closed_queue(make: Any) -> None:
    q = make()
    q.put(1)
    q.close()
    q.close()
    q.join_thread()
    for use in (lambda: q.put(2), lambda: q.put_nowait(2), q.get, q.get_nowait, lambda: q.put_many([2])):
        with pytest.raises(ValueError, match=r"Queue <gomp\.queues.* is closed"):
            use()


def test_closing_is_needed_before_joining() -> None:
    q = gomp.Queue()
    q.cancel_join_thread()
    with pytest.raises(AssertionError, match="not closed"):
        q.join_thread()


def test_a_closed_simple_queue() -> None:
    q = gomp.SimpleQueue()
    q.close()
    for use in (lambda: q.put(1), q.get, q.empty):
        with pytest.raises(OSError, match="handle is closed"):
            use()
    assert q._reader.closed
    assert q._writer.closed


def test_ends_of_a_queue_are_connections() -> None:
    q = gomp.Queue()
    assert q._reader is q._reader
    assert isinstance(q._reader, gomp.connection.Connection)
    assert (q._reader.readable, q._reader.writable) == (True, False)
    assert (q._writer.readable, q._writer.writable) == (False, True)
    q._writer.send("by the end")
    assert q._reader.poll(1)
    assert q.get(timeout=1) == "by the end"
    q.put("by the queue")
    assert gomp.connection.wait([q._reader], 1) == [q._reader]
    assert q._reader.recv() == "by the queue"
    with pytest.raises(OSError, match="connection is read-only"):
        q._reader.send(1)
    with pytest.raises(OSError, match="connection is write-only"):
        q._writer.recv()


def test_a_queue_goes_at_once_and_takes_its_descriptors_along() -> None:
    before = len(os.listdir("/proc/self/fd"))
    gc.disable()
    try:
        q = gomp.Queue()
        assert not q._reader.closed
        gone = weakref.ref(q)
        del q
        assert gone() is None
    finally:
        gc.enable()
    assert len(os.listdir("/proc/self/fd")) == before


def test_bounds() -> None:
    q = gomp.Queue(2)
    q.put_many([1, 2])
    assert q.full()
    assert q.qsize() == 2
    with pytest.raises(queue.Full):
        q.put(3, timeout=0.01)
    with pytest.raises(queue.Full):
        q.put_nowait(3)
    assert q.get_many(10) == [1, 2]
    assert q.empty()
    with pytest.raises(queue.Empty):
        q.get_nowait()
    with pytest.raises(queue.Empty):
        q.get(timeout=0.01)


def test_a_bound_in_bytes() -> None:
    q = gomp.Queue(maxbytes=1000)
    q.put(b"x" * 900)
    with pytest.raises(queue.Full):
        q.put(b"x" * 900, timeout=0.01)
    assert q.get() == b"x" * 900


def test_a_strict_queue_raises_what_pickling_raises() -> None:
    q = gomp.Queue(strict=True)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        q.put(lambda: None)
    assert q.empty()


def test_other_queues_report_it(capsys: pytest.CaptureFixture[str]) -> None:
    seen = []

    class Noticing(gomp.queues.Queue):
        def _on_queue_feeder_error(self, e: BaseException, obj: Any) -> None:  # type: ignore[override]
            seen.append((type(e), obj))
            super()._on_queue_feeder_error(e, obj)

    def unpicklable() -> None:
        pass

    q = Noticing(ctx=gomp.get_context())
    q.put(unpicklable)
    q.put("good")
    assert q.get(timeout=1) == "good"
    assert [obj for _, obj in seen] == [unpicklable]
    assert "unpicklable" in capsys.readouterr().err


def test_joining() -> None:
    q = gomp.JoinableQueue()
    with pytest.raises(ValueError, match=r"task_done\(\) called too many times"):
        q.task_done()
    q.put(1)
    q.get()
    q.task_done()
    q.join()


def test_conditions_count_their_sleepers() -> None:
    c = gomp.Condition()
    with c:
        assert not c.wait(0.01)
        assert not c.wait_for(lambda: False, 0.01)
        assert c.wait_for(lambda: 7) == 7
    assert c._sleeping_count.get_value() == c._woken_count.get_value() == c._wait_semaphore.get_value() == 0
    for use in (c.wait, c.notify, c.notify_all):
        with pytest.raises(AssertionError):
            use()


def test_barriers() -> None:
    ran = []
    b = gomp.Barrier(1, lambda: ran.append(1), timeout=1)
    assert b.wait() == 0
    assert (ran, b.parties, b.n_waiting, b.broken) == ([1], 1, 0, False)
    b.abort()
    assert b.broken
    b.reset()
    assert not b.broken


def test_a_barrier_whose_action_fails_is_broken() -> None:
    b = gomp.Barrier(1, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        b.wait()
    assert b.broken


@pytest.mark.parametrize(("make", "args"), [(gomp.Barrier, (0,)), (gomp.Barrier, (-1,)), (gomp.Semaphore, (-1,))])
def test_numbers_out_of_range(make: Any, args: tuple[int]) -> None:
    refusal = ValueError if make is gomp.Barrier else OSError  # as the standard semaphore
    with pytest.raises(refusal, match="must be"):
        make(*args)


def test_closed_connections() -> None:
    a, b = gomp.Pipe()
    a.close()
    a.close()
    assert a.closed
    for use in (lambda: a.send(1), a.recv, lambda: a.send_bytes(b""), a.recv_bytes, a.poll, a.fileno):
        with pytest.raises(OSError, match="handle is closed"):
            use()
    with pytest.raises(EOFError):
        b.recv()
    with pytest.raises(BrokenPipeError):
        b.send(1)


def test_connections_end_with_the_with_statement() -> None:
    a, b = gomp.Pipe(duplex=False)
    with a, b:
        b.send_bytes(b"0123456789", 2, 5)
        assert a.recv_bytes() == b"23456"
    assert a.closed
    assert b.closed


def test_listeners_and_clients_make_gomps_connections() -> None:
    with gomp.connection.Listener() as listener:
        client = gomp.connection.Client(listener.address)
        server = listener.accept()
        assert type(client) is type(server) is gomp.connection.Connection
        client.send({"a": 1})
        assert server.recv() == {"a": 1}
        server.close()
        with pytest.raises(EOFError):
            client.recv()
        client.close()


LIMITS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: gomp.Barrier(0), ValueError, "from 1 to 1073741824, not 0"),
    (lambda: gomp.Barrier(2**31), ValueError, "from 1 to 1073741824, not 2147483648"),
    (lambda: gomp.Semaphore(2**31), OverflowError, "at most 2147483647"),
    (lambda: gomp.Semaphore(-1), OSError, "from 0 to 2147483647"),
    (lambda: gomp.Queue(2**63), OverflowError, "too big"),
    (lambda: gomp.Pool(1025), ValueError, "at most 1024 workers, not 1025"),
]


@pytest.mark.parametrize(("make", "kind", "said"), LIMITS)
def test_what_is_too_much_is_refused(make: Callable[[], Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        make()


def test_queue_may_be_larger_than_the_standard_one() -> None:
    q = gomp.Queue(2**31)
    q.put(1)
    assert q.get(timeout=10) == 1


def test_name_of_a_lock() -> None:
    one, other = gomp.Lock(), gomp.Lock()
    assert re.fullmatch(r"/gomp-[0-9a-f]+-[0-9a-f]+", one._semlock.name)
    assert one._semlock.name != other._semlock.name
