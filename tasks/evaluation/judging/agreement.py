"""Whether a judge's word counts: how far it agrees with people on the same answers.

Needs judgements and people's ratings; writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from data_contracts.records import Frozen
from model_registry.power.shares import Z
from tasks.evaluation.judging.rubric import Rubric

Place = tuple[str, str, str]  # eval set, case, role


class Agreement(Frozen):
    """Cohen's kappa over `n` answers that both judged, with its 95% interval.

    `counts` is False where the judge's figures may gate nothing; `why` says it in words.
    """

    kappa: float | None
    low: float | None
    high: float | None
    n: int
    counts: bool
    why: str


def agreement(
    judged: Mapping[Place, float | None], rated: Mapping[Place, float], rubric: Rubric
) -> Agreement:
    """Compare a judge with people, whose ratings of an answer are 0, 1 or a mean between.

    A mean of one half says nothing and is left out. Where the judge abstained there is nothing to
    compare.
    """
    pairs = [
        (value == 1, said > 0.5)
        for place, said in rated.items()
        if (value := judged.get(place)) is not None and said != 0.5
    ]
    kappa, low, high = cohen_kappa(pairs)
    n = len(pairs)
    if n < rubric.least_rated:
        why = f"{n} answers were judged and rated by people; {rubric.least_rated} are asked for"
    elif kappa is None or low is None:
        why = f"over {n} answers there is nothing to disagree about: kappa has no value"
    elif low < rubric.least_kappa:
        why = (
            f"its agreement with people is kappa {kappa:.2f} (low end {low:.2f}) over {n} answers; "
            f"{rubric.least_kappa:.2f} is asked for"
        )
    else:
        why = f"it agrees with people: kappa {kappa:.2f} (low end {low:.2f}) over {n} answers"
        return Agreement(kappa=kappa, low=low, high=high, n=n, counts=True, why=why)
    return Agreement(kappa=kappa, low=low, high=high, n=n, counts=False, why=why)


def cohen_kappa(
    pairs: Sequence[tuple[bool, bool]],
) -> tuple[float | None, float | None, float | None]:
    """Return Cohen's (1960) kappa of two raters' yes and no, and the ends of its 95% interval.

    kappa = (p_o - p_e) / (1 - p_e). The interval is from the large-sample variance of Fleiss, Cohen
    and Everitt (1969). None where chance alone would agree always, or there are no pairs.
    """
    n = len(pairs)
    if n == 0:
        return None, None, None
    cell = {
        (a, b): sum(pair == (a, b) for pair in pairs) / n
        for a in (False, True)
        for b in (False, True)
    }
    first = {a: cell[a, False] + cell[a, True] for a in (False, True)}
    second = {b: cell[False, b] + cell[True, b] for b in (False, True)}
    observed = cell[False, False] + cell[True, True]
    expected = sum(first[a] * second[a] for a in (False, True))
    if expected >= 1:
        return None, None, None
    kappa = (observed - expected) / (1 - expected)
    same = sum(cell[a, a] * (1 - (first[a] + second[a]) * (1 - kappa)) ** 2 for a in (False, True))
    other = (1 - kappa) ** 2 * sum(
        cell[a, not a] * (second[a] + first[not a]) ** 2 for a in (False, True)
    )
    chance = (kappa - expected * (1 - kappa)) ** 2
    variance = max(0.0, same + other - chance) / (n * (1 - expected) ** 2)
    reach = Z * math.sqrt(variance)
    # Where both always agree that variance is zero; how sure the agreement is says Wilson's end.
    sure = (_wilson_low(observed, n) - expected) / (1 - expected)
    return kappa, max(-1.0, min(kappa - reach, sure)), min(1.0, kappa + reach)


def _wilson_low(share: float, n: int) -> float:
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    spread = math.sqrt(share * (1 - share) / n + (Z / (2 * n)) ** 2)
    return max(0.0, middle - Z * spread / (1 + Z * Z / n))
