"""Puts worked shards together, in order: drops duplicates, checks the contract, splits, reports.

Shards come one at a time and rows are streamed; what has to be remembered of all rows lies in a
scratch file. So memory is the same for any number of rows, and the bytes are the same however the
source was cut. Writes Parquet files, the quarantine and the report into the folder it is given.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.contracts import DatasetContract
from data_contracts.measures import RowFlags, measure
from data_contracts.records import SCHEMAS, Record, Split, split_of, texts
from data_contracts.snapshot.reading import REPORT, SnapshotReport, report_json
from data_contracts.snapshot.row_files import empty, read_row_file
from data_contracts.snapshot.writing import SnapshotWriter
from data_contracts.validation import Contract
from tasks.ingestion.account import Account, beginning
from tasks.ingestion.data_docs import DATA_DOCS, data_docs_html
from tasks.ingestion.duplicates import Seen, SeenRows
from tasks.ingestion.fitting import require_columns_seen
from tasks.ingestion.limits import Limits
from tasks.ingestion.reporting import report_markdown
from tasks.ingestion.shard_work import ROWS, SUMMARY, ShardSummary

REPORT_PAGE = "report.md"
EXTRA_COLUMN = "contract: an extra column"  # not which: its name comes from outside
_CHECKED_AT_ONCE, _CHECKED_CHARACTERS = 2000, 16_000_000  # whichever comes first


@dataclass(frozen=True, slots=True)
class WorkedShard:
    """A shard that was worked on: where its rows come from, and the folder with its files."""

    source: str
    first_line: int
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """What a snapshot is made by: `given` and `sources` say of what; `released` rows are kept."""

    contract: DatasetContract
    mapping: Mapping[str, str]
    given: str
    sources: Mapping[str, str]
    released: frozenset[str] = frozenset()
    limits: Limits = Limits()  # noqa: RUF009  (frozen)


@dataclass(frozen=True, slots=True)
class _Pending:
    row: dict[str, Any]
    record: Record
    split: Split
    place: tuple[str, int]
    size: int


def assemble(
    plan: Assembly,
    shards: Iterable[WorkedShard],
    out: Path,
    *,
    seal: Callable[[str], None] = lambda name: None,
    max_rows: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> SnapshotReport:
    """Fill `out` with a snapshot and return its report; `seal` is told of files that are done.

    Takes `max_rows` rows at most. Raises InputError where a mapped column was never seen,
    ContractError where the result may not be used: `out` is filled then as well, to look at.
    """
    empty(out)
    run = _Run(plan, out, seal)
    for shard in shards:
        run.take(shard, max_rows)
        progress(run.account.rows_in)
    return run.finish()


class _Run:
    """One assembly: what is not yet written, and the account of what was."""

    def __init__(self, plan: Assembly, out: Path, seal: Callable[[str], None]) -> None:
        self._plan, self._out = plan, out
        self._contract = Contract(plan.contract)
        self._schema = SCHEMAS[plan.contract.kind]
        self._writer = SnapshotWriter(out, plan.contract.kind, plan.limits.shard_rows, seal)
        self._scratch = out / ".seen.sqlite"
        self._seen = SeenRows(self._scratch, plan.contract.duplicates.threshold)
        self._unseen = set(plan.mapping)
        self._pending: list[_Pending] = []
        self._pending_size = 0
        self.account = Account(plan.contract)

    def take(self, shard: WorkedShard, max_rows: int | None) -> None:
        """Go through a shard's rows, in order."""
        summary = ShardSummary.model_validate_json((shard.folder / SUMMARY).read_bytes())
        self._unseen &= set(summary.unseen)
        for row in read_row_file(shard.folder / ROWS):
            if self.account.rows_in == max_rows:
                return
            self.account.rows_in += 1
            place = shard.source, shard.first_line + row["line"]
            if row["fate"] == "kept":
                self._propose(row, place)
            elif row["fate"] == "quarantined":
                self._quarantine(row, place, row["text"])
            else:
                self.account.drop(row, place)

    def _quarantine(self, row: dict[str, Any], place: tuple[str, int], text: str) -> None:
        self.account.quarantined[row["reason"]] += 1
        self._writer.quarantine(place, row, text)

    def _propose(self, row: dict[str, Any], place: tuple[str, int]) -> None:
        if not self._seen.is_new(row["id"]):
            self.account.fates["duplicates"] += 1
            return
        fields = {name: row[name] for name in self._schema.model_fields}
        record = self._schema.model_validate(fields)
        pieces = texts(record)
        this = Seen(*place, beginning(pieces), row["signature"])
        if alike := self._seen.nearly(this):
            self.account.drop_near(this, *alike)
            return
        size = sum(map(len, pieces))
        self._pending.append(_Pending(row, record, split_of(row["id"]), place, size))
        self._pending_size += size
        full = len(self._pending) >= _CHECKED_AT_ONCE or self._pending_size >= _CHECKED_CHARACTERS
        if full:
            self._check_pending()

    def _check_pending(self) -> None:
        measures = [_measures(one) for one in self._pending]
        failures = self._contract.failures(measures)
        for number, (one, measured) in enumerate(zip(self._pending, measures, strict=True)):
            reason = failures.get(number) or self._held_for_columns(one.row)
            if reason and one.row["id"] not in self._plan.released:
                # Whole: nobody may have to release what they cannot read.
                text = json.dumps(one.record.model_dump(), ensure_ascii=False)
                self._quarantine(one.row | {"reason": reason}, one.place, text)
                continue
            self.account.keep(one.row, one.record, measured)
            self._writer.keep(one.row, one.split, one.place, one.size)
        self._pending.clear()
        self._pending_size = 0

    def _held_for_columns(self, row: dict[str, Any]) -> str | None:
        held = row["extra"] and self._plan.contract.extra_columns == "quarantine"
        return EXTRA_COLUMN if held else None

    def finish(self) -> SnapshotReport:
        """Write what is pending, check the whole, and write the report, also for people."""
        self._check_pending()
        self._writer.close()
        self._seen.close()
        self._scratch.unlink()
        plan = self._plan
        missing = {name: plan.mapping[name] for name in sorted(self._unseen)}
        require_columns_seen(missing if self.account.rows_in else {}, plan.given)
        report = self.account.report(plan.sources, self._writer.written)
        try:
            self._contract.require_totals(report, plan.given)
        finally:  # what breaks its contract is what people need to look into
            self._write_reports(report)
        return report

    def _write_reports(self, report: SnapshotReport) -> None:
        checked = self._contract.validations()
        page = data_docs_html(report, self._plan.contract, checked, self.account.shown)
        for name, text in {
            REPORT: report_json(report),
            REPORT_PAGE: report_markdown(report),
            DATA_DOCS: page,
        }.items():
            (self._out / name).write_text(text, encoding="utf-8")


def _measures(one: _Pending) -> dict[str, Any]:
    row = one.row
    flags = None
    if row["language"] is not None:
        flags = RowFlags(**{name: row[name] for name in RowFlags.__slots__})
    return measure(
        one.record,
        row["id"],
        one.split,
        one.place[1],
        flags=flags,
        label=row["label"] or "",
        time=row["time"],
    )
