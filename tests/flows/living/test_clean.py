"""Cleaning a home that was lived in, by hand and by schedule; it looks forty days older."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client

from flows.asking.cleaning_parameters import CleanParameters
from model_registry.tracking import open_registry
from tests.flows.living.conftest import AGO, NAME, Ended, Lived, age, done, table_rows

Run = Callable[..., Ended]
Manifests = Callable[[Path], dict[str, list[dict[str, Any]]]]


@pytest.fixture
def home(aged: Path) -> Path:
    return aged


def _kinds(text: str, fate: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for (told, kind, _), count in table_rows(text).items():
        if told == fate:
            found[kind] = found.get(kind, 0) + count
    return found


def test_it_says_what_can_go_and_touches_nothing(
    home: Path, lived: Lived, terminal: Run, manifests: Manifests
) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()}
    said = done(terminal(home, "clean"))
    assert _kinds(said, "goes") == {"model": 1, "ingest-shard": 1}
    rows = table_rows(said)
    assert rows["stays", "model", "it serves"] == 1
    assert rows["stays", "model", "a rollback goes to it"] == 1
    assert rows["stays", "released files", "the ledger names them"] == 2
    assert "Of that 0 B are shared by hard links" in said
    assert "2 can go, which frees" in said
    after = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()}
    assert {p: t for p, t in after.items() if ".db" not in p.name and "used" not in p.parts} == {
        p: t for p, t in before.items() if ".db" not in p.name
    }
    assert lived.tried in {made["digest"] for made in manifests(home)["model"]}


def test_what_stays_works_as_before(
    home: Path, lived: Lived, terminal: Run, manifests: Manifests, tmp_path: Path
) -> None:
    before = manifests(home)
    row = json.loads(next(home.glob("store/snapshot/*/report.json")).read_text())
    assert row["kept"] == 42
    said = done(terminal(home, "clean", "--apply"))
    assert "Deleted 2, which frees" in said
    after = manifests(home)
    assert lived.tried not in {made["digest"] for made in after["model"]}
    assert {stage for stage in before if len(before[stage]) != len(after.get(stage, []))} == {
        "model",
        "ingest-shard",
    }
    assert "Nothing can go." in done(terminal(home, "clean"))
    for words in (["show", *NAME], ["history", *NAME], ["compare", *NAME, "1", "3"]):
        assert "TROUBLE" not in done(terminal(home, *words))
    done(terminal(home, "fetch", "shelves@previous", str(tmp_path / "fetched")))
    done(terminal(home, "reconcile", *NAME, "--verify"))
    row_id = _a_row(home)
    assert "registered: shelves version 2, serves as champion" in done(
        terminal(home, "lineage", "--row", row_id)
    )
    again = done(terminal(home, *lived.words, "--learning-rate", "5e-4"))
    assert "0 run (none)" in again
    assert "version 1" in done(terminal(home, "rollback", *NAME, "--reason", "slow"))
    third = ["--approve", "--person", "Ada"]
    refused = terminal(home, "decide", *NAME, "--version", "3", *third)
    assert refused.returncode in (0, 1)  # it was compared with what served


def _a_row(home: Path) -> str:
    from data_contracts.snapshot.reading import read_rows

    (folder,) = home.glob("store/snapshot/*")
    return next(str(row["id"]) for row in read_rows(folder))


def test_a_run_at_work_keeps_everything_it_may_need(home: Path, terminal: Run) -> None:
    lock = next(home.glob("work/model/*.lock"))
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        said = done(terminal(home, "clean", "--apply"))
        assert "Nothing can go." in said
        assert ("stays", "model", "a run is at work") in table_rows(said)
    assert "2 can go" in done(terminal(home, "clean"))


def test_what_was_used_lately_stays(home: Path, lived: Lived, terminal: Run) -> None:
    done(terminal(home, "compare", *NAME, lived.tried[:12], "3"))
    assert _kinds(done(terminal(home, "clean")), "goes") == {"ingest-shard": 1}


def test_work_folders_caches_and_logs_go_by_age(home: Path, terminal: Run) -> None:
    before = time.time() - AGO.total_seconds()
    old = [home / "work/model/dead", home / "work/bases/abc", home / "logs/mlflow.log.1"]
    new = [home / "work/answers/alive", home / "logs/mlflow.log"]
    for path in (*old, *new):
        place = path if path.parent.name == "logs" else path / "checkpoint"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("x" * 2048)
        for one in (place, place.parent) if path in old else ():
            os.utime(one, (before, before))
    os.utime(home / "logs")
    said = done(terminal(home, "clean", "--apply"))
    rows = table_rows(said)
    for kind in ("work folders", "caches", "logs"):
        assert rows["goes", kind, "nobody has gone on with it"] == 1
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in new)


def _refuse_third(home: Path) -> None:
    """Let the newest candidate be a fourth, so that a third that was refused may go."""
    with closing(_database(home)) as database:
        database.execute(
            "UPDATE model_version_tags SET value = 'refused' "
            "WHERE name = 'shelves-candidate' AND version = 3 AND key = 'paddock.verdict'"
        )
        past = int((datetime.now(UTC) - AGO).timestamp() * 1000)
        database.execute("UPDATE model_versions SET last_updated_time = ?", (past,))
        database.commit()


def _database(home: Path) -> Any:
    import sqlite3

    return sqlite3.connect(home / "mlflow.db")


def test_a_refused_candidates_files_go_and_come_back(
    lived: Lived, home: Path, terminal: Run
) -> None:
    done(terminal(home, *lived.words, "--learning-rate", "9e-4"))
    age(home)
    _refuse_third(home)
    registry = open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/mlflow-artifacts")
    third = registry.client.get_model_version("shelves-candidate", "3")
    folder = registry.folder_at(third.source)
    assert folder
    said = done(terminal(home, "clean"))
    assert table_rows(said)["goes", "candidates' files", "its gates refused it"] == 1
    assert _kinds(said, "goes")["scorecard"] == 1
    done(terminal(home, "clean", "--apply"))
    assert not folder.exists()
    assert "version 3: refused" in done(terminal(home, "show", *NAME))
    again = done(terminal(home, *lived.words, "--learning-rate", "5e-4"))
    assert "shelves-candidate version 3: PASSED its gates" in again
    assert (folder / "model/model.safetensors").exists()
    yes = ["--approve", "--person", "Ada"]
    done(terminal(home, "decide", *NAME, "--version", "3", *yes))
    assert "version 3 is champion now" in done(terminal(home, "promote", *NAME, "--version", "3"))


def test_a_delete_that_died_is_finished_next_time(
    home: Path, lived: Lived, terminal: Run, manifests: Manifests
) -> None:
    (tried,) = [
        path.parent
        for path in home.glob("store/model/*/manifest.json")
        if json.loads(path.read_text())["digest"] == lived.tried
    ]
    (tried / "manifest.json").unlink()
    before = time.time() - AGO.total_seconds()
    for path in (tried, *tried.rglob("*")):
        os.utime(path, (before, before))
    said = done(terminal(home, "clean", "--apply"))
    assert table_rows(said)["goes", "half-made", "whoever made it never came back"] == 1
    assert not tried.exists()


def test_a_real_run_beside_it_ends_well(
    home: Path, lived: Lived, terminal: Run, home_environment: Callable[[Path], dict[str, str]]
) -> None:
    """The run needs the old base and snapshot that nothing else of its own names yet."""
    words = [*lived.words, "--learning-rate", "2e-3"]
    run = subprocess.Popen(
        [str(Path(sys.executable).with_name("paddock")), *words],
        env=home_environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    looks = 0
    while run.poll() is None:
        done(terminal(home, "clean", "--apply"))
        looks += 1
        time.sleep(1)
    said = run.stdout.read() if run.stdout else ""
    assert run.returncode == 0, said
    assert looks >= 3
    assert "version 4: PASSED" in said


@pytest.fixture
def flow(
    prefect_server: None,
    aged: Path,
    home_environment: Callable[[Path], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Any]:
    """Return a function that cleans up as a schedule does; the home is another if it is named."""
    from flows.cleaning import clean

    def run(place: Path = aged, **asked: Any) -> Any:
        for name, value in home_environment(place).items():
            monkeypatch.setenv(name, value)
        return clean(CleanParameters(**asked), return_state=True)

    return run


def test_the_schedule_deletes_and_says_on_a_page_what_that_freed(
    aged: Path, flow: Callable[..., Any], terminal: Run, tmp_path: Path
) -> None:
    fresh = flow(tmp_path / "fresh", apply=True)
    assert (fresh.name, fresh.message, fresh.result()) == ("Completed", "Nothing can go.", 0)
    said = flow()
    assert said.message and said.message.startswith("2 can go, which frees")
    before = sum(path.stat().st_size for path in (aged / "store").rglob("*") if path.is_file())
    ended = flow(apply=True)
    assert ended.message and ended.message.startswith("Deleted 2, which frees")
    after = sum(path.stat().st_size for path in (aged / "store").rglob("*") if path.is_file())
    assert before - after >= ended.result() > 0
    assert "Nothing can go." in done(terminal(aged, "clean"))
    with get_client(sync_client=True) as client:
        pages = [one.data for one in client.read_artifacts() if one.key == "clean"]
    page = next(page for page in map(str, pages) if "Deleted 2" in page)
    assert ("stays", "model", "it serves") in table_rows(page)
    assert f"**{ended.message}**" in page


def test_a_store_that_others_share_is_left_alone_while_they_work(
    aged: Path, flow: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another home's locks are not seen here; Prefect knows its runs."""
    from prefect import flow as made
    from prefect.settings import get_current_settings

    from flows import cleaning
    from tasks.storage.objects import LocalStore

    seen: list[Any] = []
    local = LocalStore.local_path

    def elsewhere(store: LocalStore, key: str) -> Path | None:
        return local(store, key) if key else None

    monkeypatch.setattr(LocalStore, "local_path", elsewhere)
    monkeypatch.setenv("PREFECT_API_URL", str(get_current_settings().api.url))
    monkeypatch.setenv("PADDOCK_HOME", str(aged))
    given = (CleanParameters(apply=True),)

    @made(name="retrain", flow_run_name="desk retrain of another home")
    def retrain() -> None:
        seen.append(cleaning.clean(*given, return_state=True))

    retrain()
    assert seen[0].message and "while others work: desk retrain of another home" in seen[0].message
    assert "Nothing can go." in seen[0].message
    alone = cleaning.clean(*given, return_state=True)
    assert alone.message and alone.message.startswith("Deleted 2, which frees")
