"""Each program of the tour runs, on each Python and under each start method, and is what the demo says it is."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

import interpreters

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = sorted((ROOT / "examples").glob("[0-9][0-9]_*.py"))
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


def test_there_are_ten_programs() -> None:
    assert [p.name[:2] for p in PROGRAMS] == [f"{n:02}" for n in range(1, 11)]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("version", list(interpreters.found()))
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_program(program: pathlib.Path, version: str, method: str) -> None:
    python = interpreters.found()[version]
    if "import numpy" in program.read_text() and python != sys.executable and not has_numpy(python):
        pytest.skip(f"this Python {version} has no numpy, which {program.name} is about")
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
