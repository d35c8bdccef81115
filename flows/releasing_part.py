"""Puts what is no model before gates and people, as a model is: one registry, one ledger.

An index of NAME is a candidate of the registered model `NAME-index`, a router one of `NAME-router`:
signed, compared with the one that serves, judged by a policy, decided on by people, promoted and
rolled back with the words that models have (`paddock promote --name NAME-index`).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows.showing import publishing
from flows.showing.progress import LOGGER, stage
from flows.workshop.parts import Workshop
from model_registry.candidates import candidate_of
from model_registry.dossier import Dossier
from model_registry.part_files import Part
from model_registry.scorecard import Scorecard
from model_registry.standing import read_champion
from tasks.release.steps import ask_step, judge_step, register_part_step
from tasks.storage.outputs import Reference


@dataclass(frozen=True)
class Made:
    """A part as a stage made it, with what its candidate says of it.

    `dataset` is the digest of what it was made from, `about` the lines that begin its card, `tags`
    what people read of it in MLflow; `more` are further digests that it names.
    """

    part: Part
    output: Reference
    encoder: str
    dataset: str
    about: tuple[str, ...]
    tags: Mapping[str, str]
    more: Mapping[str, str]


@contextmanager
def serving_part(
    workshop: Workshop, name: str, part: Part, besides: Reference | None = None
) -> Generator[tuple[str, Path] | None]:
    """Give the part that serves, verified, with its digest; None where none does, or `besides`."""
    champion = read_champion(workshop.registry, name, "evaluate")
    digest = candidate_of(champion).references.get("model", "") if champion else ""
    if champion is None or (besides and digest == besides.digest):
        yield None
        return
    with workshop.verified_files(champion) as files:
        yield digest, files / part.folder


def release_part(
    workshop: Workshop,
    name: str,
    made: Made,
    scorecard: Scorecard,
    scorecard_digest: str,
    policy: str,
) -> Dossier:
    """Register what was made as a candidate of `name`, judge it, and ask people if it passes."""
    outputs, registry, keys = workshop.outputs, workshop.registry, workshop.keys
    with stage(f"register {made.part.called}"):
        candidate = register_part_step(
            registry,
            keys,
            name,
            made.part,
            outputs.fetch(made.output),
            encoder=made.encoder,
            card=_card(name, made, scorecard),
            references={"model": made.output.digest, "dataset": made.dataset, **made.more},
            scratch=workshop.settings.home / "work" / "assembly",
            tags={publishing.SCORECARD_TAG: scorecard_digest, **made.tags},
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
            code_revision=outputs.manifest(made.output).code_revision,
            human_review=None,
            rated={},
            lost=None,
            asker=asker,
        )
        if dossier.verdict.passed and asker:
            ask_step(asker, name, dossier, keys)
    LOGGER.info(
        "registered as %s version %d; `paddock show --name %s` says who is asked",
        candidate.name,
        candidate.version,
        name,
    )
    return dossier


def _card(name: str, made: Made, scorecard: Scorecard) -> str:
    """Return what people read of it; its bytes follow from what was made and what it was asked."""
    lines = [
        f"# {name}",
        "",
        *made.about,
        "",
        f"All of it stands in `{made.part.folder}/{made.part.facts}`.",
        "",
        "## Evaluation (95% intervals)",
        f"| figure | this {made.part.folder} |",
        "|---|---|",
    ]
    for key, metric in sorted(scorecard.metrics.items()):
        lines.append(f"| {key} | {metric.scores['candidate'].shown(metric.unit)} |")
    return "\n".join([*lines, ""])
