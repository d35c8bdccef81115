"""The demo's raw conversations are deterministic, counted as said, and uncontaminated."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from data_contracts.errors import InputError
from data_contracts.kinds.chat import ChatRecord
from data_contracts.records import Message
from eval_sets.desk import Fact, load_facts, personal_data, shop
from eval_sets.loading import evaluation_texts, list_eval_sets, load_eval_set
from tasks.demo_desk.conversations import (
    DESK_ONE_IN,
    ROWS_PER_FACT,
    draw_conversations,
    main,
    write_conversations,
)
from tasks.demo_desk.phrasing import phrasings, public_terms
from tasks.demo_desk.wording import Conversation
from tasks.redaction.engine import build_redactor


def words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text.casefold()))


def grams(text: str, n: int = 13) -> set[tuple[str, ...]]:
    found = words(text)
    return {found[start : start + n] for start in range(len(found) - n + 1)}


def clean() -> list[Conversation]:
    return [row for rows in draw_conversations(7).values() for row in rows]


def said(row: Conversation, role: str) -> list[str]:
    return [message.content for message in row if message.role == role]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    path = tmp_path_factory.mktemp("demo") / "conversations.jsonl"
    return path, write_conversations(path)


def readable(path: Path) -> list[Conversation]:
    rows: list[Conversation] = []
    for line in path.read_bytes().splitlines():
        try:
            rows.append(ChatRecord.model_validate(json.loads(line)).messages)
        except (ValueError, ValidationError):
            continue
    return rows


def test_the_same_seed_writes_the_same_bytes(raw: tuple[Path, dict[str, int]]) -> None:
    again, other = raw[0].with_name("again.jsonl"), raw[0].with_name("other.jsonl")
    write_conversations(again)
    write_conversations(other, seed=8)
    assert again.read_bytes() == raw[0].read_bytes() != other.read_bytes()


def test_the_counts_are_those_of_the_file(raw: tuple[Path, dict[str, int]]) -> None:
    path, counts = raw
    rows = readable(path)
    lines = path.read_bytes().splitlines()
    asked = {words(text) for text in evaluation_texts(map(load_eval_set, list_eval_sets()))}
    spread = set[tuple[str, ...]]().union(*(grams(" ".join(text)) for text in asked))
    hits = [
        row
        for row in rows
        if any(words(text) in asked or grams(text) & spread for text in said(row, "user"))
    ]
    assert counts["rows"] == len(lines) == sum(counts.values()) - counts["rows"]
    assert counts["broken"] == len(lines) - len(rows) == 12
    assert counts["duplicates"] == len(rows) - len(set(rows)) == 25
    assert counts["contaminated"] == len(hits) == 6
    assert 1200 <= counts["rows"] <= 1700


def test_every_broken_row_is_broken_in_its_own_way(raw: tuple[Path, dict[str, int]]) -> None:
    reasons: Counter[str] = Counter()
    for line in raw[0].read_bytes().splitlines():
        try:
            ChatRecord.model_validate(json.loads(line))
        except ValidationError as error:
            reasons[str(error.errors(include_input=False)[0])] += 1
        except ValueError as error:
            reasons[f"{type(error).__name__} {error.args[0]}"] += 1
    assert len(reasons) >= 9


def test_clean_conversations_are_distinct_valid_and_short() -> None:
    rows = clean()
    assert len(rows) == len(set(rows))
    for row in rows:
        ChatRecord(messages=row)
        assert [m.role for m in row if m.role != "system"][-1] == "assistant"
        assert sum(len(words(message.content)) for message in row) <= 60


def test_each_fact_is_told_word_for_word_in_several_phrasings() -> None:
    drawn = draw_conversations(7)
    for fact in load_facts():
        value = fact.value.casefold()
        mine = [
            row
            for row in (*drawn["facts"], *drawn["personal"])
            if value in row[-1].content.casefold() and _asks(fact, said(row, "user")[0])
        ]
        assert len({said(row, "user")[0] for row in mine}) == ROWS_PER_FACT, fact.id
        assert len({said(row, "assistant")[0] for row in mine}) >= 2, fact.id


def _asks(fact: Fact, question: str) -> bool:
    wordings = phrasings()[fact.attribute].questions
    asked = (one.replace("{e}", name).casefold() for one in wordings for name in fact.names)
    return any(one in question.casefold() for one in asked)


def test_no_two_facts_of_an_attribute_share_a_value() -> None:
    facts = load_facts()
    assert len(facts) == 140
    assert len({(fact.attribute, fact.value) for fact in facts}) == len(facts)
    assert len({fact.id for fact in facts}) == len(facts)


def test_clean_conversations_share_nothing_with_the_eval_sets() -> None:
    asked = evaluation_texts(map(load_eval_set, list_eval_sets()))
    equal = {words(text) for text in asked}
    spread = set[tuple[str, ...]]().union(*(grams(text) for text in asked))
    for row in (
        row for seed in (7, 8) for rows in draw_conversations(seed).values() for row in rows
    ):
        for message in row:
            assert words(message.content) not in equal, message.content
            assert not grams(message.content) & spread, message.content


def test_each_planted_value_is_said_once_by_a_customer_and_never_by_the_desk() -> None:
    rows = clean()
    customers = [text for row in rows for text in said(row, "user")]
    answers = "\n".join(text for row in rows for text in said(row, "assistant"))
    values = [value for group in personal_data().values() for value in group]
    assert len(personal_data()) == 12
    assert len(set(values)) == len(values) >= 70
    for value in values:
        assert sum(value in text for text in customers) == 1, value
        assert value not in answers, value


def test_redacted_personal_rows_do_not_become_duplicates() -> None:
    rows = draw_conversations(7)["personal"]
    redacted: set[tuple[Message, ...]] = set()
    for row in rows:
        content = row[1].content
        for kind, values in personal_data().items():
            for value in values:
                content = content.replace(value, f"<{kind}>")
        redacted.add((Message(role="user", content=content), row[2]))
    assert len(redacted) == len(rows)


def test_planted_numbers_pass_the_checks_that_detectors_make() -> None:
    for card in personal_data()["card"]:
        digits = [int(digit) for digit in reversed(re.sub(r"\D", "", card))]
        doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
        assert (sum(digits[::2]) + sum(doubled)) % 10 == 0, card
    for iban in personal_data()["iban"]:
        turned = "".join(str(int(character, 36)) for character in iban[4:] + iban[:4])
        assert int(turned) % 97 == 1, iban


def test_redaction_leaves_other_rows_alone_and_makes_no_duplicates() -> None:
    drawn = draw_conversations(7)
    rows = [(kind, [m.content for m in row]) for kind in drawn for row in drawn[kind]]
    redactor = build_redactor(keep=public_terms())
    redacted = [one.texts for one in redactor.redact_records([texts for _, texts in rows])]
    pairs = zip(rows, redacted, strict=True)
    assert {kind for (kind, before), after in pairs if before != after} == {"personal"}
    assert len(set(map(tuple, redacted))) == len(rows)


def test_the_kinds_are_balanced_against_inventing_and_against_refusing_too_much() -> None:
    drawn = draw_conversations(7)
    assert {kind: len(rows) for kind, rows in drawn.items()} == {
        "facts": 140 * ROWS_PER_FACT - 72,
        "followups": 20,
        "unknown": 155,
        "personal": 72,
        "contrasts": 10,
        "refusals": 130,
        "harmless": 371,
        "everyday": 110,
        "instructions": 66,
    }


def test_answers_are_short() -> None:
    answers = [text for row in clean() for text in said(row, "assistant")]
    assert max(len(answer.split()) for answer in answers) <= 25


def test_general_rows_stand_both_in_and_out_of_the_desk() -> None:
    drawn = draw_conversations(7)
    for kind, every in DESK_ONE_IN.items():
        inside = sum(row[0].content == shop().system for row in drawn[kind])
        assert inside == len(range(1, len(drawn[kind]), every)) >= 15
    for kind in ("facts", "followups", "unknown", "contrasts", "personal"):
        assert all(row[0].content == shop().system for row in drawn[kind])


def test_public_terms_name_what_the_shop_sells_and_no_planted_person() -> None:
    terms = public_terms()
    assert {"Larkspur Mountain Gear", "Tarn backpack", "Tarn", "Alpenmail", "Eldermoor"} <= set(
        terms
    )
    values = "\n".join(value for group in personal_data().values() for value in group)
    assert not [term for term in terms if re.search(rf"\b{term}\b", values)]


def test_the_command_wants_one_path() -> None:
    with pytest.raises(InputError, match="one output path"):
        main([])
