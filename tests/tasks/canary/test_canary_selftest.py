"""The self-test: that it finds a policy's faults, and what it says of judged answers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from data_contracts.errors import InputError
from tasks.canary.arms import Weights
from tasks.canary.phases import Version, begin, step
from tasks.canary.policy import CanaryPolicy, Limits, Phase, read_policy
from tasks.canary.selftest import Row, judged_share_needed, run_selftest, stop_times
from tasks.canary.traffic import AZURE_RATE, CHAMPION, EDGES, Gateway, Traffic
from tasks.canary.words import selftest_table, side_by_side

# An hour's requests in three minutes: as many counts, a twentieth of the ticks.
FAST, TRAFFIC = CanaryPolicy(fast=20), Traffic(20 * AZURE_RATE)
START = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_defaults_pass_and_the_table_says_so() -> None:
    rows = list(run_selftest(FAST, TRAFFIC, 60))
    assert [row.kind for row in rows if row.missed] == []
    table = selftest_table(rows, stop_times(FAST, TRAFFIC, 5), TRAFFIC, 0.9)
    assert "passes its own test" in table
    assert table.count("\n| ") == 7
    quiet = rows[-1]
    assert quiet.counted["not enough data"] == 60
    assert quiet.minutes is not None
    assert quiet.minutes > 24 * 60 / 20


def test_the_same_seed_draws_the_same_hours() -> None:
    assert list(run_selftest(FAST, TRAFFIC, 20, 3)) == list(run_selftest(FAST, TRAFFIC, 20, 3))
    assert list(run_selftest(FAST, TRAFFIC, 20, 3)) != list(run_selftest(FAST, TRAFFIC, 20, 4))


def test_a_policy_that_tolerates_too_much_fails() -> None:
    lenient = FAST.model_copy(
        update={"latency": Limits(least=180, margin=0.6, tolerated=0.5), "truncated": None}
    )
    rows = {row.kind: row for row in run_selftest(lenient, TRAFFIC, 20)}
    assert {kind for kind, row in rows.items() if row.missed} == {
        "latency + 20 %",
        "truncated 2 -> 6 %",
    }
    assert "FAILS" in selftest_table(list(rows.values()), [], TRAFFIC, None)


def test_broken_versions_go_within_minutes() -> None:
    """Row 37: what answers nothing but errors goes at the first tick that sees it."""
    found = {one.kind: one for one in stop_times(CanaryPolicy(), Traffic(AZURE_RATE), 12)}
    assert found["errors of 100 %"].most == 1
    assert found["errors of 10 %"].most <= 15
    assert found["latency x 3"].most <= 15


def test_too_eager_a_policy_rolls_good_versions_back() -> None:
    eager = FAST.model_copy(update={"wrong_rollback": 0.4})
    first, *_ = run_selftest(eager, TRAFFIC, 60)
    assert first.counted["rolled back"] > 3


@pytest.mark.parametrize(("rate", "needed"), [(AZURE_RATE, 0.9), (20.0, 0.25), (0.05, None)])
def test_how_many_answers_must_be_judged_is_said(rate: float, needed: float | None) -> None:
    assert judged_share_needed(CanaryPolicy(), Traffic(rate)) == needed


def test_goals_are_missed_on_their_side() -> None:
    first = next(iter(run_selftest(FAST, TRAFFIC, 20)))
    assert not first.missed
    many = Row(first.kind, 20, {"rolled back": 3, "went on": 17, "not enough data": 0}, first.goal)
    assert many.missed


def test_drawn_counters_only_grow_and_follow_the_weights() -> None:
    gateway = Gateway(np.random.default_rng(1), Traffic(10), CHAMPION, START)
    one, two = gateway.tick(Weights.of(50)), gateway.tick(Weights.of(50))
    assert one.stable.requests == 0
    assert two.canary.requests is not None
    assert two.canary.latency is not None
    assert one.canary.requests is not None
    assert 250 < one.canary.requests < 350
    assert two.canary.requests > one.canary.requests
    assert two.canary.latency[-1] == two.canary.requests
    assert len(two.canary.latency) == len(EDGES) + 1


def test_the_page_shows_the_arms_side_by_side_with_their_intervals() -> None:
    gateway = Gateway(np.random.default_rng(2), Traffic(5.53), CHAMPION, START)
    state = begin("desk", Version(version=2, digest="b"), Version(version=1, digest="a"), START)
    reading = gateway.tick(state.weights)
    for _ in range(62):
        state = step(state, CanaryPolicy(), reading, reading.at)
        reading = gateway.tick(state.weights)
    page = side_by_side(state, CanaryPolicy())
    for word in ("baseline", "stable", "canary", "latency p95", "hallucinated", "verdict"):
        assert word in page
    line = next(line for line in page.splitlines() if line.startswith("| errors"))
    assert line.count("%;") == 3  # a share and its interval in each arm
    gone = reading.model_copy(update={"healthy": False})
    ended = side_by_side(step(state, CanaryPolicy(), gone, gone.at), CanaryPolicy())
    assert "**rolled back**" in ended
    assert "does not answer" in ended


def test_a_policy_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "serving.toml"
    file.write_text(
        "[engine]\nthreads = 1\n[canary]\nfast = 60\n"
        "phases = [{ share = 10, minutes = 5 }, { share = 100, minutes = 1 }]\n"
        "[canary.errors]\nleast = 100\nmargin = 0.02\ntolerated = 0.005\n"
    )
    policy = read_policy(file)
    assert policy.phases == (Phase(share=10, minutes=5), Phase(share=100, minutes=1))
    assert policy.errors == Limits(least=100, margin=0.02, tolerated=0.005)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no table"),
        ("[canary", "cannot be read"),
        ("[canary]\nphases = [{ share = 60, minutes = 1 }]", "last must be 100 %"),
        ("[canary]\nphases = [{ share = 60, minutes = 1 }, { share = 100, minutes = 1 }]", "50 %"),
        ("[canary]\nspeed = 3", "speed"),
        ("[canary.errors]\nleast = 1\nmargin = 0.01\ntolerated = 0.02", "tolerated must be less"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "serving.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        read_policy(file)
    assert str(file) in str(caught.value)
