"""What a worker of a pool runs. A fresh interpreter imports this, and nothing that only the parent needs."""

from __future__ import annotations

import itertools
import os
import pickle
import signal
import sys
from multiprocessing import util

from . import _boundary, _errors
from ._family import Inherited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["ITEM", "MAP", "STARMAP", "Core", "work", "worker_id", "worker_state"]

# How a job's function is called with a task's payload. A task without one has its own.
ITEM, MAP, STARMAP = range(3)

_id: int | None = None
_state: Any = None


class Core(Inherited, _boundary.Pool):
    """The core's pool, as the parent and the workers have it."""


def worker_id() -> int | None:
    """The number of this worker in its pool, from 0; None in a process that is no worker."""
    return _id


def worker_state() -> Any:
    """What the pool's initializer has returned in this worker."""
    return _state


def work(
    core: Any,
    index: int,
    initializer: Callable[..., Any] | None,
    initargs: Any,
    maxtasks: int | None,
    faithful: bool,
    on_exit: Callable[[], Any] | None,
    cpus: Any,
    reports: Any,
    mask: Any,
) -> None:
    """Take tasks and answer them until there are no more.

    `faithful`: what a task has raised is what its caller gets, also if it is no Exception, or if it was raised
    by pickling the result. `mask`: the signal mask of the pool's maker, where it is not this process's yet.
    """
    global _id, _state
    _id = index
    core._enter(index)
    # Ctrl-C reaches the whole group; what becomes of the workers is for the parent to say.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _heed_not)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if cpus is not None:
        os.sched_setaffinity(0, cpus)
    if initializer is not None:
        try:
            _state = initializer(*initargs)
        except BaseException as e:
            told, first = reports
            told.put(str(_errors.raised(e).tb))
            if first.acquire(block=False):
                raise
            sys.exit(1)  # it was printed at the first try
    core._begin(index)
    try:
        serve(core, index, maxtasks, faithful)
    finally:
        if on_exit is not None:
            on_exit()


def _heed_not(number: int, frame: object) -> None:
    pass


def serve(core: Any, index: int, maxtasks: int | None, faithful: bool) -> None:
    take, answer = core._take, core._answer
    done = 0
    while maxtasks is None or done < maxtasks:
        try:
            task = take(index)
            if task is None:
                util.debug("worker got sentinel -- exiting")
                break
            raised, value = False, call(*task)
        except Exception as e:
            if not core._holding(index):  # it was not the task's
                raise
            raised, value = True, returnable(e)
        except BaseException as e:
            if not core._holding(index):
                raise
            raised, value = True, _errors.raised(e) if faithful else _errors.aborted(e)
            if isinstance(e, SystemExit) and not faithful:
                reply(answer, index, raised, value)
                raise
        (hand_over if faithful else reply)(answer, index, raised, value)
        task = value = None
        done += 1
    util.debug(f"worker exiting after {done} tasks")


def call(function: Any, payload: Any) -> Any:
    if function is None:
        func, args, kwds = payload
        return func(*args, **kwds)
    mode, func = function
    if mode == ITEM:
        return func(payload)
    if mode == MAP:
        return list(map(func, payload))
    return list(itertools.starmap(func, payload))


def returnable(failure: Exception) -> Any:
    """What the exception is sent as. One that could not be unpickled would lose its text."""
    wrapped = _errors.raised(failure)
    try:
        pickle.loads(pickle.dumps(failure))
    except Exception as e:
        wrapped.exc = _errors.unsendable(e, failure)
    return wrapped


def hand_over(answer: Callable[[int, bool, Any], None], index: int, raised: bool, value: Any) -> None:
    try:
        answer(index, raised, value)
    except BaseException as e:
        reply(answer, index, True, _errors.raised(e))


def reply(answer: Callable[[int, bool, Any], None], index: int, raised: bool, value: Any) -> None:
    try:
        answer(index, raised, value)
    except Exception as e:
        wrapped = _errors.unsendable(e, value.exc if raised else value)
        util.debug(f"Possible encoding error while sending result: {wrapped}")
        try:
            answer(index, True, wrapped)
        except MemoryError:  # what needs no block of its own
            answer(index, True, MemoryError("the family's shared memory has no room for the answer"))
    except BaseException as e:
        answer(index, True, _errors.aborted(e))
        if isinstance(e, SystemExit):
            raise
