"""A snapshot's report cannot be made unless every row is accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from data_contracts.errors import IntegrityError
from data_contracts.snapshot.reading import SnapshotReport, read_report, report_json

FIGURES: dict[str, Any] = {
    "kind": "chat",
    "sources": {"a.jsonl": "0" * 64},
    "rows_in": 20,
    "kept": 12,
    "quarantined": {"bad JSON": 2, "an unknown role": 1},
    "duplicates": 4,
    "contaminated": 1,
    "redacted": {"EMAIL": 3},
    "splits": {"train": 10, "validation": 1, "test": 1},
    "characters": 99,
}


def test_the_sums_hold() -> None:
    report = SnapshotReport.model_validate(FIGURES)
    assert report.quarantined_rows == 3
    assert report.counts()["quarantined"] == 3
    assert SnapshotReport.model_validate_json(report_json(report)) == report


def test_every_fate_belongs_to_the_sum() -> None:
    more = {"near_duplicates": 5, "dropped_by_policy": 3, "forgotten": 2}
    report = SnapshotReport.model_validate(FIGURES | more | {"rows_in": 30})
    assert {name: report.counts()[name] for name in more} == more
    assert sum(report.fates.values()) == report.rows_in


def test_histograms_survive_json() -> None:
    report = SnapshotReport.model_validate(FIGURES | {"lengths": {"turns": {2: 11, 10: 1}}})
    assert SnapshotReport.model_validate_json(report_json(report)) == report


@pytest.mark.parametrize(
    "change",
    [
        {"near_duplicates": 1},
        {"dropped_by_policy": 1},
        {"forgotten": 1},
        {"rows_in": 21},
        {"duplicates": 3},
        {"quarantined": {}},
        {"kept": 13},
        {"splits": {"train": 12}, "kept": 11, "duplicates": 5},
        {"duplicates": -1, "contaminated": 6},
    ],
)
def test_a_lost_or_invented_row_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SnapshotReport.model_validate(FIGURES | change)


def test_a_folder_without_a_report_is_no_snapshot(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="not a snapshot"):
        read_report(tmp_path)
    (tmp_path / "report.json").write_text('{"rows_in": 1}')
    with pytest.raises(IntegrityError, match="not a snapshot"):
        read_report(tmp_path)
