"""Numbers and codes in groups with unusual signs between these, or on two lines.

`4111/1111/1111/1111`, `DE89_3704_0044_...`, `+41~79~123`, `00 1A 2B 3C 4D 5E`. The signs are made
usual, and only where the groups have the shape of a value or its words stand near. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

from tasks.redaction.disguises.rewriting import Edit, View, rewrite
from tasks.redaction.forms.numbers.checksums import luhn, mod_97
from tasks.redaction.forms.numbers.digit_runs import SHAPE
from tasks.redaction.forms.numbers.iban import LENGTH
from tasks.redaction.matching.first_letters import by_first_letter
from tasks.redaction.patterns import compiled

_NEAR, _BEHIND = 50, 25  # characters around a value in which its words are looked for
_CARD = frozenset({"CARD"})
_PHONE = frozenset({"PHONE"})
_SSN = frozenset({"SSN", "TAX_ID"})
_IBAN = frozenset({"IBAN"})
_MAC = frozenset({"MAC"})
_SECRET = frozenset({"SECRET"})
_BREAK = r"[^\S\n]{0,3}[\\=]?\r?\n[ \t>|#*]{0,8}"
_GAP = rf"(?:[^\w\n]{{1,4}}|_{{1,2}}|[^\w\n]?{_BREAK})"
_DATE = compiled(r"00?([-/.])00?\1(?:00)?00|0000([-/.])00?\2(?:00?)")  # and 0 stands for any digit
_CARD_SHAPES = compiled(r"4 4 4 4(?: 3)?|4 6 [45]|8 8|(?:2 ){7}2|4 4 4 1|4 4 5|4 8 4|4 12|6 10")
_ARITHMETIC = frozenset({"+", "=", ",", "%", "<", ">", ":", ";", "$", "^"})
_MAC_SIGNS = frozenset("-:_|~/·•*")
_PLAIN_GAPS = frozenset({"-", " ", ""})


def _any(anywhere: str, words: str = "") -> re.Pattern[str]:
    """Return what finds one of these, or one of these words (expressions parted by "|")."""
    ways = [by_first_letter(anywhere)] + ([rf"\b{by_first_letter(words)}"] if words else [])
    return compiled("|".join(ways), re.IGNORECASE)


@cache
def _words() -> dict[str, re.Pattern[str]]:
    return {
        "CARD": _any("card|visa|master|amex|american express|credit|debit", r"cc\b|pan\b"),
        "PHONE": _any(
            "phone|mobile|whatsapp|reach|handy|m[oó]vil|portable|telefon|contact|number",
            r"call|tel\b|cell|fax\b|text\b|dial|ring|sms\b|ph\b",
        ),
        "SSN": _any("social|security|tax", "ssn"),
        "MAC": _any("ether|hw ?addr|lladdr|hardware|physical|bssid", r"mac\b|nic\b"),
    }


def _said(text: str, start: int, end: int, kind: str) -> bool:
    words = _words()[kind]
    near = words.search(text, max(0, start - _NEAR), start) or words.search(
        text, end, end + _BEHIND
    )
    return near is not None


@cache
def _rows() -> re.Pattern[str]:
    return compiled(rf"\d{{1,12}}+(?:{_GAP}\d{{1,12}}+){{1,18}}+(?!\w)")


class _Number(NamedTuple):
    """Groups of a row that may be one number, by their shape alone: places are in the row."""

    spans: tuple[tuple[int, int], ...]
    digits: int
    same: bool  # one sign stands between all groups
    sums: bool  # a sign of sums or lists is among those
    card: bool  # grouped as cards are
    ssn: bool
    odd: bool  # with signs no SSN is written with


def row_views(text: str) -> Iterator[View]:
    """Yield readings of rows of digits as a card, a social security number or a phone."""
    for match in _rows().finditer(text):
        start = match.start()
        if text[start - 1 : start].isalnum():
            continue
        plain, numbers = _numbers(match[0].translate(SHAPE))
        if plain and not _said(text, *match.span(), "CARD"):
            continue
        for one in numbers:
            yield from _number(text, start, one)


@lru_cache(maxsize=4096)
def _numbers(row: str) -> tuple[bool, list[_Number]]:
    """Return whether a row looks quite usual, and what of it may be a number."""
    spans = [match.span() for match in re.finditer("0+", row)]
    gaps = [row[a[1] : b[0]] for a, b in pairwise(spans)]
    plain = all(gap in _PLAIN_GAPS for gap in gaps) and len(gaps) != 7  # 7: eight pairs
    numbers = [_shape(spans[a : b + 1], gaps[a:b]) for a, b in _pieces(gaps)]
    return plain, [one for one in numbers if 7 <= one.digits <= 19 and not _is_date(row, one.spans)]


def _is_date(row: str, spans: Sequence[tuple[int, int]]) -> bool:
    return _DATE.fullmatch(row, spans[0][0], spans[-1][1]) is not None


def _pieces(gaps: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the whole row, and each part of it with the same sign all through: (first, last)."""
    yield 0, len(gaps)
    first, bare = 0, _bare(gaps)
    for place in range(1, len(gaps) + 1):
        if place == len(gaps) or bare[place] != bare[first]:
            if (first, place) != (0, len(gaps)) and place - first >= 2:
                yield first, place
            first = place


def _bare(gaps: Sequence[str]) -> list[str]:
    """Return what stands between groups, without blanks and the marks of a broken line."""
    return [gap.strip(" \t\r\n>|#*\\=") if "\n" in gap else gap.strip(" \t\xa0") for gap in gaps]


def _shape(spans: Sequence[tuple[int, int]], gaps: Sequence[str]) -> _Number:
    lengths = [high - low for low, high in spans]
    sizes = " ".join(map(str, lengths))
    signs = {gap.strip("()") for gap in _bare(gaps)} - {""}
    same = len(signs) <= 1
    return _Number(
        spans=tuple(spans),
        digits=sum(lengths),
        same=same,
        sums=bool(signs & _ARITHMETIC),
        card=same and _CARD_SHAPES.fullmatch(sizes) is not None,
        ssn=same and sizes == "3 2 4",
        odd=bool(set(gaps) & set("./,_:")),
    )


def _number(text: str, base: int, one: _Number) -> Iterator[View]:
    spans = [(base + low, base + high) for low, high in one.spans]
    start, end = spans[0][0], spans[-1][1]
    if 13 <= one.digits <= 19:
        digits = "".join(text[low:high] for low, high in spans)
        real = luhn(digits) and len(set(digits)) > 1
        if real and (one.card or _said(text, start, end, "CARD")):
            yield from _regapped(text, spans, "", _CARD)
    if one.ssn and (not one.odd or _said(text, start, end, "SSN")):
        yield from _regapped(text, spans, "-", _SSN)
    if one.same and one.digits <= 15:
        dialled = text[max(0, start - 2) : start].strip("(").endswith("+")
        if dialled or (not one.sums and _said(text, start, end, "PHONE")):
            yield from _regapped(text, spans, " ", _PHONE)


def _regapped(
    text: str, spans: Sequence[tuple[int, int]], gap: str, kinds: frozenset[str]
) -> Iterator[View]:
    edits = [Edit(a[1], b[0], gap, "spaced") for a, b in pairwise(spans)]
    yield from rewrite(text, edits, kinds)


@cache
def _codes() -> re.Pattern[str]:
    return compiled(
        rf"(?<![A-Za-z0-9])[A-Za-z]{{2}}{_GAP}?\d{{2}}(?:{_GAP}?[A-Za-z0-9]{{1,9}}){{3,16}}+"
    )


def code_views(text: str) -> Iterator[View]:
    """Yield readings of what may be IBANs, AWS keys or MAC addresses with usual signs in them."""
    for match in _codes().finditer(text):
        if _adds_up(match[0]):
            edits = [
                Edit(match.start() + gap.start(), match.start() + gap.end(), " ", "spaced")
                for gap in re.finditer(r"[\W_]+", match[0])
            ]
            yield from rewrite(text, edits, _IBAN)
    for match in re.finditer(rf"\bA[KS]IA(?:{_GAP}?[A-Z0-9]){{16}}(?![A-Za-z0-9])", text):
        gaps = re.finditer(r"[\W_]+", match[0])
        edits = [
            Edit(match.start() + g.start(), match.start() + g.end(), "", "spaced") for g in gaps
        ]
        yield from rewrite(text, edits, _SECRET)
    yield from _mac_views(text)


def _adds_up(code: str) -> bool:
    signs = re.sub(r"[\W_]", "", code).upper()
    length = LENGTH.get(signs[:2], 0)
    return bool(length) and len(signs) >= length and mod_97(signs[:length])


def _mac_views(text: str) -> Iterator[View]:
    pair = r"[0-9A-Fa-f]{2}"
    for match in re.finditer(rf"(?<![\w:.-]){pair}(?:{_GAP}{pair}){{5}}(?![\w:.-]?{pair}\b)", text):
        gaps = list(re.finditer(r"[\W_]+", match[0]))
        signs = set(_bare([gap[0] for gap in gaps]))
        telling = re.search("[A-Fa-f]", match[0]) is not None and signs <= _MAC_SIGNS
        usual = {gap[0] for gap in gaps} in ({":"}, {"-"})
        if usual or len(signs) > 1 or not (telling or _said(text, *match.span(), "MAC")):
            continue
        edits = [
            Edit(match.start() + gap.start(), match.start() + gap.end(), ":", "spaced")
            for gap in gaps
        ]
        yield from rewrite(text, edits, _MAC)
