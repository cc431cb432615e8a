"""A process dies after each store that an operation makes; the others go on. The operations are in stores.py."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
import stores

HERE = pathlib.Path(__file__).parent


@pytest.mark.timeout(60)
@pytest.mark.parametrize("scenario", stores.SCENARIOS)
def test_death_after_each_store(scenario: str) -> None:
    python_path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, str(HERE / "stores.py"), scenario],
        env={**os.environ, "PYTHONPATH": python_path, "GOMP_MEMORY": "4M"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=55,
    )
    if done.stdout == "no ptrace\n":
        pytest.skip("this system does not let a process trace its child")
    assert done.returncode == 0 and done.stdout == "ok\n", done.stdout
