"""What the last look at each log found, and which retrainings drift started.

Needs the store and the names of the models that served. Writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from flows.measuring.figures import Figure, figure
from flows.showing.drift_status import Watch, status_key
from tasks.drift.triggers import every_trigger
from tasks.storage.objects import ObjectStore


def drift_looks(store: ObjectStore, names: Iterable[str]) -> Iterator[Figure]:
    """Yield what stands of each model."""
    for name in names:
        outcomes = Counter(one.outcome for one in every_trigger(store, name))
        for outcome, count in outcomes.items():
            yield figure("paddock_drift_retrainings_total", count, model=name, outcome=outcome)
        try:
            watch = Watch.model_validate_json(store.read(status_key(name)))
        except FileNotFoundError:  # nobody looked yet
            continue
        yield from _look(name, watch)


def _look(name: str, watch: Watch) -> Iterator[Figure]:
    of = {"model": name, "version": watch.champion}
    if watch.looked_at:
        at = datetime.fromisoformat(watch.looked_at).timestamp()
        yield figure("paddock_drift_looked_timestamp_seconds", at, **of)
    for status, count in Counter(watch.windows.values()).items():
        yield figure("paddock_drift_windows", count, **of, status=status)
    for signal, ratio in watch.signals.items():
        yield figure("paddock_drift_signal_ratio", ratio, **of, signal=signal)
    yield figure("paddock_drift_unanswered", watch.unanswered, **of)
