"""Plainer readings of a text in which values are disguised, with offsets back to the original.

People and leaky systems write values so that a pattern misses them: with invisible or look-alike
characters, escaped, encoded, spelled out, pulled apart, over two lines. Each trick has a trigger;
a text in which none stands costs one fast pass. Needs Hyperscan; writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from tasks.redaction.disguises.lookalikes import lookalike_edits
from tasks.redaction.disguises.rewriting import View, part, rewrite
from tasks.redaction.disguises.tricks import TRICKS
from tasks.redaction.findings import Finding
from tasks.redaction.matching.overlaps import SURE
from tasks.redaction.matching.triggers import Batch, Rows, Trigger, Triggers, windows

DEPTH = 4  # readings of readings: look-alikes in escapes in base64 in base64
_ROOM = 4  # characters of readings for one of text: what hostile nesting can cost
_LEAST_ROOM = 4_000  # characters, so that a short text is not short of room

# A long text is read around its triggers only: characters before and after the end of one.
_SHORT, _BEFORE, _AFTER = 800, 480, 240
_CARD = 16  # characters: 13 digits in four groups


def all_views(
    texts: Sequence[str],
    batch: Batch | None = None,
    found: Sequence[Sequence[Finding]] | None = None,
) -> list[list[View]]:
    """Return plainer readings of each text or of parts of it; most texts have none.

    Together they are at most 4 times as long as the text (or 4,000 characters).
    `batch` is the texts, where the caller has made one; `found` is what was found in each already:
    that needs no plainer reading.
    """
    rows = _triggers().rows(batch or Batch(texts))
    if found is not None:
        rows = [
            _not_in(own, those) if own and those else own
            for own, those in zip(rows, found, strict=True)
        ]
    level = [
        (number, view)
        for number, (text, own) in enumerate(zip(texts, rows, strict=True))
        if own or not text.isascii()
        for view in _readings(text, own)
    ]
    room = {number: max(_ROOM * len(texts[number]), _LEAST_ROOM) for number, _ in level}
    readings: list[list[View]] = [[] for _ in texts]
    seen: set[tuple[int, str, int, int]] = set()
    for depth in range(1, DEPTH + 1):
        level = [one for one in level if _is_new(*one, room, seen)]
        for number, view in level:
            readings[number].append(view)
        if level and depth < DEPTH:
            level = _deeper(level)
    return readings


def _is_new(
    number: int, view: View, room: dict[int, int], seen: set[tuple[int, str, int, int]]
) -> bool:
    """Tell whether a reading of a text is no other's like, and whether there is room for it."""
    key = (number, view.text, *view.origin(0, len(view.text)))
    if key in seen or room[number] < 0:
        return False
    seen.add(key)
    room[number] -= len(view.text)
    return room[number] >= 0


def _deeper(level: Sequence[tuple[int, View]]) -> list[tuple[int, View]]:
    """Return the readings of readings, all of which are searched together."""
    rows = _triggers().rows(Batch([view.text for _, view in level]))
    return [
        (number, deeper.under(view))
        for (number, view), own in zip(level, rows, strict=True)
        for deeper in _readings(view.text, own)
    ]


def _not_in(rows: Rows, found: Sequence[Finding]) -> Rows:
    """Leave out the tricks with digits of which every trigger ends in something surely found."""
    return {
        number: ends
        for number, ends in rows.items()
        if number not in _WITH_DIGITS or not _holds(found, ends)
    }


def _holds(found: Sequence[Finding], ends: Sequence[int]) -> bool:
    first, last = ends[0], ends[-1] - 1  # a trigger may take in the sign behind it
    for kind, start, end, score, _ in found:
        # What is a phone number and too short for a card is not written as anything else either.
        sure = score >= SURE or (kind == "PHONE" and end - start < _CARD)
        if sure and start < first and last <= end:
            return True
    return False


def _readings(text: str, rows: Rows) -> list[View]:
    found: list[View] = []
    if not text.isascii() and (edits := lookalike_edits(text)):
        found += rewrite(text, edits)
    for number in sorted(rows):
        read = TRICKS[number].read
        if len(text) <= _SHORT or TRICKS[number].whole:
            found += read(text)
            continue
        for low, high in windows(rows[number], _BEFORE, _AFTER):
            around = part(text, *_whole_words(text, max(0, low), min(len(text), high)))
            found += [view.under(around) for view in read(around.text)]
    return found


def _whole_words(text: str, low: int, high: int) -> tuple[int, int]:
    while 0 < low < high and text[low - 1].isalnum() and text[low].isalnum():
        low += 1
    while low < high < len(text) and text[high - 1].isalnum() and text[high].isalnum():
        high -= 1
    return low, high


_WITH_DIGITS = frozenset(n for n, one in enumerate(TRICKS) if one.spared)


@cache
def _triggers() -> Triggers:
    reach = _BEFORE + _AFTER
    return Triggers([Trigger(one.trigger, reach, one.needs_digit) for one in TRICKS])
