"""What `kubectl kustomize` builds of a folder, and the pods that it makes, those of runs included.

Needs the kubectl that is installed beside this interpreter; reaches no cluster.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CHECKOUT = Path(__file__).resolve().parents[3]
OVERLAYS = tuple(sorted((CHECKOUT / "deploy/kubernetes/overlays").iterdir()))
TEMPLATE = "job-template.json"
_PLACE = re.compile(r"\{\{ (\w+) \}\}")
# What a run gives where its template has no default: as long as it is of the right kind.
_GIVEN: dict[str, Any] = {
    "name": "a-run",
    "labels": {"prefect.io/flow-run-id": "1"},
    "annotations": {},
    "env": {},
    "command": ["prefect", "flow-run", "execute"],
}
Object = dict[str, Any]


class BuildError(Exception):
    """A folder that kustomize cannot build, with what it said."""


class Pod(NamedTuple):
    """A pod that something makes: by whom, with which labels, and its specification."""

    owner: str
    labels: dict[str, str]
    spec: Object

    def containers(self) -> Iterator[Object]:
        """Yield its containers, the first ones too."""
        yield from self.spec.get("initContainers", [])
        yield from self.spec["containers"]


def build(folder: Path) -> list[Object]:
    """Return the objects of a kustomization; BuildError with what kubectl says of it."""
    kubectl = Path(sys.executable).parent / "kubectl"
    done = subprocess.run(
        [str(kubectl), "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(f"{folder.name}: {done.stderr.strip()}")
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def name_of(one: Object) -> str:
    """Return `Kind/name`."""
    meta = one["metadata"]
    return f"{one['kind']}/{meta.get('name') or meta.get('generateName')}"


def templates(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Yield the job templates of work pools, with the ConfigMap that each lies in."""
    for one in objects:
        if one["kind"] == "ConfigMap" and TEMPLATE in one["data"]:
            yield name_of(one), json.loads(one["data"][TEMPLATE])


def job_of(template: Object) -> Object:
    """Return the Job that a run becomes, as Kubernetes keeps it.

    Prefect 3.8 with prefect-kubernetes 0.8.0 refuses a template without `parallelism` and
    `completions` in its pod's specification, where Kubernetes has no such fields and drops them.
    """
    job = _filled(copy.deepcopy(template["job_configuration"]["job_manifest"]), values(template))
    pod = job["spec"]["template"]["spec"]
    for misplaced in ("parallelism", "completions"):
        assert pod.pop(misplaced) == 1
    return job


def values(template: Object) -> Object:
    """Return what stands in the places of a template where nobody gives anything."""
    fields = template["variables"]["properties"]
    return {name: field.get("default", _GIVEN.get(name)) for name, field in fields.items()}


def pods(objects: list[Object]) -> Iterator[Pod]:
    """Yield the pods that objects make, and those that runs become."""
    for one in objects:
        if one["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
            yield _pod(name_of(one), one)
        if one["kind"] == "CronJob":
            yield _pod(name_of(one), one["spec"]["jobTemplate"])
    for name, template in templates(objects):
        run = _pod(f"the Job of {name}", job_of(template))
        # Prefect puts the deployment's name there, and a model may be called as it likes.
        yield run._replace(labels=run.labels | {"app.kubernetes.io/name": "mlflow"})


def _pod(owner: str, one: Object) -> Pod:
    template = one["spec"]["template"]
    return Pod(owner, template["metadata"]["labels"], template["spec"])


def _filled(value: Any, given: Object) -> Any:
    if isinstance(value, dict):
        return {name: _filled(inner, given) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, given) for inner in value]
    if not isinstance(value, str):
        return value
    if whole := _PLACE.fullmatch(value):
        return given.get(whole[1])  # a hole is a rule's to say
    return _PLACE.sub(lambda found: str(given.get(found[1])), value)
