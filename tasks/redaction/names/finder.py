"""Finds names of persons, places and organizations in texts.

Needs a names model (`names_model`) and the word lists. Sentences that cannot hold a name are left
out; in the rest, what the model marks, what the lists know, what stands around a word and the forms
of company names are weighed by a fitted table. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from tasks.redaction.findings import Finding
from tasks.redaction.names.candidates import Sentence, read_sentence
from tasks.redaction.names.model import (
    DEFAULT_NAMES_MODEL,
    NamesModel,
    load_names_model,
    model_identity,
)
from tasks.redaction.names.scales import Scales
from tasks.redaction.names.segments import pieces
from tasks.redaction.names.technical import Code, read_code
from tasks.redaction.names.word_lists import WordLists, lists_digest, word_lists

RULES = 10  # raised when a weight, a context or a list of words changes


class Reading(NamedTuple):
    """A plainer reading of (a part of) one of some texts, and how its places lead back there."""

    number: int
    text: str
    origin: Callable[[int], int]


class NameFinder:
    """Finds names; build it with `build_name_finder`. For one thread at a time."""

    def __init__(self, model: NamesModel, lists: WordLists) -> None:
        self._model, self._lists = model, lists
        self._scales = Scales(lists, model.meaning)

    def find(self, texts: Sequence[str], readings: Sequence[Reading] = ()) -> list[list[Finding]]:
        """Return the names in each text, then in each reading: PERSON, LOCATION, ORGANIZATION.

        Those of one text do not overlap.
        """
        codes = [read_code(text) for text in texts]
        codes += [codes[one.number].of_reading(one.text, one.origin) for one in readings]
        every = [*texts, *(one.text for one in readings)]
        read = [
            [one for _, _, one in read_sentences(text, self._lists, code) if one is not None]
            for text, code in zip(every, codes, strict=True)
        ]
        shown = sorted({one.text for own in read for one in own}, key=lambda t: (len(t), t))
        marked = dict(zip(shown, self._model.read(shown), strict=True))
        return [
            self._scales.names(text, own, [marked[one.text] for one in own])
            for text, own in zip(every, read, strict=True)
        ]


def read_sentences(
    text: str, lists: WordLists, code: Code
) -> Iterator[tuple[int, int, Sentence | None]]:
    """Yield each sentence of a text: start, end, and what in it may be names; None if nothing."""
    for start, end in pieces(text):
        yield start, end, read_sentence(text, start, end, lists, code)


def build_name_finder(model: str = DEFAULT_NAMES_MODEL) -> NameFinder:
    """Return a finder with the model of that name or folder; InputError if there is none."""
    return NameFinder(load_names_model(model), word_lists())


def names_identity(model: str = DEFAULT_NAMES_MODEL) -> dict[str, Any]:
    """Return what decides a finder's results, for a stage's fingerprint; loads nothing heavy."""
    return {**model_identity(model), "rules": RULES, "lists": lists_digest()}
