"""The worker of `paddock up`: waits for the servers, makes accounts, deploys the flows, works.

`python -m flows.servers.worker`. Deploying again is harmless: a deployment is replaced by its name,
and an automation that the server has by its name is left alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import yaml

from data_contracts.errors import PaddockError
from flows.asking.model_parameters import DeployParameters
from flows.servers.watchdog import ask
from flows.workshop.applying import apply_file
from flows.workshop.settings import CHECKOUT, read_settings

POOL = "cpu"
STARTUP_SECONDS = 180
AUTOMATIONS = CHECKOUT / "deploy" / "automations.yaml"


def main() -> int:
    """Deploy, say where things are, and work until stopped."""
    settings = read_settings()
    health = {
        "Prefect": f"{settings.prefect_api_url}/health",
        "MLflow": f"{settings.mlflow_uri}/health",
    }
    for name, address in health.items():
        if not _answers(address):
            print(f"{name} did not answer at {address} in {STARTUP_SECONDS} s")  # noqa: T201
            return 1
    try:
        changes = apply_file(settings, None, ours=True)
    except PaddockError as error:
        print(error)  # noqa: T201
        return 1
    print("\n".join(changes), flush=True)  # noqa: T201
    prefect = str(Path(sys.executable).parent / "prefect")
    pool = [prefect, "work-pool", "create", POOL, "--type", "process", "--overwrite"]
    commands = [pool]
    if _automations_are_missing(
        settings.prefect_api_url, settings.prefect_login.get_secret_value()
    ):
        commands.append([prefect, "automation", "create", "--from-file", str(AUTOMATIONS)])
    for command in commands:
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{' '.join(command[1:3])} failed\n{done.stdout}{done.stderr}")  # noqa: T201
            return 1
    from flows.servers.deployed import deploy_files  # loads prefect, after its server answers

    try:
        changes = deploy_files(settings, DeployParameters())
    except PaddockError as error:
        print(error)  # noqa: T201
        return 1
    print("\n".join(changes), flush=True)  # noqa: T201
    print(  # noqa: T201
        "\n  Paddock is up\n"
        f"  start flows, see runs        {settings.prefect_api_url.removesuffix('/api')}\n"
        f"  evidence, review, approvals  {settings.mlflow_uri}\n"
        f"  both ask for a login         {settings.accounts_file}\n"
        "  Ctrl-C stops all of it\n",
        flush=True,
    )
    start = [prefect, "worker", "start", "--pool", POOL, "--name", "paddock"]
    return os.execv(prefect, start)  # noqa: S606  (no shell is the point)


def _answers(address: str) -> bool:
    end = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < end:
        try:
            ask(address)
        except OSError:
            time.sleep(0.5)
        else:
            return True
    return False


def _automations_are_missing(api: str, login: str = "") -> bool:
    """Whether the server lacks those of the file: creating them once more would double them."""
    names = [entry["name"] for entry in yaml.safe_load(AUTOMATIONS.read_text())["automations"]]
    wanted = {"automations": {"name": {"any_": names}}}
    found = {entry["name"] for entry in ask(f"{api}/automations/filter", wanted, login)}
    return not found.issuperset(names)


if __name__ == "__main__":
    sys.exit(main())
