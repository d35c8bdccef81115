"""Lets a judge look at a random sample of what the champion was asked of late: each night's look.

The sample is the redacted one that people are asked about, drawn in the same order, so in time they
rate what the judge has seen, and its agreement with them says whether its word counts. What it says
gates nothing. Needs the champion and its log; writes the sample, what the judge said, and figures
into MLflow. Whatever is missing is a sentence: the night's evaluation ends well all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from data_contracts.errors import PaddockError
from flows.asking.parameters import EvaluateParameters
from flows.champion import Champion
from flows.served import Draw, draw_rows, windows_between
from flows.showing.notifying import notify, trouble_event
from flows.showing.progress import LOGGER, stage
from flows.showing.publishing import log_served
from flows.workshop.parts import Workshop
from flows.workshop.redactors import RedactorRecipe
from model_registry.scorecard import SHARE, Estimate
from tasks.evaluation.judging.agreement import Agreement, Place, agreement
from tasks.evaluation.judging.rubric import Rubric, load_rubric
from tasks.evaluation.judging.verdicts import ABOUT_JUDGE, read_judged
from tasks.evaluation.steps import judge_answers_step
from tasks.evaluation.tables import read_json
from tasks.human_review.estimates import weighted
from tasks.human_review.rating import read_ratings
from tasks.human_review.sample import SERVED, SampledAnswer, read_sample
from tasks.human_review.steps import Sampling, served_sample_step
from tasks.slo.samples import Sample, keep_sample
from tasks.storage.outputs import Reference
from tasks.storage.stages import JUDGEMENTS, SAMPLE

ROLE = "champion"
NO_JUDGE = (
    "No judge is set: it looks at what is served where the model's file names a rubric "
    "(`judge`) and PADDOCK_JUDGE_URL says where it answers."
)


class Looked(NamedTuple):
    """What the judge said of a sample: the share that it finds good, and what that took."""

    share: Estimate
    drawn: int
    about: dict[str, Any]
    agreed: Agreement

    def metrics(self, rubric: Rubric) -> dict[str, float]:
        """Return it as figures of an MLflow run."""
        key = f"served/judge_{rubric.name}"
        ends = {"": self.share.value, "_low": self.share.low, "_high": self.share.high}
        figures = {f"{key}{end}": value for end, value in ends.items() if value is not None}
        if self.agreed.kappa is not None:
            figures[f"{key}_kappa"] = self.agreed.kappa
        counted = {name: float(self.about[name]) for name in ("judged", "abstained", "cost")}
        return {
            **figures,
            "served/drawn": self.drawn,
            **{f"served/{k}": v for k, v in counted.items()},
        }


def judge_served(
    workshop: Workshop,
    champion: Champion,
    parameters: EvaluateParameters,
    redactor: RedactorRecipe,
    now: datetime,
) -> str:
    """Return in words what a judge says of what was served of late, or why nothing is known.

    A judge that cannot be asked is told to people as well.
    """
    if not parameters.fresh:
        return ""
    try:
        made = champion.parameters
        if not made.judge or not workshop.settings.judge_url:
            return NO_JUDGE
        return _looked_at(workshop, champion, parameters, redactor, now)
    except PaddockError as error:
        said = f"What {parameters.name} answered of late was not judged: {error.what}"
        LOGGER.warning("%s (%s)", said, error.where)
        notify(workshop, trouble_event(parameters.name, said, error.remedy))
        return f"{said}. To do: {error.remedy}."


def _looked_at(
    workshop: Workshop,
    champion: Champion,
    parameters: EvaluateParameters,
    redactor: RedactorRecipe,
    now: datetime,
) -> str:
    name, version, seed = parameters.name, champion.version.version, champion.parameters.seed
    rubric = load_rubric(Path(champion.parameters.judge))
    if why := _does_not_apply(rubric):
        return f"Judge `{rubric.name}` was not asked about what is served: {why}."
    since = _midnight(now) - timedelta(days=parameters.fresh_days)
    windows = windows_between(workshop, name, since, now)
    drawn = draw_rows(workshop, champion, windows, parameters.fresh, seed)
    when = f"since {since:%Y-%m-%d}"
    if not drawn.rows:
        return f"Nothing to judge: the log of {name} holds no answer of version {version} {when}."
    with stage("judge what is served") as progress:
        sample = _sample(workshop, drawn, parameters.fresh, seed, redactor)
        answers = read_sample(workshop.outputs.fetch(sample))
        made = judge_answers_step(
            workshop.outputs,
            sample,
            rubric,
            workshop.judge,
            served=[_case(answer) for answer in answers],
            of=name,
            redaction=redactor.identity(),
            build_redactor=redactor,
            progress=progress,
        ).reference
    folder = workshop.outputs.fetch(made)
    judged = read_judged(folder)
    known = [(a.weight, v) for a in answers if (v := judged.get(_place(a))) is not None]
    if known:
        # A verdict is between 0 and 1; what is not good for the most part is bad.
        bad = sum(verdict < 0.5 for _, verdict in known)
        look = Sample(
            kind="judged", time=now, requests=len(known), bad=bad, about=champion.version.digest
        )
        keep_sample(workshop.store, name, look)
    share = weighted([v for _, v in known], [w for w, _ in known], SHARE)
    agreed = _agreement(workshop, name, rubric)
    looked = Looked(share, len(drawn.rows), read_json(folder / ABOUT_JUDGE), agreed)
    log_served(workshop.registry, name, made.digest, version, looked.metrics(rubric))
    return _words(looked, rubric, f"{drawn.total} that version {version} answered {when}")


def _does_not_apply(rubric: Rubric) -> str:
    if rubric.kind != "answer":
        return "it compares pairs, and there is no other answer beside one that was served"
    if rubric.eval_sets and SERVED not in rubric.eval_sets:
        return f"its eval_sets are {', '.join(rubric.eval_sets)}; add `{SERVED}` to them"
    return ""


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _sample(
    workshop: Workshop, drawn: Draw, items: int, seed: int, redactor: RedactorRecipe
) -> Reference:
    sampling = Sampling(
        items=items,
        half_width=None,
        seed=seed,
        redaction=redactor.identity(),
        build_redactor=redactor,
    )
    return served_sample_step(
        workshop.outputs, drawn.digest, drawn.rows, drawn.total, sampling
    ).reference


def _case(answer: SampledAnswer) -> dict[str, Any]:
    """Return a sampled answer as the judge reads cases."""
    eval_set, case_id, role = _place(answer)
    return {
        "eval_set": eval_set,
        "case_id": case_id,
        "prompt": answer.prompt,
        "expect": "{}",
        f"answer_{role}": answer.answer,
    }


def _place(answer: SampledAnswer) -> Place:
    return answer.eval_set, answer.case_id, ROLE


def _agreement(workshop: Workshop, name: str, rubric: Rubric) -> Agreement:
    """Compare what this rubric's judge ever said of a model's served answers with people."""
    judged: dict[Place, float | None] = {}
    answers: dict[str, SampledAnswer] = {}
    for sampled, said in _looks(workshop, name, rubric):
        judged |= said
        answers |= {answer.item: answer for answer in sampled}
    ratings = read_ratings(workshop.registry, name, list(answers.values()))
    rated = {
        (one.eval_set, one.case_id, ROLE): one.mean
        for one in ratings.answers
        if one.question == rubric.people
    }
    return agreement(judged, rated, rubric)


def _looks(
    workshop: Workshop, name: str, rubric: Rubric
) -> Iterator[tuple[tuple[SampledAnswer, ...], dict[Place, float | None]]]:
    outputs = workshop.outputs
    samples = {reference.digest: reference for reference, _ in outputs.every(SAMPLE)}
    for reference, manifest in outputs.every(JUDGEMENTS):
        sample = samples.get(manifest.inputs.get("sample", ""))
        same = manifest.inputs.get("rubric") == rubric.digest
        if sample and same and manifest.parameters.get("of") == name:
            folder = outputs.fetch(reference)
            yield read_sample(outputs.fetch(sample)), read_judged(folder)


def _words(looked: Looked, rubric: Rubric, of: str) -> str:
    about, agreed = looked.about, looked.agreed
    return (
        f"Judge `{rubric.name}` ({rubric.model}) of {looked.drawn} requests, drawn at random from "
        f"{of}: good {looked.share.shown(SHARE)}; "
        f"{about['abstained']} of {about['judged'] + about['abstained']} different answers without "
        f"an opinion; {about['input tokens']} + {about['output tokens']} tokens, cost "
        f"{about['cost']:g}. It gates nothing"
        f"{'' if agreed.counts else ', and its word does not count yet'}: {agreed.why}."
    )
