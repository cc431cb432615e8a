"""Making one package answer to the other's name."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["SUBMODULES", "disable", "install", "installed", "submodules"]

SUBMODULES = (
    "connection",
    "context",
    "dummy",
    "dummy.connection",
    "forkserver",
    "heap",
    "managers",
    "pool",
    "popen_fork",
    "popen_forkserver",
    "popen_spawn_posix",
    "process",
    "queues",
    "reduction",
    "resource_sharer",
    "resource_tracker",
    "shared_memory",
    "sharedctypes",
    "spawn",
    "synchronize",
    "util",
)


def submodules(package: str) -> dict[str, ModuleType]:
    """Every submodule of `package` that the standard library has too, imported."""
    import importlib  # here, since importing gomp is to be cheap

    # The standard ones come first, in full: gomp's build on them, and must not find half of
    # them renamed.
    for name in SUBMODULES:
        importlib.import_module(f"multiprocessing.{name}")
    return {name: importlib.import_module(f"{package}.{name}") for name in SUBMODULES}


def install() -> None:
    """From now on `import multiprocessing`, whoever says it, means gomp."""
    replaced = {f"multiprocessing.{name}": m for name, m in submodules("gomp").items()}
    sys.modules.update(replaced, multiprocessing=sys.modules["gomp"])


def installed() -> bool:
    """Whether `import multiprocessing` means gomp in this process."""
    return sys.modules.get("multiprocessing") is sys.modules.get("gomp")


def disable(package: ModuleType) -> None:
    """Make gomp, `package`, answer with the standard library's modules and names."""
    for name, module in submodules("multiprocessing").items():
        sys.modules[f"{package.__name__}.{name}"] = module
        if "." not in name:
            setattr(package, name, module)
