"""Results: when they are there, what they raise, who is told of them."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import CancelledError
from multiprocessing.pool import MaybeEncodingError
from typing import Any, ClassVar

import pytest
from pool_tasks import add, fail, fail_at_three, locked, nap, picky, pid_of, raise_base, same, square, unpicklable

import gomp
from gomp import _boundary, kernels


def python_threads() -> set[int | None]:
    return {thread.ident for thread in threading.enumerate()} | set(sys._current_frames())


def test_parent_has_no_thread_of_python_s(ctx: Any) -> None:
    before = python_threads()
    with ctx.Pool(2) as pool:
        pool.map(square, range(100))
        list(pool.imap(square, [1, 2, 3]))
        list(pool.imap_unordered(square, range(100), buffersize=5))
        pool.apply_async(nap, (0.01,)).get(10)
        assert python_threads() == before
        pool.close()
        pool.join()
        assert python_threads() == before


def test_thread_comes_with_callbacks_and_goes_with_the_pool(pool: Any) -> None:
    before = threading.active_count()
    heard: list[int] = []
    pool.apply_async(square, (3,), callback=heard.append).wait(10)
    assert heard == [9] and threading.active_count() == before + 1
    pool.terminate()
    pool.join()
    assert threading.active_count() == before


def test_callbacks_come_in_the_pool_s_thread_and_may_ask_the_pool(pool: Any) -> None:
    heard: list[Any] = []

    def callback(value: int) -> None:
        heard.append((value, threading.current_thread() is threading.main_thread()))
        if value < 5:
            pool.apply_async(add, (value, 1), callback=callback)
        else:
            done.set()

    done = threading.Event()
    pool.apply_async(same, (1,), callback=callback)
    assert done.wait(10)
    assert heard == [(n, False) for n in range(1, 6)]


def test_callback_that_raises_harms_nobody(pool: Any, capfd: pytest.CaptureFixture[str]) -> None:
    result = pool.apply_async(square, (2,), callback=fail)
    assert result.get(10) == 4
    heard: list[int] = []
    pool.apply_async(square, (3,), callback=heard.append).wait(10)
    assert heard == [9]
    assert "it went wrong with 4" in capfd.readouterr().err


def test_all_callbacks_have_run_when_join_returns(fork: Any) -> None:
    heard: list[int] = []
    with fork.Pool(2) as pool:
        for i in range(200):
            pool.apply_async(square, (i,), callback=heard.append)
        pool.close()
        pool.join()
    assert sorted(heard) == [i * i for i in range(200)]


def test_many_threads_ask_at_once(pool: Any) -> None:
    wrong: list[Any] = []

    def ask(n: int) -> None:
        for i in range(30):
            if pool.apply(add, (n, i)) != n + i or pool.map(square, range(n)) != [x * x for x in range(n)]:
                wrong.append((n, i))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong and not any(thread.is_alive() for thread in threads)


def test_several_threads_wait_for_one_result(pool: Any) -> None:
    result, got = pool.apply_async(nap, (0.1,)), []
    threads = [threading.Thread(target=lambda: got.append(result.get(10))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert got == [0.1] * 4


def test_timeouts(pool: Any) -> None:
    result = pool.apply_async(nap, (0.3,))
    start = time.monotonic()
    with pytest.raises(gomp.TimeoutError):
        result.get(0.05)
    result.wait(0.05)
    assert 0.1 <= time.monotonic() - start < 0.3
    assert not result.ready()
    assert result.get(timeout=10) == 0.3
    with pytest.raises(gomp.TimeoutError):
        pool.map_async(nap, [0.2]).get(0)


def refused(pool: Any) -> Any:
    """A result that was refused with an exception that refers to it."""
    failure = ValueError("not to be pickled")

    class Refuses:
        def __reduce__(self) -> Any:
            raise failure

    result = failure.result = pool.apply_async(same, (Refuses(),))  # type: ignore[attr-defined]
    return weakref.ref(result)


def test_refusal_that_refers_to_its_result_is_freed(pool: Any) -> None:
    result = refused(pool)
    assert result() is not None
    gc.collect()
    assert result() is None


def test_what_was_asked_for_is_forgotten_once_answered(pool: Any) -> None:
    argument = {1, 2, 3}
    before = sys.getrefcount(argument)
    result = pool.apply_async(same, (argument,))
    assert result.get(10) == argument
    assert sys.getrefcount(argument) == before


class Slow:
    """Takes its time to be unpickled, and may ask for the result that it is."""

    result: ClassVar[Any] = None

    def __reduce__(self) -> Any:
        return slowly, ()


def slowly() -> str:
    time.sleep(0.2)
    if Slow.result is not None:
        Slow.result.get(10)
    return "unpickled"


def slow(_: object = None) -> Slow:
    return Slow()


def test_several_threads_wait_for_who_unpickles(pool: Any) -> None:
    result = pool.apply_async(slow)
    got: list[Any] = []
    threads = [threading.Thread(target=lambda: got.append(result.get(10))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(got) == 3
    assert all(value is got[0] for value in got)


def test_result_that_asks_for_itself(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    result = pool.apply_async(slow)
    monkeypatch.setattr(Slow, "result", result)
    with pytest.raises(RuntimeError, match="while this thread unpickled it"):
        result.get(10)


def test_result_that_is_forgotten_is_freed(pool: Any) -> None:
    pool.map(same, [bytes(100_000)] * 4)
    gc.collect()
    before = _boundary.stats()["used"] + 2048  # the pool keeps a small page for its next task
    for _ in range(50):
        pool.map_async(same, [bytes(100_000)] * 4, chunksize=1)
        pool.imap(same, [bytes(100_000)] * 4)
        pool.apply_async(same, (bytes(100_000),))
    end = time.monotonic() + 10
    while pool.apply(pid_of) and _boundary.stats()["used"] > before and time.monotonic() < end:
        time.sleep(0.01)
    assert _boundary.stats()["used"] <= before


# --- what goes wrong ---


@pytest.mark.parametrize(("task", "text"), [(unpicklable, "_thread.lock"), (locked, "locked"), (picky, "first")])
def test_answer_that_cannot_travel(ctx: Any, task: Any, text: str) -> None:
    with ctx.Pool(1) as pool:
        for _ in range(2):
            with pytest.raises(MaybeEncodingError) as caught:
                pool.apply(task)
            assert {"unpicklable": "_thread.lock", "locked": "locked", "picky": "first"}[task.__name__] in str(
                caught.value
            )
            with pytest.raises(MaybeEncodingError):
                pool.map(task, [1, 2])
        assert pool.apply(square, (3,)) == 9


@pytest.mark.parametrize("name", ["SystemExit", "KeyboardInterrupt", "GeneratorExit"])
def test_task_raises_what_is_no_exception(ctx: Any, name: str) -> None:
    with ctx.Pool(1) as pool:
        with pytest.raises(gomp.TaskAborted, match=name) as caught:
            pool.apply(raise_base, (name,))
        assert "in raise_base" in str(caught.value.__cause__)
        assert pool.apply(square, (3,)) == 9


def test_only_the_item_that_cannot_be_pickled_fails(pool: Any) -> None:
    results = pool.imap(same, [1, threading.Lock(), 3])
    assert results.next(10) == 1
    with pytest.raises(TypeError, match="cannot pickle"):
        results.next(10)
    assert results.next(10) == 3


def test_imap_goes_on_after_a_chunk_that_failed(pool: Any) -> None:
    results, found = pool.imap(fail_at_three, range(9), 3), []
    for _ in range(7):
        try:
            found.append(next(results))
        except ValueError:
            found.append(None)
    assert found == [0, 1, 2, None, 6, 7, 8]


class Sized:
    """Has a length, and breaks on the way."""

    def __len__(self) -> int:
        return 10

    def __iter__(self) -> Any:
        yield 1
        raise OSError("the input is broken")


def test_map_of_what_has_a_length_and_breaks(pool: Any) -> None:  # the standard pool waits for ever
    with pytest.raises(OSError, match="the input is broken"):
        pool.map(square, Sized())


# --- cancelling ---


def test_cancel_what_waits(fork: Any) -> None:
    with fork.Pool(1) as pool:
        first = pool.apply_async(nap, (0.2,))
        second, third = pool.apply_async(nap, (30,)), pool.apply_async(pid_of)
        assert second.cancel()
        with pytest.raises(CancelledError):
            second.get(10)
        assert first.get(10) == 0.2
        assert third.get(10) > 0
        assert not first.cancel() and not second.cancel()


def test_cancel_what_runs(ctx: Any) -> None:
    with ctx.Pool(1) as pool:
        pid = pool.apply(pid_of)
        result = pool.apply_async(nap, (30,))
        while not pool.stats()["running"]:
            time.sleep(0.001)
        assert result.cancel()
        with pytest.raises(CancelledError):
            result.get(10)
        assert pool.apply(pid_of) != pid
        assert pool.stats()["lost"] == 0


def test_cancel_a_map(pool: Any) -> None:
    heard: list[Any] = []
    result = pool.map_async(nap, [0.01] * 20 + [30] * 20, chunksize=1, error_callback=heard.append)
    time.sleep(0.1)
    assert result.cancel()
    with pytest.raises(CancelledError):
        result.get(10)
    assert [type(e) for e in heard] == [CancelledError]
    assert pool.map(square, range(10)) == [x * x for x in range(10)]


# --- event loops ---


def test_await(ctx: Any) -> None:
    async def main() -> list[Any]:
        with ctx.Pool(2) as pool:
            got = await asyncio.gather(
                pool.apply_async(square, (3,)), pool.map_async(square, range(5)), pool.apply_async(nap, (0.05,))
            )
            with pytest.raises(ValueError, match="it went wrong"):
                await pool.apply_async(fail)
            done = pool.apply_async(square, (4,))
            done.wait()
            return [*got, await done]

    assert asyncio.run(main()) == [9, [0, 1, 4, 9, 16], 0.05, 16]


def test_event_loop_goes_on_meanwhile(pool: Any) -> None:
    async def main() -> int:
        result, ticks = pool.apply_async(nap, (0.2,)), 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.01)

        task = asyncio.create_task(tick())
        await result
        task.cancel()
        return ticks

    assert asyncio.run(main()) > 3


def test_async_for(pool: Any) -> None:
    async def main() -> tuple[list[int], list[int]]:
        return (
            [x async for x in pool.imap(square, range(50), buffersize=3)],
            [x async for x in pool.imap_unordered(square, iter(range(50)))],
        )

    ordered, unordered = asyncio.run(main())
    assert ordered == sorted(unordered) == [x * x for x in range(50)]


def test_await_in_a_loop_that_ends(pool: Any) -> None:
    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(pool.apply_async(nap, (0.3,)), 0.05)

    asyncio.run(main())
    assert pool.apply(square, (2,)) == 4


# --- by the core ---


def test_tasks_go_through_the_core(pool: Any) -> None:
    before, done = _boundary.stats()["steps"], pool.stats()["done"]
    pool.map(square, range(300), chunksize=1)
    pool.apply(square, (1,))
    assert pool.stats()["done"] == done + 301
    assert _boundary.stats()["steps"] > before
    assert isinstance(pool._core, _boundary.Pool)


def test_result_of_a_forked_child_s_parent(pool: Any) -> None:
    result = pool.apply_async(nap, (0.1,))
    pid = os.fork()
    if pid == 0:
        try:
            result.get(1)
        except RuntimeError:
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    _boundary.reaped(pid)
    assert result.get(10) == 0.1


def test_stats(pool: Any) -> None:
    assert pool.stats()["latency"] == {0.5: None, 0.9: None, 0.99: None}
    slow = pool.apply_async(nap, (0.3,))
    waiting = pool.map_async(nap, [0.05] * 6, chunksize=1)
    while not pool.stats()["running"]:
        time.sleep(0.001)
    time.sleep(0.05)
    stats = pool.stats()
    running = [w["running"] for w in stats["workers"] if w["running"]]
    assert stats["queued"] >= 1 and stats["queued_bytes"] > 0
    assert any(r["index"] == 0 and 0.04 < r["seconds"] < 5 for r in running)
    slow.get(10)
    waiting.get(10)
    with pytest.raises(ValueError):
        pool.apply(fail)
    pool.apply(same, (bytes(50_000),))
    stats = pool.stats()
    assert (stats["done"], stats["failed"], stats["queued"], stats["running"]) == (9, 1, 0, 0)
    assert sum(w["done"] for w in stats["workers"]) == 9
    assert sum(w["bytes"] for w in stats["workers"]) > 100_000
    assert 0.5 < sum(w["busy"] for w in stats["workers"]) < 5
    assert {w["pid"] for w in stats["workers"]} == {w.pid for w in pool._pool}
    assert 0 < stats["latency"][0.5] <= stats["latency"][0.9] <= stats["latency"][0.99] < 10


def test_import_starts_nothing() -> None:
    code = "import gomp.pool, threading, gomp._boundary as b; assert not b.born(); print(threading.active_count())"
    path = os.pathsep.join(entry for entry in sys.path if entry)
    printed = subprocess.check_output([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, timeout=30)
    assert printed == b"1\n"


WAYS = {
    "apply": lambda pool, task, **options: [pool.apply(task, (2,), **options)],
    "map": lambda pool, task, **options: pool.map(task, [2], **options),
    "starmap_async": lambda pool, task, **options: pool.starmap_async(task, [(2,)], **options).get(20),
    "imap": lambda pool, task, **options: list(pool.imap(task, [2], **options)),
}
WRONG = [("timeout", value) for value in ("x", [1], -1, 0, float("nan"))]
WRONG += [("retries", value) for value in ("x", -1, 1.5, None)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("task", [square, kernels.square])
def test_options_that_are_none(pool: Any, way: str, task: Any) -> None:
    """Each is refused by its name and value, before anything is submitted."""
    wrong = [*WRONG, ("progress", 7), ("progress", "x")] if way in ("map", "imap") else WRONG
    for name, value in wrong:
        with pytest.raises((TypeError, ValueError), match=f"{name} must be .*, not {re.escape(repr(value))}"):
            WAYS[way](pool, task, **{name: value})
    assert pool.stats()["queued"] == pool.stats()["done"] == 0
    # What is beyond the core's numbers is as good as no limit.
    for name, value in [("timeout", float("inf")), ("timeout", 1e300), ("retries", 1 << 32), ("retries", 10**20)]:
        assert WAYS[way](pool, task, **{name: value}) == [4]
