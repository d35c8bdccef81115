"""`weekly_report`: what a model's week was like: a page, files in the store, and a message.

`reports/<name>/<week>.json`, `.md` and `.html`; a week that is not over is told as far as it went,
and told again when it is over. People are told of each week once.
"""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.states import Completed

from flows.asking.flow_runs import run_name
from flows.asking.report_parameters import ReportParameters, last_week, week_named
from flows.showing.leading_on import served_places
from flows.showing.notifying import Event, notify, require_blocks
from flows.showing.places import Pages
from flows.showing.progress import LOGGER
from flows.showing.publishing import publish_page
from flows.showing.weekly import WeeklyReport, gather
from flows.showing.weekly_pages import html, markdown
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings

DEFAULTS = ReportParameters()


@flow(name="weekly_report", flow_run_name=run_name, description=__doc__)
def weekly_report(parameters: ReportParameters = DEFAULTS) -> State[WeeklyReport]:
    """Gather the week, keep it, show it and tell people."""
    workshop, now = Workshop(read_settings()), datetime.now(UTC)
    require_blocks(workshop.settings)
    week = week_named(parameters.week) if parameters.week else last_week(now)
    report = gather(workshop, parameters.name, week, now)
    text, place = markdown(report), f"reports/{report.name}/{report.week}"
    for ending, content in (
        ("html", html(report)),
        ("md", text),
        ("json", report.model_dump_json(indent=1)),
    ):
        workshop.store.write(f"{place}.{ending}", content.encode())
    publish_page(
        "weekly-report",
        text,
        f"What the week of {report.name} was like",
        places=served_places(workshop, report.name),
        to_do="read what failed and what was refused; `paddock show` says what waits for whom.",
    )
    if week.until <= now:
        notify(
            workshop,
            Event("weekly report", report.name, report.week, report.sentences, _link(workshop)),
        )
    LOGGER.info("%s", text)
    where = workshop.store.local_path(f"{place}.html") or f"{workshop.store.uri}/{place}.html"
    LOGGER.info("kept as %s", where)
    return Completed(message=f"{report.week}: {report.sentences}"[:400], data=report)


def _link(workshop: Workshop) -> str:
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return Pages(workshop.settings).flow_run(str(run.id)) if run else ""
