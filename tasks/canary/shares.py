"""Two shares of unlike arms: the exact chance that one is larger, and how much larger at most.

The chance: Fisher (1935), Journal of the Royal Statistical Society 98, 39-82, one-sided. Given all
events, those of one arm are hypergeometric if both have the same share, whatever that is and
however unlike the arms are in size; so the chance is never too small.

The bound of the difference: Clopper and Pearson's ends of both shares joined by squaring and adding
(Newcombe 1998, Statistics in Medicine 17, 873-890, method 10, with these ends in place of Wilson's;
Zou and Donner 2008, same journal 27, 1693-1702). Needs nothing; writes nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Events(NamedTuple):
    """So many of so many."""

    hits: int
    n: int

    @property
    def share(self) -> float:
        """Return the share; nan of none."""
        return self.hits / self.n if self.n else math.nan


def chance_of_more(one: Events, other: Events) -> float:
    """Return the chance of so many events in `one`, or more, if both arms have the same share."""
    from scipy.stats import hypergeom

    events, n = one.hits + other.hits, one.n + other.n
    return float(hypergeom.sf(one.hits - 1, n, events, one.n))


def most_above(one: Events, other: Events, tail: float) -> float:
    """Return the upper end of `one`'s share less `other`'s, exceeded by the truth in `tail`."""
    gap = one.share - other.share
    up = upper_end(one, tail) - one.share
    down = other.share - lower_end(other, tail)
    return gap + math.hypot(up, down)


def upper_end(events: Events, tail: float) -> float:
    """Return Clopper and Pearson's upper end."""
    from scipy.special import betaincinv

    hits, n = events
    return 1.0 if hits == n else float(betaincinv(hits + 1, n - hits, 1 - tail))


def lower_end(events: Events, tail: float) -> float:
    """Return Clopper and Pearson's lower end."""
    from scipy.special import betaincinv

    hits, n = events
    return 0.0 if hits == 0 else float(betaincinv(hits, n - hits + 1, tail))
