"""Pools for the tests of this folder, and what they use of the shared fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import gomp
from contexts import all_is_whole, children_without_pytest, ctx

__all__ = ["all_is_whole", "children_without_pytest", "ctx", "fork", "pool"]


@pytest.fixture
def fork() -> Any:
    return gomp.get_context("fork")


@pytest.fixture
def pool(fork: Any) -> Iterator[Any]:
    with fork.Pool(2) as pool:
        yield pool
