"""Ways to run gomp: switched off, and in the place of multiprocessing."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import textwrap

import pytest

import gomp

PACKAGES = str(pathlib.Path(gomp.__file__).parent.parent)


def run(*arguments: str, cwd: pathlib.Path, **environment: str) -> str:
    """Run the interpreter; return what it prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": PACKAGES, **environment},
        capture_output=True,
        text=True,
        timeout=40,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_disabled_everything_is_standard(tmp_path: pathlib.Path) -> None:
    code = """
        import sys, multiprocessing, multiprocessing.queues, gomp, gomp.queues, gomp.pool
        from gomp.connection import Connection
        assert gomp.Process is multiprocessing.Process
        assert gomp.queues.Queue is multiprocessing.queues.Queue
        assert type(gomp.Lock()) is type(multiprocessing.Lock())
        assert Connection is multiprocessing.connection.Connection
        assert gomp.pool is multiprocessing.pool
        assert gomp.OwnerDied and gomp.OwnerDiedWarning
        assert "gomp._boundary" not in sys.modules
        print("standard")
    """
    assert run("-c", textwrap.dedent(code), cwd=tmp_path, GOMP_DISABLE="1") == "standard\n"


def test_importing_does_not_load_the_core(tmp_path: pathlib.Path) -> None:
    code = """
        import gomp, gomp.queues, gomp.connection, gomp.pool, gomp.synchronize
        maps = open("/proc/self/maps").read()
        assert "_boundary" in maps
        print("_core.so" in maps)
        gomp.Lock()
        print("_core.so" in open("/proc/self/maps").read())
    """
    assert run("-c", textwrap.dedent(code), cwd=tmp_path) == "False\nTrue\n"


PROGRAM = """
    import sys
    import multiprocessing
    from multiprocessing import Queue, queues
    from multiprocessing.pool import Pool

    import library

    def child(q):
        q.put((multiprocessing.__name__, type(q).__module__, library.name()))

    def square(x):
        return x * x

    if __name__ == "__main__":
        method, *rest = sys.argv[1:]
        multiprocessing.set_start_method(method)
        q = Queue()
        p = multiprocessing.Process(target=child, args=(q,))
        p.start()
        print(*q.get(timeout=20), *rest)
        p.join()
        with Pool(2) as pool:
            print(pool.map(square, range(4)))
"""

LIBRARY = """
    def name():
        import multiprocessing.synchronize
        return multiprocessing.synchronize.__name__
"""


@pytest.fixture
def program(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return the folder of a program and its library, both of which import multiprocessing."""
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    (tmp_path / "library.py").write_text(textwrap.dedent(LIBRARY))
    return tmp_path


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("how", [["program.py"], ["-m", "program"]], ids=["script", "module"])
def test_in_the_place_of_multiprocessing(program: pathlib.Path, method: str, how: list[str]) -> None:
    said = run("-m", "gomp", *how, method, "an argument", cwd=program)
    assert said == "gomp gomp.queues gomp.synchronize an argument\n[0, 1, 4, 9]\n"


def test_in_its_place_but_disabled(program: pathlib.Path) -> None:
    said = run("-m", "gomp", "program.py", "spawn", cwd=program, GOMP_DISABLE="1")
    assert said.splitlines()[0] == "multiprocessing multiprocessing.queues multiprocessing.synchronize"


def test_script_elsewhere_imports_its_neighbours(program: pathlib.Path) -> None:
    said = run("-m", "gomp", str(program / "program.py"), "spawn", cwd=pathlib.Path("/"))
    assert said.startswith("gomp ")


def by_gomp(*arguments: str, cwd: pathlib.Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m gomp`, which may fail."""
    return subprocess.run(
        [sys.executable, "-m", "gomp", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": PACKAGES},
        capture_output=True,
        text=True,
        timeout=40,
    )


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "no program"),
        (["-m"], "name of a module"),
        (["-c"], "a command"),
        (["-x", "1"], "option -x"),
        (["no/such.py"], "file: no/such.py"),
    ],
)
def test_wrong_command_line(arguments: list[str], why: str, tmp_path: pathlib.Path) -> None:
    done = by_gomp(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    said, _, usage = done.stderr.partition("\n\n")
    assert said.startswith("python -m gomp: ") and said.endswith(why)
    assert usage.startswith("usage: ")


COMMAND = """
import sys, library, multiprocessing
print(sys.argv, sys.path[0], __name__, multiprocessing.Pool(2).map(abs, [-1]))
1 / 0
"""


def test_command_is_run_as_by_the_interpreter(program: pathlib.Path) -> None:
    done = by_gomp("-c", COMMAND, "-x", cwd=program)
    interpreter = [sys.executable, "-c", COMMAND, "-x"]
    own = subprocess.run(interpreter, cwd=program, capture_output=True, text=True, timeout=40)
    assert (done.stdout, done.stderr, done.returncode) == (own.stdout, own.stderr, own.returncode)
    said = run("-m", "gomp", "-c", "import multiprocessing as m; print(m.Queue().__module__)", cwd=program)
    assert said == "gomp.queues\n"


def test_what_it_says_of_itself(tmp_path: pathlib.Path) -> None:
    assert run("-m", "gomp", "--version", cwd=tmp_path) == f"gomp {gomp.__version__}\n"
    assert run("-m", "gomp", "--help", cwd=tmp_path).startswith("usage: ")


FOLDER = """
    import multiprocessing, sys
    import program
    if __name__ == "__main__":
        ctx = multiprocessing.get_context("spawn")
        q = ctx.Queue()
        p = ctx.Process(target=program.child, args=(q,))
        p.start()
        print(*q.get(timeout=20), sys.argv[1], sorted(name for name in vars() if name.islower() and name[0] != "_"))
        p.join()
"""


@pytest.mark.parametrize("packed", [False, True])
def test_folder_or_zip_file_with_a_main(program: pathlib.Path, packed: bool) -> None:
    (program / "__main__.py").write_text(textwrap.dedent(FOLDER))
    path = shutil.make_archive(str(program / "packed"), "zip", program) if packed else program
    said = run("-m", "gomp", str(path), "an argument", cwd=pathlib.Path("/"))
    names = ["ctx", "multiprocessing", "p", "program", "q", "sys"]
    assert said == f"gomp gomp.queues gomp.synchronize an argument {names}\n"


@pytest.mark.parametrize(
    "text",
    ["def f():\n    1 / 0\nf()\n", "x = (\n", "raise KeyboardInterrupt\n", "raise SystemExit(3)\n", "exit('bye')\n"],
)
def test_program_fails_as_by_itself(text: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "program.py").write_text(text)
    alone = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=40)
    done = by_gomp("program.py", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (alone.returncode, alone.stdout, alone.stderr)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_found_only_through_a_path_added_while_running(tmp_path: pathlib.Path, method: str) -> None:
    (tmp_path / "program.py").write_text(
        textwrap.dedent(f"""
            import sys

            def child(q):
                q.put("found")

            if __name__ == "__main__":
                sys.path.insert(0, {PACKAGES!r})
                import gomp

                ctx = gomp.get_context({method!r})
                q = ctx.Queue()
                p = ctx.Process(target=child, args=(q,))
                p.start()
                print(q.get(timeout=20))
                p.join()
        """)
    )
    assert run("program.py", cwd=tmp_path, PYTHONPATH="") == "found\n"
