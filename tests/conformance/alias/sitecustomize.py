"""Make `import multiprocessing` mean the package named by GOMP_CONFORMANCE, in this process and its children.

The folder of this file is put on PYTHONPATH by the runner. Python imports it before any program's own code,
so the suite, which knows nothing of gomp, finds the package under test wherever it says `multiprocessing`.
"""

import importlib
import os
import pkgutil
import sys

PACKAGE = os.environ.get("GOMP_CONFORMANCE", "multiprocessing")


def rebind(package: str) -> None:
    """Rebind `multiprocessing` and its submodules to the package's.

    The standard submodules are all imported first: the package may build on them, and it must have got
    the real ones when the names change hands.
    """
    import multiprocessing

    names = [
        m.name for m in pkgutil.walk_packages(multiprocessing.__path__, "multiprocessing.") if "win32" not in m.name
    ]
    for name in names:
        importlib.import_module(name)
    replaced = {"multiprocessing": importlib.import_module(package)}
    for name in names:
        ours = package + name.removeprefix("multiprocessing")
        try:
            replaced[name] = importlib.import_module(ours)
        except ModuleNotFoundError as error:
            if not ours.startswith(str(error.name)):  # the package has the module; what it imports is missing
                raise
    sys.modules.update(replaced)


if PACKAGE != "multiprocessing":
    try:
        rebind(PACKAGE)
    except Exception as error:  # of which Python would make a warning, and go on with the standard library
        raise SystemExit(f"{PACKAGE} cannot stand in for multiprocessing: {error!r}") from error
