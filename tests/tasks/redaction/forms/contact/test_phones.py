"""Phone numbers of many countries are found to the character; other digits are left alone."""

from __future__ import annotations

import pytest

from tasks.redaction.forms.contact.phones import PHONES
from tasks.redaction.matching.scanner import Scanner


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(PHONES)


def _longest(scanner: Scanner, text: str) -> str | None:
    found = scanner.find(text)
    assert {one.kind for one in found} <= {"PHONE"}
    return max((text[one.start : one.end] for one in found), key=len, default=None)


@pytest.mark.parametrize(
    "number",
    [
        "+44 20 7946 0958",
        "+49 (0)30 901820",
        "(+44) 20 7946 0958",
        "+33 1 23 45 67 89",
        "+862155512345",
        "+1.202.555.0143",
        "0049 30 901820",
        "001-748-088-2851x818",
        "(978)645-9740x11144",
        "(212) 555-0100",
        "751-954-9268",
        "833.719.3994 ext. 12",
        "1-800-555-0199",
        "06 12 34 56 78",
        "0910-5877671",
        "030/1234567",
        "(85) 5986-8343",
        "(027) 7972-805",
        "51-16-34-25",
        "73 44 826",
        "329 7730",
    ],
)
@pytest.mark.parametrize("around", ["{}", "Well, {}.", "<td>{}</td>", "one\n{}\ntwo", "({})"])
def test_a_number_written_like_a_phones_needs_no_word(
    scanner: Scanner, number: str, around: str
) -> None:
    assert _longest(scanner, around.format(number)) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("you can reach me at 9876543210", "9876543210"),
        ("What's your phone number?\n\n51163425", "51163425"),
        ("I lost my card, so please call 5551234567", "5551234567"),
        ("whatsapp me 5511987654321", "5511987654321"),
        ("https://wa.me/447911123456", "447911123456"),
        ("Mein Handy: 01711234567", "01711234567"),
        ("322 327 102 is my number", "322 327 102"),
        ("61 51 81 office", "61 51 81"),
        ("2813882583 fax", "2813882583"),
        ("tel:+1-201-555-0123", "+1-201-555-0123"),
        ("Her number is 73 448 266, I think", "73 448 266"),
        ("phone 555.0100", "555.0100"),
        ("Nair 020 7946 0312 ext 4471", "020 7946 0312 ext 4471"),
        ("Or the home line, (03) 9017 4426.", "(03) 9017 4426"),
    ],
)
def test_other_digits_need_a_word_for_phones(scanner: Scanner, text: str, number: str) -> None:
    assert _longest(scanner, text) == number


@pytest.mark.parametrize("digits", ["9876543210", "51163425", "73 448 266", "61 51 81"])
def test_without_a_word_they_stay(scanner: Scanner, digits: str) -> None:
    assert _longest(scanner, f"We counted {digits} in all") is None


@pytest.mark.parametrize(
    "text",
    [
        "version 1.2.3.4567 of build 20240512",
        "order 123-456-7890 and invoice 555 010 9999",
        "ISBN 978-3-16-148410-0",
        "2019-05-03 14:22:11 and 9999-12-31 and 05.12.1990",
        "from 1990-1995 to 2010 2015",
        "192.168.100.123 at 48.858370, 2.294481",
        "$1,234,567.89 or 1 234 567 euros",
        "34500-33000=1500 and 4000/2000=2 and 1 000 000 + 1 500 000",
        "123e4567-e89b-12d3-a456-426614174000",
        "my social security number is 308-63-0237",
        "Please charge my credit card. Number is 5210402405591275",
        "h * 69069 + 907133923",
        "Apt. 722 20 40 rue Victor Hugo",
        "the call returned 123456789 rows",
        "10-20 people, 100-200 km, 1024 768 px",
        '"GET /cart HTTP/1.1" 200 5123 "-"',
    ],
)
def test_digits_of_another_kind_stay(scanner: Scanner, text: str) -> None:
    assert _longest(scanner, text) is None


def test_two_numbers_are_two_findings(scanner: Scanner) -> None:
    text = "my phone no. is 07700 900123 and 07700 900124"
    assert {text[one.start : one.end] for one in scanner.find(text)} == {
        "07700 900123",
        "07700 900124",
    }
