"""Forks from a process whose Go core is loaded and busy, some 2,400 of them, in all the ways that programs have.

A single child that hangs, crashes or computes something wrong fails its test. The programs are in scenarios.py.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import sys

import pytest

import interpreters

HERE = pathlib.Path(__file__).parent
PACKAGE = HERE.parent.parent / "python"
LIMIT = 100.0

SCENARIOS = (
    *(("ends", how, 150) for how in ("return", "sys.exit", "os._exit", "exception", "thread", "SIGTERM")),
    ("unused", 200),
    ("before_load", 100),
    ("at_once", 4, 64),
    ("nested", 6, 20),
    *(("from_thread", 80, what) for what in ("used", "unused", "os._exit")),
    ("leader_first", 20),
    ("while_dlopen", 200),
    ("storm", 2),
    ("interrupts", 40),
    ("waited_signals", 30),
    ("dispositions",),
    ("descriptors",),
    ("preempted",),
    *(("faults", when, 8) for when in ("never", "before", "after")),
    ("subprocesses", 20),
    ("terminals", 20),
    ("bypassed",),
)

# On the other interpreters of this machine: a little of everything.
SAMPLE = (
    ("ends", "return", 30),
    ("ends", "thread", 30),
    ("at_once", 1, 32),
    ("nested", 1, 20),
    ("from_thread", 20, "used"),
    ("leader_first", 5),
    ("dispositions",),
    ("faults", "before", 2),
    ("subprocesses", 5),
)


def run(python: str, scenario: tuple[object, ...]) -> None:
    command = [python, str(HERE / "scenarios.py"), *map(str, scenario)]
    # A session of its own, so that nothing of a scenario that is late survives it.
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output = process.communicate(timeout=LIMIT)[0]
    finally:
        if process.returncode != 0:
            kill_session(process.pid)
            process.wait()
    assert process.returncode == 0 and output == "ok\n", output


def kill_session(session: int) -> None:
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                os.kill(int(path.parent.name), signal.SIGKILL)


@pytest.mark.timeout(LIMIT + 10)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: "-".join(map(str, scenario)))
def test_children(scenario: tuple[object, ...]) -> None:
    run(sys.executable, scenario)


OTHERS = [python for python in interpreters.found().values() if python != sys.executable]


@pytest.mark.timeout(LIMIT + 10)
@pytest.mark.parametrize("scenario", SAMPLE, ids=lambda scenario: "-".join(map(str, scenario)))
@pytest.mark.parametrize("python", OTHERS)
def test_children_of_other_interpreters(python: str, scenario: tuple[object, ...]) -> None:
    run(python, scenario)
