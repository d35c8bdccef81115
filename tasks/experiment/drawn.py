"""Drawn traffic for the experiment's own test: users who come back, each with a leaning of its own.

A user's requests fall anywhere within the experiment. Of a share, each user has a chance of its own
(beta, with the given mean, and `alike` as the correlation of two requests of one user); of a mean,
values are lognormal and `alike` is the user's part of the logarithm's variance. How many requests a
user sends is geometric, about a mean of the user's own that is lognormal where users are uneven.
Needs nothing; writes nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.experiment.groups import GROUPS, Sums

if TYPE_CHECKING:
    import numpy as np

SIGMA = 0.8  # of the logarithm of a value


@dataclass(frozen=True)
class Drawn:
    """What both arms' requests are like.

    `share` is the mean of a share; None: a mean is compared. `each` is how many requests a user
    sends, on average; `requests` how many an arm gets in all.
    """

    requests: int
    share: float | None
    each: float = 1.0
    alike: float = 0.0
    uneven: float = 0.0  # sigma of the logarithm of the mean count of a user


def draw_arm(draws: np.random.Generator, of: Drawn, looks: int, better: float) -> list[Sums]:
    """Return an arm's sums at each look, grown from look to look.

    `better` is added to a share, or multiplies a mean.
    """
    import numpy as np

    users = max(1, draws.poisson(of.requests / of.each))
    own_each = of.each * np.exp(of.uneven * draws.normal(-of.uneven / 2, 1, users))
    sent = draws.geometric(1 / np.maximum(own_each, 1))
    whose = np.repeat(np.arange(users), sent)
    if of.share is not None:
        mean = of.share + better
        spread = 1 / of.alike - 1 if of.alike else 0.0
        leaning = draws.beta(mean * spread, (1 - mean) * spread, users) if spread else None
        chance = mean if leaning is None else leaning[whose]
        values = (draws.random(len(whose)) < chance).astype(float)
    else:
        own = draws.normal(0, SIGMA * math.sqrt(of.alike), users)[whose]
        rest = draws.normal(0, SIGMA * math.sqrt(1 - of.alike), len(whose))
        values = better * np.exp(own + rest)
    place = draws.integers(0, looks, len(whose)) * GROUPS + draws.integers(0, GROUPS, users)[whose]
    return _sums(place, values, looks)


def _sums(place: np.ndarray[Any, Any], values: np.ndarray[Any, Any], looks: int) -> list[Sums]:
    import numpy as np

    size = looks * GROUPS
    n = np.bincount(place, minlength=size).reshape(looks, GROUPS).cumsum(axis=0).tolist()
    total = np.bincount(place, values, size).reshape(looks, GROUPS).cumsum(axis=0).tolist()
    pairs = zip(n, total, strict=True)
    return [Sums.model_construct(n=tuple(a), total=tuple(b)) for a, b in pairs]
