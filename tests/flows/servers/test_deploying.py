"""Deployments on a real Prefect server: made from files, and what people changed there stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError

from data_contracts.errors import InputError, PaddockError
from flows.asking.model_file import ModelFile, read_model_file
from flows.asking.model_parameters import DeployParameters
from flows.servers import deployed
from flows.servers.deploying import deploy, remove
from flows.servers.wanted import model_deployments, plain_deployments
from flows.workshop.settings import Settings

FLOWS = (
    *("retrain", "evaluate", "monitor_drift", "review", "compact_log"),
    *("weekly_report", "promote", "compress"),
    *("canary", "experiment", "incident", "rollback", "retire"),
)


@pytest.fixture(scope="module")
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        with suppress(ObjectAlreadyExists):
            client.create_work_pool(WorkPoolCreate(name="cpu", type="process"))
        yield client


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return f"desk-{abs(hash(request.node.name)) % 10**8}"


def _file(folder: Path, name: str, more: str = "") -> ModelFile:
    place = folder / f"{name}.toml"
    place.write_text(f'name = "{name}"\nsource = "rows"\n{more}')
    return read_model_file(place)


def _crons(client: SyncPrefectClient, address: str) -> list[str]:
    return [one.schedule.cron for one in client.read_deployment_by_name(address).schedules]  # pyright: ignore


def test_a_model_gets_deployments_of_its_own_once(
    client: SyncPrefectClient, tmp_path: Path, name: str
) -> None:
    file = _file(
        tmp_path,
        name,
        '[training]\nlora_r = 4\n[schedules]\nretrain = "1 3 * * 0"\nreview = ""\n'
        'timezone = "Europe/Berlin"\n[drift]\nretrain = false\n'
        '[notifications]\nblocks = ["slack-webhook/a"]\n',
    )
    said = deploy(client, model_deployments(file))
    assert [line.partition(":")[0] for line in said] == [f"{flow}/{name}" for flow in FLOWS]
    retrain = client.read_deployment_by_name(f"retrain/{name}")
    assert deploy(client, model_deployments(file)) == []
    again = client.read_deployment_by_name(f"retrain/{name}")
    assert again.updated == retrain.updated  # nothing was written
    asked = retrain.parameters["parameters"]
    assert (asked["name"], asked["source"]) == (name, str(tmp_path / "rows"))
    assert asked["training"]["lora_r"] == 4 and "limits" not in asked
    assert retrain.job_variables == {"env": {"PADDOCK_NOTIFY": "slack-webhook/a"}}
    assert set(retrain.tags) == {"training", f"model:{name}"}
    assert _crons(client, f"retrain/{name}") == ["1 3 * * 0"]
    assert _crons(client, f"review/{name}") == ["5 9 1,8,15,22 * *"]
    (served,) = client.read_deployment_by_name(f"review/{name}").schedules
    given = served.parameters["parameters"]
    assert (given["name"], given["of"], given["month"]) == (name, "served", True)
    drift = client.read_deployment_by_name(f"monitor_drift/{name}")
    assert drift.parameters["parameters"]["retrain"] is False


def test_what_people_changed_in_prefect_stays_and_is_told(
    client: SyncPrefectClient, tmp_path: Path, name: str
) -> None:
    deploy(client, model_deployments(_file(tmp_path, name)))
    there = client.read_deployment_by_name(f"retrain/{name}")
    given = there.parameters["parameters"] | {"num_train_epochs": 5}
    client.update_deployment(there.id, DeploymentUpdate(parameters={"parameters": given}))
    client.update_deployment_schedule(there.id, there.schedules[0].id, active=False)
    file = _file(tmp_path, name, 'num_train_epochs = 4\n[schedules]\nevaluate = "9 9 * * *"\n')
    said = deploy(client, model_deployments(file))
    kept = [line for line in said if "stay as they were changed in Prefect" in line]
    parameters, schedules = kept
    assert "num_train_epochs: 5 in Prefect, 4 in the file" in parameters
    assert "file.active: False in Prefect, True in the file" in schedules
    assert [line for line in said if line not in kept] == [
        f"evaluate/{name}: schedules as the file says "
        "(file.schedule.cron: 0 4 * * * in Prefect, 9 9 * * * in the file)"
    ]
    now = client.read_deployment_by_name(f"retrain/{name}")
    assert now.parameters["parameters"]["num_train_epochs"] == 5
    assert [one.active for one in now.schedules] == [False]
    assert _crons(client, f"evaluate/{name}") == ["9 9 * * *"]
    assert deploy(client, model_deployments(file)) == kept  # it is told each time
    taken = deploy(client, model_deployments(file), overwrite=True)
    assert any("num_train_epochs: 5 in Prefect, 4 in the file" in line for line in taken)
    now = client.read_deployment_by_name(f"retrain/{name}")
    assert now.parameters["parameters"]["num_train_epochs"] == 4
    assert [one.active for one in now.schedules] == [True]
    assert deploy(client, model_deployments(file)) == []


def test_an_emptied_field_is_refused_by_the_server(
    client: SyncPrefectClient, tmp_path: Path, name: str
) -> None:
    deploy(client, model_deployments(_file(tmp_path, name, "[training]\nlora_r = 4\n")))
    there = client.read_deployment_by_name(f"retrain/{name}")
    full: dict[str, Any] = there.parameters["parameters"]
    client.create_flow_run_from_deployment(there.id, parameters={"parameters": full})
    training = {key: value for key, value in full["training"].items() if key != "learning_rate"}
    for wrong in (
        {key: value for key, value in full.items() if key != "source"},
        {key: value for key, value in full.items() if key != "training"},
        full | {"name": "another"},
        full | {"training": training},
        full | {"lora_r": 8},
    ):
        with pytest.raises(PrefectHTTPStatusError, match=r"409|422"):
            client.create_flow_run_from_deployment(there.id, parameters={"parameters": wrong})


def test_a_model_is_taken_away_with_its_deployments_alone(
    client: SyncPrefectClient, tmp_path: Path, name: str
) -> None:
    deploy(client, plain_deployments())
    deploy(client, model_deployments(_file(tmp_path, name)))
    assert len(remove(client, name)) == len(FLOWS)
    with pytest.raises(ObjectNotFound):
        client.read_deployment_by_name(f"retrain/{name}")
    assert client.read_deployment_by_name("retrain/retrain")
    assert remove(client, "retrain") == []
    with pytest.raises(InputError, match="another name"):
        model_deployments(_file(tmp_path, "retrain"))


def test_a_schedule_that_cannot_be_is_refused_before_any_deployment(
    client: SyncPrefectClient, tmp_path: Path, name: str
) -> None:
    for more in ('retrain = "61 * * * *"', 'timezone = "Mars/Base"'):
        file = _file(tmp_path, name, f"[schedules]\n{more}\n")
        with pytest.raises(InputError, match="schedule cannot be read"):
            model_deployments(file)


def test_a_pool_that_is_missing_is_said_in_a_line(
    client: SyncPrefectClient, tmp_path: Path, name: str
) -> None:
    file = _file(tmp_path, name, '[machine]\nwork_pool = "gpu-that-is-not"\n')
    with pytest.raises(PaddockError) as refused:
        deploy(client, model_deployments(file))
    assert len(str(refused.value)) < 600
    assert f"retrain/{name}" in str(refused.value)


def test_what_moves_the_champion_may_have_a_pool_of_its_own(tmp_path: Path, name: str) -> None:
    def pools(more: str) -> dict[str, str]:
        wanted = model_deployments(_file(tmp_path, name, f"[machine]\n{more}\n"))
        return {one.flow.name: one.machine["work_pool"] for one in wanted}

    apart = pools('work_pool = "gpu"\nrelease_pool = "release"')
    assert {flow for flow, pool in apart.items() if pool == "release"} == {
        *("promote", "canary", "experiment", "rollback", "retire")
    }
    assert apart["retrain"] == "gpu"
    assert set(pools('work_pool = "gpu"').values()) == {"gpu"}


def test_a_home_deploys_again_what_it_deployed_and_says_what_is_gone(
    client: SyncPrefectClient, tmp_path: Path, name: str
) -> None:
    settings = Settings(home=tmp_path, prefect_api_url=str(client.api_url))
    assert list(deployed.deployed_files(settings)) == ["help-desk"]
    file = tmp_path / f"{name}.toml"
    _file(tmp_path, name)
    said = deployed.deploy_files(settings, DeployParameters(file=str(file)))
    assert f"retrain/{name}: made, at 0 2 * * *" in said
    assert set(deployed.deployed_files(settings)) == {"help-desk", name}
    assert deployed.by_hand_alone(settings, name) == ""
    assert "paddock init bare-desk" in deployed.by_hand_alone(settings, "bare-desk")
    assert deployed.by_hand_alone(Settings(home=tmp_path), "bare-desk") == ""
    demo = DeployParameters(file=str(deployed.DEMO_FILE), remove=True)
    assert deployed.deploy_files(settings, demo)
    assert set(deployed.deployed_files(settings)) == {name}
    file.unlink()
    said = deployed.deploy_files(settings, DeployParameters())
    assert any(line.startswith(f"{name}: its deployments stay as they are") for line in said)
    assert client.read_deployment_by_name(f"retrain/{name}")
    (tmp_path / "deployed.json").write_text("{")
    with pytest.raises(PaddockError, match="list of deployed files"):
        deployed.deployed_files(settings)
