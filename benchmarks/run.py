"""Measure gomp beside the standard library.

    run.py                  every row; the result is kept in results/ and docs/benchmarks.md is written from it
    run.py --only pipe      the rows whose name contains a word; nothing is kept
    run.py --only pool --keep    the same, and their results replace or join what is kept
    run.py --quick          a twentieth of the work, once; nothing is kept

Both libraries run in one tree of processes and take turns, five times; the table has the medians. Run it on a
machine that does nothing else.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pathlib
import platform
import statistics
import sys
from typing import Any

import apart
import report
from rows import ROWS, Context, Row

LIBRARIES = ("multiprocessing", "gomp")
TURNS = 5
IDLE_SECONDS = 20.0


def contexts() -> dict[str, Context]:
    """Return the fork context of each library."""
    return {name: importlib.import_module(name).get_context("fork") for name in LIBRARIES}


def measure(row: Row, turns: int, share: float) -> dict[str, Any]:
    """Run a row in turn with both libraries; return the median seconds per operation, and all of them."""
    operations = max(20 if row.operations >= 20 else 1, int(row.operations * share))
    taken: dict[str, list[float]] = {name: [] for name in LIBRARIES}
    for _ in range(turns):
        for name, context in contexts().items():
            taken[name].append(row.workload(context, operations) / operations)
    return compared(row.name, taken)


def measure_import(turns: int) -> dict[str, Any]:
    """Measure the import in fresh interpreters, in turn."""
    taken: dict[str, list[float]] = {name: [] for name in LIBRARIES}
    for _ in range(turns + 1):
        for name in LIBRARIES:
            taken[name].append(apart.import_seconds(name))
    return compared("import", {name: seconds[1:] for name, seconds in taken.items()})  # the first one warms caches


def compared(name: str, taken: dict[str, list[float]]) -> dict[str, Any]:
    """Return the medians of both, and their ratio."""
    standard, gomp = (statistics.median(taken[library]) for library in LIBRARIES)
    return {"name": name, "standard": standard, "gomp": gomp, "ratio": standard / gomp, "all": taken}


def machine() -> dict[str, str]:
    """Return what the figures depend on."""
    models = [line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "python": platform.python_version(),
        "cpu": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cpus": str(len(os.sched_getaffinity(0))),
        "linux": platform.release().partition("-")[0],
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only rows whose name contains this")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the work, once")
    parser.add_argument("--keep", action="store_true", help="keep the results of --only beside the others")
    parser.add_argument("--check", action="store_true", help="fail when a row is below what is expected of it")
    arguments = parser.parse_args()
    turns, share = (1, 0.05) if arguments.quick else (TURNS, 1.0)

    measured_on = machine()
    results = []
    for row in ROWS:
        if arguments.only in row.name:
            results.append(measure(row, turns, share))
            print(report.line(results[-1]), flush=True)
    if arguments.only in "import":
        results.append(measure_import(turns))
        print(report.line(results[-1]), flush=True)
    idle = {}
    if arguments.only in "idle":
        idle = apart.idle_cpu(contexts()["gomp"], IDLE_SECONDS * share)
        for name, used in idle.items():
            print(f"idle in {name}: {used:.3%} of a CPU", flush=True)

    uneven = {}
    if arguments.only in "uneven":
        for name, context in contexts().items():
            measured = [apart.uneven_share(context, int(300 * share)) for _ in range(turns)]
            uneven[name] = statistics.median(measured)
            print(f"uneven tasks, {name}: {uneven[name]:.3f} of list scheduling", flush=True)

    print()
    print(report.table(results))
    if arguments.keep or (not arguments.only and not arguments.quick):
        version = ".".join(platform.python_version_tuple()[:2])
        kept = {"machine": measured_on, "rows": results, "idle": idle, "uneven": uneven}
        report.keep(version, report.joined(report.kept_results().get(version), kept) if arguments.keep else kept)
        report.write_documents()
    below = [r["name"] for r in results if r["ratio"] < report.EXPECTED[r["name"]]]
    if below:
        print("below what is expected:", ", ".join(below))
    return 1 if below and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
