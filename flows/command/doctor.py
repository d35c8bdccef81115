"""`paddock doctor`: machine, home and servers in one table. Writes nothing, not even a home."""

from __future__ import annotations

from functools import partial

from pydantic import ValidationError

from flows.checking import home, machine, servers
from flows.checking.checks import Check, look_at, table
from flows.workshop.settings import SERVERS, Servers, Settings, lives, read_settings


def examine() -> tuple[str, bool]:
    """Return the table, and whether nothing in it is broken."""
    try:
        settings = _with_servers(read_settings())
    except ValidationError as error:
        checks = [*home.variables(), *_refused(error)]
        return table(checks), False
    looks = [
        ("machine", partial(machine.machine, settings)),
        ("libraries", machine.libraries),
        ("models", partial(machine.models, settings)),
        ("settings", home.variables),
        ("home", partial(home.home, settings)),
        ("databases", partial(home.databases, settings)),
        ("ledger", partial(home.ledger, settings)),
        ("keys", partial(home.keys, settings)),
        ("store", partial(servers.store, settings)),
        ("vectors", partial(servers.vectors, settings)),
        ("MLflow", partial(servers.mlflow, settings)),
        ("Prefect", partial(servers.prefect, settings)),
        ("metrics", partial(servers.metrics, settings)),
    ]
    checks = look_at(looks)
    return table(checks), all(check.state != "broken" for check in checks)


def _with_servers(settings: Settings) -> Settings:
    """Return the settings with the servers that `paddock up` keeps over the home, if it does."""
    try:
        found = Servers.model_validate_json((settings.home / SERVERS).read_bytes())
    except (OSError, ValidationError):
        return settings
    if not lives(found.pid):
        return settings
    return settings.model_copy(
        update={
            "prefect_api_url": settings.prefect_api_url or found.prefect_api_url,
            "mlflow_uri": settings.mlflow_uri or found.mlflow_uri,
        }
    )


def _refused(error: ValidationError) -> list[Check]:
    """Return each setting that cannot be read; its value is not shown."""
    return [
        Check(
            "settings",
            "broken",
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}",
            "correct the variable; docs/production.md lists what each may be",
        )
        for one in error.errors()
    ]
