"""A model's own confidence in its answers, held against what was right.

Needs scored cases. Writes reliability.png. An answer's confidence is exp(log-probability / tokens):
the geometric mean of what the model gave each token that it chose, the end token included, one over
the answer's perplexity. The probability of the whole answer falls with every token, so that long
answers, and those of another set, look less sure; and of an answer that its limit cut it is no
probability of an answer at all (length normalization: Malinin and Gales (2021), "Uncertainty
estimation in autoregressive structured prediction", ICLR). It speaks of the wording, not of the
claim: a fact with many wordings has little for each (Lin, Hilton and Evans (2022), "Teaching models
to express their uncertainty in words", TMLR).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from eval_sets.types import EvalSet
from model_registry.scorecard import Estimate, MetricResult, Role, Unit
from tasks.evaluation.calibration import (
    Answers,
    Drawn,
    auroc,
    bins_of,
    calibration_error,
    difference,
    estimate,
    expected_error,
)
from tasks.evaluation.intervals import mean_difference, mean_estimate
from tasks.evaluation.metrics.registry import SCORERS
from tasks.evaluation.metrics.scorer import Figure
from tasks.evaluation.report import COLORS
from tasks.evaluation.scoring import ScoredCase

PLOT = "reliability.png"
_UNIT = Unit(name="0 to 1", low=0.0, high=1.0, digits=3)
ERROR = Figure("calibration_error", higher_is_better=False, unit=_UNIT)
AUROC = Figure("confidence_auroc", higher_is_better=True, unit=_UNIT)
SQUARE = Figure("confidence_brier", higher_is_better=False, unit=_UNIT)
_DRAWN: dict[Figure, Callable[..., Drawn]] = {ERROR: calibration_error, AUROC: auroc}
_MISSING = Estimate(value=None, low=None, high=None, n=0)

Pairs = Sequence[tuple[Role, Role]]
Judged = dict[Role, Answers]
Scores = dict[Role, Estimate]


def confidence_metrics(
    cases: Sequence[ScoredCase],
    sets: Sequence[EvalSet],
    roles: Sequence[Role],
    pairs: Pairs,
    seed: int,
) -> list[MetricResult]:
    """Return the figures of each set that has right and wrong answers.

    They are missing for a model of which not every such answer's log-probability is known.
    """
    found: list[MetricResult] = []
    for name, judged in _judged(cases, sets):
        found.append(_brier(f"{name}/{SQUARE.name}", judged, roles, pairs, seed))
        for figure, draw in _DRAWN.items():
            key = f"{name}/{figure.name}"
            drawn: dict[Role, Drawn] = {
                role: draw(one, seed=seed, key=key) for role, one in judged.items()
            }
            sizes = {role: len(one.right) for role, one in judged.items()}
            scores: Scores = {role: estimate(one, sizes[role]) for role, one in drawn.items()}
            apart = {
                f"{one}-{other}": difference(drawn[one], drawn[other], sizes[one])
                for one, other in pairs
                if one in drawn and other in drawn
            }
            found.append(_result(key, figure, roles, scores, apart))
    return found


def write_reliability(cases: Sequence[ScoredCase], sets: Sequence[EvalSet], path: Path) -> None:
    """Draw how often answers of like confidence are right, a panel a set; nothing if none is known.

    Points are bins of equally many answers; on the diagonal confidence is what it should be.
    """
    from matplotlib.figure import Figure as Canvas

    known = [(name, judged) for name, judged in _judged(cases, sets) if judged]
    if not known:
        return
    canvas = Canvas(figsize=(0.6 + 3.9 * len(known), 4.3), layout="constrained")
    for axes, (name, judged) in zip(
        canvas.subplots(1, len(known), squeeze=False)[0], known, strict=True
    ):
        _panel(axes, name, judged)
    canvas.savefig(path, dpi=110, metadata={"Software": None})


def _panel(axes: Any, name: str, judged: Judged) -> None:
    axes.plot([0, 1], [0, 1], color="#b9bec7", linewidth=1, linestyle="--")
    for role, answers in judged.items():
        bins = bins_of(answers)
        label = f"{role}: ECE {expected_error(bins):.2f} over {len(bins.size)} bins"
        axes.plot(
            bins.confidence,
            bins.right,
            "o-",
            color=COLORS[role],
            label=label,
            markersize=4.5,
            linewidth=1.4,
        )
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_xlabel("mean confidence of a bin")
    axes.set_ylabel("share of its answers that are right")
    axes.set_title(f"{name} ({len(next(iter(judged.values())).right)} cases)", fontsize=10)
    axes.grid(color="#e3e5e8", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7.5, frameon=False, loc="upper left")


def _judged(cases: Sequence[ScoredCase], sets: Sequence[EvalSet]) -> Iterator[tuple[str, Judged]]:
    """Yield each set that has right answers, and of what models their confidence is known."""
    import numpy as np

    for eval_set in sets:
        right = SCORERS[eval_set.card.scorer].right
        rows: dict[Role, list[tuple[float, float]]] = {}
        for case in cases if right else ():
            for role, answer in case.answers.items() if case.eval_set == eval_set.name else ():
                score, confidence = answer.scores[right], answer.confidence
                if score is not None:
                    sure = math.nan if confidence is None else confidence
                    rows.setdefault(role, []).append((sure, score))
        if right:
            pairs: dict[Role, Any] = {role: np.array(given).T for role, given in rows.items()}
            known: Judged = {
                role: Answers(*pair) for role, pair in pairs.items() if np.isfinite(pair).all()
            }
            yield eval_set.name, known


def _brier(
    key: str, judged: Judged, roles: Sequence[Role], pairs: Pairs, seed: int
) -> MetricResult:
    squares: dict[Role, list[float]] = {
        role: ((one.confidence - one.right) ** 2).tolist() for role, one in judged.items()
    }
    how: Any = {"seed": seed, "key": key, "bounds": SQUARE.unit.bounds}
    scores: Scores = {role: mean_estimate(given, **how) for role, given in squares.items()}
    apart = {
        f"{one}-{other}": mean_difference(squares[one], squares[other], **how)
        for one, other in pairs
        if one in squares and other in squares
    }
    return _result(key, SQUARE, roles, scores, apart)


def _result(
    key: str,
    figure: Figure,
    roles: Sequence[Role],
    scores: Scores,
    differences: dict[str, Estimate],
) -> MetricResult:
    return MetricResult(
        key=key,
        unit=figure.unit,
        higher_is_better=figure.higher_is_better,
        scores={role: scores.get(role, _MISSING) for role in roles},
        differences=differences,
    )
