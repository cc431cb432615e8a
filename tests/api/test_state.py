"""One state for both libraries: start method, current process, children, logger."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator

import pytest

import gomp


@pytest.fixture(autouse=True)
def start_method() -> Iterator[None]:
    """Leave the start method as it was."""
    before = multiprocessing.get_start_method(allow_none=True)
    yield
    multiprocessing.set_start_method(before, force=True)


def test_setting_the_start_method_here_sets_it_there() -> None:
    gomp.set_start_method("spawn", force=True)
    assert multiprocessing.get_start_method() == "spawn"
    multiprocessing.set_start_method("forkserver", force=True)
    assert gomp.get_start_method() == "forkserver"
    assert gomp.get_context() is gomp.get_context("forkserver")


def test_the_start_method_is_set_once() -> None:
    multiprocessing.set_start_method("spawn", force=True)
    with pytest.raises(RuntimeError, match="context has already been set"):
        gomp.set_start_method("fork")


def test_no_start_method_yet() -> None:
    gomp.set_start_method(None, force=True)
    assert gomp.get_start_method(allow_none=True) is None
    assert multiprocessing.get_start_method(allow_none=True) is None
    assert gomp.get_start_method() == "fork"


def test_unknown_start_method() -> None:
    with pytest.raises(ValueError, match="cannot find context for 'teleport'"):
        gomp.get_context("teleport")


def test_processes_are_known_to_both() -> None:
    assert gomp.current_process() is multiprocessing.current_process()
    assert gomp.parent_process() is multiprocessing.parent_process()
    p = gomp.get_context("fork").Process(target=time.sleep, args=(30,))
    p.start()
    try:
        assert p in multiprocessing.active_children()
    finally:
        p.kill()
        p.join(20)


def test_one_logger() -> None:
    assert gomp.get_logger() is multiprocessing.get_logger()
