"""The standard module itself: both libraries have one current process and one set of children."""

import sys
from multiprocessing import process
from multiprocessing.process import *  # noqa: F403

sys.modules[__name__] = process
