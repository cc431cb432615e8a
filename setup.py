"""Builds the three binaries of gomp; everything that describes the package is in pyproject.toml.

``_core.so``            the Go core, one c-shared library without any Python symbol
``_boundary.abi3.so``   the C types, limited API: one build serves every CPython >= 3.11
``_ctl.abi3.so``        the control plane that gopy generated, limited API too
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import PlatformError

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1 can still build in place
    bdist_wheel = None

GO_NEEDED = (1, 26)
GCC_NEEDED = 9
LIMITED_API = "0x030B0000"

# What a process needs of the core. Everything else stays hidden, so that two Go libraries in one
# process cannot bind to each other's runtime.
EXPORTS = "{ global: GompTable; GompAwake; GompThreads; gomp_img; gomp_ctl; local: *; };\n"


# The codec without a copy of itself per format and type: control messages are rare, while each forked
# child pays for the core's size.
CODEC_TAGS = "codec.notmono,codec.notfastpath"


def sources(*patterns: str) -> list[str]:
    return sorted(path for pattern in patterns for path in glob.glob(pattern, recursive=True))


GO_SOURCES = sources(
    "go.mod", "go.sum", "gomp/**/*.go", "gomp/**/*.[ch]", "pybindings/ctl/**/*.go", "pybindings/ctl/**/*.[ch]"
)
HEADERS = sources("gomp/core/*.h", "pybindings/**/*.h")


def ask(*command: str) -> str:
    """The output of a tool's version command, or nothing when the tool is missing."""
    if shutil.which(command[0]) is None:
        return ""
    # GOTOOLCHAIN: an old Go must say its own version, not download another one.
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout


def require_go() -> None:
    needed = ".".join(map(str, GO_NEEDED))
    said = ask("go", "env", "GOVERSION")
    found = re.match(r"go(\d+)\.(\d+)", said)
    if found is None:
        raise PlatformError(f"gomp's core is written in Go: install Go {needed} or newer (no 'go' was found on PATH).")
    if (int(found[1]), int(found[2])) < GO_NEEDED:
        raise PlatformError(f"gomp's core needs Go {needed} or newer, and the 'go' on PATH is {said.strip()}.")


def require_compiler(compiler: str) -> None:
    needed = f"gcc {GCC_NEEDED} or newer (or another C compiler named in CC)"
    said = ask(compiler, "-dumpversion")
    found = re.match(r"\d+", said)
    if found is None:
        raise PlatformError(f"gomp needs a C compiler: install {needed}; {compiler!r} was not found.")
    if "gcc" in os.path.basename(compiler) and int(found[0]) < GCC_NEEDED:
        raise PlatformError(f"gomp needs {needed}, and {compiler!r} is version {said.strip()}.")


class BuildBinaries(build_ext):
    """Builds the core with Go and the rest with the C compiler, without the interpreter's own flags."""

    def get_ext_filename(self, fullname: str) -> str:
        if fullname.endswith("_core"):
            return os.path.join(*fullname.split(".")) + ".so"
        return super().get_ext_filename(fullname)

    def build_extensions(self) -> None:
        self.cc = os.environ.get("CC", "gcc").split()
        require_go()
        require_compiler(self.cc[0])
        # An interpreter's flags name the machine that it was built on, in an RPATH for instance.
        compile_c = [*self.cc, "-O2", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror"]
        link = [*self.cc, "-shared", "-s", "-Wl,-z,now", "-pthread"]
        self.compiler.set_executables(compiler_so=compile_c, linker_so=link)
        self.compiler.library_dirs = []
        super().build_extensions()

    def build_extension(self, ext: Extension) -> None:
        ext.library_dirs = []
        ext.runtime_library_dirs = []
        if ext.name.endswith("_core"):
            self.build_core(ext)
        else:
            self.library_dirs = []
            super().build_extension(ext)

    def build_core(self, ext: Extension) -> None:
        target = Path(self.get_ext_fullpath(ext.name)).absolute()
        if not self.force and target.exists() and target.stat().st_mtime > newest(ext.depends):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(self.build_temp).absolute()
        scratch.mkdir(parents=True, exist_ok=True)
        exports = scratch / "core.map"
        exports.write_text(EXPORTS)
        overlay = scratch / "overlay.json"
        overlay.write_text(json.dumps({"Replace": without_net_rpc()}))
        version = self.distribution.get_version()
        told = f"-X main.version={version} -X github.com/gomp-project/gomp/pybindings/ctl.version={version}"
        link = f"-s -w {told} '-extldflags=-Wl,--version-script={exports} -Wl,-z,nodelete'"
        command = ["go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false"]
        command += [f"-tags={CODEC_TAGS}", f"-overlay={overlay}", f"-ldflags={link}", f"-o={scratch / target.name}", "./gomp/core"]
        environment = {
            **os.environ,
            "CGO_ENABLED": "1",
            "CC": " ".join(self.cc),
            "CGO_CFLAGS": "-O2 -Wall -Wextra -Wno-unused-parameter",
            "GOTOOLCHAIN": "local",
        }
        self.announce(" ".join(command), level=2)
        if subprocess.run(command, env=environment, check=False).returncode:
            raise PlatformError("the Go core did not build; the messages above are the Go compiler's.")
        os.replace(scratch / target.name, target)  # never written in place: a live process may have it mapped


def without_net_rpc() -> dict[str, str]:
    """net/rpc's files, replaced by the stand-in that tells why."""
    package = Path(ask("go", "env", "GOROOT").strip(), "src", "net", "rpc")
    files = {str(package / name): "" for name in ("client.go", "debug.go")}
    return {**files, str(package / "server.go"): str(Path("pybindings/ctl/overlay/rpc.go").absolute())}


def newest(paths: list[str]) -> float:
    return max(os.stat(path).st_mtime for path in paths)


def platform_tag(default: str, binaries: list[str]) -> str:
    """The manylinux tag that the binaries' own glibc symbols call for."""
    needs = [match for path in binaries for match in re.findall(rb"GLIBC_(\d+)\.(\d+)", Path(path).read_bytes())]
    if not needs or not default.startswith("linux_"):
        return default
    major, minor = max((int(major), int(minor)) for major, minor in needs)
    return f"manylinux_{major}_{minor}_{default.removeprefix('linux_')}"


if bdist_wheel is not None:

    class TaggedWheel(bdist_wheel):
        """One wheel for every CPython >= 3.11, honest about the glibc that it needs."""

        def get_tag(self) -> tuple[str, str, str]:
            binaries = self.get_finalized_command("build_ext").get_outputs()
            _, _, default = super().get_tag()
            return "cp311", "abi3", platform_tag(default, binaries)


def limited(name: str, files: list[str], include: list[str], *flags: str) -> Extension:
    extension = Extension(
        name,
        files,
        include_dirs=include,
        depends=[*HEADERS, "setup.py", "pyproject.toml"],
        define_macros=[("Py_LIMITED_API", LIMITED_API)],
        extra_compile_args=list(flags),
        py_limited_api=True,
    )
    return extension


def version() -> str:
    """The one version number, for the C macro that lets library and package check each other."""
    match = re.search(r'^version = "(.+)"$', Path("pyproject.toml").read_text(), re.MULTILINE)
    assert match is not None
    return match[1]


setup(
    ext_modules=[
        Extension("gomp._core", [], depends=[*GO_SOURCES, "setup.py", "pyproject.toml"]),
        limited(
            "gomp._boundary",
            sources("pybindings/boundary/*.c"),
            ["gomp/core"],
            f'-DGOMP_VERSION="{version()}"',
        ),
        limited(
            "gomp._ctl",
            sources("pybindings/ctl/extension/*.c"),
            ["pybindings/boundary", "gomp/core"],
            # Generated code: gopy's parameters are not all used, and a slot type is not in the limited API.
            "-DPyAsyncMethods=void",
            "-Wno-unused-parameter",
            "-Wno-missing-field-initializers",
            "-Wno-cast-function-type",
        ),
    ],
    cmdclass={"build_ext": BuildBinaries, **({"bdist_wheel": TaggedWheel} if bdist_wheel else {})},
)
