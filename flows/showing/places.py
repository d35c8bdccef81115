"""Where the pages are that a run's page leads on to: addresses in Prefect, MLflow and of files.

Needs settings and a Registry; writes nothing. An address is given only of something that is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from data_contracts.records import Frozen
from flows.workshop.settings import Settings
from model_registry.addresses import is_server, without_password
from model_registry.run_log import newest_runs
from model_registry.tracking import Registry

# MLflow 3.17 opens what its visitor looked at last, whatever an experiment is tagged as: on a first
# visit an empty page of traces. An address that says which of its two halves it means is obeyed.
RUNS, TRACES = "workflowType=machine_learning", "workflowType=genai"
MOST_COMPARED = 8  # trainings in one table
REPORT_FILE, DOSSIER_FILE = "report.html", "dossier.html"


class Place(Frozen):
    """A page to go to: its key (of a link artifact), what it is, and its address."""

    key: str
    text: str
    url: str

    @property
    def markdown(self) -> str:
        """Return the place as a Markdown link."""
        return f"[{self.text}]({self.url})"


class Pages:
    """The addresses of one Prefect and one MLflow, without logins; empty where there is no page.

    A server that `paddock up` will run over this home counts: whoever reads an address in Prefect's
    pages has started it.
    """

    def __init__(self, settings: Settings) -> None:
        address = without_password(settings.mlflow_pages)
        self.mlflow = address.rstrip("/") if is_server(address) else ""
        shared = settings.shared_prefect or f"http://{settings.server_host}:{settings.prefect_port}"
        self.prefect = without_password(shared).rstrip("/").removesuffix("/api")
        self.shared = bool(settings.mlflow_uri and settings.shared_prefect)

    @property
    def how_to_open(self) -> str:
        """Return what a person does first; empty where servers answer already."""
        return "" if self.shared else "run `make up` (or `paddock up`), which serves them"

    def run(self, experiment: str, run: str) -> str:
        """Return the page of an MLflow run."""
        return f"{self.mlflow}/#/experiments/{experiment}/runs/{run}?{RUNS}"

    def file(self, experiment: str, run: str, path: str) -> str:
        """Return the page that shows a file of an MLflow run."""
        return f"{self.mlflow}/#/experiments/{experiment}/runs/{run}/artifacts/{path}?{RUNS}"

    def experiment(self, experiment: str) -> str:
        """Return the page of an experiment's runs as a table, the newest first."""
        return f"{self.mlflow}/#/experiments/{experiment}/runs?{RUNS}"

    def charts(self, experiment: str) -> str:
        """Return the page of an experiment's trainings as charts: their scores, then their loss."""
        only = quote("attributes.run_name LIKE 'train%'")
        return f"{self.experiment(experiment)}&compareRunsMode=CHART&searchFilter={only}"

    def compared(self, experiment: str, runs: Sequence[str]) -> str:
        """Return the page of runs side by side: settings and figures as one table."""
        listed = quote(json.dumps(list(runs), separators=(",", ":")))
        of = quote(json.dumps([experiment]))
        return f"{self.mlflow}/#/compare-runs?runs={listed}&experiments={of}&{RUNS}"

    def queues(self, experiment: str) -> str:
        """Return the Review tab of an experiment."""
        return f"{self.mlflow}/#/experiments/{experiment}/review-queue?{TRACES}"

    def version(self, name: str, version: int) -> str:
        """Return the page of a version of a registered model."""
        return f"{self.mlflow}/#/models/{name}/versions/{version}?{RUNS}"

    def model(self, name: str) -> str:
        """Return the page of a registered model."""
        return f"{self.mlflow}/#/models/{name}?{RUNS}"

    def flow_run(self, run: str) -> str:
        """Return the page of a Prefect flow run."""
        return f"{self.prefect}/runs/flow-run/{run}"


def tagged_run(
    registry: Registry, pages: Pages, experiment: str, tag: str, value: str, path: str = ""
) -> str:
    """Return the page of the run that bears a tag, or of a file of it; empty if there is none."""
    found = registry.search_runs(experiment, {tag: value}) if pages.mlflow else []
    if not found:
        return ""
    place, run = str(found[0].info.experiment_id), str(found[0].info.run_id)
    return pages.file(place, run, path) if path else pages.run(place, run)


def newest_trainings(registry: Registry, pages: Pages, name: str, tag: str) -> tuple[Place, ...]:
    """Return the pages that set a model's trainings, which bear the tag, side by side."""
    experiment = registry.find_experiment(name) if pages.mlflow else None
    if experiment is None:
        return ()
    newest = newest_runs(registry, experiment, tag, MOST_COMPARED)
    table = pages.compared(experiment, newest) if len(newest) > 1 else ""
    return given(
        [
            ("trainings", "All trainings: scores and loss as charts", pages.charts(experiment)),
            ("trainings-table", "The newest trainings: settings and scores in one table", table),
        ]
    )


def given(places: Iterable[tuple[str, str, str]]) -> tuple[Place, ...]:
    """Return the places that have an address, of (key, text, address)."""
    return tuple(Place(key=key, text=text, url=url) for key, text, url in places if url)
