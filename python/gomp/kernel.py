"""Functions compiled from Go that pools and processes run like Python's own.

A `Kernel` is called like a function, given to a pool's methods, or made a process of. Kernels come in
packs: `gomp.kernels` is the one that ships with gomp; `load` opens another one, `compile` makes one of source text.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading

from ._errors import KernelError
from ._kernel import Kernel, Pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Kernel", "KernelError", "Pack", "load"]


_packs: dict[str, Pack] = {}
_lock = threading.Lock()


def load(path: str | os.PathLike[str]) -> Pack:
    """Open the pack at `path`: a program that `python -m gomp kernel build` has made, or the folder that it is in.

    FileNotFoundError: there is none. ImportError: it is no pack, or one of another version of gomp.
    """
    path = os.path.abspath(path)
    if os.path.isdir(path):
        path = os.path.join(path, os.path.basename(path) + ".pack")
    with _lock:
        stamp = os.stat(path)
        key = f"{path}:{stamp.st_ino}:{stamp.st_mtime_ns}"
        if key not in _packs:
            _packs[key] = Pack(path, _manifest(path))
        return _packs[key]


def _manifest(path: str) -> dict[str, Any]:
    """What a pack says of itself."""
    try:
        done = subprocess.run([path, "manifest"], capture_output=True, timeout=60, check=False)
        manifest: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    except (OSError, ValueError, subprocess.TimeoutExpired) as e:
        raise ImportError(f"{path!r} is no pack of kernels: {e}", path=path) from None
    if "kernels" not in manifest:
        said = done.stderr.decode(errors="replace").strip()
        raise ImportError(f"{path!r} is no pack of kernels: {said or f'exit code {done.returncode}'}", path=path)
    return manifest


def _kernel(path: str, name: str) -> Kernel:
    """The kernel that was pickled."""
    from . import kernels

    return kernels.PACK[name] if path == kernels.PACK.path else load(path)[name]
