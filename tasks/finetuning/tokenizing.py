"""Turns records into token ids with a mask of the tokens the loss counts.

Conversations go through the tokenizer's own chat template, and only what the assistant says,
with the end-of-turn token that closes it, is a target. Documents are targets throughout,
in as many pieces as they need. What cannot become tokens is counted, by reason.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from data_contracts.records import Record
from tasks.models.chat_rendering import Rendered, RenderingError, render_record, tokens_of


@dataclass(frozen=True, slots=True)
class Example:
    """One record, or a piece of one, as tokens: `targets[i]` is 1 if the loss counts token i.

    `cut` tells that the record was longer than the limit; `splits` that each piece of it would be
    an example as good, as of a document. Five bytes a token, and a batch is made of them without a
    Python object for each: all examples of a run are in memory, and what makes batches shares the
    interpreter with what launches a GPU's kernels.
    """

    record_id: str
    tokens: array[int]  # of 32 bits
    targets: bytes
    cut: bool = False
    splits: bool = False

    @classmethod
    def of(
        cls,
        record_id: str,
        tokens: Iterable[int],
        targets: Iterable[bool],
        *,
        splits: bool = False,
    ) -> Example:
        """Return an example of numbers and truths of any kind."""
        return cls(record_id, array("i", tokens), bytes(targets), splits=splits)

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


@dataclass(frozen=True, slots=True)
class Tokenized:
    """Examples of whatever length they are, and why other records became none, with counts."""

    examples: list[Example]
    unreadable: Counter[str] = field(default_factory=Counter[str])


def encode(records: Iterable[tuple[str, Record]], tokenizer: Any, limit: int) -> list[Example]:
    """Return what trains of the records in rows of `limit` tokens; see `tokenize` and `fit`."""
    whole = tokenize(records, tokenizer).examples
    return [part for example in whole for part in fit(example, limit)]


def tokenize(records: Iterable[tuple[str, Record]], tokenizer: Any) -> Tokenized:
    """Tokenize records, of whatever length they are."""
    names: list[tuple[str, bool]] = []
    texts: list[Rendered] = []
    unreadable = Counter[str]()
    for identity, record in records:
        try:
            texts.append(render_record(record, tokenizer))
        except RenderingError as error:
            unreadable[error.reason] += 1
            continue
        names.append((identity, bool(record.plain_text())))
    found = zip(names, tokens_of(texts, tokenizer), strict=True)
    examples = [
        Example.of(identity, ids, targets, splits=document)
        for (identity, document), (ids, targets, _) in found
    ]
    return Tokenized(examples, unreadable)


def fit(example: Example, limit: int) -> list[Example]:
    """Return what trains of an example in rows of `limit` tokens: nothing, it, or its pieces.

    A document that is longer becomes several, since each of its tokens is to train; a
    conversation is cut, since its end without its beginning would be another one.
    """
    parts = example.pieces(limit) if example.splits else [example.cut_to(limit)]
    return [part for part in parts if part.trains]
