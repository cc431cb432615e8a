"""The standard module itself: threads behind the API of processes."""

import sys
from multiprocessing import dummy
from multiprocessing.dummy import *  # noqa: F403
from multiprocessing.dummy import connection

# The submodule is entered too, or importing it by gomp's name would load a second copy.
sys.modules[__name__ + ".connection"] = connection
sys.modules[__name__] = dummy
