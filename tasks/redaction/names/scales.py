"""Puts the evidence for every candidate of a sentence on the scales, and reads off the names.

Candidates that are listed together ("Ann, Bob and Cy") speak for each other. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tasks.redaction.findings import Finding
from tasks.redaction.names.candidates import Candidate, Sentence
from tasks.redaction.names.context import context_of, lists_companies
from tasks.redaction.names.entities import Entity
from tasks.redaction.names.evidence import KINDS, against, evidence, name_of
from tasks.redaction.names.layout import placed
from tasks.redaction.names.organizations import PARTNERS
from tasks.redaction.names.technical import Place
from tasks.redaction.names.word_lists import WordLists
from tasks.redaction.patterns import compiled

ENOUGH = 1.0  # a sum below this is no name
_ENOUGH_BESIDE_CODE = 1.5  # where most capitals are of classes, products and terms
_ENUMERATED = compiled(r",? (?:and|or|&) |, |/")
_NEIGHBOURS = 0.8  # the most that neighbours may add
_FIRMS = 1.2  # for each of what is called companies
_PARTNERS = 3


@dataclass(slots=True)
class Scales:
    """A candidate's place, and what was put on its scales for each kind, with the best reason."""

    start: int
    end: int
    against: float
    weights: dict[str, float] = field(default_factory=dict[str, float])
    reasons: dict[str, tuple[float, str]] = field(default_factory=dict[str, tuple[float, str]])

    def add(self, kind: str, weight: float, reason: str) -> None:
        """Put a weight on the scales."""
        self.weights[kind] = self.weights.get(kind, 0.0) + weight
        self.reasons[kind] = max(self.reasons.get(kind, (0.0, reason)), (weight, reason))

    def finding(self, enough: float) -> Finding | None:
        """Return the name that this is, if the weights say it is one."""
        kind = max(KINDS, key=lambda one: self.weights.get(one, 0.0))
        total = self.weights.get(kind, 0.0) - self.against
        if total < enough:
            return None
        return Finding(
            kind, self.start, self.end, round(min(0.5 + total / 10, 0.95), 3), self.reasons[kind][1]
        )


def judge(
    text: str, sentence: Sentence, entities: Sequence[Entity], lists: WordLists
) -> Iterator[Finding]:
    """Yield the names in a sentence, given what the model marked in it."""
    marked = [
        Entity(one.kind, one.start + sentence.start, one.end + sentence.start) for one in entities
    ]
    scales = _partnerships(text, [_weigh(text, one, marked, lists) for one in sentence.candidates])
    for row in _enumerations(text, scales):
        _agree(row)
        if lists_companies(text, row[0].start):
            for one in row:
                one.add("ORGANIZATION", _FIRMS, "context")
    enough = ENOUGH if sentence.place is Place.PROSE else _ENOUGH_BESIDE_CODE
    for one in scales:
        if finding := one.finding(enough):
            yield finding


def _weigh(text: str, candidate: Candidate, marked: Sequence[Entity], lists: WordLists) -> Scales:
    own = [one for one in marked if one.start < candidate.end and candidate.start < one.end]
    words = name_of(text, candidate, own, lists)
    scales = Scales(words[0].start, words[-1].end, against(text, candidate, words, own, lists))
    for reason, weights in evidence(text, candidate, words, own, lists):
        for kind, weight in weights.items():
            scales.add(kind, weight, reason)
    return scales


def _partnerships(text: str, scales: Sequence[Scales]) -> list[Scales]:
    """Read "Craig, Palmer and Quinn" as one firm where a firm is expected or has its own line."""
    merged: list[Scales] = []
    for one in scales:
        merged.append(one)
        if len(merged) < _PARTNERS:
            continue
        first, second, third = merged[-_PARTNERS:]
        match = PARTNERS.fullmatch(text, first.start, third.end)
        listed = text[max(0, first.start - 2) : first.start] == ", "
        if not match or listed or match.start("second") != second.start:
            continue
        if firm := _firm(text, first.start, third.end):
            merged[-_PARTNERS:] = [firm]
    return merged


def _firm(text: str, start: int, end: int) -> Scales | None:
    expected = {**context_of(text, start, end), **placed(text, start, end)}
    weight = expected.get("ORGANIZATION", 0.0)
    if weight < ENOUGH / 2 or weight <= expected.get("PERSON", 0.0):
        return None
    firm = Scales(start, end, 0.0)
    firm.add("ORGANIZATION", weight + ENOUGH, "company form")
    return firm


def _enumerations(text: str, scales: Sequence[Scales]) -> Iterator[list[Scales]]:
    """Yield candidates listed together; two with a comma between are not yet a list."""
    row: list[Scales] = []
    joined = False
    for one in scales:
        gap = text[row[-1].end : one.start] if row else ""
        if row and not _ENUMERATED.fullmatch(gap):
            if joined or len(row) > 2:
                yield row
            row, joined = [], False
        row.append(one)
        joined = joined or (bool(gap) and not gap.startswith(", "))
    if len(row) > 1 and (joined or len(row) > 2):
        yield row


def _agree(row: Sequence[Scales]) -> None:
    """Let those listed together speak for each other: half of what the others weigh on average."""
    before = [dict(one.weights) for one in row]
    for number, one in enumerate(row):
        others = before[:number] + before[number + 1 :]
        for kind in KINDS:
            mean = sum(other.get(kind, 0.0) for other in others) / max(len(others), 1)
            one.add(kind, min(mean / 2, _NEIGHBOURS), "neighbours")
