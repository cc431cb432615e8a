"""What the processes of these tests do: importable, since spawned children look it up by name."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from typing import Any

import gomp
import gomp.queues
from gomp.connection import Connection


def nothing() -> None:
    """End at once."""


def leave(how: str) -> None:
    """End in the way asked for."""
    sys.stderr = io.StringIO()
    if how == "raise":
        raise RuntimeError("on purpose")
    if how == "exit":
        sys.exit(3)
    if how == "message":
        sys.exit("a message")
    if how == "_exit":
        os._exit(5)
    if how == "signal":
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(30)


def sleep(seconds: float = 30.0) -> None:
    """Be there until told otherwise."""
    time.sleep(seconds)


def wait_for(event: Any) -> None:
    """Be there until the event."""
    event.wait(30)


def describe(conn: Connection) -> None:
    """Tell about this process."""
    me, parent = gomp.current_process(), gomp.parent_process()
    assert parent is not None
    conn.send(
        {
            "pid": os.getpid(),
            "name": me.name,
            "daemon": me.daemon,
            "authkey": bytes(me.authkey),
            "parent": parent.pid,
            "parent alive": parent.is_alive(),
            "method": gomp.get_start_method(),
            "class": type(me).__name__,
        }
    )


class Counting(gomp.queues.Queue):
    """A queue as programs write them that know the inside of the standard one."""

    def __init__(self, ctx: Any) -> None:
        super().__init__(ctx=ctx)
        self.count = ctx.Value("i", 0)

    def __getstate__(self) -> Any:
        return (super().__getstate__(), self.count)

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state[0])
        self.count = state[1]

    def put(self, *args: Any, **kwargs: Any) -> None:
        """Count what is put."""
        with self.count.get_lock():
            self.count.value += 1
        super().put(*args, **kwargs)


class OwnState(gomp.queues.SimpleQueue):
    """The same, without a call of the standard methods."""

    def __getstate__(self) -> Any:
        return (self._reader, self._writer, self._rlock, self._wlock)

    def __setstate__(self, state: Any) -> None:
        (self._reader, self._writer, self._rlock, self._wlock) = state


def put_all(q: Any, things: list[Any]) -> None:
    """Put each of the things."""
    for thing in things:
        q.put(thing)


class Reporter(gomp.Process):
    """A subclass with a constructor and attributes of its own."""

    def __init__(self, conn: Connection, word: str) -> None:
        super().__init__(name="a reporter")
        self.conn, self.word = conn, word

    def run(self) -> None:
        """Send the word."""
        self.conn.send((self.name, self.word))


def relay(method: str, conn: Connection, levels: int) -> None:
    """Start a child that does the same, down to the last, which answers."""
    if levels == 0:
        conn.send(os.getpid())
        return
    p = gomp.get_context(method).Process(target=relay, args=(method, conn, levels - 1))
    p.start()
    p.join(20)
    sys.exit(p.exitcode)


def answer_by_new_pipe(requests: Any) -> None:
    """Make a pipe and send one end of it to whoever asks."""
    ours, theirs = gomp.Pipe()
    requests.put(theirs)
    theirs.close()
    ours.send("made by the child")
    ours.send(ours.recv() * 2)


def echo(conn: Connection) -> None:
    """Send back what comes, until None does."""
    while (message := conn.recv()) is not None:
        conn.send(message)


def set_when_told(value: Any, event: Any, new: Any) -> None:
    """Write to the value once the event is set."""
    event.wait(20)
    value.value = new


def fill(array: Any, lock: Any, start: int) -> None:
    """Fill a part of the array."""
    with lock:
        for i in range(start, start + 10):
            array[i] = i


def outlive_parent(conn: Connection) -> None:
    """Tell when the parent has died."""
    parent = gomp.parent_process()
    assert parent is not None
    parent.join(20)
    conn.send(parent.is_alive())


def leave_a_child(method: str, conn: Connection) -> None:
    """Start a child and die without a word."""
    p = gomp.get_context(method).Process(target=outlive_parent, args=(conn,))
    p.start()
    conn.send(p.pid)
    os.kill(os.getpid(), signal.SIGKILL)


def use_all(conn: Connection, value: Any, lock: Any, event: Any) -> None:
    """Use one object of each kind."""
    with lock:
        value.value += 1
    event.set()
    conn.send("done")


def leave_two_children(conn: Connection) -> None:
    """Start a child that tells of this process's death, and one that outlives it, and die."""
    gomp.Process(target=outlive_parent, args=(conn,)).start()
    lasting = gomp.Process(target=sleep)
    lasting.start()
    conn.send(lasting.pid)
    os.kill(os.getpid(), signal.SIGKILL)


def linger(_: Any) -> None:
    """Be busy with a task."""
    time.sleep(30)


def square(x: int) -> int:
    """Return the square of a number."""
    return x * x


def die_once(marker: str) -> None:
    """Die without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


def pool_and_die(conn: Connection) -> None:
    """Start a pool, tell its workers and die without a word."""
    gomp.current_process()._config["daemon"] = False
    pool = gomp.Pool(2)
    conn.send([p.pid for p in pool._pool])
    os.kill(os.getpid(), signal.SIGKILL)
