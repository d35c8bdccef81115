"""Flow runs, and the workers that take them, as Prefect's API tells.

Needs the settings. Asks some twenty questions, whatever there is: the runs that go on, of each flow
of ours the newest that ended, each pool's workers. OSError where the server does not answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import yaml

from flows.measuring.figures import Figure, figure
from flows.servers.watchdog import ask
from flows.workshop.logins import prefect_login
from flows.workshop.settings import CHECKOUT, Settings

OPEN = ("PENDING", "RUNNING", "CANCELLING")
ENDED = ("COMPLETED", "FAILED", "CRASHED")  # a run that was cancelled says nothing
LATE = "Late"
NEWEST, MOST = 50, 200  # of each flow's runs that ended; Prefect lists no more than 200
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_FILE = CHECKOUT / "deploy" / "prefect.yaml"


class Run(NamedTuple):
    """What is told of a run. Times are seconds since 1970; None: not yet."""

    flow: str
    model: str
    state: str
    expected: float | None
    began: float | None
    ended: float | None
    seconds: float


def flow_runs(settings: Settings) -> Iterator[Figure]:
    """Yield what goes on, what waits, and how the newest run of each flow and model ended."""
    api = settings.shared_prefect.rstrip("/")
    login = prefect_login(settings)
    found = ask(f"{api}/flows/filter", {"flows": {"name": {"any_": list(our_flows())}}}, login)
    names = {str(one["id"]): str(one["name"]) for one in found}

    def runs(wanted: Mapping[str, Any], most: int, sort: str) -> list[Run]:
        body = {"flows": {"id": {"any_": list(names)}}, "limit": most, "sort": sort, **wanted}
        told = ask(f"{api}/flow_runs/filter", body, login) if names else []
        return [_run(one, names[str(one["flow_id"])]) for one in told]

    yield from _going_on(
        [
            *runs(_in_state("type", *OPEN), MOST, "EXPECTED_START_TIME_ASC"),
            *runs(_in_state("name", LATE), MOST, "EXPECTED_START_TIME_ASC"),
        ]
    )
    for identity in names:
        of_one = {"flows": {"id": {"any_": [identity]}}, **_in_state("type", *ENDED)}
        yield from _ended(runs(of_one, NEWEST, "END_TIME_DESC"))
    yield from _workers(api, login)


@cache
def our_flows() -> tuple[str, ...]:
    """Return the flows that deploy/prefect.yaml has: those of the metrics."""
    return tuple(str(one["name"]) for one in yaml.safe_load(_FILE.read_text())["deployments"])


def _in_state(what: str, *values: str) -> dict[str, Any]:
    return {"flow_runs": {"state": {what: {"any_": list(values)}}}}


def _run(told: Mapping[str, Any], flow: str) -> Run:
    name = told["state_name"] if told["state_name"] in (LATE, "Waiting") else told["state_type"]
    return Run(
        flow=flow,
        model=_model(told),
        state=str(name).lower(),
        expected=_seconds(told["expected_start_time"]),
        began=_seconds(told["start_time"]),
        ended=_seconds(told["end_time"]),
        seconds=float(told["total_run_time"]),
    )


def _model(told: Mapping[str, Any]) -> str:
    """Return the model that a run is about; empty where its parameters name none."""
    given = (told.get("parameters") or {}).get("parameters") or {}
    name = given.get("name") if isinstance(given, dict) else None
    if not name:
        return ""
    return name if isinstance(name, str) and _NAME.fullmatch(name) else "other"


def _seconds(at: str | None) -> float | None:
    return datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp() if at else None


def _going_on(runs: list[Run]) -> Iterator[Figure]:
    now = datetime.now(UTC).timestamp()
    counts: dict[tuple[str, str, str], int] = {}
    late: dict[tuple[str, str], float] = {}
    oldest: dict[tuple[str, str], float] = {}
    for run in runs:
        of, state = (run.flow, run.model), (run.flow, run.model, run.state)
        counts[state] = counts.get(state, 0) + 1
        if run.state == LATE.lower() and run.expected:
            late[of] = max(late.get(of, 0.0), now - run.expected)
        elif run.began:
            oldest[of] = max(oldest.get(of, 0.0), now - run.began)
    for (flow, model, state), count in counts.items():
        yield figure("paddock_flow_runs", count, flow=flow, model=model, state=state)
    for name, found in (("late", late), ("age", oldest)):
        for (flow, model), seconds in found.items():
            yield figure(f"paddock_flow_run_{name}_seconds", seconds, flow=flow, model=model)


def _ended(runs: list[Run]) -> Iterator[Figure]:
    """Yield of runs of one flow, the newest first, how each model's last one ended."""
    newest: dict[str, Run] = {}
    good: dict[str, Run] = {}
    for run in runs:
        newest.setdefault(run.model, run)
        if run.state == "completed":
            good.setdefault(run.model, run)
    for model, run in newest.items():
        of = {"flow": run.flow, "model": model}
        yield figure("paddock_flow_last_run_failed", run.state != "completed", **of)
        yield figure("paddock_flow_last_run_seconds", run.seconds, **of)
        if run.ended:
            yield figure("paddock_flow_last_run_timestamp_seconds", run.ended, **of)
    for model, run in good.items():
        if run.ended:
            of = {"flow": run.flow, "model": model}
            yield figure("paddock_flow_last_success_timestamp_seconds", run.ended, **of)


def _workers(api: str, login: str) -> Iterator[Figure]:
    """Yield when a worker of each pool said last that it lives; every thirty seconds one does."""
    for pool in ask(f"{api}/work_pools/filter", {}, login):
        workers = ask(f"{api}/work_pools/{pool['name']}/workers/filter", {}, login)
        heard = [at for one in workers if (at := _seconds(one["last_heartbeat_time"]))]
        if heard:
            name = "paddock_worker_heartbeat_timestamp_seconds"
            yield figure(name, max(heard), pool=pool["name"])
