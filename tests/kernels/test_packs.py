"""Packs of users: compiled of source text and of folders, by many processes at once, without a network."""

from __future__ import annotations

import contextlib
import inspect
import operator
import os
import pathlib
import pydoc
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

import gomp
from gomp import _build, _native, kernel, kernels

pytestmark = pytest.mark.timeout(180)

PACKAGES = str(pathlib.Path(gomp.__file__).parent.parent)
SOURCE = """
package fast

// Square is x times x.
func Square(x float64) float64 { return x * x }

// Join joins.
func Join(words []string, with string) string {
	joined := ""
	for i, word := range words {
		if i > 0 {
			joined += with
		}
		joined += word
	}
	return joined
}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    """An empty cache; and no network, for nothing here needs one."""
    monkeypatch.setenv("GOMP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GOPROXY", "off")
    yield tmp_path / "cache"
    for pack in [pack for pack in _native._direct if pack is not kernels.PACK]:
        _native._direct.pop(pack).terminate()


@pytest.fixture
def spy(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A file with a line for each command that Go is started with from here on."""
    real = shutil.which("go")
    assert real is not None
    commands = tmp_path / "commands"
    commands.touch()
    stand_in(tmp_path / "go", f'echo "$1" >> {commands}\nexec {real} "$@"', monkeypatch)
    return commands


def stand_in(root: pathlib.Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put another program in the place of Go; it passes for the same version."""
    real = shutil.which("go")
    assert real is not None
    (root / "bin").mkdir(parents=True)
    shutil.copy(pathlib.Path(real).resolve().parent.parent / "VERSION", root / "VERSION")
    program = root / "bin" / "go"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}")


def start(code: str) -> subprocess.Popen[str]:
    """Start a Python program."""
    environment = {**os.environ, "PYTHONPATH": PACKAGES}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)


def command(*arguments: str, cwd: pathlib.Path) -> tuple[int, str]:
    """Run `python -m gomp kernel`; its status and all that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "gomp", "kernel", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": PACKAGES},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout


def refused(source: str) -> list[str]:
    with pytest.raises(gomp.CompileError) as caught:
        kernel.compile(source)
    return caught.value.lines


# ---- source text


def test_compiled_kernels_are_called_and_mapped() -> None:
    fast = kernel.compile(SOURCE)
    assert fast.Square(3) == 9.0
    assert fast.Square.__doc__ == "Square is x times x."
    assert repr(fast.Square) == f"<kernel Square(x: float64) -> float64 of {fast.path}>"
    assert fast.Square.__module__ == "fast"
    assert fast.Join(["a", "b"], with_="-") == "a-b"
    with gomp.Pool(2) as pool:
        assert pool.map(fast.Square, range(100)) == [x * x for x in range(100)]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_python_workers_get_kernels(method: str) -> None:
    fast = kernel.compile(SOURCE)
    with gomp.get_context(method).Pool(1) as pool:
        assert pool.apply(operator.call, (fast.Square, 3.0)) == 9.0


def test_cached_pack_needs_no_go(spy: pathlib.Path, tmp_path: pathlib.Path) -> None:
    first = kernel.compile(SOURCE)
    assert "build" in spy.read_text()
    spy.write_text("")
    assert kernel.compile(SOURCE) is first
    child = start(f"from gomp import kernel; print(kernel.compile({SOURCE!r}).Square(2))")
    assert child.communicate(timeout=60)[0] == "4.0\n"
    assert spy.read_text() == ""


def test_other_text_and_other_name_are_other_packs(cache: pathlib.Path) -> None:
    paths = {kernel.compile(SOURCE).path, kernel.compile(SOURCE + "\n").path, kernel.compile(SOURCE, name="quick").path}
    assert {pathlib.Path(path).name for path in paths} == {"fast.pack", "quick.pack"}
    assert len(paths) == 3 == len([entry for entry in cache.iterdir() if entry.is_dir()])


def test_many_processes_compile_it_once(spy: pathlib.Path, cache: pathlib.Path) -> None:
    children = [start(f"from gomp import kernel; print(kernel.compile({SOURCE!r}).Square(2))") for _ in range(6)]
    assert [child.communicate(timeout=120)[0] for child in children] == ["4.0\n"] * 6
    assert spy.read_text().split().count("build") == 1
    assert len([entry for entry in cache.iterdir() if entry.is_dir()]) == 1  # nothing half-made is left


def test_what_is_not_used_leaves_the_cache(cache: pathlib.Path) -> None:
    def age(entry: pathlib.Path, days: float) -> None:
        then = time.time() - days * 86400
        os.utime(entry, (then, then))

    def entry(source: str) -> pathlib.Path:
        """Have a process compile it that ends."""
        code = f"from gomp import kernel; print(kernel.compile({source!r}).path)"
        return pathlib.Path(start(code).communicate(timeout=120)[0].strip()).parent

    old, locked, recent = entry(SOURCE), entry(SOURCE + "\n"), entry(SOURCE + "\n\n")
    had = pathlib.Path(kernel.compile(SOURCE + "\n\n\n").path).parent  # by this process
    left, others = old.with_name(f"{'0' * 64}.xyz"), cache / "others"  # by a builder that was killed, and by a stranger
    for folder in (left, others):
        folder.mkdir()
        (folder / "file").touch()
    for folder in (old, locked, had, left, others):
        age(folder, 31)
    age(recent, 29)
    with _build.locked(_build.lock_of(locked)):
        assert entry(SOURCE + "\n\n\n\n").exists()
    assert locked.exists() and had.exists() and others.exists() and recent.exists()
    assert not old.exists() and not left.exists() and not list(cache.glob("*.old"))
    assert entry(SOURCE) == old and old.exists()
    assert not locked.exists() and had.exists()
    assert kernel.compile(SOURCE + "\n\n\n").Square(3) == 9


def test_killed_builder_holds_nobody_up(
    cache: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = tmp_path / "pid"
    with monkeypatch.context() as patch:
        stand_in(tmp_path / "slow", f"echo $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 120", patch)
        builder = start(f"from gomp import kernel; kernel.compile({SOURCE!r})")
        while not pid.exists():
            time.sleep(0.01)
    # A child that was forked meanwhile has copies of what the builder has open: see _forget_locks.
    builder.kill()
    builder.communicate(timeout=60)
    assert [entry for entry in cache.iterdir() if entry.is_dir()]
    assert kernel.compile(SOURCE).Square(2) == 4
    assert len([entry for entry in cache.iterdir() if entry.is_dir()]) == 1
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(pid.read_text()), signal.SIGKILL)


def test_forked_child_does_not_keep_the_lock(tmp_path: pathlib.Path) -> None:
    code = f"""
import os, pathlib, sys, time
from gomp import _build
with _build.locked(pathlib.Path({str(tmp_path / "lock")!r})):
    pid = os.fork()
    if pid == 0:
        time.sleep(120)
        os._exit(0)
    print(pid, flush=True)
    os.kill(os.getpid(), 9)
"""
    parent = start(code)
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
    parent.wait(timeout=60)
    with _build.locked(tmp_path / "lock"):
        os.kill(child, signal.SIGKILL)  # it was there until now


def test_where_nothing_can_be_written_the_pack_is_of_the_process(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GOMP_CACHE", str(tmp_path / "file" / "cache"))
    code = f"""
from gomp import kernel
pack = kernel.compile({SOURCE!r})
assert kernel.compile({SOURCE!r}) is pack and pack.Square(2) == 4
print(pack.path)
"""
    path = start(code).communicate(timeout=120)[0].strip()
    assert path.endswith("fast.pack") and not os.path.exists(path)


def test_compilers_lines() -> None:
    assert refused("package p\n\nfunc F(x int) int { return y }\n\nfunc G() { z := 1 }\n") == [
        "p.go:3:28: undefined: y",
        "p.go:5:12: declared and not used: z",
    ]


def test_lines_of_what_is_no_go_and_no_kernel() -> None:
    assert refused("package p\n\nfunc F(x int int)\n") == ["p.go:3:14: missing ',' in parameter list"]
    assert refused("package p\n\nfunc f() {}\n") == ["p.go:1:9: package p exports no function"]
    assert refused("package p\n\nfunc F(c chan int) {}\n") == [
        "p.go:3: F: parameter c: type chan int cannot come from Python"
    ]
    assert refused("nonsense") == ["kernels.go:1:1: expected 'package', found nonsense"]


def test_missing_module_is_told() -> None:
    said = refused('package p\n\nimport "example.org/nowhere"\n\nfunc F() { nowhere.F() }\n')
    assert said[-1].startswith("p.go:3:8: ") and "example.org/nowhere" in said[-1]


def test_name_that_is_none() -> None:
    with pytest.raises(ValueError, match="name"):
        kernel.compile(SOURCE, name="../fast")


def test_no_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    (line,) = refused(SOURCE)
    assert "install Go 1.26 or newer" in line


def test_old_go(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = '{"GOVERSION": "go1.21.3", "GOPROXY": "", "GOCACHE": "", "GOMODCACHE": ""}'
    stand_in(tmp_path / "old", f"echo '{old}'", monkeypatch)
    (line,) = refused(SOURCE)
    assert "need Go 1.26 or newer" in line and "go1.21.3" in line


# ---- folders


def test_folder_without_go_mod(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a.go").write_text(SOURCE)
    pack = kernel.build(folder)
    assert pack.path == str(folder / "mine.pack") and kernel.load(folder) is pack
    assert set(os.listdir(folder)) == {"a.go", "mine.pack"}
    assert pack.Square(2) == 4
    (folder / "a.go").write_text(SOURCE.replace("x * x", "x * x * x"))
    again = kernel.build(folder)
    assert again.Square(2) == 8
    # The old pack's process goes on, and no other one is begun: its kernels could be others.
    assert pack.Square(2) == 4
    with gomp.Pool(1) as pool:
        assert pool.apply(again.Square, (2,)) == 8
        with pytest.raises(ImportError, match="built again"):
            pool.apply(pack.Square, (2,))


def test_packages_inside_the_module(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "mine"
    (folder / "internal" / "one").mkdir(parents=True)
    (folder / "go.mod").write_text("module example.org/mine\n\ngo 1.26\n")
    (folder / "internal" / "one" / "one.go").write_text("package one\n\nfunc One() int { return 1 }\n")
    (folder / "a.go").write_text(
        'package mine\n\nimport "example.org/mine/internal/one"\n\nfunc Two() int { return 2 * one.One() }\n'
    )
    assert kernel.build(folder, tmp_path / "other.pack").Two() == 2
    assert (folder / "go.mod").read_text() == "module example.org/mine\n\ngo 1.26\n"
    assert not (folder / "go.sum").exists()


def test_vendor_folder(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "mine"
    dependency = folder / "vendor" / "example.org" / "dep"
    (dependency / "inner").mkdir(parents=True)
    (folder / "go.mod").write_text("module example.org/mine\n\ngo 1.26\n\nrequire example.org/dep v1.2.3\n")
    (folder / "vendor" / "modules.txt").write_text(
        "# example.org/dep v1.2.3\n## explicit; go 1.22\nexample.org/dep\nexample.org/dep/inner\n"
    )
    (dependency / "inner" / "i.go").write_text("package inner\n\nfunc Same[T any](x T) T { return x }\n")
    (dependency / "d.go").write_text(
        'package dep\n\nimport "example.org/dep/inner"\n\nfunc F(x int) int { return inner.Same(x) }\n'
    )
    (folder / "a.go").write_text(
        'package mine\n\nimport "example.org/dep"\n\nfunc Kept(x int) int { return dep.F(x) }\n'
    )
    assert kernel.build(folder).Kept(7) == 7


# ---- the command line


def test_new_build_list_and_bench(tmp_path: pathlib.Path) -> None:
    assert command("new", "mine", cwd=tmp_path) == (0, "mine: see mine/README.md\n")
    assert command("build", "mine", cwd=tmp_path) == (0, "mine/mine.pack: RowMeans, Square\n")
    pack = kernel.load(tmp_path / "mine")
    assert pack.Square(3) == 9 and list(pack.RowMeans([[1.0, 2.0], [3.0, 5.0]])) == [1.5, 4.0]

    status, said = command("list", "mine", cwd=tmp_path)
    assert status == 0 and "Square(x float64) -> float64" in said and "Square is x times x." in said
    status, said = command("bench", "mine", "Square", cwd=tmp_path)
    assert status == 0 and len(said.splitlines()) == 2 and said.count(" us") == 3
    status, said = command("bench", "mine", "RowMeans", "[[1.0, 2.0]]", cwd=tmp_path)
    assert status == 0 and said.count(" us") == 3

    go = [["gofmt", "-l", "."], ["go", "vet", "."], ["go", "test", "."]]
    for arguments in go:
        done = subprocess.run(arguments, cwd=tmp_path / "mine", capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and (arguments[0] == "go" or not done.stdout), done.stdout + done.stderr


def test_build_in_the_folder_and_to_a_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.go").write_text(SOURCE)
    assert command("build", cwd=tmp_path / "mine") == (0, "mine.pack: Join, Square\n")
    assert command("build", "mine", "-o", "x.pack", cwd=tmp_path) == (0, "x.pack: Join, Square\n")
    (tmp_path / "mine" / "a.go").write_text(SOURCE.replace("x * x", "y"))
    assert command("build", "mine", cwd=tmp_path) == (1, "mine/a.go:5:41: undefined: y\n")


def test_mistakes_on_the_command_line(tmp_path: pathlib.Path) -> None:
    for arguments in (("build", "nowhere"), ("list", "nowhere"), ("new", "Not-A-Name"), ("bench", "nowhere")):
        status, said = command(*arguments, cwd=tmp_path)
        assert status == 1 and len(said.splitlines()) == 1 and arguments[1] in said, said
    assert command("new", "again", cwd=tmp_path)[0] == 0
    assert command("new", "again", cwd=tmp_path)[0] == 1


# ---- the shipped pack


def test_list_of_the_shipped_pack(tmp_path: pathlib.Path) -> None:
    status, said = command("list", cwd=tmp_path)
    assert status == 0 and "\nsquare(x float64) -> float64\n" in said


def test_shipped_kernels_are_there_without_a_process() -> None:
    code = """
import subprocess, os
def no(*args, **kwds): raise AssertionError
subprocess.Popen = os.posix_spawn = os.fork = no
from gomp import kernels
print(kernels.square.__name__)
"""
    assert start(code).communicate(timeout=60)[0] == "square\n"


def test_help_tells_of_kernels() -> None:
    assert "x²" in pydoc.render_doc(kernels.square)
    assert "SHA-256 digest" in pydoc.render_doc(kernels)
    assert list(inspect.signature(kernels.gaussian_blur).parameters) == ["image", "sigma"]
