"""An incident's bundle: all that is known of a stretch of time, redacted, in one file that stays.

`incidents/<name>/<id>/incident.json` in the store. The id follows from what was asked (model, time,
tenant, how many requests), so the same window asked again is the same bundle. It is written at
once and only where its place is free, with the sha256 of its content in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, Field, ValidationError

from data_contracts.digests import canonical_json
from data_contracts.errors import InputError, IntegrityError
from data_contracts.inference_log import LogRow
from data_contracts.records import Frozen
from tasks.storage.objects import ObjectStore

STEP = "incident"
ROOT, FILE = "incidents", "incident.json"
ID = r"^\d{4}-\d{2}-\d{2}T\d{4}-[0-9a-f]{8}$"
FORM = 1  # of the file; another one is another bundle


class Figures(Frozen):
    """How a stretch of time was served. Waits in seconds, cost in the serving's currency.

    A request `failed` if it has no answer or says so, was `cut` if its prompt was or its answer
    ended at its limit, and of the `rated` ones `badly` were rated below half. None: nothing known.
    """

    requests: int = 0
    failed: int = 0
    cut: int = 0
    rated: int = 0
    badly: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cost: float = 0.0
    median_seconds: float | None = None
    p95_seconds: float | None = None
    median_first_token: float | None = None
    p95_first_token: float | None = None


class Compared(Frozen):
    """The figures of a stretch of time, which the window is put beside."""

    called: str
    since: AwareDatetime
    until: AwareDatetime
    figures: Figures


class Slice(Frozen):
    """A piece of the time that the plot shows; `slow` is the 95th percentile of waits, seconds."""

    since: AwareDatetime
    requests: int
    failed: int
    slow: float | None = None


class Move(Frozen):
    """A row of the release ledger, without the names of people: `paddock history` has those.

    `until` is when the next one followed it; None: it was the last when the bundle was made.
    """

    sequence: int
    action: str
    since: AwareDatetime
    until: AwareDatetime | None
    version: int | None
    digest: str
    reason: str
    hash: str


class VersionFacts(Frozen):
    """What a version is made of: digests of model, files, tokenizer; what it was trained on.

    `references` are what its dossier names. Empty: not known, and a note says why.
    """

    version: int
    digest: str
    files_digest: str
    candidate: int | None
    dossier: str
    tokenizer: str = ""
    references: dict[str, str] = Field(default_factory=dict)
    code_revision: str = ""


class CanarySeen(Frozen):
    """The newest canary, as its record told of it. `table` is the arms side by side, Markdown.

    `candidate` is what its candidate is made of; its version is the candidate's own number. `kind`
    says whether it is a canary or an experiment: both have one record.
    """

    candidate: VersionFacts
    champion: int
    began: AwareDatetime
    tick: AwareDatetime
    ended: str
    why: str
    weights: dict[str, float]
    table: str
    kind: str = "canary"


class ServedHow(Frozen):
    """How it was served: the serving's file as it was read, and the flags of the engine."""

    source: str
    specification: dict[str, Any]
    flags: tuple[str, ...]
    libraries: dict[str, str]


class Bundle(Frozen):
    """All that is kept of an incident; texts in it are redacted.

    `requests` are a sample by the hash of their ids, in order of time; `worst` those that failed,
    were rated badly, were cut or were slowest. `held` counts requests that redaction let no use of.
    """

    form: int = FORM
    id: str
    name: str
    tenant: str
    since: AwareDatetime
    until: AwareDatetime
    opened: AwareDatetime
    most: int
    names: bool
    redaction: dict[str, Any]
    code_revision: str
    figures: Figures
    compared: tuple[Compared, ...]
    by_version: dict[str, Figures]
    by_tenant: dict[str, Figures]
    by_variant: dict[str, Figures]
    slices: tuple[Slice, ...]
    moves: tuple[Move, ...]
    index_moves: tuple[Move, ...]
    indexes: dict[str, int] = Field(description="requests by the index that their rows name")
    versions: tuple[VersionFacts, ...]
    canary: CanarySeen | None
    served: ServedHow
    requests: tuple[LogRow, ...]
    worst: tuple[LogRow, ...]
    held: dict[str, int]
    notes: tuple[str, ...]


class Asked(Frozen):
    """What a bundle is asked for: it decides the id."""

    name: str
    since: AwareDatetime
    until: AwareDatetime
    tenant: str
    most: int
    names: bool

    @property
    def id(self) -> str:
        """Return the id: when it began (UTC), and a hash of all that was asked."""
        facts = self.model_dump(mode="json") | {
            "since": self.since.astimezone(UTC).isoformat(),
            "until": self.until.astimezone(UTC).isoformat(),
            "form": FORM,
        }
        digest = hashlib.sha256(canonical_json(facts)).hexdigest()
        return f"{self.since.astimezone(UTC):%Y-%m-%dT%H%M}-{digest[:8]}"


def folder_of(name: str, identity: str) -> str:
    """Return where all of an incident lies in the store."""
    return f"{ROOT}/{name}/{identity}"


def keep(store: ObjectStore, bundle: Bundle) -> bool:
    """Write a bundle; False if somebody was first: that one counts."""
    key = f"{folder_of(bundle.name, bundle.id)}/{FILE}"
    return store.write(key, sealed(bundle.model_dump(mode="json")), only_if_absent=True)


def sealed(content: dict[str, Any]) -> bytes:
    """Return JSON whose `digest` is the sha256 of the rest."""
    digest = hashlib.sha256(canonical_json(content)).hexdigest()
    return (json.dumps({**content, "digest": digest}, indent=1) + "\n").encode()


def unsealed(data: bytes, where: str) -> dict[str, Any]:
    """Return what `sealed` wrote, without its digest; IntegrityError if it is something else."""
    try:
        content: dict[str, Any] = json.loads(data)
        digest = content.pop("digest")
        whole = digest == hashlib.sha256(canonical_json(content)).hexdigest()
    except (ValueError, KeyError, AttributeError, TypeError):
        whole, content = False, {}
    if not whole:
        raise broken(where, "its digest is not that of what it holds")
    return content


def broken(where: str, why: str) -> IntegrityError:
    """Return the error for a file of an incident that is not what was written."""
    return IntegrityError(
        f"a file of the incident was changed or damaged ({why})",
        step=STEP,
        where=where,
        remedy="ask who may write to the store; `paddock incident open` for the same time makes "
        "the bundle again once the file is taken away",
    )


def find(store: ObjectStore, name: str, identity: str) -> tuple[Bundle, str] | None:
    """Return a bundle and its digest, None if there is none; IntegrityError if it was changed."""
    key = f"{folder_of(name, identity)}/{FILE}"
    if not store.exists(key):
        return None
    data, where = store.read(key), f"{store.uri}/{key}"
    content = unsealed(data, where)
    try:
        bundle = Bundle.model_validate(content)
    except ValidationError as error:
        raise broken(where, "another version of Paddock wrote it") from error
    if (bundle.name, bundle.id) != (name, identity):
        raise broken(where, "it is that of another incident")
    return bundle, str(json.loads(data)["digest"])


def every(store: ObjectStore) -> Iterator[tuple[str, str]]:
    """Yield the model and the id of each incident, by model and time."""
    for key in store.keys(ROOT):
        parts = key.split("/")
        if len(parts) == 4 and parts[3] == FILE:
            yield parts[1], parts[2]


def named(store: ObjectStore, identity: str) -> tuple[Bundle, str]:
    """Return the bundle of an id and its digest; InputError if there is none."""
    known = list(every(store))
    for name, found in known:
        if found == identity and (bundle := find(store, name, identity)):
            return bundle
    listed = ", ".join(one for _, one in known[-5:]) or "none yet"
    raise InputError(
        "there is no such incident",
        step=STEP,
        where=identity,
        remedy=f"`paddock incident show` lists them (the last: {listed}); `paddock incident open` "
        "opens one",
    )


def utc(moment: datetime) -> str:
    """Return a moment as people read it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
