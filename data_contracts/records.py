"""What every kind of record has: content, from which its identity and its split follow.

A record is what ingestion keeps of one row of a source. Its `id` is the sha256 of its redacted
content, so the same content has the same id in every snapshot, and its split follows from the id.
The kinds stand in `data_contracts.kinds`.
"""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from data_contracts.rows.values import Row

Split = Literal["train", "validation", "test"]
_INDENTED = re.compile(
    r"(?:\s*\n)?(?P<text>(?:\t| {4})[ \t]*\S.*| {2,3}\S.*\n.*)", re.DOTALL
)  # four spaces, or two before more than one line


def without_ends(text: str) -> str:
    """Return a text without white space at its ends, but with its first line's indentation.

    Code that goes on within a function is nothing without it. A single space is none: older
    completion files put one before each answer.
    """
    kept = text.rstrip()
    if not kept[:1].isspace():
        return kept
    indented = _INDENTED.fullmatch(kept)
    return indented["text"] if indented else kept.lstrip()


Text = Annotated[str, AfterValidator(without_ends), Field(min_length=1)]


class Frozen(BaseModel):
    """A value: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(Frozen):
    """One turn of a conversation.

    An assistant's turn that is no `target` is context only: nothing learns it or scores it. A dump
    has `target` only where it is false, so that the ids of most records know nothing of it.
    """

    role: Literal["system", "user", "assistant"]
    content: Text
    target: bool = Field(default=True, exclude_if=bool)


def _in_turn(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    if not _EARLIER.fullmatch("".join(message.role[0] for message in messages)):
        raise ValueError("earlier turns are not questions, each with its answer")
    return messages


_EARLIER = re.compile("s?a?(?:ua)*")
# A system message and turns before the prompt; left out of a dump, and of ids, where there is none.
History = Annotated[
    tuple[Message, ...], Field(exclude_if=lambda turns: not turns), AfterValidator(_in_turn)
]


class Record(Frozen, ABC):
    """A row that is kept. A kind is a subclass, and a line in `data_contracts.kinds.registry`.

    `KIND` is its name, and that of its default contract beside it. `COLUMNS` are our names of what
    it is read from, each with the names that columns have for it; the first that holds something
    is taken. `ANSWERS` is how many answers a row gives to one prompt: with none it is a plain
    text, trained on throughout; of two, one is better.
    """

    KIND: ClassVar[str]
    COLUMNS: ClassVar[Mapping[str, tuple[str, ...]]]
    ANSWERS: ClassVar[Literal[0, 1, 2]]

    @classmethod
    @abstractmethod
    def read(cls, row: Row) -> dict[str, Any]:
        """Return the fields that a row gives; UnfitRowError, free of data, says why it has none."""

    def conversation(self) -> tuple[Message, ...]:
        """Return the messages it trains on; of two answers, with the better. A text has none."""
        return ()

    def plain_text(self) -> str:
        """Return the text it trains on, where it is one."""
        return ""

    def worse(self) -> Self | None:
        """Return the same record with its worse answer in the place of its better one."""
        return None

    @classmethod
    def size_names(cls) -> tuple[str, ...]:
        """Return the sizes that a contract may bound beside `tokens`."""
        return tuple(f"{name}_characters" for name in cls.model_fields)

    def measures(self) -> dict[str, int | str]:
        """Return the sizes, and what `rules` look at; never text."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return dict(zip(self.size_names(), map(_characters, values), strict=True))

    @classmethod
    def rules(cls, roles: str) -> dict[str, str | list[int]]:
        """Return what a measure must be: a regular expression, or the values it may have.

        `roles` is the contract's word for the order of speakers.
        """
        return {}

    @classmethod
    def from_columns(cls, row: Mapping[str, Any]) -> Self:
        """Return the record of a snapshot's row, also of one from before a field was there."""
        fields = {name: row.get(name) for name in cls.model_fields}
        return cls.model_validate(_without_nulls(fields))

    def texts(self) -> list[str]:
        """Return every piece of free text, in order."""
        found: list[str] = []

        def note(text: str) -> str:
            found.append(text)
            return text

        _changed(self.model_dump(), note)
        return found

    def with_texts(self, changed: Sequence[str]) -> Self:
        """Return the record with its texts replaced, in the order in which `texts` gave them."""
        new = iter(changed)
        return type(self).model_validate(_changed(self.model_dump(), lambda _: next(new)))


def record_id(record: Record) -> str:
    """Return the sha256 (hex) of a record's canonical JSON."""
    content = json.dumps(record.model_dump(), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def split_of(identity: str, validation: float = 0.05, test: float = 0.05) -> Split:
    """Assign a record to a split by its hash: the same record always lands in the same split."""
    place = int(identity[:8], 16) / 0xFFFFFFFF
    if place < test:
        return "test"
    return "validation" if place < test + validation else "train"


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value) if value else value
    if isinstance(value, list | tuple):
        return [_changed(item, change) for item in value]
    if isinstance(value, dict):
        return {
            name: item if name == "role" else _changed(item, change) for name, item in value.items()
        }
    return value


def _characters(value: Any) -> int:
    if isinstance(value, Message):
        return len(value.content)
    return len(value) if isinstance(value, str) else sum(map(_characters, value))


def _without_nulls(value: Any) -> Any:
    """Leave keys out that hold null: Parquet gives every message the keys of any."""
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return value
