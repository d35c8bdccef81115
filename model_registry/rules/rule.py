"""What a gate's rule is: a comparison of one figure with a limit, and the words for it.

Needs nothing; writes nothing. A rule never sees a missing figure: gates refuse those before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from model_registry.power.least import FEWEST, Planned


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

    def at_best(self) -> Asked:
        """Return the same, judged at the end that speaks for passing."""
        return replace(self, low=self.high, high=self.low, on="bound")


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

    def least(self, planned: Planned) -> int | None:
        """Return the least number of cases that it can decide with; None: no number lets it pass.

        One that does not say so decides with any.
        """
        return 1 if planned.share else FEWEST

    def edge(self, planned: Planned) -> float | None:
        """Return the candidate's level at which it is just not good enough, if there is one."""
        del planned
        return None


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


def edge_of_gain(planned: Planned, gain: float) -> float | None:
    """Return the candidate's level whose gain over the reference is exactly `gain`."""
    if planned.reference is None:
        return None
    return planned.reference + (gain if planned.higher_is_better else -gain)
