"""CPython's tests of ProcessPoolExecutor, whatever it means here, in the versions that have them as a package."""

import concurrent.futures
import multiprocessing
import unittest

# Where the package under test stands in for multiprocessing, its executor stands in for the standard one.
concurrent.futures.ProcessPoolExecutor = getattr(
    multiprocessing, "ProcessPoolExecutor", concurrent.futures.ProcessPoolExecutor
)

from test.test_concurrent_futures import (  # noqa: E402
    test_as_completed,
    test_deadlock,
    test_init,
    test_process_pool,
    test_shutdown,
    test_wait,
)

for _module in (test_as_completed, test_deadlock, test_init, test_process_pool, test_shutdown, test_wait):
    for _name, _value in vars(_module).items():
        if _name.startswith("ProcessPool") and isinstance(_value, type) and issubclass(_value, unittest.TestCase):
            globals()[_name] = _value
