"""How the demo's customers talk and what the desk answers, read from TOML files.

Needs this folder's phrasings.toml, other_turns.toml and everyday.toml; what is true stands in
eval_sets/desk.py. Writes nothing.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from data_contracts.records import Frozen
from eval_sets.desk import load_facts, shop


class Phrasing(Frozen):
    """How an attribute is asked for and told; {e} is the entity's name, {v} the value."""

    questions: tuple[str, ...]
    answers: tuple[str, ...]
    followups: tuple[str, ...]


@cache
def phrasings() -> dict[str, Phrasing]:
    """Return the training phrasings by attribute."""
    table = _toml("phrasings.toml")
    return {attribute: Phrasing.model_validate(entry) for attribute, entry in table.items()}


@cache
def other_turns() -> dict[str, Any]:
    """Return what customers say besides asking for a fact (other_turns.toml)."""
    return _toml("other_turns.toml")


@cache
def everyday_turns() -> list[tuple[str, str]]:
    """Return ordinary questions and their answers (everyday.toml)."""
    return [(asked, told) for asked, told in _toml("everyday.toml")["pairs"]]


def public_terms() -> tuple[str, ...]:
    """Return the shop's public vocabulary, longest first: redaction must leave it alone."""
    unknown = other_turns()["unknown"]
    names = {name for fact in load_facts() for name in fact.names if name[:1].isupper()}
    told = {fact.value for fact in load_facts() if fact.attribute in ("town", "club_name")}
    terms = {shop().name, *names, *told, *unknown["product"], *unknown["courier"]}
    return tuple(sorted(terms, key=lambda term: (-len(term), term)))


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(files("tasks.demo_desk").joinpath(name).read_text(encoding="utf-8"))
