"""Large data through the pool, both ways."""

from __future__ import annotations

import os
import pathlib
import signal
from typing import Any

import numpy as np
import pytest
from memory import LARGE, large, used, used_soon, where

import gomp
from gomp import _boundary


def double(array: Any) -> tuple[str, Any]:
    return where(array), array * 2


def write(array: Any) -> Any:
    array[0] = os.getpid()
    return array


def die(array: Any, once: str) -> tuple[int, bool]:
    if not once or not os.path.exists(once):
        if once:
            pathlib.Path(once).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    array[1:] = 0  # its own, and not what the next one would get
    return int(array[0]), array.flags.writeable


def test_there_and_back(ctx: Any) -> None:
    with ctx.Pool(2) as pool:
        before = used()
        results = pool.map(double, [large(n) for n in range(6)])
        for number, (place, array) in enumerate(results):
            assert place == where(array) == "shared" and np.array_equal(array, 2 * large(number))
        del results, array
        assert used_soon(before) or used() - before <= 1 << 14, "more than the pool's own pages"


def test_shared_arrays(ctx: Any) -> None:
    array = gomp.arrays.zeros(LARGE)
    with ctx.Pool(1) as pool:
        got = pool.apply(write, (array,))
        assert got[0] == array[0] != 0
        got[1] = 7
        assert array[1] == 7


@pytest.mark.parametrize("retries", [0, 2])
def test_a_worker_that_dies_with_an_array(tmp_path: pathlib.Path, retries: int) -> None:
    with gomp.get_context("fork").Pool(2) as pool:
        pool.map(double, [large()])
        before = used()
        if retries:
            once = str(tmp_path / "once")
            result = pool.apply_async(die, (large(5), once), retries=retries)
            assert result.get(20) == (5, True)
        else:
            result = pool.apply_async(die, (large(5), ""))
            with pytest.raises(gomp.WorkerLost):
                result.get(20)
        del result
        assert used_soon(before) or used() - before <= 1 << 14, used() - before
    assert not _boundary.check()
