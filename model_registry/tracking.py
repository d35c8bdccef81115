"""The door to MLflow: experiments, runs, artifacts and the clients every other file here uses.

Needs an MLflow tracking address: `sqlite:///…` (no server) or `http://…`. It holds its own
clients and leaves MLflow's process-wide tracking address alone. Writes to MLflow only.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

from data_contracts.errors import ContractError, InputError
from model_registry.addresses import is_server, probe, without_password
from model_registry.artifacts import STEP, Artifacts, elsewhere
from model_registry.ledger.book import Ledger, ledger_beside
from model_registry.logins import Login, account_of, clients, split_login, with_login

# What MLflow's web pages read to show the Review and Traces tabs from the first visit.
_REVIEWABLE = {"mlflow.experimentKind": "genai_development"}
_TRAINING = {"mlflow.experimentKind": "custom_model_development"}
_PARAMETER_LENGTH = 6000
_TAG_LENGTH = 5000


class Registry:
    """An MLflow server or database: `client` for runs and versions, `store` for traces and queues.

    `artifacts` is where new experiments keep their files (`file:///…`, `s3://…`); None leaves it
    to the server. A database and a server over it must be given the same place. `login` is whom to
    log in as; None leaves it to what MLflow reads in the environment. `ledger` is the address of
    the release ledger; None is the one beside an SQLite database.
    """

    def __init__(
        self,
        uri: str,
        artifacts: str | None = None,
        login: Login | None = None,
        *,
        ledger: str | None = None,
    ) -> None:
        self.uri, self._login = uri, login
        self._artifacts = Artifacts(with_login(uri, login), artifacts)
        self._ledger = Ledger(ledger) if ledger else ledger_beside(uri)
        self.client: Any
        self.store: Any
        self.client, self.store = clients(uri, login)

    @cached_property
    def account(self) -> str:
        """Return the account that the server takes this for; empty where it knows no accounts.

        A database knows none: whoever can read it can write it.
        """
        return account_of(self.uri, self._login) if is_server(self.uri) else ""

    @property
    def ledger(self) -> Ledger:
        """Return the release ledger; ContractError where this registry was opened without one."""
        if self._ledger is None:
            raise ContractError(
                "nobody said where the release ledger is",
                step=STEP,
                where=without_password(self.uri),
                remedy="give PADDOCK_LEDGER its address",
            )
        return self._ledger

    def experiment(self, name: str, *, reviewable: bool = False) -> str:
        """Return the id of an experiment, creating it if there is none.

        A reviewable one holds traces and review queues rather than runs.
        """
        found = self.find_experiment(name)
        if found is not None:
            return found
        place = self._artifacts.place_for(name)
        tags = _REVIEWABLE if reviewable else _TRAINING
        try:
            return str(self.client.create_experiment(name, artifact_location=place, tags=tags))
        except Exception as error:
            if error_code(error) != "RESOURCE_ALREADY_EXISTS":
                raise
            return str(self.client.get_experiment_by_name(name).experiment_id)

    def find_experiment(self, name: str) -> str | None:
        """Return the id of an experiment, or None; ContractError if somebody deleted it."""
        found = self.client.get_experiment_by_name(name)
        if found is None:
            return None
        if found.lifecycle_stage != "active":
            uri = without_password(self.uri)
            raise ContractError(
                f"the experiment {name} was deleted: restore it",
                step=STEP,
                where=uri,
                remedy=f"MLFLOW_TRACKING_URI={uri} mlflow experiments restore "
                f"--experiment-id {found.experiment_id}",
            )
        return str(found.experiment_id)

    def require_files(self, name: str) -> None:
        """Return if an experiment of this name can keep files where it says, or there is none.

        ContractError if it was deleted, or keeps them in a folder that is not there.
        """
        if self.find_experiment(name) is not None:
            location = str(self.client.get_experiment_by_name(name).artifact_location)
            if self._artifacts.lost_experiment(location):
                raise elsewhere(location)

    def find_runs(self, experiment: str, tags: Mapping[str, str]) -> list[str]:
        """Return the ids of the runs that bear every tag, oldest first."""
        return [str(run.info.run_id) for run in self.search_runs(experiment, tags)]

    def search_runs(
        self, experiment: str, tags: Mapping[str, str], *, deleted: bool = False
    ) -> list[Any]:
        """Return MLflow's runs that bear every tag, oldest first; with `deleted`, those as well."""
        from mlflow.entities import ViewType

        place = self.find_experiment(experiment)
        if place is None:
            return []
        query = {
            "experiment_ids": [place],
            "filter_string": " and ".join(
                f"tags.`{key}` = '{quoted(value)}'" for key, value in tags.items()
            ),
            "run_view_type": ViewType.ALL if deleted else ViewType.ACTIVE_ONLY,
            "order_by": ["attributes.start_time ASC"],
        }
        page = self.client.search_runs(**query)
        found = list(page)
        while page.token:
            page = self.client.search_runs(**query, page_token=page.token)
            found += page
        return found

    def start_run(self, experiment: str, name: str, tags: Mapping[str, str]) -> str:
        """Start a run and return its id."""
        run = self.client.create_run(
            self.experiment(experiment), run_name=name, tags=_shortened(tags, _TAG_LENGTH)
        )
        return str(run.info.run_id)

    def ensure_run(self, experiment: str, name: str, tags: Mapping[str, str]) -> str:
        """Return the first run that bears every tag, starting one if there is none.

        One that had ended goes on: it is marked as running again.
        """
        found = self.find_runs(experiment, tags)
        if not found:
            return self.start_run(experiment, name, tags)
        if self.run_status(found[0]) != "RUNNING":
            from mlflow.entities import RunStatus

            self.store.update_run_info(found[0], RunStatus.RUNNING, None, None)
        return found[0]

    def finish_run(self, run: str, *, failed: bool = False) -> None:
        """Mark a run finished or failed."""
        from mlflow.entities import RunStatus

        # Not the client's set_terminated, which prints the run's address to standard output.
        status = RunStatus.FAILED if failed else RunStatus.FINISHED
        self.store.update_run_info(run, status, int(time.time() * 1000), None)

    def run_status(self, run: str) -> str:
        """Return RUNNING, FINISHED, FAILED or another of MLflow's words."""
        return str(self.client.get_run(run).info.status)

    def run_started(self, run: str) -> float:
        """Return when a run was started first, in seconds since the epoch."""
        return float(self.client.get_run(run).info.start_time) / 1000

    def tag_run(self, run: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run."""
        from mlflow.entities import RunTag

        entries = [RunTag(key, value) for key, value in _shortened(tags, _TAG_LENGTH).items()]
        self.client.log_batch(run, tags=entries)

    def log_parameters(self, run: str, parameters: Mapping[str, Any]) -> None:
        """Record parameters that a run has not yet; a value too long for MLflow is cut."""
        from mlflow.entities import Param

        known = self.client.get_run(run).data.params  # MLflow never changes one
        texts = {key: str(value) for key, value in parameters.items() if key not in known}
        texts = _shortened(texts)
        entries = [Param(key, value) for key, value in texts.items()]
        for start in range(0, len(entries), 100):
            self.client.log_batch(run, params=entries[start : start + 100])

    def log_metrics(self, run: str, metrics: Mapping[str, float], step: int = 0) -> None:
        """Record figures of one step, as they arrive."""
        self.log_points(run, [(time.time(), step, metrics)])

    def log_points(
        self, run: str, points: Sequence[tuple[float, int, Mapping[str, float]]]
    ) -> None:
        """Record figures of many steps: (seconds since the epoch, step, figures) each.

        What MLflow holds already, to the same millisecond, it holds once.
        """
        from mlflow.entities import Metric

        entries = [
            Metric(key, float(value), int(at * 1000), step)
            for at, step, metrics in points
            for key, value in metrics.items()
        ]
        for start in range(0, len(entries), 1000):
            self.client.log_batch(run, metrics=entries[start : start + 1000])

    def upload(self, run: str, source: Path, place: str | None = None) -> None:
        """Store a file, or the content of a folder, below a run's artifacts."""
        self._artifacts.upload(self.artifact_uri(run), source, place)

    def artifact_uri(self, run: str, place: str = "") -> str:
        """Return the address of a run's artifacts, or of something below them."""
        return f"{self.client.get_run(run).info.artifact_uri}/{place}".rstrip("/")

    def downloaded(self, uri: str, beside: Path | None = None) -> AbstractContextManager[Path]:
        """Give a private copy of a folder of artifacts, gone afterwards unless it was moved away.

        It lies in the folder of `beside`, if that is given. IntegrityError if it cannot be read.
        """
        return self._artifacts.downloaded(uri, beside)

    def folder_at(self, uri: str) -> Path | None:
        """Return the folder of this machine that an address of artifacts is; None of another."""
        return self._artifacts.folder(uri)

    def folder_for(self, run: str, place: str) -> Path | None:
        """Return the folder of this machine that a place below a run's artifacts is, or will be.

        ContractError if it is a folder of another machine or time.
        """
        return self._artifacts.folder_to_write(self.artifact_uri(run, place))

    def names_at(self, uri: str) -> list[str]:
        """Return the names directly below an address of artifacts, sorted."""
        return self._artifacts.names(uri)


def open_registry(
    uri: str,
    artifacts: str | None = None,
    login: Login | None = None,
    *,
    ledger: str | None = None,
    patience: float = 0.0,
) -> Registry:
    """Open the registry at an address, which may hold a login.

    PaddockError if no server answers there for so many seconds (one that ended is started again),
    or it does not take the login; InputError for an address that is neither a database nor a
    server.
    """
    uri, given = split_login(uri)
    if is_server(uri):
        probe(uri, patience)
    elif "://" not in uri:
        raise InputError(
            "the MLflow address is neither a database nor a server",
            step=STEP,
            where=without_password(uri),
            remedy="give sqlite:///PATH, postgresql://… or http://…",
        )
    # A database that is new, or older than this MLflow, logs a line a migration.
    for name in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(name).setLevel(logging.WARNING)
    registry = Registry(uri, artifacts, login or given, ledger=ledger)
    _ = registry.account  # a wrong password is said now
    return registry


def error_code(error: Exception) -> str:
    """Return MLflow's code of an error, such as RESOURCE_DOES_NOT_EXIST, or an empty string."""
    return str(getattr(error, "error_code", ""))


def _shortened(texts: Mapping[str, str], length: int = _PARAMETER_LENGTH) -> dict[str, str]:
    return {key: value[:length] for key, value in texts.items()}


def quoted(value: str) -> str:
    """Return a value fit to stand between quotes in an MLflow filter; InputError otherwise."""
    if "'" in value or "\\" in value:
        raise InputError("a name may not hold quotes", step=STEP, remedy="choose another name")
    return value
