"""The same program prints the same, whichever library it imports."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import textwrap

import pytest

import gomp

PROGRAMS = {
    "exit handlers, finalizers and prints of a child": """
        import atexit, sys

        def child():
            atexit.register(print, "exit handler of the child")
            mp.util.Finalize(None, print, args=("finalizer of the child",), exitpriority=1)
            print("child")

        if __name__ == "__main__":
            atexit.register(print, "exit handler of the parent")
            p = ctx.Process(target=child)
            p.start()
            p.join()
            print(p.exitcode)
    """,
    "a daemon ends with its parent, another process is joined": """
        import time

        def long():
            time.sleep(60)
            print("never")

        def short():
            time.sleep(0.5)
            print("joined")

        if __name__ == "__main__":
            ctx.Process(target=long, daemon=True).start()
            ctx.Process(target=short).start()
            print("the end")
    """,
    "a traceback": """
        def child():
            1 / 0

        if __name__ == "__main__":
            p = ctx.Process(target=child, name="divider")
            p.start()
            p.join()
            print(p.exitcode)
    """,
    "a thread that is no daemon": """
        import threading, time

        def later():
            time.sleep(0.3)
            print("thread")

        def child():
            threading.Thread(target=later).start()
            print("child")

        if __name__ == "__main__":
            p = ctx.Process(target=child)
            p.start()
            p.join()
    """,
    "the reprs of a lock": """
        def child(lock):
            print(lock)

        if __name__ == "__main__":
            for lock in ctx.Lock(), ctx.RLock():
                print(lock)
                with lock:
                    print(lock)
                    p = ctx.Process(target=child, args=(lock,))
                    p.start()
                    p.join()
            for made in ctx.Semaphore(3), ctx.BoundedSemaphore(2), ctx.Condition():
                print(made)
    """,
    "daemons have no children": """
        def child():
            try:
                ctx.Process(target=print).start()
            except AssertionError as e:
                print(e)

        if __name__ == "__main__":
            p = ctx.Process(target=child, daemon=True)
            p.start()
            p.join()
    """,
    "an object that cannot be pickled": """
        if __name__ == "__main__":
            q = ctx.Queue()
            q.put(lambda: None)
            q.put("the next")
            print(q.get())
            q.close()
            q.join_thread()
    """,
    "what a main module sees when it is imported": """
        import os

        SEEN = [*map(os.path.basename, sys.argv)], os.path.basename(sys.path[0]), mp.get_start_method(), __name__

        def child():
            print(SEEN)

        if __name__ == "__main__":
            p = ctx.Process(target=child)
            p.start()
            p.join()
    """,
    "a main module that starts a process when it is imported": """
        p = ctx.Process(target=print, args=("child",))
        p.start()
        p.join()
        print(p.exitcode)
    """,
    "a main module that cannot be imported": """
        if __name__ != "__main__":
            raise OSError("not here")

        for _ in range(2):
            p = ctx.Process(target=print, args=("child",))
            p.start()
            p.join()
            print(p.exitcode)
    """,
    "a main module that exits when it is imported": """
        if __name__ != "__main__":
            sys.exit("not here")

        p = ctx.Process(target=print, args=("child",))
        p.start()
        p.join()
        print(p.exitcode)
    """,
    "the log": """
        if __name__ == "__main__":
            logger = mp.log_to_stderr()
            logger.setLevel("INFO")
            p = ctx.Process(target=print, args=("child",), name="logged")
            p.start()
            p.join()
    """,
}


def output(
    program: str, library: str, method: str, folder: pathlib.Path, *arguments: str, by_name: bool = False
) -> tuple[str, list[str]]:
    """Run the program with the library; return what it prints, and the last words of its errors."""
    head = f"import {library} as mp, sys\nctx = mp.get_context({method!r})\n"
    path = folder / "program.py"
    path.write_text(head + textwrap.dedent(program))
    done = subprocess.run(
        [sys.executable, *(["-m", "program"] if by_name else [str(path)]), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(pathlib.Path(gomp.__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=40,
    )
    errors = re.sub("0x[0-9a-f]+|pymp-[a-z0-9_]+", "...", done.stderr)
    # Where it happened differs, of course.
    return done.stdout, [line for line in errors.splitlines() if not line.startswith((" ", "Traceback"))]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_output(name: str, method: str, tmp_path: pathlib.Path) -> None:
    printed, words = output(PROGRAMS[name], "gomp", method, tmp_path)
    standard, standard_words = output(PROGRAMS[name], "multiprocessing", method, tmp_path)
    assert printed == standard
    assert words == standard_words


HOOKED = """
    import multiprocessing.process, multiprocessing.spawn

    def hook():
        bootstrap = multiprocessing.process.BaseProcess._bootstrap
        prepare = multiprocessing.spawn.get_preparation_data

        def hooked_bootstrap(self, *args, **kwargs):
            print("bootstrap")
            return bootstrap(self, *args, **kwargs)

        def hooked_prepare(name):
            print("prepare")
            return prepare(name)

        multiprocessing.process.BaseProcess._bootstrap = hooked_bootstrap
        multiprocessing.spawn.get_preparation_data = hooked_prepare

    hook()

    if __name__ == "__main__":
        p = ctx.Process(target=print, args=("child",))
        p.start()
        p.join()
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_coverages_hooks_are_passed(method: str, tmp_path: pathlib.Path) -> None:
    printed, _ = output(HOOKED, "gomp", method, tmp_path)
    assert printed.split() == (["prepare"] if method == "spawn" else []) + ["bootstrap", "child"]


PRELOADED = """
    import os

    IMPORTER = os.getpid()
    sys.stdout.write("imported ")

    def child():
        print(IMPORTER == os.getppid())

    if __name__ == "__main__":
        if sys.argv[1:] == ["nothing"]:
            ctx.set_forkserver_preload([])
        for _ in range(2):
            p = ctx.Process(target=child)
            p.start()
            p.join()
"""


def test_fork_server_imports_the_main_module_once(tmp_path: pathlib.Path) -> None:
    printed, words = output(PRELOADED, "gomp", "forkserver", tmp_path)
    assert (printed.split(), words) == (["imported", "imported", "True", "True"], [])


def test_fork_server_imports_nothing_that_it_is_not_to(tmp_path: pathlib.Path) -> None:
    printed, words = output(PRELOADED, "gomp", "forkserver", tmp_path, "nothing")
    assert (printed.split(), words) == (["imported", *["imported", "False"] * 2], [])


def test_fork_server_imports_a_main_module_by_its_name(tmp_path: pathlib.Path) -> None:
    printed, words = output(PRELOADED, "gomp", "forkserver", tmp_path, by_name=True)
    assert (printed.split(), words) == (["imported", "imported", "True", "True"], [])
