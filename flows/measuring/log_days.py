"""What became of each model's inference log: rows of sealed days, days that are not sealed yet.

Reads the records of sealed days, each version once, and two columns of the newest day's shard. No
row's text is looked at. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from data_contracts.inference_log import window_span
from flows.measuring.figures import Figure, figure
from tasks.inference_log.places import log_files
from tasks.inference_log.sealed import DayCounts, SealedDay, read_sealed, sealed_days, shard_file
from tasks.storage.objects import ObjectStore

FOLDER = "inference"
TOKENS = {"prompt": "prompt_tokens", "answer": "answer_tokens"}


class LogDays:
    """The log of every model; the tokens of a shard are counted once."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._tokens: dict[str, dict[str, int]] = {}

    def figures(self) -> Iterator[Figure]:
        """Yield what is known of each model that has a log."""
        for name in sorted({key.split("/")[1] for key in self._store.keys(FOLDER)}):
            sealed = [read_sealed(self._store, name, day) for day in sealed_days(self._store, name)]
            days = [day for day in sealed if day]
            yield from self._days(name, days)
            yield from _unsealed(self._store, name, days)

    def _days(self, name: str, days: list[SealedDay]) -> Iterator[Figure]:
        if not days:
            return
        for fate in _fates(days[-1].counts):
            total = sum(_fates(day.counts)[fate] for day in days)
            of = {"model": name, "fate": fate}
            yield figure("paddock_log_rows_total", total, **of)
            yield figure("paddock_log_day_rows", _fates(days[-1].counts)[fate], **of)
        yield figure("paddock_log_sealed_until_timestamp_seconds", _end(days[-1].day), model=name)
        for kind, count in self._tokens_of(days[-1]).items():
            yield figure("paddock_log_day_tokens", count, model=name, kind=kind)

    def _tokens_of(self, day: SealedDay) -> dict[str, int]:
        digest = day.shard.digest
        if digest not in self._tokens:
            self._tokens[digest] = _tokens(self._store, day)
        return self._tokens[digest]


def _fates(counts: DayCounts) -> dict[str, int]:
    return {
        "kept": counts.kept,
        "quarantined": counts.quarantined,
        "duplicate": counts.duplicates,
    }


def _tokens(store: ObjectStore, day: SealedDay) -> dict[str, int]:
    """Return the tokens that a day's rows say they took; nothing where no row says it."""
    import pyarrow.compute
    import pyarrow.parquet as pq

    compute: Any = pyarrow.compute  # whose functions are made when it is imported
    with shard_file(store, day) as path:
        table = pq.read_table(path, columns=list(TOKENS.values()))
    sums = {kind: compute.sum(table.column(name)).as_py() for kind, name in TOKENS.items()}
    return {kind: int(count) for kind, count in sums.items() if count is not None}


def _unsealed(store: ObjectStore, name: str, days: list[SealedDay]) -> Iterator[Figure]:
    """Yield when the log's newest window ends, and when the oldest day did that is not sealed."""
    covered = {key for day in days for key in day.files}
    files = [file for file in log_files(store, name) if file.window]
    windows = [file.window for file in files] + [one for day in days for one in day.windows]
    if windows:
        newest = max(map(_end, windows))
        yield figure("paddock_log_newest_window_timestamp_seconds", newest, model=name)
    now = datetime.now(UTC).timestamp()
    open_ = {_end(file.day) for file in files if file.key not in covered}
    if ended := [end for end in open_ if end <= now]:
        yield figure("paddock_log_unsealed_since_timestamp_seconds", min(ended), model=name)


def _end(window: str) -> float:
    start, length = window_span(window)
    return (start + length).timestamp()
