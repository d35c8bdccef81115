"""What is served here and how it keeps its promises: from the log, to a pause, to the metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.inference_log import LogRow, log_bytes
from eval_sets.loading import load_eval_set
from flows.asking.release_parameters import PromoteParameters
from flows.measuring.figures import Figure
from flows.measuring.promises import Promised
from flows.promotion import describe_poll, look_at_candidates
from flows.serving.places import Places, put
from flows.serving.promised import pause_of_releases, pause_of_servings, standing
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from model_registry.promotion import Poll
from tasks.serving.specification import Specification
from tasks.slo.objectives import Promises, promises_of
from tasks.slo.samples import Sample, keep_sample
from tasks.slo.words import status_table
from tasks.storage.objects import LocalStore
from tests.waiting import free_port

NAME = "bells"
PAUSING = {"objectives": {"success": {"target": 0.999, "pauses": True}}}
NOW = datetime.now(UTC).replace(minute=50, second=0, microsecond=0)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(Settings(home=tmp_path / "home"))


def serve_from(workshop: Workshop, **slo: Any) -> None:
    places = Places(workshop.settings.home, NAME)
    places.folder.mkdir(parents=True)
    put(places.specification, Specification(name=NAME, slo=slo).model_dump(mode="json"))


def rows(since: datetime, minutes: int, each: int, bad: int = 0, **fields: Any) -> Iterator[LogRow]:
    for minute in range(minutes):
        for number in range(each):
            answer = "" if number < bad else "Yes."
            given = {"id": f"{since:%dT%H%M}-{minute}-{number}", "model": f"{NAME}/1"}
            given |= {"prompt": "Hello?", "answer": answer, "time": since + minute * MINUTE}
            yield LogRow.model_validate(given | fields)


MINUTE = timedelta(minutes=1)


def write(workshop: Workshop, *several: Iterator[LogRow]) -> None:
    windows: dict[str, list[LogRow]] = {}
    for some in several:
        for row in some:
            windows.setdefault(f"{row.time:%Y-%m-%dT%H}", []).append(row)
    for window, found in windows.items():
        workshop.store.write(f"inference/{NAME}/{window}.jsonl", log_bytes(found))


def test_a_log_without_failures_holds_nothing_and_one_with_them_holds_releases(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.promotion.promote_step", nothing_to_promote)
    asked, urgent = PromoteParameters(name=NAME), PromoteParameters(name=NAME, urgent=True)
    write(workshop, rows(NOW - 300 * MINUTE, 300, 4))
    assert not pause_of_releases(workshop, NAME, NOW).held  # served elsewhere: not its business
    serve_from(workshop, **PAUSING)
    assert not pause_of_releases(workshop, NAME, NOW).held
    assert look_at_candidates(workshop, asked).passed_over == {1: "its gates"}
    monkeypatch.setattr("flows.promotion.datetime", _At)
    write(workshop, rows(NOW - 300 * MINUTE, 280, 4), rows(NOW - 20 * MINUTE, 20, 40, bad=20))
    held = pause_of_releases(workshop, NAME, NOW)
    assert "400 of" in held.words
    assert pause_of_servings(workshop, NOW).words == f"of {NAME}, {held.words}"
    poll = look_at_candidates(workshop, asked)
    assert (poll.release, poll.passed_over) == (None, {})
    assert f"Nothing is promoted: of what serves of {NAME}, success: 400 of" in describe_poll(
        NAME, poll
    )
    put(file := Places(workshop.settings.home, NAME).specification, {"slo": {}})
    assert not pause_of_releases(workshop, NAME, NOW).held  # no promise asks for it
    assert not pause_of_servings(workshop, NOW).held
    put(file, {"slo": PAUSING})
    went = look_at_candidates(workshop, urgent)
    assert went.passed_over == {1: "its gates"}
    assert went.held


def nothing_to_promote(*_: object) -> Poll:
    return Poll(release=None, passed_over={1: "its gates"})


class _At(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return NOW


def test_what_cannot_be_read_holds_only_where_a_promise_asks_for_it(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = promises_of(PAUSING | {"prometheus": f"http://127.0.0.1:{free_port()}"}, "mine")
    _, pause = standing(workshop, NAME, away, NOW)
    assert "success: nobody knows whether its budget burns (Prometheus" in pause.words
    quiet = {"truncated": {"target": 0.95}}
    _, pause = standing(workshop, NAME, promises_of({"objectives": quiet}, "mine"), NOW)
    assert not pause.held

    def fail(*_: object) -> Iterator[str]:
        raise ConnectionError("https://user:secret@store")

    monkeypatch.setattr(LocalStore, "keys", fail)
    budgets, pause = standing(workshop, NAME, promises_of(PAUSING, "mine"), NOW)
    assert "the inference log cannot be read: ConnectionError" in pause.words
    assert "secret" not in pause.words
    assert budgets == ()
    assert "are held" in status_table(NAME, Promises(), budgets, pause)


def test_status_says_what_was_seen_and_what_is_left(workshop: Workshop) -> None:
    good = rows(NOW - 600 * MINUTE, 600, 20, seconds=1.0, feedback={"good": 1.0})
    slow = rows(NOW - 1000 * MINUTE, 30, 20, seconds=20.0)
    write(workshop, good, slow)
    budgets, pause = standing(workshop, NAME, Promises(), NOW)
    table = status_table(NAME, Promises(), budgets, pause)
    lines = {line.split("|")[1].strip(): line for line in table.splitlines() if "|" in line}
    assert "12,600   | 0   | 100.0%" in lines["success"]
    assert "12,600   | 600 | 4.8%" in lines["latency"]
    assert "nothing seen" in lines["first_byte"]
    assert "12,000   | 0   | 100.0%" in lines["rated"]
    assert "Nothing holds releases of bells: no objective says `pauses = true`." in table


def test_the_exporter_counts_what_only_answers_tell_from_its_own_start_on(
    workshop: Workshop,
) -> None:
    serve_from(workshop)
    hour = NOW.replace(minute=0) - timedelta(hours=6)
    write(workshop, rows(hour - 30 * MINUTE, 20, 3), rows(hour, 10, 3, finish_reason="length"))
    promised = Promised(workshop.settings.home, workshop.store, hour + 5 * MINUTE)
    cut = {"requests": 30.0, "bad": 30.0}
    assert told(promised.figures(hour + 20 * MINUTE), "truncated") == cut
    later = rows(hour + timedelta(hours=4), 10, 3)
    write(workshop, later)
    for ahead in (4.5, 5, 5.5):  # a counter never falls, also where hours are read no more
        found = told(promised.figures(hour + timedelta(hours=ahead)), "truncated")
        assert found == {"requests": 60.0, "bad": 30.0}
    assert told(promised.figures(NOW), "success") == {}  # no gateway runs


def test_a_gateway_that_does_not_answer_is_a_source_that_is_down(workshop: Workshop) -> None:
    serve_from(workshop)
    state = Places(workshop.settings.home, NAME).state
    state.write_text(json.dumps({"admin": str(state.with_name("none.sock"))}))
    with pytest.raises(Exception, match="No such file"):
        list(Promised(workshop.settings.home, workshop.store).figures())


def test_a_days_looks_are_counted_and_a_judge_says_what_is_true(workshop: Workshop) -> None:
    case = next(
        one
        for one in load_eval_set("desk_facts").cases
        if sum(turn.role == "user" for turn in one.messages) == 1
    )
    slo = {
        "objectives": {
            "recall": {"target": 0.9, "pauses": True},
            "true": {
                "of": "hallucinated",
                "target": 0.95,
                "eval_sets": ["desk_facts"],
                "least": 10,
            },
        }
    }
    serve_from(workshop, **slo)
    asked = case.messages[-1].content
    wrong = "It costs 99,999 EUR and arrives in 400 days, so the law of 1820 says."
    write(
        workshop,
        rows(NOW - 90 * MINUTE, 10, 2, prompt=asked.upper(), answer=wrong),
        rows(NOW - 30 * MINUTE, 10, 1, prompt="What else?", answer=wrong),
    )
    missing = pause_of_releases(workshop, NAME, NOW)
    assert "recall: nobody looked in the last 50 hours" in missing.words
    for days, bad in ((1, 12), (0, 14)):
        look = Sample(
            kind="recall", time=NOW - timedelta(days=days), requests=208, bad=bad, about="a"
        )
        keep_sample(workshop.store, NAME, look)
    assert not pause_of_releases(workshop, NAME, NOW).held
    promises = promises_of(slo, "mine")
    budgets, pause = standing(workshop, NAME, promises, NOW)
    lines = status_table(NAME, promises, budgets, pause).splitlines()
    recall, true = (
        next(x for x in lines if x.startswith(f"| {name}")) for name in ("recall", "true")
    )
    assert "416" in recall and "26 (6.2%; 4.1% to 9.0%)" in recall
    assert "20" in true and "20 (100.0%; 83.2% to 100.0%)" in true
    assert "kept" in recall and "spent" in true
    promised = Promised(workshop.settings.home, workshop.store, NOW - timedelta(hours=3))
    figures = list(promised.figures(NOW))
    assert told(iter(figures), "recall") == {
        "requests": 416,
        "bad": 26,
        "looked": NOW.timestamp(),
    }
    assert told(iter(figures), "true") == {"requests": 20, "bad": 20}


def told(figures: Iterator[Figure], slo: str) -> dict[str, float]:
    mine = [one for one in figures if one.labels == (NAME, slo)]
    return {one.name.split("_")[2]: one.value for one in mine}
