"""For faults that befall releases: the registry and candidates of its own tests, and servers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from model_registry import reconciling
from model_registry.candidates import Candidate
from model_registry.dossier import Dossier
from model_registry.promotion import promote
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry, open_registry
from tests.faults.releases.servers import MlflowServer
from tests.faults.releases.teams import Folder, Model, Team, in_bucket, in_folder, released
from tests.ledgers import KINDS, ledger_database, made_database, postgres_answers
from tests.model_registry.guarded import start_guarded
from tests.registry_fixtures import registry_fixtures

_registry = registry_fixtures("registry_fixtures")
empty_database, keys, trained = _registry.empty_database, _registry.keys, _registry.trained
make_files, register = _registry.make_files, _registry.register
make_scorecard, publish = _registry.make_scorecard, _registry.publish
approved = _registry.approved


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """No release is under way that a look would have to wait for."""
    monkeypatch.setattr(reconciling, "LOOK_AGAIN", 0.0)


@pytest.fixture(params=KINDS)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a ledger's database: SQLite, and PostgreSQL."""
    with ledger_database(request.param, tmp_path) as address:
        yield address


# Servers with logins. Where there is PostgreSQL, the one over SQLite is left to the slow proofs.
_OVER_SQLITE = pytest.param("sqlite", marks=[pytest.mark.slow] if postgres_answers() else [])
SERVERS = (_OVER_SQLITE, "postgresql")


@pytest.fixture(scope="session")
def teams(
    request: pytest.FixtureRequest,
    register: Callable[..., Candidate],
    publish: Callable[..., Dossier],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Team]]:
    """Real MLflow servers with logins, by what they are over; each starts when it is asked for."""
    pytest.importorskip("flask_wtf", reason="MLflow's logins need Flask-WTF")
    started: dict[str, Team] = {}
    with ExitStack() as stack:

        def team(over: str) -> Team:
            if over not in started:
                home = tmp_path_factory.mktemp("team")
                made = {"sqlite": _over_sqlite, "postgresql": _over_postgres}[over]
                found = stack.enter_context(made(request, home))
                server = MlflowServer(home, found.database, found.place)
                stack.callback(server.kill)
                start = partial(server.start, **found.settings)
                guarded = start_guarded(start, home, found.accounts, found.ledger)
                started[over] = Team(server, guarded, found.files, register, publish)
            return started[over]

        yield team


@pytest.fixture(params=SERVERS)
def team(request: pytest.FixtureRequest, teams: Callable[[str], Team]) -> Team:
    """A server with logins that tests may kill, if they start it again."""
    return teams(request.param)


class Over(NamedTuple):
    """What a server is over: databases, a place for files and how to reach them, variables."""

    database: str
    accounts: str
    ledger: str
    place: str
    files: Folder
    settings: dict[str, str]


@contextmanager
def _over_sqlite(request: pytest.FixtureRequest, home: Path) -> Generator[Over]:
    shutil.copyfile(request.getfixturevalue("empty_database"), home / "mlflow.db")
    yield Over(
        database=f"sqlite:///{home}/mlflow.db",
        accounts=f"sqlite:///{home}/auth.db",
        ledger=f"sqlite:///{home}/ledger.db",
        place=f"file://{home}/artifacts",
        files=in_folder(home / "artifacts"),
        settings={},
    )


@contextmanager
def _over_postgres(request: pytest.FixtureRequest, home: Path) -> Generator[Over]:
    with made_database() as database, made_database() as accounts, made_database() as ledger:
        s3 = request.getfixturevalue("s3_server")
        place, files = f"s3://{s3.bucket}/{home.name}", in_bucket(s3.client, s3.bucket, home.name)
        settings = {"MLFLOW_S3_ENDPOINT_URL": s3.endpoint_url}
        yield Over(database, accounts, ledger, place, files, settings)


@pytest.fixture(params=["home", *SERVERS])
def model(
    request: pytest.FixtureRequest,
    keys: SigningKeys,
) -> Model:
    """A model of which `a` serves (version 1), and `b` and `c` were approved, compared with it."""
    if request.param == "home":
        desk, home = request.getfixturevalue("desk"), request.getfixturevalue("home")
        return Model("desk", desk, desk, desk, in_folder(home / "mlflow-artifacts"))
    return released(request.getfixturevalue("teams")(request.param), keys)


@pytest.fixture(scope="session")
def three(
    empty_database: Path,
    approved: Callable[..., Any],
    keys: SigningKeys,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A home in which `a` serves, and `b` and `c` were approved, both compared with it."""
    home = tmp_path_factory.mktemp("three")
    shutil.copyfile(empty_database, home / "mlflow.db")
    registry = open_home(home)
    promote(registry, "desk", approved(registry, "a").version, keys)
    for mark in "bc":
        approved(registry, mark, champion="model-a")
    return home


@pytest.fixture
def home(three: Path, tmp_path: Path) -> Path:
    """A copy of that home, to do things to."""
    shutil.copytree(three, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def desk(home: Path) -> Registry:
    return open_home(home)


def open_home(home: Path) -> Registry:
    return open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/mlflow-artifacts")
