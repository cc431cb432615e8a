"""python -m gomp script.py, or -m module: a program whose multiprocessing is gomp."""

from __future__ import annotations

import io
import os
import runpy
import sys
import types

from . import _alias, _disabled

__all__ = ["main", "run_script"]

USAGE = """\
usage: python -m gomp script.py [arguments]
       python -m gomp -m module [arguments]

Runs the program with every `import multiprocessing`, its libraries' and its children's
included, meaning gomp."""


def run_script(path: str) -> None:
    """Run the file as the interpreter would: as the module __main__, which it stays."""
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    with io.open_code(path) as f:
        code = compile(f.read(), path, "exec")
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=__builtins__)
    # Children find their main module, and pickle the functions in it, by this name.
    sys.modules["__main__"] = sys.modules["__mp_main__"] = main
    exec(code, main.__dict__)


def main() -> None:
    """Run the program that the command line names."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help") or arguments == ["-m"]:
        print(USAGE)
        sys.exit(0 if arguments and arguments != ["-m"] else 2)
    if not _disabled:
        _alias.install()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy._run_module_as_main(arguments[1])  # type: ignore[attr-defined]
    elif os.path.isfile(arguments[0]):
        sys.argv = arguments
        run_script(os.path.abspath(arguments[0]))
    else:
        sys.exit(f"python -m gomp: no such file: {arguments[0]}\n\n{USAGE}")


if __name__ == "__main__":
    main()
