"""Which cases people are asked about, and how likely each was to be drawn.

A part of the sample is drawn from all cases alike; the rest is spread over strata, so that what is
rare (models that disagree, low scores) is seen as well. Every case's chance of being drawn is
known, so that figures weighted by its inverse speak of all cases (Horvitz and Thompson 1952). The
order within the draws is by hash, the same every time. Needs nothing; writes nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple, TypeVar

from model_registry.power.shares import Z

RANDOM_SHARE = 0.5  # of the cases, drawn from all alike
Row = TypeVar("Row")


class Case(NamedTuple):
    """A case that may be asked about: its name, its eval set, and its stratum in that set."""

    name: str
    group: str
    stratum: tuple[bool, str]


class Drawn(NamedTuple):
    """A drawn case, by its place in the list: its chance, and if the random part holds it."""

    place: int
    chance: float
    random: bool


def draw(cases: Sequence[Case], size: int, seed: int) -> list[Drawn]:
    """Return at most `size` cases.

    Half of them (RANDOM_SHARE) are a simple random sample of all. The others are drawn for
    themselves: the groups take turns, and so do the strata of a group, in their order. A case that
    both parts hold is drawn once, so there can be fewer than `size`. Its chance is that of being
    in either: 1 - (1 - n/N)(1 - n_h/N_h), over all N cases and the N_h of its stratum.
    """
    total = len(cases)
    if size >= total:
        return [Drawn(index, 1.0, random=True) for index in range(total)]
    alike = min(size, max(1, round(size * RANDOM_SHARE))) if size else 0
    random = set(_shuffled(cases, f"{seed}/random")[:alike])
    spread = _spread(cases, f"{seed}/strata")[: size - alike]
    whole = Counter((case.group, case.stratum) for case in cases)
    taken = Counter((cases[index].group, cases[index].stratum) for index in spread)

    def chance(index: int) -> float:
        stratum = (cases[index].group, cases[index].stratum)
        return 1 - (1 - alike / total) * (1 - taken[stratum] / whole[stratum])

    return [
        Drawn(index, chance(index), random=index in random)
        for index in sorted(random.union(spread))
    ]


def size_for(half_width: float, total: int) -> int:
    """Return how many of `total` cases give a share's 95% interval this half width, at worst.

    n = n0 / (1 + (n0 - 1) / N) with n0 = z² / (4 w²) (Cochran 1977, section 4.4): of a simple
    random sample. Weights cost some of it.
    """
    wanted = (Z / (2 * half_width)) ** 2
    return min(total, math.ceil(wanted / (1 + (wanted - 1) / total))) if total else 0


def place(name: str, salt: str) -> str:
    """Return where a name stands in an order that nothing but the salt decides."""
    return hashlib.sha256(f"{salt}/{name}".encode()).hexdigest()


def in_turn(groups: Iterable[Sequence[Row]]) -> list[Row]:
    """Return the first of every group, then the second of every group, and so on."""
    return [row for turn in zip_longest(*groups) for row in turn if row is not None]


def _shuffled(cases: Sequence[Case], salt: str) -> list[int]:
    return sorted(range(len(cases)), key=lambda index: place(cases[index].name, salt))


def _spread(cases: Sequence[Case], salt: str) -> list[int]:
    shuffled = _shuffled(cases, salt)
    groups = _grouped(shuffled, lambda index: cases[index].group)
    return in_turn(
        in_turn(_grouped(members, lambda index: cases[index].stratum).values())
        for members in groups.values()
    )


def _grouped(indices: Sequence[int], key: Callable[[int], object]) -> Mapping[object, list[int]]:
    groups: dict[object, list[int]] = {}
    for index in indices:
        groups.setdefault(key(index), []).append(index)
    return {name: groups[name] for name in sorted(groups, key=repr)}
