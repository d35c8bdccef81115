"""The commands about the ledger, over a home in which candidate `a` served and `b` does."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data_contracts.digests import folder_digest
from flows.reconciling import describe, reconcile
from flows.showing.registry_status import read_registry_status
from model_registry.candidates import find_candidate
from model_registry.promotion import promote
from model_registry.signing import ensure_keys
from model_registry.tracking import Registry, open_registry
from tasks.storage.objects import LocalStore
from tests.registry_fixtures import registry_fixtures

Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]
NAME = ["--name", "desk"]
EVIL = '=HYPERLINK("http://elsewhere.example") <script>alert(1)</script>'

_registry = registry_fixtures("registry_fixtures_of_flows")
empty_database, trained, make_files = (
    _registry.empty_database,
    _registry.trained,
    _registry.make_files,
)
register, make_scorecard = _registry.register, _registry.make_scorecard
publish, approved = _registry.publish, _registry.approved


@pytest.fixture(scope="session")
def keys(released_home: Path) -> Any:
    return ensure_keys(released_home / "keys")


@pytest.fixture(scope="session")
def released_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("released") / "home"


def _open(home: Path) -> Registry:
    return open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/mlflow-artifacts")


@pytest.fixture(scope="module")
def served(
    released_home: Path, empty_database: Path, approved: Callable[..., Any], keys: Any
) -> Path:
    shutil.copyfile(empty_database, released_home / "mlflow.db")
    registry = _open(released_home)
    promote(registry, "desk", approved(registry, "a").version, keys)
    promote(registry, "desk", approved(registry, "b", champion="model-a").version, keys)
    return released_home


@pytest.fixture
def home(served: Path, tmp_path: Path) -> Path:
    shutil.copytree(served, tmp_path / "home")
    return tmp_path / "home"


def done(ended: Ended) -> str:
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr + ended.stdout
    return ended.stdout


def test_a_move_nobody_explains_is_put_back_and_told(home: Path, terminal: Run) -> None:
    _open(home).client.set_registered_model_alias("desk", "champion", "1")
    said = done(terminal(home, "reconcile"))
    moved = "the alias champion was moved outside Paddock: it points at version 1, and the last"
    assert moved in said and "put back: version 2 is the champion, as row 2 says." in said
    again = done(terminal(home, "reconcile", *NAME, "--verify"))
    assert "nothing was to do. The bytes are what it names." in again
    assert "TROUBLE" not in done(terminal(home, "show", *NAME))


def test_what_cannot_be_reconciled_is_said_with_what_to_do(home: Path, terminal: Run) -> None:
    _open(home).client.delete_registered_model("desk")
    ended = terminal(home, "reconcile", *NAME)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "the registered model desk was deleted; nothing was moved." in ended.stdout
    assert "to do: `paddock promote --name desk --version 2`" in ended.stdout
    look = read_registry_status(LocalStore(home / "store")).models["desk"]
    assert (look.trouble, look.moves) == (True, 0)


@pytest.mark.usefixtures("prefect_server")
def test_the_flow_ends_with_a_sentence_and_publishes_what_nobody_explains(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.client.orchestration import get_client

    monkeypatch.setenv("PADDOCK_HOME", str(home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    _open(home).client.delete_registered_model_alias("desk", "previous")
    state = reconcile(return_state=True)
    assert state.is_completed()
    assert state.message is not None
    assert "a rollback goes to version 1; put back: version 2 is the champion" in state.message
    told: Any = state.result()
    (found,) = told
    assert len(found.moves) == 1
    with get_client(sync_client=True) as client:
        artifacts = client.request("POST", "/artifacts/filter", json={}).json()
    (page,) = (one["data"] for one in artifacts if one["key"] == "reconcile")
    assert page == describe([found])
    assert "who did it is not known" in page


def test_a_champion_is_taken_out_of_service_and_the_one_before_put_back(
    home: Path, terminal: Run
) -> None:
    said = done(terminal(home, "retire", *NAME, "--reason", "it invents prices"))
    assert "desk: nothing serves now, after version 2 (it invents prices)." in said
    shown = done(terminal(home, "show", *NAME))
    assert "nothing: it was taken out of service (it invents prices)" in shown
    assert "nothing, out of service (it invents prices)" in shown
    told = done(terminal(home, "history", *NAME))
    assert "until today: nothing  (row 3, out of service)" in told
    assert "nothing was to do" in done(terminal(home, "reconcile", *NAME, "--verify"))
    again = terminal(home, "retire", *NAME, "--reason", "twice by mistake")
    assert (again.returncode, again.stderr.startswith("retire: there is no champion")) == (1, True)
    back = done(terminal(home, "rollback", *NAME, "--reason", "it was better"))
    assert "rollback: desk version 1 is champion now, after nothing" in back
    forward = done(terminal(home, "promote", *NAME, "--version", "2"))
    assert "promote: desk version 2 is champion now, after version 1" in forward


def test_what_served_when_is_told(home: Path, terminal: Run) -> None:
    registry = _open(home)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    told = done(terminal(home, "history", *NAME, "--at", today))
    assert "version 1  (row 1, promote)" in told and "version 2  (row 2, promote)" in told
    assert "approved by  ada (release, 20" in told
    rows = json.loads(done(terminal(home, "history", *NAME, "--format", "json")))
    assert [row["hash"] for row in rows] == [row.hash for row in registry.ledger.rows("desk")]
    assert (rows[0]["until"], rows[1]["until"]) == (rows[1]["from"], None)
    page = done(terminal(home, "history", *NAME, "--format", "html"))
    assert page.startswith("<!doctype html>") and rows[0]["serves"]["dossier"] in page
    for name, day in (("desk", "2020-01-01"), ("bells", today)):
        none = done(terminal(home, "history", "--name", name, "--at", day))
        assert none == f"Nothing of {name} served on {day}, by the release ledger.\n"


def test_what_people_wrote_is_only_text(home: Path, terminal: Run) -> None:
    done(terminal(home, "rollback", *NAME, "--reason", EVIL))
    page = done(terminal(home, "history", *NAME, "--format", "html"))
    assert "<script>" not in page and "&lt;script&gt;" in page
    text = done(terminal(home, "history", *NAME, "--format", "csv"))
    table = list(csv.DictReader(io.StringIO(text)))
    assert [row["action"] for row in table] == ["promote", "promote", "rollback"]
    assert table[-1]["reason"] == f"'{EVIL}"
    assert table[-1]["until"] == ""


def test_the_champion_is_fetched_for_serving(home: Path, terminal: Run, tmp_path: Path) -> None:
    folder = tmp_path / "serving"
    said = done(terminal(home, "fetch", "desk@champion", str(folder)))
    assert f"desk version 2, row 2 of the ledger: verified; the model is in {folder}/model" in said
    assert folder_digest(folder) == find_candidate(_open(home), "desk", 2).files_digest
    assert "verified again" in done(terminal(home, "fetch", "desk@champion", str(folder)))
    for address, code, step in (("desk/9", 1, "fetch: no release"), ("desk", 2, "parameters: ")):
        ended = terminal(home, "fetch", address, str(tmp_path / "other"))
        assert (ended.returncode, ended.stderr.startswith(step)) == (code, True), ended.stderr


def test_the_champion_is_exported_or_it_is_said_why_not(
    home: Path, terminal: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    said = done(terminal(home, "export", "desk@champion", str(folder)))
    assert f"desk version 2 (safetensors): verified and written in {folder}" in said
    line = said.strip().splitlines()[-1].strip()
    assert line.startswith("python -c ") and line in (folder / "README.md").read_text()
    assert "verified again" in done(terminal(home, "export", "desk@champion", str(folder)))
    other = ("export", "desk@champion", str(tmp_path / "other"), "--format", "gguf")
    refused = terminal(home, *other)
    assert refused.returncode == 2
    assert refused.stderr.startswith("export: its tokenizer is of a kind (WordLevel)")
    assert not (tmp_path / "other").exists()


def test_a_ledger_elsewhere_is_a_setting(home: Path, terminal: Run, tmp_path: Path) -> None:
    elsewhere = f"sqlite:///{tmp_path}/elsewhere.db"
    (home / "ledger.db").rename(tmp_path / "elsewhere.db")
    lost = terminal(home, "history", *NAME, PADDOCK_LEDGER="")
    assert lost.stderr.startswith(
        "history: MLflow has seen row 2 of the ledger, which is not in it"
    )
    assert "TROUBLE   MLflow has seen row 2 of the ledger" in done(terminal(home, "show", *NAME))
    told = done(terminal(home, "history", *NAME, PADDOCK_LEDGER=elsewhere))
    assert "version 2  (row 2, promote)" in told
    terminal(home, "show", *NAME, PADDOCK_LEDGER="")
