"""`paddock history`: what served when, who approved it and on what evidence, from the ledger.

Needs a registry with its ledger; writes nothing. Rows are ordered by their number. Where a clock
was set back, a row begins no earlier than the one before it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from html import escape

from data_contracts.records import Frozen
from flows.asking.ledger_parameters import HistoryParameters
from flows.showing.html_pages import page, table
from flows.workshop.parts import Workshop
from model_registry.ledger.rows import Row
from model_registry.standing import whole_rows
from model_registry.tracking import Registry

COLUMNS = (
    "row",
    "from",
    "until",
    "action",
    "version",
    "candidate",
    "approved by",
    "reason",
    "by",
    "dossier",
    "digest",
    "files digest",
    "hash",
)
# Of a digest, in a table that people read; the other formats have all of it.
_SHORT = 12
_CUT = ("dossier", "digest", "files digest", "hash")
_STYLE = (
    "body{font-family:system-ui,sans-serif;margin:2rem}table{border-collapse:collapse}"
    "th,td{border:1px solid #bbb;padding:.3rem .6rem;text-align:left;vertical-align:top}"
    "td{font-variant-numeric:tabular-nums;overflow-wrap:anywhere;max-width:24rem}"
)


class Tenure(Frozen):
    """A row, and from when until when (UTC) what it left serving did; None: until today."""

    row: Row
    since: datetime
    until: datetime | None


def history_of(workshop: Workshop, parameters: HistoryParameters) -> str:
    """Return the rows that were asked for, of this home's ledger."""
    return history_text(workshop.registry, parameters)


def history_text(registry: Registry, parameters: HistoryParameters) -> str:
    """Return the rows that were asked for, in the format that was.

    ContractError if MLflow has seen rows that this ledger does not have.
    """
    tenures = tenures_of(whole_rows(registry, parameters.name, "history"))
    if parameters.at:
        tenures = on_day(tenures, parameters.at)
    return _WRITERS[parameters.format](parameters, tenures)


def tenures_of(rows: Sequence[Row]) -> list[Tenure]:
    """Return every row with the time in which it was the last one."""
    begins: list[datetime] = []
    for row in rows:
        said = datetime.fromisoformat(row.at)
        begins.append(max(said, begins[-1]) if begins else said)
    ends = [*begins[1:], *([None] if begins else [])]
    return [
        Tenure(row=row, since=since, until=until)
        for row, since, until in zip(rows, begins, ends, strict=True)
    ]


def on_day(tenures: Sequence[Tenure], day: date) -> list[Tenure]:
    """Return those of which something served on a day (UTC)."""
    begin = datetime.combine(day, time(), UTC)
    end = begin + timedelta(days=1)
    return [
        entry
        for entry in tenures
        if entry.since < end and (entry.until is None or entry.until > begin)
    ]


def _fields(entry: Tenure) -> dict[str, str]:
    row, serves = entry.row, entry.row.serves
    until = entry.until.isoformat(timespec="seconds") if entry.until else ""
    values = (
        row.sequence,
        entry.since.isoformat(timespec="seconds"),
        until,
        row.action,
        serves.version if serves else "none",
        serves.candidate if serves and serves.candidate else "",
        "; ".join(f"{one.person} ({one.seat}, {one.at[:16]})" for one in row.people),
        row.reason,
        row.by,
        serves.dossier if serves else "",
        serves.digest if serves else "",
        serves.files_digest if serves else "",
        row.hash,
    )
    return dict(zip(COLUMNS, map(str, values), strict=True))


def _table(parameters: HistoryParameters, tenures: Sequence[Tenure]) -> str:
    if not tenures:
        return f"{_nothing(parameters)}\n"
    blocks: list[str] = []
    for entry in tenures:
        told = _fields(entry)
        served = f"version {told['version']}" if entry.row.serves else "nothing"
        until = told["until"] or "today"
        lines = [f"{told['from']} until {until}: {served}  (row {told['row']}, {told['action']})"]
        for name in ("approved by", "reason", "by", "candidate", *_CUT):
            value = told[name][:_SHORT] if name in _CUT else told[name]
            lines += [f"    {name:13s}{value}"] if value else []
        blocks.append("\n".join(lines))
    return f"{parameters.name}\n\n" + "\n\n".join(blocks) + "\n"


def _csv(_: HistoryParameters, tenures: Sequence[Tenure]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in tenures:
        writer.writerow([harmless(value) for value in _fields(entry).values()])
    return out.getvalue()


def harmless(value: str) -> str:
    """Return a cell that a spreadsheet takes for text, whatever a person wrote as a reason."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _json(_: HistoryParameters, tenures: Sequence[Tenure]) -> str:
    content = [
        {
            **entry.row.model_dump(mode="json"),
            "from": entry.since.isoformat(),
            "until": entry.until.isoformat() if entry.until else None,
        }
        for entry in tenures
    ]
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _html(parameters: HistoryParameters, tenures: Sequence[Tenure]) -> str:
    title = f"What served as {parameters.name}"
    rows = [_fields(entry).values() for entry in tenures]
    told = table(COLUMNS, rows) if rows else f"<p>{escape(_nothing(parameters))}</p>"
    return page(title, _STYLE, f"<h1>{escape(title)}</h1>\n{told}")


def _nothing(parameters: HistoryParameters) -> str:
    day = f" on {parameters.at}" if parameters.at else " yet"
    return f"Nothing of {parameters.name} served{day}, by the release ledger."


_WRITERS: dict[str, Callable[[HistoryParameters, Sequence[Tenure]], str]] = {
    "table": _table,
    "csv": _csv,
    "html": _html,
    "json": _json,
}
