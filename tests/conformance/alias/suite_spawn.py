"""CPython's multiprocessing tests for the spawn start method, made as CPython itself makes them."""

from test import _test_multiprocessing

_test_multiprocessing.install_tests_in_module_dict(globals(), "spawn")
