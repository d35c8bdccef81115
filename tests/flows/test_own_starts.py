"""What runs by itself: quiet hours, and what a week's trainings may take."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data_contracts.errors import InputError
from flows import own_starts
from flows.asking.parameters import RetrainParameters
from flows.measuring.budgets import budgets
from flows.own_starts import Held, held, minutes_left, week_budgets
from flows.showing.notifying import Event
from flows.workshop.settings import Settings
from tasks.finetuning.reproduce import NAMES
from tasks.storage.objects import open_store
from tasks.storage.outputs import ABOUT, USED, Outputs
from tasks.storage.stages import MODEL

DESK = RetrainParameters(name="desk", gpu_hour_price=2.0, gpus=2)
Trained = Callable[..., None]


@pytest.fixture
def workshop(tmp_path: Path) -> Any:
    outputs = Outputs(open_store(str(tmp_path / "store")), tmp_path / "work")
    return SimpleNamespace(outputs=outputs, store=outputs.store, settings=Settings())


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    events: list[Event] = []

    def hear(_: Any, *given: Event) -> None:
        events.extend(given)

    monkeypatch.setattr(own_starts, "notify", hear)
    return events


@pytest.fixture
def trained(workshop: Any) -> Trained:
    """Return a function that keeps a training of so many seconds in the store, as made now."""

    def keep(name: str, seconds: float, gpus: int = 1, cost: float | None = None) -> None:
        def make(folder: Path) -> Mapping[str, int]:
            (folder / "weights").write_text(f"{name} {seconds} {gpus} {cost}")
            (folder / ABOUT).mkdir()
            made = {"parameters": {"name": name}, "seconds": seconds, "gpus": gpus, "cost": cost}
            (folder / ABOUT / NAMES[0]).write_text(json.dumps(made))
            return {}

        workshop.outputs.build(MODEL.of({"of": f"{name} {seconds} {gpus}"}, {}), make)

    return keep


def limited(workshop: Any, **settings: Any) -> Any:
    workshop.settings = workshop.settings.model_copy(update=settings)
    return workshop


def now() -> datetime:
    return datetime.now(UTC)


def hold(workshop: Any, at: datetime) -> Held | None:
    return held(workshop, DESK, week_budgets(workshop, DESK, at), at)


def left(workshop: Any) -> float | None:
    return minutes_left(DESK, week_budgets(workshop, DESK, now()))


def test_without_limits_nothing_is_held_and_nothing_is_read(workshop: Any) -> None:
    del workshop.outputs
    assert hold(workshop, now()) is None
    assert left(workshop) is None


def test_quiet_hours_hold_until_they_end(workshop: Any) -> None:
    limited(workshop, quiet_hours="mon 08:00-18:00, 22:00-23:00 Europe/Berlin")
    why = hold(workshop, datetime(2026, 3, 2, 9, tzinfo=UTC))
    assert why == ("quiet hours until 2026-03-02 18:00 UTC", False)
    assert hold(workshop, datetime(2026, 3, 2, 21, 30, tzinfo=UTC))
    assert hold(workshop, datetime(2026, 3, 3, 9, tzinfo=UTC)) is None


def test_a_week_s_hours_are_those_of_this_model_s_trainings_on_all_their_gpus(
    workshop: Any, trained: Trained, told: list[Event]
) -> None:
    trained("desk", 3600)
    trained("desk", 1800, gpus=4)
    trained("other", 36_000)
    assert hold(limited(workshop, week_gpu_hours=4.0), now()) is None
    assert told == []
    assert left(workshop) == pytest.approx(30)  # an hour on two GPUs
    assert hold(limited(workshop, week_gpu_hours=3.5), now()) is None
    assert [(one.kind, one.about.split(" ", 1)[1]) for one in told] == [
        ("budget is nearly spent", "GPU hours")
    ]
    why = hold(limited(workshop, week_gpu_hours=3.0), now())
    assert why == ("the last seven days' budget is spent: 3 of 3 GPU hours", True)
    assert told[-1].kind == "needs a look" and "[by_itself]" in told[-1].text
    assert hold(workshop, now() + timedelta(days=7, minutes=1)) is None  # they are out of it


def test_money_is_what_was_recorded_and_today_s_price_where_nothing_was(
    workshop: Any, trained: Trained, told: list[Event]
) -> None:
    trained("desk", 3600, cost=5.0)
    trained("desk", 7200)  # two hours at 2.0
    limited(workshop, week_cost=9.0)
    why = hold(workshop, now())
    assert why is not None and why.reason.endswith("9 of 9 in cost")
    assert hold(limited(workshop, week_cost=13.0), now()) is None
    assert left(workshop) == pytest.approx(60)  # 4.0 of two GPUs at 2.0
    assert left(limited(workshop, week_gpu_hours=3.5)) == pytest.approx(15)
    assert told


def test_the_metrics_tell_of_the_limits_that_the_last_run_had(
    workshop: Any, trained: Trained
) -> None:
    trained("desk", 3600, gpus=3)
    assert week_budgets(limited(workshop, week_gpu_hours=4.0, week_cost=5.0), DESK, now())
    told = {(one.name, *one.labels): one.value for one in budgets(workshop.outputs)}
    assert told == {
        ("paddock_week_spent", "desk", "gpu_hours"): 3.0,
        ("paddock_week_allowed", "desk", "gpu_hours"): 4.0,
        ("paddock_week_spent", "desk", "cost"): 6.0,
        ("paddock_week_allowed", "desk", "cost"): 5.0,
    }
    # Looking is no use of a model: what was only tried must grow old.
    assert not list((workshop.outputs.work / USED).glob("*/*"))
    assert week_budgets(limited(workshop, week_gpu_hours=None, week_cost=None), DESK, now()) == []
    assert list(budgets(workshop.outputs)) == []


def test_a_training_that_may_begin_has_a_minute(workshop: Any, trained: Trained) -> None:
    trained("desk", 3599)
    assert left(limited(workshop, week_gpu_hours=1.0)) == 1.0


@pytest.mark.usefixtures("prefect_server")
def test_a_schedule_trains_nothing_in_quiet_hours_and_a_person_is_not_asked(
    home_environment: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import retraining

    for name, value in home_environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PADDOCK_QUIET_HOURS", "00:00-00:00")
    monkeypatch.setattr(retraining, "is_scheduled", lambda: True)
    ended: Any = retraining.retrain(DESK, return_state=True)
    assert ended.is_completed()
    assert ended.message.startswith("Nothing trained: quiet hours until ")

    monkeypatch.setattr(retraining, "is_scheduled", lambda: False)
    wrong = DESK.model_copy(update={"source": str(tmp_path / "none")})
    with pytest.raises(InputError, match="no such"):
        retraining.retrain(wrong)
