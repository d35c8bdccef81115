"""Snapshots of documents for tests and benchmarks: what ingestion would leave of plain texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from data_contracts.kinds.document import DocumentRecord
from data_contracts.kinds.registry import RecordKind
from data_contracts.records import record_id
from data_contracts.snapshot.reading import REPORT, SnapshotReport
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
