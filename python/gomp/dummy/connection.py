"""The standard module itself: see the package."""

import sys
from multiprocessing.dummy import connection
from multiprocessing.dummy.connection import *  # noqa: F403

sys.modules[__name__] = connection
