"""Makes instruction_following: groups of cases that share a demand on the form of the answer.

Needs instruction_following.toml. Writes nothing. A group is one cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from eval_sets.making.cases import ask, slug, table
from eval_sets.types import Case, Constraint, Constraints

NAME = "instruction_following"


def make() -> list[Case]:
    """Return the cases, in order."""
    return [case for group in table(NAME)["group"] for case in _group(group)]


def _group(group: dict[str, Any]) -> Iterator[Case]:
    wordings: list[str] = group["wordings"]
    for number, item in enumerate(group["items"]):
        parts: list[str] = [item] if isinstance(item, str) else item
        expect = Constraints(
            scorer="instruction_constraints",
            constraints=tuple(_constraint(one, parts) for one in group["constraints"]),
        )
        yield ask(
            f"{group['id']}/{slug(parts[0])[:60]}",
            _filled(wordings[number % len(wordings)], parts),
            group["limit"],
            expect,
            cluster=group["id"],
        )


def _constraint(given: dict[str, Any], parts: Sequence[str]) -> Constraint:
    words = tuple(_filled(word, parts) for word in given.get("words", ()))
    return Constraint(type=given["type"], n=given.get("n", 0), words=words)


def _filled(text: str, parts: Sequence[str]) -> str:
    for number, part in enumerate(parts):
        text = text.replace(f"{{{number}}}", part)
    return text
