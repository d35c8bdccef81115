"""Three arms on a cluster: their files are right, and the file that arms and ticks share is one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from flows.command.commands import COMMANDS
from flows.command.words import read_words
from tasks.canary.policy import read_policy
from tasks.serving.gateway.arms import ARMS, SUM
from tasks.serving.gateway.metrics_page import PAGE
from tasks.serving.ports.cluster import cluster_of
from tasks.serving.specification import read_specification
from tests.deploy.manifests.check import complaints
from tests.deploy.manifests.cluster import CHECKOUT, Object, build, name_of

FOLDER = CHECKOUT / "deploy/kubernetes/canary"
FILE = FOLDER / "arm/serving.toml"


@pytest.fixture(scope="module")
def objects() -> list[Object]:
    return build(CHECKOUT / "deploy/kubernetes/overlays/canary")


def named(objects: list[Object]) -> dict[str, Any]:
    return {name_of(one): one for one in objects}


def test_nothing_is_wrong_in_its_files(objects: list[Object]) -> None:
    assert list(complaints(objects)) == []


def test_arms_and_ticks_read_one_file_and_it_fits_the_objects(objects: list[Object]) -> None:
    there, told = named(objects), read_specification(FILE)
    cluster = cluster_of(told.cluster, str(FILE))
    assert set(read_policy(FILE).judged) == {"errors", "latency"}
    files = [
        one["data"]["serving.toml"]
        for name, one in there.items()
        if name.startswith(("ConfigMap/serving-", "ConfigMap/canary-file"))
    ]
    assert files == [FILE.read_text()] * 4
    route = there["HTTPRoute/serving"]
    assert (cluster.route.name, cluster.route.namespace) == ("serving", "paddock")
    assert route["metadata"]["namespace"] == "paddock"
    (rule,) = route["spec"]["rules"]
    weights = {one["name"]: one["weight"] for one in rule["backendRefs"]}
    assert weights == {cluster.route.services[arm]: SUM * (arm == "stable") for arm in ARMS}
    for arm in ARMS:
        service = there[f"Service/{cluster.route.services[arm]}"]
        assert cluster.addresses[arm] == f"http://{service['metadata']['name']}"
        pods = there[f"Deployment/{service['metadata']['name']}"]["spec"]["template"]
        assert service["spec"]["selector"].items() <= pods["metadata"]["labels"].items()
        assert cluster.prometheus.arms[arm] == f'paddock_dev_arm="{arm}"'
        assert pods["metadata"]["labels"]["paddock.dev/arm"] == arm
        (box,) = pods["spec"]["containers"]
        ports = {one["name"]: one["containerPort"] for one in box["ports"]}
        assert ports == {"http": told.port, "metrics": told.gateway.metrics_port}
    monitor = there["PodMonitor/serving"]["spec"]
    assert monitor["podMetricsEndpoints"][0]["path"] == PAGE
    slots = told.engine.replicas * told.engine.slots
    (trigger,) = there["ScaledObject/serving-stable"]["spec"]["triggers"]
    assert trigger["metadata"]["threshold"] == f"{slots}"


def test_its_commands_are_such_and_who_ticks_may_patch_that_route_alone(
    objects: list[Object],
) -> None:
    there = named(objects)
    known = {name: (entry.fields, entry.options, entry.text) for name, entry in COMMANDS.items()}

    def asked(job: str) -> str:
        spec = there[f"CronJob/{job}"]["spec"]
        (box,) = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        return read_words(known, box["command"][1:]).command

    assert (asked("canary"), asked("canary-watch")) == ("canary", "reconcile")
    assert there["CronJob/canary"]["spec"]["suspend"] is True
    assert there["CronJob/canary-watch"]["spec"]["suspend"] is False
    (box,) = there["Deployment/serving-canary"]["spec"]["template"]["spec"]["containers"]
    words = [word.replace("$(CANDIDATE)", "4") for word in box["command"][1:]]
    assert read_words(known, words).parameters.model_dump()["candidate"] == 4
    assert there["Role/canary"]["rules"] == [
        {
            "apiGroups": ["gateway.networking.k8s.io"],
            "resources": ["httproutes"],
            "resourceNames": ["serving"],
            "verbs": ["get", "patch"],
        }
    ]


def _ref(there: dict[str, Any]) -> dict[str, Any]:
    return there["HTTPRoute/serving"]["spec"]["rules"][0]["backendRefs"][2]


Plant = Callable[[dict[str, Any]], Any]
PLANTED: dict[str, tuple[Plant, str]] = {
    "a text": (lambda there: _ref(there).update(weight="10"), "'10' is not of type 'integer'"),
    "a typo": (lambda there: _ref(there).update(weights=1), "'weights' was unexpected"),
    "a port": (lambda there: _ref(there).update(port=8080), "there is no serving-canary:8080"),
    "a target": (
        lambda there: there["ScaledObject/serving-stable"]["spec"]["scaleTargetRef"].update(
            name="serving"
        ),
        "there is no Deployment/serving",
    ),
    "a label": (
        lambda there: there["PodMonitor/serving"]["spec"]["selector"]["matchLabels"].update(
            {"paddock.dev/part": "server"}
        ),
        "it selects no pod",
    ),
}


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_found_on_this_shape(objects: list[Object], mistake: str) -> None:
    plant, said = PLANTED[mistake]
    planted = copy.deepcopy(objects)
    plant(named(planted))
    assert any(said in one for one in complaints(planted))
