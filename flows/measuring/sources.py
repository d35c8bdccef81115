"""The sources of a home's metrics, each with how long a reading of it is good.

A new source is a line here and a module beside it. Needs the settings; opens store and ledger.
"""

from __future__ import annotations

from collections.abc import Iterator

from flows.measuring.budgets import budgets
from flows.measuring.collecting import Source
from flows.measuring.drift_looks import drift_looks
from flows.measuring.flow_runs import flow_runs
from flows.measuring.indexes import indexes
from flows.measuring.log_days import LogDays
from flows.measuring.machine import disk, gpus, server
from flows.measuring.people import people
from flows.measuring.promises import Promised
from flows.measuring.releases import registry, releases
from flows.measuring.routers import routers
from flows.measuring.run_records import RunRecords
from flows.workshop.logins import is_server
from flows.workshop.settings import Settings
from model_registry.ledger.book import Ledger
from tasks.storage.objects import open_briefly
from tasks.storage.outputs import Outputs

ANSWER_SECONDS = 5.0  # of a store that is not on this machine


def sources_of(settings: Settings) -> list[Source]:
    """Return where figures come from: the servers are asked where there are some."""
    store = open_briefly(settings.store_uri, settings.s3_endpoint_url, ANSWER_SECONDS)
    outputs = Outputs(store, settings.home / "work")
    ledger = Ledger(settings.ledger_uri)
    found = [
        Source("disk", 10, lambda: disk(settings)),
        Source("gpus", 10, gpus),
        Source("ledger", 15, lambda: releases(ledger)),
        Source("registry", 15, lambda: registry(store)),
        Source("runs", 30, RunRecords(store).figures),
        Source("budgets", 60, lambda: budgets(outputs)),
        Source("drift", 30, lambda: drift_looks(store, ledger.names())),
        Source("log", 60, LogDays(store).figures),
        Source("routers", 15, lambda: routers(settings.home)),
        Source("indexes", 60, lambda: indexes(store, ledger.names())),
        Source("serving", 10, Promised(settings.home, store).figures),
    ]
    return [*found, *_of_prefect(settings), *_of_mlflow(settings)]


def _of_prefect(settings: Settings) -> Iterator[Source]:
    if api := settings.shared_prefect.rstrip("/"):
        yield Source("prefect server", 10, lambda: server("prefect", f"{api}/health"))
        yield Source("flows", 30, lambda: flow_runs(settings))


def _of_mlflow(settings: Settings) -> Iterator[Source]:
    if is_server(settings):
        address = f"{settings.mlflow_uri.rstrip('/')}/health"
        yield Source("mlflow server", 10, lambda: server("mlflow", address))
        yield Source("people", 30, lambda: people(settings))
