"""Print the deployments, those of any model and those of the demo, as Prefect gets them, as JSON.

`python tests/flows/read_deployments.py > tests/flows/deployments.json` renews the golden file.
With the argument `files`, entrypoints are taken as files and not as modules.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from prefect.flows import load_flow_from_entrypoint

from flows.asking.model_file import read_model_file
from flows.servers.deployed import DEMO_FILE
from flows.servers.wanted import Wanted, model_deployments, plain_deployments

CHECKOUT = Path(__file__).resolve().parents[2]


def as_file(entrypoint: str) -> str:
    """Turn `flows.drift.monitor_drift` into `/…/flows/drift.py:monitor_drift`."""
    module, _, name = entrypoint.rpartition(".")
    return f"{CHECKOUT / module.replace('.', '/')}.py:{name}"


def describe(wanted: Wanted, *, files: bool) -> dict[str, Any]:
    """Return what a person sees of a deployment: how it is started, and its form."""
    if files:
        load_flow_from_entrypoint(as_file(wanted.entrypoint), use_placeholder_flow=False)
    (model,) = wanted.schema["definitions"].values()
    return {
        "entrypoint": wanted.entrypoint,
        "description": wanted.description,
        "tags": wanted.tags,
        "machine": wanted.machine,
        "schedules": [
            {"slug": one["slug"], "cron": one["schedule"]["cron"], **one["parameters"]}
            for one in wanted.schedules
        ],
        "parameters": wanted.parameters,
        "required": wanted.schema.get("required", []),
        "form": model["title"],
        "fields": model["properties"],
        "required_fields": model.get("required", []),
    }


def main() -> None:
    """Print all of them."""
    files = sys.argv[1:] == ["files"]
    every = [*plain_deployments(), *model_deployments(read_model_file(DEMO_FILE))]
    shown = {one.address: describe(one, files=files) for one in every}
    print(json.dumps(shown, indent=1, sort_keys=True))


if __name__ == "__main__":
    main()
