"""The champion is asked what it was judged by, whatever was trained after it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data_contracts.errors import ContractError
from eval_sets.loading import list_eval_sets
from flows.asking.parameters import RetrainParameters
from flows.evaluation import sets_to_ask
from tasks.storage.objects import open_store

CHAMPION: Any = SimpleNamespace(name="desk", version=2, digest="c" * 64)


@pytest.fixture
def workshop(tmp_path: Path) -> Any:
    return SimpleNamespace(store=open_store(str(tmp_path / "store"), None))


def record(workshop: Any, time: str, digest: str, **asked: Any) -> None:
    parameters = RetrainParameters(name="desk", **asked).model_dump(mode="json")
    summary = {"candidate_digest": digest, "parameters": parameters}
    workshop.store.write(f"runs/desk/{time}.json", json.dumps(summary).encode())


def names(workshop: Any, named: str = "") -> list[str]:
    return [entry.name for entry in sets_to_ask(workshop, CHAMPION, named)]


def test_the_champion_is_asked_the_sets_it_was_judged_by(workshop: Any) -> None:
    record(workshop, "2026-01-01", CHAMPION.digest, source="rows.jsonl", eval_sets="safety")
    record(workshop, "2026-01-02", "d" * 64, eval_sets="desk_facts")
    assert names(workshop) == ["safety"]
    assert names(workshop, "desk_facts, safety") == ["desk_facts", "safety"]


@pytest.mark.parametrize(
    ("source", "asked"),
    [("demo", list_eval_sets()), ("rows.jsonl", ["instruction_following", "safety"])],
)
def test_sets_that_were_not_named_follow_the_champions_source(
    workshop: Any, source: str, asked: list[str]
) -> None:
    record(workshop, "2026-01-01", CHAMPION.digest, source=source)
    other = "rows.jsonl" if source == "demo" else "demo"
    record(workshop, "2026-01-02", "d" * 64, source=other)
    assert names(workshop) == asked


def test_without_a_record_of_its_run_the_sets_must_be_named(workshop: Any) -> None:
    record(workshop, "2026-01-02", "d" * 64, eval_sets="desk_facts")
    with pytest.raises(ContractError, match="judged by") as error:
        names(workshop)
    assert "--eval-sets" in str(error.value)
    assert names(workshop, "safety") == ["safety"]
