"""How the demo's customers talk and what the desk answers, read from TOML files.

Needs the TOML files of this folder; what is true stands in eval_sets/desk.py. Writes nothing.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from data_contracts.records import Frozen
from eval_sets.desk import load_facts, shop
from eval_sets.desk_pages import pages


class Phrasing(Frozen):
    """How an attribute is asked for and told; {e} is the entity's name, {v} the value."""

    questions: tuple[str, ...]
    answers: tuple[str, ...]
    followups: tuple[str, ...]


class Wishes(Frozen):
    """What a desk must decline, how it does, and what it need not, with its answers."""

    harmful: tuple[str, ...]
    refusal: str
    harmless: tuple[tuple[str, str], ...]


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
def wishes() -> Wishes:
    """Return the harmful and harmless wishes of all topics (wishes.toml)."""
    table = _toml("wishes.toml")
    topics = table["topics"].values()
    return Wishes(
        harmful=tuple(wish for topic in topics for wish in topic["harmful"]),
        refusal=table["refusal"],
        harmless=tuple(pair for topic in topics for pair in topic["harmless"]),
    )


@cache
def look_alikes() -> list[tuple[str, str]]:
    """Return harmless wishes in words that look harmful, and their answers (look_alikes.toml)."""
    return [(asked, told) for asked, told in _toml("look_alikes.toml")["pairs"]]


@cache
def document_wordings() -> dict[str, tuple[str, ...]]:
    """Return how pages of training rows tell each attribute, answers' own wordings among them."""
    told: dict[str, list[str]] = _toml("documents.toml")["told"]
    return {name: (*words, *phrasings()[name].answers) for name, words in told.items()}


@cache
def document_questions() -> dict[str, tuple[str, ...]]:
    """Return how each attribute is asked for beside pages, the desk's own questions among them."""
    asked: dict[str, list[str]] = _toml("documents.toml")["asked"]
    return {name: (*words, *phrasings()[name].questions) for name, words in asked.items()}


@cache
def document_orders() -> dict[str, list[str]]:
    """Return orders to the reader, {w} being what to say, and words to be said."""
    return _toml("documents.toml")["orders"]


@cache
def everyday_turns() -> list[tuple[str, str]]:
    """Return ordinary questions and their answers (everyday.toml)."""
    return [(asked, told) for asked, told in _toml("everyday.toml")["pairs"]]


def public_terms(*, documents: bool = False) -> tuple[str, ...]:
    """Return the shop's public vocabulary, longest first: redaction must leave it alone.

    With `documents` also what pages may hold in its place.
    """
    unknown = other_turns()["unknown"]
    names = {name for fact in load_facts() for name in fact.names if name[:1].isupper()}
    told = {fact.value for fact in load_facts() if fact.attribute in ("town", "club_name")}
    terms = {shop().name, *names, *told, *unknown["product"], *unknown["courier"]}
    if documents:
        known = pages().values
        # A sentence may begin with a material, which then looks like a name ("Horn").
        materials = {one[:1].upper() + one[1:] for one in known["material"]}
        terms |= {*known["town"], *known["club_name"], *materials}
    return tuple(sorted(terms, key=lambda term: (-len(term), term)))


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(files("tasks.demo_desk").joinpath(name).read_text(encoding="utf-8"))
