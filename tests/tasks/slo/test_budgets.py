"""Error budgets: what is left, when it burns, until when, and what holds releases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from data_contracts.inference_log import LogRow
from tasks.slo.budget import Minutes, budget_of, budgets_of, pause_of, unknown
from tasks.slo.counting import gateway_counts, is_bad
from tasks.slo.objectives import Objective, Promises

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
SUCCESS = Objective(of="success", target=0.999, pauses=True)
MINUTE = timedelta(minutes=1)


def seen(minutes: int, requests: int, bad_since: int = 0, bad: int = 0) -> Minutes:
    """Return so many requests in each of the last minutes; so many bad in the newest of them."""
    found = Minutes()
    for ago in range(minutes):
        found.add(NOW - ago * MINUTE, requests, bad if ago < bad_since else 0)
    return found


def test_a_burn_is_seen_and_ends_as_soon_as_its_short_window_is_clean() -> None:
    counts = seen(600, 10, bad_since=30, bad=1)
    found = budget_of("success", SUCCESS, 30, counts, NOW)
    assert found.severity == "page"
    assert "30 of 600 requests of the last 1 h are bad, 14.4 times what may be" in found.burning
    assert found.burn == pytest.approx(30 / 600 / 0.001)
    assert found.until is not None
    end = found.until
    for ago in range(1, 400):  # ten good requests a minute from then on
        counts.add(NOW + ago * MINUTE, 10)
    before = budget_of("success", SUCCESS, 30, counts, end - MINUTE)
    after = budget_of("success", SUCCESS, 30, counts, end)
    assert "last 1 h" in before.burning
    assert "last 1 h" not in after.burning


def test_few_requests_tell_nothing() -> None:
    one_of_sixty = seen(60, 1, bad_since=1, bad=1)
    found = budget_of("success", SUCCESS, 30, one_of_sixty, NOW)
    assert (found.requests, found.bad) == (60, 1)
    assert found.left is None
    assert not found.why
    assert budget_of("success", SUCCESS, 30, Minutes(), NOW).why == ""


def test_a_spent_budget_comes_back_when_its_bad_days_are_over() -> None:
    counts = Minutes()
    day = timedelta(days=1)
    for ago in range(29, 0, -1):
        counts.add(NOW - ago * day, 10_000, 500 if ago == 20 else 0)
    found = budget_of("success", SUCCESS, 30, counts, NOW)
    assert found.left == pytest.approx(1 - 500 / 290)
    assert found.spent
    assert found.until == NOW - 20 * day + 30 * day + MINUTE
    assert "its budget is spent: 500 of 290,000 are bad, 0% of the budget is left" in found.why
    assert found.until
    assert not budget_of("success", SUCCESS, 30, counts, found.until).spent


def test_only_a_promise_that_says_so_holds_releases() -> None:
    burning = seen(600, 10, bad_since=60, bad=10)
    mine = {"success": SUCCESS, "truncated": Objective(of="truncated", target=0.95)}
    promises = Promises(objectives=mine)
    both = {"success": burning, "truncated": burning}
    held = pause_of(budgets_of(promises, both, NOW))
    assert held.held
    assert held.words.startswith("success: ")
    assert "truncated" not in held.words
    assert not pause_of(budgets_of(promises, {"truncated": burning}, NOW)).held
    assert "success: nobody knows" in unknown(promises, "the store is away").words
    silent = Promises(objectives={"truncated": mine["truncated"]})
    assert not unknown(silent, "the store is away").held


def row(**fields: Any) -> LogRow:
    given = {"id": "1", "time": NOW, "model": "bells/1", "prompt": "Hello?", "answer": "Yes."}
    return LogRow.model_validate(given | fields)


@pytest.mark.parametrize(
    ("of", "fields", "bad"),
    [
        ("success", {}, False),
        ("success", {"answer": " \n"}, True),
        ("success", {"finish_reason": "error"}, True),
        ("latency", {"seconds": 0.9}, False),
        ("latency", {"seconds": 1.1}, True),
        ("latency", {"seconds": 0.1, "answer": ""}, None),
        ("latency", {}, None),
        ("first_byte", {"first_token_seconds": 2.0, "seconds": 3.0}, True),
        ("truncated", {"finish_reason": "length"}, True),
        ("truncated", {"truncated": True}, True),
        ("truncated", {"finish_reason": "stop"}, False),
        ("rated", {}, None),
        ("rated", {"feedback": {"good": 0.0}}, True),
        ("rated", {"feedback": {"good": 1.0}}, False),
    ],
)
def test_a_row_is_good_bad_or_not_counted(of: Any, fields: Any, bad: bool | None) -> None:
    timed: dict[str, Any] = {"at_most_ms": 1000} if of in ("latency", "first_byte") else {}
    assert is_bad(Objective(of=of, target=0.9, **timed), row(**fields)) is bad


PAGE = """\
envoy_paddock_requests{arm="stable",code="200"} 90
envoy_paddock_requests{arm="canary",code="200"} 5
envoy_paddock_requests{arm="stable",code="503"} 4
envoy_paddock_requests{arm="-",code="429"} 50
envoy_paddock_requests{arm="-",code="0"} 3
envoy_paddock_duration_ms_bucket{arm="stable",code="200",le="900"} 70
envoy_paddock_duration_ms_bucket{arm="stable",code="200",le="1100"} 88
envoy_paddock_duration_ms_bucket{arm="stable",code="200",le="+Inf"} 90
envoy_paddock_duration_ms_bucket{arm="stable",code="503",le="+Inf"} 4
"""


def test_a_gateways_page_is_read_and_a_limit_is_never_taken_laxer_than_it_is() -> None:
    assert gateway_counts(SUCCESS, PAGE, (900, 1100)) == (99, 4)
    for limit, bad in ((899, 90), (900, 20), (1000, 20), (1100, 2), (9000, 2)):
        slow = Objective(of="latency", target=0.9, at_most_ms=limit)
        assert gateway_counts(slow, PAGE, (900, 1100)) == (90, bad)


TRUE = Objective(of="hallucinated", target=0.95, eval_sets=("desk_facts",))


def test_what_is_true_is_told_by_a_judge_and_what_it_cannot_tell_is_not_counted() -> None:
    for said, bad in (({"hallucinated": 1}, True), ({"hallucinated": 0}, False), ({}, None)):
        assert is_bad(TRUE, row(), lambda _, said=said: said) is bad
    assert is_bad(TRUE, row(answer=""), lambda _: {"hallucinated": 1}) is None
    assert is_bad(TRUE, row()) is None
    assert is_bad(Objective(of="recall", target=0.9), row()) is None


def test_too_few_judged_answers_are_neither_good_nor_bad() -> None:
    few, enough = Minutes(), Minutes()
    few.add(NOW, 99, 60)  # six in ten are not true
    enough.add(NOW, 100, 60)
    assert (
        budget_of("true", TRUE, 30, few, NOW).left,
        budget_of("true", TRUE, 30, few, NOW).why,
    ) == (
        None,
        "",
    )
    found = budget_of("true", TRUE, 30, enough, NOW)
    assert found.burning
    assert found.left is not None and found.left < 0


def test_what_nobody_looked_at_for_two_days_is_missing_and_holds_releases() -> None:
    looked = Objective(of="recall", target=0.9, pauses=True)
    counts = Minutes()
    assert budget_of("recall", looked, 30, counts, NOW).missing
    counts.add(NOW - timedelta(hours=49), 208, 12)
    kept = budget_of("recall", looked, 30, counts, NOW)
    assert (kept.missing, kept.why) == ("", "")
    assert kept.left == pytest.approx(1 - 12 / 20.8)
    later = budget_of("recall", looked, 30, counts, NOW + timedelta(hours=2))
    assert later.left is not None  # the month's figures stand, and say nothing of today
    assert "nobody looked in the last 50 hours" in pause_of((later,)).words


def test_a_probe_that_finds_less_each_day_burns_and_one_bad_day_does_not() -> None:
    looked = Objective(of="recall", target=0.9)

    def found(*missed: int) -> str:
        counts = Minutes()
        for ago, bad in enumerate(reversed(missed)):
            counts.add(NOW - timedelta(hours=24 * ago), 208, bad)
        return budget_of("recall", looked, 30, counts, NOW).severity

    assert found(10, 10, 10, 10, 10, 10) == ""
    assert found(10, 10, 10, 10, 10, 60) == ""  # the days before say otherwise
    assert found(10, 10, 10, 10, 100, 100) == "ticket"
    assert found(30, 30, 30, 30, 30, 30) == "ticket"  # a seventh, all week
