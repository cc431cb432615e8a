"""Fixtures that several folders share: contexts, and what keeps their tests apart from each other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

import gomp
import gomp.forkserver
from gomp import _boundary


@pytest.fixture(params=["fork", "spawn", "forkserver"])
def ctx(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return a context of gomp's; the server that it may have started goes with the test."""
    yield gomp.get_context(request.param)
    gomp.forkserver._forkserver._stop()


@pytest.fixture(autouse=True)
def all_is_whole() -> Iterator[None]:
    """Fail a test that leaves the family's structures broken."""
    yield
    broken = _boundary.check()
    assert not broken, broken


@pytest.fixture(autouse=True)
def children_without_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide pytest, which every spawned child would import again as its main module, for longer than the rest takes."""
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__spec__", None)
    monkeypatch.delattr(main, "__file__", raising=False)
