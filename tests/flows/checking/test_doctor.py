"""`paddock doctor` over homes and servers with something wrong in each."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows.checking import checks, servers
from flows.checking.checks import Check, look_at, table
from flows.command.doctor import examine
from flows.workshop.settings import Settings
from model_registry.accounts.passwords import Passwords, write_passwords
from model_registry.ledger.book import Ledger
from model_registry.ledger.rows import Served, next_row
from model_registry.signing import ensure_keys
from tests.waiting import free_port

Ended = subprocess.CompletedProcess[str]
SECRET = "hunter2hunter2"
CLEAN = ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "PREFECT_API_AUTH_STRING", "PADDOCK_STORE")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with databases, a ledger of two rows and keys; the environment names no server."""
    place = tmp_path / "home"
    place.mkdir(mode=0o700)
    for name in CLEAN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PADDOCK_HOME", str(place))
    ensure_keys(place / "keys")
    for name in ("mlflow.db", "prefect.db"):
        with closing(sqlite3.connect(place / name)) as database:
            database.execute("CREATE TABLE things (name TEXT)")
    book = Ledger(f"sqlite:///{place}/ledger.db")
    served = Served(version=1, run="r", digest="d", files_digest="f", candidate=1, dossier="e")
    facts = {"name": "desk", "previous": None, "people": (), "reason": "good", "by": "ada"}
    first = next_row(None, action="promote", serves=served, at="2026-11-28T10:00:00+00:00", **facts)
    gone = {"action": "out of service", "serves": None, "at": "2026-11-28T11:00:00+00:00"}
    book.append(first, next_row(first, **(facts | gone)))
    return place


def _found(what: str) -> Check:
    text, _ = examine()
    lines = text.splitlines()
    at = next(n for n, line in enumerate(lines) if line[10:].startswith(what))
    todo = lines[at + 1].partition("to do: ")[2]
    state, said = lines[at][2:8].strip(), lines[at][10 + len(what) :].strip()
    return Check(what, state, said, todo)  # pyright: ignore[reportArgumentType]


@pytest.mark.usefixtures("home")
def test_a_home_that_is_well_is_all_ok() -> None:
    began = time.monotonic()
    text, well = examine()
    assert well, text
    assert time.monotonic() - began < 10
    states = {
        line[10:].split("  ")[0]: line[2:8].strip() for line in text.splitlines() if line[10:]
    }
    assert {states[what] for what in ("Python", "home", "databases", "ledger", "keys")} == {"ok"}
    assert "2 rows of 1 models follow from each other" in text


def _opened(home: Path) -> None:
    home.chmod(0o755)


def _passwords_for_all(home: Path) -> None:
    (home / "accounts.toml").write_text(f'prefect = "paddock:{SECRET}"\n')
    (home / "accounts.toml").chmod(0o644)


def _torn(home: Path) -> None:
    (home / "mlflow.db").write_bytes(b"not a database, not at all " * 100)


def _changed_row(home: Path) -> None:
    with closing(sqlite3.connect(home / "ledger.db")) as database:
        database.execute("DROP TRIGGER release_ledger_no_update")
        database.execute("UPDATE release_ledger SET reason = 'other' WHERE sequence = 1")
        database.commit()


def _other_key(home: Path) -> None:
    ensure_keys(home / "other")
    shutil.copyfile(home / "other/signing.pub", home / "keys/signing.pub")


def _half_a_key(home: Path) -> None:
    (home / "keys/signing.key").write_text("-----BEGIN")


def _servers_that_are_gone(home: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    content = {"prefect_api_url": "http://x/api", "mlflow_uri": "http://x", "pid": ended.pid}
    (home / "servers.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("deed", "what", "state", "words"),
    [
        (_opened, "home", "look", ["open to others (755)", "chmod 700"]),
        (_passwords_for_all, "secret files", "broken", ["accounts.toml", "chmod 600"]),
        (_torn, "mlflow.db", "broken", ["no database any more", "backup"]),
        (_changed_row, "ledger", "broken", ["row 1 of desk was changed", "backup"]),
        (_other_key, "keys", "broken", ["signing.pub is not of signing.key", "backup"]),
        (_half_a_key, "keys", "broken", ["cannot be read", "backup"]),
        (_servers_that_are_gone, "servers.json", "look", ["are gone", "make up"]),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    home: Path, deed: Callable[[Path], None], what: str, state: str, words: list[str]
) -> None:
    deed(home)
    found = _found(what)
    assert found.state == state
    for word in words:
        assert word in f"{found.said} {found.todo}"
    text, well = examine()
    assert well is (state != "broken")
    assert SECRET not in text


def test_a_database_that_is_kept_is_said(home: Path) -> None:
    with closing(sqlite3.connect(home / "prefect.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        assert _found("prefect.db").state == "look"
    assert _found("databases").state == "ok"


@pytest.mark.usefixtures("home")
def test_settings_that_are_none_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADDOCK_LEDGR", f"postgresql://me:{SECRET}@db/ledger")
    found = _found("settings")
    assert (found.state, found.todo) == ("look", "did you mean PADDOCK_LEDGER?")
    monkeypatch.setenv("PADDOCK_PREFECT_LOGIN", "x")  # as the code calls it, which is no setting
    assert "PADDOCK_PREFECT_LOGIN is no setting" in examine()[0]
    monkeypatch.setenv("PADDOCK_SHARD_RUNNER", "fibres")
    text, well = examine()
    assert not well
    assert "shard_runner: Input should be 'threads'" in text
    assert SECRET not in text


@pytest.mark.usefixtures("home")
def test_models_and_stores_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADDOCK_NAMES_MODEL", "no_such_model")
    assert _found("names model").state == "broken"
    monkeypatch.setenv("PADDOCK_STORE", "s3://paddock/desk")
    monkeypatch.setenv("PADDOCK_S3_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("PADDOCK_LEDGER", f"postgresql://me:{SECRET}@127.0.0.1:{free_port()}/x")
    store = _found("store")
    assert (store.state, "EndpointConnectionError" in store.said) == ("broken", True)
    assert _found("ledger").state == "broken"
    assert _found("vectors").state == "ok"
    for address in (f"postgresql://me:{SECRET}@127.0.0.1:{free_port()}/x", f"mysql://{SECRET}"):
        monkeypatch.setenv("PADDOCK_VECTORS", address)
        assert _found("vectors").state == "broken"
    assert SECRET not in examine()[0]


class _Late(BaseHTTPRequestHandler):
    """An MLflow whose clock is wrong and which knows one password."""

    def do_GET(self) -> None:
        open_ = self.path == "/health" or "Basic cGlwZWxpbmU6cmlnaHQ=" in str(self.headers)
        self.send_response_only(200 if open_ else 401)
        self.send_header("Date", format_datetime(datetime.now(UTC) - timedelta(minutes=7)))
        self.end_headers()
        self.wfile.write(b"OK" if self.path == "/health" else b'{"user": {}}')

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def late() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Late)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_logins_and_clocks_of_a_server(
    home: Path, late: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", late)
    roles = {"pipeline": ("pipeline",), "promoter": ("promoter",)}
    passwords: Any = {"pipeline": "right", "promoter": SECRET}
    known = Passwords.model_validate({"server": late, "roles": roles, "passwords": passwords})
    write_passwords(home / "accounts.toml", known)
    assert _found("MLflow").said == f"{late} answers"
    clock = _found("MLflow's clock")
    assert clock.state == "look"
    assert re.fullmatch(r"42\d s behind", clock.said)
    assert _found("login pipeline").state == "ok"
    refused = _found("login promoter")
    assert (refused.state, "does not take the password of promoter (401)" in refused.said) == (
        "broken",
        True,
    )
    assert SECRET not in examine()[0]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{SECRET}@127.0.0.1:{free_port()}")
    silent = _found("MLflow")
    assert (silent.state, SECRET in silent.said) == ("broken", False)


@pytest.mark.usefixtures("prefect_server")
def test_a_real_prefect_server_without_and_with_a_worker(home: Path) -> None:
    from prefect.settings import get_current_settings

    api = str(get_current_settings().api.url)
    look = partial(servers.prefect, Settings.model_validate({"home": home, "PREFECT_API_URL": api}))
    found = {check.what: check for check in look_at([("Prefect", look)])}
    assert found["Prefect"].state == "ok", found
    assert (found["worker"].state, found["worker"].todo) == (
        "broken",
        "prefect worker start --pool cpu",
    )
    assert found["late runs"].said == "none"
    assert (found["deployments"].state, "retrain" in found["deployments"].said) == ("look", True)
    ask = servers._ask  # pyright: ignore[reportPrivateUsage]
    assert ask(f"{api}/work_pools/", {"name": "cpu", "type": "process"}).status == 201
    ask(f"{api}/work_pools/cpu/workers/heartbeat", {"name": "paddock"})
    found = {check.what: check for check in look_at([("Prefect", look)])}
    assert (found["worker"].state, "paddock of the pool cpu" in found["worker"].said) == (
        "ok",
        True,
    )


def test_a_look_that_takes_too_long_or_fails_ends_none_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checks, "LONGEST", 0.2)

    def hang() -> list[Check]:
        time.sleep(5)
        return []

    def fail() -> list[Check]:
        raise ValueError(SECRET)

    found = look_at([("one", hang), ("two", fail), ("three", lambda: [Check("three", "ok", "")])])
    assert [(check.what, check.state) for check in found] == [
        ("one", "broken"),
        ("two", "broken"),
        ("three", "ok"),
    ]
    assert SECRET not in table(found)


def test_the_command_changes_nothing_and_leaves_with_1(
    home: Path, terminal: Callable[..., Ended]
) -> None:
    home.chmod(0o755)
    before = sorted(path.name for path in home.rglob("*"))
    assert terminal(home, "doctor").returncode == 0
    assert home.stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in home.rglob("*")) == before
    _other_key(home)
    ended = terminal(home, "doctor")
    assert (ended.returncode, "1 broken" in ended.stdout) == (1, True)
    fresh = home.with_name("fresh")
    assert terminal(fresh, "doctor").returncode == 0
    assert not fresh.exists()
