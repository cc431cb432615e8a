"""The standard module itself: both libraries have one logger, finalizer registry and exit function."""

import sys
from multiprocessing import util
from multiprocessing.util import *  # noqa: F403

sys.modules[__name__] = util
