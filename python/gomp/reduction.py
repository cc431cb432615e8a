"""The standard module itself: what is registered with its ForkingPickler counts for gomp too."""

import sys
from multiprocessing import reduction
from multiprocessing.reduction import *  # noqa: F403

sys.modules[__name__] = reduction
