"""A missing or old tool is told in one sentence that names the version needed."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from building import ROOT


def build(path: pathlib.Path, **environment: str) -> str:
    """What a build says that finds only the tools in this folder. It must fail."""
    command = [sys.executable, "setup.py", "--quiet", "build_ext", f"--build-lib={path / 'lib'}"]
    command += [f"--build-temp={path / 'temp'}"]
    settings = {**os.environ, "PATH": str(path), "PYTHONWARNINGS": "ignore", **environment}
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=50)
    assert done.returncode == 1
    return done.stdout + done.stderr


def script(path: pathlib.Path, says: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


def real(path: pathlib.Path, name: str) -> None:
    found = shutil.which(name)
    assert found is not None
    (path / name).symlink_to(found)


def one_sentence(said: str) -> str:
    """The error, which is all that the build says."""
    (line,) = said.strip().splitlines()
    assert line.startswith("error: ") and line.endswith("."), said
    return line


def test_no_go(tmp_path: pathlib.Path) -> None:
    real(tmp_path, "gcc")
    assert "install Go 1.26 or newer" in one_sentence(build(tmp_path))


def test_old_go(tmp_path: pathlib.Path) -> None:
    real(tmp_path, "gcc")
    script(tmp_path / "go", "go1.21.3")
    said = one_sentence(build(tmp_path))
    assert "needs Go 1.26 or newer" in said and "go1.21.3" in said


@pytest.mark.parametrize("compiler", ["gcc", "clang-of-nowhere"])
def test_no_compiler(tmp_path: pathlib.Path, compiler: str) -> None:
    real(tmp_path, "go")
    said = one_sentence(build(tmp_path, CC=compiler))
    assert "install gcc 11 or newer" in said and compiler in said


def test_old_compiler(tmp_path: pathlib.Path) -> None:
    real(tmp_path, "go")
    script(tmp_path / "gcc", "8.3.0")
    said = one_sentence(build(tmp_path, CC="gcc"))
    assert "needs gcc 11 or newer" in said and "8.3.0" in said
