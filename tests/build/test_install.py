"""One wheel for every Python, installed where there is neither Go nor a compiler."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import msgpack
import pytest
from building import BUILD, setup_py

import interpreters

pytestmark = pytest.mark.timeout(BUILD)

TRY = """
import os
import gomp
from gomp import _boundary, _ctl

assert _ctl.SelfTest(60) == 1807564
pid = os.fork()
if pid == 0:
    os._exit(0 if _ctl.SelfTest(60) == 1807564 else 1)
assert os.waitpid(pid, 0)[1] == 0
print(_boundary.VERSION, _ctl.Version())
"""


TRY_KERNELS = """
import gomp
from gomp import kernels

if __name__ == "__main__":
    assert kernels.sha256(b"abc").startswith("ba7816bf")
    with gomp.Pool(2) as pool:
        assert pool.map(kernels.square, [1, 2, 3]) == [1, 4, 9]
    try:
        print(gomp.kernel.compile("package p; func Double(x int) int { return 2 * x }").Double(21))
    except gomp.CompileError as error:
        print(error)
"""


def python(
    executable: pathlib.Path | str, code: str, place: pathlib.Path | None = None, **settings: str
) -> tuple[int, str]:
    """Runs a program without anything of the developer's environment; its exit code and all that it prints."""
    environment = {"PATH": "/nonexistent", **({"PYTHONPATH": str(place)} if place else {}), **settings}
    done = subprocess.run(
        [executable, "-P", "-W", "ignore", "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def version_of(wheel: pathlib.Path) -> str:
    return wheel.name.split("-")[1]


@pytest.mark.parametrize("version", interpreters.found())
def test_the_same_wheel_serves_every_python(version: str, wheel: pathlib.Path, tmp_path: pathlib.Path) -> None:
    subprocess.run([interpreters.found()[version], "-m", "venv", tmp_path / "venv"], check=True, timeout=BUILD)
    executable = tmp_path / "venv" / "bin" / "python"
    install = [executable, "-I", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel]
    environment = {**os.environ, "PATH": "/nonexistent", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(install, env=environment, check=True, timeout=BUILD)
    assert python(executable, TRY) == (0, f"{version_of(wheel)} {version_of(wheel)}\n")

    # The package alone, without what was compiled for this Python: it has a part in Python for the others.
    beside = tmp_path / "beside"
    shutil.copytree(pathlib.Path(msgpack.__file__).parent, beside / "msgpack", ignore=shutil.ignore_patterns("*.so"))
    places = {"HOME": str(tmp_path), "GOMP_CACHE": str(tmp_path / "cache")}
    code, said = python(executable, TRY_KERNELS, beside, **places)
    assert code == 0 and "install Go 1.26 or newer" in said, said
    go = shutil.which("go")
    assert go is not None
    # Without a network, and nothing of Go's beforehand but the standard library, compiled.
    cache = subprocess.run(
        [go, "env", "GOCACHE"], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()
    places |= {"PATH": os.path.dirname(go), "GOPROXY": "off", "GOCACHE": cache, "GOFLAGS": "-modcacherw"}
    assert python(executable, TRY_KERNELS, beside, GOMODCACHE=str(tmp_path / "modules"), **places) == (0, "42\n")


def test_tag_is_what_auditwheel_finds(wheel: pathlib.Path) -> None:
    tag = wheel.name.removesuffix(".whl").split("-", 2)[2]
    assert re.fullmatch(r"cp311-abi3-manylinux_2_\d+_\w+", tag)
    command = [sys.executable, "-m", "auditwheel", "show", wheel]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    found = re.search(r'platform\s+tag:\s+"(\S+)"', said)
    assert found is not None and tag.endswith(found[1]), said


def test_wheel_holds_what_the_package_needs(wheel: pathlib.Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {"gomp/__init__.py", "gomp/py.typed", "gomp/_ctl.pyi", "gomp/_boundary.pyi", "gomp/_core.so"} <= names
    assert {"gomp/_kernels.pack", "gomp/_kernels.json", "gomp/_sdk/go.mod", "gomp/_sdk/gomp/kernel/array.go"} <= names
    template = {"README.md", "kernels.go", "kernels_test.go"}
    assert template == {pathlib.Path(name).name for name in names if name.startswith("gomp/_template/")}
    of_sdk = {name for name in names if name.startswith("gomp/_sdk/")}
    assert not any(name.endswith("_test.go") for name in of_sdk), of_sdk
    assert sum(name.endswith(".zip") for name in of_sdk) == 2, of_sdk
    rest = {name for name in names - of_sdk if not name.startswith(("gomp/_template/", "gomp/_kernels."))}
    assert all(name.endswith((".py", ".pyi", ".so", "py.typed")) for name in rest), rest


def test_source_distribution_holds_nothing_built(source: pathlib.Path) -> None:
    built = {"_core.so", "_kernels.pack", "_kernels.json", "_sdk"}
    assert not built & set(os.listdir(source / "python" / "gomp"))


def test_only_what_changed_is_built(source: pathlib.Path, wheel: pathlib.Path) -> None:
    assert wheel.exists()  # so everything is built
    assert "go build" not in setup_py(source, "build_ext")
    (source / "gomp" / "core" / "awake.go").touch()
    said = setup_py(source, "build_ext")
    assert "go build" in said and " -shared " not in said


def test_editable_installation(source: pathlib.Path, tmp_path: pathlib.Path) -> None:
    other = tmp_path / "source"
    shutil.copytree(source, other, ignore=shutil.ignore_patterns("build"))
    setup_py(other, "editable_wheel", "--dist-dir", str(tmp_path))
    assert ["-cp311-abi3-" in wheel.name for wheel in tmp_path.glob("gomp-*.whl")] == [True]
    assert (other / "python" / "gomp" / "_core.so").exists()


def test_parts_of_different_versions_are_refused(
    source: pathlib.Path, package: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    other = tmp_path / "source"
    shutil.copytree(source, other)
    project = other / "pyproject.toml"
    project.write_text(re.sub(r'(?m)^version = ".*"$', 'version = "9.8.7"', project.read_text()))
    setup_py(other, "--quiet", "build_ext", "--inplace")
    for part, expected in (
        ("_core.so", r"ImportError: gomp \S+ found a Go core of version 9\.8\.7"),
        ("_boundary.abi3.so", r"ImportError: .*9\.8\.7"),
    ):
        mixed = tmp_path / part
        shutil.copytree(package, mixed / "gomp")
        shutil.copy(other / "python" / "gomp" / part, mixed / "gomp" / part)
        code, said = python(sys.executable, TRY, mixed)
        assert code == 1 and re.search(expected, said), said


def test_missing_core_is_one_sentence(package: pathlib.Path, tmp_path: pathlib.Path) -> None:
    shutil.copytree(package, tmp_path / "gomp")
    (tmp_path / "gomp" / "_core.so").unlink()
    code, said = python(sys.executable, TRY, tmp_path)
    assert code == 1 and "ImportError: gomp cannot load its Go core: " in said, said
