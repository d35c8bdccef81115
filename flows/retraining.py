"""The main job, `retrain`: raw rows in, a signed candidate that waits for people out.

Every stage finds its output if it was made before from the same inputs, so running again after a
crash goes on where it stopped, and running again after success takes seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.states import Completed

from data_contracts.snapshot.reading import REPORT
from flows.asking.flow_runs import by_itself, is_scheduled, run_name
from flows.asking.parameters import RetrainParameters
from flows.asking.plan import Inputs, resolve_inputs
from flows.comparing import Compared, compare_models, registered_model, stored_model
from flows.finetuning import Finetuning
from flows.going_on import judged_alike
from flows.ingestion import Ingestion, begin_ingestion
from flows.judging import judged
from flows.own_starts import held, minutes_left, week_budgets
from flows.showing import publishing
from flows.showing.notifying import notify, require_blocks, verdict_events
from flows.showing.places import Pages
from flows.showing.progress import LOGGER, stage
from flows.showing.publishing import SCORECARD_TAG
from flows.showing.summary import RetrainSummary, StageRecord, save_summary, summarize
from flows.showing.summary_page import publish_summary
from flows.showing.summary_text import outcome
from flows.showing.turns import turn
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from model_registry.candidates import FLOW_RUN, candidate_of
from model_registry.scorecard import Role
from model_registry.standing import read_champion
from model_registry.versions import Version
from tasks.evaluation.latency import latency_metrics, wait_lines
from tasks.evaluation.steps import Evaluated
from tasks.finetuning.reproduce import read_spent
from tasks.human_review.steps import Review, Sampling, review_step, sample_step
from tasks.ingestion.data_docs import DATA_DOCS
from tasks.models.canaries import canaries
from tasks.release.assembly import Evidence
from tasks.release.steps import ask_step, judge_step, register_step
from tasks.storage.outputs import ABOUT, Built, Reference

DEFAULTS = RetrainParameters()


@flow(name="retrain", flow_run_name=run_name, description=__doc__)
def retrain(parameters: RetrainParameters = DEFAULTS) -> State[RetrainSummary | None]:
    """Ingest, fine-tune, evaluate, register, judge, and ask people.

    What a schedule starts while the same model is retrained ends at once, with nothing.
    """
    workshop = Workshop(read_settings())
    require_blocks(workshop.settings)
    now = datetime.now(UTC)
    budgets = week_budgets(workshop, parameters, now) if by_itself() else []
    if is_scheduled() and (why := held(workshop, parameters, budgets, now)):
        LOGGER.info("%s", why.reason)
        return Completed(message=f"Nothing trained: {why.reason}.", data=None)
    left = minutes_left(parameters, budgets)
    parameters = judged_alike(workshop, parameters)
    run = Retraining(workshop, parameters, resolve_inputs(workshop, parameters), left)
    with turn(workshop.settings, parameters.name) as busy:
        if busy:
            LOGGER.info("%s", busy)
            return Completed(message=busy, data=None)
        summary = run.to_the_end()
    save_summary(workshop.store, summary)
    publish_summary(summary)
    return Completed(message=outcome(summary), data=summary)


class Retraining:
    """One run of the main job; its methods are the stages, in order."""

    def __init__(
        self,
        workshop: Workshop,
        parameters: RetrainParameters,
        inputs: Inputs,
        minutes_left: float | None = None,
    ) -> None:
        self.workshop, self.parameters, self.inputs = workshop, parameters, inputs
        self.minutes_left = minutes_left
        self.outputs, self.registry = workshop.outputs, workshop.registry
        self.stages: list[StageRecord] = []

    def to_the_end(self) -> RetrainSummary:
        """Run every stage and return what a person wants to know."""
        training = Finetuning(
            self.workshop,
            "run",
            self.parameters,
            self.inputs,
            self._note,
            ("1/7 ", "3/7 "),
            self.minutes_left,
        )
        with stage("look at the source"):  # before a base model is fetched: it may be refused
            ingestion = begin_ingestion(self.workshop, self.inputs.ingest)
        models = training.models()
        base, snapshot = models.base, self._snapshot(ingestion)
        model = training.model(models, snapshot)
        compared = self._compared(base, snapshot, model)
        return self._release(base, snapshot, model, compared)

    def _snapshot(self, ingestion: Ingestion) -> Reference:
        with stage("2/7 ingest"):
            done = ingestion.snapshot()
        folder = self.outputs.fetch(done.reference, DATA_DOCS, REPORT)
        publishing.log_snapshot(self.registry, self.parameters.name, done.reference.digest, folder)
        return self._note("ingest", Built(reference=done.reference, reused=done.reused))

    def _compared(self, base: Reference, snapshot: Reference, model: Reference) -> Compared:
        asked: dict[Role, Evaluated] = {
            "base": stored_model(self.workshop, base),
            "candidate": stored_model(self.workshop, model, "model"),
        }
        champion = self._champion(model)
        if champion is not None:
            asked["champion"] = registered_model(self.workshop, champion)
        return compare_models(
            self.workshop,
            self.parameters.name,
            asked,
            snapshot,
            self.inputs.sets,
            self.parameters.seed,
            self._note,
            redactor=self.inputs.ingest.redactor,
            number="4/7 ",
            planted=canaries(self.parameters.canaries, self.parameters.seed),
            phrases=self.parameters.backdoor_phrases,
        )

    def _release(
        self, base: Reference, snapshot: Reference, model: Reference, compared: Compared
    ) -> RetrainSummary:
        scorecard = compared.scorecard
        fetched = {
            "base": self.outputs.fetch(base),
            "snapshot": self.outputs.fetch(snapshot),
            "model": self.outputs.fetch(model),
            "scorecard": self.outputs.fetch(scorecard),
        }
        trained = self.outputs.manifest(model).fingerprint
        publishing.log_scores(
            self.registry, self.parameters.name, trained, scorecard.digest, fetched["scorecard"]
        )
        evidence = self._evidence(fetched, base, snapshot, model)
        keys = self.workshop.keys
        with stage("5/7 register the candidate"):
            candidate = register_step(
                self.registry,
                keys,
                fetched["model"],
                fetched["base"],
                evidence,
                self.workshop.settings.home / "work" / "assembly",
                {SCORECARD_TAG: scorecard.digest, **_flow_run_tags()},
            )
        with stage("6/7 review"):
            review = self._review(scorecard)
        looked = judged(
            self.workshop,
            self.parameters.judge,
            scorecard,
            review.ratings,
            self.inputs.ingest.redactor,
            self.parameters.seed,
            self._note,
        )
        with stage("7/7 gates"):
            dossier = judge_step(
                self.registry,
                keys,
                candidate,
                evidence.scorecard,
                scorecard.digest,
                policy=self.inputs.policy,
                code_revision=self.outputs.manifest(model).code_revision,
                human_review=review.ratings.figures(),
                rated={
                    **review.ratings.metrics(),
                    **looked,
                    **latency_metrics(compared.waits),
                },
                remarks=wait_lines(compared.waits),
                prefect=Pages(self.workshop.settings).prefect,
                lost=compared.lost,
                asker=(asker := self.workshop.registry_as("promoter")),
            )
            publishing.publish_verdict(dossier.verdict)
            asked = None
            if dossier.verdict.passed and asker:
                asked = ask_step(asker, self.parameters.name, dossier, keys)
            notify(
                self.workshop, *verdict_events(dossier, asked, self.workshop.settings.mlflow_pages)
            )
        return summarize(
            self.workshop,
            self.parameters,
            evidence,
            read_spent(fetched["model"] / ABOUT),
            candidate,
            dossier,
            review,
            asked,
            self.stages,
            compared.waits,
            trained,
            read_champion(self.registry, self.parameters.name, "gates"),
        )

    def _review(self, scorecard: Reference) -> Review:
        redactor = self.inputs.ingest.redactor  # with the policies of the data's contract
        sampling = Sampling(
            items=self.parameters.review_items,
            half_width=None,
            seed=self.parameters.seed,
            redaction=redactor.identity(),
            build_redactor=redactor,
        )
        sample = self._note("sample for review", sample_step(self.outputs, scorecard, sampling))
        folder = self.outputs.fetch(sample)
        return review_step(self.registry, self.parameters.name, sample, folder)

    def _evidence(
        self,
        fetched: dict[str, Path],
        base: Reference,
        snapshot: Reference,
        model: Reference,
    ) -> Evidence:
        return publishing.gather_evidence(
            self.parameters.name,
            self.inputs.base.name,
            fetched,
            {
                "base": base.digest,
                "dataset": snapshot.digest,
                "model": model.digest,
            },
        )

    def _champion(self, model: Reference) -> Version | None:
        """Return the champion to compare with; a candidate that serves already has none."""
        champion = read_champion(self.registry, self.parameters.name, "evaluate")
        if champion and candidate_of(champion).references.get("model") == model.digest:
            LOGGER.info("  this model serves already: it is the champion")
            return None
        return champion

    def _note(self, title: str, built: Built) -> Reference:
        if built.reused:
            LOGGER.info("  %s: finished before, skipped", title)
        self.stages.append(StageRecord(title=title, reused=built.reused))
        return built.reference


def _flow_run_tags() -> dict[str, str]:
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return {FLOW_RUN: str(run.id)} if run else {}
