"""ProcessPoolExecutor: what CPython's own tests of concurrent.futures do not ask, or ask of the standard's inside."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import inspect
import itertools
import multiprocessing.process
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest

import gomp
from executor import calls

PACKAGES = str(pathlib.Path(gomp.__file__).parent.parent)


def run(program: str, tmp_path: pathlib.Path, *, stop: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a program; with `stop`, as if Ctrl-C were pressed when it says "ready"."""
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(program))
    with subprocess.Popen(
        [sys.executable, str(path)],
        env={**os.environ, "PYTHONPATH": PACKAGES},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            if stop:
                assert process.stdout.readline() == "ready\n"
                os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess([], process.returncode, out, err)


def test_signature_is_the_standard_one() -> None:
    theirs, ours = concurrent.futures.ProcessPoolExecutor, gomp.ProcessPoolExecutor
    assert issubclass(ours, concurrent.futures.Executor)
    for name in ("__init__", "submit", "shutdown", "map"):
        standard = inspect.signature(getattr(theirs, name)).parameters
        mine = inspect.signature(getattr(ours, name)).parameters
        assert [(p.name, p.kind, p.default) for p in standard.values()] == [
            (p.name, p.kind, p.default) for p in mine.values() if p.name in standard
        ]


def test_lost_call_fails_alone(executor: gomp.ProcessPoolExecutor) -> None:
    futures = [executor.submit(calls.die_of_thirteen, number) for number in range(40)]
    for number, future in enumerate(futures):
        if number != 13:
            assert future.result(30) == number
    with pytest.raises(BrokenProcessPool) as caught:
        futures[13].result(30)
    assert isinstance(caught.value, gomp.WorkerLost)
    assert caught.value.signal == signal.SIGKILL
    assert "die_of_thirteen" in str(caught.value)
    assert executor.submit(calls.square, 4).result(30) == 16


def test_lost_chunk_of_a_map(executor: gomp.ProcessPoolExecutor) -> None:
    results = executor.map(calls.die_of_thirteen, range(20), chunksize=5)
    assert list(itertools.islice(results, 10)) == list(range(10))
    with pytest.raises(BrokenProcessPool, match=r"called with one of \[10, 11, 12, 13, 14\]"):
        next(results)
    assert list(results) == []
    with pytest.raises(BrokenProcessPool, match=r"die_of_thirteen, called with 13$"):
        list(executor.map(calls.die_of_thirteen, range(10, 14)))


def test_initializer_that_fails(make: Callable[..., Any], capfd: pytest.CaptureFixture[str]) -> None:
    executor = make(initializer=calls.fail_to_start)
    future = executor.submit(calls.square, 1)
    with pytest.raises(BrokenProcessPool) as caught:
        future.result(30)
    assert isinstance(caught.value, gomp.BrokenPool)
    assert "no worker today" in str(caught.value.__cause__)
    with pytest.raises(BrokenProcessPool):
        executor.submit(calls.square, 1)
    with pytest.raises(BrokenProcessPool):
        executor.map(calls.square, [1])
    executor.shutdown()
    assert "no worker today" in capfd.readouterr().err


def test_exceptions_have_the_remote_traceback(executor: gomp.ProcessPoolExecutor) -> None:
    failure = executor.submit(calls.fail, "remote").exception(30)
    assert type(failure) is ValueError
    assert "in fail" in str(failure.__cause__)
    with pytest.raises(SystemExit) as caught:
        executor.submit(calls.leave, 3).result(30)
    assert caught.value.code == 3
    with pytest.raises(TypeError, match="pickle"):
        executor.submit(calls.give_lock).result(30)
    with pytest.raises(TypeError, match="pickle"):
        executor.submit(calls.square, threading.Lock()).result(30)
    assert executor.submit(calls.square, 3).result(30) == 9


def test_waiting_calls_can_be_cancelled_and_running_ones_not(make: Callable[..., Any]) -> None:
    with make(1) as executor:
        first, *others = [executor.submit(time.sleep, 0.5) for _ in range(4)]
        while not first.running():
            time.sleep(0.01)
        assert not first.cancel()
        assert others[0].cancel() and others[0].cancelled() and others[0].cancel()
        told = threading.Event()
        others[1].add_done_callback(lambda future: told.set())
        assert others[1].cancel()
        assert told.wait(10)
        with pytest.raises(concurrent.futures.CancelledError):
            others[1].result(0)
        done, waiting = concurrent.futures.wait([first, *others], 30)
        assert len(done) == 4 and not waiting
        assert first.result() is None and not first.cancelled()


@pytest.mark.parametrize("told", [False, True])
def test_state_is_what_the_workers_do(make: Callable[..., Any], told: bool) -> None:
    with make(1) as executor:
        first, second = [executor.submit(time.sleep, 0.3) for _ in range(2)]
        if told:
            first.add_done_callback(lambda future: None)
        while not first.running():
            time.sleep(0.01)
        assert "state=running" in repr(first) and "state=pending" in repr(second)
        while (state := first._state) == "RUNNING":
            pass
        assert state == "FINISHED" and not first.running()
        assert "state=finished" in repr(first)


def test_shutdown_cancels_what_waits(make: Callable[..., Any]) -> None:
    executor = make(1)
    first = executor.submit(time.sleep, 0.3)
    while not first.running():
        time.sleep(0.01)
    mapped = executor.map(calls.square, range(10))
    rest = [executor.submit(calls.square, number) for number in range(10)]
    executor.shutdown(cancel_futures=True)
    assert first.result(0) is None
    assert all(future.cancelled() for future in rest)
    with pytest.raises(concurrent.futures.CancelledError):
        next(mapped)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(calls.square, 1)


def test_callbacks_and_waiters(executor: gomp.ProcessPoolExecutor) -> None:
    futures = [executor.submit(calls.square, number) for number in range(200)]
    assert {future.result() for future in concurrent.futures.as_completed(futures, 30)} == {n * n for n in range(200)}
    heard: list[int] = []
    all_heard = threading.Event()

    def hear(future: Any) -> None:
        heard.append(future.result())
        if len(heard) == 50:
            all_heard.set()

    for number in range(50):
        executor.submit(calls.square, number).add_done_callback(hear)  # nobody else keeps the future
    assert all_heard.wait(30)
    assert sorted(heard) == [n * n for n in range(50)]


def test_polling_sees_what_is_done(executor: gomp.ProcessPoolExecutor) -> None:
    future = executor.submit(calls.square, 5)
    end = time.monotonic() + 30
    while not future.done():
        assert time.monotonic() < end
        time.sleep(0.001)
    assert concurrent.futures.wait([future], 0).done == {future}
    with pytest.raises(TimeoutError):
        executor.submit(time.sleep, 0.5).result(0.01)


def test_event_loop(executor: gomp.ProcessPoolExecutor) -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        waiting = [loop.run_in_executor(executor, calls.square, number) for number in range(20)]
        with pytest.raises(BrokenProcessPool):
            await loop.run_in_executor(executor, calls.die)
        return await asyncio.wait_for(asyncio.gather(*waiting), 30)

    assert asyncio.run(main()) == [n * n for n in range(20)]


def test_map(executor: gomp.ProcessPoolExecutor) -> None:
    assert list(executor.map(calls.square, range(1000))) == [n * n for n in range(1000)]
    assert list(executor.map(pow, range(100), itertools.repeat(2), chunksize=7)) == [n * n for n in range(100)]
    assert list(executor.map(calls.square, [])) == []
    with pytest.raises(TimeoutError) as caught:
        list(executor.map(time.sleep, [0, 5], timeout=0.3))
    assert type(caught.value) is TimeoutError
    with pytest.raises(gomp.TimeoutError, match="of the call's own"):
        list(executor.map(calls.raise_timeout, [1]))


def test_map_of_an_endless_input(make: Callable[..., Any]) -> None:
    taken = itertools.count()
    with make() as executor:
        results = executor.map(calls.square, taken, buffersize=8)
        assert list(itertools.islice(results, 100)) == [n * n for n in range(100)]
        assert next(taken) <= 110
    with pytest.raises(RuntimeError, match="after shutdown"):
        list(results)


def test_who_stops_iterating_cancels_the_rest(make: Callable[..., Any]) -> None:
    with make(1) as executor:
        results = executor.map(time.sleep, [0, *[0.2] * 200])
        next(results)
        began = time.monotonic()
        del results
    assert time.monotonic() - began < 15  # all of them would take 40 s


def test_workers_are_started_for_work(make: Callable[..., Any], method: str) -> None:
    executor = make(3)
    assert executor._processes == {}
    for _ in range(3):
        executor.submit(calls.square, 1).result(30)
    assert len(executor._processes) == (3 if method == "fork" else 1)
    executor.shutdown()


def test_workers_may_have_children(executor: gomp.ProcessPoolExecutor) -> None:
    assert executor.submit(calls.have_child).result(30) == 0


def test_standard_context_is_taken(method: str) -> None:
    import multiprocessing

    with gomp.ProcessPoolExecutor(1, multiprocessing.get_context(method)) as executor:
        assert executor.submit(calls.square, 3).result(30) == 9
        assert executor.stats()["done"] == 1


def test_interrupted_result_is_not_lost(executor: gomp.ProcessPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal's exception while the answer is stored: who asks again gets it."""
    future = executor.submit(calls.square, 3)

    def interrupted(*answer: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(future), "_store", interrupted)
        with pytest.raises(KeyboardInterrupt):
            future.result(30)
    assert not future.cancel()
    assert future.result(30) == 9


def test_call_that_has_ended_is_not_cancelled(
    executor: gomp.ProcessPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even just while another thread stores the answer."""
    future = executor.submit(calls.square, 3)
    heard: list[Any] = []
    thread = threading.Thread(target=lambda: heard.append(future.cancel()))
    store = type(future)._store

    def slowly(*answer: Any) -> str:
        future.add_done_callback(heard.append)
        thread.start()
        thread.join(0.3)
        return store(*answer)

    monkeypatch.setattr(type(future), "_store", slowly)
    assert future.result(30) == 9
    thread.join(30)
    while len(heard) < 2:
        time.sleep(0.01)
    assert sorted(heard, key=id) == sorted([False, future], key=id)


def test_wait_for_a_call_that_ends_just_now(
    executor: gomp.ProcessPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`wait` looks at the states twice, and counts on what it saw first."""
    install = concurrent.futures._base._create_and_install_waiters  # type: ignore[attr-defined]

    def slowly(*args: Any) -> Any:
        time.sleep(0.3)
        return install(*args)

    monkeypatch.setattr(concurrent.futures._base, "_create_and_install_waiters", slowly)
    futures = {executor.submit(time.sleep, 0.1) for _ in range(3)}
    assert concurrent.futures.wait(futures, 30) == (futures, set())
    futures = {executor.submit(time.sleep, 0.1) for _ in range(3)}
    assert set(concurrent.futures.as_completed(futures, 30)) == futures


def test_interrupted_wait_leaves_the_future_as_it_was(
    executor: gomp.ProcessPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    future = executor.submit(time.sleep, 0.2)
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            concurrent.futures.wait([future])
    heard: list[Any] = []
    future.add_done_callback(heard.append)
    assert concurrent.futures.wait([future], 30).done == {future}
    while not heard:
        time.sleep(0.01)
    assert heard == [future]


def test_calls_are_done_when_the_pool_has_ended(make: Callable[..., Any]) -> None:
    executor = make(1)
    futures = [executor.submit(time.sleep, 60), executor.submit(time.sleep, 0)]
    heard: list[Any] = []
    futures[1].add_done_callback(heard.append)
    executor._pool.terminate()
    assert all(future.done() and not future.running() for future in futures)
    assert isinstance(futures[0].exception(), BrokenProcessPool)
    assert heard == [futures[1]]
    executor.shutdown()


def test_cancelling_again(make: Callable[..., Any]) -> None:
    with make(1) as executor:
        executor.submit(time.sleep, 0.5)
        future = executor.submit(calls.square, 1)
        heard: list[Any] = []
        future.add_done_callback(heard.append)
        assert future.cancel() and future.cancel() and future.cancelled() and future.done()
        assert heard == [future]


def test_interrupted_start_of_a_worker(make: Callable[..., Any], method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker that has started is the executor's, and no other gets its place."""
    executor = make(2)
    start = multiprocessing.process.BaseProcess.start

    def interrupted(process: Any) -> None:
        start(process)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(multiprocessing.process.BaseProcess, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            executor.submit(os.getpid)
    futures = [executor.submit(calls.nap_and_tell, 0.5) for _ in range(2)]
    pids = {future.result(30) for future in futures}
    # Whether both had a call depends on how fast the second has started; who had one is listed.
    assert pids <= set(executor._processes) and len(executor._processes) == 2
    executor.shutdown()


def test_dropped_executor_completes_its_calls(make: Callable[..., Any]) -> None:
    executor = make()
    futures = [executor.submit(calls.square, number) for number in range(20)]
    processes = executor._processes
    del executor
    gc.collect()
    assert [future.result(30) for future in futures] == [n * n for n in range(20)]
    for process in processes.values():
        process.join(10)
        assert process.exitcode is not None


def test_shutdown_without_waiting(make: Callable[..., Any]) -> None:
    executor = make()
    results = executor.map(calls.square, range(20))
    began = time.monotonic()
    slow = executor.submit(time.sleep, 1)
    executor.shutdown(wait=False)
    assert time.monotonic() - began < 1
    assert list(results) == [n * n for n in range(20)]
    assert slow.result(30) is None


def test_end_of_the_interpreter_completes_the_calls(tmp_path: pathlib.Path, method: str) -> None:
    done = run(
        f"""
        import atexit, time, gomp
        from functools import partial

        def late():
            try:
                executor.submit(print)
            except RuntimeError as e:
                print(e)

        def slow(text):
            time.sleep(0.3)
            print(text, flush=True)

        if __name__ == "__main__":
            atexit.register(late)
            executor = gomp.ProcessPoolExecutor(1, gomp.get_context({method!r}))
            executor.submit(slow, "first")
            executor.submit(slow, "second")
        """,
        tmp_path,
    )
    assert (done.stdout, done.stderr) == (
        "first\nsecond\ncannot schedule new futures after shutdown\n".replace("shutdown", "interpreter shutdown"),
        "",
    )


@pytest.mark.parametrize("within", ["with executor:", "if True:"])
def test_interrupt_ends_all_at_once(tmp_path: pathlib.Path, within: str) -> None:
    began = time.monotonic()
    done = run(
        f"""
        import time, gomp

        executor = gomp.ProcessPoolExecutor(2)
        {within}
            futures = [executor.submit(time.sleep, 30) for _ in range(4)]
            while not all(future.running() for future in futures[:2]):
                time.sleep(0.01)
            print("ready", flush=True)
            futures[0].result()
        """,
        tmp_path,
        stop=True,
    )
    assert time.monotonic() - began < 10
    assert done.returncode == -signal.SIGINT
    assert done.stderr.count("Traceback") == 1 and done.stderr.endswith("KeyboardInterrupt\n")


def test_forked_child_leaves_its_parents_executor_alone(make: Callable[..., Any]) -> None:
    with make() as executor:
        assert executor.submit(calls.square, 2).result(30) == 4
        child = gomp.get_context("fork").Process(target=gc.collect)
        child.start()
        child.join(20)
        assert child.exitcode == 0
        assert executor.submit(calls.square, 3).result(30) == 9


def test_bad_arguments() -> None:
    for count in (0, -1):
        with pytest.raises(ValueError, match="max_workers must be greater than 0"):
            gomp.ProcessPoolExecutor(count)
    with pytest.raises(TypeError, match="initializer must be a callable"):
        gomp.ProcessPoolExecutor(1, initializer=3)
    with pytest.raises(ValueError, match="incompatible with the 'fork'"):
        gomp.ProcessPoolExecutor(1, gomp.get_context("fork"), max_tasks_per_child=3)
    with gomp.ProcessPoolExecutor(1) as executor:
        with pytest.raises(ValueError, match="chunksize"):
            executor.map(calls.square, [1], chunksize=0)
        with pytest.raises(ValueError, match="buffersize"):
            executor.map(calls.square, [1], buffersize=0)
        with pytest.raises(TypeError, match="buffersize"):
            executor.map(calls.square, [1], buffersize="8")
