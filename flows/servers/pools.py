"""Makes a work pool what it is to be, and what its Prefect server lacks of Paddock.

`python -m flows.servers.pools POOL [--template FILE]`, before the pool's worker starts; that of
`paddock up` does the same by itself (worker.py). A template is the job that each run becomes on
Kubernetes; without one the runs are processes beside the worker. Needs a Prefect server in the
environment; writes there, and again changes nothing.
"""

from __future__ import annotations

import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path

from data_contracts.errors import PaddockError
from flows.servers.watchdog import ask
from flows.workshop.settings import CHECKOUT, Settings, prepare, read_settings

POOL = "cpu"  # of the deployments that any model shares (deploy/prefect.yaml)
STARTUP_SECONDS = 180


def main(words: list[str] | None = None) -> int:
    """Make a pool, the automations and, for the pool that they go to, the shared deployments."""
    parser = ArgumentParser(prog="python -m flows.servers.pools", description=__doc__)
    parser.add_argument("pool", help="the pool's name")
    parser.add_argument("--template", type=Path, help="a base job template for Kubernetes (JSON)")
    given = parser.parse_args(words)
    settings = read_settings()
    prepare(settings)
    try:
        wait_for("Prefect", f"{settings.prefect_api_url}/health")
        make_pool(settings, given.pool, given.template)
        said = _make_shared(settings, deployments=given.pool == POOL)
        print("\n".join(said), flush=True)  # noqa: T201
    except PaddockError as error:
        print(error)  # noqa: T201
        return 1
    return 0


def make_pool(settings: Settings, name: str, template: Path | None = None) -> None:
    """Make a pool, or make it so again; PaddockError if Prefect refuses."""
    kind = ["--type", "kubernetes", "--base-job-template", str(template)] if template else []
    _prefect("work-pool", "create", name, *(kind or ["--type", "process"]), "--overwrite")


def wait_for(name: str, address: str) -> None:
    """Return once a server answers; PaddockError if it does not."""
    end = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < end:
        try:
            ask(address)
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise PaddockError(
        f"{name} did not answer in {STARTUP_SECONDS} s",
        step="servers",
        where=address,
        remedy="look at what it says in its log",
    )


def prefect_command() -> str:
    """Return Prefect's command, of this environment."""
    return str(Path(sys.executable).parent / "prefect")


def _prefect(*words: str) -> None:
    command = [prefect_command(), "--no-prompt", *words]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PaddockError(
            f"prefect {' '.join(words[:2])} failed",
            step="servers",
            where=f"{done.stdout}{done.stderr}".strip()[-1000:],
            remedy="look at what Prefect says there",
        )


def _make_shared(settings: Settings, *, deployments: bool) -> list[str]:
    from prefect.client.orchestration import get_client

    from flows.servers.automations import make_automations
    from flows.servers.deployed import told_by
    from flows.servers.deploying import deploy
    from flows.servers.wanted import plain_deployments

    with get_client(sync_client=True) as client:
        said = deploy(client, plain_deployments()) if deployments else []
        return said + make_automations(client, told_by(settings))


if __name__ == "__main__":
    sys.exit(main())
