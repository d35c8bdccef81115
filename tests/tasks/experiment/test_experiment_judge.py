"""What an experiment says at its looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.experiment.groups import GROUPS, Sums
from tasks.experiment.judge import Asked, Experiment
from tasks.experiment.metrics import Metric
from tasks.experiment.words import says, table

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def arm(each: int, mean: float, spread: float = 0.1) -> Sums:
    """Return an arm of groups alike in size, whose means lie on both sides of this."""
    sides = [mean + spread * (1 if i % 2 else -1) for i in range(GROUPS)]
    return Sums(n=(each,) * GROUPS, total=tuple(each * side for side in sides))


def after(metric: Metric, *looks: tuple[Sums, Sums], **more: Any) -> Experiment:
    given = {"metric": metric, "effect": 0.02, "share": 10, "hours": 24}
    asked = Asked.model_validate({**given, **more})
    found = Experiment(asked=asked)
    for hour, (a, b) in enumerate(looks, 1):
        counts = {"baseline": {metric: a}, "canary": {metric: b}}
        found = found.after(counts, BEGAN + timedelta(hours=hour), BEGAN)
    return found


def test_which_is_better_depends_on_the_metric() -> None:
    less, more = arm(200, 0.5), arm(200, 0.7)
    assert after("rated", (less, more)).verdict == "B is better"
    assert after("refused", (less, more)).verdict == "A is better"
    assert after("latency", (more, less), effect=0.1).verdict == "B is better"
    assert after("tokens", (less, more), effect=0.1).verdict == "B has more"
    assert after("tokens", (more, less), effect=0.1).verdict == "A has more"


def test_what_is_too_little_is_said_with_how_long_it_takes() -> None:
    found = after("rated", (arm(200, 0.5, 0.2), arm(200, 0.51, 0.2)))
    assert found.verdict == "nothing can be said yet"
    [look] = found.looks
    assert look.low < 0 < look.high
    assert look.difference == pytest.approx(0.01)
    assert look.seconds is not None
    assert look.seconds > 3600
    assert "a difference that matters is seen in about" in says(found)
    none = after("rated", (Sums(), Sums()))
    assert says(none) == ("nothing can be said yet: an arm has no request that was counted for it")
    assert len(table(found)) == 3


def test_a_difference_that_is_too_small_to_matter_is_said_to_be_none() -> None:
    found = after("rated", (arm(900, 0.5, 0.01), arm(900, 0.5005, 0.01)))
    assert found.verdict == "no difference that matters"


def test_a_verdict_stays_at_later_looks_and_p_never_grows() -> None:
    clear, same = (arm(200, 0.5), arm(200, 0.7)), (arm(200, 0.5), arm(200, 0.62))
    found = after("rated", clear, same)
    assert found.verdict == "B is better"
    assert [one.p for one in found.looks] == sorted((one.p for one in found.looks), reverse=True)
    assert found.looks[1].low >= found.looks[0].low


def test_looks_that_no_one_difference_fits_are_no_verdict() -> None:
    found = after("rated", (arm(200, 0.5), arm(200, 0.7)), (arm(200, 0.7), arm(200, 0.5)))
    assert found.verdict == "the difference changed"
    assert "no one difference fits all looks" in says(found)
