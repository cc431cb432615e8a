"""imap and imap_unordered: how far ahead they go, and what tells of progress."""

from __future__ import annotations

import gc
import itertools
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from pool_tasks import endless, fail, nap, same, square

import gomp
from gomp import _boundary
from gomp.pool import IMapIterator, _Feeder

KINDS = ["imap", "imap_unordered"]


@pytest.mark.parametrize("kind", KINDS)
def test_endless_input_in_constant_memory(ctx: Any, kind: str) -> None:
    read = 0

    def counted() -> Iterator[bytes]:
        nonlocal read
        for number in endless():
            read = number + 1
            yield bytes(10_000)

    with ctx.Pool(2) as pool:
        results = getattr(pool, kind)(same, counted(), buffersize=8)
        before = _boundary.stats()["used"]
        for taken in range(400):
            assert read <= taken + 8
            assert next(results) == bytes(10_000)
            # Of each task there are, for a moment, its arguments and its answer, each in its blocks.
            assert _boundary.stats()["used"] <= before + 8 * 50_000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chunksize", [1, 3])
def test_buffer_changes_nothing_in_the_results(pool: Any, kind: str, chunksize: int) -> None:
    for buffersize in (1, 2, 100):
        results = getattr(pool, kind)(square, iter(range(50)), chunksize, buffersize=buffersize)
        assert sorted(results) == [x * x for x in range(50)]


@pytest.mark.parametrize("kind", KINDS)
def test_all_is_consumed_although_nobody_iterates(pool: Any, kind: str) -> None:
    consumed = threading.Event()

    def items() -> Iterator[int]:
        yield from range(1000)
        consumed.set()

    results = getattr(pool, kind)(square, items())
    assert consumed.wait(10)
    end = time.monotonic() + 10
    while pool.stats()["done"] < 1000:
        assert time.monotonic() < end
        time.sleep(0.005)
    assert sorted(results) == sorted(x * x for x in range(1000))


def test_input_is_read_by_a_thread_of_its_own_that_ends(pool: Any) -> None:
    before = threading.active_count()
    assert list(pool.imap(square, iter(range(100)))) == [x * x for x in range(100)]
    end = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.005)
    assert threading.active_count() == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("buffersize", [None, 2])
def test_input_that_breaks(pool: Any, kind: str, buffersize: int | None) -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise OSError("the input is broken")

    results, found = getattr(pool, kind)(square, items(), buffersize=buffersize), []
    with pytest.raises(OSError, match="the input is broken"):
        for result in results:
            found.append(result)
    assert sorted(found) == [0, 1, 4, 9, 16]
    with pytest.raises(StopIteration):
        next(results)


def test_order(pool: Any) -> None:
    naps = [0.2, 0.0, 0.1, 0.0]
    assert list(pool.imap(nap, naps)) == naps
    assert next(pool.imap_unordered(nap, naps)) == 0.0


def test_next_with_a_time_limit(pool: Any) -> None:
    results = pool.imap(nap, [0.2])
    with pytest.raises(gomp.TimeoutError):
        results.next(timeout=0.01)
    assert results.next(timeout=10) == 0.2
    with pytest.raises(StopIteration):
        results.next(timeout=0.01)


def test_several_threads_iterate(pool: Any) -> None:
    results: Any = pool.imap_unordered(square, iter(range(500)))
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.extend(results)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(found) == [x * x for x in range(500)]


def test_iterator_that_is_forgotten(pool: Any) -> None:
    for _ in range(3):
        results = pool.imap(square, iter(range(1000)))
        assert next(results) == 0
        del results
    gc.collect()
    assert pool.map(square, range(10)) == [x * x for x in range(10)]


@pytest.mark.parametrize("buffersize", [0, -1, 1.5])
def test_buffer_that_cannot_be(pool: Any, buffersize: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="buffersize"):
        pool.imap(square, [1], buffersize=buffersize)


# --- progress ---


class Bar:
    """Looks like tqdm."""

    made: ClassVar[list[Bar]] = []

    def __init__(self, total: int | None = None, **options: object) -> None:
        self.total, self.n, self.closed = total, 0, False
        self.made.append(self)

    def update(self, n: int = 1) -> None:
        self.n += n

    def close(self) -> None:
        self.closed = True


PROGRESS: dict[str, Any] = {
    "map": lambda pool, bar: pool.map(square, range(100), progress=bar),
    "map in chunks": lambda pool, bar: pool.map(square, range(100), 7, progress=bar),
    "map_async": lambda pool, bar: pool.map_async(square, range(100), progress=bar).get(10),
    "starmap": lambda pool, bar: pool.starmap(pow, [(n, 2) for n in range(100)], progress=bar),
    "imap": lambda pool, bar: list(pool.imap(square, range(100), progress=bar)),
    "imap in chunks": lambda pool, bar: list(pool.imap(square, range(100), 7, progress=bar)),
    "imap_unordered": lambda pool, bar: list(pool.imap_unordered(square, range(100), progress=bar)),
}


@pytest.mark.parametrize("method", PROGRESS)
def test_progress(pool: Any, method: str) -> None:
    Bar.made.clear()
    assert sorted(PROGRESS[method](pool, Bar)) == [x * x for x in range(100)]
    (bar,) = Bar.made
    assert (bar.total, bar.n, bar.closed) == (100, 100, True)


def test_progress_of_what_has_no_length(pool: Any) -> None:
    Bar.made.clear()
    list(pool.imap(square, iter(range(10)), progress=Bar))
    assert [(bar.total, bar.n, bar.closed) for bar in Bar.made] == [(None, 10, True)]


def test_progress_while_waiting_now_and_then(pool: Any) -> None:
    Bar.made.clear()
    result = pool.map_async(nap, [0.03] * 10, 1, progress=Bar)
    while not result.ready():
        result.wait(0.02)
    assert result.get(10) == [0.03] * 10
    assert [(bar.n, bar.closed) for bar in Bar.made] == [(10, True)]


def test_progress_of_what_fails(pool: Any) -> None:
    Bar.made.clear()
    with pytest.raises(ValueError):
        pool.map(fail, range(10), 1, progress=Bar)
    assert [(bar.n, bar.closed) for bar in Bar.made] == [(10, True)]


def test_progress_by_tqdm(pool: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)  # a thread that stays for good
    assert pool.map(square, range(20), progress=True) == [x * x for x in range(20)]
    assert "20/20" in capsys.readouterr().err
    assert list(pool.imap(square, iter(range(20)), progress=True)) == [x * x for x in range(20)]  # without a total
    assert "20it" in capsys.readouterr().err


def test_progress_without_tqdm(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match="pip install tqdm"):
        pool.map(square, range(20), progress=True)
    assert list(itertools.islice(pool.imap(square, range(3)), 3)) == [0, 1, 4]


class Thing:
    """Something that a weak reference can refer to."""


def thing(_: int) -> Thing:
    return Thing()


def test_nothing_keeps_a_result_that_was_taken(pool: Any) -> None:
    for results in (pool.imap(thing, range(4)), pool.imap_unordered(thing, range(4))):
        for taken in results:
            seen = weakref.ref(taken)
            del taken
            assert seen() is None


class Interrupting:
    """An item that interrupts the program when it is pickled for the first time."""

    def __init__(self, number: int, interrupt: list[type[BaseException]]) -> None:
        self.number, self.interrupt = number, interrupt

    def __reduce__(self) -> Any:
        if self.number == 5 and self.interrupt:
            raise self.interrupt.pop()
        return int, (self.number,)


def gathered(results: Any) -> list[int]:
    """What an iterator yields to one who goes on after he was interrupted."""
    found: list[int] = []
    while True:
        try:
            found.append(next(results))
        except StopIteration:
            return found
        except KeyboardInterrupt:
            found.append(-1)


@pytest.mark.parametrize("chunksize", [1, 3])
@pytest.mark.parametrize("moment", ["input", "pickling", "submitted"])
def test_interrupted_feeding_loses_and_repeats_nothing(
    pool: Any, moment: str, chunksize: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt: list[type[BaseException]] = [KeyboardInterrupt]

    class Input:
        taken = 0

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> Any:
            if moment == "input" and self.taken == 5 and interrupt:
                raise interrupt.pop()
            self.taken += 1
            if self.taken > 20:
                raise StopIteration
            return Interrupting(self.taken - 1, interrupt) if moment == "pickling" else self.taken - 1

    submit = _Feeder.submit

    def interrupted(feeder: Any, payloads: Any) -> None:
        submit(feeder, payloads)
        if moment == "submitted" and feeder.fed == 3 and interrupt:
            raise interrupt.pop()

    monkeypatch.setattr(_Feeder, "submit", interrupted)
    found = gathered(pool.imap(square, Input(), chunksize, buffersize=1))
    assert found.count(-1) == 1
    assert [one for one in found if one >= 0] == [n * n for n in range(20)]


@pytest.mark.parametrize("chunksize", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_interrupted_delivery_repeats_nothing(
    pool: Any, kind: str, chunksize: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt: list[type[BaseException]] = [KeyboardInterrupt]
    deliver = IMapIterator._deliver

    def interrupted(results: Any, *answer: Any) -> None:
        deliver(results, *answer)
        if interrupt:
            raise interrupt.pop()

    monkeypatch.setattr(IMapIterator, "_deliver", interrupted)
    found = gathered(getattr(pool, kind)(square, range(20), chunksize))
    assert found.pop(0) == -1
    assert sorted(found) == [n * n for n in range(20)]


def test_interrupted_imap_of_a_list_raises(pool: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        pool.imap(square, [Interrupting(n, [KeyboardInterrupt]) for n in range(10)])
    assert pool.apply(square, (3,)) == 9
