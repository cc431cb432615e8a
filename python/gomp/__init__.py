"""Drop-in replacement for multiprocessing on a core written in Go.

Importing it is cheap: the core is loaded when a process first needs it.
"""

from __future__ import annotations

import os as _os
import sys as _sys

_disabled = _os.environ.get("GOMP_DISABLE", "0") not in ("", "0")

if _disabled:
    from ._alias import disable as _disable

    _disable(_sys.modules[__name__])
    from multiprocessing import context
else:
    from . import _boundary

    _missing = _boundary.supported()
    if _missing:
        raise ImportError(_missing)
    from . import context

__all__ = [name for name in dir(context._default_context) if not name.startswith("_")]
globals().update((name, getattr(context._default_context, name)) for name in __all__)

SUBDEBUG = 5
SUBWARNING = 25

# The standard package, imported by now, has made __mp_main__ an alias of the main module.

_ERRORS = {"BrokenPool", "CompileError", "KernelError", "OwnerDied", "OwnerDiedWarning", "TaskAborted", "TaskTimeout"}
_ERRORS |= {"WorkerLost"}
_WORKERS = {"worker_id", "worker_state"}
_MODULES = {"arrays", "executor", "kernel", "kernels"}


def __dir__() -> list[str]:
    """Also what is imported when it is asked for."""
    return sorted({*globals(), *_ERRORS, *_WORKERS, *_MODULES, "ProcessPoolExecutor"})


def __getattr__(name: str) -> object:
    if name == "__version__":
        from . import _boundary

        return _boundary.VERSION
    if name in _ERRORS:
        from . import _errors

        return getattr(_errors, name)
    if name == "ProcessPoolExecutor":
        if _disabled:
            from concurrent.futures import ProcessPoolExecutor
        else:
            from .executor import ProcessPoolExecutor

        return ProcessPoolExecutor
    if name in _WORKERS:
        from . import _worker

        return getattr(_worker, name)
    from ._alias import SUBMODULES

    # Programs count on those that the standard package happens to import.
    if name in _MODULES or name in SUBMODULES:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
