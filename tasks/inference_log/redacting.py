"""Personal data out of the log's rows: which of their texts are looked at, and what is kept.

Pure functions over a redactor that is given. No error quotes a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from data_contracts.errors import shielded
from data_contracts.inference_log import LogRow
from tasks.inference_log.items import sealed_id, sealed_model

DROPPED = "dropped for {}, as the contract says"
UNREAD = "in a language that no names model reads ({})"


class Redacted(Protocol):
    """What redaction leaves of a record."""

    @property
    def texts(self) -> list[str]:
        """Return the texts."""
        ...

    @property
    def kinds(self) -> Counter[str]:
        """Return how many values went, by kind."""
        ...

    @property
    def dropped_for(self) -> str | None:
        """Return the kind for which the whole row goes."""
        ...

    @property
    def unread(self) -> str:
        """Return the language that no names model reads."""
        ...


class Redactor(Protocol):
    """Takes personal data out of records."""

    def redact_records(self, records: Sequence[Sequence[str]]) -> Sequence[Redacted]:
        """Redact the texts of several records."""
        ...


def redact_rows(rows: Sequence[LogRow], redactor: Redactor, step: str) -> list[LogRow | str]:
    """Return each row redacted, or why it may not be kept."""
    with shielded(step):
        done = redactor.redact_records([texts_of(row) for row in rows]) if rows else ()
    return [_kept(row, redacted) for row, redacted in zip(rows, done, strict=True)]


def _kept(row: LogRow, redacted: Redacted) -> LogRow | str:
    if redacted.dropped_for is not None:
        return DROPPED.format(redacted.dropped_for)
    return UNREAD.format(redacted.unread) if redacted.unread else row_with(row, redacted.texts)


def texts_of(row: LogRow) -> list[str]:
    """Return the texts of a row that somebody wrote, in the order that `row_with` takes."""
    said = row.feedback
    about = [said.comment, said.corrected] if said else []
    return [row.prompt, row.answer, *about, *(turn.content for turn in row.messages)]


def row_with(row: LogRow, texts: Sequence[str]) -> LogRow:
    """Return a row with other texts; names and ids that are no plain keys become digests."""
    new = iter(texts)
    changed: dict[str, Any] = {"prompt": next(new), "answer": next(new)}
    if row.feedback:
        said = {"comment": next(new), "corrected": next(new)}
        changed["feedback"] = row.feedback.model_copy(update=said)
    turns = tuple(turn.model_copy(update={"content": next(new)}) for turn in row.messages)
    hits = tuple(hit.model_copy(update={"id": sealed_id(hit.id)}) for hit in row.hits)
    named = {"model": sealed_model(row.model), "version": row.version and sealed_id(row.version)}
    return row.model_copy(update={**changed, **named, "messages": turns, "hits": hits})
