"""Puts an index before gates and people, as a model is: one registry, one ledger, one approval.

An index of NAME is a candidate of the registered model `NAME-index`: signed, compared with the
index that serves, judged by a policy, decided on by people, promoted and rolled back with the words
that models have (`paddock promote --name NAME-index`).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from flows.showing import publishing
from flows.showing.progress import LOGGER, stage
from flows.workshop.parts import Workshop
from model_registry.candidates import candidate_of
from model_registry.dossier import Dossier
from model_registry.index_files import INDEX
from model_registry.scorecard import Scorecard
from model_registry.standing import read_champion
from tasks.release.steps import ask_step, judge_step, register_index_step
from tasks.retrieval.building import FACTS
from tasks.retrieval.index import read_facts
from tasks.storage.outputs import Reference

SUFFIX = "-index"


def index_name(name: str) -> str:
    """Return the registered model that a model's indexes are versions of."""
    return f"{name}{SUFFIX}"


@contextmanager
def serving_index(
    workshop: Workshop, name: str, besides: Reference | None = None
) -> Generator[tuple[str, Path] | None]:
    """Give the index that serves, verified, with its digest; None where none does, or `besides`."""
    champion = read_champion(workshop.registry, index_name(name), "evaluate")
    digest = candidate_of(champion).references.get("model", "") if champion else ""
    if champion is None or (besides and digest == besides.digest):
        yield None
        return
    with workshop.verified_files(champion) as files:
        yield digest, files / INDEX


def release_index(
    workshop: Workshop,
    name: str,
    index: Reference,
    scorecard: Scorecard,
    scorecard_digest: str,
    policy: str,
) -> Dossier:
    """Register an index, judge it, and ask people about it if it passes."""
    outputs, registry, keys = workshop.outputs, workshop.registry, workshop.keys
    folder = outputs.fetch(index)
    facts = read_facts(folder)
    with stage("register the index"):
        candidate = register_index_step(
            registry,
            keys,
            index_name(name),
            folder,
            encoder=facts.encoder,
            card=_card(name, folder, scorecard),
            references={"model": index.digest, "dataset": facts.snapshot},
            scratch=workshop.settings.home / "work" / "assembly",
            tags={
                publishing.SCORECARD_TAG: scorecard_digest,
                "data": f"{facts.chunks} chunks of {facts.documents} documents",
                "method": f"encoder {facts.encoder[:12]}, chunks of {facts.chunking.tokens} tokens",
            },
        )
    with stage("gates"):
        asker = workshop.registry_as("promoter")
        dossier = judge_step(
            registry,
            keys,
            candidate,
            scorecard,
            scorecard_digest,
            policy=policy,
            code_revision=outputs.manifest(index).code_revision,
            human_review=None,
            rated={},
            lost=None,
            asker=asker,
        )
        if dossier.verdict.passed and asker:
            ask_step(asker, index_name(name), dossier, keys)
    LOGGER.info(
        "registered as %s version %d; `paddock show --name %s` says who is asked",
        candidate.name,
        candidate.version,
        index_name(name),
    )
    return dossier


def _card(name: str, folder: Path, scorecard: Scorecard) -> str:
    """Return what people read of it; its bytes follow from the index and what it was asked."""
    facts = read_facts(folder)
    lines = [
        f"# {index_name(name)}",
        "",
        f"{facts.chunks} chunks of {facts.documents} documents, to be searched; made by Paddock.",
        "",
        f"Snapshot `{facts.snapshot}`, encoder `{facts.encoder}`, newest row "
        f"{facts.newest or 'not known'}; all of it stands in `{INDEX}/{FACTS}`.",
        "",
        "## Evaluation (95% intervals)",
        "| figure | this index |",
        "|---|---|",
    ]
    for key, metric in sorted(scorecard.metrics.items()):
        lines.append(f"| {key} | {metric.scores['candidate'].shown(metric.unit)} |")
    return "\n".join([*lines, ""])
