"""Turns records into token ids with a mask of the tokens the loss counts.

Conversations go through the tokenizer's own chat template, and only what the assistant says,
with the end-of-turn token that closes it, is a target. Documents are targets throughout,
in as many pieces as they need.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from data_contracts.errors import PaddockError
from data_contracts.records import DocumentRecord, Record
from tasks.models.chat_rendering import Rendering, RenderingError, render_record, said


@dataclass(frozen=True, slots=True)
class Example:
    """One record, or a piece of one, as tokens: `targets[i]` is 1 if the loss counts token i.

    `cut` tells that the record was longer than the limit. Five bytes a token, and a batch is made
    of them without a Python object for each: all examples of a run are in memory, and what makes
    batches shares the interpreter with what launches a GPU's kernels.
    """

    record_id: str
    tokens: array[int]  # of 32 bits
    targets: bytes
    cut: bool = False

    @classmethod
    def of(cls, record_id: str, tokens: Iterable[int], targets: Iterable[bool]) -> Example:
        """Return an example of numbers and truths of any kind."""
        return cls(record_id, array("i", tokens), bytes(targets))

    @property
    def trains(self) -> bool:
        """Tell whether there is a target; a first token has nothing before it to predict it."""
        return any(self.targets[1:])

    def part(self, start: int, end: int) -> Example:
        """Return the tokens from `start` to `end`, as of the same record."""
        return replace(self, tokens=self.tokens[start:end], targets=self.targets[start:end])

    def cut_to(self, limit: int) -> Example:
        """Return the first `limit` tokens; `cut` tells whether any were behind them."""
        return replace(self.part(0, limit), cut=len(self.tokens) > limit)

    def pieces(self, limit: int) -> list[Example]:
        """Return every token in pieces of `limit` at most, and of two at least where it can be.

        A piece of one token would train nothing, so the piece before it gives one up.
        """
        count = len(self.tokens)
        ends = [*range(limit, count, limit), count]
        if count % limit == 1 and count > limit:
            ends[-2] -= 1
        return [self.part(start, end) for start, end in pairwise([0, *ends])]


def encode(records: Iterable[tuple[str, Record]], tokenizer: Any, limit: int) -> list[Example]:
    """Tokenize records to examples of `limit` tokens; those left without a target are dropped.

    A document that is longer becomes several, since each of its tokens is to train; a
    conversation is cut, since its end without its beginning would be another one.
    """
    given = list(records)
    examples: list[Example] = []
    for (_, record), whole in zip(given, tokenize(given, tokenizer), strict=True):
        document = isinstance(record, DocumentRecord)
        examples += whole.pieces(limit) if document else [whole.cut_to(limit)]
    return [example for example in examples if example.trains]


def tokenize(records: Iterable[tuple[str, Record]], tokenizer: Any) -> list[Example]:
    """Tokenize records, of whatever length they are."""
    rendered = [(identity, _render(identity, record, tokenizer)) for identity, record in records]
    if not rendered:
        return []
    batch = tokenizer(
        [text for _, (text, _) in rendered], add_special_tokens=False, return_offsets_mapping=True
    )
    return [
        Example.of(identity, ids, said(offsets, spans))
        for (identity, (_, spans)), ids, offsets in zip(
            rendered, batch["input_ids"], batch["offset_mapping"], strict=True
        )
    ]


def _render(identity: str, record: Record, tokenizer: Any) -> Rendering:
    """Return the text a record trains on and the character spans that are targets."""
    try:
        return render_record(record, tokenizer)
    except RenderingError as error:
        raise PaddockError(
            f"{error}, so the loss cannot be placed",
            step="finetune",
            where=f"record {identity}",
            remedy="drop such rows, or use a base model whose template takes them",
        ) from None
