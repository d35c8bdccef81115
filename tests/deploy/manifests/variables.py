"""Every variable that a manifest sets is one that somebody reads: a mistyped name is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from flows.workshop.settings import Settings, known_variables
from tests.deploy.manifests.cluster import Object, pods

# Read by what is no package of ours, and why.
OTHERS = {
    "AWS_ACCESS_KEY_ID": "S3",
    "AWS_SECRET_ACCESS_KEY": "S3",
    "DO_NOT_TRACK": "libraries that count their users",
    "GX_ANALYTICS_ENABLED": "Great Expectations",
    "HF_HUB_DISABLE_TELEMETRY": "huggingface_hub",
    "HOME": "whoever keeps a cache",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": "MLflow's logins",
    "PGPASSWORD": "every client of PostgreSQL",
    "POOL": "the worker's own command",
    # prefect-kubernetes, which is in the image alone
    "PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_AUTH_STRING_SECRET_NAME": "prefect-kubernetes",
    "PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_AUTH_STRING_SECRET_KEY": "prefect-kubernetes",
    "PREFECT_INTEGRATIONS_KUBERNETES_OBSERVER_NAMESPACES": "prefect-kubernetes",
}
_MLFLOW = ("environment_variables.py", "cli/__init__.py", "utils/cli_args.py")


def unread(objects: list[Object]) -> Iterator[str]:
    """Yield the variables of pods that nobody reads."""
    settings = {
        one["metadata"]["name"]: set(one["data"]) for one in objects if one["kind"] == "ConfigMap"
    }
    for pod in pods(objects):
        for one in pod.containers():
            names = {variable["name"] for variable in one.get("env", [])}
            for source in one.get("envFrom", []):
                names |= settings.get(source.get("configMapRef", {}).get("name", ""), set())
            words = " ".join(map(str, [*one.get("command", []), *one.get("args", [])]))
            names -= {name for name in names if f"$({name})" in words}  # in its command
            yield from (f"{pod.owner}, {one['name']}: {said}" for said in mistyped(names))


def mistyped(names: Iterable[str]) -> Iterator[str]:
    """Yield what is said of names that nobody reads. Files among the settings have a dot."""
    for name in sorted(names):
        if "." not in name and name not in OTHERS and name not in ours() and not _theirs(name):
            yield f"nobody reads the variable {name}"


@cache
def ours() -> frozenset[str]:
    """Return the variables that Paddock's settings read."""
    aliases = [field.validation_alias for field in Settings.model_fields.values()]
    named = {alias for alias in aliases if isinstance(alias, str)}
    return frozenset(known_variables() | named)


@cache
def _theirs(name: str) -> bool:
    if name.startswith("PREFECT_"):
        from prefect import settings

        return hasattr(settings, name)
    return name.startswith("MLFLOW_") and f'"{name}"' in _mlflow_sources()


@cache
def _mlflow_sources() -> str:
    found = find_spec("mlflow")
    assert found is not None and found.origin is not None
    return "".join((Path(found.origin).parent / place).read_text() for place in _MLFLOW)
