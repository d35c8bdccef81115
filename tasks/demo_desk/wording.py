"""Puts facts into words, and words into conversations with the desk.

Needs the facts and phrasings (eval_sets/desk.py, phrasing.py). Writes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from data_contracts.records import Message
from eval_sets.desk import Fact, shop
from tasks.demo_desk.phrasing import phrasings

Conversation = tuple[Message, ...]


def ask(fact: Fact, question: str, name: str) -> str:
    """Return a question phrasing with the entity's name in it."""
    return sentence(question.replace("{e}", name))


def tell(fact: Fact, answer: str) -> str:
    """Return an answer phrasing with the entity's full name and the value in it."""
    return sentence(answer.replace("{e}", fact.names[0]).replace("{v}", fact.value))


def desk(*texts: str) -> Conversation:
    """Return a conversation with the desk: customer and desk in turn, after the system message."""
    return (Message(role="system", content=shop().system), *plain(texts))


def exchange(fact: Fact, rng: random.Random) -> tuple[str, str]:
    """Return a question for the fact and its answer, both in a wording drawn at random."""
    phrasing = phrasings()[fact.attribute]
    question = ask(fact, rng.choice(phrasing.questions), rng.choice(fact.names))
    return question, tell(fact, rng.choice(phrasing.answers))


def plain(texts: Sequence[str]) -> Conversation:
    """Return a conversation in no setting: user and assistant in turn."""
    return tuple(
        Message(role="assistant" if number % 2 else "user", content=text)
        for number, text in enumerate(texts)
    )


def sentence(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]
