"""Workers: how they start and end, what they keep, and what becomes of tasks whose worker dies."""

from __future__ import annotations

import os
import pathlib
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import pool as standard
from typing import Any

import pytest
from pool_tasks import (
    Subject,
    affinity,
    append,
    die,
    die_once,
    fail,
    nap,
    pid_of,
    square,
    state_and_id,
    stubborn,
)

import gomp
import gomp.pool

# --- death ---


def test_loss_says_all(ctx: Any) -> None:
    with ctx.Pool(1) as pool:
        pid = pool.apply(pid_of)
        with pytest.raises(gomp.WorkerLost) as caught:
            pool.apply(die, ("exit", "x" * 1000))
        lost = caught.value
        assert (lost.pid, lost.exitcode, lost.signal) == (pid, 7, None)
        assert lost.function == "pool_tasks.die"
        assert "exit" in lost.arguments and len(lost.arguments) < 300
        assert str(pid) in str(lost) and "exit code 7" in str(lost) and "pool_tasks.die" in str(lost)
        with pytest.raises(gomp.WorkerLost, match="SIGKILL") as caught:
            pool.map(die, ["kill"])
        assert caught.value.signal is signal.SIGKILL and caught.value.exitcode == -9
        again = pickle.loads(pickle.dumps(caught.value))
        assert str(again) == str(caught.value) and vars(again) == vars(caught.value)


def test_only_the_dead_worker_s_task_is_lost(ctx: Any) -> None:
    with ctx.Pool(2) as pool:
        others = [pool.apply_async(nap, (0.01 * n,)) for n in range(5)]
        lost = pool.apply_async(die, ("kill",))
        others += [pool.apply_async(square, (n,)) for n in range(50)]
        with pytest.raises(gomp.WorkerLost):
            lost.get(10)
        assert [other.get(10) for other in others] == [0.01 * n for n in range(5)] + [n * n for n in range(50)]
        assert pool.stats()["lost"] == 1


def test_imap_goes_on_after_a_loss(pool: Any) -> None:
    results = pool.imap(die_or_square, range(6))
    assert [results.next(10), results.next(10)] == [0, 1]
    with pytest.raises(gomp.WorkerLost, match=r"die_or_square, called with 2"):
        results.next(10)
    assert list(results) == [9, 16, 25]


def die_or_square(n: int) -> int:
    if n == 2:
        die("kill")
    return square(n)


LOSSES: list[tuple[str, Callable[[Any], Any]]] = [
    ("2", lambda pool: pool.map(die_or_square, range(4))),
    ("2", lambda pool: pool.map(die_or_square, [0, 1, 2], 2)),
    ("(2,)", lambda pool: pool.starmap(die_or_square, [(1,), (2,)], 1)),
    ("one of [2, 3]", lambda pool: pool.map(die_or_square, list(range(8)), 2)),
    ("one of range(2, 4)", lambda pool: pool.map(die_or_square, range(8), 2)),
    ("one of [(1,), (2,)]", lambda pool: pool.starmap(die_or_square, [(1,), (2,)], 2)),
    ("2", lambda pool: list(pool.imap(die_or_square, range(8)))),
    ("one of range(2, 4)", lambda pool: list(pool.imap(die_or_square, range(8), 2))),
    ("2", lambda pool: list(pool.imap_unordered(die_or_square, range(3), 2))),
    ("'kill'", lambda pool: list(pool.imap(die, ["kill"]))),
    ("(('kill',), {})", lambda pool: pool.apply(die, ("kill",))),
]


@pytest.mark.parametrize(("named", "call"), LOSSES)
def test_lost_item_is_named(pool: Any, named: str, call: Callable[[Any], Any]) -> None:
    with pytest.raises(gomp.WorkerLost) as caught:
        call(pool)
    assert caught.value.arguments == named
    assert str(caught.value).endswith(f", called with {named}")


RETRIED: dict[str, Any] = {
    "apply": lambda pool, path: [pool.apply(die_once, (path, 1), retries=1)],
    "apply_async": lambda pool, path: [pool.apply_async(die_once, (path, 1), retries=2).get(10)],
    "map": lambda pool, path: pool.map(once(path), [1, 2, 3], 1, retries=1)[:1],
    "map_async": lambda pool, path: pool.map_async(once(path), [1, 2, 3], 2, retries=1).get(10)[:1],
    "starmap": lambda pool, path: pool.starmap(die_once, [(path, 1)], retries=1),
    "starmap_async": lambda pool, path: pool.starmap_async(die_once, [(path, 1)], retries=1).get(10),
    "imap": lambda pool, path: list(pool.imap(once(path), [1], retries=1)),
    "imap_unordered": lambda pool, path: list(pool.imap_unordered(once(path), [1], retries=1)),
}


class Once:
    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self, value: Any) -> Any:
        return die_once(self.path, value)


once = Once


@pytest.mark.parametrize("method", RETRIED)
def test_lost_task_is_tried_again(pool: Any, method: str, tmp_path: pathlib.Path) -> None:
    assert RETRIED[method](pool, str(tmp_path / "died")) == [1]
    assert pool.stats()["retried"] == 1 and pool.stats()["lost"] == 0


def test_retries_come_to_an_end(ctx: Any, tmp_path: pathlib.Path) -> None:
    book = tmp_path / "book"
    with ctx.Pool(2) as pool:
        with pytest.raises(gomp.WorkerLost):
            pool.apply(append_and_die, (str(book),), retries=2)
        assert book.read_text() == "dies\n" * 3
        with pytest.raises(ValueError):
            pool.apply(fail, retries=5)  # an exception is an answer
        assert pool.stats()["retried"] == 2


def append_and_die(path: str) -> None:
    append(path, "dies")
    die("kill")


# --- time limits ---

LIMITED: dict[str, Any] = {
    "apply": lambda pool: pool.apply(nap, (30,), timeout=0.1),
    "apply_async": lambda pool: pool.apply_async(nap, (30,), timeout=0.1).get(10),
    "map": lambda pool: pool.map(nap, [0, 30], 1, timeout=0.1),
    "map_async": lambda pool: pool.map_async(nap, [30], timeout=0.1).get(10),
    "starmap": lambda pool: pool.starmap(nap, [(30,)], timeout=0.1),
    "starmap_async": lambda pool: pool.starmap_async(nap, [(30,)], timeout=0.1).get(10),
    "imap": lambda pool: list(pool.imap(nap, [30], timeout=0.1)),
    "imap_unordered": lambda pool: list(pool.imap_unordered(nap, [30], timeout=0.1)),
}


@pytest.mark.parametrize("method", LIMITED)
def test_task_that_takes_too_long(pool: Any, method: str) -> None:
    start = time.monotonic()
    with pytest.raises(gomp.TaskTimeout, match=r"0\.1 seconds.*nap") as caught:
        LIMITED[method](pool)
    assert 0.1 <= time.monotonic() - start < 5
    assert isinstance(caught.value, TimeoutError)
    assert pool.map(square, range(100)) == [x * x for x in range(100)]


def test_worker_that_took_too_long_is_replaced(ctx: Any) -> None:
    with ctx.Pool(1) as pool:
        pid = pool.apply(pid_of)
        with pytest.raises(gomp.TaskTimeout):
            pool.apply(stubborn, timeout=0.1)
        assert pool.apply(pid_of) != pid
        again = pickle.loads(pickle.dumps(gomp.TaskTimeout(1.5, nap, (1,))))
        assert again.timeout == 1.5 and "nap" in str(again)


def test_time_limit_does_not_count_the_waiting(fork: Any) -> None:
    with fork.Pool(1) as pool:
        results = [pool.apply_async(nap, (0.15,), timeout=0.6) for _ in range(6)]
        assert [result.get(10) for result in results] == [0.15] * 6


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": -1}, {"retries": -1}, {"retries": "1"}])
def test_options_that_cannot_be(pool: Any, options: dict[str, Any]) -> None:
    for call in (pool.apply, pool.apply_async):
        with pytest.raises((TypeError, ValueError)):
            call(square, (1,), **options)
    for call in (pool.map, pool.imap, pool.imap_unordered, pool.starmap_async):
        with pytest.raises((TypeError, ValueError)):
            call(square, [1], **options)


# --- what workers keep ---


def test_state_and_id(ctx: Any) -> None:
    with ctx.Pool(2, Subject, (5,)) as pool:
        found = pool.map(state_and_id, range(20), 1)
    assert {entry[:2] for entry in found} == {(5, True)}
    assert {entry[2] for entry in found} <= {0, 1}
    assert gomp.worker_id() is None and gomp.worker_state() is None


def test_id_is_kept_by_the_successor(fork: Any) -> None:
    with fork.Pool(2, maxtasksperchild=1) as pool:
        found = pool.map(identity, range(20), 1)
    assert {number for number, _ in found} == {0, 1}
    assert len({pid for _, pid in found}) == 20


def identity(_: object) -> tuple[int | None, int]:
    return gomp.worker_id(), os.getpid()


def test_initializer_without_state(pool: Any) -> None:
    assert pool.apply(gomp.worker_state) is None
    assert pool.apply(gomp.worker_id) in (0, 1)


def test_on_exit(ctx: Any, tmp_path: pathlib.Path) -> None:
    book = tmp_path / "book"
    pool = ctx.Pool(2, on_exit=Leaving(str(book)))
    pool.map(square, range(10))
    pool.close()
    pool.join()
    assert book.read_text() == "left\n" * 2
    with ctx.Pool(1, maxtasksperchild=1, on_exit=Leaving(str(book))) as pool:
        pool.map(square, range(3), 1)
        pool.close()
        pool.join()
    assert book.read_text().count("left") in (5, 6)  # a successor that had nothing to do may have left, too


class Leaving:
    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self) -> None:
        append(self.path, "left")


def test_max_tasks_per_child(ctx: Any) -> None:
    with ctx.Pool(2, maxtasksperchild=3) as pool:
        pids = pool.map(pid_of, range(30), 1)
        assert max(pids.count(pid) for pid in pids) <= 3
        assert pool.stats()["failed"] == 0


def test_affinity(fork: Any) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    with fork.Pool(2, cpu_affinity=[cpus[0], {cpus[-1]}]) as pool:
        found = dict(pool.map(affinity, range(10), 1))
    assert all(found[number] == {[cpus[0], cpus[-1]][number]} for number in found)
    with fork.Pool(2, cpu_affinity=True) as pool:
        found = dict(pool.map(affinity, range(10), 1))
    assert all(found[number] == {cpus[number % len(cpus)]} for number in found)
    for wrong in (5, [], [set()], "x", [[1.5]], [-1], [{cpus[0]}, {1 << 20}], [1 << 70]):
        with pytest.raises((TypeError, ValueError), match="cpu_affinity must"):
            fork.Pool(1, cpu_affinity=wrong)
        assert sorted(os.sched_getaffinity(0)) == cpus


def test_size(fork: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def size(*args: Any) -> int:
        with fork.Pool(*args) as pool:
            return int(pool._processes)

    assert size() == (getattr(os, "process_cpu_count", os.cpu_count)() or 1)
    allowed = len(os.sched_getaffinity(0))
    assert 1 <= size("auto") <= allowed
    monkeypatch.setenv("GOMP_CPU", "auto")
    assert size() == size("auto")
    assert size(3) == 3
    monkeypatch.setenv("GOMP_CPU", "2")
    assert size() == 2
    monkeypatch.setenv("GOMP_CPU", "some")
    with pytest.raises(ValueError, match="some"):
        fork.Pool()


def test_size_heeds_the_affinity(fork: Any) -> None:
    cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cpus)})
    try:
        with fork.Pool("auto") as pool:
            assert pool._processes == 1
    finally:
        os.sched_setaffinity(0, cpus)


def test_size_heeds_the_control_group(tmp_path: pathlib.Path) -> None:
    from gomp import _crew

    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "cpu.max").write_text("max 100000\n")
    (tmp_path / "outer" / "cpu.max").write_text("250000 100000\n")
    assert _crew.group_limits(str(tmp_path), "/outer/inner", _crew.quota_v2) == [2.5]
    (inner / "cpu.cfs_quota_us").write_text("150000\n")
    (inner / "cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "cpu.cfs_quota_us").write_text("-1\n")
    (tmp_path / "cpu.cfs_period_us").write_text("100000\n")
    assert _crew.group_limits(str(tmp_path), "/outer/inner", _crew.quota_v1) == [1.5]


# --- starts that fail ---


def raises_at_start() -> None:
    raise OSError("no such thing")


TOLD = """
import sys
import gomp

def raises_at_start():
    raise OSError("no such thing")

if __name__ == "__main__":
    with gomp.get_context(sys.argv[1]).Pool(2, raises_at_start) as pool:
        try:
            pool.apply_async(abs, (1,)).get(30)
        except gomp.BrokenPool as e:
            print(e.__cause__)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_initializer_that_fails_is_told_once(method: str, tmp_path: pathlib.Path) -> None:
    done = run(tmp_path, TOLD, method)
    assert done.stderr.count("Traceback") == done.stderr.count("OSError: no such thing") == 1, done.stderr
    assert "no such thing" in done.stdout


INTERRUPTED_AT_BIRTH = """
import os
import signal
import subprocess
import sys
import gomp

ASK = "import signal, sys; sys.exit(len(signal.pthread_sigmask(signal.SIG_BLOCK, ())))"

def masked():
    return len(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

def masked_in_child():
    return subprocess.call([sys.executable, "-c", ASK])

heard = []

def times_heard():
    return len(heard)

if __name__ == "__main__":
    if sys.argv[1] == "handled":
        signal.signal(signal.SIGINT, lambda *_: heard.append(os.getpid()))
    os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGINT))
    with gomp.get_context("fork").Pool(1, masked, maxtasksperchild=1) as pool:
        for _ in range(2):
            print(pool.apply(gomp.worker_state), pool.apply(masked), pool.apply(masked_in_child))
        print(pool.apply(times_heard), masked())
"""


@pytest.mark.parametrize(("disposition", "heard"), [("default", 0), ("handled", 1)])
def test_interrupt_at_birth(disposition: str, heard: int, tmp_path: pathlib.Path) -> None:
    done = run(tmp_path, INTERRUPTED_AT_BIRTH, disposition)
    assert done.stderr == ""
    assert done.stdout.split("\n")[:3] == ["0 0 0", "0 0 0", f"{heard} 0"]


def run(folder: pathlib.Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = folder / "program.py"
    path.write_text(program)
    return subprocess.run([sys.executable, str(path), *arguments], capture_output=True, text=True, timeout=40)


def dies_at_start() -> None:
    os._exit(3)


def test_initializer_that_fails_breaks_the_pool(ctx: Any) -> None:
    with ctx.Pool(2, raises_at_start) as pool:
        results = [pool.apply_async(square, (1,)), pool.map_async(square, [1, 2]), pool.imap(square, iter([1, 2]))]
        for result in results[:2]:
            with pytest.raises(gomp.BrokenPool) as caught:
                result.get(20)
            assert "no such thing" in str(caught.value.__cause__)
            assert "in raises_at_start" in caught.value.traceback
        with pytest.raises(gomp.BrokenPool):
            results[2].next(20)
        for call in (lambda: pool.apply(square, (1,)), lambda: pool.map(square, [1]), lambda: pool.imap(square, [1])):
            with pytest.raises(gomp.BrokenPool, match="cannot be started"):
                call()
        again = pickle.loads(pickle.dumps(caught.value))
        assert str(again.__cause__) == str(caught.value.__cause__)


def test_workers_that_die_at_start_break_the_pool(ctx: Any) -> None:
    heard: list[Any] = []
    with ctx.Pool(2, dies_at_start) as pool:
        try:
            pool.map_async(square, [1], error_callback=heard.append).wait(20)
        except gomp.BrokenPool as e:  # it was noticed before the call
            heard.append(e)
        assert [type(e) for e in heard] == [gomp.BrokenPool]


def test_broken_pool_is_closed_and_joined(fork: Any) -> None:
    pool = fork.Pool(2, raises_at_start)
    with pytest.raises(gomp.BrokenPool):
        pool.apply_async(square, (1,)).get(20)
    pool.close()
    pool.join()


# --- subclasses ---


class WithHook(gomp.pool.Pool):
    def _setup_queues(self) -> None:
        self._inqueue = self._ctx.SimpleQueue()
        self._outqueue = self._ctx.SimpleQueue()
        self._quick_put = self._inqueue._writer.send
        self._quick_get = self._outqueue._reader.recv
        self.asked = True


class WithoutHook(gomp.pool.Pool):
    def apply(self, *args: Any, **options: Any) -> Any:
        return super().apply(*args, **options), "seen"


def test_subclass_that_works_on_the_inside_has_the_standard_inside(ctx: Any) -> None:
    with WithHook(2, context=ctx) as pool:
        assert pool.asked and pool._task_handler.is_alive()
        assert pool.map(square, range(20)) == [x * x for x in range(20)]
        assert type(pool._inqueue).__module__ == "gomp.queues"
    assert isinstance(pool, standard.Pool)


def test_other_subclass_has_the_core_s(fork: Any) -> None:
    with WithoutHook(1, context=fork) as pool:
        assert pool.apply(square, (3,)) == (9, "seen")
        assert pool.stats()["done"] == 1
