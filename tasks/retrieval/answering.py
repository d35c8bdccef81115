"""Answers from what was found: what a model is given, how it is asked, what its answer rests on.

A model is given the chunks that clear a threshold, each with a number to cite. Where none does it
is not asked: nothing is answered from nothing. What an answer rests on is read from its text alone:
the numbers it cites, and whether the figures and names in it stand in what it was given. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import Field

from data_contracts.passages import (
    NOT_THERE,
    ask_from,
    citations,
    says_not_there,
    without_citations,
)
from data_contracts.records import Frozen
from tasks.retrieval.chunking import Chunk
from tasks.retrieval.index import Hit

_FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+|\n+")
_WORD = re.compile(r"[^\W\d_][\w'-]*")


class Thresholds(Frozen):
    """What a chunk must have to be given to a model: cosine with the question, and how many may."""

    least_cosine: float = Field(
        default=0.35,
        ge=-1,
        le=1,
        description="The least cosine of a question with a chunk that is given to the model.",
    )
    passages: int = Field(default=4, ge=1, le=20, description="Chunks that the model is given.")


class Passage(NamedTuple):
    """A chunk under the number that an answer cites it by."""

    number: int
    chunk: Chunk

    @property
    def text(self) -> str:
        """Return what the model reads: the headings above it, and its text."""
        return "\n".join([*self.chunk.headings, self.chunk.text])


class Grounded(Frozen):
    """An answer, and what it rests on.

    `cited` are numbers of passages that it names, `unknown` such as no passage has; `unsupported`
    figures and names in it that stand neither in what it cites (in any passage, where it cites
    none) nor in the question.
    """

    text: str
    declined: bool
    cited: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    unsupported: tuple[str, ...] = ()

    @property
    def faithful(self) -> bool:
        """Tell whether it says nothing that was not given to it, as far as this can be told."""
        return self.declined or not (self.unknown or self.unsupported)


def chosen(
    hits: Sequence[Hit], chunks: Sequence[Chunk], thresholds: Thresholds
) -> tuple[Passage, ...]:
    """Return the chunks that clear the threshold, best first, numbered from 1.

    One that was found by its words alone has no cosine, and is given only beside one that has.
    """
    near = [hit.cosine for hit in hits if hit.cosine is not None]
    if not near or max(near) < thresholds.least_cosine:
        return ()
    clear = [
        chunk
        for hit, chunk in zip(hits, chunks, strict=True)
        if hit.cosine is None or hit.cosine >= thresholds.least_cosine
    ]
    return tuple(Passage(n, chunk) for n, chunk in enumerate(clear[: thresholds.passages], start=1))


def messages(question: str, passages: Sequence[Passage]) -> list[dict[str, str]]:
    """Return how a model is asked, as messages of OpenAI's chat protocol."""
    asked = ask_from(question, [passage.text for passage in passages])
    return [{"role": turn.role, "content": turn.content} for turn in asked]


def read_answer(text: str, question: str, passages: Sequence[Passage]) -> Grounded:
    """Return what an answer rests on."""
    text = text.strip()
    known = {passage.number: passage.text for passage in passages}
    numbers = citations(text)
    cited = tuple(one for one in numbers if one in known)
    plain = without_citations(text)
    declined = not plain or says_not_there(plain)
    if declined:
        return Grounded(text=text or NOT_THERE, declined=True, cited=cited)
    rests_on = "\n".join([*(known[one] for one in cited or known), question])
    return Grounded(
        text=text,
        declined=False,
        cited=cited,
        unknown=tuple(one for one in numbers if one not in known),
        unsupported=_unsupported(plain, rests_on),
    )


def _unsupported(text: str, given: str) -> tuple[str, ...]:
    figures = {_figure(one) for one in _FIGURE.findall(given)}
    words = {word.casefold() for word in _WORD.findall(given)}
    found = [one for one in _FIGURE.findall(text) if _figure(one) not in figures]
    found += [name for name in _names(text) if name.casefold() not in words]
    return tuple(dict.fromkeys(found))


def _figure(text: str) -> str:
    """Return a figure as it is written with and without separators of thousands."""
    return re.sub(r"[.,](?=\d{3}(\D|$))", "", text)


def _names(text: str) -> list[str]:
    """Return words with a capital that do not begin a sentence."""
    found: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        words = _WORD.findall(sentence)
        found += [word for word in words[1:] if word[0].isupper() and word != "I"]
    return found
