"""`canary`: an approved candidate beside the champion, from its first probe to its end.

One run ticks every few seconds until the canary is promoted, rolled back or aborted. All it knows
is in the canary's record, so a run that was killed is gone on with by the next one; where none
comes, the keeper of the serving takes the traffic away by itself.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State as RunState
from prefect.states import Completed
from pydantic import Field

from data_contracts.errors import PaddockError
from data_contracts.records import Frozen
from flows.asking.canary_parameters import CanaryRunParameters
from flows.asking.flow_runs import run_name
from flows.promotion import describe_release
from flows.serving.budgets import Budgets
from flows.serving.canary_start import begun
from flows.serving.canary_ticks import Record, Site
from flows.serving.cluster_site import site_of
from flows.serving.places import Places
from flows.serving.shadow import Shadow
from flows.showing.leading_on import served_places
from flows.showing.live import LiveArtifact
from flows.showing.notifying import notify, release_events, trouble_event
from flows.showing.progress import LOGGER
from flows.showing.publishing import publish_links
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from model_registry.canary_evidence import CanaryPassed, publish_canary
from model_registry.candidates import find_candidate
from model_registry.dossier import ChampionSeen
from model_registry.standing import read_standing
from tasks.canary.phases import State, ended_by, step
from tasks.canary.policy import STEP
from tasks.canary.words import in_a_line, side_by_side
from tasks.release.steps import promote_step
from tasks.serving.ports.cluster import cluster_of

LINE_SECONDS = 30.0  # between two lines that say the same of another moment
LEDGER_SECONDS = 10.0  # between two looks at who serves
MOVED = "the champion that it was compared with serves no more"


class Outcome(Frozen):
    """How a canary ended, and why. `version` is the champion that a promotion made."""

    ended: str
    why: str
    candidate: int
    version: int | None = None
    says: str = Field(default="", description="What an experiment found.")
    page: str = Field(default="", description="Where an experiment's page lies in the store.")


@flow(name="canary", flow_run_name=run_name)
def canary(parameters: CanaryRunParameters) -> RunState[Outcome]:
    """Tick until the canary ends; what it ended with is said, shown, and told to people."""
    workshop = Workshop(read_settings(), "promoter")
    name = parameters.name
    places = Places(workshop.settings.home, name)
    site = site_of(workshop, places, name, parameters.file)
    specification = site.specification()  # before the folder of a serving that never was is made
    with site.alone():
        record = begun(
            workshop, site, name, parameters.version, parameters.fast, shadow=parameters.shadow
        )
        if specification.cluster:
            cluster = cluster_of(specification.cluster, parameters.file)
            record = record.model_copy(update={"cluster": cluster})
        site.write(record)
    LOGGER.info("%s", _announced(record))
    outcome = CanaryRun(workshop, site, record).until_its_end()
    return Completed(message=f"{outcome.ended}: {outcome.why}", data=outcome)


class CanaryRun:
    """The ticks of one run; an experiment's are these, with looks and other words."""

    key = "canary"

    def __init__(self, workshop: Workshop, site: Site, record: Record) -> None:
        """Go on with a record."""
        self._workshop, self._site, self._record = workshop, site, record
        self._name = record.state.name
        self._page = LiveArtifact(
            lambda page, line: create_markdown_artifact(page, key=self.key, description=line)
        )
        self._said, self._said_at = "", 0.0
        self._ledger_at = 0.0
        self._budget = Budgets(workshop, self._name, site.spread())
        self._version: int | None = None
        self._shadow: Shadow | None = None
        if record.policy.shadow:
            places = Places(workshop.settings.home, self._name)
            self._shadow = Shadow(workshop, places, self._name, site.specification())

    def until_its_end(self) -> Outcome:
        """Tick until it ends, and tell how."""
        while not self._record.state.ended:
            began = time.monotonic()
            with self._site.alone():
                # What another run, or a person who aborts, wrote counts.
                found = self._site.record() or self._record
                if found.state.began != self._record.state.began:
                    self._record = _followed(self._record)
                    break
                self._record = self._ticked(found)
                self._site.write(self._record)
            self._show()
            if not self._record.state.ended:
                spent = time.monotonic() - began
                time.sleep(max(0.0, self._record.policy.tick_seconds - spent))
        return self._told()

    def _ticked(self, record: Record) -> Record:
        """Return the record after a tick."""
        if record.state.ended:
            return record
        now, serves = datetime.now(UTC), self._serves(record.state)
        if serves == record.state.candidate.digest:
            after = ended_by(record.state, now, "promoted", "it is the champion already")
            return record.model_copy(update={"state": after})
        moved = "" if serves == record.state.champion.digest else MOVED
        hold = self._budget.hold()
        reading, record = self._site.read(record, now, stop=moved, hold=hold, shadow=self._shadow)
        after = step(record.state, record.policy, reading, now)
        if after.ended == "promoted":
            after = self._promoted(record.state, after)
        return record.model_copy(update={"state": after})

    def _serves(self, state: State) -> str | None:
        """Return the digest of what serves by the ledger, as far as it was looked at of late.

        A ledger that does not answer ends nothing: it is asked again before a promotion.
        """
        if time.monotonic() < self._ledger_at:
            return state.champion.digest
        self._ledger_at = time.monotonic() + LEDGER_SECONDS
        try:
            standing = read_standing(self._workshop.registry, self._name)
        except Exception as error:  # a library's, of a server that is away; it may quote anything
            LOGGER.warning("who serves could not be read: %s", type(error).__name__)
            return state.champion.digest
        return standing.digest

    def _promoted(self, before: State, after: State) -> State:
        """Let the candidate be the champion; the state of one rolled back if that is refused."""
        try:
            registry, keys = self._workshop.registry, self._workshop.keys
            candidate = find_candidate(registry, self._name, after.candidate.version)
            champion = after.champion
            passed = CanaryPassed(
                candidate=candidate.name,
                version=candidate.version,
                digest=candidate.digest,
                champion=ChampionSeen(version=champion.version, digest=champion.digest),
                began=after.began,
                ended=after.tick,
                requests=sum(done.counts.canary.requests for done in after.done),
                shadow=after.shadow.canary.requests,
            )
            page = side_by_side(after, self._record.policy)
            publish_canary(registry, candidate, passed, page, keys)
            release = promote_step(registry, self._name, keys, candidate.version).release
        except PaddockError as error:
            why = f"every phase was passed, and its promotion was refused: {error.what}"
            return ended_by(before, after.tick, "rolled back", why)
        if release:
            LOGGER.info("%s", describe_release(release))
            self._version = release.version
            notify(self._workshop, *release_events(release, self._workshop.settings.mlflow_pages))
        return after

    def _show(self) -> None:
        """Show where it is: the page at each tick, a line where it says something new, or later."""
        state = self._record.state
        said = f"{state.phase} {state.ended} {[(v.metric, v.verdict) for v in state.verdicts]}"
        said += str(bool(self._budget.said))
        line = in_a_line(state)
        if hold := self._budget.said:
            line += f"; it does not go on: {hold}"
        self._say(said, line)
        self._page.show(side_by_side(state, self._record.policy), line)

    def _say(self, said: str, line: str) -> None:
        """Print a line where it says something new, or after a while."""
        now = time.monotonic()
        if said != self._said or now - self._said_at >= LINE_SECONDS:
            self._said, self._said_at = said, now
            LOGGER.info("  %s", line)

    def _told(self) -> Outcome:
        """Say how it ended, to people as well."""
        state = self._record.state
        LOGGER.info("\n%s\n", side_by_side(state, self._record.policy))
        publish_links(served_places(self._workshop, self._name))
        self._tell_of_trouble()
        if self._version is not None and (late := self._site.settle(self._version)):
            notify(
                self._workshop, trouble_event(self._name, late, "see why its pods do not serve it")
            )
        return Outcome(
            ended=state.ended or "",
            why=state.why,
            candidate=state.candidate.version,
            version=self._version,
        )

    def _tell_of_trouble(self) -> None:
        """Tell people if it was taken back."""
        state = self._record.state
        if state.ended == "rolled back":
            of = f"the {self.key} of version {state.candidate.version}"
            what = f"{of} was rolled back: {state.why}"
            remedy = f"`paddock {self.key} status --name {self._name}` shows the arms side by side"
            notify(self._workshop, trouble_event(self._name, what, remedy))


def _followed(record: Record) -> Record:
    """Return the record of one that was ended, and after which another began already."""
    why = "it was ended, and another began"
    state = ended_by(record.state, datetime.now(UTC), "aborted", why)
    return record.model_copy(update={"state": state})


def _announced(record: Record) -> str:
    state, policy = record.state, record.policy
    phases = ", ".join(f"{p.share:g} % for {p.minutes / policy.fast:g} min" for p in policy.phases)
    return (
        f"{STEP} of {state.name}: version {state.candidate.version} beside version "
        f"{state.champion.version}; {phases}, at least; judged by {', '.join(policy.judged)}."
    )
