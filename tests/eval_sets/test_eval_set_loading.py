"""Eval sets load strictly: what does not fit is named by file, line and field, never quoted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from eval_sets.loading import (
    evaluation_texts,
    list_eval_sets,
    load_eval_set,
    load_eval_set_folder,
)

CARD = """
name = "ours"
version = "0.1.0"
scope = "general"
scorer = "refusal"
purpose = "p"
provenance = "p"
licence = "l"
gates = "g"
"""


def case(**changes: Any) -> dict[str, Any]:
    return {
        "id": "a",
        "messages": [{"role": "user", "content": "SECRET wish"}],
        "max_new_tokens": 8,
        "expect": {"scorer": "refusal", "refuse": True},
    } | changes


def folder(path: Path, *cases: object, card: str = CARD) -> Path:
    (path / "card.toml").write_text(card)
    lines = (entry if isinstance(entry, str) else json.dumps(entry) for entry in cases)
    (path / "cases.jsonl").write_text("\n".join(lines))
    return path


def test_a_teams_own_folder_loads(tmp_path: Path) -> None:
    found = load_eval_set_folder(folder(tmp_path, case(), case(id="b")))
    assert (found.name, found.version, len(found.cases)) == ("ours", "0.1.0", 2)


def test_the_digest_follows_every_byte(tmp_path: Path) -> None:
    first = load_eval_set_folder(folder(tmp_path, case())).digest
    assert load_eval_set_folder(tmp_path).digest == first
    folder(tmp_path, case(max_new_tokens=9))
    second = load_eval_set_folder(tmp_path).digest
    folder(tmp_path, case(), card=CARD.replace('"p"', '"q"'))
    assert len({first, second, load_eval_set_folder(tmp_path).digest}) == 3


CLOSED = {"scorer": "closed_book", "answerable": True, "accepted": [["x"]], "facts": ["x"]}
RULES = {"scorer": "instruction_constraints"}


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        ('{"id": "a", "SECRET', "line 2"),
        ("[1]", "line 2"),
        (case(id="a"), "two cases have the id a"),
        (case(id="b", surprise=1), "surprise"),
        (case(id="b", messages=[]), "messages"),
        (case(id="b", messages=[{"role": "assistant", "content": "SECRET"}]), "last message"),
        (case(id="b", max_new_tokens=0), "max_new_tokens"),
        (case(id="b", expect={"scorer": "vibes"}), "expect"),
        (case(id="b", expect=CLOSED), "for closed_book"),
        (case(id="b", expect=CLOSED | {"answerable": False}), "accepted answers belong"),
        (case(id="b", expect=CLOSED | {"accepted": [[]]}), "no alternative"),
        (case(id="b", expect=RULES | {"constraints": []}), "constraints"),
        (case(id="b", expect=RULES | {"constraints": [{"type": "max_words"}]}), "n is missing"),
        (case(id="b", expect=RULES | {"constraints": [{"type": "one_word", "n": 2}]}), "not used"),
        (case(id="b", expect=RULES | {"constraints": [{"type": "contains"}]}), "words are missing"),
    ],
)
def test_a_bad_case_is_refused_without_being_quoted(tmp_path: Path, bad: object, what: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        load_eval_set_folder(folder(tmp_path, case(), bad))
    assert "SECRET" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("card", "what"),
    [
        ("name = ", "not TOML"),
        (CARD.replace("0.1.0", "one"), "version"),
        (CARD + "x = 1", "x:"),
        (CARD.replace("general", "everywhere"), "scope"),
    ],
)
def test_a_bad_card_is_refused(tmp_path: Path, card: str, what: str) -> None:
    with pytest.raises(InputError, match=what):
        load_eval_set_folder(folder(tmp_path, case(), card=card))


def test_missing_files_and_empty_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"card.toml cannot be read"):
        load_eval_set_folder(tmp_path)
    with pytest.raises(InputError, match="no cases"):
        load_eval_set_folder(folder(tmp_path, ""))


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match="desk_facts, desk_new_facts, instruction_following"):
        load_eval_set("no_such_set")
    with pytest.raises(InputError):
        load_eval_set("../eval_sets/safety")


def test_evaluation_texts_are_the_customers_words_once(tmp_path: Path) -> None:
    talk = [{"role": "system", "content": "s"}, {"role": "user", "content": "ask"}]
    found = load_eval_set_folder(folder(tmp_path, case(messages=talk), case(id="b", messages=talk)))
    assert evaluation_texts([found, found]) == ["ask"]
    everything = evaluation_texts(map(load_eval_set, list_eval_sets()))
    assert len(everything) == len(set(everything)) > 2000
