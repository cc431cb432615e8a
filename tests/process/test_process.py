"""A process starts, is watched, ends and is reaped as the standard library's does."""

from __future__ import annotations

import contextlib
import errno
import gc
import multiprocessing.process
import os
import select
import signal
import sys
import threading
import time
from typing import Any

import pytest
import targets

import gomp
from gomp.connection import wait


@pytest.mark.parametrize(
    ("how", "exitcode"),
    [("return", 0), ("exit", 3), ("message", 1), ("raise", 1), ("_exit", 5), ("signal", -signal.SIGUSR1)],
)
def test_exit_code(ctx: Any, how: str, exitcode: int) -> None:
    p = ctx.Process(target=targets.leave, args=(how,))
    assert p.exitcode is None
    p.start()
    p.join(20)
    assert p.exitcode == exitcode
    assert not p.is_alive()


def test_many_threads_wait_for_a_child(ctx: Any) -> None:
    """Each of them learns the exit code: also who asks just when another has reaped the child."""
    codes: list[int | None] = []

    def wait_for(p: Any, start: threading.Barrier) -> None:
        start.wait(20)
        p.join(20)
        codes.append(p.exitcode)

    for _ in range(20):
        p = ctx.Process(target=targets.leave, args=("return",))
        p.start()
        start = threading.Barrier(8)
        threads = [threading.Thread(target=wait_for, args=(p, start)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert p not in multiprocessing.process._children  # type: ignore[attr-defined]
    assert codes == [0] * 160


def interrupting(function: Any) -> Any:
    """The function, with a signal's exception when it has done its work for the first time."""
    signals = [KeyboardInterrupt]

    def call(*args: Any) -> Any:
        done = function(*args)
        if signals:
            raise signals.pop()
        return done

    return call


@pytest.mark.parametrize("call", ["waitid", "waitpid", "readv"])
def test_interrupted_wait_loses_no_exit_code(ctx: Any, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    p = ctx.Process(target=targets.leave, args=("message",))
    p.start()
    monkeypatch.setattr(os, call, interrupting(getattr(os, call)))
    called = (call == "readv") == (ctx.get_start_method() == "forkserver")
    with pytest.raises(KeyboardInterrupt) if called else contextlib.nullcontext():
        p.join(20)
    assert p.exitcode == 1
    p.join()
    assert p not in multiprocessing.process._children  # type: ignore[attr-defined]
    with pytest.raises(ChildProcessError):
        os.waitpid(p.pid, os.WNOHANG)


def test_programs_that_replace_waitpid(ctx: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As gevent does: its loop reaps all children, and its waitpid alone knows what it found."""
    p = ctx.Process(target=targets.leave, args=("_exit",))
    p.start()
    if ctx.get_start_method() != "forkserver":
        _, status = os.waitpid(p.pid, 0)
        monkeypatch.setattr(os, "waitpid", lambda pid, flag: (pid, status))
    p.join(20)
    assert p.exitcode == 5


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_child_that_cannot_be_watched_is_ended(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And only that: its number may be another's by the time that start() has failed."""
    killed: list[int] = []
    kill = os.kill

    def killing(pid: int, number: int) -> None:
        killed.append(pid)
        kill(pid, number)

    def none_left(pid: int) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(os, "kill", killing)
    monkeypatch.setattr(os, "pidfd_open", none_left)
    with pytest.raises(OSError, match="too many open files"):
        gomp.get_context(method).Process(target=targets.leave, args=("return",)).start()
    assert len(killed) == 1
    with pytest.raises(ChildProcessError):
        os.waitpid(killed[0], os.WNOHANG)


def test_what_a_child_knows(ctx: Any) -> None:
    r, w = ctx.Pipe(duplex=False)
    p = ctx.Process(target=targets.describe, args=(w,), name="the child", daemon=True)
    p.start()
    said = r.recv()
    p.join(20)
    assert said == {
        "pid": p.pid,
        "name": "the child",
        "daemon": True,
        "authkey": bytes(gomp.current_process().authkey),
        "parent": os.getpid(),
        "parent alive": True,
        "method": ctx.get_start_method(),
        "class": type(p).__name__,
    }


def test_default_name_and_repr(ctx: Any) -> None:
    p = ctx.Process(target=targets.sleep)
    kind = type(p).__name__
    assert p.name.startswith(f"{kind}-")
    assert repr(p) == f"<{kind} name={p.name!r} parent={os.getpid()} initial>"
    p.start()
    assert repr(p) == f"<{kind} name={p.name!r} pid={p.pid} parent={os.getpid()} started>"
    p.kill()
    p.join(20)
    assert repr(p) == f"<{kind} name={p.name!r} pid={p.pid} parent={os.getpid()} stopped exitcode=-SIGKILL>"
    p.close()
    assert repr(p) == f"<{kind} name={p.name!r} parent={os.getpid()} closed>"


@pytest.mark.parametrize(("stop", "signum"), [("terminate", signal.SIGTERM), ("kill", signal.SIGKILL)])
def test_stopping(ctx: Any, stop: str, signum: int) -> None:
    p = ctx.Process(target=targets.sleep)
    p.start()
    assert p.is_alive()
    assert p in gomp.active_children()
    assert p.join(0.01) is None
    assert p.is_alive()
    getattr(p, stop)()
    p.join(20)
    assert p.exitcode == -signum
    assert p not in gomp.active_children()
    getattr(p, stop)()  # a dead process is not an error


def test_sentinel(ctx: Any) -> None:
    event = ctx.Event()
    p = ctx.Process(target=targets.wait_for, args=(event,))
    with pytest.raises(ValueError, match="process not started"):
        _ = p.sentinel
    p.start()
    assert isinstance(p.sentinel, int)
    assert wait([p.sentinel], timeout=0.05) == []
    event.set()
    assert wait([p.sentinel], timeout=20) == [p.sentinel]
    assert select.select([p.sentinel], [], [], 0)[0]
    p.join(20)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_sentinel_is_not_kept_from_telling_by_a_grandchild(method: str) -> None:
    ctx = gomp.get_context(method)
    r, w = ctx.Pipe(duplex=False)
    p = ctx.Process(target=targets.leave_a_child, args=("fork", w))
    p.start()
    grandchild = r.recv()
    try:
        assert wait([p.sentinel], timeout=20)
        assert p.exitcode == -signal.SIGKILL
        assert r.recv() is False  # the grandchild has seen its parent die
    finally:
        os.kill(grandchild, signal.SIGKILL)


def test_a_sibling_does_not_keep_a_child_from_seeing_its_parent_die() -> None:
    ctx = gomp.get_context("fork")
    r, w = ctx.Pipe(duplex=False)
    p = ctx.Process(target=targets.leave_two_children, args=(w,))
    p.start()
    lasting = r.recv()
    try:
        assert r.poll(20)
        assert r.recv() is False
    finally:
        os.kill(lasting, signal.SIGKILL)
        p.join(20)


def test_closing(ctx: Any) -> None:
    p = ctx.Process(target=targets.sleep)
    p.start()
    with pytest.raises(ValueError, match="Cannot close a process while it is still running"):
        p.close()
    p.kill()
    p.join(20)
    p.close()
    for use in (p.is_alive, p.join, p.terminate):
        with pytest.raises(ValueError, match="process object is closed"):
            use()
    p.close()


def test_wrong_use(ctx: Any) -> None:
    p = ctx.Process(target=targets.nothing)
    with pytest.raises(AssertionError, match="can only join a started process"):
        p.join()
    p.start()
    with pytest.raises(AssertionError, match="cannot start a process twice"):
        p.start()
    p.join(20)


def test_subclass() -> None:
    r, w = gomp.Pipe(duplex=False)
    p = targets.Reporter(w, "a word")
    p.start()
    assert r.recv() == ("a reporter", "a word")
    p.join(20)
    assert p.exitcode == 0


def test_nested(ctx: Any) -> None:
    r, w = ctx.Pipe(duplex=False)
    p = ctx.Process(target=targets.relay, args=(ctx.get_start_method(), w, 3))
    p.start()
    assert r.poll(30)
    assert r.recv() != p.pid
    p.join(20)
    assert p.exitcode == 0


@pytest.mark.parametrize("outer", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("inner", ["fork", "spawn", "forkserver"])
def test_one_method_within_another(outer: str, inner: str) -> None:
    ctx = gomp.get_context(outer)
    r, w = ctx.Pipe(duplex=False)
    p = ctx.Process(target=targets.relay, args=(inner, w, 2))
    p.start()
    assert r.poll(30)
    r.recv()
    p.join(20)
    assert p.exitcode == 0
    gomp.forkserver._forkserver._stop()


def test_no_descriptor_is_left(ctx: Any) -> None:
    def start_and_close() -> None:
        p = ctx.Process(target=targets.nothing)
        p.start()
        p.join(20)
        p.close()

    start_and_close()  # what is made once is made
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        start_and_close()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("ctx", ["spawn", "forkserver"], indirect=True)
def test_start_that_fails_leaves_nothing(ctx: Any) -> None:
    lock = ctx.Lock()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises((AttributeError, TypeError, OSError), match=r"pickle|lambda"):
            ctx.Process(target=lambda: None, args=(lock,)).start()
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # the tracker's, the first time
    assert lock.acquire(timeout=1)
    lock.release()


def test_sigchld_ignored() -> None:
    # The kernel reaps by itself then: there is nothing to wait for, and nothing may hang or fail.
    old = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        p = gomp.get_context("fork").Process(target=targets.nothing)
        p.start()
        assert wait([p.sentinel], timeout=20) == [p.sentinel]
        p.join(1)
    finally:
        signal.signal(signal.SIGCHLD, old)
        gomp.process._children.discard(p)


def test_many_at_once(ctx: Any) -> None:
    event = ctx.Event()
    many = [ctx.Process(target=targets.wait_for, args=(event,)) for _ in range(8)]
    for p in many:
        p.start()
    event.set()
    for p in many:
        p.join(30)
        assert p.exitcode == 0


def test_join_returns_soon_after_the_end() -> None:
    p = gomp.get_context("fork").Process(target=targets.sleep, args=(0.3,))
    p.start()
    before = time.monotonic()
    p.join(20)
    assert time.monotonic() - before < 2
    assert p.exitcode == 0


@pytest.mark.skipif(not hasattr(gomp.Process, "interrupt"), reason="this Python's processes have no interrupt()")
def test_interrupt(ctx: Any) -> None:
    p = ctx.Process(target=targets.sleep)
    p.start()
    time.sleep(1)
    p.interrupt()
    p.join(20)
    assert p.exitcode not in (None, 0)


def test_no_warning_about_the_cores_threads() -> None:
    # From 3.12 on os.fork() warns where there are threads; the core's are no danger.
    assert sys.version_info >= (3, 11)
    import warnings

    gomp.Lock().acquire()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        p = gomp.get_context("fork").Process(target=targets.nothing)
        p.start()
    p.join(20)
    assert p.exitcode == 0
