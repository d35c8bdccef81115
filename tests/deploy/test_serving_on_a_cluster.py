"""What serves a champion on a cluster: its files are right, and its own file fits its pod."""

from __future__ import annotations

from typing import Any

import pytest

from flows.command.commands import COMMANDS
from flows.command.words import read_words
from tasks.serving.gateway.counted import HEALTH
from tasks.serving.specification import Specification, read_specification
from tests.deploy.manifests.check import complaints
from tests.deploy.manifests.cluster import CHECKOUT, Object, build, name_of, pods
from tests.deploy.manifests.references import documented_secrets
from tests.deploy.manifests.rules import secrets_of

FOLDER = CHECKOUT / "deploy/kubernetes"


@pytest.fixture(scope="module")
def objects() -> dict[str, Object]:
    return {name_of(one): one for one in build(FOLDER / "overlays/serving")}


@pytest.fixture(scope="module")
def pod(objects: dict[str, Object]) -> dict[str, Any]:
    return objects["Deployment/serving"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def told() -> Specification:
    return read_specification(FOLDER / "serving/serving.toml")


def test_its_command_is_one_and_its_file_listens_where_people_ask(
    objects: dict[str, Object], pod: dict[str, Any], told: Specification
) -> None:
    (box,) = pod["containers"]
    known = {name: (entry.fields, entry.options, entry.text) for name, entry in COMMANDS.items()}
    asked = read_words(known, box["command"][1:])
    assert (asked.command, asked.parameters.model_dump()["file"]) == (
        "serve",
        "/etc/paddock/serving.toml",
    )
    (config,) = (one for name, one in objects.items() if name.startswith("ConfigMap/serving-"))
    assert config["data"]["serving.toml"] == (FOLDER / "serving/serving.toml").read_text()
    assert (told.host, told.port) == ("0.0.0.0", box["ports"][0]["containerPort"])
    for probe in ("startupProbe", "readinessProbe"):
        assert box[probe]["httpGet"]["path"] == HEALTH
    # Engines' threads spin: there is a core for each, and one for the rest.
    assert float(box["resources"]["limits"]["cpu"]) > told.engine.threads * told.engine.replicas


def test_what_is_asked_stays_in_memory_and_no_key_to_sign_with_is_there(
    pod: dict[str, Any],
) -> None:
    (box,) = pod["containers"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    (memory,) = (at["name"] for at in box["volumeMounts"] if at["mountPath"] == "/dev/shm")
    given = volumes[memory]["emptyDir"]
    assert given == {"medium": "Memory", "sizeLimit": "1Gi"}
    keys = {item["key"] for item in volumes["keys"]["secret"]["items"]}
    assert keys == {"signing.pub", "redaction.key"}
    copied = " ".join(pod["initContainers"][0]["command"])
    assert "signing.key" not in copied and all(key in copied for key in keys)


def test_nothing_is_wrong_in_what_serves(objects: dict[str, Object]) -> None:
    assert list(complaints(list(objects.values()))) == []


def test_the_page_makes_no_secret_that_nobody_reads(objects: dict[str, Object]) -> None:
    every = [*objects.values(), *build(FOLDER / "overlays/gpu")]
    read = {name for pod in pods(every) for name, _ in secrets_of(pod)}
    assert set(documented_secrets()) == read
