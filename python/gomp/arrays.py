"""numpy arrays in memory that all processes of the family share.

Such an array, or a contiguous part of it, travels without being copied: what arrives through
a queue, a pipe or a pool, or with a child process that is started, is an array over the very
same memory, and what one process writes the others see. Nothing orders their accesses: that is
for locks, or for the messages themselves. `array.copy()` makes a private array of one.

The memory is given back when no process has an array over it any more and no message on its
way holds one; processes that are killed count as having none. To a pickle that is not gomp's
these are arrays like all others.
"""

from __future__ import annotations

import math
import operator

from . import _boundary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from ._family import Passage

__all__ = ["copy", "empty", "zeros"]


def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        raise ImportError("gomp.arrays makes numpy arrays, and numpy is not installed") from None
    return numpy


def _make(shape: Any, dtype: DTypeLike, order: str, as_is: bool) -> NDArray[Any]:
    numpy = _numpy()
    element = numpy.dtype(dtype)
    if element.hasobject:
        raise TypeError(f"an array in shared memory cannot hold Python objects, as dtype {element} does")
    sizes = tuple(map(operator.index, shape if hasattr(shape, "__iter__") else (shape,)))
    if min(sizes, default=0) < 0:
        raise ValueError("negative dimensions are not allowed")
    memory = _boundary.Buffer()
    memory._create(max(1, math.prod(sizes) * element.itemsize), as_is)
    array: NDArray[Any] = numpy.ndarray(sizes, element, memory, order=order)
    return array


def empty(shape: Any, dtype: DTypeLike = float, order: Literal["C", "F"] = "C") -> NDArray[Any]:
    """Return an array of that shape, a number or a tuple of them, with any contents.

    MemoryError: the family's memory is full. TypeError: the dtype holds Python objects.
    """
    return _make(shape, dtype, order, as_is=True)


def zeros(shape: Any, dtype: DTypeLike = float, order: Literal["C", "F"] = "C") -> NDArray[Any]:
    """Return an array of that shape, a number or a tuple of them, full of zeros; see `empty`."""
    return _make(shape, dtype, order, as_is=False)


def copy(array: ArrayLike) -> NDArray[Any]:
    """Return a copy, in shared memory, of an array or of what can be made one; see `empty`."""
    numpy = _numpy()
    source = numpy.asarray(array)
    fortran = source.flags.f_contiguous and not source.flags.c_contiguous
    made = empty(source.shape, source.dtype, "F" if fortran else "C")
    made[...] = source
    return made


def reduce_for_child(array: NDArray[Any]) -> Any:
    """Reduce an array that is pickled for a child that is being started; NotImplemented: as any other."""
    from ._family import spawning_token

    found = _boundary.around(array) if array.flags.forc else None
    if found is None:
        return NotImplemented
    memory, offset = found
    token, passage = spawning_token(memory)
    order = "C" if array.flags.c_contiguous else "F"
    return _attach, (passage, memory._handle(token), offset, array.shape, array.dtype, order, array.flags.writeable)


def _attach(
    passage: Passage | None,
    handle: _boundary.Handle,
    offset: int,
    shape: tuple[int, ...],
    dtype: DTypeLike,
    order: str,
    writeable: bool,
) -> NDArray[Any]:
    """Make the array in the child, which has joined the family when `passage` was unpickled."""
    memory = _boundary.Buffer()
    memory._attach(handle)
    array: NDArray[Any] = _numpy().ndarray(shape, dtype, memory, offset, order=order)
    array.flags.writeable = writeable
    return array
