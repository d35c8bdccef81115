"""Detectors of phone numbers of any country, from `+44 20 7946 0958` to `51-16-34-25`.

Needs the standard library only. Digits written like a phone number (a plus, a trunk zero, brackets,
3-3-4, pairs) are one unless what stands around them says otherwise; other digits need a word such
as "call". Every pattern can read a text in one way only, so none of them runs away.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tasks.redaction.findings import Finding
from tasks.redaction.forms.numbers.checksums import luhn
from tasks.redaction.forms.phone_words import CONTEXT, HINT, free, is_measured, said
from tasks.redaction.matching.scanner import Detector
from tasks.redaction.patterns import compiled

# The scanner makes "?" of a long dash. The end of a group: one report each, not one a digit.
_TRIGGER = r"[0-9](?:[ ().\-/?\xa0]{0,3}[0-9]){5}(?:[^0-9]|\z)"
_DASH = "\\-\u2010-\u2015"
_GAP = rf"[ \u00a0\u202f.{_DASH}]"
_MORE = rf"(?:[ \u00a0\u202f.{_DASH}()/]{{0,3}}\d)"
_EXTENSION = r"(?:(?:[ ,;]{0,2}(?:ext(?:ension|n)?[.:=]?|x|durchwahl)|[ ]#)[ ]?\d{1,6})?"
# Not inside a longer word, number, code, path or sum. It stands behind a number's first character,
# since `re` looks for that without trying each place. In no form are digits further apart than 3.
_START = (
    r"(?<![\w#$€£¥%^@].)(?<!\d[.:/=*].)(?:(?<!\d,.)|(?<=\+)|(?!\d\d[ .,]))"
    rf"(?<![\w)][\\+{_DASH}].)(?:(?<!/.)|(?<=wa\.me/.))"
)
_END = rf"(?![\w%€$£°²³^])(?![.:/+{_DASH}]\d)(?![ ]?[=×÷%])(?![ ]?\*[ ]?\d)(?!:[A-Z]{{4,}}:)"
_ALONE = r"(?<!\d[ \t].)"
_LAST = r"(?![ \t,]\d)"  # digits go on; in the forms that are sure of themselves, the next column

_DATE = compiled(
    rf"(?:[0-3]?\d{_GAP}[0-3]?\d{_GAP}(?:\d\d)?\d\d"
    rf"|\d{{4}}{_GAP}[01]?\d{_GAP}[0-3]?\d|(?:1[5-9]|20)\d\d{_GAP}(?:1[5-9]|20)\d\d)"
)
_DECIMAL = compiled(r"\+\d+\.\d+")
_ROW = compiled(r"\d\s")
_TABLE = compiled(r"(?:\d+[ \t]+){2}[^\w\n]{0,8}\Z")  # numbers stand in a row before
_WORDS = compiled(
    r"[ ](?!(?:and|or|if|when|for|please|to|thanks|before|after|any)\b)[^\W\d]{2}", re.I
)
_SPLIT = compiled(r"\D+")
# A request in a web server's log: status and bytes follow.
_REQUEST = compiled(r"HTTP/[0-9.]{1,3}[\"']?[ \t]\Z")
_LARGEST = frozenset({"2147483647", "2147483648", "4294967295", "4294967296"})  # 2 ** 31 and 32
_SSN = compiled(rf"\d{{3}}[{_DASH}]\d\d[{_DASH}]\d{{4}}")


def _digits(match: re.Match[str]) -> int:
    return sum(map(str.isdigit, match["number"]))


def _is_international(match: re.Match[str]) -> bool:
    number = match["number"]
    if "+" in number[:2]:
        sum_or_decimal = number.startswith("+ ") or _DECIMAL.fullmatch(number)
        return said(match, HINT) if sum_or_decimal else not is_measured(match)
    # Zeros in front pad many a code: it must be written in groups, or a word must say so.
    return (not number.isdigit() and free(match)) or said(match, HINT)


def _is_north_american(match: re.Match[str]) -> bool:
    # Three groups with spaces may be a table: then the area code must be one that can exist.
    spaced = match["gap"] is not None and match["gap"].isspace()
    if spaced and _ROW.search(match.string, max(0, match.start() - 2), match.start()):
        return False
    unlikely = spaced and match["number"][0] in "01"
    return said(match, HINT) or (not unlikely and free(match))


def _is_national(match: re.Match[str]) -> bool:
    if _DATE.fullmatch(match["number"]) or _SSN.fullmatch(match["number"]):
        return False
    if said(match, HINT):
        return 7 <= _digits(match) <= 13
    return 9 <= _digits(match) <= 12 and free(match)


def _is_bracketed(match: re.Match[str]) -> bool:
    return 7 <= _digits(match) <= 13 and (said(match, HINT) or free(match))


def _is_pairs(match: re.Match[str]) -> bool:
    return said(match, HINT) or free(match)


def _is_local(match: re.Match[str]) -> bool:
    number, digits = match["number"], _digits(match)
    if _DATE.fullmatch(number) or _SSN.fullmatch(number) or not 6 <= digits <= 13:
        return False
    start = match.start()
    if is_measured(match) or _REQUEST.search(match.string, max(0, start - 12), start):
        return False
    if said(match, HINT):
        return True
    goes_on = _WORDS.match(match.string, match.end())  # 40 3314 Oakridge Lane
    if _TABLE.search(match.string, max(0, match.start() - 32), match.start()):
        return False
    return 7 <= digits <= 9 and free(match) and _odd(number) and not goes_on


def _odd(number: str) -> bool:
    """Tell whether digits are grouped as no amount, range, date or list of years is."""
    groups = _SPLIT.split(number)
    if "." in number or groups[0].startswith("0") or any(len(one) < 2 for one in groups):
        return False
    if all(len(one) == 3 for one in groups[1:]):  # 322 327 102 may be an amount
        return False
    if len(groups) == 2:
        low, high = int(groups[0]), int(groups[1])
        return (
            " " in number
            and high >= 1000
            and not (10_000 <= high < 100_000 or (low < 2100 and 1400 < high < 2100))
        )
    if not (len(groups[-1]) > 2 or all(len(one) == 2 for one in groups[1:])):
        return False
    return len(set(map(len, groups))) > 1  # 10 20 30 40 may be a row


def _is_bare(match: re.Match[str]) -> bool:
    if match["number"] in _LARGEST or match["number"].startswith("00000"):
        return False
    wanted = HINT if _digits(match) >= 9 else CONTEXT
    return (
        said(match, wanted)
        and not is_measured(match)
        and not (_digits(match) > 12 and luhn(_SPLIT.sub("", match["number"])))
    )


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to write a number, tried where one of its first signs opens something."""

    name: str
    first: str
    pattern: re.Pattern[str]
    score: float
    check: Callable[[re.Match[str]], bool]


def _form(
    name: str,
    first: str,
    number: str,
    score: float,
    check: Callable[[re.Match[str]], bool],
    last: str = _LAST,
) -> _Form:
    pattern = compiled(rf"(?P<number>{number}){_EXTENSION}{last}{_END}", re.IGNORECASE)
    return _Form(f"phone-{name}", first, pattern, score, check)


_FORMS = (
    _form(
        "international",
        "(+0",
        rf"(?:\(\+[1-9]\d{{0,2}}\){_MORE}{{6,14}}|\+[ ]?\(?[1-9]{_MORE}{{6,14}}"
        rf"|00(?<!\d{{4}} 00)[ .-]?[1-9]{_MORE}{{7,14}})",
        0.85,
        _is_international,
        last="",
    ),
    _form(
        "north-american",
        "(0123456789",
        rf"(?:1[ .{_DASH}]?(?:\(\d{{3}}\)[ ]?|\d{{3}}{_GAP})|\(\d{{3}}\)[ ]?"
        rf"|\d{{3}}(?P<gap>{_GAP}))\d{{3}}(?(gap)(?P=gap)|{_GAP})\d{{4}}",
        0.8,
        _is_north_american,
        last="",
    ),
    _form(
        "bracketed",
        "(",
        rf"\(0?\d{{1,4}}\)[ {_DASH}]?\d{{2,8}}(?:{_GAP}\d{{2,4}}){{0,3}}",
        0.7,
        _is_bracketed,
    ),
    _form(
        "national",
        "0",
        rf"0{_ALONE}[1-9](?:\d{{0,4}}{_GAP}|\d{{1,4}}[ ]?/[ ]?)\d{{2,8}}(?:{_GAP}\d{{2,8}}){{0,4}}",
        0.7,
        _is_national,
    ),
    _form("pairs", "0123456789", rf"\d{_ALONE}\d(?:-\d\d){{3,4}}", 0.6, _is_pairs),
    _form(
        "local", "0123456789", rf"\d{_ALONE}\d{{1,4}}+(?:{_GAP}\d{{2,8}}+){{1,4}}", 0.6, _is_local
    ),
    _form("bare", "0123456789", rf"\d{_ALONE}\d{{6,14}}+", 0.6, _is_bare),
)
_BY_FIRST = {sign: tuple(one for one in _FORMS if sign in one.first) for sign in "(+0123456789"}


def _read(opening: re.Match[str]) -> tuple[Finding, ...]:
    text, start = opening.string, opening.start()
    for form in _BY_FIRST.get(text[start], _BY_FIRST["1"]):
        match = form.pattern.match(text, start)
        if match is not None and form.check(match):
            return (Finding("PHONE", start, match.end(), form.score, form.name),)
    return ()


PHONES = (
    Detector(
        kind="PHONE",
        name="phone",
        trigger=_TRIGGER,
        pattern=compiled(rf"[(+\d]{_START}(?=(?:\D{{0,3}}\d){{5}})"),
        score=0.6,
        before=44,
        after=48,
        read=_read,
        needs_digit=True,
        once=-1,  # its trigger takes in the sign behind the number
    ),
)
