"""The worker of `paddock up`: waits for the servers, makes accounts, deploys the flows, works.

`python -m flows.servers.worker`. Deploying again is harmless: a deployment is replaced by its name,
and an automation that the server has by its name is left alone.
"""

from __future__ import annotations

import os
import sys

from data_contracts.errors import PaddockError
from flows.asking.model_parameters import DeployParameters
from flows.servers.pools import POOL, make_pool, prefect_command, wait_for
from flows.workshop.applying import apply_file
from flows.workshop.settings import read_settings


def main() -> int:
    """Deploy, say where things are, and work until stopped."""
    settings = read_settings()
    try:
        wait_for("Prefect", f"{settings.prefect_api_url}/health")
        wait_for("MLflow", f"{settings.mlflow_uri}/health")
        print("\n".join(apply_file(settings, None, ours=True)), flush=True)  # noqa: T201
        make_pool(settings, POOL)
        from flows.servers.deployed import deploy_files  # loads prefect, after its server answers

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
    prefect = prefect_command()
    start = [prefect, "worker", "start", "--pool", POOL, "--name", "paddock"]
    return os.execv(prefect, start)  # noqa: S606  (no shell is the point)


if __name__ == "__main__":
    sys.exit(main())
