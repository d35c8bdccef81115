"""A test that holds at every look: the mixture sequential probability ratio test, for a difference.

An estimate d of a difference, normal with variance V, is weighed against "no difference" by the
likelihood ratio mixed over differences that are normal with variance τ²:

    L = sqrt(V / (V + τ²)) exp(τ² d² / (2 V (V + τ²)))

Under no difference L has mean 1 and is a martingale as data come, so it ever reaches 1/α with a
chance of at most α (Ville 1939), however often one looks and whenever one stops. The p-value is the
least 1/L so far; the confidence sequence is all differences that are not refuted at α:

    d ± sqrt(V (V + τ²) / τ² (2 ln(1/α) + ln((V + τ²) / V)))

τ is given before: the least difference that matters. After Robbins (1970), Annals of Mathematical
Statistics 41, 1397-1409; Johari, Koomen, Pekelis and Walsh (2022), "Always Valid Inference",
Operations Research 70, 1806-1821. V is estimated and d only about normal, so this holds for many
users and not for few: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central
limit theory and asymptotic confidence sequences", Annals of Statistics 52, 2613-2640. How well it
holds is drawn (`selftest.py`). Needs nothing; writes nothing.
"""

from __future__ import annotations

import math
from statistics import NormalDist

POWER = 0.8


def p_value(difference: float, variance: float, effect: float) -> float:
    """Return 1/L, at most 1. The least over all looks is the always-valid p-value."""
    both = variance + effect**2
    log = 0.5 * math.log(variance / both) + (effect * difference) ** 2 / (2 * variance * both)
    return math.exp(-max(log, 0.0))


def half_width(variance: float, effect: float, alpha: float) -> float:
    """Return half the width of the confidence sequence at one look."""
    both = variance + effect**2
    return math.sqrt(
        variance * both / effect**2 * (2 * math.log(1 / alpha) + math.log(both / variance))
    )


def variance_needed(effect: float, alpha: float, power: float = POWER) -> float:
    """Return the variance at which a true difference of `effect` is seen with this chance.

    That is at that look alone; looks before it only add to the chance.
    """
    z = NormalDist().inv_cdf(power)
    low, high = 0.0, effect**2  # half a width alone is above the effect there
    for _ in range(100):
        middle = (low + high) / 2
        seen = half_width(middle, effect, alpha) + z * math.sqrt(middle) <= effect
        low, high = (middle, high) if seen else (low, middle)
    return low
