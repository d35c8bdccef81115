"""What of a registry must stay: what the ledger names, what waits, what is newest.

Needs a registry with its ledger; reads, and writes nothing. A candidate may go only if its gates
refused it, or one that is newer was released after it, and that long ago.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from model_registry.candidates import Candidate, candidate_of
from model_registry.dossier import PASSED, VERDICT_TAG
from model_registry.ledger.rows import Row
from model_registry.releases import goal_of, read_rows
from model_registry.tracking import Registry
from model_registry.versions import list_versions

_ENDING = "-candidate"
_SCORECARD_TAG = "paddock.scorecard"


class Judged(NamedTuple):
    """A candidate and what of it stays: `why` says it; `due` that its files may go."""

    candidate: Candidate
    why: str
    due: bool

    @property
    def digests(self) -> set[str]:
        """Return the outputs in the store that it names."""
        card = self.candidate.tags.get(_SCORECARD_TAG, "")
        return {card, *self.candidate.references.values()} - {""}


def judge_candidates(registry: Registry, cutoff: datetime) -> Iterator[Judged]:
    """Say of every candidate in the registry whether it stays."""
    found = registry.client.search_registered_models()
    for name in sorted(entry.name for entry in found if entry.name.endswith(_ENDING)):
        model = name.removesuffix(_ENDING)
        rows = read_rows(registry, model)
        candidates = [candidate_of(version) for version in list_versions(registry, name)]
        changed = _changed(registry, name)
        for candidate in candidates:
            newest = candidate.version == candidates[0].version
            why = "the newest candidate" if newest else _reason(candidate, rows)
            when = changed[candidate.version]
            if not why and candidate.tags.get(VERDICT_TAG, PASSED) != PASSED:
                yield _old(candidate, "its gates refused it", when, cutoff)
            elif not why and (since := _superseded(candidate, rows)):
                yield _old(candidate, "a newer one was released", max(when, since), cutoff)
            else:
                yield Judged(candidate, why or "it waits, or nobody judged it", due=False)


def _old(candidate: Candidate, what: str, since: datetime, cutoff: datetime) -> Judged:
    if since <= cutoff:
        return Judged(candidate, what, due=True)
    return Judged(candidate, f"{what}, not so long ago", due=False)


def _reason(candidate: Candidate, rows: Sequence[Row]) -> str:
    """Return why the ledger needs a candidate; empty if it does not."""
    if not any(row.digest == candidate.digest for row in rows):
        return ""
    goal = goal_of(rows)
    if candidate.digest == rows[-1].digest:
        return "it serves"
    if goal is not None and candidate.digest == goal.digest:
        return "a rollback goes to it"
    return "the ledger names it"


def _superseded(candidate: Candidate, rows: Sequence[Row]) -> datetime | None:
    """Return when a newer candidate was first released."""
    newer = (
        row.at
        for row in rows
        if row.serves and row.serves.candidate and row.serves.candidate > candidate.version
    )
    at = next(newer, None)
    return datetime.fromisoformat(at) if at else None


def _changed(registry: Registry, name: str) -> Mapping[int, datetime]:
    """Return when each version was written to last."""
    found = registry.client.search_model_versions(f"name = '{name}'", max_results=10_000)
    return {
        int(entry.version): datetime.fromtimestamp(
            (entry.last_updated_timestamp or entry.creation_timestamp) / 1000, UTC
        )
        for entry in found
    }
