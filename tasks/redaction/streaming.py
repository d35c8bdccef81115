"""Redacts JSON lines as they come: what `paddock redact` does between its input and its output.

A line is an object with a `text`, and may have more. Every string in it is redacted, at any depth,
with one numbering, and long whole numbers that turn out to be personal become placeholders too.
Keys stay. Holds no more than a batch of lines.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from data_contracts.errors import InputError
from tasks.redaction.engine import Redactor
from tasks.redaction.findings import Finding

STEP = "redact"
BATCH = 64  # lines
LONGEST_LINE = 64 * 1024 * 1024  # bytes
_READ = 1024 * 1024
_LONG_NUMBER = 7  # digits: the shortest phone number
DEEPEST = 100  # objects and lists in each other
_NO_OBJECT = 'no JSON object with a "text"'
_TOO_DEEP = f"objects and lists nested deeper than {DEEPEST}"


@dataclass(slots=True)
class Totals:
    """What went through so far; never a value."""

    lines: int = 0
    broken: int = 0
    dropped: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    detectors: Counter[str] = field(default_factory=Counter[str])
    unread: Counter[str] = field(default_factory=Counter[str])


def redact_stream(
    stream: BinaryIO, redactor: Redactor, totals: Totals, *, spans: bool = False
) -> Iterator[str]:
    """Yield a JSON line for each line of a stream, as soon as it is there; counts into `totals`.

    With `spans` a line holds what was found in `text`, with offsets in characters; otherwise the
    object, redacted. A line that is no such object gives `{"error": …}`, one whose kind's policy
    is to drop the row `{"dropped": kind}`.
    """
    for lines in _batches(stream):
        objects = [_object(line) for line in lines]
        good = [one for one in objects if not isinstance(one, str)]
        answers = iter(_spans(good, redactor) if spans else _redacted(good, redactor, totals))
        for one in objects:
            totals.lines += 1
            totals.broken += isinstance(one, str)
            answer = {"error": one} if isinstance(one, str) else next(answers)
            yield _line(answer)


def _line(answer: dict[str, Any]) -> str:
    line = json.dumps(answer, ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError:  # half a character, which no UTF-8 can hold
        return json.dumps(answer)
    return line


def _batches(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Yield lines in batches, without waiting for more while some are there."""
    rest = b""
    read = getattr(stream, "read1", stream.read)
    while chunk := read(_READ):
        *lines, rest = (rest + chunk).split(b"\n") if b"\n" in chunk else [rest + chunk]
        if len(rest) > LONGEST_LINE:
            raise InputError(
                f"a line is longer than {LONGEST_LINE >> 20} MiB",
                step=STEP,
                where="standard input",
                remedy="give JSON lines: one object a line",
            )
        yield from _full(lines)
    yield from _full([rest])


def _full(lines: list[bytes]) -> Iterator[list[bytes]]:
    filled = [line for line in lines if line.strip()]
    for start in range(0, len(filled), BATCH):
        yield filled[start : start + BATCH]


def _object(line: bytes) -> dict[str, Any] | str:
    """Return a line's object, or what is wrong with the line."""
    try:
        value = json.loads(line)
    except RecursionError:
        return _TOO_DEEP
    except ValueError:
        return _NO_OBJECT
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return _NO_OBJECT
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in _inner(one)]
        if not level:
            return value
    return _TOO_DEEP


def _spans(objects: list[dict[str, Any]], redactor: Redactor) -> Iterator[dict[str, Any]]:
    for (found,) in redactor.find([[one["text"]] for one in objects]):
        yield {"spans": [_span(one) for one in found]}


def _span(finding: Finding) -> dict[str, Any]:
    return {
        "start": finding.start,
        "end": finding.end,
        "kind": finding.kind,
        "detector": finding.detector,
        "score": round(finding.score, 3),
    }


def _redacted(
    objects: list[dict[str, Any]], redactor: Redactor, totals: Totals
) -> Iterator[dict[str, Any]]:
    done = redactor.redact_records([list(_strings(one)) for one in objects])
    for one, redacted in zip(objects, done, strict=True):
        totals.kinds += redacted.kinds
        totals.detectors += redacted.detectors
        totals.unread.update([redacted.unread] if redacted.unread else [])
        if redacted.dropped_for:
            totals.dropped += 1
            yield {"dropped": redacted.dropped_for}
        else:
            yield _replaced(one, iter(redacted.texts))


def _strings(value: Any) -> Iterator[str]:
    if (text := _as_text(value)) is not None:
        yield text
    for inner in _inner(value):
        yield from _strings(inner)


def _replaced(value: Any, texts: Iterator[str]) -> Any:
    if (text := _as_text(value)) is not None:
        new = next(texts)
        return value if new == text else new
    if isinstance(value, dict):
        return {key: _replaced(inner, texts) for key, inner in value.items()}
    return [_replaced(inner, texts) for inner in value] if isinstance(value, list) else value


def _as_text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if number and abs(value) >= 10 ** (_LONG_NUMBER - 1) else None


def _inner(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
