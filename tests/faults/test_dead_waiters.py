"""Who waits dies: a wake that was meant for the dead goes to another, and nobody else returns."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from dying import FEW, TIMES, Child, Tell, children, repeat

import gomp
from gomp import _boundary

fork = gomp.get_context("fork")

Action = Callable[[Tell], None]


def waiting(wait: Callable[[], object]) -> Action:
    """Wait, and tell what came of it and when."""

    def action(tell: Tell) -> None:
        _boundary.check()  # the core is up: from here to the wait it is not far
        tell("there")
        result = wait()
        tell(result, time.monotonic())

    return action


def on_condition(condition: Any) -> Action:
    def action(tell: Tell) -> None:
        with condition:
            tell("there")
            result = condition.wait(10)
        tell(result, time.monotonic())

    return action


def await_sleepers(condition: Any, n: int) -> None:
    end = time.monotonic() + 10
    while condition._waiters._sleeping() != n:
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.mark.parametrize("notified", ["before the death", "after it"])
def test_notification_for_the_dead_goes_to_the_next(notified: str) -> None:
    condition = fork.Condition()

    def notify() -> float:
        with condition:
            condition.notify()
        return time.monotonic()

    def run() -> float:
        with children(*[on_condition(condition)] * 3) as (first, second, third):
            await_sleepers(condition, 3)
            if notified == "before the death":
                first.stop()  # the oldest is told, and will never know
                notify()
                start = first.kill()
            else:
                first.kill()
                start = notify()
            told, when = second.told()
            assert told
            assert third.silent(0), "one notification has woken two"
            notify()
            told, _ = third.told()
            assert told
        return when - start

    repeat(run, TIMES)


def test_nobody_wakes_because_a_waiter_has_died() -> None:
    condition = fork.Condition()
    with children(*[on_condition(condition)] * 3) as (first, *others):
        await_sleepers(condition, 3)
        first.kill()
        _boundary.reaped(first.pid)
        assert all(other.silent(0.15) for other in others)
        assert condition._waiters._sleeping() == 2
        with condition:
            condition.notify_all()
        assert all(other.told()[0] for other in others)


def test_dead_waiter_has_not_the_condition_s_lock() -> None:
    condition = fork.Condition(fork.Lock())

    def run() -> float:
        with children(on_condition(condition)) as (waiter,):
            await_sleepers(condition, 1)
            waiter.kill()
            start = time.monotonic()
            with condition:
                condition.notify_all()
            return time.monotonic() - start

    repeat(run)


def test_event_wakes_the_living() -> None:
    event = fork.Event()

    def run() -> float:
        event.clear()
        with children(*[waiting(lambda: event.wait(10))] * 3) as (first, second, third):
            first.kill()
            assert second.silent(0.005)
            second.stop()
            start = time.monotonic()
            event.set()
            told, when = third.told()
            assert told
            second.kill()
            assert event.is_set() and event.wait(0)
        return when - start

    repeat(run)


def at_barrier(barrier: Any) -> Action:
    def meet() -> str:
        try:
            barrier.wait(10)
        except threading.BrokenBarrierError:
            return "broken"
        return "passed"

    return waiting(meet)


def await_arrivals(barrier: Any, n: int) -> None:
    end = time.monotonic() + 10
    while barrier.n_waiting != n:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_barrier_breaks_when_one_that_had_arrived_dies() -> None:
    barrier = fork.Barrier(3)

    def run() -> float:
        with children(*[at_barrier(barrier)] * 2) as (first, second):
            await_arrivals(barrier, 2)
            death = first.kill()
            told, when = second.told()
            assert told == "broken" and barrier.broken
            with pytest.raises(threading.BrokenBarrierError):
                barrier.wait(0)
        barrier.reset()
        with children(*[at_barrier(barrier)] * 2) as others:
            barrier.wait(10)
            assert all(other.told()[0] == "passed" for other in others)
        return when - death

    repeat(run)


def test_barrier_does_not_break_when_one_that_has_passed_or_not_come_dies() -> None:
    barrier = fork.Barrier(2)

    def run() -> float:
        with children(at_barrier(barrier), lambda tell: tell("there")) as (first, absent):
            absent.kill()
            _boundary.reaped(absent.pid)
            barrier.wait(10)
            first.told()
            first.kill()
            _boundary.reaped(first.pid)
            assert not barrier.broken and barrier.n_waiting == 0
        return 0.0

    repeat(run, FEW)


# --- queues ---


@pytest.mark.parametrize("putting", ["after the death", "before it"])
@pytest.mark.parametrize("size", [10, 20_000])
def test_message_goes_to_a_living_consumer(putting: str, size: int) -> None:
    queue = fork.Queue()

    def run() -> float:
        with children(*[waiting(lambda: queue.get(timeout=10))] * 2) as (first, second):
            if putting == "after the death":
                first.kill()
                start = time.monotonic()
                queue.put(b"x" * size)
            else:
                first.stop()  # it may be the one that is woken, and will never know
                queue.put(b"x" * size)
                start = first.kill()
            told, when = second.told()
            assert told == b"x" * size
            assert queue.empty()
        return when - start

    repeat(run, TIMES if size == 10 and putting == "before it" else FEW)


@pytest.mark.parametrize("taking", ["after the death", "before it"])
def test_room_goes_to_a_living_producer(taking: str) -> None:
    queue = fork.Queue(1)

    def run() -> float:
        queue.put("full")
        with children(
            waiting(lambda: queue.put("dead", timeout=10)), waiting(lambda: queue.put("living", timeout=10))
        ) as (first, second):
            if taking == "after the death":
                first.kill()
                start = time.monotonic()
                assert queue.get() == "full"
            else:
                first.stop()
                assert queue.get() == "full"
                start = first.kill()
            _, when = second.told()
            assert queue.get(timeout=1) == "living"
            assert queue.empty() and queue.qsize() == 0
        return when - start

    repeat(run, TIMES if taking == "before it" else FEW)


def test_all_are_told_that_the_tasks_are_done() -> None:
    queue = fork.JoinableQueue()

    def run() -> float:
        queue.put(1)
        with children(*[waiting(queue.join)] * 3) as (first, *others):
            first.kill()
            queue.get()
            start = time.monotonic()
            queue.task_done()
            return max(other.told()[1] for other in others) - start

    repeat(run, FEW)


def test_pipe_goes_on_without_a_reader_that_waited() -> None:
    reader, writer = fork.Pipe(duplex=False)

    def run() -> float:
        with children(*[waiting(reader.recv)] * 2) as (first, second):
            first.stop()
            writer.send("message")
            start = first.kill()
            told, when = second.told()
            assert told == "message"
        return when - start

    repeat(run, FEW)


def test_end_of_a_pipe_shows_when_its_last_writer_dies() -> None:
    def run() -> float:
        reader, writer = fork.Pipe(duplex=False)

        def receive() -> str:
            writer.close()
            try:
                reader.recv()
            except EOFError:
                return "end"
            return "message"

        with children(lambda tell: tell("there"), waiting(receive)) as (owner, waiter):
            writer.close()
            reader.close()
            death = owner.kill()
            told, when = waiter.told()
            assert told == "end"
        return when - death

    repeat(run)


# --- locks ---

LOCKS: dict[str, Callable[[], Any]] = {
    "Lock": fork.Lock,
    "RLock": fork.RLock,
    "Semaphore": lambda: fork.Semaphore(1),
    "Semaphore with a ledger": lambda: fork.Semaphore(1, on_owner_death="release"),
}


@pytest.mark.parametrize("kind", LOCKS)
@pytest.mark.parametrize("releasing", ["after the death", "before it"])
def test_lock_goes_to_a_living_waiter(kind: str, releasing: str) -> None:
    lock = LOCKS[kind]()

    def take() -> float:
        assert lock.acquire(timeout=10)
        when = time.monotonic()
        lock.release()
        return when

    def run() -> float:
        lock.acquire()
        with children(*[waiting(take)] * 2) as (first, second):
            if releasing == "after the death":
                first.kill()
                start = time.monotonic()
                lock.release()
            else:
                first.stop()  # it may be the one that is woken
                lock.release()
                start = first.kill()
            when, _ = second.told()
            assert lock.acquire(timeout=1)
            assert not lock.acquire(timeout=0) or (kind == "RLock" and lock.release() is None)
            lock.release()
        return when - start

    repeat(run, TIMES if kind == "Lock" and releasing == "before it" else FEW)


def test_waiters_come_and_die_and_leave_nothing() -> None:
    queue, condition = fork.Queue(), fork.Condition()
    Child(lambda tell: None).end()

    def crowd() -> None:
        waits = [waiting(queue.get), on_condition(condition)] * 4
        with children(*waits) as born:
            for child in born:
                child.kill()

    crowd()
    used = _boundary.stats()["used"]
    for _ in range(FEW):
        crowd()
    assert _boundary.stats()["used"] == used
    assert condition._waiters._sleeping() == 0
