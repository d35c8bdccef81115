"""An experiment's counts: what the log's writer adds up, what ratings say, what is left over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data_contracts.errors import InputError
from data_contracts.inference_log import LogRow
from flows.asking.experiment_parameters import ExperimentRunParameters
from flows.serving.canary_ticks import Site
from flows.serving.experiment_counts import (
    Counting,
    begin_counting,
    counted,
    end_counting,
    is_counted,
    ratings,
)
from flows.serving.experiment_start import begun
from flows.serving.places import Places, put
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from tasks.serving.specification import Specification
from tasks.storage.objects import LocalStore

TIME = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    found = Places(tmp_path, "desk")
    found.make()
    yield found
    end_counting(found)
    for folder in (found.taps, found.run):
        folder.rmdir()


def row(id: str, variant: str) -> LogRow:
    given = {"id": id, "time": TIME, "model": "desk/1", "prompt": "?", "answer": "Yes."}
    return LogRow.model_validate(given | {"variant": variant, "finish_reason": "stop"})


def test_rows_are_counted_by_group_and_no_user_is_told(places: Places) -> None:
    counting = Counting(places)
    counting.look()
    counting.tell(row("0", "canary"), "ann", {})
    counting.write()
    assert not places.experiment.exists()
    begin_counting(places, "one", "success")
    counting.look()
    for number in range(30):
        counting.tell(row(f"{number}", "canary"), "ann@example.org", {})
        counting.tell(row(f"s{number}", "champion"), "ann@example.org", {})
    counting.tell(row("b", "baseline"), "bob", {})
    counting.write()
    again = Counting(places)  # a writer that is started anew goes on
    again.look()
    again.tell(row("30", "canary"), "ann@example.org", {"judged": 1, "refused": 1})
    again.write()
    found = counted(places, "one")
    assert sorted(found["canary"]["success"].n)[-2:] == [0, 31]
    assert sum(found["baseline"]["success"].n) == 1
    assert sum(found["canary"]["refused"].n) == 1
    written = "".join(path.read_text() for path in places.experiment.iterdir())
    assert "ann" not in written
    assert not (places.experiment / "requests.jsonl").exists()
    assert counted(places, "another") == {}


def test_what_was_counted_is_gone_at_the_end_and_the_writer_stops(places: Places) -> None:
    begin_counting(places, "one", "rated")
    key = json.loads((places.experiment / "key.json").read_text())["key"]
    begin_counting(places, "one", "rated")
    assert json.loads((places.experiment / "key.json").read_text())["key"] == key
    counting = Counting(places)
    counting.look()
    counting.tell(row("1", "canary"), "ann", {})
    end_counting(places)
    counting.write()
    assert not places.experiment.exists()
    assert not is_counted(places, "one")
    begin_counting(places, "two", "rated")
    assert json.loads((places.experiment / "key.json").read_text())["key"] != key
    counting.look()
    counting.write()
    assert counted(places, "two") == {"baseline": {}, "canary": {}}


def test_ratings_come_later_and_by_the_id_of_a_request(places: Places, tmp_path: Path) -> None:
    begin_counting(places, "one", "rated")
    counting = Counting(places)
    counting.look()
    for id, arm in (("1", "canary"), ("2", "baseline"), ("3", "canary"), ("4", "champion")):
        counting.tell(row(id, arm), f"user {id}", {})
    counting.tell(row("1", "canary"), "user 1", {})  # after a writer that was killed
    counting.write()
    store = LocalStore(tmp_path / "store")

    def said(window: str, part: str, *given: tuple[str, bool]) -> None:
        rows = [
            {**row(id, "").model_dump(mode="json", exclude_defaults=True), "feedback": up}
            for id, up in given
        ]
        text = "".join(f"{json.dumps(one)}\n" for one in rows)
        store.write(f"inference/desk/{window}.{part}.jsonl", text.encode())

    said("2026-02-28T12", "import-0", ("3", True))  # of a day before it began
    said("2026-03-01T12", "import-1", ("1", True), ("2", False), ("4", True), ("9", True))
    said("2026-03-01T12", "serve-1", ("3", False))  # the serving's own: no ratings
    found = ratings(places, store, "desk", "2026-03-01", tmp_path)
    assert (sum(found["canary"]["rated"].n), sum(found["canary"]["rated"].total)) == (1, 1.0)
    assert (sum(found["baseline"]["rated"].n), sum(found["baseline"]["rated"].total)) == (1, 0.0)


@pytest.mark.parametrize(
    ("metric", "more", "said"),
    [
        ("tokens", {"log": {"keep": False}}, "keep = true"),
        ("hallucinated", {}, "eval_sets"),
        ("cost", {}, "[prices]"),
    ],
)
def test_what_nobody_counts_is_not_compared(
    places: Places, tmp_path: Path, metric: str, more: dict[str, object], said: str
) -> None:
    put(places.state, {})
    specification = Specification.model_validate({"name": "desk", **more})
    places.specification.write_text(specification.model_dump_json())
    store = LocalStore(tmp_path / "store")
    workshop = Workshop(Settings(home=tmp_path), "promoter")
    given = ExperimentRunParameters.model_validate({"name": "desk", "metric": metric})
    with pytest.raises(InputError, match=f"nobody counts {metric} here") as refused:
        begun(workshop, Site(store, places, "desk"), places, given)
    assert said in refused.value.remedy
    assert not places.experiment.exists()
