"""The flow run at hand, as Prefect knows it: who asked for it, and what it is called."""

from __future__ import annotations

from datetime import UTC, datetime
from inspect import signature
from typing import Any

from prefect.context import FlowRunContext

from flows.asking.parameters import GIVEN

OF_DRIFT = "drift"  # the tag of a run that drift started


def is_scheduled() -> bool:
    """Tell whether a schedule of a deployment started the flow run that this is called in.

    What a person asks for and cannot be had is an error. A schedule asks every night, whether there
    is anything to do yet or not: a fresh home that turns red each hour teaches people to look away.
    """
    context = FlowRunContext.get()
    return bool(context and context.flow_run and context.flow_run.auto_scheduled)


def by_itself() -> bool:
    """Tell whether a schedule or drift started the flow run that this is called in."""
    context = FlowRunContext.get()
    tags = set(context.flow_run.tags) if context and context.flow_run else set[str]()
    return is_scheduled() or OF_DRIFT in tags


def run_name() -> str:
    """Return the name of the flow run: which model, what is done, and since when (UTC)."""
    context = FlowRunContext.get()
    if context is None or context.flow is None or context.flow_run is None:
        raise RuntimeError("a run is named within its flow")
    given: Any = (context.parameters or {}).get(GIVEN) or _default(context.flow.fn)
    name = given.get("name", "") if isinstance(given, dict) else getattr(given, "name", "")
    began = context.flow_run.expected_start_time or datetime.now(UTC)
    when = began.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    return " ".join(part for part in (name, context.flow.name, when) if part)


def _default(function: Any) -> Any:
    default = signature(function).parameters[GIVEN].default
    return None if default is signature(function).empty else default
