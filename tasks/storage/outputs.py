"""Immutable stage outputs: files and a manifest, written last, under a fingerprint of the inputs.

A stage that runs again on the same inputs finds its output and skips; a stage that died half-way
leaves nothing that counts, but its work folder stays, so that it can resume. What lies in `about/`
is about this making (when, where, how long): it is stored and checked, but no part of the digest.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from data_contracts.digests import canonical_json, file_digest
from data_contracts.errors import IntegrityError
from data_contracts.records import Frozen
from tasks.storage.drafts import Draft, FileEntry
from tasks.storage.objects import ObjectStore
from tasks.storage.stages import Stage, Work

MANIFEST, ABOUT = "manifest.json", "about"
USED = "used"  # of the work folder: when this home used which output last
LIBRARIES = ("torch", "transformers", "peft", "prefect", "mlflow", "great-expectations", "spacy")


class Manifest(Frozen):
    """What an output is made of and what it was made from.

    `digest` is over the files alone, those in `about/` aside.
    """

    stage: str
    fingerprint: str
    digest: str
    inputs: dict[str, str]
    parameters: dict[str, Any]
    files: dict[str, FileEntry]
    counts: dict[str, int]
    code_revision: str
    libraries: dict[str, str]
    created_at: str


class Reference(Frozen):
    """Points at a stage's output: what crosses from stage to stage instead of bytes."""

    stage: str
    key: str
    digest: str


class Built(Frozen):
    """A stage's output, and whether it stood there already."""

    reference: Reference
    reused: bool


class Outputs:
    """The outputs in an object store, and the local folders in which they are made."""

    def __init__(self, store: ObjectStore, work: Path, code_revision: str = "unknown") -> None:
        self.store, self.work, self.revision = store, work, code_revision

    def find(self, work: Work) -> Reference | None:
        """Return the finished output of this work, or None."""
        try:
            manifest = self._read_manifest(work.key)
        except FileNotFoundError:
            return None
        self._note_use(work.key)
        return Reference(stage=work.stage.name, key=work.key, digest=manifest.digest)

    def manifest(self, reference: Reference) -> Manifest:
        """Return the manifest behind a reference; IntegrityError if it is another one."""
        manifest = self._read_manifest(reference.key)
        if manifest.digest != reference.digest:
            raise IntegrityError(
                "the output is not the one that was referred to",
                step=reference.stage,
                where=f"{self.store.uri}/{reference.key}",
                remedy="run the stage again; if it repeats, someone changed the store",
            )
        return manifest

    def with_digest(self, stage: Stage, digest: str) -> Reference | None:
        """Return the output of a stage whose files have this digest, or None."""
        every = (reference for reference, _ in self.every(stage))
        return next((reference for reference in every if reference.digest == digest), None)

    def every(self, stage: Stage) -> Iterator[tuple[Reference, Manifest]]:
        """Yield each finished output of a stage with its manifest."""
        for key in self.store.keys(stage.name):
            folder, _, name = key.rpartition("/")
            if name == MANIFEST:
                manifest = self._read_manifest(folder)
                yield Reference(stage=stage.name, key=folder, digest=manifest.digest), manifest

    def is_of_older_form(self, reference: Reference, stage: Stage) -> bool:
        """Tell whether an earlier version made an output: it is no longer found by its work."""
        made = self.manifest(reference)
        return stage.is_of_older_form(made.inputs, made.parameters, made.fingerprint)

    def build(self, work: Work, make: Callable[[Path], Mapping[str, int]]) -> Built:
        """Find the output, or make it: `make(folder)` fills a folder and returns its counts.

        The folder outlives a crash. Files and folders in it that begin with a dot are scratch and
        are not stored. One builder works at a time; a second waits, then finds the first's output.
        """
        return self.build_sealing(work, lambda draft: make(draft.folder))

    def build_sealing(self, work: Work, make: Callable[[Draft], Mapping[str, int]]) -> Built:
        """Do as `build` does; `make` may seal files early, so that they need not all fit here."""
        if found := self.find(work):
            return Built(reference=found, reused=True)
        with self._folder(work) as folder:
            if found := self.find(work):
                return Built(reference=found, reused=True)
            draft = Draft(self.store, work.key, folder, partial(self.find, work))
            counts = dict(make(draft))
            reference = self._commit(work, draft, counts)
            shutil.rmtree(folder)
        return Built(reference=reference, reused=False)

    def fetch(self, reference: Reference, *names: str) -> Path:
        """Return a local folder with the output's files, each checked against its digest.

        With `names`, only with these.
        """
        manifest = self.manifest(reference)
        self._note_use(reference.key)
        here = self.store.local_path(reference.key)
        folder = here or self.work / "fetched" / reference.digest
        for name, entry in manifest.files.items():
            if names and name not in names:
                continue
            path = folder / name
            if here is None and not (path.is_file() and file_digest(path) == entry.sha256):
                self.store.download(f"{reference.key}/{name}", path)
            if not path.is_file() or file_digest(path) != entry.sha256:
                raise IntegrityError(
                    f"{name} does not match its digest",
                    step=reference.stage,
                    where=str(folder),
                    remedy="restore the store from a backup, or delete this output and run again",
                )
        return folder

    @contextmanager
    def borrow(self, reference: Reference) -> Generator[Path]:
        """Give the folder that `fetch` returns; what had to be fetched is removed afterwards."""
        folder = self.fetch(reference)
        try:
            yield folder
        finally:
            if self.store.local_path(reference.key) is None:
                shutil.rmtree(folder, ignore_errors=True)

    def last_used(self, key: str) -> datetime | None:
        """Return when this home found or fetched an output last, or None if it never did."""
        try:
            return datetime.fromtimestamp((self.work / USED / key).stat().st_mtime, UTC)
        except FileNotFoundError:
            return None

    def _note_use(self, key: str) -> None:
        mark = self.work / USED / key
        with suppress(OSError):  # a full disk, a home that is read only: then its age counts
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()

    @contextmanager
    def alone(self, key: str) -> Generator[bool]:
        """Hold an output's place, if nobody is making it; tell whether it is held."""
        lock = (self.work / key).with_suffix(".lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    @contextmanager
    def _folder(self, work: Work) -> Generator[Path]:
        folder = self.work / work.key
        folder.mkdir(parents=True, exist_ok=True)
        with folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            folder.mkdir(parents=True, exist_ok=True)
            yield folder

    def _read_manifest(self, key: str) -> Manifest:
        return Manifest.model_validate_json(self.store.read(f"{key}/{MANIFEST}"))

    def _commit(self, work: Work, draft: Draft, counts: dict[str, int]) -> Reference:
        key = work.key
        draft.seal_the_rest()
        files = dict(sorted(draft.sealed.items()))
        digest = hashlib.sha256(
            canonical_json({name: entry.sha256 for name, entry in files.items() if _counts(name)})
        ).hexdigest()
        manifest = Manifest(
            stage=work.stage.name,
            fingerprint=work.fingerprint,
            digest=digest,
            inputs=work.inputs,
            parameters=work.parameters,
            files=files,
            counts=counts,
            code_revision=self.revision,
            libraries=_library_versions(),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        text = manifest.model_dump_json(indent=1).encode()
        if not self.store.write(f"{key}/{MANIFEST}", text, only_if_absent=True):
            # Another machine was as far first; its output is the one that counts.
            digest = self._read_manifest(key).digest
        return Reference(stage=work.stage.name, key=key, digest=digest)


def _counts(name: str) -> bool:
    return not name.startswith(f"{ABOUT}/")


def _library_versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
