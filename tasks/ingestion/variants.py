"""Variants of rows that a model wrote: which may be trained on, and why the others may not.

A variant is a row with another question and its answer as it was. It is dropped where ingestion
would drop it (the same as a row before, an evaluation's text), and where it asks nothing, has other
names, figures or placeholders than its question, or is not near to it. Needs a snapshot of chats;
writes a scratch file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from data_contracts.errors import InputError
from data_contracts.kinds.chat import ChatRecord
from data_contracts.placeholders import PLACEHOLDER
from data_contracts.records import Message, record_id
from data_contracts.snapshot.reading import read_report, read_rows
from tasks.ingestion.assembly import NEARLY, SAME
from tasks.ingestion.contamination import EvaluationTexts
from tasks.ingestion.duplicates import Seen, SeenRows
from tasks.ingestion.likeness import parts_of
from tasks.ingestion.similarity import signature

STEP = "augment"
LEAK = "shares text with an evaluation"
FIGURES = "other names, figures or placeholders than the question's"
MEANING = "not near enough to the question"
NO_QUESTION = "asks nothing"
_FIXED = re.compile(rf"{PLACEHOLDER}|\d+(?:[.,:]\d+)*")
_WORD, _SENTENCE_END = re.compile(r"[^\W\d_]+"), re.compile(r"(?<=[.!?:])\s+|\n+")

# Texts and others in, how near each pair is (cosines) out.
Alike = Callable[[Sequence[str], Sequence[str]], Sequence[float]]


class Question(NamedTuple):
    """A row to train on, and which of its turns is varied: the last that is answered."""

    id: str
    subject: str
    turns: tuple[Message, ...]
    place: int

    @property
    def text(self) -> str:
        """Return what is asked."""
        return self.turns[self.place].content

    def asked_as(self, text: str) -> ChatRecord:
        """Return the row with another question."""
        turns = list(self.turns)
        turns[self.place] = Message(role="user", content=text)
        return ChatRecord(messages=tuple(turns))


class Variant(NamedTuple):
    """A row that a model made of another one."""

    origin: Question
    record: ChatRecord


class Sifted(NamedTuple):
    """Variants that may be trained on, in order, and how many others fell to what."""

    kept: list[Variant]
    dropped: Counter[str]


def read_questions(snapshot: Path) -> list[Question]:
    """Return the rows to train on that ask something; not those that a model wrote.

    InputError if the rows are no conversations, or none of them asks.
    """
    kind = read_report(snapshot).kind
    rows = read_rows(snapshot) if kind == ChatRecord.KIND else ()
    found = [one for row in rows if (one := _question(row)) is not None]
    if not found:
        raise InputError(
            "there is no row to train on in which somebody asks and is answered",
            step=STEP,
            where=f"a snapshot of {kind} records",
            remedy="give a snapshot of conversations: `paddock ingest --kind chat` makes one",
        )
    return found


def _question(row: Mapping[str, Any]) -> Question | None:
    if row["split"] != "train" or row.get("synthetic"):
        return None
    turns = ChatRecord.from_columns(row).messages
    if not all(turn.target for turn in turns):
        return None
    asked = [
        place
        for place, turn in enumerate(turns[:-1])
        if turn.role == "user" and turns[place + 1].role == "assistant"
    ]
    return Question(row["id"], row.get("subject") or "", turns, asked[-1]) if asked else None


def sift(
    snapshot: Path,
    told: Sequence[tuple[Question, str]],
    leaks: EvaluationTexts,
    alike: Alike,
    least: float,
    scratch: Path,
    *,
    threshold: float,
) -> Sifted:
    """Return which wordings of questions make rows to train on.

    `threshold` is the contract's, of near-duplicates. Rows of the snapshot come first, of every
    split; so a variant is never kept in the place of a row.
    """
    seen = SeenRows(scratch, threshold)
    try:
        for row in read_rows(snapshot):
            _remember(seen, ChatRecord.from_columns(row), row["id"])
        near = alike([question.text for question, _ in told], [text for _, text in told])
        kept, dropped = list[Variant](), Counter[str]()
        for (question, text), cosine in zip(told, near, strict=True):
            why = _unfit(question.text, text, leaks) or (MEANING if cosine < least else "")
            record = None if why else question.asked_as(text)
            if record is not None and not (why := _repeats(seen, record)):
                kept.append(Variant(question, record))
            else:
                dropped[why] += 1
        return Sifted(kept, dropped)
    finally:
        seen.close()


def _unfit(question: str, text: str, leaks: EvaluationTexts) -> str:
    if text.endswith(":") or not _WORD.search(text) or ("?" in question and "?" not in text):
        return NO_QUESTION
    if Counter(_FIXED.findall(question)) != Counter(_FIXED.findall(text)):
        return FIGURES
    if not _names(question) <= {word.casefold() for word in _WORD.findall(text)}:
        return FIGURES
    return LEAK if leaks.leak_into([text]) is not None else ""


def _names(question: str) -> set[str]:
    """Return the words with a capital that begin no sentence."""
    words = (_WORD.findall(sentence)[1:] for sentence in _SENTENCE_END.split(question))
    return {word.casefold() for some in words for word in some if word[0].isupper() and word != "I"}


def _repeats(seen: SeenRows, record: ChatRecord) -> str:
    """Return why a row says nothing new; one that does is remembered."""
    identity = record_id(record)
    number, signed = _remember(seen, record, identity)
    if number is None:
        return SAME
    if seen.nearly(number, signed) is not None:
        seen.leave_out(number)
        return NEARLY
    return ""


def _remember(seen: SeenRows, record: ChatRecord, identity: str) -> tuple[int | None, bytes]:
    signed = signature(record.texts())
    if not seen.is_new(identity):
        return None, signed
    return seen.add(Seen("", 0, identity, parts_of(record), signed)), signed


def row_of(variant: Variant, subject_column: str) -> dict[str, Any]:
    """Return a variant as a row of a source; its person is named by the hash that its origin has.

    `synthetic` is the column that a contract names.
    """
    row: dict[str, Any] = {"messages": [turn.model_dump() for turn in variant.record.messages]}
    row["synthetic"] = variant.origin.id
    if subject_column and variant.origin.subject:
        row[subject_column] = variant.origin.subject
    return row


def rows_of(variants: Sequence[Variant], subject_column: str) -> Iterator[dict[str, Any]]:
    """Yield variants as rows of a source."""
    return (row_of(one, subject_column) for one in variants)
