"""`review`: ask people about answers, read back what they rated, and judge again with it.

So people's ratings count without a retraining. Of a candidate: its answers are sampled, the ratings
so far become figures that its gates may name, and where they are new a new dossier is written and
put before the approvers. Of what is served: answers of the inference log are sampled, and the
figures are shown. Running it again asks nothing twice.
"""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import BaseModel

from data_contracts.errors import ContractError
from flows.asking.flow_runs import run_name
from flows.asking.release_parameters import ReviewParameters
from flows.champion import Registered, find_champion, nothing_serves
from flows.comparing import waits_of
from flows.judging import judged
from flows.served import draw_rows, last_month, windows_between
from flows.showing.leading_on import rating_places, served_places
from flows.showing.notifying import notify, verdict_events
from flows.showing.places import Pages
from flows.showing.progress import LOGGER, stage
from flows.showing.publishing import publish_page, publish_verdict
from flows.showing.reviewed import describe
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from model_registry.candidates import Candidate, find_candidate, list_candidates
from model_registry.dossier import Dossier, read_dossier
from model_registry.scorecard import read_scorecard
from model_registry.standing import read_champion
from model_registry.versions import version_numbered
from tasks.drift.log import list_windows
from tasks.evaluation.latency import latency_metrics, wait_lines
from tasks.human_review.asking import ReviewQueue
from tasks.human_review.rating import Ratings
from tasks.human_review.steps import (
    Review,
    Sampling,
    review_step,
    sample_step,
    served_sample_step,
)
from tasks.release.steps import ask_step, judge_step
from tasks.storage.outputs import Reference
from tasks.storage.stages import SCORECARD

DEFAULTS = ReviewParameters()
STEP = "review"


class Reviewed(BaseModel):
    """What a look at the ratings found; `outcome` is what follows, as one sentence."""

    of: str
    outcome: str
    rated: int = 0
    waiting: int = 0
    passed: bool | None = None


Told = tuple[Reviewed, str, ReviewQueue | None]  # what was found, as a page, and where it is asked


@flow(name="review", flow_run_name=run_name, description=__doc__)
def review(parameters: ReviewParameters = DEFAULTS) -> State[Reviewed]:
    """Ask, read back, and judge again where there are new ratings."""
    workshop = Workshop(read_settings())
    if parameters.of == "served":
        reviewed, page, queue = _served(workshop, parameters)
    else:
        reviewed, page, queue = _candidate(workshop, parameters)
    places = (*rating_places(workshop, queue), *served_places(workshop, parameters.name))
    LOGGER.info("%s\n%s", reviewed.outcome, page)
    publish_page(
        "review",
        f"**{reviewed.outcome}**\n\n{page}",
        "What people said of the answers",
        places=places,
        to_do=_next(reviewed, parameters.name),
    )
    return Completed(message=reviewed.outcome, data=reviewed)


def _candidate(workshop: Workshop, parameters: ReviewParameters) -> Told:
    name = parameters.name
    candidate = _chosen(workshop, parameters)
    if candidate is None:
        nothing = f"There is no candidate of {name} to review."
        return Reviewed(of="candidate", outcome=nothing), "", None
    dossier = read_dossier(workshop.registry, candidate, workshop.keys)
    scorecard = workshop.outputs.with_digest(SCORECARD, dossier.scorecard_digest)
    if scorecard is None:
        raise ContractError(
            "the scorecard that the candidate's dossier names is not in the store",
            step=STEP,
            where=f"{candidate.name} version {candidate.version}",
            remedy="restore the store from a backup, or run `paddock run` again",
        )
    made = _record(workshop, candidate)
    with stage("ask people"):
        sampling = _sampling(workshop, made, parameters)
        sample = sample_step(workshop.outputs, scorecard, sampling).reference
        found = review_step(workshop.registry, name, sample, workshop.outputs.fetch(sample))
    said = found.ratings
    outcome, passed = _judge_again(workshop, candidate, dossier, scorecard, made, said)
    reviewed = Reviewed(
        of=f"{candidate.name} version {candidate.version}",
        outcome=outcome,
        rated=said.complete,
        waiting=said.waiting,
        passed=passed,
    )
    return reviewed, describe(said, found.queue), found.queue


def _next(reviewed: Reviewed, name: str) -> str:
    """Return what somebody does after a look at the ratings."""
    if reviewed.waiting:
        waiting = reviewed.waiting
        return f"reviewers rate the {waiting} answers that wait; this looks again when they pause."
    if reviewed.passed:
        return "an approver decides, with what people said before them."
    return f"`paddock show --name {name}` says what waits for whom."


def _chosen(workshop: Workshop, parameters: ReviewParameters) -> Candidate | None:
    if parameters.version is not None:
        return find_candidate(workshop.registry, parameters.name, parameters.version)
    return next(iter(list_candidates(workshop.registry, parameters.name)), None)


def _record(workshop: Workshop, candidate: Candidate) -> Registered:
    version = version_numbered(workshop.registry, candidate.name, candidate.version)
    if version is None:
        raise ContractError(
            "the candidate's version was deleted meanwhile",
            step=STEP,
            where=f"{candidate.name} version {candidate.version}",
            remedy="`paddock show` lists what there is",
        )
    return Registered(workshop, version, STEP)


def _sampling(workshop: Workshop, made: Registered, parameters: ReviewParameters) -> Sampling:
    """Return how to sample: as the candidate's run did, unless another size is asked for."""
    redactor = workshop.redactor_of(made.snapshot)
    return Sampling(
        items=parameters.items or made.parameters.review_items,
        half_width=parameters.half_width,
        seed=made.parameters.seed,
        redaction=redactor.identity(),
        build_redactor=redactor,
    )


def _judge_again(
    workshop: Workshop,
    candidate: Candidate,
    dossier: Dossier,
    scorecard: Reference,
    made: Registered,
    said: Ratings,
) -> tuple[str, bool | None]:
    """Write a new dossier where people said something new; return what follows."""
    who = f"{candidate.name} version {candidate.version}"
    rated = f"{said.complete} of {said.items} answers of {who} are rated"
    champion = read_champion(workshop.registry, candidate.model, STEP)
    if champion and champion.digest == candidate.digest:
        return f"{rated}; it serves already.", None
    if said.figures() is None or said.figures() == dossier.human_review:
        return f"{rated}; nothing new since its dossier.", dossier.verdict.passed
    if dossier.expired(datetime.now(UTC)):
        return f"{rated}; its evidence expired on {dossier.expires}: evaluate it again.", None
    judge = judged(
        workshop,
        made.parameters.judge,
        scorecard,
        said,
        workshop.redactor_of(made.snapshot),
        made.parameters.seed,
        lambda _, built: built.reference,
    )
    waits = waits_of(workshop.outputs, scorecard)
    with stage("gates"):
        try:
            new = judge_step(
                workshop.registry,
                workshop.keys,
                candidate,
                read_scorecard(workshop.outputs.fetch(scorecard) / "scorecard.json"),
                scorecard.digest,
                policy=made.parameters.gate_policy,
                code_revision=dossier.code_revision,
                human_review=said.figures(),
                lost=dossier.lost,
                rated={**said.metrics(), **judge, **latency_metrics(waits)},
                remarks=wait_lines(waits),
                prefect=Pages(workshop.settings).prefect,
                asker=(asker := workshop.registry_as("promoter")),
            )
        except ContractError as moved:  # it was compared with another champion than serves now
            return f"{rated}; not judged again: {moved.what}; {moved.remedy}.", None
        publish_verdict(new.verdict)
        asked = None
        if new.verdict.passed and asker:
            asked = ask_step(asker, candidate.model, new, workshop.keys)
        notify(workshop, *verdict_events(new, asked, workshop.settings.mlflow_pages))
    verdict = "it passed its gates and waits for approval" if new.verdict.passed else "refused"
    return f"{rated}; judged again with them: {verdict}.", new.verdict.passed


def _served(workshop: Workshop, parameters: ReviewParameters) -> Told:
    name = parameters.name
    if nothing_serves(workshop, name, STEP):
        return Reviewed(of="served", outcome=f"Nothing of {name} serves yet."), "", None
    champion = find_champion(workshop, name, STEP)
    if parameters.month:
        windows = windows_between(workshop, name, *last_month(datetime.now(UTC)))
    else:
        windows = list_windows(workshop.store, name)[-parameters.windows :]
    sampling = _sampling(workshop, champion, parameters)
    drawn = draw_rows(workshop, champion, windows, sampling.most, sampling.seed)
    if not drawn.rows:
        when = " of the last month" if parameters.month else ""
        nothing = f"The log of {name} holds no answer of it{when} yet."
        return Reviewed(of="served", outcome=nothing), "", None
    with stage("ask people"):
        sample = served_sample_step(
            workshop.outputs, drawn.digest, drawn.rows, drawn.total, sampling
        ).reference
        found: Review = review_step(workshop.registry, name, sample, workshop.outputs.fetch(sample))
    said = found.ratings
    outcome = (
        f"{said.complete} of {said.items} served answers are rated, drawn from {drawn.total} "
        f"requests of version {champion.version.version} in {drawn.windows} windows "
        f"({drawn.left_out} rows left out)."
    )
    reviewed = Reviewed(of="served", outcome=outcome, rated=said.complete, waiting=said.waiting)
    return reviewed, describe(said, found.queue), found.queue
