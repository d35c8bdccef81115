"""What a contract looks at in a row: sizes, roles, flags, label and time; never its text.

Pure functions; writes nothing.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from data_contracts.lengths import token_count
from data_contracts.records import Record

UNDETERMINED = "und"  # the ISO 639 code for a text too short or too mixed to have a language
_MILLISECONDS_FROM = 1e11  # seconds of the year 5138; a greater number counts milliseconds
_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class RowFlags:
    """What small models and patterns say of a row; columns of the snapshot by the same names.

    `language` is an ISO 639-1 code or `UNDETERMINED`; the score and `toxicity` are 0 to 1.
    `prompt_injection` names the pattern that was found, or is empty.
    """

    language: str
    language_score: float
    toxicity: float
    prompt_injection: str


def measure(
    record: Record,
    identity: str,
    split: str,
    line: int,
    *,
    tokens: int | None = None,
    flags: RowFlags | None = None,
    label: str = "",
    time: float | None = None,
) -> dict[str, Any]:
    """Return what the contract looks at; sizes are in characters unless their name says otherwise.

    `tokens` is estimated where it is not given. `label` is a digest (`label_digest`) and `time` is
    in seconds (`read_time`); without `flags` none of their columns are there.
    """
    row: dict[str, Any] = {"id": identity, "split": split, "line": line}
    row["tokens"] = token_count(record.texts()) if tokens is None else tokens
    row |= {"label": label, "time": time} | record.measures()
    if flags is not None:
        row |= {"language": flags.language, "toxicity": flags.toxicity}
        row["prompt_injection"] = int(bool(flags.prompt_injection))
    return row


def label_digest(value: Any) -> str:
    """Return 16 hex digits that stand for a label; "" for none. A label may be personal data."""
    if value is None or value == "":
        return ""
    return hashlib.sha256(repr(value).encode("utf-8", "replace")).hexdigest()[:16]


def read_time(value: Any) -> float | None:
    """Return a time in seconds since 1970 UTC, or None where the value is none.

    Takes ISO 8601 text (UTC unless it says otherwise), seconds or milliseconds, and datetimes.
    """
    if isinstance(value, str):
        value = _from_text(value.strip())
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not math.isfinite(value) or value < 0:
        return None
    seconds = value / 1000 if value >= _MILLISECONDS_FROM else float(value)
    return seconds if seconds < _LATEST else None


def _from_text(text: str) -> datetime | float | None:
    for read in (float, datetime.fromisoformat):
        try:
            return read(text)
        except (ValueError, OverflowError):
            continue
    return None
