"""The rules of the house: tests that leave something behind fail, and `unsafe` stays in its files."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

OFFENDERS = {
    "hangs": ("import time\ndef test_it():\n    time.sleep(30)\n", "Timeout"),
    "leaves a child": (
        "import subprocess\nchild = []\ndef test_it():\n    child.append(subprocess.Popen(['sleep', '30']))\n",
        "left running",
    ),
    "leaves an orphan": (
        "import os\ndef test_it():\n    os.system('sleep 30 &')\n",
        "left running",
    ),
    "leaves a file in shared memory": (
        "import os\ndef test_it():\n    os.close(os.open(f'/dev/shm/gomp-house-{os.getpid()}', os.O_CREAT))\n",
        "left in /dev/shm",
    ),
}
# The main thread never comes back to the interpreter, which is what signals need to be seen.
STUCK = """
import ctypes
def test_it():
    libc = ctypes.PyDLL(None)
    mask = (ctypes.c_ulong * 16)(*[~0] * 16)
    libc.sigsuspend(mask)
"""


def run_pytest(directory: pathlib.Path, text: str, *options: str) -> str:
    """Run a test under this project's conftest.py and return what was printed; it must have failed."""
    path = directory / "test_offender.py"
    path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conftest", "-c", str(ROOT / "pytest.ini"), *options, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
        start_new_session=True,
    )
    assert done.returncode != 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("offence", OFFENDERS)
def test_offender_fails(offence: str, tmp_path: pathlib.Path) -> None:
    text, complaint = OFFENDERS[offence]
    try:
        assert complaint in run_pytest(tmp_path, text, "-o", "timeout=5")
    finally:
        for path in pathlib.Path("/dev/shm").glob("gomp-house-*"):
            path.unlink()


def test_run_ends_when_a_test_cannot_be_interrupted(tmp_path: pathlib.Path) -> None:
    printed = run_pytest(tmp_path, STUCK, "-o", "timeout=2")
    assert "Timeout" in printed
    assert "test_offender.py" in printed


def test_unsafe_only_where_the_name_says_so() -> None:
    imports = re.compile(r'^\s*(?:import\s+)?"unsafe"', re.MULTILINE)
    for path in (ROOT / "gomp").rglob("*.go"):
        if not path.name.endswith("_unsafe.go"):
            assert not imports.search(path.read_text()), path


def test_every_go_package_has_its_model() -> None:
    for package in {path.parent for path in (ROOT / "gomp").rglob("*.go")}:
        assert (package / "doc.go").exists(), f"{package.relative_to(ROOT)} has no doc.go"
