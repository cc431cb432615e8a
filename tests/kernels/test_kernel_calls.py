"""Kernels in pools, processes, threads and direct calls, as Python functions would be."""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
import gc
import inspect
import operator
import os
import pathlib
import pickle
import pydoc
import signal
import subprocess
import sys
import threading
import time
import warnings
from typing import Any

import numpy as np
import pytest

import gomp
from gomp import _boundary, arrays, kernel, kernels

pytestmark = pytest.mark.timeout(60)


# ---- what a kernel is


def test_signatures(pack: Any) -> None:
    assert pack.add(1, b=2) == pack.add(b=2, a=1) == 3
    assert pack.total(1.0) == 1.0
    assert pack.total(1.0, 2.0, 3) == 6.0
    assert pack.divide(7, 2) == (3, 1)
    assert pack.nothing() is None
    assert pack.nothing_of(3) is None
    assert pack.nil_slice() == []
    assert pack.add.__doc__ == "Add two numbers."
    assert "A function compiled from Go." in pydoc.render_doc(pack.divide)
    assert list(inspect.signature(pack.total).parameters) == ["first", "rest"]
    for args, kwds in (((1,), {}), ((1, 2, 3), {}), ((1, 2), {"b": 3}), ((1,), {"c": 3})):
        with pytest.raises(TypeError, match=r"add\(\): "):
            pack.add(*args, **kwds)
    with pytest.raises(AttributeError, match="has no kernel 'sub'"):
        pack.sub  # noqa: B018


def test_kernels_are_values(pack: Any) -> None:
    again = kernel.load(pack.path)
    assert again is pack
    assert pack.add == pack["add"] != pack.square
    assert len({pack.add, again.add, pack.square}) == 2
    assert pack.square != kernels.square
    for k in (pack.add, kernels.square):
        assert pickle.loads(pickle.dumps(k)) is k
        assert copy.deepcopy(k) is k
    assert pickle.loads(pickle.dumps(kernels.PACK)) is kernels.PACK


def test_errors(pack: Any) -> None:
    with pytest.raises(gomp.KernelError, match="b must not be 0") as caught:
        pack.divide(1, 0)
    assert caught.value.kernel == "divide"
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    with pytest.raises(gomp.KernelError, match="no \ufffd UTF-8"):
        pack.bad_text()
    with pytest.raises(UnicodeDecodeError):
        pack.bad_string()
    assert pack.square(2) == 4


# ---- pools


def test_maps(pack: Any, pool: Any) -> None:
    items = list(range(1000))
    for chunksize in (None, 1, 7, 2000):
        assert pool.map(pack.square, items, chunksize) == [x * x for x in items]
        assert pool.map(pack.int64, items, chunksize) == items
        assert pool.starmap(pack.divide, [(x, 7) for x in items], chunksize) == [divmod(x, 7) for x in items]
        assert pool.starmap(pack.square, [(x,) for x in items], chunksize) == [x * x for x in items]
    assert pool.map(pack.negate, range(10)) == [-x for x in range(10)]
    assert pool.map(pack.positive, [1.0, -1.0]) == [True, False]
    assert pool.map(pack.invert, [True, False], 2) == [False, True]
    assert pool.map(pack.root32, [4, 9], 2) == [2.0, 3.0]
    assert pool.map(pack.nothing_of, items, 10) == [None] * 1000
    assert pool.map(pack.square, []) == []
    for chunksize in (1, 10):
        assert list(pool.imap(pack.square, items, chunksize)) == [x * x for x in items]
        assert list(pool.imap(pack.int64, iter(items), chunksize, buffersize=3)) == items
        assert sorted(pool.imap_unordered(pack.square, items, chunksize)) == [x * x for x in items]


def test_kernels_beside_python(pack: Any, pool: Any) -> None:
    both = [(pool.apply_async(pack.square, (x,)), pool.apply_async(operator.mul, (x, x))) for x in range(100)]
    assert all(a.get() == b.get() for a, b in both)


def test_what_does_not_fit(pack: Any, pool: Any) -> None:
    with pytest.raises(TypeError, match=r"kernel square, parameter x \(float64\): a number is needed, not 'a'"):
        pool.apply_async(pack.square, ("a",))
    for chunksize in (1, 2):
        with pytest.raises(TypeError, match="not 'a'"):
            pool.map_async(pack.square, [1, 2, "a"], chunksize)
        with pytest.raises(TypeError, match=r"square\(\): too many"):
            pool.starmap(pack.square, [(1,), (1, 2)], chunksize)
    results = pool.imap(pack.square, [1, 2, "a", 4])
    assert [next(results), next(results)] == [1, 4]
    with pytest.raises(TypeError, match="not 'a'"):
        next(results)
    assert list(results) == [16]
    results = pool.imap(pack.int64, [1, 2, "a", 4, 5], 2)
    assert [next(results), next(results)] == [1, 2]
    with pytest.raises(TypeError, match="not 'a'"):
        next(results)
    assert list(results) == [5]


def test_callbacks_and_waiting(pack: Any, pool: Any) -> None:
    called: list[Any] = []
    result = pool.apply_async(pack.divide, (7, 2), callback=called.append)
    result.wait(10)
    failed = pool.apply_async(pack.divide, (7, 0), error_callback=called.append)
    failed.wait(10)
    assert called[0] == (3, 1)
    assert isinstance(called[1], gomp.KernelError)
    assert result.successful()
    assert not failed.successful()
    pool.map_async(pack.square, range(5), 2, callback=called.append).wait(10)
    assert called[2] == [0, 1, 4, 9, 16]

    async def waiting() -> Any:
        return await pool.apply_async(pack.square, (3,)), [x async for x in pool.imap(pack.square, range(4))]

    assert asyncio.run(waiting()) == (9, [0, 1, 4, 9])


class Bar:
    def __init__(self, total: int) -> None:
        self.total, self.seen = total, 0
        bars.append(self)

    def update(self, n: int) -> None:
        self.seen += n

    def close(self) -> None:
        pass


bars: list[Bar] = []


def test_progress_and_stats(pack: Any, pool: Any) -> None:
    pool.map(pack.square, range(100), 9, progress=Bar)
    assert (bars[-1].total, bars[-1].seen) == (100, 100)
    running = pool.apply_async(pack.sleep, (20,)), pool.apply_async(pack.sleep, (20,))
    end = time.monotonic() + 10
    while (stats := pool.stats()["kernels"][pack.path])["running"] < 2 and time.monotonic() < end:
        time.sleep(0.01)
    assert [w["id"] for w in stats["workers"]] == [0, 1]
    assert stats["running"] == 2
    assert stats["done"] == 12
    for result in running:
        assert result.cancel()
        with pytest.raises(concurrent.futures.CancelledError):
            result.get(10)


def test_map_array(pack: Any, pool: Any) -> None:
    for shape in ((), (0,), (3, 0), (10,), (300, 1000)):
        a = np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape)
        for view in (a, a.T, arrays.copy(a)):
            out = pool.map_array(pack.square, view)
            assert out.shape == view.shape
            assert np.array_equal(out, view**2)
    assert pool.map_array(pack.positive, [1.0, -1.0]).tolist() == [True, False]
    assert pool.map_array(pack.negate, np.arange(5, dtype="int8")).dtype == np.int64
    with pytest.raises(TypeError, match="element-wise"):
        pool.map_array(pack.add, [1])
    with pytest.raises(TypeError, match=r"kernel square, parameter x"):
        pool.map_array(pack.square, ["a"])
    with pytest.raises(TypeError, match="needs a kernel"):
        pool.map_array(abs, [1.0])


def test_closed_pools(pack: Any) -> None:
    pool = gomp.Pool(2)
    results = pool.map_async(pack.nap, [0.05] * 6, 1)
    pool.close()
    with pytest.raises(ValueError, match="not running"):
        pool.apply(pack.square, (1,))
    pool.join()
    assert results.get(0) == [0.05] * 6
    pool = gomp.Pool(2)
    left = pool.apply_async(pack.forever)
    time.sleep(0.05)
    before = time.monotonic()
    pool.terminate()
    pool.join()
    assert time.monotonic() - before < 3
    with pytest.raises(gomp.BrokenPool):
        left.get(1)


def test_thread_pool_and_executors(pack: Any) -> None:
    with gomp.pool.ThreadPool(3) as threads:
        assert threads.map(pack.square, range(50)) == [x * x for x in range(50)]
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        assert list(threads.map(pack.square, range(50))) == [x * x for x in range(50)]
    with gomp.ProcessPoolExecutor(2) as processes:
        assert list(processes.map(pack.square, range(20))) == [x * x for x in range(20)]


# ---- pickled kernels


def call(k: Any, x: Any) -> Any:
    return k(x)


def in_a_pool(k: Any, items: list[Any]) -> list[Any]:
    with gomp.get_context("fork").Pool(2) as pool:
        return pool.map(k, items)  # type: ignore[no-any-return]


def exit_code(k: Any) -> None:
    sys.exit(int(k(2.0)))


def test_kernels_in_children(pack: Any, ctx: Any) -> None:
    for k in (pack.square, kernels.square):
        child = ctx.Process(target=exit_code, args=(k,))
        child.start()
        child.join(20)
        assert child.exitcode == 4
    with ctx.Pool(2) as pool:
        assert pool.starmap(call, [(pack.square, x) for x in range(10)], 1) == [x * x for x in range(10)]
        assert pool.map(pack.square, range(10)) == [x * x for x in range(10)]


def test_nested_pools(pack: Any) -> None:
    child = gomp.get_context("fork").Process(target=in_a_pool, args=(pack.square, [1, 2]))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    with gomp.ProcessPoolExecutor(1) as outer:  # whose workers are no daemons
        assert outer.submit(in_a_pool, pack.square, [1, 2, 3]).result(20) == [1, 4, 9]


def test_direct_calls_after_a_fork(pack: Any) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0 if pack.square(3) == 9 and pack.pid() != 0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert pack.square(3) == 9


def test_a_fork_while_threads_call(pack: Any) -> None:
    enough = threading.Event()

    def calls() -> None:
        while not enough.is_set():
            assert pack.add(1, 2) == 3

    threads = [threading.Thread(target=calls) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if pid == 0:
                signal.alarm(10)
                os._exit(0 if pack.add(2, 3) == 5 else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def test_direct_calls_from_threads(pack: Any) -> None:
    wrong: list[Any] = []

    def calls(n: int) -> None:
        wrong.extend(x for x in range(300) if pack.add(n, x) != n + x)

    threads = [threading.Thread(target=calls, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ---- processes


def test_process(pack: Any, ctx: Any, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "note"
    p = ctx.Process(target=pack.note, args=(str(path), 5), kwargs={"seconds": 0.0}, name="noter")
    p.start()
    assert p.pid != os.getpid()
    p.join(20)
    assert (p.exitcode, p.is_alive(), path.read_text()) == (0, False, "5\n")
    p = ctx.Process(target=pack.forever)
    p.start()
    assert p.is_alive()
    p.join(0.2)
    assert p.exitcode is None
    p.terminate()
    p.join(20)
    assert p.exitcode == -signal.SIGTERM
    p = ctx.Process(target=pack.forever)
    p.start()
    p.kill()
    p.join(20)
    assert p.exitcode == -signal.SIGKILL
    p = ctx.Process(target=pack.exit, args=(7,))
    p.start()
    p.join(20)
    assert p.exitcode == 7
    with pytest.raises(TypeError, match="parameter code"):
        ctx.Process(target=pack.exit, args=("7",)).start()


@pytest.mark.parametrize(
    ("name", "args", "text"),
    [
        ("divide", (1, 0), "Process failing: divide: b must not be 0\n"),
        ("panic", (1,), "Process failing: panic: assignment to entry in nil map\ngoroutine"),
        ("goexit", (1,), "Process failing: goexit: it has ended its goroutine by runtime.Goexit\n"),
    ],
)
def test_process_that_fails(pack: Any, capfd: Any, name: str, args: Any, text: str) -> None:
    p = gomp.Process(target=pack[name], args=args, name="failing")
    p.start()
    p.join(20)
    assert p.exitcode == 1
    assert capfd.readouterr().err.startswith(text)


def test_process_and_ctrl_c(pack: Any) -> None:
    p = gomp.Process(target=pack.forever)
    p.start()
    time.sleep(0.1)
    os.kill(p.pid, signal.SIGINT)
    p.join(20)
    assert p.exitcode == -signal.SIGINT


# ---- what is left behind


def alive(pid: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def in_use() -> dict[str, int]:
    gc.collect()
    return {"blocks": _boundary.stats()["used"], "descriptors": len(os.listdir("/proc/self/fd"))}


def test_nothing_leaks(pack: Any) -> None:
    big = np.arange(20_000.0)

    def use(n: int) -> None:
        for i in range(n):
            pack.add(i, 1)
            with pytest.raises(gomp.KernelError):
                pack.divide(i, 0)
            if i % 10 == 0:
                pack.array_float64(big)
                pack.twice(20_000)
                pack.string("x" * 100_000)
        with gomp.Pool(2) as pool:
            pool.map(pack.square, range(n))
            pool.map_array(pack.square, big)
            with pytest.raises(gomp.KernelError):  # what the first calls have returned goes with the others'
                pool.map(pack.large_or_error, [100_000, 100_000, -1], 3)
            lost = pool.apply_async(pack.array_float64, (big,)), pool.map_async(pack.large_or_error, [100_000] * 3)
            lost[0].wait()
        for target, args in ((pack.array_float64, (big,)), (pack.forever, ())):
            p = gomp.Process(target=target, args=args)
            p.start()
            if target is pack.forever:
                p.kill()
            p.join()

    use(100)
    before = in_use()
    use(1000)
    end = time.monotonic() + 5
    while (after := in_use()) != before and time.monotonic() < end:
        pack.add(1, 2)
        time.sleep(0.05)
    assert after == before


AT_EXIT = """
import sys
from gomp import kernel
import gomp
pack = kernel.load(sys.argv[1])
print(pack.pid())
pool = gomp.Pool(1)
print(pool.apply(pack.pid))
sys.stdout.flush()
if sys.argv[2] == "wait":
    sys.stdin.read()
elif sys.argv[2] == "close":
    pool.terminate()
"""


def wait_for_ends(pids: list[int]) -> None:
    end = time.monotonic() + 5
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(map(alive, pids))


def told(program: str, *arguments: str, **variables: str) -> str:
    """What a program prints that ends well and says nothing else."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **variables},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_first_results_while_numpy_is_imported() -> None:
    program = """
import threading
from gomp import kernels
kernels.sqrt(1.0)
lengths = []
threads = [threading.Thread(target=lambda: lengths.append(len(kernels.tfidf(["a b", "c d"])))) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(lengths == 4 * [len(kernels.tfidf(["a b", "c d"]))])
"""
    assert told(program) == "True\n"


def test_arguments_are_looked_at_once(pack: Any, pool: Any) -> None:
    with pytest.raises(TypeError, match=r"kernel strings, parameter x .* a str is needed"):
        pack.strings(iter(["a", "b", 3, "c"]))

    def interrupted() -> Any:
        yield "a"
        raise TimeoutError("by a signal handler")

    with pytest.raises(TimeoutError, match="by a signal handler"):
        pack.strings(interrupted())
    with pytest.raises(TimeoutError, match="by a signal handler"):
        pool.apply(pack.strings, (interrupted(),))


def test_processes_of_kernels_are_not_the_programs() -> None:
    program = """
import gomp
from gomp import kernels
kernels.sqrt(4.0)
print(gomp.active_children(), gomp.get_context("fork").Process().name)
"""
    assert told(program) == "[] ForkProcess-1\n"


def test_a_forked_child_ends_nothing_of_its_parents(pack: Any) -> None:
    program = """
import os, sys
import gomp
from gomp import kernel
pack = kernel.load(sys.argv[1])
with gomp.get_context("fork").Pool(1) as pool:
    before = pack.pid(), pool.apply(os.getpid)
    if os.fork() == 0:
        sys.exit()
    os.wait()
    print(before == (pack.pid(), pool.apply(os.getpid)))
"""
    assert told(program, pack.path) == "True\n"


@pytest.mark.parametrize("ends", ["by an exception", "by returning"])
@pytest.mark.parametrize("call", ["pack.nap(0.6)", "pool.apply(pack.nap, (0.6,))", "pool.apply(time.sleep, (0.6,))"])
def test_a_signal_handler_that_forks(pack: Any, call: str, ends: str) -> None:
    """Its child has no part in the call that its parent waits for, and the parent gets its answer."""
    program = f"""
import os, signal, sys, time
import gomp
from gomp import kernel
pack = kernel.load(sys.argv[1])
pool = gomp.get_context("fork").Pool(1)
pool.apply(pack.pid), pack.pid()
parent = os.getpid()
def fork(*_):
    if os.fork() == 0 and sys.argv[2] == "by an exception":
        raise ZeroDivisionError
signal.signal(signal.SIGALRM, fork)
signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    answer = {call}
except (RuntimeError, ZeroDivisionError) as e:
    answer = type(e).__name__
if os.getpid() != parent:
    print(answer, flush=True)
    os._exit(0)
os.wait()
print(answer)
pool.terminate()
"""
    child = {"by an exception": "ZeroDivisionError", "by returning": "RuntimeError"}[ends]
    parent = "None" if "time.sleep" in call else "0.6"
    assert told(program, pack.path, ends).split() == [child, parent]


@pytest.mark.parametrize("before", ["kernels.sqrt(4.0)", ""])
def test_exit_handlers(before: str) -> None:
    """They run after what multiprocessing does at the end, where they were there before."""
    program = f"""
import atexit
atexit.register(lambda: print(kernels.sqrt(9.0)))
from gomp import kernels
{before}
"""
    assert told(program) == "3.0\n"


def test_msgpack_in_python_and_none() -> None:
    program = """
import threading
from gomp import _packing, kernels
def run():
    assert all(kernels.square(float(i)) == i * i for i in range(300))
threads = [threading.Thread(target=run) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
    assert told(program, MSGPACK_PUREPYTHON="1") == ""
    program = """
import sys
sys.modules["msgpack"] = None
from gomp import kernels
try:
    kernels.sqrt(4.0)
except ImportError as e:
    print(e)
"""
    assert told(program) == "kernels need msgpack: pip install msgpack\n"


class Announced(gomp.Process):
    def run(self) -> None:
        os.write(1, b"begun ")
        super().run()


def test_a_process_with_a_run_of_its_own(pack: Any, capfd: Any) -> None:
    process = Announced(target=pack.square, args=(2.0,))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert capfd.readouterr().out == "begun "


def test_element_wise_kernels_of_arrays(pack: Any) -> None:
    array = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(pack.square(array), array**2)
    np.testing.assert_array_equal(pack.square(array[:, ::2]), array[:, ::2] ** 2)
    assert pack.positive(np.array([-1.0, 1.0])).tolist() == [False, True]
    with pytest.raises(TypeError, match="kernel negate, parameter x"):
        pack.negate(array)


def test_arrays_in_lists_and_dicts(pack: Any) -> None:
    rows = [np.ones(2), [1.0], np.arange(3.0)]
    assert pack.rows(rows) == [[1.0, 1.0], [1.0], [0.0, 1.0, 2.0]]
    assert pack.table({"a": np.arange(3), "b": [1]}) == {"a": [0, 1, 2], "b": [1]}


@pytest.mark.parametrize(
    "call", [lambda p, k, a: k.array_float64(a), lambda p, k, a: k.square(a), lambda p, k, a: p.map_array(k.square, a)]
)
@pytest.mark.parametrize("element", ["float64", "float32"])
def test_masks_are_not_lost(pack: Any, pool: Any, call: Any, element: str) -> None:
    with pytest.raises(TypeError, match="an array without a mask is needed"):
        call(pool, pack, np.ma.array([1.0, 2.0], element, mask=[0, 1]))


def test_kernels_without_gomp() -> None:
    program = """
from gomp import kernels
try:
    kernels.sqrt(4.0)
except RuntimeError as e:
    print(e)
"""
    assert told(program, GOMP_DISABLE="1") == "kernels run in gomp's own processes, and GOMP_DISABLE is set\n"


def use_a_pool(pool: Any, said: Any) -> None:
    try:
        pool.apply(abs, (1,))
    except ValueError as e:
        said.put(str(e))


def test_a_pool_of_the_parents(pack: Any) -> None:
    ctx = gomp.get_context("fork")
    with ctx.Pool(1) as pool:
        said = ctx.Queue()
        child = ctx.Process(target=lambda: use_a_pool(pool, said))
        child.start()
        assert said.get(timeout=20) == "the pool is another process's, which alone can give it tasks"
        child.join()
        assert pool.apply(abs, (-1,)) == 1


def test_submitted_kernels(pack: Any) -> None:
    """They run in the pack's process, and no worker of Python's has to do with them."""
    with gomp.ProcessPoolExecutor(2, gomp.get_context("fork")) as executor:
        futures = [executor.submit(pack.pid_of, x) for x in range(10)]
        done = {future.result() for future in concurrent.futures.as_completed(futures, 20)}
        assert {x for x, _ in done} == set(range(10))
        assert len({pid for _, pid in done}) == 1
        assert executor.submit(pack.divide, a=7, b=2).result(20) == (3, 1)
        assert isinstance(executor.submit(pack.panic, 1).exception(20), gomp.KernelError)
        with pytest.raises(gomp.executor.WorkerLost):
            executor.submit(pack.exit, 3).result(20)
        with pytest.raises(TypeError, match="kernel square, parameter x"):
            executor.submit(pack.square, "text")
        assert executor.stats()["done"] == 0
        assert executor.submit(os.getpid).result(20) not in {pid for _, pid in done}
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(pack.pid)


def test_shutdown_of_an_executor_cancels_kernels(pack: Any) -> None:
    executor = gomp.ProcessPoolExecutor(2, gomp.get_context("fork"))
    results = executor.map(pack.nap, [0.1] * 100)
    next(results)
    executor.shutdown(cancel_futures=True)
    with pytest.raises(concurrent.futures.CancelledError):
        list(results)


def test_interpreter_exit(pack: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", AT_EXIT, pack.path, "close"], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")
    wait_for_ends([int(pid) for pid in done.stdout.split()])


def test_parent_is_killed(pack: Any) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", AT_EXIT, pack.path, "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert program.stdout
    assert program.stdin
    pids = [int(program.stdout.readline()), int(program.stdout.readline())]
    assert all(map(alive, pids))
    program.kill()
    program.wait()
    program.stdin.close()
    program.stdout.close()
    wait_for_ends(pids)


INTERRUPTED = """
import sys, time
import gomp
from gomp import kernel
pack = kernel.load(sys.argv[1])
pool = gomp.Pool(2)
pool.apply(pack.square, (1,)), pack.square(1)
ways = {
    "direct": pack.forever,
    "apply": lambda: pool.apply(pack.sleep, (60,)),
    "map": lambda: pool.map(pack.sleep, [60] * 4, 1),
    "imap": lambda: next(pool.imap(pack.sleep, [60] * 4)),
}
for name in sys.argv[2:]:
    print("ready", flush=True)
    try:
        ways[name]()
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
pool.terminate()
pool.join()
print(pack.square(3), flush=True)
"""


def test_ctrl_c(pack: Any) -> None:
    ways = ["direct", "apply", "map", "imap", "direct"]
    program = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, pack.path, *ways], stdout=subprocess.PIPE, text=True, process_group=0
    )
    assert program.stdout
    with program:
        for way in ways:
            assert program.stdout.readline() == "ready\n"
            time.sleep(0.2)
            sent = time.monotonic()
            os.killpg(program.pid, signal.SIGINT)
            assert float(program.stdout.readline()) - sent < 0.5, way
        assert program.stdout.readline() == "9.0\n"
        assert program.wait(10) == 0
