"""Run CPython's own multiprocessing suite against gomp, and count what passes.

    run.py                                   gomp, every start method, every supported Python found
    run.py --method fork --match TestLock    one start method, the classes that match a regular expression
    run.py --python 3.12                     one interpreter, by version or by path
    run.py --method futures                  ProcessPoolExecutor, by the tests of concurrent.futures
    run.py --package multiprocessing         the standard library itself
    run.py --record                          the same, and keep what passes as the baseline

The suite is the interpreter's `test._test_multiprocessing`, unmodified, and, where it has that package,
`test.test_concurrent_futures`. Each class runs in a process of its
own with a time limit, so that a hang costs that class alone. What counts are the tests that the standard
library passes on the same interpreter (baseline/<version>.json). A test that fails is run once more, by
itself, for many of them measure time. Misses are listed with their reasons in
expected_failures.txt; the exit status is 0 when nothing else is missing.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import dataclasses
import fnmatch
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
METHODS = ("fork", "spawn", "forkserver")
# The tests of the executor, which are of all start methods.
FUTURES = "futures"
LIMIT_ALONE = 60.0
sys.path.insert(0, str(HERE.parent))

import interpreters  # noqa: E402


@dataclasses.dataclass(frozen=True)
class Target:
    """What is tested: a package on an interpreter."""

    version: str
    executable: str
    package: str

    def environment(self) -> dict[str, str]:
        """Return the environment in which `multiprocessing` means the package."""
        path = [str(HERE / "alias"), str(ROOT / "python")]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "GOMP_CONFORMANCE": self.package}

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a worker."""
        return [self.executable, str(HERE / "worker.py"), *arguments]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How one test ended: passed, skipped, failed, or unfinished (the process died or ran out of time)."""

    status: str
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class ExpectedFailure:
    """A line of expected_failures.txt: where tests, named by a pattern, are known to fail, and why."""

    versions: str
    methods: str
    test: str
    reason: str

    def covers(self, version: str, method: str, test: str) -> bool:
        """Tell whether this line speaks of that test there."""
        return (
            fnmatch.fnmatchcase(test, self.test)
            and (self.versions == "*" or version in self.versions.split(","))
            and (self.methods == "*" or method in self.methods.split(","))
        )


def expected_failures() -> list[ExpectedFailure]:
    """Read the list of known misses."""
    lines = (HERE / "expected_failures.txt").read_text().splitlines()
    return [ExpectedFailure(*line.split(maxsplit=3)) for line in lines if line and not line.startswith("#")]


def baseline(version: str) -> dict[str, dict[str, list[str]]]:
    """Return {method: {class: tests}} that the standard library passes on this version."""
    recorded: dict[str, dict[str, list[str]]] = json.loads((HERE / "baseline" / f"{version}.json").read_text())
    return recorded


def suites(version: str) -> tuple[str, ...]:
    """Return what there is to run: the start methods, and the executor if this Python came with its tests."""
    return (*METHODS, FUTURES) if FUTURES in baseline(version) else METHODS


def suite(target: Target, method: str) -> dict[str, list[str]]:
    """Return {class: tests} of the suite. It is listed under the standard library, which can always load it."""
    standard = dataclasses.replace(target, package="multiprocessing")
    done = subprocess.run(
        standard.command(method), env=standard.environment(), capture_output=True, text=True, timeout=120
    )
    if done.returncode:
        raise SystemExit(f"{target.executable} has no tests that load:\n{done.stderr}")
    listed: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return {name: tests for name, tests in listed.items() if tests}


def read_report(path: pathlib.Path) -> Iterator[tuple[str, Outcome]]:
    """Yield what a worker reported; the last line may be cut short by its death."""
    with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
        for line in path.read_text().splitlines():
            test, status, detail = json.loads(line)
            yield test, Outcome("unfinished" if status == "started" else status, detail)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a worker and what it left running, which is in the process group that was made for it."""
    with contextlib.suppress(ProcessLookupError):
        # The resource tracker outlives its program by a moment, to remove what that has left in /dev/shm.
        end = time.monotonic() + 2
        while process.poll() is not None and time.monotonic() < end:
            os.killpg(process.pid, 0)
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run_class(
    target: Target, method: str, name: str, tests: list[str], limit: float, logs: pathlib.Path
) -> dict[str, Outcome]:
    """Run tests of one class in a process of its own and return how each ended."""
    with tempfile.TemporaryDirectory(prefix="gomp-conformance-") as directory:
        report = pathlib.Path(directory, "report")
        with open(logs / f"{target.version}.{method}.{name}.log", "ab") as log:
            process = subprocess.Popen(
                target.command(method, name, str(report), *tests),
                env=target.environment(),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status = process.wait(limit)
                detail = f"the process ended with status {status}"
            except subprocess.TimeoutExpired:
                detail = f"no end within {limit:.0f} s"
            finally:
                end_group(process)
        outcomes = {test: Outcome("unfinished", detail) for test in tests}
        for test, outcome in read_report(report):
            if test == "*":  # a fixture of the class or module: all of its tests are void
                outcomes = dict.fromkeys(outcomes, outcome)
            elif outcome.status == "unfinished":
                outcomes[test] = Outcome("unfinished", detail)
            elif outcomes[test].status != "failed":  # one failed subtest fails its test
                outcomes[test] = outcome
    return outcomes


def run_class_twice(
    target: Target, method: str, name: str, tests: list[str], limit: float, logs: pathlib.Path
) -> dict[str, Outcome]:
    """Run a class; run once more, each by itself, the tests that failed or that a hang kept from running."""
    outcomes = run_class(target, method, name, tests, limit, logs)
    for test, outcome in outcomes.items():
        if outcome.status in ("failed", "unfinished"):
            outcomes[test] = run_class(target, method, name, [test], min(limit, LIMIT_ALONE), logs)[test]
            if outcomes[test].status == "passed":
                print(f"{target.version} {method} {name}.{test}: passes at the second run, by itself: {outcome.detail}")
    return outcomes


def run(
    target: Target,
    method: str,
    match: str = "",
    only: frozenset[str] = frozenset(),
    limit: float = 90,
    jobs: int = 2,
    logs: pathlib.Path | None = None,
) -> dict[str, Outcome]:
    """Run the suite, or the part of it that is asked for, and return {class.test: outcome}."""
    outcomes: dict[str, Outcome] = {}
    with contextlib.ExitStack() as stack:
        if logs is None:
            logs = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gomp-conformance-")))
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(jobs))
        pending = {}
        for name, tests in suite(target, method).items():
            wanted = [test for test in tests if not only or test in only]
            if wanted and re.search(match, name):
                pending[pool.submit(run_class_twice, target, method, name, wanted, limit, logs)] = name
        for done in concurrent.futures.as_completed(pending):
            outcomes.update({f"{pending[done]}.{test}": outcome for test, outcome in done.result().items()})
    return outcomes


@dataclasses.dataclass
class Score:
    """What a run amounts to beside the baseline."""

    passed: int
    counted: int
    missed: dict[str, Outcome]
    expected: dict[str, str]
    surpassed: list[str]

    @property
    def share(self) -> float:
        """Return which part of what the standard library passes was passed."""
        return self.passed / self.counted if self.counted else 1.0


def score(version: str, method: str, outcomes: dict[str, Outcome]) -> Score:
    """Compare a run with the baseline and the list of expected failures."""
    counted = [f"{c}.{t}" for c, tests in baseline(version)[method].items() for t in tests if f"{c}.{t}" in outcomes]
    failed = {test: outcomes[test] for test in counted if outcomes[test].status != "passed"}
    known = {test: e.reason for e in expected_failures() for test in counted if e.covers(version, method, test)}
    return Score(
        passed=len(counted) - len(failed),
        counted=len(counted),
        missed={test: outcome for test, outcome in failed.items() if test not in known},
        expected={test: reason for test, reason in known.items() if test in failed},
        surpassed=[test for test in known if test not in failed],
    )


def record(version: str, method: str, outcomes: dict[str, Outcome]) -> None:
    """Keep what passed as this version's baseline."""
    path = HERE / "baseline" / f"{version}.json"
    path.parent.mkdir(exist_ok=True)
    recorded = baseline(version) if path.exists() else {}
    passed: dict[str, list[str]] = {}
    for name, outcome in sorted(outcomes.items()):
        if outcome.status == "passed":
            case, _, test = name.partition(".")
            passed.setdefault(case, []).append(test)
    path.write_text(json.dumps({**recorded, method: passed}, indent=1, sort_keys=True) + "\n")


def chosen_interpreters(choice: str) -> dict[str, str]:
    """Return {version: executable} of what --python names: all, a version or a path."""
    if choice == "all":
        return interpreters.found()
    if choice in interpreters.found():
        return {choice: interpreters.found()[choice]}
    said = interpreters.version_of(choice)
    if not said:
        raise SystemExit(f"no Python {choice} here; found: {', '.join(interpreters.found())}")
    return {said.split()[1]: choice}


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", default="gomp", help="the package to test (default: gomp)")
    parser.add_argument("--python", default="all", help="a version, a path or all (default: all)")
    parser.add_argument("--method", choices=(*METHODS, FUTURES, "all"), default="all")
    parser.add_argument("--match", default="", help="regular expression over the names of test classes")
    parser.add_argument("--only", nargs="*", default=(), help="names of test methods")
    parser.add_argument("--jobs", type=int, default=2, help="classes that run at once (default: 2)")
    parser.add_argument("--timeout", type=float, default=90, help="seconds for one class (default: 90)")
    parser.add_argument("--logs", type=pathlib.Path, help="a folder for the workers' output (default: not kept)")
    parser.add_argument("--record", action="store_true", help="record the standard library's passes as the baseline")
    arguments = parser.parse_args()
    if arguments.record and (arguments.match or arguments.only):
        parser.error("a baseline is recorded whole: not with --match or --only")
    if arguments.logs:
        arguments.logs.mkdir(parents=True, exist_ok=True)
    missing = 0
    for version, executable in chosen_interpreters(arguments.python).items():
        target = Target(version, executable, "multiprocessing" if arguments.record else arguments.package)
        for method in suites(version) if arguments.method == "all" else (arguments.method,):
            outcomes = run(
                target,
                method,
                arguments.match,
                frozenset(arguments.only),
                arguments.timeout,
                arguments.jobs,
                arguments.logs,
            )
            if arguments.record:
                record(version, method, outcomes)
            result = score(version, method, outcomes)
            for test, outcome in result.missed.items():
                print(f"{version} {method} {test}: {outcome.status}: {outcome.detail}")
            for test, reason in result.expected.items():
                print(f"{version} {method} {test}: expected to fail: {reason}")
            for test in result.surpassed:
                print(f"{version} {method} {test}: passes, though it is listed as an expected failure")
            print(
                f"{version} {method}: {target.package} passes {result.passed} of {result.counted} tests "
                f"that the standard library passes ({result.share:.1%})",
                flush=True,
            )
            missing += len(result.missed)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
