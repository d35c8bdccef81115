from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tasks.drift.decision import Ended, Policy, WindowResult, decide
from tasks.drift.triggers import (
    claim_trigger,
    last_trigger,
    read_history,
    record_outcome,
    record_result,
)
from tasks.storage.objects import LocalStore, ObjectStore, S3Store

NOW = datetime(2026, 3, 10, tzinfo=UTC)
POLICY = Policy()  # pyright: ignore[reportCallIssue]


def _drift(store: ObjectStore, hours: int = 2) -> None:
    for hour in range(hours):
        result = WindowResult(window=f"2026-03-09T{hour:02d}", champion="c1", status="drifted")
        record_result(store, "desk", result)


def _monitor(store: ObjectStore, now: datetime) -> bool:
    decision = decide(read_history(store, "desk", "c1"), last_trigger(store, "desk"), now, POLICY)
    return decision.start and claim_trigger(store, "desk", decision, now) is not None


def test_of_a_hundred_monitors_one_starts_the_retraining(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    _drift(store)
    with ThreadPoolExecutor(16) as pool:
        started = list(pool.map(_monitor, [store] * 100, [NOW] * 100))
    assert started.count(True) == 1


def test_a_hundred_claims_of_one_decision_give_one_winner(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    _drift(store)
    decision = decide(read_history(store, "desk", "c1"), None, NOW, POLICY)
    with ThreadPoolExecutor(16) as pool:
        jobs = [pool.submit(claim_trigger, store, "desk", decision, NOW) for _ in range(100)]
    claims = [job.result() for job in jobs]
    assert sum(claim is not None for claim in claims) == 1


def test_a_crash_opens_the_next_attempt_and_the_first_word_on_it_stands(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    _drift(store)
    assert _monitor(store, NOW)
    first = last_trigger(store, "desk")
    assert first is not None
    assert first.outcome == "running"
    assert not _monitor(store, NOW + timedelta(hours=1))

    assert record_outcome(store, "desk", first, "crashed")
    assert not record_outcome(store, "desk", first, "completed")
    assert _monitor(store, NOW + timedelta(hours=2))
    second = last_trigger(store, "desk")
    assert second is not None
    assert (second.attempt, second.outcome) == (2, "running")
    assert second.fingerprint == first.fingerprint

    assert record_outcome(store, "desk", second, "completed")
    assert not _monitor(store, NOW + timedelta(hours=3))


def test_only_crashes_count_as_failures_and_the_first_start_says_what_was_there(
    tmp_path: Path,
) -> None:
    store = LocalStore(tmp_path)
    _drift(store)
    outcomes: list[Ended] = ["cancelled", "crashed", "nothing_new", "crashed", "cancelled"]
    failures: list[int] = []
    for hour, outcome in enumerate(outcomes):
        now = NOW + timedelta(hours=hour)
        last = last_trigger(store, "desk")
        decision = decide(read_history(store, "desk", "c1"), last, now, POLICY)
        claim = claim_trigger(store, "desk", decision, now, candidate=4 + hour)
        assert claim is not None
        assert (claim.attempt, claim.candidate) == (hour + 1, 4)
        record_outcome(store, "desk", claim, outcome)
        found = last_trigger(store, "desk")
        assert found is not None
        failures.append(found.failures)
    assert failures == [0, 0, 1, 1, 2]


def test_claims_from_before_candidates_were_kept_are_read(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    old = {"fingerprint": "f" * 24, "attempt": 1, "champion": "c1", "window": "2026-03-09T01"}
    old |= {"claimed_at": "2026-03-09T02:00:00Z", "outcome": "running"}
    store.write(f"drift/desk/triggers/{'f' * 24}/001.json", json.dumps(old).encode())
    last = last_trigger(store, "desk")
    assert last is not None
    assert (last.candidate, last.failures, last.outcome) == (None, 0, "running")


def test_a_window_compared_again_replaces_its_verdict(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    _drift(store)
    quiet = WindowResult(window="2026-03-09T01", champion="c1", status="quiet")
    record_result(store, "desk", quiet)
    assert [result.status for result in read_history(store, "desk", "c1")] == ["drifted", "quiet"]
    assert read_history(store, "desk", "c2") == []
    assert len(read_history(store, "desk", "c1", newest=1)) == 1
    assert last_trigger(store, "desk") is None


def test_monitors_on_a_real_s3_server_start_one_retraining_too(s3_server: Any) -> None:
    s3_server.client.create_bucket(Bucket="drift-triggers")
    store = S3Store(s3_server.client, "drift-triggers", "home")
    _drift(store)
    with ThreadPoolExecutor(8) as pool:
        started = list(pool.map(_monitor, [store] * 24, [NOW] * 24))
    assert started.count(True) == 1
