"""Findings that overlap become findings that do not, and nothing found is uncovered."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.findings import Finding
from tasks.redaction.matching.overlaps import without_overlaps

TEXT = "Anna Keller 12 Main Street 4111 1111 1111 1111 anna@example.com end"


def finding(value: str, kind: str, score: float = 0.9) -> Finding:
    start = TEXT.index(value)
    return Finding(kind, start, start + len(value), score, "test")


def settled(*found: Finding) -> list[tuple[str, str]]:
    return [(one.kind, TEXT[one.start : one.end]) for one in without_overlaps(TEXT, found)]


def test_a_form_beats_a_name_and_what_the_name_covers_beyond_it_stays_covered() -> None:
    address, name = finding("12 Main Street", "ADDRESS", 0.6), finding("Keller 12 Main", "PERSON")
    assert settled(name, address) == [("PERSON", "Keller"), ("ADDRESS", "12 Main Street")]


def test_what_is_proved_beats_what_is_longer() -> None:
    card = finding("4111 1111 1111 1111", "CARD")
    phone = finding("Street 4111 1111 1111 1111 anna", "PHONE", 0.5)
    assert settled(phone, card) == [
        ("PHONE", "Street"),
        ("CARD", "4111 1111 1111 1111"),
        ("PHONE", "anna"),
    ]


def test_of_two_equals_the_longer_wins_and_a_rest_without_a_word_goes() -> None:
    assert settled(finding("Anna", "PERSON"), finding("Anna Keller", "PERSON")) == [
        ("PERSON", "Anna Keller")
    ]
    mail, more = finding("anna@example.com", "EMAIL"), finding("anna@example.com ", "URL", 0.5)
    assert settled(mail, more) == [("EMAIL", "anna@example.com")]


spans = st.tuples(
    st.integers(0, len(TEXT) - 1), st.integers(1, 30), st.sampled_from(["EMAIL", "PERSON", "CARD"])
)


@given(st.lists(st.tuples(spans, st.floats(0, 1)), max_size=20))
def test_no_two_overlap_and_every_letter_found_stays_found(
    drawn: list[tuple[tuple[int, int, str], float]],
) -> None:
    found = [
        Finding(kind, start, min(len(TEXT), start + length), score, "test")
        for (start, length, kind), score in drawn
    ]
    done = without_overlaps(TEXT, found)
    assert all(one.end <= other.start for one, other in pairwise(done))
    covered = {place for one in done for place in range(one.start, one.end)}
    wanted = {place for one in found for place in range(one.start, one.end)}
    assert covered <= wanted
    # Of one finding, a single letter beside a winner may stay: it says nothing.
    for one in found:
        left = {p for p in range(one.start, one.end) if p not in covered and TEXT[p].isalnum()}
        assert not [place for place in left if place + 1 in left]
