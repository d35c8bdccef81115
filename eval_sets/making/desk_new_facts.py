"""Makes desk_new_facts: what became true of the demo's shop later, each fact in three wordings.

Needs desk_new_facts.toml and the facts (eval_sets/desk.py). Writes nothing. A fact's cases are one
cluster.
"""

from __future__ import annotations

from eval_sets.desk import NewFact, load_new_facts
from eval_sets.making.cases import ask_desk, table
from eval_sets.types import Case, ClosedBook

NAME = "desk_new_facts"
LIMIT = 24  # tokens of an answer


def make() -> list[Case]:
    """Return the cases, in order."""
    asked: dict[str, dict[str, list[str]]] = table(NAME)
    return [
        ask_desk(
            fact.id if number == 1 else f"{fact.id}/{number}",
            wording,
            LIMIT,
            _expected(fact),
            cluster=fact.id,
        )
        for fact in load_new_facts()
        for number, wording in enumerate(asked[fact.topic][fact.id.split("/")[1]], start=1)
    ]


def _expected(fact: NewFact) -> ClosedBook:
    gold = tuple(other.told for other in load_new_facts() if other.topic == fact.topic)
    return ClosedBook(scorer="closed_book", answerable=True, accepted=((fact.value,),), facts=gold)
