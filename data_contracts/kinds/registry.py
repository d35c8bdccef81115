"""Every kind of record there is. A new one is a module, a contract beside it, and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from data_contracts.kinds.chat import ChatRecord
from data_contracts.kinds.document import DocumentRecord
from data_contracts.kinds.instruction import InstructionRecord
from data_contracts.kinds.preference import PreferenceRecord
from data_contracts.records import Record

_CLASSES: tuple[type[Record], ...] = (
    ChatRecord,
    InstructionRecord,
    PreferenceRecord,
    DocumentRecord,
)
KINDS: dict[str, type[Record]] = {one.KIND: one for one in _CLASSES}
if TYPE_CHECKING:
    RecordKind: TypeAlias = str
else:  # so that forms offer the kinds, and anything else is refused
    RecordKind = Literal[tuple(KINDS)]
