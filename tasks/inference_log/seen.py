"""What was seen of a day's rows: their identities, and what people said of them later.

In a file, so that memory does not grow with the rows. The file is scratch: it is begun anew.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, repeat
from pathlib import Path
from types import TracebackType
from typing import Self

from data_contracts.inference_log import LogRow
from data_contracts.log_values import Feedback, together
from tasks.inference_log.items import Item

_CACHE_KIB = 16_000
_TOGETHER = 64  # items that are looked up at once; more leave a core's cache
_TABLES = """
create table seen (k blob primary key) without rowid;
create table said (k blob primary key, feedback text, consent integer) without rowid;
"""


class Seen:
    """The rows of one day."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._said = False
        self._base = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=off", "synchronous=off", f"cache_size=-{_CACHE_KIB}"):
            self._base.execute(f"pragma {pragma}")
        self._base.executescript(_TABLES)
        self._base.execute("begin")

    def is_new(self, identity: str) -> bool:
        """Tell whether a row was not seen before, and remember it."""
        return bool(self._add([_key(identity)]))

    def marked(self, items: Iterable[Item]) -> Iterator[tuple[Item, bool]]:
        """Yield each item with whether its row was not seen before, some at a time in memory."""
        rest = iter(items)
        while batch := list(islice(rest, _TOGETHER)):
            keys = [_key(item.identity) for item in batch]
            new = self._add(keys)
            if len(new) == len(batch):
                yield from zip(batch, repeat(True))
                continue
            for item, key in zip(batch, keys, strict=True):
                yield item, key in new
                new.discard(key)  # the second one in a batch was seen before

    def _add(self, keys: Sequence[bytes]) -> set[bytes]:
        """Remember keys, and return those that were not known."""
        places = ",".join(["(?)"] * len(keys))
        row = f"insert or ignore into seen values {places} returning k"  # noqa: S608 -- no value in it
        return {key for (key,) in self._base.execute(row, keys)}

    def hear(self, identity: str, row: LogRow) -> None:
        """Remember what a row holds of feedback and consent: it may come behind its answer."""
        if row.feedback is None and row.consent is None:
            return
        feedback, consent = self._heard(_key(identity))
        if row.feedback is not None and row.feedback != feedback:
            feedback = together([feedback, row.feedback]) if feedback else row.feedback
        if row.consent is not None:
            consent = row.consent if consent is None else consent and row.consent
        text = feedback.model_dump_json() if feedback else None
        self._base.execute(
            "insert or replace into said values (?, ?, ?)", (_key(identity), text, consent)
        )
        self._said = True

    def with_said(self, identity: str, row: LogRow, *, sealed: bool) -> LogRow:
        """Return a row with all that was said of it: the worst rating, and no before yes.

        Of a `sealed` row what it says itself was not heard, and is redacted; a comment that was
        heard takes the place of the one in it, which may be the same.
        """
        if not self._said:
            return row
        feedback, consent = self._heard(_key(identity))
        if (feedback, consent) == (None, None):
            return row
        if sealed:
            feedback = _later(row.feedback, feedback)
            known = [one for one in (row.consent, consent) if one is not None]
            consent = all(known) if known else None
        return row.model_copy(update={"feedback": feedback, "consent": consent})

    def _heard(self, key: bytes) -> tuple[Feedback | None, bool | None]:
        found = self._base.execute("select feedback, consent from said where k = ?", (key,))
        text, consent = found.fetchone() or (None, None)
        feedback = Feedback.model_validate_json(text) if text else None
        return feedback, None if consent is None else bool(consent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._base.close()
        self._path.unlink(missing_ok=True)


def _later(before: Feedback | None, heard: Feedback | None) -> Feedback | None:
    if before is None or heard is None:
        return heard or before
    both = together([before, heard])
    comment = heard.comment or before.comment
    return both.model_copy(update={"comment": comment})


def _key(identity: str) -> bytes:
    return hashlib.blake2b(identity.encode("utf-8", "replace"), digest_size=16).digest()
