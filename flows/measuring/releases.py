"""Who serves since when, by the release ledger, and what `reconcile` found of the registry.

Needs the ledger, and the store; writes nothing.

IntegrityError where a row is not as it was written: then the source is down, and an alert says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from flows.measuring.figures import Figure, figure
from flows.showing.registry_status import read_registry_status
from model_registry.ledger.book import Ledger
from model_registry.ledger.rows import Row
from tasks.storage.objects import ObjectStore


def releases(ledger: Ledger) -> Iterator[Figure]:
    """Yield what serves of each model, and how often its champion moved."""
    for name in ledger.names():
        yield from _of_a_model(name, ledger.rows(name))


def _of_a_model(name: str, rows: Sequence[Row]) -> Iterator[Figure]:
    last = rows[-1]
    yield figure("paddock_serving_version", last.version or 0, model=name)
    goal = rows[last.previous - 1] if last.previous else None
    for stage, row in (("champion", last), ("previous", goal)):
        if row and row.version:
            labels = {"model": name, "version": row.version, "stage": stage}
            yield figure("paddock_stage_info", 1, **labels)
    if last.version:
        since = datetime.fromisoformat(last.at).timestamp()
        of = {"model": name, "version": last.version}
        yield figure("paddock_serving_since_timestamp_seconds", since, **of)
    for action, count in Counter(row.action for row in rows).items():
        yield figure("paddock_releases_total", count, model=name, action=action)


def registry(store: ObjectStore) -> Iterator[Figure]:
    """Yield what the last look of `reconcile` at each model found."""
    for name, look in read_registry_status(store).models.items():
        at = look.at.timestamp()
        yield figure("paddock_registry_looked_timestamp_seconds", at, model=name)
        yield figure("paddock_registry_trouble", look.trouble, model=name)
        yield figure("paddock_registry_moves", look.moves, model=name)
