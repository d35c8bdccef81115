"""What a gate's rule is: a comparison of one figure with a limit, and the words for it.

Needs nothing; writes nothing. A rule never sees a missing figure: gates fail those before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True)
class Asked:
    """A figure with its 95% interval (`low` < `high`), and the limit that a gate sets.

    All are in the metric's own unit. `on` picks the figure itself or the worse end of the interval.
    """

    value: float
    low: float
    high: float
    limit: float
    on: Literal["value", "bound"]
    higher_is_better: bool

    def end(self, *, wants_more: bool) -> tuple[float, str]:
        """Return what is judged, and what it is called: the end that speaks against passing."""
        if self.on == "value":
            return self.value, ""
        return (self.low, " (low end)") if wants_more else (self.high, " (high end)")


@dataclass(frozen=True)
class Finding:
    """What a rule found, with its words: `judged` `what` is (not) `limit`."""

    passed: bool
    judged: float
    what: str
    limit: str


class Rule(ABC):
    """A rule; `compares` tells whether it judges candidate - reference or the candidate alone."""

    name: ClassVar[str]
    compares: ClassVar[bool]

    @abstractmethod
    def judge(self, asked: Asked) -> Finding:
        """Return whether a figure keeps to the rule."""


def gained(asked: Asked, gain: float) -> Finding:
    """Judge a paired difference by the gain (in the better direction) that it must show.

    The figure itself may equal the limit; an interval must be clear of it.
    """
    more, inclusive = asked.higher_is_better, asked.on == "value"
    judged, what = asked.end(wants_more=more)
    better = judged if more else -judged
    passed = better >= gain if inclusive else better > gain
    word = {(True, True): "at least", (True, False): "above"}.get((more, inclusive), "")
    word = word or ("at most" if inclusive else "below")
    return Finding(passed, judged, what, f"{word} {gain if more else 0.0 - gain:g}")
