"""Renders a record as the tokens a model reads, with those marked that it is to say.

The one renderer of conversations: what trains and what is scored is what is rendered here. Needs a
fast tokenizer, for conversations one with a chat template. Writes nothing, and quotes no record.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from data_contracts.records import DocumentRecord, Message, Record, conversation

Span = tuple[int, int]  # characters, the end excluded
REWRITES = "the chat template rewrites earlier turns, so its answers cannot be found"
_PROBE = "marigold"
_PROBES = (Message(role="user", content="?"), Message(role="assistant", content=_PROBE))
_LONGEST_WORDS = 160  # characters of a template's own words


class UnreadableError(Exception):
    """A record that cannot become tokens; the message says why in words that count alike ones."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A record's text, what of it is to be said, and ids that stand before it (such as BOS)."""

    text: str
    spans: tuple[Span, ...]
    before: tuple[int, ...] = ()


def render(record: Record, tokenizer: Any) -> Rendered:
    """Render a record of any kind; a document is to be said throughout, with its end.

    Raises UnreadableError for a conversation that the chat template does not take.
    """
    if isinstance(record, DocumentRecord):
        text = record.text + (tokenizer.eos_token or "")
        return Rendered(text, ((0, len(text)),), opening(tokenizer))
    return render_chat(conversation(record), tokenizer)


def render_chat(messages: Sequence[Message], tokenizer: Any) -> Rendered:
    """Render a conversation and find what the assistant says in it, once it was asked.

    Raises UnreadableError if the template refuses it, or rewrites earlier turns: then no span is
    certain.
    """
    turns = [message.model_dump() for message in messages]
    whole = _apply(turns, tokenizer)
    spans: list[Span] = []
    for index, message in enumerate(messages):
        if message.role != "assistant" or index == 0:
            continue  # a first turn answers nothing, and no template takes an empty conversation
        before = _apply(turns[:index], tokenizer, add_generation_prompt=True)
        through = _apply(turns[: index + 1], tokenizer)
        if not (through.startswith(before) and whole.startswith(through)):
            raise UnreadableError(REWRITES)
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
            [False] * len(one.before) + [_touches(offset, one.spans) for offset in offsets],
            [(0, 0)] * len(one.before) + [*offsets],
        )
        for one, ids, offsets in zip(
            rendered, batch["input_ids"], batch["offset_mapping"], strict=True
        )
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

    Raises UnreadableError if it takes no question with its answer.
    """
    rendered = render_chat(_PROBES, tokenizer)
    [(ids, targets, offsets)] = tokens_of([rendered], tokenizer)
    said = rendered.text.rfind(_PROBE, *rendered.spans[-1]) + len(_PROBE)
    triples = zip(ids, targets, offsets, strict=True)
    return tuple(number for number, wanted, (start, _) in triples if wanted and start >= said)


def end_ids(generation_config: Any, tokenizer: Any) -> list[int]:
    """Return the ids at which generation stops: the generation config's and the tokenizer's."""
    given = generation_config.eos_token_id
    ids = [*(given if isinstance(given, list) else [given]), tokenizer.eos_token_id]
    return list(dict.fromkeys(int(number) for number in ids if number is not None))


def closing_token(tokenizer: Any, ends: Collection[int]) -> int | None:
    """Return the id by which an answer ends: one of `ends`, or a control token of the template.

    None where the template puts neither behind an answer. A control token is one that stands
    beside the tokenizer's vocabulary (`<|im_end|>`), so that no text is made of it by chance.
    """
    control = set(tokenizer.added_tokens_decoder)
    behind = closing(tokenizer)
    known = [number for number in behind if number in ends]
    return next(iter([*known, *(number for number in behind if number in control)]), None)


def _apply(turns: list[dict[str, Any]], tokenizer: Any, **asked: bool) -> str:
    from jinja2.exceptions import TemplateError

    try:
        return tokenizer.apply_chat_template(turns, tokenize=False, **asked)
    except TemplateError as error:  # its message may quote the record
        words = str(error).strip()
        known = words in str(tokenizer.chat_template) and 0 < len(words) <= _LONGEST_WORDS
        said = f": {words}" if known else ""
        raise UnreadableError(f"the chat template refuses it{said}") from None
    except Exception as error:
        kind = type(error).__name__
        raise UnreadableError(f"the chat template fails on it ({kind})") from None


def _touches(offset: Span, spans: Sequence[Span]) -> bool:
    """Tell whether a token lies in one of the spans, wholly or in part; it may have no width."""
    start, end = offset
    return any(start < last and max(end, start + 1) > first for first, last in spans)
