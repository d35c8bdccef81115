"""`experiment`: an approved candidate beside the champion for a set time, compared, not promoted.

Its ticks are a canary's: the same record, the same stops at each tick, the same keeper that takes
the traffic away where nobody ticks. Beside them it looks at what was counted by groups of users.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State as RunState
from prefect.states import Completed

from data_contracts.errors import PaddockError
from flows.asking.experiment_parameters import ExperimentRunParameters
from flows.asking.flow_runs import run_name
from flows.canarying import CanaryRun, Outcome
from flows.serving.canary_ticks import Record, Site
from flows.serving.experiment_counts import is_counted
from flows.serving.experiment_page import keep_page, markdown, shown_in_prefect
from flows.serving.experiment_start import begun, closed, id_of, looked
from flows.serving.places import Places
from flows.showing.leading_on import served_places
from flows.showing.notifying import Event, notify
from flows.showing.progress import LOGGER
from flows.showing.publishing import publish_links
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from tasks.canary.phases import ended_by
from tasks.experiment.judge import Experiment
from tasks.experiment.metrics import STEP
from tasks.experiment.words import question, says

LOOKS = 240  # at most, evenly over its time
SETTLE_SECONDS = 5.0  # until the log's writer has the last requests


@flow(name="experiment", flow_run_name=run_name)
def experiment(parameters: ExperimentRunParameters) -> RunState[Outcome]:
    """Tick and look until its time is over; what can be said is shown at each look."""
    workshop = Workshop(read_settings(), "promoter")
    name = parameters.name
    places = Places(workshop.settings.home, name)
    site = Site(workshop.store, places, name)
    site.specification()  # before the folder of a serving that never was is made
    with site.alone():
        record = begun(workshop, site, places, parameters)
        site.write(record)
    run = ExperimentRun(workshop, site, record, places)
    LOGGER.info("%s", run.announced())
    outcome = run.until_its_end()
    return Completed(message=f"{outcome.ended}: {outcome.says}", data=outcome)


class ExperimentRun(CanaryRun):
    """The ticks and looks of one run."""

    key = STEP

    def __init__(self, workshop: Workshop, site: Site, record: Record, places: Places) -> None:
        """Go on with a record."""
        super().__init__(workshop, site, record)
        self._places = places

    @property
    def _experiment(self) -> Experiment:
        found = self._record.experiment
        if found is None:
            raise PaddockError(
                "the record is no experiment's",
                step=STEP,
                where=self._name,
                remedy=f"`paddock canary status --name {self._name}` shows what it is",
            )
        return found

    def announced(self) -> str:
        """Return what begins, in a line."""
        state, asked = self._record.state, self._experiment.asked
        return (
            f"{STEP} of {state.name}: version {state.candidate.version} (B) beside version "
            f"{state.champion.version} (A), {asked.share:g} % of the users each, for "
            f"{asked.hours:g} hours; {question(asked)}. Nothing is promoted."
        )

    def _ticked(self, record: Record) -> Record:
        record = super()._ticked(record)
        now, found = datetime.now(UTC), record.experiment
        if record.state.ended or found is None:
            return record
        if not is_counted(self._places, id_of(record)):
            why = "what was counted is gone with the machine's memory"
            return record.model_copy(
                update={"state": ended_by(record.state, now, "rolled back", why)}
            )
        every = max(record.policy.tick_seconds, found.asked.hours * 3600 / LOOKS)
        if found.looked and (now - found.looked).total_seconds() < every:
            return record
        return looked(record, self._places, self._workshop.store, now)

    def _show(self) -> None:
        record, line = self._record, says(self._experiment)
        share = record.state.weights.canary
        where = f"{share:g} % of the users in each arm" if share else "no traffic"
        if hold := self._budget.said:
            where += f"; it does not begin: {hold}"
        if not record.state.ended:
            self._say(f"{where} {self._experiment.verdict}", f"{where}; {line}")
        self._page.show(shown_in_prefect(record, self._experiment), line)

    def _told(self) -> Outcome:
        """Take the last look, keep the page, and say how it ended."""
        time.sleep(SETTLE_SECONDS)
        store = self._workshop.store
        with self._site.alone():
            newest = self._site.record() or self._record
            if newest.state.began == self._record.state.began:  # else: another began meanwhile
                self._record = closed(newest, self._places, store, datetime.now(UTC))
                self._site.write(self._record)
        state, found = self._record.state, self._experiment
        page = keep_page(store, self._record, found)
        self._show()
        LOGGER.info("\n%s\n\nIts page: %s\n", markdown(self._record, found), f"{store.uri}/{page}")
        publish_links(served_places(self._workshop, self._name))
        self._tell_of_trouble()
        notify(self._workshop, *over_events(self._record, found))
        return Outcome(
            ended=state.ended or "",
            why=state.why,
            candidate=state.candidate.version,
            says=says(found),
            page=page,
        )


def over_events(record: Record, found: Experiment) -> list[Event]:
    """Return what people are told of an experiment that came to its end; nothing of another end."""
    state = record.state
    if state.ended != "over":
        return []
    text = (
        f"Version {state.candidate.version} (B) beside version {state.champion.version} (A): "
        f"{says(found)} Nothing was promoted."
    )
    return [Event("experiment is over", state.name, id_of(record), text)]
