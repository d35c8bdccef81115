"""Who a client of an MLflow server logs in as, and whom the server takes it for.

Needs an address, and a login where the server asks for one. A password stays out of every address,
so that no error of a library can quote it. Writes nothing.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from pydantic import SecretStr

from data_contracts.errors import PaddockError
from data_contracts.records import Frozen

STEP = "registry"
WHO = "/api/2.0/mlflow/users/current"


class Login(Frozen):
    """An account and its password."""

    name: str
    password: SecretStr

    @property
    def header(self) -> str:
        """Return the value of the HTTP header `Authorization`."""
        pair = f"{self.name}:{self.password.get_secret_value()}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


def split_login(uri: str) -> tuple[str, Login | None]:
    """Return an address without the login that it may hold, and that login."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or not parts.username:
        return uri, None
    secret = SecretStr(unquote(parts.password or ""))
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return bare, Login(name=unquote(parts.username), password=secret)


def account_of(uri: str, login: Login | None) -> str:
    """Return the account that a server takes a client for; empty where it knows no accounts.

    Without a login, the one that MLflow's own variables give is tried. PaddockError where the
    server asks for another.
    """
    from mlflow.utils.rest_utils import http_request

    answer: Any = http_request(
        _credentials(uri, login), WHO, "GET", max_retries=2, raise_on_status=False, timeout=30
    )
    if answer.status_code in (401, 403):
        said = f"does not accept the password of {login.name}" if login else "asks for a login"
        raise PaddockError(
            f"the MLflow server {said}",
            step=STEP,
            where=uri,
            remedy="give MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD; where `paddock up`"
            " runs, use its home, whose accounts.toml holds the passwords",
        )
    try:
        return str(answer.json()["user"]["username"]) if answer.status_code == 200 else ""
    except (ValueError, KeyError, TypeError):  # a page: no MLflow with accounts says so
        return ""


def clients(uri: str, login: Login | None) -> tuple[Any, Any]:
    """Return MLflow's client for runs and versions, and its store for traces and queues.

    MLflow reads a login from the environment alone, one for the whole process. With a login given,
    the stores that it would make are made here, with that login.
    """
    from mlflow import MlflowClient
    from mlflow.tracing.client import TracingClient

    client: Any = MlflowClient(uri, registry_uri=uri)
    if login is None:
        return client, TracingClient(uri).store
    from mlflow.store.model_registry.rest_store import RestStore as ModelStore
    from mlflow.store.tracking.rest_store import RestStore
    from mlflow.tracking._model_registry.client import ModelRegistryClient
    from mlflow.tracking._tracking_service.client import TrackingServiceClient

    credentials = _credentials(uri, login)
    runs, models = RestStore(lambda: credentials), ModelStore(lambda: credentials)
    # Where MlflowClient (3.17.2) keeps the clients that it hands everything on to.
    vars(client).update(
        _tracking_client=_with_store(TrackingServiceClient, runs, tracking_uri=uri),
        _tracing_client=_with_store(TracingClient, runs, tracking_uri=uri),
        _registry_client_lazy=_with_store(
            ModelRegistryClient, models, tracking_uri=uri, registry_uri=uri
        ),
    )
    return client, runs


def _credentials(uri: str, login: Login | None) -> Any:
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import MlflowHostCreds

    if login is None:
        return get_default_host_creds(uri)
    usual = get_default_host_creds(uri)  # how it trusts a server is set by the environment alone
    return MlflowHostCreds(
        uri,
        username=login.name,
        password=login.password.get_secret_value(),
        ignore_tls_verification=usual.ignore_tls_verification,
        client_cert_path=usual.client_cert_path,
        server_cert_path=usual.server_cert_path,
    )


def _with_store(kind: type[Any], store: Any, **addresses: str) -> Any:
    """Return a client of a class of MLflow's that works on a store of ours."""
    made = type(kind.__name__, (kind,), {"store": store})
    found = object.__new__(made)
    found.__dict__.update(addresses)
    return found


def with_login(uri: str, login: Login | None) -> str:
    """Return an address that holds a login, for what reads it nowhere else: never to be shown."""
    if login is None:
        return uri
    scheme, _, rest = uri.partition("://")
    name, password = (quote(p, safe="") for p in (login.name, login.password.get_secret_value()))
    return f"{scheme}://{name}:{password}@{rest}"
