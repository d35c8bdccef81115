"""Questions answered from documents: an index is searched, and what serves is asked with it.

Needs an index, and an address that answers OpenAI's chat protocol: by default the serving of this
home. Writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import httpx

from data_contracts.errors import InputError, PaddockError
from data_contracts.passages import NOT_THERE
from flows.serving.places import Places
from flows.workshop.parts import Workshop
from tasks.ingestion.injection import InjectionFinder
from tasks.retrieval.answering import (
    Grounded,
    Passage,
    Thresholds,
    chosen,
    messages,
    read_answer,
)
from tasks.retrieval.chunking import Chunk
from tasks.retrieval.index import Index

STEP = "answer"
SECONDS = 120.0
MOST_TOKENS = 160
_FOUND = 20  # chunks that are looked at for those that clear the threshold


class Answer(NamedTuple):
    """An answer, the passages it was made from, and the version that gave it (empty: nobody).

    `kept_back` are chunks that give orders to a model, which it was not given.
    """

    grounded: Grounded
    passages: tuple[Passage, ...]
    model: str
    kept_back: tuple[Chunk, ...] = ()


def answer(index: Index, question: str, thresholds: Thresholds, url: str) -> Answer:
    """Answer a question from an index; no model is asked where nothing was found.

    Nor is it given what ingestion would flag as orders to a model: whoever can write a page must
    not say what is answered.

    PaddockError if the address does not answer, InputError if the question asks nothing.
    """
    hits = index.search(question, max(_FOUND, thresholds.passages))
    found = list(zip(hits, index.chunks([hit.place for hit in hits]), strict=True))
    orders = InjectionFinder()
    back = {chunk for _, chunk in found if orders.find(chunk.text)}
    clean = [(hit, chunk) for hit, chunk in found if chunk not in back]
    passages = chosen([hit for hit, _ in clean], [chunk for _, chunk in clean], thresholds)
    would = chosen(hits, [chunk for _, chunk in found], thresholds)
    kept_back = tuple(passage.chunk for passage in would if passage.chunk in back)
    if not passages:
        return Answer(Grounded(text=NOT_THERE, declined=True), (), "", kept_back)
    said, model = ask(url, messages(question, passages))
    return Answer(read_answer(said, question, passages), passages, model, kept_back)


def ask(url: str, asked: Sequence[dict[str, str]]) -> tuple[str, str]:
    """Return what a server answers, greedily, and as whom; PaddockError if it does not.

    The error holds no word of the question.
    """
    body = {"messages": list(asked), "temperature": 0, "max_tokens": MOST_TOKENS}
    problem = ""
    try:
        response = httpx.post(f"{url.rstrip('/')}/chat/completions", json=body, timeout=SECONDS)
        if response.is_success:
            told: dict[str, Any] = response.json()
            return str(told["choices"][0]["message"]["content"] or ""), str(told.get("model", ""))
        problem = f"HTTP {response.status_code}"
    except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError) as error:
        problem = type(error).__name__
    raise PaddockError(
        f"what serves gave no answer ({problem})",
        step=STEP,
        where=url,
        remedy="see that it serves, and that its context holds the passages: fewer with --passages",
    )


def serving_address(workshop: Workshop, name: str) -> str:
    """Return where a model is served from this home; InputError if it is not."""
    try:
        state = json.loads(Places(workshop.settings.home, name).state.read_text("utf-8"))
        return str(state["address"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            "nothing serves it from this home",
            step=STEP,
            where=name,
            remedy=f"start `paddock serve --name {name}`, or give the address of an "
            "OpenAI-compatible server with --url, up to and with /v1",
        ) from error


def described(given: Answer) -> str:
    """Return an answer as text: what was said, what it rests on, and the passages."""
    grounded = given.grounded
    lines = [grounded.text, ""]
    lines += [
        f"Kept back, since it gives orders to a model: {one.id}, {one.source}, line {one.line}."
        for one in given.kept_back
    ]
    if not given.passages:
        other = "other " if given.kept_back else ""
        lines.append(f"No {other}passage is near enough to the question, so no model was asked.")
        return "\n".join(lines)
    lines.append(f"Answered by {given.model or 'the server'}.")
    if grounded.declined:
        lines.append("It declined.")
    elif not grounded.cited:
        lines.append("It cites no passage.")
    if grounded.unknown:
        numbers = ", ".join(map(str, grounded.unknown))
        lines.append(f"It cites passages that it was not given: {numbers}.")
    if grounded.unsupported:
        words = ", ".join(grounded.unsupported)
        lines.append(f"Not in what it was given: {words}. Do not trust the answer in this.")
    lines.append("")
    for passage in given.passages:
        mark = "*" if passage.number in grounded.cited else " "
        chunk = passage.chunk
        lines.append(f"{mark}[{passage.number}] {chunk.id}, {chunk.source}, line {chunk.line}")
        lines.append(f"     {' '.join(passage.text.split())[:300]}")
    return "\n".join(lines)
