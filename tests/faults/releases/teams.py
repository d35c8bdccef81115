"""A team's MLflow server with logins, and the models that it releases there.

Over SQLite and a folder, or over PostgreSQL and an S3 server (SeaweedFS), with a ledger of the same
kind. Whoever has the database or the files of such a server can do what the server would refuse.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_registry.accounts.opening import open_models
from model_registry.approvals import record_decision, request_approval
from model_registry.candidates import Candidate
from model_registry.dossier import Dossier
from model_registry.promotion import promote
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry, open_registry
from tests.faults.releases.servers import MlflowServer
from tests.ledgers import copy_database, drop_database
from tests.model_registry.guarded import PEOPLE, Guarded

APPROVER = "bob@example.com"
_HERE = "mlflow-artifacts:/"
Folder = Callable[[str], AbstractContextManager[Path]]


@dataclass(frozen=True)
class Model:
    """A registered model, as who writes candidates, who releases and who serves reach it.

    `files` gives the folder that an address of artifacts is, to do things to.
    """

    name: str
    pipeline: Registry
    promoter: Registry
    serving: Registry
    files: Folder

    @contextmanager
    def harmed(self, uri: str, harm: Callable[[Path], None]) -> Generator[None]:
        """Do something to the files at an address, and put them back."""
        with tempfile.TemporaryDirectory() as scratch:
            kept = Path(scratch) / "kept"
            with self.files(uri) as files:
                shutil.copytree(files, kept)
                harm(files)
            yield
            with self.files(uri) as files:
                shutil.rmtree(files)
                shutil.copytree(kept, files)


class Team:
    """The server. `register` and `publish` are those of the registry's own tests."""

    def __init__(
        self,
        server: MlflowServer,
        guarded: Guarded,
        files: Folder,
        register: Callable[..., Candidate],
        publish: Callable[..., Dossier],
    ) -> None:
        self.server, self._guarded, self._files = server, guarded, files
        self._register, self._publish = register, publish

    @property
    def ledger(self) -> str:
        return self._guarded.ledger

    def model(self, name: str) -> Model:
        """Make a registered model ready for the team's accounts."""
        open_models(self._guarded.admin, PEOPLE, [name], lambda _: None)
        log_in = self._guarded.as_
        return Model(name, log_in("pipeline"), log_in("promoter"), log_in("serving"), self._files)

    def promoter(self, address: str = "") -> Registry:
        """Return one more registry of the promoter's, by the server's or another address."""
        login = self._guarded.login("promoter")
        return open_registry(address or self.server.address, None, login, ledger=self.ledger)

    def environment(self) -> dict[str, str]:
        """Return the variables by which MLflow takes a process for the promoter."""
        login = self._guarded.login("promoter")
        secret = login.password.get_secret_value()
        return {"MLFLOW_TRACKING_USERNAME": login.name, "MLFLOW_TRACKING_PASSWORD": secret}

    def approved(self, model: Model, mark: str, champion: str | None = None) -> Candidate:
        """Have a candidate registered, judged and approved, each by who may."""
        candidate = self._register(model.pipeline, mark, model.name)
        dossier = self._publish(model.pipeline, candidate, champion)
        request_approval(model.promoter, model.name, dossier)
        approver = self._guarded.as_(APPROVER)
        record_decision(approver, model.name, dossier, approve=True, person=APPROVER)
        return candidate

    @contextmanager
    def put_back(self, folder: Path) -> Generator[None]:
        """Have the server's database be at the end what it is now, as of a backup."""
        self.server.kill()
        path = Path(self.server.database.removeprefix("sqlite:///"))
        other, _, name = self.server.database.rpartition("/")
        if path.is_absolute():
            shutil.copyfile(path, folder / "backup.db")  # killed, it left a whole one
        else:
            copy_database(self.server.database, f"{name}_backup")
        self.server.start()
        yield
        self.server.kill()
        if path.is_absolute():
            for extra in ("-wal", "-shm"):
                Path(f"{path}{extra}").unlink(missing_ok=True)
            shutil.copyfile(folder / "backup.db", path)
        else:
            drop_database(name)
            copy_database(f"{other}/{name}_backup", name)
            drop_database(f"{name}_backup")
        self.server.start()


def released(team: Team, keys: SigningKeys) -> Model:
    """Release and approve the same on a server, under a name of its own."""
    model = team.model(f"m{uuid.uuid4().hex[:8]}")
    marks = {mark: f"{model.name}-{mark}" for mark in "abc"}
    first = team.approved(model, marks["a"])
    promote(model.promoter, model.name, first.version, keys)
    for mark in "bc":
        team.approved(model, marks[mark], champion=f"model-{marks['a']}")
    return model


def in_folder(root: Path) -> Folder:
    """Return how files are reached that lie in a folder of this machine."""

    @contextmanager
    def files(uri: str) -> Generator[Path]:
        yield root / uri.removeprefix(_HERE)

    return files


def in_bucket(client: Any, bucket: str, prefix: str) -> Folder:
    """Return how files are reached that lie in a bucket: what is done to a copy is done there."""

    def names(place: str) -> list[str]:
        listed = client.list_objects_v2(Bucket=bucket, Prefix=f"{place}/")
        return [entry["Key"] for entry in listed.get("Contents", [])]

    @contextmanager
    def files(uri: str) -> Generator[Path]:
        place = f"{prefix}/{uri.removeprefix(_HERE)}"
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "files"
            folder.mkdir()
            for key in names(place):
                path = folder / key.removeprefix(f"{place}/")
                path.parent.mkdir(parents=True, exist_ok=True)
                client.download_file(bucket, key, str(path))
            yield folder
            for key in names(place):
                client.delete_object(Bucket=bucket, Key=key)
            for path in folder.rglob("*"):
                if path.is_file():
                    key = f"{place}/{path.relative_to(folder).as_posix()}"
                    client.upload_file(str(path), bucket, key)

    return files
