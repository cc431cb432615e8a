"""What gomp raises beyond the standard exceptions."""

from __future__ import annotations

__all__ = ["OwnerDied", "OwnerDiedWarning"]


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
