"""Licence numbers of many states are found behind words for a licence to drive, and only there."""

from __future__ import annotations

import pytest

from tasks.redaction.forms.numbers.licences import LICENCES
from tasks.redaction.matching.scanner import Scanner


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(LICENCES)


def _found(scanner: Scanner, text: str) -> set[str]:
    return {text[one.start : one.end] for one in scanner.find(text)}


@pytest.mark.parametrize(
    "number",
    [
        "D1234562",
        "d1234562",
        "975406282",
        "A123-4567-8901",
        "S530-4209-1234",
        "12ABC34567",
        "WDLABCD456DG",
        "K12-34-5678",
        "A1234 56789 01234",
        "ABC-12-3456",
        "B072RRE2I55",
        "U1X1234567",
        "DL-0420110149646",
    ],
)
@pytest.mark.parametrize(
    "around",
    [
        "My driver's license number is {}.",
        "What's your driver's license?\n\n{}",
        "driving licence: {}",
        "Drivers License # {}",
        "DL no. {}",
        "Führerschein {}",
        "my license is {}",
        "{} is my driving licence",
    ],
)
def test_any_form_counts_beside_the_words(scanner: Scanner, number: str, around: str) -> None:
    assert _found(scanner, around.format(number)) == {number}
    assert not _found(scanner, f"We shipped {number} yesterday")


def test_the_british_form_needs_no_words(scanner: Scanner) -> None:
    assert _found(scanner, "mine: MORGA657054SM9IJ ok") == {"MORGA657054SM9IJ"}
    assert not _found(scanner, "mine: MORGA693054SM9IJ ok")  # there is no month 93


@pytest.mark.parametrize(
    "text",
    [
        "Is my driver license valid until 3/4/2022?",
        "I lost my driver's license, call 555-123-4567",
        "Apache License, Version 2.0 (January 2004)",
        "Software license number 1234567",
        "My license plate is ABC-12345",
        "driver version 1234567 has no license",
    ],
)
def test_other_licences_and_digits_stay(scanner: Scanner, text: str) -> None:
    assert not _found(scanner, text)
