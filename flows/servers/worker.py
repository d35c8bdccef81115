"""The worker of `paddock up`: waits for the servers, deploys the flows, then works.

`python -m flows.servers.worker`. Deploying again is harmless: a deployment is replaced by its name.
"""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.error import URLError

from flows.servers.watchdog import ensure_watchdog
from flows.workshop.settings import CHECKOUT, read_settings

POOL = "cpu"
STARTUP_SECONDS = 180


def main() -> int:
    """Deploy, say where things are, and work until stopped."""
    settings = read_settings()
    health = {
        "Prefect": f"{settings.prefect_api_url}/health",
        "MLflow": f"{settings.mlflow_uri}/health",
    }
    for name, address in health.items():
        if not _answers(address):
            print(f"up: {name} did not answer at {address} in time", file=sys.stderr)  # noqa: T201
            return 1
    prefect = str(Path(sys.executable).parent / "prefect")
    pool = [prefect, "work-pool", "create", POOL, "--type", "process", "--overwrite"]
    deploy = [prefect, "--no-prompt", "deploy", "--all", "--prefect-file", "deploy/prefect.yaml"]
    for command in (pool, deploy):
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"up: {' '.join(command[1:3])} failed\n{done.stdout}{done.stderr}")  # noqa: T201
            return 1
    ensure_watchdog()
    print(  # noqa: T201
        "\n  Paddock is up\n"
        f"  start flows, see runs        {settings.prefect_api_url.removesuffix('/api')}\n"
        f"  evidence, review, approvals  {settings.mlflow_uri}\n"
        "  Ctrl-C stops all of it\n",
        flush=True,
    )
    return subprocess.call([prefect, "worker", "start", "--pool", POOL, "--name", "paddock"])


def _answers(address: str) -> bool:
    end = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310
                return True
        except (URLError, OSError):
            time.sleep(0.5)
    return False


if __name__ == "__main__":
    sys.exit(main())
