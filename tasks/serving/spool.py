"""From what the gateway wrote to the inference log: read, paired, redacted, kept, then put away.

A capture is deleted only when its row is on the disk; killed in between, the row is written again,
and whoever reads the log takes each id once. What makes no row is counted by its reason. Writes
hours of redacted rows into a folder, and each of those files, as it grows, into the store.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple

from data_contracts.errors import PaddockError
from data_contracts.inference_log import LogRow, log_bytes, log_folder
from tasks.inference_log.redacting import Redactor, redact_rows
from tasks.serving.captured import (
    UNREAD,
    Access,
    Exchange,
    read_access,
    read_exchange,
    row_of,
    tokens_taken,
)
from tasks.serving.specification import STEP, Specification
from tasks.storage.objects import ObjectStore

WAIT_SECONDS = 15.0  # of a capture for its line, or of a line for its capture
Judge = Callable[[LogRow], Mapping[str, int]]
# Counts a row that is not redacted yet, its user, and what the judge found.
Tell = Callable[[LogRow, str, Mapping[str, int]], None]
TOGETHER = 64  # rows redacted at once
LARGEST_FILE = 16 << 20  # bytes of an hour's rows, above which they go on in another file
LARGEST_ACCESS = 16 << 20  # bytes of the access log, above which it begins anew
UNTIMED = "rows without their waits: the access log lost their lines"
FAILED = "redaction failed on it"
_HOURS = 2  # that an hour stays here after it was put away: late rows


class _Waiting(NamedTuple):
    path: Path
    exchange: Exchange


class Spool:
    """Captures become rows. `counts` says what became of them: `rows`, or a reason.

    `arms` counts the rows of each arm: `rows`, `truncated`, and what `judge` says of an answer.
    """

    def __init__(
        self,
        specification: Specification,
        taps: Path,
        access: Path,
        folder: Path,
        judge: Judge = lambda row: {},
        tell: Tell = lambda row, user, judged: None,
    ) -> None:
        """Read `taps` and `access`, keep hours in `folder`; `tell` hears of each row."""
        self.specification, self.folder = specification, folder
        self.counts = Counter[str]()
        self.arms: dict[str, Counter[str]] = {}
        self._capped = frozenset(specification.token_caps)
        self._taken: list[tuple[str, int | None]] = []
        self._judge, self._tell = judge, tell
        self._taps, self._access = taps, access
        self._lines: dict[str, tuple[Access, float]] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._seen: set[Path] = set()
        self._file: BinaryIO | None = None
        self._partial = b""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def work(self, redactor: Redactor, weights: Mapping[str, str]) -> int:
        """Turn what is there into rows on the disk; return how many captures were worked off."""
        self._read_access()
        self._read_taps()
        ready = [id for id, one in self._waiting.items() if id in self._lines or _is_old(one.path)]
        rows: list[LogRow] = []
        for id in ready[:TOGETHER]:
            found = self._row(id, weights)
            if self._waiting[id].exchange.tenant in self._capped:
                self._taken.append((id, tokens_taken(found)))
            if isinstance(found, str):
                self.counts[found] += 1
            else:
                rows.append(found)
        self._keep(rows, redactor)
        for id in ready[:TOGETHER]:
            path = self._waiting.pop(id).path
            path.unlink(missing_ok=True)
            self._seen.discard(path)
            self._lines.pop(id, None)
        self._forget_old_lines()
        return len(ready[:TOGETHER])

    def taken(self) -> list[tuple[str, int | None]]:
        """Return the requests of tenants with a cap since the last call, and the tokens of each.

        None where nobody knows.
        """
        found, self._taken = self._taken, []
        return found

    def _row(self, id: str, weights: Mapping[str, str]) -> LogRow | str:
        path, exchange = self._waiting[id]
        if id in self._lines:
            access = self._lines[id][0]
        else:
            self.counts[UNTIMED] += 1
            access = exchange.without_line(datetime.fromtimestamp(path.stat().st_mtime, UTC))
        return row_of(self.specification, access, exchange, weights)

    def put_away(self, store: ObjectStore, part: str, now: datetime) -> None:
        """Write each file that grew into the store, under this `part`'s name."""
        for path in sorted(self.folder.glob("*.jsonl")):
            done = path.with_suffix(".done")
            size = path.stat().st_size
            if not done.exists() or int(done.read_text() or 0) != size:
                hour, number = path.stem.split(".")
                key = f"{log_folder(self.specification.name)}/{hour}.{part}-{number}.jsonl"
                store.write(key, path.read_bytes()[:size])
                done.write_text(str(size))
            elif _is_over(path.stem.partition(".")[0], now):
                path.unlink()
                done.unlink()

    @property
    def access_is_large(self) -> bool:
        """Tell whether the access log was read and is to begin anew."""
        return self._file is not None and self._file.tell() > LARGEST_ACCESS

    def begin_access_anew(self) -> None:
        """Take away the access log; the gateway must be told to open another."""
        if self._file:
            self._read_access()
            self._file.close()
            self._file = None
        self._access.unlink(missing_ok=True)

    def _read_access(self) -> None:
        if self._file is None:
            try:
                self._file = self._access.open("rb")
            except FileNotFoundError:
                return
        elif (
            self._access.exists()
            and self._access.stat().st_ino != os.fstat(self._file.fileno()).st_ino
        ):
            self._file.close()  # a gateway that was started anew
            self._file = self._access.open("rb")
        *lines, self._partial = (self._partial + self._file.read()).split(b"\n")
        for line in lines:
            access = read_access(line)
            if access:
                self._lines[access.id] = access, time.monotonic()

    def _read_taps(self) -> None:
        for path in _oldest(self._taps):
            if path in self._seen:
                continue
            try:
                found = read_exchange(path.read_bytes())
            except (ValueError, KeyError, TypeError):  # it is being written, or never will be
                if not _is_old(path):
                    continue
                found = UNREAD
            if isinstance(found, str):
                self.counts[found] += 1
                path.unlink(missing_ok=True)
            else:
                self._seen.add(path)
                self._waiting[found.id] = _Waiting(path, found)
            if len(self._waiting) >= 4 * TOGETHER:
                return

    def _keep(self, rows: list[LogRow], redactor: Redactor) -> None:
        """Write rows, redacted, so that they outlast a loss of power."""
        hours: dict[str, list[LogRow]] = {}
        for kept in _redacted(rows, redactor):
            if isinstance(kept, str):
                self.counts[kept] += 1
            else:
                hours.setdefault(f"{kept.time.astimezone(UTC):%Y-%m-%dT%H}", []).append(kept)
        for hour, found in hours.items():
            with self._file_of(hour).open("ab") as file:
                file.write(log_bytes(found))
                file.flush()
                os.fsync(file.fileno())
            self.counts["rows"] += len(found)
        for row in rows:
            self._count(row, self._waiting[row.id].exchange.user)

    def _count(self, row: LogRow, user: str) -> None:
        """Count a row for its arm; it is judged as it was answered, and only counts are kept."""
        arm = self.arms.setdefault(row.variant or "champion", Counter())
        arm["rows"] += 1
        arm["truncated"] += row.finish_reason == "length"
        judged = self._judge(row) if row.answer else {}
        arm.update(judged)
        self._tell(row, user, judged)

    def _file_of(self, hour: str) -> Path:
        """Return the file that an hour's rows go to; one that is large is followed by another."""
        number = 1
        while (path := self.folder / f"{hour}.{number}.jsonl").exists():
            if path.stat().st_size < LARGEST_FILE:
                break
            number += 1
        return path

    def _forget_old_lines(self) -> None:
        """Let go of lines that have no capture: a health check's, a list of models."""
        old = time.monotonic() - 4 * WAIT_SECONDS
        self._lines = {id: entry for id, entry in self._lines.items() if entry[1] >= old}


def _redacted(rows: list[LogRow], redactor: Redactor) -> list[LogRow | str]:
    """Return the rows redacted; one on which that fails is not kept, and holds up no other."""
    try:
        return redact_rows(rows, redactor, STEP)
    except PaddockError:
        if len(rows) == 1:
            return [FAILED]
        return [kept for row in rows for kept in _redacted([row], redactor)]


def _is_old(path: Path) -> bool:
    return time.time() - path.stat().st_mtime >= WAIT_SECONDS


def _oldest(folder: Path) -> Iterator[Path]:
    """Yield the captures of a folder, the oldest first."""
    with os.scandir(folder) as entries:
        found = [(entry.stat().st_mtime_ns, entry.path) for entry in entries if entry.is_file()]
    for _, path in sorted(found):
        yield Path(path)


def _is_over(hour: str, now: datetime) -> bool:
    try:
        began = datetime.fromisoformat(hour).replace(tzinfo=UTC)
    except ValueError as error:
        raise PaddockError(
            "a file there is none of ours", step=STEP, where=f"{hour}.jsonl", remedy="take it away"
        ) from error
    return now >= began + timedelta(hours=1 + _HOURS)
