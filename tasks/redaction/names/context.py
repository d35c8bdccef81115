"""What the words around a name say about it: whether a person, a place or an organization is meant.

The rules are rows of `lists/name_context.toml`. English only. Writes nothing.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import Any

from tasks.redaction.names.word_lists import LISTS
from tasks.redaction.patterns import compiled

Rule = tuple[str, float, re.Pattern[str]]  # kind, weight, what is read
REACH = 48  # characters read on either side
_HEAD_REACH = 180  # characters back to what an enumeration is of
_COMPANIES = compiled(
    r"(?i)\b(?:companies|firms|manufacturers|retailers|banks|brands|start-?ups|businesses|vendors"
    r"|suppliers|employers|organi[sz]ations|airlines|agencies|corporations|competitors|sponsors"
    r"|customers|clients)\b[^.!?\n]{0,120}(?::|\blike|\bsuch as|\bincluding|\bare|\bnamely),? \Z"
)


def context_of(text: str, start: int, end: int) -> dict[str, float]:
    """Return how strongly what stands around `text[start:end]` speaks for each kind of name.

    On either side the strongest rule of a kind counts, and the sides add up.
    """
    before_rules, behind_rules = _rules()
    before, behind = text[max(0, start - REACH) : start], text[end : end + REACH]
    weights: dict[str, float] = {}
    for kind, weight, pattern in before_rules:
        if weight > weights.get(kind, 0.0) and pattern.search(before):
            weights[kind] = weight
    after: dict[str, float] = {}
    for kind, weight, pattern in behind_rules:
        if weight > after.get(kind, 0.0) and pattern.match(behind):
            after[kind] = weight
    for kind, weight in after.items():
        weights[kind] = weights.get(kind, 0.0) + weight
    return weights


def lists_companies(text: str, start: int) -> bool:
    """Tell whether what is listed from there on is companies: "banks such as X and Y"."""
    return bool(_COMPANIES.search(text, max(0, start - _HEAD_REACH), start))


@cache
def _rules() -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Return the rules for what stands before and behind, the strongest first."""
    told = tomllib.loads((LISTS / "name_context.toml").read_text(encoding="utf-8"))
    words: dict[str, list[str]] = told["words"]
    return _compiled(told["before"], words, r"(?i:{})\Z"), _compiled(
        told["behind"], words, r"(?i:{})"
    )


def _compiled(
    rows: list[dict[str, Any]], words: dict[str, list[str]], form: str
) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for row in sorted(rows, key=lambda one: -one["weight"]):
        text: str = row["text"]
        for name, group in words.items():
            text = text.replace(f"{{{name}}}", "|".join(group))
        rules.append((row["kind"], row["weight"], compiled(form.replace("{}", text))))
    return tuple(rules)
