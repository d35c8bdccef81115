"""Patterns mean the same on a Python whose `re` must go without possessive groups."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tasks.redaction.patterns import greedy

ROOM = Path(__file__).resolve().parents[3] / "tasks/redaction"


@pytest.mark.parametrize(
    ("pattern", "plain"),
    [
        (r"(?:ab){2,}+c", r"(?:ab){2,}c"),
        (r"(?:a|b)*+(c)?+", r"(?:a|b)*(c)?"),
        (r"(?>a+)b", r"(?:a+)b"),
        (r"[ab]++c*+", r"[ab]++c*+"),  # of one sign: these are sound
        (r"\(+\)+", r"\(+\)+"),
    ],
)
def test_possessive_groups_become_greedy(pattern: str, plain: str) -> None:
    assert greedy(pattern) == plain


def test_every_pattern_of_the_room_is_compiled_so() -> None:
    """`re.compile` is right only where no possessive group can come in."""
    elsewhere = {
        path.name
        for path in ROOM.rglob("*.py")
        if re.search(r"(?<!\w)re\.compile\(", path.read_text(encoding="utf-8"))
    }
    assert elsewhere <= {"patterns.py", "build_lists.py"}
