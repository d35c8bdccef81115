"""Finds what has a form: one pass of Hyperscan over a text says where to look, `re` looks there.

Needs Hyperscan. A text costs next to nothing until a detector's trigger stands in it; only then is
the detector's exact pattern run, on the characters around the trigger. Writes nothing.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.redaction.findings import Finding


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
    holds no match; most texts are such, and are then searched for a few triggers only.

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


# Adds what it finds between two places of a text to a list. Places outside a text do no harm.
Look = Callable[[str, int, int, list[Finding]], None]


_DIGITS = b"0123456789"


class Scanner:
    """A set of detectors, compiled once; safe to call from several threads."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._all = _Triggers(detectors)
        wordy = [one for one in detectors if not one.needs_digit]
        self._wordy = _Triggers(wordy) if wordy else None

    def find(self, text: str) -> list[Finding]:
        """Return every finding, overlaps included, in no particular order."""
        found: list[Finding] = []
        # One byte a character keeps places the same; what is not Latin-1 becomes "?".
        data = text.encode("latin-1", "replace")
        has_digit = data.translate(None, _DIGITS) != data  # quicker than any search
        triggers = self._all if has_digit else self._wordy
        if triggers is None:
            return found
        for number, ends in triggers.ends(data).items():
            for before, after, looks in triggers.looks[number]:
                if len(ends) == 2:  # as nearly always
                    for look in looks:
                        look(text, ends[0] - before, ends[1] + after, found)
                    continue
                for low, high in _windows(ends, before, after):
                    for look in looks:
                        look(text, low, high, found)
        return found


class _Triggers:
    """What says where to look, and the searches each leads to."""

    def __init__(self, detectors: Iterable[Detector]) -> None:
        import hyperscan

        shared: dict[str, list[Detector]] = {}
        for detector in detectors:
            shared.setdefault(detector.trigger, []).append(detector)
        self.looks = tuple(_by_reach(group) for group in shared.values())
        self._reach = [min(one.before + one.after for one in group) for group in shared.values()]
        self._database = hyperscan.Database()
        flags = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_DOTALL
        self._database.compile(
            expressions=[trigger.encode("ascii") for trigger in shared],
            ids=list(range(len(shared))),
            elements=len(shared),
            flags=[flags] * len(shared),
        )
        self._local = threading.local()

    def ends(self, data: bytes) -> dict[int, list[int]]:
        """Return where triggers end, by trigger: first and last of each row of close ones.

        Rows, not single places: a hostile text sets a trigger off at every character of it.
        """
        rows: dict[int, list[int]] = {}
        reach = self._reach

        def note(number: int, _start: int, end: int, _flags: int, _context: Any) -> None:
            row = rows.get(number)
            if row is None:
                rows[number] = [end, end]
            elif end - row[-1] <= reach[number]:  # Hyperscan reports ends in order
                row[-1] = end
            else:
                row += (end, end)

        self._database.scan(data, match_event_handler=note, scratch=self._scratch())
        return rows

    def _scratch(self) -> Any:
        """Return this thread's working memory: Hyperscan wants one for each scan at a time."""
        scratch = getattr(self._local, "scratch", None)
        if scratch is None:
            import hyperscan

            scratch = self._local.scratch = hyperscan.Scratch(self._database)
        return scratch


def _by_reach(group: Iterable[Detector]) -> tuple[tuple[int, int, tuple[Look, ...]], ...]:
    """Put detectors that look equally far from their trigger together."""
    looks: dict[tuple[int, int], list[Look]] = {}
    for one in group:
        looks.setdefault((one.before, one.after), []).append(_look(one))
    return tuple((*reach, tuple(own)) for reach, own in looks.items())


def _look(detector: Detector) -> Look:
    """Return a detector's search. Two functions, for this is where the time goes."""
    finditer, check, read = detector.pattern.finditer, detector.check or bool, detector.read

    def look_and_read(text: str, low: int, high: int, found: list[Finding]) -> None:
        assert read is not None  # noqa: S101  (used only where there is one)
        for match in finditer(text, low, high):
            if check(match):
                found += read(match)

    if read is not None:
        return look_and_read
    kind, name, score, context = detector.kind, detector.name, detector.score, detector.context
    value = detector.pattern.groupindex.get("value", 0)

    def look(text: str, low: int, high: int, found: list[Finding]) -> None:
        for match in finditer(text, low, high):
            if check(match):
                start, end = match.span(value)
                if context is None or _near(text, detector, start, end):
                    found.append(Finding(kind, start, end, score, name))

    return look


def _windows(ends: list[int], before: int, after: int) -> Iterator[tuple[int, int]]:
    """Merge what lies around each row of triggers into windows that do not overlap."""
    low, high = ends[0] - before, ends[1] + after
    for place in range(2, len(ends), 2):
        first, last = ends[place] - before, ends[place + 1] + after
        if first > high:
            yield low, high
            low = first
        high = last
    yield low, high


def _near(text: str, detector: Detector, start: int, end: int) -> bool:
    context = detector.context
    assert context is not None  # noqa: S101  (asked for only where there is one)
    if context.search(text, max(0, start - detector.context_before), start):
        return True
    return bool(detector.context_after and context.search(text, end, end + detector.context_after))
