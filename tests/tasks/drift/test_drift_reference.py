from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.kinds.instruction import InstructionRecord
from data_contracts.records import record_id, split_of
from data_contracts.snapshot.reading import SnapshotReport, report_json
from tasks.drift.reference import HELD_OUT, read_exchanges, read_rows, write_reference
from tasks.drift.rows import rows_of


def _snapshot(folder: Path, rows: int) -> dict[str, str]:
    """Write a snapshot of instructions and return the questions of its train split by id."""
    records = [InstructionRecord(instruction=f"Ask {n}", output=f"Say {n}") for n in range(rows)]
    (folder / "data").mkdir(parents=True)
    splits: dict[str, list[dict[str, str]]] = {"train": [], "validation": [], "test": []}
    for record in records:
        identity = record_id(record)
        splits[split_of(identity)].append({"id": identity, **record.model_dump()})
    for split, kept in splits.items():
        pq.write_table(pa.Table.from_pylist(kept), folder / "data" / f"{split}-00000.parquet")
    report = SnapshotReport.model_validate(
        {
            "kind": "instruction",
            "sources": {},
            "rows_in": rows,
            "kept": rows,
            "quarantined": {},
            "duplicates": 0,
            "contaminated": 0,
            "redacted": {},
            "splits": {split: len(kept) for split, kept in splits.items()},
            "characters": 1,
        }
    )
    (folder / "report.json").write_text(report_json(report))
    return {row["id"]: row["instruction"] for row in splits["train"]}


def test_the_reference_is_the_train_split_alone(tmp_path: Path) -> None:
    train = _snapshot(tmp_path, 200)
    pairs = read_exchanges(tmp_path)
    assert {question for question, _ in pairs} == set(train.values())
    assert all(answer == question.replace("Ask", "Say") for question, answer in pairs)
    assert len(pairs) < 200


def test_a_large_snapshot_is_sampled_the_same_way_every_time(tmp_path: Path) -> None:
    train = _snapshot(tmp_path, 200)
    sample = read_exchanges(tmp_path, most=40)
    assert len(sample) == 40
    assert sample == read_exchanges(tmp_path, most=40)
    # Not the first of the split's own order, and not the ids that the split itself goes by.
    assert {question for question, _ in sample} != set(list(train.values())[:40])
    assert sample == read_exchanges(tmp_path)[:40]


def test_numbers_are_written_of_both_parts_and_of_documents_none(tmp_path: Path) -> None:
    train = _snapshot(tmp_path, 200)
    counts = write_reference(tmp_path, _vectors, tmp_path)
    held = read_exchanges(tmp_path, HELD_OUT)
    assert counts == {"train": len(train), "held_out": len(held)}
    assert len(train) + len(held) == 200
    assert len(read_rows(tmp_path)) == len(train)
    assert len(read_rows(tmp_path, "held_out")) == len(held)
    # What has no exchanges has no rows, and is no error: a window then says so.
    assert len(rows_of([], _vectors)) == 0


def _vectors(texts: Sequence[str]) -> np.ndarray:
    return np.ones((len(texts), 4), dtype=np.float32) / 2
