"""Turns records into token ids with a mask of the tokens the loss counts.

Conversations go through the tokenizer's own chat template, and only what the assistant says,
with the end-of-turn token that closes it, is a target. Documents are targets throughout.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from data_contracts.errors import PaddockError
from data_contracts.records import DocumentRecord, Frozen, Message, Record, conversation


class Example(Frozen):
    """One record as tokens: `targets[i]` tells whether the loss counts token i.

    `cut` tells that the record was longer than the limit.
    """

    record_id: str
    tokens: tuple[int, ...]
    targets: tuple[bool, ...]
    cut: bool = False


def encode(records: Iterable[tuple[str, Record]], tokenizer: Any, limit: int) -> list[Example]:
    """Tokenize records, each cut to `limit` tokens; those left without a target are dropped."""
    rendered = [(identity, *_render(identity, record, tokenizer)) for identity, record in records]
    if not rendered:
        return []
    batch = tokenizer(
        [text for _, text, _ in rendered], add_special_tokens=False, return_offsets_mapping=True
    )
    examples: list[Example] = []
    for (identity, _, spans), ids, offsets in zip(
        rendered, batch["input_ids"], batch["offset_mapping"], strict=True
    ):
        targets = _targets(offsets[:limit], spans)
        if any(targets[1:]):  # the first token has nothing before it to predict it from
            examples.append(
                Example(
                    record_id=identity,
                    tokens=tuple(ids[:limit]),
                    targets=tuple(targets),
                    cut=len(ids) > limit,
                )
            )
    return examples


def _render(identity: str, record: Record, tokenizer: Any) -> tuple[str, list[tuple[int, int]]]:
    """Return the text a record trains on and the character spans that are targets."""
    from jinja2.exceptions import TemplateError

    if isinstance(record, DocumentRecord):
        text = record.text + (tokenizer.eos_token or "")
        return text, [(0, len(text))]
    turns = conversation(record)
    try:
        return render_chat(turns, tokenizer)
    except TemplateError:  # its message may quote the record
        roles = ", ".join(turn.role for turn in turns[:8])
        raise PaddockError(
            f"the chat template refuses a conversation of {roles}",
            step="finetune",
            where=f"record {identity}",
            remedy="drop such rows, or use a base model whose template takes them",
        ) from None


def render_chat(messages: Sequence[Message], tokenizer: Any) -> tuple[str, list[tuple[int, int]]]:
    """Render a conversation and find what the assistant says in it, once it was asked.

    Raises PaddockError if the template rewrites earlier turns, since then no span is certain.
    """
    turns = [message.model_dump() for message in messages]
    whole: str = tokenizer.apply_chat_template(turns, tokenize=False)
    spans: list[tuple[int, int]] = []
    for index, message in enumerate(messages):
        if message.role != "assistant" or index == 0:
            continue  # a first turn answers nothing, and no template takes an empty conversation
        before = tokenizer.apply_chat_template(
            turns[:index], tokenize=False, add_generation_prompt=True
        )
        through = tokenizer.apply_chat_template(turns[: index + 1], tokenize=False)
        if not (through.startswith(before) and whole.startswith(through)):
            raise PaddockError(
                "the chat template rewrites earlier turns, so the loss cannot be placed",
                step="finetune",
                where="the base model's tokenizer",
                remedy="use a base model whose template only appends, or give it such a template",
            )
        spans.append((len(before), len(through.rstrip("\n"))))
    return whole, spans


def _targets(offsets: Sequence[tuple[int, int]], spans: list[tuple[int, int]]) -> list[bool]:
    return [any(first <= start and end <= last for first, last in spans) for start, end in offsets]
