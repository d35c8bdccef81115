"""Renders a record as the tokens a model reads, with those marked that it is to say.

The one renderer of conversations: what trains and what is scored is what is rendered here. Needs a
fast tokenizer, for conversations one with a chat template. Writes nothing, and quotes no record.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from data_contracts.records import Message, Record

Span = tuple[int, int]  # characters, the end excluded
REFUSES = "the chat template refuses a conversation"
REWRITES = "the chat template rewrites earlier turns, so its answers cannot be found"
_PROBE = "marigold"
_PROBES = (Message(role="user", content="?"), Message(role="assistant", content=_PROBE))
_QUESTION, _ANSWER, _NEXT = "Qx7question", "Qx7answer", "Qx7next"
_LONGEST_WORDS = 160  # characters of a template's own words


class RenderingError(ValueError):
    """The chat template does not take a conversation; the message says why and quotes nothing.

    `reason` leaves out which roles the conversation had, so that alike ones can be counted.
    """

    def __init__(self, what: str, roles: str = "", why: str = "") -> None:
        self.reason = f"{what}{why}"
        super().__init__(f"{what} of {roles}{why}" if roles else self.reason)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A record's text, what of it is to be said, and ids that stand before it (such as BOS)."""

    text: str
    spans: tuple[Span, ...]
    before: tuple[int, ...] = ()


def render_record(record: Record, tokenizer: Any) -> Rendered:
    """Render a record of any kind; a document is to be said throughout, with its end.

    Raises RenderingError for a conversation that the chat template does not take.
    """
    if document := record.plain_text():
        text = document + (tokenizer.eos_token or "")
        return Rendered(text, ((0, len(text)),), opening(tokenizer))
    return render_chat(record.conversation(), tokenizer)


def render_chat(messages: Sequence[Message], tokenizer: Any) -> Rendered:
    """Render a conversation and find what the assistant says in it, once it was asked.

    Raises RenderingError if the template refuses it, or rewrites earlier turns: then no span is
    certain.
    """
    turns = [message.model_dump(include={"role", "content"}) for message in messages]
    whole = render_turns(turns, tokenizer, answer_follows=False)
    spans: list[Span] = []
    for index, message in enumerate(messages):
        if message.role != "assistant" or not message.target or index == 0:
            continue  # a first turn answers nothing, and no template takes an empty conversation
        before = render_turns(turns[:index], tokenizer)
        through = render_turns(turns[: index + 1], tokenizer, answer_follows=False)
        if not (through.startswith(before) and whole.startswith(through)):
            raise RenderingError(REWRITES)
        spans.append((len(before), len(through.rstrip("\n"))))
    return Rendered(whole, tuple(spans))


def tokens_of(
    rendered: Sequence[Rendered], tokenizer: Any
) -> list[tuple[list[int], list[bool], list[Span]]]:
    """Return (ids, targets, offsets) of each text: `targets[i]` tells whether token i is said.

    A token that is in part within what is said counts as said: where a prompt ends with a space
    and the answer's first token begins with it, leaving it out would train no one-word answer.
    """
    if not rendered:
        return []
    batch = tokenizer(
        [one.text for one in rendered], add_special_tokens=False, return_offsets_mapping=True
    )
    return [
        (
            [*one.before, *ids],
            [False] * len(one.before) + said(offsets, one.spans),
            [(0, 0)] * len(one.before) + [*offsets],
        )
        for one, ids, offsets in zip(
            rendered, batch["input_ids"], batch["offset_mapping"], strict=True
        )
    ]


def said(offsets: Sequence[Span], spans: Sequence[Span]) -> list[bool]:
    """Tell of each token, given by its characters, whether a span holds it, wholly or in part.

    A token of no width counts by where it stands.
    """
    return [
        any(start < last and max(end, start + 1) > first for first, last in spans)
        for start, end in offsets
    ]


def opening(tokenizer: Any) -> tuple[int, ...]:
    """Return the ids that a tokenizer itself puts before a text: BOS for Llama 2 and 3, or none."""
    plain = tokenizer(_PROBE, add_special_tokens=False)["input_ids"]
    given = tokenizer(_PROBE)["input_ids"]
    places = (n for n in range(len(given)) if given[n : n + len(plain)] == plain)
    at = next(places, 0)
    return tuple(given[:at])


def splits_first_token(tokenizer: Any) -> bool:
    """Tell whether the prompt of an answer ends within the answer's first token.

    As one does that ends with a space. What is trained then is the whole token, and what answers
    begins behind its space.
    """
    rendered = render_chat(_PROBES, tokenizer)
    prompt = tokenizer(rendered.text[: rendered.spans[-1][0]], add_special_tokens=False)[
        "input_ids"
    ]
    [(ids, _, _)] = tokens_of([rendered], tokenizer)
    return ids[: len(prompt)] != prompt


def closing(tokenizer: Any) -> tuple[int, ...]:
    """Return the ids that a chat template puts behind an answer, as far as they are trained.

    Raises RenderingError if it takes no question with its answer.
    """
    rendered = render_chat(_PROBES, tokenizer)
    [(ids, targets, offsets)] = tokens_of([rendered], tokenizer)
    behind = rendered.text.rfind(_PROBE, *rendered.spans[-1]) + len(_PROBE)
    triples = zip(ids, targets, offsets, strict=True)
    return tuple(number for number, wanted, (start, _) in triples if wanted and start >= behind)


def end_ids(generation_config: Any, tokenizer: Any) -> list[int]:
    """Return the ids at which generation stops: the generation config's and the tokenizer's."""
    given = generation_config.eos_token_id
    ids = [*(given if isinstance(given, list) else [given]), tokenizer.eos_token_id]
    return list(dict.fromkeys(int(number) for number in ids if number is not None))


def closing_token(tokenizer: Any, ends: Collection[int]) -> int | None:
    """Return the id by which an answer ends: one of `ends`, or a token that closes its turn.

    None where the template puts neither behind an answer, within what is trained.
    """
    behind = closing(tokenizer)
    known = [number for number in behind if number in ends]
    turn = [number for number in behind if number in closing_tokens(tokenizer)]
    return next(iter([*known, *turn]), None)


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


def render_turns(
    turns: Sequence[dict[str, Any]], tokenizer: Any, *, answer_follows: bool = True
) -> str:
    """Render turns, as what an answer continues; RenderingError if the template refuses them."""
    from jinja2.exceptions import TemplateError

    roles = ", ".join(str(turn["role"]) for turn in turns[:8])
    try:
        return tokenizer.apply_chat_template(
            list(turns), tokenize=False, add_generation_prompt=answer_follows
        )
    except TemplateError as error:  # its message may quote the record
        words = str(error).strip()
        known = words in str(tokenizer.chat_template) and 0 < len(words) <= _LONGEST_WORDS
        raise RenderingError(REFUSES, roles, f": {words}" if known else "") from None
    except Exception as error:
        raise RenderingError(REFUSES, roles, f" ({type(error).__name__})") from None
