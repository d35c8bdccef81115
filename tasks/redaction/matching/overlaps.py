"""From all that detectors found to findings that do not overlap, without uncovering anything.

Where two findings overlap, the better one wins whole, and what the other covers beyond it stays
covered as a finding of its own. Pure functions.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from tasks.redaction.findings import Finding
from tasks.redaction.kinds import NAME_KINDS
from tasks.redaction.patterns import compiled

SURE = 0.8  # at and above, a finding has proved itself (a checksum, a fixed form)
_CORE = compiled(r"\w(?:.*\w)?", re.DOTALL)
_LEAST_LEFT = 2  # letters or digits: less than that beside a winner is not worth hiding


def without_overlaps(text: str, found: Iterable[Finding]) -> list[Finding]:
    """Return findings in order of place: forms before names, sure before unsure, then the longest.

    What is certain by its form beats a guess, and the longer of two equals says more.
    """
    ranked = sorted(
        _united(one for one in found if one.end > one.start),
        key=lambda f: (f.kind in NAME_KINDS, f.score < SURE, f.start - f.end, -f.score, f.start),
    )
    starts: list[int] = []
    chosen: list[Finding] = []
    for finding in ranked:
        for part in _uncovered(text, finding, chosen, starts):
            place = bisect_left(starts, part.start)
            starts.insert(place, part.start)
            chosen.insert(place, part)
    return chosen


def _united(found: Iterable[Finding]) -> Iterator[Finding]:
    """Make one of findings of a kind that overlap: they are readings of one value."""
    last: Finding | None = None
    for one in sorted(found, key=lambda f: (f.kind, f.start, -f.end)):
        if last is None or one.kind != last.kind or one.start >= last.end:
            if last is not None:
                yield last
            last = one
        else:
            best = one if one.score > last.score else last
            last = best._replace(start=last.start, end=max(last.end, one.end))
    if last is not None:
        yield last


def _uncovered(
    text: str, finding: Finding, chosen: list[Finding], starts: list[int]
) -> Iterator[Finding]:
    """Yield what of a finding no chosen one covers; all of it where none touches it."""
    first = bisect_left(starts, finding.start)
    if first and chosen[first - 1].end > finding.start:
        first -= 1
    last = bisect_left(starts, finding.end)
    if first >= last:
        yield finding
        return
    place = finding.start
    gaps: list[tuple[int, int]] = []
    for other in chosen[first:last]:
        gaps.append((place, other.start))
        place = other.end
    for start, end in [*gaps, (place, finding.end)]:
        core = _CORE.search(text, start, end) if end > start else None
        if core and sum(map(str.isalnum, core.group())) >= _LEAST_LEFT:
            yield finding._replace(start=core.start(), end=core.end())
