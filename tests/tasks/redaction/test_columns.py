"""Values beside others are found: in a row of a table, twice, behind one that was cut off."""

from __future__ import annotations

import pytest

from tasks.redaction.engine import find_forms

_VALUES = {
    "SSN": "778-62-8144",
    "card": "4111111111111111",
    "card in fours": "4111 1111 1111 1111",
    "card with dashes": "5500-0000-0000-0004",
    "IBAN": "DE89370400440532013000",
    "IBAN in fours": "GB29 NWBK 6016 1331 9268 19",
    "IBAN, country apart": "DE 8937 0400 4405 3201 3000",
    "phone": "212-555-0143",
    "phone with country": "+1 212 555 0143",
    "phone with brackets": "(212) 555-0143",
    "phone in one": "+442079460958",
    "e-mail": "anna.keller@example.org",
    "IPv4": "203.0.113.17",
    "IPv6": "2001:db8:85a3::8a2e:370:7334",
    "MAC": "00:1A:2B:3C:4D:5E",
    "AWS key": "AKIAIOSFODNN7EXAMPLE",
}
_BESIDE = (("", ""), ("John", "Smith"), ("1", "2"), ("17", "3"), ("2024-01-02", "1990"))


@pytest.mark.parametrize("mark", [",", ";", "|", "\t", ", ", '","', "','", " | "])
@pytest.mark.parametrize("name", _VALUES)
def test_a_value_in_a_column_is_found(name: str, mark: str) -> None:
    value = _VALUES[name]
    for before, behind in _BESIDE:
        quote = mark[0] if mark[0] in "\"'" else ""
        text = f"{quote}{before}{mark}{value}{mark}{behind}{quote}"
        assert not missed(text, text.index(value), value), text


def missed(text: str, start: int, value: str) -> list[int]:
    """Return the places of the value's letters and digits that no finding covers."""
    (found,) = find_forms([text])
    covered = {place for one in found for place in range(one.start, one.end)}
    places = range(start, start + len(value))
    return [place for place in places if text[place].isalnum() and place not in covered]


@pytest.mark.parametrize("mark", [" ", ", ", "\n", "\t", ";", " / ", " and "])
@pytest.mark.parametrize("name", _VALUES)
def test_both_of_two_values_are_found(name: str, mark: str) -> None:
    value = _VALUES[name]
    text = f"{value}{mark}{value}"
    assert not missed(text, 0, value), text
    assert not missed(text, len(value) + len(mark), value), text


@pytest.mark.parametrize("name", [name for name in _VALUES if name != "card in fours"])
def test_a_value_behind_the_beginning_of_another_is_found(name: str) -> None:
    value = _VALUES[name]
    for length in range(1, len(value)):
        beginning = value[:length].rstrip()
        text = f"{beginning} {value}"
        assert not missed(text, len(beginning) + 1, value), text


@pytest.mark.parametrize(
    "text",
    [
        "sold 1,234 567 890 units",
        "a total of 123456789,50 in all",
        "between 1,123 456 789 and 2,123 456 789",
        "part number 123-45-6789, row 123-45-6789",
    ],
)
def test_thousands_and_cents_are_no_columns(text: str) -> None:
    assert find_forms([text]) == [[]]


@pytest.mark.parametrize("text", ["it is ⟦⟧ 0000", "4 e+115 ⟦⟧", "12345 ⟦⟧ 123 456", "⟦⟧ 12345"])
@pytest.mark.parametrize("name", ["SSN", "IBAN", "card", "card with dashes"])
def test_groups_of_digits_beside_a_whole_number_hide_nothing(name: str, text: str) -> None:
    value = _VALUES[name]
    start = text.index("⟦")
    text = text.replace("⟦⟧", value)
    assert not missed(text, start, value), text
