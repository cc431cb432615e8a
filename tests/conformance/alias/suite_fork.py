"""CPython's multiprocessing tests for the fork start method, made as CPython itself makes them."""

from test import _test_multiprocessing

_test_multiprocessing.install_tests_in_module_dict(globals(), "fork")
