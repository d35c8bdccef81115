"""`log://NAME`: rows of a model's sealed log as a source to train on; see docs/log.md.

The rule stands in the address, as a hub's split does: `log://desk?tenants=a,b&replay=0.3`. Writes
the rows that may be learned into the store, as an output of the days' shards, the verdicts and the
champion's snapshot; found again while these are the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from pydantic import ValidationError

from data_contracts.digests import canonical_json
from data_contracts.errors import ContractError, InputError
from data_contracts.snapshot.reading import read_records
from flows.workshop.parts import Workshop
from model_registry.candidates import candidate_of
from model_registry.standing import read_champion
from tasks.human_review.verdicts import sampled_answers, served_verdicts
from tasks.inference_log.items import Item
from tasks.inference_log.learning import (
    CHOICE,
    ROWS,
    Before,
    Choice,
    Rule,
    Verdict,
    choose_rows,
    exchange_key,
    exchange_keys,
)
from tasks.inference_log.sealed import SealedDay, read_sealed, sealed_days, sealed_items
from tasks.storage.outputs import Reference
from tasks.storage.stages import LOG_ROWS, SNAPSHOT

PREFIX = "log://"
STEP = "log source"
MOST_REPLAYED = 100_000  # conversations of the champion that are held at once


class LogSource(NamedTuple):
    """The file of rows, what a person should know of it, and the champion's public words."""

    path: Path
    notes: tuple[str, ...]
    keep: tuple[str, ...]


def read_rule(address: str) -> Rule:
    """Return the rule in an address; InputError names the word that cannot be."""
    parts = urlsplit(address)
    asked: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "tenants" in asked:
        asked["tenants"] = tuple(one for one in asked["tenants"].split(",") if one)
    try:
        return Rule.model_validate({**asked, "name": parts.netloc})
    except ValidationError as error:
        wrong = "; ".join(f"{one['loc'][0]}: {one['msg']}" for one in error.errors())
        raise _refused(address, wrong) from None


def learn_from_log(workshop: Workshop, address: str) -> LogSource:
    """Return the rows of a log that may be learned; InputError if there are none, with why."""
    rule = read_rule(address)
    days = list(_days(workshop, rule))
    if not days:
        raise _refused(address, "no day of this log is sealed in this time: `paddock log compact`")
    snapshot = _snapshot(workshop, rule.name)
    verdicts = _verdicts(workshop, rule.name, snapshot)
    inputs = {f"day {one.day}": one.shard.digest for one in days}
    said = {key: one.model_dump() for key, one in sorted(verdicts.items())}
    parameters = {
        "rule": rule.model_dump(),
        "verdicts": hashlib.sha256(canonical_json(said)).hexdigest(),
    }

    def make(folder: Path) -> dict[str, int]:
        items = _items(workshop, days)
        choice = choose_rows(items, rule, verdicts, _before(workshop, snapshot), folder)
        return {"looked at": choice.looked_at, "chosen": choice.chosen, "replay": choice.replayed}

    work = LOG_ROWS.of(inputs | ({"champion": snapshot.digest} if snapshot else {}), parameters)
    folder = workshop.outputs.fetch(workshop.outputs.build(work, make).reference)
    choice = Choice.model_validate_json((folder / CHOICE).read_bytes())
    if not choice.chosen:
        raise _refused(address, f"none of its rows may be learned: {'; '.join(choice.notes()[1:])}")
    keep = workshop.redactor_of(snapshot).keep if snapshot else ()
    return LogSource((folder / ROWS).absolute(), choice.notes(), keep)


def _days(workshop: Workshop, rule: Rule) -> Iterator[SealedDay]:
    for day in sealed_days(workshop.store, rule.name):
        if rule.covers(day) and (sealed := read_sealed(workshop.store, rule.name, day)):
            yield sealed


def _items(workshop: Workshop, days: list[SealedDay]) -> Iterator[Item]:
    for day in days:
        yield from sealed_items(workshop.store, day)


def _snapshot(workshop: Workshop, name: str) -> Reference | None:
    version = read_champion(workshop.registry, name, STEP)
    if version is None:
        return None
    digest = candidate_of(version).references.get("dataset", "")
    found = workshop.outputs.with_digest(SNAPSHOT, digest)
    if found is None:
        raise ContractError(
            "the snapshot that the champion was trained on is not in the store",
            step=STEP,
            where=f"{name} version {version.version}",
            remedy="restore the store from a backup, or retrain on a source of your own",
        )
    return found


def _before(workshop: Workshop, snapshot: Reference | None) -> Before:
    """Return what the champion learned; an id is a hash, so their order is a draw."""
    if snapshot is None:
        return Before((), frozenset())
    folder = workshop.outputs.fetch(snapshot)
    known: set[str] = set()
    train: list[Any] = []
    for _, record in read_records(folder):
        known.update(exchange_keys(record.conversation()))
    for identity, record in read_records(folder, "train"):
        if record.conversation() and len(train) < MOST_REPLAYED:
            train.append((identity, record.conversation()))
    # The split follows from an id's first digits, so the order goes by the last ones.
    return Before(sorted(train, key=lambda one: one[0][::-1]), frozenset(known))


def _verdicts(workshop: Workshop, name: str, snapshot: Reference | None) -> dict[str, Verdict]:
    @cache
    def redactor() -> Any:
        if snapshot is None:
            return workshop.redactor(names=True, keep=())()
        return workshop.redactor_of(snapshot)()

    found: dict[str, Verdict] = {}
    for one in served_verdicts(workshop.registry, name, sampled_answers(workshop.outputs)):
        key = exchange_key(one.prompt, one.answer)
        # What people typed is raw; a sample, and so its answers, went through redaction.
        corrected = redactor().redact_text(one.corrected) if one.corrected else ""
        verdict = Verdict(good=one.good, declined=one.declined, corrected=corrected)
        found[key] = found[key].with_another(verdict) if key in found else verdict
    return found


def _refused(address: str, what: str) -> InputError:
    return InputError(
        what,
        step=STEP,
        where=address,
        remedy="write log://NAME?tenants=a,b&good=0.75&replay=0.9&since=2026-03-01&until=2026-03-31;"
        " rows need consent, and somebody who rated or corrected them",
    )
