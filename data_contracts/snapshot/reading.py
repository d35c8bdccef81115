"""A snapshot: what ingestion leaves behind, and how later stages read it.

A snapshot folder holds `data/<split>-NNNNN.parquet`, `quarantine.parquet`, `duplicates.parquet`,
`report.json` and `report.md`. Needs pyarrow. Writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from data_contracts.errors import IntegrityError
from data_contracts.kinds.registry import KINDS, RecordKind
from data_contracts.phrases import PhrasesFound
from data_contracts.records import Frozen, Record, Split

REPORT = "report.json"
QUARANTINE, DUPLICATES = "quarantine.parquet", "duplicates.parquet"
Count = Field(ge=0)


class NearDuplicate(Frozen):
    """A row dropped for being nearly another one: where both stand, and how both begin, redacted.

    `similarity` is the Jaccard index of their shingles, 0 to 1. `of_id` is the id of the row that
    stays; empty in snapshots from before it was kept.
    """

    source: str
    line: int
    of_source: str
    of_line: int
    of_id: str = ""
    similarity: float
    text: str
    of_text: str


class Leak(Frozen):
    """A row dropped for sharing text with an evaluation: where it stands, how it begins, redacted.

    `eval_set` is the set's name; empty in snapshots from before it was kept.
    """

    source: str
    line: int
    eval_set: str = ""
    text: str


class Examples(Frozen):
    """A few of the rows dropped; every text in them is redacted."""

    near_duplicates: tuple[NearDuplicate, ...] = ()
    contaminated: tuple[Leak, ...] = ()


class ContractUsed(Frozen):
    """Which contract a snapshot was held to."""

    name: str
    digest: str


def _is_zero(value: object) -> bool:
    return value == 0


class SnapshotReport(Frozen):
    """What went into a snapshot and what became of it; the sums hold, or it cannot be made.

    `redacted` and `detectors` count findings in the rows kept, by kind and by detector;
    `surrogates` those of them, by kind, for which another value stands. `sources`
    gives each source's digest and `notes` say what a person should know of them, such as files that
    were not read. `splits_given` counts the rows that came in by the split that their authors gave
    them, where they gave any. `flags` counts rows kept that bear a flag, `languages` their
    languages. `lengths` are histograms (see `data_contracts.lengths`) and `tokens_by` says how
    tokens were counted; `empty` counts rows with an empty field. `largest_label` rows bear the same
    label; `timed` rows have a time, the last of which is `newest` (ISO 8601).

    `unread` counts the rows kept with a column, or a key in a message, that holds something and was
    not read; of the names only well-known ones are told. `context_only` answers in the rows kept
    are not learned; `synthetic` rows kept were made of other rows by a model.

    `names_unread` counts the rows kept in which no names model looked, by their language.

    `phrases` are those that go with one answer, as a planted backdoor's do.

    `leaks` counts the `contaminated` rows by the eval set whose text they share (the first by name,
    where there are several). `dropped_by_policy` rows held something the contract drops a row for;
    `forgotten` rows belong to people who asked to be.
    """

    kind: RecordKind
    contract: ContractUsed | None = None
    sources: dict[str, str]
    notes: tuple[str, ...] = ()
    splits_given: dict[str, int] = Field(default_factory=dict)
    rows_in: int = Count
    kept: int = Count
    quarantined: dict[str, int]
    duplicates: int = Count
    near_duplicates: int = Field(default=0, ge=0)
    contaminated: int = Count
    leaks: dict[str, int] = Field(default_factory=dict)
    dropped_by_policy: int = Field(default=0, ge=0)
    forgotten: int = Field(default=0, ge=0)
    redacted: dict[str, int]
    detectors: dict[str, int] = Field(default_factory=dict)
    surrogates: dict[str, int] = Field(default_factory=dict)
    flags: dict[str, int] = Field(default_factory=dict)
    languages: dict[str, int] = Field(default_factory=dict)
    lengths: dict[str, dict[int, int]] = Field(default_factory=dict)
    tokens_by: str = "characters / 4"
    empty: dict[str, int] = Field(default_factory=dict)
    largest_label: int = Field(default=0, ge=0)
    timed: int = Field(default=0, ge=0)
    newest: str | None = None
    examples: Examples = Examples()
    unread: dict[str, int] = Field(default_factory=dict)
    names_unread: dict[str, int] = Field(default_factory=dict)
    context_only: int = Field(default=0, ge=0)
    synthetic: int = Field(default=0, ge=0, exclude_if=_is_zero)
    phrases: PhrasesFound = PhrasesFound()
    splits: dict[Split, int]
    characters: int = Count

    @property
    def quarantined_rows(self) -> int:
        """Return how many rows were quarantined, for whatever reason."""
        return sum(self.quarantined.values())

    @property
    def fates(self) -> dict[str, int]:
        """Return what became of the rows; the values add up to `rows_in`."""
        return {
            "kept": self.kept,
            "quarantined": self.quarantined_rows,
            "duplicates": self.duplicates,
            "near_duplicates": self.near_duplicates,
            "contaminated": self.contaminated,
            "dropped_by_policy": self.dropped_by_policy,
            "forgotten": self.forgotten,
        }

    @model_validator(mode="after")
    def _every_row_is_accounted_for(self) -> SnapshotReport:
        found = sum(self.fates.values())
        if found != self.rows_in:
            raise ValueError(f"{self.rows_in} rows came in, {found} are accounted for")
        if self.leaks and sum(self.leaks.values()) != self.contaminated:
            raise ValueError("the leaks of each eval set do not add up to the rows dropped for one")
        if sum(self.splits.values()) != self.kept:
            raise ValueError("the splits do not add up to the rows kept")
        return self

    def counts(self) -> dict[str, int]:
        """Return the figures a manifest carries."""
        return {
            "rows_in": self.rows_in,
            **self.fates,
            "redacted": sum(self.redacted.values()),
            **{f"split_{split}": count for split, count in self.splits.items()},
        }


def read_report(folder: Path) -> SnapshotReport:
    """Return a snapshot's report; IntegrityError if there is none that can be read."""
    try:
        return SnapshotReport.model_validate_json((folder / REPORT).read_bytes())
    except (OSError, ValidationError) as error:
        raise IntegrityError(
            "this is not a snapshot: its report is missing or broken",
            step="snapshot",
            where=str(folder / REPORT),
            remedy="run ingestion again",
        ) from error


def read_records(folder: Path, split: Split | None = None) -> Iterator[tuple[str, Record]]:
    """Yield (id, record) of one split, or of all, in the order in which they were written."""
    schema = KINDS[read_report(folder).kind]
    for row in _rows(sorted((folder / "data").glob(f"{split or '*'}-*.parquet"))):
        yield row["id"], schema.from_columns(row)


def read_rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows kept with every column: the record, its place, its flags, its subject."""
    yield from _rows(sorted((folder / "data").glob("*.parquet")))


def read_quarantine(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield quarantined rows: source, line, reason, and the row, redacted.

    Of a row that makes no record only the beginning is kept; it has no id.
    """
    yield from _rows([folder / QUARANTINE])


def read_duplicates(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield rows that were dropped as duplicates: as `read_quarantine`, and `same_as`.

    That is the id of the row that stays. Snapshots from before these were kept have none.
    """
    yield from _rows([path for path in [folder / DUPLICATES] if path.is_file()])


def _rows(paths: list[Path]) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                yield from batch.to_pylist()


def report_json(report: SnapshotReport) -> str:
    """Return the report as JSON that is the same for the same figures."""
    return json.dumps(report.model_dump(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
