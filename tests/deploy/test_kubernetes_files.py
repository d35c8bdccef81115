"""`make check` finds what is wrong in deploy/kubernetes: a planted mistake each, in an overlay."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.manifests.check import complaints
from tests.deploy.manifests.cluster import (
    OVERLAYS,
    TEMPLATE,
    BuildError,
    Object,
    build,
    job_of,
    name_of,
    templates,
)

Objects = dict[str, Object]
Plant = Callable[[Objects], Any]


@pytest.fixture(scope="module")
def gpu() -> list[Object]:
    """The larger overlay: the smaller one, and a pool of GPUs."""
    (folder,) = (one for one in OVERLAYS if one.name == "gpu")
    return build(folder)


@pytest.fixture(scope="module")
def clean(gpu: list[Object]) -> list[str]:
    return list(complaints(gpu))


def _spec(objects: Objects, name: str) -> dict[str, Any]:
    return objects[f"Deployment/{name}"]["spec"]["template"]["spec"]


def _box(objects: Objects, name: str) -> dict[str, Any]:
    return _spec(objects, name)["containers"][0]


def _in_template(change: Callable[[dict[str, Any]], Any]) -> Plant:
    """Change the GPU pool's template in the ConfigMap that it lies in."""

    def plant(objects: Objects) -> None:
        (one,) = (o for name, o in objects.items() if "/job-template-gpu" in name)
        template = json.loads(one["data"][TEMPLATE])
        change(template)
        one["data"][TEMPLATE] = json.dumps(template)

    return plant


def _run(template: dict[str, Any]) -> dict[str, Any]:
    return template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]


def _put(value: Any, *path: Any) -> Callable[[dict[str, Any]], None]:
    def put(inner: Any) -> None:
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value

    return put


PLANTED: dict[str, tuple[Plant, str]] = {
    "a count that is text": (
        lambda o: _put("2", "spec", "replicas")(o["Deployment/prefect"]),
        "spec.replicas: '2' is not",
    ),
    "a field that is none": (
        lambda o: _put(1, "spec", "replica")(o["Deployment/mlflow"]),
        "('replica' was unexpected)",
    ),
    "a kind of before": (
        lambda o: _put("policy/v1beta1", "apiVersion")(o["PodDisruptionBudget/mlflow"]),
        "Couldn't find schema for kind PodDisruptionBudget",
    ),
    "a field in a run's Job": (
        _in_template(lambda t: _put("yes", "tolerance")(_run(t))),
        "'tolerance' was unexpected",
    ),
    "root": (
        lambda o: _spec(o, "mlflow")["securityContext"].pop("runAsNonRoot"),
        "Deployment/mlflow: it does not say runAsNonRoot",
    ),
    "a run that is root": (
        _in_template(lambda t: _put(0, "securityContext", "runAsUser")(_run(t))),
        "it does not say runAsNonRoot and a runAsUser",
    ),
    "no seccomp": (
        lambda o: _spec(o, "prefect")["securityContext"].pop("seccompProfile"),
        "its seccompProfile is not RuntimeDefault",
    ),
    "a folder of the node": (
        lambda o: _spec(o, "prefect")["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
        "the volume x is a folder of the node",
    ),
    "the node's network": (lambda o: _put(True, "hostNetwork")(_spec(o, "mlflow")), "hostNetwork"),
    "links of services": (
        lambda o: _spec(o, "mlflow").pop("enableServiceLinks"),
        "enableServiceLinks is not false",
    ),
    "a root file system that can be written": (
        lambda o: _put(False, "securityContext", "readOnlyRootFilesystem")(_box(o, "mlflow")),
        "its root file system can be written",
    ),
    "more rights": (
        lambda o: _box(o, "worker-cpu")["securityContext"].pop("allowPrivilegeEscalation"),
        "it may gain rights",
    ),
    "capabilities": (
        lambda o: _put({"add": ["NET_ADMIN"]}, "securityContext", "capabilities")(
            _box(o, "prefect")
        ),
        "it does not drop ALL",
    ),
    "an image without a version": (
        lambda o: _put("registry.example.com/paddock:latest", "image")(_box(o, "mlflow")),
        "names no version",
    ),
    "another build for runs": (
        _in_template(
            lambda t: _put(
                "registry.example.com/paddock:0.0.9-gpu",
                *("variables", "properties", "image", "default"),
            )(t)
        ),
        "images differ",
    ),
    "no limit": (
        lambda o: _box(o, "mlflow")["resources"]["limits"].pop("memory"),
        "Deployment/mlflow, mlflow: resources.limits.memory is missing",
    ),
    "a run without a limit": (
        _in_template(lambda t: _run(t)["containers"][0]["resources"]["limits"].pop("cpu")),
        "prefect-job: resources.limits.cpu is missing",
    ),
    "no probe": (lambda o: _box(o, "mlflow").pop("livenessProbe"), "no livenessProbe"),
    "a literal secret": (
        lambda o: _box(o, "mlflow")["env"].append({"name": "PGPASSWORD", "value": "hunter2"}),
        "PGPASSWORD is given as it is",
    ),
    "a literal secret in a run": (
        _in_template(
            lambda t: _run(t)["containers"][0]["env"].append(
                {"name": "PADDOCK_JUDGE_KEY", "value": "sk-1"}
            )
        ),
        "PADDOCK_JUDGE_KEY is given as it is",
    ),
    "a password in an address": (
        lambda o: _put("postgresql://me:secret@db/ledger", "data", "PADDOCK_LEDGER")(
            o["ConfigMap/paddock-settings"]
        ),
        "PADDOCK_LEDGER looks like a secret",
    ),
    "a password in a file": (
        lambda o: _put("[mlflow]\nadmin_password = x", "data", "mlflow-accounts.ini")(
            o["ConfigMap/servers"]
        ),
        "mlflow-accounts.ini looks like a secret",
    ),
    "a Secret as a file": (
        lambda o: _put("Secret", "kind")(o["ConfigMap/servers"]),
        "a Secret is made by hand",
    ),
    "a variable that is mistyped": (
        lambda o: _put("s3://x", "data", "PADDOCK_STOER")(o["ConfigMap/paddock-settings"]),
        "nobody reads the variable PADDOCK_STOER",
    ),
    "a variable of Prefect's that is mistyped": (
        lambda o: _box(o, "prefect")["env"].append({"name": "PREFECT_SERVER_UI_V3", "value": "1"}),
        "nobody reads the variable PREFECT_SERVER_UI_V3",
    ),
    "a variable of MLflow's that is mistyped": (
        lambda o: _box(o, "mlflow")["env"].append({"name": "MLFLOW_ARTEFACTS", "value": "1"}),
        "nobody reads the variable MLFLOW_ARTEFACTS",
    ),
    "a hole": (
        _in_template(lambda t: t["variables"]["properties"].pop("labels")),
        "labels is a place or a field",
    ),
    "a field without a place": (
        _in_template(lambda t: t["variables"]["properties"].update(disk={"default": "1Gi"})),
        "disk is a place or a field",
    ),
    "a token for runs": (
        _in_template(lambda t: _put(True, "automountServiceAccountToken")(_run(t))),
        "its runs get a token",
    ),
    "more rights in the cluster": (
        lambda o: o["Role/worker-gpu"]["rules"][1]["resources"].append("secrets"),
        "it gives more than a worker needs",
    ),
    "rights over the whole cluster": (
        lambda o: _put("ClusterRoleBinding", "kind")(o["RoleBinding/worker-cpu"]),
        "rights over the whole cluster",
    ),
    "a Secret that nobody makes": (
        lambda o: _put("databases", "valueFrom", "secretKeyRef", "name")(
            next(v for v in _box(o, "mlflow")["env"] if v["name"] == "PGPASSWORD")
        ),
        "databases mlflow: docs/production.md does not say",
    ),
    "a setting that is not there": (
        lambda o: o["ConfigMap/servers"]["data"].pop("PREFECT_API_DATABASE_CONNECTION_URL"),
        "there is no ConfigMap servers PREFECT_API_DATABASE",
    ),
    "a claim that is not there": (
        lambda o: o.pop("PersistentVolumeClaim/home-gpu"),
        "there is no PersistentVolumeClaim/home-gpu",
    ),
    "an account that is not there": (
        lambda o: o.pop("ServiceAccount/run"),
        "there is no ServiceAccount/run",
    ),
    "a policy for nobody": (
        lambda o: _put("mlfow", "spec", "podSelector", "matchLabels", "paddock.dev/part")(
            o["NetworkPolicy/to-mlflow"]
        ),
        "NetworkPolicy/to-mlflow: it selects no pod",
    ),
    "a budget for nobody": (
        lambda o: _put({"matchLabels": {"a": "b"}}, "spec", "selector")(
            o["PodDisruptionBudget/runs"]
        ),
        "PodDisruptionBudget/runs: it selects no pod",
    ),
    "a port that is closed": (
        lambda o: _put("https", "spec", "ports", 0, "targetPort")(o["Service/prefect"]),
        "Deployment/prefect has no port https",
    ),
    "a service that a model's runs answer": (
        lambda o: _put({"app.kubernetes.io/name": "mlflow"}, "spec", "selector")(
            o["Service/mlflow"]
        ),
        "Service/mlflow: it leads to Deployment/mlflow, the Job of",
    ),
    "nothing denied": (
        lambda o: o.pop("NetworkPolicy/nothing-else"),
        "no NetworkPolicy denies",
    ),
    "everywhere": (
        lambda o: _put("0.0.0.0/0", "spec", "egress", 0, "to", 0, "ipBlock", "cidr")(
            o["NetworkPolicy/to-s3"]
        ),
        "NetworkPolicy/to-s3: its egress is open",
    ),
}


def test_nothing_is_wrong_in_the_larger_overlay(clean: list[str]) -> None:
    assert clean == []
    assert [one.name for one in OVERLAYS] == ["canary", "cpu", "gpu", "serving"]


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_found(gpu: list[Object], mistake: str) -> None:
    plant, said = PLANTED[mistake]
    objects = {name_of(one): copy.deepcopy(one) for one in gpu}
    plant(objects)
    assert any(said in found for found in complaints(list(objects.values()))), said


def test_a_folder_that_cannot_be_built_is_said(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [gone.yaml]\n")
    with pytest.raises(BuildError, match=r"gone\.yaml"):
        build(tmp_path)


def test_runs_on_gpus_get_one_and_keep_their_checkpoints(gpu: list[Object]) -> None:
    jobs = {name.split("-")[2]: job_of(template) for name, template in templates(gpu)}
    for pool, job in jobs.items():
        spec = job["spec"]["template"]["spec"]
        limits = spec["containers"][0]["resources"]["limits"]
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        on_gpu = pool == "gpu"
        assert (limits.get("nvidia.com/gpu") == 1, "nodeSelector" in spec) == (on_gpu, on_gpu)
        assert ("persistentVolumeClaim" in volumes["home"]) == on_gpu
        assert job["spec"]["backoffLimit"] == 0  # a run is started again by Prefect alone
    assert set(jobs) == {"cpu", "gpu"}
