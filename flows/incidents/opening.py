"""`paddock incident open`: gathers what is known of a stretch of time into a bundle that stays.

Every text passes redaction, of rows that are sealed as well; what it cannot be sure of is counted
and left out. Writes one object of the store, once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from data_contracts.errors import InputError, PaddockError, shielded
from data_contracts.inference_log import LogRow
from flows.incidents.facts import BEFORE, Clean, Facts, overlapping, served_how, specified
from flows.incidents.looking import Looked, figures_by, look, spans_before
from flows.index_notes import index_name
from flows.workshop.parts import Workshop, code_revision
from tasks.incidents.bundle import STEP, Asked, Bundle, Compared, find, keep, utc
from tasks.inference_log.places import log_files
from tasks.inference_log.redacting import Redactor, redact_rows
from tasks.inference_log.sealed import sealed_days

_TOGETHER = 64  # rows that are redacted at once
_UNSAID = "(left out: redaction was not sure of it)"


class Opened(NamedTuple):
    """A bundle, its digest, and whether it was there already."""

    bundle: Bundle
    digest: str
    again: bool


def opened(workshop: Workshop, asked: Asked, file: str, now: datetime) -> Opened:
    """Return the bundle of a time, made now unless it is there.

    InputError if nothing is known of it. The same question is the same bundle, whatever came since.
    """
    if asked.until > now:
        raise _refused(
            f"the time ends at {utc(asked.until)}, which is not over",
            asked,
            f"give an end before now ({utc(now)}); times without a zone are UTC",
        )
    if found := find(workshop.store, asked.name, asked.id):
        return Opened(*found, again=True)
    specification, source = specified(workshop, asked.name, file)
    with TemporaryDirectory(prefix="paddock-incident-") as scratch:
        window, before = _looked(workshop, asked, Path(scratch))
    redaction = workshop.redactor(names=asked.names, keep=())
    redactor: Redactor = redaction()
    clean = cleaner(redactor)
    facts = Facts(workshop, asked.name, clean)
    held = Counter[str]()
    sample, worst = window.keeping.sample, window.keeping.worst
    kept = _redacted([*sample, *worst], redactor, held)
    tenures = facts.tenures(asked.name)
    held_then = overlapping(tenures, asked.since - BEFORE, asked.until)
    indexes = overlapping(
        facts.tenures(index_name(asked.name), needed=False), asked.since - BEFORE, asked.until
    )
    bundle = Bundle(
        id=asked.id,
        **asked.model_dump(),
        opened=now,
        redaction=redaction.identity(),
        code_revision=code_revision(),
        figures=window.all.figures,
        compared=tuple(
            Compared(called=called, since=one.since, until=one.until, figures=one.all.figures)
            for called, one in before.items()
        ),
        by_version=figures_by(window.versions),
        by_tenant=figures_by(window.tenants),
        by_variant=figures_by(window.variants),
        slices=(*before["just before"].slices, *window.slices),
        moves=facts.moves(held_then),
        index_moves=facts.moves(indexes),
        indexes=dict(window.indexes.most_common(20)),
        versions=facts.versions(
            [one for one in tenures if one in held_then or one.row.digest in window.weights]
        ),
        canary=facts.canary(asked.since, asked.until),
        served=served_how(specification, source, clean),
        requests=tuple(kept[_place(row)] for row in sample if _place(row) in kept),
        worst=tuple(kept[_place(row)] for row in worst if _place(row) in kept),
        held=dict(held),
        notes=tuple([*facts.notes, *_notes(asked, window, len(sample))]),
    )
    keep(workshop.store, bundle)
    stands = find(workshop.store, asked.name, asked.id)  # that of whoever was first
    if stands is None:
        raise PaddockError(
            "the bundle is gone again", step=STEP, where=asked.id, remedy="open it again"
        )
    return Opened(*stands, again=stands[0].opened != now)


def _looked(workshop: Workshop, asked: Asked, scratch: Path) -> tuple[Looked, dict[str, Looked]]:
    """Return what the window was like, and the times before it; InputError if there is nothing."""
    store, name = workshop.store, asked.name
    span = (asked.since, asked.until)
    window = look(store, name, span, asked.tenant, asked.most, scratch)
    before = {
        called: look(store, name, one, asked.tenant, 0, scratch)
        for called, one in spans_before(*span).items()
    }
    if not any(one.all.measuring.rows for one in (window, *before.values())):
        whose = f" of tenant {asked.tenant}" if asked.tenant else ""
        raise _refused(
            f"the log has no request{whose} in this time, nor just before it",
            asked,
            _known(workshop, name),
        )
    return window, before


def _known(workshop: Workshop, name: str) -> str:
    """Return what to do where a time has no rows: where there are some."""
    days = {file.day for file in log_files(workshop.store, name) if file.window}
    days |= set(sealed_days(workshop.store, name))
    if not days:
        return f"nothing was ever logged for {name}: see the name, and the store of this home"
    return (
        f"the log of {name} has rows of days from {min(days)} to {max(days)}; times without a zone "
        f"are UTC; `paddock log stats --name {name}` counts them"
    )


def cleaner(redactor: Redactor) -> Clean:
    """Return what takes personal data out of a text that is no row."""

    def clean(text: str) -> str:
        if not text.strip():
            return text
        with shielded(STEP):
            [done] = redactor.redact_records([[text]])
        return _UNSAID if done.dropped_for is not None or done.unread else done.texts[0]

    return clean


_Place = tuple[str, datetime]


def _place(row: LogRow) -> _Place:
    """Return what tells a row from others: an id may come again on another day."""
    return row.id, row.time


def _redacted(
    rows: Sequence[LogRow], redactor: Redactor, held: Counter[str]
) -> dict[_Place, LogRow]:
    """Return rows redacted, each once; what may not be kept is counted."""
    every = list({_place(row): row for row in rows}.values())
    kept: dict[_Place, LogRow] = {}
    for start in range(0, len(every), _TOGETHER):
        for one in redact_rows(every[start : start + _TOGETHER], redactor, STEP):
            if isinstance(one, str):
                held[one] += 1
            else:
                kept[_place(one)] = one
    return kept


def _notes(asked: Asked, window: Looked, kept: int) -> list[str]:
    found: list[str] = []
    total = window.all.measuring.rows
    if not total:
        found.append("no request was logged in the window, and some were before it: an outage?")
    if total > kept:
        found.append(f"{kept:,} of {total:,} requests are in the bundle, drawn by their ids")
    if not asked.names:
        found.append("names, places and organizations were not looked for: --no-names was said")
    unnamed = window.versions.get("-")
    if unnamed:
        found.append(f"{unnamed.measuring.rows:,} requests do not say which version answered them")
    return found


def _refused(what: str, asked: Asked, remedy: str) -> InputError:
    where = f"{asked.name}, {asked.since.astimezone(UTC):%Y-%m-%d %H:%M} to {utc(asked.until)}"
    return InputError(what, step=STEP, where=where, remedy=remedy)
