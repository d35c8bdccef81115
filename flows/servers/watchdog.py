"""Marks runs whose process died: the automation that a Prefect server of one's own lacks.

A run sends heartbeats; where they stop without an end, the run is Crashed and its concurrency slot
is free again. Needs PREFECT_FLOWS_HEARTBEAT_FREQUENCY on the workers (settings.py sets it).
After https://docs.prefect.io/v3/advanced/detect-zombie-flows.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

NAME = "Crash runs whose heartbeats stopped"
SILENCE = timedelta(seconds=90)


def ensure_watchdog() -> None:
    """Create the automation, unless the server has it."""
    from prefect.automations import Automation as PrefectAutomation
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification

    # Prefect's methods are sync or async by where they are called, which no type says.
    Automation: Any = PrefectAutomation  # noqa: N806
    crash: Any = ChangeFlowRunState
    try:
        Automation.read(name=NAME)
        return
    except ValueError:
        pass  # that is how Prefect says there is none
    heartbeat = "prefect.flow-run.heartbeat"
    ends = {f"prefect.flow-run.{s}" for s in ("Completed", "Failed", "Cancelled", "Crashed")}
    Automation(
        name=NAME,
        trigger=EventTrigger(
            after={heartbeat},
            expect={heartbeat, *ends},
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            crash(state=StateType.CRASHED, message="its heartbeats stopped: the process is gone")
        ],
    ).create()
