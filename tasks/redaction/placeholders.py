"""Turns findings in the texts of one record into placeholders such as `<EMAIL_1>`.

Pure functions over strings. The same value gets the same placeholder everywhere in its record, and
a value found once is replaced wherever else it stands in the record. What is written in its place
is `writing`'s.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from tasks.redaction.findings import Finding, Redacted
from tasks.redaction.kinds import NAME_KINDS, PLACEHOLDER
from tasks.redaction.matching.overlaps import without_overlaps
from tasks.redaction.patterns import compiled
from tasks.redaction.writing import Rules, Writer

_SHORTEST_REPEAT = 3  # letters and digits; a shorter value is replaced only where it was found
_WORD = compiled(r"\w+")


def settle(
    texts: Sequence[str], findings: Sequence[Sequence[Finding]], rules: Rules
) -> list[list[Finding]]:
    """Return what is to be taken out of each text: no overlaps, repeats of a value included."""
    first = [_chosen(text, found, rules) for text, found in zip(texts, findings, strict=True)]
    values: dict[str, Finding] = {}
    for text, found in zip(texts, first, strict=True):
        for finding in found:
            values.setdefault(text[finding.start : finding.end], finding)
    index = _index(values)
    if not index:
        return first
    return [
        _chosen(text, [*found, *_repeats(text, index)], rules)
        for text, found in zip(texts, first, strict=True)
    ]


def replace_findings(
    texts: Sequence[str],
    settled: Sequence[Sequence[Finding]],
    rules: Rules,
    subject: str = "",
) -> Redacted:
    """Return the texts without the settled findings, and what went; `subject`: whose they are."""
    writer = Writer(texts, settled, rules, subject)
    kinds: Counter[str] = Counter()
    detectors: Counter[str] = Counter()
    dropped = None
    done: list[str] = []
    for text, found in zip(texts, settled, strict=True):
        parts: list[str] = []
        place = 0
        for finding in found:
            kinds[finding.kind] += 1
            detectors[finding.detector] += 1
            if rules.policy(finding.kind) == "drop":
                dropped = dropped or finding.kind
            value = text[finding.start : finding.end]
            parts += [text[place : finding.start], writer.instead(finding, value)]
            place = finding.end
        done.append("".join([*parts, text[place:]]))
    return Redacted(done, kinds, detectors, dropped, surrogates=writer.surrogates)


def _chosen(text: str, found: Sequence[Finding], rules: Rules) -> list[Finding]:
    free = [one for one in found if rules.policy(one.kind) != "keep"]
    free = _outside(text, free, rules.kept)
    if free and "<" in text:
        free = _outside(text, free, PLACEHOLDER)
    return without_overlaps(text, free)


def _outside(text: str, found: list[Finding], kept: re.Pattern[str] | None) -> list[Finding]:
    """Drop findings that are public terms, and cut such terms out of people's names."""
    if kept is None or not found:
        return found
    terms = [match.span() for match in kept.finditer(text)]
    return [part for finding in found for part in _private_parts(text, finding, terms)]


def _private_parts(text: str, finding: Finding, terms: list[tuple[int, int]]) -> list[Finding]:
    touched = [(start, end) for start, end in terms if finding.start < end and start < finding.end]
    if not touched:
        return [finding]
    if finding.kind == "PERSON":  # "Saturday Anna Keller" still holds a name
        edges = [finding.start, *(edge for span in touched for edge in span), finding.end]
        spans = [_trimmed(text, *span) for span in zip(edges[::2], edges[1::2], strict=True)]
        return [
            finding._replace(start=start, end=end)
            for start, end in spans
            if text[start:end][:1].isupper()
        ]
    inside = any(start <= finding.start and finding.end <= end for start, end in touched)
    return [] if inside or finding.kind in NAME_KINDS else [finding]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    words = list(_WORD.finditer(text, start, max(start, end)))
    return (words[0].start(), words[-1].end()) if words else (start, start)


def _index(values: Mapping[str, Finding]) -> dict[str, list[tuple[str, int, Finding]]]:
    """Return values by their first word: (value, where in it the word stands, its finding)."""
    index: dict[str, list[tuple[str, int, Finding]]] = defaultdict(list)
    for value, finding in values.items():
        word = _WORD.search(value)
        if word and sum(map(str.isalnum, value)) >= _SHORTEST_REPEAT:
            index[word.group()].append((value, word.start(), finding))
    return index


def _repeats(text: str, index: Mapping[str, list[tuple[str, int, Finding]]]) -> list[Finding]:
    found: list[Finding] = []
    for word in _WORD.finditer(text):
        for value, offset, finding in index.get(word.group(), ()):
            start = word.start() - offset
            end = start + len(value)
            if start >= 0 and text.startswith(value, start) and not text[end : end + 1].isalnum():
                found.append(Finding(finding.kind, start, end, 0.0, "repeat"))
    return found
