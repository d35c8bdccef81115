"""What we ask of every pod beside the schemas: not root, bounded, pinned, no secret in sight."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.deploy.manifests.cluster import (
    TEMPLATE,
    Object,
    Pod,
    job_of,
    name_of,
    pods,
    templates,
    values,
)

SECRET = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|AUTH_STRING|_KEY)$")
LOGIN = re.compile(r"://[^/\s:@]+:[^/\s@]+@")  # user:password@ in an address
PASSWORD = re.compile(r"(?im)^\s*\S*(password|secret|token)\S*\s*[=:]\s*\S")
# The name of a Secret's key, which is none itself.
NO_SECRET = "PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_AUTH_STRING_SECRET_KEY"
PINNED = re.compile(r"[\w.:/-]+(:(?!latest)[\w.-]+|@sha256:[0-9a-f]{64})")
Rule = Callable[[list[Object]], Iterator[str]]


def no_pod_is_root(objects: list[Object]) -> Iterator[str]:
    """A pod runs as somebody who is not root, and asks for nothing of its node."""
    for pod in pods(objects):
        given = pod.spec.get("securityContext", {})
        if given.get("runAsNonRoot") is not True or not given.get("runAsUser"):
            yield f"{pod.owner}: it does not say runAsNonRoot and a runAsUser"
        if given.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{pod.owner}: its seccompProfile is not RuntimeDefault"
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.spec.get(name):
                yield f"{pod.owner}: {name}"
        for volume in pod.spec.get("volumes", []):
            if "hostPath" in volume:
                yield f"{pod.owner}: the volume {volume['name']} is a folder of the node"
        # Else the cluster writes MLFLOW_PORT=tcp://… into it, which MLflow reads.
        if pod.spec.get("enableServiceLinks") is not False:
            yield f"{pod.owner}: enableServiceLinks is not false"


def no_container_may_more(objects: list[Object]) -> Iterator[str]:
    """A container cannot write its own files nor gain rights, and its image says a version."""
    for where, one in _containers(objects):
        given = one.get("securityContext", {})
        if given.get("readOnlyRootFilesystem") is not True:
            yield f"{where}: its root file system can be written"
        if given.get("allowPrivilegeEscalation") is not False or given.get("privileged"):
            yield f"{where}: it may gain rights"
        if given.get("capabilities", {}).get("drop") != ["ALL"]:
            yield f"{where}: it does not drop ALL capabilities"
        if not PINNED.fullmatch(one["image"]):
            yield f"{where}: its image {one['image']} names no version"


def every_container_is_bounded(objects: list[Object]) -> Iterator[str]:
    """A container says what it needs and what it may have of CPU and memory."""
    for where, one in _containers(objects):
        given = one.get("resources", {})
        for kind in ("requests", "limits"):
            for name in ("cpu", "memory"):
                if not given.get(kind, {}).get(name):
                    yield f"{where}: resources.{kind}.{name} is missing"


def every_server_is_asked(objects: list[Object]) -> Iterator[str]:
    """What runs for ever says how it is seen to be alive and ready."""
    for one in objects:
        if one["kind"] == "Deployment":
            for container in one["spec"]["template"]["spec"]["containers"]:
                for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                    if probe not in container:
                        yield f"{name_of(one)}, {container['name']}: no {probe}"


def no_secret_in_sight(objects: list[Object]) -> Iterator[str]:
    """Secrets are named, and never stand in what is kept in a repository."""
    for one in objects:
        if one["kind"] == "Secret":
            yield f"{name_of(one)}: a Secret is made by hand, and is no file here"
        for key, text in one.get("data", {}).items() if one["kind"] == "ConfigMap" else ():
            plain = key != TEMPLATE and PASSWORD.search(text)  # its pods are looked at below
            if SECRET.search(key) or LOGIN.search(text) or plain:
                yield f"{name_of(one)}: {key} looks like a secret"
    for where, one in _containers(objects):
        for variable in one.get("env", []):
            literal, name = str(variable.get("value", "")), variable["name"]
            if literal and ((SECRET.search(name) and name != NO_SECRET) or LOGIN.search(literal)):
                yield f"{where}: {name} is given as it is: name a Secret"
        for word in [*one.get("command", []), *one.get("args", [])]:
            if LOGIN.search(word):
                yield f"{where}: a password stands in its command"


def a_template_has_no_hole(objects: list[Object]) -> Iterator[str]:
    """Each place of a job template is a field of its form, and each field has its place."""
    for name, template in templates(objects):
        places = set(re.findall(r"\{\{ (\w+) \}\}", str(template["job_configuration"])))
        for hole in sorted(places ^ set(values(template))):
            yield f"{name}: {hole} is a place or a field, and not both"


def runs_are_of_the_same_build(objects: list[Object]) -> Iterator[str]:
    """The images of workers, servers and runs are one version."""
    versions: dict[str, str] = {}
    for where, one in _containers(objects):
        versions.setdefault(re.sub(r"-(cpu|gpu)$", "", one["image"]), where)
    if len(versions) > 1:
        yield "images differ: " + "; ".join(f"{image} in {at}" for image, at in versions.items())


def runs_hold_no_rights(objects: list[Object]) -> Iterator[str]:
    """A run gets no token of the cluster; a Role gives no more than its worker needs."""
    for name, template in templates(objects):
        if job_of(template)["spec"]["template"]["spec"].get("automountServiceAccountToken"):
            yield f"{name}: its runs get a token of the cluster"
    for one in objects:
        if one["kind"].startswith("ClusterRole"):
            yield f"{name_of(one)}: rights over the whole cluster"
        for rule in one.get("rules", []) if one["kind"] == "Role" else ():
            named = {*rule["resources"], *rule["verbs"], *rule["apiGroups"]}
            if named & {"*", "secrets", "pods/exec"}:
                yield f"{name_of(one)}: it gives more than a worker needs"


def _containers(objects: list[Object]) -> Iterator[tuple[str, dict[str, Any]]]:
    for pod in pods(objects):
        for one in pod.containers():
            yield f"{pod.owner}, {one['name']}", one


def secrets_of(pod: Pod) -> Iterator[tuple[str, str]]:
    """Yield the (Secret, key) that a pod refers to; an empty key is all of it."""
    for one in pod.containers():
        for variable in one.get("env", []):
            if found := variable.get("valueFrom", {}).get("secretKeyRef"):
                yield found["name"], found["key"]
        for source in one.get("envFrom", []):
            if found := source.get("secretRef"):
                yield found["name"], ""
    for volume in pod.spec.get("volumes", []):
        if found := volume.get("secret"):
            yield found["secretName"], ""


RULES: tuple[Rule, ...] = (
    no_pod_is_root,
    no_container_may_more,
    every_container_is_bounded,
    every_server_is_asked,
    no_secret_in_sight,
    a_template_has_no_hole,
    runs_are_of_the_same_build,
    runs_hold_no_rights,
)
