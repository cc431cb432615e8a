"""python -m gomp kernel: packs of one's own, begun, compiled and examined."""

from __future__ import annotations

import argparse
import ast
import os
import re
import sys
import time
from pathlib import Path

from . import kernel
from ._kernel import UNDOCUMENTED, Kernel, Pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["main"]

# How long a measurement takes, in seconds, and of how many calls at least it is.
LONG, LEAST = 0.1, 3
# Longer signatures have lines of their own.
WIDTH = 60
# What Go would not take for a package's name, or would take for a program's.
GO_WORDS = {
    "break",
    "case",
    "chan",
    "const",
    "continue",
    "default",
    "defer",
    "else",
    "fallthrough",
    "for",
    "func",
    "go",
}
GO_WORDS |= {
    "goto",
    "if",
    "import",
    "interface",
    "main",
    "map",
    "package",
    "range",
    "return",
    "select",
    "struct",
    "switch",
}
GO_WORDS |= {"type", "var"}


def main(arguments: list[str]) -> int:
    """Run a command; return the exit status."""
    chosen = parser().parse_args(arguments)
    try:
        chosen.run(chosen)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (kernel.CompileError, ImportError, OSError, ValueError) as e:
        print(e, file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    top = argparse.ArgumentParser(prog="python -m gomp kernel", description="Packs of kernels: functions in Go.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(run: Callable[[Any], None], says: str) -> argparse.ArgumentParser:
        made = commands.add_parser(run.__name__.rstrip("_"), help=says, description=says)
        made.set_defaults(run=run)
        return made

    command(new, "write a folder with kernels, and a test, to begin with").add_argument("name")
    one = command(build, "compile a folder to FOLDER/NAME.pack, NAME being the folder's")
    one.add_argument("folder", nargs="?", default=".")
    one.add_argument("-o", dest="output", metavar="FILE", help="the file to write instead")
    one = command(list_, "list a pack's kernels")
    one.add_argument("pack", nargs="?", help="a file, or the folder it was built in; by default the pack of gomp")
    one = command(bench, "measure what a call of each kernel costs, or of one")
    one.add_argument("pack", nargs="?", help="as for list")
    one.add_argument("kernel", nargs="?")
    one.add_argument("argument", nargs="*", help="what to call it with, as in Python; by default something small")
    return top


def opened(path: str | None) -> Pack:
    """Open the pack at a path, by default the shipped one."""
    if path is None:
        from . import kernels

        return kernels.PACK
    return kernel.load(path)


# ---- commands


def new(chosen: Any) -> None:
    """Write the template, with the folder's name in the place of NAME."""
    from . import _build

    folder = Path(chosen.name)
    name = folder.absolute().name
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise ValueError(f"{name!r} is no name of a Go package: it needs lowercase letters, digits and underscores")
    if name in GO_WORDS:
        raise ValueError(f"{name!r} has a meaning of its own in Go, and cannot name a package of kernels")
    folder.mkdir(parents=True)
    for path in (Path(__file__).parent / "_template").iterdir():
        (folder / path.name).write_text(path.read_text().replace("NAME", name))
    (folder / "go.mod").write_text(f"module example.org/{name}\n\n{_build.needs()}")
    (folder / "go.sum").write_text((_build.SDK / "go.sum").read_text())
    print(f"{folder}: see {folder / 'README.md'}")


def build(chosen: Any) -> None:
    """Compile a folder."""
    pack = kernel.build(chosen.folder, chosen.output)
    print(f"{os.path.relpath(pack.path)}: {', '.join(k.__name__ for k in pack)}")


def list_(chosen: Any) -> None:
    """Print each kernel's signature, in Go's types, and how its documentation begins."""
    listed = [
        (f"{k.__name__}{signature(k)}", sentence((k.__doc__ or "").removeprefix(UNDOCUMENTED)))
        for k in opened(chosen.pack)
    ]
    width = max(len(left) for left, _ in listed)
    for left, right in listed:
        print(f"{left:{width}}  {right}".rstrip() if width <= WIDTH else f"{left}\n    {right}".rstrip())


def sentence(text: str) -> str:
    """Return the first one."""
    return re.split(r"(?<=[.:;]) ", " ".join(text.partition("\n\n")[0].split()), maxsplit=1)[0]


def signature(k: Kernel) -> str:
    """Return parameters and results."""
    parameters = [f"{name} {t['go']}" for name, t in zip(k.parameters, k.types, strict=True)]
    if k.variadic:
        parameters[-1] = parameters[-1].replace(" []", " ...", 1)
    results = ", ".join(r["go"] for r in k.results)
    return f"({', '.join(parameters)})" + (f" -> {results}" if results else "")


def bench(chosen: Any) -> None:
    """Print what a call costs: directly, by Pool.apply, and for each item of a Pool.map."""
    from . import Pool

    path, name = chosen.pack, chosen.kernel
    if path is not None and name is None and not os.path.exists(path):
        path, name = None, path
    pack = opened(path)
    try:
        chosen_kernels = list(pack) if name is None else [pack[name]]
    except KeyError:
        raise ValueError(f"{pack.path} has no kernel {name}") from None
    given = [ast.literal_eval(text) for text in chosen.argument]
    width = max(len(k.__name__) for k in chosen_kernels)
    print(f"{'':{width}}  {'direct':>10}  {'apply':>10}  {'map, each':>10}")
    with Pool() as pool:
        for k in chosen_kernels:
            try:
                costs = "  ".join(f"{cost * 1e6:7.1f} us" for cost in measured(pool, k, tuple(given) or sample(k)))
            except (kernel.KernelError, TypeError) as e:
                costs = str(e).partition("\n")[0]
            print(f"{k.__name__:{width}}  {costs}")


def sample(k: Kernel) -> tuple[Any, ...]:
    """Return small arguments, which need not make sense to the kernel."""
    return tuple(example(t) for t in (k.types[:-1] if k.variadic else k.types))


def example(described: dict[str, Any]) -> Any:
    """Return a small value of a Go type."""
    kind = described["kind"]
    if kind == "time":
        import datetime

        return datetime.datetime.now(datetime.UTC)
    if kind in ("slice", "array"):
        return [example(described["elem"])]
    if kind == "map":
        return {example(described["key"]): example(described["elem"])}
    if kind == "struct":
        return {field["name"]: example(field["type"]) for field in described["fields"]}
    plain = {"bool": True, "string": "", "bytes": b"", "any": None, "float32": 1.0, "float64": 1.0}
    return plain.get(kind, 1)


def measured(pool: Any, k: Kernel, arguments: tuple[Any, ...]) -> list[float]:
    """Return the seconds that a call takes in each of the three ways."""
    items = [arguments] * 1000
    ways: list[tuple[Callable[[], Any], int]] = [
        (lambda: k(*arguments), 1),
        (lambda: pool.apply(k, arguments), 1),
        (lambda: pool.starmap(k, items), len(items)),
    ]
    if len(arguments) == 1:
        flat = [arguments[0]] * len(items)
        ways[2] = (lambda: pool.map(k, flat), len(flat))
    return [median(call) / count for call, count in ways]


def median(call: Callable[[], Any]) -> float:
    """Return how long a call usually takes, after the first."""
    call()
    times: list[float] = []
    while len(times) < LEAST or sum(times) < LONG:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2]
