"""When a shard may begin: rate, budget, and what serves meanwhile; on a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as some

from tasks.batch.pacing import LOOK_SECONDS, Pace


@dataclass
class Clock:
    now: float = 0.0
    said: list[str] = field(default_factory=list[str])

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def pace(
        self,
        most_tokens: int | None = None,
        per_minute: int | None = None,
        hold: Callable[[], str] = lambda: "",
    ) -> Pace:
        return Pace(most_tokens, per_minute, hold, lambda: self.now, self.sleep, self.said.append)


def test_a_budget_is_never_overspent_and_says_what_lacks() -> None:
    pace = Clock().pace(most_tokens=100)
    assert pace.admit(2, 100) == ""
    pace.spent += 40
    assert pace.admit(2, 60) == ""
    pace.spent += 55
    said = pace.admit(3, 6)
    assert "100 tokens" in said and "3 requests" in said and "95 are spent" in said


@given(
    shards=some.lists(
        some.tuples(some.integers(1, 10), some.floats(0, 90, allow_nan=False)), max_size=40
    )
)
def test_no_minute_begins_more_requests_than_allowed(shards: list[tuple[int, float]]) -> None:
    clock = Clock()
    pace = clock.pace(per_minute=10)
    begun: list[tuple[float, int]] = []
    for requests, seconds in shards:  # a shard has at most as many as a minute
        assert pace.admit(requests, 1) == ""
        begun.append((clock.now, requests))
        clock.now += seconds
    for first, (start, _) in enumerate(begun):
        # What begins at a moment is spread over the time that it takes up.
        within = [count for moment, count in begun[first:] if moment < start + 60 - 1e-6]
        assert sum(within[:-1]) <= 10


def test_it_waits_no_longer_than_its_rate_asks() -> None:
    clock = Clock()
    pace = clock.pace(per_minute=10)
    for _ in range(6):
        pace.admit(5, 1)
    assert clock.now == 150.0 == pace.waited
    clock.now += 1000
    pace.admit(5, 1)
    assert clock.now == 1150.0


def test_it_is_paused_while_an_error_budget_burns() -> None:
    clock = Clock()
    reasons = iter(["of desk, waits burn", "of desk, waits burn", "of desk, it is spent", ""])
    pace = clock.pace(hold=lambda: next(reasons))
    assert pace.admit(1, 1) == ""
    assert clock.now == 3 * LOOK_SECONDS == pace.waited
    assert clock.said == ["paused: of desk, waits burn", "paused: of desk, it is spent", "goes on"]
