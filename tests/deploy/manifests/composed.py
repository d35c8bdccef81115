"""deploy/compose/compose.yaml: against the specification's own schema, and what we ask of it.

compose-spec.json is the Compose Specification's (github.com/compose-spec/compose-spec, revision
170098b, Apache-2.0), kept here since no package has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator

from tests.deploy.manifests.cluster import CHECKOUT
from tests.deploy.manifests.rules import LOGIN, PINNED, SECRET
from tests.deploy.manifests.variables import mistyped

FILE = CHECKOUT / "deploy/compose/compose.yaml"
PAGE = CHECKOUT / "docs/production.md"
_SCHEMA = Path(__file__).with_name("compose-spec.json")
_PLACE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
# Read by the image of PostgreSQL and by databases.sh, and by the health checks here.
_OTHERS = {
    "POSTGRES_PASSWORD",
    "PREFECT_DATABASE_PASSWORD",
    "MLFLOW_DATABASE_PASSWORD",
    "LEDGER_DATABASE_PASSWORD",
    "HEALTH",
}
Service = dict[str, Any]


def read(file: Path = FILE) -> dict[str, Any]:
    """Return the file as YAML has it, its anchors resolved and its places not filled."""
    return yaml.safe_load(file.read_text())


def wanted(text: str) -> set[str]:
    """Return the variables without which compose refuses to start."""
    return {name for name, kind, _ in _PLACE.findall(text) if kind == "?"}


def against_compose(given: Mapping[str, Any], page: Path = PAGE) -> Iterator[str]:
    """Yield what is wrong in a compose file."""
    validator = Draft7Validator(json.loads(_SCHEMA.read_text()))
    for error in validator.iter_errors(given):
        yield f"compose: {'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"
    for name, service in given["services"].items():
        for rule in _RULES:
            yield from (f"compose: {name}: {said}" for said in rule(service))
    yield from (f"compose: {said}" for said in _names(given))
    made = set(re.findall(r"\b[A-Z][A-Z0-9_]{3,}\b", page.read_text()))
    for name in sorted(wanted(json.dumps(given)) - made):
        yield f"compose: docs/production.md does not say how {name} is made"


def _is_narrow(one: Service) -> Iterator[str]:
    if one.get("read_only") is not True:
        yield "its root file system can be written"
    if one.get("cap_drop") != ["ALL"] or one.get("cap_add") or one.get("privileged"):
        yield "it keeps capabilities"
    if "no-new-privileges:true" not in one.get("security_opt", []):
        yield "it may gain rights"
    if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", one.get("user", "")):
        yield "it does not say a user that is not root, as a number"
    if one.get("network_mode") == "host" or one.get("pid") == "host":
        yield "it shares its host's network or processes"


def _is_bounded(one: Service) -> Iterator[str]:
    limits = one.get("deploy", {}).get("resources", {}).get("limits", {})
    if not {"cpus", "memory"} <= limits.keys():
        yield "deploy.resources.limits lacks cpus or memory"
    if not PINNED.fullmatch(_PLACE.sub(lambda place: place[3], one.get("image", ""))):
        yield f"its image {one.get('image')} names no version"
    for port in one.get("ports", []):
        if not str(port).startswith("127.0.0.1:"):
            yield f"the port {port} is open to other machines"
    if one.get("restart") == "unless-stopped" and "healthcheck" not in one:
        yield "it runs for ever, and no healthcheck asks it"


def _keeps_secrets(one: Service) -> Iterator[str]:
    for name, value in one.get("environment", {}).items():
        place = _PLACE.fullmatch(str(value))
        if SECRET.search(name) and (place is None or place[2] != "?"):
            yield f"{name} is not `${{…:?…}}`: a secret is given by the environment"
        if LOGIN.search(str(value)):
            yield f"a password stands in {name}"
    yield from mistyped(set(one.get("environment", {})) - _OTHERS)


def _names(given: Mapping[str, Any]) -> Iterator[str]:
    """Yield volumes, files and services that are named and are not there."""
    services = given["services"]
    for name, one in services.items():
        for volume in one.get("volumes", []):
            source = volume.split(":")[0]
            there = (FILE.parent / source).exists() if "/" in source else source in given["volumes"]
            if not there:
                yield f"{name}: there is no {source}"
        for other, how in one.get("depends_on", {}).items():
            healthy = how["condition"] != "service_healthy" or "healthcheck" in services.get(
                other, {}
            )
            if other not in services or not healthy:
                yield f"{name}: it waits for {other}, which is not there or has no healthcheck"


_RULES: tuple[Callable[[Service], Iterator[str]], ...] = (_is_narrow, _is_bounded, _keeps_secrets)
