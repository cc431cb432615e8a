"""Each test of this folder that asks for `ctx` runs under every start method."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import gomp
import gomp.forkserver


@pytest.fixture(params=["fork", "spawn", "forkserver"])
def ctx(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return a context of gomp's; the server that it may have started goes with the test."""
    yield gomp.get_context(request.param)
    gomp.forkserver._forkserver._stop()
