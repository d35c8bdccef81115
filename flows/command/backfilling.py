"""`paddock backfill`: what a schedule would have done on past days, one run after another."""

from __future__ import annotations

from datetime import UTC, datetime

from data_contracts.errors import InputError
from flows.asking.drift_parameters import MonitorParameters
from flows.asking.report_parameters import BackfillParameters, ReportParameters, weeks_between
from flows.command.readying import make_ready, started
from flows.command.words import Options


def backfill(parameters: BackfillParameters, options: Options) -> int:
    """Start the runs; InputError where the days end before they begin."""
    since, until = parameters.since, parameters.until or datetime.now(UTC).date()
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


def _refused(what: str, parameters: BackfillParameters) -> InputError:
    return InputError(
        what,
        step="backfill",
        where=parameters.flow,
        remedy="name the first day with --since and the last, not before it, with --until",
    )
