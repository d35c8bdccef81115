from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tasks.drift.comparison import Status
from tasks.drift.decision import Decision, Policy, Trigger, WindowResult, decide

NOW = datetime(2026, 3, 10, tzinfo=UTC)
POLICY = Policy(cooldown=timedelta(days=2), lease=timedelta(hours=12), attempts=3)
NAMES: dict[str, Status] = {"d": "drifted", "q": "quiet", "?": "not_enough_data", "!": "unreadable"}


def _history(pattern: str, champion: str = "c1", first: int = 0) -> list[WindowResult]:
    return [
        WindowResult(
            window=f"2026-03-{1 + (first + place) // 24:02d}T{(first + place) % 24:02d}",
            champion=champion,
            status=NAMES[letter],
        )
        for place, letter in enumerate(pattern)
    ]


def _claimed(decision: Decision, at: datetime = NOW, outcome: str = "running") -> Trigger:
    return Trigger.model_validate(
        {
            **decision.model_dump(include={"fingerprint", "attempt", "champion", "window"}),
            "claimed_at": at,
            "outcome": outcome,
        }
    )


@pytest.mark.parametrize(
    ("pattern", "start"),
    [
        ("", False), ("d", False), ("dq", False), ("dqq", False), ("ddqq", False), ("qqd", False),
        ("dd", True), ("dqd", True), ("qdd", True), ("ddq", True), ("qqqddd", True),
        ("d??d", True), ("???", False), ("d?", False), ("dqq?d", False),
    ],
)  # fmt: skip
def test_two_windows_of_three_start_a_retraining(pattern: str, start: bool) -> None:
    assert decide(_history(pattern), None, NOW, POLICY).start is start


def test_windows_without_data_are_named_as_such() -> None:
    assert "nothing is known" in decide(_history("????"), None, NOW, POLICY).reason


def test_the_order_of_the_history_does_not_matter() -> None:
    history = _history("qqdqd")
    assert decide(history[::-1], None, NOW, POLICY) == decide(history, None, NOW, POLICY)


def test_an_episode_keeps_its_fingerprint_while_it_goes_on() -> None:
    history = _history("qqqdqdddqdddd")
    prints = [
        decide(history[:end], None, NOW, POLICY).fingerprint for end in range(6, len(history) + 1)
    ]
    assert len(set(prints)) == 1
    later = decide(_history("qqqdqddqqqdd"), None, NOW, POLICY)
    assert later.start
    assert later.fingerprint != prints[0]
    assert decide(_history("qqqdqd", champion="c2"), None, NOW, POLICY).fingerprint != prints[0]


def test_a_hundred_alarms_of_one_episode_start_one_retraining() -> None:
    last: Trigger | None = None
    starts = 0
    for hour in range(100):
        now = NOW + timedelta(minutes=hour * 5)
        decision = decide(_history("d" * (2 + hour)), last, now, POLICY)
        if decision.start:
            starts += 1
            last = _claimed(decision, now)
    assert starts == 1


def test_a_finished_retraining_is_followed_by_a_cool_down() -> None:
    first = decide(_history("dd"), None, NOW, POLICY)
    done = _claimed(first, outcome="completed")

    soon = decide(_history("dddd"), done, NOW + timedelta(days=1), POLICY)
    assert not soon.start
    assert "cooling down" in soon.reason

    spent = decide(_history("dd"), done, NOW + timedelta(days=3), POLICY)
    assert not spent.start
    again = decide(_history("dddd"), done, NOW + timedelta(days=3), POLICY)
    assert again.start
    assert (again.attempt, again.fingerprint == first.fingerprint) == (1, False)


def test_a_new_champion_is_judged_by_its_own_windows() -> None:
    done = _claimed(decide(_history("dd"), None, NOW, POLICY), outcome="completed")
    later = NOW + timedelta(days=3)
    assert not decide(_history("dd") + _history("dq", "c2", 2), done, later, POLICY).start
    assert decide(_history("dd") + _history("dd", "c2", 2), done, later, POLICY).start


def test_a_crashed_retraining_gets_new_attempts_but_not_for_ever() -> None:
    decision = decide(_history("dd"), None, NOW, POLICY)
    keys = [decision.idempotency_key]
    for attempt in (2, 3):
        crashed = _claimed(decision, outcome="crashed")
        crashed = crashed.model_copy(update={"failures": attempt - 2})
        decision = decide(_history("dd"), crashed, NOW, POLICY)
        assert (decision.start, decision.attempt) == (True, attempt)
        keys.append(decision.idempotency_key)
    assert len(set(keys)) == 3
    assert len({key.rpartition("-")[0] for key in keys}) == 1
    worn = _claimed(decision, outcome="crashed").model_copy(update={"failures": 2})
    assert not decide(_history("ddd"), worn, NOW, POLICY).start


def test_a_crash_is_not_retried_once_the_drift_is_over() -> None:
    crashed = _claimed(decide(_history("dd"), None, NOW, POLICY), outcome="crashed")
    assert not decide(_history("ddqq"), crashed, NOW, POLICY).start


def test_a_retraining_that_went_silent_counts_as_crashed() -> None:
    running = _claimed(decide(_history("dd"), None, NOW, POLICY))
    held = decide(_history("dd"), running, NOW + timedelta(hours=11), POLICY)
    assert not held.start
    assert "under way" in held.reason
    assert decide(_history("dd"), running, NOW + timedelta(hours=13), POLICY).attempt == 2


def test_windows_that_had_their_retraining_are_spent_under_the_next_champion_too() -> None:
    done = _claimed(decide(_history("ddd"), None, NOW, POLICY), outcome="completed")
    later = NOW + timedelta(days=7)
    seen = decide(_history("ddd", champion="c2"), done, later, POLICY)
    assert not seen.start
    assert "had its retraining" in seen.reason
    assert decide(_history("dddqdd", champion="c2"), done, later, POLICY).start


@pytest.mark.parametrize("outcome", ["cancelled", "nothing_new"])
def test_what_was_no_answer_spends_no_episode_and_cools_nothing_down(outcome: str) -> None:
    first = decide(_history("dd"), None, NOW, POLICY)
    last = _claimed(first, outcome=outcome)
    for attempt in range(2, 9):  # more often than an episode may crash
        soon = decide(_history("dd"), last, NOW + timedelta(minutes=5 * attempt), POLICY)
        assert (soon.start, soon.attempt, soon.fingerprint) == (True, attempt, first.fingerprint)
        last = _claimed(soon, outcome=outcome)
    assert not decide(_history("ddqq"), last, NOW, POLICY).start
    assert not decide(_history("dd", champion="c2"), last, NOW, POLICY).start


def test_an_episode_that_crashed_too_often_is_an_alert() -> None:
    first = decide(_history("dd"), None, NOW, POLICY)
    worn = _claimed(first, outcome="crashed").model_copy(update={"attempt": 7, "failures": 2})
    decision = decide(_history("dd"), worn, NOW, POLICY)
    assert (decision.start, decision.alert) == (False, True)
    assert "3 attempts crashed" in decision.reason
    fresher = worn.model_copy(update={"failures": 1})
    assert decide(_history("dd"), fresher, NOW, POLICY).attempt == 8


def test_windows_that_cannot_be_read_are_neither_drift_nor_quiet() -> None:
    assert not decide(_history("d!!"), None, NOW, POLICY).start
    assert decide(_history("d!d"), None, NOW, POLICY).start
