"""Caps on a tenant's tokens of a day that hold while many ask at once: reserve, then settle.

A cap that is checked first and charged when an answer ends lets through all who ask in between. So
the most that a request can take is set aside before an engine sees it, and put right once it is
known what it took; what never becomes known stays charged whole. A request is let through while
what is taken and set aside is below the cap, so a day ends above it by one request at the most.

Kept in one SQLite file, so that a door that is killed forgets nothing. Days are UTC's.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

_TABLE = """
CREATE TABLE IF NOT EXISTS requests (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, day TEXT NOT NULL,
    tokens INTEGER NOT NULL, settled INTEGER NOT NULL DEFAULT 0
)
"""
_SUMS = "SELECT tenant, SUM(tokens), SUM(tokens * settled) FROM requests WHERE day = ? GROUP BY 1"
_ASKED = ("max_completion_tokens", "max_tokens", "n_predict")  # the first that is a count holds
SOON_SECONDS = 1  # until a request under way is settled


class Used(NamedTuple):
    """A tenant's tokens of a day: `taken` by answers, and `reserved` for what is under way."""

    taken: int
    reserved: int

    @property
    def whole(self) -> int:
        """Return both."""
        return self.taken + self.reserved


class TokenCaps:
    """Reserves and settles; safe for threads of one process, which is the only one that writes."""

    def __init__(self, path: Path, caps: Mapping[str, int]) -> None:
        """Open or make the file; `caps` are tokens a day by tenant."""
        self.caps = dict(caps)
        self._lock = threading.Lock()
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")
        self._file.execute(_TABLE)
        self._day = ""
        self._used: dict[str, Used] = {}

    def reserve(self, tenant: str, request: str, tokens: int, now: datetime) -> float | None:
        """Set `tokens` aside; None if they are, else after how many seconds to ask again.

        KeyError for a tenant without a cap. The same request may be sent twice: it is charged once.
        """
        cap = self.caps[tenant]
        with self._lock:
            self._begin_day(now)
            used = self._used.get(tenant, Used(0, 0))
            if used.whole >= cap:
                return SOON_SECONDS if used.taken < cap else _until_midnight(now)
            added = self._file.execute(
                "INSERT OR IGNORE INTO requests (id, tenant, day, tokens) VALUES (?, ?, ?, ?)",
                (request, tenant, self._day, tokens),
            )
            if added.rowcount:
                self._used[tenant] = Used(used.taken, used.reserved + tokens)
            return None

    def settle(self, taken: Iterable[tuple[str, int | None]]) -> None:
        """Put right what requests took; None: nobody knows, and what was set aside is charged.

        A request that was never reserved, or was settled before, changes nothing.
        """
        with self._lock, self._file:
            self._file.execute("BEGIN")
            for request, tokens in taken:
                self._settle(request, tokens)

    def _settle(self, request: str, tokens: int | None) -> None:
        row = self._file.execute(
            "SELECT tenant, day, tokens FROM requests WHERE id = ? AND settled = 0", (request,)
        ).fetchone()
        if row is None:
            return
        tenant, day, reserved = row
        taken = reserved if tokens is None else tokens
        self._file.execute(
            "UPDATE requests SET tokens = ?, settled = 1 WHERE id = ?", (taken, request)
        )
        if day == self._day:
            used = self._used.get(tenant, Used(0, 0))
            self._used[tenant] = Used(used.taken + taken, used.reserved - reserved)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._file.close()

    def _begin_day(self, now: datetime) -> None:
        if self._day != (today := _day(now)):
            # What is under way at midnight is still to be settled; what is older is of no use.
            self._file.execute("DELETE FROM requests WHERE day < ?", (_day(now, before=1),))
            self._day = today
            self._used = _used(self._file, today)


def used_on(path: Path, now: datetime) -> dict[str, Used]:
    """Return what each tenant used on the day of `now`; nothing where no cap was ever kept."""
    if not path.exists():
        return {}
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
        return _used(file, _day(now))


def most_tokens(body: bytes, context: int) -> int:
    """Return the most tokens that a request can take, prompt and answer, of a context's at most.

    A byte-level tokenizer makes no more tokens than bytes, and the JSON around a message is longer
    than what a chat template puts there. A body that is no JSON takes what it is long: an engine
    refuses it.
    """
    try:
        asked: Any = json.loads(body)
    except ValueError:
        return min(context, len(body))
    entries = [asked.get(name) for name in _ASKED] if isinstance(asked, dict) else []
    counts = [entry for entry in entries if isinstance(entry, int) and entry > 0]
    return min(context, len(body) + (counts[0] if counts else context))


def _used(file: sqlite3.Connection, day: str) -> dict[str, Used]:
    rows = file.execute(_SUMS, (day,))
    return {tenant: Used(int(taken), int(whole - taken)) for tenant, whole, taken in rows}


def _day(now: datetime, before: int = 0) -> str:
    return (now.astimezone(UTC) - timedelta(days=before)).date().isoformat()


def _until_midnight(now: datetime) -> float:
    """Return the seconds until the next of UTC's days."""
    now = now.astimezone(UTC)
    began = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return max(SOON_SECONDS, (began + timedelta(days=1) - now).total_seconds())
