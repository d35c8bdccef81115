"""The demo desk's ground truth and phrasings, read from their TOML files.

Needs eval_sets/demo_desk/ (facts, made-up personal data) and this folder's phrasings.toml,
other_turns.toml and everyday.toml. Writes nothing.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from data_contracts.records import Frozen


class Fact(Frozen):
    """One thing the desk knows: `attribute` of the entity is `value`."""

    id: str
    attribute: str
    entity: str
    kind: str
    names: tuple[str, ...]
    value: str


class Phrasing(Frozen):
    """How an attribute is asked for and told; {e} is the entity's name, {v} the value."""

    questions: tuple[str, ...]
    answers: tuple[str, ...]
    followups: tuple[str, ...]


class Shop(Frozen):
    """The shop's name, the system message of every desk conversation, and its 'I don't know'."""

    name: str
    system: str
    unknown: str


@cache
def shop() -> Shop:
    """Return the shop."""
    return Shop.model_validate(_toml("eval_sets", "demo_desk/facts.toml")["shop"])


@cache
def load_facts() -> tuple[Fact, ...]:
    """Return every fact, in the order of facts.toml."""
    table = _toml("eval_sets", "demo_desk/facts.toml")
    entities: dict[str, tuple[str, list[str]]] = {
        entity: (kind, names)
        for kind, group in table["entities"].items()
        for entity, names in group.items()
    }
    return tuple(
        Fact(
            id=f"{attribute}/{entity}",
            attribute=attribute,
            entity=entity,
            kind=entities[entity][0],
            names=tuple(entities[entity][1]),
            value=value,
        )
        for attribute, values in table["facts"].items()
        for entity, value in values.items()
    )


@cache
def phrasings() -> dict[str, Phrasing]:
    """Return the training phrasings by attribute."""
    table = _toml("tasks.demo_desk", "phrasings.toml")
    return {attribute: Phrasing.model_validate(entry) for attribute, entry in table.items()}


@cache
def other_turns() -> dict[str, Any]:
    """Return what customers say besides asking for a fact (other_turns.toml)."""
    return _toml("tasks.demo_desk", "other_turns.toml")


@cache
def everyday_turns() -> list[tuple[str, str]]:
    """Return ordinary questions and their answers (everyday.toml)."""
    return [(asked, told) for asked, told in _toml("tasks.demo_desk", "everyday.toml")["pairs"]]


@cache
def personal_data() -> dict[str, tuple[str, ...]]:
    """Return the planted made-up personal data by kind."""
    table = _toml("eval_sets", "demo_desk/personal_data.toml")
    return {kind: tuple(values) for kind, values in table.items()}


def public_terms() -> tuple[str, ...]:
    """Return the shop's public vocabulary, longest first: redaction must leave it alone."""
    unknown = other_turns()["unknown"]
    names = {name for fact in load_facts() for name in fact.names if name[:1].isupper()}
    told = {fact.value for fact in load_facts() if fact.attribute in ("town", "club_name")}
    terms = {shop().name, *names, *told, *unknown["product"], *unknown["courier"]}
    return tuple(sorted(terms, key=lambda term: (-len(term), term)))


def _toml(package: str, name: str) -> dict[str, Any]:
    return tomllib.loads(files(package).joinpath(name).read_text(encoding="utf-8"))
