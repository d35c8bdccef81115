"""Plain texts."""

from __future__ import annotations

from typing import Any, ClassVar

from data_contracts.records import Record, Text
from data_contracts.rows.targets import MARKS, require_learned
from data_contracts.rows.values import Row


class DocumentRecord(Record):
    """A plain text, trained on throughout."""

    KIND = "document"
    COLUMNS: ClassVar = {"text": ("text",), "weights": MARKS}
    ANSWERS = 0

    text: Text

    @classmethod
    def read(cls, row: Row) -> dict[str, Any]:
        """Return the text."""
        row.require("text")
        require_learned(row)
        return {"text": row.text("text")}

    def plain_text(self) -> str:
        """Return the text."""
        return self.text
