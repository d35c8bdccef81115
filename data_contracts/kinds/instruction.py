"""Instructions with the output wanted."""

from __future__ import annotations

from typing import Any, ClassVar

from data_contracts.records import Message, Record, Text
from data_contracts.row import Row


class InstructionRecord(Record):
    """An instruction, the input it works on (may be empty), and the output wanted."""

    KIND = "instruction"
    COLUMNS: ClassVar = {
        "instruction": ("instruction",),
        "input": ("input",),
        "output": ("output",),
    }
    ANSWERS = 1

    instruction: Text
    input: str = ""
    output: Text

    @classmethod
    def read(cls, row: Row) -> dict[str, Any]:
        """Return the fields."""
        row.require("instruction", "output")
        return {name: row.get(name) for name in cls.COLUMNS}

    def conversation(self) -> tuple[Message, ...]:
        """Return a question, with the input below it, and the output."""
        ask = f"{self.instruction}\n\n{self.input}" if self.input else self.instruction
        return (
            Message(role="user", content=ask),
            Message(role="assistant", content=self.output),
        )
