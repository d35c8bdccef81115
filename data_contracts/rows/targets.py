"""Which turns are to be learned, as the tools that people use mark it. Pure; writes nothing.

True or 1 wants a turn learned under `weight` (OpenAI, Mistral), `train` and `training` (axolotl),
`loss` (ms-swift, xtuner), `loss_mask` (verl) and what is made of their words (`is_train`,
`step_loss_mask`, `output_with_loss`); under `masked` (torchtune) and `no_train` it does not. `mask`
means the one to some tools and the other to others, so it is refused, and so is a yes or a no under
a name with such a word whose sense is not plain. What a row says of itself, beside its messages or
its texts, is read in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from data_contracts.rows.literals import structured
from data_contracts.rows.values import Row, UnfitRowError, is_absent

# Columns in which a kind looks for marks of the row or of its messages.
MARKS = ("weights", "weight", "loss_mask", "train")
_LEARNED = re.compile(r"weights?|target")
_NOT_LEARNED = frozenset({"masked", "ismasked"})
_UNCLEAR = frozenset({"mask", "masks"})
_PARTS = frozenset({"traindetail", "trainingdetail", "traindetails"})
_SWITCHES = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
_AROUND = (
    "(?:be|calculate|compute|do|has|in|include|is|message|needs?|on|output|should|step|to|turn|use"
    "|with)*"
)
# A name that says train, loss or learn, and beside it only words that leave no doubt of its sense.
_PLAIN = re.compile(
    rf"{_AROUND}(?P<no>dont|exclude|ignore|no|not|skip|without)?{_AROUND}"
    rf"(?:train(?:able|ed|ing)?|loss|learn(?:able|ed)?)+(?P<end>weights?|scales?|masks?)?{_AROUND}"
)
_LONGEST = 80  # characters of a name that are looked at
_NAMES = 1024  # whose sense is kept, for the rows of a source name the same few things
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_MARK_WORDS_NAMES = """
learn learnable learned loss losses mask masked masks train trainable trained training weight
weights
"""
_MARK_WORDS = frozenset(_MARK_WORDS_NAMES.split())
# Beside these, any other word makes a name one of something else: train_number, weight_kg.
_AROUND_WORDS_NAMES = """
all and as be calculate compute do dont exclude final for has ignore in include is item message
msg multiplier my need needs no not of on only or output per prompt response row sample scale scales
should skip step token to turn use value with without
"""
_AROUND_WORDS = frozenset(_AROUND_WORDS_NAMES.split())


def is_mark(key: str) -> bool:
    """Tell whether a key says, in a way that is understood, if something is to be learned."""
    return _sense(key) is not None or _plain(key) in _UNCLEAR | _PARTS


def wanted(message: Mapping[str, Any]) -> bool | None:
    """Return whether a message is to be learned, None if it does not say.

    UnfitRowError for what is neither yes nor no: half a weight, parts of a message, two opinions, a
    yes or no under a name that is not known.
    """
    said: set[bool] = set()
    for key, value in message.items():
        if is_absent(value):
            continue
        if _plain(key) in _UNCLEAR:
            raise UnfitRowError("a message's mask may mean either: write weight 0 or 1")
        if _plain(key) in _PARTS:
            raise UnfitRowError("a message of which only parts are to be learned")
        _require_known(key, value)
        sense = _sense(key)
        if sense is None:
            continue
        if (found := _switch(value)) is None:
            raise UnfitRowError("a message's weight is neither 0 nor 1")
        said.add(found == sense)
    if len(said) > 1:
        raise UnfitRowError("a message that is to be learned and is not")
    return next(iter(said), None)


def marks_beside(row: Row, *, each: bool = True) -> list[Any] | None:
    """Return the list of marks that stands beside the messages, if there is one: True is learned.

    Without `each` a list may be anything, unless it holds a mark. UnfitRowError for a row that is
    marked as not to be learned, for lists that differ, and for a mark that is not known. What is no
    mark (another weight of a whole row) stays unread.
    """
    found: list[list[Any]] = []
    for name, value in row.beside("weights", _mark_words).items():
        own = name == row.column("weights")
        sense = True if own else _sense(name)
        marks = _listed(value)
        if marks is None:
            _require_row_learned(row, name, value, sense)
        elif sense is None:
            if _plain(name) in _UNCLEAR and any(_switch(mark) is not None for mark in marks):
                raise UnfitRowError(f"a mark that is not known ({_told(name)})")
        elif (each and own) or any(_switch(mark) is not None for mark in marks):
            row.take(name)
            found.append(marks if sense else [_turned(mark) for mark in marks])
    if any(marks != found[0] for marks in found[1:]):
        raise UnfitRowError("lists of weights beside each other that differ")
    return found[0] if found else None


def require_learned(row: Row) -> None:
    """Raise UnfitRowError where a row of one answer is marked as not to be learned.

    A list may hold one mark, which is the row's.
    """
    marks = marks_beside(row, each=False)
    if marks is None:
        return
    if len(marks) != 1:
        raise UnfitRowError("weights beside an answer that are not one for it")
    if wanted({"weight": marks[0]}) is False:
        raise UnfitRowError("a row that is marked as not to be learned")


def _require_row_learned(row: Row, name: str, value: Any, sense: bool | None) -> None:
    if sense is None:
        _require_known(name, value)
        return
    if (found := _switch(value)) is None:
        return
    row.take(name)
    if found != sense:
        raise UnfitRowError("a row that is marked as not to be learned")


def _require_known(key: str, value: Any) -> None:
    """Raise UnfitRowError for a yes or no under a name that may be a mark.

    A weight of 1 under any name takes nothing away; a mask of 1 may.
    """
    words = _mark_words(key)
    if not words or _sense(key) is not None or (found := _switch(value)) is None:
        return
    if value is True or not found or any("mask" in word for word in words):
        raise UnfitRowError(f"a mark that is not known ({_told(key)})")


def _told(key: str) -> str:
    """Return of a name what may be told to people: those of its words that make it a mark."""
    return " ".join(_mark_words(key))


@lru_cache(_NAMES)
def _mark_words(key: str) -> tuple[str, ...]:
    """Return the words of a name that make it a mark, or may make it one."""
    words = [word.lower() for word in _WORDS.findall(key[:_LONGEST])]
    found = tuple(word for word in words if word in _MARK_WORDS)
    if any(word not in _MARK_WORDS | _AROUND_WORDS for word in words):
        found = ()
    return found or (("loss",) if _PLAIN.fullmatch(_plain(key)[:_LONGEST]) else ())


@lru_cache(_NAMES)
def _sense(key: str) -> bool | None:
    """Return whether a yes under this name wants a thing learned; None if that is not plain."""
    name = _plain(key)
    if len(name) > _LONGEST:
        return None
    if _LEARNED.fullmatch(name) or name in _NOT_LEARNED:
        return name not in _NOT_LEARNED
    found = _PLAIN.fullmatch(name)
    if found is None or (found["no"] and found["end"]):
        return None
    return not found["no"]


def _switch(value: Any) -> bool | None:
    return _SWITCHES.get(str(value).strip().lower()) if not isinstance(value, list | dict) else None


def _turned(mark: Any) -> Any:
    found = _switch(mark)
    return mark if found is None else not found


def _listed(value: Any) -> list[Any] | None:
    value = structured(value) if isinstance(value, str) else value
    return list(value) if isinstance(value, list | tuple) else None


def _plain(key: str) -> str:
    return key.replace("_", "").replace("-", "").replace(" ", "").lower()
