"""What may travel between processes, when, and what becomes of it."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest
import targets

import gomp
import gomp.heap
from gomp.reduction import ForkingPickler

MADE = ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Queue", "JoinableQueue", "SimpleQueue"]


@pytest.mark.parametrize("name", MADE)
def test_only_to_children_being_started(ctx: Any, name: str) -> None:
    made = getattr(ctx, name)()
    with pytest.raises(RuntimeError, match="should only be shared between processes through inheritance"):
        pickle.dumps(made)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
@pytest.mark.parametrize("name", MADE)
def test_not_from_a_fork_context(name: str, method: str) -> None:
    made = getattr(gomp.get_context("fork"), name)()
    p = gomp.get_context(method).Process(target=print, args=(made,))
    with pytest.raises(RuntimeError, match="created in a fork context"):
        p.start()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_to_a_child_of_the_standard_library(method: str) -> None:
    ctx = gomp.get_context(method)
    r, w = ctx.Pipe(duplex=False)
    value, lock, event = ctx.Value("q", 0), ctx.Lock(), ctx.Event()
    for _ in range(2):
        p = multiprocessing.get_context(method).Process(target=targets.use_all, args=(w, value, lock, event))
        p.start()
        assert event.wait(20)
        assert r.recv() == "done"
        p.join(20)
        assert p.exitcode == 0
        event.clear()
    assert value.value == 2


def test_a_connection_at_any_time(ctx: Any) -> None:
    requests = ctx.Queue()
    p = ctx.Process(target=targets.answer_by_new_pipe, args=(requests,))
    p.start()
    conn = requests.get(timeout=20)
    assert conn.recv() == "made by the child"
    conn.send(21)
    assert conn.recv() == 42
    p.join(20)
    with pytest.raises(EOFError):
        conn.recv()


def test_a_connection_not_to_another_family() -> None:
    parcel = bytes(ForkingPickler.dumps(gomp.Pipe()[0]))
    code = f"import gomp, pickle; pickle.loads({parcel!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(gomp.__file__))},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "OSError: the connection belongs to another family of gomp processes" in done.stderr
    gomp.resource_sharer.stop(timeout=5)


def test_the_parent_lets_go_at_once(ctx: Any) -> None:
    ours, theirs = ctx.Pipe()
    p = ctx.Process(target=targets.echo, args=(theirs,))
    p.start()
    theirs.close()
    del theirs
    gc.collect()
    for message in ("small", b"x" * 300_000, [1, 2, 3]):
        ours.send(message)
        assert ours.recv() == message
    ours.send(None)
    p.join(20)
    assert p.exitcode == 0


def test_values_and_arrays(ctx: Any) -> None:
    array, lock = ctx.Array("d", 40), ctx.Lock()
    many = [ctx.Process(target=targets.fill, args=(array, lock, 10 * i)) for i in range(4)]
    for p in many:
        p.start()
    for p in many:
        p.join(20)
    assert array[:] == list(range(40))


def test_what_the_parent_frees_stays_the_childs() -> None:
    ctx = gomp.get_context("fork")
    gomp.heap.BufferWrapper._heap = gomp.heap.Heap()
    value, event = ctx.Value("q", 1, lock=False), ctx.Event()
    p = ctx.Process(target=targets.set_when_told, args=(value, event, -1))
    p.start()
    del value
    gc.collect()
    others = [ctx.Value("q", 7, lock=False) for _ in range(200)]
    event.set()
    p.join(20)
    assert [v.value for v in others] == [7] * 200


def test_freed_memory_is_used_again_when_the_child_has_gone() -> None:
    ctx = gomp.get_context("fork")
    heap = gomp.heap.BufferWrapper._heap = gomp.heap.Heap()
    value = ctx.Value("q", 1, lock=False)
    p = ctx.Process(target=targets.nothing)
    p.start()
    del value
    gc.collect()
    p.join(20)
    for _ in range(1000):
        ctx.Value("q", 1, lock=False)
    assert len(heap._arenas) == 1


def test_a_large_array_freed_while_a_child_holds_it(capsys: pytest.CaptureFixture[str]) -> None:
    # The standard heap discards an arena of this size as soon as it is free.
    ctx = gomp.get_context("fork")
    heap = gomp.heap.BufferWrapper._heap = gomp.heap.Heap()
    large, event = ctx.Array("b", 8 << 20, lock=False), ctx.Event()
    p = ctx.Process(target=targets.wait_for, args=(event,))
    p.start()
    del large
    gc.collect()
    event.set()
    p.join(20)
    again = ctx.Array("b", 8 << 20, lock=False)
    assert len(heap._arenas) == 1
    del again
    gc.collect()
    assert heap._arenas == []
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("make", [targets.Counting, targets.OwnState])
def test_queues_that_know_the_inside_of_the_standard_one(ctx: Any, make: Any) -> None:
    q = make(ctx=ctx)
    p = ctx.Process(target=targets.put_all, args=(q, [1, "two", {"three": 3}]))
    p.start()
    assert [q.get(), q.get(), q.get()] == [1, "two", {"three": 3}]
    p.join(20)
    assert p.exitcode == 0
    assert q.empty()
    if make is targets.Counting:
        assert q.count.value == 3
    assert isinstance(q, (gomp.queues.Queue, gomp.queues.SimpleQueue))


@pytest.mark.timeout(120)
def test_executor(ctx: Any) -> None:
    with ProcessPoolExecutor(2, mp_context=ctx) as executor:
        assert list(executor.map(targets.square, range(20))) == [x * x for x in range(20)]
        assert executor.submit(os.getpid).result() != os.getpid()


@pytest.mark.timeout(120)
def test_executor_whose_worker_dies(ctx: Any) -> None:
    with ProcessPoolExecutor(1, mp_context=ctx) as executor, pytest.raises(BrokenProcessPool):
        executor.submit(targets.die_once, "").result(timeout=30)


def test_pool(ctx: Any) -> None:
    with ctx.Pool(2) as pool:
        assert pool.map(targets.square, range(10)) == [x * x for x in range(10)]
        assert sorted(pool.imap_unordered(targets.square, range(5))) == [0, 1, 4, 9, 16]
        assert pool.apply_async(targets.square, (3,)).get(20) == 9


def test_pool_is_not_flooded_by_an_endless_iterator() -> None:
    taken = 0

    def endless() -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 10_000

    with gomp.get_context("fork").Pool(1) as pool:
        results = pool.imap(targets.linger, endless())
        time.sleep(0.5)
        assert 0 < taken < 1000
        del results


def test_workers_of_a_killed_parent_end() -> None:
    ctx = gomp.get_context("fork")
    r, w = ctx.Pipe(duplex=False)
    p = ctx.Process(target=targets.pool_and_die, args=(w,))
    p.start()
    workers = r.recv()
    p.join(20)
    assert p.exitcode == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}") and alive(pid) for pid in workers):
        assert time.monotonic() < deadline, "a worker outlives its pool"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_manager(ctx: Any) -> None:
    with ctx.Manager() as manager:
        shared = manager.dict(a=1)
        p = ctx.Process(target=shared.update, args=({"b": 2},))
        p.start()
        p.join(20)
        assert shared.copy() == {"a": 1, "b": 2}
        with manager.Pool(1) as pool:
            assert pool.map(targets.square, [3]) == [9]
