"""Costs by hand: a price of an hour, a cap in the order of time, and a forecast that is right."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from data_contracts.inference_log import LogRow
from tasks.costs.forecast import forecast
from tasks.costs.spending import Price, Spent, costs_of, whole_days
from tasks.costs.words import Capped, Told, as_json, as_table

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def row(number: int, hours: float, **fields: Any) -> LogRow:
    given = {"id": f"{number}", "model": "bells/3", "prompt": "Hello?", "answer": "Yes."}
    return LogRow.model_validate(given | {"time": DAY + timedelta(hours=hours)} | fields)


ROWS = [
    row(1, 1, tenant="acme", prompt_tokens=60, answer_tokens=40, seconds=36.0),
    row(3, 3, tenant="acme", prompt_tokens=50, answer_tokens=10, seconds=36.0),
    row(2, 2, tenant="acme", prompt_tokens=90, answer_tokens=10, seconds=72.0),
    row(4, 4, tenant="bloom", prompt_tokens=10, answer_tokens=10, seconds=18.0, model="bells/4"),
    row(5, 30, prompt_tokens=10, answer_tokens=10),
]


def test_a_request_costs_its_share_of_a_slots_hour() -> None:
    found = costs_of(ROWS, Price(hour=2.0, slots=4))
    acme = found.groups["3", "acme"]
    assert (acme.requests, acme.prompt_tokens, acme.answer_tokens) == (3, 200, 60)
    assert acme.slot_hours == pytest.approx(0.04)
    assert acme.cost == pytest.approx(0.04 / 4 * 2)
    assert found.groups["4", "bloom"].cost == pytest.approx(18 / 3600 / 4 * 2)
    assert found.total.unpriced == 1  # it says no seconds
    assert found.total.tokens == 300
    said = costs_of([row(1, 1, cost=0.5, seconds=36.0), row(2, 1)], Price(None, 4)).total
    assert (said.cost, said.unpriced) == (0.5, 1)


def test_a_cap_refuses_in_the_order_of_time_and_a_smaller_one_may_pass() -> None:
    found = costs_of(ROWS, Price(hour=2.0, slots=4), cap=170).refused
    assert found is not None
    assert (found.requests, found.tokens, found.tenants) == (1, 100, {"acme"})
    assert found.cost == pytest.approx(72 / 3600 / 4 * 2)
    assert found.days == {"2026-03-01"}
    none = costs_of(ROWS, Price(None, 4), cap=10_000).refused
    assert none is not None
    assert none.requests == 0


def test_a_forecast_holds_what_comes_nine_times_in_ten() -> None:
    draw, held = random.Random(11), 0

    def day() -> Spent:
        asked = draw.randint(50, 150)
        return Spent(requests=asked, answer_tokens=sum(draw.choices((20, 400), k=asked)))

    for seed in range(60):
        found = forecast([day() for _ in range(28)], 14, seed)
        assert found is not None
        mean, low, high = found.tokens
        assert low < mean < high
        held += low <= sum(day().tokens for _ in range(14)) <= high
    assert 48 <= held <= 60  # 54 are meant; of 60 fair ones fewer than 48 are rarer than 1 %
    assert forecast([day() for _ in range(4)], 14, 1) is None


def test_days_without_a_request_are_days_too() -> None:
    known = {"2026-02-27": Spent(requests=1), "2026-03-01": Spent(requests=3)}
    found = whole_days(known, "2026-02-26", "2026-03-02")
    assert [one.requests for one in found] == [1, 0, 3]
    assert whole_days(known, "2026-02-27", "2026-02-28") == []


def test_what_is_told_to_people_is_told_to_programs() -> None:
    costs = costs_of(ROWS, Price(hour=2.0, slots=4), cap=170)
    capped = {"acme": Capped(600, 200, 1_000)}
    told = Told("bells", "2026-03-01", "2026-03-02", costs, 2, 1.5, 3.0, None, capped)
    table = as_table(told)
    assert "| serving  | 3           | acme   | 3        | 200          | 60 " in table
    assert (
        "| training | 2 trainings | -      | -        | -            | -               | 1.50"
        in table
    )
    assert "refused 1 requests (20.0%) of 1 tenants on 1 days: 100 tokens" in table
    assert "1 requests have no known cost" in table
    assert "No forecast" in table
    assert "acme has used 800 of its 1,000 tokens of today (UTC; 80%, 200 of them res" in table
    value = as_json(told)
    assert value["serving"]["groups"][0]["tenant"] == "acme"
    assert value["cap"]["requests"] == 1
    assert value["caps_today"] == {"acme": {"taken": 600, "reserved": 200, "cap": 1_000}}
    assert sum(day["requests"] for day in value["serving"]["days"].values()) == 5
