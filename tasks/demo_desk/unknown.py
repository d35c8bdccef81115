"""Draws conversations in which the desk is asked for what it cannot know, and says so.

Needs the facts, phrasings and unknown names (eval_sets/desk.py, phrasing.py). Writes nothing.
"""

from __future__ import annotations

import random
from itertools import cycle

from eval_sets.desk import load_facts, shop
from tasks.demo_desk.phrasing import other_turns, phrasings
from tasks.demo_desk.wording import Conversation, ask, desk, exchange, sentence

CONTRAST_ROWS = 10
PRODUCT_ATTRIBUTES = ("price", "weight", "material", "warranty")
# What unknown names are asked for: the same as known ones of their kind.
UNKNOWN_ATTRIBUTES = {
    "product": PRODUCT_ATTRIBUTES,
    "courier": ("courier_days", "courier_cost"),
    "category": ("returns",),
    "repair": ("repair_days", "repair_cost"),
    "day": ("hours",),
}


def unknown_rows(rng: random.Random) -> list[Conversation]:
    """Return questions the desk cannot answer, worded as those it can, one a name."""
    unknown = other_turns()["unknown"]
    wordings = {
        attribute: cycle(rng.sample(phrasing.questions, len(phrasing.questions)))
        for attribute, phrasing in phrasings().items()
    }
    asked = [
        (name, attributes[number % len(attributes)])
        for kind, attributes in UNKNOWN_ATTRIBUTES.items()
        for number, name in enumerate(rng.sample(unknown[kind], len(unknown[kind])))
    ]
    questions = [
        sentence(next(wordings[attribute]).replace("{e}", name))
        for name, attribute in [*asked, *_gaps()]
    ]
    return [desk(question, shop().unknown) for question in [*questions, *unknown["questions"]]]


def _gaps() -> list[tuple[str, str]]:
    """Return the known products with the attributes that the table doesn't give for them."""
    known = {(fact.names[0], fact.attribute) for fact in load_facts()}
    products = dict.fromkeys(fact.names[0] for fact in load_facts() if fact.kind == "product")
    return [
        (name, attribute)
        for name in products
        for attribute in PRODUCT_ATTRIBUTES
        if (name, attribute) not in known
    ]


def contrast_rows(rng: random.Random) -> list[Conversation]:
    """Return a known and an unknown product asked for in turn, either of them first."""
    unknown = other_turns()["unknown"]
    facts = [fact for fact in load_facts() if fact.attribute in PRODUCT_ATTRIBUTES]
    names = rng.sample(unknown["product"], CONTRAST_ROWS)
    rows: list[Conversation] = []
    known = rng.sample(facts, CONTRAST_ROWS)
    for number, (fact, name) in enumerate(zip(known, names, strict=True)):
        question, answer = exchange(fact, rng)
        wording = rng.choice(phrasings()[fact.attribute].questions)
        followup = rng.choice(unknown["followups"])
        if number % 2:
            first = (sentence(wording.replace("{e}", name)), shop().unknown)
            rows.append(desk(*first, ask(fact, followup, fact.names[0]), answer))
        else:
            rows.append(desk(question, answer, followup.replace("{e}", name), shop().unknown))
    return rows
