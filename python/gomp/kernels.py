"""The kernels that ship with gomp: see `dir(gomp.kernels)` and `help(gomp.kernels.sum)`."""

from __future__ import annotations

import os

from ._kernel import Kernel, Pack
from .kernel import _manifest

__all__ = ["PACK"]

_path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_kernels.pack")

PACK = Pack(_path, _manifest(_path), __name__)


def __getattr__(name: str) -> Kernel:
    try:
        return PACK[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return [*__all__, *(k.__name__ for k in PACK)]
