from __future__ import annotations

import random

import pytest

from model_registry.scorecard import SHARE
from tasks.human_review.agreement import Said, krippendorff_alpha, reviewers
from tasks.human_review.estimates import weighted

_NONE = None
# Four observers, twelve units: the example of Krippendorff (2011), section C.
_OBSERVERS = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, _NONE, _NONE, _NONE),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _NONE, 3),
    (_NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _NONE),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _NONE),
)
PUBLISHED = [
    [float(value) for value in unit if value is not None] for unit in zip(*_OBSERVERS, strict=True)
]


def test_alpha_is_the_published_one() -> None:
    assert krippendorff_alpha(PUBLISHED, "nominal") == pytest.approx(0.743, abs=0.0005)
    assert krippendorff_alpha(PUBLISHED, "interval") == pytest.approx(0.849, abs=0.0005)


def test_alpha_is_nothing_where_nobody_could_disagree() -> None:
    assert krippendorff_alpha([], "nominal") is None
    assert krippendorff_alpha([[1.0], [0.0]], "nominal") is None
    assert krippendorff_alpha([[1.0, 1.0], [1.0, 1.0]], "nominal") is None


def _said(person: str, values: list[int]) -> list[Said]:
    return [
        Said(item=f"{n}", person=person, at=f"2026-01-{n + 1:02}", value=float(value))
        for n, value in enumerate(values)
    ]


def test_a_reviewer_who_rates_otherwise_is_named() -> None:
    said = _said("ada", [1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1]) + _said("bob", [0] * 14)
    found = {reviewer.person: reviewer for reviewer in reviewers("Harmful", said)}
    assert found["bob"].strange == "rates otherwise than the others"
    assert found["bob"].others == pytest.approx(10 / 14)
    changed = _said("cleo", [0] * 12 + [1] * 12) + _said("dan", [0, 1] * 12)
    found = {reviewer.person: reviewer for reviewer in reviewers("Harmful", changed)}
    assert found["cleo"].strange == "rates otherwise than before"
    assert found["dan"].strange == ""
    assert reviewers("Harmful", _said("eve", [1, 0]))[0].earlier is None


def test_weighted_shares_keep_their_coverage() -> None:
    """Of 400 samples with unequal chances at least 93 in 100 intervals hold the true share."""
    rng = random.Random(3)
    held = 0
    for _ in range(400):
        rare = [rng.random() < 0.5 for _ in range(40)]
        values = [float(rng.random() < (0.3 if one else 0.05)) for one in rare]
        # The rare half is 1 in 10 of all: it was drawn nine times as often as the rest.
        weights = [1.0 if one else 9.0 for one in rare]
        estimate = weighted(values, weights, SHARE)
        assert estimate.low is not None and estimate.high is not None
        held += estimate.low <= 0.1 * 0.3 + 0.9 * 0.05 <= estimate.high
    assert held / 400 >= 0.93


def test_all_alike_still_has_a_width() -> None:
    estimate = weighted([0.0] * 10, [1.0] * 10, SHARE)
    assert (estimate.value, estimate.low) == (0.0, 0.0)
    assert estimate.high == pytest.approx(0.3085, abs=0.0005)  # Clopper and Pearson's, 0 of 10
    assert weighted([], [], SHARE).missing
