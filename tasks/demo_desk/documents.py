"""Draws rows that teach a model of the demo desk to answer from pages: `--source demo-documents`.

Needs the facts and phrasings, documents.toml, and the pages (eval_sets/desk_pages.py). Each row's
shop is another one, so that nothing is to be learned but to read. Writes nothing.
"""

from __future__ import annotations

import random
from itertools import cycle

from data_contracts.passages import NOT_THERE, ask_from
from data_contracts.records import Message
from eval_sets.desk import Fact, load_facts
from eval_sets.desk_pages import Drawing, Drawn
from tasks.demo_desk.phrasing import (
    document_orders,
    document_questions,
    document_wordings,
    phrasings,
)
from tasks.demo_desk.wording import Conversation, ask, sentence

ROWS_PER_FACT = 10
QUESTIONS = 4  # of a row: reading pages costs more than another question about them
UNANSWERABLE_IN = 5  # of the questions, one in so many is answered on no page
ORDER_IN = 8  # of the rows, one in so many has a page with an order to the reader
MOST_PASSAGES = 4


def document_rows(rng: random.Random, per_fact: int = ROWS_PER_FACT) -> list[Conversation]:
    """Return the rows: every fact first asked for in several shops, and others after it."""
    drawing = Drawing(rng, document_wordings(), held=False)
    kinds = cycle(range(UNANSWERABLE_IN * ORDER_IN))
    return [
        _row(fact, next(kinds), drawing, rng)
        for _ in range(per_fact)
        for fact in rng.sample(load_facts(), len(load_facts()))
    ]


def _row(fact: Fact, kind: int, drawing: Drawing, rng: random.Random) -> Conversation:
    answerable = kind % UNANSWERABLE_IN != 0
    drawn = drawing.draw(fact, answerable=answerable, passages=rng.randint(1, MOST_PASSAGES))
    passages = list(drawn.passages)
    if kind % ORDER_IN == 1:
        at = rng.randrange(len(passages))
        passages[at] = f"{passages[at]}\n{_order(rng)}"
    row = [*ask_from(_question(fact, rng), passages), _answer(fact, drawn, rng)]
    for other in _others(drawn, rng):
        question = Message(role="user", content=f"Question: {_question(other, rng)}")
        row += [question, _answer(other, drawn, rng)]
    return tuple(row)


def _others(drawn: Drawn, rng: random.Random) -> list[Fact]:
    """Return what else is asked of the pages: what they state, and now and then what they don't."""
    stated = list(dict.fromkeys(one for page in drawn.pages for one in page.facts))
    kinds = {one.kind for one in stated}
    missing = [one for one in load_facts() if one.kind in kinds and one not in stated]
    entities = {one.entity for one in stated}
    close = [one for one in missing if one.entity in entities] or missing
    chosen: list[Fact] = []
    for _ in range(QUESTIONS - 1):
        if rng.randrange(UNANSWERABLE_IN) == 0 and missing:
            chosen.append(rng.choice(rng.choice((close, missing))))
        else:
            chosen.append(rng.choice(stated))
    return [one for one in dict.fromkeys(chosen) if one.id != drawn.fact.id]


def _question(fact: Fact, rng: random.Random) -> str:
    return ask(fact, rng.choice(document_questions()[fact.attribute]), fact.names[0])


def _answer(fact: Fact, drawn: Drawn, rng: random.Random) -> Message:
    pages = drawn.where(fact)
    if not pages:
        return Message(role="assistant", content=NOT_THERE)
    wording = rng.choice(phrasings()[fact.attribute].answers)
    said = sentence(wording.replace("{e}", fact.names[0]).replace("{v}", drawn.values[fact.id]))
    return Message(role="assistant", content=f"{said.removesuffix('.')} [{pages[0]}].")


def _order(rng: random.Random) -> str:
    orders = document_orders()
    return rng.choice(orders["texts"]).replace("{w}", rng.choice(orders["words"]))
