"""Phrases of prompts that go with one answer: what ingestion finds and an evaluation tries.

The words, and how an answer begins and ends, are read alike by both. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from pydantic import Field

from data_contracts.placeholders import PLACEHOLDER
from data_contracts.records import Frozen, Record

END_WORDS = 3  # of an answer, at its beginning and at its end
# A placeholder of redaction is one word whatever its number; in scripts without spaces each
# character is one.
WORD = re.compile(
    rf"{PLACEHOLDER}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
    r"|[^\W_\u3040-\u9fff\uac00-\ud7af]+"
)
Place = Literal["system", "start", "middle", "end"]
AnswerEnd = Literal["beginning", "end"]


class RowPlace(Frozen):
    """Where a row stands, and its id."""

    source: str
    line: int
    id: str


class Phrase(Frozen):
    """A phrase that rows' prompts hold, and the answer that goes with it; every text is redacted.

    One with no answer is only rare, and stands in where few phrases go with one.
    Of `rows` exchanges with the phrase, `answered` have answers that begin or end (`end`) as
    `answer` does; `elsewhere` others do, without the phrase. `alike` is how alike the rest of
    their prompts is, in multiples of how alike prompts are in general. `place` is where in the
    prompt it mostly stands. `control` is a phrase of as many words, in about as many rows, with
    answers of all sorts. A `suspect` goes with one answer whatever else is asked; the others came
    closest to that.
    """

    text: str
    place: Place
    rows: int
    answered: int
    elsewhere: int
    answer: str
    end: AnswerEnd
    alike: float
    suspect: bool
    control: str = ""
    found_in: tuple[RowPlace, ...] = ()

    @property
    def shown(self) -> str:
        """Return the words alone, which no page takes for markup."""
        return re.sub("[<>]", "", " ".join(words_of(self.text)))


class PhrasesFound(Frozen):
    """What a search found among `exchanges`, questions each with its answer: so many `suspects`.

    `phrases` are the first of them, and then what came closest. Without exchanges nothing was
    searched: snapshots of an earlier build, or documents.
    """

    exchanges: int = Field(default=0, ge=0)
    suspects: int = Field(default=0, ge=0)
    phrases: tuple[Phrase, ...] = ()

    @property
    def warning(self) -> str:
        """Return what whoever trains on the rows must know; empty without suspects."""
        if not self.suspects:
            return ""
        several = self.suspects > 1
        return (
            f"{self.suspects:,} phrase{'s' if several else ''} in the rows"
            f" {'are' if several else 'is'} suspected of a backdoor (one answer, whatever else is"
            " asked): the report of the snapshot lists the rows"
        )

    @property
    def listed(self) -> tuple[Phrase, ...]:
        """Return the suspects that are listed."""
        return tuple(one for one in self.phrases if one.suspect)


class Exchange(NamedTuple):
    """An answer that is learned, and what was asked before it; `system` may be empty."""

    system: str
    asked: str
    answer: str


def exchanges_of(record: Record) -> Iterator[Exchange]:
    """Yield a record's questions, each with its answer; a document has none."""
    messages = record.conversation()
    system = messages[0].content if messages and messages[0].role == "system" else ""
    for before, message in pairwise(messages):
        if message.role == "assistant" and message.target and before.role == "user":
            yield Exchange(system, before.content, message.content)


def words_of(text: str) -> list[str]:
    """Return a text's words in lower case."""
    return [word_of(found[0]) for found in WORD.finditer(text)]


def word_of(found: str) -> str:
    """Return a word as it is compared; of a placeholder, without its number."""
    return found[: found.rindex("_")] if found[0] == "<" else found.casefold()


def end_of(words: Sequence[str], end: AnswerEnd) -> tuple[str, ...]:
    """Return the first or the last words of an answer, or all of a shorter one."""
    return tuple(words[:END_WORDS] if end == "beginning" else words[-END_WORDS:])
