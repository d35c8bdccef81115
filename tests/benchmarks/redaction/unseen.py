"""Texts that were written without sight of the rules: what is found in them, what wrongly.

`unseen.jsonl` has them, in two sets: chats, letters, records, code and logs, values disguised and
not, texts that hold none. The first set was then used to mend the rules; the second was read once
before that (README has what was found at first sight), so neither is unseen any more: a figure that
falls says that something was lost. A "·" in a value breaks up what looks like a live token.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tasks.redaction.findings import Finding

SETS = ("first", "second")
FORMS = (
    "email",
    "credit_card",
    "iban",
    "us_ssn",
    "ip",
    "mac",
    "url_with_credentials",
    "crypto_wallet",
    "api_key",
    "jwt",
    "private_key",
    "phone",
)
_FILE = Path(__file__).with_name("unseen.jsonl")
_COVERED = 0.8  # of a value's letters and digits


class Seen(NamedTuple):
    """Values found and in all by kind; alarms where nothing is, and in texts that hold nothing."""

    found: Counter[str]
    total: Counter[str]
    alarms: int
    clean_alarms: int
    words: int
    clean_words: int


def measure(find: Callable[[Sequence[str]], Sequence[Sequence[Finding]]], name: str) -> Seen:
    """Search one of the sets."""
    rows = [row for row in map(json.loads, _FILE.read_text().splitlines()) if row["set"] == name]
    texts = [_plain(row["text"]) for row in rows]
    found, total = Counter[str](), Counter[str]()
    alarms = clean_alarms = words = clean_words = 0
    for row, text, findings in zip(rows, texts, find(texts), strict=True):
        spans = list(_places(row, text))
        for kind, start, end in spans:
            if kind:
                total[kind] += 1
                found[kind] += _is_covered(text, start, end, findings)
        wrong = sum(
            not any(one.start < end and start < one.end for _, start, end in spans)
            for one in findings
        )
        alarms, words = alarms + wrong, words + len(text.split())
        if not spans:
            clean_alarms, clean_words = clean_alarms + wrong, clean_words + len(text.split())
    return Seen(found, total, alarms, clean_alarms, words, clean_words)


def _plain(text: str) -> str:
    return text.replace("·", "")


def _places(row: dict[str, Any], text: str) -> Sequence[tuple[str, int, int]]:
    """Return where each value stands, by kind; user names, which are none of ours, without one."""
    named = [("", value) for value in row.get("user_names", ())]
    values = [(span["kind"], _plain(span["value"])) for span in row["spans"]] + named
    places: list[tuple[str, int, int]] = []
    behind: dict[str, int] = {}
    for kind, value in values:
        start = text.find(value, behind.get(value, 0))
        start = start if start >= 0 else text.index(value)
        behind[value] = start + 1
        places.append((kind, start, start + len(value)))
    return places


def _is_covered(text: str, start: int, end: int, findings: Sequence[Finding]) -> bool:
    signs = [place for place in range(start, end) if text[place].isalnum()]
    inside = sum(any(one.start <= place < one.end for one in findings) for place in signs)
    return inside >= _COVERED * len(signs)
