"""Releases as builds before the ledger recorded them: runs of the experiment `<name>-releases`.

Needs a Registry. Writes nothing: it tells the rows that such runs are in the ledger. Each run that
ended well was a release, and its tags said from which version to which digest; its release.json
holds who approved. Such runs bear the tag `paddock.action`, which no run of today does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from data_contracts.errors import ContractError, IntegrityError
from data_contracts.records import Frozen
from model_registry.ledger.rows import Approver, Row, Served, next_row
from model_registry.tracking import Registry
from model_registry.versions import (
    CHAMPION,
    DIGEST,
    FILES_DIGEST,
    Version,
    find_version,
    version_at,
    version_numbered,
)

ACTION = "paddock.action"
_FROM, _TO, _REASON = "paddock.from", "paddock.to", "paddock.reason"
_FROM_DIGEST, _AFTER, _NUMBER = "paddock.from_digest", "paddock.after", "paddock.number"
_CANDIDATE = "paddock.candidate_version"
_NONE = "none"


class Recorded(Frozen):
    """A release as its run tells it: from version `before` (None: from nothing) to a digest.

    `version` is where that digest lies; None while the release is open. `after` is the run of the
    release before, empty in runs of before it was kept; `number` counts releases, and is 0 there.
    """

    action: str
    run: str
    digest: str
    before: int | None
    before_digest: str
    version: int | None
    after: str
    number: int
    reason: str
    at: str
    by: str


def older_rows(registry: Registry, name: str) -> tuple[Row, ...]:
    """Return the rows that a model's releases of before are in the ledger; none where none were.

    ContractError if the experiment was deleted, or a run's tags are not a release's any more.
    """
    runs = registry.search_runs(f"{name}-releases", {}, deleted=True)
    found = [run for run in runs if ACTION in run.data.tags]
    made = {str(run.info.run_id) for run in found}
    done = _in_order([run for run in found if run.info.status == "FINISHED"])
    moving = _moving(registry, name, found, made, done)
    rows: list[Row] = []
    for entry in [*done, *([moving] if moving else [])]:
        rows.append(_row(registry, name, entry, rows, made, done))
    return tuple(rows)


def _in_order(runs: Sequence[Any]) -> list[Recorded]:
    entries = [(_recorded(run), float(run.info.end_time or 0)) for run in runs]
    return [entry for entry, _ in sorted(entries, key=lambda one: (one[0].number, one[1]))]


def _moving(
    registry: Registry, name: str, runs: Sequence[Any], made: set[str], done: Sequence[Recorded]
) -> Recorded | None:
    """Return the release that had moved the alias and was not closed yet, if there is one."""
    alias, last = version_at(registry, name, CHAMPION), done[-1] if done else None
    if alias is None or alias.run not in made or (last and last.version == alias.version):
        return None
    for run in runs:
        if run.info.status != "RUNNING" or run.info.lifecycle_stage != "active":
            continue
        entry = _recorded(run)
        follows = (
            entry.after == (last.run if last else "")
            if entry.number
            else entry.before == (last.version if last else None)
        )
        if follows and entry.digest == alias.digest:
            return entry.model_copy(update={"version": alias.version})
    return None


def _row(
    registry: Registry,
    name: str,
    entry: Recorded,
    rows: Sequence[Row],
    made: set[str],
    done: Sequence[Recorded],
) -> Row:
    evidence = _evidence(registry, entry.run)
    seats = evidence.get("decision", {}).get("seats", ())
    return next_row(
        rows[-1] if rows else None,
        name=name,
        action="imported",
        serves=_served(registry, name, entry, made, done, str(evidence.get("dossier", ""))),
        previous=_previous(entry, rows),
        people=tuple(
            Approver(**{field: str(seat.get(field, "")) for field in Approver.model_fields})
            for seat in seats
        ),
        reason=f"{entry.action}: {entry.reason}",
        by=entry.by,
        at=entry.at,
    )


def _served(
    registry: Registry,
    name: str,
    entry: Recorded,
    made: set[str],
    done: Sequence[Recorded],
    dossier: str,
) -> Served:
    """Return what a release left serving; of a version that is gone, what its runs tell of it."""
    number = entry.version or 0
    version = version_numbered(registry, name, number)
    if version is not None and (version.digest != entry.digest or version.run not in made):
        version = None
    promoted = (one.run for one in done if one.digest == entry.digest and one.action == "promote")
    told = version or find_version(registry, f"{name}-candidate", entry.digest)
    return Served(
        version=number,
        run=version.run if version else next(promoted, entry.run),
        digest=entry.digest,
        files_digest=told.tags.get(FILES_DIGEST, "") if told else "",
        candidate=_candidate(told, name),
        dossier=dossier,
    )


def _candidate(told: Version | None, name: str) -> int | None:
    if told is None:
        return None
    number = told.tags.get(_CANDIDATE, "") if told.name == name else str(told.version)
    return int(number) if number.isdigit() else None


def _previous(entry: Recorded, rows: Sequence[Row]) -> int | None:
    """Return the row that a rollback of this release went to; none right after a rollback."""
    if entry.action == "rollback" or entry.before is None:
        return None
    for row in reversed(rows):
        if row.version == entry.before and entry.before_digest in ("", row.digest):
            return row.sequence
    return None


def _evidence(registry: Registry, run: str) -> dict[str, Any]:
    """Return what a release was based on; nothing where its file is gone, or it was a rollback."""
    try:
        with registry.downloaded(registry.artifact_uri(run, "release.json")) as path:
            told = json.loads(path.read_bytes())
    except (IntegrityError, ValueError):
        return {}
    return dict(told.get("evidence", {}))


def _recorded(run: Any) -> Recorded:
    tags, info = run.data.tags, run.info
    try:
        return Recorded(
            action=tags[ACTION],
            run=str(info.run_id),
            digest=tags[DIGEST],
            before=None if tags[_FROM] == _NONE else int(tags[_FROM]),
            before_digest=tags.get(_FROM_DIGEST, ""),
            version=int(tags[_TO]) if info.status == "FINISHED" else None,
            after=tags.get(_AFTER, ""),
            number=int(tags.get(_NUMBER, "0")),
            reason=tags.get(_REASON, ""),
            at=_time(info.end_time or info.start_time),
            by=str(info.user_id or tags.get("mlflow.user") or "unknown"),
        )
    except (KeyError, ValueError) as error:  # pydantic's is a ValueError
        raise ContractError(
            f"the tags of a release's run were edited ({info.run_name!r})",
            step="release",
            where=f"run {info.run_id}",
            remedy="put them back as its release.json says, or restore the registry from a backup",
        ) from error


def _time(milliseconds: float) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
