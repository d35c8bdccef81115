"""Read a window of the inference log (data_contracts/inference_log.py) from the object store.

Of a day that is sealed its shard is read, and the raw files that are not in it yet, as streams: of
many rows a random sample is held, and counts of all. What cannot be read is counted by reason and
left out; how much of that may be is for the comparison to say. Writes nothing that stays.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import Field

from data_contracts.digests import file_digest
from data_contracts.errors import InputError
from data_contracts.inference_log import LogRow, window_key
from data_contracts.log_values import Feedback
from data_contracts.records import Frozen
from tasks.drift.attribution import Served, why_not
from tasks.drift.service.measured import Measured, Measuring
from tasks.inference_log.files import UNFINISHED
from tasks.inference_log.items import OUTSIDE as OTHER_DAY
from tasks.inference_log.items import Item, items_of, sealed_id
from tasks.inference_log.places import LogFile, local_file, log_files
from tasks.inference_log.sealed import (
    SealedDay,
    may_be_watched,
    read_sealed,
    sealed_days,
    sealed_items,
)
from tasks.inference_log.seen import Seen
from tasks.storage.objects import ObjectStore

MOST = 10_000  # rows of a window that are held
OUTSIDE = "time outside the window"
UNKNOWN_FIELDS = "rows with unknown fields (ignored)"


Place = Callable[[LogRow], int]


class WindowLog(Frozen):
    """The readable rows of a window. `digest` is a sha256 over the bytes of its files.

    `rows` are all of `total`, or a random sample: those that come first by their place.
    `refused` counts the rows that cannot be read, `left_out` those that somebody else answered,
    each by reason; `notes` count what is worth knowing and no fault. `measured` is of all rows.
    """

    window: str
    since: str = Field(default="", description="the first window, where several are put together")
    digest: str
    rows: tuple[LogRow, ...]
    total: int = Field(ge=0)
    measured: Measured = Field(default_factory=Measured)
    refused: dict[str, int] = Field(default_factory=dict)
    left_out: dict[str, int] = Field(default_factory=dict)
    notes: dict[str, int] = Field(default_factory=dict)
    repeated_rows: int = Field(ge=0, description="rows whose id was seen before (sent twice)")

    @property
    def refused_rows(self) -> int:
        """Return how many rows cannot be read, for whatever reason."""
        return sum(self.refused.values())


def list_windows(store: ObjectStore, name: str) -> list[str]:
    """Return the labels of the windows logged for a model, oldest first."""
    raw = {file.window for file in log_files(store, name) if file.window}
    sealed = (read_sealed(store, name, day) for day in sealed_days(store, name))
    return sorted(raw.union(*(day.windows for day in sealed if day)))


def unread_files(store: ObjectStore, name: str) -> int:
    """Return how many files beside the windows there are, which nobody reads."""
    return sum(not file.window for file in log_files(store, name))


def read_window(
    store: ObjectStore,
    name: str,
    window: str,
    served: Served | None = None,
    most: int = MOST,
    place: Place | None = None,
) -> WindowLog:
    """Read a window's log, or what a champion answered of it; a missing one is an InputError.

    At most `most` rows are held: those with the lowest `place`, a number that is random and a
    row's own, so they are the same ones every time (`place_of`).
    """
    key = window_key(name, window)
    files = [file for file in log_files(store, name) if file.window == window]
    sealed = read_sealed(store, name, window[:10])
    if sealed and window not in sealed.windows:
        sealed = None
    if not files and not sealed:
        raise InputError(
            "there is no log of this window",
            step="drift",
            where=f"{store.uri}/{key}",
            remedy="check that serving writes its log here, or make one with `paddock demo-log`",
        )
    with TemporaryDirectory(prefix="paddock-window-") as folder:
        scratch = Path(folder)
        with Seen(scratch / "seen.db") as seen:
            reading = _Reading(window, served, most, place, seen)
            if sealed:
                reading.read_sealed(sealed_items(store, sealed, window))
            late = reading.read_files(store, files, scratch, sealed)
            digest = _digest(sealed, window, late)
            return reading.log(digest)


def place_of(row: LogRow) -> int:
    """Return where a row stands among all, 0 to 2^64 - 1, at random."""
    return _place_at(sealed_id(row.id))


def _place_at(identity: str) -> int:
    return int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=8).digest())


class _Reading:
    """Takes a window's rows one by one."""

    def __init__(
        self, window: str, served: Served | None, most: int, place: Place | None, seen: Seen
    ) -> None:
        self._window, self._served, self._most, self._seen = window, served, most, seen
        self._place = place
        # The rows with the lowest places, the highest of them first to go.
        self._kept: list[tuple[int, int, LogRow]] = []
        self._total, self._repeated = 0, 0
        self._refused, self._left_out, self._notes = (Counter[str]() for _ in range(3))
        self._measuring = Measuring()

    def read_sealed(self, items: Iterable[Item]) -> None:
        """Take what a day's shard has of the window."""
        self._take_all(filter(self._is_kept, items))

    def read_files(
        self, store: ObjectStore, files: Iterable[LogFile], scratch: Path, sealed: SealedDay | None
    ) -> list[str]:
        """Take what is in raw files and not in the shard; return the digests of those files."""
        digests: list[str] = []
        for file in files:
            with local_file(store, file.key, scratch) as path:
                digest = file_digest(path)
                if sealed and sealed.files.get(file.key) == digest:
                    continue
                digests.append(digest)
                with path.open("rb") as stream:
                    self._take_all(filter(self._is_readable, items_of(file, stream)))
        return digests

    def _is_kept(self, item: Item) -> bool:
        """Tell whether a sealed row may be taken, and count it by its reason if not."""
        if may_be_watched(item):
            return True
        self._refused[item.held] += 1
        return False

    def _is_readable(self, item: Item) -> bool:
        """Tell whether a raw row may be taken, and count it by its reason if not."""
        if item.row is None:
            counts = self._notes if item.held == UNFINISHED else self._refused
            counts[item.held] += 1
            return False
        if item.held == OTHER_DAY or item.window != self._window:
            self._refused[OUTSIDE] += 1
            return False
        return True

    def _take_all(self, items: Iterable[Item]) -> None:
        for item, new in self._seen.marked(items):
            row = item.row
            if row is None:
                continue
            reason = why_not(row, self._served) if self._served else ""
            if row.feedback and not reason:
                self._rate(item.identity, row.feedback)
            if not new:
                self._repeated += 1
                continue
            if item.unknown_fields:
                self._notes[UNKNOWN_FIELDS] += 1
            if reason:
                self._left_out[reason] += 1
            else:
                self._measuring.add(row)
                self._keep(row, item.identity)

    def _rate(self, identity: str, said: Feedback) -> None:
        """Count a rating once; it may come behind the answer, in a row that is sent again."""
        if said.good is not None and self._seen.is_new(f"rated {identity}"):
            self._measuring.rate(said.good)

    def _keep(self, row: LogRow, identity: str) -> None:
        self._total += 1
        place = self._place(row) if self._place else _place_at(identity)
        placed = (-place, self._total, row)
        if len(self._kept) < self._most:
            heapq.heappush(self._kept, placed)
        else:
            heapq.heappushpop(self._kept, placed)

    def log(self, digest: str) -> WindowLog:
        """Return what was read."""
        kept = sorted(self._kept, key=lambda one: one[1])
        refused, left_out, notes = (
            {reason: count for reason, count in sorted(counts.items()) if count}
            for counts in (self._refused, self._left_out, self._notes)
        )
        return WindowLog(
            window=self._window,
            digest=digest,
            rows=tuple(row for _, _, row in kept),
            total=self._total,
            measured=self._measuring.measured(),
            refused=refused,
            left_out=left_out,
            notes=notes,
            repeated_rows=self._repeated,
        )


def _digest(sealed: SealedDay | None, window: str, late: Iterable[str]) -> str:
    """Return a digest of a shard's window and the files beside it."""
    files = hashlib.sha256(b"".join(bytes.fromhex(one) for one in late)).hexdigest()
    if not sealed:
        return files
    return hashlib.sha256(f"{sealed.shard.digest}{window}{files}".encode()).hexdigest()
