"""Generated files are current; the control plane's stub and its promises agree with its Go package."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import threading

import pytest
from building import BUILD, ROOT

from gomp import _boundary, _ctl

NAMES = {name for name in dir(_ctl) if not name.startswith("_")}


@pytest.mark.timeout(BUILD)
@pytest.mark.parametrize("generator", ["pybindings/ctl/generate.py", "gomp/kernels/pack/stub.py"])
def test_generated_files_are_current(generator: str) -> None:
    command = [sys.executable, generator, "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BUILD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_stub_names_what_is_there() -> None:
    stub = (ROOT / "python" / "gomp" / "_ctl.pyi").read_text()
    assert set(re.findall(r"^def (\w+)", stub, re.MULTILINE)) == NAMES


def test_gopy_adds_nothing_of_its_own() -> None:
    files = (ROOT / "pybindings" / "ctl").glob("*.go")
    package = "".join(path.read_text() for path in files if not path.name.endswith("_test.go"))
    assert set(re.findall(r"^func ([A-Z]\w*)", package, re.MULTILINE)) == NAMES


def test_snapshot_is_json() -> None:
    state = json.loads(_ctl.Snapshot())
    assert state["pid"] == os.getpid()
    assert state["version"] == _ctl.Version()
    assert state["goroutines"] >= 1


def test_snapshot_tells_of_the_family() -> None:
    _boundary.family()
    family = json.loads(_ctl.Snapshot())["family"]
    assert {"pid": os.getpid(), "state": "live"} in family["processes"]
    assert 0 <= family["used_bytes"] <= family["cap_bytes"]


def test_error_is_raised_in_the_thread_that_made_it() -> None:
    failed: list[str] = []

    def fail(number: int) -> None:
        try:
            _ctl.SelfTest(-number)
        except RuntimeError as error:
            failed.append(str(error))

    threads = [threading.Thread(target=fail, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    assert _ctl.SelfTest(60) == 1807564
    for thread in threads:
        thread.join()
    assert failed == ["the number of goroutines must be between 1 and 1,000,000"] * 8


@pytest.mark.parametrize("arguments", [("many",), (), (1, 2), (2**70,), (1.5,)])
def test_wrong_arguments_are_errors(arguments: tuple[object, ...]) -> None:
    with pytest.raises((TypeError, OverflowError)):
        _ctl.SelfTest(*arguments)  # type: ignore[arg-type]


def test_no_memory_is_lost() -> None:
    def resident() -> int:
        return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    def call(times: int) -> None:
        for _ in range(times):
            _ctl.Version()
            with pytest.raises(RuntimeError):
                _ctl.SelfTest(0)

    call(2_000)
    before = resident()
    call(20_000)
    assert resident() - before < 1 << 20
