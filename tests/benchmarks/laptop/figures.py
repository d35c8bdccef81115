"""Two builds measured in turn, and how the later one stands to the earlier."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Sequence
from typing import TypeVar

from tests.benchmarks.laptop.builds import Build

T = TypeVar("T")
_SHARE = r"(\d+(?:\.\d+)?)%"
_STEPS = re.compile(r"fine-tune: (\d+) of ")
_SCORE = re.compile(rf"{_SHARE} \[{_SHARE}, {_SHARE}\]")


def in_turn(
    builds: Sequence[Build], rounds: int, measure: Callable[[Build], T], say: Callable[[T], str]
) -> list[list[T]]:
    """Measure each build once a round, in turn; say each figure as it comes."""
    found: list[list[T]] = [[] for _ in builds]
    for _ in range(rounds):
        for build, those in zip(builds, found, strict=True):
            those.append(measure(build))
            print(f"    {build.name:12} {say(those[-1])}", flush=True)
    return found


def ratio(earlier: Sequence[float], later: Sequence[float]) -> float:
    """Return the later build's median over the earlier's."""
    return statistics.median(later) / statistics.median(earlier)


def accuracy(lines: Sequence[str]) -> tuple[float, float, float]:
    """Return the candidate's accuracy with its interval, in percent, from what a run printed."""
    for line in lines:
        if line.strip().startswith("desk_facts/accuracy ") and (scores := _SCORE.findall(line)):
            score, low, high = (float(part) for part in scores[-1])
            return score, low, high
    raise ValueError("the run printed no desk_facts/accuracy")


def steps(lines: Sequence[str]) -> int:
    """Return the steps that a run has trained, from its progress; 0 if it said none."""
    return max((int(told[1]) for line in lines if (told := _STEPS.search(line))), default=0)
