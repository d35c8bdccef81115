"""Lets a judge look at answers and sets it beside people: the part two flows share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows.showing.progress import LOGGER, stage
from flows.showing.publishing import publish_page
from flows.workshop.parts import Workshop
from flows.workshop.redactors import RedactorRecipe
from model_registry.scorecard import MetricResult
from tasks.evaluation.judging.figures import judge_metric
from tasks.evaluation.judging.rubric import load_rubric
from tasks.evaluation.judging.verdicts import ABOUT_JUDGE
from tasks.evaluation.steps import judge_answers_step
from tasks.evaluation.tables import read_json
from tasks.human_review.rating import Ratings
from tasks.storage.outputs import Built, Reference

Note = Callable[[str, Built], Reference]


def judged(
    workshop: Workshop,
    rubric_file: str,
    scorecard: Reference,
    said: Ratings,
    redactor: RedactorRecipe,
    seed: int,
    note: Note,
) -> dict[str, MetricResult]:
    """Return the judge's figure by its key, withheld unless it agrees with people; {}: no judge."""
    if not rubric_file:
        return {}
    rubric = load_rubric(Path(rubric_file))
    with stage("ask the judge") as progress:
        built = judge_answers_step(
            workshop.outputs,
            scorecard,
            rubric,
            workshop.judge,
            redaction=redactor.identity(),
            build_redactor=redactor,
            progress=progress,
        )
    folder = workshop.outputs.fetch(note("judgements", built))
    rated = {
        (a.eval_set, a.case_id, a.model): a.mean
        for a in said.answers
        if a.question == rubric.people
    }
    metric, found = judge_metric(folder, rubric, rated, seed)
    page = _page(rubric.name, metric, found.why, read_json(folder / ABOUT_JUDGE))
    LOGGER.info("%s", page)
    publish_page("judge", page, "What the judge said, and whether its word counts")
    return {metric.key: metric}


def _page(name: str, metric: MetricResult, why: str, about: dict[str, Any]) -> str:
    shares = ", ".join(
        f"{role} {estimate.shown(metric.unit)}" for role, estimate in metric.scores.items()
    )
    return (
        f"Judge `{name}` ({about['rubric']['model']}): {shares or 'no opinion'}; "
        f"{about['abstained']} of {about['judged'] + about['abstained']} without an opinion; "
        f"{about['input tokens']} + {about['output tokens']} tokens, cost {about['cost']:g}. "
        f"{'It gates nothing: ' if metric.withheld else ''}{why}."
    )
