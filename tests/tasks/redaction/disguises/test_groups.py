"""Groups with unusual signs between them are read as values of the shapes they have."""

from __future__ import annotations

import pytest

from tasks.redaction.disguises.groups import code_views, row_views
from tasks.redaction.disguises.lines import line_views


@pytest.mark.parametrize(
    ("written", "plain", "kind"),
    [
        ("4111/1111/1111/1111", "4111111111111111", "CARD"),
        ("4111_1111_1111_1111", "4111111111111111", "CARD"),
        ("4111-1111-\n> 1111-1111", "4111111111111111", "CARD"),
        ("42 42 42 42 42 42 42 42", "4242424242424242", "CARD"),
        ("078~05~1120", "078-05-1120", "SSN"),
        ("ssn 078/05/1120", "ssn 078-05-1120", "SSN"),
        ("+41~79~123~45~67", "+41 79 123 45 67", "PHONE"),
        ("call 201_555_0199", "call 201 555 0199", "PHONE"),
    ],
)
def test_rows_of_digits_are_read(written: str, plain: str, kind: str) -> None:
    read = [(view.text, view.kinds) for view in row_views(written)]
    assert plain in [text for text, kinds in read if kinds and kind in kinds]


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-02 10:11:12.345",
        "1_000_000_000",
        "078/05/1120 is a ratio",
        "friends 25+20=45 and 45*2=90",
        "the number pattern 11[29]|819",
        "4111/1111/1111/1112",
    ],
)
def test_other_rows_stay(text: str) -> None:
    assert list(row_views(text)) == []


@pytest.mark.parametrize(
    ("written", "plain", "kind"),
    [
        ("DE89_3704_0044_0532_0130_00", "DE89 3704 0044 0532 0130 00", "IBAN"),
        ("DE89 3704 0044\n0532 0130 00", "DE89 3704 0044 0532 0130 00", "IBAN"),
        ("AKIA IOSF ODNN 7EXA MPLE", "AKIAIOSFODNN7EXAMPLE", "SECRET"),
        ("00_1A_2B_3C_4D_5E", "00:1A:2B:3C:4D:5E", "MAC"),
        ("mac 00 1A 2B 3C 4D 5E", "mac 00:1A:2B:3C:4D:5E", "MAC"),
    ],
)
def test_codes_are_read(written: str, plain: str, kind: str) -> None:
    read = [(view.text, view.kinds) for view in code_views(written)]
    assert plain in [text for text, kinds in read if kinds and kind in kinds]


@pytest.mark.parametrize(
    "text", ["a0, a1, a2, a3, a4, a5", "00 1A 2B 3C 4D 5E", "DE89_3704_0044_0532_0130_01"]
)
def test_other_codes_stay(text: str) -> None:
    assert list(code_views(text)) == []


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("john@exam\nple.com", "john@example.com"),
        ("john@\n  mail.com", "john@mail.com"),
        ("> john@mail.\n> com", "> john@mail.com"),
        ("john\n.doe@mail.com", "john.doe@mail.com"),
        ("bob\n@mail.com", "bob@mail.com"),
        ("AKIAIOSF\\\nODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("https://u:p\nw@host.com", "https://u:pw@host.com"),
    ],
)
def test_broken_lines_are_joined(written: str, plain: str) -> None:
    assert [view.text for view in line_views(written)] == [plain]


@pytest.mark.parametrize(
    "text",
    [
        "Hello\njohn@mail.com",
        "john@mail.com\nThanks",
        "works on Windows\n    @pytest.mark.skipif(WASM)",
        "@staticmethod\n@contextlib.contextmanager\ndef f():",
        "one line\nanother line",
    ],
)
def test_whole_lines_stay(text: str) -> None:
    assert list(line_views(text)) == []
