"""Puts an index before gates and people, and gives the one that serves; see releasing_part.py."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from flows.index_notes import index_name
from flows.releasing_part import Made, release_part, serving_part
from flows.workshop.parts import Workshop
from model_registry.dossier import Dossier
from model_registry.part_files import INDEX
from model_registry.scorecard import Scorecard
from tasks.retrieval.index import read_facts
from tasks.storage.outputs import Reference


def serving_index(
    workshop: Workshop, name: str, besides: Reference | None = None
) -> AbstractContextManager[tuple[str, Path] | None]:
    """Give the index that serves, verified, with its digest; None where none does, or `besides`."""
    return serving_part(workshop, index_name(name), INDEX, besides)


def release_index(
    workshop: Workshop,
    name: str,
    index: Reference,
    scorecard: Scorecard,
    scorecard_digest: str,
    policy: str,
) -> Dossier:
    """Register an index, judge it, and ask people about it if it passes."""
    facts = read_facts(workshop.outputs.fetch(index))
    made = Made(
        part=INDEX,
        output=index,
        encoder=facts.encoder,
        dataset=facts.snapshot,
        about=(
            f"{facts.chunks} chunks of {facts.documents} documents, to be searched; made by "
            "Paddock.",
            "",
            f"Snapshot `{facts.snapshot}`, encoder `{facts.encoder}`, newest row "
            f"{facts.newest or 'not known'}.",
        ),
        tags={
            "data": f"{facts.chunks} chunks of {facts.documents} documents",
            "method": f"encoder {facts.encoder[:12]}, chunks of {facts.chunking.tokens} tokens",
        },
        more={},
    )
    return release_part(workshop, index_name(name), made, scorecard, scorecard_digest, policy)
