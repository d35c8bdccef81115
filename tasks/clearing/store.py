"""Which outputs in the store may go: those that nothing that stays was made of, or names.

Needs the outputs, the digests that the registry needs, and for how many days contracts keep rows.
An output that goes loses its manifest first: from then on nothing finds it, and what is left of one
that died half-way goes next time. Rows that were held back are somebody's to decide on, so a
snapshot with a quarantine goes by its contract's own retention alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from tasks.clearing.pieces import Piece, newest_below, size_of
from tasks.storage.outputs import MANIFEST, Manifest, Outputs, Reference
from tasks.storage.stages import (
    DRIFT,
    DRIFT_ANSWERS,
    DRIFT_REFERENCE,
    EVERY,
    INDEX_SCORECARD,
    JUDGEMENTS,
    LOST,
    REFUSED,
    ROUTER_SCORECARD,
    SAMPLE,
    SCORECARD,
    SNAPSHOT,
    Stage,
)

# Made of a scorecard, a champion, an index or a router, and of use as long as that is.
_FOLLOWS = (
    *(LOST, SAMPLE, JUDGEMENTS, DRIFT_REFERENCE, DRIFT_ANSWERS, DRIFT),
    *(INDEX_SCORECARD, ROUTER_SCORECARD),
)
_AT_WORK = "a run is at work"


def judge_outputs(
    outputs: Outputs,
    needed: Mapping[str, str],
    retention: Mapping[str, int],
    cutoff: datetime,
    *,
    at_work: bool,
) -> Iterator[Piece]:
    """Say of every output in the store whether it stays.

    `needed` gives digests with the reason, `retention` the days that a contract, by its digest,
    keeps rows. `at_work`: a run uses the store, which may need what nothing else does.
    """
    every = {
        reference.key: (stage, reference, manifest)
        for stage in EVERY
        for reference, manifest in outputs.every(stage)
    }
    stays: dict[str, str] = {}
    for key, (stage, reference, manifest) in every.items():
        used = outputs.last_used(reference.key) or datetime.fromisoformat(manifest.created_at)
        days = retention.get(str(manifest.parameters.get("contract")))
        if why := needed.get(manifest.digest) or _why(stage, manifest, used, days, cutoff):
            stays[key] = why
    _keep_origins(every, stays)
    for key, (stage, reference, manifest) in every.items():
        size = sum(entry.size for entry in manifest.files.values())
        if why := stays.get(key) or (_AT_WORK if at_work else ""):
            yield Piece(stage.name, key, size, why)
        else:
            why = "nothing that stays was made of it, or names it"
            yield Piece(stage.name, key, size, why, partial(_remove, outputs, reference, cutoff))
    yield from _half_made(outputs, set(every), cutoff, at_work=at_work)


def _why(
    stage: Stage, manifest: Manifest, used: datetime, days: int | None, cutoff: datetime
) -> str:
    """Return why an output stays by itself; empty if it does only for others."""
    held_back = stage == REFUSED or (stage == SNAPSHOT and manifest.counts.get("quarantined"))
    if held_back and days is None:
        return "rows that were held back are somebody's to decide on"
    if days is not None and stage in (SNAPSHOT, REFUSED):
        cutoff = min(cutoff, datetime.now(UTC) - timedelta(days=days))
    return "made or used not so long ago" if used > cutoff else ""


def _follows(stage: Stage, made: Manifest, digests: set[str]) -> bool:
    """Tell whether an output tells of one that stays: its scorecards, what they lost, samples."""
    if stage == SCORECARD:
        return made.inputs.get("candidate model") in digests
    return stage in _FOLLOWS and bool(digests & {*made.inputs.values()})


def _keep_origins(
    every: Mapping[str, tuple[Stage, Reference, Manifest]], stays: dict[str, str]
) -> None:
    """Keep what is kept was made of, however far back, and what follows from it."""
    while True:
        kept = [every[key] for key in stays]
        origins = {digest for _, _, made in kept for digest in made.inputs.values()}
        digests = {made.digest for _, _, made in kept}
        new = {
            key: "what stays was made of it" if made.digest in origins else "it tells of what stays"
            for key, (stage, _, made) in every.items()
            if key not in stays and (made.digest in origins or _follows(stage, made, digests))
        }
        if not new:
            return
        stays.update(new)


def _remove(outputs: Outputs, reference: Reference, cutoff: datetime) -> bool:
    """Take an output away, unless somebody makes or has used it meanwhile."""
    with outputs.alone(reference.key) as alone:
        used = outputs.last_used(reference.key)
        if not alone or (used and used > cutoff):
            return False
        keys = sorted(outputs.store.keys(reference.key), key=lambda key: not key.endswith(MANIFEST))
        for key in keys:
            outputs.store.remove(key)
    return True


def _half_made(
    outputs: Outputs, whole: set[str], cutoff: datetime, *, at_work: bool
) -> Iterator[Piece]:
    """Say of what lies in the store without a manifest; its age is known on this machine alone."""
    for stage in EVERY:
        keys = {"/".join(key.split("/")[:2]) for key in outputs.store.keys(stage.name)} - whole
        for key in sorted(keys):
            folder = outputs.store.local_path(key)
            if folder is None or not folder.is_dir():
                continue
            size = size_of(folder)
            old = datetime.fromtimestamp(newest_below(folder), UTC) <= cutoff
            if at_work or not old:
                yield Piece("half-made", key, size, "it may be in the making")
            else:
                stood = Reference(stage=stage.name, key=key, digest="")
                why = "whoever made it never came back"
                yield Piece("half-made", key, size, why, partial(_remove, outputs, stood, cutoff))
