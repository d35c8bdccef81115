"""Puts the parts together from the settings: store, outputs, registry, keys, redaction.

Each is opened when it is first asked for, so that a command pays for what it uses.
"""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.errors import InputError
from flows.workshop.databases import let_readers_go_on
from flows.workshop.logins import known_passwords, login_as, make_ready
from flows.workshop.redactors import RedactorRecipe
from flows.workshop.settings import CHECKOUT, Settings, patience, prepare, serving_environment
from model_registry.accounts.people import Role
from model_registry.copies import copy_verified, verified_copy
from model_registry.logins import Login
from model_registry.signing import SigningKeys, ensure_keys
from model_registry.standing import read_champion, read_standing
from model_registry.tracking import Registry, open_registry
from model_registry.versions import CHAMPION, PREVIOUS, Version, version_at, version_numbered
from tasks.models.serving.server import Serving
from tasks.redaction.logs import redact_logs
from tasks.redaction.matching.compiled import keep_compiled
from tasks.storage.objects import ObjectStore, open_store
from tasks.storage.outputs import Outputs, Reference

if TYPE_CHECKING:
    from tasks.evaluation.judging.endpoint import Endpoint
    from tasks.retrieval.vector_database import VectorDatabase


class Workshop:
    """Everything a flow works with."""

    def __init__(
        self, settings: Settings, role: Role = "pipeline", person: Login | None = None
    ) -> None:
        """Work as a role's account, or as a person, on a server that knows accounts."""
        prepare(settings)
        keep_compiled(settings.home / "compiled")
        redact_logs()
        self.settings, self._person = settings, person
        self._role: Role = role

    @cached_property
    def store(self) -> ObjectStore:
        """Return the object store."""
        return open_store(self.settings.store_uri, self.settings.s3_endpoint_url)

    @cached_property
    def outputs(self) -> Outputs:
        """Return the stage outputs in the store."""
        return Outputs(self.store, self.settings.home / "work", code_revision())

    @cached_property
    def registry(self) -> Registry:
        """Return the MLflow registry."""
        let_readers_go_on(self.settings.tracking_uri)
        return self._opened(self._person or login_as(self.settings, self._role))

    def registry_as(self, role: Role) -> Registry | None:
        """Return the registry as another role; None where its password is not known here.

        Without accounts everybody may everything, so it is the same one.
        """
        if not self.registry.account:
            return self.registry
        login = known_passwords(self.settings).having(role)
        return login and self._opened(login)

    def _opened(self, login: Login | None) -> Registry:
        settings = self.settings
        return open_registry(
            settings.tracking_uri,
            settings.artifacts_uri,
            login,
            ledger=settings.ledger_uri,
            patience=patience(),
        )

    @cached_property
    def keys(self) -> SigningKeys:
        """Return the signing keys; the embedded default makes its own once."""
        return ensure_keys(self.settings.keys_folder)

    @cached_property
    def serving(self) -> Serving | None:
        """Return how models are served while they are asked; None lets our own decoder answer."""
        command, seconds = self.settings.serve_command, self.settings.serve_start_seconds
        return Serving.of(command, seconds, serving_environment()) if command else None

    @cached_property
    def vectors(self) -> VectorDatabase | None:
        """Return the database in which indexes' vectors are searched; None: on this machine."""
        address = self.settings.vectors.get_secret_value()
        if not address:
            return None
        from tasks.retrieval.vector_database import VectorDatabase

        return VectorDatabase(address)

    @property
    def judge(self) -> Endpoint:
        """Return where a judge answers; InputError if no address is set."""
        from tasks.evaluation.judging.endpoint import Endpoint

        if not self.settings.judge_url:
            raise InputError(
                "there is no address to ask a judge at",
                step="judge",
                where="PADDOCK_JUDGE_URL",
                remedy="set it to an OpenAI-compatible address that ends in /v1",
            )
        return Endpoint(self.settings.judge_url, self.settings.judge_key.get_secret_value())

    def redactor(
        self,
        *,
        names: bool,
        keep: tuple[str, ...],
        policies: Mapping[str, str] | None = None,
        unread: str = "strict",
        consistent: bool = False,
    ) -> RedactorRecipe:
        """Return how a redactor is built; InputError if the names model is missing."""
        return RedactorRecipe.of(self.settings, names, keep, policies or {}, unread, consistent)

    def redactor_of(self, snapshot: Reference) -> RedactorRecipe:
        """Return the redactor that a snapshot's rows went through, with its contract's policies."""
        used = self.outputs.manifest(snapshot).parameters["redaction"]
        found, keep = used["names_model"], tuple(used["keep"])
        unread = (found or {}).get("languages", {}).get("unread", "strict")  # older ones say none
        return self.redactor(
            names=found is not None,
            keep=keep,
            policies=used["policies"],
            unread=unread,
            consistent=used.get("consistent", False),
        )

    def registered_model(self, address: str) -> Path:
        """Return a local, verified copy of a version, kept by its digest.

        The address is `models:/name@alias` or `models:/name/version`.
        """
        version = self.version_named(address)
        target = self.settings.home / "work" / "verified" / version.digest
        if not target.is_dir():
            copy_verified(self.registry, version, self.keys, target)
        return target / "model"

    def version_named(self, address: str) -> Version:
        """Return the version that `name@alias` or `name/version` means; InputError if none is.

        `models:/` may stand before it.
        """
        version = self._version(address.removeprefix("models:/"))
        if version is None or not version.digest:
            raise InputError(
                "there is no such registered model",
                step="base model",
                where=address,
                remedy="write models:/NAME@champion or models:/NAME/3; `paddock show` lists them",
            )
        return version

    def _version(self, named: str) -> Version | None:
        name, _, alias = named.partition("@")
        if not alias:
            name, _, number = named.rpartition("/")
            return version_numbered(self.registry, name, int(number)) if number.isdigit() else None
        if alias == CHAMPION:  # these two only a release may move
            return read_champion(self.registry, name, "base model")
        if alias == PREVIOUS:
            return read_standing(self.registry, name).previous
        return version_at(self.registry, name, alias)

    def require_registry(self, name: str) -> None:
        """Return if what is registered and released can be, before anything costs; see readiness.

        A registry that does not exist yet lacks nothing. On a server with accounts, one whose
        admin is known here, a new name is made ready for them.
        """
        from model_registry.readiness import require_ready

        make_ready(self.settings, name)
        if self.settings.mlflow_uri or self.settings.embedded_registry_exists:
            require_ready(self.registry, name)

    @contextmanager
    def verified_files(self, version: Version) -> Generator[Path]:
        """Give a private copy of a version's files, verified; see copies."""
        with verified_copy(self.registry, version, self.keys) as files:
            yield files


def code_revision() -> str:
    """Return the checkout's commit, marked where files differ from it, or `unknown`.

    An image has no history: it says in a file what it was built from (deploy/images/Dockerfile).
    """
    git = ["git", "-C", str(CHECKOUT)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, check=True)
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        written = CHECKOUT / "REVISION"
        return written.read_text("utf-8").strip() if written.is_file() else "unknown"
    return commit.stdout.decode().strip() + ("+changes" if changed.stdout.strip() else "")
