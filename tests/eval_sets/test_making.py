"""The cases that ship are those that their makers make, and no case is another one again."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from data_contracts.contract_files import default_contract
from eval_sets.loading import evaluation_texts, list_eval_sets, load_eval_set
from eval_sets.making.cases import lines
from eval_sets.making.registry import MAKERS
from tasks.ingestion.duplicates import Seen, SeenRows
from tasks.ingestion.similarity import signature

NAMES = list_eval_sets()


def near_duplicates(texts: list[str], scratch: Path) -> list[tuple[str, str]]:
    """Return the pairs of which ingestion would drop the latter."""
    rows = SeenRows(scratch / "rows.sqlite", default_contract("chat").duplicates.threshold)
    signed = [signature([text]) for text in texts]
    numbers = [
        rows.add(Seen("set", line, str(line), (("context", ""), ("asked", text)), sign))
        for line, (text, sign) in enumerate(zip(texts, signed, strict=True))
    ]
    found = [
        (texts[near[0].line], text)
        for number, text, sign in zip(numbers, texts, signed, strict=True)
        if (near := rows.nearly(number, sign))
    ]
    rows.close()
    return found


def test_each_set_that_ships_has_its_maker() -> None:
    assert sorted(MAKERS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_cases_are_as_they_are_made(name: str) -> None:
    committed = Path(str(files("eval_sets"))) / name / "cases.jsonl"
    assert committed.read_bytes() == lines(MAKERS[name]()), "run: python -m eval_sets.making"


@pytest.mark.parametrize("name", NAMES)
def test_no_case_of_a_set_is_nearly_another(name: str, tmp_path: Path) -> None:
    texts = [case.messages[-1].content for case in load_eval_set(name).cases]
    assert near_duplicates(texts, tmp_path) == []


def test_a_case_that_is_nearly_another_would_be_found(tmp_path: Path) -> None:
    long = (
        "Please tell me how many days a parcel takes from your shop in town to my small house in"
        " the hills behind the lake, if it leaves you in the morning"
    )
    again = [long, long.replace("Please tell", "please  tell"), "Where is the shop?"]
    assert near_duplicates(again, tmp_path) == [(again[0], again[1])]


def test_no_two_cases_say_the_same_to_a_model() -> None:
    sets = [load_eval_set(name) for name in NAMES]
    assert len(evaluation_texts(sets)) == sum(len(one.cases) for one in sets)
