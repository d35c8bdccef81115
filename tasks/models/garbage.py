"""How often a process of ours looks for garbage. Needs nothing; changes this process alone."""

from __future__ import annotations

import atexit
import gc
import sys
from functools import cache


@cache
def collect_rarely() -> None:
    """Look for garbage less often: what loading libraries makes stays, and is looked through again.

    So it was for a tenth to a third of a short process's time, and as much once more when it ended.
    """
    gc.set_threshold(100_000, 50, 50)
    atexit.register(_leave_garbage)


def _leave_garbage() -> None:
    """End without looking for it, unless there is what complains of each object that is left."""
    if "triton" not in sys.modules:
        gc.freeze()
