"""Builds what is not Python in gomp; everything that describes the package is in pyproject.toml.

``_core.so``            the Go core, one c-shared library without any Python symbol
``_boundary.abi3.so``   the C types, limited API: one build serves every CPython >= 3.11
``_ctl.abi3.so``        the control plane that gopy generated, limited API too
``_kernels.pack``       the shipped pack of kernels, a program of its own; ``_kernels.json`` is its manifest
``_sdk``                what packs of users are built from: Go sources, and the modules that those need
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import PlatformError

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # pip brings its own setuptools; this is for `python setup.py`
    sys.exit("gomp is built with setuptools 77 or newer: run `make build`, or upgrade setuptools.")

GO_NEEDED = (1, 26)
GCC_NEEDED = 11
LIMITED_API = "0x030B0000"

VERSION_VARIABLES = ("main.version", "github.com/gomp-project/gomp/pybindings/ctl.version")
PACK_VERSION = "github.com/gomp-project/gomp/gomp/kernel.version"

# The packages that a pack's program, and the program that writes it, are made of.
SDK = ("./gomp/kernel", "./gomp/kernel/packgen")

# What a process needs of the core. Everything else stays hidden, so that two Go libraries in one
# process cannot bind to each other's runtime.
EXPORTS = "{ global: GompTable; GompAwake; gomp_img; gomp_ctl; local: *; };\n"


# The codec without a copy of itself per format and type: control messages are rare, while each forked
# child pays for the core's size.
CODEC_TAGS = "codec.notmono,codec.notfastpath"


def sources(*patterns: str) -> list[str]:
    """Return the files that match, in a fixed order."""
    return sorted(path for pattern in patterns for path in glob.glob(pattern, recursive=True))


GO_PARTS = sources("go.*", "gomp/**/*.go", "gomp/**/*.[ch]", "pybindings/ctl/**/*.go", "pybindings/ctl/**/*.[ch]")
HEADERS = sources("gomp/core/*.h", "pybindings/**/*.h")
SETTINGS = ["setup.py", "pyproject.toml"]


def ask(*command: str) -> str:
    """Return what a tool says of itself, or nothing when it is missing."""
    if shutil.which(command[0]) is None:
        return ""
    # An old Go must say its own version, not download another one.
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout.strip()


def require_go() -> None:
    """Stop with one sentence unless there is a Go that can build the core."""
    needed = ".".join(map(str, GO_NEEDED))
    said = ask("go", "env", "GOVERSION")
    found = re.match(r"go(\d+)\.(\d+)", said)
    if found is None:
        raise PlatformError(f"gomp's core is written in Go: install Go {needed} or newer (no 'go' was found on PATH).")
    if (int(found[1]), int(found[2])) < GO_NEEDED:
        raise PlatformError(f"gomp's core needs Go {needed} or newer, and the 'go' on PATH is {said}.")


def require_compiler(compiler: str) -> None:
    """Stop with one sentence unless there is a C compiler that can build the extensions."""
    needed = f"gcc {GCC_NEEDED} or newer (or another C compiler, named in CC)"
    said = ask(compiler, "-dumpversion")
    found = re.match(r"\d+", said)
    if found is None:
        raise PlatformError(f"gomp needs a C compiler: install {needed}; {compiler!r} was not found on PATH.")
    if "gcc" in os.path.basename(compiler) and int(found[0]) < GCC_NEEDED:
        raise PlatformError(f"gomp needs {needed}, and {compiler!r} on PATH is version {said}.")


def version() -> str:
    """Return the one version number; the binaries and the package check theirs against each other."""
    return tomllib.loads(Path("pyproject.toml").read_text())["project"]["version"]


def go(*arguments: str) -> str:
    """Return what a Go command prints."""
    settings = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    done = subprocess.run(["go", *arguments], env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise PlatformError(f"'go {arguments[0]}' failed; the messages above are its own.")
    return done.stdout


def write_sdk(folder: Path) -> None:
    """Write a module of the SDK's packages, and a proxy of the modules that it needs, for builds without a network."""
    of_module = "{{with .Module}}{{if .Main}}{{$.Dir}}{{else}}{{.Path}}{{end}}{{end}}"
    listed = set(go("list", "-deps", f"-tags={CODEC_TAGS}", f"-f={of_module}", *SDK).split("\n")) - {""}
    root = Path.cwd()
    packages = {Path(place) for place in listed if Path(place).is_absolute()}
    for package in packages:
        target = folder / package.relative_to(root)
        target.mkdir(parents=True, exist_ok=True)
        for path in [*package.glob("*.go"), *package.glob("*.s"), *package.glob("*.h")]:
            if not path.name.endswith("_test.go"):
                shutil.copy(path, target)
    cache = Path(go("env", "GOMODCACHE").strip(), "cache", "download")
    requires, sums = [], []
    for name in sorted(listed - set(map(str, packages))):
        module = json.loads(go("mod", "download", "-json", name))
        proxy = folder / "proxy" / Path(module["Zip"]).parent.relative_to(cache)
        proxy.mkdir(parents=True)
        (proxy / "list").write_text(f"{module['Version']}\n")
        for kind in ("Info", "GoMod", "Zip"):
            shutil.copy(module[kind], proxy)
        requires.append(f"\t{name} {module['Version']}\n")
        sums += [f"{name} {module['Version']} {module['Sum']}\n"]
        sums += [f"{name} {module['Version']}/go.mod {module['GoModSum']}\n"]
    head = "".join(re.findall(r"(?m)^(?:module|go) .*\n", Path("go.mod").read_text()))
    (folder / "go.mod").write_text(f"{head}\nrequire (\n{''.join(requires)})\n")
    (folder / "go.sum").write_text("".join(sums))
    # What was compiled with other sources is compiled again, also while the version stays.
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.go")):
        digest.update(path.read_bytes())
    (folder / "digest").write_text(digest.hexdigest())


def without_net_rpc() -> dict[str, str]:
    """Return what replaces net/rpc's files in the build: the stand-in, which tells why."""
    package = Path(ask("go", "env", "GOROOT"), "src", "net", "rpc")
    stand_in = Path("pybindings/ctl/overlay/rpc.go").absolute()
    return {str(package / "server.go"): str(stand_in), str(package / "client.go"): "", str(package / "debug.go"): ""}


class BuildBinaries(build_ext):
    """Builds the core with Go and the rest with the C compiler, without the interpreter's own flags."""

    def get_ext_filename(self, fullname: str) -> str:
        """Name the core and the pack for what they are: a library that no Python imports, and a program."""
        for name, ending in ((".*_core", ".so"), (".*_kernels", ".pack")):
            if re.fullmatch(name, fullname):
                return os.path.join(*fullname.split(".")) + ending
        return super().get_ext_filename(fullname)

    def build_extensions(self) -> None:
        """Look for the tools first: what is missing is told before anything is built."""
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
        """Build one of the binaries, if what it is made of has changed."""
        build = {"gomp._core": self.build_core, "gomp._kernels": self.build_pack}.get(ext.name)
        if build is None:
            super().build_extension(ext)
            return
        target = Path(self.get_ext_fullpath(ext.name)).absolute()
        built = target.stat().st_mtime if target.exists() and not self.force else 0
        if built < max(os.stat(path).st_mtime for path in ext.depends):
            build(target)

    def build_pack(self, target: Path) -> None:
        """Run Go for the shipped pack, which has no C in it; write its manifest, and the SDK, beside it."""
        command = [
            *("go", "build", "-trimpath", "-buildvcs=false", f"-tags={CODEC_TAGS}"),
            f"-ldflags=-s -w -X {PACK_VERSION}={version()}",
        ]
        self.run_go(command, "./gomp/kernels/pack", {"CGO_ENABLED": "0"}, target)
        manifest = subprocess.run([target, "manifest"], capture_output=True, check=True).stdout
        target.with_suffix(".json").write_bytes(manifest)
        shutil.rmtree(target.with_name("_sdk"), ignore_errors=True)
        write_sdk(target.with_name("_sdk"))

    def copy_extensions_to_source(self) -> None:
        """For a build in place: what lies beside the pack goes with it."""
        super().copy_extensions_to_source()
        built, place = Path(self.build_lib, "gomp"), Path("python", "gomp")
        shutil.copy(built / "_kernels.json", place)
        shutil.rmtree(place / "_sdk", ignore_errors=True)
        shutil.copytree(built / "_sdk", place / "_sdk")

    def build_core(self, target: Path) -> None:
        """Run Go. Its own cache keeps this to the time of a link when little has changed."""
        scratch = Path(self.build_temp).absolute()
        scratch.mkdir(parents=True, exist_ok=True)
        exports = scratch / "core.map"
        exports.write_text(EXPORTS)
        overlay = scratch / "overlay.json"
        overlay.write_text(json.dumps({"Replace": without_net_rpc()}))
        told = " ".join(f"-X {variable}={version()}" for variable in VERSION_VARIABLES)
        command = [
            *("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false"),
            f"-tags={CODEC_TAGS}",
            f"-overlay={overlay}",
            f"-ldflags=-s -w {told} '-extldflags=-Wl,--version-script={exports}'",
        ]
        settings = {
            "CGO_ENABLED": "1",
            "CC": " ".join(self.cc),
            "CGO_CFLAGS": "-O2 -Wall -Wextra -Wno-unused-parameter",
        }
        self.run_go(command, "./gomp/core", settings, target)

    def run_go(self, command: list[str], package: str, settings: dict[str, str], target: Path) -> None:
        """Have Go build a package."""
        scratch = Path(self.build_temp).absolute()
        scratch.mkdir(parents=True, exist_ok=True)
        command = [*command, f"-o={scratch / target.name}", package]
        settings = {**settings, "GOTOOLCHAIN": "local"}
        if self.verbose:
            print(*command, flush=True)
        if subprocess.run(command, env={**os.environ, **settings}, check=False).returncode:
            raise PlatformError(f"{package} did not build; the messages above are the Go compiler's.")
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(scratch / target.name, target)  # never written in place: a live process may have it mapped


def platform_tag(default: str, binaries: list[str]) -> str:
    """Return the manylinux tag that the binaries' own glibc symbols call for."""
    found = [number for path in binaries for number in re.findall(rb"GLIBC_(\d+)\.(\d+)", Path(path).read_bytes())]
    if not found or not default.startswith("linux_"):
        return default
    major, minor = max((int(major), int(minor)) for major, minor in found)
    return f"manylinux_{major}_{minor}_{default.removeprefix('linux_')}"


class TaggedWheel(bdist_wheel):
    """One wheel for every CPython >= 3.11, honest about the glibc that it needs."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return the tag of the binaries that are in the wheel; an editable one is asked before they are built."""
        binaries = self.get_finalized_command("build_ext").get_outputs()
        return "cp311", "abi3", platform_tag(super().get_tag()[2], [path for path in binaries if Path(path).exists()])


def extension(name: str, pattern: str, include: list[str], *flags: str) -> Extension:
    """Describe a C extension that one build of serves every supported CPython."""
    return Extension(
        name,
        sources(pattern),
        include_dirs=include,
        depends=[*HEADERS, *SETTINGS],
        define_macros=[("Py_LIMITED_API", LIMITED_API)],
        extra_compile_args=list(flags),
        py_limited_api=True,
    )


setup(
    ext_modules=[
        Extension("gomp._core", [], depends=[*GO_PARTS, *SETTINGS]),
        Extension("gomp._kernels", [], depends=[*GO_PARTS, *SETTINGS]),
        extension(
            "gomp._boundary",
            "pybindings/boundary/*.c",
            ["gomp/core"],
            f'-DGOMP_VERSION="{version()}"',
        ),
        extension(
            "gomp._ctl",
            "pybindings/ctl/extension/*.c",
            ["pybindings/boundary", "gomp/core"],
            # Generated code: it has parameters that it does not use, and a type that the limited API hides.
            "-DPyAsyncMethods=void",
            "-Wno-unused-parameter",
            "-Wno-missing-field-initializers",
            "-Wno-cast-function-type",
        ),
    ],
    cmdclass={"build_ext": BuildBinaries, "bdist_wheel": TaggedWheel},
)
