"""What kernels' tests share: the process for direct calls, and a pack of their own."""

from __future__ import annotations

import os
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

import gomp
from contexts import all_is_whole, children_without_pytest, ctx
from gomp import _boundary, kernel, kernels

__all__ = ["all_is_whole", "children_without_pytest", "ctx"]

ROOT = pathlib.Path(__file__).parents[2]
VERSION = "github.com/gomp-project/gomp/gomp/kernel.version"


@pytest.fixture(autouse=True, scope="session")
def native_worker() -> None:
    """Start the process for direct calls, which stays: no test has left it behind."""
    assert kernels.square(3.0) == 9.0


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Build the pack whose source is in the folder `pack`, as setup.py builds the shipped one."""
    path = tmp_path_factory.mktemp("pack") / "tests.pack"
    subprocess.run(
        [
            *("go", "build", "-tags", "codec.notmono,codec.notfastpath"),
            *("-ldflags", f"-s -w -X {VERSION}={_boundary.VERSION}", "-o", path, "./tests/kernels/pack"),
        ],
        cwd=ROOT,
        env={**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"},
        check=True,
        timeout=300,
    )
    loaded = kernel.load(path)
    assert loaded.square(3.0) == 9.0  # its process for direct calls stays, too
    return loaded


@pytest.fixture
def pool() -> Iterator[Any]:
    with gomp.get_context("fork").Pool(2) as pool:
        yield pool
