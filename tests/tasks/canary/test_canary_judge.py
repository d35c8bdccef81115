"""One metric's three values, and what may be wrong in a whole rollout."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.canary.arms import Arms, Counts
from tasks.canary.judge import Facts, Tails, Verdict, judge, lacking
from tasks.canary.policy import CanaryPolicy, Limits

EDGES = (100.0, 110.0, 121.0)
TAILS = Tails(0.003, 0.02)
ERRORS = Limits(least=800, margin=0.01, tolerated=0.002, against="champion")
LATENCY = Limits(least=180, margin=0.15, tolerated=0.05)
JUDGED = Limits(least=450, margin=0.03, tolerated=0.01)


def errors(canary: int, baseline: int, n: int = 1000, stable: tuple[int, int] = (0, 0)) -> Facts:
    arms = Arms(
        canary=Counts(requests=n, errors=canary),
        baseline=Counts(requests=n, errors=baseline),
        stable=Counts(errors=stable[0], requests=stable[1]),
    )
    return Facts(arms, EDGES, 60)


def verdict(facts: Facts, limits: Limits = ERRORS, metric: str = "errors") -> Verdict:
    return judge(metric, limits, facts, TAILS)


def test_as_few_errors_pass_and_far_more_fail() -> None:
    assert verdict(errors(1, 1)).verdict == "pass"
    failed = verdict(errors(14, 1))
    assert failed.verdict == "fail"
    assert failed.chance is not None
    assert failed.chance < TAILS.fail
    assert "1.40% of 1,000 beside 0.10% of 1,000" in failed.reason


def test_between_them_more_is_asked_for_and_how_long_it_takes() -> None:
    """7 of 1,000 beside 1: neither shown to be worse nor shown to be within a point."""
    found = verdict(errors(7, 1))
    assert found.verdict == "not enough data"
    assert found.more is not None
    assert found.more >= 500
    assert found.minutes == pytest.approx(found.more * 60 / 1000)
    assert re.search(r"some [\d,]+ more, in about \d+ h", found.reason)


def test_errors_where_the_champion_had_none_count() -> None:
    assert verdict(errors(12, 0)).verdict == "fail"


def test_a_loss_too_small_to_matter_is_no_reason_to_roll_back() -> None:
    facts = errors(2000, 1600, 1_000_000)
    found = verdict(facts)
    assert found.chance is not None
    assert found.chance < 1e-9
    assert found.verdict == "pass"


def test_the_champions_both_arms_tell_more_than_the_baseline_alone() -> None:
    facts = errors(7, 1, stable=(17, 17_000))
    assert verdict(facts).verdict == "fail"
    alone = ERRORS.model_copy(update={"against": "baseline"})
    assert verdict(facts, alone).verdict == "not enough data"


def latency(canary: tuple[int, ...], baseline: tuple[int, ...]) -> Facts:
    arms = Arms(canary=Counts(latency=canary), baseline=Counts(latency=baseline))
    return Facts(arms, EDGES, 60)


def test_latency_passes_fails_and_waits() -> None:
    base = (100, 100, 100, 100)
    assert verdict(latency((1000,) * 4, (1000,) * 4), LATENCY, "latency").verdict == "pass"
    slow = verdict(latency((20, 60, 120, 200), base), LATENCY, "latency")
    assert slow.verdict == "fail"
    assert slow.above is not None
    assert slow.above > 0.6
    assert "slower in" in slow.reason
    few = verdict(latency((48, 49, 50, 53), (50, 50, 50, 50)), LATENCY, "latency")
    assert few.verdict in ("pass", "not enough data")


def test_three_requests_a_minute_say_how_long_it_would_take() -> None:
    """9 requests of the canary in an hour; 800 are needed: 88 hours."""
    found = lacking("errors", ERRORS, errors(0, 0, 9), 800)
    assert found is not None
    assert (found.verdict, found.more) == ("not enough data", 791)
    assert found.minutes == pytest.approx(791 / 9 * 60)
    assert "in about 4 days at this rate" in found.reason


def test_no_requests_at_all_never_end_and_never_pass() -> None:
    found = lacking("errors", ERRORS, errors(0, 0, 0), 800)
    assert found is not None
    assert found.verdict == "not enough data"
    assert found.minutes is None
    assert "none come in" in found.reason


def test_too_few_of_the_reference_are_lacking_too() -> None:
    arms = Arms(canary=Counts(judged=900), baseline=Counts(judged=20))
    found = lacking("hallucinated", JUDGED, Facts(arms, EDGES, 60), 450)
    assert found is not None
    assert "judged answers of the baseline" in found.reason
    assert found.more == 430


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_a_verdict_is_never_better_for_more_errors(canary: int, baseline: int) -> None:
    order = {"pass": 0, "not enough data": 1, "fail": 2}
    less, more = (verdict(errors(hits, baseline)) for hits in (max(0, canary - 1), canary))
    assert order[less.verdict] <= order[more.verdict]


@given(
    st.sets(st.sampled_from(["errors", "truncated", "latency", "hallucinated", "refused"])),
    st.floats(0.001, 0.3),
)
def test_what_may_be_wrong_sums_to_no_more_than_the_policy_says(
    off: set[str], wrong: float
) -> None:
    """Over metrics, phases, looks and stops."""
    if len(off) == 5:
        return
    policy = CanaryPolicy.model_validate({"wrong_rollback": wrong} | dict.fromkeys(off))
    tails = [
        policy.fail_tail(metric, phase, look)
        for metric in policy.judged
        for phase in range(8)
        for look in range(12)
    ]
    total = sum(tails) + 3 * policy.stop_tail(3)
    assert 0.99 * wrong < total <= wrong * (1 + 1e-9)
    assert sum(policy.pass_tail(look) for look in range(40)) <= policy.wrong_pass
