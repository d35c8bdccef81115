"""The record of every move of the champion: a release run, opened before anything moves.

Needs a Registry. Writes runs of the experiment `<name>-releases`, each with a release.json, and
the aliases `champion` and `previous`. A run is closed last: a release that died half-way is found
open and finished by whoever comes next.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from data_contracts.records import Frozen
from model_registry.tracking import Registry
from model_registry.versions import (
    CHAMPION,
    DIGEST,
    PREVIOUS,
    Version,
    point,
    tag_version,
    version_at,
)

Action = Literal["promote", "rollback"]
_ACTION, _FROM, _TO, _REASON = "paddock.action", "paddock.from", "paddock.to", "paddock.reason"
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


class OpenRelease(Frozen):
    """A release that has begun: it takes the champion from version `before` to a digest."""

    action: Action
    name: str
    run: str
    digest: str
    before: int | None
    reason: str


def open_release(
    registry: Registry, name: str, action: Action, digest: str, before: int | None, reason: str
) -> OpenRelease:
    """Record that a release begins."""
    origin = _NONE if before is None else str(before)
    tags = {_ACTION: action, DIGEST: digest, _FROM: origin, _REASON: reason}
    run = registry.start_run(f"{name}-releases", f"{action} {digest[:12]}", tags)
    return OpenRelease(
        action=action, name=name, run=run, digest=digest, before=before, reason=reason
    )


def unfinished_release(
    registry: Registry, name: str, action: Action, digest: str | None = None
) -> OpenRelease | None:
    """Return the release of this kind that began and did not end, or None.

    One that the champion has moved on from since is closed as failed: finishing it would undo
    what came after.
    """
    champion = version_at(registry, name, CHAMPION)
    wanted = {_ACTION: action} | ({DIGEST: digest} if digest else {})
    for run in registry.find_runs(f"{name}-releases", wanted):
        if registry.run_status(run) != "RUNNING":
            continue
        tags = registry.run_tags(run)
        before = None if tags[_FROM] == _NONE else int(tags[_FROM])
        here = champion.version if champion else None
        if here == before or (champion is not None and champion.digest == tags[DIGEST]):
            return OpenRelease(
                action=action,
                name=name,
                run=run,
                digest=tags[DIGEST],
                before=before,
                reason=tags.get(_REASON, ""),
            )
        registry.finish_run(run, failed=True)
    return None


def finish_release(
    registry: Registry, release: OpenRelease, target: Version, evidence: Mapping[str, Any]
) -> Release:
    """Point the aliases where the release says and close it; the same again changes nothing.

    A promotion keeps the old champion as `previous`; a rollback leaves `previous` empty.
    """
    forward = release.action == "promote"
    point(registry, release.name, PREVIOUS, release.before if forward else None)
    point(registry, release.name, CHAMPION, target.version)
    if not forward and release.before is not None:
        tags = {"paddock.rolled_back": release.reason}
        tag_version(registry, release.name, release.before, tags)
    done = Release(**release.model_dump(), version=target.version, moved=True)
    with tempfile.TemporaryDirectory(prefix="paddock-") as scratch:
        path = Path(scratch) / "release.json"
        content = {**done.model_dump(), "evidence": dict(evidence)}
        path.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")
        registry.upload(release.run, path)
    registry.tag_run(release.run, {_TO: str(target.version)})
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
