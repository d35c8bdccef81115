"""Verified bytes: a release's own copy of a candidate, and a version looked at before it serves.

Needs the candidate's signed files, and the ledger's row of a version that was released. Writes a
version of `<name>` with bytes of its own, or a folder. Bytes are read once: what is hashed is what
is copied, and digests and signature are looked at before the copy has its name.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from data_contracts.errors import IntegrityError, PaddockError
from model_registry.candidates import (
    FILES,
    Candidate,
    require_signed,
    upload_files,
    verify_files,
)
from model_registry.contents import Contents, read_contents
from model_registry.dossier import Dossier
from model_registry.older_releases import ACTION
from model_registry.releases import read_rows
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry
from model_registry.version_page import NOT_A_RELEASE, ORIGIN, human_tags, released_markdown
from model_registry.versions import (
    DIGEST,
    Version,
    ensure_model,
    ensure_version,
    find_version,
)

STEP = "promote"
_LOGGER = logging.getLogger("paddock")
Approved = Callable[[Contents], None]


def verify_candidate(
    registry: Registry, candidate: Candidate, dossier: Dossier, keys: SigningKeys
) -> None:
    """Return if a candidate's bytes are the ones that its dossier is about, and signed.

    To be called before people are asked: IntegrityError otherwise.
    """
    with _readable(registry, candidate.uri) as files:
        contents = verify_files(registry, candidate.run, files, keys)
    _require_approved(candidate, dossier)(contents)


def copy_candidate(
    registry: Registry, name: str, candidate: Candidate, dossier: Dossier, keys: SigningKeys
) -> Version:
    """Verify a candidate's bytes and store them as those of a version of `name`.

    Nothing serves the version until the ledger names it. What an earlier attempt left is taken
    if it is whole. An attempt that ends badly leaves a failed run, which `mlflow gc` may remove.
    """
    approved = _require_approved(candidate, dossier)
    found = find_version(registry, name, candidate.digest)
    if found is not None:
        approved(verify_version(registry, found, keys))
        return found
    if left := _left_whole(registry, name, candidate, approved, keys):
        return _as_version(registry, name, candidate, dossier, left, keys)
    run = registry.start_run(
        f"{name}-releases", f"bytes {candidate.digest[:12]}", {DIGEST: candidate.digest}
    )
    try:
        with _readable(registry, candidate.uri) as files:

            def accept(contents: Contents, copy: Path) -> None:
                require_signed(registry, candidate.run, contents, copy, keys)
                approved(contents)

            upload_files(registry, run, files, keys, accept, uncached=True)
    except BaseException:
        _discard(registry, run)
        raise
    registry.finish_run(run)
    return _as_version(registry, name, candidate, dossier, run, keys)


def _left_whole(
    registry: Registry, name: str, candidate: Candidate, approved: Approved, keys: SigningKeys
) -> str:
    """Return the run of bytes that were stored whole, of which no version came, or was deleted."""
    for run in registry.search_runs(f"{name}-releases", {DIGEST: candidate.digest}):
        if run.info.status != "FINISHED" or ACTION in run.data.tags:
            continue
        identity = str(run.info.run_id)
        try:
            with _readable(registry, registry.artifact_uri(identity, FILES)) as files:
                approved(verify_files(registry, identity, files, keys))
        except IntegrityError as error:
            _LOGGER.warning("run %s is not taken: %s", identity, error.what)
            _discard(registry, identity)
        else:
            return identity
    return ""


def _as_version(
    registry: Registry,
    name: str,
    candidate: Candidate,
    dossier: Dossier,
    run: str,
    keys: SigningKeys,
) -> Version:
    """Return the version of a candidate's stored bytes."""
    ensure_model(registry, name, f"{name}: the versions that people approved.\n\n{NOT_A_RELEASE}")
    tags = {key: value for key, value in candidate.tags.items() if key.startswith("paddock.")}
    tags["paddock.candidate_version"] = str(candidate.version)
    tags |= {key: candidate.tags[key] for key in ORIGIN if key in candidate.tags}
    tags |= human_tags(dossier)
    kept = registry.find_experiment(f"{name}-candidates") or ""
    text = released_markdown(dossier, candidate, kept)
    made = ensure_version(registry, name, run, FILES, tags, text)
    if made.run != run:  # somebody else was faster with the same candidate
        _discard(registry, run)
        _require_approved(candidate, dossier)(verify_version(registry, made, keys))
    return made


def _discard(registry: Registry, run: str) -> None:
    """Mark a run of bytes that nobody needs as deleted: `mlflow gc` removes it."""
    try:
        registry.finish_run(run, failed=True)
        registry.client.delete_run(run)
    except Exception as error:  # the store does not answer: what is told is why it came to this
        _LOGGER.warning("run %s stays, unfinished: %s", run, type(error).__name__)


def verify_version(registry: Registry, version: Version, keys: SigningKeys) -> Contents:
    """Return what a version's files are, once their signature was seen to hold."""
    with _readable(registry, version.uri) as files:
        return verify_files(registry, version.run, files, keys)


def require_bytes(version: Version, contents: Contents, files_digest: str) -> None:
    """Return if a version's files are the ones that the ledger names; IntegrityError otherwise."""
    if contents.digest != files_digest:
        raise IntegrityError(
            "the files are not the ones that were released",
            step="registry",
            where=f"{version.name} version {version.version}",
            remedy="go back with `paddock rollback`, or restore the artifact store from a backup; "
            "and ask who changed the files",
        )


@contextmanager
def verified_copy(registry: Registry, version: Version, keys: SigningKeys) -> Generator[Path]:
    """Give a private copy of a version's files, gone afterwards.

    IntegrityError unless they are signed and, of a version that the ledger knows, the ones that
    it names.
    """
    with tempfile.TemporaryDirectory(prefix="paddock-") as scratch:
        copy = Path(scratch) / FILES
        copy_verified(registry, version, keys, copy)
        yield copy


def copy_verified(registry: Registry, version: Version, keys: SigningKeys, target: Path) -> None:
    """Copy a version's files to a folder that is not there, or empty; IntegrityError as above.

    The folder has its name once everything in it was verified. Where another process was faster,
    what that one left must be the same.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        contents = _taken(registry, version.uri, aside)
        require_signed(registry, version.run, contents, aside, keys)
        _require_released(registry, version, contents)
        try:
            aside.rename(target)
        except OSError:
            if not target.is_dir() or read_contents(target) != contents:
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _taken(registry: Registry, uri: str, target: Path) -> Contents:
    if (folder := registry.folder_at(uri)) is not None:
        return read_contents(folder, target)
    with registry.downloaded(uri, beside=target) as files:
        files.rename(target)
    return read_contents(target)


def _require_released(registry: Registry, version: Version, contents: Contents) -> None:
    for row in reversed(read_rows(registry, version.name)):
        if row.serves and (row.version, row.serves.run) == (version.version, version.run):
            require_bytes(version, contents, row.serves.files_digest)
            return


@contextmanager
def _readable(registry: Registry, uri: str) -> Generator[Path]:
    """Give the folder that an address is on this machine, or a private copy of what is there."""
    if (folder := registry.folder_at(uri)) is not None:
        yield folder
    else:
        with registry.downloaded(uri) as files:
            yield files


def _require_approved(candidate: Candidate, dossier: Dossier) -> Approved:
    def check(contents: Contents) -> None:
        if contents.digest != dossier.files_digest or candidate.digest != dossier.digest:
            raise altered(candidate.name, candidate.version)

    return check


def altered(name: str, version: int) -> PaddockError:
    """Return the error for bytes that are not what people said yes to."""
    return IntegrityError(
        "the files are not the ones that were approved",
        step=STEP,
        where=f"{name} version {version}",
        remedy="register and evaluate the model again, and ask who changed the registry",
    )
