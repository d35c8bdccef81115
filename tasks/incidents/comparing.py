"""Where two answers part: the first token that differs, or the first character. Pure functions.

Answers are compared as the log keeps them, redacted, cut into tokens again by the tokenizer that
both versions have. Bit-equal answers are promised nowhere: an engine that batches, another machine
or another build may choose another token where two are nearly as likely.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Literal

from data_contracts.records import Frozen

_SHOWN = 24  # characters from where texts part
Unit = Literal["token", "character"]


class Difference(Frozen):
    """Where two answers part: `index` counts from 0, in `unit`.

    `first` and `second` are what stands there in either; None: the answer ended before it.
    """

    unit: Unit
    index: int
    first: str | None
    second: str | None


def first_token(first: Sequence[str], second: Sequence[str]) -> Difference | None:
    """Return where two answers part, by the texts of their tokens; None if they are equal."""
    for index in range(max(len(first), len(second))):
        one, other = (tokens[index] if index < len(tokens) else None for tokens in (first, second))
        if one != other:
            return Difference(unit="token", index=index, first=one, second=other)
    return None


def first_character(first: str, second: str) -> Difference | None:
    """Return where two texts part, with what follows there; None if they are equal."""
    if first == second:
        return None
    pairs = zip(first, second, strict=False)
    index = next((place for place, (one, other) in enumerate(pairs) if one != other), None)
    if index is None:
        index = min(len(first), len(second))
    one, other = (text[index : index + _SHOWN] or None for text in (first, second))
    return Difference(unit="character", index=index, first=one, second=other)


class Tally(Frozen):
    """How the answers of two sides agree over `compared` requests.

    `median_index` is where half of those that differ part, counted in `unit`; both are None if
    none does, or if some were compared by token and others by character.
    """

    compared: int
    equal: int
    median_index: float | None
    unit: Unit | None

    @property
    def share(self) -> float | None:
        """Return the share of equal answers; None of none."""
        return self.equal / self.compared if self.compared else None


def tally(found: Iterable[Difference | None]) -> Tally:
    """Count how many are equal."""
    every = list(found)
    apart = [one for one in every if one is not None]
    units: set[Unit] = {one.unit for one in apart}
    same = len(units) == 1
    return Tally(
        compared=len(every),
        equal=len(every) - len(apart),
        median_index=float(median(one.index for one in apart)) if same else None,
        unit=units.pop() if same else None,
    )


def words(found: Difference | None) -> str:
    """Return where two answers part, as people read it."""
    if found is None:
        return "equal"
    one, other = (_shown(text) for text in (found.first, found.second))
    return f"{found.unit} {found.index}: {one} | {other}"


def _shown(text: str | None) -> str:
    return "(ended)" if text is None else repr(text)
