"""Looks for names in each text of a record as its language asks.

English texts go through the name finder, whose lists and contexts are English. Texts in another
language go through a model of that language, which alone decides, and through what labels announce
(`labelled`). Where no model reads a language there are two ways. `strict`: such a text is searched
as an English one, which takes nearly every word with a capital, and the record is said to be
unread, so that who trains on it can hold it back. `forms`: only what a label announces is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Literal

from tasks.redaction.findings import Finding
from tasks.redaction.languages import ENGLISH, spoken
from tasks.redaction.names.entities import OTHER
from tasks.redaction.names.finder import NameFinder, Reading, names_identity
from tasks.redaction.names.labelled import labelled
from tasks.redaction.names.model import (
    ANY,
    NamesModel,
    languages_of,
    load_names_model,
    model_identity,
    models_named,
)
from tasks.redaction.names.segments import pieces
from tasks.redaction.names.word_lists import word_lists

Unread = Literal["strict", "forms"]
RULES = 1  # raised when a label or the choice of a language changes
BETWEEN = "\n\n"  # texts of a record are searched as one, so that context carries over
_SCORE = 0.85


class Names:
    """Finds names in records; build it with `build_names`. For one thread at a time."""

    def __init__(
        self, english: NameFinder | None, others: Mapping[str, NamesModel], unread: Unread
    ) -> None:
        self._english, self._others, self._unread = english, others, unread
        self._read = frozenset(others) | ({ENGLISH} if english else frozenset[str]())

    def languages(self, records: Sequence[Sequence[str]]) -> list[list[str]]:
        """Return the language of each line of each record, whose texts are joined."""
        return [spoken(lines_of(texts)) for texts in records]

    def unread(self, languages: Sequence[str]) -> str:
        """Return the first of a record's languages that no model here reads, or nothing."""
        return first_unread(languages, self._read)

    def find(
        self,
        records: Sequence[Sequence[str]],
        languages: Sequence[Sequence[str]],
        readings: Sequence[Reading],
    ) -> list[list[Finding]]:
        """Return the findings of each record, its texts joined, then of each plainer reading."""
        lines = [lines_of(texts) for texts in records]
        shown = [
            _shown(one, [self._as_english(language) for language in own])
            for one, own in zip(lines, languages, strict=True)
        ]
        stands = [_stands(shown[one.number], one) for one in readings]
        plainer = [one for one, does in zip(readings, stands, strict=True) if does]
        found: list[list[Finding]] = [[] for _ in (*records, *plainer)]
        if self._english is not None:
            found = self._english.find(shown, plainer)
        in_plainer = iter(found[len(records) :])
        for number, (one, own) in enumerate(zip(lines, languages, strict=True)):
            for language in sorted({code for code in own if not self._as_english(code)}):
                found[number] += self._foreign(one, [code == language for code in own], language)
        in_readings = [next(in_plainer) if does else [] for does in stands]
        return [*found[: len(records)], *in_readings]

    def _model(self, language: str) -> NamesModel | None:
        return self._others.get(language) or self._others.get(ANY)

    def _as_english(self, language: str) -> bool:
        greedy = self._unread == "strict" and self._model(language) is None
        return language == ENGLISH or greedy

    def _foreign(self, lines: Sequence[str], own: Sequence[bool], language: str) -> list[Finding]:
        text = _shown(lines, own)
        return [*labelled(text, language), *self._marked(text, self._model(language), language)]

    def _marked(self, text: str, model: NamesModel | None, language: str) -> list[Finding]:
        if model is None:
            return []
        places = [(start, end) for start, end in pieces(text) if text[start:end].strip()]
        read = model.read([text[start:end] for start, end in places])
        return [
            Finding(
                one.kind, one.start + start, one.end + start, _SCORE, f"names model ({language})"
            )
            for (start, _), entities in zip(places, read, strict=True)
            for one in entities
            if one.kind != OTHER
        ]


def lines_of(texts: Sequence[str]) -> list[str]:
    """Return the lines of a record's texts, joined: each has a language."""
    return BETWEEN.join(texts).split("\n")


def build_names(models: str, unread: Unread) -> Names:
    """Return what finds names with these models; InputError if one of them is not there.

    `models` are packages or folders with commas between; see `models_named`.
    """
    english: NameFinder | None = None
    others: dict[str, NamesModel] = {}
    for name, said in models_named(models):
        model = load_names_model(name)
        for language in said or languages_of(name):
            if language in (ENGLISH, ANY) and english is None:
                english = NameFinder(model, word_lists())
            if language != ENGLISH:
                others.setdefault(language, model)
    return Names(english, others, unread)


def languages_read(models: str) -> frozenset[str]:
    """Return the languages that these models read, with `ANY` for all; loads nothing heavy."""
    named = models_named(models)
    return frozenset(one for name, said in named for one in said or languages_of(name))


def first_unread(languages: Sequence[str], read: frozenset[str]) -> str:
    """Return the first of some languages that is not among those read, or nothing."""
    return next((one for one in languages if not read & {one, ANY}), "")


def names_by_language_identity(models: str, unread: Unread) -> dict[str, Any]:
    """Return what decides the results, for a stage's fingerprint; loads nothing heavy."""
    (first, _), *others = models_named(models)
    more = {"others": [model_identity(name) for name, _ in others]} if others else {}
    said = {"said": models} if "@" in models else {}
    languages = {"rules": RULES, "py3langid": version("py3langid"), "unread": unread}
    return {**names_identity(first), **more, **said, "languages": languages}


def _shown(lines: Sequence[str], chosen: Sequence[bool]) -> str:
    """Return lines as one text, with spaces, as many, for those that are not chosen."""
    return "\n".join(
        line if is_chosen else " " * len(line)
        for line, is_chosen in zip(lines, chosen, strict=True)
    )


def _stands(shown: str, reading: Reading) -> bool:
    """Tell whether what a reading is of is shown."""
    if not reading.text:
        return False
    first, last = reading.origin(0), reading.origin(len(reading.text) - 1)
    return bool(shown[first : last + 1].strip())
