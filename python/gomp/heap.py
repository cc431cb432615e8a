"""The standard heap, carving the memory behind Value and Array from the family's blocks."""

from __future__ import annotations

import mmap
import sys
from multiprocessing import heap as _std
from multiprocessing import reduction, util
from multiprocessing.context import assert_spawning

from . import _boundary
from ._family import Inherited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["BufferWrapper"]


class _Block(Inherited, _boundary.Block):
    """Memory of the family."""


class Arena(_std.Arena):
    """A shared memory area: a block of the family's memory, or a file that one brings."""

    def __init__(self, size: int, fd: int = -1) -> None:
        if fd != -1:
            super().__init__(size, fd)
            return
        block = _Block()
        block._create(size)
        self._adopt(size, block)

    def _adopt(self, size: int, block: _Block) -> None:
        self.size, self.fd = size, -1
        self._block = block
        self.buffer = memoryview(block)

    def _shared(self) -> bool:
        """Whether other processes hold it too."""
        return self._block._shared()


def _reduce_arena(a: Arena) -> tuple[Any, ...]:
    if a.fd != -1:
        return _std.reduce_arena(a)
    assert_spawning(a)
    return _rebuild_arena, (a.size, a._block)


def _rebuild_arena(size: int, block: _Block) -> Arena:
    arena = Arena.__new__(Arena)
    arena._adopt(size, block)
    return arena


reduction.register(Arena, _reduce_arena)


class Heap(_std.Heap):
    """The standard heap. What is freed in an arena that other processes hold stays in limbo
    until it is this one's alone: a child made before may still use what was freed here."""

    def __init__(self, size: int = mmap.PAGESIZE) -> None:
        super().__init__(size)
        self._limbo: dict[Arena, set[tuple[Any, int, int]]] = {}

    def _new_arena(self, size: int) -> tuple[Arena, int, int]:
        length = self._roundup(max(self._size, size), mmap.PAGESIZE)
        if self._size < self._DOUBLE_ARENA_SIZE_UNTIL:
            self._size *= 2
        util.info("allocating a new block of length %d", length)
        arena = Arena(length)
        self._arenas.append(arena)
        return (arena, 0, length)

    def _malloc(self, size: int) -> tuple[Any, int, int]:
        for arena in [a for a in self._limbo if not a._shared()]:
            for block in self._limbo.pop(arena):
                super()._add_free_block(block)
                super()._remove_allocated_block(block)
        return super()._malloc(size)

    def _add_free_block(self, block: tuple[Any, int, int]) -> None:
        arena, start, stop = block
        # What malloc() has left of a larger block was nobody's before.
        if (start, stop) in self._allocated_blocks.get(arena, ()) and arena._shared():
            self._limbo.setdefault(arena, set()).add(block)
        else:
            super()._add_free_block(block)

    def _remove_allocated_block(self, block: tuple[Any, int, int]) -> None:
        # What is in limbo counts as allocated, or its arena would be taken for a free one.
        if block not in self._limbo.get(block[0], ()):
            super()._remove_allocated_block(block)

    def _after_fork(self) -> None:
        # The parent's arenas are not for this process to carve, and holding on to them
        # would keep in limbo what the parent frees.
        Heap.__init__(self)


class BufferWrapper:
    """A piece of shared memory, which a child inherits."""

    _heap = Heap()

    def __init__(self, size: int) -> None:
        if size < 0:
            raise ValueError(f"Size {size:n} out of range")
        if sys.maxsize <= size:
            raise OverflowError(f"Size {size:n} too large")
        block = BufferWrapper._heap.malloc(size)
        self._state = (block, size)
        util.Finalize(self, BufferWrapper._heap.free, args=(block,))

    def create_memoryview(self) -> memoryview:
        """Return a view of it."""
        (arena, start, _), size = self._state
        return memoryview(arena.buffer)[start : start + size]


util.register_after_fork(BufferWrapper._heap, Heap._after_fork)


def __getattr__(name: str) -> Any:
    return getattr(_std, name)  # whatever else the standard module of this version has
