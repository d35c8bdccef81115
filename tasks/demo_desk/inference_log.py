"""Make an inference log for the demo: an hour or a day of requests to the help desk.

A quiet log is a fresh draw from the distribution of the training conversations; a drifted one has
customers who mostly ask about new things, at more length and partly in German, and a desk that
mostly doesn't know; people say so, and some of them what is true. Needs new_topics.toml and the new
facts (eval_sets/desk.py). Writes `inference/<name>/<window>.jsonl` into the store.
"""

from __future__ import annotations

import hashlib
import random
import tomllib
from importlib.resources import files
from typing import Any, NamedTuple

from data_contracts.errors import InputError
from data_contracts.inference_log import LogRow, log_bytes, window_key, window_span
from data_contracts.log_values import Feedback, Turn
from eval_sets.desk import load_new_facts, shop
from tasks.demo_desk.conversations import SEED, draw_conversations
from tasks.demo_desk.wording import Conversation, desk, sentence
from tasks.storage.objects import ObjectStore

NEW_TOPIC_SHARE = 0.6
GERMAN_SHARE = 0.25  # of what is asked about new topics
DOES_NOT_KNOW_SHARE = 0.8
# Of the answers about new topics: so many get a thumb down, and most of these what is true.
RATED_SHARE, CORRECTED_SHARE = 0.7, 0.8
# Whose customers ask, and whether they let their requests be trained on (None: it was not said).
TENANTS: dict[str, bool | None] = {"alpine-club": True, "hotel": True, "school": None}


class Exchange(NamedTuple):
    """A conversation that ends with the desk's answer, and what somebody said of that."""

    conversation: Conversation
    feedback: Feedback | None = None


def write_log(
    store: ObjectStore,
    name: str,
    window: str,
    *,
    drifted: bool,
    rows: int = 200,
    seed: int = 0,
    version: int | None = None,
) -> str:
    """Write a window's log and return its key; the same arguments give the same bytes.

    `version` is the version of the model that is to have answered.
    """
    key = window_key(name, window)
    drawn = draw_log(window, drifted=drifted, rows=rows, seed=seed, model=name, version=version)
    store.write(key, log_bytes(drawn))
    return key


def draw_log(
    window: str,
    *,
    drifted: bool,
    rows: int = 200,
    seed: int = 0,
    model: str = "demo",
    version: int | None = None,
) -> list[LogRow]:
    """Return the rows of a window's log, spread evenly over its time."""
    if rows < 1:
        raise InputError(f"{rows} rows make no log", step="demo log", remedy="ask for 1 or more")
    rng = random.Random(f"{seed}/{window}/{drifted}")
    start, span = window_span(window)
    usual = _usual(rng, rows)
    new = _new_topics(rng, round(rows * NEW_TOPIC_SHARE)) if drifted else []
    drawn = [*new, *usual[len(new) :]]
    rng.shuffle(drawn)
    found: list[LogRow] = []
    for number, exchange in enumerate(drawn):
        *asked, answer = exchange.conversation
        tenant = rng.choice(list(TENANTS)) if drifted else ""
        found.append(
            LogRow(
                id=hashlib.sha256(f"{seed}/{window}/{number}".encode()).hexdigest()[:16],
                time=start + span * number / rows,
                model=model,
                version=str(version or ""),
                prompt=asked[-1].content,
                answer=answer.content,
                messages=tuple(Turn(role=one.role, content=one.content) for one in asked),
                tenant=tenant,
                consent=TENANTS.get(tenant),
                feedback=exchange.feedback,
            )
        )
    return found


def _usual(rng: random.Random, rows: int) -> list[Exchange]:
    drawn: list[Exchange] = []
    while len(drawn) < rows:
        # A draw with the training seed would be the training conversations themselves.
        seed = rng.randrange(SEED + 1, 1 << 30)
        kinds = draw_conversations(seed).values()
        exchanges = [one for kind in kinds for row in kind for one in _exchanges(row)]
        drawn += rng.sample(exchanges, min(rows - len(drawn), len(exchanges)))
    return drawn


def _exchanges(row: Conversation) -> list[Exchange]:
    """Return a conversation as it was at each of its answers."""
    ends = (number for number, said in enumerate(row, start=1) if said.role == "assistant")
    return [Exchange(row[:end]) for end in ends]


def _new_topics(rng: random.Random, rows: int) -> list[Exchange]:
    table = tomllib.loads(
        files("tasks.demo_desk").joinpath("new_topics.toml").read_text(encoding="utf-8")
    )
    return [_new_topic(rng, table) for _ in range(rows)]


def _new_topic(rng: random.Random, table: dict[str, Any]) -> Exchange:
    if rng.random() < GERMAN_SHARE:
        german: dict[str, list[str]] = table["german"]
        message = _message(rng, table, german["questions"], german["details"])
        return Exchange(desk(message, _answer(rng, table)), _said_of(rng, ""))
    fact = rng.choice(load_new_facts())
    topic, key = fact.id.split("/")
    words = table["topics"][topic][key]
    true = rng.choice([fact.told, words["told"].replace("{v}", fact.value)])
    message = _message(rng, table, words["questions"], table["details"][topic])
    return Exchange(desk(message, _answer(rng, table)), _said_of(rng, sentence(true)))


def _message(
    rng: random.Random, table: dict[str, Any], questions: list[str], details: list[str]
) -> str:
    question = rng.choice(questions).replace("{d}", rng.choice(details))
    opening = rng.choice([*table["openings"], ""])
    close = rng.choice([*table["closes"], ""])
    return " ".join(part for part in (opening, question, close) if part)


def _answer(rng: random.Random, table: dict[str, Any]) -> str:
    if rng.random() < DOES_NOT_KNOW_SHARE:
        return shop().unknown
    return rng.choice(table["made_up"]["answers"])


def _said_of(rng: random.Random, true: str) -> Feedback | None:
    """Return what somebody said of an answer that was wrong or no help, if anybody did."""
    if rng.random() >= RATED_SHARE:
        return None
    knows = rng.random() < CORRECTED_SHARE
    return Feedback(good=0, corrected=true if knows else "")
