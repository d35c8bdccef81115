"""Instructions with the output wanted."""

from __future__ import annotations

from typing import Any, ClassVar

from data_contracts.records import History, Message, Record, Text
from data_contracts.rows.prompts import (
    SYSTEM,
    answer_text,
    read_answer,
    read_prompt,
    require_wanted,
    with_context,
)
from data_contracts.rows.targets import MARKS, require_learned
from data_contracts.rows.values import Row


class InstructionRecord(Record):
    """An instruction, the input it works on (may be empty), and the output wanted.

    Read are the layouts of Alpaca and LLaMA-Factory, TRL's prompts and completions, Dolly's and
    ms-swift's. `history` is what came before: a system message, and earlier turns.
    """

    KIND = "instruction"
    COLUMNS: ClassVar = {
        "instruction": ("instruction", "prompt", "query"),
        "input": ("input", "context"),
        "output": ("output", "completion", "response"),
        "system": SYSTEM,
        "history": ("history",),
        "label": ("label",),
        "kto_tag": ("kto_tag",),
        "weights": MARKS,
    }
    ANSWERS = 1

    history: History = ()
    instruction: Text
    input: str = ""
    output: Text

    @classmethod
    def read(cls, row: Row) -> dict[str, Any]:
        """Return the fields; an output that people did not want is refused."""
        row.require("instruction", "output")
        require_wanted(row)
        require_learned(row)
        *before, ask = with_context(read_prompt(row, "instruction"), row)
        return {
            "history": before,
            "instruction": ask["content"],
            "input": row.text("input"),
            "output": answer_text(read_answer(row, "output"), "output"),
        }

    def conversation(self) -> tuple[Message, ...]:
        """Return what came before, a question with the input below it, and the output."""
        ask = f"{self.instruction}\n\n{self.input}" if self.input else self.instruction
        return (
            *self.history,
            Message(role="user", content=ask),
            Message(role="assistant", content=self.output),
        )
