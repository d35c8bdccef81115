from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter

from flows.servers import pools
from flows.servers.wanted import plain_entries

CHECKOUT = Path(__file__).resolve().parents[3]
TEMPLATE = CHECKOUT / "deploy/kubernetes/pools/gpu/job-template.json"


@pytest.fixture
def client(
    prefect_server: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[SyncPrefectClient]:
    """A server without anything of ours, named by the environment as in production."""
    with get_client(sync_client=True) as client:
        monkeypatch.setenv("PREFECT_API_URL", str(client.api_url).rstrip("/"))
        monkeypatch.setenv("PADDOCK_HOME", str(tmp_path / "home"))
        yield client


def _automations(client: SyncPrefectClient) -> list[str]:
    return [one["name"] for one in client.request("POST", "/automations/filter", json={}).json()]


def test_a_pool_and_what_belongs_to_it_are_made_once(
    client: SyncPrefectClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Prefect makes a second automation of a name that it has, so what is there must be seen."""
    for said in ("reconcile/reconcile: made", ""):
        assert pools.main(["cpu"]) == 0
        out = capsys.readouterr().out
        assert said in out if said else not out.strip()
        assert client.read_work_pool("cpu").type == "process"
        assert _automations(client) == ["Crash runs whose heartbeats stopped"]
        made = client.read_deployments(deployment_filter=DeploymentFilter())
        assert {one.name for one in made} == {entry["name"] for entry in plain_entries()}
        assert {one.work_pool_name for one in made} == {"cpu"}


def test_a_pool_on_kubernetes_is_what_its_template_says(
    client: SyncPrefectClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pools.main(["gpu", "--template", str(TEMPLATE)]) == 0
    assert capsys.readouterr().out.strip() == ""  # what models share is of the other pool
    pool = client.read_work_pool("gpu")
    wanted: dict[str, Any] = json.loads(TEMPLATE.read_text())
    assert (pool.type, pool.base_job_template) == ("kubernetes", wanted)

    wanted["variables"]["properties"]["gpus"]["default"] = 8
    (tmp_path / "larger.json").write_text(json.dumps(wanted))
    assert pools.main(["gpu", "--template", str(tmp_path / "larger.json")]) == 0
    assert client.read_work_pool("gpu").base_job_template == wanted


def test_what_prefect_refuses_is_said(
    client: SyncPrefectClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pools.main(["gpu", "--template", str(tmp_path / "gone.json")]) == 1
    assert "prefect work-pool create failed" in capsys.readouterr().out


def test_a_server_that_does_not_answer_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pools, "STARTUP_SECONDS", 1)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setenv("PADDOCK_HOME", str(tmp_path / "home"))
    assert pools.main(["cpu"]) == 1
    assert "Prefect did not answer in 1 s" in capsys.readouterr().out
