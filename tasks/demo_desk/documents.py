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
from tasks.demo_desk.phrasing import document_orders, document_wordings, phrasings
from tasks.demo_desk.wording import Conversation, ask, sentence

ROWS_PER_FACT = 5
UNANSWERABLE_IN = 4  # of the rows, one in so many has no page that answers
ORDER_IN = 8  # one in so many has a page with an order to the reader
MOST_PASSAGES = 4


def document_rows(rng: random.Random) -> list[Conversation]:
    """Return the rows: every fact in several shops, one in four of them on no page."""
    drawing = Drawing(rng, document_wordings(), held=False)
    kinds = cycle(range(UNANSWERABLE_IN * ORDER_IN))
    return [
        _row(fact, next(kinds), drawing, rng)
        for _ in range(ROWS_PER_FACT)
        for fact in rng.sample(load_facts(), len(load_facts()))
    ]


def _row(fact: Fact, kind: int, drawing: Drawing, rng: random.Random) -> Conversation:
    answerable = kind % UNANSWERABLE_IN != 0
    drawn = drawing.draw(fact, answerable=answerable, passages=rng.randint(1, MOST_PASSAGES))
    passages = list(drawn.passages)
    if kind % ORDER_IN == 1:
        at = rng.randrange(len(passages))
        passages[at] = f"{passages[at]}\n{_order(rng)}"
    question = ask(fact, rng.choice(phrasings()[fact.attribute].questions), fact.names[0])
    answer = Message(role="assistant", content=_answer(drawn, rng))
    return (*ask_from(question, passages), answer)


def _answer(drawn: Drawn, rng: random.Random) -> str:
    if not drawn.right:
        return NOT_THERE
    wording = rng.choice(phrasings()[drawn.fact.attribute].answers)
    said = sentence(wording.replace("{e}", drawn.fact.names[0]).replace("{v}", drawn.value))
    return f"{said.removesuffix('.')} [{drawn.right}]."


def _order(rng: random.Random) -> str:
    orders = document_orders()
    return rng.choice(orders["texts"]).replace("{w}", rng.choice(orders["words"]))
