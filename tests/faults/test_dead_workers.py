"""The workers of a pool fail or die, wherever they are: who waits is told, and the pool goes on."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from dying import TRIES
from faulty import CODES, FAULTS, OnArrival, OnLeaving, happen, happen_at_start, happen_soon, same, wind

import gomp
from gomp import _boundary, _ctl
from gomp.pool import MaybeEncodingError

# What the fault model promises; a busy machine may take longer, now and then.
SOON = 1.0
# How long the workers are killed at random, in seconds, in all three start methods together.
SOAK = float(os.environ.get("GOMP_TEST_SOAK", "60"))
HERE = pathlib.Path(__file__).parent


def goes_on(pool: Any) -> None:
    assert pool.map(same, range(1000), chunksize=1) == list(range(1000))


def clock_for(ctx: Any) -> Any:
    """A clock that the faults of this process stop, too."""
    clock = ctx.RawValue("d")
    wind(clock)
    return clock


def repeat(run: Callable[[], float]) -> None:
    """Run a case, which returns how long it took from the fault to the exception."""
    took: list[float] = []
    while not took or took[-1] > SOON:
        assert len(took) < TRIES, f"the exceptions took {', '.join(f'{t:.3f} s' for t in took)}"
        took.append(run())


PLACES: dict[str, Callable[[Any, str], Any]] = {
    "unpickling the function": lambda pool, fault: pool.map_async(OnArrival(fault), [1]),
    "unpickling a call": lambda pool, fault: pool.apply_async(OnArrival(fault)),
    "unpickling arguments": lambda pool, fault: pool.map_async(same, [OnArrival(fault)]),
    "running": lambda pool, fault: pool.apply_async(happen, (fault,)),
    "pickling the result": lambda pool, fault: pool.apply_async(OnLeaving, (fault,)),
}


def expect(place: str, fault: str, failure: BaseException) -> None:
    if fault in CODES:
        assert isinstance(failure, gomp.WorkerLost), failure
        assert failure.exitcode == CODES[fault]
        assert failure.signal == (-CODES[fault] if CODES[fault] < 0 else None)
    elif fault == "sys.exit":
        assert isinstance(failure, gomp.TaskAborted), failure
        assert "SystemExit(5)" in str(failure)
        assert "in happen" in str(failure.__cause__)
    elif place == "pickling the result":
        assert isinstance(failure, MaybeEncodingError), failure
        assert "it went wrong" in str(failure)
    else:
        assert isinstance(failure, ValueError), failure
        assert "in fail" in str(failure.__cause__)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("place", PLACES)
def test_task_fails_and_the_pool_goes_on(ctx: Any, place: str, fault: str) -> None:
    clock = clock_for(ctx)

    def run() -> float:
        with ctx.Pool(2, wind, (clock,)) as pool:
            result = PLACES[place](pool, fault)
            with pytest.raises(Exception) as caught:
                result.get(30)
            took = time.monotonic() - clock.value
            expect(place, fault, caught.value)
            goes_on(pool)
            assert pool.stats()["lost"] == (fault in CODES)
        return took

    repeat(run)


# The other faults would end the parent itself.
# OnArrival, made by the worker, goes wrong where it arrives.
@pytest.mark.parametrize("fault", ["exception", "sys.exit"])
def test_result_fails_in_the_parent(ctx: Any, fault: str) -> None:
    clock = clock_for(ctx)

    def run() -> float:
        with ctx.Pool(2, wind, (clock,)) as pool:
            with pytest.raises(SystemExit if fault == "sys.exit" else ValueError) as caught:
                pool.apply(OnArrival, (fault,))
            took = time.monotonic() - clock.value
            assert str(caught.value) == ("5" if fault == "sys.exit" else "it went wrong")
            goes_on(pool)
        return took

    repeat(run)


@pytest.mark.parametrize("fault", FAULTS)
def test_initializer_fails(ctx: Any, fault: str) -> None:
    clock = clock_for(ctx)

    def run() -> float:
        with ctx.Pool(2, happen_at_start, (fault, clock)) as pool:
            with pytest.raises(gomp.BrokenPool) as caught:
                pool.apply_async(same, (1,)).get(30)
            took = time.monotonic() - clock.value
            if fault not in CODES:
                assert "in happen_at_start" in str(caught.value.__cause__)
            with pytest.raises((gomp.BrokenPool, ValueError)):
                pool.apply(same, (1,))
        return took

    repeat(run)


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_between_tasks(ctx: Any, fault: str) -> None:
    clock = clock_for(ctx)
    with ctx.Pool(2, wind, (clock,)) as pool:
        pid = pool.apply(happen_soon, (fault,))
        end = time.monotonic() + 10
        while clock.value == 0 or pid in {worker.pid for worker in pool._pool}:
            assert time.monotonic() < end, "the dead worker is kept"
            time.sleep(0.001)
        goes_on(pool)
        stats = pool.stats()
        assert stats["lost"] == stats["failed"] == 0
        assert len(stats["workers"]) == 2


def test_child_that_is_killed_at_birth_keeps_no_slot() -> None:
    def reserved() -> int:
        return [member["state"] for member in json.loads(_ctl.Snapshot())["family"]["processes"]].count("reserved")

    context = gomp.get_context("fork")
    _boundary.family()
    before = reserved()  # by children of other tests that were killed as early, without Process
    for _ in range(200):
        child = context.Process(target=same, args=(1,))
        child.start()
        child.kill()
        child.join()
    assert reserved() <= before


# Of the whole time, each start method's part.
@pytest.mark.timeout(60 + 2 * SOAK)
@pytest.mark.parametrize(("method", "part"), [("fork", 0.4), ("spawn", 0.3), ("forkserver", 0.3)])
def test_workers_are_killed_at_any_time(method: str, part: float) -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "soak.py"), method, str(part * SOAK)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
        capture_output=True,
        text=True,
        timeout=55 + 2 * SOAK,
    )
    print(done.stderr)
    assert done.returncode == 0 and done.stdout == "ok\n", done.stdout + done.stderr
