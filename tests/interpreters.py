"""The supported Python interpreters of this machine.

One is found per minor version: the running one for its own version, then what `PATH` offers, then what
pyenv keeps. A candidate counts only when it starts and says what it is, because `PATH` may hold launchers
(pyenv's shims, for one) of versions that are not selected.
"""

from __future__ import annotations

import functools
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator

OLDEST = (3, 11)
NEWEST_TESTED = (3, 13)
PROBE = "import sys; print('%s %d.%d' % ((sys.implementation.name,) + sys.version_info[:2]))"


def version_of(executable: str) -> str:
    """Return what the executable says of itself, such as "cpython 3.11", or "" when it does not start."""
    try:
        done = subprocess.run([executable, "-I", "-c", PROBE], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def candidates(version: str) -> Iterator[str]:
    """Yield the places where an interpreter of this version may be, best first."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        yield sys.executable
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    pyenv = pathlib.Path(os.environ.get("PYENV_ROOT") or pathlib.Path.home() / ".pyenv")
    for found in sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True):
        yield str(found)


@functools.cache
def found() -> dict[str, str]:
    """Return {version: executable} of every supported CPython here, oldest first."""
    result = {}
    for minor in range(OLDEST[1], NEWEST_TESTED[1] + 1):
        version = f"{OLDEST[0]}.{minor}"
        for executable in candidates(version):
            if version_of(executable) == f"cpython {version}":
                result[version] = executable
                break
    return result
