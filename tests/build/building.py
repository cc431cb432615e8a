"""Running setup.py, for the tests of this folder."""

from __future__ import annotations

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = 300.0  # seconds; a build from clean takes about a minute on two cores


def setup_py(folder: pathlib.Path, *arguments: str) -> str:
    """Runs a command of setup.py and returns what it prints."""
    command = [sys.executable, "setup.py", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=BUILD, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
