from __future__ import annotations

import os
import subprocess
import sys

import pytest

from flows.servers import pools


@pytest.mark.usefixtures("prefect_server")
def test_automations_are_created_once() -> None:
    """Prefect makes a second one of a name that it has, so what is there must be seen."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        api = str(client.api_url).rstrip("/")
    missing = pools._automations_are_missing  # pyright: ignore[reportPrivateUsage]
    assert missing(api)
    words = ["-m", "prefect", "automation", "create", "--from-file", str(pools.AUTOMATIONS)]
    done = subprocess.run(
        [sys.executable, *words],
        env=os.environ | {"PREFECT_API_URL": api},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not missing(api)
