"""What gomp raises beyond the standard exceptions."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "BrokenPool",
    "CompileError",
    "KernelError",
    "OwnerDied",
    "OwnerDiedWarning",
    "TaskAborted",
    "TaskTimeout",
    "WorkerLost",
]


class OwnerDiedWarning(RuntimeWarning):
    """A lock was taken over from a process that died while it held it."""


class OwnerDied(OSError):
    """Raised once, instead of the warning, by a lock made with ``on_owner_death="raise"``.

    The lock is then held, as a robust POSIX mutex is; ``pid`` is the process that died.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(f"process {pid} died while it held the lock")
        self.pid = pid

    def __reduce__(self) -> tuple[type[OwnerDied], tuple[int]]:
        return type(self), (self.pid,)


def _short(obj: object, most: int = 200) -> str:
    """What stands for an object in a message."""
    import reprlib

    try:
        text = reprlib.repr(obj)
    except Exception as e:
        text = f"<{type(obj).__name__} whose repr() raises {type(e).__name__}>"
    return text if len(text) <= most else text[: most - 3] + "..."


class _TaskError(RuntimeError):
    """A task that a pool could not complete; `function` and `arguments` are short texts."""

    def __init__(self, message: str, function: object, arguments: object) -> None:
        self.function = function if isinstance(function, str) else _name(function)
        self.arguments = arguments if isinstance(arguments, str) else _short(arguments)
        super().__init__(f"{message}: {self.function}, called with {self.arguments}")


def _name(function: object) -> str:
    name = getattr(function, "__qualname__", None)
    return f"{function.__module__}.{name}" if name else _short(function)


class WorkerLost(_TaskError):
    """The worker of a pool died while it held the task.

    ``pid`` is the worker's, ``exitcode`` what Process.exitcode says of it, ``signal`` the signal that has killed
    it or None; ``function`` and ``arguments`` describe the task in short.
    """

    def __init__(self, pid: int, exitcode: int, function: object, arguments: object) -> None:
        import signal

        self.pid, self.exitcode = pid, exitcode
        self.signal: signal.Signals | int | None = None
        how = f"ended with exit code {exitcode}"
        if exitcode < 0:
            try:
                self.signal = signal.Signals(-exitcode)
                how = f"was killed by {self.signal.name}"
            except ValueError:
                self.signal = -exitcode
                how = f"was killed by signal {-exitcode}"
        super().__init__(f"worker {pid} {how} during a task", function, arguments)

    def __reduce__(self) -> tuple[type[WorkerLost], tuple[int, int, str, str]]:
        return type(self), (self.pid, self.exitcode, self.function, self.arguments)


class TaskTimeout(_TaskError, TimeoutError):
    """A task ran for longer than its ``timeout``, in seconds; its worker was killed and replaced."""

    def __init__(self, timeout: float | None, function: object, arguments: object) -> None:
        self.timeout = timeout
        super().__init__(f"the task ran for longer than {timeout} seconds", function, arguments)

    def __reduce__(self) -> tuple[type[TaskTimeout], tuple[float | None, str, str]]:
        return type(self), (self.timeout, self.function, self.arguments)


class TaskAborted(RuntimeError):
    """A task raised what is no Exception: SystemExit, KeyboardInterrupt or their like."""


class BrokenPool(RuntimeError):
    """The pool has ended, or its workers cannot be started; ``__cause__`` has the initializer's traceback."""

    def __init__(self, traceback: str | None, message: str = "the pool's workers cannot be started") -> None:
        super().__init__(message)
        self.traceback = traceback
        if traceback is not None:
            from multiprocessing.pool import RemoteTraceback

            self.__cause__ = RemoteTraceback(traceback)

    def __reduce__(self) -> tuple[type[BrokenPool], tuple[str | None, str]]:
        return type(self), (self.traceback, str(self.args[0]))

    def again(self) -> BrokenPool:
        """Another one like it: each result has its own."""
        return type(self)(self.traceback, str(self.args[0]))


def raised(failure: BaseException) -> Any:
    """What a worker answers for a task that raised something."""
    from multiprocessing.pool import ExceptionWithTraceback

    return ExceptionWithTraceback(failure, failure.__traceback__)


def aborted(failure: BaseException) -> Any:
    """What a worker answers for a task that raised what is no Exception."""
    wrapped = raised(failure)
    wrapped.exc = TaskAborted(f"the task raised {failure!r}")
    return wrapped


def unsendable(failure: BaseException, value: object) -> Exception:
    """What stands for a result, or for what a task raised, that could not be pickled."""
    from multiprocessing.pool import MaybeEncodingError

    return MaybeEncodingError(failure, value)


class KernelError(RuntimeError):
    """A kernel has returned an error, or panicked.

    ``kernel`` is its name, ``message`` what it said; ``stack`` is Go's stack at a panic, None for an error.
    """

    def __init__(self, kernel: str, message: str, stack: str | None = None) -> None:
        super().__init__(f"{kernel} panicked: {message}\n\n{stack}" if stack else f"{kernel}: {message}")
        self.kernel, self.message, self.stack = kernel, message, stack

    def __reduce__(self) -> tuple[type[KernelError], tuple[str, str, str | None]]:
        return type(self), (self.kernel, self.message, self.stack)


class CompileError(RuntimeError):
    """Kernels do not compile, or cannot be compiled here.

    ``lines`` are the compiler's, as in ``fast.go:3:8: undefined: x``, or one sentence about what is missing.
    """

    @property
    def lines(self) -> list[str]:
        return str(self).splitlines()
