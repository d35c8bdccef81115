"""The record of every move of the champion: a release run, opened before anything moves.

Needs a Registry. Writes runs of the experiment `<name>-releases`, each with a release.json, and
the aliases `champion` and `previous`. A run is closed last: a release that died half-way is found
open and finished by whoever comes next. The record says who served; versions and aliases, which
people can delete and move, do not.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from data_contracts.errors import ContractError
from data_contracts.records import Frozen
from model_registry.claims import Turn
from model_registry.tracking import Registry
from model_registry.versions import (
    CHAMPION,
    DIGEST,
    PREVIOUS,
    Version,
    point,
    tag_version,
    version_numbered,
)

Action = Literal["promote", "rollback"]
_ACTION, _FROM, _TO, _REASON = "paddock.action", "paddock.from", "paddock.to", "paddock.reason"
_FROM_DIGEST, _AFTER, _NUMBER = "paddock.from_digest", "paddock.after", "paddock.number"
_NONE = "none"


class Release(Frozen):
    """A move of the champion. `moved` is False if there was nothing to do; `reason` says why."""

    action: Action
    name: str
    version: int
    before: int | None
    digest: str
    moved: bool
    reason: str
    run: str = ""


class Recorded(Frozen):
    """A release as its run tells it: from version `before` (None: from nothing) to a digest.

    `version` is where that digest lies; None while the release is open. `after` is the run of the
    release before, empty in runs of before it was kept; `number` counts releases, and is 0 there.
    """

    action: Action
    run: str
    digest: str
    before: int | None
    before_digest: str
    version: int | None
    after: str
    number: int
    reason: str


class Record(Frozen):
    """Every release of a model that ended well, in order, and those that did not end yet.

    `runs` are the runs of all releases, whatever became of them: each made the bytes it released.
    """

    done: tuple[Recorded, ...] = ()
    open: tuple[Recorded, ...] = ()
    runs: frozenset[str] = frozenset()

    @property
    def last(self) -> Recorded | None:
        """Return the release that made the champion of today."""
        return self.done[-1] if self.done else None

    @property
    def served(self) -> set[str]:
        """Return the digest of everything that ever served."""
        return {release.digest for release in self.done}

    def previous(self) -> tuple[int, str] | None:
        """Return the version number and digest a rollback goes to; none right after a rollback."""
        last = self.last
        if last is None or last.action == "rollback" or last.before is None:
            return None
        earlier = [entry.digest for entry in self.done[:-1] if entry.version == last.before]
        digest = last.before_digest or (earlier[-1] if earlier else "")
        return (last.before, digest) if digest else None


def read_record(registry: Registry, name: str) -> Record:
    """Read what was released; runs that people deleted count, for what served has served.

    ContractError if the experiment was deleted, or a run's tags are not a release's any more.
    """
    runs = registry.search_runs(f"{name}-releases", {}, deleted=True)
    done: list[tuple[int, float, Recorded]] = []
    open_: list[Recorded] = []
    for run in runs:
        if _ACTION not in run.data.tags:
            continue
        entry = _recorded(run)
        if run.info.status == "FINISHED":
            done.append((entry.number, float(run.info.end_time or 0), entry))
        elif run.info.status == "RUNNING" and run.info.lifecycle_stage == "active":
            open_.append(entry)
    return Record(
        done=tuple(entry for *_, entry in sorted(done, key=lambda row: row[:2])),
        open=tuple(open_),
        runs=frozenset(str(run.info.run_id) for run in runs),
    )


def open_release(
    registry: Registry,
    name: str,
    action: Action,
    digest: str,
    record: Record,
    before: tuple[int, str] | None,
    reason: str,
) -> Recorded:
    """Record that a release begins, from a version (number, digest) or from nothing."""
    tags = {
        _ACTION: action,
        DIGEST: digest,
        _FROM: str(before[0]) if before else _NONE,
        _FROM_DIGEST: before[1] if before else "",
        _REASON: reason,
        **_place(record),
    }
    run = registry.start_run(f"{name}-releases", f"{action} {digest[:12]}", tags)
    return _recorded(registry.client.get_run(run))


def goes_on(record: Record, entry: Recorded) -> bool:
    """Tell whether an open release follows the last one: else finishing it would undo others."""
    last = record.last
    if entry.number:
        return entry.after == (last.run if last else "")
    return entry.before == (last.version if last else None)


def unfinished(record: Record, action: Action, digest: str = "") -> Recorded | None:
    """Return the release of this kind that began, did not end, and may still."""
    for entry in record.open:
        if entry.action == action and digest in ("", entry.digest) and goes_on(record, entry):
            return entry
    return None


def close_outdated(registry: Registry, record: Record) -> None:
    """Close as failed what was begun and what the champion has moved on from since."""
    for entry in record.open:
        if not goes_on(record, entry):
            registry.finish_run(entry.run, failed=True)


def finish_release(
    registry: Registry,
    name: str,
    release: Recorded,
    target: Version,
    evidence: Mapping[str, Any],
    turn: Turn,
) -> Release:
    """Point the aliases where the release says and close it; the same again changes nothing.

    A promotion keeps the old champion as `previous`; a rollback leaves `previous` empty.
    """
    forward = release.action == "promote"
    left = _left(registry, name, release)
    turn.require()
    point(registry, name, PREVIOUS, left if forward else None)
    point(registry, name, CHAMPION, target.version)
    if not forward and left is not None:
        tag_version(registry, name, left, {"paddock.rolled_back": release.reason})
    done = Release(
        action=release.action,
        name=name,
        version=target.version,
        before=release.before,
        digest=release.digest,
        moved=True,
        reason=release.reason,
        run=release.run,
    )
    with tempfile.TemporaryDirectory(prefix="paddock-") as scratch:
        path = Path(scratch) / "release.json"
        content = {**done.model_dump(), "evidence": dict(evidence)}
        path.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")
        registry.upload(release.run, path)
    tags = {_TO: str(target.version)}
    if not release.number:  # begun before releases had one
        tags |= _place(read_record(registry, name))
    registry.tag_run(release.run, tags)
    registry.finish_run(release.run)
    return done


def serving_since(registry: Registry, version: Version) -> datetime | None:
    """Return when the champion began to serve: the end of the last release that led to it.

    None where no release did: somebody moved the alias by hand.
    """
    runs = registry.find_runs(f"{version.name}-releases", {_TO: str(version.version)})
    ends = [registry.run_ended(run) for run in runs if registry.run_status(run) == "FINISHED"]
    newest = max((end for end in ends if end is not None), default=None)
    return None if newest is None else datetime.fromtimestamp(newest, UTC)


def _place(record: Record) -> dict[str, str]:
    """Return the tags that put a release behind the last one."""
    last = record.last
    return {_AFTER: last.run, _NUMBER: str(last.number + 1)} if last else {_AFTER: "", _NUMBER: "1"}


def _left(registry: Registry, name: str, release: Recorded) -> int | None:
    """Return the version a release leaves, if it stands: people can delete it, and MLflow gives
    the number of the newest again.
    """
    found = None if release.before is None else version_numbered(registry, name, release.before)
    if found is None or release.before_digest not in ("", found.digest):
        return None
    return found.version


def _recorded(run: Any) -> Recorded:
    tags = run.data.tags
    try:
        return Recorded(
            action=tags[_ACTION],
            run=str(run.info.run_id),
            digest=tags[DIGEST],
            before=None if tags[_FROM] == _NONE else int(tags[_FROM]),
            before_digest=tags.get(_FROM_DIGEST, ""),
            version=int(tags[_TO]) if run.info.status == "FINISHED" else None,
            after=tags.get(_AFTER, ""),
            number=int(tags.get(_NUMBER, "0")),
            reason=tags.get(_REASON, ""),
        )
    except (KeyError, ValueError) as error:  # pydantic's is a ValueError
        raise ContractError(
            f"the tags of a release's run were edited ({run.info.run_name!r})",
            step="release",
            where=f"run {run.info.run_id}",
            remedy="put them back as its release.json says, or restore the registry from a backup",
        ) from error
