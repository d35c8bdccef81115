"""The work on one shard: read, map, look for leaks, redact, flag, sign; every row gets its fate.

What only the rows before can tell (duplicates), or all of them (the contract), is left to
assembly. Needs a redactor. Writes `rows.parquet` and `shard.json` into the folder it is given; no
text in them is unredacted. Lines in them count from the shard's own beginning, so that a shard is
the same wherever it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from data_contracts.contracts import DatasetContract
from data_contracts.errors import shielded
from data_contracts.measures import RowFlags, label_digest, read_time
from data_contracts.records import Frozen, Record, record_id
from data_contracts.rows.values import UnfitRowError, look
from data_contracts.snapshot.row_files import RowFile, flag_columns, record_columns, text_columns
from tasks.ingestion.mapping import read_row
from tasks.ingestion.readers import RawRow, read_part
from tasks.ingestion.rules import Redaction, RowRules, Tools
from tasks.ingestion.similarity import signature
from tasks.ingestion.sources import STEP, Part
from tasks.ingestion.subjects import subject_hash

ROWS, SUMMARY = "rows.parquet", "shard.json"
Fate = Literal["kept", "quarantined", "contaminated", "dropped", "forgotten"]
_TOGETHER, _TOGETHER_CHARACTERS = 64, 1_000_000  # redacted at once: whichever comes first
_RAW_CHARACTERS = 4000
_HASH = re.compile("[0-9a-f]{64}")
_CUT = 200  # characters; a value that the cut went through is in them and cannot be told


class ShardSummary(Frozen):
    """What assembly must know of a shard beside its rows: `unseen` are mapped fields it lacks."""

    rows: int
    unseen: tuple[str, ...]


@dataclass(slots=True)
class _Item:
    """A row on its way: its fate, and what is needed to write it."""

    line: int
    subject: str
    fate: Fate = "kept"
    reason: str = ""
    text: str = ""  # not redacted yet
    record: Record | None = None
    columns: dict[str, Any] = field(default_factory=dict[str, Any])


def work_on_shard(
    part: Part,
    rules: RowRules,
    tools: Tools,
    out: Path,
    take: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> ShardSummary:
    """Fill `out` with what became of a shard's rows, or of its first `take` rows."""
    work = _ShardWork(rules, tools)
    rows = RowFile(out / ROWS, _schema(rules.contract))
    done = 0
    for batch in work.batches(islice(_rows(part, out / ".source", rules), take)):
        for item in work.finish(batch):
            item["line"] -= part.first_line
            rows.add(item, sum(len(value) for value in item.values() if isinstance(value, str)))
        done += len(batch)
        progress(done)
    rows.close()
    summary = ShardSummary(rows=done, unseen=tuple(work.unseen))
    (out / SUMMARY).write_text(summary.model_dump_json())
    return summary


def _rows(part: Part, scratch: Path, rules: RowRules) -> Iterator[RawRow]:
    """Yield a shard's rows; a reader's own error may quote what it could not read."""
    rows = read_part(part, scratch, rules.limits)
    while True:
        with shielded(STEP, OSError):  # which tells of files, and of full disks
            row = next(rows, None)
        if row is None:
            return
        yield row


def forgotten_here(part: Part, rules: RowRules, scratch: Path, take: int | None) -> list[str]:
    """Return which of the people to be forgotten a shard has rows of; reads it once."""
    column = rules.contract.privacy.subject
    if not column or not rules.forgotten:
        return []
    rows = islice(_rows(part, scratch, rules), take)
    found = {_subject(row.value, rules) for row in rows}
    return sorted(found & rules.forgotten)


class _ShardWork:
    def __init__(self, rules: RowRules, tools: Tools) -> None:
        self._rules, self._tools = rules, tools
        self.unseen = sorted(rules.mapping)

    def batches(self, rows: Iterable[RawRow]) -> Iterator[list[_Item]]:
        """Yield rows in batches that fit into memory, each with its fate so far."""
        batch: list[_Item] = []
        size = 0
        for row in rows:
            with shielded(STEP):
                item = self._sort(row)
            batch.append(item)
            size += len(item.text) + (sum(map(len, item.record.texts())) if item.record else 0)
            if len(batch) >= _TOGETHER or size >= _TOGETHER_CHARACTERS:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _sort(self, row: RawRow) -> _Item:
        rules = self._rules
        item = _Item(row.line, _subject(row.value, rules))
        if item.subject and item.subject in rules.forgotten:
            item.fate = "forgotten"
            return item
        try:
            record, unread = self._record(row)
            if rules.contract.synthetic:
                item.columns["synthetic"] = _origin(row.value, rules.contract.synthetic)
        except UnfitRowError as error:
            item.fate, item.reason = "quarantined", str(error)
            raw = row.raw if row.value is None else _as_text(row.value)
            item.text = raw[: _RAW_CHARACTERS + 1]
            return item
        # Before redaction: placeholders would hide what the row shares with a case.
        if (leak := rules.leaks.leak_into(record.texts())) is not None:
            item.fate, item.reason = "contaminated", leak
            item.text = "\n".join(record.texts())[: _RAW_CHARACTERS + 1]
        else:
            item.record = record
            item.columns |= self._columns(row.value or {}) | {"unread": unread}
        return item

    def _record(self, row: RawRow) -> tuple[Record, list[str]]:
        if row.value is None:
            raise UnfitRowError(row.broken)
        for name in list(self.unseen):
            if look(row.value, self._rules.mapping[name]) is not None:
                self.unseen.remove(name)
        contract, mapping = self._rules.contract, self._rules.mapping
        return read_row(contract.kind, row.value, mapping, contract.columns_read)

    def _columns(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the contract asks of a row's other columns."""
        contract = self._rules.contract
        found: dict[str, Any] = {}
        if contract.labels:
            found["label"] = label_digest(look(row, contract.labels.column))
        if contract.freshness:
            found["time"] = read_time(look(row, contract.freshness.column))
        return found

    def finish(self, batch: Sequence[_Item]) -> Iterator[dict[str, Any]]:
        """Redact a batch and yield its rows as they are written."""
        with shielded(STEP):
            redacted = self._redacted(batch)
            for item in batch:
                if item.text:
                    item.text = self._beginning(item.text)
        for item, columns in zip(batch, redacted, strict=True):
            row = {"line": item.line, "fate": item.fate, "reason": item.reason}
            yield row | {"text": item.text, "subject": item.subject} | item.columns | columns

    def _redacted(self, batch: Sequence[_Item]) -> list[dict[str, Any]]:
        items = [(item.record, item.subject) for item in batch if item.record is not None]
        records, subjects = [record for record, _ in items], [subject for _, subject in items]
        done = self._tools.redactor.redact_records([one.texts() for one in records], subjects)
        results = iter(zip(records, done, self._flags(done), strict=True))
        columns: list[dict[str, Any]] = []
        for item in batch:
            if item.record is None:
                columns.append({})
                continue
            record, redaction, flags = next(results)
            if redaction.dropped_for is not None:
                item.fate, item.reason = "dropped", redaction.dropped_for
                columns.append({})
            else:
                columns.append(_record_row(record, redaction) | flags)
        return columns

    def _flags(self, done: Sequence[Redaction]) -> list[dict[str, Any]]:
        if self._tools.flagger is None:
            return [{} for _ in done]
        flagged = self._tools.flagger([one.texts for one in done])
        return [{name: getattr(one, name) for name in RowFlags.__slots__} for one in flagged]

    def _beginning(self, raw: str) -> str:
        """Return the beginning of a row that is not kept, redacted."""
        text = self._tools.redactor.redact_text(raw[:_RAW_CHARACTERS])
        if len(raw) > _RAW_CHARACTERS:
            text = text[:-_CUT]
        return text[: self._rules.limits.beginning_characters]


def _record_row(record: Record, redaction: Redaction) -> dict[str, Any]:
    changed = record.with_texts(redaction.texts)
    return {
        "id": record_id(changed),
        **changed.model_dump(),
        "redactions": _counts(redaction.kinds),
        "detectors": _counts(redaction.detectors),
        "surrogates": _counts(redaction.surrogates),
        "names_unread": redaction.unread,
        "signature": signature(changed.texts()),
    }


def _counts(counts: Mapping[str, int]) -> str:
    return json.dumps(dict(sorted(counts.items())))


def _subject(row: Mapping[str, Any] | None, rules: RowRules) -> str:
    """Return the hash of a row's person; a row that a model wrote has it as its origin's was."""
    column, written = rules.contract.privacy.subject, rules.contract.synthetic
    value = look(row, column) if row is not None and column else None
    if row is not None and written and look(row, written) and _HASH.fullmatch(str(value)):
        return str(value)
    return subject_hash(str(value), rules.subject_key) if value not in (None, "") else ""


def _origin(row: Mapping[str, Any] | None, column: str) -> str:
    """Return the id of the row that a model made this one of; empty if it is nobody's work."""
    value = look(row, column) if row is not None else None
    if value in (None, ""):
        return ""
    if not _HASH.fullmatch(str(value)):
        raise UnfitRowError("a model wrote it, and it names no row's id that it was made of")
    return str(value)


def _as_text(row: Mapping[str, object]) -> str:
    return json.dumps(row, ensure_ascii=False, default=str)


def _schema(contract: DatasetContract) -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            ("line", pa.int64()),
            *text_columns("fate", "reason", "text", "subject", "id"),
            *record_columns(contract.kind),
            *text_columns("redactions", "detectors", "surrogates", "names_unread", "label"),
            *(text_columns("synthetic") if contract.synthetic else ()),
            ("time", pa.float64()),
            ("unread", pa.list_(pa.string())),
            *flag_columns(),
            ("signature", pa.binary()),
        ]
    )
