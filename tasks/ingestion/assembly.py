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
from data_contracts.kinds.registry import KINDS
from data_contracts.measures import RowFlags, measure
from data_contracts.records import Record, Split, split_of
from data_contracts.snapshot.reading import REPORT, SnapshotReport, report_json
from data_contracts.snapshot.row_files import empty, read_row_file
from data_contracts.snapshot.writing import SnapshotWriter
from data_contracts.validation import Contract
from tasks.ingestion.account import Account
from tasks.ingestion.backdoors.search import PhraseSearch
from tasks.ingestion.budget import RowBudget
from tasks.ingestion.data_docs import DATA_DOCS, data_docs_html
from tasks.ingestion.duplicates import Seen, SeenRows
from tasks.ingestion.fitting import require_columns_seen
from tasks.ingestion.layout import HELD_OUT
from tasks.ingestion.likeness import parts_of
from tasks.ingestion.limits import Limits
from tasks.ingestion.reporting import report_markdown
from tasks.ingestion.shard_work import ROWS, SUMMARY, ShardSummary

REPORT_PAGE = "report.md"
SAME, NEARLY = "the same as another row", "nearly the same as another row"
STRAYS = (
    "what a model wrote is made of {:,} rows that are not here, or were redacted in another way: "
    "nobody can tell whether those are trained on"
)
EXTRA_COLUMN = "contract: an extra column"  # not which: its name comes from outside
UNREAD_NAMES = "contract: no names model reads its language ({}), and privacy.names is strict"
_CHECKED_AT_ONCE, _CHECKED_CHARACTERS = 2000, 16_000_000  # whichever comes first


@dataclass(frozen=True, slots=True)
class WorkedShard:
    """A shard that was worked on: where its rows come from, and the folder with its files.

    `role` is the split that the authors of the source gave its rows.
    """

    source: str
    first_line: int
    folder: Path
    role: Split | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """What a snapshot is made by: `given` and `sources` say of what; `released` rows are kept.

    `held_out` are the splits that the authors of the source made, `notes` what people should know.
    """

    contract: DatasetContract
    mapping: Mapping[str, str]
    given: str
    sources: Mapping[str, str]
    released: frozenset[str] = frozenset()
    held_out: frozenset[Split] = frozenset()
    notes: tuple[str, ...] = ()
    limits: Limits = Limits()  # noqa: RUF009  (frozen)


@dataclass(frozen=True, slots=True)
class _Pending:
    """A row that may be kept; `number` is the one that it is remembered by."""

    row: dict[str, Any]
    record: Record
    split: Split
    seen: Seen
    number: int
    size: int

    @property
    def place(self) -> tuple[str, int]:
        return self.seen.source, self.seen.line


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
    budget = RowBudget(max_rows)
    for shard in shards:
        run.take(shard, budget)
        progress(run.account.rows_in)
    return run.finish()


class _Run:
    """One assembly: what is not yet written, and the account of what was."""

    def __init__(self, plan: Assembly, out: Path, seal: Callable[[str], None]) -> None:
        self._plan, self._out = plan, out
        self._contract = Contract(plan.contract)
        self._schema = KINDS[plan.contract.kind]
        self._writer = SnapshotWriter(
            out,
            plan.contract.kind,
            plan.limits.shard_rows,
            seal,
            synthetic=bool(plan.contract.synthetic),
        )
        self._scratch = out / ".seen.sqlite"
        self._seen = SeenRows(self._scratch, plan.contract.duplicates.threshold)
        self._phrases = PhraseSearch(out / ".phrases")
        self._unseen = set(plan.mapping)
        self._pending: list[_Pending] = []
        self._pending_size = 0
        self.account = Account(plan.contract)

    def take(self, shard: WorkedShard, budget: RowBudget) -> None:
        """Go through a shard's rows, in order."""
        summary = ShardSummary.model_validate_json((shard.folder / SUMMARY).read_bytes())
        self._unseen &= set(summary.unseen)
        for row in read_row_file(shard.folder / ROWS):
            if budget.room(shard.role) == 0:
                return
            budget.take(shard.role, 1)
            self.account.come(shard.role)
            place = shard.source, shard.first_line + row["line"]
            if row["fate"] == "kept":
                self._propose(row, place, shard.role)
            elif row["fate"] == "quarantined":
                self._quarantine(row, place, row["text"])
            else:
                self.account.drop(row, place)

    def _quarantine(self, row: dict[str, Any], place: tuple[str, int], text: str) -> None:
        self.account.quarantined[row["reason"]] += 1
        self._writer.quarantine(place, row, text)

    def _propose(self, row: dict[str, Any], place: tuple[str, int], role: Split | None) -> None:
        record = self._schema.from_columns(row)
        if not self._seen.is_new(row["id"]):
            self.account.fates["duplicates"] += 1
            self._writer.drop(place, row, _whole(record), SAME, row["id"])
            return
        seen = Seen(*place, row["id"], parts_of(record), row["signature"])
        size = sum(map(len, record.texts()))
        # What a model made of a row teaches that row: both are trained on, or neither.
        origin = row.get("synthetic")
        split = self._split(origin or row["id"], role)
        self._pending.append(_Pending(row, record, split, seen, self._seen.add(seen), size))
        self._pending_size += size
        full = len(self._pending) >= _CHECKED_AT_ONCE or self._pending_size >= _CHECKED_CHARACTERS
        if full:
            self._check_pending()

    def _split(self, identity: str, role: Split | None) -> Split:
        """Return a row's split: the one that its authors held it out for, else by its hash.

        Where they held a split out themselves, no row of theirs to train on is added to it.
        """
        if role in HELD_OUT:
            return role
        hashed = split_of(identity)
        return "train" if hashed in self._plan.held_out else hashed

    def _check_pending(self) -> None:
        measures = [_measures(one) for one in self._pending]
        failures = self._contract.failures(measures)
        reasons = [
            failures.get(number) or self._held(one.row) for number, one in enumerate(self._pending)
        ]
        released = [one.row["id"] in self._plan.released for one in self._pending]
        for one, reason, free in zip(self._pending, reasons, released, strict=True):
            if reason and not free:
                # Whole: nobody may have to release what they cannot read.
                self._quarantine(one.row | {"reason": reason}, one.place, _whole(one.record))
                self._seen.leave_out(one.number)
        for one, measured, reason, free in zip(
            self._pending, measures, reasons, released, strict=True
        ):
            if free or not (reason or self._is_near(one)):
                if origin := one.row.get("synthetic"):
                    self._seen.add_origin(origin)
                self.account.keep(one.row, one.record, measured)
                self._phrases.add(one.number, one.record)
                self._writer.keep(one.row, one.split, one.place, one.size)
        self._pending.clear()
        self._pending_size = 0

    def _is_near(self, one: _Pending) -> bool:
        """Drop a row that says the same as one that stays."""
        found = self._seen.nearly(one.number, one.seen.signature)
        if found is None:
            return False
        self.account.drop_near(one.seen, *found)
        self._writer.drop(one.place, one.row, _whole(one.record), NEARLY, found[0].id)
        self._seen.leave_out(one.number)
        return True

    def _held(self, row: dict[str, Any]) -> str | None:
        """Return why a row is held back for what nothing here reads of it."""
        contract = self._plan.contract
        if row["unread"] and contract.extra_columns == "quarantine":
            return EXTRA_COLUMN
        if row["names_unread"] and contract.privacy.names == "strict":
            return UNREAD_NAMES.format(row["names_unread"])
        return None

    def finish(self) -> SnapshotReport:
        """Write what is pending, check the whole, and write the report, also for people."""
        self._check_pending()
        self._writer.close()
        phrases = self._phrases.close(self._seen.seen)
        strays = self._seen.unknown_origins()
        self._seen.close()
        self._scratch.unlink()
        plan = self._plan
        missing = {name: plan.mapping[name] for name in sorted(self._unseen)}
        require_columns_seen(missing if self.account.rows_in else {}, plan.given)
        notes = (*plan.notes, *([STRAYS.format(strays)] if strays else []))
        report = self.account.report(plan.sources, self._writer.written, phrases, notes)
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


def _whole(record: Record) -> str:
    return json.dumps(record.model_dump(), ensure_ascii=False)


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
