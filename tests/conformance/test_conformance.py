"""CPython's own suite passes against gomp, on every Python found and under every start method."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

import interpreters
from conformance import run as runner

# How many lines expected_failures.txt may have. It may be lowered; to raise it is to give up on a test.
MOST_EXPECTED_FAILURES = 13


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("version, method", [(v, m) for v in interpreters.found() for m in runner.suites(v)])
def test_suite(version: str, method: str) -> None:
    target = runner.Target(version, interpreters.found()[version], "gomp")
    result = runner.score(version, method, runner.run(target, method))
    print(f"{version} {method}: {result.passed} of {result.counted}; passed though listed: {result.surpassed}")
    assert not result.missed
    assert result.counted >= (180 if method == runner.FUTURES else 330)


def test_expected_failures_do_not_grow() -> None:
    expected = runner.expected_failures()
    assert len(expected) <= MOST_EXPECTED_FAILURES
    for line in expected:
        assert len(line.reason.split()) >= 3, f"{line.test} has no reason"
        assert any(
            line.covers(version, method, f"{name}.{test}")
            for version in interpreters.found()
            for method, classes in runner.baseline(version).items()
            for name, tests in classes.items()
            for test in tests
        ), f"{line.test} is not a test that the standard library passes"


def test_runner_counts_misses(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails is missed, and nothing else: here, the tests of Lock against a package without it."""
    package = tmp_path / "lockless"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import multiprocessing\n"
        "globals().update({k: v for k, v in vars(multiprocessing).items() if not k.startswith('__')})\n"
        "Lock = None\n"
    )
    monkeypatch.setattr(runner.Target, "environment", environment_with(tmp_path, runner.Target.environment))
    version = "{}.{}".format(*sys.version_info)
    target = runner.Target(version, sys.executable, "lockless")
    result = runner.score(version, "fork", runner.run(target, "fork", match="^WithProcessesTestLock$"))
    assert set(result.missed) == {"WithProcessesTestLock.test_lock", "WithProcessesTestLock.test_lock_context"}
    assert result.passed == 1  # test_rlock


def environment_with(path: pathlib.Path, original):
    def environment(self: runner.Target) -> dict[str, str]:
        inherited = original(self)
        return {**inherited, "PYTHONPATH": os.pathsep.join([inherited["PYTHONPATH"], str(path)])}

    return environment


def test_runner_survives_hangs_and_crashes(tmp_path: pathlib.Path) -> None:
    """The test that ran when a worker died or ran out of time is unfinished; those before it keep their outcome."""
    report = tmp_path / "report"
    report.write_text('["test_a", "started", ""]\n["test_a", "passed", ""]\n["test_b", "started", ""]\n["test_c", "sta')
    assert list(runner.read_report(report)) == [
        ("test_a", runner.Outcome("unfinished")),
        ("test_a", runner.Outcome("passed")),
        ("test_b", runner.Outcome("unfinished")),
    ]


def test_command_line() -> None:
    done = subprocess.run(
        [sys.executable, runner.__file__, "--python", sys.executable, "--method", "fork", "--match", "TestForkAware"],
        capture_output=True,
        text=True,
        timeout=55,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gomp passes 1 of 1 tests" in done.stdout
