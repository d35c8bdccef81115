"""A replay: what several versions answer to an incident's requests now, put side by side.

`incidents/<name>/<id>/replay-<time>.json` in the store, with the sha256 of its content in it; the
newest is what the page shows. Texts are redacted before they come here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

from pydantic import AwareDatetime, ValidationError

from data_contracts.inference_log import LogRow
from data_contracts.records import Frozen
from tasks.incidents.bundle import broken, folder_of, sealed, unsealed
from tasks.incidents.choosing import has_placeholders
from tasks.incidents.comparing import Difference, Tally, first_character, first_token, tally
from tasks.storage.objects import ObjectStore

RECORDED = "recorded"


class Side(Frozen):
    """A version that was asked. `name` is what its answers say; `called` what was asked for."""

    name: str
    called: tuple[str, ...]
    version: int
    digest: str
    tokenizer: str
    engine: str


class Again(Frozen):
    """A request and what it was answered: `answers` by a side's name.

    None: the version refused it (it is too long), or redaction let no use of what it said.
    `parts` says of each pair of sides that both answered where the two answers part; None: they
    are equal. `redacted`: a value was taken out of what was asked, so the answer may differ.
    """

    id: str
    model: str
    redacted: bool
    prompt: str
    recorded: str
    answers: dict[str, str | None]
    parts: dict[str, Difference | None]


class Agreement(Frozen):
    """How two sides agree, of requests asked as recorded and of such with placeholders."""

    first: str
    second: str
    plain: Tally
    redacted: Tally


class Replay(Frozen):
    """The whole of it. `left_out` counts requests that were not asked again, by the reason."""

    incident: str
    name: str
    bundle: str
    made: AwareDatetime
    sides: tuple[Side, ...]
    most: int
    beyond: int
    left_out: dict[str, int]
    agreements: tuple[Agreement, ...]
    requests: tuple[Again, ...]
    notes: tuple[str, ...]


class Said(NamedTuple):
    """What a side said to each row, redacted, and the tokens of that and of what was recorded.

    None: it refused; tokens None: its server does not cut texts.
    """

    side: Side
    answers: list[str | None]
    tokens: list[list[str] | None]
    recorded: list[list[str] | None]


def pair(first: str, second: str) -> str:
    """Return how a pair of sides is called."""
    return f"{first} | {second}"


def put_together(
    rows: Sequence[LogRow], said: Sequence[Said], tokenizer_of: Callable[[LogRow], str]
) -> tuple[tuple[Again, ...], tuple[Agreement, ...]]:
    """Return each request with where its answers part, and how the sides agree.

    Tokens are compared where both sides are known to have one tokenizer, else characters.
    """
    requests = tuple(_again(n, row, said, tokenizer_of(row)) for n, row in enumerate(rows))
    names = [RECORDED, *(one.side.name for one in said)]
    agreements: list[Agreement] = []
    for first, second in combinations(names, 2):
        key = pair(first, second)
        found = [(one.redacted, one.parts[key]) for one in requests if key in one.parts]
        agreements.append(
            Agreement(
                first=first,
                second=second,
                plain=tally(part for redacted, part in found if not redacted),
                redacted=tally(part for redacted, part in found if redacted),
            )
        )
    return requests, tuple(agreements)


def _again(number: int, row: LogRow, said: Sequence[Said], tokenizer: str) -> Again:
    parts: dict[str, Difference | None] = {}
    for one in said:
        text = one.answers[number]
        if text is not None:
            same = bool(tokenizer) and tokenizer == one.side.tokenizer
            tokens = (one.recorded[number], one.tokens[number]) if same else (None, None)
            parts[pair(RECORDED, one.side.name)] = _part((row.answer, text), tokens)
    for one, other in combinations(said, 2):
        texts = one.answers[number], other.answers[number]
        if texts[0] is not None and texts[1] is not None:
            same = bool(one.side.tokenizer) and one.side.tokenizer == other.side.tokenizer
            tokens = (one.tokens[number], other.tokens[number]) if same else (None, None)
            parts[pair(one.side.name, other.side.name)] = _part((texts[0], texts[1]), tokens)
    return Again(
        id=row.id,
        model=row.model,
        redacted=has_placeholders(row),
        prompt=row.prompt,
        recorded=row.answer,
        answers={one.side.name: one.answers[number] for one in said},
        parts=parts,
    )


def _part(
    texts: tuple[str, str], tokens: tuple[list[str] | None, list[str] | None]
) -> Difference | None:
    first, second = tokens
    if first is None or second is None:
        return first_character(*texts)
    # Of two texts that differ one token does, too; two that are cut alike are the same text.
    return first_token(first, second)


def keep_replay(store: ObjectStore, replay: Replay) -> str:
    """Write a replay, and return its key."""
    place = folder_of(replay.name, replay.incident)
    key = f"{place}/replay-{replay.made:%Y%m%dT%H%M%S%f}.json"
    store.write(key, sealed(replay.model_dump(mode="json")))
    return key


def newest_replay(store: ObjectStore, name: str, incident: str) -> Replay | None:
    """Return the newest replay of an incident; IntegrityError if it was changed."""
    place = f"{folder_of(name, incident)}/replay-"
    keys = [key for key in store.keys(folder_of(name, incident)) if key.startswith(place)]
    if not keys:
        return None
    where = f"{store.uri}/{keys[-1]}"
    content = unsealed(store.read(keys[-1]), where)
    try:
        return Replay.model_validate(content)
    except ValidationError as error:
        raise broken(where, "another version of Paddock wrote it") from error
