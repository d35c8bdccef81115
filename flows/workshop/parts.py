"""Puts the parts together from the settings: store, outputs, registry, keys, redaction.

Each is opened when it is first asked for, so that a command pays for what it uses.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from data_contracts.errors import InputError
from flows.workshop.databases import let_readers_go_on
from flows.workshop.redactors import RedactorRecipe
from flows.workshop.settings import CHECKOUT, Settings, prepare, serving_environment
from model_registry.signing import SigningKeys, ensure_keys
from model_registry.standing import read_champion
from model_registry.tracking import Registry, open_registry
from model_registry.versions import CHAMPION, Version, version_at
from tasks.models.serving.server import Serving
from tasks.redaction.logs import redact_logs
from tasks.redaction.matching.compiled import keep_compiled
from tasks.storage.objects import ObjectStore, open_store
from tasks.storage.outputs import Outputs, Reference


class Workshop:
    """Everything a flow works with."""

    def __init__(self, settings: Settings) -> None:
        prepare(settings)
        keep_compiled(settings.home / "compiled")
        redact_logs()
        self.settings = settings

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
        return open_registry(self.settings.tracking_uri, self.settings.artifacts_uri)

    @cached_property
    def keys(self) -> SigningKeys:
        """Return the signing keys; the embedded default makes its own once."""
        return ensure_keys(self.settings.keys_folder)

    @cached_property
    def serving(self) -> Serving | None:
        """Return how models are served while they are asked; None lets our own decoder answer."""
        command, seconds = self.settings.serve_command, self.settings.serve_start_seconds
        return Serving.of(command, seconds, serving_environment()) if command else None

    def redactor(
        self, *, names: bool, keep: tuple[str, ...], policies: Mapping[str, str] | None = None
    ) -> RedactorRecipe:
        """Return how a redactor is built; InputError if the names model is missing."""
        return RedactorRecipe.of(self.settings, names, keep, policies or {})

    def redactor_of(self, snapshot: Reference) -> RedactorRecipe:
        """Return the redactor that a snapshot's rows went through, with its contract's policies."""
        used = self.outputs.manifest(snapshot).parameters["redaction"]
        names, keep = used["names_model"] is not None, tuple(used["keep"])
        return self.redactor(names=names, keep=keep, policies=used["policies"])

    def registered_model(self, address: str) -> Path:
        """Return a local, verified copy of `models:/name@alias`, kept by its digest."""
        name, _, alias = address.removeprefix("models:/").partition("@")
        version = self._version(name, alias) if alias else None
        if version is None:
            raise InputError(
                "there is no such registered model",
                step="base model",
                where=address,
                remedy="write models:/NAME@champion; `paddock show` lists what there is",
            )
        target = self.settings.home / "work" / "registered" / version.digest
        if not target.is_dir():
            with self.verified_files(version) as files:
                shutil.copytree(files / "model", target, dirs_exist_ok=True)
        return target

    def _version(self, name: str, alias: str) -> Version | None:
        if alias == CHAMPION:  # the one alias that only a release may move
            return read_champion(self.registry, name, "base model")
        return version_at(self.registry, name, alias)

    def require_registry(self, name: str) -> None:
        """Return if what is registered and released can be, before anything costs; see readiness.

        A registry that does not exist yet lacks nothing.
        """
        from model_registry.readiness import require_ready

        if self.settings.mlflow_uri or self.settings.embedded_registry_exists:
            require_ready(self.registry, name)

    @contextmanager
    def verified_files(self, version: Version) -> Generator[Path]:
        """Give a private copy of a version's files, once its signature was seen to hold."""
        from model_registry.candidates import verify_files

        with self.registry.downloaded(version.uri) as files:
            verify_files(self.registry, version.run, files, self.keys)
            yield files


def code_revision() -> str:
    """Return the checkout's commit, marked where files differ from it, or `unknown`."""
    git = ["git", "-C", str(CHECKOUT)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, check=True)
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit.stdout.decode().strip() + ("+changes" if changed.stdout.strip() else "")
