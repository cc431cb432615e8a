"""What kernels' tests share."""

from __future__ import annotations

import pytest

from gomp import kernels


@pytest.fixture(autouse=True, scope="session")
def native_worker():
    """Start the process for direct calls, which stays: no test has left it behind."""
    assert kernels.square(3.0) == 9.0
