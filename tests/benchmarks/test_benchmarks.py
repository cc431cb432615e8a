"""Every benchmark runs, and the documents show the results that are kept."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


@pytest.mark.timeout(180)
def test_every_row_runs() -> None:
    import rows

    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "run.py"), "--quick"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "python")},
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    for row in rows.ROWS:
        assert row.title in done.stdout
    assert "idle in Barrier.wait" in done.stdout


def test_documents_show_the_kept_results() -> None:
    import report

    results = report.kept_results()
    assert results
    assert report.DOCUMENT.read_text() == report.document(results), "run benchmarks/report.py"
    text = report.README.read_text()
    assert text == report.readme(text, results), "run benchmarks/report.py"
    for kept in results.values():
        assert {row["name"] for row in kept["rows"]} == set(report.EXPECTED)


def test_idle_waiters_use_no_cpu() -> None:
    """Below 0.1 % of a CPU when measured at leisure; here, among other work, below 1 %."""
    import apart

    import gomp

    for name, share in apart.idle_cpu(gomp.get_context("fork"), 1.0).items():
        assert share < 0.01, f"{name} used {share:.2%} of a CPU"
