"""Writes python/gomp/kernels.pyi, which tells type checkers and editors what the shipped pack has.

Run it as ``python gomp/kernels/pack/stub.py`` after a change of the kernels; with ``--check`` it writes nothing and
fails when the committed file is not what it would write.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
STUB = ROOT / "python" / "gomp" / "kernels.pyi"

HEAD = '''\
"""The kernels that ship with gomp; `help(gomp.kernels.sum)` tells of one."""

# Written by gomp/kernels/pack/stub.py; run `make generate`.

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._kernel import Kernel, Pack

_P = ParamSpec("_P")
_R = TypeVar("_R", covariant=True)

class _Typed(Kernel, Generic[_P, _R]):
    def __call__(self, *args: _P.args, **kwds: _P.kwargs) -> _R: ...

def _typed(function: Callable[_P, _R]) -> _Typed[_P, _R]: ...

PACK: Pack
'''
PLAIN = {"bool": "bool", "string": "str", "bytes": "bytes", "time": "datetime", "float32": "float", "float64": "float"}


def argument(described: dict[str, Any]) -> str:
    """Return the type of what Python gives for a Go type."""
    kind = described["kind"]
    if kind in PLAIN or kind.startswith(("int", "uint")):
        return PLAIN.get(kind, "int")
    if kind == "array":
        return "ArrayLike"
    if kind == "slice":
        inner = argument(described["elem"])
        return "ArrayLike" if inner in ("ArrayLike", "float", "int", "bool") else f"Sequence[{inner}]"
    if kind == "map":
        return f"Mapping[{argument(described['key'])}, {argument(described['elem'])}]"
    return "Any"


def result(described: dict[str, Any]) -> str:
    """Return the type of what Python gets for a Go type."""
    kind = described["kind"]
    if kind in PLAIN or kind.startswith(("int", "uint")):
        return PLAIN.get(kind, "int")
    if kind == "array":
        element = described["elem"]["kind"]
        return f"NDArray[np.{ {'bool': 'bool_', 'int': 'int64', 'uint': 'uint64'}.get(element, element) }]"
    if kind == "slice":
        return f"list[{result(described['elem'])}]"
    if kind == "map":
        return f"dict[{result(described['key'])}, {result(described['elem'])}]"
    return "dict[str, Any]" if kind == "struct" else "Any"


def declaration(kernel: dict[str, Any]) -> str:
    """Return what the stub says of a kernel."""
    parameters = [f"{p['name']}: {argument(p['type'])}" for p in kernel["params"]]
    if kernel["variadic"]:
        parameters[-1] = f"*{kernel['params'][-1]['name']}: {argument(kernel['params'][-1]['type']['elem'])}"
    results = [result(r) for r in kernel["results"]]
    returns = f"tuple[{', '.join(results)}]" if len(results) > 1 else "".join(results) or "None"
    doc = "\n".join(f"    {line}".rstrip() for line in kernel["doc"].replace("\\", "\\\\").splitlines())
    end = "\n    " if "\n" in doc or doc.endswith('"') else ""
    return f'\n@_typed\ndef {kernel["name"]}({", ".join(parameters)}) -> {returns}:\n    """{doc.lstrip()}{end}"""\n'


def tool(*command: str, text: str | None = None) -> str:
    """Run a tool and return what it prints."""
    return subprocess.run(command, cwd=ROOT, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout


def stub() -> str:
    """Return the stub of the pack as its sources are."""
    manifest = json.loads(tool("go", "run", "./gomp/kernels/pack", "manifest"))
    text = HEAD + "".join(map(declaration, manifest["kernels"]))
    ruff = (sys.executable, "-m", "ruff")
    text = tool(*ruff, "check", "--quiet", "--fix", "--select=F401", f"--stdin-filename={STUB}", "-", text=text)
    return tool(*ruff, "format", "--quiet", f"--stdin-filename={STUB}", "-", text=text)


if __name__ == "__main__":
    if sys.argv[1:] != ["--check"]:
        STUB.write_text(stub())
    elif STUB.read_text() != stub():
        sys.exit(f"{STUB.relative_to(ROOT)} is not what gomp/kernels/pack/stub.py writes: run `make generate`")
