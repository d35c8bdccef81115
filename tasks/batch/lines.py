"""A file of requests, one JSON object a line: each is read, or refused with its own reason.

Needs the file; writes nothing. No reason quotes a value: a request may hold personal data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from data_contracts.errors import InputError
from data_contracts.records import Frozen, Message

STEP = "batch"
LONGEST_LINE = 4 << 20  # bytes; what is longer is not read into memory
LONGEST_ID = 512  # characters


class Refusal(NamedTuple):
    """Why a line gets no answer: OpenAI's code, words, and the field they are about, if one is."""

    line: int
    custom_id: str | None
    code: str
    message: str
    param: str | None = None


class Request(Frozen):
    """A request that can be answered; `line` (from 1) and `custom_id` say whose it is.

    A chat has messages, and the answer at most `max_tokens`; it ends before the first of `stop`,
    and is one of `labels` where there are any. An embedding has texts.
    """

    line: int
    custom_id: str
    messages: tuple[Message, ...] = ()
    max_tokens: int = 0
    stop: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    def asks(self) -> dict[str, Any]:
        """Return what decides the answer, for a digest: all but whose it is."""
        return self.model_dump(mode="json", exclude={"line", "custom_id"})


class Requests(NamedTuple):
    """What a file holds: requests, and lines that are none, both in the file's order."""

    requests: list[Request]
    refused: list[Refusal]


class UnfitError(Exception):
    """A line that is no request, with OpenAI's code for it."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        self.code, self.message, self.param = code, message, param
        super().__init__(code)


Line = Callable[[Mapping[str, Any], int], tuple[str, dict[str, Any]]]


def read_lines(path: Path, read: Line) -> Requests:
    """Read a file of JSON objects, each by `read`, which gives its id and what it asks.

    An id that came before is refused. InputError if no line is a request, or there is no file.
    """
    requests: list[Request] = []
    refused: list[Refusal] = []
    seen: dict[str, int] = {}
    try:
        for number, raw in _lines(path):
            row: Any = {}
            try:
                row = _object(raw)
                identity, asked = read(row, number)
                if identity in seen:
                    raise UnfitError(
                        "duplicate_custom_id",
                        f"line {seen[identity]} has this custom_id already, and is answered",
                        "custom_id",
                    )
                requests.append(Request(line=number, custom_id=identity, **asked))
                seen[identity] = number
            except UnfitError as unfit:
                known = row.get("custom_id")
                identity = known if isinstance(known, str) and is_text(known) else None
                refused.append(Refusal(number, identity, unfit.code, unfit.message, unfit.param))
    except OSError as error:
        raise InputError(
            f"the file of requests cannot be read ({error.strerror})", step=STEP, where=str(path)
        ) from None
    if not requests:
        raise _nothing(path, refused)
    return Requests(requests, refused)


def custom_id(value: Any) -> str:
    """Return a request's id; UnfitError if it is none."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID or not is_text(value):
        what = f"a custom_id of 1 to {LONGEST_ID} characters is needed"
        raise UnfitError("missing_required_parameter", what, "custom_id")
    return value


def text_of(value: Any, where: str) -> str:
    """Return a text that says something; UnfitError if it is none, or is no Unicode."""
    if not isinstance(value, str) or not value.strip():
        raise UnfitError("invalid_value", f"{where} is no text, or an empty one", where)
    if not is_text(value):
        raise UnfitError(
            "invalid_value", f"{where} holds half a character (a lone surrogate)", where
        )
    return value


def _nothing(path: Path, refused: Sequence[Refusal]) -> InputError:
    first = refused[0] if refused else None
    return InputError(
        f"none of {len(refused):,} lines is a request" if first else "the file holds no line",
        step=STEP,
        where=f"{path}, line {first.line}: {first.message}" if first else str(path),
        remedy="write one JSON object a line, with custom_id, method, url and body; "
        "docs/batch.md has an example",
    )


def _lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Yield each line that is not blank with its number; None for one that is too long."""
    with path.open("rb") as file:
        for number, raw in enumerate(iter(partial(file.readline, LONGEST_LINE), b""), start=1):
            if len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
                while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                    pass
                yield number, None
            elif raw.strip():
                yield number, raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw


def _object(raw: bytes | None) -> dict[str, Any]:
    if raw is None:
        raise UnfitError("invalid_json_line", f"the line is longer than {LONGEST_LINE >> 20} MiB")
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError):
        raise UnfitError("invalid_json_line", "the line cannot be read as JSON") from None
    if not isinstance(row, dict):
        raise UnfitError("invalid_json_line", "the line is no JSON object")
    return row


def is_text(value: str) -> bool:
    """Tell whether a text can be written as UTF-8; half a character cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
