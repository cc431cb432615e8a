"""Queues of MessagePack, which Python and kernels both use, and values that they share."""

from __future__ import annotations

import contextlib
import datetime
import gc
import pathlib
import queue
import select
import signal
import subprocess
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import gomp
from gomp import _boundary, arrays, kernel

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("packs") / "handles.pack"
    stamp = f"-X github.com/gomp-project/gomp/gomp/kernel.version={_boundary.VERSION}"
    build = ["go", "build", "-tags", "codec.notmono,codec.notfastpath", "-ldflags", stamp, "-o", str(path)]
    done = subprocess.run(
        [*build, "./tests/kernels/handles"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    pack = kernel.load(path)
    q = packed()
    pack["slow"](q, 0.0)  # its process for direct calls stays
    return pack


@pytest.fixture
def pool() -> Iterator[Any]:
    with gomp.Pool(2) as pool:
        yield pool


@pytest.fixture
def as_before() -> Iterator[None]:
    """Fail a test after which more of the family's memory is in use than before."""
    before = used()
    yield
    end = time.monotonic() + 5
    while used() > before and time.monotonic() < end:
        time.sleep(0.02)
    assert used() <= before


def used() -> int:
    gc.collect()
    return int(_boundary.stats()["used"])


def packed(maxsize: int = 0) -> Any:
    return gomp.Queue(maxsize, codec="msgpack")


LARGE = np.arange(100_000.0)
NOON = datetime.datetime(2024, 5, 6, 12, tzinfo=datetime.UTC)
SAME = [
    None,
    True,
    0,
    -(2**63),
    2**64 - 1,
    1.5,
    "text",
    b"bytes",
    [1, [2]],
    {"a": {"b": 1}, 2: 3},
    NOON,
    "x" * 100_000,
    {(1, (2, 3)): 4},
]


@pytest.mark.parametrize("value", SAME, ids=lambda value: repr(value)[:20])
def test_a_queue_of_messagepack_passes(value: Any) -> None:
    q = packed()
    q.put(value)
    assert q.get() == value


def test_what_arrives_as_something_else() -> None:
    q = packed()
    q.put_many([(1, 2), np.float32(1.5), bytearray(b"x"), datetime.datetime(2024, 5, 6)])
    assert q.get_many(3) == [[1, 2], 1.5, b"x"]
    assert q.get() == datetime.datetime(2024, 5, 6).astimezone()


@pytest.mark.parametrize(
    "array", [LARGE, LARGE[:6].reshape(2, 3), LARGE[::2], np.arange(5, dtype=np.int8), np.array([1j])]
)
def test_arrays_beside_it(array: Any) -> None:
    q = packed()
    q.put({"here": [array]})
    (found,) = q.get()["here"]
    assert found.dtype == array.dtype and np.array_equal(found, array)


def test_an_array_that_all_processes_share_is_not_copied() -> None:
    q, shared = packed(), arrays.zeros(1000)
    q.put(shared[10:20])
    q.get()[0] = 7
    assert shared[10] == 7


class Own:
    pass


@pytest.mark.parametrize("value", [{1, 2}, 2**64, Own(), [1, Own()], np.array([object()]), 1j, "\udc80"], ids=repr)
def test_what_messagepack_cannot_hold_is_named(value: Any) -> None:
    q = packed()
    with pytest.raises(TypeError, match="cannot hold"):
        q.put(value)
    with pytest.raises(TypeError, match="cannot hold"):
        q.put_many([1, value])
    assert q.qsize() == 1


def test_a_circle_cannot_be_held() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(TypeError, match="cannot hold"):
        packed().put(circle)


def test_what_else_a_queue_is() -> None:
    q = gomp.JoinableQueue(1, codec="msgpack")
    q.put(1)
    assert q.full() and q.qsize() == 1
    with pytest.raises(queue.Full):
        q.put(2, timeout=0.01)
    assert q.get() == 1 and q.empty()
    with pytest.raises(queue.Empty):
        q.get(timeout=0.01)
    q.task_done()
    q.join()
    q.close()
    q.join_thread()
    with pytest.raises(ValueError, match="closed"):
        q.put(1)


@pytest.mark.parametrize("make", [gomp.Queue, gomp.JoinableQueue, gomp.get_context("spawn").Queue])
def test_another_codec_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match="'json'"):
        make(codec="json")


def echo(a: Any, b: Any) -> None:
    b.put(a.get())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_it_travels_to_children(method: str) -> None:
    ctx = gomp.get_context(method)
    a, b = ctx.Queue(codec="msgpack"), ctx.Queue(codec="msgpack")
    child = ctx.Process(target=echo, args=(a, b))
    child.start()
    a.put((1, 2))
    assert b.get(timeout=30) == [1, 2]
    child.join()


# ---- kernels


def test_python_go_python(pack: Any, as_before: None) -> None:
    a, b = packed(2), packed(2)
    child = gomp.Process(target=pack["pipe"], args=(a, b))
    child.start()
    for i in range(100):
        a.put({"number": i, "text": "x" * (i * 200)})
        assert b.get(timeout=10) == {"number": i, "text": "x" * (i * 200)}
    a.put(None)
    assert b.get(timeout=10) is None
    child.join()
    assert child.exitcode == 0


@pytest.mark.parametrize("size", [5, 100_000])
def test_arrays_through_a_kernel(pack: Any, size: int, as_before: None) -> None:
    a, b = packed(), packed()
    a.put({"name": "n", "image": LARGE[:size]})
    pack["scale"](a, b, 2.0)
    found = b.get()
    assert found["name"] == "n" and np.array_equal(found["image"], 2 * LARGE[:size])
    del found


def test_a_kernel_that_does_not_wait(pack: Any) -> None:
    assert pack["try"](gomp.JoinableQueue(1, codec="msgpack")) == [
        "<nil> 1",
        "the queue is full 1",
        "<nil> <nil>",
        "the queue is empty TaskDone was called too many times",
        "the handle is closed the handle is closed the handle is closed",
    ]


def test_a_kernel_that_waits_for_a_while(pack: Any) -> None:
    began = time.monotonic()
    assert pack["patiently"](packed(), 0.1) == "empty"
    assert time.monotonic() - began >= 0.1


def test_a_kernel_waits_for_room(pack: Any, pool: Any) -> None:
    q = packed(2)
    filling = pool.apply_async(pack["fill"], (q, 50))
    time.sleep(0.1)
    assert q.qsize() == 2 and not filling.ready()
    assert [q.get(), q.get()] == [0, 1]
    assert [q.get(timeout=10) for _ in range(48)] == list(range(2, 50))
    filling.get(10)


def test_a_kernel_that_waits_is_cancelled(pack: Any, as_before: None) -> None:
    with gomp.Pool(1) as pool:
        q = packed()
        with pytest.raises(gomp.TaskTimeout):
            pool.apply_async(pack["get_float"], (q,), timeout=0.1).get(10)
        waiting = pool.apply_async(pack["get_float"], (q,))
        time.sleep(0.1)
        assert waiting.cancel()
        assert pool.apply(pack["slow"], (packed(), 0.0)) == 0  # the one worker has got rid of the other task
        q.put(1.5)
        assert q.get(timeout=10) == 1.5
    del pool, waiting


def test_a_message_that_does_not_fit(pack: Any) -> None:
    q = packed()
    q.put("text")
    with pytest.raises(gomp.KernelError, match="a message that is no float64"):
        pack["get_float"](q)


def test_who_selects_is_told(pack: Any, pool: Any) -> None:
    q = packed()
    poller = select.poll()
    poller.register(q._reader.fileno(), select.POLLIN)
    assert not poller.poll(0)
    pool.apply(pack["fill"], (q, 2))
    assert poller.poll(0) and q.get() == 0
    pool.apply(pack["get_float"], (q,))
    assert not poller.poll(0)


def test_a_process_of_a_kernel_says_why_it_failed(pack: Any, capfd: Any) -> None:
    q = packed()
    q.put("text")
    child = gomp.Process(target=pack["get_float"], args=(q,))
    child.start()
    child.join()
    assert child.exitcode == 1
    assert "get_float: a message that is no float64" in capfd.readouterr().err


def test_a_handle_ends_with_its_call(pack: Any, capfd: Any) -> None:
    child = gomp.Process(target=pack["left"], args=(packed(),))
    child.start()
    child.join()
    assert "the handle is closed" in capfd.readouterr().err


@pytest.mark.parametrize(
    "wrong", [gomp.Queue(), gomp.Lock(), 3, None, gomp.Value("i")], ids=["pickle", "lock", "int", "None", "value"]
)
def test_what_is_no_such_queue(pack: Any, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r'parameter arg0 \(\*kernel.Queue\): a Queue\(codec="msgpack"\) is needed'):
        pack["get_float"](wrong)


def test_handles_are_not_sent_back(pack: Any) -> None:
    assert "cannot hold a handle" in pack["wrong"](packed(), gomp.Value("d"))
    with pytest.raises(TypeError, match="cannot hold"):
        packed().put(packed())


# ---- what keeps an object


def test_a_queue_that_python_has_dropped(pack: Any, as_before: None) -> None:
    with gomp.Pool(2) as pool:
        q = packed()
        q.put_many(["x" * 100_000] * 3)
        waiting = [pool.apply_async(pack["slow"], (q, 0.1)) for _ in range(6)]
        del q
        gc.collect()
        assert [w.get(10) for w in waiting] == [3] * 6
    del waiting, pool


def test_a_queue_whose_task_is_never_run(pack: Any, as_before: None) -> None:
    with gomp.Pool(1) as pool:
        first = pool.apply_async(pack["patiently"], (packed(), 30.0))
        for _ in range(10):
            pool.apply_async(pack["slow"], (packed(), 30.0))
        pool.terminate()
    del first, pool


def test_a_queue_whose_kernel_is_killed(pack: Any, as_before: None) -> None:
    q = packed()
    for _ in range(5):
        child = gomp.Process(target=pack["get_float"], args=(q,))
        child.start()
        time.sleep(0.05)
        child.kill()
        child.join()
        assert child.exitcode == -signal.SIGKILL
    q.put(1.5)  # nobody is waited for who is dead
    assert q.get(timeout=10) == 1.5
    del child, q


def test_kernels_that_are_killed_while_they_put(pack: Any, as_before: None) -> None:
    q = packed(3)
    for _ in range(10):
        child = gomp.Process(target=pack["fill"], args=(q, 1_000_000))
        child.start()
        assert [q.get(timeout=10) for _ in range(20)] == list(range(20))
        child.kill()
        child.join()
        with contextlib.suppress(queue.Empty):
            for i in range(20, 30):
                assert q.get_nowait() == i
        assert q.empty()
    del child, q


def test_the_memory_of_a_value_that_python_has_dropped(pack: Any, pool: Any) -> None:
    value = gomp.Array("d", [1.0] * 10)
    with gomp.Pool(1) as one:
        busy = one.apply_async(pack["patiently"], (packed(), 0.3))
        total = one.apply_async(pack["sum_of"], (value,))
        del value
        gc.collect()
        others = [gomp.Array("d", 10) for _ in range(20)]
        busy.get(10)
        assert total.get(10) == 10.0
    del others


# ---- values


def test_additions_under_the_lock(pack: Any, pool: Any) -> None:
    value = gomp.Value("i", 0)
    adding = [pool.apply_async(pack["add"], (value, 500)) for _ in range(4)]
    for _ in range(500):
        with value.get_lock():
            value.value += 1
    for a in adding:
        a.get(30)
    assert value.value == 2500


@pytest.mark.parametrize("lock", [False, True, None])
def test_arrays_of_numbers(pack: Any, lock: Any) -> None:
    array = gomp.Array("d", range(10), lock=gomp.Lock() if lock is None else lock)
    assert pack["sum_of"](array) == 45
    assert pack["sum_of"](gomp.Value("d", 2.5, lock=lock is not False)) == 2.5


def test_mistakes_with_values(pack: Any) -> None:
    assert pack["mistakes"](gomp.Array("d", 3)) == [
        "elements of float64, not of float32",
        "index 3 of 3 elements",
        "index -1 of 3 elements",
        "the lock is not held",
        "<nil>",
    ]
    with pytest.raises(gomp.KernelError, match="no lock"):
        pack["add"](gomp.RawValue("i"), 1)
    with pytest.raises(gomp.KernelError, match="elements of float64, not of int32"):
        pack["add"](gomp.Value("d"), 1)


class Point(gomp.sharedctypes.ctypes.Structure):
    _fields_ = (("x", gomp.sharedctypes.ctypes.c_double),)


@pytest.mark.parametrize(
    "wrong", [3, gomp.Value(Point), gomp.Value("i", lock=gomp.Semaphore()), np.zeros(3), None], ids=str
)
def test_what_is_no_such_value(pack: Any, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"parameter arg0 \(\*kernel.Value\)"):
        pack["sum_of"](wrong)


def test_a_kernel_that_returns_with_the_lock(pack: Any) -> None:
    value = gomp.Value("i")
    pack["forget"](value)
    assert value.get_lock().acquire(timeout=10)


def test_a_kernel_that_dies_with_the_lock(pack: Any) -> None:
    value = gomp.Value("i")
    child = gomp.Process(target=pack["die"], args=(value,))
    child.start()
    child.join()
    assert child.exitcode == 9
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert value.get_lock().acquire(timeout=10)
    assert [w.category for w in said] == [gomp.OwnerDiedWarning]
    assert str(child.pid) in str(said[0].message)
