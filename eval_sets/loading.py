"""Loads eval sets: those of this folder by name, a team's own from a folder.

A set is a folder with card.toml and cases.jsonl (one case a line). Both are checked strictly: an
eval set with an unreadable case is not an eval set. Writes nothing.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ValidationError, create_model

from data_contracts.errors import InputError
from eval_sets.types import SHIPPED, Card, Case, EvalSet, Expectation

STEP = "load eval sets"
MAX_BYTES = 64 * 2**20
Known = Mapping[str, type[Expectation]]


class _Named(BaseModel):
    scorer: str


class _Scored(BaseModel):
    """The part of a case that says who scores it."""

    expect: _Named


def list_eval_sets() -> list[str]:
    """Return the names of the eval sets that ship with Paddock."""
    return sorted(path.parent.name for path in _home().glob("*/card.toml"))


def load_eval_set(name: str, known: Known = SHIPPED) -> EvalSet:
    """Load a set that ships with Paddock; InputError names those there are."""
    if name not in list_eval_sets():
        raise InputError(
            f"there is no eval set called {name!r}",
            step=STEP,
            remedy=f"choose from {', '.join(list_eval_sets())}, or give a folder",
        )
    return load_eval_set_folder(_home() / name, known)


def load_eval_set_folder(path: Path, known: Known = SHIPPED) -> EvalSet:
    """Load a set from its folder; InputError says which file and line cannot be used.

    `known` holds, for each scorer there is, what its cases must say is expected.
    """
    raw = {name: _read(path / name) for name in ("card.toml", "cases.jsonl")}
    card = _card(raw["card.toml"], path / "card.toml")
    if card.scorer not in known:
        what = f"there is no scorer {card.scorer}; known are {', '.join(sorted(known))}"
        raise _unusable(what, str(path / "card.toml"))
    forms = {name: _form(expected) for name, expected in known.items()}
    cases = _cases(raw["cases.jsonl"], path / "cases.jsonl", forms)
    _agree(card, cases, path, forms)
    digests = "".join(f"{name} {hashlib.sha256(raw[name]).hexdigest()}\n" for name in sorted(raw))
    return EvalSet(
        name=card.name,
        version=card.version,
        card=card,
        cases=cases,
        digest=hashlib.sha256(digests.encode()).hexdigest(),
    )


def evaluation_texts(sets: Iterable[EvalSet]) -> list[str]:
    """Return what must not be trained on: every distinct user turn of every case, sorted.

    Gold facts are left out on purpose: a closed-book model is meant to learn those.
    """
    turns = {
        message.content
        for eval_set in sets
        for case in eval_set.cases
        for message in case.messages
        if message.role == "user"
    }
    return sorted(turns)


def _home() -> Path:
    return Path(str(files("eval_sets")))


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _unusable(f"the file is larger than {MAX_BYTES // 2**20} MiB", str(path))
        return path.read_bytes()
    except OSError as error:
        raise _unusable(f"{path.name} cannot be read ({error.strerror})", str(path)) from error


def _card(raw: bytes, path: Path) -> Card:
    try:
        return Card.model_validate(tomllib.loads(raw.decode("utf-8")))
    except ValidationError as error:
        raise _unusable(f"the card does not fit: {_where(error)}", str(path)) from None
    except ValueError as error:  # not UTF-8, or not TOML
        raise _unusable(f"the card is not TOML ({type(error).__name__})", str(path)) from None


def _form(expected: type[Expectation]) -> type[Case]:
    """Return the form of a case of which an answer is expected so."""
    return create_model(f"{expected.__name__}Case", __base__=Case, expect=(expected, ...))


def _cases(raw: bytes, path: Path, forms: Mapping[str, type[Case]]) -> tuple[Case, ...]:
    cases: list[Case] = []
    for number, line in enumerate(raw.split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            scorer = _Scored.model_validate_json(line).expect.scorer
            if scorer not in forms:
                raise _unusable("the case does not fit: expect.scorer is none there is", where)
            cases.append(forms[scorer].model_validate_json(line))
        except ValidationError as error:
            raise _unusable(f"the case does not fit: {_where(error)}", where) from None
    return tuple(cases)


def _agree(
    card: Card, cases: tuple[Case, ...], path: Path, forms: Mapping[str, type[Case]]
) -> None:
    if not cases:
        raise _unusable("there are no cases", str(path))
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise _unusable(f"two cases have the id {case.id}", str(path))
        if not isinstance(case, forms[card.scorer]):
            other = next(name for name, form in forms.items() if isinstance(case, form))
            what = f"case {case.id} is for {other}, the card for {card.scorer}"
            raise _unusable(what, str(path))
        seen.add(case.id)


def _where(error: ValidationError) -> str:
    """Say which fields are wrong and why, without quoting a case."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    parts = [f"{'.'.join(map(str, entry['loc'])) or 'line'}: {entry['msg']}" for entry in found[:3]]
    return "; ".join(parts)


def _unusable(what: str, where: str) -> InputError:
    remedy = "correct the file; eval_sets/types.py says what a card and a case hold"
    return InputError(what, step=STEP, where=where, remedy=remedy)
