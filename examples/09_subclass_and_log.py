"""A Process subclass that reports its exception to the parent, and the package's own log at DEBUG."""

import argparse
import logging
import traceback

import gomp as multiprocessing


class ReportingProcess(multiprocessing.Process):
    """A process whose exception its parent can look at."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.ours, self.theirs = multiprocessing.Pipe()
        self.reported = None

    def run(self):
        """Run the target; send what it raised, or None."""
        try:
            super().run()
        except Exception as error:
            self.theirs.send((error, traceback.format_exc()))
            raise SystemExit(1) from None
        self.theirs.send(None)

    @property
    def exception(self):
        """Return what the process raised and its traceback, or None."""
        if self.reported is None and self.ours.poll():
            self.reported = self.ours.recv()
        return self.reported


def divide(numerator, denominator):
    """Divide, and write to the log."""
    multiprocessing.get_logger().info("dividing %s by %s", numerator, denominator)
    return numerator / denominator


def main():
    """Run one process that succeeds and one that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", choices=multiprocessing.get_all_start_methods())
    arguments = parser.parse_args()
    multiprocessing.set_start_method(arguments.method)

    logger = multiprocessing.log_to_stderr(logging.DEBUG)
    assert logger is multiprocessing.get_logger()
    lines = []
    logger.addFilter(lambda record: lines.append(record.getMessage()) or True)

    good, bad = ReportingProcess(target=divide, args=(1, 2)), ReportingProcess(target=divide, args=(1, 0))
    for process in (good, bad):
        process.start()
        process.join(30)
    logger.debug("both processes have been joined")

    print(f"the good one: exit code {good.exitcode}, exception {good.exception}")
    error, text = bad.exception
    print(f"the bad one: exit code {bad.exitcode}, exception {error!r}")
    print(text, end="")
    assert (good.exitcode, good.exception) == (0, None)
    assert bad.exitcode == 1
    assert isinstance(error, ZeroDivisionError)
    assert "in divide" in text
    assert lines[-1] == "both processes have been joined"


if __name__ == "__main__":
    main()
