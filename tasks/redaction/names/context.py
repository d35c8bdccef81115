"""What the words around a name say about it: whether a person, a place or an organization is meant.

The rules are rows of `lists/name_context.toml`. English only. Writes nothing.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import NamedTuple

from tasks.redaction.names.word_lists import LISTS
from tasks.redaction.patterns import compiled

REACH = 48  # characters read on either side
_HEAD_REACH = 180  # characters back to what an enumeration is of
_COMPANIES = compiled(
    r"(?i)\b(?:companies|firms|manufacturers|retailers|banks|brands|start-?ups|businesses|vendors"
    r"|suppliers|employers|organi[sz]ations|airlines|agencies|corporations|competitors|sponsors"
    r"|customers|clients)\b[^.!?\n]{0,120}(?::|\blike|\bsuch as|\bincluding|\bare|\bnamely),? \Z"
)


class Rule(NamedTuple):
    """What speaks of a kind of name; `clear`: of a listed name it is enough."""

    name: str
    kind: str
    clear: bool
    pattern: re.Pattern[str]


def rules_around(text: str, start: int, end: int) -> list[Rule]:
    """Return the rules that fit what stands before and behind `text[start:end]`."""
    before_rules, behind_rules = _rules()
    before, behind = text[max(0, start - REACH) : start], text[end : end + REACH]
    found = [rule for rule in before_rules if rule.pattern.search(before)]
    found += [rule for rule in behind_rules if rule.pattern.match(behind)]
    return found


def lists_companies(text: str, start: int) -> bool:
    """Tell whether what is listed from there on is companies: "banks such as X and Y"."""
    return bool(_COMPANIES.search(text, max(0, start - _HEAD_REACH), start))


@cache
def _rules() -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Return the rules for what stands before and behind."""
    told = tomllib.loads((LISTS / "name_context.toml").read_text(encoding="utf-8"))
    words: dict[str, list[str]] = told["words"]
    sides: list[tuple[Rule, ...]] = []
    for side, form in (("before", r"(?i:{})\Z"), ("behind", r"(?i:{})")):
        rules: list[Rule] = []
        for row in told[side]:
            text: str = row["text"]
            for name, group in words.items():
                text = text.replace(f"{{{name}}}", "|".join(group))
            pattern = compiled(form.replace("{}", text))
            name = f"{side}: {row['name']}"
            rules.append(Rule(name, row["kind"], bool(row.get("clear")), pattern))
        sides.append(tuple(rules))
    return sides[0], sides[1]
