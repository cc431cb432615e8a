"""Compiling packs: those of source text, which the user's cache directory keeps, and those of folders.

Go is shown the pack's program, and a go.mod of ours, as if they lay in the folder that is compiled (`-overlay` and
`-modfile`, see `go help build`): nothing is written there. The SDK, and the modules that it needs, come from the folder
_sdk beside this file, so that the network is used for nothing but what the user's own imports need.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from multiprocessing import util
from pathlib import Path

from ._boundary import VERSION
from ._errors import CompileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["SDK", "build", "compiled"]

SDK = Path(__file__).resolve().parent / "_sdk"
MODULE = "github.com/gomp-project/gomp"
# Where Go sees the program: no pattern of Go's matches a folder of such a name.
PROGRAM = "_gomp_pack"
# The codec without a copy of itself per format and type, as in the shipped pack.
TAGS = "codec.notmono,codec.notfastpath"
# For how many seconds the cache keeps a pack that no process has.
UNUSED = 30 * 86400


# ---- packs of source text


def compiled(source: str, name: str | None) -> Path:
    """The pack of a source text, compiled if it has not been; its manifest is manifest.json beside it."""
    if name is None:
        found = re.search(r"^\s*package\s+(\w+)", source, re.MULTILINE)
        name = found[1] if found else "kernels"
    elif not re.fullmatch(r"\w+", name):
        raise ValueError(f"a pack's name is of letters, digits and underscores, unlike {name!r}")
    parts = (source, name, identity(find_go()), VERSION, (Path(SDK) / "digest").read_text(), platform.machine())
    entry = kept() / hashlib.sha256("\0".join(parts).encode()).hexdigest()
    hold(entry)
    if not entry.exists():
        try:
            fill(entry, name, source)
            hold(entry)
            trim(entry.parent)
        except OSError:  # nothing can be written there: it is made for this process alone
            entry = private() / entry.name
            if not entry.exists():
                fill(entry, name, source)
    return entry / f"{name}.pack"


def kept() -> Path:
    """The folder of compiled packs."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(os.environ.get("GOMP_CACHE") or os.path.join(cache, "gomp")).absolute()


_private: dict[int, Path] = {}


def private() -> Path:
    """A folder of this process, which goes with it."""
    pid = os.getpid()
    if pid not in _private:
        _private[pid] = Path(tempfile.mkdtemp(prefix="gomp-"))
        util.Finalize(None, shutil.rmtree, (_private[pid], True), exitpriority=0)
    return _private[pid]


def fill(entry: Path, name: str, source: str) -> None:
    """Make an entry of the cache, unless another process is doing it: then wait for that."""
    entry.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(lock_of(entry)):
        if entry.exists():
            return
        # What is left of builders that were killed: the lock went with them.
        for left in entry.parent.glob(f"{entry.name}.*/"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f"{entry.name}.", dir=entry.parent) as scratch:
            folder, made = Path(scratch, "source"), Path(scratch, "made")
            folder.mkdir()
            made.mkdir()
            (folder / f"{name}.go").write_text(source, encoding="utf-8")
            manifest = build(folder, made / f"{name}.pack", name)
            (made / "manifest.json").write_text(json.dumps(manifest))
            # A power failure must not leave an entry whose files are empty.
            for path in made.iterdir():
                with open(path, "rb") as f:
                    os.fsync(f.fileno())
            made.rename(entry)


_held: dict[Path, tuple[int, int]] = {}


def hold(entry: Path) -> None:
    """Have `trim` leave the entry for as long as this process lives, which keeps a lock of the folder for that."""
    with contextlib.suppress(OSError):  # it is not there, or another user's
        found = entry.stat()
        if _held.get(entry) == (found.st_dev, found.st_ino):
            return
        with locked(lock_of(entry)):
            folder = os.open(entry, os.O_RDONLY | os.O_DIRECTORY)
            found = os.fstat(folder)
            _held[entry] = found.st_dev, found.st_ino  # first, or what fails below would leave a descriptor each time
            fcntl.flock(folder, fcntl.LOCK_SH)
            os.utime(entry)


def trim(cache: Path) -> None:
    """Remove what nobody has used for long, and what builders left that were killed."""
    for entry in cache.iterdir():
        if re.match(r"[0-9a-f]{64}(\.|$)", entry.name) and entry.is_dir():
            with contextlib.suppress(OSError):  # another user's, or in use: the lock is somebody's
                if unused(entry) > UNUSED:
                    with locked(lock_of(entry), fcntl.LOCK_NB):
                        remove(entry)


def remove(entry: Path) -> None:
    """Remove an entry if it is still unused. The caller has its lock, whose file stays: others may wait for it.

    BlockingIOError: a process has it."""
    folder = os.open(entry, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if unused(entry) > UNUSED:
            # Under another name first, for what is there is whole; if we are killed the rest goes another time.
            shutil.rmtree(entry.rename(entry.with_name(f"{entry.name}.old")), ignore_errors=True)
    finally:
        os.close(folder)


def unused(entry: Path) -> float:
    """For how many seconds nobody has noted a use."""
    return time.time() - entry.stat().st_mtime


def lock_of(entry: Path) -> Path:
    return entry.with_name(f"{entry.name.partition('.')[0]}.lock")


_locks: set[int] = set()


def _forget_locks() -> None:
    # A child's copy would keep the lock of a parent that is killed.
    while _locks:
        os.close(_locks.pop())


os.register_at_fork(after_in_child=_forget_locks)


@contextlib.contextmanager
def locked(path: Path, how: int = 0) -> Iterator[None]:
    """Hold the lock of a file, which goes with the process that holds it.

    BlockingIOError: it is another's, and `how` is LOCK_NB."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    _locks.add(lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | how)
        yield
    finally:
        if lock in _locks:  # else this is a child
            _locks.discard(lock)
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)


# ---- Go


def find_go() -> str:
    """The go command."""
    found = shutil.which("go")
    if found is None:
        raise CompileError(f"kernels are compiled with Go: install Go {needed()} or newer (no 'go' was found on PATH).")
    return found


def needed() -> str:
    """The oldest Go that compiles the SDK, as in "1.26"."""
    found = re.search(r"(?m)^go (\d+\.\d+)", (SDK / "go.mod").read_text())
    assert found is not None
    return found[1]


def needs() -> str:
    """What a go.mod says of gomp, for those who build and test without us."""
    mine = (SDK / "go.mod").read_text()
    others = "".join(f"\t{path} {version} // indirect\n" for path, version in modules().items())
    head = re.search(r"(?m)^go .*\n", mine)
    assert head is not None
    return f"{head[0]}\nrequire {MODULE} v{VERSION}\n\nrequire (\n{others})\n\nreplace {MODULE} => {SDK}\n"


def modules() -> dict[str, str]:
    """The modules that the SDK needs, with their versions."""
    return dict(re.findall(r"(?m)^\t(\S+) (v\S+)", (SDK / "go.mod").read_text()))


def identity(go: str) -> str:
    """What tells one Go from another, without starting it: its version, or the file if it does not come with that."""
    path = os.path.realpath(go)
    try:
        return Path(path).parent.with_name("VERSION").read_text()
    except OSError:
        found = os.stat(path)
        return f"{path} {found.st_size} {found.st_mtime_ns}"


def environment(go: str) -> dict[str, str]:
    """What Go is told of how to build. CompileError: it is too old."""
    ours = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GO111MODULE": "on", "GOFLAGS": "-mod=mod"}
    settings = {**os.environ, **ours}
    command = [go, "env", "-json", "GOVERSION", "GOPROXY", "GOCACHE", "GOMODCACHE"]
    done = subprocess.run(command, env=settings, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise CompileError(f"{go!r} does not work: {done.stderr.strip()}")
    said = json.loads(done.stdout)
    found = re.match(r"go(\d+)\.(\d+)", said["GOVERSION"])  # of a development version nothing is known
    if found and tuple(map(int, found.groups())) < tuple(map(int, needed().split("."))):
        raise CompileError(f"kernels need Go {needed()} or newer, and the 'go' on PATH is {said['GOVERSION']}.")
    settings["GOPROXY"] = f"{(SDK / 'proxy').as_uri()},{said['GOPROXY']}"
    for variable in ("GOCACHE", "GOMODCACHE"):
        if not writable(said[variable]):
            settings[variable] = str(private() / variable)
            settings["GOFLAGS"] = "-mod=mod -modcacherw"  # so that it can be removed
    return settings


def writable(folder: str) -> bool:
    """Whether files can be made in a folder, or in what is made of it."""
    with contextlib.suppress(OSError):
        os.makedirs(folder, exist_ok=True)
        return os.access(folder, os.W_OK | os.X_OK)
    return False


# ---- packs of folders


def build(folder: Path, target: Path, name: str, shown: str = "") -> dict[str, Any]:
    """Compile the package in a folder, and return what the pack says of itself.

    CompileError: its lines are the compiler's, with the files' names after `shown`.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"there is no folder {str(folder)!r}")
    go = find_go()
    settings = environment(go)
    folder = folder.resolve()
    # Beside the target, so that the pack can take its place at once: a live process may run the old one.
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as place:
        work = Path(place)

        def run(*command: str, cwd: Path = folder) -> str:
            done = subprocess.run([go, *command], cwd=cwd, env=settings, capture_output=True, text=True, check=False)
            if done.returncode:
                raise CompileError(told(done.stdout + done.stderr, folder, shown))
            return done.stdout

        overlay = write_module(folder, work, name, run)
        path = json.loads(run("mod", "edit", "-json", f"{work / 'go.mod'}"))["Module"]["Path"]
        packgen = ("run", "-mod=readonly", "./gomp/kernel/packgen", f"-tags={TAGS}", f"-o={work / 'main.go'}")
        run(*packgen, f"{path}={folder}", cwd=SDK)
        overlay[str(folder / PROGRAM / "main.go")] = str(work / "main.go")
        (work / "overlay.json").write_text(json.dumps({"Replace": overlay}))
        run(
            *("build", "-trimpath", "-buildvcs=false", f"-tags={TAGS}", f"-modfile={work / 'go.mod'}"),
            f"-overlay={work / 'overlay.json'}",
            f"-ldflags=-s -w -X {MODULE}/gomp/kernel.version={VERSION}",
            *(f"-o={work / 'pack'}", f"./{PROGRAM}"),
        )
        manifest = ask(work / "pack", folder, shown)
        (work / "pack").replace(target)
    return manifest


def write_module(folder: Path, work: Path, name: str, run: Any) -> dict[str, str]:
    """Write the go.mod and go.sum of the build. Return what Go is to see in other places, as {place: file}."""
    overlay = {}
    module = work / "go.mod"
    if (folder / "go.mod").exists():
        shutil.copy(folder / "go.mod", module)
    else:
        module.write_text(f"module gomp.pack/{name}\n\ngo {needed()}.0\n")
        overlay[str(folder / "go.mod")] = str(module)
    known = (folder / "go.sum").read_text() if (folder / "go.sum").exists() else ""
    (work / "go.sum").write_text(f"{known}\n{(SDK / 'go.sum').read_text()}")
    edits = [f"-require={MODULE}@v{VERSION}", f"-replace={MODULE}={SDK}"]
    if (folder / "vendor" / "modules.txt").exists():
        overlay |= vendored(folder / "vendor", work, edits)
    run("mod", "edit", *edits, str(module))
    return overlay


def vendored(vendor: Path, work: Path, edits: list[str]) -> dict[str, str]:
    """Have the modules of a vendor folder replace those that it was made of.

    Go's own -mod=vendor wants all of them there, and the SDK's are not.
    """
    ours = modules()
    edits += [f"-replace={path}={path}@{version}" for path, version in ours.items()]
    overlay = {}
    listed = re.findall(r"(?m)^# (\S+) (v\S+).*(?:\n## .*?(go \S+))?", (vendor / "modules.txt").read_text())
    for number, (path, version, language) in enumerate(listed):
        if path not in ours and path != MODULE:
            own = work / f"{number}.mod"
            own.write_text(f"module {path}\n\n{language}\n")
            overlay[str(vendor / path / "go.mod")] = str(own)
            edits += [f"-require={path}@{version}", f"-replace={path}={vendor / path}"]
    return overlay


def told(said: str, folder: Path, shown: str) -> str:
    """The messages of a Go command, with the names of files as the user knows them."""
    lines = [
        line for line in said.splitlines() if not re.match("# |exit status |go: (finding|found|downloading) ", line)
    ]
    text = "\n".join(lines).replace(f"{folder}/", "").replace(str(folder), os.path.dirname(shown) or ".")
    return re.sub(r"(?m)^(?:\./)?((?:[\w.-]+/)*[\w.-]+\.go:\d+)", lambda found: shown + found[1], text)


def ask(pack: Path, folder: Path, shown: str) -> dict[str, Any]:
    """What a pack that was just compiled says of itself. CompileError: one of its functions can be no kernel."""
    done = subprocess.run([pack, "manifest"], capture_output=True, text=True, check=False)
    if done.returncode:
        found = re.search(r"panic: (?:kernel\.Register: )?(.*)", done.stderr)
        why = found[1] if found else done.stderr.strip() or f"the pack ended with {done.returncode}"
        raise CompileError(told(why, folder, shown))
    manifest: dict[str, Any] = json.loads(done.stdout)
    return manifest
