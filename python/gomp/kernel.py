"""Functions compiled from Go that pools and processes run like Python's own.

A `Kernel` is called like a function, given to a pool's methods, or made a process of. Kernels come in
packs: `gomp.kernels` is the one that ships with gomp; `load` opens another one, `compile` makes one of source text.
"""

from __future__ import annotations

import json
import os
import subprocess

from ._errors import CompileError, KernelError
from ._kernel import Kernel, Pack, stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["CompileError", "Kernel", "KernelError", "Pack", "build", "compile", "load"]


_packs: dict[tuple[str, tuple[int, int]], Pack] = {}


def load(path: str | os.PathLike[str]) -> Pack:
    """Open the pack at `path`: a program that `python -m gomp kernel build` has made, or the folder that it is in.

    FileNotFoundError: there is none. ImportError: it is no pack, or one of another version of gomp.
    """
    path = os.path.abspath(path)
    return _open(_within(path) if os.path.isdir(path) else path)


def compile(source: str, *, name: str | None = None) -> Pack:
    """Compile the text of a Go package; its exported functions become kernels. See `help("gomp.kernel")`.

    The pack is kept in $GOMP_CACHE, by default ~/.cache/gomp, and compiled again only if the text, Go or gomp are
    others, or if no process has had it for 30 days. `name` is the pack's, by default the package's; messages name
    the text's lines as NAME.go:LINE:COLUMN.

    CompileError: the text has mistakes, or there is no Go that can compile it. Nothing that the text imports is
    fetched from the network if Go has it.
    """
    from . import _build

    pack = str(_build.compiled(source, name))
    with open(os.path.join(os.path.dirname(pack), "manifest.json"), encoding="utf-8") as f:
        return _open(pack, json.load(f))


def build(folder: str | os.PathLike[str], output: str | os.PathLike[str] | None = None) -> Pack:
    """Compile the Go package in a folder to a file, by default FOLDER/NAME.pack with the folder's own name.

    A go.mod is needed only for what others have written; a vendor folder is used if there is one.
    CompileError: see `compile`.
    """
    from . import _build

    path = os.path.abspath(folder)
    target = os.path.abspath(output) if output is not None else _within(path)
    shown = os.path.join(os.path.relpath(path), "")
    return _open(target, _build.build(_build.Path(path), _build.Path(target), os.path.basename(path), shown))


def _within(folder: str) -> str:
    """The pack in a folder."""
    return os.path.join(folder, os.path.basename(folder) + ".pack")


def _open(path: str, manifest: dict[str, Any] | None = None) -> Pack:
    key = path, stamp(path)
    if key not in _packs:
        _packs.setdefault(key, Pack(path, manifest or _manifest(path)))  # another thread may have been quicker
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


def _pack(path: str) -> Pack:
    """The pack that was pickled."""
    if os.path.dirname(path) != os.path.dirname(os.path.abspath(__file__)):
        return load(path)
    from . import kernels

    return kernels.PACK
