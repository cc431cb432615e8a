"""The figures as text: a line while measuring, a table at the end, and what the documents show of them.

`python benchmarks/report.py` writes the documents again from the results that are kept.
"""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

from rows import ROWS

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE / "results"
PEERS = "peers.json"
KERNELS = "kernels.json"
DOCUMENT = HERE.parent / "docs" / "benchmarks.md"
README = HERE.parent / "README.md"

TITLES = {row.name: row.title for row in ROWS} | {"import": "import"}
EXPECTED = {row.name: row.expected for row in ROWS} | {"import": 1 / 1.2}
BOUNDS = {row.name: row.bound for row in ROWS} | {
    "import": "reading the modules; gomp imports the standard library's too, and loads its core at the first use"
}

INTRODUCTION = """\
# Benchmarks

Both libraries run in one tree of processes and take turns; each figure is the median of five. The ratio is
standard/gomp: how many times faster gomp is. `make bench` measures on your machine and writes this page again.

Written by benchmarks/report.py from benchmarks/results/; what bounds a figure is kept beside its workload in
benchmarks/rows.py.
"""

BESIDE = """\
Two workers each, all libraries in one process and in turn, the median of five
(`benchmarks/peers.py`). The second column of each pair is the time as a multiple of gomp.Pool's."""


def duration(seconds: float) -> str:
    """Return a time in a unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def line(result: dict[str, Any]) -> str:
    """Return one row as a line of text."""
    return (
        f"{TITLES[result['name']]:54} {duration(result['standard']):>9} {duration(result['gomp']):>9}"
        f" {result['ratio']:7.2f}  (at least {EXPECTED[result['name']]:.3g})"
    )


def table(results: list[dict[str, Any]]) -> str:
    """Return all rows as text."""
    return "\n".join([f"{'per operation':54} {'standard':>9} {'gomp':>9} {'ratio':>7}", *map(line, results)])


def keep(version: str, kept: dict[str, Any]) -> None:
    """Keep the results of one Python version."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{version}.json").write_text(json.dumps(kept, indent=1) + "\n")


def kept_results() -> dict[str, dict[str, Any]]:
    """Return what is kept, oldest Python first."""
    paths = sorted(RESULTS.glob("[0-9]*.json"), key=lambda path: tuple(map(int, path.stem.split("."))))
    return {path.stem: json.loads(path.read_text()) for path in paths}


def keep_peers(kept: dict[str, Any]) -> None:
    """Keep how other libraries compare."""
    (RESULTS / PEERS).write_text(json.dumps(kept, indent=1) + "\n")


def peers() -> list[str]:
    """Return the part of the document about other libraries, if they were measured."""
    if not (RESULTS / PEERS).exists():
        return []
    kept = json.loads((RESULTS / PEERS).read_text())
    medians = kept["medians"]
    workloads = list(medians)
    parts = [f"\n## Beside other libraries\n\n{where(kept)} {BESIDE}\n"]
    parts.append("".join(["| |", *(f" {workload} | |" for workload in workloads)]))
    parts.append("".join(["| --- |", *(" --: | --: |" for _ in workloads)]))
    for name in medians[workloads[0]]:
        cells = [medians[workload][name] for workload in workloads]
        best = [medians[workload]["gomp.Pool"] for workload in workloads]
        shown = (f" {duration(cell)} | {cell / own:.2f} |" for cell, own in zip(cells, best, strict=True))
        parts.append(f"| {name} |{''.join(shown)}")
    return parts


def kernels() -> list[str]:
    """Return the part of the document about kernels, if they were measured."""
    if not (RESULTS / KERNELS).exists():
        return []
    kept = json.loads((RESULTS / KERNELS).read_text())
    parts = [f"\n## Kernels\n\n{where(kept)} All sides of a comparison in one process and in turn, the median of five"]
    parts.append("(`benchmarks/kernels.py`); the last column is the time as a multiple of the first side's.\n")
    parts.append("| | | time | multiple |\n| --- | --- | --: | --: |")
    for title, sides in kept["medians"].items():
        first = next(iter(sides.values()))
        for place, (name, seconds) in enumerate(sides.items()):
            parts.append(f"| {'' if place else title} | {name} | {duration(seconds)} | {seconds / first:.2f} |")
    parts.append(f"\nAn idle native worker has {kept['resident'] / 1e6:.1f} MB of memory of its own.")
    return parts


def joined(before: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """Return what was kept, with new results in the place of the same rows' or in their order among them."""
    if before is None:
        return new
    rows = {row["name"]: row for row in [*before["rows"], *new["rows"]]}
    return {
        "machine": before["machine"],
        "rows": [rows[name] for name in EXPECTED if name in rows],
        "idle": before["idle"] | new["idle"],
        "uneven": before.get("uneven", {}) | new["uneven"],
    }


def where(kept: dict[str, Any]) -> str:
    """Return what was measured on, as a sentence."""
    machine = kept["machine"]
    return (
        f"CPython {machine['python']}, Linux {machine['linux']}, {machine['cpus']} CPUs ({machine['cpu']}), "
        f"on which other programs had a load average of {machine['load']}."
    )


def document(results: dict[str, dict[str, Any]]) -> str:
    """Return docs/benchmarks.md."""
    parts = [INTRODUCTION.rstrip()]
    for version, kept in results.items():
        parts.append(f"\n## CPython {version}\n\n{where(kept)}\n")
        parts.append("| | standard | gomp | ratio | aim | bounded by |\n| --- | --: | --: | --: | --: | --- |")
        for result in kept["rows"]:
            name = result["name"]
            parts.append(
                f"| {TITLES[name]} | {duration(result['standard'])} | {duration(result['gomp'])} "
                f"| {result['ratio']:.2f} | {EXPECTED[name]:.3g} | {BOUNDS[name]} |"
            )
        parts.append("\nA process that waits uses this share of a CPU:\n")
        parts.append("| waiting in | CPU |\n| --- | --: |")
        parts += [f"| {name} | {used:.3%} |" for name, used in kept["idle"].items()]
        parts.append(
            "\nA map of tasks of Pareto-distributed lengths, in the chunks that the library chooses, takes so many\n"
            "times as long as handing out one task at a time would, computed from the tasks' measured times:\n"
        )
        parts.append("| library | multiple |\n| --- | --: |")
        parts += [f"| {name} | {multiple:.3f} |" for name, multiple in kept["uneven"].items()]
    parts += kernels()
    parts += peers()
    return "\n".join(parts) + "\n"


def summary(results: dict[str, dict[str, Any]]) -> str:
    """Return the README's table, of the oldest Python that was measured."""
    kept = next(iter(results.values()))
    lines = [where(kept), "", "| | standard | gomp | ratio |", "| --- | --: | --: | --: |"]
    for result in kept["rows"]:
        lines.append(
            f"| {TITLES[result['name']]} | {duration(result['standard'])} | {duration(result['gomp'])} "
            f"| {result['ratio']:.1f} |"
        )
    return "\n".join(lines)


def readme(text: str, results: dict[str, dict[str, Any]]) -> str:
    """Return the README with its table replaced."""
    begin, end = "<!-- benchmarks -->\n", "\n<!-- /benchmarks -->"
    return re.sub(f"(?<={begin}).*?(?={end})", lambda _: summary(results), text, flags=re.DOTALL)


def write_documents() -> None:
    """Write docs/benchmarks.md and the README's table from the results."""
    results = kept_results()
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(document(results))
    README.write_text(readme(README.read_text(), results))


if __name__ == "__main__":
    write_documents()
