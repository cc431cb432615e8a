"""python -m gomp program.py, -m module or -c command: a program whose multiprocessing is gomp. And kernel."""

from __future__ import annotations

import io
import os
import pkgutil
import runpy
import sys
import types
from importlib.machinery import SourceFileLoader

from . import _alias, _disabled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["main", "run_command", "run_module", "run_script"]

USAGE = """\
usage: python [options] -m gomp program.py [arguments]
       python [options] -m gomp -m module [arguments]
       python [options] -m gomp -c command [arguments]
       python -m gomp kernel new|build|list|bench [arguments]

Runs the program with every `import multiprocessing` meaning gomp, in its libraries and in
the processes that they start with it, too. An interpreter that is started otherwise keeps
the standard one. The program may also be a folder or a zip file with a __main__.py.
With `kernel`, makes or examines packs of kernels: see `python -m gomp kernel --help`."""

# Options that take the next word.
NEEDS = {"-m": "the name of a module", "-c": "a command"}


def fresh_main() -> types.ModuleType:
    """Put an empty module in the place of this one."""
    # Children find their main module, and pickle the functions in it, by the second name.
    main = sys.modules["__main__"] = sys.modules["__mp_main__"] = types.ModuleType("__main__")
    return main


def run_module(name: str) -> None:
    """Run the module as the interpreter's -m would."""
    fresh_main()
    runpy._run_module_as_main(name)  # type: ignore[attr-defined]


def run_script(path: str) -> None:
    """Run the file, or the __main__ in the folder or zip file, as the interpreter would."""
    if pkgutil.get_importer(path) is not None:
        sys.path[: not sys.flags.safe_path] = [path]
        fresh_main()
        runpy._run_module_as_main("__main__", alter_argv=False)  # type: ignore[attr-defined]
        return
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    with io.open_code(path) as f:
        source = f.read()
    main = fresh_main()
    main.__dict__.update(__file__=path, __builtins__=__builtins__, __loader__=SourceFileLoader("__main__", path))
    exec(compile(source, path, "exec"), main.__dict__)


def run_command(command: str) -> None:
    """Run the text as the interpreter's -c would."""
    if not sys.flags.safe_path:
        sys.path[0] = ""
    main = fresh_main()
    main.__dict__.update(__builtins__=__builtins__)
    exec(compile(command, "<string>", "exec"), main.__dict__)


def show(kind: type[BaseException], failure: BaseException, traceback: types.TracebackType | None) -> None:
    """Print what ends the program as if the interpreter had run it: the traceback begins in the program."""
    ours = (show.__code__.co_filename, runpy.run_path.__code__.co_filename)
    while traceback is not None and traceback.tb_frame.f_code.co_filename in ours:
        traceback = traceback.tb_next
    sys.__excepthook__(kind, failure.with_traceback(traceback), traceback)


def refuse(why: str) -> NoReturn:
    """End with the interpreter's exit status for a wrong command line."""
    print(f"python -m gomp: {why}\n\n{USAGE}", file=sys.stderr)
    sys.exit(2)


def main() -> None:
    """Run the program that the command line names."""
    arguments = sys.argv[1:]
    first = arguments[0] if arguments else ""
    if first in ("-h", "--help"):
        print(USAGE)
    elif first in ("-V", "--version"):
        from . import __version__

        print(f"gomp {__version__}")
    elif not first:
        refuse("no program")
    elif first == "kernel":
        from ._tool import main as tool

        sys.exit(tool(arguments[1:]))
    elif first in NEEDS and len(arguments) == 1:
        refuse(f"{first} needs {NEEDS[first]}")
    elif first not in NEEDS and first.startswith("-"):
        refuse(f"unknown option {first}")
    elif first not in NEEDS and not os.path.exists(first):
        refuse(f"no such file: {first}")
    else:
        run(arguments)


def run(arguments: list[str]) -> None:
    """Run the program with these as its command line."""
    if not _disabled:
        _alias.install()
    sys.excepthook = show
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        run_module(arguments[1])
    elif arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        run_command(arguments[1])
    else:
        sys.argv = arguments
        run_script(os.path.abspath(arguments[0]))


if __name__ == "__main__":
    main()
