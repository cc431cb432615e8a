"""What travels: functions of all sorts, large data, and very many small tasks."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
from pool_tasks import add, same, square

from gomp import _boundary


def used_soon(wanted: int) -> bool:
    """Whether no more than this is in use before long: workers have to let go."""
    end = time.monotonic() + 5
    while gc.collect() >= 0 and _boundary.stats()["used"] > wanted and time.monotonic() < end:
        time.sleep(0.01)
    return _boundary.stats()["used"] <= wanted


# --- functions ---


def test_functions_that_plain_pickle_refuses(ctx: Any) -> None:
    offset = 10

    def shifted(x: int) -> int:
        return x + offset

    with ctx.Pool(1) as pool:
        assert pool.apply(lambda: offset) == 10
        assert pool.apply_async(shifted, (1,)).get(10) == 11
        assert pool.map(shifted, range(3)) == [10, 11, 12]
        assert pool.starmap(lambda a, b: a * b, [(2, 3), (4, 5)]) == [6, 20]
        assert list(pool.imap(shifted, range(3))) == [10, 11, 12]
        assert list(pool.imap_unordered(lambda x: x, [5])) == [5]


def test_advice_where_cloudpickle_is_missing(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    for call in (
        lambda: pool.apply(lambda: 1),
        lambda: pool.map(lambda x: x, [1]),
        lambda: list(pool.imap(lambda x: x, [1])),
    ):
        with pytest.raises((AttributeError, pickle.PicklingError)) as caught:
            call()
        assert any("pip install cloudpickle" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_functions_of_a_prompt(method: str) -> None:
    session = f"""import gomp
def double(x):
    return 2 * x

with gomp.get_context("{method}").Pool(1) as pool:
    print("got", pool.map(double, [1, 2]), pool.apply(lambda: double(4)))

"""
    done = subprocess.run(
        [sys.executable, "-i", "-q"],
        input=session,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "got [2, 4] 8\n" in done.stdout, done.stderr


def test_function_travels_once_for_each_worker(pool: Any) -> None:
    counted = Counted()
    assert pool.map(counted, range(200), chunksize=1) == list(range(200))
    assert counted.pickled == 1


class Counted:
    """Counts how often it is pickled."""

    def __init__(self) -> None:
        self.pickled = 0

    def __call__(self, x: int) -> int:
        return x

    def __getstate__(self) -> dict[str, int]:
        self.pickled += 1
        return {"pickled": 0}


# --- data ---


def scaled(array: Any) -> Any:
    array *= 2  # it is the worker's own
    return array


def test_large_arrays_there_and_back(ctx: Any) -> None:
    arrays = [np.full(1 << 20, n, dtype=np.float64) for n in range(6)]  # 8 MiB each
    with ctx.Pool(2) as pool:
        before = _boundary.stats()["used"]
        got = pool.map(scaled, arrays, chunksize=1)
        assert all((array == 2 * n).all() for n, array in enumerate(got))
        assert all((array == n).all() for n, array in enumerate(arrays))
        got[0][:] = 7
        assert got[0].flags.writeable and (got[1] == 2).all()
        del got
        assert used_soon(before + (1 << 20))
        assert sum(int(array[0]) for array in pool.imap_unordered(scaled, arrays, buffersize=2)) == 30
        assert pool.apply(scaled, (arrays[3],))[-1] == 6
        assert used_soon(before + (1 << 20))


@pytest.mark.parametrize("size", [0, 1, 200, 300, 1000, 1100, 8000, 9000, 65_000, 70_000, 5_000_001])
def test_answers_of_any_size(pool: Any, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert pool.apply(same, (data,)) == data
    assert pool.map(same, [data] * 5, chunksize=1) == [data] * 5
    assert pool.map(same, [data] * 5, chunksize=5) == [data] * 5


def test_more_than_may_wait_at_once(pool: Any) -> None:
    before = _boundary.stats()["used"]
    # 300 MB of arguments, of which 64 MB may be queued.
    assert sum(map(len, pool.map(bytes_of, (bytes(3_000_000) for _ in range(100)), chunksize=1))) == 100
    assert used_soon(before + (1 << 20))


def bytes_of(data: bytes) -> bytes:
    return data[:1]


def test_arguments_that_contain_themselves(pool: Any) -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    got = pool.apply(same, (loop,))
    assert got[0] == 1 and got[1] is got


# --- very many ---


def test_very_many_small_tasks(ctx: Any) -> None:
    with ctx.Pool(2) as pool:
        n = 20_000
        assert pool.map(square, range(n), chunksize=1) == [x * x for x in range(n)]
        results = [pool.apply_async(add, (i, i)) for i in range(3000)]
        assert [result.get(10) for result in results] == [2 * i for i in range(3000)]
        assert sum(pool.imap_unordered(square, iter(range(n)))) == sum(x * x for x in range(n))
        assert pool.stats()["done"] == 2 * n + 3000


def test_dropped_result_is_freed_with_the_next_one(pool: Any) -> None:
    before = _boundary.stats()["used"]
    kept = pool.apply_async(abs, (-1,))
    pool.apply_async(bytes, (8 << 20,))
    end = time.monotonic() + 10
    while pool.stats()["done"] < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert _boundary.stats()["used"] > before + (8 << 20)
    del kept
    assert _boundary.stats()["used"] < before + (1 << 20)
