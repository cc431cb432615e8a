"""ctypes objects in the family's memory, under the standard synchronized wrappers."""

from __future__ import annotations

import ctypes
from multiprocessing import sharedctypes as _std
from multiprocessing.sharedctypes import rebuild_ctype, synchronized, typecode_to_type

from . import context, heap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Array", "RawArray", "RawValue", "Value", "copy", "synchronized"]


def _new_value(type_: Any) -> Any:
    return rebuild_ctype(type_, heap.BufferWrapper(ctypes.sizeof(type_)), None)


def _new_zero(type_: Any) -> Any:
    obj = _new_value(type_)  # recycled memory, maybe
    ctypes.memset(ctypes.addressof(obj), 0, ctypes.sizeof(obj))
    return obj


def RawValue(typecode_or_type: Any, *args: Any) -> Any:
    """Returns a ctypes object allocated from shared memory"""
    obj = _new_zero(typecode_to_type.get(typecode_or_type, typecode_or_type))
    obj.__init__(*args)
    return obj


def RawArray(typecode_or_type: Any, size_or_initializer: Any) -> Any:
    """Returns a ctypes array allocated from shared memory"""
    type_ = typecode_to_type.get(typecode_or_type, typecode_or_type)
    if isinstance(size_or_initializer, int):
        return _new_zero(type_ * size_or_initializer)
    obj = _new_value(type_ * len(size_or_initializer))
    obj.__init__(*size_or_initializer)
    return obj


def _wrap(obj: Any, lock: Any, ctx: Any) -> Any:
    if lock is False:
        return obj
    if lock in (True, None):
        ctx = ctx or context._default_context.get_context()
        lock = ctx.RLock()
    if not hasattr(lock, "acquire"):
        raise AttributeError(f"{lock!r} has no method 'acquire'")
    return synchronized(obj, lock, ctx=ctx)


def Value(typecode_or_type: Any, *args: Any, lock: Any = True, ctx: Any = None) -> Any:
    """Return a synchronization wrapper for a Value"""
    return _wrap(RawValue(typecode_or_type, *args), lock, ctx)


def Array(typecode_or_type: Any, size_or_initializer: Any, *, lock: Any = True, ctx: Any = None) -> Any:
    """Return a synchronization wrapper for a RawArray"""
    return _wrap(RawArray(typecode_or_type, size_or_initializer), lock, ctx)


def copy(obj: Any) -> Any:
    """Return a copy of a ctypes object, in shared memory."""
    new_obj = _new_value(type(obj))
    ctypes.pointer(new_obj)[0] = obj
    return new_obj


def __getattr__(name: str) -> Any:
    return getattr(_std, name)  # whatever else the standard module of this version has
