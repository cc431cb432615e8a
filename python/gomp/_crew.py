"""The workers of a pool: starting, watching, replacing and ending them.

The core settles what a dead worker held; only a process of Python can start another one. So a thread of the
system's (`_boundary.Steward`) sleeps on the workers' sentinels and calls `tend` when one of them ends.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
import os
import signal
import sys
import threading
import time
import weakref
from multiprocessing import process, util
from multiprocessing.connection import wait

from . import _boundary, _errors
from ._worker import Core, work
from .popen_fork import UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

__all__ = ["CLOSED", "Crew", "default_size"]

# States of the core's pool; core/layout.h mirrors them.
RUNNING, CLOSED, TERMINATED, BROKEN = range(4)
# How far a worker has come.
ABSENT, STARTING, READY, LIVING = range(4)

# A submitter waits while tasks of this many bytes are queued.
IN_FLIGHT = 64 << 20
# How many starts in a row may fail by themselves, or by a signal from outside, before the pool is broken.
FAILED_STARTS, KILLED_STARTS = 3, 20
# How long workers have for their on_exit, and after SIGTERM, in seconds.
ORDERLY, GRACE = 0.2, 3.0
# When the steward comes back to a crew that somebody else is busy with, and to one that lacks workers since none
# could be started; and for how long that may be so while there are none at all; in seconds.
BUSY, AGAIN, LACKING = 0.02, 0.5, 30.0


def default_size(processes: int | str | None) -> int:
    """How many workers a pool has."""
    if processes is None:
        processes = os.environ.get("GOMP_CPU") or None
    if processes == "auto":
        return available_cpus()
    if processes is None:
        count = getattr(os, "process_cpu_count", os.cpu_count)
        return count() or 1
    if isinstance(processes, str):
        try:
            return int(processes)
        except ValueError:
            raise ValueError(f'processes must be a number or "auto", not {processes!r}') from None
    try:
        return operator.index(processes)
    except TypeError:
        raise TypeError(f'processes must be a number of workers, "auto" or None, not {processes!r}') from None


def available_cpus() -> int:
    """How many CPUs the affinity and the control groups let this process use, at least 1."""
    limits = [float(len(os.sched_getaffinity(0)))]
    try:
        with open("/proc/self/cgroup") as file:
            for line in file:
                number, controllers, path = line.rstrip("\n").split(":", 2)
                if number == "0":
                    limits += group_limits("/sys/fs/cgroup", path, quota_v2)
                elif "cpu" in controllers.split(","):
                    limits += group_limits("/sys/fs/cgroup/cpu", path, quota_v1)
    except OSError:
        pass
    return max(int(min(limits)), 1)


def group_limits(root: str, path: str, quota: Callable[[str], float | None]) -> list[float]:
    """The limits of a control group and of those it lies in."""
    parts = [part for part in path.split("/") if part]
    folders = ["/".join([root, *parts[:n]]) for n in range(len(parts) + 1)]
    return [limit for folder in folders if (limit := quota(folder))]


def quota_v2(folder: str) -> float | None:
    try:
        with open(f"{folder}/cpu.max") as file:
            limit, period = file.read().split()
            return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        return None


def quota_v1(folder: str) -> float | None:
    try:
        with open(f"{folder}/cpu.cfs_quota_us") as limit, open(f"{folder}/cpu.cfs_period_us") as period:
            quota = int(limit.read())
            return None if quota <= 0 else quota / int(period.read())
    except (OSError, ValueError):
        return None


def cpu_sets(cpus: Any) -> list[set[int]] | None:
    """What `cpu_affinity` says, as sets of CPU numbers."""
    if cpus is None or cpus is False:
        return None
    if cpus is True:
        cpus = sorted(os.sched_getaffinity(0))
    try:
        sets = [{cpu} if isinstance(cpu, int) else set(cpu) for cpu in cpus]
    except TypeError:
        raise TypeError(
            f"cpu_affinity must be True or a sequence of CPU numbers or sets of them, not {cpus!r}"
        ) from None
    if not sets or not all(sets):
        raise ValueError(f"cpu_affinity must name a CPU for each worker, not {cpus!r}")
    before = os.sched_getaffinity(0)  # this thread's
    try:
        for chosen in sets:
            os.sched_setaffinity(0, chosen)
    except (OSError, OverflowError, TypeError, ValueError):
        raise ValueError(f"cpu_affinity must name CPUs that this process may use, not {chosen!r}") from None
    finally:
        os.sched_setaffinity(0, before)
    return sets


def dead(workers: list[Any]) -> list[tuple[Any, int]]:
    """Those that have ended, with their exit codes. Where the program ignores SIGCHLD, or waits for all children
    itself, only the sentinel tells."""
    ended = wait([w.sentinel for w in workers if w.exitcode is None], 0)
    found = [(w, w.exitcode) for w in workers]  # after the sentinels: who has ended by now has its code, if any
    return [(w, UNKNOWN if code is None else code) for w, code in found if code is not None or w.sentinel in ended]


def disown() -> None:
    """A program's own fork has no part in the workers, which would be ended with it, as daemons are."""
    for child in list(process._children):
        if hasattr(child, "_gomp_index"):
            process._children.discard(child)


os.register_at_fork(after_in_child=disown)


@contextlib.contextmanager
def held_back(signals: set[signal.Signals], mask: Iterable[int] | None = None) -> Iterator[None]:
    """These signals wait, and what `mask` says instead of what is blocked now."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:  # a handler's exception may come with any of these calls
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, signals.union(mask))
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Crew:
    """The workers of one pool. It does not refer to the pool, whose end must end it."""

    def __init__(
        self,
        ctx: Any,
        make: Callable[..., Any],
        size: int,
        workers: list[Any],
        initializer: Any,
        initargs: Any,
        maxtasks: int | None,
        on_exit: Any,
        cpus: Any,
        eager: bool = True,
        daemon: bool = True,
        faithful: bool = False,
    ) -> None:
        """All workers are started at once, or by `want`; they are daemons, or not; see `work` for the rest."""
        self.ctx, self.make, self.size, self.workers = ctx, make, size, workers
        self.cpus = cpu_sets(cpus)
        self.orderly = on_exit is not None
        self.pid = os.getpid()
        self.mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self.core = self.make_core()
        self.reports: Any = None
        if initializer is not None:
            from .queues import SimpleQueue
            from .synchronize import Semaphore

            # What initializers that fail say; and for the first of several in a row, who prints it.
            self.reports = SimpleQueue(ctx=ctx), Semaphore(1, ctx=ctx)
        self.args = (initializer, initargs, maxtasks, faithful, on_exit)
        self.wanted = size if eager else 0
        self.daemon = daemon
        self.state = RUNNING
        self.feeding = 0
        self.failed = self.killed = 0  # starts in a row
        self.lacking = 0.0  # since when no worker can be started
        self.living = False  # a worker that is said to be dead is not
        self.asked = False  # workers were asked to give their tasks up: whether they do is to be looked at
        self.failure: _errors.BrokenPool | None = None
        self.lock = threading.RLock()
        self.over = threading.Event()  # no worker is left, and none will be started
        self.calls: dict[int, tuple[Any, list[Callable[[], object]]]] = {}  # a job and what waits for it, by its serial
        self.called = threading.Condition()
        self.calling = 0  # calls that are running
        self.caller: threading.Thread | None = None
        self.timed: dict[weakref.ref[Any], int] = {}
        self.steward = _boundary.Steward()
        self.watched: list[int] = []

    def make_core(self) -> Core:
        core = Core()
        core._create(self.size, IN_FLIGHT)
        return core

    # ---- starting

    def start(self) -> None:
        """Start the workers and what looks after them."""
        try:
            self.populate()
            self.steward._start(self.tend)
        except BaseException:
            self.stop_workers(TERMINATED)
            for w in self.workers:
                if w.exitcode is None:
                    w.terminate()
            for w in self.workers:
                w.join()
            self.workers.clear()
            raise

    def populate(self) -> None:
        """Start workers until there are as many as there should be."""
        with self.lock:
            taken = {getattr(w, "_gomp_index", None) for w in self.workers}
            for index in range(self.size):
                if len(self.workers) >= self.wanted:
                    break
                if index not in taken:
                    self.start_one(index)

    def want(self, count: int) -> None:
        """Have so many workers from now on, or all if that is fewer."""
        with self.lock:
            if count > self.wanted and self.state == RUNNING:
                self.wanted = min(count, self.size)
                self.populate()
        self.steward._wake()

    def start_one(self, index: int) -> None:
        cpus = self.cpus and self.cpus[index % len(self.cpus)]
        # Ctrl-C that reaches a fork before it has said that it does not heed it would end it with a traceback. `work`
        # puts the mask back. The other start methods start processes beside the worker, which would keep it.
        held = {signal.SIGINT} if self.ctx.get_start_method() == "fork" else set()
        mask = self.mask if held else None
        w = self.make(self.ctx, target=work, args=(self.core, index, *self.args, cpus, self.reports, mask))
        w.name = w.name.replace("Process", "PoolWorker")
        w.daemon = self.daemon
        w._gomp_index = index
        # The steward, as a thread that is not the program's, takes no signals; the worker must not inherit that.
        with held_back(held, self.mask):
            self.launch(w)
        util.debug("added worker")

    def launch(self, w: Any) -> None:
        """Start a worker and list it. Who runs is listed whatever a signal's handler raises: or another worker would
        get the same place."""
        try:
            w.start()
        except BaseException:
            if getattr(w, "_popen", None) is not None:
                self.workers.append(w)
            raise
        self.workers.append(w)

    # ---- watching

    def tend(self) -> tuple[list[int], float | None]:
        """Bury the dead, replace them, end who is overdue. Called by the steward, which waits for the sentinels
        that this returns, for so many seconds.

        It never waits for the lock: who holds it may be waiting for the steward to end."""
        if not self.lock.acquire(blocking=False):
            return self.watched, BUSY
        try:
            if self.state != TERMINATED:
                waiting = self.bury_all()
                if self.state == RUNNING or (self.state == CLOSED and (waiting or self.feeding)):
                    self.replace()
            pause = self.end_overdue() if self.timed or self.asked else None
            if self.lacking or self.living:
                pause = min(pause or AGAIN, AGAIN)
            if self.state != RUNNING and not self.workers and not self.feeding:
                self.over.set()
            self.watched = [w.sentinel for w in self.workers]
            return self.watched, pause
        finally:
            self.lock.release()

    def bury_all(self) -> bool:
        """Settle what the dead held. Whether tasks wait."""
        waiting = self.living = False
        for w, code in dead(self.workers):
            util.debug(f"cleaning up worker {w._gomp_index}")
            stage, waiting = self.settle(w, code)
            if stage == LIVING:  # what a fork server that was killed left behind
                with contextlib.suppress(ProcessLookupError):  # by now
                    os.kill(w.pid, signal.SIGKILL)
                self.living = True
                continue
            w.join()
            self.workers.remove(w)
            if stage == READY:
                self.failed = self.killed = 0
                self.forget_reports()
            elif stage == ABSENT and code < 0:
                self.killed += 1
            else:
                self.failed += 1
        if not waiting and self.state == CLOSED:
            waiting = self.core._stats()[0][0] > 0
        return waiting

    def settle(self, w: Any, code: int) -> tuple[int, bool]:
        """Settle what a dead worker held: how far it had come, and whether tasks wait."""
        return self.core._bury(w._gomp_index, w.pid, code)

    def replace(self) -> None:
        if self.failed >= FAILED_STARTS or self.killed >= KILLED_STARTS:
            self.give_up()
            return
        try:
            self.populate()
            self.lacking = 0.0
        except Exception as e:  # no memory, no processes: the steward tries again soon
            util.debug(f"cannot start a worker: {e!r}")
            self.lacking = self.lacking or time.monotonic()
            if not self.workers and time.monotonic() - self.lacking > LACKING:
                self.give_up(f"no worker can be started: {e!r}")

    def give_up(self, *why: str) -> None:
        """The workers cannot be started: whatever waits fails."""
        told = self.reports and self.reports[0]
        self.failure = _errors.BrokenPool(told.get() if told and not told.empty() else None, *why)
        self.stop_workers(BROKEN)

    def forget_reports(self) -> None:
        """A start went well: a failure is news again."""
        if self.reports is not None:
            told, first = self.reports
            while not told.empty():
                told.get()
            if first.get_value() == 0:
                first.release()

    def stop_workers(self, state: int) -> None:
        self.state = state
        self.core._turn(state)

    def refusal(self, failure: ValueError) -> Exception:
        """What a submission raises that the core has refused."""
        return self.failure.again() if self.failure is not None else failure

    def ended(self) -> BaseException:
        """Why results will not come any more."""
        if self.failure is not None:
            return self.failure.again()
        return _errors.BrokenPool(None, "the pool was terminated before the task was done")

    # ---- time limits

    def limit(self, result: Any, ns: int) -> None:
        """Watch a result whose tasks have a time limit."""
        with self.lock:
            self.timed[weakref.ref(result)] = ns
        self.steward._wake()

    def end_overdue(self) -> float | None:
        """Kill the workers whose task is overdue. Seconds until there may be others."""
        for ref in list(self.timed):
            result = ref()
            job = result and result._job
            if job is None or (job._posted == job._total and not job._open):
                del self.timed[ref]
        doomed, pause = self.core._overdue()
        self.kill(doomed)
        if not self.timed:
            return pause or None
        # A task that is not taken yet cannot be overdue before its whole limit has passed.
        return min([pause or 1e9, *(ns / 1e9 for ns in self.timed.values())])

    def kill(self, indices: list[int]) -> None:
        with self.lock:
            for w in self.workers:
                if w._gomp_index in indices:
                    w.kill()

    def cancel(self, job: Any) -> bool:
        with self.lock:
            doomed, reached = job._cancel()
            self.kill(doomed)
        return bool(reached)

    # ---- threads of Python's

    def call_when_done(self, job: Any, call: Callable[[], object]) -> None:
        """Have `call` called by the pool's own thread once the job is complete."""
        try:
            with self.called:
                self.calls.setdefault(job._serial, (job, []))[1].append(call)
                if self.caller is None:
                    caller = threading.Thread(target=self.make_calls, name="gomp-pool-callbacks", daemon=True)
                    caller.start()
                    self.caller = caller
        finally:  # the thread may be there, and the call is in the list, when a signal's exception comes
            job._notify()

    def make_calls(self) -> None:
        while (serial := self.core._next_ready()) is not None:
            self.call_all(serial)
        while True:
            with self.called:
                serial = next(iter(self.calls), None)
                if serial is None:
                    self.caller = None
                    return
            self.call_all(serial)

    def call_all(self, serial: int) -> None:
        with self.called:
            _job, calls = self.calls.pop(serial, (None, []))
            self.calling += 1
        for call in calls:
            try:
                call()
            except BaseException:  # as a thread's: printed, and no other call is lost
                import traceback

                traceback.print_exc()
        with self.called:
            self.calling -= 1
            self.called.notify_all()

    def call_from_thread(self, function: Callable[..., object], *args: Any) -> None:
        threading.Thread(target=function, args=args, name="gomp-pool-await", daemon=True).start()

    def feeder(self) -> Callable[[], None]:
        """Count one who feeds the pool, which is not closed before he has said, by calling this, that he is done."""
        with self.lock:
            self.feeding += 1
        once = itertools.count()

        def done() -> None:
            with self.lock:
                if next(once) == 0:
                    self.feeding -= 1
                    if self.state == CLOSED:
                        self.close()

        return done

    def feed(self, feed: Callable[[], object]) -> None:
        """Have a thread feed an iterable to the pool."""
        done = self.feeder()

        def run() -> None:
            try:
                feed()
            finally:
                done()

        try:
            threading.Thread(target=run, name="gomp-pool-feeder", daemon=True).start()
        except BaseException:
            done()
            raise

    # ---- ending

    def close(self) -> None:
        """Let the workers end when all is done."""
        if self.pid != os.getpid():
            return
        with self.lock:
            if self.state <= CLOSED:
                self.state = CLOSED
                if not self.feeding:
                    self.core._turn(CLOSED)
                    if self.reports is None and not self.orderly:
                        self.kill(self.core._needless())
        self.steward._wake()

    def join(self, timeout: float | None) -> bool:
        """Wait until the workers have ended and the callbacks were called."""
        if self.pid != os.getpid():
            return True
        end = None if timeout is None else time.monotonic() + timeout
        if self.state == TERMINATED:
            self.terminate()  # which may have been interrupted
        if not self.over.wait(timeout):
            return False
        if self.caller is not None and self.caller is not threading.current_thread():
            with self.called:
                left = None if end is None else max(end - time.monotonic(), 0)
                if not self.called.wait_for(lambda: not self.calls and not self.calling, left):
                    return False
        self.terminate()
        return True

    def terminate(self) -> None:
        """End the workers now. From any thread, more than once, at the interpreter's end."""
        if sys is None or sys.is_finalizing():
            return  # modules are being taken down; the workers end with their parent
        if self.pid != os.getpid():
            return
        self.steward._stop()  # nobody is replaced any more
        with self.lock:
            if self.state < TERMINATED:
                self.stop_workers(TERMINATED)
            self.end_workers()
            self.over.set()
        caller = self.caller
        if caller is not None and caller is not threading.current_thread():
            caller.join(GRACE)

    def end_workers(self) -> None:
        alive = [w for w in self.workers if w.exitcode is None]
        if self.orderly:
            alive = self.leave(alive, ORDERLY)
        for w in alive:
            w.terminate()
        for w in self.leave(alive, GRACE):
            w.kill()
        for w in self.workers:
            w.join()

    @staticmethod
    def leave(workers: list[Any], seconds: float) -> list[Any]:
        """Give workers so much time to end; those that have not."""
        end = time.monotonic() + seconds
        while workers and (left := end - time.monotonic()) > 0:
            wait([w.sentinel for w in workers], left)
            gone = [w for w, _ in dead(workers)]
            workers = [w for w in workers if w not in gone]
        return workers

    # ---- statistics

    def pids(self) -> dict[int, int]:
        """The processes of the workers, by their indices."""
        return {w._gomp_index: w.pid for w in self.workers}

    def stats(self) -> dict[str, Any]:
        (queued, queued_bytes, done, failed, lost, retried), buckets, table = self.core._stats()
        with self.lock:
            pids = self.pids()
        workers = []
        for index, (tasks, busy, idle, startup, moved, running) in enumerate(table):
            if index in pids:
                workers.append(
                    {
                        "id": index,
                        "pid": pids[index],
                        "done": tasks,
                        "busy": busy,
                        "idle": idle,
                        "startup": startup,
                        "bytes": moved,
                        "running": running and dict(zip(("job", "index", "seconds"), running, strict=True)),
                    }
                )
        return {
            "queued": queued,
            "queued_bytes": queued_bytes,
            "running": sum(w["running"] is not None for w in workers),
            "done": done,
            "failed": failed,
            "lost": lost,
            "retried": retried,
            "latency": quantiles(buckets),
            "workers": workers,
        }


def quantiles(buckets: list[int]) -> dict[float, float | None]:
    """Quantiles of latencies in seconds, from a histogram with four buckets to each power of two of ns."""
    total = sum(buckets)
    found: dict[float, float | None] = {}
    for q in (0.5, 0.9, 0.99):
        sums = itertools.accumulate(buckets)
        at = next((i for i, seen in enumerate(sums) if seen >= q * total), 0)
        found[q] = (4 + at % 4) * 2.0 ** (at // 4) / 1e9 if total else None
    return found
