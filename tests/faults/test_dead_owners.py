"""Who holds a lock, or a permit, dies."""

from __future__ import annotations

import io
import os
import pathlib
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from dying import FEW, SOON, TIMES, Child, Tell, children, kill, repeat

import gomp
from gomp._errors import OwnerDied, OwnerDiedWarning

fork = gomp.get_context("fork")
LOCKS = {"Lock": fork.Lock, "RLock": fork.RLock}
KINDS = pytest.mark.parametrize(("kind", "times"), [("Lock", TIMES), ("RLock", FEW)])

# Longer than it takes to notice a death: for what must not happen.
LONG = 3 * SOON


def hold(lock: Any, depth: int = 1) -> Callable[[Tell], None]:
    def action(tell: Tell) -> None:
        for _ in range(depth):
            lock.acquire()
        tell("there")

    return action


def acquire(lock: Any) -> tuple[float, list[str]]:
    """Acquire; when that was, and the warnings that came with it."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert lock.acquire(timeout=10)
        when = time.monotonic()
    assert all(w.category is OwnerDiedWarning for w in seen), seen
    return when, [str(w.message) for w in seen]


def wait_for(lock: Any) -> Callable[[Tell], None]:
    def action(tell: Tell) -> None:
        tell("there")
        tell(*acquire(lock))
        lock.release()
        tell("released")

    return action


def one_warning(seen: list[str], pid: int) -> bool:
    return len(seen) == 1 and str(pid) in seen[0].split()


def quiet(lock: Any) -> bool:
    """Whether the lock goes from hand to hand without news."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            assert lock.acquire(timeout=0)
            lock.release()
    return True


@KINDS
def test_waiter_gets_the_lock_of_a_killed_one(kind: str, times: int) -> None:
    lock = LOCKS[kind]()

    def run() -> float:
        with children(hold(lock, depth=2 if kind == "RLock" else 1), wait_for(lock)) as (holder, waiter):
            death = holder.kill()
            when, seen = waiter.told()
            assert one_warning(seen, holder.pid)
            assert waiter.told() == ("released",)
            assert quiet(lock)
        return when - death

    repeat(run, times)


@pytest.mark.parametrize("waiting", [2, 5])
def test_one_of_several_waiters_is_told(waiting: int) -> None:
    lock = fork.Lock()

    def run() -> float:
        with children(hold(lock), *[wait_for(lock)] * waiting) as (holder, *waiters):
            death = holder.kill()
            told = [waiter.told() for waiter in waiters]
            assert sum(one_warning(seen, holder.pid) for _, seen in told) == 1
            assert sum(len(seen) for _, seen in told) == 1
        return min(when for when, _ in told) - death

    repeat(run, FEW)


ENDS: dict[str, Callable[[], object]] = {
    "SIGKILL": lambda: time.sleep(60),
    "SIGSTOP and SIGKILL": lambda: time.sleep(60),
    "os._exit": lambda: os._exit(0),
    "SIGTERM": lambda: (signal.signal(signal.SIGTERM, signal.SIG_DFL), signal.raise_signal(signal.SIGTERM)),
}


@pytest.mark.parametrize("kind", LOCKS)
@pytest.mark.parametrize("end", ENDS)
def test_next_to_come_gets_the_lock(kind: str, end: str) -> None:
    lock = LOCKS[kind]()

    def die(tell: Tell) -> None:
        lock.acquire()
        tell("there")
        ENDS[end]()

    def run() -> float:
        with children(die) as (holder,):
            if end == "SIGSTOP and SIGKILL":
                holder.stop()
            if end.endswith("KILL"):
                holder.kill()
            else:
                os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
            start = time.monotonic()
            when, seen = acquire(lock)
            assert one_warning(seen, holder.pid)
            lock.release()
            assert quiet(lock)
        return when - start

    repeat(run, TIMES if (kind, end) == ("RLock", "SIGKILL") else FEW)


@pytest.mark.parametrize("kind", LOCKS)
def test_who_is_stopped_still_holds_the_lock(kind: str) -> None:
    lock = LOCKS[kind]()

    def run() -> float:
        with children(hold(lock), wait_for(lock)) as (holder, waiter):
            holder.stop()
            assert waiter.silent(LONG)
            death = holder.kill()
            when, seen = waiter.told()
            assert one_warning(seen, holder.pid)
        return when - death

    repeat(run, FEW)


def test_who_executes_another_program_is_gone() -> None:
    lock = fork.Lock()

    def leave(tell: Tell) -> None:
        lock.acquire()
        tell("there")
        time.sleep(0.02)
        os.execv("/bin/sleep", ["sleep", "60"])

    def run() -> float:
        with children(leave) as (holder,):
            while not pathlib.Path(f"/proc/{holder.pid}/cmdline").read_text().startswith("sleep"):
                time.sleep(0.001)
            start = time.monotonic()
            when, seen = acquire(lock)
            assert one_warning(seen, holder.pid)
            lock.release()
            assert quiet(lock)
        return when - start

    repeat(run, FEW)


def test_who_executes_another_program_while_others_wait() -> None:
    """Only a sleeper's look into /proc shows that: once a second."""
    lock = fork.Lock()

    def leave(tell: Tell) -> None:
        lock.acquire()
        tell("there")
        time.sleep(0.3)
        os.execv("/bin/sleep", ["sleep", "60"])

    with children(leave, wait_for(lock)) as (holder, waiter):
        _, seen = waiter.told()
        assert one_warning(seen, holder.pid)
        assert waiter.told() == ("released",)


def test_waiting_thread_gets_the_lock_of_a_killed_process() -> None:
    """A thread that runs no signal handlers does not come back to Python at the end of a slice."""
    lock = fork.Lock()

    def wait(tell: Tell) -> None:
        thread = threading.Thread(target=wait_for(lock), args=(tell,))
        thread.start()
        thread.join()

    def run() -> float:
        with children(hold(lock), wait) as (holder, waiter):
            assert waiter.silent(LONG)
            death = holder.kill()
            when, seen = waiter.told()
            assert one_warning(seen, holder.pid)
        return when - death

    repeat(run, FEW)


@KINDS
def test_where_warnings_are_errors_the_lock_is_released_first(kind: str, times: int) -> None:
    lock = LOCKS[kind]()

    def run() -> float:
        with children(hold(lock)) as (holder,), warnings.catch_warnings():
            holder.kill()
            start = time.monotonic()
            warnings.simplefilter("error")
            with pytest.raises(OwnerDiedWarning, match=rf"\b{holder.pid}\b"), lock:
                raise AssertionError("entered")
            took = time.monotonic() - start
            assert quiet(lock)
        return took

    repeat(run, times)


@KINDS
def test_asked_to_raise_the_lock_is_held(kind: str, times: int) -> None:
    lock = LOCKS[kind](on_owner_death="raise")

    def run() -> float:
        with children(hold(lock)) as (holder,):
            holder.kill()
            start = time.monotonic()
            with pytest.raises(OwnerDied) as raised:
                lock.acquire()
            took = time.monotonic() - start
            assert raised.value.pid == holder.pid
            assert lock._semlock._is_mine()
            with children(wait_for(lock)) as (waiter,):
                assert waiter.silent(0.02)
                lock.release()
                _, seen = waiter.told()
                assert seen == []
                assert waiter.told() == ("released",)
            assert quiet(lock)
        return took

    repeat(run, times)


# --- those who end in order ---


def hold_and_end(lock: Any, how: str) -> None:
    lock.acquire()
    if how == "sys.exit":
        sys.exit(3)
    if how == "os._exit":
        os._exit(0)
    if how == "exception":
        sys.stderr = io.StringIO()
        raise RuntimeError("as planned")


def run_to_its_end(ctx: Any, lock: Any, how: str) -> int:
    process = ctx.Process(target=hold_and_end, args=(lock, how))
    process.start()
    process.join()
    return int(process.pid)


@pytest.mark.parametrize("how", ["return", "sys.exit", "exception"])
def test_lock_of_one_that_ended_in_order_stays_locked(ctx: Any, how: str) -> None:
    lock = ctx.Lock()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(TIMES if ctx.get_start_method() == "fork" else 2):
            run_to_its_end(ctx, lock, how)
            assert not lock.acquire(timeout=0)
            lock.release()
            assert lock.acquire(timeout=0)
            lock.release()
        run_to_its_end(ctx, lock, how)
        assert not lock.acquire(timeout=LONG)


def test_process_that_leaves_without_a_word_died(ctx: Any) -> None:
    lock = ctx.Lock()
    pid = run_to_its_end(ctx, lock, "os._exit")
    _, seen = acquire(lock)
    assert one_warning(seen, pid)


# --- semaphores ---

SEMAPHORES = {"Semaphore": fork.Semaphore, "BoundedSemaphore": fork.BoundedSemaphore}


@pytest.mark.parametrize("kind", SEMAPHORES)
@pytest.mark.parametrize("waiting", [False, True])
def test_permits_of_the_dead_are_returned(kind: str, waiting: bool) -> None:
    semaphore = SEMAPHORES[kind](3, on_owner_death="release")

    def run() -> float:
        with children(hold(semaphore, 2), hold(semaphore)) as (holder, other):
            assert not semaphore.acquire(timeout=0)
            if waiting:
                with children(wait_for(semaphore)) as (waiter,):
                    death = holder.kill()
                    when, seen = waiter.told()
                    assert waiter.told() == ("released",)
            else:
                death = holder.kill()
                when, seen = acquire(semaphore)
                semaphore.release()
            assert seen == []
            assert semaphore.get_value() == 2, "a permit too many, or one of the living"
            other.kill()
            for _ in range(3):
                assert semaphore.acquire(timeout=1)
            assert not semaphore.acquire(timeout=0)
            for _ in range(3):
                semaphore.release()
        return when - death

    repeat(run, TIMES if kind == "Semaphore" and waiting else FEW)


@pytest.mark.parametrize("kind", SEMAPHORES)
def test_permit_of_a_plain_semaphore_stays_taken(kind: str) -> None:
    semaphore = SEMAPHORES[kind](1)
    for _ in range(TIMES):
        with children(hold(semaphore)) as (holder,):
            holder.kill()
            assert not semaphore.acquire(timeout=0)
        assert semaphore.get_value() == 0
        semaphore.release()
    semaphore.acquire()
    with children(hold(fork.Semaphore())) as (other,):
        other.kill()
        assert not semaphore.acquire(timeout=LONG)


def test_returned_permits_are_never_more_than_a_bounded_semaphore_has() -> None:
    semaphore = fork.BoundedSemaphore(1, on_owner_death="release")
    for _ in range(FEW):
        with children(hold(semaphore)) as (holder,):
            semaphore.release()  # by the parent, which has taken none
            holder.kill()
        assert semaphore.get_value() == 1
        assert semaphore.acquire(timeout=1)
        assert not semaphore.acquire(timeout=0)
        semaphore.release()


# --- families ---


def test_grandchild_dies_and_its_parent_does_not_look() -> None:
    lock = fork.Lock()

    def middle(tell: Tell) -> None:
        grandchild = Child(hold(lock))
        grandchild.told()
        tell("there")
        tell(grandchild.pid)

    def run() -> float:
        with children(middle, wait_for(lock)) as (parent, waiter):
            (pid,) = parent.told()
            death = kill(pid)
            when, seen = waiter.told()
            assert one_warning(seen, pid)
        return when - death

    repeat(run, FEW)


def test_grandchild_holds_what_its_dead_parent_did_not() -> None:
    lock = fork.Lock()

    def middle(tell: Tell) -> None:
        grandchild = Child(hold(lock))
        grandchild.told()
        tell("there")
        tell(grandchild.pid)

    def run() -> float:
        with children(middle, wait_for(lock)) as (parent, waiter):
            (pid,) = parent.told()
            parent.kill()
            assert waiter.silent(0.12)
            death = kill(pid)
            when, seen = waiter.told()
            assert one_warning(seen, pid)
        return when - death

    repeat(run, FEW)


def test_child_of_a_holder_does_not_hold() -> None:
    lock = fork.Lock()

    def run() -> float:
        with lock, children(lambda tell: tell("there")) as (child,):
            child.kill()
            assert lock._semlock._is_mine()
        assert quiet(lock)
        return 0.0

    repeat(run, FEW)
