"""A canary on this machine, tick by tick: what is counted is read, judged, and acted on.

The record of a canary is one small object of the store. A tick reads it, takes what the gateway and
the log's writer counted, writes it again, and says to the keeper of the serving who is to get how
much of the traffic. So a worker that is killed loses nothing, and where nobody ticks the keeper
takes the traffic away. Needs a serving of this home that runs.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

from pydantic import Field, ValidationError

from data_contracts.errors import InputError, PaddockError
from data_contracts.records import Frozen
from flows.serving.beside import Fares, Wanted
from flows.serving.champion import Release, candidate_to_serve
from flows.serving.places import Places, put
from flows.showing.progress import LOGGER
from flows.workshop.parts import Workshop
from model_registry.candidates import Candidate
from tasks.canary.arms import Arms, Reading, Scraped
from tasks.canary.phases import State
from tasks.canary.policy import STEP, CanaryPolicy
from tasks.experiment.judge import Experiment
from tasks.serving.gateway import arms
from tasks.serving.gateway.scraped import EDGES, Counted, Page
from tasks.serving.ports.cluster import Cluster
from tasks.serving.ports.metrics import Metrics, ScrapedMetrics
from tasks.serving.specification import Specification
from tasks.storage.objects import ObjectStore

# What the log's rows call an arm.
ROWS_OF = {"baseline": "baseline", "stable": "champion", "canary": "canary"}
END = {"canary": "canary abort", "experiment": "experiment stop"}  # what a person types
_JUDGED = ("judged", "refused", "hallucinated")
Totals = dict[str, dict[str, int]]


class Record(Frozen):
    """All that a tick needs of the tick before.

    `since` are the log's totals by arm when the canary began, and `of_gateway` those when the
    gateway that counts now was first read: its counters begin at 0 when it starts again.
    `experiment` is what an experiment asks and saw; None of a canary. `cluster` is where it runs,
    None: on this machine. `salt` says how its users are drawn, and stays when it ended.
    """

    state: State
    policy: CanaryPolicy
    release: Release
    since: Totals = Field(default_factory=dict)
    gateway: str = ""
    of_gateway: Totals = Field(default_factory=dict)
    experiment: Experiment | None = None
    cluster: Cluster | None = None
    salt: int = Field(default=0, ge=0, lt=arms.SALTS)


class Shadows(Protocol):
    """Counts what came of recorded requests."""

    def told(self, state: State, policy: CanaryPolicy, fares: Fares | None) -> Arms:
        """Return the counts so far."""
        ...


def kind_of(record: Record) -> str:
    """Return whose record it is: a canary's or an experiment's. Both steer the same traffic."""
    return "experiment" if record.experiment else "canary"


class Site:
    """The serving of a model on this machine, as a canary's ticks see and change it."""

    def __init__(self, store: ObjectStore, places: Places, name: str) -> None:
        """Read and write the record of `name`, and the files of its serving."""
        self._store, self._places, self._name = store, places, name
        self._metrics: Metrics = ScrapedMetrics(places.socket)

    @property
    def _key(self) -> str:
        return f"canary/{self._name}.json"

    def record(self) -> Record | None:
        """Return the newest canary's record; None if there never was one."""
        if not self._store.exists(self._key):
            return None
        try:
            return Record.model_validate_json(self._store.read(self._key))
        except ValidationError as error:
            raise PaddockError(
                "the record of the canary cannot be read",
                step=STEP,
                where=self._key,
                remedy="delete it in the store and start the canary again: the keeper gives it no "
                "traffic meanwhile",
            ) from error

    def write(self, record: Record) -> None:
        """Keep a record, and say to the keeper what follows from it."""
        self._keep(record)
        state = record.state
        if state.ended and state.ended != "promoted":
            self._places.wanted_canary.unlink(missing_ok=True)
            return
        # One that is promoted keeps its share until the keeper has the new champion serve.
        shares = {of: round(getattr(state.weights, of) * arms.SUM / 100) for of in arms.ARMS}
        wanted = Wanted(
            release=record.release,
            baseline=shares["baseline"],
            canary=shares["canary"],
            salt=record.salt,
            tick=state.tick,
        )
        put(self._places.wanted_canary, json.loads(wanted.model_dump_json()))

    def _keep(self, record: Record) -> None:
        self._store.write(self._key, record.model_dump_json(indent=1).encode())

    def release(self, workshop: Workshop, candidate: Candidate) -> Release:
        """Return a candidate as the keeper's engines are to serve it; every byte is verified."""
        folder = self._places.folder
        say = LOGGER.warning
        return candidate_to_serve(workshop, self.specification(), folder, candidate, say)

    def settle(self, version: int) -> str:
        """Return why a promoted version does not have all traffic yet: the keeper gives it."""
        return ""

    @contextmanager
    def alone(self) -> Generator[None]:
        """Let no other process of this machine read and write the record meanwhile."""
        file = os.open(self._places.folder / "canary.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)

    def specification(self) -> Specification:
        """Return how the model is served now; InputError if no serving of this home runs."""
        try:
            json.loads(self._places.state.read_text("utf-8"))
            return Specification.model_validate_json(self._places.specification.read_bytes())
        except (OSError, ValueError) as error:
            raise InputError(
                "nothing serves it from this home: a canary stands beside what is served",
                step=STEP,
                where=self._name,
                remedy=f"start `paddock serve --name {self._name}` on this machine first, with the "
                "same PADDOCK_HOME",
            ) from error

    def spread(self) -> Specification | None:
        """Return how it is served where arms are spread over a cluster; None on this machine."""
        return None

    def totals(self) -> Totals:
        """Return what the log's writer counted so far, by the log's names of the arms."""
        try:
            found: dict[str, dict[str, Any]] = json.loads(self._places.arms.read_text("utf-8"))
            return {arm: {k: int(v) for k, v in counts.items()} for arm, counts in found.items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def fares(self, digest: str) -> Fares | None:
        """Return how a candidate's engines fare; None if nobody says."""
        try:
            fares = Fares.model_validate_json(self._places.seen_canary.read_bytes())
        except (OSError, ValidationError):
            return None
        return fares if fares.digest == digest else None

    def read(
        self, record: Record, now: datetime, *, stop: str, hold: str, shadow: Shadows | None = None
    ) -> tuple[Reading, Record]:
        """Return what is known now, and the record that remembers which gateway counted it."""
        fares = self.fares(record.state.candidate.digest)
        page, totals = self._metrics.read(), self.totals()
        gateway = fares.gateway if fares else record.gateway
        if gateway != record.gateway:
            record = record.model_copy(update={"gateway": gateway, "of_gateway": totals})
        return Reading(
            at=now,
            healthy=fares.ready if fares else None,
            edges=EDGES,
            gateway=gateway,
            stop=stop or (fares.why if fares else ""),
            hold=hold,
            shadow=shadow.told(record.state, record.policy, fares) if shadow else None,
            **_scraped(page, totals, record),
        ), record


def _scraped(page: Page | None, totals: Totals, record: Record) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for arm, rows in ROWS_OF.items():
        judged: dict[str, Any] = {of: _less(totals, record.since, rows, of) for of in _JUDGED}
        if page is None:
            found[arm] = Scraped(**judged)
            continue
        counted: Counted = page.arms[arm]
        truncated = _less(totals, record.of_gateway, rows, "truncated")
        found[arm] = Scraped(
            requests=counted.requests,
            errors=counted.errors,
            # A row comes later than its request, and one of before the gateway may come after it.
            truncated=min(truncated, counted.requests),
            latency=counted.waits,
            **judged,
        )
    return found


def _less(totals: Totals, before: Totals, rows: str, of: str) -> int:
    return totals.get(rows, {}).get(of, 0) - before.get(rows, {}).get(of, 0)
