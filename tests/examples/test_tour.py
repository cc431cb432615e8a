"""Each program of the tour runs, on each Python and under each start method, and is what the demo says it is."""

from __future__ import annotations

import functools
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable

import pytest

import interpreters

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = sorted((ROOT / "examples").glob("[0-9][0-9]_*.py"))
SETUP = 120.0  # seconds to install something, from a network that may be slow
WORDS = ROOT / "examples" / "10_word_frequencies.py"


def run(python: str, *arguments: str, limit: float = 55) -> str:
    """Run a program with gomp from this tree and return what it printed."""
    done = subprocess.run(
        [python, "-W", "error::ResourceWarning", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "python")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=limit,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def has_numpy(python: str) -> bool:
    return subprocess.run([python, "-c", "import numpy"], capture_output=True, timeout=30).returncode == 0


def install_numpy(python: str, folder: pathlib.Path) -> str:
    """Return the Python of a new virtual environment with the numpy that `make` installs, or skip the test."""
    subprocess.run([python, "-m", "venv", str(folder)], check=True, capture_output=True, timeout=SETUP)
    executable = str(folder / "bin" / "python")
    pip = [executable, "-I", "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    done = subprocess.run(
        [*pip, "--only-binary=:all:", "--constraint", str(ROOT / "constraints.txt"), "numpy"],
        capture_output=True,
        text=True,
        timeout=SETUP,
    )
    if done.returncode:
        pytest.skip(f"no numpy for {python}: {done.stderr.strip()}")
    return executable


@pytest.fixture(scope="session")
def with_numpy(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """What returns a Python of a version that has numpy: the one found, or a virtual environment of it."""

    @functools.cache
    def find(version: str) -> str:
        python = interpreters.found()[version]
        return python if has_numpy(python) else install_numpy(python, tmp_path_factory.mktemp(f"numpy-{version}"))

    return find


def test_there_are_ten_programs() -> None:
    assert [p.name[:2] for p in PROGRAMS] == [f"{n:02}" for n in range(1, 11)]


@pytest.mark.timeout(2 * SETUP)
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("version", list(interpreters.found()))
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_program(program: pathlib.Path, version: str, method: str, with_numpy: Callable[[str], str]) -> None:
    wants_numpy = "import numpy" in program.read_text()
    python = with_numpy(version) if wants_numpy else interpreters.found()[version]
    small = ["--megabytes", "2", "--files", "20"] if program == WORDS else []
    run(python, str(program), "--method", method, *small)


@pytest.mark.timeout(300)
def test_word_frequencies_at_full_size() -> None:
    printed = run(sys.executable, str(WORDS), limit=290)
    assert "made 300 of 300 texts" in printed
    assert "serial: the same" in printed


def test_standard_library_runs_the_same_programs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo compares like with like: nothing but the import lines differs, and no trace of gomp is left."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import demo

    for program in PROGRAMS:
        ours = program.read_text().splitlines()
        theirs = demo.for_standard_library(program, tmp_path).read_text().splitlines()
        assert len(ours) == len(theirs)
        changed = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b]
        assert changed
        assert all(a.startswith(("import gomp as multiprocessing", "from gomp import")) for a, _ in changed)
        assert not any("gomp" in line for line in theirs)
