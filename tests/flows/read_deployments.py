"""Print the deployments of deploy/prefect.yaml as Prefect sees them, as JSON.

`python tests/flows/read_deployments.py > tests/flows/deployments.json` renews the golden file.
With the argument `files`, entrypoints are taken as files and not as modules.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

CHECKOUT = Path(__file__).resolve().parents[2]


def as_file(entrypoint: str) -> str:
    """Turn `flows.drift.monitor_drift` into `/…/flows/drift.py:monitor_drift`."""
    module, _, name = entrypoint.rpartition(".")
    return f"{CHECKOUT / module.replace('.', '/')}.py:{name}"


def describe(deployment: dict[str, Any], *, files: bool) -> dict[str, Any]:
    """Return what a person sees of a deployment: how it is started, and its form."""
    entrypoint = deployment["entrypoint"]
    place = as_file(entrypoint) if files else entrypoint
    # A placeholder would hide that the module cannot be imported.
    flow = load_flow_from_entrypoint(place, use_placeholder_flow=False)
    shown = {name: deployment.get(name) for name in ("entrypoint", "description", "tags")}
    for name in ("work_pool", "concurrency_limit", "schedules"):
        shown[name] = deployment.get(name)
    schema = parameter_schema(flow).model_dump_for_openapi()
    (model,) = schema["definitions"].values()
    return {
        **shown,
        "flow": flow.name,
        "required": schema.get("required", []),
        "form": model["title"],
        "fields": model["properties"],
        "required_fields": model.get("required", []),
    }


def main() -> None:
    """Print all of them."""
    given = yaml.safe_load((CHECKOUT / "deploy" / "prefect.yaml").read_text())
    files = sys.argv[1:] == ["files"]
    shown = {entry["name"]: describe(entry, files=files) for entry in given["deployments"]}
    print(json.dumps(shown, indent=1, sort_keys=True))


if __name__ == "__main__":
    main()
