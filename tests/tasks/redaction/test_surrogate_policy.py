"""Surrogates and placeholders of a whole data set through the redactor: by a key, in any order."""

from __future__ import annotations

import json
import random
import re
from datetime import date
from typing import Any

import pytest

from data_contracts.contracts import NO_SURROGATE, PII_KINDS
from data_contracts.errors import InputError
from tasks.redaction.engine import Redactor, build_redactor, redactor_identity
from tasks.redaction.findings import Finding, Redacted
from tasks.redaction.kinds import PLACEHOLDER
from tasks.redaction.placeholders import replace_findings, settle
from tasks.redaction.writing import Rules

EVERY = {kind: "surrogate" for kind in PII_KINDS if kind not in NO_SURROGATE}
TEXTS = [
    "Write to marjorie.haldane@quillmark.io or call +44 20 7999 0958 before noon.",
    "My card is 4111 1111 1111 1111 and my IBAN is DE89 3704 0044 0532 0130 00.",
    "My social security number is 778-62-8144, I was born on 12 May 1987.",
    "I write from 8.8.4.4, tweet @marjorie_h84 or send it to 12 Birchgate Lane.",
]
VALUES = (
    "haldane", "quillmark", "7999 0958", "4111", "3704 0044", "778-62", "12 May", "8.8.4.4",
    "marjorie", "Birchgate",
)  # fmt: skip


def forms(**more: Any) -> Redactor:
    return build_redactor(names=False, policies=EVERY, key=b"k", **more)


def by_hand(texts: list[str], values: list[tuple[str, str]], rules: Rules) -> Redacted:
    """Redact values at each place where they stand."""
    found: list[list[Finding]] = [[] for _ in texts]
    for kind, value in values:
        for own, text in zip(found, texts, strict=True):
            own += [
                Finding(kind, one.start(), one.end(), 0.9, "test")
                for one in re.finditer(rf"\b{re.escape(value)}\b", text)
            ]
    return replace_findings(texts, settle(texts, found, rules), rules)


@pytest.mark.parametrize("consistent", [False, True])
def test_values_become_others_and_are_counted(consistent: bool) -> None:
    done = forms(consistent=consistent).redact_records([TEXTS])[0]
    whole = "\n".join(done.texts)
    assert not [value for value in VALUES if value.lower() in whole.lower()]
    assert not PLACEHOLDER.search(whole)
    assert done.surrogates == done.kinds and done.kinds.total() >= 9
    assert re.match(r"Write to \w+\.\w+@example\.\w+ or call \+44 [\d ]+ before noon\.", whole)
    assert len(done.texts) == len(TEXTS)


def test_what_was_given_another_value_is_given_another_again_and_never_the_first() -> None:
    """Surrogates bear no mark, so a second pass takes them for values: it ends, and is harmless."""
    redactor = forms()
    texts, seen = list(TEXTS), set[str]()
    for _ in range(5):
        done = redactor.redact_records([texts])[0]
        assert done.texts == redactor.redact_records([texts])[0].texts
        whole = "\n".join(done.texts).lower()
        assert not [value for value in VALUES if value.lower() in whole]
        assert whole not in seen
        seen.add(whole)
        texts = done.texts


def test_a_text_for_people_has_placeholders_and_stays_as_it_is() -> None:
    redactor = forms()
    once = redactor.redact_text(TEXTS[0])
    assert once == "Write to <EMAIL_1> or call <PHONE_1> before noon."
    assert redactor.redact_text(once) == once
    surrogates = redactor.redact_records([[TEXTS[0]]])[0].texts[0]
    assert redactor.redact_text(surrogates) == once


def test_secrets_get_none() -> None:
    done = forms().redact_records([["my password is hunter2!Q and https://bob:pw12@x.org/y too"]])[
        0
    ]
    assert "hunter2" not in done.texts[0] and "pw12" not in done.texts[0]
    assert PLACEHOLDER.search(done.texts[0]) and not done.surrogates
    for kind in NO_SURROGATE:
        with pytest.raises(InputError, match=f"{kind} gets no surrogate"):
            build_redactor(names=False, policies={kind: "surrogate"})


def test_a_disguised_value_has_a_placeholder() -> None:
    done = forms().redact_records(
        [["Mail m a r j o r i e @ quillmark . io or YW5uYUBxdWlsbC5pbw=="]]
    )
    assert done[0].kinds["EMAIL"] == 2 and not done[0].surrogates
    assert re.fullmatch(r"Mail <EMAIL_1> or <EMAIL_2>", done[0].texts[0])


@pytest.mark.parametrize("policies", [EVERY, {}])
def test_over_a_data_set_neither_order_nor_batch_matters(policies: dict[str, str]) -> None:
    redactor = build_redactor(names=False, policies=policies, consistent=True, key=b"k")
    records = [[TEXTS[number % 4], f"row {number} of a@quillmark.io"] for number in range(24)]
    alone = [redactor.redact_record(one).texts for one in records]
    assert [one.texts for one in redactor.redact_records(records)] == alone
    order = random.Random(3).sample(range(24), 24)
    shuffled = redactor.redact_records([records[place] for place in order])
    assert [one.texts for one in shuffled] == [alone[place] for place in order]
    again = build_redactor(names=False, policies=policies, consistent=True, key=b"k")
    assert again.redact_record(records[7]).texts == alone[7]
    mails = {re.findall(r"of (\S+)", texts[1])[0] for texts in alone}
    assert len(mails) == 1
    other = build_redactor(names=False, policies=policies, consistent=True, key=b"l")
    assert other.redact_record(records[7]).texts != alone[7]


def test_within_records_alone_the_same_value_differs_between_them() -> None:
    done = forms().redact_records([["a@quillmark.io", f"row {number}"] for number in range(12)])
    assert len({one.texts[0] for one in done}) > 6
    for texts in (["a@quillmark.io wrote", "to A@quillmark.io"], ["+44 20 7999 0958"] * 2):
        first, second = forms().redact_record(texts).texts
        assert re.findall(r"[\w.]+@|\d{4}", first.lower()) == re.findall(
            r"[\w.]+@|\d{4}", second.lower()
        )


def test_a_person_is_one_in_every_spelling_and_every_record() -> None:
    rules = Rules({}, key=b"k", consistent=True)

    def placeholder(text: str, *names: str) -> list[str]:
        done = by_hand([text], [("PERSON", name) for name in names], rules)
        return re.findall(r"<PERSON_[0-9a-f]{16}>", done.texts[0])

    (one,) = placeholder("Ann Lee wrote", "Ann Lee")
    assert placeholder("ANN  LEE wrote", "ANN  LEE") == [one]
    assert placeholder("Dr. Ann Lée wrote", "Dr. Ann Lée") == [one]
    assert placeholder("Ann Lee, so Ann and Mrs. Lee", "Ann Lee", "Ann", "Mrs. Lee") == [one] * 3
    # "Ann" alone may be anybody, and is where two bear the name.
    (bare,) = placeholder("Ann wrote", "Ann")
    assert bare != one
    two = placeholder("Ann Lee met Ann Berg; Ann left", "Ann Lee", "Ann Berg", "Ann")
    assert two[0] == one and two[2] == bare and len(set(two)) == 3


def test_surrogates_of_names_read_as_one_person() -> None:
    rules = Rules({"PERSON": "surrogate"}, key=b"k")
    names = [("PERSON", "Ann Lee"), ("PERSON", "Ann"), ("PERSON", "ANN LEE")]
    done = by_hand(["Ann Lee here.", "Thanks Ann, or ANN LEE!"], names, rules)
    found = re.fullmatch(
        r"(\w+) (\w+) here\.\nThanks (\w+), or (\w+) (\w+)!", "\n".join(done.texts)
    )
    assert found is not None
    first, last, again, loud, loud_last = found.groups()
    assert (again, loud, loud_last) == (first, first.upper(), last.upper())
    assert done.surrogates == {"PERSON": 3}


def test_dates_of_a_subject_move_together() -> None:
    records = [[f"row {number}: I was born on 1987-05-1{number}."] for number in range(8)]
    done = forms().redact_records(records, ["ann"] * 8)
    born = [date.fromisoformat(re.findall(r"19[\d-]{8}", one.texts[0])[0]) for one in done]
    moves = {(new - date(1987, 5, 10 + number)).days for number, new in enumerate(born)}
    assert len(moves) == 1 and moves != {0}
    apart = forms().redact_records(records, [f"person {number}" for number in range(8)])
    assert [one.texts for one in apart] != [one.texts for one in done]


def test_the_key_and_the_reach_are_in_the_identity() -> None:
    def identity(**more: Any) -> str:
        return json.dumps(redactor_identity(names=False, **more), sort_keys=True)

    surrogates: dict[str, Any] = {"policies": {"EMAIL": "surrogate"}}
    every = [
        identity(),
        identity(consistent=True, key=b"k"),
        identity(consistent=True, key=b"l"),
        identity(**surrogates, key=b"k"),
        identity(**surrogates, key=b"l"),
        identity(**surrogates, consistent=True, key=b"k"),
    ]
    assert len(set(every)) == len(every)
    assert identity(key=b"k") == identity()
