"""The kernels that ship with gomp; `help(gomp.kernels.sum)` tells of one."""

from __future__ import annotations

import json as _json
import os as _os

from ._kernel import Pack as _Pack

_path = _os.path.join(_os.path.dirname(_os.path.abspath(__file__)), "_kernels")

# The build has asked the pack for its manifest, so that no process is started here.
with open(f"{_path}.json", encoding="utf-8") as _manifest:
    PACK = _Pack(f"{_path}.pack", _json.load(_manifest), __name__)

__all__ = ["PACK", *(_kernel.__name__ for _kernel in PACK)]
globals().update({_kernel.__name__: _kernel for _kernel in PACK})
