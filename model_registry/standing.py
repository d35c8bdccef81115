"""Who serves: the one reader of the champion, for everything that needs to know.

The record of releases says who it is; the aliases in MLflow are what serving reads. Where the two
say different things (people deleted, moved or renamed something in MLflow), nothing is taken as
the champion: the trouble is said, with what puts it right. Needs a Registry; writes nothing.
"""

from __future__ import annotations

from data_contracts.errors import ContractError
from data_contracts.records import Frozen
from model_registry.releases import Record, Recorded, goes_on, read_record
from model_registry.tracking import Registry, quoted
from model_registry.versions import (
    CHAMPION,
    PREVIOUS,
    Version,
    find_version,
    has_model,
    same,
    version_at,
    version_numbered,
)


class Standing(Frozen):
    """Who serves. `champion` and `previous` are versions that stand and that the record names.

    `alias` is what MLflow's champion alias points at; `moving` is the release that put it there
    and did not end yet. `renamed` is what the registered model is called now. `trouble` is empty
    where registry and record agree; `remedy` then is too.
    """

    name: str
    record: Record
    champion: Version | None
    previous: Version | None
    alias: Version | None
    moving: Recorded | None = None
    renamed: str = ""
    trouble: str = ""
    remedy: str = ""

    @property
    def moved_outside(self) -> bool:
        """Tell whether the alias points at something that no release made champion."""
        return self.alias is not None and not same(self.alias, self.champion)

    @property
    def digest(self) -> str | None:
        """Return the recorded champion's digest, whatever became of its version."""
        return self.record.last.digest if self.record.last else None


def read_standing(registry: Registry, name: str) -> Standing:
    """Read who serves; ContractError where the record of releases cannot be read."""
    seen = _look(registry, name)
    while seen.trouble:
        again = _look(registry, name)
        if again == seen:
            break
        seen = again  # a release went on between two of the questions that a look asks
    return seen


def _look(registry: Registry, name: str) -> Standing:
    record, alias = read_record(registry, name), version_at(registry, name, CHAMPION)
    last, goal = record.last, record.previous()
    champion = _released(registry, name, record, last.version, last.digest) if last else None
    moving = None if same(alias, champion) else _moving(record, alias)
    if moving is not None:
        champion, goal = alias, None
    standing = Standing(
        name=name,
        record=record,
        champion=champion,
        previous=_released(registry, name, record, *goal) if goal else None,
        alias=alias,
        moving=moving,
    )
    if same(alias, champion) and (champion is not None or last is None):
        return standing
    renamed = "" if has_model(registry, name) else _called_now(registry, name, record)
    standing = standing.model_copy(update={"renamed": renamed})
    what, remedy = _trouble(registry, standing), _remedy(registry, standing)
    return standing.model_copy(update={"trouble": what, "remedy": remedy})


def read_champion(registry: Registry, name: str, step: str) -> Version | None:
    """Return the version that serves, or None before the first release.

    ContractError where the registry shows another than the record of releases.
    """
    standing = read_standing(registry, name)
    if standing.trouble:
        raise ContractError(standing.trouble, step=step, where=name, remedy=standing.remedy)
    return standing.champion


def note_on_previous(registry: Registry, standing: Standing) -> str:
    """Return what is wrong with the alias `previous`, or an empty text."""
    alias = version_at(registry, standing.name, PREVIOUS)
    if same(alias, standing.previous) or standing.moving:
        return ""
    shown = f"version {alias.version}" if alias else "nothing"
    due = f"version {standing.previous.version}" if standing.previous else "nothing"
    return (
        f"the alias {PREVIOUS} was moved or deleted outside Paddock: it points at {shown}, and a"
        f" rollback goes to {due}"
    )


def _released(
    registry: Registry, name: str, record: Record, number: int | None, digest: str
) -> Version | None:
    """Return a version if it stands as a release left it: same number, same digest, its own run."""
    found = version_numbered(registry, name, number) if number is not None else None
    if found is None or found.digest != digest or found.run not in record.runs:
        return None
    return found


def _moving(record: Record, alias: Version | None) -> Recorded | None:
    """Return the open release that explains where the alias is, or None."""
    for entry in record.open:
        if alias and alias.run in record.runs and alias.digest == entry.digest:
            return entry if goes_on(record, entry) else None
    return None


def _trouble(registry: Registry, standing: Standing) -> str:
    alias, last = standing.alias, standing.record.last
    points = f"it points at version {alias.version}" if alias else ""
    if last is None:
        return f"the alias {CHAMPION} was set outside Paddock: {points}, and no release is recorded"
    made = f"the last release made version {last.version} champion"
    if standing.champion is None:
        gone = _what_happened(registry, standing)
        moved = f"; the alias {CHAMPION} was moved outside Paddock: {points}" if alias else ""
        return f"{made}, and {gone}{moved}"
    if alias is None:
        return f"the alias {CHAMPION} was deleted outside Paddock; {made}"
    return f"the alias {CHAMPION} was moved outside Paddock: {points}, and {made}"


def _what_happened(registry: Registry, standing: Standing) -> str:
    name, last = standing.name, standing.record.last
    if standing.renamed:
        return f"the registered model {name} was renamed to {standing.renamed}"
    if not has_model(registry, name):
        return f"the registered model {name} was deleted"
    if last and last.version and version_numbered(registry, name, last.version) is not None:
        return "that version is not what was released any more: its tags or files were changed"
    return "that version was deleted"


def _called_now(registry: Registry, name: str, record: Record) -> str:
    for entry in reversed(record.done):
        found = registry.client.search_model_versions(f"run_id = '{quoted(entry.run)}'")
        if names := sorted({version.name for version in found} - {name}):
            return names[0]
    return ""


def _remedy(registry: Registry, standing: Standing) -> str:
    name, last = standing.name, standing.record.last
    if last is None:
        return f"take the alias {CHAMPION} away in MLflow, and promote what people approved"
    if standing.renamed:
        return f"rename the registered model {standing.renamed} back to {name} in MLflow"
    ways: list[str] = []
    candidate = find_version(registry, f"{name}-candidate", last.digest)
    if candidate is not None:
        ways.append(
            f"`paddock promote --name {name} --version {candidate.version}` puts the recorded "
            "champion back"
        )
    if not standing.moved_outside and standing.previous is not None:
        ways.append(
            f"`paddock rollback --name {name} --reason …` goes back to version "
            f"{standing.previous.version}"
        )
    return ", or ".join(ways) or "restore the registry from a backup, or begin under another name"
