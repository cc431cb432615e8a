"""The standard module itself: named segments are for strangers, gomp's own memory has no name."""

import sys
from multiprocessing import shared_memory
from multiprocessing.shared_memory import *  # noqa: F403

sys.modules[__name__] = shared_memory
