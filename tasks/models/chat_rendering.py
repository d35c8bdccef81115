"""The one way a record becomes text for a model, and which part of that text the model has to say.

Needs a fast tokenizer with a chat template. Training learns the spans found here, evaluation
scores the same ones and ends an answer where the template ends an assistant's turn. Writes nothing;
no error quotes a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from data_contracts.records import DocumentRecord, Message, Record, conversation

# What a chat template raises over turns it does not take, beside jinja's own errors.
_BROKEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_QUESTION, _ANSWER, _NEXT = "Qx7question", "Qx7answer", "Qx7next"


class Rendering(NamedTuple):
    """A record's text and the spans of its characters, [start, end), that a model has to say."""

    text: str
    spans: list[tuple[int, int]]


class RenderingError(ValueError):
    """The chat template does not take a conversation; the message says why and quotes nothing."""


def render_record(record: Record, tokenizer: Any) -> Rendering:
    """Render a conversation (see `render_chat`), or a document, all of which is to be said."""
    if isinstance(record, DocumentRecord):
        text = record.text + (tokenizer.eos_token or "")
        return Rendering(text, [(0, len(text))])
    return render_chat(conversation(record), tokenizer)


def render_chat(messages: Sequence[Message], tokenizer: Any) -> Rendering:
    """Render a conversation and find what the assistant says in it, once it was asked.

    Raises RenderingError if the template refuses the conversation, or rewrites its earlier turns,
    since then no span is certain.
    """
    turns = [message.model_dump() for message in messages]
    whole = render_turns(turns, tokenizer, answer_follows=False)
    spans: list[tuple[int, int]] = []
    for index, message in enumerate(messages):
        if message.role != "assistant" or index == 0:
            continue  # a first turn answers nothing, and no template takes an empty conversation
        before = render_turns(turns[:index], tokenizer)
        through = render_turns(turns[: index + 1], tokenizer, answer_follows=False)
        if not (through.startswith(before) and whole.startswith(through)):
            raise RenderingError("the chat template rewrites earlier turns")
        spans.append((len(before), len(through.rstrip("\n"))))
    return Rendering(whole, spans)


def render_turns(
    turns: Sequence[dict[str, Any]], tokenizer: Any, *, answer_follows: bool = True
) -> str:
    """Render turns, as what an answer continues; RenderingError if the template refuses them."""
    from jinja2 import TemplateError

    try:
        return tokenizer.apply_chat_template(
            list(turns), tokenize=False, add_generation_prompt=answer_follows
        )
    except (TemplateError, *_BROKEN):  # their messages may quote the record
        roles = ", ".join(str(turn["role"]) for turn in turns[:8])
        raise RenderingError(f"the chat template refuses a conversation of {roles}") from None


def said(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Tell of each token, given by its characters [start, end), whether a span holds it."""
    return [any(first <= start and end <= last for first, last in spans) for start, end in offsets]


def closing_tokens(tokenizer: Any) -> frozenset[int]:
    """Return the ids of the tokens with which the chat template closes an assistant's turn.

    Found by rendering a conversation: the added token that comes first behind what the assistant
    said. Looked for at the end of a conversation and in the midst of one, since some templates
    close a turn in one of them only. Empty if the template closes a turn with no token of its own.
    """
    turns = [
        {"role": "user", "content": _QUESTION},
        {"role": "assistant", "content": _ANSWER},
        {"role": "user", "content": _NEXT},
    ]
    found: set[int] = set()
    for said_so_far in (turns[:2], turns):
        try:
            text = render_turns(said_so_far, tokenizer, answer_follows=False)
        except RenderingError:
            continue
        found |= _closing(text, tokenizer)
    return frozenset(found)


def _closing(text: str, tokenizer: Any) -> set[int]:
    """Return the added token that comes first behind the answer and before the next turn opens."""
    if _ANSWER not in text:
        return set()
    start, end = text.rfind(_ANSWER) + len(_ANSWER), text.rfind(_NEXT)
    opening = text[: text.find(_QUESTION)]
    end = len(text) if end < 0 else end - _shared_tail(opening, text[start:end])
    tokens = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    for token, (first, last) in zip(tokens["input_ids"], tokens["offset_mapping"], strict=True):
        if first < start or not text[first:last].strip():
            continue
        return {token} if first < end and token in tokenizer.added_tokens_decoder else set()
    return set()


def _shared_tail(one: str, other: str) -> int:
    """Return how many characters two texts share at their ends: a user's turn opens with them."""
    shared = 0
    while shared < min(len(one), len(other)) and one[-1 - shared] == other[-1 - shared]:
        shared += 1
    return shared
