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


def printed(program: str, *arguments: str) -> str:
    """Run a program to its good end; return what it prints."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "kernels" / f"{program}.py"), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "python")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=55,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("program, small", SMALL.items())
def test_program(program: str, small: list[str], tmp_path: pathlib.Path) -> None:
    picture = tmp_path / "picture.png"
    assert "by the kernel" in printed(program, *small, "--png", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_pipeline() -> None:
    assert "8 batches of 1000 readings" in printed("pipeline", "--batches", "8", "--size", "1000")


def test_the_table() -> None:
    assert "overseas, by ship" in printed("sales", "--rows", "2000")
