"""Run every program of the tour with gomp and with the standard library, and compare.

The standard library's run is of the same program with `gomp` replaced in its import lines. The two take turns,
so that a busy moment of the machine does not fall on one of them alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
IMPORT = re.compile(r"^import gomp as multiprocessing$|^from gomp\b", re.MULTILINE)


@dataclasses.dataclass
class Run:
    """What a program printed and how long it took."""

    output: str
    seconds: float


def programs() -> list[pathlib.Path]:
    """Return the programs of the tour, in order."""
    return sorted(HERE.glob("[0-9][0-9]_*.py"))


def for_standard_library(program: pathlib.Path, directory: pathlib.Path) -> pathlib.Path:
    """Write the program with the standard library in its import lines and return where."""
    copy = directory / program.name
    copy.write_text(
        IMPORT.sub(
            lambda found: "import multiprocessing" if found[0].startswith("import") else "from multiprocessing",
            program.read_text(),
        )
    )
    return copy


def run(program: pathlib.Path, *arguments: str, python: str = sys.executable, limit: float = 300) -> Run:
    """Run a program to its end; one that fails ends the demonstration with what it said."""
    began = time.perf_counter()
    done = subprocess.run(
        [python, str(program), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=limit,
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{program} failed with exit code {done.returncode}:\n{done.stdout}")
    return Run(done.stdout, seconds)


def main() -> None:
    """Run the tour."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=("fork", "spawn", "forkserver"), help="one start method for all programs")
    parser.add_argument("--turns", type=int, default=3, help="runs of each program with each library (default: 3)")
    arguments = parser.parse_args()
    method = ["--method", arguments.method] if arguments.method else []
    table = []
    with tempfile.TemporaryDirectory(prefix="gomp-demo-") as name:
        directory = pathlib.Path(name)
        for program in programs():
            standard = for_standard_library(program, directory)
            # The texts are made once, by the first run; what is compared is the counting.
            texts = ["--texts", str(directory / "texts")] if "word_frequencies" in program.name else []
            if texts:
                print("(making 52 MB of text first)", flush=True)
                run(program, *method, *texts)
            ours, theirs = [], []
            for _ in range(arguments.turns):
                ours.append(run(program, *method, *texts))
                theirs.append(run(standard, *method, *texts))
            seconds = statistics.median(r.seconds for r in ours)
            beside = statistics.median(r.seconds for r in theirs)
            table.append((program.stem, seconds, beside))
            print(f"== {program.stem}: {seconds:.2f} s; the standard library: {beside:.2f} s")
            print("".join(f"   {line}\n" for line in ours[0].output.splitlines()), flush=True)
    print(f"{'program':24} {'gomp':>8} {'standard':>9}   median of {arguments.turns}, the interpreter's start included")
    for stem, seconds, beside in table:
        print(f"{stem:24} {seconds:7.2f}s {beside:8.2f}s")
    print("\nAll but the last are short: what is seen of them is interpreters that start, once for every process, and")
    print("waits that are meant to expire. `make bench` measures the operations themselves.")


if __name__ == "__main__":
    main()
