"""Finds what has a form: one pass of Hyperscan over a text says where to look, `re` looks there.

Needs Hyperscan. A text costs next to nothing until a detector's trigger stands in it; only then is
the detector's exact pattern run, on the characters around the trigger. Writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tasks.redaction.findings import Finding
from tasks.redaction.matching.triggers import Batch, Trigger, Triggers, windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One form that personal data takes.

    `trigger` is a Hyperscan expression in ASCII (no case, dot matches all) that stands within
    `before` characters behind and `after` characters ahead of every match of `pattern`: measured
    from the trigger's end, so `before` counts its own length in. `pattern` is exact; its group
    `value`, if it has one, is what is personal. `check` may refuse a match. `context`, if given,
    must be found in the `context_before` characters before the value or the `context_after`
    behind it. `read`, if given, makes the findings out of a match instead: for a form that many
    kinds share, such as a row of digits. `needs_digit` says that a text without any of 0 to 9
    holds no match; most texts are such, and are then searched for a few triggers only. `once`, if
    given, says that a trigger leads to nothing more where it ends at least so many characters
    before the end of a finding of the same kind, or of one as sure; such detectors look last.

    Detectors with equal triggers share them: the text is searched for each trigger once.
    """

    kind: str
    name: str
    trigger: str
    pattern: re.Pattern[str]
    score: float
    before: int = 64
    after: int = 64
    check: Callable[[re.Match[str]], bool] | None = None
    context: re.Pattern[str] | None = None
    context_before: int = 60
    context_after: int = 0
    read: Callable[[re.Match[str]], Iterable[Finding]] | None = None
    needs_digit: bool = False
    once: int | None = None


# Adds what it finds between two places of a text to a list. Places outside a text do no harm.
Look = Callable[[str, int, int, list[Finding]], None]


class Scanner:
    """A set of detectors, compiled once; safe to call from several threads."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        shared: dict[tuple[object, ...], list[Detector]] = {}
        for one in detectors:
            alone = () if one.once is None else (one.kind, one.score, one.once)
            shared.setdefault((one.trigger, one.needs_digit, *alone), []).append(one)
        groups = sorted(shared.values(), key=lambda own: own[0].once is not None)
        self._spared = sum(own[0].once is None for own in groups)  # the first that looks last
        self._searches = tuple((own[0], [_search(one) for one in own]) for own in groups)
        self._triggers = Triggers(
            [
                Trigger(own[0].trigger, min(o.before + o.after for o in own), own[0].needs_digit)
                for own in groups
            ]
        )

    def find(self, text: str) -> list[Finding]:
        """Return every finding, overlaps included, in no particular order."""
        return self.find_all([text])[0]

    def find_all(self, texts: Sequence[str], batch: Batch | None = None) -> list[list[Finding]]:
        """Return the findings of each text; `batch` is the texts, where the caller has made one."""
        found: list[list[Finding]] = [[] for _ in texts]
        # Detector by detector, not text by text: what a processor has at hand is used again.
        work: dict[int, list[tuple[int, list[int]]]] = {}
        later: list[tuple[int, list[tuple[list[int], int]]]] = []
        for place, rows in enumerate(self._triggers.rows(batch or Batch(texts))):
            spared: list[tuple[list[int], int]] = []
            for number, ends in rows.items():
                if number >= self._spared:
                    spared.append((ends, number))
                elif number in work:
                    work[number].append((place, ends))
                else:
                    work[number] = [(place, ends)]
            if spared:
                later.append((place, spared))
        for number, those in work.items():
            for place, ends in those:
                self._look(number, texts[place], ends, found[place])
        for place, spared in later:
            self._look_last(texts[place], spared, found[place])
        return found

    def _look_last(
        self, text: str, rows: list[tuple[list[int], int]], found: list[Finding]
    ) -> None:
        """Look in order of place: what is found first spares searches, the same in any batch."""
        rows.sort()
        for ends, number in rows:
            if not (found and _is_found(found, self._searches[number][0], ends[0], ends[-1])):
                self._look(number, text, ends, found)

    def _look(self, number: int, text: str, ends: list[int], found: list[Finding]) -> None:
        searches = self._searches[number][1]
        if len(ends) == 2:  # as nearly always
            for before, after, look in searches:
                look(text, ends[0] - before, ends[1] + after, found)
            return
        for before, after, look in searches:
            for start, end in windows(ends, before, after):
                look(text, start, end, found)


def _is_found(found: Iterable[Finding], detector: Detector, first: int, last: int) -> bool:
    last += detector.once or 0
    for kind, start, end, score, _ in found:
        if start < first and last <= end and (kind == detector.kind or score >= detector.score):
            return True
    return False


def _search(detector: Detector) -> tuple[int, int, Look]:
    return detector.before, detector.after, _look(detector)


def _look(detector: Detector) -> Look:
    """Return a detector's search. Two functions, for this is where the time goes."""
    return _reading(detector) if detector.read else _taking(detector)


def _reading(detector: Detector) -> Look:
    finditer, check, after = detector.pattern.finditer, detector.check or bool, detector.after
    read = detector.read
    assert read is not None  # noqa: S101  (asked for only where there is one)

    def look(text: str, low: int, high: int, found: list[Finding]) -> None:
        for match in finditer(text, low, high):
            if check(match):
                found += read(match)
                if match.end() >= high - after:
                    return  # what comes behind the last trigger has one of its own

    return look


def _taking(detector: Detector) -> Look:
    finditer, check, after = detector.pattern.finditer, detector.check or bool, detector.after
    kind, name, score, context = detector.kind, detector.name, detector.score, detector.context
    value = detector.pattern.groupindex.get("value", 0)

    def look(text: str, low: int, high: int, found: list[Finding]) -> None:
        for match in finditer(text, low, high):
            if check(match):
                start, end = match.span(value)
                if context is None or _near(text, detector, start, end):
                    found.append(Finding(kind, start, end, score, name))
                    if match.end() >= high - after:
                        return

    return look


def _near(text: str, detector: Detector, start: int, end: int) -> bool:
    context = detector.context
    assert context is not None  # noqa: S101  (asked for only where there is one)
    if context.search(text, max(0, start - detector.context_before), start):
        return True
    return bool(detector.context_after and context.search(text, end, end + detector.context_after))
