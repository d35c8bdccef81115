"""A judge's judgements as a figure that gates can name: `judge/<rubric>`.

Needs the output of verdicts.py and people's ratings of the same answers. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model_registry.scorecard import SHARE, Estimate, MetricResult, Role
from tasks.evaluation.intervals import mean_difference, mean_estimate
from tasks.evaluation.judging.agreement import Agreement, Place, agreement
from tasks.evaluation.judging.rubric import Rubric
from tasks.evaluation.judging.verdicts import PAIR, read_judged
from tasks.evaluation.scoring import ROLES

CANDIDATE = "candidate"
_PAIRS: tuple[tuple[Role, Role], ...] = (("candidate", "base"), ("candidate", "champion"))


def judge_metric(
    folder: Path, rubric: Rubric, rated: Mapping[Place, float], seed: int
) -> tuple[MetricResult, Agreement]:
    """Return the figure, and how far the judge agrees with people.

    Of single answers it is the share that the judge finds right, a model each, and the paired
    differences over cases on which it had an opinion of both. Of pairs it is the share in which
    the candidate is better. `rated` are people's means, 0 to 1, by eval set, case and model. The
    figure is withheld from gates where the agreement does not reach the rubric's kappa.
    """
    judged = read_judged(folder)
    found = agreement(judged, _comparable(rated, judged, rubric), rubric)
    roles: tuple[str, ...] = (PAIR,) if rubric.kind == PAIR else ROLES
    columns = {
        role: {place[:2]: v for place, v in judged.items() if place[2] == role and v is not None}
        for role in roles
    }
    estimated: dict[str, Any] = {
        "seed": seed,
        "key": f"judge/{rubric.name}",
        "bounds": SHARE.bounds,
    }
    scores: dict[Role, Estimate] = {
        role: mean_estimate(_column(values), **estimated)
        for role in ROLES
        if (values := columns.get(PAIR if rubric.kind == PAIR and role == CANDIDATE else role))
    }
    metric = MetricResult(
        key=f"judge/{rubric.name}",
        unit=SHARE,
        higher_is_better=True,
        scores=scores,
        differences=_differences(columns, estimated),
        withheld="" if found.counts else f"the judge's word does not count yet: {found.why}",
    )
    return metric, found


def _differences(
    columns: Mapping[str, Mapping[tuple[str, str], float]], estimated: dict[str, Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one, other in _PAIRS:
        both = sorted(columns.get(one, {}).keys() & columns.get(other, {}).keys())
        if both:
            found[f"{one}-{other}"] = mean_difference(
                [columns[one][case] for case in both],
                [columns[other][case] for case in both],
                **estimated,
            )
    return found


def _column(values: Mapping[tuple[str, str], float]) -> Sequence[float]:
    return [values[case] for case in sorted(values)]


def _comparable(
    rated: Mapping[Place, float], judged: Mapping[Place, float | None], rubric: Rubric
) -> Mapping[Place, float]:
    """Return people's ratings in the judge's terms: of pairs, which of both answers was better."""
    if rubric.kind != PAIR:
        return rated
    found: dict[Place, float] = {}
    for eval_set, case, role in judged:
        own = rated.get((eval_set, case, "candidate"))
        other = next(
            (rated[p] for r in ("champion", "base") if (p := (eval_set, case, r)) in rated), None
        )
        if own is not None and other is not None and own != other:
            found[eval_set, case, role] = float(own > other)
    return found
