"""From a person's rows to every model that learned from them, over a chain of real manifests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data_contracts.kinds.instruction import InstructionRecord
from data_contracts.records import record_id
from data_contracts.snapshot.reading import REPORT, SnapshotReport, report_json
from data_contracts.snapshot.writing import SnapshotWriter
from flows.command import forgetting
from tasks.lineage import uses
from tasks.lineage.uses import HELD, Descent, uses_of
from tasks.storage.objects import LocalStore
from tasks.storage.outputs import Outputs, Reference
from tasks.storage.stages import Stage


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    return Outputs(LocalStore(tmp_path / "store"), tmp_path / "work")


def made(outputs: Outputs, stage: str, weights: str, file: str = "", **inputs: str) -> Reference:
    """Build an output of a stage that holds one file."""

    def make(folder: Path) -> Mapping[str, int]:
        path = folder / (file or "model.safetensors")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(weights)
        return {}

    return outputs.build(Stage(stage, 1, ()).of(inputs, {"weights": weights}), make).reference


def test_what_starts_from_a_model_or_is_taught_by_it_has_its_rows(outputs: Outputs) -> None:
    """A snapshot trains a; a is the base of b, and the teacher of c and, by its answers, of d."""
    base, other = made(outputs, "base", "base", source="hub"), "other snapshot"
    inside = "model/model.safetensors"
    a = made(outputs, "model", "a", inside, base=base.digest, snapshot="theirs")
    copy = made(outputs, "base", "a", source="files of a")
    b = made(outputs, "model", "b", inside, base=copy.digest, snapshot=other)
    c = made(outputs, "model", "c", inside, base=base.digest, snapshot=other, teacher=copy.digest)
    answers = made(outputs, "teacher_answers", "x", "x", teacher=copy.digest, snapshot=other)
    d = made(
        outputs, "model", "d", inside, base=base.digest, snapshot=other, answers=answers.digest
    )
    last = made(outputs, "base", "d", source="files of d")
    e = made(outputs, "model", "e", inside, base=last.digest, snapshot=other)
    made(outputs, "model", "f", inside, base=base.digest, snapshot=other)  # has nothing of theirs

    index = made(outputs, "index", "chunks", "chunks", snapshot="theirs", encoder="e")
    made(outputs, "index", "others", "chunks", snapshot=other, encoder="e")

    found = {one.key: one.through for one in Descent(outputs).of("theirs")}
    assert found == {
        a.key: "",
        index.key: "",
        copy.key: f"weights of {a.key}",
        b.key: f"base {copy.key}",
        c.key: f"teacher {copy.key}",
        answers.key: f"teacher {copy.key}",
        d.key: f"answers {answers.key}",
        last.key: f"weights of {d.key}",
        e.key: f"base {last.key}",
    }
    assert next(iter(found)) == a.key
    assert Descent(outputs).of("nobody's") == ()


def snapshot(outputs: Outputs, stage: str, kept: list[str], held: list[str]) -> Reference:
    """Build an output with a row for each subject, kept or in quarantine."""

    def make(folder: Path) -> Mapping[str, int]:
        writer = SnapshotWriter(folder, "instruction", 100, lambda _: None)
        for line, subject in enumerate(kept, 1):
            record = InstructionRecord(instruction=f"ask {line}", output="so")
            row: dict[str, Any] = {"id": record_id(record), "redactions": "{}", "subject": subject}
            writer.keep(row | record.model_dump(), "train", ("rows", line), 10)
        for line, subject in enumerate(held, 1 + len(kept)):
            row = {"id": None, "reason": "bad", "subject": subject}
            writer.quarantine(("rows", line), row, "…")
        writer.close()
        report = SnapshotReport(
            kind="instruction",
            sources={"rows": "d" * 64},
            rows_in=len(kept) + len(held),
            kept=len(kept),
            quarantined={"bad": len(held)},
            duplicates=0,
            contaminated=0,
            redacted={},
            splits={"train": len(kept)},
            characters=1,
        )
        (folder / REPORT).write_text(report_json(report))
        return report.counts()

    return outputs.build(Stage(stage, 1, ()).of({}, {"kept": kept, "held": held}), make).reference


def _nothing(registry: object) -> list[Any]:
    return []


def test_rows_in_quarantine_are_found_and_taught_nobody(
    outputs: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = snapshot(outputs, "snapshot", ["ann", "bo"], ["eve"])
    refused = snapshot(outputs, "refused", [], ["eve", "bo"])
    inside = "model/model.safetensors"
    model = made(outputs, "model", "a", inside, base="b", snapshot=used.digest)
    monkeypatch.setattr(uses, "_trained_versions", _nothing)
    workshop: Any = SimpleNamespace(outputs=outputs, registry=None, store=outputs.store)

    def of(subject: str) -> dict[str, Any]:
        return {
            one.key: one
            for one in uses_of(outputs, workshop.registry, lambda row: row["subject"] == subject)
        }

    eve = of("eve")
    assert set(eve) == {used.key, refused.key}
    assert [(row.split, row.line) for row in eve[used.key].rows] == [(HELD, 3)]
    assert [one.made for one in eve.values()] == [(), ()]
    bo = of("bo")
    assert [one.key for one in bo[used.key].made] == [model.key] and not bo[refused.key].made

    told = "\n".join(forgetting._used(list(bo.values())))  # pyright: ignore[reportPrivateUsage]
    assert "rows, line 2 (train; file digest dddddddddddddddd)" in told
    assert f"trained: {model.key}" in told
    assert "Refused ingestion" in told and "rows, line 2 (in quarantine" in told
    plan = "\n".join(
        forgetting._plan(workshop, list(eve.values()))  # pyright: ignore[reportPrivateUsage]
    )
    assert used.key in plan and refused.key in plan and model.key not in plan
