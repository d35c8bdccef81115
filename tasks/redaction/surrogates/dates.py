"""Dates moved by whole days, written as they were: order, signs, leading zeros, language and case.

Pure functions. Reads what `forms/numbers/birth_dates.py` finds; what it cannot read it refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from tasks.redaction.names.word_lists import fold
from tasks.redaction.patterns import compiled
from tasks.redaction.surrogates.drawing import cased
from tasks.redaction.surrogates.lists import shapes

# A month at least, so that a date without a day moves too; half a year at most, so that an age
# and a school year stay about right.
LEAST, MOST = 32, 182
_WRITTEN = {
    "marz": "märz",
    "fevrier": "février",
    "aout": "août",
    "decembre": "décembre",
    "marco": "março",
}
_LANGUAGES: Sequence[Sequence[str]] = [
    line.split() for line in shapes("months").strip().splitlines()
]
_FIRST = shapes("ordinals").split()  # to twentieth
_ORDINALS = [*_FIRST, *(f"twenty-{one}" for one in _FIRST[:9]), "thirtieth", "thirty-first"]
_NUMBER = compiled(r"\d+")
_WORD = compiled(r"[^\W\d_]{3,}")
_SUFFIX = compiled(r"(?i)(?<=\d)(st|nd|rd|th)\b")
_ORDINAL = compiled(
    r"(?i)\b(?:(?:twenty|thirty)[- ])?(?:" + "|".join(sorted(_FIRST, key=len)[::-1])
    + r"|thirtieth)\b"
)  # fmt: skip
_COMPACT = compiled(r"(?:19|20)\d{6}")
_SOME_YEAR = 2000  # a leap year, for a day and a month without a year


def moved(value: str, days: int) -> str | None:
    """Return a date some days later (or earlier) in the same form; None if it cannot be read."""
    try:
        if _COMPACT.fullmatch(value):
            return _later(int(value[:4]), int(value[4:6]), int(value[6:]), days).strftime("%Y%m%d")
        worded = any(_month(word) for word in _WORD.findall(value))
        return _worded(value, days) if worded else _numbers(value, days)
    except (ValueError, OverflowError):  # no day of the calendar
        return None


def _later(year: int, month: int, day: int, days: int) -> date:
    return date(year, month, day) + timedelta(days)


def _numbers(value: str, days: int) -> str | None:
    """Move 1987-05-12, 12.05.1987, 5/12/87 and their like."""
    found = [one[0] for one in _NUMBER.finditer(value)]
    if len(found) != 3:
        return None
    if len(found[0]) == 4:
        order = "ymd"
    else:
        first, second = int(found[0]), int(found[1])
        european = first > 12 or (second <= 12 and "/" not in value)
        order = "dmy" if european else "mdy"
    parts = dict(zip(order, found, strict=True))
    new = _later(_year(parts["y"]), int(parts["m"]), int(parts["d"]), days)
    figures = {"y": new.year, "m": new.month, "d": new.day}
    padded = {"m": parts["m"][0] == "0" or parts["d"][0] == "0"} | {"d": parts["d"][0] == "0"}
    padded["d"] |= padded["m"]

    def figure(part: str) -> str:
        if part == "y":
            return f"{figures['y'] % 100:02}" if len(parts["y"]) == 2 else f"{figures['y']:04}"
        both = len(parts["m"]) == len(parts["d"]) == 2
        return f"{figures[part]:02}" if padded[part] or both else str(figures[part])

    made = iter([figure(part) for part in order])
    return _NUMBER.sub(lambda _: next(made), value)


def _year(figures: str) -> int:
    year = int(figures)
    return year if len(figures) == 4 else year + (1900 if year > 30 else 2000)


def _worded(value: str, days: int) -> str | None:
    """Move 12 May 1987, May 12th, 1987, the twelfth of May, May 1987 and their like."""
    names = [word for word in _WORD.finditer(value) if _month(word[0])]
    month, language = _month(names[0][0]) or (0, 0)
    ordinal = _ORDINAL.search(value)
    numbers = list(_NUMBER.finditer(value))
    year = next((one for one in numbers if len(one[0]) == 4), None)
    if year is None and len(numbers) + bool(ordinal) > 1:
        year = numbers[-1]
    day = next((one for one in numbers if one is not year), None)
    if len(numbers) != (year is not None) + (day is not None) or (day and ordinal):
        return None
    figure = _spoken(ordinal[0]) if ordinal else int(day[0]) if day else 15
    new = _later(_year(year[0]) if year else _SOME_YEAR, month, figure, days)
    edits: list[tuple[int, int, str]] = [(*names[0].span(), _named(new, language, names[0][0]))]
    if year:
        edits.append((*year.span(), f"{new.year % 100:02}" if len(year[0]) == 2 else f"{new.year}"))
    if day:
        edits.append((*day.span(), f"{new.day:02}" if day[0][0] == "0" else str(new.day)))
        if suffix := _SUFFIX.match(value, day.end()):
            edits.append((*suffix.span(), cased(_suffix(new.day), suffix[0])))
    if ordinal:
        edits.append((*ordinal.span(), _like(_ORDINALS[new.day - 1], ordinal[0])))
    for start, end, text in sorted(edits, reverse=True):
        value = value[:start] + text + value[end:]
    return value


def _month(word: str) -> tuple[int, int] | None:
    """Return a month's number and the row of its language."""
    plain = fold(word)
    for row, names in enumerate(_LANGUAGES):
        if plain in names:
            return names.index(plain) + 1, row
    return None


def _named(new: date, language: int, like: str) -> str:
    name = _LANGUAGES[language][new.month - 1]
    return _like(_WRITTEN.get(name, name), like)


def _like(word: str, like: str) -> str:
    return word.capitalize() if like[:1].isupper() and like[1:].islower() else cased(word, like)


def _spoken(ordinal: str) -> int:
    return _ORDINALS.index("-".join(ordinal.lower().split())) + 1


def _suffix(day: int) -> str:
    return "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def offset(below: Callable[[int], int]) -> int:
    """Return by how many days a subject's dates move, never none; `below` draws a number."""
    days = LEAST + below(MOST - LEAST + 1)
    return days if below(2) else -days
