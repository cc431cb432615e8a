"""The standard module itself: whoever patches its preparation of a child finds gomp's children too."""

import sys
from multiprocessing import spawn
from multiprocessing.spawn import *  # noqa: F403

sys.modules[__name__] = spawn
