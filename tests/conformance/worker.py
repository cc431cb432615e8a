"""Run one class of the suite in this process: `worker.py <method> <class> <report> [test ...]`.

Without a class it prints the names of all. The report is a file of one JSON list a line, [test, status, detail],
written before and after each test, so that it tells which test was running when the process was killed.
"""

from __future__ import annotations

import gc
import importlib
import json
import multiprocessing  # noqa: F401 - whatever it means here
import os
import sys
import unittest
from typing import Any, TextIO

Case = type[unittest.TestCase]


def classes(method: str) -> dict[str, Case]:
    """Return the suite's test classes for a start method."""
    module = importlib.import_module(f"suite_{method}")
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, unittest.TestCase)
    }


class Reporter(unittest.TextTestResult):
    """Writes what happens to each test into the report as it happens."""

    report: TextIO

    def tell(self, test: unittest.TestCase, status: str, detail: str = "") -> None:
        # A failing setUpClass or tearDownModule is reported as a test that has no method of its own.
        name = getattr(test, "_testMethodName", "*")
        last_line = detail.strip().rpartition("\n")[2]
        print(json.dumps([name, status, last_line[:300]]), file=self.report, flush=True)

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.tell(test, "started")

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        gc.collect()  # an executor in the traceback of a test that failed would keep its processes, and the end waiting

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self.tell(test, "passed")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self.tell(test, "skipped", reason)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self.tell(test, "failed", self.failures[-1][1])

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self.tell(test, "failed", self.errors[-1][1])

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.tell(test, "failed", str(err[1]))


def main(method: str, name: str = "", report: str = "", *only: str) -> None:
    """List the suite, or run one class of it."""
    assert sys.modules["multiprocessing"].__name__ == os.environ["GOMP_CONFORMANCE"]
    found = classes(method)
    names = unittest.defaultTestLoader.getTestCaseNames
    if not name:
        print(json.dumps({name: list(names(case)) for name, case in found.items()}))
        return
    if name.startswith("WithThreads"):
        # Before 3.13 a test ends a ThreadPool whose tasks sleep for this long, and waits for those that have begun:
        # one run in five, on a busy machine.
        support: Any = importlib.import_module("test.support")
        support.LONG_TIMEOUT = 10.0
    suite = unittest.TestSuite(found[name](test) for test in only or names(found[name]))
    with open(report, "w") as Reporter.report:
        runner: Any = unittest.TextTestRunner
        runner(verbosity=2, resultclass=Reporter).run(suite)


if __name__ == "__main__":
    main(*sys.argv[1:])
