"""What is in the three binaries, and what is not."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest
from abi3info import DATAS, FUNCTIONS
from building import BUILD, ROOT

pytestmark = pytest.mark.timeout(BUILD)

EXPORTS = {
    "_core.so": {"GompTable", "GompAwake", "gomp_img", "gomp_ctl"},
    "_boundary.abi3.so": {"PyInit__boundary"},
    "_ctl.abi3.so": {"PyInit__ctl"},
}
LIBC = {"libc.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
LIMITED_API = {symbol.name: entry.added.minor for kind in (FUNCTIONS, DATAS) for symbol, entry in kind.items()}


def tool(*command: object) -> str:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture(params=EXPORTS)
def binary(request: pytest.FixtureRequest, package: pathlib.Path) -> pathlib.Path:
    return package / str(request.param)


def symbols(binary: pathlib.Path, which: str) -> set[str]:
    """The dynamic symbols of a binary, without their versions."""
    lines = tool("nm", "-D", which, binary).splitlines()
    return {line.split()[-1].partition("@")[0] for line in lines}


def test_exports(binary: pathlib.Path) -> None:
    assert symbols(binary, "--defined-only") == EXPORTS[binary.name]


def test_needs_only_the_c_library(binary: pathlib.Path) -> None:
    assert set(re.findall(r"\(NEEDED\).*\[(.*)\]", tool("readelf", "-dW", binary))) <= LIBC


def test_nothing_of_the_build_machine(binary: pathlib.Path, source: pathlib.Path) -> None:
    assert not re.search(r"\((RPATH|RUNPATH)\)", tool("readelf", "-dW", binary))
    content = binary.read_bytes()
    goroot = tool("go", "env", "GOROOT").strip()
    for place in (ROOT, source, pathlib.Path.home(), goroot):
        assert str(place).encode() + b"/" not in content, place


def test_stripped(binary: pathlib.Path) -> None:
    sections = tool("readelf", "-SW", binary)
    assert ".symtab" not in sections and ".debug_" not in sections


def test_stack_is_not_executable(binary: pathlib.Path) -> None:
    (stack,) = re.findall(r"GNU_STACK.*", tool("readelf", "-lW", binary))
    assert " RW " in stack


def test_python_symbols_are_in_the_limited_api(binary: pathlib.Path) -> None:
    used = {name for name in symbols(binary, "--undefined-only") if name.startswith(("Py", "_Py"))}
    assert bool(used) == (binary.name != "_core.so")
    late = {name for name in used if name not in LIMITED_API or LIMITED_API[name] > 11}
    assert not late
