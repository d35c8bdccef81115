"""What retrainings recorded of themselves in the store: rows, verdicts, gates, time, cost.

Reads `runs/<model>/*.json`, each once: a record never changes. Only the fields below are read, so
that records of older forms count as well. Writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from pydantic import BaseModel, ValidationError

from flows.measuring.figures import Figure, figure
from tasks.storage.objects import ObjectStore

FOLDER = "runs"


class _Gate(BaseModel):
    gate: str
    passed: bool


class _Estimate(BaseModel):
    value: float | None = None


class _Metric(BaseModel):
    key: str
    scores: dict[str, _Estimate] = {}


class RunRecord(BaseModel):
    """What is read of the summary of a retraining (`flows/showing/summary.py`)."""

    finished_at: datetime
    version: int
    passed: bool
    model_digest: str
    rows: dict[str, int] = {}
    redacted: dict[str, int] = {}
    gates: list[_Gate] = []
    metrics: list[_Metric] = []
    seconds: float | None = None
    cost: float | None = None
    tokens: int | None = None


class RunRecords:
    """The records of every model, kept once they were read."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._known: dict[str, RunRecord | None] = {}

    def figures(self) -> Iterator[Figure]:
        """Yield the sums over each model's records, and what the newest says."""
        for name, records in self._by_model().items():
            yield from _sums(name, records)
            yield from _newest(name, max(records, key=lambda one: one.finished_at))

    def _by_model(self) -> dict[str, list[RunRecord]]:
        found: dict[str, list[RunRecord]] = {}
        for key in self._store.keys(FOLDER):
            if key not in self._known:
                self._known[key] = _read(self._store, key)
            if record := self._known[key]:
                found.setdefault(key.split("/")[1], []).append(record)
        return found


def _read(store: ObjectStore, key: str) -> RunRecord | None:
    """Return a record; None where it is none of ours, or is gone since it was listed."""
    with suppress(ValidationError, FileNotFoundError):
        return RunRecord.model_validate_json(store.read(key))
    return None


def _sums(name: str, records: Sequence[RunRecord]) -> Iterator[Figure]:
    verdicts = Counter("passed" if one.passed else "refused" for one in records)
    for verdict, count in verdicts.items():
        yield figure("paddock_retrainings_total", count, model=name, verdict=verdict)
    # A run that found its training done has its figures again: each trained model counts once.
    trained = {one.model_digest: one for one in records}.values()
    for what in ("seconds", "cost", "tokens"):
        values = [value for one in trained if (value := getattr(one, what)) is not None]
        if values:
            yield figure(f"paddock_training_{what}_total", sum(values), model=name)


def _newest(name: str, record: RunRecord) -> Iterator[Figure]:
    at = record.finished_at.timestamp()
    yield figure("paddock_retraining_timestamp_seconds", at, model=name)
    for fate, count in record.rows.items():
        yield figure("paddock_retraining_rows", count, model=name, fate=fate)
    for kind, count in record.redacted.items():
        yield figure("paddock_retraining_redactions", count, model=name, kind=kind)
    of = {"model": name, "version": record.version}
    for gate in record.gates:
        yield figure("paddock_gate_passed", gate.passed, **of, gate=gate.gate)
    for metric in record.metrics:
        score = metric.scores.get("candidate")
        if score and score.value is not None:
            yield figure("paddock_candidate_score", score.value, **of, metric=metric.key)
