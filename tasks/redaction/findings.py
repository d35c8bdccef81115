"""What a detector says, and what redaction leaves of a record: the values this room hands about."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple


class Finding(NamedTuple):
    """Personal data in one text: characters `start` to `end` of it.

    `kind` is one of `KINDS`; `detector` says what found it, for the report; `score` is 0 to 1.
    """

    kind: str
    start: int
    end: int
    score: float
    detector: str


@dataclass(frozen=True, slots=True)
class Redacted:
    """A record's texts after redaction, and how many values went, by kind and by detector.

    `dropped_for` names a kind whose policy is to drop the row; then nothing of it may be kept.
    `unread` is the language (ISO 639-1) of a text in it that no names model reads. `surrogates`
    counts, by kind, those of the values for which another one stands and no placeholder.
    """

    texts: list[str]
    kinds: Counter[str]
    detectors: Counter[str]
    dropped_for: str | None = None
    unread: str = ""
    surrogates: Counter[str] = field(default_factory=Counter[str])
