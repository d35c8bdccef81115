"""A date beside a word of birth is found to the character; any other date stays."""

from __future__ import annotations

import pytest

from tasks.redaction.forms.numbers.birth_dates import BIRTH_DATES
from tasks.redaction.matching.scanner import Scanner


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(BIRTH_DATES)


def _found(scanner: Scanner, text: str) -> set[str]:
    return {text[one.start : one.end] for one in scanner.find(text)}


@pytest.mark.parametrize(
    "date",
    [
        "4/17/1986",
        "04/17/86",
        "17.04.1986",
        "17-4-86",
        "1986-04-17",
        "1986/4/17",
        "19860417",
        "17 April 1986",
        "17th of April, 1986",
        "April 17, 1986",
        "Apr. 17 1986",
        "17-Apr-1986",
        "17/Apr/1986",
        "17. Mai 1986",
        "17 août 1986",
        "17 de mayo de 1986",
    ],
)
@pytest.mark.parametrize(
    "around",
    [
        "I was born on {}.",
        "DOB: {}",
        '{{"date_of_birth": "{}"}}',
        "What is your date of birth?\n\nIt's {}",
        "Date of Birth (DD/MM/YYYY): {}",
        "Geburtsdatum: {}",
        "{} is my birthday",
    ],
)
def test_any_date_is_personal_beside_a_word_of_birth(
    scanner: Scanner, date: str, around: str
) -> None:
    assert _found(scanner, around.format(date)) == {date}
    assert not _found(scanner, f"We met on {date} in Ulm.")


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("My birthday is May 12th", "May 12th"),
        ("She was born in May 1987, in Ulm", "May 1987"),
        ("né le 3 août 1990 à Lyon", "3 août 1990"),
        ("nací el 12 de mayo de 1987", "12 de mayo de 1987"),
        ("I turned 30 on 3/4/2020", "3/4/2020"),
        ("b. 12 May 1987", "12 May 1987"),
        ("founded 1999-01-02. Born 1987-05-12, she", "1987-05-12"),
        ('"dob": "1986-04-17T00:00:00"', "1986-04-17"),
    ],
)
def test_parts_and_other_words(scanner: Scanner, text: str, date: str) -> None:
    assert _found(scanner, text) == {date}


@pytest.mark.parametrize(
    "text",
    [
        "The album was released on 3/4/2020.",
        "It's like that since 11/15/1979",
        "He was born in 1987.",
        "Her date of birth is on file; the order was placed on 3/4/2020",
        "airborne since 12 May 1987",
        "birth rate: 12.5 per 1000 in 2010",
    ],
)
def test_other_dates_stay(scanner: Scanner, text: str) -> None:
    assert not _found(scanner, text)
