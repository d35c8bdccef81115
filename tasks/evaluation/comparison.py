"""The scorecard: every metric of base, candidate and champion, and how far they differ.

Needs each model's answers and, where there are held-out records, its likelihoods (the folders of
generation.py and likelihood.py). Writes scorecard.json, scorecard.md, scorecard.png, where models'
confidence is known reliability.png, cases.parquet (eval_set, case_id, cluster, system, prompt,
expect, then answer_<role>, truncated_<role>, scores_<role> as JSON, log_probability_<role> and
confidence_<role>) and held_out.parquet (record_id, then perplexity_<role>).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eval_sets.types import EvalSet
from model_registry.power.shares import CONFIDENCE
from model_registry.scorecard import (
    Changes,
    Estimate,
    EvalSetUsed,
    MetricResult,
    Role,
    Scorecard,
)
from tasks.evaluation.confidence import PLOT, confidence_metrics, write_reliability
from tasks.evaluation.intervals import (
    RESAMPLES,
    mean_difference,
    mean_estimate,
    perplexity_difference,
    perplexity_estimate,
)
from tasks.evaluation.memorisation import exposure_metric
from tasks.evaluation.metrics import answer_length
from tasks.evaluation.metrics.perplexity import FIGURE, perplexity
from tasks.evaluation.metrics.registry import SCORERS
from tasks.evaluation.metrics.scorer import Figure
from tasks.evaluation.notes import notes
from tasks.evaluation.report import markdown, write_plot
from tasks.evaluation.scoring import ROLES, ScoredCase, score_cases
from tasks.evaluation.tables import read_rows, write_rows
from tasks.evaluation.takeover_metric import takeover_metric

HELD_OUT = f"held_out/{FIGURE.name}"
LENGTH = f"answers/{answer_length.FIGURE.name}"
PAIRS: tuple[tuple[Role, Role], ...] = (
    ("candidate", "base"),
    ("candidate", "champion"),
    ("champion", "base"),
)
Likelihood = dict[str, tuple[float, float]]  # record id -> (summed nll in nats, tokens)


def build_scorecard(
    answers: Mapping[Role, Path],
    likelihoods: Mapping[Role, Path],
    sets: Sequence[EvalSet],
    digests: Mapping[Role, str],
    out: Path,
    *,
    seed: int = 0,
    remarks: Sequence[str] = (),
    exposures: Mapping[Role, Path] | None = None,
    takeovers: Mapping[Role, Path] | None = None,
) -> Scorecard:
    """Score the models and write the scorecard into `out`; `digests` are the models' own.

    `remarks` are what is known of the models beside their answers; they stand among its notes.
    `exposures` are folders of memorisation.py, where canaries were planted, `takeovers` of
    takeover.py, where phrases were tried.

    InputError if some answers are not to these versions of the eval sets. Without held-out records
    perplexity stands in the scorecard as missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    cases = score_cases(answers, sets)
    records: dict[Role, Likelihood] = {
        role: _likelihood(folder) for role, folder in likelihoods.items()
    }
    metrics = [*_case_metrics(cases, sets, seed), _length(cases, seed)]
    metrics += confidence_metrics(cases, sets, list(answers), PAIRS, seed)
    metrics.append(_perplexity(records, list(answers), seed))
    if exposures:
        metrics.append(exposure_metric(exposures, seed))
    if takeovers:
        taken, told = takeover_metric(takeovers, seed)
        metrics.append(taken)
        remarks = (*remarks, *told)
    scorecard = Scorecard(
        models={role: digests[role] for role in ROLES if role in answers},
        eval_sets={
            s.name: EvalSetUsed(version=s.version, digest=s.digest, cases=len(s.cases))
            for s in sets
        },
        metrics={metric.key: metric for metric in metrics},
        seed=seed,
        resamples=RESAMPLES,
        confidence=CONFIDENCE,
        notes=(*remarks, *notes(answers, likelihoods)),
    )
    (out / "scorecard.json").write_text(scorecard.model_dump_json(indent=1) + "\n", "utf-8")
    (out / "scorecard.md").write_text(markdown(scorecard), encoding="utf-8")
    write_plot(scorecard, out / "scorecard.png")
    write_reliability(cases, sets, out / PLOT)
    write_rows(out / "cases.parquet", [_case_row(case) for case in cases])
    write_rows(out / "held_out.parquet", _record_rows(records))
    return scorecard


def _case_metrics(
    cases: Sequence[ScoredCase], sets: Sequence[EvalSet], seed: int
) -> list[MetricResult]:
    results: list[MetricResult] = []
    for eval_set in sets:
        own = [case for case in cases if case.eval_set == eval_set.name]
        results.extend(
            _metric(f"{eval_set.name}/{figure.name}", figure, own, seed)
            for figure in SCORERS[eval_set.card.scorer].figures
        )
    return results


def _metric(key: str, figure: Figure, cases: Sequence[ScoredCase], seed: int) -> MetricResult:
    """Estimate a figure over the cases it applies to.

    Some figures apply to an answer and not to its case, as whether what it cites is right: two
    models are compared on the cases in which both have one.
    """
    columns: dict[Role, dict[int, float]] = {}  # scores by the place of their case
    for place, case in enumerate(cases):
        for role, answer in case.answers.items():
            score = answer.scores[figure.name]
            columns.setdefault(role, {})
            if score is not None:
                columns[role][place] = score
    estimated: Any = {"seed": seed, "key": key, "bounds": figure.unit.bounds}
    compared = {
        f"{one}-{other}": _Compared.of(cases, columns[one], columns[other])
        for one, other in PAIRS
        if {one, other} <= set(columns)
    }
    return MetricResult(
        key=key,
        unit=figure.unit,
        higher_is_better=figure.higher_is_better,
        scores={role: mean_estimate([*s.values()], **estimated) for role, s in columns.items()},
        differences={
            pair: mean_difference(both.first, both.second, **estimated)
            for pair, both in compared.items()
        },
        changes={
            pair: _changes(figure, both)
            for pair, both in compared.items()
            if {*both.first, *both.second} <= {0.0, 1.0}
        },
    )


class _Compared(NamedTuple):
    """Two models' scores of the cases in which both have one."""

    cases: list[str]
    first: list[float]
    second: list[float]

    @classmethod
    def of(
        cls, cases: Sequence[ScoredCase], one: Mapping[int, float], other: Mapping[int, float]
    ) -> _Compared:
        both = [place for place in one if place in other]
        return cls(
            [cases[place].case_id for place in both],
            [one[place] for place in both],
            [other[place] for place in both],
        )


def _changes(figure: Figure, both: _Compared) -> Changes:
    right = float(figure.higher_is_better)
    rows = list(zip(*both, strict=True))
    return Changes(
        lost=tuple(case for case, now, before in rows if now != right == before),
        won=sum(before != right == now for _, now, before in rows),
    )


def _length(cases: Sequence[ScoredCase], seed: int) -> MetricResult:
    """Return how long answers are, over the cases of all sets."""
    name = answer_length.FIGURE.name
    measured = [
        case.model_copy(
            update={
                "answers": {
                    role: answer.model_copy(update={"scores": {name: float(answer.tokens)}})
                    for role, answer in case.answers.items()
                }
            }
        )
        for case in cases
    ]
    return _metric(LENGTH, answer_length.FIGURE, measured, seed)


def _perplexity(
    records: Mapping[Role, Likelihood], roles: Sequence[Role], seed: int
) -> MetricResult:
    scores: dict[Role, Estimate] = {}
    for role in roles:
        rows = records.get(role, {}).values()
        nll, tokens = [row[0] for row in rows], [row[1] for row in rows]
        scores[role] = perplexity_estimate(nll, tokens, seed=seed, key=HELD_OUT)
    return MetricResult(
        key=HELD_OUT,
        unit=FIGURE.unit,
        higher_is_better=FIGURE.higher_is_better,
        scores=scores,
        differences={
            f"{one}-{other}": _perplexity_change(records[one], records[other], seed)
            for one, other in PAIRS
            if one in records and other in records
        },
    )


def _perplexity_change(one: Likelihood, other: Likelihood, seed: int) -> Estimate:
    shared = sorted(one.keys() & other.keys())
    return perplexity_difference(
        [one[i][0] for i in shared],
        [other[i][0] for i in shared],
        ([one[i][1] for i in shared], [other[i][1] for i in shared]),
        seed=seed,
        key=HELD_OUT,
    )


def _likelihood(folder: Path) -> Likelihood:
    rows = read_rows(folder / "likelihood.parquet")
    return {row["record_id"]: (row["nll_sum"], float(row["tokens"])) for row in rows}


def _case_row(case: ScoredCase) -> dict[str, Any]:
    row: dict[str, Any] = case.model_dump(exclude={"answers"})
    for role, answer in case.answers.items():
        row[f"answer_{role}"] = answer.answer
        row[f"truncated_{role}"] = answer.truncated
        row[f"scores_{role}"] = json.dumps(answer.scores, sort_keys=True)
        row[f"log_probability_{role}"] = answer.log_probability
        row[f"confidence_{role}"] = answer.confidence
    return row


def _record_rows(records: Mapping[Role, Likelihood]) -> list[dict[str, Any]]:
    """Return each record's own perplexity under every model."""
    rows: dict[str, dict[str, Any]] = {}
    names = [f"perplexity_{role}" for role in ROLES if role in records]
    for role, likelihood in records.items():
        for identity, (nll, tokens) in likelihood.items():
            row = rows.setdefault(identity, {"record_id": identity, **dict.fromkeys(names)})
            row[f"perplexity_{role}"] = perplexity(nll, int(tokens))
    return [rows[identity] for identity in sorted(rows)]
