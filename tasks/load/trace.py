"""A trace: when requests came, and how many tokens each asked and was answered.

Azure's LLM traces (CSV: TIMESTAMP, ContextTokens, GeneratedTokens) and our own inference log (JSON
lines: time, prompt_tokens, answer_tokens). No text is read. Needs the file; writes nothing.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from data_contracts.errors import InputError

STEP = "load"
_NAMES = (
    ("TIMESTAMP", "time"),
    ("ContextTokens", "prompt_tokens"),
    ("GeneratedTokens", "answer_tokens"),
)


class Arrival(NamedTuple):
    """A request: seconds since the trace's first one, tokens of the question and of the answer."""

    at: float
    prompt_tokens: int
    answer_tokens: int


def read_trace(path: Path) -> list[Arrival]:
    """Return the arrivals in their order; InputError names the line that is none."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file) if path.suffix == ".csv" else file
            found = sorted(_arrivals(rows, path))
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(f"the trace cannot be read ({type(error).__name__})", f"{path}") from None
    if not found:
        raise _refused("the trace has no request", f"{path}")
    return [one._replace(at=one.at - found[0].at) for one in found]


def _fields(row: Mapping[str, Any] | str) -> Iterator[Any]:
    """Yield a row's time and its tokens; ValueError where it has none."""
    value = json.loads(row) if isinstance(row, str) else row
    if not isinstance(value, Mapping):
        raise ValueError
    for of_azure, ours in _NAMES:
        yield value.get(of_azure, value.get(ours))


def _arrivals(rows: Iterable[Mapping[str, Any] | str], path: Path) -> Iterator[Arrival]:
    number = 1 if path.suffix == ".csv" else 0  # a CSV has a line of names
    try:
        for row in rows:
            number += 1
            time, asked, answered = _fields(row)
            moment = datetime.fromisoformat(str(time))
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            prompt, answer = int(str(asked)), int(str(answered))
            if min(prompt, answer) < 0:
                raise ValueError
            yield Arrival(seconds, prompt, answer)
    except (ValueError, csv.Error):
        raise _refused(
            "a line of the trace has no time, or no tokens", f"{path}, line {number}"
        ) from None


def sped_up(trace: list[Arrival], speed: float, seconds: float, tokens: float) -> list[Arrival]:
    """Return what comes in the first `seconds` when the trace runs `speed` times as fast.

    `tokens` is a factor of all token counts; at least one is asked and answered.
    """
    return [
        Arrival(
            one.at / speed,
            max(1, round(one.prompt_tokens * tokens)),
            max(1, round(one.answer_tokens * tokens)),
        )
        for one in trace
        if one.at / speed < seconds
    ]


def _refused(what: str, where: str) -> InputError:
    return InputError(
        what,
        step=STEP,
        where=where,
        remedy="give a CSV with TIMESTAMP,ContextTokens,GeneratedTokens, or an hour of the "
        "inference log (.jsonl) whose rows say their tokens",
    )
