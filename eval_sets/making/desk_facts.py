"""Makes desk_facts: every fact of the demo's shop in three wordings, and what it does not hold.

Needs desk_facts.toml and the facts (eval_sets/desk.py). Writes nothing. A fact's cases are one
cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle

from eval_sets.desk import Fact, load_facts
from eval_sets.making.cases import ask_desk, sentence, slug, table
from eval_sets.types import Case, ClosedBook

NAME = "desk_facts"
LIMIT, LONG_LIMIT = 20, 24  # tokens of an answer; of two times of day
Asked = dict[str, dict[str, list[str]]]


def make() -> list[Case]:
    """Return the cases, in order."""
    return [*_answerable(), *_named(), *_gaps(), *_beside()]


def _answerable() -> Iterator[Case]:
    told = table(NAME)
    for fact in load_facts():
        for number, wording in enumerate(told["asked"][fact.attribute]["questions"], start=1):
            expect = ClosedBook(
                scorer="closed_book",
                answerable=True,
                accepted=parts_of(fact, fact.value, told["also"].get(fact.id, [])),
                facts=_gold(fact.entity),
            )
            yield ask_desk(
                fact.id if number == 1 else f"{fact.id}/{number}",
                wording.replace("{e}", fact.names[0]),
                _limit(fact.attribute),
                expect,
                cluster=fact.id,
            )


def parts_of(fact: Fact, value: str, also: Sequence[str] = ()) -> tuple[tuple[str, ...], ...]:
    """Return the required parts of an answer: the value, or both ends of the opening hours."""
    if fact.attribute == "hours":
        return tuple((end,) for end in value.split(" to "))
    return ((value, *also),)


def _limit(attribute: str) -> int:
    return LONG_LIMIT if attribute == "hours" else LIMIT


def _gold(entity: str) -> tuple[str, ...]:
    """Return what is true of an entity, a sentence a fact."""
    asked: Asked = table(NAME)["asked"]
    return tuple(
        sentence(str(asked[fact.attribute]["told"]))
        .replace("{e}", fact.names[0])
        .replace("{v}", fact.value)
        for fact in load_facts()
        if fact.entity == entity
    )


def _named() -> Iterator[Case]:
    """Yield questions about names that the table does not hold, each in one wording."""
    told = table(NAME)
    for group in told["unknown"].values():
        if "names" not in group:
            continue
        wordings = {name: cycle(told["asked"][name]["questions"]) for name in group["attributes"]}
        for name, attribute in zip(group["names"], cycle(group["attributes"]), strict=False):
            question = next(wordings[attribute]).replace("{e}", name)
            yield _unanswerable(f"unknown/{slug(name)}", question, attribute)


def _gaps() -> Iterator[Case]:
    """Yield questions about known products for what the table leaves open, in the last wording."""
    told = table(NAME)
    names = {fact.entity: fact.names[0] for fact in load_facts()}
    for attribute, entities in told["unknown"]["gap"].items():
        wording = told["asked"][attribute]["questions"][-1]
        for entity in entities:
            question = wording.replace("{e}", names[entity])
            yield _unanswerable(f"unknown/{entity}-{attribute}", question, attribute, entity)


def _beside() -> Iterator[Case]:
    """Yield questions about known things and the shop that no table would answer."""
    for entity, questions in table(NAME)["unknown"]["beside"].items():
        for number, question in enumerate(questions, start=1):
            yield _unanswerable(f"unknown/{entity}/{number}", question, "", entity)


def _unanswerable(identity: str, question: str, attribute: str, entity: str = "") -> Case:
    expect = ClosedBook(scorer="closed_book", answerable=False, facts=_gold(entity))
    return ask_desk(identity, question, _limit(attribute), expect)
