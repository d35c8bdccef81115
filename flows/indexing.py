"""`build_index` and `evaluate_index`: documents in, an index out; and is what it finds good enough?

An index is made of a snapshot of documents, so redaction, contract, duplicates and lineage are
those of ingestion; with a source the snapshot is made first. Documents that an earlier index has
are not encoded again. An evaluation asks questions whose passages are known, and gates judge the
lower end of what it found: nothing is known of an index that nobody judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import BaseModel

from data_contracts.errors import InputError
from eval_sets.retrieval.loading import list_retrieval_sets, load_retrieval_set
from flows.asking.flow_runs import run_name
from flows.asking.index_parameters import BuildIndexParameters, EvaluateIndexParameters
from flows.asking.inputs import ingest_inputs
from flows.asking.parameters import NEWEST
from flows.asking.training import chosen_snapshot, require_nobody_forgotten
from flows.index_notes import index_name, note_build, note_judging
from flows.ingestion import begin_ingestion
from flows.releasing_index import release_index, serving_index
from flows.showing import publishing
from flows.showing.progress import LOGGER, stage
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from model_registry.gates import Verdict, judge, verdict_markdown
from model_registry.policy import load_policy
from model_registry.scorecard import Estimate, Scorecard, read_scorecard
from tasks.evaluation.intervals import RESAMPLES, mean_difference, mean_estimate
from tasks.evaluation.report import markdown
from tasks.ingestion.subjects import forgotten_subjects
from tasks.models.encoding import Encoder
from tasks.retrieval.building import FACTS, Facts
from tasks.retrieval.chunking import Chunking
from tasks.retrieval.evaluating import SCORECARD
from tasks.retrieval.index import read_facts
from tasks.retrieval.steps import chosen_index, index_scorecard_step, index_step, publish_step
from tasks.storage.outputs import Reference

STEP = "index"
DEFAULTS = BuildIndexParameters()
JUDGED = EvaluateIndexParameters()


class Indexed(BaseModel):
    """An index: where it stands, what it was made of, and whether it was there already."""

    reference: Reference
    facts: Facts
    reused: bool
    encoded_documents: int


class JudgedIndex(BaseModel):
    """What an evaluation of an index found."""

    index: str
    scorecard: str
    passed: bool
    reused: bool


@flow(name="build_index", flow_run_name=run_name, description=__doc__)
def build_index(parameters: BuildIndexParameters = DEFAULTS) -> State[Indexed]:
    """Index a snapshot of documents, or those of a source."""
    workshop = Workshop(read_settings())
    chunking = _chunking(parameters)
    snapshot = _snapshot(workshop, parameters)
    require_nobody_forgotten(workshop, snapshot)
    with stage("build the index") as tell:
        built = index_step(
            workshop.outputs,
            snapshot,
            Encoder(),
            chunking,
            parameters.exact_up_to,
            lambda done, total: tell(done, total, "chunks"),
        )
    index = built.reference
    note_build(workshop.store, index.digest, parameters)
    counts = workshop.outputs.manifest(index).counts
    published = publish_index(workshop, index.digest, workshop.outputs.fetch(index))
    done = Indexed(
        reference=index,
        facts=read_facts(workshop.outputs.fetch(index, FACTS)),
        reused=built.reused,
        encoded_documents=counts["encoded_documents"],
    )
    said = f"{outcome(done, counts['without_text'])}{published}"
    LOGGER.info("%s", said)
    publishing.publish_page(
        "index",
        f"**{said}**\n\n{_table(done)}",
        "What the index was made of",
        to_do=f"`paddock index evaluate --index {index.digest[:16]}` judges it, `paddock index "
        "search` asks it.",
    )
    return Completed(message=said[:400], data=done)


@flow(name="evaluate_index", flow_run_name=run_name)
def evaluate_index(parameters: EvaluateIndexParameters = JUDGED) -> State[JudgedIndex]:
    """Ask an index the questions of a set, and judge it by a policy's gates."""
    workshop = Workshop(read_settings())
    policy = load_policy(parameters.policy)
    chosen = load_retrieval_set(parameters.retrieval_set)
    index = chosen_index(workshop.outputs, parameters.index)
    require_servable(workshop, workshop.outputs.manifest(index).inputs["snapshot"])
    with serving_index(workshop, parameters.name, index) as champion, stage("judge the index"):
        built = index_scorecard_step(
            workshop.outputs,
            index,
            Encoder(),
            chosen,
            seed=parameters.seed,
            resamples=RESAMPLES,
            estimate=_estimate,
            difference=_difference,
            page=markdown,
            champion=champion,
            database=workshop.vectors,
        )
    folder = workshop.outputs.fetch(built.reference)
    scorecard = read_scorecard(folder / SCORECARD)
    verdict = judge(policy, scorecard)
    publishing.publish_scorecard(folder)
    publishing.publish_verdict(verdict)
    name = index_name(parameters.name)
    publishing.log_scorecard(workshop.registry, name, built.reference.digest, folder)
    if parameters.register_it:
        note_judging(workshop.store, index.digest, parameters)
        verdict = release_index(
            workshop, parameters.name, index, scorecard, built.reference.digest, parameters.policy
        ).verdict
    told = summary(index, scorecard, verdict)
    LOGGER.info("%s\n\nFiles  %s/%s", told, workshop.store.uri, built.reference.key)
    said = "passes" if verdict.passed else "is refused by"
    state = f"Index {index.digest[:16]} {said} policy {policy.name}."
    publishing.publish_page(
        "index-evaluation",
        f"**{state}**\n\n{verdict_markdown(verdict)}",
        "Whether the index finds the passages that answer",
        to_do="read which cases it missed: cases.jsonl, beside the scorecard.",
    )
    done = JudgedIndex(
        index=index.digest,
        scorecard=built.reference.key,
        passed=verdict.passed,
        reused=built.reused,
    )
    return Completed(message=state, data=done)


def publish_index(workshop: Workshop, digest: str, folder: Path) -> str:
    """Copy an index's vectors into the database that is set; return what came of it, if one is."""
    if workshop.vectors is None:
        return ""
    with stage("publish the vectors"):
        new = publish_step(workshop.vectors, digest, folder, workshop.store.uri)
    return f" Its vectors {'stand' if new else 'stood already'} in {workshop.vectors.shown}."


def outcome(done: Indexed, without_text: int) -> str:
    """Return what a build came to, as a sentence."""
    facts = done.facts
    new = "Nothing new, it stood there already. " if done.reused else ""
    less = f"; {without_text:,} documents hold no text" if without_text else ""
    before = facts.documents - done.encoded_documents
    made = "" if done.reused or not before else f" An earlier index had {before:,} of them."
    return (
        f"{new}Index {done.reference.digest[:16]} has {facts.chunks:,} chunks of "
        f"{facts.documents:,} documents{less}.{made}"
    )


def summary(index: Reference, scorecard: Scorecard, verdict: Verdict) -> str:
    """Return an evaluation as text: every figure with its interval, the notes and the verdict."""
    lines = [f"index      {index.digest[:16]}"]
    for name, used in scorecard.eval_sets.items():
        lines.append(f"asked      {name} {used.version} ({used.cases} cases)")
    lines.append("")
    for key, metric in scorecard.metrics.items():
        figure = metric.scores["candidate"]
        apart = metric.differences.get("candidate-champion")
        more = f", {apart.shown(metric.unit, signed=True)} over what serves" if apart else ""
        lines.append(f"  {key:38s} {figure.shown(metric.unit):24s} n = {figure.n}{more}")
    lines += ["", *scorecard.notes] if scorecard.notes else []
    lines += [
        "",
        *(f"{one.gate.id}: {one.verdict}: {one.reason}" for one in verdict.gates),
        "PASSED" if verdict.passed else "REFUSED",
    ]
    return "\n".join(lines)


def require_servable(workshop: Workshop, snapshot: str) -> None:
    """Raise where an index of a snapshot holds text of a person who is to be forgotten.

    ContractError if it does, InputError if nobody can tell since the snapshot is gone.
    """
    if forgotten_subjects(workshop.store):
        require_nobody_forgotten(workshop, chosen_snapshot(workshop, snapshot))


def _snapshot(workshop: Workshop, parameters: BuildIndexParameters) -> Reference:
    if not parameters.source:
        return chosen_snapshot(workshop, parameters.snapshot)
    if parameters.snapshot != NEWEST:
        raise InputError(
            "a source and a snapshot are given",
            step=STEP,
            where=f"source {parameters.source}, snapshot {parameters.snapshot}",
            remedy="leave one of them out",
        )
    asked = parameters.ingestion()
    if parameters.source in list_retrieval_sets():
        asked = asked.model_copy(update={"keep": (*asked.keep, *_public_terms())})
    return begin_ingestion(workshop, ingest_inputs(workshop, asked)).snapshot().reference


def _public_terms() -> Sequence[str]:
    """Return the names of the demo shop's products and partners: its guides are full of them."""
    from tasks.demo_desk.phrasing import public_terms

    return public_terms()


def _chunking(parameters: BuildIndexParameters) -> Chunking:
    try:
        return Chunking(tokens=parameters.chunk_tokens, overlap=parameters.overlap)
    except ValueError:
        raise InputError(
            f"an overlap of {parameters.overlap} tokens is more than a quarter of a chunk",
            step=STEP,
            where=f"chunk_tokens {parameters.chunk_tokens}",
            remedy=f"ask for {parameters.chunk_tokens // 4} or fewer",
        ) from None


def _estimate(scores: Sequence[float], seed: int, key: str) -> Estimate:
    return mean_estimate(scores, seed=seed, key=key)


def _difference(one: Sequence[float], other: Sequence[float], seed: int, key: str) -> Estimate:
    return mean_difference(one, other, seed=seed, key=key)


def _table(done: Indexed) -> str:
    facts = done.facts
    rows = {
        "snapshot": f"`{facts.snapshot[:16]}`",
        "encoder": f"`{facts.encoder[:16]}`, {facts.dimension} numbers a chunk",
        "tokens": f"{facts.tokens:,}, at most {facts.chunking.tokens} a chunk",
        "searched": f"a graph of {facts.nodes:,} vectors" if facts.nodes else "all vectors",
        "newest row": facts.newest or "not known: its contract names no column of time",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {text} |" for key, text in rows.items())])
