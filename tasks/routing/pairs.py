"""What a router is made of: requests that two models were asked, and how right each was.

Pure: rows in, the parts that they go to out. Requests of one group (the same fact in other words)
go to one part together, by a hash of the group's name: a request whose twin was learned from would
look like one that was never seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from data_contracts.errors import InputError
from data_contracts.records import Frozen

STEP = "router"
PartName = Literal["learn", "held"]
FEWEST = 100  # pairs below which nothing is worth learning
LEARN = 0.6  # of the requests; the others are held out


class Pair(Frozen):
    """A request that both models were asked.

    `small` and `large` are how right each answer was, from 0 to 1; tokens are of its question (as
    the encoder reads it) and of each one's answer. `asked` is the eval set.
    """

    id: str
    asked: str
    group: str
    question: str
    turns: int = Field(ge=1)
    small: float = Field(ge=0, le=1)
    large: float = Field(ge=0, le=1)
    small_tokens: int = Field(ge=0)
    large_tokens: int = Field(ge=0)


def part_of(pair: Pair) -> PartName:
    """Return the part that a pair goes to, always the same."""
    key = f"{pair.asked}/{pair.group or pair.id}".encode()
    place = int.from_bytes(hashlib.sha256(key).digest()[:8], "big") / 2**64
    return "learn" if place < LEARN else "held"


def require_enough(count: int) -> None:
    """Raise InputError where requests are too few for a router; before anybody is asked them."""
    if count < FEWEST:
        raise InputError(
            f"{count} requests that both models were asked are too few for a router",
            step=STEP,
            where="the eval sets that were asked",
            remedy=f"ask sets with at least {FEWEST} cases together (--eval-sets)",
        )


def parted(pairs: Sequence[Pair]) -> dict[PartName, list[Pair]]:
    """Return the pairs by part; InputError if they are too few, or all of one group."""
    require_enough(len(pairs))
    found: dict[PartName, list[Pair]] = {"learn": [], "held": []}
    for pair in pairs:
        found[part_of(pair)].append(pair)
    if not all(found.values()):
        raise InputError(
            "all requests belong together, so none could be held out",
            step=STEP,
            where="the clusters of the eval sets' cases",
            remedy="ask sets with cases of more than one cluster",
        )
    return found


def tokens_of(pairs: Sequence[Pair], questions: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return each pair's tokens at the small and at the large model, its question counted."""
    sizes = list(zip(pairs, questions, strict=True))
    return (
        [size + pair.small_tokens for pair, size in sizes],
        [size + pair.large_tokens for pair, size in sizes],
    )
