"""Contexts for the tests of this folder, which leave the family's structures whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import gomp
import gomp.forkserver
from gomp import _boundary


@pytest.fixture(params=["fork", "spawn", "forkserver"])
def ctx(request: pytest.FixtureRequest) -> Iterator[Any]:
    yield gomp.get_context(request.param)
    gomp.forkserver._forkserver._stop()


@pytest.fixture(autouse=True)
def all_is_whole() -> Iterator[None]:
    yield
    broken = _boundary.check()
    assert not broken, broken
