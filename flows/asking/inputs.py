"""What a person gave for an ingestion, resolved: names have become things that exist.

Cheap: no source is read here and nothing heavy is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from data_contracts.contracts import DatasetContract
from data_contracts.errors import InputError
from data_contracts.kinds.chat import ChatRecord
from eval_sets.loading import evaluation_texts, list_eval_sets, load_eval_set
from eval_sets.types import EvalSet
from flows.asking.given import choose_eval_sets, chosen_contract, chosen_mapping
from flows.asking.log_source import PREFIX as LOG
from flows.asking.log_source import learn_from_log
from flows.asking.naming import DEMO_DOCUMENTS
from flows.asking.parameters import IngestParameters
from flows.workshop.parts import Workshop
from flows.workshop.redactors import RedactorRecipe, redaction_key
from tasks.ingestion.early_look import require_usable
from tasks.ingestion.fitting import Look
from tasks.ingestion.flags import build_flagger, flagger_identity
from tasks.ingestion.jobs import Job
from tasks.ingestion.limits import Limits
from tasks.ingestion.sources import Source, look, resolve
from tasks.ingestion.subjects import forgotten_subjects


class IngestInputs(BaseModel):
    """The parameters of an ingestion, resolved; `address` is where the source lies.

    `kept_out` are the eval sets whose texts may not be trained on; `notes` say how its rows were
    chosen, where they are a log's.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    address: str
    contract: DatasetContract
    mapping: dict[str, str]
    keep: tuple[str, ...]
    kept_out: tuple[EvalSet, ...]
    redactor: RedactorRecipe
    max_rows: int | None
    notes: tuple[str, ...] = ()


def ingest_inputs(workshop: Workshop, parameters: IngestParameters) -> IngestInputs:
    """Resolve every name a person gave; InputError names the first that leads nowhere."""
    contract = chosen_contract(parameters)
    mapping = chosen_mapping(parameters, contract)
    address, keep, notes = _address(workshop, parameters, contract)
    policies = {str(kind): policy for kind, policy in contract.redaction.items()}
    redactor = workshop.redactor(
        names=parameters.names,
        keep=keep,
        policies=policies,
        unread=contract.privacy.names,
        consistent=contract.consistent == "data set",
    )
    redactor.identity()  # stops if the names model is missing
    return IngestInputs(
        address=address,
        contract=contract,
        mapping=mapping,
        keep=keep,
        kept_out=tuple(kept_out_of_training(parameters.eval_sets)),
        redactor=redactor,
        max_rows=parameters.max_rows,
        notes=notes,
    )


def resolve_source(workshop: Workshop, inputs: IngestInputs) -> Source:
    """Read the source once, for its digests and shards."""
    source = resolve(inputs.address, _endpoint(workshop), _limits(workshop))
    return source.model_copy(update={"notes": (*source.notes, *inputs.notes)})


def ingest_job(workshop: Workshop, inputs: IngestInputs, noted: Path | None = None) -> Job:
    """Return the work to do on every shard."""
    subject = inputs.contract.privacy.subject
    return Job(
        outputs=workshop.outputs,
        contract=inputs.contract,
        mapping=inputs.mapping,
        evaluations={_known_as(entry): entry.digest for entry in inputs.kept_out},
        evaluation_texts=tuple(
            (entry.name, text) for entry in inputs.kept_out for text in evaluation_texts([entry])
        ),
        redaction=inputs.redactor.identity(),
        build_redactor=inputs.redactor,
        flagging=flagger_identity(),
        build_flagger=build_flagger,
        subject_key=redaction_key(workshop.settings) if subject else b"",
        forgotten=forgotten_subjects(workshop.store) if subject else frozenset(),
        limits=_limits(workshop),
        noted=noted,
    )


def look_at(inputs: IngestInputs, job: Job, source: Source, scratch: Path) -> Look:
    """Return how the first rows of a source fit; InputError if none of them does."""
    return require_usable(
        source,
        job.contract,
        job.mapping,
        job.limits,
        scratch,
        lambda text: job.build_redactor().redact_text(text),
        inputs.max_rows,
        inputs.redactor.unread_language,
    )


def _known_as(entry: EvalSet) -> str:
    """Return a name that a team's own changed copy of a set does not share with the set."""
    return f"{entry.name} {entry.digest[:8]}"


def kept_out_of_training(names: Sequence[str]) -> list[EvalSet]:
    """Return the eval sets whose texts may not be trained on: all that ship, and those named.

    Whether they are asked in this run or not: the next run may ask them.
    """
    named = choose_eval_sets(names) if names else []
    shipped = [load_eval_set(name) for name in list_eval_sets()]
    return list({entry.digest: entry for entry in (*shipped, *named)}.values())


def _address(
    workshop: Workshop, parameters: IngestParameters, contract: DatasetContract
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return where the source is, the public terms in it, and notes on how it was chosen.

    The demo's is written first, and so is a log's.
    """
    keep = tuple(sorted(set(parameters.keep)))
    if parameters.source.startswith(LOG):
        _require_chats(contract, "a log's", parameters.source)
        learned = learn_from_log(workshop, parameters.source)
        # Else its redaction would change words that the champion learned as they are.
        return str(learned.path), tuple(sorted({*keep, *learned.keep})), learned.notes
    if not parameters.is_demo:
        look(parameters.source, _endpoint(workshop))
        return parameters.source, keep, ()
    from tasks.demo_desk.conversations import write_conversations
    from tasks.demo_desk.phrasing import public_terms

    _require_chats(contract, "the demo's", f"source {parameters.source}")
    documents = parameters.source == DEMO_DOCUMENTS
    name = "documents.jsonl" if documents else "conversations.jsonl"
    path = workshop.settings.home / "demo" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_conversations(path, documents=documents)
    return str(path), tuple(sorted({*keep, *public_terms(documents=documents)})), ()


def _require_chats(contract: DatasetContract, whose: str, where: str) -> None:
    if contract.kind != ChatRecord.KIND:
        raise InputError(
            f"{whose} rows are conversations, not of kind {contract.kind}",
            step="ingest",
            where=where,
            remedy="leave --kind at chat, or give a --source of your own",
        )


def _endpoint(workshop: Workshop) -> str | None:
    return workshop.settings.s3_endpoint_url or None


def _limits(workshop: Workshop) -> Limits:
    return Limits(shard_bytes=workshop.settings.shard_bytes)
