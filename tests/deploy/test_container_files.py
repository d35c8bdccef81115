"""`make check` finds what is wrong in the compose file and the Dockerfile: planted mistakes."""

from __future__ import annotations

import copy
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.workshop.redactors import redaction_key
from flows.workshop.settings import Settings
from model_registry.signing import ensure_keys, sign_folder, verify_folder
from tests.deploy.manifests.cluster import CHECKOUT
from tests.deploy.manifests.composed import FILE, PAGE, against_compose, read, wanted
from tests.deploy.manifests.images import FILE as DOCKERFILE
from tests.deploy.manifests.images import against_dockerfile

Services = dict[str, dict[str, Any]]
COMPOSE: dict[str, tuple[Callable[[Services], Any], str]] = {
    "a field that is none": (
        lambda s: s["mlflow"].update(restarts="always"),
        "services.mlflow: 'restarts' does not match",
    ),
    "a value of another kind": (lambda s: s["s3"].update(command=5), "services.s3.command"),
    "root": (lambda s: s["postgres"].pop("user"), "postgres: it does not say a user"),
    "root by number": (lambda s: s["cpu"].update(user="0:0"), "cpu: it does not say a user"),
    "a root file system that can be written": (
        lambda s: s["prefect"].pop("read_only"),
        "prefect: its root file system can be written",
    ),
    "capabilities": (lambda s: s["gpu"].update(cap_add=["SYS_ADMIN"]), "gpu: it keeps cap"),
    "more rights": (lambda s: s["cpu"].pop("security_opt"), "cpu: it may gain rights"),
    "the host's network": (
        lambda s: s["mlflow"].update(network_mode="host"),
        "it shares its host's network",
    ),
    "no limit": (lambda s: s["s3"].pop("deploy"), "s3: deploy.resources.limits lacks"),
    "an image without a version": (
        lambda s: s["postgres"].update(image="postgres"),
        "its image postgres names no version",
    ),
    "the newest image": (
        lambda s: s["cpu"].update(image="${IMAGE_CPU:-paddock:latest}"),
        "paddock:latest} names no version",
    ),
    "a port for everybody": (
        lambda s: s["mlflow"].update(ports=["5000:5000"]),
        "the port 5000:5000 is open",
    ),
    "nobody asks": (lambda s: s["s3"].pop("healthcheck"), "no healthcheck asks it"),
    "a literal secret": (
        lambda s: s["mlflow"]["environment"].update(PGPASSWORD="hunter2"),
        "mlflow: PGPASSWORD is not",
    ),
    "a secret with a default": (
        lambda s: s["mlflow"]["environment"].update(PGPASSWORD="${PW:-hunter2}"),
        "mlflow: PGPASSWORD is not",
    ),
    "a password in an address": (
        lambda s: s["cpu"]["environment"].update(PADDOCK_LEDGER="postgresql://a:b@postgres/l"),
        "a password stands in PADDOCK_LEDGER",
    ),
    "a variable that is mistyped": (
        lambda s: s["cpu"]["environment"].update(PADDOCK_STOER="s3://x"),
        "nobody reads the variable PADDOCK_STOER",
    ),
    "a variable that the page does not make": (
        lambda s: s["cpu"]["environment"].update(PADDOCK_JUDGE_KEY="${JUDGE_SECRET:?make it}"),
        "does not say how JUDGE_SECRET is made",
    ),
    "a volume that is not there": (
        lambda s: s["cpu"].update(volumes=["homes:/var/lib/paddock"]),
        "cpu: there is no homes",
    ),
    "a file that is not there": (
        lambda s: s["postgres"].update(volumes=["./database.sh:/x:ro"]),
        "postgres: there is no ./database.sh",
    ),
    "waiting for nobody": (
        lambda s: s["cpu"].update(depends_on={"worker": {"condition": "service_started"}}),
        "cpu: it waits for worker",
    ),
}
IMAGE: dict[str, tuple[str, str, str]] = {
    "the newest base": ("ARG PYTHON=3.11.13-slim-bookworm", "ARG PYTHON=latest", "no Python of"),
    "root": ("USER 10001:10001\nVOLUME", "VOLUME", "target cpu: it does not end as"),
    "a name for root": ("USER 10001:10001", "USER root", "target cpu: it does not end as"),
    "no target": ("FROM base AS gpu", "FROM base AS cuda", "target gpu: there is none"),
    "a compiler": (
        "FROM base AS cpu\n",
        "FROM base AS cpu\nRUN apt-get install build-essential\n",
        "target cpu: it has build-essential",
    ),
    "another entry point": ('["paddock"]', '["bash"]', "its entry point is not paddock"),
    "a registry": ("pip install -r", "pip install -i https://x/simple -r", "names an address"),
    "a folder that is not there": ("COPY tasks tasks", "COPY task tasks", "there is no task"),
    "a folder that is kept out": ("COPY tasks tasks", "COPY docs docs", "keeps docs out"),
    "what hadolint knows": ("WORKDIR /opt/paddock", "WORKDIR opt", "DL3000"),
}


def test_nothing_is_wrong() -> None:
    assert [*against_compose(read()), *against_dockerfile()] == []


@pytest.mark.parametrize("mistake", COMPOSE)
def test_a_mistake_in_the_compose_file_is_found(mistake: str) -> None:
    plant, said = COMPOSE[mistake]
    given = copy.deepcopy(read())
    plant(given["services"])
    assert any(said in found for found in against_compose(given)), said


@pytest.mark.parametrize("mistake", IMAGE)
def test_a_mistake_in_the_dockerfile_is_found(mistake: str, tmp_path: Path) -> None:
    before, after, said = IMAGE[mistake]
    text = DOCKERFILE.read_text()
    assert before in text
    (tmp_path / "Dockerfile").write_text(text.replace(before, after))
    assert any(said in found for found in against_dockerfile(tmp_path / "Dockerfile")), said


def test_the_page_makes_every_secret_that_compose_asks_for(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(umask 077\n.*?)^```", PAGE.read_text(), re.M | re.S)
    (making,) = (block for block in blocks if "compose.env" in block)
    subprocess.run(["bash", "-euo", "pipefail", "-c", making], cwd=tmp_path, check=True)
    made = tmp_path / "secrets/compose.env"
    assert made.stat().st_mode & 0o077 == 0
    given = dict(line.split("=", 1) for line in made.read_text().splitlines())
    assert set(given) == wanted(FILE.read_text())
    assert len(set(given.values())) == len(given) and min(map(len, given.values())) >= 48


def test_the_databases_are_made_for_their_owners(tmp_path: Path) -> None:
    """The script runs against programs that write down what they were told."""
    for name in ("psql", "createdb"):
        program = tmp_path / name
        program.write_text(f'#!/bin/bash\necho {name} "$@" >> "$TOLD"\ncat > /dev/null\n')
        program.chmod(0o755)
    told = tmp_path / "told"
    passwords = {
        f"{name}_DATABASE_PASSWORD": f"it's {name}" for name in ("PREFECT", "MLFLOW", "LEDGER")
    }
    subprocess.run(
        ["bash", str(FILE.with_name("databases.sh"))],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "TOLD": str(told)} | passwords,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    lines = told.read_text().splitlines()
    assert [line.split()[-2:] for line in lines if line.startswith("createdb")] == [
        ["prefect", "prefect"],
        ["mlflow", "mlflow"],
        ["mlflow", "accounts"],
        ["ledger", "ledger"],
    ]
    assert sum("password=it's" in line for line in lines) == 3


def test_what_kubernetes_needs_beside_the_lock_changes_nothing_of_it() -> None:
    def pinned(file: Path) -> dict[str, str]:
        lines = [line for line in file.read_text().splitlines() if "==" in line]
        return dict(line.split("==") for line in lines)

    lock = pinned(CHECKOUT / "requirements.lock")
    extra = pinned(DOCKERFILE.with_name("requirements-kubernetes.txt"))
    assert "prefect-kubernetes" in extra
    assert {name: lock[name] for name in extra.keys() & lock.keys()} == {}


def test_the_keys_that_the_page_makes_sign_and_verify(tmp_path: Path) -> None:
    (making,) = (
        block
        for block in re.findall(r"^   ```sh\n(.*?)^   ```", PAGE.read_text(), re.M | re.S)
        if "genpkey" in block
    )
    script = re.sub(r"^   ", "", making, flags=re.M)
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, check=True)
    made = tmp_path / "secrets/keys"
    assert [file.stat().st_mode & 0o077 for file in made.iterdir()] == [0, 0, 0]
    (tmp_path / "files").mkdir()
    (tmp_path / "files/weights").write_text("weights")
    keys = ensure_keys(made)
    sign_folder(tmp_path / "files", tmp_path / "files.sig", keys)
    verify_folder(tmp_path / "files", tmp_path / "files.sig", keys)
    settings = Settings(keys=made)
    assert redaction_key(settings) == redaction_key(settings) != b""
    assert len(list(made.iterdir())) == 3
