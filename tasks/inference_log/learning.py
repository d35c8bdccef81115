"""Rows of sealed days that a model may learn from, by a stated rule, and why the others may not.

A row needs consent, its own or its tenant's, and somebody who rated its answer well or corrected
it; what anybody rated badly, declined or refused never trains, whatever else was said. Beside the
new rows stand some of the champion's own, so that what it knows is not unlearned. Writes
`rows.jsonl` and `choice.json` into the folder it is given; all that is read is redacted.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from data_contracts.inference_log import LogRow
from data_contracts.records import Frozen, Message
from tasks.inference_log.items import Item

ROWS, CHOICE = "rows.jsonl", "choice.json"
KNOWN = "learned before: the champion was trained on it"


class Rule(Frozen):
    """Which rows of whose log.

    `replay` is the champion's share of all rows, up to all it has; 1 is all of them. A training
    begins at the base, so that what is not replayed is unlearned.
    """

    name: str
    tenants: tuple[str, ...] = ()
    good: float = Field(default=0.75, gt=0, le=1)
    since: str = ""
    until: str = ""
    replay: float = Field(default=1, ge=0, le=1)

    def replayed(self, chosen: int, known: int) -> int:
        """Return how many of the champion's `known` rows stand beside the `chosen` ones."""
        if self.replay == 1:
            return known if chosen else 0
        return min(known, round(chosen * self.replay / (1 - self.replay)))

    def covers(self, day: str) -> bool:
        """Tell whether a day is in its time."""
        return self.since <= day and (not self.until or day <= self.until)


class Verdict(Frozen):
    """What reviewers said of an answer, all looks together."""

    good: bool | None = None
    declined: bool = False
    corrected: str = ""

    def with_another(self, other: Verdict) -> Verdict:
        """Return both: the worse counts, and the first correction stands."""
        known = [one for one in (self.good, other.good) if one is not None]
        return Verdict(
            good=all(known) if known else None,
            declined=self.declined or other.declined,
            corrected=self.corrected or other.corrected,
        )


class Choice(Frozen):
    """What became of the rows: looked at = chosen + left out; `replayed` are the champion's."""

    looked_at: int
    chosen: int
    replayed: int
    left_out: dict[str, int]

    def notes(self) -> tuple[str, ...]:
        """Return it in sentences."""
        first = (
            f"{self.chosen:,} of {self.looked_at:,} rows of the log may be learned, beside "
            f"{self.replayed:,} that the champion learned"
        )
        return (first, *(f"left out: {n:,} {why}" for why, n in sorted(self.left_out.items())))


class Before(NamedTuple):
    """The champion's conversations, by the id of their record, in an order that is a draw."""

    conversations: Sequence[tuple[str, tuple[Message, ...]]]
    known: frozenset[str]


def exchange_key(prompt: str, answer: str) -> str:
    """Return what tells a question with its answer from others, whatever their case and spaces."""
    plain = "\n".join(" ".join(text.casefold().split()) for text in (prompt, answer))
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()


def exchange_keys(messages: Iterable[Message]) -> Iterator[str]:
    """Yield the key of each question and the answer behind it."""
    question = ""
    for message in messages:
        if message.role == "assistant" and question:
            yield exchange_key(question, message.content)
        question = message.content if message.role == "user" else ""


def choose_rows(
    items: Iterable[Item],
    rule: Rule,
    verdicts: Mapping[str, Verdict],
    before: Before,
    folder: Path,
) -> Choice:
    """Write the rows that may be learned, then the champion's, and say what became of all."""
    left_out, looked_at, chosen = Counter[str](), 0, 0
    with (folder / ROWS).open("w", encoding="utf-8") as file:
        for item in items:
            looked_at += 1
            row = _learnable(item, rule, verdicts, before.known)
            if isinstance(row, str):
                left_out[row] += 1
                continue
            chosen += 1
            file.write(_line(row))
        replayed = before.conversations[: rule.replayed(chosen, len(before.conversations))]
        for identity, messages in replayed:
            turns = [message.model_dump() for message in messages]
            file.write(_line({"messages": turns, "replayed": identity}))
    choice = Choice(
        looked_at=looked_at,
        chosen=chosen,
        replayed=len(replayed),
        left_out=dict(sorted(left_out.items())),
    )
    (folder / CHOICE).write_text(choice.model_dump_json(indent=1) + "\n")
    return choice


def _learnable(
    item: Item, rule: Rule, verdicts: Mapping[str, Verdict], known: frozenset[str]
) -> dict[str, Any] | str:
    """Return the conversation to learn, or why there is none."""
    row = item.row
    if row is None or item.held:
        return f"quarantined: {item.held}"
    if row.consent is False:
        return "consent refused"
    if not row.consent and row.tenant not in rule.tenants:
        return "no consent, of the row or its tenant"
    verdict = verdicts.get(exchange_key(row.prompt, row.answer), Verdict())
    answer = _answer(row, rule, verdict)
    if answer.why:
        return answer.why
    if exchange_key(row.prompt, answer.text) in known:
        return KNOWN
    # What was said before in the conversation is context: nobody rated it.
    turns: list[dict[str, Any]] = [turn.model_dump() for turn in row.messages]
    turns = turns or [{"role": "user", "content": row.prompt}]
    earlier = [{**one, "weight": 0} if one["role"] == "assistant" else one for one in turns]
    messages = [*earlier, {"role": "assistant", "content": answer.text}]
    return {"messages": messages, "log_id": item.identity, "log_window": item.window}


class _Answer(NamedTuple):
    text: str
    why: str = ""


def _answer(row: LogRow, rule: Rule, verdict: Verdict) -> _Answer:
    feedback = row.feedback
    good = feedback.good if feedback else None
    if verdict.declined:
        return _Answer("", "declined by a reviewer")
    if corrected := verdict.corrected or (feedback.corrected if feedback else ""):
        same = corrected.strip() == row.answer.strip()
        bad = verdict.good is False or (good is not None and good < rule.good)
        return _Answer("", "rated badly") if same and bad else _Answer(corrected)
    if verdict.good is False or (good is not None and good < rule.good):
        return _Answer("", "rated badly")
    if verdict.good is None and good is None:
        return _Answer("", "rated by nobody")
    return _Answer(row.answer, "" if row.answer.strip() else "an empty answer")


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n"
