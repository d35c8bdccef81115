"""Placeholders: one value, one number; repeats; policies; public terms; earlier redactions."""

from __future__ import annotations

import pickle
import re

import pytest

from tasks.redaction.findings import Finding, Redacted
from tasks.redaction.placeholders import replace_findings, settle
from tasks.redaction.writing import Rules

PLAIN = Rules({})


def redact(texts: list[str], values: dict[str, str], rules: Rules = PLAIN) -> Redacted:
    """Redact the first place of each value; the rest is for the code under test to find."""
    found: list[list[Finding]] = [[] for _ in texts]
    for value, kind in values.items():
        number = next(n for n, text in enumerate(texts) if value in text)
        start = texts[number].index(value)
        found[number].append(Finding(kind, start, start + len(value), 0.9, "test"))
    return replace_findings(texts, settle(texts, found, rules), rules)


def test_a_value_has_one_placeholder_wherever_it_stands_in_its_record() -> None:
    texts = ["I am Ann Lee, a@b.org or c@d.org", "Ann Lee wrote to a@b.org; Ann Leeds did not"]
    done = redact(texts, {"Ann Lee": "PERSON", "a@b.org": "EMAIL", "c@d.org": "EMAIL"})
    assert done.texts == [
        "I am <PERSON_1>, <EMAIL_1> or <EMAIL_2>",
        "<PERSON_1> wrote to <EMAIL_1>; Ann Leeds did not",
    ]
    assert done.kinds == {"PERSON": 2, "EMAIL": 3}
    assert done.detectors == {"test": 3, "repeat": 2}


def test_part_of_a_persons_name_has_the_placeholder_of_the_whole() -> None:
    texts = ["I am Ann Lee.", "Hello Ann, Dr. Lee. Bo Lim and Bo Cho, which Bo?"]
    values = ("Ann Lee", "Ann", "Lee", "Bo Lim", "Bo Cho", "Bo")
    found = [[_person(texts[0], "Ann Lee")], [_person(texts[1], one) for one in values[1:]]]
    found[1][-1] = _person(texts[1], "Bo?", less=1)  # of two people: his own
    done = replace_findings(texts, settle(texts, found, PLAIN), PLAIN)
    assert done.texts == [
        "I am <PERSON_1>.",
        "Hello <PERSON_1>, Dr. <PERSON_1>. <PERSON_2> and <PERSON_3>, which <PERSON_4>?",
    ]


def _person(text: str, value: str, less: int = 0) -> Finding:
    start = text.index(value)
    return Finding("PERSON", start, start + len(value) - less, 0.9, "test")


def test_a_value_of_few_letters_is_no_word_to_look_for_elsewhere() -> None:
    texts = ["found x', here", "but not x', there"]
    first = Finding("PERSON", 6, 9, 0.9, "test")
    assert settle(texts, [[first], []], PLAIN) == [[first], []]


def test_spellings_of_one_value_share_a_placeholder() -> None:
    done = redact(["4111 1111", "4111-1111"], {"4111 1111": "CARD", "4111-1111": "CARD"})
    assert done.texts == ["<CARD_1>", "<CARD_1>"]


def test_an_earlier_redaction_is_left_alone_and_its_numbers_are_not_given_again() -> None:
    done = redact(["<PERSON_1> and <PERSON_7> met Bo Berg"], {"Bo Berg": "PERSON"})
    assert done.texts == ["<PERSON_1> and <PERSON_7> met <PERSON_8>"]
    again = redact(["<PERSON_1> met"], {"PERSON_1": "PERSON"})
    assert again.texts == ["<PERSON_1> met"]
    assert not again.kinds


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("replace", r"by <EMAIL_1>, <EMAIL_1>"),
        ("hash", r"by <EMAIL_[0-9a-f]{16}>, <EMAIL_[0-9a-f]{16}>"),
        ("mask", r"by \*\.\*@\*\.\*{3}, \*\.\*@\*\.\*{3}"),
        ("keep", r"by a\.b@c\.org, a\.b@c\.org"),
    ],
)
def test_each_policy(policy: str, wanted: str) -> None:
    rules = Rules({"EMAIL": policy}, key=b"k")
    done = redact(["by a.b@c.org, a.b@c.org"], {"a.b@c.org": "EMAIL"}, rules)
    assert re.fullmatch(wanted, done.texts[0])
    assert done.kinds["EMAIL"] == (0 if policy == "keep" else 2)
    assert done.dropped_for is None


def test_a_row_to_drop_is_said_to_be_one() -> None:
    done = redact(["my SSN is 778-62-8144"], {"778-62-8144": "SSN"}, Rules({"SSN": "drop"}))
    assert done.dropped_for == "SSN"
    assert "8144" not in done.texts[0]


def test_hashes_tell_values_apart_join_records_and_need_the_key() -> None:
    def hashed(value: str, key: bytes) -> str:
        return redact([value], {value: "EMAIL"}, Rules({"EMAIL": "hash"}, key=key)).texts[0]

    assert hashed("A@b.org", b"k") == hashed("a@b.org", b"k")
    assert len({hashed("a@b.org", b"k"), hashed("c@b.org", b"k"), hashed("a@b.org", b"l")}) == 3


@pytest.mark.parametrize("policy", ["replace", "hash", "mask", "drop"])
def test_no_mapping_back_to_a_value_leaves_redaction(policy: str) -> None:
    """What is handed on, whole, holds no value that was taken out: nothing could be stored."""
    value = "ann.lee@quillmark.example"
    rules = Rules({"EMAIL": policy}, key=b"k")
    done = redact([f"write to {value}", f"{value}!"], {value: "EMAIL"}, rules)
    assert done.kinds == {"EMAIL": 2}
    handed_on = pickle.dumps((done, rules))
    assert not any(part in handed_on for part in (b"ann.lee", b"quillmark", value.encode()[::-1]))
