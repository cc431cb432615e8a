"""Kernels and packs, as Python has them; `kernel` opens and makes them."""

from __future__ import annotations

import operator
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    import inspect
    from collections.abc import Iterator
    from typing import Any

    from ._packing import Message

__all__ = ["Kernel", "Pack"]

_native: Any = None  # the module; an import in each call would cost a tenth of it


def load() -> None:
    """Have what runs kernels, which a program that does not need not import."""
    global _native
    from . import _disabled

    if _disabled:
        raise RuntimeError("kernels run in gomp's own processes, and GOMP_DISABLE is set")
    from . import _native as found

    _native = found


PLAIN = {"float64": float, "bool": bool, "int64": int, "int": int}
LARGEST = 1 << 63
UNDOCUMENTED = "A function compiled from Go."


class GoType(str):
    """The name of a Go type, as a signature shows it: without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


class Kernel:
    """A function of a pack. Calling it runs it at once, in a process that is kept for such calls. One that is
    element-wise, of one number to another, gives an array if it is called with a numpy array.

    TypeError and OverflowError say which argument does not fit; KernelError is what the kernel has raised.
    """

    def __init__(self, pack: Pack, described: dict[str, Any]) -> None:
        self.pack = pack
        self.__name__ = self.__qualname__ = described["name"]
        self.__module__ = pack.module
        self.__doc__ = described["doc"] or UNDOCUMENTED  # or help() would be of this class
        self.parameters = [p["name"] for p in described["params"]]
        self.types = [p["type"] for p in described["params"]]
        self.results: list[dict[str, Any]] = described["results"]
        self.elementwise: bool = described["elementwise"]
        self.variadic: bool = described["variadic"]
        # The types that arguments have that travel as they are, where such ints are, and whether the result is such.
        self.plain = tuple(PLAIN.get(t["kind"]) for t in self.types)
        self.ints = [i for i, type in enumerate(self.plain) if type is int]
        self.plain_result = len(self.results) == 1 and self.results[0]["kind"] in (*PLAIN, "string")
        self._encoders: list[Any] | None = None

    @property
    def __signature__(self) -> inspect.Signature:
        import inspect

        kinds: list[Any] = [inspect.Parameter.POSITIONAL_OR_KEYWORD] * len(self.parameters)
        types = [GoType(t["go"]) for t in self.types]
        if self.variadic:
            kinds[-1], types[-1] = inspect.Parameter.VAR_POSITIONAL, GoType(types[-1].removeprefix("[]"))
        parameters = [
            inspect.Parameter(name, kind, annotation=go)
            for name, kind, go in zip(self.parameters, kinds, types, strict=True)
        ]
        results = ", ".join(r["go"] for r in self.results)
        return inspect.Signature(parameters, return_annotation=GoType(results) if results else None)

    def __repr__(self) -> str:
        return f"<kernel {self.__name__}{self.__signature__} of {self.pack.path}>"

    def __reduce__(self) -> Any:
        return operator.getitem, (self.pack, self.__name__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kernel) and (self.pack, self.__name__) == (other.pack, other.__name__)

    def __hash__(self) -> int:
        return hash((self.pack, self.__name__))

    def __call__(self, *args: Any, **kwds: Any) -> Any:
        if _native is None:
            load()
        return _native.direct(self, args, kwds)

    # ---- what a pool needs

    def travel(self, args: Any) -> bool:
        """Whether the arguments travel as they are."""
        return tuple(map(type, args)) == self.plain and (
            not self.ints or all(-LARGEST <= args[i] < LARGEST for i in self.ints)
        )

    def encode(self, message: Message, args: Any, kwds: dict[str, Any]) -> list[Any]:
        """The arguments of a call as what a message holds."""
        encoders = self._encoders
        if encoders is None:
            from ._packing import encoder

            encoders = self._encoders = [encoder(t) for t in self.types]
        if kwds or self.variadic or len(args) != len(encoders):
            args = self.bind(args, kwds)
        described = enumerate(zip(encoders, args, strict=True))
        return [self.encode_one(message, i, encode, value) for i, (encode, value) in described]

    def bind(self, args: Any, kwds: dict[str, Any]) -> list[Any]:
        """The arguments by position. TypeError, as of a Python function, where they do not suit the parameters."""
        try:
            bound = self.__signature__.bind(*args, **kwds)
        except TypeError as e:
            raise TypeError(f"{self.__name__}(): {e}") from None
        return [bound.arguments.get(name, ()) for name in self.parameters]

    def encode_one(self, message: Message | None, i: int, encode: Any, value: Any) -> Any:
        """Argument i. Once, for it may be an iterator."""
        try:
            return encode(message, value)
        except (TypeError, ValueError, OverflowError) as e:
            kind = next(kind for kind in (TypeError, OverflowError, ValueError) if isinstance(e, kind))
            why = e
        from ._errors import _short

        what = f"parameter {self.parameters[i]} ({self.types[i]['go']})"
        raise kind(f"kernel {self.__name__}, {what}: {why}, not {_short(value)}")


def stamp(path: str) -> tuple[int, int]:
    """What tells a file from one that was put in its place."""
    found = os.stat(path)
    return found.st_ino, found.st_mtime_ns


class Pack:
    """A program with kernels, which are its attributes. ImportError: it is of another version of gomp.

    There is one object for each program: a file that is built again is another one.
    """

    def __init__(self, path: str, manifest: dict[str, Any], module: str | None = None) -> None:
        from ._boundary import VERSION

        if manifest["gomp"] != VERSION:
            raise ImportError(
                f"{path!r} was built with gomp {manifest['gomp']}, and this is {VERSION}: build it again", path=path
            )
        self.path, self._stamp = path, stamp(path)
        self.module = module or os.path.basename(path).removesuffix(".pack")
        self._kernels = {k["name"]: Kernel(self, k) for k in manifest["kernels"]}

    def _program(self) -> str:
        """The path, to start it. ImportError: another program is there by now, whose kernels may be others."""
        if stamp(self.path) != self._stamp:
            raise ImportError(f"{self.path!r} was built again: load it again", path=self.path)
        return self.path

    def __getattr__(self, name: str) -> Kernel:
        try:
            return self.__dict__["_kernels"][name]
        except KeyError:
            raise AttributeError(f"pack {self.__dict__.get('path')!r} has no kernel {name!r}") from None

    def __getitem__(self, name: str) -> Kernel:
        return self._kernels[name]

    def __iter__(self) -> Iterator[Kernel]:
        return iter(self._kernels.values())

    def __len__(self) -> int:
        return len(self._kernels)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._kernels]

    def __repr__(self) -> str:
        return f"<pack {self.path!r}: {', '.join(self._kernels)}>"

    def __reduce__(self) -> Any:
        from .kernel import _pack

        return _pack, (self.path,)
