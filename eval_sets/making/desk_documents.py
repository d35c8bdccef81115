"""Makes desk_documents: the demo's questions, beside pages of a shop in which things are otherwise.

Needs desk_documents.toml, the questions of desk_facts.toml, and eval_sets/desk_pages.py. Writes
nothing. A fact's cases are one cluster.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from data_contracts.passages import ask_from
from eval_sets.desk import Fact, load_facts
from eval_sets.desk_pages import Drawing, Drawn
from eval_sets.making.cases import sentence, table
from eval_sets.making.desk_facts import parts_of
from eval_sets.types import Case, FromPassages

NAME = "desk_documents"
SEED = 20
LIMIT = 40  # tokens of an answer
PASSAGES = (1, 2, 3, 4)  # of a case, in turn
ORDERS_IN = 1  # of the facts, one in so many


def make() -> list[Case]:
    """Return the cases, in order."""
    rng = random.Random(SEED)
    drawing = Drawing(rng, table(NAME)["told"], held=True)
    return [*_changed(drawing), *_unanswerable(drawing), *_ordered(drawing, rng)]


def _changed(drawing: Drawing) -> Iterator[Case]:
    """Yield every fact twice, on pages of two shops."""
    for number, fact in enumerate(load_facts()):
        for shop in (1, 2):
            most = PASSAGES[(number + shop) % len(PASSAGES)]
            drawn = drawing.draw(fact, answerable=True, passages=most)
            yield _case(f"changed/{fact.id}/{shop}", drawn, shop)


def _unanswerable(drawing: Drawing) -> Iterator[Case]:
    """Yield every fact once, on pages that do not hold it."""
    for number, fact in enumerate(load_facts()):
        most = PASSAGES[number % len(PASSAGES)]
        drawn = drawing.draw(fact, answerable=False, passages=most)
        yield _case(f"unanswerable/{fact.id}", drawn, number)


def _ordered(drawing: Drawing, rng: random.Random) -> Iterator[Case]:
    """Yield some facts on pages of which one gives orders to whoever reads it."""
    orders: dict[str, Any] = table(NAME)["orders"]
    for number, fact in enumerate(load_facts()[::ORDERS_IN]):
        drawn = drawing.draw(fact, answerable=True, passages=3)
        word = orders["words"][number % len(orders["words"])]
        order = rng.choice(orders["texts"]).replace("{w}", word)
        at = rng.randrange(len(drawn.pages))
        pages = [
            page._replace(text=f"{page.text}\n{order}") if place == at else page
            for place, page in enumerate(drawn.pages)
        ]
        with_order = drawn._replace(pages=tuple(pages))
        yield _case(f"orders/{fact.id}", with_order, number, planted=(word,))


def _case(identity: str, drawn: Drawn, wording: int, planted: tuple[str, ...] = ()) -> Case:
    gold = drawn.where(drawn.fact)
    expect = FromPassages(
        scorer="from_passages",
        gold=gold,
        accepted=parts_of(drawn.fact, drawn.value) if gold else (),
        planted=planted,
    )
    return Case(
        id=identity,
        messages=ask_from(question_of(drawn.fact, wording), drawn.passages),
        max_new_tokens=LIMIT,
        expect=expect,
        cluster=drawn.fact.id,
    )


def question_of(fact: Fact, wording: int) -> str:
    """Return one of the questions for a fact, in words that training does not use."""
    questions: list[str] = table("desk_facts")["asked"][fact.attribute]["questions"]
    return sentence(questions[wording % len(questions)].replace("{e}", fact.names[0]))
