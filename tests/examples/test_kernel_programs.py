"""The programs with kernels run, and draw what they say."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


SMALL = {
    "nbody": ["--bodies", "5"],
    "logistic": ["--samples", "500"],
    "mandelbrot": ["--width", "120"],
    "photographs": ["--size", "128"],
}


@pytest.mark.parametrize("program, small", SMALL.items())
def test_program(program: str, small: list[str], tmp_path: pathlib.Path) -> None:
    picture = tmp_path / "picture.png"
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "kernels" / f"{program}.py"), *small, "--png", str(picture)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "python")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=55,
    )
    assert done.returncode == 0, done.stdout
    assert "by the kernel" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_pipeline() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "kernels" / "pipeline.py"), "--batches", "8", "--size", "1000"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "python")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=55,
    )
    assert done.returncode == 0, done.stdout
    assert "8 batches of 1000 readings" in done.stdout


def test_the_table() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "kernels" / "sales.py"), "--rows", "2000"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "python")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=55,
    )
    assert done.returncode == 0, done.stdout
    assert "overseas, by ship" in done.stdout
