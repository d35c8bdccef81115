"""Registers what a run trained as a version of `<name>-candidate`, signed.

Needs a folder with model/ (safetensors and tokenizer), MODEL_CARD.md, references.json and, for
LoRA, adapter/; an index of documents has index/ in the place of model/, a router router/. Writes a
run of the experiment `<name>-candidates` that keeps the files and their signature, and the version
that points at them.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from data_contracts.digests import file_digest, folder_digest
from data_contracts.errors import InputError, IntegrityError
from data_contracts.records import Frozen
from model_registry.accounts.roles import CANDIDATE
from model_registry.contents import Contents, read_contents
from model_registry.model_files import check_model_folder, refuse_other_tokenizer
from model_registry.part_files import check_part_folder, part_in, refuse_other_encoder
from model_registry.signing import SigningKeys, sign_contents, verify_contents
from model_registry.tracking import Registry
from model_registry.versions import (
    DIGEST,
    FILES_DIGEST,
    Version,
    ensure_model,
    ensure_version,
    find_version,
    list_versions,
    tag_version,
    version_numbered,
)

STEP = "register"
# Where the files and their signature lie in a run's artifacts.
FILES, SIGNATURE = "files", "signature"
SIGNATURE_NAME = "files.sig"
_CARD = "MODEL_CARD.md"
_FORGOTTEN = 86_400  # seconds after which nobody is still at work on a copy
_TOKENIZER_TAG, _CARD_TAG = "paddock.tokenizer_digest", "paddock.card_digest"
_REFERENCE = "paddock.reference."
FLOW_RUN = "paddock.flow_run"  # Prefect's id of the run that made it
# When a candidate's files were cleaned away; empty where they were stored again since.
CLEARED = "paddock.files_cleared"


class Candidate(Frozen):
    """A registered candidate. `digest` is its identity; `files_digest` is over its files.

    `references` name by digest what it came from (at the least `model`, the trained model that the
    scorecard is about, and `dataset`).
    """

    name: str
    version: int
    run: str
    uri: str
    digest: str
    files_digest: str
    tokenizer_digest: str
    card_digest: str
    references: dict[str, str]
    tags: dict[str, str]

    @property
    def model(self) -> str:
        """Return the name of the registered model that champions are versions of."""
        return self.name.removesuffix(CANDIDATE)


def candidate_name(name: str) -> str:
    """Return the registered model that holds a model's candidates."""
    return f"{name}{CANDIDATE}"


def register_candidate(
    registry: Registry,
    name: str,
    files: Path,
    *,
    digest: str,
    trained_tokenizer: Callable[[], str],
    description: str,
    references: Mapping[str, str],
    keys: SigningKeys,
    tags: Mapping[str, str] | None = None,
) -> Candidate:
    """Register a candidate, or return the one that has this digest already.

    `trained_tokenizer` returns `tokenizer_digest` of the tokenizer that trained, of an index or a
    router its encoder's digest; IntegrityError if the one that ships is another. That is looked at
    before files are registered, and not again where the registry has these very files.
    IntegrityError as well if the digest was registered with other files.
    """
    _check(files)
    files_digest = folder_digest(files)
    found = find_version(registry, candidate_name(name), digest)
    if found is None:
        facts = {
            DIGEST: digest,
            FILES_DIGEST: files_digest,
            _TOKENIZER_TAG: _reader(files, trained_tokenizer()),
            _CARD_TAG: file_digest(files / _CARD),
            **{f"{_REFERENCE}{key}": value for key, value in references.items()},
            **(tags or {}),
        }
        run = _upload(registry, name, files, facts, keys)
        ensure_model(registry, candidate_name(name), f"Candidates for {name}; no one serves these.")
        found = ensure_version(registry, candidate_name(name), run, FILES, facts, description)
    if found.tags.get(FILES_DIGEST) != files_digest:
        raise IntegrityError(
            "this digest was registered before, with other files",
            step=STEP,
            where=f"{found.name} version {found.version}",
            remedy="give a digest that covers every file of the candidate",
        )
    if found.tags.get(CLEARED):
        upload_files(registry, found.run, files, keys)
        tag_version(registry, found.name, found.version, {CLEARED: ""})
        found = version_numbered(registry, found.name, found.version) or found
    return candidate_of(found)


def find_candidate(registry: Registry, name: str, version: int) -> Candidate:
    """Return a candidate by its version number; InputError if there is none."""
    found = version_numbered(registry, candidate_name(name), version)
    if found is None:
        raise InputError(
            f"there is no version {version} of {candidate_name(name)}",
            step=STEP,
            remedy="paddock show lists the candidates",
        )
    return candidate_of(found)


def list_candidates(registry: Registry, name: str) -> list[Candidate]:
    """Return the candidates of a model, newest first."""
    return [candidate_of(entry) for entry in list_versions(registry, candidate_name(name))]


def candidate_of(version: Version) -> Candidate:
    """Return what a version of a candidate model says of itself."""
    tags = version.tags
    return Candidate(
        name=version.name,
        version=version.version,
        run=version.run,
        uri=version.uri,
        digest=version.digest,
        files_digest=tags.get(FILES_DIGEST, ""),
        tokenizer_digest=tags.get(_TOKENIZER_TAG, ""),
        card_digest=tags.get(_CARD_TAG, ""),
        references={
            key.removeprefix(_REFERENCE): value
            for key, value in tags.items()
            if key.startswith(_REFERENCE)
        },
        tags=tags,
    )


def verify_files(registry: Registry, run: str, files: Path, keys: SigningKeys) -> Contents:
    """Check a copy of a run's files against the run's signature; return what was read of it."""
    contents = read_contents(files)
    require_signed(registry, run, contents, files, keys)
    return contents


def require_signed(
    registry: Registry, run: str, contents: Contents, files: Path, keys: SigningKeys
) -> None:
    """Return if what was read of a run's files is a model, and bears the run's signature."""
    with registry.downloaded(registry.artifact_uri(run, SIGNATURE)) as folder:
        verify_contents(contents, folder / SIGNATURE_NAME, keys, FILES)
    _check_content(files)


def upload_files(
    registry: Registry,
    run: str,
    files: Path,
    keys: SigningKeys,
    accept: Callable[[Contents, Path], None] | None = None,
    *,
    uncached: bool = False,
) -> Contents:
    """Store a folder as a run's files, with a signature of our own over them.

    `accept` may refuse, by raising, what was read of the folder it is given: then nothing is
    stored. Where the store is a folder of this machine the bytes are read once, for all of it;
    `uncached` if nobody is about to read them there.
    """
    target = registry.folder_for(run, FILES)
    if target is None:
        contents = read_contents(files)
        if accept:
            accept(contents, files)
        registry.upload(run, files, FILES)
    else:
        contents = _copied(files, target, accept, uncached)
    with tempfile.TemporaryDirectory(prefix="paddock-") as scratch:
        signature = Path(scratch) / SIGNATURE_NAME
        sign_contents(contents, signature, keys)
        registry.upload(run, signature, SIGNATURE)
    return contents


def _copied(
    source: Path,
    target: Path,
    accept: Callable[[Contents, Path], None] | None,
    uncached: bool,
) -> Contents:
    """Copy a folder; it has its name once all of it is there and accepted."""
    for left in target.parent.glob(f".{target.name}.*"):  # by whoever was killed in the middle
        if time.time() - left.stat().st_mtime > _FORGOTTEN:
            shutil.rmtree(left, ignore_errors=True)
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        contents = read_contents(source, aside, uncached=uncached)
        if accept:
            accept(contents, aside)
        if target.exists():
            shutil.rmtree(target)
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return contents


def _check(files: Path) -> None:
    for name in (_CARD, "references.json"):
        if not (files / name).is_file():
            raise InputError(
                f"a candidate needs {name}", step=STEP, where=str(files), remedy="write it first"
            )
    _check_content(files)


def _check_content(files: Path) -> None:
    if part := part_in(files):
        check_part_folder(part, files / part.folder)
    else:
        check_model_folder(files / "model")


def _reader(files: Path, made: str) -> str:
    """Return the digest of what reads texts for it: a tokenizer, or an encoder for a part."""
    if part := part_in(files):
        return refuse_other_encoder(part, made, files / part.folder)
    return refuse_other_tokenizer(made, files / "model")


def _upload(
    registry: Registry, name: str, files: Path, facts: Mapping[str, str], keys: SigningKeys
) -> str:
    run = registry.ensure_run(
        f"{name}-candidates", f"candidate {facts[DIGEST][:12]}", {DIGEST: facts[DIGEST]}
    )
    upload_files(registry, run, files, keys)
    registry.tag_run(run, facts)
    registry.finish_run(run)
    return run
