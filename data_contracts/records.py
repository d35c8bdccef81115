"""The record schema of each kind of data, and how a record becomes a conversation to train on.

A record is what ingestion keeps of one row of a source. Its `id` is the sha256 of its redacted
content, so the same content has the same id in every snapshot, and its split follows from the id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

RecordKind = Literal["chat", "instruction", "preference", "document"]
Split = Literal["train", "validation", "test"]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class Frozen(BaseModel):
    """A value: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(Frozen):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: Text


class ChatRecord(Frozen):
    """A conversation: an optional system message first, then user and assistant in turn."""

    messages: tuple[Message, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _roles_take_turns(self) -> ChatRecord:
        roles = [message.role for message in self.messages]
        if roles[0] == "system":
            roles = roles[1:]
        if "system" in roles:
            raise ValueError("a system message may only come first")
        if "assistant" not in roles:
            raise ValueError("no assistant message, so there is nothing to learn")
        return self


class InstructionRecord(Frozen):
    """An instruction, the input it works on (may be empty), and the output wanted."""

    instruction: Text
    input: str = ""
    output: Text


class PreferenceRecord(Frozen):
    """A prompt with a better and a worse answer."""

    prompt: Text
    chosen: Text
    rejected: Text


class DocumentRecord(Frozen):
    """A plain text."""

    text: Text


Record = ChatRecord | InstructionRecord | PreferenceRecord | DocumentRecord
SCHEMAS: dict[RecordKind, type[Record]] = {
    "chat": ChatRecord,
    "instruction": InstructionRecord,
    "preference": PreferenceRecord,
    "document": DocumentRecord,
}


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


def conversation(record: Record) -> tuple[Message, ...]:
    """Return the messages a record trains on; a document has none and is trained on as text.

    A preference record trains on its chosen answer (supervised fine-tuning).
    """
    match record:
        case ChatRecord():
            return record.messages
        case InstructionRecord():
            ask = f"{record.instruction}\n\n{record.input}" if record.input else record.instruction
            return (
                Message(role="user", content=ask),
                Message(role="assistant", content=record.output),
            )
        case PreferenceRecord():
            return (
                Message(role="user", content=record.prompt),
                Message(role="assistant", content=record.chosen),
            )
        case DocumentRecord():
            return ()


def texts(record: Record) -> list[str]:
    """Return every piece of free text of a record, in order."""
    if isinstance(record, ChatRecord):
        return [message.content for message in record.messages]
    return [value for value in record.model_dump().values() if value]


def replace_texts(record: Record, changed: Sequence[str]) -> Record:
    """Return the record with its texts replaced, in the order in which `texts` gave them."""
    new = iter(changed)
    if isinstance(record, ChatRecord):
        messages = [{"role": message.role, "content": next(new)} for message in record.messages]
        return ChatRecord.model_validate({"messages": messages})
    fields = {name: next(new) if value else value for name, value in record.model_dump().items()}
    return type(record).model_validate(fields)
