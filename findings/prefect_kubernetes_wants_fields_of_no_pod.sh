#!/usr/bin/env bash
# A Job that Kubernetes takes is refused as the base job template of a Prefect work pool, and the
# one that Prefect ships and takes is refused by Kubernetes' own schema.
#
# With: prefect-kubernetes 0.8.0, prefect 3.8.8, kubernetes-validate 1.37.0. `parallelism` and
# `completions` are optional, and belong to a Job's specification. The worker asks for them in the
# specification of the pod, which has no such fields: a server drops them, a strict check refuses.
# Seen: "Job is missing required attributes" for the valid Job; "Additional properties are not
# allowed ('completions', 'parallelism' were unexpected)" for the template that ships.
# Held by: tests/deploy/test_kubernetes_files.py::test_runs_on_gpus_get_one_and_keep_their_checkpoints
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  prefect==3.8.8 fastapi==0.150.0 prefect-kubernetes==0.8.0 kubernetes-validate==1.37.0

export PREFECT_HOME="$folder/home"
"$folder/venv/bin/python" - <<'PYTHON'
from copy import deepcopy
from importlib.metadata import version

import kubernetes_validate
from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration
from pydantic import ValidationError

CONTAINER = {"name": "prefect-job", "image": "example/flows:1"}
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"generateName": "run-", "namespace": "flows", "labels": {}},
    "spec": {
        "template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}},
    },
}
SHIPPED = deepcopy(JOB)
SHIPPED["spec"]["template"]["spec"] |= {"parallelism": 1, "completions": 1}


def by_kubernetes(job):
    try:
        kubernetes_validate.validate(job, "1.33", strict=True)
    except kubernetes_validate.ValidationError as error:
        return error.message
    return "accepted"


def by_prefect(job):
    try:
        KubernetesWorkerJobConfiguration(job_manifest=deepcopy(job), namespace="flows")
    except ValidationError as error:
        return error.errors()[0]["msg"]
    return "accepted"


print("prefect-kubernetes", version("prefect-kubernetes"))
found = {}
for title, job in (("as Kubernetes has it", JOB), ("as Prefect ships it", SHIPPED)):
    found[title] = (by_kubernetes(job), by_prefect(job))
    print(f"{title}: Kubernetes: {found[title][0]}; Prefect: {found[title][1]}")
valid, shipped = found.values()
assert valid[0] == "accepted" and "missing required attributes" in valid[1], "not as it was seen"
assert "parallelism" in shipped[0] and shipped[1] == "accepted", "not as it was seen"
PYTHON
