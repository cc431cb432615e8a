"""An executor of each start method."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import gomp
import gomp.forkserver


@pytest.fixture(params=["fork", "spawn", "forkserver"])
def method(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return a start method; the server that it may have started goes with the test."""
    yield request.param
    gomp.forkserver._forkserver._stop()


@pytest.fixture
def make(method: str) -> Callable[..., gomp.ProcessPoolExecutor]:
    """Make an executor, with what else it is to be given."""
    return lambda size=2, **options: gomp.ProcessPoolExecutor(size, gomp.get_context(method), **options)


@pytest.fixture
def executor(make: Callable[..., Any]) -> Iterator[gomp.ProcessPoolExecutor]:
    """Return an executor of two workers."""
    with make() as executor:
        yield executor
