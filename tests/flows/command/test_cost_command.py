"""`paddock cost` over a log in a store: prices, days ahead, days that cannot be."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data_contracts.errors import InputError
from data_contracts.inference_log import LogRow, log_bytes
from flows.asking.cost_parameters import CostParameters
from flows.command.costing import gather, tell
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    found = Workshop(Settings(home=tmp_path / "home"))
    for ago in range(12):
        day = NOW - timedelta(days=ago)
        given = {"model": "bells/3", "prompt": "Hello?", "answer": "Yes.", "tenant": "acme"}
        given |= {"time": day, "prompt_tokens": 30, "answer_tokens": 70, "seconds": 3.6}
        rows = [LogRow.model_validate(given | {"id": f"{ago}-{n}"}) for n in range(10)]
        found.store.write(f"inference/bells/{day:%Y-%m-%dT%H}.jsonl", log_bytes(rows))
    return found


def test_costs_of_a_log_and_what_comes(workshop: Workshop) -> None:
    asked = CostParameters(name="bells", hour=4.0, ahead=10, since="2026-03-01")
    told = gather(workshop, asked, NOW)
    assert told.serving.total.requests == 120
    assert told.serving.total.cost == pytest.approx(120 * 3.6 / 3600 / 4 * 4)
    assert told.forecast is not None
    assert told.forecast.days == 10  # neither the first one, nor today
    assert told.forecast.tokens == (10_000, 10_000, 10_000)
    some = gather(workshop, asked.model_copy(update={"until": "2026-03-25"}), NOW)
    assert some.serving.total.requests == 60
    assert (some.since, some.until) == ("2026-03-01", "2026-03-25")


def test_a_program_reads_it_and_days_that_cannot_be_are_refused(workshop: Workshop) -> None:
    asked = CostParameters(name="bells", format="json", since="2026-01-01", cap=500)
    value = json.loads(tell(workshop, asked))
    assert value["name"] == "bells"
    assert value["training"] == {"trainings": 0, "gpu_hours": 0.0, "cost": 0.0}
    for since, until in (("2026-02-30", ""), ("2026-03-02", "2026-03-01")):
        with pytest.raises(InputError, match="2026-03-01"):
            gather(workshop, CostParameters(since=since, until=until), NOW)
