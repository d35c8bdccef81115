"""Values pulled apart sign by sign, or with letters in the place of digits, put together again.

`4 1 1 1 - 1 1 1 1`, `j.o.h.n.@.m.a.i.l...`, digits with anything between them, `4lll-O0l2`. Pure
functions over strings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from tasks.redaction.disguises.rewriting import Edit, View, rewrite
from tasks.redaction.forms.numbers.checksums import luhn
from tasks.redaction.patterns import compiled

NUMBERS = frozenset({"CARD", "IBAN", "SSN", "PHONE", "TAX_ID", "NATIONAL_ID", "ACCOUNT"})
_LISTED = frozenset({"CARD", "IBAN"})  # a list of numbers proves nothing without a checksum
_DATED = NUMBERS | {"DATE_OF_BIRTH", "MAC", "PASSPORT", "IP"}
_SIGNS = r"[^\W_](?![^\W_])|[@.:+_/=%#-]"
_MIXED_UP = str.maketrans("OoQDlIi|!SsBZzG", "000011111558226")


@cache
def _apart() -> re.Pattern[str]:
    """Return single signs with the same thing between them, perhaps more of it between groups."""
    return compiled(
        rf"(?<![^\W_])(?:[^\W_]|[@+])(?P<gap>[^\w@]{{1,4}}?|_)(?:{_SIGNS})"
        rf"(?:(?P=gap){{1,4}}(?:{_SIGNS})){{4,400}}+"
    )


@cache
def _digits() -> re.Pattern[str]:
    return compiled(r"(?<!\w)\+?\d(?:(?:[^\w\n]{1,4}|_|\s{0,2}\n\s{0,2})\d){6,400}+(?!\w)")


def apart_views(text: str) -> Iterator[View]:
    """Yield readings of `text` with single signs moved together."""
    for match in _apart().finditer(text):
        gap, run = match["gap"], match[0]
        if _counting(run):
            continue
        kinds = _LISTED if "," in gap or ";" in gap else None
        edits: list[Edit] = []
        for between in re.finditer(rf"(?<={_sign()})(?:{re.escape(gap)}){{1,4}}(?={_sign()})", run):
            wide = len(between[0]) > len(gap) and gap in " .-"
            start = match.start() + between.start()
            edits.append(Edit(start, start + len(between[0]), gap if wide else "", "spaced"))
        yield from rewrite(text, edits, kinds)
    for match in _digits().finditer(text):
        gaps = set(re.findall(r"[^\w]+|_", match[0].lstrip("+")))
        if len(gaps) > 1 and not _counting(match[0]):
            yield from _joined(text, match)


def _sign() -> str:
    return r"[\w@.:+/=%#-]"


def _joined(text: str, match: re.Match[str]) -> Iterator[View]:
    """Read digits as one number, and with the rarer signs between them as those of groups."""
    gaps = list(re.finditer(r"(?<=\d)\D+(?=\d)", match[0]))
    start = match.start()
    edits = [Edit(start + gap.start(), start + gap.end(), "", "spaced") for gap in gaps]
    if re.search(r"[][(){},;=<>]", "".join(gap[0] for gap in gaps)):  # a list, or arithmetic
        yield from rewrite(text, edits, _LISTED)
        return
    yield from rewrite(text, edits, NUMBERS)
    dashed = [
        Edit(edit.start, edit.end, "-" if "-" in text[edit.start : edit.end] else "", "spaced")
        for edit in edits
    ]
    if dashed != edits:
        yield from rewrite(text, dashed, _DATED)


def _counting(run: str) -> bool:
    """Tell 1, 2, 3, 4 and 0 1 1 0 1 from a number that someone has."""
    digits = re.sub(r"\D", "", run)
    if len(digits) < len(re.findall(r"[^\W_]|-", run)) or not digits:
        return False
    steps = {int(b) - int(a) for a, b in pairwise(digits)}
    return len(steps) == 1 or set(digits) <= {"0", "1"}


@cache
def _loose() -> re.Pattern[str]:
    mark = r"[-/.:‐-–]"
    return compiled(
        rf"(?:(?<=\d)|(?<=\b[0-9A-Fa-f]{{2}}))(?:[ \t]{{1,3}}{mark}\s{{0,3}}|{mark}{{1,2}}\s{{1,3}}"
        rf"|{mark}{{2}})(?=\d|[0-9A-Fa-f]{{2}}\b)"
    )


def loose_views(text: str) -> Iterator[View]:
    """Yield readings of `text` without the blanks around signs inside numbers: `12 / 05 / 1984`."""
    edits: list[Edit] = []
    for match in _loose().finditer(text):
        edits.append(Edit(match.start(), match.end(), match[0].strip()[0], "spaced"))
    yield from rewrite(text, edits, _DATED)


@cache
def _confused() -> re.Pattern[str]:
    group = r"(?=[^\s-]{0,5}\d|[lOIo]{2,4}(?!\w))[\dOoQDlIi|!SsBZzG]{1,7}"
    return compiled(
        rf"(?<![\w@.|!])(?![|!]){group}(?P<gap>[ -]?){group}(?:(?P=gap){group}){{0,6}}(?![\w@])"
    )


def confused_views(text: str) -> Iterator[View]:
    """Yield readings of `text` with letters that stand for digits replaced, where it adds up."""
    for match in _confused().finditer(text):
        read = match[0].translate(_MIXED_UP)
        if read != match[0] and _is_number(match[0], read):
            edits = [
                Edit(match.start() + n, match.start() + n + 1, digit, "look-alike")
                for n, (sign, digit) in enumerate(zip(match[0], read, strict=True))
                if sign != digit
            ]
            yield from rewrite(text, edits, NUMBERS)


def _is_number(written: str, read: str) -> bool:
    digits = re.sub(r"\D", "", read)
    shape = [len(group) for group in re.split(r"[ -]", read)]
    true = sum(map(str.isdigit, written))
    if shape in ([3, 2, 4], [3, 3, 4]):
        return true >= len(digits) - 4
    if shape == [4, 4, 4, 4] or shape == [4, 6, 5]:
        return luhn(digits) and true >= 2
    return 13 <= len(digits) <= 19 and luhn(digits) and true >= 0.7 * len(digits)
