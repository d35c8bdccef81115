"""Compiles patterns, around a fault of Python's `re` before 3.11.5.

There a possessive repeat of a group, or an atomic group, loses track of the groups captured so far
(https://github.com/python/cpython/issues/101955): a match ends in a SystemError, or is another one.
Many systems still ship such a Python. On it these repeats become greedy ones, which find the same
values and may only take longer to give up.
"""

from __future__ import annotations

import re
import sys

SOUND = sys.version_info >= (3, 11, 5)
_POSSESSIVE = re.compile(r"(?<!\\)(\)(?:[*+?]|\{\d*,?\d*\}))\+")


def compiled(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return a compiled pattern."""
    return re.compile(pattern if SOUND else greedy(pattern), flags)


def greedy(pattern: str) -> str:
    """Return a pattern with its possessive groups made greedy and its atomic groups plain ones."""
    return _POSSESSIVE.sub(r"\1", pattern).replace("(?>", "(?:")
