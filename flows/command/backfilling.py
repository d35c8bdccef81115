"""`paddock backfill`: what a schedule would have done on past days, one run after another."""

from __future__ import annotations

from datetime import UTC, date, datetime

from data_contracts.errors import InputError
from flows.asking.drift_parameters import MonitorParameters
from flows.asking.report_parameters import BackfillParameters, ReportParameters, weeks_between
from flows.command.readying import make_ready, started
from flows.command.words import Options


def backfill(parameters: BackfillParameters, options: Options) -> int:
    """Start the runs; InputError where the days are none."""
    since, until = _day(parameters.since), _day(parameters.until)
    if since > until:
        raise _refused(f"{since} is after {until}", parameters)
    make_ready(options)
    name = parameters.name
    if parameters.flow == "monitor_drift":
        asked = MonitorParameters(
            name=name, retrain=False, since=since.isoformat(), until=until.isoformat()
        )
        started("flows.drift", "monitor_drift", asked)
        return 0
    for week in weeks_between(since, until):
        started("flows.reporting", "weekly_report", ReportParameters(name=name, week=week.name))
    return 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text) if text else datetime.now(UTC).date()
    except ValueError as error:
        raise InputError(
            f"there is no such day: {text} ({error})",
            step="backfill",
            where="--since, --until",
            remedy="write days as 2026-03-01",
        ) from None


def _refused(what: str, parameters: BackfillParameters) -> InputError:
    return InputError(
        what,
        step="backfill",
        where=parameters.flow,
        remedy="name the first day with --since and the last, not before it, with --until",
    )
