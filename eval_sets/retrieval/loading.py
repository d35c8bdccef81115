"""Loads retrieval sets: those of this folder by name, a team's own from a folder.

A set is a folder with card.toml and cases.jsonl (one case a line), and, where they ship with it,
documents.jsonl with the documents that its passages stand in. Both are checked strictly. No model
is asked these questions and none learns from an index, so they are kept out of no training. Writes
nothing.
"""

from __future__ import annotations

import hashlib
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from data_contracts.errors import InputError
from data_contracts.records import Frozen
from eval_sets.types import Line

STEP = "load retrieval sets"
CARD, CASES, DOCUMENTS = "card.toml", "cases.jsonl", "documents.jsonl"
REMEDY = "correct the file; eval_sets/retrieval/loading.py says what a card and a case hold"
Kind = Literal["plain", "paraphrased", "multi_hop", "unanswerable", "fresh"]


class RetrievalCase(Frozen):
    """A question and the passages (`gold`) that hold its answer, as the documents word it.

    All of them are to be found: a `multi_hop` question has several. An `unanswerable` one has none.
    `stale` are passages that answered it once: in a `fresh` case gold is to stand before them.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_./-]{0,99}$")]
    question: Line
    kind: Kind = "plain"
    gold: tuple[Line, ...] = ()
    stale: tuple[Line, ...] = ()

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> RetrievalCase:
        if bool(self.gold) == (self.kind == "unanswerable"):
            raise ValueError("gold passages belong to all cases but the unanswerable")
        if bool(self.stale) != (self.kind == "fresh"):
            raise ValueError("stale passages belong to cases of kind fresh, and to no others")
        return self


class RetrievalCard(Frozen):
    """What people must know of a set before they trust its figures."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]
    purpose: Line
    provenance: Line
    licence: Line
    gates: Line


class RetrievalSet(Frozen):
    """A card with its cases; `digest` is the sha256 over both files' digests."""

    card: RetrievalCard
    cases: tuple[RetrievalCase, ...] = Field(min_length=1)
    digest: str
    folder: Path


def list_retrieval_sets() -> list[str]:
    """Return the names of the retrieval sets that ship with Paddock."""
    return sorted(path.parent.name for path in _home().glob(f"*/{CARD}"))


def load_retrieval_set(name: str) -> RetrievalSet:
    """Load a set by its name, or from a folder; InputError says what cannot be used."""
    shipped = list_retrieval_sets()
    folder = _home() / name if name in shipped else Path(name)
    if not folder.is_dir():
        raise InputError(
            f"there is no retrieval set called {name!r}",
            step=STEP,
            where=name,
            remedy=f"choose from {', '.join(shipped)}, or give a folder with {CARD} and {CASES}",
        )
    raw = {file: _read(folder / file) for file in (CARD, CASES)}
    digests = "".join(f"{file} {hashlib.sha256(raw[file]).hexdigest()}\n" for file in sorted(raw))
    return RetrievalSet(
        card=_card(raw[CARD], folder / CARD),
        cases=_cases(raw[CASES], folder / CASES),
        digest=hashlib.sha256(digests.encode()).hexdigest(),
        folder=folder,
    )


def _home() -> Path:
    return Path(str(files("eval_sets.retrieval")))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unusable(f"{path.name} cannot be read ({error.strerror})", str(path)) from error


def _card(raw: bytes, path: Path) -> RetrievalCard:
    try:
        return RetrievalCard.model_validate(tomllib.loads(raw.decode("utf-8")))
    except ValidationError as error:
        raise _unusable(f"the card does not fit: {_where(error)}", str(path)) from None
    except ValueError as error:  # not UTF-8, or not TOML
        raise _unusable(f"the card is not TOML ({type(error).__name__})", str(path)) from None


def _cases(raw: bytes, path: Path) -> tuple[RetrievalCase, ...]:
    cases: dict[str, RetrievalCase] = {}
    for number, line in enumerate(raw.split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            case = RetrievalCase.model_validate_json(line)
        except ValidationError as error:
            raise _unusable(f"the case does not fit: {_where(error)}", where) from None
        if case.id in cases:
            raise _unusable(f"two cases have the id {case.id}", where)
        cases[case.id] = case
    if not cases:
        raise _unusable("there are no cases", str(path))
    return tuple(cases.values())


def _where(error: ValidationError) -> str:
    """Say which fields are wrong and why, without quoting a case."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    parts = [f"{'.'.join(map(str, entry['loc'])) or 'line'}: {entry['msg']}" for entry in found[:3]]
    return "; ".join(parts)


def _unusable(what: str, where: str) -> InputError:
    return InputError(what, step=STEP, where=where, remedy=REMEDY)
