"""The standard module itself, for a system that gomp does not run on."""

import sys
from multiprocessing import popen_spawn_win32
from multiprocessing.popen_spawn_win32 import *  # noqa: F403

sys.modules[__name__] = popen_spawn_win32
