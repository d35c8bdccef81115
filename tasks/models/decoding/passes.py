"""What goes through the model in one pass: prompts and the slots they go into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Admitted:
    """A case's prompt and how many tokens may follow, with the slot it goes into."""

    slot: int
    case: int
    ids: Sequence[int]
    budget: int


@dataclass(frozen=True)
class Part:
    """The prompts of one pass: by case, in which place of the cache its tokens go.

    Of each, `skips` tokens stand there already and `lengths` more go through the pass, one case
    behind the other: `begins` (int32, cases + 1) says where, in the pass.
    """

    places: list[int]
    skips: list[int]
    lengths: list[int]
    begins: Any


def in_passes(admitted: Sequence[Admitted], most: int) -> Iterator[list[Admitted]]:
    """Yield prompts in groups of nearly equal size, of about `most` tokens or fewer.

    A group is at most one prompt longer. A small one left over would cost more than its share.
    """
    total = sum(len(one.ids) for one in admitted)
    groups = -(-total // most)
    part: list[Admitted] = []
    done = group = 0
    for one in admitted:
        # The group in whose share of all tokens this prompt's middle lies.
        belongs = (2 * done + len(one.ids)) * groups // (2 * total)
        if part and belongs > group:
            yield part
            part = []
        group = belongs
        part.append(one)
        done += len(one.ids)
    if part:
        yield part
