"""What the survivors find when a process dies after any store that an operation makes: ``stores.py SCENARIO``.

Each scenario runs in an interpreter of its own, whose family has hardly anything else in it, and prints "ok".
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import queue
import select
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

from stepping import HEAP_SEEN, Memory, fill_pipe, may_trace, moments

import gomp
from gomp import _boundary
from gomp._errors import OwnerDiedWarning
from gomp._worker import Core
from gomp.pool import LOST, RETURNED

ctx = gomp.get_context("fork")
# How soon the others go on, and how often that may be tried where the machine is busy.
SOON, TRIES = 0.1, 5
# Of these, one fits into a queue's first ring, but not two; and the last needs a block of its own.
MIDDLE, LONG, LARGE = b"m" * 1200, b"l" * 1200, b"L" * 10_000
# Goes beside the pickle. Copying zeros to fresh memory changes nothing, so there is little to be looked at.
BUFFER = bytes(64 << 10) + b"end"


# What the worker that dies is called.
DEAD = 4321


def timed(action: Callable[[], object]) -> float:
    start = time.monotonic()
    action()
    return time.monotonic() - start


def drain(q: Any) -> list[Any]:
    """All that is there."""
    got = []
    while True:
        try:
            got.append(q.get(timeout=0))
        except queue.Empty:
            return got


def settled(pid: int) -> int:
    """Sweep the dead process; what is in use after that."""
    _boundary.reaped(pid)
    broken = _boundary.check()
    assert not broken, broken
    return _boundary.stats()["used"]


class Story:
    """An operation, done by the child, and what must be true for the others wherever it was cut short.

    `after` returns how long the first of its operations took, which is one that needs what the dead one may have had.
    """

    pipes: tuple[int, ...] = ()
    writers: tuple[int, ...] = ()
    heap = HEAP_SEEN  # how much of the heap it may touch

    def warm(self) -> None:
        """In the child, beforehand: make it use the core once."""
        _boundary.check()

    def act(self) -> object:
        raise NotImplementedError

    def after(self) -> float:
        raise NotImplementedError

    def left(self, before: int, after: int) -> None:
        """Compare what is in use in the end with what was before."""
        assert after == before, f"{after - before} bytes are lost"


class OfQueue(Story):
    """A queue with messages in it; the others find those, or one of `outcomes`."""

    def __init__(
        self,
        present: list[Any],
        act: Callable[[Any], object],
        *outcomes: list[Any],
        maxsize: int = 0,
        grows: int = 0,
    ) -> None:
        self.queue = ctx.Queue(maxsize)
        self.grows = grows  # by how much the queue's own memory may be larger in the end
        self.outcomes = [present, *outcomes]
        self.present = present
        self.action = act
        if present:  # the ring, which stays, is there before memory is measured
            drain(self.fill())
        self.before = _boundary.stats()["used"]
        self.fill()

    def fill(self) -> Any:
        for item in self.present:
            self.queue.put(item)
        return self.queue

    def act(self) -> object:
        return self.action(self.queue)

    def after(self) -> float:
        found: list[Any] = []

        def first() -> None:
            with contextlib.suppress(queue.Empty):
                found.append(self.queue.get(timeout=0))

        took = timed(first)
        found += drain(self.queue)
        assert found in self.outcomes, found
        for item in ("more", LARGE):
            self.queue.put(item, timeout=1)
            assert self.queue.get(timeout=1) == item
        assert self.queue.empty() and self.queue.qsize() == 0
        return took

    def left(self, before: int, after: int) -> None:
        assert after in (before, before + self.grows), f"{after - before} bytes are lost"


class OfBell(OfQueue):
    """The same for a queue whose descriptor somebody selects on."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.reader = self.queue._reader.fileno()
        self.pipes, self.writers = (self.reader,), (self.queue._writer.fileno(),)

    def after(self) -> float:
        found = []
        ready, _, _ = select.select([self.reader], [], [], 0)
        while ready and self.queue.poll(5):
            found.append(self.queue.get(timeout=5))
            ready, _, _ = select.select([self.reader], [], [], 0)
        assert self.queue.qsize() == 0, "messages are there, and the descriptor is silent"
        assert found in self.outcomes, found
        for _ in range(2):  # a byte too many is gone after somebody has looked in vain
            self.queue.put("more")
            assert select.select([self.reader], [], [], 0)[0]
            assert self.queue.get(timeout=1) == "more"
        assert not select.select([self.reader], [], [], 0)[0]
        return 0.0


class OfBuffers(OfQueue):
    """The same with messages that have a large buffer, and one that the processes share, beside their pickle."""

    heap = 1 << 19

    def __init__(self, present: int, act: Callable[[OfBuffers], object], *outcomes: int) -> None:
        self.shared = _boundary.Buffer()
        self.shared._create(100, False)
        memoryview(self.shared)[:3] = b"abc"
        sent = self.message()
        super().__init__([sent] * present, lambda q: act(self), *([sent] * n for n in outcomes))

    def message(self) -> Any:
        return [pickle.PickleBuffer(BUFFER), pickle.PickleBuffer(memoryview(self.shared)[:3])]

    def look(self, messages: list[Any]) -> list[Any]:
        """What can be compared, and holds nothing."""
        return [[bytes(part) for part in message] for message in messages]

    def after(self) -> float:
        found: list[Any] = []

        def first() -> None:
            with contextlib.suppress(queue.Empty):
                found.append(self.queue.get(timeout=0))

        took = timed(first)
        found += drain(self.queue)
        assert self.look(found) in [self.look(outcome) for outcome in self.outcomes]
        found.clear()
        self.queue.put(self.message())
        assert self.look([self.queue.get(timeout=1)]) == self.look([self.message()])
        return took


class OfLock(Story):
    """A lock that the child takes, releases, or both. It is free in the end, or goes over with one warning."""

    def __init__(self, lock: Any, act: Callable[[Any], object], warm: Callable[[Any], object] = bool) -> None:
        self.lock, self.action, self.ready = lock, act, warm
        self.before = _boundary.stats()["used"]

    def warm(self) -> None:
        super().warm()
        self.ready(self.lock)

    def act(self) -> object:
        return self.action(self.lock)

    def after(self) -> float:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            took = timed(lambda: self.lock.acquire(timeout=5))
            assert self.lock._is_mine()
            self.lock.release()
            assert len(seen) < 2, seen
            assert self.lock.acquire(timeout=0)
            self.lock.release()
            assert len(seen) < 2, seen
        return took


class OfSemaphore(OfLock):
    """A semaphore with two permits, both there in the end if `kept` is false."""

    def __init__(self, lost: bool, policy: str, *args: Any) -> None:
        super().__init__(ctx.Semaphore(2, on_owner_death=policy), *args)
        self.lost = lost

    def after(self) -> float:
        took = timed(lambda: self.lock.acquire(timeout=5))
        self.lock.release()
        return took

    def left(self, before: int, after: int) -> None:
        value = self.lock.get_value()
        assert value in ((1, 2) if self.lost else (2,)), value
        for _ in range(value):
            assert self.lock.acquire(timeout=0)
        assert not self.lock.acquire(timeout=0)
        for _ in range(value):
            self.lock.release()


class OfWaiters(Story):
    """A condition. The parent has two entries in it, which the child may notify."""

    def __init__(self, act: Callable[[Any], object]) -> None:
        self.waiters = ctx.Condition()._waiters
        self.before = _boundary.stats()["used"]
        self.entries = [self.waiters.enter(), self.waiters.enter()]
        self.action = act

    def act(self) -> object:
        return self.action(self.waiters)

    def after(self) -> float:
        woken: list[bool] = []
        took = timed(lambda: woken.append(self.waiters.wait(self.entries[0], 0)))
        woken.append(self.waiters.wait(self.entries[1], 0))
        assert woken in ([False, False], [True, False]), woken
        again = self.waiters.enter()
        assert self.waiters.notify(5) >= 1  # a waiter that is dead may count until it is swept
        assert self.waiters.wait(again, 1)
        return took

    def left(self, before: int, after: int) -> None:
        assert self.waiters._sleeping() == 0
        # The memory for entries stays with the condition.


class OfBarrier(Story):
    """A barrier for three at which the child arrives: it breaks, or nobody has arrived."""

    def __init__(self) -> None:
        self.barrier = ctx.Barrier(3)
        self.before = _boundary.stats()["used"]

    def act(self) -> object:
        return self.barrier._shared._arrive()

    def after(self) -> float:
        took = 0.0
        try:
            index, entry = self.barrier._shared._arrive()
        except threading.BrokenBarrierError:
            pass
        else:
            passed: list[bool] = []
            took = timed(lambda: passed.append(self.barrier._shared._wait(entry, 5 if index else 0)))
            assert passed == [False]
        self.barrier.reset()
        assert not self.barrier.broken and self.barrier.n_waiting == 0
        others = [threading.Thread(target=self.barrier.wait, args=(5,)) for _ in range(2)]
        for other in others:
            other.start()
        self.barrier.wait(5)
        for other in others:
            other.join()
        return took

    def left(self, before: int, after: int) -> None:
        pass  # the memory for entries stays with the barrier


class OfEvent(Story):
    """An event that the child sets: it is set or not, and goes on."""

    def __init__(self) -> None:
        self.event = ctx.Event()
        self.before = _boundary.stats()["used"]

    def act(self) -> object:
        return self.event.set()

    def after(self) -> float:
        self.event.clear()
        assert not self.event.wait(0)
        self.event.set()
        return timed(lambda: self.event.wait(5))


class OfObjects(Story):
    """Objects that the child makes, or lets go of: they are no more when it is dead, and nothing is lost."""

    def __init__(self, act: Callable[[Any], object], make: Callable[[], Any] = list) -> None:
        # An arena that is empty but for the child's objects would join its free halves up to the top.
        self.kept = [ctx.Lock(), ctx.Queue()]
        self.before = _boundary.stats()["used"]
        self.make, self.action = make, act

    def warm(self) -> None:
        super().warm()
        self.action([])
        self.made = self.make()

    def act(self) -> object:
        return self.action(self.made)

    def after(self) -> float:
        def use() -> None:
            lock, q, block = ctx.Lock(), ctx.Queue(), _boundary.Block()
            block._create(1000)
            assert not any(memoryview(block))
            with lock:
                q.put(LARGE)
                assert q.get(timeout=1) == LARGE

        return timed(use)


class OfTasks(Story):
    """A queue whose one message was taken, and is being declared done."""

    def __init__(self) -> None:
        self.queue = ctx.JoinableQueue()
        self.queue.put(1)
        self.queue.get()
        self.before = _boundary.stats()["used"]

    def act(self) -> object:
        return self.queue.task_done()

    def after(self) -> float:
        took = timed(lambda: self.queue.put(2))
        self.queue.get(timeout=1)
        self.queue.task_done()
        if not self.queue.join_tasks(0):
            self.queue.task_done()
        assert self.queue.join_tasks(1)
        return took


class OfSweep(OfQueue):
    """A process died with a lock and with objects of its own. Who sweeps it dies too."""

    def __init__(self) -> None:
        super().__init__(["present"], lambda q: _boundary.reaped(self.dead))
        self.lock = ctx.Lock()
        self.before = _boundary.stats()["used"]
        self.dead = os.fork()
        if self.dead == 0:
            self.lock.acquire()
            own = [ctx.Lock(), ctx.Queue()]
            own[1].put(LARGE)
            os._exit(0)
        os.waitpid(self.dead, 0)

    def after(self) -> float:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            took = timed(lambda: self.lock.acquire(timeout=5))
            self.lock.release()
            assert [w.category for w in seen] == [OwnerDiedWarning], seen
        _boundary.reaped(self.dead)
        super().after()
        return took


class OfPool(Story):
    """A pool with two tasks, the first of which a worker takes and answers. The parent buries it and is a worker, too.

    Each task is answered once, the first one perhaps with the worker's death."""

    def __init__(self, first: object, answer: object = None, retries: int = 0) -> None:
        self.core = Core()
        self.core._create(2, 1 << 20)
        self.items, self.answer, self.retries = [first, "second"], answer, retries
        self.outcomes = [(RETURNED, ("again", first))]
        if answer is not None:
            self.outcomes.append((RETURNED, answer))
        if not retries:
            self.outcomes.append((LOST, (DEAD, -9)))
        # A job and its page stay as long as its object does. So the page's size is that of the first one.
        self.before = _boundary.stats()["used"]
        self.former = self.submit()
        self.finish(self.former, 1)
        self.before = 2 * _boundary.stats()["used"] - self.before
        self.job = self.submit()

    def submit(self) -> Any:
        return self.core._submit(None, (0, bool), self.items, 0, 0, False, 256, self.retries, 0)

    def warm(self) -> None:
        super().warm()
        self.enter(0)
        if self.answer is not None:
            self.core._take(0)

    def act(self) -> object:
        return self.core._take(0) if self.answer is None else self.core._answer(0, False, self.answer)

    def enter(self, index: int) -> None:
        self.core._enter(index)
        self.core._begin(index)

    def finish(self, job: Any, index: int) -> dict[int, Any]:
        """Do what is left to do as a worker; the answers, by the tasks' indices."""
        self.enter(index)
        while self.core._stats()[0][0]:
            _, item = self.core._take(index)
            self.core._answer(index, False, ("again", item))
        answers: dict[int, Any] = {}
        assert job._await(2, 0)
        taken: list[Any] = []
        while job._next(taken):
            index, _, *answer = taken.pop()
            assert index not in answers, "a task was answered twice"
            answers[index] = tuple(answer)
        return answers

    def after(self) -> float:
        took = timed(lambda: self.core._bury(0, DEAD, -9))
        broken = _boundary.check()
        assert not broken, broken
        answers = self.finish(self.job, 1)
        assert answers[0] in self.outcomes, answers[0]
        assert answers[1] == (RETURNED, ("again", "second"))
        return took


def release(lock: Any) -> None:
    lock.release()


def take(lock: Any) -> None:
    lock.acquire()


def twice(lock: Any) -> None:
    lock.acquire()
    lock.acquire()
    lock.release()
    lock.release()


SCENARIOS: dict[str, Callable[[], Story]] = {
    "put": lambda: OfQueue([1], lambda q: q.put(2), [1, 2]),
    "put first": lambda: OfQueue([], lambda q: q.put(2), [2], grows=2048),
    "put large": lambda: OfQueue([1], lambda q: q.put(LARGE), [1, LARGE]),
    "put growing": lambda: OfQueue([MIDDLE], lambda q: q.put(LONG), [MIDDLE, LONG], grows=2048),
    "put bounded": lambda: OfQueue([1], lambda q: q.put(2), [1, 2], maxsize=2),
    "put_many": lambda: OfQueue([0], lambda q: q.put_many([1, 2, 3]), [0, 1], [0, 1, 2], [0, 1, 2, 3]),
    "get": lambda: OfQueue([1, 2, 3], lambda q: q.get(), [2, 3]),
    "get last": lambda: OfQueue([1], lambda q: q.get(), []),
    "get large": lambda: OfQueue([LARGE, 2], lambda q: q.get(), [2]),
    "get bounded": lambda: OfQueue([1, 2], lambda q: q.get(), [2], maxsize=2),
    "get_many": lambda: OfQueue([1, 2, 3], lambda q: q.get_many(2), [2, 3], [3]),
    "put buffers": lambda: OfBuffers(1, lambda s: s.queue.put(s.message()), 2),
    "get buffers": lambda: OfBuffers(2, lambda s: s.queue.get(), 1),
    "put ringing": lambda: OfBell([], lambda q: q.put(1), [1], grows=2048),
    "get ringing": lambda: OfBell([1], lambda q: q.get(), []),
    "task_done": OfTasks,
    "lock": lambda: OfLock(ctx.Lock(), lambda lock: (take(lock), release(lock))),
    "rlock": lambda: OfLock(ctx.RLock(), twice),
    "release": lambda: OfLock(ctx.Lock(), release, take),
    "semaphore": lambda: OfSemaphore(True, "keep", lambda s: (take(s), release(s))),
    "ledger": lambda: OfSemaphore(False, "release", twice),
    "enter": lambda: OfWaiters(lambda w: w.enter()),
    "notify": lambda: OfWaiters(lambda w: w.notify(1)),
    "barrier": OfBarrier,
    "event": OfEvent,
    "make lock": lambda: OfObjects(lambda made: made.append(ctx.Lock())),
    "make queue": lambda: OfObjects(lambda made: made.append(ctx.Queue())),
    "drop lock": lambda: OfObjects(lambda made: made.clear(), lambda: [ctx.Lock()]),
    "drop queue": lambda: OfObjects(lambda made: made.clear(), lambda: [ctx.Queue()]),
    "sweep": OfSweep,
    "take task": lambda: OfPool("first"),
    "take large task": lambda: OfPool(LARGE),
    "take task to be tried again": lambda: OfPool(LARGE, retries=1),
    "answer task": lambda: OfPool("first", "answer"),
    "answer task at length": lambda: OfPool("first", MIDDLE),
    "answer large task": lambda: OfPool(LARGE, LARGE),
    "answer task to be tried again": lambda: OfPool(LARGE, LARGE, 1),
}


def main(name: str) -> None:
    _boundary.family()
    if not may_trace():
        print("no ptrace")
        return
    story = SCENARIOS[name]()
    memory = Memory(story.heap)
    pid, found = moments(memory, story.warm, story.act, story.pipes)
    assert len(found) > 1, "the operation stored nothing"
    for number, moment in enumerate(found):
        took = SOON + 1
        for _ in range(TRIES):
            memory.write(moment.memory)
            for reader, writer, count in zip(story.pipes, story.writers, moment.pipes, strict=True):
                fill_pipe(reader, writer, count)
            try:
                took = story.after()
                story.left(story.before, settled(pid))
            except BaseException as e:
                e.add_note(f"after store {number} of {len(found) - 1}, to {moment.at:#x}")
                raise
            if took <= SOON:
                break
        assert took <= SOON, f"after store {number} the others waited for {took:.3f} s"
    print("ok")


if __name__ == "__main__":
    faulthandler.dump_traceback_later(50, exit=True)
    main(sys.argv[1])
