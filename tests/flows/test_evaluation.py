"""The champion is asked what it was judged by, whatever was trained after it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from data_contracts.errors import ContractError
from eval_sets.loading import list_eval_sets
from flows.asking.parameters import RetrainParameters
from flows.evaluation import judged_by

ASKED_BY_NAME = {"desk_new_facts", "desk_documents"}  # the second where pages are trained on, too


def champion(**asked: Any) -> Any:
    return SimpleNamespace(parameters=RetrainParameters.model_validate({"name": "desk", **asked}))


def names(champion: Any, *named: str) -> list[str]:
    return [entry.name for entry in judged_by(champion, named)]


def test_the_champion_is_asked_the_sets_it_was_judged_by() -> None:
    made = champion(source="rows.jsonl", eval_sets="safety")
    assert names(made) == ["safety"]
    assert names(made, "desk_facts", "safety") == ["desk_facts", "safety"]


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ("demo", [name for name in list_eval_sets() if name not in ASKED_BY_NAME]),
        ("demo-documents", [name for name in list_eval_sets() if name != "desk_new_facts"]),
        ("rows.jsonl", ["instruction_following", "safety"]),
    ],
)
def test_sets_that_were_not_named_follow_the_champions_source(
    source: str, asked: list[str]
) -> None:
    assert names(champion(source=source)) == asked


def test_without_a_record_of_its_run_the_sets_must_be_named() -> None:
    class Unknown:
        @property
        def parameters(self) -> RetrainParameters:
            raise ContractError("nobody knows its parameters", step="drift", where="desk version 2")

    unknown: Any = Unknown()
    with pytest.raises(ContractError, match="nobody knows") as error:
        names(unknown)
    assert "--eval-sets" in str(error.value)
    assert names(unknown, "safety") == ["safety"]
