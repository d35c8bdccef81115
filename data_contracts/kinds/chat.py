"""Conversations."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, model_validator

from data_contracts.records import Message, Record
from data_contracts.rows.prompts import (
    SYSTEM,
    read_answer,
    read_prompt,
    require_wanted,
    with_context,
    with_system,
)
from data_contracts.rows.targets import MARKS, marks_beside, require_learned
from data_contracts.rows.turns import read_turns
from data_contracts.rows.values import Row, UnfitRowError

# A conversation takes turns: "s" system, "u" user, "a" assistant; somewhere the assistant speaks.
ROLES = {
    "alternate": "^s?(?=u?a)(?:a)?(?:ua)*u?$",
    "user_first": "^s?(?:ua)+u?$",
    "answered": "^s?(?:ua)+$",
    "any": "^s?[ua]*a[ua]*$",
}


class ChatRecord(Record):
    """A conversation: an optional system message first, then user and assistant in turn."""

    KIND = "chat"
    COLUMNS: ClassVar = {
        "messages": ("messages", "conversations", "conversation", "contents"),
        "system": SYSTEM,
        "prompt": ("prompt", "query"),
        "completion": ("completion", "response"),
        "history": ("history",),
        "label": ("label",),
        "kto_tag": ("kto_tag",),
        "weights": MARKS,
    }
    ANSWERS = 1

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
        if not any(one.target for one in self.messages if one.role == "assistant"):
            raise ValueError("every answer is marked as not to be learned")
        return self

    @classmethod
    def read(cls, row: Row) -> dict[str, Any]:
        """Return the messages, or what TRL's prompt or ms-swift's query and its answer make."""
        if _is_asked_and_answered(row):
            row.require("prompt", "completion")
            turns = [*read_prompt(row, "prompt"), *read_answer(row, "completion")]
            turns = with_context(turns, row)
            require_learned(row)
        else:
            row.require("messages")
            turns = with_system(read_turns(row.get("messages"), row, marks_beside(row)), row)
        require_wanted(row)
        if len(turns) < 2:
            raise UnfitRowError("fewer than two messages")
        answers = [turn["role"] == "assistant" and turn["target"] for turn in turns]
        if answers[0] and not any(answers[1:]):
            raise UnfitRowError("its only answer comes before anybody asked")
        return {"messages": turns}

    def conversation(self) -> tuple[Message, ...]:
        """Return the messages."""
        return self.messages

    @classmethod
    def size_names(cls) -> tuple[str, ...]:
        """Return the sizes of the whole and of its longest turn."""
        return ("turns", "characters", "longest_text")

    def measures(self) -> dict[str, int | str]:
        """Return the sizes, and the initials of who speaks."""
        sizes = [len(message.content) for message in self.messages]
        own = {"turns": len(sizes), "characters": sum(sizes), "longest_text": max(sizes)}
        return own | {"roles": "".join(message.role[0] for message in self.messages)}

    @classmethod
    def rules(cls, roles: str) -> dict[str, str | list[int]]:
        """Return the order in which they are to speak."""
        return {"roles": ROLES[roles]}


def _is_asked_and_answered(row: Row) -> bool:
    """Tell whether a row is a prompt and its answer; a mapping of either says so."""
    if row.column("messages"):
        return row.is_mapped("prompt", "completion") and not row.is_mapped("messages")
    return bool(row.column("prompt") and row.column("completion"))
