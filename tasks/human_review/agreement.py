"""How far reviewers agree, and whether one of them rates otherwise than before or than the others.

Needs who said what of which item; writes nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from data_contracts.records import Frozen

STRANGE = 0.01  # of the exact test: a reviewer of whom this is said by chance is one in a hundred
LEAST_HALF = 5  # answers of each half, and of the others
Level = Literal["nominal", "interval"]


class Said(Frozen):
    """What a person said of an item, and when (ISO 8601): yes counts 1, no 0."""

    item: str
    person: str
    at: str
    value: float


class Reviewer(Frozen):
    """How one person rates a yes-or-no question, beside all others and over time.

    `share` is of their answers; `others`, `earlier` and `later` are None where there are too few.
    `strange` says in words what chance does not explain; empty where nothing is.
    """

    person: str
    question: str
    rated: int
    share: float
    others: float | None
    earlier: float | None
    later: float | None
    strange: str


def krippendorff_alpha(items: Sequence[Sequence[float]], level: Level) -> float | None:
    """Return Krippendorff's alpha: 1 is agreement, 0 is chance; None where nothing can be said.

    `items` hold the values that each got, of any number of people; those with one are left out.
    alpha = 1 - observed / expected disagreement over the coincidences of values, with the
    difference of two values 1 (nominal) or squared (interval). After Krippendorff (2011),
    "Computing Krippendorff's Alpha-Reliability". None too where all values are the same: then
    no disagreement could have been expected.
    """
    paired = [values for values in items if len(values) > 1]
    coincidences: Counter[tuple[float, float]] = Counter()
    for values in paired:
        for i, one in enumerate(values):
            for j, other in enumerate(values):
                if i != j:
                    coincidences[one, other] += 1 / (len(values) - 1)  # pyright: ignore[reportArgumentType]
    totals: Counter[float] = Counter()
    for (one, _), count in coincidences.items():
        totals[one] += count
    n = math.fsum(totals.values())

    def apart(one: float, other: float) -> float:
        return float(one != other) if level == "nominal" else (one - other) ** 2

    observed = math.fsum(count * apart(*pair) for pair, count in coincidences.items())
    expected = math.fsum(
        totals[one] * totals[other] * apart(one, other) for one in totals for other in totals
    )
    if expected == 0:
        return None
    return 1 - (n - 1) * observed / expected


def reviewers(question: str, said: Sequence[Said]) -> list[Reviewer]:
    """Return how each person answered a yes-or-no question, whoever answered most first."""
    people = Counter(entry.person for entry in said)
    return [_reviewer(person, question, said) for person, _ in people.most_common()]


def _reviewer(person: str, question: str, said: Sequence[Said]) -> Reviewer:
    own = sorted((entry for entry in said if entry.person == person), key=lambda e: (e.at, e.item))
    others = [entry.value for entry in said if entry.person != person]
    values = [entry.value for entry in own]
    earlier, later = values[: len(values) // 2], values[len(values) // 2 :]
    found = {
        "rates otherwise than the others": (values, others),
        "rates otherwise than before": (later, earlier),
    }
    strange = [words for words, (one, other) in found.items() if _differ(one, other)]
    return Reviewer(
        person=person,
        question=question,
        rated=len(values),
        share=_mean(values),
        others=_mean(others) if len(others) >= LEAST_HALF else None,
        earlier=_mean(earlier) if len(earlier) >= LEAST_HALF else None,
        later=_mean(later) if len(earlier) >= LEAST_HALF else None,
        strange=", ".join(strange),
    )


def _differ(one: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether Fisher's exact test finds two shares of yes different beyond chance."""
    if min(len(one), len(other)) < LEAST_HALF:
        return False
    from scipy.stats import fisher_exact

    table = [[sum(v == 1 for v in values), sum(v == 0 for v in values)] for values in (one, other)]
    return float(fisher_exact(table)[1]) < STRANGE  # pyright: ignore[reportArgumentType, reportIndexIssue]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def by_item(said: Sequence[Said]) -> Mapping[str, list[Said]]:
    """Return what was said of each item."""
    found: dict[str, list[Said]] = {}
    for entry in said:
        found.setdefault(entry.item, []).append(entry)
    return found
