"""What goes between Python and kernels: MessagePack, with arrays beside it.

A kernel's parameters have Go types, which its pack's manifest describes. Each argument is looked at in the
thread that submits it: what does not fit raises there, and names the kernel, the parameter, the type and the value.
"""

from __future__ import annotations

import datetime
import math
import numbers
import operator
import os
import sys
from array import array as Vector

from . import _boundary
from ._errors import KernelError, _short

try:
    import msgpack

    # For numbers only: it keeps its buffer, and nothing of the program's may run while it is in use. In Python's own
    # implementation other threads and signal handlers do.
    compiled = msgpack.Packer.__module__ != "msgpack.fallback"
    pack_numbers = msgpack.Packer().pack if compiled else msgpack.packb
except ImportError:

    class _Missing:
        def __getattr__(self, name: str) -> Any:
            raise ImportError("kernels need msgpack: pip install msgpack")

    msgpack = _Missing()

    def pack_numbers(value: Any) -> bytes:
        return msgpack.packb(value)


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

__all__ = ["SINGLE", "Message", "encoder", "failure", "pack", "unpack"]

# Modes of a task; gomp/kernel/execute.go mirrors them.
SINGLE, CHUNK, ELEMENTWISE, INTO = range(4)
# Extension types of MessagePack; gomp/kernel/codec.go mirrors them.
EXT_ARRAY, EXT_HANDLE = 1, 2
NIL = b"\xc0"
# Smaller arrays travel in the message itself, unless all processes share them.
INLINE = 64 << 10

LIMITS = {
    **{f"int{n}": (-(1 << (n - 1)), (1 << (n - 1)) - 1) for n in (8, 16, 32, 64)},
    **{f"uint{n}": (0, (1 << n) - 1) for n in (8, 16, 32, 64)},
}
LIMITS["int"], LIMITS["uint"] = LIMITS["int64"], LIMITS["uint64"]
FLOAT32_MAX, FLOAT32_MOST = 3.4028234663852886e38, 3.4028235677973366e38  # the largest one; what rounds to more

# Elements of arrays by the letters of the buffer protocol, as a 64-bit Linux has them.
ELEMENTS = {"?": "bool", "b": "int8", "B": "uint8", "h": "int16", "H": "uint16", "i": "int32", "I": "uint32"}
ELEMENTS |= {"q": "int64", "Q": "uint64", "f": "float32", "d": "float64", "Zf": "complex64", "Zd": "complex128"}
ELEMENTS |= {"l": "int64", "L": "uint64", "n": "int64", "N": "uint64", "c": "uint8"}
LETTERS = {name: letter for letter, name in ELEMENTS.items() if letter in "?bBhHiIqQfd"}
ARRAYS = frozenset(ELEMENTS.values())
CANONICAL = {"int": "int64", "uint": "uint64"}


class Message:
    """A message in the making: buffers get their places in it."""

    __slots__ = ("parts", "seen")

    def __init__(self) -> None:
        self.parts: list[Any] = []
        self.seen: dict[int, int] = {}  # parts by the identity of what they are of

    def part(self, buffer: Any) -> int:
        found = self.seen.get(id(buffer))
        if found is None:
            found = self.seen[id(buffer)] = len(self.parts)
            self.parts.append(buffer)
        return found

    def pack(self, items: int, kernel: str, mode: int, body: Any) -> tuple[Any, ...]:
        """What the core takes for a task."""
        return (items, msgpack.packb([kernel, mode, body], datetime=True, default=plain), *self.parts)


def plain(value: Any) -> Any:
    """What MessagePack does not know, as what it knows: for parameters of any type."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a value of type {type(value).__name__} cannot be sent to a kernel: {_short(value)}")


class Mismatch(TypeError):
    """A value does not fit; the argument says why."""


def encoder(described: dict[str, Any]) -> Callable[[Message, Any], Any]:
    """What encodes the values of a type. It raises Mismatch, or OverflowError where only the size is wrong."""
    kind = described["kind"]
    if kind in LIMITS:
        return integer(*LIMITS[kind], described["go"])
    simple: dict[str, Callable[[Message, Any], Any]] = {
        "bool": boolean,
        "float64": float64,
        "float32": float32,
        "string": string,
        "bytes": octets,
        "time": time,
        "any": anything,
        "queue": a_queue,
        "value": a_value,
    }
    if kind in simple:
        return simple[kind]
    makers = {
        "array": an_array,
        "slice": a_slice,
        "map": a_map,
        "struct": a_struct,
    }
    return makers[kind](described)


def integer(least: int, most: int, go: str) -> Callable[[Message, Any], Any]:
    def encode(message: Message, value: Any) -> int:
        try:
            number = operator.index(value)
        except TypeError:
            raise Mismatch("a whole number is needed") from None
        if not least <= number <= most:
            raise OverflowError(f"{go} has the numbers from {least} to {most}")
        return number

    return encode


def boolean(message: Message, value: Any) -> bool:
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return bool(value)
    raise Mismatch("True or False is needed")


def float64(message: Message, value: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, numbers.Real):
        return float(value)  # OverflowError: an int that is too large
    raise Mismatch("a number is needed")


def float32(message: Message, value: Any) -> float:
    number = float64(message, value)
    if abs(number) <= FLOAT32_MAX or not math.isfinite(number):
        return number
    if abs(number) >= FLOAT32_MOST:
        raise OverflowError("float32 has no numbers beyond 3.4e38")
    return math.copysign(FLOAT32_MAX, number)


def string(message: Message, value: Any) -> str:
    if not isinstance(value, str):
        value = os.fspath(value) if isinstance(value, os.PathLike) else None
        if not isinstance(value, str):
            raise Mismatch("a str is needed")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("text without surrogates is needed") from None
    return value


def octets(message: Message, value: Any) -> Any:
    try:
        view = memoryview(value)
    except TypeError:
        raise Mismatch("bytes are needed") from None
    if view.nbytes < INLINE and view.contiguous:
        return view.tobytes()
    return describe(message, value, "uint8")


def time(message: Message, value: Any) -> datetime.datetime:
    if not isinstance(value, datetime.datetime):
        raise Mismatch("a datetime.datetime is needed")
    return value if value.tzinfo else value.astimezone()  # a naive one is local time


def anything(message: Message, value: Any) -> Any:
    return value


def a_slice(described: dict[str, Any]) -> Callable[[Message, Any], Any]:
    inner = encoder(described["elem"])
    leaf, depth = described["elem"], 1
    while leaf["kind"] == "slice":
        leaf, depth = leaf["elem"], depth + 1
    element = CANONICAL.get(leaf["kind"], leaf["kind"])

    def encode(message: Message, value: Any) -> Any:
        if element in LETTERS and is_buffer(value):
            found = element_of(value)
            if (ndim := memoryview(value).ndim) != depth:
                raise Mismatch(f"{depth} dimensions are needed and the array has {ndim}")
            if found == element:
                return describe(message, value, element)
            value = value.tolist() if hasattr(value, "tolist") else list(value)
        if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__iter__"):
            raise Mismatch("a sequence is needed")
        return [inner(message, one) for one in value]

    return encode


def a_map(described: dict[str, Any]) -> Callable[[Message, Any], Any]:
    key, inner = encoder(described["key"]), encoder(described["elem"])

    def encode(message: Message, value: Any) -> Any:
        if not hasattr(value, "items"):
            raise Mismatch("a dict is needed")
        return {key(message, k): inner(message, v) for k, v in value.items()}

    return encode


def a_struct(described: dict[str, Any]) -> Callable[[Message, Any], Any]:
    fields = {field["name"]: encoder(field["type"]) for field in described["fields"]}

    def encode(message: Message, value: Any) -> Any:
        items = (
            value if hasattr(value, "keys") else {name: getattr(value, name) for name in fields if hasattr(value, name)}
        )
        if set(items) != set(fields):
            raise Mismatch(f"a dict, or an object, with {', '.join(fields)} is needed")
        return {name: inner(message, items[name]) for name, inner in fields.items()}

    return encode


# ---- handles: the message refers to the object, which stays for as long as there is one of either


def a_queue(message: Message, value: Any) -> msgpack.ExtType:
    from .queues import Queue

    if not isinstance(value, Queue) or not value._packed:
        raise Mismatch('a Queue(codec="msgpack") is needed')
    # Who puts rings, if somebody selects on the pipe: the kernel's process opens it by this.
    fd = max(value._fds)
    inode = os.fstat(fd).st_ino if fd >= 0 else 0
    return handle("queue", message.part(value), os.getpid(), fd, inode)


def a_value(message: Message, value: Any) -> msgpack.ExtType:
    from .heap import Arena
    from .sharedctypes import SynchronizedBase

    synchronized = isinstance(value, SynchronizedBase)
    wrapped, lock = (value._obj, value._lock) if synchronized else (value, None)
    wrapper = getattr(wrapped, "_wrapper", None)
    if wrapper is None or element_of(wrapped) not in LETTERS:
        raise Mismatch("a gomp.Value or a gomp.Array of numbers is needed")
    (arena, start, _), size = wrapper._state
    if not isinstance(arena, Arena) or arena.fd != -1:
        raise Mismatch("a Value or an Array in gomp's memory is needed")
    if lock is not None and (not isinstance(lock, _boundary.SemLock) or lock.kind == _boundary.SEMAPHORE):
        raise Mismatch("a Value or an Array with a Lock or an RLock of gomp's, or without, is needed")
    element = element_of(wrapped)
    locked = -1 if lock is None else message.part(lock)
    return handle("value", message.part(arena._block), start, size, element, locked)


def handle(*fields: Any) -> msgpack.ExtType:
    return msgpack.ExtType(EXT_HANDLE, msgpack.packb(fields))


# ---- arrays


def numpy() -> Any:
    """The module, if the program uses it or could."""
    found = sys.modules.get("numpy")
    if found is None or getattr(
        found.__spec__, "_initializing", False
    ):  # by another thread: the statement waits for it
        try:
            import numpy as found
        except ImportError:
            return None
    return found


def is_buffer(value: Any) -> bool:
    if isinstance(value, (str, bytes)):
        return False
    try:
        memoryview(value).release()
    except (TypeError, ValueError, BufferError):
        return False
    return True


def element_of(value: Any) -> str:
    """The element's Go type, or what the buffer protocol says if there is none."""
    letter = memoryview(value).format.lstrip("@=<")
    return ELEMENTS.get(letter, letter)


def an_array(described: dict[str, Any]) -> Callable[[Message, Any], Any]:
    element = described["elem"]["kind"]

    def encode(message: Message, value: Any) -> Any:
        if not is_buffer(value) or element_of(value) != element:
            value = converted(value, element)
        return describe(message, value, element)

    return encode


def converted(value: Any, element: str) -> Any:
    """An array of these elements, if that loses nothing."""
    np = numpy()
    if np is None:
        raise Mismatch(f"an array of {element} is needed (numpy would convert)")
    if isinstance(value, (str, bytes, dict, set)):
        raise Mismatch("an array is needed")
    unmasked(value)
    made = np.asarray(value)
    wanted = np.dtype(element)
    if made.dtype == wanted:
        return made
    small = (
        made.dtype.kind in "iu" and wanted.kind in "iuf" and not is_buffer(value)
    )  # a list's ints are int64 to numpy
    if np.can_cast(made.dtype, wanted, "safe"):
        return made.astype(wanted)
    if small and (made.astype(wanted) == made).all():
        return made.astype(wanted)
    if made.dtype.kind == "f" and wanted.kind == "f" and not is_buffer(value):
        return made.astype(wanted)
    raise Mismatch(f"an array of {element} is needed, and this one is of {made.dtype}")


def describe(message: Message, value: Any, element: str) -> msgpack.ExtType:
    """Where an array lies: in the message, beside it, or in memory that all processes share."""
    unmasked(value)
    view = memoryview(value)
    base, offset = value, 0
    strides: Sequence[int] = view.strides or ()
    if not view.contiguous:
        base, offset = shared_base(value)
        if base is None or min(strides) < 0 or overlap(view):
            base = value = packed(value)
            view, offset = memoryview(value), 0
            strides = view.strides or ()
    shape = view.shape or ()
    inline, part = b"", -1
    if base is value and view.nbytes < INLINE and _boundary.around(value) is None:
        inline = view.tobytes()
        strides = c_strides(shape, view.itemsize)
    else:
        part = message.part(base)
    fields = [element, part, inline, offset, list(shape), list(strides), view.readonly]
    return msgpack.ExtType(EXT_ARRAY, msgpack.packb(fields))


def unmasked(value: Any) -> None:
    """Mismatch: what a mask hides would count."""
    if hasattr(value, "mask") and hasattr(value, "filled"):
        raise Mismatch("an array without a mask is needed (see numpy.ma.filled)")


def overlap(view: memoryview) -> bool:
    """Whether elements have memory in common, as a broadcast array's: a kernel gets no more elements than there is
    memory for."""
    ends = ((n - 1) * stride for n, stride in zip(view.shape or (), view.strides or (), strict=True))
    return view.nbytes > sum(ends, view.itemsize)


def c_strides(shape: Sequence[int], size: int) -> list[int]:
    strides = []
    for n in reversed(shape):
        strides.append(size)
        size *= max(n, 1)
    return strides[::-1]


def shared_base(value: Any) -> tuple[Any, int]:
    """The whole array that this one, with gaps, is a part of, and where it begins, if all processes share it."""
    base = getattr(value, "base", None)
    while base is not None and not (hasattr(base, "ctypes") and memoryview(base).contiguous):
        base = getattr(base, "base", None)
    if base is None or _boundary.around(base) is None:
        return None, 0
    return base, value.ctypes.data - base.ctypes.data


def packed(value: Any) -> Any:
    """The same elements without gaps."""
    np = numpy()
    if np is not None:
        return np.ascontiguousarray(value)
    view = memoryview(value)
    return memoryview(view.tobytes()).cast("B").cast(view.format, view.shape)  # type: ignore[call-overload]


# ---- runs of elements


def vector(kernel: Any, element: str, chunk: Any) -> Any:
    """A chunk of a map as an array, for a kernel that is element-wise."""
    if is_buffer(chunk) and element_of(chunk) == element and memoryview(chunk).ndim == 1:
        return chunk
    try:
        if element == "bool":
            return Vector("b", [boolean(None, one) for one in chunk])  # type: ignore[arg-type]
        made = Vector(LETTERS[element], chunk)
    except (TypeError, OverflowError):
        check = encoder(kernel.types[0])
        for one in chunk:  # say which
            kernel.encode_one(None, 0, check, one)
        return Vector(LETTERS[element], [check(None, one) for one in chunk])  # type: ignore[arg-type]
    if element == "float32" and not all(map(math.isfinite, made)):
        for one, stored in zip(chunk, made, strict=True):
            if not math.isfinite(stored):
                kernel.encode_one(None, 0, float32, one)
    return made


# ---- messages of queues


def pack(value: Any) -> tuple[Any, ...]:
    """A message that holds the value. TypeError: MessagePack cannot."""
    message = Message()

    def extended(value: Any) -> Any:
        if isinstance(value, datetime.datetime):
            return time(message, value)
        if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
            return value.item()
        if is_buffer(value) and (element := element_of(value)) in ARRAYS:
            return describe(message, value, element)
        if isinstance(value, int):
            raise TypeError("an int has 64 bits in MessagePack")
        raise TypeError(f"there is no {type(value).__name__} in MessagePack")

    try:
        return 1, msgpack.packb(value, datetime=True, default=extended), *message.parts
    except (TypeError, ValueError, OverflowError) as e:
        raise TypeError(f"a queue of MessagePack cannot hold {_short(value)}: {e}") from None


# ---- answers


def unpack(message: tuple[Any, ...]) -> Any:
    """The value of a message: what a kernel has returned, or a queue holds."""

    def extended(code: int, data: bytes) -> Any:
        if code != EXT_ARRAY:
            return msgpack.ExtType(code, data)
        return array_of(message, *msgpack.unpackb(data))

    data = message[0]
    if data == NIL:
        return None
    try:
        return msgpack.unpackb(data, ext_hook=extended, strict_map_key=False, timestamp=3)
    except TypeError:  # a list among the keys was a tuple
        return msgpack.unpackb(
            data, ext_hook=extended, object_pairs_hook=with_tuples, strict_map_key=False, timestamp=3
        )


def with_tuples(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """A dict whose keys may be what MessagePack has lists for."""

    def hashable(key: Any) -> Any:
        return tuple(map(hashable, key)) if isinstance(key, list) else key

    return {hashable(key): value for key, value in pairs}


def array_of(
    message: tuple[Any, ...],
    element: str,
    part: int,
    inline: bytes,
    offset: int,
    shape: list[int],
    strides: list[int],
    readonly: bool,
) -> Any:
    memory = memoryview(bytearray(inline or b"")) if part < 0 else memoryview(message[1 + part])
    np = numpy()
    if np is not None:
        return np.ndarray(shape, element, memory, offset, strides)
    if element not in LETTERS:
        raise TypeError(f"an array of {element} needs numpy")
    if not math.prod(shape):
        return memoryview(Vector(LETTERS[element].replace("?", "B")))
    return memory.cast("B").cast(LETTERS[element], shape)  # type: ignore[call-overload]


def failure(message: tuple[Any, ...]) -> BaseException:
    """The exception that a kernel's failure is."""
    kind, kernel, text, stack = msgpack.unpackb(message[0], unicode_errors="replace")
    if kind == "type":
        return TypeError(f"kernel {kernel}: {text}")
    if kind == "memory":
        return MemoryError(text)
    return KernelError(kernel, text, stack or None)
