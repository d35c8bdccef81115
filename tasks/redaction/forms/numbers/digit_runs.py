"""Reads rows of digits: which of the many numbers that people are known by a row can be.

Cards, social security and other national numbers are all digits in groups, so they share one
trigger. A row is cut into candidates where it has spaces, and a candidate's *mask* (its groups'
lengths with what stands between, "3-2-4") leads to the few rules that fit it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from tasks.redaction.findings import Finding
from tasks.redaction.forms.numbers.surroundings import OTHER_NUMBER, glued, said_to_be_other
from tasks.redaction.matching.scanner import Detector
from tasks.redaction.patterns import compiled

_SHORTEST, _LONGEST = 9, 19  # digits of a number; a payment card has up to 19
_BEFORE, _BEHIND = 70, 35  # characters in which a number's words are looked for
_SAID = 30  # characters before a number in which another kind may be named
# "?" stands for a longer dash. The end of a group: one report each, not one a digit.
_TRIGGER = r"(?:[0-9](?: ?[-./?] ?|  ?|\xa0)?){8}[0-9](?:[^0-9]|\z)"
_SPACE = " \u00a0\u2007\u2009\u202f"
_DASH = r"\-‐‑‒–"
_BETWEEN = rf"(?:[{_SPACE}]?[{_DASH}./][{_SPACE}]?|[{_SPACE}]{{1,2}})"
_SIGNS = rf"[0-9{_SPACE}{_DASH}./]"
_RUN = compiled(
    rf"[0-9](?<![0-9].)(?={_SIGNS}{{{_SHORTEST - 1}}})[0-9]{{0,39}}+"
    rf"(?:{_BETWEEN}[0-9]{{1,40}}+){{0,40}}+"
)
_DECIMAL = compiled(r"\d+\.\d{10,}")
_NOT_A_DIGIT = compiled(r"[^0-9]+")
_PART = compiled(r"([0-9]+)([^0-9]*)")
SHAPE = str.maketrans("123456789", "000000000")  # what a row looks like, whatever its digits
_SURE = 0.9


@dataclass(frozen=True, slots=True)
class NumberRule:
    """One kind of number: its masks, its check, the words it needs near it or may not stand behind.

    Masks give the lengths of the groups. "~" between them is a dash, a space or a dot, the same
    all through; "?" is one of these or nothing; anything else stands for itself.
    """

    kind: str
    name: str
    masks: tuple[str, ...]
    check: Callable[[str], bool] | None = None
    words: re.Pattern[str] | None = None
    score: float = 0.85
    unless: re.Pattern[str] | None = None


Rules = dict[str, list[NumberRule]]


class _Group(NamedTuple):
    start: int  # in the row
    end: int
    sign: str  # what stands behind it: "-", ".", "/", a space, or nothing at the end
    soft: bool  # a space or a slash is part of that, so a number may end here


class _Layout(NamedTuple):
    """What follows from a row's shape alone, whatever its digits are."""

    groups: list[_Group]
    # For each group, the numbers that may start there: their last group and rules, longest first.
    candidates: list[list[tuple[int, list[NumberRule]]]]


def digit_detector(rules: Sequence[NumberRule]) -> Detector:
    """Return the one detector for all these rules; a mask's first rule that agrees wins."""
    by_mask: Rules = {}
    for rule in rules:
        for mask in dict.fromkeys(one for written in rule.masks for one in _written(written)):
            by_mask.setdefault(mask, []).append(rule)

    @lru_cache(maxsize=4096)
    def layout(shape: str) -> _Layout | None:
        groups = _groups(shape)
        candidates = [_candidates(groups, place, by_mask) for place in range(len(groups))]
        return _Layout(groups, candidates) if any(candidates) else None

    def read(match: re.Match[str]) -> list[Finding]:
        row = layout(match[0].translate(SHAPE))
        return _read(match.string, match.start(), row) if row else []

    return Detector(
        kind="NATIONAL_ID",
        name="row of digits",
        trigger=_TRIGGER,
        pattern=_RUN,
        score=0.5,
        before=102,
        after=90,
        read=read,
        needs_digit=True,
    )


def _written(mask: str) -> Iterator[str]:
    for sign in "- .":
        yield mask.replace("~", sign).replace("?", sign)
    if "?" in mask:
        yield str(sum(int(length) for length in mask.split("?")))


def _read(text: str, start: int, row: _Layout) -> list[Finding]:
    groups = row.groups
    found: list[Finding] = []
    place, starts_here = 0, True
    while place < len(groups):
        longest = _longest(text, start, row, place) if starts_here else None
        if longest is not None:
            place, finding = longest
            found.append(finding)
        starts_here = groups[place].soft and (longest is not None or not _goes_on(groups, place))
        place += 1
    return found


def _goes_on(groups: Sequence[_Group], place: int) -> bool:
    """Tell whether the next group carries the number on: 9400 1000 0000, say."""
    if place + 1 >= len(groups):
        return False
    one, other = groups[place], groups[place + 1]
    alike = one.end - one.start == other.end - other.start >= 3
    return one.sign == " " and other.sign in ("", " ") and alike


def _groups(shape: str) -> list[_Group]:
    groups: list[_Group] = []
    for part in _PART.finditer(shape):
        between = part[2]
        sign = between.strip(_SPACE)
        soft = sign != between or sign == "/"
        sign = "-" if sign and sign in "‐‑‒–" else sign or (between[:1] and " ")
        groups.append(_Group(part.start(), part.end(1), sign, soft))
    return groups


def _candidates(
    groups: Sequence[_Group], first: int, by_mask: Rules
) -> list[tuple[int, list[NumberRule]]]:
    mask, digits, singles = "", 0, 0
    candidates: list[tuple[int, list[NumberRule]]] = []
    for place in range(first, len(groups)):
        group = groups[place]
        length = group.end - group.start
        digits += length
        singles += length == 1
        if digits > _LONGEST or singles > 2:
            break
        mask += str(length)
        last = place == len(groups) - 1
        rules = by_mask.get(mask) if last or group.soft else None
        spaced = place == first or groups[first].sign == " "  # 778-62-8144 does not go on after it
        if rules and (rules[0].kind == "CARD" or not (spaced and _goes_on(groups, place))):
            candidates.append((place, rules))
        mask += group.sign
    return candidates[::-1]


def _longest(text: str, base: int, row: _Layout, first: int) -> tuple[int, Finding] | None:
    """Return the longest number that starts at this group, and the place of its last group."""
    for place, rules in row.candidates[first]:
        start, end = base + row.groups[first].start, base + row.groups[place].end
        if (rule := _rule(text, start, end, rules)) is not None:
            return place, Finding(rule.kind, start, end, rule.score, rule.name)
    return None


def _rule(text: str, start: int, end: int, rules: Sequence[NumberRule]) -> NumberRule | None:
    """Return the first rule that agrees; one of another kind that is named here comes before it."""
    digits = _NOT_A_DIGIT.sub("", text[start:end])
    first: NumberRule | None = None
    for rule in rules:
        if first is not None and (rule.words is None or rule.kind == first.kind):
            continue
        if rule.check is not None and not rule.check(digits):
            continue
        if first is None and not _may_stand(text, start, end, digits, card=rule.kind == "CARD"):
            return None
        if rule.unless is not None and rule.unless.search(text, max(0, start - _SAID), start):
            continue
        if rule.words is not None:
            if _near(rule.words, text, start, end):
                return rule
        elif rule.score >= _SURE or not OTHER_NUMBER.search(text, max(0, start - 60), start):
            first = rule
    return first


def _may_stand(text: str, start: int, end: int, digits: str, *, card: bool) -> bool:
    """Tell whether anybody's number can stand here: not in a longer code, not behind "order"."""
    may_go_on = card and text[end : end + 1] in ("/", ",")  # its expiry, the next column
    if glued(text, start, end) and not may_go_on:
        return False
    bare = len(digits) == end - start
    if _DECIMAL.fullmatch(text, start, end) or (bare and int(digits).bit_count() == 1):
        return False  # 4800.935999999999, or a power of two
    return bool(digits.strip("01")) and not said_to_be_other(text, start, bare=bare)


def _near(pattern: re.Pattern[str], text: str, start: int, end: int) -> bool:
    before = pattern.search(text, max(0, start - _BEFORE), start)
    return bool(before or pattern.search(text, end, end + _BEHIND))


def uniform(*lengths: int) -> tuple[str, ...]:
    """Return the masks of bare digits, one a length."""
    return tuple(map(str, lengths))


def fours(total: int) -> str:
    """Return the mask of a number written in fours."""
    groups = [4] * (total // 4) + ([total % 4] if total % 4 else [])
    return "?".join(map(str, groups))


def splits(*wholes: Sequence[int]) -> tuple[str, ...]:
    """Return the masks of numbers in groups of one of several lengths each."""
    return tuple("?".join(map(str, lengths)) for lengths in product(*wholes))
