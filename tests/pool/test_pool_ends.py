"""How pools end: by Ctrl-C, by terminate() from anywhere, with the interpreter, and when workers do not want to."""

from __future__ import annotations

import contextlib
import gc
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from pool_tasks import nap, same, square, stubborn

import gomp
from gomp import _boundary

HERE = pathlib.Path(__file__).parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, sys.path)])}
# What is promised, and how often a run that was slower may be repeated on a busy machine.
SOON, TRIES = 1.0, 5


def session(leader: int) -> set[int]:
    """The processes that belong to the session, but for those that are no more."""
    members = set()
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, number = path.read_text().rpartition(")")[2].split()[:4]
            if int(number) == leader and state not in "ZX":
                members.add(int(path.parent.name))
    return members


class Program:
    """A script that runs in a session of its own, and says when it is ready."""

    def __init__(self, path: pathlib.Path, text: str, *arguments: str) -> None:
        path.write_text(text)
        self.process = subprocess.Popen(
            [sys.executable, str(path), *arguments],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ready(self) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line == "ready\n", line + self.process.communicate()[1]

    def gone(self) -> float:
        """How long it takes until nothing is left of it."""
        start = time.monotonic()
        while session(self.process.pid):
            if time.monotonic() - start > 20:
                self.end()
                raise AssertionError("processes are left")
            time.sleep(0.005)
        return time.monotonic() - start

    def end(self) -> None:
        for pid in session(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


INTERRUPTED = """
import sys, time
import gomp
from pool_tasks import nap, square, endless

def wait(pool, how):
    if how == "map":
        pool.map(nap, [60] * 10)
    elif how == "apply":
        pool.apply(nap, (60,))
    elif how == "imap":
        list(pool.imap(nap, [60] * 10))
    elif how == "small tasks":
        for _ in pool.imap_unordered(square, endless(), buffersize=100):
            pass
    elif how == "callbacks":
        pool.apply_async(nap, (60,), callback=print).get()
    else:
        time.sleep(60)

if __name__ == "__main__":
    pool = gomp.get_context(sys.argv[1]).Pool(2)
    pool.map(square, range(10))
    print("ready", flush=True)
    if sys.argv[3] == "with":
        with pool:
            wait(pool, sys.argv[2])
    else:
        wait(pool, sys.argv[2])
"""


@pytest.mark.parametrize(
    ("method", "how", "form"),
    [
        *[("fork", how, "with") for how in ("map", "apply", "imap", "small tasks", "callbacks", "elsewhere")],
        *[(method, "map", form) for method in ("spawn", "forkserver") for form in ("with", "without")],
        ("fork", "map", "without"),
    ],
)
def test_interrupt_is_clean(method: str, how: str, form: str, tmp_path: pathlib.Path) -> None:
    took: list[float] = []
    while not took or took[-1] > SOON:
        assert len(took) < TRIES, f"it took {', '.join(f'{t:.2f} s' for t in took)}"
        program = Program(tmp_path / "program.py", INTERRUPTED, method, how, form)
        try:
            program.ready()
            time.sleep(0.2)
            os.killpg(program.process.pid, signal.SIGINT)
            took.append(program.gone())
        finally:
            program.end()
            printed, complaints = program.process.communicate()
        assert printed == ""
        assert complaints.count("Traceback") == complaints.count("KeyboardInterrupt") == 1, complaints
        assert complaints.rstrip().endswith("KeyboardInterrupt"), complaints
        assert program.process.returncode == -signal.SIGINT


FORGOTTEN = """
import sys
import gomp
from pool_tasks import nap, square

if __name__ == "__main__":
    pool = gomp.get_context(sys.argv[1]).Pool(2)
    print(pool.map(square, range(4)))
    result = pool.map_async(nap, [60] * 4)
    more = pool.imap(nap, iter([60] * 1000))
    told = pool.apply_async(nap, (60,), callback=print)
    print("ready", flush=True)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_program_ends_without_ending_its_pool(method: str, tmp_path: pathlib.Path) -> None:
    program = Program(tmp_path / "program.py", FORGOTTEN, method)
    try:
        program.gone()
    finally:
        program.end()
        printed, complaints = program.process.communicate()
    assert printed == "[0, 1, 4, 9]\nready\n"
    assert "Traceback" not in complaints and "Exception" not in complaints, complaints
    assert program.process.returncode == 0


KILLED = """
import sys, time
import gomp
from pool_tasks import nap, square

if __name__ == "__main__":
    pool = gomp.get_context(sys.argv[1]).Pool(2)
    pool.map(square, range(10))
    result = pool.map_async(nap, [0.3] * 100)
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_end_when_their_parent_was_killed(method: str, tmp_path: pathlib.Path) -> None:
    program = Program(tmp_path / "program.py", KILLED, method)
    try:
        program.ready()
        program.process.kill()
        program.process.wait()
        assert program.gone() < 5
    finally:
        program.end()
        complaints = program.process.communicate()[1]
    assert "Traceback" not in complaints, complaints


def ended(workers: list[Any]) -> bool:
    return all(worker.exitcode is not None for worker in workers)


def test_terminate_from_a_callback(fork: Any) -> None:
    pool = fork.Pool(2)
    workers, done = list(pool._pool), threading.Event()

    def callback(_: object) -> None:
        pool.terminate()
        done.set()

    pool.apply_async(square, (1,), callback=callback)
    waiting = pool.map_async(nap, [60] * 4)
    assert done.wait(10)
    pool.join()
    assert ended(workers)
    with pytest.raises(gomp.BrokenPool, match="terminated"):
        waiting.get(10)


def test_terminate_from_another_thread_while_one_waits(fork: Any) -> None:
    with fork.Pool(2) as pool:
        workers = list(pool._pool)
        threading.Timer(0.1, pool.terminate).start()
        with pytest.raises(gomp.BrokenPool, match="terminated"):
            pool.map(nap, [60] * 4)
        pool.join()
        assert ended(workers)


def test_terminate_when_the_pool_is_deleted(ctx: Any) -> None:
    pool = ctx.Pool(2)
    pool.apply_async(nap, (60,))
    workers = list(pool._pool)
    with pytest.warns(ResourceWarning, match="unclosed"):
        del pool
    assert ended(workers)


def test_terminate_is_bounded_when_workers_ignore_it(fork: Any) -> None:
    with fork.Pool(2) as pool:
        workers = list(pool._pool)
        for _ in workers:
            pool.apply_async(stubborn)
        while pool.stats()["running"] < 2:
            time.sleep(0.001)
        time.sleep(0.1)
        start = time.monotonic()
        pool.terminate()
        pool.join()
        assert time.monotonic() - start < 10
    assert ended(workers) and {worker.exitcode for worker in workers} == {-signal.SIGKILL}


def test_close_lets_all_tasks_end(ctx: Any) -> None:
    pool = ctx.Pool(2)
    results = [pool.map_async(nap, [0.01] * 10, 1), pool.imap(square, iter(range(500)))]
    pool.close()
    pool.join()
    assert results[0].get(1) == [0.01] * 10
    assert list(results[1]) == [x * x for x in range(500)]


def test_close_while_a_worker_is_replaced(fork: Any) -> None:
    pool = fork.Pool(1)
    lost = pool.apply_async(os._exit, (1,))
    result = pool.apply_async(square, (3,))
    pool.close()
    pool.join()
    assert result.get(1) == 9
    with pytest.raises(gomp.WorkerLost):
        lost.get(1)


def test_join_with_a_time_limit(fork: Any) -> None:
    with fork.Pool(1) as pool:
        pool.apply_async(nap, (0.3,))
        pool.close()
        with pytest.raises(gomp.TimeoutError):
            pool.join(timeout=0.05)
        pool.join(timeout=10)


def test_many_pools_leave_nothing(ctx: Any) -> None:
    def use() -> None:
        with ctx.Pool(2) as pool:
            pool.map(same, [bytes(50_000)] * 10)
            pool.apply_async(square, (2,), callback=square).wait(10)

    def left() -> tuple[int, int, int]:
        gc.collect()
        return _boundary.stats()["used"], len(os.listdir("/proc/self/fd")), threading.active_count()

    use()
    before = left()
    for _ in range(5):
        use()
    end = time.monotonic() + 5  # who looks after a worker that was ended while it started may take a moment
    while any(now > then for now, then in zip(left(), before, strict=True)):
        assert time.monotonic() < end, f"{left()} instead of {before}"
        time.sleep(0.01)


def test_pool_in_a_forked_child_is_the_parent_s(fork: Any) -> None:
    with fork.Pool(1) as pool:
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                pool.terminate()
                del pool
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        _boundary.reaped(pid)
        assert pool.apply(square, (3,)) == 9


def test_interrupted_close_is_finished_by_the_next(ctx: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = ctx.Pool(1)

    def interrupted(crew: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(pool._crew), "close", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pool.close()
    pool.close()
    pool.join(timeout=20)
