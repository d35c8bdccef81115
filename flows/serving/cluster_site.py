"""A canary on a cluster, as its ticks see and change it: a route's weights, a Prometheus's counts.

The candidate's pods are a Deployment of yours (`paddock serve --candidate N`); nothing is started
here. Nobody but ticks gives it traffic, and a route has no dead man's switch: `reconcile`, every
five minutes, takes the traffic of whatever has no tick (`take_back_unwatched`). What only an answer
tells (cut, hallucinated, refused) is not counted: each pod's log has it, and no tick reads those.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from data_contracts.errors import InputError, PaddockError
from flows.serving.beside import Fares
from flows.serving.canary_ticks import Record, Site, Totals
from flows.serving.champion import Release
from flows.serving.places import Places
from flows.showing.progress import LOGGER
from flows.workshop.parts import Workshop
from model_registry.candidates import Candidate
from tasks.canary.phases import overdue, rolled_back_if_overdue
from tasks.canary.policy import STEP
from tasks.serving.gateway import arms
from tasks.serving.ports.cluster import Cluster, cluster_of, names_at
from tasks.serving.ports.metrics import PromMetrics
from tasks.serving.ports.route import RouteTraffic
from tasks.serving.specification import Specification, read_specification
from tasks.storage.objects import ObjectStore

LOOK_SECONDS = 5.0


class ClusterSite(Site):
    """The serving of a model on a cluster."""

    def __init__(
        self,
        store: ObjectStore,
        places: Places,
        name: str,
        cluster: Cluster,
        specification: Specification | None = None,
    ) -> None:
        """Read and write the record of `name`, and the route's weights."""
        super().__init__(store, places, name)
        self._cluster, self._specification = cluster, specification
        self._metrics = PromMetrics(cluster.prometheus)
        self._traffic = RouteTraffic(cluster.route)
        self._folder = places.folder
        self._counts = uuid.uuid4().hex  # its counters begin with this process

    @contextmanager
    def alone(self) -> Generator[None]:
        """Let no other process of this home read and write the record meanwhile."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with super().alone():
            yield

    def specification(self) -> Specification:
        """Return what the file says; its log is each pod's own, so nothing of it is counted."""
        if self._specification is None:
            return super().specification()
        log = self._specification.log.model_copy(update={"keep": False})
        return self._specification.model_copy(update={"log": log})

    def spread(self) -> Specification | None:
        """Return what the file says, promises too."""
        return self._specification

    def release(self, workshop: Workshop, candidate: Candidate) -> Release:
        """Return how the candidate's pods call it: whoever answers otherwise is another."""
        return Release(
            version=candidate.version,
            digest=candidate.digest,
            model=Path("-"),
            name=f"{self._name}/{candidate.digest[:16]}",
        )

    def totals(self) -> Totals:
        """Return nothing: what answers tell is counted in each pod."""
        return {}

    def fares(self, digest: str) -> Fares:
        """Return whether the candidate's Service answers with these bytes."""
        name = f"{self._name}/{digest[:16]}"
        ready = name in names_at(self._cluster.addresses["canary"])
        share = (self._traffic.given() or {}).get("canary", 0)
        return Fares(digest=digest, ready=ready, share=share, gateway=self._counts)

    def write(self, record: Record) -> None:
        """Write the weights, then the record: one that ended has no traffic before it says so.

        Weights that cannot be written just now stay as they are, and the next tick writes them;
        PaddockError if they were to be taken away.
        """
        state = record.state
        shares = {of: round(getattr(state.weights, of) * arms.SUM / 100) for of in arms.ARMS}
        if state.ended == "promoted":  # until the champion's own pods serve it: `settle`
            shares = {"baseline": 0, "canary": arms.SUM, "stable": 0}
        elif state.ended:
            shares = {}
        shares.pop("stable", None)
        try:
            self._traffic.give(shares)
        except PaddockError as error:
            if state.ended:
                raise
            LOGGER.warning("the next tick tries again: %s", error)
        self._keep(record)

    def settle(self, version: int) -> str:
        """Give all to the champion's own pods once they serve a promoted version; else say why."""
        name, address = f"{self._name}/{version}", self._cluster.addresses["stable"]
        wait = 300.0 if self._specification is None else self._specification.engine.start_seconds
        end = time.monotonic() + max(300.0, wait)
        while time.monotonic() < end:
            if names_at(address) == {name}:
                self._traffic.give({})
                return ""
            time.sleep(LOOK_SECONDS)
        return (
            f"{address} does not serve {name} yet, so the candidate's pods still have the traffic"
        )


def site_of(
    workshop: Workshop, places: Places, name: str, file: str = "", record: Record | None = None
) -> Site:
    """Return where a canary runs: on a cluster if the file, or the record, says so."""
    if file:
        specification = read_specification(Path(file), name=name)
        if not specification.cluster:
            raise InputError(
                "the file has no table [cluster]",
                step=STEP,
                where=file,
                remedy="leave --file out: beside a serving of this machine it is not needed",
            )
        cluster = cluster_of(specification.cluster, file)
        return ClusterSite(workshop.store, places, name, cluster, specification)
    site = Site(workshop.store, places, name)
    record = record or site.record()
    if record and record.cluster:
        return ClusterSite(workshop.store, places, name, record.cluster)
    return site


def take_back_unwatched(workshop: Workshop, names: list[str], now: datetime) -> list[str]:
    """Take the traffic of canaries on a cluster that nobody ticks; return what was done, in words.

    What cannot be taken is said too: then a person has to.
    """
    said: list[str] = []
    for name in names:
        places = Places(workshop.settings.home, name)
        record = Site(workshop.store, places, name).record()
        if record is None or record.cluster is None:
            continue
        site = ClusterSite(workshop.store, places, name, record.cluster)
        try:
            if overdue(record.state, now):
                state = rolled_back_if_overdue(record.state, now)
                site.write(record.model_copy(update={"state": state}))
                said.append(f"the canary of {name} gets no more traffic: {state.why}")
        except PaddockError as error:
            LOGGER.warning("%s", error)
            said.append(f"the canary of {name} is not watched, and keeps its traffic: {error.what}")
    return said
