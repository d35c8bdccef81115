"""Snapshots for tests and benchmarks: what ingestion would leave of plain texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from data_contracts.kinds.document import DocumentRecord
from data_contracts.kinds.registry import RecordKind
from data_contracts.records import Record, Split, record_id
from data_contracts.snapshot.reading import REPORT, SnapshotReport, report_json
from data_contracts.snapshot.writing import SnapshotWriter


def write_documents(
    folder: Path, texts: Mapping[str, str], *, kind: RecordKind = "document", newest: str = ""
) -> Path:
    """Write a snapshot of texts by their sources' names, unredacted; return its folder."""
    writer = SnapshotWriter(folder, "document", 1000, lambda _: None)
    for source, text in texts.items():
        record = DocumentRecord(text=text) if text else None
        row = {"id": record_id(record) if record else source, "text": text}
        writer.keep(row, "train", (source, 1), len(text))
    writer.close()
    report = SnapshotReport(
        kind=kind,
        sources={source: record_id(DocumentRecord(text=source)) for source in texts},
        rows_in=len(texts),
        kept=len(texts),
        quarantined={},
        duplicates=0,
        contaminated=0,
        redacted={},
        splits={"train": len(texts)},
        characters=sum(map(len, texts.values())),
        newest=newest or None,
    )
    (folder / REPORT).write_text(report.model_dump_json())
    return folder


def write_snapshot(folder: Path, kind: RecordKind, records: Sequence[tuple[Split, Record]]) -> None:
    """Write records as ingestion would leave them, unredacted, each in its split."""
    writer = SnapshotWriter(folder, kind, shard_rows=20, done=lambda _: None)
    for line, (split, record) in enumerate(records):
        row = {"id": record_id(record), "redactions": "{}", **record.model_dump(mode="json")}
        writer.keep(row, split, ("rows", line), size=100)
    writer.close()
    report = SnapshotReport(
        kind=kind,
        sources={"rows": "0" * 64},
        rows_in=len(records),
        kept=len(records),
        quarantined={},
        duplicates=0,
        contaminated=0,
        redacted={},
        splits=dict(writer.written),
        characters=1,
    )
    (folder / REPORT).write_text(report_json(report))
