"""Prompts with a better and a worse answer."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from data_contracts.records import Message, Record, Text
from data_contracts.row import Row


class PreferenceRecord(Record):
    """A prompt with a better and a worse answer; supervised training learns the better."""

    KIND = "preference"
    COLUMNS: ClassVar = {"prompt": ("prompt",), "chosen": ("chosen",), "rejected": ("rejected",)}
    ANSWERS = 2

    prompt: Text
    chosen: Text
    rejected: Text

    @classmethod
    def read(cls, row: Row) -> dict[str, Any]:
        """Return the fields."""
        row.require("prompt", "chosen", "rejected")
        return {name: row.get(name) for name in cls.COLUMNS}

    def conversation(self) -> tuple[Message, ...]:
        """Return the prompt and the better answer."""
        return (
            Message(role="user", content=self.prompt),
            Message(role="assistant", content=self.chosen),
        )

    def worse(self) -> Self:
        """Return the record whose conversation ends with the worse answer."""
        return self.model_copy(update={"chosen": self.rejected})

    def measures(self) -> dict[str, int | str]:
        """Return the sizes, and whether there is anything to tell apart."""
        return super().measures() | {"answers_differ": int(self.chosen != self.rejected)}

    @classmethod
    def rules(cls, roles: str) -> dict[str, str | list[int]]:
        """Return that the answers must differ."""
        return {"answers_differ": [1]}
