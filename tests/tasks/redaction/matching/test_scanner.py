"""The scanner: the same findings whatever stands around, from any thread, in linear time."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tasks.redaction.findings import Finding
from tasks.redaction.forms.contact.contacts import CONTACTS
from tasks.redaction.forms.contact.phones import PHONES
from tasks.redaction.forms.numbers.birth_dates import BIRTH_DATES
from tasks.redaction.forms.numbers.identifiers import IDENTIFIERS
from tasks.redaction.forms.numbers.licences import LICENCES
from tasks.redaction.forms.places.addresses import ADDRESSES
from tasks.redaction.forms.secrets.secrets import SECRETS
from tasks.redaction.matching.scanner import Detector, Scanner
from tasks.redaction.matching.triggers import Batch, Trigger, Triggers
from tests.tasks.redaction.clean_texts import CLEAN


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(
        [*CONTACTS, *IDENTIFIERS, *SECRETS, *PHONES, *BIRTH_DATES, *LICENCES, *ADDRESSES]
    )


def _detector(name: str, pattern: str, **fields: object) -> Detector:
    settings: dict[str, object] = {"before": 8, "after": 8, **fields}
    return Detector(
        kind="SECRET",
        name=name,
        trigger="ab",
        pattern=re.compile(pattern),
        score=0.5,
        **settings,  # pyright: ignore[reportArgumentType]
    )


def test_detectors_may_share_a_trigger() -> None:
    scanner = Scanner([_detector("one", "ab1"), _detector("two", "(?P<value>x)ab")])
    found = {(one.detector, one.start, one.end) for one in scanner.find("xab1")}
    assert found == {("one", 1, 4), ("two", 0, 1)}


def test_a_trigger_far_away_leads_to_its_own_window() -> None:
    scanner = Scanner([_detector("one", "ab1")])
    text = "ab1" + " " * 100 + "ab1" + " " * 100 + "ab2"
    assert [one.start for one in scanner.find(text)] == [0, 103]


def test_a_check_and_a_context_may_refuse() -> None:
    def other(match: re.Match[str]) -> bool:
        return match[0] != "ab1"

    refusing = _detector("one", r"ab\d", check=other)
    wanting = _detector("two", r"ab\d", context=re.compile("key"), context_after=9)
    scanner = Scanner([refusing, wanting])
    assert scanner.find("ab1") == []
    assert {one.detector for one in scanner.find("key ab1")} == {"two"}
    assert {one.detector for one in scanner.find("ab2 is a key")} == {"one", "two"}


def test_a_detector_that_needs_a_digit_is_left_out_where_there_is_none() -> None:
    asked: list[str] = []

    def noted(match: re.Match[str]) -> bool:
        asked.append(match[0])
        return True

    wordy = _detector("one", "ab", check=noted)
    scanner = Scanner([wordy, _detector("two", r"ab\d?", check=noted, needs_digit=True)])
    assert [one.detector for one in scanner.find("ab")] == ["one"]
    assert {one.detector for one in scanner.find("ab1")} == {"one", "two"}
    assert asked == ["ab", "ab", "ab1"]
    assert Scanner([_detector("two", "ab", needs_digit=True)]).find("ab") == []


def test_a_trigger_inside_what_was_found_may_lead_to_nothing_more() -> None:
    asked: list[str] = []

    def noted(match: re.Match[str]) -> bool:
        asked.append(match[0])
        return True

    long = _detector("long", "ab1ab2")
    spared = _detector("spared", r"ab\d?", check=noted, once=1)
    found = Scanner([long, spared]).find("ab1ab2")
    assert [one.detector for one in found] == ["long"]
    assert asked == []
    kept = Scanner([long, spared]).find("ab3")
    assert [one.detector for one in kept] == ["spared"]


def test_what_is_sure_spares_a_search_that_comes_before_it_in_the_text() -> None:
    asked: list[str] = []

    def noted(match: re.Match[str]) -> bool:
        asked.append(match[0])
        return True

    early = _detector("early", r"abc?", check=noted, once=0)
    sure = replace(_detector("sure", "xabcd"), trigger="abcd")
    assert [one.detector for one in Scanner([early, sure]).find("xabcd")] == ["sure"]
    assert asked == []


def test_a_trigger_that_waits_for_a_digit_is_not_found_in_the_next_text() -> None:
    triggers = Triggers([Trigger("ab[^0-9]{0,30}[0-9]", 9), Trigger("b", 9)])
    assert triggers.rows(Batch(["ab", "12", "ab 1"])) == [{1: [2, 2]}, {}, {1: [2, 2], 0: [4, 4]}]


def test_texts_searched_together_give_what_each_gives_alone(scanner: Scanner) -> None:
    texts = [
        *CLEAN,
        "4111 1111 1111 1111",  # a number that ends its text, one that starts the next
        "4111 1111 1111 1111",
        "a@b.example",
        "",
        "🦙 Hauptstraße 5, 10115 Berlin",
        "reach me at 212-555-0143\nor at 12 Main Street, Springfield, IL 62704",
        "my password is",
        "hunter2-Tr0ub4dor, and born on",
        "3 May 1990",
    ]
    assert scanner.find_all(texts) == [scanner.find(text) for text in texts]


def test_a_reader_makes_the_findings_itself() -> None:
    def read(match: re.Match[str]) -> list[Finding]:
        return [Finding("PHONE", match.start() + 1, match.end(), 1.0, "reader")]

    found = Scanner([_detector("one", "ab", read=read)]).find("ab")
    assert found == [Finding("PHONE", 1, 2, 1.0, "reader")]


def test_signs_outside_latin_1_keep_places(scanner: Scanner) -> None:
    text = "🦙\ud800用户 ssn 078-05-1120 🦙 a@b.example \udfff"
    values = {text[one.start : one.end] for one in scanner.find(text)}
    assert values == {"078-05-1120", "a@b.example"}


@pytest.mark.parametrize("text", ["", " ", "\0", "\ud800", "é", "🦙" * 1000])
def test_nothing_is_found_in_nothing(scanner: Scanner, text: str) -> None:
    assert scanner.find(text) == []


def test_threads_do_not_disturb_each_other(scanner: Scanner) -> None:
    texts = [
        f"mail n{n}@example.org, card 4111 1111 1111 1111, from 203.0.113.{n}" for n in range(200)
    ]
    alone = [scanner.find(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert list(pool.map(scanner.find, texts)) == alone


@pytest.mark.parametrize(
    "piece",
    ["1", "1 ", "11 ", "12-", "1.1.", " ", "@", "a@", '"@', "a:", "::", "://a@", "?token=", "<<A",
     "password is ", "ssn ", "1 is my ", "bearer a", "GB82 ", "4111 1111 1111 1111 ", "eyA.", "\\n",
     "-----BEGIN PRIVATE KEY-----", "a" * 63 + ".", "0123.4567.", "Aa1/", "card a ",
     "555 1234 ", "(040) ", "born 1 ", "licence ", "12 Main ", "apt 1 ", "1\n A", "lives at 1 "],
)  # fmt: skip
def test_a_hostile_text_costs_in_proportion_to_its_length(scanner: Scanner, piece: str) -> None:
    """Not a matter of speed: four times the text must not take sixteen times as long."""
    spent: list[float] = []
    for length in (50_000, 200_000):
        text = (piece * (length // len(piece) + 1))[:length]
        best = min(_seconds(scanner, text) for _ in range(2))
        spent.append(best)
    assert spent[1] < 10 * spent[0] + 0.05


def _seconds(scanner: Scanner, text: str) -> float:
    start = time.process_time()
    scanner.find(text)
    return time.process_time() - start
