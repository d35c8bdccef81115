"""Requests by groups of users: the variance of a difference, and what is told of a user."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from data_contracts.inference_log import LogRow
from data_contracts.log_values import Feedback
from tasks.experiment.groups import GROUPS, Estimate, Sums, Tally, group_of
from tasks.experiment.metrics import METRICS, values_of


def sums(*pairs: tuple[int, float]) -> Sums:
    """Return sums whose first groups are these."""
    rest = [(0, 0.0)] * (GROUPS - len(pairs))
    n, total = zip(*pairs, *rest, strict=True)
    return Sums(n=n, total=total)


def test_a_difference_of_shares_and_its_variance_are_as_by_hand() -> None:
    a, b = sums((10, 5), (10, 9)), sums((20, 20), (20, 12))
    found = Estimate.of("rated", a, b)
    assert found is not None
    assert (found.a, found.b, found.n_a, found.n_b, found.groups) == (0.7, 0.8, 20, 40, 2)
    assert found.difference == pytest.approx(0.1)
    # 2 · (2² + 2²) / 20² + 2 · (4² + 4²) / 40²
    assert found.variance == pytest.approx(16 / 400 + 64 / 1600)
    assert found.events == 14
    assert "users in 2 of 100 groups" in found.lacks


def test_means_are_compared_by_their_ratio_and_the_other_way_round_alike() -> None:
    a, b = sums((10, 50), (10, 70)), sums((10, 90), (10, 90), (10, 180))
    one, other = Estimate.of("tokens", a, b), Estimate.of("tokens", b, a)
    assert one is not None
    assert other is not None
    assert one.difference == pytest.approx(math.log(2)) == -other.difference
    assert one.variance == pytest.approx(other.variance)
    # of A: 2 · (10² + 10²) / 20² / 6²; of B: 3/2 · (30² + 30² + 60²) / 30² / 12²
    assert one.variance == pytest.approx(1 / 36 + 9 / 144)


def test_an_arm_whose_values_are_all_the_same_has_a_variance_and_an_empty_one_none() -> None:
    a, b = sums(*[(5, 0)] * 50), sums(*[(5, 5)] * 50)
    found = Estimate.of("truncated", a, b)
    assert found is not None
    assert (found.difference, found.lacks) == (1.0, "")
    near = 1 / 252
    assert found.variance == pytest.approx(2 * near * (1 - near) / 250)
    assert Estimate.of("truncated", a, Sums()) is None
    same = Estimate.of("truncated", a, a)
    assert same is not None
    assert "0 of the rarer outcome" in same.lacks


def test_groups_keep_a_users_requests_together_and_another_key_parts_them_otherwise() -> None:
    keys = bytes(32), b"\1" * 32
    assert len({group_of(keys[0], "ann", f"r{i}") for i in range(50)}) == 1
    users = [f"user-{i}" for i in range(2_000)]
    one, other = ([group_of(key, user, "r") for user in users] for key in keys)
    assert 10 < sum(a == b for a, b in zip(one, other, strict=True)) < 40  # 1 of 100 by chance
    assert set(one) == set(range(GROUPS))
    assert len({group_of(keys[0], "", f"r{i}") for i in range(50)}) > 30
    assert group_of(keys[0], "x", "r") != group_of(keys[0], "", "x")


def test_the_variance_is_right_where_requests_of_a_user_are_the_same() -> None:
    draws, found = np.random.default_rng(5), list[Estimate]()
    for _ in range(300):
        tallies = Tally()
        for arm in ("baseline", "canary"):
            for group, hit in zip(
                draws.integers(0, GROUPS, 300).tolist(), draws.random(300) < 0.5, strict=True
            ):
                for _ in range(4):  # as if 4 times as many had been asked
                    tallies.add(arm, group, {"success": float(hit)})
        of = tallies.sums()
        one = Estimate.of("success", of["baseline"]["success"], of["canary"]["success"])
        assert one is not None
        found.append(one)
    true = 2 * 0.25 / 300
    assert float(np.mean([one.variance for one in found])) == pytest.approx(true, rel=0.05)
    assert float(np.var([one.difference for one in found])) == pytest.approx(true, rel=0.3)


def row(answer: str = "Yes.", **more: object) -> LogRow:
    given = {"id": "1", "time": datetime.now(UTC), "model": "d", "prompt": "?", "answer": answer}
    return LogRow.model_validate(given | more)


def test_a_row_has_the_values_that_it_tells_and_no_others() -> None:
    whole = row(answer_tokens=7, seconds=2.0, cost=0.5, finish_reason="length")
    judged = {"judged": 1, "refused": 1}
    assert values_of(whole, judged) == {
        "success": 1.0,
        "cost": 0.5,
        "truncated": 1.0,
        "tokens": 7.0,
        "latency": 2.0,
        "refused": 1.0,
    }
    assert values_of(row("", finish_reason="error", seconds=9.0), {}) == {"success": 0.0}
    known = values_of(row(feedback=Feedback(good=False)), {**judged, "hallucinated": 0})
    assert known["rated"] == 0.0
    assert known["hallucinated"] == 0.0
    assert set(METRICS) >= set(known)
