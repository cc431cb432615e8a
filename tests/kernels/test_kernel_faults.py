"""Kernels that go wrong: the call says what happened, and the pool goes on."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any

import msgpack
import numpy as np
import pytest

import gomp
from gomp import _packing, arrays

SOAK = float(os.environ.get("GOMP_TEST_SOAK", "20"))

pytestmark = pytest.mark.timeout(90)


def goes_on(pool: Any, pack: Any) -> None:
    """The pool completes 1,000 tasks."""
    assert pool.map(pack.int64, range(1000), 1) == list(range(1000))


@pytest.mark.parametrize(
    ("name", "args", "failure", "text"),
    [
        ("panic", (1,), gomp.KernelError, "assignment to entry in nil map"),
        ("panic_aside", (1,), gomp.WorkerLost, "exit code 2"),
        ("goexit", (1,), gomp.KernelError, "runtime.Goexit"),
        ("exit", (3,), gomp.WorkerLost, "exit code 3"),
        ("recurse", (1,), gomp.WorkerLost, "exit code 2"),
    ],
)
def test_kernels_that_die(pack: Any, pool: Any, capfd: Any, name: str, args: Any, failure: Any, text: str) -> None:
    with pytest.raises(failure, match=text):
        pool.apply(pack[name], args)
    goes_on(pool, pack)
    child = gomp.get_context("fork").Process(target=called_directly, args=(pack, name, args, failure, text))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    capfd.readouterr()  # what Go's runtime says of it


def called_directly(pack: Any, name: str, args: Any, failure: Any, text: str) -> None:
    with pytest.raises(failure, match=text):
        pack[name](*args)
    assert pack.square(2) == 4


def test_panics_have_their_stack(pack: Any) -> None:
    with pytest.raises(gomp.KernelError) as caught:
        pack.panic(1)
    assert "main.go" in caught.value.stack
    assert caught.value.kernel == "panic"


def test_loop_without_end(pack: Any, pool: Any) -> None:
    before = time.monotonic()
    with pytest.raises(gomp.TaskTimeout, match="forever"):
        pool.apply(pack.forever, timeout=0.2)
    assert time.monotonic() - before < 5
    goes_on(pool, pack)


def test_kernels_that_heed_their_context_keep_their_process(pack: Any, pool: Any) -> None:
    """Also if each is doomed while the steward still has an eye on the one before."""
    pid = pool.apply(pack.pid)
    results = [pool.apply_async(pack.sleep, (60,), timeout=0.04) for _ in range(20)]
    for result in results:
        with pytest.raises(gomp.TaskTimeout):
            result.get(20)
    assert pool.apply(pack.pid) == pid
    stats = pool.stats()["kernels"][pack.path]
    assert stats["retried"] == stats["lost"] == 0
    goes_on(pool, pack)


def test_innocent_tasks_run_again(pack: Any, tmp_path: pathlib.Path) -> None:
    """The process is killed for the task that does not end; what else it held is run again, and answered once."""
    path = tmp_path / "notes"
    with gomp.get_context("fork").Pool(3) as pool:
        notes = pool.starmap_async(pack.note, [(str(path), x, 0.3) for x in range(12)], 1)
        endless = [pool.apply_async(pack.forever, timeout=0.2) for _ in range(3)]
        assert notes.get(60) == list(range(12))
        for result in endless:
            with pytest.raises(gomp.TaskTimeout):
                result.get(20)
        assert pool.stats()["kernels"][pack.path]["lost"] == 0
        goes_on(pool, pack)
    assert set(path.read_text().split()) == {str(x) for x in range(12)}


def test_neighbours_that_are_killed_again_and_again(pack: Any, pool: Any) -> None:
    """A task that runs again is not kept from its end by those who come after it."""
    pool.apply(pack.pid)
    nap = pool.apply_async(pack.nap, (1.0,))
    endless = [pool.apply_async(pack.forever, timeout=0.1) for _ in range(12)]
    assert nap.get(5) == 1.0
    assert pool.stats()["kernels"][pack.path]["retried"] < 6
    for result in endless:
        with pytest.raises(gomp.TaskTimeout):
            result.get(20)
    goes_on(pool, pack)


def test_element_wise_kernels_are_stopped(pack: Any, pool: Any) -> None:
    pid = pool.apply(pack.pid)
    with pytest.raises(gomp.TaskTimeout):
        pool.map(pack.slow_square, [1.5] * 1_000_000, 1_000_000, timeout=0.1)
    with pytest.raises(gomp.TaskTimeout):
        pool.map_array(pack.slow_square, np.ones(1_000_000), timeout=0.1)
    assert pool.apply(pack.pid) == pid
    assert pool.map(pack.slow_square, [1.5] * 2000) == [2.25] * 2000


def test_cancel_among_many(pool: Any, pack: Any) -> None:
    """Those of other jobs stay in the queue, and in order."""
    busy = [pool.apply_async(pack.nap, (0.3,)) for _ in range(2)]
    jobs = [pool.map_async(pack.int64, range(3000), 1) for _ in range(3)]
    assert jobs[1].cancel()
    assert jobs[0].get(30) == jobs[2].get(30) == list(range(3000))
    with pytest.raises(concurrent.futures.CancelledError):
        jobs[1].get(30)
    assert [result.get(30) for result in busy] == [0.3, 0.3]


def test_family_memory_is_not_passed_on(pack: Any, pool: Any) -> None:
    """What a kernel starts could keep it for ever."""
    files = pathlib.Path(f"/proc/{pool.apply(pack.pid)}/fd")
    assert not [link for link in (os.readlink(file) for file in files.iterdir()) if "memfd" in link]


def test_cancel(pack: Any, pool: Any) -> None:
    pid = pool.apply(pack.pid)
    heeds = pool.map_async(pack.sleep, [60] * 6, 1)
    time.sleep(0.1)
    assert heeds.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        heeds.get(10)
    assert pool.apply(pack.pid) == pid
    beside = pool.apply_async(pack.nap, (0.5,))
    endless = pool.apply_async(pack.forever)
    time.sleep(0.1)
    assert endless.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        endless.get(10)
    assert beside.get(10) == 0.5
    assert pool.apply(pack.pid) != pid
    assert not endless.cancel()
    goes_on(pool, pack)


def test_retries(pack: Any, pool: Any) -> None:
    with pytest.raises(gomp.WorkerLost, match="exit code 3"):
        pool.apply(pack.exit, (3,), retries=2)
    assert pool.stats()["kernels"][pack.path]["retried"] == 2
    killed = pool.apply_async(pack.nap, (0.4,), retries=1)
    time.sleep(0.1)
    os.kill(pool.apply(pack.pid), 9)
    assert killed.get(10) == 0.4


def test_killed_at_random(pack: Any) -> None:
    """Each task is answered once, or was lost with its process; with retries none is."""
    end, enough, kills = time.monotonic() + SOAK, threading.Event(), 0
    with gomp.get_context("fork").Pool(3) as pool:
        pool.apply(pack.pid)
        crew = pool._natives[pack]._crew

        def kill() -> None:
            nonlocal kills
            while not enough.wait(random.uniform(0.02, 0.2)):
                with crew.lock:
                    for w in crew.workers:
                        if w.exitcode is None:
                            w.kill()
                            kills += 1

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            while time.monotonic() < end:
                retries = random.choice([0, 1000])
                big = np.arange(random.choice([10, 20_000]), dtype=float)
                results = pool.imap_unordered(pack.int64, range(2000), 20, retries=retries)
                arrays = [pool.apply_async(pack.array_float64, (big,), retries=retries) for _ in range(20)]
                seen: Counter[int] = Counter()
                lost = 0
                while True:
                    try:
                        seen[next(results)] += 1
                    except StopIteration:
                        break
                    except gomp.WorkerLost:
                        lost += 20
                assert set(seen.values()) <= {1}
                assert len(seen) + lost == 2000
                assert not (lost and retries)
                for result in arrays:
                    try:
                        assert np.array_equal(result.get(20), big)
                    except gomp.WorkerLost:
                        assert not retries
        finally:
            enough.set()
            killer.join()
        goes_on(pool, pack)
    assert kills > SOAK


SMALL = """
import sys
import gomp
import numpy as np
from gomp import kernel
pack = kernel.load(sys.argv[1])
with gomp.get_context("fork").Pool(2) as pool:
    for call in (
        lambda: pack.large(512),
        lambda: pool.apply(pack.large, (512,)),
        lambda: pack.repeat("x" * 1024, 300_000),
        lambda: pack.array_uint8(np.zeros(200 << 20, "uint8")),
    ):
        try:
            call()
        except MemoryError as e:
            assert "GOMP_MEMORY" in str(e), e
        else:
            raise AssertionError
    assert len(pack.large(16)) == 16 << 20
    assert pool.map(pack.int64, range(1000), 1) == list(range(1000))
print("ok")
"""


def test_no_memory(pack: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SMALL, pack.path],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "GOMP_MEMORY": "128M"},
    )
    assert (done.stdout, done.stderr) == ("ok\n", "")


# ---- messages that gomp does not make


def send(pool: Any, pack: Any, data: bytes, *parts: Any) -> Any:
    """The answer to a message that is made by hand."""
    native = pool._native(pack.square)
    status, value = native._core._call((1, data, *parts))
    return _packing.unpack(value) if status == gomp.pool.RETURNED else _packing.failure(value)


def array(part: int, inline: bytes, offset: int, shape: Any, strides: Any, element: str = "float64") -> msgpack.ExtType:
    return msgpack.ExtType(1, msgpack.packb([element, part, inline, offset, shape, strides, False]))


def test_malformed_messages(pack: Any, pool: Any) -> None:
    rng = random.Random(1)
    good = msgpack.packb(["array_float64", 0, [array(-1, bytes(80), 0, [10], [8])]])
    assert len(send(pool, pack, good)) == 10
    wrong = [
        b"",
        b"\xc1",
        b"\x93",
        good[:-1],
        msgpack.packb([]),
        msgpack.packb(None),
        msgpack.packb({}),
        b"\xdd\xff\xff\xff\xff",
    ]
    wrong += [msgpack.packb(["nobody", 0, []]), msgpack.packb(["square", 9, []]), msgpack.packb(["square", 0, []])]
    wrong += [
        msgpack.packb(["square", 0, ["x"]]),
        msgpack.packb(["square", 2, [1.0]]),
        msgpack.packb(["square", 3, []]),
    ]
    wrong += [msgpack.packb(["add", 2, [array(-1, b"", 0, [0], [8])]]), msgpack.packb(["string", 1, [3]])]
    wrong += [msgpack.packb(["points", 0, [[[[[[[]]]]]]]]), b"\x93\xa6square\x00\x91" + b"\x91" * 1000]
    for data in wrong:
        assert isinstance(send(pool, pack, data), (TypeError, gomp.KernelError)), data
    for _ in range(300):
        data = bytearray(good)
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        send(pool, pack, bytes(data))
    goes_on(pool, pack)


@pytest.mark.parametrize(
    "bad",
    [
        array(-1, bytes(80), 0, [11], [8]),
        array(-1, bytes(80), 8, [10], [8]),
        array(-1, bytes(80), -8, [1], [8]),
        array(-1, bytes(80), 0, [10], [4]),
        array(-1, bytes(80), 0, [10], [-8]),
        array(-1, bytes(80), 0, [-10], [8]),
        array(-1, bytes(80), 0, [10, 1], [8]),
        array(-1, bytes(80), 0, [1 << 62, 4], [8, 8]),
        array(-1, bytes(80), 0, [1 << 40], [0]),
        array(-1, bytes(80), 0, [0, 1 << 62], [8, 8]),
        array(-1, bytes(80), 0, [2, 2], [1 << 62, 1 << 62]),
        array(-1, bytes(80), 0, [1] * 65, [8] * 65),
        array(-1, bytes(80), 0, [10], [8], "float16"),
        array(-1, bytes(80), 0, [10], [8], "int64"),
        array(0, b"", 0, [10], [8]),
        array(1 << 40, b"", 0, [10], [8]),
    ],
)
def test_arrays_that_do_not_agree(pack: Any, pool: Any, bad: Any) -> None:
    for name, mode in (("array_float64", 0), ("floats", 0), ("rows", 0), ("square", 2)):
        assert isinstance(send(pool, pack, msgpack.packb([name, mode, [bad]])), TypeError)
    into = msgpack.packb(["square", 3, [array(-1, bytes(80), 0, [10], [8]), bad]])
    assert isinstance(send(pool, pack, into), TypeError)
    assert pool.map(pack.square, [1.0, 2.0]) == [1.0, 4.0]


def test_parts_that_are_not_there(pack: Any, pool: Any) -> None:
    part = arrays.zeros(10)
    for n, parts in ((1, [part]), (2, [part, bytes(80)]), (0, [bytes(72)])):
        data = msgpack.packb(["array_float64", 0, [array(n, b"", 0, [10], [8])]])
        assert isinstance(send(pool, pack, data, *parts), TypeError)
    data = msgpack.packb(["array_float64", 0, [array(1, b"", 0, [10], [8])]])
    assert send(pool, pack, data, bytes(8), part).tolist() == [0.0] * 10


def test_arrays_that_are_gone(pack: Any, pool: Any) -> None:
    """What a task refers to stays until the task is done, although the program has dropped it."""
    results = []
    for i in range(50):
        a = arrays.zeros(20_000)
        a[:] = i
        results.append(pool.apply_async(pack.same, (a,)))
        del a
    for i, result in enumerate(results):
        assert (result.get(10) == i).all()
