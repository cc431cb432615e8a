"""Every public name of the standard library's multiprocessing is gomp's too, and is called the same way."""

from __future__ import annotations

import importlib
import inspect
import multiprocessing
from types import ModuleType
from typing import Any

import pytest

import gomp
from gomp import _alias

MODULES = ["", *_alias.SUBMODULES]


def pair(name: str) -> tuple[ModuleType, ModuleType]:
    """Return the standard module of that name and gomp's."""
    dot = f".{name}" if name else ""
    return importlib.import_module(f"multiprocessing{dot}"), importlib.import_module(f"gomp{dot}")


def public(thing: Any) -> list[str]:
    """Return the names of a module or a class that are for its users."""
    return [name for name in dir(thing) if not name.startswith("_") and not inspect.ismodule(getattr(thing, name))]


def accepts(ours: inspect.Signature, standard: inspect.Signature) -> bool:
    """Tell whether what can be called as the one can be called as the other.

    What is gomp's own must be keyword-only and optional.
    """
    mine, theirs = list(ours.parameters.values()), list(standard.parameters.values())
    extra = [p for p in mine if p.name not in standard.parameters]
    if any(p.kind is not p.KEYWORD_ONLY or p.default is p.empty for p in extra):
        return False
    shared = [p for p in mine if p.name in standard.parameters]
    return [(p.name, p.kind, p.default) for p in shared] == [(p.name, p.kind, p.default) for p in theirs]


def signature(thing: Any) -> inspect.Signature | None:
    """Return the signature, without annotations, of what has one."""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return None
    return inspect.Signature([p.replace(annotation=p.empty) for p in found.parameters.values() if p.name != "self"])


def differences(ours: Any, standard: Any, path: str) -> list[str]:
    """Return what of the standard function or class is missing or different in gomp's."""
    if ours is standard or not callable(standard):
        return []
    found = []
    theirs = signature(standard)
    if theirs is not None:
        mine = signature(ours)
        if mine is None or not accepts(mine, theirs):
            found.append(f"{path}{mine} is not called as {theirs}")
    if isinstance(standard, type):
        for name in public(standard):
            if not hasattr(ours, name):
                found.append(f"{path}.{name} is missing")
            elif callable(getattr(standard, name)):
                found += differences(getattr(ours, name), getattr(standard, name), f"{path}.{name}")
    return found


@pytest.mark.parametrize("name", MODULES)
def test_every_name_is_there(name: str) -> None:
    standard, ours = pair(name)
    wanted = {*public(standard), *getattr(standard, "__all__", ())}
    assert [n for n in sorted(wanted) if not hasattr(ours, n)] == []


@pytest.mark.parametrize("name", MODULES)
def test_every_export_is_exported(name: str) -> None:
    standard, ours = pair(name)
    assert set(getattr(standard, "__all__", ())) <= set(getattr(ours, "__all__", ()))
    assert [n for n in ours.__all__ if not hasattr(ours, n)] == []


@pytest.mark.parametrize("name", MODULES)
def test_every_signature_is_the_same(name: str) -> None:
    standard, ours = pair(name)
    found = []
    for n in public(standard):
        found += differences(getattr(ours, n), getattr(standard, n), f"{name}.{n}")
    assert found == []


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_made_objects_have_the_standard_methods(method: str) -> None:
    standard, ours = multiprocessing.get_context(method), gomp.get_context(method)
    made = {
        "Lock": (),
        "RLock": (),
        "Semaphore": (2,),
        "BoundedSemaphore": (2,),
        "Condition": (),
        "Event": (),
        "Barrier": (2,),
        "Queue": (),
        "JoinableQueue": (),
        "SimpleQueue": (),
        "Value": ("i", 1),
        "Array": ("d", 3),
    }
    found = []
    for name, args in made.items():
        theirs, mine = getattr(standard, name)(*args), getattr(ours, name)(*args)
        for attribute in public(theirs):
            if not hasattr(mine, attribute):
                found.append(f"{name}.{attribute} is missing")
            elif callable(getattr(theirs, attribute)):
                found += differences(getattr(mine, attribute), getattr(theirs, attribute), f"{name}.{attribute}")
    assert found == []


def test_contexts_are_the_standard_kind() -> None:
    for method in gomp.get_all_start_methods():
        ctx = gomp.get_context(method)
        assert isinstance(ctx, multiprocessing.context.BaseContext)
        assert type(ctx.Process()).__mro__[-2] is multiprocessing.process.BaseProcess
        assert ctx.get_start_method() == method


def test_exceptions_are_the_standard_ones() -> None:
    for name in ("ProcessError", "BufferTooShort", "TimeoutError", "AuthenticationError"):
        assert getattr(gomp, name) is getattr(multiprocessing, name)
