"""Runs of a model that failed or crashed, as a Prefect server keeps them. Writes nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

_FAILED = ("FAILED", "CRASHED")
_PAGE = 200  # what the server gives at once at the most


def failed_runs(name: str, since: datetime, until: datetime) -> list[tuple[str, Any]]:
    """Return the runs of a model's deployments that began in a time and failed, the first first.

    Each with its flow's name: one that died before it began has a name of Prefect's own making.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterStartTime,
        FlowRunFilterState,
        FlowRunFilterStateType,
        FlowRunFilterTags,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    wanted = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[f"model:{name}"]),
        state=FlowRunFilterState(
            type=FlowRunFilterStateType(any_=[StateType(state) for state in _FAILED])
        ),
        start_time=FlowRunFilterStartTime.model_validate({"after_": since, "before_": until}),
    )
    found: list[Any] = []
    with get_client(sync_client=True) as client:
        while True:
            page = client.read_flow_runs(
                flow_run_filter=wanted,
                sort=FlowRunSort.START_TIME_ASC,
                limit=_PAGE,
                offset=len(found),
            )
            found += page
            if len(page) < _PAGE:
                flows = {one: client.read_flow(one).name for one in {run.flow_id for run in found}}
                return [(flows[run.flow_id], run) for run in found]
