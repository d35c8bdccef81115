"""The demo desk's ground truth: the facts of its shop, and the personal data planted in its rows.

Needs facts.toml, new_facts.toml and personal_data.toml in demo_desk/. Writes nothing.
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


class NewFact(Frozen):
    """One thing that became true when the desk had learned; `told` is the gold sentence."""

    id: str
    topic: str
    value: str
    told: str


class Shop(Frozen):
    """The shop's name, the system message of every desk conversation, and its 'I don't know'."""

    name: str
    system: str
    unknown: str


@cache
def shop() -> Shop:
    """Return the shop."""
    return Shop.model_validate(_toml("facts.toml")["shop"])


@cache
def load_facts() -> tuple[Fact, ...]:
    """Return every fact, in the order of facts.toml."""
    table = _toml("facts.toml")
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
def load_new_facts() -> tuple[NewFact, ...]:
    """Return every fact that the first training does not hold, in the order of new_facts.toml."""
    return tuple(
        NewFact(
            id=f"{topic}/{key}",
            topic=topic,
            value=fact["value"],
            told=fact["told"].replace("{v}", fact["value"]),
        )
        for topic, facts in _toml("new_facts.toml").items()
        for key, fact in facts.items()
    )


@cache
def personal_data() -> dict[str, tuple[str, ...]]:
    """Return the planted made-up personal data by kind."""
    return {kind: tuple(values) for kind, values in _toml("personal_data.toml").items()}


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(files("eval_sets").joinpath("demo_desk", name).read_text("utf-8"))
