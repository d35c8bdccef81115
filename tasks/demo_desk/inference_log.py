"""Make an inference log for the demo: an hour or a day of requests to the help desk.

A quiet log is a fresh draw from the distribution of the training conversations; a drifted one has
customers who mostly ask about new things, at more length and partly in German, and a desk that
mostly doesn't know. Writes `inference/<name>/<window>.jsonl` into the store.
"""

from __future__ import annotations

import hashlib
import random
import tomllib
from importlib.resources import files
from itertools import pairwise
from typing import Any

from data_contracts.errors import InputError
from data_contracts.inference_log import LogRow, log_bytes, window_key, window_span
from eval_sets.desk import shop
from tasks.demo_desk.conversations import SEED, draw_conversations
from tasks.storage.objects import ObjectStore

NEW_TOPIC_SHARE = 0.6
DOES_NOT_KNOW_SHARE = 0.8

Exchange = tuple[str, str]


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
    return [
        LogRow(
            id=hashlib.sha256(f"{seed}/{window}/{number}".encode()).hexdigest()[:16],
            time=start + span * number / rows,
            model=model,
            version=str(version or ""),
            prompt=prompt,
            answer=answer,
        )
        for number, (prompt, answer) in enumerate(drawn)
    ]


def _usual(rng: random.Random, rows: int) -> list[Exchange]:
    drawn: list[Exchange] = []
    while len(drawn) < rows:
        # A draw with the training seed would be the training conversations themselves.
        seed = rng.randrange(SEED + 1, 1 << 30)
        kinds = draw_conversations(seed).values()
        exchanges = [pair for kind in kinds for row in kind for pair in _exchanges(row)]
        drawn += rng.sample(exchanges, min(rows - len(drawn), len(exchanges)))
    return drawn


def _exchanges(row: Any) -> list[Exchange]:
    return [(a.content, b.content) for a, b in pairwise(row) if a.role == "user"]


def _new_topics(rng: random.Random, rows: int) -> list[Exchange]:
    table = tomllib.loads(
        files("tasks.demo_desk").joinpath("new_topics.toml").read_text(encoding="utf-8")
    )
    topics = list(table["topics"].values())
    return [(_message(rng, table, rng.choice(topics)), _answer(rng, table)) for _ in range(rows)]


def _message(rng: random.Random, table: dict[str, Any], topic: dict[str, Any]) -> str:
    question = rng.choice(topic["questions"]).replace("{d}", rng.choice(topic["details"]))
    opening = rng.choice([*table["openings"], ""])
    close = rng.choice([*table["closes"], ""])
    return " ".join(part for part in (opening, question, close) if part)


def _answer(rng: random.Random, table: dict[str, Any]) -> str:
    if rng.random() < DOES_NOT_KNOW_SHARE:
        return shop().unknown
    return rng.choice(table["made_up"]["answers"])
