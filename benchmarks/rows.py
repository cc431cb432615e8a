"""What is measured: each row is one workload, written once and run with both libraries.

A workload gets the library's fork context and how many operations to do; it returns the seconds that they took,
the start of its processes not included. Every row says which ratio standard/gomp is expected at least, and what
keeps the figure from being better.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import importlib
import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

# OpenBLAS starts a thread as numpy is imported, which spins for a tenth of a second: in each child that is made
# afresh it would be this that is measured.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

# A context of either library: what both have in common is not written down as a type anywhere.
Context = Any
Workload = Callable[[Context, int], float]
# A process to be started: its target and the arguments.
Job = tuple[Any, ...]

LIMIT = 60.0
MESSAGE = {"id": 7, "name": "worker", "score": 0.5}
MEGABYTE = 1 << 20


@dataclasses.dataclass(frozen=True)
class Row:
    """One workload, and what to know about its figure."""

    name: str
    title: str
    workload: Workload
    operations: int
    expected: float
    bound: str


ROWS: list[Row] = []


def row(title: str, operations: int, expected: float, bound: str) -> Callable[[Workload], Workload]:
    """Enter a workload in the table."""

    def enter(workload: Workload) -> Workload:
        ROWS.append(Row(workload.__name__, title, workload, operations, expected, bound))
        return workload

    return enter


class Gate:
    """Where the processes of a benchmark wait until all are ready. Made of pipes: of neither library."""

    def __init__(self) -> None:
        self.ready, self.arrived = os.pipe()
        self.closed, self.opener = os.pipe()

    def wait(self) -> None:
        """Tell that this process is ready, and wait for the gate to open."""
        os.close(self.opener)  # or this process would keep it shut
        os.write(self.arrived, b"1")
        os.read(self.closed, 1)

    def open(self) -> None:
        """Let all go at once."""
        os.close(self.opener)

    def close(self) -> None:
        """Give the descriptors back."""
        for descriptor in (self.ready, self.arrived, self.closed):
            os.close(descriptor)


def pass_gate(gate: Gate, target: Callable[..., None], args: tuple[Any, ...]) -> None:
    """Run a worker's target when all are ready."""
    gate.wait()
    target(*args)


@contextlib.contextmanager
def running(context: Context, jobs: Sequence[Job]) -> Iterator[Gate]:
    """Have a process for each job, ready behind a gate that is to be opened, and see them end afterwards."""
    gate = Gate()
    processes = [context.Process(target=pass_gate, args=(gate, target, args)) for target, *args in jobs]
    try:
        for process in processes:
            process.start()
        for _ in processes:
            os.read(gate.ready, 1)
        yield gate
        for process in processes:
            process.join(LIMIT)
            assert process.exitcode == 0, process
    finally:
        gate.close()
        for process in processes:
            if process.is_alive():
                process.kill()
                process.join()


def timed(context: Context, jobs: Sequence[Job], action: Callable[[], object]) -> float:
    """Return how long an action takes that has these jobs run beside it."""
    with running(context, jobs) as gate:
        began = time.perf_counter()
        gate.open()
        action()
        return time.perf_counter() - began


def seconds_of(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def put_each(queue: Any, items: Iterable[object]) -> None:
    """Put items one by one."""
    for item in items:
        queue.put(item)


def get_each(queue: Any, count: int) -> None:
    """Get so many items one by one."""
    for _ in range(count):
        queue.get()


def echo(source: Any, target: Any, count: int) -> None:
    """Send back what arrives."""
    for _ in range(count):
        target.put(source.get())


@row(
    "Queue, round trip between two processes",
    3000,
    15,
    "two wake-ups and two pickles; a waiter that spins some microseconds needs no wake-up by the kernel",
)
def queue_round_trip(context: Context, count: int) -> float:
    """Two queues, one message on its way at any time."""
    there, back = context.Queue(), context.Queue()

    def converse() -> None:
        for number in range(count):
            there.put((number, 2))
            back.get()

    return timed(context, [(echo, there, back, count)], converse)


def stream(context: Context, kind: str, item: object, count: int, producers: int = 1) -> float:
    """Let producers put and this process get."""
    queue = getattr(context, kind)()
    jobs: list[Job] = [(put_each, queue, [item] * (count // producers)) for _ in range(producers)]
    return timed(context, jobs, lambda: get_each(queue, count // producers * producers))


PICKLE_BOUND = "pickle: dumps and loads alone take half of the time or more"


@row("Queue, 1 producer, 1 consumer, small dicts", 40_000, 2.2, PICKLE_BOUND)
def queue_dicts(context: Context, count: int) -> float:
    """Dicts of three entries."""
    return stream(context, "Queue", MESSAGE, count)


@row("SimpleQueue, 1 producer, 1 consumer, small dicts", 40_000, 2.2, PICKLE_BOUND)
def simple_queue_dicts(context: Context, count: int) -> float:
    """The same without a feeder thread in the standard library."""
    return stream(context, "SimpleQueue", MESSAGE, count)


@row("Queue, 1 producer, 1 consumer, ints", 40_000, 2.5, "the call from Python, the pickler's call, one message's lock")
def queue_ints(context: Context, count: int) -> float:
    """What costs least to pickle."""
    return stream(context, "Queue", 7, count)


@row("SimpleQueue, 1 producer, 1 consumer, ints", 40_000, 2.5, "as above")
def simple_queue_ints(context: Context, count: int) -> float:
    """The same without a feeder thread in the standard library."""
    return stream(context, "SimpleQueue", 7, count)


@row("Queue, 10 producers, 1 consumer", 20_000, 2, "the consumer's get and unpickling; eleven processes on the CPUs")
def queue_ten_producers(context: Context, count: int) -> float:
    """Many put, one gets."""
    return stream(context, "Queue", MESSAGE, count, producers=10)


def get_and_tell(queue: Any, count: int, done: Any) -> None:
    """Get so many items, then say so."""
    get_each(queue, count)
    done.release()


@row("Queue, 20 producers, 20 consumers", 20_000, 1.2, "the scheduler of a crowded machine; nobody may spin for long")
def queue_crowd(context: Context, count: int) -> float:
    """Forty processes on one queue, all of them started before."""
    queue, done = context.Queue(), multiprocessing.get_context("fork").Semaphore(0)
    share = count // 20
    jobs: list[Job] = [(put_each, queue, [MESSAGE] * share) for _ in range(20)]
    jobs += [(get_and_tell, queue, share, done) for _ in range(20)]

    def wait_for_all() -> None:
        for _ in range(20):
            assert done.acquire(timeout=LIMIT)

    return timed(context, jobs, wait_for_all)


def fill_and_tell(queue: Any, count: int, filled: Any) -> None:
    """Fill a queue, in one go where it can, then say so."""
    if hasattr(queue, "put_many"):
        queue.put_many([MESSAGE] * count)
    else:
        put_each(queue, [MESSAGE] * count)
    filled.release()


@row("get_many(100) beside get(), of a queue that is full", 20_000, 5, "unpickling; the lock is taken once per hundred")
def queue_get_many(context: Context, count: int) -> float:
    """Drain a queue that another process has filled."""
    queue, filled = context.Queue(), multiprocessing.get_context("fork").Semaphore(0)

    def drain() -> None:
        if hasattr(queue, "get_many"):
            left = count
            while left:
                left -= len(queue.get_many(min(100, left)))
        else:
            get_each(queue, count)

    with running(context, [(fill_and_tell, queue, count, filled)]) as gate:
        gate.open()
        assert filled.acquire(timeout=LIMIT)
        return seconds_of(drain)


@row("Lock, acquire() and release(), uncontended", 300_000, 1.0, "two calls from Python into C and an atomic each")
def lock_acquire_release(context: Context, count: int) -> float:
    """The two methods."""
    lock = context.Lock()

    def use() -> None:
        for _ in range(count):
            lock.acquire()
            lock.release()

    return seconds_of(use)


@row("with lock, uncontended", 300_000, 2, "two calls from Python into C and an atomic each")
def lock_with(context: Context, count: int) -> float:
    """The with statement, which the standard library has in Python."""
    lock = context.Lock()

    def use() -> None:
        for _ in range(count):
            with lock:
                pass

    return seconds_of(use)


@row("Lock, creation", 3000, 10, "making the Python object; the lock itself is a cache line of an arena")
def lock_creation(context: Context, count: int) -> float:
    """Made and dropped at once."""

    def create() -> None:
        for _ in range(count):
            context.Lock()

    return seconds_of(create)


@row("Queue, creation", 500, 5, "making the Python objects; a descriptor is opened only for who asks for one")
def queue_creation(context: Context, count: int) -> float:
    """Made and dropped at once."""

    def create() -> None:
        for _ in range(count):
            context.Queue()

    return seconds_of(create)


def increment(value: Any, count: int, done: Any) -> None:
    """Count under the value's lock."""
    for _ in range(count):
        with value.get_lock():
            value.value += 1
    done.release()


@row("Value, incremented by four processes at once", 20_000, 1.5, "handing the lock over; ctypes in `value.value`")
def value_contended(context: Context, count: int) -> float:
    """Everybody wants the lock."""
    value, done = context.Value("i", 0), multiprocessing.get_context("fork").Semaphore(0)

    def wait_for_all() -> None:
        for _ in range(4):
            assert done.acquire(timeout=LIMIT)

    took = timed(context, [(increment, value, count // 4, done)] * 4, wait_for_all)
    assert value.value == count // 4 * 4
    return took


def answer_event(ping: Any, pong: Any, count: int) -> None:
    """Set one event whenever the other is."""
    for _ in range(count):
        ping.wait()
        ping.clear()
        pong.set()


@row("Event, ping-pong between two processes", 3000, 8, "two wake-ups")
def event_ping_pong(context: Context, count: int) -> float:
    """Two events, set in turn."""
    ping, pong = context.Event(), context.Event()

    def play() -> None:
        for _ in range(count):
            ping.set()
            pong.wait()
            pong.clear()

    return timed(context, [(answer_event, ping, pong, count)], play)


def meet(barrier: Any, count: int) -> None:
    """Come to a barrier so many times."""
    for _ in range(count):
        barrier.wait()


@row("Barrier, two processes that meet", 3000, 8, "a wake-up, and the Python code of `threading.Barrier`'s interface")
def barrier_meetings(context: Context, count: int) -> float:
    """Two parties."""
    barrier = context.Barrier(2)
    return timed(context, [(meet, barrier, count)], lambda: meet(barrier, count))


def answer_pipe(connection: Any, count: int) -> None:
    """Send back what arrives."""
    for _ in range(count):
        connection.send(connection.recv())


@row("Pipe, ping-pong between two processes", 3000, 4, "two wake-ups and two pickles")
def pipe_ping_pong(context: Context, count: int) -> float:
    """One message on its way at any time."""
    ours, theirs = context.Pipe()

    def play() -> None:
        for number in range(count):
            ours.send((number, 2))
            ours.recv()

    return timed(context, [(answer_pipe, theirs, count)], play)


def send_many(connection: Any, size: int, count: int) -> None:
    """Send so many messages of one size."""
    message = bytes(size)
    for _ in range(count):
        connection.send_bytes(message)


def receive(context: Context, size: int, count: int, receive_one: Callable[[Any], object]) -> float:
    """Receive a stream of messages of one size."""
    reader, writer = context.Pipe(duplex=False)

    def take() -> None:
        for _ in range(count):
            receive_one(reader)

    return timed(context, [(send_many, writer, size, count)], take)


@row(
    "Pipe, stream of 64-byte messages",
    40_000,
    3,
    "the lock and the cache lines that two CPUs take from each other; the standard library makes two system calls",
)
def pipe_small_messages(context: Context, count: int) -> float:
    """Small messages."""
    return receive(context, 64, count, lambda reader: reader.recv_bytes())


@row("Pipe, stream of 1 MB messages", 300, 3, "memory: one copy in, one copy out, into a fresh bytes object")
def pipe_large_messages(context: Context, count: int) -> float:
    """Large messages."""
    return receive(context, MEGABYTE, count, lambda reader: reader.recv_bytes())


@row("Pipe, 64 MB by recv_bytes_into", 6, 3, "memory: one copy in, one copy out")
def pipe_huge_into(context: Context, count: int) -> float:
    """Into a buffer that is there already."""
    buffer = bytearray(64 * MEGABYTE)
    return receive(context, 64 * MEGABYTE, count, lambda reader: reader.recv_bytes_into(buffer))


@row("Pipe, 64 MB by recv_bytes", 6, 2, "the page faults of the fresh bytes object that it returns")
def pipe_huge(context: Context, count: int) -> float:
    """Into a fresh bytes object."""
    return receive(context, 64 * MEGABYTE, count, lambda reader: reader.recv_bytes())


ARRAY = 8 * MEGABYTE // 8


def put_array(put: Callable[[Any], object], array: Any, count: int) -> None:
    """Put one array so many times."""
    for _ in range(count):
        put(array)


def look_at_arrays(get: Callable[[], Any], count: int) -> None:
    """Get arrays, and look at each page of them: memory that was never touched costs nothing otherwise."""
    for _ in range(count):
        get()[:: 4096 // 8].sum()


@row(
    "Queue, 8 MB numpy arrays",
    60,
    10,
    "memory: the sender's one copy, and the first touch of the blocks; over 400 messages it is memcpy's time",
)
def queue_arrays(context: Context, count: int) -> float:
    """A few are on their way at any time."""
    queue = context.Queue(4)
    return timed(context, [(put_array, queue.put, np.ones(ARRAY), count)], lambda: look_at_arrays(queue.get, count))


@row("Pipe, 8 MB numpy arrays", 60, 10, "as above")
def pipe_arrays(context: Context, count: int) -> float:
    """One is on its way at any time."""
    reader, writer = context.Pipe(duplex=False)
    return timed(context, [(put_array, writer.send, np.ones(ARRAY), count)], lambda: look_at_arrays(reader.recv, count))


@row(
    "Queue, 8 MB arrays; gomp's are of gomp.arrays",
    60,
    25,
    "the pickle, the wake-up, and in each process the first touch of the pages",
)
def queue_shared_arrays(context: Context, count: int) -> float:
    """Without any copy."""
    queue, array = context.Queue(4), np.ones(ARRAY)
    if type(context).__module__.startswith("gomp"):
        from gomp import arrays

        array = arrays.copy(array)
    return timed(context, [(put_array, queue.put, array, count)], lambda: look_at_arrays(queue.get, count))


# ---- pools


WORKERS = 2
TINY = "pickling, and two hand-overs between processes where the workers are idle"


def nothing() -> None:
    """Do nothing: what is left is the pool's own time."""


def same(value: Any) -> Any:
    """Give back what comes."""
    return value


def use_pool(context: Context, action: Callable[[Any], object]) -> float:
    """Return how long an action takes that uses a pool whose workers are there."""
    with context.Pool(WORKERS) as pool:
        pool.map(same, range(100), 1)
        return seconds_of(lambda: action(pool))


@row("Pool.apply of nothing", 2000, 10, "two wake-ups, or two spinning processes, and two pickles")
def pool_apply(context: Context, count: int) -> float:
    """One call at a time."""
    return use_pool(context, lambda pool: [pool.apply(nothing) for _ in range(count)])


@row("Pool.map of tiny tasks, chunksize=1", 20_000, 4, TINY)
def pool_map_single(context: Context, count: int) -> float:
    """Every item a task."""
    return use_pool(context, lambda pool: pool.map(same, range(count), chunksize=1))


@row("Pool.map of tiny tasks, chunks as they come", 400_000, 1.2, "the calls themselves, in one process or the other")
def pool_map(context: Context, count: int) -> float:
    """The library says how many items make a task."""
    return use_pool(context, lambda pool: pool.map(same, range(count)))


@row("Pool.imap_unordered of tiny tasks", 20_000, 4, TINY)
def pool_imap_unordered(context: Context, count: int) -> float:
    """Results as they come."""

    def take(pool: Any) -> None:
        for _ in pool.imap_unordered(same, range(count)):
            pass

    return use_pool(context, take)


@row("Pool.imap of tiny tasks, chunksize=100", 200_000, 1, "the calls themselves, and the iterator's own for each item")
def pool_imap_chunks(context: Context, count: int) -> float:
    """One ordered iterator over chunks."""

    def take(pool: Any) -> None:
        for _ in pool.imap(same, range(count), chunksize=100):
            pass

    return use_pool(context, take)


@row("Pool.apply_async, all at once, and get", 20_000, 5, TINY)
def pool_apply_async(context: Context, count: int) -> float:
    """All are submitted before the first result is asked for."""

    def take(pool: Any) -> None:
        for result in [pool.apply_async(same, (number,)) for number in range(count)]:
            result.get()

    return use_pool(context, take)


@row("Pool.map of 8 MB arrays, there and back", 16, 6, "memory: one copy of each array there, and one back")
def pool_map_arrays(context: Context, count: int) -> float:
    """Arrays as arguments and as results."""
    return use_pool(context, lambda pool: pool.map(same, [np.ones(ARRAY)] * count, chunksize=1))


def cycle(context: Context, method: str, count: int) -> float:
    """Make a pool, use it and close it, so many times."""
    library = importlib.import_module(type(context).__module__.partition(".")[0])
    chosen = library.get_context(method)

    def make_and_end() -> None:
        for _ in range(count):
            with chosen.Pool(WORKERS) as pool:
                pool.map(same, range(10))
                pool.close()
                pool.join()

    return seconds_of(make_and_end)


@row("Pool made, used and closed, fork", 20, 1.0, "two forks of this process, each of which starts Go")
def pool_cycle_fork(context: Context, count: int) -> float:
    """The whole life of a pool."""
    return cycle(context, "fork", count)


@row("Pool made, used and closed, spawn", 4, 1.5, "one interpreter that starts, imports this module and ends")
def pool_cycle_spawn(context: Context, count: int) -> float:
    """The same, with fresh interpreters."""
    return cycle(context, "spawn", count)


@row("Pool made, used and closed, forkserver", 10, 1.5, "two forks of the server, each of which starts Go")
def pool_cycle_forkserver(context: Context, count: int) -> float:
    """The same, with forks of a server."""
    return cycle(context, "forkserver", count)


def uneven_times(count: int) -> list[float]:
    """Return times as tasks often take them: most short, a few very long."""
    times = random.Random(7)
    return [min(0.001 * times.paretovariate(1.2), 0.1) for _ in range(count)]


@row("Pool.map of tasks of uneven length", 300, 1.0, "the tasks: they sleep for Pareto-distributed times")
def pool_uneven(context: Context, count: int) -> float:
    """One map, chunks as they come."""
    return use_pool(context, lambda pool: pool.map(time.sleep, uneven_times(count)))


def use_executor(context: Context, action: Callable[[Any], object]) -> float:
    """Return how long an action takes that uses an executor whose workers are there."""
    library = importlib.import_module(type(context).__module__.partition(".")[0])
    kind = getattr(library, "ProcessPoolExecutor", concurrent.futures.ProcessPoolExecutor)
    with kind(WORKERS, context) as executor:
        list(executor.map(same, range(100)))
        return seconds_of(lambda: action(executor))


@row("ProcessPoolExecutor, submit and as_completed", 4000, 4, "making the futures, and the thread that tells of them")
def executor_submit(context: Context, count: int) -> float:
    """Futures, taken as they are done."""

    def take(executor: Any) -> None:
        for future in concurrent.futures.as_completed([executor.submit(same, number) for number in range(count)]):
            future.result()

    return use_executor(context, take)


@row("ProcessPoolExecutor.map, chunksize=1", 4000, 8, TINY)
def executor_map(context: Context, count: int) -> float:
    """What the standard library makes a future of for each item."""
    return use_executor(context, lambda executor: list(executor.map(same, range(count))))
