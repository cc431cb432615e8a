"""The same calls on the standard pool and on gomp's: the same results, exceptions and texts."""

from __future__ import annotations

import multiprocessing
import pickle
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pool_tasks import add, fail, fail_at_three, nap, nested_pool, pid_of, same, square, unpicklable

import gomp


def broken_iterable(n: int) -> Iterator[int]:
    yield from range(n)
    raise OSError("the input is broken")


def drain(iterator: Any) -> list[Any]:
    """What comes of an iterator that goes on after exceptions."""
    found: list[Any] = []
    while True:
        try:
            found.append(next(iterator))
        except StopIteration:
            return found
        except Exception as e:
            found.append((type(e).__name__, str(e)))


def callbacks(call: Callable[[Any, Any], Any]) -> Any:
    """What reaches the callbacks."""
    heard: list[Any] = []
    result = call(
        lambda value: heard.append(("value", value)), lambda e: heard.append(("error", type(e).__name__, str(e)))
    )
    result.wait(10)
    time.sleep(0.05)
    return heard, result.ready(), result.successful()


def after(ending: str, call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def run(pool: Any) -> Any:
        getattr(pool, ending)()
        return call(pool)

    return run


def closed_and_joined(pool: Any) -> Any:
    result = pool.map_async(square, range(50))
    pool.close()
    pool.join()
    return result.get(), {p.exitcode for p in pool._pool} <= {0}


CALLS: dict[str, Callable[[Any], Any]] = {
    "apply": lambda p: p.apply(add, (1,), {"b": 2, "c": 3}),
    "apply without arguments": lambda p: p.apply(dict),
    "apply raises": lambda p: p.apply(fail, (5,)),
    "apply_async": lambda p: p.apply_async(add, (1, 2)).get(10),
    "apply_async with wrong arguments": lambda p: p.apply_async(add, (1, 2, 3)).get(10),
    "get in time": lambda p: p.apply_async(nap, (0.3,)).get(0.01),
    "not ready": lambda p: (lambda r: (r.ready(), r.wait(0.01), r.ready(), r.get(), r.ready(), r.successful()))(
        p.apply_async(nap, (0.1,))
    ),
    "successful too early": lambda p: p.apply_async(nap, (0.2,)).successful(),
    "not successful": lambda p: (lambda r: (r.wait(10), r.successful()))(p.apply_async(fail)),
    "map": lambda p: p.map(square, range(100)),
    "map of nothing": lambda p: p.map(square, []),
    "map of a generator": lambda p: p.map(square, (i for i in range(100))),
    "map of a string": lambda p: p.map(same, "letters"),
    "map of a dictionary": lambda p: p.map(same, {"a": 1, "b": 2}),
    "map in chunks": lambda p: p.map(square, range(100), 7),
    "map in chunks of one": lambda p: p.map(square, range(100), chunksize=1),
    "map in one chunk": lambda p: p.map(square, range(100), chunksize=1000),
    "map raises": lambda p: p.map(fail_at_three, range(10)),
    "map raises in chunks of one": lambda p: p.map(fail_at_three, range(10), 1),
    "map of what breaks": lambda p: p.map(square, broken_iterable(5)),
    "map of no iterable": lambda p: p.map(square, 5),
    "map_async": lambda p: p.map_async(square, [1, 2, 3]).get(10),
    "map_async of what breaks": lambda p: p.map_async(square, broken_iterable(5)).get(10),
    "starmap": lambda p: p.starmap(add, [(1, 2), (3, 4)]),
    "starmap of a generator": lambda p: p.starmap(add, ((i, i) for i in range(20)), 3),
    "starmap with wrong arguments": lambda p: p.starmap(add, [1, 2]),
    "starmap_async": lambda p: p.starmap_async(add, [(1, 2)]).get(10),
    "imap": lambda p: list(p.imap(square, range(50))),
    "imap in chunks": lambda p: list(p.imap(square, range(50), 7)),
    "imap of nothing": lambda p: list(p.imap(square, [])),
    "imap raises": lambda p: drain(p.imap(fail_at_three, range(6))),
    "imap of what breaks": lambda p: drain(p.imap(square, broken_iterable(5))),
    "imap of what breaks at once": lambda p: drain(p.imap(square, broken_iterable(0))),
    "imap with a wrong chunk size": lambda p: p.imap(square, [1], 0),
    "imap in time": lambda p: p.imap(nap, [0.3]).next(timeout=0.01),
    "imap twice at its end": lambda p: (lambda it: (list(it), list(it)))(p.imap(square, [1])),
    "imap is its own iterator": lambda p: (lambda it: iter(it) is it)(p.imap(square, [])),
    "imap_unordered": lambda p: sorted(p.imap_unordered(square, range(50))),
    "imap_unordered in chunks": lambda p: sorted(p.imap_unordered(square, range(50), 7)),
    "imap_unordered raises": lambda p: sorted(map(str, drain(p.imap_unordered(fail_at_three, range(6))))),
    "imap_unordered with a wrong chunk size": lambda p: p.imap_unordered(square, [1], -1),
    "result cannot be pickled": lambda p: p.apply(unpicklable),
    "result in a chunk cannot be pickled": lambda p: p.map(unpicklable, range(3), 3),
    "argument cannot be pickled": lambda p: p.apply(same, (threading.Lock(),)),
    "item cannot be pickled": lambda p: p.map(same, [1, threading.Lock(), 3], 1),
    "item of imap cannot be pickled": lambda p: drain(p.imap(same, [1, threading.Lock(), 3])),
    "function cannot be pickled": lambda p: p.map(threading.Lock().acquire, [1]),
    "callback": lambda p: callbacks(lambda c, e: p.apply_async(add, (1, 2), {}, c, e)),
    "error callback": lambda p: callbacks(lambda c, e: p.apply_async(fail, (), {}, c, e)),
    "callback of a map": lambda p: callbacks(lambda c, e: p.map_async(square, range(5), 2, c, e)),
    "callback of a map of nothing": lambda p: callbacks(lambda c, e: p.map_async(square, [], None, c, e)),
    "error callback of a map": lambda p: callbacks(lambda c, e: p.map_async(fail_at_three, range(5), 2, c, e)),
    "callback of a starmap": lambda p: callbacks(lambda c, e: p.starmap_async(add, [(1, 2)], None, c, e)),
    "a pool in a worker": lambda p: p.apply(nested_pool),
    "pickling the pool": lambda p: pickle.dumps(p),
    "text": repr,
    "text when closed": after("close", repr),
    "text when terminated": after("terminate", repr),
    "join too early": lambda p: p.join(),
    "apply after close": after("close", lambda p: p.apply(square, (1,))),
    "apply_async after terminate": after("terminate", lambda p: p.apply_async(square, (1,))),
    "map after close": after("close", lambda p: p.map(square, [1])),
    "imap after close": after("close", lambda p: p.imap(square, [1])),
    "with after close": after("close", lambda p: p.__enter__()),
    "close twice": after("close", lambda p: p.close()),
    "closed and joined": closed_and_joined,
    "terminate twice": after("terminate", lambda p: p.terminate()),
    "workers": lambda p: (p._processes, len(p._pool), all(w.daemon for w in p._pool), p.apply(pid_of) > 0),
}

MAKING: dict[str, dict[str, Any]] = {
    "no processes": {"processes": 0},
    "negative processes": {"processes": -1},
    "an initializer that is none": {"initializer": 5},
    "no tasks": {"maxtasksperchild": 0},
    "tasks that are no number": {"maxtasksperchild": "many"},
}


def told(found: Any) -> str:
    """What was found as text, without what must differ."""
    return re.sub(r"0x[0-9a-f]+", "0x", repr(found).replace("gomp.", "multiprocessing."))


def outcome(library: Any, call: Callable[[Any], Any]) -> Any:
    """What a call returns or raises, and the last line of the traceback that came with it."""
    with library.get_context("fork").Pool(2) as pool:
        try:
            value = call(pool)
        except Exception as e:
            cause = e.__cause__
            return type(e).__name__, str(e), cause and (type(cause).__name__, str(cause).splitlines()[-2:])
        return value


@pytest.mark.parametrize("call", CALLS)
def test_same_as_the_standard_pool(call: str) -> None:
    assert told(outcome(gomp, CALLS[call])) == told(outcome(multiprocessing, CALLS[call]))


@pytest.mark.parametrize("arguments", MAKING)
def test_made_as_the_standard_pool(arguments: str) -> None:
    def make(library: Any) -> Any:
        try:
            library.get_context("fork").Pool(**MAKING[arguments])
        except Exception as e:
            return type(e), str(e)

    assert make(gomp) == make(multiprocessing)


def test_remote_traceback_has_the_worker_s_lines(ctx: Any) -> None:
    with ctx.Pool(1) as pool, pytest.raises(ValueError, match="it went wrong with 5") as caught:
        pool.apply(fail, (5,))
    text = str(caught.value.__cause__)
    assert type(caught.value.__cause__).__name__ == "RemoteTraceback"
    assert "Traceback (most recent call last)" in text
    assert "pool_tasks.py" in text and "in fail" in text


@pytest.mark.parametrize("library", [multiprocessing, gomp])
def test_pool_that_is_forgotten_warns(library: Any) -> None:
    pool = library.get_context("fork").Pool(1)
    workers = list(pool._pool)
    with pytest.warns(ResourceWarning, match="unclosed running multiprocessing pool"):
        pool.__del__()
    pool.terminate()
    pool.join()
    assert all(worker.exitcode is not None for worker in workers)


def test_pool_that_was_used_does_not_warn(ctx: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with ctx.Pool(1) as pool:
            pool.map(square, range(10))
        pool = ctx.Pool(1)
        pool.apply(square, (1,))
        pool.close()
        pool.join()
        del pool


def test_thread_pool() -> None:
    with gomp.pool.ThreadPool(2) as pool:
        assert pool.map(lambda x: x + 1, range(10)) == list(range(1, 11))
        assert pool.apply(threading.get_ident) != threading.get_ident()
