"""Turns: one retraining of a model at a time, and one model that trains or is asked on a machine.

Prefect's global concurrency limits on a server that several share; without one there is nobody to
wait for. A limit is made with one slot where it is missing; what people set in Prefect stays. A
slot is leased: that of a killed run is free again after LEASE_SECONDS.
"""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.client.schemas.objects import FlowRun
from prefect.concurrency.sync import concurrency
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.states import Running

from flows.asking.flow_runs import is_scheduled
from flows.showing.progress import LOGGER
from flows.workshop.settings import Settings

LEASE_SECONDS = 120
RACE_SECONDS, LOOK_SECONDS = 5.0, 2.0
TAKES_TURNS = ("retrain", "finetune", "evaluate", "batch")
USES_STORE = (*TAKES_TURNS, "augment", "ingest", "review", "monitor_drift", "compact_log")
WAITING = "Waiting"  # the name of the state, which Prefect's pages show


@contextmanager
def turn(settings: Settings, model: str = "") -> Generator[str]:
    """Hold this machine's slot, and that of a model's retraining if it is named.

    Waits for them, and says in the log and in the run's state for whom. Gives nothing; or, where a
    schedule started the run and the same model is retrained already, why there is nothing to do.
    """
    if not settings.shared_prefect:
        yield ""
        return
    machine = f"machine-{re.sub(r'[^A-Za-z0-9_.-]', '-', platform.node()) or 'here'}"
    limits = [machine, *([f"retrain-{model}"] if model else [])]
    with get_client(sync_client=True) as client, ExitStack() as stack:
        for limit in limits:
            _make_limit(client, limit)
        if not _taken(client, stack, limits):
            before = _who(client)
            if model and is_scheduled() and _is_full(client, limits[-1]):
                yield f"Not started: {model} is being retrained already ({before})."
                return
            LOGGER.info("  waits for its turn: %s", before)
            _set_state(client, WAITING, f"for {before}")
            while not _taken(client, stack, limits):
                time.sleep(LOOK_SECONDS)
            LOGGER.info("  its turn")
            _set_state(client, None, "it is its turn")
        yield ""


def _make_limit(client: SyncPrefectClient, name: str) -> None:
    with suppress(ObjectAlreadyExists):
        try:
            client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=1))


def _is_full(client: SyncPrefectClient, name: str) -> bool:
    limit = client.read_global_concurrency_limit_by_name(name)
    return limit.active_slots >= limit.limit


def _taken(client: SyncPrefectClient, stack: ExitStack, limits: Sequence[str]) -> bool:
    """Take a slot of each, all at once; False where one is not free.

    Looks before it asks: what Prefect refuses it also logs as an error, and the pause that it then
    asks for grows with how long slots were held.
    """
    if any(_is_full(client, name) for name in limits):
        return False
    slots: Any = concurrency(
        list(limits), timeout_seconds=RACE_SECONDS, lease_duration=LEASE_SECONDS, strict=True
    )
    try:
        stack.enter_context(slots)
    except TimeoutError:
        return False  # another was first
    return True


def others_at_work(settings: Settings) -> list[str]:
    """Return the names of the other runs that go on and read or write what stages have made."""
    if not settings.shared_prefect:
        return []
    with get_client(sync_client=True) as client:
        return [run.name for run in _going(client, USES_STORE, "Running", WAITING)]


def _who(client: SyncPrefectClient) -> str:
    """Name the runs whose turn it is, as far as Prefect's runs tell."""
    named = [
        f"{run.name}, since {run.start_time.astimezone(UTC):%H:%M} UTC"
        for run in _going(client, TAKES_TURNS, "Running")
        if run.start_time
    ]
    return "; ".join(named) or f"a run that ended unseen, for {LEASE_SECONDS} s at most"


def _going(client: SyncPrefectClient, flows: Sequence[str], *states: str) -> list[FlowRun]:
    """Return the runs of these flows, but for the one at hand, that are in one of these states."""
    going = client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=list(flows))),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(name=FlowRunFilterStateName(any_=list(states)))
        ),
    )
    context = FlowRunContext.get()
    own = context.flow_run.id if context and context.flow_run else None
    return [run for run in going if run.id != own]


def _set_state(client: SyncPrefectClient, name: str | None, message: str) -> None:
    context = FlowRunContext.get()
    if context and context.flow_run:
        state = Running(name=name, message=message) if name else Running(message=message)
        client.set_flow_run_state(context.flow_run.id, state, force=True)
